"""Texts of /proc/buddyinfo, /proc/pagetypeinfo, /proc/vmstat and /proc/meminfo: parsers, and writers with the kernel's
widths of the first three.

Parsers cut at white space and take any number of orders, nodes, zones and migratetypes. What they read from a
kernel, the writers give back byte for byte. `zoneinfo.py` has the fourth text, `extfrag.py` the fragmentation
indices.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import MisuseError
from .proctext import NAMELESS, ProcLine, ProcText

__all__ = [
    "PAGETYPEINFO_CAP",
    "BuddyinfoRow",
    "Pagetypeinfo",
    "PagetypeinfoZone",
    "format_buddyinfo",
    "format_pagetypeinfo",
    "format_vmstat",
    "parse_buddyinfo",
    "parse_meminfo",
    "parse_pagetypeinfo",
    "parse_vmstat",
]

PAGETYPEINFO_CAP = 100_000  # the kernel stops walking a free list here, since 5.4

_FREE_HEADING = "Free pages count per migrate type at order"
_BLOCKS_HEADING = "Number of blocks type"
_MIXED_HEADING = "Number of mixed blocks"


@dataclass(frozen=True)
class BuddyinfoRow:
    """One zone's line of /proc/buddyinfo.

    Parameters
    ----------
    node : int
        Number of the node.
    zone : str
        Name of the zone.
    nr_free : tuple of int
        Free blocks per order, all migratetypes together, those on per-CPU lists left out.
    """

    node: int
    zone: str
    nr_free: tuple[int, ...]

    @property
    def nr_free_pages(self) -> int:
        """Free pages of the zone.

        Examples
        --------
        >>> BuddyinfoRow(0, "DMA", (1, 0, 3)).nr_free_pages
        13
        """
        return sum(count << order for order, count in enumerate(self.nr_free))


def format_buddyinfo(rows: Iterable[BuddyinfoRow]) -> str:
    """Write /proc/buddyinfo.

    Parameters
    ----------
    rows : iterable of BuddyinfoRow
        Populated zones in the kernel's order: by node, then by zone.

    Returns
    -------
    str
        The text; every line ends with a blank and a line end, as the kernel's do.

    Notes
    -----
    Linux: mm/vmstat.c frag_show_print.

    Examples
    --------
    >>> format_buddyinfo([BuddyinfoRow(0, "DMA", (0, 1, 123456))])
    'Node 0, zone      DMA      0      1 123456 \\n'
    """
    return "".join(f"Node {row.node}, zone {row.zone:>8} {_counts(row.nr_free, 6)}\n" for row in rows)


def parse_buddyinfo(text: str, file: str | None = None) -> tuple[BuddyinfoRow, ...]:
    """Parse /proc/buddyinfo.

    Parameters
    ----------
    text : str
        The text, any number of orders.
    file : str or None
        What to call it in errors.

    Returns
    -------
    tuple of BuddyinfoRow
        One row a zone, in the order of the text.

    Raises
    ------
    FormatError
        If a line does not follow the format, or the lines differ in length.

    Examples
    --------
    >>> parse_buddyinfo("Node 0, zone      DMA      0      1 123456 \\n")
    (BuddyinfoRow(node=0, zone='DMA', nr_free=(0, 1, 123456)),)
    """
    rows: list[BuddyinfoRow] = []
    for line in ProcText(text, file):
        node, zone = line.node_zone()
        row = BuddyinfoRow(node, zone, line.numbers(line.words[4:]))
        if not row.nr_free or len(row.nr_free) != len((rows or [row])[0].nr_free):
            raise line.error(f"{len(row.nr_free)} orders do not fit the lines before")
        if any((row.node, row.zone) == (other.node, other.zone) for other in rows):
            raise line.error(f"zone {zone} of node {node} stands here twice")
        rows.append(row)
    if not rows:
        raise ProcText(text, file).error_at_end("no zone found")
    return tuple(rows)


@dataclass(frozen=True)
class PagetypeinfoZone:
    """What /proc/pagetypeinfo says about one zone.

    Parameters
    ----------
    node : int
        Number of the node.
    zone : str
        Name of the zone.
    free : mapping of str to tuple of int
        Free blocks per order, by the kernel's name of the migratetype (`Unmovable`, `Movable`, ...), in its order.
    blocks : mapping of str to int
        Pageblocks by migratetype.
    mixed_blocks : mapping of str to int or None
        Pageblocks with pages of another type in them; only kernels with page_owner print it.
    """

    node: int
    zone: str
    free: Mapping[str, tuple[int, ...]]
    blocks: Mapping[str, int]
    mixed_blocks: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Pagetypeinfo:
    """The content of /proc/pagetypeinfo.

    Parameters
    ----------
    pageblock_order : int
        Order of a pageblock.
    zones : tuple of PagetypeinfoZone
        Populated zones, by node, then by zone.
    capped : bool
        Whether counts of `PAGETYPEINFO_CAP` and more are printed as `>100000`, which kernels do since 5.4.
    """

    pageblock_order: int
    zones: tuple[PagetypeinfoZone, ...]
    capped: bool = True

    @property
    def pageblock_pages(self) -> int:
        """Pages of a pageblock."""
        return 1 << self.pageblock_order


def format_pagetypeinfo(info: Pagetypeinfo) -> str:
    """Write /proc/pagetypeinfo.

    Parameters
    ----------
    info : Pagetypeinfo
        The content. All zones of a node must have the same orders and migratetypes.

    Returns
    -------
    str
        The text; the whole of it repeats for every node.

    Raises
    ------
    MisuseError
        If the zones of a node differ in their migratetypes.

    Notes
    -----
    Linux: mm/vmstat.c pagetypeinfo_show and the functions under it.

    Examples
    --------
    >>> zone = PagetypeinfoZone(0, "DMA", {"Unmovable": (0, 1), "Movable": (120000, 2)}, {"Unmovable": 1, "Movable": 7})
    >>> print(format_pagetypeinfo(Pagetypeinfo(9, (zone,))).replace(" \\n", "\\n"), end="")
    Page block order: 9
    Pages per block:  512
    <BLANKLINE>
    Free pages count per migrate type at order       0      1
    Node    0, zone      DMA, type    Unmovable      0      1
    Node    0, zone      DMA, type      Movable >100000      2
    <BLANKLINE>
    Number of blocks type     Unmovable      Movable
    Node 0, zone      DMA            1            7
    """
    nodes = sorted({zone.node for zone in info.zones})
    return "".join(_format_node(info, [zone for zone in info.zones if zone.node == node]) for node in nodes)


def _format_node(info: Pagetypeinfo, zones: Sequence[PagetypeinfoZone]) -> str:
    """Write the text of one node."""
    if len({_shape(zone) for zone in zones}) != 1:
        raise MisuseError(f"the zones of node {zones[0].node} differ in orders or migratetypes")
    orders = max(map(len, zones[0].free.values()), default=0)
    cap = PAGETYPEINFO_CAP if info.capped else None
    text = f"Page block order: {info.pageblock_order}\nPages per block:  {info.pageblock_pages}\n\n"
    text += f"{_FREE_HEADING:<43} {_counts(range(orders), 6)}\n"
    for zone in zones:
        for name, counts in zone.free.items():
            row = f"Node {zone.node:4d}, zone {zone.zone:>8}, type {name:>12} "
            text += row + _counts(counts, 6, cap) + "\n"
    text += _format_blocks(_BLOCKS_HEADING, [(zone, zone.blocks) for zone in zones])
    if zones[0].mixed_blocks is not None:
        text += _format_blocks(_MIXED_HEADING, [(zone, zone.mixed_blocks or {}) for zone in zones])
    return text


def _format_blocks(heading: str, rows: Sequence[tuple[PagetypeinfoZone, Mapping[str, int]]]) -> str:
    """Write a table of pageblocks per migratetype."""
    text = f"\n{heading:<22} " + "".join(f"{name:>12} " for name in rows[0][1]) + "\n"
    for zone, blocks in rows:
        text += f"Node {zone.node}, zone {zone.zone:>8} {_counts(blocks.values(), 12)}\n"
    return text


def parse_pagetypeinfo(text: str, file: str | None = None) -> Pagetypeinfo:
    """Parse /proc/pagetypeinfo.

    Parameters
    ----------
    text : str
        The text, of any number of nodes, orders and migratetypes.
    file : str or None
        What to call it in errors.

    Returns
    -------
    Pagetypeinfo
        The content; a count printed as `>100000` reads 100000.

    Raises
    ------
    FormatError
        If a line does not follow the format, or a table is missing.

    Examples
    --------
    >>> zone = PagetypeinfoZone(0, "DMA", {"Unmovable": (0, 1), "Movable": (3, 2)}, {"Unmovable": 1, "Movable": 7})
    >>> info = Pagetypeinfo(9, (zone,))
    >>> parse_pagetypeinfo(format_pagetypeinfo(info)) == info
    True
    """
    parser = _PagetypeinfoParser()
    source = ProcText(text, file)
    for line in source:
        parser.take(line)
    zones = tuple(
        PagetypeinfoZone(zone.node, zone.zone, zone.free, zone.blocks, zone.mixed or None)
        for zone in parser.zones.values()
    )
    shapes = {_shape(zone) for zone in zones}
    if parser.pageblock_order < 0 or len(shapes) != 1 or not all(zone.free and zone.blocks for zone in zones):
        raise source.error_at_end("a table is missing or incomplete")
    return Pagetypeinfo(parser.pageblock_order, zones, parser.capped)


def _shape(zone: PagetypeinfoZone) -> tuple[tuple[str, ...], ...]:
    """Return what all zones of a machine have in common: migratetypes of the tables, and orders."""
    orders = tuple(sorted({str(len(counts)) for counts in zone.free.values()}))
    return tuple(zone.free), tuple(zone.blocks), tuple(zone.mixed_blocks or ()), orders


@dataclass
class _ZoneTables:
    """The rows of one zone, while they are collected."""

    node: int
    zone: str
    free: dict[str, tuple[int, ...]] = field(default_factory=dict)
    blocks: dict[str, int] = field(default_factory=dict)
    mixed: dict[str, int] = field(default_factory=dict)


class _PagetypeinfoParser:
    """Takes the lines of /proc/pagetypeinfo; what a row means depends on the last heading."""

    def __init__(self) -> None:
        self.pageblock_order = -1
        self.capped = True
        self.zones: dict[tuple[int, str], _ZoneTables] = {}
        self._heading = ""
        self._columns: list[str] = []

    def take(self, line: ProcLine) -> None:
        """Take one line."""
        text = " ".join(line.words)
        if text.startswith("Page block order:"):
            self.pageblock_order = line.number(line.words[-1])
            if self.pageblock_order > 31:
                raise line.error(f"no pageblock has order {self.pageblock_order}")
        elif text.startswith("Pages per block:"):
            if line.number(line.words[-1]) != 1 << max(self.pageblock_order, 0):
                raise line.error(f"{line.words[-1]} pages do not make a pageblock of order {self.pageblock_order}")
        elif line.words[0] == "Node":
            self._take_row(line)
        else:
            self._take_heading(line, text)

    def _take_heading(self, line: ProcLine, text: str) -> None:
        """Take the line above a table."""
        for heading in (_FREE_HEADING, _BLOCKS_HEADING, _MIXED_HEADING):
            if text.startswith(heading):
                self._heading = heading
                self._columns = text.removeprefix(heading).split()
                break
        else:
            raise line.error(f"unknown line {text[:40]!r}")
        numbered = [str(order) for order in range(len(self._columns))]
        if not self._columns or (heading == _FREE_HEADING and self._columns != numbered):
            raise line.error("the heading names no columns")

    def _take_row(self, line: ProcLine) -> None:
        """Take a line of a table."""
        key = line.node_zone()
        zone = self.zones.setdefault(key, _ZoneTables(*key))
        if self._heading == _FREE_HEADING:
            if len(line.words) < 6 or line.words[4] != "type":
                raise line.error("', type NAME' expected")
            counts = tuple(self._count(line, word) for word in self._cells(line, 6))
            if line.words[5] in zone.free:
                raise line.error(f"type {line.words[5]} stands here twice")
            zone.free[line.words[5]] = counts
        else:
            table = zone.mixed if self._heading == _MIXED_HEADING else zone.blocks
            if table:
                raise line.error(f"zone {zone.zone} of node {zone.node} stands here twice")
            table.update(zip(self._columns, line.numbers(self._cells(line, 4)), strict=True))

    def _cells(self, line: ProcLine, first: int) -> list[str]:
        """Return the cells of a row, as many as the heading has columns."""
        cells = line.words[first:]
        if not self._columns or len(cells) != len(self._columns):
            raise line.error(f"{len(self._columns)} columns expected, found {len(cells)}")
        return cells

    def _count(self, line: ProcLine, word: str) -> int:
        """Return a free count; a large one without `>` tells of a kernel that counts to the end."""
        count = line.number(word.removeprefix(">"))
        if word.startswith(">") and count != PAGETYPEINFO_CAP:
            raise line.error(f"counts are cut at {PAGETYPEINFO_CAP}, found {word}")
        if count >= PAGETYPEINFO_CAP and not word.startswith(">"):
            self.capped = False
        return count


def format_vmstat(counters: Mapping[str, int]) -> str:
    """Write /proc/vmstat.

    Parameters
    ----------
    counters : mapping of str to int
        Values by the kernel's names, in the order to print.

    Returns
    -------
    str
        One `name value` a line.

    Examples
    --------
    >>> format_vmstat({"nr_free_pages": 7, "pgfree": 9})
    'nr_free_pages 7\\npgfree 9\\n'
    """
    return "".join(f"{name} {value}\n" for name, value in counters.items())


def parse_vmstat(text: str, file: str | None = None) -> dict[str, int]:
    """Parse /proc/vmstat.

    Parameters
    ----------
    text : str
        The text.
    file : str or None
        What to call it in errors.

    Returns
    -------
    dict of str to int
        Values by name, in the order of the text. The counter without a name of kernels of 2018 is "".

    Raises
    ------
    FormatError
        If a line is not `name value`, or a name stands there twice.

    Examples
    --------
    >>> parse_vmstat("nr_free_pages 7\\npgfree 9\\n")
    {'nr_free_pages': 7, 'pgfree': 9}
    """
    counters: dict[str, int] = {}
    for line in ProcText(text, file):
        words = [NAMELESS, *line.words] if line.indent else line.words
        if len(words) != 2 or words[0] in counters:
            raise line.error("a new 'name value' expected")
        counters[words[0]] = line.number(words[1])
    if not counters:
        raise ProcText(text, file).error_at_end("no counter found")
    return counters


def parse_meminfo(text: str, file: str | None = None) -> dict[str, int]:
    """Parse /proc/meminfo: its numbers by name, as printed (mostly kB). Lines of another form are left out.

    Parameters
    ----------
    text : str
        The text.
    file : str or None
        What it is called; nothing is refused, so no error names it.

    Examples
    --------
    >>> parse_meminfo("SwapFree:          8 kB\\nHugePages_Free:    2\\n")
    {'SwapFree': 8, 'HugePages_Free': 2}
    """
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0].endswith(":") and words[1].isascii() and words[1].isdigit():
            found[words[0][:-1]] = int(words[1][:19])
    return found


def _counts(counts: Iterable[int], width: int, cap: int | None = None) -> str:
    """Write numbers right aligned, each with a blank behind it; from `cap` on, `>` and the cap."""
    return "".join(f"{count:{width}d} " if cap is None or count < cap else f">{cap:{width}d} " for count in counts)
