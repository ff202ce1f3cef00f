# The zones of one node: their sizes, what they keep from each other, and the zonelist of a machine.
#
# Kernel: mm/page_alloc.c: setup_per_zone_lowmem_reserve, build_zonelists.

cdef enum:
    PAGE_KB = 4
    NODE_PAGES_BITS = 31        # present pages of one zone of a node: at most 2^31
    MIN_FREE_KBYTES_LOW = 128

cdef enum:                      # with NODE_PAGES_BITS no mark leaves 60 bits, so eight times a mark is a number, too
    MIN_FREE_KBYTES_MAX = 0x7FFFFFFF    # an int in the kernel


cdef int64_t int_sqrt(int64_t x) noexcept nogil:
    """Floor of the square root, in integers only."""
    cdef int64_t root = 0
    cdef int64_t bit = <int64_t> 1 << 62
    while bit > x:
        bit >>= 2
    while bit:
        if x >= root + bit:
            x -= root + bit
            root = (root >> 1) + bit
        else:
            root >>= 1
        bit >>= 2
    return root


cdef int64_t lowmem_pages(const int64_t *present, uint32_t highmem) noexcept nogil:
    """Present pages of the node's zones that are not highmem."""
    cdef int64_t pages = 0
    cdef int k
    for k in range(MAX_NR_ZONES):
        if not (highmem >> k) & 1:
            pages += present[k]
    return pages


cdef int64_t zone_lowmem_reserve(const int64_t *present, const int32_t *ratio, int zone_idx,
                                 int classzone_idx) noexcept nogil:
    """Pages of zone `zone_idx` kept from requests that could use `classzone_idx`; a ratio below 1 counts as 1."""
    cdef int64_t pages = 0
    cdef int k
    for k in range(zone_idx + 1, classzone_idx + 1):
        pages += present[k]
    return pages // max(ratio[zone_idx], 1)


cdef void setup_per_zone_lowmem_reserve(zone_t *z) noexcept nogil:
    cdef int k
    for k in range(MAX_NR_ZONES):
        z.lowmem_reserve[k] = zone_lowmem_reserve(z.node_present, z.lowmem_reserve_ratio, z.zone_idx, k)


# --- zones of a machine -----------------------------------------------------------------------------------------

cdef inline uint64_t machine_magic() noexcept nogil:
    return <uint64_t> 0x31686361_4D794462       # "bDyMach1" as bytes


cdef inline uint64_t request_magic(const machine_t *m, const request_t *r) noexcept nogil:
    """What a live request holds: it has not moved, nor its machine, nor has a zone of that."""
    return <uint64_t> 0x7152794462000000 ^ <uint64_t> m ^ <uint64_t> r << 7 ^ <uint64_t> m.attached << 40


cdef int machine_attach_zone(machine_t *m, zone_t *z) noexcept nogil:
    """Put a zone in its place, or tell where the zone of that index is now.  0 if there is no room."""
    cdef int at = 0
    cdef int k
    while at < m.nr_zones and m.zone[at].zone_idx > z.zone_idx:
        at += 1
    if at == m.nr_zones or m.zone[at].zone_idx != z.zone_idx:
        if m.nr_zones == MAX_NR_ZONES:
            return 0
        for k in range(m.nr_zones, at, -1):
            m.zone[k] = m.zone[k - 1]
        m.nr_zones += 1
    m.zone[at] = z
    m.attached += 1
    return 1


cdef inline int is_listed(zone_t *z, int high_zoneidx) noexcept nogil:
    """Whether the zonelist of a request yields the zone."""
    return z.present_pages > 0 and z.zone_idx <= high_zoneidx


cdef inline int is_reclaimable(zone_t *z, int high_zoneidx) noexcept nogil:
    """Listed, and allowed by the cpuset (hardwall)."""
    return is_listed(z, high_zoneidx) and z.cpuset_allowed


cdef int preferred_zone(machine_t *m, int high_zoneidx) noexcept nogil:
    """Position of the first listed zone, or -1."""
    cdef int k
    for k in range(m.nr_zones):
        if is_listed(m.zone[k], high_zoneidx):
            return k
    return -1


cdef int machine_find(const machine_t *m, int64_t pfn, int32_t *zone, int32_t *i) noexcept nogil:
    """Position of the zone and index of an existing page; 0 if there is none."""
    cdef zone_t *z
    cdef int k
    for k in range(m.nr_zones):
        z = m.zone[k]
        if z.start_pfn <= pfn < z.start_pfn + z.spanned_pages and order_array(z)[pfn - z.base_pfn] != PG_HOLE:
            zone[0] = k
            i[0] = <int32_t> (pfn - z.base_pfn)
            return 1
    return 0


cdef int machine_place(const machine_t *m, const zone_t *z) noexcept nogil:
    """Position of a zone of the machine."""
    cdef int k = 0
    while m.zone[k] != z:
        k += 1
    return k


cdef int machine_zones(const machine_t *m, zone_t **zones) noexcept nogil:
    """The zones of a machine, lowest first; how many."""
    cdef int k
    for k in range(m.nr_zones):
        zones[k] = m.zone[m.nr_zones - 1 - k]
    return m.nr_zones
