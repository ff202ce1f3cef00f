# Machines at the boundary: the zones of one node, requests and kswapd as objects with step().
#
# Time never passes in the core.  Here a run to completion serves every wait at once: congestion_wait ends all writes
# under way, oldest first, and a wait for a page ends the write of that page.

cdef enum:
    SHORT_BUDGET = 32           # pages of a step that keeps the GIL
    RUN_BUDGET = 65536          # pages between two looks at signals

cdef tuple PATHS = (None, "fast", "second", "memalloc", "captured", "reclaim", "last try", "failed", "isolated",
                    "compacted")
cdef frozenset NUMBERED = frozenset((EV_WAKE_PDFLUSH, EV_OOM, EV_KSWAPD_ASKED))     # `page` is a number
cdef object EVENT_DTYPE = np.dtype([("page", "<i8"), ("owner", "<u8"), ("kind", "<i4"), ("zone", "<i4")])


cdef tuple node_zones(object zones):
    """The zones of one node, lowest first, after a look at whether they can be one."""
    cdef Zone zone, first
    zones = tuple(zones)
    for one in zones:
        if not isinstance(one, Zone):
            raise TypeError(f"zones: a Zone is wanted, not {type(one).__name__}")
    if not 1 <= len(zones) <= MAX_NR_ZONES:
        raise MisuseError(f"zones: {len(zones)} zones: allowed are 1..{MAX_NR_ZONES}")
    zones = tuple(sorted(zones, key=lambda zone: zone.zone_idx))
    first = zones[0]
    for place, one in enumerate(zones):
        zone = one
        if place and zone.shape.zone_idx == (<Zone> zones[place - 1]).shape.zone_idx:
            raise MisuseError(f"zones: two zones with zone_idx={zone.shape.zone_idx}")
        if zone.shape.kernel != first.shape.kernel:
            raise MisuseError(f"zones: zones of Linux {release_of(first.shape.kernel)} and of "
                              f"{release_of(zone.shape.kernel)}: all must follow one kernel")
        if zone.shape.cpus != first.shape.cpus or zone.shape.max_page_order != first.shape.max_page_order:
            raise MisuseError("zones: cpus and max_page_order must be the same in all zones of a machine")
        for k in range(MAX_NR_ZONES):
            if zone.shape.node_present[k] != first.shape.node_present[k]:
                raise MisuseError("zones: node_present_pages must be the same in all zones of a machine")
        if zone.shape.capture and zone.shape.slot_limit < 2:
            raise MisuseError(f"zones: zone {zone.shape.zone_idx} has room for fewer than 2 private lists")
    return zones


cdef int loose_pages_status(machine_t *m, const int64_t *pfns, int64_t n, int64_t *k, int32_t *zone) noexcept nogil:
    """What hinders pages from being put on lists; k and zone are those of the first that cannot be."""
    cdef int32_t i = 0
    cdef int status = ST_OK
    k[0] = 0
    while k[0] < n:
        if not machine_find(m, pfns[k[0]], zone, &i):
            return ST_PFN_RANGE
        status = zone_loose_status(m.zone[zone[0]], i)
        if status != ST_OK:
            break
        k[0] += 1
    return status


cdef void list_pages(machine_t *m, const int64_t *pfns, int64_t n, uint32_t flags, bint slab) noexcept nogil:
    """Put checked pages on the slab list or their LRU lists."""
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int64_t k
    for k in range(n):
        machine_find(m, pfns[k], &zone, &i)
        if slab:
            slab_add(m.zone[zone], i, flags)
        else:
            lru_cache_add(m.zone[zone], i, flags)


@cython.no_gc_clear
cdef class MachineBase(ContigMachine):
    """The compiled half of `buddycap.Machine`, which documents the parameters."""

    cdef object find_policy             # name -> CapturePolicy
    cdef object policy                  # of requests that bring none
    cdef dict writes                    # (zone, index) of every page under writeback, oldest first
    cdef bytearray log                  # event_t records, None if they are not kept
    cdef object __weakref__

    def __cinit__(self, *args, **kwargs):
        self.writes = {}

    def __init__(self, zones, *, gfp_zones, find_policy, policy, int64_t swap_pages, swappiness, oom_rounds,
                 writeback_limit, slab_objects_per_page, bint laptop_mode, bint events, bint driver_reclaims=False):
        cdef machine_t m
        if self.zones:
            raise MisuseError("a Machine is set up only once")
        machine_init(&m)
        zones = node_zones(zones)
        for k, zoneidx in enumerate(gfp_zones):
            m.gfp_zone[k] = <int8_t> as_ranged(zoneidx, "gfp_zones", 0, MAX_NR_ZONES - 1)
        m.swap_total = m.swap_free = as_ranged(swap_pages, "swap_pages", 0, <int64_t> 1 << 40)
        m.swappiness = <int32_t> as_ranged(swappiness, "swappiness", 0, 100)
        m.oom_rounds = <int32_t> as_ranged(oom_rounds, "oom_rounds", 1, 1 << 30)
        m.writeback_limit = as_ranged(writeback_limit, "writeback_limit", 0, <int64_t> 1 << 40)
        m.slab_objects_per_page = <int32_t> as_ranged(slab_objects_per_page, "slab_objects_per_page", 1, 4096)
        m.laptop_mode = laptop_mode
        m.driver_reclaims = driver_reclaims
        policy = self.of_capture(find_policy(policy), &(<Zone> zones[0]).shape)
        as_policy(policy, &m.policy)
        for zone in zones:
            machine_attach_zone(&m, (<Zone> zone).look())
        if not machine_fits(&m):
            raise MisuseError("zones: they must lie in the order of their indices, in different pageblocks, with the "
                              "same migratetypes")
        if not machine_is_node(&m):
            raise MisuseError("zones: their marks and reserves do not follow from all of them: make them a Node "
                              "first")
        log = bytearray() if events else None
        self.adopt(&m, zones)           # nothing is done if another thread has set it up meanwhile
        self.find_policy = find_policy
        self.policy = policy
        self.log = log

    def __dealloc__(self):
        cdef machine_t *m = self.settled()
        if m != NULL:
            kswapd_abort(m)
            kcompactd_abort(m)

    # --- helpers ---

    cdef Zone zone_at(self, int32_t zone):
        """A zone by its number in the machine, which counts from the highest."""
        return self.zones[len(self.zones) - 1 - zone]

    cdef int64_t nr_index(self, int32_t zone) except -1:
        """Cells of a zone's arrays."""
        return self.zone_at(zone).look().nr_index

    cdef int64_t pfn_of(self, int32_t zone, int32_t i) except -1:
        return self.zone_at(zone).shape.base_pfn + i

    # The following give the machine as `ready` does, and with it what they have found.

    cdef machine_t *locate(self, int64_t n, int32_t *zone, int32_t *i) except NULL:
        """Number of the zone and index of an existing page.  The event ring has room."""
        cdef machine_t *m = self.ready()
        while events_pending(m) == NR_EVENTS:
            self.drain()
            m = self.ready()
        if not machine_find(m, n, zone, i):
            raise MisuseError(f"pfn={n}: in none of the machine's zones")
        return m

    cdef machine_t *locate_page(self, object pfn, int32_t *zone, int32_t *i) except NULL:
        """The same for an allocated page of order 0, from a Python value."""
        cdef int64_t n = as_int64(pfn, "pfn")
        cdef machine_t *m = self.locate(n, zone, i)
        cdef int status = zone_single_status(m.zone[zone[0]], i[0])
        if status != ST_OK:
            refuse(m.zone[zone[0]], status, "pfn", n, 0)
        return m

    cdef machine_t *locate_listed(self, object pfn, int32_t *zone, int32_t *i) except NULL:
        """The same for a page that is on one of the page lists."""
        cdef machine_t *m = self.locate_page(pfn, zone, i)
        if not flags_array(m.zone[zone[0]])[i[0]] & PF_LRU:
            raise MisuseError(f"pfn={pfn}: not on an LRU list")
        return m

    cdef const shape_t *node(self) except NULL:
        """What the zones have in common, once there are any."""
        if not self.zones:
            raise MisuseError("a Machine without zones: it was never set up")
        return &(<Zone> self.zones[0]).shape

    cdef object of_capture(self, object policy, const shape_t *shape):
        """A capture policy, which a kernel without capture lists does not have."""
        if not shape.capture and policy.name != "none":
            raise MisuseError(f"policy={policy.name!r}: Linux {release_of(shape.kernel)} has no capture lists, which "
                              "are those of kernel='2.6.27'")
        return policy

    @property
    def kernel(self):
        """The version of Linux that the machine follows: "2.6.27", "6.1" or "6.12"."""
        return release_of(self.node().kernel)

    cdef int as_cpu(self, object cpu) except -1:
        return <int> as_ranged(cpu, "cpu", 0, self.node().cpus - 1)

    cdef int prepare(self, request_t *r, object order, object gfp, object policy, object cpu, int task) except -1:
        """A checked request that has not begun."""
        cdef const shape_t *shape = self.node()
        cdef int64_t bits = as_gfp(gfp, shape)
        cdef policy_t row
        cdef policy_t *given = NULL
        cdef machine_t *m
        cdef int o, on, status
        if policy is not None:
            as_policy(self.of_capture(self.find_policy(policy), shape), &row)
            given = &row
        o = <int> as_ranged(order, "order", 0, shape.max_page_order)
        on = self.as_cpu(cpu)
        m = self.ready()
        status = request_status(m, o, bits, on)
        if status != ST_OK:
            raise MisuseError(flags_message(status, "gfp", bits, shape.gfp))
        request_init(m, r, o, <uint32_t> bits, on, task, given)
        return 0

    cdef int drain(self) except -1:
        """Empty the event ring: note the writes, keep the records if wanted."""
        cdef event_t event
        while event_take(self.ready(), &event):
            if event.kind == EV_PAGEOUT:
                self.writes[(event.zone, event.page)] = None
            if self.log is not None:
                if event.page != NO_PAGE and event.kind not in NUMBERED:
                    event.page = self.pfn_of(event.zone, 0) + event.page
                event.zone = <int32_t> len(self.zones) - 1 - event.zone
                self.log += (<char *> &event)[:sizeof(event_t)]
        return 0

    cdef int end_write(self, int32_t zone, int32_t i) except -1:
        """End a write; nothing if somebody has ended it meanwhile."""
        cdef machine_t *m
        self.writes.pop((zone, i), None)
        m = self.ready()
        end_page_writeback(m, m.zone[zone], i, 0)
        return 0

    cdef int end_writes(self) except -1:
        for zone, i in list(self.writes):
            self.end_write(zone, i)
        return 0

    cdef int serve(self, const step_t *step) except -1:
        """Let happen at once what a step waits for."""
        self.drain()
        if step.wait == WAIT_CONGESTION:
            self.end_writes()
        elif step.wait == WAIT_WRITEBACK:
            self.end_write(step.zone, <int32_t> step.page)
        elif step.wait == WAIT_LISTS:
            raise MisuseError("every private list of a zone is in use: close requests and capture lists first")
        elif step.wait == WAIT_QUEUE:
            raise MisuseError("the queue of allocations is led by a request that is run by steps: end that one first")
        PyErr_CheckSignals()
        return 0

    cdef int ask(self, object policy, request_t *r) except -1:
        """Ask the hook of a request's policy about the consultation at hand; an ANSWER_*."""
        hook = (self.policy if policy is None else self.find_policy(policy)).hook
        return ask_hook(hook, self.whereabouts(), r, self.zone_at(r.scan.zone))

    cdef int run_request(self, request_t *r, object policy) except -1:
        """Run a request to its end: the first step at once, which is often the last one, the others without the GIL."""
        cdef step_t step
        cdef machine_t *m = self.ready()
        cdef bint pending
        request_step(m, r, SHORT_BUDGET, &step)
        pending = events_pending(m) != 0
        if step.wait != WAIT_DONE:
            pending = True
            self.go_on(r, &step, policy)
        if pending:
            self.drain()
        return 0

    cdef int go_on(self, request_t *r, step_t *step, object policy) except -1:
        """Run a request that has stopped to its end, serving every wait."""
        cdef int answer = ANSWER_NONE
        cdef machine_t *m
        try:
            while step.wait != WAIT_DONE:
                if step.wait == WAIT_CONSULT:
                    answer = self.ask(policy, r)
                else:
                    self.serve(step)
                if step.wait == WAIT_ATTEMPT:
                    request_attempted(self.ready(), r, ATTEMPT_BY_FLAGS)
                m = self.begin()
                with nogil:
                    if step.wait == WAIT_CONSULT:
                        request_answer(m, r, answer, RUN_BUDGET, step)
                    else:
                        request_step(m, r, RUN_BUDGET, step)
                self.end()
        except BaseException:
            self.give_up(r)
            raise
        return 0

    cdef void give_up(self, request_t *r) noexcept:
        """Abort a request, whoever else is at work; one that is done is left as it is."""
        cdef machine_t *m = self.settled()
        if m != NULL:
            request_abort(m, r)

    cdef int run_kswapd(self) except -1:
        """Run kswapd until it sleeps."""
        cdef step_t step
        cdef machine_t *m
        kswapd_step(self.ready(), SHORT_BUDGET, &step)
        while step.wait != WAIT_SLEEP:
            self.serve(&step)
            m = self.begin()
            with nogil:
                kswapd_step(m, RUN_BUDGET, &step)
            self.end()
        return self.drain()

    cdef int run_kcompactd(self) except -1:
        """Run kcompactd until it sleeps."""
        cdef step_t step
        cdef machine_t *m
        kcompactd_step(self.ready(), SHORT_BUDGET, &step)
        while step.wait != WAIT_SLEEP:
            self.serve(&step)
            m = self.begin()
            with nogil:
                kcompactd_step(m, RUN_BUDGET, &step)
            self.end()
        return self.drain()

    cdef object request_pfn(self, const request_t *r):
        return None if r.page == NO_PAGE else self.pfn_of(r.zone, r.page)

    # --- allocation ---

    def alloc_pages(self, order, gfp, *, policy=None, cpu=0, bint memalloc=False, bint realtime=False):
        """Allocate a block, reclaiming if that is what it takes; every wait is served at once.

        Parameters
        ----------
        order : int, 0..max_page_order
        gfp : int
            GFP bits.
        policy : CapturePolicy or str, optional
            Capture policy of this request; the machine's if not given.
        cpu : int
            CPU that the task runs on.
        memalloc, realtime : bool
            The task has PF_MEMALLOC (it is reclaiming itself), or is a real-time task.

        Returns
        -------
        int or None
            First PFN of the block.

        Raises
        ------
        MisuseError
            If an argument is out of range, or the policy has a queue and a request that is run step by step leads it.

        Notes
        -----
        kswapd is woken but does not run by itself: see `kswapd`. Linux: __alloc_pages_internal (2.6.27).
        """
        cdef request_t r
        self.prepare(&r, order, gfp, policy, cpu, memalloc * TASK_MEMALLOC | realtime * TASK_REALTIME)
        self.run_request(&r, policy)
        return self.request_pfn(&r)

    def free_pages(self, pfn, order, *, cpu=0):
        """Free a block as it was allocated.

        Parameters
        ----------
        pfn : int
        order : int
        cpu : int
            CPU whose list a single page goes to.

        Raises
        ------
        MisuseError
            If that is not an allocated block, or a page on the LRU: see `release`.
        """
        cdef int32_t zone = 0
        cdef int32_t i = 0
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef int64_t wanted = as_int64(order, "order")
        cdef int on = self.as_cpu(cpu)
        cdef machine_t *m = self.locate(block, &zone, &i)
        cdef int status = zone_block_status(m.zone[zone], block, <int> min(max(wanted, -1), MAX_ORDERS))
        if status != ST_OK:
            refuse(m.zone[zone], status, "pfn", block, wanted)
        note_freed(m, zone, i)
        free_block(m.zone[zone], i, <int> wanted, on)

    def run(self, ops, *, policy=None):
        """Perform a stream of requests at compiled speed: the same as single calls in the same order.

        Parameters
        ----------
        ops : structured ndarray, shape (n,), dtype `REQUEST_DTYPE`
            Fields op u1 (a `RequestOp`), order u1, cpu u2, gfp u4, arg i4, flags u4, pfn i8.  `arg` is the index of the
            earlier allocation whose block the operation is about, or -1, and then `pfn` and, for a free, `order` name
            it.  `flags` are those of `lru_cache_add`, `slab_add` and `set_page_flags`; of an allocation: 1 memalloc,
            2 realtime.
        policy : CapturePolicy or str, optional
            Capture policy of the requests; the machine's if not given.

        Returns
        -------
        results : structured ndarray, shape (n,), dtype `RESULT_DTYPE`
            pfn i8 (the block obtained or acted upon; -1: none), cost i4 (row in `costs`, or -1), zone i1 (position in
            `zones`, or -1), path u1 (a `RequestPath`), freed u1 (a later operation has freed the block).
        costs : structured ndarray, dtype `COST_DTYPE`
            One row for each allocation that reclaimed and each run of kswapd: op, the counters of `Step`, and what
            `AllocRequest.stats` says of reclaim and capture.

        Raises
        ------
        MisuseError
            At the first bad operation, naming its index.  Those before it have been performed.

        Notes
        -----
        An operation about an allocation that failed, or whose page reclaim has taken meanwhile, does nothing and has
        PFN -1.  Waits are served at once, as `alloc_pages` does.  Can be interrupted: what has been done stays done.
        Needs 4 bytes a page for the time of the call.

        Examples
        --------
        >>> machine = Machine.preset("x86_64", memory="64MiB")
        >>> ops = np.zeros(3, REQUEST_DTYPE)
        >>> ops["op"] = RequestOp.ALLOC, RequestOp.FREE, RequestOp.ALLOC
        >>> ops["order"], ops["gfp"], ops["arg"] = 9, GFP.HIGHUSER_MOVABLE, [-1, 0, -1]
        >>> results, costs = machine.run(ops)
        >>> results["pfn"].tolist(), results["path"].tolist(), len(costs)
        ([15360, 15360, 15360], [1, 0, 1], 0)
        """
        return run_requests_array(self, ops, policy)

    def request(self, order, gfp, *, policy=None, cpu=0, bint memalloc=False, bint realtime=False, bint stops=False):
        """Begin an allocation that is run step by step.

        Parameters
        ----------
        order, gfp, policy, cpu, memalloc, realtime
            As for `alloc_pages`.
        stops : bool
            Of 6.1: its compaction stops before each attempt to move a page; see `AllocRequest.attempted`.

        Returns
        -------
        AllocRequest
        """
        cdef AllocRequest request = AllocRequest.__new__(AllocRequest, self)
        request.policy = policy
        self.prepare(&request.r, order, gfp, policy, cpu, memalloc * TASK_MEMALLOC | realtime * TASK_REALTIME)
        request.r.own.stops = stops
        return request

    def _repr_html_(self):
        """A small map and a table, for notebooks."""
        return None if html_view is None else html_view(self)

    @property
    def address(self):
        """Address of the machine for C functions (`bc_machine *`), valid as long as the machine lives.

        Events that C code drains are not seen here: end the writes that it has drained in C, too.
        """
        return <size_t> self.look()

    @property
    def kswapd(self):
        """kswapd of this machine: a `Kswapd`."""
        return Kswapd.__new__(Kswapd, self)

    @property
    def kcompactd(self):
        """kcompactd of a machine of 6.1: a `Kcompactd`."""
        if self.node().capture:
            raise MisuseError(f"Linux {self.kernel} has no kcompactd: one of kernel='6.1' or '6.12' has")
        return Kcompactd.__new__(Kcompactd, self)

    def zone_state(self, place):
        """The numbers of one zone, by position in `zones`, as a dict.

        free, min, low, high, scanned, spanned, present, protection, nr_lru (inactive and active anon, inactive and
        active file, unevictable, slab), nr_scan, recent_scanned and recent_rotated (anon, file), pagesets (count, high
        and batch of every CPU), all_unreclaimable, prev_priority, start_pfn, inactive_ratio.
        """
        cdef Zone zone = self.zones[as_ranged(place, "place", 0, len(self.zones) - 1)]
        cdef uint64_t size = zone.shape.cpus * sizeof(pcp_t)
        cdef bytes lists = PyBytes_FromStringAndSize(NULL, size)
        cdef const pcp_t *pcp = <const pcp_t *> PyBytes_AS_STRING(lists)
        cdef list protection = zone.lowmem_reserve.tolist()
        cdef zone_t seen
        cdef zone_t *z = zone.ready()
        seen = z[0]
        memcpy(<void *> pcp, zone_pcp(z, 0), size)
        z = &seen
        return {
            "free": z.nr_free_pages, "min": z.pages_min, "low": z.pages_low, "high": z.pages_high,
            "scanned": z.pages_scanned, "spanned": z.spanned_pages, "present": z.present_pages,
            "protection": protection,
            "nr_lru": [z.nr_lru[k] for k in range(NR_PAGE_LISTS)], "nr_scan": [z.nr_scan[k] for k in range(4)],
            "recent_scanned": [z.recent_scanned[0], z.recent_scanned[1]],
            "recent_rotated": [z.recent_rotated[0], z.recent_rotated[1]],
            "pagesets": [(pcp[cpu].count, pcp[cpu].high, pcp[cpu].batch) for cpu in range(z.cpus)],
            "all_unreclaimable": z.all_unreclaimable, "prev_priority": z.prev_priority, "start_pfn": z.start_pfn,
            "inactive_ratio": z.inactive_ratio,
        }

    def set_nr_scan(self, place, counts):
        """Set what reclaim has saved up to scan (nr_scan), by position in `zones`.

        Parameters
        ----------
        place : int
        counts : sequence of 4 int, 0..max(1024, pages of the zone)
            For inactive and active anon, inactive and active file. A list is scanned when 32 have come together, so a
            list of 16 pages or fewer is never scanned in one call of direct reclaim that starts at 0.
        """
        cdef Zone zone = self.zones[as_ranged(place, "place", 0, len(self.zones) - 1)]
        cdef int64_t most = max(<int64_t> SAVED_SCAN_PAGES, zone.shape.present_pages)
        cdef list checked = [as_ranged(count, "counts", 0, most) for count in counts]
        cdef zone_t *z
        if len(checked) != 4:
            raise MisuseError(f"counts: {len(checked)} numbers: 4 are wanted")
        z = zone.ready()
        for k in range(4):
            z.nr_scan[k] = checked[k]

    # --- pages ---

    def lru_cache_add(self, pfns, flags=0):
        """Put allocated pages at the heads of their LRU lists.

        Parameters
        ----------
        pfns : int or array of int
            Single pages, in the order in which they are added.
        flags : int
            Page flags. ACTIVE, UNEVICTABLE and SWAPBACKED (anonymous memory, tmpfs) choose the list; without SWAPBACKED
            it is a page of a file.

        Raises
        ------
        MisuseError
            If a page cannot be added or the flags contradict each other. Then none has been added.
        """
        self.list_pages(pfns, as_int64(flags, "flags"), LRU_FLAGS, False)

    def slab_add(self, pfns, flags=0):
        """Put allocated pages on the slab list: they hold unused objects, which the shrinker frees.

        Parameters
        ----------
        pfns : int or array of int
        flags : int
            REFERENCED: survives the first look. PINNED: holds an object in use and is never freed.

        Raises
        ------
        MisuseError
            If a page cannot be added. Then none has been added.
        """
        self.list_pages(pfns, as_int64(flags, "flags"), SLAB_FLAGS, True)

    cdef int list_pages(self, object pfns, int64_t flags, uint32_t allowed, bint slab) except -1:
        """Put different single allocated pages that are on no list on the slab list or their LRU lists."""
        cdef Buffer buffer
        cdef const int64_t *p
        cdef int64_t k = 0
        cdef int64_t n, slots, free_slots
        cdef int32_t zone = 0
        cdef machine_t *m
        cdef int status = ST_FLAGS_UNKNOWN if flags & ~<int64_t> allowed else ST_OK
        if status == ST_OK and not slab:
            status = lru_flags_status(<uint32_t> flags)
        if status != ST_OK:
            raise MisuseError(flags_message(status, "flags", flags, allowed))
        array = np.array(int64_array([pfns] if np.ndim(pfns) == 0 else pfns, "pfns"))   # nobody else's
        if np.unique(array).size != array.size:
            raise MisuseError("pfns: a page is named twice")
        buffer = Buffer(array)
        p = <const int64_t *> buffer.view.buf
        n = buffer.view.len // 8
        slots = n if flags & PF_SWAPCACHE else 0
        m = self.ready()
        status = loose_pages_status(m, p, n, &k, &zone)
        free_slots = m.swap_free
        if status == ST_OK and slots <= free_slots:
            m.swap_free -= slots
            list_pages(m, p, n, <uint32_t> flags, slab)
        elif status == ST_OK:
            raise MisuseError(f"flags={flags:#x}: SWAPCACHE for {n} pages, but only {free_slots} slots are free")
        elif status == ST_PFN_RANGE:
            raise MisuseError(f"pfn={p[k]}: in none of the machine's zones")
        else:
            refuse(m.zone[zone], status, "pfn", p[k], 0)
        return 0

    def lru_del(self, pfn):
        """Take a page off its LRU or slab list; it stays allocated."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        cdef machine_t *m = self.locate_listed(pfn, &zone, &i)
        lru_del(m.zone[zone], i)

    def mark_page_accessed(self, pfn):
        """Note a use of the page: Referenced the first time, active the second."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        cdef machine_t *m = self.locate_page(pfn, &zone, &i)
        mark_page_accessed(m.zone[zone], i)

    def set_page_flags(self, pfn, *, set=0, clear=0):
        """Change attributes of an allocated page: LOCKED, REFERENCED, DIRTY, MMAP, YOUNG, PINNED.

        Parameters
        ----------
        pfn : int
        set, clear : int
            Flags to set and to clear.
        """
        cdef int32_t zone = 0
        cdef int32_t i = 0
        cdef int64_t bits = as_int64(set, "set")
        cdef int64_t off = as_int64(clear, "clear")
        cdef machine_t *m
        if (bits | off) & ~<int64_t> LOOSE_FLAGS:
            raise MisuseError(f"set={bits:#x}, clear={off:#x}: only {LOOSE_FLAGS:#x} can be changed here")
        if bits & off:
            raise MisuseError(f"set={bits:#x}, clear={off:#x}: a flag stands in both")
        m = self.locate_page(pfn, &zone, &i)
        page_unmark(m.zone[zone], i, <uint32_t> off)
        if bits:
            page_mark(m.zone[zone], i, <uint32_t> bits)

    def mlock(self, pfn, bint locked=True):
        """Lock a page of the LRU in memory, or unlock it; it moves to or from the unevictable list."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        cdef machine_t *m = self.locate_page(pfn, &zone, &i)
        page_set_mlocked(m.zone[zone], i, locked)

    def release(self, pfn, *, cpu=0):
        """Drop a page that may be on the LRU: it is freed now, or as soon as reclaim and writeback let go of it."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        cdef int on = self.as_cpu(cpu)
        cdef machine_t *m = self.locate_page(pfn, &zone, &i)
        if flags_array(m.zone[zone])[i] & PF_ORPHAN:
            raise MisuseError(f"pfn={pfn}: released already")
        note_freed(m, zone, i)
        page_release(m.zone[zone], i, on)

    # --- writeback, swap, events ---

    def start_writeback(self, pfn):
        """Begin to write a page of the LRU: it is WRITEBACK and not DIRTY until `end_writeback`."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        cdef machine_t *m = self.locate_page(pfn, &zone, &i)
        cdef uint32_t flags = flags_array(m.zone[zone])[i]
        if not flags & (PF_LRU | PF_ISOLATED) or flags & PF_SLAB:
            raise MisuseError(f"pfn={pfn}: not a page of the page cache or anonymous memory")
        if flags & PF_WRITEBACK:
            raise MisuseError(f"pfn={pfn}: under writeback already")
        start_page_writeback(m, m.zone[zone], i)
        self.writes[(zone, i)] = None

    def end_writeback(self, pfn):
        """End the write of a page."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        cdef machine_t *m = self.locate_page(pfn, &zone, &i)
        if not flags_array(m.zone[zone])[i] & PF_WRITEBACK:
            raise MisuseError(f"pfn={pfn}: not under writeback")
        self.end_write(zone, i)

    @property
    def writeback(self):
        """PFNs of the pages under writeback, oldest first: ndarray of int64."""
        return np.array([self.pfn_of(zone, i) for zone, i in list(self.writes) if self.is_written(zone, i)],
                        dtype=np.int64)

    cdef bint is_written(self, int32_t zone, int32_t i) except -1:
        """Whether a page is still under writeback: between two looks somebody may have ended it."""
        cdef machine_t *m = self.look()
        return flags_array(m.zone[zone])[i] & PF_WRITEBACK != 0 and order_array(m.zone[zone])[i] == PG_MARKED

    @property
    def write_congested(self):
        """Whether the device's queue is congested, so that only kswapd may add to it."""
        return bool(self.look().write_congested)

    @write_congested.setter
    def write_congested(self, bint congested):
        cdef machine_t *m = self.ready()
        m.write_congested = congested

    @property
    def swap_free(self):
        """Free swap slots."""
        return self.look().swap_free

    def free_swap(self, slots=1):
        """Give swap slots back: their owners have read the pages in, or are gone."""
        cdef int64_t number = as_int64(slots, "slots")
        cdef machine_t *m = self.ready()
        cdef int64_t used = m.swap_total - m.swap_free
        if not 0 <= number <= used:
            out_of_range(number, "slots", 0, used)
        m.swap_free += number

    def note_events(self, *, bint captured=False, bint freed=False, bint asked=False):
        """Choose which optional events are kept too.

        Parameters
        ----------
        captured : bool
            CAPTURED: a reclaimed page goes to a capture list; it follows its RECLAIMED.
        freed : bool
            FREED: the owner lets a block go, by `free_pages`, `release` or a stream.
        asked : bool
            KSWAPD_ASKED: kswapd is asked for pages, whether it sleeps or not (6.1).

        Raises
        ------
        MisuseError
            If the machine keeps no events.
        """
        cdef machine_t *m
        if self.log is None:
            raise MisuseError("events are not kept: make the machine with events=True")
        m = self.ready()
        m.event_mask = captured * NOTE_CAPTURED | freed * NOTE_FREED | asked * NOTE_ASKED

    def events(self):
        """The events since the last call, oldest first, if the machine was made with `events=True`.

        Returns
        -------
        ndarray
            Fields page (PFN; for pdflush the number of pages wanted, for OOM and KSWAPD_ASKED the order), owner (the
            page's cookie), kind (an `EventKind`) and zone (position in `zones`).
        """
        if self.log is None:
            raise MisuseError("events are not kept: make the machine with events=True")
        self.drain()
        log, self.log = self.log, bytearray()           # first: others may add to it
        return np.frombuffer(bytes(log), dtype=EVENT_DTYPE)
