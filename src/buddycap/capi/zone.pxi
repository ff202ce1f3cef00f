# The C entry points that make, copy and save zones, as include/buddycap.h documents them.  Thin, as all of them are:
# look at every argument, call the part that does it, say what it has cost.

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
