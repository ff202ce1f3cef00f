# The doors: the one file that knows there are several kernels.  A zone says which one it follows (zone_t.kernel), and a
# door leads into the room of that kernel, core/linux_*.
#
# Doors are for whole calls: a stream, a batch, a request switches once.  Inside a room a call never leaves by a door,
# and common/ calls none.  A switch, no function pointers: an image holds none.


# --- layout, invariants, images ---------------------------------------------------------------------------------

cdef layout_t kernel_layout(int32_t kernel, int32_t cpus) noexcept nogil:
    """What the kernel adds to the layout of a zone."""
    return layout_27(cpus)


cdef uint64_t zone_bytes(const zone_config_t *config) noexcept nogil:
    """Size of the block that a zone needs; 0 if there can be no such zone."""
    cdef zone_t z
    cdef layout_t layout
    memset(&z, 0, sizeof(z))
    configure(&z, config)
    if not geometry_ok(&z):
        return 0
    layout = kernel_layout(config.kernel, config.cpus)
    zone_layout(&z, config.owners, &layout)
    return z.bytes


cdef int zone_layout_ok(const zone_t *z, violation_t *v) noexcept nogil:
    """I1: the layout is one that zone_init could have written, so that every array is where it should be."""
    cdef layout_t layout
    if not agree(v, 1, KERNEL_2_6_27, z.kernel):
        return 0
    layout = kernel_layout(z.kernel, z.cpus)
    return layout_ok(z, &layout, v)


cdef int zone_header_ok(const zone_t *z, violation_t *v) noexcept nogil:
    """Whether every field of the header can be what it is.  No page is looked at."""
    return zone_layout_ok(z, v) and header_values_ok(z, v)


cdef void zone_digest(zone_t *z, uint64_t *digest) noexcept nogil:
    """128 bits over the whole state: equal states have equal digests, whatever led to them."""
    cdef layout_t layout = kernel_layout(z.kernel, z.cpus)
    state_digest(z, &layout, digest)


cdef int image_header(const void *image, uint64_t n, zone_t *header, violation_t *v) noexcept nogil:
    """Copy and check the header of an image of which the first n bytes are there.  IMAGE_*, and `v` as image_check."""
    cdef int fault = image_identity(image, n, header)
    if fault != IMAGE_OK:
        return fault
    if header.header_bytes != sizeof(zone_t):
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
    return IMAGE_OK if zone_check(<zone_t *> image, v) else IMAGE_BROKEN
