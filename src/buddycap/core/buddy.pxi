# The buddy core: give a block back, take a block, split, fall back to another migratetype.
#
# A block is named by its first page.  Invariants kept here (numbers as in check.pxi): every free block is on the
# list of its order [I5], NR_FREE_PAGES counts exactly the listed pages [I6], no two buddies of one order are both
# free or captured [I7].
#
# Kernel: mm/page_alloc.c of 2.6.27: __free_one_page, expand, __rmqueue_smallest, __rmqueue_fallback,
# move_freepages, move_freepages_block, __rmqueue.  The lists are LIFO: 2.6.27 has no tail rule.
#
# Deviation from the capture series: move_freepages steps over captured blocks.  As posted (v3) it took them for
# free ones and put them on a free list without counting them (semantics: 6.12 D1).


cdef void free_one_page(zone_t *z, int32_t i, int order) noexcept nogil:
    """Give block (i, order) back and merge it upward.  Linux: __free_one_page with patch 4/4 of the series.

    The list is chosen by the pageblock of the page as passed, before any merging.  A block that meets a captured
    buddy follows it to its capture list, with everything it has merged on the way.
    """
    cdef uint8_t *state = order_array(z)
    cdef link_t *link = link_array(z)
    cdef int mt = get_pageblock_migratetype(z, i)
    cdef int first_order = order
    cdef int max_page_order = z.max_page_order
    cdef int32_t buddy

    z.nr_free_pages += 1 << order
    state[i] = PG_TAIL
    while order < max_page_order:
        buddy = i ^ (1 << order)
        if (state[buddy] & ~PG_CAPTURED) != order:
            break
        if state[buddy] & PG_CAPTURED:
            z.nr_free_pages -= 1 << order
            z.vm[VM_BUDDY_MERGE] += order - first_order
            capture_foreign(z, i, order, first_order)
            return
        list_del(link, buddy)
        z.nr_free[order] -= 1
        state[buddy] = PG_TAIL
        i &= ~(1 << order)
        order += 1
    z.vm[VM_BUDDY_MERGE] += order - first_order
    state[i] = PG_FREE | order
    list_add(link, free_list(order, mt), i)
    z.nr_free[order] += 1


cdef inline void free_pages_ok(zone_t *z, int32_t i, int order) noexcept nogil:
    """Free a block the ordinary way: counters, reclaim's marks, merge.  Linux: __free_pages_ok, free_one_page."""
    free_pages_prepare(z, i)
    z.vm[VM_PGFREE] += 1 << order
    z.all_unreclaimable = 0
    z.pages_scanned = 0
    free_one_page(z, i, order)


cdef inline void expand(zone_t *z, int32_t i, int low, int high, int mt) noexcept nogil:
    """Keep the lowest 2^low pages of block (i, high), in limbo; list the rest, largest and topmost piece first."""
    cdef uint8_t *state = order_array(z)
    cdef link_t *link = link_array(z)
    cdef int32_t piece
    z.vm[VM_BUDDY_SPLIT] += high - low
    while high > low:
        high -= 1
        piece = i + (1 << high)
        list_add(link, free_list(high, mt), piece)
        z.nr_free[high] += 1
        state[piece] = PG_FREE | high


cdef inline void take_free_block(zone_t *z, int32_t i, int order, int from_order, int mt) noexcept nogil:
    """Unlink free block (i, from_order) and cut it to an allocated one of `order`; what is left is listed as mt."""
    list_del(link_array(z), i)
    z.nr_free[from_order] -= 1
    z.nr_free_pages -= 1 << order
    expand(z, i, order, from_order, mt)
    order_array(z)[i] = PG_USED | order


cdef inline int32_t rmqueue_smallest(zone_t *z, int order, int mt) noexcept nogil:
    """Take the head of the first non-empty list of type mt at or above `order`.  Linux: __rmqueue_smallest."""
    cdef link_t *link = link_array(z)
    cdef int max_page_order = z.max_page_order
    cdef int from_order
    cdef int32_t i, head
    for from_order in range(order, max_page_order + 1):
        head = free_list(from_order, mt)
        i = link[head].next
        if i != head:
            take_free_block(z, i, order, from_order, mt)
            return i
    return NO_PAGE


cdef int32_t move_freepages(zone_t *z, int32_t start, int32_t last, int mt) noexcept nogil:
    """Move the free blocks that start in [start, last] to the heads of the lists of mt; pages moved.

    A block is moved and counted whole, even where it reaches beyond `last`.
    """
    cdef uint8_t *state = order_array(z)
    cdef link_t *link = link_array(z)
    cdef int32_t i = start
    cdef int32_t moved = 0
    while i <= last:
        if (state[i] & PG_STATE) != PG_FREE:
            i += 1
            continue
        list_del(link, i)
        list_add(link, free_list(state[i], mt), i)
        moved += 1 << state[i]
        i += 1 << state[i]
    return moved


cdef int32_t move_freepages_block(zone_t *z, int32_t i, int mt) noexcept nogil:
    """Move the free pages of the aligned pageblock around page i to type mt; 0 if it leaves the zone's end."""
    cdef int32_t pages = 1 << z.pageblock_order
    cdef int32_t start = i & ~(pages - 1)
    cdef int32_t last = start + pages - 1
    if start < z.first:
        start = i
    if last >= z.end:
        return 0
    return move_freepages(z, start, last, mt)


cdef inline int fallback_type(int start_mt, int nth) noexcept nogil:
    """The first or second migratetype to steal from.  RESERVE comes last and is handled by the caller."""
    if nth == 0:
        return MT_UNMOVABLE if start_mt == MT_RECLAIMABLE else MT_RECLAIMABLE
    return MT_UNMOVABLE if start_mt == MT_MOVABLE else MT_MOVABLE


cdef int32_t steal_block(zone_t *z, int32_t i, int order, int from_order, int start_mt, int mt) noexcept nogil:
    """Take the foreign free block (i, from_order) of type mt for a request of start_mt, claiming what pays."""
    if from_order >= (z.pageblock_order >> 1) or start_mt == MT_RECLAIMABLE:
        if move_freepages_block(z, i, start_mt) >= (1 << z.pageblock_order) >> 1:
            set_pageblock_migratetype(z, i, start_mt)
        mt = start_mt           # also when the move was refused
    if from_order == z.pageblock_order:
        set_pageblock_migratetype(z, i, start_mt)
    take_free_block(z, i, order, from_order, mt)
    return i


cdef int32_t rmqueue_fallback(zone_t *z, int order, int start_mt) noexcept nogil:
    """Take from another type, the largest block first; in the end from the reserve.  Linux: __rmqueue_fallback."""
    cdef link_t *link = link_array(z)
    cdef int from_order, nth, mt
    cdef int32_t i
    for from_order in range(z.max_page_order, order - 1, -1):
        if z.nr_free[from_order] == 0:
            continue
        for nth in range(2):
            mt = fallback_type(start_mt, nth)
            i = link[free_list(from_order, mt)].next
            if i != free_list(from_order, mt):
                return steal_block(z, i, order, from_order, start_mt, mt)
    return rmqueue_smallest(z, order, MT_RESERVE)


cdef int32_t rmqueue(zone_t *z, int order, int mt) noexcept nogil:
    """Index of an allocated block of `order` for a request of type mt, or NO_PAGE.  Linux: __rmqueue."""
    cdef int32_t i = rmqueue_smallest(z, order, mt)
    if i == NO_PAGE:
        i = rmqueue_fallback(z, order, mt)
    return i


cdef inline int request_type(zone_t *z, int mt) noexcept nogil:
    """Without grouping by mobility every request is UNMOVABLE.  Linux: allocflags_to_migratetype."""
    return mt if z.grouping else MT_UNMOVABLE


cdef inline int32_t rmqueue_zone(zone_t *z, int order, int mt) noexcept nogil:
    """Allocate straight from the zone's lists.  Linux: buffered_rmqueue for order > 0."""
    cdef int32_t i = rmqueue(z, order, request_type(z, mt))
    if i != NO_PAGE:
        z.vm[VM_PGALLOC] += 1 << order
    return i
