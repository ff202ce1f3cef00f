# The one kind of list that everything uses, and the private lists of reclaimers.
#
# Links are a circular doubly linked list as struct list_head is, with indices for pointers: free lists, capture
# lists, per-CPU lists and the LRU share it, because a page is on at most one of them.
#
# Kernel: include/linux/list.h.


cdef inline void list_init(link_t *link, int32_t head) noexcept nogil:
    link[head].next = head
    link[head].prev = head


cdef inline int list_empty(link_t *link, int32_t head) noexcept nogil:
    return link[head].next == head


cdef inline void list_insert(link_t *link, int32_t i, int32_t prev, int32_t next) noexcept nogil:
    link[i].next = next
    link[i].prev = prev
    link[next].prev = i
    link[prev].next = i


cdef inline void list_add(link_t *link, int32_t head, int32_t i) noexcept nogil:
    list_insert(link, i, head, link[head].next)


cdef inline void list_add_tail(link_t *link, int32_t head, int32_t i) noexcept nogil:
    list_insert(link, i, link[head].prev, head)


cdef inline void list_del(link_t *link, int32_t i) noexcept nogil:
    cdef int32_t next = link[i].next
    cdef int32_t prev = link[i].prev
    link[next].prev = prev
    link[prev].next = next


# --- private lists ----------------------------------------------------------------------------------------------

cdef int32_t slot_open(zone_t *z, int kind) noexcept nogil:
    """Number of a new empty private list, or NO_PAGE if all are open.  The lowest free number is taken."""
    cdef int32_t slot = 0
    cdef slot_t *s
    while slot < z.slots_used and zone_slot(z, slot).kind != SLOT_UNUSED:
        slot += 1
    if slot == z.slot_limit:
        return NO_PAGE
    if slot == z.slots_used:
        z.slots_used += 1
    s = zone_slot(z, slot)
    s.own = s.merged = s.foreign = 0
    s.kind = kind
    s.largest = 0
    s.rules = 0
    s.wanted = 0
    s.reserved = 0
    z.slot_seq += 1
    s.seq = z.slot_seq
    list_init(link_array(z), slot_list(z, slot))
    return slot


cdef void slot_close(zone_t *z, int32_t slot) noexcept nogil:
    """Give the number of an empty list back.  Numbers above the highest open list leave the image."""
    zone_slot(z, slot).kind = SLOT_UNUSED
    while z.slots_used > 0 and zone_slot(z, z.slots_used - 1).kind == SLOT_UNUSED:
        z.slots_used -= 1


cdef inline int slot_is(zone_t *z, int32_t slot, uint32_t seq, int kind) noexcept nogil:
    """Whether `slot` is still the list that was opened as number `seq`."""
    return slot < z.slots_used and zone_slot(z, slot).kind == kind and zone_slot(z, slot).seq == seq
