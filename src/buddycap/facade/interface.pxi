# The C interface as Python objects: the table in a capsule, and what ctypes, cffi and numba want.

from collections import namedtuple

from cpython.pycapsule cimport PyCapsule_Destructor, PyCapsule_GetContext, PyCapsule_New, PyCapsule_SetContext
from cpython.ref cimport Py_DECREF, Py_INCREF

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


# --- one zone ---------------------------------------------------------------------------------------------------

cdef void release_capsule(object capsule) noexcept:
    Py_DECREF(<object> PyCapsule_GetContext(capsule))


cdef object zone_capsule(Zone zone):
    """The zone's address in a capsule that keeps the zone."""
    capsule = PyCapsule_New(zone.z, ZONE_CAPSULE, <PyCapsule_Destructor> release_capsule)
    Py_INCREF(zone)
    PyCapsule_SetContext(capsule, <void *> zone)
    return capsule


cdef object zone_ctypes(Zone zone):
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


cdef object zone_cffi(Zone zone):
    """Zone.cffi."""
    from buddycap.header import declarations

    if "cffi" not in interfaces:
        try:
            from cffi import FFI
        except ImportError as error:
            raise ImportError("Zone.cffi needs the package cffi") from error
        ffi = FFI()
        ffi.cdef(declarations())
        interfaces["cffi"] = (
            namedtuple("interface", ["zone_address", "zone", "api", "ffi", "owner"], module=__name__), ffi,
            ffi.cast("const bc_api *", c_api_address()))
    kind, ffi, api = interfaces["cffi"]
    return kind(zone.address, ffi.cast("bc_zone *", zone.address), api, ffi, zone)


@cython.final
cdef class ZoneLock:
    """A context manager that keeps other threads of Python out of a zone; `Zone.lock` makes one.

    Notes
    -----
    For C code that runs without the GIL: cffi, `numba.njit(nogil=True)`, a C extension.  Methods of the zone wait in
    other threads; in the thread that holds the lock they raise MisuseError.
    """

    cdef Zone zone
    cdef bint held

    def __cinit__(self, Zone zone=None):
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
