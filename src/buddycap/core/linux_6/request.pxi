# What a request asks for, and what it is allowed: equal in Linux 6.1 and 6.12.
#
# The type of a request and the highest zone that it may use follow from its GFP bits.  Marks are tested with the
# highest zone that the bits allow, whether the node has it or not.
#
# Kernel: mm/page_alloc.c of 6.1: prepare_alloc_pages, alloc_flags_nofragment, gfp_to_alloc_flags; gfp_zone.

cdef enum:
    MAX_COMPACT_RETRIES_61 = 16
    MAX_COSTLY_RETRIES_61 = 4       # MAX_COMPACT_RETRIES >> 2

cdef enum:                          # request_t.state, besides those of every kernel
    SLOW61_COMPACT_FIRST = 2
    SLOW61_RETRY
    SLOW61_RECLAIM
    SLOW61_COMPACT


cdef inline int gfp_zoneidx_61(const machine_t *m, uint32_t gfp) noexcept nogil:
    """Index of the highest zone that the bits allow.  Linux: gfp_zone."""
    return m.gfp_zone[gfp & (GFP61_DMA | GFP61_HIGHMEM | GFP61_DMA32 | GFP61_MOVABLE)]


cdef inline int gfp_migratetype_61(const machine_t *m, uint32_t gfp) noexcept nogil:
    """Linux: gfp_migratetype."""
    return request_type_61(m.zone[0], (gfp >> 3) & 3)


cdef inline void prep_new_page_61(zone_t *z, int32_t i, int order, uint32_t gfp) noexcept nogil:
    """What is still to be done with a block that has been obtained."""
    if gfp & GFP61_COMP and order > 0:
        make_compound_61(z, i, order)


cdef int request_status_61(const machine_t *m, int64_t order, int64_t gfp, int64_t cpu) noexcept nogil:
    """ST_OK if there can be such a request."""
    if <uint64_t> order > ORDER_MAX_61:
        return ST_ORDER_RANGE
    if gfp & ~<int64_t> GFP61_KNOWN:
        return ST_GFP_UNKNOWN
    if gfp & (GFP61_MOVABLE | GFP61_RECLAIMABLE) == (GFP61_MOVABLE | GFP61_RECLAIMABLE):
        return ST_GFP_MOBILITY
    return ST_OK if <uint64_t> cpu < <uint64_t> m.zone[0].cpus else ST_CPU_RANGE


cdef inline int cma_flag_61(const machine_t *m, uint32_t gfp) noexcept nogil:
    """Movable pages may lie in CMA pageblocks.  Linux: gfp_to_alloc_flags_cma."""
    return ALLOC61_CMA if only_61(m.zone[0]).cma and gfp_migratetype_61(m, gfp) == MT61_MOVABLE else 0


cdef int preferred_zone_61(const machine_t *m, int classzone_idx) noexcept nogil:
    """Position of the highest zone that may be used, or -1."""
    cdef int k
    for k in range(m.nr_zones):
        if m.zone[k].zone_idx <= classzone_idx and only_61(m.zone[k]).managed:
            return k
    return -1


cdef int fast_flags_61(const machine_t *m, uint32_t gfp) noexcept nogil:
    """The low mark; and types are not mixed at first if memory begins in Normal.  Linux: alloc_flags_nofragment."""
    cdef int preferred = preferred_zone_61(m, gfp_zoneidx_61(m, gfp))
    cdef int flags = ALLOC61_WMARK_LOW | (gfp & GFP61_KSWAPD) | cma_flag_61(m, gfp)
    if preferred >= 0 and m.zone[preferred].zone_idx == ZONE_NORMAL_61:
        flags |= ALLOC61_NOFRAGMENT
    return flags


cdef int slow_flags_61(const machine_t *m, const request_t *r) noexcept nogil:
    """The min mark, and how far below it.  Linux: gfp_to_alloc_flags."""
    cdef uint32_t gfp = r.gfp
    cdef int flags = ALLOC61_WMARK_MIN | ALLOC61_CPUSET | (gfp & (GFP61_HIGH | GFP61_KSWAPD))
    if not gfp & GFP61_DIRECT_RECLAIM:
        if not gfp & GFP61_NOMEMALLOC:
            flags |= ALLOC61_NON_BLOCK
            if r.order > 0 and gfp & GFP61_HIGH:
                flags |= ALLOC61_HIGHATOMIC
        if gfp & GFP61_HIGH:
            flags &= ~ALLOC61_CPUSET
    elif r.task & TASK_REALTIME:
        flags |= ALLOC61_MIN_RESERVE
    return flags | cma_flag_61(m, gfp)


cdef inline int is_costly_61(const request_t *r) noexcept nogil:
    return r.order > PAGE_ALLOC_COSTLY_ORDER


cdef inline int ignores_marks_61(const request_t *r) noexcept nogil:
    """Whether the task may use everything there is.  Linux: gfp_pfmemalloc_allowed."""
    return not r.gfp & GFP61_NOMEMALLOC and (r.gfp & GFP61_MEMALLOC or r.task & TASK_MEMALLOC)


# --- a request --------------------------------------------------------------------------------------------------

cdef void request_init_61(machine_t *m, request_t *r, int order, uint32_t gfp, int cpu, int task) noexcept nogil:
    """An allocation that has not begun."""
    memset(r, 0, sizeof(request_t))
    r.order = order
    r.gfp = gfp
    r.cpu = cpu
    r.task = task
    r.policy = m.policy
    r.magic = request_magic(m, r)
    r.page = NO_PAGE
    r.scan.fenced = NO_PAGE
    r.scan.capture_largest = -1
    r.high_zoneidx = r.classzone_idx = gfp_zoneidx_61(m, gfp)
    r.own.compact_result = COMPACT_SKIPPED
    r.own.compact_priority = COMPACT_PRIO_LIGHT


cdef void count_compaction_61(machine_t *m, request_t *r, int event) noexcept nogil:
    """An event of direct compaction, which is the node's: it stands in the highest zone."""
    compact_61(m.zone[0]).events[event] += 1


cdef void count_result_61(direct_t *direct, int result) noexcept nogil:
    """How direct compaction has ended."""
    if result == COMPACT_SUCCESS:
        direct.success += 1
    elif result == COMPACT_CONTENDED:
        direct.contended += 1
    elif result == COMPACT_COMPLETE or result == COMPACT_PARTIAL_SKIPPED:
        direct.complete += 1
    elif result == COMPACT_DEFERRED:
        direct.deferred += 1
    else:
        direct.skipped += 1
