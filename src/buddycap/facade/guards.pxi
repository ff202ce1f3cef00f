# The boundary: Python values in, exceptions out, memory owned.  Every refusal names argument, value and range and
# is raised before anything has changed.

from cpython.buffer cimport (PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_FillInfo, PyBuffer_Release,
                             PyObject_GetBuffer)
from cpython.exc cimport PyErr_CheckSignals

import operator

import numpy as np

from buddycap.errors import CorruptionError, FormatError, MisuseError

cdef extern from "Python.h":
    int PyLong_Check(object value)
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1

cdef extern from *:
    """
    #if defined(_WIN32)
    #include <stdlib.h>
    static void *buddycap_reserve(size_t n) { return calloc(1, n); }
    static void buddycap_release(void *p, size_t n) { (void) n; free(p); }
    #elif defined(BUDDYCAP_CHECKED)
    #include <sys/mman.h>
    #include <unistd.h>
    #if defined(__SANITIZE_ADDRESS__)
    #include <sanitizer/asan_interface.h>
    #else
    #define ASAN_POISON_MEMORY_REGION(p, n) ((void) (p), (void) (n))
    #define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void) (p), (void) (n))
    #endif
    /* The block ends at a page that nobody may touch, but for less than 64 bytes, and begins less than a page behind
       another such page; what lies between is poisoned. */
    static size_t buddycap_page(void) { return (size_t) sysconf(_SC_PAGESIZE); }
    static size_t buddycap_span(size_t n) { return (n + buddycap_page() - 1) / buddycap_page() * buddycap_page(); }
    static void *buddycap_reserve(size_t n) {
        size_t page = buddycap_page(), span = buddycap_span(n), before = (span - n) & ~(size_t) 63;
        char *map = (char *) mmap(NULL, span + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED) return NULL;
        if (mprotect(map + page, span, PROT_READ | PROT_WRITE)) {
            (void) munmap(map, span + 2 * page);
            return NULL;
        }
        ASAN_POISON_MEMORY_REGION(map + page, before);
        ASAN_POISON_MEMORY_REGION(map + page + before + n, span - before - n);
        return map + page + before;
    }
    static void buddycap_release(void *p, size_t n) {
        size_t page = buddycap_page(), span = buddycap_span(n), before = (span - n) & ~(size_t) 63;
        char *map = (char *) p - before - page;
        ASAN_UNPOISON_MEMORY_REGION(map + page, span);
        (void) munmap(map, span + 2 * page);
    }
    #else
    #include <sys/mman.h>
    /* Fresh zero pages, given by the kernel as they are touched; refused at once if there can never be enough. */
    static void *buddycap_reserve(size_t n) {
        void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    #if defined(MADV_HUGEPAGE)
        if (p != MAP_FAILED && n >= ((size_t) 2 << 20)) (void) madvise(p, n, MADV_HUGEPAGE);
    #endif
        return p == MAP_FAILED ? NULL : p;
    }
    static void buddycap_release(void *p, size_t n) { (void) munmap(p, n); }
    #endif
    #if defined(__linux__) && !defined(MADV_POPULATE_WRITE)
    #define MADV_POPULATE_WRITE 23
    #endif
    /* Ask for memory now rather than at its first use, as a kernel has its mem_map from boot; harmless if refused. */
    static void buddycap_populate(void *p, size_t n) {
    #if defined(__linux__)
        if (n >= ((size_t) 2 << 20)) (void) madvise(p, n, MADV_POPULATE_WRITE);
    #else
        (void) p; (void) n;
    #endif
    }
    """
    void *buddycap_reserve(size_t n) nogil
    void buddycap_release(void *p, size_t n) nogil
    void buddycap_populate(void *p, size_t n) nogil

cdef extern from *:
    """
    /* The value of a plain int of one digit (30 bits), which most arguments are; 0 for everything else. */
    static inline int buddycap_short_int(PyObject *value, int64_t *result) {
        if (!PyLong_CheckExact(value)) return 0;
    #if PY_VERSION_HEX >= 0x030C0000
        if (!PyUnstable_Long_IsCompact((PyLongObject *) value)) return 0;
        *result = (int64_t) PyUnstable_Long_CompactValue((PyLongObject *) value);
    #else
        Py_ssize_t size = Py_SIZE(value);
        if (size < -1 || size > 1) return 0;
        *result = size == 0 ? 0 : (int64_t) size * (int64_t) ((PyLongObject *) value)->ob_digit[0];
    #endif
        return 1;
    }
    """
    int buddycap_short_int(object value, int64_t *result)


cdef class Memory:
    """A block of memory that Python objects share: views keep it alive."""

    cdef char *data
    cdef uint64_t size
    cdef bint taken             # a zone lives here: there must not be another one, which would have its own lock

    def __cinit__(self, uint64_t size):
        self.data = <char *> buddycap_reserve(size)
        if self.data == NULL:
            raise MemoryError(f"a zone of this size needs {size} bytes of memory")
        self.size = size

    def __dealloc__(self):
        if self.data != NULL:
            buddycap_release(self.data, self.size)

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.data, self.size, 1, flags)


cdef object memory_view(Memory memory, dtype, int64_t count, uint64_t offset):
    """Read-only array over part of a block: no copy, valid as long as it is referenced."""
    return np.frombuffer(memory, dtype=dtype, count=count, offset=offset)


cdef inline int64_t as_int64(object value, str name) except? -1:
    """An exact integer of 64 bits.  May run Python code (__index__): look at a zone's state only afterwards."""
    cdef int64_t result = 0
    if buddycap_short_int(value, &result):
        return result
    return as_int64_slowly(value, name)


cdef frozenset NUMBERS_ALONE = frozenset(("order", "pfn", "n", "mark"))


cdef int64_t as_int64_slowly(object value, str name) except? -1:
    """`as_int64` for everything but small plain integers.  A name of a kernel's enumeration is no order and no page."""
    cdef int overflow = 0
    cdef int64_t result
    if name in NUMBERS_ALONE and isinstance(getattr(type(value), "kernel", None), str):
        raise MisuseError(f"{name}={value!r}: a number is wanted, not a name")
    if not PyLong_Check(value):
        try:
            value = operator.index(value)
        except TypeError:
            raise TypeError(f"{name}={value!r}: an integer is wanted, not {type(value).__name__}") from None
    result = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        raise MisuseError(f"{name}={value}: allowed range is -2^63..2^63-1")
    return result


cdef inline int64_t as_ranged(object value, str name, int64_t low, int64_t high) except? -1:
    """An integer in [low, high]."""
    cdef int64_t result = as_int64(value, name)
    if low <= result <= high:
        return result
    return out_of_range(value, name, low, high)


cdef int64_t out_of_range(object value, str name, int64_t low, int64_t high) except? -1:
    raise MisuseError(f"{name}={value}: allowed range is {low}..{high}")


cdef uint64_t as_uint64(object value, str name) except? 0:
    """An exact integer of 64 bits without a sign, such as an owner cookie or a seed."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r}: an integer is wanted, not {type(value).__name__}") from None
    if not 0 <= number < 1 << 64:
        raise MisuseError(f"{name}={number}: allowed range is 0..2^64-1")
    return number


cdef str status_message(int status):
    """What a status means, in words that go behind "pfn=...: "."""
    return {
        ST_PFN_RANGE: "outside the zone",
        ST_PFN_HOLE: "in a hole of the zone",
        ST_UNALIGNED: "not aligned to the order",
        ST_PAGE_FREE: "already free",
        ST_PAGE_CAPTURED: "captured: it belongs to a capture list",
        ST_PAGE_ON_PCP: "already free: it is on a per-CPU list",
        ST_PAGE_INSIDE: "inside a block: only its first page names it",
        ST_WRONG_ORDER: "allocated with another order",
        ST_PAGE_IN_USE_BY_RECLAIM: "on an LRU list, isolated or under writeback: take it off first",
        ST_DUPLICATE: "named twice in one call",
        ST_NOT_SINGLE: "a block of higher order; only single pages are on the LRU",
        ST_PAGE_LISTED: "already on a list or under writeback",
        ST_PAGE_RELEASED: "released already",
        ST_PAGE_RESERVED: "reserved: the allocator was never given it",
        ST_PAGE_TAKEN: "taken off the free lists: put it back first",
        ST_PAGE_COMPOUND: "a compound block, which cannot be split",
        ST_PAGE_NOT_FREE: "no free block starts there",
        ST_PAGE_NOT_TAKEN: "not taken off the free lists with this order",
        ST_PAGE_NOT_RESERVED: "not a whole reserved pageblock",
        ST_PAGE_HELD: "in the hands of compaction under way",
        ST_PAGE_MARKED: "marked: it has page flags, or more than one reference",
        ST_TOO_MANY_REFS: "too many references: 65536 are the most, and one for a page on a list",
    }.get(status, f"refused with status {status}")


cdef str flags_message(int status, str where, int64_t flags, int64_t allowed):
    """What is wrong with GFP bits or page flags."""
    return f"{where}={flags:#x}: " + {
        ST_GFP_UNKNOWN: f"unknown bits {flags & ~allowed:#x}",
        ST_GFP_MOBILITY: "MOVABLE and RECLAIMABLE at once",
        ST_FLAGS_UNKNOWN: f"{flags & ~allowed:#x} cannot be set here",
        ST_FLAGS_ANON: "SWAPCACHE needs ANON, and ANON needs SWAPBACKED",
        ST_FLAGS_LISTS: "ACTIVE and UNEVICTABLE at once",
    }[status]


cdef str inside_message(zone_t *z, int32_t i):
    """What is wrong with naming page i, which is inside a block."""
    cdef int32_t head = block_head(z, i)
    cdef int state = order_array(z)[head] & PG_STATE
    cdef str block = f"block {z.base_pfn + head} of order {order_array(z)[head] & 0x0F}"
    if state == PG_FREE:
        return f"already free: inside the free {block}"
    if state == PG_CAPTURED or state == PG_PRIVATE:
        return f"captured: inside the captured {block}"
    return f"inside the allocated {block}: only its first page names it"


cdef int refuse(zone_t *z, int status, str where, int64_t pfn, int64_t order) except -1:
    """Raise the exception for a status; `where` stands in front, such as "pfns[3]"."""
    cdef str said
    cdef int64_t last = z.start_pfn + z.spanned_pages - 1
    if status == ST_ORDER_RANGE:
        raise MisuseError(f"{where}: order={order}: allowed range is 0..{z.max_page_order}")
    if status == ST_WRONG_ORDER:
        raise MisuseError(f"{where}={pfn}: order={order}, but the block was allocated with order "
                          f"{order_array(z)[pfn - z.base_pfn] & 0x0F}")
    if status == ST_PAGE_INSIDE:
        said = inside_message(z, <int32_t> (pfn - z.base_pfn))
    else:
        said = status_message(status)
    raise MisuseError(f"{where}={pfn}: {said} (order={order}, the zone is {z.start_pfn}..{last})")


cdef int corrupted(const violation_t *v) except -1:
    """Raise what zone_check has found."""
    raise CorruptionError(v.invariant, None if v.pfn == NO_PAGE else v.pfn, v.expected, v.found)
