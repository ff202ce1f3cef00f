"""Kinds of units in Linux 6.1, where only single pages move."""

from ...linux_6.compaction import pages


class Machine(pages.Machine):
    """A node with units of pages in use."""

    COMPOUND = "CT"
    LRU_KINDS = "abepufDdwT"
    RECLAIMABLE_KINDS = COUNTED_KINDS = "abefdDw"
    MAY_LET_GO = "abef"
