# What is in a zone, written out.


cdef object list_free_blocks(zone_t *z, object order, object migratetype):
    """The free blocks as a structured array, by order, then type, each list head first."""
    cdef link_t *link = link_array(z)
    cdef int64_t k = 0
    cdef int32_t i, head
    cdef int64_t *pfns
    orders = range(z.max_page_order + 1) if order is None else [as_ranged(order, "order", 0, z.max_page_order)]
    types = range(MIGRATE_TYPES)
    if migratetype is not None:
        types = [as_ranged(migratetype, "migratetype", 0, MIGRATE_TYPES - 1)]
    column = np.empty(sum(z.nr_free[o] for o in orders), dtype=np.int64)
    cdef Buffer buffer = Buffer(column, True)
    pfns = <int64_t *> buffer.view.buf
    runs = []
    for o in orders:
        for mt in types:
            head = free_list(o, mt)
            i = link[head].next
            begin = k
            while i != head:
                pfns[k] = z.base_pfn + i
                k += 1
                i = link[i].next
            if k > begin:
                runs.append((begin, k, o, mt))
    result = np.empty(k, dtype=BLOCK_DTYPE)
    result["pfn"] = column[:k]
    for begin, stop, o, mt in runs:
        result["order"][begin:stop] = o
        result["migratetype"][begin:stop] = mt
    return result


cdef str canonical_dump(Zone self):
    """The text that `Zone.canonical_dump` documents."""
    cdef zone_t *z = self.z
    cdef int32_t first = (z.first - z.pageblock_origin) >> z.pageblock_order
    cdef int32_t last = (z.end - 1 - z.pageblock_origin) >> z.pageblock_order
    lines = [f"N {z.nr_free_pages}"]
    for order in range(z.max_page_order + 1):
        lines.append(f"O {order} {z.nr_free[order]}")
        for mt in range(MIGRATE_TYPES):
            blocks = self.free_blocks(order, mt)["pfn"].tolist()
            if blocks:
                lines.append(f"L {order} {mt} " + " ".join(map(str, blocks)))
    for k, capture in enumerate(open_capture_lists(self)):
        lines.append(" ".join([f"C {k}", *(f"{pfn}:{order}" for pfn, order in capture.blocks().tolist())]))
    lines.append("B " + "".join(str(pageblock_array(z)[k]) for k in range(first, last + 1)))
    for cpu in range(z.cpus):
        pages = self.pcp_pages(cpu).tolist()
        lines.append(" ".join([f"P {len(pages)}", *(f"{pfn}:{tag}" for pfn, tag in pages)]))
    return "\n".join(lines) + "\n"
