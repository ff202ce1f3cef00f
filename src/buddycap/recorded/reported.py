"""Free blocks that a snapshot shows in use because they were just being reported to a hypervisor.

The kernel takes whole pageblocks from the free lists for that, without a flag and without an event, and still counts
them. So /proc/buddyinfo, before and after the reading of the pages, has more blocks than the pages show. Which these
are is told by what happens to them: they are taken from the lists without having been freed, or free at the end
without an event.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..formats.kpageflags import PageKind, ZoneFrames
from ..formats.snapshot import Snapshot
from ..formats.tracetext import EVENTS

__all__ = ["bare_blocks", "reported_blocks"]

_TAKES = [EVENTS[f"mm_page_{name}"] for name in ("alloc_zone_locked", "alloc_extfrag")]
_OTHERS = [EVENTS[f"mm_page_{name}"] for name in ("alloc", "free", "pcpu_drain")]  # it was in use, or on a per-CPU list
_USED, _UNKNOWN, _FREE_LATER, _TAKEN = range(4)  # what speaks for a block, weakest first


def bare_blocks(zone: ZoneFrames, pages: NDArray[np.bool_], order: int) -> NDArray[np.int64]:
    """Return the first pages, counted from the zone's, of blocks all of whose pages are among some and have no flag."""
    size = 1 << order
    first = -zone.start_pfn % size
    whole = (pages & (zone.flags == 0))[first : first + (len(pages) - first) // size * size].reshape(-1, size)
    return np.flatnonzero(whole.all(axis=1)) * size + first


def _doubtful_blocks(zone: ZoneFrames, left: NDArray[np.bool_], order: int) -> NDArray[np.int64]:
    """Return blocks that may have been away while they were read, or came back, or went, in the middle of that."""
    size = 1 << order
    free = zone.kinds == PageKind.FREE
    first = -zone.start_pfn % size
    rows = slice(first, first + (len(free) - first) // size * size)
    shown = free[rows].reshape(-1, size)
    whole = (left & (free | (zone.flags == 0)))[rows].reshape(-1, size).all(axis=1) & ~shown.all(axis=1)
    steps = (shown[:, 1:] != shown[:, :-1]).sum(axis=1)
    return np.flatnonzero(whole & (steps <= 1)) * size + first


def reported_blocks(
    start: Snapshot, zone: ZoneFrames, end: ZoneFrames | None, events: NDArray[np.void]
) -> list[tuple[int, int]]:
    """Find the blocks of a zone that were being reported while the start of a recording was read.

    Parameters
    ----------
    start : Snapshot
    zone : ZoneFrames
        One of its zones.
    end : ZoneFrames or None
        The same zone at the end.
    events : ndarray[EVENT_DTYPE]
        What happened since the start.

    Returns
    -------
    list of (int, int)
        First page, counted from the zone's first, and order. As many of an order as buddyinfo has more than the pages
        show, before and after alike, at most. Nothing is guessed: what neither the trace nor the end speaks for is
        left out, unless all that is in question fits.
    """
    before, after = start.buddyinfo.get(zone.name), start.buddyinfo_after.get(zone.name)
    if before is None or after is None:
        return []
    found: list[tuple[int, int]] = []
    left = zone.kinds != PageKind.HOLE
    shown = zone.nr_free.tolist()
    for order in range(zone.max_page_order, zone.pageblock_order - 1, -1):
        more = min(before[order], after[order]) - shown[order]
        blocks = _doubtful_blocks(zone, left, order) if more > 0 else np.zeros(0, np.int64)
        for block in _chosen(zone, end, events, order, blocks.tolist(), more):
            found.append((block, order))
            left[block : block + (1 << order)] = False
    return found


def _chosen(
    zone: ZoneFrames, end: ZoneFrames | None, events: NDArray[np.void], order: int, blocks: Sequence[int], more: int
) -> list[int]:
    """Return the blocks of an order that something speaks for; `more` at most."""
    voices = {block: _voice(zone, end, events, block, 1 << order) for block in blocks}
    sure = [block for block in blocks if voices[block] > _UNKNOWN]
    open_ = [block for block in blocks if voices[block] == _UNKNOWN]
    if len(sure) + len(open_) <= more:
        return sure + open_
    return sorted(sure, key=lambda block: -voices[block])[:more]


def _voice(zone: ZoneFrames, end: ZoneFrames | None, events: NDArray[np.void], block: int, size: int) -> int:
    """Tell what speaks for a block having been free: the first event of its pages, or the end if there is none."""
    pfn = zone.start_pfn + block
    mine = events["event"][(events["pfn"] >= pfn) & (events["pfn"] < pfn + size)]
    moves = mine[np.isin(mine, _TAKES + _OTHERS)]
    if len(moves):
        return _TAKEN if moves[0] in _TAKES else _USED
    if end is None:
        return _UNKNOWN
    return _FREE_LATER if (end.kinds[block : block + size] == PageKind.FREE).all() else _USED
