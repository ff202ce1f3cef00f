# The start of a zone: types of its pageblocks, free pages, marks and reserve.
#
# Kernel: mm/page_alloc.c of 2.6.27: memmap_init_zone, free_all_bootmem.


cdef layout_t layout_27(int32_t cpus) noexcept nogil:
    """Nothing behind the zone_t, a pcp_t and one list for each CPU."""
    cdef layout_t layout
    layout.header_bytes = sizeof(zone_t)
    layout.cpu_bytes = cpus * sizeof(pcp_t)
    layout.page_bytes = layout.loose_bytes = 0
    layout.block_bytes = 1
    layout.heads = MAX_ORDERS * MIGRATE_TYPES + NR_PAGE_LISTS + cpus
    return layout


cdef void memmap_init_zone(zone_t *z) noexcept nogil:
    """Pageblock types at boot: MOVABLE for every block whose first page is in the zone, holes too.

    A partial first block keeps type 0, as in the kernel.
    """
    cdef int64_t pages = <int64_t> 1 << z.pageblock_order
    cdef int64_t pfn = (z.start_pfn + pages - 1) & -pages
    while pfn < z.start_pfn + z.spanned_pages:
        set_pageblock_migratetype(z, <int32_t> (pfn - z.base_pfn), MT_MOVABLE)
        pfn += pages


cdef void zone_init_27(zone_t *z, const zone_config_t *config) noexcept nogil:
    """Start a zone in zeroed memory of zone_bytes(): all holes."""
    cdef layout_t layout = layout_27(config.cpus)
    cdef int k
    zone_empty(z, config, &layout)
    z.pcp_bulk_cold = config.pcp_bulk_cold
    z.node_highmem = config.node_highmem
    for k in range(MAX_NR_ZONES):
        z.node_present[k] = config.node_present[k]
        z.lowmem_reserve_ratio[k] = config.lowmem_reserve_ratio[k]
    z.prev_priority = DEF_PRIORITY
    memmap_init_zone(z)


cdef void zone_add_range(zone_t *z, int64_t first_pfn, int64_t end_pfn, int populate) noexcept nogil:
    """Pages [first_pfn, end_pfn) exist.  populate: they are freed, in the largest blocks that fit, upward; else each
    is an allocated page."""
    cdef int32_t i = <int32_t> (first_pfn - z.base_pfn)
    cdef int32_t end = <int32_t> (end_pfn - z.base_pfn)
    cdef int order
    z.present_pages += end_pfn - first_pfn
    memset(order_array(z) + i, PG_TAIL if populate else PG_USED, end - i)
    while populate and i < end:
        order = 0
        while order < z.max_page_order and not i & (1 << order) and i + (2 << order) <= end:
            order += 1
        buddy_free(z, i, order)
        i += 1 << order


cdef void zone_finish(zone_t *z, const zone_config_t *config) noexcept nogil:
    """Marks, reserve and per-CPU lists, when all ranges are known.  Counters start at zero."""
    cdef int64_t min_free_kbytes = config.min_free_kbytes
    z.node_present[z.zone_idx] = z.present_pages
    if min_free_kbytes < 0:
        min_free_kbytes = default_min_free_kbytes(z.node_present, z.node_highmem)
    setup_per_zone_pages_min_27(z, min_free_kbytes)
    setup_per_zone_lowmem_reserve(z)
    setup_pageset(z, config.pcp_batch, config.pcp_high)
    z.inactive_ratio = <int32_t> inactive_ratio(z.present_pages)
    memset(z.vm, 0, sizeof(z.vm))


cdef void zone_fill_27(zone_t *z, const zone_config_t *config) noexcept nogil:
    """The pages that there are, and what follows from them."""
    cdef range_t present
    cdef int64_t k
    for k in range(nr_present_ranges(config)):
        present = present_range(config, k)
        zone_add_range(z, present.first, present.end, config.populate)
    zone_finish(z, config)
