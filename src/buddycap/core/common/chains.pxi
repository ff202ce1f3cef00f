# A long list, walked at many places at once.
#
# The blocks of a list lie anywhere, so walking it is one cache miss after the other.  But most of what looks as if it
# were on the list is on it: free blocks of its order in pageblocks of its type.  Some of these, far from each other,
# begin a chain each: the link to such a block is replaced by the number of its chain, which ends the chain before it.
# The chains are walked side by side to count their blocks, and then it is known where in the list each of them begins.
# A chain that begins on another list is never come to from this one.

cdef enum:
    CHAINS = 256                # of one list, at most
    CHAINS_LIST = 1024          # shorter lists are walked from their beginning: they are in the cache
    CHAIN_LOOK = 16             # words of 64 pages in which the first block of a chain is looked for
    CHAIN_LINK = -(1 << 30)     # the link to the first block of chain c is CHAIN_LINK + c, which is no list head
    LANES = 24                  # chains that are walked at once

ctypedef struct chains_t:       # the chains of a list; number 0 begins it
    int32_t nr
    int32_t first[CHAINS]       # first block, or what ends a chain without blocks
    int32_t end[CHAINS]         # what ends it: CHAIN_LINK + the next chain, or a list head
    int64_t blocks[CHAINS]


cdef int32_t chain_block(zone_t *z, int32_t at, int order, int mt) noexcept nogil:
    """A free block in a pageblock of type `mt`, near page `at`, a multiple of 64; or NO_PAGE."""
    cdef int32_t word
    cdef uint64_t found
    for word in range(at, min(at + 64 * CHAIN_LOOK, z.nr_index), 64):
        found = blocks_in_word(z, word, 0xFF, PG_FREE | order)
        if found and get_pageblock_migratetype(z, word + <int32_t> buddycap_ctz(found)) == mt:
            return word + <int32_t> buddycap_ctz(found)
    return NO_PAGE


cdef void chains_part(zone_t *z, chains_t *c, int32_t head, int order, int mt) noexcept nogil:
    """Replace the links to some blocks, a part of the zone from each other, by numbers of chains."""
    cdef link_t *link = link_array(z)
    cdef int32_t pages = max(64 * CHAIN_LOOK, z.nr_index // CHAINS & -64)
    cdef int32_t part, i
    c.nr = 1
    for part in range(min(CHAINS - 1, (z.nr_index + pages - 1) // pages)):
        i = chain_block(z, part * pages, order, mt)
        if i != NO_PAGE:
            c.first[c.nr] = i
            link[link[i].prev].next = CHAIN_LINK + c.nr
            c.nr += 1
    c.first[0] = link[head].next


cdef inline int64_t walk_lanes(const link_t *link, int32_t *at, int32_t lanes) noexcept nogil:
    """Go on along each chain until one of them ends; how many blocks each lane has gone on by."""
    cdef int64_t steps = 0
    cdef int32_t ended = 0
    cdef int32_t lane
    while ended >= 0:
        for lane in range(lanes):
            at[lane] = link[at[lane]].next
            ended |= at[lane]
            buddycap_prefetch(link + at[lane])
        steps += 1
    return steps


cdef void chains_count(zone_t *z, chains_t *c) noexcept nogil:
    """Walk all chains: how many blocks each has, and what ends it."""
    cdef int32_t chain[LANES]
    cdef int32_t at[LANES]
    cdef int32_t lanes = 0
    cdef int32_t begun = 0
    cdef int64_t steps = 0
    cdef int32_t lane
    while 1:
        while lanes < LANES and begun < c.nr:
            chain[lanes], at[lanes], c.blocks[begun] = begun, c.first[begun], -steps
            lanes += 1
            begun += 1
        for lane in range(lanes - 1, -1, -1):
            if at[lane] < 0:
                c.end[chain[lane]] = at[lane]
                c.blocks[chain[lane]] += steps
                lanes -= 1
                chain[lane], at[lane] = chain[lanes], at[lanes]
        if lanes == 0 and begun == c.nr:
            return
        if lanes == LANES or begun == c.nr:
            steps += walk_lanes(link_array(z), at, lanes)


cdef void chains_join(zone_t *z, chains_t *c) noexcept nogil:
    """Put the links back."""
    cdef link_t *link = link_array(z)
    cdef int32_t chain
    for chain in range(1, c.nr):
        link[link[c.first[chain]].prev].next = c.first[chain]


cdef void list_chains(zone_t *z, chains_t *c, int32_t head, int order, int mt) noexcept nogil:
    """The chains of a list of free blocks of `order`, which has not changed afterwards."""
    cdef int32_t chain
    chains_part(z, c, head, order, mt)
    chains_count(z, c)
    chains_join(z, c)
    for chain in range(c.nr):
        zone_work(z).counted += c.blocks[chain]
