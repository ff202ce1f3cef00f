# The engine: takes the next task from the queue, lets it allocate what it wants, and asks it what is next.

from ._core cimport (NR_GFP_ZONES, PATH_FAST, PATH_SECOND, WAIT_CONGESTION, WAIT_CONSULT, WAIT_DONE, WAIT_LISTS,
                     WAIT_QUEUE, WAIT_SLEEP, WAIT_WRITEBACK, as_policies, ask_hook, compact_control_t,
                     direct_t, kcompactd_abort, kcompactd_look, kcompactd_step, kswapd_abort, kswapd_step,
                     machine_attach_zone, machine_init, request_abort, request_answer, request_init,
                     request_shortcut, request_step)

cdef enum:
    KERNEL_CONGESTION_MS = 100  # HZ/10: what the core asks for, and what the parameters may replace,
    KERNEL_RETRY_MS = 20        # HZ/50
    AGAIN_NS = 20000000         # after a failed allocation, or when all private lists are in use


cdef inline int64_t step_price(world_t *w, const step_t *step) noexcept nogil:
    """What the work of one step costs in simulated time."""
    return (step.cost.scanned * w.p.scan_ns + (step.cost.freed + step.cost.captured) * w.p.free_ns
            + step.cost.looked * w.p.look_ps // 1000 + step.cost.active * w.p.active_ns
            + step.cost.pageouts * w.p.pageout_ns + step.cost.slab_scanned * w.p.scan_ns
            + (step.cost.migrate_scanned + step.cost.free_scanned) * w.p.compact_scan_ps // 1000
            + step.cost.migrated * w.p.migrate_ns)


cdef inline int64_t batch_price(world_t *w, const compact_control_t *cc, int compacting) noexcept nogil:
    """What the end of a batch of compaction costs, if the last step came to one."""
    return w.p.batch_ns if compacting and cc.batch_over else 0


cdef inline int64_t rest_limit(world_t *w, const step_t *step) noexcept nogil:
    """Longest time that a congestion_wait takes."""
    if step.wait_ms == KERNEL_CONGESTION_MS:
        return w.p.congestion_ns
    return w.p.retry_ns if step.wait_ms == KERNEL_RETRY_MS else step.wait_ms * <int64_t> 1000000


cdef int64_t pause(world_t *w, task_t *t, const step_t *step) noexcept nogil:
    """Let the task go on when what its step waits for has come; how long it waits, work apart."""
    cdef int64_t time = w.now + t.busy_ns
    cdef int64_t end = time
    if step.wait == WAIT_CONGESTION:
        end += congestion_ends(w, rest_limit(w, step)) - w.now
    elif step.wait == WAIT_WRITEBACK:
        end = max(time, write_ends(w, <int32_t> step.page))
    elif step.wait == WAIT_LISTS:
        end += AGAIN_NS
    t.busy_ns = 0
    if t.request.scan.holding:
        w.held_ns += end - w.now
    if step.wait == WAIT_QUEUE:
        t.blocked = 1           # until drain_events finds it in front
        t.blocked_since = end
        leave_cpu(w, t, time)
    else:
        go_on(w, t, time, end)
    return end - time


cdef void count_waits(task_t *t, int sync_passes, int wait, int64_t wait_ns) noexcept nogil:
    """Add up the waits of a request.  A synchronous pass begins in the step after its congestion_wait."""
    if t.request.scan.sync_passes > sync_passes:
        t.sync_waits += 1
        t.sync_wait_ns += t.last_wait_ns
    if wait == WAIT_WRITEBACK:
        t.sync_waits += 1
        t.sync_wait_ns += wait_ns
    t.last_wait_ns = wait_ns
    t.wait_ns += wait_ns


cdef int advance_request(world_t *w, task_t *t, int32_t id) noexcept nogil:
    """One step of the task's allocation: 1 when it has ended, 0 when the task has been put to wait."""
    cdef step_t step
    cdef int sync_passes = t.request.scan.sync_passes
    cdef int wait = request_step(&w.m, &t.request,
                                 w.p.compact_budget_pages if t.request.own.compacting else w.p.budget_pages, &step)
    cdef int64_t begin = w.now + t.busy_ns
    cdef int64_t worked
    cdef int64_t wait_ns = 0
    cdef int answer = 1
    while wait == WAIT_CONSULT and answer > 0:
        answer = consult_hook(w, &t.request)
        if answer > 0:
            wait = request_answer(&w.m, &t.request, answer, w.p.budget_pages, &step)
    t.busy_ns += step_price(w, &step) + batch_price(w, &t.request.own.walk.cc, t.request.own.compacting)
    worked = w.now + t.busy_ns
    drain_events(w, t)
    if t.request.path != PATH_FAST and t.request.path != PATH_SECOND:
        w.slow_orders |= <uint32_t> 1 << t.want_order
    if wait == WAIT_DONE:
        t.in_request = 0
        w.no_progress += t.request.oom_rounds
    else:
        wait_ns = pause(w, t, &step)
    count_waits(t, sync_passes, wait, wait_ns)
    if w.keep_turns and t.want == WANT_HUGE:
        note_turn(w, t, id, begin, worked, wait, wait_ns)
    return wait == WAIT_DONE


cdef int begin_request(world_t *w, task_t *t) noexcept nogil:
    """Begin to allocate a block.  1 if the free lists had one at once, so that there is nothing more to do.

    That is what the first step of a request would try, unless the policy makes it queue; most allocations end with it.
    """
    cdef int32_t zone
    cdef int32_t page = -1
    if t.want != WANT_HUGE and not w.m.policy.queue:
        page = request_shortcut(&w.m, t.want_order, t.want_gfp, t.cpu, &zone)
    if page >= 0:
        t.request.page = page
        return 1
    request_init(&w.m, &t.request, t.want_order, t.want_gfp, t.cpu, 0, NULL)
    t.in_request = 1
    return 0


cdef int granted(world_t *w, task_t *t, int32_t id) noexcept nogil:
    """The allocation has ended: use the page.  0 if there was none and the task gives its wish up."""
    if t.want == WANT_HUGE:
        if t.kind == TASK_FAULTER:
            fault_answered(w, t)
        else:
            answer(w, t)
        return 1
    if t.request.page < 0:
        w.background_failed += 1
        t.want = WANT_NOTHING
        return 0
    place_page(w, t, id, t.request.page)
    t.want_left -= 1
    if t.want_left == 0:
        t.want = WANT_NOTHING
    return 1


cdef int fill(world_t *w, task_t *t, int32_t id) noexcept nogil:
    """Allocate what the task wants.  0 when it has been put to wait."""
    while t.want != WANT_NOTHING:
        if (t.in_request or not begin_request(w, t)) and not advance_request(w, t, id):
            return 0
        if not granted(w, t, id):
            go_on(w, t, w.now + t.busy_ns, w.now + t.busy_ns + AGAIN_NS)
            t.busy_ns = 0
            return 0
    return 1


cdef void run_actor(world_t *w, task_t *t, int32_t id) noexcept nogil:
    """Go on with a task until it has to wait: for pages, for the disk, for its time, or because others are due.

    A wish is granted first; then the pause that the actor asked for, or the disk, whichever is longer.
    """
    cdef int64_t delay = 0
    cdef int32_t wanted = t.want
    while True:
        if not fill(w, t, id):
            return
        delay = max(t.pause_ns, read_delay(w, t, wanted))
        t.pause_ns = 0
        if delay > 0 or t.busy_ns >= w.p.yield_ns:
            go_on(w, t, w.now + t.busy_ns, w.now + max(delay, t.busy_ns))
            t.busy_ns = 0
            return
        delay = actor_next(w, t)
        if delay < 0:
            leave_cpu(w, t, w.now + t.busy_ns)
            return
        wanted = t.want
        t.pause_ns = delay


cdef void run_kswapd(world_t *w, task_t *t) noexcept nogil:
    cdef step_t step
    kswapd_step(&w.m, w.p.budget_pages, &step)
    t.busy_ns += step_price(w, &step)
    t.in_request = step.wait != WAIT_SLEEP
    drain_events(w, t)
    if step.wait != WAIT_SLEEP:
        pause(w, t, &step)
    else:
        leave_cpu(w, t, w.now + t.busy_ns)
    t.busy_ns = 0


cdef void run_kcompactd(world_t *w, task_t *t) noexcept nogil:
    cdef step_t step
    kcompactd_step(&w.m, w.p.compact_budget_pages, &step)
    t.busy_ns += step_price(w, &step) + batch_price(w, &w.m.kcompactd.walk.cc, w.m.kcompactd.running)
    t.in_request = step.wait != WAIT_SLEEP
    drain_events(w, t)
    if step.wait != WAIT_SLEEP:
        pause(w, t, &step)
    else:
        leave_cpu(w, t, w.now + t.busy_ns)
    t.busy_ns = 0


cdef void run_look(world_t *w, task_t *t) noexcept nogil:
    """Let kcompactd look whether to compact proactively."""
    if kcompactd_look(&w.m):
        wake_kcompactd(w)
    go_on(w, t, w.now, w.now + w.p.look_period_ns)


cdef int world_run(world_t *w, int64_t events, int64_t until) noexcept nogil:
    """Perform so many events; 0 when all requests have been answered, or the world has failed or been robbed.

    0, too, before the first event that is due at `until` or later.
    """
    cdef due_t next
    cdef task_t *t
    cdef int32_t id
    while events > 0:
        if w.over or w.failed or w.robbed or w.nr_wakes == 0 or w.wake[0].time >= until:
            return 0
        next = heap_take(w.wake, &w.nr_wakes)
        w.now = next.time
        catch_up(w)
        id = whose_turn(w, next.what)
        if id < 0:
            continue
        t = &w.task[id]
        if t.kind == TASK_KSWAPD:
            run_kswapd(w, t)
        elif t.kind == TASK_KCOMPACTD:
            run_kcompactd(w, t)
        elif t.kind == TASK_LOOK:
            run_look(w, t)
        else:
            run_actor(w, t, id)
        events -= 1
        w.events += 1
        if w.stopped:
            return 1
    return 1


# --- start and end ----------------------------------------------------------------------------------------------

cdef int table(int32_t **out, int64_t n) noexcept nogil:
    """A zeroed array; 0 if there is no memory."""
    out[0] = <int32_t *> calloc(max(n, <int64_t> 1), sizeof(int32_t))
    return out[0] != NULL


cdef uint64_t stream_seed(world_t *w, int kind, uint64_t seed) noexcept nogil:
    """Seed of a new task's stream: by its kind and its number among its kind, so that no other task moves it."""
    cdef uint64_t stream = <uint64_t> kind << 12
    cdef int32_t k
    for k in range(w.nr_tasks):
        stream += w.task[k].kind == kind
    return seed * <uint64_t> 0x9E3779B97F4A7C15 + stream + 1


cdef task_t *add_task(world_t *w, int kind, int64_t pages, int64_t start_ns, uint64_t seed) noexcept nogil:
    """A new task with a table of pages that begins at `start_ns`, or, if that is negative, when it is woken.

    NULL if there is no memory for its table.
    """
    cdef int32_t id = w.nr_tasks
    cdef task_t *t = &w.task[id]
    random_seed(t.random, stream_seed(w, kind, seed))
    t.kind = kind
    t.cpu = id % <int32_t> w.p.cpus
    w.nr_tasks += 1
    t.pages_size = pages
    if pages and not table(&t.pages, pages):
        return NULL
    if start_ns >= 0:
        wake_at(w, id, start_ns)
    return t


cdef int add_build(world_t *w, int64_t start_ns, uint64_t seed) noexcept nogil:
    cdef task_t *t = add_task(w, TASK_BUILD, w.p.anon_max_pages, start_ns, seed)
    cdef int64_t blocks, k
    if t == NULL:
        return 0
    t.hot_size = max(w.p.hot_pages // w.p.builds, <int64_t> 1)
    blocks = w.p.anon_max_pages // PAGE_TABLE_PAGES + w.p.process_kernel_pages + 8
    t.kernel_size = 2 * blocks
    if not table(&t.hot, t.hot_size) or not table(&t.kernel, t.kernel_size):
        return 0
    for k in range(t.hot_size):
        t.hot[k] = ABSENT
    return 1


cdef int add_load(world_t *w, int64_t at, uint64_t seed) noexcept nogil:
    """A copy of the recorded load that begins with allocation `at`."""
    cdef task_t *t = add_task(w, TASK_LOAD, LOAD_SLOTS, 0, seed)
    if t == NULL:
        return 0
    t.load_at = at
    t.hot_size = LOAD_SLOTS
    return table(&t.hot, LOAD_SLOTS)


cdef int add_resident(world_t *w, uint64_t seed) noexcept nogil:
    cdef int64_t pages = w.p.resident_pages
    cdef task_t *t
    if pages == 0:
        return 1
    t = add_task(w, TASK_RESIDENT, pages, 0, seed)
    if t == NULL:
        return 0
    t.pages_goal = pages
    t.period_ns = w.p.warmup_ns // 2 * w.p.chunk_pages // max(pages, w.p.chunk_pages)
    return 1


cdef int add_warmup(world_t *w, uint64_t seed) noexcept nogil:
    cdef task_t *t
    if w.p.warmup_pages == 0:
        return 1
    t = add_task(w, TASK_WARMUP, 0, 0, seed)
    if t == NULL:
        return 0
    t.period_ns = w.p.warmup_ns * w.p.chunk_pages // w.p.warmup_pages
    return 1


cdef int add_flusher(world_t *w, uint64_t seed) noexcept nogil:
    cdef task_t *t
    w.flusher = w.nr_tasks
    if w.p.passes < LAST_PASS:
        return 1
    t = add_task(w, TASK_FLUSHER, w.z.present_pages, -1, seed)
    if t == NULL:
        return 0
    t.pages_goal = w.z.present_pages
    return 1


cdef int add_faulter(world_t *w, int32_t number, uint64_t seed) noexcept nogil:
    cdef int64_t regions = (w.p.fault_regions + number) // w.p.faulters
    cdef task_t *t = add_task(w, TASK_FAULTER, regions << w.p.request_order, -1, seed)
    if t == NULL:
        return 0
    t.pages_goal = regions
    t.kernel_size = 2 * regions
    return table(&t.kernel, t.kernel_size)


cdef int add_reader(world_t *w, uint64_t seed) noexcept nogil:
    cdef task_t *t = add_task(w, TASK_READER, 0, 0, seed)
    cdef int64_t k
    if t == NULL:
        return 0
    t.hot_size = max(w.p.reader_pages // w.p.readers, <int64_t> 1)
    if not table(&t.hot, t.hot_size):
        return 0
    for k in range(t.hot_size):
        t.hot[k] = ABSENT
    return 1


cdef int add_requester(world_t *w, uint64_t seed) noexcept nogil:
    cdef task_t *t = add_task(w, TASK_REQUESTER, 0, -1, seed)
    return t != NULL and table(&t.block, w.z.nr_index >> w.p.request_order)


cdef int add_tasks(world_t *w, uint64_t seed) noexcept nogil:
    """Every actor, those that there are always first; 0 if there is no memory for their tables."""
    cdef params_t *p = &w.p
    cdef int64_t k
    cdef int ok = add_task(w, TASK_STREAM, 0, 0, seed) != NULL and add_resident(w, seed)
    ok = ok and add_task(w, TASK_PDFLUSH, 0, 0, seed) != NULL and add_warmup(w, seed)
    w.kswapd = w.nr_tasks
    ok = ok and add_task(w, TASK_KSWAPD, 0, -1, seed) != NULL
    if p.kernel_period_ns:
        ok = ok and add_task(w, TASK_KERNEL, 0, 0, seed) != NULL
    for k in range(p.builds):
        ok = ok and add_build(w, k * 100000000, seed)
    for k in range(p.loads):
        ok = ok and add_load(w, k * w.nr_load // p.loads, seed)
    w.first_requester = w.nr_tasks
    for k in range(p.requesters):
        ok = ok and add_requester(w, seed)
    ok = ok and add_flusher(w, seed)
    for k in range(p.readers):
        ok = ok and add_reader(w, seed)
    w.first_faulter = w.nr_tasks
    for k in range(p.faulters):
        ok = ok and add_faulter(w, <int32_t> k, seed)
    w.kcompactd = w.nr_tasks
    if p.look_period_ns:
        ok = ok and add_task(w, TASK_KCOMPACTD, 0, -1, seed) != NULL
        ok = ok and add_task(w, TASK_LOOK, 0, p.look_period_ns, seed) != NULL
    if p.aged_run_pages:
        ok = ok and add_task(w, TASK_AGEING, w.z.nr_index, p.request_start_ns, seed) != NULL
    return ok


cdef inline int64_t world_tasks(const params_t *p) noexcept nogil:
    """Room for tasks."""
    return p.builds + p.loads + p.requesters + p.readers + p.faulters + 11


cdef inline int64_t world_wakes(const params_t *p) noexcept nogil:
    """Room for entries of the event queue."""
    return 2 * world_tasks(p) + p.cpus


cdef int world_start(world_t *w, uint64_t seed) noexcept nogil:
    """Tables and tasks; 0 if there is no memory for them."""
    exp2_table(w.exp2_q30)
    log2_table(w.log2_q24)
    w.task = <task_t *> calloc(world_tasks(&w.p), sizeof(task_t))
    w.wake = <due_t *> calloc(world_wakes(&w.p), sizeof(due_t))
    w.stamp = <uint32_t *> calloc(w.z.nr_index, sizeof(uint32_t))
    w.block_stamp = <uint32_t *> calloc((w.z.nr_index >> w.p.request_order) + 1, sizeof(uint32_t))
    w.result = <result_t *> calloc(w.p.requests * w.p.passes + 1, sizeof(result_t))
    w.fault = <fault_t *> calloc(w.p.fault_regions + 1, sizeof(fault_t))
    if w.task == NULL or w.wake == NULL or w.stamp == NULL or w.block_stamp == NULL or w.result == NULL or \
            w.fault == NULL:
        return 0
    if w.p.slice_ns and not cpus_start(w) or not add_tasks(w, seed):
        return 0
    if w.p.faulters:
        begin_faults(w, w.p.request_start_ns)
    else:
        begin_pass(w, w.p.request_start_ns)
    return 1


cdef void world_abort(world_t *w) noexcept nogil:
    """Nothing that is under way stays in the zone."""
    cdef int32_t k
    for k in range(w.nr_tasks):
        if has_request(&w.task[k]):
            request_abort(&w.m, &w.task[k].request)
    kswapd_abort(&w.m)
    kcompactd_abort(&w.m)


cdef void world_free(world_t *w) noexcept nogil:
    cdef int32_t k
    for k in range(w.nr_tasks):
        free(w.task[k].pages)
        free(w.task[k].hot)
        free(w.task[k].kernel)
        free(w.task[k].block)
    free(w.task)
    free(w.wake)
    free(w.timer)
    free(w.write)
    free(w.dirty)
    free(w.load)
    free(w.stamp)
    free(w.block_stamp)
    free(w.result)
    free(w.fault)
    free(w.cpu)
    free(w.turn)
