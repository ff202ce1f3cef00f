# From arguments to a zone_config_t, by name: what a zone can be made with stands in its kernel's table
# (core/common/config.pxi), and here only what Python calls or writes otherwise.

from libc.string cimport memcmp

cdef dict SWITCH_NAMES = {          # where Python's are others
    "pageblock_relative": "pageblock_index", "grouping": "group_by_mobility", "node_present": "node_present_pages",
    "lowmem_reserve_ratio_device": "lowmem_reserve_ratio",
}
cdef dict SWITCH_CHOICES = {        # fields that are words in Python
    "pageblock_index": {"absolute": 0, "zone_relative": 1},
}
cdef frozenset NO_SWITCHES = frozenset((        # of C alone, or arguments with a reader of their own
    "size", "kernel", "memory_is_zero", "slot_limit", "ranges", "nr_ranges", "free_ranges", "nr_free_ranges",
    "linked_outside", "nr_linked_outside", "seed",
))


cdef dict switches_of(int kernel):
    """Rows of the kernel's table by the name of the argument that fills them: one, or one for each zone of a node."""
    cdef fields_t fields = config_fields(kernel)
    cdef dict rows = {}
    cdef int k
    for k in range(fields.n):
        name = fields.row[k].name.decode().partition("[")[0]
        if name not in NO_SWITCHES:
            rows.setdefault(SWITCH_NAMES.get(name, name), []).append(k)
    return rows


cdef list SWITCHES = [switches_of(kernel) for kernel in range(len(RELEASES))]     # by KERNEL_*


cdef tuple one_a_zone(object values, str name, int zones):
    """A value for each zone of a node."""
    cdef tuple result = tuple(values)
    if len(result) != zones:
        raise MisuseError(f"{name}: {len(result)} values: one for each of {zones} zones is wanted")
    return result


cdef int64_t as_switch(object value, str name, str label, const field_t *field, int kernel) except? -1:
    """The number of one value in range; `label` is what the caller named it."""
    if name in SWITCH_CHOICES:
        if value not in SWITCH_CHOICES[name]:
            raise MisuseError(f"{label}={value!r}: allowed are " + " and ".join(map(repr, SWITCH_CHOICES[name])))
        return SWITCH_CHOICES[name][value]
    if name == "node_highmem":
        return sum(bool(high) << k for k, high in enumerate(one_a_zone(value, label, MAX_NR_ZONES)))
    if field.low == 0 and field.high == 1:
        return bool(value)
    if field.low == field.high and value != field.low:
        raise MisuseError(f"{label}={value!r}: with kernel={release_of(kernel)!r} the only value is {field.low}")
    return as_ranged(value, label, field.low, field.high)


cdef int read_switch(zone_config_t *config, str name, object value, str label) except -1:
    """Set the fields that an argument fills.  None: as it usually is."""
    cdef fields_t fields = config_fields(config.kernel)
    cdef list rows = SWITCHES[config.kernel][name]
    cdef const field_t *field = &fields.row[<int> rows[0]]
    if len(rows) == 1:
        if value is not None or field.low <= field.usual <= field.high:
            field_set(config, field, as_switch(value, name, label, field, config.kernel))
    elif value is not None:
        for k, one in enumerate(one_a_zone(value, label, len(rows))):
            field = &fields.row[<int> rows[k]]
            field_set(config, field, as_switch(one, name, f"{label}[{k}]", field, config.kernel))
    return 0


cdef int foreign_switch(str name, object value, int kernel) except -1:
    """An argument that zones of another kernel have may say what is usual there, and nothing else."""
    cdef zone_config_t usual, asked
    cdef fields_t fields
    for other, switches in enumerate(SWITCHES):
        if name in switches:
            fields = config_fields(other)
            config_usual(&usual, &fields)
            asked = usual
            read_switch(&asked, name, value, name)
            if memcmp(&usual, &asked, sizeof(zone_config_t)) == 0:
                return 0
            raise MisuseError(f"{name}={value!r}: needs kernel={release_of(other)!r}, but this one is of "
                              f"kernel={release_of(kernel)!r}")
    raise TypeError(f"Zone() got an unexpected keyword argument {name!r}")


cdef int read_config(zone_config_t *config, int kernel, dict switches) except -1:
    """Check the arguments of Zone that are numbers, switches and words, and fill the record."""
    cdef fields_t fields = config_fields(kernel)
    config_usual(config, &fields)
    for name, value in switches.items():
        if name in SWITCHES[kernel]:
            read_switch(config, name, value, name)
        else:
            foreign_switch(name, value, kernel)
    return 0


# --- what there is ----------------------------------------------------------------------------------------------

cdef list checked_ranges(object ranges, int64_t start, int64_t end, str name):
    """[first, end) pairs in the zone, ascending, that do not overlap."""
    result = []
    at = start
    for k, pair in enumerate(ranges):
        try:
            first, stop = pair
        except (TypeError, ValueError):
            raise MisuseError(f"{name}[{k}]={pair!r}: a pair (first, end) is wanted") from None
        low = as_int64(first, f"{name}[{k}][0]")
        high = as_int64(stop, f"{name}[{k}][1]")
        if not at <= low < high <= end:
            raise MisuseError(f"{name}[{k}]=({low}, {high}): ranges must ascend, not overlap, not be empty, "
                              f"and lie in {start}..{end}")
        result.append((low, high))
        at = high
    return result


cdef Buffer int64_buffer(list numbers):
    """Numbers, or pairs of them, as an array that is held; with something behind them, because NULL means all."""
    return Buffer(np.append(np.array(numbers, np.int64).ravel(), 0))


cdef list free_inside(list free, list present):
    """Free ranges, each of which must lie in one that is present."""
    for first, stop in free:
        if not any(low <= first and stop <= high for low, high in present):
            raise MisuseError(f"free_ranges: ({first}, {stop}) is not all present")
    return free


cdef tuple read_ranges(zone_config_t *config, object present_ranges, object free_ranges, object linked_outside):
    """Check the arguments of Zone that are lists, and point the record to them; who holds them meanwhile."""
    cdef int64_t end = config.start_pfn + config.spanned_pages
    cdef Buffer present
    cdef Buffer free = None
    cdef Buffer linked = None
    ranges = [(config.start_pfn, end)]
    if present_ranges is not None:
        ranges = checked_ranges(present_ranges, config.start_pfn, end, "present_ranges")
    present = int64_buffer(ranges)
    config.ranges, config.nr_ranges = <const range_t *> present.view.buf, len(ranges)
    if free_ranges is not None:
        ranges = free_inside(checked_ranges(free_ranges, config.start_pfn, end, "free_ranges"), ranges)
        free = int64_buffer(ranges)
        config.free_ranges, config.nr_free_ranges = <const range_t *> free.view.buf, len(ranges)
    outside = [as_ranged(pfn, "linked_outside", 0, config.start_pfn - 1) for pfn in linked_outside]
    if outside:
        linked = int64_buffer(outside)
        config.linked_outside, config.nr_linked_outside = <const int64_t *> linked.view.buf, len(outside)
    return present, free, linked


cdef int check_node_present(const zone_config_t *config) except -1:
    """What is said of the node's pages must agree with this zone's own."""
    cdef int64_t present = config_present(config)
    if config.node_present[config.zone_idx] != present:
        raise MisuseError(f"node_present_pages[{config.zone_idx}]={config.node_present[config.zone_idx]}: this zone "
                          f"has {present} present pages")
    return 0


cdef int refuse_lists(int kernel, object free_ranges, object linked_outside, object events) except -1:
    """What the first kernel cannot be asked for."""
    if kernel:
        return 0
    for name, value, only in (("free_ranges", free_ranges, None), ("linked_outside", tuple(linked_outside), ()),
                              ("events", events, 0)):
        if value != only:
            raise MisuseError(f"{name}={value!r}: needs kernel='6.1' or '6.12'")
    return 0
