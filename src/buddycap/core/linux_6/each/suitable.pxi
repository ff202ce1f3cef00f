# Whether compaction is worth while: a few more free pages than the block needs, and pages that are scattered.
#
# Kernel: mm/compaction.c of 6.1: compaction_suitable, __compaction_suitable.


cdef int has_room_61(zone_t *z, int order, int highest_zoneidx, int64_t free) noexcept nogil:
    """Whether there would be enough pages to work with if `free` were free."""
    cdef int64_t gap = boosted_mark_61(z, 1 if order > COSTLY_ORDER_61 else 0)
    return watermark_with_61(z, 0, gap + (<int64_t> 2 << order), highest_zoneidx, ALLOC61_CMA, free)


cdef int is_promising_61(zone_t *z, int order, int highest_zoneidx) noexcept nogil:
    """Whether there are enough, and what lacks for a costly order is no memory but memory in one piece."""
    if not has_room_61(z, order, highest_zoneidx, z.nr_free_pages):
        return 0
    return order <= COSTLY_ORDER_61 or not 0 <= fragmentation_index_61(z, order) <= EXTFRAG_THRESHOLD_61


cdef int compaction_suitable_61(zone_t *z, int order, int flags, int highest_zoneidx) noexcept nogil:
    """COMPACT_SUCCESS: there is a block; COMPACT_CONTINUE: it is worth while; else COMPACT_SKIPPED."""
    if order == -1:
        return COMPACT_CONTINUE
    if watermark_ok_61(z, order, boosted_mark_61(z, flags & ALLOC61_WMARK), highest_zoneidx, flags):
        return COMPACT_SUCCESS
    return COMPACT_CONTINUE if is_promising_61(z, order, highest_zoneidx) else COMPACT_SKIPPED
