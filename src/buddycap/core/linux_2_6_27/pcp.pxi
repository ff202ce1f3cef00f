# Per-CPU lists: order-0 pages between a CPU and the zone's free lists.
#
# One list a CPU; each page is tagged with a migratetype in the low nibble of its order byte (page->private in the
# kernel).  Hot pages are at the head.  Pages here are not counted as free and do not merge.
#
# While zone_t.pcp_bypass is set nobody uses them: pages go straight to and come straight from the free lists.
#
# Kernel: mm/page_alloc.c of 2.6.27: rmqueue_bulk, buffered_rmqueue, free_hot_cold_page, free_pages_bulk, drain_pages.


cdef int32_t rmqueue_bulk(zone_t *z, int cpu, int count, int mt, int cold) noexcept nogil:
    """Refill: up to `count` pages to the front of the list in the order obtained.  Number of pages.

    With pcp_bulk_cold (the later stable series) a refill for a cold request stands at the tail, first page last.
    """
    cdef link_t *link = link_array(z)
    cdef uint8_t *state = order_array(z)
    cdef int32_t at = pcp_list(cpu)
    cdef int32_t got = 0
    cdef int32_t i
    while got < count:
        i = buddy_alloc(z, 0, mt)
        if i == NO_PAGE:
            break
        state[i] = PG_PCP | mt
        if cold and z.pcp_bulk_cold:
            list_add_tail(link, at, i)
        else:
            list_add(link, at, i)
        at = i
        got += 1
    zone_pcp(z, cpu).count += got
    return got


cdef int32_t pcp_find(zone_t *z, int cpu, int mt, int cold) noexcept nogil:
    """First page tagged mt, from the tail for a cold request; NO_PAGE if there is none."""
    cdef link_t *link = link_array(z)
    cdef uint8_t *state = order_array(z)
    cdef int32_t head = pcp_list(cpu)
    cdef int32_t i = link[head].prev if cold else link[head].next
    while i != head:
        if state[i] == (PG_PCP | mt):
            return i
        i = link[i].prev if cold else link[i].next
    return NO_PAGE


cdef int32_t rmqueue_pcplist_27(zone_t *z, int cpu, int mt, int cold) noexcept nogil:
    """One page through the CPU's list, or NO_PAGE.  Linux: buffered_rmqueue for order 0.

    If nothing on the list has the right tag it is refilled and the head is taken, whatever its tag (2.6.27).
    """
    cdef pcp_t *pcp = zone_pcp(z, cpu)
    cdef int32_t i
    if z.pcp_bypass:
        return rmqueue_zone_27(z, 0, mt)
    mt = request_type(z, mt)
    if pcp.count == 0 and rmqueue_bulk(z, cpu, pcp.batch, mt, cold) == 0:
        return NO_PAGE
    i = pcp_find(z, cpu, mt, cold)
    if i == NO_PAGE:
        rmqueue_bulk(z, cpu, pcp.batch, mt, cold)
        i = link_array(z)[pcp_list(cpu)].next
    list_del(link_array(z), i)
    pcp.count -= 1
    order_array(z)[i] = PG_USED
    z.vm[VM_PGALLOC] += 1
    return i


cdef void free_pages_bulk(zone_t *z, int cpu, int count) noexcept nogil:
    """Spill up to `count` pages from the tail of the list to the free lists."""
    cdef link_t *link = link_array(z)
    cdef pcp_t *pcp = zone_pcp(z, cpu)
    cdef int32_t i
    z.all_unreclaimable = 0
    z.pages_scanned = 0
    while count > 0 and pcp.count > 0:
        i = link[pcp_list(cpu)].prev
        list_del(link, i)
        pcp.count -= 1
        count -= 1
        buddy_free(z, i, 0)


cdef void free_hot_cold_page_27(zone_t *z, int cpu, int32_t i, int cold) noexcept nogil:
    """Free one page to the head (hot) or tail (cold) of the CPU's list; a full list spills one batch."""
    cdef pcp_t *pcp = zone_pcp(z, cpu)
    if z.pcp_bypass:
        free_pages_ok_27(z, i, 0)
        return
    free_pages_prepare(z, i)
    z.vm[VM_PGFREE] += 1
    order_array(z)[i] = PG_PCP | get_pageblock_migratetype(z, i)
    if cold:
        list_add_tail(link_array(z), pcp_list(cpu), i)
    else:
        list_add(link_array(z), pcp_list(cpu), i)
    pcp.count += 1
    if pcp.count >= pcp.high:
        free_pages_bulk(z, cpu, pcp.batch)


cdef void drain_pages_27(zone_t *z, int cpu) noexcept nogil:
    """Spill everything the CPU holds."""
    free_pages_bulk(z, cpu, zone_pcp(z, cpu).count)


cdef void drain_all_pages(zone_t *z) noexcept nogil:
    """Spill every CPU's list, CPU 0 first."""
    cdef int cpu
    for cpu in range(z.cpus):
        drain_pages_27(z, cpu)


cdef void pcp_bypass_begin(zone_t *z) noexcept nogil:
    """A reclaimer wants every page that is freed to merge at once: empty the lists and close them (Lameter)."""
    drain_all_pages(z)
    z.pcp_bypass += 1


cdef void pcp_bypass_end(zone_t *z) noexcept nogil:
    z.pcp_bypass -= 1
