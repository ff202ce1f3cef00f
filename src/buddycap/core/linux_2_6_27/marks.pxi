# Watermarks: how much of a zone a request may take, and the numbers that follow from the size of the node.
#
# Kernel: mm/page_alloc.c of 2.6.27: init_per_zone_pages_min, setup_per_zone_pages_min, setup_per_zone_lowmem_reserve,
# setup_zone_migrate_reserve, zone_batchsize, zone_watermark_ok; zone_cpuset_permits and zone_watermark_permits are
# the helpers of patch 2/4 of the capture series.


ctypedef struct marks_t:
    int64_t pages_min
    int64_t pages_low
    int64_t pages_high


cdef int64_t default_min_free_kbytes(const int64_t *present, uint32_t highmem) noexcept nogil:
    """sqrt(16 * KiB of lowmem), held to 128..65536.  Linux: init_per_zone_pages_min at boot."""
    cdef int64_t kb = int_sqrt(lowmem_pages(present, highmem) * PAGE_KB * 16)
    return min(max(kb, <int64_t> MIN_FREE_KBYTES_LOW), <int64_t> MIN_FREE_KBYTES_HIGH)


cdef marks_t zone_marks(const int64_t *present, uint32_t highmem, int zone_idx, int64_t min_free_kbytes) noexcept nogil:
    """The three marks of one zone of a node.  Linux: setup_per_zone_pages_min."""
    cdef marks_t marks
    cdef int64_t lowmem = lowmem_pages(present, highmem)
    cdef int64_t share = 0
    if lowmem:
        share = (min_free_kbytes // PAGE_KB) * present[zone_idx] // lowmem
    marks.pages_min = share
    if (highmem >> zone_idx) & 1:
        marks.pages_min = min(max(present[zone_idx] // 1024, <int64_t> HIGHMEM_MIN_LOW), <int64_t> HIGHMEM_MIN_HIGH)
    marks.pages_low = marks.pages_min + share // 4
    marks.pages_high = marks.pages_min + share // 2
    return marks


cdef int zone_batchsize(int64_t present) noexcept nogil:
    """Pages moved at once between a per-CPU list and the zone: about 1/4096 of it, one below a power of two."""
    cdef int64_t batch = min(present // 1024, <int64_t> 128) // 4
    cdef int power = 1
    batch = max(batch, <int64_t> 1)
    while power * 2 <= batch + batch // 2:
        power *= 2
    return power - 1


cdef void setup_zone_migrate_reserve(zone_t *z) noexcept nogil:
    """Set aside the first MOVABLE pageblocks as RESERVE, as many as hold pages_min; release what is too many.

    The walk starts at the zone's first page and is not aligned first, as in the kernel.
    """
    cdef int32_t pages = 1 << z.pageblock_order
    cdef int64_t reserve = (z.pages_min + pages - 1) >> z.pageblock_order
    cdef int64_t i = z.first
    cdef int mt
    while i < z.end:
        if order_array(z)[i] != PG_HOLE:
            mt = get_pageblock_migratetype(z, <int32_t> i)
            if reserve > 0 and mt == MT_RESERVE:
                reserve -= 1
            elif reserve > 0 and mt == MT_MOVABLE:
                set_pageblock_migratetype(z, <int32_t> i, MT_RESERVE)
                move_freepages_block(z, <int32_t> i, MT_RESERVE)
                reserve -= 1
            elif mt == MT_RESERVE:
                set_pageblock_migratetype(z, <int32_t> i, MT_MOVABLE)
                move_freepages_block(z, <int32_t> i, MT_MOVABLE)
        i += pages


cdef void setup_per_zone_pages_min_27(zone_t *z, int64_t min_free_kbytes) noexcept nogil:
    """Set the marks for a new min_free_kbytes and resize the reserve to them."""
    cdef marks_t marks = zone_marks(z.node_present, z.node_highmem, z.zone_idx, min_free_kbytes)
    z.min_free_kbytes = min_free_kbytes
    z.pages_min = marks.pages_min
    z.pages_low = marks.pages_low
    z.pages_high = marks.pages_high
    setup_zone_migrate_reserve(z)


cdef void setup_pageset(zone_t *z, int32_t batch, int32_t high) noexcept nogil:
    """Sizes of the per-CPU lists; -1 means from the size of the zone.  Linux: zone_batchsize, setup_pageset."""
    cdef int cpu
    cdef int size = zone_batchsize(z.present_pages)
    for cpu in range(z.cpus):
        zone_pcp(z, cpu).batch = max(size, 1) if batch < 0 else batch
        zone_pcp(z, cpu).high = high if high >= 0 else (6 * size if batch < 0 else 6 * batch)


cdef int zone_watermark_ok_27(zone_t *z, int order, int64_t mark, int classzone_idx, int alloc_flags) noexcept nogil:
    """Whether a request of `order` leaves the zone above `mark`, at every order below its own."""
    cdef int64_t free_pages = z.nr_free_pages - (<int64_t> 1 << order) + 1
    cdef int k
    if alloc_flags & ALLOC_HIGH:
        mark -= mark // 2
    if alloc_flags & ALLOC_HARDER:
        mark -= mark // 4
    if free_pages <= mark + z.lowmem_reserve[classzone_idx]:
        return 0
    for k in range(order):
        free_pages -= z.nr_free[k] << k
        mark >>= 1
        if free_pages <= mark:
            return 0
    return 1


cdef inline int64_t zone_mark(zone_t *z, int alloc_flags) noexcept nogil:
    """The mark that the allocation flags ask for: min before low before high."""
    if alloc_flags & ALLOC_WMARK_MIN:
        return z.pages_min
    return z.pages_low if alloc_flags & ALLOC_WMARK_LOW else z.pages_high


cdef int zone_watermark_permits(zone_t *z, int order, int classzone_idx, int alloc_flags) noexcept nogil:
    """zone_watermark_ok at the mark of the flags.  Deviation: zone_reclaim_mode is 0, as on one node."""
    if alloc_flags & ALLOC_NO_WATERMARKS:
        return 1
    return zone_watermark_ok_27(z, order, zone_mark(z, alloc_flags), classzone_idx, alloc_flags)


cdef int zone_cpuset_permits(zone_t *z, int alloc_flags) noexcept nogil:
    """Whether the task's cpuset allows the zone's node; asked only with ALLOC_CPUSET."""
    return not alloc_flags & ALLOC_CPUSET or z.cpuset_allowed


cdef int64_t inactive_ratio(int64_t present) noexcept nogil:
    """How many times the inactive anonymous pages the active ones may be.  Linux: setup_per_zone_inactive_ratio."""
    return max(int_sqrt(10 * (present >> 18)), <int64_t> 1)
