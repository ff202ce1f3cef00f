# Arguments whose meaning depends on the zone's kernel.

cdef object int32_max = (1 << 31) - 1


cdef int other_enum(object value, int kernel, str kind, str name) except -1:
    """Refuse a member of another kernel's enumeration, where the numbers differ, and of one of another kind."""
    cdef object release = getattr(type(value), "kernel", None)
    if not isinstance(release, str):
        return 0
    if release_of(kernel) not in getattr(type(value), "kernels", (release,)):
        raise MisuseError(f"{name}={value!r}: a name of Linux {release}, but the zone is one of {release_of(kernel)}")
    if not type(value).__name__.startswith(kind):
        raise MisuseError(f"{name}={value!r}: a {kind} is wanted")
    return 0


cdef int as_type_slowly(object value, const shape_t *shape, int most) except -1:
    """A migratetype up to `most`, in the numbers of the zone's kernel."""
    other_enum(value, shape.kernel, "MigrateType", "migratetype")
    return <int> as_ranged(value, "migratetype", 0, most)


cdef inline int as_request_type(object value, const shape_t *shape) except -1:
    """A type that can be asked for: 0..2 in every kernel."""
    cdef int64_t mt = 0
    if buddycap_short_int(value, &mt) and 0 <= mt <= 2:
        return <int> mt
    return as_type_slowly(value, shape, 2)


cdef inline int as_request_or_movable(object value, const shape_t *shape) except -1:
    """The same; None is MOVABLE, whatever its number."""
    if value is None:
        return shape.movable
    return as_request_type(value, shape)


cdef int as_type_or_movable(object value, const shape_t *shape) except -1:
    """Any type of a zone of 6.1 but ISOLATE, which is the last; None is MOVABLE."""
    return shape.movable if value is None else as_type_slowly(value, shape, shape.types - 2)


cdef inline int as_alloc_flags(object value, const shape_t *shape) except -1:
    """Allocation flags of a request straight to the free lists; 2.6.27 has none there."""
    cdef int64_t flags = 0
    if buddycap_short_int(value, &flags) and flags == 0:
        return 0
    other_enum(value, shape.kernel, "AllocFlags", "alloc_flags")
    flags = as_int64(value, "alloc_flags")
    if flags & ~<int64_t> shape.take_flags:
        raise MisuseError(f"alloc_flags={flags:#x}: unknown to a zone of Linux {release_of(shape.kernel)}")
    return <int> flags


cdef inline int64_t as_gfp(object value, const shape_t *shape) except? -1:
    """Bits of a request, known or not."""
    cdef int64_t gfp = 0
    if buddycap_short_int(value, &gfp):
        return gfp
    other_enum(value, shape.kernel, "GFP", "gfp")
    return as_int64(value, "gfp")


cdef int64_t as_scale(object value) except? -1:
    """A watermark_scale_factor; -1 for None."""
    return -1 if value is None else as_ranged(value, "watermark_scale_factor", 0, SCALE_MAX_61)


cdef list ratios_61(object ratio, str label):
    """The lowmem_reserve_ratio of the five zones of a node; None for the usual ones."""
    cdef zone_config_t config
    cdef fields_t fields = config_fields(KERNEL_6_1)
    cdef int k
    config_usual(&config, &fields)
    read_switch(&config, "lowmem_reserve_ratio", ratio, label)
    return [config.lowmem_reserve_ratio[k] for k in range(MAX_NR_ZONES)] + [config.lowmem_reserve_ratio_device]


cdef Memory reserved_memory(const zone_config_t *config):
    """Memory for a zone."""
    cdef uint64_t size = zone_bytes(config)
    cdef Memory memory
    if size == 0:
        raise MisuseError(f"spanned_pages={config.spanned_pages}: too many pages for 31-bit indices")
    memory = Memory(size)
    memory.taken = True
    return memory
