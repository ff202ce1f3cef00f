"""Reconstruction: a recorded machine's memory, followed page by page through a trace from its first snapshot.

Nothing is simulated: every event names its pages. So the free blocks at any time follow from the trace, and the end can
be compared with a second snapshot. What a trace does not say is inferred, and each inference is counted by what made
it: `docs/replay.md` has the rules.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._trace import Follower
from ..errors import MisuseError
from ..formats.gfptext import kernel_release
from ..formats.kpageflags import KPF, PageKind, ZoneFrames, write_kpageflags
from ..formats.procfs import BuddyinfoRow, format_buddyinfo
from ..formats.snapshot import Snapshot
from ..formats.tracefile import Trace
from ..formats.tracetext import EVENTS, UNDECIDED
from ..recorded.pageblocks import inferred_pageblock_types
from .timeline import Timeline

__all__ = ["PageState", "Reconstruction"]

_STATE = np.uint8(7)
_ANON = KPF.LRU | KPF.SWAPBACKED | KPF.ANON | KPF.MMAP | KPF.UPTODATE
_MOVABLE = np.uint8(0x10)
_FIXED = np.uint8(0x20)
_NO_END = 1 << 62
_MANY = 1000  # so many drains, and frees of orders 1 to 3, cannot all miss each other by chance


class PageState(IntEnum):
    """What a page of a reconstructed machine is: the numbers of trace/frames.pxi.

    HELD: in use since before the trace began, or never heard of. PCP: on a per-CPU list. ISOLATED: taken by compaction.
    ABSENT: not initialised yet, or no memory at all.
    """

    HELD = 0
    FREE = 1
    PCP = 2
    USED = 3
    ISOLATED = 4
    ABSENT = 5


class Reconstruction:
    """The memory of a recorded machine at a moment of its trace.

    Parameters
    ----------
    trace : Trace
    start : Snapshot
        State at the beginning.
    first_ns : int, optional
        Events before this are left out; by default none are.
    infer : bool
        Use what later events tell about earlier ones. Without it a free counts as what it seems to be by itself.

    Notes
    -----
    About 50 M events a second, after a pass over the whole trace that is as quick. 3 bytes a page, 1 an event.

    Examples
    --------
    >>> from buddycap.formats.kpageflags import KPF
    >>> from buddycap.formats.tracetext import EVENT_DTYPE, EVENTS
    >>> zone = ZoneFrames.from_flags("DMA", 0, np.full(1024, KPF.BUDDY, np.uint64))
    >>> events = np.zeros(2, EVENT_DTYPE)
    >>> events["event"] = EVENTS["mm_page_alloc_zone_locked"], EVENTS["mm_page_alloc"]
    >>> memory = Reconstruction(Trace(events), Snapshot("", (zone,)))
    >>> memory.follow(); memory.nr_free("DMA")
    array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0])
    """

    def __init__(self, trace: Trace, start: Snapshot, first_ns: int | None = None, *, infer: bool = True) -> None:
        frames = start.frames
        self.names = tuple(zone.name for zone in frames)
        self.max_page_order = frames[0].max_page_order
        self.trace = trace
        self._start = frames
        self._follower = Follower(
            [(zone.start_pfn, len(zone.kinds)) for zone in frames],
            self.max_page_order,
            frames[0].pageblock_order,
            per_cpu_lists_hold_blocks(trace),
        )
        for k, zone in enumerate(frames):
            self._follower.load(k, start_states(zone))
            if infer and compaction_is_silent(trace):
                self._follower.guess_compaction(k, traced_pageblock_types(trace, zone))
        self._hints = self._follower.hints(trace.events, infer)
        times = trace.events["time_ns"]
        self._at = 0 if first_ns is None else int(np.argmax(times >= first_ns))

    @property
    def done(self) -> int:
        """Number of the first event that has not been followed yet."""
        return self._at

    def follow(self, until_ns: int = _NO_END) -> None:
        """Go on to a moment of the trace: all events up to the first one that is later."""
        self._at = self._follower.follow(self.trace.events, self._hints, self._at, until_ns)

    def nr_free(self, zone: str) -> NDArray[np.int64]:
        """Free blocks of a zone per order: ndarray[int64]."""
        return self._follower.nr_free(self._index(zone))

    def mixed_pageblocks(self, zone: str) -> int:
        """Pageblocks of a zone that hold movable pages and others, as far as is known what their pages are."""
        return self._follower.mixed_pageblocks(self._index(zone))

    def free(self, zone: str) -> NDArray[np.bool_]:
        """Which pages of a zone are in free blocks: ndarray[bool], shape (pages,)."""
        found: NDArray[np.bool_] = self.states(zone) == PageState.FREE
        return found

    def states(self, zone: str) -> NDArray[np.uint8]:
        """What every page is: numbers of `PageState`, absent pages counted as held; ndarray[uint8], shape (pages,)."""
        found: NDArray[np.uint8] = self._follower.states(self._index(zone)) & _STATE
        found[found == PageState.ABSENT] = PageState.HELD
        return found

    def are_free(self, zone: str, pages: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some pages of a zone, counted from its first, are in free blocks: ndarray[bool]."""
        return self._follower.are_free(self._index(zone), pages).view(np.bool_)

    def movable(self, zone: str) -> NDArray[np.bool_]:
        """Which pages of a zone are known to be movable, as long as they are in use: ndarray[bool], shape (pages,)."""
        found: NDArray[np.bool_] = (self._follower.states(self._index(zone)) & _MOVABLE) != 0
        return found

    def causes(self, zone: str) -> NDArray[np.uint8]:
        """What made the pages of a zone what they are: numbers of `CAUSES`, ndarray[uint8]."""
        return self._follower.causes(self._index(zone))

    def oddities(self) -> dict[str, int]:
        """What did not fit so far, by name."""
        return self._follower.oddities()

    def frames(self) -> tuple[ZoneFrames, ...]:
        """Return the zones at this moment as a recording of them would be.

        Pages in use that were not before are anonymous if their requests were movable, else of the kernel; what was in
        use at the start keeps its words.
        """
        found = []
        for zone in self._start:
            states = self.states(zone.name)
            free, new = states == PageState.FREE, states >= PageState.USED
            words = np.where(free, np.uint64(KPF.BUDDY), zone.flags & ~np.uint64(KPF.BUDDY))
            words[states == PageState.PCP] = 0
            words[new] = np.where(self.movable(zone.name)[new], np.uint64(_ANON), np.uint64(0))
            now = ZoneFrames.from_flags(
                zone.name,
                zone.start_pfn,
                words,
                max_page_order=zone.max_page_order,
                pageblock_order=zone.pageblock_order,
            )
            types = self._follower.block_types(self._index(zone.name))
            found.append(
                replace(now, block_types=zone.block_types if types is None else types, page_size=zone.page_size)
            )
        return tuple(found)

    def save(self, path: str | Path) -> None:
        """Write `frames` to a file that every command takes as a snapshot; its name must end in `.npz`."""
        write_kpageflags(path, self.frames())

    def buddyinfo(self) -> str:
        """The text of /proc/buddyinfo at this moment."""
        return format_buddyinfo(BuddyinfoRow(0, name, tuple(self.nr_free(name).tolist())) for name in self.names)

    def timeline(self, moments: Sequence[int] | NDArray[np.int64], step: Callable[[], None] | None = None) -> Timeline:
        """Follow the trace and note the state at each moment.

        Parameters
        ----------
        moments : sequence of int, ns
            Ascending.
        step : callable, optional
            Called after each.
        """
        counts, mixed = [], []
        for moment in np.asarray(moments, np.int64).tolist():
            self.follow(moment)
            counts.append([self.nr_free(name) for name in self.names])
            mixed.append([self.mixed_pageblocks(name) for name in self.names])
            if step:
                step()
        mixes, page_size = np.array(mixed, np.int64), self._start[0].page_size
        return Timeline(self.names, np.asarray(moments, np.int64), np.array(counts), mixes, page_size)

    def _index(self, zone: str) -> int:
        if zone not in self.names:
            raise MisuseError(f"zone={zone!r}: there are {', '.join(self.names)}")
        return self.names.index(zone)


_START_STATES = np.full(len(PageKind), PageState.HELD, np.uint8)
_START_STATES[PageKind.FREE] = PageState.FREE
_START_STATES[PageKind.HOLE] = PageState.ABSENT
_START_STATES[PageKind.OFF_LRU :] = _MOVABLE
_START_STATES[[PageKind.SLAB, PageKind.PGTABLE]] = _FIXED


def per_cpu_lists_hold_blocks(trace: Trace) -> bool:
    """Tell whether per-CPU lists hold orders above 0, as since 5.14: by the release, or else by what is drained."""
    release = trace.report.kernel
    if release and release != UNDECIDED:
        return release[:1].isdigit() and kernel_release(release) >= (5, 14)
    events, orders = trace.events["event"], trace.events["order"]
    drained = orders[events == EVENTS["mm_page_pcpu_drain"]]
    freed = orders[events == EVENTS["mm_page_free"]]
    many = len(drained) >= _MANY and int(((freed > 0) & (freed < 4)).sum()) >= _MANY
    return bool((drained > 0).any()) or not many


def compaction_is_silent(trace: Trace) -> bool:
    """Tell whether compaction ran, and no event says what it took."""
    seen = np.bincount(trace.events["event"], minlength=256)
    told = [EVENTS["mm_compaction_isolate_freepages"], EVENTS["mm_compaction_fast_isolate_freepages"]]
    return bool(seen[EVENTS["mm_compaction_begin"]] and not seen[told].any())


def traced_pageblock_types(trace: Trace, zone: ZoneFrames) -> NDArray[np.uint8]:
    """Return the migratetype of every pageblock of a zone: as its first drain says, else as the snapshot lets infer."""
    types = inferred_pageblock_types(zone, zone.pageblocks).copy()
    drains = trace.events[trace.events["event"] == EVENTS["mm_page_pcpu_drain"]]
    drains = drains[(drains["pfn"] >= zone.start_pfn) & (drains["pfn"] < zone.end_pfn) & (drains["migratetype"] < 8)]
    first_block = zone.start_pfn >> zone.pageblock_order
    blocks, first = np.unique((drains["pfn"] >> zone.pageblock_order) - first_block, return_index=True)
    types[blocks] = drains["migratetype"][first]
    return types


def start_states(zone: ZoneFrames) -> NDArray[np.uint8]:
    """Return what `Follower.load` wants for a recorded zone: free pages, and what the others are known to be."""
    states: NDArray[np.uint8] = _START_STATES[zone.kinds]
    return states
