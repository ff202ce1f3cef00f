# The fields of an event: `key=value` words.  A key that is missing, stands twice or holds no number spoils the line.

cdef struct fields_t:
    uint64_t pfn
    uint64_t order
    uint64_t migratetype
    uint64_t fallback_order
    uint64_t fallback_type
    uint64_t low
    uint64_t high
    uint64_t taken
    uint64_t scanned
    uint64_t free_pfn
    uint64_t count
    uint64_t failed
    text_t gfp
    text_t gfp_end
    text_t status
    text_t status_end
    uint16_t flags
    int got


cdef enum key_code:
    KEY_PFN = 1
    KEY_ORDER
    KEY_TYPE
    KEY_GFP
    KEY_REFILL
    KEY_ALLOC_ORDER
    KEY_FALLBACK_ORDER
    KEY_ALLOC_TYPE
    KEY_FALLBACK_TYPE
    KEY_OWNERSHIP
    KEY_TAKEN
    KEY_SCANNED
    KEY_FREE_PFN
    KEY_ZONE_START
    KEY_ZONE_END
    KEY_STATUS
    KEY_COUNT
    KEY_FAILED

cdef words_t KEYS
fill_words(&KEYS, {
    "pfn": KEY_PFN, "order": KEY_ORDER, "migratetype": KEY_TYPE, "gfp_flags": KEY_GFP, "percpu_refill": KEY_REFILL,
    "alloc_order": KEY_ALLOC_ORDER, "fallback_order": KEY_FALLBACK_ORDER, "alloc_migratetype": KEY_ALLOC_TYPE,
    "fallback_migratetype": KEY_FALLBACK_TYPE, "change_ownership": KEY_OWNERSHIP, "nr_taken": KEY_TAKEN,
    "nr_scanned": KEY_SCANNED, "free_pfn": KEY_FREE_PFN,
    "zone_start": KEY_ZONE_START, "zone_end": KEY_ZONE_END, "status": KEY_STATUS, "nr_migrated": KEY_COUNT,
    "nr_failed": KEY_FAILED, "nr_reclaimed": KEY_COUNT, "gfp_mask": KEY_GFP,
})


cdef bint take_field(fields_t *f, int code, text_t value, text_t end) noexcept nogil:
    """Note one field; False if its value is none, or if it has been there before."""
    cdef uint64_t x = 0
    cdef int bit = GOT_OTHER
    if code == KEY_GFP:
        f.gfp, f.gfp_end, bit = value, end, GOT_GFP
    elif code == KEY_STATUS:
        f.status, f.status_end = value, end
        return True
    elif not whole_number(value, end, &x):
        return False
    elif code == KEY_PFN:
        f.pfn, bit = x, GOT_PFN
    elif code == KEY_ORDER or code == KEY_ALLOC_ORDER:
        f.order, bit = x, GOT_ORDER
    elif code == KEY_TYPE or code == KEY_ALLOC_TYPE:
        f.migratetype, bit = x, GOT_TYPE
    elif code == KEY_FALLBACK_ORDER:
        f.fallback_order, bit = x, GOT_FALLBACK_ORDER
    elif code == KEY_FALLBACK_TYPE:
        f.fallback_type, bit = x, GOT_FALLBACK_TYPE
    elif code == KEY_TAKEN:
        f.taken, bit = x, GOT_TAKEN
    elif code == KEY_SCANNED:
        f.scanned, bit = x, GOT_SCANNED
    elif code == KEY_FREE_PFN:
        f.free_pfn, bit = x, GOT_FREE_PFN
    elif code == KEY_ZONE_START:
        f.low, bit = x, GOT_ZONE_START
    elif code == KEY_ZONE_END:
        f.high, bit = x, GOT_ZONE_END
    elif code == KEY_COUNT:
        f.count, bit = x, GOT_COUNT
    elif code == KEY_FAILED:
        f.failed = x
        return True
    elif code == KEY_REFILL or code == KEY_OWNERSHIP:
        if x:
            f.flags |= FL_REFILL if code == KEY_REFILL else FL_OWNERSHIP
        return x <= 1
    if f.got & bit:
        return False
    f.got |= bit
    return True


cdef text_t take_range(fields_t *f, text_t p, text_t end) noexcept nogil:
    """Read the rest of `range=(0xa ~ 0xb)`; what follows it, or NULL."""
    cdef text_t stop = word_end(p, end)
    if f.got & GOT_RANGE or not whole_number(p, stop, &f.low):
        return NULL
    p = skip_blanks(stop, end)
    if p >= end or p[0] != 126:                 # ~
        return NULL
    p = skip_blanks(p + 1, end)
    stop = <text_t> memchr(p, 41, end - p)
    if stop == NULL or not whole_number(p, stop, &f.high):
        return NULL
    f.got |= GOT_RANGE
    return stop + 1


cdef bint read_fields(fields_t *f, text_t p, text_t end) noexcept nogil:
    """Read the payload of an event; False if a word is no field."""
    cdef text_t stop, equals, value_end
    cdef int code
    while True:
        p = skip_blanks(p, end)
        if p >= end:
            return True
        stop = word_end(p, end)
        if starts_with(p, stop, "page=", 5):         # an address of the kernel, of no use
            p = stop
            continue
        equals = <text_t> memchr(p, 61, stop - p)
        if equals == NULL:
            # "[FAILED TO PARSE]" comes before raw fields; "(null)" and "(efault)" belong to the useless pointer.
            if not (p[0] == 91 or p[0] == 40 or is_word(p, stop, "TO", 2) or is_word(p, stop, "PARSE]", 6)):
                return False
        elif starts_with(p, stop, "range=(", 7):
            stop = take_range(f, p + 7, end)
            if stop == NULL:
                return False
        else:
            value_end = stop
            if (value_end - 1)[0] == 44:             # compaction prints a comma before its mode
                value_end -= 1
            code = word_code(&KEYS, p, equals)
            if code and not take_field(f, code, equals + 1, value_end):
                return False
        p = stop


cdef bint store_pfn(event_t *out, fields_t *f) noexcept nogil:
    """Put the PFN into the event; the failed allocations say 0, or all ones in raw form."""
    if not f.got & GOT_PFN:
        return False
    if out.event == EV_ALLOC and (f.pfn == 0 or f.pfn == <uint64_t> 0xFFFFFFFFFFFFFFFF):
        out.flags |= FL_FAILED
        return True
    out.pfn = <int64_t> f.pfn
    return f.pfn >> MAX_PFN_BITS == 0


cdef bint store_pages(event_t *out, fields_t *f) noexcept nogil:
    """Finish one of the events about a block of pages."""
    if not store_pfn(out, f):
        return False
    if not f.got & GOT_ORDER or f.order > MAX_EVENT_ORDER:
        return False
    out.order = <uint8_t> f.order
    if f.got & GOT_TYPE:
        if f.migratetype > 7:
            return False
        out.migratetype = <uint8_t> f.migratetype
    elif out.event != EV_FREE and out.event != EV_FREE_BATCHED:
        return False
    if out.event == EV_EXTFRAG:
        if f.got & (GOT_FALLBACK_ORDER | GOT_FALLBACK_TYPE) != GOT_FALLBACK_ORDER | GOT_FALLBACK_TYPE:
            return False
        if f.fallback_order > MAX_EVENT_ORDER or f.fallback_type > 7:
            return False
        out.arg = <uint32_t> (f.fallback_order | f.fallback_type << 8)
    return True


cdef bint store_range(event_t *out, fields_t *f) noexcept nogil:
    """Finish an event about a range of PFNs."""
    if f.high < f.low or f.high >> MAX_PFN_BITS or f.high - f.low > <uint64_t> 0xFFFFFFFF:
        return False
    out.pfn = <int64_t> f.low
    out.span = <uint32_t> (f.high - f.low)
    return True


cdef bint store_fields(event_t *out, fields_t *f) noexcept nogil:
    """Check the fields of an event and put them into its record; False if some are missing or out of range."""
    cdef int event = out.event
    out.flags |= f.flags
    if event <= EV_EXTFRAG:
        return store_pages(out, f)
    if event <= EV_ISOLATE_MIGRATE:
        out.arg = <uint32_t> min(f.taken, <uint64_t> 0xFFFFFFFF)
        if event == EV_ISOLATE_FREE:
            out.gfp = <uint32_t> min(f.scanned, <uint64_t> 0xFFFFFFFF)
        return f.got & (GOT_RANGE | GOT_TAKEN) == GOT_RANGE | GOT_TAKEN and store_range(out, f)
    if event <= EV_COMPACTION_END:
        if f.got & (GOT_ZONE_START | GOT_ZONE_END) != GOT_ZONE_START | GOT_ZONE_END or not store_range(out, f):
            return False
        if f.low < f.free_pfn < f.high:
            out.arg = <uint32_t> (f.free_pfn - f.low)
        return True
    if event == EV_MIGRATE or event == EV_RECLAIM_END:
        out.arg = <uint32_t> min(f.count, <uint64_t> 0xFFFFFFFF)
        out.span = <uint32_t> min(f.failed, <uint64_t> 0xFFFFFFFF)
        return f.got & GOT_COUNT != 0
    if f.got & GOT_ORDER and f.order <= 64:
        out.order = <uint8_t> f.order
    return True
