# Zone images at the boundary: what save, load and pickle share.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize


cdef bytes image_of(Zone zone):
    """What an image file holds: the header with size and hash, then the rest of the state."""
    cdef uint64_t size = 0
    cdef bytes image = b""
    cdef zone_t *header
    while size != used_bytes(zone.ready()):         # to make the bytes may run finalizers, which may change the size
        size = used_bytes(zone.z)
        image = PyBytes_FromStringAndSize(NULL, size)
    header = <zone_t *> PyBytes_AS_STRING(image)
    zone.begin()
    with nogil:
        memcpy(header, zone.z, size)
        header.image_bytes = size
        image_hash(header, <uint8_t *> header + sizeof(zone_t), size - sizeof(zone_t), header.image_hash)
    zone.end()
    return image


cdef Zone zone_from_image(object image, str name):
    """A zone from the bytes of an image, after every doubt about them has been settled."""
    cdef Buffer buffer = Buffer(image)
    cdef uint64_t size = buffer.view.len
    cdef const uint8_t *data = <const uint8_t *> buffer.view.buf
    cdef zone_t header
    cdef uint64_t words[2]
    cdef violation_t v
    cdef Memory memory
    if size < sizeof(zone_t):
        raise FormatError(f"{size} bytes are too few for a zone image", name)
    memcpy(&header, data, sizeof(zone_t))
    if header.magic != zone_magic():
        raise FormatError("not a zone image", name)
    if header.version != ZONE_VERSION or header.header_bytes != sizeof(zone_t):
        raise FormatError(f"zone image of version {header.version}: this program reads version {ZONE_VERSION}", name)
    if header.image_bytes != size or not zone_header_ok(&header, &v) or used_bytes(&header) != size:
        raise FormatError(f"{size} bytes found where the header says {header.image_bytes}", name)
    image_hash(&header, data + sizeof(zone_t), size - sizeof(zone_t), words)
    if words[0] != header.image_hash[0] or words[1] != header.image_hash[1]:
        raise FormatError("the zone image has been altered: its hash does not fit", name)
    header.image_bytes = header.image_hash[0] = header.image_hash[1] = 0
    memory = Memory(header.bytes)
    memcpy(memory.data, data, size)
    memcpy(memory.data, &header, sizeof(zone_t))
    if not zone_check(<zone_t *> memory.data, &v):
        raise FormatError(f"the zone image contradicts itself: invariant {v.invariant}, pfn {v.pfn}", name)
    return Zone.__new__(Zone, memory, None)


def _restore(image):
    """Unpickle a zone."""
    return zone_from_image(image, "pickled zone")
