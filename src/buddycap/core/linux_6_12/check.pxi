# The invariants of what a zone of Linux 6.12 has otherwise than one of 6.1: see linux_6/each/check.pxi.


cdef int check_pcp_sizes_612(const pcp_6_12_t *pcp, violation_t *v) noexcept nogil:
    """I10: sizes of one CPU's lists."""
    return (within(v, 10, 1, PCP_MAX_61, pcp.batch) and within(v, 10, 0, PCP_MAX_61, pcp.high)
            and within(v, 10, 0, PCP_MAX_61, pcp.high_min) and within(v, 10, 0, PCP_MAX_61, pcp.high_max)
            and within(v, 10, 0, ALLOC_FACTOR_MAX_612, pcp.alloc_factor)
            and within(v, 10, 0, <int64_t> 1 << 30, pcp.free_count) and agree(v, 10, 0, pcp.reserved)
            and within(v, 10, 0, PCP_FREED_HIGH_612 | PCP_LARGE_CACHE_612, pcp.flags))


cdef int check_list_type_612(zone_t *z, int order, int mt, int64_t *pages, violation_t *v) noexcept nogil:
    """I5 for one list: its blocks are of pageblocks of its type, if types matter.  `pages` grows by those on it."""
    cdef int32_t head = free_list_61(order, mt)
    cdef int32_t i = link_array(z)[head].next
    while i != head:
        if z.grouping and not is_of_type_612(z, i, order, mt):
            return violated(v, 5, z.base_pfn + i, mt, block_type_61(z, i))
        pages[0] += 1 << order
        i = link_array(z)[i].next
    return 1


cdef int check_own_counters_612(zone_t *z, violation_t *v) noexcept nogil:
    """I5, I7: blocks are where their pageblocks' types say, and those of HIGHATOMIC and CMA ones are counted."""
    cdef int64_t pages[TYPES_61]
    cdef int order, mt
    memset(pages, 0, sizeof(pages))
    for order in range(ORDER_MAX_61 + 1):
        for mt in range(types_61(z)):
            if not check_list_type_612(z, order, mt, &pages[mt], v):
                return 0
    return (agree(v, 7, pages[MT61_HIGHATOMIC], own_612(z).nr_free_highatomic)
            and agree(v, 7, pages[MT61_CMA] if only_61(z).cma else 0, only_61(z).nr_free_cma))


cdef int check_rest_612(zone_t *z, violation_t *v) noexcept nogil:
    """I1, I7, I9, I10: what stands behind the zone_6_1_t."""
    cdef own_6_12_t *own = own_612(z)
    return (within(v, 1, 0, 1, own.below_high) and within(v, 9, 0, ORDINARY_61 - 1, own.capture_type)
            and within(v, 7, -(<int64_t> 1 << 60), <int64_t> 1 << 60, own.nr_free_highatomic)
            and within(v, 10, 0, PCP_MAX_61, own.pcp_high_min) and within(v, 10, 0, PCP_MAX_61, own.pcp_high_max)
            and agree(v, 10, 0, only_61(z).pcp_high))


cdef int check_units_612(zone_t *z, int32_t slot, violation_t *v) noexcept nogil:
    """I13 for one private list of pages and of compound blocks."""
    cdef int32_t head = slot_list(z, slot)
    cdef int32_t i
    if not check_links(z, head, 13, v):
        return 0
    i = link_array(z)[head].next
    while i != head:
        if (order_array(z)[i] & PG_STATE) != PG_MARKED or not flags_array(z)[i] & PF_ISOLATED:
            return violated(v, 13, z.base_pfn + i, PG_MARKED, order_array(z)[i])
        if order_array(z)[i] & 0x0F and not flags_array(z)[i] & PF_COMPOUND_61:
            return violated(v, 13, z.base_pfn + i, PF_COMPOUND_61, flags_array(z)[i])
        i = link_array(z)[i].next
    return 1
