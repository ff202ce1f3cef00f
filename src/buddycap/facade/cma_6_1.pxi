# CMA areas at the boundary: pageblocks that serve movable pages until somebody wants a part of them in one piece.

cdef extern from "Python.h":
    char *PyByteArray_AS_STRING(object array)


@cython.final
cdef class CmaArea:
    """Pageblocks that only movable pages use, until somebody wants a part in one piece; `Machine.cma` makes one.

    Attributes
    ----------
    start, pages : int
        First PFN and size.
    used : int
        Pages that have been given out.
    refusals : int
        Places that could not be emptied.

    Examples
    --------
    >>> zone = Zone(0, 8192, kernel="6.1", cma=True)
    >>> area = Node([zone]).cma(1024)
    >>> area.start, zone.nr_free_cma
    (7168, 1024)
    >>> area.alloc(100), area.alloc(64, align=6), area.used
    (7168, 7296, 164)
    >>> area.release(7168, 100)
    >>> area.alloc(30), area.alloc(1024)
    (7168, None)
    """

    cdef readonly tuple zones           # of the node it is in, lowest first
    cdef readonly int64_t refusals
    cdef object machine                 # who hears of moved pages, or None
    cdef bytearray taken
    cdef cma_t area

    def __init__(self):
        raise TypeError("a CmaArea comes from Machine.cma or Node.cma")

    def __repr__(self):
        return f"<CmaArea of pfn {self.start}..{self.start + self.pages - 1}, {self.used} pages given out>"

    @property
    def start(self):
        """First PFN."""
        return self.area.start

    @property
    def pages(self):
        """Size in pages."""
        return self.area.pages

    @property
    def used(self):
        """Pages that have been given out."""
        return self.area.used

    def alloc(self, pages, align=0):
        """Allocate pages in one piece, at the first place that can be emptied.

        Parameters
        ----------
        pages : int
        align : int, 0..10
            The first PFN is aligned to this order.

        Returns
        -------
        int or None
            First PFN; these are single allocated pages.

        Notes
        -----
        O(pages of the area), and what moves.  Linux: cma_alloc (6.1).
        """
        cdef int64_t wanted = as_ranged(pages, "pages", 1, <int64_t> 1 << 31)
        cdef int order = <int> as_ranged(align, "align", 0, ORDER_MAX_61)
        cdef int64_t at = cma_take(&self.area, 0, wanted, order)
        while at >= 0:
            try:
                result = begin_range(self.zones, self.machine, self.area.start + at, wanted, MT61_CMA,
                                     CONTIG_KEEP).run()
            except BaseException:
                cma_drop(&self.area, at, wanted)
                raise
            if result:
                return self.area.start + at
            self.refusals += 1
            cma_drop(&self.area, at, wanted)
            at = cma_take(&self.area, at + (<int64_t> 1 << order), wanted, order)
        return None

    def release(self, pfn, pages):
        """Give pages back, any part of what has been given out.

        Raises
        ------
        MisuseError
            If one of them was not given out, or is not allocated any more; then none has been given back.

        Notes
        -----
        O(pages).  Linux: cma_release (6.1).
        """
        cdef int64_t first = as_int64(pfn, "pfn")
        cdef int64_t wanted = as_ranged(pages, "pages", 1, <int64_t> 1 << 31)
        if not cma_has(&self.area, first, wanted):
            raise MisuseError(f"pfn={first}, pages={wanted}: not all given out by the area {self.area.start}.."
                              f"{self.area.start + self.area.pages - 1}")
        for zone in self.zones:
            if zone.start_pfn <= first < zone.start_pfn + zone.spanned_pages:
                zone.free_range(first, wanted)
        cma_drop(&self.area, first - self.area.start, wanted)


cdef CmaArea area_at(tuple zones, object machine, object start, object pages):
    """An area of pageblocks that are CMA; nothing is given out."""
    cdef CmaArea area = CmaArea.__new__(CmaArea)
    area.zones, area.machine = zones, machine
    area.taken = bytearray(pages)
    area.area.start, area.area.pages = start, pages
    area.area.taken = <uint8_t *> PyByteArray_AS_STRING(area.taken)
    return area


cdef object new_area(tuple zones, object machine, object pages, object start):
    """An area at a place, or at the highest that can be emptied; None if it cannot, or there is none."""
    cdef Zone zone
    cdef int64_t wanted, low, end, step
    if not zones:
        raise MisuseError("cma: a Machine without zones: it was never set up")
    zone = zones[0]
    zone.needs_modern()
    step = <int64_t> 1 << zone.shape.pageblock_order
    wanted = as_ranged(pages, "pages", 1, <int64_t> 1 << 31)
    if not zone.shape.cma:
        raise MisuseError("cma: the zones were made without cma=True")
    if wanted % step:
        raise MisuseError(f"pages={wanted}: whole pageblocks of {step} pages are wanted")
    if start is not None:
        result = begin_range(zones, machine, start, wanted, None, CONTIG_CMA).run()
        return area_at(zones, machine, start, wanted) if result else None
    for one in reversed(zones):
        zone = one
        low = zone.shape.start_pfn
        end = (low + zone.shape.spanned_pages) & -step
        while end - wanted >= low and zone.shape.zone_idx <= ZONE_NORMAL_61:
            result = begin_range(zones, machine, end - wanted, wanted, None, CONTIG_CMA).run()
            if result:
                return area_at(zones, machine, end - wanted, wanted)
            end = end - step if result.blocker is None else min(end - step, result.blocker & -step)
    return None
