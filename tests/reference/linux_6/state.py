"""What there is: a node with its zones, its pages and what is kept of each."""

from collections import OrderedDict

UNMOVABLE, MOVABLE, RECLAIMABLE, HIGHATOMIC = range(4)
ORDINARY = (UNMOVABLE, MOVABLE, RECLAIMABLE)
MAX_PAGE_ORDER, PAGEBLOCK_ORDER = 10, 9
PAGEBLOCK_PAGES = 1 << PAGEBLOCK_ORDER
SECTION_PAGES = 32768
PCP_LISTS = 14
HUGE_LISTS = 12
NODE_ZONES, ZONE_MOVABLE = 5, 3
EVENT_KINDS = ("zl", "xf", "dr", "fr", "fb")


class BlockList(OrderedDict):
    """First pages of blocks; the first key is the head."""

    def add_head(self, pfn):
        """Put a block in front."""
        self[pfn] = None
        self.move_to_end(pfn, last=False)

    def add_tail(self, pfn):
        """Put a block at the end."""
        self[pfn] = None

    def head(self):
        """The first block."""
        return next(iter(self))


class Pcp:
    """The lists of one CPU in one zone: Python lists of first pages, head first.

    A kernel's own class has the names of its numbers, in the order of the dump; `count` and `batch` are everywhere.
    """

    NAMES = ()

    def __init__(self):
        for name in self.NAMES:
            setattr(self, name, 0)
        self.locked = False
        self.lists = [[] for _ in range(PCP_LISTS)]


class Zone:
    """PFNs `start` to `end` (not included), and what the allocator keeps about them.

    The zones of the kernels count free pages (`account_freepages`), know which of them the reserve keeps from others
    (`highatomic_pages`), and say what else is in the dump: `free_words`, `page_word`, `more_marks`.
    """

    def __init__(self, node, idx, start, spanned):
        self.node, self.idx = node, idx
        self.start, self.end = start, start + spanned
        self.free_area = [[BlockList() for _ in range(node.nr_types)] for _ in range(MAX_PAGE_ORDER + 1)]
        self.nr_free = [0] * (MAX_PAGE_ORDER + 1)
        self.nr_free_pages = self.nr_free_cma = self.managed = 0
        self.wmark = [0] * 4
        self.boost = 0
        self.lowmem_reserve = [0] * NODE_ZONES
        self.boosted = self.reclaim_active = False
        self.nr_reserved_highatomic = self.nr_isolate_pageblock = self.pgalloc = 0
        self.pcp = [node.kernel.Pcp() for _ in range(node.cpus)]
        self.pcp_sizes = {}

    def spans(self, pfn):
        """Whether the page lies between the zone's ends."""
        return self.start <= pfn < self.end

    def this_pcp(self):
        """The lists of the current CPU."""
        return self.pcp[self.node.cpu]

    # A block on a free list is in `node.buddy_order` and `node.home`

    def add_to_free_list(self, pfn, order, migratetype, to_tail=False):
        """Put a block on a list, and count it."""
        free_list = self.free_area[order][migratetype]
        (free_list.add_tail if to_tail else free_list.add_head)(pfn)
        self.node.buddy_order[pfn], self.node.home[pfn] = order, free_list
        self.nr_free[order] += 1

    def del_page_from_free_list(self, pfn):
        """Take a block off its list; returns its order."""
        order = self.node.buddy_order.pop(pfn)
        del self.node.home.pop(pfn)[pfn]
        self.nr_free[order] -= 1
        return order

    def move_to_free_list(self, pfn, migratetype):
        """Move a block to the tail of a list of its order; returns the order."""
        order = self.del_page_from_free_list(pfn)
        self.add_to_free_list(pfn, order, migratetype, to_tail=True)
        return order

    def dump(self):
        """Lines of the canonical dump."""
        node = self.node
        yield words("Z", self.idx)
        yield words("N", *self.free_words(), *([self.nr_free_cma] if node.cma else []))
        for order, lists in enumerate(self.free_area):
            yield words("O", order, self.nr_free[order])
            yield from (words("L", order, kind, *blocks) for kind, blocks in enumerate(lists) if blocks)
        pageblocks = range(self.start // node.pageblock_pages, (self.end - 1) // node.pageblock_pages + 1)
        yield words("B", "".join(str(node.pageblock_type.get(k, UNMOVABLE)) for k in pageblocks))
        for cpu, pcp in enumerate(self.pcp):
            yield words("P", cpu, *(getattr(pcp, name) for name in pcp.NAMES))
            for index, pages in enumerate(pcp.lists):
                if pages:
                    yield words("Q", cpu, index, *map(self.page_word, pages))
        yield words("W", *self.wmark, self.boost, int(self.boosted), int(self.reclaim_active), *self.more_marks())
        yield words("R", self.nr_reserved_highatomic, self.nr_isolate_pageblock)
        yield words("A", self.pgalloc)


def words(*values):
    """Words of a line."""
    return " ".join(map(str, values))


class Node:
    """Zones by their index, and the pages: sets of those with a mark, dicts of what has a value.

    `kernel` is the module that has what only one kernel does, or does its own way.
    """

    PARTS = ("pageblock_type", "link", "refs", "compound", "buddy_order", "home", "reserved", "lru")

    def __init__(self, kernel, *, cpus=1, with_cma=False, mobility_disabled=False, pageblock_order=PAGEBLOCK_ORDER):
        self.kernel = kernel
        self.cpus, self.cpu = cpus, 0
        self.cma = 4 if with_cma else None
        self.isolate = 5 if with_cma else 4
        self.nr_types = self.isolate + 1
        self.mobility_disabled = mobility_disabled
        self.pageblock_order, self.pageblock_pages = pageblock_order, 1 << pageblock_order
        self.pcp_orders = (0, 1, 2, 3, pageblock_order)
        self.zones = {}
        self.boost_factor, self.percpu_fraction, self.scale = 15000, 0, 10
        self.lowmem_ratio = [0] * NODE_ZONES
        self.pgfree = self.wakeups = 0
        self.capture = None
        self.events = []
        self.counts = dict.fromkeys(EVENT_KINDS, 0)

        self.pageblock_type = {}
        self.link = {}  # zone that a page belongs to
        self.reserved, self.lru = set(), set()
        self.refs = {}
        self.compound = {}  # any page of a compound block: (its first page, order)
        self.buddy_order, self.home = {}, {}

    # Set-up

    def add_zone(self, idx, start, spanned):
        """A zone without a free page; all its pages are reserved."""
        zone = self.zones[idx] = self.kernel.Zone(self, idx, start, spanned)
        pages = range(zone.start, zone.end)
        self.link.update(dict.fromkeys(pages, zone))
        self.refs.update(dict.fromkeys(pages, 1))
        self.reserved.update(pages)
        return zone

    def release_reserved(self, first, end):
        """Boot is done with these pages."""
        self.reserved.difference_update(range(first, end))
        for pfn in range(first, end):
            self.refs.pop(pfn, None)

    def reset_events(self):
        """Nothing has happened yet."""
        self.events.clear()
        self.counts = dict.fromkeys(EVENT_KINDS, 0)
        self.pgfree = 0

    def walk(self, highest):
        """Zones from `highest` down."""
        return [self.zones[idx] for idx in sorted(self.zones, reverse=True) if idx <= highest]

    # Pages and pageblocks

    def exists(self, pfn):
        """Whether the page map has such a page: it is made of whole sections."""
        sections = pfn // SECTION_PAGES
        return any(z.start // SECTION_PAGES <= sections <= (z.end - 1) // SECTION_PAGES for z in self.zones.values())

    def is_free(self, pfn, order):
        """Whether exactly this block is on a free list."""
        return self.buddy_order.get(pfn) == order

    def same_zone(self, pfn, other):
        """Whether two pages are linked to the same zone."""
        return self.link.get(pfn) is self.link.get(other)

    def get_pageblock_migratetype(self, pfn):
        """Type of the page's pageblock."""
        return self.pageblock_type.get(pfn // self.pageblock_pages, UNMOVABLE)

    def set_pageblock_migratetype(self, pfn, migratetype):
        """Set the type of the page's pageblock; without grouping every ordinary type is the first."""
        if self.mobility_disabled and migratetype in ORDINARY:
            migratetype = UNMOVABLE
        self.pageblock_type[pfn // self.pageblock_pages] = migratetype

    def requested(self, migratetype):
        """The type that a request for `migratetype` is served as."""
        return UNMOVABLE if self.mobility_disabled else migratetype

    def prep_new_page(self, pfn, order, compound=False):
        """The block is somebody's now."""
        self.refs[pfn] = 1
        if compound and order:
            self.compound.update(dict.fromkeys(range(pfn, pfn + (1 << order)), (pfn, order)))

    def free_pages_prepare(self, pfn, order):
        """The block is nobody's any more."""
        self.trace("fr", pfn, order)
        self.refs.pop(pfn, None)
        for page in range(pfn, pfn + (1 << order)):
            self.lru.discard(page)
            self.compound.pop(page, None)

    def has_lru(self, pfn):
        """The page's LRU mark; in a compound block the first page's counts."""
        return self.compound.get(pfn, (pfn, 0))[0] in self.lru

    # What is told

    def wakeup_kswapd(self, zone, order):
        """kswapd is wanted: here it is only counted."""
        self.wakeups += 1

    def trace(self, kind, *values):
        """Note an event."""
        self.counts[kind] += 1
        self.events.append([kind, *values])

    def canonical_dump(self):
        """The state as text."""
        lines = [line for idx in sorted(self.zones) for line in self.zones[idx].dump()]
        lines.append(words("E", self.pgfree, self.wakeups, *self.counts.values()))
        return "".join(line + "\n" for line in lines)
