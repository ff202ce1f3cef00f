# Whose blocks help out, and when a pageblock may be claimed for another type: equal in Linux 6.1 and 6.12.
#
# Kernel: mm/page_alloc.c of 6.1: find_suitable_fallback, can_steal_fallback, boost_watermark, __rmqueue_cma_fallback.


cdef inline void move_to_tail_61(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """A free block changes lists.  Linux: move_to_free_list."""
    list_del(link_array(z), i)
    list_add_tail(link_array(z), free_list_61(order, mt), i)


cdef inline int fallback_type_61(zone_t *z, int order, int start_mt) noexcept nogil:
    """The first type to take from that has a free block of the order; MT61_NONE if none has."""
    cdef link_t *link = link_array(z)
    cdef int first = MT61_UNMOVABLE if start_mt == MT61_RECLAIMABLE else MT61_RECLAIMABLE
    cdef int second = MT61_UNMOVABLE if start_mt == MT61_MOVABLE else MT61_MOVABLE
    if start_mt >= ORDINARY_61 or z.nr_free[order] == 0:
        return MT61_NONE
    if not list_empty(link, free_list_61(order, first)):
        return first
    return MT61_NONE if list_empty(link, free_list_61(order, second)) else second


cdef inline int may_claim_61(zone_t *z, int order, int start_mt) noexcept nogil:
    """Whether a fallback to a block of the order may claim its pageblock.  Linux: can_steal_fallback."""
    return order >= z.pageblock_order // 2 or start_mt != MT61_MOVABLE or not z.grouping


cdef int boost_watermark_61(zone_t *z) noexcept nogil:
    """Raise the watermarks after a fallback that mixes types in a pageblock.  Linux: boost_watermark."""
    cdef zone_6_1_t *e = only_61(z)
    cdef int64_t factor = e.boost_factor
    cdef int64_t most
    if factor == 0 or e.managed < 4 * block_pages_61(z):
        return 0
    most = (z.pages_high // 10000) * factor + ((z.pages_high % 10000) * factor) // 10000
    if most == 0:
        return 0
    e.boost = min(e.boost + block_pages_61(z), max(<int64_t> block_pages_61(z), most))
    return 1


cdef inline int more_than_half_is_cma_61(zone_t *z) noexcept nogil:
    return max(only_61(z).nr_free_cma, <int64_t> 0) > max(z.nr_free_pages, <int64_t> 0) // 2


cdef void tell_fallback_61(zone_t *z, int32_t i, int order, int from_order, int mt, int from_mt) noexcept nogil:
    """The event; it tells whether the pageblock has now the type that was asked for."""
    cdef tape_6_1_t *tape = tape_61(z)[0]
    cdef int64_t k
    tell_61(z, EV61_FALLBACK, i, order, mt, block_type_61(z, i) == mt)
    if tape != NULL:
        k = tape.count - 1
        if 0 <= k < tape.room:
            tape.record[k].from_order = from_order
            tape.record[k].from_type = from_mt
