"""Results of a study as files: a CSV table, JSON lines, a JSON summary, and Parquet when pyarrow is there.

Requests have their own table, requests.csv (and Parquet): about 100 bytes each, so 34 MB for the 330 thousand of
`buddycap compare`.  As JSON lines they would take four times that, so there are none.

Nothing in these files depends on the machine or the time of day: two studies of one plan give the same bytes.  What
does depend on them stands in manifest.json and timings.csv.
"""

import csv
import json
import math
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np

from .._world import PARAMETERS
from ..newfile import replacing, replacing_text, write_file
from .config import StudyConfig
from .parameters import world_parameters
from .plan import Case, Plan, code_version
from .store import Store
from .summary import summarize
from .tidy import RunRows, column_names, request_columns
from .workers import recorded_load

__all__ = ["FILES", "PARQUET", "export", "machine_facts", "write_csv", "write_jsonl", "write_requests"]

FILES = ("runs.csv", "runs.jsonl", "summary.json", "timings.csv", "manifest.json", "requests.csv", "faults.csv")
GROUP_ROWS = 1 << 13  # of Parquet, at least
PARQUET = ("runs.parquet", "requests.parquet", "faults.parquet")  # if pyarrow is there


def export(store: Store, plan: Plan, argv: Sequence[str] | None = None) -> list[Path]:
    """Write the results of a study beside its database.

    Parameters
    ----------
    store : Store
        In a folder.
    plan : Plan
        Runs of it that have not ended are left out.
    argv : sequence of str, optional
        The command, for the manifest.

    Returns
    -------
    list of Path
        The files written.
    """
    folder = store.folder
    assert folder is not None, "a store in memory has no files"
    rows = RunRows(plan, lambda: store.each_record(plan))
    files = [folder / name for name in FILES]
    with replacing_text(files[0]) as stream:
        write_csv(rows, stream)
    with replacing_text(files[1]) as stream:
        write_jsonl(rows, stream)
    write_file(
        files[2], dumps({"version": code_version(), "rows": summarize(plan, store.records(plan))}, indent=1) + "\n"
    )
    with replacing_text(files[3]) as stream:
        write_csv(_timings(store, plan), stream)
    write_file(files[4], dumps(manifest(plan, argv), indent=1) + "\n")
    for file, faults in zip(files[5:], (False, True), strict=True):
        with replacing_text(file) as stream:
            write_requests(store, plan, stream, faults)
    files += write_parquet(folder, rows) + write_requests_parquet(folder, store, plan)
    return files + write_requests_parquet(folder, store, plan, faults=True)


def clean(value: Any) -> Any:
    """Return a value as JSON can hold it: what is no number becomes none.

    Examples
    --------
    >>> clean({"a": [float("nan"), 1.5]})
    {'a': [None, 1.5]}
    """
    if isinstance(value, dict):
        return {name: clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def dumps(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON text."""
    return json.dumps(clean(value), indent=indent, allow_nan=False)


def write_csv(rows: Iterable[dict[str, Any]], stream: IO[str]) -> None:
    """Write rows, which are gone through twice, as a CSV table; numbers keep every digit, what is missing is empty."""
    writer = csv.DictWriter(stream, column_names(rows), restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in clean(row).items()})


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def write_jsonl(rows: Iterable[dict[str, Any]], stream: IO[str]) -> None:
    """Write rows as JSON, one a line."""
    stream.writelines(dumps(row) + "\n" for row in rows)


def write_parquet(folder: Path, rows: Iterable[dict[str, Any]]) -> list[Path]:
    """Write rows as Parquet if pyarrow is installed; return the files written."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return []
    columns: dict[str, list[Any]] = {name: [] for name in column_names(rows)}
    for row in rows:
        for name, values in columns.items():
            values.append(_cell(clean(row.get(name))))
    path = folder / PARQUET[0]
    with replacing(path) as file:
        parquet.write_table(pyarrow.table(columns), file)
    return [path]


def write_requests(store: Store, plan: Plan, stream: IO[str], faults: bool = False) -> None:
    """Write a row for each request, or fault, of each run as a CSV table.

    Parameters
    ----------
    store : Store
    plan : Plan
        Runs of it that have not ended, or have an error, are left out.
    stream : text file
    faults : bool
        The faults of the cases that have them, instead of the requests of the others.

    Notes
    -----
    Columns: those of `case_columns`, policy, seed, then those of `buddycap._world.RESULT_DTYPE` or `FAULT_DTYPE`, with
    `path` as the name of a `RequestPath` and `cause` in words, empty for a success.  About 10 us a row.
    """
    writer = csv.writer(stream, lineterminator="\n")
    for count, columns in enumerate(request_columns(store, plan, faults)):
        if count == 0:
            writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_requests_parquet(folder: Path, store: Store, plan: Plan, faults: bool = False) -> list[Path]:
    """Write the same rows as Parquet, in groups of whole runs, if pyarrow is installed; return the files written."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return []
    groups = (pyarrow.table(_typed(columns)) for columns in _gathered(request_columns(store, plan, faults)))
    first = next(groups, None)
    if first is None:
        return []
    path = folder / PARQUET[2 if faults else 1]
    with replacing(path) as file, parquet.ParquetWriter(file, first.schema) as writer:
        for group in chain([first], groups):
            writer.write_table(group)
    return [path]


def _gathered(parts: Iterable[dict[str, list[Any]]]) -> Iterator[dict[str, list[Any]]]:
    """Yield the same columns in larger parts: what a group of Parquet takes in memory hardly depends on its rows."""
    kept: dict[str, list[Any]] = {}
    for part in parts:
        if kept.keys() == part.keys() and len(next(iter(kept.values()))) < GROUP_ROWS:
            for name, values in part.items():
                kept[name] += values
            continue
        if kept:
            yield kept
        kept = {name: list(values) for name, values in part.items()}
    if kept:
        yield kept


def _typed(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Return columns in which a parameter that may have a fraction is a float in every case."""
    fractions = {field.name for field in fields(StudyConfig) if field.type is float}
    return {name: [float(v) for v in values] if name in fractions else values for name, values in columns.items()}


def _timings(store: Store, plan: Plan) -> list[dict[str, Any]]:
    """Return the CPU seconds of each run."""
    found = []
    for case, task in plan.tasks():
        seconds = store.cpu_s(task)
        if seconds is not None:
            found.append({"case": case.label, "policy": task.policy.name, "seed": task.seed, "cpu_s": seconds})
    return found


def machine_facts() -> dict[str, Any]:
    """Return what is worth knowing of the machine and the software."""
    return {
        "buddycap": version("buddycap"),
        "code": code_version(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "compiler": platform.python_compiler(),
        "cpu": _cpu_name(),
        "cpus": os.cpu_count(),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _parameters(plan: Plan, case: Case) -> dict[str, int]:
    """Return what the compiled model is given."""
    percent = case.config.load_time_percent
    load_ns = recorded_load(plan.load).stretched(percent).duration_ns if plan.load else 0
    return world_parameters(case.config, warm=plan.source is not None, load_ns=load_ns)


def manifest(plan: Plan, argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Return what a reader needs to repeat a study, and where and when it was run."""
    parameters = {case.label: _parameters(plan, case) for case in plan.cases}
    return {
        "argv": list(sys.argv[1:] if argv is None else argv),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine_facts(),
        "plan": plan.as_dict(),
        "parameters": {label: {name: table[name] for name in PARAMETERS} for label, table in parameters.items()},
    }
