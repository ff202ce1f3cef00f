# One line of trace text: where and when (the head), what (the event), and its fields (the payload).
# Layouts: tracefs `trace` and `trace_pipe`, `trace-cmd report`, `perf script`; kernel 6.18 trace_output.c and kmem.h.

cdef enum event_code:
    EV_ALLOC = 1
    EV_FREE = 2
    EV_FREE_BATCHED = 3
    EV_ZONE_LOCKED = 4
    EV_PCPU_DRAIN = 5
    EV_EXTFRAG = 6
    EV_ISOLATE_FREE = 7
    EV_FAST_ISOLATE_FREE = 8
    EV_ISOLATE_MIGRATE = 9
    EV_COMPACTION_BEGIN = 10
    EV_COMPACTION_END = 11
    EV_MIGRATE = 12
    EV_RECLAIM_BEGIN = 13
    EV_RECLAIM_END = 14
    EV_WAKEUP_KSWAPD = 15
    EV_KSWAPD_WAKE = 16
    EV_KSWAPD_SLEEP = 17
    EV_TRY_COMPACT = 18
    EV_MARK = 19
    EV_LOST = 20
    EV_PRINT = 21               # of trace-cmd; a mark if its text says so
    EV_OTHER = 0

cdef enum flag_bit:
    FL_DEPTH = 0x0F             # preempt depth
    FL_IRQS_OFF = 0x10
    FL_SOFTIRQ = 0x20
    FL_HARDIRQ = 0x40
    FL_RESCHED = 0x80
    FL_REFILL = 0x100           # percpu_refill=1
    FL_OWNERSHIP = 0x200        # change_ownership=1
    FL_FAILED = 0x400           # an allocation that got no page
    FL_CONTEXT = 0x800          # the line had the column of flags
    FL_NUMERIC_GFP = 0x1000     # gfp is the number that stood there, in the kernel's own bits

cdef enum skip_reason:
    SKIP_NO_HEAD = 1            # no [cpu] time: event:
    SKIP_FIELDS = 2             # fields missing, twice, no number, or out of range
    SKIP_BINARY = 3
    SKIP_LONG = 4
    SKIP_CUT = 5                # no line end
    SKIP_REASONS = 6

cdef enum:
    MAX_LINE = 65536
    MAX_EVENT_ORDER = 14
    MAX_PFN_BITS = 52
    NO_TYPE = 255

cdef packed struct event_t:
    int64_t time_ns
    int64_t pfn
    uint32_t gfp
    int32_t pid
    uint32_t arg
    uint32_t span
    uint16_t cpu
    uint16_t flags
    uint8_t event
    uint8_t order
    uint8_t migratetype
    uint8_t kept

cdef extern from *:
    """
    #include <string.h>
    #if defined(__GNUC__)
    #define BUDDYCAP_FORGET() __asm__ volatile("" ::: "memory")
    #else
    #define BUDDYCAP_FORGET() ((void) 0)
    #endif
    /* Read a record once: what was read is not looked up again, where another thread may have written meanwhile. */
    static inline void buddycap_read_once(void *to, const void *from, size_t n) {
        memcpy(to, from, n);
        BUDDYCAP_FORGET();
    }
    """
    void buddycap_read_once(void *to, const void *from_, size_t n) nogil


cdef inline void read_event(event_t *to, const event_t *event) noexcept nogil:
    """A copy of an event in an array that others can write to: what is checked is what is used."""
    buddycap_read_once(to, event, sizeof(event_t))


cdef struct head_t:
    text_t event                # the event's name, without its subsystem
    text_t event_end
    text_t payload
    text_t end                  # of the line
    uint64_t time_ns
    uint64_t pid
    uint64_t cpu
    uint16_t flags
    bint perf


cdef uint16_t context_flags(text_t p, text_t end) noexcept nogil:
    """The column of flags: irqs-off, need-resched, hardirq/softirq, preempt depth, then what newer kernels add."""
    cdef uint16_t flags = FL_CONTEXT
    cdef int depth
    if end - p < 4:
        return 0
    if p[0] == 100 or p[0] == 68:               # d D
        flags |= FL_IRQS_OFF
    if p[1] != 46:
        flags |= FL_RESCHED
    if p[2] == 115:                             # s
        flags |= FL_SOFTIRQ
    elif p[2] == 104 or p[2] == 122 or p[2] == 90:      # h z Z
        flags |= FL_HARDIRQ
    elif p[2] == 72:                            # H: a hard interrupt inside a soft one
        flags |= FL_HARDIRQ | FL_SOFTIRQ
    depth = hex_value(p[3])
    if depth > 0:
        flags |= <uint16_t> depth
    return flags


cdef bint read_pid(text_t line, text_t bracket, head_t *head) noexcept nogil:
    """Read back from the bracket of the CPU: blanks, perhaps (tgid), blanks, digits."""
    cdef text_t p = bracket
    cdef text_t stop
    while p > line and ((p - 1)[0] == 32 or (p - 1)[0] == 9):
        p -= 1
    if p > line and (p - 1)[0] == 41:                # )
        while p > line and (p - 1)[0] != 40:
            p -= 1
        if p > line:
            p -= 1
        while p > line and (p - 1)[0] == 32:
            p -= 1
    stop = p
    while p > line and is_digit((p - 1)[0]):
        p -= 1
    if p == stop or p == line:
        return False
    if (p - 1)[0] != 45 and (p - 1)[0] != 47 and (p - 1)[0] != 32 and (p - 1)[0] != 9:     # - / blank
        return False
    return digits(p, stop, &head.pid) != NULL and head.pid < <uint64_t> 1 << 31


cdef text_t read_time(text_t p, text_t end, uint64_t *time_ns) noexcept nogil:
    """Read `seconds.fraction:` or `ticks:`; what follows the colon, or NULL."""
    cdef uint64_t whole = 0, part = 0
    cdef int scale = 0
    p = digits(p, end, &whole)
    if p == NULL or p >= end:
        return NULL
    if p[0] == 46:
        p += 1
        while p < end and is_digit(p[0]):
            if scale < 9:
                part = part * 10 + (p[0] - 48)
                scale += 1
            p += 1
        if scale == 0 or whole >= <uint64_t> 1 << 33:
            return NULL
        while scale < 9:
            part *= 10
            scale += 1
        whole = whole * 1000000000 + part
    if p >= end or p[0] != 58:
        return NULL
    time_ns[0] = whole
    return p + 1


cdef bint read_event_name(text_t p, text_t end, head_t *head) noexcept nogil:
    """Read `event:` or `subsystem:event:`, perhaps behind a period as perf prints it; PERF_RECORD_LOST has no colon."""
    cdef text_t stop, colon
    cdef uint64_t period
    p = skip_blanks(p, end)
    stop = word_end(p, end)
    if whole_number(p, stop, &period):
        p = skip_blanks(stop, end)
        stop = word_end(p, end)
    if stop == p:
        return False
    head.payload = skip_blanks(stop, end)
    head.perf = starts_with(p, stop, "PERF_RECORD_", 12)
    if not head.perf:
        if (stop - 1)[0] != 58:
            return False
        stop -= 1
        colon = <text_t> memchr(p, 58, stop - p)
        if colon != NULL:
            head.perf = True
            p = colon + 1
    head.event = p
    head.event_end = stop
    return stop > p


cdef bint read_head(text_t line, text_t end, head_t *head) noexcept nogil:
    """Find `PID [CPU] flags time: event:`; the name of the command may hold anything, so every bracket is tried."""
    cdef text_t bracket = line
    cdef text_t p
    cdef text_t stop
    while True:
        bracket = <text_t> memchr(bracket, 91, end - bracket)
        if bracket == NULL:
            return False
        p = digits(bracket + 1, end, &head.cpu)
        if p != NULL and end - p > 2 and p[0] == 93 and p[1] == 32 and head.cpu < 65536:
            p = skip_blanks(p + 1, end)
            head.flags = 0
            stop = word_end(p, end)
            if p < end and not is_digit(p[0]) and stop - p <= 8:
                head.flags = context_flags(p, stop)
                p = skip_blanks(stop, end)
            p = read_time(p, end, &head.time_ns)
            if p != NULL and read_pid(line, bracket, head) and read_event_name(p, end, head):
                return True
        bracket += 1
