# Streams of requests to a machine: many single calls in one, with exactly their result.
#
# A stream stops where somebody must be asked: when a request waits, when the event ring fills, when kswapd has its
# turn.  The driver does what the single call would have let happen, and goes on.
#
# Reclaim may take a page while the stream still knows it.  So every page remembers which operation allocated it: one
# that names an allocation whose page is gone does nothing.
#
# What an operation does is for the kernel's room to say; here is how it finds its page and where its result goes.

cdef enum:
    STREAM_BUDGET = 32          # pages of a request's first step, which is often its last
    STREAM_EVENT_ROOM = 256     # places in the event ring that must be free before an operation

cdef enum:                      # why run_requests returned
    STREAM_STOPPED = 0          # at the end of the range asked for
    STREAM_REQUEST              # operation `at` waits or has reclaimed: run it to its end, note it with request_end
    STREAM_EVENTS               # drain the ring
    STREAM_KSWAPD               # run kswapd until it sleeps, then go on behind `at`
    STREAM_REFUSED              # `status` says what is wrong with operation `at`


cdef inline void note_block(machine_t *m, machine_stream_t *s, int32_t zone, int32_t i, int path) noexcept nogil:
    """The result of operation `at`, an allocation."""
    cdef machine_result_t *result = &s.result[s.at]
    result.path = path
    if i != NO_PAGE:
        result.pfn = m.zone[zone].base_pfn + i
        result.zone = m.nr_zones - 1 - zone
        s.holder[zone][i] = <int32_t> s.at + 1


cdef void request_end(machine_t *m, machine_stream_t *s) noexcept nogil:
    """Note the result of the request of operation `at`."""
    note_block(m, s, s.request.zone, s.request.page, s.request.path)


cdef int find_target(machine_t *m, machine_stream_t *s, const machine_op_t *op, int32_t *zone, int32_t *i,
                     int *order) noexcept nogil:
    """The block that an operation is about; 0 if it is another's, or if s.status says what is wrong.

    Whether it is still allocated is for the kernel to say.
    """
    cdef const machine_result_t *source
    cdef int64_t pfn = op.pfn
    order[0] = op.order
    s.status = ST_OK
    if op.arg < -1:
        s.status = ST_OP_ARG
        return 0
    if op.arg >= 0:
        if op.arg >= s.at or s.ops[op.arg].op != MOP_ALLOC:
            s.status = ST_OP_ARG
            return 0
        source = &s.result[op.arg]
        if source.pfn == NO_PAGE:
            return 0
        if source.freed:
            s.status = ST_PAGE_FREE
            return 0
        pfn = source.pfn
        order[0] = s.ops[op.arg].order
    if not machine_find(m, pfn, zone, i):
        s.status = ST_PFN_RANGE
        return 0
    return op.arg < 0 or s.holder[zone[0]][i[0]] == op.arg + 1


cdef inline void result_clear(machine_result_t *result) noexcept nogil:
    result.pfn = NO_PAGE
    result.cost = -1
    result.zone = -1
    result.path = PATH_NONE
    result.freed = 0
    result.reserved = 0


cdef inline void prefetch_target(const machine_t *m, const machine_stream_t *s, int64_t k, int64_t stop) noexcept nogil:
    """Ask for what operation k will touch, if it is about a block that is known by now."""
    cdef const machine_result_t *source
    cdef zone_t *z
    cdef int64_t i
    if k + PREFETCH_OPS < stop and 0 <= s.ops[k + PREFETCH_OPS].arg < s.at:
        buddycap_prefetch(&s.result[s.ops[k + PREFETCH_OPS].arg])
    if k >= stop or not 0 <= s.ops[k].arg < s.at:
        return
    source = &s.result[s.ops[k].arg]
    if source.pfn == NO_PAGE:
        return
    z = m.zone[m.nr_zones - 1 - source.zone]
    i = source.pfn - z.base_pfn
    buddycap_prefetch(order_array(z) + i)
    buddycap_prefetch(link_array(z) + i)
    buddycap_prefetch(link_array(z) + (i ^ (1 << (s.ops[s.ops[k].arg].order & 0x0F))))
    buddycap_prefetch(s.holder[m.nr_zones - 1 - source.zone] + i)


# --- pages ------------------------------------------------------------------------------------------------------

cdef int list_page(machine_t *m, zone_t *z, int32_t i, uint32_t flags, int op) noexcept nogil:
    """Put a page that is on no list on its LRU list or on the slab list; a status."""
    cdef int status = ST_OK
    if op == MOP_LRU_ADD:
        status = lru_flags_status(flags)
    elif flags & ~<uint32_t> SLAB_FLAGS:
        status = ST_FLAGS_UNKNOWN
    if status == ST_OK and flags & PF_SWAPCACHE:
        if m.swap_free == 0:
            return ST_NO_SWAP
        m.swap_free -= 1
    if status != ST_OK:
        return status
    if op == MOP_LRU_ADD:
        lru_cache_add(z, i, flags)
    else:
        slab_add(z, i, flags)
    return ST_OK


cdef int change_page(zone_t *z, int32_t i, uint32_t flags, int op) noexcept nogil:
    """Note a use of a single page, or change its flags; a status."""
    if op != MOP_ACCESS and flags & ~<uint32_t> LOOSE_FLAGS:
        return ST_FLAGS_UNKNOWN
    if op == MOP_ACCESS:
        mark_page_accessed(z, i)
    elif op == MOP_CLEAR_FLAGS:
        page_unmark(z, i, flags)
    elif flags:
        page_mark(z, i, flags)
    return ST_OK
