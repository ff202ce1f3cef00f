"""Plays recorded vectors on a `Zone` and compares every mark, every result and every state.

A vector is a file of JSON lines (`.jsonl`, or `.jsonl.gz`): a header, then operations with their results, and between
them dumps of the whole state or their hashes. Family E also has rows of formulas. Family Q records a defect of the
capture series that is mended here; where it shows, the vector is a deviation and no mismatch.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from .._core import CaptureList, Zone, node_formulas
from ..errors import CorruptionError, FormatError, MisuseError
from . import vectors_6_1 as modern
from . import vectors_6_12 as newest
from . import vectors_compaction as compaction
from . import vectors_compaction_6_12 as newest_compaction
from . import vectors_requests as requests

__all__ = ["Difference", "Result", "play_vector", "play_vectors", "vector_files"]

FORMAT = "buddycap-oracle-1"
SUFFIXES = (".jsonl", ".jsonl.gz")
DEVIATING_FAMILY = "Q"
DEVIATION = "the recorded kernel moves a captured block to a free list; buddycap steps over it"

_COUNTS = ("max_order", "pageblock_order", "zone_start_pfn", "zone_spanned", "zone_idx", "min_free_kbytes", "ops")
_ROW_INPUTS = ("present", "highmem", "ratio", "min_free_kbytes_in")


@dataclass(frozen=True)
class Difference:
    """The first place where a vector and the zone disagree.

    Parameters
    ----------
    file : str
    line : int
        Line of the file, from 1.
    what : str
        The operation, or the part of the state.
    expected, found : object
        What is recorded, and what the zone says.
    """

    file: str
    line: int
    what: str
    expected: object
    found: object

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}: expected {self.expected}, found {self.found}"


@dataclass
class Result:
    """What playing has shown so far.

    Parameters
    ----------
    vectors, operations : int
        Files and operations played. A row of formulas is one operation.
    mismatches, deviations : list of Difference
    errors : list of FormatError
        Files that could not be played to their end.
    """

    vectors: int = 0
    operations: int = 0
    mismatches: list[Difference] = field(default_factory=list)
    deviations: list[Difference] = field(default_factory=list)
    errors: list[FormatError] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The line that says it all."""
        return f"conformance: {self.vectors} vectors, {self.operations} operations, {len(self.mismatches)} mismatches"

    @property
    def status(self) -> int:
        """Exit status: 2 after an unreadable file, 1 after a mismatch, else 0."""
        return 2 if self.errors else int(bool(self.mismatches))

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON can hold it."""
        return {
            "vectors": self.vectors,
            "operations": self.operations,
            "mismatches": [vars(difference) for difference in self.mismatches],
            "deviations": [vars(difference) for difference in self.deviations],
            "errors": [vars(error) for error in self.errors],
            "summary": self.summary,
        }


class _Mismatch(Exception):
    """What was recorded and what was found; raised inside, told as a `Difference`."""

    def __init__(self, what: str, expected: object, found: object) -> None:
        super().__init__(what, expected, found)
        self.what, self.expected, self.found = what, expected, found


class _Lines:
    """The JSON values of a file, one a line; `number` is the line of the last one."""

    def __init__(self, path: Path) -> None:
        self.file = str(path)
        self.number = 0
        self._path = path

    def __iter__(self) -> Iterator[Any]:
        decode = json.JSONDecoder().decode
        try:
            with _open(self._path) as stream:
                for text in stream:
                    self.number += 1
                    yield decode(text)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise self.error(f"the gzip data are cut or damaged ({error})", 1) from None
        except UnicodeDecodeError:
            raise self.error("not UTF-8 text", 1) from None
        except (json.JSONDecodeError, RecursionError):
            raise self.error("not a JSON value: junk, or the file is cut") from None

    def error(self, message: str, ahead: int = 0) -> FormatError:
        """Return the error of the last line read, or of one `ahead`."""
        return FormatError(message, self.file, self.number + ahead)


def _open(path: Path) -> IO[str]:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


class _Player:
    """One zone with its capture lists, as a header asks for, and what each kind of line does to it.

    A method takes the line without its kind. It raises `_Mismatch`, or what a malformed line makes of it.
    """

    def __init__(self, header: dict[str, Any]) -> None:
        batch, high = header["pcp"]
        self.zone = Zone(
            header["zone_start_pfn"],
            header["zone_spanned"],
            present_ranges=[tuple(pair) for pair in header["free_ranges"]],
            max_page_order=header["max_order"] - 1,
            pageblock_order=header["pageblock_order"],
            zone_idx=header["zone_idx"],
            node_present_pages=tuple(header["node_present"]),
            lowmem_reserve_ratio=tuple(header["ratio"]),
            min_free_kbytes=header["min_free_kbytes"],
            pcp_batch=batch,
            pcp_high=high,
            pageblock_index=header["pageblock_index"],
            pcp_bulk_cold=bool(header["pcp_bulk_cold"]),
        )
        self.lists: dict[int, CaptureList] = {k: self.zone.capture_list() for k in range(header["capture_lists"])}
        self.operations = 0
        self.last = ""
        self.operation: dict[str, Callable[..., None]] = {
            "a": self.allocate,
            "f": self.zone.free_one_page,
            "c": self.capture,
            "r": self.capture_end,
            "A": self.allocate_pcp,
            "F": self.free_pcp,
            "D": self.zone.drain_pages,
            "w": self.watermark,
            "m": self.resize,
        }

    def check(self) -> None:
        self.zone.check()

    def marks(self) -> list[int]:
        return [self.zone.pages_min, self.zone.pages_low, self.zone.pages_high]

    def check_header(self, header: dict[str, Any]) -> None:
        agree("pages_min, pages_low, pages_high", [header[f"pages_{k}"] for k in ("min", "low", "high")], self.marks())
        agree("lowmem_reserve", header["lowmem_reserve"], list(self.zone.lowmem_reserve))

    def step(self, line: list[Any]) -> None:
        """Do what a line says and compare what it recorded."""
        kind = line[0]
        self.last = kind
        operation = self.operation.get(kind)
        if operation is not None:
            self.operations += 1
            operation(*line[1:])
        elif kind == "h":
            agree("SHA-256 of the state", _only(line), sha256(self.dump()).hexdigest())
        elif kind == "d":
            self.full_dump(_only(line))
        else:
            raise LookupError(kind)

    def dump(self) -> bytes:
        return self.zone.canonical_dump().encode("ascii")

    def full_dump(self, recorded: dict[str, Any]) -> None:
        expected, found = dump_lines(recorded), self.dump()
        for theirs, ours in zip(expected, found.decode("ascii").splitlines(), strict=False):
            if theirs != ours:
                raise _Mismatch("dump", *_apart(theirs, ours))
        agree("lines of the dump", len(expected), found.count(b"\n"))
        agree("SHA-256 of the dump", recorded["sha256"], sha256(found).hexdigest())

    def allocate(self, order: int, migratetype: int, recorded: int) -> None:
        agree("pfn", recorded, _pfn(self.zone.rmqueue(order, migratetype)))

    def allocate_pcp(self, order: int, migratetype: int, cold: int, recorded: int) -> None:
        if order:
            self.allocate(order, migratetype, recorded)
        else:
            agree("pfn", recorded, _pfn(self.zone.rmqueue_pcplist(migratetype, bool(cold))))

    def free_pcp(self, pfn: int, cold: int) -> None:
        self.zone.free_hot_cold_page(pfn, bool(cold))

    def capture(self, index: int, pfn: int, order: int) -> None:
        self.lists[index].capture_one_page(pfn, order)

    def capture_end(self, index: int, order: int, alloc_flags: int, classzone_idx: int, recorded: int) -> None:
        got = self.lists[index].capture_alloc_or_return(order, alloc_flags=alloc_flags, classzone_idx=classzone_idx)
        agree("pfn", recorded, _pfn(got))

    def watermark(self, order: int, mark: int, classzone_idx: int, alloc_flags: int, recorded: int) -> None:
        ok = self.zone.watermark_ok(order, mark, classzone_idx=classzone_idx, alloc_flags=alloc_flags)
        agree("ok", recorded, int(ok))

    def resize(self, kb: int, recorded: list[int]) -> None:
        self.zone.set_min_free_kbytes(kb)
        agree("marks", recorded, self.marks())


def agree(what: str, expected: object, found: object) -> None:
    """Raise `_Mismatch` if a recorded value and ours differ."""
    if expected != found:
        raise _Mismatch(what, expected, found)


def _apart(theirs: str, ours: str) -> tuple[str, str]:
    """Return two different lines as they are, or, if they are long, what stands where they part."""
    if max(len(theirs), len(ours)) <= 100:
        return theirs, ours
    old, new = theirs.split(), ours.split()
    k = next((k for k, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new)))
    place = f"{' '.join(old[:3])} ... [word {k + 1}]"[:100]
    return f"{place} {' '.join(old[k : k + 4])}"[:200], f"{place} {' '.join(new[k : k + 4])}"[:200]


def _pfn(pfn: int | None) -> int:
    return -1 if pfn is None else pfn


def _only(line: list[Any]) -> Any:
    _, value = line
    return value


def dump_lines(dump: dict[str, Any]) -> list[str]:
    """Return the canonical text of a recorded full dump, line by line.

    Examples
    --------
    >>> dump_lines({"nr_free_pages": 2, "nr_free": [0, 1], "free": [[1, 2, [4]]], "capture": [], "pageblocks": "2",
    ...             "pcp": [[7, 2]]})
    ['N 2', 'O 0 0', 'O 1 1', 'L 1 2 4', 'B 2', 'P 1 7:2']
    """
    lists: dict[int, list[str]] = {}
    for order, migratetype, pfns in dump["free"]:
        lists.setdefault(order, []).append(" ".join(map(str, ["L", order, migratetype, *pfns])))
    lines = [f"N {dump['nr_free_pages']}"]
    for order, count in enumerate(dump["nr_free"]):
        lines += [f"O {order} {count}", *lists.get(order, [])]
    for index, blocks in enumerate(dump["capture"]):
        lines.append(" ".join([f"C {index}", *(f"{pfn}:{order}" for pfn, order in blocks)]))
    lines.append(f"B {dump['pageblocks']}")
    lines.append(" ".join([f"P {len(dump['pcp'])}", *(f"{pfn}:{tag}" for pfn, tag in dump["pcp"])]))
    return lines


def vector_files(paths: Iterable[str | Path]) -> list[Path]:
    """Return the vector files that paths name: files as they are, folders searched through and sorted.

    Parameters
    ----------
    paths : iterable of path

    Raises
    ------
    FormatError
        If a file has another suffix, or there is nothing to play.
    FileNotFoundError
        If a path does not exist.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.name.endswith(SUFFIXES) and p.is_file())
            if not found:
                raise FormatError(f"no vectors ({', '.join(SUFFIXES)}) in this folder", str(path))
            files += found
        elif not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder")
        elif path.name.endswith(SUFFIXES):
            files.append(path)
        else:
            raise FormatError(f"a vector has the suffix {' or '.join(SUFFIXES)}", str(path))
    return files


def play_vectors(paths: Iterable[str | Path], told: Callable[[Path], None] | None = None) -> Result:
    """Play vectors one after another.

    Parameters
    ----------
    paths : iterable of path
        Files and folders.
    told : callable, optional
        Called with each file before it is played.

    Returns
    -------
    Result

    Raises
    ------
    FormatError, OSError
        As `vector_files`; what is wrong inside a file stands in the result.
    """
    result = Result()
    for path in vector_files(paths):
        if told is not None:
            told(path)
        try:
            play_vector(path, result)
        except FormatError as error:
            result.errors.append(error)
    return result


def play_vector(path: str | Path, result: Result) -> None:
    """Play one file up to its first difference and add what it shows to a result.

    Parameters
    ----------
    path : path
    result : Result

    Raises
    ------
    FormatError
        If the file is no vector, or is cut.
    """
    lines = _Lines(Path(path))
    values = iter(lines)
    header = next(values, None)
    if not isinstance(header, dict) or header.get("format") not in FORMATS:
        known = " or ".join(map(repr, FORMATS))
        raise lines.error(f"no vector: the first line is no header of format {known}", int(lines.number == 0))
    result.vectors += 1
    if header.get("kind") == "formulas":
        _play_formulas(header, values, lines, result)
    else:
        _play_operations(header, values, lines, result)


FORMATS: dict[str, Callable[[dict[str, Any]], _Player | modern.Player | compaction.Player]] = {
    FORMAT: _Player,
    modern.FORMAT: lambda header: modern.Player(header, agree),
    newest.FORMAT: lambda header: newest.Player(header, agree),
    compaction.FORMAT: lambda header: _compaction_player(header)(header, agree),
}
STATES = ("header", "d", "h")


def _compaction_player(header: dict[str, Any]) -> type[compaction.Player]:
    """Return what plays a vector of compaction of the header's kernel."""
    return newest_compaction.Player if str(header.get("kernel")).startswith("6.12.") else requests.Player


def _play_operations(header: dict[str, Any], values: Iterator[Any], lines: _Lines, result: Result) -> None:
    player = _player(header, lines)
    line: Any = ["header"]
    try:
        player.check_header(header)
        for line in values:
            player.step(line)
        player.check()
    except (_Mismatch, MisuseError, CorruptionError) as error:
        difference = _difference(lines, line, error)
        deviates = header.get("family") == DEVIATING_FAMILY
        (result.deviations if deviates else result.mismatches).append(difference)
        return
    except (TypeError, ValueError, LookupError, OverflowError):
        raise lines.error(f"{_shown(line)} is no operation of the format") from None
    finally:
        result.operations += player.operations
    if player.operations != header["ops"] or player.last not in ("d", "h", "dump", "sha256"):
        raise lines.error(f"cut: {player.operations} operations of {header['ops']}, and a dump after the last")


def _player(header: dict[str, Any], lines: _Lines) -> _Player | modern.Player | compaction.Player:
    for key in _COUNTS if header["format"] == FORMAT else ("ops",):
        if not isinstance(header.get(key), int):
            raise lines.error(f"header: {key} is missing or no number")
    try:
        return FORMATS[header["format"]](header)
    except KeyError as error:
        raise lines.error(f"header: {error.args[0]} is missing") from None
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise lines.error(f"header: no such zone: {error}") from None


def _difference(lines: _Lines, line: Any, error: Exception) -> Difference:
    """Tell what a line should have done and what happened instead."""
    if isinstance(error, _Mismatch):
        state = (isinstance(line, dict) and "in" not in line) or (isinstance(line, list) and line[0] in STATES)
        what = error.what if state else f"{_shown(line)} {error.what}"
        return Difference(lines.file, lines.number, what, error.expected, error.found)
    if isinstance(error, CorruptionError):
        return Difference(lines.file, lines.number, "check of the last state", "no broken invariant", str(error))
    return Difference(lines.file, lines.number, _shown(line), "success", f"refusal: {error}")


def _shown(line: object) -> str:
    text = json.dumps(line)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _formulas(row: dict[str, Any]) -> list[tuple[str, object, object]]:
    present, highmem, ratio, kb = (row[key] for key in _ROW_INPUTS)
    found = node_formulas(present, highmem, ratio, None if kb < 0 else kb)
    expected = {key: row[key] for key in found}
    zones = list(zip(expected.pop("zones"), found.pop("zones"), strict=True))
    pairs = [(key, expected[key], found[key]) for key in expected]
    return pairs + [(f"zone {k} {key}", zone[key], ours[key]) for k, (zone, ours) in enumerate(zones) for key in ours]


FORMULAS: dict[str, Callable[[dict[str, Any]], list[tuple[str, object, object]]]] = {
    FORMAT: _formulas,
    modern.FORMAT: modern.formulas,
    newest.FORMAT: newest.formulas,
}


def _play_formulas(header: dict[str, Any], values: Iterator[Any], lines: _Lines, result: Result) -> None:
    """Compare whole nodes: each row stands for itself."""
    count = 0
    compare = FORMULAS.get(header["format"], modern.formulas)
    for row in values:
        count += 1
        try:
            pairs = compare(row)
        except (TypeError, ValueError, LookupError, OverflowError):
            raise lines.error(f"{_shown(row)} is no row of formulas") from None
        finally:
            result.operations += 1
        wrong = next((pair for pair in pairs if pair[1] != pair[2]), None)
        if wrong is not None:
            result.mismatches.append(Difference(lines.file, lines.number, *wrong))
    if count != header.get("rows"):
        raise lines.error(f"cut: {count} rows of {header.get('rows')}")
