# Frees and captures of whole arrays, with exactly the result of single calls in the same order.
#
# Why that needs no single calls: a block that is still there after the whole batch was put on its list when the last
# of its pages arrived; whatever stood on a list inside it before that has left no trace.  So
#
#   1. name      one bit for every page (or first page of a block) of the batch, in the zone's scratch
#   2. admit     every name is an allocated block of the right order, and none is named twice; nothing has changed yet
#   3. coalesce  region by region (a region is a largest block), 64 pages at a time: pairs of buddies become blocks of
#                the next order; free blocks that get swallowed leave their lists; every page of a block that is new is
#                marked with the order of it
#   4. list      from the end of the batch backward: the first page met of a new block is the one that completed it,
#                and the blocks met so are in the order in which they stand on their lists, newest first
#
# A free that meets a captured buddy is diverted to a capture list, which depends on when it comes.  Regions that hold
# captured blocks are therefore left to single frees, and the batch is then gone through forward (`list_and_divert`).
# A capture takes free and captured buddies alike and needs no such care.

cdef enum:
    BULK_MIN = 128              # smaller batches are done by singles,
    BULK_SPARSE = 6             # and so are those that name less than one page in so many of the span they cover
    PREFETCH_BLOCKS = 12        # how far ahead singles ask for what they will touch
    LIST_AHEAD = 24             # and step 4
    PG_NEW = PG_SEEN | PG_FREE  # a page of a new block of the order in the low nibble, between steps 3 and 4
    LEVEL_WORDS = 544           # words for all orders of the largest region: 2 * 2^14 bits, and 64 for each small order

ctypedef struct bulk_t:         # one batch on its way
    uint64_t *bits              # the scratch of the zone: a bit a page, all clear between calls
    int32_t slot                # capture list, or NO_PAGE to free
    int32_t region              # pages in a region: a largest block, or 64 if that is smaller
    int32_t first               # the regions that the batch touches,
    int32_t end                 # from this index to before that one
    int single_pages            # every block of the batch has order 0
    int marked                  # some page of the batch has flags
    int diverted                # some region holds captured blocks: to be freed one by one
    int64_t pages               # pages of the batch that are done in bulk
    int64_t new_blocks          # blocks that are not yet on their lists
    int64_t unlisted            # blocks that became part of new ones
    int64_t merges
    int64_t swallowed           # free pages that became part of new blocks
    int level[MAX_ORDERS + 1]   # where the words of each order start in the two arrays below
    uint64_t now[LEVEL_WORDS]   # the region at hand, by order: blocks of the batch and unions of buddies
    uint64_t old[LEVEL_WORDS]   # and blocks that were free or captured before


# --- words of 64 pages ------------------------------------------------------------------------------------------

cdef inline uint64_t count_bits(uint64_t x) noexcept nogil:
    x -= (x >> 1) & <uint64_t> 0x5555555555555555
    x = (x & <uint64_t> 0x3333333333333333) + ((x >> 2) & <uint64_t> 0x3333333333333333)
    x = (x + (x >> 4)) & <uint64_t> 0x0F0F0F0F0F0F0F0F
    return (x * <uint64_t> 0x0101010101010101) >> 56


cdef inline uint64_t even_bits(uint64_t x) noexcept nogil:
    """Bits 0, 2, 4 ... 62 of x as bits 0, 1, 2 ... 31; the others are zero."""
    x = (x | (x >> 1)) & <uint64_t> 0x3333333333333333
    x = (x | (x >> 2)) & <uint64_t> 0x0F0F0F0F0F0F0F0F
    x = (x | (x >> 4)) & <uint64_t> 0x00FF00FF00FF00FF
    x = (x | (x >> 8)) & <uint64_t> 0x0000FFFF0000FFFF
    return (x | (x >> 16)) & <uint64_t> 0x00000000FFFFFFFF


cdef inline uint64_t pages_in_state(const uint64_t *states, uint8_t mask, uint8_t state) noexcept nogil:
    """Bit j: the order byte of page j, masked, is `state`; for 64 pages, eight at a time."""
    cdef uint64_t found = 0
    cdef uint64_t ones = <uint64_t> 0x0101010101010101
    cdef uint64_t low = <uint64_t> 0x7F7F7F7F7F7F7F7F
    cdef uint64_t x
    cdef int k
    for k in range(8):
        x = (states[k] & (ones * mask)) ^ (ones * state)
        x = ~(((x & low) + low) | x | low) >> 7     # 1 in each byte that was zero
        found |= ((x * <uint64_t> 0x0102040810204080) >> 56) << (8 * k)
    return found


cdef inline int all_in_state(const uint64_t *states, uint8_t state) noexcept nogil:
    """Whether the order bytes of all 64 pages are `state`."""
    cdef uint64_t other = 0
    cdef int k
    for k in range(8):
        other |= states[k] ^ (<uint64_t> 0x0101010101010101 * state)
    return other == 0


cdef inline uint64_t blocks_in_word(zone_t *z, int32_t at, uint8_t mask, uint8_t state) noexcept nogil:
    """pages_in_state of the 64 pages from index `at`, which may reach beyond the last page of the zone."""
    cdef uint8_t edge[64]
    cdef int k
    if at + 64 <= z.nr_index:
        return pages_in_state(<uint64_t *> (order_array(z) + at), mask, state)
    for k in range(64):
        edge[k] = order_array(z)[at + k] if at + k < z.nr_index else PG_HOLE
    return pages_in_state(<uint64_t *> edge, mask, state)


# --- 1. name ----------------------------------------------------------------------------------------------------

cdef int bulk_span(zone_t *z, bulk_t *b, const int64_t *pfns, int64_t n) noexcept nogil:
    """Find the regions that a batch covers, some of them perhaps not.  Whether it is in the zone and dense enough."""
    cdef uint64_t low = z.nr_index
    cdef uint64_t high = 0
    cdef uint64_t i
    cdef int64_t k
    if n < z.nr_index // BULK_SPARSE:
        for k in range(n):
            i = <uint64_t> pfns[k] - <uint64_t> z.base_pfn
            low = min(low, i)
            high = max(high, i)
        if high >= <uint64_t> z.nr_index or (high - low) // BULK_SPARSE >= <uint64_t> n:
            return 0
    else:                       # dense even if it covers the whole zone
        low = 0
        high = z.nr_index - 1
    b.region = max(64, 1 << z.max_page_order)
    b.first = <int32_t> low & -b.region
    b.end = (<int32_t> high | (b.region - 1)) + 1
    return 1


cdef void bulk_forget(bulk_t *b) noexcept nogil:
    memset(b.bits + (b.first >> 6), 0, (b.end - b.first) >> 3)


cdef int name_pages(zone_t *z, bulk_t *b, const int64_t *pfns, int64_t n) noexcept nogil:
    """Name single pages; 0 at the first that is outside the zone."""
    cdef uint64_t *bits = b.bits
    cdef uint64_t base = z.base_pfn
    cdef uint64_t end = z.nr_index
    cdef uint64_t i
    cdef int64_t k
    for k in range(n):
        i = <uint64_t> pfns[k] - base
        if i >= end:
            return 0
        bits[i >> 6] |= <uint64_t> 1 << (i & 63)
    return 1


cdef int name_blocks(zone_t *z, bulk_t *b, const int64_t *pfns, int64_t n, const uint8_t *orders,
                     int order) noexcept nogil:
    """Name and admit blocks that are not all single pages; 0 at the first that cannot be freed."""
    cdef int64_t i, k
    for k in range(n):
        if orders != NULL:
            order = orders[k]
        if used_block_status(z, pfns[k], order) != ST_OK:
            return 0
        i = pfns[k] - z.base_pfn
        b.bits[i >> 6] |= <uint64_t> 1 << (i & 63)
        b.marked |= order_array(z)[i] & PG_MARKED
    return 1


# --- 2. admit ---------------------------------------------------------------------------------------------------

cdef int admit_marked(zone_t *z, bulk_t *b, int32_t at, uint64_t left) noexcept nogil:
    """The named pages of a word that are not plainly allocated: they may have flags that do not matter."""
    cdef int32_t i
    while left:
        i = at + buddycap_ctz(left)
        if used_block_status(z, z.base_pfn + i, 0) != ST_OK:
            return 0
        b.marked = 1
        left &= left - 1
    return 1


cdef int64_t admit_pages(zone_t *z, bulk_t *b) noexcept nogil:
    """How many pages are named; -1 if one of them is not an allocated single page that can be freed."""
    cdef uint8_t *state = order_array(z)
    cdef int64_t named = 0
    cdef int32_t at = b.first
    cdef uint64_t word
    while at < b.end:
        word = b.bits[at >> 6]
        if word == ~<uint64_t> 0 and at + 64 <= z.nr_index and all_in_state(<uint64_t *> (state + at), PG_USED):
            named += 64
        elif word:
            if not admit_marked(z, b, at, word & ~blocks_in_word(z, at, 0xFF, PG_USED)):
                return -1
            named += count_bits(word)
        at += 64
    return named


cdef int64_t count_named(bulk_t *b) noexcept nogil:
    cdef int64_t named = 0
    cdef int32_t word
    for word in range(b.first >> 6, b.end >> 6):
        named += count_bits(b.bits[word])
    return named


cdef int bulk_admit(zone_t *z, bulk_t *b, const int64_t *pfns, int64_t n, const uint8_t *orders,
                    int order) noexcept nogil:
    """Steps 1 and 2, if the batch is large and dense enough.

    If not, or if some block cannot be freed or is named twice (which sets one bit): 0, and nothing has changed.
    """
    cdef int admitted
    if n < BULK_MIN or n > z.present_pages or not bulk_span(z, b, pfns, n):
        return 0
    b.bits = bits_array(z)
    b.marked = b.diverted = 0
    b.pages = b.new_blocks = b.unlisted = b.merges = b.swallowed = 0
    b.single_pages = orders == NULL and order == 0
    if b.single_pages:
        admitted = name_pages(z, b, pfns, n) and admit_pages(z, b) == n
    else:
        admitted = name_blocks(z, b, pfns, n, orders, order) and count_named(b) == n
    if not admitted:
        bulk_forget(b)
    return admitted


# --- 3. coalesce ------------------------------------------------------------------------------------------------

cdef inline void set_level_bit(bulk_t *b, uint64_t *level_words, int32_t i, int order) noexcept nogil:
    cdef int32_t bit = (i & (b.region - 1)) >> order
    level_words[b.level[order] + (bit >> 6)] |= <uint64_t> 1 << (bit & 63)


cdef void bulk_levels(zone_t *z, bulk_t *b) noexcept nogil:
    """Where the words of each order start."""
    cdef int order
    b.level[0] = 0
    for order in range(z.max_page_order + 1):
        b.level[order + 1] = b.level[order] + max(1, b.region >> order >> 6)


cdef int old_blocks(zone_t *z, bulk_t *b, int32_t at) noexcept nogil:
    """Sort the free and captured blocks of a region by order.  Whether there is a captured one."""
    cdef uint8_t *state = order_array(z)
    cdef link_t *link = link_array(z)
    cdef int captured = 0
    cdef int32_t word, i
    cdef uint64_t left
    for word in range(at, at + b.region, 64):
        left = blocks_in_word(z, word, ~PG_CAPTURED & PG_STATE, PG_FREE)
        while left:
            i = word + buddycap_ctz(left)
            buddycap_prefetch(link + i)
            captured |= state[i] & PG_CAPTURED
            set_level_bit(b, b.old, i, state[i] & 0x0F)
            left &= left - 1
    return captured != 0


cdef int64_t batch_blocks(zone_t *z, bulk_t *b, int32_t at, int64_t *pages) noexcept nogil:
    """Sort the named blocks of a region by order; how many, and how many pages they have."""
    cdef uint8_t *state = order_array(z)
    cdef int64_t blocks = 0
    cdef int32_t word, i
    cdef uint64_t left
    pages[0] = 0
    for word in range(at, at + b.region, 64):
        left = b.bits[word >> 6]
        blocks += count_bits(left)
        if b.single_pages:
            b.now[(word - at) >> 6] = left
            continue
        while left:
            i = word + buddycap_ctz(left)
            set_level_bit(b, b.now, i, state[i] & 0x0F)
            pages[0] += 1 << (state[i] & 0x0F)
            left &= left - 1
    if b.single_pages:
        pages[0] = blocks
    return blocks


cdef inline void swallow(zone_t *z, bulk_t *b, int32_t i, int order) noexcept nogil:
    """A block that was free or captured becomes part of a new one."""
    list_del(link_array(z), i)
    b.merges += 1
    b.unlisted += 1
    if order_array(z)[i] & PG_CAPTURED:
        flags_array(z)[i] = 0
    else:
        z.nr_free[order] -= 1
        b.swallowed += 1 << order


cdef inline void fill_block(uint8_t *state, int32_t i, int order, uint8_t value) noexcept nogil:
    """Write the order bytes of a whole block; small ones as a part of a word."""
    cdef uint64_t *word = <uint64_t *> (state + (i & -8))
    cdef uint64_t cells
    if order > 3:
        memset(state + i, value, 1 << order)
        return
    cells = (~<uint64_t> 0 >> (64 - (8 << order))) << (8 * (i & 7))
    word[0] = (word[0] & ~cells) | (<uint64_t> 0x0101010101010101 * value & cells)


cdef inline void mark_new_pages(uint64_t *states, uint64_t pages) noexcept nogil:
    """fill_block with PG_NEW for blocks of order 0: those of 64 pages whose bit is set."""
    cdef uint64_t low = <uint64_t> 0x7F7F7F7F7F7F7F7F
    cdef uint64_t x
    cdef int k
    for k in range(8):
        x = (pages >> (8 * k) & 0xFF) * <uint64_t> 0x0101010101010101 & <uint64_t> 0x8040201008040201
        x = (((x & low) + low) | x) & ~low          # 0x80, which is PG_NEW, in each byte that was not zero
        states[k] = (states[k] & ~((x >> 7) * 0xFF)) | x


cdef inline void mark_new(zone_t *z, bulk_t *b, int32_t at, int order, uint64_t blocks) noexcept nogil:
    """Blocks that are new: a bit each, the first at index `at`."""
    cdef int64_t count = count_bits(blocks)
    b.new_blocks += count
    b.merges -= count
    if b.slot == NO_PAGE:
        z.nr_free[order] += count
    if order == 0 and at + 64 <= z.nr_index:
        mark_new_pages(<uint64_t *> (order_array(z) + at), blocks)
        return
    while blocks:
        fill_block(order_array(z), at + (<int32_t> buddycap_ctz(blocks) << order), order, PG_NEW | order)
        blocks &= blocks - 1


cdef void coalesce_order(zone_t *z, bulk_t *b, int32_t at, int order) noexcept nogil:
    """Unite the buddies of one order in a region; what has no partner is final."""
    cdef uint64_t *now = b.now + b.level[order]
    cdef uint64_t *old = b.old + b.level[order]
    cdef uint64_t *above = b.now + b.level[order + 1]
    cdef int32_t word
    cdef uint64_t all_blocks, pairs, left
    for word in range(b.level[order + 1] - b.level[order]):
        all_blocks = now[word] | old[word]
        if all_blocks == 0:
            continue
        pairs = 0
        if order < z.max_page_order:
            pairs = all_blocks & (all_blocks >> 1) & <uint64_t> 0x5555555555555555
            above[word >> 1] |= even_bits(pairs) << (32 * (word & 1))
            pairs |= pairs << 1
        left = old[word] & pairs
        while left:
            swallow(z, b, at + ((word * 64 + buddycap_ctz(left)) << order), order)
            left &= left - 1
        left = now[word] & ~pairs
        if left:
            mark_new(z, b, at + (word * 64 << order), order, left)


cdef int is_whole(const bulk_t *b, int32_t at) noexcept nogil:
    """Whether every page of a region is named: it becomes one block, whatever the order."""
    cdef uint64_t common = ~<uint64_t> 0
    cdef int32_t word
    for word in range(at >> 6, (at + b.region) >> 6):
        common &= b.bits[word]
    return common == ~<uint64_t> 0


cdef void coalesce_region(zone_t *z, bulk_t *b, int32_t at) noexcept nogil:
    cdef int64_t blocks, pages
    cdef int order
    if b.single_pages and b.region == 1 << z.max_page_order and is_whole(b, at):
        b.merges += b.region
        b.pages += b.region
        mark_new(z, b, at, z.max_page_order, 1)
        return
    memset(b.now, 0, b.level[z.max_page_order + 1] * sizeof(uint64_t))
    memset(b.old, 0, b.level[z.max_page_order + 1] * sizeof(uint64_t))
    blocks = batch_blocks(z, b, at, &pages)
    if blocks == 0:
        return
    if old_blocks(z, b, at) and b.slot == NO_PAGE:
        b.diverted = 1
        return
    b.merges += blocks
    b.pages += pages
    for order in range(z.max_page_order + 1):
        coalesce_order(z, b, at, order)


# --- 4. list ----------------------------------------------------------------------------------------------------

cdef inline int new_block_order(zone_t *z, int32_t i) noexcept nogil:
    """Order of the new block around page i; -1 if there is none, or if it is on its list already."""
    cdef uint8_t state = order_array(z)[i]
    return state & 0x0F if (state & PG_STATE) == PG_NEW else -1


cdef inline void finish_new(zone_t *z, int32_t i, int order, uint8_t state) noexcept nogil:
    """Order bytes of a new block as they shall be."""
    fill_block(order_array(z), i, order, PG_TAIL)
    order_array(z)[i] = state | order


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


cdef inline int32_t enclosing_free(zone_t *z, int32_t i) noexcept nogil:
    """First page of the free block around page i; there is one."""
    cdef int order = 0
    while order_array(z)[i & -(1 << order)] != (PG_FREE | order):
        order += 1
    return i & -(1 << order)


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
            free_pages_ok(z, i, state[i] & 0x0F)
            zone_work(z).singles += 1
    zone_work(z).entries += 2 * n
    memset(completes, 0, ((n + 63) >> 6) * sizeof(uint64_t))


# --- the whole --------------------------------------------------------------------------------------------------

cdef void bulk_coalesce(zone_t *z, bulk_t *b, const int64_t *pfns, int64_t n) noexcept nogil:
    """Step 3 for every region, and the counters that both a free and a capture move."""
    cdef int32_t at = b.first
    cdef int64_t k
    if b.marked or z.off_owner:
        for k in range(n):
            free_pages_prepare(z, <int32_t> (pfns[k] - z.base_pfn))
    bulk_levels(z, b)
    while at < b.end:
        coalesce_region(z, b, at)
        at += b.region
    bulk_forget(b)
    z.vm[VM_BUDDY_MERGE] += b.merges
    zone_work(z).batches += 1
    zone_work(z).words += (b.end - b.first) >> 6
    zone_work(z).listed += b.new_blocks
    zone_work(z).unlisted += b.unlisted


cdef int free_many_status(zone_t *z, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                          int64_t *offender) noexcept nogil:
    """ST_OK if the n blocks can all be freed; else why not and the first offender.  Nothing changes either way.

    While it looks, the order bytes of the blocks seen are marked, so that a duplicate is found without memory.
    """
    cdef uint8_t *state = order_array(z)
    cdef int status = ST_OK
    cdef int64_t k = 0
    cdef int64_t m
    while k < n:
        if orders != NULL:
            order = orders[k]
        status = used_block_status(z, pfns[k], order)
        if status != ST_OK:
            break
        state[pfns[k] - z.base_pfn] |= PG_SEEN
        k += 1
    for m in range(k):
        state[pfns[m] - z.base_pfn] &= ~PG_SEEN
    offender[0] = k
    return status


cdef int free_many(zone_t *z, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
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
        free_pages_ok(z, <int32_t> (pfns[k] - z.base_pfn), order if orders == NULL else orders[k])
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
