# What an event means can depend on its neighbours, earlier and later ones.  These passes look at the whole trace.

cdef enum:
    MAX_CPUS = 1024
    LOCKED_DEPTH = 2            # preempt depth inside the section in which a CPU's list is locked
    ENOUGH_ALLOCS = 256         # more than wait on a list of one order and type before a freed page is its head again


cdef void hint_interrupts(const event_t *e, uint8_t *hints, int64_t n) noexcept nogil:
    """Mark frees in interrupts that came while their CPU held the lock of its list: they went past it.

    They show at depth 2 or more, between two events in task context at depth 2 or more.
    """
    cdef int64_t pending[MAX_CPUS]      # first free since the last event in task context, + 1; 0: none
    cdef uint8_t locked[MAX_CPUS]
    cdef int64_t k, j
    cdef int cpu
    cdef bint inside
    memset(pending, 0, sizeof(pending))
    memset(locked, 0, sizeof(locked))
    for k in range(n):
        cpu = e[k].cpu
        if cpu >= MAX_CPUS or not e[k].flags & FL_CONTEXT:
            continue
        inside = e[k].flags & FL_DEPTH >= LOCKED_DEPTH
        if e[k].flags & (FL_SOFTIRQ | FL_HARDIRQ):
            if e[k].event == EV_FREE and inside and locked[cpu] and pending[cpu] == 0:
                pending[cpu] = k + 1
            continue
        if pending[cpu] and inside:
            for j in range(pending[cpu] - 1, k):
                if (e[j].cpu == cpu and e[j].event == EV_FREE and e[j].flags & (FL_SOFTIRQ | FL_HARDIRQ)
                        and e[j].flags & FL_DEPTH >= LOCKED_DEPTH):
                    hints[j] = HINT_INTERRUPT
        pending[cpu] = 0
        locked[cpu] = inside


cdef void hint_removals(const event_t *e, uint8_t *hints, int64_t n) noexcept nogil:
    """Mark the extfrag events that are themselves the removal of their block.

    Since 6.15 (and in stable series with that change) a claim below the pageblock order comes behind the zone_locked
    event of its page, and every other one stands alone.  Before, the removal follows as a zone_locked event.
    """
    cdef int64_t last[MAX_CPUS]         # the CPU's event before, + 1
    cdef int64_t before[MAX_CPUS]       # an extfrag event that was the CPU's last, + 1
    cdef int64_t alone = 0, followed = 0
    cdef int64_t k, j
    cdef int cpu
    memset(last, 0, sizeof(last))
    memset(before, 0, sizeof(before))
    for k in range(n):
        cpu = e[k].cpu
        if cpu >= MAX_CPUS:
            continue
        if before[cpu]:
            j = before[cpu] - 1
            if e[k].event == EV_ZONE_LOCKED and e[k].pfn == e[j].pfn:
                followed += 1
            before[cpu] = 0
        if e[k].event == EV_EXTFRAG:
            j = last[cpu] - 1
            if last[cpu] and e[j].event == EV_ZONE_LOCKED and e[j].pfn == e[k].pfn:
                alone += 1
            else:
                hints[k] = HINT_REMOVAL
                before[cpu] = k + 1
        last[cpu] = k + 1
    if followed > alone:
        for k in range(n):
            if e[k].event == EV_EXTFRAG:
                hints[k] = HINT_NONE


cdef struct later_t:            # what a pass from the end has seen
    uint8_t *next_event         # of every page; 0: none
    uint8_t *type_              # of every pageblock, by what was allocated there, + 1
    int64_t (*allocs)[4][4]     # of every CPU, by order and type


cdef int hint_of_free(follow_t *w, const event_t *e, int hinted, int64_t i, const later_t *later) noexcept nogil:
    """Where did a freed page go, judged by what comes later?

    A page that is next taken from the free lists had reached them, drain or not; one that is next allocated or drained
    was on a per-CPU list.  A per-CPU list is last in, first out.  So a page freed in an interrupt at the depth of a
    locked list, and never seen again although its CPU allocated its like many times over, is not on it either.
    """
    cdef int next_event = later.next_event[i]
    cdef int type_
    if next_event == EV_ZONE_LOCKED or next_event == EV_EXTFRAG:
        return HINT_LATER_TAKE
    if next_event != 0:
        return HINT_NONE
    if (hinted == HINT_NONE and e.flags & (FL_SOFTIRQ | FL_HARDIRQ) and e.flags & FL_DEPTH >= LOCKED_DEPTH
            and e.order < 4 and e.cpu < MAX_CPUS):
        type_ = later.type_[i >> w.frames.block_order]
        if type_ and later.allocs[e.cpu][e.order][type_ - 1] >= ENOUGH_ALLOCS:
            return HINT_INTERRUPT
    return hinted


cdef void hint_frees(follow_t *w, const event_t *e, uint8_t *hints, const later_t *later, int64_t n) noexcept nogil:
    """Go backward through the trace and settle what every free was."""
    cdef frame_zone_t *z
    cdef int64_t k, i
    for k in range(n - 1, -1, -1):
        if e[k].event > EV_EXTFRAG or e[k].event == EV_FREE_BATCHED or e[k].event == 0 or e[k].flags & FL_FAILED:
            continue
        if e[k].event == EV_EXTFRAG and hints[k] != HINT_REMOVAL:
            continue
        z = zone_of(&w.frames, e[k].pfn)
        if z == NULL or e[k].order > w.frames.max_order or not spans(z, e[k].pfn, <int64_t> 1 << e[k].order):
            continue
        i = z.base + e[k].pfn
        if e[k].event == EV_FREE:
            if pcp_order(w, e[k].order):
                hints[k] = <uint8_t> hint_of_free(w, &e[k], hints[k], i, later)
        elif e[k].migratetype < 3:
            later.type_[i >> w.frames.block_order] = e[k].migratetype + 1
            if e[k].event == EV_ALLOC and e[k].order < 4 and e[k].cpu < MAX_CPUS:
                later.allocs[e[k].cpu][e[k].order][e[k].migratetype] += 1
        memset(later.next_event + i, e[k].event, <int64_t> 1 << e[k].order)


cdef bint hint_later(follow_t *w, const event_t *e, uint8_t *hints, int64_t n) noexcept nogil:
    """Do `hint_frees` with its tables; False if there is no memory."""
    cdef later_t later
    cdef bint ready
    later.next_event = <uint8_t *> calloc(w.frames.nr_pages, 1)
    later.type_ = <uint8_t *> calloc((w.frames.nr_pages >> w.frames.block_order) + 1, 1)
    later.allocs = <int64_t (*)[4][4]> calloc(MAX_CPUS, sizeof(int64_t) * 16)
    ready = later.next_event != NULL and later.type_ != NULL and later.allocs != NULL
    if ready:
        hint_frees(w, e, hints, &later, n)
    free(later.next_event)
    free(later.type_)
    free(later.allocs)
    return ready
