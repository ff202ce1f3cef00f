"""A buddy allocator in plain Python dictionaries: what one would write without a compiler, and write well.

A free list is a dictionary from PFN to None. Dictionaries keep the order of insertion and give up their newest key
with ``popitem``, so they are exactly the kernel's lists: head insertion, head removal, removal from the middle.
"""

from collections.abc import Iterable

MAX_PAGE_ORDER = 10
NO_PAGE = -1


class DictBuddy:
    """A zone of one migratetype; the last key of a dictionary is the head of its list."""

    def __init__(self, start_pfn: int, pages: int, max_page_order: int = MAX_PAGE_ORDER):
        self.free_lists: list[dict[int, None]] = [{} for _ in range(max_page_order + 1)]
        self.captured: dict[int, int] = {}
        for pfn in range(start_pfn, start_pfn + pages, 1 << max_page_order):
            self.free_one_page(pfn, max_page_order)

    def rmqueue(self, order: int) -> int | None:
        """Take the lowest 2^order pages of the first block that is large enough."""
        lists = self.free_lists
        for high in range(order, len(lists)):
            if lists[high]:
                pfn = lists[high].popitem()[0]
                while high > order:
                    high -= 1
                    lists[high][pfn + (1 << high)] = None
                return pfn
        return None

    def free_one_page(self, pfn: int, order: int) -> None:
        """Free a block, merging it with its buddies."""
        lists = self.free_lists
        top = len(lists) - 1
        while order < top:
            buddy = pfn ^ 1 << order
            if buddy not in lists[order]:
                break
            del lists[order][buddy]
            pfn &= buddy
            order += 1
        lists[order][pfn] = None

    def alloc_many(self, n: int, order: int = 0) -> list[int]:
        """Up to `n` blocks."""
        pfns = []
        rmqueue = self.rmqueue
        for _ in range(n):
            pfn = rmqueue(order)
            if pfn is None:
                break
            pfns.append(pfn)
        return pfns

    def free_many(self, pfns: Iterable[int], order: int = 0) -> None:
        """Free blocks in the order given."""
        free_one_page = self.free_one_page
        for pfn in pfns:
            free_one_page(pfn, order)

    def run(self, ops: Iterable[tuple[int, int, int, int]]) -> list[int]:
        """Run a stream of (op, order, arg, pfn); the block of every allocation, -1 for the rest."""
        result: list[int] = []
        append, rmqueue, free_one_page = result.append, self.rmqueue, self.free_one_page
        for op, order, arg, pfn in ops:
            if op == 1:
                got = rmqueue(order)
                append(NO_PAGE if got is None else got)
                continue
            if arg >= 0:
                pfn = result[arg]
            if pfn >= 0:
                free_one_page(pfn, order)
            append(NO_PAGE)
        return result

    def capture_one_page(self, pfn: int, order: int = 0) -> None:
        """Put a block on the capture list, merging it with captured and with free buddies."""
        lists, captured = self.free_lists, self.captured
        top = len(lists) - 1
        while order < top:
            buddy = pfn ^ 1 << order
            if captured.get(buddy) == order:
                del captured[buddy]
            elif buddy in lists[order]:
                del lists[order][buddy]
            else:
                break
            pfn &= buddy
            order += 1
        captured[pfn] = order

    def capture_alloc_or_return(self, order: int) -> int | None:
        """Take the low 2^order pages of the oldest captured block that is large enough, give back everything else."""
        got = None
        for pfn, high in list(self.captured.items()):
            del self.captured[pfn]
            if got is None and high >= order:
                got = pfn
                while high > order:
                    high -= 1
                    self.free_lists[high][pfn + (1 << high)] = None
            else:
                self.free_one_page(pfn, high)
        return got

    def capture_blocks(self) -> list[tuple[int, int]]:
        """Captured blocks as (pfn, order), head first."""
        return list(reversed(self.captured.items()))

    def free_blocks(self, order: int) -> list[int]:
        """Free blocks of one order, head first."""
        return list(reversed(self.free_lists[order]))
