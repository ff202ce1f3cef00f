# The numbers of Linux 6.1 and 6.12 on x86-64, and where the things are that their zones have besides.  What differs
# is in the numbers of each.
#
#   zone_t | zone_6_1_t | pcp | pageblock | skip | order | bits | flags | refs | tape | owner | heads, link | slots
#
# The order byte of 6.1: the states it shares with 2.6.27 mean the same.  A block on a per-CPU list names both its order
# and the type it is remembered with, which may differ from the type of its pageblock by the time it is drained.
#
#   0x0o free | 0x1o captured, not yet handed over | 0x2o allocated, one reference, no page flags | 0x4o allocated
#   0x6o reserved | 0x7o taken off the lists by isolation
#   0x8t 0x9t 0xAt 0xBt 0xCt on a per-CPU list, of orders 0 1 2 3 and that of a pageblock
#   0xDo in the hands of a run of compaction
#
# Kernel: include/linux/mmzone.h, mm/internal.h of 6.1 (the ALLOC_* flags).

cdef enum:
    ORDER_MAX_61 = 10               # largest order of a block
    BLOCK_ORDER_61 = 9              # of a pageblock, if nothing else is asked for
    BLOCK_ORDER_MIN_61 = 4          # least one that a zone may have: huge pages have per-CPU lists of their own
    TYPES_61 = 6                    # one more without CMA than is ever used
    ORDINARY_61 = 3                 # types below this: requests have them, and pageblocks change between them
    PCP_LISTS_61 = 14               # three types of orders 0..3, and two lists of huge pages
    NR_LIST_HEADS_61 = MAX_ORDERS * MIGRATE_TYPES + NR_PAGE_LISTS       # LRU lists are where every kernel has them
    NR_SLOTS_61 = 128               # private lists: two of each compaction under way, one of each reclaimer
    PCP_MAX_61 = 1 << 28            # pages that a CPU may hold
    REFS_MAX_61 = 0xFFFF            # references to a block beyond the first
    SECTION_PAGES_61 = 32768        # the page map consists of such pieces
    ZONE_NORMAL_61 = 2
    ZONE_MOVABLE_61 = 3
    TARGETS_CAPTURE_61 = 1          # slot_t.rules of targets: their run captures

cdef enum:                          # migratetypes; ISOLATE is 4 in a kernel without CMA
    MT61_UNMOVABLE = 0
    MT61_MOVABLE = 1
    MT61_RECLAIMABLE = 2
    MT61_HIGHATOMIC = 3
    MT61_CMA = 4
    MT61_NONE = 255

cdef enum:                          # allocation flags; the low two bits choose a watermark
    ALLOC61_WMARK_MIN = 0x00
    ALLOC61_WMARK_LOW = 0x01
    ALLOC61_WMARK_HIGH = 0x02
    ALLOC61_WMARK = 0x03
    ALLOC61_NO_WATERMARKS = 0x04
    ALLOC61_OOM = 0x08
    ALLOC61_NON_BLOCK = 0x10
    ALLOC61_MIN_RESERVE = 0x20
    ALLOC61_CPUSET = 0x40
    ALLOC61_CMA = 0x80
    ALLOC61_NOFRAGMENT = 0x100
    ALLOC61_HIGHATOMIC = 0x200
    ALLOC61_KSWAPD = 0x800
    ALLOC61_KNOWN = 0xBFF

cdef enum:                          # GFP bits
    GFP61_DMA = 0x01
    GFP61_HIGHMEM = 0x02
    GFP61_DMA32 = 0x04
    GFP61_MOVABLE = 0x08
    GFP61_RECLAIMABLE = 0x10
    GFP61_HIGH = 0x20
    GFP61_IO = 0x40
    GFP61_FS = 0x80
    GFP61_ATOMIC = 0x200
    GFP61_DIRECT_RECLAIM = 0x400
    GFP61_KSWAPD = 0x800
    GFP61_RETRY_MAYFAIL = 0x4000
    GFP61_NOFAIL = 0x8000
    GFP61_NORETRY = 0x10000
    GFP61_MEMALLOC = 0x20000
    GFP61_COMP = 0x40000
    GFP61_NOMEMALLOC = 0x80000
    GFP61_THISNODE = 0x200000
    GFP_KERNEL_61 = 0xCC0
    GFP61_KNOWN = 0x7FFFFF          # as the kernel without debugging aids has them

cdef enum:                          # order bytes that 2.6.27 does not have
    PG_RESERVED_61 = 0x60           # set aside at boot, or linked to the zone from outside its span
    PG_TAKEN_61 = 0x70              # off the lists, in the hands of whoever isolated it; no reference
    PG_PCP_61 = 0x80                # first of the five states of blocks on per-CPU lists
    PG_PCP_END_61 = 0xD0
    PG_HELD_61 = 0xD0               # off the lists: a free page that compaction moves to, or a block it has captured
    PG_HELD_END_61 = 0xE0

cdef enum:                          # page flags; the numbers of /proc/kpageflags
    PF_COMPOUND_61 = 1 << 15        # head of a compound block
    PF_BLOCKING_61 = 1 << 26        # own: a dirty page that cannot move before it has been written

cdef enum:                          # records of events, as the tracepoints tell them
    EV61_ZONE_LOCKED = 0            # a block left the free lists for a request or a refill
    EV61_FALLBACK                   # a block of another type changed lists
    EV61_DRAIN                      # a block left a per-CPU list for the free lists
    EV61_FREE
    EV61_FREE_BATCHED


cdef enum:
    ZONES_61 = 5                # zone types of Linux 6.1: DMA, DMA32, Normal, Movable, Device
    EVENTS_61 = 5               # kinds of events

cdef enum:                          # contig_t.purpose: what becomes of the pages
    CONTIG_KEEP = 0                 # allocated ones
    CONTIG_OFFLINE                  # they go away
    CONTIG_CMA                      # free pages of CMA pageblocks

cdef enum:                          # contig_t.state
    CONTIG_ISOLATE = 0              # nothing has been done
    CONTIG_SCAN                     # the pageblocks are isolated; pages are looked for
    CONTIG_MOVE                     # those found are moved
    CONTIG_DONE

cdef enum:                          # counters of compaction, named as in /proc/vmstat
    CE61_MIGRATE_SCANNED = 0
    CE61_FREE_SCANNED
    CE61_ISOLATED
    CE61_STALL
    CE61_FAIL
    CE61_SUCCESS
    CE61_DAEMON_WAKE
    CE61_DAEMON_MIGRATE_SCANNED
    CE61_DAEMON_FREE_SCANNED
    CE61_MIGRATED                   # pgmigrate_success
    CE61_NOT_MIGRATED               # pgmigrate_fail
    NR_COMPACT_EVENTS_61

ctypedef struct compact_zone_6_1_t:  # what compaction keeps about a zone; positions are PFNs
    uint64_t cached_migrate[2]      # compact_cached_migrate_pfn: asynchronous, synchronous
    uint64_t cached_free            # compact_cached_free_pfn
    uint64_t init_migrate           # compact_init_migrate_pfn
    uint64_t init_free              # compact_init_free_pfn
    int32_t considered              # compact_considered
    int32_t defer_shift             # compact_defer_shift
    int32_t order_failed            # compact_order_failed
    int32_t blockskip_flush         # compact_blockskip_flush
    int32_t unevictable_allowed     # vm.compact_unevictable_allowed: unevictable pages move, too
    int32_t reserved
    int64_t events[NR_COMPACT_EVENTS_61]

ctypedef struct zone_6_1_t:     # what only a zone of Linux 6.1 has, behind its zone_t
    int64_t managed             # pages that the allocator was given
    int64_t nr_free_cma         # free pages of CMA pageblocks
    int64_t pages_promo         # the fourth watermark; the first three stand in zone_t
    int64_t boost               # of the watermarks, after fallbacks
    int64_t reserved_highatomic
    int64_t lowmem_reserve[ZONES_61]
    int64_t scale               # watermark_scale_factor
    int64_t boost_factor        # watermark_boost_factor
    int64_t pcp_fraction        # percpu_pagelist_high_fraction, 0: none
    int64_t map_start           # PFNs around the zone that the page map has
    int64_t map_end
    int64_t wakeups             # of kswapd, by boosted allocations
    int64_t events[EVENTS_61]   # counted
    int32_t lowmem_ratio[ZONES_61]
    int32_t cma                 # 1: a kernel with CMA
    int32_t isolate_type        # number of MIGRATE_ISOLATE
    int32_t boosted             # ZONE_BOOSTED_WATERMARK
    int32_t reclaim             # ZONE_RECLAIM_ACTIVE
    int32_t nr_isolated         # isolated pageblocks
    int32_t counts_exact        # 0: free pages may be miscounted; each kernel has its reasons
    int32_t cpu                 # the current one
    int32_t pcp_high            # sizes of the per-CPU lists while they are not disabled
    int32_t pcp_batch
    int32_t capture_order       # a capture is armed for a block of this order, or -1
    int32_t capture_page        # block captured, or -1
    int32_t capture_movable     # blocks of movable pageblocks are captured whatever their order
    compact_zone_6_1_t compact

ctypedef struct event_6_1_t:    # a record of an event
    int64_t pfn
    uint8_t kind                # EV61_*
    uint8_t order
    uint8_t migratetype
    uint8_t extra               # zone_locked: a refill; fallback: the pageblock has changed its type
    uint8_t from_order          # fallback: of the block that changed lists
    uint8_t from_type
    uint16_t reserved

ctypedef struct tape_6_1_t:     # where zones record events; no part of their state
    event_6_1_t *record
    int64_t room
    int64_t count               # records that were due; those beyond `room` are lost

ctypedef struct contig_t:       # a range of pages that is being emptied: each/contig.pxi
    int32_t state               # CONTIG_*
    int32_t zone                # position of its zone among those that pages may move to
    int32_t start               # first page
    int32_t end                 # the page after the last one
    int32_t purpose             # CONTIG_KEEP and its like
    int32_t migratetype         # what its pageblocks are afterwards, and if it fails
    int32_t list                # private list of pages that are about to move, or NO_PAGE
    int32_t at                  # where the scan goes on
    int32_t passes              # scans of the whole range that have begun
    int32_t pass_over           # the step has ended one
    int32_t emptied             # the result: 1 if all went well
    int32_t blocker             # a page that stands in the way, or NO_PAGE
    int64_t scanned             # pages and blocks looked at
    int64_t moved               # pages and compound blocks moved
    int64_t *moves              # where pairs of PFNs are noted, of the old place and of the new one; lent by the caller
    int64_t room                # pairs that it has room for: one a page of the range is enough


cdef inline zone_6_1_t *only_61(zone_t *z) noexcept nogil:
    """What only a zone of 6.1 has: it follows the common part."""
    return <zone_6_1_t *> (z + 1)


cdef inline uint16_t *refs_array_61(zone_t *z) noexcept nogil:
    """References beyond the first, of each page."""
    return <uint16_t *> (flags_array(z) + z.nr_index)


cdef inline uint8_t *skip_array_61(zone_t *z) noexcept nogil:
    """Of each pageblock, whether compaction passes it by (PB_migrate_skip): behind the types."""
    return pageblock_array(z) + z.nr_pageblocks


cdef inline tape_6_1_t **tape_61(zone_t *z) noexcept nogil:
    """The tape that somebody has lent the zone to record events on, or NULL: no part of the state."""
    return <tape_6_1_t **> (refs_array_61(z) + z.nr_index)


cdef inline int32_t free_list_61(int order, int mt) noexcept nogil:
    return -1 - (order * TYPES_61 + mt)


cdef inline int32_t pcp_list_61(int cpu, int index) noexcept nogil:
    return -1 - (NR_LIST_HEADS_61 + cpu * PCP_LISTS_61 + index)


cdef inline int32_t block_pages_61(const zone_t *z) noexcept nogil:
    """Pages of a pageblock.  Linux: pageblock_nr_pages."""
    return 1 << z.pageblock_order


cdef inline int is_pcp_order_61(const zone_t *z, int order) noexcept nogil:
    """Whether blocks of the order go through the per-CPU lists."""
    return order <= 3 or order == z.pageblock_order


cdef inline int pcp_index_61(const zone_t *z, int order, int mt) noexcept nogil:
    """Number of the per-CPU list of an order and an ordinary type."""
    if order == z.pageblock_order:
        return 13 if mt == MT61_MOVABLE else 12
    return 3 * order + mt


cdef inline uint8_t pcp_state_61(int order, int tag) noexcept nogil:
    return PG_PCP_61 + (min(order, 4) << 4) + tag


cdef inline int is_pcp_state_61(uint8_t state) noexcept nogil:
    return PG_PCP_61 <= state < PG_PCP_END_61


cdef inline int order_of_61(uint8_t state, int pageblock_order) noexcept nogil:
    """Order of the block that starts at a page with this order byte; 0 for a hole."""
    if state >= PG_HELD_END_61:
        return 0
    if is_pcp_state_61(state):
        return (state - PG_PCP_61) >> 4 if state < PG_PCP_61 + 0x40 else pageblock_order
    return state & 0x0F


cdef inline int state_order_61(const zone_t *z, uint8_t state) noexcept nogil:
    """order_of_61 in a zone."""
    return order_of_61(state, z.pageblock_order)


cdef inline int iso_61(zone_t *z) noexcept nogil:
    """The number of MIGRATE_ISOLATE."""
    return only_61(z).isolate_type


cdef inline int block_type_61(zone_t *z, int32_t i) noexcept nogil:
    """Type of the pageblock of page i."""
    return pageblock_array(z)[i >> z.pageblock_order]


cdef inline void set_block_type_61(zone_t *z, int32_t i, int mt) noexcept nogil:
    """Linux: set_pageblock_migratetype.  Without grouping by mobility every ordinary type is UNMOVABLE."""
    pageblock_array(z)[i >> z.pageblock_order] = mt if z.grouping or mt >= ORDINARY_61 else MT61_UNMOVABLE


cdef inline int is_requestable_61(int mt) noexcept nogil:
    """Whether pages of this type can be asked for: UNMOVABLE, MOVABLE, RECLAIMABLE."""
    return <unsigned int> mt < ORDINARY_61


cdef inline int types_61(const zone_t *z) noexcept nogil:
    """How many migratetypes the zone has."""
    return only_61(<zone_t *> z).isolate_type + 1


cdef inline int request_type_61(zone_t *z, int mt) noexcept nogil:
    """Linux: gfp_migratetype."""
    return mt if z.grouping else MT61_UNMOVABLE


cdef inline int is_linked_61(zone_t *z, int32_t i) noexcept nogil:
    """Whether page i, which lies before the zone's end, is linked to the zone."""
    return i >= z.first or order_array(z)[i] == PG_RESERVED_61


cdef inline void tell_61(zone_t *z, int kind, int32_t i, int order, int mt, int extra) noexcept nogil:
    """Count an event and, if there is a tape, record it."""
    cdef tape_6_1_t *tape = tape_61(z)[0]
    cdef event_6_1_t *record
    cdef int64_t k
    only_61(z).events[kind] += 1
    if buddycap_rarely(tape != NULL):
        k = tape.count              # another zone may have the same tape, and another thread: read it once
        if k < tape.room:
            record = tape.record + k
            memset(record, 0, sizeof(event_6_1_t))
            record.pfn = z.base_pfn + i
            record.kind = kind
            record.order = order
            record.migratetype = mt
            record.extra = extra
        tape.count = k + 1


cdef void copy_close_61(zone_t *copy) noexcept nogil:
    """A copy of a zone records its events nowhere."""
    tape_61(copy)[0] = NULL
