# Machines at the boundary: the zones of one node, requests and kswapd as objects with step().
#
# Time never passes in the core.  Here a run to completion serves every wait at once: congestion_wait ends all writes
# under way, oldest first, and a wait for a page ends the write of that page.

cdef enum:
    SHORT_BUDGET = 32           # pages of a step that keeps the GIL
    RUN_BUDGET = 65536          # pages between two looks at signals

WAITS = ("none", "congestion", "writeback", "events", "lists", "sleep", "done", "queue", "consult")
cdef tuple PATHS = (None, "fast", "second", "memalloc", "captured", "reclaim", "last try", "failed", "isolated")
cdef object EVENT_DTYPE = np.dtype([("page", "<i8"), ("owner", "<u8"), ("kind", "<i4"), ("zone", "<i4")])


cdef dict cost_dict(const cost_t *cost):
    """The counters by name."""
    return cost[0]


cdef tuple cost_names():
    """The names of the counters, in the order of cost_t."""
    cdef cost_t nothing
    memset(&nothing, 0, sizeof(nothing))
    return tuple(cost_dict(&nothing))


cdef tuple COST_NAMES = cost_names()


@cython.final
cdef class Step:
    """What one step did and what must happen before the next.

    Attributes
    ----------
    wait : str
        "none" or "events" (step again at once or after others), "congestion" (at most `wait_ms` ms), "writeback"
        (until the write of `pfn` has ended), "lists" (after others: every private list of the zone is in use),
        "queue" (after others: the policy's queue), "sleep" (kswapd, until it is woken) or "done".
    wait_ms : int, ms
        Limit of a congestion wait.
    pfn : int or None
        Page that is waited for.
    scanned, looked, isolated, active, freed, captured, activated, unmapped, swapped, pageouts : int, pages
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
    slab_scanned, slab_freed : int
        Objects of the slab caches asked for; pages of them freed.
    migrated, splits, merges, waits : int
        Pages moved (0: 2.6.27 has no compaction); halvings of blocks; unions of buddies; times it stopped for writes.
    """

    cdef readonly str wait
    cdef readonly int64_t wait_ms
    cdef readonly object pfn
    cdef readonly int64_t scanned, looked, isolated, active, freed, captured, activated, unmapped, swapped, pageouts
    cdef readonly int64_t slab_scanned, slab_freed, migrated, splits, merges, waits

    @property
    def done(self):
        """Whether this was the last step."""
        return self.wait == "done"

    def __repr__(self):
        work = {name: value for name, value in self.cost().items() if value}
        return f"Step(wait={self.wait!r}, {', '.join(f'{name}={value}' for name, value in work.items())})"

    def cost(self):
        """The work done, as a dict with all sixteen counters."""
        return {name: getattr(self, name) for name in COST_NAMES}


cdef Step make_step(MachineBase machine, const step_t *step):
    cdef Step result = Step.__new__(Step)
    result.wait = WAITS[step.wait]
    result.wait_ms = step.wait_ms
    result.pfn = None if step.page == NO_PAGE else machine.m.zone[step.zone].base_pfn + step.page
    result.scanned = step.cost.scanned
    result.looked = step.cost.looked
    result.isolated = step.cost.isolated
    result.active = step.cost.active
    result.freed = step.cost.freed
    result.captured = step.cost.captured
    result.activated = step.cost.activated
    result.unmapped = step.cost.unmapped
    result.swapped = step.cost.swapped
    result.pageouts = step.cost.pageouts
    result.slab_scanned = step.cost.slab_scanned
    result.slab_freed = step.cost.slab_freed
    result.migrated = step.cost.migrated
    result.splits = step.cost.splits
    result.merges = step.cost.merges
    result.waits = step.cost.waits
    return result


cdef tuple node_zones(object zones):
    """The zones of one node, lowest first, after a look at whether they can be one."""
    cdef Zone zone, first
    zones = tuple(zones)
    for one in zones:
        if not isinstance(one, Zone):
            raise TypeError(f"zones: a Zone is wanted, not {type(one).__name__}")
        (<ModernZone> one).classic()
    if not 1 <= len(zones) <= MAX_NR_ZONES:
        raise MisuseError(f"zones: {len(zones)} zones: allowed are 1..{MAX_NR_ZONES}")
    zones = tuple(sorted(zones, key=lambda zone: zone.zone_idx))
    first = zones[0]
    for place, one in enumerate(zones):
        zone = one
        if place and zone.z.zone_idx == (<Zone> zones[place - 1]).z.zone_idx:
            raise MisuseError(f"zones: two zones with zone_idx={zone.z.zone_idx}")
        if zone.z.cpus != first.z.cpus or zone.z.max_page_order != first.z.max_page_order:
            raise MisuseError("zones: cpus and max_page_order must be the same in all zones of a machine")
        for k in range(MAX_NR_ZONES):
            if zone.z.node_present[k] != first.z.node_present[k]:
                raise MisuseError("zones: node_present_pages must be the same in all zones of a machine")
        if zone.z.slot_limit < 2:
            raise MisuseError(f"zones: zone {zone.z.zone_idx} has room for fewer than 2 private lists")
    return zones


@cython.no_gc_clear
cdef class MachineBase:
    """The compiled half of `buddycap.Machine`, which documents the parameters."""

    cdef machine_t m
    cdef readonly tuple zones           # lowest first
    cdef object find_policy             # name -> CapturePolicy
    cdef object policy                  # of requests that bring none
    cdef dict writes                    # (zone, index) of every page under writeback, oldest first
    cdef bytearray log                  # event_t records, None if they are not kept
    cdef object __weakref__

    def __cinit__(self, *args, **kwargs):
        machine_init(&self.m)
        self.zones = ()
        self.writes = {}

    def __init__(self, zones, *, gfp_zones, find_policy, policy, int64_t swap_pages, swappiness, oom_rounds,
                 writeback_limit, slab_objects_per_page, bint laptop_mode, bint events):
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
        policy = find_policy(policy)
        as_policy(policy, &m.policy)
        for zone in zones:
            machine_attach_zone(&m, (<Zone> zone).z)
        self.m = m
        self.zones = zones
        self.find_policy = find_policy
        self.policy = policy
        self.log = bytearray() if events else None

    def __dealloc__(self):
        if self.zones:
            self.settle()
            kswapd_abort(&self.m)

    # --- one caller at a time ---

    # To wait for one zone lets other threads at the others.  So one looks again until none is busy, and holds none
    # meanwhile, so that two who wait for each other's zones cannot stop for ever.

    cdef int ready(self) except -1:
        """Wait until no other thread is in a long call on one of the zones."""
        while self.wait_for_one(False):
            pass
        return 0

    cdef int settle(self) except -1:
        """`ready` for those who cannot be refused: zones that this thread holds by `lock` are its own."""
        while self.wait_for_one(True):
            pass
        return 0

    cdef int wait_for_one(self, bint own) except -1:
        """Wait for the first zone that is busy, those of this thread apart if `own`; 0 if none is."""
        cdef Zone zone
        for one in self.zones:
            zone = one
            if zone.running and not (own and zone.is_held()):
                zone.ready()
                return 1
        return 0

    cdef int begin(self) except -1:
        """Take all zones for a long call without the GIL; `end` must follow."""
        self.ready()
        for zone in self.zones:
            (<Zone> zone).begin()
        return 0

    cdef void end(self) noexcept:
        for zone in self.zones:
            (<Zone> zone).end()

    # --- helpers ---

    cdef int locate(self, int64_t n, int32_t *zone, int32_t *i) except -1:
        """Position of the zone and index of an existing page.  The zones are ready from here on."""
        self.ready()
        if not machine_find(&self.m, n, zone, i):
            raise MisuseError(f"pfn={n}: in none of the machine's zones")
        return 0

    cdef int locate_page(self, object pfn, int32_t *zone, int32_t *i) except -1:
        """The same for an allocated page of order 0, from a Python value."""
        return self.locate_single(as_int64(pfn, "pfn"), zone, i)

    cdef int locate_single(self, int64_t n, int32_t *zone, int32_t *i) except -1:
        cdef int status
        self.locate(n, zone, i)
        status = single_page_status(self.m.zone[zone[0]], i[0])
        if status != ST_OK:
            refuse(self.m.zone[zone[0]], status, "pfn", n, 0)
        return 0

    cdef int locate_listed(self, object pfn, int32_t *zone, int32_t *i) except -1:
        """The same for a page that is on one of the page lists."""
        self.locate_page(pfn, zone, i)
        if not flags_array(self.m.zone[zone[0]])[i[0]] & PF_LRU:
            raise MisuseError(f"pfn={pfn}: not on an LRU list")
        return 0

    cdef zone_t *top_zone(self) except NULL:
        """The highest zone, once there is one."""
        if self.m.nr_zones == 0:
            raise MisuseError("a Machine without zones: it was never set up")
        return self.m.zone[0]

    cdef int as_cpu(self, object cpu) except -1:
        return <int> as_ranged(cpu, "cpu", 0, self.top_zone().cpus - 1)

    cdef int prepare(self, request_t *r, object order, object gfp, object policy, object cpu, int task) except -1:
        """A checked request that has not begun."""
        cdef int64_t bits = as_int64(gfp, "gfp")
        cdef policy_t row
        cdef int o, on, status
        if policy is not None:
            as_policy(self.find_policy(policy), &row)
        o = <int> as_ranged(order, "order", 0, self.top_zone().max_page_order)
        on = self.as_cpu(cpu)
        status = request_status(&self.m, o, bits, on)
        if status != ST_OK:
            raise MisuseError(flags_message(status, "gfp", bits, GFP_KNOWN))
        self.ready()
        request_init(&self.m, r, o, <uint32_t> bits, on, task, NULL if policy is None else &row)
        return 0

    cdef int drain(self) except -1:
        """Empty the event ring: note the writes, keep the records if wanted."""
        cdef event_t event
        self.ready()
        while event_take(&self.m, &event):
            if event.kind == EV_PAGEOUT:
                self.writes[(event.zone, event.page)] = None
            if self.log is not None:
                if event.page != NO_PAGE and event.kind != EV_WAKE_PDFLUSH:
                    event.page += self.m.zone[event.zone].base_pfn
                event.zone = self.m.nr_zones - 1 - event.zone
                self.log += (<char *> &event)[:sizeof(event_t)]
        return 0

    cdef int note_freed(self, int32_t zone, int32_t i) except -1:
        """A page is let go by its owner: an event, if wanted."""
        if events_pending(&self.m) == NR_EVENTS:
            self.drain()
        note_freed(&self.m, zone, i)
        return 0

    cdef int end_write(self, int32_t zone, int32_t i) except -1:
        self.writes.pop((zone, i), None)
        end_page_writeback(&self.m, self.m.zone[zone], i, 0)
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
        return ask_hook(hook, &self.m, r, self.zones[self.m.nr_zones - 1 - r.scan.zone])

    cdef int run_request(self, request_t *r, object policy) except -1:
        """Run a request to its end: the first step at once, which is often the last one, the others without the GIL."""
        cdef step_t step
        self.ready()
        request_step(&self.m, r, SHORT_BUDGET, &step)
        if step.wait != WAIT_DONE:
            self.go_on(r, &step, policy)
        if events_pending(&self.m):
            self.drain()
        return 0

    cdef int go_on(self, request_t *r, step_t *step, object policy) except -1:
        """Run a request that has stopped to its end, serving every wait."""
        cdef int answer = ANSWER_NONE
        try:
            while step.wait != WAIT_DONE:
                if step.wait == WAIT_CONSULT:
                    answer = self.ask(policy, r)
                else:
                    self.serve(step)
                self.begin()
                with nogil:
                    if step.wait == WAIT_CONSULT:
                        request_answer(&self.m, r, answer, RUN_BUDGET, step)
                    else:
                        request_step(&self.m, r, RUN_BUDGET, step)
                self.end()
        except BaseException:
            request_abort(&self.m, r)
            raise
        return 0

    cdef int run_kswapd(self) except -1:
        """Run kswapd until it sleeps."""
        cdef step_t step
        self.ready()
        kswapd_step(&self.m, SHORT_BUDGET, &step)
        while step.wait != WAIT_SLEEP:
            self.serve(&step)
            self.begin()
            with nogil:
                kswapd_step(&self.m, RUN_BUDGET, &step)
            self.end()
        return self.drain()

    cdef object request_pfn(self, const request_t *r):
        return None if r.page == NO_PAGE else self.m.zone[r.zone].base_pfn + r.page

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
        cdef int status
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef int64_t wanted = as_int64(order, "order")
        cdef int on = self.as_cpu(cpu)
        self.locate(block, &zone, &i)
        status = used_block_status(self.m.zone[zone], block, <int> min(max(wanted, -1), MAX_ORDERS))
        if status != ST_OK:
            refuse(self.m.zone[zone], status, "pfn", block, wanted)
        self.note_freed(zone, i)
        free_block(self.m.zone[zone], i, <int> wanted, on)

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

    def request(self, order, gfp, *, policy=None, cpu=0, bint memalloc=False, bint realtime=False):
        """Begin an allocation that is run step by step.

        Parameters
        ----------
        order, gfp, policy, cpu, memalloc, realtime
            As for `alloc_pages`.

        Returns
        -------
        AllocRequest
        """
        cdef AllocRequest request = AllocRequest.__new__(AllocRequest, self)
        request.policy = policy
        self.prepare(&request.r, order, gfp, policy, cpu, memalloc * TASK_MEMALLOC | realtime * TASK_REALTIME)
        return request

    def _repr_html_(self):
        """A small map and a table, for notebooks."""
        return None if html_view is None else html_view(self)

    @property
    def address(self):
        """Address of the machine for C functions (`bc_machine *`), valid as long as the machine lives.

        Events that C code drains are not seen here: end the writes that it has drained in C, too.
        """
        return <size_t> &self.m

    @property
    def kswapd(self):
        """kswapd of this machine: a `Kswapd`."""
        return Kswapd.__new__(Kswapd, self)

    def zone_state(self, place):
        """The numbers of one zone, by position in `zones`, as a dict.

        free, min, low, high, scanned, spanned, present, protection, nr_lru (inactive and active anon, inactive and
        active file, unevictable, slab), nr_scan, recent_scanned and recent_rotated (anon, file), pagesets (count, high
        and batch of every CPU), all_unreclaimable, prev_priority, start_pfn, inactive_ratio.
        """
        cdef zone_t *z = (<Zone> self.zones[as_ranged(place, "place", 0, self.m.nr_zones - 1)]).ready()
        return {
            "free": z.nr_free_pages, "min": z.pages_min, "low": z.pages_low, "high": z.pages_high,
            "scanned": z.pages_scanned, "spanned": z.spanned_pages, "present": z.present_pages,
            "protection": [z.lowmem_reserve[k] for k in range(MAX_NR_ZONES)],
            "nr_lru": [z.nr_lru[k] for k in range(NR_PAGE_LISTS)], "nr_scan": [z.nr_scan[k] for k in range(4)],
            "recent_scanned": [z.recent_scanned[0], z.recent_scanned[1]],
            "recent_rotated": [z.recent_rotated[0], z.recent_rotated[1]],
            "pagesets": [(zone_pcp(z, cpu).count, zone_pcp(z, cpu).high, zone_pcp(z, cpu).batch)
                         for cpu in range(z.cpus)],
            "all_unreclaimable": z.all_unreclaimable, "prev_priority": z.prev_priority, "start_pfn": z.start_pfn,
            "inactive_ratio": z.inactive_ratio,
        }

    def set_nr_scan(self, place, counts):
        """Set what reclaim has saved up to scan (nr_scan), by position in `zones`.

        Parameters
        ----------
        place : int
        counts : sequence of 4 int, 0..2^31
            For inactive and active anon, inactive and active file. A list is scanned when 32 have come together, so a
            list of 16 pages or fewer is never scanned in one call of direct reclaim that starts at 0.
        """
        cdef Zone zone = self.zones[as_ranged(place, "place", 0, self.m.nr_zones - 1)]
        cdef list checked = [as_ranged(count, "counts", 0, <int64_t> 1 << NODE_PAGES_BITS) for count in counts]
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
        cdef int32_t zone = 0
        cdef int32_t i = 0
        cdef Buffer buffer
        cdef const int64_t *p
        cdef int64_t k, n, slots
        cdef int status = ST_FLAGS_UNKNOWN if flags & ~<int64_t> allowed else ST_OK
        if status == ST_OK and not slab:
            status = lru_flags_status(<uint32_t> flags)
        if status != ST_OK:
            raise MisuseError(flags_message(status, "flags", flags, allowed))
        array = int64_array([pfns] if np.ndim(pfns) == 0 else pfns, "pfns")
        if np.unique(array).size != array.size:
            raise MisuseError("pfns: a page is named twice")
        buffer = Buffer(array)
        p = <const int64_t *> buffer.view.buf
        n = buffer.view.len // 8
        slots = n if flags & PF_SWAPCACHE else 0
        self.ready()
        for k in range(n):
            self.locate(p[k], &zone, &i)
            status = loose_page_status(self.m.zone[zone], i)
            if status != ST_OK:
                refuse(self.m.zone[zone], status, "pfn", p[k], 0)
        if slots > self.m.swap_free:
            raise MisuseError(f"flags={flags:#x}: SWAPCACHE for {n} pages, but only {self.m.swap_free} slots are free")
        self.m.swap_free -= slots
        for k in range(n):
            self.locate(p[k], &zone, &i)
            if slab:
                slab_add(self.m.zone[zone], i, <uint32_t> flags)
            else:
                lru_cache_add(self.m.zone[zone], i, <uint32_t> flags)
        return 0

    def lru_del(self, pfn):
        """Take a page off its LRU or slab list; it stays allocated."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        self.locate_listed(pfn, &zone, &i)
        lru_del(self.m.zone[zone], i)

    def mark_page_accessed(self, pfn):
        """Note a use of the page: Referenced the first time, active the second."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        self.locate_page(pfn, &zone, &i)
        mark_page_accessed(self.m.zone[zone], i)

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
        if (bits | off) & ~<int64_t> LOOSE_FLAGS:
            raise MisuseError(f"set={bits:#x}, clear={off:#x}: only {LOOSE_FLAGS:#x} can be changed here")
        if bits & off:
            raise MisuseError(f"set={bits:#x}, clear={off:#x}: a flag stands in both")
        self.locate_page(pfn, &zone, &i)
        page_unmark(self.m.zone[zone], i, <uint32_t> off)
        if bits:
            page_mark(self.m.zone[zone], i, <uint32_t> bits)

    def mlock(self, pfn, bint locked=True):
        """Lock a page of the LRU in memory, or unlock it; it moves to or from the unevictable list."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        self.locate_page(pfn, &zone, &i)
        page_set_mlocked(self.m.zone[zone], i, locked)

    def release(self, pfn, *, cpu=0):
        """Drop a page that may be on the LRU: it is freed now, or as soon as reclaim and writeback let go of it."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        cdef int on = self.as_cpu(cpu)
        self.locate_page(pfn, &zone, &i)
        if flags_array(self.m.zone[zone])[i] & PF_ORPHAN:
            raise MisuseError(f"pfn={pfn}: released already")
        self.note_freed(zone, i)
        page_release(self.m.zone[zone], i, on)

    # --- writeback, swap, events ---

    def start_writeback(self, pfn):
        """Begin to write a page of the LRU: it is WRITEBACK and not DIRTY until `end_writeback`."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        cdef uint32_t flags
        self.locate_page(pfn, &zone, &i)
        flags = flags_array(self.m.zone[zone])[i]
        if not flags & (PF_LRU | PF_ISOLATED) or flags & PF_SLAB:
            raise MisuseError(f"pfn={pfn}: not a page of the page cache or anonymous memory")
        if flags & PF_WRITEBACK:
            raise MisuseError(f"pfn={pfn}: under writeback already")
        start_page_writeback(&self.m, self.m.zone[zone], i)
        self.writes[(zone, i)] = None

    def end_writeback(self, pfn):
        """End the write of a page."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        self.locate_page(pfn, &zone, &i)
        if not flags_array(self.m.zone[zone])[i] & PF_WRITEBACK:
            raise MisuseError(f"pfn={pfn}: not under writeback")
        self.end_write(zone, i)

    @property
    def writeback(self):
        """PFNs of the pages under writeback, oldest first: ndarray of int64."""
        return np.array([self.m.zone[zone].base_pfn + i for zone, i in self.writes], dtype=np.int64)

    @property
    def write_congested(self):
        """Whether the device's queue is congested, so that only kswapd may add to it."""
        return bool(self.m.write_congested)

    @write_congested.setter
    def write_congested(self, bint congested):
        self.m.write_congested = congested

    @property
    def swap_free(self):
        """Free swap slots."""
        return self.m.swap_free

    def free_swap(self, slots=1):
        """Give swap slots back: their owners have read the pages in, or are gone."""
        self.m.swap_free += as_ranged(slots, "slots", 0, self.m.swap_total - self.m.swap_free)

    def note_events(self, *, bint captured=False, bint freed=False):
        """Choose which optional events are kept too.

        Parameters
        ----------
        captured : bool
            CAPTURED: a reclaimed page goes to a capture list; it follows its RECLAIMED.
        freed : bool
            FREED: the owner lets a block go, by `free_pages`, `release` or a stream.

        Raises
        ------
        MisuseError
            If the machine keeps no events.
        """
        if self.log is None:
            raise MisuseError("events are not kept: make the machine with events=True")
        self.m.event_mask = captured * NOTE_CAPTURED | freed * NOTE_FREED

    def events(self):
        """The events since the last call, oldest first, if the machine was made with `events=True`.

        Returns
        -------
        ndarray
            Fields page (PFN; for pdflush the number of pages wanted), owner (the page's cookie), kind (an `EventKind`)
            and zone (position in `zones`).
        """
        if self.log is None:
            raise MisuseError("events are not kept: make the machine with events=True")
        self.ready()
        self.drain()
        result = np.frombuffer(bytes(self.log), dtype=EVENT_DTYPE)
        self.log = bytearray()
        return result
