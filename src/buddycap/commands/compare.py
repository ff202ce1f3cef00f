"""The published comparison beside ours, and what the simulation says of every policy.

In 2008 the share of huge pages obtained under load was published for two machines, without and with capture, as a mean
over "various rates" of requests.  Here each machine is simulated at three rates, and every figure is the mean of the
three, seed by seed.  The page "study" of the documentation discusses the results.

In 2019 the same was published of direct compaction that captures what it has made, for threads that fault in huge
pages.  With --kernel 6.1 or 6.12 that is simulated in two scenes: memory full of files, and memory with room.

  buddycap compare                                    none and v3 on both machines, 24 seeds: 288 runs
  buddycap compare --policies all --out DIR           and a verdict on every policy
  buddycap compare --policies all --out DIR --resume  after an interruption
  buddycap compare --kernel 6.12                      off and capture, 3 to 32 threads: 512 runs
  buddycap compare --format html > report.html        for a browser; --format mmtests as users of mmtests read it
"""

import argparse
import time
from collections.abc import Sequence

from ..errors import MisuseError
from ..escape import say
from ..kernels import KERNELS
from ..policies.capture import POLICIES
from ..policies.compaction import COMPACTION_POLICIES
from ..progress import Progress
from ..sizes import parse_pages
from ..study.comparison import BASE, REFERENCE, Row, averaged, compare_plan, comparison
from ..study.config import DEFAULT_POLICIES
from ..study.export import dumps, export
from ..study.faultcomparison import THREADS, fault_comparison, fault_plan
from ..study.plan import Plan
from ..study.summary import laid_out, resampled, shown
from ..views.mmtests import mmtests_html, mmtests_text
from .experiment import (
    add_store_arguments,
    add_worker_arguments,
    factors_of,
    keeping,
    open_store,
    runner,
    tell_failed,
    told_seeds,
)
from .offers import offering

__all__ = ["add_arguments", "command"]

# Changes over no capture that are told, in percent; and which of them were published as one number.
_CHANGED = (
    ("compact_free_scanned", "free scanned"),
    ("compact_migrate_scanned", "migrate scanned"),
    ("latency_ms", "latency"),
    ("latency_huge_ms", "of huge"),
    ("latency_base_ms", "of base"),
    ("stall_success_percent", "success/stall"),
)
_TOTALS = ("compact_free_scanned", "compact_migrate_scanned")

FORMATS = ("table", "json", "mmtests", "html")
SEEDS, FAULT_SEEDS = 24, 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap compare`."""
    what = parser.add_argument_group("what is run")
    what.add_argument("--kernel", choices=tuple(DEFAULT_POLICIES), default="2.6.27", help="whose capture (2.6.27)")
    policies = what.add_argument(
        "--policies", metavar="NAMES", help="by commas, or 'all' (default: none,v3; of 6.1 and 6.12: off,capture)"
    )
    offering(policies, ("all", *POLICIES, *COMPACTION_POLICIES))
    what.add_argument("--threads", metavar="N,N", help="with --kernel 6.1 or 6.12 (default: 3,5,7,12,18,24,30,32)")
    what.add_argument("--memory", default="4GiB", metavar="SIZE", help="of both machines (default: 4GiB)")
    what.add_argument("--seeds", type=int, metavar="N", help="runs of each (default: 24; of 6.1 and 6.12: 16)")
    what.add_argument("--seed", type=int, default=1, metavar="S", help="first seed (default: 1)")
    what.add_argument("--periods", metavar="F,F", help="factors of the time between requests (default: 0.5,1,2)")
    out = parser.add_argument_group("what comes out")
    add_store_arguments(out)
    out.add_argument(
        "--format",
        choices=FORMATS,
        default="table",
        help="mmtests: as compare-mmtests reports (default: table)",
    )
    out.add_argument("--json", action="store_const", dest="format", const="json", help="same as --format json")
    add_worker_arguments(parser)


def command(args: argparse.Namespace) -> int:
    """Run `buddycap compare`."""
    faulting = KERNELS[args.kernel].compacts
    count = (FAULT_SEEDS if faulting else SEEDS) if args.seeds is None else args.seeds
    if count < 1:
        raise MisuseError(f"--seeds={count}: at least 1 is wanted")
    seeds = range(args.seed, args.seed + count)
    policies = args.policies or DEFAULT_POLICIES[args.kernel]
    if faulting:
        return _faults(args, policies, seeds)
    if args.threads is not None:
        raise MisuseError("--threads: goes with --kernel 6.1 or 6.12")
    periods = factors_of(args.periods or "0.5,1,2")
    plan = compare_plan(policies, seeds, periods, parse_pages(args.memory, "memory"))
    begin = time.perf_counter()
    with open_store(args) as store:
        with keeping(plan, store, args.format), Progress(0, "runs") as progress:
            records = list(runner(args, store, progress)(plan))
        if store.folder is not None:
            export(store, plan)
    result = comparison(plan, records)
    status = tell_failed(records)
    if args.format == "json":
        say(dumps(result))
        return status
    if args.format != "table":
        machines = averaged(plan, records)
        notes = [f"{told_seeds(plan.seeds)}, {args.memory}; simulated, not measured.", *_remarks(result)]
        page = mmtests_html(*machines, title="Reclaim page capture: mainline and proposals", notes=notes)
        say(page if args.format == "html" else mmtests_text(*machines), end="" if args.format == "html" else "\n")
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


def _threads_of(words: str) -> list[int]:
    """Return the numbers of threads of `--threads`."""
    try:
        return [int(word) for word in words.split(",")]
    except ValueError:
        raise MisuseError(f"--threads {words}: whole numbers by commas are wanted") from None


def _faults(args: argparse.Namespace, policies: str, seeds: Sequence[int]) -> int:
    """Run the comparison of a kernel that compacts."""
    if args.periods is not None:
        raise MisuseError(f"--periods: of requests, which --kernel {args.kernel} does not make")
    threads = THREADS if args.threads is None else _threads_of(args.threads)
    plan = fault_plan(policies, seeds, parse_pages(args.memory, "memory"), threads, args.kernel)
    with open_store(args) as store:
        with keeping(plan, store, args.format), Progress(0, "runs") as progress:
            records = list(runner(args, store, progress)(plan))
        if store.folder is not None:
            export(store, plan)
    status = tell_failed(records)
    if args.format == "json":
        say(dumps(fault_comparison(plan, records)))
    elif args.format == "mmtests":
        say(mmtests_text(plan, records))
    elif args.format == "html":
        say(mmtests_html(plan, records, title="Capture by direct compaction: without, as it is, and proposals"), end="")
    else:
        say(_faults_text(plan, fault_comparison(plan, records), args.memory))
    return status


def _faults_text(plan: Plan, result: Row, memory: str) -> str:
    """Return the published changes beside ours, and the verdicts."""
    seeds = f"{memory}; {told_seeds(plan.seeds)}, 95 % intervals"
    lines = [["scene", "policy", "huge %", "gain, points", *(name for _, name in _CHANGED)]]
    for name, row in result["published"].items():
        cells = [f"{row[figure]:+.0f}" if figure in _TOTALS else "" for figure, _ in _CHANGED]
        gains = list(row["success_percent"].values())
        level = sum(row["without"].values()) / len(gains)
        lines.append(
            [f"published, {name}", "capture", f"{level:.1f} before", f"{min(gains):+.1f}..{max(gains):+.1f}", *cells]
        )
    for row in result["scenes"]:
        changes = [shown(row["changes"][figure], 0, signed=True) for figure, _ in _CHANGED]
        cells = [shown(row["figures"].get("success_percent")), shown(row["gain"], signed=True)]
        lines.append([row["case"], row["policy"], *cells, *(changes if row["gain"] else [""] * len(changes))])
    verdicts = [[row["case"], row["policy"], row["verdict"]] for row in result["scenes"] if row["verdict"]]
    told = [
        f"Means over the numbers of threads; changes over off in percent; {seeds}. Simulated, not measured.",
        laid_out(lines, left=2),
        "",
        laid_out([["scene", "policy", "verdict"], *verdicts], left=2, last_left=True),
    ]
    return "\n".join(told)


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
