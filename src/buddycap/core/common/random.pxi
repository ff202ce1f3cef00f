# Random numbers: a zone's own stream, part of its state.


cdef inline uint64_t rotl(uint64_t x, int k) noexcept nogil:
    return (x << k) | (x >> (64 - k))


cdef uint64_t random_next(uint64_t *s) noexcept nogil:
    """One step of xoshiro256** (Blackman and Vigna 2018): the state is four words, part of the image."""
    cdef uint64_t result = rotl(s[1] * 5, 7) * 9
    cdef uint64_t t = s[1] << 17
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotl(s[3], 45)
    return result


cdef void random_seed(uint64_t *s, uint64_t seed) noexcept nogil:
    """Fill the state from one word with splitmix64, as its authors advise."""
    cdef int k
    cdef uint64_t x
    for k in range(4):
        seed += <uint64_t> 0x9E3779B97F4A7C15
        x = seed
        x = (x ^ (x >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
        x = (x ^ (x >> 27)) * <uint64_t> 0x94D049BB133111EB
        s[k] = x ^ (x >> 31)
