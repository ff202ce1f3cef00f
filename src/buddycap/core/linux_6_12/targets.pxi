# The targets of a run of compaction in Linux 6.12: free blocks of any order, cut only when one is handed out.
#
# The smallest that will do is taken, and of an order the one isolated first: the lowest PFN of a block comes first.
#
# Kernel: mm/compaction.c of 6.12: compaction_alloc, compaction_free.


cdef int32_t cut_target_612(zone_t *z, compact_control_t *cc, int order) noexcept nogil:
    """Take a target of the order, cut off a larger one if need be; or NO_PAGE."""
    cdef int from_order = order
    cdef int32_t i
    while from_order <= ORDER_MAX_61 and cc.target_last[from_order] == NO_PAGE:
        from_order += 1
    if from_order > ORDER_MAX_61:
        return NO_PAGE
    i = link_array(z)[targets_end_612(z, cc, from_order - 1)].next
    unlist_target_612(z, cc, i, from_order)
    while from_order > order:
        from_order -= 1
        order_array(z)[i + (1 << from_order)] = PG_HELD_61 | from_order
        list_target_612(z, cc, i + (1 << from_order), from_order, 0)
    order_array(z)[i] = PG_HELD_61 | order
    return i


cdef int32_t compaction_alloc_612(zone_t *z, compact_control_t *cc, int order) noexcept nogil:
    """A free block to move to, or NO_PAGE.  What still wants a target is less by it."""
    cdef int32_t i = cut_target_612(z, cc, order)
    if i == NO_PAGE:
        isolate_freepages_612(z, cc)
        i = cut_target_612(z, cc, order)
    if i != NO_PAGE:
        cc.nr_freepages -= 1 << order
        cc.nr_migratepages -= 1 << order
    return i


cdef void compaction_free_612(zone_t *z, compact_control_t *cc, int32_t i) noexcept nogil:
    """A target that was not used is the next one of its order."""
    cdef int order = order_array(z)[i] & 0x0F
    list_target_612(z, cc, i, order, 0)
    cc.nr_freepages += 1 << order
    cc.nr_migratepages += 1 << order


cdef void drop_aside_612(zone_t *z, compact_control_t *cc, int32_t i) noexcept nogil:
    """A target that was put aside is not used."""
    unlist_target_612(z, cc, i, TARGETS_ASIDE_612)
    compaction_free_612(z, cc, i)


cdef void drop_targets_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """The batch that was under way is given up, and its targets are not used."""
    if cc.target != NO_PAGE and cc.stage != STAGE_MOVE:
        compaction_free_612(z, cc, cc.target)
    while cc.target_last[TARGETS_ASIDE_612] != NO_PAGE:
        drop_aside_612(z, cc, cc.target_last[TARGETS_ASIDE_612])
    cc.target = NO_PAGE
