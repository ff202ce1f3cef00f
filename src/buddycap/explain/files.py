"""What a file answers: its kind is found by its content, and the question that goes with the kind is answered."""

import codecs
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from ..errors import FormatError
from ..formats.extfrag import parse_index
from ..formats.kinds import HEAD_BYTES, Kind, kind_of
from ..formats.packed import damage_of, looked_through, open_packed
from ..formats.pageowner import OwnerText, read_page_owner
from ..formats.pieces import BegunFile, UnquotedFile, is_quoted, text_lines
from ..formats.procfs import BuddyinfoRow
from ..formats.report_log import read_memory_log
from ..formats.series import Moment, Series, buddyinfo_series, cut_pagetypeinfo, pagetypeinfo_series, vmstat_series
from ..formats.snapshot import read_snapshot
from ..formats.stalltext import StallText, read_stalls
from ..formats.zoneinfo import parse_zoneinfo
from .answers import Explained, MemoryAnswers
from .folder import FolderAnswer, explain_folder, is_folder
from .freeseries import HUGE_ORDER, FreeSeries, VmstatSeries, rows_of_types
from .hugepages import huge_pages
from .memory import Options, answer_report
from .owners import find_owners
from .stalls import measure_stalls
from .traces import TraceAnswer, read_requests
from .zonestate import IndexAnswer, ZoneStates

__all__ = ["explain_file", "refusal"]

_MARKED = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # editors, PowerShell
_ONLY_WAITS = (
    "Of this form only the events of waiting are read, not who asks for memory: for that record with the nop tracer, "
    "turn the option latency-format off, and give /sys/kernel/tracing/trace."
)
LARGEST_TEXT = 1 << 26  # of texts that are read as a whole


def explain_file(path: str | Path, options: Options | None = None) -> Explained:
    """Tell what a file is, and answer the question that goes with it.

    Parameters
    ----------
    path : str or Path
        A file; `-` for standard input.
    options : Options, optional
        What the caller knows better than the text.

    Returns
    -------
    Explained
        The answer.

    Raises
    ------
    FormatError
        If nothing in it can be answered; the message says what it looks like, and which command takes it.
    MisuseError
        If an option is out of range.
    OSError
        If it cannot be read.

    Notes
    -----
    O(file). Memory: a few MiB for a log, whatever its size.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(b"sh: page allocation failure: order:2, mode:0xcc0(GFP_KERNEL)\\n"), file.flush()
    ...     answer = explain_file(file.name)
    >>> answer.status, answer.as_dict()["verdict"]
    (1, 'unknown')
    """
    options = options or Options()
    if str(path) == "-":
        return _unpacked(looked_through(sys.stdin.buffer, "standard input"), "standard input", options)
    if is_folder(path):
        return explain_folder(path, options)
    with open_packed(path) as file:
        return _unpacked(file, str(path), options)


def _unpacked(file: IO[bytes], name: str, options: Options) -> Explained:
    """Explain a file that may be compressed; its damage shows while it is read."""
    try:
        return _explain(file, name, options)
    except Exception as error:
        damage = damage_of(error)
        if damage is None:
            raise
        raise FormatError(damage, name) from error


def _explain(file: IO[bytes], name: str, options: Options) -> Explained:
    """Explain an open file."""
    head = _read_head(file)
    coding = next((name for mark, name in _MARKED.items() if head.startswith(mark)), None)
    if coding is not None:
        file = codecs.EncodedFile(cast(Any, BegunFile(head, file)), "utf-8", coding, "replace")
        head = _read_head(file)
    if is_quoted(head):
        file = cast(IO[bytes], UnquotedFile(cast(IO[bytes], BegunFile(head, file))))
        head = _read_head(file)
    kind = kind_of(head)
    reader = _READERS.get(kind.name)
    answer = reader(cast(IO[bytes], BegunFile(head, file)), name, options) if reader is not None else None
    if answer is None and kind.name == "log":
        raise FormatError("it names reports about memory, and none of them can be read", name)
    if answer is None:
        raise refusal(kind, name)
    return answer


def _log(file: IO[bytes], name: str, options: Options) -> Explained | None:
    log = read_memory_log(file)
    return MemoryAnswers(log, [answer_report(report, options) for report in log.reports]) if log.reports else None


def _order(options: Options) -> int:
    return HUGE_ORDER if options.order is None else options.order


def _buddyinfo(file: IO[bytes], name: str, options: Options) -> Explained:
    series = buddyinfo_series(text_lines(file), name)
    return FreeSeries("/proc/buddyinfo", series, _order(options), options.page_kb or 4)


def _pagetypeinfo(file: IO[bytes], name: str, options: Options) -> Explained:
    text = _whole(file, name)
    note = ""
    try:
        series = pagetypeinfo_series(text, name)
    except FormatError:
        rows = cut_pagetypeinfo(text, HUGE_ORDER)
        if rows is None:
            raise
        series = Series([Moment(None, rows)])
        note = "The text is cut or damaged: its rows of free blocks are read, and pageblocks are not told."
    order = series.moments[-1].content.pageblock_order if options.order is None else options.order
    types = series.moments[-1].content
    return FreeSeries("/proc/pagetypeinfo", rows_of_types(series), order, options.page_kb or 4, types, note)


def _vmstat(file: IO[bytes], name: str, options: Options) -> Explained:
    return VmstatSeries(vmstat_series(text_lines(file), name))


def _page_owner(file: IO[bytes], name: str, options: Options) -> Explained:
    text = OwnerText()
    return find_owners(read_page_owner(text_lines(file), text), text, options.depth)


def _trace(file: IO[bytes], name: str, options: Options) -> Explained:
    text = StallText()
    stalls = measure_stalls(read_stalls(file, text), text)
    requests = read_requests(name, options.kernel, options.depth) if Path(name).is_file() else None
    return TraceAnswer(stalls, requests)


def _waits(file: IO[bytes], name: str, options: Options) -> Explained | None:
    """Answer from a trace of which only the events of waiting are read."""
    text = StallText()
    stalls = measure_stalls(read_stalls(file, text), text)
    return TraceAnswer(stalls, left_out=_ONLY_WAITS) if stalls.runs else None


def _zoneinfo(file: IO[bytes], name: str, options: Options) -> Explained:
    return ZoneStates(parse_zoneinfo(_whole(file, name), name), options.page_kb or 4)


def _index(file: IO[bytes], name: str, options: Options) -> Explained:
    rows = [line for line in _whole(file, name).splitlines() if line.lstrip().startswith("Node")]  # no heading
    return IndexAnswer(parse_index("\n".join(rows) + "\n", name), _order(options))


def _snapshot(file: IO[bytes], name: str, options: Options) -> Explained | None:
    """Answer from the texts in a snapshot of this package; a pipe cannot be read as an archive."""
    if not Path(name).is_file():
        return None
    snapshot = read_snapshot(name)
    rows = tuple(BuddyinfoRow(snapshot.node, zone, counts) for zone, counts in snapshot.buddyinfo.items())
    if not rows and snapshot.pagetypeinfo is None:
        return None
    zones = tuple(snapshot.zoneinfo.values()) or None
    page_kb = snapshot.frames[0].page_size // 1024 if snapshot.frames else 4
    return FolderAnswer(huge_pages(rows or None, snapshot.pagetypeinfo, zones, None, options.order, page_kb))


def _whole(file: IO[bytes], name: str) -> str:
    """Read a text that is read as a whole."""
    pieces, size = [], 0
    while piece := file.read(1 << 20):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_TEXT:
            raise FormatError(f"it holds more than {LARGEST_TEXT >> 20} MiB, the limit for such a text", name)
    return b"".join(pieces).decode("utf-8", "replace").replace("\r", "")


_READERS: dict[str, Callable[[IO[bytes], str, Options], Explained | None]] = {
    "log": _log,
    "text": _log,
    "buddyinfo": _buddyinfo,
    "pagetypeinfo": _pagetypeinfo,
    "archive": _snapshot,
    "zoneinfo": _zoneinfo,
    "index": _index,
    "vmstat": _vmstat,
    "page_owner": _page_owner,
    "trace": _trace,
    "compactsnoop": _trace,
    "ftrace_dump": _waits,
    "latency": _waits,
}


def refusal(kind: Kind, name: str) -> FormatError:
    """Return the error of a file that cannot be answered from.

    Examples
    --------
    >>> print(refusal(kind_of(b""), "f"))
    f: this is an empty file; there is nothing to explain
    """
    return FormatError(f"this is {kind.title}; {kind.hint}", name)


def _read_head(file: IO[bytes]) -> bytes:
    """Read the first MiB, also from a pipe that gives less at a time."""
    pieces, size = [], 0
    while size < HEAD_BYTES:
        piece = file.read(HEAD_BYTES - size)
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)
