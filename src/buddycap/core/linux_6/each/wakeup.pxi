# Who works in the background since Linux 6.1, and when it is woken: kswapd, and kcompactd beside it.
#
# Kernel: mm/vmscan.c of 6.1: wakeup_kswapd, pgdat_balanced, pgdat_watermark_boosted; mm/compaction.c: wakeup_kcompactd.

cdef enum:
    MAX_RECLAIM_RETRIES_61 = 16     # balancings in vain after which kswapd leaves the node to direct reclaim


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


cdef void run_daemons_on_61(machine_t *m, int cpu) noexcept nogil:
    """The daemons run on a CPU from now on: what they free goes to its lists, and those are what compaction drains."""
    cdef int k
    m.kswapd.cpu = cpu
    for k in range(m.nr_zones):
        only_61(m.zone[k]).cpu = cpu


cdef void wakeup_kcompactd_61(machine_t *m, int order, int classzone_idx) noexcept nogil:
    """Tell kcompactd what is wanted, and wake it if it can do something about that.  Linux: wakeup_kcompactd."""
    cdef zone_t *zones[MAX_NR_ZONES]
    cdef kcompactd_t *k = &m.kcompactd
    if order == 0:
        return
    k.max_order = max(k.max_order, order)
    k.classzone_idx = min(k.classzone_idx, classzone_idx) if k.classzone_idx >= 0 else classzone_idx
    if k.asleep and kcompactd_suitable_61(zones, machine_zones(m, zones), k.max_order, k.classzone_idx):
        k.asleep = 0
        event_put(m, EV_WAKE_KCOMPACTD, 0, NO_PAGE, 0)


cdef void wakeup_kswapd_61(machine_t *m, zone_t *z, int order, uint32_t gfp, int classzone_idx) noexcept nogil:
    """Tell kswapd what is wanted, and wake it unless the node is balanced for that.  Linux: wakeup_kswapd.

    Where kswapd has nothing to do, or has given up, kcompactd may help a request that cannot compact by itself.
    """
    if only_61(z).managed == 0:
        return
    if m.event_mask & NOTE_ASKED:
        event_put(m, EV_KSWAPD_ASKED, machine_place(m, z), order, 0)
    m.kswapd.max_order = max(m.kswapd.max_order, order)
    m.kswapd.classzone_idx = max(m.kswapd.classzone_idx, classzone_idx)
    if not m.kswapd.asleep:
        return
    if m.kswapd.failures >= MAX_RECLAIM_RETRIES_61 or (node_is_balanced_61(m, order, classzone_idx)
                                                       and not node_is_boosted_61(m, classzone_idx)):
        if not gfp & GFP61_DIRECT_RECLAIM:
            wakeup_kcompactd_61(m, order, classzone_idx)
        return
    m.kswapd.asleep = 0
    event_put(m, EV_WAKE_KSWAPD, 0, NO_PAGE, 0)
