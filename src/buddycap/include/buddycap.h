/* buddycap.h - the page allocator of Linux 2.6.27 with capture lists, and that of Linux 6.1, for programs in C, C++ and
 * whatever calls C.
 *
 *     size_t bytes;
 *     bc_config config;
 *     bc_config_init(&config, sizeof config, 0, 1 << 20);             4 GiB of 4 KiB pages, from frame 0
 *     void *memory = calloc(1, bc_zone_bytes(&config));               yours: a zone is one block of memory
 *     config.memory_is_zero = 1;
 *     if (bc_zone_init(memory, bc_zone_bytes(&config), &config) != BC_OK) ...
 *     bc_zone *zone = memory;
 *     int64_t pfn = bc_alloc(zone, 9, BC_MOVABLE, NULL);              a huge page, or a negative status
 *     bc_free(zone, pfn, 9, NULL);
 *
 * MEMORY     The library allocates nothing, prints nothing and keeps nothing: zones, machines and requests live where
 *            the caller puts them, in blocks of the size that the *_bytes functions tell, aligned to 8 bytes (64 is
 *            better).  There is nothing to close.  A zone holds no pointers: it may be copied, saved and mapped as bytes.
 *            A machine points to its zones (attach them again when they have moved), a request belongs to its machine.
 * RESULTS    A function returns what was asked for (>= 0) or a negative bc_status.  BC_ENOMEM is a result, not an error;
 *            a status below it is a mistake of the caller, refused before anything has changed.
 * POINTERS   NULL, unaligned pointers and memory that holds no zone, machine or request are refused.  A pointer to memory
 *            that cannot be read cannot be helped.
 * THREADS    A zone does one thing at a time, and so does a machine with its zones: the caller sees to that, with a lock of
 *            its own if need be.  Different zones share nothing, so they need no lock.  After fork() each process has its own.
 * KERNELS    A zone follows one kernel, which its configuration or its image names.  Functions of some kernels alone (bc_*_61:
 *            6.1 and later, bc_*_612: 6.12; capture lists, machines, alloc_exact, alloc_page, free_page, free_at: 2.6.27)
 *            refuse zones of others with BC_EMISUSE_KERNEL; all others serve every zone, with the numbers of its kernel:
 *            MOVABLE is BC_MOVABLE (2) in 2.6.27 and BC_61_MOVABLE (1) since 6.1, flags differ as well.  A zone of 6.12 has
 *            the numbers of 6.1.  Say which kernel you mean when you load an image, and ask bc_zone_kernel() about a zone
 *            that somebody else has made.
 * NUMBERS    The same calls give the same results on every machine.  Randomness comes from the zone's own stream alone.
 * ABI        Same BC_ABI_MAJOR: programs go on working.  New functions are added at the end of bc_api and raise BC_ABI_MINOR;
 *            structs keep their size, new fields take reserved words.  bc_api_ok() checks a table against this header.
 *
 * Little-endian machines with 64-bit pointers.  Kernel: mm/page_alloc.c of 2.6.27, mm/vmscan.c of 2.6.28,
 * A. Whitcroft's capture series of 2008, and mm/page_alloc.c and mm/page_isolation.c of 6.1.  MIT licence. */
#ifndef BUDDYCAP_H
#define BUDDYCAP_H

#include <stddef.h>
#include <stdint.h>

#define BC_ABI_MAJOR 1
#define BC_ABI_MINOR 3

#ifdef __cplusplus
extern "C" {
#endif

/* [declarations] From here to [end] there is no preprocessor: buddycap.header, and so ctypes and cffi, read this too. */

/* --- what functions return -------------------------------------------------------------------------------------- */

enum bc_status {
    BC_OK = 0,
    BC_ENOMEM = -1,                     /* there is no such block, or the watermarks forbid it */
    /* Misuse; nothing has changed. */
    BC_EMISUSE_PFN_RANGE = -2,          /* outside the zone, or in none of the machine's zones */
    BC_EMISUSE_PFN_HOLE = -3,           /* in a hole of the zone */
    BC_EMISUSE_ORDER_RANGE = -4,        /* order below 0 or above the zone's largest */
    BC_EMISUSE_TYPE_RANGE = -5,         /* migratetype that cannot be asked for */
    BC_EMISUSE_UNALIGNED = -6,          /* pfn not aligned to the order */
    BC_EMISUSE_PAGE_FREE = -7,          /* already free */
    BC_EMISUSE_PAGE_CAPTURED = -8,      /* on a capture list */
    BC_EMISUSE_PAGE_ON_PCP = -9,        /* already free: on a per-CPU list */
    BC_EMISUSE_PAGE_INSIDE = -10,       /* inside a block: only its first page names it */
    BC_EMISUSE_WRONG_ORDER = -11,       /* allocated with another order */
    BC_EMISUSE_IN_USE_BY_RECLAIM = -12, /* on an LRU list, isolated or under writeback */
    BC_EMISUSE_LIST_CLOSED = -13,       /* no open capture list of this zone */
    BC_EMISUSE_TOO_MANY_LISTS = -14,    /* every private list of the zone is in use */
    BC_EMISUSE_CPU_RANGE = -15,         /* no such CPU */
    BC_EMISUSE_OP_UNKNOWN = -16,        /* bc_op.op */
    BC_EMISUSE_OP_ARG = -17,            /* bc_op.arg */
    BC_EMISUSE_DUPLICATE = -18,         /* named twice in one call */
    BC_EMISUSE_GFP_UNKNOWN = -19,       /* GFP bits that do not exist */
    BC_EMISUSE_GFP_MOBILITY = -20,      /* movable and reclaimable at once */
    BC_EMISUSE_NOT_SINGLE = -21,        /* a block of higher order: only single pages are on lists */
    BC_EMISUSE_PAGE_LISTED = -22,       /* on a list or under writeback already */
    BC_EMISUSE_PAGE_RELEASED = -23,     /* released already */
    BC_EMISUSE_FLAGS_UNKNOWN = -24,     /* page flags that cannot be set here */
    BC_EMISUSE_FLAGS_ANON = -25,        /* SWAPCACHE needs ANON, and ANON needs SWAPBACKED */
    BC_EMISUSE_FLAGS_LISTS = -26,       /* ACTIVE and UNEVICTABLE at once */
    BC_EMISUSE_NO_SWAP = -27,           /* SWAPCACHE, but no swap slot is free */
    BC_EMISUSE_PAGE_RESERVED = -28,     /* reserved: the allocator was never given it */
    BC_EMISUSE_PAGE_TAKEN = -29,        /* taken off the free lists: put it back first */
    BC_EMISUSE_PAGE_COMPOUND = -30,     /* a compound block, which cannot be split */
    BC_EMISUSE_PAGE_NOT_FREE = -31,     /* no free block starts there */
    BC_EMISUSE_PAGE_NOT_TAKEN = -32,    /* not taken off the free lists with this order */
    BC_EMISUSE_PAGE_NOT_RESERVED = -33, /* not a whole reserved pageblock */
    BC_EMISUSE_TOO_MANY_REFS = -34,     /* 65536 references are the most */
    BC_EMISUSE_PAGE_HELD = -35,         /* in the hands of compaction under way */
    BC_EMISUSE_PAGE_MARKED = -36,       /* it has page flags, or more than one reference */
    BC_EMISUSE_POINTER = -101,          /* NULL or unaligned */
    BC_EMISUSE_SIZE = -102,             /* the memory is too small, or the length negative or too large */
    BC_EMISUSE_ZONE = -103,             /* the memory holds no zone */
    BC_EMISUSE_MACHINE = -104,          /* the memory holds no machine, or one without zones */
    BC_EMISUSE_REQUEST = -105,          /* the memory holds no request of this machine */
    BC_EMISUSE_CONFIG = -106,           /* a field of a configuration or policy is out of range */
    BC_EMISUSE_FLAGS = -107,            /* flags that are unknown or contradict each other */
    BC_EMISUSE_VALUE = -108,            /* another argument is out of range */
    BC_EMISUSE_NO_OWNERS = -109,        /* the zone was made without owners */
    BC_EMISUSE_PAGE_NOT_LISTED = -110,  /* the page is on no list, or not under writeback */
    BC_EMISUSE_NODE = -111,             /* the zone does not fit the machine's other zones */
    BC_EMISUSE_EVENTS = -112,           /* the event log is full: drain it first */
    BC_EMISUSE_KERNEL = -113,           /* the zone is one of another kernel */
    /* Images and corruption. */
    BC_EIMAGE = -201,                   /* no zone image, or a damaged one */
    BC_EVERSION = -202,                 /* a zone image of another version, or of a kernel that is not known */
    BC_ECORRUPT = -203                  /* an invariant does not hold: see bc_check */
};

/* --- constants of the kernel and of this model ------------------------------------------------------------------- */

enum bc_kernel {                        /* bc_config.kernel */
    BC_KERNEL_2_6_27 = 0,
    BC_KERNEL_6_1 = 1,
    BC_KERNEL_6_12 = 2
};

enum bc_migratetype {
    BC_UNMOVABLE = 0,
    BC_RECLAIMABLE = 1,
    BC_MOVABLE = 2,
    BC_RESERVE = 3,                     /* of pageblocks only, as the next one */
    BC_ISOLATE = 4
};

enum bc_migratetype_61 {
    BC_61_UNMOVABLE = 0,
    BC_61_MOVABLE = 1,
    BC_61_RECLAIMABLE = 2,
    BC_61_HIGHATOMIC = 3,               /* of pageblocks only, as the next ones */
    BC_61_ISOLATE = 4,                  /* in a kernel without CMA */
    BC_61_CMA = 4,                      /* in one with CMA, */
    BC_61_CMA_ISOLATE = 5               /* where ISOLATE is this */
};

enum bc_limit {
    BC_MAX_ORDERS = 15,                 /* orders 0..14 */
    BC_MAX_NR_ZONES = 4,                /* zones of a machine, and indices of zones */
    BC_NR_PAGE_LISTS = 6,
    BC_MAX_VM_EVENTS = 64,              /* room in bc_stats; BC_NR_VM_EVENTS are used */
    BC_61_MAX_SCALE_FACTOR = 3000,
    BC_61_MAX_BOOST_FACTOR = 1 << 20
};

enum bc_alloc_flag {                    /* which watermark, and how far below it */
    BC_ALLOC_NO_WATERMARKS = 0x01,
    BC_ALLOC_WMARK_MIN = 0x02,
    BC_ALLOC_WMARK_LOW = 0x04,
    BC_ALLOC_WMARK_HIGH = 0x08,
    BC_ALLOC_HARDER = 0x10,
    BC_ALLOC_HIGH = 0x20,
    BC_ALLOC_CPUSET = 0x40
};

enum bc_alloc_flag_61 {                 /* the low two bits are a number: which watermark */
    BC_61_ALLOC_WMARK_MIN = 0x00,
    BC_61_ALLOC_WMARK_LOW = 0x01,
    BC_61_ALLOC_WMARK_HIGH = 0x02,
    BC_61_ALLOC_WMARK_PROMO = 0x03,
    BC_61_ALLOC_NO_WATERMARKS = 0x04,
    BC_61_ALLOC_OOM = 0x08,
    BC_61_ALLOC_NON_BLOCK = 0x10,
    BC_61_ALLOC_MIN_RESERVE = 0x20,
    BC_61_ALLOC_CPUSET = 0x40,
    BC_61_ALLOC_CMA = 0x80,             /* CMA pageblocks may be used */
    BC_61_ALLOC_NOFRAGMENT = 0x100,     /* no mixing of types in a pageblock */
    BC_61_ALLOC_HIGHATOMIC = 0x200,     /* the reserve for high-order atomic requests is used, and filled */
    BC_61_ALLOC_KSWAPD = 0x800          /* a boost wakes kswapd */
};

enum bc_gfp_61 {                        /* GFP bits of 6.1, for programs that carry them: no function takes them yet */
    BC_61_GFP_DMA = 0x01,
    BC_61_GFP_HIGHMEM = 0x02,
    BC_61_GFP_DMA32 = 0x04,
    BC_61_GFP_MOVABLE = 0x08,
    BC_61_GFP_RECLAIMABLE = 0x10,
    BC_61_GFP_HIGH = 0x20,
    BC_61_GFP_IO = 0x40,
    BC_61_GFP_FS = 0x80,
    BC_61_GFP_ZERO = 0x100,
    BC_61_GFP_ATOMIC = 0x200,
    BC_61_GFP_DIRECT_RECLAIM = 0x400,
    BC_61_GFP_KSWAPD_RECLAIM = 0x800,
    BC_61_GFP_WRITE = 0x1000,
    BC_61_GFP_NOWARN = 0x2000,
    BC_61_GFP_RETRY_MAYFAIL = 0x4000,
    BC_61_GFP_NOFAIL = 0x8000,
    BC_61_GFP_NORETRY = 0x10000,
    BC_61_GFP_MEMALLOC = 0x20000,
    BC_61_GFP_COMP = 0x40000,
    BC_61_GFP_NOMEMALLOC = 0x80000,
    BC_61_GFP_HARDWALL = 0x100000,
    BC_61_GFP_THISNODE = 0x200000,
    BC_61_GFP_ACCOUNT = 0x400000,
    BC_61_GFP_KERNEL = 0xCC0,
    BC_61_GFP_HIGHUSER_MOVABLE = 0x100CCA       /* pages of processes */
};

enum bc_gfp {                           /* of requests */
    BC_GFP_DMA = 0x01,
    BC_GFP_HIGHMEM = 0x02,
    BC_GFP_DMA32 = 0x04,
    BC_GFP_WAIT = 0x10,                 /* may reclaim and wait */
    BC_GFP_HIGH = 0x20,
    BC_GFP_IO = 0x40,
    BC_GFP_FS = 0x80,
    BC_GFP_COLD = 0x100,
    BC_GFP_REPEAT = 0x400,
    BC_GFP_NOFAIL = 0x800,
    BC_GFP_NORETRY = 0x1000,
    BC_GFP_NOMEMALLOC = 0x10000,
    BC_GFP_RECLAIMABLE = 0x80000,
    BC_GFP_MOVABLE = 0x100000,
    BC_GFP_KERNEL = 0xD0,               /* WAIT | IO | FS */
    BC_GFP_USER_MOVABLE = 0x1000D0      /* KERNEL | MOVABLE: pages of processes */
};

enum bc_task {
    BC_TASK_MEMALLOC = 1,               /* may use everything and must not reclaim */
    BC_TASK_REALTIME = 2
};

enum bc_page_flag {                     /* numbers of /proc/kpageflags; own ones from bit 27 */
    BC_PF_LOCKED = 0x1,
    BC_PF_REFERENCED = 0x4,
    BC_PF_DIRTY = 0x10,
    BC_PF_LRU = 0x20,
    BC_PF_ACTIVE = 0x40,
    BC_PF_SLAB = 0x80,
    BC_PF_WRITEBACK = 0x100,
    BC_PF_RECLAIM = 0x200,
    BC_PF_ORPHAN = 0x400,               /* dropped by its owner, still held by reclaim or a write */
    BC_PF_MMAP = 0x800,                 /* mapped by a process */
    BC_PF_ANON = 0x1000,
    BC_PF_SWAPCACHE = 0x2000,
    BC_PF_SWAPBACKED = 0x4000,          /* anonymous memory or tmpfs; without it: a page of a file */
    BC_PF_UNEVICTABLE = 0x40000,
    BC_PF_YOUNG = 0x8000000,            /* the accessed bit of a page table entry */
    BC_PF_ISOLATED = 0x10000000,        /* in the hands of a reclaimer */
    BC_PF_PINNED = 0x20000000,          /* an extra reference: cannot be reclaimed */
    BC_PF_MLOCKED = 0x40000000
};

enum bc_page_state {
    BC_PAGE_FREE = 0,                   /* in a free block */
    BC_PAGE_CAPTURED = 1,               /* in a block on a capture list */
    BC_PAGE_USED = 2,                   /* in an allocated block */
    BC_PAGE_ON_PCP = 3,                 /* on a per-CPU list */
    BC_PAGE_HOLE = 4,
    BC_PAGE_RESERVED = 5,               /* 6.1: set aside at boot */
    BC_PAGE_TAKEN = 6                   /* 6.1: off the free lists, see bc_take_free_61 */
};

enum bc_vm_event {                      /* index into bc_stats.vm; named as in /proc/vmstat */
    BC_VM_PGALLOC = 0,
    BC_VM_PGFREE,
    BC_VM_PGACTIVATE,
    BC_VM_PGDEACTIVATE,
    BC_VM_PGREFILL,
    BC_VM_PGSTEAL,
    BC_VM_PGSCAN_KSWAPD,
    BC_VM_PGSCAN_DIRECT,
    BC_VM_KSWAPD_STEAL,
    BC_VM_PAGEOUTRUN,
    BC_VM_ALLOCSTALL,
    BC_VM_PGROTATED,
    BC_VM_SLABS_SCANNED,
    BC_VM_UNEVICTABLE_PGCULLED,
    BC_VM_UNEVICTABLE_PGRESCUED,
    BC_VM_NR_VMSCAN_WRITE,
    BC_VM_BUDDY_SPLIT,
    BC_VM_BUDDY_MERGE,
    BC_VM_CAPTURE_OWN,
    BC_VM_CAPTURE_MERGED,
    BC_VM_CAPTURE_FOREIGN,
    BC_VM_CAPTURE_TAKEN,
    BC_VM_CAPTURE_GIVEBACK,
    BC_NR_VM_EVENTS
};

enum bc_wait {                          /* why a step ended */
    BC_WAIT_NONE = 0,                   /* the budget is used up: step again */
    BC_WAIT_CONGESTION = 1,             /* let writes end, for at most wait_ms */
    BC_WAIT_WRITEBACK = 2,              /* until the write of wait_pfn has ended: bc_write_end */
    BC_WAIT_EVENTS = 3,                 /* the event log is nearly full: drain it */
    BC_WAIT_LISTS = 4,                  /* every private list of a zone is in use: step again after others */
    BC_WAIT_SLEEP = 5,                  /* kswapd: asleep until it is woken */
    BC_WAIT_DONE = 6,                   /* a request is over */
    BC_WAIT_QUEUE = 7,                  /* behind other requests: step again after BC_EV_QUEUE */
    BC_WAIT_CONSULT = 8,                /* bc_policy.hook: go on with bc_request_answer */
    BC_WAIT_ATTEMPT = 9,                /* 6.1, whose machines C does not have yet: a page is about to be moved */
    BC_WAIT_RECLAIM = 10                /* 6.1: the driver is to reclaim */
};

enum bc_path {                          /* how a request ended */
    BC_PATH_NONE = 0,
    BC_PATH_FAST = 1,                   /* at the low watermark */
    BC_PATH_SECOND = 2,                 /* at the min watermark, kswapd woken */
    BC_PATH_MEMALLOC = 3,               /* without watermarks */
    BC_PATH_CAPTURED = 4,               /* from its capture list */
    BC_PATH_RECLAIM = 5,                /* from the free lists after direct reclaim */
    BC_PATH_LAST_TRY = 6,               /* where the OOM killer would come */
    BC_PATH_FAILED = 7,
    BC_PATH_ISOLATED = 8,               /* from the pageblock that was isolated for it */
    BC_PATH_COMPACTED = 9               /* 6.1: after direct compaction */
};

enum bc_queue {                         /* bc_policy.queue: who waits behind a reclaimer */
    BC_QUEUE_NONE = 0,
    BC_QUEUE_CREDIT = 1,                /* once its credit is used up */
    BC_QUEUE_STRICT = 2                 /* always */
};

enum bc_answer {                        /* what is to be done with a capture list that is consulted */
    BC_ANSWER_CONSULT = 1,              /* what the policy would do */
    BC_ANSWER_RETURN = 2,               /* take nothing, give everything back */
    BC_ANSWER_KEEP = 3                  /* leave it as it is until the next consultation */
};

enum bc_event_kind {
    BC_EV_RECLAIMED = 1,                /* the frame was taken from its owner: forget where it is mapped */
    BC_EV_UNMAPPED = 2,                 /* its page table entries are gone; the page is still there */
    BC_EV_SWAPPED = 3,                  /* it has got a swap slot, and is dirty */
    BC_EV_UNSWAPPED = 4,                /* it has given its swap slot back */
    BC_EV_PAGEOUT = 5,                  /* a write was submitted: end it with bc_write_end */
    BC_EV_WAKE_PDFLUSH = 6,             /* background writeback is wanted for `pfn` pages, 0: for all */
    BC_EV_WAKE_KSWAPD = 7,              /* kswapd has work now; pfn is -1 */
    BC_EV_QUEUE = 8,                    /* the first of the requests that wait in the queue may go on; pfn is -1 */
    BC_EV_CAPTURED = 9,                 /* a reclaimed frame joins a capture list */
    BC_EV_FREED = 10,                   /* its owner has let it go: bc_free_pages, bc_page_release */
    BC_EV_MIGRATED = 11,                /* 6.1, whose machines C does not have yet: the frame's page was moved, */
    BC_EV_MIGRATED_TO = 12,             /* to this one */
    BC_EV_WAKE_KCOMPACTD = 13,          /* 6.1: kcompactd was asleep and has work now */
    BC_EV_OOM = 14,                     /* 6.1: where the OOM killer would come */
    BC_EV_KSWAPD_ASKED = 15             /* 6.1: kswapd was asked, asleep or not */
};

enum bc_event_mask {                    /* which of the optional events a machine notes; the others come always */
    BC_NOTE_CAPTURED = 1,
    BC_NOTE_FREED = 2,
    BC_NOTE_ASKED = 4
};

enum bc_op_kind {
    BC_OP_ALLOC = 1,
    BC_OP_FREE = 2,
    BC_OP_SPLIT = 3,                    /* the block becomes single pages: bc_split */
    BC_OP_FREE_PART = 4,                /* 2^order pages: bc_free_range */
    BC_OP_ALLOC_AT = 5,                 /* the block at pfn, if it is free: bc_alloc_at */
    BC_OP_PCP = 0x01,                   /* bc_op.flags: through the list of CPU 0 */
    BC_OP_COLD = 0x02
};

enum bc_image_flag {
    BC_IMAGE_CHECK = 0,                 /* read all of it: hash and every invariant */
    BC_IMAGE_TRUST = 1,                 /* check the header only: for an image of one's own, mapped from a file */
    BC_IMAGE_6_1 = 0x100,               /* the zone is one of 6.1, not of 2.6.27 */
    BC_IMAGE_6_12 = 0x200               /* one of 6.12 */
};

/* --- structs ------------------------------------------------------------------------------------------------------ */

typedef struct bc_zone bc_zone;         /* bc_zone_bytes() of memory */
typedef struct bc_machine bc_machine;   /* bc_machine_bytes() of memory */
typedef struct bc_request bc_request;   /* bc_request_bytes() of memory */

typedef struct bc_range {               /* page frames first .. end - 1 */
    int64_t first;
    int64_t end;
} bc_range;

typedef struct bc_config {              /* of a zone; bc_config_init fills it, change what is to be different */
    uint32_t size;                      /* sizeof(bc_config) */
    int32_t max_page_order;             /* 0..14, in 6.1 10 alone; default 10 */
    int32_t pageblock_order;            /* 0..14, in 6.1 4..10, default 9 */
    int32_t zone_idx;                   /* 0..3, since 6.1 0..4, place of the zone in its node; default 0 */
    int64_t start_pfn;                  /* 0..2^52 - 1, need not be aligned */
    int64_t spanned_pages;              /* from the first page to the last, holes included */
    const bc_range *ranges;             /* what exists, ascending; NULL: all of it.  Read during the call only */
    int64_t nr_ranges;
    int32_t cpus;                       /* per-CPU lists, 1..4096, default 1 */
    int32_t pcp_batch;                  /* -1: from the size of the zone */
    int32_t pcp_high;                   /* -1: six batches */
    int32_t pageblock_relative;         /* 1: pageblocks are counted from start_pfn, as FLATMEM does */
    int32_t pcp_bulk_cold;              /* 1: as in the later 2.6.27 stable series */
    int32_t grouping;                   /* 0: no grouping by mobility; default 1 */
    int32_t owners;                     /* 1: a 64-bit cookie for every page */
    int32_t populate;                   /* 0: every page starts allocated; default 1, all free */
    int32_t slot_limit;                 /* private lists that can be open at once, 0..65535 (6.1: 128), 32 bytes each */
    int32_t memory_is_zero;             /* 1: the memory is fresh from mmap or calloc; 0: it is cleared first */
    int64_t min_free_kbytes;            /* -1: from the size of the node */
    int64_t node_present[4];            /* present pages of the node's zones; 0 for this zone: its own */
    int32_t lowmem_reserve_ratio[4];    /* default 256, 256, 32, 32 */
    uint32_t node_highmem;              /* bit k: zone k of the node is highmem */
    int32_t kernel;                     /* bc_kernel: whose rules the zone follows */
    uint64_t seed;                      /* of the zone's random numbers */
    /* What only a zone of 6.1 or 6.12 has; 0 in one of 2.6.27.  See bc_config_init_for. */
    const bc_range *free_ranges;        /* what the allocator is given, ascending, the rest stays reserved; NULL: all */
    int64_t nr_free_ranges;
    const int64_t *linked_outside;      /* frames just before the zone that are linked to it all the same */
    int64_t nr_linked_outside;
    int32_t watermark_scale_factor;     /* 0..3000, default 10 */
    int32_t watermark_boost_factor;     /* 0..2^20, default 15000 */
    int32_t lowmem_reserve_ratio_device;        /* of the fifth kind of zone, default 0 */
    int32_t cma;                        /* 1: a kernel with CMA */
    int64_t reserved[2];                /* 0 */
} bc_config;

typedef struct bc_cost {                /* work done: put your own price on it */
    int64_t scanned;                    /* pages decided on by reclaim */
    int64_t looked;                     /* frames looked at by isolation */
    int64_t isolated;                   /* pages taken off the LRU */
    int64_t active;                     /* pages moved from active to inactive lists */
    int64_t freed;                      /* pages reclaimed to the free lists */
    int64_t captured;                   /* pages reclaimed to a capture list */
    int64_t activated;                  /* pages made active */
    int64_t unmapped;                   /* pages unmapped from processes */
    int64_t swapped;                    /* pages that entered swap */
    int64_t written;                    /* writes submitted */
    int64_t slab_scanned;               /* slab objects asked for */
    int64_t slab_freed;                 /* slab pages freed */
    int64_t migrated;                   /* pages moved by compaction; 0 in 2.6.27, which has none */
    int64_t splits;                     /* halvings of a block */
    int64_t merges;                     /* unions of two buddies */
    int64_t waits;                      /* times it had to wait for writes */
    int64_t migrate_scanned;            /* pages looked at by compaction's migration scanner; 0 in 2.6.27 */
    int64_t free_scanned;               /* and by its free scanner */
    int64_t reserved[2];                /* 0 */
} bc_cost;

typedef struct bc_result {              /* what a call did, if asked for */
    int64_t pfn;                        /* first page of the block, -1: none */
    int32_t order;
    int32_t status;                     /* bc_status */
    int32_t wait;                       /* bc_wait; steps only, as the next four */
    int32_t wait_ms;                    /* BC_WAIT_CONGESTION */
    int64_t wait_pfn;                   /* BC_WAIT_WRITEBACK, else -1 */
    int32_t path;                       /* bc_path */
    int32_t zone_idx;                   /* BC_WAIT_DONE: where the block is; BC_WAIT_LISTS: which zone; else -1 */
    int64_t reserved[2];                /* 0 */
    bc_cost cost;                       /* of this call alone */
} bc_result;

typedef struct bc_event {
    int64_t pfn;
    uint64_t owner;                     /* cookie of the page, 0 in a zone without owners */
    int32_t kind;                       /* bc_event_kind */
    int32_t zone_idx;
} bc_event;

typedef struct bc_page {                /* what a page is; see bc_page_info */
    int64_t pfn;                        /* first page of its block */
    int32_t order;                      /* of the block */
    int32_t state;                      /* bc_page_state */
    uint32_t flags;                     /* BC_PF_*, of an allocated block */
    int32_t migratetype;                /* of its pageblock */
    uint64_t owner;
} bc_page;

typedef struct bc_op {                  /* one operation of a stream: see bc_run */
    uint8_t op;                         /* BC_OP_ALLOC .. BC_OP_ALLOC_AT */
    uint8_t order;
    uint8_t migratetype;
    uint8_t flags;                      /* BC_OP_PCP, BC_OP_COLD */
    int32_t arg;                        /* free, split, free part: index of the allocation whose block it is, or -1 */
    int64_t pfn;                        /* with arg -1, and to allocate there: the block; a part: its first page in it */
} bc_op;

typedef struct bc_stats {
    int64_t start_pfn;
    int64_t spanned_pages;
    int64_t present_pages;
    int64_t nr_free_pages;              /* per-CPU lists and capture lists do not count */
    int64_t nr_free[15];                /* free blocks by order */
    int64_t pages_min;                  /* watermarks, in pages */
    int64_t pages_low;
    int64_t pages_high;
    int64_t lowmem_reserve[4];
    int64_t nr_lru[6];                  /* inactive and active anon, inactive and active file, unevictable, slab */
    int64_t min_free_kbytes;
    int32_t max_page_order;
    int32_t pageblock_order;
    int32_t zone_idx;
    int32_t cpus;
    int32_t owners;
    int32_t open_lists;                 /* private lists in use */
    uint64_t vm[64];                    /* bc_vm_event */
    int64_t reserved[16];
} bc_stats;

typedef struct bc_stats_61 {            /* what a zone of 6.1 has beside bc_stats; pages, unless said otherwise */
    int64_t managed_pages;              /* that the allocator was given */
    int64_t pages_promo;                /* the fourth watermark */
    int64_t boost;                      /* that is added to all four */
    int64_t lowmem_reserve[5];
    int64_t reserved_highatomic;
    int64_t nr_free_cma;
    int64_t nr_isolated_pageblocks;
    int64_t wakeups;                    /* of kswapd, by allocations in a boosted zone */
    int64_t events[5];                  /* blocks off the free lists, fallbacks, drained blocks, frees, frees of a list */
    int32_t watermark_scale_factor;
    int32_t watermark_boost_factor;
    int32_t pcp_high_fraction;          /* 0: none */
    int32_t cma;                        /* 1: a kernel with CMA */
    int64_t reserved[16];
} bc_stats_61;

typedef struct bc_pcp_61 {              /* the per-CPU lists of one CPU */
    int32_t count;                      /* pages on them */
    int32_t high;
    int32_t batch;
    int32_t free_factor;
    int32_t locked;
    int32_t reserved[3];
} bc_pcp_61;

typedef struct bc_stats_612 {           /* what a zone of 6.12 has beside bc_stats_61 */
    int64_t nr_free_highatomic;         /* free pages of pageblocks kept for high-order atomic requests */
    int32_t below_high;                 /* 1: some request has missed the high mark, and per-CPU lists do not grow */
    int32_t reserved0;
    int64_t reserved[6];
} bc_stats_612;

typedef struct bc_pcp_612 {             /* the per-CPU lists of one CPU in 6.12 */
    int32_t count;                      /* pages on them */
    int32_t high;                       /* how many they may be now, */
    int32_t batch;
    int32_t high_min;                   /* and between what that moves */
    int32_t high_max;
    int32_t alloc_factor;
    int32_t free_count;                 /* pages freed lately */
    int32_t flags;                      /* 1: the last free was one of orders 1..3, 2: a large part of the data cache */
    int32_t locked;
    int32_t reserved[7];
} bc_pcp_612;

typedef struct bc_violation {           /* what bc_check has found first */
    int32_t invariant;                  /* number as in core/common/check.pxi, 0: nothing */
    int32_t reserved;
    int64_t pfn;                        /* -1: not about one page */
    int64_t expected;
    int64_t found;
} bc_violation;

typedef struct bc_policy {              /* of capture; bc_machine_config_init fills in: never */
    int32_t capture;                    /* 1: reclaimed pages coalesce on a capture list */
    int32_t capture_min_order;          /* smallest order that captures: 4 in the series */
    int32_t check_real_order;           /* 1: the watermark is checked with the block's own order (v1), 0: order 0 */
    int32_t batch;                      /* pages collected before they are captured: 1, or up to 14 (v4) */
    int32_t batch_forward;              /* 1: a batch is emptied from its first page */
    int32_t private_list;               /* 1: captured pages merge only with each other */
    int32_t consult_lists;              /* 1: the list is consulted after each batch of pages, 0: after each pass */
    int32_t hold_rounds;                /* 0..1000, rounds for which a block is held that the watermark forbids */
    int32_t hold_order;                 /* their order */
    int32_t early_release;              /* 1: the first block that is large enough frees the others */
    int32_t trim;                       /* 1: it is cut to size at once */
    int32_t queue;                      /* bc_queue */
    int32_t bypass_pcp;                 /* 1: nobody uses the per-CPU lists meanwhile */
    int32_t isolate;                    /* 1: the pageblock of the first page isolated is BC_ISOLATE meanwhile */
    int32_t hook;                       /* 1: steps end with BC_WAIT_CONSULT before the list is consulted */
    int32_t reserved;                   /* 0 */
} bc_policy;

typedef struct bc_machine_config {
    uint32_t size;                      /* sizeof(bc_machine_config) */
    int32_t swappiness;                 /* 0..100, default 60 */
    int64_t swap_pages;                 /* swap slots, default 0 */
    int64_t writeback_limit;            /* reclaimers rest above so many pages under writeback; 0: never */
    int32_t oom_rounds;                 /* rounds without progress after which a request fails, from 1 */
    int32_t slab_objects_per_page;      /* 1..4096, default 1 */
    int32_t laptop_mode;
    uint32_t event_mask;                /* BC_NOTE_* */
    int32_t no_lumpy;                   /* what-if switches, 0 as in Linux: isolation takes single pages, */
    int32_t no_sync_pass;               /* direct reclaim ends a round after the asynchronous pass, */
    int32_t kswapd_order0;              /* kswapd balances for order 0 whatever was asked for */
    int32_t reserved0;
    int8_t gfp_zone[16];                /* highest zone_idx for (gfp & 7) | (MOVABLE ? 8 : 0); default 3: all */
    bc_policy policy;                   /* of requests that bring none */
    int64_t reserved[8];                /* 0 */
} bc_machine_config;

/* --- a zone ------------------------------------------------------------------------------------------------------- */

/* Defaults of a zone of 2.6.27 of `pages` pages from start_pfn on; size is sizeof(bc_config). */
int bc_config_init(bc_config *config, uint64_t size, int64_t start_pfn, int64_t pages);

/* Bytes of memory that the zone needs (13 a page, 15 in 6.1; 8 more with owners), or 0 if there can be no such zone. */
uint64_t bc_zone_bytes(const bc_config *config);

/* Start a zone in the caller's memory; `bytes` is its size.  From then on `(bc_zone *) memory` is the zone. */
int bc_zone_init(void *memory, uint64_t bytes, const bc_config *config);

/* Bytes that an existing zone occupies. */
int64_t bc_zone_size(const bc_zone *zone);

/* An independent zone in the same state, with the same open capture lists. */
int bc_zone_copy(const bc_zone *zone, void *memory, uint64_t bytes);

/* --- images: the file of Zone.save and `buddycap image` ------------------------------------------------------------ */

/* Bytes of the image of a zone. */
int64_t bc_image_bytes(const bc_zone *zone);

/* Write the image of a zone to memory, which may be a mapped file.  O(pages). */
int bc_image_save(const bc_zone *zone, void *image, uint64_t bytes);

/* Bytes of memory that the zone in an image needs; the first 4096 bytes of the image, or all of a smaller one, suffice. */
int64_t bc_image_zone_bytes(const void *image, uint64_t bytes);

/* A zone of 2.6.27 from an image: copies it, and checks hash and invariants.  O(pages). */
int bc_image_load(const void *image, uint64_t image_bytes, void *memory, uint64_t bytes);

/* Make a zone of an image in place: memory of bc_image_zone_bytes() whose first image_bytes hold the image and whose rest
 * is zero, such as a private mapping of the file laid over fresh pages (bc_map_image in buddycap_mmap.h does that).
 * BC_IMAGE_TRUST touches the first page only: O(1). */
int bc_image_attach(void *memory, uint64_t bytes, uint64_t image_bytes, int flags);

/* --- blocks ------------------------------------------------------------------------------------------------------- */

/* First page of a block of 2^order pages straight from the free lists.  No watermark is asked: see bc_request_init. */
int64_t bc_alloc(bc_zone *zone, int order, int migratetype, bc_result *result);

/* Free a block as it was allocated.  It merges with free buddies and joins captured ones. */
int bc_free(bc_zone *zone, int64_t pfn, int order, bc_result *result);

/* Free the allocated block that holds the page, whatever its order. */
int bc_free_at(bc_zone *zone, int64_t pfn, bc_result *result);

/* `pages` contiguous pages: the next power of two, and the tail given back.  Single pages from then on.
 * Linux: alloc_pages_exact. */
int64_t bc_alloc_exact(bc_zone *zone, int64_t pages, int migratetype, bc_result *result);

/* Free pages pfn .. pfn + pages - 1, which must all be allocated, in blocks of whatever orders; holes of the zone are
 * stepped over.  Blocks that stick out are split into single pages first, of which those outside stay allocated.  All or
 * nothing.  Linux: free_pages_exact, split_page. */
int bc_free_range(bc_zone *zone, int64_t pfn, int64_t pages, bc_result *result);

/* Turn an allocated block into single pages.  Linux: split_page. */
int bc_split(bc_zone *zone, int64_t pfn, int order);

/* One page through a CPU's list; cold: from its tail.  Linux: buffered_rmqueue for order 0. */
int64_t bc_alloc_page(bc_zone *zone, int migratetype, int cpu, int cold, bc_result *result);

/* Free one page to a CPU's list.  Linux: free_hot_cold_page. */
int bc_free_page(bc_zone *zone, int64_t pfn, int cpu, int cold, bc_result *result);

/* Give every page of a CPU's list back to the zone. */
int bc_drain_pages(bc_zone *zone, int cpu);

/* --- bulk: the same as one call each ------------------------------------------------------------------------------- */

/* Allocate n blocks; how many were had.  The rest of pfns is filled with -1. */
int64_t bc_alloc_many(bc_zone *zone, int64_t *pfns, int64_t n, int order, int migratetype, bc_result *result);

/* Free n blocks, all or nothing.  orders: one for each, or NULL for `order` for all.  offender (or NULL): index of the
 * first block that cannot be freed. */
int bc_free_many(bc_zone *zone, const int64_t *pfns, int64_t n, const uint8_t *orders, int order, int64_t *offender,
                 bc_result *result);

/* Perform a stream.  results, of n: the page allocated or freed, -1 for none.  Returns how many were performed: fewer than
 * n if the next one is bad; *status (or NULL) says why. */
int64_t bc_run(bc_zone *zone, const bc_op *ops, int64_t n, int64_t *results, int *status, bc_result *result);

/* --- capture lists ------------------------------------------------------------------------------------------------ */

/* Open a list: its handle, or a status.  A handle is dead once its list is closed, also when others are opened. */
int64_t bc_capture_open(bc_zone *zone);

/* Put an allocated block on the list instead of freeing it. */
int bc_capture_page(bc_zone *zone, int64_t list, int64_t pfn, int order, bc_result *result);

/* Put n blocks on the list, all or nothing; arguments as for bc_free_many. */
int bc_capture_many(bc_zone *zone, int64_t list, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                    int64_t *offender, bc_result *result);

/* Take a block of `order` off the list and give the rest back; BC_ENOMEM if there is none or the watermark of alloc_flags
 * forbids it.  The list is empty afterwards and stays open. */
int64_t bc_capture_take(bc_zone *zone, int64_t list, int order, int classzone_idx, int alloc_flags, bc_result *result);

/* Blocks on the list, newest first: up to n of them in pfns and orders (both may be NULL with n 0); how many there are. */
int64_t bc_capture_blocks(const bc_zone *zone, int64_t list, int64_t *pfns, uint8_t *orders, int64_t n);

/* Give everything on the list back and close it. */
int bc_capture_close(bc_zone *zone, int64_t list, bc_result *result);

/* --- pages of a zone ----------------------------------------------------------------------------------------------- */

/* What a page is, also a free one or one inside a block.  O(max_page_order). */
int bc_page_info(const bc_zone *zone, int64_t pfn, bc_page *page);

/* Attach cookies to n allocated blocks; they come back in events and are cleared when the block is freed.  All or nothing. */
int bc_set_owners(bc_zone *zone, const int64_t *pfns, const uint64_t *cookies, int64_t n);

/* Set the type of the pageblock around a page; free pages stay on the lists they are on. */
int bc_set_pageblock(bc_zone *zone, int64_t pfn, int migratetype);

/* New watermarks, and the reserve resized to them. */
int bc_set_min_free_kbytes(bc_zone *zone, int64_t kbytes);

/* 1 if a request of `order` would leave the zone above `mark` pages, 0 if not. */
int bc_watermark_ok(const bc_zone *zone, int order, int64_t mark, int classzone_idx, int alloc_flags);

/* --- the whole state of a zone -------------------------------------------------------------------------------------- */

int bc_stats_get(const bc_zone *zone, bc_stats *stats);

/* BC_OK, or BC_ECORRUPT with the first invariant that does not hold (violation may be NULL).  O(pages). */
int bc_check(const bc_zone *zone, bc_violation *violation);

/* 128 bits over the whole state: equal states have equal digests.  Zone.digest() prints them in hexadecimal.  O(pages). */
int bc_digest(const bc_zone *zone, uint64_t *digest);

/* The next number of the zone's own random stream, 0 .. 2^64 - 1, which is part of its state. */
int bc_random(bc_zone *zone, uint64_t *number);

/* --- a machine: the zones of one node, their LRU lists, reclaim and kswapd ------------------------------------------ */

int bc_machine_config_init(bc_machine_config *config, uint64_t size);
int64_t bc_machine_bytes(void);
int bc_machine_init(void *memory, uint64_t bytes, const bc_machine_config *config);

/* Put a zone in its place by zone_idx, or tell where that zone is now.  All zones of a machine have the same cpus,
 * max_page_order and node_present, and room for at least 2 private lists.  Requests begun before are dead: abort them
 * first, or what they have isolated stays isolated.  kswapd is put to sleep in the same way. */
int bc_machine_attach(bc_machine *machine, bc_zone *zone);

/* The page is in one of the machine's zones: zone_idx, else a status. */
int bc_machine_find(const bc_machine *machine, int64_t pfn);

/* Begin an allocation in bc_request_bytes() of the caller's memory.  policy NULL: the machine's. */
int64_t bc_request_bytes(void);
int bc_request_init(void *memory, uint64_t bytes, bc_machine *machine, int order, uint32_t gfp, int cpu, int task,
                    const bc_policy *policy);

/* Go on for about `budget` pages, or until something must be waited for; returns the bc_wait.  With BC_WAIT_DONE the block
 * is in result->pfn (-1: failed, status BC_ENOMEM).  result->cost is of this step. */
int bc_request_step(bc_machine *machine, bc_request *request, int64_t budget, bc_result *result);

/* After BC_WAIT_CONSULT: go on with a bc_answer.  The list is bc_request_list(); pfn: the block on it to be taken if that is
 * large enough, or -1. */
int bc_request_answer(bc_machine *machine, bc_request *request, int answer, int64_t pfn, int64_t budget, bc_result *result);

/* Handle of the capture list of a request that captures, in the zone of *zone_idx (or NULL). */
int64_t bc_request_list(const bc_machine *machine, const bc_request *request, int *zone_idx);

/* Give up: what was isolated or captured goes back.  A block that was obtained stays with the caller. */
int bc_request_abort(bc_machine *machine, bc_request *request);

/* The block and the costs of all steps so far. */
int bc_request_result(const bc_machine *machine, const bc_request *request, bc_result *result);

/* Free a block of a machine; a single page goes to the CPU's list. */
int bc_free_pages(bc_machine *machine, int64_t pfn, int order, int cpu, bc_result *result);

/* kswapd: wake it as an allocation of `order` does, and let it run as bc_request_step does, to BC_WAIT_SLEEP. */
int bc_kswapd_wake(bc_machine *machine, int order);
int bc_kswapd_step(bc_machine *machine, int64_t budget, bc_result *result);

/* Put an allocated page (order 0) on the LRU list that its flags name.  LOCKED, REFERENCED, DIRTY, ACTIVE, MMAP, ANON,
 * SWAPCACHE, SWAPBACKED, UNEVICTABLE, YOUNG, PINNED, MLOCKED; ANON needs SWAPBACKED, SWAPCACHE needs ANON and a swap slot. */
int bc_page_add(bc_machine *machine, int64_t pfn, uint32_t flags);

/* Put an allocated page on the slab list: LOCKED, REFERENCED, PINNED. */
int bc_page_add_slab(bc_machine *machine, int64_t pfn, uint32_t flags);

/* Take a page off its list; it stays allocated. */
int bc_page_del(bc_machine *machine, int64_t pfn);

/* Set and clear LOCKED, REFERENCED, DIRTY, MMAP, YOUNG, PINNED of an allocated page. */
int bc_page_mark(bc_machine *machine, int64_t pfn, uint32_t set, uint32_t clear);

/* A use of the page: Referenced the first time, active the second. */
int bc_page_accessed(bc_machine *machine, int64_t pfn);

/* Lock a page of the LRU in memory (1) or unlock it (0). */
int bc_page_mlock(bc_machine *machine, int64_t pfn, int locked);

/* Drop a page that may be on the LRU: freed now, or as soon as reclaim and writeback let go of it. */
int bc_page_release(bc_machine *machine, int64_t pfn, int cpu);

/* A write of an LRU page that is not reclaim's own begins; a write ends, whoever began it. */
int bc_write_start(bc_machine *machine, int64_t pfn);
int bc_write_end(bc_machine *machine, int64_t pfn, int cpu);

/* The write queue is congested: only kswapd may add to it. */
int bc_set_write_congested(bc_machine *machine, int congested);

/* Give swap slots back; free slots now. */
int64_t bc_swap_free(bc_machine *machine, int64_t slots);

/* Take up to n events off the log, oldest first; how many.  Steps stop with BC_WAIT_EVENTS when it is nearly full. */
int64_t bc_events(bc_machine *machine, bc_event *events, int64_t n);

/* What a status means, in a few words. */
const char *bc_status_text(int status);

/* --- which kernel ---------------------------------------------------------------------------------------------------- */

/* bc_config_init for a zone of the kernel (bc_kernel) that is named. */
int bc_config_init_for(bc_config *config, uint64_t size, int kernel, int64_t start_pfn, int64_t pages);

/* The kernel (bc_kernel) that a zone follows, or that the zone in an image does. */
int bc_zone_kernel(const bc_zone *zone);
int bc_image_kernel(const void *image, uint64_t bytes);

/* bc_image_load with the flags of bc_image_attach: BC_IMAGE_6_1 for a zone of 6.1. */
int bc_image_load_for(const void *image, uint64_t image_bytes, void *memory, uint64_t bytes, int flags);

/* --- zones of Linux 6.1 and later ------------------------------------------------------------------------------------- */

/* Allocate through the lists of a CPU (orders 0..3 and 9), which becomes the current one, or with cpu -1 straight from the
 * free lists.  alloc_flags: BC_61_ALLOC_*; no watermark is asked.  compound: 1 for a compound block.  Linux: rmqueue. */
int64_t bc_alloc_61(bc_zone *zone, int order, int migratetype, int cpu, int alloc_flags, int compound, bc_result *result);

/* Drop a reference to a block; with the last one it is freed through the lists of the CPU.  If others stay and the block is
 * not compound, all but its first page are freed.  Linux: __free_pages. */
int bc_free_61(bc_zone *zone, int64_t pfn, int order, int cpu, bc_result *result);

/* Single pages from the CPU's list alone: how many of n were had.  Linux: alloc_pages_bulk. */
int64_t bc_alloc_bulk_61(bc_zone *zone, int64_t *pfns, int64_t n, int migratetype, int cpu, int alloc_flags);

/* Free single pages as a list, all or nothing; offender as in bc_free_many.  Linux: free_unref_page_list. */
int bc_free_list_61(bc_zone *zone, const int64_t *pfns, int64_t n, int cpu, int64_t *offender);

/* One more reference to an allocated block; how many it has.  Linux: get_page, page_count. */
int bc_get_page_61(bc_zone *zone, int64_t pfn);
int bc_references_61(const bc_zone *zone, int64_t pfn);

/* Set (1) or clear (0) the LRU mark of n allocated pages: pages that have it can be moved away from a range. */
int bc_set_lru_61(bc_zone *zone, int64_t pfn, int64_t n, int lru);

/* The lists of a CPU: in numbers; locked, as while an interrupt has come inside a section that holds them (then they are
 * passed by); one batch given back.  Those of all CPUs: off and empty (1), or on again (0).  bc_drain_pages empties one.
 * The numbers of 6.12 are others: bc_pcp_get_612. */
int bc_pcp_get_61(const bc_zone *zone, int cpu, bc_pcp_61 *pcp);
int bc_pcp_lock_61(bc_zone *zone, int cpu, int locked);
int bc_drain_batch_61(bc_zone *zone, int cpu);
int bc_pcp_disable_61(bc_zone *zone, int disabled);

/* 1 if the fast path lets a request pass at the mark that its flags name, boost included; 0 if not.  atomic: 1 if it may
 * ignore the boost.  bc_watermark_ok is the full test at a mark of one's own.  Linux: zone_watermark_fast. */
int bc_watermark_fast_61(const bc_zone *zone, int order, int classzone_idx, int alloc_flags, int atomic);

/* What the marks and the sizes of the lists follow from, beside min_free_kbytes: 0..3000, 0..2^20, 0 for none.  Setting a
 * scale factor, like bc_set_min_free_kbytes, ends the boost; boost_less takes pages off it, as kswapd does. */
int bc_set_scale_factor_61(bc_zone *zone, int64_t factor);
int bc_set_boost_factor_61(bc_zone *zone, int64_t factor);
int bc_set_pcp_high_fraction_61(bc_zone *zone, int64_t fraction);
int bc_boost_less_61(bc_zone *zone, int64_t pages);

/* Give a pageblock kept for high-order atomic requests back to a type: 1 if one was found.  force: the last one, too. */
int bc_unreserve_highatomic_61(bc_zone *zone, int migratetype, int force);

/* Put the pageblocks of pages start .. end - 1 out of bounds: 1, or 0 if not all can be (then none is); give them a type
 * back; 1 if they are isolated and all free.  Linux: start_isolate_page_range, undo_..., test_pages_isolated. */
int bc_isolate_61(bc_zone *zone, int64_t start, int64_t end, int migratetype);
int bc_unisolate_61(bc_zone *zone, int64_t start, int64_t end, int migratetype);
int bc_is_isolated_61(const bc_zone *zone, int64_t start, int64_t end);

/* Take the free block that starts at a page off the lists: its pages, or 0 if the watermark forbids it; put it back.
 * Linux: __isolate_free_page, __putback_isolated_page. */
int64_t bc_take_free_61(bc_zone *zone, int64_t pfn);
int bc_put_free_61(bc_zone *zone, int64_t pfn, int order, int migratetype);

/* Wait for a free block of an order; the first page of the one that has come, now allocated, or BC_ENOMEM.  In 6.12 it is
 * one for a movable request: see bc_capture_begin_612. */
int bc_capture_begin_61(bc_zone *zone, int order);
int64_t bc_capture_end_61(bc_zone *zone);

/* A whole reserved pageblock becomes CMA and is freed. */
int bc_init_cma_61(bc_zone *zone, int64_t pfn);

int bc_stats_get_61(const bc_zone *zone, bc_stats_61 *stats);

/* --- since 1.2 -------------------------------------------------------------------------------------------------------- */

/* Take block (pfn, order) if all of it is in one free block, which is split around it: pfn, or BC_ENOMEM.  Isolated
 * pageblocks and pages on per-CPU lists are not free.  Linux: take_page_off_buddy, for blocks of any order. */
int64_t bc_alloc_at(bc_zone *zone, int64_t pfn, int order, bc_result *result);

/* --- since 1.3 -------------------------------------------------------------------------------------------------------- */

/* Compact a zone of 6.1 or later as a write to /proc/sys/vm/compact_memory does: pages moved.  Pages move that bc_set_lru_61
 * has marked, each to another place with its mark and owner; bc_page_info tells where an owner's pages are.  result: the cost
 * has what both scanners have looked at.  Linux: compact_node, for one zone. */
int64_t bc_compact_61(bc_zone *zone, bc_result *result);

/* Zones of 6.12 alone.  The lists of a CPU in numbers; let lists that nobody uses give pages back: 1 if there is more to do;
 * how many bytes of the data cache each CPU has.  Linux: decay_pcp_high, zone_pcp_update_cacheinfo. */
int bc_pcp_get_612(const bc_zone *zone, int cpu, bc_pcp_612 *pcp);
int bc_decay_pcp_612(bc_zone *zone, int cpu);
int bc_set_cache_slice_612(bc_zone *zone, int64_t size);

/* bc_capture_begin_61 for a request of a type: below the order of a pageblock, blocks of MOVABLE ones are for movable ones. */
int bc_capture_begin_612(bc_zone *zone, int order, int migratetype);

int bc_stats_get_612(const bc_zone *zone, bc_stats_612 *stats);

/* --- the table ------------------------------------------------------------------------------------------------------ */

typedef struct bc_api {
    uint32_t abi_major;
    uint32_t abi_minor;
    uint64_t size;                      /* of the table, in bytes */
    int (*config_init)(bc_config *config, uint64_t size, int64_t start_pfn, int64_t pages);
    uint64_t (*zone_bytes)(const bc_config *config);
    int (*zone_init)(void *memory, uint64_t bytes, const bc_config *config);
    int64_t (*zone_size)(const bc_zone *zone);
    int (*zone_copy)(const bc_zone *zone, void *memory, uint64_t bytes);
    int64_t (*image_bytes)(const bc_zone *zone);
    int (*image_save)(const bc_zone *zone, void *image, uint64_t bytes);
    int64_t (*image_zone_bytes)(const void *image, uint64_t bytes);
    int (*image_load)(const void *image, uint64_t image_bytes, void *memory, uint64_t bytes);
    int (*image_attach)(void *memory, uint64_t bytes, uint64_t image_bytes, int flags);
    int64_t (*alloc)(bc_zone *zone, int order, int migratetype, bc_result *result);
    int (*free)(bc_zone *zone, int64_t pfn, int order, bc_result *result);
    int (*free_at)(bc_zone *zone, int64_t pfn, bc_result *result);
    int64_t (*alloc_exact)(bc_zone *zone, int64_t pages, int migratetype, bc_result *result);
    int (*free_range)(bc_zone *zone, int64_t pfn, int64_t pages, bc_result *result);
    int (*split)(bc_zone *zone, int64_t pfn, int order);
    int64_t (*alloc_page)(bc_zone *zone, int migratetype, int cpu, int cold, bc_result *result);
    int (*free_page)(bc_zone *zone, int64_t pfn, int cpu, int cold, bc_result *result);
    int (*drain_pages)(bc_zone *zone, int cpu);
    int64_t (*alloc_many)(bc_zone *zone, int64_t *pfns, int64_t n, int order, int migratetype, bc_result *result);
    int (*free_many)(bc_zone *zone, const int64_t *pfns, int64_t n, const uint8_t *orders, int order, int64_t *offender,
                     bc_result *result);
    int64_t (*run)(bc_zone *zone, const bc_op *ops, int64_t n, int64_t *results, int *status, bc_result *result);
    int64_t (*capture_open)(bc_zone *zone);
    int (*capture_page)(bc_zone *zone, int64_t list, int64_t pfn, int order, bc_result *result);
    int (*capture_many)(bc_zone *zone, int64_t list, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                        int64_t *offender, bc_result *result);
    int64_t (*capture_take)(bc_zone *zone, int64_t list, int order, int classzone_idx, int alloc_flags, bc_result *result);
    int64_t (*capture_blocks)(const bc_zone *zone, int64_t list, int64_t *pfns, uint8_t *orders, int64_t n);
    int (*capture_close)(bc_zone *zone, int64_t list, bc_result *result);
    int (*page_info)(const bc_zone *zone, int64_t pfn, bc_page *page);
    int (*set_owners)(bc_zone *zone, const int64_t *pfns, const uint64_t *cookies, int64_t n);
    int (*set_pageblock)(bc_zone *zone, int64_t pfn, int migratetype);
    int (*set_min_free_kbytes)(bc_zone *zone, int64_t kbytes);
    int (*watermark_ok)(const bc_zone *zone, int order, int64_t mark, int classzone_idx, int alloc_flags);
    int (*stats_get)(const bc_zone *zone, bc_stats *stats);
    int (*check)(const bc_zone *zone, bc_violation *violation);
    int (*digest)(const bc_zone *zone, uint64_t *digest);
    int (*random)(bc_zone *zone, uint64_t *number);
    int (*machine_config_init)(bc_machine_config *config, uint64_t size);
    int64_t (*machine_bytes)(void);
    int (*machine_init)(void *memory, uint64_t bytes, const bc_machine_config *config);
    int (*machine_attach)(bc_machine *machine, bc_zone *zone);
    int (*machine_find)(const bc_machine *machine, int64_t pfn);
    int64_t (*request_bytes)(void);
    int (*request_init)(void *memory, uint64_t bytes, bc_machine *machine, int order, uint32_t gfp, int cpu, int task,
                        const bc_policy *policy);
    int (*request_step)(bc_machine *machine, bc_request *request, int64_t budget, bc_result *result);
    int (*request_answer)(bc_machine *machine, bc_request *request, int answer, int64_t pfn, int64_t budget,
                          bc_result *result);
    int64_t (*request_list)(const bc_machine *machine, const bc_request *request, int *zone_idx);
    int (*request_abort)(bc_machine *machine, bc_request *request);
    int (*request_result)(const bc_machine *machine, const bc_request *request, bc_result *result);
    int (*free_pages)(bc_machine *machine, int64_t pfn, int order, int cpu, bc_result *result);
    int (*kswapd_wake)(bc_machine *machine, int order);
    int (*kswapd_step)(bc_machine *machine, int64_t budget, bc_result *result);
    int (*page_add)(bc_machine *machine, int64_t pfn, uint32_t flags);
    int (*page_add_slab)(bc_machine *machine, int64_t pfn, uint32_t flags);
    int (*page_del)(bc_machine *machine, int64_t pfn);
    int (*page_mark)(bc_machine *machine, int64_t pfn, uint32_t set, uint32_t clear);
    int (*page_accessed)(bc_machine *machine, int64_t pfn);
    int (*page_mlock)(bc_machine *machine, int64_t pfn, int locked);
    int (*page_release)(bc_machine *machine, int64_t pfn, int cpu);
    int (*write_start)(bc_machine *machine, int64_t pfn);
    int (*write_end)(bc_machine *machine, int64_t pfn, int cpu);
    int (*set_write_congested)(bc_machine *machine, int congested);
    int64_t (*swap_free)(bc_machine *machine, int64_t slots);
    int64_t (*events)(bc_machine *machine, bc_event *events, int64_t n);
    const char *(*status_text)(int status);
    int (*config_init_for)(bc_config *config, uint64_t size, int kernel, int64_t start_pfn, int64_t pages);
    int (*zone_kernel)(const bc_zone *zone);
    int (*image_kernel)(const void *image, uint64_t bytes);
    int (*image_load_for)(const void *image, uint64_t image_bytes, void *memory, uint64_t bytes, int flags);
    int64_t (*alloc_61)(bc_zone *zone, int order, int migratetype, int cpu, int alloc_flags, int compound,
                        bc_result *result);
    int (*free_61)(bc_zone *zone, int64_t pfn, int order, int cpu, bc_result *result);
    int64_t (*alloc_bulk_61)(bc_zone *zone, int64_t *pfns, int64_t n, int migratetype, int cpu, int alloc_flags);
    int (*free_list_61)(bc_zone *zone, const int64_t *pfns, int64_t n, int cpu, int64_t *offender);
    int (*get_page_61)(bc_zone *zone, int64_t pfn);
    int (*references_61)(const bc_zone *zone, int64_t pfn);
    int (*set_lru_61)(bc_zone *zone, int64_t pfn, int64_t n, int lru);
    int (*pcp_get_61)(const bc_zone *zone, int cpu, bc_pcp_61 *pcp);
    int (*pcp_lock_61)(bc_zone *zone, int cpu, int locked);
    int (*drain_batch_61)(bc_zone *zone, int cpu);
    int (*pcp_disable_61)(bc_zone *zone, int disabled);
    int (*watermark_fast_61)(const bc_zone *zone, int order, int classzone_idx, int alloc_flags, int atomic);
    int (*set_scale_factor_61)(bc_zone *zone, int64_t factor);
    int (*set_boost_factor_61)(bc_zone *zone, int64_t factor);
    int (*set_pcp_high_fraction_61)(bc_zone *zone, int64_t fraction);
    int (*boost_less_61)(bc_zone *zone, int64_t pages);
    int (*unreserve_highatomic_61)(bc_zone *zone, int migratetype, int force);
    int (*isolate_61)(bc_zone *zone, int64_t start, int64_t end, int migratetype);
    int (*unisolate_61)(bc_zone *zone, int64_t start, int64_t end, int migratetype);
    int (*is_isolated_61)(const bc_zone *zone, int64_t start, int64_t end);
    int64_t (*take_free_61)(bc_zone *zone, int64_t pfn);
    int (*put_free_61)(bc_zone *zone, int64_t pfn, int order, int migratetype);
    int (*capture_begin_61)(bc_zone *zone, int order);
    int64_t (*capture_end_61)(bc_zone *zone);
    int (*init_cma_61)(bc_zone *zone, int64_t pfn);
    int (*stats_get_61)(const bc_zone *zone, bc_stats_61 *stats);
    int64_t (*alloc_at)(bc_zone *zone, int64_t pfn, int order, bc_result *result);
    int64_t (*compact_61)(bc_zone *zone, bc_result *result);
    int (*pcp_get_612)(const bc_zone *zone, int cpu, bc_pcp_612 *pcp);
    int (*decay_pcp_612)(bc_zone *zone, int cpu);
    int (*set_cache_slice_612)(bc_zone *zone, int64_t size);
    int (*capture_begin_612)(bc_zone *zone, int order, int migratetype);
    int (*stats_get_612)(const bc_zone *zone, bc_stats_612 *stats);
} bc_api;

/* The table of this library. */
const bc_api *bc_get_api(void);

/* [end] */

/* Whether a table has everything that this header declares. */
static inline int bc_api_ok(const bc_api *api) {
    return api != NULL && api->abi_major == BC_ABI_MAJOR && api->size >= sizeof(bc_api);
}

#ifdef Py_PYTHON_H
/* The table of the installed package, for C extensions and for programs with Python inside.  With the GIL held.
 * NULL: a Python exception is set. */
static inline const bc_api *buddycap_import(void) {
    const bc_api *api;
    PyObject *core = PyImport_ImportModule("buddycap._core");
    if (core == NULL) return NULL;
    Py_DECREF(core);
    api = (const bc_api *) PyCapsule_Import("buddycap._core._C_API", 0);
    if (api != NULL && !bc_api_ok(api)) {
        PyErr_Format(PyExc_ImportError, "buddycap has C interface %u.%u, but %d.%d is wanted",
                     (unsigned) api->abi_major, (unsigned) api->abi_minor, BC_ABI_MAJOR, BC_ABI_MINOR);
        return NULL;
    }
    return api;
}
#endif

#ifdef __cplusplus
}
#endif
#endif /* BUDDYCAP_H */
