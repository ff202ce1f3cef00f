# Watermarks of Linux 6.12: zone 3 (Movable) is kept apart; a CPU's lists have two limits.
#
# Kernel: mm/page_alloc.c of 6.12: __setup_per_zone_wmarks, zone_set_pageset_high_and_batch.

cdef enum:
    MOVABLE_MIN_612 = 32            # least min mark of Movable, whatever its size
    MOVABLE_MAX_612 = 128


cdef void node_marks_612(node_marks_61_t *node) noexcept nogil:
    """The marks of all zones; the gap between those of Movable follows from its share all the same."""
    cdef int64_t total = 0
    cdef int64_t share, gap
    cdef int k, j
    for k in range(ZONES_61):
        total += node.managed[k] if k != ZONE_MOVABLE_61 else 0
    for k in range(ZONES_61):
        share = (node.min_free_kbytes // PAGE_KB) * node.managed[k] // total if total else 0
        gap = max(share // 4, share_61(node.managed[k], node.scale))
        if k == ZONE_MOVABLE_61:
            share = min(max(node.managed[k] // 1024, <int64_t> MOVABLE_MIN_612), <int64_t> MOVABLE_MAX_612)
        for j in range(4):
            node.mark[k][j] = share + j * gap


cdef void set_pcp_sizes_612(zone_t *z) noexcept nogil:
    """How long a CPU's lists may be at least and at most; how long they may be now follows when it is asked."""
    cdef zone_6_1_t *e = only_61(z)
    cdef own_6_12_t *own = own_612(z)
    cdef int64_t low = z.pages_low + e.boost
    cdef int cpu
    e.pcp_batch = max(1, zone_batchsize_61(e.managed))
    own.pcp_high_min = <int32_t> min(zone_highsize_61(e.managed, low, e.pcp_batch, z.cpus, e.pcp_fraction),
                                     <int64_t> PCP_MAX_61)
    own.pcp_high_max = own.pcp_high_min
    if e.pcp_fraction == 0:
        own.pcp_high_max = <int32_t> min(
            zone_highsize_61(e.managed, e.managed // PCP_SHARE_612, e.pcp_batch, z.cpus, 0), <int64_t> PCP_MAX_61)
    for cpu in range(z.cpus):
        zone_pcp_612(z, cpu).batch = e.pcp_batch
        zone_pcp_612(z, cpu).high_min = own.pcp_high_min
        zone_pcp_612(z, cpu).high_max = own.pcp_high_max


cdef inline int64_t highatomic_pages_612(zone_t *z) noexcept nogil:
    """Pages that ordinary requests leave to high-order atomic ones: those of their pageblocks that are free."""
    return max(own_612(z).nr_free_highatomic, <int64_t> 0)
