# A recorded machine served anew: every page of the recording has a place in the simulated one, or none.
#
# An allocation of the recording is a request here, wherever it is served; a free of it frees the page in its place.
# What the recorded machine did besides (refills and drains of per-CPU lists, pages moved by compaction) are operations,
# too.

cdef enum:                      # operations, see Replayer
    SERVED_ALLOC = 1
    SERVED_FREE
    SERVED_DIRECT_FREE          # past the per-CPU lists
    SERVED_MOVE                 # compaction moves pages: the copies are the pages `to` of the recording, or -1
    SERVED_RENAME               # what the recording has moved stays here, and is the page `to` from now on, or -1
    SERVED_REFILL               # one block comes to a CPU's list; `to` is its type
    SERVED_DRAIN                # one block leaves it
    SERVED_DRAIN_ALL            # everything leaves a CPU's lists of the zone
    SERVED_COMPACT              # the recorded machine compacts; `to`: TOLD_*

cdef enum:
    SERVED_ZONES = MAX_NR_ZONES + 1     # those of the recording, and room for pages that it never had

cdef enum:
    PROACTIVENESS = 20          # vm.compaction_proactiveness, if no policy says anything else

cdef enum:                      # what a page of the recording is known to be; 0: nothing is known of it
    SORT_MOVABLE = 0x10
    SORT_FIXED = 0x20

cdef enum:                      # why serve_pages returned
    SERVE_STOPPED = 0           # at the end of the range asked for
    SERVE_REQUEST               # the request of operation `at` goes on
    SERVE_EVENTS                # something has happened that somebody must look at
    SERVE_COMPACT               # kcompactd goes on

SERVED_DTYPE = np.dtype([("pfn", "<i8"), ("to", "<i8"), ("gfp", "<u4"), ("cpu", "<u2"), ("op", "u1"), ("order", "u1")])


cdef packed struct served_op_t:
    int64_t pfn
    int64_t to
    uint32_t gfp
    uint16_t cpu
    uint8_t op
    uint8_t order


cdef struct mixture_t:          # what lies in the pageblocks of a zone of the machine
    uint32_t (*pages)[2]        # recorded pages that are movable, and that are not
    int64_t first               # number of the first pageblock
    int64_t mixed               # pageblocks that hold both


cdef struct spot_t:             # what is noted of a page of the recording, and behind it of the next ones
    int64_t *place              # its PFN in the simulated machine, or -1; NULL: it is of no zone
    uint8_t *sort               # SORT_*; NULL if nobody asks


cdef struct serving_t:
    const served_op_t *ops
    uint8_t *path               # of every operation: how an allocation was served (PATH_*)
    int64_t at
    spot_t spot[SERVED_ZONES]   # of the first page of a recorded zone
    int64_t start[SERVED_ZONES]
    int64_t spanned[SERVED_ZONES]
    int nr_zones
    mixture_t mixture[MAX_NR_ZONES]
    int block_order
    int cpus
    int movable
    uint32_t lru_flags          # of movable pages, which go on the LRU lists; 0: they do not
    int64_t missing             # frees of pages that have no place
    int64_t unmoved             # pages for whose copy there was no room
    int64_t reclaims            # requests that reclaimed directly
    request_t request
    step_t step


cdef spot_t later_spot(const spot_t *spot, int64_t pages) noexcept nogil:
    """What is noted of a page that comes some pages later."""
    cdef spot_t later = spot[0]
    later.place += pages
    if later.sort != NULL:
        later.sort += pages
    return later


cdef spot_t spot_of(serving_t *s, int64_t pfn, int64_t pages) noexcept nogil:
    """What is noted of some pages of the recording, all of one zone."""
    cdef int k
    for k in range(s.nr_zones - 1, -1, -1):
        if s.start[k] <= pfn and pfn + pages <= s.start[k] + s.spanned[k]:
            return later_spot(&s.spot[k], pfn - s.start[k])
    return spot_t(NULL, NULL)


cdef void count_page(machine_t *m, serving_t *s, int64_t page, int sort, int change) noexcept nogil:
    """A recorded page of a known sort comes to a page of the machine, or leaves it (`change` -1)."""
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef mixture_t *mixture
    cdef uint32_t *pages
    cdef int before
    if sort == 0 or page == NO_PAGE or not machine_find(m, page, &zone, &i):
        return
    mixture = &s.mixture[zone]
    pages = mixture.pages[(page >> s.block_order) - mixture.first]
    before = pages[0] != 0 and pages[1] != 0
    pages[sort == SORT_FIXED] += <uint32_t> change
    mixture.mixed += (pages[0] != 0 and pages[1] != 0) - before


cdef void note_place(machine_t *m, serving_t *s, const spot_t *spot, int64_t k, int64_t page) noexcept nogil:
    """The k-th page of a spot is from now on where `page` is, or nowhere."""
    if spot.sort != NULL:
        count_page(m, s, spot.place[k], spot.sort[k], -1)
        count_page(m, s, page, spot.sort[k], 1)
    spot.place[k] = page


cdef void serve_single(machine_t *m, serving_t *s, int64_t page, int cpu, int direct) noexcept nogil:
    """Free one page, of whatever block."""
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int order = 0
    cdef int64_t head
    if page == NO_PAGE or not machine_find(m, page, &zone, &i):
        s.missing += 1
        return
    while zone_block_status(m.zone[zone], page, 0) != ST_OK:
        order += 1
        if order > m.zone[zone].max_page_order:
            s.missing += 1
            return
        head = page & -(<int64_t> 1 << order)
        if head >= m.zone[zone].start_pfn and zone_split_status(m.zone[zone], head, order) == ST_OK:
            zone_split(m.zone[zone], <int32_t> (head - m.zone[zone].base_pfn), order)
    if direct:
        free_pages_ok(m.zone[zone], i, 0)
    else:
        free_block(m.zone[zone], i, 0, cpu)


cdef int is_one_block(machine_t *m, const int64_t *place, int order, int32_t *zone, int32_t *i) noexcept nogil:
    """Whether a block of the recording is one block here, too."""
    cdef int64_t k
    if place[0] == NO_PAGE or not machine_find(m, place[0], zone, i):
        return 0
    for k in range(1, <int64_t> 1 << order):
        if place[k] != place[0] + k:
            return 0
    return zone_block_status(m.zone[zone[0]], place[0], order) == ST_OK


cdef void serve_free(machine_t *m, serving_t *s, const spot_t *spot, int order, int cpu, int direct) noexcept nogil:
    """Free what is in the place of a block of the recording."""
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int64_t k
    if not is_one_block(m, spot.place, order, &zone, &i):
        for k in range(<int64_t> 1 << order):
            serve_single(m, s, spot.place[k], cpu, direct)
    elif direct:
        free_pages_ok(m.zone[zone], i, order)
    else:
        free_block(m.zone[zone], i, order, cpu)
    for k in range(<int64_t> 1 << order):
        note_place(m, s, spot, k, NO_PAGE)


cdef void serve_block(machine_t *m, serving_t *s, int32_t zone, int32_t i) noexcept nogil:
    """Note what operation `at` has obtained."""
    cdef const served_op_t *op = &s.ops[s.at]
    cdef zone_t *z = m.zone[zone]
    cdef int64_t pages = <int64_t> 1 << op.order
    cdef spot_t spot = spot_of(s, op.pfn, pages)
    cdef int64_t k
    for k in range(pages):
        note_place(m, s, &spot, k, z.base_pfn + i + k)
    if z.off_owner:
        owner_array(z)[i] = op.pfn + 1
    if s.lru_flags and op.order == 0 and op.to == s.movable:
        lru_cache_add(z, i, s.lru_flags)


cdef int serve_alloc(machine_t *m, serving_t *s, const served_op_t *op, const spot_t *spot) noexcept nogil:
    """Serve a request.  A page that is handed out again has been freed."""
    cdef int32_t zone = 0
    cdef int32_t i
    cdef int64_t k
    for k in range(<int64_t> 1 << op.order):
        if spot.place[k] != NO_PAGE:
            serve_single(m, s, spot.place[k], op.cpu, 0)
            note_place(m, s, spot, k, NO_PAGE)
        if spot.sort != NULL:
            spot.sort[k] = SORT_MOVABLE if op.to == s.movable else SORT_FIXED
    i = request_shortcut(m, op.order, op.gfp, op.cpu, &zone)
    if i != NO_PAGE:
        s.path[s.at] = PATH_FAST
        serve_block(m, s, zone, i)
        return SERVE_STOPPED
    request_init(m, &s.request, op.order, op.gfp, op.cpu, 0, NULL)
    request_step(m, &s.request, STREAM_BUDGET, &s.step)
    if s.step.wait != WAIT_DONE:
        return SERVE_REQUEST
    serve_end(m, s)
    return SERVE_STOPPED


cdef void serve_end(machine_t *m, serving_t *s) noexcept nogil:
    """The request of operation `at` is over."""
    s.path[s.at] = s.request.path
    s.reclaims += s.request.reclaims != 0
    if s.request.page != NO_PAGE:
        serve_block(m, s, s.request.zone, s.request.page)


cdef void serve_move(machine_t *m, serving_t *s, const served_op_t *op, const spot_t *spot) noexcept nogil:
    """Compaction moves single pages: each goes to a page from the free lists, and its own is freed."""
    cdef spot_t target = spot_of(s, op.to, <int64_t> 1 << op.order)
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int32_t copy
    cdef int64_t k
    cdef zone_t *z
    for k in range(<int64_t> 1 << op.order):
        if spot.place[k] == NO_PAGE or not machine_find(m, spot.place[k], &zone, &i):
            s.missing += 1
            continue
        z = m.zone[zone]
        copy = rmqueue_zone(z, 0, s.movable)
        if copy == NO_PAGE:
            s.unmoved += 1
            continue
        serve_single(m, s, spot.place[k], op.cpu, 0)
        note_place(m, s, spot, k, NO_PAGE)
        if target.place != NULL:
            note_place(m, s, &target, k, z.base_pfn + copy)
            if z.off_owner:
                owner_array(z)[copy] = op.to + k + 1
        if s.lru_flags:
            lru_cache_add(z, copy, s.lru_flags)


cdef void serve_rename(machine_t *m, serving_t *s, const served_op_t *op, const spot_t *spot) noexcept nogil:
    """Pages have another number in the recording from now on, or none."""
    cdef spot_t target = spot_of(s, op.to, <int64_t> 1 << op.order)
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int64_t page
    cdef int64_t k
    for k in range(<int64_t> 1 << op.order):
        page = spot.place[k]
        if page != NO_PAGE and machine_find(m, page, &zone, &i) and m.zone[zone].off_owner:
            owner_array(m.zone[zone])[i] = 0 if target.place == NULL else op.to + k + 1
        if target.place != NULL:
            note_place(m, s, &target, k, page)
        note_place(m, s, spot, k, NO_PAGE)


cdef int serve_one(machine_t *m, serving_t *s, const served_op_t *op) noexcept nogil:
    """Perform an operation."""
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef spot_t spot
    if op.op == SERVED_COMPACT:
        run_daemons_on(m, op.cpu)
        return SERVE_COMPACT if kcompactd_told(m, <int> op.to) else SERVE_STOPPED
    if op.op >= SERVED_REFILL:
        if machine_find(m, op.pfn, &zone, &i):
            if op.op == SERVED_REFILL:
                follow_refill(m.zone[zone], op.cpu, op.order, <int> op.to)
            elif op.op == SERVED_DRAIN:
                follow_drain(m.zone[zone], op.cpu, op.order, <int> op.to)
            else:
                drain_pages(m.zone[zone], op.cpu)
        return SERVE_STOPPED
    spot = spot_of(s, op.pfn, <int64_t> 1 << op.order)
    if op.op == SERVED_ALLOC:
        return serve_alloc(m, s, op, &spot)
    if op.op == SERVED_MOVE:
        serve_move(m, s, op, &spot)
    elif op.op == SERVED_RENAME:
        serve_rename(m, s, op, &spot)
    else:
        serve_free(m, s, &spot, op.order, op.cpu, op.op == SERVED_DIRECT_FREE)
    return SERVE_STOPPED


cdef int serve_pages(machine_t *m, serving_t *s, int64_t stop) noexcept nogil:
    """Perform the operations from `at` up to `stop`, or until somebody must be asked."""
    cdef int why
    while s.at < stop:
        if events_pending(m):
            return SERVE_EVENTS
        why = serve_one(m, s, &s.ops[s.at])
        if why != SERVE_STOPPED:
            return why
        s.at += 1
    return SERVE_STOPPED


cdef class Replayer:
    """A machine that serves the pages of a recording, each in a place of its own choice.

    Parameters
    ----------
    machine : MachineBase
        Made with `events=True`, in the state in which the recording begins.
    places : sequence of (start_pfn, ndarray[int64])
        The recorded zones: for each page, where it is in the machine, or -1 if it is free.  They are changed.
    sorts : sequence of ndarray[uint8]
        Of the first of these zones: for each page, what it is known to be, 0x10 movable, 0x20 not, 0 neither.  They are
        changed: an allocated page is what its request was.  See `mixed_pageblocks`.
    lru_flags : int
        Flags with which movable pages come to the LRU lists; 0: they do not.
    daemons : bool
        kswapd and kcompactd run as soon as they are woken.
    policy : CompactionPolicy, optional
        What compaction does for requests, if the kernel has it; by default what it did in that kernel.

    Notes
    -----
    Operations are records of SERVED_DTYPE.  1 allocates `order` pages that the recording had at `pfn`, with `gfp` on
    `cpu`; `to` is the type of the request.  2 frees them, 3 past the per-CPU lists.  4: compaction moves the single
    pages; their copies are the pages from `to` on, or with -1 are never heard of again.  5: the recording has moved
    them, but here they stay.  6 and 7: a block of `order` and type `to` comes to the list of a CPU, or leaves it; 8:
    all its lists in the zone of `pfn` are drained.  9: somebody compacts: with `to` 0 all zones to
    their end, with 1 kcompactd, what it was asked for or else proactively, with 2 only what it was asked for.
    """

    cdef serving_t s
    cdef MachineBase machine
    cdef list held
    cdef bint daemons

    def __init__(self, MachineBase machine, places, *, sorts=(), lru_flags=0, bint daemons=False, policy=None):
        cdef Buffer buffer
        cdef policy_t capture
        cdef compaction_policy_t compaction
        cdef machine_t *m
        cdef int k
        machine.node()
        places = list(places)
        if machine.log is None:
            raise MisuseError("machine: made with events=True is wanted")
        if not 1 <= len(places) <= SERVED_ZONES:
            raise MisuseError(f"places: {len(places)} zones: allowed are 1..{SERVED_ZONES}")
        memset(&self.s, 0, sizeof(serving_t))
        self.machine, self.held, self.daemons = machine, [], daemons
        for k, (start, array) in enumerate(places):
            if not isinstance(array, np.ndarray) or array.dtype != np.int64 or array.ndim != 1:
                raise MisuseError(f"places[{k}]: an int64 array is wanted")
            buffer = Buffer(array, True)
            self.held.append(buffer)
            self.s.spot[k].place, self.s.spanned[k] = <int64_t *> buffer.view.buf, len(array)
            self.s.start[k] = as_ranged(start, f"places[{k}]", 0, <int64_t> 1 << 52)
        self.s.nr_zones = len(places)
        self.s.movable, self.s.cpus = machine.node().movable, machine.node().cpus
        self.s.lru_flags = <uint32_t> as_ranged(lru_flags, "lru_flags", 0, LRU_FLAGS)
        if self.s.lru_flags and lru_flags_status(self.s.lru_flags) != ST_OK:
            raise MisuseError(f"lru_flags={lru_flags:#x}: no flags of a page of the LRU")
        self.take_sorts(tuple(sorts))
        machine.ready().compaction.proactiveness = PROACTIVENESS
        if policy is not None:
            check_policy(policy, (<Zone> machine.zones[0]).shape.kernel)
            if hasattr(policy, "form"):
                as_compaction(policy, &compaction)
                m = machine.ready()
                m.compaction = compaction
            else:
                as_policy(policy, &capture)
                m = machine.ready()
                m.policy = capture

    cdef int take_sorts(self, tuple sorts) except -1:
        """Keep what pages are known to be, and count what is in the pageblocks of the machine."""
        cdef Buffer buffer
        cdef machine_t *m
        cdef int64_t page
        cdef int k
        if len(sorts) > self.s.nr_zones:
            raise MisuseError(f"sorts: {len(sorts)} for {self.s.nr_zones} recorded zones")
        for k, array in enumerate(sorts):
            if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.shape != (self.s.spanned[k],):
                raise MisuseError(f"sorts[{k}]: a uint8 array of {self.s.spanned[k]} pages is wanted")
            buffer = Buffer(array, True)
            self.held.append(buffer)
            self.s.spot[k].sort = <uint8_t *> buffer.view.buf
        self.s.block_order = self.machine.zones[0].pageblock_order
        for k, zone in enumerate(self.machine.zones[::-1]):     # the machine has its highest zone first
            self.s.mixture[k].first = zone.start_pfn >> self.s.block_order
            blocks = ((zone.start_pfn + zone.spanned_pages - 1) >> self.s.block_order) + 1 - self.s.mixture[k].first
            buffer = Buffer(np.zeros((blocks, 2), np.uint32), True)
            self.held.append(buffer)
            self.s.mixture[k].pages = <uint32_t (*)[2]> buffer.view.buf
        m = self.machine.begin()
        with nogil:
            for k in range(self.s.nr_zones):
                for page in range(self.s.spanned[k] if self.s.spot[k].sort != NULL else 0):
                    count_page(m, &self.s, self.s.spot[k].place[page], self.s.spot[k].sort[page], 1)
        self.machine.end()
        return 0

    def run(self, ops):
        """Perform operations; how each allocation was served: ndarray[uint8], numbers of `RequestPath`.

        Raises
        ------
        MisuseError
            If an operation is impossible; nothing has been done then.

        Notes
        -----
        O(pages of the operations).  Ctrl-C is obeyed between pieces.
        """
        cdef Buffer stream, out
        cdef int64_t n
        ops = np.asarray(ops)
        if ops.dtype != SERVED_DTYPE or ops.ndim != 1:
            raise MisuseError(f"ops: dtype {ops.dtype}, shape {ops.shape}: one dimension of SERVED_DTYPE is wanted")
        ops = own_copy(ops)
        paths = np.zeros(len(ops), np.uint8)
        stream, out = Buffer(ops), Buffer(paths, True)
        n = len(ops)
        self.s.ops, self.s.path, self.s.at = <const served_op_t *> stream.view.buf, <uint8_t *> out.view.buf, 0
        self.refuse(n)
        while self.s.at < n:
            self.turn(min(n, self.s.at + RUN_CHUNK))
            PyErr_CheckSignals()
        self.note_events()
        return paths

    cdef int refuse(self, int64_t n) except -1:
        """Look at all operations."""
        cdef machine_t *m = self.machine.ready()
        cdef const served_op_t *op
        cdef int64_t k
        for k in range(n):
            op = &self.s.ops[k]
            if not SERVED_ALLOC <= op.op <= SERVED_COMPACT:
                raise MisuseError(f"ops[{k}]: op={op.op}: allowed range is {SERVED_ALLOC}..{SERVED_COMPACT}")
            if op.cpu >= self.s.cpus:
                raise MisuseError(f"ops[{k}]: cpu={op.cpu}: allowed range is 0..{self.s.cpus - 1}")
            if op.order > m.zone[0].max_page_order:
                raise MisuseError(f"ops[{k}]: order={op.order}: allowed range is 0..{m.zone[0].max_page_order}")
            if op.op == SERVED_ALLOC and request_status(m, op.order, op.gfp, op.cpu) != ST_OK:
                raise MisuseError(f"ops[{k}]: gfp={op.gfp:#x}: no flags of this kernel")
            if op.op <= SERVED_RENAME and spot_of(&self.s, op.pfn, <int64_t> 1 << op.order).place == NULL:
                raise MisuseError(f"ops[{k}]: pfn={op.pfn}: in none of the recorded zones")
            if op.op == SERVED_COMPACT and not TOLD_BY_HAND <= op.to <= TOLD_ASKED:
                raise MisuseError(f"ops[{k}]: to={op.to}: allowed range is {TOLD_BY_HAND}..{TOLD_ASKED}")
            if (op.op == SERVED_REFILL or op.op == SERVED_DRAIN) and not is_requestable(m.zone[0], <int> op.to):
                raise MisuseError(f"ops[{k}]: to={op.to}: no type that can be asked for")
        return 0

    cdef int turn(self, int64_t stop) except -1:
        """Go on until `stop`, or until something has been asked for and done."""
        cdef int why
        cdef machine_t *m = self.machine.begin()
        with nogil:
            why = serve_pages(m, &self.s, stop)
        self.machine.end()
        if why != SERVE_STOPPED:
            run_daemons_on(self.machine.ready(), self.s.ops[max(self.s.at - (why == SERVE_EVENTS), <int64_t> 0)].cpu)
        if why == SERVE_COMPACT:
            self.machine.run_kcompactd()
            self.s.at += 1
        if why == SERVE_REQUEST:
            self.machine.go_on(&self.s.request, &self.s.step, None)
            self.note_events()              # before the new page has its place
            serve_end(self.machine.ready(), &self.s)
            self.s.at += 1
        if why != SERVE_STOPPED:
            self.note_events()
        return 0

    cdef int note_events(self) except -1:
        """Follow pages that the machine has moved or reclaimed, and let the daemons run that it has woken."""
        cdef int woken = 1
        self.machine.drain()
        while woken:
            woken = self.read_log()
            if not self.daemons:
                return 0
            if woken & 1:
                self.machine.run_kswapd()
            if woken & 2:
                self.machine.run_kcompactd()
        return 0

    cdef int read_log(self) except -1:
        """Read the events since the last time; 1 if kswapd was woken, 2 for kcompactd."""
        cdef bytearray log = self.machine.log
        cdef const event_t *event = <const event_t *> <const char *> log
        cdef int64_t n = len(log) // sizeof(event_t)
        cdef machine_t *m = self.machine.ready()
        cdef spot_t spot
        cdef int64_t k
        cdef int woken = 0
        cdef bint moved
        for k in range(n):
            if event[k].kind == EV_WAKE_KSWAPD:
                woken |= 1
            elif event[k].kind == EV_WAKE_KCOMPACTD:
                woken |= 2
            elif event[k].kind == EV_MIGRATED or event[k].kind == EV_RECLAIMED:
                spot = spot_of(&self.s, <int64_t> event[k].owner - 1, 1)
                if spot.place != NULL and spot.place[0] == event[k].page:
                    moved = event[k].kind == EV_MIGRATED and k + 1 < n
                    note_place(m, &self.s, &spot, 0, event[k + 1].page if moved else NO_PAGE)
        log.clear()
        return woken

    @property
    def counts(self):
        """Frees of pages without a place, pages that could not be moved, requests that reclaimed: a dict of int."""
        return {"missing": self.s.missing, "unmoved": self.s.unmoved, "reclaims": self.s.reclaims}

    def mixed_pageblocks(self):
        """By zone of the machine, the pageblocks with movable recorded pages and others, as far as `sorts` tell."""
        return [self.s.mixture[k].mixed for k in range(len(self.machine.zones) - 1, -1, -1)]
