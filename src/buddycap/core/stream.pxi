# Streams of operations: many single requests in one call.
#
# What a stream will free soon is known, so its cache lines are asked for ahead of time: in a zone larger than the
# caches that is worth more than anything else.

cdef enum:
    PREFETCH_OPS = 12           # how far ahead


cdef inline int run_alloc(zone_t *z, const op_t *op, int64_t *result) noexcept nogil:
    cdef int32_t i
    if op.order > z.max_page_order:
        return ST_ORDER_RANGE
    if op.migratetype > MT_MOVABLE:
        return ST_TYPE_RANGE
    if op.flags & OP_PCP and op.order == 0:
        i = rmqueue_pcplist(z, 0, op.migratetype, op.flags & OP_COLD)
    else:
        i = rmqueue_zone(z, op.order, op.migratetype)
    result[0] = NO_PAGE if i == NO_PAGE else z.base_pfn + i
    return ST_OK


cdef inline int run_free(zone_t *z, const op_t *ops, int64_t k, int64_t *results) noexcept nogil:
    cdef const op_t *op = &ops[k]
    cdef int64_t pfn = op.pfn
    cdef int order = op.order
    cdef int status
    results[k] = NO_PAGE
    if op.arg >= 0:
        if op.arg >= k or ops[op.arg].op != OP_ALLOC:
            return ST_OP_ARG
        pfn = results[op.arg]
        order = ops[op.arg].order
        if pfn == NO_PAGE:
            return ST_OK
    status = used_block_status(z, pfn, order)
    if status != ST_OK:
        return status
    if op.flags & OP_PCP and order == 0:
        free_hot_cold_page(z, 0, <int32_t> (pfn - z.base_pfn), op.flags & OP_COLD)
    else:
        free_pages_ok(z, <int32_t> (pfn - z.base_pfn), order)
    results[k] = pfn
    return ST_OK


cdef inline void prefetch_free(zone_t *z, const op_t *ops, int64_t k, const int64_t *results,
                               int64_t now) noexcept nogil:
    """Ask for what operation k will touch, if it frees a page that is known at operation `now`."""
    cdef uint64_t i
    if ops[k].op != OP_FREE or ops[k].arg < 0 or ops[k].arg >= now:
        return
    i = <uint64_t> results[ops[k].arg] - <uint64_t> z.base_pfn
    if i < <uint64_t> z.nr_index:
        buddycap_prefetch(order_array(z) + i)
        buddycap_prefetch(link_array(z) + i)
        buddycap_prefetch(link_array(z) + (i ^ (1 << (ops[ops[k].arg].order & 0x0F))))


cdef int run_ops(zone_t *z, const op_t *ops, int64_t start, int64_t stop, int64_t *results,
                 int64_t *done) noexcept nogil:
    """Perform ops[start:stop] of a stream; `results` belongs to the whole stream.  Stops at the first bad one."""
    cdef int64_t k
    cdef int status = ST_OK
    for k in range(start, stop):
        if k + PREFETCH_OPS < stop:
            prefetch_free(z, ops, k + PREFETCH_OPS, results, k)
        if ops[k].op == OP_ALLOC:
            status = run_alloc(z, &ops[k], &results[k])
        elif ops[k].op == OP_FREE:
            status = run_free(z, ops, k, results)
        else:
            status = ST_OP_UNKNOWN
        if status != ST_OK:
            done[0] = k
            return status
    done[0] = stop
    return ST_OK
