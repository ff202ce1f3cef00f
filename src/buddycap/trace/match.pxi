# Which free ends which allocation: requests with their lifetimes, and the order in which they begin and end.

cdef enum traced_flag:
    TRACED_FAILED = 1           # got no page
    TRACED_PARTS = 2            # freed in parts; it ends with the last
    TRACED_HELD = 4             # in use before the trace began
    TRACED_OPEN = 8             # in use at the end of the trace

cdef enum turn_kind:
    TURN_ALLOC = 1
    TURN_FREE = 2

cdef enum:
    DEAD_PAGE = -1              # freed, or never allocated with an event


cdef packed struct traced_t:
    int64_t time_ns
    int64_t lifetime_ns
    int64_t pfn
    uint32_t gfp
    int32_t pid
    uint16_t cpu
    uint8_t order
    uint8_t migratetype
    uint32_t flags


cdef packed struct turn_t:      # a request begins or ends
    int64_t time_ns
    int32_t request
    int32_t kind


cdef struct match_t:
    frames_t frames             # of which only the zones are used
    int32_t *unit               # of every page: its request + 1, 0 if nothing is known, DEAD_PAGE
    uint8_t *waiting            # of every page: first seen when it left a per-CPU list
    int32_t *left               # of every request: pages not freed yet
    traced_t *request
    turn_t *turn
    int64_t requests
    int64_t turns
    int64_t silent              # frees of pages that were allocated without an event
    int64_t lost_frees          # allocations of pages that were in use
    int64_t outside
    int64_t room                # allocations and frees that there is room for, and the allocations among them
    int64_t allocs


cdef void begin_request(match_t *m, const event_t *e, int64_t time_ns, uint32_t flags) noexcept nogil:
    cdef traced_t *r = &m.request[m.requests]
    r.time_ns, r.lifetime_ns, r.pfn = time_ns, -1, e.pfn
    r.gfp, r.pid, r.cpu = e.gfp, e.pid, e.cpu
    r.order, r.migratetype, r.flags = e.order, e.migratetype, flags
    m.left[m.requests] = <int32_t> 1 << e.order
    m.requests += 1


cdef void add_turn(match_t *m, int64_t time_ns, int64_t request, int kind) noexcept nogil:
    m.turn[m.turns].time_ns = time_ns
    m.turn[m.turns].request = <int32_t> request
    m.turn[m.turns].kind = kind
    m.turns += 1


cdef inline void page_ends(match_t *m, int32_t unit, const event_t *e) noexcept nogil:
    """A page of a request is gone; with the last one the request ends."""
    cdef int64_t r = unit - 1
    m.left[r] -= 1
    if m.left[r] == 0:
        m.request[r].lifetime_ns = max(<int64_t> 0, e.time_ns - m.request[r].time_ns)
        m.request[r].flags &= ~<uint32_t> TRACED_OPEN
        add_turn(m, e.time_ns, r, TURN_FREE)


cdef void match_alloc(match_t *m, int64_t i, const event_t *e) noexcept nogil:
    cdef int64_t k
    if m.unit[i] > 0:
        m.lost_frees += 1
    begin_request(m, e, e.time_ns, TRACED_OPEN)
    add_turn(m, e.time_ns, m.requests - 1, TURN_ALLOC)
    for k in range(i, i + (<int64_t> 1 << e.order)):
        if m.unit[k] > 0:
            page_ends(m, m.unit[k], e)
        elif m.unit[k] == 0:
            m.waiting[k] = 1
        m.unit[k] = <int32_t> m.requests


cdef void match_drain(match_t *m, int64_t i, const event_t *e) noexcept nogil:
    cdef int64_t k
    for k in range(i, i + (<int64_t> 1 << e.order)):
        if m.unit[k] == 0:
            m.waiting[k] = 1
            m.unit[k] = DEAD_PAGE


cdef void match_free(match_t *m, int64_t i, const event_t *e, int64_t start_ns) noexcept nogil:
    cdef int64_t k
    cdef int32_t unit = m.unit[i]
    cdef int64_t unseen = 0
    for k in range(i, i + (<int64_t> 1 << e.order)):
        unseen += m.unit[k] == 0
    if unseen == <int64_t> 1 << e.order:
        begin_request(m, e, start_ns, TRACED_HELD)
        m.request[m.requests - 1].lifetime_ns = max(<int64_t> 0, e.time_ns - start_ns)
        add_turn(m, e.time_ns, m.requests - 1, TURN_FREE)
    elif unseen or unit == DEAD_PAGE:
        m.silent += 1
    for k in range(i, i + (<int64_t> 1 << e.order)):
        unit = m.unit[k]
        if unit > 0:
            if m.request[unit - 1].order != e.order:
                m.request[unit - 1].flags |= TRACED_PARTS
            page_ends(m, unit, e)
        m.unit[k] = DEAD_PAGE


cdef bint match_events(match_t *m, const event_t *events, int64_t n) noexcept nogil:
    """Match all events; False if there are more of them than room was made for: others have changed them since."""
    cdef event_t e
    cdef frame_zone_t *z
    cdef int64_t start_ns = events[0].time_ns
    cdef int64_t k
    for k in range(n):
        read_event(&e, &events[k])
        if e.event != EV_ALLOC and e.event != EV_FREE and e.event != EV_PCPU_DRAIN:
            continue
        if e.order > MAX_EVENT_ORDER:
            m.outside += 1
            continue
        if e.event != EV_PCPU_DRAIN:
            m.room -= 1
            m.allocs -= e.event == EV_ALLOC
            if m.room < 0 or m.allocs < 0:
                return False
        if e.event == EV_ALLOC and e.flags & FL_FAILED:
            begin_request(m, &e, e.time_ns, TRACED_FAILED)
            m.request[m.requests - 1].lifetime_ns = 0
            add_turn(m, e.time_ns, m.requests - 1, TURN_ALLOC)
            continue
        z = zone_of(&m.frames, e.pfn)
        if (z == NULL or not spans(z, e.pfn, <int64_t> 1 << e.order)
                or e.pfn & ((<int64_t> 1 << e.order) - 1)):
            m.outside += 1
            continue
        if e.event == EV_ALLOC:
            match_alloc(m, z.base + e.pfn, &e)
        elif e.event == EV_PCPU_DRAIN:
            match_drain(m, z.base + e.pfn, &e)
        else:
            match_free(m, z.base + e.pfn, &e, start_ns)
    return True


cdef int64_t match_init(match_t *m, tuple spans) except -1:
    """Lay out the zones, and return the number of their pages; the struct is zero before."""
    cdef int64_t[MAX_FRAME_ZONES] starts
    cdef int64_t[MAX_FRAME_ZONES] spanned
    cdef int64_t cells = 0
    cdef int k
    read_spans(spans, starts, spanned)
    m.frames.nr_zones = len(spans)
    for k in range(m.frames.nr_zones):
        m.frames.zone[k].start_pfn = starts[k]
        m.frames.zone[k].spanned = spanned[k]
        m.frames.zone[k].base = cells - starts[k]
        cells += spanned[k]
    return cells


cdef int count_requests(match_t *m, const event_t[::1] events) except -1:
    """How many requests there can be, and how many of them begin."""
    cdef int64_t k
    for k in range(events.shape[0]):
        m.room += events[k].event == EV_ALLOC or events[k].event == EV_FREE
        m.allocs += events[k].event == EV_ALLOC
    if m.room >= 1 << 30:
        raise MisuseError(f"events: {m.room} allocations and frees; at most 2^30 - 1 in one piece")
    return 0


cdef int64_t note_first(const frames_t *f, uint8_t *seen, const event_t *events, int64_t n, int64_t before_ns,
                        int64_t *first) noexcept nogil:
    """Write the numbers of the events that are the first of their page before a moment; how many."""
    cdef event_t e
    cdef frame_zone_t *z
    cdef int64_t found = 0
    cdef int64_t k
    for k in range(n):
        read_event(&e, &events[k])
        if e.event == EV_OTHER or e.event > EV_EXTFRAG or e.event == EV_FREE_BATCHED:
            continue
        z = NULL if e.flags & FL_FAILED or e.time_ns >= before_ns else zone_of(<frames_t *> f, e.pfn)
        if z != NULL and not seen[z.base + e.pfn]:
            seen[z.base + e.pfn] = 1
            first[found] = k
            found += 1
    return found


def first_of_pages(const event_t[::1] events, zones, int64_t before_ns):
    """Find the first event of each block that a trace names, by its first page.

    Parameters
    ----------
    events : ndarray[EVENT_DTYPE]
    zones : sequence of (start_pfn, spanned_pages)
        Pages outside are left out.
    before_ns : int
        Only events before this moment.

    Returns
    -------
    ndarray[int64]
        Their numbers, ascending.
    """
    cdef match_t m
    cdef int64_t n = events.shape[0]
    cdef int64_t found
    cdef uint8_t[::1] seen
    cdef int64_t[::1] first
    cdef tuple spans = plain_spans(zones)
    memset(&m, 0, sizeof(m))
    seen = np.zeros(match_init(&m, spans), np.uint8)
    numbers = np.empty(n, np.int64)
    first = numbers
    if n == 0:
        return numbers
    with nogil:
        found = note_first(&m.frames, &seen[0], &events[0], n, before_ns, &first[0])
    return numbers[:found].copy()


def match_requests(const event_t[::1] events, zones):
    """Match every allocation with what frees it.

    Parameters
    ----------
    events : ndarray[EVENT_DTYPE]
    zones : sequence of (start_pfn, spanned_pages)

    Returns
    -------
    requests : ndarray[TRACED_DTYPE]
        In the order in which the trace shows them.
    turns : ndarray[TURN_DTYPE]
        When each begins (kind 1) and ends (2), in the order of the trace; requests of before it only end.
    waiting : list of ndarray[int64]
        By zone, the PFNs of pages that were on a per-CPU list when the trace began, or had come to one without an
        event: the trace shows them first when they leave it.
    counts : dict of int
        silent, lost_frees, outside.
    """
    cdef match_t m
    cdef int64_t n = events.shape[0]
    cdef tuple spans = plain_spans(zones)
    cdef traced_t[::1] request
    cdef turn_t[::1] turn
    cdef int32_t[::1] left
    cdef uint8_t[::1] waiting
    cdef bint whole = True
    memset(&m, 0, sizeof(m))
    cdef int64_t cells = match_init(&m, spans)
    count_requests(&m, events)
    requests = np.zeros(m.room + 1, TRACED_DTYPE)
    turns = np.zeros(m.room + m.allocs + 1, TURN_DTYPE)
    request, turn, left = requests, turns, np.zeros(m.room + 1, np.int32)
    waits = np.zeros(cells, np.uint8)
    waiting = waits
    m.request, m.turn, m.left, m.waiting = &request[0], &turn[0], &left[0], &waiting[0]
    m.unit = <int32_t *> calloc(cells, sizeof(int32_t))
    if m.unit == NULL:
        raise MemoryError("no memory for so many pages")
    if n:
        with nogil:
            whole = match_events(&m, &events[0], n)
    free(m.unit)
    if not whole:
        raise MisuseError("events: changed by another thread while they were being matched")
    pages = []
    for start, spanned in spans:
        pages.append(np.flatnonzero(waits[:spanned]) + start)
        waits = waits[spanned:]
    return requests[:m.requests], turns[:m.turns], pages, {
        "silent": m.silent, "lost_frees": m.lost_frees, "outside": m.outside}
