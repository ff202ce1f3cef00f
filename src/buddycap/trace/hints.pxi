# What an event means can depend on its neighbours, earlier and later ones.  These passes look at the whole trace.

cdef enum:
    MAX_CPUS = 1024
    LOCKED_DEPTH = 2            # preempt depth inside the section in which a CPU's list is locked
    ENOUGH_POPS = 16            # pages that a list must have given out below one that it never gave out


cdef void hint_interrupts(const event_t *events, uint8_t *hints, int64_t n) noexcept nogil:
    """Mark frees in interrupts that came while their CPU held the lock of its list: they went past it.

    They show at depth 2 or more, and the next event of the task that was interrupted still is at depth 2 or more.  The
    one before need not be: frees of a batch are told at depth 0, before the list is locked.
    """
    cdef int64_t pending[MAX_CPUS]      # first free since the last event in task context, + 1; 0: none
    cdef event_t e
    cdef const event_t *past
    cdef int64_t k, j
    cdef int cpu
    cdef bint inside
    memset(pending, 0, sizeof(pending))
    for k in range(n):
        read_event(&e, &events[k])
        cpu = e.cpu
        if cpu >= MAX_CPUS or not e.flags & FL_CONTEXT:
            continue
        inside = e.flags & FL_DEPTH >= LOCKED_DEPTH
        if e.flags & (FL_SOFTIRQ | FL_HARDIRQ):
            if e.event == EV_FREE and inside and pending[cpu] == 0:
                pending[cpu] = k + 1
            continue
        if pending[cpu] and inside:
            for j in range(pending[cpu] - 1, k):
                past = &events[j]
                if (past.cpu == cpu and past.pid == e.pid and past.event == EV_FREE
                        and past.flags & (FL_SOFTIRQ | FL_HARDIRQ) and past.flags & FL_DEPTH >= LOCKED_DEPTH):
                    hints[j] = HINT_INTERRUPT
        pending[cpu] = 0


cdef void hint_removals(const event_t *events, uint8_t *hints, int64_t n) noexcept nogil:
    """Mark the extfrag events that are themselves the removal of their block.

    Since 6.15 (and in stable series with that change) a claim below the pageblock order comes behind the zone_locked
    event of its page, and every other one stands alone.  Before, the removal follows as a zone_locked event.
    """
    cdef int64_t last[MAX_CPUS]         # the CPU's event before, + 1
    cdef int64_t before[MAX_CPUS]       # an extfrag event that was the CPU's last, + 1
    cdef event_t e
    cdef const event_t *past
    cdef int64_t alone = 0, followed = 0
    cdef int64_t k
    cdef int cpu
    memset(last, 0, sizeof(last))
    memset(before, 0, sizeof(before))
    for k in range(n):
        read_event(&e, &events[k])
        cpu = e.cpu
        if cpu >= MAX_CPUS:
            continue
        if before[cpu]:
            past = &events[before[cpu] - 1]
            if e.event == EV_ZONE_LOCKED and e.pfn == past.pfn:
                followed += 1
            before[cpu] = 0
        if e.event == EV_EXTFRAG:
            past = &events[max(last[cpu] - 1, <int64_t> 0)]
            if last[cpu] and past.event == EV_ZONE_LOCKED and past.pfn == e.pfn:
                alone += 1
            else:
                hints[k] = HINT_REMOVAL
                before[cpu] = k + 1
        last[cpu] = k + 1
    if followed > alone:
        for k in range(n):
            if events[k].event == EV_EXTFRAG:
                hints[k] = HINT_NONE


cdef struct later_t:            # what a pass from the end has seen
    uint8_t *next_event         # of every page; 0: none
    uint8_t *type_              # of every pageblock, by what was allocated there, + 1
    int64_t (*below)[4][4]      # how far below its level now the list of a CPU, order and type will sink


cdef int hint_of_free(follow_t *w, const event_t *e, int hinted, int64_t i, const later_t *later) noexcept nogil:
    """Where did a freed page go, judged by what comes later?

    A page that is next taken from the free lists had reached them, drain or not; one that is next allocated or drained
    was on a per-CPU list.  A per-CPU list is last in, first out.  So a page freed in an interrupt at the depth of a
    locked list, and never seen again although its list gave out what lay below it, is not on it either.
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
        if type_ and later.below[e.cpu][e.order][type_ - 1] >= ENOUGH_POPS:
            return HINT_INTERRUPT
    return hinted


cdef void note_push(const event_t *e, int type_, const later_t *later) noexcept nogil:
    """Going backward: a page comes to a list. Of an unknown type: to any of the CPU's lists of the order."""
    cdef int k
    if e.order >= 4 or e.cpu >= MAX_CPUS:
        return
    for k in range(3):
        if (type_ == 0 or type_ == k + 1) and later.below[e.cpu][e.order][k] > 0:
            later.below[e.cpu][e.order][k] -= 1


cdef void hint_frees(follow_t *w, const event_t *events, uint8_t *hints, const later_t *later,
                     int64_t n) noexcept nogil:
    """Go backward through the trace and settle what every free was."""
    cdef event_t e
    cdef frame_zone_t *z
    cdef int64_t k, i
    for k in range(n - 1, -1, -1):
        read_event(&e, &events[k])
        if e.event > EV_EXTFRAG or e.event == EV_FREE_BATCHED or e.event == 0 or e.flags & FL_FAILED:
            continue
        if e.event == EV_EXTFRAG and hints[k] != HINT_REMOVAL:
            continue
        z = zone_of(&w.frames, e.pfn)
        if z == NULL or e.order > w.frames.max_order or not spans(z, e.pfn, <int64_t> 1 << e.order):
            continue
        i = z.base + e.pfn
        if e.event == EV_FREE:
            if pcp_order(w, e.order):
                hints[k] = <uint8_t> hint_of_free(w, &e, hints[k], i, later)
                if hints[k] != HINT_INTERRUPT:
                    note_push(&e, later.type_[i >> w.frames.block_order], later)
        elif e.migratetype < 3:
            later.type_[i >> w.frames.block_order] = e.migratetype + 1
            if e.event == EV_ALLOC and e.order < 4 and e.cpu < MAX_CPUS:
                later.below[e.cpu][e.order][e.migratetype] += 1
        memset(later.next_event + i, e.event, <int64_t> 1 << e.order)


cdef bint hint_later(follow_t *w, const event_t *e, uint8_t *hints, int64_t n) noexcept nogil:
    """Do `hint_frees` with its tables; False if there is no memory."""
    cdef later_t later
    cdef bint ready
    later.next_event = <uint8_t *> calloc(w.frames.nr_pages, 1)
    later.type_ = <uint8_t *> calloc((w.frames.nr_pages >> w.frames.block_order) + 1, 1)
    later.below = <int64_t (*)[4][4]> calloc(MAX_CPUS, sizeof(int64_t) * 16)
    ready = later.next_event != NULL and later.type_ != NULL and later.below != NULL
    if ready:
        hint_frees(w, e, hints, &later, n)
    free(later.next_event)
    free(later.type_)
    free(later.below)
    return ready
