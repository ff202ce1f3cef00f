"""How fragmented free memory is: the kernel's three measures, and the texts of its debugfs directory `extfrag`.

All inputs are free block counts per order (`nr_free`), all migratetypes together. With F the free pages, B the free
blocks and S the blocks of an order that could be cut from the free blocks that are large enough:

    fragmentation index   -1000 if S > 0, else 1000 - (1000 + F * 1000 // 2**order) // B
    unusable index        (F - S * 2**order) * 1000 // F
    extfrag               (F - S * 2**order) * 100 // F
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import MisuseError
from .procfs import BuddyinfoRow
from .proctext import ProcLine, ProcText

__all__ = [
    "IndexRow",
    "extfrag_for_order",
    "extfrag_index",
    "format_extfrag_index",
    "format_unusable_index",
    "fragmentation_index",
    "parse_index",
    "unusable_free_index",
    "unusable_index",
]

Counts = NDArray[np.integer[Any]]


def _checked(order: int) -> int:
    """Refuse a negative order before it counts from the far end of an array."""
    if order < 0:
        raise MisuseError(f"order {order} is negative")
    return order


def _totals(nr_free: Sequence[int], order: int) -> tuple[int, int, int]:
    """Return free pages, free blocks and pages in blocks of at least `order`, as exact integers."""
    order = _checked(order)
    free = sum(int(count) << o for o, count in enumerate(nr_free))
    usable = sum(int(count) << o for o, count in enumerate(nr_free) if o >= order)
    return free, sum(map(int, nr_free)), usable


def _array_totals(nr_free: Counts, order: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return what `_totals` does, over the last axis."""
    pages = nr_free.astype(np.int64) << np.arange(nr_free.shape[-1])
    return pages.sum(-1), nr_free.sum(-1, dtype=np.int64), pages[..., _checked(order) :].sum(-1)


@overload
def fragmentation_index(nr_free: Sequence[int], order: int) -> int: ...
@overload
def fragmentation_index(nr_free: Counts, order: int) -> NDArray[np.int64]: ...
def fragmentation_index(nr_free: Sequence[int] | Counts, order: int) -> int | NDArray[np.int64]:
    """Tell whether an allocation of `order` would fail for lack of memory (near 0) or fragmentation (near 1000).

    Parameters
    ----------
    nr_free : sequence of int, or ndarray of int, shape (..., orders)
        Free blocks per order. Arrays hold less than 2**53 pages a row.
    order : int
        Order of the allocation.

    Returns
    -------
    int, or ndarray[int64], shape (...)
        -1000 if the allocation would succeed, 0 if nothing is free. Other negative values are possible (few, large
        blocks) and count as fragmentation.

    Notes
    -----
    Linux: mm/vmstat.c __fragmentation_index. Both divisions are unsigned, so they truncate.

    Examples
    --------
    >>> fragmentation_index([0, 1, 0, 3, 0], 4), fragmentation_index([90, 3], 4), fragmentation_index([0, 1], 1)
    (344, 925, -1000)
    >>> fragmentation_index(np.array([[90, 3], [0, 0]]), 4)
    array([925,   0])
    """
    if isinstance(nr_free, np.ndarray):
        free, blocks, usable = _array_totals(nr_free, order)
        index = 1000 - (1000 + (free * 1000 >> order)) // np.maximum(blocks, 1)
        return np.asarray(np.where(blocks == 0, 0, np.where(usable > 0, -1000, index)))
    free_pages, nr_blocks, usable_pages = _totals(nr_free, order)
    if nr_blocks == 0:
        return 0
    if usable_pages:
        return -1000
    return 1000 - (1000 + (free_pages * 1000 >> order)) // nr_blocks


def _unusable(nr_free: Sequence[int] | Counts, order: int, scale: int, empty: int) -> int | NDArray[np.int64]:
    """Return the share of free memory in blocks that are too small, of `scale`; `empty` if nothing is free."""
    if isinstance(nr_free, np.ndarray):
        free, _, usable = _array_totals(nr_free, order)
        return np.asarray(np.where(free == 0, empty, (free - usable) * scale // np.maximum(free, 1)))
    free_pages, _, usable_pages = _totals(nr_free, order)
    return (free_pages - usable_pages) * scale // free_pages if free_pages else empty


@overload
def unusable_free_index(nr_free: Sequence[int], order: int) -> int: ...
@overload
def unusable_free_index(nr_free: Counts, order: int) -> NDArray[np.int64]: ...
def unusable_free_index(nr_free: Sequence[int] | Counts, order: int) -> int | NDArray[np.int64]:
    """Return how much of the free memory, in thousandths, is in blocks too small for `order`.

    Parameters
    ----------
    nr_free : sequence of int, or ndarray of int, shape (..., orders)
        Free blocks per order. Arrays hold less than 2**53 pages a row.
    order : int
        Order of the allocation.

    Returns
    -------
    int, or ndarray[int64], shape (...)
        0 to 1000; 1000 if nothing is free.

    Notes
    -----
    Linux: mm/vmstat.c unusable_free_index.

    Examples
    --------
    >>> [unusable_free_index([2, 1, 1], order) for order in range(4)]
    [0, 250, 500, 1000]
    """
    return _unusable(nr_free, order, scale=1000, empty=1000)


@overload
def extfrag_for_order(nr_free: Sequence[int], order: int) -> int: ...
@overload
def extfrag_for_order(nr_free: Counts, order: int) -> NDArray[np.int64]: ...
def extfrag_for_order(nr_free: Sequence[int] | Counts, order: int) -> int | NDArray[np.int64]:
    """Return how much of the free memory, in percent, is in blocks too small for `order`.

    Parameters
    ----------
    nr_free : sequence of int, or ndarray of int, shape (..., orders)
        Free blocks per order. Arrays hold less than 2**53 pages a row.
    order : int
        Order of the allocation.

    Returns
    -------
    int, or ndarray[int64], shape (...)
        0 to 100; 0 if nothing is free.

    Notes
    -----
    Linux: mm/vmstat.c extfrag_for_order, the score of proactive compaction.

    Examples
    --------
    >>> extfrag_for_order([2, 1, 1], 2), extfrag_for_order([0, 0, 0], 2)
    (50, 0)
    """
    return _unusable(nr_free, order, scale=100, empty=0)


@dataclass(frozen=True)
class IndexRow:
    """One zone's line of `extfrag_index` or `unusable_index`.

    Parameters
    ----------
    node : int
        Number of the node.
    zone : str
        Name of the zone.
    index : tuple of int
        Index per order, in thousandths.
    """

    node: int
    zone: str
    index: tuple[int, ...]


def extfrag_index(rows: Iterable[BuddyinfoRow]) -> tuple[IndexRow, ...]:
    """Return the fragmentation index of every zone and order.

    Examples
    --------
    >>> extfrag_index([BuddyinfoRow(0, "DMA", (90, 3))])
    (IndexRow(node=0, zone='DMA', index=(-1000, -1000)),)
    """
    return _index_rows(rows, fragmentation_index)


def unusable_index(rows: Iterable[BuddyinfoRow]) -> tuple[IndexRow, ...]:
    """Return the unusable free space index of every zone and order.

    Examples
    --------
    >>> unusable_index([BuddyinfoRow(0, "DMA", (2, 1, 1))])
    (IndexRow(node=0, zone='DMA', index=(0, 250, 500)),)
    """
    return _index_rows(rows, unusable_free_index)


def _index_rows(rows: Iterable[BuddyinfoRow], formula: Callable[[Sequence[int], int], int]) -> tuple[IndexRow, ...]:
    """Apply one measure to every order of every zone."""
    return tuple(
        IndexRow(row.node, row.zone, tuple(formula(row.nr_free, order) for order in range(len(row.nr_free))))
        for row in rows
    )


def format_extfrag_index(rows: Iterable[IndexRow]) -> str:
    """Write the text of debugfs `extfrag/extfrag_index`.

    Notes
    -----
    Linux: mm/vmstat.c extfrag_show_print. The kernel prints `index / 1000` and `index % 1000`, and both of C's
    operators truncate towards zero: so -500 comes out as `0.-500`.

    Examples
    --------
    >>> format_extfrag_index([IndexRow(0, "Normal", (-1000, -500, 734))])
    'Node 0, zone   Normal -1.000  0.-500  0.734 \\n'
    """
    return _format_index(rows, whole_width=2)


def format_unusable_index(rows: Iterable[IndexRow]) -> str:
    """Write the text of debugfs `extfrag/unusable_index`.

    Notes
    -----
    Linux: mm/vmstat.c unusable_show_print.

    Examples
    --------
    >>> format_unusable_index([IndexRow(0, "Normal", (0, 66, 1000))])
    'Node 0, zone   Normal 0.000 0.066 1.000 \\n'
    """
    return _format_index(rows, whole_width=1)


def _format_index(rows: Iterable[IndexRow], whole_width: int) -> str:
    """Write rows of thousandths."""
    return "".join(
        f"Node {row.node}, zone {row.zone:>8} " + "".join(_cell(index, whole_width) + " " for index in row.index) + "\n"
        for row in rows
    )


def _cell(index: int, whole_width: int) -> str:
    """Write `index` as C's `index / 1000` and `index % 1000`, which both truncate towards zero."""
    whole, part = divmod(abs(index), 1000)
    if index < 0:
        whole, part = -whole, -part
    return f"{whole:{whole_width}d}.{part:03d}"


def parse_index(text: str, file: str | None = None) -> tuple[IndexRow, ...]:
    """Parse the text of `extfrag_index` or `unusable_index`.

    Parameters
    ----------
    text : str
        The text, any number of orders.
    file : str or None
        What to call it in errors.

    Returns
    -------
    tuple of IndexRow
        One row a zone.

    Raises
    ------
    FormatError
        If a line does not follow the format.

    Examples
    --------
    >>> parse_index("Node 0, zone   Normal -1.000  0.-500  0.734 \\n")
    (IndexRow(node=0, zone='Normal', index=(-1000, -500, 734)),)
    """
    rows = []
    for line in ProcText(text, file):
        node, zone = line.node_zone()
        rows.append(IndexRow(node, zone, tuple(_thousandths(line, word) for word in line.words[4:])))
        if len(rows[-1].index) != len(rows[0].index) or not rows[0].index:
            raise line.error(f"{len(rows[0].index)} orders expected, found {len(rows[-1].index)}")
    if not rows:
        raise ProcText(text, file).error_at_end("no zone found")
    return tuple(rows)


def _thousandths(line: ProcLine, word: str) -> int:
    """Undo `_cell`; what it would not have written is refused, so a cut number does not pass."""
    whole, _, part = word.partition(".")
    index = line.number(whole, signed=True) * 1000 + line.number(part, signed=True)
    if _cell(index, 1) != word:
        raise line.error(f"an index such as 0.734 expected, found {word[:40]!r}")
    return index
