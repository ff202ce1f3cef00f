# A zone as threads and C code have it: one block of memory, one caller at a time; its address in all the forms that
# ctypes, numba, cffi and C extensions want.

cimport cython
from cpython.pycapsule cimport PyCapsule_Destructor, PyCapsule_GetContext, PyCapsule_New, PyCapsule_SetContext
from cpython.ref cimport Py_DECREF, Py_INCREF

from collections import namedtuple

cdef const char *ZONE_CAPSULE = "buddycap.zone"
cdef dict interfaces = {}       # what does not depend on the zone, made when it is first asked for

_C_API = PyCapsule_New(<void *> bc_get_api(), "buddycap._core._C_API", NULL)


def c_api_address():
    """Address of the table of C functions (`bc_api` in buddycap.h).

    Returns
    -------
    int

    Notes
    -----
    For programs that take integers, such as a simulator configured from Python. `_C_API` is the same as a capsule.

    Examples
    --------
    >>> c_api_address() != 0
    True
    """
    return <size_t> bc_get_api()


@cython.no_gc_clear                     # requests in a cycle with their zone let go of it when they are deallocated
cdef class ZoneHandle:
    """The block of memory of a `Zone`, whose base this is; it makes none by itself."""

    cdef zone_t *z
    cdef Memory memory
    cdef PyThread_type_lock turn
    cdef bint busy
    cdef bint running                   # in a call; busy without it: handed to one who has not woken up yet
    cdef int waiting
    cdef unsigned long holder           # thread that holds `lock`, or 0

    def __cinit__(self):
        if not isinstance(self, Zone):
            raise TypeError("a ZoneHandle is part of a Zone")
        self.turn = PyThread_allocate_lock()
        if self.turn == NULL:
            raise MemoryError("no lock for a zone")
        PyThread_acquire_lock(self.turn, WAIT_LOCK)

    def __dealloc__(self):
        if self.turn != NULL:
            PyThread_free_lock(self.turn)

    # --- one caller at a time ---
    # All of this is done with the GIL.  `turn` is always held but for the moment in which `end` hands the zone to one
    # of those who wait: so a caller in a loop cannot keep the others away.
    #
    # A method first converts its arguments, which may run Python code (__index__) and so let other threads in, and only
    # then asks for the zone; from there on it runs no Python code until it is done.

    cdef inline zone_t *ready(self) except NULL:
        """The zone, once no other thread is in a long call on it.  Whoever gets it next must have the GIL first."""
        if self.busy:
            self.begin()
            self.end()
        return self.z

    cdef zone_t *begin(self) except NULL:
        """Take the zone for a long call without the GIL; `end` must follow."""
        if self.busy:
            if self.is_held():
                raise MisuseError("the zone is held by this thread: leave `with zone.lock` first")
            self.waiting += 1
            with nogil:
                PyThread_acquire_lock(self.turn, WAIT_LOCK)
        self.busy = True
        self.running = True
        return self.z

    cdef inline bint is_held(self) noexcept:
        """Whether this thread holds the zone by `lock`: then nobody else works on it."""
        return self.holder != 0 and self.holder == PyThread_get_thread_ident()

    cdef void end(self) noexcept:
        self.running = False
        if self.waiting:
            self.waiting -= 1
            PyThread_release_lock(self.turn)
        else:
            self.busy = False

    # --- what never changes, and the marks ---

    @property
    def present_pages(self):
        """Pages that exist: spanned less holes."""
        return self.z.present_pages

    @property
    def spanned_pages(self):
        """Pages from the first to the last, holes included."""
        return self.z.spanned_pages

    @property
    def start_pfn(self):
        """First page frame number."""
        return self.z.start_pfn

    @property
    def max_page_order(self):
        """Largest order of a block."""
        return self.z.max_page_order

    @property
    def pageblock_order(self):
        """Order of a pageblock."""
        return self.z.pageblock_order

    @property
    def zone_idx(self):
        """Index of the zone in its node."""
        return self.z.zone_idx

    @property
    def cpus(self):
        """Number of per-CPU lists."""
        return self.z.cpus

    @property
    def pages_min(self):
        """The min watermark, in pages."""
        return self.z.pages_min

    @property
    def pages_low(self):
        """The low watermark, in pages."""
        return self.z.pages_low

    @property
    def pages_high(self):
        """The high watermark, in pages."""
        return self.z.pages_high

    @property
    def min_free_kbytes(self):
        """What the watermarks follow from, in KiB."""
        return self.z.min_free_kbytes

    @property
    def pcp_batch(self):
        """Pages moved at once between a per-CPU list and the zone."""
        return zone_pcp(self.z, 0).batch

    @property
    def pcp_high(self):
        """Length at which a per-CPU list spills a batch."""
        return zone_pcp(self.z, 0).high

    @property
    def image_bytes(self):
        """Bytes of the zone's state, which is what `save` writes."""
        return used_bytes(self.z)

    # --- views ---

    @property
    def nr_free(self):
        """Free blocks per order: read-only view, int64, shape (max_page_order + 1,)."""
        return memory_view(self.memory, "<i8", self.z.max_page_order + 1,
                           <uint8_t *> self.z.nr_free - <uint8_t *> self.z)

    @property
    def page_order(self):
        """Order byte of every page from start_pfn on: read-only view, uint8, shape (spanned_pages,).

        High nibble: 0 free head, 1 captured head, 2 and 4 allocated head, 3 on a per-CPU list; low nibble: the order
        (on a per-CPU list the type).  0xFF: inside a block.  0xFE: hole.
        """
        return memory_view(self.memory, "u1", self.z.spanned_pages, self.z.off_order + self.z.first)

    @property
    def page_flags(self):
        """Flags of every page from start_pfn on: read-only view, uint32, shape (spanned_pages,); see PageFlags.

        A captured head holds the number of its list here.
        """
        return memory_view(self.memory, "<u4", self.z.spanned_pages, self.z.off_flags + <uint64_t> self.z.first * 4)

    @property
    def owner(self):
        """Owner cookies from start_pfn on: read-only view, uint64, shape (spanned_pages,); None without owners."""
        if not self.z.off_owner:
            return None
        return memory_view(self.memory, "<u8", self.z.spanned_pages, self.z.off_owner + <uint64_t> self.z.first * 8)

    @property
    def pageblock_migratetype(self):
        """Type of each pageblock from that of the first page to that of the last: read-only view, uint8."""
        cdef zone_t *z = self.z
        cdef int32_t first = (z.first - z.pageblock_origin) >> z.pageblock_order
        cdef int32_t last = (z.end - 1 - z.pageblock_origin) >> z.pageblock_order
        return memory_view(self.memory, "u1", last - first + 1, z.off_pageblock + first)

    @property
    def pageblock_index(self):
        """From where pageblocks are counted: "absolute" or "zone_relative"; the same if the zone begins with one."""
        return "zone_relative" if self.ready().pageblock_origin else "absolute"

    @property
    def lowmem_reserve(self):
        """Pages kept from requests by class zone: read-only view, int64, shape (4,), in 6.1 (5,)."""
        if is_61(self.z):
            return (<ModernZone> self).reserve_view()
        return memory_view(self.memory, "<i8", MAX_NR_ZONES, <uint8_t *> self.z.lowmem_reserve - <uint8_t *> self.z)

    # --- for C code ---

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
            zone_address (int), zone (c_void_p), api_address (int), owner (the Zone, which it keeps), and each function
            of buddycap.h without `bc_`.

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
    def address(self):
        """Address of the zone's block of memory, valid as long as the zone lives."""
        return <size_t> self.z

    @property
    def lock(self):
        """A context manager that keeps other threads out while C code uses the zone without the GIL: a `ZoneLock`."""
        return ZoneLock.__new__(ZoneLock, self)


@cython.no_gc_clear
@cython.final
cdef class ZoneLock:
    """A context manager that keeps other threads of Python out of a zone; `Zone.lock` makes one.

    Notes
    -----
    For C code that runs without the GIL: cffi, `numba.njit(nogil=True)`, a C extension.  Methods of the zone wait in
    other threads; in the thread that holds the lock they raise MisuseError.
    """

    cdef ZoneHandle zone
    cdef bint held

    def __cinit__(self, ZoneHandle zone=None):
        if zone is None:
            raise TypeError("a ZoneLock comes from Zone.lock")
        self.zone = zone

    def __enter__(self):
        if self.held:
            raise MisuseError("a ZoneLock is entered once")
        self.zone.begin()
        self.zone.holder = PyThread_get_thread_ident()
        self.held = True
        return self

    def __exit__(self, *exc_info):
        if self.held:
            self.held = False
            self.zone.holder = 0
            self.zone.end()

    def __dealloc__(self):
        if self.held:
            self.zone.holder = 0
            self.zone.end()


# --- for other modules ---

cdef zone_t *zone_ready(object zone) except NULL:
    if not isinstance(zone, Zone):
        raise TypeError(f"zone: a Zone is wanted, not {type(zone).__name__}")
    (<ModernZone> zone).classic()
    return (<ZoneHandle> zone).ready()


cdef zone_t *zone_begin(object zone) except NULL:
    return (<ZoneHandle> zone).begin()


cdef void zone_end(object zone) noexcept:
    (<ZoneHandle> zone).end()


# --- what the properties give ---

cdef void release_capsule(object capsule) noexcept:
    Py_DECREF(<object> PyCapsule_GetContext(capsule))


cdef object zone_capsule(ZoneHandle zone):
    """The zone's address in a capsule that keeps the zone."""
    capsule = PyCapsule_New(zone.z, ZONE_CAPSULE, <PyCapsule_Destructor> release_capsule)
    Py_INCREF(zone)
    PyCapsule_SetContext(capsule, <void *> zone)
    return capsule


cdef object zone_ctypes(ZoneHandle zone):
    """Zone.ctypes."""
    import ctypes

    from buddycap.header import function_types

    if "ctypes" not in interfaces:
        types = function_types()
        table = ctypes.cast(c_api_address() + 16, ctypes.POINTER(ctypes.c_void_p))
        interfaces["ctypes"] = (
            namedtuple("interface", ["zone_address", "zone", "api_address", "owner", *types], module=__name__),
            [types[name](table[at]) for at, name in enumerate(types) if name != "get_api"],
            types["get_api"](<size_t> bc_get_api),
        )
    kind, functions, get_api = interfaces["ctypes"]
    return kind(zone.address, ctypes.c_void_p(zone.address), c_api_address(), zone, *functions, get_api)


cdef object zone_cffi(ZoneHandle zone):
    """Zone.cffi."""
    from buddycap.header import declarations

    if "cffi" not in interfaces:
        try:
            from cffi import FFI
        except ImportError as error:
            raise ImportError("Zone.cffi needs the package cffi") from error
        ffi = FFI()
        getattr(ffi, "cdef")(declarations())           # a keyword of Cython
        interfaces["cffi"] = (
            namedtuple("interface", ["zone_address", "zone", "api", "ffi", "owner"], module=__name__), ffi,
            ffi.cast("const bc_api *", c_api_address()))
    kind, ffi, api = interfaces["cffi"]
    return kind(zone.address, ffi.cast("bc_zone *", zone.address), api, ffi, zone)
