# What happens to a page that is being given up, whatever the kernel: swap, page tables, writing, being kept after all.
#
# The GFP bits IO and FS are the same in every kernel.
#
# Kernel: mm/vmscan.c.

cdef enum:
    CONGESTION_MS = 100         # HZ/10

cdef enum:                      # scan_t.page_state
    PAGE_FRESH = 0
    PAGE_AWAITED                # its writeback was under way when it was found
    PAGE_WRITTEN                # its writeback was started here

cdef enum:                      # what becomes of a page
    VERDICT_WAIT
    VERDICT_KEEP
    VERDICT_ACTIVATE
    VERDICT_CULL
    VERDICT_FREE


cdef inline int congestion_wait(scan_t *sc, step_t *out, int ms) noexcept nogil:
    out.wait_ms = ms
    sc.congestion_waits += 1
    if sc.holding:
        sc.hold_ms += ms
    return leave_step(out, WAIT_CONGESTION)


cdef inline int may_enter_fs(const scan_t *sc, uint32_t flags) noexcept nogil:
    return sc.gfp & GFP_FS or (flags & PF_SWAPCACHE and sc.gfp & GFP_IO)


cdef inline int page_wait(scan_t *sc, int state) noexcept nogil:
    sc.page_state = state
    sc.writeback_waits += 1
    return VERDICT_WAIT


cdef int add_to_swap(machine_t *m, scan_t *sc, zone_t *z, int32_t i, step_t *out) noexcept nogil:
    """Step 9: give an anonymous page a swap slot; VERDICT_FREE: go on."""
    if not sc.gfp & GFP_IO:
        return VERDICT_KEEP
    if not is_evictable(flags_array(z)[i]):
        return VERDICT_CULL
    if m.swap_free <= 0:
        return VERDICT_ACTIVATE
    m.swap_free -= 1
    flags_array(z)[i] |= PF_SWAPCACHE | PF_DIRTY
    out.cost.swapped += 1
    event_put(m, EV_SWAPPED, sc.zone, i, page_owner(z, i))
    return VERDICT_FREE


cdef int try_to_unmap(machine_t *m, scan_t *sc, zone_t *z, int32_t i, step_t *out) noexcept nogil:
    """Step 10.  It cannot find a young pte: page_referenced has just cleared them.  VERDICT_FREE: go on."""
    if not is_evictable(flags_array(z)[i]):
        return VERDICT_CULL
    flags_array(z)[i] &= ~<uint32_t> (PF_MMAP | PF_YOUNG)
    out.cost.unmapped += 1
    event_put(m, EV_UNMAPPED, sc.zone, i, page_owner(z, i))
    return VERDICT_FREE


cdef int pageout(machine_t *m, scan_t *sc, zone_t *z, int32_t i, step_t *out) noexcept nogil:
    """The second half of step 11: start writing the page, unless something forbids it."""
    if flags_array(z)[i] & PF_PINNED:
        return VERDICT_KEEP
    if m.write_congested and not sc.kswapd:
        return VERDICT_KEEP
    flags_array(z)[i] = (flags_array(z)[i] & ~<uint32_t> PF_DIRTY) | PF_WRITEBACK | PF_RECLAIM
    m.nr_writeback += 1
    z.vm[VM_NR_VMSCAN_WRITE] += 1
    out.cost.pageouts += 1
    event_put(m, EV_PAGEOUT, sc.zone, i, page_owner(z, i))
    return page_wait(sc, PAGE_WRITTEN) if sc.sync else VERDICT_KEEP


cdef void page_set_active(machine_t *m, scan_t *sc, zone_t *z, int32_t i, step_t *out) noexcept nogil:
    """Make a survivor active.  If swap is more than half full it gives up its slot, if no pte can refer to that.

    Linux: remove_exclusive_swap_page_ref.
    """
    cdef uint32_t flags = flags_array(z)[i]
    cdef uint32_t exclusive = PF_SWAPCACHE | PF_MMAP
    if (flags & (exclusive | PF_PINNED)) == exclusive and m.swap_free * 2 < m.swap_total:
        m.swap_free += 1
        flags = (flags & ~<uint32_t> PF_SWAPCACHE) | PF_DIRTY
        event_put(m, EV_UNSWAPPED, sc.zone, i, page_owner(z, i))
    flags_array(z)[i] = flags | PF_ACTIVE
    z.vm[VM_PGACTIVATE] += 1
    out.cost.activated += 1
