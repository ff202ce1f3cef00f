# The table of functions that everybody outside gets, and the words for a status.  The compiler compares every entry
# point with its declaration in buddycap.h, and the table with the header's.

cdef extern from *:
    """
    static const bc_api buddycap_table = {
        BC_ABI_MAJOR, BC_ABI_MINOR, sizeof(bc_api),
        bc_config_init, bc_zone_bytes, bc_zone_init, bc_zone_size, bc_zone_copy, bc_image_bytes, bc_image_save,
        bc_image_zone_bytes, bc_image_load, bc_image_attach, bc_alloc, bc_free, bc_free_at, bc_alloc_exact,
        bc_free_range, bc_split, bc_alloc_page, bc_free_page, bc_drain_pages, bc_alloc_many, bc_free_many, bc_run,
        bc_capture_open, bc_capture_page, bc_capture_many, bc_capture_take, bc_capture_blocks, bc_capture_close,
        bc_page_info, bc_set_owners, bc_set_pageblock, bc_set_min_free_kbytes, bc_watermark_ok, bc_stats_get,
        bc_check, bc_digest, bc_random, bc_machine_config_init, bc_machine_bytes, bc_machine_init,
        bc_machine_attach, bc_machine_find, bc_request_bytes, bc_request_init, bc_request_step, bc_request_answer,
        bc_request_list, bc_request_abort, bc_request_result, bc_free_pages, bc_kswapd_wake, bc_kswapd_step,
        bc_page_add, bc_page_add_slab, bc_page_del, bc_page_mark, bc_page_accessed, bc_page_mlock, bc_page_release,
        bc_write_start, bc_write_end, bc_set_write_congested, bc_swap_free, bc_events, bc_status_text,
        bc_config_init_for, bc_zone_kernel, bc_image_kernel, bc_image_load_for, bc_alloc_61, bc_free_61,
        bc_alloc_bulk_61, bc_free_list_61, bc_get_page_61, bc_references_61, bc_set_lru_61, bc_pcp_get_61,
        bc_pcp_lock_61, bc_drain_batch_61, bc_pcp_disable_61, bc_watermark_fast_61, bc_set_scale_factor_61,
        bc_set_boost_factor_61, bc_set_pcp_high_fraction_61, bc_boost_less_61, bc_unreserve_highatomic_61,
        bc_isolate_61, bc_unisolate_61, bc_is_isolated_61, bc_take_free_61, bc_put_free_61, bc_capture_begin_61,
        bc_capture_end_61, bc_init_cma_61, bc_stats_get_61, bc_alloc_at, bc_compact_61, bc_pcp_get_612,
        bc_decay_pcp_612, bc_set_cache_slice_612, bc_capture_begin_612, bc_stats_get_612,
    };
    """
    const bc_api buddycap_table


cdef public const bc_api *bc_get_api() noexcept nogil:
    return &buddycap_table


cdef const char *modern_status_text(int status) noexcept nogil:
    """Of the statuses that only zones of 6.1 and later have."""
    if status == BC_EMISUSE_PAGE_RESERVED:
        return "reserved: the allocator was never given it"
    if status == BC_EMISUSE_PAGE_TAKEN:
        return "taken off the free lists: put it back first"
    if status == BC_EMISUSE_PAGE_COMPOUND:
        return "a compound block, which cannot be split"
    if status == BC_EMISUSE_PAGE_NOT_FREE:
        return "no free block starts there"
    if status == BC_EMISUSE_PAGE_NOT_TAKEN:
        return "not taken off the free lists with this order"
    if status == BC_EMISUSE_PAGE_NOT_RESERVED:
        return "not a whole reserved pageblock"
    if status == BC_EMISUSE_TOO_MANY_REFS:
        return "65536 references are the most"
    if status == BC_EMISUSE_PAGE_HELD:
        return "in the hands of compaction under way"
    if status == BC_EMISUSE_PAGE_MARKED:
        return "page flags, or more than one reference"
    return "unknown status"


cdef const char *page_status_text(int status) noexcept nogil:
    """Of the statuses that come from the core."""
    if status == BC_EMISUSE_PFN_RANGE:
        return "outside the zone, or in none of the machine's zones"
    if status == BC_EMISUSE_PFN_HOLE:
        return "in a hole of the zone"
    if status == BC_EMISUSE_ORDER_RANGE:
        return "order below 0 or above the zone's largest"
    if status == BC_EMISUSE_TYPE_RANGE:
        return "migratetype that cannot be asked for"
    if status == BC_EMISUSE_UNALIGNED:
        return "pfn not aligned to the order"
    if status == BC_EMISUSE_PAGE_FREE:
        return "already free"
    if status == BC_EMISUSE_PAGE_CAPTURED:
        return "on a capture list"
    if status == BC_EMISUSE_PAGE_ON_PCP:
        return "already free: on a per-CPU list"
    if status == BC_EMISUSE_PAGE_INSIDE:
        return "inside a block: only its first page names it"
    if status == BC_EMISUSE_WRONG_ORDER:
        return "allocated with another order"
    if status == BC_EMISUSE_IN_USE_BY_RECLAIM:
        return "on an LRU list, isolated or under writeback"
    if status == BC_EMISUSE_LIST_CLOSED:
        return "no open capture list of this zone"
    if status == BC_EMISUSE_TOO_MANY_LISTS:
        return "every private list of the zone is in use"
    if status == BC_EMISUSE_CPU_RANGE:
        return "no such CPU"
    if status == BC_EMISUSE_OP_UNKNOWN:
        return "no such operation"
    if status == BC_EMISUSE_OP_ARG:
        return "the argument of the operation names no allocation before it"
    if status == BC_EMISUSE_DUPLICATE:
        return "named twice in one call"
    if status == BC_EMISUSE_GFP_UNKNOWN:
        return "GFP bits that do not exist"
    if status == BC_EMISUSE_GFP_MOBILITY:
        return "movable and reclaimable at once"
    if status == BC_EMISUSE_NOT_SINGLE:
        return "a block of higher order: only single pages are on lists"
    if status == BC_EMISUSE_PAGE_LISTED:
        return "on a list or under writeback already"
    if status == BC_EMISUSE_PAGE_RELEASED:
        return "released already"
    if status == BC_EMISUSE_FLAGS_UNKNOWN:
        return "page flags that cannot be set here"
    if status == BC_EMISUSE_FLAGS_ANON:
        return "SWAPCACHE needs ANON, and ANON needs SWAPBACKED"
    if status == BC_EMISUSE_FLAGS_LISTS:
        return "ACTIVE and UNEVICTABLE at once"
    if status == BC_EMISUSE_NO_SWAP:
        return "SWAPCACHE, but no swap slot is free"
    return modern_status_text(status)


cdef const char *call_status_text(int status) noexcept nogil:
    """Of the statuses of the boundary."""
    if status == BC_ENOMEM:
        return "there is no such block, or the watermarks forbid it"
    if status == BC_EMISUSE_POINTER:
        return "NULL or unaligned"
    if status == BC_EMISUSE_SIZE:
        return "the memory is too small, or the length negative or too large"
    if status == BC_EMISUSE_ZONE:
        return "the memory holds no zone"
    if status == BC_EMISUSE_MACHINE:
        return "the memory holds no machine, or one without zones"
    if status == BC_EMISUSE_REQUEST:
        return "the memory holds no request of this machine"
    if status == BC_EMISUSE_CONFIG:
        return "a field of a configuration or policy is out of range"
    if status == BC_EMISUSE_FLAGS:
        return "flags that are unknown or contradict each other"
    if status == BC_EMISUSE_VALUE:
        return "another argument is out of range"
    if status == BC_EMISUSE_NO_OWNERS:
        return "the zone was made without owners"
    if status == BC_EMISUSE_PAGE_NOT_LISTED:
        return "the page is on no list, or not under writeback"
    if status == BC_EMISUSE_NODE:
        return "the zone does not fit the machine's other zones"
    if status == BC_EMISUSE_EVENTS:
        return "the event log is full: drain it first"
    if status == BC_EMISUSE_KERNEL:
        return "the zone is one of another kernel"
    if status == BC_EIMAGE:
        return "no zone image, or a damaged one"
    if status == BC_EVERSION:
        return "a zone image of another version"
    if status == BC_ECORRUPT:
        return "an invariant of the zone does not hold"
    return page_status_text(status)


cdef public const char *bc_status_text(int status) noexcept nogil:
    if status >= BC_OK:
        return "done"
    return call_status_text(status)
