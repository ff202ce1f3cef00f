# A pageblock out of bounds for the allocator: MIGRATE_ISOLATE, which no request and no fallback takes from (Kamezawa).
#
#   isolate_pageblock: type := ISOLATE, its free blocks move along -> what is freed in it from now on gathers there
#   rmqueue_fenced: the block it was done for          unisolate_pageblock: old type, what is free moves back
#
# Kernel: mm/page_isolation.c and mm/page_alloc.c of 2.6.27: set_migratetype_isolate, unset_migratetype_isolate.
#
# Deviations: the old type comes back and not always MOVABLE.  Blocks that have grown beyond the pageblock move back
# too; the kernel leaves them on the ISOLATE list.


cdef int isolate_pageblock(zone_t *z, int32_t i) noexcept nogil:
    """Isolate the pageblock of page i: its type until now, or -1 if that cannot be done or has been done already."""
    cdef int32_t pages = 1 << z.pageblock_order
    cdef int32_t start = i & ~(pages - 1)
    cdef int mt = get_pageblock_migratetype(z, i)
    if not z.grouping or mt == MT_ISOLATE or start < z.first or start + pages > z.end:
        return -1
    set_pageblock_migratetype(z, i, MT_ISOLATE)
    move_freepages_block(z, i, MT_ISOLATE)
    return mt


cdef void unisolate_stragglers(zone_t *z) noexcept nogil:
    """Blocks on an ISOLATE list whose own pageblock is not fenced off go where that one's blocks go."""
    cdef link_t *link = link_array(z)
    cdef int order, mt
    cdef int32_t i, next
    for order in range(z.max_page_order + 1):
        i = link[free_list(order, MT_ISOLATE)].next
        while i != free_list(order, MT_ISOLATE):
            next = link[i].next
            mt = get_pageblock_migratetype(z, i)
            if mt != MT_ISOLATE:
                list_del(link, i)
                list_add(link, free_list(order, mt), i)
            i = next


cdef void unisolate_pageblock(zone_t *z, int32_t i, int mt) noexcept nogil:
    """Give the pageblock of page i its type back, unless somebody has set another one in between."""
    if get_pageblock_migratetype(z, i) == MT_ISOLATE:
        set_pageblock_migratetype(z, i, mt)
        move_freepages_block(z, i, mt)
    unisolate_stragglers(z)


cdef int32_t find_fenced(zone_t *z, int32_t start, int from_order) noexcept nogil:
    """A free block of `from_order` that lies in the fenced pageblock at `start`, or covers it."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = free_list(from_order, MT_ISOLATE)
    cdef int32_t i = link[head].next
    while i != head:
        if i < start + (1 << z.pageblock_order) and start < i + (1 << from_order):
            return i
        i = link[i].next
    return NO_PAGE


cdef int32_t rmqueue_fenced(zone_t *z, int32_t page, int order) noexcept nogil:
    """Allocate from the fenced pageblock of `page`, the smallest block that is large enough; or NO_PAGE."""
    cdef int32_t start = page & ~((1 << z.pageblock_order) - 1)
    cdef int from_order
    cdef int32_t i
    for from_order in range(order, z.max_page_order + 1):
        i = find_fenced(z, start, from_order)
        if i != NO_PAGE:
            take_free_block(z, i, order, from_order, free_list(0, MT_ISOLATE), MIGRATE_TYPES)
            z.vm[VM_PGALLOC] += 1 << order
            return i
    return NO_PAGE
