# Whether the marks of a zone of Linux 6.12 permit a request.
#
# Who passes the high mark needs no other test; who misses it notes that, and per-CPU lists grow no more.
#
# Kernel: mm/page_alloc.c of 6.12: zone_watermark_fast, get_page_from_freelist.


cdef inline int watermark_at_612(zone_t *z, int order, int64_t mark, int classzone_idx, int flags) noexcept nogil:
    """The test at a mark; who may use the min reserve is urgent."""
    return watermark_quick_612(z, order, mark + only_61(z).boost, classzone_idx, flags, flags & ALLOC61_MIN_RESERVE)


cdef int watermark_fast_612(zone_t *z, int order, int classzone_idx, int flags, int atomic) noexcept nogil:
    """The test at the mark of the flags; that the request is atomic has no effect any more."""
    return watermark_at_612(z, order, zone_mark_61(z, flags & ALLOC61_WMARK), classzone_idx, flags)


cdef inline int32_t take_permitted_612(zone_t *z, int order, int mt, int flags, int classzone_idx,
                                       int atomic) noexcept nogil:
    """Allocate from the zone if its marks permit it; or NO_PAGE.  One turn of get_page_from_freelist."""
    cdef own_6_12_t *own = own_612(z)
    if not own.below_high:
        if watermark_at_612(z, order, z.pages_high, classzone_idx, flags):
            return rmqueue_zone_612(z, order, mt, flags)
        own.below_high = 1
    if not flags & ALLOC61_NO_WATERMARKS and not watermark_fast_612(z, order, classzone_idx, flags, atomic):
        return NO_PAGE
    return rmqueue_zone_612(z, order, mt, flags)
