# Reclaim of Linux 6.1: one pass over the zones of a node at one priority, for direct reclaim and kswapd alike.
#
#   scan_t:  shrink_node_61 (node_state): zone after zone
#              '- shrink_zone_61 (zone_state): list after list, 32 pages at a time
#                   '- active: pages move to the inactive list      inactive: isolate -> page by page -> put back
#                                                                   keep, activate, free as a list
#              '- the slab list
#              '- once more, if compaction needs more free pages and the pass has freed some
#
# A page is decided on by the first of these that says so: locked: keep; unevictable: put there; under writeback:
# activate; used since and mapped: activate, or keep after one use; anonymous: a swap slot; mapped: unmap; dirty file:
# activate, so that it is written meanwhile; dirty: write; held by others: keep; free it.
#
# Kernel: mm/vmscan.c of 6.1: shrink_node, shrink_lruvec, get_scan_count, shrink_inactive_list, shrink_active_list,
# shrink_folio_list, should_continue_reclaim, compaction_ready, do_try_to_free_pages.
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


cdef void free_reclaimed_61(machine_t *m, scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """What was given up is freed as a list, the page decided on last first."""
    cdef int k
    only_61(z).cpu = sc.cpu
    for k in range(sc.pvec_count - 1, -1, -1):
        free_list_prepare_61(z, sc.pvec[k])
    for k in range(sc.pvec_count - 1, -1, -1):
        if is_pcp_state_61(order_array(z)[sc.pvec[k]]):
            free_list_commit_61(z, sc.pvec[k])
    out.cost.freed += sc.pvec_count
    sc.pvec_count = 0


cdef void putback_page_61(zone_t *z, int32_t i, int cpu) noexcept nogil:
    """A survivor goes where its flags say; an orphan, whose last reference this was, is freed."""
    cdef uint32_t flags = flags_array(z)[i] & ~<uint32_t> PF_ISOLATED
    if (flags & (PF_ORPHAN | PF_WRITEBACK)) == PF_ORPHAN:
        flags_array(z)[i] = flags & ~<uint32_t> PF_ORPHAN
        only_61(z).cpu = cpu
        free_unref_61(z, i, 0)
    elif not is_evictable(flags):
        flags_array(z)[i] = flags
        putback_lru_page(z, i)
    else:
        flags_array(z)[i] = flags | PF_LRU
        add_page_to_lru_list(z, i, evictable_list(flags))


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


cdef void shrink_active_61(scan_t *sc, zone_t *z, int n, int file, step_t *out) noexcept nogil:
    """Pages from the tail of an active list go to the head of the inactive one, used since or not."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, sc.page_slot)
    cdef int taken = isolate_61(z, sc, LRU_ACTIVE_FILE if file else LRU_ACTIVE_ANON, n, out)
    cdef int32_t i
    z.vm[VM_PGREFILL] += taken
    z.vm[VM_PGDEACTIVATE] += taken
    out.cost.active += taken
    while not list_empty(link, head):
        i = link[head].prev
        list_del(link, i)
        flags_array(z)[i] &= ~<uint32_t> (PF_ACTIVE | PF_YOUNG)
        putback_page_61(z, i, sc.cpu)


cdef void begin_inactive_61(scan_t *sc, zone_t *z, int lru, int n, step_t *out) noexcept nogil:
    """Isolate what is decided on next."""
    sc.file = lru == LRU_INACTIVE_FILE
    sc.nr_taken = sc.page_left = isolate_61(z, sc, lru, n, out)
    sc.nr_freed = 0
    sc.unqueued_dirty = 0
    sc.nr_scanned += sc.nr_taken
    sc.zone_state = ZONE61_INACTIVE


cdef void end_inactive_61(machine_t *m, scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """Free, put back, count; wake the flusher if nothing but pages was found that wait for it."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, sc.page_slot)
    cdef int32_t i
    free_reclaimed_61(m, sc, z, out)
    while not list_empty(link, head):
        i = link[head].prev
        list_del(link, i)
        putback_page_61(z, i, sc.cpu)
    z.vm[VM_PGSCAN_KSWAPD if sc.kswapd else VM_PGSCAN_DIRECT] += sc.nr_taken
    z.vm[VM_PGSTEAL] += sc.nr_freed
    if sc.kswapd:
        z.vm[VM_KSWAPD_STEAL] += sc.nr_freed
    note_cost_61(z, sc.file, sc.nr_taken - sc.nr_freed)
    sc.nr_reclaimed += sc.nr_freed
    if sc.unqueued_dirty and sc.unqueued_dirty == sc.nr_taken:
        event_put(m, EV_WAKE_PDFLUSH, 0, 0, 0)


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


cdef void end_zone_61(scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """Keep the anonymous lists in proportion, give the private list back."""
    if sc.may_swap and inactive_is_low_61(z, 0):
        shrink_active_61(sc, z, SWAP_CLUSTER_MAX, 0, out)
    slot_close(z, sc.page_slot)
    sc.zone_state = ZONE61_IDLE


cdef void begin_list_61(scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """The next 32 pages of the list whose turn it is."""
    cdef int file = sc.lru >= LRU_INACTIVE_FILE
    cdef int n = <int> min(sc.nr[sc.lru], <int64_t> SWAP_CLUSTER_MAX)
    sc.nr[sc.lru] -= n
    if sc.lru == LRU_INACTIVE_ANON or sc.lru == LRU_INACTIVE_FILE:
        begin_inactive_61(sc, z, sc.lru, n, out)
        return
    if sc.force_deactivate or inactive_is_low_61(z, file):
        shrink_active_61(sc, z, n, file, out)
    else:
        sc.skipped_deactivate = 1
    sc.lru += 1


cdef inline int lists_left_61(const scan_t *sc) noexcept nogil:
    return sc.nr[LRU_INACTIVE_ANON] != 0 or sc.nr[LRU_INACTIVE_FILE] != 0 or sc.nr[LRU_ACTIVE_FILE] != 0


cdef int shrink_zone_61(machine_t *m, scan_t *sc, int64_t budget, step_t *out) noexcept nogil:
    """Reclaim from zone sc.zone at sc.priority; 0: the step ends.  The result is sc.nr_reclaimed.

    Linux: shrink_lruvec.
    """
    cdef zone_t *z = m.zone[sc.zone]
    if sc.zone_state == ZONE61_IDLE and not begin_zone_61(m, sc, z, out):
        return 0
    while True:
        if sc.zone_state == ZONE61_INACTIVE:
            if not shrink_page_list_61(m, sc, z, budget, out):
                return 0
            end_inactive_61(m, sc, z, out)
            sc.lru += 1
            sc.zone_state = ZONE61_LISTS
        elif sc.lru > LRU_ACTIVE_FILE:
            if not lists_left_61(sc) or sc.nr_reclaimed >= sc.nr_to_reclaim:
                break
            sc.lru = 0
        elif sc.nr[sc.lru] == 0:
            sc.lru += 1
        elif not may_go_on(m, budget, out):
            return 0
        else:
            begin_list_61(sc, z, out)
    end_zone_61(sc, z, out)
    return 1


cdef void shrink_slab_61(machine_t *m, scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """The share of the slab list that the priority asks for: its tail is freed, or rotated if still in use."""
    cdef int64_t objects = z.nr_lru[LRU_SLAB] * m.slab_objects_per_page
    cdef int64_t scan = (objects >> sc.priority) * 4 // SLAB_SEEKS_61
    cdef int64_t pages
    cdef int32_t head = page_list(LRU_SLAB)
    cdef int32_t i
    scan = min(scan, 2 * objects)
    if not sc.gfp & GFP_FS or objects == 0 or (scan < SHRINK_BATCH and scan < objects):
        return
    pages = min((scan + m.slab_objects_per_page - 1) // m.slab_objects_per_page, <int64_t> SHRINK_BATCH)
    only_61(z).cpu = sc.cpu
    z.vm[VM_SLABS_SCANNED] += scan
    out.cost.slab_scanned += pages * m.slab_objects_per_page
    while pages > 0 and not list_empty(link_array(z), head):
        pages -= 1
        i = link_array(z)[head].prev
        if (flags_array(z)[i] & (PF_PINNED | PF_REFERENCED | PF_LOCKED) or order_array(z)[i] != PG_MARKED
                or refs_array_61(z)[i]):
            rotate_61(z, i, LRU_SLAB)
            flags_array(z)[i] &= ~<uint32_t> PF_REFERENCED
            continue
        event_put(m, EV_RECLAIMED, machine_place(m, z), i, page_owner(z, i))
        free_unref_61(z, i, 0)
        sc.nr_reclaimed += 1
        out.cost.slab_freed += 1


# --- the node ---------------------------------------------------------------------------------------------------

cdef int64_t zone_reclaimable_61(machine_t *m, zone_t *z) noexcept nogil:
    """Pages that reclaim could look at.  Linux: zone_reclaimable_pages."""
    return zone_file_pages(z) + (zone_anon_pages(z) if m.swap_free > 0 else 0)


cdef int compaction_ready_61(zone_t *z, const scan_t *sc) noexcept nogil:
    """Whether a request of a costly order is better served by compaction than by more free pages of the zone."""
    cdef int suitable = compaction_suitable_61(z, sc.order, ALLOC61_WMARK_MIN, sc.classzone_idx)
    if not sc.gfp & GFP_IO:
        return 0
    if suitable == COMPACT_SUCCESS:
        return 1
    if suitable == COMPACT_SKIPPED:
        return 0
    return watermark_ok_61(z, 0, boosted_mark_61(z, 2) + (<int64_t> 2 << sc.order), sc.classzone_idx, 0)


cdef int should_continue_61(machine_t *m, const scan_t *sc) noexcept nogil:
    """Whether compaction needs more free pages, and there are pages to get them from."""
    cdef int64_t inactive = 0
    cdef zone_t *z
    cdef int k, suitable
    if not sc.gfp & GFP_IO or sc.order == 0 or sc.pass_reclaimed == 0:
        return 0
    if sc.order <= PAGE_ALLOC_COSTLY_ORDER and sc.priority >= DEF_PRIORITY - 2:
        return 0
    for k in range(m.nr_zones):
        z = m.zone[k]
        if z.zone_idx > sc.classzone_idx:
            continue
        suitable = compaction_suitable_61(z, sc.order, ALLOC61_WMARK_MIN, sc.classzone_idx)
        if suitable == COMPACT_SUCCESS or suitable == COMPACT_CONTINUE:
            return 0
        inactive += z.nr_lru[LRU_INACTIVE_FILE]
        if m.swap_free > 0:
            inactive += z.nr_lru[LRU_INACTIVE_ANON]
    return inactive > (<int64_t> 2 << sc.order)


cdef int next_zone_61(machine_t *m, scan_t *sc) noexcept nogil:
    """The next zone of the pass; 0 if there is none.

    For a costly order direct reclaim leaves zones out that compaction could use as they are.
    """
    cdef zone_t *z
    while sc.node_at < m.nr_zones:
        sc.zone = sc.node_at
        sc.node_at += 1
        z = m.zone[sc.zone]
        if z.zone_idx > sc.classzone_idx or only_61(z).managed == 0:
            continue
        if not sc.kswapd and sc.order > PAGE_ALLOC_COSTLY_ORDER and compaction_ready_61(z, sc):
            sc.compaction_ready = 1
            continue
        return 1
    return 0


cdef int shrink_node_61(machine_t *m, scan_t *sc, int64_t budget, step_t *out) noexcept nogil:
    """A pass over the zones, highest first, and another while compaction needs it; 0: the step ends.

    sc.total_reclaimed grows by what was freed.  Linux: shrink_zones, shrink_node.
    """
    while True:
        if sc.node_state == NODE61_IDLE:
            sc.node_at = 0
            sc.pass_reclaimed = 0
            sc.node_state = NODE61_NEXT
        elif sc.node_state == NODE61_SHRINK:
            if not shrink_zone_61(m, sc, budget, out):
                return 0
            shrink_slab_61(m, sc, m.zone[sc.zone], out)
            sc.pass_reclaimed += sc.nr_reclaimed
            sc.total_reclaimed += sc.nr_reclaimed
            sc.node_state = NODE61_NEXT
        elif next_zone_61(m, sc):
            sc.node_state = NODE61_SHRINK
        else:
            if sc.pass_reclaimed:
                m.kswapd.failures = 0
            sc.node_state = NODE61_IDLE
            if not should_continue_61(m, sc):
                return 1


cdef void scan_abort_61(machine_t *m, scan_t *sc) noexcept nogil:
    """Put everything back that a pass has in its hands."""
    cdef step_t out
    cdef zone_t *z
    step_begin(&out)
    if sc.node_state == NODE61_SHRINK and sc.zone_state != ZONE61_IDLE:
        z = m.zone[sc.zone]
        end_inactive_61(m, sc, z, &out)
        slot_close(z, sc.page_slot)
    sc.zone_state = ZONE61_IDLE
    sc.node_state = NODE61_IDLE


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


cdef int try_to_free_pages_61(machine_t *m, request_t *r, int64_t budget, step_t *out) noexcept nogil:
    """Direct reclaim; 0: the step ends.  The result is r.progress.

    What a driver has to say is asked for once: its answer stands in r.progress when the request goes on.
    """
    if m.driver_reclaims:
        if r.reclaim_state == 0:
            r.reclaims += 1
            r.reclaim_state = 1
            r.progress = 0
            return leave_step(out, WAIT_RECLAIM)
        r.reclaim_state = 0
        return 1
    if r.reclaim_state == 0:
        begin_reclaim_61(m, r)
    while shrink_node_61(m, &r.scan, budget, out):
        out.wait = WAIT_NONE
        if end_priority_61(m, r, out):
            return 1
        if out.wait != WAIT_NONE:
            return 0
    return 0


cdef void reclaim_abort_61(machine_t *m, request_t *r) noexcept nogil:
    """Give a direct reclaim up."""
    if not m.driver_reclaims:
        scan_abort_61(m, &r.scan)
    r.reclaim_state = 0


# --- letting go -------------------------------------------------------------------------------------------------

cdef void page_release_61(zone_t *z, int32_t i, int cpu) noexcept nogil:
    """The owner drops its page.  Whoever still holds it (a reclaimer, compaction, a write) frees it later."""
    cdef uint32_t flags = flags_array(z)[i]
    if flags & (PF_ISOLATED | PF_WRITEBACK):
        page_disown(z, i)
        page_set_flags(z, i, (flags | PF_ORPHAN) & ~<uint32_t> (PF_MMAP | PF_YOUNG | PF_REFERENCED | PF_MLOCKED))
        return
    only_61(z).cpu = cpu
    free_unref_61(z, i, 0)


cdef void end_page_writeback_61(machine_t *m, zone_t *z, int32_t i, int cpu) noexcept nogil:
    """The write is done.  A page that reclaim wanted goes to the tail of the inactive list, an orphan is freed.

    Linux: folio_end_writeback, folio_rotate_reclaimable.
    """
    cdef uint32_t flags = flags_array(z)[i]
    if not flags & PF_WRITEBACK or order_array(z)[i] != PG_MARKED:
        return
    m.nr_writeback -= 1
    page_set_flags(z, i, flags & ~<uint32_t> (PF_WRITEBACK | PF_RECLAIM))
    if flags & PF_ORPHAN:
        if not flags & PF_ISOLATED:
            if flags & PF_LRU:
                lru_del(z, i)
            page_set_flags(z, i, 0)
            only_61(z).cpu = cpu
            free_unref_61(z, i, 0)
    elif (flags & (PF_RECLAIM | PF_LRU | PF_LOCKED | PF_DIRTY | PF_UNEVICTABLE)) == (PF_RECLAIM | PF_LRU):
        del_page_from_lru_list(z, i, evictable_list(flags))
        flags_array(z)[i] &= ~<uint32_t> PF_ACTIVE
        list_add_tail(link_array(z), page_list(evictable_list(flags_array(z)[i])), i)
        z.nr_lru[evictable_list(flags_array(z)[i])] += 1
        z.vm[VM_PGROTATED] += 1
