"""The experiment: requests for huge pages on a loaded machine, under one capture policy after another.

Policies are compared seed by seed: every actor has a random stream of its own, so that two runs of one seed meet the
same load until the policy makes a difference.  docs/study.md has results, docs/model.md says what is modelled.

  buddycap study                                              none and v3 at 1 GiB
  buddycap study --policies all --memory 4GiB --out DIR       every policy; results in DIR
  buddycap study --policies all --memory 4GiB --out DIR --resume      goes on after an interruption
  buddycap study --sweep builds=3,5,7 --sweep memory=1GiB,2GiB        every combination
  buddycap study --sensitivity 25 --out DIR                   every parameter 25 percent down and up
  buddycap study --precision 0.5 --max-seeds 96               as many seeds as that half width takes
  mpiexec -n 9 python -m mpi4py.futures -m buddycap study --executor mpi
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..errors import MisuseError
from ..escape import say
from ..machine import PAGE_SIZE, PRESETS, parse_pages
from ..newfile import add_force, check_outputs
from ..policies.files import find_policies
from ..progress import Progress
from ..recorded.recording import recorded_files
from .config import StudyConfig, preset_config
from .export import FILES, PARQUET, dumps, export, write_csv, write_jsonl
from .plan import Case, Plan, ablations, sweep, with_periods
from .run import frames_from_recording
from .sensitivity import GROUPS, sensitivity
from .stats import mean_interval, seeds_needed
from .store import DATABASE, Record, Store
from .summary import GAIN, grouped, pairs, summarize, table
from .workers import Pool, perform_all, pool_of, recorded_load, usable_cpus

__all__ = ["run_plan", "run_to_precision"]

DEFAULT_MEMORY = "1GiB"
FORMATS = ("table", "json", "jsonl", "csv")
MOST_SEEDS = 96
FEWEST_MORE = 4  # seeds added at least, when the interval is still too wide

Runner = Callable[[Plan], list[Record]]


def run_plan(
    plan: Plan,
    store: Store | None = None,
    *,
    executor: str | Executor | Pool = "process",
    jobs: int | None = None,
    timeout_s: float | None = None,
    progress: Progress | None = None,
) -> list[Record]:
    """Run what a store does not have of a study.

    Parameters
    ----------
    plan : Plan
    store : Store, optional
        Where the results go, run by run; forgotten if not given.
    executor : str, Executor or callable
        See `find_executor`; a `concurrent.futures.Executor`, such as `Client.get_executor()` of Dask, which is left
        open; or what returns a context manager that opens one, and can do so again when workers have died.
    jobs : int, optional
        Workers; one for each CPU if not given.
    timeout_s : float, s, optional
        A run that takes longer ends in an error.
    progress : Progress, optional

    Returns
    -------
    list of Record
        One for each run, in the order of the plan, errors among them.

    Raises
    ------
    MisuseError
        If executor, jobs or time limit are not possible.

    Examples
    --------
    >>> from buddycap import POLICIES
    >>> case = Case("tiny", StudyConfig(memory_pages=1 << 15, warmup_s=1))
    >>> plan = Plan((case,), (POLICIES["none"], POLICIES["v3"]), (1, 2))
    >>> [(record.policy, record.seed, record.error) for record in run_plan(plan, executor="thread")]
    [('none', 1, ''), ('v3', 1, ''), ('none', 2, ''), ('v3', 2, '')]
    """
    if store is None:
        with Store() as own:
            return run_plan(plan, own, executor=executor, jobs=jobs, timeout_s=timeout_s, progress=progress)
    missing = [task for _, task in plan.tasks() if not store.has(task)]
    width = min(usable_cpus() if jobs is None else jobs, max(len(missing), 1))
    pool = pool_of(executor, width, timeout_s)
    store.plan = plan
    if progress is not None:
        progress.more(len(missing))
    for task, outcome in perform_all(missing, pool, 2 * width, timeout_s):
        store.add(task, outcome)
        if progress is not None:
            progress.step()
    return store.records(plan)


def run_to_precision(plan: Plan, half_width: float, run: Runner) -> list[Record]:
    """Run a study with as many of its seeds as make every gain certain enough, or all of them.

    Parameters
    ----------
    plan : Plan
        Its seeds are all that may be used, in this order; how many are used depends on results, which ones does not.
    half_width : float, points
        Wanted of the 95 % interval (t) of the gain of every policy in every case.
    run : callable
        Runs a plan and returns its records, such as `run_plan` with a store.

    Returns
    -------
    list of Record
        Of every seed that has been run.
    """
    if not half_width > 0:
        raise MisuseError(f"precision={half_width}: above 0 is wanted")
    if len(plan.policies) < 2:
        raise MisuseError("precision: a gain needs two policies")
    n = min(len(plan.seeds), 8)
    while True:
        records = run(replace(plan, seeds=plan.seeds[:n]))
        needed = max(_needed(gain, half_width, 2 * n) for _, gain in _gains(plan, records))
        if needed <= n or n == len(plan.seeds):
            return records
        n = min(len(plan.seeds), max(needed, n + FEWEST_MORE))


def _gains(plan: Plan, records: Sequence[Record]) -> Iterator[tuple[str, list[float]]]:
    """Yield the gains of each policy over the first in each case, seed by seed, under the name of both."""
    groups = grouped(records)
    for case in plan.cases:
        base = groups.get((case.label, plan.policies[0].name), [])
        for policy in plan.policies[1:]:
            a, b = pairs(groups.get((case.label, policy.name), []), base, GAIN)
            yield f"{case.label} {policy.name}".strip(), [x - y for x, y in zip(a, b, strict=True)]


def precision_told(plan: Plan, records: Sequence[Record], half_width: float) -> list[str]:
    """Return how certain the gains of `run_to_precision` are: a line for each that is not certain enough, or one."""
    lines = []
    for name, gain in _gains(plan, records):
        known = mean_interval(gain).half_width
        if not known <= half_width:
            likely = f"about {seeds_needed(gain, half_width)} would do" if len(gain) > 1 else "too few to tell"
            lines.append(f"± {half_width:g} not reached: {name} ± {known:.2f} with {len(gain)} seeds, {likely}")
    return lines or [f"every gain is known to ± {half_width:g} points"]


def _needed(gains: Sequence[float], half_width: float, most: int) -> int:
    """Return the seeds for a half width; twice as many as there are if they are too few to judge."""
    return seeds_needed(gains, half_width, most) if len(gains) > 1 else most


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap study`."""
    what = parser.add_argument_group("what is run")
    what.add_argument("--preset", metavar="NAMES", help=f"machines by commas: {', '.join(PRESETS)} (default: x86_64)")
    what.add_argument("--memory", metavar="SIZE", help=f"of the synthetic machine (default: {DEFAULT_MEMORY})")
    what.add_argument("--config", metavar="FILE.toml", help="every parameter of the model; replaces --preset, --memory")
    what.add_argument("--from", dest="source", metavar="FILE.npz", help="start from a recording of /proc/kpageflags")
    what.add_argument("--zone", help="zone of the recording (default: the one with most pages in it)")
    what.add_argument("--load", metavar="PATH", help="trace, or folder of a recording, in place of the builds")
    what.add_argument("--load-time", type=int, metavar="P", help="its times in percent: 200 is half as fast (100)")
    what.add_argument(
        "--policies",
        default="none,v3",
        metavar="NAMES",
        help="names and TOML files by commas, or 'all'; gains are against the first",
    )
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
    out = parser.add_argument_group("what comes out")
    add_store_arguments(out)
    out.add_argument("--format", choices=FORMATS, default="table", help="on standard output (default: table)")
    out.add_argument("--json", action="store_const", dest="format", const="json", help="same as --format json")
    add_worker_arguments(parser)


def add_store_arguments(group: argparse._ArgumentGroup) -> None:
    """Describe the arguments that say where runs are kept."""
    group.add_argument("--out", metavar="DIR", help="keep every run: SQLite, CSV, JSON lines, Parquet with pyarrow")
    group.add_argument("--resume", action="store_true", help="go on with what DIR has; give the other arguments again")
    group.add_argument("--repair", action="store_true", help="with --resume: run again what is damaged in DIR")
    add_force(group)


def add_worker_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments that say how runs are done."""
    how = parser.add_argument_group("how it is run")
    how.add_argument("--jobs", type=int, metavar="N", help="workers (default: one for each CPU)")
    how.add_argument(
        "--executor",
        default="process",
        metavar="NAME",
        help="process, thread, dask, dask:ADDRESS, mpi (default: process)",
    )
    how.add_argument("--timeout", type=float, metavar="S", help="a run that takes longer ends as an error")


def command(args: argparse.Namespace) -> int:
    """Run `buddycap study`."""
    plan = _plan(args)
    begin = time.perf_counter()
    with open_store(args, [args.config, *recorded_files(args.source), *recorded_files(args.load)]) as store:
        with keeping(plan, store, args.format), Progress(0, "runs") as progress:
            run = runner(args, store, progress)
            if args.precision is None:
                records = run(plan)
            else:
                records = run_to_precision(plan, args.precision, run)
                plan = replace(plan, seeds=tuple(dict.fromkeys(record.seed for record in records)))
        if store.folder is not None:
            export(store, plan)
    if args.format == "table":
        say(_heading(plan))
    show(plan, records, args.format)
    if args.format == "table":
        where = f"; every run: {args.out}" if args.out else ""
        say(f"gain against {plan.policies[0].name}, pages per request; {time.perf_counter() - begin:.1f} s{where}")
    if args.precision is not None:
        told = precision_told(plan, records, args.precision)
        say(*told, sep="\n", file=sys.stdout if args.format == "table" else sys.stderr)
    return tell_failed(records)


def runner(args: argparse.Namespace, store: Store, progress: Progress) -> Runner:
    """Return what runs a plan as the arguments of `add_worker_arguments` say."""
    return partial(
        run_plan, store=store, executor=args.executor, jobs=args.jobs, timeout_s=args.timeout, progress=progress
    )


@contextmanager
def keeping(plan: Plan, store: Store, form: str) -> Iterator[None]:
    """After Ctrl-C, say where the runs are that are done, or show them in one of `FORMATS` if no folder has them."""
    try:
        yield
    except KeyboardInterrupt:
        records = store.records(plan)
        done = f"{len(records)} of {sum(1 for _ in plan.tasks())} runs are"
        if store.folder is not None:
            say(f"{done} kept in {store.folder}; --resume goes on", file=sys.stderr)
        elif records:
            say(f"{done} done; --out DIR would keep them", file=sys.stderr)
            begun = {record.case for record in records}
            show(replace(plan, cases=tuple(case for case in plan.cases if case.label in begun)), records, form)
        raise


def open_store(args: argparse.Namespace, inputs: Iterable[str | Path | None] = ()) -> Store:
    """Open where results go, as the arguments of `add_store_arguments` say.

    Parameters
    ----------
    args : Namespace
    inputs : iterable of path
        Files that are read, besides those of policies, whose names end in `.toml`.

    Raises
    ------
    MisuseError
        If results would be mixed or replaced by accident, or there is nothing to go on with.
    FormatError, OSError
        As `Store`.
    """
    if args.resume and args.force:
        raise MisuseError("--resume and --force: go on with the results, or replace them?")
    if args.repair and not args.resume:
        raise MisuseError("--repair: goes with --resume")
    if args.out is None:
        if args.resume:
            raise MisuseError("--resume: which study? --out DIR names it")
        return Store()
    folder = Path(args.out)
    found = [folder / name for name in (DATABASE, *FILES, *PARQUET) if os.path.lexists(folder / name)]
    resumed = args.resume and folder / DATABASE in found
    if folder / DATABASE in found and not (resumed or args.force):
        raise MisuseError(f"--out {folder}: there are results in it; --resume goes on with them, --force replaces them")
    check_outputs(found, inputs=inputs, force=args.force or resumed)
    return Store(folder, fresh=args.force, repair=args.repair)


def tell_failed(records: Sequence[Record]) -> int:
    """Say which runs have ended in an error; the exit status."""
    failed = [record for record in records if not record.ok]
    for record in failed:
        name = f"{record.case} {record.policy} seed {record.seed}".lstrip()
        say(f"buddycap: error: {name}: {record.error}", file=sys.stderr)
    return int(bool(failed))


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
    return Plan(tuple(cases), find_policies(args.policies), seeds, args.source, args.zone, args.load)


def _base_cases(args: argparse.Namespace) -> list[Case]:
    """Return a case for each preset, or the one of a file."""
    if args.zone is not None and args.source is None:
        raise MisuseError("--zone: of which recording? --from names it")
    if args.config is not None:
        if args.preset or args.memory or args.source:
            raise MisuseError("--config says what the machine is: --preset, --memory and --from do not go with it")
        return [Case("", StudyConfig.from_toml(args.config))]
    if args.source is not None:
        if args.memory:
            raise MisuseError("--from says how much memory there is: --memory does not go with it")
        pages = len(frames_from_recording(args.source, args.zone).kinds)
    else:
        pages = parse_pages(args.memory or DEFAULT_MEMORY, "memory")
    presets = (args.preset or "x86_64").split(",")
    for name in presets:
        if name not in PRESETS:
            raise MisuseError(f"--preset {name}: allowed are {', '.join(PRESETS)}")
    return [Case(name if len(presets) > 1 else "", preset_config(name, pages)) for name in presets]


def factors_of(words: str) -> list[float]:
    """Return the factors of `--periods`: whole percents, so that what the table says is what was run."""
    try:
        found = [float(word) for word in words.split(",")]
    except ValueError:
        raise MisuseError(f"--periods {words}: numbers by commas are wanted") from None
    if not all(0.01 <= factor <= 1000 and abs(100 * factor - round(100 * factor)) < 1e-6 for factor in found):
        raise MisuseError(f"--periods {words}: allowed range is 0.01..1000, in steps of 0.01")
    return found


def _heading(plan: Plan) -> str:
    """Return the line above the table."""
    config = plan.cases[0].config
    seeds = f"{told_seeds(plan.seeds)}, 95 % intervals"
    if len(plan.cases) > 1:
        return f"{len(plan.cases)} cases, {seeds}"
    memory = f"memory of {plan.source}" if plan.source else "synthetic warm-up"
    memory += f", load of {plan.load}" if plan.load else ""
    requests = f"{config.memory_pages >> config.order} requests of order {config.order}"
    return f"{config.preset}, {config.memory_pages * PAGE_SIZE / 2**30:g} GiB, {memory}: {requests}, {seeds}"


def told_seeds(seeds: Sequence[int]) -> str:
    """Return how many seeds there are, and which.

    Examples
    --------
    >>> told_seeds((1, 2, 3)), told_seeds((7,))
    ('3 seeds (1..3)', '1 seed (7)')
    """
    return f"{len(seeds)} seeds ({seeds[0]}..{seeds[-1]})" if len(seeds) > 1 else f"1 seed ({seeds[0]})"


def show(plan: Plan, records: Sequence[Record], form: str) -> None:
    """Print results in one of `FORMATS`."""
    if form == "table":
        say(table(summarize(plan, records)))
    elif form == "json":
        runs = [record.flat() for record in records]
        say(dumps({"plan": plan.as_dict(), "policies": summarize(plan, records), "runs": runs}))
    else:
        write = {"csv": write_csv, "jsonl": write_jsonl}[form]
        write([record.flat() for record in records], sys.stdout)
