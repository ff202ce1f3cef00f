"""Memory that has been in use: a machine aged by real allocations, reclaim and lifetimes until it looks as wanted.

The builds of the experiment are those of one machine: from 4 GiB on their number stays.  In a larger memory they would
leave the kernel pages together where grouping by mobility has put them, and would never fragment it.  So here a
machine with n times 4 GiB is n times as busy and n times as fast (`grown`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from .._core import Zone
from ..errors import MisuseError
from ..formats.extfrag import unusable_free_index
from ..formats.kpageflags import ZoneFrames
from ..kernels import KERNELS
from ..machine import Machine
from ..policies.capture import POLICIES
from ..policies.compaction import COMPACTION_POLICIES
from ..policies.files import Policy
from ..recorded.contents import pageblock_contents
from ..recorded.load import Load
from ..study.config import PAGES_4GIB, StudyConfig
from ..study.run import make_world, study_zone
from .place import ANYWHERE, Place

__all__ = ["MEASURES", "RECIPES", "Aged", "Recipe", "Target", "age", "grown", "make_room", "measure", "reach"]

_SECOND_NS = 1_000_000_000
_EVENTS = 500  # performed between two looks at the clock
_HUGE_ORDER = 9  # 2 MiB: what targets speak of, whatever the machine's own huge page
_FIRST_S = 5.0
_GROWTH = 2**0.5
_MOST_BUILDS = 800  # of a StudyConfig
_POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        release: COMPACTION_POLICIES["capture"] if kernel.compacts else POLICIES["none"]
        for release, kernel in KERNELS.items()
    }
)
_COSTS = (
    "scan_ns", "free_ns", "active_ns", "pageout_ns", "fault_ns", "look_ps", "read_cost_us", "swap_cost_us",
    "write_cost_us",
)  # fmt: skip

MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "free": "free memory, permille of the present pages",
        "huge": "free blocks of 2 MiB; larger ones count as many",
        "unusable": "unusable free space index for order 9, permille",
        "mixed": "pageblocks that hold kernel and movable pages, permille",
        "kernel": "pageblocks that hold kernel pages, permille",
    }
)


def measure(zone: Zone) -> dict[str, int]:
    """Measure how old a zone's memory looks.

    Parameters
    ----------
    zone : Zone

    Returns
    -------
    dict of str to int
        A value for each name in `MEASURES`.

    Examples
    --------
    >>> measure(Zone(0, 4096))
    {'free': 1000, 'huge': 8, 'unusable': 0, 'mixed': 0, 'kernel': 0}
    """
    nr_free = [int(count) for count in zone.nr_free]
    contents = pageblock_contents(zone)
    return {
        "free": zone.nr_free_pages * 1000 // zone.present_pages,
        "huge": sum(count << (order - _HUGE_ORDER) for order, count in enumerate(nr_free) if order >= _HUGE_ORDER),
        "unusable": unusable_free_index(nr_free, _HUGE_ORDER),
        "mixed": contents.mixed * 1000 // contents.pageblocks,
        "kernel": int(contents.kernel.sum()) * 1000 // contents.pageblocks,
    }


@dataclass(frozen=True)
class Target:
    """A bound that aged memory must meet.

    Parameters
    ----------
    name : str
        One of `MEASURES`.
    at_least : bool
        The value is a lower bound; without, an upper one.
    value : int

    Examples
    --------
    >>> Target.parse("unusable>=900")
    Target(name='unusable', at_least=True, value=900)
    >>> Target.parse("huge<=10").met({"huge": 11})
    False
    """

    name: str
    at_least: bool
    value: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `NAME>=VALUE` or `NAME<=VALUE`.

        Raises
        ------
        MisuseError
            If it is neither.
        """
        parts = re.fullmatch(r"\s*([a-z]+)\s*([<>])=\s*(\d{1,12})\s*", text)
        if not parts or parts[1] not in MEASURES:
            raise MisuseError(f"target={text!r}: wanted is NAME>=VALUE or NAME<=VALUE; names: {', '.join(MEASURES)}")
        return cls(parts[1], parts[2] == ">", int(parts[3]))

    def met(self, measures: Mapping[str, int]) -> bool:
        """Tell whether measures are within the bound."""
        found = measures[self.name]
        return found >= self.value if self.at_least else found <= self.value

    def __str__(self) -> str:
        return f"{self.name}{'>=' if self.at_least else '<='}{self.value}"


@dataclass(frozen=True)
class Recipe:
    """How to make memory of some age; together with preset, memory size and seed it determines every bit.

    Parameters
    ----------
    name, description : str
    changes : mapping
        Fields of `StudyConfig` that differ from the preset's.
    seconds : float, s
        Simulated time that the load runs; 0: fresh from boot. With targets: the first time that is tried.
    targets : sequence of Target
        What must hold at the end.
    free_permille : int, permille of the present pages
        Memory to be made free at the end by a program that takes it and exits; 0: leave it as the load left it.
    grows : bool
        Above 4 GiB the load and the disk grow with the memory.
    """

    name: str
    description: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = _FIRST_S
    targets: Sequence[Target] = ()
    free_permille: int = 0
    grows: bool = True

    def applied(self, config: StudyConfig) -> StudyConfig:
        """Return what a machine that is configured so is aged with."""
        config = config.replace(**self.changes)
        return grown(config) if self.grows else config


def _targets(*texts: str) -> tuple[Target, ...]:
    return tuple(Target.parse(text) for text in texts)


_NAMED = (
    Recipe("fresh", "just booted: all but the boot's own pages are free, in largest blocks", seconds=0),
    Recipe(
        "desktop",
        "a minute of one build in a large page cache; half of the memory free, some of it still in huge pages",
        {"builds_4gib": 1, "unmovable_permille": 20, "kernel_rate_hz": 50},
        seconds=60,
        free_permille=500,
    ),
    Recipe(
        "server",
        "busy, full of page cache and slab; a quarter of the memory free and few huge pages left in it",
        {"builds_4gib": 5, "warmup_slab_permille": 200},
        seconds=60,
        targets=_targets("unusable>=700"),
        free_permille=250,
    ),
    Recipe(
        "fragmented",
        "kernel pages all over the memory; nine tenths of what is free are unusable for huge pages",
        {"builds_4gib": 10, "unmovable_permille": 130},
        seconds=20,
        targets=_targets("unusable>=900"),
        free_permille=400,
    ),
    Recipe(
        "hostile",
        "kernel pages wherever one looks; hardly a huge page to be had, however much is reclaimed",
        {"builds_4gib": 20, "unmovable_permille": 220},
        seconds=20,
        targets=_targets("unusable>=980"),
        free_permille=500,
    ),
)

RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in _NAMED})


def grown(config: StudyConfig) -> StudyConfig:
    """Return the configuration of a machine that is as busy as it is large.

    Parameters
    ----------
    config : StudyConfig
        Its load is that of a machine with at most 4 GiB.

    Returns
    -------
    StudyConfig
        With n times 4 GiB: n times as many builds (at most 800), short kernel allocations, reads of a stream and uses
        of the resident program; disk and CPUs n times as fast.  Up to 4 GiB: as it is.

    Examples
    --------
    >>> large = grown(StudyConfig(memory_pages=1 << 22, builds=20))
    >>> large.builds, large.kernel_rate_hz, large.disk_mib_per_s, large.fault_ns
    (80, 1000, 240.0, 325)
    """
    times = config.memory_pages / PAGES_4GIB
    if times <= 1:
        return config
    return config.replace(
        builds=min(round(config.nr_builds * times), _MOST_BUILDS),
        **{name: getattr(config, name) * times for name in ("stream_mib_per_s", "disk_mib_per_s")},
        **{name: round(getattr(config, name) * times) for name in ("kernel_rate_hz", "resident_touches_hz")},
        **{name: round(getattr(config, name) / times) for name in _COSTS},
    )


def age(
    config: StudyConfig,
    seed: int,
    seconds: float,
    *,
    policy: Policy | None = None,
    frames: ZoneFrames | None = None,
    load: Load | None = None,
    place: Place = ANYWHERE,
) -> Zone:
    """Let the load of the experiment run on a machine, without any request for huge pages.

    Parameters
    ----------
    config : StudyConfig
    seed : int
    seconds : float, s
        Simulated time.
    policy : CapturePolicy or CompactionPolicy, optional
        Of the load's own allocations of higher order; what the kernel does by itself if not given.
    frames : ZoneFrames, optional
        Memory of a real machine to begin with.
    load : Load, optional
        A recorded load in place of the builds.
    place : Place, optional
        Where the synthetic machine's memory is.

    Returns
    -------
    Zone
        With all per-CPU lists drained; every page that the load had in its hands has been given back.

    Examples
    --------
    >>> zone = age(StudyConfig(memory_pages=1 << 15), seed=1, seconds=1)
    >>> zone.check(), zone.nr_free_pages < zone.present_pages
    (None, True)
    """
    empty = None
    if frames is None:
        empty = study_zone(config, seed, start_pfn=place.start_pfn, reserved=place.reserved)
    chosen = policy or _POLICIES[config.kernel]
    zone, world = make_world(config, chosen, seed, frames, load, requests=False, zone=empty)
    while world.now_ns < seconds * _SECOND_NS:
        world.run(_EVENTS)
    del world
    for cpu in range(zone.cpus):
        zone.drain_pages(cpu=cpu)
    return zone


def make_room(zone: Zone, free_permille: int) -> None:
    """Make memory free as users do: a program takes so much that the rest is reclaimed, and exits.

    Parameters
    ----------
    zone : Zone
    free_permille : int, permille of the present pages, 0..1000
        Reached as far as reclaim can.

    Raises
    ------
    MisuseError
        If the share is out of range.
    """
    if not 0 <= free_permille <= 1000:
        raise MisuseError(f"free_permille={free_permille}: allowed range is 0..1000")
    machine = Machine([zone])
    gfp = KERNELS[zone.kernel].GFP["HIGHUSER_MOVABLE"]
    wanted = zone.present_pages * free_permille // 1000
    pages: list[int] = []
    while len(pages) + zone.nr_free_pages < wanted:
        pfn = machine.alloc_pages(0, gfp)
        if pfn is None:
            break
        pages.append(pfn)
    for pfn in pages:
        machine.free_pages(pfn, 0)
    for cpu in range(zone.cpus):
        zone.drain_pages(cpu=cpu)


@dataclass(frozen=True)
class Aged:
    """Memory that has been aged.

    Parameters
    ----------
    zone : Zone
    seconds : float, s
        Simulated time that it took.
    measures : dict
    missed : tuple of Target
        What could not be met within the limit.
    """

    zone: Zone
    seconds: float
    measures: dict[str, int]
    missed: tuple[Target, ...]


def reach(
    recipe: Recipe,
    config: StudyConfig,
    seed: int,
    *,
    limit_s: float = 600,
    frames: ZoneFrames | None = None,
    load: Load | None = None,
    place: Place = ANYWHERE,
    progress: Callable[[float, dict[str, int]], None] | None = None,
) -> Aged:
    """Age a machine until it looks as a recipe wants it.

    Parameters
    ----------
    recipe : Recipe
    config : StudyConfig
        To which the recipe's changes are applied, and then `grown`, if it says so.
    seed : int
    limit_s : float, s
        Longest simulated time to try.
    frames : ZoneFrames, optional
        Memory of a real machine to begin with.
    load : Load, optional
        A recorded load in place of the builds.
    place : Place, optional
        Where the synthetic machine's memory is.
    progress : callable, optional
        Called with the time and the measures of each attempt.

    Returns
    -------
    Aged
        The first attempt that meets all targets, or the last one.

    Notes
    -----
    Each attempt begins anew and runs half as long again: so the image is that of one undisturbed run of `seconds`,
    and all attempts together cost about three times the last.

    Examples
    --------
    >>> aged = reach(RECIPES["fresh"], StudyConfig(memory_pages=1 << 15), seed=1)
    >>> aged.seconds, aged.measures["unusable"], aged.missed
    (0, 0, ())
    """
    config = recipe.applied(config)
    seconds = recipe.seconds
    while True:
        zone = age(config, seed, seconds, frames=frames, load=load, place=place)
        if recipe.free_permille:
            make_room(zone, recipe.free_permille)
        measures = measure(zone)
        missed = tuple(target for target in recipe.targets if not target.met(measures))
        if progress:
            progress(seconds, measures)
        if not missed or seconds >= limit_s:
            return Aged(zone, seconds, measures, missed)
        seconds = min(round(max(seconds, _FIRST_S) * _GROWTH, 1), limit_s)
