# The targets of a run of compaction in Linux 6.12: free blocks of any order, cut only when one is handed out.
#
# The smallest that will do is taken, and of an order the one isolated first: the lowest PFN of a block comes first.
# One that is handed out stays where it is in the list, the first of its order, until it is known what becomes of it.
#
# Kernel: mm/compaction.c of 6.12: compaction_alloc, compaction_free.


cdef inline int32_t cut_target_612(zone_t *z, compact_control_t *cc, int order) noexcept nogil:
    """The first target of the order, cut off a larger one if there is none; or NO_PAGE.

    The pieces follow what they were cut off, since of the orders in between there is nothing.
    """
    cdef link_t *link = link_array(z)
    cdef uint32_t fitting = cc.targets.filled >> (TARGETS_612 + order)
    cdef int from_order
    cdef int32_t i, piece
    if fitting == 0:
        return NO_PAGE
    from_order = order + buddycap_ctz(fitting)
    i = start_of_part_612(link, &cc.targets, TARGETS_612 + from_order)
    if from_order == order:
        return i
    cut_part_612(&cc.targets, TARGETS_612 + from_order, i)
    while from_order > order:
        from_order -= 1
        piece = i + (1 << from_order)
        order_array(z)[piece] = PG_HELD_61 | from_order
        list_insert(link, piece, i, link[i].next)
        end_part_612(&cc.targets, TARGETS_612 + from_order, piece)
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


cdef inline void compaction_free_612(zone_t *z, compact_control_t *cc, int32_t i) noexcept nogil:
    """A target that was not used is the next one of its order: it has never left its place."""
    cdef int pages = 1 << (order_array(z)[i] & 0x0F)
    cc.nr_freepages += pages
    cc.nr_migratepages += pages


cdef inline void set_aside_612(zone_t *z, compact_control_t *cc, int32_t i) noexcept nogil:
    """A target that was handed out waits for its unit to move, behind those that do so already."""
    cdef link_t *link = link_array(z)
    cdef int part = TARGETS_612 + (order_array(z)[i] & 0x0F)
    cdef int32_t before = end_of_part_612(&cc.targets, TARGETS_ASIDE_612)
    cut_part_612(&cc.targets, part, i)
    if link[before].next != i:              # there are smaller ones
        list_del(link, i)
        list_insert(link, i, before, link[before].next)
    end_part_612(&cc.targets, TARGETS_ASIDE_612, i)


cdef void drop_aside_612(zone_t *z, compact_control_t *cc, int32_t i) noexcept nogil:
    """A target that was put aside is not used: it is the next one of its order."""
    cdef int part = TARGETS_612 + (order_array(z)[i] & 0x0F)
    leave_part_612(link_array(z), &cc.targets, TARGETS_ASIDE_612, i)
    lead_part_612(link_array(z), &cc.targets, part, i)
    compaction_free_612(z, cc, i)


cdef void drop_targets_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """The batch that was under way is given up, and its targets are not used."""
    if cc.target != NO_PAGE and cc.stage != STAGE_MOVE:
        compaction_free_612(z, cc, cc.target)
    while not is_part_empty_612(&cc.targets, TARGETS_ASIDE_612):
        drop_aside_612(z, cc, end_of_part_612(&cc.targets, TARGETS_ASIDE_612))
    cc.target = NO_PAGE
