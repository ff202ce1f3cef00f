# Hashing of bytes and words: digests of states, and the hash in the header of an image.

from libc.string cimport memcpy, memset

cdef enum:
    HASH_LANES = 4

ctypedef struct hash_t:
    uint64_t lane[HASH_LANES]
    uint64_t bytes


cdef void hash_init(hash_t *h) noexcept nogil:
    cdef int k
    h.bytes = 0
    for k in range(HASH_LANES):
        h.lane[k] = <uint64_t> 0x9E3779B97F4A7C15 * (k + 1)


cdef inline uint64_t hash_mix(uint64_t lane, uint64_t word) noexcept nogil:
    """Multiply and rotate: every bit of the word reaches the upper half, the next multiplication does the rest."""
    return rotl((lane ^ word) * <uint64_t> 0xD6E8FEB86659FD93, 32) + word


cdef void hash_bytes(hash_t *h, const void *data, uint64_t n) noexcept nogil:
    """Take in n bytes, in four lanes of words; a last partial word is filled up with zeros."""
    cdef const uint8_t *p = <const uint8_t *> data
    cdef uint64_t word[HASH_LANES]
    cdef int k
    h.bytes += n
    while n >= sizeof(word):
        memcpy(word, p, sizeof(word))
        for k in range(HASH_LANES):
            h.lane[k] = hash_mix(h.lane[k], word[k])
        p += sizeof(word)
        n -= sizeof(word)
    if n:
        memset(word, 0, sizeof(word))
        memcpy(word, p, n)
        for k in range(HASH_LANES):
            h.lane[k] = hash_mix(h.lane[k], word[k])


cdef inline void hash_word(hash_t *h, uint64_t word) noexcept nogil:
    h.bytes += sizeof(word)
    h.lane[0] = hash_mix(h.lane[0], word)


cdef uint64_t hash_fold(hash_t *h, int first) noexcept nogil:
    """One word of the result: all lanes, starting at `first`, and the length."""
    cdef uint64_t x = h.bytes + first
    cdef int k
    for k in range(HASH_LANES):
        x = hash_mix(x, h.lane[(first + k) % HASH_LANES])
    x ^= x >> 29
    x *= <uint64_t> 0xBF58476D1CE4E5B9
    return x ^ (x >> 32)
