# The C entry points of zones of Linux 6.1 and later: what the allocator of 2.6.27 has not, or has otherwise.

cdef extern from "buddycap.h" nogil:
    ctypedef struct bc_stats_61:
        int64_t managed_pages
        int64_t pages_promo
        int64_t boost
        int64_t lowmem_reserve[5]
        int64_t reserved_highatomic
        int64_t nr_free_cma
        int64_t nr_isolated_pageblocks
        int64_t wakeups
        int64_t events[5]
        int32_t watermark_scale_factor
        int32_t watermark_boost_factor
        int32_t pcp_high_fraction
        int32_t cma

    ctypedef struct bc_pcp_61:
        int32_t count
        int32_t high
        int32_t batch
        int32_t free_factor
        int32_t locked


# --- blocks -----------------------------------------------------------------------------------------------------

cdef public int64_t bc_alloc_61(bc_zone *zone, int order, int migratetype, int cpu, int alloc_flags, int compound,
                                bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, result)
    cdef int32_t i
    if status == BC_OK:
        status = request_refusal(z, order, migratetype, alloc_flags)
    if status == BC_OK and cpu != -1:
        status = cpu_refusal(z, cpu)
    if status == BC_OK and not is_flag(compound):
        status = BC_EMISUSE_VALUE
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    migratetype = request_type_61(z, migratetype)
    if cpu == -1:
        i = rmqueue_buddy(z, order, migratetype, alloc_flags)
    else:
        only_61(z).cpu = cpu
        i = rmqueue_listed(z, order, migratetype, alloc_flags)
    if compound and order > 0 and i != NO_PAGE:
        make_compound_61(z, i, order)
    return allocated(result, z, i, order)


cdef public int bc_free_61(bc_zone *zone, int64_t pfn, int order, int cpu, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, result)
    if status == BC_OK:
        status = core_status(used_block_status_61(z, pfn, order))
    if status == BC_OK:
        status = cpu_refusal(z, cpu)
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    only_61(z).cpu = cpu
    put_page(z, <int32_t> (pfn - z.base_pfn), order)
    result_end(result, z, pfn, order, BC_OK)
    return BC_OK


cdef public int64_t bc_alloc_bulk_61(bc_zone *zone, int64_t *pfns, int64_t n, int migratetype, int cpu,
                                     int alloc_flags) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, pfns)
    if status == BC_OK and pfns == NULL:
        status = BC_EMISUSE_POINTER
    if status == BC_OK and n < 0:
        status = BC_EMISUSE_SIZE
    if status == BC_OK:
        status = request_refusal(z, 0, migratetype, alloc_flags)
    if status == BC_OK:
        status = cpu_refusal(z, cpu)
    if status != BC_OK:
        return status
    only_61(z).cpu = cpu
    return alloc_bulk(z, pfns, n, request_type_61(z, migratetype), alloc_flags)


cdef public int bc_free_list_61(bc_zone *zone, const int64_t *pfns, int64_t n, int cpu,
                                int64_t *offender) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int64_t at = NO_PAGE
    cdef int status = modern_status(zone, offender)
    if status == BC_OK and pointer_bad(pfns):
        status = BC_EMISUSE_POINTER
    if status == BC_OK and n < 0:
        status = BC_EMISUSE_SIZE
    if status == BC_OK:
        status = cpu_refusal(z, cpu)
    if status != BC_OK:
        return status
    status = core_status(list_status(z, pfns, n, &at))
    if status == BC_OK:
        only_61(z).cpu = cpu
        free_pages_list(z, pfns, n)
    if offender != NULL:                # last: it may point into the list
        offender[0] = at
    return status


cdef public int bc_get_page_61(bc_zone *zone, int64_t pfn) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, NULL)
    if status == BC_OK:
        status = core_status(get_page_status_61(z, pfn))
    if status == BC_OK:
        get_page_61(z, <int32_t> (pfn - z.base_pfn))
    return status


cdef public int bc_references_61(const bc_zone *zone, int64_t pfn) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, NULL)
    if status == BC_OK:
        status = core_status(page_status_61(z, pfn))
    return 1 + refs_array_61(z)[pfn - z.base_pfn] if status == BC_OK else status


cdef public int bc_set_lru_61(bc_zone *zone, int64_t pfn, int64_t n, int lru) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, NULL)
    if status == BC_OK and n < 1:
        status = BC_EMISUSE_SIZE
    if status == BC_OK and not is_flag(lru):
        status = BC_EMISUSE_VALUE
    if status == BC_OK:
        status = core_status(used_pages_status_61(z, pfn, n))
    if status == BC_OK:
        set_lru_61(z, <int32_t> (pfn - z.base_pfn), <int32_t> n, lru)
    return status


# --- per-CPU lists ----------------------------------------------------------------------------------------------

cdef int pcp_status(const bc_zone *zone, const void *out, int cpu) noexcept nogil:
    """BC_OK if the zone is one of 6.1 or later and has the CPU."""
    cdef int status = modern_status(zone, out)
    return cpu_refusal(<zone_t *> zone, cpu) if status == BC_OK else status


cdef public int bc_pcp_get_61(const bc_zone *zone, int cpu, bc_pcp_61 *pcp) noexcept nogil:
    cdef int status = pcp_status(zone, pcp, cpu)
    cdef pcp_6_1_t lists
    if status == BC_OK and not is_61(<zone_t *> zone):
        status = BC_EMISUSE_KERNEL
    if status == BC_OK and pcp == NULL:
        status = BC_EMISUSE_POINTER
    if status == BC_OK:
        lists = zone_pcp_61(<zone_t *> zone, cpu)[0]
        memset(pcp, 0, sizeof(bc_pcp_61))
        pcp.count, pcp.high, pcp.batch = lists.count, lists.high, lists.batch
        pcp.free_factor, pcp.locked = lists.free_factor, lists.locked
    return status


cdef public int bc_pcp_lock_61(bc_zone *zone, int cpu, int locked) noexcept nogil:
    cdef int status = pcp_status(zone, NULL, cpu)
    if status == BC_OK and not is_flag(locked):
        status = BC_EMISUSE_VALUE
    if status == BC_OK:
        pcp_lock(<zone_t *> zone, cpu, locked)
    return status


cdef public int bc_drain_batch_61(bc_zone *zone, int cpu) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = pcp_status(zone, NULL, cpu)
    if status == BC_OK:
        drain_batch(z, cpu)
    return status


cdef public int bc_pcp_disable_61(bc_zone *zone, int disabled) noexcept nogil:
    cdef int status = modern_status(zone, NULL)
    if status == BC_OK and not is_flag(disabled):
        status = BC_EMISUSE_VALUE
    if status == BC_OK:
        pcp_disable(<zone_t *> zone, disabled)
    return status


# --- marks ------------------------------------------------------------------------------------------------------

cdef public int bc_watermark_fast_61(const bc_zone *zone, int order, int classzone_idx, int alloc_flags,
                                     int atomic) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, NULL)
    if status == BC_OK:
        status = request_refusal(z, order, MT61_UNMOVABLE, alloc_flags)
    if status == BC_OK and (<unsigned int> classzone_idx >= ZONES_61 or not is_flag(atomic)):
        status = BC_EMISUSE_VALUE
    return watermark_fast(z, order, classzone_idx, alloc_flags, atomic) != 0 if status == BC_OK else status


cdef int number_status(const bc_zone *zone, int64_t number, int64_t most) noexcept nogil:
    """BC_OK if the zone is one of 6.1 or later and the number in 0..most."""
    cdef int status = modern_status(zone, NULL)
    return BC_EMISUSE_VALUE if status == BC_OK and not 0 <= number <= most else status


cdef public int bc_set_scale_factor_61(bc_zone *zone, int64_t factor) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = number_status(zone, factor, SCALE_MAX_61)
    if status == BC_OK:
        node_set_marks(&z, 1, z.min_free_kbytes, factor)
    return status


cdef public int bc_set_boost_factor_61(bc_zone *zone, int64_t factor) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = number_status(zone, factor, FACTOR_MAX_61)
    if status == BC_OK:
        node_set_boost_factor_61(&z, 1, factor)
    return status


cdef public int bc_set_pcp_high_fraction_61(bc_zone *zone, int64_t fraction) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = number_status(zone, fraction, 0x7FFFFFFF)
    if status == BC_OK:
        node_set_pcp_fraction(&z, 1, fraction)
    return status


cdef public int bc_boost_less_61(bc_zone *zone, int64_t pages) noexcept nogil:
    cdef int status = number_status(zone, pages, <int64_t> 1 << 60)
    if status == BC_OK:
        boost_less_61(<zone_t *> zone, pages)
    return status


cdef public int bc_unreserve_highatomic_61(bc_zone *zone, int migratetype, int force) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, NULL)
    if status == BC_OK and not is_flag(force):
        status = BC_EMISUSE_VALUE
    if status == BC_OK:
        status = request_refusal(z, 0, migratetype, 0)
    return unreserve_highatomic(z, request_type_61(z, migratetype), force) if status == BC_OK else status


# --- isolation and capture --------------------------------------------------------------------------------------

cdef int range_status(const bc_zone *zone, int64_t start, int64_t end, int migratetype) noexcept nogil:
    """BC_OK if the pages are the zone's and the type is one of its pageblocks' before they are isolated."""
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, NULL)
    if status != BC_OK:
        return status
    if not z.start_pfn <= start < end <= z.start_pfn + z.spanned_pages:
        return BC_EMISUSE_PFN_RANGE
    return BC_OK if <unsigned int> migratetype < <unsigned int> iso_61(z) else BC_EMISUSE_TYPE_RANGE


cdef public int bc_isolate_61(bc_zone *zone, int64_t start, int64_t end, int migratetype) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = range_status(zone, start, end, migratetype)
    if status != BC_OK:
        return status
    return isolate_range(z, <int32_t> (start - z.base_pfn), <int32_t> (end - z.base_pfn), migratetype)


cdef public int bc_unisolate_61(bc_zone *zone, int64_t start, int64_t end, int migratetype) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = range_status(zone, start, end, migratetype)
    if status == BC_OK:
        undo_isolate_range(z, <int32_t> (start - z.base_pfn), <int32_t> (end - z.base_pfn), migratetype)
    return status


cdef public int bc_is_isolated_61(const bc_zone *zone, int64_t start, int64_t end) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = range_status(zone, start, end, MT61_UNMOVABLE)
    if status != BC_OK:
        return status
    return is_isolated_61(z, <int32_t> (start - z.base_pfn), <int32_t> (end - z.base_pfn))


cdef public int64_t bc_take_free_61(bc_zone *zone, int64_t pfn) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, NULL)
    if status == BC_OK:
        status = core_status(free_head_status_61(z, pfn))
    return take_free(z, <int32_t> (pfn - z.base_pfn)) if status == BC_OK else status


cdef public int bc_put_free_61(bc_zone *zone, int64_t pfn, int order, int migratetype) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, NULL)
    if status == BC_OK and <unsigned int> order > ORDER_MAX_61:
        status = BC_EMISUSE_ORDER_RANGE
    if status == BC_OK and <unsigned int> migratetype >= <unsigned int> types_61(z):
        status = BC_EMISUSE_TYPE_RANGE
    if status == BC_OK:
        status = core_status(taken_status_61(z, pfn, order))
    if status == BC_OK:
        put_free(z, <int32_t> (pfn - z.base_pfn), order, migratetype)
    return status


cdef public int bc_capture_begin_61(bc_zone *zone, int order) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, NULL)
    if status == BC_OK:
        status = request_refusal(z, order, MT61_MOVABLE, 0)
    if status == BC_OK and only_61(z).capture_order >= 0:
        status = BC_EMISUSE_VALUE
    if status == BC_OK:
        capture_begin(z, order, request_type_61(z, MT61_MOVABLE))
    return status


cdef public int64_t bc_capture_end_61(bc_zone *zone) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, NULL)
    cdef int32_t i
    if status == BC_OK and only_61(z).capture_order < 0:
        status = BC_EMISUSE_VALUE
    if status != BC_OK:
        return status
    i = capture_end_61(z)
    return BC_ENOMEM if i == NO_PAGE else z.base_pfn + i


cdef public int bc_init_cma_61(bc_zone *zone, int64_t pfn) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, NULL)
    if status == BC_OK and not only_61(z).cma:
        status = BC_EMISUSE_TYPE_RANGE
    if status == BC_OK:
        status = core_status(reserved_status_61(z, pfn))
    if status == BC_OK:
        init_cma(z, <int32_t> (pfn - z.base_pfn))
    return status


# --- compaction -------------------------------------------------------------------------------------------------

cdef public int64_t bc_compact_61(bc_zone *zone, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = modern_status(zone, result)
    cdef compact_walk_t w
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    walk_all(z, &w, 0, 0)
    walk_step(&z, 1, &w, <int64_t> 1 << 62)
    result_end(result, z, NO_PAGE, 0, BC_OK)
    if result != NULL:
        result.cost.migrated = w.moved
        result.cost.migrate_scanned = w.migrate_scanned
        result.cost.free_scanned = w.free_scanned
    return w.moved


# --- the whole state --------------------------------------------------------------------------------------------

cdef public int bc_stats_get_61(const bc_zone *zone, bc_stats_61 *stats) noexcept nogil:
    cdef int status = modern_status(zone, stats)
    cdef zone_6_1_t *e
    if status == BC_OK and stats == NULL:
        status = BC_EMISUSE_POINTER
    if status != BC_OK:
        return status
    e = only_61(<zone_t *> zone)
    memset(stats, 0, sizeof(bc_stats_61))
    stats.managed_pages, stats.pages_promo, stats.boost = e.managed, e.pages_promo, e.boost
    stats.reserved_highatomic, stats.nr_free_cma = e.reserved_highatomic, e.nr_free_cma
    stats.nr_isolated_pageblocks, stats.wakeups = e.nr_isolated, e.wakeups
    stats.watermark_scale_factor = <int32_t> e.scale
    stats.watermark_boost_factor = <int32_t> e.boost_factor
    stats.pcp_high_fraction, stats.cma = <int32_t> e.pcp_fraction, e.cma
    memcpy(stats.lowmem_reserve, e.lowmem_reserve, sizeof(stats.lowmem_reserve))
    memcpy(stats.events, e.events, sizeof(stats.events))
    return BC_OK
