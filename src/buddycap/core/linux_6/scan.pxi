# What both scanners of compaction go by, equal in Linux 6.1 and 6.12: where they begin, and when a run is over.
#
# Kernel: mm/compaction.c of 6.1: compact_zone, compact_finished, __compact_finished, update_cached_migrate,
# freelist_scan_limit, move_freelist_head, suitable_migration_source.

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


cdef inline int suitable_source_61(zone_t *z, const compact_control_t *cc, uint64_t pfn) noexcept nogil:
    """A direct run that does not wait takes from pageblocks of its own type.  Linux: suitable_migration_source."""
    cdef int mt
    if in_large_compound_61(z, pfn):
        return 0
    if not is_soft_61(cc):
        return 1
    mt = block_type_61(z, index_61(z, pfn))
    return mt == cc.migratetype or (cc.migratetype == MT61_MOVABLE and only_61(z).cma and mt == MT61_CMA)


cdef inline int may_isolate_61(const compact_control_t *cc, uint32_t flags) noexcept nogil:
    """Whether a unit with these flags may be taken.  Linux: the tests of isolate_migratepages_block."""
    if not flags & PF_LRU or flags & PF_SLAB:
        return 0
    if flags & PF_UNEVICTABLE and not cc.unevictable:
        return 0
    if flags & PF_ANON:
        return not flags & PF_PINNED
    if not cc.gfp & GFP61_FS:
        return 0
    return cc.mode == MIGRATE_SYNC or not flags & (PF_WRITEBACK | PF_BLOCKING_61)


# --- a run ------------------------------------------------------------------------------------------------------

cdef inline int scanners_met_61(const zone_t *z, const compact_control_t *cc) noexcept nogil:
    """Linux: compact_scanners_met."""
    return cc.free_pfn >> z.pageblock_order <= cc.migrate_pfn >> z.pageblock_order


cdef void reset_cached_positions_61(zone_t *z) noexcept nogil:
    """The next run begins at the ends of the zone."""
    cdef compact_zone_6_1_t *c = compact_61(z)
    c.cached_migrate[0] = c.cached_migrate[1] = start_pfn_61(z)
    c.cached_free = pageblock_start_61(z, end_pfn_61(z) - 1)


cdef int has_suitable_block_61(zone_t *z, int order, int mt) noexcept nogil:
    """Whether a list has a block of the order: one of the type, or one whose pageblock could be claimed."""
    if not list_empty(link_array(z), free_list_61(order, mt)):
        return 1
    if only_61(z).cma and mt == MT61_MOVABLE and not list_empty(link_array(z), free_list_61(order, MT61_CMA)):
        return 1
    return may_claim_61(z, order, mt) and fallback_type_61(z, order, mt) != MT61_NONE


cdef int compact_finished_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """COMPACT_CONTINUE, or why the run ends."""
    cdef int order
    if scanners_met_61(z, cc):
        reset_cached_positions_61(z)
        if cc.direct_compaction:
            compact_61(z).blockskip_flush = 1
        return COMPACT_COMPLETE if cc.whole_zone else COMPACT_PARTIAL_SKIPPED
    if cc.proactive:
        return COMPACT_CONTINUE if fragmentation_score_61(z) > cc.score_low else COMPACT_SUCCESS
    if cc.order == -1 or not is_pageblock_start_61(z, cc.migrate_pfn):
        return COMPACT_CONTINUE
    for order in range(cc.order, ORDER_MAX_61 + 1):
        if has_suitable_block_61(z, order, cc.migratetype):
            return COMPACT_SUCCESS
    return COMPACT_CONTINUE


cdef void place_scanners_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """At the ends of the zone, or where the last run has left them."""
    cdef compact_zone_6_1_t *c = compact_61(z)
    cc.fast_start_pfn = 0
    if cc.whole_zone:
        cc.migrate_pfn = start_pfn_61(z)
        cc.free_pfn = pageblock_start_61(z, end_pfn_61(z) - 1)
        return
    cc.migrate_pfn = c.cached_migrate[cc.mode != MIGRATE_ASYNC]
    cc.free_pfn = c.cached_free
    if not spans_61(z, cc.free_pfn):
        cc.free_pfn = c.cached_free = pageblock_start_61(z, end_pfn_61(z) - 1)
    if not spans_61(z, cc.migrate_pfn):
        cc.migrate_pfn = c.cached_migrate[0] = c.cached_migrate[1] = start_pfn_61(z)
    if cc.migrate_pfn <= c.init_migrate:
        cc.whole_zone = 1


# --- its work ---------------------------------------------------------------------------------------------------

cdef inline int64_t compact_work_61(const compact_control_t *cc) noexcept nogil:
    return cc.migrate_scanned + cc.free_scanned + cc.moved


cdef void note_compaction_61(compact_walk_t *w, compact_seen_t *seen, step_t *out) noexcept nogil:
    """Charge a step with what a walk has done since it was last charged."""
    cdef int64_t migrate = w.migrate_scanned + (w.cc.migrate_scanned if w.running else 0)
    cdef int64_t free = w.free_scanned + (w.cc.free_scanned if w.running else 0)
    cdef int64_t moved = w.moved + (w.cc.moved if w.running else 0)
    out.cost.migrate_scanned += migrate - seen.migrate
    out.cost.free_scanned += free - seen.free
    out.cost.migrated += moved - seen.moved
    seen.migrate = migrate
    seen.free = free
    seen.moved = moved
