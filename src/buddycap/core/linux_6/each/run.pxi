# One run of compaction over one zone (since Linux 6.1): both scanners, migration, and the block that is captured.
#
# A run is a step machine: `compact_step_61` goes on until its budget of pages is used up, or, if asked for, stops
# before each attempt to move a page.  While it works, and only then, capture is armed for its task.
#
#   BEGIN --not worth while--------------------------------------------------> DONE
#     |                                              finished, captured, no targets |
#     +--> TURN --pages isolated--> PAGE <--> ATTEMPT (stopped; compact_answer_61)  |
#           ^  |                     |  batch is through                            |
#           +--+---------------------+----------------------------------------------+
#
# Kernel: mm/compaction.c of 6.1: compact_zone, compact_finished, __compact_finished.


cdef int compact_step_61(machine_t *m, int32_t at, zone_t *z, compact_control_t *cc, int64_t budget) noexcept nogil:
    """Go on until about `budget` pages have been looked at or moved; the state.

    m, at: whose ring of events is told of moved pages, and the zone's position in it; m may be NULL.
    """
    cdef int64_t end = compact_work_61(cc) + budget
    capture_arm_61(z, cc)
    cc.batch_over = 0
    while cc.state < COMPACT_ATTEMPT and compact_work_61(cc) < end and not cc.batch_over:
        if m != NULL and events_pending(m) > NR_EVENTS - EVENT_ROOM:
            break
        if cc.state == COMPACT_TURN:
            cc.state = compact_turn_61(z, cc)
        else:
            cc.state = compact_page_61(m, at, z, cc)
            cc.batch_over = cc.batch_steps and cc.state == COMPACT_TURN
        capture_note_61(z, cc)
    capture_disarm_61(z, cc)
    return cc.state


cdef void compact_answer_61(machine_t *m, int32_t at, zone_t *z, compact_control_t *cc, int outcome) noexcept nogil:
    """Go on with the attempt that a run has stopped before: ATTEMPT_*."""
    if outcome == ATTEMPT_BY_FLAGS:
        outcome = outcome_61(z, cc)
    capture_arm_61(z, cc)
    settle_attempt_61(m, at, z, cc, outcome)
    cc.state = COMPACT_PAGE
    capture_disarm_61(z, cc)


cdef int32_t compact_take_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """The captured block becomes an allocated one, the caller's; or NO_PAGE.  The result is COMPACT_SUCCESS then."""
    cdef int32_t i = cc.captured
    if i != NO_PAGE:
        cc.result = COMPACT_SUCCESS
        order_array(z)[i] = PG_USED | cc.order
        cc.captured = NO_PAGE
    return i


cdef void compact_abort_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Give up: pages and targets go back, and so does a captured block."""
    cdef int32_t i
    drop_targets_61(z, cc)
    if cc.state != COMPACT_DONE:
        putback_movable_pages_61(z, cc)
        compact_end_61(z, cc, COMPACT_CONTENDED)
    i = compact_take_61(z, cc)
    if i != NO_PAGE:
        free_unref_61(z, i, cc.order)
        cc.result = COMPACT_CONTENDED
