"""A machine: the zones of one node with their LRU lists, reclaim, kswapd and the slow path of allocation."""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from ._core import REQUEST_DTYPE, MachineBase, Node, Zone
from .errors import MisuseError
from .flags import RequestOp, ZoneType
from .formats.extfrag import extfrag_index, format_extfrag_index, format_unusable_index, unusable_index
from .formats.kpageflags import ZoneFrames, read_kpageflags
from .formats.procfs import BuddyinfoRow, format_buddyinfo, parse_buddyinfo
from .formats.snapshot import Snapshot, read_snapshot
from .kernels import KERNELS, Kernel
from .nearest import meant
from .policies.capture import CapturePolicy, find_policy
from .presets import PRESETS, Preset
from .proc import TEXTS
from .reader import known_reader
from .sizes import parse_pages

__all__ = ["EventKind", "Machine"]

_PIECE = 1 << 18  # pages put on a list at once

_NAMES = ((), ("Normal",), ("DMA32", "Normal"), ("DMA", "DMA32", "Normal"), ("DMA", "DMA32", "Normal", "Movable"))
_DMA_PAGES = 4096  # of zone DMA on x86-64
_LOW_PAGES = 3 << 18  # memory below the devices' addresses, which end at 4 GiB: 3 GiB
_HIGH_START = 1 << 20  # PFN of the memory above them


class EventKind(IntEnum):
    """What `Machine.events` tells.

    RECLAIMED: the page was taken from its owner. UNMAPPED: its page table entries were removed. SWAPPED: it took a swap
    slot. UNSWAPPED: it gave the slot back. PAGEOUT: its write began. WAKE_PDFLUSH: background writeback is wanted.
    WAKE_KSWAPD: kswapd was asleep and has work. QUEUE: the allocation in front of the queue may go on. CAPTURED: a
    reclaimed page goes to a capture list. FREED: its owner lets it go (both only after `Machine.note_events`).
    Of 6.1 besides: MIGRATED: compaction has moved the page; the next event, MIGRATED_TO, is its new place.
    WAKE_KCOMPACTD: kcompactd was asleep and has work. OOM: nothing is left for a request of order `page`.
    KSWAPD_ASKED: kswapd is asked for order `page` (only after `Machine.note_events`).
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
    MIGRATED_TO = 12
    WAKE_KCOMPACTD = 13
    OOM = 14
    KSWAPD_ASKED = 15


def known_names(frames: Iterable[ZoneFrames]) -> list[str] | None:
    """Return the names of recorded zones, if 2.6.27 has zones of all these names."""
    names = [zone.name for zone in frames]
    return names if all(name.upper() in ZoneType.__members__ for name in names) else None


def _default_names(kernel: Kernel, zones: list[Zone]) -> tuple[str, ...]:
    """Return what zones are called: what so many usually are, or what their indices mean."""
    if kernel.kinds_close_up:
        return _NAMES[min(len(zones), len(_NAMES) - 1)]
    return tuple(kernel.zone_names[zone.zone_idx] for zone in zones)


def _kinds(kernel: Kernel, names: tuple[str, ...], zones: list[Zone]) -> list[IntEnum]:
    """Return the kinds of zones by their names in /proc."""
    for name in names:
        if name.upper() not in kernel.ZoneType.__members__:
            raise MisuseError(f"names: unknown zone {name!r}; there are {', '.join(kernel.zone_names)}")
    kinds = [kernel.ZoneType[name.upper()] for name in names]
    if kinds != sorted(set(kinds)):
        raise MisuseError(f"names: {', '.join(names)} are not in ascending order")
    if len(kinds) != len(zones):
        raise MisuseError(f"names: {len(kinds)} names for {len(zones)} zones")
    for kind, zone in zip(kinds, zones, strict=True):
        if not kernel.kinds_close_up and kind != zone.zone_idx:
            named = kernel.zone_names[zone.zone_idx]
            raise MisuseError(f"names: zone_idx={zone.zone_idx} is {named} in {kernel.release}")
    return kinds


def _gfp_zones(kernel: Kernel, kinds: list[IntEnum], zones: list[Zone]) -> list[int]:
    """Return the index of the highest zone that may serve a request, by its three zone bits and MOVABLE."""
    keys = [key & 7 | (kernel.GFP["MOVABLE"] if key & 8 else 0) for key in range(16)]
    if not kernel.kinds_close_up:
        return [int(kernel.gfp_zone(gfp)) for gfp in keys]
    index = {kind: zone.zone_idx for kind, zone in zip(kinds, zones, strict=True)}
    highest = [kernel.gfp_zone(gfp, kinds) for gfp in keys]
    return [max((i for kind, i in index.items() if kind <= limit), default=0) for limit in highest]


class Machine(MachineBase):
    """The zones of one node, and what the kernel does when they run short.

    Parameters
    ----------
    zones : iterable of Zone, or str
        1 to 4 zones of one kernel with different `zone_idx` and the same `cpus`, `max_page_order` and
        `node_present_pages`; or the name of a preset, for a machine of 1 GiB. Several zones of 6.1 must have been made
        a `Node`, so that their marks belong together.
    names : sequence of str, optional
        Names of the zones in /proc, lowest first: of DMA, DMA32, Normal, HighMem, Movable. They decide which zones a
        request may use. In 6.1 they follow from the indices: DMA 0, DMA32 1, Normal 2, Movable 3.
    policy : CapturePolicy or str
        Capture policy of requests that bring none. Kernels without capture lists have "none" only.
    swap_pages : int, pages
        Swap slots.
    swappiness : int, 0..100
    oom_rounds : int
        Rounds without any progress after which a request fails. There is no OOM killer: the kernel would go on.
    writeback_limit : int, pages
        Reclaimers rest while more pages than this are under writeback (throttle_vm_writeout); 0 is never.
    slab_objects_per_page : int
        Objects that a page of the slab list stands for.
    driver_reclaims : bool
        Of 6.1: direct reclaim frees nothing by itself. A request's step ends with the wait "reclaim"; the driver frees
        what it wants to and tells `AllocRequest.reclaimed`.
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
        driver_reclaims: bool = False,
    ) -> None:
        if isinstance(zones, str):
            zones = _preset_zones(zones, "1GiB", 1, "2.6.27")
        zones = sorted(zones, key=lambda zone: zone.zone_idx)
        kernel = KERNELS[zones[0].kernel if zones else "2.6.27"]
        self.names = _default_names(kernel, zones) if names is None else tuple(names)
        super().__init__(
            zones,
            gfp_zones=_gfp_zones(kernel, _kinds(kernel, self.names, zones), zones),
            find_policy=find_policy,
            policy=policy,
            swap_pages=swap_pages,
            swappiness=swappiness,
            oom_rounds=oom_rounds,
            writeback_limit=writeback_limit,
            slab_objects_per_page=slab_objects_per_page,
            laptop_mode=laptop_mode,
            events=events,
            driver_reclaims=driver_reclaims,
        )

    def __repr__(self) -> str:
        free, present = (sum(getattr(zone, name) for zone in self.zones) for name in ("nr_free_pages", "present_pages"))
        return f"<Machine of Linux {self.kernel}: {', '.join(self.names)}; {free} of {present} pages free>"

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
        kernel: str = "2.6.27",
        cma: bool = False,
    ) -> Self:
        """Make a machine of free memory.

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
        kernel : "2.6.27", "6.1" or "6.12"
            The kernel that runs on it. Of 2.6.27 it is one zone, Normal. Of others there are DMA (of 16 MiB), DMA32
            (up to 3 GiB) and, from 4 GiB on, Normal, as far as memory reaches.
        cma : bool
            The kernel is one of 6.1 with CMA: `Machine.cma` makes areas.

        Raises
        ------
        MisuseError
            If there is no such preset or the size is impossible.

        Examples
        --------
        >>> Machine.preset("ppc64", memory="1GiB", cpus=4).zones[0].present_pages
        262144
        >>> machine = Machine.preset("x86_64", memory="4GiB", kernel="6.1")
        >>> machine.names, [zone.present_pages for zone in machine.zones]
        (('DMA', 'DMA32', 'Normal'), [4096, 782336, 262144])
        """
        pages = parse_pages(memory, "memory") if swap is None else parse_pages(swap, "swap")
        return cls(_preset_zones(name, memory, cpus, kernel, cma=cma), swap_pages=pages, policy=policy, events=events)

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
        cls,
        buddyinfo: str,
        pagetypeinfo: str | None,
        zoneinfo: str,
        iomem: str | None = None,
        *,
        seed: int = 0,
        mixed: int = 0,
        **options: Any,
    ) -> Self:
        """Draw a machine from texts of /proc: see `recorded.drawn.draw_snapshot`; `options` as for `from_frames`."""
        drawn = known_reader().draw_snapshot(buddyinfo, pagetypeinfo, zoneinfo, iomem, seed=seed, mixed=mixed)
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
        """Return the text of /proc/pagetypeinfo, as the machine's kernel prints it."""
        return TEXTS[self.kernel].pagetypeinfo(self, self.names)

    def zoneinfo(self) -> str:
        """Return the text of /proc/zoneinfo, as the machine's kernel prints it: see `buddycap.proc`."""
        return TEXTS[self.kernel].zoneinfo(self, self.names)

    def vmstat(self) -> str:
        """Return the text of /proc/vmstat, as the machine's kernel prints it: see `buddycap.proc`.

        Examples
        --------
        >>> machine = Machine.preset("x86_64", memory="64MiB")
        >>> pfn = machine.alloc_pages(3, GFP.KERNEL)
        >>> [line for line in machine.vmstat().splitlines() if line.startswith("pgalloc")]
        ['pgalloc_normal 8']
        """
        return TEXTS[self.kernel].vmstat(self, self.names)


def _preset(name: str) -> Preset:
    """Return a preset by its name."""
    if name not in PRESETS:
        raise MisuseError(f"unknown preset {name!r}; {meant(name, PRESETS)}")
    return PRESETS[name]


def _preset_zones(name: str, memory: int | str, cpus: int, kernel: str, *, cma: bool = False) -> list[Zone]:
    """Return the zones of a preset."""
    preset = _preset(name)
    pages = parse_pages(memory, "memory")
    if pages == 0:
        raise MisuseError(f"memory={memory!r}: less than one page")
    if kernel not in TEXTS:
        raise MisuseError(f"kernel={kernel!r}: there are {', '.join(TEXTS)}")
    ranges = [(0, 0, pages)] if KERNELS[kernel].kinds_close_up else _real_ranges(pages)
    make = partial(Zone, cma=True) if cma else Zone  # kernels without CMA have no such switch
    zones = [
        make(
            start,
            length,
            zone_idx=zone_idx,
            max_page_order=preset.max_page_order,
            pageblock_order=preset.pageblock_order,
            cpus=cpus,
            kernel=kernel,
        )
        for zone_idx, start, length in ranges
    ]
    if len(zones) > 1:
        Node(zones)  # marks and reserves that follow from all of them
    return zones


def _real_ranges(pages: int) -> list[tuple[int, int, int]]:
    """Return index, first PFN and length of the zones that so much memory makes on x86-64."""
    low = min(pages, _LOW_PAGES)
    ends = [(0, 0, min(pages, _DMA_PAGES)), (1, _DMA_PAGES, low - _DMA_PAGES), (2, _HIGH_START, pages - low)]
    return [zone for zone in ends if zone[2] > 0]
