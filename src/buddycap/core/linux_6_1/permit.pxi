# Whether the marks of a zone of Linux 6.1 permit a request.
#
# Kernel: mm/page_alloc.c of 6.1: zone_watermark_fast, get_page_from_freelist.


cdef int watermark_fast_61(zone_t *z, int order, int classzone_idx, int flags, int atomic) noexcept nogil:
    """The test at the mark of the flags; an atomic request is urgent.  Linux: zone_watermark_fast."""
    cdef int64_t mark = zone_mark_61(z, flags & ALLOC61_WMARK) + only_61(z).boost
    return watermark_quick_61(z, order, mark, classzone_idx, flags, atomic)


cdef inline int32_t take_permitted_61(zone_t *z, int order, int mt, int flags, int classzone_idx,
                                      int atomic) noexcept nogil:
    """Allocate from the zone if its marks permit it; or NO_PAGE.  One turn of get_page_from_freelist."""
    if not flags & ALLOC61_NO_WATERMARKS and not watermark_fast_61(z, order, classzone_idx, flags, atomic):
        return NO_PAGE
    return rmqueue_zone_61(z, order, mt, flags)
