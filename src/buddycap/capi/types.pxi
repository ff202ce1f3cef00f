# The boundary to C: the types of buddycap.h, and what every entry point looks at before it believes its caller.
#
# A zone, a machine and a request are known by the magic word in their memory.  A status of the core becomes one of the
# header by its number: ST_x is BC_EMISUSE_x with -1 - x.

cdef extern from "buddycap.h" nogil:
    enum:
        BC_ABI_MAJOR
        BC_ABI_MINOR
        BC_OK
        BC_ENOMEM
        BC_EMISUSE_PFN_RANGE
        BC_EMISUSE_PFN_HOLE
        BC_EMISUSE_ORDER_RANGE
        BC_EMISUSE_TYPE_RANGE
        BC_EMISUSE_UNALIGNED
        BC_EMISUSE_PAGE_FREE
        BC_EMISUSE_PAGE_CAPTURED
        BC_EMISUSE_PAGE_ON_PCP
        BC_EMISUSE_PAGE_INSIDE
        BC_EMISUSE_WRONG_ORDER
        BC_EMISUSE_IN_USE_BY_RECLAIM
        BC_EMISUSE_LIST_CLOSED
        BC_EMISUSE_TOO_MANY_LISTS
        BC_EMISUSE_CPU_RANGE
        BC_EMISUSE_OP_UNKNOWN
        BC_EMISUSE_OP_ARG
        BC_EMISUSE_DUPLICATE
        BC_EMISUSE_GFP_UNKNOWN
        BC_EMISUSE_GFP_MOBILITY
        BC_EMISUSE_NOT_SINGLE
        BC_EMISUSE_PAGE_LISTED
        BC_EMISUSE_PAGE_RELEASED
        BC_EMISUSE_FLAGS_UNKNOWN
        BC_EMISUSE_FLAGS_ANON
        BC_EMISUSE_FLAGS_LISTS
        BC_EMISUSE_NO_SWAP
        BC_EMISUSE_PAGE_RESERVED
        BC_EMISUSE_PAGE_TAKEN
        BC_EMISUSE_PAGE_COMPOUND
        BC_EMISUSE_PAGE_NOT_FREE
        BC_EMISUSE_PAGE_NOT_TAKEN
        BC_EMISUSE_PAGE_NOT_RESERVED
        BC_EMISUSE_TOO_MANY_REFS
        BC_EMISUSE_PAGE_HELD
        BC_EMISUSE_PAGE_MARKED
        BC_EMISUSE_POINTER
        BC_EMISUSE_SIZE
        BC_EMISUSE_ZONE
        BC_EMISUSE_MACHINE
        BC_EMISUSE_REQUEST
        BC_EMISUSE_CONFIG
        BC_EMISUSE_FLAGS
        BC_EMISUSE_VALUE
        BC_EMISUSE_NO_OWNERS
        BC_EMISUSE_PAGE_NOT_LISTED
        BC_EMISUSE_NODE
        BC_EMISUSE_EVENTS
        BC_EMISUSE_KERNEL
        BC_EIMAGE
        BC_EVERSION
        BC_ECORRUPT
        BC_IMAGE_CHECK
        BC_IMAGE_TRUST
        BC_IMAGE_6_1
        BC_IMAGE_6_12

    ctypedef struct bc_zone:
        pass
    ctypedef struct bc_machine:
        pass
    ctypedef struct bc_request:
        pass
    ctypedef struct bc_api:
        pass

    ctypedef struct bc_result:
        int64_t pfn
        int32_t order
        int32_t status
        int32_t wait
        int32_t wait_ms
        int64_t wait_pfn
        int32_t path
        int32_t zone_idx
        cost_t cost

    ctypedef struct bc_page:
        int64_t pfn
        int32_t order
        int32_t state
        uint32_t flags
        int32_t migratetype
        uint64_t owner

    ctypedef struct bc_stats:
        int64_t start_pfn
        int64_t spanned_pages
        int64_t present_pages
        int64_t nr_free_pages
        int64_t nr_free[MAX_ORDERS]
        int64_t pages_min
        int64_t pages_low
        int64_t pages_high
        int64_t lowmem_reserve[MAX_NR_ZONES]
        int64_t nr_lru[NR_PAGE_LISTS]
        int64_t min_free_kbytes
        int32_t max_page_order
        int32_t pageblock_order
        int32_t zone_idx
        int32_t cpus
        int32_t owners
        int32_t open_lists
        uint64_t vm[64]

    ctypedef struct bc_machine_config:
        uint32_t size
        int32_t swappiness
        int64_t swap_pages
        int64_t writeback_limit
        int32_t oom_rounds
        int32_t slab_objects_per_page
        int32_t laptop_mode
        uint32_t event_mask
        int32_t no_lumpy
        int32_t no_sync_pass
        int32_t kswapd_order0
        int32_t reserved0
        int8_t gfp_zone[NR_GFP_ZONES]
        policy_t policy
        int64_t reserved[8]


cdef inline int pointer_bad(const void *p) noexcept nogil:
    """NULL or unaligned."""
    return p == NULL or <size_t> p & 7


cdef inline int pointer_odd(const void *p) noexcept nogil:
    """Unaligned; NULL is allowed."""
    return (<size_t> p & 7) != 0


cdef inline int zone_status(const bc_zone *zone, const void *out) noexcept nogil:
    """BC_OK if there is a live zone, and `out` is NULL or aligned."""
    if zone == NULL or (<size_t> zone | <size_t> out) & 7:
        return BC_EMISUSE_POINTER
    if ((<zone_t *> zone).magic ^ zone_magic()) | (<zone_t *> zone).image_bytes:
        return BC_EMISUSE_ZONE
    return BC_OK


cdef inline int classic_status(const bc_zone *zone, const void *out) noexcept nogil:
    """The same for a zone of the first kernel, which alone has capture lists and machines."""
    cdef int status = zone_status(zone, out)
    if status == BC_OK and (<zone_t *> zone).kernel != first_kernel():
        return BC_EMISUSE_KERNEL
    return status


cdef inline int core_status(int status) noexcept nogil:
    """The header's number of a status of the core."""
    return BC_OK if status == ST_OK else -1 - status


# --- of zones of 6.1 and later ----------------------------------------------------------------------------------

cdef inline int modern_status(const bc_zone *zone, const void *out) noexcept nogil:
    """BC_OK if there is a live zone of 6.1 or later, and `out` is NULL or aligned."""
    cdef int status = zone_status(zone, out)
    if status == BC_OK and not is_6(<zone_t *> zone):
        return BC_EMISUSE_KERNEL
    return status


cdef int request_refusal(zone_t *z, int order, int migratetype, int alloc_flags) noexcept nogil:
    """BC_OK if such a block can be asked for."""
    if <unsigned int> order > ORDER_MAX_61:
        return BC_EMISUSE_ORDER_RANGE
    if not is_requestable(z, migratetype):
        return BC_EMISUSE_TYPE_RANGE
    return BC_EMISUSE_FLAGS if alloc_flags & ~ALLOC61_KNOWN else BC_OK


cdef inline int cpu_refusal(zone_t *z, int cpu) noexcept nogil:
    return BC_OK if <unsigned int> cpu < <unsigned int> z.cpus else BC_EMISUSE_CPU_RANGE


# --- results ----------------------------------------------------------------------------------------------------

cdef void result_empty(bc_result *result) noexcept nogil:
    memset(result, 0, sizeof(bc_result))
    result.pfn = result.wait_pfn = NO_PAGE
    result.zone_idx = -1


cdef inline void result_begin(bc_result *result, zone_t *z) noexcept nogil:
    """Empty, with the counters of the zone as they are before the call."""
    if result != NULL:
        result_empty(result)
        result.cost.splits = -<int64_t> z.vm[VM_BUDDY_SPLIT]
        result.cost.merges = -<int64_t> z.vm[VM_BUDDY_MERGE]


cdef inline void result_end(bc_result *result, zone_t *z, int64_t pfn, int order, int status) noexcept nogil:
    if result != NULL:
        result.pfn = pfn
        result.order = order
        result.status = status
        result.zone_idx = z.zone_idx
        result.cost.splits += <int64_t> z.vm[VM_BUDDY_SPLIT]
        result.cost.merges += <int64_t> z.vm[VM_BUDDY_MERGE]


cdef int refused(bc_result *result, int status) noexcept nogil:
    """The status, also noted in the result if there is one that can be written."""
    if not pointer_bad(result):
        result_empty(result)
        result.status = status
    return status


cdef inline int64_t allocated(bc_result *result, zone_t *z, int32_t i, int order) noexcept nogil:
    """What an allocation returns."""
    cdef int64_t pfn = NO_PAGE if i == NO_PAGE else z.base_pfn + i
    result_end(result, z, pfn, order, BC_ENOMEM if i == NO_PAGE else BC_OK)
    return pfn
