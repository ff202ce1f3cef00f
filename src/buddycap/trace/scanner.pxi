# Lines into events for Python: check, call, result.


cdef class Scanner(ScannerMemory):
    """Turns the bytes of a trace into events, piece by piece; `buddycap.formats.tracetext` is its caller.

    Notes
    -----
    Holds no more than the texts of gfp flags and marks, each once, and the counts.  Does one thing at a time: other
    threads wait.
    """

    def scan(self, const uint8_t[::1] data, int64_t start, events, bint last, int64_t[:, ::1] frames=None):
        """Read lines from `data[start:]` into `events` until one of them ends.

        Parameters
        ----------
        data : bytes-like
        start : int
        events : ndarray[EVENT_DTYPE], shape (n,)
            Filled from its beginning.
        last : bool
            Nothing comes behind `data`: what stands behind the last line end may be cut.
        frames : ndarray[int64], shape (m, 3), optional
            Told for each line of a stack: the event that it belongs to (its place in `events`, -1: the last of the call
            before), where the line begins in `data`, and where it ends. Reading ends when it is full, too.

        Returns
        -------
        tuple of int
            Events written; bytes of `data` that are done with, counted from its beginning.
        """
        cdef event_t[::1] out = events.view(EVENT_DTYPE)
        cdef int64_t room = out.shape[0]
        cdef int64_t frame_room = 0 if frames is None else frames.shape[0]
        cdef int64_t *told = NULL
        cdef int64_t n
        cdef text_t p
        cdef text_t end
        cdef scanner_t *s
        if not 0 <= start <= data.shape[0]:
            raise MisuseError(f"start={start}: allowed range is 0..{data.shape[0]}")
        if frames is not None and frames.shape[1] != 3:
            raise MisuseError(f"frames has {frames.shape[1]} columns: 3 are needed")
        if start == data.shape[0] or room == 0 or (frames is not None and frame_room == 0):
            self.tell_no_frames()
            return 0, start
        if frame_room:
            told = &frames[0, 0]
        p = &data[0] + start
        end = &data[0] + data.shape[0]
        s = self.begin()
        with nogil:
            n = scan_lines(s, &data[0], &p, end, &out[0], room, told, frame_room, last)
        self.end()
        return n, p - &data[0]

    cdef int tell_no_frames(self) except -1:
        cdef scanner_t *s = self.ready()
        s.nr_frames = 0
        return 0

    @property
    def nr_frames(self):
        """Lines of stacks that the last `scan` has told."""
        return self.ready().nr_frames

    def take_back(self):
        """The last line, which had no end, was cut after all: its event does not count, and its text, a new one, is
        forgotten."""
        cdef scanner_t *s = self.ready()
        if s.counts.events == 0 or s.kept.count == 0:
            raise MisuseError("take_back: no event with a text has been read")
        s.counts.events -= 1
        s.kept.count -= 1
        memset(s.kept.recent, 0, sizeof(s.kept.recent))
        skip(&s.counts, SKIP_CUT, NULL, NULL)

    def texts(self, uint32_t first):
        """The kept texts from number `first` on, as a list of bytes."""
        cdef scanner_t *s
        cdef uint32_t start, end
        cdef bytes text
        found = []
        while True:                                     # texts are only added, and never move
            s = self.ready()
            if first >= s.kept.count:
                return found
            start, end = s.kept.start[first], s.kept.start[first + 1]
            text = s.kept.bytes[start:end]
            found.append(text)
            first += 1

    def counted(self):
        """What was read and what was skipped: a dict of int; `first_*` are line numbers."""
        cdef counts_t counts
        cdef uint64_t lost
        cdef int k
        cdef scanner_t *s = self.ready()
        counts, lost = s.counts, s.kept.lost
        found = {"lines": counts.lines, "events": counts.events, "comments": counts.comments,
                 "other_events": counts.other_events, "perf_lines": counts.perf_lines,
                 "lost_marks": counts.lost_marks, "lost_events": counts.lost_events,
                 "overwritten": counts.overwritten, "unended": counts.unended,
                 "stack_lines": counts.stack_lines, "texts_lost": lost}
        for k in range(1, <int> SKIP_REASONS):
            found[SKIP_NAMES[k]] = counts.skipped[k]
            found["first_" + SKIP_NAMES[k]] = counts.first[k]
        return found


def decode_texts(events, const uint32_t[::1] bits):
    """Put flags in place of the numbers of their texts.

    Parameters
    ----------
    events : ndarray[EVENT_DTYPE], shape (n,)
        As `Scanner.scan` has written them; changed.
    bits : ndarray[uint32], shape (m,), 1..
        The flags of each text; the last entry is for texts that found no room.

    Returns
    -------
    tuple of bool
        Whether there are flags that are numbers, and whether there are marks.
    """
    cdef event_t[::1] out = events.view(EVENT_DTYPE)
    cdef int64_t k
    cdef uint32_t number
    cdef uint32_t last = <uint32_t> (bits.shape[0] - 1)
    cdef bint numeric = False, marks = False
    if bits.shape[0] == 0:
        raise MisuseError("bits: at least one is wanted")
    for k in range(out.shape[0]):
        if out[k].kept:
            number = out[k].gfp
            out[k].gfp = bits[min(number, last)]
            out[k].kept = 0
        numeric |= out[k].flags & FL_NUMERIC_GFP != 0
        marks |= out[k].event == EV_MARK
    return numeric, marks


def translate_types(events, const uint8_t[::1] types, asked, int64_t last_ns):
    """Put the one numbering of migratetypes in place of the kernel's own, and count what is strange.

    Parameters
    ----------
    events : ndarray[EVENT_DTYPE], shape (n,)
        Changed.
    types : ndarray[uint8], shape (256,)
        What each number becomes.
    asked : sequence of (mask, bits, type)
        A request of which these bits of the flags are so is of this type.
    last_ns : int
        Time of the event before.

    Returns
    -------
    tuple of int
        Events that are earlier than the one before them; requests of another type than they ask for; and 1 if one of
        the numbers was 1 or 2, else 0.
    """
    cdef event_t[::1] out = events.view(EVENT_DTYPE)
    cdef uint32_t[:, ::1] rule = np.array(asked, np.uint32)
    cdef event_t *e
    cdef int64_t inversions = 0, contradictions = 0
    cdef int64_t k
    cdef int r
    cdef uint8_t fallback
    cdef bint unsure = False
    if types.shape[0] != 256 or rule.shape[1] != 3:
        raise MisuseError(f"types: {types.shape[0]}, asked: {rule.shape[1]}; 256 numbers and rows of 3 are wanted")
    for k in range(out.shape[0]):
        e = &out[k]
        inversions += e.time_ns < last_ns
        last_ns = e.time_ns
        unsure |= e.migratetype == 1 or e.migratetype == 2
        e.migratetype = types[e.migratetype]
        if e.event == EV_ALLOC:
            for r in range(rule.shape[0]):
                contradictions += e.gfp & rule[r, 0] == rule[r, 1] and e.migratetype != rule[r, 2]
        elif e.event == EV_EXTFRAG:
            fallback = e.arg >> 8 & 7
            unsure |= fallback == 1 or fallback == 2
            e.arg = (e.arg & 0xFF) | <uint32_t> types[fallback] << 8
    return inversions, contradictions, unsure
