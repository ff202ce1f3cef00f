# A zone as a block of memory: how large, where the arrays are, how it starts.
#
# A kernel says what it adds (layout_t): what stands behind the zone_t, what each CPU has, how many lists.
# Everything is little-endian.

cdef enum:
    STAGGER = 704               # the big arrays differ in their low 12 address bits, or they would alias in the cache
    STAGGER_FROM = 4096         # zones of fewer pages are not worth the room

ctypedef struct layout_t:       # what depends on the kernel
    uint64_t header_bytes       # zone_t and the kernel's own state behind it
    uint64_t cpu_bytes          # the per-CPU structs of all CPUs
    uint64_t page_bytes         # of each page, behind the page flags: an even number
    uint64_t loose_bytes        # behind those: no part of the state
    uint64_t block_bytes        # of each pageblock: its type, and what the kernel adds behind all types
    int32_t heads               # of lists


cdef inline uint64_t zone_magic() noexcept nogil:
    return <uint64_t> 0x31656E6F5A794462        # "bDyZone1" as bytes


cdef uint64_t place(uint64_t *end, uint64_t n, uint64_t stagger) noexcept nogil:
    """Offset of the next array of n bytes: on a cache line, `stagger` bytes into a 4 KiB page if not 0."""
    cdef uint64_t offset = (end[0] + 63) & ~<uint64_t> 63
    if stagger:
        offset = ((end[0] + 4095) & ~<uint64_t> 4095) + stagger
    end[0] = offset + n
    return offset


cdef void zone_layout(zone_t *z, int owners, const layout_t *kernel) noexcept nogil:
    """Everything that follows from start, span, orders, CPUs, the number of private lists, and the kernel."""
    cdef int64_t block = <int64_t> 1 << max(z.max_page_order, z.pageblock_order)
    cdef uint64_t heads = kernel.heads * sizeof(link_t)
    cdef uint64_t page_bytes = sizeof(uint32_t) + kernel.page_bytes
    cdef uint64_t end = kernel.header_bytes
    cdef uint64_t stagger = 0
    z.magic = zone_magic()
    z.version = ZONE_VERSION
    z.header_bytes = <uint32_t> kernel.header_bytes
    z.base_pfn = z.start_pfn & -block
    z.first = <int32_t> (z.start_pfn - z.base_pfn)
    z.end = <int32_t> (z.first + z.spanned_pages)
    z.nr_index = <int32_t> ((z.end + block - 1) & -block)
    z.nr_pageblocks = z.nr_index >> z.pageblock_order
    stagger = STAGGER if z.nr_index >= STAGGER_FROM else 0
    z.off_pcp = place(&end, kernel.cpu_bytes, 0)
    z.off_pageblock = place(&end, z.nr_pageblocks * kernel.block_bytes, 0)
    z.off_order = place(&end, z.nr_index, stagger)
    z.off_bits = place(&end, nr_words(z) * sizeof(uint64_t) + sizeof(work_t), 0)
    z.off_flags = place(&end, z.nr_index * page_bytes + kernel.loose_bytes, 2 * stagger)
    z.off_owner = place(&end, <uint64_t> z.nr_index * sizeof(uint64_t), 4 * stagger) if owners else 0
    z.off_heads = place(&end, heads, 3 * stagger)
    z.off_link = z.off_heads + heads
    z.bytes = z.off_link + (<uint64_t> z.nr_index + <uint64_t> z.slot_limit * SLOT_LINKS) * sizeof(link_t)


cdef int geometry_ok(const zone_t *z) noexcept nogil:
    """Whether the sizes can be laid out at all: indices of pages and slots must fit 31 bits."""
    cdef int64_t block
    if not (0 <= z.max_page_order < MAX_ORDERS and 0 <= z.pageblock_order < MAX_ORDERS):
        return 0
    if not (0 <= z.zone_idx <= MAX_NR_ZONES and 1 <= z.cpus <= 4096 and 0 <= z.slot_limit <= NR_SLOTS_MAX):
        return 0
    if not 1 <= z.spanned_pages < <int64_t> 1 << 31:    # first: a sum with any other number might not fit 64 bits
        return 0
    block = <int64_t> 1 << max(z.max_page_order, z.pageblock_order)
    return (0 <= z.start_pfn < (<int64_t> 1 << 52)
            and z.spanned_pages + 2 * block + SLOT_LINKS * NR_SLOTS_MAX < (<int64_t> 1 << 31))


cdef inline uint64_t used_bytes(zone_t *z) noexcept nogil:
    """The part of the block that is state."""
    return z.off_link + (<uint64_t> z.nr_index + <uint64_t> z.slots_used * SLOT_LINKS) * sizeof(link_t)


cdef void configure(zone_t *z, const zone_config_t *config) noexcept nogil:
    """The header of a zone without pages, as far as it is the same for all kernels.  The block must be zero."""
    z.kernel = config.kernel
    z.start_pfn = config.start_pfn
    z.spanned_pages = config.spanned_pages
    z.max_page_order = config.max_page_order
    z.pageblock_order = config.pageblock_order
    z.zone_idx = config.zone_idx
    z.cpus = config.cpus
    z.slot_limit = config.slot_limit
    z.grouping = config.grouping
    z.cpuset_allowed = 1
    z.min_free_kbytes = config.min_free_kbytes


cdef void zone_empty(zone_t *z, const zone_config_t *config, const layout_t *kernel) noexcept nogil:
    """A zone in zeroed memory of zone_bytes(): all holes, empty lists, its random numbers seeded."""
    cdef link_t *link
    cdef int32_t i
    configure(z, config)
    zone_layout(z, config.owners, kernel)
    z.pageblock_origin = z.first if config.pageblock_relative else 0
    memset(order_array(z), PG_HOLE, z.nr_index)
    link = link_array(z)
    for i in range(-nr_list_heads(z), 0):
        list_init(link, i)
    random_seed(z.random, config.seed)
