"""Texts of /proc that hold several moments: pasted, watched, or collected, with or without times between them.

A moment begins where a row stands there already, at a line with a date, at the heading of `watch`, at a mark of a
collector, or at a prompt. Lines that are none of these are counted.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from ..errors import FormatError
from .envelope import unwrap
from .procfs import BuddyinfoRow, Pagetypeinfo, PagetypeinfoZone, parse_pagetypeinfo

__all__ = [
    "Moment",
    "Series",
    "buddyinfo_series",
    "cut_pagetypeinfo",
    "pagetypeinfo_series",
    "seconds_of",
    "vmstat_series",
]

MOST_ORDERS = 40
MOST_MOMENTS = 1_000_000

_T = TypeVar("_T")
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][AB0]|[=>])")
_NUMBERS = r"(?:\d{1,19}\s+)*\d{1,19}"
_ROW = re.compile(rf"(?:buddy\s+)?Node\s+(\d{{1,6}}),?\s+(?:zone\s+)?([A-Za-z]\w{{0,31}}),?\s+({_NUMBERS})")
_TYPE_ROW = re.compile(
    r"Node\s+(\d{1,6}), zone\s+(\w{1,32}), type\s+(\w{1,32})\s+((?:[ \t]*>?\d{1,19}\b){1,40})[ \t]*(?:\n|$)"
)
_COUNTER = re.compile(r"([A-Za-z]\w{0,63})\s+(-?\d{1,20})|\s*(\d{1,20})")
_DAY, _CLOCK = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)", r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
_DATE = (
    rf"{_DAY},? (?:\w{{3}} [ \d]\d|[ \d]?\d \w{{3}}) .{{0,40}}|\d{{4}}-\d\d-\d\d[T ]{_CLOCK}\S{{0,8}}"
    r"|\d{10}(?:\.\d+)?"
)
_TIME = re.compile(
    rf"(?P<date>{_DATE})|>>>\s*(?P<collectl>\d{{9,11}}(?:\.\d+)?)\s*<<<|zzz \*\*\*\s*(?P<oswatcher>.{{0,60}})"
    rf"|Every [\d.,]+s: .*?\s(?P<watch>{_DATE})|###\s*RECORD.*\((?P<record>\d{{9,11}}(?:\.\d+)?)\).*"
)
_PROMPT = re.compile(
    r"(?:\[?[\w.-]+@[\w.-]+[^\n]{0,80}|[\w~/.-]{0,40})[#$%] ?(?:(?:sudo )?(?:cat|watch|head|grep)\b.*)?"
)
_FORMATS = ("%a %b %d %H:%M:%S %Y", "%a %d %b %Y %H:%M:%S", "%a %d %b %H:%M:%S %Y", "%a %d %b %Y %I:%M:%S %p")


@dataclass
class Moment(Generic[_T]):
    """What a text says about one moment.

    Parameters
    ----------
    when : str or None
        Its time, as printed.
    content : object
        The text, parsed.
    """

    when: str | None
    content: _T


@dataclass
class Series(Generic[_T]):
    """Moments, in the order of the text.

    Parameters
    ----------
    moments : list of Moment
        At least one, or the reader raises.
    unknown : int
        Lines that no rule took.
    first_unknown : int or None
        The number of the first of them.
    """

    moments: list[Moment[_T]] = field(default_factory=list)
    unknown: int = 0
    first_unknown: int | None = None

    def seconds(self) -> float | None:
        """Return the time from the first moment to the last; None if it is not known."""
        ends = [seconds_of(self.moments[at].when) for at in (0, -1)] if self.moments else []
        return ends[1] - ends[0] if len(ends) == 2 and ends[0] is not None and ends[1] is not None else None

    def _strange(self, number: int) -> None:
        self.unknown += 1
        self.first_unknown = self.first_unknown or number


def seconds_of(when: str | None) -> float | None:
    """Return a printed time in seconds since 1970, zones left out; None if it is not understood.

    Examples
    --------
    >>> seconds_of("Mon Mar  4 10:01:00 UTC 2024") - seconds_of("2024-03-04T10:00:30")
    30.0
    """
    if when is None:
        return None
    if re.fullmatch(r"\d{9,11}(?:\.\d+)?", when):
        return float(when)
    plain = re.sub(r"\s+(?:[A-Z]{2,5}|[+-]\d\d\d?\d?)(?=\s|$)(?<!AM)(?<!PM)", "", when.replace(",", ""))
    plain = " ".join(plain.split())
    for form in _FORMATS:
        try:
            return datetime.strptime(f"{plain} +0000", f"{form} %z").timestamp()
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(re.sub(r"(?:Z|[+-]\d\d:?\d\d)$", "", when) + "+00:00").timestamp()
    except ValueError:
        return None


def _lines(lines: Iterable[str]) -> Iterator[tuple[int, str, str | None, bool]]:
    """Yield number, text, time and whether a moment begins here, for each line that is not blank."""
    for number, raw in enumerate(lines, start=1):
        line = _ESCAPES.sub("", raw).strip().lstrip(">| ")
        if not line:
            continue
        time = _TIME.fullmatch(line)
        if time:
            yield number, "", next(value for value in time.groups() if value), True
        elif _PROMPT.fullmatch(line):
            yield number, "", None, True
        elif line not in ("--", "```"):
            yield number, line if line[0].isalnum() else unwrap(line).text, None, False


def buddyinfo_series(lines: Iterable[str], file: str | None = None) -> Series[tuple[BuddyinfoRow, ...]]:
    """Read /proc/buddyinfo, printed once or many times.

    Parameters
    ----------
    lines : iterable of str
        The text by lines.
    file : str or None
        What to call it in errors.

    Returns
    -------
    Series of tuple of BuddyinfoRow
        The rows of each moment, in the order of the text.

    Raises
    ------
    FormatError
        If there is no row at all, or the rows of a zone differ in their orders.

    Notes
    -----
    O(text).

    Examples
    --------
    >>> text = "Mon Mar  4 10:00:00 UTC 2024\\nNode 0, zone DMA 1 2 3\\nNode 0, zone DMA 2 2 3\\n"
    >>> [(moment.when, moment.content[0].nr_free) for moment in buddyinfo_series(text.splitlines()).moments]
    [('Mon Mar  4 10:00:00 UTC 2024', (1, 2, 3)), (None, (2, 2, 3))]
    """
    series: Series[tuple[BuddyinfoRow, ...]] = Series()
    rows: dict[tuple[int, str], BuddyinfoRow] = {}
    orders: dict[tuple[int, str], int] = {}
    when: str | None = None

    def finish() -> None:
        if rows and len(series.moments) < MOST_MOMENTS:
            series.moments.append(Moment(when, tuple(rows.values())))
        rows.clear()

    for number, line, time, begins in _lines(lines):
        if begins:
            finish()
            when = time
            continue
        match = _ROW.fullmatch(line)
        if match is None:
            series._strange(number)
            continue
        key = int(match[1]), match[2]
        counts = tuple(int(word) for word in match[3].split())
        if len(counts) > MOST_ORDERS or orders.setdefault(key, len(counts)) != len(counts):
            raise FormatError(f"{len(counts)} orders do not fit the lines before", file, number)
        if key in rows:
            finish()
            when = None
        rows[key] = BuddyinfoRow(*key, counts)
    finish()
    if not series.moments:
        raise FormatError("no row 'Node N, zone NAME' found", file)
    return series


def vmstat_series(lines: Iterable[str], file: str | None = None) -> Series[dict[str, int]]:
    """Read /proc/vmstat, printed once or many times; a counter without a name is kept under `""`.

    Raises
    ------
    FormatError
        If there is no counter at all.

    Examples
    --------
    >>> [moment.content for moment in vmstat_series(["pgfree 1", "pgfree 4"]).moments]
    [{'pgfree': 1}, {'pgfree': 4}]
    """
    series: Series[dict[str, int]] = Series()
    counters: dict[str, int] = {}
    when: str | None = None
    for number, line, time, begins in _lines(lines):
        match = None if begins else _COUNTER.fullmatch(line)
        if match is None and not begins:
            series._strange(number)
            continue
        name = "" if match is None or match[3] else match[1]
        if counters and (begins or name in counters):
            series.moments.append(Moment(when, counters))
            counters, when = {}, None
        if match is None:
            when = time
        else:
            counters[name] = int(match[3] or match[2])
    if counters:
        series.moments.append(Moment(when, counters))
    if not series.moments:
        raise FormatError("no counter found", file)
    return series


def pagetypeinfo_series(text: str, file: str | None = None) -> Series[Pagetypeinfo]:
    """Read /proc/pagetypeinfo, printed once or many times.

    Raises
    ------
    FormatError
        If a moment does not follow the format.

    Notes
    -----
    The kernel prints the whole once a node, so a heading alone begins no moment: a zone that stands there already does.
    """
    series: Series[Pagetypeinfo] = Series()
    parts: list[tuple[str | None, list[str]]] = []
    when: str | None = None
    for number, line, time, begins in _lines(text.split("\n")):
        if begins:
            when = time
        elif line.startswith("Page block order:"):
            parts.append((when, [line]))
            when = None
        elif parts:
            parts[-1][1].append(line)
        else:
            series._strange(number)
    for time, own in parts:
        info = parse_pagetypeinfo("\n".join(own) + "\n", file)
        last = series.moments[-1].content if series.moments else None
        known = {(zone.node, zone.zone) for zone in last.zones} if last else set()
        if last is not None and time is None and not known & {(zone.node, zone.zone) for zone in info.zones}:
            zones = last.zones + info.zones
            series.moments[-1].content = Pagetypeinfo(last.pageblock_order, zones, last.capped and info.capped)
        else:
            series.moments.append(Moment(time, info))
    if not series.moments:
        raise FormatError("no line 'Page block order:' found", file)
    return series


def cut_pagetypeinfo(text: str, pageblock_order: int) -> Pagetypeinfo | None:
    """Read the rows of free blocks of a /proc/pagetypeinfo that is cut or pasted in part; the first moment only.

    Parameters
    ----------
    text : str
        The text.
    pageblock_order : int
        Order of a pageblock, if the text does not say.

    Returns
    -------
    Pagetypeinfo or None
        Without pageblocks; None if there is no row.

    Examples
    --------
    >>> cut_pagetypeinfo("Node 0, zone DMA, type Movable 3 >100000\\n", 9).zones[0].free
    {'Movable': (3, 100000)}
    """
    zones: dict[tuple[int, str], dict[str, tuple[int, ...]]] = {}
    order = re.search(r"Page block order:\s+(\d{1,2})\b", text)
    for match in _TYPE_ROW.finditer(text):
        free = zones.setdefault((int(match[1]), match[2]), {})
        counts = tuple(int(word.removeprefix(">")) for word in match[4].split())
        if not free or len(counts) == len(next(iter(free.values()))):
            free.setdefault(match[3], counts)
    found = tuple(PagetypeinfoZone(node, zone, free, {}) for (node, zone), free in zones.items())
    told = int(order[1]) if order else MOST_ORDERS
    return Pagetypeinfo(told if told < MOST_ORDERS else pageblock_order, found) if found else None
