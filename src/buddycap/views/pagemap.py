"""What a map of memory shows: one byte a page, the same for simulated zones and for recorded ones.

The byte says what the page is and the order of its block, so that pictures, counts and the hover of the report all come
from one array. Allocated pages of a simulated zone that are on no list go by the type of their pageblock, which need
not be their own: "among movable pages" may lie one of the kernel. Those of a replay go by the type of their request.
`KINDS` is the legend: names, texts, colours. The colours keep apart for eyes without red or green cones
(tests/views/test_pagemap.py measures it): file is blue, anonymous memory yellow-brown, the light one of a pair
inactive, and what cannot be moved the darkest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core import MachineBase, Zone
from ..flags import MigrateType, PageFlags
from ..formats.kpageflags import PageKind, ZoneFrames
from ..formats.snapshot import read_snapshot

__all__ = ["CODE_KINDS", "CODE_ORDERS", "KINDS", "Kind", "PageMap", "maps_of", "read_maps", "rows_of"]


class Kind(NamedTuple):
    """A row of the legend.

    Parameters
    ----------
    name : str
        For programs.
    text : str
        For readers.
    colour : str
        Six hexadecimal digits, red, green, blue.
    letter : str
        On a terminal without colours.
    """

    name: str
    text: str
    colour: str
    letter: str


KINDS = (
    Kind("hole", "no memory", "ffffff", " "),
    Kind("free_huge", "free, a pageblock or more", "d6eed2", "_"),
    Kind("free", "free, smaller", "94ee9b", "."),
    Kind("pcp", "on a per-CPU list", "c3a7d4", ","),
    Kind("captured", "captured", "d1007a", "*"),
    Kind("inactive_file", "file, inactive", "7faefe", "f"),
    Kind("active_file", "file, active", "2b70d5", "F"),
    Kind("inactive_anon", "anonymous, inactive", "f3ba58", "a"),
    Kind("active_anon", "anonymous, active", "986b16", "A"),
    Kind("unevictable", "unevictable", "9c2095", "u"),
    Kind("off_lru", "a process's or a file's, on no list", "f4e839", "i"),
    Kind("slab", "slab", "1ea855", "s"),
    Kind("pgtable", "page table", "00282e", "t"),
    Kind("kernel", "kernel, or on a per-CPU list", "4b5d58", "k"),
    Kind("reserved", "reserved since boot", "8b9196", "r"),
    Kind("huge", "huge page, or as large a block", "400ca0", "H"),
    Kind("offline", "given back to the hypervisor", "cfadda", "o"),
    Kind("hwpoison", "faulty", "ff0523", "!"),
    Kind("unmovable", "allocated, among unmovable pages", "000000", "U"),
    Kind("reclaimable", "allocated, among reclaimable pages", "0e5859", "R"),
    Kind("movable", "allocated, among movable pages", "761f0c", "M"),
    Kind("other", "allocated, in another pageblock", "99b99b", "E"),
)

# Codes: below 32 the number of a kind; then, by the order of the block in the low bits, free blocks, captured ones, and
# allocated ones by the type of their pageblock.
_FREE, _CAPTURED, _ALLOCATED = 32, 48, 64
_NUMBER = {kind.name: number for number, kind in enumerate(KINDS)}
_TYPES = ("unmovable", "reclaimable", "movable", "other")
_CHUNK_PAGES = 1 << 18
_ORDER_HOLE, _ORDER_INSIDE = 0xFE, 0xFF
_LRU = np.uint32(PageFlags.LRU)
_OWN = np.uint32(PageFlags.ISOLATED)


def _codes() -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Return, by code, the kind without the pageblock order, and the order of the block (-1: not known)."""
    kinds, orders = np.zeros(256, np.uint8), np.full(256, -1, np.int8)
    kinds[: len(KINDS)] = np.arange(len(KINDS))
    for first, name in ((_FREE, "free"), (_CAPTURED, "captured"), *zip(range(64, 128, 16), _TYPES, strict=True)):
        kinds[first : first + 16] = _NUMBER[name]
        orders[first : first + 16] = np.arange(16)
    return kinds, orders


CODE_KINDS, CODE_ORDERS = _codes()
for _array in (CODE_KINDS, CODE_ORDERS):
    _array.flags.writeable = False

_PAGE_KINDS = np.array([_NUMBER.get(kind.name.lower(), 0) for kind in PageKind], np.uint8)


@dataclass(frozen=True, eq=False)
class PageMap:
    """The pages of one zone, as pictures show them. Made by `of_zone` and `of_frames`.

    Parameters
    ----------
    name : str
        Name of the zone.
    start_pfn : int
        PFN of the first page.
    codes : ndarray[uint8], shape (pages,)
        `CODE_KINDS` and `CODE_ORDERS` decode them.
    pageblock_order : int
        Order of a pageblock.
    nr_free : tuple of int
        Free blocks per order.
    owner : ndarray[uint64], shape (pages,), optional
        Owner cookies; every page has that of its block.
    page_size : int, bytes
        Of a page: 4096 in simulated zones.

    Examples
    --------
    >>> zone = Zone(0, 1024, min_free_kbytes=0)
    >>> pfn = zone.rmqueue(3, MigrateType.MOVABLE)
    >>> PageMap.of_zone(zone, "Normal").counts()
    {'free_huge': 512, 'free': 504, 'movable': 8}
    """

    name: str
    start_pfn: int
    codes: NDArray[np.uint8]
    pageblock_order: int
    nr_free: tuple[int, ...]
    owner: NDArray[np.uint64] | None = None
    page_size: int = 4096

    @classmethod
    def of_zone(cls, zone: Zone, name: str = "zone") -> "PageMap":
        """Return the map of a simulated zone. O(pages)."""
        codes = np.zeros(zone.spanned_pages, np.uint8)
        state, flags = zone.page_order, zone.page_flags
        types = np.minimum(zone.pageblock_migratetype, MigrateType.RESERVE)
        before = zone.start_pfn % (1 << zone.pageblock_order) if zone.pageblock_index == "absolute" else 0
        owner = None if zone.owner is None else zone.owner.copy()
        last = np.uint8(_ORDER_HOLE)
        for first in range(0, len(codes), _CHUNK_PAGES):
            part = slice(first, first + _CHUNK_PAGES)
            starts = np.flatnonzero(state[part] != _ORDER_INSIDE)
            heads = _filled(state[part], starts, last)
            last = heads[-1]
            place = np.arange(first, first + len(heads)) + before >> zone.pageblock_order
            codes[part] = _zone_codes(heads, flags[part], types[place])
            if owner is not None:
                owner[part] = _filled(owner[part], starts, owner[first - 1] if first else 0)
        return cls(name, zone.start_pfn, codes, zone.pageblock_order, tuple(zone.nr_free.tolist()), owner)

    @classmethod
    def of_frames(cls, frames: ZoneFrames) -> "PageMap":
        """Return the map of a recorded zone. O(pages)."""
        codes = _PAGE_KINDS[frames.kinds]
        for order in range(frames.max_page_order + 1):
            blocks = frames.free_blocks
            heads = blocks["pfn"][blocks["order"] == order] - frames.start_pfn
            if len(heads):
                _fill(codes, heads, order)
        nr_free = tuple(int(n) for n in frames.nr_free)
        return cls(frames.name, frames.start_pfn, codes, frames.pageblock_order, nr_free, page_size=frames.page_size)

    @property
    def mib(self) -> int:
        """Size of the zone in MiB, rounded down."""
        return len(self.codes) * self.page_size >> 20

    @property
    def kinds(self) -> NDArray[np.uint8]:
        """Number in `KINDS` of every page: uint8, shape (pages,)."""
        return self.kind_table[self.codes]

    @property
    def kind_table(self) -> NDArray[np.uint8]:
        """Number in `KINDS` of every code: uint8, shape (256,). Blocks from the pageblock order on stand out."""
        table = CODE_KINDS.copy()
        for order in range(self.pageblock_order, 16):
            table[_FREE + order] = _NUMBER["free_huge"]
            table[_ALLOCATED + order : 128 : 16] = _NUMBER["huge"]
        return table

    def counts(self) -> dict[str, int]:
        """Return the number of pages of every kind that there is, by name."""
        by_code = np.bincount(self.codes, minlength=256)
        by_kind = np.bincount(self.kind_table, weights=by_code, minlength=len(KINDS))
        return {kind.name: int(n) for kind, n in zip(KINDS, by_kind, strict=True) if n}


def _filled(values: NDArray[Any], starts: NDArray[np.int64], last: Any) -> NDArray[Any]:
    """Give every page the value of the first page of its block; `last` is that of the page before the first one."""
    lengths = np.diff(starts, prepend=0, append=len(values))
    return np.repeat(np.concatenate([np.array([last], values.dtype), values[starts]]), lengths)


def _zone_codes(heads: NDArray[np.uint8], flags: NDArray[np.uint32], types: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the codes of pages of a simulated zone, by state of their block, flags, and type of their pageblock."""
    state, order = heads >> 4, heads & 15
    allocated = (state == 2) | (state == 4)
    codes = np.where(state == 0, _FREE + order, _CAPTURED + order)
    codes = np.where(allocated, _ALLOCATED + 16 * types + order, codes)
    codes[state == 3] = _NUMBER["pcp"]
    codes[heads == _ORDER_HOLE] = _NUMBER["hole"]
    mine = allocated & (flags != 0)
    words = flags[mine]
    lru = _NUMBER["inactive_file"] + ((words & PageFlags.ACTIVE) != 0) + 2 * ((words & PageFlags.SWAPBACKED) != 0)
    found = np.where((words & PageFlags.UNEVICTABLE) != 0, _NUMBER["unevictable"], lru)
    found = np.where((words & _LRU) != 0, found, codes[mine])
    found[(words & PageFlags.SLAB) != 0] = _NUMBER["slab"]
    found[(words & _OWN) != 0] = _NUMBER["off_lru"]
    codes[mine] = found
    return codes.astype(np.uint8)


def _fill(codes: NDArray[np.uint8], heads: NDArray[np.int64], order: int) -> None:
    """Write the code of free blocks of one order to all their pages."""
    for start in range(0, len(heads), max(_CHUNK_PAGES >> order, 1)):
        some = heads[start : start + max(_CHUNK_PAGES >> order, 1)]
        codes[(some[:, None] + np.arange(1 << order)).ravel()] = _FREE + order


def maps_of(source: "Zone | MachineBase | ZoneFrames | Iterable[ZoneFrames]") -> tuple[PageMap, ...]:
    """Return the maps of a zone, a machine, or recorded zones, by PFN.

    Examples
    --------
    >>> from buddycap import Machine
    >>> [page_map.name for page_map in maps_of(Machine.preset("x86_64", memory="4MiB"))]
    ['Normal']
    """
    if isinstance(source, Zone):
        return (PageMap.of_zone(source),)
    if isinstance(source, MachineBase):
        names: Iterable[str] = getattr(source, "names", (f"zone {k}" for k in range(len(source.zones))))
        return tuple(PageMap.of_zone(zone, name) for name, zone in zip(names, source.zones, strict=True))
    if isinstance(source, ZoneFrames):
        return (PageMap.of_frames(source),)
    return tuple(PageMap.of_frames(frames) for frames in source)


def read_maps(path: str | Path, *, node: int = 0) -> tuple[PageMap, ...]:
    """Return the maps of what a file holds.

    Parameters
    ----------
    path : str or Path
        A snapshot, a recording of /proc/kpageflags (or its folder), or a zone that `Zone.save` wrote.
    node : int
        Of a snapshot.

    Raises
    ------
    FormatError
        If the file is damaged, or none of these.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    if path.is_dir() or _starts_with(path, b"PK"):
        return maps_of(read_snapshot(path, node=node).frames)
    return maps_of(Zone.load(path))


def _starts_with(path: Path, start: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(start)) == start


def rows_of(page_map: PageMap, width: int) -> NDArray[np.uint8]:
    """Return the kinds of a map as rows of `width` pages that begin at multiples of it: shape (rows, width).

    Pages before the zone's first and behind its last are holes.
    """
    before = page_map.start_pfn % width
    rows = np.zeros(-(-(before + len(page_map.codes)) // width) * width, np.uint8)
    rows[before : before + len(page_map.codes)] = page_map.kinds
    return rows.reshape(-1, width)
