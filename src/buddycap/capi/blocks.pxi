# The C entry points that allocate and free: blocks, parts of them, pages through the per-CPU lists, whole arrays.


cdef public int64_t bc_alloc(bc_zone *zone, int order, int migratetype, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    cdef int32_t i
    if buddycap_rarely(status != BC_OK):
        return refused(result, status)
    if buddycap_rarely(<unsigned int> order > <unsigned int> z.max_page_order):
        return refused(result, BC_EMISUSE_ORDER_RANGE)
    if buddycap_rarely(not is_requestable(z, migratetype)):
        return refused(result, BC_EMISUSE_TYPE_RANGE)
    if buddycap_rarely(result != NULL):
        result_begin(result, z)
        return allocated(result, z, rmqueue_zone(z, order, migratetype), order)
    i = rmqueue_zone(z, order, migratetype)
    return NO_PAGE if i == NO_PAGE else z.base_pfn + i


cdef public int bc_free(bc_zone *zone, int64_t pfn, int order, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status == BC_OK:
        status = core_status(zone_block_status(z, pfn, order))
    if buddycap_rarely(status != BC_OK):
        return refused(result, status)
    if buddycap_rarely(result != NULL):
        result_begin(result, z)
        free_pages_ok(z, <int32_t> (pfn - z.base_pfn), order)
        result_end(result, z, pfn, order, BC_OK)
        return BC_OK
    free_pages_ok(z, <int32_t> (pfn - z.base_pfn), order)
    return BC_OK


cdef int64_t containing_block(zone_t *z, int64_t pfn, int *order) noexcept nogil:
    """First PFN and order of the allocated block that holds the page, or a status."""
    cdef int status
    cdef int32_t head
    if pfn < z.start_pfn or pfn >= z.start_pfn + z.spanned_pages:
        return BC_EMISUSE_PFN_RANGE
    head = block_head(z, <int32_t> (pfn - z.base_pfn))
    order[0] = order_array(z)[head] & 0x0F
    status = used_head_status(z, head)
    return z.base_pfn + head if status == ST_OK else core_status(status)


cdef public int bc_free_at(bc_zone *zone, int64_t pfn, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = classic_status(zone, result)
    cdef int order = 0
    if status != BC_OK:
        return refused(result, status)
    pfn = containing_block(z, pfn, &order)
    return bc_free(zone, pfn, order, result) if pfn >= 0 else refused(result, <int> pfn)


cdef public int64_t bc_alloc_exact(bc_zone *zone, int64_t pages, int migratetype, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = classic_status(zone, result)
    if status != BC_OK:
        return refused(result, status)
    if not 1 <= pages <= <int64_t> 1 << z.max_page_order:
        return refused(result, BC_EMISUSE_SIZE)
    if not is_requestable(z, migratetype):
        return refused(result, BC_EMISUSE_TYPE_RANGE)
    result_begin(result, z)
    return allocated(result, z, alloc_pages_exact(z, pages, migratetype), 0)


cdef public int64_t bc_alloc_at(bc_zone *zone, int64_t pfn, int order, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    cdef int32_t i = NO_PAGE
    if status == BC_OK:
        status = core_status(place_status(z, pfn, order))
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    if alloc_at(z, <int32_t> (pfn - z.base_pfn), order):
        i = <int32_t> (pfn - z.base_pfn)
    return allocated(result, z, i, order)


cdef public int bc_free_range(bc_zone *zone, int64_t pfn, int64_t pages, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status != BC_OK:
        return refused(result, status)
    if pages < 1:
        return refused(result, BC_EMISUSE_SIZE)
    status = core_status(zone_range_status(z, pfn, pages))
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    free_range(z, <int32_t> (pfn - z.base_pfn), pages)
    result_end(result, z, pfn, 0, BC_OK)
    return BC_OK


cdef public int bc_split(bc_zone *zone, int64_t pfn, int order) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, NULL)
    if status == BC_OK:
        status = core_status(zone_split_status(z, pfn, order))
    if status == BC_OK:
        zone_split(z, <int32_t> (pfn - z.base_pfn), order)
    return status


cdef public int64_t bc_alloc_page(bc_zone *zone, int migratetype, int cpu, int cold, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = classic_status(zone, result)
    if status != BC_OK:
        return refused(result, status)
    if not is_requestable(z, migratetype):
        return refused(result, BC_EMISUSE_TYPE_RANGE)
    if <unsigned int> cpu >= <unsigned int> z.cpus:
        return refused(result, BC_EMISUSE_CPU_RANGE)
    result_begin(result, z)
    return allocated(result, z, rmqueue_pcplist(z, cpu, migratetype, cold != 0), 0)


cdef public int bc_free_page(bc_zone *zone, int64_t pfn, int cpu, int cold, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = classic_status(zone, result)
    if status == BC_OK:
        status = core_status(used_block_status(z, pfn, 0))
    if status == BC_OK and <unsigned int> cpu >= <unsigned int> z.cpus:
        status = BC_EMISUSE_CPU_RANGE
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    free_hot_cold_page(z, cpu, <int32_t> (pfn - z.base_pfn), cold != 0)
    result_end(result, z, pfn, 0, BC_OK)
    return BC_OK


cdef public int bc_drain_pages(bc_zone *zone, int cpu) noexcept nogil:
    cdef int status = zone_status(zone, NULL)
    if status != BC_OK:
        return status
    if <unsigned int> cpu >= <unsigned int> (<zone_t *> zone).cpus:
        return BC_EMISUSE_CPU_RANGE
    drain_pages(<zone_t *> zone, cpu)
    return BC_OK


# --- whole arrays -----------------------------------------------------------------------------------------------

cdef public int64_t bc_alloc_many(bc_zone *zone, int64_t *pfns, int64_t n, int order, int migratetype,
                                  bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status != BC_OK:
        return refused(result, status)
    if pointer_bad(pfns):
        return refused(result, BC_EMISUSE_POINTER)
    if n < 0:
        return refused(result, BC_EMISUSE_SIZE)
    if <unsigned int> order > <unsigned int> z.max_page_order:
        return refused(result, BC_EMISUSE_ORDER_RANGE)
    if not is_requestable(z, migratetype):
        return refused(result, BC_EMISUSE_TYPE_RANGE)
    result_begin(result, z)
    n = alloc_many(z, pfns, n, order, migratetype)
    result_end(result, z, pfns[0] if n else NO_PAGE, order, BC_OK)
    return n


cdef int orders_ok(zone_t *z, int64_t n, const uint8_t *orders, int order, int64_t *offender) noexcept nogil:
    """Whether the orders of a batch are in range."""
    cdef int64_t k
    if orders == NULL:
        offender[0] = 0
        return <unsigned int> order <= <unsigned int> z.max_page_order
    for k in range(n):
        if orders[k] > z.max_page_order:
            offender[0] = k
            return 0
    return 1


cdef int whole_batch(zone_t *z, int32_t slot, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                     int64_t *offender, bc_result *result) noexcept nogil:
    """Free n blocks, or capture them on list `slot` if that is not NO_PAGE; zone and list are good."""
    cdef int64_t at = NO_PAGE
    cdef int status
    if pointer_bad(pfns) or pointer_odd(offender):
        return refused(result, BC_EMISUSE_POINTER)
    if n < 0:
        return refused(result, BC_EMISUSE_SIZE)
    if not orders_ok(z, n, orders, order, &at):
        status = BC_EMISUSE_ORDER_RANGE
    else:
        result_begin(result, z)
        status = core_status(free_many(z, pfns, n, orders, order, &at) if slot == NO_PAGE
                             else capture_many(z, slot, pfns, n, orders, order, &at))
    if offender != NULL:
        offender[0] = at
    if status != BC_OK:
        return refused(result, status)
    result_end(result, z, NO_PAGE, order, BC_OK)
    return BC_OK


cdef public int bc_free_many(bc_zone *zone, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                             int64_t *offender, bc_result *result) noexcept nogil:
    cdef int status = zone_status(zone, result)
    if status != BC_OK:
        return refused(result, status)
    return whole_batch(<zone_t *> zone, NO_PAGE, pfns, n, orders, order, offender, result)


cdef public int64_t bc_run(bc_zone *zone, const op_t *ops, int64_t n, int64_t *results, int *status,
                           bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int64_t done = 0
    cdef int found = zone_status(zone, result)
    if found == BC_OK and (pointer_bad(ops) or pointer_bad(results) or <size_t> status & 3):
        found = BC_EMISUSE_POINTER
    if found == BC_OK and not 0 <= n < <int64_t> 1 << 31:
        found = BC_EMISUSE_SIZE
    if found != BC_OK:
        return refused(result, found)
    result_begin(result, z)
    found = core_status(run_ops(z, ops, 0, n, results, &done))
    finish_results(results, done)
    result_end(result, z, NO_PAGE, 0, found)
    if status != NULL:
        status[0] = found
    return done
