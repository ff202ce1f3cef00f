# Tasks compete for CPUs, if the parameters say so: each stays on its own, and takes turns with others there.
#
# A task that is ready runs if its CPU is idle, else it lines up.  It has the CPU until it waits for something, or until
# its slice is over and others are in the line.  While it works nobody else does on that CPU, so what it does takes as
# much longer as others are before it.

cdef int cpus_start(world_t *w) noexcept nogil:
    """0 if there is no memory."""
    cdef int32_t k
    w.cpu = <cpu_t *> calloc(w.p.cpus, sizeof(cpu_t))
    if w.cpu == NULL:
        return 0
    for k in range(<int32_t> w.p.cpus):
        w.cpu[k].running = w.cpu[k].first = -1
    return 1


cdef void line_up(world_t *w, cpu_t *c, int32_t id) noexcept nogil:
    """The task waits for the CPU, behind all others."""
    w.task[id].next_ready = -1
    if c.first < 0:
        c.first = id
    else:
        w.task[c.last].next_ready = id
    c.last = id


cdef int32_t give_cpu(world_t *w, cpu_t *c) noexcept nogil:
    """The CPU is the first one's in the line; -1 if there is nobody."""
    c.running = c.first
    if c.first >= 0:
        c.first = w.task[c.first].next_ready
        c.slice_end = w.now + w.p.slice_ns
    return c.running


cdef int32_t whose_turn(world_t *w, int32_t what) noexcept nogil:
    """The task that runs now that entry `what` of the event queue is due: a task that is ready, or -1 - a CPU that is
    let go.  -1: nobody."""
    cdef cpu_t *c
    if what < 0:
        return give_cpu(w, &w.cpu[-1 - what])
    if w.cpu == NULL:
        return what
    c = &w.cpu[w.task[what].cpu]
    if c.running == what and (c.first < 0 or w.now < c.slice_end):
        return what
    line_up(w, c, what)
    return give_cpu(w, c) if c.running < 0 or c.running == what else -1


cdef void leave_cpu(world_t *w, task_t *t, int64_t time) noexcept nogil:
    """The task is done with its CPU at `time`."""
    if w.cpu != NULL:
        heap_put(w, w.wake, w.nr_wakes, time, -1 - t.cpu, 0)
        w.nr_wakes += 1


cdef void go_on(world_t *w, task_t *t, int64_t worked, int64_t time) noexcept nogil:
    """The task works until `worked` and then goes on at `time`; in between others have its CPU."""
    if time > worked:
        leave_cpu(w, t, worked)
    wake_at(w, <int32_t> (t - w.task), time)
