# The loop of a run of compaction in Linux 6.12: isolate, migrate in batches, drain, until it is finished.
#
# Against 6.1: if something of a pageblock has failed, its rest is taken at once, without the tests between two turns;
# and whether a block was captured is looked at before the drain, and only if something was migrated.
#
# Kernel: mm/compaction.c of 6.12: the loop of compact_zone.


cdef int drain_turn_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Drain per-CPU lists where that may complete a block: the end of a turn."""
    cdef uint64_t worked = cc.last_migrated
    if cc.order > 0 and worked and worked < (cc.migrate_pfn >> cc.order) << cc.order:
        drain_cpu_612(z, only_61(z).cpu)
        cc.last_migrated = 0
        capture_drained_612(z, cc, worked)
    return COMPACT_TURN


cdef int end_batch_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """What was not moved goes back; if something was not, the rest of the pageblock may be taken at once."""
    cdef int left = not list_empty(link_array(z), slot_list(z, cc.migratepages))
    compact_61(z).events[CE61_MIGRATED] += cc.succeeded
    compact_61(z).events[CE61_NOT_MIGRATED] += cc.pages_failed
    cc.nr_migratepages = 0
    if left and (cc.no_memory or cc.units_failed):
        putback_movable_pages_612(z, cc)
        if cc.no_memory and not scanners_met_61(z, cc):
            return compact_end_612(z, cc, COMPACT_CONTENDED)
        if (not is_pageblock_start_61(z, cc.migrate_pfn) and not cc.ignore_skip_hint and not cc.rescan
                and cc.mode < MIGRATE_SYNC):
            cc.rescan = cc.again = 1
            if cc.order == z.pageblock_order:
                cc.last_migrated = 0
            return COMPACT_TURN
    if cc.capture and cc.policy.form == CAPTURE_LISTS and cc.succeeded and cc.captured == NO_PAGE:
        capture_listed_612(z, cc)
    if capture_done_612(z, cc):
        return compact_end_612(z, cc, COMPACT_SUCCESS)
    return drain_turn_612(z, cc)


cdef int compact_turn_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """One turn of the loop up to the batch; the state after it."""
    cdef int result = COMPACT_CONTINUE if cc.again else compact_finished_61(z, cc)
    if result != COMPACT_CONTINUE:
        return compact_end_612(z, cc, result)
    if not cc.again:
        cc.rescan = pageblock_start_61(z, cc.last_migrated) == pageblock_start_61(z, cc.migrate_pfn)
    cc.again = 0
    if isolate_migratepages_612(z, cc):
        cc.keep_equal = 0
        cc.last_migrated = max(start_pfn_61(z), pageblock_start_61(z, cc.migrate_pfn - 1))
        begin_batch_612(z, cc)
        return COMPACT_PAGE
    if cc.keep_equal:
        compact_61(z).cached_migrate[1] = compact_61(z).cached_migrate[0]
    return drain_turn_612(z, cc)


cdef int compact_page_612(machine_t *m, int32_t at, zone_t *z, compact_control_t *cc) noexcept nogil:
    """Go on to the next attempt; the state after it."""
    if cc.stops:
        return COMPACT_ATTEMPT if next_attempt_612(z, cc) else end_batch_612(z, cc)
    if cc.stage == STAGE_UNMAP:
        unmap_plain_units_612(z, cc)
    elif move_plain_unit_612(m, at, z, cc):
        return COMPACT_PAGE
    if not next_attempt_612(z, cc):
        return end_batch_612(z, cc)
    settle_attempt_612(m, at, z, cc, outcome_612(z, cc))
    return COMPACT_PAGE
