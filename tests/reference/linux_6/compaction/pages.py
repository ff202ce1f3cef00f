"""Pages in use as units of kinds, what compaction keeps about a zone, and the others who work beside it."""

from collections import Counter

from .. import pcp

NEEDS_FS, NEEDS_SYNC = "fDdw", "dw"
ASYNC, SYNC_LIGHT, SYNC = range(3)
GFP_FS = 0x80
ALWAYS_BUSY = 1000
EVENTS = (
    "pgalloc",
    "pgfree",
    "pgmigrate_success",
    "pgmigrate_fail",
    "compact_migrate_scanned",
    "compact_free_scanned",
    "compact_isolated",
    "compact_stall",
    "compact_fail",
    "compact_success",
    "compact_daemon_wake",
    "compact_daemon_migrate_scanned",
    "compact_daemon_free_scanned",
)


class ZoneCompaction:
    """What compaction keeps about a zone."""

    def __init__(self, cached_migrate, cached_free, init_migrate, init_free):
        self.cached_migrate, self.cached_free = list(cached_migrate), cached_free
        self.init_migrate, self.init_free = init_migrate, init_free
        self.considered = self.defer_shift = self.order_failed = 0
        self.blockskip_flush = False
        self.skip = set()  # numbers of pageblocks


class Machine:
    """A node with units of pages in use, and the script of what others do during an operation.

    A kernel's own class has the kinds of units: compound ones, those on LRU lists, those that reclaim frees, those that
    count as what it could free, those whose owner may let go. `kernel` is the module with what it does its own way.
    """

    COMPOUND = LRU_KINDS = RECLAIMABLE_KINDS = COUNTED_KINDS = MAY_LET_GO = ""

    def __init__(self, kernel, header):
        self.kernel = kernel
        self.node = kernel.allocator.Node(kernel.allocator, pageblock_order=header["pageblock_order"])
        self.node.wakeup_kswapd = self.wakeup_kswapd
        self.node.has_lru = lambda pfn: self.is_on_lru(self.head.get(pfn))
        self.node.boost_factor = header["boost_factor"]
        self.proactiveness = header["proactiveness"]
        self.unevictable_allowed = bool(header["unevictable_allowed"])
        self.nr_pfns = header["npfn"]
        self.kind, self.order, self.head = {}, {}, {}
        self.busy = {}
        self.isolated, self.let_go = set(), set()
        self.events = Counter()
        self.begin()

    @property
    def zones(self):
        """Zones, ascending."""
        return [self.node.zones[idx] for idx in sorted(self.node.zones)]

    def begin(self, hooks=(), reclaim=()):
        """An operation begins."""
        self.hooks, self.reclaim_lists = list(hooks), list(reclaim)
        self.attempts = 0
        self.moves, self.hook_results, self.kernel_events = [], [], []

    def wakeup_kswapd(self, zone, order):
        """Note that kswapd is wanted."""
        self.kernel_events.append(["kswapd", zone.idx, order])

    # Units

    def add_unit(self, pfn, order, kind, busy=0):
        """Pages are in use now."""
        self.kind[pfn], self.order[pfn] = kind, order
        self.head.update(dict.fromkeys(range(pfn, pfn + (1 << order)), pfn))
        if busy:
            self.busy[pfn] = busy

    def drop_unit(self, pfn):
        """Pages are not in use any more; returns their order."""
        order = self.order.pop(pfn)
        del self.kind[pfn]
        for page in range(pfn, pfn + (1 << order)):
            del self.head[page]
        self.busy.pop(pfn, None)
        return order

    def stay_busy(self, pfn):
        """One attempt to move a busy page has failed."""
        left = self.busy.pop(pfn)
        if left == ALWAYS_BUSY or left > 1:
            self.busy[pfn] = left if left == ALWAYS_BUSY else left - 1

    def compound_order(self, pfn):
        """Order of the compound block that starts here, or None."""
        return self.order[pfn] if self.kind.get(pfn, "-") in self.COMPOUND else None

    def is_compound(self, pfn):
        """Whether the page is part of a compound block."""
        return self.kind.get(self.head.get(pfn), "-") in self.COMPOUND

    def starts_large_compound(self, pfn):
        """Whether a compound block of at least a pageblock covers this page."""
        head = self.head.get(pfn)
        return self.is_compound(pfn) and self.order[head] >= self.node.pageblock_order

    def is_on_lru(self, pfn):
        """Whether the page is on an LRU list."""
        return self.kind.get(pfn, "-") in self.LRU_KINDS and pfn not in self.isolated

    def can_isolate(self, pfn, mode, gfp):
        """Whether the migration scanner may take a unit."""
        kind = self.kind.get(pfn, "-")
        if not self.is_on_lru(pfn) or kind == "p":
            return False
        if kind == "u":
            return self.unevictable_allowed
        return (kind not in NEEDS_FS or bool(gfp & GFP_FS)) and (kind not in NEEDS_SYNC or mode == SYNC)

    def free_unit(self, pfn):
        """The owner frees a unit; 1, or 0 if there is none or it is isolated."""
        if pfn not in self.kind or pfn in self.isolated:
            return 0
        self.free_block(pfn, self.drop_unit(pfn))
        return 1

    def free_block(self, pfn, order):
        """Free pages that no unit holds."""
        pcp.free_the_page(self.node, pfn, order)

    def reclaimable_pages(self, zone):
        """Pages on the zone's LRU lists that reclaim could look at."""
        pages = [pfn for pfn, kind in self.kind.items() if kind in self.COUNTED_KINDS and zone.spans(pfn)]
        return sum(map(self.is_on_lru, pages))

    # The others

    def before_attempt(self, pfn):
        """A page is about to be tried: whatever others do now, they do first."""
        step, self.attempts = self.attempts, self.attempts + 1
        for hook in self.hooks:
            if hook["step"] == step:
                result = getattr(self, HOOKS[hook["t"]])(hook, pfn)
                self.hook_results.append([step, hook["t"], hook["a"], result])

    def interrupt_frees(self, hook, pfn):
        """An interrupt on top of the task frees: what it completes is captured."""
        return self.free_unit(hook["a"])

    def other_frees(self, hook, pfn):
        """Another task frees."""
        capture, self.node.capture = self.node.capture, None
        result = self.free_unit(hook["a"])
        self.node.capture = capture
        return result

    def other_allocates(self, hook, pfn):
        """Another task allocates."""
        from .slowpath import alloc_pages

        capture, self.node.capture = self.node.capture, None
        got = alloc_pages(self, hook["a"], hook["b"])
        self.node.capture = capture
        if got is None:
            return -1
        self.add_unit(got, hook["b"], hook["k"], hook["busy"])
        return got

    def owner_lets_go(self, hook, pfn):
        """The owner of an isolated page gives it up."""
        page = hook["a"]
        if page == pfn or not self.can_be_let_go(page):
            return 0
        self.let_go.add(page)
        return 1

    def can_be_let_go(self, pfn):
        """Whether an isolated page is its owner's alone."""
        return pfn in self.isolated and pfn not in self.let_go and self.kind[pfn] in self.MAY_LET_GO

    def reclaim(self, order):
        """Direct reclaim frees what the script says; pages freed."""
        pfns = self.reclaim_lists.pop(0) if self.reclaim_lists else []
        freed = 0
        for pfn in pfns:
            if self.order.get(pfn) == 0 and self.kind[pfn] in self.RECLAIMABLE_KINDS:
                freed += self.free_unit(pfn)
        self.kernel_events.append(["reclaim", order, freed])
        return freed


HOOKS = {"if": "interrupt_frees", "of": "other_frees", "oa": "other_allocates", "zp": "owner_lets_go"}
