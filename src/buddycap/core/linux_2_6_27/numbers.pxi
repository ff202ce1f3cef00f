# Numbers of 2.6.27, what may be asked for, and the heads of its lists: ... pcp(cpu) | lru | free(order, type).
#
# Kernel: include/linux/mmzone.h and gfp.h of 2.6.27.

cdef enum:
    MIN_FREE_KBYTES_HIGH = 65536
    HIGHMEM_MIN_LOW = 32        # SWAP_CLUSTER_MAX
    HIGHMEM_MIN_HIGH = 128

cdef enum:
    ALLOC_KNOWN = (ALLOC_NO_WATERMARKS | ALLOC_WMARK_MIN | ALLOC_WMARK_LOW | ALLOC_WMARK_HIGH | ALLOC_HARDER
                   | ALLOC_HIGH | ALLOC_CPUSET)
    GFP_KNOWN = 0x1FDFF7


cdef inline int32_t free_list(int order, int mt) noexcept nogil:
    return -1 - (order * MIGRATE_TYPES + mt)


cdef inline int32_t pcp_list(int cpu) noexcept nogil:
    return -1 - (MAX_ORDERS * MIGRATE_TYPES + NR_PAGE_LISTS + cpu)


cdef inline pcp_t *zone_pcp(zone_t *z, int cpu) noexcept nogil:
    return <pcp_t *> (<uint8_t *> z + z.off_pcp) + cpu


cdef inline int is_requestable_27(int mt) noexcept nogil:
    """Whether pages of this type can be asked for: UNMOVABLE, RECLAIMABLE, MOVABLE."""
    return <unsigned int> mt <= MT_MOVABLE


cdef inline int request_type(zone_t *z, int mt) noexcept nogil:
    """Without grouping by mobility every request is UNMOVABLE.  Linux: allocflags_to_migratetype."""
    return mt if z.grouping else MT_UNMOVABLE


cdef int page_kind_27(zone_t *z, int32_t head, int *order) noexcept nogil:
    """BC_PAGE_* of what starts at a page, and its order."""
    cdef uint8_t kind = order_array(z)[head] & PG_STATE
    order[0] = 0
    if order_array(z)[head] == PG_HOLE:
        return BC_PAGE_HOLE
    if kind == PG_PCP:
        return BC_PAGE_ON_PCP
    order[0] = order_array(z)[head] & 0x0F
    if kind == PG_FREE:
        return BC_PAGE_FREE
    return BC_PAGE_CAPTURED if kind == PG_CAPTURED or kind == PG_PRIVATE else BC_PAGE_USED
