# What whole arrays ask of Linux 6.12 alone: see linux_6/each/bulk.pxi.


cdef int whole_612(zone_t *z, const uint8_t *orders, int order, int64_t n) noexcept nogil:
    """Whether every block of a batch is freed as one: none is larger than a pageblock."""
    cdef int most = order
    cdef int64_t k
    if orders != NULL:
        most = 0
        for k in range(n):
            most = max(most, <int> orders[k])
    return most <= z.pageblock_order


cdef inline int unite_blocks_612(zone_t *z, int32_t i, int order) noexcept nogil:
    """The type of a new block of the order, the last part of which came with page i: all its pageblocks get it."""
    cdef int mt = block_type_61(z, i)
    if order > z.pageblock_order:
        set_block_types_612(z, i & -(1 << order), order, mt)
    return mt


cdef inline int help_out_612(zone_t *z, int order, int mt, int flags, int32_t *i) noexcept nogil:
    """A block that another type helps out with; 0 if there is none."""
    i[0] = rmqueue_buddy_612(z, order, mt, flags)
    return i[0] != NO_PAGE
