# Streams of requests to a machine of 6.1 or later: see common/requests.pxi.


cdef int stream_alloc_61(machine_t *m, machine_stream_t *s, const machine_op_t *op) noexcept nogil:
    """Allocate, by the shortcut if that does."""
    cdef int32_t zone = 0
    cdef int32_t i
    s.status = request_status_61(m, op.order, op.gfp, op.cpu)
    if op.flags & ~<uint32_t> (TASK_MEMALLOC | TASK_REALTIME):
        s.status = ST_FLAGS_UNKNOWN
    if s.status != ST_OK:
        return STREAM_REFUSED
    i = request_shortcut_61(m, op.order, op.gfp, op.cpu, &zone)
    if i != NO_PAGE:
        note_block(m, s, zone, i, PATH_FAST)
        return STREAM_STOPPED
    request_init_61(m, &s.request, op.order, op.gfp, op.cpu, op.flags)
    request_step_61(m, &s.request, STREAM_BUDGET, &s.step)
    if s.step.wait != WAIT_DONE or s.request.reclaims:
        return STREAM_REQUEST
    request_end(m, s)
    return STREAM_STOPPED


cdef int free_status_61(zone_t *z, int32_t i, int order, int op) noexcept nogil:
    """ST_OK if the block may be freed, or dropped by its owner."""
    cdef int status
    if op == MOP_FREE:
        return used_block_status_61(z, z.base_pfn + i, order)
    status = single_page_status_61(z, i)
    if status == ST_OK and flags_array(z)[i] & PF_ORPHAN:
        return ST_PAGE_RELEASED
    return status


cdef int stream_page_61(machine_t *m, machine_stream_t *s, const machine_op_t *op) noexcept nogil:
    """Every operation on a page that is there already."""
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int order = 0
    cdef zone_t *z
    if not find_target(m, s, op, &zone, &i, &order):
        return STREAM_STOPPED if s.status == ST_OK else STREAM_REFUSED
    z = m.zone[zone]
    if op.arg >= 0 and page_status_61(z, z.base_pfn + i) != ST_OK:
        return STREAM_STOPPED
    if op.op == MOP_FREE or op.op == MOP_RELEASE:
        s.status = ST_CPU_RANGE if op.cpu >= z.cpus else free_status_61(z, i, order, op.op)
        if s.status == ST_OK:
            if op.arg >= 0:
                s.result[op.arg].freed = 1
            note_freed(m, zone, i)
            if op.op == MOP_FREE:
                free_block_61(z, i, order, op.cpu)
            else:
                page_release_61(z, i, op.cpu)
    elif op.op == MOP_LRU_ADD or op.op == MOP_SLAB_ADD:
        s.status = loose_page_status_61(z, i)
        if s.status == ST_OK:
            s.status = list_page(m, z, i, op.flags, op.op)
    else:
        s.status = single_page_status_61(z, i)
        if s.status == ST_OK:
            s.status = change_page(z, i, op.flags, op.op)
    if s.status != ST_OK:
        return STREAM_REFUSED
    s.result[s.at].pfn = z.base_pfn + i
    s.result[s.at].zone = m.nr_zones - 1 - zone
    return STREAM_STOPPED


cdef int run_requests_61(machine_t *m, machine_stream_t *s, int64_t stop) noexcept nogil:
    """Perform the operations from `at` up to `stop`, or until somebody must be asked."""
    cdef const machine_op_t *op
    cdef int why
    while s.at < stop:
        if events_pending(m) > NR_EVENTS - STREAM_EVENT_ROOM:
            return STREAM_EVENTS
        op = &s.ops[s.at]
        prefetch_target(m, s, s.at + PREFETCH_OPS, stop)
        result_clear(&s.result[s.at])
        if op.op == MOP_ALLOC:
            why = stream_alloc_61(m, s, op)
        elif op.op == MOP_KSWAPD:
            why = STREAM_KSWAPD
        elif MOP_FREE <= op.op <= MOP_CLEAR_FLAGS:
            why = stream_page_61(m, s, op)
        else:
            s.status = ST_OP_UNKNOWN
            why = STREAM_REFUSED
        if why != STREAM_STOPPED:
            return why
        s.at += 1
    return STREAM_STOPPED
