# kswapd: the reclaimer in the background, one for the node's zones.
#
#   ASLEEP --wakeup_kswapd--> AGAIN -> for priority 12..0: AGE (find end_zone) -> ZONE: SHRINK, SLAB, each zone -> NEXT
#      ^------- HEAD <----------+------------------------------------------------- all zones above their high mark
#
# It balances for the largest order asked for: lumpy like a direct reclaimer, but it neither waits for single pages nor
# captures.  A wake-up while it is awake is noted by its order only, so one for order 0 is lost, as in the kernel.
#
# Kernel: mm/vmscan.c of 2.6.28: wakeup_kswapd, kswapd, balance_pgdat.

cdef enum:                      # kswapd_t.state
    KSWAPD_ASLEEP = 0
    KSWAPD_HEAD
    KSWAPD_AGAIN
    KSWAPD_PRIORITY
    KSWAPD_AGE
    KSWAPD_ZONE
    KSWAPD_SHRINK
    KSWAPD_SLAB
    KSWAPD_NEXT
    KSWAPD_OUT


cdef void wakeup_kswapd_27(machine_t *m, zone_t *z, int order) noexcept nogil:
    """A request of `order` has found the zone below its low mark, or will."""
    if z.present_pages == 0 or zone_watermark_ok_27(z, order, z.pages_low, 0, 0):
        return
    m.kswapd.max_order = max(m.kswapd.max_order, 0 if m.kswapd_order0 else <int32_t> order)
    if z.cpuset_allowed and m.kswapd.asleep:
        m.kswapd.asleep = 0
        event_put(m, EV_WAKE_KSWAPD, 0, NO_PAGE, 0)


cdef int kswapd_head(kswapd_t *k) noexcept nogil:
    """Between two rounds: go on at once for a larger order, else sleep."""
    cdef int32_t order = k.max_order
    k.max_order = 0
    k.state = KSWAPD_AGAIN
    if k.order >= order:
        k.state = KSWAPD_ASLEEP
        k.asleep = 1
    else:
        k.order = order
    return 1


cdef int kswapd_asleep(kswapd_t *k, step_t *out) noexcept nogil:
    if k.asleep:
        return leave_step(out, WAIT_SLEEP)
    k.order = k.max_order
    k.state = KSWAPD_AGAIN
    return 1


cdef void begin_balance(machine_t *m, kswapd_t *k) noexcept nogil:
    """balance_pgdat from loop_again."""
    cdef int n
    k.scan.gfp = GFP_KERNEL
    k.scan.order = k.order
    k.scan.no_lumpy = m.no_lumpy
    k.scan.kswapd = 1
    k.scan.got = NO_PAGE
    k.scan.may_writepage = not m.laptop_mode
    k.scan.priority = DEF_PRIORITY
    k.total_scanned = k.nr_reclaimed = 0
    m.zone[0].vm[VM_PAGEOUTRUN] += 1
    for n in range(m.nr_zones):
        k.temp_priority[n] = DEF_PRIORITY
    k.state = KSWAPD_PRIORITY


cdef inline int is_polled(zone_t *z, int32_t priority) noexcept nogil:
    """Unreclaimable zones are looked at with the first priority only."""
    return z.present_pages > 0 and (not z.all_unreclaimable or priority == DEF_PRIORITY)


cdef int age_zones(machine_t *m, kswapd_t *k, step_t *out) noexcept nogil:
    """From the highest zone down: age its anonymous pages; the first one below its high mark is end_zone."""
    cdef zone_t *z
    cdef int n
    while k.zone_at < m.nr_zones:
        z = m.zone[k.zone_at]
        if is_polled(z, k.scan.priority):
            if inactive_anon_is_low(z):
                if not scan_open(&k.scan, z, 0):
                    out.zone = k.zone_at
                    return leave_step(out, WAIT_LISTS)
                shrink_active_list(&k.scan, z, SWAP_CLUSTER_MAX, 0, out)
                slot_close(z, k.scan.page_slot)
            if not zone_watermark_ok_27(z, k.order, z.pages_high, 0, 0):
                break
        k.zone_at += 1
    k.end_zone = k.zone_at
    k.state = KSWAPD_ZONE if k.end_zone < m.nr_zones else KSWAPD_OUT
    k.lru_pages = 0
    for n in range(k.end_zone, m.nr_zones):
        k.lru_pages += zone_lru_pages(m.zone[n])
    k.zone_at = m.nr_zones - 1
    return 1


cdef void balance_zone(machine_t *m, kswapd_t *k) noexcept nogil:
    """From the lowest zone up to end_zone: choose what to do with the zone whose turn it is."""
    cdef zone_t *z
    cdef int end_idx
    if k.zone_at < k.end_zone:
        k.state = KSWAPD_NEXT
        return
    z = m.zone[k.zone_at]
    if not is_polled(z, k.scan.priority):
        k.zone_at -= 1
        return
    end_idx = m.zone[k.end_zone].zone_idx
    if not zone_watermark_ok_27(z, k.order, z.pages_high, end_idx, 0):
        k.all_zones_ok = 0
    k.temp_priority[k.zone_at] = k.scan.priority
    k.scan.nr_scanned = 0
    k.scan.nr_reclaimed = 0
    k.scan.zone = k.zone_at
    note_zone_scanning_priority(z, k.scan.priority)
    if zone_watermark_ok_27(z, k.order, 8 * z.pages_high, end_idx, 0):
        begin_slab(m, &k.scan, k.lru_pages)
        k.state = KSWAPD_SLAB
    else:
        k.state = KSWAPD_SHRINK


cdef void end_balance_zone(machine_t *m, kswapd_t *k) noexcept nogil:
    """After a zone: give it up if all of it was scanned six times in vain; write, if little came back."""
    cdef zone_t *z = m.zone[k.zone_at]
    k.nr_reclaimed += k.scan.slab_pages
    k.total_scanned += k.scan.nr_scanned
    k.zone_at -= 1
    k.state = KSWAPD_ZONE
    if z.all_unreclaimable:
        return
    if k.scan.slab_pages == 0 and z.pages_scanned >= 6 * zone_lru_pages(z):
        z.all_unreclaimable = 1
    if k.total_scanned > 2 * SWAP_CLUSTER_MAX and k.total_scanned > k.nr_reclaimed + k.nr_reclaimed // 2:
        k.scan.may_writepage = 1


cdef int end_balance_priority(kswapd_t *k, step_t *out) noexcept nogil:
    """After all zones: done, or a rest and the next priority, or another loop if enough came back."""
    cdef int rest = k.total_scanned != 0 and k.scan.priority < DEF_PRIORITY - 2
    if k.all_zones_ok:
        k.state = KSWAPD_OUT
        return 1
    k.state = KSWAPD_OUT if k.nr_reclaimed >= SWAP_CLUSTER_MAX else KSWAPD_PRIORITY
    k.scan.priority -= 1
    if rest:
        return congestion_wait(&k.scan, out, CONGESTION_MS)
    return 1


cdef int end_balance(machine_t *m, kswapd_t *k, step_t *out) noexcept nogil:
    """Note the priorities reached.  If a zone is still low start again, after letting others run (cond_resched)."""
    cdef int n
    for n in range(m.nr_zones):
        m.zone[n].prev_priority = k.temp_priority[n]
    k.state = KSWAPD_HEAD
    if k.all_zones_ok:
        return 1
    k.state = KSWAPD_AGAIN
    return leave_step(out, WAIT_NONE)


cdef int kswapd_scan(machine_t *m, kswapd_t *k, int64_t budget, step_t *out) noexcept nogil:
    """The states in which pages are scanned."""
    if k.state == KSWAPD_SHRINK:
        if not shrink_zone(m, &k.scan, budget, out):
            return 0
        k.nr_reclaimed += k.scan.nr_reclaimed
        begin_slab(m, &k.scan, k.lru_pages)
        k.state = KSWAPD_SLAB
    if not shrink_slab(m, &k.scan, budget, out):
        return 0
    end_balance_zone(m, k)
    return 1


cdef int kswapd_advance(machine_t *m, kswapd_t *k, int64_t budget, step_t *out) noexcept nogil:
    """One transition; 0 if the step ends with it."""
    if k.state == KSWAPD_ASLEEP:
        return kswapd_asleep(k, out)
    if k.state == KSWAPD_HEAD:
        return kswapd_head(k)
    if k.state == KSWAPD_AGAIN:
        begin_balance(m, k)
    elif k.state == KSWAPD_PRIORITY:
        k.all_zones_ok = k.scan.priority >= 0 or k.all_zones_ok
        k.zone_at = 0
        k.state = KSWAPD_AGE if k.scan.priority >= 0 else KSWAPD_OUT
    elif k.state == KSWAPD_AGE:
        return age_zones(m, k, out)
    elif k.state == KSWAPD_ZONE:
        balance_zone(m, k)
    elif k.state == KSWAPD_SHRINK or k.state == KSWAPD_SLAB:
        return kswapd_scan(m, k, budget, out)
    elif k.state == KSWAPD_NEXT:
        return end_balance_priority(k, out)
    else:
        return end_balance(m, k, out)
    return 1


cdef int kswapd_step_27(machine_t *m, int64_t budget, step_t *out) noexcept nogil:
    """Go on until the budget is used up or something must be waited for."""
    step_begin(out)
    count_work(m, &out.cost, -1)
    if may_go_on(m, budget, out):
        while kswapd_advance(m, &m.kswapd, budget, out):
            pass
    step_end(m, out, &m.kswapd.total)
    return out.wait


cdef void kswapd_abort_27(machine_t *m) noexcept nogil:
    """Put back what kswapd has isolated and send it to sleep."""
    cdef step_t out
    step_begin(&out)
    if m.kswapd.state == KSWAPD_SHRINK:
        scan_abort(&m.kswapd.scan, m.zone[m.kswapd.scan.zone], &out)
    m.shrinker_nr += m.kswapd.scan.slab_scan
    m.kswapd.scan.slab_scan = 0
    m.kswapd.state = KSWAPD_ASLEEP
    m.kswapd.asleep = 1
