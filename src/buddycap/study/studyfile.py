"""The SQLite file of a study: every row has a digest of what it says, every table one of its rows.

    meta     name, value                             format, plan, and the digests of the tables
    runs     config, policy, seed, version, error, digest, summary, totals, requests
    timings  config, policy, seed, version, cpu_s    apart: they differ from run to run, the rest does not

Each table has a last column `sha256`: SHA-256 over its name and the other values. The digest of a table is the sum of
those of its rows modulo 2^256, so that a row is added in a step, and one that is missing is missed. The file is
believed only when everything agrees. Who wants it in memory reads it as a whole, without its indices (`read_content`);
who leaves it where it is goes through it once, row by row (`sound_plan`), and compares each row that is fetched with
its digest again.

A file appears complete, with its plan. Runs are added to it in transactions, by one process at a time.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn, Self
from urllib.parse import quote

from ..errors import FormatError, MisuseError
from ..newfile import write_file

__all__ = ["Content", "Key", "Row", "Writer", "read_content", "sound_plan"]

FORMAT = "buddycap-study-2"
BARE_FORMAT = "buddycap-study-1"  # of before: without digests

Key = tuple[str, str, int, str]

_KEY = ("config", "policy", "seed", "version")
_COLUMNS = {
    "meta": ("name", "value"),
    "runs": (*_KEY, "error", "digest", "summary", "totals", "requests"),
    "timings": (*_KEY, "cpu_s"),
}
_SUMMED = ("runs", "timings")
_TYPES = {"seed": "INTEGER", "cpu_s": "REAL", "requests": "BLOB"}
_TYPE_OF = {"INTEGER": int, "REAL": float, "BLOB": bytes, "TEXT": str}
_CHANGED = "damaged while the study ran: its digest differs"
# What SQLite says when the fault lies with the file; all else lies with the disk, the rights or another process.
_DAMAGE = frozenset(
    (
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_SCHEMA,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_RANGE,
    )
)


@dataclass(frozen=True)
class Row:
    """What is kept of a run.

    Parameters
    ----------
    key : tuple
        `Task.key`.
    error, digest, summary, totals : str
        As a `Record` has them; the last two as JSON.
    requests : bytes
        The packed table.
    cpu_s : float, s
    """

    key: Key
    error: str
    digest: str
    summary: str
    totals: str
    requests: bytes
    cpu_s: float


@dataclass
class Content:
    """What a file says.

    Parameters
    ----------
    plan : str
        As JSON; empty if none has been set.
    rows : dict
        By key.
    checked : bool
        Whether digests have vouched for it; files of before have none.
    damage : list of FormatError
        What is damaged, and left out.
    """

    plan: str = ""
    rows: dict[Key, Row] = field(default_factory=dict)
    checked: bool = True
    damage: list[FormatError] = field(default_factory=list)


def row_digest(table: str, values: tuple[Any, ...]) -> str:
    """Return the SHA-256 of a row as hexadecimal digits.

    Examples
    --------
    >>> row_digest("meta", ("a", "1")) == row_digest("meta", ("a", 1))
    False
    """
    total = sha256(table.encode())
    for value in values:
        data = value if isinstance(value, bytes) else repr(value).encode("ascii", "backslashreplace")
        total.update(f"{type(value).__name__} {len(data)} ".encode() + data)
    return total.hexdigest()


def _sum_of(table: str) -> str:
    """Return the name under which `meta` keeps the digest of a table."""
    return f"digest of {table}"


def _summed(total: int) -> str:
    """Return the digest of a table whose rows have digests of this sum."""
    return f"{total % (1 << 256):064x}"


def refuse(error: sqlite3.Error, path: Path) -> NoReturn:
    """Raise what an error of SQLite means: FormatError if the file is damaged, OSError if it cannot be used."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _DAMAGE:
        raise FormatError(f"no results of a study, or damaged: {error}", str(path)) from None
    raise OSError(f"{path}: {error}") from None


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into errors of ours."""
    try:
        yield
    except sqlite3.Error as error:
        refuse(error, path)
    except UnicodeDecodeError as error:  # a name in the schema, or SQLite's own words about one
        raise FormatError(f"no results of a study, or damaged: {error}", str(path)) from None


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file that exists; texts that are no UTF-8 are left to the digests."""
    database = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None)
    database.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    return database


def sound_plan(path: Path) -> str | None:
    """Go through a file whose rows stay where they are.

    Parameters
    ----------
    path : Path
        A regular file.

    Returns
    -------
    str, optional
        Its plan, as JSON, if everything agrees, indices too; none if `read_content` has to say what is wrong.
    """
    try:
        with closing(_connect(path)) as database:
            database.execute("BEGIN")
            meta: dict[str, str] = {name: value for _, (name, value) in _agreeing(database, "meta")}
            sums = {table: _sums(database, table) for table in _SUMMED}
            intact = database.execute("PRAGMA integrity_check(1)").fetchall() == [("ok",)]
    except (sqlite3.Error, UnicodeError, _DisagreesError):
        return None
    told = all(meta.get(_sum_of(table)) == _summed(total) for table, (total, _) in sums.items())
    same_keys = len({keys for _, keys in sums.values()}) == 1
    return meta.get("plan") if intact and told and same_keys and meta.get("format") == FORMAT else None


class _DisagreesError(Exception):
    """A row is not what its digest says."""


def _agreeing(database: sqlite3.Connection, table: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield digest and values of each row of a table, as long as they agree."""
    for *values, told in database.execute(f"SELECT * FROM {table} NOT INDEXED"):
        row = tuple(values)
        found = row_digest(table, row)
        if found != told or not _typed(table, row):
            raise _DisagreesError
        yield int(found, 16), row


def _sums(database: sqlite3.Connection, table: str) -> tuple[int, int]:
    """Return the sums of the digests of a table's rows, and of digests of their keys."""
    total = keys = 0
    for found, values in _agreeing(database, table):
        total += found
        keys += int(row_digest("keys", values[: len(_KEY)]), 16)
    return total, keys


def read_content(path: Path, sound: Callable[[Row], str] | None = None) -> Content:
    """Read a file and compare every digest.

    Parameters
    ----------
    path : Path
        A regular file.
    sound : callable, optional
        Says what is wrong with a row that no digest vouches for, or nothing.

    Returns
    -------
    Content
        What can be believed, and what is damaged.

    Raises
    ------
    FormatError
        If it is no such file, or of a format that this buddycap does not know.
    OSError
        If it cannot be read.
    """
    content = Content()
    with _refusing(path), closing(_connect(path)) as database:
        database.execute("BEGIN")
        names = database.execute("SELECT name FROM sqlite_master").fetchall()
        if ("runs",) not in names or ("meta",) not in names:
            raise FormatError("no results of a study", str(path))
        columns = [row[1] for row in database.execute("PRAGMA table_info(meta)")]
        content.checked = columns != list(_COLUMNS["meta"])
        found = {table: _Table(database, table, path, content) for table in _COLUMNS}
    meta = {values[0]: values[1] for _, values in found["meta"].rows}
    wanted = FORMAT if content.checked else BARE_FORMAT
    if meta.get("format") != wanted:
        content.damage.append(FormatError(f"format {meta.get('format')!r}, {wanted!r} is wanted", str(path)))
    if content.checked:
        for table in _SUMMED:
            if meta.get(_sum_of(table)) != _summed(sum(int(digest, 16) for digest in found[table].digests)):
                message = f"{table}: damaged: its rows are not those that its digest was made of"
                content.damage.append(FormatError(message, str(path)))
        if "plan" not in meta:
            content.damage.append(FormatError("meta: damaged: the plan is missing", str(path)))
    content.plan = meta.get("plan", "")
    _join(found, content, path, sound)
    return content


class _Table:
    """The rows of one table that can be believed, with their numbers, and the digests of all."""

    def __init__(self, database: sqlite3.Connection, table: str, path: Path, content: Content) -> None:
        self.rows: list[tuple[int, tuple[Any, ...]]] = []  # a number that is damaged may stand there twice
        self.digests: list[str] = []
        names = ("rowid", *_COLUMNS[table], *(["sha256"] if content.checked else []))
        try:
            for number, *cells in database.execute(f"SELECT {', '.join(names)} FROM {table} NOT INDEXED"):
                values = tuple(cells[: len(_COLUMNS[table])])
                if content.checked:
                    self.digests.append(row_digest(table, values))
                if (content.checked and self.digests[-1] != cells[-1]) or not _typed(table, values):
                    words = f"{table}, row {number}{_seed(table, values)}: damaged: its digest differs"
                    content.damage.append(FormatError(words, str(path)))
                else:
                    self.rows.append((number, values))
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code not in _DAMAGE:
                raise
            words = f"{table}, after {len(self.rows)} rows: damaged: {error}"
            content.damage.append(FormatError(words, str(path)))


def _typed(table: str, values: tuple[Any, ...]) -> bool:
    """Tell whether values have the types of their columns."""
    types = [_TYPE_OF[_TYPES.get(name, "TEXT")] for name in _COLUMNS[table]]
    return all(type(value) is kind for value, kind in zip(values, types, strict=True))


def _seed(table: str, values: tuple[Any, ...]) -> str:
    """Return the seed of a row in words, for who looks for it."""
    return f" (seed {values[2]})" if table in _SUMMED and isinstance(values[2], int) else ""


def _join(found: dict[str, _Table], content: Content, path: Path, sound: Callable[[Row], str] | None) -> None:
    """Put runs and their timings together."""
    seconds = {values[:4]: values[4] for _, values in found["timings"].rows}
    for number, values in found["runs"].rows:
        key: Key = values[:4]
        error, digest, summary, totals, requests = values[4:]
        row = Row(key, error, digest, summary, totals, requests, seconds.get(key, 0.0))
        wrong = sound(row) if sound is not None and not content.checked else ""
        wrong = "stands there twice" if key in content.rows else wrong
        wrong = wrong or ("" if key in seconds else "has no timing")
        if wrong:
            content.damage.append(
                FormatError(f"runs, row {number}{_seed('runs', values)}: damaged: {wrong}", str(path))
            )
        else:
            content.rows[key] = row


class Writer:
    """A file that this process alone writes, as long as it is open.

    Parameters
    ----------
    path : Path
        Its folder exists.

    Raises
    ------
    MisuseError
        If another process writes it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._folder)
            raise MisuseError(f"{path.parent}: another process runs a study into this folder") from None

    def close(self) -> None:
        """Close the file, and let others write it."""
        if self._database is not None:
            self._database.close()
        if self._folder >= 0:
            os.close(self._folder)
        self._database, self._folder = None, -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, content: Content, *, anew: bool) -> None:
        """Be ready to add rows to a file that says `content`; `anew`: to one that is written first."""
        if anew:
            self._write_whole(content)
        with _refusing(self._path):
            self._database = _connect(self._path)

    @property
    def ready(self) -> bool:
        """Whether rows can be added."""
        return self._database is not None

    def _write_whole(self, content: Content) -> None:
        """Replace the file by one that says `content`."""
        with _refusing(self._path), closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
            for table, columns in _COLUMNS.items():
                database.execute(_schema(table, columns))
            for row in (
                ("format", FORMAT),
                ("plan", content.plan),
                *((_sum_of(table), _summed(0)) for table in _SUMMED),
            ):
                _put(database, "meta", row)
            _add(database, content.rows.values())
            image = database.serialize()
        write_file(self._path, image)
        for suffix in ("-journal", "-wal", "-shm"):  # of the file that was there
            with suppress(FileNotFoundError):
                os.unlink(f"{self._path}{suffix}")

    def set_plan(self, plan: str) -> None:
        """Change the plan."""
        self._change(lambda database: _put(database, "meta", ("plan", plan)))

    def add(self, rows: Collection[Row]) -> None:
        """Add rows, or replace those of their keys, in one transaction."""
        self._change(lambda database: _add(database, rows))

    def fetch(self, key: Key) -> Row | None:
        """Read a row back.

        Raises
        ------
        FormatError
            If it does not agree with its digest.
        """
        found = self._found(f"SELECT {', '.join(_COLUMNS['runs'][len(_KEY) :])}, sha256 FROM runs", key)
        if found is None:
            return None
        *values, told = found
        if row_digest("runs", (*key, *values)) != told:
            raise FormatError(f"runs{_seed('runs', key)}: {_CHANGED}", str(self._path))
        error, digest, summary, totals, requests = values
        return Row(key, error, digest, summary, totals, requests, self.cpu_s(key) or 0.0)

    def error(self, key: Key) -> str | None:
        """Return the error of a row; none if there is no such row."""
        found = self._found("SELECT error FROM runs", key)
        return None if found is None else str(found[0])

    def cpu_s(self, key: Key) -> float | None:
        """Return the CPU seconds of a row."""
        found = self._found("SELECT cpu_s FROM timings", key)
        return None if found is None else float(found[0])

    def _found(self, words: str, key: Key) -> tuple[Any, ...] | None:
        """Return the row of a key."""
        if self._database is None:
            return None
        own = " AND ".join(f"{name} = ?" for name in _KEY)
        with _refusing(self._path):
            found: tuple[Any, ...] | None = self._database.execute(f"{words} WHERE {own}", key).fetchone()
        return found

    def check_rows(self) -> None:
        """Compare the digest of all runs with those of the rows that are there.

        Raises
        ------
        FormatError
            If they differ: a row has gone, or another has come.
        """
        if self._database is None:
            return
        with _refusing(self._path):
            rows = self._database.execute("SELECT sha256 FROM runs NOT INDEXED")
            total = sum(int(digest, 16) for (digest,) in rows)
            told = self._database.execute("SELECT value FROM meta WHERE name = ?", (_sum_of("runs"),)).fetchone()
        if told != (_summed(total),):
            raise FormatError(f"runs: {_CHANGED}", str(self._path))

    def _change(self, change: Callable[[sqlite3.Connection], None]) -> None:
        """Change the file, as a whole or not at all."""
        database = self._database
        assert database is not None, "begin comes first"
        with _refusing(self._path):
            database.execute("BEGIN IMMEDIATE")
            try:
                change(database)
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back by itself
                    database.execute("ROLLBACK")
                raise


def _put(database: sqlite3.Connection, table: str, values: tuple[Any, ...]) -> None:
    """Insert a row with its digest, or replace the one of its key."""
    marks = ", ".join("?" * (len(values) + 1))
    database.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", (*values, row_digest(table, values)))


def _add(database: sqlite3.Connection, rows: Collection[Row]) -> None:
    """Put runs into their tables, whose digests follow from what the file says: also after a change that failed."""
    own = " AND ".join(f"{name} = ?" for name in _KEY)
    for table in _SUMMED:
        (told,) = database.execute("SELECT value FROM meta WHERE name = ?", (_sum_of(table),)).fetchone()
        total = int(told, 16)
        for row in rows:
            values = _values(row)[table]
            known = database.execute(f"SELECT sha256 FROM {table} WHERE {own}", row.key).fetchone()
            total += int(row_digest(table, values), 16) - (int(known[0], 16) if known else 0)
            _put(database, table, values)
        _put(database, "meta", (_sum_of(table), _summed(total)))


def _values(row: Row) -> dict[str, tuple[Any, ...]]:
    """Return a row as the tables have it."""
    run = (*row.key, row.error, row.digest, row.summary, row.totals, row.requests)
    return {"runs": run, "timings": (*row.key, row.cpu_s)}


def _schema(table: str, columns: tuple[str, ...]) -> str:
    cells = [f"{name} {_TYPES.get(name, 'TEXT')} NOT NULL" for name in (*columns, "sha256")]
    key = "name" if table == "meta" else ", ".join(_KEY)
    return f"CREATE TABLE {table} ({', '.join(cells)}, PRIMARY KEY ({key}))"
