"""Kinds of units in Linux 6.12, where small compound pages move whole, or are split."""

from ...linux_6.compaction import pages


class Machine(pages.Machine):
    """A node with units of pages in use; `unmapped` are those between being unmapped and being moved."""

    COMPOUND = "CTXE"
    LRU_KINDS = "abepufDdwmTXE"
    RECLAIMABLE_KINDS = "abefdDwm"
    COUNTED_KINDS = RECLAIMABLE_KINDS + "p"
    MAY_LET_GO = "abefm"

    def __init__(self, kernel, header):
        super().__init__(kernel, header)
        self.unmapped = set()

    def can_be_let_go(self, pfn):
        """Whether an isolated page is its owner's alone, and still mapped."""
        return pfn not in self.unmapped and super().can_be_let_go(pfn)

    def split_unit(self, pfn):
        """Split an isolated compound page: its pages, in the order in which they are tried; or none."""
        if self.kind[pfn] != "T":
            return []
        busy = self.busy.get(pfn, 0)
        pages = range(pfn, pfn + (1 << self.drop_unit(pfn)))
        for page in pages:
            self.add_unit(page, 0, "a", busy if page == pfn else 0)
        self.isolated.update(pages)
        self.kernel_events.append(["split", pfn, len(pages)])
        return list(reversed(pages))
