# What only zones of Linux 6.1 can do: per-CPU lists of several orders, references, a boost of the marks, isolation,
# events.

cdef object int32_max = (1 << 31) - 1
cdef tuple EVENT_NAMES = ("zl", "xf", "dr", "fr", "fb")


cdef str release_of(int kernel):
    """The name that `kernel=` takes."""
    return {KERNEL_2_6_27: "2.6.27", KERNEL_6_1: "6.1"}[kernel]


cdef int kernel_number(object release) except -1:
    """The number of a kernel that is named."""
    for kernel in (KERNEL_2_6_27, KERNEL_6_1):
        if release == release_of(kernel):
            return kernel
    raise MisuseError(f"kernel={release!r}: allowed are '2.6.27' and '6.1'")


cdef int other_kernels_enum(object value, int kernel, str name) except -1:
    """Refuse a member of another kernel's enumeration: the numbers differ."""
    cdef object release = getattr(type(value), "kernel", None)
    if isinstance(release, str) and release != release_of(kernel):
        raise MisuseError(f"{name}={value!r}: a name of Linux {release}, but the zone is one of {release_of(kernel)}")
    return 0


cdef int as_type_slowly(object value, zone_t *z, int most) except -1:
    """A migratetype up to `most`, in the numbers of the zone's kernel."""
    other_kernels_enum(value, z.kernel, "migratetype")
    return <int> as_ranged(value, "migratetype", 0, most)


cdef inline int as_request_type(object value, zone_t *z) except -1:
    """A type that can be asked for: 0..2 in every kernel."""
    cdef int64_t mt = 0
    if buddycap_short_int(value, &mt) and 0 <= mt <= 2:
        return <int> mt
    return as_type_slowly(value, z, 2)


cdef inline int as_request_or_movable(object value, zone_t *z) except -1:
    """The same; None is MOVABLE, whatever its number."""
    if value is None:
        return MT61_MOVABLE if is_61(z) else MT_MOVABLE
    return as_request_type(value, z)


cdef int as_type_or_movable(object value, zone_t *z) except -1:
    """Any type of a zone of 6.1; None is MOVABLE."""
    return MT61_MOVABLE if value is None else as_type_slowly(value, z, iso_61(z))


cdef inline int as_alloc_flags(object value, zone_t *z) except -1:
    """Allocation flags of a request straight to the free lists; 2.6.27 has none there."""
    cdef int64_t flags = 0
    if buddycap_short_int(value, &flags) and flags == 0:
        return 0
    other_kernels_enum(value, z.kernel, "alloc_flags")
    flags = as_int64(value, "alloc_flags")
    if flags & ~<int64_t> (ALLOC61_KNOWN if is_61(z) else 0):
        raise MisuseError(f"alloc_flags={flags:#x}: unknown to a zone of Linux {release_of(z.kernel)}")
    return <int> flags


cdef inline int32_t as_used(zone_t *z, object pfn, int order) except -1:
    """Index of an allocated block of 6.1."""
    cdef int64_t block = as_int64(pfn, "pfn")
    cdef int status = used_block_status_61(z, block, order)
    if status != ST_OK:
        refuse(z, status, "pfn", block, order)
    return <int32_t> (block - z.base_pfn)


cdef int check_list_61(zone_t *z, const int64_t *pfns, int64_t n, str name) except -1:
    """Refuse pages that are not n different single allocated ones."""
    cdef int64_t k = 0
    cdef int status = used_list_status_61(z, pfns, n, NULL, 0, &k)
    if status != ST_OK:
        refuse(z, status, f"{name}[{k}]", pfns[k], 0)
    return 0


@cython.no_gc_clear
cdef class _Tape:
    """Room for records of events, which the zones of a node share."""

    cdef Memory memory
    cdef tape_6_1_t *tape

    def __cinit__(self, int64_t room):
        self.memory = Memory(sizeof(tape_6_1_t) + room * sizeof(event_6_1_t))
        self.tape = <tape_6_1_t *> self.memory.data
        self.tape.record = <event_6_1_t *> (self.tape + 1)
        self.tape.room = room

    cdef list take(self):
        """The records as tuples, oldest first; then there is room again."""
        cdef event_6_1_t *r
        cdef int64_t k
        cdef list events = []
        if self.tape.count > self.tape.room:
            lost = self.tape.count - self.tape.room
            self.tape.count = 0
            raise MisuseError(f"events={self.tape.room}: {lost} records were lost; take them more often, or make room")
        for k in range(self.tape.count):
            r = self.tape.record + k
            name = EVENT_NAMES[r.kind]
            if r.kind == EV61_ZONE_LOCKED:
                events.append((name, r.pfn, r.order, r.migratetype, r.extra))
            elif r.kind == EV61_FALLBACK:
                events.append((name, r.pfn, r.order, r.from_order, r.migratetype, r.from_type, r.extra))
            elif r.kind == EV61_DRAIN:
                events.append((name, r.pfn, r.order, r.migratetype))
            elif r.kind == EV61_FREE:
                events.append((name, r.pfn, r.order))
            else:
                events.append((name, r.pfn))
        self.tape.count = 0
        return events


@cython.no_gc_clear
cdef class ModernZone(ZoneHandle):
    """What a `Zone` of Linux 6.1 can do besides; a zone of 2.6.27 refuses it.  Made as `Zone(..., kernel="6.1")`."""

    cdef _Tape events_tape

    cdef zone_t *modern(self) except NULL:
        """The zone, if it is one of 6.1."""
        cdef zone_t *z = self.ready()
        if not is_61(z):
            raise MisuseError("a zone of Linux 2.6.27 has no such thing: make it with kernel='6.1'")
        return z

    cdef zone_t *classic(self) except NULL:
        """The zone, if it is one of 2.6.27."""
        cdef zone_t *z = self.ready()
        if is_61(z):
            raise MisuseError("a zone of Linux 6.1 has no such thing: it is one of kernel='2.6.27'")
        return z

    @property
    def kernel(self):
        """The version of Linux that the zone follows: "2.6.27" or "6.1"."""
        return release_of(self.z.kernel)

    cdef int reserve(self, const zone_config_t *config) except -1:
        """Memory for a zone."""
        cdef uint64_t size = zone_bytes(config)
        if size == 0:
            raise MisuseError(f"spanned_pages={config.spanned_pages}: too many pages for 31-bit indices")
        self.memory = Memory(size)
        self.memory.taken = True
        self.z = <zone_t *> self.memory.data
        return 0

    cdef int build_61(self, const zone_config_t *config, const zone_config_6_1_t *own, tuple ranges, bint populate,
                      int64_t scale, int64_t room) except -1:
        """A zone of 6.1 from present ranges, free ranges and linked pages."""
        cdef int64_t base
        present, free, linked = ranges
        self.reserve(config)
        zone_init_61(self.z, config, own)
        base = self.z.base_pfn
        buddycap_populate(self.memory.data, used_bytes(self.z))
        for pfn in linked:
            zone_link_61(self.z, pfn - base)
        for first, stop in present:
            zone_add_present_61(self.z, first - base, stop - base)
        for first, stop in free:
            zone_add_free_61(self.z, first - base, stop - base, populate)
        zone_booted_61(self.z)
        node_set_marks_61(&self.z, 1, config.min_free_kbytes, scale)
        node_set_reserves_61(&self.z, 1)
        if room:
            self.lend(_Tape(room))
        return 0

    cdef object reserve_view(self):
        """`Zone.lowmem_reserve` of 6.1."""
        return memory_view(self.memory, "<i8", ZONES_61,
                           <uint8_t *> only_61(self.z).lowmem_reserve - <uint8_t *> self.z)

    # --- allocation and free ---

    cdef int32_t rmqueue_flagged(self, zone_t *z, int order, int mt, int flags) noexcept:
        """`Zone.rmqueue` with allocation flags."""
        return rmqueue_buddy_61(z, order, request_type_61(z, mt), flags)

    def rmqueue_zone(self, order, migratetype=None, alloc_flags=0, *, bint compound=False):
        """Allocate through the lists of the current CPU, or from the free lists.

        Parameters
        ----------
        order : int, 0..10
        migratetype : int, 0..2
            Default: MOVABLE.
        alloc_flags : int
            `AllocFlags` of 6.1; no watermark is asked.
        compound : bool
            The block becomes compound, unless it is a single page: its pages share references and marks.

        Returns
        -------
        int or None
            First PFN of the block, which has one reference; None if there is none.

        Notes
        -----
        O(order), a refill more often.  Orders 0..3 and 9 go through the lists.  Linux: rmqueue (6.1).

        Examples
        --------
        >>> zone = Zone(0, 4096, kernel="6.1")
        >>> zone.rmqueue_zone(0), zone.pcp(0)["count"]
        (0, 0)
        """
        cdef int o = <int> as_ranged(order, "order", 0, self.z.max_page_order)
        cdef zone_t *z = self.modern()
        cdef int mt = as_request_or_movable(migratetype, z)
        cdef int flags = as_alloc_flags(alloc_flags, z)
        cdef int32_t i
        z = self.modern()
        i = rmqueue_zone_61(z, o, request_type_61(z, mt), flags)
        if i == NO_PAGE:
            return None
        if compound and o > 0:
            make_compound_61(z, i, o)
        return z.base_pfn + i

    def alloc_bulk(self, n, migratetype=None, alloc_flags=0):
        """Allocate single pages from the current CPU's list alone, at once.

        Returns
        -------
        list of int
            At most n PFNs.

        Notes
        -----
        Linux: alloc_pages_bulk (6.1), as for the stacks of threads.
        """
        cdef int64_t count = as_ranged(n, "n", 0, <int64_t> 1 << 31)
        cdef zone_t *z = self.modern()
        cdef int mt = as_request_or_movable(migratetype, z)
        cdef int flags = as_alloc_flags(alloc_flags, z)
        out = np.empty(count, np.int64)
        cdef Buffer buffer = Buffer(out, True)
        z = self.modern()
        return out[:alloc_bulk_61(z, <int64_t *> buffer.view.buf, count, request_type_61(z, mt), flags)].tolist()

    def free_pages(self, pfn, order):
        """Drop a reference to a block; with the last one it is freed through the lists of the current CPU.

        Raises
        ------
        MisuseError
            On a double free, a wrong order, a PFN inside a block, in a hole or outside the zone.

        Notes
        -----
        If others keep references and the block is not compound, all but its first page are freed.  Linux: __free_pages
        (6.1).
        """
        cdef int o = <int> as_ranged(order, "order", 0, self.z.max_page_order)
        cdef zone_t *z = self.modern()
        cdef int32_t i = as_used(z, pfn, o)
        put_page_61(self.modern(), i, o)

    def free_list(self, pfns):
        """Free single pages as a list, as reclaim and the ends of processes do: all or nothing.

        Notes
        -----
        O(n).  Linux: free_unref_page_list (6.1).
        """
        cdef Buffer buffer = Buffer(int64_array(pfns, "pfns"))
        cdef const int64_t *p = <const int64_t *> buffer.view.buf
        cdef int64_t n = buffer.view.len // 8
        cdef int64_t k
        cdef zone_t *z = self.modern()
        check_list_61(z, p, n, "pfns")
        for k in range(n):
            free_list_prepare_61(z, <int32_t> (p[k] - z.base_pfn))
        for k in range(n):
            if is_pcp_state_61(order_array(z)[p[k] - z.base_pfn]):
                free_list_commit_61(z, <int32_t> (p[k] - z.base_pfn))

    def get_page(self, pfn):
        """Take one more reference to an allocated block.  Linux: get_page."""
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef zone_t *z = self.modern()
        cdef int status = page_status_61(z, page)
        cdef int32_t i = <int32_t> (page - z.base_pfn)
        if status == ST_OK and refs_array_61(z)[i] == REFS_MAX_61:
            status = ST_TOO_MANY_REFS
        if status != ST_OK:
            refuse(z, status, "pfn", page, 0)
        refs_array_61(z)[i] += 1
        order_array(z)[i] = PG_MARKED | (order_array(z)[i] & 0x0F)

    def references(self, pfn):
        """References to an allocated block.  Linux: page_count."""
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef zone_t *z = self.modern()
        cdef int status = page_status_61(z, page)
        if status != ST_OK:
            refuse(z, status, "pfn", page, 0)
        return 1 + refs_array_61(z)[page - z.base_pfn]

    def join_pages(self, pfn, order):
        """Turn single allocated pages into one allocated block, for blocks whose allocation nobody saw.

        Notes
        -----
        O(2^order).  The inverse of `split_page`.
        """
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef int o = <int> as_ranged(order, "order", 0, self.z.max_page_order)
        cdef zone_t *z = self.modern()
        cdef int status = join_status_61(z, block, o)
        if status != ST_OK:
            refuse(z, status, "pfn", block, o)
        join_pages_61(z, <int32_t> (block - z.base_pfn), o)

    def set_lru(self, pfn, n, bint lru=True):
        """Set or clear the LRU mark of n allocated pages: such pages can be moved.

        Notes
        -----
        O(n).  Of a compound block the mark of the first page counts for all.
        """
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef int64_t pages = as_ranged(n, "n", 1, int32_max)
        cdef zone_t *z = self.modern()
        cdef int status = used_pages_status_61(z, page, pages)
        if status != ST_OK:
            raise MisuseError(f"pfn={page}, n={pages}: {status_message(status)}")
        set_lru_61(z, <int32_t> (page - z.base_pfn), <int32_t> pages, lru)

    # --- per-CPU lists ---

    @property
    def cpu(self):
        """The current CPU, whose lists allocations and frees use."""
        return only_61(self.modern()).cpu

    @cpu.setter
    def cpu(self, value):
        cdef int on = <int> as_ranged(value, "cpu", 0, self.z.cpus - 1)
        only_61(self.modern()).cpu = on

    def pcp(self, cpu=0):
        """The lists of a CPU in numbers: a dict of count, high, batch (pages), free_factor and locked."""
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.z.cpus - 1)
        cdef pcp_6_1_t *pcp = zone_pcp_61(self.modern(), on)
        return {"count": pcp.count, "high": pcp.high, "batch": pcp.batch, "free_factor": pcp.free_factor,
                "locked": bool(pcp.locked)}

    def pcp_blocks(self, cpu, index):
        """One list of a CPU, head first.

        Parameters
        ----------
        cpu : int
        index : int, 0..13
            3 * order + type for orders 0..3; 12 and 13 for order 9, 13 for MOVABLE.

        Returns
        -------
        structured ndarray (pfn i8, order u1, tag u1)
        """
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.z.cpus - 1)
        cdef int k = <int> as_ranged(index, "index", 0, PCP_LISTS_61 - 1)
        cdef zone_t *z = self.modern()
        cdef link_t *link = link_array(z)
        cdef int32_t head = pcp_list_61(on, k)
        cdef int32_t i = link[head].next
        cdef list rows = []
        while i != head:
            rows.append((z.base_pfn + i, state_order_61(order_array(z)[i]), order_array(z)[i] & 0x0F))
            i = link[i].next
        return np.array(rows, dtype=[("pfn", "<i8"), ("order", "u1"), ("tag", "u1")])

    def lock_pcp(self, cpu, bint locked=True):
        """Lock a CPU's lists, as when an interrupt comes inside a section that holds them: they are passed by."""
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.z.cpus - 1)
        zone_pcp_61(self.modern(), on).locked = locked

    def disable_pcp(self, bint disabled=True):
        """Switch the per-CPU lists off and empty them, or on again.  Linux: zone_pcp_disable, zone_pcp_enable."""
        cdef zone_t *z = self.modern()
        cdef int on
        for on in range(z.cpus):
            zone_pcp_61(z, on).high = 0 if disabled else only_61(z).pcp_high
            zone_pcp_61(z, on).batch = 1 if disabled else only_61(z).pcp_batch
        if disabled:
            drain_all_61(z)

    def drain_batch(self, cpu=0):
        """Give one batch of a CPU's pages back.  Linux: drain_zone_pages."""
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.z.cpus - 1)
        cdef zone_t *z = self.modern()
        drain_pcp_61(z, on, zone_pcp_61(z, on).batch, 0)

    # --- marks ---

    def watermark_fast(self, order, *, classzone_idx=0, alloc_flags=0, bint atomic=False):
        """The watermark test of the fast path, at the mark that the flags name, boost included.

        Notes
        -----
        O(max_page_order).  Linux: zone_watermark_fast (6.1).
        """
        cdef int o = <int> as_ranged(order, "order", 0, self.z.max_page_order)
        cdef int class_idx = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
        cdef int flags = as_alloc_flags(alloc_flags, self.modern())
        return bool(watermark_fast_61(self.modern(), o, class_idx, flags, atomic))

    def balance_boost(self, pages):
        """Take pages off the boost, as kswapd does when it has balanced the zone."""
        cdef int64_t n = as_ranged(pages, "pages", 0, <int64_t> 1 << 60)
        cdef zone_6_1_t *e = only_61(self.modern())
        e.boost -= min(e.boost, n)

    def set_marks(self, wmark, *, lowmem_reserve=None, boost=None):
        """Set the watermarks themselves, as a recorded machine had them.

        Parameters
        ----------
        wmark : sequence of 4 int, pages
            min, low, high, promo, ascending.
        lowmem_reserve : sequence of 5 int, optional, pages
        boost : int, optional, pages

        Notes
        -----
        Sizes of per-CPU lists stay as they are: see `set_pcp`.
        """
        marks = [as_ranged(mark, "wmark", 0, <int64_t> 1 << 50) for mark in wmark]
        if len(marks) != 4 or sorted(marks) != marks:
            raise MisuseError(f"wmark={marks}: four ascending numbers are wanted")
        reserve = None if lowmem_reserve is None else [
            as_ranged(pages, "lowmem_reserve", 0, <int64_t> 1 << 50) for pages in lowmem_reserve]
        if reserve is not None and len(reserve) != ZONES_61:
            raise MisuseError(f"lowmem_reserve: {len(reserve)} values: one for each of {ZONES_61} zones is wanted")
        extra = None if boost is None else as_ranged(boost, "boost", 0, <int64_t> 1 << 50)
        cdef zone_t *z = self.modern()
        cdef int k
        z.pages_min, z.pages_low, z.pages_high, only_61(z).pages_promo = marks
        if extra is not None:
            only_61(z).boost = extra
        if reserve is not None:
            for k in range(ZONES_61):
                only_61(z).lowmem_reserve[k] = reserve[k]

    @property
    def wmark(self):
        """The watermarks min, low, high and promo without the boost, in pages: a tuple."""
        cdef zone_t *z = self.modern()
        return z.pages_min, z.pages_low, z.pages_high, only_61(z).pages_promo

    @property
    def boost(self):
        """Pages by which the watermarks are raised after fallbacks."""
        return only_61(self.modern()).boost

    @property
    def boosted(self):
        """Whether the next allocation wakes kswapd because of the boost."""
        return bool(only_61(self.modern()).boosted)

    @property
    def reclaim_active(self):
        """Whether kswapd is at work: then a CPU may hold no more than four batches."""
        return bool(only_61(self.modern()).reclaim)

    @reclaim_active.setter
    def reclaim_active(self, bint value):
        only_61(self.modern()).reclaim = value

    @property
    def managed_pages(self):
        """Pages that the allocator was given."""
        return only_61(self.modern()).managed

    @managed_pages.setter
    def managed_pages(self, value):
        cdef int64_t pages = as_ranged(value, "managed_pages", 0, self.z.present_pages)
        only_61(self.modern()).managed = pages

    @property
    def reserved_highatomic(self):
        """Pages of pageblocks that are kept for high-order atomic requests."""
        return only_61(self.modern()).reserved_highatomic

    @reserved_highatomic.setter
    def reserved_highatomic(self, value):
        cdef int64_t pages = as_ranged(value, "reserved_highatomic", 0, <int64_t> 1 << 50)
        only_61(self.modern()).reserved_highatomic = pages

    @property
    def isolated_pageblocks(self):
        """How many pageblocks are isolated."""
        return only_61(self.modern()).nr_isolated

    @property
    def nr_free_cma(self):
        """Free pages of CMA pageblocks; 0 in a kernel without CMA."""
        return only_61(self.modern()).nr_free_cma

    @property
    def wakeups(self):
        """How often a boosted allocation has woken kswapd."""
        return only_61(self.modern()).wakeups

    def fragmentation(self):
        """The three measures of fragmentation for every order.

        Returns
        -------
        list of (int, int, int)
            Fragmentation index (x 1000; -1000: a block is there), external fragmentation (%), unusable free space
            (x 1000).

        Notes
        -----
        Linux: mm/vmstat.c (6.1).
        """
        cdef zone_t *z = self.modern()
        cdef int64_t out[3]
        rows = []
        for order in range(ORDER_MAX_61 + 1):
            fragmentation_61(z, order, out)
            rows.append((out[0], out[1], out[2]))
        return rows

    # --- what concerns a whole node: of this zone alone, see `Node` for several ---

    def set_pcp_high_fraction(self, fraction):
        """Let each CPU hold its share of one part in `fraction` of the zone; 0: of the low mark.

        Notes
        -----
        Linux: percpu_pagelist_high_fraction.
        """
        node_pcp_fraction(&self.z, 1, self.modern(), fraction)

    def set_lowmem_ratio(self, zone_idx, ratio):
        """Set the lowmem_reserve_ratio of a zone; the reserves follow."""
        node_lowmem_ratio(&self.z, 1, self.modern(), zone_idx, ratio)

    def set_boost_factor(self, factor):
        """Set watermark_boost_factor."""
        node_boost_factor(&self.z, 1, self.modern(), factor)

    def unreserve_highatomic(self, migratetype=None, *, classzone_idx=2, bint force=False):
        """Give a pageblock kept for high-order atomic requests back to a type; whether one was found.

        Parameters
        ----------
        migratetype : int, 0..2
        classzone_idx : int
        force : bool
            The last such pageblock, too.

        Notes
        -----
        Linux: unreserve_highatomic_pageblock (6.1).
        """
        return node_unreserve(&self.z, 1, self.modern(), migratetype, classzone_idx, force)

    def alloc_walk(self, order, migratetype=None, alloc_flags=0, *, classzone_idx=2, bint atomic=False):
        """Allocate if the watermarks allow it: `Node.alloc_walk` of one zone."""
        return node_walk(&self.z, 1, self.modern(), order, migratetype, alloc_flags, classzone_idx, atomic)

    def isolate_range(self, start, end, migratetype=None):
        """Put the pageblocks of PFNs [start, end) out of bounds; whether all could be, else none is.

        Notes
        -----
        O(pages).  Linux: start_isolate_page_range (6.1).
        """
        cdef zone_t *z = self.modern()
        cdef int mt = as_type_or_movable(migratetype, z)
        cdef int64_t first, last
        first, last = pfn_range(z, start, end)
        return bool(isolate_range_61(z, <int32_t> (first - z.base_pfn), <int32_t> (last - z.base_pfn), mt))

    def undo_isolate_range(self, start, end, migratetype=None):
        """Give the isolated pageblocks of PFNs [start, end) a type back.  Linux: undo_isolate_page_range (6.1)."""
        cdef zone_t *z = self.modern()
        cdef int mt = as_type_or_movable(migratetype, z)
        cdef int64_t first, last
        first, last = pfn_range(z, start, end)
        undo_isolate_range_61(z, <int32_t> (first - z.base_pfn), <int32_t> (last - z.base_pfn), mt)

    def is_isolated(self, start, end):
        """Whether the pageblocks of PFNs [start, end) are isolated and all these pages are free.

        Notes
        -----
        Linux: test_pages_isolated (6.1).
        """
        cdef int64_t first = as_int64(start, "start")
        cdef int64_t last = as_int64(end, "end")
        cdef zone_t *z = self.modern()
        if not z.start_pfn <= first < last <= z.base_pfn + z.nr_index:
            return False
        return bool(is_isolated_61(z, <int32_t> (first - z.base_pfn), <int32_t> (last - z.base_pfn)))

    # --- capture, isolation ---

    def arm_capture(self, order, migratetype=None):
        """Wait for a free block of an order: the next free that completes one hands it over.

        Notes
        -----
        Linux: compaction_capture (6.1).  The type of the block decides, not that of the request: no CMA, and below the
        order of a pageblock no MOVABLE one.
        """
        cdef int o = <int> as_ranged(order, "order", 0, self.z.max_page_order)
        cdef zone_t *z = self.modern()
        as_request_or_movable(migratetype, z)
        if only_61(z).capture_order >= 0:
            raise MisuseError("arm_capture: a capture is armed already: end it first")
        only_61(z).capture_order = o

    def end_capture(self):
        """End the capture; the block that was captured, now allocated, or None."""
        cdef zone_t *z = self.modern()
        cdef zone_6_1_t *e = only_61(z)
        cdef int32_t i = e.capture_page
        if e.capture_order < 0:
            raise MisuseError("end_capture: no capture is armed")
        if i != NO_PAGE:
            order_array(z)[i] = PG_USED | e.capture_order
        e.capture_order = e.capture_page = NO_PAGE
        return None if i == NO_PAGE else z.base_pfn + i

    def take_free_block(self, pfn):
        """Take the free block that starts at a page off the lists; its pages, or 0 if the watermark forbids it.

        Notes
        -----
        Linux: __isolate_free_page (6.1).
        """
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef zone_t *z = self.modern()
        cdef int status = free_head_status_61(z, block)
        if status != ST_OK:
            refuse(z, status, "pfn", block, 0)
        return take_free_block_61(z, <int32_t> (block - z.base_pfn))

    def put_free_block(self, pfn, order, migratetype):
        """Put such a block back on the lists of a type.  Linux: __putback_isolated_page (6.1)."""
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef int o = <int> as_ranged(order, "order", 0, self.z.max_page_order)
        cdef zone_t *z = self.modern()
        cdef int mt = as_type_slowly(migratetype, z, iso_61(z))
        cdef int status = taken_status_61(z, block, o)
        if status != ST_OK:
            refuse(z, status, "pfn", block, o)
        put_free_block_61(z, <int32_t> (block - z.base_pfn), o, mt)

    def init_cma(self, pfn):
        """A whole reserved pageblock becomes CMA and is freed.  Linux: init_cma_reserved_pageblock (6.1)."""
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef zone_t *z = self.modern()
        cdef int status = reserved_status_61(z, block)
        if not only_61(z).cma:
            raise MisuseError("init_cma: the zone was made without cma=True")
        if status != ST_OK:
            refuse(z, status, "pfn", block, BLOCK_ORDER_61)
        init_cma_61(z, <int32_t> (block - z.base_pfn))

    # --- a recorded state ---

    def set_free_blocks(self, blocks):
        """Allocated single pages become free blocks, each at the tail of its list: for a recorded state.

        Parameters
        ----------
        blocks : sequence of (pfn, order, migratetype)
            Each list head first.

        Notes
        -----
        O(pages).  Nothing merges.  All, or those before the first that cannot be set.
        """
        cdef zone_t *z
        cdef int32_t i
        cdef int o, mt, status
        for pfn, order, migratetype in blocks:
            block = as_int64(int(pfn), "pfn")
            o = <int> as_ranged(int(order), "order", 0, self.z.max_page_order)
            z = self.modern()
            mt = as_type_slowly(int(migratetype), z, iso_61(z))
            status = join_status_61(z, block, o)
            if status != ST_OK:
                refuse(z, status, "pfn", block, o)
            i = <int32_t> (<int64_t> block - z.base_pfn)
            join_pages_61(z, i, o)
            account_free_61(z, 1 << o, mt)
            list_block_61(z, i, o, mt, 1)

    def set_pcp_blocks(self, cpu, index, blocks):
        """Allocated single pages go on a CPU's list, each at the tail: for a recorded state.

        Parameters
        ----------
        cpu : int
        index : int, 0..13
            As in `pcp_blocks`; it gives the order.
        blocks : sequence of (pfn, tag)
            Head first, with the types that they are remembered with.
        """
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.z.cpus - 1)
        cdef int k = <int> as_ranged(index, "index", 0, PCP_LISTS_61 - 1)
        cdef int o = k // 3 if k < 12 else BLOCK_ORDER_61
        cdef zone_t *z
        cdef int32_t i
        cdef int tag, status
        for pfn, mark in blocks:
            block = as_int64(int(pfn), "pfn")
            z = self.modern()
            tag = <int> as_ranged(int(mark), "tag", 0, iso_61(z) - 1)
            status = join_status_61(z, block, o)
            if status != ST_OK:
                refuse(z, status, "pfn", block, o)
            if pcp_index_61(o, tag if tag < ORDINARY_61 else MT61_MOVABLE) != k:
                raise MisuseError(f"tag={tag}: such a block is not on list {k}")
            i = <int32_t> (<int64_t> block - z.base_pfn)
            join_pages_61(z, i, o)
            order_array(z)[i] = pcp_state_61(o, tag)
            list_add_tail(link_array(z), pcp_list_61(on, k), i)
            zone_pcp_61(z, on).count += 1 << o

    def set_pcp(self, cpu=0, *, high=None, batch=None, free_factor=None):
        """Set the sizes of a CPU's lists, as a recorded machine had them."""
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.z.cpus - 1)
        limit = None if high is None else as_ranged(high, "high", 0, PCP_MAX_61)
        size = None if batch is None else as_ranged(batch, "batch", 1, PCP_MAX_61)
        factor = None if free_factor is None else as_ranged(free_factor, "free_factor", 0, FREE_FACTOR_MAX_61)
        cdef zone_t *z = self.modern()
        if limit is not None:
            zone_pcp_61(z, on).high = only_61(z).pcp_high = limit
        if size is not None:
            zone_pcp_61(z, on).batch = only_61(z).pcp_batch = size
        if factor is not None:
            zone_pcp_61(z, on).free_factor = factor

    # --- events ---

    cdef int lend(self, _Tape tape) except -1:
        """Let the zone record its events on a tape, or on none."""
        cdef zone_t *z = self.modern()
        self.events_tape = tape
        tape_61(z)[0] = NULL if tape is None else tape.tape
        return 0

    cdef object lend_alike(self, ModernZone copy):
        """The copy of the zone, with as much room for events."""
        if self.events_tape is not None:
            copy.lend(_Tape(self.events_tape.tape.room))
        return copy

    def take_events(self):
        """The events recorded since they were last taken, oldest first.

        Returns
        -------
        list of tuple
            ("zl", pfn, order, migratetype, refill) a block left the free lists; ("xf", pfn, order, from_order,
            migratetype, from_type, own) a fallback; ("dr", pfn, order, migratetype) a block left a per-CPU list;
            ("fr", pfn, order) a free; ("fb", pfn) a page of a list that is freed.

        Raises
        ------
        MisuseError
            If there was not enough room (`events=`); the records are gone then.
        """
        self.modern()
        return [] if self.events_tape is None else self.events_tape.take()
