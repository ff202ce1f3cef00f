# Methods of Zone (zone.pxi includes this in the class): any number of pages, parts of blocks, owners, and the zone as C
# code gets it.


def alloc_pages_exact(self, pages, migratetype=2):
    """Allocate contiguous pages, of any number: a block of the next power of two, whose tail is freed again.

    Parameters
    ----------
    pages : int, 1..2^max_page_order
    migratetype : int, 0..2

    Returns
    -------
    int or None
        First PFN.  From then on these are single pages.

    Notes
    -----
    O(pages).  Linux: alloc_pages_exact (2.6.27), the tail straight to the free lists.

    Examples
    --------
    >>> zone = Zone(0, 64, min_free_kbytes=0)
    >>> zone.alloc_pages_exact(5), zone.nr_free_pages
    (0, 59)
    >>> zone.free_pages_exact(0, 5)
    """
    cdef int64_t wanted = as_ranged(pages, "pages", 1, <int64_t> 1 << self.z.max_page_order)
    cdef int mt = <int> as_ranged(migratetype, "migratetype", 0, MT_MOVABLE)
    cdef zone_t *z = self.ready()
    cdef int32_t i = alloc_pages_exact(z, wanted, mt)
    return None if i == NO_PAGE else z.base_pfn + i


def free_pages_exact(self, pfn, pages):
    """Free pages pfn .. pfn + pages - 1, all or none: whole blocks, and parts of blocks.

    Raises
    ------
    MisuseError
        If one of them is not allocated.

    Notes
    -----
    O(pages).  A block that sticks out is split into single pages first, and those outside stay allocated.
    Linux: free_pages_exact, split_page.

    Examples
    --------
    >>> zone = Zone(0, 64, min_free_kbytes=0)
    >>> zone.free_pages_exact(zone.rmqueue(4, 2) + 3, 9)
    >>> zone.nr_free_pages
    57
    """
    cdef int64_t first = as_int64(pfn, "pfn")
    cdef int64_t wanted = as_ranged(pages, "pages", 1, <int64_t> 1 << 31)
    cdef zone_t *z = self.ready()
    cdef int status = free_range_status(z, first, wanted)
    if status != ST_OK:
        raise MisuseError(f"pfn={first}, pages={wanted}: {status_message(status)} (the zone is {z.start_pfn}.."
                          f"{z.start_pfn + z.spanned_pages - 1})")
    free_range(z, <int32_t> (first - z.base_pfn), wanted)


def free_at(self, pfn):
    """Free the allocated block that holds a page, whatever its order; returns that."""
    cdef int64_t page = as_int64(pfn, "pfn")
    cdef zone_t *z = self.ready()
    cdef int order = 0
    cdef int status = ST_PFN_RANGE
    cdef int32_t head
    if z.start_pfn <= page < z.start_pfn + z.spanned_pages:
        head = block_head(z, <int32_t> (page - z.base_pfn))
        order = order_array(z)[head] & 0x0F
        status = used_head_status(z, head)
    if status != ST_OK:
        refuse(z, status, "pfn", page, order)
    free_pages_ok(z, head, order)
    return order


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
    cdef zone_t *z = self.ready()
    cdef int status
    if not z.off_owner:
        raise MisuseError("set_owners: the zone was made without owners=True")
    status = set_owners(z, p, c, n, &k)
    if status != ST_OK:
        refuse(z, status, f"pfns[{k}]", p[k], 0)


@property
def capsule(self):
    """The zone for C extensions: a PyCapsule named "buddycap.zone", which keeps the zone."""
    return zone_capsule(self)


@property
def ctypes(self):
    """The zone and every C function for ctypes and numba: a namedtuple.

    Returns
    -------
    interface
        zone_address (int), zone (c_void_p), api_address (int), owner (the Zone, which it keeps), and each function of
        buddycap.h without `bc_`.

    Notes
    -----
    The addresses are valid as long as the zone lives.  See `lock` for code that runs without the GIL.

    Examples
    --------
    >>> c = Zone(0, 64, min_free_kbytes=0).ctypes
    >>> pfn = c.alloc(c.zone, 3, 2, None)
    >>> c.free(c.zone, pfn, 3, None), c.free(c.zone, pfn, 3, None)
    (0, -7)
    """
    return zone_ctypes(self)


@property
def cffi(self):
    """The zone for cffi: a namedtuple of zone_address, zone (`bc_zone *`), api (`bc_api *`), ffi and owner.

    Raises
    ------
    ImportError
        Without the package cffi.
    """
    return zone_cffi(self)


@property
def lock(self):
    """A context manager that keeps other threads out while C code uses the zone without the GIL: a `ZoneLock`."""
    return ZoneLock.__new__(ZoneLock, self)
