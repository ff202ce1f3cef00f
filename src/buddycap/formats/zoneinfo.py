"""Text of /proc/zoneinfo: writer with the kernel's widths, and parser, for kernels from 2.6.18 to 6.18.

The fields of a zone differ from kernel to kernel. So they are kept as ordered mappings from the kernel's own names,
unknown ones included, and what was read is written back byte for byte. Two things about the layout changed over
time, and `ZoneinfoLayout` holds them; widths of labels follow from the fields that are there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .proctext import NAMELESS, ProcLine, ProcText

__all__ = ["Pageset", "ZoneinfoLayout", "ZoneinfoZone", "format_zoneinfo", "parse_zoneinfo"]

_FIRST_COUNTER = "nr_free_pages"  # first of the per-zone counters in every kernel since 2.6.21
_FIRST_NUMA = "numa_hit:"
_TRAILER = ("all_unreclaimable:", "node_unreclaimable:", "start_pfn:")
_PAGES = ("free", "min", "low", "high", "spanned", "present")


@dataclass(frozen=True)
class Pageset:
    """The per-CPU lists of one CPU.

    Parameters
    ----------
    cpu : int
        Number of the CPU.
    values : mapping of str to int
        `count`, `high`, `batch`; since 6.14 also `high_min`, `high_max`.
    threshold : int or None
        Largest deviation of a counter that the CPU keeps to itself; `None` on kernels built for one CPU.
    pcp : int or None
        Number of the list: before 2.6.25 a CPU had a hot one, 0, and a cold one, 1. `None` where there is one set.
    numa : mapping of str to int
        Counters of NUMA, which those kernels print behind the last list of a CPU.
    """

    cpu: int
    values: Mapping[str, int]
    threshold: int | None = None
    pcp: int | None = None
    numa: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ZoneinfoLayout:
    """Where and how a kernel prints the counters of a zone.

    Parameters
    ----------
    counter_indent : int
        Blanks before a counter: 6, before 4.8 it was 4.
    counters_first : bool
        Whether counters come before the line `protection:`, as they did before 4.12.
    """

    counter_indent: int = 6
    counters_first: bool = False


@dataclass(frozen=True)
class ZoneinfoZone:
    """What /proc/zoneinfo says about one zone.

    Parameters
    ----------
    node : int
        Number of the node.
    zone : str
        Name of the zone.
    pages : mapping of str to int
        `free`, the marks `min`, `low`, `high`, then `spanned`, `present`, `managed` and what else the kernel has.
    protection : tuple of int
        lowmem_reserve by zone index.
    counters : mapping of str to int
        Counters of the zone, `nr_free_pages` first. Empty for a zone without memory, whose text ends here, and before
        2.6.21. Kernels of 2018 (4.14 to 4.19) print one without a name: here it is "".
    pagesets : tuple of Pageset
        Per-CPU lists.
    trailer : mapping of str to int
        `node_unreclaimable` (or `all_unreclaimable`), `start_pfn` and what else the kernel has.
    node_counters : mapping of str to int or None
        Counters of the node, which newer kernels print with its first zone.
    notes : mapping of str to str
        Text behind the number of a field in `pages`: 2.6.28 has `scanned  0 (aa: 0 ia: 0 af: 0 if: 0)`.
    layout : ZoneinfoLayout
        Where the counters stand.
    """

    node: int
    zone: str
    pages: Mapping[str, int]
    protection: tuple[int, ...]
    counters: Mapping[str, int] = field(default_factory=dict)
    pagesets: tuple[Pageset, ...] = ()
    trailer: Mapping[str, int] = field(default_factory=dict)
    node_counters: Mapping[str, int] | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    layout: ZoneinfoLayout = ZoneinfoLayout()

    @property
    def start_pfn(self) -> int | None:
        """First PFN of the zone; `None` for a zone without memory."""
        return self.trailer.get("start_pfn")

    @property
    def pcp_pages(self) -> int:
        """Pages on all per-CPU lists."""
        return sum(pageset.values.get("count", 0) for pageset in self.pagesets)


def format_zoneinfo(zones: Iterable[ZoneinfoZone]) -> str:
    """Write /proc/zoneinfo.

    Parameters
    ----------
    zones : iterable of ZoneinfoZone
        Zones by node, then by zone index.

    Returns
    -------
    str
        The text.

    Notes
    -----
    Linux: mm/vmstat.c zoneinfo_show_print.

    Examples
    --------
    >>> pages = dict(free=3, min=1, low=2, high=2, spanned=8, present=8, managed=8)
    >>> cpu = Pageset(0, dict(count=2, high=6, batch=1), threshold=2)
    >>> trailer = dict(node_unreclaimable=0, start_pfn=1)
    >>> zone = ZoneinfoZone(0, "DMA", pages, (0, 9), {"nr_free_pages": 3}, (cpu,), trailer)
    >>> print(format_zoneinfo([zone]), end="")
    Node 0, zone      DMA
      pages free     3
            min      1
            low      2
            high     2
            spanned  8
            present  8
            managed  8
            protection: (0, 9)
          nr_free_pages 3
      pagesets
        cpu: 0
                  count: 2
                  high:  6
                  batch: 1
      vm stats threshold: 2
      node_unreclaimable:  0
      start_pfn:           1
    """
    return "".join(line + "\n" for zone in zones for line in _zone_lines(zone))


def _zone_lines(zone: ZoneinfoZone) -> list[str]:
    """Return the lines of one zone."""
    lines = [f"Node {zone.node}, zone {zone.zone:>8}"]
    if zone.node_counters is not None:
        lines += ["  per-node stats", *_counter_lines(zone.node_counters, 6)]
    for index, (name, value) in enumerate(zone.pages.items()):
        note = " " + zone.notes[name] if name in zone.notes else ""
        # Kernels 4.8 to 4.10 moved the one long name, node_scanned, to the left.
        indent = 8 if len(name) <= 8 else max(15 - len(name), 0)
        lines.append(f"{'' if index else '  pages ':<{indent}}{name:<{16 - indent}} {value}{note}")
    counters = _counter_lines(zone.counters, zone.layout.counter_indent)
    protection = [f"        protection: ({', '.join(map(str, zone.protection))})"]
    lines += counters + protection if zone.layout.counters_first else protection + counters
    if not zone.counters and not zone.pagesets:
        return lines
    lines.append("  pagesets")
    for pageset in zone.pagesets:
        which = "" if pageset.pcp is None else f" pcp: {pageset.pcp}"
        lines += [f"    cpu: {pageset.cpu}{which}", *_labelled_lines(pageset.values, 14, _label_width(pageset.values))]
        lines += _labelled_lines(pageset.numa, 12, _label_width(pageset.numa))
        if pageset.threshold is not None:
            lines.append(f"  vm stats threshold: {pageset.threshold}")
    # The kernel that printed node_inactive_ratio is gone, its column width stayed.
    wide = len("node_inactive_ratio: ") if "node_unreclaimable" in zone.trailer else _label_width(zone.trailer)
    return lines + _labelled_lines(zone.trailer, 2, wide)


def _counter_lines(counters: Mapping[str, int], indent: int) -> list[str]:
    """Return one line a counter."""
    return [f"{'':{indent}}{name:<12} {value}" for name, value in counters.items()]


def _labelled_lines(values: Mapping[str, int], indent: int, width: int) -> list[str]:
    """Return lines `name: value`, the values in one column."""
    return [f"{'':{indent}}{name + ':':<{width}}{value}" for name, value in values.items()]


def _label_width(names: Iterable[str]) -> int:
    """Return the room of the longest label, its colon and a blank."""
    return max((len(name) for name in names), default=0) + 2


def parse_zoneinfo(text: str, file: str | None = None) -> tuple[ZoneinfoZone, ...]:
    """Parse /proc/zoneinfo.

    Parameters
    ----------
    text : str
        The text, of any kernel since 2.6.18.
    file : str or None
        What to call it in errors.

    Returns
    -------
    tuple of ZoneinfoZone
        One item a zone, in the order of the text; fields in the order of the text as well.

    Raises
    ------
    FormatError
        If a line does not follow the format, or a zone lacks one of its essential fields.

    Examples
    --------
    >>> text = '''Node 0, zone  Movable
    ...   pages free     0
    ...         min      0
    ...         low      0
    ...         high     0
    ...         spanned  0
    ...         present  0
    ...         protection: (0, 0)
    ... '''
    >>> (zone,) = parse_zoneinfo(text)
    >>> zone.zone, zone.protection, format_zoneinfo([zone]) == text
    ('Movable', (0, 0), True)
    """
    source = ProcText(text, file)
    parsers: list[_ZoneParser] = []
    keys: set[tuple[int, str]] = set()
    for line in source:
        if line.words[0] == "Node":
            if parsers:
                parsers[-1].finish(line)
            parsers.append(_ZoneParser(line))
            if parsers[-1].key in keys:
                raise line.error("the zone stands here twice")
            keys.add(parsers[-1].key)
        elif parsers:
            parsers[-1].take(line)
        else:
            raise line.error("'Node N, zone NAME' expected")
    if not parsers:
        raise source.error_at_end("no zone found")
    parsers[-1].finish(line)
    return tuple(parser.zone() for parser in parsers)


class _ZoneParser:
    """Takes the lines of one zone. Counters of node and zone look alike, so the section decides."""

    def __init__(self, header: ProcLine) -> None:
        self.key = header.node_zone()
        if len(header.words) != 4:
            raise header.error("'Node N, zone NAME' expected")
        self._section: dict[str, int] = {}
        self._pages: dict[str, int] = {}
        self._notes: dict[str, str] = {}
        self._node_counters: dict[str, int] | None = None
        self._counters: dict[str, int] = {}
        self._protection: tuple[int, ...] | None = None
        self._pagesets: list[Pageset] | None = None
        self._trailer: dict[str, int] = {}
        self._counter_indent = ZoneinfoLayout().counter_indent
        self._counters_first = False

    def take(self, line: ProcLine) -> None:
        """Take one line."""
        words = line.words
        match words:
            case ["per-node", "stats"]:
                self._section = self._node_counters = {}
            case ["pages", "free", _]:
                self._section = self._pages
                self._add(line, "free", words[2])
            case ["protection:", *_]:
                self._take_protection(line)
            case ["pagesets"]:
                self._pagesets = []
            case ["cpu:", number] if self._pagesets is not None:
                self._section = {}
                self._pagesets.append(Pageset(line.number(number), self._section))
            case ["cpu:", number, "pcp:", which] if self._pagesets is not None:
                self._section = {}
                self._pagesets.append(Pageset(line.number(number), self._section, pcp=line.number(which)))
            case ["vm", "stats", "threshold:", number] if self._pagesets and self._section is not self._trailer:
                last = self._pagesets.pop()
                self._pagesets.append(Pageset(last.cpu, last.values, line.number(number)))
                self._section = self._trailer
            case [label, number] if label.endswith(":") and self._pagesets is not None:
                if label in _TRAILER:
                    self._section = self._trailer
                elif label == _FIRST_NUMA and self._pagesets and self._pagesets[-1].pcp is not None:
                    self._section = {}
                    self._pagesets.append(replace(self._pagesets.pop(), numa=self._section))
                self._add(line, label[:-1], number)
            case [name, number, *note] if not name.endswith(":") and self._pagesets is None:
                self._take_field(line, name, number, note)
            case [number] if self._pagesets is None and self._among_counters():
                self._add(line, NAMELESS, number)
            case _:
                raise line.error(f"unknown line {' '.join(words)[:40]!r}")

    def _take_field(self, line: ProcLine, name: str, number: str, note: Sequence[str]) -> None:
        """Take a line of one of the sections without colons."""
        if name == _FIRST_COUNTER and self._pages:
            self._section = self._counters
            self._counter_indent = line.indent
            self._counters_first = self._protection is None
        self._add(line, name, number)
        if note and self._section is not self._pages:
            raise line.error(f"nothing expected behind the number, found {note[0][:40]!r}")
        if note:
            self._notes[name] = " ".join(note)

    def _among_counters(self) -> bool:
        """Tell whether lines are counters, of the node or of the zone."""
        return self._section is self._node_counters or self._section is self._counters

    def _take_protection(self, line: ProcLine) -> None:
        """Take the reserves, which end the section of pages."""
        inner = " ".join(line.words[1:])
        if self._protection is not None or not (inner.startswith("(") and inner.endswith(")")):
            raise line.error("one 'protection: (...)' expected")
        self._protection = line.numbers(inner[1:-1].replace(",", " ").split())

    def _add(self, line: ProcLine, name: str, number: str) -> None:
        """Add a field to the current section."""
        if name in self._section:
            raise line.error(f"{name or 'a counter without a name'} stands here twice")
        self._section[name] = line.number(number, signed=True)

    def finish(self, line: ProcLine) -> None:
        """Refuse a zone that was cut before its end; `line` is where it shows."""
        missing = [name for name in _PAGES if name not in self._pages]
        if self._protection is None:
            missing.append("protection")
        lists = self._pagesets or []
        if self._pages.get("present") and self._pagesets is None:
            missing.append("pagesets")
        elif self._pages.get("present") and not self._counters and not any(one.pcp is not None for one in lists):
            missing.append(_FIRST_COUNTER)
        if (self._counters or lists) and "start_pfn" not in self._trailer:
            missing.append("start_pfn")
        if missing:
            raise line.error(f"zone {self.key[1]} of node {self.key[0]} ends without {missing[0]}")

    def zone(self) -> ZoneinfoZone:
        """Return what was collected."""
        return ZoneinfoZone(
            *self.key,
            self._pages,
            self._protection or (),
            self._counters,
            tuple(self._pagesets or ()),
            self._trailer,
            self._node_counters,
            self._notes,
            ZoneinfoLayout(self._counter_indent, self._counters_first),
        )
