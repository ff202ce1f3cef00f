# How requests for huge pages have ended, who robbed them, and what stood in their way.

from ._core cimport (PF_ISOLATED, PF_LRU, PG_FREE, PG_HOLE, PG_MARKED, PG_PCP, PG_STATE, PG_TAIL, PG_USED,
                     scan_t)

cdef enum:                      # a page as an obstacle
    OBSTACLE_NONE = 0
    OBSTACLE_KEPT
    OBSTACLE_KERNEL


cdef inline uint8_t order_byte(world_t *w, int32_t page) noexcept nogil:
    return (<uint8_t *> w.z + w.z.off_order)[page]


cdef inline int has_request(const task_t *t) noexcept nogil:
    """Whether an allocation of the task's is under way; a daemon has none."""
    return t.in_request and t.kind != TASK_KSWAPD and t.kind != TASK_KCOMPACTD


cdef int is_collected(const scan_t *scan, int32_t page) noexcept nogil:
    """Whether a reclaimer has the page in its pagevec: reclaimed, but not yet free."""
    cdef int32_t k
    for k in range(scan.pvec_count):
        if scan.pvec[k] == page:
            return 1
    return 0


cdef int in_pagevec(world_t *w, int32_t page) noexcept nogil:
    cdef int32_t k
    if is_collected(&w.m.kswapd.scan, page):
        return 1
    for k in range(w.nr_tasks):
        if has_request(&w.task[k]) and is_collected(&w.task[k].request.scan, page):
            return 1
    return 0


cdef int obstacle(world_t *w, int32_t page, int32_t *size) noexcept nogil:
    """Whose page this is, which begins a block of `size` pages.  Slab pages are the kernel's."""
    cdef uint8_t byte = order_byte(w, page)
    cdef uint32_t flags
    size[0] = 1
    if byte == PG_HOLE:
        return OBSTACLE_KERNEL
    if byte == PG_TAIL or (byte & PG_STATE) == PG_PCP:
        return OBSTACLE_NONE
    size[0] = 1 << (byte & 0xF)
    if (byte & PG_STATE) != PG_USED and (byte & PG_STATE) != PG_MARKED:
        return OBSTACLE_NONE                # free, or on somebody's capture list
    flags = page_flags(w, page)
    if flags == PF_ORPHAN and in_pagevec(w, page):
        return OBSTACLE_NONE
    if flags & PF_SLAB or flags == PF_ORPHAN or not flags & (PF_LRU | PF_ISOLATED | PF_WRITEBACK | PF_ORPHAN):
        return OBSTACLE_KERNEL
    return OBSTACLE_KEPT


cdef int weigh_block(world_t *w, int32_t block, uint32_t serial, int32_t *stolen, int32_t *kept) noexcept nogil:
    """Count what is not free in an aligned block, stolen pages apart; 0 if a kernel page is in it.

    A page that a request had freed and that is the kernel's now has been stolen, so it does not count as one.
    """
    cdef int32_t i = block << w.p.request_order
    cdef int32_t end = i + (1 << w.p.request_order)
    cdef int32_t size
    cdef int what
    stolen[0] = kept[0] = 0
    while i < end:
        what = obstacle(w, i, &size)
        if what != OBSTACLE_NONE:
            if serial and w.stamp[i] == (serial | STAMP_STOLEN):
                stolen[0] += size
            elif what == OBSTACLE_KERNEL:
                return 0
            else:
                kept[0] += size
        i += size
    return 1


cdef int64_t clean_blocks(world_t *w) noexcept nogil:
    """Aligned blocks without a kernel page; those that requests have got are among them."""
    cdef int64_t n = 0
    cdef int64_t k
    cdef int32_t block, stolen, kept
    for block in range(w.z.nr_index >> w.p.request_order):
        n += weigh_block(w, block, 0, &stolen, &kept)
    for k in range(w.pass_first, w.nr_results):
        n += w.result[k].page >= 0          # allocated and without flags: it looked like the kernel's
    return n


cdef int has_free_block(world_t *w) noexcept nogil:
    """Whether a block that is large enough is free outside of the pageblocks kept in reserve."""
    cdef uint8_t *types = <uint8_t *> w.z + w.z.off_pageblock
    cdef int order = <int> w.p.request_order
    cdef int32_t i = 0
    cdef uint8_t byte
    while i < w.z.end:
        byte = order_byte(w, i)
        if (byte & PG_STATE) == PG_FREE and (byte & 0xF) >= order and \
                types[(i - w.z.pageblock_origin) >> w.z.pageblock_order] != w.p.reserve_type:
            return 1
        i += 1 << order
    return 0


cdef int fail_cause(world_t *w, task_t *t) noexcept nogil:
    """Why the request has failed: CAUSE_*.

    Asked of the blocks in which it had freed pages.  Of those without a kernel page the one counts in which least is
    missing: stolen, if any of that had been free, else kept.
    """
    cdef int32_t least = 0x7FFFFFFF
    cdef int32_t least_stolen = 0
    cdef int32_t k, stolen, kept
    if t.nr_blocks == 0:
        if t.request.total.isolated:
            return CAUSE_KEPT
        return CAUSE_MARK if has_free_block(w) else CAUSE_NOTHING
    for k in range(t.nr_blocks):
        if weigh_block(w, t.block[k], t.serial, &stolen, &kept) and stolen + kept < least:
            least = stolen + kept
            least_stolen = stolen
    if least == 0x7FFFFFFF:
        return CAUSE_KERNEL
    if least == 0:
        return CAUSE_MARK
    return CAUSE_STOLEN if least_stolen else CAUSE_KEPT


cdef void note_reclaimed(world_t *w, task_t *t, int32_t page) noexcept nogil:
    """The task's request has freed a page."""
    cdef int32_t block = page >> w.p.request_order
    w.stamp[page] = t.serial
    if w.block_stamp[block] != t.serial and t.nr_blocks < w.z.nr_index >> w.p.request_order:
        w.block_stamp[block] = t.serial
        t.block[t.nr_blocks] = block
        t.nr_blocks += 1


cdef void note_steal(world_t *w, int32_t page, int order, uint32_t taker) noexcept nogil:
    """Count pages of a block just allocated that a request still under way has freed; not if that is the taker.

    With one requester most pages need not be looked at: it has noted every block in which it has freed one.
    """
    cdef uint32_t only = w.task[w.first_requester].serial
    cdef int32_t k, r
    if w.p.requesters == 1 and (only == 0 or w.block_stamp[page >> w.p.request_order] != only):
        return
    for k in range(page, page + (1 << order)):
        if w.stamp[k] and w.stamp[k] != taker and not w.stamp[k] & STAMP_STOLEN:
            for r in range(w.first_requester, w.first_requester + <int32_t> w.p.requesters):
                if w.task[r].serial == w.stamp[k]:
                    w.task[r].steals += 1
            w.stamp[k] |= STAMP_STOLEN


cdef void answer(world_t *w, task_t *t) noexcept nogil:
    """Note how a request for a huge page has ended."""
    cdef result_t *r = &w.result[w.nr_results]
    cdef request_t *request = &t.request
    w.nr_results += 1
    r.start_ns = t.request_start
    r.latency_ns = w.now + t.busy_ns - t.request_start
    r.sync_wait_ns = t.sync_wait_ns
    r.wait_ns = t.wait_ns
    r.scanned = request.total.scanned
    r.freed = request.total.freed + request.total.captured
    r.path = request.path
    r.page = request.page
    r.own = <int32_t> request.scan.capture_own
    r.merged = <int32_t> request.scan.capture_merged
    r.foreign = <int32_t> request.scan.capture_foreign
    r.largest = request.scan.capture_largest
    r.givebacks = request.scan.givebacks
    r.consults = request.scan.consults
    r.holds = request.scan.holds
    r.rescued = request.scan.rescued
    r.queue_waits = request.queue_waits
    r.sync_passes = request.scan.sync_passes
    r.sync_waits = t.sync_waits
    r.steals = t.steals
    r.reclaims = request.reclaims
    r.oom_rounds = request.oom_rounds
    r.cause = CAUSE_NONE if request.page >= 0 else fail_cause(w, t)
    r.pass_number = w.pass_number
    if request.page >= 0:
        page_owner(w, request.page)[0] = cookie(OWNER_HUGE, t - w.task - w.first_requester + 1, 0)
        note_steal(w, request.page, t.want_order, t.serial)
    t.serial = 0
    t.want = WANT_NOTHING
