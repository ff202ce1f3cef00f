# Pages on the LRU of a zone of Linux 6.1, and pages that somebody has taken off it.
#
# The lists are those of common/lru.pxi.  Any page may have the LRU mark, for that is all the allocator asks about; of a
# compound block only the first page has marks.  A page that compaction or reclaim has isolated is on a private
# list of theirs, and its owner may let it go meanwhile: whoever holds it frees it then.
#
# Deviation: the kernel has these lists for each node, and pages wait in per-CPU batches before they are on one.
#
# Kernel: include/linux/mm_inline.h, mm/vmscan.c (folio_putback_lru), mm/compaction.c (isolate_migratepages_block).


cdef inline uint8_t used_state_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """PG_USED if nothing is noted about any page of an allocated block, else PG_MARKED, with the order."""
    cdef uint32_t noted = refs_array_61(z)[i]
    cdef int32_t k
    for k in range(i, i + (1 << order)):
        noted |= flags_array(z)[k]
    return (PG_MARKED if noted else PG_USED) | order


cdef inline void lru_add_61(zone_t *z, int32_t i, uint32_t flags) noexcept nogil:
    """A page of an allocated block goes to the head of the list that these flags name."""
    flags_array(z)[i] = flags | PF_LRU
    add_page_to_lru_list(z, i, page_lru(flags))


cdef inline void lru_del_61(zone_t *z, int32_t i) noexcept nogil:
    """Take a page off its list; its other marks stay."""
    del_page_from_lru_list(z, i, page_lru(flags_array(z)[i]))
    flags_array(z)[i] &= ~PF_LRU


cdef void lru_forget_61(zone_t *z, int32_t i, int order) noexcept nogil:
    """The pages of a block that is freed leave the LRU, and all their marks go.  Linux: __page_cache_release."""
    cdef uint32_t *flags = flags_array(z)
    cdef int32_t k
    for k in range(i, i + (1 << order)):
        if flags[k] & PF_LRU:
            lru_del_61(z, k)
        flags[k] = 0


cdef inline void isolate_lru_page_61(zone_t *z, int32_t i, int32_t head) noexcept nogil:
    """A single page leaves the LRU for the head of a private list."""
    lru_del_61(z, i)
    flags_array(z)[i] |= PF_ISOLATED
    list_add(link_array(z), head, i)


cdef inline void putback_lru_page_61(zone_t *z, int32_t i) noexcept nogil:
    """An isolated page, which is on no list any more, goes back to the LRU."""
    lru_add_61(z, i, flags_array(z)[i] & ~<uint32_t> PF_ISOLATED)


cdef int32_t lru_pages_61(zone_t *z, int32_t head, int32_t start, int32_t end) noexcept nogil:
    """Pages of [start, end), all of the block that starts at `head`, that have an LRU mark.

    The mark of a compound block is that of its first page.
    """
    cdef uint32_t *flags = flags_array(z)
    cdef int32_t pages = 0
    cdef int32_t k
    if (order_array(z)[head] & PG_STATE) != PG_MARKED:
        return 0
    if flags[head] & PF_COMPOUND_61:
        return end - start if flags[head] & PF_LRU else 0
    for k in range(start, end):
        pages += (flags[k] & PF_LRU) != 0
    return pages
