# The buddy core of 2.6.27: give a block back, and merge it with its buddies.
#
# A block is named by its first page.  Invariants kept here (numbers as in common/check.pxi): every free block is on the
# list of its order [I5], NR_FREE_PAGES counts exactly the listed pages [I7], no two buddies of one order are both free
# or captured [I8].
#
# Two functions of the kernel have nearly one name.  __free_one_page is merge_block here; free_one_page, which also
# moves the marks of reclaim, is part of free_pages_ok.
#
# Kernel: mm/page_alloc.c of 2.6.27: __free_one_page, __free_pages_ok, move_freepages_block.  The lists are LIFO: 2.6.27
# has no tail rule.
#
# Deviation from the capture series: move_freepages steps over captured blocks.  As posted (v3) it took them for free
# ones and put them on a free list without counting them (docs/decisions/004).


cdef inline void merge_block(zone_t *z, int32_t i, int order, tally_t *t) noexcept nogil:
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

    t.freed += 1 << order
    state[i] = PG_TAIL
    while order < max_page_order:
        buddy = i ^ (1 << order)
        if state[buddy] != (PG_FREE | order):
            if buddycap_rarely(state[buddy] == (PG_CAPTURED | order)):
                z.nr_free_pages -= 1 << order
                t.merges += order - first_order
                capture_foreign(z, i, order, first_order)
                return
            break
        list_del(link, buddy)
        z.nr_free[order] -= 1
        state[buddy] = PG_TAIL
        i &= ~(1 << order)
        order += 1
    t.merges += order - first_order
    state[i] = PG_FREE | order
    list_add(link, free_list(order, mt), i)
    z.nr_free[order] += 1


cdef void buddy_free(zone_t *z, int32_t i, int order) noexcept nogil:
    """merge_block that is counted at once."""
    cdef tally_t t = tally_t(0, 0, 0, 0)
    merge_block(z, i, order, &t)
    tally_settle(z, &t)


cdef inline void free_pages_ok_27(zone_t *z, int32_t i, int order) noexcept nogil:
    """Free a block the ordinary way: counters, reclaim's marks, merge.  Linux: __free_pages_ok, free_one_page."""
    free_pages_prepare(z, i)
    z.vm[VM_PGFREE] += 1 << order
    z.all_unreclaimable = 0
    z.pages_scanned = 0
    buddy_free(z, i, order)


cdef int32_t move_freepages_block(zone_t *z, int32_t i, int mt) noexcept nogil:
    """Move the free pages of the aligned pageblock around page i to type mt; 0 if it leaves the zone's end."""
    cdef int32_t pages = 1 << z.pageblock_order
    cdef int32_t start = i & ~(pages - 1)
    cdef int32_t last = start + pages - 1
    if start < z.first:
        start = i
    if last >= z.end:
        return 0
    return move_freepages(z, start, last, free_list(0, mt), MIGRATE_TYPES, 0)
