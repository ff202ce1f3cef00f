# The core's C entry points: what a program without Python links.  Thin names over the parts above; every argument
# is checked here, since there is no facade in front.  A zone is an opaque block of zeroed memory that the caller owns.


cdef public uint64_t bc_zone_bytes(const zone_config_t *config) noexcept nogil:
    """Bytes of memory that a zone needs, or 0 if there can be no such zone."""
    return zone_bytes(config)


cdef public int bc_zone_init(zone_t *z, const zone_config_t *config) noexcept nogil:
    """Start a zone without holes in bc_zone_bytes() of zeroed memory, all pages free.  0, or a status."""
    if zone_bytes(config) == 0:
        return ST_PFN_RANGE
    zone_init(z, config)
    zone_add_range(z, config.start_pfn, config.start_pfn + config.spanned_pages, 1)
    zone_finish(z, config)
    return ST_OK


cdef public int64_t bc_alloc(zone_t *z, int order, int mt) noexcept nogil:
    """PFN of a block of 2^order pages, or -1 (also for an order or a type out of range)."""
    cdef int32_t i
    if <unsigned int> order > <unsigned int> z.max_page_order or <unsigned int> mt > MT_MOVABLE:
        return NO_PAGE
    i = rmqueue_zone(z, order, mt)
    return NO_PAGE if i == NO_PAGE else z.base_pfn + i


cdef public int bc_free(zone_t *z, int64_t pfn, int order) noexcept nogil:
    """Free a block.  0, or the status that says why it cannot be freed; then nothing has changed."""
    cdef int status = used_block_status(z, pfn, order)
    if status == ST_OK:
        free_pages_ok(z, <int32_t> (pfn - z.base_pfn), order)
    return status


cdef public int bc_capture_open(zone_t *z) noexcept nogil:
    """Number of a new capture list, or -1."""
    return slot_open(z, SLOT_CAPTURE)


cdef int slot_is_capture(zone_t *z, int list) noexcept nogil:
    return 0 <= list < z.slots_used and zone_slot(z, list).kind == SLOT_CAPTURE


cdef public int bc_capture_page(zone_t *z, int list, int64_t pfn, int order) noexcept nogil:
    """Put an allocated block on a capture list instead of freeing it.  0, or a status."""
    cdef int status = used_block_status(z, pfn, order)
    if not slot_is_capture(z, list):
        return ST_LIST_CLOSED
    if status == ST_OK:
        capture_one_page(z, list, <int32_t> (pfn - z.base_pfn), order)
    return status


cdef public int64_t bc_capture_take(zone_t *z, int list, int order, int classzone_idx, int alloc_flags) noexcept nogil:
    """Take a block of `order` from the list and give the rest back; -1 if there is none or the marks forbid it."""
    cdef int32_t i
    if not slot_is_capture(z, list) or <unsigned int> order > <unsigned int> z.max_page_order:
        return NO_PAGE
    if <unsigned int> classzone_idx >= MAX_NR_ZONES:
        return NO_PAGE
    i = capture_alloc_or_return(z, list, order, classzone_idx, alloc_flags)
    return NO_PAGE if i == NO_PAGE else z.base_pfn + i


cdef public int bc_capture_close(zone_t *z, int list) noexcept nogil:
    """Give everything on the list back and close it.  0, or a status."""
    if not slot_is_capture(z, list):
        return ST_LIST_CLOSED
    capture_release(z, list)
    return ST_OK


cdef public int bc_check(zone_t *z) noexcept nogil:
    """0, or the number of the first invariant that does not hold (see check.pxi)."""
    cdef violation_t v
    if zone_header_ok(z, &v) and zone_check(z, &v):
        return 0
    return v.invariant


cdef public void bc_digest(zone_t *z, uint64_t *digest) noexcept nogil:
    """128 bits over the whole state, the same that Zone.digest() prints in hexadecimal."""
    zone_digest(z, digest)
