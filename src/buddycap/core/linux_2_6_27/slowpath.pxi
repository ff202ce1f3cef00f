# The slow path: one node's zones in their order, and an allocation in flight.
#
#   request_t:  START (S0-S5) -> REBALANCE (S6a, b) -> RECLAIM (S6c) -> after_reclaim (S6d-S8) -> DONE
#                 ^   ^-------------- out of memory ----------------------'  |
#                 |          ^------------------- retry, after 20 ms --------'
#               S1 succeeds in most cases: then nothing else was touched
#
# The steps of __alloc_pages_internal, by which the docstrings here and in queue.pxi go:
#
#   S0  restart                        S6  rebalance, where retries begin
#   S1  first try, at the low mark     S6a who reclaims for others: no marks   S6d nothing yet: drain per-CPU lists
#   S2  may not reclaim (NUMA)         S6b who may not wait fails              S6e some progress: another try
#   S3  wake kswapd                    S6c direct reclaim                      S6f none: out of memory
#   S4  how far below the mark         S7  try again?
#   S5  second try, at the min mark    S8  wait 20 ms, and on from S6          S9  fail
#
# With a queue (queue.pxi) a request may stand QUEUED before START or before RECLAIM.
#
# Direct reclaim is S6c: priorities 12 to 0, in each the zones of the list, then the slab.
#
# Kernel: mm/page_alloc.c of 2.6.27 (get_page_from_freelist, __alloc_pages_internal) and mm/vmscan.c of 2.6.28
# (do_try_to_free_pages, shrink_zones), with the hook of patch 4/4.
#
# Deviations: one node, no zonelist cache, no nodemask; cpusets allow a zone or not, softwall and hardwall alike.  There
# is no OOM killer: a round without any progress that the kernel would follow with a kill or an endless retry is
# counted, and after machine_t.oom_rounds of them the request fails, __GFP_NOFAIL included.

cdef enum:
    RETRY_MS = 20               # HZ/50
    OOM_MS = 4                  # one tick at HZ=250, which the killer sleeps

cdef enum:                      # request_t.state, besides those of every kernel
    REQUEST_REBALANCE = 2
    REQUEST_RECLAIM
    REQUEST_QUEUED

cdef enum:                      # request_t.reclaim_state
    RECLAIM_BEGIN = 0
    RECLAIM_PRIORITY
    RECLAIM_ZONES
    RECLAIM_SHRINK
    RECLAIM_SLAB


# --- zones ------------------------------------------------------------------------------------------------------

cdef void machine_init(machine_t *m) noexcept nogil:
    """A node without zones and without swap, parameters as in 2.6.28, policy none."""
    cdef int k
    memset(m, 0, sizeof(machine_t))
    for k in range(NR_GFP_ZONES):
        m.gfp_zone[k] = MAX_NR_ZONES - 1
    m.swappiness = 60
    m.oom_rounds = 1
    m.slab_objects_per_page = 1
    m.policy.capture_min_order = PAGE_ALLOC_COSTLY_ORDER + 1
    m.policy.batch = 1
    m.kswapd.asleep = 1
    m.kswapd.classzone_idx = m.kcompactd.classzone_idx = -1
    m.kcompactd.asleep = 1
    m.magic = machine_magic()


cdef int zones_match_27(const zone_t *one, const zone_t *other) noexcept nogil:
    """Whether two zones can belong to one node."""
    cdef int k
    for k in range(MAX_NR_ZONES):
        if one.node_present[k] != other.node_present[k]:
            return 0
    return one.cpus == other.cpus and one.max_page_order == other.max_page_order


cdef inline int gfp_zoneidx(const machine_t *m, uint32_t gfp) noexcept nogil:
    """Index of the highest zone that may serve the request.  Linux: gfp_zone."""
    return m.gfp_zone[(gfp & (GFP_DMA | GFP_HIGHMEM | GFP_DMA32)) | (8 if gfp & GFP_MOVABLE else 0)]


cdef inline int32_t buffered_rmqueue(zone_t *z, int order, uint32_t gfp, int cpu) noexcept nogil:
    """The migratetype bits of gfp are the migratetype.  Linux: buffered_rmqueue, allocflags_to_migratetype."""
    cdef int mt = (gfp >> 19) & 3
    if order == 0:
        return rmqueue_pcplist_27(z, cpu, mt, (gfp & GFP_COLD) != 0)
    return rmqueue_zone_27(z, order, mt)


cdef int32_t get_page_from_freelist_27(machine_t *m, int order, uint32_t gfp, int alloc_flags, int cpu,
                                       int32_t *zone) noexcept nogil:
    """The first zone of the list that permits it and has a block."""
    cdef int high = gfp_zoneidx(m, gfp)
    cdef int classzone_idx = -1
    cdef zone_t *z
    cdef int32_t i
    cdef int k
    for k in range(m.nr_zones):
        z = m.zone[k]
        if not is_listed(z, high):
            continue
        if classzone_idx < 0:
            classzone_idx = z.zone_idx
        if not zone_cpuset_permits(z, alloc_flags) or not zone_watermark_permits(z, order, classzone_idx, alloc_flags):
            continue
        i = buffered_rmqueue(z, order, gfp, cpu)
        if i != NO_PAGE:
            zone[0] = k
            return i
    return NO_PAGE


cdef int32_t request_shortcut_27(machine_t *m, int order, uint32_t gfp, int cpu, int32_t *zone) noexcept nogil:
    """S1 of a request without the request: it serves nearly all, and its failure leaves no trace."""
    if m.queue != NULL:
        return NO_PAGE
    return get_page_from_freelist_27(m, order, gfp, ALLOC_WMARK_LOW | ALLOC_CPUSET, cpu, zone)


cdef void free_block_27(zone_t *z, int32_t i, int order, int cpu) noexcept nogil:
    """Free a block the way its order asks for.  Linux: __free_pages."""
    if order == 0:
        free_hot_cold_page_27(z, cpu, i, 0)
    else:
        free_pages_ok_27(z, i, order)


# --- direct reclaim ---------------------------------------------------------------------------------------------

cdef inline int bypasses_pcp(const request_t *r) noexcept nogil:
    return r.policy.bypass_pcp and r.order >= r.policy.capture_min_order


cdef void begin_reclaim(machine_t *m, request_t *r) noexcept nogil:
    cdef scan_t *sc = &r.scan
    cdef int k
    sc.gfp = r.gfp
    sc.order = r.order
    sc.no_lumpy = m.no_lumpy
    sc.alloc_flags = r.alloc_flags
    sc.classzone_idx = r.classzone_idx
    sc.cpu = r.cpu
    sc.policy = r.policy
    sc.may_writepage = not m.laptop_mode
    sc.got = NO_PAGE
    sc.fenced = NO_PAGE
    sc.priority = DEF_PRIORITY
    r.reclaims += 1
    r.lru_pages = r.total_scanned = r.nr_reclaimed = r.progress = 0
    m.zone[0].vm[VM_ALLOCSTALL] += 1
    for k in range(m.nr_zones):
        if is_reclaimable(m.zone[k], r.high_zoneidx):
            r.lru_pages += zone_lru_pages(m.zone[k])
        if bypasses_pcp(r):
            pcp_bypass_begin(m.zone[k])


cdef void leave_reclaim(machine_t *m, request_t *r) noexcept nogil:
    """Reclaim is over, finished or given up."""
    cdef int k
    r.reclaim_state = RECLAIM_BEGIN
    for k in range(m.nr_zones):
        if bypasses_pcp(r):
            pcp_bypass_end(m.zone[k])


cdef void leave_isolated(machine_t *m, request_t *r) noexcept nogil:
    """The pageblock that was isolated for the request, if there is one, is in bounds again."""
    if r.scan.fenced != NO_PAGE:
        unisolate_pageblock(m.zone[r.scan.fenced_zone], r.scan.fenced, r.scan.fenced_type)
        r.scan.fenced = NO_PAGE


cdef int next_zone(machine_t *m, request_t *r) noexcept nogil:
    """The next zone of shrink_zones at this priority; 0 if there is none.  kswapd alone polls unreclaimable ones."""
    while r.zone_at < m.nr_zones:
        r.scan.zone = r.zone_at
        r.zone_at += 1
        if is_reclaimable(m.zone[r.scan.zone], r.high_zoneidx):
            note_zone_scanning_priority(m.zone[r.scan.zone], r.scan.priority)
            if not m.zone[r.scan.zone].all_unreclaimable or r.scan.priority == DEF_PRIORITY:
                r.all_unreclaimable = 0
                return 1
    return 0


cdef int end_reclaim(machine_t *m, request_t *r, int64_t progress) noexcept nogil:
    cdef int k
    r.progress = progress
    leave_reclaim(m, r)
    for k in range(m.nr_zones):
        if is_reclaimable(m.zone[k], r.high_zoneidx):
            m.zone[k].prev_priority = max(r.scan.priority, 0)
    return 1


cdef int end_priority(machine_t *m, request_t *r, step_t *out) noexcept nogil:
    """After one priority: enough?  Else ask for writeback and, if pages were scanned in vain, rest.  1: through."""
    cdef scan_t *sc = &r.scan
    r.nr_reclaimed += sc.slab_pages
    r.total_scanned += sc.nr_scanned
    if r.nr_reclaimed >= SWAP_CLUSTER_MAX:
        return end_reclaim(m, r, r.nr_reclaimed)
    if r.total_scanned > SWAP_CLUSTER_MAX + SWAP_CLUSTER_MAX // 2:
        event_put(m, EV_WAKE_PDFLUSH, 0, 0 if m.laptop_mode else r.total_scanned, 0)
        sc.may_writepage = 1
    r.reclaim_state = RECLAIM_PRIORITY
    sc.priority -= 1
    if sc.nr_scanned and sc.priority + 1 < DEF_PRIORITY - 2:
        return congestion_wait(sc, out, CONGESTION_MS)
    out.wait = WAIT_NONE
    return 0


cdef int try_to_free_pages(machine_t *m, request_t *r, int64_t budget, step_t *out) noexcept nogil:
    """Direct reclaim; the result is r.progress, and r.scan.got if a block was captured.

    A captured block does not end the loop: reclaim goes on until 32 pages have come or the priorities are used up.
    Linux: do_try_to_free_pages, shrink_zones.
    """
    cdef scan_t *sc = &r.scan
    while True:
        if r.reclaim_state == RECLAIM_BEGIN:
            begin_reclaim(m, r)
            r.reclaim_state = RECLAIM_PRIORITY
        elif r.reclaim_state == RECLAIM_PRIORITY:
            if sc.priority < 0:
                return end_reclaim(m, r, 0 if r.all_unreclaimable else r.nr_reclaimed)
            sc.nr_scanned = 0
            r.all_unreclaimable = 1
            r.zone_at = 0
            r.reclaim_state = RECLAIM_ZONES
        elif r.reclaim_state == RECLAIM_ZONES:
            r.reclaim_state = RECLAIM_SHRINK
            if not next_zone(m, r):
                begin_slab(m, sc, r.lru_pages)
                r.reclaim_state = RECLAIM_SLAB
        elif r.reclaim_state == RECLAIM_SHRINK:
            if not shrink_zone(m, sc, budget, out):
                return 0
            r.nr_reclaimed += sc.nr_reclaimed
            r.reclaim_state = RECLAIM_ZONES
        elif not shrink_slab(m, sc, budget, out):
            return 0
        elif end_priority(m, r, out):
            return 1
        elif out.wait != WAIT_NONE:
            return 0


# --- an allocation ----------------------------------------------------------------------------------------------

cdef void request_init_27(machine_t *m, request_t *r, int order, uint32_t gfp, int cpu, int task,
                          const policy_t *policy) noexcept nogil:
    """An allocation that has not begun.  PF_MEMALLOC and the like stand in `task`."""
    cdef int first
    memset(r, 0, sizeof(request_t))
    r.order = order
    r.gfp = gfp
    r.cpu = cpu
    r.task = task
    r.policy = m.policy if policy == NULL else policy[0]
    r.magic = request_magic(m, r)
    r.page = NO_PAGE
    r.scan.fenced = NO_PAGE
    r.scan.capture_largest = -1
    r.high_zoneidx = gfp_zoneidx(m, gfp)
    first = preferred_zone(m, r.high_zoneidx)
    if first >= 0:
        r.classzone_idx = m.zone[first].zone_idx
    else:
        end_request(r, NO_PAGE, PATH_FAILED)


cdef int try_zones(machine_t *m, request_t *r, int alloc_flags, int path) noexcept nogil:
    """Try the free lists; 1 if the request is over."""
    cdef int32_t i = get_page_from_freelist_27(m, r.order, r.gfp, alloc_flags, r.cpu, &r.zone)
    return 0 if i == NO_PAGE else end_request(r, i, path)


cdef int request_alloc_flags(const request_t *r) noexcept nogil:
    """S4: how far below the mark the request may go."""
    cdef int flags = ALLOC_WMARK_MIN
    if r.task & TASK_REALTIME or not r.gfp & GFP_WAIT:
        flags |= ALLOC_HARDER
    if r.gfp & GFP_HIGH:
        flags |= ALLOC_HIGH
    if r.gfp & GFP_WAIT:
        flags |= ALLOC_CPUSET
    return flags


cdef void start_request(machine_t *m, request_t *r) noexcept nogil:
    """S1 to S5."""
    cdef int k
    if try_zones(m, r, ALLOC_WMARK_LOW | ALLOC_CPUSET, PATH_FAST):
        return
    for k in range(m.nr_zones):
        if is_listed(m.zone[k], r.high_zoneidx):
            wakeup_kswapd_27(m, m.zone[k], r.order)
    r.alloc_flags = request_alloc_flags(r)
    if not try_zones(m, r, r.alloc_flags, PATH_SECOND):
        r.state = REQUEST_REBALANCE


cdef int retry_later(machine_t *m, request_t *r, int state, int ms, step_t *out) noexcept nogil:
    """Go to `state` after a rest, or fail if that has gone on too long.  1: over."""
    if r.oom_rounds >= m.oom_rounds:
        return end_request(r, NO_PAGE, PATH_FAILED)
    r.state = state
    return congestion_wait(&r.scan, out, ms)


cdef int rebalance(machine_t *m, request_t *r, step_t *out) noexcept nogil:
    """S6a, S6b: who must not reclaim gets everything there is, or nothing.  0: wait."""
    if r.task & TASK_MEMALLOC:
        if not r.gfp & GFP_NOMEMALLOC:
            if try_zones(m, r, ALLOC_NO_WATERMARKS, PATH_MEMALLOC):
                return 1
            if r.gfp & GFP_NOFAIL:
                r.oom_rounds += 1
                return retry_later(m, r, REQUEST_REBALANCE, RETRY_MS, out)
        return end_request(r, NO_PAGE, PATH_FAILED)
    if not r.gfp & GFP_WAIT:
        return end_request(r, NO_PAGE, PATH_FAILED)
    if not queue_before_reclaim(m, r, out):
        r.state = REQUEST_QUEUED
        return 0
    r.state = REQUEST_RECLAIM
    return 1


cdef int wants_retry(const request_t *r) noexcept nogil:
    """S7: small orders for ever, costly ones with __GFP_REPEAT until 2^order pages have been reclaimed."""
    if r.gfp & GFP_NORETRY:
        return 0
    if r.order <= PAGE_ALLOC_COSTLY_ORDER or r.gfp & GFP_NOFAIL:
        return 1
    return r.gfp & GFP_REPEAT and r.pages_reclaimed < (<int64_t> 1 << r.order)


cdef int out_of_memory(machine_t *m, request_t *r, step_t *out) noexcept nogil:
    """S6f: a last look at the high mark, then the killer would come; start again after it.  0: wait."""
    if try_zones(m, r, ALLOC_WMARK_HIGH | ALLOC_CPUSET, PATH_LAST_TRY):
        return 1
    r.oom_rounds += 1
    if r.order > PAGE_ALLOC_COSTLY_ORDER:
        return end_request(r, NO_PAGE, PATH_FAILED)
    return retry_later(m, r, REQUEST_START, OOM_MS, out)


cdef int attempt_isolated(machine_t *m, request_t *r) noexcept nogil:
    """Policy isolate, once the per-CPU lists are empty: is the block there, and permitted?  Its type comes back."""
    cdef int zone = r.scan.fenced_zone
    cdef int32_t i = NO_PAGE
    cdef zone_t *z
    if r.scan.fenced == NO_PAGE:
        return 0
    z = m.zone[zone]
    if zone_cpuset_permits(z, r.alloc_flags) and zone_watermark_permits(z, r.order, r.classzone_idx, r.alloc_flags):
        i = rmqueue_fenced(z, r.scan.fenced, r.order)
    leave_isolated(m, r)
    if i == NO_PAGE:
        return 0
    r.zone = zone
    return end_request(r, i, PATH_ISOLATED)


cdef int after_reclaim(machine_t *m, request_t *r, step_t *out) noexcept nogil:
    """S6c's result to S8.  0: wait."""
    cdef int k
    if r.scan.got != NO_PAGE:
        leave_isolated(m, r)
        r.zone = r.scan.got_zone
        page_set_flags(m.zone[r.zone], r.scan.got, 0)
        return end_request(r, r.scan.got, PATH_CAPTURED)
    if r.order:
        for k in range(m.nr_zones):
            drain_all_pages(m.zone[k])
    if attempt_isolated(m, r):
        return 1
    if r.progress:
        if try_zones(m, r, r.alloc_flags, PATH_RECLAIM):
            return 1
    elif r.gfp & GFP_FS and not r.gfp & GFP_NORETRY:
        return out_of_memory(m, r, out)
    r.pages_reclaimed += r.progress
    if not wants_retry(r):
        return end_request(r, NO_PAGE, PATH_FAILED)
    r.oom_rounds += r.progress == 0
    return retry_later(m, r, REQUEST_REBALANCE, RETRY_MS, out)


cdef int request_advance(machine_t *m, request_t *r, int64_t budget, step_t *out) noexcept nogil:
    """One transition; 0 if the step ends with it."""
    if r.state == REQUEST_START:
        if not queue_before_start(m, r, out):
            r.state = REQUEST_QUEUED
            return 0
        start_request(m, r)
    elif r.state == REQUEST_REBALANCE:
        return rebalance(m, r, out)
    elif r.state == REQUEST_RECLAIM:
        return try_to_free_pages(m, r, budget, out) and after_reclaim(m, r, out)
    elif r.state == REQUEST_QUEUED:
        if not queue_resume(m, r, out):
            return 0
        r.state = REQUEST_START if r.policy.queue == QUEUE_STRICT else REQUEST_RECLAIM
    else:
        if r.queued:
            queue_leave(m, r)
        return leave_step(out, WAIT_DONE)
    return 1


cdef int request_step_27(machine_t *m, request_t *r, int64_t budget, step_t *out) noexcept nogil:
    """Go on until the request is over, the budget is used up or something must be waited for."""
    step_begin(out)
    count_work(m, &out.cost, -1)
    if may_go_on(m, budget, out):
        while request_advance(m, r, budget, out):
            pass
    step_end(m, out, &r.total)
    return out.wait


cdef int request_answer_27(machine_t *m, request_t *r, int answer, int64_t budget, step_t *out) noexcept nogil:
    """Go on with a step that ended with WAIT_CONSULT as if it had never ended."""
    cdef cost_t before = out.cost
    count_work(m, &out.cost, -1)
    out.wait = WAIT_NONE
    r.scan.answer = answer
    while request_advance(m, r, budget, out):
        pass
    cost_add(&r.total, &before, -1)
    step_end(m, out, &r.total)
    return out.wait


cdef int capture_prefer(machine_t *m, request_t *r, int32_t i) noexcept nogil:
    """While the hook is asked: the consultation is to look at block i first.  0: it is not there, or too small."""
    if r.state != REQUEST_RECLAIM or r.reclaim_state != RECLAIM_SHRINK:
        return 0
    return scan_prefer(&r.scan, m.zone[r.scan.zone], i)


cdef void request_abort_27(machine_t *m, request_t *r) noexcept nogil:
    """Give up: everything isolated, captured or found goes back, and the request has failed."""
    cdef step_t out
    step_begin(&out)
    if r.state == REQUEST_RECLAIM and r.reclaim_state != RECLAIM_BEGIN:
        count_work(m, &out.cost, -1)
        scan_abort(&r.scan, m.zone[r.scan.zone], &out)
        m.shrinker_nr += r.scan.slab_scan
        if r.scan.got != NO_PAGE:
            free_pages_ok_27(m.zone[r.scan.got_zone], r.scan.got, r.order)
        leave_reclaim(m, r)
        leave_isolated(m, r)
        step_end(m, &out, &r.total)
    if r.queued:
        queue_leave(m, r)
    if r.state != REQUEST_DONE:
        end_request(r, NO_PAGE, PATH_FAILED)
