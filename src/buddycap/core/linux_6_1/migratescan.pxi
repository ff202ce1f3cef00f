# The migration scanner of compaction: pages to move, from the zone's low end upward (Linux 6.1).
#
# It takes a chunk of 32 pages, and the rest of the pageblock in the next turn.  Pages are put at the head of their
# list, so they are moved from the highest PFN of the chunk to the lowest.
#
# Kernel quirks that are kept: a cached position moves one pageblock too far after a fruitless pageblock, and the fast
# search marks the pageblock that it finds as one to skip, so that it is not scanned after all.
#
# Kernel: mm/compaction.c of 6.1: isolate_migratepages, isolate_migratepages_block, fast_find_migrateblock.

cdef enum:
    COMPACT_CLUSTER_61 = 32     # COMPACT_CLUSTER_MAX


cdef inline uint64_t fast_start_used_61() noexcept nogil:
    """compact_control_t.fast_start_pfn once it has been used."""
    return ~(<uint64_t> 0)


cdef inline int is_soft_61(const compact_control_t *cc) noexcept nogil:
    """A direct run that does not wait leaves a block of its order alone that it cannot empty."""
    return cc.direct_compaction and cc.mode == MIGRATE_ASYNC


cdef inline int search_limit_61(const compact_control_t *cc) noexcept nogil:
    """Entries that a fast search looks at: fewer with every failure.  Linux: freelist_scan_limit."""
    return (COMPACT_CLUSTER_61 >> min(cc.fast_search_fail, 31)) + 1


cdef inline void make_last_61(zone_t *z, int32_t head, int32_t i) noexcept nogil:
    """Turn a list so that i is its last entry.  Linux: move_freelist_tail and its like."""
    list_del(link_array(z), head)
    list_insert(link_array(z), head, i, link_array(z)[i].next)


cdef inline void make_first_61(zone_t *z, int32_t head, int32_t i) noexcept nogil:
    """Turn a list so that i is its first entry.  Linux: move_freelist_head."""
    list_del(link_array(z), head)
    list_insert(link_array(z), head, link_array(z)[i].prev, i)


cdef void update_cached_migrate_61(zone_t *z, const compact_control_t *cc, uint64_t pfn) noexcept nogil:
    """Raise the cached positions to the next border above, which is one pageblock too far for a border."""
    cdef compact_zone_6_1_t *c = compact_61(z)
    cdef uint64_t border = pageblock_end_61(z, pfn)
    c.cached_migrate[0] = max(c.cached_migrate[0], border)
    if cc.mode != MIGRATE_ASYNC:
        c.cached_migrate[1] = max(c.cached_migrate[1], border)


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
            set_skip_61(z, pfn, 1)
            found[0] = max(pageblock_start_61(z, pfn), start_pfn_61(z))
            return 1
        i = link[i].next
    return 0


cdef inline int may_search_fast_61(const zone_t *z, const compact_control_t *cc) noexcept nogil:
    return (not cc.ignore_skip_hint and cc.order > COSTLY_ORDER_61
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

cdef inline int may_isolate_61(const compact_control_t *cc, uint32_t flags) noexcept nogil:
    """Whether a single page with these flags may be taken.  Linux: the tests of isolate_migratepages_block."""
    if not flags & PF_LRU or flags & (PF_COMPOUND_61 | PF_SLAB):
        return 0
    if flags & PF_UNEVICTABLE and not cc.unevictable:
        return 0
    if flags & PF_ANON:
        return not flags & PF_PINNED
    if not cc.gfp & GFP61_FS:
        return 0
    return cc.mode == MIGRATE_SYNC or not flags & (PF_WRITEBACK | PF_BLOCKING_61)


cdef void free_orphan_61(zone_t *z, int32_t i) noexcept nogil:
    """Free an isolated page whose owner has let it go; it is on no list."""
    flags_array(z)[i] = 0
    refs_array_61(z)[i] = 0
    order_array(z)[i] = PG_USED
    free_unref_61(z, i, 0)


cdef void putback_movable_pages_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Pages that were not moved go back to the LRU; those without an owner are free.  Linux: putback_movable_pages."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, cc.migratepages)
    cdef int32_t i
    while not list_empty(link, head):
        i = link[head].next
        list_del(link, i)
        if flags_array(z)[i] & PF_ORPHAN:
            free_orphan_61(z, i)
        else:
            putback_lru_page_61(z, i)
    cc.nr_migratepages = 0


cdef uint64_t isolate_pages_61(zone_t *z, compact_control_t *cc, uint64_t low, uint64_t end, int *taken, int *touched,
                               int64_t *scanned) noexcept nogil:
    """Take pages of [low, end), of one pageblock; where the scanner has stopped."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t head = slot_list(z, cc.migratepages)
    cdef int soft = is_soft_61(cc)
    cdef uint64_t size = <uint64_t> 1 << (cc.order if cc.order > 0 else 0)
    cdef uint64_t edge = (low & ~(size - 1)) + size
    cdef int32_t i
    while low < end:
        if soft and low >= edge:
            if taken[0]:
                break
            edge = (low & ~(size - 1)) + size
        scanned[0] += 1
        i = index_61(z, low)
        if (state[i] & PG_STATE) == PG_FREE:
            low += <uint64_t> 1 << state[i]
            continue
        if state[i] == PG_MARKED and may_isolate_61(cc, flags_array(z)[i]):
            if not touched[0]:
                touched[0] = 1
                if not cc.ignore_skip_hint and is_pageblock_start_61(z, low):
                    set_skip_61(z, low, 1)
            isolate_lru_page_61(z, i, head)
            cc.nr_migratepages += 1
            taken[0] += 1
            low += 1
            if cc.nr_migratepages >= COMPACT_CLUSTER_61 and not cc.rescan:
                break
            continue
        if is_compound_61(z, i):
            low += (<uint64_t> 1 << (state[i] & 0x0F)) - 1
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
    cdef int aligned = is_pageblock_start_61(z, low)
    cdef int aborted = aligned and not cc.ignore_skip_hint and is_skipped_61(z, low)
    cdef int taken = 0
    cdef int touched = 0
    cdef int64_t scanned = aborted
    if aborted:
        low = end
    else:
        low = min(isolate_pages_61(z, cc, low, end, &taken, &touched, &scanned), end)
    if low == end and (taken == 0 or cc.rescan):
        if aligned and not touched and not aborted:
            set_skip_61(z, first, 1)
        update_cached_migrate_61(z, cc, low)
    cc.migrate_scanned += scanned
    cc.isolated += taken
    compact_61(z).events[CE61_ISOLATED] += taken
    cc.migrate_pfn = low


cdef inline int suitable_source_61(zone_t *z, const compact_control_t *cc, uint64_t pfn) noexcept nogil:
    """A direct run that does not wait takes from pageblocks of its own type.  Linux: suitable_migration_source."""
    cdef int mt
    if in_large_compound_61(z, pfn):
        return 0
    if not is_soft_61(cc):
        return 1
    mt = block_type_61(z, index_61(z, pfn))
    return mt == cc.migratetype or (cc.migratetype == MT61_MOVABLE and only_61(z).cma and mt == MT61_CMA)


cdef int isolate_migratepages_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Isolate pages of the next pageblock that qualifies; whether there are any."""
    cdef uint64_t pages = <uint64_t> 1 << z.pageblock_order
    cdef uint64_t low = fast_find_migrateblock_61(z, cc)
    cdef uint64_t start = max(pageblock_start_61(z, low), start_pfn_61(z))
    cdef uint64_t end = pageblock_end_61(z, low)
    cdef int fast = low != cc.migrate_pfn and cc.fast_search_fail == 0
    while end <= cc.free_pfn:
        if is_pageblock_start_61(z, low) and not fast and not cc.ignore_skip_hint and is_skipped_61(z, low):
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
