# The pages of a recorded machine: which are free, in which blocks, and what the others are known to be.
# Free blocks follow from the set of free pages: two free buddies are always merged.

from libc.stdlib cimport calloc, free

cdef enum page_state:
    PAGE_HELD = 0               # in use since before the trace began, or never heard of
    PAGE_FREE = 1               # in a free block
    PAGE_PCP = 2                # on a per-CPU list
    PAGE_USED = 3
    PAGE_ISOLATED = 4           # taken by compaction
    PAGE_ABSENT = 5             # in a section that the kernel has not initialised yet, or that does not exist
    PAGE_STATE = 7
    TYPE_SHIFT = 4              # what a page in use is, above its state
    TYPE_MOVABLE = 0x10
    TYPE_UNMOVABLE = 0x20       # or reclaimable
    TYPE_MASK = 0x30

cdef enum:
    MAX_FRAME_ZONES = 16
    NR_FRAME_ORDERS = 15
    MOVABLE_BLOCK = 3           # the block type of MOVABLE
    SECTION = 1 << 15           # pages of a section of x86-64, the unit in which memory is initialised


cdef struct frame_zone_t:
    int64_t start_pfn
    int64_t spanned
    int64_t base                # index of the first page is base + start_pfn: congruent to the PFN, so buddies agree
    int64_t nr_free[NR_FRAME_ORDERS]
    int64_t mixed               # pageblocks with movable pages and others


cdef struct frames_t:
    frame_zone_t zone[MAX_FRAME_ZONES]
    int nr_zones
    int last_zone
    int max_order
    int block_order
    int64_t nr_pages            # cells of the arrays
    uint8_t *state
    uint8_t *head               # order + 1 on the first page of a free block
    uint8_t *cause              # what made the page what it is
    uint16_t *movable           # pages of a pageblock in use that are movable, and that are not
    uint16_t *fixed
    uint8_t *block_type         # migratetype + 1 of a pageblock; 0: unknown


cdef frame_zone_t *zone_of(frames_t *f, int64_t pfn) noexcept nogil:
    """The zone that spans a PFN, or NULL."""
    cdef frame_zone_t *z = &f.zone[f.last_zone]
    cdef int k
    if <uint64_t> (pfn - z.start_pfn) < <uint64_t> z.spanned:
        return z
    for k in range(f.nr_zones):
        z = &f.zone[k]
        if <uint64_t> (pfn - z.start_pfn) < <uint64_t> z.spanned:
            f.last_zone = k
            return z
    return NULL


cdef inline bint spans(const frame_zone_t *z, int64_t pfn, int64_t pages) noexcept nogil:
    return pfn >= z.start_pfn and pfn + pages <= z.start_pfn + z.spanned


cdef inline void link_block(frames_t *f, frame_zone_t *z, int64_t i, int order) noexcept nogil:
    f.head[i] = <uint8_t> (order + 1)
    z.nr_free[order] += 1


cdef inline void unlink_block(frames_t *f, frame_zone_t *z, int64_t i, int order) noexcept nogil:
    f.head[i] = 0
    z.nr_free[order] -= 1


cdef int covering_order(const frames_t *f, int64_t i) noexcept nogil:
    """The order of the free block that page `i` lies in; the page is free."""
    cdef int order
    for order in range(f.max_order + 1):
        if f.head[i & ~((<int64_t> 1 << order) - 1)] == order + 1:
            return order
    return -1


cdef void insert_block(frames_t *f, frame_zone_t *z, int64_t i, int order) noexcept nogil:
    """Add a free block whose pages were not free; it merges with free buddies of its zone."""
    cdef int64_t buddy
    while order < f.max_order:
        buddy = i ^ (<int64_t> 1 << order)
        if not spans(z, buddy - z.base, <int64_t> 1 << order) or f.head[buddy] != order + 1:
            break
        unlink_block(f, z, buddy, order)
        i &= buddy
        order += 1
    link_block(f, z, i, order)


cdef void insert_run(frames_t *f, frame_zone_t *z, int64_t i, int64_t end) noexcept nogil:
    """Add a run of pages that were not free, as the largest blocks that fit into it."""
    cdef int order
    while i < end:
        order = 0
        while order < f.max_order and not i & ((<int64_t> 2 << order) - 1) and i + (<int64_t> 2 << order) <= end:
            order += 1
        insert_block(f, z, i, order)
        i += <int64_t> 1 << order


cdef void cut_block(frames_t *f, frame_zone_t *z, int64_t i, int order, int whole) noexcept nogil:
    """Remove a part from the free block of order `whole` around it; the rest stays free."""
    cdef int64_t first = i & ~((<int64_t> 1 << whole) - 1)
    cdef int64_t half
    unlink_block(f, z, first, whole)
    while whole > order:
        whole -= 1
        half = <int64_t> 1 << whole
        if i & half:
            link_block(f, z, first, whole)
            first += half
        else:
            link_block(f, z, first + half, whole)


cdef int64_t remove_free(frames_t *f, frame_zone_t *z, int64_t i, int order) noexcept nogil:
    """Take what is free of 2^order pages out of the free blocks; the number of pages that were free."""
    cdef int64_t end = i + (<int64_t> 1 << order)
    cdef int64_t found = 0
    cdef int whole
    while i < end:
        if f.state[i] & PAGE_STATE != PAGE_FREE:
            i += 1
            continue
        whole = covering_order(f, i)
        if whole >= order:
            cut_block(f, z, i, order, whole)
            return <int64_t> 1 << order
        cut_block(f, z, i, whole, whole)
        found += <int64_t> 1 << whole
        i += <int64_t> 1 << whole
    return found


cdef void count_types(frames_t *f, frame_zone_t *z, int64_t block, int64_t movable, int64_t fixed) noexcept nogil:
    """Note that pages of the two kinds come to a pageblock, or leave it."""
    cdef bint before = f.movable[block] != 0 and f.fixed[block] != 0
    f.movable[block] += <uint16_t> movable
    f.fixed[block] += <uint16_t> fixed
    z.mixed += <int> (f.movable[block] != 0 and f.fixed[block] != 0) - <int> before


cdef void set_page(frames_t *f, frame_zone_t *z, int64_t i, int state, int cause) noexcept nogil:
    """Give a page a new state (with its type); free blocks are the caller's business."""
    cdef int old = f.state[i] & TYPE_MASK
    cdef int new = state & TYPE_MASK
    if old != new:
        count_types(f, z, i >> f.block_order, <int> (new == TYPE_MOVABLE) - <int> (old == TYPE_MOVABLE),
                    <int> (new == TYPE_UNMOVABLE) - <int> (old == TYPE_UNMOVABLE))
    f.state[i] = <uint8_t> state
    f.cause[i] = <uint8_t> cause


cdef void set_pages(frames_t *f, frame_zone_t *z, int64_t i, int order, int state, int cause) noexcept nogil:
    """`set_page` for 2^order pages, aligned; blocks within a pageblock at once."""
    cdef int64_t pages = <int64_t> 1 << order
    cdef int64_t movable = 0, fixed = 0
    cdef int64_t k
    if order == 0 or order > f.block_order:
        for k in range(i, i + pages):
            set_page(f, z, k, state, cause)
        return
    for k in range(i, i + pages):
        movable += (f.state[k] >> TYPE_SHIFT) & 1
        fixed += (f.state[k] >> (TYPE_SHIFT + 1)) & 1
    movable = (pages if state & TYPE_MASK == TYPE_MOVABLE else 0) - movable
    fixed = (pages if state & TYPE_MASK == TYPE_UNMOVABLE else 0) - fixed
    if movable or fixed:
        count_types(f, z, i >> f.block_order, movable, fixed)
    memset(f.state + i, state, pages)
    memset(f.cause + i, cause, pages)


cdef void frames_free(frames_t *f) noexcept nogil:
    free(f.state)
    free(f.head)
    free(f.cause)
    free(f.movable)
    free(f.fixed)
    free(f.block_type)


cdef bint frames_init(frames_t *f, const int64_t *starts, const int64_t *spans_, int zones, int max_order,
                      int block_order) noexcept nogil:
    """Lay the zones out; False if there is no memory.  The struct is zero before."""
    cdef int64_t whole = <int64_t> 1 << max(max_order, block_order)
    cdef int64_t cells = 0
    cdef int k
    f.max_order, f.block_order, f.nr_zones = max_order, block_order, zones
    for k in range(zones):
        f.zone[k].start_pfn = starts[k]
        f.zone[k].spanned = spans_[k]
        f.zone[k].base = cells - starts[k] // whole * whole
        cells += (starts[k] % whole + spans_[k] + whole - 1) // whole * whole
    f.nr_pages = cells
    f.state = <uint8_t *> calloc(cells, 1)
    f.head = <uint8_t *> calloc(cells, 1)
    f.cause = <uint8_t *> calloc(cells, 1)
    f.movable = <uint16_t *> calloc(cells >> block_order, 2)
    f.fixed = <uint16_t *> calloc(cells >> block_order, 2)
    f.block_type = <uint8_t *> calloc(cells >> block_order, 1)
    return (f.state != NULL and f.head != NULL and f.cause != NULL and f.movable != NULL and f.fixed != NULL
            and f.block_type != NULL)
