# The zone at the boundary: every method is check, call, result.

# What notebooks show of a zone or a machine; the package puts it here, because pictures are made above the core.
cdef object html_view = None

BLOCK_DTYPE = np.dtype([("pfn", "<i8"), ("order", "u1"), ("migratetype", "u1")])


def set_html_view(view):
    """Let `view(thing) -> str` make the HTML that notebooks show of a `Zone` or a `Machine`; None for none."""
    global html_view
    html_view = view


@cython.no_gc_clear
cdef class Zone(ContigZone):
    """Zone(start_pfn, spanned_pages, *, present_ranges=None, max_page_order=10, pageblock_order=9, zone_idx=0, \
node_present_pages=None, lowmem_reserve_ratio=None, min_free_kbytes=None, cpus=1, pcp_batch=None, pcp_high=None, \
pageblock_index='absolute', owners=False, pcp_bulk_cold=False, group_by_mobility=True, node_highmem=(0, 0, 0, 0), \
populate=True, seed=0, kernel='2.6.27', free_ranges=None, watermark_scale_factor=10, watermark_boost_factor=15000, \
cma=False, linked_outside=(), events=0)
--

    One zone of a node: pages that are allocated, freed and captured exactly as a version of Linux does it.

    Parameters
    ----------
    start_pfn : int, 0..2^52 - 1
        First page frame number; need not be aligned.
    spanned_pages : int, 1..2^31 - 2^19
        Pages from the first to the last, holes included.
    present_ranges : sequence of (first, end), optional
        PFN ranges, ascending, that exist; what is in no range is a hole.  Default: no holes.
    max_page_order : int, 0..14
        Largest order of a block (MAX_ORDER - 1).
    pageblock_order : int, 0..14
        Order of a pageblock, the unit that carries a migratetype.
    zone_idx : int, 0..3, since 6.1 0..4
        Index of the zone in its node.  Since 6.1 DMA, DMA32, Normal, Movable, Device: no request has zone Device.
    node_present_pages : sequence of 4 int, 0..2^31, optional, pages
        Present pages of the node's zones, for the watermarks.  Default: this zone alone.
    lowmem_reserve_ratio : sequence of 4 int, of 5 in 6.1, optional
        Default: the kernel's.
    min_free_kbytes : int, 0..2^31 - 1, optional, KiB
        Default: sqrt(16 * KiB of lowmem) within 128..65536.
    cpus : int, 1..4096
        Number of per-CPU lists.
    pcp_batch, pcp_high : int, optional, pages
        Sizes of the per-CPU lists.  Default: from the size of the zone; high is six batches.
    pageblock_index : "absolute" or "zone_relative"
        Whether pageblocks are counted from PFN 0 (SPARSEMEM) or from the start of the zone (FLATMEM).
    owners : bool
        Keep a 64-bit cookie for every page.
    pcp_bulk_cold : bool
        A refill for a cold request goes to the tail, as in the later 2.6.27 stable series.
    group_by_mobility : bool
        False: page_group_by_mobility_disabled, as on tiny machines.
    node_highmem : sequence of 4 bool
        Which zones of the node are highmem.
    populate : bool
        False: every present page starts as an allocated page instead of being freed to the zone at boot.
    seed : int, 0..2^64 - 1
        Seed of the zone's random numbers.
    kernel : "2.6.27", "6.1" or "6.12"
        Whose rules the zone follows.  A zone of 6.1 or 6.12 has orders 0..10 and pageblocks of order 9; its sizes of
        per-CPU lists follow from its marks.  What follows is for these alone.
    free_ranges : sequence of (first, end), optional
        PFN ranges, ascending, of the present pages that are given to the allocator; the others stay reserved.
        Default: all.
    watermark_scale_factor : int, 0..3000
        Least gap between marks, in ten thousandths of the zone.
    watermark_boost_factor : int, 0..2^20
    cma : bool
        A kernel with CMA.
    linked_outside : sequence of int
        PFNs just before the zone that are linked to it all the same, such as 0 to a zone that starts at 1.
    events : int, 0..2^28
        Room for so many records of events; see `take_events`.

    Raises
    ------
    MisuseError
        If an argument is out of range, naming it.
    MemoryError
        If there is not enough memory for so many pages.

    Notes
    -----
    13 bytes a page (21 with owners), in one block of memory.  A method that is in a long call without the GIL keeps
    other threads waiting at the zone: a zone does one thing at a time.

    Examples
    --------
    >>> zone = Zone(0, 64, min_free_kbytes=0)
    >>> pfn = zone.rmqueue(0, 2)
    >>> pfn, zone.free_blocks().tolist()[0]
    (0, (1, 0, 2))
    >>> zone.free_one_page(pfn, 0)
    >>> zone.free_blocks().tolist()
    [(0, 6, 2)]
    """

    cdef object __weakref__
    cdef object kept                    # memory of the last large result of alloc_many

    def __cinit__(self, start_pfn, spanned_pages, *, kernel="2.6.27", present_ranges=None, free_ranges=None,
                  linked_outside=(), seed=0, events=0, **switches):
        cdef zone_config_t config
        cdef int number
        cdef tuple held
        if isinstance(start_pfn, Memory):           # copy() and load() hand over a block that they have checked
            self.move_in(start_pfn)
            return
        number = kernel_number(kernel)
        refuse_lists(number, free_ranges, linked_outside, events)
        read_config(&config, number, {"start_pfn": start_pfn, "spanned_pages": spanned_pages, **switches})
        config.seed = as_uint64(seed, "seed")
        room = as_ranged(events, "events", 0, 1 << 28)
        held = read_ranges(&config, present_ranges, free_ranges, linked_outside)
        if switches.get("node_present_pages") is not None:
            check_node_present(&config)
        self.build(&config)
        if room:
            self.lend(_Tape(room))

    cdef int build(self, const zone_config_t *config) except -1:
        cdef Memory memory = reserved_memory(config)
        cdef zone_t *z = <zone_t *> memory.data     # nobody else knows of it yet
        zone_init(z, config)
        buddycap_populate(memory.data, used_bytes(z))
        zone_fill(z, config)
        return self.adopt(memory)

    cdef int move_in(self, Memory memory) except -1:
        """Be the zone that is in a block of memory."""
        cdef violation_t fault
        cdef zone_t *z = <zone_t *> memory.data
        if memory.taken:
            raise MisuseError("start_pfn: a block of memory that is another zone's")
        if memory.size < sizeof(zone_t) or not (zone_header_ok(z, &fault) and z.bytes == memory.size):
            raise MisuseError("start_pfn: a block of memory that is no zone")
        memory.taken = True
        return self.adopt(memory)

    # --- allocation and free ---

    def rmqueue(self, order, migratetype, alloc_flags=0):
        """Allocate a block of 2^order pages straight from the free lists.

        Parameters
        ----------
        order : int, 0..max_page_order
        migratetype : int, 0..2
            UNMOVABLE, RECLAIMABLE or MOVABLE, in the numbers of the zone's kernel.
        alloc_flags : int
            `AllocFlags` of 6.1; 0 in 2.6.27.

        Returns
        -------
        int or None
            First PFN of the block; None if there is none.

        Notes
        -----
        O(max_page_order), plus one pageblock when free pages change their type.  No watermark is asked: see
        `Machine.alloc_pages`.  Linux: buffered_rmqueue for order > 0, __rmqueue (2.6.27), rmqueue_buddy (6.1).
        """
        cdef int o = <int> as_ranged(order, "order", 0, self.shape.max_page_order)
        cdef int mt = as_request_type(migratetype, &self.shape)
        cdef int flags = as_alloc_flags(alloc_flags, &self.shape)
        cdef zone_t *z = self.ready()
        cdef int32_t i = rmqueue_flagged(z, o, mt, flags) if flags else rmqueue_zone(z, o, mt)
        return None if i == NO_PAGE else z.base_pfn + i

    def free_one_page(self, pfn, order):
        """Free a block as it was allocated; it merges with free buddies and joins captured ones.

        Parameters
        ----------
        pfn : int
            First page of the block.
        order : int, 0..max_page_order
            Order it was allocated with.

        Raises
        ------
        MisuseError
            On a double free, a wrong order, a PFN inside a block, in a hole or outside the zone.

        Notes
        -----
        O(max_page_order).  Linux: free_one_page, __free_pages_ok (2.6.27).
        """
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef int64_t o = as_int64(order, "order")
        cdef zone_t *z = self.ready()
        cdef int status = ST_ORDER_RANGE
        if <uint64_t> o <= <uint64_t> z.max_page_order:
            status = zone_block_status(z, block, <int> o)
        if status != ST_OK:
            refuse(z, status, "pfn", block, o)
        free_pages_ok(z, <int32_t> (block - z.base_pfn), <int> o)

    def split_page(self, pfn, order):
        """Turn an allocated block into single allocated pages, which are then freed one by one.

        Notes
        -----
        O(2^order).  Linux: split_page.
        """
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef int o = <int> as_ranged(order, "order", 0, self.shape.max_page_order)
        cdef zone_t *z = self.ready()
        cdef int status = zone_split_status(z, block, o)
        if status != ST_OK:
            refuse(z, status, "pfn", block, o)
        zone_split(z, <int32_t> (block - z.base_pfn), o)

    def rmqueue_pcplist(self, migratetype, cold=False, cpu=0):
        """Allocate one page through a CPU's list.

        Parameters
        ----------
        migratetype : int, 0..2
        cold : bool
            Take from the tail, where the pages are that are not in the cache.
        cpu : int

        Returns
        -------
        int or None

        Notes
        -----
        O(length of the list) in the worst case.  If nothing on the list has the right type it is refilled and its head
        is taken, whatever its type, as 2.6.27 does.  Linux: buffered_rmqueue for order 0.
        """
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.shape.cpus - 1)
        cdef int mt = <int> as_ranged(migratetype, "migratetype", 0, MT_MOVABLE)
        cdef bint from_tail = cold
        cdef zone_t *z = self.classic()
        cdef int32_t i = rmqueue_pcplist(z, on, mt, from_tail)
        return None if i == NO_PAGE else z.base_pfn + i

    def free_hot_cold_page(self, pfn, cold=False, cpu=0):
        """Free one page to the head (hot) or tail (cold) of a CPU's list; a full list spills a batch.

        Notes
        -----
        Linux: free_hot_cold_page (2.6.27).
        """
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.shape.cpus - 1)
        cdef bint to_tail = cold
        cdef zone_t *z = self.classic()
        cdef int status = used_block_status(z, page, 0)
        if status != ST_OK:
            refuse(z, status, "pfn", page, 0)
        free_hot_cold_page(z, on, <int32_t> (page - z.base_pfn), to_tail)

    def drain_pages(self, cpu=None):
        """Give every page of a CPU's lists back to the zone.  Default: CPU 0 in 2.6.27, all of them in 6.1.

        Notes
        -----
        Linux: drain_pages, drain_all_pages.
        """
        cdef int on = 0 if cpu is None else <int> as_ranged(cpu, "cpu", 0, self.shape.cpus - 1)
        cdef int end = self.shape.drains if cpu is None else on + 1
        cdef zone_t *z = self.ready()
        for on in range(on, end):
            drain_pages(z, on)

    # --- arrays and streams ---

    def alloc_many(self, n, order=0, migratetype=None, *, out=None, dtype=None):
        """Allocate n blocks: the same as n times `rmqueue`, stopping at the first failure.

        Parameters
        ----------
        n : int
        order : int, 0..max_page_order
        migratetype : int, 0..2
            Default: MOVABLE.
        out : ndarray of int64 or int32, shape (n,), optional
            Where to put the result: memory that has been used before is several times as fast as new memory.
        dtype : int64 or int32, optional
            Of a new result. int32 is half as large, for zones that end below PFN 2^31.  Default: int64.

        Returns
        -------
        ndarray, shape (n,)
            PFNs in the order obtained; -1 where there was no block left.

        Notes
        -----
        The zone keeps the memory of a result of 2^18 PFNs and more, and uses it again for the next one of that size
        once nobody has the array, or a view of it, any more.

        Examples
        --------
        >>> zone, pages = Zone(0, 4, min_free_kbytes=0), np.empty(6, np.int64)
        >>> zone.alloc_many(6, out=pages).tolist()
        [0, 1, 2, 3, -1, -1]
        >>> zone.free_many(pages[:4])
        >>> zone.alloc_many(2, dtype=np.int32)
        array([0, 1], dtype=int32)
        """
        cdef int64_t count = as_ranged(n, "n", 0, <int64_t> 1 << 40)
        cdef int o = <int> as_ranged(order, "order", 0, self.shape.max_page_order)
        cdef int mt = as_request_or_movable(migratetype, &self.shape)
        cdef int64_t *pfns
        cdef int64_t room = 0
        cdef zone_t *z
        if dtype is not None and out is not None:
            raise MisuseError("dtype: of a new result; `out` has its own")
        if out is None:
            out = new_result(self, count, int64_dtype if dtype is None else result_dtype(self, dtype))
        z = self.ready()                                # first: while we wait, others may change the array
        pfns = plain_int64(out, &room)
        if pfns == NULL or room != count or count >= GIL_BATCH:
            return alloc_to_array(self, count, o, mt, out)
        alloc_many(z, pfns, count, o, mt)
        return out

    def free_many(self, pfns, order=0):
        """Free an array of blocks in order: the same as one `free_one_page` each, but all or nothing.

        Parameters
        ----------
        pfns : array_like of int, shape (n,)
        order : int or array_like of int, shape (n,)

        Raises
        ------
        MisuseError
            Naming the first offender and its index; then nothing has changed.

        Examples
        --------
        >>> zone = Zone(0, 64, min_free_kbytes=0)
        >>> zone.free_many(zone.alloc_many(64))
        >>> zone.free_many([0, 0])
        Traceback (most recent call last):
            ...
        buddycap.errors.MisuseError: pfns[0]=0: already free (order=0, the zone is 0..63)
        """
        cdef int64_t own[GIL_BATCH]
        cdef int64_t one_order = 0
        cdef int64_t n = 0
        cdef int64_t k = 0
        cdef zone_t *z = self.ready()                   # first: while we wait, others may change the array
        cdef int64_t *p = plain_int64(pfns, &n)
        cdef int status
        if (p == NULL or n >= GIL_BATCH or not buddycap_short_int(order, &one_order)
                or not 0 <= one_order <= self.shape.max_page_order):
            free_array(self, pfns, order)
            return
        memcpy(own, p, n * sizeof(int64_t))             # numpy can write to it without the GIL
        status = free_many(z, own, n, NULL, <int> one_order, &k)
        if status != ST_OK:
            refuse(z, status, f"pfns[{k}]", own[k], one_order)

    def run(self, ops, *, out=None):
        """Perform a stream of operations at compiled speed.

        Parameters
        ----------
        ops : structured ndarray, shape (n,), dtype `OP_DTYPE`
            op u1 (1 allocate, 2 free, 3 split, 4 free a part, 5 allocate at `pfn`), order u1, migratetype u1, flags u1
            (1 through CPU 0's list, 2 cold), arg i4, pfn i8.  `arg` of a free or split is the index of the earlier
            allocation whose block it is, with that one's order (of a failed one nothing is freed), or -1, and then
            `pfn` and `order` name the block.  A part is 2^order pages from page `pfn` of the block `arg` on; with arg
            -1 from there on, as `free_range`.
        out : ndarray of int64, shape (n,), optional
            Where to put the result: memory that has been used before is faster than new memory.

        Returns
        -------
        ndarray[int64], shape (n,)
            The PFN allocated, freed or split; -1 for none.

        Raises
        ------
        MisuseError
            At the first bad operation, naming its index.  Those before it have been performed.

        Notes
        -----
        Can be interrupted: what has been done stays done.  After a part of a block has been freed, what is left of it
        is single pages, to be freed as parts, too.  The memory of a large result is kept as that of `alloc_many` is.

        Examples
        --------
        >>> ops = np.zeros(3, OP_DTYPE)
        >>> ops["op"] = [1, 1, 2]
        >>> ops["migratetype"] = 2
        >>> Zone(0, 64, min_free_kbytes=0).run(ops).tolist()
        [0, 1, 0]
        """
        return run_array(self, ops, out)

    # --- capture, watermarks ---

    def capture_list(self, *, bint private=False, release_order=None, bint trim=False):
        """Open a capture list: a context manager that gives back what is left on leaving.

        Parameters
        ----------
        private : bool
            Its blocks merge only with each other: neither with free ones nor with those of other lists.
        release_order : int, optional
            As soon as a block of at least this order stands on the list, all its other blocks go back.
        trim : bool
            And what that block has too much. Nothing merges with it any more.

        Raises
        ------
        MisuseError
            If 65535 lists are open, or an argument is out of range.
        """
        cdef CaptureList capture = CaptureList.__new__(CaptureList, self)
        cdef int rules = LIST_PRIVATE if private else 0
        cdef int wanted = 0
        cdef int32_t slot
        cdef zone_t *z
        if release_order is not None:
            wanted = <int> as_ranged(release_order, "release_order", 0, self.shape.max_page_order)
            rules |= LIST_RELEASE | LIST_TRIM if trim else LIST_RELEASE
        elif trim:
            raise MisuseError("trim=True: needs a release_order")
        z = self.classic()
        slot = slot_open(z, SLOT_CAPTURE)
        if slot == NO_PAGE:
            raise MisuseError(f"capture_list: {self.shape.slot_limit} lists are open, which is the most a zone can "
                              "have")
        zone_slot(z, slot).rules = rules
        zone_slot(z, slot).wanted = wanted
        capture.slot, capture.seq = slot, zone_slot(z, slot).seq
        return capture

    def capture_lists(self):
        """Handles of the open capture lists, in order of creation: for a zone that was copied or loaded."""
        return open_capture_lists(self)

    def watermark_ok(self, order, mark, *, classzone_idx=0, alloc_flags=0):
        """Whether a request of `order` would leave the zone above `mark` at every order below its own.

        Parameters
        ----------
        order : int, 0..max_page_order
        mark : int, pages
        classzone_idx : int, 0..3, since 6.1 0..4
            Index of the request's preferred zone, for lowmem_reserve.
        alloc_flags : int
            In 2.6.27 HIGH (0x20) halves the mark, HARDER (0x10) takes a quarter of the rest.

        Returns
        -------
        bool

        Notes
        -----
        O(max_page_order).  In 6.1 a block of the order must be there, too.  Linux: zone_watermark_ok (2.6.27),
        __zone_watermark_ok (6.1).
        """
        cdef int o = <int> as_ranged(order, "order", 0, self.shape.max_page_order)
        cdef int64_t pages = as_ranged(mark, "mark", -(<int64_t> 1 << 60), <int64_t> 1 << 60)
        cdef int class_idx = <int> as_ranged(classzone_idx, "classzone_idx", 0, self.shape.reserves - 1)
        other_enum(alloc_flags, self.shape.kernel, "AllocFlags", "alloc_flags")
        cdef int flags = <int> as_ranged(alloc_flags, "alloc_flags", 0, self.shape.alloc_flags)
        return zone_watermark_ok(self.ready(), o, pages, class_idx, flags) != 0

    def set_min_free_kbytes(self, kb, watermark_scale_factor=None):
        """Set new watermarks; kb is 0..2^31 - 1, an int as in the kernel.

        Parameters
        ----------
        kb : int, KiB
        watermark_scale_factor : int, 0..3000, optional
            Of 6.1.  Default: as it is.

        Notes
        -----
        In 2.6.27 the MIGRATE_RESERVE is resized to them; in 6.1 the boost ends and the per-CPU lists get new sizes.
        Linux: setup_per_zone_pages_min, setup_per_zone_wmarks.
        """
        cdef int64_t wanted = as_ranged(kb, "kb", 0, MIN_FREE_KBYTES_MAX)
        cdef int64_t scale = as_scale(watermark_scale_factor)
        if watermark_scale_factor is not None and self.shape.scale_max < 0:
            self.needs(KERNEL_6_1)
        setup_per_zone_pages_min(self.ready(), wanted, scale)

    @property
    def cpuset_allowed(self):
        """Whether tasks with ALLOC_CPUSET may use the zone (zone_cpuset_permits)."""
        return bool(self.ready().cpuset_allowed)

    @cpuset_allowed.setter
    def cpuset_allowed(self, value):
        cdef bint allowed = value
        cdef zone_t *z = self.ready()
        z.cpuset_allowed = allowed

    # --- pages ---

    def set_owner(self, pfn, cookie):
        """Attach a 64-bit cookie to an allocated block; it is cleared when the block is freed."""
        cdef int64_t page = as_int64(pfn, "pfn")
        cdef uint64_t number = as_uint64(cookie, "cookie")
        cdef zone_t *z
        cdef int status
        if not self.shape.off_owner:
            raise MisuseError("set_owner: the zone was made without owners=True")
        z = self.ready()
        status = zone_page_status(z, page)
        if status != ST_OK:
            refuse(z, status, "pfn", page, 0)
        owner_array(z)[page - z.base_pfn] = number

    def set_owners(self, pfns, cookies):
        """Attach 64-bit cookies to allocated blocks: to all, or to none.

        Parameters
        ----------
        pfns : array_like of int, shape (n,)
        cookies : array_like of int, shape (n,) or one for all, 0..2^64-1
            Cleared when the block is freed; an event that takes the page brings it back.

        Raises
        ------
        MisuseError
            Naming the first page that is not the head of an allocated block.

        Examples
        --------
        >>> zone = Zone(0, 64, min_free_kbytes=0, owners=True)
        >>> zone.set_owners(zone.alloc_many(3), [7, 8, 9])
        >>> zone.owner[:4].tolist()
        [7, 8, 9, 0]
        """
        cdef Buffer pages = Buffer(int64_array(pfns, "pfns"))
        cdef int64_t n = pages.view.len // 8
        cdef const int64_t *p = <const int64_t *> pages.view.buf
        cdef Buffer numbers = Buffer(cookie_array(cookies, n))
        cdef const uint64_t *c = <const uint64_t *> numbers.view.buf
        cdef int64_t k = 0
        cdef zone_t *z
        cdef int status
        if not self.shape.off_owner:
            raise MisuseError("set_owners: the zone was made without owners=True")
        z = self.ready()
        status = zone_set_owners(z, p, c, n, &k)
        if status != ST_OK:
            refuse(z, status, f"pfns[{k}]", p[k], 0)

    def set_pageblock_migratetype(self, pfn, migratetype):
        """Set the type of the pageblock around a page; free pages stay on the lists they are on."""
        cdef int64_t last = self.shape.start_pfn + self.shape.spanned_pages - 1
        cdef int64_t page = as_ranged(pfn, "pfn", self.shape.start_pfn, last)
        cdef int mt = as_type_slowly(migratetype, &self.shape, self.shape.types - 1)
        cdef zone_t *z = self.ready()
        zone_set_block_type(z, <int32_t> (page - z.base_pfn), mt)

    # --- what is where ---

    def free_blocks(self, order=None, migratetype=None):
        """The free blocks, by order, then migratetype, each list head first.

        Returns
        -------
        structured ndarray (pfn i8, order u1, migratetype u1)
        """
        return list_free_blocks(self, order, migratetype)

    def pcp_pages(self, cpu=0):
        """The pages on a CPU's list as a structured array (pfn i8, tag u1), head first."""
        self.classic()
        return list_tagged(self, pcp_list(<int> as_ranged(cpu, "cpu", 0, self.shape.cpus - 1)), "tag", None)

    def canonical_dump(self):
        """The whole allocator state as text, the form that recorded vectors are compared in.

        Returns
        -------
        str
            In 2.6.27 lines N, O, L, C, B and P; capture lists in order of creation, one P line per CPU.  In 6.1 lines
            Z, N, O, L, B, P, Q, W, R, A and E.
        """
        return zone_dump(self.snapshot(), self.shape.kernel)

    def vmstat(self):
        """Counters by their names in /proc/vmstat; event counters without the suffix of the zone.

        Returns
        -------
        dict of str to int
            The zone's state (nr_free_pages, the LRU lists), the kernel's events, and buddycap's own: buddy_split,
            buddy_merge, capture_*.
        """
        cdef zone_t seen = self.ready()[0]
        return {**zone_vmstat(&seen), **self.own_counters()}

    def bulk_work(self):
        """What operations on whole arrays have done since the zone was made, counted: it does not depend on time.

        Returns
        -------
        dict of str to int
            batches (of frees or captures, done whole), singles (blocks of batches done one by one), words (of 64 pages
            looked at), entries (of batches gone through again to list what is new), listed and unlisted (blocks),
            cut (free blocks that were cut up), fallbacks, counted (blocks of long lists, counted before some of them
            are cut up).  No part of the state: not in `digest`.

        Examples
        --------
        >>> zone = Zone(0, 1024, min_free_kbytes=0)
        >>> zone.free_many(zone.alloc_many(1024))
        >>> work = zone.bulk_work()
        >>> work["cut"], work["words"], work["listed"]
        (1, 16, 1)
        """
        cdef work_t work = zone_work(self.ready())[0]
        return {"batches": work.batches, "singles": work.singles, "words": work.words, "entries": work.entries,
                "listed": work.listed, "unlisted": work.unlisted, "cut": work.cut, "fallbacks": work.fallbacks,
                "counted": work.counted}

    @property
    def nr_free_pages(self):
        """Free pages (NR_FREE_PAGES): captured pages and per-CPU lists do not count."""
        return self.ready().nr_free_pages

    # --- whole state ---

    def random(self):
        """The next number of the zone's own random stream, 0..2^64-1: it is part of the state."""
        return random_next(self.ready().random)

    def copy(self):
        """An independent zone in the same state, with the same open capture lists: see `capture_lists`.

        Notes
        -----
        O(spanned_pages).  Requests under way, and kswapd, stay with the original: nothing that they do later reaches
        the copy.  So a copy of a zone of 2.6.27 that is made in the middle of reclaim keeps for ever what is in their
        hands at that moment: pages that are ISOLATED or taken from their owners, and the pageblock that the policy
        `isolate` has put out of bounds.  Open capture lists can be closed.  In a copy of a zone of 6.1 it goes back:
        pages to the LRU, those that their owners have let go to the free lists, as the pages that compaction would have
        moved others to and a block that it has captured; only pageblocks that are isolated stay so.  Nobody bypasses
        the copy's per-CPU lists, as under `no-pcp`; in all else its digest is the original's.  To have none of this,
        copy when every request is done or closed.  `save` and pickling do the same.

        Examples
        --------
        >>> zone = Zone(0, 4096, kernel="6.1")
        >>> zone.set_lru(zone.alloc_at(700), 1)
        >>> pfn = zone.alloc_at(3000)               # its pageblock has small blocks, which pages can be moved to
        >>> run = zone.compaction.begin(-1, whole=True, stops=True)
        >>> run.step(1 << 20), zone.nr_free_pages < zone.copy().nr_free_pages
        (False, True)
        """
        cdef Zone copy = self.snapshot()
        copy_settle(copy.ready())
        return self.lend_alike(copy)

    cdef Zone snapshot(self):
        """A zone in the very same state, whatever others have in their hands."""
        cdef Memory memory = Memory(self.shape.bytes)
        cdef zone_t *z = self.begin()
        with nogil:
            zone_copy(z, <zone_t *> memory.data)
        self.end()
        return Zone.__new__(Zone, memory, None)

    def save(self, path):
        """Write the zone to a file, which is there when it is complete: until then an older one of that name stays.

        Raises
        ------
        OSError
            If it cannot be written, or what is there is not a regular file.

        Notes
        -----
        The file is the state itself behind a header with magic, version, sizes and hash; little-endian.
        """
        from buddycap.newfile import write_file  # here, as most programs write no image

        write_file(path, image_of(self))

    @classmethod
    def load(cls, path):
        """A zone from a file that `save` wrote; it goes on exactly where the saved one was.

        Raises
        ------
        FormatError
            If the file is no image, cut, altered, or of another version.
        OSError
            If it cannot be read.
        """
        with open(path, "rb") as file:
            return zone_from_image(file.read(), str(path))

    def __reduce__(self):
        return _restore, (image_of(self),)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def _repr_html_(self):
        """A small map and a table, for notebooks."""
        return None if html_view is None else html_view(self)

    def __repr__(self):
        cdef int64_t free = self.look().nr_free_pages
        return (f"<Zone pfn {self.shape.start_pfn}..{self.shape.start_pfn + self.shape.spanned_pages - 1}, "
                f"{free} of {self.shape.present_pages} pages free>")
