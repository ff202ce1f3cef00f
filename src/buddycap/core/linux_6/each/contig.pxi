# Ranges of pages that are emptied, to be allocated in one piece or taken away (since Linux 6.1).
#
#   ISOLATE --a pageblock cannot be isolated-------------------------------------------------> DONE
#      |                                            a pass is over and all is free: claimed |
#      +--> SCAN <--> MOVE  32 pages at a time      the last pass, or no page to move to:   |
#            |                                      pages and pageblocks go back            |
#            +------------------------------------------------------------------------------+
#
# The pageblocks around the range are isolated, so that nobody takes what comes free there.  Then its pages move to
# wherever the zone, or a lower one of its node, has room: as requests for movable pages, down to the min mark.  A pass
# goes over the whole range; what was busy is tried again in the next, and others may act in between.  Pages that have
# moved stay where they are if it fails.
#
# Deviations: the kernel tries what is busy again before it goes on, and drops clean pages of files instead of moving
# them; here a compound block moves to a block of its size or not at all, and nobody reclaims to make room.  The kernel
# takes memory away in pieces of 128 MiB or more, and the zone shrinks if they lie at its end.
#
# Kernel: mm/page_alloc.c of 6.1: alloc_contig_range, __alloc_contig_migrate_range; mm/compaction.c:
# isolate_migratepages_range, isolate_freepages_range; mm/migrate.c: alloc_migration_target; mm/memory_hotplug.c:
# offline_pages, do_migrate_range, __offline_isolated_pages, online_pages; mm/cma.c: cma_alloc.

cdef enum:
    CONTIG_PASSES_61 = 5


# --- why not ----------------------------------------------------------------------------------------------------

cdef int32_t unisolatable_page_61(zone_t *z, int32_t start, int32_t end, int mt) noexcept nogil:
    """A page for which the pageblocks around [start, end) could not be isolated for type mt."""
    cdef int32_t first = start & -block_pages_61(z)
    cdef int32_t after = (end + block_pages_61(z) - 1) & -block_pages_61(z)
    cdef int32_t block = first
    cdef int32_t page
    cdef int old_mt
    while block < after:
        old_mt = block_type_61(z, block)
        if old_mt == iso_61(z) or (only_61(z).cma and old_mt == MT61_CMA and mt != MT61_CMA):
            return max(block, start)
        if not (only_61(z).cma and old_mt == MT61_CMA):
            page = unmovable_page_61(z, block, block + block_pages_61(z))
            if page != NO_PAGE:
                return page
        block += block_pages_61(z)
    page = block_head(z, first)         # then a block reaches over an end
    return page if page < first else block_head(z, after - 1)


cdef int32_t first_in_use_61(zone_t *z, const contig_t *c) noexcept nogil:
    """The first page of the range that is not free, or NO_PAGE."""
    cdef int32_t at = block_head(z, c.start)
    while at < c.end:
        if (order_array(z)[at] & PG_STATE) != PG_FREE:
            return max(at, c.start)
        at += 1 << order_array(z)[at]
    return NO_PAGE


# --- one page or compound block ---------------------------------------------------------------------------------

cdef inline int may_move_61(uint32_t flags) noexcept nogil:
    """Whether something with these flags can be taken off the LRU to be moved."""
    return (flags & (PF_LRU | PF_SLAB | PF_WRITEBACK)) == PF_LRU and not (flags & PF_ANON and flags & PF_PINNED)


cdef inline int is_busy_61(uint32_t flags) noexcept nogil:
    """Whether it cannot be moved right now.  Linux: __unmap_and_move."""
    return (flags & (PF_WRITEBACK | PF_LOCKED | PF_PINNED)) != 0


cdef void put_back_61(zone_t *z, int32_t i) noexcept nogil:
    """A page that was taken off the LRU goes back; one that its owner has let go is free, if it is not being written.
    """
    if (flags_array(z)[i] & (PF_ORPHAN | PF_WRITEBACK)) == PF_ORPHAN:
        free_orphan_61(z, i)
    else:
        putback_lru_page_61(z, i)


cdef int32_t migration_target_61(zone_t **zones, int n, int at, int order, int *found) noexcept nogil:
    """A block to move one of zone `at` to, in the zone at `found`; or NO_PAGE.  Linux: alloc_migration_target."""
    cdef zone_t *z = zones[at]
    cdef int highest = ZONE_MOVABLE_61 if z.zone_idx == ZONE_MOVABLE_61 else ZONE_NORMAL_61
    cdef int mt = request_type_61(z, MT61_MOVABLE)
    cdef int32_t i = node_walk_61(zones, n, order, mt, ALLOC61_WMARK_LOW | ALLOC61_CMA, highest, 0, found)
    if i == NO_PAGE:
        i = node_walk_61(zones, n, order, mt, ALLOC61_WMARK_MIN | ALLOC61_CMA, highest, 0, found)
    return i


cdef int relocate_61(machine_t *m, zone_t **zones, int n, contig_t *c, int32_t i, int order) noexcept nogil:
    """Move the page or compound block at i, which is on no private list, to wherever there is room; 0 if nowhere.

    Marks, references and owner move with it, and it is on the LRU there.
    """
    cdef zone_t *z = zones[c.zone]
    cdef int found = 0
    cdef int32_t to = migration_target_61(zones, n, c.zone, order, &found)
    cdef zone_t *other = zones[found]
    if to == NO_PAGE:
        return 0
    if m != NULL:
        event_put(m, EV_MIGRATED, n - 1 - c.zone, i, page_owner(z, i))
        event_put(m, EV_MIGRATED_TO, n - 1 - found, to, page_owner(z, i))
    if c.moved < c.room:
        c.moves[2 * c.moved] = z.base_pfn + i
        c.moves[2 * c.moved + 1] = other.base_pfn + to
    c.moved += 1
    order_array(other)[to] = PG_MARKED | order
    if other.off_owner:
        owner_array(other)[to] = page_owner(z, i)
    refs_array_61(other)[to] = refs_array_61(z)[i]
    lru_add_61(other, to, flags_array(z)[i] & ~<uint32_t> (PF_ISOLATED | PF_LRU))
    free_unref_61(z, i, order)
    return 1


# --- the end ----------------------------------------------------------------------------------------------------

cdef void resize_node_61(zone_t **zones, int n) noexcept nogil:
    """Marks, reserves and per-CPU lists follow the pages that there are now."""
    node_set_marks_61(zones, n, zones[0].min_free_kbytes, only_61(zones[0]).scale)
    node_set_reserves_61(zones, n)


cdef void keep_range_61(zone_t *z, const contig_t *c) noexcept nogil:
    """The pages of an empty range become single allocated ones; those around it are free again."""
    cdef int32_t first = block_head(z, c.start)
    cdef int32_t at = first
    cdef int32_t k, pages
    while at < c.end:
        pages = take_free_block_61(z, at)
        memset(order_array(z) + at, PG_USED, pages)
        at += pages
    for k in range(first, c.start):
        free_unref_61(z, k, 0)
    for k in range(c.end, at):
        free_unref_61(z, k, 0)
    undo_isolate_range_61(z, c.start, c.end, c.migratetype)


cdef void remove_range_61(zone_t *z, const contig_t *c) noexcept nogil:
    """The pages of an empty range, which is whole pageblocks, go away.  Linux: __offline_isolated_pages."""
    cdef int32_t pages = c.end - c.start
    cdef int32_t at = c.start
    cdef int order
    while at < c.end:
        order = order_array(z)[at]
        unlist_block_61(z, at, order)
        at += 1 << order
    memset(order_array(z) + c.start, PG_HOLE, pages)
    memset(pageblock_array(z) + (c.start >> z.pageblock_order), MT61_UNMOVABLE, pages >> z.pageblock_order)
    memset(skip_array_61(z) + (c.start >> z.pageblock_order), 0, pages >> z.pageblock_order)
    only_61(z).nr_isolated -= pages >> z.pageblock_order
    only_61(z).managed -= pages
    z.present_pages -= pages


cdef int contig_done_61(zone_t **zones, contig_t *c, int32_t blocker) noexcept nogil:
    """The range could not be emptied: pages and pageblocks go back.  CONTIG_DONE."""
    cdef zone_t *z = zones[c.zone]
    cdef int32_t head = slot_list(z, c.list)
    cdef int32_t i
    c.blocker = blocker
    if c.list != NO_PAGE:
        while not list_empty(link_array(z), head):
            i = link_array(z)[head].next
            list_del(link_array(z), i)
            put_back_61(z, i)
        slot_close(z, c.list)
        c.list = NO_PAGE
        undo_isolate_range_61(z, c.start, c.end, c.migratetype)
    return CONTIG_DONE


cdef int contig_claim_61(zone_t **zones, int n, contig_t *c) noexcept nogil:
    """All of the range is free: it becomes what it is wanted for, if it is still out of bounds.  CONTIG_DONE."""
    cdef zone_t *z = zones[c.zone]
    cdef int32_t block = c.start
    if not is_isolated_61(z, block_head(z, c.start), c.end):
        return contig_done_61(zones, c, c.start)
    slot_close(z, c.list)
    c.list = NO_PAGE
    c.emptied = 1
    if c.purpose == CONTIG_OFFLINE:
        remove_range_61(z, c)
        resize_node_61(zones, n)
        return CONTIG_DONE
    keep_range_61(z, c)
    while c.purpose == CONTIG_CMA and block < c.end:
        make_cma_61(z, block)
        block += block_pages_61(z)
    return CONTIG_DONE


# --- a pass -----------------------------------------------------------------------------------------------------

cdef int contig_isolate_61(zone_t **zones, contig_t *c) noexcept nogil:
    """Put the pageblocks out of bounds; the state after it."""
    cdef zone_t *z = zones[c.zone]
    cdef int32_t slot = slot_open(z, SLOT_PAGES)
    if slot == NO_PAGE:
        return contig_done_61(zones, c, NO_PAGE)
    if not isolate_range_61(z, c.start, c.end, c.migratetype):
        slot_close(z, slot)
        return contig_done_61(zones, c, unisolatable_page_61(z, c.start, c.end, c.migratetype))
    c.list = slot
    c.at = c.start
    c.passes = 1
    drain_all_61(z)                     # blocks that CPUs hold leave their lists by the present types
    return CONTIG_SCAN


cdef int contig_scan_61(machine_t *m, zone_t **zones, int n, contig_t *c) noexcept nogil:
    """Take the next pages off the LRU, and move the next compound block; the state after it."""
    cdef zone_t *z = zones[c.zone]
    cdef int taken = 0
    cdef int32_t head
    cdef int order
    cdef uint32_t flags
    if c.at < c.end and block_type_61(z, c.at) != iso_61(z):
        return contig_done_61(zones, c, c.at)           # others have put the pageblock back
    while c.at < c.end and taken < COMPACT_CLUSTER_61:
        head = block_head(z, c.at)
        order = state_order_61(z, order_array(z)[head])
        flags = flags_array(z)[head]
        c.at = head + (1 << order)
        c.scanned += 1
        if (order_array(z)[head] & PG_STATE) != PG_MARKED or not may_move_61(flags):
            continue
        if order == 0:
            isolate_lru_page_61(z, head, slot_list(z, c.list))
            taken += 1
        elif flags & PF_COMPOUND_61 and not is_busy_61(flags):
            if not relocate_61(m, zones, n, c, head, order):
                return contig_done_61(zones, c, head)
            break
    return CONTIG_MOVE


cdef int contig_pass_61(zone_t **zones, int n, contig_t *c) noexcept nogil:
    """A pass has ended: another one if something is left, if that may be; the state after it."""
    cdef zone_t *z = zones[c.zone]
    cdef int32_t blocker = first_in_use_61(z, c)
    if blocker == NO_PAGE:
        return contig_claim_61(zones, n, c)
    if c.passes == CONTIG_PASSES_61:
        return contig_done_61(zones, c, blocker)
    drain_all_61(z)
    c.at = c.start
    c.passes += 1
    c.pass_over = 1
    return CONTIG_SCAN


cdef int contig_move_61(machine_t *m, zone_t **zones, int n, contig_t *c) noexcept nogil:
    """Move the next page of the list, or go on to the next piece or pass; the state after it."""
    cdef zone_t *z = zones[c.zone]
    cdef int32_t head = slot_list(z, c.list)
    cdef int32_t i = link_array(z)[head].next
    if i == head:
        return CONTIG_SCAN if c.at < c.end else contig_pass_61(zones, n, c)
    list_del(link_array(z), i)
    if flags_array(z)[i] & PF_ORPHAN or is_busy_61(flags_array(z)[i]):
        put_back_61(z, i)
    elif not relocate_61(m, zones, n, c, i, 0):
        list_add(link_array(z), head, i)
        return contig_done_61(zones, c, i)
    return CONTIG_MOVE


# --- the steps --------------------------------------------------------------------------------------------------

cdef int contig_step_61(machine_t *m, zone_t **zones, int n, contig_t *c, int64_t budget) noexcept nogil:
    """Go on until about `budget` pages have been looked at or moved, or a pass is over; the state.

    zones: as walk_step_61 has them.
    """
    cdef int64_t end = c.scanned + c.moved + budget
    c.pass_over = 0
    while c.state != CONTIG_DONE and c.scanned + c.moved < end and not c.pass_over:
        if m != NULL and events_pending(m) > NR_EVENTS - EVENT_ROOM:
            break
        if c.state == CONTIG_ISOLATE:
            c.state = contig_isolate_61(zones, c)
        elif c.state == CONTIG_SCAN:
            c.state = contig_scan_61(m, zones, n, c)
        else:
            c.state = contig_move_61(m, zones, n, c)
    return c.state


cdef void contig_abort_61(zone_t **zones, contig_t *c) noexcept nogil:
    """Give up: pages and pageblocks go back."""
    if c.state != CONTIG_DONE:
        c.state = contig_done_61(zones, c, NO_PAGE)


# --- memory that comes back -------------------------------------------------------------------------------------

cdef void online_range_61(zone_t **zones, int n, int at, int32_t start, int32_t end) noexcept nogil:
    """Pages of whole pageblocks that are away come back: free, and MOVABLE.  Linux: online_pages."""
    cdef zone_t *z = zones[at]
    cdef int32_t i = start
    cdef int order
    memset(pageblock_array(z) + (start >> z.pageblock_order), iso_61(z), (end - start) >> z.pageblock_order)
    only_61(z).nr_isolated += (end - start) >> z.pageblock_order
    note_isolated_61(z)
    z.present_pages += end - start
    only_61(z).managed += end - start
    memset(order_array(z) + start, PG_TAIL, end - start)
    while i < end:
        order = 0
        while order < ORDER_MAX_61 and not i & (1 << order) and i + (2 << order) <= end:
            order += 1
        free_one_page_61(z, i, order, iso_61(z), 1)
        i += 1 << order
    undo_isolate_range_61(z, start, end, MT61_MOVABLE)
    resize_node_61(zones, n)
