# Watermarks of Linux 6.1: how much of a zone a request may take, and the numbers that follow from the size of the node.
#
# The boost stands beside the marks and is added where they are used.  Below an order of its own a request needs one
# free block that is large enough, of a type that it can get; the orders below it are not asked.
#
# Kernel: mm/page_alloc.c of 6.1: __setup_per_zone_wmarks, setup_per_zone_lowmem_reserve, zone_batchsize, zone_highsize,
# calculate_totalreserve_pages, calculate_min_free_kbytes, __zone_watermark_ok, zone_watermark_fast;
# mm/khugepaged.c: set_recommended_min_free_kbytes.  Zone 3 (Movable) counts like the others: there is no highmem.

cdef enum:
    MIN_FREE_KBYTES_HIGH_61 = 262144
    ZONES_BELOW_MOVABLE_61 = 3          # DMA, DMA32, Normal: the zones whose free pages min_free_kbytes follows from

cdef extern from "buddycap.h" nogil:
    enum:
        SCALE_MAX_61 "BC_61_MAX_SCALE_FACTOR"
        FACTOR_MAX_61 "BC_61_MAX_BOOST_FACTOR"

ctypedef struct node_marks_61_t:        # what the marks of a node follow from, and the marks
    int64_t managed[ZONES_61]
    int64_t mark[ZONES_61][4]           # min, low, high, promo
    int64_t min_free_kbytes
    int64_t scale


cdef inline int64_t share_61(int64_t pages, int64_t parts) noexcept nogil:
    """`parts` ten thousandths of some pages.  Linux: mult_frac."""
    return (pages // 10000) * parts + ((pages % 10000) * parts) // 10000


cdef void node_marks_61(node_marks_61_t *node) noexcept nogil:
    """The marks of all zones.  Linux: __setup_per_zone_wmarks."""
    cdef int64_t total = 0
    cdef int64_t gap
    cdef int k, j
    for k in range(ZONES_61):
        total += node.managed[k]
    for k in range(ZONES_61):
        node.mark[k][0] = (node.min_free_kbytes // PAGE_KB) * node.managed[k] // total if total else 0
        gap = max(node.mark[k][0] // 4, share_61(node.managed[k], node.scale))
        for j in range(1, 4):
            node.mark[k][j] = node.mark[k][0] + j * gap if node.managed[k] else 0


cdef int64_t buffer_pages_61(const node_marks_61_t *node) noexcept nogil:
    """Pages of the zones below Movable above their high marks.  Linux: nr_free_buffer_pages."""
    cdef int64_t pages = 0
    cdef int k
    for k in range(ZONES_BELOW_MOVABLE_61):
        pages += max(<int64_t> 0, node.managed[k] - node.mark[k][2])
    return pages


cdef int64_t default_min_free_kbytes_61(const node_marks_61_t *node) noexcept nogil:
    """sqrt(16 * KiB above the marks), held to 128..262144.  Linux: calculate_min_free_kbytes."""
    cdef int64_t kb = int_sqrt(buffer_pages_61(node) * PAGE_KB * 16)
    return min(max(kb, <int64_t> MIN_FREE_KBYTES_LOW), <int64_t> MIN_FREE_KBYTES_HIGH_61)


cdef int64_t khugepaged_min_free_kbytes_61(const node_marks_61_t *node) noexcept nogil:
    """What khugepaged wants at least: two pageblocks a zone, and some for each pair of types, but at most 5 %."""
    cdef int64_t zones = 0
    cdef int k
    for k in range(ZONES_BELOW_MOVABLE_61):
        zones += node.managed[k] > 0
    return min((<int64_t> 11 * zones) << BLOCK_ORDER_61, buffer_pages_61(node) // 20) * PAGE_KB


cdef int64_t lowmem_reserve_61(const int64_t *managed, int64_t ratio, int zone_idx, int classzone_idx) noexcept nogil:
    """Pages of a zone kept from requests that could use `classzone_idx`.  Linux: setup_per_zone_lowmem_reserve."""
    cdef int64_t pages = 0
    cdef int k
    if ratio < 1 or managed[zone_idx] == 0:
        return 0
    for k in range(zone_idx + 1, classzone_idx + 1):
        pages += managed[k]
    return pages // ratio


cdef int zone_batchsize_61(int64_t managed) noexcept nogil:
    """One below a power of two, about a quarter of a thousandth of the zone: 0..63."""
    cdef int64_t batch = max(min(managed // 1024, <int64_t> 256) // 4, <int64_t> 1)
    cdef int power = 1
    while power * 2 <= batch + batch // 2:
        power *= 2
    return power - 1


cdef int64_t zone_highsize_61(int64_t managed, int64_t low, int batch, int cpus, int64_t fraction) noexcept nogil:
    """Pages that each CPU may hold: its share of the low mark, or of the fraction of the zone that it is set to."""
    cdef int64_t pages = managed // fraction if fraction else low
    return max(pages // cpus, <int64_t> 4 * batch)


cdef void set_pcp_sizes_61(zone_t *z) noexcept nogil:
    """Linux: zone_set_pageset_high_and_batch."""
    cdef zone_6_1_t *e = only_61(z)
    cdef int cpu
    e.pcp_batch = max(1, zone_batchsize_61(e.managed))
    e.pcp_high = <int32_t> min(
        zone_highsize_61(e.managed, z.pages_low + e.boost, e.pcp_batch, z.cpus, e.pcp_fraction), <int64_t> PCP_MAX_61)
    for cpu in range(z.cpus):
        zone_pcp_61(z, cpu).batch = e.pcp_batch
        zone_pcp_61(z, cpu).high = e.pcp_high


cdef void set_marks_61(zone_t *z, const node_marks_61_t *node) noexcept nogil:
    """Take over the marks of the zone's node; the boost ends, and the per-CPU lists get new sizes."""
    cdef zone_6_1_t *e = only_61(z)
    z.min_free_kbytes = node.min_free_kbytes
    e.scale = node.scale
    z.pages_min = node.mark[z.zone_idx][0]
    z.pages_low = node.mark[z.zone_idx][1]
    z.pages_high = node.mark[z.zone_idx][2]
    e.pages_promo = node.mark[z.zone_idx][3]
    e.boost = 0
    set_pcp_sizes_61(z)


cdef inline void boost_less_61(zone_t *z, int64_t pages) noexcept nogil:
    """Take pages off the boost, as kswapd does when it has balanced the zone."""
    only_61(z).boost -= min(only_61(z).boost, pages)


cdef void set_lowmem_reserve_61(zone_t *z, const int64_t *managed) noexcept nogil:
    cdef zone_6_1_t *e = only_61(z)
    cdef int k
    for k in range(ZONES_61):
        e.lowmem_reserve[k] = lowmem_reserve_61(managed, e.lowmem_ratio[z.zone_idx], z.zone_idx, k)


cdef inline int64_t zone_mark_61(zone_t *z, int which) noexcept nogil:
    """Watermark min, low, high or promo, without the boost."""
    if which == 0:
        return z.pages_min
    if which == 1:
        return z.pages_low
    return z.pages_high if which == 2 else only_61(z).pages_promo


cdef inline int64_t unusable_61(zone_t *z, int order, int flags) noexcept nogil:
    """Free pages that a request cannot have.  Linux: __zone_watermark_unusable_free."""
    cdef zone_6_1_t *e = only_61(z)
    cdef int64_t pages = (<int64_t> 1 << order) - 1
    if not flags & (ALLOC61_OOM | ALLOC61_NON_BLOCK | ALLOC61_MIN_RESERVE | ALLOC61_HIGHATOMIC):
        pages += e.reserved_highatomic
    if e.cma and not flags & ALLOC61_CMA:
        pages += max(e.nr_free_cma, <int64_t> 0)
    return pages


cdef inline int has_block_61(zone_t *z, int order, int flags) noexcept nogil:
    """Whether a list of the order is not empty that a request may take from."""
    cdef link_t *link = link_array(z)
    cdef int mt
    if z.nr_free[order] == 0:
        return 0
    for mt in range(ORDINARY_61):
        if not list_empty(link, free_list_61(order, mt)):
            return 1
    if only_61(z).cma and flags & ALLOC61_CMA and not list_empty(link, free_list_61(order, MT61_CMA)):
        return 1
    return (flags & (ALLOC61_OOM | ALLOC61_HIGHATOMIC)
            and not list_empty(link, free_list_61(order, MT61_HIGHATOMIC)))


cdef int watermark_with_61(zone_t *z, int order, int64_t mark, int classzone_idx, int flags,
                           int64_t free) noexcept nogil:
    """Whether a request leaves `free` pages above `mark` and finds a block.  Linux: __zone_watermark_ok."""
    cdef int64_t pages = max(free, <int64_t> 0) - unusable_61(z, order, flags)
    cdef int from_order
    if flags & ALLOC61_MIN_RESERVE:
        mark -= mark // 2
        if flags & ALLOC61_NON_BLOCK:
            mark -= mark // 4
    if flags & ALLOC61_OOM:
        mark -= mark // 2
    if pages <= mark + only_61(z).lowmem_reserve[classzone_idx]:
        return 0
    if order == 0:
        return 1
    for from_order in range(order, ORDER_MAX_61 + 1):
        if has_block_61(z, from_order, flags):
            return 1
    return 0


cdef int watermark_ok_61(zone_t *z, int order, int64_t mark, int classzone_idx, int flags) noexcept nogil:
    """watermark_with_61 for the pages that are free.  Linux: zone_watermark_ok."""
    return watermark_with_61(z, order, mark, classzone_idx, flags, z.nr_free_pages)


cdef int watermark_fast_61(zone_t *z, int order, int classzone_idx, int flags, int atomic) noexcept nogil:
    """The test of the fast path, at the mark of the flags.  Linux: zone_watermark_fast.

    An atomic request for one page may ignore the boost at the min mark.
    """
    cdef zone_6_1_t *e = only_61(z)
    cdef int64_t mark = zone_mark_61(z, flags & ALLOC61_WMARK) + e.boost
    cdef int64_t pages = max(z.nr_free_pages, <int64_t> 0)
    if order == 0 and pages - min(pages, unusable_61(z, 0, flags)) > mark + e.lowmem_reserve[classzone_idx]:
        return 1
    if watermark_ok_61(z, order, mark, classzone_idx, flags):
        return 1
    return (order == 0 and atomic and e.boost > 0 and flags & ALLOC61_WMARK == 0
            and watermark_ok_61(z, order, z.pages_min, classzone_idx, flags))


# --- whole arrays of numbers, for /proc -------------------------------------------------------------------------

cdef void fragmentation_61(zone_t *z, int order, int64_t *out) noexcept nogil:
    """Fragmentation index (x 1000), external fragmentation (%) and unusable free space (x 1000) of an order.

    Linux: mm/vmstat.c: __fragmentation_index, extfrag_for_order, unusable_free_index.
    """
    cdef int64_t pages = 0
    cdef int64_t blocks = 0
    cdef int64_t suitable = 0
    cdef int k
    for k in range(ORDER_MAX_61 + 1):
        pages += z.nr_free[k] << k
        blocks += z.nr_free[k]
        if k >= order:
            suitable += z.nr_free[k] << (k - order)
    out[0] = 0
    if blocks:
        out[0] = -1000 if suitable else 1000 - (1000 + ((1000 * pages) >> order)) // blocks
    out[1] = 0 if pages == 0 else (pages - (suitable << order)) * 100 // pages
    out[2] = 1000 if pages == 0 else (pages - (suitable << order)) * 1000 // pages
