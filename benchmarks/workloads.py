"""Deterministic workloads: the same arrays on every machine, whatever the version of numpy.

Only raw 64-bit words of PCG64 and integer arithmetic decide what happens, and never an allocator's answer, so every
contender gets the same workload.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache

import numpy as np

#: One operation of ``Zone.run``: op 1 allocates, 2 frees what operation `arg` got (or `pfn`, if `arg` is -1).
OP = np.dtype([("op", "u1"), ("order", "u1"), ("migratetype", "u1"), ("flags", "u1"), ("arg", "<i4"), ("pfn", "<i8")])
ALLOC, FREE = 1, 2
#: The number of MOVABLE, by kernel.
MOVABLE_OF = {"2.6.27": 2, "6.1": 1, "6.12": 1}
MOVABLE = MOVABLE_OF["2.6.27"]
MAX_PAGE_ORDER = 10
START_PFN = 0x100000
SEED = 20080905
OCCUPANCY = 0.7  # of a zone, by a steady stream

PAGE_SIZE = 4096
_UNITS = {"KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}


def parse_size(text: str) -> int:
    """Pages of a size such as ``16GiB``.

    >>> parse_size("1GiB")
    262144
    """
    for unit, shift in _UNITS.items():
        if text.endswith(unit) and text[: -len(unit)].isdigit():
            pages = (int(text[: -len(unit)]) << shift) // PAGE_SIZE
            if pages and pages % (1 << MAX_PAGE_ORDER) == 0:
                return pages
    raise ValueError(f"size must be a number and one of {', '.join(_UNITS)}, a multiple of 4MiB: {text!r}")


def format_size(pages: int) -> str:
    """A size in the largest unit that divides it.

    >>> format_size(262144)
    '1GiB'
    """
    size = pages * PAGE_SIZE
    unit, shift = next((u, s) for u, s in reversed(_UNITS.items()) if size % (1 << s) == 0)
    return f"{size >> shift}{unit}"


def _words(n: int, stream: int) -> np.ndarray:
    return np.random.PCG64([SEED, stream]).random_raw(n)


@lru_cache(maxsize=4)
def shuffle(n: int, stream: int = 0) -> np.ndarray:
    """A random permutation of 0 .. n-1."""
    permutation = np.argsort(_words(n, stream), kind="stable")
    permutation.setflags(write=False)
    return permutation


def all_pfns(pages: int) -> np.ndarray:
    """Every page of the zone, ascending."""
    return np.arange(START_PFN, START_PFN + pages, dtype=np.int64)


def random_pfns(pages: int) -> np.ndarray:
    """Every page of the zone in random order."""
    return shuffle(pages) + np.int64(START_PFN)


def random_half(pages: int) -> np.ndarray:
    """A random half of the pages in random order: what stays allocated keeps the zone fragmented."""
    return random_pfns(pages)[: pages // 2]


def alloc_ops(n: int, order: int = 0) -> np.ndarray:
    """`n` allocations as a stream."""
    ops = np.zeros(n, OP)
    ops["op"], ops["order"], ops["migratetype"], ops["arg"] = ALLOC, order, MOVABLE, -1
    return ops


def ops_of(ops: np.ndarray, kernel: str) -> np.ndarray:
    """A stream with the number that MOVABLE has in a kernel."""
    if kernel == "2.6.27":
        return ops
    ops = ops.copy()
    ops["migratetype"] = MOVABLE_OF[kernel]
    return ops


def free_ops(pfns: np.ndarray, order: int = 0) -> np.ndarray:
    """Frees of known pages as a stream."""
    ops = np.zeros(len(pfns), OP)
    ops["op"], ops["order"], ops["migratetype"], ops["arg"], ops["pfn"] = FREE, order, MOVABLE, -1, pfns
    return ops


def pingpong_ops(n: int, order: int, *, nested: bool) -> np.ndarray:
    """`n` pairs of an allocation and its free in a merged zone.

    Every pair splits a block of the highest order and merges it again; with `nested` a lone free block of the order
    lies ready (its buddy stays allocated), so that nothing is split.
    """
    ops = alloc_ops(2 * n, order)
    ops["op"][1::2] = FREE
    ops["arg"][1::2] = np.arange(0, 2 * n, 2)
    if not nested:
        return ops
    prefix = alloc_ops(3, order)
    prefix["op"][2], prefix["arg"][2] = FREE, 1
    ops["arg"][1::2] += len(prefix)
    return np.concatenate([prefix, ops])


def _lifetimes(words: np.ndarray, mean: int) -> np.ndarray:
    """Exponential lifetimes of about the given mean, as integers from a table of 4096 quantiles."""
    quantiles = np.ceil(-mean * np.log((np.arange(4096) + 0.5) / 4096)).astype(np.int64)
    return quantiles[words & np.uint64(4095)]


def _steady_ops(pages: int, n: int, mean_pages: float, orders_of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A stream of `n` operations that fills an empty zone to OCCUPANCY and holds it there.

    A block's life is exponential, so the victims of the frees are random blocks and the population is steady from the
    start on. An allocation that fails is not repeated.
    """
    live = int(OCCUPANCY * pages / mean_pages)
    allocs = live + n // 2 + 4 * int(n**0.5)
    words = _words(allocs, stream=1)
    birth = np.maximum(np.arange(allocs) - live, -1)
    death = birth + _lifetimes(words, live)
    orders = orders_of((words >> np.uint64(32)).astype(np.int64))

    event = np.argsort(np.concatenate([birth, death]), kind="stable")[:n]
    is_free = event >= allocs
    block = np.where(is_free, event - allocs, event)
    position = np.empty(allocs, np.int32)
    position[block[~is_free]] = np.flatnonzero(~is_free)

    ops = alloc_ops(len(event))
    ops["op"] = np.where(is_free, FREE, ALLOC)
    ops["order"] = orders[block]
    ops["arg"] = np.where(is_free, position[block], -1)
    ops.setflags(write=False)
    return ops


@lru_cache(maxsize=4)
def mixed_ops(pages: int, n: int, max_order: int = 9) -> np.ndarray:
    """A steady stream of geometric orders: half of the allocations are of order 0, a quarter of order 1, and so on."""

    def orders(bits):
        bits |= 1 << max_order
        return np.bitwise_count((bits & -bits) - 1)

    return _steady_ops(pages, n, (max_order + 2) / 2, orders)


@lru_cache(maxsize=4)
def large_ops(pages: int, n: int) -> np.ndarray:
    """A steady stream in which a few large blocks have most of the memory: so there are few, a cache may hold them all.

    80 % of the allocations are of order 0, 12 % of orders 1 to 3, 6 % of 4 to 8 and 2 % of 9.
    """
    low, middle = np.array([1, 2, 3]), np.array([4, 5, 6, 7, 8])

    def orders(bits):
        share, which = bits % 100, bits // 100
        return np.select(
            [share < 80, share < 92, share < 98], [np.zeros_like(bits), low[which % 3], middle[which % 5]], 9
        )

    mean = 0.8 + 0.12 * (1 << low).mean() + 0.06 * (1 << middle).mean() + 0.02 * (1 << 9)
    return _steady_ops(pages, n, mean, orders)


def blocks_of(result: np.ndarray, ops: np.ndarray) -> np.ndarray:
    """What the allocations of a stream got: the PFN stream that must be equal for all contenders."""
    return np.asarray(result)[ops["op"] == ALLOC]


def fingerprint(pfns: np.ndarray) -> str:
    """Hash of a PFN stream."""
    return hashlib.sha256(np.ascontiguousarray(pfns, dtype="<i8")).hexdigest()[:16]
