# A reclaimer and its capture list: opened with the policy's rules, consulted when the policy says so, held, closed.
#
#   scan_open -> [reclaimed pages] -> consult -> a block: the list is closed, what else is reclaimed is freed normally
#                      ^                 |------> nothing: empty again, go on
#                      |                 '------> held: alone on the list, while a round reclaims at a lower order
#                      '--------- hold_round <----------'
#
# With a hook the step ends before each consultation: somebody outside looks at the list and answers.
#
# Kernel: mm/vmscan.c with patch 4/4 of the capture series: shrink_zone, as far as it deals with the list.

cdef enum:
    MAX_HOLD_ROUNDS = 1000


cdef inline int wants_capture(const scan_t *sc) noexcept nogil:
    """Whether this shrink_zone captures: the policy, a large enough order, and nothing found in an earlier one."""
    return sc.policy.capture and sc.order >= sc.policy.capture_min_order and sc.got == NO_PAGE


cdef inline int list_rules(const policy_t *policy) noexcept nogil:
    cdef int rules = LIST_PRIVATE if policy.private_list else 0
    if policy.early_release:
        rules |= LIST_RELEASE | LIST_TRIM if policy.trim else LIST_RELEASE
    return rules


cdef int scan_open(scan_t *sc, zone_t *z, int capture) noexcept nogil:
    """Open the private lists; 0 if there are not enough."""
    cdef slot_t *slot
    sc.scan_order = sc.order
    sc.capture_slot = NO_PAGE
    sc.page_slot = slot_open(z, SLOT_PAGES)
    if sc.page_slot == NO_PAGE:
        return 0
    if capture:
        sc.capture_slot = slot_open(z, SLOT_CAPTURE)
        if sc.capture_slot == NO_PAGE:
            slot_close(z, sc.page_slot)
            return 0
        slot = zone_slot(z, sc.capture_slot)
        slot.rules = list_rules(&sc.policy)
        slot.wanted = sc.order
        sc.capture_seq = slot.seq
    return 1


cdef inline int captures(const scan_t *sc, zone_t *z) noexcept nogil:
    """Whether a page reclaimed now goes on the capture list."""
    return sc.capture_slot != NO_PAGE and not capture_sated(z, sc.capture_slot)


cdef inline void capture_verify(scan_t *sc, zone_t *z) noexcept nogil:
    """Between two steps somebody may have closed the list: then nothing is captured any more."""
    if sc.capture_slot != NO_PAGE and not slot_is(z, sc.capture_slot, sc.capture_seq, SLOT_CAPTURE):
        sc.capture_slot = NO_PAGE


cdef void capture_close(scan_t *sc, zone_t *z) noexcept nogil:
    """Give up the capture list and keep its numbers."""
    cdef slot_t *slot
    if sc.capture_slot == NO_PAGE:
        return
    slot = zone_slot(z, sc.capture_slot)
    sc.capture_own += slot.own
    sc.capture_merged += slot.merged
    sc.capture_foreign += slot.foreign
    if slot.own:
        sc.capture_largest = max(sc.capture_largest, <int32_t> slot.largest)
    capture_release(z, sc.capture_slot)
    sc.capture_slot = NO_PAGE


cdef void hold_end(scan_t *sc) noexcept nogil:
    """After the last hold round: the pass that was interrupted goes on."""
    cdef int lru
    if not sc.holding:
        return
    sc.hold_pages += sc.nr_reclaimed - sc.hold_from
    for lru in range(4):
        sc.nr[lru] = sc.hold_nr[lru]
    sc.scan_order = sc.order
    sc.holding = 0


cdef void hold_round(machine_t *m, scan_t *sc, zone_t *z) noexcept nogil:
    """Reclaim about a cluster of pages, then look again (Zijlstra).

    A pass over the lists like any other, at the same priority, but with one cluster of each list at most and for the
    policy's order; it is over when a cluster has been reclaimed.  Nothing is captured meanwhile, since the list has
    what it was waiting for.
    """
    cdef int lru
    if sc.holding:
        sc.hold_pages += sc.nr_reclaimed - sc.hold_from
    else:
        sc.holds += 1
        for lru in range(4):
            sc.hold_nr[lru] = sc.nr[lru]
    sc.holding = 1
    sc.hold_left -= 1
    sc.hold_from = sc.nr_reclaimed
    sc.scan_order = sc.policy.hold_order
    for lru in range(4):
        sc.nr[lru] = SWAP_CLUSTER_MAX if lru >= LRU_INACTIVE_FILE or m.swap_free > 0 else 0


cdef inline int hold_is_enough(const scan_t *sc) noexcept nogil:
    """Whether the round has reclaimed what it was for."""
    return sc.holding and sc.nr_reclaimed - sc.hold_from >= SWAP_CLUSTER_MAX


cdef void consult_list(machine_t *m, scan_t *sc, zone_t *z) noexcept nogil:
    """Is there a block for us?  With one in hand what else is reclaimed is freed normally."""
    cdef uint64_t givebacks = z.vm[VM_CAPTURE_GIVEBACK]
    if not sc.holding:
        sc.hold_left = sc.policy.hold_rounds
    sc.result = capture_consult(z, sc.capture_slot, sc.order, sc.order if sc.policy.check_real_order else 0,
                                sc.classzone_idx, sc.alloc_flags, sc.hold_left)
    sc.givebacks += <int32_t> (z.vm[VM_CAPTURE_GIVEBACK] - givebacks)
    if capture_sated(z, sc.capture_slot):
        hold_round(m, sc, z)
        return
    sc.rescued += sc.holding if sc.result != NO_PAGE else 0
    hold_end(sc)
    if sc.result != NO_PAGE:
        page_set_flags(z, sc.result, PF_ORPHAN)         # until the request is over nobody may have it
        capture_close(sc, z)


cdef int consult(machine_t *m, scan_t *sc, zone_t *z, step_t *out) noexcept nogil:
    """Consult the list, if there is one.  0: the policy's hook must be asked first."""
    cdef int answer = sc.answer
    sc.answer = ANSWER_NONE
    if sc.capture_slot == NO_PAGE:
        hold_end(sc)
        return 1
    if sc.policy.hook and answer == ANSWER_NONE:
        return leave_step(out, WAIT_CONSULT)
    sc.consults += 1
    if answer == ANSWER_KEEP:
        hold_end(sc)
    elif answer == ANSWER_RETURN:
        hold_end(sc)
        capture_select(z, sc.capture_slot, MAX_ORDERS)
    else:
        consult_list(m, sc, z)
    return 1


cdef int scan_prefer(scan_t *sc, zone_t *z, int32_t i) noexcept nogil:
    """Make block i the first that the consultation looks at; 0 if it is not on the list or too small."""
    cdef uint8_t state
    capture_verify(sc, z)
    if sc.capture_slot == NO_PAGE or i < 0 or i >= z.nr_index:
        return 0
    state = order_array(z)[i] & PG_STATE
    if (state != PG_CAPTURED and state != PG_PRIVATE) or flags_array(z)[i] != <uint32_t> sc.capture_slot:
        return 0
    if (order_array(z)[i] & 0x0F) < sc.order:
        return 0
    list_del(link_array(z), i)
    list_add_tail(link_array(z), slot_list(z, sc.capture_slot), i)
    return 1
