# Sizes of the per-CPU lists of Linux 6.12, which follow from what is asked of them.
#
#   high          grows with every refill, and shrinks when pages are given back; between high_min and high_max
#   alloc_factor  doubles what a refill of single pages brings, as long as nobody frees
#   free_count    pages freed lately: so many are given back at once; an allocation halves it
#
# While the zone is below its high mark (below_high), lists do not grow and give back what they can.
#
# Kernel: mm/page_alloc.c of 6.12: rmqueue_bulk, nr_pcp_alloc, free_unref_page_commit, free_unref_folios, nr_pcp_high,
# nr_pcp_free, decay_pcp_high, zone_pcp_disable, pcp_batch of the data cache's slice.


cdef inline int32_t held_612(const pcp_6_12_t *pcp, int64_t high) noexcept nogil:
    """A limit between the two; the larger one decides even where it is below the smaller one.  Linux: clamp."""
    if high >= pcp.high_max:
        return pcp.high_max
    return max(<int32_t> high, pcp.high_min)


cdef int nr_pcp_alloc_612(zone_t *z, pcp_6_12_t *pcp, int order) noexcept nogil:
    """Blocks to refill a list with."""
    cdef int64_t batch = pcp.batch
    cdef int64_t most
    pcp.high = held_612(pcp, pcp.high)
    if pcp.high < pcp.batch:
        return 1
    if order == 0:
        batch <<= pcp.alloc_factor
    if pcp.high_min != pcp.high_max and not own_612(z).below_high:
        pcp.high = <int32_t> min(pcp.high + batch, <int64_t> pcp.high_max)
    if order == 0:
        most = max(<int64_t> pcp.high - pcp.count - pcp.batch, <int64_t> pcp.batch)
        if batch <= most and pcp.alloc_factor < ALLOC_FACTOR_MAX_612:
            pcp.alloc_factor += 1
        batch = min(batch, most)
    return <int> (batch if batch <= 1 else max(batch >> order, <int64_t> 2))


cdef int refill_612(zone_t *z, pcp_6_12_t *pcp, int32_t head, int order, int mt, int flags) noexcept nogil:
    """Blocks for an empty list, each looked for where the last one was found; how many.  Linux: rmqueue_bulk."""
    cdef int wanted = nr_pcp_alloc_612(z, pcp, order)
    cdef int mode = TAKE_NORMAL_612
    cdef int got = 0
    cdef int32_t i
    while got < wanted:
        i = rmqueue_612(z, order, mt, flags, &mode)
        if i == NO_PAGE:
            break
        order_array(z)[i] = pcp_state_61(order, mt)
        list_add_tail(link_array(z), head, i)
        got += 1
    pcp.count += got << order
    return got


cdef inline int pcp_serves_612(zone_t *z, int mt, int flags) noexcept nogil:
    """Whether a request may take from the per-CPU lists: any may."""
    return 1


cdef inline void pcp_asked_612(pcp_6_12_t *pcp) noexcept nogil:
    """Somebody allocates: what was freed lately counts half."""
    pcp.free_count >>= 1


cdef inline int hears_boost_612(int flags) noexcept nogil:
    """Whether an allocation wakes kswapd because of a boost: one that may wake it at all."""
    return flags & ALLOC61_KSWAPD


# --- frees ------------------------------------------------------------------------------------------------------

cdef inline int frees_high_orders_612(pcp_6_12_t *pcp, int order) noexcept nogil:
    """Whether small blocks are freed one after the other, and had better go on to merge; remembers this one."""
    cdef int before = pcp.flags & PCP_FREED_HIGH_612
    pcp.flags &= ~PCP_FREED_HIGH_612
    if not 1 <= order <= 3:
        return 0
    pcp.flags |= PCP_FREED_HIGH_612
    return (before and pcp.free_count >= pcp.batch
            and (not pcp.flags & PCP_LARGE_CACHE_612 or pcp.count >= pcp.batch))


cdef int32_t pcp_limit_612(zone_t *z, pcp_6_12_t *pcp, int free_high) noexcept nogil:
    """Pages that the lists may hold now; `high` moves for the next time.  Linux: nr_pcp_high."""
    cdef int64_t freed = max(pcp.free_count, pcp.batch)
    cdef int32_t high = held_612(pcp, pcp.high)
    pcp.high = high
    if high == 0:
        return 0
    if free_high:
        pcp.high = <int32_t> max(high - (<int64_t> pcp.batch << FREE_BATCHES_612), <int64_t> pcp.high_min)
        return 0
    if only_61(z).reclaim:
        pcp.high = <int32_t> max(high - freed, <int64_t> pcp.high_min)
        return <int32_t> min(<int64_t> pcp.batch << 2, <int64_t> pcp.high)
    if pcp.high_min == pcp.high_max:
        return high
    if own_612(z).below_high:
        pcp.high = <int32_t> max(high - freed, <int64_t> pcp.high_min)
        return max(pcp.count, pcp.high_min)
    if pcp.count >= high and high < <int64_t> pcp.free_count + pcp.batch:
        pcp.high = held_612(pcp, <int64_t> pcp.free_count + pcp.batch)
    return high


cdef int pages_to_drain_612(const pcp_6_12_t *pcp, int32_t high, int free_high) noexcept nogil:
    """Pages to give back at this limit: as many as were freed lately, within bounds.  Linux: nr_pcp_free."""
    cdef int64_t most = <int64_t> high - pcp.batch
    if free_high:
        return <int> min(<int64_t> pcp.count, <int64_t> pcp.batch << FREE_BATCHES_612)
    if high < pcp.batch:
        return 1
    return <int> (most if pcp.free_count >= most else max(pcp.free_count, pcp.batch))


cdef void pcp_shrink_612(zone_t *z, pcp_6_12_t *pcp, int index, int free_high) noexcept nogil:
    """Give pages back if the lists are too long; the zone may be above its high mark again then."""
    cdef int32_t high = pcp_limit_612(z, pcp, free_high)
    if pcp.count < high:
        return
    drain_pcp_612(z, only_61(z).cpu, pages_to_drain_612(pcp, high, free_high), index)
    if own_612(z).below_high and watermark_ok_612(z, 0, z.pages_high + only_61(z).boost, ZONE_MOVABLE_61, 0):
        own_612(z).below_high = 0


cdef inline int has_place_612(zone_t *z, const pcp_6_12_t *pcp) noexcept nogil:
    """Whether the lists are below a limit that nothing moves: the usual case."""
    return pcp.high_min <= pcp.high <= pcp.high_max and pcp.count < pcp.high and not (
        only_61(z).reclaim | own_612(z).below_high)


cdef inline void pcp_put_612(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """A freed block goes to the head of its list, which may then be too long.  Linux: free_unref_page_commit."""
    cdef int cpu = only_61(z).cpu
    cdef pcp_6_12_t *pcp = zone_pcp_612(z, cpu)
    cdef int kind = mt if mt < ORDINARY_61 else MT61_MOVABLE
    cdef int index = pcp_index_61(z, order, kind)
    cdef int free_high
    pcp.alloc_factor >>= 1
    z.vm[VM_PGFREE] += 1 << order
    order_array(z)[i] = pcp_state_61(order, kind)
    list_add(link_array(z), pcp_list_61(cpu, index), i)
    pcp.count += 1 << order
    free_high = frees_high_orders_612(pcp, order)
    if pcp.free_count < <int64_t> pcp.batch << FREE_BATCHES_612:
        pcp.free_count += 1 << order
    if buddycap_rarely(free_high or not has_place_612(z, pcp)):
        pcp_shrink_612(z, pcp, index, free_high)


cdef inline void free_past_pcp_612(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """Free a block that its per-CPU list does not take."""
    z.vm[VM_PGFREE] += 1 << order
    free_blocks_612(z, i, order, 0)


cdef void free_list_prepare_612(zone_t *z, int32_t i) noexcept nogil:
    """The first half of the free of a list: blocks of orders that no per-CPU list takes are gone after it."""
    cdef int order = order_array(z)[i] & 0x0F
    free_prepare_612(z, i, order)
    if is_pcp_order_61(z, order):
        order_array(z)[i] = pcp_state_61(order, MT61_MOVABLE)
    else:
        free_past_pcp_612(z, i, order, MT61_MOVABLE)


cdef void free_list_commit_612(zone_t *z, int32_t i) noexcept nogil:
    """The second half, for a block that the first has left, by the type that its pageblock has now."""
    cdef int order = state_order_61(z, order_array(z)[i])
    cdef int mt = block_type_61(z, i)
    if mt == iso_61(z) or zone_pcp_612(z, only_61(z).cpu).locked:
        free_past_pcp_612(z, i, order, mt)
    else:
        tell_61(z, EV61_FREE_BATCHED, i, 0, 0, 0)
        pcp_put_612(z, i, order, mt)


cdef void free_given_up_612(zone_t *z, const int32_t *pages, int n) noexcept nogil:
    """Free what reclaim has given up in lists, the page decided on first first.  Linux: free_unref_folios."""
    cdef int first = 0
    cdef int end, k
    while first < n:
        end = min(n, first + LIST_BATCH_612)
        for k in range(first, end):
            free_list_prepare_612(z, pages[k])
        for k in range(first, end):
            if is_pcp_state_61(order_array(z)[pages[k]]):
                free_list_commit_612(z, pages[k])
        first = end


# --- sizes ------------------------------------------------------------------------------------------------------

cdef void pcp_disable_612(zone_t *z, int disabled) noexcept nogil:
    """The per-CPU lists are switched off and emptied, or on again."""
    cdef int cpu
    for cpu in range(z.cpus):
        zone_pcp_612(z, cpu).high_min = 0 if disabled else own_612(z).pcp_high_min
        zone_pcp_612(z, cpu).high_max = 0 if disabled else own_612(z).pcp_high_max
        zone_pcp_612(z, cpu).batch = 1 if disabled else only_61(z).pcp_batch
    if disabled:
        drain_all_612(z)


cdef int decay_pcp_612(zone_t *z, int cpu) noexcept nogil:
    """Lists that nobody uses give a part back: whether there is more to do."""
    cdef pcp_6_12_t *pcp = zone_pcp_612(z, cpu)
    cdef int64_t least = pcp.count - (<int64_t> pcp.batch << FREE_BATCHES_612)
    cdef int64_t surplus
    cdef int more = 0
    if pcp.high > pcp.high_min:
        least = max(least, <int64_t> pcp.high - (pcp.high >> 3))
        pcp.high = <int32_t> max(least, <int64_t> pcp.high_min)
        more = pcp.high > pcp.high_min
    surplus = <int64_t> pcp.count - pcp.high
    while surplus > 0:
        drain_pcp_612(z, cpu, <int> min(surplus, <int64_t> pcp.batch), 0)
        surplus -= pcp.batch
        more = 1
    return more


cdef void set_cache_slice_612(zone_t *z, int64_t size) noexcept nogil:
    """The part of the data cache that each CPU has, in bytes."""
    cdef pcp_6_12_t *pcp
    cdef int cpu
    for cpu in range(z.cpus):
        pcp = zone_pcp_612(z, cpu)
        pcp.flags &= ~PCP_LARGE_CACHE_612
        if size // (PAGE_KB * 1024) > <int64_t> 3 * pcp.batch:
            pcp.flags |= PCP_LARGE_CACHE_612


# --- what may be asked ------------------------------------------------------------------------------------------

cdef int list_status_612(zone_t *z, const int64_t *pfns, int64_t n, int64_t *offender) noexcept nogil:
    """ST_OK for different allocated blocks, single pages or compound ones."""
    cdef int64_t k, pfn
    cdef uint8_t order
    cdef int status = ST_OK
    cdef uint64_t *bits = bits_array(z)
    cdef int64_t done = 0
    while done < n and status == ST_OK:
        pfn = pfns[done]
        status = page_status_61(z, pfn)
        if status == ST_OK:
            order = order_array(z)[pfn - z.base_pfn] & 0x0F
            if not flags_array(z)[pfn - z.base_pfn] & PF_COMPOUND_61:
                order = 0
            status = used_block_status_61(z, pfn, order)
        k = pfn - z.base_pfn
        if status == ST_OK and bits[k >> 6] >> (k & 63) & 1:
            status = ST_DUPLICATE
        if status == ST_OK:
            bits[k >> 6] |= <uint64_t> 1 << (k & 63)
            done += 1
    for k in range(done):
        bits[(pfns[k] - z.base_pfn) >> 6] = 0
    offender[0] = done
    return status


cdef void capture_begin_612(zone_t *z, int order, int mt) noexcept nogil:
    """The next free block of an order is kept, if it is one for a request of type mt."""
    only_61(z).capture_order = order
    own_612(z).capture_type = mt
