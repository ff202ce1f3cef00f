# The doors: with those of machines (kernel_machine.pxi) the one place that knows there are several kernels.  A zone
# says which one it follows (zone_t.kernel), and a door leads into the room of that kernel, core/linux_*.
#
# Doors are for whole calls: a stream, a batch, a request switches once.  Inside a room a call never leaves by a door,
# and common/ calls none.  A switch, no function pointers: an image holds none.


cdef inline int is_61(const zone_t *z) noexcept nogil:
    return z.kernel == KERNEL_6_1


cdef inline int is_612(const zone_t *z) noexcept nogil:
    return z.kernel == KERNEL_6_12


cdef inline int is_6(const zone_t *z) noexcept nogil:
    """Whether the zone has what the room of Linux 6.1 and 6.12 says."""
    return z.kernel != KERNEL_2_6_27


cdef inline int is_kernel(int64_t number) noexcept nogil:
    return KERNEL_2_6_27 <= number <= KERNEL_6_12


cdef inline int first_kernel() noexcept nogil:
    """What those mean who name no kernel: their interface is older than the second one."""
    return KERNEL_2_6_27


# --- layout, invariants, images ---------------------------------------------------------------------------------

cdef layout_t kernel_layout(int32_t kernel, int32_t cpus) noexcept nogil:
    """What the kernel adds to the layout of a zone."""
    if kernel == KERNEL_6_12:
        return layout_612(cpus)
    return layout_61(cpus) if kernel == KERNEL_6_1 else layout_27(cpus)


cdef uint64_t zone_bytes(const zone_config_t *config) noexcept nogil:
    """Size of the block that a zone needs; 0 if there can be no such zone.  Its kernel must be known."""
    cdef zone_t z
    cdef layout_t layout
    memset(&z, 0, sizeof(z))
    configure(&z, config)
    if not geometry_ok(&z) or (is_6(&z) and not geometry_ok_61(&z)):
        return 0
    layout = kernel_layout(config.kernel, config.cpus)
    zone_layout(&z, config.owners, &layout)
    return z.bytes


cdef int header_values_ok(const zone_t *z, violation_t *v) noexcept nogil:
    """What a header with good geometry can be asked without a look at any page."""
    return check_settings_61(z, v) if is_6(z) else header_values_ok_27(z, v)


cdef int zone_check(zone_t *z, violation_t *v) noexcept nogil:
    """1 if every invariant holds; else 0 and the first that does not.  The layout must be good: see zone_layout_ok."""
    if is_612(z):
        return zone_check_612(z, v)
    return zone_check_61(z, v) if is_61(z) else zone_check_27(z, v)


cdef int zone_layout_ok(const zone_t *z, violation_t *v) noexcept nogil:
    """I1: the layout is one that zone_init could have written, so that every array is where it should be."""
    cdef layout_t layout
    if not (is_kernel(z.kernel) or violated(v, 1, NO_PAGE, first_kernel(), z.kernel)):
        return 0
    if is_6(z) and not agree(v, 1, 1, geometry_ok_61(z)):
        return 0
    layout = kernel_layout(z.kernel, z.cpus)
    return layout_ok(z, &layout, v)


cdef int zone_header_ok(const zone_t *z, violation_t *v) noexcept nogil:
    """Whether every field of the header can be what it is.  No page is looked at."""
    return zone_layout_ok(z, v) and header_values_ok(z, v)


cdef void zone_digest(zone_t *z, uint64_t *digest) noexcept nogil:
    """128 bits over the whole state: equal states have equal digests, whatever led to them."""
    cdef layout_t layout
    if is_61(z):
        digest_61(z, digest)
    elif is_612(z):
        digest_612(z, digest)
    else:
        layout = layout_27(z.cpus)
        state_digest(z, &layout, digest)


cdef void zone_copy(const zone_t *z, zone_t *copy) noexcept nogil:
    """The state of a zone.  Who works with the original at the moment does not work with the copy."""
    copy_state(z, copy)
    if is_6(z):
        copy_close_61(copy)


cdef void copy_settle(zone_t *copy) noexcept nogil:
    """What others have in their hands in the middle of their work goes back, as far as the kernel's room can tell."""
    if is_61(copy):
        let_go_of_all_61(copy)
    elif is_612(copy):
        let_go_of_all_612(copy)


cdef int image_header(const void *image, uint64_t n, zone_t *header, violation_t *v) noexcept nogil:
    """Copy and check the header of an image of which the first n bytes are there.  IMAGE_*, and `v` as image_check."""
    cdef int fault = image_identity(image, n, header)
    if fault != IMAGE_OK:
        return fault
    if not is_kernel(header.kernel):
        return IMAGE_VERSION
    if header.header_bytes != kernel_layout(header.kernel, header.cpus).header_bytes:
        return IMAGE_VERSION
    if not zone_layout_ok(header, v):
        return IMAGE_BROKEN
    if used_bytes(header) != header.image_bytes:
        return IMAGE_SIZE
    return IMAGE_OK if header_values_ok(header, v) and agree(v, 10, 0, header.pcp_bypass) else IMAGE_BROKEN


cdef int image_check(const void *image, violation_t *v) noexcept nogil:
    """Check all of an image whose header is good.  IMAGE_*; `v` says more about IMAGE_BROKEN."""
    if not image_intact(<const zone_t *> image):
        return IMAGE_HASH
    if is_6(<const zone_t *> image) and not untaped_61(<zone_t *> image, v):
        return IMAGE_BROKEN
    return IMAGE_OK if zone_check(<zone_t *> image, v) else IMAGE_BROKEN


# --- start ------------------------------------------------------------------------------------------------------

cdef fields_t config_fields(int kernel) noexcept nogil:
    """Names, ranges and defaults of what a zone of the kernel is made from."""
    if kernel == KERNEL_6_12:
        return config_fields_612()
    return config_fields_61() if kernel == KERNEL_6_1 else config_fields_27()


cdef int config_ok(const zone_config_t *config) noexcept nogil:
    """Whether there can be such a zone."""
    cdef fields_t fields
    if not is_kernel(config.kernel):
        return 0
    fields = config_fields(config.kernel)
    if not config_fields_ok(config, &fields) or zone_bytes(config) == 0:
        return 0
    return config_ranges_ok_27(config) if config.kernel == KERNEL_2_6_27 else config_ranges_ok_61(config)


cdef void zone_init(zone_t *z, const zone_config_t *config) noexcept nogil:
    """Start a zone in zeroed memory of zone_bytes(): all holes.  Its pages come next."""
    if config.kernel == KERNEL_6_1:
        zone_init_61(z, config)
    elif config.kernel == KERNEL_6_12:
        zone_init_612(z, config)
    else:
        zone_init_27(z, config)


cdef void zone_fill(zone_t *z, const zone_config_t *config) noexcept nogil:
    """The pages that there are, and what follows from them: marks, reserves, sizes of the per-CPU lists."""
    if is_61(z):
        zone_fill_61(z, config)
    elif is_612(z):
        zone_fill_612(z, config)
    else:
        zone_fill_27(z, config)


cdef void setup_per_zone_pages_min(zone_t *z, int64_t min_free_kbytes, int64_t scale) noexcept nogil:
    """Set the marks for a new min_free_kbytes, and for a new watermark_scale_factor if it is not below 0."""
    if is_6(z):
        node_set_marks(&z, 1, min_free_kbytes, only_61(z).scale if scale < 0 else scale)
    else:
        setup_per_zone_pages_min_27(z, min_free_kbytes)


# --- blocks, of a zone that the caller knows to be there ---------------------------------------------------------

cdef inline int is_requestable(const zone_t *z, int mt) noexcept nogil:
    """Whether pages of this migratetype can be asked for."""
    return is_requestable_61(mt) if is_6(z) else is_requestable_27(mt)


cdef int zone_types(const zone_t *z) noexcept nogil:
    """How many migratetypes there are."""
    return types_61(z) if is_6(z) else MIGRATE_TYPES


cdef int32_t zone_free_list(const zone_t *z, int order, int mt) noexcept nogil:
    """Head of a free list."""
    return free_list_61(order, mt) if is_6(z) else free_list(order, mt)


cdef void zone_set_block_type(zone_t *z, int32_t i, int mt) noexcept nogil:
    """The pageblock of page i gets a type; free pages stay on their lists."""
    if is_612(z):
        set_type_by_hand_612(z, i, mt)
    elif is_6(z):
        set_type_by_hand_61(z, i, mt)
    else:
        set_pageblock_migratetype(z, i, mt)


cdef int zone_single_status(zone_t *z, int32_t i) noexcept nogil:
    """ST_OK for an allocated page of order 0 that may be on lists."""
    return single_page_status_61(z, i) if is_6(z) else single_page_status(z, i)


cdef int zone_loose_status(zone_t *z, int32_t i) noexcept nogil:
    """ST_OK for one that is on no list."""
    return loose_page_status_61(z, i) if is_6(z) else loose_page_status(z, i)


cdef inline int zone_block_status(zone_t *z, int64_t pfn, int order) noexcept nogil:
    """ST_OK if (pfn, order) is an allocated block that may be freed."""
    return used_block_status_61(z, pfn, order) if is_6(z) else used_block_status(z, pfn, order)


cdef int zone_page_status(zone_t *z, int64_t pfn) noexcept nogil:
    """ST_OK if an allocated block starts there."""
    return page_status_61(z, pfn) if is_6(z) else page_status(z, pfn)


cdef int zone_drop_status(zone_t *z, int64_t pfn) noexcept nogil:
    """ST_OK if a reference to the block that starts there may be dropped."""
    return drop_status_61(z, pfn) if is_6(z) else page_status(z, pfn)


cdef int zone_set_owners(zone_t *z, const int64_t *pfns, const uint64_t *cookies, int64_t n,
                         int64_t *offender) noexcept nogil:
    """Attach cookies to n allocated blocks of a zone with owners: all, or none and why."""
    return set_owners_61(z, pfns, cookies, n, offender) if is_6(z) else set_owners(z, pfns, cookies, n, offender)


cdef int zone_split_status(zone_t *z, int64_t pfn, int order) noexcept nogil:
    """ST_OK if (pfn, order) is an allocated block that may be split."""
    return split_status_61(z, pfn, order) if is_6(z) else used_block_status(z, pfn, order)


cdef void zone_split(zone_t *z, int32_t i, int order) noexcept nogil:
    """An allocated block becomes single pages."""
    if is_6(z):
        split_page_61(z, i, order)
    else:
        split_page(z, i, order)


cdef int zone_page_kind(zone_t *z, int32_t head, int *order) noexcept nogil:
    """BC_PAGE_* of the block, or the hole, that starts at a page; and its order."""
    return page_kind_61(z, head, order) if is_6(z) else page_kind_27(z, head, order)


cdef inline int32_t rmqueue_zone(zone_t *z, int order, int mt) noexcept nogil:
    """Allocate straight from the zone's lists; NO_PAGE if there is no block."""
    if is_61(z):
        return rmqueue_buddy_61(z, order, request_type_61(z, mt), 0)
    return rmqueue_buddy_612(z, order, request_type_61(z, mt), 0) if is_612(z) else rmqueue_zone_27(z, order, mt)


cdef inline void free_pages_ok(zone_t *z, int32_t i, int order) noexcept nogil:
    """Free a block to the zone's lists."""
    if is_61(z):
        free_pages_ok_61(z, i, order)
    elif is_612(z):
        free_pages_ok_612(z, i, order)
    else:
        free_pages_ok_27(z, i, order)


cdef int32_t alloc_pages_exact(zone_t *z, int64_t pages, int mt) noexcept nogil:
    """Index of `pages` contiguous single pages, 1 <= pages <= 2^max_page_order; or NO_PAGE."""
    return alloc_pages_exact_27(z, pages, mt)


cdef int zone_range_status(zone_t *z, int64_t pfn, int64_t pages) noexcept nogil:
    """ST_OK if all of these pages can be freed."""
    return free_range_status_61(z, pfn, pages) if is_6(z) else free_range_status(z, pfn, pages)


cdef void free_range(zone_t *z, int32_t i, int64_t pages) noexcept nogil:
    """Free pages that zone_range_status has passed: whole blocks as they are, others page by page."""
    if is_61(z):
        free_range_61(z, i, pages)
    elif is_612(z):
        free_range_612(z, i, pages)
    else:
        free_range_27(z, i, pages)


cdef int alloc_at(zone_t *z, int32_t i, int order) noexcept nogil:
    """Allocate block (i, order), which place_status has passed: 1, or 0 if it is not free."""
    if is_612(z):
        return alloc_at_612(z, i, order)
    return alloc_at_61(z, i, order) if is_61(z) else alloc_at_27(z, i, order)


cdef int32_t rmqueue_pcplist(zone_t *z, int cpu, int mt, int cold) noexcept nogil:
    """One page through the CPU's list, or NO_PAGE."""
    return rmqueue_pcplist_27(z, cpu, mt, cold)


cdef void free_hot_cold_page(zone_t *z, int cpu, int32_t i, int cold) noexcept nogil:
    """Free one page to the CPU's list."""
    free_hot_cold_page_27(z, cpu, i, cold)


cdef void drain_pages(zone_t *z, int cpu) noexcept nogil:
    """Empty the CPU's lists."""
    if is_61(z):
        drain_cpu_61(z, cpu)
    elif is_612(z):
        drain_cpu_612(z, cpu)
    else:
        drain_pages_27(z, cpu)


cdef int follow_refill(zone_t *z, int cpu, int order, int mt) noexcept nogil:
    """One block comes to the tail of a CPU's list, as a recorded one did; 0 if there is none."""
    if is_612(z):
        return follow_refill_612(z, cpu, order, mt)
    return follow_refill_61(z, cpu, order, mt) if is_61(z) else 0


cdef void follow_drain(zone_t *z, int cpu, int order, int mt) noexcept nogil:
    """One block leaves a CPU's list, as a recorded one did."""
    if is_61(z):
        follow_drain_61(z, cpu, order, mt)
    elif is_612(z):
        follow_drain_612(z, cpu, order, mt)


cdef int known_alloc_flags(const zone_t *z) noexcept nogil:
    """The bits that a watermark test may be given."""
    return ALLOC61_KNOWN if is_6(z) else ALLOC_KNOWN


cdef const int64_t *lowmem_reserves(zone_t *z, int *n) noexcept nogil:
    """Pages kept from requests that could use each kind of zone; of how many kinds."""
    n[0] = ZONES_61 if is_6(z) else MAX_NR_ZONES
    return &only_61(z).lowmem_reserve[0] if is_6(z) else &z.lowmem_reserve[0]


cdef int zone_watermark_ok(zone_t *z, int order, int64_t mark, int classzone_idx, int alloc_flags) noexcept nogil:
    """Whether a request of `order` leaves the zone above `mark`."""
    if is_61(z):
        return watermark_ok_61(z, order, mark, classzone_idx, alloc_flags)
    if is_612(z):
        return watermark_ok_612(z, order, mark, classzone_idx, alloc_flags)
    return zone_watermark_ok_27(z, order, mark, classzone_idx, alloc_flags)


# --- whole arrays and streams -----------------------------------------------------------------------------------

cdef int64_t alloc_array(zone_t *z, pfns_t out, int64_t n, int order, int mt) noexcept nogil:
    """Allocate n blocks; how many were had.  The rest of `out` is filled with NO_PAGE."""
    if is_612(z):
        return alloc_many_612(z, out, n, order, mt, 0)
    return alloc_many_61(z, out, n, order, mt, 0) if is_61(z) else alloc_many_27(z, out, n, order, mt)


cdef int64_t alloc_many(zone_t *z, int64_t *pfns, int64_t n, int order, int mt) noexcept nogil:
    """The same for int64."""
    return alloc_array(z, pfns_t(pfns, NULL), n, order, mt)


cdef int free_many(zone_t *z, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                   int64_t *offender) noexcept nogil:
    """Free n blocks in order, all or none; ST_OK or why not."""
    if is_61(z):
        return free_many_61(z, pfns, n, orders, order, offender)
    if is_612(z):
        return free_many_612(z, pfns, n, orders, order, offender)
    return free_many_27(z, pfns, n, orders, order, offender)


cdef int run_ops(zone_t *z, const op_t *ops, int64_t start, int64_t stop, int64_t *results,
                 int64_t *done) noexcept nogil:
    """Perform ops[start:stop] of a stream.  Stops at the first bad one."""
    if is_61(z):
        return run_ops_61(z, ops, start, stop, results, done)
    if is_612(z):
        return run_ops_612(z, ops, start, stop, results, done)
    return run_ops_27(z, ops, start, stop, results, done)


# --- what only zones of 6.1 and 6.12 can do ----------------------------------------------------------------------

cdef int32_t rmqueue_buddy(zone_t *z, int order, int mt, int flags) noexcept nogil:
    """Allocate straight from the free lists, with allocation flags; or NO_PAGE."""
    return rmqueue_buddy_612(z, order, mt, flags) if is_612(z) else rmqueue_buddy_61(z, order, mt, flags)


cdef int32_t rmqueue_listed(zone_t *z, int order, int mt, int flags) noexcept nogil:
    """Allocate through the current CPU's lists; or NO_PAGE."""
    return rmqueue_zone_612(z, order, mt, flags) if is_612(z) else rmqueue_zone_61(z, order, mt, flags)


cdef int64_t alloc_bulk(zone_t *z, int64_t *pfns, int64_t n, int mt, int flags) noexcept nogil:
    """Up to n single pages from the current CPU's lists alone; how many."""
    return alloc_bulk_612(z, pfns, n, mt, flags) if is_612(z) else alloc_bulk_61(z, pfns, n, mt, flags)


cdef void put_page(zone_t *z, int32_t i, int order) noexcept nogil:
    """Drop a reference to a block."""
    if is_612(z):
        put_page_612(z, i, order)
    else:
        put_page_61(z, i, order)


cdef int list_status(zone_t *z, const int64_t *pfns, int64_t n, int64_t *offender) noexcept nogil:
    """ST_OK if these blocks can be freed as a list."""
    return list_status_612(z, pfns, n, offender) if is_612(z) else list_status_61(z, pfns, n, offender)


cdef void free_pages_list(zone_t *z, const int64_t *pfns, int64_t n) noexcept nogil:
    """Free them."""
    if is_612(z):
        free_pages_list_612(z, pfns, n)
    else:
        free_pages_list_61(z, pfns, n)


cdef void free_list_prepare(zone_t *z, int32_t i) noexcept nogil:
    """The first half of that, for one block."""
    if is_612(z):
        free_list_prepare_612(z, i)
    else:
        free_list_prepare_61(z, i)


cdef void free_list_commit(zone_t *z, int32_t i) noexcept nogil:
    """The second half, for a block that the first has left on no list."""
    if is_612(z):
        free_list_commit_612(z, i)
    else:
        free_list_commit_61(z, i)


cdef void pcp_lock(zone_t *z, int cpu, int locked) noexcept nogil:
    """The lists of a CPU are in use by what an interrupt has interrupted."""
    if is_612(z):
        zone_pcp_612(z, cpu).locked = locked
    else:
        zone_pcp_61(z, cpu).locked = locked


cdef void pcp_disable(zone_t *z, int disabled) noexcept nogil:
    """The per-CPU lists are switched off and emptied, or on again."""
    if is_612(z):
        pcp_disable_612(z, disabled)
    else:
        pcp_disable_61(z, disabled)


cdef void drain_batch(zone_t *z, int cpu) noexcept nogil:
    """Give one batch of a CPU's pages back."""
    if is_612(z):
        drain_batch_612(z, cpu)
    else:
        drain_batch_61(z, cpu)


cdef void pcp_append(zone_t *z, int cpu, int index, int32_t i, int tag) noexcept nogil:
    """An allocated block goes to the tail of a CPU's list: for a recorded state."""
    if is_612(z):
        pcp_append_612(z, cpu, index, i, tag)
    else:
        pcp_append_61(z, cpu, index, i, tag)


cdef void append_free(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """An allocated block goes to the tail of a free list: for a recorded state."""
    if is_612(z):
        append_free_612(z, i, order, mt)
    else:
        append_free_61(z, i, order, mt)


cdef int watermark_fast(zone_t *z, int order, int classzone_idx, int flags, int atomic) noexcept nogil:
    """The watermark test of the fast path."""
    if is_612(z):
        return watermark_fast_612(z, order, classzone_idx, flags, atomic)
    return watermark_fast_61(z, order, classzone_idx, flags, atomic)


cdef void capture_begin(zone_t *z, int order, int mt) noexcept nogil:
    """The next free block of an order is kept for a request of type mt."""
    if is_612(z):
        capture_begin_612(z, order, mt)
    else:
        capture_begin_61(z, order, mt)


cdef int32_t take_free(zone_t *z, int32_t i) noexcept nogil:
    """Take a free block off the lists; its pages, or 0."""
    return take_free_block_612(z, i) if is_612(z) else take_free_block_61(z, i)


cdef void put_free(zone_t *z, int32_t i, int order, int mt) noexcept nogil:
    """Put it back on the lists of a type."""
    if is_612(z):
        put_free_block_612(z, i, order, mt)
    else:
        put_free_block_61(z, i, order, mt)


cdef void init_cma(zone_t *z, int32_t i) noexcept nogil:
    """A reserved pageblock becomes CMA and is freed."""
    if is_612(z):
        init_cma_612(z, i)
    else:
        init_cma_61(z, i)


cdef int isolate_range(zone_t *z, int32_t start, int32_t end, int mt) noexcept nogil:
    """Isolate the pageblocks of [start, end): all, or none and 0."""
    return isolate_range_612(z, start, end, mt) if is_612(z) else isolate_range_61(z, start, end, mt)


cdef void undo_isolate_range(zone_t *z, int32_t start, int32_t end, int mt) noexcept nogil:
    """Give them a type back."""
    if is_612(z):
        undo_isolate_range_612(z, start, end, mt)
    else:
        undo_isolate_range_61(z, start, end, mt)


cdef int contig_step(machine_t *m, zone_t **zones, int n, contig_t *c, int64_t budget) noexcept nogil:
    """Go on emptying a range; CONTIG_DONE when it is over.  m: who is told of moved pages, or NULL."""
    if is_612(zones[0]):
        return contig_step_612(m, zones, n, c, budget)
    return contig_step_61(m, zones, n, c, budget)


cdef void contig_abort(zone_t **zones, contig_t *c) noexcept nogil:
    """Give that up."""
    if is_612(zones[0]):
        contig_abort_612(zones, c)
    else:
        contig_abort_61(zones, c)


cdef void online_range(zone_t **zones, int n, int at, int32_t start, int32_t end) noexcept nogil:
    """Pages that were taken away come back."""
    if is_612(zones[0]):
        online_range_612(zones, n, at, start, end)
    else:
        online_range_61(zones, n, at, start, end)


cdef int unreserve_highatomic(zone_t *z, int mt, int force) noexcept nogil:
    """Give a reserved pageblock to type mt: 1 if some pages moved."""
    return unreserve_highatomic_612(z, mt, force) if is_612(z) else unreserve_highatomic_61(z, mt, force)


cdef void node_set_marks(zone_t **zones, int n, int64_t min_free_kbytes, int64_t scale) noexcept nogil:
    """New marks of all zones; -1: min_free_kbytes from the size of the node."""
    if is_612(zones[0]):
        node_set_marks_612(zones, n, min_free_kbytes, scale)
    else:
        node_set_marks_61(zones, n, min_free_kbytes, scale)


cdef void node_set_pcp_fraction(zone_t **zones, int n, int64_t fraction) noexcept nogil:
    """Linux: percpu_pagelist_high_fraction."""
    if is_612(zones[0]):
        node_set_pcp_fraction_612(zones, n, fraction)
    else:
        node_set_pcp_fraction_61(zones, n, fraction)


cdef int32_t node_walk(zone_t **zones, int n, int order, int mt, int flags, int classzone_idx, int atomic,
                       int *found) noexcept nogil:
    """Allocate from the highest zone that the request may use and whose marks allow it; or NO_PAGE."""
    if is_612(zones[0]):
        return node_walk_612(zones, n, order, mt, flags, classzone_idx, atomic, found)
    return node_walk_61(zones, n, order, mt, flags, classzone_idx, atomic, found)


cdef int node_unreserve(zone_t **zones, int n, int mt, int classzone_idx, int force) noexcept nogil:
    """Give a reserved pageblock of some zone to type mt: 1 if one was found."""
    if is_612(zones[0]):
        return node_unreserve_612(zones, n, mt, classzone_idx, force)
    return node_unreserve_61(zones, n, mt, classzone_idx, force)


cdef void node_marks_of(int kernel, node_marks_61_t *node) noexcept nogil:
    """The marks of a node from its size."""
    if kernel == KERNEL_6_12:
        node_marks_612(node)
    else:
        node_marks_61(node)


cdef int list_batch(const zone_t *z) noexcept nogil:
    """Blocks that are freed together."""
    return LIST_BATCH_612 if is_612(z) else LIST_BATCH_61


cdef int pcp_tag(zone_t *z, int32_t i, uint8_t state) noexcept nogil:
    """The type that a block on a per-CPU list is told to have."""
    return pcp_tag_612(z, i, state) if is_612(z) else pcp_tag_61(z, i, state)


cdef int compaction_suitable(zone_t *z, int order, int flags, int highest_zoneidx) noexcept nogil:
    """Whether compaction is worth while: COMPACT_SUCCESS (there is a block), COMPACT_CONTINUE or COMPACT_SKIPPED."""
    if is_612(z):
        return compaction_suitable_612(z, order, flags, highest_zoneidx)
    return compaction_suitable_61(z, order, flags, highest_zoneidx)


cdef int is_promising(zone_t *z, int order, int highest_zoneidx) noexcept nogil:
    """Whether it could come to something, a block or not."""
    return is_promising_612(z, order, highest_zoneidx) if is_612(z) else is_promising_61(z, order, highest_zoneidx)


cdef void compact_control_init(const zone_t *z, compact_control_t *cc, int order, uint32_t gfp,
                               int mode) noexcept nogil:
    """A control structure for runs of one's own."""
    if is_612(z):
        compact_control_init_612(cc, order, gfp, mode)
    else:
        compact_control_init_61(cc, order, gfp, mode)


cdef void walk_direct(const zone_t *z, compact_walk_t *w, uint32_t gfp, int order, int alloc_flags, int highest_zoneidx,
                      int priority) noexcept nogil:
    """Begin the compaction of a request to zones like this one."""
    if is_612(z):
        walk_direct_612(w, gfp, order, alloc_flags, highest_zoneidx, priority, NULL)
    else:
        walk_direct_61(w, gfp, order, alloc_flags, highest_zoneidx, priority, NULL)


cdef void walk_daemon(const zone_t *z, compact_walk_t *w, int order, int highest_zoneidx) noexcept nogil:
    """Begin a round of the daemon."""
    if is_612(z):
        walk_daemon_612(w, order, highest_zoneidx)
    else:
        walk_daemon_61(w, order, highest_zoneidx)


cdef void walk_all(const zone_t *z, compact_walk_t *w, int proactive, int score_low) noexcept nogil:
    """Begin the compaction of all zones."""
    if is_612(z):
        walk_node_612(w, proactive, score_low)
    else:
        walk_node_61(w, proactive, score_low)


cdef int walk_step(zone_t **zones, int n, compact_walk_t *w, int64_t budget) noexcept nogil:
    """Go on with it until its budget of pages is used up; COMPACT_DONE at its end, COMPACT_ATTEMPT at a stop."""
    if is_612(zones[0]):
        return walk_step_612(NULL, zones, n, w, budget)
    return walk_step_61(NULL, zones, n, w, budget)


cdef void walk_answer(zone_t **zones, int n, compact_walk_t *w, int outcome) noexcept nogil:
    """Go on with the attempt that it has stopped before."""
    if is_612(zones[0]):
        walk_answer_612(NULL, zones, n, w, outcome)
    else:
        walk_answer_61(NULL, zones, n, w, outcome)


cdef void walk_interrupt(zone_t **zones, compact_walk_t *w, int at, int32_t i) noexcept nogil:
    """An interrupt on top of its task drops a reference to a block."""
    if is_612(zones[0]):
        walk_interrupt_612(zones, w, at, i)
    else:
        walk_interrupt_61(zones, w, at, i)


cdef void walk_abort(zone_t **zones, compact_walk_t *w) noexcept nogil:
    """Give up what is under way."""
    if is_612(zones[0]):
        walk_abort_612(zones, w)
    else:
        walk_abort_61(zones, w)


cdef int kcompactd_suitable(zone_t **zones, int n, int order, int highest_zoneidx) noexcept nogil:
    """Whether the daemon would be woken for an order."""
    if is_612(zones[0]):
        return kcompactd_suitable_612(zones, n, order, highest_zoneidx)
    return kcompactd_suitable_61(zones, n, order, highest_zoneidx)
