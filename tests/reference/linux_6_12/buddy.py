"""Free lists of Linux 6.12: a free block lies on the list of its pageblock's type, and is counted as it comes and goes.

Who finds no block of its own claims a pageblock, or steals one block and leaves its type alone.
"""

from ..linux_6.buddy import (
    ALLOC_CMA,
    ALLOC_KSWAPD,
    ALLOC_NOFRAGMENT,
    boost_watermark,
    can_steal_fallback,
    expand,
    find_suitable_fallback,
    free_one_page,
    may_claim,
    rmqueue_smallest,
    set_pageblocks,
)
from ..linux_6.state import HIGHATOMIC, MAX_PAGE_ORDER, MOVABLE, ORDINARY

# How far down a refill has come: where it goes on.
NORMAL, CMA, CLAIM, STEAL = range(4)


# Free


def may_break_up_movable(capture):
    """Who waits for a small block may have a movable pageblock broken up for it if it is movable itself."""
    return capture.migratetype == MOVABLE


def merge_pageblocks(node, buddy, order, migratetype):
    """The buddy's pageblocks get the type of the block that is freed."""
    if node.get_pageblock_migratetype(buddy) != migratetype:
        set_pageblocks(node, buddy, order, migratetype)


def free_blocks(zone, pfn, order, to_tail=False):
    """Free a block pageblock by pageblock, each by its own type (split_large_buddy)."""
    piece = min(order, zone.node.pageblock_order)
    for page in range(pfn, pfn + (1 << order), 1 << piece):
        free_one_page(zone, page, piece, zone.node.get_pageblock_migratetype(page), to_tail)


# Move


def move_to_free_list(zone, pfn, old, new):
    """Move a free block to the tail of another type's list; returns its pages."""
    size = 1 << zone.move_to_free_list(pfn, new)
    zone.account_freepages(-size, old)
    zone.account_freepages(size, new)
    return size


def is_inside(zone, pfn):
    """Whether the whole pageblock lies between the zone's ends."""
    pages = zone.node.pageblock_pages
    first = pfn - pfn % pages
    return zone.spans(first) and zone.spans(first + pages - 1)


def count_pageblock(node, pfn):
    """Pages of a pageblock: (free, movable and in use)."""
    page = pfn - pfn % node.pageblock_pages
    end = page + node.pageblock_pages
    free = movable = 0
    while page < end:
        if page in node.buddy_order:
            free += 1 << node.buddy_order[page]
            page += 1 << node.buddy_order[page]
        else:
            movable += node.has_lru(page)
            page += 1
    return free, movable


def move_freepages_block(zone, pfn, old, new):
    """Move the free blocks of a pageblock to another type's lists, and set its type: pages moved, or None."""
    if not is_inside(zone, pfn):
        return None
    node, moved = zone.node, 0
    page = pfn - pfn % node.pageblock_pages
    end = page + node.pageblock_pages
    while page < end:
        size = move_to_free_list(zone, page, old, new) if page in node.buddy_order else 0
        moved += size
        page += size or 1
    node.set_pageblock_migratetype(pfn, new)
    return moved


# Take


def note_taken(zone, pfn, order, migratetype):
    """A block has left the lists: its pages are not free any more."""
    zone.account_freepages(-(1 << order), migratetype)


def note_given(zone, pfn, order):
    """A block goes to somebody: everything is counted already."""


def split(zone, pfn, high, low, old, new):
    """Take a block of one type off its list, and put what is too much on lists of another."""
    zone.del_page_from_free_list(pfn)
    zone.account_freepages(-(1 << high), old)
    expand(zone, pfn, high, low, new)
    zone.account_freepages((1 << high) - (1 << low), new)
    return pfn


def try_to_claim_block(zone, pfn, order, current, migratetype, flags):
    """A block out of the pageblock of another type's block, which changes its type if it may; or None."""
    node = zone.node
    old = node.get_pageblock_migratetype(pfn)
    if old == HIGHATOMIC:
        return None
    if current >= node.pageblock_order:
        set_pageblocks(node, pfn, current, migratetype)
        return split(zone, pfn, current, order, old, migratetype)
    if boost_watermark(zone) and flags & ALLOC_KSWAPD:
        zone.boosted = True
    if not is_inside(zone, pfn) or not may_claim(node, migratetype, old, *count_pageblock(node, pfn)):
        return None
    move_freepages_block(zone, pfn, old, migratetype)
    return rmqueue_smallest(zone, order, migratetype)


def note_fallback(zone, pfn, order, current, migratetype, other):
    """Tell who helped out."""
    owned = int(zone.node.get_pageblock_migratetype(pfn) == migratetype)
    zone.node.trace("xf", pfn, order, current, migratetype, other, owned)


def rmqueue_claim(zone, order, migratetype, flags):
    """A block by claiming a pageblock of another type, the largest blocks first; or None."""
    node = zone.node
    lowest = max(order, node.pageblock_order) if flags & ALLOC_NOFRAGMENT else order
    for current in range(MAX_PAGE_ORDER, lowest - 1, -1):
        other = find_suitable_fallback(zone, current, migratetype)
        if other is None:
            continue
        if not can_steal_fallback(node, current, migratetype):
            return None
        pfn = zone.free_area[current][other].head()
        pfn = try_to_claim_block(zone, pfn, order, current, migratetype, flags)
        if pfn is not None:
            note_fallback(zone, pfn, order, current, migratetype, other)
            return pfn
    return None


def rmqueue_steal(zone, order, migratetype):
    """A block of another type, the smallest that will do; what is left of it stays with that type. Or None."""
    for current in range(order, MAX_PAGE_ORDER + 1):
        other = find_suitable_fallback(zone, current, migratetype)
        if other is not None:
            pfn = split(zone, zone.free_area[current][other].head(), current, order, other, other)
            note_fallback(zone, pfn, order, current, migratetype, other)
            return pfn
    return None


def rmqueue_core(zone, order, migratetype, flags, mode):
    """Take a block of this type, or of one that helps out: (it or None, where the next one is looked for first)."""
    cma = zone.node.cma if flags & ALLOC_CMA else None
    pfn = None
    if cma is not None and max(zone.nr_free_cma, 0) > max(zone.nr_free_pages, 0) // 2:
        pfn = rmqueue_smallest(zone, order, cma)
    if pfn is None and mode == NORMAL:
        pfn = rmqueue_smallest(zone, order, migratetype)
    if pfn is not None:
        return pfn, mode
    if mode <= CMA and cma is not None:
        pfn, mode = rmqueue_smallest(zone, order, cma), CMA
    if pfn is None and mode <= CLAIM:
        pfn, mode = rmqueue_claim(zone, order, migratetype, flags), NORMAL
    if pfn is None and not flags & ALLOC_NOFRAGMENT:
        pfn, mode = rmqueue_steal(zone, order, migratetype), STEAL
    return pfn, mode


def rmqueue_one(zone, order, migratetype, flags):
    """One block, looked for from the beginning."""
    return rmqueue_core(zone, order, migratetype, flags, NORMAL)[0]


# The reserve of blocks for requests that cannot wait


def reserve_highatomic_pageblock(zone, pfn, order):
    """Keep the pageblocks of such a request's block, up to a hundredth of the zone, if that is a pageblock."""
    node = zone.node
    share, pages = zone.managed // 100, node.pageblock_pages
    old = node.get_pageblock_migratetype(pfn)
    if share < pages or zone.nr_reserved_highatomic >= -(-share // pages) * pages or old not in ORDINARY:
        return
    if order >= node.pageblock_order:
        set_pageblocks(node, pfn, order, HIGHATOMIC)
        zone.nr_reserved_highatomic += 1 << order
    elif move_freepages_block(zone, pfn, old, HIGHATOMIC) is not None:
        zone.nr_reserved_highatomic += pages


def unreserve_block(zone, pfn, order, migratetype):
    """Give the pageblocks of a reserved block to a type; whether pages have moved."""
    node = zone.node
    old = node.get_pageblock_migratetype(pfn)
    if old == HIGHATOMIC:
        size = max(node.pageblock_pages, 1 << order)
        zone.nr_reserved_highatomic -= min(size, zone.nr_reserved_highatomic)
    if order < node.pageblock_order:
        return bool(move_freepages_block(zone, pfn, old, migratetype))
    move_to_free_list(zone, pfn, old, migratetype)
    set_pageblocks(node, pfn, order, migratetype)
    return True
