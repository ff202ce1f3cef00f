# The migration scanner of compaction: pages to move, from the zone's low end upward (since Linux 6.1).
#
# It takes a chunk of 32 pages, and the rest of the pageblock in the next turn.  Pages are put at the head of their
# list, so they are moved from the highest PFN of the chunk to the lowest.
#
# Kernel quirk that is kept: a cached position moves one pageblock too far after a fruitless pageblock.
#
# Kernel: mm/compaction.c of 6.1: isolate_migratepages, isolate_migratepages_block, fast_find_migrateblock.


# --- the fast search --------------------------------------------------------------------------------------------

cdef int search_movable_61(zone_t *z, compact_control_t *cc, int order, uint64_t high, int limit, int *count,
                           uint64_t *found) noexcept nogil:
    """Look on one movable list for a block below `high` whose pageblock is not to be skipped; whether there is one."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = free_list_61(order, MT61_MOVABLE)
    cdef int32_t i = link[head].next
    cdef uint64_t pfn
    while i != head:
        count[0] += 1
        if count[0] > limit:
            make_last_61(z, head, i)
            return 0
        pfn = <uint64_t> (z.base_pfn + i)
        if pfn < high and not is_skipped_61(z, pfn):
            make_last_61(z, head, i)
            if cc.fast_start_pfn != fast_start_used_61():
                cc.fast_start_pfn = min(cc.fast_start_pfn, pfn) if cc.fast_start_pfn else pfn
            cc.fast_search_fail = 0
            note_source_61(z, pfn)
            found[0] = max(pageblock_start_61(z, pfn), start_pfn_61(z))
            return 1
        i = link[i].next
    return 0


cdef inline int may_search_fast_61(const zone_t *z, const compact_control_t *cc) noexcept nogil:
    return (not cc.ignore_skip_hint and may_leave_61(cc) and cc.order > COSTLY_ORDER_61
            and (cc.migrate_pfn == start_pfn_61(z) or is_pageblock_start_61(z, cc.migrate_pfn))
            and (not cc.direct_compaction or cc.migratetype == MT61_MOVABLE))


cdef uint64_t fast_find_migrateblock_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Where to scan: a pageblock that has free pages already, or where the scanner stands."""
    cdef int limit = search_limit_61(cc)
    cdef int count = 0
    cdef int found = 0
    cdef int order
    cdef uint64_t distance = (cc.free_pfn - cc.migrate_pfn) >> 1
    cdef uint64_t high
    cdef uint64_t pfn = 0
    if not may_search_fast_61(z, cc):
        return cc.migrate_pfn
    if cc.migrate_pfn != start_pfn_61(z):
        distance >>= 2
    high = pageblock_start_61(z, cc.migrate_pfn + distance)
    for order in range(cc.order - 1, COSTLY_ORDER_61 - 1, -1):
        if found or count >= limit:
            break
        if z.nr_free[order]:
            found = search_movable_61(z, cc, order, high, limit, &count, &pfn)
    cc.migrate_scanned += count
    if found:
        return pfn
    cc.fast_search_fail += 1
    if cc.fast_start_pfn and cc.fast_start_pfn != fast_start_used_61():
        cc.migrate_pfn = cc.fast_start_pfn
        cc.fast_start_pfn = fast_start_used_61()
    return cc.migrate_pfn


# --- one pageblock ----------------------------------------------------------------------------------------------

cdef uint64_t isolate_pages_61(zone_t *z, compact_control_t *cc, uint64_t low, uint64_t end, int *taken, int *touched,
                               int64_t *scanned) noexcept nogil:
    """Take pages of [low, end), of one pageblock; where the scanner has stopped."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t head = slot_list(z, cc.migratepages)
    cdef int soft = is_soft_61(cc)
    cdef uint64_t size = <uint64_t> 1 << (cc.order if cc.order > 0 else 0)
    cdef uint64_t edge = (low & ~(size - 1)) + size
    cdef uint64_t first = low
    cdef int32_t i
    cdef int pages
    while low < end:
        if soft and low >= edge:
            if taken[0]:
                break
            edge = (low & ~(size - 1)) + size
        i = index_61(z, low)
        if (state[i] & PG_STATE) == PG_FREE:
            scanned[0] += counted_free_61(state[i])
            low += <uint64_t> 1 << state[i]
            continue
        pages = source_pages_61(z, cc, i)
        if pages:
            if not touched[0]:
                touched[0] = 1
                if not cc.ignore_skip_hint and marks_block_61(z, first, low):
                    set_skip_61(z, low, 1)
            isolate_lru_page_61(z, i, head)
            cc.nr_migratepages += pages
            taken[0] += pages
            scanned[0] += pages
            low += pages
            if cc.nr_migratepages >= COMPACT_CLUSTER_61 and not cc.rescan:
                break
            continue
        low += passed_pages_61(z, cc, i, scanned) - 1
        if soft:
            if taken[0]:
                putback_movable_pages_61(z, cc)
                taken[0] = 0
            if low < edge:
                low = edge - 1
                edge += size
        low += 1
    return low


cdef void isolate_migratepages_block_61(zone_t *z, compact_control_t *cc, uint64_t low, uint64_t end) noexcept nogil:
    """Scan a pageblock from `low` on: up to a chunk, or to its end."""
    cdef uint64_t first = low
    cdef int begins = begins_block_61(z, low)
    cdef int aborted = begins and not cc.ignore_skip_hint and is_skipped_61(z, low)
    cdef int taken = 0
    cdef int touched = 0
    cdef int64_t scanned = aborted
    if aborted:
        low = end
    else:
        low = min(isolate_pages_61(z, cc, low, end, &taken, &touched, &scanned), end)
    if low == end and (taken == 0 or cc.rescan):
        if begins and not touched and not aborted:
            set_skip_61(z, first, 1)
        update_cached_migrate_61(z, cc, low)
    cc.migrate_scanned += scanned
    cc.isolated += taken
    compact_61(z).events[CE61_ISOLATED] += taken
    cc.migrate_pfn = low


cdef int isolate_migratepages_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Isolate pages of the next pageblock that qualifies; whether there are any."""
    cdef uint64_t pages = <uint64_t> 1 << z.pageblock_order
    cdef uint64_t low = fast_find_migrateblock_61(z, cc)
    cdef uint64_t start = max(pageblock_start_61(z, low), start_pfn_61(z))
    cdef uint64_t end = pageblock_end_61(z, low)
    cdef int fast = low != cc.migrate_pfn and cc.fast_search_fail == 0
    while end <= cc.free_pfn:
        if begins_block_61(z, low) and not fast and not cc.ignore_skip_hint and is_skipped_61(z, low):
            pass
        elif not suitable_source_61(z, cc, start):
            update_cached_migrate_61(z, cc, end)
        else:
            isolate_migratepages_block_61(z, cc, low, end)
            break
        fast = 0
        cc.migrate_pfn = low = start = end
        end += pages
    return cc.nr_migratepages > 0
