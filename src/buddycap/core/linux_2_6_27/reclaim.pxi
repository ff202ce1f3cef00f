# Reclaim from one zone: which pages are given up, for whom, and where they go.  It can stop anywhere and go on later.
#
#   scan_t:  shrink_zone (zone_state)              for direct reclaim (slowpath.pxi) and kswapd (kswapd.pxi) alike
#              '- shrink_active_list                                one piece of work
#              '- shrink_inactive_list (list_state)
#                   isolate -> shrink_page_list ASYNC -> congestion_wait -> shrink_page_list SYNC -> put back
#                                '- page by page (page_state): keep, activate, cull, write and wait, free or capture
#              '- consult the capture list after each pass over the LRUs, or after each shrink_page_list (consult.pxi)
#
# Each level is a function that goes on from its state and returns 1 when it is through, or 0 when it must stop:
# out.wait then says why.  Pages between isolation and put-back stand on one private list (page_slot); decided ones at
# its head, the others at its tail, so the survivors are handled again in the order in which they were isolated.
#
# shrink_page_list decides on a page in 14 steps, by which the docstrings go; the first that says so ends it:
#
#   1 locked: keep                     6 may the file system be entered?      11 dirty: keep, or write
#   2 counted as scanned               7 under writeback: wait, or keep       12 buffers: always released here
#   3 not evictable: cull              8 referenced and in use: activate      13 somebody else's reference: keep
#   4 mapped, and may not be: keep     9 anonymous: a swap slot               14 free it, or capture it
#   5 mapped or swapped: counts twice  10 mapped: unmap
#
# Kernel: mm/vmscan.c of 2.6.28 with patch 4/4 of the capture series.
#
# Deviations: time does not pass inside, so no page changes while it is decided on, unless that page is waited for.
# PageLocked is tried once (trylock_page).  Buffers can always be released.  tmpfs pages are written like file pages.
# throttle_vm_writeout compares with a parameter.  zone_reclaim, memory cgroups and suspend are left out.

cdef enum:
    SHRINKER_SEEKS = 2          # DEFAULT_SEEKS

cdef enum:                      # scan_t.zone_state
    ZONE_IDLE = 0
    ZONE_PASS
    ZONE_INACTIVE
    ZONE_BALANCE
    ZONE_THROTTLE
    ZONE_RESTED

cdef enum:                      # scan_t.list_state
    LIST_ISOLATE = 0
    LIST_ASYNC
    LIST_REST
    LIST_SYNC
    LIST_PUTBACK

# --- shrink_page_list: one page ---------------------------------------------------------------------------------

cdef int page_lookup(scan_t *sc, zone_t *z, int32_t i, step_t *out) noexcept nogil:
    """Steps 1 to 7 on a page that is looked at for the first time; VERDICT_FREE: go on."""
    cdef uint32_t flags = flags_array(z)[i]
    out.cost.scanned += 1
    if flags & PF_LOCKED:
        return VERDICT_KEEP
    sc.nr_scanned += 1
    if not is_evictable(flags):
        return VERDICT_CULL
    if flags & (PF_MMAP | PF_SWAPCACHE):
        sc.nr_scanned += 1
    if flags & PF_WRITEBACK:
        return page_wait(sc, PAGE_AWAITED) if sc.sync and may_enter_fs(sc, flags) else VERDICT_KEEP
    return VERDICT_FREE


cdef int page_verdict(machine_t *m, scan_t *sc, zone_t *z, int32_t i, step_t *out) noexcept nogil:
    """Steps 8 to 13, on a page that is not under writeback."""
    cdef uint32_t flags = flags_array(z)[i]
    cdef int costly = sc.scan_order > PAGE_ALLOC_COSTLY_ORDER
    cdef int entered_swap = 0
    cdef int referenced = is_referenced(flags) and not costly       # for a costly order references do not protect
    cdef int verdict
    if flags & PF_ORPHAN:
        return VERDICT_KEEP                 # no mapping: put-back drops the last reference
    flags_array(z)[i] = flags & ~<uint32_t> (PF_REFERENCED | PF_YOUNG)
    if referenced and is_mapping_inuse(flags):
        return VERDICT_ACTIVATE
    if (flags & (PF_ANON | PF_SWAPCACHE)) == PF_ANON:
        verdict = add_to_swap(m, sc, z, i, out)
        if verdict != VERDICT_FREE:
            return verdict
        entered_swap = 1
    if flags & PF_MMAP:
        verdict = try_to_unmap(m, sc, z, i, out)
        if verdict != VERDICT_FREE:
            return verdict
    if flags_array(z)[i] & PF_DIRTY:
        if referenced or not (entered_swap or may_enter_fs(sc, flags)) or not sc.may_writepage:
            return VERDICT_KEEP
        return pageout(m, sc, z, i, out)
    return VERDICT_KEEP if flags & PF_PINNED else VERDICT_FREE


cdef int shrink_page(machine_t *m, scan_t *sc, zone_t *z, int32_t i, step_t *out) noexcept nogil:
    """Decide on page i, from where the decision stood."""
    cdef int state = sc.page_state
    cdef uint32_t again = PF_LOCKED | PF_DIRTY | PF_MMAP | PF_PINNED | PF_ORPHAN
    cdef int verdict
    sc.page_state = PAGE_FRESH
    if state != PAGE_FRESH and flags_array(z)[i] & PF_WRITEBACK:
        sc.page_state = state
        return VERDICT_WAIT
    if state == PAGE_WRITTEN:               # the lock was dropped for the write; a page in use again cannot be removed
        return VERDICT_KEEP if flags_array(z)[i] & again else VERDICT_FREE
    if state == PAGE_FRESH:
        verdict = page_lookup(sc, z, i, out)
        if verdict != VERDICT_FREE:
            return verdict
    return page_verdict(m, sc, z, i, out)


# --- shrink_page_list: the list ---------------------------------------------------------------------------------

cdef inline int pvec_limit(const scan_t *sc, zone_t *z) noexcept nogil:
    return sc.policy.batch if captures(sc, z) else PAGEVEC_SIZE


cdef void pvec_flush(scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """Give the collected pages where they belong.  Linux: __pagevec_free, from the last page to the first, cold.

    Whether a page is captured is asked each time: the page before may have completed what the list waits for.
    """
    cdef int forward = sc.policy.batch_forward and captures(sc, z)
    cdef int n = sc.pvec_count
    cdef int32_t i
    cdef int k
    for k in range(n):
        i = sc.pvec[k if forward else n - 1 - k]
        if captures(sc, z):
            capture_one_page(z, sc.capture_slot, i, 0)
            out.cost.captured += 1
        else:
            free_hot_cold_page_27(z, sc.cpu, i, 1)
            out.cost.freed += 1
    sc.pvec_count = 0


cdef inline void free_reclaimed(machine_t *m, scan_t *sc, zone_t *z, int32_t i, step_t *out) noexcept nogil:
    """Step 14: the page leaves its owner.  In the pagevec it is an orphan, which nobody else can free."""
    event_put(m, EV_RECLAIMED, sc.zone, i, page_owner(z, i))
    if m.event_mask & NOTE_CAPTURED and sc.capture_slot != NO_PAGE:
        event_put(m, EV_CAPTURED, sc.zone, i, page_owner(z, i))
    page_disown(z, i)
    page_set_flags(z, i, PF_ORPHAN)
    sc.nr_freed += 1
    sc.pvec[sc.pvec_count] = i
    sc.pvec_count += 1
    if sc.pvec_count >= pvec_limit(sc, z):
        pvec_flush(sc, z, out)


cdef int shrink_page_list(machine_t *m, scan_t *sc, zone_t *z, int64_t budget, step_t *out) noexcept nogil:
    """Decide on the isolated pages, the first isolated first; survivors stay on the list, newest at its head."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, sc.page_slot)
    cdef int32_t i
    cdef int verdict
    while sc.page_left:
        if not may_go_on(m, budget, out):
            return 0
        i = link[head].prev
        verdict = shrink_page(m, sc, z, i, out)
        if verdict == VERDICT_WAIT:
            out.page = i
            out.zone = sc.zone
            return leave_step(out, WAIT_WRITEBACK)
        list_del(link, i)
        sc.page_left -= 1
        if verdict == VERDICT_FREE:
            free_reclaimed(m, sc, z, i, out)
        elif verdict == VERDICT_CULL:
            putback_lru_page(z, i)
        else:
            if verdict == VERDICT_ACTIVATE:
                page_set_active(m, sc, z, i, out)
            list_add(link, head, i)
    pvec_flush(sc, z, out)
    return 1


# --- shrink_inactive_list ---------------------------------------------------------------------------------------

cdef inline int isolate_mode(const scan_t *sc) noexcept nogil:
    """Active pages too, for a costly order or when a small order is hard to get."""
    if sc.scan_order > PAGE_ALLOC_COSTLY_ORDER or (sc.scan_order and sc.priority < DEF_PRIORITY - 2):
        return ISOLATE_BOTH
    return ISOLATE_INACTIVE


cdef int32_t clear_active_flags(scan_t *sc, zone_t *z) noexcept nogil:
    """Make the survivors inactive again; number of them."""
    cdef link_t *link = link_array(z)
    cdef uint32_t *flags = flags_array(z)
    cdef int32_t head = slot_list(z, sc.page_slot)
    cdef int32_t i = link[head].next
    cdef int32_t n = 0
    while i != head:
        if flags[i] & PF_ACTIVE:
            flags[i] &= ~<uint32_t> PF_ACTIVE
            z.vm[VM_PGDEACTIVATE] += 1
        n += 1
        i = link[i].next
    return n


cdef inline void isolation_cost(const isolation_t *isolated, step_t *out) noexcept nogil:
    out.cost.isolated += isolated.taken
    out.cost.looked += isolated.looked


cdef inline int isolate_order(const scan_t *sc) noexcept nogil:
    """Order of the blocks that lumpy reclaim takes."""
    return 0 if sc.no_lumpy else sc.scan_order


cdef void isolate_target(scan_t *sc, zone_t *z, int lru) noexcept nogil:
    """Policy isolate: the pageblock of the first page that will be isolated is fenced off until reclaim ends."""
    cdef int32_t tag = link_array(z)[page_list(lru)].prev
    if sc.fenced != NO_PAGE or sc.order < sc.policy.capture_min_order or sc.order > z.pageblock_order or tag < 0:
        return
    sc.fenced_type = isolate_pageblock(z, tag)
    if sc.fenced_type >= 0:
        sc.fenced = tag
        sc.fenced_zone = sc.zone


cdef void isolate_inactive(scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """One round's isolation; swap_cluster_max tags, whatever max_scan is."""
    cdef isolation_t isolated
    cdef int lru = LRU_INACTIVE_FILE if sc.file else LRU_INACTIVE_ANON
    if sc.policy.isolate:
        isolate_target(sc, z, lru)
    isolate_lru_pages(z, SWAP_CLUSTER_MAX, lru, slot_list(z, sc.page_slot), isolate_order(sc), isolate_mode(sc),
                      &isolated)
    z.vm[VM_PGDEACTIVATE] += isolated.count[LRU_ACTIVE_ANON] + isolated.count[LRU_ACTIVE_FILE]
    z.pages_scanned += isolated.scanned
    z.recent_scanned[0] += isolated.count[LRU_INACTIVE_ANON] + isolated.count[LRU_ACTIVE_ANON]
    z.recent_scanned[1] += isolated.count[LRU_INACTIVE_FILE] + isolated.count[LRU_ACTIVE_FILE]
    sc.nr_scan = isolated.scanned
    sc.nr_taken = isolated.taken
    sc.nr_freed = 0
    sc.page_left = isolated.taken
    sc.list_scanned += isolated.scanned
    isolation_cost(&isolated, out)


cdef void count_inactive(scan_t *sc, zone_t *z) noexcept nogil:
    """The counters of one round, after its last shrink_page_list."""
    sc.nr_reclaimed += sc.nr_freed
    if sc.kswapd:
        z.vm[VM_PGSCAN_KSWAPD] += sc.nr_scan
        z.vm[VM_KSWAPD_STEAL] += sc.nr_freed
    else:
        z.vm[VM_PGSCAN_DIRECT] += sc.nr_scan
    z.vm[VM_PGSTEAL] += sc.nr_freed


cdef void putback_page(zone_t *z, int32_t i, int cpu) noexcept nogil:
    """A survivor goes where its flags say; an orphan, whose last reference this was, is freed (cold)."""
    cdef uint32_t flags = flags_array(z)[i] & ~<uint32_t> PF_ISOLATED
    if (flags & (PF_ORPHAN | PF_WRITEBACK)) == PF_ORPHAN:
        page_set_flags(z, i, 0)
        free_hot_cold_page_27(z, cpu, i, 1)
    elif not is_evictable(flags):
        putback_lru_page(z, i)
    else:
        flags_array(z)[i] = flags | PF_LRU
        add_page_to_lru_list(z, i, evictable_list(flags))
        if flags & PF_ACTIVE:
            z.recent_rotated[is_file(flags)] += 1


cdef void putback_survivors(scan_t *sc, zone_t *z) noexcept nogil:
    """Empty the private list from its tail, so the page isolated last ends nearest to the head of its LRU."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, sc.page_slot)
    cdef int32_t i
    while not list_empty(link, head):
        i = link[head].prev
        list_del(link, i)
        putback_page(z, i, sc.cpu)


cdef inline int wants_sync_pass(const machine_t *m, const scan_t *sc) noexcept nogil:
    """Survivors of a direct reclaim for a costly order are waited for."""
    return (sc.nr_freed < sc.nr_taken and not sc.kswapd and sc.scan_order > PAGE_ALLOC_COSTLY_ORDER
            and not m.no_sync_pass)


cdef int shrink_inactive_list(machine_t *m, scan_t *sc, zone_t *z, int64_t budget, step_t *out) noexcept nogil:
    """Rounds of isolate, shrink and put back until max_scan pages have been scanned or there are none."""
    while True:
        if sc.list_state == LIST_ISOLATE:
            isolate_inactive(sc, z, out)
            sc.sync = 0
            sc.list_state = LIST_ASYNC
        elif sc.list_state == LIST_ASYNC:
            if not shrink_page_list(m, sc, z, budget, out):
                return 0
            if sc.policy.consult_lists and not consult(m, sc, z, out):
                return 0
            sc.list_state = LIST_PUTBACK
            if wants_sync_pass(m, sc):
                sc.list_state = LIST_REST
                return congestion_wait(sc, out, CONGESTION_MS)
        elif sc.list_state == LIST_REST:
            sc.page_left = clear_active_flags(sc, z)
            sc.sync = 1
            sc.sync_passes += 1
            sc.list_state = LIST_SYNC
        elif sc.list_state == LIST_SYNC:
            if not shrink_page_list(m, sc, z, budget, out):
                return 0
            if sc.policy.consult_lists and not consult(m, sc, z, out):
                return 0
            sc.list_state = LIST_PUTBACK
        else:
            count_inactive(sc, z)
            putback_survivors(sc, z)
            sc.list_state = LIST_ISOLATE
            if sc.nr_taken == 0 or sc.list_scanned >= sc.max_scan:
                return 1


# --- shrink_active_list -----------------------------------------------------------------------------------------

cdef void deactivate_isolated(scan_t *sc, zone_t *z, int file) noexcept nogil:
    """The isolated active pages go to the head of the inactive list, in the order of isolation."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, sc.page_slot)
    cdef int32_t i
    cdef uint32_t flags
    while not list_empty(link, head):
        i = link[head].prev
        list_del(link, i)
        flags = flags_array(z)[i] & ~<uint32_t> PF_ISOLATED
        if not is_evictable(flags):
            putback_lru_page(z, i)
            continue
        if is_mapping_inuse(flags):
            z.recent_rotated[file] += is_referenced(flags) != 0
            flags &= ~<uint32_t> (PF_REFERENCED | PF_YOUNG)
        flags_array(z)[i] = (flags & ~<uint32_t> PF_ACTIVE) | PF_LRU
        add_page_to_lru_list(z, i, LRU_INACTIVE_FILE if file else LRU_INACTIVE_ANON)
        z.vm[VM_PGDEACTIVATE] += 1


cdef void shrink_active_list(scan_t *sc, zone_t *z, int32_t n, int file, step_t *out) noexcept nogil:
    """Move about n pages from the tail of an active list to the inactive one; lumpy too.  One piece of work."""
    cdef isolation_t isolated
    isolate_lru_pages(z, n, LRU_ACTIVE_FILE if file else LRU_ACTIVE_ANON, slot_list(z, sc.page_slot), isolate_order(sc),
                      ISOLATE_ACTIVE, &isolated)
    z.pages_scanned += isolated.scanned
    z.recent_scanned[file] += isolated.taken
    z.vm[VM_PGREFILL] += isolated.scanned
    deactivate_isolated(sc, z, file)
    isolation_cost(&isolated, out)
    out.cost.active += isolated.taken


# --- shrink_zone ------------------------------------------------------------------------------------------------

cdef int64_t scan_pressure(int64_t priority, int64_t scanned, int64_t rotated) noexcept nogil:
    return (priority + 1) * (scanned + 1) // (rotated + 1)


cdef int64_t get_scan_ratio(machine_t *m, zone_t *z) noexcept nogil:
    """Percentage of the pressure that anonymous pages get; the rest is for file pages."""
    cdef int64_t ap, fp
    if m.swap_free <= 0:
        return 0
    if zone_file_pages(z) + z.nr_free_pages <= z.pages_high:
        return 100
    if z.recent_scanned[0] > zone_anon_pages(z) // 4:
        z.recent_scanned[0] //= 2
        z.recent_rotated[0] //= 2
    if z.recent_scanned[1] > zone_file_pages(z) // 4:
        z.recent_scanned[1] //= 2
        z.recent_rotated[1] //= 2
    ap = scan_pressure(m.swappiness, z.recent_scanned[0], z.recent_rotated[0])
    fp = scan_pressure(200 - m.swappiness, z.recent_scanned[1], z.recent_rotated[1])
    return 100 * ap // (ap + fp + 1)


cdef void set_scan_counts(machine_t *m, scan_t *sc, zone_t *z) noexcept nogil:
    """How many pages of each list this shrink_zone scans; less than a cluster is saved up for later calls."""
    cdef int64_t anon = get_scan_ratio(m, z)
    cdef int64_t scan
    cdef int lru
    for lru in range(4):
        scan = z.nr_lru[lru]
        if sc.priority:
            scan = (scan >> sc.priority) * (anon if lru < LRU_INACTIVE_FILE else 100 - anon) // 100
        z.nr_scan[lru] += scan
        sc.nr[lru] = 0
        if z.nr_scan[lru] >= SWAP_CLUSTER_MAX:
            sc.nr[lru] = z.nr_scan[lru]
            z.nr_scan[lru] = 0


cdef inline int scan_left(const scan_t *sc) noexcept nogil:
    return sc.nr[LRU_INACTIVE_ANON] != 0 or sc.nr[LRU_INACTIVE_FILE] != 0 or sc.nr[LRU_ACTIVE_FILE] != 0


cdef inline void note_zone_scanning_priority(zone_t *z, int32_t priority) noexcept nogil:
    z.prev_priority = min(z.prev_priority, priority)


cdef int begin_zone(machine_t *m, scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    if not scan_open(sc, z, wants_capture(sc)):
        out.zone = sc.zone
        return leave_step(out, WAIT_LISTS)
    set_scan_counts(m, sc, z)
    sc.nr_reclaimed = 0
    sc.result = NO_PAGE
    sc.lru = 0
    sc.zone_state = ZONE_PASS if scan_left(sc) else ZONE_BALANCE
    return 1


cdef void begin_list(scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """shrink_list for the list whose turn it is.

    Quirk of 2.6.28: the turn of ACTIVE_ANON, when inactive_anon is not low, goes to INACTIVE_ANON.
    """
    cdef int file = sc.lru >= LRU_INACTIVE_FILE
    cdef int64_t n = min(sc.nr[sc.lru], <int64_t> SWAP_CLUSTER_MAX)
    sc.nr[sc.lru] -= n
    if sc.lru == LRU_ACTIVE_FILE or (sc.lru == LRU_ACTIVE_ANON and inactive_anon_is_low(z)):
        shrink_active_list(sc, z, <int32_t> n, file, out)
        sc.lru += 1
        return
    sc.file = file
    sc.max_scan = n
    sc.list_scanned = 0
    sc.list_state = LIST_ISOLATE
    sc.zone_state = ZONE_INACTIVE


cdef int pass_over_lists(machine_t *m, scan_t *sc, zone_t *z, int64_t budget, step_t *out) noexcept nogil:
    """Go on to the next list with something to scan; at the end of the pass consult and begin another one."""
    while sc.zone_state == ZONE_PASS:
        if sc.lru > LRU_ACTIVE_FILE:
            if not sc.policy.consult_lists and not consult(m, sc, z, out):
                return 0
            sc.lru = 0
            if not scan_left(sc):
                sc.zone_state = ZONE_BALANCE
        elif sc.nr[sc.lru] == 0 or hold_is_enough(sc):
            sc.nr[sc.lru] = 0
            sc.lru += 1
        elif not may_go_on(m, budget, out):
            return 0
        else:
            begin_list(sc, z, out)
    return 1


cdef void end_zone(scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """Rebalance the anonymous lists, close the private lists, publish the block found."""
    hold_end(sc)
    if inactive_anon_is_low(z):
        shrink_active_list(sc, z, SWAP_CLUSTER_MAX, 0, out)
    capture_close(sc, z)
    slot_close(z, sc.page_slot)
    if sc.result != NO_PAGE:
        sc.got = sc.result
        sc.got_zone = sc.zone
        sc.result = NO_PAGE
    sc.zone_state = ZONE_THROTTLE


cdef int throttle_vm_writeout(machine_t *m, scan_t *sc, step_t *out) noexcept nogil:
    """Too many pages under writeback: rest.  Without both IO and FS one rest is enough."""
    if sc.zone_state == ZONE_RESTED or m.writeback_limit == 0 or m.nr_writeback <= m.writeback_limit:
        sc.zone_state = ZONE_IDLE
        return 1
    if (sc.gfp & (GFP_IO | GFP_FS)) != (GFP_IO | GFP_FS):
        sc.zone_state = ZONE_RESTED
    return congestion_wait(sc, out, CONGESTION_MS)


cdef int shrink_zone(machine_t *m, scan_t *sc, int64_t budget, step_t *out) noexcept nogil:
    """Reclaim from zone sc.zone at sc.priority; the result is sc.nr_reclaimed, and sc.got if it was empty before."""
    cdef zone_t *z = m.zone[sc.zone]
    if sc.zone_state == ZONE_IDLE and not begin_zone(m, sc, z, out):
        return 0
    capture_verify(sc, z)
    while sc.zone_state == ZONE_PASS or sc.zone_state == ZONE_INACTIVE:
        if sc.zone_state == ZONE_INACTIVE:
            if not shrink_inactive_list(m, sc, z, budget, out):
                return 0
            sc.lru += 1
            sc.zone_state = ZONE_PASS
        if not pass_over_lists(m, sc, z, budget, out):
            return 0
    if sc.zone_state == ZONE_BALANCE:
        end_zone(sc, z, out)
    return throttle_vm_writeout(m, sc, out)


cdef void scan_abort(scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """Put everything back that a shrink_zone has in its hands."""
    if ZONE_PASS <= sc.zone_state <= ZONE_BALANCE:
        capture_verify(sc, z)
        hold_end(sc)
        pvec_flush(sc, z, out)
        putback_survivors(sc, z)
        capture_close(sc, z)
        slot_close(z, sc.page_slot)
        if sc.result != NO_PAGE:
            free_pages_ok_27(z, sc.result, sc.order)
            sc.result = NO_PAGE
    sc.zone_state = ZONE_IDLE


# --- shrink_slab ------------------------------------------------------------------------------------------------

cdef void begin_slab(machine_t *m, scan_t *sc, int64_t lru_pages) noexcept nogil:
    """How many objects to scan: the share of the objects that the share of scanned pages asks for.

    The one shrinker stands for the dentry and inode caches; it counts the objects of all zones.
    """
    cdef int64_t scanned = sc.nr_scanned if sc.nr_scanned else SWAP_CLUSTER_MAX
    cdef int64_t objects = 0
    cdef int k
    for k in range(m.nr_zones):
        objects += m.zone[k].nr_lru[LRU_SLAB] * m.slab_objects_per_page
    m.shrinker_nr += 4 * scanned // SHRINKER_SEEKS * objects // (lru_pages + 1)
    sc.slab_scan = min(m.shrinker_nr, 2 * objects)
    m.shrinker_nr = 0
    sc.slab_pages = 0


cdef int32_t slab_zone(machine_t *m) noexcept nogil:
    """The zone whose slab list is longest.  Deviation: the kernel's caches have one list for all zones."""
    cdef int32_t at = 0
    cdef int32_t k
    for k in range(1, m.nr_zones):
        if m.zone[k].nr_lru[LRU_SLAB] > m.zone[at].nr_lru[LRU_SLAB]:
            at = k
    return at


cdef void prune_slab(machine_t *m, scan_t *sc, step_t *out) noexcept nogil:
    """One batch: the pages at the tail are freed, or rotated if pinned, locked or referenced."""
    cdef int32_t at = slab_zone(m)
    cdef zone_t *z = m.zone[at]
    cdef int64_t pages = min(<int64_t> max(SHRINK_BATCH // m.slab_objects_per_page, 1), z.nr_lru[LRU_SLAB])
    cdef int32_t head = page_list(LRU_SLAB)
    cdef int32_t i
    while pages > 0:
        pages -= 1
        i = link_array(z)[head].prev
        if flags_array(z)[i] & (PF_PINNED | PF_REFERENCED | PF_LOCKED):
            list_del(link_array(z), i)
            list_add(link_array(z), head, i)
            page_unmark(z, i, PF_REFERENCED)
            continue
        event_put(m, EV_RECLAIMED, at, i, page_owner(z, i))
        lru_del(z, i)
        free_hot_cold_page_27(z, sc.cpu, i, 0)
        sc.slab_pages += 1
        out.cost.slab_freed += 1
    z.vm[VM_SLABS_SCANNED] += SHRINK_BATCH
    out.cost.slab_scanned += SHRINK_BATCH


cdef int shrink_slab(machine_t *m, scan_t *sc, int64_t budget, step_t *out) noexcept nogil:
    """Scan what is due in whole batches; the rest is due next time.  Without __GFP_FS the shrinkers refuse."""
    while sc.slab_scan >= SHRINK_BATCH and sc.gfp & GFP_FS:
        if not may_go_on(m, budget, out):
            return 0
        prune_slab(m, sc, out)
        sc.slab_scan -= SHRINK_BATCH
    m.shrinker_nr += sc.slab_scan
    sc.slab_scan = 0
    return 1
