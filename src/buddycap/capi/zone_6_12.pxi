# The C entry points of zones of Linux 6.12 alone: per-CPU lists whose limits move, a reserve that is counted, and
# captures that ask what the block is for.

cdef extern from "buddycap.h" nogil:
    ctypedef struct bc_stats_612:
        int64_t nr_free_highatomic
        int32_t below_high

    ctypedef struct bc_pcp_612:
        int32_t count
        int32_t high
        int32_t batch
        int32_t high_min
        int32_t high_max
        int32_t alloc_factor
        int32_t free_count
        int32_t flags
        int32_t locked


cdef inline int newest_status(const bc_zone *zone, const void *out) noexcept nogil:
    """BC_OK if there is a live zone of 6.12, and `out` is NULL or aligned."""
    cdef int status = zone_status(zone, out)
    if status == BC_OK and not is_612(<zone_t *> zone):
        return BC_EMISUSE_KERNEL
    return status


cdef public int bc_pcp_get_612(const bc_zone *zone, int cpu, bc_pcp_612 *pcp) noexcept nogil:
    cdef int status = newest_status(zone, pcp)
    cdef pcp_6_12_t lists
    if status == BC_OK:
        status = cpu_refusal(<zone_t *> zone, cpu)
    if status == BC_OK and pcp == NULL:
        status = BC_EMISUSE_POINTER
    if status == BC_OK:
        lists = zone_pcp_612(<zone_t *> zone, cpu)[0]
        memset(pcp, 0, sizeof(bc_pcp_612))
        pcp.count, pcp.high, pcp.batch = lists.count, lists.high, lists.batch
        pcp.high_min, pcp.high_max, pcp.alloc_factor = lists.high_min, lists.high_max, lists.alloc_factor
        pcp.free_count, pcp.flags, pcp.locked = lists.free_count, lists.flags, lists.locked
    return status


cdef public int bc_decay_pcp_612(bc_zone *zone, int cpu) noexcept nogil:
    cdef int status = newest_status(zone, NULL)
    if status == BC_OK:
        status = cpu_refusal(<zone_t *> zone, cpu)
    return decay_pcp_612(<zone_t *> zone, cpu) if status == BC_OK else status


cdef public int bc_set_cache_slice_612(bc_zone *zone, int64_t size) noexcept nogil:
    cdef int status = newest_status(zone, NULL)
    if status == BC_OK and not 0 <= size <= <int64_t> 1 << 40:
        status = BC_EMISUSE_VALUE
    if status == BC_OK:
        set_cache_slice_612(<zone_t *> zone, size)
    return status


cdef public int bc_capture_begin_612(bc_zone *zone, int order, int migratetype) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = newest_status(zone, NULL)
    if status == BC_OK:
        status = request_refusal(z, order, migratetype, 0)
    if status == BC_OK and only_61(z).capture_order >= 0:
        status = BC_EMISUSE_VALUE
    if status == BC_OK:
        capture_begin_612(z, order, request_type_61(z, migratetype))
    return status


cdef public int bc_stats_get_612(const bc_zone *zone, bc_stats_612 *stats) noexcept nogil:
    cdef int status = newest_status(zone, stats)
    if status == BC_OK and stats == NULL:
        status = BC_EMISUSE_POINTER
    if status == BC_OK:
        memset(stats, 0, sizeof(bc_stats_612))
        stats.nr_free_highatomic = own_612(<zone_t *> zone).nr_free_highatomic
        stats.below_high = own_612(<zone_t *> zone).below_high
    return status
