"""What-if on a kernel with per-CPU lists of blocks: each page of a recording has a place in the simulated machine.

A request of the recording is served where the simulated allocator serves it, on its CPU and with its flags; a free of
the recording frees what is in the page's place. What the machine did besides is followed or simulated: see `WhatIf`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._core import SERVED_DTYPE, Replayer
from .._trace import plan_operations
from ..flags import GFP, MigrateType, PageFlags, RequestPath
from ..formats.gfptext import KSWAPD_RECLAIM, MEMALLOC
from ..formats.kpageflags import ZoneFrames
from ..formats.procfs import parse_vmstat
from ..formats.tracetext import EVENTS, TraceFlags
from ..kernels import Kernel
from ..policies.compaction import CompactionPolicy
from ..recorded.growth import GrownBlocks
from ..recorded.lifetimes import TracedFlags
from ..recorded.recording import Recording
from ..recorded.start import Start, start_machine, type_numbers
from .prepared import Prepared
from .reconstruct import start_states
from .result import WhatIfResult
from .timeline import Timeline

__all__ = ["Options", "PlaceServing", "Plan", "plan_recording", "translated_gfp"]

_RENAMED = {"WAIT": "DIRECT_RECLAIM", "REPEAT": "RETRY_MAYFAIL"}
_LRU = int(PageFlags.SWAPBACKED | PageFlags.ANON)
_ALLOC = EVENTS["mm_page_alloc"]
_ASK, _LET_GO, _FREE_PAST_LISTS, _DRAIN_ALL = 1, 2, 3, 8  # operations of `Replayer`
_MOVABLE, _FIXED = 0x10, 0x20  # what a page in use is, as `start_states` says it
_MAX_ORDER = 10
_ROUND = 1 << 14  # pages: where those begin that no recording has


@dataclass(frozen=True, eq=False)
class Plan:
    """The operations of a recording for a simulated machine.

    Parameters
    ----------
    ops : ndarray[SERVED_DTYPE]
    time_ns : ndarray[int64]
        When each is performed.
    tried : ndarray[bool]
        Which are requests that had failed.
    start : Start
    counts : dict of int
        What was found out: silent, copies, moved, outside, grown.
    """

    ops: NDArray[np.void]
    time_ns: NDArray[np.int64]
    tried: NDArray[np.bool_]
    start: Start
    counts: dict[str, int]


def translated_gfp(gfp: NDArray[np.uint32], types: NDArray[np.uint8], kernel: Kernel) -> NDArray[np.uint32]:
    """Return flags of traces in the bits of a kernel.

    Parameters
    ----------
    gfp : ndarray[uint32]
        In the bits of `GFP`, and those of newer flags above; 0 where the trace has none.
    types : ndarray[uint8]
        Migratetypes, as `MigrateType` numbers them: they count where flags are missing.
    kernel : Kernel

    Examples
    --------
    >>> from buddycap.kernels import KERNELS
    >>> flags = np.array([GFP.HIGHUSER_MOVABLE | KSWAPD_RECLAIM, 0], np.uint32)
    >>> [hex(bits) for bits in translated_gfp(flags, np.array([2, 0], np.uint8), KERNELS["6.1"])]
    ['0x100cca', '0xcc0']
    """
    names = kernel.GFP.__members__
    table = {int(flag): int(names[_RENAMED.get(flag.name or "", flag.name or "")]) for flag in GFP
             if flag.name and _RENAMED.get(flag.name, flag.name) in names and flag.bit_count() == 1}  # fmt: skip
    table |= {KSWAPD_RECLAIM: int(names["KSWAPD_RECLAIM"]), MEMALLOC: int(names["MEMALLOC"])}
    table.pop(int(GFP.COMP), None)  # compound blocks could not be freed in parts
    low, high = (_translations([table.get(1 << bit, 0) for bit in half]) for half in (range(16), range(16, 32)))
    found = low[gfp & np.uint32(0xFFFF)] + high[gfp >> np.uint32(16)]
    plain = np.full(256, int(names["KERNEL"]), np.uint32)
    plain[MigrateType.MOVABLE] = int(names["HIGHUSER_MOVABLE"])
    plain[MigrateType.RECLAIMABLE] |= int(names["RECLAIMABLE"])
    found = np.where(gfp == 0, plain[types], found)
    both = np.uint32(int(names["MOVABLE"]) | int(names["RECLAIMABLE"]))
    contradicting = (found & both) == both
    return np.where(contradicting, found & ~np.uint32(names["RECLAIMABLE"]), found).astype(np.uint32)


def _translations(bits: list[int]) -> NDArray[np.uint32]:
    """Return what each number becomes whose bits become these: the sum of those that are set."""
    table = np.zeros(1, np.uint32)
    for new in bits:
        table = np.concatenate([table, table + np.uint32(new)])
    return table


@dataclass(frozen=True)
class Options:
    """What is to be different, for a kernel with per-CPU lists of blocks: see `WhatIf`.

    Parameters
    ----------
    follow : bool
        The background is followed.
    lists : bool
        If it is not: the per-CPU lists are, all the same.
    defrag, direct, empty, min_free, pageblock_order, cpus, seed, policy
        As for `WhatIf`.
    """

    follow: bool = True
    lists: bool = False
    defrag: str | None = None
    direct: bool = False
    empty: bool = False
    min_free: int | None = None
    pageblock_order: int | None = None
    cpus: int | None = None
    seed: int = 0
    policy: CompactionPolicy | None = None

    @property
    def follows_lists(self) -> bool:
        """Whether per-CPU lists grow and shrink as the trace tells."""
        return self.follow or self.lists

    @property
    def tries(self) -> bool:
        """Whether requests that had failed are tried again: something is different for them."""
        given = (self.defrag, self.min_free, self.pageblock_order, self.policy)
        return not self.follow and (self.direct or self.empty or any(one is not None for one in given))


def plan_recording(prepared: Prepared, kernel: Kernel, options: Options) -> Plan:
    """Turn a recording into a start and operations.

    Parameters
    ----------
    prepared : Prepared
    kernel : Kernel
    options : Options
    """
    recording, grown = prepared.recording, prepared.grown
    cpus = _cpus(recording) if options.cpus is None else options.cpus
    events, frames = recording.events, recording.start.frames
    start = start_machine(
        prepared.began, kernel, prepared.first, cpus=cpus, seed=options.seed,
        follow=options.follows_lists,
        min_free=options.min_free, pageblock_order=options.pageblock_order, empty=options.empty
    )  # fmt: skip
    if options.follow:
        for zone in start.machine.zones:
            zone.set_boost_factor(0)  # no kswapd is there to end a boost
    planned, counts = plan_operations(
        events, prepared.hints, recording.zones, start.idle, type_numbers(kernel), options.follow, options.follows_lists
    )
    counts["grown"] = grown.sections
    planned = _with_growth(planned, grown, options.empty)
    if not options.follows_lists and recording.start.zoneinfo and not recording.start.meta.get("zones"):
        planned = planned[planned["op"] != _DRAIN_ALL]  # more waits on the lists than the trace shows: it was not all
    if options.tries:
        planned = _with_tries(planned, events, frames[-1].end_pfn, type_numbers(kernel))
    ops = np.zeros(len(planned), SERVED_DTYPE)
    for name in ("pfn", "to", "op", "order"):
        ops[name] = planned[name]
    ops["cpu"] = planned["cpu"] % cpus
    source = np.clip(planned["event"] // 2, 0, len(events) - 1)
    types = np.where(planned["gfp"] == 0, np.uint8(0), events["migratetype"][source])
    gfp = translated_gfp(planned["gfp"], types, kernel)
    ops["gfp"] = np.where(
        ops["op"] == _ASK, _changed_gfp(gfp, ops["order"], frames[0].pageblock_order, kernel, options), 0
    )
    if options.follow:
        ops["gfp"] = np.where(ops["op"] == _ASK, _where_recorded(ops, recording, kernel), 0)
    times = np.maximum.accumulate(events["time_ns"])[source]
    return Plan(ops, times, ops["pfn"] >= frames[-1].end_pfn, start, counts)


def _cpus(recording: Recording) -> int:
    """Return how many CPUs a recording has: those of its lists, or of its events."""
    told = [len(zone.pagesets) for zone in recording.start.zoneinfo.values()]
    listed = [len(zone.get("pcp", ())) for zone in recording.start.meta.get("zones", ())]
    return min(max([int(recording.trace.events["cpu"].max()) + 1, *told, *listed]), 4096)


def _with_growth(planned: NDArray[np.void], grown: GrownBlocks, empty: bool) -> NDArray[np.void]:
    """Return operations with the frees of what a zone has grown by, each just before the first page is handed out."""
    if empty or not grown.sections:  # from empty memory all of it is free
        return planned
    frees = np.zeros(len(grown.pfn), planned.dtype)
    frees["pfn"], frees["order"], frees["to"], frees["op"] = grown.pfn, grown.order, -1, _FREE_PAST_LISTS
    frees["event"] = 2 * grown.event - 1
    every = np.concatenate([planned, frees])
    return every[np.argsort(every["event"], kind="stable")]


def _with_tries(
    planned: NDArray[np.void], events: NDArray[np.void], end_pfn: int, types: NDArray[np.uint8]
) -> NDArray[np.void]:
    """Return operations with the requests that had failed among them; what they get lasts the median of their order."""
    failed = np.flatnonzero((events["event"] == _ALLOC) & ((events["flags"] & int(TraceFlags.FAILED)) != 0))
    failed = failed[events["order"][failed] <= _MAX_ORDER]
    if not len(failed):
        return planned
    tries = np.zeros(len(failed), planned.dtype)
    sizes = np.int64(1) << events["order"][failed].astype(np.int64)
    first = -(-end_pfn // _ROUND) * _ROUND
    tries["pfn"] = first + np.arange(len(failed)) * (1 << _MAX_ORDER)
    tries["to"], tries["gfp"] = types[events["migratetype"][failed]], events["gfp"][failed]
    tries["cpu"], tries["order"], tries["op"] = events["cpu"][failed], events["order"][failed], _ASK
    tries["event"] = 2 * failed
    ends = tries.copy()
    ends["op"] = _LET_GO
    ends["event"] = (
        2 * np.searchsorted(events["time_ns"], events["time_ns"][failed] + _median_lives(planned, events, sizes)) + 1
    )
    every = np.concatenate([planned, tries, ends[ends["event"] < 2 * len(events)]])
    return every[np.argsort(every["event"], kind="stable")]


def _median_lives(planned: NDArray[np.void], events: NDArray[np.void], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for requests of some sizes, the median lifetime of those of their order that were served, in ns."""
    found = np.zeros(len(sizes), np.int64)
    times = events["time_ns"]
    for size in np.unique(sizes).tolist():
        mine = planned[
            (planned["order"] == size.bit_length() - 1) & (planned["op"] <= _LET_GO) & (planned["event"] >= 0)
        ]
        mine = mine[np.lexsort((mine["event"], mine["pfn"]))]
        pairs = (mine["op"][:-1] == _ASK) & (mine["op"][1:] == _LET_GO) & (mine["pfn"][:-1] == mine["pfn"][1:])
        lives = np.sort(times[mine["event"][1:][pairs] // 2] - times[mine["event"][:-1][pairs] // 2])
        found[sizes == size] = lives[len(lives) // 2] if len(lives) else 0
    return found


def _changed_gfp(
    gfp: NDArray[np.uint32], orders: NDArray[np.uint8], huge: int, kernel: Kernel, options: Options
) -> NDArray[np.uint32]:
    """Return the flags of requests as the what-if wants them."""
    direct = np.uint32(kernel.GFP["DIRECT_RECLAIM"])
    if options.follow:
        return gfp & ~direct
    if options.defrag is not None:
        movable = (gfp & np.uint32(kernel.GFP["MOVABLE"])) != 0
        flags = np.uint32(kernel.fault_gfp(options.defrag, True)[-1] & ~int(kernel.GFP["COMP"]))
        gfp = np.where((orders == huge) & movable, flags, gfp)
    if options.direct:
        gfp = np.where(orders > 0, gfp | direct | np.uint32(kernel.GFP["IO"]) | np.uint32(kernel.GFP["FS"]), gfp)
    return gfp.astype(np.uint32)


def _where_recorded(ops: NDArray[np.void], recording: Recording, kernel: Kernel) -> NDArray[np.uint32]:
    """Return the flags of requests served as recorded: from the zone of their pages, whatever the marks say."""
    gfp = (ops["gfp"] & ~np.uint32(kernel.GFP["HIGHMEM"])) | np.uint32(kernel.GFP["MEMALLOC"])
    for zone in recording.start.frames[:-1]:
        if zone.name in ("DMA", "DMA32"):
            mine = (ops["pfn"] >= zone.start_pfn) & (ops["pfn"] < zone.end_pfn)
            gfp[mine] &= ~np.uint32(kernel.GFP["DMA"] | kernel.GFP["DMA32"])
            gfp[mine] |= np.uint32(kernel.GFP[zone.name])
    return gfp.astype(np.uint32)


class PlaceServing:
    """A what-if under way: the simulated machine, and how far the operations have come.

    Parameters
    ----------
    prepared : Prepared
        The recording.
    kernel : Kernel
    options : Options
    """

    def __init__(self, prepared: Prepared, kernel: Kernel, options: Options) -> None:
        self.frames = prepared.recording.start.frames
        self.matched = prepared.matched
        self.options = options
        self.plan = plan_recording(prepared, kernel, options)
        self.machine = self.plan.start.machine
        self.places = self.plan.start.places()
        extra = np.full(_extra_pages(self.plan), -1, np.int64)
        rows = [*self.places, (-(-self.frames[-1].end_pfn // _ROUND) * _ROUND, extra)] if len(extra) else self.places
        sorts = [_sorts(zone, options.empty) for zone in self.frames]
        self.replayer = Replayer(
            self.machine, rows, sorts=sorts, lru_flags=_LRU, daemons=not options.follow, policy=options.policy
        )
        self.at = 0
        self.paths = np.zeros(len(self.plan.ops), np.uint8)
        self._counts: list[list[NDArray[np.int64]]] = []
        self._mixed: list[list[int]] = []

    def until(self, moment: int) -> None:
        """Perform the operations up to a moment and note the state."""
        stop = int(np.searchsorted(self.plan.time_ns, moment, side="right"))
        if stop > self.at:
            self.paths[self.at : stop] = self.replayer.run(self.plan.ops[self.at : stop])
            self.at = stop
        orders = self.frames[0].max_page_order + 1
        self._counts.append([zone.nr_free[:orders].copy() for zone in self.machine.zones])
        self._mixed.append(self.replayer.mixed_pageblocks())

    def result(self, moments: NDArray[np.int64]) -> WhatIfResult:
        """Return what has become of the requests so far."""
        most = self.frames[0].max_page_order + 1
        asked = self.plan.ops["op"][: self.at] == _ASK
        orders, tried = self.plan.ops["order"][: self.at][asked], self.plan.tried[: self.at][asked]
        failed = self.paths[: self.at][asked] == int(RequestPath.FAILED)
        recorded = (self.matched.requests["flags"] & int(TracedFlags.FAILED)) != 0
        recorded &= self.matched.requests["time_ns"] <= moments[-1]
        before = np.bincount(self.matched.requests["order"][recorded], minlength=most)[:most]
        untried = before * (0 if tried.any() or self.options.tries else 1)  # failures stay failures
        counts = self.replayer.counts
        return WhatIfResult(
            None,
            Timeline(
                tuple(zone.name for zone in self.frames),
                moments,
                np.array(self._counts),
                np.array(self._mixed, np.int64),
            ),
            tuple((np.bincount(orders, minlength=most) + untried).tolist()),
            tuple((np.bincount(orders[failed], minlength=most) + untried).tolist()),
            tuple(before.tolist()),
            counts.pop("reclaims"),
            self._costs(),
            self.at,
            counts=counts | self.plan.counts,
        )

    def _costs(self) -> dict[str, int]:
        """Return what compaction and reclaim have done, as /proc/vmstat counts it."""
        told = parse_vmstat(self.machine.vmstat())
        wanted = ("compact", "pgmigrate", "pgscan", "pgsteal", "pgreclaim")
        return {name: n for name, n in told.items() if n and name.startswith(wanted)}


def _sorts(zone: ZoneFrames, empty: bool) -> NDArray[np.uint8]:
    """Return what is known of the pages in use at the start."""
    return np.zeros(len(zone.kinds), np.uint8) if empty else start_states(zone) & np.uint8(_MOVABLE | _FIXED)


def _extra_pages(plan: Plan) -> int:
    """Return room for requests that the recording has no pages for."""
    return int(plan.tried.any()) and int(plan.ops["pfn"][plan.tried].max() - plan.ops["pfn"][plan.tried].min()) + (
        1 << _MAX_ORDER
    )
