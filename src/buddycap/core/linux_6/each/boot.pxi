# The start of a zone of Linux 6.1: what it adds to a zone's memory, types of its pageblocks, reserved and free pages.
#
# Kernel: mm/mm_init.c and mm/page_alloc.c of 6.1: memmap_init_range, __free_pages_memory, __free_pages_core.


cdef layout_t layout_61(int32_t cpus) noexcept nogil:
    """A zone_6_1_t behind the zone_t, a pcp_6_1_t and 14 lists for each CPU, a skip bit a pageblock,
    two bytes of references a page, a tape."""
    cdef layout_t layout
    layout.header_bytes = sizeof(zone_t) + sizeof(zone_6_1_t) + own_bytes_61()
    layout.cpu_bytes = cpus * sizeof(pcp_6_1_t)
    layout.heads = NR_LIST_HEADS_61 + PCP_LISTS_61 * cpus
    layout.page_bytes = sizeof(uint16_t)
    layout.loose_bytes = sizeof(tape_6_1_t *)
    layout.block_bytes = 2
    return layout


cdef int geometry_ok_61(const zone_t *z) noexcept nogil:
    """Orders 0..10, pageblocks of orders 4..10, counted from PFN 0: those of x86-64 with huge pages are of order 9."""
    return (z.max_page_order == ORDER_MAX_61 and BLOCK_ORDER_MIN_61 <= z.pageblock_order <= ORDER_MAX_61
            and z.pageblock_origin == 0)


cdef void compact_init_61(zone_t *z) noexcept nogil:
    """The scanners of compaction begin at the ends of the zone, and unevictable pages move."""
    cdef compact_zone_6_1_t *c = &only_61(z).compact
    cdef uint64_t last = <uint64_t> (z.start_pfn + z.spanned_pages - 1)
    c.unevictable_allowed = 1
    c.cached_migrate[0] = c.cached_migrate[1] = c.init_migrate = <uint64_t> z.start_pfn
    c.cached_free = c.init_free = (last >> z.pageblock_order) << z.pageblock_order


cdef void zone_init_61(zone_t *z, const zone_config_t *config) noexcept nogil:
    """Start a zone in zeroed memory of zone_bytes(): all holes."""
    cdef layout_t layout = layout_61(config.cpus)
    cdef zone_6_1_t *e
    cdef int k
    zone_empty(z, config, &layout)
    e = only_61(z)
    e.cma = config.cma
    e.isolate_type = MT61_CMA + 1 if config.cma else MT61_CMA
    e.boost_factor = config.watermark_boost_factor
    e.capture_order = e.capture_page = NO_PAGE
    e.counts_exact = 1
    e.map_start = z.start_pfn & -SECTION_PAGES_61
    e.map_end = (z.start_pfn + z.spanned_pages + SECTION_PAGES_61 - 1) & -SECTION_PAGES_61
    for k in range(MAX_NR_ZONES):
        e.lowmem_ratio[k] = config.lowmem_reserve_ratio[k]
    e.lowmem_ratio[MAX_NR_ZONES] = config.lowmem_reserve_ratio_device
    own_init_61(z)
    compact_init_61(z)


cdef void zone_add_present_61(zone_t *z, int32_t i, int32_t end) noexcept nogil:
    """Pages [i, end) exist, and are reserved until they are freed.

    A pageblock is MOVABLE if its first page exists.  The partial first one of a zone that starts inside it, and one
    whose first page is in a hole, stay UNMOVABLE.
    """
    cdef int32_t block = (i + block_pages_61(z) - 1) & -block_pages_61(z)
    z.present_pages += end - i
    memset(order_array(z) + i, PG_RESERVED_61, end - i)
    while block < end:
        pageblock_array(z)[block >> z.pageblock_order] = MT61_MOVABLE
        block += block_pages_61(z)


cdef void zone_add_free_61(zone_t *z, int32_t i, int32_t end, int populate) noexcept nogil:
    """Pages [i, end), which exist, are the allocator's: free, in the largest blocks that fit; else allocated pages."""
    cdef int order
    only_61(z).managed += end - i
    memset(order_array(z) + i, PG_TAIL if populate else PG_USED, end - i)
    while populate and i < end:
        order = 0
        while order < ORDER_MAX_61 and not i & (1 << order) and i + (2 << order) <= end:
            order += 1
        free_blocks_61(z, i, order, 1)
        i += 1 << order


cdef void zone_fill_61(zone_t *z, const zone_config_t *config) noexcept nogil:
    """Pages linked from outside, which are reserved, those that there are, those that are the allocator's; and what
    follows from them.  Counters start at zero."""
    cdef int64_t free_ranges = nr_present_ranges(config) if config.free_ranges == NULL else config.nr_free_ranges
    cdef range_t some
    cdef int64_t k
    for k in range(config.nr_linked_outside):
        if config.linked_outside[k] >= z.base_pfn:      # else no block of the zone can ever meet it
            order_array(z)[config.linked_outside[k] - z.base_pfn] = PG_RESERVED_61
    for k in range(nr_present_ranges(config)):
        some = present_range(config, k)
        zone_add_present_61(z, <int32_t> (some.first - z.base_pfn), <int32_t> (some.end - z.base_pfn))
    for k in range(free_ranges):
        some = present_range(config, k) if config.free_ranges == NULL else config.free_ranges[k]
        zone_add_free_61(z, <int32_t> (some.first - z.base_pfn), <int32_t> (some.end - z.base_pfn), config.populate)
    memset(z.vm, 0, sizeof(z.vm))
    memset(only_61(z).events, 0, sizeof(only_61(z).events))
    memset(only_61(z).compact.events, 0, sizeof(only_61(z).compact.events))
    node_set_marks_61(&z, 1, config.min_free_kbytes, config.watermark_scale_factor)
    node_set_reserves_61(&z, 1)


# --- digests ----------------------------------------------------------------------------------------------------

cdef void hash_private_61(hash_t *h, zone_t *z) noexcept nogil:
    """Take in what is on the private lists, in order."""
    cdef link_t *link = link_array(z)
    cdef int32_t slot, head, i
    for slot in range(z.slots_used):
        if zone_slot(z, slot).kind == SLOT_UNUSED:
            continue
        head = slot_list(z, slot)
        i = link[head].next
        while i != head:
            hash_word(h, (<uint64_t> slot << 32) | <uint32_t> i)
            i = link[i].next


cdef void digest_61(zone_t *z, uint64_t *digest) noexcept nogil:
    """128 bits over the whole state; of the links only those of heads and of pages that are on lists."""
    cdef layout_t layout = layout_61(z.cpus)
    cdef link_t *link = link_array(z)
    cdef uint32_t *flags = flags_array(z)
    cdef hash_t h
    cdef int32_t i
    cdef uint8_t state
    hash_init(&h)
    hash_arrays(&h, z, &layout)
    for i in range(-nr_list_heads(z), 0):
        hash_word(&h, link[i].next)
    for i in range(z.nr_index):
        state = order_array(z)[i]
        if (state & PG_STATE) == PG_FREE or is_pcp_state_61(state) or flags[i] & PF_LRU:
            hash_word(&h, (<uint64_t> i << 32) | <uint32_t> link[i].next)
    hash_private_61(&h, z)
    digest[0] = hash_fold(&h, 0)
    digest[1] = hash_fold(&h, 1)
