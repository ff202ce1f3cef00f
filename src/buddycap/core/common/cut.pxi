# Allocations of whole arrays, with exactly the result of single calls.
#
# A request takes the head of the first list that is not empty, so the lists below it are: the next requests get what
# was cut off, pages ascending, until the block is used up.  So a block is cut at once, and only what is left of the
# last one is listed.  A long list of which most will be used up is walked in many places at once: see chains.pxi.

cdef enum:
    CUT_WHOLE = 6               # larger cuts are far apart: the misses between them do not matter
    CHAINS_WORTH = 2            # a list is walked in chains if a part of it that is not smaller is to be used up


ctypedef struct pfns_t:         # where PFNs are put: an array of int64, or of int32
    int64_t *wide
    int32_t *narrow             # NULL: it is `wide`


cdef inline pfns_t pfns_after(pfns_t out, int64_t k) noexcept nogil:
    """The part of the array that begins with element k."""
    if out.narrow != NULL:
        out.narrow += k
    else:
        out.wide += k
    return out


cdef inline void put_pfn(pfns_t out, int64_t k, int64_t pfn) noexcept nogil:
    if out.narrow != NULL:
        out.narrow[k] = <int32_t> pfn
    else:
        out.wide[k] = pfn


cdef inline void number_pages(int64_t *pfns, int64_t pfn, int64_t count) noexcept nogil:
    """count PFNs from `pfn` on; a cache line of them at a time, which compilers turn into whole stores."""
    cdef int64_t k
    for k in range(count >> 3):
        pfns[0] = pfn
        pfns[1] = pfn + 1
        pfns[2] = pfn + 2
        pfns[3] = pfn + 3
        pfns[4] = pfn + 4
        pfns[5] = pfn + 5
        pfns[6] = pfn + 6
        pfns[7] = pfn + 7
        pfns += 8
        pfn += 8
    for k in range(count & 7):
        pfns[k] = pfn + k


cdef inline void number_pages_narrow(int32_t *pfns, int32_t pfn, int64_t count) noexcept nogil:
    """The same for int32."""
    cdef int64_t k
    for k in range(count >> 3):
        pfns[0] = pfn
        pfns[1] = pfn + 1
        pfns[2] = pfn + 2
        pfns[3] = pfn + 3
        pfns[4] = pfn + 4
        pfns[5] = pfn + 5
        pfns[6] = pfn + 6
        pfns[7] = pfn + 7
        pfns += 8
        pfn += 8
    for k in range(count & 7):
        pfns[k] = pfn + <int32_t> k


cdef inline void hand_out(zone_t *z, int32_t i, int order, pfns_t out, int64_t count) noexcept nogil:
    """`count` allocated blocks from page i on."""
    cdef uint8_t *state = order_array(z) + i
    cdef int64_t pfn = z.base_pfn + i
    cdef int64_t k
    if order == 0 and count >= 8:
        memset(state, PG_USED, count)
        if out.narrow != NULL:
            number_pages_narrow(out.narrow, <int32_t> pfn, count)
        else:
            number_pages(out.wide, pfn, count)
    else:
        for k in range(count):
            state[k << order] = PG_USED | order
            put_pfn(out, k, pfn + (k << order))


cdef void list_rest(zone_t *z, int32_t i, int64_t rest, int order, int32_t lists, int types) noexcept nogil:
    """List what is left of a block: `rest` times 2^order pages from page i on, in the largest blocks that fit."""
    while rest:
        if rest & 1:
            order_array(z)[i] = PG_FREE | order
            list_add(link_array(z), lists - order * types, i)
            z.nr_free[order] += 1
            zone_work(z).listed += 1
            z.vm[VM_BUDDY_SPLIT] += 1
            i += 1 << order
        rest >>= 1
        order += 1


cdef int64_t blocks_cut(zone_t *z, int from_order, int order, int32_t head, int32_t rest,
                        int64_t blocks) noexcept nogil:
    """The first blocks of a list are used up, `rest` is what comes next.  Number of blocks that they were cut into."""
    cdef link_t *link = link_array(z)
    cdef int64_t count = blocks << (from_order - order)
    link[head].next = rest
    link[rest].prev = head
    zone_work(z).cut += blocks
    z.nr_free[from_order] -= blocks
    z.vm[VM_BUDDY_SPLIT] += count - blocks
    return count


cdef int64_t cut_blocks(zone_t *z, int from_order, int order, int32_t head, pfns_t out, int64_t room) noexcept nogil:
    """Use up whole blocks of list `head` (from_order) from its beginning while there is room.  Number of blocks."""
    cdef link_t *link = link_array(z)
    cdef uint8_t *state = order_array(z)
    cdef int32_t i = link[head].next
    cdef int32_t next, line
    cdef int64_t count = <int64_t> 1 << (from_order - order)
    cdef int64_t k = 0
    while i != head and k + count <= room:
        next = link[i].next
        buddycap_prefetch(link + next)
        if next >= 0:
            for line in range(next, next + (1 << from_order), 64):
                buddycap_prefetch(state + line)
        hand_out(z, i, order, pfns_after(out, k), count)
        k += count
        i = next
    return blocks_cut(z, from_order, order, head, i, k // count)


cdef int64_t cut_part(zone_t *z, int from_order, int order, int32_t lists, int types, pfns_t out,
                      int64_t room) noexcept nogil:
    """Use up the beginning of the first block of `from_order`, which is larger than the room."""
    cdef int32_t i = link_array(z)[lists - from_order * types].next
    list_del(link_array(z), i)
    z.nr_free[from_order] -= 1
    hand_out(z, i, order, out, room)
    list_rest(z, <int32_t> (i + (room << order)), (<int64_t> 1 << (from_order - order)) - room, order, lists, types)
    z.vm[VM_BUDDY_SPLIT] += room - 1
    zone_work(z).cut += 1
    return room


cdef inline void cut_lanes(zone_t *z, int order, pfns_t out, int64_t count, int32_t *at, const int64_t *rank,
                           int32_t lanes, int64_t steps) noexcept nogil:
    """Hand out the next `steps` blocks of each lane, `at` and behind, `count` allocated blocks each."""
    cdef const link_t *link = link_array(z)
    cdef uint8_t *state = order_array(z)
    cdef int64_t base = z.base_pfn
    cdef int64_t step
    cdef int32_t lane, i
    for step in range(steps):
        for lane in range(lanes):
            i = at[lane]
            if count == 1:      # hand_out, with all it needs at hand
                state[i] = PG_USED | order
                put_pfn(out, rank[lane] + step, base + i)
            else:
                hand_out(z, i, order, pfns_after(out, (rank[lane] + step) * count), count)
            i = link[i].next
            at[lane] = i
            buddycap_prefetch(link + i)
            buddycap_prefetch(state + i)


cdef int32_t cut_chains(zone_t *z, const chains_t *c, int order, pfns_t out, int64_t count,
                        int64_t blocks) noexcept nogil:
    """Hand out the first `blocks` blocks of a list, `count` allocated blocks each; what comes after them there."""
    cdef int32_t at[LANES]
    cdef int64_t rank[LANES]    # of block `at` in the list
    cdef int64_t end[LANES]     # and of what comes after the chain
    cdef int64_t begun = 0
    cdef int64_t steps
    cdef int32_t lanes = 0
    cdef int32_t chain = 0
    cdef int32_t rest = NO_PAGE
    cdef int32_t lane
    while 1:
        while lanes < LANES and begun < blocks:
            at[lanes], rank[lanes] = c.first[chain], begun
            begun = end[lanes] = min(blocks, begun + c.blocks[chain])
            lanes += end[lanes] > rank[lanes]
            chain = c.end[chain] - CHAIN_LINK
        if lanes == 0:
            return rest
        steps = blocks
        for lane in range(lanes):
            steps = min(steps, end[lane] - rank[lane])
        if count == 1:          # compiled by itself: most long lists are of the order that is wanted
            cut_lanes(z, order, out, 1, at, rank, lanes, steps)
        else:
            cut_lanes(z, order, out, count, at, rank, lanes, steps)
        for lane in range(lanes - 1, -1, -1):
            rank[lane] += steps
            if rank[lane] == blocks:
                rest = at[lane]
            if rank[lane] == end[lane]:
                lanes -= 1
                at[lane], rank[lane], end[lane] = at[lanes], rank[lanes], end[lanes]


cdef int64_t cut_long(zone_t *z, int from_order, int order, int32_t head, int mt, pfns_t out,
                      int64_t room) noexcept nogil:
    """The same as cut_blocks, for a long list."""
    cdef int64_t count = <int64_t> 1 << (from_order - order)
    cdef int64_t blocks = 0
    cdef int32_t end = CHAIN_LINK
    cdef chains_t c
    list_chains(z, &c, head, from_order, mt)
    while end != head:
        blocks += c.blocks[end - CHAIN_LINK]
        end = c.end[end - CHAIN_LINK]
    blocks = min(blocks, room // count)
    return blocks_cut(z, from_order, order, head, cut_chains(z, &c, order, out, count, blocks), blocks)


cdef int64_t cut_lists(zone_t *z, int order, int32_t lists, int types, pfns_t out, int64_t n) noexcept nogil:
    """Allocate up to n blocks from the lists of one type alone.  Number of blocks."""
    cdef link_t *link = link_array(z)
    cdef int mt = -1 - lists    # the heads of order 0 are those of the types, in order
    cdef int64_t k = 0
    cdef int from_order = order
    while k < n and from_order <= z.max_page_order:
        if list_empty(link, lists - from_order * types):
            from_order += 1
        elif from_order < order + CUT_WHOLE and z.nr_free[from_order] >= CHAINS_LIST and (
                z.nr_free[from_order] << (from_order - order) <= CHAINS_WORTH * (n - k)):
            k += cut_long(z, from_order, order, lists - from_order * types, mt, pfns_after(out, k), n - k)
        elif <int64_t> 1 << (from_order - order) <= n - k:
            k += cut_blocks(z, from_order, order, lists - from_order * types, pfns_after(out, k), n - k)
        else:
            k += cut_part(z, from_order, order, lists, types, pfns_after(out, k), n - k)
    z.nr_free_pages -= k << order
    return k
