# Blocks of another type, and those that are kept for high-order atomic requests (Linux 6.1).
#
# A fallback only moves blocks between lists; the request then looks again.  A whole pageblock is claimed where that
# pays: its free blocks move along, and it changes its type if with the pages that could have been of the new type
# anyway they are at least half of it.
#
# Kernel: mm/page_alloc.c of 6.1: __rmqueue_fallback, find_suitable_fallback, steal_suitable_fallback, boost_watermark,
# reserve_highatomic_pageblock, unreserve_highatomic_pageblock, __rmqueue, __rmqueue_cma_fallback.


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


cdef void claim_pageblock_61(zone_t *z, int32_t i, int order, int start_mt, int old_mt) noexcept nogil:
    """Move the free blocks of the pageblock of free block (i, order), and its type if that pays."""
    cdef int32_t movable = 0
    cdef int32_t alike = 0
    cdef int32_t moved = move_freepages_block_61(z, i, start_mt, &movable)
    if start_mt == MT61_MOVABLE:
        alike = movable
    elif old_mt == MT61_MOVABLE:
        alike = block_pages_61(z) - moved - movable
    if moved == 0:
        move_to_tail_61(z, i, order, start_mt)
    elif moved + alike >= block_pages_61(z) // 2 or not z.grouping:
        set_block_type_61(z, i, start_mt)


cdef void steal_61(zone_t *z, int32_t i, int order, int start_mt, int flags, int whole) noexcept nogil:
    """Free block (i, order) of another type goes to the lists of start_mt.  Linux: steal_suitable_fallback."""
    cdef int old_mt = block_type_61(z, i)
    cdef int32_t k
    if old_mt == MT61_HIGHATOMIC:
        move_to_tail_61(z, i, order, start_mt)
    elif order >= z.pageblock_order:
        for k in range(1 << (order - z.pageblock_order)):
            set_block_type_61(z, i + k * block_pages_61(z), start_mt)
        move_to_tail_61(z, i, order, start_mt)
    else:
        if boost_watermark_61(z) and flags & ALLOC61_KSWAPD:
            only_61(z).boosted = 1
        if whole:
            claim_pageblock_61(z, i, order, start_mt, old_mt)
        else:
            move_to_tail_61(z, i, order, start_mt)


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


cdef int rmqueue_fallback_61(zone_t *z, int order, int mt, int flags) noexcept nogil:
    """Make free blocks of another type those of mt; 0 if there are none.  Linux: __rmqueue_fallback.

    The largest block first.  A movable request that may not claim the pageblock of the one it finds takes the
    smallest instead.
    """
    cdef int low = z.pageblock_order if order < z.pageblock_order and flags & ALLOC61_NOFRAGMENT else order
    cdef int from_order = ORDER_MAX_61
    cdef int from_mt = MT61_NONE
    cdef int32_t i
    while from_order >= low:
        from_mt = fallback_type_61(z, from_order, mt)
        if from_mt != MT61_NONE:
            break
        from_order -= 1
    if from_mt == MT61_NONE:
        return 0
    if from_order > order and not may_claim_61(z, from_order, mt):
        from_order = order
        from_mt = fallback_type_61(z, from_order, mt)
        while from_mt == MT61_NONE:
            from_order += 1
            from_mt = fallback_type_61(z, from_order, mt)
    i = link_array(z)[free_list_61(from_order, from_mt)].next
    steal_61(z, i, from_order, mt, flags, may_claim_61(z, from_order, mt))
    tell_fallback_61(z, i, order, from_order, mt, from_mt)
    return 1


cdef inline int more_than_half_is_cma_61(zone_t *z) noexcept nogil:
    return max(only_61(z).nr_free_cma, <int64_t> 0) > max(z.nr_free_pages, <int64_t> 0) // 2


cdef inline int32_t rmqueue_61(zone_t *z, int order, int mt, int flags, int *tag) noexcept nogil:
    """A block of `order` for a request of type mt, or NO_PAGE; `tag` is the type of the list that it came from.

    Nothing is counted.  Linux: __rmqueue.
    """
    cdef int32_t i = NO_PAGE
    cdef int cma = only_61(z).cma and flags & ALLOC61_CMA
    tag[0] = MT61_CMA
    if cma and more_than_half_is_cma_61(z):
        i = smallest_61(z, order, MT61_CMA)
    while i == NO_PAGE:
        tag[0] = mt
        i = smallest_61(z, order, mt)
        if i == NO_PAGE and cma:
            tag[0] = MT61_CMA
            i = smallest_61(z, order, MT61_CMA)
        if i == NO_PAGE and not rmqueue_fallback_61(z, order, mt, flags):
            return NO_PAGE
    return i


cdef int32_t rmqueue_buddy_61(zone_t *z, int order, int mt, int flags) noexcept nogil:
    """Allocate from the free lists alone, or NO_PAGE.  Linux: rmqueue_buddy."""
    cdef int tag = MT61_HIGHATOMIC
    cdef int32_t i = NO_PAGE
    if flags & ALLOC61_HIGHATOMIC:
        i = smallest_61(z, order, MT61_HIGHATOMIC)
    if i == NO_PAGE:
        i = rmqueue_61(z, order, mt, flags, &tag)
    if i == NO_PAGE and flags & (ALLOC61_OOM | ALLOC61_NON_BLOCK):
        tag = MT61_HIGHATOMIC
        i = smallest_61(z, order, MT61_HIGHATOMIC)
    if i != NO_PAGE:
        account_61(z, -(<int64_t> 1 << order), tag)
        z.vm[VM_PGALLOC] += 1 << order
    return i


# --- pageblocks for high-order atomic requests ------------------------------------------------------------------

cdef void reserve_highatomic_61(zone_t *z, int32_t i) noexcept nogil:
    """Keep the pageblock of page i for such requests: up to 1 % of the zone, and one more."""
    cdef zone_6_1_t *e = only_61(z)
    cdef int32_t movable
    if e.reserved_highatomic >= e.managed // 100 + block_pages_61(z) or block_type_61(z, i) >= ORDINARY_61:
        return
    e.reserved_highatomic += block_pages_61(z)
    set_block_type_61(z, i, MT61_HIGHATOMIC)
    move_freepages_block_61(z, i, MT61_HIGHATOMIC, &movable)


cdef int unreserve_highatomic_61(zone_t *z, int mt, int force) noexcept nogil:
    """Give one such pageblock with free pages to type mt: 1 if some moved.  Linux: unreserve_highatomic_pageblock.

    Unless forced, the last pageblock stays.
    """
    cdef zone_6_1_t *e = only_61(z)
    cdef int32_t head, i, movable
    cdef int order
    if not force and e.reserved_highatomic <= block_pages_61(z):
        return 0
    for order in range(ORDER_MAX_61 + 1):
        head = free_list_61(order, MT61_HIGHATOMIC)
        i = link_array(z)[head].next
        if i == head:
            continue
        if block_type_61(z, i) == MT61_HIGHATOMIC:
            e.reserved_highatomic -= min(<int64_t> block_pages_61(z), e.reserved_highatomic)
        set_block_type_61(z, i, mt)
        if move_freepages_block_61(z, i, mt, &movable) > 0:
            return 1
    return 0
