# One run of compaction over one zone (Linux 6.1): both scanners, migration, and the block that is captured.
#
# A run is a step machine: `compact_step_61` goes on until its budget of pages is used up, or, if asked for, stops
# before each attempt to move a page.  While it works, and only then, capture is armed for its task.
#
#   BEGIN --not worth while--------------------------------------------------> DONE
#     |                                              finished, captured, no targets |
#     +--> TURN --pages isolated--> PAGE <--> ATTEMPT (stopped; compact_answer_61)  |
#           ^  |                     |  batch is through                            |
#           +--+---------------------+----------------------------------------------+
#
# Kernel: mm/compaction.c of 6.1: compact_zone, compact_finished, __compact_finished.


cdef void compact_control_init_61(compact_control_t *cc, int order, uint32_t gfp, int mode) noexcept nogil:
    """A control structure for any number of zones, one after the other.  The caller sets the other fields."""
    memset(cc, 0, sizeof(compact_control_t))
    cc.order = cc.search_order = order
    cc.gfp = gfp
    cc.mode = mode
    cc.state = COMPACT_DONE
    cc.captured = cc.page = cc.target = NO_PAGE
    cc.migratepages = cc.freepages = NO_PAGE


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


# --- begin and end ----------------------------------------------------------------------------------------------

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


cdef int compact_open_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Private lists for the run; 0 if all of the zone's are in use."""
    cc.migratepages = slot_open(z, SLOT_PAGES)
    if cc.migratepages == NO_PAGE:
        return 0
    cc.freepages = slot_open(z, SLOT_TARGETS)
    if cc.freepages == NO_PAGE:
        slot_close(z, cc.migratepages)
        cc.migratepages = NO_PAGE
        return 0
    zone_slot(z, cc.freepages).rules = TARGETS_CAPTURE_61 if cc.capture else 0
    return 1


cdef int compact_begin_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Begin a run over a zone with a control structure that is not in one; 0 if too many are under way."""
    cdef compact_zone_6_1_t *c = compact_61(z)
    cc.migrate_scanned = cc.free_scanned = cc.isolated = cc.moved = 0
    cc.nr_migratepages = cc.nr_freepages = 0
    cc.captured = cc.page = cc.target = NO_PAGE
    cc.migratetype = request_type_61(z, (cc.gfp >> 3) & 3)
    cc.unevictable = c.unevictable_allowed
    cc.last_migrated = 0
    cc.state = COMPACT_DONE
    cc.result = compaction_suitable_61(z, cc.order, cc.alloc_flags, cc.highest_zoneidx)
    if cc.result == COMPACT_SUCCESS or cc.result == COMPACT_SKIPPED:
        return 1
    if not compact_open_61(z, cc):
        cc.result = COMPACT_CONTENDED
        return 0
    if compaction_restarting_61(z, cc.order):
        reset_isolation_suitable_61(z)
    place_scanners_61(z, cc)
    cc.keep_equal = cc.mode == MIGRATE_ASYNC and c.cached_migrate[0] == c.cached_migrate[1]
    cc.state = COMPACT_TURN
    return 1


cdef int compact_end_61(zone_t *z, compact_control_t *cc, int result) noexcept nogil:
    """The run is over: targets go back, and what it has done is counted.  COMPACT_DONE."""
    cdef compact_zone_6_1_t *c = compact_61(z)
    cc.result = result
    cc.state = COMPACT_DONE
    release_freepages_61(z, cc)
    slot_close(z, cc.freepages)
    slot_close(z, cc.migratepages)
    cc.migratepages = cc.freepages = NO_PAGE
    c.events[CE61_MIGRATE_SCANNED] += cc.migrate_scanned
    c.events[CE61_FREE_SCANNED] += cc.free_scanned
    return COMPACT_DONE


# --- the loop ---------------------------------------------------------------------------------------------------

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
    settle_attempt_61(m, at, z, cc, outcome_61(flags_array(z)[i], cc.mode))
    return COMPACT_PAGE


cdef inline int64_t compact_work_61(const compact_control_t *cc) noexcept nogil:
    return cc.migrate_scanned + cc.free_scanned + cc.moved


cdef int compact_step_61(machine_t *m, int32_t at, zone_t *z, compact_control_t *cc, int64_t budget) noexcept nogil:
    """Go on until about `budget` pages have been looked at or moved; the state.

    m, at: whose ring of events is told of moved pages, and the zone's position in it; m may be NULL.
    """
    cdef int64_t end = compact_work_61(cc) + budget
    capture_arm_61(z, cc)
    cc.batch_over = 0
    while cc.state < COMPACT_ATTEMPT and compact_work_61(cc) < end and not cc.batch_over:
        if m != NULL and events_pending(m) > NR_EVENTS - EVENT_ROOM:
            break
        if cc.state == COMPACT_TURN:
            cc.state = compact_turn_61(z, cc)
        else:
            cc.state = compact_page_61(m, at, z, cc)
            cc.batch_over = cc.batch_steps and cc.state == COMPACT_TURN
        capture_note_61(z, cc)
    capture_disarm_61(z, cc)
    return cc.state


cdef void compact_answer_61(machine_t *m, int32_t at, zone_t *z, compact_control_t *cc, int outcome) noexcept nogil:
    """Go on with the attempt that a run has stopped before: ATTEMPT_*."""
    if outcome == ATTEMPT_BY_FLAGS:
        outcome = outcome_61(flags_array(z)[cc.page], cc.mode)
    capture_arm_61(z, cc)
    settle_attempt_61(m, at, z, cc, outcome)
    cc.state = COMPACT_PAGE
    capture_disarm_61(z, cc)


cdef int32_t compact_take_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """The captured block becomes an allocated one, the caller's; or NO_PAGE.  The result is COMPACT_SUCCESS then."""
    cdef int32_t i = cc.captured
    if i != NO_PAGE:
        cc.result = COMPACT_SUCCESS
        order_array(z)[i] = PG_USED | cc.order
        cc.captured = NO_PAGE
    return i


cdef void compact_abort_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Give up: pages and targets go back, and so does a captured block."""
    cdef int32_t i
    if cc.target != NO_PAGE:
        compaction_free_61(z, cc, cc.target)
        cc.target = NO_PAGE
    if cc.state != COMPACT_DONE:
        putback_movable_pages_61(z, cc)
        compact_end_61(z, cc, COMPACT_CONTENDED)
    i = compact_take_61(z, cc)
    if i != NO_PAGE:
        free_unref_61(z, i, cc.order)
        cc.result = COMPACT_CONTENDED
