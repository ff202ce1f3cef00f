# Allocated blocks of Linux 6.1 and 6.12: references, blocks that are one and single pages, marks of the LRU.

cdef enum:
    EDGE_BEFORE = 0             # the pageblock that ends at an edge of a range
    EDGE_AFTER = 1              # the one that starts there


cdef inline void get_page_61(zone_t *z, int32_t i) noexcept nogil:
    """One more reference to an allocated block that has fewer than all.  Linux: get_page."""
    refs_array_61(z)[i] += 1
    order_array(z)[i] = PG_MARKED | (order_array(z)[i] & 0x0F)


cdef inline void make_compound_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """The first page's marks are those of the block; all others have none.  Linux: prep_compound_page."""
    cdef int32_t k
    if (order_array(z)[i] & PG_STATE) == PG_MARKED:
        for k in range(order):          # pages 1, 2..3, 4..7 and so on
            lru_forget_61(z, i + (1 << k), k)
    flags_array(z)[i] |= PF_COMPOUND_61
    order_array(z)[i] = PG_MARKED | order


cdef void split_page_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Turn an allocated block into single pages with one reference each; their marks stay.  Linux: split_page."""
    cdef int32_t k
    refs_array_61(z)[i] = 0
    for k in range(i, i + (1 << order)):
        order_array(z)[k] = used_state_61(z, k, 0)


cdef void join_pages_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Turn single pages into one allocated block with one reference: what split_page does, undone."""
    memset(refs_array_61(z) + i, 0, sizeof(uint16_t) << order)
    memset(order_array(z) + i, PG_TAIL, 1 << order)
    order_array(z)[i] = used_state_61(z, i, order)
    if z.off_owner:
        memset(owner_array(z) + i + 1, 0, (sizeof(uint64_t) << order) - sizeof(uint64_t))


cdef void set_lru_61(zone_t *z, int32_t i, int32_t n, int lru) noexcept nogil:
    """Put n pages of allocated blocks on the LRU, or take them off; of a compound block only the first page."""
    cdef int32_t at = i
    cdef int32_t head, end, k
    while at < i + n:
        head = block_head(z, at)
        end = head + (1 << (order_array(z)[head] & 0x0F))
        for k in range(at, min(end, i + n)):
            if k > head and flags_array(z)[head] & PF_COMPOUND_61:
                break
            if lru and not flags_array(z)[k] & PF_LRU:
                lru_add_61(z, k, flags_array(z)[k])
            elif not lru and flags_array(z)[k] & PF_LRU:
                lru_del_61(z, k)
        order_array(z)[head] = used_state_61(z, head, order_array(z)[head] & 0x0F)
        at = end


cdef int32_t capture_end_61(zone_t *z) noexcept nogil:
    """No capture is armed any more; the block that was captured, now allocated, or NO_PAGE."""
    cdef zone_6_1_t *e = only_61(z)
    cdef int32_t i = e.capture_page
    if i != NO_PAGE:
        order_array(z)[i] = PG_USED | e.capture_order
    e.capture_order = e.capture_page = NO_PAGE
    return i


cdef int is_isolated_61(zone_t *z, int32_t start, int32_t end) noexcept nogil:
    """Whether [start, end) is isolated and all free.  Linux: test_pages_isolated."""
    cdef int32_t at = start
    while at < end:
        if at >= z.nr_index or block_type_61(z, at) != iso_61(z):
            return 0
        at += block_pages_61(z)
    at = start
    while at < end:
        if at >= z.nr_index or (order_array(z)[at] & PG_STATE) != PG_FREE:
            return 0
        at += 1 << order_array(z)[at]
    return 1
