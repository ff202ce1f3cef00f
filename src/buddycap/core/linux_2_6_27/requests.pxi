# Streams of requests to a machine of 2.6.27: see common/requests.pxi.

cdef enum:
    POLICY_WORDS = sizeof(policy_t) // sizeof(int32_t)      # its fields: nothing but int32_t

# --- what may be asked for --------------------------------------------------------------------------------------

cdef int request_status_27(const machine_t *m, int64_t order, int64_t gfp, int64_t cpu) noexcept nogil:
    """ST_OK if there can be such a request."""
    if <uint64_t> order > <uint64_t> m.zone[0].max_page_order:
        return ST_ORDER_RANGE
    if gfp & ~<int64_t> GFP_KNOWN:
        return ST_GFP_UNKNOWN
    if gfp & (GFP_MOVABLE | GFP_RECLAIMABLE) == (GFP_MOVABLE | GFP_RECLAIMABLE):
        return ST_GFP_MOBILITY
    return ST_OK if <uint64_t> cpu < <uint64_t> m.zone[0].cpus else ST_CPU_RANGE


cdef void policy_limits(policy_t *low, policy_t *high) noexcept nogil:
    """The smallest and the largest value of every field.  One that is not named here is a switch."""
    cdef int k
    memset(low, 0, sizeof(policy_t))
    for k in range(POLICY_WORDS):
        (<int32_t *> high)[k] = 1
    low.batch = 1
    high.capture_min_order = MAX_ORDERS         # one above the largest order of any zone: never
    high.batch = PAGEVEC_SIZE
    high.hold_rounds = MAX_HOLD_ROUNDS
    high.hold_order = MAX_ORDERS - 1
    high.queue = QUEUE_STRICT
    high.reserved = 0


cdef int policy_ok(const policy_t *p) noexcept nogil:
    """Whether every field of a policy is in range."""
    cdef policy_t low, high
    cdef int k
    policy_limits(&low, &high)
    for k in range(POLICY_WORDS):
        if not (<int32_t *> &low)[k] <= (<const int32_t *> p)[k] <= (<int32_t *> &high)[k]:
            return 0
    return 1


# --- single operations ------------------------------------------------------------------------------------------

cdef int stream_alloc(machine_t *m, machine_stream_t *s, const machine_op_t *op) noexcept nogil:
    """Allocate, by the shortcut if that does."""
    cdef int32_t zone = 0
    cdef int32_t i
    s.status = request_status_27(m, op.order, op.gfp, op.cpu)
    if op.flags & ~<uint32_t> (TASK_MEMALLOC | TASK_REALTIME):
        s.status = ST_FLAGS_UNKNOWN
    if s.status != ST_OK:
        return STREAM_REFUSED
    i = request_shortcut_27(m, op.order, op.gfp, op.cpu, &zone)
    if i != NO_PAGE:
        note_block(m, s, zone, i, PATH_FAST)
        return STREAM_STOPPED
    request_init_27(m, &s.request, op.order, op.gfp, op.cpu, op.flags, s.policy)
    request_step_27(m, &s.request, STREAM_BUDGET, &s.step)
    if s.step.wait != WAIT_DONE or s.request.reclaims:
        return STREAM_REQUEST
    request_end(m, s)
    return STREAM_STOPPED


cdef int free_status(zone_t *z, int32_t i, int order, int op) noexcept nogil:
    """ST_OK if the block may be freed, or dropped by its owner."""
    cdef int status
    if op == MOP_FREE:
        return used_block_status(z, z.base_pfn + i, order)
    status = single_page_status(z, i)
    if status == ST_OK and flags_array(z)[i] & PF_ORPHAN:
        return ST_PAGE_RELEASED
    return status


cdef int add_to_list(machine_t *m, zone_t *z, int32_t i, uint32_t flags, int op) noexcept nogil:
    """Put a page on its LRU list or on the slab list; a status."""
    cdef int status = loose_page_status(z, i)
    return list_page(m, z, i, flags, op) if status == ST_OK else status


cdef int stream_page(machine_t *m, machine_stream_t *s, const machine_op_t *op) noexcept nogil:
    """Every operation on a page that is there already."""
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int order = 0
    cdef zone_t *z
    if not find_target(m, s, op, &zone, &i, &order):
        return STREAM_STOPPED if s.status == ST_OK else STREAM_REFUSED
    z = m.zone[zone]
    if op.arg >= 0 and page_status(z, z.base_pfn + i) != ST_OK:
        return STREAM_STOPPED
    if op.op == MOP_FREE or op.op == MOP_RELEASE:
        s.status = ST_CPU_RANGE if op.cpu >= z.cpus else free_status(z, i, order, op.op)
        if s.status == ST_OK:
            if op.arg >= 0:
                s.result[op.arg].freed = 1
            note_freed(m, zone, i)
            if op.op == MOP_FREE:
                free_block_27(z, i, order, op.cpu)
            else:
                page_release_27(z, i, op.cpu)
    elif op.op == MOP_LRU_ADD or op.op == MOP_SLAB_ADD:
        s.status = add_to_list(m, z, i, op.flags, op.op)
    else:
        s.status = single_page_status(z, i)
        if s.status == ST_OK:
            s.status = change_page(z, i, op.flags, op.op)
    if s.status != ST_OK:
        return STREAM_REFUSED
    s.result[s.at].pfn = z.base_pfn + i
    s.result[s.at].zone = m.nr_zones - 1 - zone
    return STREAM_STOPPED


# --- the stream -------------------------------------------------------------------------------------------------

cdef int run_requests_27(machine_t *m, machine_stream_t *s, int64_t stop) noexcept nogil:
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
            why = stream_alloc(m, s, op)
        elif op.op == MOP_KSWAPD:
            why = STREAM_KSWAPD
        elif MOP_FREE <= op.op <= MOP_CLEAR_FLAGS:
            why = stream_page(m, s, op)
        else:
            s.status = ST_OP_UNKNOWN
            why = STREAM_REFUSED
        if why != STREAM_STOPPED:
            return why
        s.at += 1
    return STREAM_STOPPED
