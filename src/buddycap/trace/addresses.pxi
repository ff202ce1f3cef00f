# Addresses translated: which frame each virtual page has, and the addresses of a trace with frames in place of pages.
#
# The frames are given: those that are free in a memory, in the order in which its allocator hands them out.  At first
# touch a page gets the next of them; by number it gets the one at (page + shift) modulo their number, or the next
# behind that which is free.  The second does not depend on the order of touches, except for pages that meet there.
#
# A table of pages with open addressing, at most half full, has twice as many places as there are frames, so that memory
# does not grow with the trace.  An address's place in it is asked for ahead of time.

cdef enum:
    TRANSLATE_AHEAD = 24        # addresses
    TRANSLATED_OK = 0
    TRANSLATED_FULL = 1         # a page needs a frame, and there is none left
    TRANSLATED_BAD = 2          # a line has no address where one is wanted
    MOST_DIGITS = 20
    MARKS = 512                 # addresses of lines that are translated at once
    MOST_GROWTH = 22            # a byte of text makes at most so many: a digit a line, and its translation


cdef extern from *:
    """
    #if defined(__GNUC__)
    #define buddycap_ask_for(p) __builtin_prefetch(p)
    #else
    #define buddycap_ask_for(p) ((void) (p))
    #endif
    static const unsigned char buddycap_gap[256] = {[9] = 1, [13] = 1, [32] = 1, [44] = 1};
    """
    const uint8_t buddycap_gap[256]     # what stands between columns: tabs, carriage returns, blanks, commas
    void buddycap_ask_for(const void *p) noexcept nogil


cdef struct mapped_t:           # a place of the table
    uint64_t page               # + 1; 0: the place is empty
    int64_t frame


cdef struct mapping_t:
    mapped_t *table
    uint8_t *used               # by number: frames that are taken
    const int64_t *frames
    int64_t nr_frames
    int64_t nr_mapped
    int64_t displaced           # by number: pages whose frame was taken
    uint64_t mask               # places - 1
    int64_t shift               # by number; -1: at first touch
    int page_bits
    uint64_t last_page          # + 1; 0: none yet
    int64_t last_frame


cdef struct mark_t:             # an address in a text
    text_t start
    text_t end
    text_t line                 # where its line begins
    int64_t line_number         # of those that are translated at once
    uint64_t address


cdef inline uint64_t mixed(uint64_t x) noexcept nogil:
    """A bijection that spreads neighbours.  D. Stafford's variant 13."""
    x = (x ^ (x >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t> 0x94D049BB133111EB
    return x ^ (x >> 31)


cdef inline uint64_t place_of(const mapping_t *m, uint64_t page) noexcept nogil:
    """Where to begin to look.  Four neighbours stand in one cache line."""
    return ((mixed(page >> 2) << 2) | (page & 3)) & m.mask


cdef int64_t new_frame(mapping_t *m, uint64_t page) noexcept nogil:
    """A frame for a page that has none, or -1."""
    cdef int64_t at
    if m.nr_mapped == m.nr_frames:
        return -1
    if m.shift < 0:
        return m.frames[m.nr_mapped]
    at = <int64_t> ((page % <uint64_t> m.nr_frames + <uint64_t> m.shift) % <uint64_t> m.nr_frames)
    m.displaced += m.used[at]
    while m.used[at]:
        at = 0 if at + 1 == m.nr_frames else at + 1
    m.used[at] = 1
    return m.frames[at]


cdef int64_t frame_of(mapping_t *m, uint64_t page) noexcept nogil:
    """The frame of a page, which gets one if it has none; -1 if there is none left."""
    cdef uint64_t place = place_of(m, page)
    cdef int64_t frame
    while m.table[place].page:
        if m.table[place].page == page + 1:
            m.last_page, m.last_frame = page + 1, m.table[place].frame
            return m.last_frame
        place = (place + 1) & m.mask
    frame = new_frame(m, page)
    if frame >= 0:
        m.table[place].page, m.table[place].frame = page + 1, frame
        m.nr_mapped += 1
        m.last_page, m.last_frame = page + 1, frame
    return frame


cdef inline int64_t translated(mapping_t *m, uint64_t address, uint64_t *result) noexcept nogil:
    """The physical address; -1 if memory is full."""
    cdef uint64_t page = address >> m.page_bits
    cdef int64_t frame = m.last_frame if page + 1 == m.last_page else frame_of(m, page)
    result[0] = (<uint64_t> frame << m.page_bits) | (address & ((<uint64_t> 1 << m.page_bits) - 1))
    return frame


cdef int64_t translate_words(mapping_t *m, const uint64_t *address, uint64_t *result, int64_t n) noexcept nogil:
    """Translate n addresses; how many were, before memory was full."""
    cdef int64_t k
    for k in range(n):
        if k + TRANSLATE_AHEAD < n:
            buddycap_ask_for(m.table + place_of(m, address[k + TRANSLATE_AHEAD] >> m.page_bits))
        if translated(m, address[k], &result[k]) < 0:
            return k
    return n


cdef inline uint8_t *write_hex(uint8_t *out, uint64_t x) noexcept nogil:
    """0x and the number; the end of it."""
    cdef uint64_t rest = x >> 4
    cdef uint8_t *end
    cdef int digit
    out[0], out[1] = 48, 120
    out += 2
    while rest:
        rest >>= 4
        out += 1
    end = out + 1
    while True:
        digit = x & 15
        out[0] = 48 + digit if digit < 10 else 87 + digit
        x >>= 4
        if x == 0:
            return end
        out -= 1


cdef inline uint8_t *write_decimal(uint8_t *out, uint64_t x) noexcept nogil:
    cdef uint8_t reversed_digits[MOST_DIGITS]
    cdef int n = 0
    while True:
        reversed_digits[n] = 48 + <uint8_t> (x % 10)
        x //= 10
        n += 1
        if x == 0:
            break
    while n > 0:
        n -= 1
        out[0] = reversed_digits[n]
        out += 1
    return out


cdef int mark_line(text_t p, text_t end, uint64_t columns, mark_t *mark) noexcept nogil:
    """Read the addresses in some columns of a line, which ends before `end`; how many there are, or -1: none is.

    A line of a comment (#) and an empty one have none; columns that a line does not have are no mistake unless it is
    the first of those that are wanted.
    """
    cdef int column = 0
    cdef int found = 0
    cdef text_t start
    while column < 64 and columns >> column:
        while p < end and buddycap_gap[p[0]]:
            p += 1
        if p == end or (column == 0 and p[0] == 35):
            break
        start = p
        while p < end and not buddycap_gap[p[0]]:
            p += 1
        if columns >> column & 1:
            if not whole_number(start, p, &mark[found].address):
                return -1
            mark[found].start, mark[found].end = start, p
            found += 1
        column += 1
    return -1 if column > 0 and found == 0 else found


cdef uint8_t *write_marked(const mark_t *mark, int n, text_t p, text_t end, uint8_t *out) noexcept nogil:
    """Copy p..end with addresses in place of what was marked; the end of it."""
    cdef int k
    for k in range(n):
        memcpy(out, p, mark[k].start - p)
        out += mark[k].start - p
        p = mark[k].end
        if p - mark[k].start > 2 and mark[k].start[1] | 32 == 120:
            out = write_hex(out, mark[k].address)
        else:
            out = write_decimal(out, mark[k].address)
    memcpy(out, p, end - p)
    return out + (end - p)


cdef int translate_marked(mapping_t *m, mark_t *mark, int n) noexcept nogil:
    """Translate what was marked; how many were, before memory was full."""
    cdef int k
    for k in range(n):
        if k + TRANSLATE_AHEAD < n:
            buddycap_ask_for(m.table + place_of(m, mark[k + TRANSLATE_AHEAD].address >> m.page_bits))
        if translated(m, mark[k].address, &mark[k].address) < 0:
            return k
    return n


cdef int translate_lines(mapping_t *m, text_t *at, text_t end, uint64_t columns, uint8_t **out,
                         int64_t *lines) noexcept nogil:
    """Translate whole lines from `at` on, which moves behind them.  TRANSLATED_*; `lines` counts.

    Some lines at once: their addresses are read first, so that places in the table can be asked for ahead of time.
    """
    cdef mark_t mark[MARKS]
    cdef int status = TRANSLATED_OK
    cdef int n, found, done
    cdef int64_t read
    cdef text_t p
    cdef text_t line_end
    while status == TRANSLATED_OK:
        p, n, read = at[0], 0, 0
        while n <= MARKS - 64 and p < end:
            line_end = <text_t> memchr(p, 10, end - p)
            if line_end == NULL:
                break
            found = mark_line(p, line_end, columns, &mark[n])
            if found < 0:
                status = TRANSLATED_BAD
                break
            for done in range(n, n + found):
                mark[done].line, mark[done].line_number = p, read
            n += found
            read += 1
            p = line_end + 1
        if p == at[0]:
            break
        done = translate_marked(m, mark, n)
        if done < n:
            status = TRANSLATED_FULL
            p, read = mark[done].line, mark[done].line_number
            while done > 0 and mark[done - 1].line == p:
                done -= 1
        out[0] = write_marked(mark, done, at[0], p, out[0])
        at[0] = p
        lines[0] += read
    return status
