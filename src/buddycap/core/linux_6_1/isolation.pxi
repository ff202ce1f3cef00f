# How a pageblock of Linux 6.1 changes its type while it is isolated, and what is taken off the lists whole.
#
# Kernel: mm/page_isolation.c of 6.1: split_free_page; mm/page_alloc.c: __isolate_free_page.


cdef void cross_split_61(zone_t *z, int32_t i, int order, int32_t offset) noexcept nogil:
    """Cut free block (i, order) at i + offset and free the pieces anew.  Linux: split_free_page."""
    cdef int32_t end = i + (1 << order)
    cdef int32_t at = i
    cdef int piece
    account_free_61(z, -(<int64_t> 1 << order), block_type_61(z, i))
    unlist_block_61(z, i, order)
    while at < end:
        piece = 0
        while not at & (1 << piece) and 2 << piece <= offset:
            piece += 1
        free_one_page_61(z, at, piece, block_type_61(z, at), 0)
        at += 1 << piece
        offset -= 1 << piece
        if offset == 0:
            offset = end - at


cdef int32_t take_free_block_61(zone_t *z, int32_t i) noexcept nogil:
    """Take a free block off the lists whole; its pages, or 0 if the watermark does not allow it.

    The pageblocks of a large one become MOVABLE.  Linux: __isolate_free_page.
    """
    cdef int order = order_array(z)[i]
    cdef int mt = block_type_61(z, i)
    cdef int32_t k
    if mt != iso_61(z):
        if not watermark_ok_61(z, 0, z.pages_min + (<int64_t> 1 << order), 0, ALLOC61_CMA):
            return 0
        account_61(z, -(<int64_t> 1 << order), mt)
    unlist_block_61(z, i, order)
    order_array(z)[i] = PG_TAKEN_61 | order
    if order >= z.pageblock_order - 1:
        k = i
        while k < i + (1 << order) - 1:
            if block_type_61(z, k) < ORDINARY_61:
                set_block_type_61(z, k, MT61_MOVABLE)
            k += block_pages_61(z)
    return 1 << order


cdef int retype_block_61(zone_t *z, int32_t block, int mt) noexcept nogil:
    """Give a pageblock a type, with its free blocks, which are counted; 1, since that can always be."""
    cdef int old_mt = block_type_61(z, block)
    cdef int32_t movable
    cdef int32_t moved = move_freepages_block_61(z, block, mt, &movable)
    account_free_61(z, -<int64_t> moved, old_mt)
    account_free_61(z, moved, mt)
    set_block_type_61(z, block, mt)
    return 1
