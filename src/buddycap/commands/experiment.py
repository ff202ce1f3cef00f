"""What the commands that run studies share: where runs are kept and how they are done, what is said of them."""

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TextIO

from ..errors import MisuseError
from ..escape import say
from ..newfile import add_force, check_outputs
from ..progress import Progress
from ..study.aggregate import Aggregate, summarize
from ..study.export import FILES, PARQUET, dumps, write_csv, write_jsonl
from ..study.plan import Plan
from ..study.running import Runner, complete
from ..study.store import DATABASE, Record, Records, Store
from ..study.summary import table
from ..study.tidy import RunRows
from ..views.mmtests import mmtests_html, mmtests_text

__all__ = [
    "FORMATS",
    "add_store_arguments",
    "add_worker_arguments",
    "columns_of",
    "factors_of",
    "keeping",
    "open_store",
    "runner",
    "show",
    "tell_failed",
    "told_seeds",
]

FORMATS = ("table", "json", "jsonl", "csv", "mmtests", "html")


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


def factors_of(words: str) -> list[float]:
    """Return the factors of `--periods`: whole percents, so that what the table says is what was run."""
    try:
        found = [float(word) for word in words.split(",")]
    except ValueError:
        raise MisuseError(f"--periods {words}: numbers by commas are wanted") from None
    if not all(0.01 <= factor <= 1000 and abs(100 * factor - round(100 * factor)) < 1e-6 for factor in found):
        raise MisuseError(f"--periods {words}: allowed range is 0.01..1000, in steps of 0.01")
    return found


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
    return Store(folder, fresh=args.force, repair=args.repair, lean=True)


def runner(args: argparse.Namespace, store: Store, progress: Progress) -> Runner:
    """Return what runs a plan as the arguments of `add_worker_arguments` say."""
    return partial(
        complete, store=store, executor=args.executor, jobs=args.jobs, timeout_s=args.timeout, progress=progress
    )


def show(plan: Plan, records: Iterable[Record], form: str) -> None:
    """Print results in one of `FORMATS`; records are gone through more than once."""
    if form == "table":
        found = Aggregate.of(plan, records)
        say(table(found.rows(), columns_of(sys.stdout)))
        for name, other in found.alike():
            say(f"{name}: the very runs of {other}; here its rule never made a difference")
    elif form == "json":
        head = dumps({"plan": plan.as_dict(), "policies": summarize(plan, records), "runs": []})
        say(head.removesuffix("]}"), end="")
        for number, row in enumerate(RunRows(plan, lambda: records)):
            say(", " * (number > 0) + dumps(row), end="")
        say("]}")
    elif form == "mmtests":
        say(mmtests_text(plan, list(records)))
    elif form == "html":
        say(mmtests_html(plan, list(records), title="Policies under load"), end="")
    else:
        write = {"csv": write_csv, "jsonl": write_jsonl}[form]
        write(RunRows(plan, lambda: records), sys.stdout)


@contextmanager
def keeping(plan: Plan, store: Store, form: str) -> Iterator[None]:
    """After Ctrl-C, say where the runs are that are done, or show them in one of `FORMATS` if no folder has them."""
    try:
        yield
    except KeyboardInterrupt:
        records = Records(store, plan)
        count = sum(1 for _ in records)
        done = f"{count} of {sum(1 for _ in plan.tasks())} runs are"
        if store.folder is not None:
            say(f"{done} kept in {store.folder}; --resume goes on", file=sys.stderr)
        elif count:
            say(f"{done} done; --out DIR would keep them", file=sys.stderr)
            begun = {record.case for record in records}
            show(replace(plan, cases=tuple(case for case in plan.cases if case.label in begun)), records, form)
        raise


def tell_failed(records: Iterable[Record]) -> int:
    """Say which runs have ended in an error; the exit status."""
    failed = False
    for record in (record for record in records if not record.ok):
        failed = True
        name = f"{record.case} {record.policy} seed {record.seed}".lstrip()
        say(f"buddycap: error: {name}: {record.error}", file=sys.stderr)
    return int(failed)


def columns_of(stream: TextIO) -> int | None:
    """Return the width of a terminal; None for what is no terminal, where nothing has to fit."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def told_seeds(seeds: Sequence[int]) -> str:
    """Return how many seeds there are, and which.

    Examples
    --------
    >>> told_seeds((1, 2, 3)), told_seeds((7,))
    ('3 seeds (1..3)', '1 seed (7)')
    """
    return f"{len(seeds)} seeds ({seeds[0]}..{seeds[-1]})" if len(seeds) > 1 else f"1 seed ({seeds[0]})"
