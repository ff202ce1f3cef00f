# Time: the event queue, blocks that are freed later, and the disk.

from libc.stdlib cimport realloc
from libc.string cimport memmove

from ._core cimport end_page_writeback


# --- tables that grow -------------------------------------------------------------------------------------------

cdef void *grown(world_t *w, void *table, int64_t *size, uint64_t item_bytes) noexcept nogil:
    """A table that was full, with more than twice the room; NULL if there is no memory: then the world has failed."""
    cdef int64_t larger = size[0] * 2 + 1024
    cdef void *found = realloc(table, larger * item_bytes)
    if found == NULL:
        w.failed = 1
    else:
        size[0] = larger
    return found


cdef void *queue_room(world_t *w, void *table, int64_t *first, int64_t *last, int64_t *size,
                      uint64_t item_bytes) noexcept nogil:
    """The table of a queue, entries first .. last - 1, with room for one more behind them; NULL as from `grown`."""
    if last[0] < size[0]:
        return table
    if first[0] <= size[0] // 2:
        return grown(w, table, size, item_bytes)
    memmove(table, <char *> table + first[0] * item_bytes, (last[0] - first[0]) * item_bytes)
    last[0] -= first[0]
    first[0] = 0
    return table


# --- heaps: tasks that go on, blocks that are freed -------------------------------------------------------------

cdef inline int due_before(const due_t *a, const due_t *b) noexcept nogil:
    return a.time < b.time or (a.time == b.time and a.seq < b.seq)


cdef void heap_put(world_t *w, due_t *heap, int64_t k, int64_t time, int32_t what, int order) noexcept nogil:
    """Add an entry to a heap of k, which has room: behind those for the same time that were told before."""
    cdef int64_t parent
    cdef due_t entry
    w.seq += 1
    entry.time = time
    entry.seq = w.seq
    entry.what = what
    entry.order = order
    while k > 0:
        parent = (k - 1) >> 1
        if not due_before(&entry, &heap[parent]):
            break
        heap[k] = heap[parent]
        k = parent
    heap[k] = entry


cdef due_t heap_take(due_t *heap, int64_t *n) noexcept nogil:
    """Take the entry that is due first off a heap that is not empty."""
    cdef due_t first = heap[0]
    cdef due_t last
    cdef int64_t k = 0
    cdef int64_t child = 1
    n[0] -= 1
    last = heap[n[0]]
    while child < n[0]:
        if child + 1 < n[0] and due_before(&heap[child + 1], &heap[child]):
            child += 1
        if not due_before(&heap[child], &last):
            break
        heap[k] = heap[child]
        k = child
        child = 2 * k + 1
    heap[k] = last
    return first


cdef void wake_at(world_t *w, int32_t task, int64_t time) noexcept nogil:
    """Task goes on at `time`, after those that were told so before.  Each task has at most one entry."""
    heap_put(w, w.wake, w.nr_wakes, time, task, 0)
    w.nr_wakes += 1


cdef void free_at(world_t *w, int32_t page, int order, int64_t time) noexcept nogil:
    """The block is freed at `time`."""
    cdef void *table = w.timer
    if w.nr_timers == w.timers_size:
        table = grown(w, table, &w.timers_size, sizeof(due_t))
        if table == NULL:
            return
        w.timer = <due_t *> table
    heap_put(w, w.timer, w.nr_timers, time, page, order)
    w.nr_timers += 1


# --- the disk ---------------------------------------------------------------------------------------------------

cdef int64_t disk_busy(world_t *w, int64_t work_ns) noexcept nogil:
    """Put work at the end of the disk's queue; when it will be done."""
    w.disk_free_at = max(w.disk_free_at, w.now) + work_ns
    return w.disk_free_at


cdef void disk_write(world_t *w, int32_t page) noexcept nogil:
    """Write a page that is under writeback."""
    cdef void *table = queue_room(w, w.write, &w.write_first, &w.write_last, &w.writes_size, sizeof(write_t))
    if table == NULL:
        return
    w.write = <write_t *> table
    w.write[w.write_last].page = page
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
    cdef due_t due
    while w.write_first < w.write_last and w.write[w.write_first].time <= w.now:
        if is_single(w, w.write[w.write_first].page):
            end_page_writeback(&w.m, w.z, w.write[w.write_first].page, 0)
        w.write_first += 1
    while w.nr_timers and w.timer[0].time <= w.now:
        due = heap_take(w.timer, &w.nr_timers)
        if due.what < 0:
            slot_expired(w, &w.task[due.order], due.order, -1 - due.what)
        else:
            free_own_block(w, due.what, due.order, due.what % <int32_t> w.p.cpus)
