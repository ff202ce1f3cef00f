"""A machine of a kernel with per-CPU lists of blocks, in the state in which a recording begins.

What the recording holds is taken from it: free pages, marks, sizes of the per-CPU lists, LRU pages. What it does not
hold is inferred from the trace, as far as that goes: a block that leaves a per-CPU list without having come there
waited on it from the start, and the order in which blocks leave is that of the list. The rest is drawn by the seed: the
order inside the free lists.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import Node, Zone
from .._trace import first_of_pages
from ..errors import FormatError, MisuseError
from ..flags import MigrateType
from ..formats.kpageflags import PageKind, ZoneFrames
from ..formats.tracetext import EVENTS
from ..formats.zoneinfo import ZoneinfoZone
from ..kernels import Kernel
from ..machine import Machine
from .pageblocks import inferred_pageblock_types
from .recording import Recording
from .zones import scattered, set_pageblock_types

__all__ = ["FirstEvents", "Start", "first_events", "start_machine", "type_numbers"]

_ALLOC, _FREE, _DRAIN = (EVENTS[f"mm_page_{name}"] for name in ("alloc", "free", "pcpu_drain"))
_NEVER = (1 << 63) - 1  # ns
_PCP_ORDERS = (0, 1, 2, 3)
_PCP_TYPES = 3  # of each order; their numbers are indices of the lists of order 0
_SIZES = ("high", "high_min", "high_max", "batch", "free_factor")  # of the lists of a CPU
_ENDLESS = 1 << 24  # pages: no list is ever that long


@dataclass(frozen=True, eq=False)
class FirstEvents:
    """The first event of each block of the zones that a trace names.

    Parameters
    ----------
    events : ndarray[EVENT_DTYPE]
        By time.
    waiting : ndarray[bool]
        Which of them show that the block waited on a per-CPU list.
    held : ndarray[bool]
        Which show that it was in use.
    """

    events: NDArray[np.void]
    waiting: NDArray[np.bool_]
    held: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Start:
    """A machine in the state in which a recording begins.

    Parameters
    ----------
    machine : Machine
    idle : list of ndarray[bool]
        By zone, which pages are free or on per-CPU lists.
    """

    machine: Machine
    idle: list[NDArray[np.bool_]]

    def places(self) -> list[tuple[int, NDArray[np.int64]]]:
        """Return for each zone its first PFN, and where each page is: in its own place if in use, else -1."""
        found = []
        for zone, idle in zip(self.machine.zones, self.idle, strict=True):
            pfns = np.arange(zone.start_pfn, zone.start_pfn + zone.spanned_pages, dtype=np.int64)
            np.copyto(pfns, -1, where=idle)
            found.append((zone.start_pfn, pfns))
        return found


def type_numbers(kernel: Kernel) -> NDArray[np.uint8]:
    """Return, for every number that the readers of traces give a migratetype, that of a kernel: shape (256,).

    Examples
    --------
    >>> from buddycap.kernels import KERNELS
    >>> type_numbers(KERNELS["6.1"])[:4].tolist()
    [0, 2, 1, 1]
    """
    table = np.full(256, int(kernel.MigrateType["MOVABLE"]), np.uint8)
    for name in ("UNMOVABLE", "RECLAIMABLE", "MOVABLE"):
        table[MigrateType[name]] = int(kernel.MigrateType[name])
    return table


def first_events(recording: Recording, before_ns: int | None = None) -> FirstEvents:
    """Find out what the first events of a trace tell of the start.

    Parameters
    ----------
    recording : Recording
    before_ns : int, optional
        Only events before this moment.

    Notes
    -----
    O(events + pages).
    """
    events = recording.events
    events = events[first_of_pages(events, recording.zones, _NEVER if before_ns is None else before_ns)]
    used = np.zeros(len(events), bool)
    for zone in recording.start.frames:
        mine = (events["pfn"] >= zone.start_pfn) & (events["pfn"] < zone.end_pfn)
        used[mine] = zone.kinds[events["pfn"][mine] - zone.start_pfn] == PageKind.KERNEL
    leaves = (events["event"] == _ALLOC) | (events["event"] == _DRAIN)
    return FirstEvents(events, leaves & used, events["event"] == _FREE)


def start_machine(
    recording: Recording,
    kernel: Kernel,
    first: FirstEvents,
    *,
    cpus: int,
    seed: int = 0,
    follow: bool = True,
    min_free: int | None = None,
    pageblock_order: int | None = None,
    empty: bool = False,
) -> Start:
    """Build a machine in the state in which a recording begins.

    Parameters
    ----------
    recording : Recording
    kernel : Kernel
        One with kinds of zone that are their indices.
    first : FirstEvents
        Of the recording.
    cpus : int
    seed : int
        Draws the order inside the free lists and the LRU lists, where the recording has none.
    follow : bool
        The per-CPU lists grow and shrink by what the trace tells alone, so they have no limit.
    min_free : int, optional, KiB
        min_free_kbytes; without, the marks are the recorded ones.
    pageblock_order : int, optional
        The recorded one by default.
    empty : bool
        All memory is free.

    Raises
    ------
    MisuseError
        If the recorded zones are no node of that kernel.
    """
    frames = recording.start.frames
    order = frames[0].pageblock_order if pageblock_order is None else pageblock_order
    zones = [_zone(recording, kernel, part, cpus, order) for part in frames]
    node = Node(zones)
    if min_free is not None:
        node.set_min_free_kbytes(min_free)
    if empty:
        for zone, part in zip(zones, frames, strict=True):
            _fill(zone, part)
        return Start(Machine(zones, events=True), [np.ones(len(part.kinds), bool) for part in frames])
    lists = {zone["name"]: zone for zone in recording.start.meta.get("zones", ())}
    idle = [(part.kinds == PageKind.FREE) | (part.kinds == PageKind.HOLE) for part in frames]
    blocks: list[NDArray[np.bool_]] = []
    for zone, part, pages in zip(zones, frames, idle, strict=True):
        if part.name in lists:
            waiting = _recorded_lists(zone, lists[part.name], kernel)
        else:
            told = None if follow else recording.start.zoneinfo.get(part.name)
            waiting = _drawn_lists(zone, part, kernel, first, told, seed)
        for pfn, size in waiting:
            pages[pfn - part.start_pfn : pfn - part.start_pfn + size] = True
        _sizes(zone, part.name, recording, lists.get(part.name), follow, min_free is None)
        blocks.append(_join_held(zone, part, first))
    machine = Machine(zones, swap_pages=recording.start.swap_pages, events=True)
    for zone, part, pages, joined in zip(zones, frames, idle, blocks, strict=True):
        kinds = np.where(pages | joined, np.uint8(PageKind.OFF_LRU), part.kinds)
        single = replace(part, kinds=kinds)
        machine.fill_lru(single, seed)
        for pfns in single.lru_pfns():
            zone.set_owners(pfns, (pfns + 1).astype(np.uint64))
    return Start(machine, idle)


def _zone(recording: Recording, kernel: Kernel, part: ZoneFrames, cpus: int, order: int) -> Zone:
    """Make a zone whose pages are all in use, with the types of its pageblocks."""
    name = part.name.upper()
    if name not in kernel.ZoneType.__members__:
        raise MisuseError(f"zone {part.name}: Linux {kernel.release} has {', '.join(kernel.zone_names)}")
    zone = Zone(
        part.start_pfn,
        len(part.kinds),
        present_ranges=[tuple(pair) for pair in part.present_ranges.tolist()],
        max_page_order=part.max_page_order,
        pageblock_order=order,
        zone_idx=int(kernel.ZoneType[name]),
        cpus=cpus,
        kernel=kernel.release,
        linked_outside=[0] if part.start_pfn == 1 else [],
        owners=True,
        populate=False,
    )
    counts = part.pageblocks if order == part.pageblock_order else None
    set_pageblock_types(zone, type_numbers(kernel)[inferred_pageblock_types(part, counts, pageblock_order=order)])
    told = recording.start.zoneinfo.get(part.name)
    stopped = {zone["name"]: zone for zone in recording.start.meta.get("zones", ())}.get(part.name, {})
    managed = stopped.get("managed", told.pages.get("managed", 0) if told is not None else 0)
    if isinstance(managed, int) and managed > 0:
        zone.managed_pages = min(managed, zone.present_pages)
    return zone


def _fill(zone: Zone, part: ZoneFrames) -> None:
    """Free all pages of a zone."""
    zone.free_many(np.flatnonzero(part.kinds != PageKind.HOLE) + part.start_pfn)


def _recorded_lists(zone: Zone, state: Mapping[str, Any], kernel: Kernel) -> list[tuple[int, int]]:
    """Set the lists of a stopped machine, order and all; what waits on per-CPU lists, with its pages."""
    waiting = []
    try:
        blocks = [
            (pfn, order, min(kind, len(kernel.MigrateType) - 2))
            for order, lists in enumerate(state["free"])
            for kind, pfns in enumerate(lists)
            for pfn in pfns
        ]
        zone.set_free_blocks(blocks)
        for cpu, pcp in enumerate(state.get("pcp", ())[: zone.cpus]):
            for index, pfns in enumerate(pcp["lists"]):
                tags = [(pfn, _tag(zone, index, pfn, kernel)) for pfn in pfns]
                zone.set_pcp_blocks(cpu, index, tags)
                waiting += [(pfn, 1 << (index // 3 if index < 12 else zone.pageblock_order)) for pfn in pfns]
            _set_lists(
                zone, cpu, {"high": pcp["high"], "batch": pcp["batch"], "free_factor": pcp.get("free_factor", 0)}
            )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"lists that cannot be: {error}") from None
    return waiting


def _tag(zone: Zone, index: int, pfn: int, kernel: Kernel) -> int:
    """Return the type that a block on a per-CPU list remembers, as far as the list tells it."""
    if index < 12:
        return index % 3
    movable = int(kernel.MigrateType["MOVABLE"])
    origin = zone.start_pfn >> zone.pageblock_order
    own = int(zone.pageblock_migratetype[(pfn >> zone.pageblock_order) - origin])
    return movable if index == 13 else own if own != movable else 0


def _drawn_lists(
    zone: Zone, part: ZoneFrames, kernel: Kernel, first: FirstEvents, told: ZoneinfoZone | None, seed: int
) -> list[tuple[int, int]]:
    """Set the free blocks, in an order by the seed, and what waits on per-CPU lists, which is returned.

    `told`: draw what no event shows, too, as much as zoneinfo counts. It never leaves its list in the trace; so where
    the background is followed it would be in the way.
    """
    found = []
    blocks = part.free_blocks
    blocks = blocks[np.argsort(blocks["pfn"])]
    pfns = scattered(blocks["pfn"].astype(np.int64), seed)
    orders = blocks["order"][np.searchsorted(blocks["pfn"], pfns)]
    origin = zone.start_pfn >> zone.pageblock_order
    types = np.asarray(zone.pageblock_migratetype)[(pfns >> zone.pageblock_order) - origin]
    zone.set_free_blocks(list(zip(pfns.tolist(), orders.tolist(), types.tolist(), strict=True)))
    unseen = {} if told is None else _unseen(zone, part, kernel, first, told, seed)
    for (cpu, index), waiting in _waiting(zone, first, kernel, unseen).items():
        tag = index % 3 if index < 12 else int(kernel.MigrateType["MOVABLE" if index == 13 else "UNMOVABLE"])
        for pfn in waiting:
            try:
                zone.set_pcp_blocks(cpu, index, [(pfn, tag)])
            except MisuseError:  # part of it is in a free block: it came while the pages were read
                continue
            found.append((pfn, 1 << (index // 3 if index < 12 else zone.pageblock_order)))
    return found


def _mine(zone: Zone, events: NDArray[np.void]) -> NDArray[np.void]:
    """Return the events of a zone."""
    return events[(events["pfn"] >= zone.start_pfn) & (events["pfn"] < zone.start_pfn + zone.spanned_pages)]


def _unseen(
    zone: Zone, part: ZoneFrames, kernel: Kernel, first: FirstEvents, told: ZoneinfoZone, seed: int
) -> dict[tuple[int, int], list[int]]:
    """Draw single pages for the lists of each CPU, as many as /proc/zoneinfo counts and no event shows.

    Such a page has no flags, like one of the kernel, and no event names it. Those among movable pages are taken first,
    pageblock by pageblock.
    """
    events, origin = _mine(zone, first.events), zone.start_pfn >> zone.pageblock_order
    idle = part.kinds == PageKind.KERNEL
    for order in np.unique(events["order"]).tolist():
        heads = events["pfn"][events["order"] == order] - zone.start_pfn
        for k in range(1 << order):
            idle[heads[heads + k < len(idle)] + k] = False
    pages = np.flatnonzero(idle) + zone.start_pfn
    blocks = (pages >> zone.pageblock_order) - origin
    types = np.asarray(zone.pageblock_migratetype)[blocks]
    turn = np.random.default_rng(seed).permutation(len(zone.pageblock_migratetype))
    order = np.lexsort((pages, turn[blocks], types != int(kernel.MigrateType["MOVABLE"])))
    pages, types = pages[order], types[order]
    waiting = _mine(zone, first.events[first.waiting])
    seen = np.bincount(waiting["cpu"] % zone.cpus, 1 << waiting["order"].astype(np.int64), zone.cpus)
    found: dict[tuple[int, int], list[int]] = {}
    at = 0
    for pageset in told.pagesets:
        if pageset.cpu < zone.cpus:
            end = at + max(pageset.values.get("count", 0) - int(seen[pageset.cpu]), 0)
            for index in range(_PCP_TYPES):
                found[pageset.cpu, index] = pages[at:end][types[at:end] == index].tolist()
            at = end
    return found


def _waiting(
    zone: Zone, first: FirstEvents, kernel: Kernel, unseen: Mapping[tuple[int, int], list[int]]
) -> dict[tuple[int, int], list[int]]:
    """Return the blocks that wait on the lists of each CPU, head first; in the middle those that are never seen."""
    events = _mine(zone, first.events[first.waiting])
    heads: dict[tuple[int, int], list[int]] = {}
    tails: dict[tuple[int, int], list[int]] = {}
    numbers = type_numbers(kernel)
    for pfn, order, kind, cpu, event in zip(
        *(events[name].tolist() for name in ("pfn", "order", "migratetype", "cpu", "event")), strict=True
    ):
        movable = numbers[kind] == int(kernel.MigrateType["MOVABLE"])
        if order in _PCP_ORDERS:
            index = 3 * order + int(numbers[kind])
        elif order == zone.pageblock_order:
            index = 12 + int(movable)
        else:
            continue
        key = (cpu % zone.cpus, index)
        (heads if event == _ALLOC else tails).setdefault(key, []).append(pfn)
    keys = {*heads, *tails, *unseen}
    return {key: heads.get(key, []) + list(unseen.get(key, [])) + tails.get(key, [])[::-1] for key in keys}


def _sizes(
    zone: Zone, name: str, recording: Recording, state: Mapping[str, Any] | None, follow: bool, marks: bool
) -> None:
    """Set the marks and the sizes of the per-CPU lists."""
    told = recording.start.zoneinfo.get(name)
    if state is not None and marks and "watermark" in state:
        zone.set_marks(state["watermark"], boost=int(state.get("watermark_boost", 0)))
    elif told is not None and marks and {"min", "low", "high"} <= set(told.pages):
        low, high = told.pages["low"], told.pages["high"]
        promo = told.pages.get("promo", 2 * high - low)
        zone.set_marks([told.pages["min"], low, high, promo], boost=told.pages.get("boost", 0))
    if state is None and told is not None:
        for pageset in told.pagesets:
            if pageset.cpu < zone.cpus:
                _set_lists(zone, pageset.cpu, pageset.values)
    if follow:
        endless = dict.fromkeys(("high", "high_min", "high_max"), _ENDLESS)
        one = (
            _ENDLESS + 1 if "high_max" in zone.pcp(0) else 1
        )  # lists that size themselves take one block if high < batch
        for cpu in range(zone.cpus):
            _set_lists(zone, cpu, endless | {"batch": one, "free_factor": 0})


def _set_lists(zone: Zone, cpu: int, told: Mapping[str, int]) -> None:
    """Set what steers the lists of a CPU, as far as the zone's kernel has it."""
    sizes = {name: told[name] for name in _SIZES if name in told and name in zone.pcp(cpu)}
    zone.set_pcp(cpu, **(sizes | {"batch": max(sizes.get("batch", 1), 1)}))


def _join_held(zone: Zone, part: ZoneFrames, first: FirstEvents) -> NDArray[np.bool_]:
    """Make blocks of what was in use at the start and is freed in one piece; which pages these are."""
    joined = np.zeros(len(part.kinds), bool)
    events = first.events[first.held & (first.events["order"] > 0)]
    inside = (events["pfn"] >= part.start_pfn) & (events["pfn"] < part.end_pfn)
    for pfn, order in zip(events["pfn"][inside].tolist(), events["order"][inside].tolist(), strict=True):
        try:
            zone.join_pages(pfn, order)
        except MisuseError:  # not all of it was in use
            continue
        joined[pfn - part.start_pfn : pfn - part.start_pfn + (1 << order)] = True
    return joined
