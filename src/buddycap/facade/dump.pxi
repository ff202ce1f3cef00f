# What is in a zone, written out.


cdef int64_t count_free_blocks(zone_t *z, int first, int last) noexcept nogil:
    """Free blocks of the orders first to last, of whatever type."""
    cdef int64_t count = 0
    cdef int o
    for o in range(first, last + 1):
        count += z.nr_free[o]
    return count


cdef int64_t list_length(const link_t *link, int32_t head) noexcept nogil:
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


cdef int walk_list(zone_t *z, int32_t head, int64_t *pfns, uint8_t *tags, int64_t n) noexcept nogil:
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


cdef int walk_states(zone_t *z, int32_t head, int64_t *pfns, uint8_t *states, int64_t n) noexcept nogil:
    """Write the PFNs of a list of n blocks and their order bytes; 0 if there are more or fewer by now."""
    cdef const link_t *link = link_array(z)
    cdef int32_t i = link[head].next
    cdef int64_t k
    for k in range(n):
        if i == head:
            return 0
        pfns[k] = z.base_pfn + i
        states[k] = order_array(z)[i]
        i = link[i].next
    return i == head


cdef object list_tagged(Zone zone, int32_t head, str tag, CaptureList capture):
    """A list as a structured array (pfn, tag), head first; `capture` is whose it is, and then it must stay open."""
    cdef int64_t n
    cdef Buffer pfns, tags
    cdef zone_t *z
    cdef int whole = 0
    while not whole:
        z = zone.ready() if capture is None else capture.ready()
        n = list_length(link_array(z), head)
        columns = new_array(n, int64_dtype), new_array(n, np.uint8)
        pfns, tags = Buffer(columns[0], True), Buffer(columns[1], True)
        z = zone.ready() if capture is None else capture.ready()    # the arrays may have run finalizers, which may free
        whole = walk_list(z, head, <int64_t *> pfns.view.buf, <uint8_t *> tags.view.buf, n)
    result = new_array(n, [("pfn", "<i8"), (tag, "u1")])
    result["pfn"], result[tag] = columns
    return result


ctypedef struct free_lists_t:       # which free lists are asked for, and how long they are
    int first                       # order
    int last
    int low                         # migratetype
    int high
    int64_t length[MAX_ORDERS][TYPES_61]       # more types than 2.6.27 has


cdef int write_free_lists(zone_t *z, free_lists_t *asked, int64_t *pfns, int64_t room) noexcept nogil:
    """Write the PFNs of the free lists, by order, then type, each head first; 0 if they do not find room."""
    cdef int o, mt
    cdef int64_t *length
    if count_free_blocks(z, asked.first, asked.last) > room:
        return 0
    for o in range(asked.first, asked.last + 1):
        for mt in range(asked.low, asked.high + 1):
            length = &asked.length[o][mt]
            length[0] = list_length(link_array(z), zone_free_list(z, o, mt))
            walk_list(z, zone_free_list(z, o, mt), pfns, NULL, length[0])
            pfns += length[0]
    return 1


cdef object list_free_blocks(Zone zone, object order, object migratetype):
    """The free blocks as a structured array, by order, then type, each list head first."""
    cdef int top = zone.shape.max_page_order
    cdef free_lists_t asked
    cdef int64_t n, length
    cdef int64_t k = 0
    cdef Buffer buffer
    cdef int o, mt
    cdef int whole = 0
    asked.first = 0 if order is None else <int> as_ranged(order, "order", 0, top)
    asked.last = top if order is None else asked.first
    asked.low = 0 if migratetype is None else <int> as_ranged(migratetype, "migratetype", 0, zone.shape.types - 1)
    asked.high = zone.shape.types - 1 if migratetype is None else asked.low
    while not whole:
        n = count_free_blocks(zone.ready(), asked.first, asked.last)
        column = new_array(n, int64_dtype)
        buffer = Buffer(column, True)
        whole = write_free_lists(zone.ready(), &asked, <int64_t *> buffer.view.buf, n)
    for o in range(asked.first, asked.last + 1):
        for mt in range(asked.low, asked.high + 1):
            k += asked.length[o][mt]
    result = new_array(k, BLOCK_DTYPE)
    result["pfn"] = column[:k]
    k = 0
    for o in range(asked.first, asked.last + 1):
        for mt in range(asked.low, asked.high + 1):
            length = asked.length[o][mt]
            result["order"][k:k + length] = o
            result["migratetype"][k:k + length] = mt
            k += length
    return result


cdef str canonical_dump(Zone own):
    """The text that `Zone.canonical_dump` documents, of a zone that nobody else knows."""
    lines = [f"N {own.nr_free_pages}"]
    for order, count in enumerate(own.nr_free.tolist()):
        lines.append(f"O {order} {count}")
        for mt in range(MIGRATE_TYPES):
            blocks = own.free_blocks(order, mt)["pfn"].tolist()
            if blocks:
                lines.append(f"L {order} {mt} " + " ".join(map(str, blocks)))
    for k, capture in enumerate(open_capture_lists(own)):
        lines.append(" ".join([f"C {k}", *(f"{pfn}:{order}" for pfn, order in capture.blocks().tolist())]))
    lines.append("B " + "".join(map(str, own.pageblock_migratetype.tolist())))
    for cpu in range(own.shape.cpus):
        pages = own.pcp_pages(cpu).tolist()
        lines.append(" ".join([f"P {len(pages)}", *(f"{pfn}:{tag}" for pfn, tag in pages)]))
    return "\n".join(lines) + "\n"
