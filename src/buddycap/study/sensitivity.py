"""What does the gain hang on?  Every parameter of load and machine, one at a time, some percent down and up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import Any

from ..errors import MisuseError
from .config import StudyConfig
from .plan import Case, Plan
from .stats import mean_interval, paired_interval
from .store import Record
from .summary import GAIN, difference, grouped

__all__ = ["AS_IT_IS", "GROUPS", "HELD", "MACHINE", "gaining", "sensitivity", "swings", "varied"]

AS_IT_IS = "as it is"  # label of a case that has none

# What is not varied, and why: everything else that is a number is.
HELD: Mapping[str, str] = MappingProxyType(
    {
        "preset": "it is the machine",
        "memory_pages": "the other sizes follow it",
        "builds": "builds_4gib says how many",
        "period_percent": "request_mib_per_s says how fast",
        "requesters": "a share of one task is none",
        "passes": "what is measured, not what it hangs on",
        "rest_s": "of the third pass, which is not run",
        "load_copies": "of a recorded load",
        "load_time_percent": "of a recorded load",
        "repeat": "a switch",
        "lumpy": "a switch",
        "sync_pass": "a switch",
        "kswapd_orders": "a switch",
        "memalloc_permille": "off: a share of nothing is nothing",
        "min_free_kbytes": "the kernel computes it",
        "pcp_batch": "the kernel computes it",
        "pcp_high": "the kernel computes it",
        "kernel": "it is what is compared",
        "threads": "what is swept, not what it hangs on",
        "defrag": "a word",
        "madvised": "a switch",
        "compact_budget_pages": "one page is as fine as it gets",
    }
)

# Of the machine: its size and marks, what its work costs, its disk.  All others that are varied are of the load.
MACHINE = frozenset(
    (
        *("cpus", "boot_permille", "swap_permille", "swappiness", "congestion_ms", "retry_ms", "congestion_pages"),
        *("scan_ns", "free_ns", "active_ns", "pageout_ns", "fault_ns", "look_ps"),
        *("chunk_pages", "budget_pages", "yield_us", "slice_us", "huge_fault_us"),
        *("compact_scan_ps", "migrate_ns", "batch_ns", "look_ms"),
        *("disk_mib_per_s", "cold_read_pages", "hot_read_pages", "read_cost_us", "swap_cost_us", "write_cost_us"),
    )
)
# Of a part of the load that may be absent: what has no effect then is not varied.
_OF_FAULTS = frozenset(("fault_permille", "huge_fault_us", "aged_run_pages"))
_OF_READERS = frozenset(
    (
        *("readers", "reader_files_permille", "reader_file_pages", "reader_gap_us", "reader_write_permille"),
        "reader_slab_permille",
    )
)
_OF_COMPACTION = frozenset(("compact_scan_ps", "migrate_ns", "batch_ns", "look_ms"))
_OF_REQUESTS = frozenset(("request_mib_per_s",))
_OF_BUILDS = frozenset(
    (
        *("builds_4gib", "process_pages", "process_pages_least", "process_pages_most_permille", "process_sigma"),
        *("process_ms", "process_time_sigma", "process_kernel_pages", "process_order2_permille", "gap_ms"),
        *("touch_permille", "recent_permille", "cold_pages", "dirty_pages", "slab_pages", "hot_touches", "hot_pages"),
        "hot_read_pages",
    )
)
GROUPS = ("all", "load", "machine")

Row = dict[str, Any]


def varied(config: StudyConfig, percent: float, group: str = "all") -> dict[str, tuple[Any, Any]]:
    """Return every parameter that is varied, with its value some percent down and up.

    Parameters
    ----------
    config : StudyConfig
    percent : float, percent, above 0 and below 100
    group : str
        One of `GROUPS`: the parameters of the load, those of the machine, or both.

    Returns
    -------
    dict of str to (number, number)
        Whole numbers are rounded, halves away from what they were.

    Raises
    ------
    MisuseError
        If the share is out of range, or there is no such group.

    Examples
    --------
    >>> found = varied(StudyConfig(), 25)
    >>> found["hot_pages"], found["stream_mib_per_s"], found["process_kernel_pages"]
    ((26250, 43750), (3.75, 6.25), (4, 8))
    """
    if not 0 < percent < 100:
        raise MisuseError(f"sensitivity={percent:g}: above 0 and below 100 percent is wanted")
    if group not in GROUPS:
        raise MisuseError(f"group={group!r}: allowed are {', '.join(GROUPS)}")
    found = {}
    without = HELD.keys() | _idle(config)
    for field in fields(config):
        if field.name not in without and group in ("all", "machine" if field.name in MACHINE else "load"):
            value = getattr(config, field.name)
            change = value * percent / 100
            if field.type is int:
                change = int(change + 0.5)
                found[field.name] = (value - change, value + change)
            else:  # no digits that only binary fractions have
                found[field.name] = (round(value - change, 9), round(value + change, 9))
    return found


def _idle(config: StudyConfig) -> set[str]:
    """Return the parameters that belong to parts of the load that are absent."""
    found = set(_OF_REQUESTS if config.threads else _OF_FAULTS)
    if not config.readers:
        found |= _OF_READERS
    if not config.nr_builds:
        found |= _OF_BUILDS
    if not config.slice_us:
        found.add("slice_us")
    return found


def sensitivity(cases: Iterable[Case], percent: float, group: str = "all") -> list[Case]:
    """Return each case as it is, and twice for every parameter of `varied`.

    Raises
    ------
    MisuseError
        If the share is out of range, or there is no such group.

    Examples
    --------
    >>> [case.label for case in sensitivity([Case("", StudyConfig())], 25)[:3]]
    ['as it is', 'cpus=3', 'cpus=5']
    """
    found = []
    for case in cases:
        base = Case(case.label or AS_IT_IS, case.config)
        found.append(base)
        for name, values in varied(case.config, percent, group).items():
            found += [Case(_label(base, name, value), case.config.replace(**{name: value})) for value in values]
    return found


def _label(base: Case, name: str, value: float) -> str:
    """Return what a case is called in which one number of another is changed."""
    return f"{name}={value}" if base.label == AS_IT_IS else f"{base.label} {name}={value}"


def _changed(base: Case, case: Case) -> str | None:
    """Return the parameter in which `sensitivity` has changed a case, if this one comes from it."""
    names = [field.name for field in fields(StudyConfig) if _value(base, field.name) != _value(case, field.name)]
    if len(names) == 1 and names[0] not in HELD and case.label == _label(base, names[0], _value(case, names[0])):
        return names[0]
    return None


def _value(case: Case, name: str) -> Any:
    return getattr(case.config, name)


def _families(cases: Iterable[Case]) -> list[tuple[Case, dict[str, list[Case]]]]:
    """Return each case that comes from no other, and those that come from it by the parameter that is changed."""
    found: list[tuple[Case, dict[str, list[Case]]]] = []
    for case in cases:
        name = _changed(found[-1][0], case) if found else None
        if name is None:
            found.append((case, {}))
        else:
            found[-1][1].setdefault(name, []).append(case)
    return found


def gaining(plan: Plan) -> str:
    """Return the policy whose gain is told where one is: v3, or else the second."""
    names = [policy.name for policy in plan.policies_of(plan.cases[0])[1:]]
    return "v3" if "v3" in names else names[0]


def swings(plan: Plan, records: Sequence[Record]) -> list[Row]:
    """Return how far each parameter moves the gain of v3, or else of the second policy, over the first.

    Parameters
    ----------
    plan : Plan
        With cases of `sensitivity`; others are left out.
    records : sequence of Record
        Runs of this plan.

    Returns
    -------
    list of dict
        One for each case as it is and parameter, those of a case together, the parameter that moves most first: `case`,
        `preset`, `parameter`, `value`, `baseline` (success of the first policy: mean, half width, n) and `gain` (see
        `difference`) as it is, `less` and `more`.  Each of these two has `value`, `baseline`, `gain` and `change`:
        mean, half width and n of the gain less that of the case as it is, by seed.
        `swing` is the larger of the two changes, in points, without its sign.
    """
    policy, none = gaining(plan), plan.policies[0].name
    groups = grouped(records)

    def side(case: Case, base: Case, name: str) -> Row:
        own, first, own_base, first_base = (groups.get((c.label, p), []) for c in (case, base) for p in (policy, none))
        changed, as_it_is = _gains(own, first), _gains(own_base, first_base)
        both = [seed for seed in changed if seed in as_it_is]
        change = paired_interval([changed[seed] for seed in both], [as_it_is[seed] for seed in both])
        return {
            "value": _value(case, name),
            "baseline": asdict(mean_interval([record.summary[GAIN] for record in first if record.ok])),
            "gain": difference(own, first),
            "change": asdict(change),
        }

    found = []
    for base, changed in _families(plan.cases):
        rows = []
        for name, cases in changed.items():
            sides = [side(case, base, name) for case in sorted(cases, key=lambda case: _value(case, name))]
            if len(sides) == 2 and all(one["change"]["n"] for one in sides):
                row = {"case": base.label, "preset": base.config.preset, "parameter": name, **side(base, base, name)}
                del row["change"]
                row |= {"less": sides[0], "more": sides[1]}
                rows.append(row | {"swing": max(abs(one["change"]["mean"]) for one in sides)})
        found += sorted(rows, key=lambda row: -row["swing"])
    return found


def _gains(own: Sequence[Record], first: Sequence[Record]) -> dict[int, float]:
    """Return the gain of each seed."""
    base = {record.seed: record.summary[GAIN] for record in first if record.ok}
    return {
        record.seed: record.summary[GAIN] - base[record.seed] for record in own if record.ok and record.seed in base
    }
