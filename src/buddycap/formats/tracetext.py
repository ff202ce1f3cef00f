"""Traces of the page allocator as text: tracefs `trace` and `trace_pipe`, `trace-cmd report`, `perf script`.

Plain, gzip or zstd, told by content; lines of the three kinds may even be mixed. Reading streams: memory does not grow
with the file. A line is read whole or not at all, and what is not read is counted with its reason.

What becomes of the fields: `EVENT_DTYPE` has one record an event. `time_ns` (as the trace's clock counts), `pfn` (-1:
none), `gfp` in the bits of `GFP`, `migratetype` as `MigrateType` (255: none), `order`, `pid`, `cpu`, `event`
(`EVENTS`), `flags` (`TraceFlags`). `arg` and `span` depend on the event: pages taken and length of the range
(isolation; `gfp`: pages looked at, 0 if unknown); where the free scanner is, from the zone's start, 0 if unknown, and
length of the zone (begin and end of compaction); pages migrated, pages failed; pages reclaimed; events
lost; fallback order, and its migratetype shifted by 8 (extfrag).
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntFlag
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from .._trace import EVENT_DTYPE, EVENT_NAMES, SKIP_NAMES, Scanner
from ..errors import FormatError
from ..flags import GFP
from .gfptext import GfpDecoder, KernelNumbers, kernel_release, migratetype_map

__all__ = ["EVENTS", "EVENT_DTYPE", "TraceFlags", "TraceReader", "TraceReport"]

EVENTS = {name: code for name, code in EVENT_NAMES.items() if code != EVENT_NAMES["print"]}

_CHUNK_BYTES = 1 << 19
_CHUNK_EVENTS = 1 << 13
_ZSTD_BYTES = 1 << 15
_TOOLS = {b"\x17\x08\x44tracing": "trace-cmd report", b"PERFILE2": "perf script"}
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_REASONS = {
    "no_head": "no '[cpu] time: event:'",
    "bad_fields": "fields missing, doubled, or out of range",
    "binary": "binary data",
    "too_long": "longer than 64 KiB",
    "cut": "no line end: the file was cut",
}
_EXTFRAG = EVENTS["mm_page_alloc_extfrag"]
_ALLOC = EVENTS["mm_page_alloc"]
_MARK = EVENTS["tracing_mark_write"]
_UNKNOWN_TEXT = 0xFFFFFFFF


class TraceFlags(IntFlag):
    """Bits of the field `flags`. The low four hold the preempt depth.

    IRQS_OFF, SOFTIRQ, HARDIRQ, RESCHED: where the event happened, known if CONTEXT is set. REFILL: percpu_refill=1.
    OWNERSHIP: change_ownership=1. FAILED: an allocation without a page.
    """

    IRQS_OFF = 0x10
    SOFTIRQ = 0x20
    HARDIRQ = 0x40
    RESCHED = 0x80
    REFILL = 0x100
    OWNERSHIP = 0x200
    FAILED = 0x400
    CONTEXT = 0x800


@dataclass
class TraceReport:
    """What was read from a trace, and what was not.

    Parameters
    ----------
    lines, events : int
        Lines of the text, and events kept.
    other_events : int
        Sound lines of events that are not kept.
    skipped : dict of str to (int, int)
        Lines that could not be read, by reason: how many, and the number of the first.
    lost_marks, lost_events : int
        Places where the kernel says that it lost events, and how many it says.
    overwritten : int
        Events written less those in the buffer, by the head of a tracefs file.
    inversions : int
        Events that are earlier than the one before them; the order of the file is kept.
    contradictions : int
        Allocations whose migratetype does not follow from their flags: a wrong kernel release, or grouping disabled.
    kind : str
        "ftrace", "perf", "mixed", or "binary" of a converted file.
    kernel : str
        Release whose numbers were used.
    unknown_gfp : tuple of str
        Names of flags that were left out.
    """

    lines: int = 0
    events: int = 0
    other_events: int = 0
    skipped: dict[str, tuple[int, int]] = field(default_factory=dict)
    lost_marks: int = 0
    lost_events: int = 0
    overwritten: int = 0
    inversions: int = 0
    contradictions: int = 0
    kind: str = "ftrace"
    kernel: str = ""
    unknown_gfp: tuple[str, ...] = ()

    @property
    def nr_skipped(self) -> int:
        """Lines that could not be read."""
        return sum(count for count, _ in self.skipped.values())

    def warnings(self) -> list[str]:
        """Return what a reader of results should know, one line each.

        Examples
        --------
        >>> TraceReport(skipped={"cut": (1, 7)}, lost_marks=2).warnings()
        ['1 line skipped, first line 7: no line end: the file was cut', 'events were lost in 2 places']
        """
        found = [
            f"{count} line{'s' * (count > 1)} skipped, first line {first}: {_REASONS[reason]}"
            for reason, (count, first) in self.skipped.items()
        ]
        if self.lost_marks:
            number = f" ({self.lost_events} or more)" if self.lost_events else ""
            found.append(f"events were lost in {self.lost_marks} place{'s' * (self.lost_marks > 1)}{number}")
        if self.overwritten:
            found.append(f"the buffer was too small: {self.overwritten} earlier events were overwritten")
        if self.inversions:
            found.append(f"{self.inversions} events are earlier than the line before: record with one global clock")
        if self.contradictions:
            found.append(f"{self.contradictions} allocations whose migratetype does not follow from their gfp flags")
        if self.unknown_gfp:
            found.append(f"gfp flags left out: {', '.join(self.unknown_gfp)}")
        if self.kind == "mixed":
            found.append("lines of ftrace and of perf are mixed in one file")
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return vars(self) | {"unknown_gfp": list(self.unknown_gfp), "warnings": self.warnings()}


def _open(path: str | Path) -> IO[bytes]:
    """Open a file, looking through its compression."""
    file = open(path, "rb")  # noqa: SIM115 - closed by the reader
    try:
        magic = file.peek(11)[:11]
        for start, tool in _TOOLS.items():
            if magic.startswith(start):
                raise FormatError(f"binary: give the text that '{tool}' prints", str(path))
        magic = magic[:4]
        if magic[:2] == b"\x1f\x8b":
            return _closing(gzip.GzipFile(fileobj=file, mode="rb"), file)
        if magic == _ZSTD_MAGIC:
            try:
                import zstandard
            except ImportError:
                raise FormatError("zstd needs 'pip install buddycap[zstd]', or unpack it first", str(path)) from None
            return _Unzstd(file, zstandard.ZstdDecompressor())  # type: ignore[return-value]
    except BaseException:
        file.close()
        raise
    return file


def _closing(inner: Any, file: IO[bytes]) -> IO[bytes]:
    """Let closing the decompressor close the file below it."""

    class Both(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(inner.read(size))

        def close(self) -> None:
            inner.close()
            file.close()
            super().close()

    return Both()  # type: ignore[return-value]


class _Unzstd(io.RawIOBase):
    """Frames of zstd, one after the other; one that is cut is an error, which the library's own reader does not see."""

    def __init__(self, file: IO[bytes], decompressor: Any) -> None:
        super().__init__()
        self._file = file
        self._decompressor = decompressor
        self._frame: Any = None

    def read(self, size: int = -1) -> bytes:
        """Return what the next piece holds, however much that is."""
        while True:
            packed = self._file.read(_ZSTD_BYTES)
            if not packed:
                if self._frame is not None and not self._frame.eof:
                    raise EOFError("the last frame has no end")
                return b""
            found = b""
            while packed:
                if self._frame is None or self._frame.eof:
                    self._frame = self._decompressor.decompressobj()
                found += self._frame.decompress(packed)
                packed = self._frame.unused_data if self._frame.eof else b""
            if found:
                return found

    def close(self) -> None:
        """Close the file below."""
        self._file.close()
        super().close()


class TraceReader:
    """Reads a trace as text, piece by piece: an iterator over ndarray[EVENT_DTYPE].

    Parameters
    ----------
    path : str or Path
        Text, plain or compressed with gzip or zstd (that one needs the extra `zstd`).
    kernel : str, optional
        Release of the kernel that wrote the trace. Default: the newest numbers, unless the first events show that
        migratetypes are those before 4.4.

    Attributes
    ----------
    marks : list of (int, str)
        Time and text of what was written to `trace_marker`.
    report : TraceReport
        Complete when the iterator has ended.

    Raises
    ------
    FormatError
        If the compressed data is damaged or cut, or if there is no event in the file at all.
    OSError
        If the file cannot be read.

    Notes
    -----
    O(file). Memory: a few MiB, whatever the file's size. About 3 M lines a second on one core.

    Examples
    --------
    >>> import tempfile
    >>> text = b"sh-7 [001] ..... 10.000002: mm_page_alloc: page=0 pfn=0x40 order=2 migratetype=1 gfp_flags=GFP_USER\\n"
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(text + b"  sh-7  [001] .....  10.000003: mm_page_free: page=0 pf\\n")
    ...     file.flush()
    ...     with TraceReader(file.name) as reader:
    ...         events = np.concatenate(list(reader))
    >>> events[["time_ns", "pfn", "order", "migratetype", "cpu"]].tolist(), reader.report.warnings()
    ([(10000002000, 64, 2, 2, 1)], ['1 line skipped, first line 2: fields missing, doubled, or out of range'])
    """

    def __init__(self, path: str | Path, kernel: str | None = None) -> None:
        self.marks: list[tuple[int, str]] = []
        self.report = TraceReport(kernel=kernel or "")
        self._path = path
        self._numbers = KernelNumbers(kernel_release(kernel)) if kernel else KernelNumbers()
        self._decoder = GfpDecoder(self._numbers)
        self._types: NDArray[np.uint8] | None = migratetype_map(self._numbers.old_migratetypes) if kernel else None
        self._scanner = Scanner()
        self._texts: list[bytes] = []
        self._bits = np.zeros(1, np.uint32)
        self._last_ns = -1
        self._file = _open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __iter__(self) -> Iterator[NDArray[np.void]]:
        scratch = np.empty(_CHUNK_EVENTS, EVENT_DTYPE)
        rest = b""
        last = False
        while not last:
            piece = self._read()
            last = not piece
            data, at = rest + piece, 0
            while True:
                count, at = self._scanner.scan(data, at, scratch, last)
                if count:
                    yield self._finished(scratch[:count].copy())
                if count < _CHUNK_EVENTS:
                    break
            rest = data[at:]
        self._finish_report()
        if not self.report.events:
            nothing = f"{self.report.lines} lines, {self.report.other_events} of other events"
            reasons = "; ".join(self.report.warnings()) or nothing
            raise FormatError(f"no event of the page allocator ({reasons})", str(self._path), self.report.lines or None)

    def _read(self) -> bytes:
        """Read the next piece; damage in the compression becomes a FormatError."""
        try:
            return self._file.read(_CHUNK_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            message = str(error)
        except OSError:
            raise
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in ("zstandard", "zstd"):
                raise
            message = str(error)
        line = self._scanner.counted()["lines"] + 1
        raise FormatError(f"the compressed data is damaged or cut ({message})", str(self._path), line)

    def _finished(self, events: NDArray[np.void]) -> NDArray[np.void]:
        """Turn numbers of texts into flags and marks, and the kernel's numbers into ours."""
        self._learn_texts()
        kept = events["kept"] != 0
        numeric = (events["flags"] & 0x1000) != 0
        if numeric.any():
            values, which = np.unique(events["gfp"][numeric], return_inverse=True)
            events["gfp"][numeric] = np.array([self._numbers.gfp(int(value)) for value in values], np.uint32)[which]
            events["flags"] &= 0xEFFF
        events["gfp"][kept] = self._bits[np.minimum(events["gfp"][kept], len(self._bits) - 1)]
        events["kept"] = 0
        for index in np.flatnonzero(events["event"] == _MARK).tolist():
            number = int(events["arg"][index])
            if number < len(self._texts):
                self.marks.append((int(events["time_ns"][index]), self._texts[number].decode("utf-8", "replace")))
        self._map_types(events)
        times = events["time_ns"]
        self.report.inversions += int((times[0] < self._last_ns) + (times[1:] < times[:-1]).sum())
        self._last_ns = int(times[-1])
        return events

    def _learn_texts(self) -> None:
        """Decode the texts that are new; the last entry of the table stands for one that found no room."""
        new = self._scanner.texts(len(self._texts))
        if new:
            flags = [text.decode("latin-1") if b" " not in text else "none" for text in new]
            bits = [self._decoder.decode(text) for text in flags]
            self._texts += new
            self._bits = np.concatenate([self._bits[:-1], np.array([*bits, 0], np.uint32)])

    def _map_types(self, events: NDArray[np.void]) -> None:
        """Translate migratetypes. Movable requests tell which numbering it is, if nobody else does."""
        asked = events[(events["event"] == _ALLOC) & ((events["gfp"] & int(GFP.MOVABLE)) != 0)]["migratetype"]
        if self._types is None:
            old = int((asked == 2).sum()) > int((asked == 1).sum())
            self._types = migratetype_map(old)
            if not len(asked):
                types, self._types = self._types, None
                self._apply_types(events, types)
                return
            self.report.kernel = "before 4.4" if old else ""
        self._apply_types(events, self._types)
        self.report.contradictions += int((self._types[asked] != 2).sum())

    def _apply_types(self, events: NDArray[np.void], types: NDArray[np.uint8]) -> None:
        events["migratetype"] = types[events["migratetype"]]
        fallback = events["event"] == _EXTFRAG
        if fallback.any():
            arg = events["arg"][fallback]
            events["arg"][fallback] = (arg & 0xFF) | types[(arg >> 8) & 7].astype(np.uint32) << 8

    def _finish_report(self) -> None:
        """Take the counts over from the scanner."""
        counted = self._scanner.counted()
        report = self.report
        for name in ("lines", "events", "other_events", "lost_marks", "lost_events", "overwritten"):
            setattr(report, name, counted[name])
        report.skipped = {name: (counted[name], counted[f"first_{name}"]) for name in SKIP_NAMES[1:] if counted[name]}
        seen = counted["events"] + counted["other_events"] - counted["lost_marks"]
        report.kind = "ftrace" if not counted["perf_lines"] else "perf" if counted["perf_lines"] >= seen else "mixed"
        report.unknown_gfp = tuple(sorted(self._decoder.unknown))
