# What whole arrays ask of Linux 6.1 alone: see linux_6/each/bulk.pxi.


cdef inline int whole_61(zone_t *z, const uint8_t *orders, int order, int64_t n) noexcept nogil:
    """Whether every block of a batch is freed as one: any is."""
    return 1


cdef inline int unite_blocks_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """The type of a new block of the order, the last part of which came with page i."""
    return block_type_61(z, i)


cdef inline int help_out_61(zone_t *z, int order, int mt, int flags, int32_t *i) noexcept nogil:
    """Other types' blocks come to the lists of mt, from which the next one is taken; 0 if there are none."""
    i[0] = NO_PAGE
    return rmqueue_fallback_61(z, order, mt, flags)
