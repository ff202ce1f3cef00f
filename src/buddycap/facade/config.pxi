# From arguments to a zone_config_t.


cdef list checked_ranges(object ranges, int64_t start, int64_t end, str name="present_ranges"):
    """[first, end) pairs in the zone, ascending, that do not overlap."""
    if ranges is None:
        return [(start, end)]
    result = []
    at = start
    for k, pair in enumerate(ranges):
        try:
            first, stop = pair
        except (TypeError, ValueError):
            raise MisuseError(f"{name}[{k}]={pair!r}: a pair (first, end) is wanted") from None
        low = as_int64(first, f"{name}[{k}][0]")
        high = as_int64(stop, f"{name}[{k}][1]")
        if not at <= low < high <= end:
            raise MisuseError(f"{name}[{k}]=({low}, {high}): ranges must ascend, not overlap, not be empty, "
                              f"and lie in {start}..{end}")
        result.append((low, high))
        at = high
    return result


cdef tuple one_a_zone(object values, str name):
    """A value for each zone of a node."""
    cdef tuple result = tuple(values)
    if len(result) != MAX_NR_ZONES:
        raise MisuseError(f"{name}: {len(result)} values: one for each of {MAX_NR_ZONES} zones is wanted")
    return result


cdef int fill_node(zone_config_t *config, object present, object ratio, object highmem, str present_name,
                   str ratio_name, str highmem_name) except -1:
    """The zones of the node, as far as marks and reserves depend on them; the names are those of the arguments."""
    cdef tuple pages = one_a_zone(present, present_name)
    cdef tuple ratios = one_a_zone(ratio, ratio_name)
    cdef tuple high = one_a_zone(highmem, highmem_name)
    cdef int k
    for k in range(MAX_NR_ZONES):
        config.node_present[k] = as_ranged(pages[k], f"{present_name}[{k}]", 0, <int64_t> 1 << NODE_PAGES_BITS)
        config.lowmem_reserve_ratio[k] = <int32_t> as_ranged(
            ratios[k], f"{ratio_name}[{k}]", -(<int64_t> 1 << 31), (<int64_t> 1 << 31) - 1)
        config.node_highmem |= <uint32_t> (bool(high[k])) << k
    return 0


cdef list read_config(zone_config_t *config, start_pfn, spanned_pages, present_ranges, max_page_order, pageblock_order,
                      zone_idx, node_present_pages, lowmem_reserve_ratio, min_free_kbytes, cpus, pcp_batch, pcp_high,
                      pageblock_index, owners, pcp_bulk_cold, group_by_mobility, node_highmem, seed):
    """Check the arguments of Zone and fill the record; the present ranges, which it does not hold."""
    memset(config, 0, sizeof(zone_config_t))
    config.start_pfn = as_ranged(start_pfn, "start_pfn", 0, (<int64_t> 1 << 52) - 1)
    config.spanned_pages = as_ranged(spanned_pages, "spanned_pages", 1, CONFIG_PAGES_MAX)
    config.max_page_order = <int32_t> as_ranged(max_page_order, "max_page_order", 0, MAX_ORDERS - 1)
    config.pageblock_order = <int32_t> as_ranged(pageblock_order, "pageblock_order", 0, MAX_ORDERS - 1)
    config.zone_idx = <int32_t> as_ranged(zone_idx, "zone_idx", 0, MAX_NR_ZONES - 1)
    config.cpus = <int32_t> as_ranged(cpus, "cpus", 1, 4096)
    config.pcp_batch = -1 if pcp_batch is None else <int32_t> as_ranged(pcp_batch, "pcp_batch", 1, 1 << 24)
    config.pcp_high = -1 if pcp_high is None else <int32_t> as_ranged(pcp_high, "pcp_high", 0, 1 << 24)
    config.min_free_kbytes = -1
    if min_free_kbytes is not None:
        config.min_free_kbytes = as_ranged(min_free_kbytes, "min_free_kbytes", 0, MIN_FREE_KBYTES_MAX)
    if pageblock_index not in ("absolute", "zone_relative"):
        raise MisuseError(f"pageblock_index={pageblock_index!r}: allowed are 'absolute' and 'zone_relative'")
    config.pageblock_relative = pageblock_index == "zone_relative"
    config.pcp_bulk_cold = bool(pcp_bulk_cold)
    config.grouping = bool(group_by_mobility)
    config.owners = bool(owners)
    config.slot_limit = NR_SLOTS_MAX
    config.seed = as_uint64(seed, "seed")
    ranges = checked_ranges(present_ranges, config.start_pfn, config.start_pfn + config.spanned_pages)
    present = sum(stop - first for first, stop in ranges)
    if node_present_pages is None:
        node_present_pages = [present if k == config.zone_idx else 0 for k in range(MAX_NR_ZONES)]
    if lowmem_reserve_ratio is None:
        lowmem_reserve_ratio = (256, 256, 32, 32)
    fill_node(config, node_present_pages, lowmem_reserve_ratio, node_highmem, "node_present_pages",
              "lowmem_reserve_ratio", "node_highmem")
    if config.node_present[config.zone_idx] != present:
        raise MisuseError(f"node_present_pages[{config.zone_idx}]={config.node_present[config.zone_idx]}: this zone "
                          f"has {present} present pages")
    return ranges
