"""Results of a study: in memory, and in a folder in one SQLite file, which the parent process alone writes.

A run is kept under its configuration, policy, seed and version, in one transaction with those that end at the same
time, so that a study that was interrupted, even by SIGKILL, finds what it has.  `studyfile.py` says what the file
holds, and how damage is found.
"""

import json
import logging
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, MisuseError
from ..jsontext import parse_object
from ..newfile import check_place, write_file
from .packing import unpacked
from .plan import Case, Plan, Task
from .studyfile import Content, Key, Row, Writer, read_content, sound_plan
from .workers import Outcome

__all__ = ["DATABASE", "Record", "Records", "Store"]

DATABASE = "study.sqlite"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """One run of a study as reports see it.

    Parameters
    ----------
    case : str
        Label of its configuration.
    policy : str
    seed : int
    error : str
        Empty for a run that has a result.
    digest : str
        Of the zone at the end.
    summary : dict
        `Run.summary`.
    totals : dict
        `Run.totals`.
    """

    case: str
    policy: str
    seed: int
    error: str
    digest: str
    summary: dict[str, Any]
    totals: dict[str, int]

    @property
    def ok(self) -> bool:
        """Whether the run has a result."""
        return not self.error

    def flat(self) -> dict[str, Any]:
        """Return the record as one row of a table: the summary, then the counters that it does not have."""
        row = {"case": self.case, "policy": self.policy, "seed": self.seed, "error": self.error, "digest": self.digest}
        others = {name: value for name, value in self.totals.items() if name not in self.summary}
        return {**row, **self.summary, **others}


class Store:
    """The results of one study, in a folder or in memory.

    Parameters
    ----------
    folder : path, optional
        Made if it does not exist.  Without one everything is forgotten at the end.
    fresh : bool
        Forget the results that are there: the file is replaced when the first ones come.
    repair : bool
        Leave out what is damaged in the file, which is written anew when results come; a copy of the damaged one stays
        beside it, as `study.sqlite.damaged`.
    lean : bool
        Rows stay in the file alone, and are read from there: memory does not grow with their number. Only until the
        store is closed, and not while a damaged file is repaired, or one of before gets its digests.

    Raises
    ------
    FormatError
        If the folder holds a file of that name that is no such database, or a damaged one.
    MisuseError
        If another process writes results into the folder.
    OSError
        If the file cannot be read, or is none.
    """

    def __init__(
        self, folder: str | Path | None = None, *, fresh: bool = False, repair: bool = False, lean: bool = False
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.path = ":memory:" if self.folder is None else str(self.folder / DATABASE)
        self._writer: Writer | None = None
        self._content = Content()
        self._anew = True
        self._lean = lean and self.folder is not None
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._writer = Writer(self.folder / DATABASE)
        try:
            if check_place(self.path).exists() and not fresh and not (lean and self._left()):
                self._read(repair)
                self._anew = lean or bool(self._content.damage) or not self._content.checked
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open results that exist, to read them.

        Raises
        ------
        MisuseError
            If the folder holds none.
        FormatError
            If they are damaged.
        OSError
            If they cannot be read.
        """
        if not (Path(folder) / DATABASE).is_file():
            raise MisuseError(f"{folder}: no results of a study here ({DATABASE})")
        store = cls()
        store.folder = Path(folder)
        store.path = str(store.folder / DATABASE)
        store._read(repair=False)
        return store

    def _left(self) -> bool:
        """Leave rows that are all sound in the file; whether they are."""
        plan = sound_plan(Path(self.path))
        if plan is None or self._writer is None:
            return False
        try:
            if plan:
                _plan(plan, self.path)  # refuses what is none
        except FormatError:
            return False
        self._content.plan, self._anew = plan, False
        self._writer.begin(self._content, anew=False)
        return True

    def _read(self, repair: bool) -> None:
        """Read the file, and refuse it if it is damaged, unless it is to be repaired."""
        path = Path(self.path)
        try:
            content = read_content(path, _Soundness())
        except FormatError as error:
            content = Content(damage=[error])
        try:
            content.plan and _plan(content.plan, self.path)
        except FormatError as error:
            content.plan = ""
            content.damage.append(error)
        if content.damage and not repair:
            first, more = content.damage[0], len(content.damage) - 1
            others = f" (and {more} more)" if more else ""
            raise FormatError(f"{first.message}{others}; --resume --repair runs again what is damaged", first.file)
        if not content.checked:
            _LOG.warning("buddycap: warning: %s: %s", path, "written without digests: damage would not be noticed")
        self._content = content

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begun(self) -> Writer | None:
        """Return the file to write to, as it is to be from now on; none for results in memory."""
        if self._writer is not None and not self._writer.ready:
            path = Path(self.path)
            if self._content.damage and path.exists():
                write_file(f"{path}.damaged", path.read_bytes())
            self._writer.begin(self._content, anew=self._anew)
            if self._lean:
                self._content.rows.clear()
        return self._writer

    @property
    def plan(self) -> Plan | None:
        """The study that was last run into this store."""
        return _plan(self._content.plan, self.path) if self._content.plan else None

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._content.plan = json.dumps(plan.as_dict())
        writer = self._begun()
        if writer is not None:
            writer.set_plan(self._content.plan)

    def add(self, ended: Iterable[tuple[Task, Outcome]]) -> None:
        """Keep the outcomes of tasks, in one transaction."""
        self._keep([_row(task.key, outcome) for task, outcome in ended])

    def take(self, other: "Store", plan: Plan) -> None:
        """Keep what another store has of a plan, too."""
        self.plan = plan
        for _, task in plan.tasks():
            row = other._row(task.key)
            if row is not None:
                self._keep([row])

    def _keep(self, rows: Sequence[Row]) -> None:
        """Keep rows, in one transaction."""
        writer = self._begun()
        if writer is not None:
            writer.add(rows)
        if writer is None or not self._lean:
            self._content.rows.update((row.key, row) for row in rows)

    @property
    def _file(self) -> Writer | None:
        """The file, if rows stay there."""
        assert not self._lean or self._writer is not None, "a lean store is read before it is closed"
        return self._writer if self._lean and self._writer is not None and self._writer.ready else None

    def _row(self, key: Key) -> Row | None:
        """Return a row, from wherever it is."""
        return self._content.rows.get(key) if self._file is None else self._file.fetch(key)

    def has(self, task: Task) -> bool:
        """Whether the task has a result; an error is none."""
        if self._file is not None:
            return self._file.error(task.key) == ""
        row = self._content.rows.get(task.key)
        return row is not None and not row.error

    def record(self, case: Case, task: Task) -> Record | None:
        """Return what is known of a task."""
        row = self._row(task.key)
        if row is None:
            return None
        summary, totals = (_shared(parse_object(text, self.path)) for text in (row.summary, row.totals))
        return Record(case.label, task.policy.name, task.seed, row.error, row.digest, summary, totals)

    def records(self, plan: Plan) -> list[Record]:
        """Return what is known of a study, in the order of its plan."""
        return list(self.each_record(plan))

    def each_record(self, plan: Plan) -> Iterator[Record]:
        """Yield the same, one after the other."""
        if self._file is not None:
            self._file.check_rows()
        found = (self.record(case, task) for case, task in plan.tasks())
        return (record for record in found if record is not None)

    def requests(self, task: Task) -> NDArray[np.void] | None:
        """Return the table of a run's requests, or faults; none if there is no result."""
        row = self._row(task.key)
        return None if row is None or row.error else unpacked(row.requests)

    def cpu_s(self, task: Task) -> float | None:
        """Return the CPU seconds that a run took."""
        if self._file is not None:
            return self._file.cpu_s(task.key)
        row = self._content.rows.get(task.key)
        return None if row is None else row.cpu_s


class Records:
    """The records of a study, read from its store again each time they are gone through.

    Parameters
    ----------
    store : Store
    plan : Plan
    """

    def __init__(self, store: Store, plan: Plan) -> None:
        self._store, self._plan = store, plan

    def __iter__(self) -> Iterator[Record]:
        return self._store.each_record(self._plan)


def _row(key: Key, outcome: Outcome) -> Row:
    """Return what is kept of the outcome of a task."""
    run = outcome.run
    if run is None:
        return Row(key, outcome.error.encode("utf-8", "backslashreplace").decode(), "", "{}", "{}", b"", 0.0)
    return Row(key, "", run.digest, run.summary, run.totals, run.table, run.cpu_s)


def _shared(figures: dict[str, Any]) -> dict[str, Any]:
    """Return figures whose names are kept once for all runs: they would be more than half of what a run takes."""
    return {intern(name): value for name, value in figures.items()}


class _Soundness:
    """Looks whether rows that no digest vouches for can be read at all, and hold the same as each other."""

    def __init__(self) -> None:
        self._names: tuple[Any, ...] | None = None

    def __call__(self, row: Row) -> str:
        """Say what is wrong with a row, or nothing."""
        if row.error:
            return ""
        try:
            summary, totals = parse_object(row.summary, ""), parse_object(row.totals, "")
            dtype = unpacked(row.requests).dtype
        except FormatError as error:
            return error.message
        except (ValueError, TypeError, EOFError, SyntaxError, OverflowError, zlib.error) as error:
            return f"requests cannot be read ({error})"
        if not all(type(value) in (int, float) for value in (*summary.values(), *totals.values())):
            return "a figure is no number"
        names = (*summary, *totals, dtype)
        self._names = self._names or names
        return "" if names == self._names else "its figures have other names than those of other rows"


def _plan(text: str, path: str) -> Plan:
    """Return the plan that a text holds."""
    try:
        return Plan.from_dict(parse_object(text, path))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"the plan is damaged ({error})", path) from None
