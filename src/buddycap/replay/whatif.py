"""What-if: the requests of a recorded machine, served by the simulated allocator under another policy or geometry.

Only order, flags and lifetime of each request are taken from the trace; where it is served, and whether it is, the
simulated allocator decides. It starts from the recorded state or from empty memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import REQUEST_DTYPE, Zone
from .._trace import EVENT_DTYPE, Follower
from ..errors import MisuseError
from ..flags import GFP, MigrateType, RequestOp
from ..formats.kpageflags import PageKind, ZoneFrames
from ..formats.tracetext import EVENTS
from ..machine import Machine, known_names
from ..policies.capture import CapturePolicy, find_policy
from ..recorded.lifetimes import TURN_DTYPE, MatchedRequests, TracedFlags, match_trace
from ..recorded.recording import Recording
from ..recorded.zones import node_pages, zone_from_frames
from .reconstruct import PageState, start_states
from .timeline import Timeline

__all__ = ["Serving", "WhatIf", "WhatIfResult", "what_if"]

_KNOWN_GFP = int(reduce(or_, GFP))  # what 2.6.27 has; flags of newer kernels are left out
_BEGIN, _END = 1, 2
_ALLOC, _FREE = EVENTS["mm_page_alloc"], EVENTS["mm_page_free"]
_DIRECT = int(GFP.WAIT | GFP.IO | GFP.FS)
_GFP_OF_TYPE = np.full(256, int(GFP.KERNEL), np.uint32)
_GFP_OF_TYPE[[MigrateType.MOVABLE, MigrateType.RECLAIMABLE]] = int(GFP.HIGHUSER_MOVABLE), int(GFP.TEMPORARY)


@dataclass(frozen=True)
class WhatIf:
    """What is different from the recorded machine.

    Parameters
    ----------
    policy : CapturePolicy or str
        Capture policy of all requests.
    min_free : int, optional, KiB
        min_free_kbytes, from which the watermarks follow; by default what 2.6.27 computes for the machine's size.
    pageblock_order : int, 0..14, optional
        The recorded one by default.
    max_page_order : int, 0..14, optional
        The recorded one by default.
    empty : bool
        Begin with empty memory: what the trace frees without having allocated it is allocated at the start.
    direct : bool
        Requests of order 1 and more may reclaim directly, also those that would not have (THP with defrag off).
    cpus : int
        Per-CPU lists; requests use that of their CPU, modulo this.
    seed : int
        Draws the order of the LRU lists, which no recording holds.

    Examples
    --------
    >>> WhatIf.parse(["policy=v3", "min_free=65536", "empty=yes"]).label
    'policy=v3 min_free=65536 empty=yes'
    """

    policy: CapturePolicy | str = "none"
    min_free: int | None = None
    pageblock_order: int | None = None
    max_page_order: int | None = None
    empty: bool = False
    direct: bool = False
    cpus: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        find_policy(self.policy)
        for name, most in (("min_free", 1 << 32), ("pageblock_order", 14), ("max_page_order", 14), ("seed", 2**64 - 1)):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= most:
                raise MisuseError(f"{name}={value}: allowed range is 0..{most}")
        if not 1 <= self.cpus <= 4096:
            raise MisuseError(f"cpus={self.cpus}: allowed range is 1..4096")

    @classmethod
    def parse(cls, words: Sequence[str]) -> "WhatIf":
        """Read `key=value` words.

        Raises
        ------
        MisuseError
            If a word is none, the key is unknown, or the value is out of range.
        """
        found: dict[str, Any] = {}
        for word in words:
            name, equals, text = word.partition("=")
            if not equals or name not in cls.__dataclass_fields__ or name in found:
                known = ", ".join(cls.__dataclass_fields__)
                raise MisuseError(f"what-if {word!r}: key=value is wanted, each key once; keys are {known}")
            if name == "policy":
                found[name] = text
            elif name in ("empty", "direct"):
                if text not in ("yes", "no"):
                    raise MisuseError(f"{word}: yes or no is wanted")
                found[name] = text == "yes"
            else:
                if not (text.isascii() and text.isdigit() and len(text) <= 20):
                    raise MisuseError(f"{word}: a number is wanted")
                found[name] = int(text)
        return cls(**found)

    @property
    def label(self) -> str:
        """What is different, in one line."""
        name = self.policy if isinstance(self.policy, str) else self.policy.name
        own = [f"policy={name}"]
        for key in ("min_free", "pageblock_order", "max_page_order"):
            if getattr(self, key) is not None:
                own.append(f"{key}={getattr(self, key)}")
        return " ".join([*own, *(f"{key}=yes" for key in ("empty", "direct") if getattr(self, key))])


@dataclass(frozen=True, eq=False)
class WhatIfResult:
    """What became of the requests.

    Parameters
    ----------
    what : WhatIf
    timeline : Timeline
        Its `mixed` counts pages that reclaim took as still there until they are allocated anew.
    asked, failed : tuple of int
        Requests per order, and those that got nothing.
    failed_recorded : tuple of int
        Those that had got nothing on the recorded machine.
    reclaimed : int
        Requests that reclaimed directly.
    costs : dict of str to int
        Sums over direct reclaim and kswapd: scanned, freed, captured and more, as `COST_DTYPE` names them.
    operations : int
        Allocations and frees performed.
    left_out : int
        Requests too large for the simulated machine.
    """

    what: WhatIf
    timeline: Timeline
    asked: tuple[int, ...]
    failed: tuple[int, ...]
    failed_recorded: tuple[int, ...]
    reclaimed: int
    costs: dict[str, int]
    operations: int
    left_out: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {
            "what_if": self.what.label,
            "asked": list(self.asked),
            "failed": list(self.failed),
            "failed_recorded": list(self.failed_recorded),
            "direct_reclaims": self.reclaimed,
            "costs": self.costs,
            "operations": self.operations,
            "left_out": self.left_out,
            "end": self.timeline.summary(),
        }


def what_if(
    recording: Recording,
    what: WhatIf,
    moments: NDArray[np.int64],
    *,
    matched: MatchedRequests | None = None,
    step: Callable[[], None] | None = None,
) -> WhatIfResult:
    """Serve the requests of a recording.

    Parameters
    ----------
    recording : Recording
    what : WhatIf
    moments : ndarray[int64], ns
        Ascending; the state is noted at each, and requests after the last are left out.
    matched : MatchedRequests, optional
        `match_trace(recording.trace, recording.zones, recording.first_ns)`, when it is at hand.
    step : callable, optional
        Called after each moment.

    Raises
    ------
    MisuseError
        If the recorded machine cannot be simulated with these orders.

    Notes
    -----
    A block that was freed in parts lasts until its last part is free. A request that got nothing on the recorded
    machine is given the median lifetime of those of its order that were served; what the machine did instead stays in.
    Pages that the trace frees are not reclaimed before; everything else on the LRU lists of the snapshot may be. Pages
    that waited on per-CPU lists at the start are free there, as far as the trace shows them.
    """
    serving = Serving(recording, matched or match_trace(recording.trace, recording.zones, recording.first_ns), what)
    for moment in moments.tolist():
        serving.until(moment)
        if step:
            step()
    return serving.result(np.asarray(moments, np.int64))


class _Stream:
    """The operations of a trace: `ops` for Machine.run, whose `arg` counts over the whole stream, and their times."""

    def __init__(self, recording: Recording, matched: MatchedRequests, what: WhatIf, max_order: int) -> None:
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
        if what.empty:
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
        self._fill(turns, starts, sizes, head, parts & (not what.empty), what)
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
        what: WhatIf,
    ) -> None:
        """Write the operations: allocations, frees of what they obtained, and frees of single pages of the snapshot."""
        ops, requests, owners = self.ops, self.requests, turns["request"]
        begin = turns["kind"] == _BEGIN
        allocs = np.concatenate([np.arange(len(head)), starts[begin]])
        by = np.concatenate([head, owners[begin]])
        ops["op"][allocs] = int(RequestOp.ALLOC)
        ops["gfp"][allocs] = _gfp(requests[by], what.direct)
        ops["order"] = requests["order"][self.request]
        ops["cpu"] = requests["cpu"][self.request] % what.cpus
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


def _pages(pfns: NDArray[np.int64], orders: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return every page of blocks."""
    sizes = 1 << orders.astype(np.int64)
    first = np.cumsum(sizes) - sizes
    pages: NDArray[np.int64] = np.repeat(pfns, sizes) + np.arange(int(sizes.sum())) - np.repeat(first, sizes)
    return pages


def _pages_freed(
    recording: Recording, requests: NDArray[np.void], owners: NDArray[np.int32], waiting: list[NDArray[np.int64]]
) -> list[NDArray[np.int64]]:
    """Return, by zone, the pages in use at the start that the trace frees, less those on per-CPU lists."""
    freed = _pages(requests["pfn"][owners], requests["order"][owners])
    found = []
    for zone, free in zip(recording.start.frames, waiting, strict=True):
        mine = np.unique(freed[(freed >= zone.start_pfn) & (freed < zone.end_pfn)])
        kinds = zone.kinds[mine - zone.start_pfn]
        found.append(np.setdiff1d(mine[(kinds != PageKind.FREE) & (kinds != PageKind.HOLE)], free))
    return found


def _machine(frames: Sequence[ZoneFrames], stream: _Stream, what: WhatIf, max_order: int) -> Machine:
    """Build the machine; pages that the trace frees are on no LRU list."""
    node = node_pages(frames)
    block_order = frames[0].pageblock_order if what.pageblock_order is None else what.pageblock_order
    if len(frames) > 4:
        raise MisuseError(f"{len(frames)} zones: at most 4 can be simulated")
    zones, parts = [], []
    for k, (zone, pages, waiting) in enumerate(zip(frames, stream.freed, stream.waiting, strict=True)):
        kinds = zone.kinds.copy()
        kinds[pages - zone.start_pfn] = PageKind.OFF_LRU
        kinds[waiting - zone.start_pfn] = PageKind.FREE
        parts.append(replace(zone, kinds=kinds))
        if what.empty:
            ranges = [tuple(pair) for pair in zone.present_ranges.tolist()]
            zones.append(
                Zone(zone.start_pfn, len(kinds), present_ranges=ranges, max_page_order=max_order, owners=True,
                     pageblock_order=block_order, zone_idx=k, node_present_pages=node, cpus=what.cpus, seed=what.seed)
            )  # fmt: skip
        else:
            zones.append(
                zone_from_frames(parts[-1], seed=what.seed, cpus=what.cpus, pageblock_order=block_order,
                                 max_page_order=max_order, zone_idx=k, node_present_pages=node)
            )  # fmt: skip
        if what.min_free is not None:
            zones[-1].set_min_free_kbytes(what.min_free)
    machine = Machine(zones, names=known_names(frames), swap_pages=sum(node), policy=what.policy)
    if not what.empty:
        for part in parts:
            machine.fill_lru(part, what.seed)
    return machine


class Serving:
    """A what-if under way: the simulated machine, and how far the stream of operations has come.

    Parameters
    ----------
    recording, matched, what
        As for `what_if`.
    """

    def __init__(self, recording: Recording, matched: MatchedRequests, what: WhatIf) -> None:
        self.frames = recording.start.frames
        self.what = what
        max_order = self.frames[0].max_page_order if what.max_page_order is None else what.max_page_order
        self.stream = _Stream(recording, matched, what, max_order)
        self.machine = _machine(self.frames, self.stream, what, max_order)
        self.at = 0
        self.pfn = np.full(len(self.stream.ops), -1, np.int64)
        self.costs: dict[str, int] = {}
        self.reclaimed = 0
        self._counts: list[list[NDArray[np.int64]]] = []
        self._mixed: list[list[int]] = []
        zone = self.machine.zones[0]
        spans = [(z.start_pfn, z.spanned_pages) for z in self.machine.zones]
        self._pages = Follower(spans, zone.max_page_order, zone.pageblock_order)
        for k, frames in enumerate(self.frames):
            states = start_states(frames)
            self._pages.load(k, np.full(len(states), PageState.FREE, np.uint8) if what.empty else states)

    def until(self, moment: int) -> None:
        """Perform the operations up to a moment and note the state."""
        stop = int(np.searchsorted(self.stream.time_ns, moment, side="right"))
        if stop > self.at:
            self._perform(self.at, stop)
            self.at = stop
        orders = self.machine.zones[0].max_page_order + 1
        self._counts.append([zone.nr_free[:orders].copy() for zone in self.machine.zones])
        self._mixed.append([self._pages.mixed_pageblocks(k) for k in range(len(self.machine.zones))])

    def _perform(self, start: int, stop: int) -> None:
        """Run a piece of the stream: what an earlier piece allocated is named by its PFN."""
        ops = self.stream.ops[start:stop].copy()
        arg = ops["arg"].astype(np.int64)
        older = (arg >= 0) & (arg < start)
        ops["pfn"][older] = self.pfn[arg[older]]
        keep = self.stream.keep[start:stop] & ~(older & (ops["pfn"] < 0))
        place = np.cumsum(keep) - 1
        newer = arg >= start
        ops["arg"][newer] = place[arg[newer] - start]
        ops["arg"][older] = -1
        ops = ops[keep]
        results, costs = self.machine.run(ops)
        self.pfn[start:stop][keep] = results["pfn"]
        for name in costs.dtype.names or ():
            if name not in ("op", "capture_largest"):
                self.costs[name] = self.costs.get(name, 0) + int(costs[name].sum())
        self.reclaimed += int((ops["op"][costs["op"]] == int(RequestOp.ALLOC)).sum()) if len(costs) else 0
        self._follow(ops, results["pfn"], self.stream.requests["migratetype"][self.stream.request[start:stop][keep]])

    def _follow(self, ops: NDArray[np.void], pfns: NDArray[np.int64], types: NDArray[np.uint8]) -> None:
        """Keep track of what kind of page lies where."""
        done = pfns >= 0
        events = np.zeros(int(done.sum()), EVENT_DTYPE)
        events["pfn"], events["order"] = pfns[done], ops["order"][done]
        events["migratetype"] = types[done]
        events["event"] = np.where(ops["op"][done] == int(RequestOp.ALLOC), _ALLOC, _FREE)
        self._pages.follow(events, np.zeros(len(events), np.uint8), 0, 0)

    def result(self, moments: NDArray[np.int64]) -> WhatIfResult:
        """Return what has become of the requests so far."""
        ops, requests = self.stream.ops[: self.at], self.stream.requests
        alloc = (ops["op"] == int(RequestOp.ALLOC)) & (self.stream.time_ns[: self.at] >= self.stream.first_ns)
        orders = ops["order"][alloc]
        failed = self.pfn[: self.at][alloc] < 0
        recorded = (requests["flags"][self.stream.request[: self.at][alloc]] & int(TracedFlags.FAILED)) != 0
        most = self.machine.zones[0].max_page_order + 1

        def by_order(which: NDArray[np.bool_]) -> tuple[int, ...]:
            return tuple(np.bincount(orders[which], minlength=most).tolist())

        names = tuple(zone.name for zone in self.frames)
        return WhatIfResult(
            self.what,
            Timeline(names, moments, np.array(self._counts), np.array(self._mixed, np.int64)),
            by_order(np.ones(len(orders), bool)),
            by_order(failed),
            by_order(recorded),
            self.reclaimed,
            {name: n for name, n in self.costs.items() if n},
            int((self.pfn[: self.at] >= 0).sum()),
            self.stream.left_out,
        )
