# What only zones of Linux 6.12 have: limits of the per-CPU lists that move, a mark that was missed.


cdef dict pcp_numbers_612(zone_t *z, int cpu):
    """What is known about the lists of a CPU, besides what is on them."""
    cdef pcp_6_12_t pcp = zone_pcp_612(z, cpu)[0]
    return {"count": pcp.count, "high": pcp.high, "high_min": pcp.high_min, "high_max": pcp.high_max,
            "batch": pcp.batch, "alloc_factor": pcp.alloc_factor, "free_count": pcp.free_count, "flags": pcp.flags,
            "locked": bool(pcp.locked)}


cdef inline int32_t chosen(int64_t asked, int32_t present) noexcept nogil:
    return present if asked < 0 else <int32_t> asked


cdef void set_pcp_numbers_612(zone_t *z, int cpu, const int64_t *sizes) noexcept nogil:
    """Set some of it; limits and batch hold when the lists are switched on again, too."""
    cdef pcp_6_12_t *pcp = zone_pcp_612(z, cpu)
    cdef own_6_12_t *own = own_612(z)
    pcp.high = chosen(sizes[0], pcp.high)
    pcp.high_min = chosen(sizes[1], pcp.high_min)
    pcp.high_max = chosen(sizes[2], pcp.high_max)
    pcp.batch = chosen(sizes[3], pcp.batch)
    pcp.alloc_factor = <int16_t> chosen(sizes[4], pcp.alloc_factor)
    pcp.free_count = chosen(sizes[5], pcp.free_count)
    pcp.flags = <int16_t> chosen(sizes[6], pcp.flags)
    own.pcp_high_min = chosen(sizes[1], own.pcp_high_min)
    own.pcp_high_max = chosen(sizes[2], own.pcp_high_max)
    only_61(z).pcp_batch = chosen(sizes[3], only_61(z).pcp_batch)


@cython.no_gc_clear
cdef class NewestZone(PlacedZone):
    """What a `Zone` of Linux 6.12 can do besides; others refuse it."""

    cdef zone_t *newest(self) except NULL:
        """The zone, as `ready` gives it, if it is one of 6.12."""
        self.needs(KERNEL_6_12)
        return self.ready()

    @property
    def nr_free_highatomic(self):
        """Free pages of pageblocks that are kept for high-order atomic requests (6.12)."""
        return own_612(self.newest()).nr_free_highatomic

    @property
    def below_high(self):
        """Whether some request has missed the high mark: per-CPU lists do not grow then (6.12)."""
        return bool(own_612(self.newest()).below_high)

    @below_high.setter
    def below_high(self, bint value):
        cdef zone_t *z = self.newest()
        own_612(z).below_high = value

    def decay_pcp(self, cpu=0):
        """Let lists that nobody uses give a part of their pages back; whether there is more to do.

        Notes
        -----
        Linux: decay_pcp_high (6.12), once every few seconds.

        Examples
        --------
        >>> zone = Zone(0, 262144, kernel="6.12", min_free_kbytes=4096)
        >>> pfns = zone.alloc_bulk(2000)
        >>> before = zone.pcp()["high"]
        >>> zone.decay_pcp(), zone.pcp()["high"] < before
        (True, True)
        """
        cdef int on = <int> as_ranged(cpu, "cpu", 0, self.shape.cpus - 1)
        return bool(decay_pcp_612(self.newest(), on))

    def set_cache_slice(self, size):
        """Say how many bytes of the data cache each CPU has: with many, small blocks stay on its lists (6.12)."""
        cdef int64_t n = as_ranged(size, "size", 0, <int64_t> 1 << 40)
        set_cache_slice_612(self.newest(), n)
