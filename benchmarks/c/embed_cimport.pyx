# The loop of embed_pairs.c in another Cython module.
from libc.stdint cimport int32_t, int64_t

from buddycap._core cimport free_pages_ok, rmqueue_zone, zone_t


cdef int64_t loop(zone_t *z, long n, int order) noexcept nogil:
    cdef int64_t total = 0
    cdef int32_t page
    while n:
        n -= 1
        page = rmqueue_zone(z, order, 2)
        total += page
        free_pages_ok(z, page, order)
    return total


def pairs(size_t address, long n, int order):
    """Sum of the pages."""
    return loop(<zone_t *> address, n, order)
