# A8: a recorded load.  Allocations with their orders, types and lifetimes, one after the other, for ever again.
#
# Movable memory is a program's: single anonymous pages, on the LRU, which may go to swap and are touched like those of
# a build.  Each has a slot in the task's table; a slot is free (ABSENT), or holds a page, or a swap slot (SWAPPED).
# Everything else is kernel blocks.  Both go away when their time is up.
#
# The load is a closed loop: while it waits for memory its clock stands still.

from libc.string cimport memcpy

cdef enum:                      # load_t.migratetype: the numbers of Linux 2.6.27, whatever kernel runs it
    LOAD_RECLAIMABLE = 1
    LOAD_MOVABLE

cdef enum:
    LOAD_AHEAD_NS = 100000      # it need not sleep for less than this
    LOAD_SLOTS = 4096           # of a new table; it grows


cdef int slot_take(world_t *w, task_t *t) noexcept nogil:
    """Number of a free slot; the table grows if there is none.  -1: no memory for that."""
    cdef int64_t size = t.pages_size * 2
    cdef int32_t *pages
    cdef int32_t *spare
    if t.hot_done:
        t.hot_done -= 1
        return t.hot[t.hot_done]
    if t.pages_done == t.pages_size:
        pages = <int32_t *> realloc(t.pages, size * sizeof(int32_t))
        if pages != NULL:
            t.pages = pages
        spare = <int32_t *> realloc(t.hot, size * sizeof(int32_t))
        if spare != NULL:
            t.hot = spare
        if pages == NULL or spare == NULL:
            w.failed = 1
            return -1
        t.pages_size = t.hot_size = size
    t.pages_done += 1
    return <int> (t.pages_done - 1)


cdef void slot_expired(world_t *w, task_t *t, int32_t id, int32_t slot) noexcept nogil:
    """The page of a slot is freed, or its swap slot."""
    if t.pages[slot] == ABSENT:
        return                              # the program has been killed
    own_release(w, t, id, slot)
    t.pages[slot] = ABSENT
    t.hot[t.hot_done] = slot
    t.hot_done += 1


cdef int touch_load(world_t *w, task_t *t) noexcept nogil:
    """Use one of the pages that are there, now and then; 0 if it is in swap."""
    cdef int64_t span = t.pages_done
    cdef int64_t slot
    if span == 0 or not permille(t.random, w.p.touch_permille):
        return 1
    if permille(t.random, w.p.recent_permille):
        span = max(span // 10, <int64_t> 1)
    slot = t.pages_done - 1 - <int64_t> below(t.random, span)
    if t.pages[slot] == ABSENT or touch_own(w, t, slot):
        return 1
    wish(t, WANT_SWAPIN, 0, <uint32_t> w.p.user_gfp, 1)
    return 0


cdef int64_t load_pause(world_t *w, task_t *t) noexcept nogil:
    """Time until the next allocation is due; if it is, the clock goes on."""
    cdef int64_t due = t.load_clock + w.load[t.load_at].time_ns
    if t.load_at:
        due -= w.load[t.load_at - 1].time_ns
    if due > w.now + LOAD_AHEAD_NS:
        return due - w.now
    t.load_clock = max(due, w.now)
    return 0


cdef int64_t load_next(world_t *w, task_t *t) noexcept nogil:
    cdef load_t *e
    cdef int64_t pause
    if t.state:
        t.state = 0
        if not touch_load(w, t):
            return 0
    pause = load_pause(w, t)
    if pause:
        return pause
    e = &w.load[t.load_at]
    t.load_at += 1
    if t.load_at == w.nr_load:
        t.load_at = 0
        t.load_clock += max(w.p.load_duration_ns - e.time_ns, <int64_t> 0)
    t.want_life = e.lifetime_ns
    if e.migratetype == LOAD_MOVABLE:
        t.state = 1
        wish(t, WANT_ANON, 0, <uint32_t> w.p.user_gfp, <int64_t> 1 << e.order)
    else:
        wish(t, WANT_TIMED, e.order, <uint32_t> (w.p.reclaimable_gfp if e.migratetype == LOAD_RECLAIMABLE
                                                 else w.p.kernel_gfp), 1)
    return 0


cdef int load_start(world_t *w, const void *events, int64_t n) noexcept nogil:
    """Copy the table; 0 if there is no memory."""
    w.load = <load_t *> calloc(max(n, <int64_t> 1), sizeof(load_t))
    if w.load == NULL:
        return 0
    memcpy(w.load, events, n * sizeof(load_t))
    w.nr_load = n
    return 1
