"""Per-CPU lists of Linux 6.12: a limit that grows and shrinks, batches by what was freed lately, no types kept."""

from ..linux_6.buddy import ALLOC_HIGHATOMIC, ALLOC_KSWAPD, rmqueue_buddy
from ..linux_6.marks import watermark_ok
from ..linux_6.pcp import batch_of_order, free_pages_ok, free_pcppages_bulk, order_to_pindex, rmqueue_pcplist
from ..linux_6.state import MOVABLE, ORDINARY, ZONE_MOVABLE
from .buddy import NORMAL, free_blocks, reserve_highatomic_pageblock, rmqueue_core
from .state import FREE_HIGH_BATCH, MAX_ALLOC_FACTOR, MAX_FREE_SHIFT, PREVIOUS_FREE_HIGH_ORDER

RECLAIM_BATCHES = 4


# Allocation


def nr_pcp_alloc(zone, pcp, order):
    """Blocks to refill a list with: more each time, as long as nobody frees; the limit grows with it."""
    high = pcp.high = pcp.held(pcp.high)
    if high < pcp.batch:
        return 1
    batch = pcp.batch << pcp.alloc_factor if order == 0 else pcp.batch
    if pcp.high_min != pcp.high_max and not zone.below_high:
        high = pcp.high = min(high + batch, pcp.high_max)
    if order == 0:
        most = max(high - pcp.count - pcp.batch, pcp.batch)
        if batch <= most and pcp.alloc_factor < MAX_ALLOC_FACTOR:
            pcp.alloc_factor += 1
        batch = min(batch, most)
    return batch_of_order(batch, order)


def rmqueue_bulk(zone, order, count, migratetype, flags):
    """Blocks for a list, each looked for where the last one was found."""
    pages, mode = [], NORMAL
    while len(pages) < count:
        pfn, mode = rmqueue_core(zone, order, migratetype, flags, mode)
        if pfn is None:
            break
        pages.append(pfn)
    return pages


def rmqueue(zone, order, migratetype, flags, compound=False):
    """A block for somebody, through the per-CPU lists or not; or None. Watermarks are not looked at."""
    node = zone.node
    pfn = None
    if order in node.pcp_orders:
        pfn = rmqueue_pcplist(zone, order, migratetype, flags)
    if pfn is None:
        pfn = rmqueue_buddy(zone, order, migratetype, flags)
    if flags & ALLOC_KSWAPD and zone.boosted:
        zone.boosted = False
        node.wakeup_kswapd(zone, 0)
    if pfn is not None:
        node.prep_new_page(pfn, order, compound)
        if flags & ALLOC_HIGHATOMIC:
            reserve_highatomic_pageblock(zone, pfn, order)
    return pfn


# Free


def drained_type(zone, pfn):
    """The type by which a page leaves a list: what its pageblock is now."""
    return zone.node.get_pageblock_migratetype(pfn)


def nr_pcp_high(zone, pcp, free_high):
    """Pages that the lists may hold now; the limit moves for the next time."""
    high = pcp.high = pcp.held(pcp.high)
    if not high:
        return 0
    freed = max(pcp.free_count, pcp.batch)
    if free_high:
        pcp.high = max(high - (pcp.batch << MAX_FREE_SHIFT), pcp.high_min)
        return 0
    if zone.reclaim_active:
        pcp.high = max(high - freed, pcp.high_min)
        return min(RECLAIM_BATCHES * pcp.batch, pcp.high)
    if pcp.high_min == pcp.high_max:
        return high
    if zone.below_high:
        pcp.high = max(high - freed, pcp.high_min)
        return max(pcp.count, pcp.high_min)
    if pcp.count >= high and high < pcp.free_count + pcp.batch:
        pcp.high = pcp.held(pcp.free_count + pcp.batch)
    return high


def nr_pcp_free(pcp, high, free_high):
    """Pages to give back now: as many as were freed lately, within limits, of which the upper one decides."""
    if free_high:
        return min(pcp.count, pcp.batch << MAX_FREE_SHIFT)
    if high < pcp.batch:
        return 1
    most = high - pcp.batch
    return most if pcp.free_count >= most else max(pcp.free_count, pcp.batch)


def frees_high_orders(pcp, order):
    """Whether small blocks are being freed one after the other, and should go on to merge; remembers this one."""
    before = pcp.flags & PREVIOUS_FREE_HIGH_ORDER
    pcp.flags &= ~PREVIOUS_FREE_HIGH_ORDER
    if not 1 <= order <= 3:
        return False
    pcp.flags |= PREVIOUS_FREE_HIGH_ORDER
    cache_is_full = not pcp.flags & FREE_HIGH_BATCH or pcp.count >= pcp.batch
    return bool(pcp.free_count >= pcp.batch and before and cache_is_full)


def free_unref_page_commit(zone, pfn, order, migratetype):
    """Put a free block on the current CPU's list; those that are too many go back to the zone."""
    node, pcp = zone.node, zone.this_pcp()
    pcp.alloc_factor //= 2
    node.pgfree += 1 << order
    index = order_to_pindex(order, migratetype if migratetype in ORDINARY else MOVABLE)
    pcp.lists[index].insert(0, pfn)
    pcp.count += 1 << order
    free_high = frees_high_orders(pcp, order)
    if pcp.free_count < pcp.batch << MAX_FREE_SHIFT:
        pcp.free_count += 1 << order
    high = nr_pcp_high(zone, pcp, free_high)
    if pcp.count >= high:
        free_pcppages_bulk(zone, pcp, nr_pcp_free(pcp, high, free_high), index)
        if zone.below_high and watermark_ok(zone, 0, zone.wmark[2] + zone.boost, ZONE_MOVABLE, 0):
            zone.below_high = False


def free_unref_page(zone, pfn, order):
    """Free a block through the per-CPU list, or past it if it is locked or the pageblock isolated."""
    node = zone.node
    migratetype = node.get_pageblock_migratetype(pfn)
    if migratetype == node.isolate or zone.this_pcp().locked:
        free_pages_ok(zone, pfn, order)
    else:
        node.free_pages_prepare(pfn, order)
        free_unref_page_commit(zone, pfn, order, migratetype)


def free_unref_page_list(node, pfns):
    """Free blocks together, at most 31, compound ones whole: first all are looked at, then they go to the lists."""
    ready = []
    for pfn in pfns:
        _, order = node.compound.get(pfn, (pfn, 0))
        if order in node.pcp_orders:
            node.free_pages_prepare(pfn, order)
            ready.append((pfn, order))
        else:
            free_pages_ok(node.link[pfn], pfn, order)
    for pfn, order in ready:
        free_unref_page_batched(node.link[pfn], pfn, order)


def free_unref_page_batched(zone, pfn, order):
    """Put one block of a batch on its list, by the type that its pageblock has by then."""
    node = zone.node
    migratetype = node.get_pageblock_migratetype(pfn)
    if migratetype == node.isolate or zone.this_pcp().locked:
        free_blocks(zone, pfn, order)
        node.pgfree += 1 << order
    else:
        node.trace("fb", pfn)
        free_unref_page_commit(zone, pfn, order, migratetype)


def decay_pcp_high(zone, cpu):
    """Lists that nobody uses give pages back, a bit at a time; whether there is more to do."""
    pcp, more = zone.pcp[cpu], False
    if pcp.high > pcp.high_min:
        least = pcp.count - (pcp.batch << MAX_FREE_SHIFT)
        pcp.high = max(least, pcp.high - (pcp.high >> 3), pcp.high_min)
        more = pcp.high > pcp.high_min
    surplus = pcp.count - pcp.high
    while surplus > 0:
        free_pcppages_bulk(zone, pcp, min(surplus, pcp.batch), 0)
        surplus -= pcp.batch
        more = True
    return more


def set_cache_slice(node, size):
    """The share of the data cache that each CPU has, in bytes."""
    for zone in node.zones.values():
        for pcp in zone.pcp:
            large = size // 4096 > 3 * pcp.batch
            pcp.flags = pcp.flags & ~FREE_HIGH_BATCH | FREE_HIGH_BATCH * large
