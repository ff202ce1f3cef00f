# A diary of the requests, for time lines: what each did from when to when.  Kept only when somebody has asked for it;
# nothing in the world depends on it.

from ._core cimport WAIT_NONE


cdef void note_turn(world_t *w, const task_t *t, int32_t id, int64_t begin, int64_t worked, int wait,
                    int64_t wait_ns) noexcept nogil:
    """Note a step of a request: it worked from `begin` to `worked`, and waits for `wait_ns`.

    Steps that follow each other without a wait are one turn.
    """
    cdef turn_t *last = NULL
    cdef void *table
    if w.nr_turns:
        last = &w.turn[w.nr_turns - 1]
    if last != NULL and last.task == id and last.request_ns == t.request_start and last.wait == WAIT_NONE \
            and last.end_ns == begin and last.holding == t.request.scan.holding:
        begin = last.start_ns
        w.nr_turns -= 1
    elif w.nr_turns == w.turns_size:
        table = grown(w, w.turn, &w.turns_size, sizeof(turn_t))
        if table == NULL:
            return
        w.turn = <turn_t *> table
    last = &w.turn[w.nr_turns]
    w.nr_turns += 1
    last.request_ns = t.request_start
    last.start_ns = begin
    last.work_end_ns = worked
    last.end_ns = worked + wait_ns
    last.task = id
    last.wait = wait
    last.holding = t.request.scan.holding
    last.sync_passes = t.request.scan.sync_passes
