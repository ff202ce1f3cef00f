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


cdef struct serving_t:
    const served_op_t *ops
    uint8_t *path               # of every operation: how an allocation was served (PATH_*)
    int64_t at
    int64_t *place[SERVED_ZONES]        # of every page of a recorded zone: its PFN in the simulated machine, or -1
    int64_t start[SERVED_ZONES]
    int64_t spanned[SERVED_ZONES]
    int nr_zones
    int cpus
    int movable
    uint32_t lru_flags          # of movable pages, which go on the LRU lists; 0: they do not
    int64_t missing             # frees of pages that have no place
    int64_t unmoved             # pages for whose copy there was no room
    int64_t reclaims            # requests that reclaimed directly
    request_t request
    step_t step


cdef int64_t *place_of(serving_t *s, int64_t pfn, int64_t pages) noexcept nogil:
    """Where the places of some pages of the recording begin, or NULL."""
    cdef int k
    for k in range(s.nr_zones - 1, -1, -1):
        if s.start[k] <= pfn and pfn + pages <= s.start[k] + s.spanned[k]:
            return s.place[k] + (pfn - s.start[k])
    return NULL


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


cdef void serve_free(machine_t *m, serving_t *s, int64_t *place, int order, int cpu, int direct) noexcept nogil:
    """Free what is in the place of a block of the recording."""
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int64_t k
    if not is_one_block(m, place, order, &zone, &i):
        for k in range(<int64_t> 1 << order):
            serve_single(m, s, place[k], cpu, direct)
    elif direct:
        free_pages_ok(m.zone[zone], i, order)
    else:
        free_block(m.zone[zone], i, order, cpu)
    for k in range(<int64_t> 1 << order):
        place[k] = NO_PAGE


cdef void serve_block(machine_t *m, serving_t *s, int32_t zone, int32_t i) noexcept nogil:
    """Note what operation `at` has obtained."""
    cdef const served_op_t *op = &s.ops[s.at]
    cdef zone_t *z = m.zone[zone]
    cdef int64_t pages = <int64_t> 1 << op.order
    cdef int64_t *place = place_of(s, op.pfn, pages)
    cdef int64_t k
    for k in range(pages):
        place[k] = z.base_pfn + i + k
    if z.off_owner:
        owner_array(z)[i] = op.pfn + 1
    if s.lru_flags and op.order == 0 and op.to == s.movable:
        lru_cache_add(z, i, s.lru_flags)


cdef int serve_alloc(machine_t *m, serving_t *s, const served_op_t *op, int64_t *place) noexcept nogil:
    """Serve a request.  A page that is handed out again has been freed."""
    cdef int32_t zone = 0
    cdef int32_t i
    cdef int64_t k
    for k in range(<int64_t> 1 << op.order):
        if place[k] != NO_PAGE:
            serve_single(m, s, place[k], op.cpu, 0)
            place[k] = NO_PAGE
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


cdef void serve_move(machine_t *m, serving_t *s, const served_op_t *op, int64_t *place) noexcept nogil:
    """Compaction moves single pages: each goes to a page from the free lists, and its own is freed."""
    cdef int64_t *target = NULL if op.to < 0 else place_of(s, op.to, <int64_t> 1 << op.order)
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int32_t copy
    cdef int64_t k
    cdef zone_t *z
    for k in range(<int64_t> 1 << op.order):
        if place[k] == NO_PAGE or not machine_find(m, place[k], &zone, &i):
            s.missing += 1
            continue
        z = m.zone[zone]
        copy = rmqueue_zone(z, 0, s.movable)
        if copy == NO_PAGE:
            s.unmoved += 1
            continue
        serve_single(m, s, place[k], op.cpu, 0)
        place[k] = NO_PAGE
        if target != NULL:
            target[k] = z.base_pfn + copy
            if z.off_owner:
                owner_array(z)[copy] = op.to + k + 1
        if s.lru_flags:
            lru_cache_add(z, copy, s.lru_flags)


cdef void serve_rename(machine_t *m, serving_t *s, const served_op_t *op, int64_t *place) noexcept nogil:
    """Pages have another number in the recording from now on, or none."""
    cdef int64_t *target = NULL if op.to < 0 else place_of(s, op.to, <int64_t> 1 << op.order)
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int64_t k
    for k in range(<int64_t> 1 << op.order):
        if place[k] != NO_PAGE and machine_find(m, place[k], &zone, &i) and m.zone[zone].off_owner:
            owner_array(m.zone[zone])[i] = 0 if target == NULL else op.to + k + 1
        if target != NULL:
            target[k] = place[k]
        place[k] = NO_PAGE


cdef int serve_one(machine_t *m, serving_t *s, const served_op_t *op) noexcept nogil:
    """Perform an operation."""
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int64_t *place
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
    place = place_of(s, op.pfn, <int64_t> 1 << op.order)
    if op.op == SERVED_ALLOC:
        return serve_alloc(m, s, op, place)
    if op.op == SERVED_MOVE:
        serve_move(m, s, op, place)
    elif op.op == SERVED_RENAME:
        serve_rename(m, s, op, place)
    else:
        serve_free(m, s, place, op.order, op.cpu, op.op == SERVED_DIRECT_FREE)
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

    def __init__(self, MachineBase machine, places, *, lru_flags=0, bint daemons=False, policy=None):
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
            self.s.place[k], self.s.spanned[k] = <int64_t *> buffer.view.buf, len(array)
            self.s.start[k] = as_ranged(start, f"places[{k}]", 0, <int64_t> 1 << 52)
        self.s.nr_zones = len(places)
        self.s.movable, self.s.cpus = machine.node().movable, machine.node().cpus
        self.s.lru_flags = <uint32_t> as_ranged(lru_flags, "lru_flags", 0, LRU_FLAGS)
        if self.s.lru_flags and lru_flags_status(self.s.lru_flags) != ST_OK:
            raise MisuseError(f"lru_flags={lru_flags:#x}: no flags of a page of the LRU")
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
            if op.op <= SERVED_RENAME and place_of(&self.s, op.pfn, <int64_t> 1 << op.order) == NULL:
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
        cdef int64_t *place
        cdef int64_t k
        cdef int woken = 0
        for k in range(n):
            if event[k].kind == EV_WAKE_KSWAPD:
                woken |= 1
            elif event[k].kind == EV_WAKE_KCOMPACTD:
                woken |= 2
            elif event[k].kind == EV_MIGRATED or event[k].kind == EV_RECLAIMED:
                place = NULL if event[k].owner == 0 else place_of(&self.s, <int64_t> event[k].owner - 1, 1)
                if place != NULL and place[0] == event[k].page:
                    place[0] = NO_PAGE
                    if event[k].kind == EV_MIGRATED and k + 1 < n:
                        place[0] = event[k + 1].page
        log.clear()
        return woken

    @property
    def counts(self):
        """Frees of pages without a place, pages that could not be moved, requests that reclaimed: a dict of int."""
        return {"missing": self.s.missing, "unmoved": self.s.unmoved, "reclaims": self.s.reclaims}
