# Pageblocks out of bounds for the allocator, and whole ranges of them (since Linux 6.1).
#
# An isolated pageblock has the type ISOLATE: its free blocks stand on lists that nobody takes from, and do not count.
# A range is isolated from both ends inward, because a block or an allocation may reach over its ends: a free block is
# cut there, a compound one makes it fail.
#
# Free pages may be miscounted afterwards, as in the kernel: a block of order 10 that is allocated as no compound page
# and freed while one half is isolated counts as its first half does.
#
# Kernel: mm/page_isolation.c of 6.1: set_migratetype_isolate, has_unmovable_pages, unset_migratetype_isolate,
# isolate_single_pageblock, start_isolate_page_range, undo_isolate_page_range, test_pages_isolated;
# mm/page_alloc.c: __putback_isolated_page, init_cma_reserved_pageblock.


cdef inline int page_exists_61(zone_t *z, int64_t i) noexcept nogil:
    """Whether the page map has the page, which may lie beside the zone."""
    return only_61(z).map_start <= z.base_pfn + i < only_61(z).map_end


cdef int32_t unmovable_page_61(zone_t *z, int32_t start, int32_t end) noexcept nogil:
    """The first page of [start, end) that can neither be free nor move away, or NO_PAGE.  Linux: has_unmovable_pages.
    """
    cdef uint32_t *flags = flags_array(z)
    cdef int32_t at = start
    cdef int32_t head
    cdef uint8_t state
    while at < end:
        head = block_head(z, at)
        state = order_array(z)[head]
        if (state & PG_STATE) == PG_RESERVED_61 or (state == PG_HOLE and z.first <= at < z.end):
            return at
        if z.zone_idx == ZONE_MOVABLE_61 or state == PG_HOLE:
            at += 1
        elif (state & PG_STATE) == PG_MARKED and flags[head] & PF_COMPOUND_61:
            if not flags[head] & PF_LRU:
                return at
            at = head + (1 << (state & 0x0F))
        elif (state & PG_STATE) == PG_FREE and at == head:
            at += 1 << state
        elif at == head and ((state & PG_STATE) == PG_USED or (state & PG_STATE) == PG_MARKED):
            if not flags[at] & PF_LRU:
                return at
            at += 1
        else:                   # no reference: inside a block, on a per-CPU list, taken
            at += 1
    return NO_PAGE


cdef int isolate_block_61(zone_t *z, int32_t block, int mt, int32_t start, int32_t end) noexcept nogil:
    """Isolate a pageblock whose pages in [start, end) can all move; 0 if that cannot be.

    A CMA pageblock is only asked about its pages if it is not CMA (mt) that wants it.  Linux: set_migratetype_isolate.
    """
    cdef zone_6_1_t *e = only_61(z)
    cdef int old_mt = block_type_61(z, block)
    if old_mt == iso_61(z):
        return 0
    if e.cma and old_mt == MT61_CMA:
        if mt != MT61_CMA:
            return 0
    elif unmovable_page_61(z, max(block, start), min(block + block_pages_61(z), end)) != NO_PAGE:
        return 0
    if not retype_block_61(z, block, iso_61(z)):
        return 0
    e.nr_isolated += 1
    note_isolated_61(z)
    return 1


cdef void unisolate_block_61(zone_t *z, int32_t block, int mt) noexcept nogil:
    """Give an isolated pageblock a type back.  Linux: unset_migratetype_isolate.

    If it is one free block that could have merged, it is freed anew.
    """
    cdef int32_t buddy = block ^ block_pages_61(z)
    if block_type_61(z, block) != iso_61(z):
        return
    if (order_array(z)[block] == (PG_FREE | z.pageblock_order)
            and order_array(z)[buddy] == (PG_FREE | z.pageblock_order)
            and block_type_61(z, buddy) != iso_61(z)):
        unlist_block_61(z, block, z.pageblock_order)
        set_block_type_61(z, block, mt)
        free_one_page_61(z, block, z.pageblock_order, mt, 1)
    else:
        retype_block_61(z, block, mt)
    only_61(z).nr_isolated -= 1


cdef int clear_edge_61(zone_t *z, int32_t edge) noexcept nogil:
    """No free block reaches over an edge of a range any more; 0 if a compound one does."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t at = max(edge & -(1 << ORDER_MAX_61), z.first)
    cdef int32_t head, after
    while at < edge:
        head = block_head(z, at)
        after = head + (1 << state_order_61(z, state[head]))
        if (state[head] & PG_STATE) == PG_FREE and head == at:
            if after > edge:
                cross_split_61(z, at, state[at], edge - at)
        elif after > edge and (state[head] & PG_STATE) == PG_MARKED and flags_array(z)[head] & PF_COMPOUND_61:
            return 0
        at = after
    return 1


cdef int isolate_edge_61(zone_t *z, int32_t edge, int side, int skip, int mt) noexcept nogil:
    """Isolate the pageblock on one side of an edge (unless that is done: skip) and clear the edge; 0 if it fails.

    Linux: isolate_single_pageblock.
    """
    cdef int32_t block = edge if side == EDGE_AFTER else edge - block_pages_61(z)
    if not skip and not isolate_block_61(z, block, mt, block, block + block_pages_61(z)):
        return 0
    if not page_exists_61(z, <int64_t> edge - (side == EDGE_AFTER)):
        return 1
    if clear_edge_61(z, edge):
        return 1
    if not skip:
        unisolate_block_61(z, block, mt)
    return 0


cdef void undo_isolate_range_61(zone_t *z, int32_t start, int32_t end, int mt) noexcept nogil:
    """Give the isolated pageblocks of [start, end) a type back, from low to high."""
    cdef int32_t block = start & -block_pages_61(z)
    while block < end:
        unisolate_block_61(z, block, mt)
        block += block_pages_61(z)


cdef int isolate_range_61(zone_t *z, int32_t start, int32_t end, int mt) noexcept nogil:
    """Isolate the pageblocks of [start, end), which lie in the zone; all, or none and 0."""
    cdef int32_t first = start & -block_pages_61(z)
    cdef int32_t last = ((end + block_pages_61(z) - 1) & -block_pages_61(z)) - block_pages_61(z)
    cdef int32_t block = first + block_pages_61(z)
    if not isolate_edge_61(z, first, EDGE_AFTER, 0, mt):
        return 0
    if not isolate_edge_61(z, last + block_pages_61(z), EDGE_BEFORE, first == last, mt):
        unisolate_block_61(z, first, mt)
        return 0
    while block < last:
        if not isolate_block_61(z, block, mt, start, end):
            undo_isolate_range_61(z, first, block, mt)
            unisolate_block_61(z, last, mt)
            return 0
        block += block_pages_61(z)
    return 1


cdef void set_type_by_hand_61(zone_t *z, int32_t i, int mt) noexcept nogil:
    """The pageblock of page i gets a type; free pages stay on their lists."""
    only_61(z).nr_isolated += (mt == iso_61(z)) - (block_type_61(z, i) == iso_61(z))
    note_retyped_61(z, i, mt)
    set_block_type_61(z, i, mt)


# --- single blocks ----------------------------------------------------------------------------------------------

cdef inline void put_free_block_61(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """Put such a block back.  Linux: __putback_isolated_page."""
    note_listed_61(z, i, order, mt)
    free_one_page_61(z, i, order, mt, 1)


cdef int alloc_at_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Allocate block (i, order), which lies in the zone: 1, or 0 if it is not all in one free block.

    Nobody takes from isolated pageblocks.  What is left is of the type of the pageblock.  Linux: take_page_off_buddy,
    for blocks of any order.
    """
    cdef int32_t head = free_block_around(z, i, order)
    cdef int mt
    if head == NO_PAGE:
        return 0
    mt = block_type_61(z, head)
    if mt == iso_61(z) or block_type_61(z, i) == iso_61(z):
        return 0
    account_61(z, -(<int64_t> 1 << order), mt)
    z.nr_free_pages += 1 << order       # which the next line takes off
    take_part(z, head, i, order, free_list_61(0, mt), TYPES_61)
    return 1


cdef void make_cma_61(zone_t *z, int32_t i) noexcept nogil:
    """A pageblock whose pages are all the caller's, without marks, becomes CMA and is freed."""
    set_block_type_61(z, i, MT61_CMA)
    memset(order_array(z) + i, PG_TAIL, block_pages_61(z))
    order_array(z)[i] = PG_USED | z.pageblock_order
    free_unref_61(z, i, z.pageblock_order)


cdef void init_cma_61(zone_t *z, int32_t i) noexcept nogil:
    """A whole reserved pageblock becomes CMA and is freed.  Linux: init_cma_reserved_pageblock."""
    make_cma_61(z, i)
    only_61(z).managed += block_pages_61(z)
