# What a zone is made from: bc_config of buddycap.h.  Each kernel's room has a table of the fields that its zones have
# (config.pxi there), and there alone stand their ranges and defaults: C, Python and both kernels' checks go by these.
#
# A value is good if it is in the range, or the usual one, which then means: from the size of the zone.  Fields that are
# in no row are another kernel's or reserved, and must be zero.

cdef extern from "buddycap.h" nogil:
    ctypedef struct range_t "bc_range":         # page frames first .. end - 1
        int64_t first
        int64_t end

    ctypedef struct zone_config_t "bc_config":
        uint32_t size
        int32_t max_page_order
        int32_t pageblock_order
        int32_t zone_idx
        int64_t start_pfn
        int64_t spanned_pages
        const range_t *ranges
        int64_t nr_ranges
        int32_t cpus
        int32_t pcp_batch
        int32_t pcp_high
        int32_t pageblock_relative
        int32_t pcp_bulk_cold
        int32_t grouping
        int32_t owners
        int32_t populate
        int32_t slot_limit
        int32_t memory_is_zero
        int64_t min_free_kbytes
        int64_t node_present[4]
        int32_t lowmem_reserve_ratio[4]
        uint32_t node_highmem
        int32_t kernel
        uint64_t seed
        const range_t *free_ranges
        int64_t nr_free_ranges
        const int64_t *linked_outside
        int64_t nr_linked_outside
        int32_t watermark_scale_factor
        int32_t watermark_boost_factor
        int32_t lowmem_reserve_ratio_device
        int32_t cma

cdef extern from *:
    """
    typedef struct buddycap_field {
        const char *name;
        size_t offset, bytes;
        int64_t low, high, usual;
    } buddycap_field;
    #define BUDDYCAP_FIELD(name, low, high, usual) \\
        {#name, offsetof(bc_config, name), sizeof(((bc_config *) 0)->name), low, high, usual}
    #define BUDDYCAP_ANY(name) BUDDYCAP_FIELD(name, INT64_MIN, INT64_MAX, 0)
    #define BUDDYCAP_SWITCH(name, usual) BUDDYCAP_FIELD(name, 0, 1, usual)
    #define BUDDYCAP_COMMON_FIELDS(number, zones) \\
        BUDDYCAP_FIELD(size, sizeof(bc_config), sizeof(bc_config), sizeof(bc_config)), \\
        BUDDYCAP_FIELD(kernel, number, number, number), \\
        BUDDYCAP_FIELD(zone_idx, 0, (zones) - 1, 0), \\
        BUDDYCAP_FIELD(start_pfn, 0, (INT64_C(1) << 52) - 1, 0), \\
        BUDDYCAP_FIELD(spanned_pages, 1, 0x7FF80000, 1), \\
        BUDDYCAP_ANY(ranges), \\
        BUDDYCAP_FIELD(nr_ranges, 0, INT32_MAX, 0), \\
        BUDDYCAP_FIELD(cpus, 1, 4096, 1), \\
        BUDDYCAP_SWITCH(grouping, 1), \\
        BUDDYCAP_SWITCH(owners, 0), \\
        BUDDYCAP_SWITCH(populate, 1), \\
        BUDDYCAP_SWITCH(memory_is_zero, 0), \\
        BUDDYCAP_FIELD(min_free_kbytes, 0, INT32_MAX, -1), \\
        BUDDYCAP_ANY(seed)
    """
    ctypedef struct field_t "buddycap_field":
        const char *name
        size_t offset
        size_t bytes            # 4 or 8
        int64_t low
        int64_t high
        int64_t usual

ctypedef struct fields_t:       # the table of a kernel
    const field_t *row
    int n


cdef inline int64_t field_get(const zone_config_t *config, const field_t *field) noexcept nogil:
    cdef const uint8_t *at = <const uint8_t *> config + field.offset
    return (<const int32_t *> at)[0] if field.bytes == sizeof(int32_t) else (<const int64_t *> at)[0]


cdef inline void field_set(zone_config_t *config, const field_t *field, int64_t value) noexcept nogil:
    cdef uint8_t *at = <uint8_t *> config + field.offset
    if field.bytes == sizeof(int32_t):
        (<int32_t *> at)[0] = <int32_t> value
    else:
        (<int64_t *> at)[0] = value


cdef void config_usual(zone_config_t *config, const fields_t *fields) noexcept nogil:
    """Every field as it usually is."""
    cdef int k
    memset(config, 0, sizeof(zone_config_t))
    for k in range(fields.n):
        field_set(config, &fields.row[k], fields.row[k].usual)


cdef int config_fields_ok(const zone_config_t *config, const fields_t *fields) noexcept nogil:
    """Whether every field of the kernel's is in range, and all others are zero."""
    cdef zone_config_t rest = config[0]
    cdef int64_t value
    cdef size_t at
    cdef int k
    for k in range(fields.n):
        value = field_get(config, &fields.row[k])
        if not fields.row[k].low <= value <= fields.row[k].high and value != fields.row[k].usual:
            return 0
        field_set(&rest, &fields.row[k], 0)
    for at in range(sizeof(zone_config_t)):
        if (<const uint8_t *> &rest)[at]:
            return 0
    return 1


# --- what there is ----------------------------------------------------------------------------------------------

cdef int64_t ranges_pages(const zone_config_t *config, const range_t *ranges, int64_t n) noexcept nogil:
    """Pages in n ranges, or -1 if they do not ascend, overlap, or leave the span."""
    cdef int64_t at = config.start_pfn
    cdef int64_t pages = 0
    cdef int64_t k
    if ranges == NULL or <size_t> ranges & 7:
        return -1
    for k in range(n):
        if not at <= ranges[k].first < ranges[k].end <= config.start_pfn + config.spanned_pages:
            return -1
        pages += ranges[k].end - ranges[k].first
        at = ranges[k].end
    return pages


cdef int64_t config_present(const zone_config_t *config) noexcept nogil:
    """Pages that exist, or -1 if the ranges are none."""
    if config.ranges == NULL and config.nr_ranges == 0:
        return config.spanned_pages
    return ranges_pages(config, config.ranges, config.nr_ranges)


cdef inline int64_t nr_present_ranges(const zone_config_t *config) noexcept nogil:
    return 1 if config.ranges == NULL else config.nr_ranges


cdef inline range_t present_range(const zone_config_t *config, int64_t k) noexcept nogil:
    cdef range_t whole
    if config.ranges != NULL:
        return config.ranges[k]
    whole.first = config.start_pfn
    whole.end = config.start_pfn + config.spanned_pages
    return whole


cdef int free_ranges_ok(const zone_config_t *config) noexcept nogil:
    """Whether the free ranges are ranges, and each lies in one of those that are present."""
    cdef int64_t at = 0
    cdef int64_t k
    if config.free_ranges == NULL:
        return config.nr_free_ranges == 0
    if ranges_pages(config, config.free_ranges, config.nr_free_ranges) < 0:
        return 0
    for k in range(config.nr_free_ranges):
        while at < nr_present_ranges(config) and present_range(config, at).end < config.free_ranges[k].end:
            at += 1
        if at == nr_present_ranges(config) or config.free_ranges[k].first < present_range(config, at).first:
            return 0
    return 1


cdef int linked_ok(const zone_config_t *config) noexcept nogil:
    """Whether the pages that are linked from outside lie before the zone."""
    cdef int64_t k
    if config.linked_outside == NULL or <size_t> config.linked_outside & 7:
        return config.linked_outside == NULL and config.nr_linked_outside == 0
    for k in range(config.nr_linked_outside):
        if not 0 <= config.linked_outside[k] < config.start_pfn:
            return 0
    return 1
