# Batches of blocks that are to be freed or captured at once: named, admitted, united.
#
# A block that is still there after the whole batch was put on its list when the last of its pages arrived; whatever
# stood on a list inside it before that has left no trace.  So
#
#   1. name      one bit for every page (or first page of a block) of the batch, in the zone's scratch
#   2. admit     every name is an allocated block of the right order, and none is named twice; nothing has changed yet
#   3. coalesce  region by region (a region is a largest block), 64 pages at a time: pairs of buddies become blocks of
#                the next order; free blocks that get swallowed leave their lists; every page of a block that is new is
#                marked with the order of it
#   4. list      the kernel's: on which list a new block goes, and where (bulkfree.pxi)

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


# --- new blocks, until they are on their lists ------------------------------------------------------------------

cdef inline int new_block_order(zone_t *z, int32_t i) noexcept nogil:
    """Order of the new block around page i; -1 if there is none, or if it is on its list already."""
    cdef uint8_t state = order_array(z)[i]
    return state & 0x0F if (state & PG_STATE) == PG_NEW else -1


cdef inline void finish_new(zone_t *z, int32_t i, int order, uint8_t state) noexcept nogil:
    """Order bytes of a new block as they shall be."""
    fill_block(order_array(z), i, order, PG_TAIL)
    order_array(z)[i] = state | order


cdef inline int32_t enclosing_free(zone_t *z, int32_t i) noexcept nogil:
    """First page of the free block around page i; there is one."""
    cdef int order = 0
    while order_array(z)[i & -(1 << order)] != (PG_FREE | order):
        order += 1
    return i & -(1 << order)
