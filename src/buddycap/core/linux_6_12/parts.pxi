# Lists in parts: one list, and where each of its parts ends (Linux 6.12).
#
#   head <-> a <-> b <-> c <-> d <-> head       filled: parts 0, 1 and 3;  last: head, b, -, d
#
# Part 0 is the head alone.  What moves from one part to the next at their border does not change its place in the list.


cdef inline void clear_parts_612(parts_6_12_t *parts, int32_t head) noexcept nogil:
    """All are empty."""
    parts.filled = 1
    parts.last[0] = head


cdef inline int is_part_empty_612(const parts_6_12_t *parts, int part) noexcept nogil:
    return not parts.filled >> part & 1


cdef inline int32_t end_of_part_612(const parts_6_12_t *parts, int part) noexcept nogil:
    """The last entry of a part, or of the next one before it that has any."""
    return parts.last[buddycap_top(parts.filled & ((<uint32_t> 2 << part) - 1))]


cdef inline int32_t start_of_part_612(const link_t *link, const parts_6_12_t *parts, int part) noexcept nogil:
    """The first entry of a part; the one that follows where it would be, if it is empty."""
    return link[end_of_part_612(parts, part - 1)].next


cdef inline void end_part_612(parts_6_12_t *parts, int part, int32_t i) noexcept nogil:
    """The part ends with this entry, which is in it or follows it."""
    parts.last[part] = i
    parts.filled |= <uint32_t> 1 << part


cdef inline void cut_part_612(parts_6_12_t *parts, int part, int32_t i) noexcept nogil:
    """Its first entry, and all before it, are no more in the part."""
    if parts.last[part] == i:
        parts.filled &= ~(<uint32_t> 1 << part)


cdef inline void leave_part_612(link_t *link, parts_6_12_t *parts, int part, int32_t i) noexcept nogil:
    """An entry of the part leaves the list."""
    cdef int32_t before = link[i].prev
    if parts.last[part] == i:
        parts.filled &= ~(<uint32_t> 1 << part)
        if before != end_of_part_612(parts, part - 1):
            end_part_612(parts, part, before)
    list_del(link, i)


cdef inline void join_part_612(link_t *link, parts_6_12_t *parts, int part, int32_t i) noexcept nogil:
    """Something becomes the last entry of a part."""
    cdef int32_t before = end_of_part_612(parts, part)
    list_insert(link, i, before, link[before].next)
    end_part_612(parts, part, i)


cdef inline void lead_part_612(link_t *link, parts_6_12_t *parts, int part, int32_t i) noexcept nogil:
    """Something becomes the first entry of a part."""
    cdef int32_t before = end_of_part_612(parts, part - 1)
    list_insert(link, i, before, link[before].next)
    if is_part_empty_612(parts, part):
        end_part_612(parts, part, i)


cdef inline void unite_parts_612(parts_6_12_t *parts, int first, int part) noexcept nogil:
    """All that is in parts first .. part belongs to the first of them now."""
    cdef uint32_t before = (<uint32_t> 1 << first) - 1
    cdef int32_t end = end_of_part_612(parts, part)
    cdef uint32_t within = parts.filled & ((<uint32_t> 2 << part) - 1) & ~before
    parts.filled &= ~within
    if within:
        end_part_612(parts, first, end)
