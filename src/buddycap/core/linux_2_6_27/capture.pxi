# Reclaim page capture (A. Whitcroft, 2008, v3): a reclaimer's private list on which its pages coalesce.
#
# A captured block is out of NR_FREE_PAGES and nr_free.  It merges with free buddies, with captured ones of any list
# (the block then moves to the list of the last arrival), and what others free next to it joins it.
#
#     own page --capture_one_page--> [ capture list: newest merge at the head ... oldest at the tail ]
#     foreign free meets captured buddy --capture_foreign-->  ^             |
#                                         first fit from the tail, carve_off, the rest back to the free lists
#
# A list may have other rules (slot_t.rules), for the policies that were proposed in the discussion.  A block that
# merges with its own list only, or with nothing, is PG_PRIVATE: to everybody else it is a block in use.
#
# Kernel: patches 3/4 and 4/4 of the series: __capture_one_page, capture_one_page, __carve_off,
# capture_alloc_or_return.  In the kernel buddy_free overlays page->mapping; here the list's number overlays flags.


cdef inline void carve_off(zone_t *z, int32_t i, int actual, int desired) noexcept nogil:
    """Cut block (i, actual), in limbo, to `desired`; the pieces become free.  Linux: __carve_off."""
    z.nr_free_pages += (1 << actual) - (1 << desired)
    expand(z, i, desired, actual, free_list(0, get_pageblock_migratetype(z, i)), MIGRATE_TYPES)


cdef inline void capture_add(zone_t *z, int32_t slot, int32_t i, int state) noexcept nogil:
    """Put a block in limbo on the list: newest first."""
    order_array(z)[i] = state
    flags_array(z)[i] = slot
    list_add(link_array(z), slot_list(z, slot), i)


cdef inline int capture_remove(zone_t *z, int32_t i) noexcept nogil:
    """Take a block off its capture list, into limbo; its order."""
    cdef int order = order_array(z)[i] & 0x0F
    list_del(link_array(z), i)
    flags_array(z)[i] = 0
    order_array(z)[i] = PG_TAIL
    return order


cdef inline int capture_sated(zone_t *z, int32_t slot) noexcept nogil:
    """Whether the list has its block and wants no more.  Another reclaimer may have taken the block over."""
    return zone_slot(z, slot).rules & LIST_SATED and not list_empty(link_array(z), slot_list(z, slot))


cdef void capture_settle(zone_t *z, int32_t slot, int32_t kept) noexcept nogil:
    """The newest block is what the list was waiting for: everything else goes back, oldest first (Kosaki).

    A block that is trimmed stays as it is: whatever merged with it would have to be trimmed again.

    None of what goes back can reach the block kept, nor this list.  Captured blocks have no free or captured buddy
    [I8].  Private ones may follow a captured buddy to another list, which settles in its turn, but that one is not
    private: so this goes two lists deep at most.  It rests on a sated list taking no more: a block that may not merge
    (trimmed or held) is alone on its list.
    """
    cdef slot_t *list = zone_slot(z, slot)
    cdef int32_t head = slot_list(z, slot)
    cdef int order
    cdef int32_t i
    list.rules |= LIST_SATED
    while link_array(z)[head].prev != kept:
        i = link_array(z)[head].prev
        order = capture_remove(z, i)
        buddy_free(z, i, order)
    if list.rules & LIST_TRIM:
        order = capture_remove(z, kept)
        carve_off(z, kept, order, list.wanted)
        capture_add(z, slot, kept, PG_PRIVATE | list.wanted)


cdef inline int capture_joins(zone_t *z, int32_t slot, int mark, int32_t buddy, int order) noexcept nogil:
    """Whether a block of the list merges with this buddy: any free or captured one, or only one of its own list."""
    if mark == PG_PRIVATE:
        return order_array(z)[buddy] == (PG_PRIVATE | order) and flags_array(z)[buddy] == <uint32_t> slot
    return (order_array(z)[buddy] & ~PG_CAPTURED) == order


cdef void capture_merge(zone_t *z, int32_t slot, int32_t i, int order) noexcept nogil:
    """Merge block (i, order) upward and put it on capture list `slot`.  Linux: __capture_one_page."""
    cdef uint8_t *state = order_array(z)
    cdef link_t *link = link_array(z)
    cdef slot_t *list = zone_slot(z, slot)
    cdef int mark = PG_PRIVATE if list.rules & LIST_PRIVATE else PG_CAPTURED
    cdef int first_order = order
    cdef int32_t merged = 0
    cdef int32_t buddy

    state[i] = PG_TAIL
    while order < z.max_page_order:
        buddy = i ^ (1 << order)
        if not capture_joins(z, slot, mark, buddy, order):
            break
        list_del(link, buddy)
        if state[buddy] & PG_CAPTURED:
            flags_array(z)[buddy] = 0
        else:
            z.nr_free[order] -= 1
            z.nr_free_pages -= 1 << order
            merged += 1 << order
        state[buddy] = PG_TAIL
        i &= ~(1 << order)
        order += 1
    z.vm[VM_BUDDY_MERGE] += order - first_order
    z.vm[VM_CAPTURE_MERGED] += merged
    list.merged += merged
    list.largest = max(list.largest, <uint8_t> order)
    capture_add(z, slot, i, mark | order)
    if list.rules & LIST_RELEASE and order >= list.wanted:
        capture_settle(z, slot, i)


cdef void capture_foreign(zone_t *z, int32_t i, int order, int freed_order) noexcept nogil:
    """A block freed as `freed_order` by somebody else has met a captured buddy at `order`: it joins that list."""
    cdef int32_t slot = flags_array(z)[i ^ (1 << order)]
    cdef slot_t *list = zone_slot(z, slot)
    list.foreign += 1 << freed_order
    list.merged += (1 << order) - (1 << freed_order)
    z.vm[VM_CAPTURE_FOREIGN] += 1 << freed_order
    z.vm[VM_CAPTURE_MERGED] += (1 << order) - (1 << freed_order)
    capture_merge(z, slot, i, order)


cdef void capture_one_page(zone_t *z, int32_t slot, int32_t i, int order) noexcept nogil:
    """Capture an allocated block instead of freeing it.  No counter of the kernel moves: not even PGFREE.

    A list that is sated takes nothing more: the block is freed.  One that was robbed of its block waits for another.
    """
    if capture_sated(z, slot):
        free_pages_ok_27(z, i, order)
        return
    zone_slot(z, slot).rules &= ~LIST_SATED
    free_pages_prepare(z, i)
    zone_slot(z, slot).own += 1 << order
    z.vm[VM_CAPTURE_OWN] += 1 << order
    capture_merge(z, slot, i, order)


cdef int32_t capture_select(zone_t *z, int32_t slot, int order) noexcept nogil:
    """Empty the list from the tail: keep the first block that is large enough, in limbo, and free the others."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, slot)
    cdef int32_t got = NO_PAGE
    cdef int32_t i
    cdef int block_order
    zone_slot(z, slot).rules &= ~LIST_SATED
    while not list_empty(link, head):
        i = link[head].prev
        block_order = capture_remove(z, i)
        if got == NO_PAGE and block_order >= order:
            carve_off(z, i, block_order, order)
            got = i
        else:
            buddy_free(z, i, block_order)
    return got


cdef void capture_hold(zone_t *z, int32_t slot, int32_t i, int order) noexcept nogil:
    """Keep a block, in limbo, that the watermark forbids: alone on the list, for another consultation (Zijlstra)."""
    capture_add(z, slot, i, PG_PRIVATE | order)
    zone_slot(z, slot).rules |= LIST_SATED


cdef int32_t capture_consult(zone_t *z, int32_t slot, int order, int check_order, int classzone_idx,
                             int alloc_flags, int hold) noexcept nogil:
    """capture_alloc_or_return with the watermark asked for `check_order`: 0 in v3, the block's own order in v1.

    v3 asks with order 0, since the block is outside NR_FREE_PAGES already.  hold: a block that the watermark forbids,
    and not the cpuset, stays on the list.
    """
    cdef int32_t got = capture_select(z, slot, order)
    cdef int allowed = zone_cpuset_permits(z, alloc_flags)
    z.all_unreclaimable = 0
    z.pages_scanned = 0
    if got == NO_PAGE:
        return NO_PAGE
    if allowed and zone_watermark_permits(z, check_order, classzone_idx, alloc_flags):
        order_array(z)[got] = PG_USED | order
        z.vm[VM_PGALLOC] += 1 << order
        z.vm[VM_CAPTURE_TAKEN] += 1
        return got
    if allowed and hold:
        capture_hold(z, slot, got, order)
        return NO_PAGE
    buddy_free(z, got, order)
    z.vm[VM_CAPTURE_GIVEBACK] += 1
    return NO_PAGE


cdef int32_t capture_alloc_or_return(zone_t *z, int32_t slot, int order, int classzone_idx,
                                     int alloc_flags) noexcept nogil:
    """Consult the list: an allocated block of `order`, or NO_PAGE with everything given back.  List ends empty."""
    return capture_consult(z, slot, order, 0, classzone_idx, alloc_flags, 0)


cdef void capture_release(zone_t *z, int32_t slot) noexcept nogil:
    """Give every block of the list back and close it."""
    capture_select(z, slot, MAX_ORDERS)
    slot_close(z, slot)
