# Zone images at the boundary: what save, load and pickle share.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize


cdef bytes image_of(Zone zone):
    """What an image file holds: the header with size and hash, then the rest of the state."""
    cdef uint64_t room, size
    cdef bytes image
    cdef zone_t *header
    cdef zone_t *z
    if not zone.shape.capture and zone.ready().slots_used:
        zone = zone.copy()                          # which holds nothing for others
    while True:
        room = used_bytes(zone.ready())
        image = PyBytes_FromStringAndSize(NULL, room)
        header = <zone_t *> PyBytes_AS_STRING(image)
        z = zone.begin()
        size = used_bytes(z)                        # others may have opened lists since there was room made
        if size == room:
            with nogil:
                zone_copy(z, header)
                image_seal(header)
        zone.end()
        if size == room:
            return image


cdef int refuse_image(int fault, str name, const zone_t *header, uint64_t size, const violation_t *v) except -1:
    """Raise what an IMAGE_* means."""
    if fault == IMAGE_SHORT:
        raise FormatError(f"{size} bytes are too few for a zone image", name)
    if fault == IMAGE_ALIEN:
        raise FormatError("not a zone image", name)
    if fault == IMAGE_VERSION and header.version == ZONE_VERSION:
        raise FormatError(f"zone image of kernel number {header.kernel}, which this program does not know", name)
    if fault == IMAGE_VERSION:
        raise FormatError(f"zone image of version {header.version}: this program reads version {ZONE_VERSION}", name)
    if fault == IMAGE_SIZE:
        raise FormatError(f"{size} bytes found where the header says {header.image_bytes}", name)
    if fault == IMAGE_HASH:
        raise FormatError("the zone image has been altered: its hash does not fit", name)
    raise FormatError(f"the zone image contradicts itself: invariant {v.invariant}, pfn {v.pfn}, "
                      f"expected {v.expected}, found {v.found}", name)


cdef Zone zone_from_image(object image, str name):
    """A zone from the bytes of an image, after every doubt about them has been settled."""
    cdef Buffer buffer = Buffer(image)
    cdef uint64_t size = buffer.view.len
    cdef zone_t header
    cdef violation_t v
    cdef Memory memory
    cdef int fault = image_header(buffer.view.buf, size, &header, &v)
    if fault == IMAGE_OK and header.image_bytes != size:
        fault = IMAGE_SIZE
    if fault != IMAGE_OK:
        refuse_image(fault, name, &header, size, &v)
    memory = Memory(header.bytes)
    memcpy(memory.data, buffer.view.buf, size)
    fault = image_check(memory.data, &v)
    if fault != IMAGE_OK:
        refuse_image(fault, name, &header, size, &v)
    image_open(<zone_t *> memory.data)
    return Zone.__new__(Zone, memory, None)


def _restore(image):
    """Unpickle a zone."""
    return zone_from_image(image, "pickled zone")
