# Several zones of Linux 6.1 or 6.12 together: whether they fit, and what they keep from each other.
#
# A node is the zones in ascending order of their index.  No two of them share a pageblock.
#
# Kernel: mm/page_alloc.c of 6.1: setup_per_zone_lowmem_reserve.


cdef int zones_match_61(const zone_t *one, const zone_t *other) noexcept nogil:
    """Whether two zones can belong to one node: ascending in index and PFN, in different pageblocks, and alike."""
    cdef const zone_t *low = one if one.zone_idx < other.zone_idx else other
    cdef const zone_t *high = other if low == one else one
    return (low.zone_idx < high.zone_idx and high.start_pfn & -block_pages_61(high) >= low.start_pfn + low.spanned_pages
            and low.cpus == high.cpus and low.pageblock_order == high.pageblock_order and low.grouping == high.grouping
            and only_61(<zone_t *> low).cma == only_61(<zone_t *> high).cma)


cdef void node_read_61(zone_t **zones, int n, node_marks_61_t *node) noexcept nogil:
    """What the marks of a node follow from; marks that are not yet set are 0."""
    cdef int k
    memset(node, 0, sizeof(node_marks_61_t))
    for k in range(n):
        node.managed[zones[k].zone_idx] = only_61(zones[k]).managed


cdef void node_set_reserves_61(zone_t **zones, int n) noexcept nogil:
    """New lowmem reserves, from the ratios of the zones."""
    cdef node_marks_61_t node
    cdef int k
    node_read_61(zones, n, &node)
    for k in range(n):
        set_lowmem_reserve_61(zones[k], node.managed)


cdef void node_set_lowmem_ratio_61(zone_t **zones, int n, int zone_idx, int32_t ratio) noexcept nogil:
    """The lowmem_reserve_ratio of one kind of zone; all reserves follow."""
    cdef int k
    for k in range(n):
        only_61(zones[k]).lowmem_ratio[zone_idx] = ratio
    node_set_reserves_61(zones, n)


cdef void node_set_boost_factor_61(zone_t **zones, int n, int64_t factor) noexcept nogil:
    cdef int k
    for k in range(n):
        only_61(zones[k]).boost_factor = factor


cdef void node_set_map_61(zone_t **zones, int n) noexcept nogil:
    """Which pages around each zone the page map has: whole sections, those of neighbours too."""
    cdef zone_6_1_t *e
    cdef int64_t section = SECTION_PAGES_61
    cdef int64_t start, end
    cdef int k, j
    for k in range(n):
        e = only_61(zones[k])
        e.map_start = zones[k].start_pfn & -section
        e.map_end = (zones[k].start_pfn + zones[k].spanned_pages + section - 1) & -section
        for j in range(k + 1, n):
            start = zones[j].start_pfn & -section
            end = (zones[j].start_pfn + zones[j].spanned_pages + section - 1) & -section
            if start <= e.map_end:
                e.map_end = max(e.map_end, end)
        for j in range(k - 1, -1, -1):
            start = zones[j].start_pfn & -section
            end = (zones[j].start_pfn + zones[j].spanned_pages + section - 1) & -section
            if end >= e.map_start:
                e.map_start = min(e.map_start, start)


cdef int is_node_61(zone_t **zones, int n) noexcept nogil:
    """Whether marks and reserves of the zones follow from all of them, as node_set_marks_61 and its like leave them."""
    cdef node_marks_61_t node
    cdef int64_t reserve
    cdef int k, j
    node_read_61(zones, n, &node)
    for k in range(n):
        if zones[k].min_free_kbytes != zones[0].min_free_kbytes or only_61(zones[k]).scale != only_61(zones[0]).scale:
            return 0
        for j in range(ZONES_61):
            reserve = lowmem_reserve_61(node.managed, only_61(zones[k]).lowmem_ratio[zones[k].zone_idx],
                                        zones[k].zone_idx, j)
            if only_61(zones[k]).lowmem_reserve[j] != reserve:
                return 0
    return 1
