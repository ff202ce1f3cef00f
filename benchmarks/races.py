"""The races of peers.py: which workloads, from which state of the zone, and what we want to reach.

A *record* is one line of the result: a workload at a size, one contender, its ratio to a baseline of the same
repetition, its time per operation, the goal if there is one, and where it was measured.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cbuild
import contenders
import numpy as np
import workloads
from harness import Race, Spread, load, timed

BASELINE = contenders.KernelStyle.name
SINGLES, RUN, BULK = (c.name for c in (contenders.BuddycapSingles, contenders.BuddycapRun, contenders.BuddycapBulk))
DICT = contenders.Dict.name
PAIR_BASELINE, BYTES_BASELINE, IOTA_BASELINE = "two empty calls", "one byte", "np.arange"
LOWER_IS_BETTER = {PAIR_BASELINE, BYTES_BASELINE}
CAPTURE_LIMIT = 262144
PAIRS = 200_000


# --- workloads ----------------------------------------------------------------------------------------------------
# Each takes a contender, its fresh zone and the zone's pages; gives a job, or None if the contender cannot do it.


def _filled(contender: Any, zone: Any, pages: int) -> np.ndarray:
    """Allocate every page; the pages in the order they came."""
    return np.asarray(contender.alloc_job(zone, pages)(), np.int64)


def _warm(contender: Any, pages: int) -> Any:
    """A merged zone whose every page has been allocated and freed once: nobody pays for the first touch of memory."""
    zone = contender.zone(pages)
    contender.free_job(zone, _filled(contender, zone, pages).copy())()
    return zone


def _alloc_merged(contender, zone, pages):
    return contender.alloc_job(zone, pages)


def _alloc_fresh(contender, zone, pages):
    job = contender.fresh_job(zone, pages)
    if job is not None:
        contender.free_job(zone, np.array(job(), np.int64))()
    return job


def _alloc_narrow(contender, zone, pages):
    return contender.narrow_job(zone, pages)


def _alloc_fragmented(contender, zone, pages):
    _filled(contender, zone, pages)
    contender.free_job(zone, workloads.random_half(pages))()
    return contender.alloc_job(zone, pages // 2)


def _free_in_order(contender, zone, pages):
    return contender.free_job(zone, _filled(contender, zone, pages).copy())


def _free_random(contender, zone, pages):
    _filled(contender, zone, pages)
    return contender.free_job(zone, workloads.random_pfns(pages))


def _free_half(contender, zone, pages):
    _filled(contender, zone, pages)
    return contender.free_job(zone, workloads.random_half(pages))


def _free_two_batches(contender, zone, pages):
    _filled(contender, zone, pages)
    pfns = workloads.random_pfns(pages)
    first, second = (contender.free_job(zone, half) for half in (pfns[: pages // 2], pfns[pages // 2 :]))

    def job():
        first()
        second()

    return job


def _capture(contender, zone, pages):
    if contender.kernel != "2.6.27":
        return None
    _filled(contender, zone, pages)
    return contender.capture_job(zone, workloads.random_pfns(pages)[:CAPTURE_LIMIT])


def _pingpong(order: int, nested: bool) -> Callable:
    return lambda pages, ops: workloads.pingpong_ops(ops // 10, order, nested=nested)


@dataclass(frozen=True)
class Workload:
    """One race: either `prepare` makes the job, or `stream` makes the operations of a stream.

    `operations` counts them for a zone of so many pages and a stream of so many wished operations.
    """

    key: str
    title: str
    operations: Callable[[int, int], int]
    prepare: Callable | None = None
    stream: Callable[[int, int], np.ndarray] | None = None


def _whole(pages, ops):
    return pages


def _half(pages, ops):
    return pages // 2


WORKLOADS = (
    Workload("free_random", "free a whole zone in random order", _whole, _free_random),
    Workload("free_in_order", "free a whole zone in the order of allocation", _whole, _free_in_order),
    Workload("free_half", "free a random half", _half, _free_half),
    Workload("free_two_batches", "free a whole zone in two random batches", _whole, _free_two_batches),
    Workload("alloc_merged", "allocate a whole merged zone", _whole, _alloc_merged),
    Workload("alloc_fresh", "allocate a whole merged zone, a new array each time", _whole, _alloc_fresh),
    Workload("alloc_narrow", "allocate a whole merged zone, as int32", _whole, _alloc_narrow),
    Workload("alloc_fragmented", "allocate from the fragmented half", _half, _alloc_fragmented),
    Workload("mixed", "mixed orders at 70 %, one stream", lambda pages, ops: ops, stream=workloads.mixed_ops),
    Workload("large", "few large blocks at 70 %, one stream", lambda pages, ops: ops, stream=workloads.large_ops),
    Workload(
        "capture", "capture stream: collect, merge, walk, carve", lambda pages, ops: min(pages, CAPTURE_LIMIT), _capture
    ),
    *(
        Workload(
            f"pingpong_{order}_{'nested' if nested else 'split'}",
            f"order-{order} pairs, {'nothing split' if nested else 'split and merged'}",
            lambda pages, ops: ops // 10,
            stream=_pingpong(order, nested),
        )
        for order in (0, 9)
        for nested in (True, False)
    ),
)

#: (workload, contender, baseline) -> {size: ratio}; None stands for every size.
GOALS: dict[tuple[str, str, str], dict[str | None, float]] = {
    ("free_random", BULK, BASELINE): {"1GiB": 70, "16GiB": 55},
    ("alloc_merged", BULK, BASELINE): {"1GiB": 50, "16GiB": 50},
    ("alloc_fresh", BULK, BASELINE): {"1GiB": 50, "16GiB": 30},
    ("free_half", BULK, BASELINE): {"1GiB": 4.5, "16GiB": 3.5},
    ("alloc_fragmented", BULK, BASELINE): {"1GiB": 17, "16GiB": 2.5},
    ("mixed", RUN, BASELINE): {"1GiB": 2.5, "16GiB": 2.0},
    ("large", RUN, BASELINE): {"1GiB": 2.0, "16GiB": 2.0},
    ("mixed", RUN, DICT): {None: 25},
    ("capture", BULK, BASELINE): {"1GiB": 60},
    ("call_pair", SINGLES, PAIR_BASELINE): {None: 1.3},
    ("call_bulk_of_one", BULK, PAIR_BASELINE): {None: 2.2},
    ("alloc_iota", BULK, IOTA_BASELINE): {None: 1.0},
    ("memory", SINGLES, BYTES_BASELINE): {None: 16},
    ("memory_resident", SINGLES, BYTES_BASELINE): {None: 16},
}

#: The same for zones of Linux 6.1.
GOALS_61: dict[tuple[str, str, str], dict[str | None, float]] = {
    ("free_random", BULK, BASELINE): {"1GiB": 40},
    ("free_half", BULK, BASELINE): {"1GiB": 2},
    ("alloc_merged", BULK, BASELINE): {"1GiB": 8},
    ("mixed", RUN, BASELINE): {"1GiB": 1.0, "16GiB": 1.0},
    ("call_pair", SINGLES, PAIR_BASELINE): {None: 1.5},
    ("call_pair_pcp", SINGLES, PAIR_BASELINE): {None: 1.5},
    ("memory", SINGLES, BYTES_BASELINE): {None: 16},
    ("memory_resident", SINGLES, BYTES_BASELINE): {None: 16},
}

#: What a throw-away C prototype with the same kind of lists reached: an idea of what is possible.
PROTOTYPE: dict[str, dict[str, float]] = {
    "free_random": {"1GiB": 73, "16GiB": 67},
    "alloc_merged": {"1GiB": 166, "16GiB": 112},
    "free_half": {"1GiB": 3.4, "16GiB": 2.1},
    "alloc_fragmented": {"1GiB": 11.8, "16GiB": 1.3},
    "mixed": {"1GiB": 1.06, "16GiB": 3.35},
    "capture": {"1GiB": 76},
    "call_pair": {"1GiB": 1.27},
    "call_bulk_of_one": {"1GiB": 2.0},
}


def goal_of(workload: str, contender: str, baseline: str, size: str, kernel: str) -> float | None:
    """The ratio wanted, if any."""
    goals = (GOALS_61 if kernel == "6.1" else GOALS).get((workload, contender, baseline), {})
    return goals.get(size, goals.get(None))


# --- records ------------------------------------------------------------------------------------------------------


def _rounded(value: Any) -> Any:
    """Five significant digits of every number."""
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def record(
    key: str, title: str, pages: int, duel: tuple[str, str], ratio: Spread, kernel: str = "2.6.27", **more: Any
) -> dict[str, Any]:
    """One line of the result; `duel` is the contender and the baseline."""
    contender, baseline = duel
    more = {key: _rounded(value) for key, value in more.items()}
    size, lower = workloads.format_size(pages), baseline in LOWER_IS_BETTER
    goal = goal_of(key, contender, baseline, size, kernel)
    reached = None if goal is None else ratio.median <= goal if lower else ratio.median >= goal
    return {
        "kernel": kernel, "workload": key, "title": title, "size": size, "pages": pages,
        "contender": contender, "baseline": baseline, "ratio": _rounded(vars(ratio)), "lower_is_better": lower,
        "goal": goal, "reached": reached, "ns": None, **more, "load": load(),
    }  # fmt: skip


def race(workload: Workload, pages: int, field: list, repetitions: int, ops: int) -> Iterator[dict[str, Any]]:
    """Run one workload at one size and yield the records of all contenders that can do it."""
    stream = workload.stream(pages, ops) if workload.stream else None

    def prepare(contender):
        zone = _warm(contender, pages)
        job = workload.prepare(contender, zone, pages) if stream is None else contender.run_job(zone, stream)
        return None if job is None else (zone, job)

    heat = Race(field, prepare, lambda pfns: pfns if stream is None else workloads.blocks_of(pfns, stream))
    heat.run(repetitions)
    operations = workload.operations(pages, ops)
    common = {"operations": operations, "repetitions": repetitions, "pfn_stream": heat.stream}
    common["kernel"] = field[0].kernel
    duels = [(name, BASELINE) for name in heat.seconds]
    duels += [(RUN, DICT)] if (workload.key, RUN, DICT) in GOALS and {RUN, DICT} <= heat.seconds.keys() else []
    for name, baseline in duels:
        cost = vars(heat.nanoseconds(name, operations))
        yield record(
            workload.key, workload.title, pages, (name, baseline), heat.ratios(name, baseline), ns=cost, **common
        )


# --- calls from Python --------------------------------------------------------------------------------------------


def call_pairs(allocate: Callable[[int, int], int], free: Callable[[int, int], None], movable: int) -> Callable:
    """Allocate and free a page, PAIRS times."""

    def job():
        for _ in range(PAIRS):
            free(allocate(0, movable), 0)

    return job


def bulk_call_pairs(zone: Any, n: int, pages_per_call: int = 1) -> None:
    """The same with arrays of so many pages."""
    alloc_many, free_many, out = zone.alloc_many, zone.free_many, np.empty(pages_per_call, np.int64)
    for _ in range(n):
        free_many(alloc_many(pages_per_call, out=out))


def iota(pages: int, repetitions: int, kernel: str) -> Iterator[dict[str, Any]]:
    """A merged zone allocated whole, to numpy's writing as many consecutive numbers and to a copy of them."""
    contender = contenders.BuddycapBulk(kernel)
    zone, out, other = _warm(contender, pages), np.empty(pages, np.int64), workloads.all_pfns(pages)
    seconds: dict[str, list[float]] = {"np.arange": [], "copy of the numbers": [], BULK: []}
    for _ in range(repetitions):
        seconds["np.arange"].append(timed(lambda: np.arange(pages, dtype=np.int64))[0])
        seconds["copy of the numbers"].append(timed(lambda: np.copyto(out, other))[0])
        seconds[BULK].append(timed(contender.alloc_job(zone, pages))[0])
        contender.free_job(zone, other)()
    for name, own in seconds.items():
        ratio = Spread.of(floor / mine for mine, floor in zip(own, seconds["np.arange"], strict=True))
        cost = vars(Spread.of(time / pages * 1e9 for time in own))
        title = "write as many numbers as there are pages" if name != BULK else "allocate a whole merged zone"
        yield record("alloc_iota", title, pages, (name, IOTA_BASELINE), ratio, kernel, ns=cost, repetitions=repetitions)


def memory(pages: int, kernel: str) -> Iterator[dict[str, Any]]:
    """Bytes a page: the state, and what of the zone's block is really there after bulk operations, scratch included."""
    zone = _warm(contenders.BuddycapBulk(kernel), pages)
    resident = resident_bytes(zone.address) / pages
    state = zone.image_bytes / pages
    for key, title, value in (("memory", "state", state), ("memory_resident", "resident", resident)):
        spread = Spread(value, value, value)
        yield record(key, f"bytes a page, {title}", pages, (SINGLES, BYTES_BASELINE), spread, kernel)


def resident_bytes(address: int) -> int:
    """How much is there of the mapping that an address lies in."""
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first = line.split(maxsplit=1)[0]
        if "-" in first and not first.endswith(":"):
            begin, end = (int(part, 16) for part in first.split("-"))
            inside = begin <= address < end
        elif inside and first == "Rss:":
            return int(line.split()[1]) * 1024
    raise LookupError(f"{address:#x} is in no mapping")


def call_costs(pages: int, repetitions: int, kernel: str) -> Iterator[dict[str, Any]]:
    """What a checked pair of calls costs from Python, in pairs of empty Cython calls with the same arguments."""
    empty = cbuild.cython_module("empty_calls").EmptyZone()
    nested, split = (contenders.BuddycapSingles(kernel).zone(pages) for _ in range(2))
    movable = workloads.MOVABLE_OF[kernel]
    nested.rmqueue(0, movable)

    def pairs_of(zone):
        return call_pairs(zone.rmqueue, zone.free_one_page, movable)

    calls = [
        ("empty", "two empty calls", PAIR_BASELINE, pairs_of(empty)),
        ("call_pair", "alloc + free from Python, nothing split", SINGLES, pairs_of(nested)),
        ("call_pair_split", "alloc + free from Python, split and merged", SINGLES, pairs_of(split)),
        ("call_bulk_of_one", "alloc_many + free_many of one page", BULK, lambda: bulk_call_pairs(nested, PAIRS)),
    ]
    if kernel != "2.6.27":
        zone = contenders.BuddycapSingles(kernel).zone(pages)
        pairs = call_pairs(zone.rmqueue_zone, zone.free_pages, movable)
        calls.append(("call_pair_pcp", "alloc + free from Python, through the per-CPU lists", SINGLES, pairs))
    seconds: dict[str, list[float]] = {key: [] for key, *_ in calls}
    for _ in range(repetitions):
        for key, _, _, job in calls:
            seconds[key].append(timed(job)[0])
    for key, title, contender, _ in calls:
        ratio = Spread.of(mine / floor for mine, floor in zip(seconds[key], seconds["empty"], strict=True))
        cost = vars(Spread.of(time / PAIRS * 1e9 for time in seconds[key]))
        yield record(key, title, pages, (contender, PAIR_BASELINE), ratio, kernel, ns=cost, repetitions=repetitions)
