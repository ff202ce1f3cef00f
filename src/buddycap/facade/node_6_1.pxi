# Several zones of Linux 6.1 as one node, at the boundary; and what a lone zone does as a node of one.


cdef tuple pfn_range(zone_t *z, object start, object end):
    """PFNs [start, end) of pageblocks that begin and end in a zone's arrays."""
    cdef int64_t first = as_int64(start, "start")
    cdef int64_t last = as_int64(end, "end")
    if not z.start_pfn <= first < last <= z.start_pfn + z.spanned_pages:
        raise MisuseError(f"start={first}, end={last}: a range in {z.start_pfn}..{z.start_pfn + z.spanned_pages} is "
                          "wanted")
    return first, last


cdef int node_min_free(zone_t **zones, int n, zone_t *z, int64_t kb, object scale) except -1:
    """New marks; `scale` None keeps the factor."""
    cdef int64_t factor = only_61(z).scale
    if scale is not None:
        factor = as_ranged(scale, "watermark_scale_factor", 0, SCALE_MAX_61)
    node_set_marks_61(zones, n, kb, factor)
    return 0


cdef int node_pcp_fraction(zone_t **zones, int n, zone_t *z, object fraction) except -1:
    cdef int64_t parts = as_ranged(fraction, "fraction", 0, int32_max)
    cdef int k
    for k in range(n):
        only_61(zones[k]).pcp_fraction = parts
        set_pcp_sizes_61(zones[k])
    return 0


cdef int node_lowmem_ratio(zone_t **zones, int n, zone_t *z, object zone_idx, object ratio) except -1:
    cdef int idx = <int> as_ranged(zone_idx, "zone_idx", 0, ZONES_61 - 1)
    cdef int32_t parts = <int32_t> as_ranged(ratio, "ratio", 0, int32_max)
    cdef int k
    for k in range(n):
        only_61(zones[k]).lowmem_ratio[idx] = parts
    node_set_reserves_61(zones, n)
    return 0


cdef int node_boost_factor(zone_t **zones, int n, zone_t *z, object factor) except -1:
    cdef int64_t parts = as_ranged(factor, "factor", 0, FACTOR_MAX_61)
    cdef int k
    for k in range(n):
        only_61(zones[k]).boost_factor = parts
    return 0


cdef object node_unreserve(zone_t **zones, int n, zone_t *z, object migratetype, object classzone_idx, bint force):
    cdef int mt = as_request_or_movable(migratetype, z)
    cdef int class_idx = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
    return bool(node_unreserve_61(zones, n, request_type_61(z, mt), class_idx, force))


cdef object node_walk(zone_t **zones, int n, zone_t *z, object order, object migratetype, object alloc_flags,
                      object classzone_idx, bint atomic):
    cdef int o = <int> as_ranged(order, "order", 0, ORDER_MAX_61)
    cdef int mt = as_request_or_movable(migratetype, z)
    cdef int flags = as_alloc_flags(alloc_flags, z)
    cdef int class_idx = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
    cdef int found = 0
    cdef int32_t i = node_walk_61(zones, n, o, request_type_61(z, mt), flags, class_idx, atomic, &found)
    return None if i == NO_PAGE else zones[found].base_pfn + i


@cython.no_gc_clear
cdef class Node:
    """Zones of Linux 6.1 that belong together: their marks follow from all of them, and a request may go to any.

    Parameters
    ----------
    zones : sequence of Zone
        Zones of 6.1 with different indices, in ascending order of index and PFN.  No two share a pageblock.
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

    Examples
    --------
    >>> dma = Zone(0, 4096, kernel="6.1", zone_idx=0)
    >>> normal = Zone(4096, 8192, kernel="6.1", zone_idx=2)
    >>> node = Node([dma, normal])
    >>> pfn = node.alloc_walk(9, classzone_idx=2)
    >>> pfn, node.free_pages(pfn, 9)
    (4096, None)
    """

    cdef readonly tuple zones
    cdef zone_t *z[ZONES_61]
    cdef int n
    cdef _Tape events_tape
    cdef object __weakref__

    def __cinit__(self, zones, *, min_free_kbytes=None, watermark_scale_factor=10, lowmem_reserve_ratio=None,
                  events=0):
        cdef Zone zone
        cdef int k
        self.zones = tuple(zones)
        kb = -1 if min_free_kbytes is None else as_ranged(min_free_kbytes, "min_free_kbytes", 0, MIN_FREE_KBYTES_MAX)
        scale = as_ranged(watermark_scale_factor, "watermark_scale_factor", 0, SCALE_MAX_61)
        ratios = None if lowmem_reserve_ratio is None else read_ratios_61(lowmem_reserve_ratio)
        room = as_ranged(events, "events", 0, 1 << 28)
        if not 1 <= len(self.zones) <= ZONES_61:
            raise MisuseError(f"zones: {len(self.zones)} zones: 1..{ZONES_61} are wanted")
        for zone in self.zones:
            self.add(zone)
        if room:
            self.events_tape = _Tape(room)
            for zone in self.zones:
                zone.lend(self.events_tape)
        if ratios is not None:
            for zone in self.zones:
                for k in range(ZONES_61):
                    only_61(zone.z).lowmem_ratio[k] = ratios[k]
        node_set_map_61(self.z, self.n)
        node_set_marks_61(self.z, self.n, kb, scale)
        node_set_reserves_61(self.z, self.n)

    cdef int add(self, Zone zone) except -1:
        """One more zone, behind the others."""
        cdef zone_t *z = zone.modern()
        cdef zone_t *before
        if self.n:
            before = self.z[self.n - 1]
            if z.zone_idx <= before.zone_idx:
                raise MisuseError(f"zones[{self.n}]: zone_idx={z.zone_idx} does not ascend")
            if z.start_pfn & -BLOCK_PAGES_61 < before.start_pfn + before.spanned_pages:
                raise MisuseError(f"zones[{self.n}]: it starts in or before a pageblock of the zone before it")
            if z.cpus != before.cpus or only_61(z).cma != only_61(before).cma or z.grouping != before.grouping:
                raise MisuseError(f"zones[{self.n}]: cpus, cma and group_by_mobility must be those of the others")
        self.z[self.n] = z
        self.n += 1
        return 0

    cdef zone_t *ready(self) except NULL:
        """All zones, once nobody else is in a long call on one; the first of them."""
        cdef Zone zone
        for zone in self.zones:
            zone.ready()
        return self.z[0]

    cdef Zone find(self, object pfn):
        """The zone of a page."""
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef Zone zone
        for zone in self.zones:
            if zone.z.start_pfn <= page < zone.z.start_pfn + zone.z.spanned_pages:
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
        return node_walk(self.z, self.n, self.ready(), order, migratetype, alloc_flags, classzone_idx, atomic)

    def free_pages(self, pfn, order):
        """Drop a reference to a block: `Zone.free_pages`."""
        self.find(pfn).free_pages(pfn, order)

    def free_one_page(self, pfn, order):
        """Free a block straight to the free lists: `Zone.free_one_page`."""
        self.find(pfn).free_one_page(pfn, order)

    def free_list(self, pfns):
        """Free single pages of any zones as a list, in order: all or nothing.  See `Zone.free_list`."""
        cdef list pages = int64_array(pfns, "pfns").tolist()
        cdef list zones = [self.find(pfn) for pfn in pages]
        cdef Zone zone
        cdef Buffer buffer
        cdef int32_t i
        self.ready()
        for zone in self.zones:
            own = np.array([pfn for pfn, its in zip(pages, zones) if its is zone], dtype=np.int64)
            buffer = Buffer(own)
            check_list_61(zone.z, <const int64_t *> buffer.view.buf, len(own), "pfns")
        for pfn, zone in zip(pages, zones):
            free_list_prepare_61(zone.z, <int32_t> (<int64_t> pfn - zone.z.base_pfn))
        for pfn, zone in zip(pages, zones):
            i = <int32_t> (<int64_t> pfn - zone.z.base_pfn)
            if is_pcp_state_61(order_array(zone.z)[i]):
                free_list_commit_61(zone.z, i)

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
        return only_61(self.ready()).cpu

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
        node_min_free(self.z, self.n, self.ready(), as_ranged(kb, "kb", 0, MIN_FREE_KBYTES_MAX),
                      watermark_scale_factor)

    def set_pcp_high_fraction(self, fraction):
        """Set percpu_pagelist_high_fraction: `Zone.set_pcp_high_fraction`."""
        node_pcp_fraction(self.z, self.n, self.ready(), fraction)

    def set_lowmem_ratio(self, zone_idx, ratio):
        """Set the lowmem_reserve_ratio of a zone: `Zone.set_lowmem_ratio`."""
        node_lowmem_ratio(self.z, self.n, self.ready(), zone_idx, ratio)

    def set_boost_factor(self, factor):
        """Set watermark_boost_factor."""
        node_boost_factor(self.z, self.n, self.ready(), factor)

    def unreserve_highatomic(self, migratetype=None, *, classzone_idx=2, bint force=False):
        """Give a pageblock kept for high-order atomic requests back: `Zone.unreserve_highatomic`."""
        return node_unreserve(self.z, self.n, self.ready(), migratetype, classzone_idx, force)

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

    # --- state ---

    def take_events(self):
        """The events of all zones since they were last taken, in their order: see `Zone.take_events`."""
        self.ready()
        return [] if self.events_tape is None else self.events_tape.take()

    def canonical_dump(self):
        """The state of all zones as text, as `Zone.canonical_dump`."""
        self.ready()
        return dump_61(self.zones)

    def check(self):
        """Check every zone: `Zone.check`."""
        for zone in self.zones:
            zone.check()

    def __repr__(self):
        return f"<Node of {len(self.zones)} zones, {sum(zone.nr_free_pages for zone in self.zones)} pages free>"
