# Lumpy reclaim: pages leave the LRU in whole aligned blocks, into the hands of a reclaimer; and how the last one that
# holds a page lets go of it.
#
# Kernel: mm/vmscan.c (isolate_lru_pages) and mm/swap.c of 2.6.28.
#
# Deviations: the rotation after writeback acts at once.  A page that its owner drops while a reclaimer or a write holds
# it is marked ORPHAN and freed by the last of them.  So is one that a reclaimer has taken from its owner and not freed
# yet, and a captured block that is not handed out yet.

cdef enum:
    ISOLATE_INACTIVE = 0
    ISOLATE_ACTIVE = 1
    ISOLATE_BOTH = 2

ctypedef struct isolation_t:    # result of one isolate_lru_pages
    int32_t scanned
    int32_t taken
    int32_t looked              # pfns looked at
    int32_t count[4]            # taken, by the list each page was on


cdef inline int isolate_lru_page(zone_t *z, int32_t i, int mode, int lru, int32_t head,
                                 isolation_t *out) noexcept nogil:
    """Move page i to a private list if the mode allows.  Linux: __isolate_lru_page.

    It is never "busy": no page here is on the LRU and being freed at the same time.  Unless active pages are what is
    wanted, the page is made inactive on the way, which the kernel does in a second walk (clear_active_flags).
    """
    cdef uint32_t flags = flags_array(z)[i]
    cdef int from_lru
    if (flags & (PF_LRU | PF_UNEVICTABLE | PF_SLAB)) != PF_LRU:
        return 0
    from_lru = evictable_list(flags)
    if mode != ISOLATE_BOTH and from_lru != lru:
        return 0
    list_del(link_array(z), i)
    list_add(link_array(z), head, i)
    flags &= ~<uint32_t> (PF_LRU if mode == ISOLATE_ACTIVE else PF_LRU | PF_ACTIVE)
    flags_array(z)[i] = flags | PF_ISOLATED
    out.count[from_lru] += 1
    return 1


cdef inline int32_t isolate_block(zone_t *z, int32_t tag, int order, int mode, int lru, int32_t head,
                                  isolation_t *out) noexcept nogil:
    """Lumpy reclaim: isolate what may be isolated of the aligned block around the tag.  Number of pages.

    A hole inside the zone ends the block; cells outside it belong to no zone or to another one and are passed over.
    """
    cdef uint8_t *state = order_array(z)
    cdef int32_t start = tag & ~((1 << order) - 1)
    cdef int32_t end = start + (1 << order)
    cdef int32_t taken = 0
    cdef int32_t i = start
    while i < end:
        if state[i] != PG_MARKED:
            if state[i] == PG_HOLE and z.first <= i < z.end:
                break
        elif i != tag:
            taken += isolate_lru_page(z, i, mode, lru, head, out)
        i += 1
    out.looked += i - start
    return taken


cdef void isolate_lru_pages(zone_t *z, int32_t n, int lru, int32_t head, int order, int mode,
                            isolation_t *out) noexcept nogil:
    """Take pages from the tail of a list, and with order > 0 the blocks around them, to the head of a private list.

    At most n - 1 + 2^order pages: n is looked at between blocks only.  Taken pages leave the counters.
    """
    cdef link_t *link = link_array(z)
    cdef int32_t tag, more
    cdef int k
    memset(out, 0, sizeof(isolation_t))
    while out.scanned < n and not list_empty(link, page_list(lru)):
        tag = link[page_list(lru)].prev
        isolate_lru_page(z, tag, mode, lru, head, out)
        more = isolate_block(z, tag, order, mode, lru, head, out) if order else 0
        out.taken += 1 + more
        out.scanned += 1 + more
    out.looked = max(out.looked, out.scanned)
    for k in range(4):
        z.nr_lru[k] -= out.count[k]


# --- letting go -------------------------------------------------------------------------------------------------

cdef void page_release_27(zone_t *z, int32_t i, int cpu) noexcept nogil:
    """The owner drops its page.  Whoever still holds it (a reclaimer, a write under way) frees it later."""
    cdef uint32_t flags = flags_array(z)[i]
    if flags & (PF_ISOLATED | PF_WRITEBACK):
        page_disown(z, i)
        page_set_flags(z, i, (flags | PF_ORPHAN) & ~<uint32_t> (PF_MMAP | PF_YOUNG | PF_REFERENCED | PF_MLOCKED))
        return
    if flags & PF_LRU:
        lru_del(z, i)
    free_hot_cold_page_27(z, cpu, i, 0)


cdef void end_page_writeback_27(machine_t *m, zone_t *z, int32_t i, int cpu) noexcept nogil:
    """The write is done.  A page that reclaim wanted goes to the tail of its list, an orphan is freed.

    Linux: end_page_writeback, rotate_reclaimable_page.
    """
    cdef uint32_t flags = flags_array(z)[i]
    cdef uint32_t barred = PF_LOCKED | PF_DIRTY | PF_ACTIVE | PF_UNEVICTABLE
    if not flags & PF_WRITEBACK or order_array(z)[i] != PG_MARKED:      # a captured block's flags are a number
        return
    m.nr_writeback -= 1
    page_set_flags(z, i, flags & ~<uint32_t> (PF_WRITEBACK | PF_RECLAIM))
    if flags & PF_ORPHAN:
        page_release_27(z, i, cpu)
    elif flags & PF_RECLAIM and (flags & (PF_LRU | barred)) == PF_LRU:
        list_del(link_array(z), i)
        list_add_tail(link_array(z), page_list(evictable_list(flags)), i)
        z.vm[VM_PGROTATED] += 1
