"""The requests of a recording as a stream for `Machine.run`: allocations, and frees of what they obtained.

Pages that were in use at the start are freed one by one, where they were.
"""

from functools import reduce
from operator import or_

import numpy as np
from numpy.typing import NDArray

from .._core import REQUEST_DTYPE
from ..flags import GFP, MigrateType, RequestOp
from ..formats.kpageflags import PageKind
from ..recorded.lifetimes import TURN_DTYPE, MatchedRequests, TracedFlags
from ..recorded.recording import Recording
from ..recorded.zones import pages_of

__all__ = ["Stream"]

_KNOWN_GFP = int(reduce(or_, GFP))  # what 2.6.27 has; flags of newer kernels are left out
_BEGIN, _END = 1, 2
_DIRECT = int(GFP.WAIT | GFP.IO | GFP.FS)
_GFP_OF_TYPE = np.full(256, int(GFP.KERNEL), np.uint32)
_GFP_OF_TYPE[[MigrateType.MOVABLE, MigrateType.RECLAIMABLE]] = int(GFP.HIGHUSER_MOVABLE), int(GFP.TEMPORARY)


class Stream:
    """The operations of a trace: `ops` for Machine.run, whose `arg` counts over the whole stream, and their times."""

    def __init__(
        self,
        recording: Recording,
        matched: MatchedRequests,
        max_order: int,
        cpus: int,
        *,
        empty: bool = False,
        direct: bool = False,
    ) -> None:
        self.first_ns = recording.first_ns
        requests, turns = matched.requests, _with_ends(matched)
        self.requests = requests
        held = (requests["flags"] & int(TracedFlags.HELD)) != 0
        self.left_out = int((requests["order"] > max_order).sum())
        turns = turns[requests["order"][turns["request"]] <= max_order]
        owners = turns["request"]
        parts = held[owners] & (turns["kind"] == _END)
        sizes = np.ones(len(turns), np.int64)
        self.waiting = [
            pages[zone.kinds[pages - zone.start_pfn] == PageKind.KERNEL]
            for pages, zone in zip(matched.waiting, recording.start.frames, strict=True)
        ]
        if empty:
            head = np.unique(owners[parts])
            self.freed: list[NDArray[np.int64]] = [np.zeros(0, np.int64) for _ in recording.start.frames]
        else:
            head = np.zeros(0, owners.dtype)
            sizes = np.where(parts, 1 << requests["order"][owners].astype(np.int64), sizes)
            self.freed = _pages_freed(recording, requests, owners[parts], self.waiting)
        starts = np.cumsum(sizes) - sizes + len(head)
        self.ops = np.zeros(int(sizes.sum()) + len(head), REQUEST_DTYPE)
        self.time_ns = np.concatenate([np.full(len(head), self.first_ns), np.repeat(turns["time_ns"], sizes)])
        self.request = np.concatenate([head, np.repeat(owners, sizes)])
        self.ops["arg"], self.ops["op"] = -1, int(RequestOp.FREE)
        self._fill(turns, starts, sizes, head, parts & (not empty), direct, cpus)
        # Single pages are freed only if they were in use at the start.
        single = (self.ops["op"] == int(RequestOp.FREE)) & (self.ops["arg"] < 0)
        self.keep = ~single
        self.keep[single] = np.isin(self.ops["pfn"][single], np.concatenate(self.freed))

    def _fill(
        self,
        turns: NDArray[np.void],
        starts: NDArray[np.int64],
        sizes: NDArray[np.int64],
        head: NDArray[np.int32],
        single: NDArray[np.bool_],
        direct: bool,
        cpus: int,
    ) -> None:
        """Write the operations: allocations, frees of what they obtained, and frees of single pages of the snapshot."""
        ops, requests, owners = self.ops, self.requests, turns["request"]
        begin = turns["kind"] == _BEGIN
        allocs = np.concatenate([np.arange(len(head)), starts[begin]])
        by = np.concatenate([head, owners[begin]])
        ops["op"][allocs] = int(RequestOp.ALLOC)
        ops["gfp"][allocs] = _gfp(requests[by], direct)
        ops["order"] = requests["order"][self.request]
        ops["cpu"] = requests["cpu"][self.request] % cpus
        place = np.full(len(requests), -1, np.int64)
        place[by] = allocs
        frees = starts[~begin & ~single]
        ops["arg"][frees] = place[owners[~begin & ~single]]
        first = np.repeat(starts[single], sizes[single])
        cells = np.flatnonzero(np.repeat(single, sizes)) + len(head)
        ops["order"][cells] = 0
        ops["pfn"][cells] = requests["pfn"][self.request[cells]] + (cells - first)


def _with_ends(matched: MatchedRequests) -> NDArray[np.void]:
    """Return the turns by time, with an end for requests that got nothing: the median lifetime of their order."""
    requests, turns = matched.requests, matched.turns.copy()
    turns["time_ns"] = np.maximum.accumulate(turns["time_ns"])
    failed = (requests["flags"] & int(TracedFlags.FAILED)) != 0
    served = (requests["lifetime_ns"] >= 0) & ((requests["flags"] & int(TracedFlags.HELD)) == 0) & ~failed
    extra = []
    for order in np.unique(requests["order"][failed]).tolist():
        mine = np.flatnonzero(failed & (requests["order"] == order))
        lives = np.sort(requests["lifetime_ns"][served & (requests["order"] == order)])
        ends = np.zeros(len(mine), TURN_DTYPE)
        ends["time_ns"] = requests["time_ns"][mine] + (int(lives[len(lives) // 2]) if len(lives) else 0)
        ends["request"], ends["kind"] = mine, _END
        extra.append(ends)
    turns = np.concatenate([turns, *extra])
    return turns[np.argsort(turns["time_ns"], kind="stable")]


def _gfp(requests: NDArray[np.void], direct: bool) -> NDArray[np.uint32]:
    """Return flags that 2.6.27 knows and that agree with the type."""
    types = requests["migratetype"]
    gfp = requests["gfp"] & np.uint32(_KNOWN_GFP)
    gfp = np.where(requests["gfp"] == 0, np.where(types == 255, _GFP_OF_TYPE[2], _GFP_OF_TYPE[types]), gfp)
    both = np.uint32(GFP.MOVABLE | GFP.RECLAIMABLE)
    gfp = np.where((gfp & both) == both, gfp & ~np.uint32(GFP.RECLAIMABLE), gfp)
    if direct:
        gfp = np.where(requests["order"] > 0, gfp | np.uint32(_DIRECT), gfp)
    return gfp.astype(np.uint32)


def _pages_freed(
    recording: Recording, requests: NDArray[np.void], owners: NDArray[np.int32], waiting: list[NDArray[np.int64]]
) -> list[NDArray[np.int64]]:
    """Return, by zone, the pages in use at the start that the trace frees, less those on per-CPU lists."""
    freed = pages_of(requests["pfn"][owners], requests["order"][owners])
    found = []
    for zone, free in zip(recording.start.frames, waiting, strict=True):
        mine = np.unique(freed[(freed >= zone.start_pfn) & (freed < zone.end_pfn)])
        kinds = zone.kinds[mine - zone.start_pfn]
        found.append(np.setdiff1d(mine[(kinds != PageKind.FREE) & (kinds != PageKind.HOLE)], free))
    return found
