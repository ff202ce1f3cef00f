"""Results as tidy tables: a row for each run, with everything that cases differ in as a column of its own."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from .config import StudyConfig
from .plan import Plan
from .store import Record

__all__ = ["case_columns", "run_rows"]

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


def run_rows(plan: Plan, records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return a row for each run: the columns of its case, policy, seed, error, digest, figures, counters."""
    columns = case_columns(plan)
    return [columns[record.case] | record.flat() for record in records]
