# The C entry points of a zone, as include/buddycap.h documents them.  Thin: look at every argument, call the part that
# does it, say what it has cost.

cdef enum:
    CONFIG_PAGES_MAX = 0x7FF80000       # 2^31 - 2^19


# --- configuration and start ------------------------------------------------------------------------------------

cdef public int bc_config_init(bc_config *config, uint64_t size, int64_t start_pfn, int64_t pages) noexcept nogil:
    cdef int k
    if pointer_bad(config):
        return BC_EMISUSE_POINTER
    if size != sizeof(bc_config):
        return BC_EMISUSE_SIZE
    memset(config, 0, sizeof(bc_config))
    config.size = sizeof(bc_config)
    config.start_pfn = start_pfn
    config.spanned_pages = pages
    config.max_page_order = 10
    config.pageblock_order = 9
    config.cpus = config.grouping = config.populate = 1
    config.pcp_batch = config.pcp_high = -1
    config.min_free_kbytes = -1
    config.slot_limit = NR_SLOTS_MAX
    for k in range(MAX_NR_ZONES):
        config.lowmem_reserve_ratio[k] = 256 if k < 2 else 32
    return BC_OK


cdef inline int is_flag(int32_t value) noexcept nogil:
    return value == 0 or value == 1


cdef int config_fields_ok(const bc_config *c) noexcept nogil:
    """Whether every field that is not geometry is in range."""
    cdef int k
    if not (is_flag(c.pageblock_relative) and is_flag(c.pcp_bulk_cold) and is_flag(c.grouping) and is_flag(c.owners)
            and is_flag(c.populate) and is_flag(c.memory_is_zero)):
        return 0
    if not (c.pcp_batch == -1 or 1 <= c.pcp_batch <= 1 << 24) or not -1 <= c.pcp_high <= 1 << 24:
        return 0
    if not -1 <= c.min_free_kbytes <= MIN_FREE_KBYTES_MAX or not node_pages_ok(c.node_present):
        return 0
    for k in range(8):
        if c.reserved[k]:
            return 0
    return c.reserved0 == 0 and c.node_highmem < 1 << MAX_NR_ZONES


cdef int64_t config_present(const bc_config *c) noexcept nogil:
    """Pages in the ranges, or -1 if they do not ascend, overlap, or leave the span."""
    cdef int64_t at = c.start_pfn
    cdef int64_t present = 0
    cdef int64_t k
    if c.ranges == NULL:
        return c.spanned_pages if c.nr_ranges == 0 else NO_PAGE
    if pointer_odd(c.ranges) or c.nr_ranges < 1:
        return NO_PAGE
    for k in range(c.nr_ranges):
        if not at <= c.ranges[k].first < c.ranges[k].end <= c.start_pfn + c.spanned_pages:
            return NO_PAGE
        present += c.ranges[k].end - c.ranges[k].first
        at = c.ranges[k].end
    return present


cdef int config_read(const bc_config *c, zone_config_t *out) noexcept nogil:
    """Fill the core's record; BC_OK or why not."""
    cdef int64_t present
    cdef int k
    if pointer_bad(c):
        return BC_EMISUSE_POINTER
    if c.size != sizeof(bc_config):
        return BC_EMISUSE_SIZE
    memset(out, 0, sizeof(zone_config_t))
    out.start_pfn = c.start_pfn
    out.spanned_pages = c.spanned_pages
    out.max_page_order = c.max_page_order
    out.pageblock_order = c.pageblock_order
    out.zone_idx = c.zone_idx
    out.cpus = c.cpus
    out.pcp_batch = c.pcp_batch
    out.pcp_high = c.pcp_high
    out.pageblock_relative = c.pageblock_relative
    out.pcp_bulk_cold = c.pcp_bulk_cold
    out.grouping = c.grouping
    out.owners = c.owners
    out.slot_limit = c.slot_limit
    out.min_free_kbytes = c.min_free_kbytes
    out.node_highmem = c.node_highmem
    out.seed = c.seed
    if not config_fields_ok(c) or not 1 <= c.spanned_pages <= CONFIG_PAGES_MAX or zone_bytes(out) == 0:
        return BC_EMISUSE_CONFIG
    present = config_present(c)
    for k in range(MAX_NR_ZONES):
        out.node_present[k] = c.node_present[k]
        out.lowmem_reserve_ratio[k] = c.lowmem_reserve_ratio[k]
    if present < 0 or (out.node_present[c.zone_idx] and out.node_present[c.zone_idx] != present):
        return BC_EMISUSE_CONFIG
    out.node_present[c.zone_idx] = present
    return BC_OK


cdef public uint64_t bc_zone_bytes(const bc_config *config) noexcept nogil:
    cdef zone_config_t checked
    return zone_bytes(&checked) if config_read(config, &checked) == BC_OK else 0


cdef public int bc_zone_init(void *memory, uint64_t bytes, const bc_config *config) noexcept nogil:
    cdef zone_config_t checked
    cdef int64_t k
    cdef int status = config_read(config, &checked)
    if pointer_bad(memory):
        return BC_EMISUSE_POINTER
    if status != BC_OK:
        return status
    if bytes < zone_bytes(&checked):
        return BC_EMISUSE_SIZE
    if not config.memory_is_zero:
        memset(memory, 0, zone_bytes(&checked))
    zone_init(<zone_t *> memory, &checked)
    if config.ranges == NULL:
        zone_add_range(<zone_t *> memory, config.start_pfn, config.start_pfn + config.spanned_pages, config.populate)
    for k in range(config.nr_ranges):
        zone_add_range(<zone_t *> memory, config.ranges[k].first, config.ranges[k].end, config.populate)
    zone_finish(<zone_t *> memory, &checked)
    return BC_OK


cdef public int64_t bc_zone_size(const bc_zone *zone) noexcept nogil:
    cdef int status = zone_status(zone, NULL)
    return <int64_t> (<zone_t *> zone).bytes if status == BC_OK else status


cdef public int bc_zone_copy(const bc_zone *zone, void *memory, uint64_t bytes) noexcept nogil:
    cdef int status = zone_status(zone, memory)
    if status != BC_OK:
        return status
    if pointer_bad(memory) or memory == zone:
        return BC_EMISUSE_POINTER
    if bytes < (<zone_t *> zone).bytes:
        return BC_EMISUSE_SIZE
    zone_copy(<const zone_t *> zone, <zone_t *> memory)
    return BC_OK


# --- images -----------------------------------------------------------------------------------------------------

cdef int image_fault(int fault) noexcept nogil:
    """The header's number of an IMAGE_*."""
    if fault == IMAGE_OK:
        return BC_OK
    return BC_EVERSION if fault == IMAGE_VERSION else BC_EIMAGE


cdef public int64_t bc_image_bytes(const bc_zone *zone) noexcept nogil:
    cdef int status = zone_status(zone, NULL)
    return <int64_t> used_bytes(<zone_t *> zone) if status == BC_OK else status


cdef public int bc_image_save(const bc_zone *zone, void *image, uint64_t bytes) noexcept nogil:
    cdef int status = zone_status(zone, image)
    if status != BC_OK:
        return status
    if pointer_bad(image) or image == zone:
        return BC_EMISUSE_POINTER
    if bytes < used_bytes(<zone_t *> zone):
        return BC_EMISUSE_SIZE
    zone_copy(<const zone_t *> zone, <zone_t *> image)
    image_seal(<zone_t *> image)
    return BC_OK


cdef public int64_t bc_image_zone_bytes(const void *image, uint64_t bytes) noexcept nogil:
    cdef zone_t header
    cdef violation_t v
    cdef int fault
    if image == NULL:
        return BC_EMISUSE_POINTER
    fault = image_header(image, bytes, &header, &v)
    return <int64_t> header.bytes if fault == IMAGE_OK else image_fault(fault)


cdef public int bc_image_load(const void *image, uint64_t image_bytes, void *memory, uint64_t bytes) noexcept nogil:
    cdef zone_t header
    cdef violation_t v
    cdef int fault
    if image == NULL or pointer_bad(memory) or image == memory:
        return BC_EMISUSE_POINTER
    fault = image_header(image, image_bytes, &header, &v)
    if fault == IMAGE_OK and header.image_bytes != image_bytes:
        fault = IMAGE_SIZE
    if fault != IMAGE_OK:
        return image_fault(fault)
    if bytes < header.bytes:
        return BC_EMISUSE_SIZE
    memcpy(memory, image, image_bytes)
    return bc_image_attach(memory, bytes, image_bytes, BC_IMAGE_CHECK)


cdef public int bc_image_attach(void *memory, uint64_t bytes, uint64_t image_bytes, int flags) noexcept nogil:
    cdef zone_t header
    cdef violation_t v
    cdef int fault
    if pointer_bad(memory):
        return BC_EMISUSE_POINTER
    if flags != BC_IMAGE_CHECK and flags != BC_IMAGE_TRUST:
        return BC_EMISUSE_FLAGS
    if bytes < image_bytes:
        return BC_EMISUSE_SIZE
    fault = image_header(memory, image_bytes, &header, &v)
    if fault == IMAGE_OK and header.image_bytes != image_bytes:
        fault = IMAGE_SIZE
    if fault == IMAGE_OK and bytes < header.bytes:
        return BC_EMISUSE_SIZE
    if fault == IMAGE_OK and flags == BC_IMAGE_CHECK:
        fault = image_check(memory, &v)
    if fault == IMAGE_OK:
        image_open(<zone_t *> memory)
    return image_fault(fault)


# --- blocks -----------------------------------------------------------------------------------------------------

cdef public int64_t bc_alloc(bc_zone *zone, int order, int migratetype, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    cdef int32_t i
    if buddycap_rarely(status != BC_OK):
        return refused(result, status)
    if buddycap_rarely(<unsigned int> order > <unsigned int> z.max_page_order):
        return refused(result, BC_EMISUSE_ORDER_RANGE)
    if buddycap_rarely(<unsigned int> migratetype > MT_MOVABLE):
        return refused(result, BC_EMISUSE_TYPE_RANGE)
    if buddycap_rarely(result != NULL):
        result_begin(result, z)
        return allocated(result, z, rmqueue_zone(z, order, migratetype), order)
    i = rmqueue_zone(z, order, migratetype)
    return NO_PAGE if i == NO_PAGE else z.base_pfn + i


cdef public int bc_free(bc_zone *zone, int64_t pfn, int order, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status == BC_OK:
        status = core_status(used_block_status(z, pfn, order))
    if buddycap_rarely(status != BC_OK):
        return refused(result, status)
    if buddycap_rarely(result != NULL):
        result_begin(result, z)
        free_pages_ok(z, <int32_t> (pfn - z.base_pfn), order)
        result_end(result, z, pfn, order, BC_OK)
        return BC_OK
    free_pages_ok(z, <int32_t> (pfn - z.base_pfn), order)
    return BC_OK


cdef int64_t containing_block(zone_t *z, int64_t pfn, int *order) noexcept nogil:
    """First PFN and order of the allocated block that holds the page, or a status."""
    cdef int status
    cdef int32_t head
    if pfn < z.start_pfn or pfn >= z.start_pfn + z.spanned_pages:
        return BC_EMISUSE_PFN_RANGE
    head = block_head(z, <int32_t> (pfn - z.base_pfn))
    order[0] = order_array(z)[head] & 0x0F
    status = used_head_status(z, head)
    return z.base_pfn + head if status == ST_OK else core_status(status)


cdef public int bc_free_at(bc_zone *zone, int64_t pfn, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    cdef int order = 0
    if status != BC_OK:
        return refused(result, status)
    pfn = containing_block(z, pfn, &order)
    return bc_free(zone, pfn, order, result) if pfn >= 0 else refused(result, <int> pfn)


cdef public int64_t bc_alloc_exact(bc_zone *zone, int64_t pages, int migratetype, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status != BC_OK:
        return refused(result, status)
    if not 1 <= pages <= <int64_t> 1 << z.max_page_order:
        return refused(result, BC_EMISUSE_SIZE)
    if <unsigned int> migratetype > MT_MOVABLE:
        return refused(result, BC_EMISUSE_TYPE_RANGE)
    result_begin(result, z)
    return allocated(result, z, alloc_pages_exact(z, pages, migratetype), 0)


cdef public int bc_free_range(bc_zone *zone, int64_t pfn, int64_t pages, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status != BC_OK:
        return refused(result, status)
    if pages < 1:
        return refused(result, BC_EMISUSE_SIZE)
    status = core_status(free_range_status(z, pfn, pages))
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    free_range(z, <int32_t> (pfn - z.base_pfn), pages)
    result_end(result, z, pfn, 0, BC_OK)
    return BC_OK


cdef public int bc_split(bc_zone *zone, int64_t pfn, int order) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, NULL)
    if status == BC_OK:
        status = core_status(used_block_status(z, pfn, order))
    if status == BC_OK:
        split_used(z, <int32_t> (pfn - z.base_pfn), order)
    return status


cdef public int64_t bc_alloc_page(bc_zone *zone, int migratetype, int cpu, int cold, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status != BC_OK:
        return refused(result, status)
    if <unsigned int> migratetype > MT_MOVABLE:
        return refused(result, BC_EMISUSE_TYPE_RANGE)
    if <unsigned int> cpu >= <unsigned int> z.cpus:
        return refused(result, BC_EMISUSE_CPU_RANGE)
    result_begin(result, z)
    return allocated(result, z, rmqueue_pcplist(z, cpu, migratetype, cold != 0), 0)


cdef public int bc_free_page(bc_zone *zone, int64_t pfn, int cpu, int cold, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status == BC_OK:
        status = core_status(used_block_status(z, pfn, 0))
    if status == BC_OK and <unsigned int> cpu >= <unsigned int> z.cpus:
        status = BC_EMISUSE_CPU_RANGE
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    free_hot_cold_page(z, cpu, <int32_t> (pfn - z.base_pfn), cold != 0)
    result_end(result, z, pfn, 0, BC_OK)
    return BC_OK


cdef public int bc_drain_pages(bc_zone *zone, int cpu) noexcept nogil:
    cdef int status = zone_status(zone, NULL)
    if status != BC_OK:
        return status
    if <unsigned int> cpu >= <unsigned int> (<zone_t *> zone).cpus:
        return BC_EMISUSE_CPU_RANGE
    drain_pages(<zone_t *> zone, cpu)
    return BC_OK


# --- bulk -------------------------------------------------------------------------------------------------------

cdef public int64_t bc_alloc_many(bc_zone *zone, int64_t *pfns, int64_t n, int order, int migratetype,
                                  bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status != BC_OK:
        return refused(result, status)
    if pointer_bad(pfns):
        return refused(result, BC_EMISUSE_POINTER)
    if n < 0:
        return refused(result, BC_EMISUSE_SIZE)
    if <unsigned int> order > <unsigned int> z.max_page_order:
        return refused(result, BC_EMISUSE_ORDER_RANGE)
    if <unsigned int> migratetype > MT_MOVABLE:
        return refused(result, BC_EMISUSE_TYPE_RANGE)
    result_begin(result, z)
    n = alloc_many(z, pfns, n, order, migratetype)
    result_end(result, z, pfns[0] if n else NO_PAGE, order, BC_OK)
    return n


cdef int orders_ok(zone_t *z, int64_t n, const uint8_t *orders, int order, int64_t *offender) noexcept nogil:
    """Whether the orders of a batch are in range."""
    cdef int64_t k
    if orders == NULL:
        offender[0] = 0
        return <unsigned int> order <= <unsigned int> z.max_page_order
    for k in range(n):
        if orders[k] > z.max_page_order:
            offender[0] = k
            return 0
    return 1


cdef int whole_batch(zone_t *z, int32_t slot, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                     int64_t *offender, bc_result *result) noexcept nogil:
    """Free n blocks, or capture them on list `slot` if that is not NO_PAGE; zone and list are good."""
    cdef int64_t at = NO_PAGE
    cdef int status
    if pointer_bad(pfns) or pointer_odd(offender):
        return refused(result, BC_EMISUSE_POINTER)
    if n < 0:
        return refused(result, BC_EMISUSE_SIZE)
    if not orders_ok(z, n, orders, order, &at):
        status = BC_EMISUSE_ORDER_RANGE
    else:
        result_begin(result, z)
        status = core_status(free_many(z, pfns, n, orders, order, &at) if slot == NO_PAGE
                             else capture_many(z, slot, pfns, n, orders, order, &at))
    if offender != NULL:
        offender[0] = at
    if status != BC_OK:
        return refused(result, status)
    result_end(result, z, NO_PAGE, order, BC_OK)
    return BC_OK


cdef public int bc_free_many(bc_zone *zone, const int64_t *pfns, int64_t n, const uint8_t *orders, int order,
                             int64_t *offender, bc_result *result) noexcept nogil:
    cdef int status = zone_status(zone, result)
    if status != BC_OK:
        return refused(result, status)
    return whole_batch(<zone_t *> zone, NO_PAGE, pfns, n, orders, order, offender, result)


cdef public int64_t bc_run(bc_zone *zone, const bc_op *ops, int64_t n, int64_t *results, int *status,
                           bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int64_t done = 0
    cdef int found = zone_status(zone, result)
    if found == BC_OK and (pointer_bad(ops) or pointer_bad(results) or <size_t> status & 3):
        found = BC_EMISUSE_POINTER
    if found == BC_OK and not 0 <= n < <int64_t> 1 << 31:
        found = BC_EMISUSE_SIZE
    if found != BC_OK:
        return refused(result, found)
    result_begin(result, z)
    found = core_status(run_ops(z, <const op_t *> ops, 0, n, results, &done))
    finish_results(results, done)
    result_end(result, z, NO_PAGE, 0, found)
    if status != NULL:
        status[0] = found
    return done


# --- capture lists ----------------------------------------------------------------------------------------------
# A handle is the number of the list's opening and that of its slot, so that one of a closed list is known.

cdef inline int64_t list_handle(zone_t *z, int32_t slot) noexcept nogil:
    return <int64_t> zone_slot(z, slot).seq << 16 | slot


cdef inline int32_t list_slot(zone_t *z, int64_t list) noexcept nogil:
    """The slot of an open capture list, or NO_PAGE."""
    cdef int32_t slot = list & 0xFFFF
    if list < 0 or list >> 48 or not slot_is(z, slot, <uint32_t> (list >> 16), SLOT_CAPTURE):
        return NO_PAGE
    return slot


cdef public int64_t bc_capture_open(bc_zone *zone) noexcept nogil:
    cdef int status = zone_status(zone, NULL)
    cdef int32_t slot
    if status != BC_OK:
        return status
    slot = slot_open(<zone_t *> zone, SLOT_CAPTURE)
    return BC_EMISUSE_TOO_MANY_LISTS if slot == NO_PAGE else list_handle(<zone_t *> zone, slot)


cdef public int bc_capture_page(bc_zone *zone, int64_t list, int64_t pfn, int order, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status == BC_OK and list_slot(z, list) == NO_PAGE:
        status = BC_EMISUSE_LIST_CLOSED
    if status == BC_OK:
        status = core_status(used_block_status(z, pfn, order))
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    capture_one_page(z, list_slot(z, list), <int32_t> (pfn - z.base_pfn), order)
    result_end(result, z, pfn, order, BC_OK)
    return BC_OK


cdef public int bc_capture_many(bc_zone *zone, int64_t list, const int64_t *pfns, int64_t n, const uint8_t *orders,
                                int order, int64_t *offender, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status == BC_OK and list_slot(z, list) == NO_PAGE:
        status = BC_EMISUSE_LIST_CLOSED
    if status != BC_OK:
        return refused(result, status)
    return whole_batch(z, list_slot(z, list), pfns, n, orders, order, offender, result)


cdef public int64_t bc_capture_take(bc_zone *zone, int64_t list, int order, int classzone_idx, int alloc_flags,
                                    bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status != BC_OK:
        return refused(result, status)
    if list_slot(z, list) == NO_PAGE:
        return refused(result, BC_EMISUSE_LIST_CLOSED)
    if <unsigned int> order > <unsigned int> z.max_page_order:
        return refused(result, BC_EMISUSE_ORDER_RANGE)
    if <unsigned int> classzone_idx >= MAX_NR_ZONES:
        return refused(result, BC_EMISUSE_VALUE)
    if alloc_flags & ~ALLOC_KNOWN:
        return refused(result, BC_EMISUSE_FLAGS)
    result_begin(result, z)
    return allocated(result, z, capture_alloc_or_return(z, list_slot(z, list), order, classzone_idx, alloc_flags),
                     order)


cdef public int64_t bc_capture_blocks(const bc_zone *zone, int64_t list, int64_t *pfns, uint8_t *orders,
                                      int64_t n) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, pfns)
    cdef int64_t k = 0
    cdef int32_t head, i
    if status != BC_OK:
        return status
    if n < 0:
        return BC_EMISUSE_SIZE
    if n and (pfns == NULL or orders == NULL):
        return BC_EMISUSE_POINTER
    if list_slot(z, list) == NO_PAGE:
        return BC_EMISUSE_LIST_CLOSED
    head = slot_list(z, list_slot(z, list))
    i = link_array(z)[head].next
    while i != head:
        if k < n:
            pfns[k] = z.base_pfn + i
            orders[k] = order_array(z)[i] & 0x0F
        k += 1
        i = link_array(z)[i].next
    return k


cdef public int bc_capture_close(bc_zone *zone, int64_t list, bc_result *result) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, result)
    if status == BC_OK and list_slot(z, list) == NO_PAGE:
        status = BC_EMISUSE_LIST_CLOSED
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    capture_release(z, list_slot(z, list))
    result_end(result, z, NO_PAGE, 0, BC_OK)
    return BC_OK
