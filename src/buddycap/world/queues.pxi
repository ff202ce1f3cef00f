# Time: the event queue, blocks that are freed later, and the disk.

from libc.stdlib cimport realloc

from ._core cimport end_page_writeback, free_block


cdef inline int wake_before(const wake_t *a, const wake_t *b) noexcept nogil:
    return a.time < b.time or (a.time == b.time and a.seq < b.seq)


cdef void wake_at(world_t *w, int32_t task, int64_t time) noexcept nogil:
    """Task goes on at `time`, after those that were told so before.  Each task has at most one entry."""
    cdef int32_t k = w.nr_wakes
    cdef int32_t parent
    cdef wake_t entry
    w.seq += 1
    entry.time = time
    entry.seq = w.seq
    entry.task = task
    entry.reserved = 0
    w.nr_wakes += 1
    while k > 0:
        parent = (k - 1) >> 1
        if not wake_before(&entry, &w.wake[parent]):
            break
        w.wake[k] = w.wake[parent]
        k = parent
    w.wake[k] = entry


cdef wake_t wake_take(world_t *w) noexcept nogil:
    """The next entry of the queue, which must not be empty."""
    cdef wake_t first = w.wake[0]
    cdef wake_t last
    cdef int32_t k = 0
    cdef int32_t child = 1
    w.nr_wakes -= 1
    last = w.wake[w.nr_wakes]
    while child < w.nr_wakes:
        if child + 1 < w.nr_wakes and wake_before(&w.wake[child + 1], &w.wake[child]):
            child += 1
        if not wake_before(&w.wake[child], &last):
            break
        w.wake[k] = w.wake[child]
        k = child
        child = 2 * k + 1
    w.wake[k] = last
    return first


cdef inline int timer_before(const wtimer_t *a, const wtimer_t *b) noexcept nogil:
    return a.time < b.time or (a.time == b.time and a.seq < b.seq)


cdef void free_at(world_t *w, int32_t page, int order, int64_t time) noexcept nogil:
    """The block is freed at `time`."""
    cdef int64_t k = w.nr_timers
    cdef int64_t parent
    cdef wtimer_t *larger
    cdef wtimer_t entry
    if k == w.timers_size:
        larger = <wtimer_t *> realloc(w.timer, (k * 2 + 1024) * sizeof(wtimer_t))
        if larger == NULL:
            w.failed = 1
            return
        w.timer = larger
        w.timers_size = k * 2 + 1024
    w.seq += 1
    entry.time = time
    entry.seq = w.seq
    entry.page = page
    entry.order = order
    w.nr_timers += 1
    while k > 0:
        parent = (k - 1) >> 1
        if not timer_before(&entry, &w.timer[parent]):
            break
        w.timer[k] = w.timer[parent]
        k = parent
    w.timer[k] = entry


cdef void timer_drop_first(world_t *w) noexcept nogil:
    cdef wtimer_t last
    cdef int64_t k = 0
    cdef int64_t child = 1
    w.nr_timers -= 1
    last = w.timer[w.nr_timers]
    while child < w.nr_timers:
        if child + 1 < w.nr_timers and timer_before(&w.timer[child + 1], &w.timer[child]):
            child += 1
        if not timer_before(&w.timer[child], &last):
            break
        w.timer[k] = w.timer[child]
        k = child
        child = 2 * k + 1
    w.timer[k] = last


cdef int64_t disk_busy(world_t *w, int64_t work_ns) noexcept nogil:
    """Put work at the end of the disk's queue; when it will be done."""
    w.disk_free_at = max(w.disk_free_at, w.now) + work_ns
    return w.disk_free_at


cdef void disk_write(world_t *w, int32_t page) noexcept nogil:
    """Write a page that is under writeback."""
    cdef write_t *larger
    cdef int64_t k
    if w.write_last == w.writes_size:
        if w.write_first > w.writes_size // 2:
            for k in range(w.write_first, w.write_last):
                w.write[k - w.write_first] = w.write[k]
            w.write_last -= w.write_first
            w.write_first = 0
        else:
            larger = <write_t *> realloc(w.write, (w.writes_size * 2 + 1024) * sizeof(write_t))
            if larger == NULL:
                w.failed = 1
                return
            w.write = larger
            w.writes_size = w.writes_size * 2 + 1024
    w.write[w.write_last].page = page
    w.write[w.write_last].reserved = 0
    w.write[w.write_last].time = disk_busy(w, w.p.disk_page_ns + w.p.disk_write_ns)
    w.write_last += 1


cdef int64_t write_ends(world_t *w, int32_t page) noexcept nogil:
    """When the write of the page will have ended."""
    cdef int64_t k
    for k in range(w.write_first, w.write_last):
        if w.write[k].page == page:
            return w.write[k].time
    return w.now


cdef int64_t congestion_ends(world_t *w, int64_t limit_ns) noexcept nogil:
    """When congestion_wait returns: at its limit, or before if a long queue has gone below the congested mark."""
    cdef int64_t queued = w.write_last - w.write_first
    cdef int64_t end = w.now + limit_ns
    if queued > w.p.congestion_pages:
        end = min(end, w.write[w.write_last - 1 - w.p.congestion_pages].time)
    return end


cdef void catch_up(world_t *w) noexcept nogil:
    """Let happen what was due by now: writes that have ended, blocks that are freed."""
    cdef wtimer_t due
    while w.write_first < w.write_last and w.write[w.write_first].time <= w.now:
        end_page_writeback(&w.m, w.z, w.write[w.write_first].page, 0)
        w.write_first += 1
    while w.nr_timers and w.timer[0].time <= w.now:
        due = w.timer[0]
        timer_drop_first(w)
        if due.page < 0:
            slot_expired(w, &w.task[due.order], -1 - due.page)
        else:
            free_block(w.z, due.page, due.order, due.page % <int32_t> w.p.cpus)
