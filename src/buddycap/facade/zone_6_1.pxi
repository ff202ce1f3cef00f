# What only zones of Linux 6.1 and 6.12 can do: per-CPU lists of several orders, references, a boost of the marks,
# isolation, events.

cdef inline int32_t rmqueue_flagged(zone_t *z, int order, int mt, int flags) noexcept nogil:
    """`Zone.rmqueue` with allocation flags."""
    return rmqueue_buddy(z, order, request_type_61(z, mt), flags)


cdef void shape_of_61(shape_t *shape, zone_t *z) noexcept:
    """What never changes of a zone of 6.1 or 6.12 besides."""
    shape.cma, shape.grouping = only_61(z).cma, z.grouping
    shape.movable, shape.alloc_flags, shape.take_flags = MT61_MOVABLE, ALLOC61_KNOWN, ALLOC61_KNOWN
    shape.gfp = GFP61_KNOWN
    shape.reserves = ZONES_61
    shape.off_lowmem_reserve = <uint8_t *> only_61(z).lowmem_reserve - <uint8_t *> z
    shape.drains = z.cpus
    shape.scale_max = SCALE_MAX_61


@cython.no_gc_clear
cdef class ModernZone(ZoneHandle):
    """What a `Zone` of Linux 6.1 or 6.12 can do besides; one of 2.6.27 refuses it: `Zone(..., kernel="6.1")`."""

    cdef _Tape events_tape

    cdef int needs(self, int kernel) except -1:
        """Refuse what a zone of this kernel cannot do."""
        if self.shape.kernel == kernel:
            return 0
        raise MisuseError(f"a zone of Linux {release_of(self.shape.kernel)} has no such thing: "
                          f"make it with kernel={release_of(kernel)!r}")

    cdef int needs_modern(self) except -1:
        """Refuse what a zone of 2.6.27 cannot do."""
        return self.needs(KERNEL_6_1) if self.shape.capture else 0

    cdef zone_t *modern(self) except NULL:
        """The zone, as `ready` gives it, if it is one of 6.1 or 6.12."""
        self.needs_modern()
        return self.ready()

    cdef zone_t *classic(self) except NULL:
        """The zone, as `ready` gives it, if it is one of 2.6.27."""
        self.needs(KERNEL_2_6_27)
        return self.ready()

    @property
    def kernel(self):
        """The version of Linux that the zone follows: "2.6.27", "6.1" or "6.12"."""
        return release_of(self.shape.kernel)

    @property
    def cma(self):
        """Whether the zone is one of a kernel with CMA."""
        return bool(self.shape.cma)

    cdef dict own_counters(self):
        """Counters of what other kernels have not: compaction."""
        return {} if self.shape.capture else self.compaction.vmstat()

    # --- allocation and free ---

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
        cdef int o = <int> as_ranged(order, "order", 0, self.shape.max_page_order)
        self.needs_modern()
        cdef int mt = as_request_or_movable(migratetype, &self.shape)
        cdef int flags = as_alloc_flags(alloc_flags, &self.shape)
        cdef zone_t *z = self.modern()
        cdef int32_t i = rmqueue_listed(z, o, request_type_61(z, mt), flags)
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
        self.needs_modern()
        cdef int mt = as_request_or_movable(migratetype, &self.shape)
        cdef int flags = as_alloc_flags(alloc_flags, &self.shape)
        out = np.empty(count, np.int64)
        cdef Buffer buffer = Buffer(out, True)
        cdef zone_t *z = self.modern()
        count = alloc_bulk(z, <int64_t *> buffer.view.buf, count, request_type_61(z, mt), flags)
        return out[:count].tolist()

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
        cdef int o = <int> as_ranged(order, "order", 0, self.shape.max_page_order)
        self.needs_modern()
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef zone_t *z = self.modern()
        cdef int status = used_block_status_61(z, block, o)
        if status != ST_OK:
            refuse(z, status, "pfn", block, o)
        put_page(z, <int32_t> (block - z.base_pfn), o)

    def free_list(self, pfns):
        """Free single pages, in 6.12 also compound blocks, as reclaim and the ends of processes do: all or nothing.

        Notes
        -----
        O(n).  Linux: free_unref_page_list (6.1), free_unref_folios (6.12), which takes 31 at once.
        """
        cdef Buffer buffer = Buffer(np.array(int64_array(pfns, "pfns")))        # nobody else's
        cdef const int64_t *p = <const int64_t *> buffer.view.buf
        cdef int64_t n = buffer.view.len // 8
        cdef int64_t k = 0
        cdef zone_t *z = self.modern()
        cdef int status = list_status(z, p, n, &k)
        if status != ST_OK:
            refuse(z, status, f"pfns[{k}]", p[k], 0)
        free_pages_list(z, p, n)

    def get_page(self, pfn):
        """Take one more reference to an allocated block.  Linux: get_page."""
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef zone_t *z = self.modern()
        cdef int status = get_page_status_61(z, page)
        if status != ST_OK:
            refuse(z, status, "pfn", page, 0)
        get_page_61(z, <int32_t> (page - z.base_pfn))

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
        cdef int o = <int> as_ranged(order, "order", 0, self.shape.max_page_order)
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
        cdef int on = <int> as_ranged(value, "cpu", 0, self.shape.cpus - 1)
        cdef zone_t *z = self.modern()
        only_61(z).cpu = on

    def pcp(self, cpu=0):
        """The lists of a CPU in numbers: a dict of count, high, batch (pages), locked, and what steers them.

        That is free_factor in 6.1, and high_min, high_max, alloc_factor, free_count and flags in 6.12.
        """
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.shape.cpus - 1)
        return pcp_numbers(self.modern(), on)

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
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.shape.cpus - 1)
        cdef int k = <int> as_ranged(index, "index", 0, PCP_LISTS_61 - 1)
        cdef int32_t head = pcp_list_61(on, k)
        cdef Buffer pfns, states
        cdef int whole = 0
        cdef int64_t n
        while not whole:
            n = list_length(link_array(self.modern()), head)
            columns = new_array(n, int64_dtype), new_array(n, np.uint8)
            pfns, states = Buffer(columns[0], True), Buffer(columns[1], True)
            whole = walk_states(self.modern(), head, <int64_t *> pfns.view.buf, <uint8_t *> states.view.buf, n)
        result = new_array(n, [("pfn", "<i8"), ("order", "u1"), ("tag", "u1")])
        result["pfn"], result["tag"] = columns[0], pcp_tags(self.modern(), columns)
        result["order"] = [order_of_61(state, self.shape.pageblock_order) for state in columns[1].tolist()]
        return result

    def lock_pcp(self, cpu, bint locked=True):
        """Lock a CPU's lists, as when an interrupt comes inside a section that holds them: they are passed by."""
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.shape.cpus - 1)
        pcp_lock(self.modern(), on, locked)

    def disable_pcp(self, bint disabled=True):
        """Switch the per-CPU lists off and empty them, or on again.  Linux: zone_pcp_disable, zone_pcp_enable."""
        pcp_disable(self.modern(), disabled)

    def drain_batch(self, cpu=0):
        """Give one batch of a CPU's pages back.  Linux: drain_zone_pages."""
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.shape.cpus - 1)
        cdef zone_t *z = self.modern()
        drain_batch(z, on)

    # --- marks ---

    def watermark_fast(self, order, *, classzone_idx=0, alloc_flags=0, bint atomic=False):
        """The watermark test of the fast path, at the mark that the flags name, boost included.

        Notes
        -----
        O(max_page_order).  Linux: zone_watermark_fast (6.1).
        """
        cdef int o = <int> as_ranged(order, "order", 0, self.shape.max_page_order)
        cdef int class_idx = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
        self.needs_modern()
        cdef int flags = as_alloc_flags(alloc_flags, &self.shape)
        return bool(watermark_fast(self.modern(), o, class_idx, flags, atomic))

    def balance_boost(self, pages):
        """Take pages off the boost, as kswapd does when it has balanced the zone."""
        cdef int64_t n = as_ranged(pages, "pages", 0, <int64_t> 1 << 60)
        boost_less_61(self.modern(), n)

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
        cdef int64_t mark[4]
        cdef int64_t kept[ZONES_61]
        cdef int64_t more = 0
        cdef int k
        cdef zone_t *z
        marks = [as_ranged(one, "wmark", 0, <int64_t> 1 << 50) for one in wmark]
        if len(marks) != 4 or sorted(marks) != marks:
            raise MisuseError(f"wmark={marks}: four ascending numbers are wanted")
        mark = marks
        reserve = None if lowmem_reserve is None else [
            as_ranged(pages, "lowmem_reserve", 0, <int64_t> 1 << 50) for pages in lowmem_reserve]
        if reserve is not None and len(reserve) != ZONES_61:
            raise MisuseError(f"lowmem_reserve: {len(reserve)} values: one for each of {ZONES_61} zones is wanted")
        cdef bint reserves = reserve is not None
        if reserves:
            kept = reserve
        cdef bint boosts = boost is not None
        if boosts:
            more = as_ranged(boost, "boost", 0, <int64_t> 1 << 50)
        z = self.modern()
        z.pages_min, z.pages_low, z.pages_high, only_61(z).pages_promo = mark[0], mark[1], mark[2], mark[3]
        if boosts:
            only_61(z).boost = more
        if reserves:
            for k in range(ZONES_61):
                only_61(z).lowmem_reserve[k] = kept[k]

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

    @boosted.setter
    def boosted(self, bint value):
        cdef zone_t *z = self.modern()
        only_61(z).boosted = value

    @property
    def reclaim_active(self):
        """Whether kswapd is at work: then a CPU may hold no more than four batches."""
        return bool(only_61(self.modern()).reclaim)

    @reclaim_active.setter
    def reclaim_active(self, bint value):
        cdef zone_t *z = self.modern()
        only_61(z).reclaim = value

    @property
    def managed_pages(self):
        """Pages that the allocator was given."""
        return only_61(self.modern()).managed

    @managed_pages.setter
    def managed_pages(self, value):
        cdef int64_t pages = as_ranged(value, "managed_pages", 0, self.shape.present_pages)
        cdef zone_t *z = self.modern()
        only_61(z).managed = pages

    @property
    def reserved_highatomic(self):
        """Pages of pageblocks that are kept for high-order atomic requests."""
        return only_61(self.modern()).reserved_highatomic

    @reserved_highatomic.setter
    def reserved_highatomic(self, value):
        cdef int64_t pages = as_ranged(value, "reserved_highatomic", 0, <int64_t> 1 << 50)
        cdef zone_t *z = self.modern()
        only_61(z).reserved_highatomic = pages

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
        cdef int64_t out[ORDER_MAX_61 + 1][3]
        cdef zone_t *z = self.modern()
        cdef int order
        for order in range(ORDER_MAX_61 + 1):
            fragmentation_61(z, order, out[order])
        return [(out[order][0], out[order][1], out[order][2]) for order in range(ORDER_MAX_61 + 1)]

    # --- what concerns a whole node: of this zone alone, see `Node` for several ---

    def set_pcp_high_fraction(self, fraction):
        """Let each CPU hold its share of one part in `fraction` of the zone; 0: of the low mark.

        Notes
        -----
        Linux: percpu_pagelist_high_fraction.
        """
        cdef int64_t parts = as_ranged(fraction, "fraction", 0, int32_max)
        cdef zone_t *z = self.modern()
        node_set_pcp_fraction(&z, 1, parts)

    def set_lowmem_ratio(self, zone_idx, ratio):
        """Set the lowmem_reserve_ratio of a zone; the reserves follow."""
        cdef int idx = <int> as_ranged(zone_idx, "zone_idx", 0, ZONES_61 - 1)
        cdef int32_t parts = <int32_t> as_ranged(ratio, "ratio", 0, int32_max)
        cdef zone_t *z = self.modern()
        node_set_lowmem_ratio_61(&z, 1, idx, parts)

    def set_boost_factor(self, factor):
        """Set watermark_boost_factor."""
        cdef int64_t parts = as_ranged(factor, "factor", 0, FACTOR_MAX_61)
        cdef zone_t *z = self.modern()
        node_set_boost_factor_61(&z, 1, parts)

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
        self.needs_modern()
        cdef int mt = as_request_or_movable(migratetype, &self.shape)
        cdef int class_idx = <int> as_ranged(classzone_idx, "classzone_idx", 0, ZONES_61 - 1)
        cdef zone_t *z = self.modern()
        return bool(node_unreserve(&z, 1, request_type_61(z, mt), class_idx, force))

    def alloc_walk(self, order, migratetype=None, alloc_flags=0, *, classzone_idx=2, bint atomic=False):
        """Allocate if the watermarks allow it: `Node.alloc_walk` of one zone."""
        self.needs_modern()
        cdef walk_t walk
        read_walk(&walk, &self.shape, order, migratetype, alloc_flags, classzone_idx, atomic)
        cdef zone_t *z = self.modern()
        cdef int64_t pfn = walk_node(&z, 1, &walk)
        return None if pfn == NO_PAGE else pfn

    def isolate_range(self, start, end, migratetype=None):
        """Put the pageblocks of PFNs [start, end) out of bounds; whether all could be, else none is.

        Notes
        -----
        O(pages).  Linux: start_isolate_page_range (6.1).
        """
        self.needs_modern()
        cdef int mt = as_type_or_movable(migratetype, &self.shape)
        cdef int64_t first = as_int64(start, "start")
        cdef int64_t last = as_int64(end, "end")
        check_range(&self.shape, first, last)
        cdef zone_t *z = self.modern()
        return bool(isolate_range(z, <int32_t> (first - z.base_pfn), <int32_t> (last - z.base_pfn), mt))

    def undo_isolate_range(self, start, end, migratetype=None):
        """Give the isolated pageblocks of PFNs [start, end) a type back.  Linux: undo_isolate_page_range (6.1)."""
        self.needs_modern()
        cdef int mt = as_type_or_movable(migratetype, &self.shape)
        cdef int64_t first = as_int64(start, "start")
        cdef int64_t last = as_int64(end, "end")
        check_range(&self.shape, first, last)
        cdef zone_t *z = self.modern()
        undo_isolate_range(z, <int32_t> (first - z.base_pfn), <int32_t> (last - z.base_pfn), mt)

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
        Linux: compaction_capture.  The block is no CMA one, and below the order of a pageblock no MOVABLE one; in 6.12
        a movable request takes that, too.  While it is armed, compaction for a request of a machine captures nothing.
        """
        cdef int o = <int> as_ranged(order, "order", 0, self.shape.max_page_order)
        self.needs_modern()
        cdef int mt = as_request_or_movable(migratetype, &self.shape)
        cdef zone_t *z = self.modern()
        if only_61(z).capture_order >= 0:
            raise MisuseError("arm_capture: a capture is armed already: end it first")
        if is_captured_for_61(z):
            raise MisuseError("arm_capture: compaction that captures is under way in the zone: end it first")
        capture_begin(z, o, request_type_61(z, mt))

    def end_capture(self):
        """End the capture; the block that was captured, now allocated, or None."""
        cdef zone_t *z = self.modern()
        cdef int32_t i
        if only_61(z).capture_order < 0:
            raise MisuseError("end_capture: no capture is armed")
        i = capture_end_61(z)
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
        return take_free(z, <int32_t> (block - z.base_pfn))

    def put_free_block(self, pfn, order, migratetype):
        """Put such a block back on the lists of a type.  Linux: __putback_isolated_page (6.1)."""
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef int o = <int> as_ranged(order, "order", 0, self.shape.max_page_order)
        self.needs_modern()
        cdef int mt = as_type_slowly(migratetype, &self.shape, self.shape.types - 1)
        cdef zone_t *z = self.modern()
        cdef int status = taken_status_61(z, block, o)
        if status != ST_OK:
            refuse(z, status, "pfn", block, o)
        put_free(z, <int32_t> (block - z.base_pfn), o, mt)

    def init_cma(self, pfn):
        """A whole reserved pageblock becomes CMA and is freed.  Linux: init_cma_reserved_pageblock (6.1)."""
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef zone_t *z = self.modern()
        cdef int status = reserved_status_61(z, block)
        if not only_61(z).cma:
            raise MisuseError("init_cma: the zone was made without cma=True")
        if status != ST_OK:
            refuse(z, status, "pfn", block, z.pageblock_order)
        init_cma(z, <int32_t> (block - z.base_pfn))

    @property
    def compaction(self):
        """What compaction keeps about the zone, and runs of it: a `ZoneCompaction`."""
        return ZoneCompaction(self)

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
        cdef int64_t block
        self.needs_modern()
        for pfn, order, migratetype in blocks:
            block = as_int64(int(pfn), "pfn")
            o = <int> as_ranged(int(order), "order", 0, self.shape.max_page_order)
            mt = as_type_slowly(int(migratetype), &self.shape, self.shape.types - 1)
            z = self.modern()
            status = bare_status_61(z, block, o)
            if status != ST_OK:
                refuse(z, status, "pfn", block, o)
            i = <int32_t> (block - z.base_pfn)
            join_pages_61(z, i, o)
            page_disown(z, i)
            append_free(z, i, o, mt)

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
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.shape.cpus - 1)
        cdef int k = <int> as_ranged(index, "index", 0, PCP_LISTS_61 - 1)
        cdef int o = k // 3 if k < 12 else self.shape.pageblock_order
        cdef zone_t *z
        cdef int32_t i
        cdef int tag, status
        cdef int64_t block
        self.needs_modern()
        for pfn, mark in blocks:
            block = as_int64(int(pfn), "pfn")
            tag = <int> as_ranged(int(mark), "tag", 0, self.shape.types - 2)
            z = self.modern()
            if pcp_index_61(z, o, tag if tag < ORDINARY_61 else MT61_MOVABLE) != k:
                raise MisuseError(f"tag={tag}: such a block is not on list {k}")
            status = bare_status_61(z, block, o)
            if status != ST_OK:
                refuse(z, status, "pfn", block, o)
            i = <int32_t> (block - z.base_pfn)
            join_pages_61(z, i, o)
            page_disown(z, i)
            pcp_append(z, on, k, i, tag)

    def set_pcp(self, cpu=0, **sizes):
        """Set what steers a CPU's lists, by its names in `pcp`, as a recorded machine had it."""
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.shape.cpus - 1)
        cdef int64_t numbers[8]
        cdef int k
        self.needs_modern()
        for k, number in enumerate(pcp_sizes(self.shape.kernel, sizes).values()):
            numbers[k] = number
        set_pcp_numbers(self.modern(), on, numbers)

    # --- events ---

    cdef int lend(self, _Tape tape) except -1:
        """Let the zone record its events on a tape, or on none."""
        cdef tape_6_1_t *record = NULL if tape is None else tape.tape
        cdef zone_t *z = self.modern()
        tape_61(z)[0] = record
        self.events_tape = tape         # last: the tape of before goes
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
