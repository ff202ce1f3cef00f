# The queue of allocations: who must wait behind a reclaimer instead of taking what it frees (Piggin).
#
#   machine_t.queue:  in front, at work -> waiting -> waiting -> ...          first in, first out; linked by `behind`
#
# QUEUE_CREDIT: an allocation that would reclaim joins, and the first one reclaims with a credit of as many pages as it
# wants.  While that lasts, newcomers use it up by theirs and pass; then they line up, and each that comes to the front
# reclaims in its turn.  Where nobody needs to reclaim there is no queue.
#
# QUEUE_STRICT: the one in front is a direct reclaimer of a large enough order.  While there is one, every allocation
# waits, also one that would find pages; afterwards those who waited begin again, one after the other.
#
# An allocation takes part if its own policy has a queue.  Reclaim's own ones and those that must not sleep never wait.


cdef inline int queue_exempt(const request_t *r) noexcept nogil:
    return r.policy.queue == QUEUE_NONE or r.task & TASK_MEMALLOC or not r.gfp & GFP_WAIT


cdef void queue_append(machine_t *m, request_t *r, int queued) noexcept nogil:
    cdef request_t **at = &m.queue
    while at[0] != NULL:
        at = &at[0].behind
    at[0] = r
    r.behind = NULL
    r.queued = queued


cdef void queue_lead(machine_t *m, request_t *r) noexcept nogil:
    """Step in front of all who wait."""
    r.behind = m.queue
    m.queue = r
    r.queued = QUEUE_WORKING


cdef void queue_leave(machine_t *m, request_t *r) noexcept nogil:
    """Leave the queue from wherever; who is in front then may go on."""
    cdef request_t **at = &m.queue
    while at[0] != NULL and at[0] != r:
        at = &at[0].behind
    if at[0] == r:
        at[0] = r.behind
        if at == &m.queue and m.queue != NULL:
            event_put(m, EV_QUEUE, 0, NO_PAGE, 0)
    r.behind = NULL
    r.queued = QUEUE_OUT


cdef int queue_wait(machine_t *m, request_t *r, step_t *out) noexcept nogil:
    """Line up and wait; 0."""
    r.credit = <int64_t> 1 << r.order
    r.queue_waits += 1
    queue_append(m, r, QUEUE_WAITING)
    return leave_step(out, WAIT_QUEUE)


cdef inline int queue_blocks(const machine_t *m, const request_t *r) noexcept nogil:
    """QUEUE_STRICT: whether somebody else is at work."""
    return m.queue != NULL and m.queue != r and m.queue.queued == QUEUE_WORKING


cdef int queue_credit(machine_t *m, request_t *r, step_t *out) noexcept nogil:
    """QUEUE_CREDIT, when the request would have to reclaim.  0: wait."""
    if r.order < r.policy.capture_min_order or r.queued != QUEUE_OUT:
        return 1
    if m.queue == NULL:
        r.credit = <int64_t> 1 << r.order
        queue_lead(m, r)
    elif m.queue.credit == 0:
        return queue_wait(m, r, out)
    else:
        m.queue.credit = max(<int64_t> 0, m.queue.credit - (<int64_t> 1 << r.order))
        r.queued = QUEUE_PASSED
    return 1


cdef int queue_before_start(machine_t *m, request_t *r, step_t *out) noexcept nogil:
    """Before the fast path (S1 of the slow path, slowpath.pxi).  0: wait."""
    if queue_exempt(r) or r.policy.queue != QUEUE_STRICT or not queue_blocks(m, r):
        return 1
    return queue_wait(m, r, out)


cdef int queue_before_reclaim(machine_t *m, request_t *r, step_t *out) noexcept nogil:
    """Before direct reclaim (S6c).  0: wait."""
    if queue_exempt(r):
        return 1
    if r.policy.queue == QUEUE_CREDIT:
        return queue_credit(m, r, out)
    if queue_blocks(m, r):
        return queue_wait(m, r, out)
    if r.order >= r.policy.capture_min_order and r.queued == QUEUE_OUT:
        queue_lead(m, r)
    return 1


cdef int queue_resume(machine_t *m, request_t *r, step_t *out) noexcept nogil:
    """A request that waits looks whether it is its turn.  0: not yet."""
    if m.queue != r:
        return leave_step(out, WAIT_QUEUE)
    if r.policy.queue == QUEUE_STRICT:
        queue_leave(m, r)
    else:
        r.queued = QUEUE_WORKING
    return 1
