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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from .._world import PARAMETERS
from ..newfile import replacing, replacing_text, write_file
from ..version import installed
from .aggregate import Aggregate
from .config import StudyConfig
from .parameters import world_parameters
from .plan import Case, Plan, code_version
from .store import Store
from .tidy import RunRows, column_names, request_columns
from .workers import recorded_load

__all__ = ["FILES", "PARQUET", "export", "machine_facts", "write_csv", "write_jsonl", "write_requests"]

FILES = ("runs.csv", "runs.jsonl", "summary.json", "timings.csv", "manifest.json", "requests.csv", "faults.csv")
GROUP_CELLS = 1 << 18  # of Parquet, at least
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
    files = [folder / name for name in FILES]
    rows = RunRows(plan, lambda: store.each_record(plan))
    table, kinds = Aggregate(plan), _Kinds()
    for record in store.each_record(plan):
        table.add(record)
        kinds.add(rows.row(record))
    with (
        replacing_text(files[0]) as text,
        replacing_text(files[1]) as lines,
        _Parquet(folder / PARQUET[0], kinds.schema) as runs,
    ):
        writer = _csv_writer(list(kinds.found), text)
        for row in rows:
            writer.writerow(_csv_row(row))
            lines.write(dumps(row) + "\n")
            runs.add({name: [_cell(clean(row.get(name)))] for name in kinds.found})
    write_file(files[2], dumps({"version": code_version(), "rows": table.rows()}, indent=1) + "\n")
    with replacing_text(files[3]) as stream:
        write_csv(_Timings(store, plan), stream)
    write_file(files[4], dumps(manifest(plan, argv), indent=1) + "\n")
    written = files + runs.written
    for faults, file, beside in zip((False, True), files[5:], PARQUET[1:], strict=True):
        with replacing_text(file) as stream, _Parquet(folder / beside) as requests:
            write_requests(store, plan, stream, faults, requests)
        written += requests.written
    return written


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
    writer = _csv_writer(column_names(rows), stream)
    writer.writerows(map(_csv_row, rows))


def _csv_writer(names: Sequence[str], stream: IO[str]) -> "csv.DictWriter[str]":
    """Begin a CSV table."""
    writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
    writer.writeheader()
    return writer


def _csv_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as CSV can hold it."""
    return {name: _cell(value) for name, value in clean(row).items()}


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def write_jsonl(rows: Iterable[dict[str, Any]], stream: IO[str]) -> None:
    """Write rows as JSON, one a line."""
    stream.writelines(dumps(row) + "\n" for row in rows)


class _Kinds:
    """The columns of rows that go by, in the order in which they first stand there, and what is in each."""

    def __init__(self) -> None:
        self.found: dict[str, set[type]] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        """See a row."""
        for name, value in row.items():
            kinds = self.found.setdefault(name, set())
            if value is not None:
                kinds.add(type(value))

    def schema(self, pyarrow: Any) -> Any:
        """Return the types of the columns for Parquet."""
        types = {
            frozenset[type](): pyarrow.null(),
            frozenset((bool,)): pyarrow.bool_(),
            frozenset((int,)): pyarrow.int64(),
            frozenset((float,)): pyarrow.float64(),
            frozenset((int, float)): pyarrow.float64(),
        }
        return pyarrow.schema(
            [(name, types.get(frozenset(kinds), pyarrow.string())) for name, kinds in self.found.items()]
        )


def _array(pyarrow: Any, values: Sequence[Any], kind: Any) -> Any:
    """Return a column for Parquet, made of buffers: whatever else pyarrow is given, it imports pandas to look at it."""
    there = np.array([value is not None for value in values])
    present = None if there.all() else pyarrow.py_buffer(np.packbits(there, bitorder="little"))
    if pyarrow.types.is_null(kind):
        return pyarrow.nulls(len(values))
    if pyarrow.types.is_string(kind):
        texts = [b"" if value is None else str(value).encode() for value in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        buffers = [present, pyarrow.py_buffer(ends), pyarrow.py_buffer(b"".join(texts))]
        return pyarrow.Array.from_buffers(kind, len(values), buffers)
    plain = [0 if value is None else value for value in values]
    if pyarrow.types.is_boolean(kind):
        cells = np.packbits(np.array(plain, bool), bitorder="little")
    else:
        cells = np.array(plain, np.int64 if pyarrow.types.is_integer(kind) else np.float64)
    return pyarrow.Array.from_buffers(kind, len(values), [present, pyarrow.py_buffer(cells)])


class _Parquet:
    """A file of Parquet, if pyarrow is installed and there are rows: in groups, whose memory hardly depends on them.

    Parameters
    ----------
    path : Path
    schema : callable, optional
        Returns the types of the columns; those of the first group if not given.
    """

    def __init__(self, path: Path, schema: Callable[[Any], Any] | None = None) -> None:
        self._path, self._schema = path, schema
        self._open = ExitStack()
        self._writer: Any = None
        self._kept: dict[str, list[Any]] = {}
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            pyarrow = parquet = None
        self._pyarrow, self._parquet = pyarrow, parquet

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add rows, all with the same columns."""
        if self._pyarrow is None:
            return
        if self._kept and len(next(iter(self._kept.values()))) * len(self._kept) >= GROUP_CELLS:
            self._write()
        for name, values in columns.items():
            self._kept.setdefault(name, []).extend(values)

    def _write(self) -> None:
        """Write what has been kept as a group."""
        if self._schema is None:
            kinds = _Kinds()
            kinds.found = {name: set(map(type, values)) for name, values in self._kept.items()}
            self._schema = kinds.schema
        schema = self._schema(self._pyarrow)
        arrays = [_array(self._pyarrow, self._kept[field.name], field.type) for field in schema]
        group = self._pyarrow.Table.from_arrays(arrays, schema=schema)
        if self._writer is None:
            file = self._open.enter_context(replacing(self._path))
            self._writer = self._open.enter_context(self._parquet.ParquetWriter(file, group.schema))
        self._writer.write_table(group)
        self._kept = {}

    @property
    def written(self) -> list[Path]:
        """The file, if there is one."""
        return [] if self._writer is None else [self._path]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: Any) -> None:
        try:
            if why[0] is None and self._kept:
                self._write()
        except BaseException:
            self._open.__exit__(*sys.exc_info())
            raise
        self._open.__exit__(*why)


def write_requests(
    store: Store, plan: Plan, stream: IO[str], faults: bool = False, parquet: _Parquet | None = None
) -> None:
    """Write a row for each request, or fault, of each run as a CSV table, and the same rows as Parquet.

    Parameters
    ----------
    store : Store
    plan : Plan
        Runs of it that have not ended, or have an error, are left out.
    stream : text file
    faults : bool
        The faults of the cases that have them, instead of the requests of the others.
    parquet : _Parquet, optional

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
        if parquet is not None:
            parquet.add(_typed(columns))


def _typed(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Return columns in which a parameter that may have a fraction is a float in every case."""
    fractions = {field.name for field in fields(StudyConfig) if field.type is float}
    return {name: [float(v) for v in values] if name in fractions else values for name, values in columns.items()}


class _Timings:
    """The CPU seconds of each run, a row each."""

    def __init__(self, store: Store, plan: Plan) -> None:
        self._store, self._plan = store, plan

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for case, task in self._plan.tasks():
            seconds = self._store.cpu_s(task)
            if seconds is not None:
                yield {"case": case.label, "policy": task.policy.name, "seed": task.seed, "cpu_s": seconds}


def machine_facts() -> dict[str, Any]:
    """Return what is worth knowing of the machine and the software."""
    return {
        "buddycap": installed(),
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
