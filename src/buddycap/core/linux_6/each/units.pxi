# What compaction has isolated: pages, or blocks that move as one, which it puts back, frees or moves (since Linux 6.1).
#
# Kernel: mm/migrate.c of 6.1: putback_movable_pages, move_to_new_folio.


cdef void free_orphan_61(zone_t *z, int32_t i) noexcept nogil:
    """Free an isolated unit that its owner has let go, or that has moved; it is on no list."""
    cdef int order = order_array(z)[i] & 0x0F
    flags_array(z)[i] = 0
    refs_array_61(z)[i] = 0
    order_array(z)[i] = PG_USED | order
    free_unref_61(z, i, order)


cdef void putback_movable_pages_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """Pages that were not moved go back to the LRU; those without an owner are free.  Linux: putback_movable_pages."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, cc.migratepages)
    cdef int32_t i
    while not list_empty(link, head):
        i = link[head].next
        list_del(link, i)
        if flags_array(z)[i] & PF_ORPHAN:
            free_orphan_61(z, i)
        else:
            putback_lru_page_61(z, i)
    cc.nr_migratepages = 0


cdef void move_unit_61(zone_t *z, int32_t i, int32_t target) noexcept nogil:
    """Contents, marks and owner move to the target, which is on the LRU at once; the old pages are freed.

    Linux: move_to_new_folio, putback_lru_page of the target, put_page of the source.
    """
    order_array(z)[target] = order_array(z)[i]
    if z.off_owner:
        owner_array(z)[target] = owner_array(z)[i]
    refs_array_61(z)[target] = refs_array_61(z)[i]
    lru_add_61(z, target, flags_array(z)[i] & ~<uint32_t> PF_ISOLATED)
    free_orphan_61(z, i)


cdef void let_go_of_all_61(zone_t *z) noexcept nogil:
    """What compaction, reclaim and ranges under way have in their hands goes back: pages to the LRU, targets and
    captured blocks to the free lists.  For a copy, with which nobody works."""
    cdef link_t *link = link_array(z)
    cdef uint8_t *state = order_array(z)
    cdef int32_t slot, head, i
    if z.slots_used == 0:
        return
    for slot in range(z.slots_used):
        head = slot_list(z, slot)
        while zone_slot(z, slot).kind == SLOT_PAGES and not list_empty(link, head):
            i = link[head].next
            list_del(link, i)
            if flags_array(z)[i] & PF_ORPHAN:
                free_orphan_61(z, i)
            else:
                putback_lru_page_61(z, i)
    z.slots_used = 0
    for i in range(z.nr_index):
        if (state[i] & PG_STATE) == PG_HELD_61:
            state[i] = PG_USED | (state[i] & 0x0F)
            free_unref_61(z, i, state[i] & 0x0F)
