"""Per-CPU lists, and pages that come and go through them."""

from .buddy import ALLOC_CMA, ALLOC_HIGHATOMIC, free_one_page, reserve_highatomic_pageblock, rmqueue_buddy, rmqueue_core
from .state import HUGE_LISTS, MOVABLE, ORDINARY, PCP_LISTS

MAX_FREE_FACTOR = 5
RECLAIM_BATCHES = 4


def order_to_pindex(order, migratetype):
    """Number of the list for blocks of an order and a type."""
    if order in (0, 1, 2, 3):
        return 3 * order + migratetype
    return HUGE_LISTS + (migratetype == MOVABLE)


def pindex_to_order(node, index):
    """Order of the blocks on a list."""
    return index // 3 if index < HUGE_LISTS else node.pageblock_order


# Allocation


def rmqueue_bulk(zone, order, count, pages, migratetype, flags):
    """Refill a list from the zone, at its tail; the number of blocks."""
    node = zone.node
    got = 0
    while got < count:
        pfn = rmqueue_core(zone, order, migratetype, flags)
        if pfn is None:
            break
        pages.append((pfn, node.tag[pfn]))
        if node.tag[pfn] == node.cma:
            zone.nr_free_cma -= 1 << order
        got += 1
    zone.nr_free_pages -= got << order
    return got


def rmqueue_pcplist_core(zone, order, migratetype, flags):
    """Take the head of the current CPU's list, which is refilled if it is empty; or None."""
    pcp = zone.this_pcp()
    pages = pcp.lists[order_to_pindex(order, migratetype)]
    if not pages:
        count = max(pcp.batch >> order, 2) if pcp.batch > 1 else pcp.batch
        pcp.count += rmqueue_bulk(zone, order, count, pages, migratetype, flags) << order
    if not pages:
        return None
    pfn, zone.node.tag[pfn] = pages.pop(0)
    pcp.count -= 1 << order
    return pfn


def rmqueue_pcplist(zone, order, migratetype, flags):
    """A page through the per-CPU list; or None, if the list is locked, too."""
    pcp = zone.this_pcp()
    if pcp.locked:
        return None
    pcp.free_factor //= 2
    pfn = rmqueue_pcplist_core(zone, order, migratetype, flags)
    if pfn is not None:
        zone.pgalloc += 1 << order
    return pfn


def rmqueue(zone, order, migratetype, flags, compound=False):
    """A block for somebody, through the per-CPU lists or not; or None. Watermarks are not looked at."""
    node = zone.node
    pfn = None
    if order in node.pcp_orders and (node.cma is None or flags & ALLOC_CMA or migratetype != MOVABLE):
        pfn = rmqueue_pcplist(zone, order, migratetype, flags)
    if pfn is None:
        pfn = rmqueue_buddy(zone, order, migratetype, flags)
    if zone.boosted:
        zone.boosted = False
        node.wakeup_kswapd(zone, 0)
    if pfn is not None:
        node.prep_new_page(pfn, order, compound)
        if flags & ALLOC_HIGHATOMIC:
            reserve_highatomic_pageblock(zone, pfn)
    return pfn


def alloc_pages_bulk(zone, count, migratetype, flags):
    """Single pages from the per-CPU list, up to `count`."""
    pages = []
    while len(pages) < count:
        pfn = rmqueue_pcplist_core(zone, 0, migratetype, flags)
        if pfn is None:
            break
        zone.node.prep_new_page(pfn, 0)
        pages.append(pfn)
    zone.pgalloc += len(pages)
    return pages


# Free


def free_pcppages_bulk(zone, pcp, count, index):
    """Give pages back to the zone: whole lists in turn from `index` on, each from its tail."""
    node = zone.node
    count = min(count, pcp.count)
    while count > 0:
        while not pcp.lists[index]:
            index = (index + 1) % PCP_LISTS
        order = pindex_to_order(node, index)
        while pcp.lists[index] and count > 0:
            pfn, migratetype = pcp.lists[index].pop()
            count -= 1 << order
            pcp.count -= 1 << order
            if zone.nr_isolate_pageblock:
                migratetype = node.get_pageblock_migratetype(pfn)
            free_one_page(zone, pfn, order, migratetype)
            node.trace("dr", pfn, order, migratetype)
        index = (index + 1) % PCP_LISTS


def nr_pcp_high(zone, pcp, free_high):
    """Pages that the lists may hold now."""
    if free_high or not pcp.high:
        return 0
    return min(RECLAIM_BATCHES * pcp.batch, pcp.high) if zone.reclaim_active else pcp.high


def nr_pcp_free(pcp, high, free_high):
    """Pages to give back now: more each time, as long as nobody allocates."""
    if free_high:
        return pcp.count
    if high < pcp.batch:
        return 1
    batch, most = pcp.batch << pcp.free_factor, high - pcp.batch
    if batch < most and pcp.free_factor < MAX_FREE_FACTOR:
        pcp.free_factor += 1
    return min(max(batch, pcp.batch), most)


def free_unref_page_commit(zone, pfn, order, migratetype):
    """Put a free block on the current CPU's list; those that are too many go back to the zone."""
    node, pcp = zone.node, zone.this_pcp()
    node.pgfree += 1 << order
    index = order_to_pindex(order, migratetype if migratetype in ORDINARY else MOVABLE)
    pcp.lists[index].insert(0, (pfn, migratetype))
    pcp.count += 1 << order
    free_high = pcp.free_factor > 0 and 1 <= order <= 3
    high = nr_pcp_high(zone, pcp, free_high)
    if pcp.count >= high:
        free_pcppages_bulk(zone, pcp, nr_pcp_free(pcp, high, free_high), index)


def free_unref_page(zone, pfn, order):
    """Free a block through the per-CPU list, or past it if it is locked or the pageblock isolated."""
    node = zone.node
    node.free_pages_prepare(pfn, order)
    migratetype = node.tag[pfn] = node.get_pageblock_migratetype(pfn)
    if migratetype == node.isolate or zone.this_pcp().locked:
        free_one_page(zone, pfn, order, migratetype)
    else:
        free_unref_page_commit(zone, pfn, order, migratetype)


def free_pages_ok(zone, pfn, order):
    """Free a block past the per-CPU lists."""
    node = zone.node
    node.free_pages_prepare(pfn, order)
    free_one_page(zone, pfn, order, node.get_pageblock_migratetype(pfn))
    node.pgfree += 1 << order


def free_the_page(node, pfn, order):
    """Free a block the way its order goes."""
    (free_unref_page if order in node.pcp_orders else free_pages_ok)(node.link[pfn], pfn, order)


def free_pages(node, pfn, order):
    """Drop a reference. If others are left, a block that is not compound loses all pages but its first."""
    node.refs[pfn] -= 1
    if node.refs[pfn] == 0:
        free_the_page(node, pfn, order)
    elif pfn not in node.compound:
        for part in range(order - 1, -1, -1):
            free_the_page(node, pfn + (1 << part), part)


def free_unref_page_list(node, pfns):
    """Free single pages together: first all are looked at, then they go to the lists."""
    ready = []
    for pfn in pfns:
        node.free_pages_prepare(pfn, 0)
        node.tag[pfn] = node.get_pageblock_migratetype(pfn)
        if node.tag[pfn] == node.isolate:
            free_one_page(node.link[pfn], pfn, 0, node.isolate)
        else:
            ready.append(pfn)
    for pfn in ready:
        free_unref_page_batched(node.link[pfn], pfn)


def free_unref_page_batched(zone, pfn):
    """Put one page of a batch on the list."""
    node = zone.node
    if zone.this_pcp().locked:
        free_one_page(zone, pfn, 0, node.tag[pfn])
    else:
        node.trace("fb", pfn)
        free_unref_page_commit(zone, pfn, 0, node.tag[pfn])


def drain_pages_zone(zone, cpu):
    """Empty the lists of a CPU."""
    free_pcppages_bulk(zone, zone.pcp[cpu], zone.pcp[cpu].count, 0)


def drain_all_pages(zone):
    """Empty the lists of all CPUs."""
    for cpu in range(zone.node.cpus):
        drain_pages_zone(zone, cpu)


def drain_zone_pages(zone, cpu):
    """Give back one batch."""
    pcp = zone.pcp[cpu]
    free_pcppages_bulk(zone, pcp, min(pcp.count, pcp.batch), 0)


def set_high_and_batch(zone, high, batch):
    """Limits of all CPUs' lists."""
    for pcp in zone.pcp:
        pcp.high, pcp.batch = high, batch


def zone_pcp_disable(zone):
    """From now on every free goes on to the zone."""
    set_high_and_batch(zone, 0, 1)
    drain_all_pages(zone)


def zone_pcp_enable(zone):
    """The lists hold pages again."""
    set_high_and_batch(zone, zone.pcp_high, zone.pcp_batch)
