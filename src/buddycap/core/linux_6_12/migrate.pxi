# The migration of what compaction has isolated, in batches (Linux 6.12): units get their targets and are unmapped, one
# after the other; then all those are moved.
#
#   list:  failed | put aside | slice | refused | split | not yet tried
#
# A slice of about 512 pages is tried as one batch if the run does not wait; else as one that counts for nothing, and
# then unit by unit what is left of it.  A unit that is busy stays where it is and is tried again in the next pass.  A
# compound unit without a target is split, and its pages are tried once more when the slice is through.
#
#   UNMAP --slice is through, or no target--> MOVE --all are moved or have failed--> next batch, or the end
#
# Kernel: mm/migrate.c of 6.12: migrate_pages, migrate_pages_sync, migrate_pages_batch.

cdef enum:
    MIGRATE_SLICE_612 = 512         # NR_MAX_BATCHED_MIGRATION: the unit that reaches it is the last one

cdef enum:                          # compact_control_t.batch
    BATCH_ASYNC_612 = 0
    BATCH_FIRST_612                 # of a run that waits: failures do not count
    BATCH_SINGLE_612                # one unit
    BATCH_SPLIT_612                 # pages of units that were split

cdef enum:                          # passes of each
    PASSES_ASYNC_612 = 10
    PASSES_FIRST_612 = 3
    PASSES_SINGLE_612 = 7
    PASSES_SPLIT_612 = 1

cdef enum:                          # parts of the list
    PART_FAILED_612 = 1
    PART_ASIDE_612
    PART_SLICE_612
    PART_REFUSED_612                # in a first batch: they are tried again, behind the rest of the slice
    PART_SPLIT_612


# --- the list ---------------------------------------------------------------------------------------------------

cdef inline void unlist_unit_612(zone_t *z, compact_control_t *cc, int32_t i, int part) noexcept nogil:
    """A unit leaves its part, and the list."""
    leave_part_612(link_array(z), &cc.units, part, i)


cdef inline void list_unit_612(zone_t *z, compact_control_t *cc, int32_t i, int part) noexcept nogil:
    """A unit becomes the last one of a part."""
    join_part_612(link_array(z), &cc.units, part, i)


cdef inline int part_at_hand_612(const compact_control_t *cc) noexcept nogil:
    """The part that attempts are made in."""
    return PART_ASIDE_612 if cc.stage == STAGE_MOVE else PART_SLICE_612


cdef inline int32_t unit_at_hand_612(zone_t *z, const compact_control_t *cc) noexcept nogil:
    """The next unit to be tried."""
    if cc.passed != NO_PAGE:
        return link_array(z)[cc.passed].next
    return start_of_part_612(link_array(z), &cc.units, part_at_hand_612(cc))


cdef inline int unit_pages_612(zone_t *z, int32_t i) noexcept nogil:
    return 1 << (order_array(z)[i] & 0x0F)


# --- batches ----------------------------------------------------------------------------------------------------

cdef void begin_units_612(compact_control_t *cc, int batch, int passes, int units) noexcept nogil:
    """A batch over the first units of the slice."""
    cc.batch = batch
    cc.passes = passes
    cc.stage = STAGE_UNMAP
    cc.todo = units
    cc.migrate_pass = cc.busy = cc.busy_pages = 0
    cc.aside = cc.failed = cc.failed_pages = cc.split_units = 0
    cc.passed = cc.target = NO_PAGE


cdef void begin_slice_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """The next units that nobody has tried: as many as make a slice."""
    cdef const link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, cc.migratepages)
    cdef int32_t i = end_of_part_612(&cc.units, PART_FAILED_612)
    cdef int pages = 0
    cdef int units = 0
    while pages < MIGRATE_SLICE_612 and link[i].next != head:
        i = link[i].next
        pages += unit_pages_612(z, i)
        units += 1
    end_part_612(&cc.units, PART_SLICE_612, i)
    if cc.mode == MIGRATE_ASYNC:
        begin_units_612(cc, BATCH_ASYNC_612, PASSES_ASYNC_612, units)
    else:
        begin_units_612(cc, BATCH_FIRST_612, PASSES_FIRST_612, units)


cdef void begin_batch_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Nothing has been tried."""
    clear_parts_612(&cc.units, slot_list(z, cc.migratepages))
    cc.succeeded = cc.units_failed = cc.pages_failed = cc.split_pages = cc.no_memory = 0
    begin_slice_612(z, cc)


cdef void begin_moves_612(compact_control_t *cc) noexcept nogil:
    """What has been unmapped is moved."""
    cc.stage = STAGE_MOVE
    cc.todo = cc.aside
    cc.migrate_pass = cc.busy = cc.busy_pages = 0
    cc.passed = NO_PAGE


cdef int begin_pass_612(compact_control_t *cc) noexcept nogil:
    """Another pass over what is busy, if there is one left."""
    cc.migrate_pass += 1
    if cc.busy == 0 or cc.migrate_pass >= cc.passes:
        return 0
    cc.todo = cc.busy
    cc.busy = cc.busy_pages = 0
    cc.passed = NO_PAGE
    return 1


cdef inline void fail_unit_612(zone_t *z, compact_control_t *cc, int32_t i) noexcept nogil:
    """A unit that cannot be moved in this batch."""
    cc.failed += 1
    cc.failed_pages += unit_pages_612(z, i)
    unlist_unit_612(z, cc, i, part_at_hand_612(cc))
    list_unit_612(z, cc, i, PART_REFUSED_612 if cc.batch == BATCH_FIRST_612 else PART_FAILED_612)


cdef void end_passes_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """What is still busy has failed; it stays in the slice, but for a single unit.  What was unmapped is moved."""
    if cc.batch == BATCH_SINGLE_612 and cc.busy:
        fail_unit_612(z, cc, cc.passed)
    else:
        cc.failed += cc.busy
        cc.failed_pages += cc.busy_pages
    begin_moves_612(cc)


cdef void end_without_target_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """There is no target for a unit that cannot be split: it and what is busy have failed, and no other is tried."""
    cc.failed += cc.busy + 1
    cc.failed_pages += cc.busy_pages + unit_pages_612(z, cc.page)
    cc.no_memory = 1
    begin_moves_612(cc)


cdef void end_moves_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """What could not be moved has failed, in its order, and its targets are not used."""
    while not is_part_empty_612(&cc.units, PART_ASIDE_612):
        drop_aside_612(z, cc, link_array(z)[slot_list(z, cc.freepages)].next)
        fail_unit_612(z, cc, start_of_part_612(link_array(z), &cc.units, PART_ASIDE_612))


cdef void count_batch_612(compact_control_t *cc) noexcept nogil:
    """What a batch means for the result: of a first one only what was split, of one of split pages nothing."""
    if cc.batch == BATCH_FIRST_612 and not cc.no_memory:
        cc.units_failed += cc.split_units
        return
    cc.pages_failed += cc.failed_pages
    if cc.batch == BATCH_SPLIT_612:
        cc.no_memory = 0
    else:
        cc.units_failed += cc.failed


cdef int begin_next_batch_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """What is left of a slice is tried unit by unit, then what was split, then the next slice.

    0: everything has been tried, or there is no memory to move to.
    """
    cdef int32_t i
    count_batch_612(cc)
    if cc.no_memory:
        while not is_part_empty_612(&cc.units, PART_REFUSED_612):
            i = start_of_part_612(link_array(z), &cc.units, PART_REFUSED_612)
            unlist_unit_612(z, cc, i, PART_REFUSED_612)
            list_unit_612(z, cc, i, PART_FAILED_612)
        return 0
    if cc.batch == BATCH_FIRST_612:
        unite_parts_612(&cc.units, PART_SLICE_612, PART_REFUSED_612)
    elif cc.batch != BATCH_SINGLE_612:
        unite_parts_612(&cc.units, PART_FAILED_612, PART_REFUSED_612)
    if not is_part_empty_612(&cc.units, PART_SLICE_612):
        begin_units_612(cc, BATCH_SINGLE_612, PASSES_SINGLE_612, 1)
    elif cc.split_pages:
        unite_parts_612(&cc.units, PART_SLICE_612, PART_SPLIT_612)
        begin_units_612(cc, BATCH_SPLIT_612, PASSES_SPLIT_612, cc.split_pages)
        cc.split_pages = 0
    elif start_of_part_612(link_array(z), &cc.units, PART_SPLIT_612) != slot_list(z, cc.migratepages):
        begin_slice_612(z, cc)
    else:
        return 0
    return 1


# --- attempts ---------------------------------------------------------------------------------------------------

cdef inline int outcome_612(zone_t *z, const compact_control_t *cc) noexcept nogil:
    """What becomes of an attempt by the page's flags: ATTEMPT_*.  Linux: migrate_folio_unmap, migrate_folio_move.

    From being unmapped to being moved a page is locked in Linux, and whoever would write it waits for that.  Nobody
    waits here: a page whose writeback has begun in between is busy.
    """
    cdef uint32_t flags = flags_array(z)[cc.page]
    if cc.stage == STAGE_SPLIT:
        return ATTEMPT_EBUSY if flags & (PF_WRITEBACK | PF_LOCKED | PF_PINNED) else ATTEMPT_MOVES
    if cc.stage == STAGE_MOVE:
        return ATTEMPT_EAGAIN if flags & (PF_PINNED | PF_WRITEBACK) else ATTEMPT_MOVES
    if flags & PF_WRITEBACK:
        return ATTEMPT_EBUSY
    return ATTEMPT_EAGAIN if flags & PF_LOCKED else ATTEMPT_MOVES


cdef int find_target_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """The next unit of the slice, with a target unless its owner has let it go; 0: there is no memory.

    One that is compound is asked whether it can be split.
    """
    cdef int order
    cc.page = unit_at_hand_612(z, cc)
    if flags_array(z)[cc.page] & PF_ORPHAN:
        return 1
    order = order_array(z)[cc.page] & 0x0F
    cc.target = compaction_alloc_612(z, cc, order)
    if cc.target != NO_PAGE:
        return 1
    if order:
        cc.stage = STAGE_SPLIT
        return 1
    end_without_target_612(z, cc)
    return 0


cdef inline int is_plain_612(zone_t *z, int32_t i) noexcept nogil:
    """Whether a unit is a single page that nothing keeps from being unmapped."""
    return not (order_array(z)[i] & 0x0F or flags_array(z)[i] & (PF_ORPHAN | PF_WRITEBACK | PF_LOCKED))


cdef void unmap_plain_units_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Plain units are put aside in a row, as long as there are targets: the same as one by one, if nobody is asked.

    Single targets follow those that are aside, as plain units do, so that only the borders of the parts move.
    """
    cdef const link_t *link = link_array(z)
    cdef int32_t i = end_of_part_612(&cc.units, PART_ASIDE_612)
    cdef int32_t target = end_of_part_612(&cc.targets, TARGETS_ASIDE_612)
    cdef int32_t end
    cdef int n = 0
    if cc.passed != NO_PAGE:
        return
    while n < cc.todo and is_plain_612(z, link[i].next) and cut_target_612(z, cc, 0) != NO_PAGE:
        end = cc.targets.last[TARGETS_612]
        while n < cc.todo and target != end and is_plain_612(z, link[i].next):
            i = link[i].next
            target = link[target].next
            n += 1
        cut_part_612(&cc.targets, TARGETS_612, target)
        end_part_612(&cc.targets, TARGETS_ASIDE_612, target)
    if n == 0:
        return
    cut_part_612(&cc.units, PART_SLICE_612, i)
    end_part_612(&cc.units, PART_ASIDE_612, i)
    cc.todo -= n
    cc.aside += n
    cc.nr_freepages -= n
    cc.nr_migratepages -= n


cdef void move_aside_612(machine_t *m, int32_t at, zone_t *z, compact_control_t *cc, int32_t i,
                         int32_t target) noexcept nogil:
    """A unit that was put aside moves to its target.  Linux: migrate_folio_move."""
    cdef int pages = unit_pages_612(z, i)
    if m != NULL:
        event_put(m, EV_MIGRATED, at, i, page_owner(z, i))
        event_put(m, EV_MIGRATED_TO, at, target, page_owner(z, i))
    cc.todo -= 1
    cc.succeeded += pages
    cc.moved += pages
    unlist_unit_612(z, cc, i, PART_ASIDE_612)
    leave_part_612(link_array(z), &cc.targets, TARGETS_ASIDE_612, target)
    move_unit_612(z, i, target)


cdef inline int move_plain_unit_612(machine_t *m, int32_t at, zone_t *z, compact_control_t *cc) noexcept nogil:
    """The first unit put aside moves, if there is one and nothing keeps it: the usual attempt, if nobody is asked."""
    cdef int32_t i = start_of_part_612(link_array(z), &cc.units, PART_ASIDE_612)
    if cc.todo == 0 or cc.passed != NO_PAGE or flags_array(z)[i] & (PF_ORPHAN | PF_WRITEBACK | PF_PINNED):
        return 0
    move_aside_612(m, at, z, cc, i, link_array(z)[slot_list(z, cc.freepages)].next)
    return 1


cdef int next_attempt_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Go on to the next attempt, in the next batch if need be; 0: everything was tried, or there is no memory."""
    while True:
        if cc.todo and cc.stage == STAGE_MOVE:
            cc.page = unit_at_hand_612(z, cc)
            cc.target = link_array(z)[slot_list(z, cc.freepages) if cc.passed == NO_PAGE else cc.passed_target].next
            return 1
        if cc.todo:
            if find_target_612(z, cc):
                return 1
        elif begin_pass_612(cc):
            pass
        elif cc.stage == STAGE_UNMAP:
            end_passes_612(z, cc)
        else:
            end_moves_612(z, cc)
            if not begin_next_batch_612(z, cc):
                return 0


cdef void settle_split_612(zone_t *z, compact_control_t *cc, int outcome) noexcept nogil:
    """A compound unit without a target becomes single pages, the last one first; or that cannot be."""
    cdef int32_t head = cc.page
    cdef int32_t pages = unit_pages_612(z, head)
    cdef uint32_t flags = flags_array(z)[head] & ~<uint32_t> PF_COMPOUND_61
    cdef int32_t i
    if outcome != ATTEMPT_MOVES:
        end_without_target_612(z, cc)
        return
    cc.stage = STAGE_UNMAP
    cc.todo -= 1
    cc.failed += 1
    cc.split_units += 1
    cc.split_pages += pages
    unlist_unit_612(z, cc, head, PART_SLICE_612)
    for i in range(head + pages - 1, head - 1, -1):
        order_array(z)[i] = PG_MARKED
        flags_array(z)[i] = flags
        if z.off_owner:
            owner_array(z)[i] = owner_array(z)[head]
        list_unit_612(z, cc, i, PART_SPLIT_612)


cdef void settle_unmap_612(zone_t *z, compact_control_t *cc, int outcome) noexcept nogil:
    """A unit is put aside with its target, stays for another pass, or has failed."""
    cdef int32_t i = cc.page
    cc.todo -= 1
    if outcome == ATTEMPT_MOVES:
        if cc.passed == NO_PAGE:            # it follows what was put aside before
            cut_part_612(&cc.units, PART_SLICE_612, i)
            end_part_612(&cc.units, PART_ASIDE_612, i)
        else:
            unlist_unit_612(z, cc, i, PART_SLICE_612)
            list_unit_612(z, cc, i, PART_ASIDE_612)
        set_aside_612(z, cc, cc.target)
        cc.aside += 1
        return
    compaction_free_612(z, cc, cc.target)
    if outcome == ATTEMPT_EAGAIN:
        cc.busy += 1
        cc.busy_pages += unit_pages_612(z, i)
        cc.passed = i
    else:
        fail_unit_612(z, cc, i)


cdef void settle_move_612(machine_t *m, int32_t at, zone_t *z, compact_control_t *cc, int outcome) noexcept nogil:
    """A unit that was put aside has moved, stays for another pass, or has failed."""
    if outcome == ATTEMPT_MOVES:
        move_aside_612(m, at, z, cc, cc.page, cc.target)
        return
    cc.todo -= 1
    if outcome == ATTEMPT_EAGAIN:
        cc.busy += 1
        cc.busy_pages += unit_pages_612(z, cc.page)
        cc.passed = cc.page
        cc.passed_target = cc.target
    else:
        drop_aside_612(z, cc, cc.target)
        fail_unit_612(z, cc, cc.page)


cdef void settle_orphan_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """A unit that its owner has let go is freed, and counts as moved."""
    cdef int32_t i = cc.page
    cc.todo -= 1
    if cc.stage == STAGE_MOVE:
        drop_aside_612(z, cc, cc.target)
    elif cc.target != NO_PAGE:
        compaction_free_612(z, cc, cc.target)
    cc.succeeded += unit_pages_612(z, i)
    unlist_unit_612(z, cc, i, part_at_hand_612(cc))
    if cc.stage == STAGE_SPLIT:
        cc.stage = STAGE_UNMAP
    free_orphan_612(z, i)


cdef void settle_attempt_612(machine_t *m, int32_t at, zone_t *z, compact_control_t *cc, int outcome) noexcept nogil:
    """What an attempt has come to."""
    if flags_array(z)[cc.page] & PF_ORPHAN:
        settle_orphan_612(z, cc)
    elif cc.stage == STAGE_SPLIT:
        settle_split_612(z, cc, outcome)
    elif cc.stage == STAGE_UNMAP:
        settle_unmap_612(z, cc, outcome)
    else:
        settle_move_612(m, at, z, cc, outcome)
    cc.target = NO_PAGE
