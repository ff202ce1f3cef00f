# How blocks come back to the free lists: one that is freed, and what a CPU has held for a while (since Linux 6.1).
#
# Kernel: mm/page_alloc.c of 6.1: free_pages_prepare, __free_pages_ok, free_pcppages_bulk, drain_pages, drain_all_pages.


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
    free_blocks_61(z, i, order, 0)


cdef void drain_block_61(zone_t *z, int32_t i) noexcept nogil:
    """A block that has left its per-CPU list goes to the free lists."""
    cdef uint8_t state = order_array(z)[i]
    cdef int order = state_order_61(z, state)
    cdef int mt = drained_type_61(z, i, state)
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


cdef void drain_batch_61(zone_t *z, int cpu) noexcept nogil:
    """Give one batch of a CPU's pages back.  Linux: drain_zone_pages."""
    drain_pcp_61(z, cpu, zone_pcp_61(z, cpu).batch, 0)


cdef void append_free_61(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """An allocated block goes to the tail of a free list: for a recorded state."""
    note_listed_61(z, i, order, mt)
    account_free_61(z, 1 << order, mt)
    list_block_61(z, i, order, mt, 1)


cdef void pcp_append_61(zone_t *z, int cpu, int index, int32_t i, int tag) noexcept nogil:
    """An allocated block, of the order of a CPU's list, goes to the tail of that: for a recorded state."""
    cdef int order = index // 3 if index < 12 else z.pageblock_order
    order_array(z)[i] = pcp_state_61(order, tag)
    list_add_tail(link_array(z), pcp_list_61(cpu, index), i)
    zone_pcp_61(z, cpu).count += 1 << order
