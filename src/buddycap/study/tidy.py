"""Results as tidy tables: a row for each run, with everything that cases differ in as a column of its own."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._world import CAUSES
from ..flags import RequestPath
from .config import StudyConfig
from .plan import Plan
from .store import Record, Store

__all__ = ["RunRows", "case_columns", "column_names", "request_columns", "run_rows", "structured"]

_PATHS = [path.name.lower() for path in RequestPath]

_ALWAYS = ("kernel", "preset", "memory_pages")
_ALSO_COUNTED = "dirty_pages"  # a counter of every run, too: as a parameter it has another name


def case_columns(plan: Plan) -> dict[str, dict[str, Any]]:
    """Return what tables say of each case: its machine, and every parameter that is not the same in all cases.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    dict of str to dict
        Columns by the label of the case: `case`, `kernel`, `preset`, `memory_pages`, then swept parameters by their
        names in `StudyConfig`. `dirty_pages` is called `dirty_pages_given`.

    Examples
    --------
    >>> from buddycap import POLICIES
    >>> from buddycap.study.plan import Case, sweep
    >>> cases = sweep([Case("", StudyConfig())], ["builds=2,3"])
    >>> case_columns(Plan(tuple(cases), (POLICIES["none"],), (1,)))["builds=3"]
    {'case': 'builds=3', 'kernel': '2.6.27', 'preset': 'x86_64', 'memory_pages': 262144, 'builds': 3}
    """
    swept = [
        field.name
        for field in fields(StudyConfig)
        if field.name not in _ALWAYS and len({getattr(case.config, field.name) for case in plan.cases}) > 1
    ]
    return {
        case.label: {"case": case.label}
        | {name: getattr(case.config, name) for name in _ALWAYS}
        | {name + "_given" * (name == _ALSO_COUNTED): getattr(case.config, name) for name in swept}
        for case in plan.cases
    }


class RunRows:
    """A row for each run: the columns of its case, policy, seed, error, digest, figures, counters.

    Parameters
    ----------
    plan : Plan
    records : callable
        Returns the runs, one after the other, each time the rows are gone through.
    """

    def __init__(self, plan: Plan, records: Callable[[], Iterable[Record]]) -> None:
        self._columns = case_columns(plan)
        self._records = records

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self.row, self._records())

    def row(self, record: Record) -> dict[str, Any]:
        """Return the row of a run."""
        return self._columns[record.case] | record.flat()


def run_rows(plan: Plan, records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return a row for each run, as `RunRows` has them."""
    return list(RunRows(plan, lambda: records))


def request_columns(store: Store, plan: Plan, faults: bool = False) -> Iterator[dict[str, list[Any]]]:
    """Yield the requests, or the faults, of each run as columns, path and cause in words."""
    cases = case_columns(plan)
    for case, task in plan.tasks():
        table = store.requests(task) if bool(case.config.threads) == faults else None
        if table is not None:
            columns = {name: table[name].tolist() for name in table.dtype.names or ()}
            columns["path"] = [_PATHS[path] for path in columns["path"]]
            if "cause" in columns:
                columns["cause"] = [CAUSES[cause] for cause in columns["cause"]]
            same = {**cases[case.label], "policy": task.policy.name, "seed": task.seed}
            yield {name: [value] * len(table) for name, value in same.items()} | columns


def column_names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the columns of some rows in the order in which they first stand there."""
    return list(dict.fromkeys(name for row in rows for name in row))


def structured(columns: Mapping[str, Sequence[Any]]) -> NDArray[np.void]:
    """Return columns as a structured array: texts, truth values, 64-bit integers, floats.

    A column in which a value is missing (None) is one of floats, with `nan` there.

    Examples
    --------
    >>> structured({"policy": ["none", "v3"], "steals": [3, None], "ok": [True, False]}).tolist()
    [('none', 3.0, True), ('v3', nan, False)]
    """
    kinds = {name: _kind(values) for name, values in columns.items()}
    table = np.empty(len(next(iter(columns.values()), ())), list(kinds.items()))
    for name, values in columns.items():
        table[name] = [math.nan if value is None else value for value in values]
    return table


def _kind(values: Sequence[Any]) -> str:
    """Return the numpy type of a column."""
    found = {type(value) for value in values}
    if found == {str}:
        return f"U{max(1, *map(len, values))}"
    return {(bool,): "?", (int,): "i8"}.get(tuple(found), "f8")  # type: ignore[arg-type]
