"""The whole allocator of a stopped machine: `state.start.json.gz` and `state.end.json.gz` of a guest.

An object with `zones`, ascending; each has `name`, `start_pfn`, `spanned`, `managed`, `watermark` (min, low, high,
promo), `watermark_boost`, `nr_reserved_highatomic`, `lowmem_reserve`, `nr_free_counter`, `free` (by order and type,
PFNs in the order of the list), `pcp` (by CPU: `count`, `high`, `batch`, `free_factor`, `lists`) and `pageblock_flags`,
from the pageblock of the first page on.
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ...errors import FormatError
from ...jsontext import parse_object

__all__ = ["PCP_LISTS", "GuestState", "PcpState", "ZoneState", "differences", "pcp_order", "read_state"]

PCP_LISTS = 14
HUGE_LISTS = 12  # the lists from here on hold blocks of a pageblock's order
PAGEBLOCK_ORDER = 9
MAX_PAGE_ORDER = 10

_NAMES = ("DMA", "DMA32", "Normal", "Movable", "Device")
_TYPE_BITS = 7  # the fourth bit of a pageblock says that compaction passes it by
_NUMBERS = {
    "start_pfn": "start_pfn",
    "spanned": "spanned_pages",
    "managed": "managed_pages",
    "watermark_boost": "boost",
    "nr_reserved_highatomic": "reserved_highatomic",
    "nr_free_counter": "nr_free_pages",
}


@dataclass(frozen=True)
class PcpState:
    """The per-CPU lists of a CPU in a zone.

    Parameters
    ----------
    count, high, batch, free_factor : int
        Pages on the lists, most pages, pages moved at a time, and how eagerly pages are given back.
    lists : tuple of tuple of int
        First pages of the blocks of each list, head first; list 3*order+type, 12 and 13 for whole pageblocks.
    """

    count: int
    high: int
    batch: int
    free_factor: int
    lists: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ZoneState:
    """A zone.

    Parameters
    ----------
    zone_idx : int
        0 DMA, 1 DMA32, 2 Normal, 3 Movable, 4 Device.
    start_pfn, spanned_pages, managed_pages : int
    wmark : tuple of int
        min, low, high and promo, in pages, without the boost.
    boost, reserved_highatomic, nr_free_pages : int
        Pages.
    lowmem_reserve : tuple of int
    free : tuple of tuple of tuple of int
        By order and type: first pages, head first.
    pageblocks : tuple of int
        Types, from the pageblock of the first page on.
    pcp : tuple of PcpState
        By CPU.
    """

    zone_idx: int
    start_pfn: int
    spanned_pages: int
    managed_pages: int
    wmark: tuple[int, ...]
    boost: int
    reserved_highatomic: int
    nr_free_pages: int
    lowmem_reserve: tuple[int, ...]
    free: tuple[tuple[tuple[int, ...], ...], ...]
    pageblocks: tuple[int, ...]
    pcp: tuple[PcpState, ...]

    def free_blocks(self) -> Iterator[tuple[int, int, int]]:
        """Go through the free blocks as (pfn, order, type), list by list, head first."""
        for order, lists in enumerate(self.free):
            for migratetype, pfns in enumerate(lists):
                yield from ((pfn, order, migratetype) for pfn in pfns)

    def pcp_blocks(self) -> Iterator[tuple[int, int]]:
        """Go through the blocks on per-CPU lists as (pfn, order)."""
        for pcp in self.pcp:
            for index, pfns in enumerate(pcp.lists):
                yield from ((pfn, pcp_order(index)) for pfn in pfns)


@dataclass(frozen=True)
class GuestState:
    """A machine: its zones, ascending."""

    zones: tuple[ZoneState, ...]

    @property
    def cpus(self) -> int:
        """Number of CPUs."""
        return len(self.zones[0].pcp)


def pcp_order(index: int) -> int:
    """Return the order of the blocks on a per-CPU list.

    Examples
    --------
    >>> [pcp_order(index) for index in (0, 2, 3, 11, 12, 13)]
    [0, 0, 1, 3, 9, 9]
    """
    return index // 3 if index < HUGE_LISTS else PAGEBLOCK_ORDER


def read_state(path: str | Path) -> GuestState:
    """Read the state of a stopped machine.

    Parameters
    ----------
    path : str or Path
        A JSON file, compressed with gzip.

    Returns
    -------
    GuestState

    Raises
    ------
    FormatError
        If the file is cut or damaged, is no such state, or contradicts itself: a block outside its zone or in two
        places.
    OSError
        If it cannot be read.
    """
    try:
        with gzip.open(path) as file:
            text = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FormatError(f"the gzip data are cut or damaged ({error})", str(path)) from None
    value = parse_object(text, str(path))
    try:
        state = GuestState(tuple(_zone(zone) for zone in value["zones"]))
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise FormatError(f"no state of an allocator ({type(error).__name__}: {error})", str(path)) from None
    problem = _contradiction(state)
    if problem:
        raise FormatError(problem, str(path))
    return state


def _zone(zone: dict[str, Any]) -> ZoneState:
    return ZoneState(
        zone_idx=_NAMES.index(zone["name"]),
        wmark=_pfns(zone["watermark"]),
        lowmem_reserve=_pfns(zone["lowmem_reserve"]),
        free=tuple(_lists(lists) for lists in zone["free"]),
        pageblocks=tuple(flags & _TYPE_BITS for flags in _pfns(zone["pageblock_flags"])),
        pcp=tuple(_pcp(cpu) for cpu in zone["pcp"]),
        **{ours: _number(zone[theirs]) for theirs, ours in _NUMBERS.items()},
    )


def _pcp(cpu: dict[str, Any]) -> PcpState:
    numbers = {name: _number(cpu[name]) for name in ("count", "high", "batch", "free_factor")}
    return PcpState(lists=_lists(cpu["lists"]), **numbers)


def _lists(lists: list[Any]) -> tuple[tuple[int, ...], ...]:
    return tuple(_pfns(pfns) for pfns in lists)


def _pfns(values: list[Any]) -> tuple[int, ...]:
    return tuple(_number(value) for value in values)


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 40:
        raise ValueError(f"{value!r} is no number of pages")
    return value


def _contradiction(state: GuestState) -> str:
    """Return what cannot be, or nothing."""
    if not state.zones or not state.cpus:
        return "no zone, or no CPU"
    for zone in state.zones:
        shape = (len(zone.free), {len(cpu.lists) for cpu in zone.pcp}, len(zone.pcp), len(zone.wmark))
        first = zone.start_pfn >> PAGEBLOCK_ORDER
        end = zone.start_pfn + zone.spanned_pages
        blocks = ((end - 1) >> PAGEBLOCK_ORDER) - first + 1
        if shape != (MAX_PAGE_ORDER + 1, {PCP_LISTS}, state.cpus, 4) or len(zone.pageblocks) != blocks:
            return f"zone {_NAMES[zone.zone_idx]}: lists, marks or pageblocks of another kernel"
        if {len(lists) for lists in zone.free} not in ({5}, {6}):
            return f"zone {_NAMES[zone.zone_idx]}: five types of pages expected, or six with CMA"
        seen: set[int] = set()
        for pfn, order in [*((pfn, order) for pfn, order, _ in zone.free_blocks()), *zone.pcp_blocks()]:
            pages = range(pfn, pfn + (1 << order))
            if pfn & ((1 << order) - 1) or pfn < zone.start_pfn or pages.stop > end or not seen.isdisjoint(pages):
                return f"zone {_NAMES[zone.zone_idx]}: the block of order {order} at {pfn} cannot be there"
            seen.update(pages)
    return ""


def differences(recorded: GuestState, found: GuestState) -> Iterator[tuple[str, object, object]]:
    """Go through what differs between two states of a machine: what, recorded, found.

    Every number, every list and every pageblock counts by itself.

    Examples
    --------
    >>> from dataclasses import replace
    >>> pcp = PcpState(1, 6, 1, 0, ((8,),) + ((),) * 13)
    >>> zone = ZoneState(1, 0, 512, 512, (4, 5, 6, 7), 0, 0, 0, (0,) * 5, (((),) * 5,) * 11, (1,), (pcp,))
    >>> other = replace(zone, boost=512, pcp=(replace(pcp, lists=((9,),) + ((),) * 13),))
    >>> for difference in differences(GuestState((zone,)), GuestState((other,))):
    ...     print(difference)
    ('zone DMA32: boost', 0, 512)
    ('zone DMA32: pcp 0: list 0', (8,), (9,))
    """
    for zone, other in zip(recorded.zones, found.zones, strict=True):
        where = f"zone {_NAMES[zone.zone_idx]}: "
        for name in (field.name for field in fields(ZoneState)):
            ours, theirs = getattr(zone, name), getattr(other, name)
            if name == "free":
                for order, (left, right) in enumerate(zip(ours, theirs, strict=True)):
                    yield from _apart(f"{where}free blocks of order {order}, type ", left, right)
            elif name == "pageblocks":
                yield from _apart(f"{where}pageblock ", ours, theirs)
            elif name == "pcp":
                for cpu, (left, right) in enumerate(zip(ours, theirs, strict=True)):
                    yield from _pcp_differences(f"{where}pcp {cpu}: ", left, right)
            elif ours != theirs:
                yield f"{where}{name}", ours, theirs


def _pcp_differences(where: str, recorded: PcpState, found: PcpState) -> Iterator[tuple[str, object, object]]:
    for name in ("count", "high", "batch", "free_factor"):
        if getattr(recorded, name) != getattr(found, name):
            yield f"{where}{name}", getattr(recorded, name), getattr(found, name)
    yield from _apart(f"{where}list ", recorded.lists, found.lists)


def _apart(where: str, recorded: tuple[Any, ...], found: tuple[Any, ...]) -> Iterator[tuple[str, object, object]]:
    for number, (ours, theirs) in enumerate(zip(recorded, found, strict=True)):
        if ours != theirs:
            yield f"{where}{number}", ours, theirs
