"""Traces converted once, loaded at memory speed: a header, a few facts as JSON, and the records of `EVENT_DTYPE`.

    bytes 0-7    BUDDYTRC           16-23  number of events         32-35  CRC-32 of the records
    8-11         version, 1         24-27  bytes of JSON            36-39  CRC-32 of bytes 0-35 and of the JSON
    12-15        bytes a record     28-31  offset of the records    40-    JSON; the records start on a multiple of 64

All numbers are little-endian.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from .._trace import EVENT_DTYPE
from ..errors import FormatError, MisuseError
from ..jsontext import parse_object
from ..newfile import replacing
from .tracetext import TraceReader, TraceReport

__all__ = ["Trace", "convert_trace", "load_trace", "read_trace", "save_trace"]

MAGIC = b"BUDDYTRC"
VERSION = 1

_HEAD = struct.Struct("<8sIIQIIII")
_ALIGN = 64
_MAX_JSON = 1 << 24
_CHUNK = 1 << 22


@dataclass(frozen=True, eq=False)
class Trace:
    """A trace in memory.

    Parameters
    ----------
    events : ndarray[EVENT_DTYPE], shape (n,)
    marks : list of (int, str)
        Time in ns and text of what was written to `trace_marker`.
    report : TraceReport
        What was read and what was skipped.
    """

    events: NDArray[np.void]
    marks: list[tuple[int, str]] = field(default_factory=list)
    report: TraceReport = field(default_factory=TraceReport)

    def __len__(self) -> int:
        return len(self.events)

    def mark_ns(self, text: str) -> int | None:
        """Return the time of the first mark with a text, if there is one."""
        return next((time_ns for time_ns, found in self.marks if found == text), None)


def read_trace(path: str | Path, kernel: str | None = None) -> Trace:
    """Read a trace, text or converted, as a whole.

    Parameters
    ----------
    path : str or Path
    kernel : str, optional
        See `TraceReader`; a converted trace needs none.

    Returns
    -------
    Trace
        40 bytes an event.

    Raises
    ------
    FormatError, OSError
        As `TraceReader` and `load_trace`.
    """
    if Path(path).is_file():  # what has been read from a pipe is gone
        with open(path, "rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                return load_trace(path)
    with TraceReader(path, kernel, stacks=False) as reader:
        pieces = [piece.view(np.uint64) for piece in reader]  # numpy copies records field by field
    events: NDArray[np.void] = np.concatenate(pieces).view(EVENT_DTYPE)
    return Trace(events, reader.marks, reader.report)


def convert_trace(path: str | Path, out: str | Path, kernel: str | None = None) -> TraceReport:
    """Write a text trace in the binary form, in constant memory.

    Parameters
    ----------
    path, out : str or Path
        What to read and what to write.
    kernel : str, optional
        See `TraceReader`.

    Returns
    -------
    TraceReport

    Raises
    ------
    MisuseError
        If both are the same file.
    FormatError, OSError
        As `TraceReader`. No file is left behind then.
    """
    if Path(out).exists() and Path(out).samefile(path):
        raise MisuseError(f"{out}: the trace itself would be replaced")
    with TraceReader(path, kernel, stacks=False) as reader:
        return _write(out, reader, reader)


def save_trace(path: str | Path, trace: Trace) -> None:
    """Write a trace in the binary form.

    Examples
    --------
    >>> import tempfile
    >>> trace = Trace(np.zeros(3, EVENT_DTYPE), [(5, "begin")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_trace(Path(folder, "t.bct"), trace)
    ...     again = load_trace(Path(folder, "t.bct"))
    >>> len(again), again.mark_ns("begin")
    (3, 5)
    """
    _write(path, [trace.events], trace)


def _write(path: str | Path, pieces: Iterable[NDArray[np.void]], facts: TraceReader | Trace) -> TraceReport:
    """Write records as they come; the header is completed last. JSON goes behind the records, whose number it needs."""
    with replacing(path) as file:
        file.write(bytes(_ALIGN))
        crc, count = 0, 0
        for events in pieces:
            data = np.ascontiguousarray(events).tobytes()
            crc, count = zlib.crc32(data, crc), count + len(events)
            file.write(data)
        text = json.dumps({"marks": facts.marks, "report": vars(facts.report)}, separators=(",", ":")).encode()
        file.write(text)
        head = _HEAD.pack(MAGIC, VERSION, EVENT_DTYPE.itemsize, count, len(text), _ALIGN, crc, 0)[:36]
        file.seek(0)
        file.write(head + struct.pack("<I", zlib.crc32(text, zlib.crc32(head))))
    return facts.report


def load_trace(path: str | Path, *, verify: bool = True) -> Trace:
    """Read a converted trace.

    Parameters
    ----------
    path : str or Path
        What `convert_trace` or `save_trace` wrote.
    verify : bool
        Compare the checksum of the records.

    Returns
    -------
    Trace
        Its events are read-only.

    Raises
    ------
    FormatError
        If the file is no converted trace, of another version, cut, longer than it says, or altered.
    OSError
        If it cannot be read.

    Notes
    -----
    It is read, not mapped: a file that others shorten meanwhile is an error, where a mapping would end the process,
    and what has been checked stays so.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(_HEAD.size)
        count, length, crc = _checked_head(head, size, path)
        file.seek(_ALIGN + count * EVENT_DTYPE.itemsize)
        text = file.read(length)
        if zlib.crc32(text, zlib.crc32(head[:36])) != struct.unpack_from("<I", head, 36)[0]:
            raise FormatError("the header is damaged: its checksum differs", str(path))
        file.seek(_ALIGN)
        events, found = _read_events(file, count, path)
    if verify and found != crc:
        raise FormatError("the records are damaged: their checksum differs", str(path))
    return _trace(events, text, path)


def _checked_head(head: bytes, size: int, path: str | Path) -> tuple[int, int, int]:
    """Return number of events, bytes of JSON and checksum, once they agree with the size of the file."""
    if len(head) < _HEAD.size or head[:8] != MAGIC:
        raise FormatError("no converted trace", str(path))
    _, version, itemsize, count, length, start, crc, _ = _HEAD.unpack(head)
    if version != VERSION or itemsize != EVENT_DTYPE.itemsize or start != _ALIGN:
        raise FormatError(f"version {version} with {itemsize} bytes a record: version {VERSION} is wanted", str(path))
    if length > _MAX_JSON or _ALIGN + count * itemsize + length != size:
        raise FormatError(f"{count} events claimed, which is not what {size} bytes hold", str(path))
    return count, length, crc


def _read_events(file: BinaryIO, count: int, path: str | Path) -> tuple[NDArray[np.void], int]:
    """Read the records, and compute their CRC-32."""
    events: NDArray[np.void] = np.empty(count, EVENT_DTYPE)
    room = events.view(np.uint8).reshape(-1).data if count else memoryview(b"")
    done, crc = 0, 0
    while done < len(room):
        size = file.readinto(room[done : done + _CHUNK])  # type: ignore[attr-defined]
        if not size:
            raise FormatError("cut while it was read", str(path))
        crc = zlib.crc32(room[done : done + size], crc)
        done += size
    events.flags.writeable = False
    return events, crc


def _trace(events: NDArray[np.void], text: bytes, path: str | Path) -> Trace:
    """Build the trace from its records and its JSON."""
    try:
        facts = parse_object(text, f"{path}[facts]")
        marks = [(int(time_ns), str(mark)) for time_ns, mark in facts["marks"]]
        report = TraceReport(**facts["report"])
        report.skipped = {str(name): (int(n), int(first)) for name, (n, first) in report.skipped.items()}
        report.unknown_gfp = tuple(map(str, report.unknown_gfp))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise FormatError(f"the facts are damaged ({error})", str(path)) from error
    return Trace(events, marks, report)
