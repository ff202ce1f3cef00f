# Per-CPU lists since Linux 6.1: fourteen a CPU, for blocks of orders 0..3 and 9.  Each kernel says how long they are.
#
# Allocations take the head and frees put there; a refill stands at the tail; a drain takes the tail.  Blocks here do
# not merge and are not counted as free.
#
#   locked: the list is in use by what an interrupt has interrupted, and is passed by
#
# Kernel: mm/page_alloc.c of 6.1: __rmqueue_pcplist, rmqueue_pcplist, rmqueue, free_unref_page, __free_pages,
# free_unref_page_list.


cdef inline int32_t pcp_take_61(zone_t *z, int cpu, int order, int mt, int flags) noexcept nogil:
    """The head of a CPU's list, which is refilled if it is empty; or NO_PAGE.  Linux: __rmqueue_pcplist."""
    cdef link_t *link = link_array(z)
    cdef pcp_6_1_t *pcp = zone_pcp_61(z, cpu)
    cdef int32_t head = pcp_list_61(cpu, pcp_index_61(z, order, mt))
    cdef int32_t i
    if list_empty(link, head) and refill_61(z, pcp, head, order, mt, flags) == 0:
        return NO_PAGE
    i = link[head].next
    list_del(link, i)
    pcp.count -= 1 << order
    order_array(z)[i] = PG_USED | order
    return i


cdef int32_t rmqueue_zone_61(zone_t *z, int order, int mt, int flags) noexcept nogil:
    """Allocate from the zone: the current CPU's lists, then the free lists; or NO_PAGE.  Linux: rmqueue."""
    cdef zone_6_1_t *e = only_61(z)
    cdef pcp_6_1_t *pcp = zone_pcp_61(z, e.cpu)
    cdef int32_t i = NO_PAGE
    if is_pcp_order_61(z, order) and pcp_serves_61(z, mt, flags) and not pcp.locked:
        pcp_asked_61(pcp)
        i = pcp_take_61(z, e.cpu, order, mt, flags)
        if i != NO_PAGE:
            z.vm[VM_PGALLOC] += 1 << order
    if i == NO_PAGE:
        i = rmqueue_buddy_61(z, order, mt, flags)
    if e.boosted and hears_boost_61(flags):
        e.boosted = 0
        e.wakeups += 1
    if i != NO_PAGE and flags & ALLOC61_HIGHATOMIC:
        reserve_highatomic_61(z, i, order)
    return i


cdef int64_t alloc_bulk_61(zone_t *z, int64_t *pfns, int64_t n, int mt, int flags) noexcept nogil:
    """Up to n single pages from the current CPU's lists alone; how many.  Linux: alloc_pages_bulk."""
    cdef int64_t k = 0
    cdef int32_t i
    while k < n:
        i = pcp_take_61(z, only_61(z).cpu, 0, mt, flags)
        if i == NO_PAGE:
            break
        pfns[k] = z.base_pfn + i
        k += 1
    z.vm[VM_PGALLOC] += k
    return k


# --- frees ------------------------------------------------------------------------------------------------------

cdef void free_unref_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Free a block as its last reference goes: through the current CPU's lists if they take its order.

    Pages of isolated pageblocks, and all while the list is locked, go straight to the free lists.
    Linux: free_the_page, free_unref_page.
    """
    cdef int tag
    if not is_pcp_order_61(z, order):
        free_pages_ok_61(z, i, order)
        return
    free_prepare_61(z, i, order)
    tag = block_type_61(z, i)
    if tag == iso_61(z) or zone_pcp_61(z, only_61(z).cpu).locked:
        free_past_pcp_61(z, i, order, tag)
    else:
        pcp_put_61(z, i, order, tag)


cdef void put_page_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Drop a reference to block (i, order).  Linux: __free_pages.

    If it was not the last one and the block is not compound, all but the first page are freed.
    """
    cdef uint8_t *state = order_array(z)
    if (state[i] & PG_STATE) == PG_USED or refs_array_61(z)[i] == 0:
        free_unref_61(z, i, order)
        return
    refs_array_61(z)[i] -= 1
    if not flags_array(z)[i] & PF_COMPOUND_61:
        while order > 0:
            order -= 1
            state[i + (1 << order)] = used_state_61(z, i + (1 << order), order)
            free_unref_61(z, i + (1 << order), order)
    state[i] = used_state_61(z, i, order)


cdef void free_pages_list_61(zone_t *z, const int64_t *pfns, int64_t n) noexcept nogil:
    """Free n pages as a list, so many at once as the kernel does.  Linux: free_unref_page_list."""
    cdef int64_t many, k
    while n > 0:
        many = min(n, <int64_t> LIST_BATCH_61)
        for k in range(many):
            free_list_prepare_61(z, <int32_t> (pfns[k] - z.base_pfn))
        for k in range(many):
            if is_pcp_state_61(order_array(z)[pfns[k] - z.base_pfn]):
                free_list_commit_61(z, <int32_t> (pfns[k] - z.base_pfn))
        pfns += many
        n -= many
