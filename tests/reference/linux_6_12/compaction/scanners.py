"""The scanners of Linux 6.12: targets keep their order, and small compound pages are sources."""

from ...linux_6.compaction import scanners
from ...linux_6.compaction.pages import ASYNC
from ...linux_6.compaction.scanners import (
    CLUSTER,
    WRAP,
    isolate_freepages,
    putback_movable_pages,
    suitable_target,
    update_cached_migrate,
)
from ...linux_6.state import MAX_PAGE_ORDER

# The migration scanner


def may_leave_pageblock(cc):
    """The fast search does not look elsewhere while a pageblock is to be finished."""
    return not cc.finish


def note_source_found(cc, pfn):
    """A pageblock that the fast search has found is marked only when pages are taken from it.

    Together with the older rule of marking, which leaves out calls that begin inside a pageblock, it would be found
    again and again.
    """


def begins_pageblock(cc, pfn):
    """Whether the skip bit is looked at here: the zone's first page is a beginning, too."""
    return cc.is_aligned(pfn) or pfn == cc.zone.start


def isolate_migratepages_block(cc, low, end):
    """Isolate units from `low` on, up to a cluster or the end of the pageblock."""
    machine, node = cc.machine, cc.node
    scanned = taken = 0
    valid, touched = None, False
    soft = cc.direct and cc.mode == ASYNC
    edge = cc.order_end(low) if soft else 0
    while low < end:
        if soft and low >= edge:
            if taken:
                break
            edge = cc.order_end(low)
        if valid is None and begins_pageblock(cc, low):
            if not cc.ignore_skip and cc.is_skipped(low):
                scanned, low = scanned + 1, end
                break
            valid = low
        size = 1 << node.buddy_order.get(low, large_order(cc, low))
        scanned += size
        if low in node.buddy_order:
            low += size
            continue
        if size > 1 or not machine.can_isolate(low, cc.mode, cc.gfp):
            low += size - 1
            if soft:
                if taken:
                    putback_movable_pages(cc)
                    taken = 0
                if low < edge:
                    low = edge - 1
                    edge += 1 << cc.order
            low += 1
            continue
        if valid is not None and not touched:
            touched = True
            if not cc.ignore_skip:
                cc.set_skip(valid)
        size = isolate_unit(cc, low)
        taken += size
        scanned += size - 1
        low += size
        if cc.nr_migratepages >= CLUSTER and not cc.finish:
            break
    low = min(low, end)
    if low == end and (taken == 0 or cc.finish):
        if valid is not None and not touched:
            cc.set_skip(valid)
        update_cached_migrate(cc, low)
    cc.migrate_scanned += scanned
    machine.events["compact_isolated"] += taken
    cc.migrate_pfn = low


def large_order(cc, pfn):
    """Order of the compound block that starts here, if it is too large to be worth moving; or 0."""
    order = cc.machine.compound_order(pfn) or 0
    return order if order >= cc.node.pageblock_order or (cc.order != -1 and order >= cc.order) else 0


def isolate_unit(cc, pfn):
    """Take a unit off its LRU list, to be moved; returns its pages."""
    size = 1 << cc.machine.order[pfn]
    cc.machine.isolated.add(pfn)
    cc.migratepages.insert(0, pfn)
    cc.nr_migratepages += size
    return size


# The free scanner


def no_targets():
    """Free blocks to move to, by their order."""
    return [[] for _ in range(MAX_PAGE_ORDER + 1)]


def add_targets(cc, found):
    """Free blocks are targets as they are, in the order in which they were found."""
    for pfn, size in found:
        cc.freepages[size.bit_length() - 1].append(pfn)


def compaction_alloc(cc, order):
    """A free block to move to, out of the smallest that will do; or None."""
    pfn = split_target(cc, order)
    if pfn is None:
        isolate_freepages(cc)
        pfn = split_target(cc, order)
    if pfn is not None:
        cc.nr_freepages -= 1 << order
        cc.nr_migratepages -= 1 << order
    return pfn


def split_target(cc, order):
    """Take the first of the smallest targets that will do; what is too much are the first ones of their orders."""
    current = next((o for o in range(order, MAX_PAGE_ORDER + 1) if cc.freepages[o]), None)
    if current is None:
        return None
    pfn = cc.freepages[current].pop(0)
    for half in range(current - 1, order - 1, -1):
        cc.freepages[half].insert(0, pfn + (1 << half))
    return pfn


def compaction_free(cc, pfn, order):
    """Give a target back: the next one of its order takes it."""
    cc.freepages[order].insert(0, pfn)
    cc.nr_freepages += 1 << order
    cc.nr_migratepages += 1 << order


def large_enough(cc):
    """Order from which on a free block is left alone: it would do for the request."""
    return cc.order if cc.order > 0 else cc.node.pageblock_order


def next_free_start(cc, start):
    """Where the next run begins after a pageblock that is used up: below it, unless there is nothing."""
    return (start - cc.node.pageblock_pages) & WRAP


def compound_tails(cc, pfn, end):
    """(Pages to step over after a page of a compound block, how many of them count as scanned): all or none."""
    tails = (1 << (cc.machine.compound_order(pfn) or 0)) - 1
    return (tails, tails) if pfn + tails < end else (0, 0)


def is_used_up(cc, position, end):
    """Whether a pageblock that was looked around in has no more targets: its end was reached."""
    return position == end


class FastSearch(scanners.FastSearch):
    """The search over the movable lists."""

    def is_over(self):
        """Whether there are targets enough to end the search before its next order is chosen."""
        return self.cc.nr_freepages >= self.cc.nr_migratepages

    def page_at_least(self):
        """Where to look around at the lowest position, if it suits."""
        return self.least if suitable_target(self.cc, self.least) else None
