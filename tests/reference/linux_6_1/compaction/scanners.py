"""The scanners of Linux 6.1: targets are single pages, and no compound page is a source."""

from ...linux_6.compaction import scanners
from ...linux_6.compaction.pages import ASYNC
from ...linux_6.compaction.scanners import CLUSTER, isolate_freepages, putback_movable_pages, update_cached_migrate

FastSearch = scanners.FastSearch

# The migration scanner


def may_leave_pageblock(cc):
    """The fast search looks elsewhere even while a pageblock is to be finished."""
    return True


def note_source_found(cc, pfn):
    """A pageblock that the fast search has found is marked as done, and so is never scanned."""
    cc.set_skip(pfn)


def begins_pageblock(cc, pfn):
    """Whether the skip bit is looked at here."""
    return cc.is_aligned(pfn)


def isolate_migratepages_block(cc, low, end):
    """Isolate pages from `low` on, up to a cluster or the end of the pageblock."""
    machine, node = cc.machine, cc.node
    scanned = taken = 0
    valid, touched, aborted = None, False, False
    soft = cc.direct and cc.mode == ASYNC
    edge = cc.order_end(low) if soft else 0
    while low < end:
        if soft and low >= edge:
            if taken:
                break
            edge = cc.order_end(low)
        scanned += 1
        if valid is None and cc.is_aligned(low):
            if not cc.ignore_skip and cc.is_skipped(low):
                low, aborted = end, True
                break
            valid = low
        if low in node.buddy_order:
            low += 1 << node.buddy_order[low]
            continue
        if machine.is_compound(low) or not machine.can_isolate(low, cc.mode, cc.gfp):
            low += (1 << (machine.compound_order(low) or 0)) - 1
            if soft:
                if taken:
                    putback_movable_pages(cc)
                    taken = 0
                if low < edge:
                    low = edge - 1
                    edge += 1 << cc.order
            low += 1
            continue
        if not touched:
            touched = True
            if not cc.ignore_skip and cc.is_aligned(low):
                cc.set_skip(low)
        machine.isolated.add(low)
        cc.migratepages.insert(0, low)
        cc.nr_migratepages += 1
        taken += 1
        low += 1
        if cc.nr_migratepages >= CLUSTER and not cc.finish:
            break
    low = min(low, end)
    if low == end and (taken == 0 or cc.finish):
        if valid is not None and not touched and not aborted:
            cc.set_skip(valid)
        update_cached_migrate(cc, low)
    cc.migrate_scanned += scanned
    machine.events["compact_isolated"] += taken
    cc.migrate_pfn = low


# The free scanner


def no_targets():
    """Single pages to move to, the next one first."""
    return []


def add_targets(cc, found):
    """Free blocks become single pages, the last one first."""
    for pfn, size in found:
        for page in range(pfn, pfn + size):
            cc.freepages.insert(0, page)


def compaction_alloc(cc):
    """A free page to move to, or None."""
    if not cc.freepages:
        isolate_freepages(cc)
    if not cc.freepages:
        return None
    cc.nr_freepages -= 1
    return cc.freepages.pop(0)


def large_enough(cc):
    """Order from which on a free block is left alone."""
    return cc.node.pageblock_order


def next_free_start(cc, start):
    """Where the next run begins after a pageblock that is used up: there again."""
    return start


def compound_tails(cc, pfn, end):
    """(Pages to step over after a page of a compound block, how many of them count as scanned)."""
    return (1 << (cc.machine.compound_order(pfn) or 0)) - 1, 0


def is_used_up(cc, position, end):
    """Whether a pageblock that was looked around in has no more targets: it gave too few."""
    return cc.nr_freepages < cc.nr_migratepages
