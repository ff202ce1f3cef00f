# The fields of bc_config that a zone of 6.1 or 6.12 has: see common/config.pxi.

cdef extern from *:
    """
    static const buddycap_field buddycap_fields_61[] = {
        BUDDYCAP_COMMON_FIELDS(BC_KERNEL_6_1, BC_MAX_NR_ZONES + 1),
        BUDDYCAP_FIELD(max_page_order, 10, 10, 10),
        BUDDYCAP_FIELD(pageblock_order, 4, 10, 9),
        BUDDYCAP_FIELD(slot_limit, 0, 128, 128),
        BUDDYCAP_ANY(free_ranges),
        BUDDYCAP_FIELD(nr_free_ranges, 0, INT32_MAX, 0),
        BUDDYCAP_ANY(linked_outside),
        BUDDYCAP_FIELD(nr_linked_outside, 0, 1 << 10, 0),
        BUDDYCAP_FIELD(lowmem_reserve_ratio[0], 0, INT32_MAX, 256),
        BUDDYCAP_FIELD(lowmem_reserve_ratio[1], 0, INT32_MAX, 256),
        BUDDYCAP_FIELD(lowmem_reserve_ratio[2], 0, INT32_MAX, 32),
        BUDDYCAP_FIELD(lowmem_reserve_ratio[3], 0, INT32_MAX, 0),
        BUDDYCAP_FIELD(lowmem_reserve_ratio_device, 0, INT32_MAX, 0),
        BUDDYCAP_FIELD(watermark_scale_factor, 0, BC_61_MAX_SCALE_FACTOR, 10),
        BUDDYCAP_FIELD(watermark_boost_factor, 0, BC_61_MAX_BOOST_FACTOR, 15000),
        BUDDYCAP_SWITCH(cma, 0),
    };
    #define BUDDYCAP_NR_FIELDS_61 ((int) (sizeof(buddycap_fields_61) / sizeof(buddycap_field)))
    """
    const field_t FIELDS_61 "buddycap_fields_61" []
    int NR_FIELDS_61 "BUDDYCAP_NR_FIELDS_61"


cdef fields_t config_fields_61() noexcept nogil:
    cdef fields_t fields
    fields.row = FIELDS_61
    fields.n = NR_FIELDS_61
    return fields


cdef int config_ranges_ok_61(const zone_config_t *config) noexcept nogil:
    """Whether all ranges are what they should be."""
    return config_present(config) >= 0 and free_ranges_ok(config) and linked_ok(config)
