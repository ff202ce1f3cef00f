# Page frames: where the arrays are, and what a page is.
#
#   heads (negative indices)            pages                       slots
#   ... lru  free(o, mt) |  0  1  2  3 ... nr_index-1 | list 0 | list 1 | ...
#
# Which heads there are besides the page lists' is for the kernel to say: see its numbers.pxi.
#
# Kernel: include/linux/mm_types.h (struct page), mmzone.h.

cdef enum:
    NO_PAGE = -1


# --- where things are -------------------------------------------------------------------------------------------

cdef inline uint8_t *order_array(zone_t *z) noexcept nogil:
    return <uint8_t *> z + z.off_order


cdef inline uint64_t *bits_array(zone_t *z) noexcept nogil:
    return <uint64_t *> (<uint8_t *> z + z.off_bits)


cdef inline int64_t nr_words(const zone_t *z) noexcept nogil:
    """Words of 64 bits in the bits array."""
    return (<int64_t> z.nr_index + 63) >> 6


cdef inline work_t *zone_work(zone_t *z) noexcept nogil:
    return <work_t *> (bits_array(z) + nr_words(z))


cdef inline uint32_t *flags_array(zone_t *z) noexcept nogil:
    return <uint32_t *> (<uint8_t *> z + z.off_flags)


cdef inline uint64_t *owner_array(zone_t *z) noexcept nogil:
    return <uint64_t *> (<uint8_t *> z + z.off_owner)


cdef inline link_t *link_array(zone_t *z) noexcept nogil:
    return <link_t *> (<uint8_t *> z + z.off_link)


cdef inline uint8_t *pageblock_array(zone_t *z) noexcept nogil:
    return <uint8_t *> z + z.off_pageblock


cdef inline int32_t page_list(int lru) noexcept nogil:
    return -1 - (MAX_ORDERS * MIGRATE_TYPES + lru)


cdef inline int32_t slot_list(zone_t *z, int32_t slot) noexcept nogil:
    return z.nr_index + slot * SLOT_LINKS


cdef inline slot_t *zone_slot(zone_t *z, int32_t slot) noexcept nogil:
    return <slot_t *> (link_array(z) + slot_list(z, slot))


cdef inline int32_t nr_list_heads(const zone_t *z) noexcept nogil:
    return <int32_t> ((z.off_link - z.off_heads) // sizeof(link_t))


# --- pages ------------------------------------------------------------------------------------------------------

cdef inline int get_pageblock_migratetype(zone_t *z, int32_t i) noexcept nogil:
    return pageblock_array(z)[(i - z.pageblock_origin) >> z.pageblock_order]


cdef inline void set_pageblock_migratetype(zone_t *z, int32_t i, int mt) noexcept nogil:
    if z.grouping:
        pageblock_array(z)[(i - z.pageblock_origin) >> z.pageblock_order] = mt


cdef void page_set_flags(zone_t *z, int32_t i, uint32_t flags) noexcept nogil:
    """Page flags of an allocated head.  Keeps: PG_MARKED iff any flag is set, so a plain free reads no flags."""
    cdef uint8_t *state = order_array(z)
    flags_array(z)[i] = flags
    state[i] = (PG_MARKED if flags else PG_USED) | (state[i] & 0x0F)


cdef void page_mark(zone_t *z, int32_t i, uint32_t flags) noexcept nogil:
    """Set flags of an allocated page, keeping the others."""
    flags_array(z)[i] |= flags
    order_array(z)[i] = PG_MARKED | (order_array(z)[i] & 0x0F)


cdef void page_unmark(zone_t *z, int32_t i, uint32_t flags) noexcept nogil:
    """Clear flags of an allocated page, keeping the others."""
    page_set_flags(z, i, flags_array(z)[i] & ~flags)


cdef inline uint64_t page_owner(zone_t *z, int32_t i) noexcept nogil:
    return owner_array(z)[i] if z.off_owner else 0


cdef inline void page_disown(zone_t *z, int32_t i) noexcept nogil:
    if z.off_owner:
        owner_array(z)[i] = 0


cdef int page_status(zone_t *z, int64_t pfn) noexcept nogil:
    """Why `pfn` cannot name an allocated block of this zone, or ST_OK."""
    cdef uint8_t state
    if pfn < z.start_pfn or pfn >= z.start_pfn + z.spanned_pages:
        return ST_PFN_RANGE
    state = order_array(z)[pfn - z.base_pfn]
    if state == PG_HOLE:
        return ST_PFN_HOLE
    if state == PG_TAIL:
        return ST_PAGE_INSIDE
    if state & PG_SEEN:
        return ST_DUPLICATE
    state &= PG_STATE
    if state == PG_FREE:
        return ST_PAGE_FREE
    if state == PG_CAPTURED or state == PG_PRIVATE:
        return ST_PAGE_CAPTURED
    if state == PG_PCP:
        return ST_PAGE_ON_PCP
    return ST_OK


cdef int single_page_status(zone_t *z, int32_t i) noexcept nogil:
    """ST_OK for an allocated page of order 0."""
    cdef int status = page_status(z, z.base_pfn + i)
    if status == ST_OK and order_array(z)[i] & 0x0F:
        return ST_NOT_SINGLE
    return status


cdef int loose_page_status(zone_t *z, int32_t i) noexcept nogil:
    """ST_OK for an allocated page of order 0 that is on no list."""
    cdef int status = single_page_status(z, i)
    if status == ST_OK and flags_array(z)[i] & (PF_LRU | PF_ISOLATED | PF_WRITEBACK | PF_ORPHAN):
        return ST_PAGE_LISTED
    return status


cdef int set_owners(zone_t *z, const int64_t *pfns, const uint64_t *cookies, int64_t n,
                    int64_t *offender) noexcept nogil:
    """Attach cookies to n allocated blocks of a zone with owners: all, or none and why."""
    cdef int64_t k
    cdef int status
    for k in range(n):
        status = page_status(z, pfns[k])
        if status != ST_OK:
            offender[0] = k
            return status
    for k in range(n):
        owner_array(z)[pfns[k] - z.base_pfn] = cookies[k]
    return ST_OK


cdef int used_block_refusal(zone_t *z, int64_t pfn, int order) noexcept nogil:
    """Why the block (pfn, order) cannot be freed or captured: the slow half of `used_block_status`."""
    cdef int status
    if order < 0 or order > z.max_page_order:
        return ST_ORDER_RANGE
    status = page_status(z, pfn)
    if status != ST_OK:
        return status
    if pfn & ((1 << order) - 1):
        return ST_UNALIGNED
    if (order_array(z)[pfn - z.base_pfn] & 0x0F) != order:
        return ST_WRONG_ORDER
    if flags_array(z)[pfn - z.base_pfn] & (PF_LRU | PF_ISOLATED | PF_SLAB | PF_WRITEBACK | PF_ORPHAN):
        return ST_PAGE_IN_USE_BY_RECLAIM
    return ST_OK


cdef inline int used_block_status(zone_t *z, int64_t pfn, int order) noexcept nogil:
    """ST_OK if (pfn, order) is an allocated block that may be freed.  One look at the order byte, usually."""
    cdef uint64_t i = <uint64_t> pfn - <uint64_t> z.base_pfn
    if buddycap_rarely(not (i < <uint64_t> z.nr_index and order_array(z)[i] == (PG_USED | order)
                            and <unsigned int> order < MAX_ORDERS)):
        return used_block_refusal(z, pfn, order)
    return ST_OK


cdef inline void free_pages_prepare(zone_t *z, int32_t i) noexcept nogil:
    """Free check of 2.6.27: page flags do not outlive the allocation (Dirty and the like are dropped silently)."""
    if order_array(z)[i] & PG_MARKED:
        flags_array(z)[i] = 0
    if z.off_owner:
        owner_array(z)[i] = 0


cdef void split_page(zone_t *z, int32_t i, int order) noexcept nogil:
    """Turn an allocated block into 2^order allocated pages that are freed one by one.  Linux: split_page."""
    cdef int32_t k
    cdef uint8_t *state = order_array(z)
    page_set_flags(z, i, 0)
    for k in range(i, i + (1 << order)):
        state[k] = PG_USED
