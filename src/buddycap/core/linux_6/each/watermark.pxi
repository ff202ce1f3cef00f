# How much of a zone a request may take (since Linux 6.1).
#
# The boost stands beside the marks and is added where they are used.  Below an order of its own a request needs one
# free block that is large enough, of a type that it can get; the orders below it are not asked.
#
# Kernel: mm/page_alloc.c of 6.1: __zone_watermark_ok, zone_watermark_fast.


cdef void set_marks_61(zone_t *z, const node_marks_61_t *node) noexcept nogil:
    """Take over the marks of the zone's node; the boost ends, and the per-CPU lists get new sizes."""
    cdef zone_6_1_t *e = only_61(z)
    z.min_free_kbytes = node.min_free_kbytes
    e.scale = node.scale
    z.pages_min = node.mark[z.zone_idx][0]
    z.pages_low = node.mark[z.zone_idx][1]
    z.pages_high = node.mark[z.zone_idx][2]
    e.pages_promo = node.mark[z.zone_idx][3]
    e.boost = 0
    set_pcp_sizes_61(z)


cdef inline int64_t unusable_61(zone_t *z, int order, int flags) noexcept nogil:
    """Free pages that a request cannot have.  Linux: __zone_watermark_unusable_free."""
    cdef zone_6_1_t *e = only_61(z)
    cdef int64_t pages = (<int64_t> 1 << order) - 1
    if not flags & (ALLOC61_OOM | ALLOC61_NON_BLOCK | ALLOC61_MIN_RESERVE | ALLOC61_HIGHATOMIC):
        pages += highatomic_pages_61(z)
    if e.cma and not flags & ALLOC61_CMA:
        pages += max(e.nr_free_cma, <int64_t> 0)
    return pages


cdef int watermark_with_61(zone_t *z, int order, int64_t mark, int classzone_idx, int flags,
                           int64_t free) noexcept nogil:
    """Whether a request leaves `free` pages above `mark` and finds a block.  Linux: __zone_watermark_ok."""
    cdef int64_t pages = max(free, <int64_t> 0) - unusable_61(z, order, flags)
    cdef int from_order
    if flags & ALLOC61_MIN_RESERVE:
        mark -= mark // 2
        if flags & ALLOC61_NON_BLOCK:
            mark -= mark // 4
    if flags & ALLOC61_OOM:
        mark -= mark // 2
    if pages <= mark + only_61(z).lowmem_reserve[classzone_idx]:
        return 0
    if order == 0:
        return 1
    for from_order in range(order, ORDER_MAX_61 + 1):
        if has_block_61(z, from_order, flags):
            return 1
    return 0


cdef int watermark_ok_61(zone_t *z, int order, int64_t mark, int classzone_idx, int flags) noexcept nogil:
    """watermark_with_61 for the pages that are free.  Linux: zone_watermark_ok."""
    return watermark_with_61(z, order, mark, classzone_idx, flags, z.nr_free_pages)


cdef int watermark_quick_61(zone_t *z, int order, int64_t mark, int classzone_idx, int flags,
                            int urgent) noexcept nogil:
    """The test of the fast path: who is urgent may ignore the boost at the min mark, for one page."""
    cdef zone_6_1_t *e = only_61(z)
    cdef int64_t pages = max(z.nr_free_pages, <int64_t> 0)
    if order == 0 and pages - min(pages, unusable_61(z, 0, flags)) > mark + e.lowmem_reserve[classzone_idx]:
        return 1
    if watermark_ok_61(z, order, mark, classzone_idx, flags):
        return 1
    return (order == 0 and urgent and e.boost > 0 and flags & ALLOC61_WMARK == 0
            and watermark_ok_61(z, order, z.pages_min, classzone_idx, flags))
