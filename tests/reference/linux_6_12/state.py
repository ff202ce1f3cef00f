"""Zones and per-CPU lists of Linux 6.12, which count the free high-atomic pages and let their lists grow and shrink."""

from ..linux_6 import state
from ..linux_6.state import HIGHATOMIC

PREVIOUS_FREE_HIGH_ORDER, FREE_HIGH_BATCH = 1, 2
MAX_FREE_SHIFT = MAX_ALLOC_FACTOR = 5


class Pcp(state.Pcp):
    """The lists of one CPU: `high`, the limit now, moves between two."""

    NAMES = ("count", "high", "high_min", "high_max", "batch", "alloc_factor", "free_count", "flags")

    def note_allocation(self):
        """Somebody allocates: what was freed lately counts half."""
        self.free_count //= 2

    def held(self, value):
        """A limit between the two; the larger one decides even if it is below the smaller one."""
        if value >= self.high_max:
            return self.high_max
        return max(value, self.high_min)


class Zone(state.Zone):
    """A zone; only the free pages reserved for requests that cannot wait count as unusable for the others."""

    def __init__(self, node, idx, start, spanned):
        super().__init__(node, idx, start, spanned)
        self.nr_free_highatomic = 0
        self.below_high = False

    def account_freepages(self, nr_pages, migratetype):
        """Count free pages, those of isolated pageblocks not."""
        if migratetype != self.node.isolate:
            self.nr_free_pages += nr_pages
            if migratetype == self.node.cma:
                self.nr_free_cma += nr_pages
            elif migratetype == HIGHATOMIC:
                self.nr_free_highatomic += nr_pages

    def highatomic_pages(self):
        """Pages that ordinary requests must leave."""
        return self.nr_free_highatomic

    def free_words(self):
        """Counters of free pages."""
        return [self.nr_free_pages, self.nr_free_highatomic]

    def page_type(self, pfn):
        """The type of a page of a per-CPU list is that of its pageblock now."""
        return self.node.get_pageblock_migratetype(pfn)

    def page_word(self, pfn):
        """A page of a per-CPU list."""
        return str(pfn)

    def more_marks(self):
        """Flags beside those that both kernels have."""
        return [int(self.below_high)]


Node = state.Node
