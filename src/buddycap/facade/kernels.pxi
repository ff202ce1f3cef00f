# What the boundary must know of each kernel: the one file of the facade that names several.
#
# What never changes of a zone is written into its shape once; methods go by that.

cdef tuple RELEASES = ("2.6.27", "6.1", "6.12")     # by KERNEL_*


cdef str release_of(int kernel):
    """The name that `kernel=` takes."""
    return RELEASES[kernel]


cdef int kernel_number(object release) except -1:
    """The number of a kernel that is named."""
    for kernel in range(len(RELEASES)):
        if release == RELEASES[kernel]:
            return kernel
    raise MisuseError(f"kernel={release!r}: allowed are {', '.join(map(repr, RELEASES))}")


cdef void shape_of_27(shape_t *shape, zone_t *z) noexcept:
    """What never changes of a zone of 2.6.27 besides."""
    shape.movable, shape.alloc_flags, shape.take_flags, shape.gfp = MT_MOVABLE, ALLOC_KNOWN, 0, GFP_KNOWN
    shape.reserves = MAX_NR_ZONES
    shape.off_lowmem_reserve = <uint8_t *> z.lowmem_reserve - <uint8_t *> z
    shape.capture = shape.drains = 1
    shape.scale_max = -1


cdef void shape_of(shape_t *shape, zone_t *z) noexcept:
    """What never changes of a zone, as its kernel has it."""
    if is_6(z):
        shape_of_61(shape, z)
    else:
        shape_of_27(shape, z)


cdef str zone_dump(object zone, int kernel):
    """All that is in a zone that nobody else knows, written out."""
    return canonical_dump(zone) if kernel == KERNEL_2_6_27 else dump_61([zone])


cdef tuple VM_NAMES_27 = (
    "pgalloc", "pgfree", "pgactivate", "pgdeactivate", "pgrefill", "pgsteal", "pgscan_kswapd", "pgscan_direct",
    "kswapd_steal", "pageoutrun", "allocstall", "pgrotated", "slabs_scanned", "unevictable_pgs_culled",
    "unevictable_pgs_rescued", "nr_vmscan_write", "buddy_split", "buddy_merge", "capture_own", "capture_merged",
    "capture_foreign", "capture_taken", "capture_giveback",
)
cdef tuple LRU_NAMES_27 = ("nr_inactive_anon", "nr_active_anon", "nr_inactive_file", "nr_active_file",
                           "nr_unevictable", "nr_slab_reclaimable")

# What 6.1 has not, or under another name that says more, is None.
cdef tuple VM_NAMES_61 = (
    "pgalloc", "pgfree", "pgactivate", "pgdeactivate", "pgrefill", None, "pgscan_kswapd", "pgscan_direct",
    "pgsteal_kswapd", "pageoutrun", "allocstall", "pgrotated", "slabs_scanned", "unevictable_pgs_culled",
    "unevictable_pgs_rescued", "nr_vmscan_write", "buddy_split", "buddy_merge", None, None, None, None, None,
)
cdef tuple LRU_NAMES_61 = ("nr_zone_inactive_anon", "nr_zone_active_anon", "nr_zone_inactive_file",
                           "nr_zone_active_file", "nr_zone_unevictable", "nr_slab_reclaimable")


cdef dict zone_vmstat(zone_t *seen):
    """The counters of a zone by the names of its kernel."""
    cdef dict state = {"nr_free_pages": seen.nr_free_pages}
    cdef int k
    names, lists = (VM_NAMES_61, LRU_NAMES_61) if is_6(seen) else (VM_NAMES_27, LRU_NAMES_27)
    for k, name in enumerate(lists):
        state[name] = seen.nr_lru[k]
    for k, name in enumerate(names):
        if name is not None:
            state[name] = seen.vm[k]
    if is_6(seen):
        state["pgsteal_direct"] = seen.vm[VM_PGSTEAL] - seen.vm[VM_KSWAPD_STEAL]
    return state


# --- per-CPU lists of 6.1 and 6.12 ------------------------------------------------------------------------------

cdef dict pcp_numbers(zone_t *z, int cpu):
    """What is known about the lists of a CPU, besides what is on them."""
    cdef pcp_6_1_t old
    if is_612(z):
        return pcp_numbers_612(z, cpu)
    old = zone_pcp_61(z, cpu)[0]
    return {"count": old.count, "high": old.high, "batch": old.batch, "free_factor": old.free_factor,
            "locked": bool(old.locked)}


cdef tuple PCP_SIZES = (            # by KERNEL_*: what there is, and how much each may be
    {}, {"high": PCP_MAX_61, "batch": PCP_MAX_61, "free_factor": FREE_FACTOR_MAX_61},
    {"high": PCP_MAX_61, "high_min": PCP_MAX_61, "high_max": PCP_MAX_61, "batch": PCP_MAX_61,
     "alloc_factor": ALLOC_FACTOR_MAX_612, "free_count": 1 << 30, "flags": PCP_FREED_HIGH_612 | PCP_LARGE_CACHE_612})


cdef dict pcp_sizes(int kernel, dict sizes):
    """What is to be set of it, checked; every name there is, with -1 for what stays."""
    most = PCP_SIZES[kernel]
    for name in sizes:
        if name not in most:
            raise MisuseError(f"{name}={sizes[name]!r}: the lists of a CPU of Linux {release_of(kernel)} have "
                              f"{', '.join(most)}")
    return {name: -1 if sizes.get(name) is None else as_ranged(sizes[name], name, 1 if name == "batch" else 0, high)
            for name, high in most.items()}


cdef int set_pcp_numbers(zone_t *z, int cpu, const int64_t *sizes) noexcept nogil:
    """Set some of it, in the order of PCP_SIZES; -1: as it is."""
    if is_612(z):
        set_pcp_numbers_612(z, cpu, sizes)
        return 0
    if sizes[0] >= 0:
        zone_pcp_61(z, cpu).high = only_61(z).pcp_high = <int32_t> sizes[0]
    if sizes[1] >= 0:
        zone_pcp_61(z, cpu).batch = only_61(z).pcp_batch = <int32_t> sizes[1]
    if sizes[2] >= 0:
        zone_pcp_61(z, cpu).free_factor = <int16_t> sizes[2]
    return 0


cdef object pcp_tags(zone_t *z, tuple columns):
    """The types that blocks on a per-CPU list are told to have, by PFN and order byte."""
    return [pcp_tag(z, <int32_t> (<int64_t> pfn - z.base_pfn), state)
            for pfn, state in zip(columns[0].tolist(), columns[1].tolist(), strict=True)]


cdef int own_numbers(zone_t *z, int64_t *own) noexcept nogil:
    """How many free pages are of the reserve, and whether the high mark was missed, if that is known: 1."""
    if is_612(z):
        own[0], own[1] = own_612(z).nr_free_highatomic, own_612(z).below_high
    return is_612(z)


cdef str block_word(const zone_t *z, object pfn, object tag):
    """A block on a per-CPU list, which in 6.1 keeps its type."""
    return str(pfn) if is_612(z) else f"{pfn}:{tag}"


cdef dict highs(int kernel, int64_t managed, int64_t low, int batch, int cpus, int64_t fraction):
    """How long a CPU's lists may be."""
    cdef int64_t high = zone_highsize_61(managed, low, batch, cpus, fraction)
    if kernel == KERNEL_6_12:
        most = high if fraction else zone_highsize_61(managed, managed // PCP_SHARE_612, batch, cpus, 0)
        return {"high_min": high, "high_max": most}
    return {"high": high}
