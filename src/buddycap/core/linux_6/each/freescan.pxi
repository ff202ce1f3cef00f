# The free scanner of compaction: free pages to move others to, from the zone's high end downward (since Linux 6.1).
#
# For a run with an order, a block is looked for on the movable lists before the pageblocks are scanned.
#
# Distances wrap at 64 bits once the scanners have crossed, as in the kernel.
#
# Kernel: mm/compaction.c of 6.1: isolate_freepages, isolate_freepages_block, fast_isolate_freepages.

ctypedef struct fast_search_6_1_t:   # the search over the movable lists
    uint64_t low                # a block from here on ends the search
    uint64_t least              # one from here on will do
    uint64_t highest            # pageblock of the highest block seen
    int64_t scanned
    int32_t limit               # entries to look at
    int32_t at_start            # the scanner has not moved yet
    int32_t seen                # on one list
    int32_t page                # index of the block found, or -1


cdef void note_targets_61(zone_t *z, compact_control_t *cc, int32_t i, int32_t pages) noexcept nogil:
    """A block that was taken off the free lists gives targets."""
    add_targets_61(z, cc, i, pages)
    cc.nr_freepages += pages
    cc.isolated += pages
    compact_61(z).events[CE61_ISOLATED] += pages


# --- pageblock by pageblock -------------------------------------------------------------------------------------

cdef int32_t isolate_freepages_block_61(zone_t *z, compact_control_t *cc, uint64_t *pfn, uint64_t end,
                                        int stride) noexcept nogil:
    """Isolate free blocks from `pfn` on, until there are enough; pages isolated.  `pfn`: where it has stopped."""
    cdef uint64_t at = pfn[0]
    cdef int64_t scanned = 0
    cdef int32_t isolated = 0
    cdef int32_t i, got
    while at < end:
        scanned += 1
        i = index_61(z, at)
        if (order_array(z)[i] & PG_STATE) != PG_FREE:
            at += passed_used_61(z, i, end - at, &scanned) + stride
            continue
        got = take_free_block_61(z, i)
        if got == 0:
            break
        note_targets_61(z, cc, i, got)
        scanned += got - 1
        isolated += got
        if cc.nr_migratepages <= cc.nr_freepages:
            at += got
            break
        at += got - 1 + stride
    cc.free_scanned += scanned
    pfn[0] = min(at, end)
    return isolated


cdef inline int suitable_target_61(zone_t *z, const compact_control_t *cc, uint64_t start) noexcept nogil:
    """Whether free pages may be taken from a pageblock.  Linux: suitable_migration_target."""
    cdef uint8_t state = order_array(z)[index_61(z, start)]
    cdef int mt
    if (state & PG_STATE) == PG_FREE and state >= large_order_61(z, cc):
        return 0
    if cc.ignore_block_suitable:
        return 1
    mt = block_type_61(z, index_61(z, start))
    return mt == MT61_MOVABLE or (only_61(z).cma and mt == MT61_CMA)


cdef void scan_freepages_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Scan pageblock after pageblock.  Linux: the loop of isolate_freepages."""
    cdef uint64_t pages = <uint64_t> 1 << z.pageblock_order
    cdef uint64_t at = cc.free_pfn
    cdef uint64_t start = pageblock_start_61(z, at)
    cdef uint64_t end = min(start + pages, end_pfn_61(z))
    cdef uint64_t low = pageblock_end_61(z, cc.migrate_pfn)
    cdef int stride = COMPACT_CLUSTER_61 if cc.mode == MIGRATE_ASYNC else 1
    cdef int32_t isolated
    while start >= low:
        if suitable_target_61(z, cc, start) and (cc.ignore_skip_hint or not is_skipped_61(z, start)):
            isolated = isolate_freepages_block_61(z, cc, &at, end, stride)
            if at == end:
                set_skip_61(z, start, 1)
                compact_61(z).cached_free = min(compact_61(z).cached_free, next_free_start_61(z, start))
            if cc.nr_freepages >= cc.nr_migratepages:
                if at >= end:
                    at = start - pages
                break
            if at < end:                # the watermark has refused a block
                break
            stride = 1 if isolated else min(COMPACT_CLUSTER_61, 2 * stride)
        end = start
        start -= pages
        at = start
    cc.free_pfn = at


# --- from the movable lists -------------------------------------------------------------------------------------

cdef int32_t walk_movable_61(zone_t *z, compact_control_t *cc, fast_search_6_1_t *s, int order) noexcept nogil:
    """Walk one list from its tail; the entry that becomes its first one, or -1."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = free_list_61(order, MT61_MOVABLE)
    cdef int32_t i = link[head].prev
    cdef int32_t best = NO_PAGE
    cdef int32_t stop = NO_PAGE
    cdef uint64_t highest = 0           # PFN of the best: PFN 0 is never one
    cdef uint64_t pfn
    s.seen = 0
    while i != head:
        s.seen += 1
        s.scanned += 1
        pfn = <uint64_t> (z.base_pfn + i)
        if pfn >= s.highest:
            s.highest = max(pageblock_start_61(z, pfn), start_pfn_61(z))
        if pfn >= s.low:
            cc.fast_search_fail = 0
            cc.search_order = order
            s.page = i
            return i
        if pfn >= s.least and pfn > highest:
            highest = pfn
            best = i
            s.limit >>= 1
        if s.seen >= s.limit:
            stop = i
            break
        i = link[i].prev
    if best != NO_PAGE:
        s.page = best
        return best
    return stop


cdef int search_order_61(zone_t *z, compact_control_t *cc, fast_search_6_1_t *s, int order) noexcept nogil:
    """Search one list and isolate the block found; the order to go on from."""
    cdef int32_t head = free_list_61(order, MT61_MOVABLE)
    cdef int32_t stop = walk_movable_61(z, cc, s, order)
    cdef int32_t got
    if stop != NO_PAGE:
        make_first_61(z, head, stop)
    if s.page != NO_PAGE:
        got = take_free_block_61(z, s.page)
        if got:
            note_targets_61(z, cc, s.page, got)
            s.scanned += got - 1
        else:                           # the watermark: give the search up
            order = cc.search_order + 1
            s.page = NO_PAGE
    return order


cdef void search_orders_61(zone_t *z, compact_control_t *cc, fast_search_6_1_t *s) noexcept nogil:
    """Order by order, beginning with the one that the last search has found a block of."""
    cdef int order
    cc.search_order = min(cc.order - 1, cc.search_order)
    order = cc.search_order
    while s.page == NO_PAGE and order >= 0:
        if z.nr_free[order]:
            order = search_order_61(z, cc, s, order)
            if ends_search_61(cc):
                return
            if s.seen >= s.limit:
                s.limit = max(1, s.limit >> 1)
        order -= 1                      # Linux: next_search_order
        if order < 0:
            order = cc.order - 1
        if order == cc.search_order:
            cc.search_order -= 1
            if cc.search_order < 0:
                cc.search_order = cc.order - 1
            order = -1


cdef int look_elsewhere_61(zone_t *z, compact_control_t *cc, const fast_search_6_1_t *s) noexcept nogil:
    """No block was found: whether to move the scanner to the pageblock of the highest one, or half way."""
    cc.fast_search_fail += 1
    if not s.at_start:
        return 0
    if s.highest >= s.least:
        cc.free_pfn = s.highest
        return 1
    if cc.direct_compaction and s.least < <uint64_t> only_61(z).map_end:
        cc.free_pfn = s.least
        return LOOKS_ANYWHERE_61 or (<uint64_t> z.base_pfn <= s.least < end_pfn_61(z)
                                     and suitable_target_61(z, cc, s.least))
    return 0


cdef void fast_isolate_freepages_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Take a block from the movable lists, and what is free around it."""
    cdef compact_zone_6_1_t *c = compact_61(z)
    cdef uint64_t distance = cc.free_pfn - cc.migrate_pfn
    cdef fast_search_6_1_t s
    cdef uint64_t page, at, end
    if cc.order <= 0:
        return
    memset(&s, 0, sizeof(s))
    s.page = NO_PAGE
    s.limit = max(1, search_limit_61(cc) >> 1)
    s.at_start = cc.free_pfn >= c.init_free
    if s.at_start:
        s.limit = (1 << z.pageblock_order) >> 1
    s.low = pageblock_start_61(z, cc.free_pfn - (distance >> 2))
    s.least = min(pageblock_start_61(z, cc.free_pfn - (distance >> 1)), s.low)
    search_orders_61(z, cc, &s)
    page = <uint64_t> (z.base_pfn + s.page)
    if s.page == NO_PAGE:
        page = ~(<uint64_t> 0)
        if look_elsewhere_61(z, cc, &s):
            page = cc.free_pfn
    if s.highest and s.highest >= c.cached_free:
        c.cached_free = s.highest - (<uint64_t> 1 << z.pageblock_order)
    cc.free_scanned += s.scanned
    if page == ~(<uint64_t> 0) or cc.nr_freepages >= cc.nr_migratepages or is_soft_61(cc):
        return
    at = max(pageblock_start_61(z, page), start_pfn_61(z))
    end = min(pageblock_end_61(z, page), end_pfn_61(z))
    isolate_freepages_block_61(z, cc, &at, end, 1)
    if is_used_up_61(cc, at, end):
        set_skip_61(z, page, 1)


cdef void isolate_freepages_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Fill the targets up: from the movable lists, or else pageblock by pageblock."""
    fast_isolate_freepages_61(z, cc)
    if cc.nr_freepages == 0:
        scan_freepages_61(z, cc)
