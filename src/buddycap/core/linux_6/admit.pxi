# Whether a page or a block of a zone of 6.1 may be named in a call: what the boundary asks before it believes its
# caller.  ST_OK, or why not; nothing changes.


cdef int page_status_61(zone_t *z, int64_t pfn) noexcept nogil:
    """Why `pfn` cannot name an allocated block of this zone, or ST_OK."""
    cdef uint8_t state
    if pfn < z.start_pfn or pfn >= z.start_pfn + z.spanned_pages:
        return ST_PFN_RANGE
    state = order_array(z)[pfn - z.base_pfn]
    if state == PG_HOLE:
        return ST_PFN_HOLE
    if state == PG_TAIL:
        return ST_PAGE_INSIDE
    if is_pcp_state_61(state):
        return ST_PAGE_ON_PCP
    state &= PG_STATE
    if state == PG_FREE:
        return ST_PAGE_FREE
    if state == PG_CAPTURED:
        return ST_PAGE_CAPTURED
    if state == PG_RESERVED_61:
        return ST_PAGE_RESERVED
    if state == PG_HELD_61:
        return ST_PAGE_HELD
    return ST_PAGE_TAKEN if state == PG_TAKEN_61 else ST_OK


cdef int page_kind_61(zone_t *z, int32_t head, int *order) noexcept nogil:
    """BC_PAGE_* of what starts at a page, and its order."""
    cdef int status = page_status_61(z, z.base_pfn + head)
    order[0] = state_order_61(z, order_array(z)[head])
    if status == ST_PAGE_FREE:
        return BC_PAGE_FREE
    if status == ST_PAGE_CAPTURED:
        return BC_PAGE_CAPTURED
    if status == ST_PAGE_ON_PCP:
        return BC_PAGE_ON_PCP
    if status == ST_PAGE_RESERVED:
        return BC_PAGE_RESERVED
    if status == ST_PAGE_TAKEN or status == ST_PAGE_HELD:
        return BC_PAGE_TAKEN
    return BC_PAGE_USED if status == ST_OK else BC_PAGE_HOLE


cdef int single_page_status_61(zone_t *z, int32_t i) noexcept nogil:
    """ST_OK for an allocated page of order 0 with one reference: what may be on lists."""
    cdef int status = page_status_61(z, z.base_pfn + i)
    if status == ST_OK and order_array(z)[i] & 0x0F:
        return ST_NOT_SINGLE
    if status == ST_OK and refs_array_61(z)[i]:
        return ST_TOO_MANY_REFS
    return status


cdef int loose_page_status_61(zone_t *z, int32_t i) noexcept nogil:
    """ST_OK for one that is on no list."""
    cdef int status = single_page_status_61(z, i)
    if status == ST_OK and flags_array(z)[i] & (PF_LRU | PF_ISOLATED | PF_WRITEBACK | PF_ORPHAN):
        return ST_PAGE_LISTED
    return status


cdef inline int held_status_61(zone_t *z, int64_t pfn) noexcept nogil:
    """ST_OK unless somebody has isolated the allocated block, or its owner has let it go."""
    cdef uint32_t flags = flags_array(z)[pfn - z.base_pfn]
    if flags & PF_ISOLATED:
        return ST_PAGE_IN_USE_BY_RECLAIM
    return ST_PAGE_RELEASED if flags & PF_ORPHAN else ST_OK


cdef int drop_status_61(zone_t *z, int64_t pfn) noexcept nogil:
    """ST_OK if a reference to the block that starts there, of whatever order, may be dropped."""
    cdef int status = page_status_61(z, pfn)
    return held_status_61(z, pfn) if status == ST_OK else status


cdef int used_block_refusal_61(zone_t *z, int64_t pfn, int order) noexcept nogil:
    """Why the block (pfn, order) is no allocated one: the slow half of `used_block_status_61`."""
    cdef int status
    if order < 0 or order > ORDER_MAX_61:
        return ST_ORDER_RANGE
    status = page_status_61(z, pfn)
    if status != ST_OK:
        return status
    if pfn & ((1 << order) - 1):
        return ST_UNALIGNED
    if (order_array(z)[pfn - z.base_pfn] & 0x0F) != order:
        return ST_WRONG_ORDER
    return held_status_61(z, pfn)


cdef inline int used_block_status_61(zone_t *z, int64_t pfn, int order) noexcept nogil:
    """ST_OK if (pfn, order) is an allocated block.  One look at the order byte, usually."""
    cdef uint64_t i = <uint64_t> pfn - <uint64_t> z.base_pfn
    if buddycap_rarely(not (i < <uint64_t> z.nr_index and order_array(z)[i] == (PG_USED | order)
                            and <unsigned int> order <= ORDER_MAX_61)):
        return used_block_refusal_61(z, pfn, order)
    return ST_OK


cdef int isolated_status_61(zone_t *z, int64_t pfn) noexcept nogil:
    """ST_OK if somebody has isolated the single page, which still has its owner."""
    cdef int status = used_block_refusal_61(z, pfn, 0)
    if status != ST_OK and status != ST_PAGE_IN_USE_BY_RECLAIM:
        return status
    if (flags_array(z)[pfn - z.base_pfn] & (PF_ISOLATED | PF_ORPHAN)) == PF_ISOLATED:
        return ST_OK
    return ST_PAGE_NOT_TAKEN


cdef int split_status_61(zone_t *z, int64_t pfn, int order) noexcept nogil:
    """ST_OK if the block is allocated and not compound."""
    cdef int status = used_block_status_61(z, pfn, order)
    if status == ST_OK and flags_array(z)[pfn - z.base_pfn] & PF_COMPOUND_61:
        status = ST_PAGE_COMPOUND
    return status


cdef int join_status_61(zone_t *z, int64_t pfn, int order) noexcept nogil:
    """ST_OK if 2^order single allocated pages start there, aligned."""
    cdef int64_t k
    cdef int status = ST_OK
    if pfn & ((1 << order) - 1):
        return ST_UNALIGNED
    for k in range(pfn, pfn + (1 << order)):
        if status == ST_OK:
            status = used_block_status_61(z, k, 0)
    return status


cdef int bare_status_61(zone_t *z, int64_t pfn, int order) noexcept nogil:
    """ST_OK if they have no marks either."""
    cdef int64_t k
    cdef int status = join_status_61(z, pfn, order)
    for k in range(pfn, pfn + (1 << order)):
        if status == ST_OK and order_array(z)[k - z.base_pfn] != PG_USED:
            status = ST_PAGE_MARKED
    return status


cdef int used_pages_status_61(zone_t *z, int64_t pfn, int64_t n) noexcept nogil:
    """ST_OK if all of n pages belong to allocated blocks."""
    cdef int64_t k
    cdef int status
    if pfn < z.start_pfn or n > z.spanned_pages or pfn > z.start_pfn + z.spanned_pages - n:
        return ST_PFN_RANGE
    for k in range(pfn, pfn + n):
        status = page_status_61(z, z.base_pfn + block_head(z, <int32_t> (k - z.base_pfn)))
        if status == ST_OK:
            status = held_status_61(z, k)
        if status != ST_OK:
            return status
    return ST_OK


cdef int free_range_status_61(zone_t *z, int64_t pfn, int64_t pages) noexcept nogil:
    """Why the pages cannot all be freed, or ST_OK.  Nothing changes.  A range that is all hole cannot.

    A block that lies in the range must be one that may be freed; one that sticks out, one that may be split as well.
    """
    cdef int64_t end = pfn + pages
    cdef int64_t first
    cdef int order
    cdef int found = ST_PFN_HOLE
    cdef int status = range_status_of(z, pfn, pages)
    if status != ST_OK:
        return status
    while pfn < end:
        first = z.base_pfn + block_head(z, <int32_t> (pfn - z.base_pfn))
        status = page_status_61(z, first)
        if status == ST_PFN_HOLE:
            pfn += 1
            continue
        order = order_array(z)[first - z.base_pfn] & 0x0F
        if status == ST_OK and first >= pfn and first + (1 << order) <= end:
            status = used_block_status_61(z, first, order)
        elif status == ST_OK:
            status = split_status_61(z, first, order)
        if status != ST_OK:
            return status
        found = ST_OK
        pfn = first + (1 << order)
    return found


cdef int used_list_status_61(zone_t *z, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                             int64_t *offender) noexcept nogil:
    """ST_OK if n blocks are allocated and none is named twice; else why not and the first offender."""
    cdef uint64_t *bits = bits_array(z)
    cdef int status = ST_OK
    cdef int64_t k = 0
    cdef int64_t i, m
    while k < n and status == ST_OK:
        status = used_block_status_61(z, pfns[k], order if orders == NULL else orders[k])
        if status == ST_OK:
            i = pfns[k] - z.base_pfn
            if bits[i >> 6] >> (i & 63) & 1:
                status = ST_DUPLICATE
            else:
                bits[i >> 6] |= <uint64_t> 1 << (i & 63)
                k += 1
    for m in range(k):
        bits[(pfns[m] - z.base_pfn) >> 6] = 0
    offender[0] = k
    return status


cdef int get_page_status_61(zone_t *z, int64_t pfn) noexcept nogil:
    """ST_OK if an allocated block starts there that can have one more reference."""
    cdef int status = page_status_61(z, pfn)
    if status == ST_OK and flags_array(z)[pfn - z.base_pfn] & PF_ORPHAN:
        return ST_PAGE_RELEASED
    if status == ST_OK and refs_array_61(z)[pfn - z.base_pfn] == REFS_MAX_61:
        return ST_TOO_MANY_REFS
    return status


cdef int free_head_status_61(zone_t *z, int64_t pfn) noexcept nogil:
    """ST_OK if a free block starts there."""
    if pfn < z.start_pfn or pfn >= z.start_pfn + z.spanned_pages:
        return ST_PFN_RANGE
    return ST_OK if (order_array(z)[pfn - z.base_pfn] & PG_STATE) == PG_FREE else ST_PAGE_NOT_FREE


cdef int taken_status_61(zone_t *z, int64_t pfn, int order) noexcept nogil:
    """ST_OK if take_free_block_61 has taken this block."""
    if pfn < z.start_pfn or pfn >= z.start_pfn + z.spanned_pages:
        return ST_PFN_RANGE
    return ST_OK if order_array(z)[pfn - z.base_pfn] == (PG_TAKEN_61 | order) else ST_PAGE_NOT_TAKEN


cdef int is_captured_for_61(zone_t *z) noexcept nogil:
    """Whether a run of compaction that captures is under way."""
    cdef int32_t slot
    for slot in range(z.slots_used):
        if zone_slot(z, slot).kind == SLOT_TARGETS and zone_slot(z, slot).rules & TARGETS_CAPTURE_61:
            return 1
    return 0


cdef int reserved_status_61(zone_t *z, int64_t pfn) noexcept nogil:
    """ST_OK if a whole pageblock of reserved pages starts there."""
    cdef int64_t k
    if pfn & (block_pages_61(z) - 1):
        return ST_UNALIGNED
    if pfn < z.start_pfn or pfn + block_pages_61(z) > z.start_pfn + z.spanned_pages:
        return ST_PFN_RANGE
    for k in range(pfn - z.base_pfn, pfn - z.base_pfn + block_pages_61(z)):
        if order_array(z)[k] != PG_RESERVED_61:
            return ST_PAGE_NOT_RESERVED
    return ST_OK


cdef int set_owners_61(zone_t *z, const int64_t *pfns, const uint64_t *cookies, int64_t n,
                       int64_t *offender) noexcept nogil:
    """Attach cookies to n allocated blocks of a zone with owners: all, or none and why."""
    cdef int64_t k
    cdef int status
    for k in range(n):
        status = page_status_61(z, pfns[k])
        if status != ST_OK:
            offender[0] = k
            return status
    for k in range(n):
        owner_array(z)[pfns[k] - z.base_pfn] = cookies[k]
    return ST_OK
