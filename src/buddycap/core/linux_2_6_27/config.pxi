# The fields of bc_config that a zone of 2.6.27 has: see common/config.pxi.

cdef extern from *:
    """
    static const buddycap_field buddycap_fields_27[] = {
        BUDDYCAP_COMMON_FIELDS(BC_KERNEL_2_6_27, BC_MAX_NR_ZONES),
        BUDDYCAP_FIELD(max_page_order, 0, BC_MAX_ORDERS - 1, 10),
        BUDDYCAP_FIELD(pageblock_order, 0, BC_MAX_ORDERS - 1, 9),
        BUDDYCAP_FIELD(pcp_batch, 1, 1 << 24, -1),
        BUDDYCAP_FIELD(pcp_high, 0, 1 << 24, -1),
        BUDDYCAP_SWITCH(pageblock_relative, 0),
        BUDDYCAP_SWITCH(pcp_bulk_cold, 0),
        BUDDYCAP_FIELD(slot_limit, 0, 65535, 65535),
        BUDDYCAP_FIELD(node_present[0], 0, INT64_C(1) << 31, 0),
        BUDDYCAP_FIELD(node_present[1], 0, INT64_C(1) << 31, 0),
        BUDDYCAP_FIELD(node_present[2], 0, INT64_C(1) << 31, 0),
        BUDDYCAP_FIELD(node_present[3], 0, INT64_C(1) << 31, 0),
        BUDDYCAP_FIELD(lowmem_reserve_ratio[0], INT32_MIN, INT32_MAX, 256),
        BUDDYCAP_FIELD(lowmem_reserve_ratio[1], INT32_MIN, INT32_MAX, 256),
        BUDDYCAP_FIELD(lowmem_reserve_ratio[2], INT32_MIN, INT32_MAX, 32),
        BUDDYCAP_FIELD(lowmem_reserve_ratio[3], INT32_MIN, INT32_MAX, 32),
        BUDDYCAP_FIELD(node_highmem, 0, (1 << BC_MAX_NR_ZONES) - 1, 0),
    };
    #define BUDDYCAP_NR_FIELDS_27 ((int) (sizeof(buddycap_fields_27) / sizeof(buddycap_field)))
    """
    const field_t FIELDS_27 "buddycap_fields_27" []
    int NR_FIELDS_27 "BUDDYCAP_NR_FIELDS_27"


cdef fields_t config_fields_27() noexcept nogil:
    cdef fields_t fields
    fields.row = FIELDS_27
    fields.n = NR_FIELDS_27
    return fields


cdef int config_ranges_ok_27(const zone_config_t *config) noexcept nogil:
    """Whether the pages that there are agree with what is said of the node; 0 stands for the zone's own."""
    cdef int64_t present = config_present(config)
    cdef int64_t own = config.node_present[config.zone_idx]
    return present >= 0 and (own == 0 or own == present)
