# The C entry points that look at a zone, set what is attached to its pages, and its whole state.


cdef public int bc_page_info(const bc_zone *zone, int64_t pfn, bc_page *page) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, page)
    cdef int32_t head
    cdef int order = 0
    if status != BC_OK:
        return status
    if page == NULL:
        return BC_EMISUSE_POINTER
    if pfn < z.start_pfn or pfn >= z.start_pfn + z.spanned_pages:
        return BC_EMISUSE_PFN_RANGE
    head = block_head(z, <int32_t> (pfn - z.base_pfn))
    page.pfn = z.base_pfn + head
    page.state = zone_page_kind(z, head, &order)
    page.order = order
    page.flags = flags_array(z)[head] if page.state == BC_PAGE_USED else 0
    page.migratetype = get_pageblock_migratetype(z, <int32_t> (pfn - z.base_pfn))
    page.owner = page_owner(z, head)
    return BC_OK


cdef public int bc_set_owners(bc_zone *zone, const int64_t *pfns, const uint64_t *cookies, int64_t n) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, NULL)
    if status != BC_OK:
        return status
    if pointer_bad(pfns) or pointer_bad(cookies):
        return BC_EMISUSE_POINTER
    if n < 0:
        return BC_EMISUSE_SIZE
    if not z.off_owner:
        return BC_EMISUSE_NO_OWNERS
    return core_status(zone_set_owners(z, pfns, cookies, n, &n))


cdef public int bc_set_pageblock(bc_zone *zone, int64_t pfn, int migratetype) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, NULL)
    if status != BC_OK:
        return status
    if pfn < z.start_pfn or pfn >= z.start_pfn + z.spanned_pages:
        return BC_EMISUSE_PFN_RANGE
    if <unsigned int> migratetype >= <unsigned int> zone_types(z):
        return BC_EMISUSE_TYPE_RANGE
    zone_set_block_type(z, <int32_t> (pfn - z.base_pfn), migratetype)
    return BC_OK


cdef public int bc_set_min_free_kbytes(bc_zone *zone, int64_t kbytes) noexcept nogil:
    cdef int status = zone_status(zone, NULL)
    if status != BC_OK:
        return status
    if not 0 <= kbytes <= MIN_FREE_KBYTES_MAX:
        return BC_EMISUSE_VALUE
    setup_per_zone_pages_min(<zone_t *> zone, kbytes, -1)
    return BC_OK


cdef public int bc_watermark_ok(const bc_zone *zone, int order, int64_t mark, int classzone_idx,
                                int alloc_flags) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, NULL)
    cdef int kinds = 0
    if status != BC_OK:
        return status
    lowmem_reserves(z, &kinds)
    if <unsigned int> order > <unsigned int> z.max_page_order:
        return BC_EMISUSE_ORDER_RANGE
    if <unsigned int> classzone_idx >= <unsigned int> kinds or not -(<int64_t> 1 << 60) <= mark <= <int64_t> 1 << 60:
        return BC_EMISUSE_VALUE
    if alloc_flags & ~known_alloc_flags(z):
        return BC_EMISUSE_FLAGS
    return zone_watermark_ok(z, order, mark, classzone_idx, alloc_flags)


cdef public int bc_stats_get(const bc_zone *zone, bc_stats *stats) noexcept nogil:
    cdef zone_t *z = <zone_t *> zone
    cdef int status = zone_status(zone, stats)
    cdef int k
    if status != BC_OK:
        return status
    if stats == NULL:
        return BC_EMISUSE_POINTER
    memset(stats, 0, sizeof(bc_stats))
    stats.start_pfn = z.start_pfn
    stats.spanned_pages = z.spanned_pages
    stats.present_pages = z.present_pages
    stats.nr_free_pages = z.nr_free_pages
    stats.pages_min = z.pages_min
    stats.pages_low = z.pages_low
    stats.pages_high = z.pages_high
    stats.min_free_kbytes = z.min_free_kbytes
    stats.max_page_order = z.max_page_order
    stats.pageblock_order = z.pageblock_order
    stats.zone_idx = z.zone_idx
    stats.cpus = z.cpus
    stats.owners = z.off_owner != 0
    memcpy(stats.nr_free, z.nr_free, sizeof(z.nr_free))
    memcpy(stats.lowmem_reserve, lowmem_reserves(z, &k), sizeof(stats.lowmem_reserve))
    memcpy(stats.nr_lru, z.nr_lru, sizeof(z.nr_lru))
    memcpy(stats.vm, z.vm, sizeof(z.vm))
    for k in range(z.slots_used):
        stats.open_lists += zone_slot(z, k).kind != SLOT_UNUSED
    return BC_OK


cdef public int bc_check(const bc_zone *zone, violation_t *violation) noexcept nogil:
    cdef int status = zone_status(zone, violation)
    cdef violation_t v
    memset(&v, 0, sizeof(v))
    v.pfn = NO_PAGE
    if status == BC_OK and not (zone_layout_ok(<zone_t *> zone, &v) and zone_check(<zone_t *> zone, &v)):
        status = BC_ECORRUPT
    if violation != NULL and (status == BC_OK or status == BC_ECORRUPT):
        violation[0] = v
    return status


cdef public int bc_digest(const bc_zone *zone, uint64_t *digest) noexcept nogil:
    cdef int status = zone_status(zone, digest)
    if status == BC_OK and digest == NULL:
        status = BC_EMISUSE_POINTER
    if status == BC_OK:
        zone_digest(<zone_t *> zone, digest)
    return status


cdef public int bc_random(bc_zone *zone, uint64_t *number) noexcept nogil:
    cdef int status = zone_status(zone, number)
    if status == BC_OK and number == NULL:
        status = BC_EMISUSE_POINTER
    if status == BC_OK:
        number[0] = random_next((<zone_t *> zone).random)
    return status
