# Frees and captures of whole arrays, with exactly the result of single calls in the same order: see common/batch.pxi.
#
# Step 4, list: from the end of the batch backward, the first page met of a new block is the one that completed it, and
# the blocks met so are in the order in which they stand on their lists, newest first.
#
# A free that meets a captured buddy is diverted to a capture list, which depends on when it comes.  Regions that hold
# captured blocks are therefore left to single frees, and the batch is then gone through forward (`list_and_divert`).
# A capture takes free and captured buddies alike and needs no such care.


cdef void list_free(zone_t *z, const bulk_t *b, const int64_t *pfns, int64_t n) noexcept nogil:
    """Put the new blocks on the free lists: behind each other from the heads on, since the newest is met first."""
    cdef link_t *link = link_array(z)
    cdef int32_t last[MAX_ORDERS * MIGRATE_TYPES]
    cdef int64_t left = b.new_blocks
    cdef int64_t k = n - 1
    cdef int32_t i
    cdef int order, list
    for list in range(MAX_ORDERS * MIGRATE_TYPES):
        last[list] = free_list(0, list)
    while left:
        if k >= LIST_AHEAD:
            buddycap_prefetch(order_array(z) + (pfns[k - LIST_AHEAD] - z.base_pfn))
            buddycap_prefetch(link + (pfns[k - LIST_AHEAD] - z.base_pfn))
        i = <int32_t> (pfns[k] - z.base_pfn)
        k -= 1
        order = new_block_order(z, i)
        if order < 0:
            continue
        list = order * MIGRATE_TYPES + get_pageblock_migratetype(z, i)
        i &= -(1 << order)
        finish_new(z, i, order, PG_FREE)
        list_insert(link, i, last[list], link[last[list]].next)
        last[list] = i
        left -= 1
    zone_work(z).entries += n - 1 - k


cdef void list_captured(zone_t *z, const bulk_t *b, const int64_t *pfns, int64_t n) noexcept nogil:
    """Put the new blocks on the capture list, newest first."""
    cdef link_t *link = link_array(z)
    cdef slot_t *list = zone_slot(z, b.slot)
    cdef int32_t last = slot_list(z, b.slot)
    cdef int64_t left = b.new_blocks
    cdef int64_t k = n - 1
    cdef int32_t i
    cdef int order
    while left:
        i = <int32_t> (pfns[k] - z.base_pfn)
        k -= 1
        order = new_block_order(z, i)
        if order < 0:
            continue
        i &= -(1 << order)
        finish_new(z, i, order, PG_CAPTURED)
        flags_array(z)[i] = b.slot
        list.largest = max(list.largest, <uint8_t> order)
        list_insert(link, i, last, link[last].next)
        last = i
        left -= 1
    zone_work(z).entries += n - 1 - k


cdef void list_and_divert(zone_t *z, const bulk_t *b, const int64_t *pfns, int64_t n) noexcept nogil:
    """Put the new blocks on the free lists, and free one by one what meets captured blocks, each in its turn.

    The scratch, clear by now, notes which positions of the batch complete a block.
    """
    cdef link_t *link = link_array(z)
    cdef uint8_t *state = order_array(z)
    cdef uint64_t *completes = b.bits
    cdef int64_t k
    cdef int32_t i, block
    cdef int order
    for k in range(n - 1, -1, -1):
        i = <int32_t> (pfns[k] - z.base_pfn)
        order = new_block_order(z, i)
        if order >= 0:
            finish_new(z, i & -(1 << order), order, PG_FREE)
            completes[k >> 6] |= <uint64_t> 1 << (k & 63)
    for k in range(n):
        i = <int32_t> (pfns[k] - z.base_pfn)
        if completes[k >> 6] >> (k & 63) & 1:
            block = enclosing_free(z, i)
            list_add(link, free_list(state[block], get_pageblock_migratetype(z, i)), block)
        elif (state[i] & PG_STATE) == PG_USED or (state[i] & PG_STATE) == PG_MARKED:
            free_pages_ok_27(z, i, state[i] & 0x0F)
            zone_work(z).singles += 1
    zone_work(z).entries += 2 * n
    memset(completes, 0, ((n + 63) >> 6) * sizeof(uint64_t))


cdef int free_many_27(zone_t *z, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                      int64_t *offender) noexcept nogil:
    """Free n blocks in order, all or none; ST_OK or why not.  O(n + pages of the span covered / 64)."""
    cdef bulk_t b
    cdef int64_t k
    cdef int status
    b.slot = NO_PAGE
    if bulk_admit(z, &b, pfns, n, orders, order):
        bulk_coalesce(z, &b, pfns, n)
        z.nr_free_pages += b.pages
        z.vm[VM_PGFREE] += b.pages
        z.all_unreclaimable = 0
        z.pages_scanned = 0
        if b.diverted:
            list_and_divert(z, &b, pfns, n)
        else:
            list_free(z, &b, pfns, n)
        return ST_OK
    status = free_many_status(z, pfns, n, orders, order, offender)
    if status != ST_OK:
        return status
    zone_work(z).singles += n
    for k in range(n):
        if k + PREFETCH_BLOCKS < n:
            buddycap_prefetch(order_array(z) + (pfns[k + PREFETCH_BLOCKS] - z.base_pfn))
            buddycap_prefetch(link_array(z) + (pfns[k + PREFETCH_BLOCKS] - z.base_pfn))
        free_pages_ok_27(z, <int32_t> (pfns[k] - z.base_pfn), order if orders == NULL else orders[k])
    return ST_OK


cdef int capture_many(zone_t *z, int32_t slot, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                      int64_t *offender) noexcept nogil:
    """Capture n blocks in order, all or none; ST_OK or why not.  O(n + pages of the span covered / 64).

    A list with rules of its own takes them one by one.
    """
    cdef slot_t *list = zone_slot(z, slot)
    cdef bulk_t b
    cdef int64_t k
    cdef int status
    b.slot = slot
    if not list.rules and bulk_admit(z, &b, pfns, n, orders, order):
        bulk_coalesce(z, &b, pfns, n)
        z.nr_free_pages -= b.swallowed
        z.vm[VM_CAPTURE_OWN] += b.pages
        z.vm[VM_CAPTURE_MERGED] += b.swallowed
        list.own += b.pages
        list.merged += b.swallowed
        list_captured(z, &b, pfns, n)
        return ST_OK
    status = free_many_status(z, pfns, n, orders, order, offender)
    if status != ST_OK:
        return status
    zone_work(z).singles += n
    for k in range(n):
        capture_one_page(z, slot, <int32_t> (pfns[k] - z.base_pfn), order if orders == NULL else orders[k])
    return ST_OK
