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


cdef uint32_t log2_bits_q24(uint64_t x) noexcept nogil:
    """log2(x / 2^31) with 24 fraction bits, for x in [2^31, 2^32): square once for each bit."""
    cdef uint32_t fraction = 0
    cdef int k
    for k in range(24):
        x = (x * x) >> 31
        fraction <<= 1
        if x >> 32:
            fraction |= 1
            x >>= 1
    return fraction


cdef void log2_table(uint32_t *table) noexcept nogil:
    """table[k] = log2(1 + k/256) with 24 fraction bits."""
    cdef int k
    for k in range(256):
        table[k] = log2_bits_q24(<uint64_t> (256 + k) << 23)
    table[256] = 1 << 24


cdef inline uint64_t neg_log2_q16(const uint32_t *table, uint64_t u) noexcept nogil:
    """-log2(u / 2^64) with 16 fraction bits, for u > 0, between the table's values on a straight line."""
    cdef uint64_t whole = 63
    cdef uint64_t low, fraction
    cdef uint32_t k
    while not u >> 63:
        u <<= 1
        whole -= 1
    k = <uint32_t> (u >> 55) & 0xFF
    low = (u >> 31) & 0xFFFFFF
    fraction = table[k] + ((<uint64_t> (table[k + 1] - table[k]) * low) >> 24)
    return ((<uint64_t> 64 << 24) - (whole << 24) - fraction) >> 8


cdef inline uint64_t below(uint64_t *random, uint64_t n) noexcept nogil:
    """Uniform in 0..n-1, for n < 2^32."""
    return ((random_next(random) >> 32) * n) >> 32


cdef inline int permille(uint64_t *random, uint64_t n) noexcept nogil:
    return below(random, 1000) < n


cdef int64_t exponential(const uint32_t *table, uint64_t *random, int64_t mean) noexcept nogil:
    """Exponential with the given mean, at most 44 times that."""
    cdef uint64_t log = (neg_log2_q16(table, random_next(random) | 1) * 45426) >> 16    # natural, 16 fraction bits
    return <int64_t> log * (mean >> 16) + ((<int64_t> log * (mean & 0xFFFF)) >> 16)


cdef int64_t lognormal(const uint64_t *table, uint64_t *random, int64_t median, int64_t sigma_q16) noexcept nogil:
    """Lognormal by a sum of twelve uniform numbers: within 6 sigma of the median."""
    cdef int64_t total = 0
    cdef int64_t log2
    cdef uint64_t high, low, factor
    cdef int k
    for k in range(12):
        total += random_next(random) >> 40                              # 24 bits
    total -= 6 << 24                                                    # normal, 24 fraction bits
    log2 = ((total * sigma_q16) >> 16) * 94548 >> 10                    # times log2(e), 30 fraction bits
    factor = exp2_q30(table, (log2 if log2 >= 0 else -log2) & 0x3FFFFFFF)
    if log2 >= 0:                           # median * factor >> 30, in two parts: it may need more than 64 bits
        high = <uint64_t> (median >> 15) * factor
        low = <uint64_t> (median & 0x7FFF) * factor
        return <int64_t> ((high + (low >> 15)) >> 15) << (log2 >> 30)
    high = (<uint64_t> median << 15) // factor
    low = (<uint64_t> median << 15) % factor
    return <int64_t> (((high << 15) + (low << 15) // factor) >> (-log2 >> 30))


cdef int64_t skewed(uint64_t *random, int64_t n) noexcept nogil:
    """n * u^4: the first numbers are the favourites."""
    cdef uint64_t u = random_next(random) >> 33
    u = (u * u) >> 31
    u = (u * u) >> 31
    return (u * <uint64_t> n) >> 31
