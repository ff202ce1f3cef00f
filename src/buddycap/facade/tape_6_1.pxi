# Records of events of Linux 6.1, as the tracer of a real machine tells them.

cdef tuple EVENT_NAMES = ("zl", "xf", "dr", "fr", "fb")


@cython.no_gc_clear
cdef class _Tape:
    """Room for records of events, which the zones of a node share."""

    cdef Memory memory
    cdef tape_6_1_t *tape

    def __cinit__(self, int64_t room):
        self.memory = Memory(sizeof(tape_6_1_t) + room * sizeof(event_6_1_t))
        self.tape = <tape_6_1_t *> self.memory.data
        self.tape.record = <event_6_1_t *> (self.tape + 1)
        self.tape.room = room

    cdef list take(self):
        """The records as tuples, oldest first; then there is room again."""
        cdef const event_6_1_t *r
        cdef int64_t room = self.tape.room
        cdef int64_t k, count
        cdef bytes records
        cdef list events = []
        while True:
            count = self.tape.count
            records = PyBytes_FromStringAndSize(NULL, min(count, room) * sizeof(event_6_1_t))
            r = <const event_6_1_t *> PyBytes_AS_STRING(records)
            if self.tape.count == count:                # to make the bytes may have let others record
                memcpy(<void *> r, self.tape.record, len(records))
                self.tape.count = 0
                break
        if count > room:
            raise MisuseError(f"events={room}: {count - room} records were lost; take them more often, or make room")
        for k in range(count):
            name = EVENT_NAMES[r.kind]
            if r.kind == EV61_ZONE_LOCKED:
                events.append((name, r.pfn, r.order, r.migratetype, r.extra))
            elif r.kind == EV61_FALLBACK:
                events.append((name, r.pfn, r.order, r.from_order, r.migratetype, r.from_type, r.extra))
            elif r.kind == EV61_DRAIN:
                events.append((name, r.pfn, r.order, r.migratetype))
            elif r.kind == EV61_FREE:
                events.append((name, r.pfn, r.order))
            else:
                events.append((name, r.pfn))
            r += 1
        return events
