# A zone as threads and C code have it: one block of memory, one caller at a time; its address in all the forms that
# ctypes, numba, cffi and C extensions want.

from cpython.pycapsule cimport PyCapsule_Destructor, PyCapsule_GetContext, PyCapsule_New, PyCapsule_SetContext
from cpython.ref cimport Py_DECREF, Py_INCREF

from collections import namedtuple

cdef list ZONE_CAPSULES = ["buddycap.zone".encode(), *(f"buddycap.zone.{name}".encode() for name in RELEASES[1:])]
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
cdef class ZoneHandle(Guard):
    """The block of memory of a `Zone`, whose base this is; it makes none by itself."""

    cdef zone_t *guarded
    cdef shape_t shape                  # what never changes: it may be read at any time
    cdef Memory memory

    def __cinit__(self):
        if not isinstance(self, Zone):
            raise TypeError("a ZoneHandle is part of a Zone")

    # --- the only ways to the zone: see turns.pxi ---

    cdef inline zone_t *ready(self) except NULL:
        """The zone, once no other thread is in a long call on it; good until the next foreign code."""
        if self.busy:
            self.wait()
        return self.guarded

    cdef zone_t *look(self) except NULL:
        """`ready` for readers of a number: they may, in the thread that holds the zone by `lock`."""
        if self.busy and not self.is_held():
            self.wait()
        return self.guarded

    cdef zone_t *begin(self) except NULL:
        """The zone for a long call without the GIL; `end` must follow."""
        self.take()
        return self.guarded

    cdef zone_t *settled(self) noexcept:
        """`look` for those who cannot be refused; NULL in a child process whose parent left the zone half done."""
        try:
            return self.look()
        except BaseException:
            return NULL

    cdef int adopt(self, Memory memory) except -1:
        """The zone in a block of memory, which is complete, becomes this one's."""
        cdef zone_t *z = <zone_t *> memory.data
        cdef int k
        self.shape.bytes = z.bytes
        self.shape.base_pfn, self.shape.start_pfn = z.base_pfn, z.start_pfn
        self.shape.spanned_pages, self.shape.present_pages = z.spanned_pages, z.present_pages
        self.shape.first, self.shape.end, self.shape.pageblock_origin = z.first, z.end, z.pageblock_origin
        self.shape.max_page_order, self.shape.pageblock_order = z.max_page_order, z.pageblock_order
        self.shape.zone_idx, self.shape.cpus, self.shape.slot_limit = z.zone_idx, z.cpus, z.slot_limit
        self.shape.off_pageblock, self.shape.off_order = z.off_pageblock, z.off_order
        self.shape.off_flags, self.shape.off_owner = z.off_flags, z.off_owner
        self.shape.off_nr_free = <uint8_t *> z.nr_free - <uint8_t *> z
        self.shape.kernel, self.shape.types = z.kernel, zone_types(z)
        shape_of(&self.shape, z)
        for k in range(MAX_NR_ZONES):
            self.shape.node_present[k] = z.node_present[k]
        self.memory = memory
        self.guarded = z
        return 0

    # --- what never changes, and the marks ---

    @property
    def present_pages(self):
        """Pages that exist: spanned less holes."""
        return self.shape.present_pages

    @property
    def spanned_pages(self):
        """Pages from the first to the last, holes included."""
        return self.shape.spanned_pages

    @property
    def start_pfn(self):
        """First page frame number."""
        return self.shape.start_pfn

    @property
    def max_page_order(self):
        """Largest order of a block."""
        return self.shape.max_page_order

    @property
    def pageblock_order(self):
        """Order of a pageblock."""
        return self.shape.pageblock_order

    @property
    def zone_idx(self):
        """Index of the zone in its node."""
        return self.shape.zone_idx

    @property
    def cpus(self):
        """Number of per-CPU lists."""
        return self.shape.cpus

    @property
    def pages_min(self):
        """The min watermark, in pages."""
        return self.look().pages_min

    @property
    def pages_low(self):
        """The low watermark, in pages."""
        return self.look().pages_low

    @property
    def pages_high(self):
        """The high watermark, in pages."""
        return self.look().pages_high

    @property
    def min_free_kbytes(self):
        """What the watermarks follow from, in KiB."""
        return self.look().min_free_kbytes

    @property
    def pcp_batch(self):
        """Pages moved at once between a per-CPU list and the zone."""
        return zone_pcp(self.look(), 0).batch

    @property
    def pcp_high(self):
        """Length at which a per-CPU list spills a batch."""
        return zone_pcp(self.look(), 0).high

    @property
    def image_bytes(self):
        """Bytes of the zone's state, which is what `save` writes."""
        return used_bytes(self.look())

    # --- views ---

    @property
    def nr_free(self):
        """Free blocks per order: read-only view, int64, shape (max_page_order + 1,)."""
        return memory_view(self.memory, "<i8", self.shape.max_page_order + 1, self.shape.off_nr_free)

    @property
    def page_order(self):
        """Order byte of every page from start_pfn on: read-only view, uint8, shape (spanned_pages,).

        High nibble: 0 free head, 1 captured head, 2 and 4 allocated head, 3 on a per-CPU list; low nibble: the order
        (on a per-CPU list the type).  0xFF: inside a block.  0xFE: hole.
        """
        return memory_view(self.memory, "u1", self.shape.spanned_pages, self.shape.off_order + self.shape.first)

    @property
    def page_flags(self):
        """Flags of every page from start_pfn on: read-only view, uint32, shape (spanned_pages,); see PageFlags.

        A captured head holds the number of its list here.
        """
        return memory_view(self.memory, "<u4", self.shape.spanned_pages,
                           self.shape.off_flags + <uint64_t> self.shape.first * 4)

    @property
    def owner(self):
        """Owner cookies from start_pfn on: read-only view, uint64, shape (spanned_pages,); None without owners."""
        if not self.shape.off_owner:
            return None
        return memory_view(self.memory, "<u8", self.shape.spanned_pages,
                           self.shape.off_owner + <uint64_t> self.shape.first * 8)

    @property
    def pageblock_migratetype(self):
        """Type of each pageblock from that of the first page to that of the last: read-only view, uint8."""
        cdef const shape_t *shape = &self.shape
        cdef int32_t first = (shape.first - shape.pageblock_origin) >> shape.pageblock_order
        cdef int32_t last = (shape.end - 1 - shape.pageblock_origin) >> shape.pageblock_order
        return memory_view(self.memory, "u1", last - first + 1, shape.off_pageblock + first)

    @property
    def pageblock_index(self):
        """From where pageblocks are counted: "absolute" or "zone_relative"; the same if the zone begins with one."""
        return "zone_relative" if self.shape.pageblock_origin else "absolute"

    @property
    def lowmem_reserve(self):
        """Pages kept from requests by class zone: read-only view, int64, shape (4,), in 6.1 (5,)."""
        return memory_view(self.memory, "<i8", self.shape.reserves, self.shape.off_lowmem_reserve)

    # --- whole state ---

    def check(self):
        """Recompute every invariant from the page array upward.

        Raises
        ------
        CorruptionError
            Naming the first invariant that does not hold (core/common/check.pxi numbers them), PFN, expected, found.

        Notes
        -----
        O(spanned_pages).
        """
        cdef violation_t v
        cdef zone_t *z = self.begin()
        cdef int ok
        with nogil:
            ok = zone_layout_ok(z, &v) and zone_check(z, &v)
        self.end()
        if not ok:
            corrupted(&v)

    def digest(self):
        """128 bits over the whole state, as 32 hexadecimal digits: equal states have equal digests everywhere.

        Notes
        -----
        O(spanned_pages).  Counters, capture lists, per-CPU lists, LRU and random numbers are included.
        """
        cdef uint64_t words[2]
        cdef zone_t *z = self.begin()
        with nogil:
            zone_digest(z, words)
        self.end()
        return f"{words[0]:016x}{words[1]:016x}"

    # --- for C code ---

    @property
    def capsule(self):
        """The zone for C extensions: a PyCapsule that keeps it, named "buddycap.zone", or "buddycap.zone.6.1"."""
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
        return <size_t> self.memory.data

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
        self.zone.take()
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


# --- several zones ---

cdef class ZonesHandle:
    """The zones of a machine or a node, all of which are free when one works on it."""

    # To wait for one zone lets other threads at the others.  So one looks again until none is busy, and holds none
    # meanwhile, so that two who wait for each other's zones cannot stop for ever.

    cdef readonly tuple zones           # lowest first

    cdef int wait_for_one(self, bint own) except -1:
        """Wait for the first zone that is busy, those that this thread holds apart if `own`; 0 if none is."""
        cdef ZoneHandle zone
        for one in self.zones:
            zone = <ZoneHandle> one
            if zone.running and not (own and zone.is_held()):
                zone.wait()
                return 1
        return 0


@cython.no_gc_clear
cdef class MachineHandle(ZonesHandle):
    """The machine of a `MachineBase`, whose base this is."""

    cdef machine_t guarded

    def __cinit__(self, *args, **kwargs):
        machine_init(&self.guarded)
        self.zones = ()

    cdef machine_t *ready(self) except NULL:
        """The machine, once no other thread is in a long call on a zone; good until the next foreign code."""
        while self.wait_for_one(False):
            pass
        return &self.guarded

    cdef machine_t *look(self) except NULL:
        """`ready` for readers of a number: they may, in the thread that holds a zone by `lock`."""
        while self.wait_for_one(True):
            pass
        return &self.guarded

    cdef machine_t *settled(self) noexcept:
        """`look` for those who cannot be refused; NULL in a child process whose parent left a zone half done."""
        try:
            return self.look()
        except BaseException:
            return NULL

    cdef machine_t *whereabouts(self) noexcept:
        """Where the machine is, for those who ask the guard themselves before they look at it."""
        return &self.guarded

    cdef machine_t *begin(self) except NULL:
        """The machine for a long call without the GIL; `end` must follow."""
        cdef Py_ssize_t taken = 0
        self.ready()
        try:
            for zone in self.zones:
                (<ZoneHandle> zone).take()
                taken += 1
        except BaseException:
            for zone in self.zones[:taken]:
                (<ZoneHandle> zone).end()
            raise
        return &self.guarded

    cdef void end(self) noexcept:
        for zone in self.zones:
            (<ZoneHandle> zone).end()

    cdef int adopt(self, const machine_t *m, tuple zones) except -1:
        """A machine that is complete, and its zones, become this one's."""
        if self.zones:
            raise MisuseError("a Machine is set up only once")
        self.guarded = m[0]
        self.zones = zones
        return 0


ctypedef struct node_t:
    zone_t *zone[ZONES_61]
    int n


@cython.no_gc_clear
cdef class NodeHandle(ZonesHandle):
    """The zones of a `Node`, whose base this is."""

    cdef node_t guarded

    def __cinit__(self, *args, **kwargs):
        self.zones = ()

    cdef node_t *ready(self) except NULL:
        """The zones, once no other thread is in a long call on one; good until the next foreign code."""
        while self.wait_for_one(False):
            pass
        return &self.guarded

    cdef int adopt(self, tuple zones) except -1:
        """Zones that fit together, at most ZONES_61, become the node's."""
        cdef int k
        cdef ZoneHandle zone
        for k in range(len(zones)):
            zone = zones[k]
            self.guarded.zone[k] = zone.guarded
        self.guarded.n = len(zones)
        self.zones = zones
        return 0


# --- for other modules ---

cdef const shape_t *zone_shape(object zone) except NULL:
    if not isinstance(zone, Zone):
        raise TypeError(f"zone: a Zone is wanted, not {type(zone).__name__}")
    return &(<ZoneHandle> zone).shape


cdef zone_t *zone_ready(object zone) except NULL:
    return (<ZoneHandle> zone).ready()


cdef zone_t *zone_look(object zone) except NULL:
    return (<ZoneHandle> zone).look()


cdef zone_t *zone_settled(object zone) noexcept:
    return (<ZoneHandle> zone).settled()


cdef zone_t *zone_begin(object zone) except NULL:
    return (<ZoneHandle> zone).begin()


cdef void zone_end(object zone) noexcept:
    (<ZoneHandle> zone).end()


# --- what the properties give ---

cdef void release_capsule(object capsule) noexcept:
    Py_DECREF(<object> PyCapsule_GetContext(capsule))


cdef object zone_capsule(ZoneHandle zone):
    """The zone's address in a capsule that keeps the zone."""
    cdef bytes name = ZONE_CAPSULES[zone.shape.kernel]      # the list keeps it: a capsule does not copy its name
    capsule = PyCapsule_New(zone.memory.data, <const char *> name, <PyCapsule_Destructor> release_capsule)
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
