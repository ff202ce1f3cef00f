# A9: threads that fault in memory, each region of it as a huge page, or in base pages where there is none.  A10:
# readers and writers of small files.  Both in the manner of thpscale and thpfioscale of the collection mmtests.
#
#   FAULT_NEW --try--> FAULT_FIRST --none, and a second way to allocate--> FAULT_AGAIN --try--> FAULT_SECOND
#       a huge page: cleared and written ----------------------------------------------> FAULT_TABLE --> FAULT_NEW
#       none: a page table, and base pages up to the size of a huge page, FAULT_FILL -------------------> FAULT_NEW
#
# A thread goes on with the next region at once.  Its huge pages are kept, and are not on the LRU; its base pages are
# those of a program that does not touch them again.  The first pass is over when all threads are through.

cdef enum:                      # task_t.state of a faulter
    FAULT_NEW = 0
    FAULT_FIRST                 # tries for a huge page
    FAULT_AGAIN
    FAULT_SECOND
    FAULT_TABLE                 # has one, and needs the page table that is kept for its split
    FAULT_FILL                  # has none


cdef void begin_faults(world_t *w, int64_t start) noexcept nogil:
    """All faulters begin at `start`: they have waited for each other."""
    cdef int32_t k
    w.pass_number = 1
    w.passes[0].start_ns = start
    for k in range(<int32_t> w.p.faulters):
        wake_at(w, w.first_faulter + k, start)


cdef void end_faults(world_t *w) noexcept nogil:
    """All faulters are through, and the run with them."""
    cdef pass_t *p = &w.passes[0]
    cdef int64_t k
    p.end_ns = w.now
    p.requests = w.nr_faults
    for k in range(w.nr_faults):
        p.successes += w.fault[k].page >= 0
    p.clean_left = clean_blocks(w)          # huge pages are the kernel's in its eyes
    p.free_pages = w.z.nr_free_pages
    p.background_pages = w.background_pages - p.background_pages
    w.over = 1


cdef void try_huge(world_t *w, task_t *t, int state, int64_t gfp) noexcept nogil:
    t.state = state
    t.fault.tries += 1
    wish(t, WANT_HUGE, <int> w.p.request_order, <uint32_t> gfp, 1)


cdef void begin_fault(world_t *w, task_t *t) noexcept nogil:
    """The next region of a faulter."""
    memset(&t.fault, 0, sizeof(fault_t))
    if w.nr_faults == 0 and w.passes[0].background_pages == 0:
        w.passes[0].background_pages = w.background_pages
    t.fault.start_ns = t.request_start = w.now
    t.fault.thread = <int32_t> (t - w.task) - w.first_faulter
    t.fault.page = ABSENT
    t.fault_end = t.pages_done + (<int64_t> 1 << w.p.request_order)
    t.sync_waits = 0
    t.sync_wait_ns = t.wait_ns = t.last_wait_ns = 0
    try_huge(w, t, FAULT_FIRST, w.p.request_gfp)


cdef void fault_answered(world_t *w, task_t *t) noexcept nogil:
    """A try for a huge page has ended."""
    cdef fault_t *f = &t.fault
    cdef request_t *request = &t.request
    t.want = WANT_NOTHING
    f.huge_ns = w.now + t.busy_ns - f.start_ns
    f.wait_ns = t.wait_ns
    f.scanned += request.total.scanned
    f.freed += request.total.freed + request.total.captured
    f.path = request.path
    f.reclaims += request.reclaims
    f.captured += <int32_t> request.total.captured
    if request.page >= 0:
        f.page = request.page
        page_owner(w, f.page)[0] = cookie(OWNER_HUGE, f.thread + 1, 0)
        note_steal(w, f.page, <int> w.p.request_order, 0)
        t.busy_ns += w.p.huge_fault_ns
        t.state = FAULT_TABLE
    else:
        t.state = FAULT_AGAIN if t.state == FAULT_FIRST and w.p.fault_second_gfp else FAULT_FILL


cdef void end_fault(world_t *w, task_t *t) noexcept nogil:
    """All of a region is there."""
    t.fault.latency_ns = w.now - t.fault.start_ns
    w.fault[w.nr_faults] = t.fault
    w.nr_faults += 1
    t.faults_done += 1
    t.state = FAULT_NEW


cdef int64_t faulter_next(world_t *w, task_t *t) noexcept nogil:
    """A9: faults its regions in, one after the other."""
    if t.state == FAULT_AGAIN:
        try_huge(w, t, FAULT_SECOND, w.p.fault_second_gfp)
        return 0
    if t.state == FAULT_TABLE or t.state == FAULT_FILL:
        if t.kernel_done == t.faults_done:
            wish(t, WANT_KERNEL, 0, <uint32_t> w.p.kernel_gfp, 1)
            return 0
        if t.state == FAULT_FILL and t.pages_done < t.fault_end:
            wish(t, WANT_ANON, 0, <uint32_t> w.p.user_gfp, min(w.p.chunk_pages, t.fault_end - t.pages_done))
            return 0
        end_fault(w, t)
    if t.faults_done < t.pages_goal:
        begin_fault(w, t)
        return 0
    w.faulters_done += 1
    if w.faulters_done == w.p.faulters:
        end_faults(w)
    return -1


# --- readers and writers ------------------------------------------------------------------------------------------

cdef int64_t read_file(world_t *w, task_t *t) noexcept nogil:
    """Use a file of the reader's, or read it if a page of it is missing."""
    cdef int64_t files = max(t.hot_size // w.p.reader_file_pages, <int64_t> 1)
    cdef int64_t first = <int64_t> below(t.random, files) * w.p.reader_file_pages
    cdef int64_t end = min(first + w.p.reader_file_pages, t.hot_size)
    cdef int32_t absent = 0
    cdef int64_t k
    for k in range(first, end):
        absent += t.hot[k] < 0
        if t.hot[k] >= 0 and is_single(w, t.hot[k]):
            mark_page_accessed(w.z, t.hot[k])
    if absent:
        t.want_index = first
        wish(t, WANT_HOT, 0, <uint32_t> w.p.user_gfp, absent)
        t.state = permille(t.random, w.p.reader_slab_permille)
    return w.p.reader_gap_ns


cdef int64_t reader_next(world_t *w, task_t *t) noexcept nogil:
    """A10: uses one small file after the other; what it reads has a part of a slab page, what it writes is new."""
    if t.state:
        t.state = 0
        wish(t, WANT_SLAB, 0, <uint32_t> w.p.reclaimable_gfp, 1)
        return 0
    if permille(t.random, w.p.reader_write_permille):
        wish(t, WANT_DIRTY, 0, <uint32_t> w.p.user_gfp, w.p.reader_file_pages)
        return w.p.reader_gap_ns
    return read_file(w, t)
