# A buffer of lines in, an array of events out.

cdef struct counts_t:
    uint64_t lines
    uint64_t events
    uint64_t comments           # lines that begin with #, blank lines, and trace-cmd's first lines
    uint64_t other_events       # sound lines of events that are not read
    uint64_t perf_lines
    uint64_t lost_marks         # places where events were lost
    uint64_t lost_events        # as far as their number was said
    uint64_t overwritten        # from the header of a tracefs file
    uint64_t unended            # 1: the last line has no line end
    uint64_t stack_lines        # of call stacks, behind the event that they belong to
    bint other                  # the last sound line was of an event that is not read: so is the stack behind it
    uint64_t skipped[SKIP_REASONS]
    uint64_t first[SKIP_REASONS]


cdef struct scanner_t:
    kept_t kept
    counts_t counts
    bint dropping               # inside a line that is too long
    int64_t nr_frames           # lines of stacks that the last call has told
    int64_t last_ns


EVENT_NAMES = {
    "mm_page_alloc": EV_ALLOC,
    "mm_page_free": EV_FREE,
    "mm_page_free_batched": EV_FREE_BATCHED,
    "mm_page_alloc_zone_locked": EV_ZONE_LOCKED,
    "mm_page_pcpu_drain": EV_PCPU_DRAIN,
    "mm_page_alloc_extfrag": EV_EXTFRAG,
    "mm_compaction_isolate_freepages": EV_ISOLATE_FREE,
    "mm_compaction_fast_isolate_freepages": EV_FAST_ISOLATE_FREE,
    "mm_compaction_isolate_migratepages": EV_ISOLATE_MIGRATE,
    "mm_compaction_begin": EV_COMPACTION_BEGIN,
    "mm_compaction_end": EV_COMPACTION_END,
    "mm_compaction_migratepages": EV_MIGRATE,
    "mm_vmscan_direct_reclaim_begin": EV_RECLAIM_BEGIN,
    "mm_vmscan_direct_reclaim_end": EV_RECLAIM_END,
    "mm_vmscan_wakeup_kswapd": EV_WAKEUP_KSWAPD,
    "mm_vmscan_kswapd_wake": EV_KSWAPD_WAKE,
    "mm_vmscan_kswapd_sleep": EV_KSWAPD_SLEEP,
    "mm_compaction_try_to_compact_pages": EV_TRY_COMPACT,
    "tracing_mark_write": EV_MARK,
    "PERF_RECORD_LOST": EV_LOST,
    "PERF_RECORD_LOST_SAMPLES": EV_LOST,
    "print": EV_PRINT,
    "mm_page_free_direct": EV_FREE,             # before 3.3
    "mm_pagevec_free": EV_FREE_BATCHED,
}

cdef words_t NAMES
fill_words(&NAMES, EVENT_NAMES)


cdef void clear_event(event_t *out, int event, const head_t *head) noexcept nogil:
    out.time_ns = <int64_t> head.time_ns
    out.pfn = -1
    out.gfp = out.arg = out.span = 0
    out.pid = <int32_t> head.pid
    out.cpu = <uint16_t> head.cpu
    out.flags = head.flags
    out.event = <uint8_t> event
    out.order = 0
    out.migratetype = NO_TYPE
    out.kept = 0


cdef bint read_gfp(event_t *out, kept_t *kept, fields_t *f) noexcept nogil:
    """Number the gfp text, which the caller decodes once for all events; a bare number stays one."""
    cdef uint64_t x = 0
    if whole_number(f.gfp, f.gfp_end, &x):
        out.gfp = <uint32_t> x
        out.flags |= FL_NUMERIC_GFP
        return x <= <uint64_t> 0xFFFFFFFF
    out.gfp = kept_number(kept, f.gfp, min(f.gfp_end - f.gfp, <int64_t> 4096))
    out.kept = 1
    return True


cdef bint lost_line(text_t p, text_t end, uint64_t *cpu, uint64_t *lost) noexcept nogil:
    """Read `CPU:0 [LOST 752 EVENTS]` or `CPU:1 [123 EVENTS DROPPED]`; the number may be missing."""
    cdef text_t stop
    if not starts_with(p, end, "CPU:", 4):
        return False
    p = digits(p + 4, end, cpu)
    if p == NULL or end - p < 3 or p[0] != 32 or p[1] != 91 or (end - 1)[0] != 93 or cpu[0] >= 65536:
        return False
    p += 2
    lost[0] = 0
    if starts_with(p, end, "LOST ", 5):
        p += 5
        digits(p, end, lost)
        return memcmp(end - 7, "EVENTS]", 7) == 0 if end - p >= 7 else False
    stop = digits(p, end, lost)
    if stop != NULL and stop < end:
        p = stop + 1
    return is_word(p, end, "EVENTS DROPPED]", 15)


cdef void note_overwritten(counts_t *counts, text_t p, text_t end) noexcept nogil:
    """Read `# entries-in-buffer/entries-written: 10/12   #P:2`: what was overwritten is written less kept."""
    cdef uint64_t kept = 0, written = 0
    p = <text_t> memchr(p, 58, end - p)
    if p == NULL:
        return
    p = digits(skip_blanks(p + 1, end), end, &kept)
    if p == NULL or p >= end or p[0] != 47:
        return
    if digits(p + 1, end, &written) != NULL and written > kept:
        counts.overwritten += written - kept


cdef int scan_event(event_t *out, kept_t *kept, counts_t *counts, head_t *head) noexcept nogil:
    """Read the event of a line with a sound head: 1 an event, 0 one that is not wanted, -1 spoilt fields."""
    cdef fields_t f
    cdef text_t end = head.event_end
    cdef int event = word_code(&NAMES, head.event, end)
    f.got = 0
    if event == EV_PRINT:
        if not starts_with(head.payload, head.end, "tracing_mark_write:", 19):
            return 0
        head.payload = skip_blanks(head.payload + 19, head.end)
        event = EV_MARK
    if event == EV_OTHER or event == EV_COMPACTION_END and starts_with(head.payload, head.end, "status=", 7):
        return 0                # before 4.0 the end of a run says its result only: nothing about its pages
    clear_event(out, event, head)
    if event == EV_MARK:
        out.arg = kept_number(kept, head.payload, min(head.end - head.payload, <int64_t> 256))
        return 1
    if event == EV_LOST:
        return scan_perf_lost(out, counts, head)
    if not read_fields(&f, head.payload, head.end) or not store_fields(out, &f):
        return -1
    if has(&f, KEY_GFP) and not read_gfp(out, kept, &f):
        return -1
    return 1


cdef int scan_perf_lost(event_t *out, counts_t *counts, const head_t *head) noexcept nogil:
    """Read `PERF_RECORD_LOST lost 6`."""
    cdef uint64_t lost = 0
    cdef text_t p = head.payload
    if not starts_with(p, head.end, "lost ", 5):
        return -1
    p += 5
    if digits(p, head.end, &lost) == NULL:
        return -1
    note_lost(out, counts, lost)
    return 1


cdef void note_lost(event_t *out, counts_t *counts, uint64_t lost) noexcept nogil:
    counts.lost_marks += 1
    counts.lost_events += lost
    out.arg = <uint32_t> min(lost, <uint64_t> 0xFFFFFFFF)


cdef int skip(counts_t *counts, int reason, text_t p, text_t end) noexcept nogil:
    """Count a line that is no event; junk is told from damage by its control characters."""
    while reason != SKIP_CUT and p < end:
        if p[0] < 9 or p[0] == 127:
            reason = SKIP_BINARY
            break
        p += 1
    if counts.skipped[reason] == 0:
        counts.first[reason] = counts.lines
    counts.skipped[reason] += 1
    return 0


cdef bint is_stack_line(text_t line, text_t start, text_t end) noexcept nogil:
    """A line of a stack: `<stack trace>`, `=> FUNCTION+off <address>`, or the indented `ADDRESS FUNCTION` of perf."""
    cdef text_t p = start
    if starts_with(start, end, "=> ", 3):
        return True
    if end - start >= 13 and memcmp(end - 13, "<stack trace>", 13) == 0:
        return True
    while p < end and hex_value(p[0]) >= 0:
        p += 1
    return start > line and p - start >= 6 and p < end and p[0] == 32


cdef int scan_line(event_t *out, kept_t *kept, counts_t *counts, text_t p, text_t end, bint ended) noexcept nogil:
    """Read one line: 1 if it gave an event, -1 for a line of a stack.

    What is missing from a line that has no end was cut.
    """
    cdef head_t head
    cdef uint64_t cpu = 0, lost = 0
    cdef text_t start = skip_blanks(p, end)
    cdef int got
    counts.lines += 1
    if end > start and (end - 1)[0] == 13:
        end -= 1
    if start >= end or start[0] == 35:
        if starts_with(start, end, "# entries-in-buffer", 19):
            note_overwritten(counts, start, end)
        counts.comments += 1
        return 0
    head.end = end
    if read_head(p, end, &head):
        got = scan_event(out, kept, counts, &head)
        if got < 0:
            return skip(counts, SKIP_FIELDS if ended else SKIP_CUT, p, end)
        counts.perf_lines += head.perf
        if got == 0 and starts_with(head.payload, head.end, "<stack trace", 12):
            counts.stack_lines += 1
            return -1
        counts.other = got == 0
        counts.other_events += counts.other
        return got
    if lost_line(start, end, &cpu, &lost):
        head.time_ns = head.pid = head.flags = 0
        head.cpu = cpu
        clear_event(out, EV_LOST, &head)
        note_lost(out, counts, lost)
        return 1
    if (starts_with(start, end, "cpus=", 5) or starts_with(start, end, "version = ", 10)
            or end - start < 32 and is_word(end - min(end - start, <int64_t> 9), end, " is empty", 9)):
        counts.comments += 1
        return 0
    if is_stack_line(p, start, end):
        counts.stack_lines += 1
        return -1
    return skip(counts, SKIP_NO_HEAD if ended else SKIP_CUT, p, end)


cdef int64_t scan_lines(scanner_t *s, text_t data, text_t *at, text_t end, event_t *out, int64_t room, int64_t *frames,
                        int64_t frame_room, bint last) noexcept nogil:
    """Read lines from `at[0]` on, which moves behind them, until they or the places end; the number of events.

    `frames` has three numbers for each line of a stack; `data` is where all offsets count from.
    """
    cdef text_t p = at[0]
    cdef text_t stop
    cdef int64_t n = 0
    cdef int got
    s.nr_frames = 0
    while p < end and n < room and (frame_room == 0 or s.nr_frames < frame_room):
        stop = <text_t> memchr(p, 10, end - p)
        if stop == NULL:
            if not last and (s.dropping or end - p > MAX_LINE):
                s.dropping = True
                p = end
            if not last:
                break
            s.counts.unended = 1
            stop = end
        if s.dropping or stop - p > MAX_LINE:
            s.dropping = False
            s.counts.lines += 1
            skip(&s.counts, SKIP_LONG, stop, stop)
        else:
            got = scan_line(&out[n], &s.kept, &s.counts, p, stop, stop < end)
            if got > 0:
                if out[n].event == EV_LOST and out[n].time_ns == 0:
                    out[n].time_ns = s.last_ns
                s.last_ns = out[n].time_ns
                n += 1
            elif got < 0 and frame_room and not s.counts.other:
                frames[3 * s.nr_frames] = n - 1
                frames[3 * s.nr_frames + 1] = p - data
                frames[3 * s.nr_frames + 2] = stop - data
                s.nr_frames += 1
        p = stop + (stop < end)
    s.counts.events += n
    at[0] = p
    return n
