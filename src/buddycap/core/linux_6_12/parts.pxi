# Lists in parts: one list, and an array that says where each of its parts ends (Linux 6.12).
#
#   head <-> a <-> b <-> c <-> d <-> head       last: b b d        the second of three parts is empty
#
# A part is empty if it ends where the one before it ends, the first one if it ends at the head.  What moves from one
# part to the next at their border does not change its place in the list.


cdef inline int is_part_empty_612(const int32_t *last, int part) noexcept nogil:
    """Of any part but the first."""
    return last[part] == last[part - 1]


cdef inline int32_t first_of_part_612(const link_t *link, const int32_t *last, int part) noexcept nogil:
    """The first entry of a part that is not empty.  Of any part but the first."""
    return link[last[part - 1]].next


cdef inline void end_parts_612(int32_t *last, int part, int parts, int32_t before, int32_t i) noexcept nogil:
    """Those that ended at `before`, from `part` on, end at i."""
    while part < parts and last[part] == before:
        last[part] = i
        part += 1


cdef inline void leave_part_612(link_t *link, int32_t *last, int part, int parts, int32_t i) noexcept nogil:
    """An entry of the part leaves the list."""
    end_parts_612(last, part, parts, i, link[i].prev)
    list_del(link, i)


cdef inline void join_part_612(link_t *link, int32_t *last, int part, int parts, int32_t before,
                               int32_t i) noexcept nogil:
    """Something becomes an entry of the part, behind another one of it or at its beginning."""
    list_insert(link, i, before, link[before].next)
    end_parts_612(last, part, parts, before, i)


cdef inline void unite_parts_612(int32_t *last, int first, int part) noexcept nogil:
    """All that is in parts first .. part belongs to the first of them now."""
    cdef int k
    for k in range(first, part):
        last[k] = last[part]
