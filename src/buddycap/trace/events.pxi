# One event after the other: the rules put together.

cdef enum:
    MUCH_WORK = 1 << 28         # pages looked at before somebody looks at signals

cdef void follow_free(follow_t *w, frame_zone_t *z, int64_t i, const event_t *e, int hinted) noexcept nogil:
    cdef int order = e.order
    if w.frames.state[i] & PAGE_STATE == PAGE_FREE and (w.nr_scans or w.nr_unplaced):
        given_back(w, z, i, e)
    if w.blind and w.nr_scans:
        count_freed(w, i, e)
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


cdef void follow_claim(follow_t *w, const event_t *e) noexcept nogil:
    """A fallback made its pageblock, or all those of its block, one of the type that asked."""
    cdef frame_zone_t *z = zone_of(&w.frames, e.pfn)
    cdef int order = max(<int> (e.arg & 0xFF), w.frames.block_order)
    cdef int64_t first, k
    if z == NULL or e.migratetype > 7 or order > max(w.frames.max_order, w.frames.block_order):
        return
    first = (z.base + e.pfn) >> order << (order - w.frames.block_order)
    for k in range(<int64_t> 1 << (order - w.frames.block_order)):
        w.frames.block_type[first + k] = <uint8_t> (e.migratetype + 1)


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
        begin_scan(w, e)
        return
    if e.event == EV_COMPACTION_END:
        end_scan(w, e.pid)
        return
    if e.event == EV_LOST:
        w.odd[ODD_LOST] += 1
        return
    if e.event == EV_FREE_BATCHED or e.event > EV_EXTFRAG or e.flags & FL_FAILED:
        return
    if e.event == EV_EXTFRAG and e.flags & FL_OWNERSHIP:
        follow_claim(w, e)
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
        if w.blind and e.migratetype <= 7:
            w.frames.block_type[i >> w.frames.block_order] = <uint8_t> (e.migratetype + 1)
    else:
        follow_take(w, z, i, e.order, BY_EXTFRAG)


cdef int64_t follow_events(follow_t *w, const event_t *e, const uint8_t *hints, int64_t k, int64_t n,
                           int64_t until_ns) noexcept nogil:
    """Follow events k..n-1 up to the first later than `until_ns`, or after much work; the number of that one."""
    cdef event_t one
    w.work = 0
    while k < n and w.work < MUCH_WORK:
        read_event(&one, &e[k])
        if one.time_ns > until_ns:
            break
        follow_event(w, &one, hints[k])
        k += 1
    return k
