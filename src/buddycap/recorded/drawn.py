"""A machine drawn from texts of /proc: exact where they tell, invented where they do not, and both are named.

Exact: bounds of zones, free blocks of every order and type, pageblocks by type, totals of LRU pages, slab, page tables.
Invented: which block lies where, what the pages in use hold, which movable blocks are mixed (as few as possible). So a
result from a drawn machine is worth as much as its spread over several seeds.
"""

import json
import random
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, MisuseError
from ..flags import MigrateType
from ..formats.kpageflags import KPF, MAX_PAGES, RESERVED_PREFIX, START_SUFFIX, ZoneFrames
from ..formats.procfs import (
    BuddyinfoRow,
    Pagetypeinfo,
    PagetypeinfoZone,
    format_buddyinfo,
    format_pagetypeinfo,
    parse_buddyinfo,
    parse_pagetypeinfo,
)
from ..formats.snapshot import SNAPSHOT_VERSION, TYPES_PREFIX, Snapshot, member_name, parse_ram
from ..formats.zoneinfo import ZoneinfoZone, format_zoneinfo, parse_zoneinfo
from ..newfile import replacing

__all__ = ["draw_snapshot", "save_drawn"]

LARGEST_ORDER = 14
_FEW = 64  # places that are tried
_NEARLY = 64  # one page in so many may be missing from iomem: what firmware keeps is no System RAM there
EXACT = "zones, bounds, free blocks by order and type, pageblocks by type, totals of LRU, slab and page tables"
INVENTED = "places of blocks, contents of pages in use, mixed blocks"
_TYPES = {"Unmovable": MigrateType.UNMOVABLE, "Reclaimable": MigrateType.RECLAIMABLE, "Movable": MigrateType.MOVABLE}
_FIXED = ("Unmovable", "Reclaimable", "HighAtomic", "Reserve")  # blocks for what cannot be moved
_LRU = {
    "unevictable": KPF.LRU | KPF.UNEVICTABLE | KPF.UPTODATE | KPF.SWAPBACKED,
    "inactive_anon": KPF.LRU | KPF.SWAPBACKED | KPF.ANON | KPF.UPTODATE | KPF.MMAP,
    "active_anon": KPF.LRU | KPF.SWAPBACKED | KPF.ANON | KPF.UPTODATE | KPF.MMAP | KPF.ACTIVE,
    "inactive_file": KPF.LRU | KPF.UPTODATE,
    "active_file": KPF.LRU | KPF.UPTODATE | KPF.ACTIVE,
}


@dataclass
class _Plan:
    """One zone while it is drawn."""

    info: ZoneinfoZone
    free: Mapping[str, tuple[int, ...]]
    blocks: Mapping[str, int]
    order: int
    largest: int
    draw: random.Random
    memory: list[tuple[int, int]]
    types: dict[int, str] = field(default_factory=dict)
    regions: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    placed: set[tuple[int, int]] = field(default_factory=set)
    misplaced: int = 0

    @property
    def start(self) -> int:
        """First PFN of the zone."""
        return self.info.start_pfn or 0

    @property
    def end(self) -> int:
        """First PFN behind its memory."""
        return self.memory[-1][1]


def draw_snapshot(
    buddyinfo: str,
    pagetypeinfo: str | None,
    zoneinfo: str,
    iomem: str | None = None,
    *,
    seed: int = 0,
    node: int = 0,
    mixed: int = 0,
) -> Snapshot:
    """Draw a plausible machine from texts of /proc.

    Parameters
    ----------
    buddyinfo, zoneinfo : str
        The texts.
    pagetypeinfo : str or None
        The text; without it all free blocks and pageblocks count as movable.
    iomem : str, optional
        The text; who may see addresses finds the holes there. Without it they are put at the end of each zone.
    seed : int
        Draws the places; equal texts and seeds give equal machines.
    node : int
        Which node.
    mixed : int, percent
        Movable blocks among which pages that stay where they are (the kernel's, unevictable ones) are spread. 0: they
        fill as few as possible. Nothing decides more about what can be made of such a machine, and no text tells it.

    Returns
    -------
    Snapshot
        As `read_snapshot` gives; `meta["drawn"]` says seed, what is exact and what is invented. Its `differences` are
        what could not be placed: mostly none.

    Raises
    ------
    FormatError
        If a text is damaged, or a zone has more orders than a simulated one can have.
    MisuseError
        If an argument is out of range.

    Notes
    -----
    O(pages). Where pagetypeinfo and buddyinfo are of different moments, pagetypeinfo is followed.

    Examples
    --------
    >>> buddy = "Node 0, zone Normal 3 0 2 0 0 0 0 0 0 1 1\\n"
    >>> zone = "Node 0, zone Normal\\n  pages free 1547\\n        min 8\\n        low 10\\n        high 12\\n"
    >>> zone += "        spanned 65536\\n        present 65536\\n        protection: (0)\\n"
    >>> zone += "      nr_free_pages 1547\\n  pagesets\\n  start_pfn: 0\\n"
    >>> draw_snapshot(buddy, None, zone, seed=3).frames[0].nr_free.tolist()
    [3, 0, 2, 0, 0, 0, 0, 0, 0, 1, 1]
    """
    if not 0 <= mixed <= 100:
        raise MisuseError(f"mixed={mixed}: allowed range is 0..100")
    rows = {row.zone: row for row in parse_buddyinfo(buddyinfo, "buddyinfo") if row.node == node}
    types = parse_pagetypeinfo(pagetypeinfo, "pagetypeinfo") if pagetypeinfo else None
    by_type = {zone.zone: zone for zone in types.zones if zone.node == node} if types else {}
    zones = [zone for zone in parse_zoneinfo(zoneinfo, "zoneinfo") if zone.node == node and zone.pages.get("present")]
    zones = [zone for zone in zones if zone.zone in rows and zone.start_pfn is not None]
    if not zones:
        raise FormatError(f"no zone of node {node} stands in both zoneinfo and buddyinfo", "zoneinfo")
    ram = parse_ram(iomem or "")
    plans = [_plan(zone, rows[zone.zone], types, by_type.get(zone.zone), seed, ram) for zone in zones]
    frames = tuple(_frames(plan, mixed) for plan in plans)
    holes = any(plan.info.pages["spanned"] > plan.info.pages["present"] for plan in plans)
    told = all(_ram_of(plan.info, ram) for plan in plans)
    wanted = {zone.zone: _wanted(rows[zone.zone], by_type.get(zone.zone)) for zone in zones}
    return Snapshot(
        "texts",
        frames,
        wanted,
        wanted,
        {zone.zone: zone for zone in zones},
        types,
        meta={
            "drawn": {
                "seed": seed,
                "exact": EXACT + (", holes" if holes and told else ""),
                "invented": INVENTED + (", holes" if holes and not told else ""),
            }
        },
        node=node,
        nodes=tuple(sorted({row.node for row in parse_buddyinfo(buddyinfo)})),
    )


def save_drawn(path: str | Path, snapshot: Snapshot) -> None:
    """Write a drawn machine as a file that `read_snapshot` reads, with the types of its pageblocks.

    Parameters
    ----------
    path : str or Path
        File to write.
    snapshot : Snapshot
        Of `draw_snapshot`.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    node = snapshot.node
    rows = [BuddyinfoRow(node, name, counts) for name, counts in snapshot.buddyinfo.items()]
    texts = {
        "buddyinfo": format_buddyinfo(rows),
        "zoneinfo": format_zoneinfo(snapshot.zoneinfo.values()),
        "meta": json.dumps(dict(snapshot.meta)),
    }
    if snapshot.pagetypeinfo is not None:
        texts["pagetypeinfo"] = format_pagetypeinfo(snapshot.pagetypeinfo)
    arrays: dict[str, NDArray[Any]] = {
        RESERVED_PREFIX + name: np.frombuffer(text.encode("ascii", "replace"), np.uint8) for name, text in texts.items()
    }
    for zone in snapshot.frames:
        name = member_name(node, zone.name)
        if zone.block_types is not None:
            digits = (zone.block_types + np.uint8(ord("0"))).astype(np.uint8)
            arrays[TYPES_PREFIX + name] = digits
        arrays |= {name: zone.flags, name + START_SUFFIX: np.array(zone.start_pfn, np.uint64)}
    arrays[RESERVED_PREFIX + "version"] = np.array(SNAPSHOT_VERSION, np.uint64)
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))  # equal machines make equal files
            with archive.open(member, "w", force_zip64=True) as out:
                np.lib.format.write_array(out, array, allow_pickle=False)


def _wanted(row: BuddyinfoRow, typed: PagetypeinfoZone | None) -> tuple[int, ...]:
    """Return the free blocks that are wanted, all types together."""
    return row.nr_free if typed is None else tuple(map(sum, zip(*typed.free.values(), strict=True)))


def _plan(
    info: ZoneinfoZone,
    row: BuddyinfoRow,
    types: Pagetypeinfo | None,
    typed: PagetypeinfoZone | None,
    seed: int,
    ram: list[tuple[int, int]],
) -> _Plan:
    """Collect what is to be drawn of a zone."""
    largest = len(row.nr_free) - 1
    if largest > LARGEST_ORDER:
        raise FormatError(f"{info.zone}: {largest + 1} orders; a simulated zone has at most 15", "buddyinfo")
    if not 0 < info.pages["spanned"] <= MAX_PAGES or not 0 <= (info.start_pfn or 0) < 1 << 52:
        raise FormatError(f"{info.zone}: {info.pages['spanned']} pages; allowed range is 1..{MAX_PAGES}", "zoneinfo")
    if info.pages["present"] > info.pages["spanned"]:
        raise FormatError(f"{info.zone}: more pages present than spanned", "zoneinfo")
    order = min(types.pageblock_order, largest) if types else min(9, largest)
    draw = random.Random(f"{seed} {info.node} {info.zone}")
    start, spanned = info.start_pfn or 0, info.pages["spanned"]
    holes = (spanned - info.pages["present"]) >> order << order
    memory = _ram_of(info, ram) or [(start, start + spanned - holes)]
    if typed is None:
        return _Plan(info, {"Movable": row.nr_free}, {}, order, largest, draw, memory)
    return _Plan(info, typed.free, typed.blocks, order, largest, draw, memory)


def _ram_of(info: ZoneinfoZone, ram: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges of a zone that have memory; none if iomem does not tell, or not as many pages as zoneinfo."""
    start = info.start_pfn or 0
    end = start + info.pages["spanned"]
    ranges = [(max(first, start), min(behind, end)) for first, behind in ram if first < end and behind > start]
    pages = sum(behind - first for first, behind in ranges)
    close = abs(pages - info.pages["present"]) * _NEARLY <= info.pages["present"]
    disjoint = all(one[1] <= other[0] for one, other in pairwise(ranges))
    return ranges if ranges and close and disjoint else []


def _give_types(plan: _Plan) -> None:
    """Give every whole pageblock a type, as many as counted; those for larger blocks first, in aligned groups."""
    size, group = 1 << plan.order, 1 << plan.largest - plan.order
    whole = [range(-(-first // size), last // size) for first, last in plan.memory]
    left = {kind: count for kind, count in plan.blocks.items() if count}
    groups = [first for run in whole for first in range(-(-run.start // group) * group, run.stop - group + 1, group)]
    plan.draw.shuffle(groups)
    for kind, counts in plan.free.items():
        for _ in range(sum(counts[plan.order + 1 :])):
            if not groups or (plan.blocks and left.get(kind, 0) < group):
                break
            start = groups.pop()
            plan.types.update((block, kind) for block in range(start, start + group))
            plan.regions.setdefault((kind, plan.largest), []).append(start * size)
            left[kind] = left.get(kind, group) - group
    for (first, last), run in zip(plan.memory, whole, strict=True):
        _cut_blocks(plan, left, (first, min(run.start * size, last)))
        _cut_blocks(plan, left, (max(run.stop * size, min(run.start * size, last)), last))
    singles = [block for run in whole for block in run if block not in plan.types]
    plan.draw.shuffle(singles)
    for kind, count in left.items():
        for block in singles[: max(count, 0)] if kind != "Movable" else ():
            plan.types[block] = kind
            plan.regions.setdefault((kind, plan.order), []).append(block * size)
        singles = singles[max(count, 0) :] if kind != "Movable" else singles
    for block in singles:
        plan.types[block] = "Movable"
        plan.regions.setdefault(("Movable", plan.order), []).append(block * size)


def _cut_blocks(plan: _Plan, left: dict[str, int], part: tuple[int, int]) -> None:
    """Give a type to the pageblock that an end of memory cuts, and make regions of what is there of it."""
    start, end = part
    if start >= end:
        return
    kind = plan.types.get(start >> plan.order)
    if kind is None:
        kind = next((name for name in (*_FIXED, *left) if left.get(name, 0) > 0), "Movable")
        left[kind] = left.get(kind, 0) - 1
        plan.types[start >> plan.order] = kind
    while start < end:
        size = min((start & -start).bit_length() - 1 if start else plan.order, (end - start).bit_length() - 1)
        plan.regions.setdefault((kind, size), []).append(start)
        start += 1 << size


def _take_region(plan: _Plan, kind: str, order: int) -> tuple[str, int, int] | None:
    """Take a region that holds a block and is not filled by it, so that nothing merges; else another one."""
    sizes = range(order + (order < plan.largest), plan.largest + 1)
    found = next(((kind, size) for size in sizes if plan.regions.get((kind, size))), None)
    if found is None:
        filled = _filled_region(plan, kind, order)
        if filled is not None:
            return filled
        others = [key for key, starts in plan.regions.items() if starts and key[1] in sizes]
        if not others:
            return None
        found = min(others, key=lambda key: key[1])
        plan.misplaced += 1
    starts = plan.regions[found]
    at = plan.draw.randrange(len(starts))
    starts[at], starts[-1] = starts[-1], starts[at]
    return *found, starts.pop()


def _filled_region(plan: _Plan, kind: str, order: int) -> tuple[str, int, int] | None:
    """Take a region that the block fills, if its buddy is not free: then nothing merges either."""
    starts = plan.regions.get((kind, order), [])
    for at, start in enumerate(starts[:_FEW]):
        if (start ^ (1 << order), order) not in plan.placed:
            return kind, order, starts.pop(at)
    return None


def _place(plan: _Plan) -> None:
    """Place the free blocks, the largest first: the block takes the lower half of its region, the upper stays one."""
    for order in range(plan.largest, -1, -1):
        for kind, counts in plan.free.items():
            for _ in range(counts[order] if order < len(counts) else 0):
                taken = _take_region(plan, kind, order)
                if taken is None:
                    return
                own, size, start = taken
                while size > order:
                    size -= 1
                    plan.regions.setdefault((own, size), []).append(start + (1 << size))
                plan.placed.add((start, order))


def _frames(plan: _Plan, mixed: int) -> ZoneFrames:
    """Draw a zone."""
    _give_types(plan)
    _place(plan)
    spanned = plan.info.pages["spanned"]
    words = np.zeros(spanned, np.uint64)
    free = np.zeros(spanned, bool)
    for start, order in plan.placed:
        free[start - plan.start : start - plan.start + (1 << order)] = True
    words[free] = int(KPF.BUDDY)
    hole = np.ones(spanned, bool)
    for first, last in plan.memory:
        hole[first - plan.start : last - plan.start] = False
    words[hole] = int(KPF.NOPAGE)
    _fill(plan, words, np.flatnonzero(~free & ~hole), mixed)
    size = 1 << plan.order
    touched = range(plan.start // size, -(-(plan.start + spanned) // size))
    kinds = [_TYPES.get(plan.types.get(block, "Movable"), MigrateType.MOVABLE) for block in touched]
    frames = ZoneFrames.from_flags(
        plan.info.zone, plan.start, words, max_page_order=plan.largest, pageblock_order=plan.order,
        present=plan.memory, pageblocks=plan.blocks or None,
    )  # fmt: skip
    return ZoneFrames(
        frames.name, frames.start_pfn, frames.flags, frames.kinds, plan.largest, plan.order, frames.pageblocks,
        frames.page_size, np.array(kinds, np.uint8),
    )  # fmt: skip


def _fill(plan: _Plan, words: NDArray[np.uint64], used: NDArray[np.int64], mixed: int) -> None:
    """Say what the pages in use are: LRU pages in movable blocks, the kernel's in the others and few movable ones."""
    counters = plan.info.counters
    prefix = "nr_zone_" if "nr_zone_active_file" in counters else "nr_"
    first = plan.start >> plan.order
    block = ((used + plan.start) >> plan.order) - first
    fixed = np.zeros((plan.end >> plan.order) - first + 2, bool)
    fixed[[number - first for number, kind in plan.types.items() if kind in _FIXED]] = True
    generator = np.random.Generator(np.random.PCG64(plan.draw.getrandbits(64)))
    lru = {name: counters.get(prefix + name, 0) for name in _LRU}
    movable, others = used[~fixed[block]], used[fixed[block]]
    kernel = max(len(movable) - sum(lru.values()), 0)
    staying = min(kernel + lru["unevictable"], len(movable))
    movable = _fixed_first(movable, (movable + plan.start) >> plan.order, staying, mixed, generator)
    rest = np.concatenate([movable[kernel:], others[::-1]])  # the others get what movable blocks have no room for
    at = 0
    for name, bits in _LRU.items():
        words[rest[at : at + lru[name]]] = int(bits)
        at += min(lru[name], len(rest) - at)
    slab = counters.get("nr_slab_unreclaimable", 0) + counters.get("nr_slab_reclaimable", 0)
    left = np.concatenate([others[words[others] == 0], movable[:kernel]])
    slab = slab or len(others) * 3 // 4  # newer kernels count slab by node: the blocks for it hold mostly that
    words[left[:slab]] = int(KPF.SLAB)
    words[left[slab : slab + counters.get("nr_page_table_pages", 0)]] = int(KPF.PGTABLE)


def _fixed_first(
    pages: NDArray[np.int64], block: NDArray[np.int64], count: int, mixed: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Order the pages of movable blocks so that `count` pages that stay where they are come first.

    Those fill as few blocks as possible, or lie evenly in so many percent of the blocks. The others follow by block.
    """
    if not len(pages):
        return pages
    blocks, which = np.unique(block, return_inverse=True)
    turn = generator.permutation(len(blocks))[which]
    if not mixed:
        return pages[np.argsort(turn, kind="stable")]
    drawn = np.lexsort((generator.random(len(pages)), which))
    first = np.flatnonzero(np.r_[True, which[drawn][1:] != which[drawn][:-1]])
    rank = np.empty(len(pages), np.int64)
    rank[drawn] = np.arange(len(pages)) - first[which[drawn]]
    chosen = turn < -(-len(blocks) * mixed // 100)
    fixed = np.lexsort((turn, np.where(chosen, rank, turn), ~chosen))[:count]  # what has no room there fills others
    others = np.setdiff1d(np.arange(len(pages)), fixed)
    ordered: NDArray[np.int64] = np.concatenate([fixed, others[np.argsort(turn[others], kind="stable")]])
    return pages[ordered]
