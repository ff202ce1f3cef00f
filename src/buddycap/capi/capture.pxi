# The C entry points of capture lists.
#
# A handle is the number of the list's opening and that of its slot, so that one of a closed list is known.


cdef inline int64_t list_handle(zone_t *z, int32_t slot) noexcept nogil:
    return <int64_t> zone_slot(z, slot).seq << 16 | slot


cdef inline int32_t list_slot(zone_t *z, int64_t list) noexcept nogil:
    """The slot of an open capture list, or NO_PAGE."""
    cdef int32_t slot = list & 0xFFFF
    if list < 0 or list >> 48 or not slot_is(z, slot, <uint32_t> (list >> 16), SLOT_CAPTURE):
        return NO_PAGE
    return slot


cdef public int64_t bc_capture_open(bc_zone *zone) noexcept nogil:
    cdef int status = classic_status(zone, NULL)
    cdef int32_t slot
    if status != BC_OK:
        return status
    slot = slot_open(<zone_t *> zone, SLOT_CAPTURE)
    return BC_EMISUSE_TOO_MANY_LISTS if slot == NO_PAGE else list_handle(<zone_t *> zone, slot)


cdef public int bc_capture_page(bc_zone *zone, int64_t list, int64_t pfn, int order, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = classic_status(zone, result)
    if status == BC_OK and list_slot(z, list) == NO_PAGE:
        status = BC_EMISUSE_LIST_CLOSED
    if status == BC_OK:
        status = core_status(used_block_status(z, pfn, order))
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    capture_one_page(z, list_slot(z, list), <int32_t> (pfn - z.base_pfn), order)
    result_end(result, z, pfn, order, BC_OK)
    return BC_OK


cdef public int bc_capture_many(bc_zone *zone, int64_t list, const int64_t *pfns, int64_t n, const uint8_t *orders,
                                int order, int64_t *offender, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = classic_status(zone, result)
    if status == BC_OK and list_slot(z, list) == NO_PAGE:
        status = BC_EMISUSE_LIST_CLOSED
    if status != BC_OK:
        return refused(result, status)
    return whole_batch(z, list_slot(z, list), pfns, n, orders, order, offender, result)


cdef public int64_t bc_capture_take(bc_zone *zone, int64_t list, int order, int classzone_idx, int alloc_flags,
                                    bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = classic_status(zone, result)
    if status != BC_OK:
        return refused(result, status)
    if list_slot(z, list) == NO_PAGE:
        return refused(result, BC_EMISUSE_LIST_CLOSED)
    if <unsigned int> order > <unsigned int> z.max_page_order:
        return refused(result, BC_EMISUSE_ORDER_RANGE)
    if <unsigned int> classzone_idx >= MAX_NR_ZONES:
        return refused(result, BC_EMISUSE_VALUE)
    if alloc_flags & ~ALLOC_KNOWN:
        return refused(result, BC_EMISUSE_FLAGS)
    result_begin(result, z)
    return allocated(result, z, capture_alloc_or_return(z, list_slot(z, list), order, classzone_idx, alloc_flags),
                     order)


cdef public int64_t bc_capture_blocks(const bc_zone *zone, int64_t list, int64_t *pfns, uint8_t *orders,
                                      int64_t n) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = classic_status(zone, pfns)
    cdef int64_t k = 0
    cdef int32_t head, i
    if status != BC_OK:
        return status
    if n < 0:
        return BC_EMISUSE_SIZE
    if n and (pfns == NULL or orders == NULL):
        return BC_EMISUSE_POINTER
    if list_slot(z, list) == NO_PAGE:
        return BC_EMISUSE_LIST_CLOSED
    head = slot_list(z, list_slot(z, list))
    i = link_array(z)[head].next
    while i != head:
        if k < n:
            pfns[k] = z.base_pfn + i
            orders[k] = order_array(z)[i] & 0x0F
        k += 1
        i = link_array(z)[i].next
    return k


cdef public int bc_capture_close(bc_zone *zone, int64_t list, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = classic_status(zone, result)
    if status == BC_OK and list_slot(z, list) == NO_PAGE:
        status = BC_EMISUSE_LIST_CLOSED
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    capture_release(z, list_slot(z, list))
    result_end(result, z, NO_PAGE, 0, BC_OK)
    return BC_OK
