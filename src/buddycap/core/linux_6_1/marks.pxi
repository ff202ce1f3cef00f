# Watermarks of Linux 6.1: zone 3 (Movable) counts like the others; a CPU's lists have one limit.
#
# Kernel: mm/page_alloc.c of 6.1: __setup_per_zone_wmarks, zone_set_pageset_high_and_batch.


cdef void node_marks_61(node_marks_61_t *node) noexcept nogil:
    """The marks of all zones.  Linux: __setup_per_zone_wmarks."""
    cdef int64_t total = 0
    cdef int64_t gap
    cdef int k, j
    for k in range(ZONES_61):
        total += node.managed[k]
    for k in range(ZONES_61):
        node.mark[k][0] = (node.min_free_kbytes // PAGE_KB) * node.managed[k] // total if total else 0
        gap = max(node.mark[k][0] // 4, share_61(node.managed[k], node.scale))
        for j in range(1, 4):
            node.mark[k][j] = node.mark[k][0] + j * gap if node.managed[k] else 0


cdef void set_pcp_sizes_61(zone_t *z) noexcept nogil:
    """Linux: zone_set_pageset_high_and_batch."""
    cdef zone_6_1_t *e = only_61(z)
    cdef int cpu
    e.pcp_batch = max(1, zone_batchsize_61(e.managed))
    e.pcp_high = <int32_t> min(
        zone_highsize_61(e.managed, z.pages_low + e.boost, e.pcp_batch, z.cpus, e.pcp_fraction), <int64_t> PCP_MAX_61)
    for cpu in range(z.cpus):
        zone_pcp_61(z, cpu).batch = e.pcp_batch
        zone_pcp_61(z, cpu).high = e.pcp_high


cdef inline int64_t highatomic_pages_61(zone_t *z) noexcept nogil:
    """Pages that ordinary requests leave to high-order atomic ones: all that are reserved for them."""
    return only_61(z).reserved_highatomic
