"""What-if: the requests of a recorded machine, served by the simulated allocator under another policy or geometry.

Only order, flags and lifetime of each request are taken from the trace; where it is served, and whether it is, the
simulated allocator decides. It starts from the recorded state or from empty memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import Zone
from .._trace import EVENT_DTYPE, Follower
from ..errors import MisuseError, PolicyError
from ..flags import RequestOp
from ..formats.kpageflags import PageKind, ZoneFrames
from ..formats.tracetext import EVENTS
from ..kernels import DEFRAG_MODES, KERNELS, Kernel
from ..machine import Machine, known_names
from ..nearest import meant
from ..policies.capture import POLICIES, CapturePolicy, find_policy
from ..policies.compaction import COMPACTION_POLICIES, CompactionPolicy
from ..policies.files import Policy
from ..recorded.lifetimes import TracedFlags
from ..recorded.recording import Recording
from ..recorded.zones import node_pages, zone_from_frames
from .kernel import served_by
from .prepared import Prepared
from .reconstruct import PageState, start_states
from .result import WhatIfResult
from .serving import Options, PlaceServing
from .stream import Stream
from .timeline import Timeline

__all__ = ["Serving", "WhatIf", "WhatIfResult", "what_if"]

_BACKGROUNDS = ("followed", "lists", "simulated")
_WORDS = ("kernel", "background", "defrag")
_ALLOC, _FREE = EVENTS["mm_page_alloc"], EVENTS["mm_page_free"]


@dataclass(frozen=True)
class WhatIf:
    """What is different from the recorded machine.

    Parameters
    ----------
    policy : CapturePolicy, CompactionPolicy or str, optional
        Policy of all requests: of capture, which 2.6.27 has, or of compaction, which later kernels have ("off",
        "capture" ...).
    kernel : str, optional
        Whose allocator serves: a release of `KERNELS`. By default 2.6.27 if there is a policy of capture, else the
        recorded kernel, or the nearest that there is.
    background : str
        What the machine does besides serving requests: moves pages between free lists and per-CPU lists, compacts,
        reclaims. "followed": what the trace tells of that is done at the same moments, and whoever was served is served
        from the same zone, whatever the marks say. "lists": so it is with the
        per-CPU lists, and the simulated kernel compacts and reclaims by its own rules. "simulated": it does all of it
        by its own rules. By default followed; lists if something is asked for that it depends on; simulated from empty
        memory. Not for 2.6.27, which has only its own.
    defrag : str, optional
        What /sys/kernel/mm/transparent_hugepage/defrag says: with which flags huge pages are asked for.
    min_free : int, optional, KiB
        min_free_kbytes, from which the watermarks follow; by default those recorded, and for 2.6.27 what it computes.
    pageblock_order : int, 0..14, optional
        The recorded one by default.
    max_page_order : int, 0..14, optional
        The recorded one by default.
    empty : bool
        Begin with empty memory: what the trace frees without having allocated it is allocated at the start.
    direct : bool
        Requests of order 1 and more may reclaim directly, also those that would not have (THP with defrag off).
    cpus : int, optional
        Per-CPU lists; requests use that of their CPU, modulo this. By default as many as the trace has; 2 for 2.6.27.
    seed : int
        Draws the order of the LRU lists, which no recording holds.

    Examples
    --------
    >>> WhatIf.parse(["policy=v3", "min_free=65536", "empty=yes"]).label
    'policy=v3 min_free=65536 empty=yes'
    """

    policy: Policy | str | None = None
    kernel: str | None = None
    background: str | None = None
    defrag: str | None = None
    min_free: int | None = None
    pageblock_order: int | None = None
    max_page_order: int | None = None
    empty: bool = False
    direct: bool = False
    cpus: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.policy is not None:
            _row(self.policy)
        for name, known in (("kernel", KERNELS), ("background", _BACKGROUNDS), ("defrag", DEFRAG_MODES)):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise MisuseError(f"{name}={value!r}: {meant(str(value), known)}")
        for name, most in (("min_free", 1 << 32), ("pageblock_order", 14), ("max_page_order", 14), ("seed", 2**64 - 1)):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= most:
                raise MisuseError(f"{name}={value}: allowed range is 0..{most}")
        if self.cpus is not None and not 1 <= self.cpus <= 4096:
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
            if name in ("policy", *_WORDS):
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
        policy = self.policy if self.policy is None or isinstance(self.policy, str) else self.policy.name
        own = [] if policy is None else [f"policy={policy}"]
        for key in (*_WORDS, "min_free", "pageblock_order", "max_page_order"):
            if getattr(self, key) is not None:
                own.append(f"{key}={getattr(self, key)}")
        return " ".join([*own, *(f"{key}=yes" for key in ("empty", "direct") if getattr(self, key))]) or "as recorded"

    @property
    def compaction(self) -> CompactionPolicy | None:
        """The policy, if it is one of compaction."""
        row = None if self.policy is None else _row(self.policy)
        return row if isinstance(row, CompactionPolicy) else None

    @property
    def capture(self) -> CapturePolicy | None:
        """The policy, if it is one of capture."""
        row = None if self.policy is None else _row(self.policy)
        return row if isinstance(row, CapturePolicy) else None

    @property
    def control(self) -> "WhatIf":
        """The same way of serving with nothing different."""
        if self.capture is not None or self.kernel == KERNELS["2.6.27"].release:
            return WhatIf(policy="none", kernel=self.kernel, cpus=self.cpus)
        return WhatIf(kernel=self.kernel, background=self.ground, cpus=self.cpus)

    @property
    def ground(self) -> str:
        """What the background is: that asked for, or what suits what is different."""
        if self.background is not None:
            return self.background
        if self.empty:
            return "simulated"
        told = (self.defrag, self.compaction, self.min_free)
        return "lists" if self.direct or any(one is not None for one in told) else "followed"


def what_if(
    recording: Recording | Prepared,
    what: WhatIf,
    moments: NDArray[np.int64],
    *,
    step: Callable[[], None] | None = None,
) -> WhatIfResult:
    """Serve the requests of a recording.

    Parameters
    ----------
    recording : Recording or Prepared
        For several what-ifs of one recording, `Prepared(recording)`: what all of them ask of it is found out once.
    what : WhatIf
    moments : ndarray[int64], ns
        Ascending; the state is noted at each, and requests after the last are left out.
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
    prepared = recording if isinstance(recording, Prepared) else Prepared(recording)
    older = what.kernel is None and what.capture is not None
    kernel, warnings = served_by(prepared.recording, "2.6.27" if older else what.kernel)
    if kernel.kinds_close_up and what.compaction is not None:
        raise MisuseError(f"policy={what.compaction.name!r}: of compaction, which Linux {kernel.release} does not have")
    serving = Serving(prepared, what) if kernel.kinds_close_up else PlaceServing(
        prepared, kernel, _options(what, kernel)
    )  # fmt: skip
    for moment in moments.tolist():
        serving.until(moment)
        if step:
            step()
    return replace(serving.result(np.asarray(moments, np.int64)), what=what, kernel=kernel.release, warnings=warnings)


def _options(what: WhatIf, kernel: Kernel) -> Options:
    """Return what a kernel with per-CPU lists of blocks is to do differently, if it can."""
    if what.capture is not None and what.capture.name != "none":
        raise MisuseError(
            f"policy={what.capture.name!r}: of capture as in 2008; Linux {kernel.release} has no such lists"
        )
    if what.max_page_order is not None:
        raise MisuseError(f"max_page_order={what.max_page_order}: of kernel=2.6.27 only")
    return Options(
        what.ground == "followed", what.ground == "lists", what.defrag, what.direct, what.empty, what.min_free,
        what.pageblock_order, what.cpus, what.seed, what.compaction,
    )  # fmt: skip


def _row(policy: Policy | str) -> Policy:
    """Return a policy by its name."""
    if isinstance(policy, CompactionPolicy):
        return policy
    if isinstance(policy, str) and policy in COMPACTION_POLICIES:
        return COMPACTION_POLICIES[policy]
    if isinstance(policy, str) and policy not in POLICIES:
        raise PolicyError(f"unknown policy {policy!r}; {meant(policy, [*POLICIES, *COMPACTION_POLICIES])}")
    return find_policy(policy)


def _machine(frames: Sequence[ZoneFrames], stream: Stream, cpus: int, what: WhatIf, max_order: int) -> Machine:
    """Build the machine, with as much swap as memory; pages that the trace frees are on no LRU list."""
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
                Zone(zone.start_pfn, len(kinds), present_ranges=ranges, max_page_order=max_order,
                     pageblock_order=block_order, zone_idx=k, node_present_pages=node, cpus=cpus, seed=what.seed)
            )  # fmt: skip
        else:
            zones.append(
                zone_from_frames(parts[-1], seed=what.seed, cpus=cpus, pageblock_order=block_order,
                                 max_page_order=max_order, zone_idx=k, node_present_pages=node, owners=False)
            )  # fmt: skip
        if what.min_free is not None:
            zones[-1].set_min_free_kbytes(what.min_free)
    machine = Machine(zones, names=known_names(frames), swap_pages=sum(node), policy=what.capture or "none")
    if not what.empty:
        for part in parts:
            machine.fill_lru(part, what.seed)
    return machine


class Serving:
    """A what-if under way: the simulated machine, and how far the stream of operations has come.

    Parameters
    ----------
    prepared : Prepared
        The recording.
    what : WhatIf
    """

    def __init__(self, prepared: Prepared, what: WhatIf) -> None:
        self.frames = prepared.recording.start.frames
        self.what = what
        max_order = self.frames[0].max_page_order if what.max_page_order is None else what.max_page_order
        cpus = 2 if what.cpus is None else what.cpus
        self.stream = prepared.stream(max_order, cpus, empty=what.empty, direct=what.direct)
        self.machine = _machine(self.frames, self.stream, cpus, what, max_order)
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
