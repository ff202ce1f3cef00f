"""What is in use in a vector of compaction: a part of `vectors_compaction`."""

from ..flags import PageFlags

__all__ = ["ANON", "MARKS", "Units"]

ALWAYS_BUSY = 1000  # failed attempts, in the recordings: the page never moves
BLOCKING = 1 << 26
ANON = int(PageFlags.LRU | PageFlags.ANON | PageFlags.SWAPBACKED)
FILE = int(PageFlags.LRU)
MARKS = {  # page flags of single pages, by their kinds
    "a": ANON,
    "b": ANON,
    "e": ANON,
    "p": ANON | int(PageFlags.PINNED | PageFlags.UNEVICTABLE),
    "u": ANON | int(PageFlags.UNEVICTABLE),
    "f": FILE,
    "D": FILE | int(PageFlags.DIRTY),
    "d": FILE | int(PageFlags.DIRTY) | BLOCKING,
    "w": FILE | int(PageFlags.WRITEBACK),
}


class Units:
    """Pages in use: first page to kind and order, and how often each busy page still is."""

    def __init__(self) -> None:
        self.kind: dict[int, str] = {}
        self.order: dict[int, int] = {}
        self.busy: dict[int, int] = {}

    def add(self, pfn: int, order: int, kind: str, busy: int = 0) -> None:
        """Pages are in use."""
        self.kind[pfn], self.order[pfn] = kind, order
        if busy:
            self.busy[pfn] = busy

    def drop(self, pfn: int) -> int:
        """Pages are not in use any more; their order."""
        del self.kind[pfn]
        self.busy.pop(pfn, None)
        return self.order.pop(pfn)

    def stays_busy(self, pfn: int) -> None:
        """Count an attempt that has failed."""
        left = self.busy.pop(pfn)
        if left > 1:
            self.busy[pfn] = left if left == ALWAYS_BUSY else left - 1
