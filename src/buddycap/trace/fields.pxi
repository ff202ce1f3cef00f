# The fields of an event: `key=value` words.  A key that is missing, stands twice or holds no number spoils the line.

cdef enum:                      # keys: bits of what was found, and places of the values
    KEY_PFN = 1
    KEY_ORDER
    KEY_TYPE
    KEY_GFP
    KEY_REFILL
    KEY_FALLBACK_ORDER
    KEY_FALLBACK_TYPE
    KEY_OWNERSHIP
    KEY_TAKEN
    KEY_SCANNED
    KEY_FREE_PFN
    KEY_LOW                     # of a zone, or of a range
    KEY_HIGH
    KEY_COUNT
    KEY_FAILED
    KEY_RANGE
    NR_KEYS

cdef words_t KEYS
fill_words(&KEYS, {
    "pfn": KEY_PFN, "order": KEY_ORDER, "migratetype": KEY_TYPE, "gfp_flags": KEY_GFP, "percpu_refill": KEY_REFILL,
    "alloc_order": KEY_ORDER, "fallback_order": KEY_FALLBACK_ORDER, "alloc_migratetype": KEY_TYPE,
    "fallback_migratetype": KEY_FALLBACK_TYPE, "change_ownership": KEY_OWNERSHIP, "nr_taken": KEY_TAKEN,
    "nr_scanned": KEY_SCANNED, "free_pfn": KEY_FREE_PFN, "range": KEY_RANGE,
    "zone_start": KEY_LOW, "zone_end": KEY_HIGH, "nr_migrated": KEY_COUNT,
    "nr_failed": KEY_FAILED, "nr_reclaimed": KEY_COUNT, "gfp_mask": KEY_GFP,
})


cdef struct fields_t:
    int got                     # bit `key`: there was such a field
    uint64_t value[NR_KEYS]     # of those that were there
    text_t gfp
    text_t gfp_end


cdef inline bint has(const fields_t *f, int key) noexcept nogil:
    return f.got >> key & 1


cdef inline uint64_t told(const fields_t *f, int key) noexcept nogil:
    """The value of a field; 0 if it was not there."""
    return f.value[key] if has(f, key) else 0


cdef inline bint take_field(fields_t *f, int key, text_t value, text_t end) noexcept nogil:
    """Note one field; False if its value is none, or if it has been there before."""
    if has(f, key):
        return False
    f.got |= 1 << key
    if key == KEY_GFP:
        f.gfp, f.gfp_end = value, end
        return True
    return whole_number(value, end, &f.value[key])


cdef text_t take_range(fields_t *f, text_t p, text_t end) noexcept nogil:
    """Read the rest of `range=(0xa ~ 0xb)`; what follows it, or NULL."""
    cdef text_t stop = word_end(p, end)
    if has(f, KEY_RANGE) or not whole_number(p, stop, &f.value[KEY_LOW]):
        return NULL
    p = skip_blanks(stop, end)
    if p >= end or p[0] != 126:                 # ~
        return NULL
    p = skip_blanks(p + 1, end)
    stop = <text_t> memchr(p, 41, end - p)
    if stop == NULL or not whole_number(p, stop, &f.value[KEY_HIGH]):
        return NULL
    f.got |= 1 << KEY_RANGE | 1 << KEY_LOW | 1 << KEY_HIGH
    return stop + 1


cdef bint is_wreckage(text_t p, text_t end) noexcept nogil:
    """Whether a word is one of "[FAILED TO PARSE]", which comes before raw fields, or "(null)", "(efault)"."""
    return p[0] == 91 or p[0] == 40 or is_word(p, end, "TO", 2) or is_word(p, end, "PARSE]", 6)


cdef bint read_fields(fields_t *f, text_t p, text_t end) noexcept nogil:
    """Read the payload of an event; False if a word is no field."""
    cdef text_t equals, stop, value_end
    cdef int key
    while True:
        p = skip_blanks(p, end)
        if p >= end:
            return True
        equals = key_end(p, end)
        if equals >= end or equals[0] != 61:
            if not is_wreckage(p, equals):
                return False
            p = equals
            continue
        stop = word_end(equals + 1, end)
        key = word_code(&KEYS, p, equals)
        if key == KEY_RANGE and stop > equals + 1 and equals[1] == 40:
            stop = take_range(f, equals + 2, end)
            if stop == NULL:
                return False
        elif key and key != KEY_RANGE:
            value_end = stop - ((stop - 1)[0] == 44)     # compaction prints a comma before its mode
            if not take_field(f, key, equals + 1, value_end):
                return False
        p = stop


cdef bint store_pfn(event_t *out, fields_t *f) noexcept nogil:
    """Put the PFN into the event; the failed allocations say 0, or all ones in raw form."""
    cdef uint64_t pfn = told(f, KEY_PFN)
    if not has(f, KEY_PFN):
        return False
    if out.event == EV_ALLOC and (pfn == 0 or pfn == <uint64_t> 0xFFFFFFFFFFFFFFFF):
        out.flags |= FL_FAILED
        return True
    out.pfn = <int64_t> pfn
    return pfn >> MAX_PFN_BITS == 0


cdef bint store_pages(event_t *out, fields_t *f) noexcept nogil:
    """Finish one of the events about a block of pages."""
    if not store_pfn(out, f):
        return False
    if not has(f, KEY_ORDER) or f.value[KEY_ORDER] > MAX_EVENT_ORDER:
        return False
    out.order = <uint8_t> f.value[KEY_ORDER]
    if has(f, KEY_TYPE):
        if f.value[KEY_TYPE] > 7:
            return False
        out.migratetype = <uint8_t> f.value[KEY_TYPE]
    elif out.event != EV_FREE and out.event != EV_FREE_BATCHED:
        return False
    if out.event == EV_EXTFRAG:
        if not (has(f, KEY_FALLBACK_ORDER) and has(f, KEY_FALLBACK_TYPE)):
            return False
        if f.value[KEY_FALLBACK_ORDER] > MAX_EVENT_ORDER or f.value[KEY_FALLBACK_TYPE] > 7:
            return False
        out.arg = <uint32_t> (f.value[KEY_FALLBACK_ORDER] | f.value[KEY_FALLBACK_TYPE] << 8)
    return True


cdef bint store_range(event_t *out, fields_t *f) noexcept nogil:
    """Finish an event about a range of PFNs."""
    cdef uint64_t low = told(f, KEY_LOW), high = told(f, KEY_HIGH)
    if high < low or high >> MAX_PFN_BITS or high - low > <uint64_t> 0xFFFFFFFF:
        return False
    out.pfn = <int64_t> low
    out.span = <uint32_t> (high - low)
    return True


cdef bint store_fields(event_t *out, fields_t *f) noexcept nogil:
    """Check the fields of an event and put them into its record; False if some are missing or out of range."""
    cdef int event = out.event
    if told(f, KEY_REFILL) > 1 or told(f, KEY_OWNERSHIP) > 1:
        return False
    if told(f, KEY_REFILL):
        out.flags |= FL_REFILL
    if told(f, KEY_OWNERSHIP):
        out.flags |= FL_OWNERSHIP
    if event <= EV_EXTFRAG:
        return store_pages(out, f)
    if event <= EV_ISOLATE_MIGRATE:
        out.arg = <uint32_t> min(told(f, KEY_TAKEN), <uint64_t> 0xFFFFFFFF)
        if event == EV_ISOLATE_FREE:
            out.gfp = <uint32_t> min(told(f, KEY_SCANNED), <uint64_t> 0xFFFFFFFF)
        return has(f, KEY_RANGE) and has(f, KEY_TAKEN) and store_range(out, f)
    if event <= EV_COMPACTION_END:
        if not (has(f, KEY_LOW) and has(f, KEY_HIGH) and store_range(out, f)):
            return False
        if f.value[KEY_LOW] < told(f, KEY_FREE_PFN) < f.value[KEY_HIGH]:
            out.arg = <uint32_t> (f.value[KEY_FREE_PFN] - f.value[KEY_LOW])
        return True
    if event == EV_MIGRATE or event == EV_RECLAIM_END:
        out.arg = <uint32_t> min(told(f, KEY_COUNT), <uint64_t> 0xFFFFFFFF)
        out.span = <uint32_t> min(told(f, KEY_FAILED), <uint64_t> 0xFFFFFFFF)
        return has(f, KEY_COUNT)
    if has(f, KEY_ORDER) and f.value[KEY_ORDER] <= 64:
        out.order = <uint8_t> f.value[KEY_ORDER]
    return True
