# The loop of a run of compaction in Linux 6.1: isolate, migrate page by page, drain, until it is finished.
#
# Kernel: mm/compaction.c of 6.1: the loop of compact_zone.


cdef int end_turn_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Drain per-CPU lists where that may complete a block, and look whether one was captured."""
    cdef uint64_t worked = cc.last_migrated
    if cc.policy.test_first and capture_done_61(z, cc):
        return compact_end_61(z, cc, COMPACT_SUCCESS)
    if cc.order > 0 and worked and worked < (cc.migrate_pfn >> cc.order) << cc.order:
        drain_cpu_61(z, only_61(z).cpu)
        cc.last_migrated = 0
        capture_drained_61(z, cc, worked)
    if not cc.policy.test_first and capture_done_61(z, cc):
        return compact_end_61(z, cc, COMPACT_SUCCESS)
    return COMPACT_TURN


cdef int end_batch_61(zone_t *z, compact_control_t *cc, int no_memory) noexcept nogil:
    """What was not moved goes back; a direct run that does not wait leaves the block alone that it cannot empty."""
    cdef int left = not list_empty(link_array(z), slot_list(z, cc.migratepages))
    compact_61(z).events[CE61_MIGRATED] += cc.succeeded
    compact_61(z).events[CE61_NOT_MIGRATED] += cc.failed
    cc.nr_migratepages = 0
    if no_memory or (left and cc.failed):
        putback_movable_pages_61(z, cc)
        if no_memory and not scanners_met_61(z, cc):
            return compact_end_61(z, cc, COMPACT_CONTENDED)
        if is_soft_61(cc):
            cc.migrate_pfn = ((cc.migrate_pfn - 1) >> cc.order << cc.order) + (<uint64_t> 1 << cc.order)
            cc.last_migrated = 0
    if cc.capture and cc.policy.form == CAPTURE_LISTS and cc.succeeded and cc.captured == NO_PAGE:
        capture_listed_61(z, cc)
    return end_turn_61(z, cc)


cdef int compact_turn_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """One turn of the loop up to the batch; the state after it."""
    cdef int result = compact_finished_61(z, cc)
    cdef uint64_t here = cc.migrate_pfn
    if result != COMPACT_CONTINUE:
        return compact_end_61(z, cc, result)
    cc.rescan = pageblock_start_61(z, cc.last_migrated) == pageblock_start_61(z, here)
    if isolate_migratepages_61(z, cc):
        cc.keep_equal = 0
        cc.last_migrated = here
        begin_batch_61(z, cc)
        return COMPACT_PAGE
    if cc.keep_equal:
        compact_61(z).cached_migrate[1] = compact_61(z).cached_migrate[0]
    return end_turn_61(z, cc)


cdef int compact_page_61(machine_t *m, int32_t at, zone_t *z, compact_control_t *cc) noexcept nogil:
    """Go on to the next attempt; the state after it."""
    cdef int32_t i
    if not next_page_61(z, cc):
        return end_batch_61(z, cc, 0)
    i = cc.page
    if not flags_array(z)[i] & PF_ORPHAN:
        cc.target = compaction_alloc_61(z, cc)
        if cc.target == NO_PAGE:
            cc.failed += 1 + cc.busy
            return end_batch_61(z, cc, 1)
    if cc.stops:
        return COMPACT_ATTEMPT
    settle_attempt_61(m, at, z, cc, outcome_61(z, cc))
    return COMPACT_PAGE
