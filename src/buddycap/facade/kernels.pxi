# What the boundary must know of each kernel: the one file of the facade that names several.
#
# What never changes of a zone is written into its shape once; methods go by that.

cdef tuple RELEASES = ("2.6.27", "6.1")     # by KERNEL_*


cdef str release_of(int kernel):
    """The name that `kernel=` takes."""
    return RELEASES[kernel]


cdef int kernel_number(object release) except -1:
    """The number of a kernel that is named."""
    for kernel in range(len(RELEASES)):
        if release == RELEASES[kernel]:
            return kernel
    raise MisuseError(f"kernel={release!r}: allowed are {' and '.join(map(repr, RELEASES))}")


cdef void shape_of_27(shape_t *shape, zone_t *z) noexcept:
    """What never changes of a zone of 2.6.27 besides."""
    shape.movable, shape.alloc_flags, shape.take_flags, shape.gfp = MT_MOVABLE, ALLOC_KNOWN, 0, GFP_KNOWN
    shape.reserves = MAX_NR_ZONES
    shape.off_lowmem_reserve = <uint8_t *> z.lowmem_reserve - <uint8_t *> z
    shape.capture = shape.drains = 1
    shape.scale_max = -1


cdef void shape_of(shape_t *shape, zone_t *z) noexcept:
    """What never changes of a zone, as its kernel has it."""
    if is_61(z):
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
    names, lists = (VM_NAMES_61, LRU_NAMES_61) if is_61(seen) else (VM_NAMES_27, LRU_NAMES_27)
    for k, name in enumerate(lists):
        state[name] = seen.nr_lru[k]
    for k, name in enumerate(names):
        if name is not None:
            state[name] = seen.vm[k]
    if is_61(seen):
        state["pgsteal_direct"] = seen.vm[VM_PGSTEAL] - seen.vm[VM_KSWAPD_STEAL]
    return state
