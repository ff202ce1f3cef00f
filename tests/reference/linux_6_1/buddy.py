"""Free lists: free and merge, split, fallback to other types, take."""

from .state import HIGHATOMIC, MAX_PAGE_ORDER, MOVABLE, ORDINARY, RECLAIMABLE, UNMOVABLE

FALLBACKS = {
    UNMOVABLE: (RECLAIMABLE, MOVABLE),
    MOVABLE: (RECLAIMABLE, UNMOVABLE),
    RECLAIMABLE: (UNMOVABLE, MOVABLE),
}
ALLOC_NO_WATERMARKS, ALLOC_OOM, ALLOC_NON_BLOCK, ALLOC_MIN_RESERVE = 0x04, 0x08, 0x10, 0x20
ALLOC_CMA, ALLOC_NOFRAGMENT, ALLOC_HIGHATOMIC, ALLOC_KSWAPD = 0x80, 0x100, 0x200, 0x800

BOOST_MIN_PAGEBLOCKS = 4


# Free


class Capture:
    """Somebody waits for a block of one order; the first one that a merge makes is kept."""

    def __init__(self, zone, order):
        self.zone, self.order = zone, order
        self.page = None


def compaction_capture(zone, pfn, order, migratetype):
    """Keep a block for who waits for it, if it is one to keep."""
    capture, node = zone.node.capture, zone.node
    if capture is None or capture.zone is not zone or capture.page is not None or capture.order != order:
        return False
    if migratetype in (node.cma, node.isolate) or (order < node.pageblock_order and migratetype == MOVABLE):
        return False
    capture.page = pfn
    zone.nr_free_pages -= 1 << order
    return True


def may_merge_pageblocks(node, buddy, migratetype):
    """Whole pageblocks merge with their like, and ordinary ones with each other."""
    other = node.get_pageblock_migratetype(buddy)
    return other == migratetype or (other in ORDINARY and migratetype in ORDINARY)


def buddy_merge_likely(node, pfn, order):
    """Whether the buddy of what this block may become one day is free: then it had better wait at the tail."""
    if order >= MAX_PAGE_ORDER - 1:
        return False
    lower = pfn & ~(1 << order)
    higher = lower ^ (2 << order)
    return node.is_free(higher, order + 1) and node.same_zone(lower, higher)


def free_one_page(zone, pfn, order, migratetype, to_tail=False):
    """Free a block: merge it with its buddies as far as possible, and put it on a list of the type given."""
    node = zone.node
    zone.account_freepages(1 << order, migratetype)
    while order < MAX_PAGE_ORDER:
        if compaction_capture(zone, pfn, order, migratetype):
            return
        buddy = pfn ^ (1 << order)
        if not node.is_free(buddy, order) or not node.same_zone(pfn, buddy):
            break
        if order >= node.pageblock_order and not may_merge_pageblocks(node, buddy, migratetype):
            break
        zone.del_page_from_free_list(buddy)
        pfn &= buddy
        order += 1
    zone.add_to_free_list(pfn, order, migratetype, to_tail or buddy_merge_likely(node, pfn, order))


# Take


def expand(zone, pfn, high, low, migratetype):
    """Split a block; the upper halves go to the heads of their lists."""
    for order in range(high - 1, low - 1, -1):
        zone.add_to_free_list(pfn + (1 << order), order, migratetype)


def rmqueue_smallest(zone, order, migratetype):
    """Take a block from the lists of one type, splitting the smallest that is large enough; or None."""
    for current in range(order, MAX_PAGE_ORDER + 1):
        blocks = zone.free_area[current][migratetype]
        if blocks:
            pfn = blocks.head()
            zone.del_page_from_free_list(pfn)
            expand(zone, pfn, current, order, migratetype)
            zone.node.tag[pfn] = migratetype
            refill = int(order in zone.node.pcp_orders and migratetype in ORDINARY)
            zone.node.trace("zl", pfn, order, migratetype, refill)
            return pfn
    return None


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


def boost_watermark(zone):
    """Raise the marks for a while, because types have begun to mix; whether they were."""
    factor, pageblock = zone.node.boost_factor, zone.node.pageblock_pages
    if not factor or zone.managed < BOOST_MIN_PAGEBLOCKS * pageblock:
        return False
    limit = mult_frac(zone.wmark[2], factor, 10000)
    if limit == 0:
        return False
    zone.boost = min(zone.boost + pageblock, max(pageblock, limit))
    return True


def mult_frac(value, numerator, denominator):
    """value * numerator / denominator, rounded as the kernel does."""
    return value // denominator * numerator + value % denominator * numerator // denominator


def find_suitable_fallback(zone, order, migratetype):
    """The type whose list of this order helps out, or None."""
    return next((other for other in FALLBACKS.get(migratetype, ()) if zone.free_area[order][other]), None)


def can_steal_fallback(node, order, migratetype):
    """Whether the whole pageblock may be claimed."""
    return order >= node.pageblock_order // 2 or migratetype != MOVABLE or node.mobility_disabled


def alike_pages(node, migratetype, old, moved, movable):
    """Pages in use of the pageblock that suit the type, as far as can be known."""
    if migratetype == MOVABLE:
        return movable
    return node.pageblock_pages - moved - movable if old == MOVABLE else 0


def steal_suitable_fallback(zone, pfn, order, migratetype, flags, whole):
    """Move a block of another type, perhaps with its pageblock, to the lists of this type."""
    node = zone.node
    old = node.get_pageblock_migratetype(pfn)
    if old == HIGHATOMIC:
        zone.move_to_free_list(pfn, migratetype)
        return
    if order >= node.pageblock_order:
        for page in range(pfn, pfn + (1 << order), node.pageblock_pages):
            node.set_pageblock_migratetype(page, migratetype)
        zone.move_to_free_list(pfn, migratetype)
        return
    if boost_watermark(zone) and flags & ALLOC_KSWAPD:
        zone.boosted = True
    moved, movable = move_freepages_block(zone, pfn, migratetype) if whole else (0, 0)
    if moved == 0:
        zone.move_to_free_list(pfn, migratetype)
        return
    if (
        moved + alike_pages(node, migratetype, old, moved, movable) >= node.pageblock_pages // 2
        or node.mobility_disabled
    ):
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


def rmqueue_core(zone, order, migratetype, flags):
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


def rmqueue_buddy(zone, order, migratetype, flags):
    """Take a block from the free lists, the reserves included for those who may; or None."""
    pfn = None
    if flags & ALLOC_HIGHATOMIC:
        pfn = rmqueue_smallest(zone, order, HIGHATOMIC)
    if pfn is None:
        pfn = rmqueue_core(zone, order, migratetype, flags)
    if pfn is None and flags & (ALLOC_OOM | ALLOC_NON_BLOCK):
        pfn = rmqueue_smallest(zone, order, HIGHATOMIC)
    if pfn is not None:
        zone.nr_free_pages -= 1 << order
        if zone.node.tag[pfn] == zone.node.cma:
            zone.nr_free_cma -= 1 << order
        zone.pgalloc += 1 << order
    return pfn


# The reserve of blocks for requests that cannot wait


def reserve_highatomic_pageblock(zone, pfn):
    """Keep the pageblock of such a request's block, up to a hundredth of the zone."""
    node = zone.node
    if zone.nr_reserved_highatomic >= zone.managed // 100 + node.pageblock_pages:
        return
    if node.get_pageblock_migratetype(pfn) in ORDINARY:
        zone.nr_reserved_highatomic += node.pageblock_pages
        node.set_pageblock_migratetype(pfn, HIGHATOMIC)
        move_freepages_block(zone, pfn, HIGHATOMIC)


def unreserve_highatomic_pageblock(node, migratetype, highest, force):
    """Give one reserved pageblock with free pages to a type; whether pages have moved."""
    for zone in node.walk(highest):
        if not force and zone.nr_reserved_highatomic <= node.pageblock_pages:
            continue
        for order in range(MAX_PAGE_ORDER + 1):
            if not zone.free_area[order][HIGHATOMIC]:
                continue
            pfn = zone.free_area[order][HIGHATOMIC].head()
            if node.get_pageblock_migratetype(pfn) == HIGHATOMIC:
                zone.nr_reserved_highatomic -= min(node.pageblock_pages, zone.nr_reserved_highatomic)
            node.set_pageblock_migratetype(pfn, migratetype)
            if move_freepages_block(zone, pfn, migratetype)[0]:
                return True
    return False
