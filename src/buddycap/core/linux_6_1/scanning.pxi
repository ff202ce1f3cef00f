# What the scanners of Linux 6.1 do otherwise than those of 6.12.
#
# Sources and targets are single pages: a compound block is stepped over, and a free block is cut into pages at once.
#
# Kernel quirk that is kept: the fast search marks the pageblock that it finds as one to skip, so that it is not scanned
# after all.
#
# Kernel: mm/compaction.c of 6.1: isolate_migratepages_block, fast_find_migrateblock, isolate_freepages_block,
# fast_isolate_freepages, split_map_pages.


# --- sources ----------------------------------------------------------------------------------------------------

cdef inline int may_leave_61(const compact_control_t *cc) noexcept nogil:
    """Whether the fast search may look elsewhere: even while a pageblock is to be finished."""
    return 1


cdef inline void note_source_61(zone_t *z, uint64_t pfn) noexcept nogil:
    """The fast search has found a pageblock."""
    set_skip_61(z, pfn, 1)


cdef inline int begins_block_61(const zone_t *z, uint64_t pfn) noexcept nogil:
    """Whether the skip bit is looked at here."""
    return is_pageblock_start_61(z, pfn)


cdef inline int marks_block_61(const zone_t *z, uint64_t first, uint64_t pfn) noexcept nogil:
    """Whether the first page taken by a call marks its pageblock: only if that is the pageblock's first page."""
    return is_pageblock_start_61(z, pfn)


cdef inline int64_t counted_free_61(int order) noexcept nogil:
    """Pages that a free block counts for the migration scanner."""
    return 1


cdef inline int source_pages_61(zone_t *z, const compact_control_t *cc, int32_t i) noexcept nogil:
    """Pages of the unit that starts there and may be taken; 0 if none may."""
    return order_array(z)[i] == PG_MARKED and may_isolate_61(cc, flags_array(z)[i])


cdef inline int passed_pages_61(zone_t *z, const compact_control_t *cc, int32_t i, int64_t *scanned) noexcept nogil:
    """Pages to step over where none are taken, and how many count: a compound block is passed as one page."""
    scanned[0] += 1
    return 1 << (order_array(z)[i] & 0x0F) if is_compound_61(z, i) else 1


# --- targets ----------------------------------------------------------------------------------------------------

cdef inline void clear_targets_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """There are no targets: one list holds them all."""
    pass


cdef void add_targets_61(zone_t *z, compact_control_t *cc, int32_t i, int32_t pages) noexcept nogil:
    """A block that was taken off the free lists becomes single targets.  Linux: split_map_pages."""
    cdef int32_t head = slot_list(z, cc.freepages)
    cdef int32_t k
    for k in range(i, i + pages):
        order_array(z)[k] = PG_HELD_61
        list_add(link_array(z), head, k)


cdef inline int large_order_61(const zone_t *z, const compact_control_t *cc) noexcept nogil:
    """Order from which on a free block is left alone."""
    return z.pageblock_order


cdef inline uint64_t next_free_start_61(const zone_t *z, uint64_t start) noexcept nogil:
    """Where the next run begins after a pageblock that is used up: there again."""
    return start


cdef inline uint64_t passed_used_61(zone_t *z, int32_t i, uint64_t left, int64_t *scanned) noexcept nogil:
    """Pages behind page i, which is in use, that the free scanner steps over with it: those of its compound block."""
    return (<uint64_t> 1 << (order_array(z)[i] & 0x0F)) - 1 if is_compound_61(z, i) else 0


cdef inline int ends_search_61(const compact_control_t *cc) noexcept nogil:
    """Whether a list that was searched ends the search whatever the order's turn would be."""
    return 0


cdef inline int is_used_up_61(const compact_control_t *cc, uint64_t at, uint64_t end) noexcept nogil:
    """Whether a pageblock that was looked through has no more targets: it gave too few."""
    return cc.nr_freepages < cc.nr_migratepages
