"""The published comparison beside ours, and what the simulation says of every policy.

In 2008 the share of huge pages obtained under load was published for two machines, without and with capture, as a mean
over "various rates" of requests.  Here each machine is simulated at three rates, and every figure is the mean of the
three, seed by seed.  docs/study.md discusses the results.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from math import isfinite
from types import MappingProxyType
from typing import Any

from ..errors import MisuseError
from ..policies.files import Policy, find_policies
from .aggregate import summarize
from .config import PRESET_CHANGES, preset_config
from .findings import finding, tried, verdict
from .plan import Case, Plan, with_periods
from .store import Record
from .summary import grouped

__all__ = ["PUBLISHED", "averaged", "compare_plan", "comparison"]

# Success in percent without and with capture, and the gain in points as printed: A. Whitcroft, cover letter of "reclaim
# page capture" v3, 5 September 2008.
PUBLISHED = MappingProxyType({"x86_64": (54.1, 56.6, 2.48), "ppc64": (22.0, 27.6, 5.55)})
BASE = "none"
REFERENCE = "v3"

Row = dict[str, Any]


def compare_plan(
    policies: str | Iterable[str | Policy], seeds: Sequence[int], periods: Sequence[float], memory_pages: int
) -> Plan:
    """Return the study of the comparison: both machines, at each period.

    Raises
    ------
    MisuseError
        If the first policy is not none: what was published is compared with it.
    """
    rows = find_policies(policies)
    if rows[0].name != BASE:
        raise MisuseError(f"policies: {rows[0].name}: {BASE!r}, the mainline of 2008, comes first; `study` takes any")
    machines = [Case(name, preset_config(name, memory_pages)) for name in PUBLISHED]
    return Plan(tuple(with_periods(machines, periods)), rows, tuple(seeds))


def averaged(
    plan: Plan, records: Sequence[Record], group: Callable[[Case], str] = lambda case: case.config.preset
) -> tuple[Plan, list[Record]]:
    """Return plan and records with the cases of each group made one: the mean of each figure, seed by seed.

    A seed that has an error in one of the cases has one in the mean.
    """
    names = {case.label: group(case) for case in plan.cases}
    cases: dict[str, Case] = {}
    for case in plan.cases:
        cases.setdefault(names[case.label], Case(names[case.label], case.config.replace(period_percent=100)))
    groups: dict[tuple[str, str, int], list[Record]] = {}
    for record in records:
        groups.setdefault((names[record.case], record.policy, record.seed), []).append(record)
    wanted = {label: sum(name == label for name in names.values()) for label in cases}
    means = [_mean(label, runs) for (label, _, _), runs in groups.items() if len(runs) == wanted[label]]
    return replace(plan, cases=tuple(cases.values())), means


def _mean(label: str, group: Sequence[Record]) -> Record:
    """Return the mean of some runs of one policy and seed."""
    first = group[0]
    error = next((record.error for record in group if not record.ok), "")
    if error:
        return Record(label, first.policy, first.seed, error, "", {}, {})
    names = [name for name, value in first.summary.items() if isinstance(value, int | float)]
    figures = {name: [float(record.summary[name]) for record in group] for name in names}
    mean = {name: sum(values) / len(values) for name, values in figures.items() if all(map(isfinite, values))}
    return Record(label, first.policy, first.seed, "", " ".join(record.digest for record in group), mean, {})


def comparison(plan: Plan, records: Sequence[Record]) -> Row:
    """Return everything that `buddycap compare` says, as JSON can hold it.

    Returns
    -------
    dict
        `machines`: the published figures of each and ours.  `policies`: a finding for each machine and a verdict, for
        every policy but the first, which the others are compared with.  `tried`: the range of these verdicts.
        `periods`: rows of `summarize` for each machine and period.  `calibrated`: what was set for each machine.
    """
    mean_plan, means = averaged(plan, records)
    rows = summarize(mean_plan, means)
    return {
        "seeds": list(plan.seeds),
        "memory_pages": plan.cases[0].config.memory_pages,
        "machines": [_machine(rows, case.label, plan.policies[0].name) for case in mean_plan.cases],
        "policies": _verdicts(mean_plan, means, rows),
        "tried": tried(case.config for case in plan.cases),
        "periods": summarize(plan, records),
        "calibrated": {case.label: _calibrated(case) for case in mean_plan.cases},
        "errors": [asdict(record) for record in records if not record.ok],
    }


def _calibrated(case: Case) -> Row:
    """Return the parameters that were set for one preset or another, and their values here."""
    names = dict.fromkeys(name for changes in PRESET_CHANGES.values() for name in changes)
    return {name: getattr(case.config, name) for name in names}


def _machine(rows: Sequence[Row], preset: str, base: str) -> Row:
    """Return the published figures of a machine beside ours."""
    by_policy = {row["policy"]: row for row in rows if row["case"] == preset}
    without, with_capture, points = PUBLISHED[preset]
    found: Row = {
        "preset": preset,
        "published": {"without": without, "with": with_capture, "gain": points},
        "without": by_policy[base]["figures"].get("success_percent"),
        "with": None,
        "gain": None,
    }
    own = by_policy.get(REFERENCE)
    if own is not None and own["gain"] is not None and own["gain"]["n"]:
        gain = own["gain"]
        found["with"], found["gain"] = own["figures"].get("success_percent"), gain
        if gain["n"] > 1:
            found["above_zero"] = gain["mean"] > gain["half_width"]
            found["contains_published"] = abs(gain["mean"] - points) <= gain["half_width"]
    if found["without"] is not None:
        found["baseline_off_by"] = found["without"]["mean"] - without
    return found


def _verdicts(plan: Plan, records: Sequence[Record], rows: Sequence[Row]) -> list[Row]:
    """Return a row with a verdict for each policy but the first."""
    groups = grouped(records)
    where = tried(case.config for case in plan.cases)
    found = []
    for policy in plan.policies[1:]:
        findings = {
            case.label: finding(
                groups.get((case.label, policy.name), []),
                groups.get((case.label, plan.policies[0].name), []),
                [] if policy.name == REFERENCE else groups.get((case.label, REFERENCE), []),
            )
            for case in plan.cases
        }
        found.append(
            {
                "policy": policy.name,
                "source": policy.source,
                "rule": policy.rule,
                "machines": {
                    name: asdict(one) | {"words": one.words(REFERENCE)} | {"figures": _figures(rows, name, policy.name)}
                    for name, one in findings.items()
                },
                "verdict": verdict(findings, REFERENCE, policy.name == REFERENCE, where=where),
            }
        )
    return found


def _figures(rows: Sequence[Row], case: str, policy: str) -> Row:
    return next(dict(row["figures"]) for row in rows if row["case"] == case and row["policy"] == policy)
