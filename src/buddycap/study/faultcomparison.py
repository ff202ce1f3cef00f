"""The published effect of the capture of 2019 beside ours, and what the simulation says of every policy of compaction.

Published are two measurements of one patch on whole machines, each a run for every number of threads, without
intervals.  Here each scene of the faulting load is simulated with the same numbers of threads; figures of a scene are
means over these, seed by seed.  docs/study-6.1.md discusses the results.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from ..errors import MisuseError
from ..policies.files import Policy, find_policies
from .aggregate import summarize
from .comparison import averaged
from .faultload import FAULTING_SCENES, faulting_config
from .findings import finding, verdict
from .plan import Case, Plan
from .stats import mean_interval
from .store import Record
from .summary import GAIN, difference, grouped, pairs

__all__ = ["BASE", "PUBLISHED_FAULTS", "REFERENCE", "THREADS", "fault_comparison", "fault_plan", "judged", "relative"]

BASE = "off"
REFERENCE = "capture"
THREADS = (3, 5, 7, 12, 18, 24, 30, 32)

Pair = tuple[float, float]


def _by_threads(*pairs: Pair) -> dict[int, Pair]:
    return dict(zip(THREADS, pairs, strict=True))


# Without and with capture: M. Gorman, 4 January 2019, patch 24 of 25 (P1), and 18 January 2019, patch 22 of 22 (P2).
# Percentage huge and mean latency (us) by number of threads, and pages scanned to be moved and to move to, of all.
PUBLISHED_FAULTS = MappingProxyType(
    {
        "P1": {
            "huge": _by_threads(
                (99.95, 99.98),
                (98.83, 98.01),
                (96.78, 98.30),
                (98.85, 97.76),
                (97.52, 99.05),
                (97.07, 99.34),
                (96.59, 99.08),
                (95.94, 99.03),
            ),
            "latency": _by_threads(
                (2624.85, 2594.49),
                (3842.66, 4088.32),
                (5459.47, 5936.54),
                (9276.60, 10160.85),
                (14030.73, 13908.92),
                (13298.10, 16819.86),
                (17648.62, 17901.74),
                (19161.67, 18621.32),
            ),
            "migrate": (20338945, 18133661),
            "free": (12590377, 7986174),
        },
        "P2": {
            "huge": _by_threads(
                (96.70, 98.23),
                (96.99, 95.30),
                (94.19, 97.24),
                (94.95, 97.35),
                (96.74, 97.30),
                (97.07, 97.55),
                (95.69, 98.50),
                (96.70, 99.27),
            ),
            "latency": _by_threads(
                (2582.11, 2563.68),
                (4500.26, 4233.52),
                (5819.53, 6333.65),
                (9321.18, 9759.38),
                (9782.76, 10338.76),
                (15272.81, 13379.55),
                (15121.34, 16158.25),
                (18466.67, 18971.21),
            ),
            "migrate": (20815362, 19573286),
            "free": (16352612, 11510663),
        },
    }
)

# Figures of which the change over no capture is told in percent.
CHANGES = (
    *("compact_free_scanned", "compact_migrate_scanned", "latency_ms", "latency_huge_ms", "latency_base_ms"),
    *("stall_success_percent", "background_per_s"),
)

Row = dict[str, Any]


def fault_plan(
    policies: str | Iterable[str | Policy],
    seeds: Sequence[int],
    memory_pages: int,
    threads: Sequence[int] = THREADS,
    kernel: str = "6.1",
) -> Plan:
    """Return the study of the comparison: both scenes with each number of threads.

    Raises
    ------
    MisuseError
        If the first policy is not off: what was published is compared with it.
    """
    rows = find_policies(policies, kernel)
    if rows[0].name != BASE:
        raise MisuseError(f"policies: {rows[0].name}: {BASE!r}, compaction without capture, comes first")
    cases = tuple(
        Case(f"{scene} threads={n}", faulting_config(kernel, n, memory_pages, scene))
        for scene in FAULTING_SCENES
        for n in threads
    )
    return Plan(cases, rows, tuple(seeds))


def relative(own: Sequence[Record], base: Sequence[Record], name: str) -> Row:
    """Return by how many percent of the mean of the base a figure differs, paired by seed.

    Returns
    -------
    dict
        `mean`, `half_width` and `n`; n is 0 where there is no such figure.
    """
    if not own or not all(name in record.summary for record in (*own, *base) if record.ok):
        return asdict(mean_interval([]))
    ours, theirs = pairs(own, base, name)
    level = sum(theirs) / len(theirs) if theirs else 0.0
    if not level:
        return asdict(mean_interval([]))
    return asdict(mean_interval([100 * (a - b) / level for a, b in zip(ours, theirs, strict=True)]))


def judged(rows: list[Row], groups: Mapping[tuple[str, str], Sequence[Record]], where: str) -> list[Row]:
    """Return rows of `summarize` with what each policy changes, beside `capture`, and the verdict on it.

    Parameters
    ----------
    rows : list of dict
    groups : mapping
        The records that the rows are of, by case and policy.
    where : str
        What was tried, for the verdicts.

    Returns
    -------
    list of dict
        The rows, with the `changes` of `CHANGES` in percent, the difference `against` `capture`, and a `verdict`.
    """
    for row in rows:
        own, base, now = (groups.get((row["case"], name), []) for name in (row["policy"], BASE, REFERENCE))
        row["changes"] = {name: relative(own, base, name) for name in CHANGES}
        row["against"] = difference(own, now) if row["policy"] not in (BASE, REFERENCE) else None
        row["verdict"] = None
        if row["policy"] != BASE:
            is_now = row["policy"] == REFERENCE
            found = {row["case"] or "this load": finding(own, base, [] if is_now else now)}
            row["verdict"] = verdict(found, REFERENCE, is_now, where=where)
    return rows


def fault_comparison(plan: Plan, records: Sequence[Record]) -> Row:
    """Return everything that `buddycap compare` says of a kernel that compacts, as JSON can hold it.

    Returns
    -------
    dict
        `scenes`: for each scene and policy a row of `summarize` of the means over the threads, as `judged` returns it.
        `threads`: rows of `summarize` for each scene and number of threads.
        `published`: what was published: gains in points and changes in percent.
    """
    mean_plan, means = averaged(plan, records, _scene)
    rows = summarize(mean_plan, means)
    where = f"threads: {', '.join(map(str, _threads(plan)))}"
    return {
        "seeds": list(plan.seeds),
        "memory_pages": plan.cases[0].config.memory_pages,
        "scenes": judged(rows, grouped(means), where),
        "threads": summarize(plan, records),
        "published": {name: _published(told) for name, told in PUBLISHED_FAULTS.items()},
        "errors": [asdict(record) for record in records if not record.ok],
    }


def _threads(plan: Plan) -> list[int]:
    """Return the numbers of threads of a plan."""
    return sorted({case.config.threads for case in plan.cases})


def _scene(case: Case) -> str:
    """Return the scene of a case of `fault_plan`."""
    return case.label.partition(" ")[0]


def _published(told: Row) -> Row:
    """Return the published differences: points for huge pages, percent for all else."""

    def percent(pair: Pair) -> float:
        return 100 * (pair[1] / pair[0] - 1)

    return {
        GAIN: {n: after - before for n, (before, after) in told["huge"].items()},
        "without": {n: before for n, (before, _) in told["huge"].items()},
        "latency_ms": {n: percent(pair) for n, pair in told["latency"].items()},
        "compact_migrate_scanned": percent(told["migrate"]),
        "compact_free_scanned": percent(told["free"]),
    }
