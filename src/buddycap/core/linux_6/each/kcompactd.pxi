# Compaction of several zones: by a request, by the daemon, proactively, by hand (since Linux 6.1).
#
# Each is a run after the other over the zones of a node, in ascending order of their index.  What is under way stands
# in a compact_walk_t; a step of it is a step of the run under way.
#
# Kernel: mm/compaction.c of 6.1: try_to_compact_pages, compact_zone_order, kcompactd_do_work, kcompactd_node_suitable,
# proactive_compact_node, compact_node.


cdef int zone_permits_61(zone_t **zones, const compact_walk_t *w, int k) noexcept nogil:
    """Whether the walk is to compact zone k; a request and the daemon count that they have asked."""
    cdef zone_t *z = zones[k]
    if w.kind == WALK_NODE or w.kind == WALK_RUN:
        return 1
    if z.zone_idx > w.cc.highest_zoneidx:
        return 0
    if w.kind == WALK_DIRECT and w.priority == COMPACT_PRIO_FULL:
        return 1
    if compaction_deferred_61(z, w.cc.order):
        return 0
    return (w.kind == WALK_DIRECT
            or compaction_suitable_61(z, w.cc.order, 0, z.zone_idx) == COMPACT_CONTINUE)


cdef void walk_direct_61(compact_walk_t *w, uint32_t gfp, int order, int alloc_flags, int highest_zoneidx,
                         int priority, const compaction_policy_t *policy) noexcept nogil:
    """Begin a request's compaction.  Linux: try_to_compact_pages.  policy: NULL for what the kernel does."""
    cdef int full = priority == COMPACT_PRIO_FULL
    memset(w, 0, sizeof(compact_walk_t))
    compact_control_init_61(&w.cc, order, gfp, MIGRATE_ASYNC if priority == COMPACT_PRIO_ASYNC else MIGRATE_SYNC_LIGHT)
    w.kind = WALK_DIRECT
    w.page = NO_PAGE
    w.priority = priority
    w.result = COMPACT_SKIPPED
    w.cc.alloc_flags = alloc_flags
    w.cc.highest_zoneidx = highest_zoneidx
    w.cc.direct_compaction = w.cc.capture = 1
    if policy != NULL:
        w.cc.policy = policy[0]
        w.cc.capture = not policy.off and order >= policy.min_order
    w.cc.ignore_skip_hint = w.cc.ignore_block_suitable = full
    w.done = not gfp & GFP61_IO


cdef void walk_daemon_61(compact_walk_t *w, int order, int highest_zoneidx) noexcept nogil:
    """Begin a round of the daemon.  Linux: kcompactd_do_work."""
    memset(w, 0, sizeof(compact_walk_t))
    compact_control_init_61(&w.cc, order, GFP_KERNEL_61, MIGRATE_SYNC_LIGHT)
    w.kind = WALK_DAEMON
    w.page = NO_PAGE
    w.cc.highest_zoneidx = highest_zoneidx


cdef void walk_node_61(compact_walk_t *w, int proactive, int score_low) noexcept nogil:
    """Begin the compaction of all zones: down to a score, or by hand.  Linux: proactive_compact_node, compact_node."""
    memset(w, 0, sizeof(compact_walk_t))
    compact_control_init_61(&w.cc, -1, GFP_KERNEL_61, MIGRATE_SYNC_LIGHT if proactive else MIGRATE_SYNC)
    w.kind = WALK_NODE
    w.page = NO_PAGE
    w.cc.ignore_skip_hint = 1
    w.cc.proactive = proactive
    w.cc.score_low = score_low


cdef void walk_begin_zone_61(zone_t **zones, compact_walk_t *w) noexcept nogil:
    """The next run.  A request has a new control structure for each zone."""
    if w.kind != WALK_RUN:
        w.cc.whole_zone = w.kind == WALK_NODE or (w.kind == WALK_DIRECT and w.priority == COMPACT_PRIO_FULL)
    if w.kind == WALK_DIRECT:
        w.cc.search_order = w.cc.order
        w.cc.fast_search_fail = 0
    compact_begin_61(zones[w.zone], &w.cc)
    w.running = 1


cdef void walk_end_zone_61(zone_t **zones, compact_walk_t *w) noexcept nogil:
    """A run has ended: what it means for the zone, and for the walk."""
    cdef zone_t *z = zones[w.zone]
    cdef int result = w.cc.result
    w.running = 0
    w.migrate_scanned += w.cc.migrate_scanned
    w.free_scanned += w.cc.free_scanned
    w.moved += w.cc.moved
    if w.cc.captured != NO_PAGE:
        w.page = compact_take_61(z, &w.cc)
        result = COMPACT_SUCCESS
    w.result = max(w.result, result)
    if is_daemons_work_61(w):
        compact_61(z).events[CE61_DAEMON_MIGRATE_SCANNED] += w.cc.migrate_scanned
        compact_61(z).events[CE61_DAEMON_FREE_SCANNED] += w.cc.free_scanned
    if w.kind == WALK_NODE or w.kind == WALK_RUN:
        return
    if result == COMPACT_SUCCESS:
        compaction_defer_reset_61(z, w.cc.order, 0)
        w.done = w.kind == WALK_DIRECT
    elif result == COMPACT_COMPLETE or result == COMPACT_PARTIAL_SKIPPED:
        if w.kind == WALK_DAEMON:
            drain_all_61(z)
        if w.kind == WALK_DAEMON or w.priority != COMPACT_PRIO_ASYNC:
            defer_compaction_61(z, w.cc.order)


cdef int walk_next_zone_61(zone_t **zones, int n, compact_walk_t *w) noexcept nogil:
    """Go on to the next zone that is to be compacted; 0 if there is none.

    A request begins with the highest zone, all others with the lowest.
    """
    cdef int k
    while w.seen < n:
        k = n - 1 - w.seen if w.kind == WALK_DIRECT else w.seen
        w.seen += 1
        if zone_permits_61(zones, w, k):
            w.zone = k
            return 1
        if w.kind == WALK_DIRECT and zones[k].zone_idx <= w.cc.highest_zoneidx:
            w.result = max(w.result, COMPACT_DEFERRED)
    return 0


cdef int walk_step_61(machine_t *m, zone_t **zones, int n, compact_walk_t *w, int64_t budget) noexcept nogil:
    """Go on with a walk until its budget of pages is used up; COMPACT_DONE at its end, COMPACT_ATTEMPT at a stop.

    zones: in ascending order of their index, those of m in the opposite order if it is not NULL.
    """
    cdef int64_t before
    if w.kind == WALK_DAEMON and w.seen == 0 and n:
        compact_61(zones[0]).events[CE61_DAEMON_WAKE] += 1
    while not w.done:
        if not w.running:
            if not walk_next_zone_61(zones, n, w):
                break
            walk_begin_zone_61(zones, w)
        before = compact_work_61(&w.cc)
        if compact_step_61(m, n - 1 - w.zone, zones[w.zone], &w.cc, budget) != COMPACT_DONE:
            return w.cc.state
        budget = max(budget - (compact_work_61(&w.cc) - before), <int64_t> 1)
        walk_end_zone_61(zones, w)
    w.done = 1
    return COMPACT_DONE


cdef void walk_answer_61(machine_t *m, zone_t **zones, int n, compact_walk_t *w, int outcome) noexcept nogil:
    """Go on with the attempt that the walk has stopped before."""
    compact_answer_61(m, n - 1 - w.zone, zones[w.zone], &w.cc, outcome)


cdef void walk_interrupt_61(zone_t **zones, compact_walk_t *w, int at, int32_t i) noexcept nogil:
    """An interrupt on top of the task drops a reference to the block at page i of a zone: what it frees is captured."""
    cdef zone_t *z = zones[at]
    if w.running and at == w.zone:
        capture_arm_61(z, &w.cc)
    put_page_61(z, i, order_array(z)[i] & 0x0F)
    if w.running and at == w.zone:
        capture_disarm_61(z, &w.cc)


cdef void walk_abort_61(zone_t **zones, compact_walk_t *w) noexcept nogil:
    """Give up what is under way."""
    if w.running:
        compact_abort_61(zones[w.zone], &w.cc)
        w.running = 0
    if not w.done:
        w.result = COMPACT_CONTENDED
    w.done = 1


cdef int kcompactd_suitable_61(zone_t **zones, int n, int order, int highest_zoneidx) noexcept nogil:
    """Whether the daemon would be woken.  Linux: kcompactd_node_suitable."""
    cdef int k
    for k in range(n):
        if (zones[k].zone_idx <= highest_zoneidx
                and compaction_suitable_61(zones[k], order, 0, highest_zoneidx) == COMPACT_CONTINUE):
            return 1
    return 0
