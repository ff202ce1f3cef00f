# Sizes of the per-CPU lists of Linux 6.1: one limit, and batches that double while everybody frees.
#
#   free_factor: doubles the number of pages that a free to a full list gives back, as long as nobody allocates
#
# Kernel: mm/page_alloc.c of 6.1: rmqueue_bulk, free_unref_page_commit, free_unref_page_list, nr_pcp_free, nr_pcp_high,
# zone_pcp_disable.


cdef int refill_61(zone_t *z, pcp_6_1_t *pcp, int32_t head, int order, int mt, int flags) noexcept nogil:
    """Blocks for an empty list; how many.  The free pages are counted once, after the last.  Linux: rmqueue_bulk."""
    cdef int wanted = pcp.batch if pcp.batch <= 1 else max(pcp.batch >> order, 2)
    cdef int got = 0
    cdef int tag = 0
    cdef int32_t i
    while got < wanted:
        i = rmqueue_61(z, order, mt, flags, &tag)
        if i == NO_PAGE:
            break
        order_array(z)[i] = pcp_state_61(order, tag)
        list_add_tail(link_array(z), head, i)
        if tag == MT61_CMA and only_61(z).cma:
            only_61(z).nr_free_cma -= 1 << order
        got += 1
    z.nr_free_pages -= <int64_t> got << order
    pcp.count += got << order
    return got


cdef int pages_to_drain_61(zone_t *z, pcp_6_1_t *pcp, int order) noexcept nogil:
    """How many pages a free to a per-CPU list makes too many; 0 below the limit.  Linux: nr_pcp_high, nr_pcp_free.

    The free factor rises with every free to a full list until what is given back would leave less than a batch.
    """
    cdef int free_high = pcp.free_factor > 0 and 1 <= order <= 3
    cdef int limit = pcp.high
    cdef int most
    if free_high:
        return pcp.count
    if limit and only_61(z).reclaim:
        limit = min(pcp.batch << 2, limit)
    if pcp.count < limit:
        return 0
    if limit < pcp.batch:
        return 1
    most = pcp.batch << pcp.free_factor
    if most < limit - pcp.batch and pcp.free_factor < FREE_FACTOR_MAX_61:
        pcp.free_factor += 1
    return min(max(most, pcp.batch), limit - pcp.batch)


cdef inline void pcp_put_61(zone_t *z, int32_t i, int order, int tag) noexcept nogil:
    """A freed block goes to the head of its list, which may then be too long.  Linux: free_unref_page_commit."""
    cdef int cpu = only_61(z).cpu
    cdef pcp_6_1_t *pcp = zone_pcp_61(z, cpu)
    cdef int index = pcp_index_61(z, order, tag if tag < ORDINARY_61 else MT61_MOVABLE)
    cdef int count
    z.vm[VM_PGFREE] += 1 << order
    order_array(z)[i] = pcp_state_61(order, tag)
    list_add(link_array(z), pcp_list_61(cpu, index), i)
    pcp.count += 1 << order
    count = pages_to_drain_61(z, pcp, order)
    if count > 0:
        drain_pcp_61(z, cpu, count, index)


cdef void pcp_disable_61(zone_t *z, int disabled) noexcept nogil:
    """The per-CPU lists are switched off and emptied, or on again.  Linux: zone_pcp_disable, zone_pcp_enable."""
    cdef int cpu
    for cpu in range(z.cpus):
        zone_pcp_61(z, cpu).high = 0 if disabled else only_61(z).pcp_high
        zone_pcp_61(z, cpu).batch = 1 if disabled else only_61(z).pcp_batch
    if disabled:
        drain_all_61(z)


cdef void free_list_prepare_61(zone_t *z, int32_t i) noexcept nogil:
    """The first half of the free of a list of single pages.  Pages of isolated pageblocks are gone after it."""
    cdef int tag
    free_prepare_61(z, i, 0)
    tag = block_type_61(z, i)
    if tag == iso_61(z):
        free_one_page_61(z, i, 0, tag, 0)
    else:
        order_array(z)[i] = pcp_state_61(0, tag)


cdef void free_list_commit_61(zone_t *z, int32_t i) noexcept nogil:
    """The second half, for a page that the first has left."""
    cdef uint8_t state = order_array(z)[i]
    if zone_pcp_61(z, only_61(z).cpu).locked:
        free_one_page_61(z, i, 0, state & 0x0F, 0)
    else:
        tell_61(z, EV61_FREE_BATCHED, i, 0, 0, 0)
        pcp_put_61(z, i, 0, state & 0x0F)


cdef void free_given_up_61(zone_t *z, const int32_t *pages, int n) noexcept nogil:
    """Free what reclaim has given up as a list, the page decided on last first.  Linux: free_unref_page_list."""
    cdef int k
    for k in range(n - 1, -1, -1):
        free_list_prepare_61(z, pages[k])
    for k in range(n - 1, -1, -1):
        if is_pcp_state_61(order_array(z)[pages[k]]):
            free_list_commit_61(z, pages[k])


cdef inline int pcp_serves_61(zone_t *z, int mt, int flags) noexcept nogil:
    """Whether a request may take from the per-CPU lists: with CMA a movable one only if it may have such pages."""
    return not only_61(z).cma or flags & ALLOC61_CMA or mt != MT61_MOVABLE


cdef inline void pcp_asked_61(pcp_6_1_t *pcp) noexcept nogil:
    """Somebody allocates: batches shrink again."""
    pcp.free_factor >>= 1


cdef inline int hears_boost_61(int flags) noexcept nogil:
    """Whether an allocation wakes kswapd because of a boost: any does."""
    return 1


cdef inline void free_past_pcp_61(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """Free a block that its per-CPU list does not take: nobody counts it."""
    free_one_page_61(z, i, order, mt, 0)


cdef int list_status_61(zone_t *z, const int64_t *pfns, int64_t n, int64_t *offender) noexcept nogil:
    """ST_OK for different single allocated pages."""
    return used_list_status_61(z, pfns, n, NULL, 0, offender)


cdef void capture_begin_61(zone_t *z, int order, int mt) noexcept nogil:
    """The next free block of an order is kept; what it is wanted for does not matter."""
    only_61(z).capture_order = order
