# Compaction of Linux 6.1 and 6.12 at the boundary: what it keeps about a zone, and runs of it as objects with step().

cdef tuple RESULTS_61 = ("not suitable", "skipped", "deferred", "no suitable page", "continue", "complete",
                         "partial", "contended", "success")
cdef dict MODES_61 = {"async": MIGRATE_ASYNC, "sync-light": MIGRATE_SYNC_LIGHT, "sync": MIGRATE_SYNC}
cdef dict PRIORITIES_61 = {"full": COMPACT_PRIO_FULL, "sync-light": COMPACT_PRIO_LIGHT, "async": COMPACT_PRIO_ASYNC}
cdef dict OUTCOMES_61 = {None: ATTEMPT_BY_FLAGS, "moves": ATTEMPT_MOVES, "eagain": ATTEMPT_EAGAIN,
                         "ebusy": ATTEMPT_EBUSY}
cdef tuple STAGES_61 = ("move", "unmap", "split")
cdef tuple EVENTS_OF_COMPACTION_61 = (
    "compact_migrate_scanned", "compact_free_scanned", "compact_isolated", "compact_stall", "compact_fail",
    "compact_success", "compact_daemon_wake", "compact_daemon_migrate_scanned", "compact_daemon_free_scanned",
    "pgmigrate_success", "pgmigrate_fail")
cdef enum:
    LRU_FLAGS_61 = LRU_FLAGS | PF_BLOCKING_61


cdef object one_of(dict names, object value, str name):
    """The number of a name."""
    if value not in names:
        raise MisuseError(f"{name}={value!r}: allowed are {', '.join(map(repr, names))}")
    return names[value]


cdef inline int32_t pageblocks_end_61(const zone_t *z) noexcept nogil:
    """The pageblock after the one of the last page."""
    return ((z.end - 1) >> z.pageblock_order) + 1


@cython.final
cdef class ZoneCompaction:
    """What compaction keeps about a zone of Linux 6.1 or 6.12, and questions about it; `Zone.compaction` gives one.

    Examples
    --------
    >>> zone = Zone(0, 4096, kernel="6.1")
    >>> zone.compaction.suitable(9), zone.compaction.state()["cached_free"]
    ('success', 3584)
    """

    cdef readonly Zone zone

    def __cinit__(self, Zone zone):
        zone.needs_modern()
        self.zone = zone

    def __repr__(self):
        return f"<ZoneCompaction of {self.zone!r}>"

    # --- questions ---

    def suitable(self, order, alloc_flags=0, *, classzone_idx=0):
        """Whether compaction is worth while: "success" (there is a block), "continue" or "skipped".

        Parameters
        ----------
        order : int, 0..10
        alloc_flags : int
            `AllocFlags` of 6.1; the low two bits choose the mark.
        classzone_idx : int, 0..4

        Notes
        -----
        O(1).  Linux: compaction_suitable (6.1).
        """
        cdef int o = <int> as_ranged(order, "order", 0, ORDER_MAX_61)
        cdef int flags = as_alloc_flags(alloc_flags, &self.zone.shape)
        cdef int highest = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
        cdef zone_t *z = self.zone.modern()
        return RESULTS_61[compaction_suitable(z, o, flags, highest)]

    def is_promising(self, order, *, classzone_idx=0):
        """Whether compaction could come to something for an order, whether or not there is a block already.

        Notes
        -----
        O(1).  Linux: compaction_suitable (6.12), which asks no more.
        """
        cdef int o = <int> as_ranged(order, "order", 0, ORDER_MAX_61)
        cdef int highest = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
        cdef zone_t *z = self.zone.modern()
        return bool(is_promising(z, o, highest))

    def fragmentation_index(self, order):
        """-1000 if there is a block; 0..1000 from too little memory to too fragmented.  Linux: fragmentation_index."""
        cdef int o = <int> as_ranged(order, "order", 0, ORDER_MAX_61)
        cdef zone_t *z = self.zone.modern()
        return fragmentation_index_61(z, o)

    def score(self):
        """Percent of the free pages in blocks smaller than a pageblock.  Linux: fragmentation_score_zone (6.1)."""
        cdef zone_t *z = self.zone.modern()
        return fragmentation_score_61(z)

    def deferred(self, order):
        """Whether to leave compaction out this time; to be asked counts.  Linux: compaction_deferred."""
        cdef int o = <int> as_ranged(order, "order", 0, ORDER_MAX_61)
        cdef zone_t *z = self.zone.modern()
        return bool(compaction_deferred_61(z, o))

    # --- what changes it ---

    def defer(self, order):
        """It has failed for an order: leave it out more often.  Linux: defer_compaction."""
        cdef int o = <int> as_ranged(order, "order", 0, ORDER_MAX_61)
        cdef zone_t *z = self.zone.modern()
        defer_compaction_61(z, o)

    def defer_reset(self, order, bint success):
        """It has succeeded for an order; `success`: so has the allocation.  Linux: compaction_defer_reset."""
        cdef int o = <int> as_ranged(order, "order", 0, ORDER_MAX_61)
        cdef zone_t *z = self.zone.modern()
        compaction_defer_reset_61(z, o, success)

    def reset_skip(self):
        """Clear skip bits if a direct run has met its end.  Linux: __reset_isolation_suitable (6.1)."""
        cdef zone_t *z = self.zone.modern()
        reset_isolation_suitable_61(z)

    def state(self):
        """The positions, as PFNs, and the counters of deferral, as a dict with the kernel's names."""
        cdef zone_t *z = self.zone.modern()
        cdef compact_zone_6_1_t c = compact_61(z)[0]
        return {
            "cached_migrate": (c.cached_migrate[0], c.cached_migrate[1]), "cached_free": c.cached_free,
            "init_migrate": c.init_migrate, "init_free": c.init_free, "considered": c.considered,
            "defer_shift": c.defer_shift, "order_failed": c.order_failed, "blockskip_flush": bool(c.blockskip_flush),
            "unevictable_allowed": bool(c.unevictable_allowed),
        }

    def set_state(self, *, cached_migrate=None, cached_free=None, init_migrate=None, init_free=None, considered=None,
                  defer_shift=None, order_failed=None, blockskip_flush=None, unevictable_allowed=None):
        """Set some of what `state` gives, as a recorded machine had it."""
        cdef compact_zone_6_1_t c
        cdef zone_t *z
        cdef dict given = self.state()
        given.update({name: value for name, value in (
            ("cached_migrate", cached_migrate), ("cached_free", cached_free), ("init_migrate", init_migrate),
            ("init_free", init_free), ("considered", considered), ("defer_shift", defer_shift),
            ("order_failed", order_failed), ("blockskip_flush", blockskip_flush),
            ("unevictable_allowed", unevictable_allowed)) if value is not None})
        first, second = given["cached_migrate"]
        c.cached_migrate[0] = as_uint64(first, "cached_migrate")
        c.cached_migrate[1] = as_uint64(second, "cached_migrate")
        c.cached_free = as_uint64(given["cached_free"], "cached_free")
        c.init_migrate = as_uint64(given["init_migrate"], "init_migrate")
        c.init_free = as_uint64(given["init_free"], "init_free")
        c.considered = <int32_t> as_ranged(given["considered"], "considered", 0, 1 << MAX_DEFER_SHIFT_61)
        c.defer_shift = <int32_t> as_ranged(given["defer_shift"], "defer_shift", 0, MAX_DEFER_SHIFT_61)
        c.order_failed = <int32_t> as_ranged(given["order_failed"], "order_failed", 0, ORDER_MAX_61 + 1)
        c.blockskip_flush = bool(given["blockskip_flush"])
        c.unevictable_allowed = bool(given["unevictable_allowed"])
        c.reserved = 0
        z = self.zone.modern()
        c.events = compact_61(z).events
        compact_61(z)[0] = c

    @property
    def skip(self):
        """Whether compaction passes each pageblock by: an array of bool, from the pageblock of the first page on."""
        cdef zone_t *z = self.zone.modern()
        found = bytes(skip_array_61(z)[z.first >> z.pageblock_order:pageblocks_end_61(z)])
        return np.frombuffer(found, dtype=np.bool_)

    @skip.setter
    def skip(self, bits):
        array = np.array(bits, dtype=np.uint8)
        cdef zone_t *z
        cdef Buffer buffer
        cdef int32_t first
        if array.ndim != 1 or array.size and array.max() > 1:
            raise MisuseError("skip: one dimension of truth values is wanted")
        buffer = Buffer(array)
        z = self.zone.modern()
        first = z.first >> z.pageblock_order
        if buffer.view.len != pageblocks_end_61(z) - first:
            raise MisuseError(f"skip: {len(array)} values: one for each of {pageblocks_end_61(z) - first} is wanted")
        memmove(skip_array_61(z) + first, buffer.view.buf, buffer.view.len)

    def vmstat(self):
        """What compaction has done in the zone, by the names of /proc/vmstat."""
        cdef zone_t *z = self.zone.modern()
        cdef compact_zone_6_1_t c = compact_61(z)[0]
        return {name: c.events[k] for k, name in enumerate(EVENTS_OF_COMPACTION_61)}

    # --- pages ---

    def set_page_flags(self, pfn, flags):
        """Set all flags of an allocated block's first page: with LRU it is on the list that they name.

        Parameters
        ----------
        pfn : int
        flags : int
            `PageFlags`; LRU among them puts the page on the LRU.  1 << 26 marks a dirty page that cannot move before it
            has been written.
        """
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef int64_t wanted = as_ranged(flags, "flags", 0, (<int64_t> 1 << 32) - 1)
        cdef zone_t *z
        cdef int32_t i
        cdef int status = ST_OK
        if wanted & ~<int64_t> (LRU_FLAGS_61 | PF_LRU | PF_WRITEBACK):
            raise MisuseError(f"flags={wanted:#x}: allowed are those of {LRU_FLAGS_61 | PF_LRU | PF_WRITEBACK:#x}")
        z = self.zone.modern()
        status = drop_status_61(z, page)
        if status != ST_OK:
            refuse(z, status, "pfn", page, 0)
        i = <int32_t> (page - z.base_pfn)
        if flags_array(z)[i] & PF_LRU:
            lru_del_61(z, i)
        flags_array(z)[i] = (<uint32_t> wanted & ~<uint32_t> PF_LRU) | (flags_array(z)[i] & PF_COMPOUND_61)
        if wanted & PF_LRU:
            lru_add_61(z, i, flags_array(z)[i])
        order_array(z)[i] = used_state_61(z, i, order_array(z)[i] & 0x0F)

    def release(self, pfn):
        """The owner lets a single page go: it is free, or as soon as whoever has isolated it lets go, too."""
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef zone_t *z = self.zone.modern()
        cdef int status = isolated_status_61(z, page)
        if status == ST_OK and refs_array_61(z)[page - z.base_pfn]:
            refs_array_61(z)[page - z.base_pfn] -= 1            # others keep it
        elif status == ST_OK:
            flags_array(z)[page - z.base_pfn] |= PF_ORPHAN
        else:
            self.zone.free_pages(page, 0)

    def is_held(self, pfn):
        """Whether somebody has isolated the allocated block that starts there."""
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef zone_t *z = self.zone.modern()
        return drop_status_61(z, page) == ST_PAGE_IN_USE_BY_RECLAIM

    def make_compound(self, pfn, order):
        """Make an allocated block compound: its pages share references and marks.

        In 6.1 it never moves; in 6.12 it moves as one if it is on the LRU and smaller than what is wanted.
        """
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef int o = <int> as_ranged(order, "order", 1, ORDER_MAX_61)
        cdef zone_t *z = self.zone.modern()
        cdef int status = used_block_status_61(z, block, o)
        if status != ST_OK:
            refuse(z, status, "pfn", block, o)
        make_compound_61(z, <int32_t> (block - z.base_pfn), o)

    def is_isolated(self, pfn):
        """Whether somebody has isolated the single page, and its owner has not let it go."""
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef zone_t *z = self.zone.modern()
        return isolated_status_61(z, page) == ST_OK

    # --- runs ---

    def begin(self, order, gfp=None, *, mode="sync-light", direct=False, whole=False, ignore_skip=False,
              ignore_suitable=False, proactive=None, alloc_flags=0, classzone_idx=0, capture=False,
              stops=False):
        """Begin a run over this zone with a control structure of one's own.

        Parameters
        ----------
        order : int, -1..10
            -1: no block is wanted; the whole zone is gone through.
        gfp : int, optional
            `GFP` of the zone's kernel; default GFP_KERNEL.
        mode : {"async", "sync-light", "sync"}
        direct, whole, ignore_skip, ignore_suitable : bool
            direct_compaction, whole_zone, ignore_skip_hint and ignore_block_suitable of compact_control.
        proactive : int, optional, 0..100
            End at this fragmentation score.
        alloc_flags, classzone_idx : int
        capture : bool
            The task captures the block it completes.
        stops : bool
            Stop before each attempt to move a page.

        Returns
        -------
        Compaction
        """
        cdef Compaction run = Compaction.__new__(Compaction)
        cdef compact_walk_t *w = &run.walk
        cdef uint32_t bits
        cdef int o
        memset(w, 0, sizeof(compact_walk_t))
        o = <int> as_ranged(order, "order", -1, ORDER_MAX_61)
        bits = as_gfp_61(gfp, &self.zone.shape)
        compact_control_init(self.zone.modern(), &w.cc, o, bits, one_of(MODES_61, mode, "mode"))
        w.kind = WALK_RUN
        w.page = NO_PAGE
        w.cc.direct_compaction, w.cc.whole_zone = direct, whole
        w.cc.ignore_skip_hint, w.cc.ignore_block_suitable = ignore_skip, ignore_suitable
        w.cc.proactive = proactive is not None
        if w.cc.proactive:
            w.cc.score_low = <int32_t> as_ranged(proactive, "proactive", 0, 100)
        w.cc.alloc_flags = as_alloc_flags(alloc_flags, &self.zone.shape)
        w.cc.highest_zoneidx = <int32_t> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
        w.cc.capture, w.cc.stops = capture, stops
        if w.cc.order < 0 and (direct or capture):
            raise MisuseError("order=-1: a direct run, or one that captures, wants a block")
        run.adopt((self.zone,))
        return run


cdef uint32_t as_gfp_61(object gfp, const shape_t *shape) except? 0xFFFFFFFF:
    """The GFP bits of a run; those that compaction does not know have no effect."""
    if gfp is None:
        return GFP_KERNEL_61
    other_enum(gfp, shape.kernel, "GFP", "gfp")
    return <uint32_t> as_ranged(gfp, "gfp", 0, (<int64_t> 1 << 31) - 1)


@cython.no_gc_clear
@cython.final
cdef class Compaction(NodeHandle):
    """Compaction()
--

    Compaction under way: `ZoneCompaction.begin`, `Node.compact` and its like give one.

    A context manager: leaving it gives up what is not done.  Nothing is done before the first step.

    Notes
    -----
    While it works, and only then, frees are captured if it was asked to capture; so frees by others between two steps
    are not.  `interrupt` is for those of an interrupt on top of its task.
    """

    cdef compact_walk_t walk
    cdef object __weakref__

    def __cinit__(self):
        self.walk.done = 1
        self.walk.page = self.walk.cc.captured = NO_PAGE

    @cython.embedsignature(False)       # it stands above
    def __init__(self):
        raise TypeError("a Compaction comes from ZoneCompaction.begin or Node")

    def __dealloc__(self):
        if self.zones and not self.walk.done:
            try:
                walk_abort(self.ready().zone, &self.walk)
            except BaseException:       # a child process whose parent left a zone half done
                pass

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __repr__(self):
        return f"<Compaction order={self.walk.cc.order} {self.result}>"

    cdef object pfn_of(self, int32_t i):
        cdef Zone zone = self.zones[self.walk.zone]
        return None if i == NO_PAGE else zone.shape.base_pfn + i

    cdef node_t *workable(self) except NULL:
        """The zones, as `ready` gives them, if nobody captures by hand where the run captures."""
        cdef node_t *node = self.ready()
        cdef int k
        for k in range(node.n):
            if self.walk.cc.capture and not self.walk.done and only_61(node.zone[k]).capture_order != NO_PAGE:
                raise MisuseError("the run captures, but so does arm_capture in one of its zones: end_capture first")
        return node

    @property
    def done(self):
        """Whether it is over."""
        return bool(self.walk.done)

    @property
    def result(self):
        """What it has come to: "success", "complete", "partial", "contended", "deferred", "skipped"; or "continue"."""
        if not self.walk.done:
            return "continue"
        return RESULTS_61[self.walk.result]

    @property
    def pfn(self):
        """First PFN of the block captured, which is the caller's; or None."""
        return self.pfn_of(self.walk.page)

    @property
    def attempt(self):
        """(PFN of the page that is about to be moved, PFN that it goes to), or None.

        It goes to None if its owner has let it go: it will be freed.
        """
        if self.walk.done or self.walk.cc.state != COMPACT_ATTEMPT:
            return None
        return self.pfn_of(self.walk.cc.page), self.pfn_of(self.walk.cc.target)

    @property
    def stage(self):
        """What the attempt is: "move", in 6.12 also "unmap", which comes before, and "split"; None without one.

        A compound block that finds no target is to be split: `answer` "moves" says that it is, "ebusy" that it cannot.
        """
        if self.walk.done or self.walk.cc.state != COMPACT_ATTEMPT:
            return None
        return STAGES_61[self.walk.cc.stage]

    @property
    def stats(self):
        """What the run over the last zone has looked at, where it stands, and what all runs have moved, as a dict."""
        cdef compact_control_t *cc = &self.walk.cc
        return {
            "migrate_scanned": cc.migrate_scanned, "free_scanned": cc.free_scanned, "migrate_pfn": cc.migrate_pfn,
            "free_pfn": cc.free_pfn, "fast_search_fail": cc.fast_search_fail, "search_order": cc.search_order,
            "isolated": cc.isolated, "moved": self.walk.moved + (cc.moved if self.walk.running else 0),
        }

    def step(self, max_pages=32):
        """Go on for about max_pages pages, or until a stop.

        Parameters
        ----------
        max_pages : int
            Pages looked at or moved.

        Returns
        -------
        bool
            Whether it is over.

        Notes
        -----
        Before an attempt (see `attempt`) it stays where it is until `answer` is called.
        """
        cdef int64_t budget = as_ranged(max_pages, "max_pages", 1, <int64_t> 1 << 40)
        cdef node_t *node = self.workable()
        walk_step(node.zone, node.n, &self.walk, budget)
        return bool(self.walk.done)

    def answer(self, outcome=None):
        """Let the attempt come to what is said: "moves", "eagain" or "ebusy"; None: what the page's flags say."""
        cdef int wanted = one_of(OUTCOMES_61, outcome, "outcome")
        cdef node_t *node = self.workable()
        if self.walk.done or self.walk.cc.state != COMPACT_ATTEMPT:
            raise MisuseError("answer: no page is about to be moved")
        walk_answer(node.zone, node.n, &self.walk, wanted)

    def run(self):
        """Run to the end; the result.  Attempts come to what the pages' flags say."""
        while not self.step(RUN_BUDGET):
            if self.walk.cc.state == COMPACT_ATTEMPT:
                self.answer()
            PyErr_CheckSignals()
        return self.result

    def interrupt(self, pfn):
        """An interrupt on top of the task frees a single page or block that nobody else holds: it may be captured."""
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef int64_t at = 0
        cdef Zone zone
        for at, zone in enumerate(self.zones):
            if zone.shape.start_pfn <= page < zone.shape.start_pfn + zone.shape.spanned_pages:
                break
        else:
            raise MisuseError(f"pfn={page}: in none of the zones")
        cdef node_t *node = self.workable()
        cdef zone_t *z = node.zone[at]
        cdef int status = drop_status_61(z, page)
        if status != ST_OK:
            refuse(z, status, "pfn", page, 0)
        walk_interrupt(node.zone, &self.walk, <int> at, <int32_t> (page - z.base_pfn))

    def close(self):
        """Give up: what was isolated or captured goes back.  A block that was obtained stays with the caller."""
        cdef node_t *node = self.ready()
        walk_abort(node.zone, &self.walk)
