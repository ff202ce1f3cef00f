# A world in the same state, on another zone: it goes on as the first would have gone on.

from libc.stdlib cimport malloc


cdef int duplicate(void **table, uint64_t bytes) noexcept nogil:
    """The table becomes a copy of itself; 0 if there is no memory, and then it is NULL."""
    cdef void *found
    if table[0] == NULL:
        return 1
    found = malloc(max(bytes, <uint64_t> 1))
    if found != NULL:
        memcpy(found, table[0], bytes)
    table[0] = found
    return found != NULL


cdef request_t *moved_request(const world_t *from_world, const world_t *w, request_t *r) noexcept nogil:
    """The request of a copied task."""
    if r == NULL:
        return NULL
    return <request_t *> (<char *> w.task + (<char *> r - <char *> from_world.task))


cdef int duplicate_task(world_t *w, task_t *t) noexcept nogil:
    """0 if there is no memory for one of its tables; the others are its own all the same."""
    cdef int ok = duplicate(<void **> &t.pages, t.pages_size * sizeof(int32_t))
    ok &= duplicate(<void **> &t.hot, t.hot_size * sizeof(int32_t))
    ok &= duplicate(<void **> &t.kernel, t.kernel_size * sizeof(int32_t))
    return ok & duplicate(<void **> &t.block, (w.z.nr_index >> w.p.request_order) * sizeof(int32_t))


cdef int duplicate_tasks(const world_t *from_world, world_t *w) noexcept nogil:
    """The tasks, and who stands in the policy's queue."""
    cdef int ok = 1
    cdef int32_t k
    if not duplicate(<void **> &w.task, world_tasks(&w.p) * sizeof(task_t)):
        w.nr_tasks = 0
        return 0
    for k in range(w.nr_tasks):
        ok &= duplicate_task(w, &w.task[k])
        w.task[k].request.behind = moved_request(from_world, w, w.task[k].request.behind)
    w.m.queue = moved_request(from_world, w, w.m.queue)
    return ok


cdef int world_copy(const world_t *from_world, zone_t *z, world_t *w) noexcept nogil:
    """Make a world on a copy of the zone; 0 if there is no memory, but world_free is right in any case."""
    cdef int ok
    cdef int k
    w[0] = from_world[0]
    w.z = z
    for k in range(w.m.nr_zones):
        w.m.zone[k] = z
    ok = duplicate_tasks(from_world, w)
    ok &= duplicate(<void **> &w.wake, world_wakes(&w.p) * sizeof(due_t))
    ok &= duplicate(<void **> &w.timer, w.timers_size * sizeof(due_t))
    ok &= duplicate(<void **> &w.cpu, w.p.cpus * sizeof(cpu_t))
    ok &= duplicate(<void **> &w.write, w.writes_size * sizeof(write_t))
    ok &= duplicate(<void **> &w.dirty, w.dirties_size * sizeof(dirty_t))
    ok &= duplicate(<void **> &w.load, w.nr_load * sizeof(load_t))
    ok &= duplicate(<void **> &w.stamp, z.nr_index * sizeof(uint32_t))
    ok &= duplicate(<void **> &w.block_stamp, ((z.nr_index >> w.p.request_order) + 1) * sizeof(uint32_t))
    ok &= duplicate(<void **> &w.result, (w.p.requests * w.p.passes + 1) * sizeof(result_t))
    ok &= duplicate(<void **> &w.fault, (w.p.fault_regions + 1) * sizeof(fault_t))
    return ok & duplicate(<void **> &w.turn, w.turns_size * sizeof(turn_t))
