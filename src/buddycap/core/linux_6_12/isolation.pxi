# How a pageblock of Linux 6.12 changes its type while it is isolated, and what is taken off the lists whole.
#
# Against 6.1: a larger free block is freed in pieces, each by its own type, so none ever reaches over the edge of an
# isolated pageblock; and a pageblock at an end of the zone stays what it is.
#
# Kernel: mm/page_alloc.c of 6.12: move_freepages_block_isolate, __isolate_free_page.


cdef int retype_block_612(zone_t *z, int32_t block, int mt) noexcept nogil:
    """Give a pageblock a type, with its free blocks; 0 at an end of the zone."""
    cdef int32_t head = block_head(z, block)
    cdef uint8_t state = order_array(z)[head]
    cdef int old_mt = block_type_61(z, head)
    if not is_inside_612(z, block):
        return 0
    if (state & PG_STATE) != PG_FREE or state <= z.pageblock_order:
        return move_freepages_block_612(z, block, block_type_61(z, block), mt) >= 0
    unlist_block_612(z, head, state)
    account_free_612(z, -(<int64_t> 1 << state), old_mt)
    set_block_type_61(z, block, mt)
    free_blocks_612(z, head, state, 0)
    return 1


cdef inline void cross_split_612(zone_t *z, int32_t i, int order, int32_t offset) noexcept nogil:
    """A free block reaches over an edge: that happens only if somebody put it on the wrong list, and it stays."""
    pass


cdef int32_t take_free_block_612(zone_t *z, int32_t i) noexcept nogil:
    """Take a free block off the lists whole; its pages, or 0 if the watermark does not allow it.

    The pageblocks of a large one become MOVABLE, with what is free in them.
    """
    cdef int order = order_array(z)[i]
    cdef int mt = block_type_61(z, i)
    cdef int32_t k = i
    if mt != iso_61(z) and not watermark_ok_612(z, 0, z.pages_min + (<int64_t> 1 << order), 0, ALLOC61_CMA):
        return 0
    unlist_block_612(z, i, order)
    account_free_612(z, -(<int64_t> 1 << order), mt)
    order_array(z)[i] = PG_TAKEN_61 | order
    while order >= z.pageblock_order - 1 and k < i + (1 << order) - 1:
        if block_type_61(z, k) < ORDINARY_61:
            move_freepages_block_612(z, k, block_type_61(z, k), MT61_MOVABLE)
        k += block_pages_61(z)
    return 1 << order
