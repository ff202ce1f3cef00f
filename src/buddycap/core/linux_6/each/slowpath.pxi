# An allocation from its beginning to its end.
#
#   request_t:  START -> COMPACT_FIRST -> RETRY -> RECLAIM -> COMPACT -> again? -> DONE
#                                           ^                             |
#                                           +-----------------------------+
#
#   START          the fast path, at the low mark; then kswapd is woken, and a second try at the min mark
#   COMPACT_FIRST  costly orders, and others that are not movable, compact before they reclaim
#   RETRY          kswapd is woken again, and another try; who may not reclaim fails
#   RECLAIM        direct reclaim; if it freed something another try, and one with what was kept back for others
#   COMPACT        direct compaction with the priority that has been reached, and a last look above the high mark
#
# Kernel: mm/page_alloc.c of 6.1: prepare_alloc_pages, alloc_flags_nofragment, gfp_to_alloc_flags, __alloc_pages,
# get_page_from_freelist, __alloc_pages_slowpath and the functions under it.
#
# Deviations: one node; cpusets are not asked.  There is no OOM killer: where it would come the request is told of in
# an event and fails, after another round for each that machine_t.oom_rounds allows beyond the first.


# --- one walk over the zones ------------------------------------------------------------------------------------

cdef int32_t get_page_from_freelist_61(machine_t *m, int order, uint32_t gfp, int flags, int cpu,
                                       int32_t *zone) noexcept nogil:
    """A block from the first zone that the marks permit; a second walk may mix types in a pageblock.

    An allocation that finds its zone's marks raised wakes kswapd.
    """
    cdef int classzone_idx = gfp_zoneidx_61(m, gfp)
    cdef int mt = gfp_migratetype_61(m, gfp)
    cdef int64_t wakeups
    cdef zone_t *z
    cdef int32_t i
    cdef int k
    while True:
        for k in range(m.nr_zones):
            z = m.zone[k]
            if z.zone_idx > classzone_idx:
                continue
            only_61(z).cpu = cpu
            wakeups = only_61(z).wakeups
            i = take_permitted_61(z, order, mt, flags, classzone_idx, (gfp & GFP61_ATOMIC) != 0)
            if only_61(z).wakeups != wakeups:
                wakeup_kswapd_61(m, z, 0, 0, z.zone_idx)
            if i != NO_PAGE:
                zone[0] = k
                return i
        if not flags & ALLOC61_NOFRAGMENT:
            return NO_PAGE
        flags &= ~ALLOC61_NOFRAGMENT


# --- the request ------------------------------------------------------------------------------------------------

cdef int32_t request_shortcut_61(machine_t *m, int order, uint32_t gfp, int cpu, int32_t *zone) noexcept nogil:
    """The fast path of a request without the request; its failure leaves no trace."""
    cdef int32_t i = get_page_from_freelist_61(m, order, gfp, fast_flags_61(m, gfp), cpu, zone)
    if i != NO_PAGE:
        prep_new_page_61(m.zone[zone[0]], i, order, gfp)
    return i


cdef void free_block_61(zone_t *z, int32_t i, int order, int cpu) noexcept nogil:
    """Drop a reference to a block.  Linux: __free_pages."""
    only_61(z).cpu = cpu
    put_page_61(z, i, order)


cdef int try_zones_61(machine_t *m, request_t *r, int flags, int path) noexcept nogil:
    """One call of get_page_from_freelist; 1 if the request is over with it."""
    cdef int32_t i = get_page_from_freelist_61(m, r.order, r.gfp, flags, r.cpu, &r.zone)
    if i == NO_PAGE:
        return 0
    prep_new_page_61(m.zone[r.zone], i, r.order, r.gfp)
    return end_request(r, i, path)


cdef void wake_all_kswapds_61(machine_t *m, const request_t *r) noexcept nogil:
    """Wake the node's kswapd for the first zone that may be used."""
    cdef int preferred = preferred_zone_61(m, r.classzone_idx)
    if r.gfp & GFP61_KSWAPD and preferred >= 0:
        wakeup_kswapd_61(m, m.zone[preferred], r.order, r.gfp, r.classzone_idx)


# --- compaction -------------------------------------------------------------------------------------------------

cdef void begin_compact_61(machine_t *m, request_t *r, int state, int priority) noexcept nogil:
    """Direct compaction comes next; there is none for single pages."""
    r.state = state
    r.own.compacting = r.order > 0
    if r.own.compacting:
        walk_direct_61(&r.own.walk, r.gfp, r.order, r.alloc_flags, r.classzone_idx, priority, &m.compaction)
        r.own.walk.cc.stops = r.own.stops
        r.own.walk.cc.batch_steps = m.batch_steps


cdef int compact_end_request_61(machine_t *m, request_t *r) noexcept nogil:
    """After direct compaction: the captured block, or what is free now.  1 if the request is over with it."""
    cdef compact_walk_t *w = &r.own.walk
    cdef int32_t i = w.page
    r.own.compacting = 0
    r.own.compact_result = w.result
    count_result_61(&m.direct, w.result)
    if w.result == COMPACT_SKIPPED:
        return 0
    count_compaction_61(m, r, CE61_STALL)
    if i != NO_PAGE:
        r.zone = m.nr_zones - 1 - w.zone
        prep_new_page_61(m.zone[r.zone], i, r.order, r.gfp)
        m.direct.captured += 1
        end_request(r, i, PATH_CAPTURED)
    elif not try_zones_61(m, r, r.alloc_flags, PATH_COMPACTED):
        count_compaction_61(m, r, CE61_FAIL)
        m.direct.lost += w.result == COMPACT_SUCCESS
        return 0
    compact_61(m.zone[r.zone]).blockskip_flush = 0
    compaction_defer_reset_61(m.zone[r.zone], r.order, 1)
    count_compaction_61(m, r, CE61_SUCCESS)
    return 1


cdef int compact_request_61(machine_t *m, request_t *r, int64_t budget, step_t *out) noexcept nogil:
    """Go on with direct compaction; 0: the step ends."""
    cdef zone_t *zones[MAX_NR_ZONES]
    cdef compact_walk_t *w = &r.own.walk
    cdef int64_t before = w.moved + w.cc.moved
    cdef int n = machine_zones(m, zones)
    cdef int k, state
    if not r.own.compacting:
        return 1
    for k in range(n):
        only_61(zones[k]).cpu = r.cpu
    state = walk_step_61(m, zones, n, w, budget)
    note_compaction_61(w, &r.own.seen, out)
    if state == COMPACT_ATTEMPT:
        out.zone = n - 1 - w.zone
        out.page = w.cc.page
        return leave_step(out, WAIT_ATTEMPT)
    if not w.done:
        may_go_on(m, budget, out)
        return 0
    r.own.seen.migrate = r.own.seen.free = r.own.seen.moved = 0
    compact_end_request_61(m, r)
    return 1


cdef int after_first_compact_61(machine_t *m, request_t *r) noexcept nogil:
    """Before any reclaim: a costly request that is not to try hard fails where compaction is not worth while."""
    r.state = SLOW61_RETRY
    if is_costly_61(r) and r.gfp & GFP61_NORETRY:
        if r.own.compact_result == COMPACT_SKIPPED or r.own.compact_result == COMPACT_DEFERRED:
            return end_request(r, NO_PAGE, PATH_FAILED)
        if r.gfp & GFP61_THISNODE:
            return end_request(r, NO_PAGE, PATH_FAILED)
        r.own.compact_priority = COMPACT_PRIO_ASYNC
    return 1


cdef int could_compact_61(machine_t *m, const request_t *r) noexcept nogil:
    """Whether compaction would be possible in some zone if reclaim went on.  Linux: compaction_zonelist_suitable."""
    cdef int64_t free
    cdef zone_t *z
    cdef int k
    for k in range(m.nr_zones):
        z = m.zone[k]
        if z.zone_idx > r.classzone_idx:
            continue
        free = z.nr_free_pages + zone_reclaimable_61(m, z) // r.order
        if could_compact_zone_61(z, r.order, r.alloc_flags, r.classzone_idx, free):
            return 1
    return 0


cdef int should_compact_retry_61(machine_t *m, request_t *r) noexcept nogil:
    """Whether compaction may still succeed, perhaps with more effort.  Linux: should_compact_retry."""
    cdef int result = r.own.compact_result
    cdef int failed = (result == COMPACT_COMPLETE or result == COMPACT_DEFERRED or result == COMPACT_CONTENDED
                       or result == COMPACT_PARTIAL_SKIPPED)
    cdef int costly = is_costly_61(r)
    if r.order == 0:
        return 0
    r.own.compact_retries += result == COMPACT_SUCCESS
    if result == COMPACT_SKIPPED:
        return could_compact_61(m, r)
    if not failed and r.own.compact_retries <= (MAX_COSTLY_RETRIES_61 if costly else MAX_COMPACT_RETRIES_61):
        return 1
    if r.own.compact_priority > (COMPACT_PRIO_LIGHT if costly else COMPACT_PRIO_FULL):
        r.own.compact_priority -= 1
        r.own.compact_retries = 0
        return 1
    return 0


# --- reclaim ----------------------------------------------------------------------------------------------------

cdef int unreserve_61(machine_t *m, const request_t *r, int force) noexcept nogil:
    """Give up a pageblock kept for high-order atomic requests: 1 if pages have moved."""
    cdef zone_t *zones[MAX_NR_ZONES]
    return node_unreserve_61(zones, machine_zones(m, zones), gfp_migratetype_61(m, r.gfp), r.classzone_idx, force)


cdef int after_reclaim_61(machine_t *m, request_t *r) noexcept nogil:
    """Another try if reclaim has freed something, and one more with what was kept back.  1 if it is over with it.

    Linux: __alloc_pages_direct_reclaim.
    """
    cdef int k
    if r.progress == 0:
        return 0
    if try_zones_61(m, r, r.alloc_flags, PATH_RECLAIM):
        return 1
    unreserve_61(m, r, 0)
    for k in range(m.nr_zones):
        drain_all_61(m.zone[k])
    return try_zones_61(m, r, r.alloc_flags, PATH_RECLAIM)


cdef int should_reclaim_retry_61(machine_t *m, request_t *r) noexcept nogil:
    """Whether it would be enough to reclaim everything that can be.  Linux: should_reclaim_retry."""
    cdef zone_t *z
    cdef int k
    r.own.no_progress = 0 if r.progress and not is_costly_61(r) else r.own.no_progress + 1
    if r.own.no_progress <= MAX_RECLAIM_RETRIES_61:
        for k in range(m.nr_zones):
            z = m.zone[k]
            if z.zone_idx <= r.classzone_idx and watermark_with_61(
                    z, r.order, boosted_mark_61(z, 0), r.classzone_idx, r.alloc_flags,
                    z.nr_free_pages + zone_reclaimable_61(m, z)):
                return 1
    return unreserve_61(m, r, 1)


cdef int out_of_memory_61(machine_t *m, request_t *r) noexcept nogil:
    """A last look above the high mark; then somebody would have to die, which is told.  1: the state is set."""
    cdef int kills = (not is_costly_61(r) and not r.gfp & (GFP61_RETRY_MAYFAIL | GFP61_THISNODE)
                      and r.classzone_idx >= ZONE_NORMAL_61)
    if try_zones_61(m, r, ALLOC61_WMARK_HIGH | ALLOC61_CPUSET, PATH_LAST_TRY):
        return 1
    if kills:
        r.oom_rounds += 1
        event_put(m, EV_OOM, 0, r.order, 0)
    if kills and r.oom_rounds < m.oom_rounds:
        r.own.no_progress = 0
        r.state = SLOW61_RETRY
        return 1
    if r.gfp & GFP61_NOFAIL and try_zones_61(m, r, ALLOC61_MIN_RESERVE, PATH_MEMALLOC):
        return 1
    return end_request(r, NO_PAGE, PATH_FAILED)


# --- the request ------------------------------------------------------------------------------------------------

cdef int start_request_61(machine_t *m, request_t *r) noexcept nogil:
    """The fast path, and what needs no time after it."""
    cdef int first
    if try_zones_61(m, r, fast_flags_61(m, r.gfp), PATH_FAST):
        return 1
    r.alloc_flags = slow_flags_61(m, r)
    wake_all_kswapds_61(m, r)
    if try_zones_61(m, r, r.alloc_flags, PATH_SECOND):
        return 1
    first = is_costly_61(r) or (r.order > 0 and gfp_migratetype_61(m, r.gfp) != MT61_MOVABLE)
    r.state = SLOW61_RETRY
    if first and r.gfp & GFP61_DIRECT_RECLAIM and r.gfp & GFP61_IO and not ignores_marks_61(r):
        begin_compact_61(m, r, SLOW61_COMPACT_FIRST, COMPACT_PRIO_ASYNC)
    return 1


cdef int retry_request_61(machine_t *m, request_t *r) noexcept nogil:
    """The head of the loop."""
    wake_all_kswapds_61(m, r)
    if ignores_marks_61(r):
        r.alloc_flags = ALLOC61_NO_WATERMARKS | (r.gfp & GFP61_KSWAPD) | cma_flag_61(m, r.gfp)
    if try_zones_61(m, r, r.alloc_flags, PATH_MEMALLOC if ignores_marks_61(r) else PATH_SECOND):
        return 1
    if not r.gfp & GFP61_DIRECT_RECLAIM or r.task & TASK_MEMALLOC:
        return end_request(r, NO_PAGE, PATH_FAILED)
    r.state = SLOW61_RECLAIM
    return 1


cdef int again_61(machine_t *m, request_t *r) noexcept nogil:
    """After reclaim and compaction in vain: another round, or the end."""
    cdef int may_compact = (r.gfp & GFP61_IO) != 0
    if r.gfp & GFP61_NORETRY or (is_costly_61(r) and not (may_compact and r.gfp & GFP61_RETRY_MAYFAIL)):
        return end_request(r, NO_PAGE, PATH_FAILED)
    r.state = SLOW61_RETRY
    if should_reclaim_retry_61(m, r) or (r.progress and may_compact and should_compact_retry_61(m, r)):
        return 1
    return out_of_memory_61(m, r)


cdef int request_advance_61(machine_t *m, request_t *r, int64_t budget, step_t *out) noexcept nogil:
    """One transition; 0 if the step ends with it."""
    if r.state == REQUEST_START:
        return start_request_61(m, r)
    if r.state == SLOW61_COMPACT_FIRST:
        if not compact_request_61(m, r, budget, out):
            return 0
        return r.state == REQUEST_DONE or after_first_compact_61(m, r)
    if r.state == SLOW61_RETRY:
        return retry_request_61(m, r)
    if r.state == SLOW61_RECLAIM:
        if not try_to_free_pages_61(m, r, budget, out):
            return 0
        if not after_reclaim_61(m, r):
            begin_compact_61(m, r, SLOW61_COMPACT, r.own.compact_priority)
        return 1
    if r.state == SLOW61_COMPACT:
        if not compact_request_61(m, r, budget, out):
            return 0
        return r.state == REQUEST_DONE or again_61(m, r)
    return leave_step(out, WAIT_DONE)


cdef int request_step_61(machine_t *m, request_t *r, int64_t budget, step_t *out) noexcept nogil:
    """Go on until the request is over, the budget is used up or something must be waited for."""
    step_begin(out)
    count_work(m, &out.cost, -1)
    if may_go_on(m, budget, out):
        while request_advance_61(m, r, budget, out):
            pass
    step_end(m, out, &r.total)
    return out.wait


cdef void request_attempted_61(machine_t *m, request_t *r, int outcome) noexcept nogil:
    """What comes of the attempt before which the last step has stopped."""
    cdef zone_t *zones[MAX_NR_ZONES]
    cdef int n = machine_zones(m, zones)
    if r.own.compacting and r.own.walk.cc.state == COMPACT_ATTEMPT:
        only_61(zones[r.own.walk.zone]).cpu = r.cpu
        walk_answer_61(m, zones, n, &r.own.walk, outcome)


cdef void request_interrupted_61(machine_t *m, request_t *r, int32_t zone, int32_t i) noexcept nogil:
    """At such a stop an interrupt on top of the task frees a block: it may be captured."""
    cdef zone_t *zones[MAX_NR_ZONES]
    cdef int n = machine_zones(m, zones)
    only_61(m.zone[zone]).cpu = r.cpu
    walk_interrupt_61(zones, &r.own.walk, n - 1 - zone, i)


cdef void request_abort_61(machine_t *m, request_t *r) noexcept nogil:
    """Give up: what is isolated goes back."""
    cdef zone_t *zones[MAX_NR_ZONES]
    if r.own.compacting:
        machine_zones(m, zones)
        walk_abort_61(zones, &r.own.walk)
        r.own.compacting = 0
    if r.state == SLOW61_RECLAIM:
        reclaim_abort_61(m, r)
    if r.state != REQUEST_DONE:
        end_request(r, NO_PAGE, PATH_FAILED)
