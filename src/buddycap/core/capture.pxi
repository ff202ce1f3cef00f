# Reclaim page capture (A. Whitcroft, 2008, v3): a reclaimer's private list on which its pages coalesce.
#
# A captured block is out of NR_FREE_PAGES and nr_free.  It merges with free buddies, with captured ones of any list
# (the block then moves to the list of the last arrival), and what others free next to it joins it.
#
#     own page --capture_one_page--> [ capture list: newest merge at the head ... oldest at the tail ]
#     foreign free meets captured buddy --capture_foreign-->  ^             |
#                                         first fit from the tail, carve_off, the rest back to the free lists
#
# Kernel: patches 3/4 and 4/4 of the series: __capture_one_page, capture_one_page, __carve_off,
# capture_alloc_or_return.  In the kernel buddy_free overlays page->mapping; here the list's number overlays flags.


cdef void capture_merge(zone_t *z, int32_t slot, int32_t i, int order) noexcept nogil:
    """Merge block (i, order) upward and put it on capture list `slot`.  Linux: __capture_one_page."""
    cdef uint8_t *state = order_array(z)
    cdef link_t *link = link_array(z)
    cdef slot_t *list = zone_slot(z, slot)
    cdef int first_order = order
    cdef int32_t merged = 0
    cdef int32_t buddy

    state[i] = PG_TAIL
    while order < z.max_page_order:
        buddy = i ^ (1 << order)
        if (state[buddy] & ~PG_CAPTURED) != order:
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
    state[i] = PG_CAPTURED | order
    flags_array(z)[i] = slot
    list_add(link, slot_list(z, slot), i)


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
    """Capture an allocated block instead of freeing it.  No counter of the kernel moves: not even PGFREE."""
    free_pages_prepare(z, i)
    zone_slot(z, slot).own += 1 << order
    z.vm[VM_CAPTURE_OWN] += 1 << order
    capture_merge(z, slot, i, order)


cdef inline void carve_off(zone_t *z, int32_t i, int actual, int desired) noexcept nogil:
    """Cut block (i, actual), in limbo, to `desired`; the pieces become free.  Linux: __carve_off."""
    z.nr_free_pages += (1 << actual) - (1 << desired)
    expand(z, i, desired, actual, get_pageblock_migratetype(z, i))


cdef int capture_permits(zone_t *z, int check_order, int classzone_idx, int alloc_flags) noexcept nogil:
    """Whether a captured block may be kept.  v3 asks with order 0, since the block is outside NR_FREE_PAGES already."""
    return zone_cpuset_permits(z, alloc_flags) and zone_watermark_permits(z, check_order, classzone_idx, alloc_flags)


cdef int32_t capture_select(zone_t *z, int32_t slot, int order) noexcept nogil:
    """Empty the list from the tail: keep the first block that is large enough, in limbo, and free the others."""
    cdef link_t *link = link_array(z)
    cdef uint8_t *state = order_array(z)
    cdef int32_t head = slot_list(z, slot)
    cdef int32_t got = NO_PAGE
    cdef int32_t i
    cdef int block_order
    while not list_empty(link, head):
        i = link[head].prev
        block_order = state[i] & 0x0F
        list_del(link, i)
        flags_array(z)[i] = 0
        state[i] = PG_TAIL
        if got == NO_PAGE and block_order >= order:
            carve_off(z, i, block_order, order)
            got = i
        else:
            free_one_page(z, i, block_order)
    return got


cdef int32_t capture_consult(zone_t *z, int32_t slot, int order, int check_order, int classzone_idx,
                             int alloc_flags) noexcept nogil:
    """capture_alloc_or_return with the watermark asked for `check_order`: 0 in v3, the block's own order in v1."""
    cdef int32_t got = capture_select(z, slot, order)
    if got != NO_PAGE:
        if capture_permits(z, check_order, classzone_idx, alloc_flags):
            order_array(z)[got] = PG_USED | order
            z.vm[VM_PGALLOC] += 1 << order
            z.vm[VM_CAPTURE_TAKEN] += 1
        else:
            free_one_page(z, got, order)
            z.vm[VM_CAPTURE_GIVEBACK] += 1
            got = NO_PAGE
    z.all_unreclaimable = 0
    z.pages_scanned = 0
    return got


cdef int32_t capture_alloc_or_return(zone_t *z, int32_t slot, int order, int classzone_idx,
                                     int alloc_flags) noexcept nogil:
    """Consult the list: an allocated block of `order`, or NO_PAGE with everything given back.  List ends empty."""
    return capture_consult(z, slot, order, 0, classzone_idx, alloc_flags)


cdef void capture_release(zone_t *z, int32_t slot) noexcept nogil:
    """Give every block of the list back and close it."""
    capture_select(z, slot, MAX_ORDERS)
    slot_close(z, slot)
