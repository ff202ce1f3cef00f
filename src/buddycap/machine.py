"""A machine: the zones of one node with their LRU lists, reclaim, kswapd and the slow path of allocation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from ._core import REQUEST_DTYPE, MachineBase, Zone
from .errors import MisuseError
from .flags import GFP, MigrateType, RequestOp, ZoneType, gfp_zone
from .formats.extfrag import extfrag_index, format_extfrag_index, format_unusable_index, unusable_index
from .formats.kpageflags import ZoneFrames, read_kpageflags
from .formats.procfs import (
    BuddyinfoRow,
    Pagetypeinfo,
    PagetypeinfoZone,
    format_buddyinfo,
    format_pagetypeinfo,
    format_vmstat,
    parse_buddyinfo,
)
from .formats.snapshot import Snapshot, read_snapshot
from .formats.zoneinfo import Pageset, ZoneinfoLayout, ZoneinfoZone, format_zoneinfo
from .nearest import meant
from .policies.capture import CapturePolicy, find_policy
from .reader import known_reader
from .sizes import parse_pages

__all__ = ["PRESETS", "EventKind", "Machine", "Preset"]

_PIECE = 1 << 18  # pages put on a list at once

_NAMES = ((), ("Normal",), ("DMA32", "Normal"), ("DMA", "DMA32", "Normal"), ("DMA", "DMA32", "Normal", "Movable"))
_OLD_LAYOUT = ZoneinfoLayout(counter_indent=4, counters_first=True)
_PER_ZONE_EVENTS = ("pgalloc", "pgrefill", "pgsteal", "pgscan_kswapd", "pgscan_direct")


class EventKind(IntEnum):
    """What `Machine.events` tells.

    RECLAIMED: the page was taken from its owner. UNMAPPED: its page table entries were removed. SWAPPED: it took a swap
    slot. UNSWAPPED: it gave the slot back. PAGEOUT: its write began. WAKE_PDFLUSH: background writeback is wanted.
    WAKE_KSWAPD: kswapd was asleep and has work. QUEUE: the allocation in front of the queue may go on. CAPTURED: a
    reclaimed page goes to a capture list. FREED: its owner lets it go (both only after `Machine.note_events`).
    MIGRATED: never, since 2.6.27 has no compaction.
    """

    RECLAIMED = 1
    UNMAPPED = 2
    SWAPPED = 3
    UNSWAPPED = 4
    PAGEOUT = 5
    WAKE_PDFLUSH = 6
    WAKE_KSWAPD = 7
    QUEUE = 8
    CAPTURED = 9
    FREED = 10
    MIGRATED = 11


@dataclass(frozen=True)
class Preset:
    """The geometry of an architecture.

    Parameters
    ----------
    max_page_order : int
        Order of the largest block.
    pageblock_order : int
        Order of a pageblock, which is also that of a huge page.
    """

    max_page_order: int
    pageblock_order: int


PRESETS = {"x86_64": Preset(10, 9), "ppc64": Preset(12, 12)}


def known_names(frames: Iterable[ZoneFrames]) -> list[str] | None:
    """Return the names of recorded zones, if 2.6.27 has zones of all these names."""
    names = [zone.name for zone in frames]
    return names if all(name.upper() in ZoneType.__members__ for name in names) else None


def _kinds(names: Iterable[str]) -> list[ZoneType]:
    """Return the kinds of zones by their names in /proc."""
    kinds = []
    for name in names:
        if name.upper() not in ZoneType.__members__:
            raise MisuseError(f"names: unknown zone {name!r}; there are DMA, DMA32, Normal, HighMem, Movable")
        kinds.append(ZoneType[name.upper()])
    if kinds != sorted(set(kinds)):
        raise MisuseError(f"names: {', '.join(names)} are not in ascending order")
    return kinds


def _gfp_zones(kinds: list[ZoneType], indices: list[int]) -> list[int]:
    """Return the index of the highest zone that may serve a request, by its three zone bits and MOVABLE."""
    table = []
    for key in range(16):
        gfp = key & (GFP.DMA | GFP.HIGHMEM | GFP.DMA32) | (GFP.MOVABLE if key & 8 else 0)
        highest = gfp_zone(gfp, kinds)
        table.append(max((i for kind, i in zip(kinds, indices, strict=True) if kind <= highest), default=0))
    return table


class Machine(MachineBase):
    """The zones of one node, and what the kernel does when they run short.

    Parameters
    ----------
    zones : iterable of Zone, or str
        1 to 4 zones with different `zone_idx` and the same `cpus`, `max_page_order` and `node_present_pages`; or the
        name of a preset, for a machine of 1 GiB.
    names : sequence of str, optional
        Names of the zones in /proc, lowest first: of DMA, DMA32, Normal, HighMem, Movable. They decide which zones a
        request may use.
    policy : CapturePolicy or str
        Capture policy of requests that bring none.
    swap_pages : int, pages
        Swap slots.
    swappiness : int, 0..100
    oom_rounds : int
        Rounds without any progress after which a request fails. There is no OOM killer: the kernel would go on.
    writeback_limit : int, pages
        Reclaimers rest while more pages than this are under writeback (throttle_vm_writeout); 0 is never.
    slab_objects_per_page : int
        Objects that a page of the slab list stands for.
    laptop_mode : bool
        Reclaim writes no pages until it gets into trouble.
    events : bool
        Keep what happens to pages for `events()`.

    Raises
    ------
    MisuseError
        If the zones do not belong together or a parameter is out of range.

    Notes
    -----
    Waits are never slept. `alloc_pages` serves them at once; a request made with `request` tells them, and so does
    `kswapd`. Event counters of the kernel that belong to no zone stand in the highest zone.

    Examples
    --------
    >>> machine = Machine.preset("x86_64", memory="64MiB")
    >>> pfn = machine.alloc_pages(9, GFP.HIGHUSER_MOVABLE)
    >>> pfn % 512
    0
    >>> machine.free_pages(pfn, 9)
    """

    names: tuple[str, ...]
    differences: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    """Of a machine from a snapshot: recorded free blocks per order minus those of /proc/buddyinfo, by zone."""

    def __init__(
        self,
        zones: Iterable[Zone] | str,
        *,
        names: Iterable[str] | None = None,
        policy: CapturePolicy | str = "none",
        swap_pages: int = 0,
        swappiness: int = 60,
        oom_rounds: int = 1,
        writeback_limit: int = 0,
        slab_objects_per_page: int = 1,
        laptop_mode: bool = False,
        events: bool = False,
    ) -> None:
        if isinstance(zones, str):
            zones = _preset_zones(zones, "1GiB", 1)
        zones = sorted(zones, key=lambda zone: zone.zone_idx)
        self.names = tuple(_NAMES[min(len(zones), len(_NAMES) - 1)] if names is None else names)
        kinds = _kinds(self.names)
        if len(kinds) != len(zones):
            raise MisuseError(f"names: {len(kinds)} names for {len(zones)} zones")
        super().__init__(
            zones,
            gfp_zones=_gfp_zones(kinds, [zone.zone_idx for zone in zones]),
            find_policy=find_policy,
            policy=policy,
            swap_pages=swap_pages,
            swappiness=swappiness,
            oom_rounds=oom_rounds,
            writeback_limit=writeback_limit,
            slab_objects_per_page=slab_objects_per_page,
            laptop_mode=laptop_mode,
            events=events,
        )

    @classmethod
    def preset(
        cls,
        name: str,
        *,
        memory: int | str = "1GiB",
        cpus: int = 1,
        swap: int | str | None = None,
        policy: CapturePolicy | str = "none",
        events: bool = False,
    ) -> Self:
        """Make a machine with one zone of free memory.

        Parameters
        ----------
        name : str
            "x86_64": blocks up to 4 MiB, pageblocks of 2 MiB. "ppc64": both 16 MiB.
        memory : int or str, bytes
            Size, such as "4GiB".
        cpus : int
            Number of CPUs, each with its list of free pages.
        swap : int or str, bytes
            Size of the swap area; as large as memory if not given.
        policy, events
            As for the class.

        Raises
        ------
        MisuseError
            If there is no such preset or the size is impossible.

        Examples
        --------
        >>> Machine.preset("ppc64", memory="1GiB", cpus=4).zones[0].present_pages
        262144
        """
        pages = parse_pages(memory, "memory") if swap is None else parse_pages(swap, "swap")
        return cls(_preset_zones(name, memory, cpus), swap_pages=pages, policy=policy, events=events)

    @classmethod
    def from_frames(
        cls,
        frames: Iterable[ZoneFrames],
        *,
        seed: int = 0,
        cpus: int = 1,
        preset: str = "x86_64",
        policy: CapturePolicy | str = "none",
        events: bool = False,
    ) -> Self:
        """Make a machine in the state of a recorded one.

        Parameters
        ----------
        frames : iterable of ZoneFrames
            1 to 4 zones of one node, such as `buddycap.formats.kpageflags.read_kpageflags` gives.
        seed : int
            Draws the order of the LRU lists, which no recording holds.
        cpus : int
        preset : str
            Geometry of the simulated allocator.
        policy, events
            As for the class.

        Returns
        -------
        Machine
            Free pages are free; LRU pages are on their lists, active, anonymous, referenced, dirty, mapped or
            unevictable as recorded; everything else, slab pages too, is allocated for ever. Zones with owners; swap
            as large as memory.

        Notes
        -----
        Types of pageblocks and the order of the lists are inferred: see `buddycap.recorded.zones`. Writes under way
        count as not begun. O(pages).
        """
        parts = sorted(frames, key=lambda zone: zone.start_pfn)
        geometry = _preset(preset)
        zones = known_reader().zones_from_frames(
            parts,
            seed=seed,
            cpus=cpus,
            pageblock_order=geometry.pageblock_order,
            max_page_order=geometry.max_page_order,
        )
        pages = sum(zone.present_pages for zone in zones)
        machine = cls(zones, names=known_names(parts), swap_pages=pages, policy=policy, events=events)
        for zone in parts:
            machine.fill_lru(zone, seed)
        return machine

    @classmethod
    def from_kpageflags(cls, path: str | Path, **options: Any) -> Self:
        """Make a machine from a recording of /proc/kpageflags (`.npz`); `options` as for `from_frames`.

        Raises
        ------
        FormatError
            If the file is damaged.
        OSError
            If it cannot be read.
        """
        return cls.from_frames(read_kpageflags(path), **options)

    @classmethod
    def from_snapshot(cls, snapshot: str | Path | Snapshot, *, node: int = 0, **options: Any) -> Self:
        """Make a machine in the state of a snapshot.

        Parameters
        ----------
        snapshot : str, Path or Snapshot
            A file of `buddycap snapshot`, or a recording of /proc/kpageflags with or without the texts of /proc beside
            it: see `buddycap.formats.snapshot.read_snapshot`.
        node : int
            The node to take from a file.
        **options
            As for `from_frames`.

        Returns
        -------
        Machine
            With the zones' real bounds and holes. `differences` tells how far the recorded free blocks are from
            /proc/buddyinfo: 0 in every order where nothing happened while the pages were read.

        Raises
        ------
        FormatError
            If the file is damaged or has no pages.
        OSError
            If it cannot be read.

        Notes
        -----
        Types of pageblocks are inferred from what is in them; with pagetypeinfo in the snapshot, as many are unmovable
        and reclaimable as the kernel counted: see `buddycap.recorded.pageblocks`.
        """
        read = snapshot if isinstance(snapshot, Snapshot) else read_snapshot(snapshot, node=node)
        machine = cls.from_frames(read.frames, **options)
        machine.differences = MappingProxyType(read.differences)
        return machine

    @classmethod
    def from_texts(
        cls, buddyinfo: str, pagetypeinfo: str | None, zoneinfo: str, *, seed: int = 0, mixed: int = 0, **options: Any
    ) -> Self:
        """Draw a machine from texts of /proc: see `recorded.drawn.draw_snapshot`; `options` as for `from_frames`."""
        drawn = known_reader().draw_snapshot(buddyinfo, pagetypeinfo, zoneinfo, seed=seed, mixed=mixed)
        return cls.from_snapshot(drawn, seed=seed, **options)

    def fill_lru(self, frames: ZoneFrames, seed: int = 0) -> None:
        """Put the LRU pages of a recorded zone, which are allocated here, on their lists, in an order by the seed."""
        for pfns, flags, others in known_reader().lru_pages(frames, seed):
            for first in range(0, len(pfns), _PIECE):
                piece = slice(first, first + _PIECE)
                ops = np.zeros(len(pfns[piece]), REQUEST_DTYPE)
                ops["op"], ops["arg"], ops["pfn"] = RequestOp.LRU_ADD, -1, pfns[piece]
                ops["flags"] = others[piece] | np.uint32(flags)
                self.run(ops)

    def check(self) -> None:
        """Recompute every invariant of every zone.

        Raises
        ------
        CorruptionError
            If one does not hold.
        """
        for zone in self.zones:
            zone.check()

    def buddyinfo(self) -> str:
        """Return the text of /proc/buddyinfo.

        Examples
        --------
        >>> Machine.preset("x86_64", memory="64MiB").buddyinfo()
        'Node 0, zone   Normal      0      0      0      0      0      0      0      0      0      0     16 \\n'
        """
        return format_buddyinfo(
            BuddyinfoRow(0, name, tuple(int(n) for n in zone.nr_free[: zone.max_page_order + 1]))
            for name, zone in zip(self.names, self.zones, strict=True)
        )

    def extfrag_index(self) -> str:
        """Return the text of extfrag/extfrag_index in debugfs: why a request of each order fails; -1: it does not.

        Examples
        --------
        >>> Machine.preset("x86_64", memory="8MiB").extfrag_index().split()[4:6]
        ['-1.000', '-1.000']
        """
        return format_extfrag_index(extfrag_index(parse_buddyinfo(self.buddyinfo())))

    def unusable_index(self) -> str:
        """Return the text of extfrag/unusable_index in debugfs: the part of free memory that each order cannot use.

        Examples
        --------
        >>> Machine.preset("x86_64", memory="8MiB").unusable_index().split()[4:6]
        ['0.000', '0.000']
        """
        return format_unusable_index(unusable_index(parse_buddyinfo(self.buddyinfo())))

    def pagetypeinfo(self) -> str:
        """Return the text of /proc/pagetypeinfo, as 2.6.28 prints it."""
        kinds = [(kind.name.capitalize(), kind) for kind in MigrateType]
        rows = []
        for name, zone in zip(self.names, self.zones, strict=True):
            counts = {title: [0] * (zone.max_page_order + 1) for title, _ in kinds}
            blocks = zone.free_blocks()
            for order, migratetype in zip(blocks["order"].tolist(), blocks["migratetype"].tolist(), strict=True):
                counts[MigrateType(migratetype).name.capitalize()][order] += 1
            types = zone.pageblock_migratetype.tolist()
            rows.append(
                PagetypeinfoZone(
                    0,
                    name,
                    {title: tuple(orders) for title, orders in counts.items()},
                    {title: types.count(kind) for title, kind in kinds},
                )
            )
        return format_pagetypeinfo(Pagetypeinfo(self.zones[0].pageblock_order, tuple(rows), capped=False))

    def zoneinfo(self) -> str:
        """Return the text of /proc/zoneinfo, as 2.6.28 prints it, with the counters that exist here."""
        return format_zoneinfo(self._zoneinfo(place) for place in range(len(self.zones)))

    def _zoneinfo(self, place: int) -> ZoneinfoZone:
        """Return what /proc/zoneinfo says about one zone."""
        state = self.zone_state(place)
        scan = state["nr_scan"]
        pages = ("free", "min", "low", "high", "scanned", "spanned", "present")
        return ZoneinfoZone(
            0,
            self.names[place],
            {name: state[name] for name in pages},
            tuple(state["protection"][: len(self.zones)]),
            counters={name: n for name, n in self.zones[place].vmstat().items() if name.startswith("nr_")},
            pagesets=tuple(
                Pageset(cpu, dict(zip(("count", "high", "batch"), values, strict=True)))
                for cpu, values in enumerate(state["pagesets"])
            ),
            trailer={
                name: state[name] for name in ("all_unreclaimable", "prev_priority", "start_pfn", "inactive_ratio")
            },
            notes={"scanned": f"(aa: {scan[1]} ia: {scan[0]} af: {scan[3]} if: {scan[2]})"},
            layout=_OLD_LAYOUT,
        )

    def vmstat(self) -> str:
        """Return the text of /proc/vmstat, as 2.6.28 prints it, with the counters that exist here.

        Examples
        --------
        >>> machine = Machine.preset("x86_64", memory="64MiB")
        >>> pfn = machine.alloc_pages(3, GFP.KERNEL)
        >>> [line for line in machine.vmstat().splitlines() if line.startswith("pgalloc")]
        ['pgalloc_normal 8']
        """
        state: dict[str, int] = {}
        events: dict[str, int] = {}
        for name, zone in zip(self.names, self.zones, strict=True):
            for counter, count in zone.vmstat().items():
                key = f"{counter}_{name.lower()}" if counter in _PER_ZONE_EVENTS else counter
                table = state if counter.startswith("nr_") else events
                table[key] = table.get(key, 0) + count
        return format_vmstat({**state, "nr_writeback": len(self.writeback), **events})


def _preset(name: str) -> Preset:
    """Return a preset by its name."""
    if name not in PRESETS:
        raise MisuseError(f"unknown preset {name!r}; {meant(name, PRESETS)}")
    return PRESETS[name]


def _preset_zones(name: str, memory: int | str, cpus: int) -> list[Zone]:
    """Return the zone of a preset."""
    preset = _preset(name)
    pages = parse_pages(memory, "memory")
    if pages == 0:
        raise MisuseError(f"memory={memory!r}: less than one page")
    return [
        Zone(0, pages, max_page_order=preset.max_page_order, pageblock_order=preset.pageblock_order, cpus=cpus),
    ]
