# What is in zones of Linux 6.1 and 6.12, written out.


cdef list dump_zone_61(Zone zone):
    """The lines of a zone that nobody else knows."""
    cdef zone_t seen = zone.ready()[0]
    cdef zone_6_1_t own = only_61(zone.ready())[0]
    cdef zone_t *z = &seen
    cdef zone_6_1_t *e = &own
    cdef int cpu, index
    cdef int64_t[2] more = [0, 0]      # what only 6.12 counts
    cdef bint known = own_numbers(zone.ready(), more)
    counted = [z.nr_free_pages, *([more[0]] if known else []), *([e.nr_free_cma] if e.cma else [])]
    lines = [f"Z {z.zone_idx}", "N " + " ".join(map(str, counted))]
    for order in range(ORDER_MAX_61 + 1):
        lines.append(f"O {order} {z.nr_free[order]}")
        for mt in range(zone.shape.types):
            blocks = zone.free_blocks(order, mt)["pfn"].tolist()
            if blocks:
                lines.append(f"L {order} {mt} " + " ".join(map(str, blocks)))
    lines.append("B " + "".join(map(str, zone.pageblock_migratetype.tolist())))
    for cpu in range(z.cpus):
        *sizes, _locked = zone.pcp(cpu).values()
        lines.append(f"P {cpu} " + " ".join(map(str, sizes)))
        for index in range(PCP_LISTS_61):
            blocks = zone.pcp_blocks(cpu, index).tolist()
            if blocks:
                lines.append(f"Q {cpu} {index} " + " ".join(block_word(z, pfn, tag) for pfn, _, tag in blocks))
    marks = [z.pages_min, z.pages_low, z.pages_high, e.pages_promo, e.boost, e.boosted, e.reclaim]
    marks += [more[1]] if known else []
    lines.append("W " + " ".join(map(str, marks)))
    lines.append(f"R {e.reserved_highatomic} {e.nr_isolated}")
    lines.append(f"A {z.vm[VM_PGALLOC]}")
    return lines


cdef str dump_61(object zones):
    """The text of all zones of a node, which nobody else knows, and what is counted for all of them."""
    cdef Zone zone
    cdef int k
    cdef list lines = []
    cdef list total = [0] * (2 + EVENTS_61)
    for zone in zones:
        lines += dump_zone_61(zone)
        total[0] += zone.ready().vm[VM_PGFREE]
        total[1] += only_61(zone.ready()).wakeups
        for k in range(EVENTS_61):
            total[2 + k] += only_61(zone.ready()).events[k]
    lines.append("E " + " ".join(map(str, total)))
    return "\n".join(lines) + "\n"
