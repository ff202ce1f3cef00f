"""A snapshot: what a whole machine's memory was at one moment, in one file.

The file is an `.npz` archive that numpy opens: the words of /proc/kpageflags of every zone as `kpageflags.py` describes
them (zones of node N > 0 are called `N<number>.<zone>`), and under the names `snapshot.<file>` the texts of /proc as
arrays of bytes. `snapshot.version` is the version of this layout, `snapshot.meta` a JSON object. A machine that was
drawn has the type of each pageblock besides, as a digit, under `snapshot.types.<zone>`.

Recordings made by hand are read as well: an `.npz` named `kpageflags<suffix>.npz` with the texts `buddyinfo<suffix>`,
`buddyinfo2<suffix>` (read after the words), `pagetypeinfo<suffix>`, `zoneinfo<suffix>`, `vmstat<suffix>`,
`meminfo<suffix>` and `iomem<suffix>` beside it, as far as they are there.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..escape import for_terminal
from .kpageflags import (
    MAX_PAGES,
    RESERVED_PREFIX,
    START_SUFFIX,
    PageKind,
    ZoneFrames,
    refuse_bounds,
    refuse_heads_only,
    zone_names,
)
from .npz import NpzReader
from .pagekinds import KPF
from .procfs import BuddyinfoRow, Pagetypeinfo, parse_buddyinfo, parse_meminfo, parse_pagetypeinfo, parse_vmstat
from .proctext import NAMELESS, read_text
from .zoneinfo import ZoneinfoZone, parse_zoneinfo

__all__ = [
    "SNAPSHOT_VERSION",
    "TEXTS",
    "TYPES_PREFIX",
    "Snapshot",
    "drawn_from",
    "member_name",
    "parse_ram",
    "read_snapshot",
]

SNAPSHOT_VERSION = 1
TEXTS = ("buddyinfo", "buddyinfo2", "pagetypeinfo", "zoneinfo", "vmstat", "meminfo", "iomem")

TYPES_PREFIX = RESERVED_PREFIX + "types."
_PAGE_SIZES = (4096, 8192, 16384, 65536)
_RAM = re.compile(r"^([0-9a-f]{1,16})-([0-9a-f]{1,16}) : System RAM")
_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What was recorded of one node of a machine. Made by `read_snapshot`.

    Parameters
    ----------
    file : str
        Where it was read from.
    frames : tuple of ZoneFrames
        The zones by PFN.
    buddyinfo, buddyinfo_after : mapping of str to tuple of int
        Free blocks per order of each zone, just before and just after the pages were read; empty if not recorded.
    zoneinfo : mapping of str to ZoneinfoZone
        What /proc/zoneinfo said of each populated zone.
    pagetypeinfo : Pagetypeinfo or None
    vmstat : mapping of str to int
    meta : mapping
        Kernel release and what else the recorder wrote down.
    missing : mapping of str to str
        Files that could not be recorded, and why.
    node : int
        Node that the zones are of.
    nodes : tuple of int
        Nodes in the file, ascending.
    meminfo : mapping of str to int
        Numbers of /proc/meminfo, as printed (mostly kB).

    Notes
    -----
    The pages are read one after the other while the machine goes on, so free blocks agree with /proc/buddyinfo exactly
    where nothing happened meanwhile: see `quiet` and `differences`.
    """

    file: str
    frames: tuple[ZoneFrames, ...]
    buddyinfo: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    buddyinfo_after: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    zoneinfo: Mapping[str, ZoneinfoZone] = field(default_factory=dict)
    pagetypeinfo: Pagetypeinfo | None = None
    vmstat: Mapping[str, int] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    node: int = 0
    nodes: tuple[int, ...] = (0,)
    meminfo: Mapping[str, int] = field(default_factory=dict)

    @property
    def swap_pages(self) -> int:
        """How many pages could be swapped out; 0 if that was not recorded."""
        size = self.frames[0].page_size if self.frames else _PAGE_SIZES[0]
        return self.meminfo.get("SwapFree", 0) * 1024 // size

    @property
    def quiet(self) -> dict[str, bool]:
        """Whether a zone's free blocks were the same before and after its pages were read, by zone."""
        return {name: counts == self.buddyinfo_after.get(name) for name, counts in self.buddyinfo.items()}

    @property
    def differences(self) -> dict[str, tuple[int, ...]]:
        """Free blocks per order minus those of /proc/buddyinfo (before or after, what is nearer), by zone."""
        found = {}
        for zone in self.frames:
            rows = [table[zone.name] for table in (self.buddyinfo, self.buddyinfo_after) if zone.name in table]
            if rows:
                gaps = [tuple(int(n) - m for n, m in zip(zone.nr_free, row, strict=True)) for row in rows]
                found[zone.name] = min(gaps, key=lambda gap: sum(map(abs, gap)))
        return found

    def report(self) -> list[str]:
        """Return what a reader should know, as lines: zones, free blocks against /proc/buddyinfo, what is missing."""
        drawn = _told_drawn(self.meta)
        lines = [f"{drawn}; invented: places and contents"] if drawn else []
        quiet, differences = self.quiet, self.differences
        for zone in self.frames:
            kinds = zone.nr_pages()
            present = len(zone.kinds) - kinds["HOLE"]
            lines.append(
                f"{for_terminal(zone.name)}: PFN {zone.start_pfn} to {zone.end_pfn - 1}, {present} pages present, "
                f"{kinds['FREE']} free in {int(zone.nr_free.sum())} blocks"
            )
            told = self.zoneinfo[zone.name].pages["present"] if zone.name in self.zoneinfo else present
            spanned = self.zoneinfo[zone.name].pages["spanned"] if zone.name in self.zoneinfo else len(zone.kinds)
            if spanned != len(zone.kinds):
                lines.append(f"  the zone spans {spanned} pages: those at its end were not recorded")
            if told > present:
                lines.append(
                    f"  zoneinfo counts {told} pages present: the rest was not initialised yet, or not recorded"
                )
            elif told < present:
                lines.append(f"  zoneinfo counts {told} pages present: small holes, whose place was not recorded")
            if zone.name not in differences:
                lines.append("  no buddyinfo to compare the free blocks with")
            elif any(differences[zone.name]):
                gap = ", ".join(f"order {k}: {n:+d}" for k, n in enumerate(differences[zone.name]) if n)
                why = "" if quiet.get(zone.name) else " (the machine was busy)"
                lines.append(f"  free blocks differ from buddyinfo{why}: {gap}")
            else:
                lines.append("  free blocks are those of buddyinfo, in every order")
        if self.nodes != (self.node,):
            others = ", ".join(str(node) for node in self.nodes if node != self.node)
            lines.append(f"this is node {self.node}; in the file are also: {others}")
        tables = {"vmstat": [self.vmstat], "zoneinfo": [zone.node_counters or {} for zone in self.zoneinfo.values()]}
        for file, counters in tables.items():
            if any(NAMELESS in table for table in counters):
                lines.append(f"{file} has a counter without a name, as kernels of 2018 print it: kept as ''")
        return lines + [f"missing: {for_terminal(name)}: {for_terminal(why)}" for name, why in self.missing.items()]


def member_name(node: int, zone: str) -> str:
    """Return the name of a zone's array.

    Examples
    --------
    >>> member_name(0, "Normal"), member_name(1, "Normal")
    ('Normal', 'N1.Normal')
    """
    return f"N{node}.{zone}" if node else zone


def _node_of(member: str) -> tuple[int, str]:
    """Return node and zone of an array; see `member_name`."""
    match = re.fullmatch(r"N(\d{1,4})\.(.+)", member)
    return (int(match[1]), match[2]) if match else (0, member)


def parse_ram(text: str, page_size: int = 4096) -> list[tuple[int, int]]:
    """Return the ranges of PFNs that /proc/iomem calls System RAM: first, and the one behind the last, ascending.

    Parameters
    ----------
    text : str
        The text; lines that are indented lie inside others and are left out, and so are ranges without a whole page.
    page_size : int, bytes

    Notes
    -----
    Who may not see addresses reads zeros: then there is no range.

    Examples
    --------
    >>> parse_ram("00001000-0009fbff : System RAM\\n000a0000-000bffff : PCI Bus 0000:00\\n")
    [(1, 159)]
    """
    ranges = []
    for line in text.splitlines():
        if match := _RAM.match(line):
            first, behind = -(-int(match[1], 16) // page_size), (int(match[2], 16) + 1) // page_size
            if first < behind:
                ranges.append((first, behind))
    return sorted(ranges)


def read_snapshot(path: str | Path, *, node: int = 0, max_pages: int = MAX_PAGES) -> Snapshot:
    """Read a snapshot or a recording.

    Parameters
    ----------
    path : str or Path
        A file of `buddycap snapshot`; or an `.npz` recording of /proc/kpageflags, with or without texts beside it; or
        the folder of one, of which `kpageflags.start.npz` or `kpageflags.npz` is taken.
    node : int
        The node to read, of a snapshot.
    max_pages : int
        Pages of all zones to accept; see `read_kpageflags`.

    Returns
    -------
    Snapshot

    Raises
    ------
    FormatError
        If the file is damaged, contradicts itself, is of another version or has no pages (recorded without root).
    OSError
        If it cannot be read.

    Notes
    -----
    Orders come from the texts; without them they are those of x86-64. Memory: 1.2 times the words.
    """
    source = _source(Path(path))
    with NpzReader(source, max_items=max_pages) as npz:
        own = RESERVED_PREFIX + "version" in npz.names
        texts = _own_texts(npz, source) if own else _texts_beside(source)
        meta = json.loads(texts.pop("meta", ("{}", ""))[0])
        snapshot = _parsed(source, texts, node, meta)
        names = zone_names(npz, source)
        frames = [_zone(npz, name, node, snapshot, texts, source) for name in names]
    zones = sorted((zone for zone in frames if zone), key=lambda zone: zone.start_pfn)
    if not zones:
        why = snapshot.missing.get("kpageflags", f"no zone of node {node} is in it")
        raise FormatError(f"no pages: {why}", file=str(source))
    nodes = tuple(sorted({_node_of(name)[0] for name in names}))
    return Snapshot(**{**vars(snapshot), "frames": tuple(zones), "node": node, "nodes": nodes})


def drawn_from(path: str | Path | None) -> str | None:
    """Return how a file says that it was drawn from texts, such as `drawn from texts, seed 1`; None if it was not.

    Raises
    ------
    OSError
        If it cannot be read. What is no snapshot was not drawn.
    """
    if path is None:
        return None
    try:
        with NpzReader(_source(Path(path))) as npz:
            meta = json.loads(npz.text(RESERVED_PREFIX + "meta")) if RESERVED_PREFIX + "meta" in npz.names else {}
    except (FormatError, ValueError, RecursionError):
        return None
    return _told_drawn(meta) if isinstance(meta, dict) else None


def _told_drawn(meta: Mapping[str, Any]) -> str | None:
    drawn = meta.get("drawn")
    return f"drawn from texts, seed {for_terminal(str(drawn.get('seed')))}" if isinstance(drawn, dict) else None


def _source(path: Path) -> Path:
    """Return the archive that a path stands for."""
    if not path.is_dir():
        return path
    for name in ("kpageflags.start.npz", "kpageflags.npz"):
        if (path / name).exists():
            return path / name
    raise FormatError("the folder has neither kpageflags.start.npz nor kpageflags.npz", file=str(path))


def _own_texts(npz: NpzReader, source: Path) -> dict[str, tuple[str, str]]:
    """Return the texts of a snapshot and their names in messages."""
    found = npz.scalar(RESERVED_PREFIX + "version")
    if found != SNAPSHOT_VERSION:
        raise FormatError(f"snapshot of version {found}; this buddycap reads {SNAPSHOT_VERSION}", file=str(source))
    names = [name for name in (*TEXTS, "meta") if RESERVED_PREFIX + name in npz.names]
    texts = {name: (npz.text(RESERVED_PREFIX + name), f"{source}[{name}]") for name in names}
    try:
        meta = json.loads(texts["meta"][0])
        sound = isinstance(meta, dict) and isinstance(meta.get("missing", {}), dict)
    except (KeyError, ValueError, RecursionError):
        sound = False
    if not sound:
        raise FormatError("snapshot.meta is no JSON object", file=str(source))
    return texts


def _texts_beside(source: Path) -> dict[str, tuple[str, str]]:
    """Return the texts that lie beside `kpageflags<suffix>.npz`, and their paths."""
    match = re.fullmatch(r"kpageflags(.*)\.npz", source.name)
    if match is None:
        return {}
    paths = {name: source.with_name(name + match[1]) for name in TEXTS}
    return {name: (read_text(path, lambda text, _: text), str(path)) for name, path in paths.items() if path.exists()}


def _parsed(source: Path, texts: Mapping[str, tuple[str, str]], node: int, meta: dict[str, Any]) -> Snapshot:
    """Return what the texts say, without pages."""

    def parsed(name: str, parse: Callable[[str, str], _T], nothing: _T) -> _T:
        return parse(*texts[name]) if name in texts else nothing

    def rows(name: str) -> dict[str, tuple[int, ...]]:
        table: tuple[BuddyinfoRow, ...] = parsed(name, parse_buddyinfo, ())
        return {row.zone: row.nr_free for row in table if row.node == node}

    zones: tuple[ZoneinfoZone, ...] = parsed("zoneinfo", parse_zoneinfo, ())
    missing = {str(name): str(why) for name, why in meta.get("missing", {}).items()}
    return Snapshot(
        str(source),
        (),
        rows("buddyinfo"),
        rows("buddyinfo2"),
        {zone.zone: zone for zone in zones if zone.node == node and zone.start_pfn is not None},
        parsed("pagetypeinfo", parse_pagetypeinfo, None),
        parsed("vmstat", parse_vmstat, {}),
        meta,
        missing,
        meminfo=parsed("meminfo", parse_meminfo, {}),
    )


def _zone(
    npz: NpzReader, member: str, node: int, told: Snapshot, texts: Mapping[str, tuple[str, str]], source: Path
) -> ZoneFrames | None:
    """Read one zone, with the bounds and orders that the texts tell; `None` if it is of another node."""
    own_node, name = _node_of(member)
    if own_node != node:
        return None
    start_pfn = npz.scalar(member + START_SUFFIX)
    spanned = _spanned(told, name, start_pfn, source)
    words: NDArray[np.uint64] = npz.array(member, spanned, KPF.NOPAGE)
    own = RESERVED_PREFIX + "version" in npz.names
    if spanned and (len(words) > spanned or (own and len(words) < spanned)):
        raise FormatError(f"{name}: {len(words)} pages, but zoneinfo says {spanned}", file=str(source))
    refuse_bounds(start_pfn, len(words), source)
    counts = told.buddyinfo.get(name)
    types = told.pagetypeinfo
    tables = [zone.blocks for zone in types.zones if (zone.node, zone.zone) == (node, name)] if types else []
    max_page_order = len(counts) - 1 if counts else 10
    pageblock_order = min(types.pageblock_order if types else 9, max_page_order)
    if max_page_order > 14:
        raise FormatError(f"{name}: {max_page_order + 1} orders; at most 15 are accepted", file=texts["buddyinfo"][1])
    page_size = told.meta.get("page_size", 4096)
    if page_size not in _PAGE_SIZES:
        raise FormatError(f"snapshot.meta: page_size={page_size!r}", file=str(source))
    ram = parse_ram(texts["iomem"][0], page_size) if "iomem" in texts else []
    zone = ZoneFrames.from_flags(
        name,
        start_pfn,
        words,
        max_page_order=max_page_order,
        pageblock_order=pageblock_order,
        present=ram or None,
        pageblocks=tables[0] if tables else None,
        page_size=page_size,
    )
    refuse_heads_only(zone, source)
    if not (zone.kinds != PageKind.HOLE).any():
        raise FormatError(f"{name}: no page is present", file=str(source))
    if own and TYPES_PREFIX + member in npz.names:
        zone = replace(zone, block_types=_block_types(npz.text(TYPES_PREFIX + member), zone, source))
    return zone


def _block_types(digits: str, zone: ZoneFrames, source: Path) -> NDArray[np.uint8]:
    """Return the types of a zone's pageblocks."""
    blocks = ((zone.end_pfn - 1) >> zone.pageblock_order) - (zone.start_pfn >> zone.pageblock_order) + 1
    if len(digits) != blocks or not set(digits) <= set("01234"):
        raise FormatError(f"{zone.name}: types of {len(digits)} pageblocks, {blocks} expected", file=str(source))
    return np.frombuffer(digits.encode("ascii"), np.uint8) - np.uint8(ord("0"))


def _spanned(told: Snapshot, name: str, start_pfn: int, source: Path) -> int:
    """Return the pages that a zone spans by its text; 0 without one."""
    if name not in told.zoneinfo:
        return 0
    zone = told.zoneinfo[name]
    spanned = zone.pages["spanned"]
    if zone.start_pfn != start_pfn or spanned <= 0:
        message = f"{name}: pages from PFN {start_pfn} on, but zoneinfo says {zone.start_pfn}, {spanned} pages"
        raise FormatError(message, file=str(source))
    return spanned
