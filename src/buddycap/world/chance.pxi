# Random draws in integers only, so that they are the same on every machine: no libm.

from ._core cimport int_sqrt, random_next, random_seed


cdef void exp2_table(uint64_t *table) noexcept nogil:
    """table[k] = 2^(2^-(k+1)) with 30 fraction bits, each the square root of the one before."""
    cdef uint64_t x = <uint64_t> 2 << 30
    cdef int k
    for k in range(30):
        x = int_sqrt(x << 30)
        table[k] = x


cdef uint64_t exp2_q30(const uint64_t *table, uint64_t fraction) noexcept nogil:
    """2^f with 30 fraction bits, for f = fraction / 2^30 in [0, 1)."""
    cdef uint64_t x = <uint64_t> 1 << 30
    cdef int k
    for k in range(30):
        if fraction & (<uint64_t> 1 << (29 - k)):
            x = (x * table[k]) >> 30
    return x


cdef uint64_t neg_log2_q32(uint64_t u) noexcept nogil:
    """-log2(u / 2^64) with 32 fraction bits, for u > 0: normalise, then square once for each bit."""
    cdef uint64_t whole = 63
    cdef uint64_t fraction = 0
    cdef uint64_t x
    cdef int k
    while not u >> 63:
        u <<= 1
        whole -= 1
    x = u >> 32
    for k in range(32):
        x = (x * x) >> 31
        fraction <<= 1
        if x >> 32:
            fraction |= 1
            x >>= 1
    return (<uint64_t> 64 << 32) - ((whole << 32) | fraction)


cdef inline uint64_t below(uint64_t *random, uint64_t n) noexcept nogil:
    """Uniform in 0..n-1, for n < 2^32."""
    return ((random_next(random) >> 32) * n) >> 32


cdef inline int permille(uint64_t *random, uint64_t n) noexcept nogil:
    return below(random, 1000) < n


cdef int64_t exponential(uint64_t *random, int64_t mean) noexcept nogil:
    """Exponential with the given mean, at most 44 times that."""
    cdef uint64_t log = neg_log2_q32(random_next(random) | 1) >> 16     # 16 fraction bits
    return <int64_t> ((log * 45426) >> 16) * (mean >> 16) + (<int64_t> (((log * 45426) >> 16) * (mean & 0xFFFF)) >> 16)


cdef int64_t lognormal(const uint64_t *table, uint64_t *random, int64_t median, int64_t sigma_q16) noexcept nogil:
    """Lognormal by a sum of twelve uniform numbers: within 6 sigma of the median."""
    cdef int64_t total = 0
    cdef int64_t log2
    cdef int k
    for k in range(12):
        total += random_next(random) >> 40                              # 24 bits
    total -= 6 << 24                                                    # normal, 24 fraction bits
    log2 = ((total * sigma_q16) >> 16) * 94548 >> 10                    # times log2(e), 30 fraction bits
    if log2 >= 0:
        return <int64_t> ((median * exp2_q30(table, log2 & 0x3FFFFFFF)) >> 30) << (log2 >> 30)
    log2 = -log2
    return <int64_t> (((<uint64_t> median << 30) // exp2_q30(table, log2 & 0x3FFFFFFF)) >> (log2 >> 30))


cdef int64_t skewed(uint64_t *random, int64_t n) noexcept nogil:
    """n * u^4: the first numbers are the favourites."""
    cdef uint64_t u = random_next(random) >> 33
    u = (u * u) >> 31
    u = (u * u) >> 31
    return (u * <uint64_t> n) >> 31
