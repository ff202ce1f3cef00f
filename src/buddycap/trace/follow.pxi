# What is known of a recorded machine at a moment, and the rules of what is handed out, taken and drained.

cdef enum:             # of the state of a page, and of what did not fit
    BY_START = 0                # as the snapshot had it: no event touched the page
    BY_ALLOC
    BY_FREE                     # to a per-CPU list
    BY_DIRECT_FREE              # of an order that per-CPU lists do not hold
    BY_INTERRUPT_FREE           # while the per-CPU list was locked
    BY_LATER_TAKE               # a free to the buddy lists that only a later event shows
    BY_ZONE_LOCKED
    BY_DRAIN
    BY_EXTFRAG
    BY_ISOLATION                # compaction took every free page of a range
    BY_GUESSED_ISOLATION        # ... took as many as it said, not necessarily these
    BY_GIVING_BACK              # ... as is seen by what it did not need
    BY_GROWTH                   # with its section, when the kernel initialised that

cdef enum:              # what happened to a page in a state that the rules do not foresee
    ODD_ALLOC_OF_FREE = 0       # no removal was seen before
    ODD_ALLOC_OF_USED
    ODD_FREE_OF_FREE            # compaction or another silent path had taken it
    ODD_FREE_OF_PCP             # bulk allocation tells nothing
    ODD_TAKE_OF_USED            # the free before it is missing
    ODD_TAKE_OF_HELD            # memory that came without an event
    ODD_DRAIN_OF_FREE
    ODD_DRAIN_OF_USED
    ODD_OUTSIDE                 # of every zone
    ODD_UNALIGNED
    ODD_ISOLATED_OTHER          # events of compaction whose count differs from the free pages of their range
    ODD_FAST_ISOLATED           # pages taken without saying which, and not found out
    ODD_LOST
    ODD_GROWN                   # sections that must have been initialised
    NR_ODDS

cdef enum:              # what is known of a free from its surroundings
    HINT_NONE = 0
    HINT_INTERRUPT = 1
    HINT_LATER_TAKE = 2
    HINT_REMOVAL = 3            # an extfrag event that is itself the removal


cdef enum:
    MAX_SCANS = 64              # compaction runs at a time
    MAX_UNPLACED = 256          # takes of compaction that nothing has located yet


cdef struct scan_t:             # a compaction run that holds free pages, nobody knows which
    int32_t pid
    int64_t low
    int64_t high
    int64_t taken               # by fast isolation, and not found yet
    int64_t taken_low           # from which page on
    int64_t at                  # where its free scanner begins
    int64_t moved               # pages that it freed because they moved, and that are not placed yet
    int64_t known               # pages of blocks that it gave something back of
    int64_t back                # pages that it gave back of them


cdef struct unplaced_t:         # free pages that a run took somewhere in a range and kept
    int64_t low
    int64_t high
    int64_t pages


cdef struct follow_t:
    frames_t frames
    int64_t odd[NR_ODDS]
    int high_orders             # per-CPU lists hold more than order 0
    bint blind                  # compaction runs, but the trace has none of its isolations
    scan_t scan[MAX_SCANS]
    int nr_scans
    unplaced_t unplaced[MAX_UNPLACED]
    int nr_unplaced
    int64_t work                # pages looked at for guesses since signals were


cdef inline bint pcp_order(const follow_t *w, int order) noexcept nogil:
    """pcp_allowed_order: mm/page_alloc.c, 5.14 and later, with huge pages; before, order 0 alone."""
    return order == 0 or (w.high_orders and (order <= 3 or order == 9))


cdef inline int page_type(int migratetype) noexcept nogil:
    return TYPE_MOVABLE if migratetype == 2 else TYPE_UNMOVABLE


cdef void grow_section(follow_t *w, frame_zone_t *z, int64_t pfn) noexcept nogil:
    """A page of an uninitialised section was handed out: so all of it had been freed (deferred_grow_zone)."""
    cdef int64_t first = max(pfn & ~<int64_t> (SECTION - 1), z.start_pfn)
    cdef int64_t end = min((pfn & ~<int64_t> (SECTION - 1)) + SECTION, z.start_pfn + z.spanned)
    cdef int64_t i
    for i in range(z.base + first, z.base + end):
        if w.frames.state[i] & PAGE_STATE == PAGE_ABSENT:
            set_page(&w.frames, z, i, PAGE_FREE, BY_GROWTH)
            insert_block(&w.frames, z, i, 0)
    w.odd[ODD_GROWN] += 1


cdef void follow_alloc(follow_t *w, frame_zone_t *z, int64_t i, const event_t *e) noexcept nogil:
    if w.frames.state[i] & PAGE_STATE == PAGE_USED:
        w.odd[ODD_ALLOC_OF_USED] += 1
    if remove_free(&w.frames, z, i, e.order):
        w.odd[ODD_ALLOC_OF_FREE] += 1
    set_pages(&w.frames, z, i, e.order, PAGE_USED | page_type(e.migratetype), BY_ALLOC)


cdef void follow_take(follow_t *w, frame_zone_t *z, int64_t i, int order, int cause) noexcept nogil:
    """A block leaves the free lists for a per-CPU list or for whoever asked."""
    cdef int state = w.frames.state[i] & PAGE_STATE
    if not remove_free(&w.frames, z, i, order):
        w.odd[ODD_TAKE_OF_HELD if state == PAGE_HELD else ODD_TAKE_OF_USED] += 1
    set_pages(&w.frames, z, i, order, PAGE_PCP, cause)


cdef void follow_drain(follow_t *w, frame_zone_t *z, int64_t i, int order) noexcept nogil:
    cdef int state = w.frames.state[i] & PAGE_STATE
    if state == PAGE_USED:
        w.odd[ODD_DRAIN_OF_USED] += 1
    if remove_free(&w.frames, z, i, order):
        w.odd[ODD_DRAIN_OF_FREE] += 1
    set_pages(&w.frames, z, i, order, PAGE_FREE, BY_DRAIN)
    insert_block(&w.frames, z, i, order)
