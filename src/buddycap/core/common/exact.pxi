# Parts of blocks and places that the caller names: whether there can be such a block, which pages a range covers, and
# whether all of them may be freed.  Holes of the zone are stepped over: there is nothing to free.


cdef int place_status(const zone_t *z, int64_t pfn, int order) noexcept nogil:
    """ST_OK if (pfn, order) could be a block of the zone, holes or not."""
    if not 0 <= order <= z.max_page_order:
        return ST_ORDER_RANGE
    if pfn < z.start_pfn or pfn > z.start_pfn + z.spanned_pages - (<int64_t> 1 << order):
        return ST_PFN_RANGE
    return ST_UNALIGNED if pfn & ((<int64_t> 1 << order) - 1) else ST_OK


cdef int range_status_of(const zone_t *z, int64_t pfn, int64_t pages) noexcept nogil:
    """ST_OK if the pages lie in the span of the zone."""
    if pages > z.spanned_pages or pfn < z.start_pfn or pfn > z.start_pfn + z.spanned_pages - pages:
        return ST_PFN_RANGE
    return ST_OK


cdef int used_head_status(zone_t *z, int32_t head) noexcept nogil:
    """ST_OK if an allocated block that may be freed starts there."""
    cdef int status = page_status(z, z.base_pfn + head)
    return used_block_status(z, z.base_pfn + head, order_array(z)[head] & 0x0F) if status == ST_OK else status


cdef int free_range_status(zone_t *z, int64_t pfn, int64_t pages) noexcept nogil:
    """Why the pages cannot all be freed, or ST_OK.  Nothing changes.  A range that is all hole cannot."""
    cdef int64_t end = pfn + pages
    cdef int32_t head
    cdef int found = ST_PFN_HOLE
    cdef int status = range_status_of(z, pfn, pages)
    if status != ST_OK:
        return status
    while pfn < end:
        head = block_head(z, <int32_t> (pfn - z.base_pfn))
        status = used_head_status(z, head)
        if status == ST_OK:
            found = ST_OK
        elif status != ST_PFN_HOLE:
            return status
        pfn = z.base_pfn + head + block_pages(z, head)
    return found


cdef int free_range_piece(zone_t *z, int32_t i, int64_t end) noexcept nogil:
    """Order of the next piece, from page i on, of a range up to `end` that free_range_status has passed.

    A block that lies in the range is freed as it is; one that does not is split, and its pages are freed one by one.
    """
    cdef int32_t head = block_head(z, i)
    cdef int order = order_array(z)[head] & 0x0F
    if head == i and i + (<int64_t> 1 << order) <= end:
        return order
    split_used(z, head, order)
    return 0
