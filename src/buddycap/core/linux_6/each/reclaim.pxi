# Reclaim since Linux 6.1: one pass over the zones of a node at one priority, for direct reclaim and kswapd alike.
#
#   scan_t:  shrink_node_61 (node_state): zone after zone
#              '- shrink_zone_61 (zone_state): list after list, 32 pages at a time
#                   '- active: pages move to the inactive list      inactive: isolate -> page by page -> put back
#                                                                   keep, activate, free as a list
#              '- the slab list
#              '- once more, if compaction needs more free pages and the pass has freed some
#
# Kernel: mm/vmscan.c of 6.1: shrink_node, shrink_lruvec, get_scan_count, shrink_inactive_list, shrink_active_list,
# shrink_folio_list, should_continue_reclaim, compaction_ready, do_try_to_free_pages.


cdef void free_reclaimed_61(machine_t *m, scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """What was given up is freed as a list."""
    only_61(z).cpu = sc.cpu
    free_given_up_61(z, sc.pvec, sc.pvec_count)
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
