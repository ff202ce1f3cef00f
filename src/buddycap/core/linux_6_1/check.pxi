# The invariants of what a zone of Linux 6.1 has otherwise than one of 6.12: see linux_6/each/check.pxi.


cdef int check_pcp_sizes_61(const pcp_6_1_t *pcp, violation_t *v) noexcept nogil:
    """I10: sizes of one CPU's lists."""
    return (within(v, 10, 1, PCP_MAX_61, pcp.batch) and within(v, 10, 0, PCP_MAX_61, pcp.high)
            and within(v, 10, 0, FREE_FACTOR_MAX_61, pcp.free_factor))


cdef int check_own_counters_61(zone_t *z, violation_t *v) noexcept nogil:
    """I7: nothing more is counted."""
    return 1


cdef int check_rest_61(zone_t *z, violation_t *v) noexcept nogil:
    """I1: nothing more is kept."""
    return 1


cdef int check_units_61(zone_t *z, int32_t slot, violation_t *v) noexcept nogil:
    """I13 for one private list of pages."""
    return check_isolated_list(z, slot, v)
