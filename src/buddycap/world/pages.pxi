# What the tasks' pages are, and what reclaim does to them.

from ._core cimport (EV_MIGRATED, EV_MIGRATED_TO, EV_PAGEOUT, EV_QUEUE, EV_RECLAIMED, EV_WAKE_KCOMPACTD,
                     EV_WAKE_KSWAPD, EV_WAKE_PDFLUSH,
                     PF_ACTIVE, PF_ANON, PF_DIRTY, PF_MMAP, PF_ORPHAN, PF_PINNED, PF_SLAB,
                     PF_SWAPBACKED, PF_SWAPCACHE, PF_WRITEBACK, PF_YOUNG, PG_MARKED, ST_OK, buddycap_prefetch,
                     event_t, event_take, free_block, get_page_from_freelist, link_t, lru_cache_add, page_mark,
                     page_release, page_set_flags, slab_add, start_page_writeback, zone_block_status)


cdef enum:
    AHEAD = 8                   # how far ahead of their use pages are fetched into the cache


cdef inline const uint8_t *page_order(world_t *w, int32_t page) noexcept nogil:
    return <uint8_t *> w.z + w.z.off_order + page


cdef inline const void *page_link(world_t *w, int32_t page) noexcept nogil:
    return <uint8_t *> w.z + w.z.off_link + <int64_t> page * sizeof(link_t)


cdef inline uint32_t *flags_of(world_t *w, int32_t page) noexcept nogil:
    return <uint32_t *> (<uint8_t *> w.z + w.z.off_flags) + page


cdef inline uint32_t page_flags(world_t *w, int32_t page) noexcept nogil:
    return flags_of(w, page)[0]


cdef inline uint64_t *page_owner(world_t *w, int32_t page) noexcept nogil:
    return <uint64_t *> (<uint8_t *> w.z + w.z.off_owner) + page


cdef inline void fetch_touched(world_t *w, int32_t page) noexcept nogil:
    """What a touch of a page will look at, if there is one: in a large memory none of it is in the cache."""
    if page >= 0:
        buddycap_prefetch(page_order(w, page))
        buddycap_prefetch(flags_of(w, page))


cdef inline void fetch_page(world_t *w, int32_t page) noexcept nogil:
    """The same for what giving it back looks at."""
    if page >= 0:
        fetch_touched(w, page)
        buddycap_prefetch(page_link(w, page))
        buddycap_prefetch(page_owner(w, page))


cdef inline uint64_t cookie(uint64_t kind, uint64_t task, uint64_t number) noexcept nogil:
    return kind << 56 | task << 40 | number


cdef void forget(world_t *w, uint64_t owner, int32_t page) noexcept nogil:
    """Reclaim has taken a page from its owner, which the cookie names if it is the world's."""
    cdef uint64_t kind = owner >> 56
    cdef uint64_t id = (owner >> 40) & 0xFFFF
    cdef int64_t number = owner & <uint64_t> 0xFFFFFFFFFF
    cdef task_t *t
    if id >= <uint64_t> w.nr_tasks:
        return
    t = &w.task[id]
    if kind == OWNER_HOT:
        if (t.kind == TASK_BUILD or t.kind == TASK_READER) and number < t.hot_size and t.hot[number] == page:
            t.hot[number] = ABSENT
    elif (kind == OWNER_ANON or kind == OWNER_FLUSH) and number < t.pages_size and t.pages[number] == page:
        t.pages[number] = SWAPPED if kind == OWNER_ANON else ABSENT


cdef void follow(world_t *w, uint64_t owner, int32_t page, int32_t target) noexcept nogil:
    """Compaction has moved a page, whose owner the cookie names if it is the world's."""
    cdef uint64_t kind = owner >> 56
    cdef uint64_t id = (owner >> 40) & 0xFFFF
    cdef int64_t number = owner & <uint64_t> 0xFFFFFFFFFF
    cdef int64_t dirty = w.dirty_last - 1 - <int64_t> (w.dirty_seq - <uint64_t> number)
    cdef task_t *t
    if kind == OWNER_DIRTY:
        if w.dirty_first <= dirty < w.dirty_last and w.dirty[dirty].owner == owner:
            w.dirty[dirty].page = target
        return
    if id >= <uint64_t> w.nr_tasks:
        return
    t = &w.task[id]
    if kind == OWNER_HOT:
        if (t.kind == TASK_BUILD or t.kind == TASK_READER) and number < t.hot_size and t.hot[number] == page:
            t.hot[number] = target
    elif (kind == OWNER_ANON or kind == OWNER_FLUSH) and number < t.pages_size and t.pages[number] == page:
        t.pages[number] = target


# --- what others have done to the world's pages -----------------------------------------------------------------
#
# Between two calls, and while a hook is asked, anybody may work on the zone.  What is the world's must stay so: before
# it frees or marks a page it looks whether the page is still its own, and else notes it, which ends the run.

cdef int note_robbed(world_t *w, int32_t page) noexcept nogil:
    """Always 0."""
    if not w.robbed:
        w.robbed = <int64_t> page + 1
    return 0


cdef inline int is_single(world_t *w, int32_t page) noexcept nogil:
    """Whether a page that was put on the LRU is still an allocated single page with flags."""
    return page_order(w, page)[0] == PG_MARKED or note_robbed(w, page)


cdef inline int is_own(world_t *w, int32_t page, uint64_t owner) noexcept nogil:
    """The same, and its cookie is still there."""
    return is_single(w, page) and (page_owner(w, page)[0] == owner or note_robbed(w, page))


cdef void free_own_block(world_t *w, int32_t page, int order, int cpu) noexcept nogil:
    """Free a block that is in no table of pages."""
    if zone_block_status(w.z, w.z.base_pfn + page, order) == ST_OK:
        free_block(w.z, page, order, cpu)
    else:
        note_robbed(w, page)


cdef void note_dirty(world_t *w, int32_t page) noexcept nogil:
    """Remember a page cache page that has been written to."""
    cdef void *table = queue_room(w, w.dirty, &w.dirty_first, &w.dirty_last, &w.dirties_size, sizeof(dirty_t))
    if table == NULL:
        return
    w.dirty = <dirty_t *> table
    w.dirty_seq += 1
    page_owner(w, page)[0] = cookie(OWNER_DIRTY, 0, w.dirty_seq)
    w.dirty[w.dirty_last].time = w.now
    w.dirty[w.dirty_last].owner = page_owner(w, page)[0]
    w.dirty[w.dirty_last].page = page
    w.dirty_last += 1


cdef void flush_dirty(world_t *w, int64_t pages, int64_t before) noexcept nogil:
    """Begin to write the oldest dirty pages: at least `pages` of them, and all from before `before`."""
    cdef dirty_t *d
    while w.dirty_first < w.dirty_last:
        d = &w.dirty[w.dirty_first]
        if pages <= 0 and d.time >= before:
            return
        w.dirty_first += 1
        if page_owner(w, d.page)[0] == d.owner and (page_flags(w, d.page) & (PF_DIRTY | PF_WRITEBACK)) == PF_DIRTY:
            start_page_writeback(&w.m, w.z, d.page)
            disk_write(w, d.page)
            pages -= 1


cdef void write_out(world_t *w, task_t *t, int32_t page) noexcept nogil:
    """Write a page that reclaim gives up; now and then that takes a page itself, which is free again when it is done.

    Such pages (journal, block layer) may come from below every mark: PF_MEMALLOC.  They are taken while memory is being
    freed, so they land in it.
    """
    cdef int32_t extra, zone
    disk_write(w, page)
    if not w.p.memalloc_permille or not permille(t.random, w.p.memalloc_permille):
        return
    extra = get_page_from_freelist(&w.m, 0, <uint32_t> w.p.journal_gfp, <int> w.p.journal_flags, t.cpu, &zone)
    if extra >= 0:
        w.memallocs += 1
        note_steal(w, extra, 0, 0)
        page_owner(w, extra)[0] = cookie(OWNER_KERNEL, t - w.task, 0)
        free_at(w, extra, 0, w.disk_free_at)


cdef void wake_queue(world_t *w) noexcept nogil:
    """The allocation in front of the policy's queue goes on."""
    cdef int64_t blocked
    cdef int32_t k
    for k in range(w.nr_tasks):
        if w.task[k].blocked and w.m.queue == &w.task[k].request:
            w.task[k].blocked = 0
            blocked = max(w.now - w.task[k].blocked_since, <int64_t> 0)
            if w.task[k].serial:
                w.task[k].wait_ns += blocked
            else:
                w.blocked_ns += blocked
            wake_at(w, k, max(w.now, w.task[k].blocked_since))


cdef void wake_kcompactd(world_t *w) noexcept nogil:
    if not w.task[w.kcompactd].in_request:
        w.task[w.kcompactd].in_request = 1
        wake_at(w, w.kcompactd, w.now)


cdef void drain_events(world_t *w, task_t *t) noexcept nogil:
    """Take note of what reclaim has done in the step that task `t` has just made."""
    cdef event_t event
    cdef int32_t page = ABSENT
    while event_take(&w.m, &event):
        if event.kind == EV_RECLAIMED:
            if t.serial:
                note_reclaimed(w, t, <int32_t> event.page)
            if event.owner:
                forget(w, event.owner, <int32_t> event.page)
        elif event.kind == EV_PAGEOUT:
            write_out(w, t, <int32_t> event.page)
        elif event.kind == EV_WAKE_KSWAPD:
            if not w.task[w.kswapd].in_request:
                w.task[w.kswapd].in_request = 1
                wake_at(w, w.kswapd, w.now)
        elif event.kind == EV_MIGRATED:
            page = <int32_t> event.page
            if t.serial:
                note_reclaimed(w, t, page)
        elif event.kind == EV_MIGRATED_TO:
            follow(w, event.owner, page, <int32_t> event.page)
        elif event.kind == EV_WAKE_KCOMPACTD:
            wake_kcompactd(w)
        elif event.kind == EV_QUEUE:
            wake_queue(w)
        elif event.kind == EV_WAKE_PDFLUSH:
            flush_dirty(w, event.page if event.page else w.dirty_last, 0)


cdef void add_anon(world_t *w, task_t *t, int32_t id, int32_t page, int64_t number) noexcept nogil:
    lru_cache_add(w.z, page, PF_SWAPBACKED | PF_ANON | PF_MMAP | PF_YOUNG | PF_ACTIVE)
    page_owner(w, page)[0] = cookie(OWNER_ANON, id, number)
    t.pages[number] = page


cdef int64_t life(world_t *w, task_t *t) noexcept nogil:
    """How long a kernel allocation lives: short ones and long ones, by who made it; -1 for ever."""
    cdef int64_t draw
    if t.kind == TASK_LOAD:
        return t.want_life
    draw = below(t.random, 1000)
    if t.kind == TASK_KERNEL:
        return exponential(w.log2_q24, t.random, w.p.kernel_long_life_ns if draw < w.p.kernel_long_permille
                           else w.p.kernel_life_ns)
    if draw < w.p.unmovable_short_permille:
        return exponential(w.log2_q24, t.random, w.p.unmovable_short_life_ns)
    if draw < w.p.unmovable_short_permille + w.p.unmovable_long_permille:
        return exponential(w.log2_q24, t.random, w.p.unmovable_long_life_ns)
    return -1


cdef void place_kernel_block(world_t *w, task_t *t, int32_t page, int order) noexcept nogil:
    """Remember a kernel block for the time when it is freed."""
    cdef int64_t time
    if t.want == WANT_KERNEL:
        t.kernel[2 * t.kernel_done] = page
        t.kernel[2 * t.kernel_done + 1] = order
        t.kernel_done += 1
        return
    time = life(w, t)
    if time >= 0:
        free_at(w, page, order, w.now + time)


cdef void place_swapped(world_t *w, task_t *t, int32_t id, int32_t page) noexcept nogil:
    """A page from swap; its slot may have expired while the task waited for memory."""
    if t.pages[t.want_index] != SWAPPED:
        free_block(w.z, page, 0, t.cpu)
        return
    add_anon(w, t, id, page, t.want_index)
    w.m.swap_free += 1
    w.swapins += 1


cdef void place_load(world_t *w, task_t *t, int32_t id, int32_t page) noexcept nogil:
    """A page of a recorded load: it gets a slot, which is freed when its time is up."""
    cdef int32_t slot = slot_take(w, t)
    if slot >= 0:
        add_anon(w, t, id, page, slot)
        free_at(w, -1 - slot, id, w.now + t.want_life)


cdef void place_page(world_t *w, task_t *t, int32_t id, int32_t page) noexcept nogil:
    """The task has got a block for what it wants: put it to use."""
    cdef int order = t.want_order
    w.background_pages += 1 << order
    note_steal(w, page, order, 0)
    t.busy_ns += w.p.fault_ns
    if t.want == WANT_ANON and t.kind == TASK_LOAD:
        place_load(w, t, id, page)
    elif t.want == WANT_ANON:
        add_anon(w, t, id, page, t.pages_done)
        t.pages_done += 1
    elif t.want == WANT_SWAPIN:
        place_swapped(w, t, id, page)
    elif t.want == WANT_CACHE:
        lru_cache_add(w.z, page, 0)
        page_owner(w, page)[0] = cookie(OWNER_CACHE, id, 0)
    elif t.want == WANT_HOT:
        while t.hot[t.want_index] >= 0:
            t.want_index += 1
        lru_cache_add(w.z, page, 0)
        page_owner(w, page)[0] = cookie(OWNER_HOT, id, t.want_index)
        t.hot[t.want_index] = page
        w.rereads += 1
    elif t.want == WANT_FLUSH:
        lru_cache_add(w.z, page, 0)
        page_owner(w, page)[0] = cookie(OWNER_FLUSH, id, t.pages_done)
        t.pages[t.pages_done] = page
        t.pages_done += 1
    elif t.want == WANT_DIRTY:
        lru_cache_add(w.z, page, PF_DIRTY)
        note_dirty(w, page)
    elif t.want == WANT_SLAB:
        page_owner(w, page)[0] = cookie(OWNER_SLAB, id, 0)
        slab_add(w.z, page, PF_PINNED if t.kind == TASK_WARMUP and permille(
            t.random, w.p.warmup_pinned_permille) else 0)
    else:
        page_owner(w, page)[0] = cookie(OWNER_KERNEL, id, 0)
        place_kernel_block(w, t, page, order)


cdef int touch_own(world_t *w, task_t *t, int64_t number) noexcept nogil:
    """Use one of the task's anonymous pages; 0 if it must be read from swap first."""
    cdef int32_t page = t.pages[number]
    if page == SWAPPED:
        t.want = WANT_SWAPIN
        t.want_index = number
        return 0
    if is_single(w, page):
        page_mark(w.z, page, PF_MMAP | PF_YOUNG)
    return 1


cdef inline void own_release(world_t *w, task_t *t, int32_t id, int64_t number) noexcept nogil:
    """Give back anonymous page `number` with its swap slot, or the slot of one that is in swap."""
    cdef int32_t page = t.pages[number]
    if page == SWAPPED:
        w.m.swap_free += 1
    elif is_own(w, page, cookie(OWNER_ANON, id, number)):
        w.m.swap_free += (page_flags(w, page) & PF_SWAPCACHE) != 0
        page_release(w.z, page, t.cpu)


cdef void drop_own(world_t *w, task_t *t) noexcept nogil:
    """The process ends: its anonymous pages, swap slots and kernel blocks are freed."""
    cdef int32_t id = <int32_t> (t - w.task)
    cdef int64_t k
    for k in range(t.pages_done):
        if k + AHEAD < t.pages_done:
            fetch_page(w, t.pages[k + AHEAD])
        if t.pages[k] != ABSENT:
            own_release(w, t, id, k)
            t.pages[k] = ABSENT
    t.pages_done = 0
    for k in range(t.kernel_done):
        free_own_block(w, t.kernel[2 * k], t.kernel[2 * k + 1], t.cpu)
    t.kernel_done = 0
