"""The experiment: requests for huge pages on a loaded machine, under one capture policy after another.

Policies are compared seed by seed: every actor has a random stream of its own, so that two runs of one seed meet the
same load until the policy makes a difference.  The documentation has
results ("study") and says what is modelled ("model").

  buddycap study                                              none and v3 at 1 GiB
  buddycap study --policies all --memory 4GiB --out DIR       every policy; results in DIR
  buddycap study --policies all --memory 4GiB --out DIR --resume      goes on after an interruption
  buddycap study --sweep builds=3,5,7 --sweep memory=1GiB,2GiB        every combination
  buddycap study --kernel 6.1 --sweep threads=3,12,32         threads that fault in huge pages, on Linux 6.1
  buddycap study --kernel 6.1 --sweep kernel=2.6.27,6.1,6.12  the same load on three kernels
  buddycap study --sensitivity 25 --out DIR                   every parameter 25 percent down and up
  buddycap study --write-config mine.toml                     every parameter with unit and range; --config reads it
  buddycap study --precision 0.5 --max-seeds 96               as many seeds as that half width takes
  mpiexec -n 9 python -m mpi4py.futures -m buddycap study --executor mpi
"""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from .. import recorded
from ..errors import MisuseError
from ..escape import say
from ..kernels import KERNELS
from ..nearest import meant
from ..newfile import check_outputs, write_file
from ..policies.capture import POLICIES
from ..policies.compaction import COMPACTION_POLICIES
from ..policies.files import Policy, find_policies
from ..presets import PRESETS
from ..progress import Progress
from ..sizes import PAGE_SIZE, parse_pages
from ..study.config import DEFAULT_POLICIES, StudyConfig, preset_config
from ..study.configtext import commented_toml
from ..study.export import export
from ..study.faultload import FAULTERS, faulting_config
from ..study.plan import Case, Plan, ablations, sweep, with_periods
from ..study.running import precision_told, run_to_precision
from ..study.sensitivity import GROUPS, sensitivity
from ..study.store import Record
from ..study.workers import recorded_load
from .experiment import (
    FORMATS,
    add_store_arguments,
    add_worker_arguments,
    factors_of,
    keeping,
    open_store,
    runner,
    show,
    tell_failed,
    told_seeds,
)
from .offers import offering

__all__ = ["add_arguments", "command"]

DEFAULT_MEMORY = "1GiB"
MOST_SEEDS = 96


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap study`."""
    what = parser.add_argument_group("what is run")
    what.add_argument("--kernel", choices=tuple(KERNELS), help="what is simulated (default: 2.6.27)")
    what.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help=f"threads that fault in huge pages, in place of the requests (default: {FAULTERS} but for 2.6.27)",
    )
    preset = what.add_argument(
        "--preset", metavar="NAMES", help=f"machines by commas: {', '.join(PRESETS)} (default: x86_64)"
    )
    offering(preset, PRESETS)
    what.add_argument("--memory", metavar="SIZE", help=f"of the synthetic machine (default: {DEFAULT_MEMORY})")
    what.add_argument("--config", metavar="FILE.toml", help="every parameter of the model; replaces --preset, --memory")
    what.add_argument("--from", dest="source", metavar="FILE.npz", help="start from a recording of /proc/kpageflags")
    what.add_argument("--zone", help="zone of the recording (default: the one with most pages in it)")
    what.add_argument("--load", metavar="PATH", help="trace, or folder of a recording, in place of the builds")
    what.add_argument("--load-time", type=int, metavar="P", help="its times in percent: 200 is half as fast (100)")
    policies = what.add_argument(
        "--policies",
        metavar="NAMES",
        help="names and TOML files by commas, or 'all'; gains are against the first of the kernel "
        "(default: none,v3 for 2.6.27 and off,capture for later ones)",
    )
    offering(policies, ("all", *POLICIES, *COMPACTION_POLICIES))
    what.add_argument("--seeds", type=int, default=8, metavar="N", help="runs of each policy and case (default: 8)")
    what.add_argument("--seed", type=int, default=1, metavar="S", help="first seed (default: 1)")
    what.add_argument("--precision", type=float, metavar="P", help="run seeds until every gain is known to ± P points")
    what.add_argument("--max-seeds", type=int, metavar="N", help=f"with --precision (default: {MOST_SEEDS})")
    what.add_argument("--periods", default="1", metavar="F,F", help="factors of the time between requests (default: 1)")
    what.add_argument(
        "--sweep", action="append", default=[], metavar="KEY=A,B", help="values of a parameter; repeatable"
    )
    what.add_argument("--ablations", action="store_true", help="also without each of the causes of the effect")
    what.add_argument("--sensitivity", type=float, metavar="P", help="also with every parameter P percent down and up")
    what.add_argument("--vary", choices=GROUPS, help="with --sensitivity: parameters of load or machine (default: all)")
    what.add_argument(
        "--write-config",
        nargs="?",
        const="-",
        metavar="FILE.toml",
        help="write every parameter with its meaning, unit and range (to standard output), and run nothing",
    )
    out = parser.add_argument_group("what comes out")
    add_store_arguments(out)
    out.add_argument("--format", choices=FORMATS, default="table", help="on standard output (default: table)")
    out.add_argument("--json", action="store_const", dest="format", const="json", help="same as --format json")
    add_worker_arguments(parser)


def command(args: argparse.Namespace) -> int:
    """Run `buddycap study`."""
    if args.write_config is not None:
        return _write_config(args)
    plan = _plan(args)
    begin = time.perf_counter()
    with open_store(args, _inputs(args)) as store:
        with keeping(plan, store, args.format), Progress(0, "runs") as progress:
            run = runner(args, store, progress)
            if args.precision is None:
                records = run(plan)
            else:
                records = run_to_precision(plan, args.precision, run)
                plan = replace(plan, seeds=tuple(dict.fromkeys(record.seed for record in records)))
        if store.folder is not None:
            export(store, plan)
        _tell(args, plan, records, begin)
        return tell_failed(records)


def _inputs(args: argparse.Namespace) -> list[str | Path | None]:
    """Return the files that are read."""
    recordings = [path for path in (args.source, args.load) if path is not None]
    return [args.config, *(file for path in recordings for file in recorded.recorded_files(path))]


def _tell(args: argparse.Namespace, plan: Plan, records: Iterable[Record], begin: float) -> None:
    """Print what has come out, as the arguments say."""
    if args.format == "table":
        say(_heading(plan))
    show(plan, records, args.format)
    if args.format == "table":
        where = f"; every run: {args.out}" if args.out else ""
        firsts = dict.fromkeys(plan.policies_of(case)[0].name for case in plan.cases)
        what = "fault" if plan.cases[0].config.threads else "request"
        say(f"gain against {' and '.join(firsts)}, pages per {what}; {time.perf_counter() - begin:.1f} s{where}")
    if args.precision is not None:
        told = precision_told(plan, records, args.precision)
        say(*told, sep="\n", file=sys.stdout if args.format == "table" else sys.stderr)


def _write_config(args: argparse.Namespace) -> int:
    """Write the configuration that the arguments describe as a file that explains itself."""
    cases = _base_cases(args)
    if len(cases) != 1:
        raise MisuseError(f"--write-config: one machine is wanted; --preset names {len(cases)}")
    text = commented_toml(cases[0].config)
    if args.write_config == "-":
        say(text, end="")
    else:
        check_outputs([args.write_config], inputs=[args.config], force=args.force)
        write_file(args.write_config, text)
    return 0


def _plan(args: argparse.Namespace) -> Plan:
    """Return the study that the arguments describe."""
    cases = _base_cases(args)
    if args.load is not None:
        recorded_load(args.load)  # what is wrong with it is said once, before anything runs
    elif args.load_time is not None:
        raise MisuseError("--load-time: of which load? --load names it")
    if args.load_time is not None:
        cases = [Case(case.label, case.config.replace(load_time_percent=args.load_time)) for case in cases]
    cases = with_periods(cases, factors_of(args.periods))
    cases = sweep(cases, args.sweep)
    if args.ablations:
        cases = ablations(cases)
    if args.sensitivity is not None:
        cases = sensitivity(cases, args.sensitivity, args.vary or "all")
    elif args.vary is not None:
        raise MisuseError("--vary: by how much? --sensitivity P names it")
    if args.precision is None and args.max_seeds is not None:
        raise MisuseError("--max-seeds: to what precision? --precision P names it")
    most = MOST_SEEDS if args.max_seeds is None else args.max_seeds
    option, count = ("--seeds", args.seeds) if args.precision is None else ("--max-seeds", most)
    if count < 1:
        raise MisuseError(f"{option}={count}: at least 1 is wanted")
    seeds = tuple(range(args.seed, args.seed + count))
    return Plan(tuple(cases), _policies(args, cases), seeds, args.source, args.zone, args.load)


def _policies(args: argparse.Namespace, cases: Sequence[Case]) -> tuple[Policy, ...]:
    """Return the policies that are asked for: of every kernel that is simulated."""
    kernels = list(dict.fromkeys(case.config.kernel for case in cases))
    found = [find_policies(args.policies or DEFAULT_POLICIES[kernel], kernel) for kernel in kernels]
    return tuple(dict.fromkeys(policy for rows in found for policy in rows))


def _base_cases(args: argparse.Namespace) -> list[Case]:
    """Return a case for each preset, or the one of a file."""
    if args.zone is not None and args.source is None:
        raise MisuseError("--zone: of which recording? --from names it")
    if args.config is not None:
        if args.preset or args.memory or args.source or args.kernel or args.threads is not None:
            raise MisuseError(
                "--config says what the machine is: --preset, --memory, --from, --kernel and --threads "
                "do not go with it"
            )
        return [Case("", StudyConfig.from_toml(args.config))]
    if args.source is not None:
        if args.memory:
            raise MisuseError("--from says how much memory there is: --memory does not go with it")
        pages = len(recorded.frames_from_recording(args.source, args.zone).kinds)
    else:
        pages = parse_pages(args.memory or DEFAULT_MEMORY, "memory")
    kernel = args.kernel or "2.6.27"
    threads = (0 if kernel == "2.6.27" else FAULTERS) if args.threads is None else args.threads
    if threads or kernel != "2.6.27":
        if args.preset not in (None, "x86_64") or args.source is not None:
            raise MisuseError("--kernel and --threads: on the synthetic machine x86_64 alone, without --from")
        return [Case("", faulting_config(kernel, threads, pages))]
    presets = (args.preset or "x86_64").split(",")
    for name in presets:
        if name not in PRESETS:
            raise MisuseError(f"--preset {name}: {meant(name, PRESETS)}")
    return [Case(name if len(presets) > 1 else "", preset_config(name, pages)) for name in presets]


def _heading(plan: Plan) -> str:
    """Return the line above the table."""
    config = plan.cases[0].config
    seeds = f"{told_seeds(plan.seeds)}, 95 % intervals"
    drawn = recorded.drawn_from(plan.source) if plan.source else None
    first = f"{drawn}: one of many machines that fit them\n" if drawn else ""
    if len(plan.cases) > 1:
        return f"{first}{len(plan.cases)} cases, {seeds}"
    memory = f"memory of {plan.source}" if plan.source else "synthetic warm-up"
    memory += f", load of {plan.load}" if plan.load else ""
    requests = f"{config.memory_pages >> config.order} requests of order {config.order}"
    if config.threads:
        requests = f"{config.threads} threads that fault in huge pages, defrag={config.defrag}, Linux {config.kernel}"
    return f"{first}{config.preset}, {config.memory_pages * PAGE_SIZE / 2**30:g} GiB, {memory}: {requests}, {seeds}"
