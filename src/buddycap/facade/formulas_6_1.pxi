# The formulas of a node of Linux 6.1 and 6.12, without a zone.


cdef dict zone_formulas_6(int kernel, const node_marks_61_t *node, const int64_t *ratio, int k, int cpus,
                          int64_t fraction):
    """The row of one zone; sizes of per-CPU lists are None where there are no pages."""
    cdef int64_t managed = node.managed[k]
    cdef int size = zone_batchsize_61(managed)
    row = {"wmark": [node.mark[k][j] for j in range(4)],
           "lowmem_reserve": [lowmem_reserve_61(node.managed, ratio[k], k, j) if j > k else 0 for j in range(ZONES_61)],
           "batchsize": size, "batch": max(1, size),
           **highs(kernel, managed, node.mark[k][1], max(1, size), cpus, fraction)}
    if not managed:
        row.update(dict.fromkeys(list(row)[2:]))
    return row


cdef dict node_formulas_6(int kernel, object managed, object ratio, object cpus, object min_free_kbytes,
                          object watermark_scale_factor, object pcp_fraction, bint khugepaged):
    """The formulas of a node of one of the two kernels."""
    cdef node_marks_61_t node
    cdef int64_t parts[ZONES_61]
    cdef int64_t wanted
    cdef int k
    pages = [as_ranged(n, f"managed[{k}]", 0, <int64_t> 1 << 40) for k, n in enumerate(managed)]
    if len(pages) != ZONES_61:
        raise MisuseError(f"managed: {len(pages)} values: one for each of {ZONES_61} zones is wanted")
    memset(&node, 0, sizeof(node))
    for k, n in enumerate(ratios_61(ratio, "ratio")):
        parts[k] = n
        node.managed[k] = pages[k]
    nr_cpus = as_ranged(cpus, "cpus", 1, 4096)
    fraction = as_ranged(pcp_fraction, "pcp_fraction", 0, int32_max)
    node.scale = as_ranged(watermark_scale_factor, "watermark_scale_factor", 0, SCALE_MAX_61)
    node.min_free_kbytes = default_min_free_kbytes_61(&node)
    if min_free_kbytes is not None:
        node.min_free_kbytes = as_ranged(min_free_kbytes, "min_free_kbytes", 0, MIN_FREE_KBYTES_MAX)
    node_marks_of(kernel, &node)
    if khugepaged:
        wanted = khugepaged_min_free_kbytes_61(&node)
        node.min_free_kbytes = max(node.min_free_kbytes, wanted)
        node_marks_of(kernel, &node)
    zones = [zone_formulas_6(kernel, &node, parts, k, nr_cpus, fraction) for k in range(ZONES_61)]
    total = sum(min(pages[k], max(row["lowmem_reserve"][k:]) + row["wmark"][2]) for k, row in enumerate(zones))
    return {"min_free_kbytes": node.min_free_kbytes, "totalreserve": total, "zones": zones}


def node_formulas_61(managed, *, ratio=None, cpus=1, min_free_kbytes=None, watermark_scale_factor=10, pcp_fraction=0,
                     bint khugepaged=False):
    """Watermarks, reserves and per-CPU list sizes of the zones of a node of Linux 6.1.

    Parameters
    ----------
    managed : sequence of 5 int, 0..2^40, pages
        Of DMA, DMA32, Normal, Movable, Device.
    ratio : sequence of 5 int, optional
        lowmem_reserve_ratio; 0 for none.
    cpus : int, 1..4096
    min_free_kbytes : int, 0..2^31 - 1, optional, KiB
        Default: from the size of the node.
    watermark_scale_factor : int, 0..3000
    pcp_fraction : int
        percpu_pagelist_high_fraction, 0: none.
    khugepaged : bool
        min_free_kbytes is raised as khugepaged does when it starts.

    Returns
    -------
    dict
        min_free_kbytes, totalreserve, and zones: for each of the five a dict with wmark (min, low, high, promo),
        lowmem_reserve, batchsize, batch and high (None in a zone without pages).

    Raises
    ------
    MisuseError
        If an argument is out of range, naming it.

    Notes
    -----
    Linux: setup_per_zone_wmarks, setup_per_zone_lowmem_reserve, calculate_totalreserve_pages, zone_batchsize,
    zone_highsize, set_recommended_min_free_kbytes (6.1).

    Examples
    --------
    >>> node_formulas_61((0, 0, 262144, 0, 0))["zones"][2]["wmark"]
    [1024, 1286, 1548, 1810]
    """
    return node_formulas_6(KERNEL_6_1, managed, ratio, cpus, min_free_kbytes, watermark_scale_factor, pcp_fraction,
                           khugepaged)


def node_formulas_612(managed, *, ratio=None, cpus=1, min_free_kbytes=None, watermark_scale_factor=10, pcp_fraction=0,
                      bint khugepaged=False):
    """The same of Linux 6.12: see `node_formulas_61`.

    Returns
    -------
    dict
        As there, but with high_min and high_max in place of high.

    Notes
    -----
    Zone 3 (Movable) has no part in min_free_kbytes, and a min mark of its own.

    Examples
    --------
    >>> node_formulas_612((0, 0, 262144, 0, 0))["zones"][2]["high_max"]
    32768
    """
    return node_formulas_6(KERNEL_6_12, managed, ratio, cpus, min_free_kbytes, watermark_scale_factor, pcp_fraction,
                           khugepaged)
