# From arguments to the records of a zone of Linux 6.1.


cdef int refuse_for_6_1(max_page_order, node_present_pages, pcp_batch, pcp_high, pageblock_index,
                        pcp_bulk_cold, node_highmem) except -1:
    """What a zone of 6.1 cannot be asked for."""
    for name, value, only in (("max_page_order", max_page_order, ORDER_MAX_61),
                              ("node_present_pages", node_present_pages, None), ("pcp_batch", pcp_batch, None),
                              ("pcp_high", pcp_high, None), ("pageblock_index", pageblock_index, "absolute"),
                              ("pcp_bulk_cold", bool(pcp_bulk_cold), False),
                              ("node_highmem", tuple(map(bool, node_highmem)), (False,) * 4)):
        if value != only:
            raise MisuseError(f"{name}={value!r}: with kernel='6.1' the only value is {only!r}")
    return 0


cdef int refuse_for_2_6_27(free_ranges, scale, boost, cma, linked_outside, events) except -1:
    """What a zone of 2.6.27 cannot be asked for."""
    for name, value, only in (("free_ranges", free_ranges, None), ("watermark_scale_factor", scale, 10),
                              ("watermark_boost_factor", boost, 15000), ("cma", bool(cma), False),
                              ("linked_outside", tuple(linked_outside), ()), ("events", events, 0)):
        if value != only:
            raise MisuseError(f"{name}={value!r}: needs kernel='6.1'")
    return 0


cdef list read_ratios_61(object ratios):
    """lowmem_reserve_ratio of five zones; 0 switches one off."""
    cdef list result = [256, 256, 32, 0, 0] if ratios is None else [
        as_ranged(ratio, "lowmem_reserve_ratio", 0, (1 << 31) - 1) for ratio in ratios]
    if len(result) != ZONES_61:
        raise MisuseError(f"lowmem_reserve_ratio: {len(result)} values: one for each of {ZONES_61} zones is wanted")
    return result


cdef list read_linked_61(object linked, int64_t start):
    """PFNs before the zone, in the same largest block, that are linked to it."""
    return [as_ranged(pfn, "linked_outside", start & -(<int64_t> 1 << ORDER_MAX_61), start - 1) for pfn in linked]


cdef tuple read_config_61(zone_config_t *config, zone_config_6_1_t *own, start_pfn, spanned_pages, pageblock_order,
                          present_ranges, free_ranges, zone_idx, lowmem_reserve_ratio, min_free_kbytes, cpus, owners,
                          group_by_mobility, seed, boost_factor, cma, linked_outside):
    """Check the arguments of a Zone of 6.1 and fill the records; present ranges, free ranges and linked pages."""
    cdef int k
    memset(config, 0, sizeof(zone_config_t))
    memset(own, 0, sizeof(zone_config_6_1_t))
    config.kernel = KERNEL_6_1
    config.start_pfn = as_ranged(start_pfn, "start_pfn", 0, (<int64_t> 1 << 52) - 1)
    config.spanned_pages = as_ranged(spanned_pages, "spanned_pages", 1, CONFIG_PAGES_MAX)
    config.max_page_order = ORDER_MAX_61
    config.pageblock_order = <int32_t> as_ranged(pageblock_order, "pageblock_order", BLOCK_ORDER_MIN_61, ORDER_MAX_61)
    config.zone_idx = <int32_t> as_ranged(zone_idx, "zone_idx", 0, ZONE_MOVABLE_61)
    config.cpus = <int32_t> as_ranged(cpus, "cpus", 1, 4096)
    config.min_free_kbytes = -1
    if min_free_kbytes is not None:
        config.min_free_kbytes = as_ranged(min_free_kbytes, "min_free_kbytes", 0, MIN_FREE_KBYTES_MAX)
    config.grouping = bool(group_by_mobility)
    config.slot_limit = NR_SLOTS_61
    config.owners = bool(owners)
    config.seed = as_uint64(seed, "seed")
    own.cma = bool(cma)
    own.boost_factor = as_ranged(boost_factor, "watermark_boost_factor", 0, FACTOR_MAX_61)
    for k, ratio in enumerate(read_ratios_61(lowmem_reserve_ratio)):
        own.lowmem_ratio[k] = ratio
    present = checked_ranges(present_ranges, config.start_pfn, config.start_pfn + config.spanned_pages)
    free = present
    if free_ranges is not None:
        free = checked_ranges(free_ranges, config.start_pfn, config.start_pfn + config.spanned_pages, "free_ranges")
    for first, stop in free:
        if not any(low <= first and stop <= high for low, high in present):
            raise MisuseError(f"free_ranges: ({first}, {stop}) is not all present")
    return present, free, read_linked_61(linked_outside, config.start_pfn)
