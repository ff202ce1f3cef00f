# What the scanners of Linux 6.12 do otherwise than those of 6.1.
#
# Small compound blocks move as one, and targets keep their order.  The parts of their list are those that are put aside
# for units which have been unmapped, then those of order 0, those of order 1 and so on.
#
# The fast search leaves the mark of the pageblock that it finds to the scanner, which marks a pageblock as soon as it
# takes a page from its beginning.  One without the other would find the same pageblock for ever.
#
# Kernel: mm/compaction.c of 6.12: isolate_migratepages_block, fast_find_migrateblock, isolate_freepages_block,
# fast_isolate_freepages, suitable_migration_target.

cdef enum:
    TARGETS_ASIDE_612 = 1       # parts of the list of targets: those put aside,
    TARGETS_612                 # those of order 0, and so on


# --- sources ----------------------------------------------------------------------------------------------------

cdef inline int may_leave_612(const compact_control_t *cc) noexcept nogil:
    """Whether the fast search may look elsewhere: not while a pageblock is to be finished."""
    return not cc.rescan


cdef inline void note_source_612(zone_t *z, uint64_t pfn) noexcept nogil:
    """The fast search has found a pageblock."""
    pass


cdef inline int begins_block_612(const zone_t *z, uint64_t pfn) noexcept nogil:
    """Whether the skip bit is looked at here: the zone's first page begins a pageblock, too."""
    return is_pageblock_start_61(z, pfn) or pfn == start_pfn_61(z)


cdef inline int marks_block_612(const zone_t *z, uint64_t first, uint64_t pfn) noexcept nogil:
    """Whether the first page taken by a call marks its pageblock: any does, if the call has begun at its beginning."""
    return begins_block_612(z, first)


cdef inline int64_t counted_free_612(int order) noexcept nogil:
    """Pages that a free block counts for the migration scanner."""
    return 1 << order


cdef inline int is_too_large_612(const zone_t *z, const compact_control_t *cc, int order) noexcept nogil:
    """Whether a compound block is not worth moving: it is as large as what is wanted."""
    return order >= z.pageblock_order or (cc.order != -1 and order >= cc.order)


cdef inline int source_pages_612(zone_t *z, const compact_control_t *cc, int32_t i) noexcept nogil:
    """Pages of the unit that starts there and may be taken; 0 if none may."""
    cdef int order = order_array(z)[i] & 0x0F
    if (order_array(z)[i] & PG_STATE) != PG_MARKED or not may_isolate_61(cc, flags_array(z)[i]):
        return 0
    if order and (not flags_array(z)[i] & PF_COMPOUND_61 or is_too_large_612(z, cc, order)):
        return 0
    return 1 << order


cdef inline int passed_pages_612(zone_t *z, const compact_control_t *cc, int32_t i, int64_t *scanned) noexcept nogil:
    """Pages to step over where none are taken, all of which count: a block that is too large, or one page."""
    cdef int order = order_array(z)[i] & 0x0F
    cdef int pages = 1 << order if is_compound_61(z, i) and is_too_large_612(z, cc, order) else 1
    scanned[0] += pages
    return pages


# --- targets ----------------------------------------------------------------------------------------------------

cdef inline void clear_targets_612(zone_t *z, compact_control_t *cc) noexcept nogil:
    """There are no targets of any order."""
    clear_parts_612(&cc.targets, slot_list(z, cc.freepages))


cdef void add_targets_612(zone_t *z, compact_control_t *cc, int32_t i, int32_t pages) noexcept nogil:
    """A block that was taken off the free lists is the last target of its order."""
    cdef int order = order_array(z)[i] & 0x0F
    order_array(z)[i] = PG_HELD_61 | order
    join_part_612(link_array(z), &cc.targets, TARGETS_612 + order, i)


cdef inline int large_order_612(const zone_t *z, const compact_control_t *cc) noexcept nogil:
    """Order from which on a free block is left alone: it would do for the request."""
    return cc.order if cc.order > 0 else z.pageblock_order


cdef inline uint64_t next_free_start_612(const zone_t *z, uint64_t start) noexcept nogil:
    """Where the next run begins after a pageblock that is used up: below it, unless that wraps."""
    return start - (<uint64_t> 1 << z.pageblock_order)


cdef inline uint64_t passed_used_612(zone_t *z, int32_t i, uint64_t left, int64_t *scanned) noexcept nogil:
    """Pages behind page i, which is in use, that the free scanner steps over with it, and counts.

    They are those of its compound block, if that ends within the `left` pages.
    """
    cdef uint64_t tails = (<uint64_t> 1 << (order_array(z)[i] & 0x0F)) - 1 if is_compound_61(z, i) else 0
    if tails >= left:
        return 0
    scanned[0] += tails
    return tails


cdef inline int ends_search_612(const compact_control_t *cc) noexcept nogil:
    """Whether a list that was searched ends the search whatever the order's turn would be: with enough targets."""
    return cc.nr_freepages >= cc.nr_migratepages


cdef inline int is_used_up_612(const compact_control_t *cc, uint64_t at, uint64_t end) noexcept nogil:
    """Whether a pageblock that was looked through has no more targets: its end was reached."""
    return at == end
