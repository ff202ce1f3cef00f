# The invariants of a zone of 6.1.  The numbers are those of common/check.pxi; what they say here:
#
#  I1  header      version and offsets follow from the geometry; switches and sizes are in range
#  I2  state       every order byte is legal
#  I3  presence    inside the span present_pages are no holes; outside there are only holes and pages linked to the zone
#  I4  tiling      heads are aligned, their insides are PG_TAIL, and no PG_TAIL lies outside a block
#  I5  free lists  links agree both ways; the free heads of an order are exactly what its lists hold; in 6.12 a block is
#                  on the list of its pageblocks' type, while nobody has put one elsewhere
#  I6  nr_free     counts the blocks on the lists of each order
#  I7  free pages  NR_FREE_PAGES is the sum of the free blocks that are not isolated; in 6.1 while none has ever been
#                  isolated: after that the kernel miscounts blocks that are isolated in part, and the miscounts add up,
#                  even to more than there is; the managed pages exist
#  I8  coalescing  no two buddies below the order of a pageblock are both free
#  I9  capture     at most one captured head, which the armed capture names
#  I10 pcp         count, states and links of the per-CPU lists; each block is on the list of its order and type
#  I11 flags       page flags and references are noted on allocated blocks that are marked so, and nowhere else; of a
#                  compound one on its first page
#  I12 lru         the pages of each LRU list are marked so, and belong there; no other page is marked
#  I13 isolated    exactly the isolated pages are on the private lists of those who have isolated them
#  I14 pageblocks  types are known; nr_isolated counts the isolated ones, and those that have been claimed since
#  I15 marks       min <= low <= high <= promo; reserves and boost are not negative
#  I16 slots       private lists are of a known kind; the highest is in use
#  I17 owners      a page that is not allocated has no owner
#  I18 bits        the scratch of bulk operations is clear

cdef enum:
    PAGE_FLAGS_61 = (PF_LOCKED | PF_REFERENCED | PF_DIRTY | PF_LRU | PF_ACTIVE | PF_SLAB | PF_WRITEBACK | PF_RECLAIM
                     | PF_ORPHAN | PF_MMAP | PF_ANON | PF_SWAPCACHE | PF_SWAPBACKED | PF_COMPOUND_61 | PF_UNEVICTABLE
                     | PF_BLOCKING_61 | PF_YOUNG | PF_ISOLATED | PF_PINNED | PF_MLOCKED)


cdef int check_settings_61(const zone_t *z, violation_t *v) noexcept nogil:
    """I1, I3, I7, I15, I16: what the common header says."""
    cdef int order
    for order in range(MAX_ORDERS):
        if not within(v, 6, 0, z.present_pages >> order if order <= ORDER_MAX_61 else 0, z.nr_free[order]):
            return 0
    return (within(v, 1, 0, 1, z.grouping) and within(v, 3, 0, z.spanned_pages, z.present_pages)
            and within(v, 1, 0, MIN_FREE_KBYTES_MAX, z.min_free_kbytes)
            and within(v, 7, -(<int64_t> 1 << 60), <int64_t> 1 << 60, z.nr_free_pages)
            and within(v, 15, 0, z.pages_low, z.pages_min) and within(v, 15, 0, z.pages_high, z.pages_low)
            and within(v, 15, 0, <int64_t> 1 << 60, z.pages_high))


cdef int check_own_61(zone_t *z, violation_t *v) noexcept nogil:
    """I1, I7, I9, I15: what stands behind it."""
    cdef zone_6_1_t *e = only_61(z)
    cdef int k
    for k in range(ZONES_61):
        if not within(v, 15, 0, <int64_t> 1 << 60, e.lowmem_reserve[k]):
            return 0
    return (within(v, 1, 0, 1, e.cma) and agree(v, 1, MT61_CMA + e.cma, e.isolate_type)
            and within(v, 1, 0, 1, e.boosted) and within(v, 1, 0, 1, e.reclaim) and within(v, 1, 0, 1, e.counts_exact)
            and within(v, 1, 0, z.cpus - 1, e.cpu) and agree(v, 9, 0, e.capture_movable)
            and within(v, 1, 0, FACTOR_MAX_61, e.boost_factor) and within(v, 1, 0, SCALE_MAX_61, e.scale)
            and within(v, 7, 0, z.present_pages, e.managed)
            and within(v, 7, -(<int64_t> 1 << 60), <int64_t> 1 << 60, e.nr_free_cma)
            and within(v, 9, -1, ORDER_MAX_61, e.capture_order) and within(v, 9, -1, z.nr_index - 1, e.capture_page)
            and within(v, 15, z.pages_high, <int64_t> 1 << 60, e.pages_promo)
            and within(v, 15, 0, <int64_t> 1 << 60, e.boost)
            and within(v, 15, 0, <int64_t> 1 << 60, e.reserved_highatomic)
            and within(v, 1, 0, 1, e.compact.blockskip_flush)
            and within(v, 1, 0, 1, e.compact.unevictable_allowed) and agree(v, 1, 0, e.compact.reserved)
            and within(v, 1, 0, 6, e.compact.defer_shift)
            and within(v, 1, 0, 64, e.compact.considered) and within(v, 1, 0, MAX_ORDERS, e.compact.order_failed))


cdef int is_legal_state_61(zone_t *z, uint8_t state) noexcept nogil:
    cdef uint8_t kind = state & PG_STATE
    if state == PG_HOLE or state == PG_TAIL or state == PG_RESERVED_61:
        return 1
    if is_pcp_state_61(state):
        return (state & 0x0F) < iso_61(z)
    if (state & 0x0F) > ORDER_MAX_61:
        return 0
    return (kind == PG_FREE or kind == PG_CAPTURED or kind == PG_USED or kind == PG_MARKED or kind == PG_TAKEN_61
            or kind == PG_HELD_61)


cdef int check_states_61(zone_t *z, violation_t *v) noexcept nogil:
    """I2, I3."""
    cdef uint8_t *state = order_array(z)
    cdef int64_t present = 0
    cdef int32_t i
    for i in range(z.nr_index):
        if not is_legal_state_61(z, state[i]):
            return violated(v, 2, z.base_pfn + i, PG_TAIL, state[i])
        if i >= z.first and i < z.end:
            present += state[i] != PG_HOLE
        elif state[i] != PG_HOLE and (i >= z.end or state[i] != PG_RESERVED_61):
            return violated(v, 3, z.base_pfn + i, PG_HOLE, state[i])
    return agree(v, 3, z.present_pages, present)


cdef int check_tiling_61(zone_t *z, violation_t *v) noexcept nogil:
    """I4."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t i = 0
    while i < z.nr_index:
        if state[i] == PG_TAIL:
            return violated(v, 4, z.base_pfn + i, PG_USED, PG_TAIL)
        if not check_block(z, i, state_order_61(z, state[i]), v):
            return 0
        i += 1 << state_order_61(z, state[i])
    return 1


cdef int check_free_order_61(zone_t *z, int order, int64_t *pages, violation_t *v) noexcept nogil:
    """I5, I6 for one order; `pages` grows by those that are not isolated."""
    cdef int64_t listed = 0
    cdef int64_t n
    cdef int mt
    cdef int32_t stranger
    for mt in range(TYPES_61):
        if not check_links(z, free_list_61(order, mt), 5, v):
            return 0
        n = list_count(z, free_list_61(order, mt), 0xFF, PG_FREE | order, &stranger)
        if stranger != NO_PAGE:
            return violated(v, 5, z.base_pfn + stranger, PG_FREE | order, order_array(z)[stranger])
        if mt > iso_61(z) and n:
            return violated(v, 5, NO_PAGE, 0, n)
        listed += n
        if mt != iso_61(z):
            pages[0] += n << order
    return agree(v, 5, count_state(z, 0xFF, PG_FREE | order), listed) and agree(v, 6, listed, z.nr_free[order])


cdef int check_free_61(zone_t *z, violation_t *v) noexcept nogil:
    """I5, I6, I7."""
    cdef int64_t pages = 0
    cdef int order
    for order in range(ORDER_MAX_61 + 1):
        if not check_free_order_61(z, order, &pages, v):
            return 0
    return not only_61(z).counts_exact or (agree(v, 7, pages, z.nr_free_pages) and check_own_counters_61(z, v))


cdef int check_coalescing_61(zone_t *z, violation_t *v) noexcept nogil:
    """I8."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t i
    for i in range(z.nr_index):
        if state[i] < z.pageblock_order and state[i ^ (1 << state[i])] == state[i]:
            return violated(v, 8, z.base_pfn + i, PG_USED | state[i], state[i])
    return 1


cdef int check_capture_61(zone_t *z, violation_t *v) noexcept nogil:
    """I9."""
    cdef zone_6_1_t *e = only_61(z)
    cdef int64_t captured = count_state(z, PG_STATE, PG_CAPTURED)
    if not agree(v, 9, e.capture_page != NO_PAGE, captured):
        return 0
    if captured and order_array(z)[e.capture_page] != (PG_CAPTURED | e.capture_order):
        return violated(v, 9, z.base_pfn + e.capture_page, PG_CAPTURED | e.capture_order,
                        order_array(z)[e.capture_page])
    return 1


cdef int check_pcp_list_61(zone_t *z, int cpu, int index, int64_t *pages, violation_t *v) noexcept nogil:
    """I10 for one list; `pages` grows by those on it."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = pcp_list_61(cpu, index)
    cdef int32_t i
    cdef uint8_t state
    cdef int tag
    if not check_links(z, head, 10, v):
        return 0
    i = link[head].next
    while i != head:
        state = order_array(z)[i]
        tag = state & 0x0F if (state & 0x0F) < ORDINARY_61 else MT61_MOVABLE
        if not is_pcp_state_61(state):
            return violated(v, 10, z.base_pfn + i, PG_PCP_61, state)
        if pcp_index_61(z, state_order_61(z, state), tag) != index and (state & 0x0F) != MT61_CMA:
            return violated(v, 10, z.base_pfn + i, index, pcp_index_61(z, state_order_61(z, state), tag))
        pages[0] += 1 << state_order_61(z, state)
        i = link[i].next
    return 1


cdef int check_pcp_61(zone_t *z, violation_t *v) noexcept nogil:
    """I10."""
    cdef int64_t listed = 0
    cdef int64_t waiting = 0
    cdef int64_t pages
    cdef int cpu, index
    cdef int32_t i
    for cpu in range(z.cpus):
        pages = 0
        for index in range(PCP_LISTS_61):
            if not check_pcp_list_61(z, cpu, index, &pages, v):
                return 0
        if not (agree(v, 10, pages, zone_pcp_61(z, cpu).count)
                and check_pcp_sizes_61(zone_pcp_61(z, cpu), v)
                and within(v, 10, 0, 1, zone_pcp_61(z, cpu).locked)):
            return 0
        listed += pages
    for i in range(z.nr_index):
        if is_pcp_state_61(order_array(z)[i]):
            waiting += 1 << state_order_61(z, order_array(z)[i])
    return agree(v, 10, waiting, listed)


cdef int check_noted_61(zone_t *z, violation_t *v) noexcept nogil:
    """I11."""
    cdef uint8_t *state = order_array(z)
    cdef int32_t i = 0
    cdef int32_t end, k
    cdef uint32_t noted
    while i < z.nr_index:
        end = i + (1 << state_order_61(z, state[i]))
        noted = refs_array_61(z)[i]
        for k in range(i, end):
            noted |= flags_array(z)[k]
            if flags_array(z)[k] & ~<uint32_t> PAGE_FLAGS_61 or (k > i and (
                    refs_array_61(z)[k] or flags_array(z)[k] & PF_COMPOUND_61
                    or (flags_array(z)[k] and flags_array(z)[i] & PF_COMPOUND_61))):
                return violated(v, 11, z.base_pfn + k, 0, flags_array(z)[k])
        if (state[i] & PG_STATE == PG_MARKED) != (noted != 0):
            return violated(v, 11, z.base_pfn + i, noted != 0, state[i])
        i = end
    return 1


cdef int64_t count_flagged_61(zone_t *z, uint32_t flag) noexcept nogil:
    """Pages with a mark, wherever in a block they are."""
    cdef int64_t n = 0
    cdef int32_t i
    for i in range(z.nr_index):
        n += (flags_array(z)[i] & flag) != 0
    return n


cdef int check_lru_list_61(zone_t *z, int lru, violation_t *v) noexcept nogil:
    """I12 for one list."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = page_list(lru)
    cdef int64_t n = 0
    cdef int32_t i
    if not check_links(z, head, 12, v):
        return 0
    i = link[head].next
    while i != head:
        if not flags_array(z)[i] & PF_LRU or flags_list(flags_array(z)[i]) != lru:
            return violated(v, 12, z.base_pfn + i, lru, flags_list(flags_array(z)[i]))
        n += 1
        i = link[i].next
    return agree(v, 12, n, z.nr_lru[lru])


cdef int check_lru_61(zone_t *z, violation_t *v) noexcept nogil:
    """I12."""
    cdef int64_t listed = 0
    cdef int lru
    for lru in range(NR_PAGE_LISTS):
        if not check_lru_list_61(z, lru, v):
            return 0
        listed += z.nr_lru[lru]
    return agree(v, 12, count_flagged_61(z, PF_LRU), listed)


cdef int check_targets_61(zone_t *z, int32_t slot, violation_t *v) noexcept nogil:
    """I13 for a list of free pages that compaction holds."""
    cdef int32_t stranger
    if not check_links(z, slot_list(z, slot), 13, v):
        return 0
    list_count(z, slot_list(z, slot), TARGET_BITS_61, PG_HELD_61, &stranger)
    if stranger != NO_PAGE:
        return violated(v, 13, z.base_pfn + stranger, PG_HELD_61, order_array(z)[stranger])
    return 1


cdef int check_private_61(zone_t *z, violation_t *v) noexcept nogil:
    """I13, I16."""
    cdef int64_t isolated = 0
    cdef int32_t slot, stranger
    if z.slots_used and zone_slot(z, z.slots_used - 1).kind == SLOT_UNUSED:
        return violated(v, 16, NO_PAGE, SLOT_PAGES, SLOT_UNUSED)
    for slot in range(z.slots_used):
        if zone_slot(z, slot).kind == SLOT_PAGES:
            if not check_units_61(z, slot, v):
                return 0
            isolated += list_count(z, slot_list(z, slot), 0, 0, &stranger)
        elif zone_slot(z, slot).kind == SLOT_TARGETS:
            if not check_targets_61(z, slot, v):
                return 0
        elif zone_slot(z, slot).kind != SLOT_UNUSED:
            return violated(v, 16, NO_PAGE, SLOT_PAGES, zone_slot(z, slot).kind)
    return agree(v, 13, count_flagged_61(z, PF_ISOLATED), isolated)


cdef int check_pageblocks_61(zone_t *z, violation_t *v) noexcept nogil:
    """I14."""
    cdef int32_t isolated = 0
    cdef int32_t k
    for k in range(z.nr_pageblocks):
        if pageblock_array(z)[k] > iso_61(z):
            return violated(v, 14, z.base_pfn + k * block_pages_61(z), iso_61(z), pageblock_array(z)[k])
        if skip_array_61(z)[k] > 1:
            return violated(v, 14, z.base_pfn + k * block_pages_61(z), 1, skip_array_61(z)[k])
        isolated += pageblock_array(z)[k] == iso_61(z)
    return within(v, 14, isolated, isolated if only_61(z).counts_exact else 1 << 30,
                  only_61(z).nr_isolated)


cdef int zone_check_61(zone_t *z, violation_t *v) noexcept nogil:
    """1 if every invariant holds; else 0 and the first that does not.  The layout must be good: see zone_layout_ok."""
    v.invariant = 0
    return (check_settings_61(z, v) and check_own_61(z, v) and check_rest_61(z, v) and check_states_61(z, v)
            and check_tiling_61(z, v)
            and check_free_61(z, v) and check_coalescing_61(z, v) and check_capture_61(z, v) and check_pcp_61(z, v)
            and check_noted_61(z, v) and check_lru_61(z, v) and check_private_61(z, v) and check_pageblocks_61(z, v)
            and check_owners(z, v) and check_bits(z, v))


cdef int untaped_61(zone_t *z, violation_t *v) noexcept nogil:
    """I1: an image has no tape."""
    return agree(v, 1, 0, tape_61(z)[0] != NULL)
