# The invariants of a zone, each by number, recomputed from the page array upward; here those that hold whatever the
# kernel, and the walk over a list.  The verifier reads everything and trusts nothing: it may be run on a block that has
# come from a file.
#
#  I1  header      magic, version and every offset follow from the geometry; switches, sizes and ratios are in range
#  I2  state       every order byte is legal
#  I3  presence    outside the span all cells are holes; inside, present_pages are not
#  I4  tiling      heads are aligned, their insides are PG_TAIL, and no PG_TAIL lies outside a block
#  I5  free lists  links agree both ways; the free heads of an order are exactly what its lists hold
#  I6  nr_free     counts the blocks on the lists of each order
#  I7  free pages  NR_FREE_PAGES is the sum of the free blocks, and they are present
#  I8  coalescing  no two buddies are both free or captured, or both on one private list
#  I9  capture     a captured head is on the list its flags name, and nothing else is
#  I10 pcp         count, tags and links of the per-CPU lists, empty while bypassed; batch and high are in range
#  I11 flags       known page flags are set on PG_MARKED heads and nowhere else (captured heads: their list's number)
#  I12 lru         a page is on the one LRU list that its flags name; nr_lru counts them; counts are in range
#  I13 isolated    an isolated page is on one reclaimer's private list
#  I14 pageblocks  types are 0..4
#  I15 marks       watermarks and reserves follow from min_free_kbytes and the node
#  I16 slots       private lists are of a known kind, with known rules; the highest is in use
#  I17 owners      a page that is not allocated has no owner
#  I18 bits        the scratch of bulk operations is clear


cdef inline int violated(violation_t *v, int invariant, int64_t pfn, int64_t expected, int64_t found) noexcept nogil:
    """Note what is wrong; always 0, so that checks chain with `and`."""
    v.invariant = invariant
    v.pfn = pfn
    v.expected = expected
    v.found = found
    return 0


cdef inline int agree(violation_t *v, int invariant, int64_t expected, int64_t found) noexcept nogil:
    return expected == found or violated(v, invariant, NO_PAGE, expected, found)


cdef inline int within(violation_t *v, int invariant, int64_t low, int64_t high, int64_t found) noexcept nogil:
    return low <= found <= high or violated(v, invariant, NO_PAGE, low if found < low else high, found)


cdef inline int is_flag(int32_t value) noexcept nogil:
    return value == 0 or value == 1


# --- the header -------------------------------------------------------------------------------------------------

cdef int check_totals(const zone_t *z, violation_t *v) noexcept nogil:
    """I7: what the header itself says about free blocks."""
    cdef int64_t pages = 0
    cdef int64_t room
    cdef int order
    for order in range(MAX_ORDERS):
        room = (z.present_pages - pages) >> order if order <= z.max_page_order else 0
        if not within(v, 7, 0, room, z.nr_free[order]):
            return 0
        pages += z.nr_free[order] << order
    return agree(v, 7, pages, z.nr_free_pages)


cdef int layout_ok(const zone_t *z, const layout_t *kernel, violation_t *v) noexcept nogil:
    """I1: the layout is one that zone_init could have written, so that every array is where it should be."""
    cdef zone_t expected
    if not (agree(v, 1, <int64_t> zone_magic(), <int64_t> z.magic) and agree(v, 1, ZONE_VERSION, z.version)
            and agree(v, 1, <int64_t> kernel.header_bytes, z.header_bytes) and agree(v, 1, 1, geometry_ok(z))):
        return 0
    if not 0 <= z.slots_used <= z.slot_limit:
        return violated(v, 1, NO_PAGE, z.slot_limit, z.slots_used)
    memcpy(&expected, z, sizeof(zone_t))
    zone_layout(&expected, z.off_owner != 0, kernel)
    if z.pageblock_origin != 0 and z.pageblock_origin != expected.first:
        return violated(v, 1, NO_PAGE, expected.first, z.pageblock_origin)
    return (agree(v, 1, expected.base_pfn, z.base_pfn) and agree(v, 1, expected.first, z.first)
            and agree(v, 1, expected.end, z.end) and agree(v, 1, expected.nr_index, z.nr_index)
            and agree(v, 1, expected.nr_pageblocks, z.nr_pageblocks) and agree(v, 1, expected.off_pcp, z.off_pcp)
            and agree(v, 1, expected.off_pageblock, z.off_pageblock) and agree(v, 1, expected.off_order, z.off_order)
            and agree(v, 1, expected.off_bits, z.off_bits) and agree(v, 1, expected.off_flags, z.off_flags)
            and agree(v, 1, expected.off_owner, z.off_owner)
            and agree(v, 1, expected.off_heads, z.off_heads) and agree(v, 1, expected.off_link, z.off_link)
            and agree(v, 1, expected.bytes, z.bytes))


# --- pages ------------------------------------------------------------------------------------------------------

cdef int check_block(zone_t *z, int32_t i, int order, violation_t *v) noexcept nogil:
    """The block that starts at i is aligned and whole."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t k
    if i & ((1 << order) - 1):
        return violated(v, 4, z.base_pfn + i, i & -(1 << order), i)
    for k in range(i + 1, i + (1 << order)):
        if state[k] != PG_TAIL:
            return violated(v, 4, z.base_pfn + k, PG_TAIL, state[k])
    return 1


cdef int check_tiling(zone_t *z, violation_t *v) noexcept nogil:
    """I4."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t i = 0
    cdef int order
    while i < z.nr_index:
        if state[i] == PG_TAIL:
            return violated(v, 4, z.base_pfn + i, PG_USED, PG_TAIL)
        order = 0
        if state[i] != PG_HOLE and (state[i] & PG_STATE) != PG_PCP:
            order = state[i] & 0x0F
            if not check_block(z, i, order, v):
                return 0
        i += 1 << order
    return 1


cdef int check_coalescing(zone_t *z, violation_t *v) noexcept nogil:
    """I8."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t i, buddy
    cdef int order
    for i in range(z.nr_index):
        order = state[i] & ~PG_CAPTURED
        if order < z.max_page_order:
            buddy = i ^ (1 << order)
            if (state[buddy] & ~PG_CAPTURED) == order:
                return violated(v, 8, z.base_pfn + i, PG_USED | order, state[buddy])
    return 1


cdef int check_owners(zone_t *z, violation_t *v) noexcept nogil:
    """I17."""
    cdef int32_t i
    cdef uint8_t kind
    if not z.off_owner:
        return 1
    for i in range(z.nr_index):
        kind = order_array(z)[i] & PG_STATE
        if kind != PG_USED and kind != PG_MARKED and owner_array(z)[i]:
            return violated(v, 17, z.base_pfn + i, 0, <int64_t> owner_array(z)[i])
    return 1


cdef int check_bits(zone_t *z, violation_t *v) noexcept nogil:
    """I18."""
    cdef int64_t word
    for word in range(nr_words(z)):
        if bits_array(z)[word]:
            return violated(v, 18, z.base_pfn + word * 64, 0, <int64_t> bits_array(z)[word])
    return 1


cdef int64_t count_state(zone_t *z, uint8_t mask, uint8_t state) noexcept nogil:
    cdef int64_t n = 0
    cdef int32_t i
    for i in range(z.nr_index):
        n += (order_array(z)[i] & mask) == state
    return n


cdef int64_t count_flagged(zone_t *z, uint32_t flag) noexcept nogil:
    """Marked pages with the flag."""
    cdef int64_t n = 0
    cdef int32_t i
    for i in range(z.nr_index):
        n += (order_array(z)[i] & PG_STATE) == PG_MARKED and (flags_array(z)[i] & flag) != 0
    return n


# --- lists ------------------------------------------------------------------------------------------------------

cdef int check_links(zone_t *z, int32_t head, int invariant, violation_t *v) noexcept nogil:
    """The list is a ring of pages: every link is in range and agrees with the one before it.

    A page has one `prev`, so passing this for all lists also says that no page is on two of them.
    """
    cdef link_t *link = link_array(z)
    cdef int32_t prev = head
    cdef int32_t i = link[head].next
    while i != head:
        if i < 0 or i >= z.nr_index:
            return violated(v, invariant, NO_PAGE if prev == head else z.base_pfn + prev, head, i)
        if link[i].prev != prev:
            return violated(v, invariant, z.base_pfn + i, prev, link[i].prev)
        prev = i
        i = link[i].next
    if link[head].prev != prev:
        return violated(v, invariant, NO_PAGE, prev, link[head].prev)
    return 1


cdef int64_t list_count(zone_t *z, int32_t head, uint8_t mask, uint8_t state, int32_t *stranger) noexcept nogil:
    """Length of a checked list; `stranger` is the first page whose order byte, masked, is not `state`."""
    cdef link_t *link = link_array(z)
    cdef int64_t n = 0
    cdef int32_t i = link[head].next
    stranger[0] = NO_PAGE
    while i != head:
        if (order_array(z)[i] & mask) != state:
            stranger[0] = i
            return n
        n += 1
        i = link[i].next
    return n


cdef int64_t sound_length(zone_t *z, int32_t head, uint8_t state) noexcept nogil:
    """Length of a list on which everything is right: links, and order bytes, which are all `state`; -1 if not.

    It is walked from both ends at once, which takes half the time where each step is a cache miss.  What is wrong is
    for others to find out, `check_links` and `list_count`.
    """
    cdef link_t *link = link_array(z)
    cdef int32_t before = head
    cdef int32_t front = link[head].next
    cdef int32_t back = link[head].prev
    cdef int32_t behind = head
    cdef int64_t n = 0
    while front != behind and n <= z.nr_index:
        if not 0 <= front < z.nr_index or link[front].prev != before or order_array(z)[front] != state:
            return -1
        n += 1
        before = front
        front = link[front].next
        if back == before:
            break
        if not 0 <= back < z.nr_index or link[back].next != behind or order_array(z)[back] != state:
            return -1
        n += 1
        behind = back
        back = link[back].prev
    return n if front == behind and back == before else -1


cdef int check_isolated_list(zone_t *z, int32_t slot, violation_t *v) noexcept nogil:
    """I13 for one private list of pages."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, slot)
    cdef int32_t i
    if not check_links(z, head, 13, v):
        return 0
    i = link[head].next
    while i != head:
        if order_array(z)[i] != PG_MARKED or not flags_array(z)[i] & PF_ISOLATED:
            return violated(v, 13, z.base_pfn + i, PG_MARKED, order_array(z)[i])
        i = link[i].next
    return 1


cdef int flags_list(uint32_t flags) noexcept nogil:
    """The page list that the flags of a page on the LRU (or of a slab page) name."""
    if flags & PF_SLAB:
        return LRU_SLAB
    if flags & PF_UNEVICTABLE:
        return LRU_UNEVICTABLE
    return (0 if flags & PF_SWAPBACKED else LRU_INACTIVE_FILE) + ((flags & PF_ACTIVE) != 0)


cdef int check_page_list(zone_t *z, int lru, violation_t *v) noexcept nogil:
    """I12 for one list."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = page_list(lru)
    cdef int64_t n = 0
    cdef int32_t i
    if not check_links(z, head, 12, v):
        return 0
    i = link[head].next
    while i != head:
        if order_array(z)[i] != PG_MARKED or not flags_array(z)[i] & PF_LRU:
            return violated(v, 12, z.base_pfn + i, PG_MARKED, order_array(z)[i])
        if flags_list(flags_array(z)[i]) != lru:
            return violated(v, 12, z.base_pfn + i, lru, flags_list(flags_array(z)[i]))
        n += 1
        i = link[i].next
    return agree(v, 12, n, z.nr_lru[lru])


cdef int check_lru(zone_t *z, violation_t *v) noexcept nogil:
    """I12."""
    cdef int64_t listed = 0
    cdef int lru
    for lru in range(NR_PAGE_LISTS):
        if not check_page_list(z, lru, v):
            return 0
        listed += z.nr_lru[lru]
    return agree(v, 12, count_flagged(z, PF_LRU), listed)
