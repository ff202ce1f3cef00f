# A run of compaction begins and ends (since Linux 6.1).
#
# Kernel: mm/compaction.c of 6.1: compact_zone.


cdef void compact_control_init_61(compact_control_t *cc, int order, uint32_t gfp, int mode) noexcept nogil:
    """A control structure for any number of zones, one after the other.  The caller sets the other fields."""
    memset(cc, 0, sizeof(compact_control_t))
    cc.order = cc.search_order = order
    cc.gfp = gfp
    cc.mode = mode
    cc.state = COMPACT_DONE
    cc.captured = cc.page = cc.target = NO_PAGE
    cc.migratepages = cc.freepages = NO_PAGE


cdef int compact_open_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Private lists for the run; 0 if all of the zone's are in use."""
    cc.migratepages = slot_open(z, SLOT_PAGES)
    if cc.migratepages == NO_PAGE:
        return 0
    cc.freepages = slot_open(z, SLOT_TARGETS)
    if cc.freepages == NO_PAGE:
        slot_close(z, cc.migratepages)
        cc.migratepages = NO_PAGE
        return 0
    clear_targets_61(z, cc)
    zone_slot(z, cc.freepages).rules = TARGETS_CAPTURE_61 if cc.capture else 0
    return 1


cdef int compact_begin_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Begin a run over a zone with a control structure that is not in one; 0 if too many are under way."""
    cdef compact_zone_6_1_t *c = compact_61(z)
    cc.migrate_scanned = cc.free_scanned = cc.isolated = cc.moved = 0
    cc.nr_migratepages = cc.nr_freepages = 0
    cc.again = 0
    cc.captured = cc.page = cc.target = NO_PAGE
    cc.migratetype = request_type_61(z, (cc.gfp >> 3) & 3)
    cc.unevictable = c.unevictable_allowed
    cc.last_migrated = 0
    cc.state = COMPACT_DONE
    cc.result = compaction_suitable_61(z, cc.order, cc.alloc_flags, cc.highest_zoneidx)
    if cc.result == COMPACT_SUCCESS or cc.result == COMPACT_SKIPPED:
        return 1
    if not compact_open_61(z, cc):
        cc.result = COMPACT_CONTENDED
        return 0
    if compaction_restarting_61(z, cc.order):
        reset_isolation_suitable_61(z)
    place_scanners_61(z, cc)
    cc.keep_equal = cc.mode == MIGRATE_ASYNC and c.cached_migrate[0] == c.cached_migrate[1]
    cc.state = COMPACT_TURN
    return 1


cdef void release_freepages_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Targets that were not used are freed, and the next run begins above them.  Linux: release_freepages."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, cc.freepages)
    cdef int32_t highest = NO_PAGE
    cdef int32_t i
    cdef int order
    while not list_empty(link, head):
        i = link[head].next
        list_del(link, i)
        highest = max(highest, i)
        order = order_array(z)[i] & 0x0F
        order_array(z)[i] = PG_USED | order
        free_unref_61(z, i, order)
    cc.nr_freepages = 0
    if highest != NO_PAGE:
        compact_61(z).cached_free = max(compact_61(z).cached_free,
                                        pageblock_start_61(z, <uint64_t> (z.base_pfn + highest)))


cdef int compact_end_61(zone_t *z, compact_control_t *cc, int result) noexcept nogil:
    """The run is over: targets go back, and what it has done is counted.  COMPACT_DONE."""
    cdef compact_zone_6_1_t *c = compact_61(z)
    cc.result = result
    cc.state = COMPACT_DONE
    release_freepages_61(z, cc)
    slot_close(z, cc.freepages)
    slot_close(z, cc.migratepages)
    cc.migratepages = cc.freepages = NO_PAGE
    c.events[CE61_MIGRATE_SCANNED] += cc.migrate_scanned
    c.events[CE61_FREE_SCANNED] += cc.free_scanned
    return COMPACT_DONE
