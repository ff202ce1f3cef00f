# The requests, in up to three passes: under load, the same again, and at rest.
#
#   pass 1 --all kept blocks are freed--> pass 2 --freed; the load is killed, a rest, a file as large as memory is read
#   and deleted--> pass 3.  Each pass makes `requests` attempts, one a period, and keeps what it gets.

cdef void begin_pass(world_t *w, int64_t start) noexcept nogil:
    """All requesters begin at `start`, spread over one period."""
    cdef task_t *t
    cdef int32_t k
    w.requesters_done = 0
    w.pass_first = w.nr_results
    w.pass_number += 1
    for k in range(<int32_t> w.p.requesters):
        t = &w.task[w.first_requester + k]
        t.pages_done = 0
        t.pages_goal = (w.p.requests + k) // w.p.requesters
        wake_at(w, w.first_requester + k, start + k * w.p.request_period_ns // w.p.requesters)


cdef void note_pass(world_t *w) noexcept nogil:
    """What the pass that has ended leaves behind."""
    cdef pass_t *p = &w.passes[w.pass_number - 1]
    cdef int64_t k
    p.end_ns = w.now
    p.requests = w.nr_results - w.pass_first
    for k in range(w.pass_first, w.nr_results):
        p.successes += w.result[k].page >= 0
    p.clean_left = clean_blocks(w) - p.successes
    p.free_pages = w.z.nr_free_pages
    p.background_pages = w.background_pages - p.background_pages


cdef void release_pass(world_t *w) noexcept nogil:
    """Free the blocks that the pass has kept."""
    cdef int64_t k
    for k in range(w.pass_first, w.nr_results):
        if w.result[k].page >= 0:
            free_own_block(w, w.result[k].page, <int> w.p.request_order, 0)


cdef void end_pass(world_t *w) noexcept nogil:
    """All requesters are through: on to the next pass, if there is one."""
    note_pass(w)
    if w.pass_number == w.p.passes:
        w.over = 1
        return
    release_pass(w)
    if w.pass_number < LAST_PASS - 1:
        begin_pass(w, w.now)
        return
    w.resting = 1
    wake_at(w, w.flusher, w.now + w.p.rest_ns)


cdef int64_t requester_next(world_t *w, task_t *t) noexcept nogil:
    """A7: one attempt a period, each block kept; late ones follow at once."""
    cdef int64_t wait = t.request_start + w.p.request_period_ns - w.now
    if t.pages_done and wait > 0:
        return wait
    if t.pages_done == t.pages_goal:
        w.requesters_done += 1
        if w.requesters_done == w.p.requesters:
            end_pass(w)
        return -1
    if w.nr_results == w.pass_first and not w.passes[w.pass_number - 1].start_ns:
        w.passes[w.pass_number - 1].start_ns = w.now
        w.passes[w.pass_number - 1].background_pages = w.background_pages
    t.pages_done += 1
    t.request_start = w.now
    w.serial = w.serial % STAMP_SERIAL + 1
    t.serial = w.serial
    t.steals = t.sync_waits = t.nr_blocks = 0
    t.sync_wait_ns = t.wait_ns = t.last_wait_ns = 0
    wish(t, WANT_HUGE, <int> w.p.request_order, <uint32_t> w.p.request_gfp, 1)
    return 0


cdef void drop_hot(world_t *w, task_t *t) noexcept nogil:
    """The files of the hot set are deleted."""
    cdef int32_t id = <int32_t> (t - w.task)
    cdef int64_t k
    for k in range(t.hot_size):
        if t.hot[k] >= 0 and is_own(w, t.hot[k], cookie(OWNER_HOT, id, k)):
            page_release(w.z, t.hot[k], t.cpu)
        t.hot[k] = ABSENT


cdef int64_t killed(world_t *w, task_t *t) noexcept nogil:
    """The task ends for ever."""
    drop_own(w, t)
    if t.kind == TASK_BUILD:
        drop_hot(w, t)
    return -1


cdef int64_t flusher_next(world_t *w, task_t *t) noexcept nogil:
    """Read a file as large as memory, delete it, and let the pass at rest begin."""
    cdef int32_t id = <int32_t> (t - w.task)
    cdef int64_t k
    if t.pages_done < t.pages_goal:
        wish(t, WANT_FLUSH, 0, <uint32_t> w.p.user_gfp, min(w.p.chunk_pages, t.pages_goal - t.pages_done))
        return 0
    for k in range(t.pages_done):
        if t.pages[k] >= 0 and is_own(w, t.pages[k], cookie(OWNER_FLUSH, id, k)):
            page_release(w.z, t.pages[k], t.cpu)
    t.pages_done = 0
    begin_pass(w, w.now)
    return -1
