# What the numbers of a zone of Linux 6.12 are where 6.1 has others: its per-CPU lists, and how free pages are counted.
#
# Free pages are counted wherever a block enters or leaves a list, by the type of that list; those of HIGHATOMIC
# pageblocks once more.  A block on a per-CPU list keeps no type: that of its pageblock counts when it leaves.  A free
# block is on the list of the type of all its pageblocks, and so the counts are exact, until one is put elsewhere.

cdef enum:
    ALLOC_FACTOR_MAX_612 = 5                  # of what a refill asks for: so many times twice a batch
    FREE_BATCHES_612 = 5                # 2^5 batches: what is remembered of frees, and freed at once
    PCP_FREED_HIGH_612 = 1              # pcp_6_12_t.flags: the last free here was one of orders 1..3
    PCP_LARGE_CACHE_612 = 2             # the CPU's part of the data cache holds more than three batches
    LIST_BATCH_612 = 31                 # pages that are freed together
    PCP_SHARE_612 = 8                   # of the zone, which the lists of all CPUs may hold
    CAPTURE_RULE_612 = CAPTURE_RELAXED  # whose the blocks of movable pageblocks are that compaction completes
    LOOKS_ANYWHERE_612 = 0              # a pageblock half way is looked through for targets only if it suits
    TARGET_BITS_612 = PG_STATE          # of the order byte of a block that compaction moves to: it has any order

ctypedef struct own_6_12_t:             # behind the zone_6_1_t
    int64_t nr_free_highatomic          # free pages of HIGHATOMIC pageblocks
    int32_t below_high                  # ZONE_BELOW_HIGH: some request has missed the high mark
    int32_t capture_type                # what the armed capture is for
    int32_t pcp_high_min                # sizes of the per-CPU lists while they are not disabled
    int32_t pcp_high_max

ctypedef struct pcp_6_12_t:             # per_cpu_pages of one CPU
    int32_t count                       # pages on its fourteen lists
    int32_t high                        # how many they may be now,
    int32_t batch
    int32_t high_min                    # and between what that moves
    int32_t high_max
    int32_t free_count                  # pages freed lately
    int16_t alloc_factor
    int16_t flags
    int16_t locked
    int16_t reserved


cdef inline own_6_12_t *own_612(zone_t *z) noexcept nogil:
    """What only a zone of 6.12 has."""
    return <own_6_12_t *> (only_61(z) + 1)


cdef inline uint64_t own_bytes_612() noexcept nogil:
    """Its size."""
    return sizeof(own_6_12_t)


cdef inline void own_init_612(zone_t *z) noexcept nogil:
    """Start it."""
    own_612(z).capture_type = MT61_MOVABLE


cdef inline pcp_6_12_t *zone_pcp_612(zone_t *z, int cpu) noexcept nogil:
    return <pcp_6_12_t *> (<uint8_t *> z + z.off_pcp) + cpu


cdef void account_special_612(zone_t *z, int64_t pages, int mt) noexcept nogil:
    """Free pages that not every request can have are counted once more.  Linux: account_specific."""
    if mt == MT61_HIGHATOMIC:
        own_612(z).nr_free_highatomic += pages
    elif mt == MT61_CMA and only_61(z).cma:
        only_61(z).nr_free_cma += pages


cdef inline void account_612(zone_t *z, int64_t pages, int mt) noexcept nogil:
    """Linux: account_freepages, for a list that is not ISOLATE."""
    z.nr_free_pages += pages
    if buddycap_rarely(mt >= ORDINARY_61):
        account_special_612(z, pages, mt)


cdef inline void note_taken_612(zone_t *z, int64_t pages, int mt) noexcept nogil:
    """A block of a list of type mt has been taken."""
    account_612(z, -pages, mt)


cdef inline void note_given_612(zone_t *z, int64_t pages, int mt) noexcept nogil:
    """A block that was taken is somebody's: it was counted when it left its list."""
    pass


cdef inline int may_break_up_movable_612(zone_t *z) noexcept nogil:
    """Whether the armed capture takes a block below the order of a pageblock that is MOVABLE: for a movable request."""
    return own_612(z).capture_type == MT61_MOVABLE


cdef inline void note_isolated_612(zone_t *z) noexcept nogil:
    """Pageblocks have been isolated: their free blocks went with them."""
    pass


cdef inline int is_of_type_612(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """Whether all pageblocks of a block have the type."""
    cdef int32_t at = i
    while at < i + (1 << order):
        if block_type_61(z, at) != mt:
            return 0
        at += block_pages_61(z)
    return 1


cdef inline void note_listed_612(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """A block goes to a list of type mt that somebody has named, which its pageblocks may not be of."""
    if not is_of_type_612(z, i, order, mt):
        only_61(z).counts_exact = 0


cdef void note_retyped_612(zone_t *z, int32_t i, int mt) noexcept nogil:
    """Somebody gives the pageblock of page i a type, and leaves its free blocks where they are."""
    cdef int32_t at = block_head(z, i & -block_pages_61(z))
    cdef int32_t end = (i & -block_pages_61(z)) + block_pages_61(z)
    while at < end:
        if (order_array(z)[at] & PG_STATE) == PG_FREE:
            note_listed_612(z, i, 0, mt)
        at += 1


cdef inline void merge_pageblocks_612(zone_t *z, int32_t buddy, int order, int mt) noexcept nogil:
    """A block of whole pageblocks merges with one that is freed as mt, and becomes of that type."""
    cdef int32_t k
    if block_type_61(z, buddy) == mt:
        return
    for k in range(1 << (order - z.pageblock_order)):
        set_block_type_61(z, buddy + k * block_pages_61(z), mt)


cdef inline int drained_type_612(zone_t *z, int32_t i, uint8_t state) noexcept nogil:
    """The type that a block leaves its per-CPU list with: that of its pageblock."""
    return block_type_61(z, i)


cdef inline int pcp_tag_612(zone_t *z, int32_t i, uint8_t state) noexcept nogil:
    """The type that a block on a per-CPU list is told to have."""
    return block_type_61(z, i)
