# The migration of what compaction has isolated, page by page (Linux 6.1).
#
#   list:  kept ... kept | left of earlier slices | slice ... slice_end | not yet tried
#
# Pages that cannot be moved at all come to the head of the list, in their order; pages that are busy stay where they
# are and are tried again, up to ten times in all.  The old page is free the moment the new one is in its place, so a
# block may be captured in the middle of a batch.
#
# Before an attempt the run may stop, so that others can act: an interrupt on top of its task, whose frees are captured,
# or other tasks, whose frees are not.
#
# Kernel: mm/migrate.c of 6.1: migrate_pages.

cdef enum:
    MIGRATE_PASSES_61 = 10
    MIGRATE_SLICE_61 = 512      # NR_MAX_BATCHED_MIGRATION


cdef inline int outcome_61(zone_t *z, const compact_control_t *cc) noexcept nogil:
    """What becomes of an attempt by the page's flags: ATTEMPT_*.  Linux: __unmap_and_move."""
    cdef uint32_t flags = flags_array(z)[cc.page]
    if flags & PF_WRITEBACK:
        return ATTEMPT_EBUSY
    if flags & (PF_LOCKED | PF_PINNED):
        return ATTEMPT_EAGAIN
    return ATTEMPT_MOVES


# --- the batch --------------------------------------------------------------------------------------------------

cdef int32_t slice_start_61(zone_t *z, const compact_control_t *cc) noexcept nogil:
    """First page of the slice."""
    return link_array(z)[cc.kept if cc.left == NO_PAGE else cc.left].next


cdef void begin_slice_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """The slice begins where the one before ended: up to 512 pages."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, cc.migratepages)
    cdef int32_t i = slice_start_61(z, cc)
    cdef int n = 0
    while i != head and n < MIGRATE_SLICE_61:
        i = link[i].next
        n += 1
    cc.slice_end = i
    cc.migrate_pass = cc.busy = 0
    cc.page = slice_start_61(z, cc)


cdef void begin_batch_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Nothing has been tried."""
    cc.failed = cc.succeeded = 0
    cc.kept = slot_list(z, cc.migratepages)
    cc.left = NO_PAGE
    begin_slice_61(z, cc)


cdef void keep_page_61(zone_t *z, compact_control_t *cc, int32_t i) noexcept nogil:
    """The page cannot be moved: it goes behind those of its kind at the head of the list."""
    cdef link_t *link = link_array(z)
    list_del(link, i)
    list_insert(link, i, cc.kept, link[cc.kept].next)
    cc.kept = i
    cc.failed += 1


cdef int next_page_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Go on to the next pass or slice where one has ended; whether there is a page to try."""
    while cc.page == cc.slice_end:
        if cc.busy and cc.migrate_pass + 1 < MIGRATE_PASSES_61:
            cc.migrate_pass += 1
            cc.busy = 0
            cc.page = slice_start_61(z, cc)
            continue
        cc.failed += cc.busy
        if cc.busy:
            cc.left = link_array(z)[cc.slice_end].prev
        if cc.slice_end == slot_list(z, cc.migratepages):
            return 0
        begin_slice_61(z, cc)
    return 1


cdef void settle_attempt_61(machine_t *m, int32_t at, zone_t *z, compact_control_t *cc, int outcome) noexcept nogil:
    """What an attempt has come to: the page has moved, stays for another pass, or stays for good."""
    cdef int32_t i = cc.page
    cdef int32_t target = cc.target
    cdef int32_t next = link_array(z)[i].next
    cc.target = NO_PAGE
    cc.page = next
    if flags_array(z)[i] & PF_ORPHAN:
        if target != NO_PAGE:               # its owner has let it go just now
            compaction_free_61(z, cc, target)
        list_del(link_array(z), i)
        free_orphan_61(z, i)
        cc.succeeded += 1
        return
    if outcome == ATTEMPT_MOVES:
        if m != NULL:
            event_put(m, EV_MIGRATED, at, i, page_owner(z, i))
            event_put(m, EV_MIGRATED_TO, at, target, page_owner(z, i))
        list_del(link_array(z), i)
        move_unit_61(z, i, target)
        cc.succeeded += 1
        cc.moved += 1
        return
    compaction_free_61(z, cc, target)
    if outcome == ATTEMPT_EAGAIN:
        cc.busy += 1
    else:
        keep_page_61(z, cc, i)
