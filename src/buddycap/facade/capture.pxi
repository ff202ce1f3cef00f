# Capture lists at the boundary.


cdef class CaptureList:
    """CaptureList()
--

    A private list of a reclaimer: what is freed to it coalesces there and is out of everybody's reach.

    Obtained from `Zone.capture_list`.  Used as a context manager, it gives back what is left on leaving.

    Notes
    -----
    Linux: reclaim page capture v3, patch 4/4 (A. Whitcroft, 5 September 2008).  Any number of lists may be open; pages
    that others free next to a captured block join its list, and a list can take over another's block by capturing
    its buddy.

    Examples
    --------
    >>> zone = Zone(0, 64, min_free_kbytes=0)
    >>> pages = zone.alloc_many(64)
    >>> with zone.capture_list() as capture:
    ...     for pfn in range(16):
    ...         capture.capture_one_page(pfn)
    ...     print(capture.blocks().tolist(), capture.capture_alloc_or_return(3, alloc_flags=1))
    [(0, 4)] 0
    """

    cdef readonly Zone zone
    cdef int32_t slot
    cdef uint32_t seq

    def __cinit__(self, Zone zone=None):
        if zone is None:
            raise TypeError("a CaptureList comes from Zone.capture_list()")
        self.zone = zone                # closed, until somebody gives it slot and seq: no list is number 0

    @cython.embedsignature(False)       # it stands above
    def __init__(self):
        raise TypeError("a CaptureList comes from Zone.capture_list()")

    cdef inline zone_t *ready(self) except NULL:
        """The zone, as `Zone.ready`, while the list is open."""
        cdef zone_t *z = self.zone.ready()
        if not slot_is(z, self.slot, self.seq, SLOT_CAPTURE):
            raise MisuseError("capture list: used after it was closed")
        return z

    @property
    def closed(self):
        """Whether the list has been closed."""
        return not slot_is(self.zone.look(), self.slot, self.seq, SLOT_CAPTURE)

    def capture_one_page(self, pfn, order=0):
        """Put an allocated block on the list instead of freeing it; it merges with free and captured buddies.

        Parameters
        ----------
        pfn : int
            First page of the block.
        order : int, 0..max_page_order
            Order it was allocated with.

        Raises
        ------
        MisuseError
            If (pfn, order) is not an allocated block of this list's zone, or the list is closed.

        Notes
        -----
        O(max_page_order).  No counter but NR_FREE_PAGES moves, and that only for free buddies.  A list that releases
        early gives back all other blocks when this completes one of the order it waits for. A list that is `sated`
        takes nothing more: the block is freed.
        """
        cdef int64_t block = as_int64(pfn, "pfn")
        cdef int block_order = <int> as_ranged(order, "order", 0, self.zone.shape.max_page_order)
        cdef zone_t *z = self.ready()
        cdef int status = used_block_status(z, block, block_order)
        if status != ST_OK:
            refuse(z, status, "pfn", block, block_order)
        capture_one_page(z, self.slot, <int32_t> (block - z.base_pfn), block_order)

    def capture_many(self, pfns):
        """Capture an array of single pages, in order; the same as one call each, but all or nothing.

        Parameters
        ----------
        pfns : array_like of int, shape (n,)

        Raises
        ------
        MisuseError
            Naming the first offender and its index; then nothing has changed.
        """
        cdef zone_t *z
        cdef Buffer buffer = Buffer(int64_array(pfns, "pfns"))
        cdef const int64_t *p = <const int64_t *> buffer.view.buf
        cdef int64_t n = buffer.view.len // 8
        cdef int64_t k = 0
        cdef int status = ST_OK
        cdef bint is_open
        z = self.zone.begin()
        is_open = slot_is(z, self.slot, self.seq, SLOT_CAPTURE)
        if is_open:
            with nogil:
                status = capture_many(z, self.slot, p, n, NULL, 0, &k)
        self.zone.end()
        if not is_open:
            raise MisuseError("capture list: used after it was closed")
        if status != ST_OK:
            refuse(self.zone.ready(), status, f"pfns[{k}]", p[k], 0)

    def capture_alloc_or_return(self, order, *, alloc_flags=0, classzone_idx=0, bint hold=False):
        """Take a block of `order` from the list and give everything else back.

        Parameters
        ----------
        order : int, 0..max_page_order
        alloc_flags : int
            AllocFlags: which mark the zone must stay above (checked for order 0), HIGH, HARDER, CPUSET.
        classzone_idx : int, 0..3
            Index of the request's preferred zone, for lowmem_reserve.
        hold : bool
            A block that the watermark forbids, but not the cpuset, stays on the list, for another call.

        Returns
        -------
        int or None
            PFN of an allocated block; None if no block was large enough or the watermark forbids it.

        Notes
        -----
        First fit from the tail (the block whose last merge is oldest), cut by carve_off.  The list is empty
        afterwards, but for a block held, and can be used again.  O(blocks on the list).

        Examples
        --------
        >>> zone = Zone(0, 64, min_free_kbytes=0)
        >>> block = zone.rmqueue(5, 2)
        >>> capture = zone.capture_list()
        >>> capture.capture_one_page(block, 5)
        >>> capture.capture_alloc_or_return(4, alloc_flags=2), zone.nr_free_pages
        (0, 48)
        """
        cdef int wanted = <int> as_ranged(order, "order", 0, self.zone.shape.max_page_order)
        cdef int flags = <int> as_ranged(alloc_flags, "alloc_flags", 0, ALLOC_KNOWN)
        cdef int class_idx = <int> as_ranged(classzone_idx, "classzone_idx", 0, MAX_NR_ZONES - 1)
        cdef zone_t *z = self.ready()
        cdef int32_t i = capture_consult(z, self.slot, wanted, 0, class_idx, flags, hold)
        return None if i == NO_PAGE else z.base_pfn + i

    @property
    def sated(self):
        """Whether the block that the list waited for, or one that is held, is on it."""
        return bool(capture_sated(self.ready(), self.slot))

    def __repr__(self):
        if self.closed:
            return "<CaptureList, closed>"
        orders = self.blocks()["order"].tolist()
        pages = sum(1 << order for order in orders)
        return f"<CaptureList of {len(orders)} blocks, {pages} pages, on {self.zone!r}>"

    def blocks(self):
        """The captured blocks as a structured array (pfn, order), head first."""
        return list_tagged(self.zone, slot_list(self.ready(), self.slot), "order", self)

    @property
    def stats(self):
        """Pages by origin since the list was opened: own, merged (were free), foreign (freed by others); and the
        largest order that stood on it."""
        cdef slot_t s = zone_slot(self.ready(), self.slot)[0]
        return {"own": s.own, "merged": s.merged, "foreign": s.foreign, "largest": s.largest}

    def close(self):
        """Give everything back and close the list.  Closing twice is harmless."""
        cdef zone_t *z = self.zone.ready()
        if slot_is(z, self.slot, self.seq, SLOT_CAPTURE):
            capture_release(z, self.slot)

    def __enter__(self):
        self.ready()
        return self

    def __exit__(self, *exc):
        self.close()

    def __reduce__(self):
        raise TypeError("a CaptureList belongs to its zone: copy or pickle the Zone and ask it for capture_lists()")


cdef int count_capture_lists(zone_t *z) noexcept nogil:
    cdef int count = 0
    cdef int32_t slot
    for slot in range(z.slots_used):
        count += zone_slot(z, slot).kind == SLOT_CAPTURE
    return count


cdef void name_capture_lists(zone_t *z, uint64_t *names) noexcept nogil:
    """Write (seq, slot) of every open capture list as one number each."""
    cdef int32_t slot
    for slot in range(z.slots_used):
        if zone_slot(z, slot).kind == SLOT_CAPTURE:
            names[0] = <uint64_t> zone_slot(z, slot).seq << 32 | slot
            names += 1


cdef list open_capture_lists(Zone zone):
    """The open capture lists in order of creation."""
    cdef CaptureList capture
    cdef zone_t *z
    cdef Buffer buffer
    cdef uint64_t name
    cdef int n
    while True:
        n = count_capture_lists(zone.ready())
        names = new_array(n, np.uint64)
        buffer = Buffer(names, True)
        z = zone.ready()
        if count_capture_lists(z) == n:             # to make an array may run finalizers, which may open and close
            name_capture_lists(z, <uint64_t *> buffer.view.buf)
            break
    result = []
    for name in np.sort(names).tolist():
        capture = CaptureList.__new__(CaptureList, zone)
        capture.slot, capture.seq = <int32_t> (name & 0xFFFFFFFF), <uint32_t> (name >> 32)
        result.append(capture)
    return result
