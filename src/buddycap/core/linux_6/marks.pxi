# Numbers that follow from the size of a node, equal in Linux 6.1 and 6.12; the marks each kernel has its own way.
#
# Kernel: mm/page_alloc.c of 6.1: setup_per_zone_lowmem_reserve, zone_batchsize, zone_highsize,
# calculate_min_free_kbytes, calculate_totalreserve_pages; mm/khugepaged.c: set_recommended_min_free_kbytes.

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
