# Saved images and digests of a zone.
#
# The first `used_bytes` of the block are the whole state; what lies behind them is room for private lists.  A saved
# image is those bytes with image_bytes and image_hash filled in.

cdef enum:                      # what is wrong with an image
    IMAGE_OK = 0
    IMAGE_SHORT                 # shorter than a header
    IMAGE_ALIEN                 # something else
    IMAGE_VERSION
    IMAGE_SIZE                  # the header does not fit the bytes that are there
    IMAGE_HASH                  # altered
    IMAGE_BROKEN                # an invariant does not hold


# --- digests ----------------------------------------------------------------------------------------------------

cdef void hash_links(hash_t *h, zone_t *z) noexcept nogil:
    """Take in every list: the successor of each head and of each page that is on a list."""
    cdef link_t *link = link_array(z)
    cdef uint8_t *state = order_array(z)
    cdef uint32_t *flags = flags_array(z)
    cdef int32_t i
    cdef uint8_t kind
    for i in range(-nr_list_heads(z), 0):
        hash_word(h, link[i].next)
    for i in range(z.nr_index):
        kind = state[i] & PG_STATE
        if kind == PG_FREE or kind == PG_CAPTURED or kind == PG_PRIVATE or kind == PG_PCP or (
                kind == PG_MARKED and flags[i] & (PF_LRU | PF_ISOLATED)):
            hash_word(h, (<uint64_t> i << 32) | <uint32_t> link[i].next)


cdef void hash_slots(hash_t *h, zone_t *z) noexcept nogil:
    """Take in the open private lists, with their numbers; closed ones in between leave no trace but the gap."""
    cdef int32_t slot
    for slot in range(z.slots_used):
        if zone_slot(z, slot).kind != SLOT_UNUSED:
            hash_word(h, slot)
            hash_bytes(h, zone_slot(z, slot), sizeof(slot_t))


cdef void hash_arrays(hash_t *h, zone_t *z, const layout_t *kernel) noexcept nogil:
    """Take in everything but the links, which are leftovers without meaning where a page is on no list."""
    hash_bytes(h, z, kernel.header_bytes)
    hash_bytes(h, <uint8_t *> z + z.off_pcp, kernel.cpu_bytes)
    hash_bytes(h, pageblock_array(z), z.nr_pageblocks * kernel.block_bytes)
    hash_bytes(h, order_array(z), z.nr_index)
    hash_bytes(h, flags_array(z), z.nr_index * (sizeof(uint32_t) + kernel.page_bytes))
    if z.off_owner:
        hash_bytes(h, owner_array(z), z.nr_index * sizeof(uint64_t))


cdef void state_digest(zone_t *z, const layout_t *kernel, uint64_t *digest) noexcept nogil:
    """128 bits over the whole state: equal states have equal digests, whatever led to them."""
    cdef hash_t h
    hash_init(&h)
    hash_arrays(&h, z, kernel)
    hash_links(&h, z)
    hash_slots(&h, z)
    digest[0] = hash_fold(&h, 0)
    digest[1] = hash_fold(&h, 1)


# --- saved images -----------------------------------------------------------------------------------------------

cdef void image_hash(const zone_t *z, const void *rest, uint64_t rest_bytes, uint64_t *digest) noexcept nogil:
    """Hash of a saved image: the header `z`, its image_hash taken as zero, and the bytes behind it."""
    cdef zone_t header
    cdef hash_t h
    memcpy(&header, z, sizeof(zone_t))
    memset(header.image_hash, 0, sizeof(header.image_hash))
    hash_init(&h)
    hash_bytes(&h, &header, sizeof(zone_t))
    hash_bytes(&h, rest, rest_bytes)
    digest[0] = hash_fold(&h, 0)
    digest[1] = hash_fold(&h, 1)


cdef void copy_state(const zone_t *z, zone_t *copy) noexcept nogil:
    """The used bytes of a zone.  The requests under way are the original's, so nobody bypasses the copy's lists."""
    memcpy(copy, z, used_bytes(<zone_t *> z))
    copy.pcp_bypass = 0


cdef void image_seal(zone_t *image) noexcept nogil:
    """A copy of a zone becomes an image."""
    image.image_bytes = used_bytes(image)
    image_hash(image, <uint8_t *> image + sizeof(zone_t), image.image_bytes - sizeof(zone_t), image.image_hash)


cdef int image_identity(const void *image, uint64_t n, zone_t *header) noexcept nogil:
    """Copy the header of an image of which the first n bytes are there, if it is one at all.  IMAGE_*."""
    memset(header, 0, sizeof(zone_t))
    if n < sizeof(zone_t):
        return IMAGE_SHORT
    memcpy(header, image, sizeof(zone_t))
    if header.magic != zone_magic():
        return IMAGE_ALIEN
    return IMAGE_OK if header.version == ZONE_VERSION else IMAGE_VERSION


cdef int image_intact(const zone_t *z) noexcept nogil:
    """Whether the hash in a good header fits the whole image."""
    cdef uint64_t digest[2]
    image_hash(z, <const uint8_t *> z + sizeof(zone_t), z.image_bytes - sizeof(zone_t), digest)
    return digest[0] == z.image_hash[0] and digest[1] == z.image_hash[1]


cdef void image_open(zone_t *z) noexcept nogil:
    """An image becomes a live zone, in memory of its full size."""
    z.image_bytes = z.image_hash[0] = z.image_hash[1] = 0
