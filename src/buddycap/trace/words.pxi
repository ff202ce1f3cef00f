# Words of a line: numbers, names, and texts that are kept once.  No Python in here, and no reading past `end`.

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

cdef enum:
    KEPT_TEXTS = 4096           # different gfp texts and marks that are told apart
    KEPT_SLOTS = 8192           # of the hash table over them, a power of two
    KEPT_BYTES = 1 << 19
    RECENT = 64                 # lengths of texts that are told apart, a power of two
    NO_TEXT = 0xFFFFFFFF
    WORD_BYTES = 40             # room for a word that has a code
    MOST_WORDS = 32


ctypedef const uint8_t *text_t


cdef struct kept_t:             # texts seen so far, each stored once
    uint32_t slot[KEPT_SLOTS]   # number of a text + 1; 0: empty
    uint64_t hash[KEPT_TEXTS]
    uint32_t start[KEPT_TEXTS + 1]
    uint32_t count
    uint32_t recent[RECENT]     # number of the last text of a length, modulo this, + 1; 0: none
    uint64_t lost               # texts that found no room
    char bytes[KEPT_BYTES]


cdef struct words_t:            # words that are known, and what they stand for
    uint8_t first[WORD_BYTES + 1]       # number of a word of this length, + 1; 0: none
    uint8_t next[MOST_WORDS]            # of the next one of the same length
    int code[MOST_WORDS]
    uint8_t text[MOST_WORDS][WORD_BYTES]


cdef int8_t[256] HEX_DIGITS     # the value of a hexadecimal digit, -1 of another character


cdef void fill_hex_digits() noexcept:
    cdef int k
    memset(HEX_DIGITS, -1, sizeof(HEX_DIGITS))
    for k in range(16):
        HEX_DIGITS[48 + k if k < 10 else 55 + k] = HEX_DIGITS[48 + k if k < 10 else 87 + k] = <int8_t> k


fill_hex_digits()


cdef inline uint64_t eight_bytes(text_t p) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, p, 8)
    return word


cdef inline uint32_t four_bytes(text_t p) noexcept nogil:
    cdef uint32_t word
    memcpy(&word, p, 4)
    return word


cdef inline bint same_bytes(text_t a, text_t b, int64_t length) noexcept nogil:
    """Whether two short texts agree: without the call that memcmp is where the length is not known."""
    cdef int64_t k = 0
    if length >= 8:
        for k in range(0, length - 8, 8):
            if eight_bytes(a + k) != eight_bytes(b + k):
                return False
        return eight_bytes(a + length - 8) == eight_bytes(b + length - 8)
    if length >= 4:
        return four_bytes(a) == four_bytes(b) and four_bytes(a + length - 4) == four_bytes(b + length - 4)
    for k in range(length):
        if a[k] != b[k]:
            return False
    return True


cdef int fill_words(words_t *words, dict codes) except -1:
    """Fill a table of words, whose codes are not 0."""
    cdef int k
    for k, (text, code) in enumerate(codes.items()):
        name = text.encode()
        if k == MOST_WORDS or len(name) > WORD_BYTES:
            raise MisuseError(f"no room for the word {text!r}")
        memcpy(words.text[k], <const char *> name, len(name))
        words.next[k] = words.first[len(name)]
        words.first[len(name)] = <uint8_t> (k + 1)
        words.code[k] = code
    return 0


cdef inline int word_code(const words_t *words, text_t p, text_t end) noexcept nogil:
    """The code of a word; 0 for one that is not in the table."""
    cdef int64_t length = end - p
    cdef int k = words.first[length] if length <= WORD_BYTES else 0
    while k:
        if same_bytes(words.text[k - 1], p, length):
            return words.code[k - 1]
        k = words.next[k - 1]
    return 0


cdef uint64_t hash_text(text_t p, int64_t length) noexcept nogil:
    """A hash of a text, eight characters at a time."""
    cdef uint64_t h = <uint64_t> length
    cdef uint64_t word
    while length > 0:
        word = 0
        memcpy(&word, p, 8 if length >= 8 else length)
        h = (h ^ word) * <uint64_t> 0x9E3779B97F4A7C15
        h ^= h >> 29
        p += 8
        length -= 8
    return h


cdef inline bint is_text(const kept_t *kept, uint32_t number, text_t p, int64_t length) noexcept nogil:
    """Whether a text that is kept is this one."""
    cdef uint32_t start = kept.start[number]
    return kept.start[number + 1] - start == length and memcmp(kept.bytes + start, p, length) == 0


cdef uint32_t kept_number(kept_t *kept, text_t p, int64_t length) noexcept nogil:
    """The number of a text, which is kept if it is new; NO_TEXT if there is no room.

    Most texts are the last one of their length again, which is faster to find than to hash.
    """
    cdef uint32_t *recent = &kept.recent[length & (RECENT - 1)]
    cdef uint32_t number
    if recent[0]:
        number = recent[0] - 1
        if is_text(kept, number, p, length):
            return number
    number = hashed_number(kept, p, length)
    if number != <uint32_t> NO_TEXT:
        recent[0] = number + 1
    return number


cdef uint32_t hashed_number(kept_t *kept, text_t p, int64_t length) noexcept nogil:
    """The number of a text by its hash."""
    cdef uint64_t h = hash_text(p, length)
    cdef uint32_t place = <uint32_t> (h ^ (h >> 32)) & (KEPT_SLOTS - 1)
    cdef uint32_t number
    while kept.slot[place]:
        number = kept.slot[place] - 1
        if kept.hash[number] == h and is_text(kept, number, p, length):
            return number
        place = (place + 1) & (KEPT_SLOTS - 1)
    number = kept.count
    if number == KEPT_TEXTS or kept.start[number] + length > KEPT_BYTES:
        kept.lost += 1
        return <uint32_t> NO_TEXT
    memcpy(kept.bytes + kept.start[number], p, length)
    kept.hash[number] = h
    kept.start[number + 1] = kept.start[number] + <uint32_t> length
    kept.slot[place] = number + 1
    kept.count += 1
    return number


cdef inline bint is_digit(uint8_t c) noexcept nogil:
    return 48 <= c <= 57


cdef inline int hex_value(uint8_t c) noexcept nogil:
    """The value of a hexadecimal digit, -1 for another character."""
    return HEX_DIGITS[c]


cdef inline text_t skip_blanks(text_t p, text_t end) noexcept nogil:
    while p < end and (p[0] == 32 or p[0] == 9):
        p += 1
    return p


cdef inline uint64_t marked_bytes(uint64_t word, uint8_t c) noexcept nogil:
    """The upper bit of the lowest byte that is `c`, and perhaps of others above it; 0 if there is none.

    The lowest byte is the first one of a text: records and words are little-endian everywhere.
    """
    word ^= <uint64_t> 0x0101010101010101 * c
    return (word - <uint64_t> 0x0101010101010101) & ~word & <uint64_t> 0x8080808080808080


cdef inline text_t word_end(text_t p, text_t end) noexcept nogil:
    """The first blank from `p` on, or `end`."""
    cdef uint64_t word, found
    while end - p >= 8:
        word = eight_bytes(p)
        found = marked_bytes(word, 32) | marked_bytes(word, 9)
        if found:
            return p + (buddycap_ctz(found) >> 3)
        p += 8
    while p < end and p[0] != 32 and p[0] != 9:
        p += 1
    return p


cdef inline text_t key_end(text_t p, text_t end) noexcept nogil:
    """The first equals sign from `p` on, or the first blank if there is one before it, or `end`."""
    while p < end and p[0] != 61 and p[0] != 32 and p[0] != 9:
        p += 1
    return p


cdef inline bint whole_number(text_t p, text_t end, uint64_t *value) noexcept nogil:
    """Read all of p..end as decimal, or as hexadecimal behind 0x; False unless it is one number of 64 bits."""
    cdef uint64_t x = 0
    cdef bint twenty
    cdef int digit
    if p >= end or not is_digit(p[0]):
        return False
    if end - p > 2 and p[0] == 48 and p[1] | 32 == 120:
        p += 2
        if end - p > 16:
            return False
        while p < end:
            digit = hex_value(p[0])
            if digit < 0:
                return False
            x = (x << 4) | <uint64_t> digit
            p += 1
        value[0] = x
        return True
    if end - p > 20:
        return False
    twenty = end - p == 20
    while p < end:
        if not is_digit(p[0]):
            return False
        digit = p[0] - 48
        if twenty and p + 1 == end and x > (<uint64_t> 0xFFFFFFFFFFFFFFFF - <uint64_t> digit) // 10:
            return False        # fewer digits always fit
        x = x * 10 + <uint64_t> digit
        p += 1
    value[0] = x
    return True


cdef inline text_t digits(text_t p, text_t end, uint64_t *value) noexcept nogil:
    """Read decimal digits, at most 18; the first character behind them, or NULL if there is none."""
    cdef text_t start = p
    cdef uint64_t x = 0
    while p < end and is_digit(p[0]):
        x = x * 10 + (p[0] - 48)
        p += 1
    if p == start or p - start > 18:
        return NULL
    value[0] = x
    return p


cdef inline bint is_word(text_t p, text_t end, const char *word, int64_t length) noexcept nogil:
    return end - p == length and same_bytes(p, <text_t> word, length)


cdef inline bint starts_with(text_t p, text_t end, const char *word, int64_t length) noexcept nogil:
    return end - p >= length and same_bytes(p, <text_t> word, length)
