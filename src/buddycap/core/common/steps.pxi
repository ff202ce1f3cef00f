# Steps: how long work goes on, what it costs, why it stops; and the ring of events that tells a driver what happened.
#
# A function that can stop returns 1 when it is through, or 0 when the step ends: out.wait then says why.

cdef enum:
    EVENT_ROOM = 160            # places kept free: more than any piece of work fills

cdef enum:                      # request_t.state: the first and the last one, in every kernel
    REQUEST_START = 0
    REQUEST_DONE = 1


cdef uint32_t events_pending(const machine_t *m) noexcept nogil:
    return m.event_last - m.event_first


cdef int event_take(machine_t *m, event_t *event) noexcept nogil:
    """The oldest event; 0 if there is none."""
    if m.event_first == m.event_last:
        return 0
    event[0] = m.event[m.event_first & (NR_EVENTS - 1)]
    m.event_first += 1
    return 1


cdef inline void event_put(machine_t *m, int kind, int32_t zone, int64_t page, uint64_t owner) noexcept nogil:
    """Note an event.  Steps begin with EVENT_ROOM free places; a full ring (nobody drains it) takes no more."""
    cdef event_t *event = &m.event[m.event_last & (NR_EVENTS - 1)]
    if m.event_last - m.event_first == NR_EVENTS:
        return
    event.kind = kind
    event.zone = zone
    event.page = page
    event.owner = owner
    m.event_last += 1


cdef inline int leave_step(step_t *out, int wait) noexcept nogil:
    """Leave the step; 0, so that the callers can return it."""
    out.wait = wait
    return 0


cdef inline int may_go_on(machine_t *m, int64_t budget, step_t *out) noexcept nogil:
    """Whether the step may do one more piece of work."""
    if events_pending(m) > NR_EVENTS - EVENT_ROOM:
        return leave_step(out, WAIT_EVENTS)
    if (out.cost.scanned + out.cost.active + out.cost.slab_scanned + out.cost.migrated + out.cost.migrate_scanned
            + out.cost.free_scanned >= budget):
        return leave_step(out, WAIT_NONE)
    return 1


cdef inline void note_freed(machine_t *m, int32_t zone, int32_t i) noexcept nogil:
    """The owner lets page i go: an event, if that is wanted."""
    if m.event_mask & NOTE_FREED:
        event_put(m, EV_FREED, zone, i, page_owner(m.zone[zone], i))


cdef void step_begin(step_t *out) noexcept nogil:
    memset(out, 0, sizeof(step_t))
    out.page = NO_PAGE


cdef void cost_add(cost_t *total, const cost_t *cost, int sign) noexcept nogil:
    """total += sign * cost, counter by counter: a cost_t is nothing but int64_t."""
    cdef int k
    for k in range(sizeof(cost_t) // sizeof(int64_t)):
        (<int64_t *> total)[k] += sign * (<const int64_t *> cost)[k]


cdef void count_work(machine_t *m, cost_t *cost, int sign) noexcept nogil:
    """Splits and merges of a step: less what the zones had counted before it (-1), plus what they have after it (1)."""
    cdef int k
    for k in range(m.nr_zones):
        cost.splits += sign * <int64_t> m.zone[k].vm[VM_BUDDY_SPLIT]
        cost.merges += sign * <int64_t> m.zone[k].vm[VM_BUDDY_MERGE]


cdef void step_end(machine_t *m, step_t *out, cost_t *total) noexcept nogil:
    """The costs of the step are complete; add them up."""
    count_work(m, &out.cost, 1)
    out.cost.waits = out.wait == WAIT_CONGESTION or out.wait == WAIT_WRITEBACK
    cost_add(total, &out.cost, 1)


cdef int end_request(request_t *r, int32_t page, int path) noexcept nogil:
    """The request is over; 1."""
    r.page = page
    r.path = path
    r.state = REQUEST_DONE
    return 1
