"""Free lists of Linux 6.1: types are looked at when a block comes, and pages are counted by whoever takes one."""

from ..linux_6.buddy import (
    ALLOC_CMA,
    ALLOC_KSWAPD,
    ALLOC_NOFRAGMENT,
    boost_watermark,
    can_steal_fallback,
    find_suitable_fallback,
    free_one_page,
    may_claim,
    rmqueue_smallest,
    set_pageblocks,
)
from ..linux_6.state import HIGHATOMIC, MAX_PAGE_ORDER, ORDINARY

# Free


def may_break_up_movable(capture):
    """Nobody waits for a small block that a movable pageblock had to be broken up for."""
    return False


def merge_pageblocks(node, buddy, order, migratetype):
    """Pageblocks that merge keep their types."""


def free_blocks(zone, pfn, order, to_tail=False):
    """Free a block by the type of its first pageblock."""
    free_one_page(zone, pfn, order, zone.node.get_pageblock_migratetype(pfn), to_tail)


# Take


def note_taken(zone, pfn, order, migratetype):
    """A block has left the lists: its page knows which."""
    zone.node.tag[pfn] = migratetype


def note_given(zone, pfn, order):
    """A block goes to somebody: its pages are not free any more."""
    zone.nr_free_pages -= 1 << order
    if zone.node.tag[pfn] == zone.node.cma:
        zone.nr_free_cma -= 1 << order


def move_freepages_block(zone, pfn, migratetype):
    """Move the free blocks of a pageblock to the tails of a type's lists: (pages moved, movable pages in use)."""
    node = zone.node
    first = pfn - pfn % node.pageblock_pages
    last = first + node.pageblock_pages - 1
    if not zone.spans(first):
        first = pfn
    if not zone.spans(last):
        return 0, 0
    moved = movable = 0
    page = first
    while page <= last:
        if page in node.buddy_order:
            size = 1 << zone.move_to_free_list(page, migratetype)
            moved += size
            page += size
        else:
            movable += node.has_lru(page)
            page += 1
    return moved, movable


def steal_suitable_fallback(zone, pfn, order, migratetype, flags, whole):
    """Move a block of another type, perhaps with its pageblock, to the lists of this type."""
    node = zone.node
    old = node.get_pageblock_migratetype(pfn)
    if old == HIGHATOMIC:
        zone.move_to_free_list(pfn, migratetype)
        return
    if order >= node.pageblock_order:
        set_pageblocks(node, pfn, order, migratetype)
        zone.move_to_free_list(pfn, migratetype)
        return
    if boost_watermark(zone) and flags & ALLOC_KSWAPD:
        zone.boosted = True
    moved, movable = move_freepages_block(zone, pfn, migratetype) if whole else (0, 0)
    if moved == 0:
        zone.move_to_free_list(pfn, migratetype)
    elif may_claim(node, migratetype, old, moved, movable):
        node.set_pageblock_migratetype(pfn, migratetype)


def rmqueue_fallback(zone, order, migratetype, flags):
    """Bring a block of another type to the lists of this one, the largest first; whether there was one."""
    node = zone.node
    lowest = max(order, node.pageblock_order) if flags & ALLOC_NOFRAGMENT else order
    orders = range(MAX_PAGE_ORDER, lowest - 1, -1)
    current = next((o for o in orders if find_suitable_fallback(zone, o, migratetype) is not None), None)
    if current is None:
        return False
    if current > order and not can_steal_fallback(node, current, migratetype):
        orders = range(order, MAX_PAGE_ORDER + 1)
        current = next(o for o in orders if find_suitable_fallback(zone, o, migratetype) is not None)
    other = find_suitable_fallback(zone, current, migratetype)
    pfn = zone.free_area[current][other].head()
    steal_suitable_fallback(zone, pfn, current, migratetype, flags, can_steal_fallback(node, current, migratetype))
    owned = int(node.get_pageblock_migratetype(pfn) == migratetype)
    node.trace("xf", pfn, order, current, migratetype, other, owned)
    return True


def rmqueue_one(zone, order, migratetype, flags):
    """Take a block of this type, or of one that helps out; or None. Free pages are not counted here."""
    cma = zone.node.cma if flags & ALLOC_CMA else None
    if cma is not None and max(zone.nr_free_cma, 0) > max(zone.nr_free_pages, 0) // 2:
        pfn = rmqueue_smallest(zone, order, cma)
        if pfn is not None:
            return pfn
    while True:
        pfn = rmqueue_smallest(zone, order, migratetype)
        if pfn is None and cma is not None:
            pfn = rmqueue_smallest(zone, order, cma)
        if pfn is not None or not rmqueue_fallback(zone, order, migratetype, flags):
            return pfn


# The reserve of blocks for requests that cannot wait


def reserve_highatomic_pageblock(zone, pfn, order):
    """Keep the pageblock of such a request's block, up to a hundredth of the zone."""
    node = zone.node
    if zone.nr_reserved_highatomic >= zone.managed // 100 + node.pageblock_pages:
        return
    if node.get_pageblock_migratetype(pfn) in ORDINARY:
        zone.nr_reserved_highatomic += node.pageblock_pages
        node.set_pageblock_migratetype(pfn, HIGHATOMIC)
        move_freepages_block(zone, pfn, HIGHATOMIC)


def unreserve_block(zone, pfn, order, migratetype):
    """Give the pageblock of a reserved block to a type; whether pages have moved."""
    node = zone.node
    if node.get_pageblock_migratetype(pfn) == HIGHATOMIC:
        zone.nr_reserved_highatomic -= min(node.pageblock_pages, zone.nr_reserved_highatomic)
    node.set_pageblock_migratetype(pfn, migratetype)
    return move_freepages_block(zone, pfn, migratetype)[0] > 0
