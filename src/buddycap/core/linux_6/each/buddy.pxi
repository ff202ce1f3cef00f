# The buddy core since Linux 6.1: give a block back, take one of the right type.
#
# Against 2.6.27: a block that will probably merge soon goes to the tail of its list; from the order of a pageblock on
# only blocks of ordinary types merge across types; an allocation waiting for a block may capture it at each merge.
#
# Kernel: mm/page_alloc.c of 6.1: __free_one_page, buddy_merge_likely, compaction_capture, expand, __rmqueue_smallest.


cdef inline void account_free_61(zone_t *z, int64_t pages, int mt) noexcept nogil:
    """account_61, but nothing for isolated pages."""
    if mt != iso_61(z):
        account_61(z, pages, mt)


cdef inline int captures_61(zone_t *z, int order, int mt) noexcept nogil:
    """Whether the armed capture takes a free block of this order and type.  Linux: compaction_capture."""
    cdef zone_6_1_t *e = only_61(z)
    return (e.capture_order == order and e.capture_page == NO_PAGE and mt <= MT61_HIGHATOMIC
            and not (order < z.pageblock_order and mt == MT61_MOVABLE and not may_break_up_movable_61(z)))


cdef inline int merge_likely_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Whether the block and its buddy, once that is free too, would merge on.  Linux: buddy_merge_likely."""
    cdef int32_t pair = i & ~(1 << order)
    return (order < ORDER_MAX_61 - 1 and order_array(z)[pair ^ (2 << order)] == (PG_FREE | (order + 1))
            and is_linked_61(z, pair))


cdef inline void list_block_61(zone_t *z, int32_t i, int order, int mt, int tail) noexcept nogil:
    """Put a block on a free list and count it."""
    order_array(z)[i] = PG_FREE | order
    if tail:
        list_add_tail(link_array(z), free_list_61(order, mt), i)
    else:
        list_add(link_array(z), free_list_61(order, mt), i)
    z.nr_free[order] += 1


cdef inline void unlist_block_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """Take a free block off its list; it reads as a part of a larger one until its caller says what it is."""
    list_del(link_array(z), i)
    z.nr_free[order] -= 1
    order_array(z)[i] = PG_TAIL


cdef void free_one_page_61(zone_t *z, int32_t i, int order, int mt, int tail) noexcept nogil:
    """Give block (i, order) back as one of type mt and merge it upward.  Linux: __free_one_page.

    tail: to the tail of its list whatever is likely (FPI_TO_TAIL).
    """
    cdef uint8_t *state = order_array(z)
    cdef int first_order = order
    cdef int32_t buddy
    cdef int other
    account_free_61(z, 1 << order, mt)
    state[i] = PG_TAIL
    while order < ORDER_MAX_61:
        if buddycap_rarely(captures_61(z, order, mt)):
            account_61(z, -(<int64_t> 1 << order), mt)
            only_61(z).capture_page = i
            state[i] = PG_CAPTURED | order
            z.vm[VM_BUDDY_MERGE] += order - first_order
            return
        buddy = i ^ (1 << order)
        if state[buddy] != (PG_FREE | order):
            break
        if order >= z.pageblock_order:
            other = block_type_61(z, buddy)
            if other != mt and (other >= ORDINARY_61 or mt >= ORDINARY_61):
                break
        unlist_block_61(z, buddy, order)
        if order >= z.pageblock_order:
            merge_pageblocks_61(z, buddy, order, mt)
        i &= ~(1 << order)
        order += 1
    z.vm[VM_BUDDY_MERGE] += order - first_order
    list_block_61(z, i, order, mt, tail or merge_likely_61(z, i, order))


cdef inline void expand_61(zone_t *z, int32_t i, int low, int high, int mt) noexcept nogil:
    """Keep the lowest 2^low pages of block (i, high); list the rest, largest and topmost piece first."""
    z.vm[VM_BUDDY_SPLIT] += high - low
    while high > low:
        high -= 1
        list_block_61(z, i + (1 << high), high, mt, 0)


cdef inline int32_t smallest_61(zone_t *z, int order, int mt) noexcept nogil:
    """Take the head of the first non-empty list of type mt at or above `order`; NO_PAGE if there is none.

    The block reads as allocated.  Linux: __rmqueue_smallest.
    """
    cdef link_t *link = link_array(z)
    cdef int from_order
    cdef int32_t i, head
    for from_order in range(order, ORDER_MAX_61 + 1):
        head = free_list_61(from_order, mt)
        i = link[head].next
        if i != head:
            list_del(link, i)
            z.nr_free[from_order] -= 1
            expand_61(z, i, order, from_order, mt)
            order_array(z)[i] = PG_USED | order
            note_taken_61(z, 1 << order, mt)
            tell_61(z, EV61_ZONE_LOCKED, i, order, mt, is_pcp_order_61(z, order) and mt < ORDINARY_61)
            return i
    return NO_PAGE
