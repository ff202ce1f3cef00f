# A zone as a block of memory: how large, where the arrays are, how it starts, how it is hashed.
#
# The first `used_bytes` of the block are the whole state; what lies behind them is room for private lists.  A saved
# image is those bytes with image_bytes and image_hash filled in.  Everything is little-endian.

from libc.string cimport memcpy, memset

cdef enum:
    HASH_LANES = 4
    STAGGER = 704               # the big arrays differ in their low 12 address bits, or they would alias in the cache
    STAGGER_FROM = 4096         # zones of fewer pages are not worth the room

cdef enum:                      # what is wrong with an image
    IMAGE_OK = 0
    IMAGE_SHORT                 # shorter than a header
    IMAGE_ALIEN                 # something else
    IMAGE_VERSION
    IMAGE_SIZE                  # the header does not fit the bytes that are there
    IMAGE_HASH                  # altered
    IMAGE_BROKEN                # an invariant does not hold

ctypedef struct hash_t:
    uint64_t lane[HASH_LANES]
    uint64_t bytes


cdef inline uint64_t zone_magic() noexcept nogil:
    return <uint64_t> 0x31656E6F5A794462        # "bDyZone1" as bytes


# --- hashing ----------------------------------------------------------------------------------------------------

cdef void hash_init(hash_t *h) noexcept nogil:
    cdef int k
    h.bytes = 0
    for k in range(HASH_LANES):
        h.lane[k] = <uint64_t> 0x9E3779B97F4A7C15 * (k + 1)


cdef inline uint64_t hash_mix(uint64_t lane, uint64_t word) noexcept nogil:
    """Multiply and rotate: every bit of the word reaches the upper half, the next multiplication does the rest."""
    return rotl((lane ^ word) * <uint64_t> 0xD6E8FEB86659FD93, 32) + word


cdef void hash_bytes(hash_t *h, const void *data, uint64_t n) noexcept nogil:
    """Take in n bytes, in four lanes of words; a last partial word is filled up with zeros."""
    cdef const uint8_t *p = <const uint8_t *> data
    cdef uint64_t word[HASH_LANES]
    cdef int k
    h.bytes += n
    while n >= sizeof(word):
        memcpy(word, p, sizeof(word))
        for k in range(HASH_LANES):
            h.lane[k] = hash_mix(h.lane[k], word[k])
        p += sizeof(word)
        n -= sizeof(word)
    if n:
        memset(word, 0, sizeof(word))
        memcpy(word, p, n)
        for k in range(HASH_LANES):
            h.lane[k] = hash_mix(h.lane[k], word[k])


cdef inline void hash_word(hash_t *h, uint64_t word) noexcept nogil:
    h.bytes += sizeof(word)
    h.lane[0] = hash_mix(h.lane[0], word)


cdef uint64_t hash_fold(hash_t *h, int first) noexcept nogil:
    """One word of the result: all lanes, starting at `first`, and the length."""
    cdef uint64_t x = h.bytes + first
    cdef int k
    for k in range(HASH_LANES):
        x = hash_mix(x, h.lane[(first + k) % HASH_LANES])
    x ^= x >> 29
    x *= <uint64_t> 0xBF58476D1CE4E5B9
    return x ^ (x >> 32)


cdef void hash_links(hash_t *h, zone_t *z) noexcept nogil:
    """Take in every list: the successor of each head and of each page that is on a list."""
    cdef link_t *link = link_array(z)
    cdef uint8_t *state = order_array(z)
    cdef uint32_t *flags = flags_array(z)
    cdef int32_t i
    cdef uint8_t kind
    for i in range(-<int32_t> nr_list_heads(z.cpus), 0):
        hash_word(h, link[i].next)
    for i in range(z.nr_index):
        kind = state[i] & PG_STATE
        if kind == PG_FREE or kind == PG_CAPTURED or kind == PG_PRIVATE or kind == PG_PCP or (
                kind == PG_MARKED and flags[i] & (PF_LRU | PF_ISOLATED)):
            hash_word(h, (<uint64_t> i << 32) | <uint32_t> link[i].next)


cdef void hash_slots(hash_t *h, zone_t *z) noexcept nogil:
    """Take in the open private lists, with their numbers; closed ones in between leave no trace but the gap."""
    cdef int32_t slot
    for slot in range(z.slots_used):
        if zone_slot(z, slot).kind != SLOT_UNUSED:
            hash_word(h, slot)
            hash_bytes(h, zone_slot(z, slot), sizeof(slot_t))


cdef void zone_digest(zone_t *z, uint64_t *digest) noexcept nogil:
    """128 bits over the whole state: equal states have equal digests, whatever led to them.

    Links of pages that are on no list are left out, since they are leftovers without meaning.
    """
    cdef hash_t h
    hash_init(&h)
    hash_bytes(&h, z, sizeof(zone_t))
    hash_bytes(&h, zone_pcp(z, 0), z.cpus * sizeof(pcp_t))
    hash_bytes(&h, pageblock_array(z), z.nr_pageblocks)
    hash_bytes(&h, order_array(z), z.nr_index)
    hash_bytes(&h, flags_array(z), z.nr_index * sizeof(uint32_t))
    if z.off_owner:
        hash_bytes(&h, owner_array(z), z.nr_index * sizeof(uint64_t))
    hash_links(&h, z)
    hash_slots(&h, z)
    digest[0] = hash_fold(&h, 0)
    digest[1] = hash_fold(&h, 1)


# --- layout -----------------------------------------------------------------------------------------------------

cdef uint64_t place(uint64_t *end, uint64_t n, uint64_t stagger) noexcept nogil:
    """Offset of the next array of n bytes: on a cache line, `stagger` bytes into a 4 KiB page if not 0."""
    cdef uint64_t offset = (end[0] + 63) & ~<uint64_t> 63
    if stagger:
        offset = ((end[0] + 4095) & ~<uint64_t> 4095) + stagger
    end[0] = offset + n
    return offset


cdef void zone_layout(zone_t *z, int owners) noexcept nogil:
    """Everything that follows from start, span, orders, CPUs and the number of private lists."""
    cdef int64_t block = <int64_t> 1 << max(z.max_page_order, z.pageblock_order)
    cdef uint64_t end = sizeof(zone_t)
    cdef uint64_t stagger = 0
    z.magic = zone_magic()
    z.version = ZONE_VERSION
    z.header_bytes = sizeof(zone_t)
    z.base_pfn = z.start_pfn & -block
    z.first = <int32_t> (z.start_pfn - z.base_pfn)
    z.end = <int32_t> (z.first + z.spanned_pages)
    z.nr_index = <int32_t> ((z.end + block - 1) & -block)
    z.nr_pageblocks = z.nr_index >> z.pageblock_order
    stagger = STAGGER if z.nr_index >= STAGGER_FROM else 0
    z.off_pcp = place(&end, z.cpus * sizeof(pcp_t), 0)
    z.off_pageblock = place(&end, z.nr_pageblocks, 0)
    z.off_order = place(&end, z.nr_index, stagger)
    z.off_bits = place(&end, nr_words(z) * sizeof(uint64_t) + sizeof(work_t), 0)
    z.off_flags = place(&end, <uint64_t> z.nr_index * sizeof(uint32_t), 2 * stagger)
    z.off_owner = place(&end, <uint64_t> z.nr_index * sizeof(uint64_t), 4 * stagger) if owners else 0
    z.off_heads = place(&end, nr_list_heads(z.cpus) * sizeof(link_t), 3 * stagger)
    z.off_link = z.off_heads + nr_list_heads(z.cpus) * sizeof(link_t)
    z.bytes = z.off_link + (<uint64_t> z.nr_index + <uint64_t> z.slot_limit * SLOT_LINKS) * sizeof(link_t)


cdef int geometry_ok(const zone_t *z) noexcept nogil:
    """Whether the sizes can be laid out at all: indices of pages and slots must fit 31 bits."""
    cdef int64_t block
    if not (0 <= z.max_page_order < MAX_ORDERS and 0 <= z.pageblock_order < MAX_ORDERS):
        return 0
    if not (0 <= z.zone_idx < MAX_NR_ZONES and 1 <= z.cpus <= 4096 and 0 <= z.slot_limit <= NR_SLOTS_MAX):
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
    """The header of a zone without pages.  The block must be zero, as fresh memory is."""
    cdef int k
    z.start_pfn = config.start_pfn
    z.spanned_pages = config.spanned_pages
    z.max_page_order = config.max_page_order
    z.pageblock_order = config.pageblock_order
    z.zone_idx = config.zone_idx
    z.cpus = config.cpus
    z.slot_limit = config.slot_limit
    z.pcp_bulk_cold = config.pcp_bulk_cold
    z.grouping = config.grouping
    z.node_highmem = config.node_highmem
    z.cpuset_allowed = 1
    z.prev_priority = DEF_PRIORITY
    z.min_free_kbytes = config.min_free_kbytes
    for k in range(MAX_NR_ZONES):
        z.node_present[k] = config.node_present[k]
        z.lowmem_reserve_ratio[k] = config.lowmem_reserve_ratio[k]


cdef uint64_t zone_bytes(const zone_config_t *config) noexcept nogil:
    """Size of the block that a zone needs; 0 if there can be no such zone."""
    cdef zone_t z
    memset(&z, 0, sizeof(z))
    configure(&z, config)
    if not geometry_ok(&z):
        return 0
    zone_layout(&z, config.owners)
    return z.bytes


# --- start ------------------------------------------------------------------------------------------------------

cdef void memmap_init_zone(zone_t *z) noexcept nogil:
    """Pageblock types at boot: MOVABLE for every block whose first page is in the zone, holes too.

    A partial first block keeps type 0, as in the kernel.
    """
    cdef int64_t pages = <int64_t> 1 << z.pageblock_order
    cdef int64_t pfn = (z.start_pfn + pages - 1) & -pages
    while pfn < z.start_pfn + z.spanned_pages:
        set_pageblock_migratetype(z, <int32_t> (pfn - z.base_pfn), MT_MOVABLE)
        pfn += pages


cdef void zone_init(zone_t *z, const zone_config_t *config) noexcept nogil:
    """Start a zone in zeroed memory of zone_bytes(): all holes.  Ranges are added next, then zone_finish."""
    cdef link_t *link
    cdef int32_t i
    configure(z, config)
    zone_layout(z, config.owners)
    z.pageblock_origin = z.first if config.pageblock_relative else 0
    memset(order_array(z), PG_HOLE, z.nr_index)
    link = link_array(z)
    for i in range(-<int32_t> nr_list_heads(z.cpus), 0):
        list_init(link, i)
    random_seed(z.random, config.seed)
    memmap_init_zone(z)


cdef void zone_add_range(zone_t *z, int64_t first_pfn, int64_t end_pfn, int populate) noexcept nogil:
    """Pages [first_pfn, end_pfn) exist.  populate: they are freed, in the largest blocks that fit, upward; else each
    is an allocated page."""
    cdef int32_t i = <int32_t> (first_pfn - z.base_pfn)
    cdef int32_t end = <int32_t> (end_pfn - z.base_pfn)
    cdef int order
    z.present_pages += end_pfn - first_pfn
    memset(order_array(z) + i, PG_TAIL if populate else PG_USED, end - i)
    while populate and i < end:
        order = 0
        while order < z.max_page_order and not i & (1 << order) and i + (2 << order) <= end:
            order += 1
        free_one_page(z, i, order)
        i += 1 << order


cdef void zone_finish(zone_t *z, const zone_config_t *config) noexcept nogil:
    """Marks, reserve and per-CPU lists, when all ranges are known.  Counters start at zero."""
    cdef int64_t min_free_kbytes = config.min_free_kbytes
    z.node_present[z.zone_idx] = z.present_pages
    if min_free_kbytes < 0:
        min_free_kbytes = default_min_free_kbytes(z.node_present, z.node_highmem)
    setup_per_zone_pages_min(z, min_free_kbytes)
    setup_per_zone_lowmem_reserve(z)
    setup_pageset(z, config.pcp_batch, config.pcp_high)
    z.inactive_ratio = <int32_t> inactive_ratio(z.present_pages)
    memset(z.vm, 0, sizeof(z.vm))


# --- saved images -----------------------------------------------------------------------------------------------

cdef void image_hash(const zone_t *z, const void *rest, uint64_t rest_bytes, uint64_t *digest) noexcept nogil:
    """Hash of a saved image: the header `z`, its image_hash taken as zero, and the bytes behind it."""
    cdef zone_t header
    cdef hash_t h
    memcpy(&header, z, sizeof(zone_t))
    memset(header.image_hash, 0, sizeof(header.image_hash))
    hash_init(&h)
    hash_bytes(&h, &header, sizeof(zone_t))
    hash_bytes(&h, rest, rest_bytes)
    digest[0] = hash_fold(&h, 0)
    digest[1] = hash_fold(&h, 1)


cdef int zone_layout_ok(const zone_t *z, violation_t *v) noexcept nogil:
    """I1: the layout is one that zone_init could have written, so that every array is where it should be."""
    cdef zone_t expected
    if not (agree(v, 1, <int64_t> zone_magic(), <int64_t> z.magic) and agree(v, 1, ZONE_VERSION, z.version)
            and agree(v, 1, sizeof(zone_t), z.header_bytes) and agree(v, 1, 1, geometry_ok(z))):
        return 0
    if not 0 <= z.slots_used <= z.slot_limit:
        return violated(v, 1, NO_PAGE, z.slot_limit, z.slots_used)
    memcpy(&expected, z, sizeof(zone_t))
    zone_layout(&expected, z.off_owner != 0)
    if z.pageblock_origin != 0 and z.pageblock_origin != expected.first:
        return violated(v, 1, NO_PAGE, expected.first, z.pageblock_origin)
    return (agree(v, 1, expected.base_pfn, z.base_pfn) and agree(v, 1, expected.first, z.first)
            and agree(v, 1, expected.end, z.end) and agree(v, 1, expected.nr_index, z.nr_index)
            and agree(v, 1, expected.nr_pageblocks, z.nr_pageblocks) and agree(v, 1, expected.off_pcp, z.off_pcp)
            and agree(v, 1, expected.off_pageblock, z.off_pageblock) and agree(v, 1, expected.off_order, z.off_order)
            and agree(v, 1, expected.off_bits, z.off_bits) and agree(v, 1, expected.off_flags, z.off_flags)
            and agree(v, 1, expected.off_owner, z.off_owner)
            and agree(v, 1, expected.off_heads, z.off_heads) and agree(v, 1, expected.off_link, z.off_link)
            and agree(v, 1, expected.bytes, z.bytes))


cdef int zone_header_ok(const zone_t *z, violation_t *v) noexcept nogil:
    """Whether every field of the header can be what it is.  No page is looked at."""
    return zone_layout_ok(z, v) and header_values_ok(z, v)


cdef void zone_copy(const zone_t *z, zone_t *copy) noexcept nogil:
    """The used bytes of a zone.  The requests under way are the original's, so nobody bypasses the copy's lists."""
    memcpy(copy, z, used_bytes(<zone_t *> z))
    copy.pcp_bypass = 0


cdef void image_seal(zone_t *image) noexcept nogil:
    """A copy of a zone becomes an image."""
    image.image_bytes = used_bytes(image)
    image_hash(image, <uint8_t *> image + sizeof(zone_t), image.image_bytes - sizeof(zone_t), image.image_hash)


cdef int image_header(const void *image, uint64_t n, zone_t *header, violation_t *v) noexcept nogil:
    """Copy and check the header of an image of which the first n bytes are there.  IMAGE_*, and `v` as image_check."""
    memset(header, 0, sizeof(zone_t))
    if n < sizeof(zone_t):
        return IMAGE_SHORT
    memcpy(header, image, sizeof(zone_t))
    if header.magic != zone_magic():
        return IMAGE_ALIEN
    if header.version != ZONE_VERSION or header.header_bytes != sizeof(zone_t):
        return IMAGE_VERSION
    if not zone_layout_ok(header, v):
        return IMAGE_BROKEN
    if used_bytes(header) != header.image_bytes:
        return IMAGE_SIZE
    return IMAGE_OK if header_values_ok(header, v) and agree(v, 10, 0, header.pcp_bypass) else IMAGE_BROKEN


cdef int image_check(const void *image, violation_t *v) noexcept nogil:
    """Check all of an image whose header is good.  IMAGE_*; `v` says more about IMAGE_BROKEN."""
    cdef zone_t *z = <zone_t *> image
    cdef uint64_t digest[2]
    image_hash(z, <uint8_t *> z + sizeof(zone_t), z.image_bytes - sizeof(zone_t), digest)
    if digest[0] != z.image_hash[0] or digest[1] != z.image_hash[1]:
        return IMAGE_HASH
    return IMAGE_OK if zone_check(z, v) else IMAGE_BROKEN


cdef void image_open(zone_t *z) noexcept nogil:
    """An image becomes a live zone, in memory of its full size."""
    z.image_bytes = z.image_hash[0] = z.image_hash[1] = 0
