# The doors of machines: see kernel.pxi.


cdef inline int is_machine_6(const machine_t *m) noexcept nogil:
    """A machine without zones is nobody's: it does nothing, as one of 2.6.27."""
    return m.nr_zones > 0 and is_6(m.zone[0])


cdef inline int is_machine_61(const machine_t *m) noexcept nogil:
    return m.nr_zones > 0 and is_61(m.zone[0])


cdef inline int is_machine_612(const machine_t *m) noexcept nogil:
    return m.nr_zones > 0 and is_612(m.zone[0])


cdef int zones_match(const zone_t *one, const zone_t *other) noexcept nogil:
    """Whether two zones can belong to one node."""
    if one.kernel != other.kernel:
        return 0
    return zones_match_61(one, other) if is_6(one) else zones_match_27(one, other)


cdef int machine_fits(const machine_t *m) noexcept nogil:
    """Whether the zones can belong to one node."""
    cdef int k
    for k in range(1, m.nr_zones):
        if not zones_match(m.zone[k - 1], m.zone[k]):
            return 0
    return 1


cdef int machine_is_node(const machine_t *m) noexcept nogil:
    """Whether what the zones keep back follows from all of them."""
    cdef zone_t *zones[MAX_NR_ZONES]
    if not is_machine_6(m):
        return 1
    return is_node_61(zones, machine_zones(m, zones))


cdef int request_status(const machine_t *m, int64_t order, int64_t gfp, int64_t cpu) noexcept nogil:
    """ST_OK if there can be such a request."""
    return request_status_61(m, order, gfp, cpu) if is_machine_6(m) else request_status_27(m, order, gfp, cpu)


cdef int32_t get_page_from_freelist(machine_t *m, int order, uint32_t gfp, int alloc_flags, int cpu,
                                    int32_t *zone) noexcept nogil:
    """A block from the first zone of the list that permits it; NO_PAGE if there is none."""
    if is_machine_61(m):
        return get_page_from_freelist_61(m, order, gfp, alloc_flags, cpu, zone)
    if is_machine_612(m):
        return get_page_from_freelist_612(m, order, gfp, alloc_flags, cpu, zone)
    return get_page_from_freelist_27(m, order, gfp, alloc_flags, cpu, zone)


cdef int32_t request_shortcut(machine_t *m, int order, uint32_t gfp, int cpu, int32_t *zone) noexcept nogil:
    """What the first step of a request would try, without the request; NO_PAGE: begin one, nothing has changed."""
    if is_machine_61(m):
        return request_shortcut_61(m, order, gfp, cpu, zone)
    if is_machine_612(m):
        return request_shortcut_612(m, order, gfp, cpu, zone)
    return request_shortcut_27(m, order, gfp, cpu, zone)


cdef void free_block(zone_t *z, int32_t i, int order, int cpu) noexcept nogil:
    """Free a block the way its order asks for."""
    if is_61(z):
        free_block_61(z, i, order, cpu)
    elif is_612(z):
        free_block_612(z, i, order, cpu)
    else:
        free_block_27(z, i, order, cpu)


cdef void page_release(zone_t *z, int32_t i, int cpu) noexcept nogil:
    """The owner drops its page; whoever still holds it frees it later."""
    if is_61(z):
        page_release_61(z, i, cpu)
    elif is_612(z):
        page_release_612(z, i, cpu)
    else:
        page_release_27(z, i, cpu)


cdef void end_page_writeback(machine_t *m, zone_t *z, int32_t i, int cpu) noexcept nogil:
    """A write of the page is done."""
    if is_61(z):
        end_page_writeback_61(m, z, i, cpu)
    elif is_612(z):
        end_page_writeback_612(m, z, i, cpu)
    else:
        end_page_writeback_27(m, z, i, cpu)


cdef void request_init(machine_t *m, request_t *r, int order, uint32_t gfp, int cpu, int task,
                       const policy_t *policy) noexcept nogil:
    """An allocation that has not begun.  `policy`: of the capture of 2008, which later kernels do not have."""
    if is_machine_6(m):
        request_init_61(m, r, order, gfp, cpu, task)
    else:
        request_init_27(m, r, order, gfp, cpu, task, policy)


cdef int request_step(machine_t *m, request_t *r, int64_t budget, step_t *out) noexcept nogil:
    """Go on until the request is over, the budget is used up or something must be waited for."""
    if is_machine_612(m):
        return request_step_612(m, r, budget, out)
    return request_step_61(m, r, budget, out) if is_machine_61(m) else request_step_27(m, r, budget, out)


cdef int request_answer(machine_t *m, request_t *r, int answer, int64_t budget, step_t *out) noexcept nogil:
    """Go on with a step that ended with WAIT_CONSULT, which only one of 2.6.27 does, as if it had never ended."""
    return request_answer_27(m, r, answer, budget, out)


cdef void request_attempted(machine_t *m, request_t *r, int outcome) noexcept nogil:
    """What comes of the attempt (ATTEMPT_*) before which the last step has stopped, which only one of 6.1 does."""
    if is_machine_61(m):
        request_attempted_61(m, r, outcome)
    elif is_machine_612(m):
        request_attempted_612(m, r, outcome)


cdef void request_interrupted(machine_t *m, request_t *r, int32_t zone, int32_t i) noexcept nogil:
    """At such a stop: an interrupt on top of the task frees the block of page i."""
    if is_machine_61(m):
        request_interrupted_61(m, r, zone, i)
    elif is_machine_612(m):
        request_interrupted_612(m, r, zone, i)


cdef void request_abort(machine_t *m, request_t *r) noexcept nogil:
    """Give up: everything that the request holds goes back."""
    if is_machine_61(m):
        request_abort_61(m, r)
    elif is_machine_612(m):
        request_abort_612(m, r)
    else:
        request_abort_27(m, r)


cdef int run_requests(machine_t *m, machine_stream_t *s, int64_t stop) noexcept nogil:
    """Perform the operations of a stream from `at` up to `stop`, or until somebody must be asked."""
    if is_machine_612(m):
        return run_requests_612(m, s, stop)
    return run_requests_61(m, s, stop) if is_machine_61(m) else run_requests_27(m, s, stop)


cdef void wakeup_kswapd(machine_t *m, zone_t *z, int order) noexcept nogil:
    """A request of `order` has found the zone below its low mark, or will."""
    if is_61(z):
        wakeup_kswapd_61(m, z, order, 0, z.zone_idx)
    elif is_612(z):
        wakeup_kswapd_612(m, z, order, 0, z.zone_idx)
    else:
        wakeup_kswapd_27(m, z, order)


cdef int kswapd_step(machine_t *m, int64_t budget, step_t *out) noexcept nogil:
    """Let kswapd go on until the budget is used up, something must be waited for, or it sleeps."""
    if is_machine_612(m):
        return kswapd_step_612(m, budget, out)
    return kswapd_step_61(m, budget, out) if is_machine_61(m) else kswapd_step_27(m, budget, out)


cdef int kcompactd_step(machine_t *m, int64_t budget, step_t *out) noexcept nogil:
    """Let kcompactd, which 2.6.27 does not have, go on until the budget is used up or it sleeps."""
    if is_machine_61(m):
        return kcompactd_step_61(m, budget, out)
    if is_machine_612(m):
        return kcompactd_step_612(m, budget, out)
    step_begin(out)
    leave_step(out, WAIT_SLEEP)
    return out.wait


cdef void wakeup_kcompactd(machine_t *m, int order, int classzone_idx) noexcept nogil:
    """Blocks of `order` are wanted."""
    if is_machine_61(m):
        wakeup_kcompactd_61(m, order, classzone_idx)
    elif is_machine_612(m):
        wakeup_kcompactd_612(m, order, classzone_idx)


cdef void run_daemons_on(machine_t *m, int cpu) noexcept nogil:
    """kswapd and kcompactd run on a CPU from now on."""
    if is_machine_61(m):
        run_daemons_on_61(m, cpu)
    elif is_machine_612(m):
        run_daemons_on_612(m, cpu)


cdef int kcompactd_look(machine_t *m) noexcept nogil:
    """Every half second: whether kcompactd begins to compact proactively."""
    if is_machine_612(m):
        return kcompactd_look_612(m)
    return kcompactd_look_61(m) if is_machine_61(m) else 0


cdef int kcompactd_told(machine_t *m, int how) noexcept nogil:
    """A recorded machine has compacted: whether kcompactd begins (TOLD_*)."""
    if is_machine_612(m):
        return kcompactd_told_612(m, how)
    return kcompactd_told_61(m, how) if is_machine_61(m) else 0


cdef void kcompactd_abort(machine_t *m) noexcept nogil:
    """Put back what kcompactd has isolated and send it to sleep."""
    if is_machine_61(m):
        kcompactd_abort_61(m)
    elif is_machine_612(m):
        kcompactd_abort_612(m)


cdef void kswapd_abort(machine_t *m) noexcept nogil:
    """Put back what kswapd has isolated and send it to sleep."""
    if is_machine_61(m):
        kswapd_abort_61(m)
    elif is_machine_612(m):
        kswapd_abort_612(m)
    else:
        kswapd_abort_27(m)
