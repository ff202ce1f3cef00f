"""A guest of Linux 6.12 of which only the free pages were recorded, not the lists on which they lay.

A folder holds `kpageflags.start.npz` with `zoneinfo.start` beside it, `kpageflags.end.npz` and a trace. What the first
state does not tell is learned from the trace: the first event of each page and pageblock says in which order free
blocks lay, of which types pageblocks were, and which pages lay on per-CPU lists. `pages_player.py` plays what follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..._core import Zone
from ...errors import FormatError, MisuseError
from ...formats.kpageflags import ZoneFrames
from ...formats.pagekinds import PageKind
from ...formats.snapshot import Snapshot, read_snapshot
from ...formats.tracefile import Trace, read_trace
from ...formats.zoneinfo import ZoneinfoZone
from ...recorded.recording import trace_of
from .allocator import EVENT_ROOM
from .requests import (
    ALLOC,
    COMPACTION_BEGIN,
    DRAIN,
    EXTFRAG,
    OF_PAGES,
    PCP_ORDERS,
    ZONE_LOCKED,
    Events,
)
from .state import HUGE_LISTS, MAX_PAGE_ORDER, PAGEBLOCK_ORDER, PCP_LISTS

__all__ = ["START", "Learned", "PagesGuest", "boot_pages", "learn", "read_pages_guest"]

KERNEL = "6.12"
START = "kpageflags.start.npz"

_END = "kpageflags.end.npz"
_ZONES = ("DMA", "DMA32", "Normal", "Movable")
_MARKS = ("min", "low", "high", "promo")
_MOVABLE = 1
_NEVER = 1 << 60
_PCP_SHARE = 8  # of a zone, which the lists of all CPUs may hold together
_PCP_BATCHES = 4  # that a CPU's lists may always hold


@dataclass(frozen=True, eq=False)
class PagesGuest:
    """The events between two states, and what /proc and /proc/kpageflags told of the first one.

    Parameters
    ----------
    name : str
    file : str
        With the first state.
    events : Events
        From the first state on.
    stop : int
        Number of the event behind the last one that is played.
    compaction : int or None
        Number of the first event of compaction.
    frames : ZoneFrames
        The zone that is played, which is the one with the most pages, in its first state.
    free_at_end : set of int
        PFNs of its free pages in the last state.
    managed_pages : int
    wmark : tuple of int
        min, low, high and promo, in pages.
    batch : int
        Pages that a CPU's lists move at a time.
    high : tuple of int
        How many pages the lists of each CPU might hold in the first state.
    """

    name: str
    file: str
    events: Events
    stop: int
    compaction: int | None
    frames: ZoneFrames
    free_at_end: set[int]
    managed_pages: int
    wmark: tuple[int, ...]
    batch: int
    high: tuple[int, ...]


@dataclass
class Learned:
    """What the first event of each page and pageblock tells of the state before.

    Parameters
    ----------
    taken_at : dict of int to int
        By PFN: when it left the free lists.
    block_type : dict of int to int
        By number of pageblock.
    heads, tails : dict of (int, int) to list of int
        By CPU and number of the per-CPU list: PFNs in the order in which they left at this end.
    """

    taken_at: dict[int, int] = field(default_factory=dict)
    block_type: dict[int, int] = field(default_factory=dict)
    heads: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    tails: dict[tuple[int, int], list[int]] = field(default_factory=dict)


def read_pages_guest(folder: str | Path) -> PagesGuest:
    """Read a guest of which only the free pages were recorded.

    Raises
    ------
    FormatError
        If a file is damaged, or something that is needed is missing.
    OSError
        If one cannot be read.

    Notes
    -----
    O(events + pages).
    """
    folder = Path(folder)
    start, end = read_snapshot(folder / START), read_snapshot(folder / _END)
    release = start.meta.get("kernel")
    if isinstance(release, str) and not release.startswith(KERNEL + "."):
        raise FormatError(f"recorded on Linux {release}; guests without their lists are played on {KERNEL}", start.file)
    frames = max(start.frames, key=lambda zone: np.count_nonzero(zone.kinds))
    last = next((zone for zone in end.frames if zone.name == frames.name), None)
    if last is None or (last.start_pfn, len(last.kinds)) != (frames.start_pfn, len(frames.kinds)):
        raise FormatError("the two states are of different machines", str(folder))
    numbers = _numbers(start, frames)
    path = trace_of(folder)
    events, stop, compaction = _played(read_trace(path, KERNEL), path)
    if max(events.cpu, default=0) >= len(numbers.pagesets):
        raise FormatError(f"an event of CPU {max(events.cpu)}: zoneinfo has {len(numbers.pagesets)}", str(path))
    return PagesGuest(
        folder.name,
        start.file,
        events,
        stop,
        compaction,
        frames,
        set(last.pfns(PageKind.FREE).tolist()),
        numbers.pages["managed"],
        tuple(numbers.pages[name] for name in _MARKS),
        numbers.pagesets[0].values["batch"],
        tuple(pageset.values["high"] for pageset in numbers.pagesets),
    )


def _numbers(start: Snapshot, frames: ZoneFrames) -> ZoneinfoZone:
    """Return what /proc/zoneinfo said of the zone, if it is complete."""
    found = start.zoneinfo.get(frames.name)
    if frames.name not in _ZONES or found is None:
        raise FormatError(f"no zone {frames.name} in zoneinfo.start", start.file)
    complete = all(name in found.pages for name in (*_MARKS, "managed"))
    sets = [pageset.values for pageset in found.pagesets]
    if not complete or not sets or any("high" not in values or "batch" not in values for values in sets):
        raise FormatError(f"zoneinfo.start lacks marks or per-CPU lists of zone {frames.name}", start.file)
    return found


def _played(trace: Trace, path: Path) -> tuple[Events, int, int | None]:
    """Return the events from the first state on, where they stop, and where compaction begins."""
    first, last = (trace.mark_ns(f"buddycap: snapshot {name} begin") for name in ("start", "end"))
    times = trace.events["time_ns"]
    if first is not None:
        trace = Trace(trace.events[int(np.searchsorted(times, first)) :], trace.marks, trace.report)
    events = Events(trace)
    if not len(events):
        raise FormatError("no event in the trace", str(path))
    stop = len(events) if last is None else int(np.searchsorted(trace.events["time_ns"], last))
    begins = np.flatnonzero(trace.events["event"][:stop] == COMPACTION_BEGIN)
    compaction = int(begins[0]) if len(begins) else None
    return events, stop if compaction is None else compaction, compaction


def learn(events: Events) -> Learned:
    """Go through all events once for what lay where at first.

    Notes
    -----
    O(events + pages in them).
    """
    found = Learned()
    seen: set[int] = set()
    for k in range(len(events)):
        event, pfn, order = events.event[k], events.pfn[k], events.order[k]
        if event not in OF_PAGES or order > MAX_PAGE_ORDER:
            continue
        if event == EXTFRAG:
            _, _, _, from_order, _, from_type, _ = events.told(k)
            last = pfn + (1 << max(int(str(from_order)), PAGEBLOCK_ORDER))
            for block in range(pfn >> PAGEBLOCK_ORDER, last >> PAGEBLOCK_ORDER):
                found.block_type.setdefault(block, int(str(from_type)))
        if event in (ZONE_LOCKED, DRAIN):
            found.block_type.setdefault(pfn >> PAGEBLOCK_ORDER, events.migratetype(k))
        if event in (ZONE_LOCKED, EXTFRAG):
            for page in range(pfn, pfn + (1 << order)):
                found.taken_at.setdefault(page, k)
        if pfn not in seen and order in PCP_ORDERS:
            key = (events.cpu[k], _pcp_index(order, events.migratetype(k)))
            if event == ALLOC:
                found.heads.setdefault(key, []).append(pfn)
            elif event == DRAIN:
                found.tails.setdefault(key, []).append(pfn)
        seen.update(range(pfn, pfn + (1 << order)))
    return found


def _pcp_index(order: int, migratetype: int) -> int:
    """Return the number of the per-CPU list of blocks."""
    return 3 * order + migratetype if order < PAGEBLOCK_ORDER else HUGE_LISTS + (migratetype == _MOVABLE)


def boot_pages(guest: PagesGuest, found: Learned) -> Zone:
    """Build the zone in its first state, as far as that is known.

    Raises
    ------
    FormatError
        If there cannot be such a state.
    """
    try:
        return _boot(guest, found)
    except MisuseError as error:
        raise FormatError(f"a state that cannot be: {error}", guest.file) from None


def _boot(guest: PagesGuest, found: Learned) -> Zone:
    frames, cpus = guest.frames, len(guest.high)
    zone = Zone(
        frames.start_pfn,
        len(frames.kinds),
        kernel=KERNEL,
        zone_idx=_ZONES.index(frames.name),
        cpus=cpus,
        min_free_kbytes=0,
        events=EVENT_ROOM,
        populate=False,
    )
    zone.managed_pages = guest.managed_pages
    for block, migratetype in found.block_type.items():
        if frames.start_pfn <= block << PAGEBLOCK_ORDER < frames.end_pfn:
            zone.set_pageblock_migratetype(block << PAGEBLOCK_ORDER, migratetype)
    zone.set_free_blocks(_free_blocks(frames, found.taken_at, found.block_type))
    zone.set_marks(guest.wmark)
    for cpu, high in enumerate(guest.high):
        for index in range(PCP_LISTS):
            lain = found.heads.get((cpu, index), []) + found.tails.get((cpu, index), [])[::-1]
            lain = [pfn for pfn in lain if frames.start_pfn <= pfn < frames.end_pfn]
            if lain:
                zone.set_pcp_blocks(cpu, index, [(pfn, index % 3 if index < HUGE_LISTS else 1) for pfn in lain])
        least = _PCP_BATCHES * guest.batch
        zone.set_pcp(
            cpu,
            high=high,
            high_min=max(guest.wmark[1] // cpus, least),
            high_max=max(guest.managed_pages // _PCP_SHARE // cpus, least),
            batch=guest.batch,
        )
    return zone


def _free_blocks(
    frames: ZoneFrames, taken_at: Mapping[int, int], block_type: Mapping[int, int]
) -> list[tuple[int, int, int]]:
    """Return the free blocks as (pfn, order, type), in the order in which they were taken."""
    blocks = []
    for pfn, order in frames.free_blocks.tolist():
        at = min(taken_at.get(page, _NEVER) for page in range(pfn, pfn + (1 << order)))
        blocks.append((at, pfn, order, block_type.get(pfn >> PAGEBLOCK_ORDER, _MOVABLE)))
    return [(pfn, order, migratetype) for _, pfn, order, migratetype in sorted(blocks)]
