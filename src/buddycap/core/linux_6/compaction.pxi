# What compaction keeps about a zone, equal in Linux 6.1 and 6.12: positions, deferral, skip bits; and its score.
#
# Positions are PFNs as the kernel has them: unsigned, and they may leave the zone for a while or wrap below zero; who
# uses one as an index asks first.
#
# Kernel: mm/compaction.c of 6.1: compaction_deferred and the functions beside it, __reset_isolation_suitable,
# fragmentation_score_node, should_proactive_compact_node; mm/vmstat.c: fragmentation_index.

cdef enum:
    COSTLY_ORDER_61 = 3         # PAGE_ALLOC_COSTLY_ORDER
    EXTFRAG_THRESHOLD_61 = 500  # vm.extfrag_threshold
    MAX_DEFER_SHIFT_61 = 6      # COMPACT_MAX_DEFER_SHIFT
    RESET_STRIDE_61 = 8         # of the sample of a pageblock: 1 << PAGE_ALLOC_COSTLY_ORDER
    TOLD_BY_HAND = 0            # what a recorded machine has compacted: see kcompactd_told
    TOLD_ALL = 1
    TOLD_ASKED = 2
    SCORE_LOW_MIN_61 = 5        # a node is never compacted below this score
    SCORE_STEP_61 = 10          # proactive compaction starts so much above where it ends


cdef inline compact_zone_6_1_t *compact_61(zone_t *z) noexcept nogil:
    """What compaction keeps about the zone."""
    return &only_61(z).compact


cdef inline uint64_t start_pfn_61(const zone_t *z) noexcept nogil:
    return <uint64_t> z.start_pfn


cdef inline uint64_t end_pfn_61(const zone_t *z) noexcept nogil:
    """Linux: zone_end_pfn."""
    return <uint64_t> (z.start_pfn + z.spanned_pages)


cdef inline int spans_61(const zone_t *z, uint64_t pfn) noexcept nogil:
    return start_pfn_61(z) <= pfn < end_pfn_61(z)


cdef inline uint64_t pageblock_start_61(const zone_t *z, uint64_t pfn) noexcept nogil:
    """Linux: pageblock_start_pfn."""
    return (pfn >> z.pageblock_order) << z.pageblock_order


cdef inline uint64_t pageblock_end_61(const zone_t *z, uint64_t pfn) noexcept nogil:
    """The first border above the page, also above one that lies on a border.  Linux: pageblock_end_pfn."""
    return ((pfn >> z.pageblock_order) + 1) << z.pageblock_order


cdef inline int is_pageblock_start_61(const zone_t *z, uint64_t pfn) noexcept nogil:
    return not pfn & (((<uint64_t> 1) << z.pageblock_order) - 1)


cdef inline int32_t index_61(const zone_t *z, uint64_t pfn) noexcept nogil:
    """Index of a PFN whose pageblock the zone reaches into."""
    return <int32_t> (pfn - <uint64_t> z.base_pfn)


cdef inline int is_skipped_61(zone_t *z, uint64_t pfn) noexcept nogil:
    """Linux: get_pageblock_skip."""
    return skip_array_61(z)[index_61(z, pfn) >> z.pageblock_order]


cdef inline void set_skip_61(zone_t *z, uint64_t pfn, int skip) noexcept nogil:
    """Linux: set_pageblock_skip, clear_pageblock_skip."""
    skip_array_61(z)[index_61(z, pfn) >> z.pageblock_order] = skip


cdef inline int is_compound_61(zone_t *z, int32_t i) noexcept nogil:
    """Whether a compound block starts there."""
    return (order_array(z)[i] & PG_STATE) == PG_MARKED and flags_array(z)[i] & PF_COMPOUND_61


cdef inline int in_large_compound_61(zone_t *z, uint64_t pfn) noexcept nogil:
    """Whether the page is part of a compound block of at least a pageblock."""
    cdef int32_t head = block_head(z, index_61(z, pfn))
    return is_compound_61(z, head) and (order_array(z)[head] & 0x0F) >= z.pageblock_order


# --- watermarks and fragmentation -------------------------------------------------------------------------------

cdef inline int64_t boosted_mark_61(zone_t *z, int which) noexcept nogil:
    """Linux: wmark_pages."""
    return zone_mark_61(z, which) + only_61(z).boost


cdef int64_t fragmentation_index_61(zone_t *z, int order) noexcept nogil:
    """-1000 if there is a block; towards 0 too little memory, towards 1000 too scattered."""
    cdef int64_t out[3]
    fragmentation_61(z, order, out)
    return out[0]


cdef int fragmentation_score_61(zone_t *z) noexcept nogil:
    """Percent of the free pages that are in blocks smaller than a pageblock.  Linux: fragmentation_score_zone."""
    cdef int64_t out[3]
    fragmentation_61(z, z.pageblock_order, out)
    return <int> out[1]


cdef int score_node_61(zone_t **zones, int n) noexcept nogil:
    """The scores of the zones, weighted by their present pages.  Linux: fragmentation_score_node."""
    cdef int64_t present = 0
    cdef int64_t score = 0
    cdef int k
    for k in range(n):
        present += zones[k].present_pages
    for k in range(n):
        score += fragmentation_score_61(zones[k]) * zones[k].present_pages // (present + 1)
    return <int> score


cdef inline int score_low_61(int proactiveness) noexcept nogil:
    """Where proactive compaction ends.  Linux: fragmentation_score_wmark."""
    return max(100 - proactiveness, SCORE_LOW_MIN_61)


cdef int should_proactive_compact_61(zone_t **zones, int n, int proactiveness) noexcept nogil:
    """Whether proactive compaction would start."""
    return (proactiveness > 0
            and score_node_61(zones, n) > min(score_low_61(proactiveness) + SCORE_STEP_61, 100))


# --- deferral ---------------------------------------------------------------------------------------------------

cdef int compaction_deferred_61(zone_t *z, int order) noexcept nogil:
    """Whether to leave compaction out this time; to be asked counts."""
    cdef compact_zone_6_1_t *c = compact_61(z)
    cdef int32_t limit = 1 << c.defer_shift
    if order < c.order_failed:
        return 0
    c.considered = min(c.considered + 1, limit)
    return c.considered < limit


cdef void defer_compaction_61(zone_t *z, int order) noexcept nogil:
    """It has failed: leave it out more often."""
    cdef compact_zone_6_1_t *c = compact_61(z)
    c.considered = 0
    c.defer_shift = min(c.defer_shift + 1, MAX_DEFER_SHIFT_61)
    c.order_failed = min(c.order_failed, order)


cdef void compaction_defer_reset_61(zone_t *z, int order, int success) noexcept nogil:
    """It has succeeded; and so has the allocation, if `success`."""
    cdef compact_zone_6_1_t *c = compact_61(z)
    if success:
        c.considered = c.defer_shift = 0
    if order >= c.order_failed:
        c.order_failed = order + 1


cdef int compaction_restarting_61(zone_t *z, int order) noexcept nogil:
    """Whether it begins again after the longest deferral."""
    cdef compact_zone_6_1_t *c = compact_61(z)
    return (order >= c.order_failed and c.defer_shift == MAX_DEFER_SHIFT_61
            and c.considered >= 1 << MAX_DEFER_SHIFT_61)


# --- skip bits --------------------------------------------------------------------------------------------------

cdef int reset_isolation_pfn_61(zone_t *z, uint64_t pfn, int source, int target) noexcept nogil:
    """Clear one skip bit if a sample of the pageblock's pages says so; whether the pageblock is worth while."""
    cdef int32_t at = index_61(z, max(pageblock_start_61(z, pfn), start_pfn_61(z)))
    cdef int32_t end = index_61(z, min(pageblock_end_61(z, pfn), end_pfn_61(z)))
    if in_large_compound_61(z, pfn):
        return 0
    if source and target and not is_skipped_61(z, pfn):
        return 1
    if not source and target and block_type_61(z, index_61(z, pfn)) != MT61_MOVABLE:
        return 0
    while at < end:
        if (source and flags_array(z)[at] & PF_LRU) or (target and (order_array(z)[at] & PG_STATE) == PG_FREE):
            set_skip_61(z, pfn, 0)
            return 1
        at += RESET_STRIDE_61
    return 0


cdef void reset_isolation_suitable_61(zone_t *z) noexcept nogil:
    """Clear skip bits if a direct run has met: two cursors go from the ends to the middle.

    The cached positions follow the cursors.  The one for free pages gets last pages of pageblocks, as in the kernel.
    """
    cdef compact_zone_6_1_t *c = compact_61(z)
    cdef uint64_t pages = <uint64_t> 1 << z.pageblock_order
    cdef uint64_t migrate = start_pfn_61(z)
    cdef uint64_t free = end_pfn_61(z) - 1
    cdef uint64_t reset_migrate = free
    cdef uint64_t reset_free = migrate
    cdef int source_set = 0
    cdef int free_set = 0
    if not c.blockskip_flush:
        return
    c.blockskip_flush = 0
    while migrate < free:
        if reset_isolation_pfn_61(z, migrate, 1, source_set) and migrate < reset_migrate:
            source_set = 1
            reset_migrate = migrate
            c.init_migrate = c.cached_migrate[0] = c.cached_migrate[1] = migrate
        if reset_isolation_pfn_61(z, free, free_set, 1) and free > reset_free:
            free_set = 1
            reset_free = free
            c.init_free = c.cached_free = free
        migrate += pages
        if free < pages:                # deviation: below a pageblock the kernel's cursor wraps and never ends
            break
        free -= pages
    if reset_migrate >= reset_free:
        c.cached_migrate[0] = c.cached_migrate[1] = migrate
        c.cached_free = free
