# The daemons since Linux 6.1: kswapd keeps free pages above the high mark, kcompactd keeps blocks together.
#
#   kswapd_t:  ASLEEP --wakeup_kswapd--> BALANCE -> for priority 12..1: SHRINK -> done: the boost ends
#                 ^                         ^                                   |
#                 |                         '-- not enough at the order asked --'
#                 '--- balanced: kcompactd is told of the order
#
# kswapd is done as soon as one zone is above its high mark at its order.  Once it has freed twice a block's pages it
# goes on for order 0 only.  Pages freed because of a boost are neither written nor swapped.
#
# Kernel: mm/vmscan.c of 6.1: kswapd, kswapd_try_to_sleep, balance_pgdat, kswapd_shrink_node; mm/compaction.c:
# kcompactd, kcompactd_do_work.
#
# Deviations: kswapd does not nap for 100 ms before it sleeps.  What was asked of kcompactd while it works is looked at
# when it is through.

cdef enum:
    LOOKS_PASSED_61 = (1 << MAX_DEFER_SHIFT_61) - 1


# --- kswapd -----------------------------------------------------------------------------------------------------

cdef void set_reclaim_active_61(machine_t *m, int classzone_idx, int active) noexcept nogil:
    """Per-CPU lists are kept short while kswapd is at work."""
    cdef int k
    for k in range(m.nr_zones):
        if m.zone[k].zone_idx <= classzone_idx:
            only_61(m.zone[k]).reclaim = active


cdef void kswapd_sleep_61(machine_t *m, kswapd_t *k) noexcept nogil:
    """Before it sleeps skip bits may be cleared, and kcompactd is told what was wanted."""
    cdef int n
    for n in range(m.nr_zones):
        reset_isolation_suitable_61(m.zone[n])
    wakeup_kcompactd_61(m, k.alloc_order, k.end_zone)
    k.asleep = 1
    k.state = KSWAPD61_ASLEEP


cdef int kswapd_awake_61(machine_t *m, kswapd_t *k, step_t *out) noexcept nogil:
    """Woken: take over what is asked for."""
    if k.asleep:
        return leave_step(out, WAIT_SLEEP)
    k.alloc_order = k.order = k.max_order
    k.end_zone = k.classzone_idx if k.classzone_idx >= 0 else k.end_zone
    k.max_order = 0
    k.classzone_idx = -1
    k.state = KSWAPD61_BALANCE
    return 1


cdef void begin_balance_61(machine_t *m, kswapd_t *k) noexcept nogil:
    """The head of balance_pgdat."""
    cdef scan_t *sc = &k.scan
    cdef int n
    memset(sc, 0, sizeof(scan_t))
    sc.gfp = GFP61_DIRECT_RECLAIM | GFP61_KSWAPD | GFP61_IO | GFP61_FS
    sc.order = k.order
    sc.classzone_idx = k.end_zone
    sc.kswapd = 1
    sc.cpu = k.cpu
    sc.priority = DEF_PRIORITY
    sc.got = sc.fenced = sc.capture_slot = NO_PAGE
    k.boosting = 0
    for n in range(m.nr_zones):
        k.boosts[n] = only_61(m.zone[n]).boost if m.zone[n].zone_idx <= k.end_zone else 0
        k.boosting += <int32_t> k.boosts[n]
    k.boost_left = k.boosting
    m.zone[0].vm[VM_PAGEOUTRUN] += 1
    set_reclaim_active_61(m, k.end_zone, 1)
    k.state = KSWAPD61_PRIORITY


cdef int begin_priority_61(machine_t *m, kswapd_t *k) noexcept nogil:
    """One turn of the loop over the priorities; 0: enough."""
    cdef scan_t *sc = &k.scan
    cdef int balanced = node_is_balanced_61(m, sc.order, k.end_zone)
    cdef int n
    if not balanced and k.boost_left:
        k.boost_left = 0
        sc.priority = DEF_PRIORITY
    if balanced and not k.boost_left:
        return 0
    k.raise_priority = not (k.boost_left and sc.priority == DEF_PRIORITY - 2)
    sc.may_writepage = not m.laptop_mode and not k.boost_left
    sc.may_swap = not k.boost_left
    if sc.priority < DEF_PRIORITY - 2:
        sc.may_writepage = 1
    sc.nr_scanned = 0
    sc.nr_to_reclaim = 0
    for n in range(m.nr_zones):
        if m.zone[n].zone_idx <= k.end_zone and only_61(m.zone[n]).managed:
            sc.nr_to_reclaim += max(boosted_mark_61(m.zone[n], 2), <int64_t> SWAP_CLUSTER_MAX)
    k.nr_reclaimed = sc.total_reclaimed
    k.state = KSWAPD61_SHRINK
    return 1


cdef int end_priority_kswapd_61(kswapd_t *k) noexcept nogil:
    """After a pass: whether another one follows."""
    cdef scan_t *sc = &k.scan
    cdef int64_t reclaimed = sc.total_reclaimed - k.nr_reclaimed
    if sc.order and sc.total_reclaimed >= (<int64_t> 2 << sc.order):
        sc.order = 0
    if sc.nr_scanned >= sc.nr_to_reclaim:
        k.raise_priority = 0
    k.boost_left -= min(k.boost_left, reclaimed)
    if k.boost_left and not reclaimed:
        return 0
    if k.raise_priority or not reclaimed:
        sc.priority -= 1
    k.state = KSWAPD61_PRIORITY
    return sc.priority >= 1


cdef void end_balance_61(machine_t *m, kswapd_t *k, int exhausted) noexcept nogil:
    """The tail of balance_pgdat: marks that were worked off are lowered; then sleep, or what is asked for now."""
    cdef zone_t *z
    cdef int n
    if exhausted and k.scan.total_reclaimed == 0:
        k.failures += 1
    set_reclaim_active_61(m, k.end_zone, 0)
    for n in range(m.nr_zones):
        z = m.zone[n]
        only_61(z).boost -= min(only_61(z).boost, k.boosts[n])
    if k.boosting:
        wakeup_kcompactd_61(m, m.zone[0].pageblock_order, k.end_zone)
    k.order = k.scan.order
    if k.failures >= MAX_RECLAIM_RETRIES_61 or node_is_balanced_61(m, k.order, k.end_zone):
        kswapd_sleep_61(m, k)
        return
    k.alloc_order = k.order = max(k.max_order, k.order)
    k.end_zone = max(k.classzone_idx, k.end_zone)
    k.max_order = 0
    k.classzone_idx = -1
    k.state = KSWAPD61_BALANCE


cdef int kswapd_advance_61(machine_t *m, kswapd_t *k, int64_t budget, step_t *out) noexcept nogil:
    """One transition; 0 if the step ends with it."""
    if k.state == KSWAPD61_ASLEEP:
        return kswapd_awake_61(m, k, out)
    if k.state == KSWAPD61_BALANCE:
        begin_balance_61(m, k)
        return 1
    if k.state == KSWAPD61_PRIORITY:
        if not begin_priority_61(m, k):
            end_balance_61(m, k, 0)
            return k.asleep or leave_step(out, WAIT_NONE)
        return 1
    if not shrink_node_61(m, &k.scan, budget, out):
        return 0
    if not end_priority_kswapd_61(k):
        end_balance_61(m, k, 1)
        return k.asleep or congestion_wait(&k.scan, out, THROTTLE_MS_61)
    return 1


cdef int kswapd_step_61(machine_t *m, int64_t budget, step_t *out) noexcept nogil:
    """Let kswapd go on until the budget is used up, something must be waited for, or it sleeps."""
    step_begin(out)
    count_work(m, &out.cost, -1)
    if may_go_on(m, budget, out):
        while kswapd_advance_61(m, &m.kswapd, budget, out):
            pass
    step_end(m, out, &m.kswapd.total)
    return out.wait


cdef void kswapd_abort_61(machine_t *m) noexcept nogil:
    """Put back what kswapd has isolated and send it to sleep."""
    if m.kswapd.state != KSWAPD61_ASLEEP:
        scan_abort_61(m, &m.kswapd.scan)
        set_reclaim_active_61(m, m.kswapd.end_zone, 0)
    m.kswapd.state = KSWAPD61_ASLEEP
    m.kswapd.asleep = 1


# --- kcompactd --------------------------------------------------------------------------------------------------

cdef void run_kcompactd_61(machine_t *m, kcompactd_t *k) noexcept nogil:
    """A walk begins."""
    k.walk.cc.batch_steps = m.batch_steps
    k.seen.migrate = k.seen.free = k.seen.moved = 0
    k.running = 1


cdef void end_kcompactd_61(kcompactd_t *k, zone_t **zones, int n) noexcept nogil:
    """Sleep, unless more was asked for meanwhile."""
    k.running = 0
    if k.walk.kind == WALK_NODE:
        k.passed = LOOKS_PASSED_61 if score_node_61(zones, n) >= k.score else 0
        k.asleep = k.max_order == 0
    elif k.max_order <= k.walk.cc.order:
        k.max_order = 0
        k.classzone_idx = -1
        k.asleep = 1


cdef int kcompactd_step_61(machine_t *m, int64_t budget, step_t *out) noexcept nogil:
    """Let kcompactd go on until the budget is used up or it sleeps."""
    cdef zone_t *zones[MAX_NR_ZONES]
    cdef kcompactd_t *k = &m.kcompactd
    cdef int n
    step_begin(out)
    count_work(m, &out.cost, -1)
    if k.asleep:
        leave_step(out, WAIT_SLEEP)
    elif may_go_on(m, budget, out):
        if not k.running:
            walk_daemon_61(&k.walk, k.max_order, k.classzone_idx)
            run_kcompactd_61(m, k)
        n = machine_zones(m, zones)
        walk_step_61(m, zones, n, &k.walk, budget)
        note_compaction_61(&k.walk, &k.seen, out)
        if k.walk.done:
            end_kcompactd_61(k, zones, n)
            leave_step(out, WAIT_SLEEP if k.asleep else WAIT_NONE)
        else:
            may_go_on(m, budget, out)
    step_end(m, out, &k.total)
    return out.wait


cdef int kcompactd_look_61(machine_t *m) noexcept nogil:
    """Called every half second: kcompactd, if it sleeps, looks whether to compact proactively; 1 if it begins.

    After a round that has not lowered the score it leaves out as many looks as make half a minute.
    """
    cdef zone_t *zones[MAX_NR_ZONES]
    cdef kcompactd_t *k = &m.kcompactd
    cdef int n = machine_zones(m, zones)
    if not k.asleep or not m.compaction.proactiveness:
        return 0
    if k.passed:
        k.passed -= 1
        return 0
    if not m.kswapd.asleep or not should_proactive_compact_61(zones, n, m.compaction.proactiveness):
        return 0
    k.score = score_node_61(zones, n)
    walk_node_61(&k.walk, 1, score_low_61(m.compaction.proactiveness))
    run_kcompactd_61(m, k)
    k.asleep = 0
    return 1


cdef int kcompactd_told_61(machine_t *m, int how) noexcept nogil:
    """Somebody has compacted on a recorded machine at this moment: kcompactd, if it sleeps, does so, too; 1 if it does.

    It does what it was asked for and could not be woken for, which it sees when its half second is over; else
    (TOLD_ALL) it compacts all zones proactively. TOLD_BY_HAND: all zones, to their end.
    """
    cdef zone_t *zones[MAX_NR_ZONES]
    cdef kcompactd_t *k = &m.kcompactd
    if not k.asleep:
        return 0
    if how == TOLD_BY_HAND or k.max_order == 0:
        if how == TOLD_ASKED or (how == TOLD_ALL and not m.compaction.proactiveness):
            return 0
        k.score = score_node_61(zones, machine_zones(m, zones))
        walk_node_61(&k.walk, how == TOLD_ALL, score_low_61(m.compaction.proactiveness))
        run_kcompactd_61(m, k)
    k.asleep = 0
    return 1


cdef void kcompactd_abort_61(machine_t *m) noexcept nogil:
    """Give up what kcompactd has isolated and send it to sleep."""
    cdef zone_t *zones[MAX_NR_ZONES]
    cdef kcompactd_t *k = &m.kcompactd
    if k.running:
        machine_zones(m, zones)
        walk_abort_61(zones, &k.walk)
    k.running = 0
    k.max_order = 0
    k.classzone_idx = -1
    k.asleep = 1
