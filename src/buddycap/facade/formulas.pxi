# The formulas of a node, without a zone.


def node_formulas(present, highmem, ratio, min_free_kbytes=None):
    """Watermarks, reserves and per-CPU list sizes of a node's zones.

    Parameters
    ----------
    present : sequence of 4 int, 0..2^31, pages
    highmem : sequence of 4 bool
    ratio : sequence of 4 int
        lowmem_reserve_ratio; values below 1 count as 1.
    min_free_kbytes : int, 0..2^31 - 1, optional, KiB
        Default: from the size of the node.

    Returns
    -------
    dict
        min_free_kbytes, totalreserve_pages, and zones: for each of the four a dict with pages_min, pages_low,
        pages_high, lowmem_reserve, zone_batchsize, pcp_batch, pcp_high.

    Raises
    ------
    MisuseError
        If an argument is out of range, naming it.

    Notes
    -----
    Linux: setup_per_zone_pages_min, setup_per_zone_lowmem_reserve, calculate_totalreserve_pages, zone_batchsize
    (2.6.27).

    Examples
    --------
    >>> node_formulas((0, 0, 262144, 0), (0, 0, 0, 0), (256, 256, 32, 32))["zones"][2]["pages_min"]
    1024
    """
    cdef zone_config_t config
    cdef fields_t fields = config_fields(KERNEL_2_6_27)
    cdef marks_t marks
    cdef int k, j
    config_usual(&config, &fields)
    read_switch(&config, "node_present_pages", present, "present")
    read_switch(&config, "lowmem_reserve_ratio", ratio, "ratio")
    read_switch(&config, "node_highmem", highmem, "highmem")
    if min_free_kbytes is None:
        min_free_kbytes = default_min_free_kbytes(config.node_present, config.node_highmem)
    kb = as_ranged(min_free_kbytes, "min_free_kbytes", 0, MIN_FREE_KBYTES_MAX)
    zones = []
    total = 0
    for k in range(MAX_NR_ZONES):
        marks = zone_marks(config.node_present, config.node_highmem, k, kb)
        reserve = [zone_lowmem_reserve(config.node_present, config.lowmem_reserve_ratio, k, j)
                   for j in range(MAX_NR_ZONES)]
        batch = zone_batchsize(config.node_present[k])
        zones.append({"pages_min": marks.pages_min, "pages_low": marks.pages_low, "pages_high": marks.pages_high,
                      "lowmem_reserve": reserve, "zone_batchsize": batch, "pcp_batch": max(1, batch),
                      "pcp_high": 6 * batch})
        total += min(config.node_present[k], max(reserve[k:]) + marks.pages_high)
    return {"min_free_kbytes": kb, "totalreserve_pages": total, "zones": zones}
