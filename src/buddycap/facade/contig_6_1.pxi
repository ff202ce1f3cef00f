# Ranges of pages at the boundary: allocated in one piece, taken away, given back.


class RangeResult(namedtuple("RangeResult", ["emptied", "blocker", "moved"])):
    """What came of emptying a range of pages; it is true if that went well.

    Attributes
    ----------
    emptied : bool
    blocker : int or None
        The PFN that stands in the way; None if nothing does, or if the run was given up.
    moved : ndarray[int64], shape (n, 2)
        The PFNs of the pages and compound blocks that have moved, old and new, in the order in which they moved.
    """

    __slots__ = ()

    def __bool__(self):
        return self.emptied


cdef int find_range(tuple zones, object start, object n, bint whole, int64_t *first, int64_t *last) except -1:
    """The position of the zone that n pages from `start` lie in, and their PFNs [first, last)."""
    cdef const shape_t *shape
    cdef int64_t pages
    cdef int k
    first[0] = as_int64(start, "start")
    pages = as_ranged(n, "n", 1, <int64_t> 1 << 31)
    last[0] = first[0] + pages
    for k in range(len(zones)):
        shape = &(<ZoneHandle> zones[k]).shape
        if not shape.start_pfn <= first[0] < last[0] <= shape.start_pfn + shape.spanned_pages:
            continue
        if whole and (first[0] | pages) & ((<int64_t> 1 << shape.pageblock_order) - 1):
            raise MisuseError(f"start={first[0]}, n={pages}: whole pageblocks of {1 << shape.pageblock_order} pages "
                              "are wanted")
        return k
    raise MisuseError(f"start={first[0]}, n={pages}: a range within a zone is wanted")


cdef RangeRun begin_range(tuple zones, object machine, object start, object n, object migratetype,
                          int purpose):
    """A run over a range of one of the zones, which has not begun.  machine: who hears of moved pages, or None."""
    cdef RangeRun run = RangeRun.__new__(RangeRun)
    cdef int64_t first = 0
    cdef int64_t last = 0
    cdef int mt, k
    cdef Zone zone
    (<Zone> zones[0]).needs_modern()
    mt = as_type_or_movable(migratetype, &(<Zone> zones[0]).shape)
    k = find_range(zones, start, n, purpose != CONTIG_KEEP, &first, &last)
    zone = zones[k]
    run.moves = np.empty((last - first, 2), np.int64)
    run.lent = Buffer(run.moves, True)
    contig_init_61(&run.contig, k, <int32_t> (first - zone.shape.base_pfn), <int32_t> (last - zone.shape.base_pfn), mt,
                   purpose)
    run.contig.moves = <int64_t *> run.lent.view.buf
    run.contig.room = last - first
    run.machine = machine
    run.adopt(zones)
    return run


cdef int return_range(tuple zones, object start, object n) except -1:
    """Give pages of one of the zones back that were taken away."""
    cdef int64_t first = 0
    cdef int64_t last = 0
    cdef node_t node
    cdef zone_t *z
    cdef int32_t present
    cdef NodeHandle handle = NodeHandle.__new__(NodeHandle)
    cdef int k = 0
    (<Zone> zones[0]).needs_modern()
    k = find_range(zones, start, n, True, &first, &last)
    handle.adopt(zones)
    node = handle.ready()[0]
    z = node.zone[k]
    present = first_present_61(z, <int32_t> (first - z.base_pfn), <int32_t> (last - z.base_pfn))
    if present != NO_PAGE:
        raise MisuseError(f"start={first}, n={last - first}: page {z.base_pfn + present} is there")
    online_range(node.zone, node.n, k, <int32_t> (first - z.base_pfn), <int32_t> (last - z.base_pfn))
    (<Zone> zones[k]).shape.present_pages = z.present_pages
    return 0


@cython.no_gc_clear
@cython.final
cdef class RangeRun(NodeHandle):
    """A range of pages that is being emptied: `Zone.begin_contig` and `Zone.begin_offline` give one.

    A context manager: leaving it gives up what is not done.  Nothing is done before the first step.

    Notes
    -----
    Between two steps others may work on the zone: pages that are about to move are isolated, and their owners may let
    them go (`Machine.release`, `ZoneCompaction.release`).
    """

    cdef contig_t contig
    cdef object machine                 # a MachineBase, or None
    cdef object moves                   # pairs of PFNs, which the core fills in
    cdef Buffer lent
    cdef object __weakref__

    def __cinit__(self):
        self.contig.state = CONTIG_DONE

    def __init__(self):
        raise TypeError("a RangeRun comes from begin_contig or begin_offline")

    def __dealloc__(self):
        if self.zones and self.contig.state != CONTIG_DONE:
            try:
                contig_abort(self.ready().zone, &self.contig)
            except BaseException:       # a child process whose parent left a zone half done
                pass

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __repr__(self):
        return f"<RangeRun of pfn {self.start}..{self.start + self.pages - 1}, {self.contig.moved} moved>"

    @property
    def start(self):
        """First PFN."""
        return (<Zone> self.zones[self.contig.zone]).shape.base_pfn + self.contig.start

    @property
    def pages(self):
        """How many pages it is."""
        return self.contig.end - self.contig.start

    @property
    def done(self):
        """Whether it is over."""
        return self.contig.state == CONTIG_DONE

    @property
    def moved(self):
        """What has moved so far: see `RangeResult.moved`."""
        return self.moves[:self.contig.moved].copy()

    @property
    def result(self):
        """What it has come to, a `RangeResult`; None while it is not over."""
        if self.contig.state != CONTIG_DONE:
            return None
        base = (<Zone> self.zones[self.contig.zone]).shape.base_pfn
        blocker = None if self.contig.blocker == NO_PAGE else base + self.contig.blocker
        return RangeResult(bool(self.contig.emptied), blocker, self.moved)

    @property
    def stats(self):
        """What it has done so far, as a dict: pages and blocks looked at and moved, passes over the range."""
        return {"scanned": self.contig.scanned, "moved": self.contig.moved, "passes": self.contig.passes}

    def step(self, max_pages=32):
        """Go on for about max_pages pages looked at or moved, or to the end of a pass; whether it is over.

        Notes
        -----
        The first step isolates the pageblocks, all of them.
        """
        cdef int64_t budget = as_ranged(max_pages, "max_pages", 1, <int64_t> 1 << 40)
        cdef machine_t *m = NULL
        cdef node_t *node
        cdef int64_t present
        if self.machine is not None:
            (<MachineBase> self.machine).drain()
            m = (<MachineBase> self.machine).whereabouts()
        node = self.ready()
        contig_step(m, node.zone, node.n, &self.contig, budget)
        present = node.zone[self.contig.zone].present_pages
        (<Zone> self.zones[self.contig.zone]).shape.present_pages = present
        if self.machine is not None:
            (<MachineBase> self.machine).drain()
        return self.contig.state == CONTIG_DONE

    def run(self):
        """Run to the end; the result."""
        while not self.step(RUN_BUDGET):
            PyErr_CheckSignals()
        return self.result

    def close(self):
        """Give up: pages and pageblocks go back, and those that have moved stay where they are."""
        cdef node_t *node = self.ready()
        contig_abort(node.zone, &self.contig)


@cython.no_gc_clear
cdef class ContigZone(NewestZone):
    """What a `Zone` of Linux 6.1 or 6.12 can do with ranges of pages."""

    def begin_contig(self, start, n, migratetype=None):
        """Begin to empty pages that are to be allocated, step by step: `alloc_contig` runs it to its end.

        Returns
        -------
        RangeRun
        """
        return begin_range((self,), None, start, n, migratetype, CONTIG_KEEP)

    def alloc_contig(self, start, n, migratetype=None):
        """Allocate these pages, whatever is in them: what can move does.

        Parameters
        ----------
        start : int
            First PFN.
        n : int
            How many pages; any number.
        migratetype : int, optional
            What the pageblocks around the range are afterwards, whatever they were, also if it fails.  Default:
            MOVABLE; CMA for ranges of CMA pageblocks.

        Returns
        -------
        RangeResult
            True: they are single allocated pages, which `free_range` frees.  False: `blocker` says which page stands in
            the way.  Either way `moved` says where pages have gone.

        Raises
        ------
        MisuseError
            If the range does not lie in the zone.

        Notes
        -----
        O(pages).  Pages can move that are on the LRU and neither pinned, locked nor under writeback.  Everything in the
        pageblocks at both ends must be free or on the LRU, too.  Linux: alloc_contig_range (6.1).

        Examples
        --------
        >>> zone = Zone(0, 4096, kernel="6.1", owners=True)
        >>> pfn = zone.alloc_at(700)
        >>> zone.set_lru(pfn, 1)
        >>> result = zone.alloc_contig(600, 300)
        >>> bool(result), result.moved.tolist()
        (True, [[700, 0]])
        >>> zone.alloc_contig(800, 300).blocker
        600
        """
        return self.begin_contig(start, n, migratetype).run()

    def begin_offline(self, start, n):
        """Begin to empty pageblocks that are to go away, step by step: `offline_range` runs it to its end.

        Returns
        -------
        RangeRun
        """
        return begin_range((self,), None, start, n, None, CONTIG_OFFLINE)

    def offline_range(self, start, n):
        """Take these pages away, after all that is in them has moved.

        Parameters
        ----------
        start, n : int
            First PFN and number of pages: whole pageblocks.

        Returns
        -------
        RangeResult
            True: the pages are a hole of the zone, whose marks are computed anew.  False: as for `alloc_contig`.

        Notes
        -----
        O(pages).  The marks are those of the zone alone: see `Node` and `Machine` for several.  Linux: offline_pages
        (6.1), which does not give up before it is told to, and wants whole memory blocks of 128 MiB or more.

        Examples
        --------
        >>> zone = Zone(0, 4096, kernel="6.1")
        >>> bool(zone.offline_range(1024, 1024)), zone.present_pages, zone.nr_free_pages
        (True, 3072, 3072)
        >>> zone.online_range(1024, 1024)
        >>> zone.present_pages, zone.nr_free_pages
        (4096, 4096)
        """
        return self.begin_offline(start, n).run()

    def online_range(self, start, n):
        """Give whole pageblocks that are a hole to the allocator: what `offline_range` does, undone.

        Notes
        -----
        O(pages).  They are free, and MOVABLE.  Linux: online_pages (6.1).
        """
        return_range((self,), start, n)


@cython.no_gc_clear
cdef class ContigMachine(MachineHandle):
    """What a `Machine` of Linux 6.1 or 6.12 can do with ranges of pages; MIGRATED tells of each that moves."""

    def begin_contig(self, start, n, migratetype=None):
        """Begin to empty pages: `Zone.begin_contig`; they may move to other zones, and MIGRATED tells of each."""
        return begin_range(self.zones, self, start, n, migratetype, CONTIG_KEEP)

    def alloc_contig(self, start, n, migratetype=None):
        """Allocate these pages: `Zone.alloc_contig`; those in the way may move to other zones, and MIGRATED tells it.

        Examples
        --------
        >>> from buddycap.kernels import KERNELS
        >>> machine = Machine.preset("x86_64", memory="64MiB", kernel="6.1", events=True)
        >>> pfn = machine.alloc_pages(0, KERNELS["6.1"].GFP.HIGHUSER_MOVABLE)
        >>> machine.lru_cache_add(pfn)
        >>> result = machine.alloc_contig(pfn, 16)
        >>> moved = machine.events()
        >>> moved["page"].tolist() == result.moved[0].tolist(), moved["kind"].tolist()
        (True, [11, 12])
        """
        return self.begin_contig(start, n, migratetype).run()

    def begin_offline(self, start, n):
        """Begin to empty pageblocks that are to go away: `Zone.begin_offline`, with the marks of all zones."""
        return begin_range(self.zones, self, start, n, None, CONTIG_OFFLINE)

    def offline_range(self, start, n):
        """Take pageblocks away: `Zone.offline_range`, with the marks of all zones."""
        return self.begin_offline(start, n).run()

    def online_range(self, start, n):
        """Give them back: `Zone.online_range`, with the marks of all zones."""
        return_range(self.zones, start, n)

    def cma(self, pages, *, start=None):
        """Set pageblocks aside that serve movable pages until somebody wants a part of them in one piece.

        Parameters
        ----------
        pages : int
            Whole pageblocks.
        start : int, optional
            First PFN, aligned to a pageblock.  Default: the highest place up to zone Normal that can be emptied.

        Returns
        -------
        CmaArea or None
            None if the place cannot be emptied.

        Raises
        ------
        MisuseError
            If the zones were made without `cma=True`.

        Notes
        -----
        Linux: cma_declare_contiguous, cma_activate_area (6.1), which do this at boot.  There is no way back, as there.

        Examples
        --------
        >>> machine = Machine.preset("x86_64", memory="64MiB", kernel="6.1", cma=True)
        >>> area = machine.cma(4096)
        >>> area.start, machine.zones[1].nr_free_cma
        (12288, 4096)
        """
        return new_area(self.zones, self, pages, start)
