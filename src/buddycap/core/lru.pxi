# The LRU lists: four evictable ones, the unevictable one, and the slab list.
#
#      new page --> head [ ACTIVE   ... ] tail --shrink_active_list--> head [ INACTIVE ... ] tail --isolate--> reclaim
#                   anon and file apart: file means not SWAPBACKED
#
# A page is on the list that its flags name, or ISOLATED on one reclaimer's private list.  Only allocated pages of
# order 0 are here.  nr_lru counts the listed pages; isolated ones are in no counter, as in the kernel.
#
# The slab list is this package's model of the shrinkers: every page on it stands for a number of unused dentries or
# inodes and is freed whole.
#
# Kernel: mm/swap.c, mm/vmscan.c (isolate_lru_pages, putback_lru_page) and include/linux/mm_inline.h of 2.6.28.
#
# Deviations: no per-CPU pagevecs in front of the lists, so lru_cache_add and the rotation after writeback act at once.
# A page that its owner drops while a reclaimer or a write holds it is marked ORPHAN and freed by the last of them.  So
# is one that a reclaimer has taken from its owner and not freed yet, and a captured block that is not handed out yet.

cdef enum:
    ISOLATE_INACTIVE = 0
    ISOLATE_ACTIVE = 1
    ISOLATE_BOTH = 2

ctypedef struct isolation_t:    # result of one isolate_lru_pages
    int32_t scanned
    int32_t taken
    int32_t looked              # pfns looked at
    int32_t count[4]            # taken, by the list each page was on


# --- flags ------------------------------------------------------------------------------------------------------

cdef void page_mark(zone_t *z, int32_t i, uint32_t flags) noexcept nogil:
    """Set flags of an allocated page, keeping the others."""
    flags_array(z)[i] |= flags
    order_array(z)[i] = PG_MARKED | (order_array(z)[i] & 0x0F)


cdef void page_unmark(zone_t *z, int32_t i, uint32_t flags) noexcept nogil:
    """Clear flags of an allocated page, keeping the others."""
    page_set_flags(z, i, flags_array(z)[i] & ~flags)


cdef inline uint64_t page_owner(zone_t *z, int32_t i) noexcept nogil:
    return owner_array(z)[i] if z.off_owner else 0


cdef inline void page_disown(zone_t *z, int32_t i) noexcept nogil:
    if z.off_owner:
        owner_array(z)[i] = 0


cdef inline int is_file(uint32_t flags) noexcept nogil:
    """Linux: page_is_file_cache."""
    return not flags & PF_SWAPBACKED


cdef inline int is_evictable(uint32_t flags) noexcept nogil:
    """Linux: page_evictable.  MLOCKED also stands for a mapping that is unevictable as a whole."""
    return not flags & PF_MLOCKED


cdef inline int is_mapping_inuse(uint32_t flags) noexcept nogil:
    """Linux: page_mapping_inuse.  Deviation: a page cache page counts by its own mapping, not by its file's."""
    return (flags & (PF_MMAP | PF_SWAPCACHE)) != 0


cdef inline int is_referenced(uint32_t flags) noexcept nogil:
    """What page_referenced finds; the caller clears both bits."""
    return flags & PF_REFERENCED or (flags & (PF_MMAP | PF_YOUNG)) == (PF_MMAP | PF_YOUNG)


cdef inline int evictable_list(uint32_t flags) noexcept nogil:
    return (LRU_INACTIVE_FILE if is_file(flags) else LRU_INACTIVE_ANON) + ((flags & PF_ACTIVE) != 0)


cdef inline int page_lru(uint32_t flags) noexcept nogil:
    """The list that the flags name."""
    if flags & PF_SLAB:
        return LRU_SLAB
    return LRU_UNEVICTABLE if flags & PF_UNEVICTABLE else evictable_list(flags)


# --- lists ------------------------------------------------------------------------------------------------------

cdef inline void add_page_to_lru_list(zone_t *z, int32_t i, int lru) noexcept nogil:
    list_add(link_array(z), page_list(lru), i)
    z.nr_lru[lru] += 1


cdef inline void del_page_from_lru_list(zone_t *z, int32_t i, int lru) noexcept nogil:
    list_del(link_array(z), i)
    z.nr_lru[lru] -= 1


cdef void lru_cache_add(zone_t *z, int32_t i, uint32_t flags) noexcept nogil:
    """Put a page with these flags at the head of its list.  Linux: lru_cache_add_lru, ____pagevec_lru_add."""
    cdef int lru = page_lru(flags)
    page_set_flags(z, i, flags | PF_LRU)
    add_page_to_lru_list(z, i, lru)
    if lru < LRU_UNEVICTABLE:
        z.recent_scanned[is_file(flags)] += 1
        z.recent_rotated[is_file(flags)] += lru & 1


cdef void slab_add(zone_t *z, int32_t i, uint32_t flags) noexcept nogil:
    """Put a page of unused objects at the head of the slab list."""
    page_set_flags(z, i, flags | PF_SLAB | PF_LRU)
    add_page_to_lru_list(z, i, LRU_SLAB)


cdef void lru_del(zone_t *z, int32_t i) noexcept nogil:
    """Take a page off its list, of whatever kind.  Linux: del_page_from_lru."""
    del_page_from_lru_list(z, i, page_lru(flags_array(z)[i]))
    page_unmark(z, i, PF_LRU | PF_ACTIVE | PF_UNEVICTABLE | PF_SLAB)


cdef void putback_lru_page(zone_t *z, int32_t i) noexcept nogil:
    """Give a page that is on no list to the one it belongs to, unevictable or not.  Linux: putback_lru_page."""
    cdef uint32_t flags = flags_array(z)[i] & ~<uint32_t> PF_ISOLATED
    if is_evictable(flags):
        lru_cache_add(z, i, flags & ~<uint32_t> PF_UNEVICTABLE)
        z.vm[VM_UNEVICTABLE_PGRESCUED] += (flags & PF_UNEVICTABLE) != 0
    else:
        lru_cache_add(z, i, (flags & ~<uint32_t> PF_ACTIVE) | PF_UNEVICTABLE)
        z.vm[VM_UNEVICTABLE_PGCULLED] += (flags & PF_UNEVICTABLE) == 0


cdef void page_set_mlocked(zone_t *z, int32_t i, int mlocked) noexcept nogil:
    """Lock a page in memory or unlock it.  Linux: mlock_vma_page, munlock_vma_page.

    An isolated page keeps its place; reclaim sorts it when it comes to it.
    """
    cdef uint32_t flags = flags_array(z)[i]
    page_set_flags(z, i, flags | PF_MLOCKED if mlocked else flags & ~<uint32_t> PF_MLOCKED)
    if flags & PF_LRU and not flags & PF_SLAB:
        del_page_from_lru_list(z, i, page_lru(flags))
        putback_lru_page(z, i)


cdef inline int64_t zone_anon_pages(zone_t *z) noexcept nogil:
    return z.nr_lru[LRU_INACTIVE_ANON] + z.nr_lru[LRU_ACTIVE_ANON]


cdef inline int64_t zone_file_pages(zone_t *z) noexcept nogil:
    return z.nr_lru[LRU_INACTIVE_FILE] + z.nr_lru[LRU_ACTIVE_FILE]


cdef int64_t zone_lru_pages(zone_t *z) noexcept nogil:
    """Pages on the four evictable lists."""
    return zone_anon_pages(z) + zone_file_pages(z)


cdef inline int inactive_anon_is_low(zone_t *z) noexcept nogil:
    return z.nr_lru[LRU_INACTIVE_ANON] * z.inactive_ratio < z.nr_lru[LRU_ACTIVE_ANON]


# --- use --------------------------------------------------------------------------------------------------------

cdef void activate_page(zone_t *z, int32_t i) noexcept nogil:
    """Move an inactive page to the head of its active list."""
    cdef uint32_t flags = flags_array(z)[i]
    if (flags & (PF_LRU | PF_ACTIVE | PF_UNEVICTABLE | PF_SLAB)) != PF_LRU:
        return
    del_page_from_lru_list(z, i, evictable_list(flags))
    z.vm[VM_PGACTIVATE] += 1
    lru_cache_add(z, i, flags | PF_ACTIVE)


cdef void mark_page_accessed(zone_t *z, int32_t i) noexcept nogil:
    """First use: Referenced.  Second use: active, and not Referenced any more."""
    cdef uint32_t flags = flags_array(z)[i]
    if (flags & (PF_LRU | PF_REFERENCED | PF_ACTIVE | PF_UNEVICTABLE | PF_SLAB)) == (PF_LRU | PF_REFERENCED):
        activate_page(z, i)
        page_unmark(z, i, PF_REFERENCED)
    elif not flags & PF_REFERENCED:
        page_mark(z, i, PF_REFERENCED)


# --- letting go -------------------------------------------------------------------------------------------------

cdef void page_release(zone_t *z, int32_t i, int cpu) noexcept nogil:
    """The owner drops its page.  Whoever still holds it (a reclaimer, a write under way) frees it later."""
    cdef uint32_t flags = flags_array(z)[i]
    if flags & (PF_ISOLATED | PF_WRITEBACK):
        page_disown(z, i)
        page_set_flags(z, i, (flags | PF_ORPHAN) & ~<uint32_t> (PF_MMAP | PF_YOUNG | PF_REFERENCED | PF_MLOCKED))
        return
    if flags & PF_LRU:
        lru_del(z, i)
    free_hot_cold_page(z, cpu, i, 0)


cdef void start_page_writeback(machine_t *m, zone_t *z, int32_t i) noexcept nogil:
    """A write of the page begins that is not reclaim's own.  Linux: clear_page_dirty_for_io, set_page_writeback."""
    if flags_array(z)[i] & PF_WRITEBACK:
        return
    page_set_flags(z, i, (flags_array(z)[i] & ~<uint32_t> PF_DIRTY) | PF_WRITEBACK)
    m.nr_writeback += 1


cdef void end_page_writeback(machine_t *m, zone_t *z, int32_t i, int cpu) noexcept nogil:
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
        page_release(z, i, cpu)
    elif flags & PF_RECLAIM and (flags & (PF_LRU | barred)) == PF_LRU:
        list_del(link_array(z), i)
        list_add_tail(link_array(z), page_list(evictable_list(flags)), i)
        z.vm[VM_PGROTATED] += 1


# --- isolation --------------------------------------------------------------------------------------------------

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
