# An allocation of Linux 6.1 from its beginning to its end.
#
#   request_t:  START (fast path; kswapd woken; second try) -> DONE
#
# The type of a request and the highest zone that it may use follow from its GFP bits.  Marks are tested with the
# highest zone that the bits allow, whether the node has it or not.
#
# Kernel: mm/page_alloc.c of 6.1: prepare_alloc_pages, alloc_flags_nofragment, gfp_to_alloc_flags, __alloc_pages,
# get_page_from_freelist, __alloc_pages_slowpath; mm/vmscan.c: wakeup_kswapd, pgdat_balanced.
#
# Deviations: one node; cpusets are not asked.


# --- one walk over the zones ------------------------------------------------------------------------------------

cdef inline int gfp_zoneidx_61(const machine_t *m, uint32_t gfp) noexcept nogil:
    """Index of the highest zone that the bits allow.  Linux: gfp_zone."""
    return m.gfp_zone[gfp & (GFP61_DMA | GFP61_HIGHMEM | GFP61_DMA32 | GFP61_MOVABLE)]


cdef inline int gfp_migratetype_61(const machine_t *m, uint32_t gfp) noexcept nogil:
    """Linux: gfp_migratetype."""
    return request_type_61(m.zone[0], (gfp >> 3) & 3)


cdef int node_is_balanced_61(machine_t *m, int order, int classzone_idx) noexcept nogil:
    """Whether some zone that may be used is above its high mark at this order.  Linux: pgdat_balanced."""
    cdef int usable = 0
    cdef int k
    for k in range(m.nr_zones):
        if m.zone[k].zone_idx > classzone_idx or only_61(m.zone[k]).managed == 0:
            continue
        usable = 1
        if watermark_ok_61(m.zone[k], order, zone_mark_61(m.zone[k], 2) + only_61(m.zone[k]).boost, classzone_idx, 0):
            return 1
    return not usable


cdef int node_is_boosted_61(machine_t *m, int classzone_idx) noexcept nogil:
    """Whether the marks of some zone that may be used are raised.  Linux: pgdat_watermark_boosted."""
    cdef int k
    for k in range(m.nr_zones):
        if m.zone[k].zone_idx <= classzone_idx and only_61(m.zone[k]).boost:
            return 1
    return 0


cdef void wakeup_kswapd_61(machine_t *m, zone_t *z, int order, int classzone_idx) noexcept nogil:
    """Tell kswapd what is wanted, and wake it unless the node is balanced for that.  Linux: wakeup_kswapd."""
    if only_61(z).managed == 0:
        return
    m.kswapd.max_order = max(m.kswapd.max_order, order)
    m.kswapd.classzone_idx = max(m.kswapd.classzone_idx, classzone_idx)
    if not m.kswapd.asleep or (node_is_balanced_61(m, order, classzone_idx)
                               and not node_is_boosted_61(m, classzone_idx)):
        return
    m.kswapd.asleep = 0
    event_put(m, EV_WAKE_KSWAPD, 0, NO_PAGE, 0)


cdef int32_t get_page_from_freelist_61(machine_t *m, int order, uint32_t gfp, int flags, int cpu,
                                       int32_t *zone) noexcept nogil:
    """A block from the first zone that the marks permit; a second walk may mix types in a pageblock.

    An allocation that finds its zone's marks raised wakes kswapd.
    """
    cdef int classzone_idx = gfp_zoneidx_61(m, gfp)
    cdef int mt = gfp_migratetype_61(m, gfp)
    cdef int64_t wakeups
    cdef zone_t *z
    cdef int32_t i
    cdef int k
    while True:
        for k in range(m.nr_zones):
            z = m.zone[k]
            if z.zone_idx > classzone_idx:
                continue
            only_61(z).cpu = cpu
            wakeups = only_61(z).wakeups
            i = take_permitted_61(z, order, mt, flags, classzone_idx, (gfp & GFP61_ATOMIC) != 0)
            if only_61(z).wakeups != wakeups:
                wakeup_kswapd_61(m, z, 0, z.zone_idx)
            if i != NO_PAGE:
                zone[0] = k
                return i
        if not flags & ALLOC61_NOFRAGMENT:
            return NO_PAGE
        flags &= ~ALLOC61_NOFRAGMENT


cdef inline void prep_new_page_61(zone_t *z, int32_t i, int order, uint32_t gfp) noexcept nogil:
    """What is still to be done with a block that has been obtained."""
    if gfp & GFP61_COMP and order > 0:
        make_compound_61(z, i, order)


# --- what may be asked for --------------------------------------------------------------------------------------

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


# --- the request ------------------------------------------------------------------------------------------------

cdef int32_t request_shortcut_61(machine_t *m, int order, uint32_t gfp, int cpu, int32_t *zone) noexcept nogil:
    """The fast path of a request without the request; its failure leaves no trace."""
    cdef int32_t i = get_page_from_freelist_61(m, order, gfp, fast_flags_61(m, gfp), cpu, zone)
    if i != NO_PAGE:
        prep_new_page_61(m.zone[zone[0]], i, order, gfp)
    return i


cdef void free_block_61(zone_t *z, int32_t i, int order, int cpu) noexcept nogil:
    """Drop a reference to a block.  Linux: __free_pages."""
    only_61(z).cpu = cpu
    put_page_61(z, i, order)


cdef int attempt_61(machine_t *m, request_t *r, int flags, int path) noexcept nogil:
    """One call of get_page_from_freelist; 1 if the request is over with it."""
    cdef int32_t i = get_page_from_freelist_61(m, r.order, r.gfp, flags, r.cpu, &r.zone)
    if i == NO_PAGE:
        return 0
    prep_new_page_61(m.zone[r.zone], i, r.order, r.gfp)
    return end_request(r, i, path)


cdef void wake_all_kswapds_61(machine_t *m, const request_t *r) noexcept nogil:
    """Wake the node's kswapd for the first zone that may be used."""
    cdef int preferred = preferred_zone_61(m, r.classzone_idx)
    if r.gfp & GFP61_KSWAPD and preferred >= 0:
        wakeup_kswapd_61(m, m.zone[preferred], r.order, r.classzone_idx)


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


cdef int request_advance_61(machine_t *m, request_t *r, int64_t budget, step_t *out) noexcept nogil:
    """One transition; 0 if the step ends with it."""
    if r.state == REQUEST_DONE:
        return leave_step(out, WAIT_DONE)
    if attempt_61(m, r, fast_flags_61(m, r.gfp), PATH_FAST):
        return 1
    r.alloc_flags = slow_flags_61(m, r)
    wake_all_kswapds_61(m, r)
    return attempt_61(m, r, r.alloc_flags, PATH_SECOND) or end_request(r, NO_PAGE, PATH_FAILED)


cdef int request_step_61(machine_t *m, request_t *r, int64_t budget, step_t *out) noexcept nogil:
    """Go on until the request is over, the budget is used up or something must be waited for."""
    step_begin(out)
    count_work(m, &out.cost, -1)
    if may_go_on(m, budget, out):
        while request_advance_61(m, r, budget, out):
            pass
    step_end(m, out, &r.total)
    return out.wait


cdef void request_abort_61(machine_t *m, request_t *r) noexcept nogil:
    """Give up."""
    if r.state != REQUEST_DONE:
        end_request(r, NO_PAGE, PATH_FAILED)
