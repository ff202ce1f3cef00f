# Several zones of Linux 6.1 together: marks and reserves that follow from all of them, and requests that may go to any.
#
# A node is the zones in ascending order of their index.  No two of them share a pageblock.
#
# Kernel: mm/page_alloc.c of 6.1: get_page_from_freelist, unreserve_highatomic_pageblock, setup_per_zone_wmarks,
# setup_per_zone_lowmem_reserve.


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


cdef void node_set_marks_61(zone_t **zones, int n, int64_t min_free_kbytes, int64_t scale) noexcept nogil:
    """New marks, and per-CPU lists of new sizes; -1: min_free_kbytes from the size of the node."""
    cdef node_marks_61_t node
    cdef int k
    node_read_61(zones, n, &node)
    node.min_free_kbytes = default_min_free_kbytes_61(&node) if min_free_kbytes < 0 else min_free_kbytes
    node.scale = scale
    node_marks_61(&node)
    for k in range(n):
        set_marks_61(zones[k], &node)


cdef void node_set_reserves_61(zone_t **zones, int n) noexcept nogil:
    """New lowmem reserves, from the ratios of the zones."""
    cdef node_marks_61_t node
    cdef int k
    node_read_61(zones, n, &node)
    for k in range(n):
        set_lowmem_reserve_61(zones[k], node.managed)


cdef void node_set_min_free_61(zone_t **zones, int n, int64_t kb, int64_t scale) noexcept nogil:
    """New marks; a scale of -1 keeps the factor."""
    node_set_marks_61(zones, n, kb, only_61(zones[0]).scale if scale < 0 else scale)


cdef void node_set_pcp_fraction_61(zone_t **zones, int n, int64_t fraction) noexcept nogil:
    """Linux: percpu_pagelist_high_fraction."""
    cdef int k
    for k in range(n):
        only_61(zones[k]).pcp_fraction = fraction
        set_pcp_sizes_61(zones[k])


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


cdef inline int32_t take_permitted_61(zone_t *z, int order, int mt, int flags, int classzone_idx,
                                      int atomic) noexcept nogil:
    """Allocate from the zone if its marks permit it; or NO_PAGE.  One turn of get_page_from_freelist."""
    if not flags & ALLOC61_NO_WATERMARKS and not watermark_fast_61(z, order, classzone_idx, flags, atomic):
        return NO_PAGE
    return rmqueue_zone_61(z, order, mt, flags)


cdef int32_t node_walk_61(zone_t **zones, int n, int order, int mt, int flags, int classzone_idx, int atomic,
                          int *found) noexcept nogil:
    """Allocate from the highest zone that the request may use and whose marks allow it; `found` is its position.

    If no zone can without mixing types in a pageblock, all are asked once more.  Linux: get_page_from_freelist.
    """
    cdef int32_t i
    cdef int k
    while 1:
        for k in range(n - 1, -1, -1):
            if zones[k].zone_idx > classzone_idx:
                continue
            i = take_permitted_61(zones[k], order, mt, flags, classzone_idx, atomic)
            if i != NO_PAGE:
                found[0] = k
                return i
        if not flags & ALLOC61_NOFRAGMENT:
            return NO_PAGE
        flags &= ~ALLOC61_NOFRAGMENT


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


cdef int node_unreserve_61(zone_t **zones, int n, int mt, int classzone_idx, int force) noexcept nogil:
    """Give a pageblock kept for high-order atomic requests back to type mt: 1 if one was found."""
    cdef int k
    for k in range(n - 1, -1, -1):
        if zones[k].zone_idx <= classzone_idx and unreserve_highatomic_61(zones[k], mt, force):
            return 1
    return 0
