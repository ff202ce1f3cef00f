# Moves between free lists and per-CPU lists one by one, as a trace of a running machine tells them.


cdef int follow_refill_612(zone_t *z, int cpu, int order, int mt) noexcept nogil:
    """One block goes from the free lists to the tail of a CPU's list; 0 if there is none.  Linux: rmqueue_bulk."""
    cdef int mode = TAKE_NORMAL_612
    cdef int32_t i
    if not is_pcp_order_61(z, order):
        return 0
    i = rmqueue_612(z, order, mt, 0, &mode)
    if i == NO_PAGE:
        return 0
    order_array(z)[i] = pcp_state_61(order, mt)
    list_add_tail(link_array(z), pcp_list_61(cpu, pcp_index_61(z, order, mt)), i)
    zone_pcp_612(z, cpu).count += 1 << order
    return 1


cdef void follow_drain_612(zone_t *z, int cpu, int order, int mt) noexcept nogil:
    """One block goes back from a CPU's list, or from the next list that has one.  Linux: free_pcppages_bulk."""
    if is_pcp_order_61(z, order):
        drain_pcp_612(z, cpu, 1 << order, pcp_index_61(z, order, mt))
