# The actors of the experiment: each decides what it wants next and when it goes on.  docs/model.md has them all, A1 to
# A10, with their numbers.  How to allocate is a parameter, for it depends on the kernel.
#
# An actor's function is called when its last wish has been granted.  It sets want, want_order, want_gfp and want_left
# for the next one, or leaves want at WANT_NOTHING; it returns after how many nanoseconds the task goes on (-1: never).

from ._core cimport LRU_ACTIVE_FILE, LRU_INACTIVE_FILE, lru_shuffle, mark_page_accessed

cdef enum:
    PAGE_TABLE_PAGES = 512      # pages that one page table maps
    TOUCHES_AHEAD = 16          # at most so many are looked ahead at

cdef enum:                      # where a build stands
    BUILD_GAP = 0
    BUILD_STACK
    BUILD_PAGES
    BUILD_RUN


cdef inline void wish(task_t *t, int kind, int order, uint32_t gfp, int64_t pages) noexcept nogil:
    t.want = kind
    t.want_order = order
    t.want_gfp = gfp
    t.want_left = <int32_t> pages


# --- builds -----------------------------------------------------------------------------------------------------

cdef void start_process(world_t *w, task_t *t) noexcept nogil:
    """Draw the next process of a build."""
    cdef int64_t duration = lognormal(w.exp2_q30, t.random, w.p.duration_median_ns, w.p.duration_sigma_q16)
    cdef int k
    t.pages_goal = lognormal(w.exp2_q30, t.random, w.p.anon_median_pages, w.p.anon_sigma_q16)
    t.pages_goal = min(max(t.pages_goal, w.p.anon_min_pages), w.p.anon_max_pages)
    t.period_ns = duration * w.p.chunk_pages // t.pages_goal
    t.quota[DUE_PAGE_TABLE] = (t.pages_goal + PAGE_TABLE_PAGES - 1) // PAGE_TABLE_PAGES
    t.quota[DUE_COLD] = w.p.cold_pages
    t.quota[DUE_HOT] = w.p.hot_touches
    t.quota[DUE_TOUCH] = t.pages_goal * w.p.touch_permille // 1000
    t.quota[DUE_DIRTY] = w.p.dirty_pages
    t.quota[DUE_SLAB] = w.p.slab_pages
    for k in range(NR_DUES):
        t.done[k] = 0


cdef int touch_hot(world_t *w, task_t *t) noexcept nogil:
    """Use a page of the hot set; 0 if it and its neighbours must be read first."""
    cdef int64_t number = below(t.random, t.hot_size)
    cdef int64_t k
    cdef int32_t absent = 0
    if t.hot[number] >= 0:
        if is_single(w, t.hot[number]):
            mark_page_accessed(w.z, t.hot[number])
        return 1
    number -= number % w.p.hot_read_pages
    for k in range(number, min(number + w.p.hot_read_pages, t.hot_size)):
        absent += t.hot[k] < 0
    t.want_index = number
    wish(t, WANT_HOT, 0, <uint32_t> w.p.user_gfp, absent)
    return 0


cdef int64_t draw_anon(world_t *w, const task_t *t, uint64_t *random) noexcept nogil:
    """One of its own pages, mostly a recent one."""
    cdef int64_t recent = max(t.pages_done // 10, w.p.chunk_pages)
    cdef int64_t span = t.pages_done
    if permille(random, w.p.recent_permille):
        span = min(recent, span)
    return t.pages_done - 1 - <int64_t> below(random, span)


cdef int touch_anon(world_t *w, task_t *t) noexcept nogil:
    """Use an own page; 0 if it is in swap."""
    if touch_own(w, t, draw_anon(w, t, t.random)):
        return 1
    wish(t, WANT_SWAPIN, 0, <uint32_t> w.p.user_gfp, 1)
    return 0


cdef int next_due(task_t *t) noexcept nogil:
    """The kind of which the process has had less than its share, or NR_DUES."""
    cdef int kind
    for kind in range(NR_DUES):
        if t.done[kind] * t.pages_goal < t.quota[kind] * t.pages_done:
            return kind
    return NR_DUES


cdef inline int64_t touches_due(const task_t *t, int kind) noexcept nogil:
    """For how many touches of a kind `next_due` will ask one after the other."""
    return (t.quota[kind] * t.pages_done + t.pages_goal - 1) // t.pages_goal - t.done[kind]


cdef void look_ahead(world_t *w, const task_t *t) noexcept nogil:
    """Fetch what the touches that are due will find, all at once: one after the other each would wait for memory.

    It changes nothing: it draws from a copy of the random numbers, as if every page were there.
    """
    cdef int64_t hot = touches_due(t, DUE_HOT)
    cdef int64_t own = touches_due(t, DUE_TOUCH)
    cdef uint64_t random[4]
    cdef const int32_t *at[TOUCHES_AHEAD]
    cdef int64_t n = min(hot + own, <int64_t> TOUCHES_AHEAD)
    cdef int64_t k
    memcpy(random, t.random, sizeof(random))
    for k in range(n):
        at[k] = t.hot + below(random, t.hot_size) if k < hot else t.pages + draw_anon(w, t, random)
        buddycap_prefetch(at[k])
    for k in range(n):
        fetch_touched(w, at[k][0])


cdef int64_t build_due(world_t *w, task_t *t, int kind) noexcept nogil:
    """Do what is due of one kind, as far as it goes at once."""
    if kind == DUE_HOT or kind == DUE_TOUCH:
        t.done[kind] += 1
        if kind == DUE_HOT:
            touch_hot(w, t)
        else:
            touch_anon(w, t)
    elif kind == DUE_COLD or kind == DUE_DIRTY:
        t.done[kind] += w.p.chunk_pages
        wish(t, WANT_CACHE if kind == DUE_COLD else WANT_DIRTY, 0, <uint32_t> w.p.user_gfp, w.p.chunk_pages)
    else:
        t.done[kind] += 1
        if kind == DUE_SLAB:
            wish(t, WANT_SLAB, 0, <uint32_t> w.p.reclaimable_gfp, 1)
        else:
            wish(t, WANT_KERNEL, 0, <uint32_t> w.p.kernel_gfp, 1)
    return 0


cdef int64_t build_next(world_t *w, task_t *t) noexcept nogil:
    """A1: processes one after the other; each faults its memory in evenly and frees it when it ends."""
    cdef int kind
    if t.state == BUILD_GAP:
        start_process(w, t)
        t.state = BUILD_STACK
        wish(t, WANT_KERNEL, 1, <uint32_t> w.p.kernel_gfp, 1)
    elif t.state == BUILD_STACK:
        t.state = BUILD_PAGES
        if w.p.process_kernel_pages:
            wish(t, WANT_KERNEL, 0, <uint32_t> w.p.kernel_gfp, w.p.process_kernel_pages)
    elif t.state == BUILD_PAGES:
        t.state = BUILD_RUN
        if permille(t.random, w.p.process_order2_permille):
            wish(t, WANT_KERNEL, 2, <uint32_t> w.p.kernel_gfp, 1)
    elif t.pages_done >= t.pages_goal:
        drop_own(w, t)
        t.state = BUILD_GAP
        return exponential(w.log2_q24, t.random, w.p.gap_mean_ns)
    else:
        kind = next_due(t)
        if kind == DUE_HOT:
            look_ahead(w, t)
        while kind != NR_DUES:
            build_due(w, t, kind)
            if t.want != WANT_NOTHING:
                return 0
            kind = next_due(t)
        wish(t, WANT_ANON, 0, <uint32_t> w.p.user_gfp, min(w.p.chunk_pages, t.pages_goal - t.pages_done))
        return t.period_ns
    return 0


# --- the others -------------------------------------------------------------------------------------------------

cdef int64_t kernel_next(world_t *w, task_t *t) noexcept nogil:
    """A2: short kernel allocations of small orders."""
    cdef int64_t draw = 999 - <int64_t> below(t.random, 1000)
    cdef int64_t high = w.p.kernel_order3_permille
    cdef int64_t middle = high + w.p.kernel_order2_permille
    cdef int order = (draw < high) + (draw < middle) + (draw < middle + w.p.kernel_order1_permille)
    wish(t, WANT_TIMED, order, <uint32_t> w.p.kernel_gfp, 1)
    return exponential(w.log2_q24, t.random, w.p.kernel_period_ns)


cdef int64_t stream_next(world_t *w, task_t *t) noexcept nogil:
    """A3: a reader that streams through a file once."""
    t.done[DUE_COLD] += w.p.chunk_pages
    wish(t, WANT_CACHE, 0, <uint32_t> w.p.user_gfp, w.p.chunk_pages)
    return w.p.stream_period_ns


cdef int64_t resident_next(world_t *w, task_t *t) noexcept nogil:
    """A4: a program that fills its memory during the warm-up and then uses it, some of it much more than the rest."""
    if t.pages_done < t.pages_goal:
        wish(t, WANT_ANON, 0, <uint32_t> w.p.user_gfp, min(w.p.chunk_pages, t.pages_goal - t.pages_done))
        return t.period_ns
    if not touch_own(w, t, skewed(t.random, t.pages_done)):
        wish(t, WANT_SWAPIN, 0, <uint32_t> w.p.user_gfp, 1)
    return w.p.resident_touch_ns


cdef int64_t pdflush_next(world_t *w, task_t *t) noexcept nogil:
    """A5: writes what has been dirty for long, and more if too much of memory is dirty."""
    flush_dirty(w, w.dirty_last - w.dirty_first - w.p.dirty_background_pages, w.now - w.p.dirty_age_ns)
    return w.p.flush_period_ns


cdef int64_t warmup_next(world_t *w, task_t *t) noexcept nogil:
    """A6: fills the page cache, with slab pages and other kernel pages in between."""
    cdef int64_t extra = t.pages_done * w.p.warmup_slab_permille // 1000
    if t.done[DUE_SLAB] < extra:
        t.done[DUE_SLAB] += 1
        wish(t, WANT_SLAB, 0, <uint32_t> w.p.reclaimable_gfp, 1)
        return 0
    extra = t.pages_done * w.p.warmup_unmovable_permille // 1000
    if t.done[DUE_PAGE_TABLE] < extra:
        t.done[DUE_PAGE_TABLE] += 1
        wish(t, WANT_TIMED, 0, <uint32_t> w.p.kernel_gfp, 1)
        return 0
    if t.pages_done >= w.p.warmup_pages:
        return -1
    t.pages_done += w.p.chunk_pages
    wish(t, WANT_CACHE, 0, <uint32_t> w.p.user_gfp, w.p.chunk_pages)
    return t.period_ns


cdef int64_t ageing_next(world_t *w, task_t *t) noexcept nogil:
    """The end of A6: how old a file page is does not tell any more where it lies.

    The warm-up is short, and fills memory from one end to the other in the order in which it will be reclaimed.
    """
    lru_shuffle(w.z, LRU_INACTIVE_FILE, w.p.aged_run_pages, t.pages, t.random)
    lru_shuffle(w.z, LRU_ACTIVE_FILE, w.p.aged_run_pages, t.pages, t.random)
    return -1


cdef int64_t actor_next(world_t *w, task_t *t) noexcept nogil:
    if t.kind == TASK_REQUESTER:
        return requester_next(w, t)
    if t.kind == TASK_RESIDENT:
        return resident_next(w, t)
    if t.kind == TASK_PDFLUSH:
        return pdflush_next(w, t)
    if t.kind == TASK_WARMUP:
        return warmup_next(w, t)
    if t.kind == TASK_FLUSHER:
        return flusher_next(w, t)
    if t.kind == TASK_AGEING:
        return ageing_next(w, t)
    if t.kind == TASK_FAULTER:
        return faulter_next(w, t)
    if t.kind == TASK_READER:
        return reader_next(w, t)
    if w.resting:
        return killed(w, t)
    if t.kind == TASK_BUILD:
        return build_next(w, t)
    if t.kind == TASK_KERNEL:
        return kernel_next(w, t)
    if t.kind == TASK_LOAD:
        return load_next(w, t)
    return stream_next(w, t)


cdef inline int64_t read_ns(world_t *w, int64_t pages) noexcept nogil:
    """Time of one read."""
    return w.p.disk_read_ns + pages * w.p.disk_page_ns


cdef int64_t cold_reads(world_t *w, int64_t pages) noexcept nogil:
    """Reads that the last chunk of so many pages of a file has completed."""
    return pages // w.p.cold_read_pages - (pages - w.p.chunk_pages) // w.p.cold_read_pages


cdef int64_t throttle_writer(world_t *w) noexcept nogil:
    """Too much is dirty: the writer writes the surplus and waits for the disk.  Linux: balance_dirty_pages."""
    cdef int64_t surplus = w.dirty_last - w.dirty_first - w.p.dirty_limit_pages
    if surplus <= 0:
        return 0
    flush_dirty(w, surplus, 0)
    return max(w.disk_free_at - w.now, <int64_t> 0)


cdef int64_t read_delay(world_t *w, task_t *t, int32_t filled) noexcept nogil:
    """How long the task waits for the disk after it has got the pages for what it reads or writes."""
    cdef int64_t reads = 0
    if t.kind == TASK_WARMUP or t.kind == TASK_RESIDENT and filled == WANT_ANON:
        return 0
    if filled == WANT_HOT:
        return disk_busy(w, read_ns(w, w.p.hot_read_pages)) - w.now
    if filled == WANT_SWAPIN:
        return disk_busy(w, w.p.disk_swapin_ns + w.p.disk_page_ns) - w.now
    if filled == WANT_DIRTY:
        return throttle_writer(w)
    if filled == WANT_CACHE:
        reads = cold_reads(w, t.done[DUE_COLD])
    elif filled == WANT_FLUSH:
        reads = cold_reads(w, t.pages_done)
    return disk_busy(w, reads * read_ns(w, w.p.cold_read_pages)) - w.now if reads else 0
