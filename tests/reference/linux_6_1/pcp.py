"""Per-CPU lists of Linux 6.1: one limit, types that pages bring with them, batches by a factor."""

from ..linux_6.buddy import ALLOC_CMA, ALLOC_HIGHATOMIC, free_one_page, rmqueue_buddy
from ..linux_6.pcp import batch_of_order, free_pcppages_bulk, order_to_pindex, rmqueue_pcplist
from ..linux_6.state import MOVABLE, ORDINARY
from .buddy import reserve_highatomic_pageblock, rmqueue_one

MAX_FREE_FACTOR = 5
RECLAIM_BATCHES = 4


# Allocation


def nr_pcp_alloc(zone, pcp, order):
    """Blocks to refill a list with."""
    return batch_of_order(pcp.batch, order)


def rmqueue_bulk(zone, order, count, migratetype, flags):
    """Blocks for a list; free pages are counted after the last one, those of CMA at once."""
    node, pages = zone.node, []
    while len(pages) < count:
        pfn = rmqueue_one(zone, order, migratetype, flags)
        if pfn is None:
            break
        pages.append(pfn)
        if node.tag[pfn] == node.cma:
            zone.nr_free_cma -= 1 << order
    zone.nr_free_pages -= len(pages) << order
    return pages


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
            reserve_highatomic_pageblock(zone, pfn, order)
    return pfn


# Free


def drained_type(zone, pfn):
    """The type by which a page leaves a list: the one it came with, unless pageblocks are isolated."""
    node = zone.node
    return node.get_pageblock_migratetype(pfn) if zone.nr_isolate_pageblock else node.tag[pfn]


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
    pcp.lists[index].insert(0, pfn)
    pcp.count += 1 << order
    free_high = pcp.free_factor > 0 and 1 <= order <= 3
    high = nr_pcp_high(zone, pcp, free_high)
    if pcp.count >= high:
        free_pcppages_bulk(zone, pcp, nr_pcp_free(pcp, high, free_high), index)


def free_unref_page(zone, pfn, order):
    """Free a block through the per-CPU list, or uncounted past it if it is locked or the pageblock isolated."""
    node = zone.node
    node.free_pages_prepare(pfn, order)
    migratetype = node.tag[pfn] = node.get_pageblock_migratetype(pfn)
    if migratetype == node.isolate or zone.this_pcp().locked:
        free_one_page(zone, pfn, order, migratetype)
    else:
        free_unref_page_commit(zone, pfn, order, migratetype)


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
