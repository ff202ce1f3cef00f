"""The events of waiting in a trace, compaction and reclaim: tracefs, `trace-cmd report`, `perf script`, compactsnoop.

Only these lines are looked at, so a large trace is read as fast as it can be searched.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from .envelope import unwrap
from .pieces import whole_lines

__all__ = ["StallEvent", "StallText", "read_stalls"]

_LONGEST = 4096
_NAMES = (
    rb"mm_compaction_(?:begin|end|try_to_compact_pages|kcompactd_wake|kcompactd_sleep)"
    rb"|mm_vmscan_(?:(?:direct|memcg|memcg_softlimit|node)_reclaim_(?:begin|end)|kswapd_wake|kswapd_sleep|throttled)"
    rb"|writeback_(?:congestion_wait|wait_iff_congested)|LOST \d+ EVENTS"
)
_MARK = re.compile(rb"mm_compaction_|mm_vmscan_|writeback_|LOST ")
_EVENT = re.compile(rb"(?P<event>" + _NAMES + rb"):? ?(?P<rest>[^\n]*)")
_TASK = re.compile(
    r"\s*(?P<comm>.{0,64}?)(?:-(?P<pid>\d{1,10})\s+(?:\(\s*[\d-]+\)\s+)?|\s+(?P<tid>\d{1,10})(?:/(?P<thread>\d{1,10}))?\s+)"
    r"\[(?P<cpu>\d{1,6})\]\s+(?:[^\s\d]\S*\s+|\S{4,6}\s+)?(?P<time>\d{1,12}\.\d{3,9}):\s+(?:\w+:)?"
)
_LATENCY = re.compile(
    r"\s*(?P<comm>.{0,64}?)-(?P<pid>\d{1,10})\s+(?P<cpu>\d{1,6})\S*\s+(?P<us>\d{1,15})us[ !+#*@$]*:\s*"
)
_FIELD = re.compile(r"(\w+)=(-?\w+)")
_SNOOP = re.compile(
    rb"^(?:[\d.]+\s+)?(?P<comm>\S[^\n]{0,32}?)\s+(?P<pid>\d+)\s+(?P<node>\d+)\s+(?P<zone>\S+)\s+(?P<order>-?\d+)\s+"
    rb"(?P<mode>A?SYNC\w*|[a-z_]+)\s+(?P<ms>\d+(?:\.\d+)?)\s+(?P<status>\w+)\s*$",
    re.M,
)


@dataclass(frozen=True)
class StallEvent:
    """One event.

    Parameters
    ----------
    name : str
        Of the event; `lost` where the kernel says that events are missing, `compactsnoop` for a row of that tool.
    time_ns : int
        By the trace's clock; 0 for compactsnoop.
    comm : str
        Name of the task.
    pid : int
        Number of the task.
    fields : dict of str to str
        What the event says.
    """

    name: str
    time_ns: int
    comm: str
    pid: int
    fields: dict[str, str]


@dataclass
class StallText:
    """What was read.

    Parameters
    ----------
    lines : int
        Lines of the text.
    events : int
        Events of waiting.
    unreadable : int
        Lines that name such an event, and have no head that is known.
    first_ns, last_ns : int or None
        Times of the first and last such event.
    """

    lines: int = 0
    events: int = 0
    unreadable: int = 0
    first_ns: int | None = None
    last_ns: int | None = None


def read_stalls(file: IO[bytes], found: StallText) -> Iterator[StallEvent]:
    """Read the events of waiting.

    Parameters
    ----------
    file : binary file
        The trace, as text.
    found : StallText
        Filled in while reading.

    Yields
    ------
    StallEvent
        In the order of the file.

    Raises
    ------
    OSError
        If the file cannot be read.

    Notes
    -----
    O(file). Memory: one piece of 1 MiB.

    Examples
    --------
    >>> import io
    >>> line = b"  sh-7  [001] .... 10.000002: mm_vmscan_direct_reclaim_end: nr_reclaimed=26\\n"
    >>> [(e.name, e.time_ns, e.comm, e.pid, e.fields) for e in read_stalls(io.BytesIO(line), StallText())]
    [('mm_vmscan_direct_reclaim_end', 10000002000, 'sh', 7, {'nr_reclaimed': '26'})]
    """
    snoop = False
    for piece in whole_lines(file):
        found.lines += piece.count(b"\n")
        snoop = snoop or b"LAT(ms)" in piece
        if snoop:
            yield from _rows(piece, found)
        at = 0
        while mark := _MARK.search(piece, at):
            start = piece.rfind(b"\n", 0, mark.start()) + 1
            end = piece.find(b"\n", mark.start())
            end = len(piece) if end < 0 else end
            at = end
            event = _event(piece[start : min(end, start + _LONGEST)], found)
            if event is not None:
                yield event


def _event(line: bytes, found: StallText) -> StallEvent | None:
    """Read one line; None if it is no such event."""
    match = _EVENT.search(line)
    if match is None:
        return None
    name = match["event"].decode("ascii")
    if name.startswith("LOST"):
        return StallEvent("lost", 0, "", 0, {})
    text = line[: match.start()].decode("utf-8", "replace")
    head = _TASK.fullmatch(text) or _LATENCY.fullmatch(unwrap(text).text)
    if head is None:
        found.unreadable += 1
        return None
    groups = head.groupdict()
    if groups.get("us") is not None:
        time = int(groups["us"]) * 1000
    else:
        whole, _, part = groups["time"].partition(".")
        time = int(whole) * 1_000_000_000 + int(part.ljust(9, "0"))
    pid = int(groups.get("thread") or groups.get("pid") or groups.get("tid") or 0)
    found.events += 1
    found.first_ns = time if found.first_ns is None else found.first_ns
    found.last_ns = time
    fields = dict(_FIELD.findall(match["rest"].decode("utf-8", "replace")))
    return StallEvent(name, time, groups["comm"].strip(), pid, fields)


def _rows(piece: bytes, found: StallText) -> Iterator[StallEvent]:
    """Read the rows of compactsnoop: whole runs, their time in ms."""
    for match in _SNOOP.finditer(piece):
        found.events += 1
        fields = {name: match[name].decode("utf-8", "replace") for name in ("order", "mode", "ms", "status", "zone")}
        yield StallEvent("compactsnoop", 0, match["comm"].decode("utf-8", "replace"), int(match["pid"]), fields)
