# Any number of contiguous pages, and parts of blocks.
#
# Kernel: mm/page_alloc.c of 2.6.27: alloc_pages_exact, free_pages_exact, split_page.  Deviation: the pages go straight
# to the free lists, as after a drain; the kernel frees them through the CPU's list.


cdef int32_t block_head(zone_t *z, int32_t i) noexcept nogil:
    """First index of the block that holds page i; i itself for a hole."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t head = i
    cdef int order = 0
    while state[head] == PG_TAIL and order < MAX_ORDERS:
        head = i & ~((1 << order) - 1)
        order += 1
    return head


cdef int32_t block_pages(zone_t *z, int32_t head) noexcept nogil:
    """Pages of the block that starts there; a hole and a page on a per-CPU list are one page."""
    cdef uint8_t state = order_array(z)[head]
    return 1 if (state & PG_STATE) >= PG_SEEN or (state & PG_STATE) == PG_PCP else 1 << (state & 0x0F)


cdef void split_used(zone_t *z, int32_t i, int order) noexcept nogil:
    """split_page that gives each page the cookie of the block."""
    cdef int32_t k
    split_page(z, i, order)
    if z.off_owner:
        for k in range(i + 1, i + (1 << order)):
            owner_array(z)[k] = owner_array(z)[i]


cdef int32_t alloc_pages_exact(zone_t *z, int64_t pages, int mt) noexcept nogil:
    """Index of `pages` contiguous single pages, 1 <= pages <= 2^max_page_order; or NO_PAGE."""
    cdef int order = 0
    cdef int32_t i, k
    while (<int64_t> 1 << order) < pages:
        order += 1
    i = rmqueue_zone(z, order, mt)
    if i != NO_PAGE:
        split_page(z, i, order)
        for k in range(i + <int32_t> pages, i + (1 << order)):
            free_pages_ok(z, k, 0)
    return i


cdef int used_head_status(zone_t *z, int32_t head) noexcept nogil:
    """ST_OK if an allocated block that may be freed starts there."""
    cdef int status = page_status(z, z.base_pfn + head)
    return used_block_status(z, z.base_pfn + head, order_array(z)[head] & 0x0F) if status == ST_OK else status


cdef int free_range_status(zone_t *z, int64_t pfn, int64_t pages) noexcept nogil:
    """Why the pages cannot all be freed, or ST_OK.  Nothing changes."""
    cdef int64_t end
    cdef int32_t head
    cdef int status
    if pages > z.spanned_pages or pfn < z.start_pfn or pfn > z.start_pfn + z.spanned_pages - pages:
        return ST_PFN_RANGE
    end = pfn + pages
    while pfn < end:
        head = block_head(z, <int32_t> (pfn - z.base_pfn))
        status = used_head_status(z, head)
        if status != ST_OK:
            return status
        pfn = z.base_pfn + head + block_pages(z, head)
    return ST_OK


cdef void free_range(zone_t *z, int32_t i, int64_t pages) noexcept nogil:
    """Free pages that free_range_status has passed: whole blocks as they are, others page by page."""
    cdef int32_t end = <int32_t> (i + pages)
    cdef int32_t head, after
    while i < end:
        head = block_head(z, i)
        after = head + block_pages(z, head)
        if head == i and after <= end:
            free_pages_ok(z, i, order_array(z)[i] & 0x0F)
        else:
            split_used(z, head, order_array(z)[head] & 0x0F)
            while i < min(after, end):
                free_pages_ok(z, i, 0)
                i += 1
        i = min(after, end)
