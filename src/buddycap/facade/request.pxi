# Allocations in flight and kswapd as objects with step().


@cython.no_gc_clear
@cython.final
cdef class AllocRequest:
    """AllocRequest()
--

    An allocation in flight; `Machine.request` makes one. A context manager: leaving it gives up what is not done.
    """

    cdef readonly MachineBase machine
    cdef object policy                  # as it was given
    cdef request_t r                    # touched in company with the machine only, under its guard
    cdef bint running
    cdef object __weakref__

    def __cinit__(self, MachineBase machine=None):
        if machine is None:
            raise TypeError("an AllocRequest comes from Machine.request")
        self.machine = machine
        self.r.state = REQUEST_DONE

    @cython.embedsignature(False)       # it stands above
    def __init__(self):
        raise TypeError("an AllocRequest comes from Machine.request")

    def __dealloc__(self):
        if self.machine is not None:
            self.machine.give_up(&self.r)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __repr__(self):
        cdef request_t r = self.seen()[0]
        pfn = self.machine.request_pfn(&r)
        return f"<AllocRequest order={r.order} gfp={r.gfp:#x} path={PATHS[r.path]!r} pfn={pfn}>"

    @property
    def done(self):
        """Whether it is over, well or badly."""
        return self.seen().state == REQUEST_DONE

    @property
    def pfn(self):
        """First PFN of the block; None if it is not done, or failed."""
        cdef request_t r = self.seen()[0]
        return self.machine.request_pfn(&r)

    @property
    def stats(self):
        """What it did so far, as a dict: path, the counters of `Step`, and what is said of capture and waits."""
        cdef request_t r = self.seen()[0]
        cdef scan_t *sc = &r.scan
        return {
            "path": PATHS[r.path], **cost_dict(&r.total), "reclaims": r.reclaims,
            "progress": r.progress, "priority": sc.priority if r.reclaims else None,
            "capture_own": sc.capture_own, "capture_merged": sc.capture_merged,
            "capture_foreign": sc.capture_foreign,
            "capture_largest": None if sc.capture_largest < 0 else sc.capture_largest, "givebacks": sc.givebacks,
            "sync_passes": sc.sync_passes, "writeback_waits": sc.writeback_waits,
            "congestion_waits": sc.congestion_waits, "oom_rounds": r.oom_rounds, "consults": sc.consults,
            "holds": sc.holds, "rescued": sc.rescued, "hold_pages": sc.hold_pages, "hold_ms": sc.hold_ms,
            "queue_waits": r.queue_waits,
        }

    def step(self, max_pages=32):
        """Go on for about max_pages pages, or until something must be waited for.

        Parameters
        ----------
        max_pages : int
            Budget. Isolation of one aligned block is never divided.

        Returns
        -------
        Step

        Notes
        -----
        The caller lets the wait happen: it ends writes with `Machine.end_writeback` and lets time pass.
        """
        cdef int64_t budget = as_ranged(max_pages, "max_pages", 1, <int64_t> 1 << 40)
        self.enter()
        try:
            return self.one_step(budget)
        finally:
            self.running = False

    cdef Step one_step(self, int64_t budget):
        cdef MachineBase machine = self.machine
        cdef step_t step
        cdef int answer
        machine.drain()
        request_step(machine.ready(), &self.r, budget, &step)
        while step.wait == WAIT_CONSULT:
            try:
                answer = machine.ask(self.policy, &self.r)
                request_answer(machine.ready(), &self.r, answer, budget, &step)
            except BaseException:
                machine.give_up(&self.r)
                raise
        machine.drain()
        return make_step(machine, &step)

    @property
    def attempt(self):
        """(PFN of the page that compaction is about to move, PFN that it goes to) after such a stop; else None.

        It goes to None if its owner has let it go: it will be freed.
        """
        cdef request_t r = self.seen()[0]
        cdef compact_walk_t *w = &r.own.walk
        if not (r.own.compacting and w.cc.state == COMPACT_ATTEMPT):
            return None
        zone = <int32_t> len(self.machine.zones) - 1 - w.zone
        target = None if w.cc.target == NO_PAGE else self.machine.pfn_of(zone, w.cc.target)
        return self.machine.pfn_of(zone, w.cc.page), target

    @property
    def stage(self):
        """What the attempt is: see `Compaction.stage`."""
        return None if self.attempt is None else STAGES_61[self.seen().own.walk.cc.stage]

    cdef int has_stopped(self) except -1:
        """Refuse a request that has not stopped before an attempt."""
        if self.attempt is None:
            raise MisuseError("the request has not stopped before an attempt to move a page")
        return 0

    def answer(self, outcome=None):
        """After a step that waits for "attempt": what comes of it. The next step goes on.

        Parameters
        ----------
        outcome : None, "moves", "eagain" or "ebusy"
            None: what the page's flags say.
        """
        cdef int number = one_of(OUTCOMES_61, outcome, "outcome")
        self.has_stopped()
        request_attempted(self.machine.ready(), &self.r, number)
        self.machine.drain()

    def interrupt(self, pfn):
        """At such a stop: an interrupt on top of the task frees a block, which may complete one and be captured."""
        cdef int32_t zone = 0
        cdef int32_t i = 0
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef machine_t *m
        cdef int status
        self.has_stopped()
        m = self.machine.locate(block, &zone, &i)
        status = zone_drop_status(m.zone[zone], block)
        if status != ST_OK:
            refuse(m.zone[zone], status, "pfn", block, 0)
        request_interrupted(m, &self.r, zone, i)

    def reclaimed(self, pages):
        """After a step that waits for "reclaim": how many pages the driver has freed. The next step goes on.

        Parameters
        ----------
        pages : int, 0..2^40
        """
        cdef int64_t progress = as_ranged(pages, "pages", 0, <int64_t> 1 << 40)
        cdef machine_t *m = self.machine.ready()
        if not m.driver_reclaims or self.r.reclaim_state == 0:
            raise MisuseError("reclaimed: the request does not wait for pages to be freed")
        self.r.progress = progress

    def run(self):
        """Run to the end, serving every wait at once; the PFN or None."""
        self.enter()
        try:
            self.machine.run_request(&self.r, self.policy)
        finally:
            self.running = False
        return self.pfn

    def close(self):
        """Give up: what was isolated or captured goes back. A block that was obtained stays with the caller."""
        request_abort(self.machine.ready(), &self.r)
        self.machine.drain()

    cdef int enter(self) except -1:
        """Nobody else runs the request while one does, waits and hooks included; to give it up is allowed to all."""
        if self.running:
            raise MisuseError("the request is being run: by the hook of its policy or by another thread")
        self.running = True
        return 0

    cdef const request_t *seen(self) except NULL:
        """The request to be read, as `look` gives the machine."""
        self.machine.look()
        return &self.r


@cython.final
cdef class Kswapd:
    """Kswapd()
--

    kswapd of a machine; `Machine.kswapd` makes one.
    """

    cdef readonly MachineBase machine

    def __cinit__(self, MachineBase machine=None):
        if machine is None:
            raise TypeError("a Kswapd comes from Machine.kswapd")
        self.machine = machine

    @cython.embedsignature(False)       # it stands above
    def __init__(self):
        raise TypeError("a Kswapd comes from Machine.kswapd")

    def __repr__(self):
        return f"<Kswapd {'asleep' if self.asleep else 'awake'} order={self.order}>"

    @property
    def asleep(self):
        """Whether it sleeps until it is woken."""
        return bool(self.machine.look().kswapd.asleep)

    @property
    def order(self):
        """Order that it balances for, or did last."""
        return self.machine.look().kswapd.order

    @property
    def stats(self):
        """Its work so far, as a dict with the counters of `Step`."""
        cdef cost_t total = self.machine.look().kswapd.total
        return cost_dict(&total)

    def wake(self, order=0):
        """Wake it for every zone below its low mark at this order, as an allocation does."""
        cdef int checked = <int> as_ranged(order, "order", 0, self.machine.node().max_page_order)
        cdef machine_t *m = self.machine.ready()
        cdef int k
        for k in range(m.nr_zones):
            wakeup_kswapd(m, m.zone[k], checked)
        self.machine.drain()

    def step(self, max_pages=32):
        """Go on for about max_pages pages: see `AllocRequest.step`."""
        cdef step_t step
        cdef int64_t budget = as_ranged(max_pages, "max_pages", 1, <int64_t> 1 << 40)
        self.machine.drain()
        kswapd_step(self.machine.ready(), budget, &step)
        self.machine.drain()
        return make_step(self.machine, &step)

    def run(self):
        """Run until it sleeps, serving every wait at once."""
        self.machine.run_kswapd()


@cython.final
cdef class Kcompactd:
    """Kcompactd()
--

    kcompactd of a machine of Linux 6.1; `Machine.kcompactd` makes one.
    """

    cdef readonly MachineBase machine

    def __cinit__(self, MachineBase machine=None):
        if machine is None:
            raise TypeError("a Kcompactd comes from Machine.kcompactd")
        self.machine = machine

    @cython.embedsignature(False)       # it stands above
    def __init__(self):
        raise TypeError("a Kcompactd comes from Machine.kcompactd")

    def __repr__(self):
        return f"<Kcompactd {'asleep' if self.asleep else 'awake'}>"

    @property
    def asleep(self):
        """Whether it sleeps until it is woken."""
        return bool(self.machine.look().kcompactd.asleep)

    @property
    def stats(self):
        """Its work so far, as a dict with the counters of `Step`."""
        cdef cost_t total = self.machine.look().kcompactd.total
        return cost_dict(&total)

    def wake(self, order, classzone_idx=None):
        """Ask for blocks of an order, as kswapd does before it sleeps: it wakes if it can do something about that.

        Parameters
        ----------
        order : int, 0..10
        classzone_idx : int, 0..4, optional
            Index of the highest zone to compact.  Default: the node's highest.
        """
        cdef int checked = <int> as_ranged(order, "order", 0, self.machine.node().max_page_order)
        cdef int highest
        if classzone_idx is None:
            classzone_idx = max(zone.zone_idx for zone in self.machine.zones)
        highest = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
        wakeup_kcompactd(self.machine.ready(), checked, highest)
        self.machine.drain()

    def step(self, max_pages=32):
        """Go on for about max_pages pages: see `AllocRequest.step`."""
        cdef step_t step
        cdef int64_t budget = as_ranged(max_pages, "max_pages", 1, <int64_t> 1 << 40)
        self.machine.drain()
        kcompactd_step(self.machine.ready(), budget, &step)
        self.machine.drain()
        return make_step(self.machine, &step)

    def run(self):
        """Run until it sleeps."""
        self.machine.run_kcompactd()
