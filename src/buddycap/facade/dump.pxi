# What is in a zone, written out.


cdef int64_t count_free_blocks(zone_t *z, int first, int last) noexcept:
    """Free blocks of the orders first to last, of whatever type."""
    cdef int64_t count = 0
    cdef int o
    for o in range(first, last + 1):
        count += z.nr_free[o]
    return count


cdef int64_t list_length(const link_t *link, int32_t head) noexcept:
    """How many blocks stand on a list.  Counted from both ends: two chains of cache misses run side by side."""
    cdef int32_t front = link[head].next
    cdef int32_t back = link[head].prev
    cdef int64_t n = 0
    while front != head:
        n += 1
        if front == back:
            break
        n += 1
        front = link[front].next
        if front == back:
            break
        back = link[back].prev
    return n


cdef int walk_list(zone_t *z, int32_t head, int64_t *pfns, uint8_t *tags, int64_t n) noexcept:
    """Write the PFNs of a list of n blocks, head first, and the low nibbles of the order bytes unless `tags` is NULL.

    From both ends, as above.  0 if the list has more blocks, or fewer: then what was written is of no use.
    """
    cdef const link_t *link = link_array(z)
    cdef const uint8_t *order = order_array(z)
    cdef int32_t front = link[head].next
    cdef int32_t back = link[head].prev
    cdef int64_t k
    for k in range((n + 1) // 2):
        if front == head or back == head:
            return 0
        pfns[k] = z.base_pfn + front
        pfns[n - 1 - k] = z.base_pfn + back
        if tags != NULL:
            tags[k] = order[front] & 0x0F
            tags[n - 1 - k] = order[back] & 0x0F
        front = link[front].next
        back = link[back].prev
    return front == (link[link[back].next].next if n % 2 else link[back].next)


cdef object list_tagged(zone_t *z, Zone zone, int32_t head, str tag):
    """A list as a structured array (pfn, tag), head first."""
    cdef int64_t n
    cdef Buffer pfns, tags
    zone.ready()
    while 1:
        n = list_length(link_array(z), head)
        columns = new_array(n, int64_dtype), new_array(n, np.uint8)
        pfns, tags = Buffer(columns[0], True), Buffer(columns[1], True)
        zone.ready()                        # to make an array may run finalizers, which may free
        if walk_list(z, head, <int64_t *> pfns.view.buf, <uint8_t *> tags.view.buf, n):
            break
    result = new_array(n, [("pfn", "<i8"), (tag, "u1")])
    result["pfn"], result[tag] = columns
    return result


cdef object list_free_blocks(Zone zone, object order, object migratetype):
    """The free blocks as a structured array, by order, then type, each list head first."""
    cdef int top = zone.z.max_page_order
    cdef int first = 0 if order is None else <int> as_ranged(order, "order", 0, top)
    cdef int last = top if order is None else first
    cdef int low = 0 if migratetype is None else <int> as_ranged(migratetype, "migratetype", 0, zone_types(zone.z) - 1)
    cdef int high = zone_types(zone.z) - 1 if migratetype is None else low
    cdef int64_t length[MAX_ORDERS][TYPES_61]       # more than 2.6.27 has
    cdef int64_t n = -1
    cdef int64_t k = 0
    cdef int64_t *pfns = NULL
    cdef Buffer buffer
    cdef int o, mt
    while count_free_blocks(zone.ready(), first, last) != n:    # to make an array may run finalizers, which may free
        n = count_free_blocks(zone.z, first, last)
        column = new_array(n, int64_dtype)
        buffer = Buffer(column, True)
        pfns = <int64_t *> buffer.view.buf
    for o in range(first, last + 1):
        for mt in range(low, high + 1):
            length[o][mt] = list_length(link_array(zone.z), zone_free_list(zone.z, o, mt))
            walk_list(zone.z, zone_free_list(zone.z, o, mt), pfns + k, NULL, length[o][mt])
            k += length[o][mt]
    result = new_array(k, BLOCK_DTYPE)
    result["pfn"] = column[:k]
    k = 0
    for o in range(first, last + 1):
        for mt in range(low, high + 1):
            result["order"][k:k + length[o][mt]] = o
            result["migratetype"][k:k + length[o][mt]] = mt
            k += length[o][mt]
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
