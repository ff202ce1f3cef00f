# A trace as operations for `buddycap._core.Replayer`: what was asked for, and what the machine did besides.
#
# Pages that the trace frees although it never allocated them had been taken without an event: they are the copy of a
# page that compaction moved since they were last heard of, or else were allocated in bulk just after that.

cdef enum:                      # operations, as facade/serve.pxi numbers them
    PLAN_ALLOC = 1
    PLAN_FREE
    PLAN_DIRECT_FREE
    PLAN_MOVE
    PLAN_RENAME
    PLAN_REFILL
    PLAN_DRAIN
    PLAN_DRAIN_ALL
    PLAN_COMPACT

cdef enum:                      # what somebody has compacted, as TOLD_* of core/linux_6/compaction.pxi
    PLAN_BY_HAND = 0
    PLAN_ALL
    PLAN_ASKED

cdef enum:                      # what is known of a page
    PLAN_HELD = 0               # in use at the start, as far as one knows
    PLAN_USED = 1               # allocated since
    PLAN_IDLE = 2               # free or on a per-CPU list
    PLAN_ELSEWHERE = 3          # so in the recording; here the simulated machine has its own way

cdef enum:
    MAX_RUNS = 64               # compaction runs at a time
    MAX_TASKS = 1 << 15         # that a table tells apart
    SAME_WALK_NS = 100000       # after the end of a run: its task goes on to the next zone

PLAN_DTYPE = np.dtype([("pfn", "<i8"), ("to", "<i8"), ("gfp", "<u4"), ("cpu", "<u2"), ("op", "u1"), ("order", "u1"),
                       ("event", "<i8")])


cdef packed struct planned_t:
    int64_t pfn
    int64_t to
    uint32_t gfp
    uint16_t cpu
    uint8_t op
    uint8_t order
    int64_t event               # number of the event, twice; one more: just after it


cdef struct plan_t:
    frames_t frames             # of which only the zones are used
    uint8_t *page               # of every page: PLAN_*
    int32_t *since              # of every page: number of the event + 1 that made it idle
    planned_t *op
    int64_t n
    int32_t *moved              # operations that move a page whose copy is not known yet
    int64_t nr_moved
    int64_t oldest              # the first of them that may still be unknown
    int32_t run[MAX_RUNS]       # tasks in compaction
    int nr_runs
    int32_t ended_pid           # whose run of compaction has ended last, and when
    int64_t ended_ns
    uint8_t allocates[MAX_TASKS]        # by pid: whether a task has allocated pages, which kcompactd never does
    int moves                   # what compaction moves is followed
    int lists                   # refills and drains are followed, else only drains that the rules do not give
    uint8_t type_[256]          # the types of the trace as the simulated kernel numbers them
    int32_t last_pid[MAX_CPUS][2]       # of each CPU, in tasks and in interrupts: whose the last event was
    uint8_t last_event[MAX_CPUS][2]
    int64_t silent              # pages taken without an event
    int64_t copies              # of them those known as copies
    int64_t outside


cdef void note_tasks(plan_t *p, const event_t *events, int64_t n) noexcept nogil:
    """Which tasks allocate pages."""
    cdef int64_t k
    for k in range(n):
        if events[k].event == EV_ALLOC and not events[k].flags & (FL_SOFTIRQ | FL_HARDIRQ):
            p.allocates[events[k].pid & (MAX_TASKS - 1)] = 1


cdef planned_t *add_op(plan_t *p, int op, const event_t *e, int64_t k) noexcept nogil:
    cdef planned_t *o = &p.op[p.n]
    o.pfn, o.to, o.gfp, o.cpu, o.op, o.order, o.event = e.pfn, -1, e.gfp, e.cpu, op, e.order, 2 * k
    p.n += 1
    return o


cdef void make_idle(plan_t *p, int64_t i, int order, int64_t k) noexcept nogil:
    cdef int64_t page
    for page in range(i, i + (<int64_t> 1 << order)):
        p.page[page] = PLAN_IDLE
        p.since[page] = <int32_t> (k + 1)


cdef int in_run(const plan_t *p, const event_t *e) noexcept nogil:
    """Whether an event is of a task that is compacting."""
    cdef int r
    if e.flags & (FL_SOFTIRQ | FL_HARDIRQ):
        return 0
    for r in range(p.nr_runs):
        if p.run[r] == e.pid:
            return 1
    return 0


cdef void note_run(plan_t *p, const event_t *e) noexcept nogil:
    cdef int r
    for r in range(p.nr_runs):
        if p.run[r] == e.pid:
            if e.event == EV_COMPACTION_END:
                p.nr_runs -= 1
                p.run[r] = p.run[p.nr_runs]
            return
    if e.event == EV_COMPACTION_BEGIN and p.nr_runs < MAX_RUNS:
        p.run[p.nr_runs] = e.pid
        p.nr_runs += 1


cdef int name_copy(plan_t *p, int64_t pfn, int64_t since) noexcept nogil:
    """A page is the copy of one that was moved later than `since`; 0 if there is none."""
    cdef planned_t *o
    cdef int64_t j
    while p.oldest < p.nr_moved and p.op[p.moved[p.oldest]].to >= 0:
        p.oldest += 1
    for j in range(p.oldest, p.nr_moved):
        o = &p.op[p.moved[j]]
        if o.to < 0 and o.event >= 2 * since:
            o.to = pfn
            p.copies += 1
            return 1
    return 0


cdef void plan_silent(plan_t *p, int64_t i, const event_t *e, int64_t k) noexcept nogil:
    """An idle block is freed: it had been taken without an event."""
    cdef planned_t *o
    cdef event_t page = e[0]
    cdef int64_t since
    page.order = 0
    for page.pfn in range(e.pfn, e.pfn + (<int64_t> 1 << e.order)):
        since = p.since[i + page.pfn - e.pfn]
        p.silent += 1
        if not name_copy(p, page.pfn, since):
            o = add_op(p, PLAN_ALLOC, &page, k)
            o.gfp, o.to, o.event = 0, p.type_[0], 2 * since - 1
            if since == 0:
                o.event = -1


cdef void plan_moves(plan_t *p, int64_t i, const event_t *e, int64_t k) noexcept nogil:
    """A compacting task frees a block: pages in use have been moved, others are given back."""
    cdef event_t page = e[0]
    cdef int64_t j
    page.order = 0
    for j in range(<int64_t> 1 << e.order):
        if p.page[i + j] >= PLAN_IDLE:
            continue
        page.pfn = e.pfn + j
        p.moved[p.nr_moved] = <int32_t> p.n
        p.nr_moved += 1
        add_op(p, PLAN_MOVE if p.moves else PLAN_RENAME, &page, k)
    make_idle(p, i, e.order, k)
    if not p.moves:
        p.page[i] = PLAN_ELSEWHERE


cdef void plan_free(plan_t *p, int64_t i, const event_t *e, int64_t k, int hint) noexcept nogil:
    cdef int direct = hint == HINT_INTERRUPT or (p.lists and hint == HINT_LATER_TAKE)
    if in_run(p, e):
        plan_moves(p, i, e, k)
        return
    if p.page[i] >= PLAN_IDLE:
        plan_silent(p, i, e, k)
    add_op(p, PLAN_DIRECT_FREE if direct else PLAN_FREE, e, k)
    make_idle(p, i, e.order, k)


cdef void plan_drain(plan_t *p, int64_t i, const event_t *e, int64_t k) noexcept nogil:
    """A block leaves a per-CPU list; if no free has caused it, all lists are drained."""
    cdef int context = (e.flags & (FL_SOFTIRQ | FL_HARDIRQ)) != 0
    cdef int elsewhere = p.page[i] == PLAN_ELSEWHERE
    cdef planned_t *o
    cdef int last
    make_idle(p, i, e.order, k)
    if p.lists and elsewhere:
        return
    if p.lists:
        o = add_op(p, PLAN_DRAIN, e, k)
        o.to = p.type_[e.migratetype]
    elif e.cpu < MAX_CPUS:
        last = p.last_event[e.cpu][context]
        if (p.last_pid[e.cpu][context] != e.pid
                or (last != EV_FREE and last != EV_FREE_BATCHED and last != EV_PCPU_DRAIN)):
            add_op(p, PLAN_DRAIN_ALL, e, k).order = 0


cdef void plan_alloc(plan_t *p, int64_t i, const event_t *e, int64_t k) noexcept nogil:
    cdef int64_t page
    add_op(p, PLAN_ALLOC, e, k).to = p.type_[e.migratetype]
    for page in range(i, i + (<int64_t> 1 << e.order)):
        p.page[page] = PLAN_USED


cdef void plan_page(plan_t *p, const event_t *e, int64_t k, int hint) noexcept nogil:
    cdef frame_zone_t *z
    cdef int64_t i
    if (e.event == EV_EXTFRAG and hint != HINT_REMOVAL) or e.flags & FL_FAILED:
        return
    z = zone_of(&p.frames, e.pfn)
    if (e.order > MAX_EVENT_ORDER or z == NULL or not spans(z, e.pfn, <int64_t> 1 << e.order)
            or e.pfn & ((<int64_t> 1 << e.order) - 1)):
        p.outside += 1
        return
    i = z.base + e.pfn
    if e.event == EV_ALLOC:
        plan_alloc(p, i, e, k)
    elif e.event == EV_FREE:
        plan_free(p, i, e, k, hint)
    elif e.event == EV_PCPU_DRAIN:
        plan_drain(p, i, e, k)
    else:
        make_idle(p, i, e.order, k)
        if p.lists and e.event == EV_ZONE_LOCKED and e.flags & FL_REFILL:
            add_op(p, PLAN_REFILL, e, k).to = p.type_[e.migratetype]


cdef int is_kcompactd(const plan_t *p, const event_t *e) noexcept nogil:
    """Whether a task that compacts is kcompactd: it never allocates pages."""
    return not p.allocates[e.pid & (MAX_TASKS - 1)]


cdef void plan_run(plan_t *p, const event_t *e, int64_t k) noexcept nogil:
    """A run of compaction begins, of kcompactd or by hand; those of requests are theirs.

    One in the lowest zone is the first of all zones: kcompactd finds that one too small for what it is asked for. A
    request comes to it, if at all, just after a higher zone.
    """
    cdef int lowest = p.frames.nr_zones > 1 and e.pfn == p.frames.zone[0].start_pfn
    cdef int goes_on = e.pid == p.ended_pid and e.time_ns < p.ended_ns + SAME_WALK_NS
    cdef planned_t *o
    if p.moves or not (is_kcompactd(p, e) or (lowest and not goes_on)):
        return
    o = add_op(p, PLAN_COMPACT, e, k)
    o.order, o.to = 0, PLAN_BY_HAND
    if is_kcompactd(p, e):
        o.to = PLAN_ALL if lowest else PLAN_ASKED


cdef void plan_events(plan_t *p, const event_t *events, const uint8_t *hints, int64_t n) noexcept nogil:
    cdef event_t e
    cdef int64_t k
    cdef int context
    for k in range(n):
        read_event(&e, &events[k])
        if e.event == EV_COMPACTION_BEGIN or e.event == EV_COMPACTION_END:
            note_run(p, &e)
            if e.event == EV_COMPACTION_BEGIN:
                plan_run(p, &e, k)
            else:
                p.ended_pid, p.ended_ns = e.pid, e.time_ns
        elif e.event in (EV_ALLOC, EV_FREE, EV_ZONE_LOCKED, EV_PCPU_DRAIN, EV_EXTFRAG):
            plan_page(p, &e, k, hints[k])
        if e.cpu < MAX_CPUS and e.event <= EV_EXTFRAG:
            context = (e.flags & (FL_SOFTIRQ | FL_HARDIRQ)) != 0
            p.last_pid[e.cpu][context], p.last_event[e.cpu][context] = e.pid, e.event


cdef void sort_operations(const planned_t *op, planned_t *sorted_, int32_t *place, int64_t n,
                          int64_t events) noexcept nogil:
    """Write operations in order of their events, those of one event as they were.  `place` has 2 * events + 2 zeros."""
    cdef int64_t k
    cdef int32_t *mine
    for k in range(n):
        place[op[k].event + 2] += 1
    for k in range(2 * events + 1):
        place[k + 1] += place[k]
    for k in range(n):
        mine = &place[op[k].event + 1]
        sorted_[mine[0]] = op[k]
        mine[0] += 1


cdef int64_t plan_room(const event_t[::1] events) noexcept:
    """Operations that the events can need, at most."""
    cdef int64_t room = 0
    cdef int64_t k
    for k in range(events.shape[0]):
        room += 1 if events[k].event != EV_FREE else 2 + (<int64_t> 1 << min(<int> events[k].order, MAX_EVENT_ORDER))
    return room


def plan_operations(const event_t[::1] events, const uint8_t[::1] hints, zones, free, types, bint moves, bint lists):
    """Turn a trace into operations.

    Parameters
    ----------
    events : ndarray[EVENT_DTYPE]
    hints : ndarray[uint8]
        What `Follower.hints` says of them.
    zones : sequence of (start_pfn, spanned_pages)
    free : sequence of ndarray[bool]
        By zone, which pages are free at the start, or on per-CPU lists.
    types : ndarray[uint8], shape (256,)
        The types of the trace in the numbers of the simulated kernel.
    moves : bool
        What compaction moves is moved. Without, it stays and is only called otherwise.
    lists : bool
        Refills and drains are followed. Without, only drains are there that no free has caused.

    Returns
    -------
    operations : ndarray[PLAN_DTYPE]
        In order of `event`.
    counts : dict of int
        silent, copies, moved, outside.
    """
    cdef plan_t p
    cdef int64_t n = events.shape[0]
    cdef int64_t room
    cdef match_t m
    cdef uint8_t[::1] page
    cdef int32_t[::1] since, moved
    cdef planned_t[::1] op, in_order
    cdef int32_t[::1] place
    cdef const uint8_t[::1] type_ = types
    cdef int k
    if hints.shape[0] != n or type_.shape[0] != 256:
        raise MisuseError(f"hints: {hints.shape[0]} for {n} events")
    memset(&p, 0, sizeof(p))
    memset(&m, 0, sizeof(m))
    spans_given = plain_spans(zones)
    cells = match_init(&m, spans_given)
    p.frames = m.frames
    pages = np.where(np.concatenate(list(free)), np.uint8(PLAN_IDLE), np.uint8(PLAN_HELD))
    if len(pages) != cells:
        raise MisuseError(f"free: {len(pages)} pages; the zones have {cells}")
    room = plan_room(events)
    page, since, moved = pages, np.zeros(cells, np.int32), np.zeros(room + 1, np.int32)
    op = np.zeros(room + 1, PLAN_DTYPE)
    p.page, p.since, p.moved, p.op = &page[0], &since[0], &moved[0], &op[0]
    p.moves, p.lists = moves, lists
    for k in range(256):
        p.type_[k] = type_[k]
    if n:
        with nogil:
            note_tasks(&p, &events[0], n)
            plan_events(&p, &events[0], &hints[0], n)
    operations = np.empty(p.n, PLAN_DTYPE)
    if p.n:
        in_order, place = operations, np.zeros(2 * n + 2, np.int32)
        with nogil:
            sort_operations(p.op, &in_order[0], &place[0], p.n, n)
    return operations, {"silent": p.silent, "copies": p.copies, "moved": p.nr_moved, "outside": p.outside}
