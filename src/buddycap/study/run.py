"""One run of the experiment: a machine, a policy and a seed."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._core import Zone
from .._world import CAUSES, World
from ..flags import RequestPath
from ..kernels import KERNELS
from ..policies.capture import CapturePolicy
from ..policies.files import Policy
from ..presets import PRESETS
from .config import LEAST_REQUESTED, SECOND_NS, StudyConfig
from .faults import fault_figures
from .parameters import world_parameters

if TYPE_CHECKING:
    from ..formats.kpageflags import ZoneFrames
    from ..recorded.load import Load

__all__ = ["Run", "make_world", "run_all", "run_once", "study_zone"]

NEVER_NS = 1 << 61
NEUTRAL = CapturePolicy("none")

# Means over the requests of a pass, and totals over them.
_MEANS = ("scanned", "freed", "steals", "own", "merged", "foreign", "largest", "sync_waits", "reclaims")
_TOTALS = ("givebacks", "holds", "rescued", "queue_waits", "sync_passes", "oom_rounds")
_COUNTERS = ("rereads", "swapins", "kswapd_scanned", "no_progress", "background_failed", "events")


@dataclass(frozen=True)
class Run:
    """What one run gave: a policy under a seed.

    Parameters
    ----------
    policy : str
    seed : int
    requests : ndarray, shape (requests,)
        One record a request, in order of their ends: `buddycap._world.RESULT_DTYPE`. Field `path` is how it ended (a
        `RequestPath`), `page` the page or -1, `cause` an index in `buddycap._world.CAUSES`.
    faults : ndarray, shape (faults,)
        One record a region that was faulted in, in order of their ends: `buddycap._world.FAULT_DTYPE`. A run has
        requests or faults.
    passes : ndarray, shape (passes,)
        One record a pass: `buddycap._world.PASS_DTYPE`.
    totals : dict
        Counters of the whole run.
    digest : str
        Of the zone at the end.
    cpu_s : float, s
    """

    policy: str
    seed: int
    requests: NDArray[np.void]
    faults: NDArray[np.void]
    passes: NDArray[np.void]
    totals: dict[str, int]
    digest: str
    cpu_s: float

    @property
    def table(self) -> NDArray[np.void]:
        """What was measured: the faults, or the requests."""
        return self.faults if len(self.faults) else self.requests

    def summary(self) -> dict[str, float]:
        """Return the figures of a run that are compared between policies; see docs/model.md for each.

        Those of faults: see `fault_figures`. Figures of requests are those of the first pass. What the clock of the
        host says (`cpu_s`) is not among them.

        Examples
        --------
        >>> from buddycap import POLICIES
        >>> run = run_once(StudyConfig(memory_pages=1 << 15, warmup_s=1), POLICIES["none"], seed=1)
        >>> figures = run.summary()
        >>> round(figures["ceiling_percent"] - figures["success_percent"] - 100 * figures["clean_left"] / 64, 9)
        0.0
        """
        return self._of_faults() if len(self.faults) else self._of_requests()

    def _of_faults(self) -> dict[str, float]:
        """Return the figures of a run of the faulting load."""
        first = self.passes[0]
        seconds = int(first["end_ns"] - first["start_ns"]) / SECOND_NS
        return {
            **fault_figures(self.faults, self.totals),
            "free_percent": 100 * int(first["free_pages"]) / self.totals["present_pages"],
            "background_per_s": int(first["background_pages"]) / seconds if seconds else 0.0,
            **{name: self.totals[name] for name in _COUNTERS},
            "pass_s": seconds,
        }

    def _of_requests(self) -> dict[str, float]:
        """Return the figures of a run of requests."""
        table = self.requests[self.requests["pass_number"] == 1]
        first = self.passes[0]
        ok = table["page"] >= 0
        failed = table[~ok]
        blocks = int(first["requests"])
        seconds = int(first["end_ns"] - first["start_ns"]) / SECOND_NS
        return {
            "success_percent": 100 * float(ok.mean()),
            **{f"success{k + 1}_percent": _percent(self.passes[k]) for k in range(1, len(self.passes))},
            "ceiling_percent": 100 * int(first["successes"] + first["clean_left"]) / blocks,
            "clean_left": int(first["clean_left"]),
            "free_percent": 100 * int(first["free_pages"]) / self.totals["present_pages"],
            **{f"tenth{k}_percent": 100 * float(part.mean()) for k, part in enumerate(np.array_split(ok, 10), 1)},
            "latency_ms": float(table["latency_ns"].mean()) / 1e6,
            "latency_median_ms": float(np.median(table["latency_ns"])) / 1e6,
            "latency_worst_ms": float(table["latency_ns"].max()) / 1e6,
            "wait_ms": float(table["wait_ns"].mean()) / 1e6,
            "sync_wait_ms": float(table["sync_wait_ns"].mean()) / 1e6,
            **{name: float(table[name].mean()) for name in _MEANS},
            **{name: int(table[name].sum()) for name in _TOTALS},
            "captured_success": int((table["path"] == RequestPath.CAPTURED).sum()),
            **{f"failed_{_word(CAUSES[k])}": int((failed["cause"] == k).sum()) for k in range(1, len(CAUSES))},
            "background_per_s": int(first["background_pages"]) / seconds if seconds else 0.0,
            **{name: self.totals[name] for name in _COUNTERS},
            "blocked_ms": self.totals["blocked_ns"] / 1e6,
            "held_ms": self.totals["held_ns"] / 1e6,
            "direct_scanned": int(self.totals["pgscan_direct"]),
            "pass_s": seconds,
        }


def _percent(row: np.void) -> float:
    """Return the success of a pass."""
    return 100 * int(row["successes"]) / int(row["requests"])


def _word(text: str) -> str:
    """Return a cause as a part of a name."""
    return text.replace(" ", "_")


def study_zone(config: StudyConfig, seed: int, *, start_pfn: int = 0, reserved: Sequence[tuple[int, int]] = ()) -> Zone:
    """Return the empty memory of the synthetic machine; the lowest part of it has been taken by boot.

    From `start_pfn` on it has its own pages around those that are reserved: ranges in ascending order, end excluded.
    """
    preset = PRESETS[config.preset]
    spanned = config.memory_pages + sum(end - first for first, end in reserved)
    boot = config.memory_pages * config.boot_permille // 1000
    return Zone(
        start_pfn,
        spanned,
        present_ranges=_without_lowest(boot, _between(start_pfn, start_pfn + spanned, reserved)),
        max_page_order=preset.max_page_order,
        pageblock_order=preset.pageblock_order,
        min_free_kbytes=config.min_free_kbytes or _huge_min_free_kbytes(config),
        cpus=config.cpus,
        pcp_batch=config.pcp_batch or None,
        pcp_high=config.pcp_high or None,
        owners=True,
        seed=seed,
        kernel=config.kernel,
    )


def _between(first: int, end: int, holes: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield what holes leave of a range."""
    for hole, after in (*holes, (end, end)):
        if first < hole:
            yield first, hole
        first = after


def _without_lowest(pages: int, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges without their lowest pages."""
    left = []
    for first, end in ranges:
        taken = min(pages, end - first)
        pages -= taken
        if first + taken < end:
            left.append((first + taken, end))
    return left


def _huge_min_free_kbytes(config: StudyConfig) -> int | None:
    """Return what min_free_kbytes is where page faults may be served with huge pages; none: as without these."""
    raised = KERNELS[config.kernel].huge_min_free_kbytes if config.threads else None
    return raised(config.memory_pages) if raised else None


def make_world(
    config: StudyConfig,
    policy: Policy,
    seed: int,
    frames: "ZoneFrames | None" = None,
    load: "Load | None" = None,
    *,
    requests: bool = True,
    zone: Zone | None = None,
) -> tuple[Zone, World]:
    """Return the memory of a run and the world around it, before the first event.

    Arguments are those of `run_once`; without `requests` nobody ever asks for a huge page. `zone` is the empty memory,
    if it is another than that of the synthetic machine.
    """
    if requests:
        config.check_memory(LEAST_REQUESTED)
    if frames is not None:
        from ..machine import Machine  # here, for it takes long to import, and few studies start from a recording

        zone = Machine.from_frames([frames], seed=seed, cpus=config.cpus, preset=config.preset).zones[0]
    elif zone is None:
        zone = study_zone(config, seed)
    recorded = load.stretched(config.load_time_percent) if load else None
    parameters = world_parameters(config, warm=frames is not None, load_ns=recorded.duration_ns if recorded else 0)
    if not requests:
        parameters["request_start_ns"] = NEVER_NS
    return zone, World(zone, policy, parameters, seed, recorded.allocations if recorded else None)


def run_once(
    config: StudyConfig,
    policy: Policy,
    seed: int,
    frames: "ZoneFrames | None" = None,
    load: "Load | None" = None,
) -> Run:
    """Run the experiment once.

    Parameters
    ----------
    config : StudyConfig
    policy : CapturePolicy or CompactionPolicy
    seed : int
    frames : ZoneFrames, optional
        Memory of a real machine to start from.
    load : Load, optional
        A recorded load in place of the builds and the short kernel allocations.

    Returns
    -------
    Run

    Examples
    --------
    >>> from buddycap import POLICIES
    >>> small = StudyConfig(memory_pages=1 << 15, warmup_s=1)
    >>> run = run_once(small, POLICIES["none"], seed=1)
    >>> len(run.requests), run.digest == run_once(small, POLICIES["none"], seed=1).digest
    (64, True)
    """
    begin = time.thread_time()
    zone, world = make_world(config, policy, seed, frames, load)
    return _finished(zone, world, policy, seed, begin)


def _finished(zone: Zone, world: World, policy: Policy, seed: int, begin: float) -> Run:
    """Run a world to its end; `begin` is when that began, by the clock of `Run.cpu_s`."""
    while not world.run():
        pass
    totals = world.totals()
    return Run(
        policy.name,
        seed,
        world.results(),
        world.faults(),
        world.passes(),
        totals,
        zone.digest(),
        time.thread_time() - begin,
    )


def run_all(
    config: StudyConfig,
    policies: Sequence[Policy],
    seed: int,
    frames: "ZoneFrames | None" = None,
    load: "Load | None" = None,
) -> Iterator[Run]:
    """Run the experiment with each of some policies; what comes before the first request is simulated once.

    Arguments are those of `run_once`, and each run is what that returns: no policy is asked before the first request,
    unless memory is so short that somebody must reclaim for one of the orders that the policy is about. Then its run
    begins at the beginning. The time of the common part is shared out in `Run.cpu_s`.

    Examples
    --------
    >>> from buddycap import POLICIES
    >>> small = StudyConfig(memory_pages=1 << 15, warmup_s=1)
    >>> both = POLICIES["none"], POLICIES["v3"]
    >>> [run.digest == run_once(small, policy, 1).digest for run, policy in zip(run_all(small, both, 1), both)]
    [True, True]
    """
    sharing = [policy for policy in policies if isinstance(policy, CapturePolicy)]
    if len(sharing) < 2:
        yield from (run_once(config, policy, seed, frames, load) for policy in policies)
        return
    begin = time.thread_time()
    _, warm = make_world(config, NEUTRAL, seed, frames, load)
    start_ns = world_parameters(config, warm=frames is not None)["request_start_ns"]
    while not warm.run(until_ns=start_ns):
        pass
    share = (time.thread_time() - begin) / len(sharing)
    for policy in policies:
        if isinstance(policy, CapturePolicy) and not _has_been_asked(policy, warm.slow_orders):
            begin = time.thread_time() - share
            yield _finished(*warm.copy(policy), policy, seed, begin)
        else:
            yield run_once(config, policy, seed, frames, load)


def _has_been_asked(policy: CapturePolicy, slow_orders: int) -> bool:
    """Whether allocations of these orders, which the free lists could not serve at once, have gone by the policy."""
    return bool(slow_orders) and (policy.queue != "none" or bool(slow_orders >> policy.capture_min_order))
