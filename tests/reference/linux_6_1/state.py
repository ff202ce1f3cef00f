"""Zones and per-CPU lists of Linux 6.1, whose pages carry the type by which they went on a per-CPU list."""

from ..linux_6 import state


class Pcp(state.Pcp):
    """The lists of one CPU: one limit, and batches that grow while everybody frees."""

    NAMES = ("count", "high", "batch", "free_factor")

    def note_allocation(self):
        """Somebody allocates: batches shrink again."""
        self.free_factor //= 2


class Zone(state.Zone):
    """A zone; all pages reserved for requests that cannot wait count as unusable for the others."""

    def account_freepages(self, nr_pages, migratetype):
        """Count free pages, those of isolated pageblocks not."""
        if migratetype != self.node.isolate:
            self.nr_free_pages += nr_pages
            if migratetype == self.node.cma:
                self.nr_free_cma += nr_pages

    def highatomic_pages(self):
        """Pages that ordinary requests must leave."""
        return self.nr_reserved_highatomic

    def free_words(self):
        """Counters of free pages."""
        return [self.nr_free_pages]

    def page_type(self, pfn):
        """The type that a page of a per-CPU list came with."""
        return self.node.tag[pfn]

    def page_word(self, pfn):
        """A page of a per-CPU list."""
        return f"{pfn}:{self.page_type(pfn)}"

    def more_marks(self):
        """Flags beside those that both kernels have."""
        return []


class Node(state.Node):
    """Zones and pages; `tag` is the type of a page since it left a free list, or was freed."""

    PARTS = (*state.Node.PARTS, "tag")

    def __init__(self, kernel, **keywords):
        super().__init__(kernel, **keywords)
        self.tag = {}
