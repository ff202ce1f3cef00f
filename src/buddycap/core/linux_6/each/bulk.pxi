# Whole arrays straight to and from the free lists since Linux 6.1, with exactly the result of single calls: see
# common/batch.pxi and common/cut.pxi.
#
# Where a block is put depends on the moment when its last page arrives: to the tail if the block it would merge with
# next is free by then.  Step 4 goes backward through the batch, so a neighbour that is new and listed already came
# later and was not free yet (a bit in the scratch tells); one that is new and not listed came earlier; one that was
# free before still is, because it could only have merged with the block that ours is half of.
#
# Batches are done one by one if somebody watches (events, a capture) or if blocks of the order of a pageblock may have
# to stay apart (a type that is not ordinary).


cdef int only_ordinary_61(zone_t *z) noexcept nogil:
    """Whether all pageblocks have ordinary types, between which everything merges."""
    cdef uint8_t most = 0
    cdef int32_t k
    for k in range(z.nr_pageblocks):
        most = max(most, pageblock_array(z)[k])
    return most < ORDINARY_61


cdef inline int came_earlier_61(zone_t *z, const bulk_t *b, int32_t i, int order) noexcept nogil:
    """Whether a free block (i, order) was there when the block at hand was completed."""
    if order_array(z)[i] == (PG_FREE | order):
        return not b.bits[i >> 6] >> (i & 63) & 1
    return order_array(z)[i] == (PG_NEW | order)


cdef void list_free_61(zone_t *z, const bulk_t *b, const int64_t *pfns, int64_t n) noexcept nogil:
    """Put the new blocks on the free lists, newest first: from both ends of each list inward."""
    cdef link_t *link = link_array(z)
    cdef int32_t front[(ORDER_MAX_61 + 1) * TYPES_61]
    cdef int32_t back[(ORDER_MAX_61 + 1) * TYPES_61]
    cdef int64_t left = b.new_blocks
    cdef int64_t k = n - 1
    cdef int32_t i, pair
    cdef int order, list
    for list in range((ORDER_MAX_61 + 1) * TYPES_61):
        front[list] = back[list] = free_list_61(0, list)
    while left:
        if k >= LIST_AHEAD:
            buddycap_prefetch(order_array(z) + (pfns[k - LIST_AHEAD] - z.base_pfn))
            buddycap_prefetch(link + (pfns[k - LIST_AHEAD] - z.base_pfn))
        i = <int32_t> (pfns[k] - z.base_pfn)
        k -= 1
        order = new_block_order(z, i)
        if order < 0:
            continue
        list = order * TYPES_61 + unite_blocks_61(z, i, order)
        i &= -(1 << order)
        finish_new(z, i, order, PG_FREE)
        b.bits[i >> 6] |= <uint64_t> 1 << (i & 63)
        pair = i & ~(1 << order)
        if (order < ORDER_MAX_61 - 1 and came_earlier_61(z, b, pair ^ (2 << order), order + 1)
                and is_linked_61(z, pair)):
            list_insert(link, i, link[back[list]].prev, back[list])
            back[list] = i
        else:
            list_insert(link, i, front[list], link[front[list]].next)
            front[list] = i
        left -= 1
    zone_work(z).entries += n - 1 - k


cdef int free_many_61(zone_t *z, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                      int64_t *offender) noexcept nogil:
    """Free n blocks in order, all or none; ST_OK or why not.  O(n + pages of the span covered / 64)."""
    cdef zone_6_1_t *e = only_61(z)
    cdef bulk_t b
    cdef int64_t k
    cdef int status
    b.slot = NO_PAGE
    if (tape_61(z)[0] == NULL and e.capture_order < 0 and only_ordinary_61(z) and whole_61(z, orders, order, n)
            and bulk_admit(z, &b, pfns, n, orders, order)):
        if not b.marked:
            bulk_coalesce(z, &b, pfns, n)
            z.nr_free_pages += b.pages
            z.vm[VM_PGFREE] += b.pages
            e.events[EV61_FREE] += n
            list_free_61(z, &b, pfns, n)
            bulk_forget(&b)
            return ST_OK
        bulk_forget(&b)
    status = used_list_status_61(z, pfns, n, orders, order, offender)
    if status != ST_OK:
        return status
    zone_work(z).singles += n
    for k in range(n):
        if k + PREFETCH_BLOCKS < n:
            buddycap_prefetch(order_array(z) + (pfns[k + PREFETCH_BLOCKS] - z.base_pfn))
            buddycap_prefetch(link_array(z) + (pfns[k + PREFETCH_BLOCKS] - z.base_pfn))
        free_pages_ok_61(z, <int32_t> (pfns[k] - z.base_pfn), order if orders == NULL else orders[k])
    return ST_OK


cdef void free_range_61(zone_t *z, int32_t i, int64_t pages) noexcept nogil:
    """Free pages that free_range_status_61 has passed, straight to the free lists.

    A block that lies in the range is freed as it is; one that does not is split, and its pages are freed one by one.
    """
    cdef int64_t end = i + pages
    cdef int32_t head, k
    cdef int order
    while i < end:
        if order_array(z)[i] == PG_HOLE:
            i += 1
            continue
        head = block_head(z, i)
        order = order_array(z)[head] & 0x0F
        if head < i or i + (<int64_t> 1 << order) > end:
            split_page_61(z, head, order)
            if z.off_owner:
                for k in range(head + 1, head + (1 << order)):
                    owner_array(z)[k] = owner_array(z)[head]
            order = 0
        free_pages_ok_61(z, i, order)
        i += 1 << order


cdef int64_t alloc_some_61(zone_t *z, pfns_t out, int64_t n, int order, int mt, int flags) noexcept nogil:
    """alloc_many_61 one by one."""
    cdef int64_t k = 0
    cdef int32_t i
    while k < n:
        i = rmqueue_buddy_61(z, order, mt, flags)
        if i == NO_PAGE:
            break
        put_pfn(out, k, z.base_pfn + i)
        k += 1
    return k


cdef int64_t alloc_many_61(zone_t *z, pfns_t out, int64_t n, int order, int mt, int flags) noexcept nogil:
    """Allocate n blocks from the free lists; how many were had.  The rest of `out` is filled with NO_PAGE.  O(n)."""
    cdef int64_t k = 0
    cdef int64_t cut = 0
    cdef int64_t m
    cdef int32_t i
    mt = request_type_61(z, mt)
    if tape_61(z)[0] != NULL or flags & (ALLOC61_CMA | ALLOC61_HIGHATOMIC | ALLOC61_OOM | ALLOC61_NON_BLOCK):
        k = alloc_some_61(z, out, n, order, mt, flags)
    else:
        while k < n:
            m = cut_lists(z, order, free_list_61(0, mt), TYPES_61, pfns_after(out, k), n - k)
            cut += m
            k += m
            if k == n or not help_out_61(z, order, mt, flags, &i):
                break
            zone_work(z).fallbacks += 1
            if i != NO_PAGE:
                put_pfn(out, k, z.base_pfn + i)
                k += 1
        z.vm[VM_PGALLOC] += cut << order
        only_61(z).events[EV61_ZONE_LOCKED] += cut
    for m in range(k, n):
        put_pfn(out, m, NO_PAGE)
    return k
