# What compaction takes from the free lists.  No event names the pages: it tells a range and a number, or less.

cdef enum:
    CLUSTER = 32                # COMPACT_CLUSTER_MAX: pages that are moved at a time; mm/compaction.c
    MAX_STRIDE = CLUSTER
    LONG_RUN = 1024             # pages: what a run for one block moves at most, twice over


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
        memset(scan, 0, sizeof(scan_t))
        scan.pid = e.pid
        scan.low, scan.high = e.pfn, e.pfn + e.span
        scan.at = e.pfn + e.span - 1
    if taken:
        scan.taken_low = min(scan.taken_low, e.pfn) if scan.taken > 0 else e.pfn
    scan.low = min(scan.low, e.pfn)
    scan.high = max(scan.high, e.pfn + e.span)
    scan.taken += taken


cdef void begin_scan(follow_t *w, const event_t *e) noexcept nogil:
    """A run begins; `arg` is where its free scanner does, counted from the zone's start, 0 if that is not known."""
    cdef scan_t *scan
    note_scan(w, e, 0)
    scan = scan_of(w, e.pid)
    if scan != NULL:
        scan.at = e.pfn + e.arg if e.arg else e.pfn + e.span - 1
        scan.at &= ~((<int64_t> 1 << w.frames.block_order) - 1)
        scan.moved = scan.known = scan.back = 0


cdef unplaced_t *unplaced_at(follow_t *w, int64_t pfn, int64_t pages) noexcept nogil:
    """A take of a run that has ended, which may have been this block; the first one, or NULL."""
    cdef int k
    for k in range(w.nr_unplaced):
        if w.unplaced[k].low <= pfn < w.unplaced[k].high and w.unplaced[k].pages >= pages:
            return &w.unplaced[k]
    return NULL


cdef void placed(follow_t *w, unplaced_t *one, int64_t pages) noexcept nogil:
    """Some pages of a take are known now."""
    one.pages -= pages
    w.odd[ODD_FAST_ISOLATED] -= pages
    if one.pages == 0:
        w.nr_unplaced -= 1
        one[0] = w.unplaced[w.nr_unplaced]


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


cdef void given_back(follow_t *w, frame_zone_t *z, int64_t i, const event_t *e) noexcept nogil:
    """A page is freed that seems to be free: compaction took its block before, and told nobody."""
    cdef scan_t *scan = scan_of(w, e.pid)
    cdef unplaced_t *one
    cdef int64_t pages
    cdef int order
    if scan != NULL and scan.low <= e.pfn < scan.high:
        pages = isolate_block(w, z, i, BY_GIVING_BACK)
        found_pages(w, scan, pages)
        scan.known += pages
        return
    one = unplaced_at(w, e.pfn, 1)
    if one == NULL:
        return
    order = covering_order(&w.frames, i)
    while <int64_t> 1 << order > one.pages:     # it has grown since
        order -= 1
    i &= ~((<int64_t> 1 << order) - 1)
    remove_free(&w.frames, z, i, order)
    set_pages(&w.frames, z, i, order, PAGE_ISOLATED | TYPE_MOVABLE, BY_GUESSED_ISOLATION)
    placed(w, one, <int64_t> 1 << order)


cdef int64_t scan_range(follow_t *w, frame_zone_t *z, int64_t i, int64_t end, int stride, int how,
                        int64_t *looked_at) noexcept nogil:
    """isolate_freepages_block: by a stride from page to page, and over every block that it meets the head of.

    Take them if `how` says so, else only count.  The pages taken; `looked_at` is what the kernel calls nr_scanned.
    """
    cdef int64_t taken = 0, seen = 0, pages
    while i < end:
        seen += 1
        if w.frames.head[i]:
            pages = <int64_t> 1 << (w.frames.head[i] - 1)
            taken += pages
            seen += pages - 1
            if how:
                isolate_block(w, z, i, how)
            i += pages - 1
        i += stride
    looked_at[0] = seen
    return taken


cdef bint place_surplus(follow_t *w, frame_zone_t *z, int64_t i, int64_t end, int64_t surplus) noexcept nogil:
    """More is free in a range than compaction found there: a block of that size that an ended run may have taken.

    Only if there is just one; it is marked as taken.
    """
    cdef int64_t found = -1
    cdef unplaced_t *one
    while i < end:
        if w.frames.head[i] and <int64_t> 1 << (w.frames.head[i] - 1) == surplus:
            if found >= 0:
                return False
            found = i
        i += 1
    if found < 0:
        return False
    one = unplaced_at(w, found - z.base, surplus)
    if one == NULL:
        return False
    placed(w, one, isolate_block(w, z, found, BY_GUESSED_ISOLATION))
    return True


cdef void follow_isolation(follow_t *w, const event_t *e) noexcept nogil:
    """Compaction's free scanner took `arg` pages of a range, always whole free blocks, looking at `gfp` pages.

    It skips pages after pageblocks in which it found nothing: the stride shows by the two numbers (0: a trace converted
    before they were kept).  If no stride gives them, the difference may be what fast isolation took before.
    """
    cdef frame_zone_t *z = zone_of(&w.frames, e.pfn)
    cdef scan_t *scan = scan_of(w, e.pid)
    cdef int64_t i, end, found, all, seen = 0
    cdef int stride = 1
    if z == NULL or not spans(z, e.pfn, e.span):
        w.odd[ODD_OUTSIDE] += 1
        return
    if e.span > <int64_t> 1 << max(w.frames.max_order, w.frames.block_order):   # it never leaves a pageblock
        w.odd[ODD_ISOLATED_OTHER] += 1
        return
    i = z.base + e.pfn
    end = i + e.span
    all = found = scan_range(w, z, i, end, 1, BY_START, &seen)
    while stride < MAX_STRIDE and (found != e.arg or (e.gfp and seen != e.gfp)):
        stride <<= 1
        found = scan_range(w, z, i, end, stride, BY_START, &seen)
    if found == e.arg and (e.gfp == 0 or seen == e.gfp):
        scan_range(w, z, i, end, stride, BY_ISOLATION, &seen)
        return
    if e.arg == 0 and 0 < e.gfp < e.span:       # it went over huge pages meanwhile, which shifts the stride
        return
    if scan != NULL and scan.taken > 0 and all - e.arg == scan.taken:
        found_pages(w, scan, scan.taken)
    elif all <= e.arg or not place_surplus(w, z, i, end, all - e.arg):
        w.odd[ODD_ISOLATED_OTHER] += 1
        note_scan(w, e, 0)
        return
    scan_range(w, z, i, end, 1, BY_GUESSED_ISOLATION, &seen)


cdef bint is_target(const follow_t *w, int64_t i) noexcept nogil:
    """suitable_migration_target: a movable pageblock, or one of unknown type, that is not free as a whole."""
    cdef int type_ = w.frames.block_type[i >> w.frames.block_order]
    return (type_ == 0 or type_ == MOVABLE_BLOCK) and w.frames.head[i] <= w.frames.block_order


cdef int64_t scan_targets(follow_t *w, scan_t *scan, int64_t wanted) noexcept nogil:
    """isolate_freepages, a call for at least so many pages, without its events; the pages taken.

    Down from the end of the zone by pageblocks, up inside them; the stride doubles after those without a free page.
    """
    cdef frame_zone_t *z = zone_of(&w.frames, scan.low)
    cdef int64_t block = <int64_t> 1 << w.frames.block_order
    cdef int64_t taken = 0, first, end, i, before, pages
    cdef int stride = 1
    if z == NULL:
        return 0
    if scan.at >= z.start_pfn + z.spanned:
        scan.at = (z.start_pfn + z.spanned - 1) & ~(block - 1)
    while (scan.at | (block - 1)) >= max(scan.low, z.start_pfn) and taken < wanted:
        first = scan.at & ~(block - 1)
        end = z.base + min(first + block, min(scan.high, z.start_pfn + z.spanned))
        i = z.base + max(scan.at, z.start_pfn)
        before = taken
        if is_target(w, z.base + first):
            while i < end and taken < wanted:
                pages = 1
                if w.frames.head[i]:
                    pages = isolate_block(w, z, i, BY_GUESSED_ISOLATION)
                    taken += pages
                i += pages - 1 + stride
            stride = 1 if taken > before else min(MAX_STRIDE, stride << 1)
        scan.at = i - z.base if taken >= wanted and i < end else first - block
        w.work += block
    return taken


cdef void guess_targets(follow_t *w, scan_t *scan) noexcept nogil:
    """What a run without isolation events moved is where the free scanner went.

    Less what it filled of blocks that are known, because it gave the rest of them back; that is seen at its end.
    """
    cdef int64_t left = scan.moved - (scan.known - scan.back)
    cdef int64_t taken
    while left > 0:
        taken = scan_targets(w, scan, min(left, <int64_t> CLUSTER))
        if taken == 0:
            break
        left -= taken
    scan.moved, scan.known, scan.back = min(left, <int64_t> 0), 0, 0


cdef void count_freed(follow_t *w, int64_t i, const event_t *e) noexcept nogil:
    """A run whose isolations are not told frees a page: it has moved, or is given back unfilled."""
    cdef scan_t *scan = scan_of(w, e.pid)
    cdef int64_t pages = <int64_t> 1 << e.order
    if scan == NULL or not scan.low <= e.pfn < scan.high:
        return
    if (w.frames.state[i] & PAGE_STATE == PAGE_ISOLATED and w.frames.cause[i] == BY_GIVING_BACK
            and scan.back < scan.known):
        scan.back += pages
        return
    scan.moved += pages
    if scan.moved >= LONG_RUN:
        guess_targets(w, scan)


cdef void end_scan(follow_t *w, int32_t pid) noexcept nogil:
    """A run ends.  What it did not give back has been filled; where that is, a later event may tell."""
    cdef scan_t *scan = scan_of(w, pid)
    if scan == NULL:
        return
    if w.blind:
        guess_targets(w, scan)
    if scan.taken > 0 and w.nr_unplaced < MAX_UNPLACED:
        w.unplaced[w.nr_unplaced].low = scan.taken_low
        w.unplaced[w.nr_unplaced].high = scan.high
        w.unplaced[w.nr_unplaced].pages = scan.taken
        w.nr_unplaced += 1
    w.nr_scans -= 1
    scan[0] = w.scan[w.nr_scans]
