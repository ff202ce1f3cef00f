# The C entry points of a machine: its zones, requests and kswapd as steps, swap and events.

cdef enum:
    BUDGET_MAX = 1 << 30


# --- what is what -----------------------------------------------------------------------------------------------

cdef inline machine_t *as_machine(const bc_machine *machine) noexcept nogil:
    return <machine_t *> machine


cdef int machine_status(const bc_machine *machine, const void *out) noexcept nogil:
    """BC_OK if there is a machine with live zones, and `out` is NULL or aligned."""
    cdef machine_t *m = <machine_t *> machine
    cdef int k
    if machine == NULL or (<size_t> machine | <size_t> out) & 7:
        return BC_EMISUSE_POINTER
    if m.magic != machine_magic() or not 1 <= m.nr_zones <= MAX_NR_ZONES:
        return BC_EMISUSE_MACHINE
    for k in range(m.nr_zones):
        if classic_status(<bc_zone *> m.zone[k], NULL) != BC_OK:
            return BC_EMISUSE_ZONE
    return BC_OK


cdef int scan_status(const machine_t *m, const scan_t *sc) noexcept nogil:
    """Whether what a reclaimer holds can still be there."""
    if not 0 <= sc.zone < m.nr_zones:
        return BC_EMISUSE_REQUEST
    if ZONE_PASS <= sc.zone_state <= ZONE_BALANCE and not (
            0 <= sc.page_slot < m.zone[sc.zone].slots_used
            and zone_slot(m.zone[sc.zone], sc.page_slot).kind == SLOT_PAGES):
        return BC_EMISUSE_REQUEST
    return BC_OK


cdef int live_request(const bc_machine *machine, const bc_request *request, const void *out) noexcept nogil:
    """The same for a request of the machine."""
    cdef request_t *r = <request_t *> request
    cdef machine_t *m = <machine_t *> machine
    cdef int status = machine_status(machine, out)
    if status != BC_OK:
        return status
    if pointer_bad(request):
        return BC_EMISUSE_POINTER
    if r.magic != request_magic(m, r):
        return BC_EMISUSE_REQUEST
    return scan_status(m, &r.scan)


# --- start ------------------------------------------------------------------------------------------------------

cdef public int64_t bc_machine_bytes() noexcept nogil:
    return sizeof(machine_t)


cdef public int64_t bc_request_bytes() noexcept nogil:
    return sizeof(request_t)


cdef public int bc_machine_config_init(bc_machine_config *config, uint64_t size) noexcept nogil:
    cdef machine_t m
    cdef int k
    if pointer_bad(config):
        return BC_EMISUSE_POINTER
    if size != sizeof(bc_machine_config):
        return BC_EMISUSE_SIZE
    machine_init(&m)
    memset(config, 0, sizeof(bc_machine_config))
    config.size = sizeof(bc_machine_config)
    config.swappiness = m.swappiness
    config.oom_rounds = m.oom_rounds
    config.slab_objects_per_page = m.slab_objects_per_page
    for k in range(NR_GFP_ZONES):
        config.gfp_zone[k] = m.gfp_zone[k]
    config.policy = m.policy
    return BC_OK


cdef int machine_config_ok(const bc_machine_config *c) noexcept nogil:
    cdef int k
    for k in range(NR_GFP_ZONES):
        if not 0 <= c.gfp_zone[k] < MAX_NR_ZONES:
            return 0
    for k in range(8):
        if c.reserved[k]:
            return 0
    return (0 <= c.swappiness <= 100 and 0 <= c.swap_pages <= <int64_t> 1 << 40
            and 0 <= c.writeback_limit <= <int64_t> 1 << 40 and 1 <= c.oom_rounds <= 1 << 30
            and 1 <= c.slab_objects_per_page <= 4096 and is_flag(c.laptop_mode)
            and is_flag(c.no_lumpy) and is_flag(c.no_sync_pass) and is_flag(c.kswapd_order0) and c.reserved0 == 0
            and not c.event_mask & ~<uint32_t> (NOTE_CAPTURED | NOTE_FREED))


cdef public int bc_machine_init(void *memory, uint64_t bytes, const bc_machine_config *config) noexcept nogil:
    cdef machine_t *m = <machine_t *> memory
    cdef int k
    if pointer_bad(memory) or pointer_bad(config):
        return BC_EMISUSE_POINTER
    if bytes < sizeof(machine_t) or config.size != sizeof(bc_machine_config):
        return BC_EMISUSE_SIZE
    if not machine_config_ok(config) or not policy_ok(&config.policy):
        return BC_EMISUSE_CONFIG
    machine_init(m)
    m.swappiness = config.swappiness
    m.swap_total = m.swap_free = config.swap_pages
    m.writeback_limit = config.writeback_limit
    m.oom_rounds = config.oom_rounds
    m.slab_objects_per_page = config.slab_objects_per_page
    m.laptop_mode = config.laptop_mode
    m.event_mask = config.event_mask
    m.no_lumpy = config.no_lumpy
    m.no_sync_pass = config.no_sync_pass
    m.kswapd_order0 = config.kswapd_order0
    m.policy = config.policy
    for k in range(NR_GFP_ZONES):
        m.gfp_zone[k] = config.gfp_zone[k]
    return BC_OK


cdef public int bc_machine_attach(bc_machine *machine, bc_zone *zone) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef zone_t *z = <zone_t *> zone
    cdef int status = classic_status(zone, machine)
    cdef int k
    if machine == NULL:
        return BC_EMISUSE_POINTER
    if status != BC_OK:
        return status
    if m.magic != machine_magic() or not 0 <= m.nr_zones <= MAX_NR_ZONES:
        return BC_EMISUSE_MACHINE
    if z.slot_limit < 2:
        return BC_EMISUSE_NODE
    for k in range(m.nr_zones):
        if m.zone[k].zone_idx == z.zone_idx:
            continue
        if classic_status(<bc_zone *> m.zone[k], NULL) != BC_OK:
            return BC_EMISUSE_ZONE
        if not zones_match(m.zone[k], z):
            return BC_EMISUSE_NODE
    memset(&m.kswapd, 0, sizeof(m.kswapd))
    m.kswapd.asleep = 1
    m.queue = NULL
    machine_attach_zone(m, z)
    return BC_OK


# --- steps ------------------------------------------------------------------------------------------------------

cdef void step_write(const machine_t *m, const step_t *step, bc_result *result) noexcept nogil:
    """What a step did; without the block."""
    result_empty(result)
    result.wait = step.wait
    result.wait_ms = step.wait_ms
    if step.page != NO_PAGE:
        result.wait_pfn = m.zone[step.zone].base_pfn + step.page
    if step.wait == WAIT_LISTS:
        result.zone_idx = m.zone[step.zone].zone_idx
    result.cost = step.cost


cdef void block_write(const machine_t *m, const request_t *r, bc_result *result) noexcept nogil:
    """How a request stands."""
    result.order = r.order
    result.path = r.path
    if r.state == REQUEST_DONE and r.page == NO_PAGE:
        result.status = BC_ENOMEM
    elif r.state == REQUEST_DONE:
        result.pfn = m.zone[r.zone].base_pfn + r.page
        result.zone_idx = m.zone[r.zone].zone_idx


cdef public int bc_request_init(void *memory, uint64_t bytes, bc_machine *machine, int order, uint32_t gfp, int cpu,
                                int task, const policy_t *policy) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef int status = machine_status(machine, policy)
    if status != BC_OK:
        return status
    if pointer_bad(memory):
        return BC_EMISUSE_POINTER
    if bytes < sizeof(request_t):
        return BC_EMISUSE_SIZE
    status = core_status(request_status(m, order, gfp, cpu))
    if status != BC_OK:
        return status
    if task & ~(TASK_MEMALLOC | TASK_REALTIME):
        return BC_EMISUSE_FLAGS
    if policy != NULL and not policy_ok(policy):
        return BC_EMISUSE_CONFIG
    request_init(m, <request_t *> memory, order, gfp, cpu, task, policy)
    return BC_OK


cdef public int bc_request_step(bc_machine *machine, bc_request *request, int64_t budget,
                                bc_result *result) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef step_t step
    cdef int status = live_request(machine, request, result)
    if status == BC_OK and not 1 <= budget <= BUDGET_MAX:
        status = BC_EMISUSE_VALUE
    if status != BC_OK:
        return refused(result, status)
    request_step(m, <request_t *> request, budget, &step)
    if result != NULL:
        step_write(m, &step, result)
        block_write(m, <request_t *> request, result)
    return step.wait


cdef int consulting(const machine_t *m, const request_t *r) noexcept nogil:
    """Whether the request has a capture list just now."""
    return (r.state == REQUEST_RECLAIM and r.reclaim_state == RECLAIM_SHRINK and r.scan.capture_slot >= 0
            and slot_is(m.zone[r.scan.zone], r.scan.capture_slot, r.scan.capture_seq, SLOT_CAPTURE))


cdef public int bc_request_answer(bc_machine *machine, bc_request *request, int answer, int64_t pfn, int64_t budget,
                                  bc_result *result) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef request_t *r = <request_t *> request
    cdef step_t step
    cdef int status = live_request(machine, request, result)
    if status == BC_OK and not (r.policy.hook and consulting(m, r)):
        status = BC_EMISUSE_REQUEST
    if status == BC_OK and not (1 <= budget <= BUDGET_MAX and ANSWER_CONSULT <= answer <= ANSWER_KEEP):
        status = BC_EMISUSE_VALUE
    if status == BC_OK and pfn != NO_PAGE:
        pfn -= m.zone[r.scan.zone].base_pfn
        if not 0 <= pfn < m.zone[r.scan.zone].nr_index or not capture_prefer(m, r, <int32_t> pfn):
            status = BC_EMISUSE_PFN_RANGE
    if status != BC_OK:
        return refused(result, status)
    step_begin(&step)
    request_answer(m, r, answer, budget, &step)
    if result != NULL:
        step_write(m, &step, result)
        block_write(m, r, result)
    return step.wait


cdef public int64_t bc_request_list(const bc_machine *machine, const bc_request *request,
                                    int *zone_idx) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef request_t *r = <request_t *> request
    cdef int status = live_request(machine, request, NULL)
    if status == BC_OK and <size_t> zone_idx & 3:
        status = BC_EMISUSE_POINTER
    if status == BC_OK and not consulting(m, r):
        status = BC_EMISUSE_LIST_CLOSED
    if status != BC_OK:
        return status
    if zone_idx != NULL:
        zone_idx[0] = m.zone[r.scan.zone].zone_idx
    return list_handle(m.zone[r.scan.zone], r.scan.capture_slot)


cdef public int bc_request_abort(bc_machine *machine, bc_request *request) noexcept nogil:
    cdef int status = live_request(machine, request, NULL)
    if status == BC_OK:
        request_abort(<machine_t *> machine, <request_t *> request)
    return status


cdef public int bc_request_result(const bc_machine *machine, const bc_request *request,
                                  bc_result *result) noexcept nogil:
    cdef int status = live_request(machine, request, result)
    if status == BC_OK and result == NULL:
        status = BC_EMISUSE_POINTER
    if status != BC_OK:
        return refused(result, status)
    result_empty(result)
    result.wait = WAIT_DONE if (<request_t *> request).state == REQUEST_DONE else WAIT_NONE
    block_write(as_machine(machine), <request_t *> request, result)
    result.cost = (<request_t *> request).total
    return BC_OK


cdef public int bc_kswapd_wake(bc_machine *machine, int order) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef int status = machine_status(machine, NULL)
    cdef int k
    if status != BC_OK:
        return status
    if <unsigned int> order > <unsigned int> m.zone[0].max_page_order:
        return BC_EMISUSE_ORDER_RANGE
    for k in range(m.nr_zones):
        wakeup_kswapd(m, m.zone[k], order)
    return BC_OK


cdef public int bc_kswapd_step(bc_machine *machine, int64_t budget, bc_result *result) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef step_t step
    cdef int status = machine_status(machine, result)
    if status == BC_OK:
        status = scan_status(m, &m.kswapd.scan)
    if status == BC_OK and not 1 <= budget <= BUDGET_MAX:
        status = BC_EMISUSE_VALUE
    if status != BC_OK:
        return refused(result, status)
    kswapd_step(m, budget, &step)
    if result != NULL:
        step_write(m, &step, result)
    return step.wait


# --- swap and events --------------------------------------------------------------------------------------------

cdef public int bc_set_write_congested(bc_machine *machine, int congested) noexcept nogil:
    cdef int status = machine_status(machine, NULL)
    if status == BC_OK and not is_flag(congested):
        status = BC_EMISUSE_VALUE
    if status == BC_OK:
        as_machine(machine).write_congested = congested
    return status


cdef public int64_t bc_swap_free(bc_machine *machine, int64_t slots) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef int status = machine_status(machine, NULL)
    if status != BC_OK:
        return status
    if not 0 <= slots <= m.swap_total - m.swap_free:
        return BC_EMISUSE_VALUE
    m.swap_free += slots
    return m.swap_free


cdef public int64_t bc_events(bc_machine *machine, event_t *events, int64_t n) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef int status = machine_status(machine, events)
    cdef int64_t k = 0
    if status != BC_OK:
        return status
    if events == NULL:
        return BC_EMISUSE_POINTER
    if n < 0:
        return BC_EMISUSE_SIZE
    while k < n and event_take(m, &events[k]):          # the page is an index, the zone a position: see event_t
        if events[k].page != NO_PAGE and events[k].kind != EV_WAKE_PDFLUSH:
            events[k].page += m.zone[events[k].zone].base_pfn
        events[k].zone = m.zone[events[k].zone].zone_idx
        k += 1
    return k
