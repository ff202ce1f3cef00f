"""The published comparison beside ours, and what the simulation says of every policy.

In 2008 the share of huge pages obtained under load was published for two machines, without and with capture, as a mean
over "various rates" of requests.  Here each machine is simulated at three rates, and every figure is the mean of the
three, seed by seed.  docs/study.md discusses the results.

  buddycap compare                                    none and v3 on both machines, 24 seeds: 288 runs
  buddycap compare --policies all --out DIR           and a verdict on every policy
  buddycap compare --policies all --out DIR --resume  after an interruption
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from math import isfinite
from types import MappingProxyType
from typing import Any

from ..errors import MisuseError
from ..escape import say
from ..machine import parse_pages
from ..policies.files import find_policies
from ..progress import Progress
from .config import PRESET_CHANGES, preset_config
from .export import dumps, export
from .findings import finding, tried, verdict
from .plan import Case, Plan, with_periods
from .running import (
    add_store_arguments,
    add_worker_arguments,
    factors_of,
    keeping,
    open_store,
    runner,
    tell_failed,
    told_seeds,
)
from .store import Record
from .summary import grouped, laid_out, resampled, shown, summarize

__all__ = ["PUBLISHED", "averaged", "compare_plan", "comparison"]

# Success in percent without and with capture, and the gain in points as printed: A. Whitcroft, cover letter of "reclaim
# page capture" v3, 5 September 2008.
PUBLISHED = MappingProxyType({"x86_64": (54.1, 56.6, 2.48), "ppc64": (22.0, 27.6, 5.55)})
BASE = "none"
REFERENCE = "v3"

Row = dict[str, Any]


def compare_plan(policies: str, seeds: Sequence[int], periods: Sequence[float], memory_pages: int) -> Plan:
    """Return the study of the comparison: both machines, at each period.

    Raises
    ------
    MisuseError
        If the first policy is not none: what was published is compared with it.
    """
    rows = find_policies(policies)
    if rows[0].name != BASE:
        raise MisuseError(f"--policies {policies}: {BASE!r}, the mainline of 2008, comes first; `study` takes any")
    machines = [Case(name, preset_config(name, memory_pages)) for name in PUBLISHED]
    return Plan(tuple(with_periods(machines, periods)), rows, tuple(seeds))


def averaged(plan: Plan, records: Sequence[Record]) -> tuple[Plan, list[Record]]:
    """Return plan and records with the cases of each preset made one: the mean of each figure, seed by seed.

    A seed that has an error at one of the periods has one in the mean.
    """
    names = {case.label: case.config.preset for case in plan.cases}
    cases: dict[str, Case] = {}
    for case in plan.cases:
        cases.setdefault(case.config.preset, Case(case.config.preset, case.config.replace(period_percent=100)))
    groups: dict[tuple[str, str, int], list[Record]] = {}
    for record in records:
        groups.setdefault((names[record.case], record.policy, record.seed), []).append(record)
    wanted = {preset: sum(name == preset for name in names.values()) for preset in cases}
    means = [_mean(preset, group) for (preset, _, _), group in groups.items() if len(group) == wanted[preset]]
    return replace(plan, cases=tuple(cases.values())), means


def _mean(preset: str, group: Sequence[Record]) -> Record:
    """Return the mean of some runs of one policy and seed."""
    first = group[0]
    error = next((record.error for record in group if not record.ok), "")
    if error:
        return Record(preset, first.policy, first.seed, error, "", {}, {})
    names = [name for name, value in first.summary.items() if isinstance(value, int | float)]
    figures = {name: [float(record.summary[name]) for record in group] for name in names}
    mean = {name: sum(values) / len(values) for name, values in figures.items() if all(map(isfinite, values))}
    return Record(preset, first.policy, first.seed, "", " ".join(record.digest for record in group), mean, {})


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


def _published_text(result: Row) -> str:
    lines = [["machine", "published", "", "", "simulated", "", "", ""]]
    lines.append(["", "mainline %", "capture %", "gain", "none %", f"{REFERENCE} %", "gain ± t", "bootstrap"])
    for row in result["machines"]:
        told = row["published"]
        cells = [row["preset"], f"{told['without']:.1f}", f"{told['with']:.1f}", f"{told['gain']:+.2f}"]
        ours = [shown(row["without"]), shown(row["with"]), shown(row["gain"], signed=True), resampled(row["gain"])]
        lines.append([*cells, *ours])
    if all(line[-1] == "-" for line in lines[2:]):  # too few seeds for the bootstrap
        lines = [line[:-1] for line in lines]
    return laid_out(lines, left=1)


def _remarks(result: Row) -> list[str]:
    """Return what has to be said with the table."""
    told = []
    for row in result["machines"]:
        if "contains_published" in row:
            inside = "contains" if row["contains_published"] else "does not contain"
            sign = "above 0" if row["above_zero"] else "not above 0"
            told.append(
                f"{row['preset']}: baseline {row['baseline_off_by']:+.2f} from the published one; the interval of the "
                f"gain is {sign} and {inside} the published {row['published']['gain']:+.2f}"
            )
    for name, values in result["calibrated"].items():
        chosen = ", ".join(f"{key} = {value}" for key, value in values.items()) or "nothing"
        told.append(f"calibrated, {name}: {chosen}; everything else is common to both machines, nothing is per policy")
    return told


def _policies_text(result: Row) -> str:
    names = [row["preset"] for row in result["machines"]]
    lines = [["policy", *(f"{name}: gain" for name in names), "verdict"]]
    for row in result["policies"]:
        gains = [shown(row["machines"][name]["gain"], signed=True) for name in names]
        lines.append([row["policy"], *gains, row["verdict"]])
    return laid_out(lines, left=1, last_left=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap compare`."""
    what = parser.add_argument_group("what is run")
    what.add_argument("--policies", default="none,v3", metavar="NAMES", help="by commas, or 'all' (default: none,v3)")
    what.add_argument("--memory", default="4GiB", metavar="SIZE", help="of both machines (default: 4GiB)")
    what.add_argument("--seeds", type=int, default=24, metavar="N", help="runs of each (default: 24)")
    what.add_argument("--seed", type=int, default=1, metavar="S", help="first seed (default: 1)")
    what.add_argument("--periods", default="0.5,1,2", metavar="F,F", help="factors of the time between requests")
    out = parser.add_argument_group("what comes out")
    add_store_arguments(out)
    out.add_argument("--json", action="store_true", help="print one JSON object")
    add_worker_arguments(parser)


def command(args: argparse.Namespace) -> int:
    """Run `buddycap compare`."""
    if args.seeds < 1:
        raise MisuseError(f"--seeds={args.seeds}: at least 1 is wanted")
    seeds = range(args.seed, args.seed + args.seeds)
    periods = factors_of(args.periods)
    plan = compare_plan(args.policies, seeds, periods, parse_pages(args.memory, "memory"))
    begin = time.perf_counter()
    with open_store(args) as store:
        with keeping(plan, store, "json" if args.json else "table"), Progress(0, "runs") as progress:
            records = runner(args, store, progress)(plan)
        if store.folder is not None:
            export(store, plan)
    result = comparison(plan, records)
    status = tell_failed(records)
    if args.json:
        say(dumps(result))
        return status
    rates = ", ".join(f"x{factor:g}" for factor in periods)
    counted = told_seeds(plan.seeds)
    say(f"Success, mean of request periods {rates}; {args.memory}; {counted}, 95 % intervals. Simulated, not measured.")
    say(_published_text(result))
    say("\n".join(_remarks(result)))
    if result["policies"]:
        say(f"\nGain over {BASE}, points, tried with {result['tried']}; ", end="")
        say(f"{len(records)} runs in {time.perf_counter() - begin:.0f} s")
        say(_policies_text(result))
    return status
