# What becomes of a page, and which pages a pass looks at: the half of reclaim that frees nothing, equal in Linux 6.1
# and 6.12.
#
# A page is decided on by the first of these that says so: locked: keep; unevictable: put there; under writeback:
# activate; used since and mapped: activate, or keep after one use; anonymous: a swap slot; mapped: unmap; dirty file:
# activate, so that it is written meanwhile; dirty: write; held by others: keep; free it.
#
# Kernel: mm/vmscan.c of 6.1: shrink_folio_list, folio_check_references, isolate_lru_folios, get_scan_count,
# lru_note_cost.
#
# Deviations: the LRU lists are those of a zone, not of the node.  A list stops as soon as enough has come, without the
# shares of the others being worked off.  Pages of programs are aged like others.  kswapd writes a dirty page of a file
# that it meets for the second time.  No refaults, no memory cgroups, no huge pages on the LRU; the shrinkers' objects
# have no numbers put off.

cdef enum:
    THROTTLE_MS_61 = 4              # one tick at HZ=250: VMSCAN_THROTTLE_NOPROGRESS
    SLAB_SEEKS_61 = 2               # DEFAULT_SEEKS

cdef enum:                          # scan_t.zone_state
    ZONE61_IDLE = 0
    ZONE61_LISTS
    ZONE61_INACTIVE

cdef enum:                          # scan_t.node_state
    NODE61_IDLE = 0
    NODE61_NEXT
    NODE61_SHRINK

cdef enum:                          # kswapd_t.state
    KSWAPD61_ASLEEP = 0
    KSWAPD61_BALANCE
    KSWAPD61_PRIORITY
    KSWAPD61_SHRINK


# --- one page ---------------------------------------------------------------------------------------------------

cdef int check_references_61(zone_t *z, int32_t i) noexcept nogil:
    """Used since it was last looked at?  VERDICT_FREE: no.  Linux: folio_check_references."""
    cdef uint32_t flags = flags_array(z)[i]
    if (flags & (PF_MMAP | PF_YOUNG)) != (PF_MMAP | PF_YOUNG):
        flags_array(z)[i] = flags & ~<uint32_t> (PF_REFERENCED | PF_YOUNG)
        return VERDICT_FREE
    flags_array(z)[i] = (flags | PF_REFERENCED) & ~<uint32_t> PF_YOUNG
    return VERDICT_ACTIVATE if flags & PF_REFERENCED else VERDICT_KEEP


cdef int write_dirty_61(machine_t *m, scan_t *sc, zone_t *z, int32_t i, uint32_t before, step_t *out) noexcept nogil:
    """A dirty page: only kswapd writes pages of files, and not at first sight."""
    cdef uint32_t flags = flags_array(z)[i]
    if is_file(flags) and not (sc.kswapd and flags & PF_RECLAIM):
        flags_array(z)[i] |= PF_RECLAIM
        sc.unqueued_dirty += 1
        return VERDICT_ACTIVATE
    if (is_file(flags) and before & PF_REFERENCED) or not may_enter_fs(sc, flags) or not sc.may_writepage:
        return VERDICT_KEEP
    return pageout(m, sc, z, i, out)


cdef int shrink_page_61(machine_t *m, scan_t *sc, zone_t *z, int32_t i, step_t *out) noexcept nogil:
    """What becomes of page i: VERDICT_*, never VERDICT_WAIT.  Linux: shrink_folio_list."""
    cdef uint32_t before = flags_array(z)[i]
    cdef int verdict
    out.cost.scanned += 1
    if before & PF_ORPHAN:
        return VERDICT_KEEP                 # put-back drops the last reference
    if before & PF_LOCKED:
        return VERDICT_KEEP
    if not is_evictable(before):
        return VERDICT_CULL
    if before & PF_WRITEBACK:
        flags_array(z)[i] |= PF_RECLAIM
        return VERDICT_ACTIVATE
    verdict = check_references_61(z, i)
    if verdict == VERDICT_FREE and (before & (PF_ANON | PF_SWAPCACHE)) == PF_ANON:
        verdict = add_to_swap(m, sc, z, i, out)
    if verdict == VERDICT_FREE and before & PF_MMAP:
        verdict = try_to_unmap(m, sc, z, i, out)
    if verdict == VERDICT_FREE and flags_array(z)[i] & PF_DIRTY:
        verdict = write_dirty_61(m, sc, z, i, before, out)
    return VERDICT_KEEP if verdict == VERDICT_FREE and (before & PF_PINNED or refs_array_61(z)[i]) else verdict


# --- lists ------------------------------------------------------------------------------------------------------

cdef inline void rotate_61(zone_t *z, int32_t i, int lru) noexcept nogil:
    """A page that cannot be taken goes to the head of its list."""
    list_del(link_array(z), i)
    list_add(link_array(z), page_list(lru), i)


cdef int isolate_61(zone_t *z, scan_t *sc, int lru, int n, step_t *out) noexcept nogil:
    """Take pages from the last n of a list to the head of the private one; how many.  Parts of blocks stay."""
    cdef link_t *link = link_array(z)
    cdef int32_t i
    cdef int taken = 0
    while n > 0 and not list_empty(link, page_list(lru)):
        n -= 1
        i = link[page_list(lru)].prev
        if order_array(z)[i] != PG_MARKED:
            rotate_61(z, i, lru)
            continue
        del_page_from_lru_list(z, i, lru)
        flags_array(z)[i] = (flags_array(z)[i] & ~<uint32_t> PF_LRU) | PF_ISOLATED
        list_add(link, slot_list(z, sc.page_slot), i)
        taken += 1
    z.recent_scanned[lru >= LRU_INACTIVE_FILE] += taken
    z.pages_scanned += taken
    out.cost.isolated += taken
    out.cost.looked += taken
    return taken


cdef void note_cost_61(zone_t *z, int file, int64_t pages) noexcept nogil:
    """Work that did not free a page counts against its kind.  Linux: lru_note_cost."""
    z.recent_rotated[file] += pages
    if z.recent_rotated[0] + z.recent_rotated[1] > zone_lru_pages(z) // 4:
        z.recent_rotated[0] //= 2
        z.recent_rotated[1] //= 2


cdef int inactive_is_low_61(zone_t *z, int file) noexcept nogil:
    """Whether the inactive list is too short for the active one."""
    cdef int64_t inactive = z.nr_lru[LRU_INACTIVE_FILE if file else LRU_INACTIVE_ANON]
    cdef int64_t active = z.nr_lru[LRU_ACTIVE_FILE if file else LRU_ACTIVE_ANON]
    cdef int64_t gib = (inactive + active) >> 18
    return inactive * (int_sqrt(10 * gib) if gib else 1) < active


cdef void begin_inactive_61(scan_t *sc, zone_t *z, int lru, int n, step_t *out) noexcept nogil:
    """Isolate what is decided on next."""
    sc.file = lru == LRU_INACTIVE_FILE
    sc.nr_taken = sc.page_left = isolate_61(z, sc, lru, n, out)
    sc.nr_freed = 0
    sc.unqueued_dirty = 0
    sc.nr_scanned += sc.nr_taken
    sc.zone_state = ZONE61_INACTIVE


cdef int shrink_page_list_61(machine_t *m, scan_t *sc, zone_t *z, int64_t budget, step_t *out) noexcept nogil:
    """Decide on the isolated pages, the first isolated first; 0: the step ends."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, sc.page_slot)
    cdef int32_t i
    cdef int verdict
    while sc.page_left:
        if not may_go_on(m, budget, out):
            return 0
        i = link[head].prev
        verdict = shrink_page_61(m, sc, z, i, out)
        list_del(link, i)
        sc.page_left -= 1
        if verdict == VERDICT_FREE:
            event_put(m, EV_RECLAIMED, sc.zone, i, page_owner(z, i))
            page_disown(z, i)
            page_set_flags(z, i, PF_ORPHAN)
            sc.nr_freed += 1
            sc.pvec[sc.pvec_count] = i
            sc.pvec_count += 1
        elif verdict == VERDICT_CULL:
            putback_lru_page(z, i)
        else:
            if verdict == VERDICT_ACTIVATE:
                page_set_active(m, sc, z, i, out)
            list_add(link, head, i)
    return 1


# --- a zone -----------------------------------------------------------------------------------------------------

cdef int64_t file_share_61(machine_t *m, scan_t *sc, zone_t *z) noexcept nogil:
    """Ten thousandths of the pressure that pages of files get; -1: both kinds get all.  Linux: get_scan_count."""
    cdef int64_t total = z.recent_rotated[0] + z.recent_rotated[1]
    cdef int64_t anon, file
    if not sc.may_swap or m.swap_free <= 0:
        return 10000
    if sc.priority == 0 and m.swappiness:
        return -1
    if (zone_file_pages(z) + z.nr_free_pages <= z.pages_high and not inactive_is_low_61(z, 0)
            and z.nr_lru[LRU_INACTIVE_ANON] >> sc.priority):
        return 0
    if z.nr_lru[LRU_INACTIVE_FILE] >> sc.priority and not inactive_is_low_61(z, 1):
        return 10000
    anon = m.swappiness * (2 * total + z.recent_rotated[1] + 1) // (total + z.recent_rotated[0] + 1)
    file = (200 - m.swappiness) * (2 * total + z.recent_rotated[0] + 1) // (total + z.recent_rotated[1] + 1)
    return 10000 * file // max(anon + file, <int64_t> 1)


cdef void set_scan_counts_61(machine_t *m, scan_t *sc, zone_t *z) noexcept nogil:
    """How many pages of each list this pass looks at."""
    cdef int64_t share = file_share_61(m, sc, z)
    cdef int lru
    for lru in range(4):
        sc.nr[lru] = z.nr_lru[lru] >> sc.priority
        if share >= 0:
            sc.nr[lru] = sc.nr[lru] * (share if lru >= LRU_INACTIVE_FILE else 10000 - share) // 10000


cdef int begin_zone_61(machine_t *m, scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """Begin with a zone; 0 if every private list of it is in use."""
    sc.page_slot = slot_open(z, SLOT_PAGES)
    if sc.page_slot == NO_PAGE:
        out.zone = sc.zone
        return leave_step(out, WAIT_LISTS)
    set_scan_counts_61(m, sc, z)
    sc.nr_reclaimed = 0
    sc.lru = 0
    sc.pvec_count = 0
    sc.zone_state = ZONE61_LISTS
    return 1


cdef inline int lists_left_61(const scan_t *sc) noexcept nogil:
    return sc.nr[LRU_INACTIVE_ANON] != 0 or sc.nr[LRU_INACTIVE_FILE] != 0 or sc.nr[LRU_ACTIVE_FILE] != 0


cdef int64_t single_pages_61(zone_t *z, int lru) noexcept nogil:
    """Entries of a list that are no compound blocks."""
    cdef int32_t head = page_list(lru)
    cdef int32_t i = link_array(z)[head].next
    cdef int64_t pages = 0
    while i != head:
        pages += not order_array(z)[i] & 0x0F
        i = link_array(z)[i].next
    return pages


cdef int64_t zone_reclaimable_61(machine_t *m, zone_t *z) noexcept nogil:
    """Pages that reclaim could look at.  Linux: zone_reclaimable_pages.

    A driver frees single pages, and only those are counted then; else a compound block counts as a page.
    """
    cdef int64_t pages
    if m.driver_reclaims:
        pages = single_pages_61(z, LRU_INACTIVE_FILE) + single_pages_61(z, LRU_ACTIVE_FILE)
        if m.swap_free > 0:
            pages += single_pages_61(z, LRU_INACTIVE_ANON) + single_pages_61(z, LRU_ACTIVE_ANON)
        return pages
    return zone_file_pages(z) + (zone_anon_pages(z) if m.swap_free > 0 else 0)


# --- direct reclaim ---------------------------------------------------------------------------------------------

cdef void begin_reclaim_61(machine_t *m, request_t *r) noexcept nogil:
    cdef scan_t *sc = &r.scan
    memset(sc, 0, sizeof(scan_t))
    sc.gfp = r.gfp
    sc.order = r.order
    sc.classzone_idx = r.classzone_idx
    sc.cpu = r.cpu
    sc.may_writepage = not m.laptop_mode
    sc.may_swap = 1
    sc.priority = DEF_PRIORITY
    sc.nr_to_reclaim = SWAP_CLUSTER_MAX
    sc.got = sc.fenced = sc.capture_slot = NO_PAGE
    sc.capture_largest = -1
    r.reclaims += 1
    r.progress = 0
    r.reclaim_state = 1
    m.zone[0].vm[VM_ALLOCSTALL] += 1


cdef int end_priority_61(machine_t *m, request_t *r, step_t *out) noexcept nogil:
    """After one priority.  1: reclaim is over; 0: the next one, or a rest."""
    cdef scan_t *sc = &r.scan
    cdef int64_t reclaimed = sc.total_reclaimed
    if reclaimed >= sc.nr_to_reclaim or sc.compaction_ready or sc.priority == 0:
        if reclaimed == 0 and not sc.compaction_ready and sc.skipped_deactivate:
            sc.force_deactivate = 1
            sc.skipped_deactivate = 0
            sc.priority = DEF_PRIORITY
            return 0
        r.progress = reclaimed if reclaimed or not sc.compaction_ready else 1
        r.reclaim_state = 0
        return 1
    if sc.priority < DEF_PRIORITY - 2:
        sc.may_writepage = 1
    sc.priority -= 1
    if sc.priority == 0 and reclaimed == 0:
        return congestion_wait(sc, out, THROTTLE_MS_61)
    return 0
