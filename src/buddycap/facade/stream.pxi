# Streams of requests at the boundary: the driver of core/linux_2_6_27/requests.pxi.

REQUEST_DTYPE = np.dtype([("op", "u1"), ("order", "u1"), ("cpu", "<u2"), ("gfp", "<u4"), ("arg", "<i4"),
                          ("flags", "<u4"), ("pfn", "<i8")])
RESULT_DTYPE = np.dtype([("pfn", "<i8"), ("cost", "<i4"), ("zone", "i1"), ("path", "u1"), ("freed", "u1"),
                         ("reserved", "u1")])
COST_DTYPE = np.dtype([(name, "<i8") for name in (
    "op", *COST_NAMES, "reclaims", "capture_own", "capture_merged", "capture_foreign", "capture_largest", "givebacks",
    "sync_passes", "writeback_waits", "congestion_waits", "oom_rounds", "consults", "holds", "rescued", "hold_pages",
    "hold_ms", "queue_waits")])


cdef int refuse_request(MachineBase machine, machine_stream_t *s) except -1:
    """Raise the exception for the operation whose turn it is."""
    cdef const machine_op_t *op = &s.ops[s.at]
    cdef const shape_t *node = machine.node()
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int found
    cdef bint known = 0 <= op.arg < s.at
    cdef int64_t pfn = s.result[op.arg].pfn if known else op.pfn
    cdef int order = s.ops[op.arg].order if known else op.order
    where = f"ops[{s.at}]: "
    allowed = {MOP_ALLOC: TASK_MEMALLOC | TASK_REALTIME, MOP_LRU_ADD: LRU_FLAGS, MOP_SLAB_ADD: SLAB_FLAGS}
    if s.status == ST_OP_UNKNOWN:
        raise MisuseError(f"{where}op={op.op}: allowed range is {MOP_ALLOC}..{MOP_KSWAPD}")
    if s.status == ST_OP_ARG:
        raise MisuseError(f"{where}arg={op.arg}: allowed are -1 and the index of an allocation before this operation")
    if s.status == ST_CPU_RANGE:
        raise MisuseError(f"{where}cpu={op.cpu}: allowed range is 0..{node.cpus - 1}")
    if s.status == ST_GFP_UNKNOWN or s.status == ST_GFP_MOBILITY:
        raise MisuseError(flags_message(s.status, where + "gfp", op.gfp, node.gfp))
    if s.status == ST_FLAGS_UNKNOWN or s.status == ST_FLAGS_ANON or s.status == ST_FLAGS_LISTS:
        raise MisuseError(flags_message(s.status, where + "flags", op.flags, allowed.get(op.op, LOOSE_FLAGS)))
    if s.status == ST_NO_SWAP:
        raise MisuseError(f"{where}flags={op.flags:#x}: SWAPCACHE, but no swap slot is free")
    if op.op == MOP_ALLOC:
        raise MisuseError(f"{where}order={op.order}: allowed range is 0..{node.max_page_order}")
    found = machine_find(machine.ready(), pfn, &zone, &i)
    if s.status == ST_PFN_RANGE and not found:
        raise MisuseError(f"{where}pfn={pfn}: in none of the machine's zones")
    refuse_page(machine.zone_at(zone), s.status, where + "pfn", pfn, order)


cdef int note_cost(machine_stream_t *s, machine_cost_t *row, bytearray costs) except -1:
    """Keep a row of costs; the result of operation `at` tells where it is."""
    s.result[s.at].cost = <int32_t> (len(costs) // sizeof(machine_cost_t))
    row.op = s.at
    costs += (<char *> row)[:sizeof(machine_cost_t)]
    return 0


cdef int note_request(machine_stream_t *s, bytearray costs) except -1:
    cdef machine_cost_t row
    cdef const request_t *r = &s.request
    cdef const scan_t *sc = &r.scan
    memset(&row, 0, sizeof(row))
    memcpy(row.cost, &r.total, sizeof(row.cost))
    row.reclaims = r.reclaims
    row.capture_own = sc.capture_own
    row.capture_merged = sc.capture_merged
    row.capture_foreign = sc.capture_foreign
    row.capture_largest = sc.capture_largest
    row.givebacks = sc.givebacks
    row.sync_passes = sc.sync_passes
    row.writeback_waits = sc.writeback_waits
    row.congestion_waits = sc.congestion_waits
    row.oom_rounds = r.oom_rounds
    row.consults = sc.consults
    row.holds = sc.holds
    row.rescued = sc.rescued
    row.hold_pages = sc.hold_pages
    row.hold_ms = sc.hold_ms
    row.queue_waits = r.queue_waits
    return note_cost(s, &row, costs)


cdef int stream_kswapd(MachineBase machine, machine_stream_t *s, bytearray costs) except -1:
    """The turn of kswapd."""
    cdef machine_cost_t row
    cdef cost_t before = machine.ready().kswapd.total
    cdef cost_t cost
    memset(&row, 0, sizeof(row))
    row.capture_largest = -1
    machine.run_kswapd()
    cost = machine.ready().kswapd.total
    cost_add(&cost, &before, -1)
    memcpy(row.cost, &cost, sizeof(row.cost))
    note_cost(s, &row, costs)
    s.at += 1
    return 0


cdef int stream_turn(MachineBase machine, machine_stream_t *s, object policy, int64_t stop, bytearray costs) except -1:
    """Go on until `stop`, or until something has been asked for and done."""
    cdef int why
    cdef machine_t *m = machine.begin()
    with nogil:
        why = run_requests(m, s, stop)
    machine.end()
    if why == STREAM_REFUSED:
        refuse_request(machine, s)
    elif why == STREAM_EVENTS:
        machine.drain()
    elif why == STREAM_KSWAPD:
        stream_kswapd(machine, s, costs)
    elif why == STREAM_REQUEST:
        machine.go_on(&s.request, &s.step, policy)
        request_end(machine.ready(), s)
        if s.request.reclaims:
            note_request(s, costs)
        s.at += 1
    return 0


cdef object run_requests_array(MachineBase machine, object ops, object policy):
    """`Machine.run`."""
    cdef machine_stream_t s
    cdef policy_t row
    cdef Buffer stream, out, buffer
    cdef int64_t n
    cdef int k
    cdef bytearray costs = bytearray()
    machine.node()
    ops = np.asarray(ops)
    if ops.dtype != REQUEST_DTYPE or ops.ndim != 1:
        raise MisuseError(f"ops: dtype {ops.dtype}, shape {ops.shape}: one dimension of REQUEST_DTYPE is wanted")
    if len(ops) >= (1 << 31) - 1:
        raise MisuseError(f"ops: {len(ops)} operations: at most 2^31 - 2 in one call")
    memset(&s, 0, sizeof(s))
    if policy is not None:
        as_policy(machine.of_capture(machine.find_policy(policy), machine.node()), &row)
        s.policy = &row
    n = len(ops)
    results = np.empty(n, dtype=RESULT_DTYPE)
    stream, out = Buffer(own_copy(ops)), Buffer(results, True)     # hooks and signal handlers may change it on the way
    s.ops, s.result = <const machine_op_t *> stream.view.buf, <machine_result_t *> out.view.buf
    # Not cleared: it is asked about pages alone that operations of this stream have allocated, and have written it for.
    holders = [Buffer(np.empty(machine.nr_index(k), np.int32), True) for k in range(len(machine.zones))]
    for k in range(len(machine.zones)):
        buffer = holders[k]
        s.holder[k] = <int32_t *> buffer.view.buf
    while s.at < n:
        stream_turn(machine, &s, policy, min(n, s.at + RUN_CHUNK), costs)
        PyErr_CheckSignals()
    machine.drain()
    return results, np.frombuffer(costs, dtype=COST_DTYPE)
