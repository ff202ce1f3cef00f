"""How fast this installation is, in a few seconds: pages and operations a second, and the cost of a call from Python.

Every line is the median of several rounds, with the least and the greatest, in CPU time of the thread. The operations
are the same on every machine for a seed; the times depend on the machine and on what else it does. For ratios to
other allocators see benchmarks/peers.py and docs/performance.md in the source.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import OP_DTYPE, REQUEST_DTYPE, Zone
from .errors import MisuseError
from .flags import GFP, MigrateType, RequestOp
from .machine import Machine
from .policies.capture import POLICIES
from .progress import Progress
from .study.config import preset_config
from .study.run import run_once

__all__ = ["REFERENCE_NS", "REFERENCE_PAGES", "Result", "compared", "measure", "measured"]

CALLS = 50_000
STREAM = 500_000
SLOTS = 4096
BUILD_PAGES = 1 << 16

# Least times of one in nanoseconds: AMD EPYC (Zen 4, 32 MiB of L3, a VM of 2 cores at a load of 16), Python 3.11.7,
# 2026-11-30.  What lives in the cache takes up to twice as long there as on a quiet machine.
REFERENCE_PAGES = 1 << 18
REFERENCE_NS = {
    "allocate a merged zone": 0.449,
    "free it in random order": 1.61,
    "free a random half": 11.1,
    "allocate from the fragmented half": 16.8,
    "mixed orders, one Zone.run": 6.73,
    "mixed orders, one Machine.run": 26.1,
    "hash of the whole state": 1.72,
    "two Python calls that do nothing": 62.9,
    "rmqueue + free_one_page from Python": 64.6,
    "alloc_many + free_many of one page": 90.1,
    "the study at 256 MiB, by events": 439,
    "the study at 256 MiB, by pages scanned": 212,
}

Job = Callable[[], Any]


@dataclass(frozen=True)
class Result:
    """One line.

    Attributes
    ----------
    name : str
        What was done.
    unit : str
        What is counted: pages, operations, pairs of calls, scanned pages, events.
    count : int
        How many there were in one round.
    seconds, least, greatest : float
        CPU time of one round: median, minimum and maximum over the rounds.
    """

    name: str
    unit: str
    count: int
    seconds: float
    least: float
    greatest: float

    @property
    def nanoseconds(self) -> float:
        """Median time of one."""
        return self.seconds / self.count * 1e9

    @property
    def per_second(self) -> float:
        """How many a second, by the median."""
        return self.count / self.seconds

    def line(self) -> str:
        """The result as a line of the table."""
        low, high = (value / self.count * 1e9 for value in (self.least, self.greatest))
        rate = f"{self.per_second / 1e6:,.2f} M/s"
        return f"{self.name:<46}{self.nanoseconds:>10.2f} ns ({low:.2f}-{high:.2f}) {rate:>15}  {self.unit}"


def compared(results: Sequence[Result]) -> list[float]:
    """Return how many times as fast as on the machine of `REFERENCE_NS` each line is, by its least time."""
    return [
        REFERENCE_NS[one.name] / (one.least / one.count * 1e9) for one in results if REFERENCE_NS.get(one.name, 0) > 0
    ]


@dataclass(frozen=True)
class _Empty:
    """Methods with the arguments of Zone's that do nothing."""

    pfn: int = 123_456

    def rmqueue(self, order: int, migratetype: int) -> int:
        return self.pfn

    def free_one_page(self, pfn: int, order: int) -> None:
        pass


def _pairs(zone: Any) -> None:
    rmqueue, free_one_page = zone.rmqueue, zone.free_one_page
    for _ in range(CALLS):
        free_one_page(rmqueue(0, 2), 0)


def _bulk_pairs(zone: Zone) -> None:
    alloc_many, free_many, out = zone.alloc_many, zone.free_many, np.empty(1, np.int64)
    for _ in range(CALLS):
        free_many(alloc_many(1, out=out))


def _zone(pages: int) -> Zone:
    """A merged zone whose memory has been touched."""
    zone = Zone(0, pages, min_free_kbytes=0)
    zone.free_many(zone.alloc_many(pages))
    return zone


def _shuffle(n: int, seed: int) -> NDArray[np.int64]:
    """A random order of 0 .. n-1, the same with every version of numpy."""
    return np.argsort(np.random.PCG64(seed).random_raw(n), kind="stable")


def _mixed(seed: int) -> NDArray[np.void]:
    """Allocations of geometric orders in random slots; what was in a slot is freed first."""
    words = np.random.PCG64(seed + 1).random_raw(STREAM // 2)
    slots = (words % np.uint64(SLOTS)).astype(np.int64)
    top_bits = (words >> np.uint64(32)).astype(np.int64) | 1 << 9
    ops = np.zeros(STREAM, OP_DTYPE)
    ops["migratetype"], ops["arg"] = MigrateType.MOVABLE, -1
    ops["op"][0::2], ops["op"][1::2] = 2, 1
    ops["order"][1::2] = np.bitwise_count((top_bits & -top_bits) - 1)
    order = np.argsort(slots, kind="stable")
    again = np.flatnonzero(np.diff(slots[order]) == 0)
    ops["arg"][2 * order[again + 1]] = 2 * order[again] + 1
    return _closed(ops)


def _closed(ops: NDArray[np.void]) -> NDArray[np.void]:
    """The stream without the frees of empty slots."""
    keep = (ops["op"] == 1) | (ops["arg"] >= 0)
    place = np.cumsum(keep) - 1
    kept: NDArray[np.void] = ops[keep]
    named = kept["arg"] >= 0
    kept["arg"][named] = place[kept["arg"][named]]
    return kept


def _requests(ops: NDArray[np.void]) -> NDArray[np.void]:
    """The same stream for a machine."""
    requests = np.zeros(len(ops), REQUEST_DTYPE)
    requests["op"] = np.where(ops["op"] == 1, RequestOp.ALLOC, RequestOp.FREE)
    requests["order"], requests["arg"], requests["gfp"] = ops["order"], ops["arg"], GFP.HIGHUSER_MOVABLE
    return requests


def _benches(pages: int, seed: int) -> Iterator[tuple[str, str, Callable[[], tuple[Job, int]]]]:
    """Name, unit, and what prepares a round: the job and how much it does."""
    shuffled, half = _shuffle(pages, seed), pages // 2
    ops = _mixed(seed)
    requests = _requests(ops)
    out = np.empty(pages, np.int64)

    def full() -> Zone:
        zone = _zone(pages)
        zone.alloc_many(pages, out=out)
        return zone

    def nested() -> Zone:
        zone = _zone(pages)
        zone.rmqueue(0, MigrateType.MOVABLE)
        return zone

    def fragmented() -> tuple[Job, int]:
        zone = full()
        zone.free_many(shuffled[:half])
        return lambda: zone.alloc_many(half, out=out[:half]), half

    def once(zone: Callable[[], Zone], job: Callable[[Zone], Any], count: int) -> Callable[[], tuple[Job, int]]:
        def prepare() -> tuple[Job, int]:
            made = zone()
            return lambda: job(made), count

        return prepare

    def merged() -> Zone:
        return _zone(pages)

    yield "allocate a merged zone", "pages", once(merged, lambda zone: zone.alloc_many(pages, out=out), pages)
    yield "free it in random order", "pages", once(full, lambda zone: zone.free_many(shuffled), pages)
    yield "free a random half", "pages", once(full, lambda zone: zone.free_many(shuffled[:half]), half)
    yield "allocate from the fragmented half", "pages", fragmented
    yield "mixed orders, one Zone.run", "operations", once(merged, lambda zone: zone.run(ops), len(ops))
    yield "mixed orders, one Machine.run", "operations", lambda: _machine_job(pages, requests)
    yield "hash of the whole state", "pages", once(full, lambda zone: zone.digest(), pages)
    yield "two Python calls that do nothing", "pairs", lambda: (lambda: _pairs(_Empty()), CALLS)
    yield "rmqueue + free_one_page from Python", "pairs", once(nested, _pairs, CALLS)
    yield "alloc_many + free_many of one page", "pairs", once(nested, _bulk_pairs, CALLS)


def _machine_job(pages: int, requests: NDArray[np.void]) -> tuple[Job, int]:
    machine = Machine([_zone(pages)])
    return lambda: machine.run(requests), len(requests)


def _timed(job: Job) -> float:
    gc.collect()
    gc.disable()
    try:
        start = time.thread_time_ns()
        job()
        return max(time.thread_time_ns() - start, 1) / 1e9
    finally:
        gc.enable()


def _study(seed: int, rounds: int, progress: Progress) -> Iterator[Result]:
    """One pass of the experiment, small: events, and pages scanned by reclaim."""
    config = preset_config("x86_64", BUILD_PAGES)
    seconds, counts = [], (1, 1)
    for _ in range(rounds):
        start = time.thread_time_ns()
        run = run_once(config, POLICIES["v3"], seed)
        seconds.append(max(time.thread_time_ns() - start, 1) / 1e9)
        counts = run.totals["events"], int(run.requests["scanned"].sum()) + run.totals["kswapd_scanned"]
        progress.step()
    spread = statistics.median(seconds), min(seconds), max(seconds)
    yield Result("the study at 256 MiB, by events", "events", counts[0], *spread)
    yield Result("the study at 256 MiB, by pages scanned", "scanned pages", counts[1], *spread)


def measure(pages: int, *, rounds: int = 5, seed: int = 0, progress: Progress | None = None) -> list[Result]:
    """Measure everything.

    Parameters
    ----------
    pages : int, pages, at least 4096
        Size of the zones.
    rounds : int, at least 1
    seed : int
        Of the order in which pages are freed and of the streams.
    progress : Progress, optional

    Returns
    -------
    list of Result

    Raises
    ------
    MisuseError
        If the zone is too small.

    Examples
    --------
    >>> [result.unit for result in measure(1 << 14, rounds=1)][:5]
    ['pages', 'pages', 'pages', 'pages', 'operations']
    """
    return list(measured(pages, rounds, seed, progress or Progress(0, "rounds")))


def measured(pages: int, rounds: int, seed: int, progress: Progress) -> Iterator[Result]:
    """Yield each result when it is there."""
    for name, value, least in (("pages", pages, 4096), ("rounds", rounds, 1), ("seed", seed, 0)):
        if value < least:
            raise MisuseError(f"{name}={value}: at least {least} is wanted")
    benches = list(_benches(pages, seed))
    progress.more(rounds * (len(benches) + 1))
    for name, unit, prepare in benches:
        seconds, count = [], 1
        for _ in range(rounds):
            job, count = prepare()
            seconds.append(_timed(job))
            progress.step()
        yield Result(name, unit, count, statistics.median(seconds), min(seconds), max(seconds))
    yield from _study(seed, rounds, progress)
