# Streams of operations on a zone of 6.1: many single requests in one call.  See common/stream.pxi for tags and
# prefetches.


cdef inline int run_alloc_61(zone_t *z, const op_t *op, int64_t *result) noexcept nogil:
    cdef int32_t i
    cdef int order = op.order
    if order > ORDER_MAX_61:
        return ST_ORDER_RANGE
    if op.migratetype >= ORDINARY_61:
        return ST_TYPE_RANGE
    if op.flags & OP_PCP:
        i = rmqueue_zone_61(z, order, request_type_61(z, op.migratetype), 0)
    else:
        i = rmqueue_buddy_61(z, order, request_type_61(z, op.migratetype), 0)
    result[0] = tagged(NO_PAGE if i == NO_PAGE else z.base_pfn + i, order + 1)
    return ST_OK


cdef inline int run_free_61(zone_t *z, const op_t *op, int64_t k, int64_t *results) noexcept nogil:
    cdef int64_t pfn = op.pfn
    cdef int64_t arg = op.arg
    cdef int order = op.order
    cdef int status
    results[k] = tagged(NO_PAGE, 0)
    if arg < -1:
        return ST_OP_ARG
    if arg >= 0:
        if arg >= k or result_tag(results[arg]) == 0:
            return ST_OP_ARG
        pfn = result_pfn(results[arg])
        order = result_tag(results[arg]) - 1
        if pfn == NO_PAGE:
            return ST_OK
    status = used_block_status_61(z, pfn, order)
    if status != ST_OK:
        return status
    if op.flags & OP_PCP:
        put_page_61(z, <int32_t> (pfn - z.base_pfn), order)
    else:
        free_pages_ok_61(z, <int32_t> (pfn - z.base_pfn), order)
    results[k] = tagged(pfn, 0)
    return ST_OK


cdef int run_rare_61(zone_t *z, const op_t *op, int64_t k, int64_t *results) noexcept nogil:
    """What streams seldom do: split a block, free a part of one, take a block that is named."""
    cdef int64_t pfn = op.pfn
    cdef int order = op.order
    cdef int status
    results[k] = tagged(NO_PAGE, 0)
    if op.op == OP_ALLOC_AT:
        status = place_status(z, pfn, order)
        if status == ST_OK:
            results[k] = tagged(pfn if alloc_at_61(z, <int32_t> (pfn - z.base_pfn), order) else NO_PAGE, order + 1)
        return status
    if op.op != OP_SPLIT and op.op != OP_FREE_PART:
        return ST_OP_UNKNOWN
    status = named_block(op, k, results, &pfn, &order)
    if status != ST_OK or pfn == NO_PAGE:
        return status
    if order > z.max_page_order:
        return ST_ORDER_RANGE
    status = split_status_61(z, pfn, order) if op.op == OP_SPLIT else free_range_status_61(z, pfn, 1 << order)
    if status != ST_OK:
        return status
    if op.op == OP_SPLIT:
        split_page_61(z, <int32_t> (pfn - z.base_pfn), order)
    else:
        free_range_61(z, <int32_t> (pfn - z.base_pfn), 1 << order)
    results[k] = tagged(pfn, 0)
    return ST_OK


cdef int run_ops_61(zone_t *z, const op_t *ops, int64_t start, int64_t stop, int64_t *results,
                    int64_t *done) noexcept nogil:
    """Perform ops[start:stop] of a stream; `results` belongs to the whole stream.  Stops at the first bad one.

    The results have tags until `finish_results` has been called.
    """
    cdef int64_t k
    cdef int status = ST_OK
    for k in range(start, stop):
        if k + PREFETCH_RESULTS < stop:
            prefetch_result(&ops[k + PREFETCH_RESULTS], results)
            prefetch_page(z, &ops[k + PREFETCH_OPS], results, k)
        if ops[k].op == OP_ALLOC:
            status = run_alloc_61(z, &ops[k], &results[k])
        elif ops[k].op == OP_FREE:
            status = run_free_61(z, &ops[k], k, results)
        else:
            status = run_rare_61(z, &ops[k], k, results)
        if status != ST_OK:
            done[0] = k
            return status
    done[0] = stop
    return ST_OK
