# Per-CPU lists of Linux 6.1: fourteen a CPU, for blocks of orders 0..3 and 9.
#
# A block is remembered with the type that its pageblock had when it came, and is drained as one of that type, unless
# some pageblock of the zone is isolated.  Allocations take the head and frees put there; a refill stands at the tail;
# a drain takes the tail.  Blocks here do not merge and are not counted as free.
#
#   free_factor: doubles the number of pages that a free to a full list gives back, as long as nobody allocates
#   locked: the list is in use by what an interrupt has interrupted, and is passed by
#
# Kernel: mm/page_alloc.c of 6.1: rmqueue_bulk, __rmqueue_pcplist, rmqueue_pcplist, rmqueue, free_unref_page,
# free_unref_page_commit, free_unref_page_list, nr_pcp_free, nr_pcp_high, free_pcppages_bulk, drain_pages,
# drain_zone_pages, zone_pcp_disable.

cdef enum:
    FREE_FACTOR_MAX_61 = 5


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
    if is_pcp_order_61(z, order) and (not e.cma or flags & ALLOC61_CMA or mt != MT61_MOVABLE) and not pcp.locked:
        pcp.free_factor >>= 1
        i = pcp_take_61(z, e.cpu, order, mt, flags)
        if i != NO_PAGE:
            z.vm[VM_PGALLOC] += 1 << order
    if i == NO_PAGE:
        i = rmqueue_buddy_61(z, order, mt, flags)
    if e.boosted:
        e.boosted = 0
        e.wakeups += 1
    if i != NO_PAGE and flags & ALLOC61_HIGHATOMIC:
        reserve_highatomic_61(z, i)
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


cdef void drain_block_61(zone_t *z, int32_t i) noexcept nogil:
    """A block that has left its per-CPU list goes to the free lists."""
    cdef uint8_t state = order_array(z)[i]
    cdef int order = state_order_61(z, state)
    cdef int mt = block_type_61(z, i) if only_61(z).nr_isolated else state & 0x0F
    free_one_page_61(z, i, order, mt, 0)
    tell_61(z, EV61_DRAIN, i, order, mt, 0)


cdef void drain_pcp_61(zone_t *z, int cpu, int count, int index) noexcept nogil:
    """Give back `count` pages or a little more: list after list from `index` on.  Linux: free_pcppages_bulk."""
    cdef link_t *link = link_array(z)
    cdef pcp_6_1_t *pcp = zone_pcp_61(z, cpu)
    cdef int32_t head, i
    cdef int pages
    count = min(count, pcp.count)
    while count > 0:
        head = pcp_list_61(cpu, index)
        while count > 0 and not list_empty(link, head):
            i = link[head].prev
            pages = 1 << state_order_61(z, order_array(z)[i])
            list_del(link, i)
            count -= pages
            pcp.count -= pages
            drain_block_61(z, i)
        index = index + 1 if index + 1 < PCP_LISTS_61 else 0


cdef inline void drain_cpu_61(zone_t *z, int cpu) noexcept nogil:
    """Give back everything that a CPU holds.  Linux: drain_pages_zone."""
    drain_pcp_61(z, cpu, zone_pcp_61(z, cpu).count, 0)


cdef void drain_all_61(zone_t *z) noexcept nogil:
    """Give back what all CPUs hold, CPU 0 first.  Linux: drain_all_pages."""
    cdef int cpu
    for cpu in range(z.cpus):
        drain_cpu_61(z, cpu)


cdef void pcp_disable_61(zone_t *z, int disabled) noexcept nogil:
    """The per-CPU lists are switched off and emptied, or on again.  Linux: zone_pcp_disable, zone_pcp_enable."""
    cdef int cpu
    for cpu in range(z.cpus):
        zone_pcp_61(z, cpu).high = 0 if disabled else only_61(z).pcp_high
        zone_pcp_61(z, cpu).batch = 1 if disabled else only_61(z).pcp_batch
    if disabled:
        drain_all_61(z)


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


# --- frees ------------------------------------------------------------------------------------------------------

cdef inline void free_prepare_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Marks, references and owners do not outlive the allocation.  Linux: free_pages_prepare."""
    cdef uint8_t *state = order_array(z)
    if (state[i] & PG_STATE) == PG_MARKED:
        lru_forget_61(z, i, order)
        refs_array_61(z)[i] = 0
    if z.off_owner:
        owner_array(z)[i] = 0
    tell_61(z, EV61_FREE, i, order, 0, 0)


cdef inline void free_pages_ok_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Free a block straight to the free lists.  Linux: __free_pages_ok."""
    free_prepare_61(z, i, order)
    z.vm[VM_PGFREE] += 1 << order
    free_one_page_61(z, i, order, block_type_61(z, i), 0)


cdef void free_unref_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Free a block as its last reference goes: through the current CPU's lists if they take its order.

    Pages of isolated pageblocks, and all while the list is locked, go straight to the free lists, uncounted.
    Linux: free_the_page, free_unref_page.
    """
    cdef int tag
    if not is_pcp_order_61(z, order):
        free_pages_ok_61(z, i, order)
        return
    free_prepare_61(z, i, order)
    tag = block_type_61(z, i)
    if tag == iso_61(z) or zone_pcp_61(z, only_61(z).cpu).locked:
        free_one_page_61(z, i, order, tag, 0)
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


cdef void free_pages_list_61(zone_t *z, const int64_t *pfns, int64_t n) noexcept nogil:
    """Free n single pages as a list.  Linux: free_unref_page_list."""
    cdef int64_t k
    for k in range(n):
        free_list_prepare_61(z, <int32_t> (pfns[k] - z.base_pfn))
    for k in range(n):
        if is_pcp_state_61(order_array(z)[pfns[k] - z.base_pfn]):
            free_list_commit_61(z, <int32_t> (pfns[k] - z.base_pfn))


# --- allocated blocks -------------------------------------------------------------------------------------------

cdef inline void get_page_61(zone_t *z, int32_t i) noexcept nogil:
    """One more reference to an allocated block that has fewer than all.  Linux: get_page."""
    refs_array_61(z)[i] += 1
    order_array(z)[i] = PG_MARKED | (order_array(z)[i] & 0x0F)


cdef inline void make_compound_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Linux: prep_compound_page."""
    flags_array(z)[i] |= PF_COMPOUND_61
    order_array(z)[i] = PG_MARKED | order


cdef void split_page_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Turn an allocated block into single pages with one reference each; their marks stay.  Linux: split_page."""
    cdef int32_t k
    refs_array_61(z)[i] = 0
    for k in range(i, i + (1 << order)):
        order_array(z)[k] = used_state_61(z, k, 0)


cdef void join_pages_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Turn single pages into one allocated block with one reference: what split_page does, undone."""
    memset(refs_array_61(z) + i, 0, sizeof(uint16_t) << order)
    memset(order_array(z) + i, PG_TAIL, 1 << order)
    order_array(z)[i] = used_state_61(z, i, order)
    if z.off_owner:
        memset(owner_array(z) + i + 1, 0, (sizeof(uint64_t) << order) - sizeof(uint64_t))


cdef void set_lru_61(zone_t *z, int32_t i, int32_t n, int lru) noexcept nogil:
    """Put n pages of allocated blocks on the LRU, or take them off."""
    cdef int32_t head, k
    for k in range(i, i + n):
        if lru and not flags_array(z)[k] & PF_LRU:
            lru_add_61(z, k, flags_array(z)[k])
        elif not lru and flags_array(z)[k] & PF_LRU:
            lru_del_61(z, k)
    k = i
    while k < i + n:
        head = block_head(z, k)
        order_array(z)[head] = used_state_61(z, head, order_array(z)[head] & 0x0F)
        k = head + (1 << (order_array(z)[head] & 0x0F))
