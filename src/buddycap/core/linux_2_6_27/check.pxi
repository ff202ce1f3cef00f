# The invariants of a zone of 2.6.27 (common/check.pxi numbers them), and all of them in their order.

cdef enum:
    LIST_RULES = LIST_PRIVATE | LIST_RELEASE | LIST_TRIM | LIST_SATED
    PAGE_FLAGS = (PF_LOCKED | PF_REFERENCED | PF_DIRTY | PF_LRU | PF_ACTIVE | PF_SLAB | PF_WRITEBACK | PF_RECLAIM
                  | PF_ORPHAN | PF_MMAP | PF_ANON | PF_SWAPCACHE | PF_SWAPBACKED | PF_UNEVICTABLE | PF_YOUNG
                  | PF_ISOLATED | PF_PINNED | PF_MLOCKED)
    PCP_MAX = 1 << 24           # of a batch; `high` is six batches at most
    COUNT_BITS = 48             # counts of events: reclaim multiplies them by 20000, which must fit
    EVENT_BITS = 62


cdef int check_settings(const zone_t *z, violation_t *v) noexcept nogil:
    """I1 for what is not geometry, I3 for what the header says."""
    cdef uint64_t seeded = 0
    cdef int k
    if not within(v, 1, 0, MAX_NR_ZONES - 1, z.zone_idx):
        return 0
    for k in range(NR_VM_EVENTS):
        if z.vm[k] >> EVENT_BITS:
            return violated(v, 1, NO_PAGE, <int64_t> 1 << EVENT_BITS, <int64_t> z.vm[k])
    for k in range(4):
        seeded |= z.random[k]
    for k in range(MAX_NR_ZONES):
        if not within(v, 1, 0, <int64_t> 1 << NODE_PAGES_BITS, z.node_present[k]):
            return 0
    return (within(v, 1, 0, 1, z.grouping) and within(v, 1, 0, 1, z.pcp_bulk_cold)
            and within(v, 1, 0, 1, z.cpuset_allowed) and within(v, 1, 0, 1, z.all_unreclaimable)
            and within(v, 1, 0, DEF_PRIORITY, z.prev_priority) and within(v, 3, 0, z.spanned_pages, z.present_pages)
            and agree(v, 3, z.present_pages, z.node_present[z.zone_idx])
            and within(v, 1, 0, (1 << MAX_NR_ZONES) - 1, z.node_highmem)
            and within(v, 1, 0, MIN_FREE_KBYTES_MAX, z.min_free_kbytes)
            and agree(v, 1, inactive_ratio(z.present_pages), z.inactive_ratio)
            and (seeded != 0 or violated(v, 1, NO_PAGE, 1, 0)))


cdef inline int64_t most_saved_scan(const zone_t *z) noexcept nogil:
    """The most that can be saved up for a scan of a list.

    Reclaim itself leaves less than a cluster; a state from elsewhere may ask for one look at every page, not for more.
    """
    return max(<int64_t> SAVED_SCAN_PAGES, z.present_pages)


cdef int check_scan_counts(const zone_t *z, violation_t *v) noexcept nogil:
    """I12: what the header says about the lists, and what reclaim remembers."""
    cdef int64_t most = <int64_t> 1 << COUNT_BITS
    cdef int64_t listed = 0
    cdef int k
    for k in range(NR_PAGE_LISTS):
        if not within(v, 12, 0, z.present_pages - listed, z.nr_lru[k]):
            return 0
        listed += z.nr_lru[k]
    for k in range(NR_LRU_LISTS):
        if not within(v, 12, 0, most_saved_scan(z), z.nr_scan[k]):
            return 0
    return (within(v, 12, 0, most, z.pages_scanned)
            and within(v, 12, 0, most, z.recent_scanned[0]) and within(v, 12, 0, most, z.recent_scanned[1])
            and within(v, 12, 0, most, z.recent_rotated[0]) and within(v, 12, 0, most, z.recent_rotated[1]))


cdef int check_marks(const zone_t *z, violation_t *v) noexcept nogil:
    """I15."""
    cdef marks_t marks = zone_marks(z.node_present, z.node_highmem, z.zone_idx, z.min_free_kbytes)
    cdef int k
    for k in range(MAX_NR_ZONES):
        if not agree(v, 15, zone_lowmem_reserve(z.node_present, z.lowmem_reserve_ratio, z.zone_idx, k),
                     z.lowmem_reserve[k]):
            return 0
    return (agree(v, 15, marks.pages_min, z.pages_min) and agree(v, 15, marks.pages_low, z.pages_low)
            and agree(v, 15, marks.pages_high, z.pages_high))


cdef int header_values_ok_27(const zone_t *z, violation_t *v) noexcept nogil:
    """What a header with good geometry can be asked without a look at any page: I1, I3, I7, I12, I15."""
    return check_settings(z, v) and check_totals(z, v) and check_scan_counts(z, v) and check_marks(z, v)


cdef int is_legal_state(zone_t *z, uint8_t state) noexcept nogil:
    cdef uint8_t kind = state & PG_STATE
    if state == PG_HOLE or state == PG_TAIL:
        return 1
    if kind == PG_PCP:
        return (state & 0x0F) < MIGRATE_TYPES
    return kind <= PG_PRIVATE and (state & 0x0F) <= z.max_page_order


cdef int check_states(zone_t *z, violation_t *v) noexcept nogil:
    """I2, I3."""
    cdef uint8_t *state = order_array(z)
    cdef int64_t present = 0
    cdef int32_t i
    for i in range(z.nr_index):
        if not is_legal_state(z, state[i]):
            return violated(v, 2, z.base_pfn + i, PG_TAIL, state[i])
        if (i < z.first or i >= z.end) and state[i] != PG_HOLE:
            return violated(v, 3, z.base_pfn + i, PG_HOLE, state[i])
        present += state[i] != PG_HOLE
    return agree(v, 3, z.present_pages, present)


cdef int check_free_list(zone_t *z, int order, int mt, violation_t *v) noexcept nogil:
    """I5 for one list on which something is wrong."""
    cdef int32_t stranger
    if not check_links(z, free_list(order, mt), 5, v):
        return 0
    list_count(z, free_list(order, mt), 0xFF, PG_FREE | order, &stranger)
    return violated(v, 5, z.base_pfn + stranger, PG_FREE | order, order_array(z)[stranger])


cdef int check_free_order(zone_t *z, int order, violation_t *v) noexcept nogil:
    """I5, I6 for one order."""
    cdef int64_t listed = 0
    cdef int64_t n
    cdef int mt
    for mt in range(MIGRATE_TYPES):
        n = sound_length(z, free_list(order, mt), PG_FREE | order)
        if n < 0:
            return check_free_list(z, order, mt, v)
        listed += n
    return agree(v, 5, count_state(z, 0xFF, PG_FREE | order), listed) and agree(v, 6, listed, z.nr_free[order])


cdef int check_free(zone_t *z, violation_t *v) noexcept nogil:
    """I5, I6, I7."""
    cdef int64_t pages = 0
    cdef int order
    for order in range(MAX_ORDERS):
        if not check_free_order(z, order, v):
            return 0
        pages += z.nr_free[order] << order
    return agree(v, 7, pages, z.nr_free_pages)


cdef int check_private_coalescing(zone_t *z, int32_t slot, int32_t i, violation_t *v) noexcept nogil:
    """I8 for a block of a list whose blocks merge only with each other."""
    cdef uint8_t state = order_array(z)[i]
    cdef int32_t buddy = i ^ (1 << (state & 0x0F))
    if (state & 0x0F) == z.max_page_order or not zone_slot(z, slot).rules & LIST_PRIVATE:
        return 1
    if order_array(z)[buddy] == state and flags_array(z)[buddy] == <uint32_t> slot:
        return violated(v, 8, z.base_pfn + i, PG_USED | (state & 0x0F), state)
    return 1


cdef inline int may_be_on(const slot_t *list, uint8_t state) noexcept nogil:
    """Whether a captured block of that kind can be on the list: a private one also if the list is sated."""
    if (state & PG_STATE) == PG_PRIVATE:
        return list.rules & (LIST_PRIVATE | LIST_SATED)
    return (state & PG_STATE) == PG_CAPTURED and not list.rules & LIST_PRIVATE


cdef int check_slot_kinds(zone_t *z, violation_t *v) noexcept nogil:
    """I16."""
    cdef int32_t slot
    if z.slots_used and zone_slot(z, z.slots_used - 1).kind == SLOT_UNUSED:
        return violated(v, 16, NO_PAGE, SLOT_CAPTURE, SLOT_UNUSED)
    for slot in range(z.slots_used):
        if zone_slot(z, slot).kind > SLOT_PAGES:
            return violated(v, 16, NO_PAGE, SLOT_PAGES, zone_slot(z, slot).kind)
        if zone_slot(z, slot).rules > LIST_RULES:
            return violated(v, 16, NO_PAGE, LIST_RULES, zone_slot(z, slot).rules)
        if zone_slot(z, slot).kind != SLOT_UNUSED and not (
                within(v, 16, 0, z.max_page_order, zone_slot(z, slot).wanted)
                and within(v, 16, 0, z.max_page_order, zone_slot(z, slot).largest)
                and agree(v, 16, 0, zone_slot(z, slot).reserved)):
            return 0
    return 1


cdef int check_capture_list(zone_t *z, int32_t slot, violation_t *v) noexcept nogil:
    """I9 for one open list."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, slot)
    cdef int32_t i
    if not check_links(z, head, 9, v):
        return 0
    i = link[head].next
    while i != head:
        if not may_be_on(zone_slot(z, slot), order_array(z)[i]):
            return violated(v, 9, z.base_pfn + i, PG_CAPTURED, order_array(z)[i])
        if flags_array(z)[i] != <uint32_t> slot:
            return violated(v, 9, z.base_pfn + i, slot, flags_array(z)[i])
        if not check_private_coalescing(z, slot, i, v):
            return 0
        i = link[i].next
    return 1


cdef int check_slots(zone_t *z, violation_t *v) noexcept nogil:
    """I16, I9, I13."""
    cdef int64_t captured = 0
    cdef int64_t isolated = 0
    cdef int32_t slot, stranger
    if not check_slot_kinds(z, v):
        return 0
    for slot in range(z.slots_used):
        if zone_slot(z, slot).kind == SLOT_CAPTURE:
            if not check_capture_list(z, slot, v):
                return 0
            captured += list_count(z, slot_list(z, slot), 0, 0, &stranger)
        elif zone_slot(z, slot).kind == SLOT_PAGES:
            if not check_isolated_list(z, slot, v):
                return 0
            isolated += list_count(z, slot_list(z, slot), 0, 0, &stranger)
    return (agree(v, 9, count_state(z, PG_STATE, PG_CAPTURED) + count_state(z, PG_STATE, PG_PRIVATE), captured)
            and agree(v, 13, count_flagged(z, PF_ISOLATED), isolated))


cdef int check_pcp(zone_t *z, violation_t *v) noexcept nogil:
    """I10."""
    cdef int64_t listed = 0
    cdef int cpu
    cdef int32_t stranger
    for cpu in range(z.cpus):
        if not check_links(z, pcp_list(cpu), 10, v):
            return 0
        if not (within(v, 10, 1, PCP_MAX, zone_pcp(z, cpu).batch) and agree(v, 10, 0, zone_pcp(z, cpu).reserved)
                and within(v, 10, 0, 6 * PCP_MAX, zone_pcp(z, cpu).high)):
            return 0
        if not agree(v, 10, list_count(z, pcp_list(cpu), PG_STATE, PG_PCP, &stranger), zone_pcp(z, cpu).count):
            return 0
        if stranger != NO_PAGE:
            return violated(v, 10, z.base_pfn + stranger, PG_PCP, order_array(z)[stranger])
        if z.pcp_bypass and not agree(v, 10, 0, zone_pcp(z, cpu).count):
            return 0
        listed += zone_pcp(z, cpu).count
    return agree(v, 10, count_state(z, PG_STATE, PG_PCP), listed)


cdef int check_flags(zone_t *z, violation_t *v) noexcept nogil:
    """I11."""
    cdef int32_t i
    cdef uint8_t kind
    for i in range(z.nr_index):
        kind = order_array(z)[i] & PG_STATE
        if kind == PG_CAPTURED or kind == PG_PRIVATE:
            continue
        if (kind == PG_MARKED) != (flags_array(z)[i] != 0) or flags_array(z)[i] & ~<uint32_t> PAGE_FLAGS:
            return violated(v, 11, z.base_pfn + i, kind == PG_MARKED, flags_array(z)[i])
    return 1


cdef int check_pageblocks(zone_t *z, violation_t *v) noexcept nogil:
    """I14."""
    cdef int32_t k
    for k in range(z.nr_pageblocks):
        if pageblock_array(z)[k] >= MIGRATE_TYPES:
            return violated(v, 14, z.base_pfn + z.pageblock_origin + (<int64_t> k << z.pageblock_order),
                            MT_MOVABLE, pageblock_array(z)[k])
    return 1


cdef int zone_check_27(zone_t *z, violation_t *v) noexcept nogil:
    """1 if every invariant holds; else 0 and the first that does not.  The layout must be good: see zone_layout_ok."""
    v.invariant = 0
    return (check_states(z, v) and check_tiling(z, v) and check_free(z, v) and check_coalescing(z, v)
            and check_slots(z, v) and check_pcp(z, v) and check_flags(z, v) and check_lru(z, v)
            and check_pageblocks(z, v) and check_owners(z, v) and check_bits(z, v) and header_values_ok_27(z, v))
