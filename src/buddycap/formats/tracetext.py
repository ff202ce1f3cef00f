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

import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntFlag
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from .._trace import EVENT_DTYPE, EVENT_NAMES, SKIP_NAMES, Scanner, decode_texts, translate_types
from ..errors import FormatError, MisuseError
from ..flags import GFP, MigrateType
from .gfptext import GfpDecoder, KernelNumbers, kernel_release, migratetype_map
from .packed import damage_of, open_packed
from .tracestacks import StackKeeper

__all__ = ["EVENTS", "EVENT_DTYPE", "UNDECIDED", "TraceFlags", "TraceReader", "TraceReport"]

BEFORE_4_4 = "before 4.4"
UNDECIDED = "undecided"

EVENTS = {name: code for name, code in EVENT_NAMES.items() if code != EVENT_NAMES["print"]}

_CHUNK_BYTES = 1 << 19
_CHUNK_EVENTS = 1 << 13
_BEGINNING_BYTES = 1 << 23
_ENOUGH_VOTES = 16
_LAST_OLD = (4, 3)
_TOOLS = {b"\x17\x08\x44tracing": "trace-cmd report", b"PERFILE2": "perf script"}
_OTHER_TEXTS = {  # what holds such events as well, and cannot be read
    re.compile(rb"^[ \d.|]{0,40}\d{1,4}\)[^\n]{0,200}/\* \w{1,60}: ", re.M): (
        "the function_graph tracer gives no time for events: record with the nop tracer"
    ),
    re.compile(rb"^ {0,40}\d{1,12}\.\d{3} (\([^\n)]{0,40}\): )?[^\n]{0,200} kmem:\w{1,60}\(", re.M): (
        "this is the output of 'perf trace': give that of 'perf script'"
    ),
}
_REASONS = {
    "no_head": "no '[cpu] time: event:'",
    "bad_fields": "fields missing, doubled, or out of range",
    "binary": "binary data",
    "too_long": "longer than 64 KiB",
    "cut": "no line end: the file was cut",
}
_COUNTS = ["lines", "events", "other_events", "lost_marks", "lost_events", "overwritten", "unended", "stack_lines"]
_ALLOC = EVENTS["mm_page_alloc"]
_MARK = EVENTS["tracing_mark_write"]
_ASKED = (  # of requests: which bits of their flags, if they are so, tell which type
    (int(GFP.MOVABLE), int(GFP.MOVABLE), int(MigrateType.MOVABLE)),
    (int(GFP.MOVABLE | GFP.RECLAIMABLE), int(GFP.RECLAIMABLE), int(MigrateType.RECLAIMABLE)),
)


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
        Movable and reclaimable requests whose migratetype does not follow from their flags: a wrong kernel release,
        or grouping disabled.
    kind : str
        "ftrace", "perf", "mixed", or "binary" of a converted file.
    kernel : str
        Release whose numbers were used, as far as it was given; "before 4.4" if the requests tell that; "undecided" if
        nothing tells what migratetypes 1 and 2 are, which are then read as those since 4.4; else "".
    unended : int
        1 if the last line has no line end. It is read if nothing is missing, and may be cut.
    unknown_gfp : tuple of str
        Names of flags that were left out.
    stack_lines : int
        Lines of call stacks: they belong to the event above them, and are no damage.
    stacks_left_out : int
        Events whose stacks were not kept: there are more than 2**20.
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
    unended: int = 0
    stack_lines: int = 0
    stacks_left_out: int = 0

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
        if self.kernel == UNDECIDED:
            found.append("undecided whether migratetypes 1 and 2 are those of before 4.4: read as later ones")
        if self.unended and "cut" not in self.skipped:
            found.append("the last line has no line end, and may be cut")
        if self.unknown_gfp:
            found.append(f"gfp flags left out: {', '.join(self.unknown_gfp)}")
        if self.kind == "mixed":
            found.append("lines of ftrace and of perf are mixed in one file")
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return vars(self) | {"unknown_gfp": list(self.unknown_gfp), "warnings": self.warnings()}


def _open(path: str | Path) -> IO[bytes]:
    """Open a trace, looking through its compression; what the tools write for themselves is refused."""
    file = open_packed(path)
    peek = getattr(file, "peek", None)
    start = peek(11)[:11] if peek else b""
    for magic, tool in _TOOLS.items():
        if start.startswith(magic):
            file.close()
            raise FormatError(f"binary: give the text that '{tool}' prints", str(path))
    return file


class _Beginning:
    """A stream that seems to end behind its beginning, until it is rewound: then it is whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._pieces: list[bytes] = []
        self._again: Iterator[bytes] | None = None
        self._kept = 0

    def read(self, size: int) -> bytes:
        """Read the next piece."""
        if self._again is not None:
            return next(self._again, None) or self._file.read(size)
        if self.is_cut:
            return b""
        self._pieces.append(self._file.read(size))
        self._kept += len(self._pieces[-1])
        return self._pieces[-1]

    @property
    def is_cut(self) -> bool:
        """Whether it has been read to the end of its beginning."""
        return self._kept >= _BEGINNING_BYTES

    def holds(self, pattern: re.Pattern[bytes]) -> bool:
        """Tell whether a pattern is in one of the pieces that are kept."""
        return any(pattern.search(piece) for piece in self._pieces)

    def rewind(self) -> None:
        """Begin anew."""
        self._again = iter(self._pieces)


def _copied(events: NDArray[np.void]) -> NDArray[np.void]:
    """Return a copy.  numpy copies records field by field, thirty times slower than the same bytes as numbers."""
    return events.view(np.uint64).copy().view(events.dtype)


class _Pieces:
    """The events of a stream of text, piece by piece: gfp flags are decoded, migratetypes are the kernel's own."""

    def __init__(
        self, file: "_Beginning | IO[bytes]", path: str | Path, numbers: KernelNumbers, stacks: bool = False
    ) -> None:
        self.scanner = Scanner()
        self.decoder = GfpDecoder(numbers)
        self.marks: list[tuple[int, str]] = []
        self._file = file
        self._path = path
        self._numbers = numbers
        self._texts: list[bytes] = []
        self._bits = np.zeros(1, np.uint32)
        self.keeper = StackKeeper() if stacks else None
        self._first = 0

    def __iter__(self) -> Iterator[NDArray[np.void]]:
        scratch = np.empty(_CHUNK_EVENTS, EVENT_DTYPE)
        rest = b""
        last = False
        while not last:
            piece = self._read()
            last = not piece
            for data, at in self._texts_of(rest, piece):
                while True:
                    count, at = self.scanner.scan(data, at, scratch, last, self.keeper.frames if self.keeper else None)
                    full = count == _CHUNK_EVENTS
                    if self.keeper is not None:
                        full |= self.keeper.take(data, self.scanner.nr_frames, self._first, count)
                    if last and count and self._is_cut(scratch[0]):
                        self.scanner.take_back()
                        count = 0
                    if count:
                        yield self._finished(_copied(scratch[:count]))
                    self._first += count
                    if not full:
                        break
            rest = data[at:]
        if self.keeper is not None:
            self.keeper.end()

    @staticmethod
    def _texts_of(rest: bytes, piece: bytes) -> list[tuple[bytes, int]]:
        """Return what is to be read now, and from where on: the line that the piece ends, and the piece, not copied."""
        head = piece.find(b"\n") + 1
        return [(rest + piece[:head], 0), (piece, head)] if head else [(rest + piece, 0)]

    def _read(self) -> bytes:
        """Read the next piece; damage in the compression becomes a FormatError."""
        try:
            return self._file.read(_CHUNK_BYTES)
        except Exception as error:
            damage = damage_of(error)
            if damage is None:
                raise
            raise FormatError(damage, str(self._path), self.scanner.counted()["lines"] + 1) from error

    def _is_cut(self, event: np.void) -> bool:
        """Tell whether a line without an end ends inside a flag: with a name that nobody has ever seen."""
        if not event["kept"] or event["event"] == _MARK or event["gfp"] < len(self._texts):
            return False
        decoder = GfpDecoder(self._numbers)
        decoder.decode(self.scanner.texts(int(event["gfp"]))[0].decode("latin-1"))
        return bool(decoder.unknown)

    def _finished(self, events: NDArray[np.void]) -> NDArray[np.void]:
        """Turn numbers of texts into flags and marks."""
        self._learn_texts()
        any_numeric, any_marks = decode_texts(events, self._bits)
        if any_numeric:
            numeric = (events["flags"] & 0x1000) != 0
            values, which = np.unique(events["gfp"][numeric], return_inverse=True)
            events["gfp"][numeric] = np.array([self._numbers.gfp(int(value)) for value in values], np.uint32)[which]
            events["flags"] &= 0xEFFF
        for index in np.flatnonzero(events["event"] == _MARK).tolist() if any_marks else ():
            number = int(events["arg"][index])
            if number < len(self._texts):
                self.marks.append((int(events["time_ns"][index]), self._texts[number].decode("utf-8", "replace")))
        return events

    def _learn_texts(self) -> None:
        """Decode the texts that are new; the last entry of the table stands for one that found no room."""
        new = self.scanner.texts(len(self._texts))
        if new:
            flags = [text.decode("latin-1") if b" " not in text else "none" for text in new]
            bits = [self.decoder.decode(text) for text in flags]
            self._texts += new
            self._bits = np.concatenate([self._bits[:-1], np.array([*bits, 0], np.uint32)])


def _asked(events: NDArray[np.void]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the migratetypes of movable requests, and those of reclaimable ones."""
    allocations, gfp, types = events["event"] == _ALLOC, events["gfp"], events["migratetype"]
    movable = allocations & (gfp & int(GFP.MOVABLE) != 0)
    reclaimable = allocations & (gfp & int(GFP.MOVABLE | GFP.RECLAIMABLE) == int(GFP.RECLAIMABLE))
    return types[movable], types[reclaimable]


class _Votes:
    """What requests say of the numbering: 1 is RECLAIMABLE and 2 MOVABLE before 4.4, and the other way since."""

    def __init__(self, pieces: Iterable[NDArray[np.void]]) -> None:
        self.old = self.new = 0
        for events in pieces:
            movable, reclaimable = _asked(events)
            self.old += int((movable == 2).sum() + (reclaimable == 1).sum())
            self.new += int((movable == 1).sum() + (reclaimable == 2).sum())
            if self.enough:
                break

    @property
    def enough(self) -> bool:
        """Whether a few damaged lines could not outweigh what has been said."""
        return self.old + self.new >= _ENOUGH_VOTES


class TraceReader:
    """Reads a trace as text, piece by piece: an iterator over ndarray[EVENT_DTYPE].

    Parameters
    ----------
    path : str or Path
        Text, plain or compressed with gzip or zstd (that one needs the extra `zstd`).
    kernel : str, optional
        Release of the kernel that wrote the trace. Default: the newest numbers, unless requests show that those of
        before 4.4 count. That is found out for the whole trace before its first event is given out: by movable and
        reclaimable requests, of a pipe by those in its first 8 MiB.
    stacks : bool
        Whether call stacks are kept, for which memory grows.

    Attributes
    ----------
    report : TraceReport
        Complete when the iterator has ended.

    Raises
    ------
    FormatError
        If the compressed data is damaged or cut, or if there is no event in the file at all. The tracer
        function_graph gives no times: its events cannot be read.
    OSError
        If the file cannot be read.

    Notes
    -----
    O(file). Memory: some 20 MiB at most, whatever the file's size or what it unpacks to (zstd: its window of up to
    128 MiB besides). About 3 M lines a second on one core.

    Examples
    --------
    >>> import tempfile
    >>> text = b"sh-7 [001] 10.000002: mm_page_alloc: page=0 pfn=0x40 order=2 migratetype=1 gfp_flags=__GFP_MOVABLE\\n"
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(text + b"  sh-7  [001] .....  10.000003: mm_page_free: page=0 pf\\n")
    ...     file.flush()
    ...     with TraceReader(file.name) as reader:
    ...         events = np.concatenate(list(reader))
    >>> events[["time_ns", "pfn", "order", "migratetype", "cpu"]].tolist(), reader.report.warnings()
    ([(10000002000, 64, 2, 2, 1)], ['1 line skipped, first line 2: fields missing, doubled, or out of range'])
    """

    def __init__(self, path: str | Path, kernel: str | None = None, *, stacks: bool = True) -> None:
        self.report = TraceReport(kernel=kernel or "")
        self._path = path
        self._told = kernel is not None
        self._numbers = KernelNumbers(kernel_release(kernel)) if kernel else KernelNumbers()
        self._last_ns = -1
        self._uncertain = False
        self._turn = threading.Lock()
        self._file = _open(path)
        self._stacks = stacks
        self._pieces = _Pieces(self._file, path, self._numbers, stacks)

    @property
    def marks(self) -> list[tuple[int, str]]:
        """Time and text of what was written to `trace_marker`."""
        return self._pieces.marks

    @property
    def stacks(self) -> dict[int, tuple[str, ...]]:
        """Functions of the call stacks, the innermost first, by the place of their event in the whole trace.

        Of the first 2**20 stacks; complete when the iterator has ended.
        """
        return self._pieces.keeper.stacks if self._pieces.keeper else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __iter__(self) -> Iterator[NDArray[np.void]]:
        if not self._turn.acquire(blocking=False):
            raise MisuseError("a TraceReader is read by one loop at a time: make another one")
        try:
            yield from self._read_all()
        finally:
            self._turn.release()

    def _read_all(self) -> Iterator[NDArray[np.void]]:
        """Read the file to its end."""
        beginning = _Beginning(self._file)
        if not self._told:
            self._decide(beginning)
        beginning.rewind()
        self._pieces = _Pieces(beginning, self._path, self._numbers, self._stacks)
        types = migratetype_map(self._numbers.old_migratetypes)
        for events in self._pieces:
            inversions, contradictions, unsure = translate_types(events, types, _ASKED, self._last_ns)
            self.report.inversions += inversions
            self.report.contradictions += contradictions
            if unsure and self._uncertain:
                self.report.kernel = UNDECIDED
            self._last_ns = int(events[-1]["time_ns"])
            yield events
        self._finish_report()
        if not self.report.events:
            other = next((words for pattern, words in _OTHER_TEXTS.items() if beginning.holds(pattern)), None)
            nothing = f"{self.report.lines} lines, {self.report.other_events} of other events"
            reasons = "; ".join(self.report.warnings()) or nothing
            message = other or f"no event of the page allocator ({reasons})"
            raise FormatError(message, str(self._path), self.report.lines or None)

    def _decide(self, beginning: _Beginning) -> None:
        """Find out which numbering of migratetypes the whole trace has.

        Its beginning tells, or else a reading of its own; of a pipe there is none, so there its beginning must do.
        """
        votes = _Votes(_Pieces(beginning, self._path, self._numbers))
        if not votes.enough and beginning.is_cut and Path(self._path).is_file():
            with _open(self._path) as file:
                votes = _Votes(_Pieces(file, self._path, self._numbers))
        if votes.old > votes.new:
            self._numbers = KernelNumbers(_LAST_OLD)
            self.report.kernel = BEFORE_4_4
        self._uncertain = votes.old == votes.new

    def _finish_report(self) -> None:
        """Take the counts over from the scanner."""
        counted = self._pieces.scanner.counted()
        report = self.report
        for name in (
            "lines",
            "events",
            "other_events",
            "lost_marks",
            "lost_events",
            "overwritten",
            "unended",
            "stack_lines",
        ):
            setattr(report, name, counted[name])
        report.skipped = {name: (counted[name], counted[f"first_{name}"]) for name in SKIP_NAMES[1:] if counted[name]}
        seen = counted["events"] + counted["other_events"] - counted["lost_marks"]
        report.kind = "ftrace" if not counted["perf_lines"] else "perf" if counted["perf_lines"] >= seen else "mixed"
        report.stacks_left_out = self._pieces.keeper.left_out if self._pieces.keeper else 0
        report.unknown_gfp = tuple(sorted(self._pieces.decoder.unknown))
