# Several zones of Linux 6.1 or 6.12 as one node, at the boundary; and what a lone zone does as a node of one.


cdef int check_range(const shape_t *shape, int64_t first, int64_t last) except -1:
    """Refuse what are not PFNs [first, last) of a zone."""
    if not shape.start_pfn <= first < last <= shape.start_pfn + shape.spanned_pages:
        raise MisuseError(f"start={first}, end={last}: a range in {shape.start_pfn}.."
                          f"{shape.start_pfn + shape.spanned_pages} is wanted")
    return 0


ctypedef struct walk_t:             # the arguments of alloc_walk
    int order
    int migratetype
    int flags
    int classzone_idx
    int atomic


cdef int read_walk(walk_t *walk, const shape_t *shape, object order, object migratetype, object alloc_flags,
                   object classzone_idx, bint atomic) except -1:
    walk.order = <int> as_ranged(order, "order", 0, ORDER_MAX_61)
    walk.migratetype = as_request_or_movable(migratetype, shape)
    walk.flags = as_alloc_flags(alloc_flags, shape)
    walk.classzone_idx = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
    walk.atomic = atomic
    return 0


cdef int64_t walk_node(zone_t **zones, int n, const walk_t *walk) noexcept nogil:
    """The PFN, or NO_PAGE."""
    cdef int found = 0
    cdef int mt = request_type_61(zones[0], walk.migratetype)
    cdef int32_t i = node_walk(zones, n, walk.order, mt, walk.flags, walk.classzone_idx, walk.atomic, &found)
    return NO_PAGE if i == NO_PAGE else zones[found].base_pfn + i


cdef void node_free_list(node_t *node, const int64_t *pfns, const int64_t *places, int64_t n) noexcept nogil:
    """Free checked pages, each of the zone at its place, as a list."""
    cdef zone_t *z
    cdef int64_t first = 0
    cdef int64_t k, end
    while first < n:
        end = min(n, first + list_batch(node.zone[0]))
        for k in range(first, end):
            z = node.zone[places[k]]
            free_list_prepare(z, <int32_t> (pfns[k] - z.base_pfn))
        for k in range(first, end):
            z = node.zone[places[k]]
            if is_pcp_state_61(order_array(z)[pfns[k] - z.base_pfn]):
                free_list_commit(z, <int32_t> (pfns[k] - z.base_pfn))
        first = end


cdef int node_list_status(node_t *node, const int64_t *pfns, const int64_t *counts, int64_t *zone,
                          int64_t *k) noexcept nogil:
    """Whether pages, sorted by zone, are different single allocated ones; if not, the zone and which of its pages."""
    cdef int status
    for zone[0] in range(node.n):
        status = list_status(node.zone[zone[0]], pfns, counts[zone[0]], k)
        if status != ST_OK:
            return status
        pfns += counts[zone[0]]
    return ST_OK


cdef int check_node(tuple zones) except -1:
    """Refuse zones that cannot be one node."""
    cdef const shape_t *shape
    cdef const shape_t *before = NULL
    cdef Zone one
    if not 1 <= len(zones) <= ZONES_61:
        raise MisuseError(f"zones: {len(zones)} zones: 1..{ZONES_61} are wanted")
    for k, zone in enumerate(zones):
        one = zone
        one.needs_modern()
        shape = &one.shape
        if before != NULL:
            if shape.zone_idx <= before.zone_idx:
                raise MisuseError(f"zones[{k}]: zone_idx={shape.zone_idx} does not ascend")
            if shape.start_pfn & -(<int64_t> 1 << shape.pageblock_order) < before.start_pfn + before.spanned_pages:
                raise MisuseError(f"zones[{k}]: it starts in or before a pageblock of the zone before it")
            if shape.pageblock_order != before.pageblock_order:
                raise MisuseError(f"zones[{k}]: pageblock_order must be that of the others")
            if shape.kernel != before.kernel:
                raise MisuseError(f"zones[{k}]: kernel={release_of(shape.kernel)!r} is not that of the others")
            if shape.cpus != before.cpus or shape.cma != before.cma or shape.grouping != before.grouping:
                raise MisuseError(f"zones[{k}]: cpus, cma and group_by_mobility must be those of the others")
        before = shape
    return 0


@cython.no_gc_clear
cdef class Node(NodeHandle):
    """Node(zones, *, min_free_kbytes=None, watermark_scale_factor=10, lowmem_reserve_ratio=None, events=0)
--

    Zones of Linux 6.1 or 6.12 that belong together: marks follow from all of them, and a request may go to any.

    Parameters
    ----------
    zones : sequence of Zone
        Zones of one of these kernels with different indices, in ascending order of index and PFN.  No two share a
        pageblock.
    min_free_kbytes : int, optional, KiB
        Default: from the size of the node.
    watermark_scale_factor : int, 0..3000
    lowmem_reserve_ratio : sequence of 5 int, optional
        Default: as the zones were made.
    events : int, 0..2^28
        Room for so many records of events of all zones, in their order; see `take_events`.

    Raises
    ------
    MisuseError
        If the zones do not fit together, or an argument is out of range.

    Notes
    -----
    The zones stay usable by themselves.  Marks, reserves and sizes of per-CPU lists are computed anew.
    Threads may work on different zones at once; the records of events are then those of one thread at a time only if
    the program sees to it: with `events`, records of two threads may be lost or mixed.

    Examples
    --------
    >>> dma = Zone(0, 4096, kernel="6.1", zone_idx=0)
    >>> normal = Zone(4096, 8192, kernel="6.1", zone_idx=2)
    >>> node = Node([dma, normal])
    >>> pfn = node.alloc_walk(9, classzone_idx=2)
    >>> pfn, node.free_pages(pfn, 9)
    (4096, None)
    """

    cdef _Tape events_tape
    cdef object __weakref__

    def __cinit__(self, zones, *, min_free_kbytes=None, watermark_scale_factor=10, lowmem_reserve_ratio=None,
                  events=0):
        cdef int64_t kb = -1
        cdef int64_t scale, room
        cdef int32_t own[ZONES_61]
        cdef bint ratios = lowmem_reserve_ratio is not None
        cdef node_t *node
        cdef int j, k
        zones = tuple(zones)
        if min_free_kbytes is not None:
            kb = as_ranged(min_free_kbytes, "min_free_kbytes", 0, MIN_FREE_KBYTES_MAX)
        scale = as_ranged(watermark_scale_factor, "watermark_scale_factor", 0, SCALE_MAX_61)
        if ratios:
            own = ratios_61(lowmem_reserve_ratio, "lowmem_reserve_ratio")
        room = as_ranged(events, "events", 0, 1 << 28)
        check_node(zones)
        self.adopt(zones)
        if room:
            self.events_tape = _Tape(room)
            for zone in zones:
                (<Zone> zone).lend(self.events_tape)
        node = self.ready()
        if ratios:
            for j in range(node.n):
                for k in range(ZONES_61):
                    only_61(node.zone[j]).lowmem_ratio[k] = own[k]
        node_set_map_61(node.zone, node.n)
        node_set_marks(node.zone, node.n, kb, scale)
        node_set_reserves_61(node.zone, node.n)

    cdef const shape_t *shape(self) noexcept:
        """What the zones have in common, and the place of the first."""
        return &(<Zone> self.zones[0]).shape

    cdef Zone find(self, object pfn):
        """The zone of a page."""
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef Zone zone
        for zone in self.zones:
            if zone.shape.start_pfn <= page < zone.shape.start_pfn + zone.shape.spanned_pages:
                return zone
        raise MisuseError(f"pfn={page}: in none of the node's zones")

    def zone_of(self, pfn):
        """The `Zone` that a page lies in."""
        return self.find(pfn)

    # --- requests ---

    def alloc_walk(self, order, migratetype=None, alloc_flags=0, *, classzone_idx=2, bint atomic=False):
        """Allocate from the highest zone that the request may use and whose watermarks allow it.

        Parameters
        ----------
        order : int, 0..10
        migratetype : int, 0..2
            Default: MOVABLE.
        alloc_flags : int
            `AllocFlags` of 6.1: the low two bits choose the mark.
        classzone_idx : int, 0..4
            Index of the highest zone that may be used.
        atomic : bool
            GFP_ATOMIC: a single page may ignore the boost at the min mark.

        Returns
        -------
        int or None
            First PFN, or None if no zone can.

        Notes
        -----
        Linux: get_page_from_freelist (6.1), without reclaim.
        """
        cdef walk_t walk
        read_walk(&walk, self.shape(), order, migratetype, alloc_flags, classzone_idx, atomic)
        cdef node_t *node = self.ready()
        cdef int64_t pfn = walk_node(node.zone, node.n, &walk)
        return None if pfn == NO_PAGE else pfn

    def free_pages(self, pfn, order):
        """Drop a reference to a block: `Zone.free_pages`."""
        self.find(pfn).free_pages(pfn, order)

    def free_one_page(self, pfn, order):
        """Free a block straight to the free lists: `Zone.free_one_page`."""
        self.find(pfn).free_one_page(pfn, order)

    def free_list(self, pfns):
        """Free single pages of any zones as a list, in order: all or nothing.  See `Zone.free_list`."""
        cdef node_t *node
        cdef int64_t zone = 0
        cdef int64_t k = 0
        cdef int status
        array = np.array(int64_array(pfns, "pfns"))             # nobody else's
        places = np.array([self.zones.index(self.find(pfn)) for pfn in array.tolist()], dtype=np.int64)
        by_zone = array[np.argsort(places, kind="stable")]
        cdef Buffer pages = Buffer(array), place = Buffer(places), grouped = Buffer(by_zone)
        cdef Buffer counts = Buffer(np.bincount(places, minlength=len(self.zones)).astype(np.int64))
        cdef int64_t n = len(array)
        node = self.ready()
        status = node_list_status(node, <const int64_t *> grouped.view.buf, <const int64_t *> counts.view.buf, &zone,
                                  &k)
        if status == ST_OK:
            node_free_list(node, <const int64_t *> pages.view.buf, <const int64_t *> place.view.buf, n)
        else:
            k = np.flatnonzero(places == zone)[k]
            refuse_page(self.zones[zone], status, f"pfns[{k}]", array[k], 0)

    def get_page(self, pfn):
        """Take one more reference: `Zone.get_page`."""
        self.find(pfn).get_page(pfn)

    def split_page(self, pfn, order):
        """Turn an allocated block into single pages: `Zone.split_page`."""
        self.find(pfn).split_page(pfn, order)

    def join_pages(self, pfn, order):
        """Turn single allocated pages into one block: `Zone.join_pages`."""
        self.find(pfn).join_pages(pfn, order)

    def set_lru(self, pfn, n, bint lru=True):
        """Set or clear LRU marks: `Zone.set_lru`."""
        self.find(pfn).set_lru(pfn, n, lru)

    @property
    def cpu(self):
        """The current CPU."""
        return only_61(self.ready().zone[0]).cpu

    @cpu.setter
    def cpu(self, value):
        for zone in self.zones:
            zone.cpu = value

    def drain_pages(self, cpu=None):
        """Give back what a CPU holds of all zones, or what all do, zone by zone."""
        for zone in self.zones:
            zone.drain_pages(cpu)

    # --- marks ---

    def set_min_free_kbytes(self, kb, watermark_scale_factor=None):
        """Set new watermarks and sizes of per-CPU lists of all zones: `Zone.set_min_free_kbytes`."""
        cdef int64_t wanted = as_ranged(kb, "kb", 0, MIN_FREE_KBYTES_MAX)
        cdef int64_t scale = as_scale(watermark_scale_factor)
        cdef node_t *node = self.ready()
        node_set_marks(node.zone, node.n, wanted, only_61(node.zone[0]).scale if scale < 0 else scale)

    def set_pcp_high_fraction(self, fraction):
        """Set percpu_pagelist_high_fraction: `Zone.set_pcp_high_fraction`."""
        cdef int64_t parts = as_ranged(fraction, "fraction", 0, int32_max)
        cdef node_t *node = self.ready()
        node_set_pcp_fraction(node.zone, node.n, parts)

    def set_lowmem_ratio(self, zone_idx, ratio):
        """Set the lowmem_reserve_ratio of a zone: `Zone.set_lowmem_ratio`."""
        cdef int idx = <int> as_ranged(zone_idx, "zone_idx", 0, ZONES_61 - 1)
        cdef int32_t parts = <int32_t> as_ranged(ratio, "ratio", 0, int32_max)
        cdef node_t *node = self.ready()
        node_set_lowmem_ratio_61(node.zone, node.n, idx, parts)

    def set_boost_factor(self, factor):
        """Set watermark_boost_factor."""
        cdef int64_t parts = as_ranged(factor, "factor", 0, FACTOR_MAX_61)
        cdef node_t *node = self.ready()
        node_set_boost_factor_61(node.zone, node.n, parts)

    def unreserve_highatomic(self, migratetype=None, *, classzone_idx=2, bint force=False):
        """Give a pageblock kept for high-order atomic requests back: `Zone.unreserve_highatomic`."""
        cdef int mt = as_request_or_movable(migratetype, self.shape())
        cdef int class_idx = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
        cdef node_t *node = self.ready()
        mt = request_type_61(node.zone[0], mt)
        return bool(node_unreserve(node.zone, node.n, mt, class_idx, force))

    # --- capture, isolation ---

    def end_capture(self):
        """End the capture that is armed in one of the zones; the block, or None."""
        cdef Zone zone
        for zone in self.zones:
            if only_61(zone.modern()).capture_order >= 0:
                return zone.end_capture()
        raise MisuseError("end_capture: no capture is armed")

    def take_free_block(self, pfn):
        """Take a free block off the lists: `Zone.take_free_block`."""
        return self.find(pfn).take_free_block(pfn)

    def put_free_block(self, pfn, order, migratetype):
        """Put such a block back: `Zone.put_free_block`."""
        self.find(pfn).put_free_block(pfn, order, migratetype)

    def isolate_range(self, start, end, migratetype=None):
        """Put pageblocks of one zone out of bounds: `Zone.isolate_range`."""
        return self.find(start).isolate_range(start, end, migratetype)

    def undo_isolate_range(self, start, end, migratetype=None):
        """Give isolated pageblocks a type back: `Zone.undo_isolate_range`."""
        self.find(start).undo_isolate_range(start, end, migratetype)

    def is_isolated(self, start, end):
        """Whether a range is isolated and free: `Zone.is_isolated`."""
        return self.find(start).is_isolated(start, end)

    def init_cma(self, pfn):
        """A reserved pageblock becomes CMA: `Zone.init_cma`."""
        self.find(pfn).init_cma(pfn)

    # --- ranges ---

    def begin_contig(self, start, n, migratetype=None):
        """Begin to empty pages: `Zone.begin_contig`; they may move to other zones of the node."""
        return begin_range(self.zones, None, start, n, migratetype, CONTIG_KEEP)

    def alloc_contig(self, start, n, migratetype=None):
        """Allocate these pages: `Zone.alloc_contig`; those in the way may move to other zones of the node."""
        return self.begin_contig(start, n, migratetype).run()

    def begin_offline(self, start, n):
        """Begin to empty pageblocks that are to go away: `Zone.begin_offline`, with the marks of all zones."""
        return begin_range(self.zones, None, start, n, None, CONTIG_OFFLINE)

    def offline_range(self, start, n):
        """Take pageblocks away: `Zone.offline_range`, with the marks of all zones."""
        return self.begin_offline(start, n).run()

    def online_range(self, start, n):
        """Give them back: `Zone.online_range`, with the marks of all zones."""
        return_range(self.zones, start, n)

    def cma(self, pages, *, start=None):
        """Set pageblocks aside for allocations in one piece: `Machine.cma`."""
        return new_area(self.zones, None, pages, start)

    # --- compaction ---

    def compact(self, order, gfp=None, *, priority="async", alloc_flags=0, classzone_idx=2, stops=False):
        """Compact for a request, from the highest zone down, with capture: try_to_compact_pages of 6.1.

        Parameters
        ----------
        order : int, 1..10
        gfp : int, optional
            `GFP` of 6.1, which tell the type that is wanted; default GFP_KERNEL.
        priority : {"async", "sync-light", "full"}
        alloc_flags, classzone_idx : int
            Of the request.
        stops : bool
            Stop before each attempt to move a page.

        Returns
        -------
        Compaction

        Examples
        --------
        >>> node = Node([Zone(0, 4096, kernel="6.1")])
        >>> node.compact(9).run()
        'success'
        """
        cdef int o = <int> as_ranged(order, "order", 1, ORDER_MAX_61)
        cdef uint32_t bits = as_gfp_61(gfp, self.shape())
        cdef int how = one_of(PRIORITIES_61, priority, "priority")
        cdef int flags = as_alloc_flags(alloc_flags, self.shape())
        cdef int highest = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
        cdef Compaction run = Compaction.__new__(Compaction)
        cdef node_t *node = self.ready()
        walk_direct(node.zone[0], &run.walk, bits, o, flags, highest, how)
        run.walk.cc.stops = bool(stops)
        run.adopt(self.zones)
        return run

    def kcompactd(self, order, *, classzone_idx=2, stops=False):
        """A working round of the daemon: kcompactd_do_work of 6.1.  A `Compaction`."""
        cdef int o = <int> as_ranged(order, "order", 1, ORDER_MAX_61)
        cdef int highest = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
        cdef Compaction run = Compaction.__new__(Compaction)
        cdef node_t *node = self.ready()
        walk_daemon(node.zone[0], &run.walk, o, highest)
        run.walk.cc.stops = bool(stops)
        run.adopt(self.zones)
        return run

    def compact_memory(self, *, proactiveness=None, stops=False):
        """Compact all zones: by hand, or proactively down to the score of a proactiveness of 0..100.

        Notes
        -----
        Linux: compact_node (what a write to /proc/sys/vm/compact_memory does), proactive_compact_node (6.1).
        """
        cdef bint proactive = proactiveness is not None
        cdef int wanted = <int> as_ranged(proactiveness, "proactiveness", 0, 100) if proactive else 0
        cdef Compaction run = Compaction.__new__(Compaction)
        cdef node_t *node = self.ready()
        walk_all(node.zone[0], &run.walk, proactive, score_low_61(wanted))
        run.walk.cc.stops = bool(stops)
        run.adopt(self.zones)
        return run

    def kcompactd_suitable(self, order, *, classzone_idx=2):
        """Whether the daemon would be woken for an order.  Linux: kcompactd_node_suitable (6.1)."""
        cdef int o = <int> as_ranged(order, "order", 1, ORDER_MAX_61)
        cdef int highest = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
        cdef node_t *node = self.ready()
        return bool(kcompactd_suitable(node.zone, node.n, o, highest))

    def fragmentation_score(self):
        """The zones' scores, weighted by their pages.  Linux: fragmentation_score_node (6.1)."""
        cdef node_t *node = self.ready()
        return score_node_61(node.zone, node.n)

    def should_compact_proactively(self, proactiveness):
        """Whether proactive compaction would start.  Linux: should_proactive_compact_node (6.1)."""
        cdef int wanted = <int> as_ranged(proactiveness, "proactiveness", 0, 100)
        cdef node_t *node = self.ready()
        return bool(should_proactive_compact_61(node.zone, node.n, wanted))

    # --- state ---

    def take_events(self):
        """The events of all zones since they were last taken, in their order: see `Zone.take_events`."""
        self.ready()
        return [] if self.events_tape is None else self.events_tape.take()

    def canonical_dump(self):
        """The state of all zones as text, as `Zone.canonical_dump`."""
        return dump_61([(<Zone> zone).snapshot() for zone in self.zones])

    def check(self):
        """Check every zone: `Zone.check`."""
        for zone in self.zones:
            zone.check()

    def __repr__(self):
        return f"<Node of {len(self.zones)} zones, {sum(zone.nr_free_pages for zone in self.zones)} pages free>"
