"""The two scanners: pages to move, from below, and free pages to move them to, from above."""

from ..state import MOVABLE
from .pages import ASYNC

COSTLY_ORDER = 3
CLUSTER = 32
WRAP = (1 << 64) - 1
USED_UP = -1


class Control:
    """One run's control structure (compact_control)."""

    def __init__(
        self, machine, *, order, gfp, mode, direct=0, whole=0, ign_skip=0, ign_suit=0, proactive=0, aflags=0, hzi=1
    ):
        self.machine, self.node, self.kernel = machine, machine.node, machine.kernel
        self.order = self.search_order = order
        self.gfp, self.migratetype = gfp, (gfp >> 3) & 3
        self.mode, self.alloc_flags, self.highest = mode, aflags, hzi
        self.direct, self.whole, self.ignore_skip = bool(direct), bool(whole), bool(ign_skip)
        self.ignore_suitable, self.proactive = bool(ign_suit), bool(proactive)
        self.finish = False  # the whole pageblock, without the limit of a cluster
        self.fast_search_fail = self.fast_start = 0
        self.zone = None
        self.migrate_pfn = self.free_pfn = 0
        self.migrate_scanned = self.free_scanned = 0
        self.forget_pages()

    def forget_pages(self):
        """Nothing is isolated."""
        self.migratepages, self.freepages = [], self.kernel.no_targets()
        self.nr_migratepages = self.nr_freepages = 0

    @property
    def compact(self):
        """What compaction keeps about the zone."""
        return self.zone.compact

    def block_start(self, pfn):
        """First page of a page's pageblock."""
        return pfn - pfn % self.node.pageblock_pages

    def block_end(self, pfn):
        """First border of a pageblock above a page."""
        return self.block_start(pfn) + self.node.pageblock_pages

    def order_end(self, pfn):
        """First border of blocks of the order above a page."""
        return ((pfn >> self.order) + 1) << self.order

    def is_aligned(self, pfn):
        """Whether a pageblock starts here."""
        return pfn % self.node.pageblock_pages == 0

    def is_skipped(self, pfn):
        """The skip bit of a page's pageblock."""
        return pfn // self.node.pageblock_pages in self.compact.skip

    def set_skip(self, pfn):
        """Set it."""
        self.compact.skip.add(pfn // self.node.pageblock_pages)

    def met(self):
        """Whether the scanners have met."""
        return self.free_pfn >> self.node.pageblock_order <= self.migrate_pfn >> self.node.pageblock_order


def rotate(blocks, pfn, *, first):
    """Shift a list in a circle, so that a block is its first or its last one."""
    pfns = list(blocks)
    at = pfns.index(pfn) + (not first)
    blocks.clear()
    blocks.update(dict.fromkeys(pfns[at:] + pfns[:at]))


# The migration scanner


def update_cached_migrate(cc, pfn):
    """Raise the cached positions to the next border above, which is one pageblock too far for a border."""
    border, cached = cc.block_end(pfn), cc.compact.cached_migrate
    cached[0] = max(cached[0], border)
    if cc.mode != ASYNC:
        cached[1] = max(cached[1], border)


def fast_find_migrateblock(cc):
    """Look for a pageblock with free pages on the movable lists; what stays are side effects."""
    limit = (CLUSTER >> min(63, cc.fast_search_fail)) + 1
    start = cc.zone.start
    elsewhere = cc.migrate_pfn != start and not cc.is_aligned(cc.migrate_pfn)
    if cc.ignore_skip or elsewhere or cc.order <= COSTLY_ORDER or (cc.direct and cc.migratetype != MOVABLE):
        return cc.migrate_pfn
    if not cc.kernel.may_leave_pageblock(cc):
        return cc.migrate_pfn
    distance = (cc.free_pfn - cc.migrate_pfn) >> 1
    if cc.migrate_pfn != start:
        distance >>= 2
    high = cc.block_start(cc.migrate_pfn + distance)
    found, count = None, 0
    for order in range(cc.order - 1, COSTLY_ORDER - 1, -1):
        if found is not None or count >= limit:
            break
        if cc.zone.nr_free[order]:
            found, count = search_list(cc, cc.zone.free_area[order][MOVABLE], high, limit, count)
    cc.migrate_scanned += count
    if found is not None:
        return found
    cc.fast_search_fail += 1
    if cc.fast_start not in (0, USED_UP):
        cc.migrate_pfn, cc.fast_start = cc.fast_start, USED_UP
    return cc.migrate_pfn


def search_list(cc, blocks, high, limit, count):
    """Walk one list: (start of the pageblock found, or None; entries seen so far)."""
    for pfn in list(blocks):
        count += 1
        if count > limit:
            rotate(blocks, pfn, first=False)
            break
        if pfn < high and not cc.is_skipped(pfn):
            rotate(blocks, pfn, first=False)
            if cc.fast_start != USED_UP:
                cc.fast_start = min(cc.fast_start, pfn) if cc.fast_start else pfn
            cc.fast_search_fail = 0
            cc.kernel.note_source_found(cc, pfn)
            return max(cc.block_start(pfn), cc.zone.start), count
    return None, count


def isolate_migratepages(cc):
    """Isolate pages of the next pageblock that qualifies; whether there are any."""
    low = fast_find_migrateblock(cc)
    start, end = max(cc.block_start(low), cc.zone.start), cc.block_end(low)
    fast = low != cc.migrate_pfn and cc.fast_search_fail == 0
    while end <= cc.free_pfn:
        if cc.kernel.begins_pageblock(cc, low) and not fast and not cc.ignore_skip and cc.is_skipped(low):
            pass
        elif cc.machine.starts_large_compound(start) or not suitable_source(cc, start):
            update_cached_migrate(cc, end)
        else:
            cc.kernel.isolate_migratepages_block(cc, low, end)
            break
        fast = False
        cc.migrate_pfn = low = start = end
        end += cc.node.pageblock_pages
    return cc.nr_migratepages > 0


def suitable_source(cc, start):
    """A direct run that does not wait takes pages only from pageblocks of its own type."""
    if cc.mode != ASYNC or not cc.direct:
        return True
    return cc.node.get_pageblock_migratetype(start) == cc.migratetype


def putback_movable_pages(cc):
    """Pages that were not moved go back to the LRU; those without an owner are free."""
    machine = cc.machine
    pages, cc.migratepages, cc.nr_migratepages = cc.migratepages, [], 0
    for pfn in pages:
        machine.isolated.discard(pfn)
        if pfn in machine.let_go:
            machine.let_go.discard(pfn)
            machine.moves.append([pfn, -1])
            machine.free_unit(pfn)


# The free scanner


def isolate_freepages(cc):
    """Fill the list of targets: from the movable lists, or else pageblock by pageblock, from above."""
    found = []
    fast_isolate_freepages(cc, found)
    if cc.nr_freepages == 0:
        scan_freepages(cc, found)
    cc.kernel.add_targets(cc, found)


def suitable_target(cc, start):
    """Whether free pages may be taken from a pageblock."""
    if cc.node.buddy_order.get(start, -1) >= cc.kernel.large_enough(cc):
        return False
    return cc.ignore_suitable or cc.node.get_pageblock_migratetype(start) == MOVABLE


def scan_freepages(cc, found):
    """The linear scan."""
    pages = cc.node.pageblock_pages
    position = cc.free_pfn
    start = cc.block_start(position)
    end = min(start + pages, cc.zone.end)
    low = cc.block_end(cc.migrate_pfn)
    stride = CLUSTER if cc.mode == ASYNC else 1
    while start >= low:
        if suitable_target(cc, start) and (cc.ignore_skip or not cc.is_skipped(start)):
            isolated, position = isolate_freepages_block(cc, position, end, found, stride)
            if position == end:
                cc.set_skip(start)
                cc.compact.cached_free = min(cc.compact.cached_free, cc.kernel.next_free_start(cc, start))
            if cc.nr_freepages >= cc.nr_migratepages:
                if position >= end:
                    position = start - pages
                break
            if position < end:
                break
            stride = 1 if isolated else min(CLUSTER, 2 * stride)
        end = start
        start -= pages
        position = start
    cc.free_pfn = position


def isolate_freepages_block(cc, pfn, end, found, stride):
    """Isolate free blocks from a page on: (pages isolated, where it stopped)."""
    machine, node = cc.machine, cc.node
    scanned = isolated = 0
    while pfn < end:
        scanned += 1
        if machine.is_compound(pfn):
            tails, counted = cc.kernel.compound_tails(cc, pfn, end)
            scanned += counted
            pfn += tails + stride
            continue
        if pfn not in node.buddy_order:
            pfn += stride
            continue
        got = node.kernel.isolate_free_page(node, pfn)
        if not got:
            break
        scanned += got - 1
        isolated += got
        cc.nr_freepages += got
        found.append((pfn, got))
        if cc.nr_migratepages <= cc.nr_freepages:
            pfn += got
            break
        pfn += got - 1 + stride
    cc.free_scanned += scanned
    machine.events["compact_isolated"] += isolated
    return isolated, min(pfn, end)


def fast_isolate_freepages(cc, found):
    """Take a target block straight from the movable lists."""
    if cc.order <= 0:
        return
    search = cc.kernel.FastSearch(cc, found)
    search.run()
    page = search.page
    if page is None:
        page = search.fall_back()
    if search.highest and search.highest >= cc.compact.cached_free:
        cc.compact.cached_free = (search.highest - cc.node.pageblock_pages) & WRAP
    cc.free_scanned += search.scanned
    if page is None or cc.nr_freepages >= cc.nr_migratepages or (cc.direct and cc.mode == ASYNC):
        return
    start, end = max(cc.block_start(page), cc.zone.start), min(cc.block_end(page), cc.zone.end)
    _, position = isolate_freepages_block(cc, start, end, found, 1)
    if cc.kernel.is_used_up(cc, position, end):
        cc.set_skip(page)


class FastSearch:
    """The search over the movable lists; distances wrap at 64 bits when the scanners have crossed."""

    def __init__(self, cc, found):
        self.cc, self.found = cc, found
        self.limit = max(1, ((CLUSTER >> min(63, cc.fast_search_fail)) + 1) >> 1)
        self.at_start = cc.free_pfn >= cc.compact.init_free
        if self.at_start:
            self.limit = cc.node.pageblock_pages // 2
        distance = (cc.free_pfn - cc.migrate_pfn) & WRAP
        self.low = cc.block_start((cc.free_pfn - distance // 4) & WRAP)
        self.least = min(cc.block_start((cc.free_pfn - distance // 2) & WRAP), self.low)
        self.highest = self.scanned = 0
        self.page = None

    def run(self):
        """Order by order, beginning where the last search was lucky."""
        cc = self.cc
        cc.search_order = min(cc.order - 1, cc.search_order)
        order = cc.search_order
        while self.page is None and order >= 0:
            if cc.zone.nr_free[order]:
                order = self.search(order)
                if self.is_over():
                    break
                if self.seen >= self.limit:
                    self.limit = max(1, self.limit >> 1)
            order -= 1
            if order < 0:
                order = cc.order - 1
            if order == cc.search_order:
                cc.search_order -= 1
                if cc.search_order < 0:
                    cc.search_order = cc.order - 1
                order = -1

    def search(self, order):
        """Search one list and isolate what was found; the order to go on from."""
        cc = self.cc
        blocks = cc.zone.free_area[order][MOVABLE]
        stop = self.walk(blocks, order)
        if stop is not None:
            rotate(blocks, stop, first=True)
        if self.page is not None:
            if cc.node.kernel.isolate_free_page(cc.node, self.page):
                size = 1 << order
                self.found.append((self.page, size))
                cc.nr_freepages += size
                self.scanned += size - 1
                cc.machine.events["compact_isolated"] += size
            else:
                order, self.page = cc.search_order + 1, None
        return order

    def is_over(self):
        """Whether there are targets enough to end the search before its next order is chosen."""
        return False

    def walk(self, blocks, order):
        """Walk a list from its tail; the entry that becomes the first one, or None."""
        cc, best = self.cc, 0
        self.seen, stop = 0, None
        for pfn in reversed(list(blocks)):
            self.seen += 1
            self.scanned += 1
            if pfn >= self.highest:
                self.highest = max(cc.block_start(pfn), cc.zone.start)
            if pfn >= self.low:
                cc.fast_search_fail, cc.search_order = 0, order
                self.page = stop = pfn
                break
            if pfn >= self.least and pfn > best:
                best = pfn
                self.limit >>= 1
            if self.seen >= self.limit:
                stop = pfn
                break
        if self.page is None and best:
            self.page = stop = best
        return stop

    def fall_back(self):
        """Nothing found: where to look around instead, or None."""
        cc = self.cc
        cc.fast_search_fail += 1
        if not self.at_start:
            return None
        if self.highest >= self.least:
            cc.free_pfn = self.highest
        elif cc.direct and self.least < cc.machine.nr_pfns:
            cc.free_pfn = self.least
            return self.page_at_least()
        else:
            return None
        return cc.free_pfn

    def page_at_least(self):
        """Where to look around at the lowest position."""
        return self.least
