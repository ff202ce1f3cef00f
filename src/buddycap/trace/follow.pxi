# What every event does to the pages: the rules of reconstruction.

cdef enum:             # of the state of a page, and of what did not fit
    BY_START = 0                # as the snapshot had it: no event touched the page
    BY_ALLOC
    BY_FREE                     # to a per-CPU list
    BY_DIRECT_FREE              # of an order that per-CPU lists do not hold
    BY_INTERRUPT_FREE           # while the per-CPU list was locked
    BY_LATER_TAKE               # a free to the buddy lists that only a later event shows
    BY_ZONE_LOCKED
    BY_DRAIN
    BY_EXTFRAG
    BY_ISOLATION                # compaction took every free page of a range
    BY_GUESSED_ISOLATION        # ... took as many as it said, not necessarily these
    BY_GROWTH                   # with its section, when the kernel initialised that

cdef enum:              # what happened to a page in a state that the rules do not foresee
    ODD_ALLOC_OF_FREE = 0       # no removal was seen before
    ODD_ALLOC_OF_USED
    ODD_FREE_OF_FREE            # compaction or another silent path had taken it
    ODD_FREE_OF_PCP             # bulk allocation tells nothing
    ODD_TAKE_OF_USED            # the free before it is missing
    ODD_TAKE_OF_HELD            # memory that came without an event
    ODD_DRAIN_OF_FREE
    ODD_DRAIN_OF_USED
    ODD_OUTSIDE                 # of every zone
    ODD_UNALIGNED
    ODD_ISOLATED_OTHER          # events of compaction whose count differs from the free pages of their range
    ODD_FAST_ISOLATED           # pages taken without saying which, and not found out
    ODD_LOST
    ODD_GROWN                   # sections that must have been initialised
    NR_ODDS

cdef enum:              # what is known of a free from its surroundings
    HINT_NONE = 0
    HINT_INTERRUPT = 1
    HINT_LATER_TAKE = 2
    HINT_REMOVAL = 3            # an extfrag event that is itself the removal


cdef enum:
    MAX_SCANS = 64              # compaction runs at a time


cdef struct scan_t:             # a compaction run that holds free pages, nobody knows which
    int32_t pid
    int64_t low
    int64_t high
    int64_t taken               # by fast isolation, and not found yet


cdef struct follow_t:
    frames_t frames
    int64_t odd[NR_ODDS]
    int high_orders             # per-CPU lists hold more than order 0
    scan_t scan[MAX_SCANS]
    int nr_scans


cdef inline bint pcp_order(const follow_t *w, int order) noexcept nogil:
    """pcp_allowed_order: mm/page_alloc.c, 5.14 and later, with huge pages; before, order 0 alone."""
    return order == 0 or (w.high_orders and (order <= 3 or order == 9))


cdef inline int page_type(int migratetype) noexcept nogil:
    return TYPE_MOVABLE if migratetype == 2 else TYPE_UNMOVABLE


cdef void grow_section(follow_t *w, frame_zone_t *z, int64_t pfn) noexcept nogil:
    """A page of an uninitialised section was handed out: so all of it had been freed (deferred_grow_zone)."""
    cdef int64_t first = max(pfn & ~<int64_t> (SECTION - 1), z.start_pfn)
    cdef int64_t end = min((pfn & ~<int64_t> (SECTION - 1)) + SECTION, z.start_pfn + z.spanned)
    cdef int64_t i
    for i in range(z.base + first, z.base + end):
        if w.frames.state[i] & PAGE_STATE == PAGE_ABSENT:
            set_page(&w.frames, z, i, PAGE_FREE, BY_GROWTH)
            insert_block(&w.frames, z, i, 0)
    w.odd[ODD_GROWN] += 1


cdef void follow_alloc(follow_t *w, frame_zone_t *z, int64_t i, const event_t *e) noexcept nogil:
    if w.frames.state[i] & PAGE_STATE == PAGE_USED:
        w.odd[ODD_ALLOC_OF_USED] += 1
    if remove_free(&w.frames, z, i, e.order):
        w.odd[ODD_ALLOC_OF_FREE] += 1
    set_pages(&w.frames, z, i, e.order, PAGE_USED | page_type(e.migratetype), BY_ALLOC)


cdef void follow_take(follow_t *w, frame_zone_t *z, int64_t i, int order, int cause) noexcept nogil:
    """A block leaves the free lists for a per-CPU list or for whoever asked."""
    cdef int state = w.frames.state[i] & PAGE_STATE
    if not remove_free(&w.frames, z, i, order):
        w.odd[ODD_TAKE_OF_HELD if state == PAGE_HELD else ODD_TAKE_OF_USED] += 1
    set_pages(&w.frames, z, i, order, PAGE_PCP, cause)


cdef void follow_drain(follow_t *w, frame_zone_t *z, int64_t i, int order) noexcept nogil:
    cdef int state = w.frames.state[i] & PAGE_STATE
    if state == PAGE_USED:
        w.odd[ODD_DRAIN_OF_USED] += 1
    if remove_free(&w.frames, z, i, order):
        w.odd[ODD_DRAIN_OF_FREE] += 1
    set_pages(&w.frames, z, i, order, PAGE_FREE, BY_DRAIN)
    insert_block(&w.frames, z, i, order)


cdef scan_t *scan_of(follow_t *w, int32_t pid) noexcept nogil:
    """The compaction run of a task that holds unknown free pages, or NULL."""
    cdef int k
    for k in range(w.nr_scans):
        if w.scan[k].pid == pid:
            return &w.scan[k]
    return NULL


cdef void note_scan(follow_t *w, const event_t *e, int64_t taken) noexcept nogil:
    """Remember that a task holds free pages from somewhere in a range."""
    cdef scan_t *scan = scan_of(w, e.pid)
    if scan == NULL:
        if w.nr_scans == MAX_SCANS:
            return
        scan = &w.scan[w.nr_scans]
        w.nr_scans += 1
        scan.pid = e.pid
        scan.taken = 0
        scan.low, scan.high = e.pfn, e.pfn + e.span
    scan.low = min(scan.low, e.pfn)
    scan.high = max(scan.high, e.pfn + e.span)
    scan.taken += taken


cdef void end_scan(follow_t *w, int32_t pid) noexcept nogil:
    cdef scan_t *scan = scan_of(w, pid)
    if scan != NULL:
        w.nr_scans -= 1
        scan[0] = w.scan[w.nr_scans]


cdef int64_t isolate_block(follow_t *w, frame_zone_t *z, int64_t i, int how) noexcept nogil:
    """Compaction takes the whole free block around a page; its pages."""
    cdef int order = covering_order(&w.frames, i)
    i &= ~((<int64_t> 1 << order) - 1)
    cut_block(&w.frames, z, i, order, order)
    set_pages(&w.frames, z, i, order, PAGE_ISOLATED | TYPE_MOVABLE, how)
    return <int64_t> 1 << order


cdef void found_pages(follow_t *w, scan_t *scan, int64_t pages) noexcept nogil:
    """Some of the pages of a fast isolation are known now."""
    pages = min(pages, scan.taken)
    scan.taken -= pages
    w.odd[ODD_FAST_ISOLATED] -= pages


cdef void follow_isolation(follow_t *w, const event_t *e) noexcept nogil:
    """Compaction's free scanner took `arg` pages of a range, always whole free blocks.

    If that is not what is free there, the difference may be what a fast isolation took before.
    """
    cdef frame_zone_t *z = zone_of(&w.frames, e.pfn)
    cdef scan_t *scan = scan_of(w, e.pid)
    cdef int64_t i, end, found = 0
    cdef int how = BY_ISOLATION
    if z == NULL or not spans(z, e.pfn, e.span):
        w.odd[ODD_OUTSIDE] += 1
        return
    i = z.base + e.pfn
    end = i + e.span
    while i < end:
        found += w.frames.state[i] & PAGE_STATE == PAGE_FREE
        i += 1
    if found != e.arg:
        if scan == NULL or scan.taken == 0 or found - e.arg != scan.taken:
            w.odd[ODD_ISOLATED_OTHER] += 1
            note_scan(w, e, 0)
            return
        found_pages(w, scan, scan.taken)
        how = BY_GUESSED_ISOLATION
    i = z.base + e.pfn
    while i < end:
        if w.frames.state[i] & PAGE_STATE == PAGE_FREE:
            isolate_block(w, z, i, how)
        i += 1


cdef void follow_free(follow_t *w, frame_zone_t *z, int64_t i, const event_t *e, int hinted) noexcept nogil:
    cdef int order = e.order
    cdef scan_t *scan
    if w.nr_scans and w.frames.state[i] & PAGE_STATE == PAGE_FREE:
        scan = scan_of(w, e.pid)
        if scan != NULL and scan.low <= e.pfn < scan.high:      # it gives back what it did not need
            found_pages(w, scan, isolate_block(w, z, i, BY_GUESSED_ISOLATION))
    if w.frames.state[i] & PAGE_STATE == PAGE_PCP:
        w.odd[ODD_FREE_OF_PCP] += 1
    if remove_free(&w.frames, z, i, order):
        w.odd[ODD_FREE_OF_FREE] += 1
    if not pcp_order(w, order):
        set_pages(&w.frames, z, i, order, PAGE_FREE, BY_DIRECT_FREE)
        insert_block(&w.frames, z, i, order)
    elif hinted:
        set_pages(&w.frames, z, i, order, PAGE_FREE,
                  BY_INTERRUPT_FREE if hinted == HINT_INTERRUPT else BY_LATER_TAKE)
        insert_block(&w.frames, z, i, order)
    else:
        set_pages(&w.frames, z, i, order, PAGE_PCP, BY_FREE)


cdef void follow_event(follow_t *w, const event_t *e, int hinted) noexcept nogil:
    cdef frame_zone_t *z
    cdef int64_t i
    if e.event == EV_ISOLATE_FREE:
        follow_isolation(w, e)
        return
    if e.event == EV_FAST_ISOLATE_FREE:
        w.odd[ODD_FAST_ISOLATED] += e.arg
        if e.arg:
            note_scan(w, e, e.arg)
        return
    if e.event == EV_COMPACTION_BEGIN:
        note_scan(w, e, 0)
        return
    if e.event == EV_COMPACTION_END:
        end_scan(w, e.pid)
        return
    if e.event == EV_LOST:
        w.odd[ODD_LOST] += 1
        return
    if e.event == EV_FREE_BATCHED or e.event > EV_EXTFRAG or e.flags & FL_FAILED:
        return
    if e.event == EV_EXTFRAG and hinted != HINT_REMOVAL:
        return
    z = zone_of(&w.frames, e.pfn)
    if z == NULL or e.order > w.frames.max_order or not spans(z, e.pfn, <int64_t> 1 << e.order):
        w.odd[ODD_OUTSIDE] += 1
        return
    if e.pfn & ((<int64_t> 1 << e.order) - 1):
        w.odd[ODD_UNALIGNED] += 1
        return
    i = z.base + e.pfn
    if w.frames.state[i] & PAGE_STATE == PAGE_ABSENT and (
            e.event == EV_ALLOC or e.event == EV_ZONE_LOCKED or e.event == EV_EXTFRAG):
        grow_section(w, z, e.pfn)
    if e.event == EV_ALLOC:
        follow_alloc(w, z, i, e)
    elif e.event == EV_FREE:
        follow_free(w, z, i, e, hinted)
    elif e.event == EV_ZONE_LOCKED:
        follow_take(w, z, i, e.order, BY_ZONE_LOCKED)
    elif e.event == EV_PCPU_DRAIN:
        follow_drain(w, z, i, e.order)
    else:
        follow_take(w, z, i, e.order, BY_EXTFRAG)


cdef int64_t follow_events(follow_t *w, const event_t *e, const uint8_t *hints, int64_t k, int64_t n,
                           int64_t until_ns) noexcept nogil:
    """Follow events k..n-1 up to the first that is later than `until_ns`; the number of that one."""
    while k < n and e[k].time_ns <= until_ns:
        follow_event(w, &e[k], hints[k])
        k += 1
    return k
