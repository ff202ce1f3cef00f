"""Free lists: free and merge, split, take, and which types help out."""

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

    def __init__(self, zone, order, migratetype):
        self.zone, self.order, self.migratetype = zone, order, migratetype
        self.page = None


def compaction_capture(zone, pfn, order, migratetype):
    """Keep a block for who waits for it, if it is one to keep."""
    capture, node = zone.node.capture, zone.node
    if capture is None or capture.zone is not zone or capture.page is not None or capture.order != order:
        return False
    if migratetype in (node.cma, node.isolate):
        return False
    if order < node.pageblock_order and migratetype == MOVABLE and not node.kernel.may_break_up_movable(capture):
        return False
    capture.page = pfn
    zone.account_freepages(-(1 << order), migratetype)
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
        if order >= node.pageblock_order:
            node.kernel.merge_pageblocks(node, buddy, order, migratetype)
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
            zone.node.kernel.note_taken(zone, pfn, order, migratetype)
            refill = int(order in zone.node.pcp_orders and migratetype in ORDINARY)
            zone.node.trace("zl", pfn, order, migratetype, refill)
            return pfn
    return None


# Who helps out


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


def may_claim(node, migratetype, old, free, movable):
    """Whether at least half of a pageblock's pages are free or suit the type, as far as can be known."""
    alike = 0
    if migratetype == MOVABLE:
        alike = movable
    elif old == MOVABLE:
        alike = node.pageblock_pages - free - movable
    return free + alike >= node.pageblock_pages // 2 or node.mobility_disabled


def set_pageblocks(node, pfn, order, migratetype):
    """Set the type of all pageblocks of a block."""
    for page in range(pfn, pfn + (1 << order), node.pageblock_pages):
        node.set_pageblock_migratetype(page, migratetype)


# The whole zone, the reserves included


def rmqueue_buddy(zone, order, migratetype, flags):
    """Take a block from the free lists, the reserve included for those who may; or None."""
    kernel, pfn = zone.node.kernel, None
    if flags & ALLOC_HIGHATOMIC:
        pfn = rmqueue_smallest(zone, order, HIGHATOMIC)
    if pfn is None:
        pfn = kernel.rmqueue_one(zone, order, migratetype, flags)
    if pfn is None and flags & (ALLOC_OOM | ALLOC_NON_BLOCK):
        pfn = rmqueue_smallest(zone, order, HIGHATOMIC)
    if pfn is not None:
        kernel.note_given(zone, pfn, order)
        zone.pgalloc += 1 << order
    return pfn


def unreserve_highatomic_pageblock(node, migratetype, highest, force):
    """Give one reserved pageblock with free pages to a type; whether pages have moved."""
    for zone in node.walk(highest):
        if not force and zone.nr_reserved_highatomic <= node.pageblock_pages:
            continue
        for order in range(MAX_PAGE_ORDER + 1):
            blocks = zone.free_area[order][HIGHATOMIC]
            if blocks and node.kernel.unreserve_block(zone, blocks.head(), order, migratetype):
                return True
    return False
