# What the numbers of a zone of Linux 6.1 are where 6.12 has others: its per-CPU lists, and how free pages are counted.
#
# A block on a per-CPU list keeps the type that it came with, and the counters of free pages are moved by whoever has
# taken a block, so that a refill moves them once.

cdef enum:
    FREE_FACTOR_MAX_61 = 5
    LIST_BATCH_61 = 0x7FFFFFFF          # pages that are freed together
    CAPTURE_RULE_61 = CAPTURE_STRICT    # whose the blocks of movable pageblocks are that compaction completes
    LOOKS_ANYWHERE_61 = 1               # a pageblock half way is looked through for targets whatever it is
    TARGET_BITS_61 = 0xFF               # of the order byte of a page that compaction moves to: it is a single one

ctypedef struct pcp_6_1_t:      # per_cpu_pages of one CPU
    int32_t count               # pages on its fourteen lists
    int32_t high
    int32_t batch
    int16_t free_factor
    int16_t locked


cdef inline pcp_6_1_t *zone_pcp_61(zone_t *z, int cpu) noexcept nogil:
    return <pcp_6_1_t *> (<uint8_t *> z + z.off_pcp) + cpu


cdef inline void account_61(zone_t *z, int64_t pages, int mt) noexcept nogil:
    """Linux: __mod_zone_freepage_state, for a block whose pageblock is not isolated."""
    z.nr_free_pages += pages
    if mt == MT61_CMA and only_61(z).cma:
        only_61(z).nr_free_cma += pages


cdef inline uint64_t own_bytes_61() noexcept nogil:
    """What stands behind the zone_6_1_t: nothing."""
    return 0


cdef inline void note_taken_61(zone_t *z, int64_t pages, int mt) noexcept nogil:
    """A block of a list of type mt has been taken: who asked for it counts it."""
    pass


cdef inline void note_given_61(zone_t *z, int64_t pages, int mt) noexcept nogil:
    """A block that was taken out of a pageblock of type mt is somebody's."""
    account_61(z, -pages, mt)


cdef inline int may_break_up_movable_61(zone_t *z) noexcept nogil:
    """Whether the armed capture takes a block below the order of a pageblock that is MOVABLE: as the policy has it."""
    return only_61(z).capture_movable


cdef inline void note_isolated_61(zone_t *z) noexcept nogil:
    """Pageblocks have been isolated: from now on blocks that reach beyond them are miscounted."""
    only_61(z).counts_exact = 0


cdef inline void note_listed_61(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """A block goes to a list of type mt that somebody has named: all are counted alike."""
    pass


cdef inline void note_retyped_61(zone_t *z, int32_t i, int mt) noexcept nogil:
    """Somebody gives the pageblock of page i a type, and leaves its free blocks where they are."""
    if mt == iso_61(z):
        note_isolated_61(z)


cdef inline void merge_pageblocks_61(zone_t *z, int32_t buddy, int order, int mt) noexcept nogil:
    """A block of whole pageblocks merges with one that is freed as mt: it keeps its types."""
    pass


cdef inline int drained_type_61(zone_t *z, int32_t i, uint8_t state) noexcept nogil:
    """The type that a block leaves its per-CPU list with: the one it came with, while no pageblock is isolated."""
    return block_type_61(z, i) if only_61(z).nr_isolated else state & 0x0F


cdef inline int pcp_tag_61(zone_t *z, int32_t i, uint8_t state) noexcept nogil:
    """The type that a block on a per-CPU list is told to have."""
    return state & 0x0F


cdef inline void own_init_61(zone_t *z) noexcept nogil:
    """Start what stands there."""
    pass
