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
# Kernel: mm/swap.c, mm/vmscan.c (putback_lru_page) and include/linux/mm_inline.h of 2.6.28.
#
# Deviation: no per-CPU pagevecs in front of the lists, so lru_cache_add acts at once.

cdef enum:                      # flags that may be given to pages
    LOOSE_FLAGS = PF_LOCKED | PF_REFERENCED | PF_DIRTY | PF_MMAP | PF_YOUNG | PF_PINNED
    LRU_FLAGS = (LOOSE_FLAGS | PF_ACTIVE | PF_ANON | PF_SWAPCACHE | PF_SWAPBACKED | PF_UNEVICTABLE | PF_MLOCKED)
    SLAB_FLAGS = PF_LOCKED | PF_REFERENCED | PF_PINNED


# --- flags ------------------------------------------------------------------------------------------------------

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


cdef int lru_flags_status(uint32_t flags) noexcept nogil:
    """ST_OK if a page of the LRU can have these flags."""
    if flags & ~<uint32_t> LRU_FLAGS:
        return ST_FLAGS_UNKNOWN
    if flags & PF_ANON and not flags & PF_SWAPBACKED or flags & PF_SWAPCACHE and not flags & PF_ANON:
        return ST_FLAGS_ANON
    if flags & PF_ACTIVE and flags & PF_UNEVICTABLE:
        return ST_FLAGS_LISTS
    return ST_OK


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


cdef void lru_shuffle(zone_t *z, int lru, int64_t run, int32_t *room, uint64_t *random) noexcept nogil:
    """Bring the pages of a list into a random order, `run` neighbours at a time; what is left over comes first.

    room: a place for each page of the list.
    """
    cdef link_t *link = link_array(z)
    cdef int32_t head = page_list(lru)
    cdef int64_t n = 0
    cdef int64_t k, other, page
    cdef int32_t i = link[head].prev
    while i != head:
        room[n] = i
        n += 1
        i = link[i].prev
    for k in range(n // run - 1, 0, -1):
        other = <int64_t> (((random_next(random) >> 32) * <uint64_t> (k + 1)) >> 32)
        for page in range(run):
            i = room[k * run + page]
            room[k * run + page] = room[other * run + page]
            room[other * run + page] = i
    for k in range(n):
        list_del(link, room[k])
        list_add(link, head, room[k])


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


cdef void start_page_writeback(machine_t *m, zone_t *z, int32_t i) noexcept nogil:
    """A write of the page begins that is not reclaim's own.  Linux: clear_page_dirty_for_io, set_page_writeback."""
    if flags_array(z)[i] & PF_WRITEBACK:
        return
    page_set_flags(z, i, (flags_array(z)[i] & ~<uint32_t> PF_DIRTY) | PF_WRITEBACK)
    m.nr_writeback += 1
