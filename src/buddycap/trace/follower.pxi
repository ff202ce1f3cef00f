# The pages of a recorded machine for Python: every method is check, call, result.

CAUSES = ("start", "alloc", "free to a per-CPU list", "direct free", "free in an interrupt",
          "free seen by a later take", "taken from the free lists", "drain", "extfrag", "isolated by compaction",
          "isolated by compaction, guessed", "isolated by compaction, seen later", "growth of the zone")
ODDITIES = ("alloc_of_free", "alloc_of_used", "free_of_free", "free_of_pcp", "take_of_used", "take_of_held",
            "drain_of_free", "drain_of_used", "outside", "unaligned", "isolated_other", "fast_isolated", "lost",
            "grown")


cdef enum:
    FOLLOW_CHUNK = 1 << 22      # events between two looks at signals


cdef tuple plain_spans(object zones):
    """(start_pfn, spanned_pages) pairs, checked, as plain numbers in a tuple: nobody can change it or lie about it."""
    zones = tuple(zones)
    if not 1 <= len(zones) <= MAX_FRAME_ZONES:
        raise MisuseError(f"zones: {len(zones)} given; allowed are 1..{MAX_FRAME_ZONES}")
    spans = []
    for start, pages in zones:
        start, pages = operator.index(start), operator.index(pages)
        if not (0 <= start < <int64_t> 1 << MAX_PFN_BITS and 1 <= pages <= <int64_t> 1 << 40):
            raise MisuseError(f"zones: no zone of {pages} pages starts at PFN {start}")
        spans.append((start, pages))
    return tuple(spans)


cdef int read_spans(tuple spans, int64_t *starts, int64_t *spanned) except -1:
    """Take `plain_spans` apart; the arrays have room for MAX_FRAME_ZONES."""
    cdef int k
    for k, (start, pages) in enumerate(spans):
        starts[k] = start
        spanned[k] = pages
    return 0


cdef void forget_pages(frames_t *f, frame_zone_t *z) noexcept nogil:
    """A zone becomes as it was made: nothing is known of its pages.  No other zone shares a pageblock with it."""
    cdef int64_t i = z.base + z.start_pfn
    cdef int64_t block = i >> f.block_order
    cdef int64_t blocks = ((i + z.spanned - 1) >> f.block_order) + 1 - block
    memset(f.state + i, 0, z.spanned)
    memset(f.head + i, 0, z.spanned)
    memset(f.cause + i, 0, z.spanned)
    memset(f.movable + block, 0, blocks * sizeof(uint16_t))
    memset(f.fixed + block, 0, blocks * sizeof(uint16_t))
    memset(z.nr_free, 0, sizeof(z.nr_free))
    z.mixed = 0


cdef void load_pages(frames_t *f, frame_zone_t *z, const uint8_t *states) noexcept nogil:
    """`Follower.load`."""
    cdef int64_t i = z.base + z.start_pfn
    cdef int64_t free = 0                   # pages just before this one
    cdef int64_t k
    forget_pages(f, z)
    for k in range(z.spanned):
        if states[k] & PAGE_STATE == PAGE_FREE:
            set_page(f, z, i + k, PAGE_FREE, BY_START)
            free += 1
            continue
        insert_run(f, z, i + k - free, i + k)
        free = 0
        set_page(f, z, i + k, states[k] & TYPE_MASK, BY_START)
        if states[k] & PAGE_STATE == PAGE_ABSENT:
            f.state[i + k] = PAGE_ABSENT
    insert_run(f, z, i + z.spanned - free, i + z.spanned)


cdef class Follower(FollowerMemory):
    """Follows the events of a trace page by page.

    Parameters
    ----------
    zones : sequence of (start_pfn, spanned_pages)
        1 to 16 zones.
    max_page_order : int, 0..14
    pageblock_order : int, 0..14
    high_orders : bool
        Per-CPU lists hold orders 0 to 3 and 9, as since 5.14; else order 0 alone.

    Notes
    -----
    Does one thing at a time: other threads wait.
    """

    def __cinit__(self, zones, int max_page_order=10, int pageblock_order=9, bint high_orders=True):
        cdef int64_t[MAX_FRAME_ZONES] starts
        cdef int64_t[MAX_FRAME_ZONES] spanned
        cdef tuple spans = plain_spans(zones)
        cdef int nr_zones = len(spans)
        cdef bint room
        cdef follow_t *w
        read_spans(spans, starts, spanned)
        if not (0 <= max_page_order <= 14 and 0 <= pageblock_order <= 14):
            raise MisuseError("max_page_order, pageblock_order: allowed range is 0..14")
        w = self.ready()
        w.high_orders = high_orders
        room = frames_init(&w.frames, starts, spanned, nr_zones, max_page_order, pageblock_order)
        if not room:
            raise MemoryError("no memory for so many pages")

    cdef int64_t spanned(self, int zone) except -1:
        """Pages of a zone, once there is one of that number.  It never changes."""
        cdef follow_t *w = self.ready()
        if not 0 <= zone < w.frames.nr_zones:
            raise MisuseError(f"zone={zone}: allowed range is 0..{w.frames.nr_zones - 1}")
        return w.frames.zone[zone].spanned

    def load(self, int zone, states):
        """Set the pages of a zone, one byte each: 0 held, 1 free, 5 absent, 0x10 held and movable, 0x20 not."""
        cdef const uint8_t[::1] own = np.array(states, np.uint8)
        cdef int64_t spanned = self.spanned(zone)
        cdef follow_t *w
        if own.shape[0] != spanned:
            raise MisuseError(f"states: {own.shape[0]} pages for a zone of {spanned}")
        w = self.begin()
        with nogil:
            load_pages(&w.frames, &w.frames.zone[zone], &own[0])
        self.end()

    cdef int64_t blocks(self, int zone, int64_t *first) except -1:
        """Count the pageblocks that a zone touches, and give the first.  None of it ever changes."""
        cdef int64_t spanned = self.spanned(zone)
        cdef follow_t *w = self.ready()
        cdef frame_zone_t *z = &w.frames.zone[zone]
        cdef int order = w.frames.block_order
        first[0] = (z.base + z.start_pfn) >> order
        return ((z.base + z.start_pfn + spanned - 1) >> order) + 1 - first[0]

    def guess_compaction(self, int zone, types):
        """Guess which free pages compaction takes, for a trace without its isolation events.

        `types`: migratetypes of the pageblocks that the zone touches, from the one of its first page on.
        """
        cdef const uint8_t[::1] own = np.array(types, np.uint8)
        cdef int64_t first = 0, k
        cdef int64_t blocks = self.blocks(zone, &first)
        cdef follow_t *w
        if own.shape[0] != blocks:
            raise MisuseError(f"types: {own.shape[0]} for {blocks} pageblocks")
        for k in range(blocks):
            if own[k] > 7:
                raise MisuseError(f"types: {own[k]}; allowed range is 0..7")
        w = self.ready()
        for k in range(blocks):
            w.frames.block_type[first + k] = <uint8_t> (own[k] + 1)
        w.blind = True

    def block_types(self, int zone):
        """The migratetypes of a zone's pageblocks as they are now: ndarray[uint8]; None without `guess_compaction`."""
        cdef int64_t first = 0
        cdef int64_t blocks = self.blocks(zone, &first)
        types = np.empty(blocks, np.uint8)
        cdef uint8_t[::1] out = types
        cdef follow_t *w = self.ready()
        if not w.blind:
            return None
        memcpy(&out[0], w.frames.block_type + first, blocks)
        return types - np.uint8(1)

    def hints(self, const event_t[::1] events, bint later=True):
        """Look at the neighbours of every event of the whole trace: ndarray[uint8], one hint an event."""
        cdef int64_t n = events.shape[0]
        cdef bint room = True
        cdef follow_t *w
        hints = np.zeros(n, np.uint8)
        cdef uint8_t[::1] out = hints
        if n == 0:
            return hints
        w = self.begin()
        with nogil:
            hint_removals(&events[0], &out[0], n)
            hint_interrupts(&events[0], &out[0], n)
            if later:
                room = hint_later(w, &events[0], &out[0], n)
        self.end()
        if not room:
            raise MemoryError("no memory for so many pages")
        return hints

    def follow(self, const event_t[::1] events, const uint8_t[::1] hints, int64_t start, int64_t until_ns):
        """Follow events from number `start` up to a time; the number of the first that is left.  Ctrl-C is obeyed."""
        cdef int64_t n = events.shape[0]
        cdef int64_t done = start
        cdef follow_t *w
        if hints.shape[0] != n:
            raise MisuseError(f"hints: {hints.shape[0]} for {n} events")
        if not 0 <= start <= n:
            raise MisuseError(f"start={start}: allowed range is 0..{n}")
        if start == n:
            return n
        while True:
            start = done
            w = self.begin()
            with nogil:
                done = follow_events(w, &events[0], &hints[0], start, min(n, start + FOLLOW_CHUNK), until_ns)
            self.end()
            PyErr_CheckSignals()
            if done == n or events[done].time_ns > until_ns:
                return done

    def nr_free(self, int zone):
        """Free blocks of a zone per order: ndarray[int64]."""
        cdef int64_t counts[NR_FRAME_ORDERS]
        cdef int order, orders
        cdef follow_t *w
        self.spanned(zone)
        w = self.ready()
        orders = w.frames.max_order + 1
        memcpy(counts, w.frames.zone[zone].nr_free, sizeof(counts))
        return np.array([counts[order] for order in range(orders)], np.int64)

    def mixed_pageblocks(self, int zone):
        """Pageblocks of a zone that hold movable pages and others."""
        self.spanned(zone)
        return self.ready().frames.zone[zone].mixed

    cdef object bytes_of_pages(self, int zone, bint causes):
        """A copy of the byte that every page of a zone has in one of the tables."""
        cdef follow_t *w
        cdef frame_zone_t *z
        values = np.empty(self.spanned(zone), np.uint8)
        cdef uint8_t[::1] out = values
        w = self.ready()
        z = &w.frames.zone[zone]
        memcpy(&out[0], (w.frames.cause if causes else w.frames.state) + z.base + z.start_pfn, z.spanned)
        return values

    def states(self, int zone):
        """The pages of a zone: ndarray[uint8], a copy."""
        return self.bytes_of_pages(zone, False)

    def are_free(self, int zone, pages):
        """Which of some pages, counted from the zone's first, are in free blocks: ndarray[uint8]."""
        cdef const int64_t[::1] own = np.array(pages, np.int64)
        cdef int64_t n = own.shape[0]
        cdef int64_t spanned = self.spanned(zone)
        cdef int64_t k, i
        cdef follow_t *w
        found = np.zeros(n, np.uint8)
        cdef uint8_t[::1] out = found
        for k in range(n):
            if not 0 <= own[k] < spanned:
                raise MisuseError(f"pages: {own[k]}; allowed range is 0..{spanned - 1}")
        w = self.ready()
        i = w.frames.zone[zone].base + w.frames.zone[zone].start_pfn
        for k in range(n):
            out[k] = w.frames.state[i + own[k]] & PAGE_STATE == PAGE_FREE
        return found

    def causes(self, int zone):
        """What made the pages of a zone what they are, as numbers of `CAUSES`: ndarray[uint8], a copy."""
        return self.bytes_of_pages(zone, True)

    def oddities(self):
        """What did not fit, counted by name: a dict of int."""
        cdef int64_t odd[NR_ODDS]
        memcpy(odd, self.ready().odd, sizeof(odd))
        return {name: odd[k] for k, name in enumerate(ODDITIES)}
