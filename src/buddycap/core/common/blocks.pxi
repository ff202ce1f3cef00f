# Blocks of 2^order pages: which one holds a page, cutting one up, taking one off a free list, moving it to another.
#
# The free lists of one migratetype are named by `lists`, the head of the one of order 0, and by `types`, the number of
# types of the kernel: the head of order o lies o * types before it.  Both are constants where they are used, so this
# costs nothing.
#
# Kernel: mm/page_alloc.c: expand, __rmqueue_smallest, move_freepages; break_down_buddy_pages of later kernels.


ctypedef struct tally_t:        # counted on the way and settled once: a stream of operations keeps it in registers
    int64_t taken               # pages allocated
    int64_t freed               # pages given back
    int64_t splits              # halvings of a block
    int64_t merges              # unions of two buddies


cdef inline void tally_settle(zone_t *z, const tally_t *t) noexcept nogil:
    z.nr_free_pages += t.freed - t.taken
    z.vm[VM_BUDDY_SPLIT] += t.splits
    z.vm[VM_BUDDY_MERGE] += t.merges


cdef int32_t block_head(zone_t *z, int32_t i) noexcept nogil:
    """First index of the block that holds page i; i itself for a hole."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t head = i
    cdef int order = 0
    while state[head] == PG_TAIL and order < MAX_ORDERS:
        head = i & ~((1 << order) - 1)
        order += 1
    return head


cdef int32_t block_pages(zone_t *z, int32_t head) noexcept nogil:
    """Pages of the block that starts there; a hole and a page on a per-CPU list are one page."""
    cdef uint8_t state = order_array(z)[head]
    return 1 if (state & PG_STATE) >= PG_SEEN or (state & PG_STATE) == PG_PCP else 1 << (state & 0x0F)


cdef void split_used(zone_t *z, int32_t i, int order) noexcept nogil:
    """split_page that gives each page the cookie of the block."""
    cdef int32_t k
    split_page(z, i, order)
    if z.off_owner:
        for k in range(i + 1, i + (1 << order)):
            owner_array(z)[k] = owner_array(z)[i]


cdef inline void expand(zone_t *z, int32_t i, int low, int high, int32_t lists, int types) noexcept nogil:
    """Keep the lowest 2^low pages of block (i, high), in limbo; list the rest, largest and topmost piece first."""
    cdef uint8_t *state = order_array(z)
    cdef link_t *link = link_array(z)
    cdef int32_t piece
    z.vm[VM_BUDDY_SPLIT] += high - low
    while high > low:
        high -= 1
        piece = i + (1 << high)
        list_add(link, lists - high * types, piece)
        z.nr_free[high] += 1
        state[piece] = PG_FREE | high


cdef inline void take_free_block(zone_t *z, int32_t i, int order, int from_order, int32_t lists,
                                 int types) noexcept nogil:
    """Unlink free block (i, from_order) and cut it to an allocated one of `order`; what is left goes on `lists`."""
    list_del(link_array(z), i)
    z.nr_free[from_order] -= 1
    z.nr_free_pages -= 1 << order
    expand(z, i, order, from_order, lists, types)
    order_array(z)[i] = PG_USED | order


cdef inline int32_t rmqueue_smallest(zone_t *z, int order, int32_t lists, int types, tally_t *t) noexcept nogil:
    """Take the head of the first non-empty list of a type at or above `order`.  Linux: __rmqueue_smallest.

    The lists between the two orders are empty, so that each piece that is cut off stands alone on its list.
    """
    cdef uint8_t *state = order_array(z)
    cdef link_t *link = link_array(z)
    cdef int max_page_order = z.max_page_order
    cdef int high = order
    cdef int32_t head = lists - order * types
    cdef int32_t i = link[head].next
    cdef int32_t piece
    while i == head:
        high += 1
        if high > max_page_order:
            return NO_PAGE
        head -= types
        i = link[head].next
    list_del(link, i)
    z.nr_free[high] -= 1
    t.taken += 1 << order
    t.splits += high - order
    while high > order:
        high -= 1
        head += types
        piece = i + (1 << high)
        list_insert(link, piece, head, head)
        z.nr_free[high] += 1
        state[piece] = PG_FREE | high
    state[i] = PG_USED | order
    return i


cdef int32_t free_block_around(zone_t *z, int32_t i, int order) noexcept nogil:
    """First index of the free block that block (i, order) is a part of, or the whole; NO_PAGE if there is none."""
    cdef int32_t head = block_head(z, i)
    cdef uint8_t state = order_array(z)[head]
    return head if (state & PG_STATE) == PG_FREE and state >= order else NO_PAGE


cdef void take_part(zone_t *z, int32_t head, int32_t i, int order, int32_t lists, int types) noexcept nogil:
    """Unlink the free block that starts at `head` and keep (i, order) of it, allocated; the rest goes on `lists`.

    Largest piece first, whichever side of the block it lies on.  Linux: break_down_buddy_pages.
    """
    cdef uint8_t *state = order_array(z)
    cdef link_t *link = link_array(z)
    cdef int high = state[head]
    cdef int32_t piece
    list_del(link, head)
    z.nr_free[high] -= 1
    z.nr_free_pages -= 1 << order
    z.vm[VM_BUDDY_SPLIT] += high - order
    z.vm[VM_PGALLOC] += 1 << order
    state[head] = PG_TAIL
    while high > order:
        high -= 1
        piece = head + (1 << high) if i < head + (1 << high) else head
        head = i & ~((1 << high) - 1)
        list_add(link, lists - high * types, piece)
        z.nr_free[high] += 1
        state[piece] = PG_FREE | high
    state[i] = PG_USED | order


cdef inline int32_t move_freepages(zone_t *z, int32_t start, int32_t last, int32_t lists, int types,
                                   int at_tail) noexcept nogil:
    """Move the free blocks that start in [start, last] to the heads (or tails) of other lists; pages moved.

    A block is moved and counted whole, even where it reaches beyond `last`.
    """
    cdef uint8_t *state = order_array(z)
    cdef link_t *link = link_array(z)
    cdef int32_t i = start
    cdef int32_t moved = 0
    while i <= last:
        if (state[i] & PG_STATE) != PG_FREE:
            i += 1
            continue
        list_del(link, i)
        if at_tail:
            list_add_tail(link, lists - state[i] * types, i)
        else:
            list_add(link, lists - state[i] * types, i)
        moved += 1 << state[i]
        i += 1 << state[i]
    return moved
