# Capture: how direct compaction comes to the block that it has made (since Linux 6.1), and what else has been proposed.
#
#   CAPTURE_MERGE:  a page that the task frees completes the block: at once the run's          Linux since 5.1
#   CAPTURE_LISTS:  after each batch any block of the type, off the free lists                 2012
#   CAPTURE_BLOCK:  when a block has been gone through, that block, if it is free              2014
#
# Capture is armed while the task of the run works, or an interrupt on top of it, and not while others do.  The run has
# at most one block.  Linux asks no watermark; a policy may: then the block goes to the free lists, at once or after it
# was held and looked at for some turns.
#
# Kernel: mm/compaction.c, mm/page_alloc.c of 6.1: compact_zone_order, compact_zone, compaction_capture.


cdef int capture_permits_61(zone_t *z, const compact_control_t *cc, int64_t free) noexcept nogil:
    """Whether `free` pages are enough to be left, if the policy asks that."""
    cdef int flags = cc.alloc_flags
    if cc.policy.watermark == CAPTURE_IGNORES_MARK or flags & ALLOC61_NO_WATERMARKS:
        return 1
    return watermark_with_61(z, 0, boosted_mark_61(z, flags & ALLOC61_WMARK), cc.highest_zoneidx, flags, free)


cdef inline void capture_arm_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """The task of the run works, or an interrupt on top of it: what it completes now is captured.

    A capture that somebody has armed by hand stays: what is completed is his.
    """
    cdef int rule = cc.policy.movable if cc.policy.movable != CAPTURE_AS_KERNEL else CAPTURE_RULE_61
    cc.armed = (cc.capture and cc.captured == NO_PAGE and cc.policy.form == CAPTURE_MERGE
                and only_61(z).capture_order == NO_PAGE)
    if cc.armed:
        capture_open_61(z, cc.order, rule == CAPTURE_ANY or (rule == CAPTURE_RELAXED
                                                             and cc.migratetype == MT61_MOVABLE))


cdef inline void capture_rest_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """The run captures nothing."""
    if cc.armed:
        capture_close_61(z)
        cc.armed = 0


cdef void capture_return_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """The captured block goes to the free lists."""
    cdef int32_t i = cc.captured
    cc.captured = NO_PAGE
    capture_rest_61(z, cc)
    free_one_page_61(z, i, cc.order, block_type_61(z, i), 0)


cdef void capture_note_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """A block that was captured just now is in the hands of the run, or goes to the lists if the mark is checked."""
    cdef int32_t i = only_61(z).capture_page
    if i == NO_PAGE or not cc.armed:
        return
    only_61(z).capture_page = NO_PAGE
    order_array(z)[i] = PG_HELD_61 | cc.order
    cc.captured = i
    cc.hold_left = cc.policy.hold_turns
    capture_rest_61(z, cc)
    if cc.policy.watermark == CAPTURE_CHECKS_MARK and not capture_permits_61(z, cc, z.nr_free_pages):
        capture_return_61(z, cc)
        capture_arm_61(z, cc)


cdef void capture_disarm_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Others work.  A block that is still held when the run is over goes to the lists."""
    capture_note_61(z, cc)
    capture_rest_61(z, cc)
    if cc.state == COMPACT_DONE and cc.captured != NO_PAGE and not capture_permits_61(z, cc, z.nr_free_pages):
        capture_return_61(z, cc)


cdef int capture_done_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Whether the run has its block.  One that the mark forbids is held for another turn, or goes to the lists."""
    capture_note_61(z, cc)
    if cc.captured == NO_PAGE:
        return 0
    if capture_permits_61(z, cc, z.nr_free_pages):
        return 1
    cc.hold_left -= 1
    if cc.hold_left <= 0:
        capture_return_61(z, cc)
        capture_arm_61(z, cc)
    return 0


# --- from the free lists ----------------------------------------------------------------------------------------

cdef inline void capture_block_61(zone_t *z, compact_control_t *cc, int32_t i) noexcept nogil:
    """A block that is on no list any more, and counted as such, is the run's."""
    order_array(z)[i] = PG_HELD_61 | cc.order
    cc.captured = i
    cc.hold_left = cc.policy.hold_turns


cdef void capture_listed_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """2012: any block of the type; a movable request takes those of every ordinary type."""
    cdef int first = 0 if cc.migratetype == MT61_MOVABLE else cc.migratetype
    cdef int last = ORDINARY_61 - 1 if cc.migratetype == MT61_MOVABLE else cc.migratetype
    cdef int32_t i
    cdef int mt
    if not capture_permits_61(z, cc, z.nr_free_pages - (<int64_t> 1 << cc.order)):
        return
    for mt in range(first, last + 1):
        i = smallest_61(z, cc.order, mt)
        if i != NO_PAGE:
            note_given_61(z, 1 << cc.order, block_type_61(z, i))
            capture_block_61(z, cc, i)
            return


cdef void capture_worked_61(zone_t *z, compact_control_t *cc, uint64_t pfn) noexcept nogil:
    """2014: the aligned block of a page that was worked on, if it is free; what is free around it stays so."""
    cdef uint64_t start = pfn >> cc.order << cc.order
    cdef int32_t i, head
    cdef int order
    if not (spans_61(z, start) and spans_61(z, start + (<uint64_t> 1 << cc.order) - 1)):
        return
    i = index_61(z, start)
    head = block_head(z, i)
    order = order_array(z)[head] & 0x0F
    if (order_array(z)[head] & PG_STATE) != PG_FREE or order < cc.order or not capture_permits_61(
            z, cc, z.nr_free_pages - (<int64_t> 1 << cc.order)):
        return
    unlist_block_61(z, head, order)
    while order > cc.order:
        order -= 1
        if i & (1 << order):
            list_block_61(z, head, order, block_type_61(z, head), 0)
            head += 1 << order
        else:
            list_block_61(z, head + (1 << order), order, block_type_61(z, head + (1 << order)), 0)
    account_61(z, -(<int64_t> 1 << cc.order), block_type_61(z, i))
    capture_block_61(z, cc, i)


cdef void capture_drained_61(zone_t *z, compact_control_t *cc, uint64_t worked) noexcept nogil:
    """The per-CPU lists were drained after a block that was worked on: another look, as the policy has it."""
    if not cc.capture or cc.captured != NO_PAGE:
        return
    if cc.policy.form == CAPTURE_BLOCK:
        capture_worked_61(z, cc, worked)
    elif cc.policy.form == CAPTURE_LISTS:
        capture_listed_61(z, cc)
