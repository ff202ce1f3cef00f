# Streams of operations: many single requests in one call.  See common/stream.pxi for tags and prefetches.


cdef int run_alloc_rare(zone_t *z, const op_t *op, int64_t *result) noexcept nogil:
    """An allocation through the list of CPU 0, or one for which the lists of its type have nothing."""
    cdef int32_t i
    if op.flags & OP_PCP and op.order == 0:
        i = rmqueue_pcplist_27(z, 0, op.migratetype, op.flags & OP_COLD)
    else:
        i = rmqueue_fallback(z, op.order, request_type(z, op.migratetype))
        if i != NO_PAGE:
            z.vm[VM_PGALLOC] += 1 << op.order
    result[0] = tagged(NO_PAGE if i == NO_PAGE else z.base_pfn + i, op.order + 1)
    return ST_OK


cdef inline int run_alloc(zone_t *z, const op_t *op, int64_t *result, tally_t *t) noexcept nogil:
    cdef int32_t i = NO_PAGE
    cdef int order = op.order
    if buddycap_rarely(order > z.max_page_order):
        return ST_ORDER_RANGE
    if buddycap_rarely(not is_requestable_27(op.migratetype)):
        return ST_TYPE_RANGE
    if not (op.flags & OP_PCP and order == 0):
        i = rmqueue_smallest(z, order, free_list(0, request_type(z, op.migratetype)), MIGRATE_TYPES, t)
    if buddycap_rarely(i == NO_PAGE):
        return run_alloc_rare(z, op, result)
    result[0] = tagged(z.base_pfn + i, order + 1)
    return ST_OK


cdef inline int run_free(zone_t *z, const op_t *op, int64_t k, int64_t *results, tally_t *t) noexcept nogil:
    cdef int64_t pfn = op.pfn
    cdef int64_t arg = op.arg
    cdef int order = op.order
    cdef int status
    if arg >= 0:
        if buddycap_rarely(arg >= k or result_tag(results[arg]) == 0):
            return ST_OP_ARG
        pfn = result_pfn(results[arg])
        order = result_tag(results[arg]) - 1
    elif buddycap_rarely(arg < -1):
        return ST_OP_ARG
    results[k] = tagged(pfn, 0)
    if buddycap_rarely(pfn == NO_PAGE and arg >= 0):
        return ST_OK
    status = used_block_status(z, pfn, order)
    if buddycap_rarely(status != ST_OK):
        return status
    if op.flags & OP_PCP and order == 0:
        free_hot_cold_page_27(z, 0, <int32_t> (pfn - z.base_pfn), op.flags & OP_COLD)
    else:
        free_pages_prepare(z, <int32_t> (pfn - z.base_pfn))
        merge_block(z, <int32_t> (pfn - z.base_pfn), order, t)
    return ST_OK


cdef void run_settle(zone_t *z, const tally_t *t) noexcept nogil:
    """What rmqueue_zone and free_pages_ok count besides, for the whole stream."""
    tally_settle(z, t)
    z.vm[VM_PGALLOC] += t.taken
    z.vm[VM_PGFREE] += t.freed
    if t.freed:
        z.all_unreclaimable = 0
        z.pages_scanned = 0


cdef int run_rare_27(zone_t *z, const op_t *op, int64_t k, int64_t *results) noexcept nogil:
    """What streams seldom do: split a block, free a part of one, take a block that is named."""
    cdef int64_t pfn = op.pfn
    cdef int order = op.order
    cdef int status
    results[k] = tagged(NO_PAGE, 0)
    if op.op == OP_ALLOC_AT:
        status = place_status(z, pfn, order)
        if status == ST_OK:
            results[k] = tagged(pfn if alloc_at_27(z, <int32_t> (pfn - z.base_pfn), order) else NO_PAGE, order + 1)
        return status
    if op.op != OP_SPLIT and op.op != OP_FREE_PART:
        return ST_OP_UNKNOWN
    status = named_block(op, k, results, &pfn, &order)
    if status != ST_OK or pfn == NO_PAGE:
        return status
    if order > z.max_page_order:
        return ST_ORDER_RANGE
    status = used_block_status(z, pfn, order) if op.op == OP_SPLIT else free_range_status(z, pfn, 1 << order)
    if status != ST_OK:
        return status
    if op.op == OP_SPLIT:
        split_page(z, <int32_t> (pfn - z.base_pfn), order)
    else:
        free_range_27(z, <int32_t> (pfn - z.base_pfn), 1 << order)
    results[k] = tagged(pfn, 0)
    return ST_OK


cdef int run_ops_27(zone_t *z, const op_t *ops, int64_t start, int64_t stop, int64_t *results,
                    int64_t *done) noexcept nogil:
    """Perform ops[start:stop] of a stream; `results` belongs to the whole stream.  Stops at the first bad one.

    The results have tags until `finish_results` has been called.
    """
    cdef tally_t t = tally_t(0, 0, 0, 0)
    cdef int status = ST_OK
    cdef int64_t k = start
    while k < stop:
        if k + PREFETCH_RESULTS < stop:
            prefetch_result(&ops[k + PREFETCH_RESULTS], results)
            prefetch_page(z, &ops[k + PREFETCH_OPS], results, k)
        if ops[k].op == OP_ALLOC:
            status = run_alloc(z, &ops[k], &results[k], &t)
        elif ops[k].op == OP_FREE:
            status = run_free(z, &ops[k], k, results, &t)
        else:
            status = run_rare_27(z, &ops[k], k, results)
        if buddycap_rarely(status != ST_OK):
            break
        k += 1
    run_settle(z, &t)
    done[0] = k
    return status
