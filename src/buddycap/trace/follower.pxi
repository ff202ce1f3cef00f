# The pages of a recorded machine for Python: every method is check, call, result.

CAUSES = ("start", "alloc", "free to a per-CPU list", "direct free", "free in an interrupt",
          "free seen by a later take", "taken from the free lists", "drain", "extfrag", "isolated by compaction",
          "isolated by compaction, guessed", "isolated by compaction, seen later", "growth of the zone")
ODDITIES = ("alloc_of_free", "alloc_of_used", "free_of_free", "free_of_pcp", "take_of_used", "take_of_held",
            "drain_of_free", "drain_of_used", "outside", "unaligned", "isolated_other", "fast_isolated", "lost",
            "grown")


cdef enum:
    FOLLOW_CHUNK = 1 << 22      # events between two looks at signals


cdef int read_spans(object zones, int64_t *starts, int64_t *spanned) except -1:
    """Check (start_pfn, spanned_pages) pairs and take them apart; the arrays have room for MAX_FRAME_ZONES."""
    cdef int k
    if not 1 <= len(zones) <= MAX_FRAME_ZONES:
        raise MisuseError(f"zones: {len(zones)} given; allowed are 1..{MAX_FRAME_ZONES}")
    for k, (start, pages) in enumerate(zones):
        if not (0 <= start < <int64_t> 1 << MAX_PFN_BITS and 1 <= pages <= <int64_t> 1 << 40):
            raise MisuseError(f"zones: no zone of {pages} pages starts at PFN {start}")
        starts[k] = start
        spanned[k] = pages
    return 0


cdef class Follower:
    """Follows the events of a trace page by page.

    Parameters
    ----------
    zones : sequence of (start_pfn, spanned_pages)
        1 to 16 zones.
    max_page_order : int, 0..14
    pageblock_order : int, 0..14
    high_orders : bool
        Per-CPU lists hold orders 0 to 3 and 9, as since 5.14; else order 0 alone.
    """

    cdef follow_t w

    def __cinit__(self, zones, int max_page_order=10, int pageblock_order=9, bint high_orders=True):
        cdef int64_t[MAX_FRAME_ZONES] starts
        cdef int64_t[MAX_FRAME_ZONES] spanned
        memset(&self.w, 0, sizeof(self.w))
        read_spans(zones, starts, spanned)
        if not (0 <= max_page_order <= 14 and 0 <= pageblock_order <= 14):
            raise MisuseError("max_page_order, pageblock_order: allowed range is 0..14")
        self.w.high_orders = high_orders
        if not frames_init(&self.w.frames, starts, spanned, len(zones), max_page_order, pageblock_order):
            raise MemoryError("no memory for so many pages")

    def __dealloc__(self):
        frames_free(&self.w.frames)

    cdef frame_zone_t *zone(self, int k) except NULL:
        if not 0 <= k < self.w.frames.nr_zones:
            raise MisuseError(f"zone={k}: allowed range is 0..{self.w.frames.nr_zones - 1}")
        return &self.w.frames.zone[k]

    def load(self, int zone, const uint8_t[::1] states):
        """Set the pages of a zone, one byte each: 0 held, 1 free, 5 absent, 0x10 held and movable, 0x20 not."""
        cdef frame_zone_t *z = self.zone(zone)
        cdef int64_t i = z.base + z.start_pfn
        cdef int64_t free = 0               # pages just before this one
        cdef int64_t k
        if states.shape[0] != z.spanned:
            raise MisuseError(f"states: {states.shape[0]} pages for a zone of {z.spanned}")
        with nogil:
            for k in range(z.spanned):
                if states[k] & PAGE_STATE == PAGE_FREE:
                    set_page(&self.w.frames, z, i + k, PAGE_FREE, BY_START)
                    free += 1
                    continue
                insert_run(&self.w.frames, z, i + k - free, i + k)
                free = 0
                set_page(&self.w.frames, z, i + k, states[k] & TYPE_MASK, BY_START)
                if states[k] & PAGE_STATE == PAGE_ABSENT:
                    self.w.frames.state[i + k] = PAGE_ABSENT
            insert_run(&self.w.frames, z, i + z.spanned - free, i + z.spanned)

    cdef int64_t blocks(self, int zone, int64_t *first) except -1:
        """Count the pageblocks that a zone touches, and give the first."""
        cdef frame_zone_t *z = self.zone(zone)
        first[0] = (z.base + z.start_pfn) >> self.w.frames.block_order
        return ((z.base + z.start_pfn + z.spanned - 1) >> self.w.frames.block_order) + 1 - first[0]

    def guess_compaction(self, int zone, const uint8_t[::1] types):
        """Guess which free pages compaction takes, for a trace without its isolation events.

        `types`: migratetypes of the pageblocks that the zone touches, from the one of its first page on.
        """
        cdef int64_t first = 0, k
        cdef int64_t blocks = self.blocks(zone, &first)
        if types.shape[0] != blocks:
            raise MisuseError(f"types: {types.shape[0]} for {blocks} pageblocks")
        for k in range(blocks):
            if types[k] > 7:
                raise MisuseError(f"types: {types[k]}; allowed range is 0..7")
        for k in range(blocks):
            self.w.frames.block_type[first + k] = <uint8_t> (types[k] + 1)
        self.w.blind = True

    def block_types(self, int zone):
        """The migratetypes of a zone's pageblocks as they are now: ndarray[uint8]; None without `guess_compaction`."""
        cdef int64_t first = 0
        cdef int64_t blocks = self.blocks(zone, &first)
        if not self.w.blind:
            return None
        return np.array(<uint8_t[:blocks]> (self.w.frames.block_type + first)) - np.uint8(1)

    def hints(self, const event_t[::1] events, bint later=True):
        """Look at the neighbours of every event of the whole trace: ndarray[uint8], one hint an event."""
        cdef int64_t n = events.shape[0]
        cdef bint ready = True
        hints = np.zeros(n, np.uint8)
        cdef uint8_t[::1] out = hints
        if n == 0:
            return hints
        with nogil:
            hint_removals(&events[0], &out[0], n)
            hint_interrupts(&events[0], &out[0], n)
            if later:
                ready = hint_later(&self.w, &events[0], &out[0], n)
        if not ready:
            raise MemoryError("no memory for so many pages")
        return hints

    def follow(self, const event_t[::1] events, const uint8_t[::1] hints, int64_t start, int64_t until_ns):
        """Follow events from number `start` up to a time; the number of the first that is left.  Ctrl-C is obeyed."""
        cdef int64_t n = events.shape[0]
        cdef int64_t done = start
        if hints.shape[0] != n:
            raise MisuseError(f"hints: {hints.shape[0]} for {n} events")
        if not 0 <= start <= n:
            raise MisuseError(f"start={start}: allowed range is 0..{n}")
        if start == n:
            return n
        while True:
            start = done
            with nogil:
                done = follow_events(&self.w, &events[0], &hints[0], start, min(n, start + FOLLOW_CHUNK), until_ns)
            PyErr_CheckSignals()
            if done == n or events[done].time_ns > until_ns:
                return done

    def nr_free(self, int zone):
        """Free blocks of a zone per order: ndarray[int64]."""
        cdef frame_zone_t *z = self.zone(zone)
        return np.array([z.nr_free[order] for order in range(self.w.frames.max_order + 1)], np.int64)

    def mixed_pageblocks(self, int zone):
        """Pageblocks of a zone that hold movable pages and others."""
        return self.zone(zone).mixed

    def states(self, int zone):
        """The pages of a zone: ndarray[uint8], a copy."""
        cdef frame_zone_t *z = self.zone(zone)
        cdef int64_t i = z.base + z.start_pfn
        return np.array(<uint8_t[:z.spanned]> (self.w.frames.state + i))

    def are_free(self, int zone, const int64_t[::1] pages):
        """Which of some pages, counted from the zone's first, are in free blocks: ndarray[uint8]."""
        cdef frame_zone_t *z = self.zone(zone)
        cdef int64_t i = z.base + z.start_pfn
        cdef int64_t k
        found = np.zeros(pages.shape[0], np.uint8)
        cdef uint8_t[::1] out = found
        for k in range(pages.shape[0]):
            if not 0 <= pages[k] < z.spanned:
                raise MisuseError(f"pages: {pages[k]}; allowed range is 0..{z.spanned - 1}")
            out[k] = self.w.frames.state[i + pages[k]] & PAGE_STATE == PAGE_FREE
        return found

    def causes(self, int zone):
        """What made the pages of a zone what they are, as numbers of `CAUSES`: ndarray[uint8], a copy."""
        cdef frame_zone_t *z = self.zone(zone)
        cdef int64_t i = z.base + z.start_pfn
        return np.array(<uint8_t[:z.spanned]> (self.w.frames.cause + i))

    def oddities(self):
        """What did not fit, counted by name: a dict of int."""
        return {name: self.w.odd[k] for k, name in enumerate(ODDITIES)}
