"""A buddy allocator in numba: flat arrays, int32 links, every function compiled at its first call."""

import numpy as np
from numba import njit

MAX_PAGE_ORDER = 10
NOT_FREE = 255


@njit(cache=False)
def _list_add(link, head, i):
    after = link[head, 0]
    link[i, 0], link[i, 1] = after, head
    link[after, 1] = i
    link[head, 0] = i


@njit(cache=False)
def _list_del(link, i):
    after, before = link[i]
    link[after, 1] = before
    link[before, 0] = after


@njit(cache=False)
def _rmqueue(link, state, heads, order):
    for high in range(order, MAX_PAGE_ORDER + 1):
        i = link[heads + high, 0]
        if i < heads:
            _list_del(link, i)
            state[i] = NOT_FREE
            while high > order:
                high -= 1
                state[i + (1 << high)] = high
                _list_add(link, heads + high, i + (1 << high))
            return i
    return -1


@njit(cache=False)
def _free_one_page(link, state, heads, i, order):
    while order < MAX_PAGE_ORDER:
        buddy = i ^ (1 << order)
        if state[buddy] != order:
            break
        _list_del(link, buddy)
        state[buddy] = NOT_FREE
        i &= buddy
        order += 1
    state[i] = order
    _list_add(link, heads + order, i)


@njit(cache=False)
def _alloc_many(link, state, heads, start_pfn, order, out):
    for k in range(len(out)):
        i = _rmqueue(link, state, heads, order)
        if i < 0:
            return k
        out[k] = i + start_pfn
    return len(out)


@njit(cache=False)
def _free_many(link, state, heads, start_pfn, order, pfns):
    for pfn in pfns:
        _free_one_page(link, state, heads, pfn - start_pfn, order)


@njit(cache=False)
def _run(link, state, heads, start_pfn, ops, out):
    for k in range(len(ops)):
        op = ops[k]
        order = np.int64(op.order)
        if op.op == 1:
            i = _rmqueue(link, state, heads, order)
            out[k] = i + start_pfn if i >= 0 else -1
            continue
        pfn = out[op.arg] if op.arg >= 0 else op.pfn
        if pfn >= 0:
            _free_one_page(link, state, heads, pfn - start_pfn, order)
        out[k] = -1


class NumbaBuddy:
    """A zone of one migratetype; the list heads are the links behind those of the pages."""

    def __init__(self, start_pfn: int, pages: int):
        self.start_pfn, self.heads = start_pfn, pages
        self.link = np.repeat(np.arange(pages + MAX_PAGE_ORDER + 1, dtype=np.int32), 2).reshape(-1, 2)
        self.state = np.full(pages, NOT_FREE, np.uint8)
        self.free_many(np.arange(start_pfn, start_pfn + pages, 1 << MAX_PAGE_ORDER), MAX_PAGE_ORDER)

    def alloc_many(self, out: np.ndarray, order: int = 0) -> np.ndarray:
        """Fill `out` with blocks; what could not be had is cut off."""
        return out[: _alloc_many(self.link, self.state, self.heads, self.start_pfn, order, out)]

    def free_many(self, pfns: np.ndarray, order: int = 0) -> None:
        """Free blocks in the order given."""
        _free_many(self.link, self.state, self.heads, self.start_pfn, order, pfns)

    def run(self, ops: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Run a stream of operations (workloads.OP)."""
        _run(self.link, self.state, self.heads, self.start_pfn, ops, out)
        return out

    def free_blocks(self, order: int) -> np.ndarray:
        """Free blocks of one order, head first."""
        pfns = []
        i = self.link[self.heads + order, 0]
        while i < self.heads:
            pfns.append(i + self.start_pfn)
            i = self.link[i, 0]
        return np.array(pfns, np.int64)
