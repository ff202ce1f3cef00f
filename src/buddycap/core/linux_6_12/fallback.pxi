# Blocks of another type, and those that are kept for high-order atomic requests (Linux 6.12).
#
# Against 6.1: a free block always lies on the list of its pageblock's type.  So a pageblock is claimed whole, its free
# blocks with it, or not at all: then one block is stolen, the smallest that will do, and what is left of it stays with
# its type.  A refill goes on where its last block was found.
#
# Kernel: mm/page_alloc.c of 6.12: __rmqueue, __rmqueue_claim, try_to_claim_block, __rmqueue_steal, split_large_buddy,
# move_freepages_block, reserve_highatomic_pageblock, unreserve_highatomic_pageblock.

cdef enum:                      # how far down a refill has come
    TAKE_NORMAL_612 = 0
    TAKE_CMA_612
    TAKE_CLAIM_612
    TAKE_STEAL_612


cdef void free_pageblocks_612(zone_t *z, int32_t i, int order, int tail) noexcept nogil:
    """Give a block of several pageblocks back, each as one of its own type.  Linux: split_large_buddy."""
    cdef int32_t end = i + (1 << order)
    while i < end:
        free_one_page_612(z, i, z.pageblock_order, block_type_61(z, i), tail)
        i += block_pages_61(z)


cdef inline void free_blocks_612(zone_t *z, int32_t i, int order, int tail) noexcept nogil:
    """Give a block back, as one of its pageblock's type unless it has several."""
    if order <= z.pageblock_order:
        free_one_page_612(z, i, order, block_type_61(z, i), tail)
    else:
        free_pageblocks_612(z, i, order, tail)


cdef inline int is_inside_612(zone_t *z, int32_t i) noexcept nogil:
    """Whether the whole pageblock of page i lies in the zone's span.  Linux: prep_move_freepages_block."""
    cdef int32_t block = i & -block_pages_61(z)
    return z.first <= block and block + block_pages_61(z) <= z.end


cdef inline void move_to_list_612(zone_t *z, int32_t i, int order, int old_mt, int mt) noexcept nogil:
    """A free block changes lists, and is counted.  Linux: move_to_free_list."""
    move_to_tail_61(z, i, order, mt)
    account_free_612(z, -(<int64_t> 1 << order), old_mt)
    account_free_612(z, 1 << order, mt)


cdef inline void set_block_types_612(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """All pageblocks of a block get a type.  Linux: change_pageblock_range."""
    cdef int32_t k
    for k in range(1 << (order - z.pageblock_order)):
        set_block_type_61(z, i + k * block_pages_61(z), mt)


cdef int32_t move_freepages_block_612(zone_t *z, int32_t i, int old_mt, int mt) noexcept nogil:
    """Move the free blocks of the pageblock of page i, and give it the type; pages moved, or -1 at the zone's ends."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t at = i & -block_pages_61(z)
    cdef int32_t end = at + block_pages_61(z)
    cdef int32_t moved = 0
    cdef int order
    if not is_inside_612(z, i):
        return -1
    while at < end:
        if (state[at] & PG_STATE) == PG_FREE:
            order = state[at]
            move_to_list_612(z, at, order, old_mt, mt)
            moved += 1 << order
            at += 1 << order
        else:
            at += 1
    set_block_type_61(z, i, mt)
    return moved


cdef int pays_to_claim_612(zone_t *z, int32_t i, int mt, int old_mt) noexcept nogil:
    """Whether half of the pageblock of page i is free or of the type, as far as can be known."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t at = i & -block_pages_61(z)
    cdef int32_t end = at + block_pages_61(z)
    cdef int32_t free = 0
    cdef int32_t movable = 0
    cdef int32_t alike = 0
    cdef int32_t head, after
    while at < end:
        if (state[at] & PG_STATE) == PG_FREE:
            free += 1 << state[at]
            at += 1 << state[at]
            continue
        head = block_head(z, at)
        after = min(head + (1 << state_order_61(z, state[head])), end)
        movable += lru_pages_61(z, head, at, after)
        at = max(after, at + 1)
    if mt == MT61_MOVABLE:
        alike = movable
    elif old_mt == MT61_MOVABLE:
        alike = block_pages_61(z) - free - movable
    return free + alike >= block_pages_61(z) // 2 or not z.grouping


cdef inline void take_part_612(zone_t *z, int32_t i, int from_order, int order, int old_mt, int mt) noexcept nogil:
    """Take free block (i, from_order) of one type; what is too much of it goes to the lists of another."""
    list_del(link_array(z), i)
    z.nr_free[from_order] -= 1
    account_free_612(z, -(<int64_t> 1 << from_order), old_mt)
    expand_612(z, i, order, from_order, mt)
    account_free_612(z, (<int64_t> 1 << from_order) - (<int64_t> 1 << order), mt)
    order_array(z)[i] = PG_USED | order


cdef int32_t claim_block_612(zone_t *z, int32_t i, int from_order, int order, int mt, int flags) noexcept nogil:
    """A block out of the pageblock of free block (i, from_order), which becomes one of mt if that pays; or NO_PAGE.

    The marks are boosted before anything is known.
    """
    cdef int old_mt = block_type_61(z, i)
    if old_mt == MT61_HIGHATOMIC:
        return NO_PAGE
    if from_order >= z.pageblock_order:
        set_block_types_612(z, i, from_order, mt)
        take_part_612(z, i, from_order, order, old_mt, mt)
        return i
    if boost_watermark_61(z) and flags & ALLOC61_KSWAPD:
        only_61(z).boosted = 1
    if not is_inside_612(z, i) or not pays_to_claim_612(z, i, mt, old_mt):
        return NO_PAGE
    move_freepages_block_612(z, i, old_mt, mt)
    return smallest_612(z, order, mt)


cdef int32_t rmqueue_claim_612(zone_t *z, int order, int mt, int flags) noexcept nogil:
    """A block by claiming a pageblock of another type, from the largest blocks down; or NO_PAGE."""
    cdef int low = z.pageblock_order if order < z.pageblock_order and flags & ALLOC61_NOFRAGMENT else order
    cdef int from_order = ORDER_MAX_61
    cdef int from_mt
    cdef int32_t i
    while from_order >= low:
        from_mt = fallback_type_61(z, from_order, mt)
        if from_mt != MT61_NONE:
            if not may_claim_61(z, from_order, mt):
                return NO_PAGE
            i = claim_block_612(z, link_array(z)[free_list_61(from_order, from_mt)].next, from_order, order, mt, flags)
            if i != NO_PAGE:
                tell_fallback_61(z, i, order, from_order, mt, from_mt)
                return i
        from_order -= 1
    return NO_PAGE


cdef int32_t rmqueue_steal_612(zone_t *z, int order, int mt) noexcept nogil:
    """A block of another type, the smallest that will do; or NO_PAGE."""
    cdef int from_order, from_mt
    cdef int32_t i
    for from_order in range(order, ORDER_MAX_61 + 1):
        from_mt = fallback_type_61(z, from_order, mt)
        if from_mt != MT61_NONE:
            i = link_array(z)[free_list_61(from_order, from_mt)].next
            take_part_612(z, i, from_order, order, from_mt, from_mt)
            tell_fallback_61(z, i, order, from_order, mt, from_mt)
            return i
    return NO_PAGE


cdef int32_t rmqueue_elsewhere_612(zone_t *z, int order, int mt, int flags, int cma, int *mode) noexcept nogil:
    """A block that the lists of mt do not have: out of a CMA pageblock, by claiming one, or stolen; or NO_PAGE."""
    cdef int32_t i = NO_PAGE
    if mode[0] <= TAKE_CMA_612 and cma:
        i = smallest_612(z, order, MT61_CMA)
        if i != NO_PAGE:
            mode[0] = TAKE_CMA_612
            return i
    if mode[0] <= TAKE_CLAIM_612:
        i = rmqueue_claim_612(z, order, mt, flags)
        if i != NO_PAGE:
            mode[0] = TAKE_NORMAL_612
            return i
    if not flags & ALLOC61_NOFRAGMENT:
        i = rmqueue_steal_612(z, order, mt)
        if i != NO_PAGE:
            mode[0] = TAKE_STEAL_612
    return i


cdef inline int32_t rmqueue_612(zone_t *z, int order, int mt, int flags, int *mode) noexcept nogil:
    """A block of `order` for a request of type mt, or NO_PAGE.

    `mode` is TAKE_NORMAL_612 before the first block of a refill, and then where the next one is looked for.
    Linux: __rmqueue.
    """
    cdef int cma = only_61(z).cma and flags & ALLOC61_CMA
    cdef int32_t i = NO_PAGE
    if cma and more_than_half_is_cma_61(z):
        i = smallest_612(z, order, MT61_CMA)
    if i == NO_PAGE and mode[0] == TAKE_NORMAL_612:
        i = smallest_612(z, order, mt)
    return i if i != NO_PAGE else rmqueue_elsewhere_612(z, order, mt, flags, cma, mode)


cdef int32_t rmqueue_buddy_612(zone_t *z, int order, int mt, int flags) noexcept nogil:
    """Allocate from the free lists alone, or NO_PAGE.  Linux: rmqueue_buddy."""
    cdef int mode = TAKE_NORMAL_612
    cdef int32_t i = NO_PAGE
    if flags & ALLOC61_HIGHATOMIC:
        i = smallest_612(z, order, MT61_HIGHATOMIC)
    if i == NO_PAGE:
        i = rmqueue_612(z, order, mt, flags, &mode)
    if i == NO_PAGE and flags & (ALLOC61_OOM | ALLOC61_NON_BLOCK):
        i = smallest_612(z, order, MT61_HIGHATOMIC)
    if i != NO_PAGE:
        z.vm[VM_PGALLOC] += 1 << order
    return i


# --- pageblocks for high-order atomic requests ------------------------------------------------------------------

cdef void reserve_highatomic_612(zone_t *z, int32_t i, int order) noexcept nogil:
    """Keep the pageblocks of block (i, order) for such requests, up to 1 % of the zone, if that is a pageblock."""
    cdef zone_6_1_t *e = only_61(z)
    cdef int64_t block = block_pages_61(z)
    cdef int64_t share = e.managed // 100
    cdef int mt = block_type_61(z, i)
    if share < block or e.reserved_highatomic >= ((share + block - 1) & -block) or mt >= ORDINARY_61:
        return
    if order >= z.pageblock_order:
        set_block_types_612(z, i, order, MT61_HIGHATOMIC)
        e.reserved_highatomic += 1 << order
    elif move_freepages_block_612(z, i, mt, MT61_HIGHATOMIC) >= 0:
        e.reserved_highatomic += block


cdef int unreserve_block_612(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """Give the pageblocks of free block (i, order), one of the reserve, to type mt: 1 if pages moved."""
    cdef zone_6_1_t *e = only_61(z)
    cdef int old_mt = block_type_61(z, i)
    if old_mt == MT61_HIGHATOMIC:
        e.reserved_highatomic -= min(max(<int64_t> block_pages_61(z), <int64_t> 1 << order), e.reserved_highatomic)
    if order < z.pageblock_order:
        return move_freepages_block_612(z, i, old_mt, mt) > 0
    move_to_list_612(z, i, order, old_mt, mt)
    set_block_types_612(z, i, order, mt)
    return 1


cdef int unreserve_highatomic_612(zone_t *z, int mt, int force) noexcept nogil:
    """Give one such pageblock with free pages to type mt: 1 if some moved.  Unless forced, the last one stays."""
    cdef int32_t head, i
    cdef int order
    if not force and only_61(z).reserved_highatomic <= block_pages_61(z):
        return 0
    for order in range(ORDER_MAX_61 + 1):
        head = free_list_61(order, MT61_HIGHATOMIC)
        i = link_array(z)[head].next
        if i != head and unreserve_block_612(z, i, order, mt):
            return 1
    return 0
