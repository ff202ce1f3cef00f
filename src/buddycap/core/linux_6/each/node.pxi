# Requests that may go to any zone of a node, and the marks of all of them (since Linux 6.1).
#
# Kernel: mm/page_alloc.c of 6.1: get_page_from_freelist, unreserve_highatomic_pageblock, setup_per_zone_wmarks.


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


cdef void node_set_pcp_fraction_61(zone_t **zones, int n, int64_t fraction) noexcept nogil:
    """Linux: percpu_pagelist_high_fraction."""
    cdef int k
    for k in range(n):
        only_61(zones[k]).pcp_fraction = fraction
        set_pcp_sizes_61(zones[k])


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


cdef int node_unreserve_61(zone_t **zones, int n, int mt, int classzone_idx, int force) noexcept nogil:
    """Give a pageblock kept for high-order atomic requests back to type mt: 1 if one was found."""
    cdef int k
    for k in range(n - 1, -1, -1):
        if zones[k].zone_idx <= classzone_idx and unreserve_highatomic_61(zones[k], mt, force):
            return 1
    return 0
