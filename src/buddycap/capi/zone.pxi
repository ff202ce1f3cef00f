# The C entry points that make, copy and save zones, as include/buddycap.h documents them.  Thin, as all of them are:
# look at every argument, call the part that does it, say what it has cost.

cdef enum:
    IMAGE_KERNEL_SHIFT = 8              # BC_IMAGE_6_1: the number of the kernel, above the other flags


# --- configuration and start ------------------------------------------------------------------------------------

cdef public int bc_config_init(zone_config_t *config, uint64_t size, int64_t start_pfn, int64_t pages) noexcept nogil:
    return bc_config_init_for(config, size, first_kernel(), start_pfn, pages)


cdef public int bc_config_init_for(zone_config_t *config, uint64_t size, int kernel, int64_t start_pfn,
                                   int64_t pages) noexcept nogil:
    cdef fields_t fields
    if pointer_bad(config):
        return BC_EMISUSE_POINTER
    if size != sizeof(zone_config_t):
        return BC_EMISUSE_SIZE
    if not is_kernel(kernel):
        return BC_EMISUSE_KERNEL
    fields = config_fields(kernel)
    config_usual(config, &fields)
    config.start_pfn = start_pfn
    config.spanned_pages = pages
    return BC_OK


cdef int config_status(const zone_config_t *config) noexcept nogil:
    """BC_OK if a zone can be made of it, or why not."""
    if pointer_bad(config):
        return BC_EMISUSE_POINTER
    if config.size != sizeof(zone_config_t):
        return BC_EMISUSE_SIZE
    if not is_kernel(config.kernel):
        return BC_EMISUSE_KERNEL
    return BC_OK if config_ok(config) else BC_EMISUSE_CONFIG


cdef public uint64_t bc_zone_bytes(const zone_config_t *config) noexcept nogil:
    return zone_bytes(config) if config_status(config) == BC_OK else 0


cdef public int bc_zone_init(void *memory, uint64_t bytes, const zone_config_t *config) noexcept nogil:
    cdef int status = config_status(config)
    if pointer_bad(memory):
        return BC_EMISUSE_POINTER
    if status != BC_OK:
        return status
    if bytes < zone_bytes(config):
        return BC_EMISUSE_SIZE
    if not config.memory_is_zero:
        memset(memory, 0, zone_bytes(config))
    zone_init(<zone_t *> memory, config)
    zone_fill(<zone_t *> memory, config)
    return BC_OK


cdef public int bc_zone_kernel(const bc_zone *zone) noexcept nogil:
    cdef int status = zone_status(zone, NULL)
    return (<zone_t *> zone).kernel if status == BC_OK else status


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


cdef public int bc_image_kernel(const void *image, uint64_t bytes) noexcept nogil:
    cdef zone_t header
    cdef violation_t v
    cdef int fault
    if image == NULL:
        return BC_EMISUSE_POINTER
    fault = image_header(image, bytes, &header, &v)
    return header.kernel if fault == IMAGE_OK else image_fault(fault)


cdef int image_status(const void *image, uint64_t image_bytes, uint64_t bytes, int flags) noexcept nogil:
    """BC_OK if there is the header of an image that fits its size, the memory and the kernel that is asked for."""
    cdef zone_t header
    cdef violation_t v
    cdef int fault
    if flags & ~(BC_IMAGE_TRUST | BC_IMAGE_6_1 | BC_IMAGE_6_12):
        return BC_EMISUSE_FLAGS
    fault = image_header(image, image_bytes, &header, &v)
    if fault == IMAGE_OK and header.image_bytes != image_bytes:
        fault = IMAGE_SIZE
    if fault != IMAGE_OK:
        return image_fault(fault)
    if header.kernel != flags >> IMAGE_KERNEL_SHIFT:
        return BC_EMISUSE_KERNEL
    return BC_EMISUSE_SIZE if bytes < header.bytes else BC_OK


cdef public int bc_image_load(const void *image, uint64_t image_bytes, void *memory, uint64_t bytes) noexcept nogil:
    return bc_image_load_for(image, image_bytes, memory, bytes, BC_IMAGE_CHECK)


cdef public int bc_image_load_for(const void *image, uint64_t image_bytes, void *memory, uint64_t bytes,
                                  int flags) noexcept nogil:
    cdef int status
    if image == NULL or pointer_bad(memory) or image == memory:
        return BC_EMISUSE_POINTER
    status = image_status(image, image_bytes, bytes, flags)
    if status != BC_OK:
        return status
    memcpy(memory, image, image_bytes)
    return bc_image_attach(memory, bytes, image_bytes, flags)


cdef public int bc_image_attach(void *memory, uint64_t bytes, uint64_t image_bytes, int flags) noexcept nogil:
    cdef violation_t v
    cdef int status
    if pointer_bad(memory):
        return BC_EMISUSE_POINTER
    if bytes < image_bytes:
        return BC_EMISUSE_SIZE
    status = image_status(memory, image_bytes, bytes, flags)
    if status == BC_OK and not flags & BC_IMAGE_TRUST:
        status = image_fault(image_check(memory, &v))
    if status == BC_OK:
        image_open(<zone_t *> memory)
    return status
