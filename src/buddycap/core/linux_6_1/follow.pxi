# Moves between free lists and per-CPU lists one by one, as a trace of a running machine tells them.


cdef int follow_refill_61(zone_t *z, int cpu, int order, int mt) noexcept nogil:
    """One block goes from the free lists to the tail of a CPU's list; 0 if there is none.  Linux: rmqueue_bulk."""
    cdef pcp_6_1_t *pcp = zone_pcp_61(z, cpu)
    cdef int32_t batch = pcp.batch
    cdef int got
    if not is_pcp_order_61(z, order):
        return 0
    pcp.batch = 1
    got = refill_61(z, pcp, pcp_list_61(cpu, pcp_index_61(z, order, mt)), order, mt, 0)
    pcp.batch = batch
    return got


cdef void follow_drain_61(zone_t *z, int cpu, int order, int mt) noexcept nogil:
    """One block goes back from a CPU's list, or from the next list that has one.  Linux: free_pcppages_bulk."""
    if is_pcp_order_61(z, order):
        drain_pcp_61(z, cpu, 1 << order, pcp_index_61(z, order, mt))
