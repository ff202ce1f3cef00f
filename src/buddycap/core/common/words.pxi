# Words of 64 pages: a bit a page, and the order bytes of 64 pages at once.


cdef inline uint64_t count_bits(uint64_t x) noexcept nogil:
    x -= (x >> 1) & <uint64_t> 0x5555555555555555
    x = (x & <uint64_t> 0x3333333333333333) + ((x >> 2) & <uint64_t> 0x3333333333333333)
    x = (x + (x >> 4)) & <uint64_t> 0x0F0F0F0F0F0F0F0F
    return (x * <uint64_t> 0x0101010101010101) >> 56


cdef inline uint64_t even_bits(uint64_t x) noexcept nogil:
    """Bits 0, 2, 4 ... 62 of x as bits 0, 1, 2 ... 31; the others are zero."""
    x = (x | (x >> 1)) & <uint64_t> 0x3333333333333333
    x = (x | (x >> 2)) & <uint64_t> 0x0F0F0F0F0F0F0F0F
    x = (x | (x >> 4)) & <uint64_t> 0x00FF00FF00FF00FF
    x = (x | (x >> 8)) & <uint64_t> 0x0000FFFF0000FFFF
    return (x | (x >> 16)) & <uint64_t> 0x00000000FFFFFFFF


cdef inline uint64_t pages_in_state(const uint64_t *states, uint8_t mask, uint8_t state) noexcept nogil:
    """Bit j: the order byte of page j, masked, is `state`; for 64 pages, eight at a time."""
    cdef uint64_t found = 0
    cdef uint64_t ones = <uint64_t> 0x0101010101010101
    cdef uint64_t low = <uint64_t> 0x7F7F7F7F7F7F7F7F
    cdef uint64_t x
    cdef int k
    for k in range(8):
        x = (states[k] & (ones * mask)) ^ (ones * state)
        x = ~(((x & low) + low) | x | low) >> 7     # 1 in each byte that was zero
        found |= ((x * <uint64_t> 0x0102040810204080) >> 56) << (8 * k)
    return found


cdef inline int all_in_state(const uint64_t *states, uint8_t state) noexcept nogil:
    """Whether the order bytes of all 64 pages are `state`."""
    cdef uint64_t other = 0
    cdef int k
    for k in range(8):
        other |= states[k] ^ (<uint64_t> 0x0101010101010101 * state)
    return other == 0


cdef inline uint64_t blocks_in_word(zone_t *z, int32_t at, uint8_t mask, uint8_t state) noexcept nogil:
    """pages_in_state of the 64 pages from index `at`, which may reach beyond the last page of the zone."""
    cdef uint8_t edge[64]
    cdef int k
    if at + 64 <= z.nr_index:
        return pages_in_state(<uint64_t *> (order_array(z) + at), mask, state)
    for k in range(64):
        edge[k] = order_array(z)[at + k] if at + k < z.nr_index else PG_HOLE
    return pages_in_state(<uint64_t *> edge, mask, state)


cdef inline void fill_block(uint8_t *state, int32_t i, int order, uint8_t value) noexcept nogil:
    """Write the order bytes of a whole block; small ones as a part of a word."""
    cdef uint64_t *word = <uint64_t *> (state + (i & -8))
    cdef uint64_t cells
    if order > 3:
        memset(state + i, value, 1 << order)
        return
    cells = (~<uint64_t> 0 >> (64 - (8 << order))) << (8 * (i & 7))
    word[0] = (word[0] & ~cells) | (<uint64_t> 0x0101010101010101 * value & cells)
