"""One zone: whether it is worth while, the loop of both scanners, migration, and the block that is captured."""

from ..buddy import ALLOC_CMA, FALLBACKS, Capture
from ..marks import asked_mark, boosted_mark, watermark_ok
from ..state import MAX_PAGE_ORDER, MOVABLE
from .pages import ASYNC
from .scanners import COSTLY_ORDER

NOT_SUITABLE, SKIPPED, DEFERRED, NO_SUITABLE_PAGE, CONTINUE, COMPLETE, PARTIAL_SKIPPED, CONTENDED, SUCCESS = range(9)
EXTFRAG_THRESHOLD = 500
MAX_DEFER_SHIFT = 6
RESET_STRIDE = 8


# Suitability


def with_free_pages(zone, free, question):
    """Ask a question as if the zone had so many free pages."""
    there, zone.nr_free_pages = zone.nr_free_pages, free
    answer = question()
    zone.nr_free_pages = there
    return answer


def has_room(zone, order, highest, free):
    """Whether compaction would have enough free pages to work with."""
    need = boosted_mark(zone, 1 if order > COSTLY_ORDER else 0) + (2 << order)
    return with_free_pages(zone, free, lambda: watermark_ok(zone, 0, need, highest, ALLOC_CMA))


def suitable_without_index(zone, order, flags, highest, free):
    """Whether compaction is needed, and has enough free pages to work with."""
    if order == -1:
        return CONTINUE
    if watermark_ok(zone, order, asked_mark(zone, flags), highest, flags):
        return SUCCESS
    return CONTINUE if has_room(zone, order, highest, free) else SKIPPED


def fragmentation_index(zone, order):
    """-1000 if there is a block; towards 0 too little memory, towards 1000 too scattered."""
    blocks = sum(zone.nr_free)
    if not blocks:
        return 0
    if any(zone.nr_free[order:]):
        return -1000
    pages = sum(count << o for o, count in enumerate(zone.nr_free))
    return 1000 - (1000 + (pages * 1000 >> order)) // blocks


def lacks_memory(zone, order):
    """Whether a large block is missing because memory is, and not because it is scattered."""
    return order > COSTLY_ORDER and 0 <= fragmentation_index(zone, order) <= EXTFRAG_THRESHOLD


def compaction_suitable(zone, order, flags, highest):
    """Whether compaction is possible and worth while."""
    result = suitable_without_index(zone, order, flags, highest, zone.nr_free_pages)
    return SKIPPED if result == CONTINUE and lacks_memory(zone, order) else result


# Deferral


def compaction_deferred(compact, order):
    """Whether to leave compaction out this time."""
    if order < compact.order_failed:
        return False
    limit = 1 << compact.defer_shift
    compact.considered = min(compact.considered + 1, limit)
    return compact.considered < limit


def defer_compaction(compact, order):
    """Compaction has failed: leave it out more often."""
    compact.considered = 0
    compact.defer_shift = min(compact.defer_shift + 1, MAX_DEFER_SHIFT)
    compact.order_failed = min(compact.order_failed, order)


def compaction_defer_reset(compact, order, success):
    """It has succeeded, or so has the allocation."""
    if success:
        compact.considered = compact.defer_shift = 0
    if order >= compact.order_failed:
        compact.order_failed = order + 1


def compaction_restarting(compact, order):
    """Whether it begins again after the longest deferral."""
    longest = 1 << MAX_DEFER_SHIFT
    return order >= compact.order_failed and compact.defer_shift == MAX_DEFER_SHIFT and compact.considered >= longest


# Skip bits


def reset_isolation_suitable(machine, zone):
    """Clear skip bits by samples, if a direct run has met; both cursors go to the middle."""
    compact, pages = zone.compact, machine.node.pageblock_pages
    if not compact.blockskip_flush:
        return
    compact.blockskip_flush = False
    low, high = zone.start, zone.end - 1
    reset_low, reset_high = high, low
    source_set = free_set = False
    while low < high:
        if reset_pageblock(machine, zone, low, True, source_set) and low < reset_low:
            source_set, reset_low = True, low
            compact.init_migrate = low
            compact.cached_migrate = [low, low]
        if reset_pageblock(machine, zone, high, free_set, True) and high > reset_high:
            free_set, reset_high = True, high
            compact.init_free = compact.cached_free = high
        low += pages
        high -= pages
    if reset_low >= reset_high:
        compact.cached_migrate = [low, low]
        compact.cached_free = high


def reset_pageblock(machine, zone, pfn, source, target):
    """Clear one skip bit if a sample of the pageblock's pages says that it is worth while."""
    node, compact = machine.node, zone.compact
    pages = node.pageblock_pages
    block = pfn // pages
    if machine.starts_large_compound(pfn):
        return False
    if source and target and block not in compact.skip:
        return True
    if not source and target and node.get_pageblock_migratetype(pfn) != MOVABLE:
        return False
    first, last = max(block * pages, zone.start), min(block * pages + pages, zone.end) - 1
    for page in range(first, last + 1, RESET_STRIDE):
        if (source and machine.is_on_lru(page)) or (target and page in node.buddy_order):
            compact.skip.discard(block)
            return True
    return False


# One run


def fragmentation_score(node, zone):
    """Percent of the free pages that are not in whole pageblocks."""
    pages = sum(count << order for order, count in enumerate(zone.nr_free))
    large = sum(zone.nr_free[order] << order for order in range(node.pageblock_order, MAX_PAGE_ORDER + 1))
    return (pages - large) * 100 // pages if pages else 0


def low_score(machine):
    """Where proactive compaction ends."""
    return max(100 - machine.proactiveness, 5)


def compact_finished(cc):
    """Whether to go on."""
    zone, compact = cc.zone, cc.compact
    if cc.met():
        reset_cached_positions(cc)
        if cc.direct:
            compact.blockskip_flush = True
        return COMPLETE if cc.whole else PARTIAL_SKIPPED
    if cc.proactive:
        return CONTINUE if fragmentation_score(cc.node, zone) > low_score(cc.machine) else SUCCESS
    if cc.order == -1 or not cc.is_aligned(cc.migrate_pfn):
        return CONTINUE
    for order in range(cc.order, MAX_PAGE_ORDER + 1):
        if zone.free_area[order][cc.migratetype] or helps_out(cc, order):
            return SUCCESS
    return CONTINUE


def helps_out(cc, order):
    """Whether another type's block of this order could be claimed."""
    whole = order >= cc.node.pageblock_order // 2 or cc.migratetype != MOVABLE
    return whole and any(cc.zone.free_area[order][other] for other in FALLBACKS.get(cc.migratetype, ()))


def reset_cached_positions(cc):
    """The next run begins at the ends of the zone."""
    cc.compact.cached_migrate = [cc.zone.start, cc.zone.start]
    cc.compact.cached_free = cc.block_start(cc.zone.end - 1)


def begin(cc):
    """Where the scanners start."""
    zone, compact = cc.zone, cc.compact
    cc.fast_start = 0
    if cc.whole:
        cc.migrate_pfn, cc.free_pfn = zone.start, cc.block_start(zone.end - 1)
        return
    cc.migrate_pfn, cc.free_pfn = compact.cached_migrate[cc.mode != ASYNC], compact.cached_free
    if not zone.spans(cc.free_pfn):
        cc.free_pfn = compact.cached_free = cc.block_start(zone.end - 1)
    if not zone.spans(cc.migrate_pfn):
        cc.migrate_pfn = zone.start
        compact.cached_migrate = [zone.start, zone.start]
    if cc.migrate_pfn <= compact.init_migrate:
        cc.whole = True


def compact_zone(cc):
    """Compact the zone of a control structure; the result."""
    zone, machine = cc.zone, cc.machine
    cc.migrate_scanned = cc.free_scanned = 0
    cc.forget_pages()
    result = compaction_suitable(zone, cc.order, cc.alloc_flags, cc.highest)
    if result in (SUCCESS, SKIPPED):
        return result
    if compaction_restarting(cc.compact, cc.order):
        reset_isolation_suitable(machine, zone)
    begin(cc)
    result = cc.kernel.compact_loop(cc)
    if cc.nr_freepages:
        cc.kernel.release_freepages(cc)
    machine.events["compact_migrate_scanned"] += cc.migrate_scanned
    machine.events["compact_free_scanned"] += cc.free_scanned
    return result


def compact_zone_order(cc, zone, capture):
    """Compact a zone, with or without capture: (result, captured page or None)."""
    cc.zone = zone
    if not capture:
        return compact_zone(cc), None
    node = cc.node
    node.capture = mine = Capture(zone, cc.order, cc.migratetype)
    result = compact_zone(cc)
    node.capture = None
    return (result, None) if mine.page is None else (SUCCESS, mine.page)
