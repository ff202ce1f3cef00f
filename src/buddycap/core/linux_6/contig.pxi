# Ranges of pages before they are emptied, and areas set aside for them: equal in Linux 6.1 and 6.12.
#
# Kernel: mm/cma.c of 6.1: cma_alloc, cma_release; lib/bitmap.c: bitmap_find_next_zero_area_off.

ctypedef struct cma_t:          # which pages of an area have been given out
    int64_t start               # first PFN
    int64_t pages
    int64_t used                # pages given out
    uint8_t *taken              # of each page; lent by the caller


cdef void contig_init_61(contig_t *c, int zone, int32_t start, int32_t end, int mt,
                         int purpose) noexcept nogil:
    """A range of pages of the zone at a position, which lie in it.  Nothing is done yet; the caller lends `moves`."""
    memset(c, 0, sizeof(contig_t))
    c.state = CONTIG_ISOLATE
    c.zone = zone
    c.start = start
    c.end = end
    c.migratetype = mt
    c.purpose = purpose
    c.list = c.blocker = NO_PAGE


cdef int32_t first_present_61(zone_t *z, int32_t start, int32_t end) noexcept nogil:
    """The first page of [start, end) that is there, or NO_PAGE."""
    cdef int32_t i
    for i in range(start, end):
        if order_array(z)[i] != PG_HOLE:
            return i
    return NO_PAGE


# --- areas ------------------------------------------------------------------------------------------------------

cdef int64_t cma_take(cma_t *area, int64_t at, int64_t pages, int align) noexcept nogil:
    """Give out the first free piece from offset `at` on whose PFN is aligned to an order; its offset, or -1."""
    cdef int64_t mask = (<int64_t> 1 << align) - 1
    cdef int64_t end
    while 1:
        while at < area.pages and area.taken[at]:
            at += 1
        at = ((area.start + at + mask) & ~mask) - area.start
        if at + pages > area.pages:
            return -1
        end = at
        while end < at + pages and not area.taken[end]:
            end += 1
        if end == at + pages:
            break
        at = end + 1
    memset(area.taken + at, 1, pages)
    area.used += pages
    return at


cdef int cma_has(const cma_t *area, int64_t pfn, int64_t pages) noexcept nogil:
    """Whether all of these pages have been given out."""
    cdef int64_t k
    if pfn < area.start or pages > area.pages or pfn - area.start > area.pages - pages:
        return 0
    for k in range(pfn - area.start, pfn - area.start + pages):
        if not area.taken[k]:
            return 0
    return 1


cdef void cma_drop(cma_t *area, int64_t at, int64_t pages) noexcept nogil:
    """They have come back."""
    memset(area.taken + at, 0, pages)
    area.used -= pages
