# kswapd of Linux 6.1: what is asked of it is noted; it balances nothing yet.


cdef int kswapd_step_61(machine_t *m, int64_t budget, step_t *out) noexcept nogil:
    """Let kswapd go on until it sleeps."""
    step_begin(out)
    m.kswapd.asleep = 1
    m.kswapd.order = m.kswapd.max_order
    m.kswapd.max_order = 0
    return leave_step(out, WAIT_SLEEP) or WAIT_SLEEP


cdef void kswapd_abort_61(machine_t *m) noexcept nogil:
    """Send kswapd to sleep."""
    m.kswapd.asleep = 1
