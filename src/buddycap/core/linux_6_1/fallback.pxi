# Blocks of another type, and those that are kept for high-order atomic requests (Linux 6.1).
#
# A fallback only moves blocks between lists; the request then looks again.  A whole pageblock is claimed where that
# pays: its free blocks move along, and it changes its type if with the pages that could have been of the new type
# anyway they are at least half of it.
#
# Kernel: mm/page_alloc.c of 6.1: __rmqueue_fallback, steal_suitable_fallback, move_freepages_block, __rmqueue,
# reserve_highatomic_pageblock, unreserve_highatomic_pageblock.


cdef int32_t move_freepages_block_61(zone_t *z, int32_t i, int mt, int32_t *movable) noexcept nogil:
    """Move the free blocks of the pageblock of page i to the tails of the lists of mt; how many pages.

    `movable`: pages with an LRU mark.  A block that reaches beyond the pageblock is moved and counted whole.  Nothing
    happens to a pageblock that leaves the zone's end.
    """
    cdef uint8_t *state = order_array(z)
    cdef int32_t at = i & -block_pages_61(z)
    cdef int32_t end = at + block_pages_61(z)
    cdef int32_t moved = 0
    cdef int32_t head, after
    movable[0] = 0
    if at < z.first:
        at = i
    if end > z.end:
        return 0
    while at < end:
        if (state[at] & PG_STATE) == PG_FREE:
            move_to_tail_61(z, at, state[at], mt)
            moved += 1 << state[at]
            at += 1 << state[at]
            continue
        head = block_head(z, at)
        after = min(head + (1 << state_order_61(z, state[head])), end)
        movable[0] += lru_pages_61(z, head, at, after)
        at = max(after, at + 1)
    return moved


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

cdef void reserve_highatomic_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Keep the pageblock of block (i, order) for such requests: up to 1 % of the zone, and one more."""
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


cdef inline void free_blocks_61(zone_t *z, int32_t i, int order, int tail) noexcept nogil:
    """Give a block back as one of its first pageblock's type."""
    free_one_page_61(z, i, order, block_type_61(z, i), tail)
