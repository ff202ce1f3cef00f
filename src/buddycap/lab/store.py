"""Results of a study in one SQLite file, which the parent process alone writes, one transaction a run.

A run is kept under its configuration, policy, seed and version, so that a study that was interrupted, even by SIGKILL,
finds what it has.  CPU seconds stand in a table of their own: they differ from run to run, the rest does not.
"""

import io
import json
import sqlite3
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, MisuseError
from .plan import Case, Plan, Task
from .workers import Outcome

__all__ = ["DATABASE", "Record", "Store"]

DATABASE = "study.sqlite"
FORMAT = "buddycap-study-1"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
    config TEXT NOT NULL, policy TEXT NOT NULL, seed INTEGER NOT NULL, version TEXT NOT NULL,
    error TEXT NOT NULL, digest TEXT NOT NULL, summary TEXT NOT NULL, totals TEXT NOT NULL, requests BLOB NOT NULL,
    PRIMARY KEY (config, policy, seed, version)
);
CREATE TABLE IF NOT EXISTS timings (
    config TEXT NOT NULL, policy TEXT NOT NULL, seed INTEGER NOT NULL, version TEXT NOT NULL, cpu_s REAL NOT NULL,
    PRIMARY KEY (config, policy, seed, version)
);
"""
_KEY = "config = ? AND policy = ? AND seed = ? AND version = ?"


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

    Raises
    ------
    FormatError
        If the folder holds a file of that name that is no such database.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = None if folder is None else Path(folder)
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.path = ":memory:" if self.folder is None else str(self.folder / DATABASE)
        self._db = sqlite3.connect(self.path)
        try:
            self._db.executescript(_SCHEMA)
            found = self._meta("format")
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise FormatError(f"no results of a study: {error}", self.path) from None
        if found is None:
            self._set_meta("format", FORMAT)
        elif found != FORMAT:
            self._db.close()
            raise FormatError(f"format {found!r}, {FORMAT!r} is wanted", self.path)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open results that exist.

        Raises
        ------
        MisuseError
            If the folder holds none.
        FormatError
            If they are damaged.
        """
        if not (Path(folder) / DATABASE).is_file():
            raise MisuseError(f"{folder}: no results of a study here ({DATABASE})")
        return cls(folder)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _meta(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _set_meta(self, name: str, value: str) -> None:
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    @property
    def plan(self) -> Plan | None:
        """The study that was last run into this store."""
        text = self._meta("plan")
        return None if text is None else Plan.from_dict(json.loads(text))

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._set_meta("plan", json.dumps(plan.as_dict()))

    def add(self, task: Task, outcome: Outcome) -> None:
        """Keep the outcome of a task, in one transaction."""
        run = outcome.run
        if run is None:
            row = (outcome.error, "", "{}", "{}", b"")
            cpu_s = 0.0
        else:
            row = ("", run.digest, json.dumps(run.summary()), json.dumps(run.totals), _packed(run.requests))
            cpu_s = run.cpu_s
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*task.key, *row))
            self._db.execute("INSERT OR REPLACE INTO timings VALUES (?, ?, ?, ?, ?)", (*task.key, cpu_s))

    def has(self, task: Task) -> bool:
        """Whether the task has a result; an error is none."""
        query = f"SELECT 1 FROM runs WHERE {_KEY} AND error = ''"
        return self._db.execute(query, task.key).fetchone() is not None

    def record(self, case: Case, task: Task) -> Record | None:
        """Return what is known of a task."""
        query = f"SELECT error, digest, summary, totals FROM runs WHERE {_KEY}"
        row = self._db.execute(query, task.key).fetchone()
        if row is None:
            return None
        error, digest, summary, totals = row
        return Record(case.label, task.policy.name, task.seed, error, digest, json.loads(summary), json.loads(totals))

    def records(self, plan: Plan) -> list[Record]:
        """Return what is known of a study, in the order of its plan."""
        found = (self.record(case, task) for case, task in plan.tasks())
        return [record for record in found if record is not None]

    def requests(self, task: Task) -> NDArray[np.void] | None:
        """Return the table of a run's requests; none if there is no result."""
        row = self._db.execute(f"SELECT requests FROM runs WHERE {_KEY} AND error = ''", task.key).fetchone()
        return None if row is None else _unpacked(row[0])

    def cpu_s(self, task: Task) -> float | None:
        """Return the CPU seconds that a run took."""
        row = self._db.execute(f"SELECT cpu_s FROM timings WHERE {_KEY}", task.key).fetchone()
        return None if row is None else float(row[0])


def _packed(table: NDArray[np.void]) -> bytes:
    """Return a table with its dtype, compressed."""
    stream = io.BytesIO()
    np.save(stream, table, allow_pickle=False)
    return zlib.compress(stream.getvalue(), 6)


def _unpacked(data: bytes) -> NDArray[np.void]:
    table: NDArray[np.void] = np.load(io.BytesIO(zlib.decompress(data)), allow_pickle=False)
    return table
