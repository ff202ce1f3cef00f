# Take a block of 2.6.27: from the lists of its type, else from another type's; one, a whole array, any number of pages.
#
# Two functions of the kernel have nearly one name.  __rmqueue is buddy_alloc here; rmqueue_zone is buffered_rmqueue for
# orders above 0.
#
# Kernel: mm/page_alloc.c of 2.6.27: __rmqueue, __rmqueue_fallback, alloc_pages_exact, free_pages_exact.  Deviation:
# exact pages go straight to the free lists, as after a drain; the kernel frees them through the CPU's list.


cdef inline int fallback_type(int start_mt, int nth) noexcept nogil:
    """The first or second migratetype to steal from.  RESERVE comes last and is handled by the caller."""
    if nth == 0:
        return MT_UNMOVABLE if start_mt == MT_RECLAIMABLE else MT_RECLAIMABLE
    return MT_UNMOVABLE if start_mt == MT_MOVABLE else MT_MOVABLE


cdef int32_t steal_block(zone_t *z, int32_t i, int order, int from_order, int start_mt, int mt) noexcept nogil:
    """Take the foreign free block (i, from_order) of type mt for a request of start_mt, claiming what pays."""
    if from_order >= (z.pageblock_order >> 1) or start_mt == MT_RECLAIMABLE:
        if move_freepages_block(z, i, start_mt) >= (1 << z.pageblock_order) >> 1:
            set_pageblock_migratetype(z, i, start_mt)
        mt = start_mt           # also when the move was refused
    if from_order == z.pageblock_order:
        set_pageblock_migratetype(z, i, start_mt)
    take_free_block(z, i, order, from_order, free_list(0, mt), MIGRATE_TYPES)
    return i


cdef int32_t rmqueue_fallback(zone_t *z, int order, int start_mt) noexcept nogil:
    """Take from another type, the largest block first; in the end from the reserve.  Linux: __rmqueue_fallback."""
    cdef link_t *link = link_array(z)
    cdef tally_t t = tally_t(0, 0, 0, 0)
    cdef int from_order, nth, mt
    cdef int32_t i
    for from_order in range(z.max_page_order, order - 1, -1):
        if z.nr_free[from_order] == 0:
            continue
        for nth in range(2):
            mt = fallback_type(start_mt, nth)
            i = link[free_list(from_order, mt)].next
            if i != free_list(from_order, mt):
                return steal_block(z, i, order, from_order, start_mt, mt)
    i = rmqueue_smallest(z, order, free_list(0, MT_RESERVE), MIGRATE_TYPES, &t)
    tally_settle(z, &t)
    return i


cdef int32_t buddy_alloc(zone_t *z, int order, int mt) noexcept nogil:
    """Index of an allocated block of `order` for a request of type mt, or NO_PAGE.  Linux: __rmqueue."""
    cdef tally_t t = tally_t(0, 0, 0, 0)
    cdef int32_t i = rmqueue_smallest(z, order, free_list(0, mt), MIGRATE_TYPES, &t)
    if i == NO_PAGE:
        return rmqueue_fallback(z, order, mt)
    tally_settle(z, &t)
    return i


cdef inline int32_t rmqueue_zone_27(zone_t *z, int order, int mt) noexcept nogil:
    """Allocate straight from the zone's lists.  Linux: buffered_rmqueue for order > 0."""
    cdef int32_t i = buddy_alloc(z, order, request_type(z, mt))
    if i != NO_PAGE:
        z.vm[VM_PGALLOC] += 1 << order
    return i


# --- whole arrays -----------------------------------------------------------------------------------------------

cdef int64_t alloc_many_27(zone_t *z, pfns_t out, int64_t n, int order, int mt) noexcept nogil:
    """Allocate n blocks; how many were had.  The rest of `out` is filled with NO_PAGE.  O(n).

    A fallback takes one block; what it has moved to the lists of the type comes next.
    """
    cdef int64_t k = 0
    cdef int64_t m
    cdef int32_t i
    mt = request_type(z, mt)
    while k < n:
        k += cut_lists(z, order, free_list(0, mt), MIGRATE_TYPES, pfns_after(out, k), n - k)
        if k == n:
            break
        i = rmqueue_fallback(z, order, mt)
        if i == NO_PAGE:
            break
        put_pfn(out, k, z.base_pfn + i)
        k += 1
        zone_work(z).fallbacks += 1
    z.vm[VM_PGALLOC] += k << order
    for m in range(k, n):
        put_pfn(out, m, NO_PAGE)
    return k


# --- a place that the caller names ------------------------------------------------------------------------------

cdef int alloc_at_27(zone_t *z, int32_t i, int order) noexcept nogil:
    """Allocate block (i, order), which lies in the zone: 1, or 0 if it is not all in one free block.

    Nobody takes from pageblocks that are out of bounds.  The list of what is left is that of the pageblock.
    """
    cdef int32_t head = free_block_around(z, i, order)
    cdef int mt
    if head == NO_PAGE:
        return 0
    mt = get_pageblock_migratetype(z, head)
    if mt == MT_ISOLATE or get_pageblock_migratetype(z, i) == MT_ISOLATE:
        return 0
    take_part(z, head, i, order, free_list(0, mt), MIGRATE_TYPES)
    return 1


# --- any number of pages ----------------------------------------------------------------------------------------

cdef int32_t alloc_pages_exact_27(zone_t *z, int64_t pages, int mt) noexcept nogil:
    """Index of `pages` contiguous single pages, 1 <= pages <= 2^max_page_order; or NO_PAGE."""
    cdef int order = 0
    cdef int32_t i, k
    while (<int64_t> 1 << order) < pages:
        order += 1
    i = rmqueue_zone_27(z, order, mt)
    if i != NO_PAGE:
        split_page(z, i, order)
        for k in range(i + <int32_t> pages, i + (1 << order)):
            free_pages_ok_27(z, k, 0)
    return i


cdef void free_range_27(zone_t *z, int32_t i, int64_t pages) noexcept nogil:
    """Free pages that free_range_status has passed: whole blocks as they are, others page by page."""
    cdef int64_t end = i + pages
    cdef int order
    while i < end:
        if order_array(z)[i] == PG_HOLE:
            i += 1
            continue
        order = free_range_piece(z, i, end)
        free_pages_ok_27(z, i, order)
        i += 1 << order
