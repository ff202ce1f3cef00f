"""The nouns of the core: constants, structs and the functions other modules may cimport.

One zone is one block of memory: a `zone_t` followed by flat arrays, found by byte offsets from the struct's own
address.  There are no pointers inside, so a zone can be copied, saved, mapped and hashed as bytes.

    zone_t | pcp | pageblock | order | bits | flags | owner | link
                                                              ^ last: the slots behind the page links grow upward

A page frame is named by its *index*: pfn - base_pfn, where base_pfn is the zone's start rounded down to a whole
largest block.  So the buddy of index i at order o is i ^ (1 << o), just as with absolute PFNs, and every buddy of
a page of the zone has a cell in the arrays (cells outside the zone read PG_HOLE).
"""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memmove, memset


cdef enum:
    MAX_ORDERS = 15             # orders 0..14
    MIGRATE_TYPES = 5
    MAX_NR_ZONES = 4
    NR_LRU_LISTS = 5
    NR_COSTS = 18               # counters of a cost_t
    NR_SLOTS_MAX = 65535        # private lists that can be open at once in one zone
    SLOT_LINKS = 4              # a slot takes the room of four page links
    ZONE_VERSION = 2

cdef enum:                      # migratetypes, 2.6.27 numbering
    MT_UNMOVABLE = 0
    MT_RECLAIMABLE = 1
    MT_MOVABLE = 2
    MT_RESERVE = 3
    MT_ISOLATE = 4

# The order byte of a page: the state in the high nibble, the order (or the pcp tag) in the low one.
# Free and captured heads differ in one bit only, because buddies of both kinds can be merged.
cdef enum:
    PG_FREE = 0x00              # head of a free block, on free list (order, migratetype)
    PG_CAPTURED = 0x10          # head of a captured block; flags[] holds the number of its capture list
    PG_USED = 0x20              # head of an allocated block whose page flags are all clear
    PG_PCP = 0x30               # on a per-CPU list; low nibble: the migratetype it is tagged with
    PG_MARKED = 0x40            # head of an allocated block with page flags set
    PG_PRIVATE = 0x50           # head of a captured block that merges only within its list, or not at all
    PG_STATE = 0xF0
    PG_SEEN = 0x80              # laid over a head while a batch is being checked; never seen between calls
    PG_HOLE = 0xFE              # not present, or outside the zone
    PG_TAIL = 0xFF              # inside a block

cdef enum:                      # allocation flags, 2.6.27
    ALLOC_NO_WATERMARKS = 0x01
    ALLOC_WMARK_MIN = 0x02
    ALLOC_WMARK_LOW = 0x04
    ALLOC_WMARK_HIGH = 0x08
    ALLOC_HARDER = 0x10
    ALLOC_HIGH = 0x20
    ALLOC_CPUSET = 0x40

cdef enum:                      # page flags; numbers of /proc/kpageflags, own ones from bit 27
    PF_LOCKED = 1 << 0
    PF_REFERENCED = 1 << 2
    PF_DIRTY = 1 << 4
    PF_LRU = 1 << 5
    PF_ACTIVE = 1 << 6
    PF_SLAB = 1 << 7
    PF_WRITEBACK = 1 << 8
    PF_RECLAIM = 1 << 9
    PF_MMAP = 1 << 11           # mapped by a process
    PF_ANON = 1 << 12
    PF_SWAPCACHE = 1 << 13
    PF_SWAPBACKED = 1 << 14
    PF_UNEVICTABLE = 1 << 18
    PF_YOUNG = 1 << 27          # the accessed bit of a pte that maps the page
    PF_ISOLATED = 1 << 28       # off the LRU, in the hands of one reclaimer
    PF_PINNED = 1 << 29         # an extra reference: cannot be freed, may be isolated
    PF_MLOCKED = 1 << 30

cdef enum:                      # LRU lists of 2.6.28; the slab list stands for the shrinkers' objects
    LRU_INACTIVE_ANON = 0
    LRU_ACTIVE_ANON = 1
    LRU_INACTIVE_FILE = 2
    LRU_ACTIVE_FILE = 3
    LRU_UNEVICTABLE = 4
    LRU_SLAB = 5
    NR_PAGE_LISTS = 6

cdef enum:                      # event counters, named as in /proc/vmstat; the last ones are buddycap's own
    VM_PGALLOC
    VM_PGFREE
    VM_PGACTIVATE
    VM_PGDEACTIVATE
    VM_PGREFILL
    VM_PGSTEAL
    VM_PGSCAN_KSWAPD
    VM_PGSCAN_DIRECT
    VM_KSWAPD_STEAL
    VM_PAGEOUTRUN
    VM_ALLOCSTALL
    VM_PGROTATED
    VM_SLABS_SCANNED
    VM_UNEVICTABLE_PGCULLED
    VM_UNEVICTABLE_PGRESCUED
    VM_NR_VMSCAN_WRITE
    VM_BUDDY_SPLIT              # halvings of a block
    VM_BUDDY_MERGE              # unions of two buddies
    VM_CAPTURE_OWN              # pages put on a capture list by its owner
    VM_CAPTURE_MERGED           # free pages swallowed by captured blocks
    VM_CAPTURE_FOREIGN          # pages freed by others that joined a capture list
    VM_CAPTURE_TAKEN            # blocks handed out from a capture list
    VM_CAPTURE_GIVEBACK         # blocks found but given back for the watermark
    NR_VM_EVENTS

cdef enum:                      # why an argument is refused; the facade turns each into its message
    ST_OK = 0
    ST_PFN_RANGE
    ST_PFN_HOLE
    ST_ORDER_RANGE
    ST_TYPE_RANGE
    ST_UNALIGNED
    ST_PAGE_FREE
    ST_PAGE_CAPTURED
    ST_PAGE_ON_PCP
    ST_PAGE_INSIDE
    ST_WRONG_ORDER
    ST_PAGE_IN_USE_BY_RECLAIM
    ST_LIST_CLOSED
    ST_TOO_MANY_LISTS
    ST_CPU_RANGE
    ST_OP_UNKNOWN
    ST_OP_ARG
    ST_DUPLICATE
    ST_GFP_UNKNOWN
    ST_GFP_MOBILITY
    ST_NOT_SINGLE
    ST_PAGE_LISTED
    ST_PAGE_RELEASED
    ST_FLAGS_UNKNOWN
    ST_FLAGS_ANON
    ST_FLAGS_LISTS
    ST_NO_SWAP
    ST_PAGE_RESERVED
    ST_PAGE_TAKEN
    ST_PAGE_COMPOUND
    ST_PAGE_NOT_FREE
    ST_PAGE_NOT_TAKEN
    ST_PAGE_NOT_RESERVED
    ST_TOO_MANY_REFS
    ST_PAGE_HELD
    ST_PAGE_MARKED
    NR_STATUS

cdef enum:
    SLOT_UNUSED = 0
    SLOT_CAPTURE = 1            # a capture list
    SLOT_PAGES = 2              # pages that a reclaimer has isolated
    SLOT_TARGETS = 3            # 6.1: free pages that compaction moves others to

cdef enum:                      # rules of a capture list; with none it is that of v3
    LIST_PRIVATE = 1            # its blocks merge only with each other
    LIST_RELEASE = 2            # once it has a block of order `wanted` it gives all others back,
    LIST_TRIM = 4               # and what that block has too much
    LIST_SATED = 8              # it has the block it was waiting for: capture no more while that is on it

# The structs that callers from C see, by the names of the core.  What they are, and in which order, is told by the
# header alone: here stand the fields that the core uses.  Who compiles against this file needs buddycap.get_include().
cdef extern from "buddycap.h" nogil:
    enum:                                       # zone_t.kernel
        KERNEL_2_6_27 "BC_KERNEL_2_6_27"
        KERNEL_6_1 "BC_KERNEL_6_1"
        KERNEL_6_12 "BC_KERNEL_6_12"

    enum:                                       # what a page is
        BC_PAGE_FREE
        BC_PAGE_CAPTURED
        BC_PAGE_USED
        BC_PAGE_ON_PCP
        BC_PAGE_HOLE
        BC_PAGE_RESERVED
        BC_PAGE_TAKEN

    ctypedef struct op_t "bc_op":               # one operation of a stream; see Zone.run
        uint8_t op
        uint8_t order
        uint8_t migratetype
        uint8_t flags
        int32_t arg
        int64_t pfn

    ctypedef struct violation_t "bc_violation":     # what zone_check found first
        int32_t invariant
        int64_t pfn
        int64_t expected
        int64_t found

    ctypedef struct event_t "bc_event":         # in the ring of a machine:
        int64_t page "pfn"                      # index in the zone (pfn - base_pfn)
        uint64_t owner
        int32_t kind                            # EV_*
        int32_t zone "zone_idx"                 # position in machine_t.zone

    ctypedef struct policy_t "bc_policy":       # a capture policy, read by the one mechanism; nothing but int32_t
        int32_t capture
        int32_t capture_min_order
        int32_t check_real_order
        int32_t batch
        int32_t batch_forward
        int32_t private_list
        int32_t consult_lists
        int32_t hold_rounds
        int32_t hold_order
        int32_t early_release
        int32_t trim
        int32_t queue                           # QUEUE_*
        int32_t bypass_pcp
        int32_t isolate
        int32_t hook
        int32_t reserved

    ctypedef struct cost_t "bc_cost":           # work done; nothing but int64_t
        int64_t scanned
        int64_t looked
        int64_t isolated
        int64_t active
        int64_t freed
        int64_t captured
        int64_t activated
        int64_t unmapped
        int64_t swapped
        int64_t pageouts "written"
        int64_t slab_scanned
        int64_t slab_freed
        int64_t migrated
        int64_t splits
        int64_t merges
        int64_t waits
        int64_t migrate_scanned
        int64_t free_scanned

ctypedef struct link_t:         # page->lru: one node of a circular list; negative indices are list heads
    int32_t next
    int32_t prev

ctypedef struct slot_t:         # a private list: four link_t in size, living behind the page links
    link_t head
    uint32_t own                # pages captured by the list's owner since it was opened
    uint32_t merged             # free pages swallowed by its blocks
    uint32_t foreign            # pages freed by others that joined it
    uint32_t seq                # order of creation
    uint8_t kind                # SLOT_*
    uint8_t largest             # largest order that ever stood on the list
    uint8_t rules               # LIST_*
    uint8_t wanted              # LIST_RELEASE: the order that is waited for
    uint32_t reserved

ctypedef struct pcp_t:          # per_cpu_pages of one CPU
    int32_t count
    int32_t high
    int32_t batch
    int32_t reserved

ctypedef struct zone_t:
    # identity of the image
    uint64_t magic
    uint32_t version
    uint32_t header_bytes
    uint64_t bytes              # size of the block with every slot it may ever use
    uint64_t image_bytes        # saved images: bytes that follow from the start; 0 in a live zone
    uint64_t image_hash[2]      # saved images: hash of those bytes with this field zero; 0 in a live zone
    # geometry
    int64_t base_pfn            # PFN of index 0
    int64_t start_pfn
    int64_t spanned_pages
    int64_t present_pages
    int32_t nr_index            # cells in the page arrays: a multiple of the largest block
    int32_t first               # index of start_pfn
    int32_t end                 # index after the last page of the span
    int32_t max_page_order
    int32_t pageblock_order
    int32_t nr_pageblocks
    int32_t pageblock_origin    # index from which pageblocks are counted: 0, or `first` if zone-relative
    int32_t grouping            # 0: mobility grouping switched off, every block reads UNMOVABLE
    int32_t zone_idx
    int32_t cpus
    int32_t pcp_bulk_cold       # 1: later stable series, a refill for a cold request goes to the tail
    int32_t kernel              # KERNEL_*: which one the zone follows
    # offsets of the arrays from this struct
    uint64_t off_pcp
    uint64_t off_pageblock
    uint64_t off_order
    uint64_t off_bits           # a bit a page: scratch of bulk operations, all clear between calls; then work_t
    uint64_t off_flags
    uint64_t off_owner          # 0: no owner cookies
    uint64_t off_link           # of the link of index 0: list heads lie in front of it
    uint64_t off_heads          # of the first list head
    # free_area and counters
    int64_t nr_free_pages
    int64_t nr_free[MAX_ORDERS]
    int64_t pages_min
    int64_t pages_low
    int64_t pages_high
    int64_t lowmem_reserve[MAX_NR_ZONES]
    int64_t node_present[MAX_NR_ZONES]
    int64_t min_free_kbytes
    int32_t lowmem_reserve_ratio[MAX_NR_ZONES]
    uint32_t node_highmem       # bit i: zone i of the node is a highmem zone
    int32_t cpuset_allowed      # zone_cpuset_permits
    int32_t all_unreclaimable
    # reclaim
    int64_t nr_lru[NR_PAGE_LISTS]
    int64_t nr_scan[NR_LRU_LISTS]
    int64_t recent_scanned[2]   # anon, file
    int64_t recent_rotated[2]
    int64_t pages_scanned
    int32_t prev_priority
    int32_t inactive_ratio
    # private lists
    int32_t slot_limit
    int32_t slots_used          # highest slot in use + 1
    uint32_t slot_seq           # private lists opened so far: tells a handle of an earlier use of a slot
    uint32_t pcp_bypass         # direct reclaimers that keep everybody from using the per-CPU lists
    # statistics and random numbers
    uint64_t vm[NR_VM_EVENTS]
    uint64_t random[4]

ctypedef struct work_t:         # what bulk operations have done so far; no part of the state, in no digest
    uint64_t batches            # batches of frees or captures that were done whole
    uint64_t singles            # blocks of batches that were freed or captured one by one
    uint64_t words              # words of 64 pages that were looked at
    uint64_t entries            # entries of batches that were gone through once more, to list the new blocks
    uint64_t listed             # blocks put on lists
    uint64_t unlisted           # blocks taken off lists
    uint64_t cut                # blocks of free lists that were cut up to be handed out
    uint64_t fallbacks          # allocations of arrays that fell back to another type
    uint64_t counted            # blocks of long lists that were counted before some were cut up

cdef enum:
    OP_ALLOC = 1
    OP_FREE = 2
    OP_SPLIT = 3                # a block becomes single pages
    OP_FREE_PART = 4            # 2^order pages of a block, or a range of pages
    OP_ALLOC_AT = 5             # this block, if it is free
    OP_PCP = 0x01               # flags: through the list of CPU 0
    OP_COLD = 0x02


# prefetch: ask for the cache line at p; nothing on compilers without it.  The empty instruction after it keeps gcc from
# taking a function that does nothing but prefetch for one without effect, whose calls it would drop.
# ctz, top: position of the lowest and of the highest bit of x, which is not 0.
# rarely: x, which is hardly ever true, so that the code behind it is kept out of the way.
cdef extern from *:
    """
    #if defined(__GNUC__)
    #define buddycap_prefetch(p) do { __builtin_prefetch(p); __asm__ volatile (""); } while (0)
    #define buddycap_ctz(x) __builtin_ctzll(x)
    #define buddycap_top(x) (63 - __builtin_clzll(x))
    #else
    #define buddycap_prefetch(p) ((void) (p))
    static int buddycap_ctz(unsigned long long x) { int n = 0; for (; !(x & 1); x >>= 1) n++; return n; }
    static int buddycap_top(unsigned long long x) { int n = 0; for (; x > 1; x >>= 1) n++; return n; }
    #endif
    #if defined(__GNUC__) && __GNUC__ >= 9
    #define buddycap_rarely(x) __builtin_expect_with_probability(!!(x), 0, 1.0)
    #else
    #define buddycap_rarely(x) (x)
    #endif
    """
    void buddycap_prefetch(const void *p) noexcept nogil
    int buddycap_ctz(uint64_t x) noexcept nogil
    int buddycap_top(uint64_t x) noexcept nogil
    int buddycap_rarely(int x) noexcept nogil


# The signatures that a part above its definition needs, and that other modules may cimport.  Nothing here is checked
# and nothing is promised: recompile with every version.  rmqueue_zone and free_pages_ok are an allocation and a free as
# Zone does them, used_block_status is what must be asked before a free.  Stable and checked: include/buddycap.h.
cdef int32_t rmqueue_zone(zone_t *z, int order, int mt) noexcept nogil
cdef void free_pages_ok(zone_t *z, int32_t i, int order) noexcept nogil
cdef int used_block_status(zone_t *z, int64_t pfn, int order) noexcept nogil
cdef int zone_block_status(zone_t *z, int64_t pfn, int order) noexcept nogil
cdef void zone_digest(zone_t *z, uint64_t *digest) noexcept nogil
cdef void capture_foreign(zone_t *z, int32_t i, int order, int freed_order) noexcept nogil
cdef int zone_watermark_ok(zone_t *z, int order, int64_t mark, int classzone_idx, int alloc_flags) noexcept nogil
cdef int zone_watermark_permits(zone_t *z, int order, int classzone_idx, int alloc_flags) noexcept nogil
cdef int zone_cpuset_permits(zone_t *z, int alloc_flags) noexcept nogil

# Whole arrays, exactly as single calls in the same order.  `orders` (one each) or, where it is NULL, `order`.  Frees
# and captures are all or nothing: ST_OK, or the status of the first offender and its position.  The arguments are
# checked, but for orders (0..max_page_order), types (0..2) and the capture list.  alloc_many: how many blocks were
# had; -1 fills.
cdef int free_many(zone_t *z, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                   int64_t *offender) noexcept nogil
cdef int capture_many(zone_t *z, int32_t slot, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                      int64_t *offender) noexcept nogil
cdef int64_t alloc_many(zone_t *z, int64_t *pfns, int64_t n, int order, int mt) noexcept nogil


# --- the machine: zones of one node, the LRU, reclaim and the slow path (lru, reclaim, kswapd, slowpath.pxi) ------

cdef enum:
    PF_ORPHAN = 1 << 10         # number of BUDDY, which no allocated page has: the owner let go, the last user frees
    DEF_PRIORITY = 12
    SWAP_CLUSTER_MAX = 32
    SAVED_SCAN_PAGES = 1024     # may be saved up for a scan even of a smaller zone
    PAGE_ALLOC_COSTLY_ORDER = 3
    PAGEVEC_SIZE = 14
    SHRINK_BATCH = 128
    NR_EVENTS = 1024            # places in the event ring, a power of two
    NR_GFP_ZONES = 16

cdef enum:                      # GFP bits, 2.6.27
    GFP_DMA = 0x01
    GFP_HIGHMEM = 0x02
    GFP_DMA32 = 0x04
    GFP_WAIT = 0x10
    GFP_HIGH = 0x20
    GFP_IO = 0x40
    GFP_FS = 0x80
    GFP_COLD = 0x100
    GFP_REPEAT = 0x400
    GFP_NOFAIL = 0x800
    GFP_NORETRY = 0x1000
    GFP_NOMEMALLOC = 0x10000
    GFP_RECLAIMABLE = 0x80000
    GFP_MOVABLE = 0x100000
    GFP_KERNEL = 0xD0           # WAIT | IO | FS

cdef enum:                      # what the task of a request is
    TASK_MEMALLOC = 1           # PF_MEMALLOC, or TIF_MEMDIE: may use everything and must not reclaim
    TASK_REALTIME = 2           # rt_task() outside interrupts

cdef enum:                      # what a step ended with; only WAIT_DONE is final
    WAIT_NONE = 0               # the budget is used up: step again at once or after others
    WAIT_CONGESTION             # congestion_wait(WRITE, wait_ms): the driver lets up to that time pass
    WAIT_WRITEBACK              # wait_on_page_writeback(zone, page): step again when it has ended
    WAIT_EVENTS                 # the event ring is nearly full: drain it first
    WAIT_LISTS                  # every private list of the zone is in use: step again after others
    WAIT_SLEEP                  # kswapd only: asleep until wakeup_kswapd
    WAIT_DONE                   # finished: the result stands in the request
    WAIT_QUEUE                  # behind others: step again after EV_QUEUE, or whenever others have gone on
    WAIT_CONSULT                # the policy's hook is asked: request_answer goes on with the step
    WAIT_ATTEMPT                # 6.1, if asked for: page is about to be moved; request_attempted tells what comes of it
    WAIT_RECLAIM                # 6.1, if the driver reclaims: request_reclaimed tells how many pages it has freed

cdef enum:                      # how a request ended
    PATH_NONE = 0
    PATH_FAST                   # S1 (steps: slowpath.pxi): low watermark
    PATH_SECOND                 # S5: min watermark, kswapd woken
    PATH_MEMALLOC               # S6a: no watermarks
    PATH_CAPTURED               # S6c: from a capture list
    PATH_RECLAIM                # S6e: from the free lists after direct reclaim
    PATH_LAST_TRY               # S6f: high watermark, before the OOM killer would come
    PATH_FAILED
    PATH_ISOLATED               # S6d: from the pageblock that was fenced off for it
    PATH_COMPACTED              # 6.1: from the free lists after direct compaction

cdef enum:                      # records of the event ring
    EV_RECLAIMED = 1            # the page was taken from its owner (freed or captured)
    EV_UNMAPPED                 # page table entries removed; the page is still there
    EV_SWAPPED                  # entered the swap cache: one slot taken, page dirty
    EV_UNSWAPPED                # left the swap cache again: slot given back, page dirty
    EV_PAGEOUT                  # write submitted: the page is WRITEBACK until end_page_writeback
    EV_WAKE_PDFLUSH             # background writeback wanted for `page` pages (0: for all)
    EV_WAKE_KSWAPD              # kswapd was asleep and has work now
    EV_QUEUE                    # machine_t.queue, which waits, may go on
    EV_CAPTURED                 # a reclaimed page goes to a capture list; only if wanted: see event_mask
    EV_FREED                    # its owner has let the page go; only if wanted
    EV_MIGRATED                 # 6.1: the page was moved; its new place follows
    EV_MIGRATED_TO
    EV_WAKE_KCOMPACTD           # 6.1: kcompactd was asleep and has work now
    EV_OOM                      # 6.1: nothing is left for a request of order `page`: the OOM killer would come
    EV_KSWAPD_ASKED             # 6.1: kswapd was asked for order `page`, asleep or not; only if wanted

cdef enum:                      # policy_t.queue
    QUEUE_NONE = 0
    QUEUE_CREDIT                # behind the reclaimer in front, once its credit is used up
    QUEUE_STRICT                # behind the reclaimer at work, whatever is wanted

cdef enum:                      # request_t.queued
    QUEUE_OUT = 0
    QUEUE_PASSED                # the credit of the one in front was enough
    QUEUE_WAITING
    QUEUE_WORKING               # in front

cdef enum:                      # what a policy's hook wants done with the capture list
    ANSWER_NONE = 0             # it has not been asked
    ANSWER_CONSULT              # what the policy would do
    ANSWER_RETURN               # take nothing, give everything back
    ANSWER_KEEP                 # leave the list as it is until the next consultation

cdef enum:                      # machine_t.event_mask: optional events
    NOTE_CAPTURED = 1
    NOTE_FREED = 2
    NOTE_ASKED = 4

ctypedef struct step_t:         # what one step did and what must happen before the next
    int32_t wait                # WAIT_*
    int32_t wait_ms             # WAIT_CONGESTION: at most so long
    int64_t page                # WAIT_WRITEBACK: index of the page
    int32_t zone                # WAIT_WRITEBACK, WAIT_LISTS: position in machine_t.zone
    int32_t reserved
    cost_t cost                 # of this step alone

include "_core_reclaim.pxi"
include "_core_compaction.pxi"

cdef struct request_t:      # an allocation on its way; also keeps what it has cost so far
    int32_t order
    uint32_t gfp
    int32_t cpu
    int32_t task                # TASK_*
    policy_t policy
    int32_t state
    int32_t path                # PATH_*
    int32_t zone                # result: position in machine_t.zone,
    int32_t page                # and index, or -1
    int32_t high_zoneidx
    int32_t classzone_idx
    int32_t alloc_flags
    int32_t oom_rounds          # rounds without any progress so far
    int64_t pages_reclaimed     # S7
    int32_t reclaims            # calls of try_to_free_pages
    # the queue of allocations
    int32_t queued              # QUEUE_*
    int32_t queue_waits         # how often it has been put behind others
    int64_t credit              # pages that others may still take while this one is in front
    request_t *behind           # next one in the queue
    # do_try_to_free_pages
    int32_t reclaim_state
    int32_t all_unreclaimable
    int32_t zone_at
    int64_t lru_pages
    int64_t total_scanned
    int64_t nr_reclaimed
    int64_t progress            # did_some_progress
    scan_t scan
    cost_t total
    request_6_1_t own
    uint64_t magic              # of a request of one machine in one place: see request_magic

ctypedef struct kswapd_t:
    int32_t state
    int32_t asleep
    int32_t order               # order it balances for
    int32_t max_order           # kswapd_max_order: largest order asked for since it last looked
    int32_t zone_at
    int32_t end_zone
    int32_t all_zones_ok
    int32_t classzone_idx       # 6.1: index of the highest zone asked for since it last looked, or -1
    int32_t failures            # 6.1: balancings in a row that freed nothing
    int32_t alloc_order         # 6.1: order that was asked for
    int32_t raise_priority      # 6.1: the next pass goes deeper
    int32_t cpu                 # 6.1: where it runs
    int32_t boosting            # 6.1: pages that the marks were raised by when it began,
    int64_t boosts[MAX_NR_ZONES]        # by zone,
    int64_t boost_left          # and how many of them are still to be freed
    int32_t temp_priority[MAX_NR_ZONES]
    int64_t lru_pages
    int64_t total_scanned
    int64_t nr_reclaimed
    scan_t scan
    cost_t total

ctypedef struct machine_t:
    zone_t *zone[MAX_NR_ZONES]  # zonelist: highest zone first.  Attached again after a zone has moved
    int32_t nr_zones
    int32_t oom_rounds          # parameter: rounds without progress after which a request gives up, at least 1
    int8_t gfp_zone[NR_GFP_ZONES]       # highest zone index by (gfp & 7) | (MOVABLE ? 8 : 0)
    # swap and writeback
    int64_t swap_total          # slots
    int64_t swap_free           # nr_swap_pages
    int64_t nr_writeback        # pages under writeback
    int64_t writeback_limit     # parameter: throttle_vm_writeout above so many pages, 0: never
    int32_t swappiness          # parameter, 0..100
    int32_t laptop_mode         # parameter
    int32_t write_congested     # bdi_write_congested: the driver sets it
    int32_t slab_objects_per_page       # parameter
    int32_t no_lumpy            # parameters of what-if studies, 0 as in Linux: isolation takes single pages
    int32_t no_sync_pass        # direct reclaim ends a round after the asynchronous pass
    int32_t kswapd_order0       # kswapd balances for order 0 whatever was asked for
    int32_t reserved
    int64_t shrinker_nr         # shrinker.nr: objects due but not yet scanned
    policy_t policy             # of requests that bring none
    compaction_policy_t compaction      # 6.1, parameter
    direct_t direct             # 6.1
    request_t *queue            # first of the queue, or NULL: a request must be finished or aborted before it goes
    kswapd_t kswapd
    kcompactd_t kcompactd
    int32_t driver_reclaims     # 6.1, parameter: direct reclaim is what the driver frees
    int32_t batch_steps         # 6.1, parameter: a step of compaction ends with each batch
    uint64_t magic
    uint32_t attached           # zones attached so far: a request begun before the last one is dead
    uint32_t event_mask         # NOTE_*: optional events that are wanted
    # event ring: records event[first .. last), modulo NR_EVENTS
    uint32_t event_first
    uint32_t event_last
    event_t event[NR_EVENTS]

cdef enum:                      # operations of a stream of requests, see Machine.run
    MOP_ALLOC = 1
    MOP_FREE
    MOP_RELEASE
    MOP_LRU_ADD
    MOP_SLAB_ADD
    MOP_ACCESS
    MOP_SET_FLAGS
    MOP_CLEAR_FLAGS
    MOP_KSWAPD

ctypedef struct machine_op_t:   # one operation, 24 bytes
    uint8_t op
    uint8_t order
    uint16_t cpu
    uint32_t gfp
    int32_t arg                 # number of the allocation that it is about, or -1: pfn and order are given
    uint32_t flags              # TASK_* of an allocation, page flags
    int64_t pfn

ctypedef struct machine_result_t:       # what came of it, 16 bytes
    int64_t pfn                 # or -1
    int32_t cost                # row in the table of costs, or -1
    int8_t zone                 # counted from the lowest, or -1
    uint8_t path                # PATH_* of an allocation
    uint8_t freed               # of an allocation: a later operation has freed the block
    uint8_t reserved

ctypedef struct machine_cost_t:     # what a request that reclaimed, or a run of kswapd, has cost
    int64_t op
    int64_t cost[NR_COSTS]      # the counters of a cost_t
    int64_t reclaims
    int64_t capture_own
    int64_t capture_merged
    int64_t capture_foreign
    int64_t capture_largest     # -1: no capture list
    int64_t givebacks
    int64_t sync_passes
    int64_t writeback_waits
    int64_t congestion_waits
    int64_t oom_rounds
    int64_t consults
    int64_t holds
    int64_t rescued
    int64_t hold_pages
    int64_t hold_ms
    int64_t queue_waits

ctypedef struct machine_stream_t:       # a stream on its way
    const machine_op_t *ops
    machine_result_t *result
    int32_t *holder[MAX_NR_ZONES]       # by page: number + 1 of the operation that allocated it
    const policy_t *policy      # NULL: the machine's
    int64_t at                  # operation whose turn it is
    int32_t status              # why it is refused
    int32_t reserved
    request_t request
    step_t step

# Pages.  i: index in the zone of an allocated order-0 page.  No function checks its arguments.
# page_set_flags overwrites all flags; page_mark and page_unmark set and clear some.  The flags given to lru_cache_add
# (ACTIVE, SWAPBACKED, UNEVICTABLE ...) choose the list; lru_del takes a page off any list, also off the slab list.
# page_release: the owner drops the page; it is freed now, or as soon as reclaim and writeback let go of it.
cdef void page_set_flags(zone_t *z, int32_t i, uint32_t flags) noexcept nogil
cdef void page_mark(zone_t *z, int32_t i, uint32_t flags) noexcept nogil
cdef void page_unmark(zone_t *z, int32_t i, uint32_t flags) noexcept nogil
cdef void lru_cache_add(zone_t *z, int32_t i, uint32_t flags) noexcept nogil
cdef void lru_del(zone_t *z, int32_t i) noexcept nogil
cdef void slab_add(zone_t *z, int32_t i, uint32_t flags) noexcept nogil
cdef void activate_page(zone_t *z, int32_t i) noexcept nogil
cdef void mark_page_accessed(zone_t *z, int32_t i) noexcept nogil
cdef void page_set_mlocked(zone_t *z, int32_t i, int mlocked) noexcept nogil
cdef int64_t zone_lru_pages(zone_t *z) noexcept nogil
cdef void lru_shuffle(zone_t *z, int lru, int64_t run, int32_t *room, uint64_t *random) noexcept nogil
cdef void start_page_writeback(machine_t *m, zone_t *z, int32_t i) noexcept nogil
cdef void end_page_writeback(machine_t *m, zone_t *z, int32_t i, int cpu) noexcept nogil
cdef void page_release(zone_t *z, int32_t i, int cpu) noexcept nogil

# The machine.  machine_attach_zone: zones in any order, 0 if there is no room.  event_take: 0 if the ring is empty.
# get_page_from_freelist: index in m.zone[zone[0]], or -1.  request_shortcut: the same for what a request tries first;
# -1: begin one.  free_block: hot.  request_init: policy NULL is the machine's.  request_step and kswapd_step return
# out.wait; request_abort lets go of everything a request holds.  request_answer goes on with a step that ended with
# WAIT_CONSULT, in the same `out`; capture_prefer makes the consultation look at this block first, 0 if it is not on the
# request's list or too small.
cdef void machine_init(machine_t *m) noexcept nogil
cdef int machine_attach_zone(machine_t *m, zone_t *z) noexcept nogil
cdef uint32_t events_pending(const machine_t *m) noexcept nogil
cdef int event_take(machine_t *m, event_t *event) noexcept nogil
cdef int32_t get_page_from_freelist(machine_t *m, int order, uint32_t gfp, int alloc_flags, int cpu,
                                    int32_t *zone) noexcept nogil
cdef int32_t request_shortcut(machine_t *m, int order, uint32_t gfp, int cpu, int32_t *zone) noexcept nogil
cdef void free_block(zone_t *z, int32_t i, int order, int cpu) noexcept nogil
cdef void request_init(machine_t *m, request_t *r, int order, uint32_t gfp, int cpu, int task,
                       const policy_t *policy) noexcept nogil
cdef int request_step(machine_t *m, request_t *r, int64_t budget, step_t *out) noexcept nogil
cdef int request_answer(machine_t *m, request_t *r, int answer, int64_t budget, step_t *out) noexcept nogil
cdef int capture_prefer(machine_t *m, request_t *r, int32_t i) noexcept nogil
cdef void request_abort(machine_t *m, request_t *r) noexcept nogil
cdef void wakeup_kswapd(machine_t *m, zone_t *z, int order) noexcept nogil
cdef int kswapd_step(machine_t *m, int64_t budget, step_t *out) noexcept nogil
cdef void kswapd_abort(machine_t *m) noexcept nogil
cdef void request_attempted(machine_t *m, request_t *r, int outcome) noexcept nogil
cdef void wakeup_kcompactd(machine_t *m, int order, int classzone_idx) noexcept nogil
cdef int kcompactd_step(machine_t *m, int64_t budget, step_t *out) noexcept nogil
cdef int kcompactd_look(machine_t *m) noexcept nogil
cdef void kcompactd_abort(machine_t *m) noexcept nogil

# Make a copy of a zone in memory of its size; nobody bypasses the copy's per-CPU lists.
cdef void zone_copy(const zone_t *z, zone_t *copy) noexcept nogil

# Helpers without state, and the one door from Python values to a policy_t (it raises MisuseError).
cdef int64_t int_sqrt(int64_t x) noexcept nogil
cdef uint64_t random_next(uint64_t *s) noexcept nogil
cdef void random_seed(uint64_t *s, uint64_t seed) noexcept nogil
cdef int as_policy(object policy, policy_t *out) except -1
cdef int as_policies(object policy, int kernel, machine_t *m) except -1

# What never changes of a zone, and may be read at any time.
ctypedef struct shape_t:
    uint64_t bytes
    int64_t base_pfn
    int64_t start_pfn
    int64_t spanned_pages
    int64_t present_pages
    int64_t node_present[MAX_NR_ZONES]
    int32_t kernel              # KERNEL_*
    int32_t types               # migratetypes
    int32_t movable             # number of MOVABLE
    int32_t alloc_flags         # bits that a watermark test may be given
    int32_t take_flags          # bits that an allocation straight from the free lists may be given
    int32_t cma                 # 6.1
    int32_t grouping            # 6.1
    int64_t gfp                 # bits that a request may have
    int32_t capture             # 1: requests may have a capture policy
    int32_t drains              # CPUs that drain_pages empties if none is named
    int32_t scale_max           # of watermark_scale_factor, -1: there is none
    int32_t reserves            # zones that lowmem_reserve counts
    int32_t first
    int32_t end
    int32_t pageblock_origin
    int32_t max_page_order
    int32_t pageblock_order
    int32_t zone_idx
    int32_t cpus
    int32_t slot_limit
    uint64_t off_pageblock
    uint64_t off_order
    uint64_t off_flags
    uint64_t off_owner          # 0 without owners
    uint64_t off_nr_free
    uint64_t off_lowmem_reserve

# A Zone's memory, by the rule of facade/turns.pxi: zone_ready and, for readers of a number, zone_look wait for long
# calls of other threads, and are good until the next foreign code; zone_begin takes the zone for work without the
# GIL, zone_end must follow; zone_settled cannot fail, but gives NULL for a zone that a fork has left half done.
# zone_shape asks whether it is a Zone (TypeError) of 2.6.27.
cdef const shape_t *zone_shape(object zone) except NULL
cdef zone_t *zone_ready(object zone) except NULL
cdef zone_t *zone_look(object zone) except NULL
cdef zone_t *zone_settled(object zone) noexcept
cdef zone_t *zone_begin(object zone) except NULL
cdef void zone_end(object zone) noexcept

# Ask a policy's hook about the consultation that a request stopped at in `zone`, which nobody may hold; an ANSWER_*,
# or whatever the hook raises.
cdef int ask_hook(object hook, machine_t *m, request_t *r, object zone) except -1
cdef int request_status(const machine_t *m, int64_t order, int64_t gfp, int64_t cpu) noexcept nogil
