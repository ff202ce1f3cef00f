# Whole arrays of frees, captures and allocations in one call, with exactly the result of single calls.

cdef enum:
    PREFETCH_BLOCKS = 12        # how far ahead


cdef int free_many_status(zone_t *z, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                          int64_t *offender) noexcept nogil:
    """ST_OK if the n blocks can all be freed; else why not and the first offender.  Nothing changes either way.

    While it looks, the order bytes of the blocks seen are marked, so that a duplicate is found without memory.
    """
    cdef uint8_t *state = order_array(z)
    cdef int status = ST_OK
    cdef int64_t k = 0
    cdef int64_t m
    while k < n:
        if orders != NULL:
            order = orders[k]
        status = used_block_status(z, pfns[k], order)
        if status != ST_OK:
            break
        state[pfns[k] - z.base_pfn] |= PG_SEEN
        k += 1
    for m in range(k):
        state[pfns[m] - z.base_pfn] &= ~PG_SEEN
    offender[0] = k
    return status


cdef int free_many(zone_t *z, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                   int64_t *offender) noexcept nogil:
    """Free n blocks in order, all or none."""
    cdef int status = free_many_status(z, pfns, n, orders, order, offender)
    cdef int64_t k
    if status != ST_OK:
        return status
    for k in range(n):
        if k + PREFETCH_BLOCKS < n:
            buddycap_prefetch(order_array(z) + (pfns[k + PREFETCH_BLOCKS] - z.base_pfn))
            buddycap_prefetch(link_array(z) + (pfns[k + PREFETCH_BLOCKS] - z.base_pfn))
        free_pages_ok(z, <int32_t> (pfns[k] - z.base_pfn), order if orders == NULL else orders[k])
    return ST_OK


cdef int capture_many(zone_t *z, int32_t slot, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                      int64_t *offender) noexcept nogil:
    """Capture n blocks in order, all or none."""
    cdef int status = free_many_status(z, pfns, n, orders, order, offender)
    cdef int64_t k
    if status != ST_OK:
        return status
    for k in range(n):
        capture_one_page(z, slot, <int32_t> (pfns[k] - z.base_pfn), order if orders == NULL else orders[k])
    return ST_OK


cdef int64_t alloc_many(zone_t *z, int64_t *pfns, int64_t n, int order, int mt) noexcept nogil:
    """Allocate n blocks; how many were had.  The rest of `pfns` is filled with NO_PAGE."""
    cdef int64_t k = 0
    cdef int64_t m
    cdef int32_t i
    while k < n:
        i = rmqueue_zone(z, order, mt)
        if i == NO_PAGE:
            break
        pfns[k] = z.base_pfn + i
        k += 1
    for m in range(k, n):
        pfns[m] = NO_PAGE
    return k
