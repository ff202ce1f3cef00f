# The C entry points about single pages of a machine: where one is, on the LRU, dropped, written.


cdef int page_place(const bc_machine *machine, int64_t pfn, int32_t *zone, int32_t *i) noexcept nogil:
    """Position of the zone and index of an existing page."""
    cdef int status = machine_status(machine, NULL)
    if status == BC_OK and not machine_find(as_machine(machine), pfn, zone, i):
        status = BC_EMISUSE_PFN_RANGE
    return status


cdef int single_page(const bc_machine *machine, int64_t pfn, int32_t *zone, int32_t *i) noexcept nogil:
    """The same for an allocated page of order 0."""
    cdef int status = page_place(machine, pfn, zone, i)
    return core_status(single_page_status(as_machine(machine).zone[zone[0]], i[0])) if status == BC_OK else status


cdef int listed_page(const bc_machine *machine, int64_t pfn, uint32_t wanted, int32_t *zone, int32_t *i) noexcept nogil:
    """The same for a page with one of the wanted flags."""
    cdef int status = single_page(machine, pfn, zone, i)
    if status == BC_OK and not flags_array(as_machine(machine).zone[zone[0]])[i[0]] & wanted:
        status = BC_EMISUSE_PAGE_NOT_LISTED
    return status


cdef public int bc_machine_find(const bc_machine *machine, int64_t pfn) noexcept nogil:
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int status = page_place(machine, pfn, &zone, &i)
    return as_machine(machine).zone[zone].zone_idx if status == BC_OK else status


cdef int room_for_event(const bc_machine *machine, uint32_t kind) noexcept nogil:
    """Whether an optional event of this kind can be noted, if it is wanted."""
    cdef machine_t *m = <machine_t *> machine
    return BC_EMISUSE_EVENTS if m.event_mask & kind and events_pending(m) == NR_EVENTS else BC_OK


cdef public int bc_free_pages(bc_machine *machine, int64_t pfn, int order, int cpu, bc_result *result) noexcept nogil:
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef zone_t *z
    cdef int status = page_place(machine, pfn, &zone, &i)
    if status == BC_OK and pointer_odd(result):
        status = BC_EMISUSE_POINTER
    if status != BC_OK:
        return refused(result, status)
    z = as_machine(machine).zone[zone]
    status = core_status(used_block_status(z, pfn, order))
    if status == BC_OK and <unsigned int> cpu >= <unsigned int> z.cpus:
        status = BC_EMISUSE_CPU_RANGE
    if status == BC_OK:
        status = room_for_event(machine, NOTE_FREED)
    if status != BC_OK:
        return refused(result, status)
    result_begin(result, z)
    note_freed(as_machine(machine), zone, i)
    free_block(z, i, order, cpu)
    result_end(result, z, pfn, order, BC_OK)
    return BC_OK


cdef public int bc_page_add(bc_machine *machine, int64_t pfn, uint32_t flags) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int status = page_place(machine, pfn, &zone, &i)
    return core_status(add_to_list(m, m.zone[zone], i, flags, MOP_LRU_ADD)) if status == BC_OK else status


cdef public int bc_page_add_slab(bc_machine *machine, int64_t pfn, uint32_t flags) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int status = page_place(machine, pfn, &zone, &i)
    return core_status(add_to_list(m, m.zone[zone], i, flags, MOP_SLAB_ADD)) if status == BC_OK else status


cdef public int bc_page_del(bc_machine *machine, int64_t pfn) noexcept nogil:
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int status = listed_page(machine, pfn, PF_LRU, &zone, &i)
    if status == BC_OK:
        lru_del(as_machine(machine).zone[zone], i)
    return status


cdef public int bc_page_mark(bc_machine *machine, int64_t pfn, uint32_t flags, uint32_t clear) noexcept nogil:
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int status = single_page(machine, pfn, &zone, &i)
    if status == BC_OK and ((flags | clear) & ~<uint32_t> LOOSE_FLAGS or flags & clear):
        status = BC_EMISUSE_FLAGS
    if status != BC_OK:
        return status
    page_unmark(as_machine(machine).zone[zone], i, clear)
    if flags:
        page_mark(as_machine(machine).zone[zone], i, flags)
    return BC_OK


cdef public int bc_page_accessed(bc_machine *machine, int64_t pfn) noexcept nogil:
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int status = single_page(machine, pfn, &zone, &i)
    if status == BC_OK:
        mark_page_accessed(as_machine(machine).zone[zone], i)
    return status


cdef public int bc_page_mlock(bc_machine *machine, int64_t pfn, int locked) noexcept nogil:
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int status = single_page(machine, pfn, &zone, &i)
    if status == BC_OK and not is_flag(locked):
        status = BC_EMISUSE_VALUE
    if status == BC_OK:
        page_set_mlocked(as_machine(machine).zone[zone], i, locked)
    return status


cdef public int bc_page_release(bc_machine *machine, int64_t pfn, int cpu) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int status = page_place(machine, pfn, &zone, &i)
    if status == BC_OK:
        status = core_status(free_status(m.zone[zone], i, 0, MOP_RELEASE))
    if status == BC_OK and <unsigned int> cpu >= <unsigned int> m.zone[zone].cpus:
        status = BC_EMISUSE_CPU_RANGE
    if status == BC_OK:
        status = room_for_event(machine, NOTE_FREED)
    if status != BC_OK:
        return status
    note_freed(m, zone, i)
    page_release(m.zone[zone], i, cpu)
    return BC_OK


cdef public int bc_write_start(bc_machine *machine, int64_t pfn) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef uint32_t flags
    cdef int status = listed_page(machine, pfn, PF_LRU | PF_ISOLATED, &zone, &i)
    if status != BC_OK:
        return status
    flags = flags_array(m.zone[zone])[i]
    if flags & PF_SLAB:
        return BC_EMISUSE_PAGE_NOT_LISTED
    if flags & PF_WRITEBACK:
        return BC_EMISUSE_PAGE_LISTED
    start_page_writeback(m, m.zone[zone], i)
    return BC_OK


cdef public int bc_write_end(bc_machine *machine, int64_t pfn, int cpu) noexcept nogil:
    cdef machine_t *m = <machine_t *> machine
    cdef int32_t zone = 0
    cdef int32_t i = 0
    cdef int status = listed_page(machine, pfn, PF_WRITEBACK, &zone, &i)
    if status == BC_OK and <unsigned int> cpu >= <unsigned int> m.zone[zone].cpus:
        status = BC_EMISUSE_CPU_RANGE
    if status == BC_OK:
        end_page_writeback(m, m.zone[zone], i, cpu)
    return status
