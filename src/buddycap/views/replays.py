"""A recorded trace, watched: the recorder sees the machine's memory at regular times of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import MisuseError
from ..formats.kpageflags import PageKind, ZoneFrames
from ..formats.tracefile import Trace
from ..formats.tracetext import EVENTS
from ..recorded.recording import Recording
from ..recorded.zones import pages_of
from ..replay.reconstruct import PageState, Reconstruction
from .pagemap import KINDS, PageMap
from .perfetto import Timeline
from .record import MAX_CELLS, Recorder
from .timelines import add_counters

__all__ = ["WatchedReplay", "replay_timeline", "watch_replay"]

_CODE = {kind.name: number for number, kind in enumerate(KINDS)}
_SPANS = {
    "direct reclaim": ("mm_vmscan_direct_reclaim_begin", "mm_vmscan_direct_reclaim_end"),
    "compaction": ("mm_compaction_begin", "mm_compaction_end"),
    "kswapd": ("mm_vmscan_kswapd_wake", "mm_vmscan_kswapd_sleep"),
}


@dataclass(frozen=True)
class WatchedReplay:
    """What a trace showed.

    Parameters
    ----------
    recorder : Recorder
        The machine's memory over time; the trace's clock, from 0 on.
    maps : tuple of PageMap
        The zones at the end.
    trace : Trace
    first_ns : int, ns
        When it began, by the trace's clock.
    interrupted : bool
        Ctrl-C ended it early.
    """

    recorder: Recorder
    maps: tuple[PageMap, ...]
    trace: Trace
    first_ns: int
    interrupted: bool = False


def watch_replay(
    recording: Recording,
    *,
    steps: int = 50,
    max_cells: int = MAX_CELLS,
    step_done: Callable[[], None] | None = None,
) -> WatchedReplay:
    """Follow a trace from its start snapshot and record the memory at regular times.

    Parameters
    ----------
    recording : Recording
        See `buddycap.recorded.recording.open_recording`.
    steps : int, at least 2
        Moments, the first at the start snapshot, the last at the end snapshot or the last event.
    max_cells, step_done
        As for `buddycap.views.runs.watch_run`.

    Returns
    -------
    WatchedReplay
        After Ctrl-C, what has been recorded so far.

    Raises
    ------
    MisuseError
        If there are fewer than two steps.
    """
    if steps < 2:
        raise MisuseError(f"steps={steps}: at least 2 are wanted")
    memory = Reconstruction(recording.trace, recording.start, recording.first_ns)
    owners = {zone.name: np.zeros(len(zone.kinds), np.uint64) for zone in recording.start.frames}
    recorder = Recorder(max_cells=max_cells, owner_name=lambda owner: f"pid {owner - 1}")
    first, last = recording.first_ns, recording.end_ns[0]
    maps: tuple[PageMap, ...] = ()
    try:
        for step in range(steps):
            now = first + (last - first) * step // (steps - 1)
            begin = memory.done
            memory.follow(now)
            taken = _taken(recording.trace.events[begin : memory.done])
            seen = tuple(_map_of(memory, frames, owners[frames.name], taken) for frames in recording.start.frames)
            recorder.add_maps(seen, now - first, f"{memory.done} events")
            maps = seen
            if step_done:
                step_done()
    except KeyboardInterrupt:
        if not maps:
            raise
        return WatchedReplay(recorder, maps, recording.trace, first, interrupted=True)
    return WatchedReplay(recorder, maps, recording.trace, first)


def _taken(events: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return the pages that were allocated, in order of time, and for whom: process id + 1, as 0 is nobody."""
    done = events[(events["event"] == EVENTS["mm_page_alloc"]) & (events["pfn"] >= 0) & (events["order"] < 15)]
    sizes = np.int64(1) << done["order"].astype(np.int64)
    return pages_of(done["pfn"], done["order"]), np.repeat(done["pid"].astype(np.uint64) + np.uint64(1), sizes)


def _map_of(
    memory: Reconstruction,
    start: ZoneFrames,
    owner: NDArray[np.uint64],
    taken: tuple[NDArray[np.int64], NDArray[np.uint64]],
) -> PageMap:
    """Return the map of a zone at a moment: pages that no event has touched are what the snapshot says.

    `owner` is brought up to date with the pages taken since the moment before: the last who took a page has it.
    """
    states = memory.states(start.name)
    kinds = start.kinds.copy()
    kinds[states == PageState.FREE] = PageKind.FREE
    kinds[(states != PageState.FREE) & (start.kinds == PageKind.FREE)] = PageKind.KERNEL
    page_map = PageMap.of_frames(replace(start, kinds=kinds))
    used = states == PageState.USED
    movable = memory.movable(start.name)
    page_map.codes[states == PageState.PCP] = _CODE["pcp"]
    page_map.codes[used & movable] = _CODE["movable"]
    page_map.codes[used & ~movable] = _CODE["unmovable"]
    page_map.codes[states == PageState.ISOLATED] = _CODE["off_lru"]
    place = taken[0] - start.start_pfn
    ours = (place >= 0) & (place < len(owner))
    owner[place[ours]] = taken[1][ours]
    owner[~used] = 0
    return replace(page_map, nr_free=tuple(memory.nr_free(start.name).tolist()), owner=owner.copy())


def replay_timeline(watched: WatchedReplay) -> Timeline:
    """Return the time line of a replay.

    Returns
    -------
    Timeline
        Slices for direct reclaim, compaction and kswapd, as far as the trace has these events, a track for each task;
        and the counters of memory.
    """
    timeline = Timeline()
    events = watched.trace.events
    for name, (begin, end) in _SPANS.items():
        chosen = events[
            np.isin(events["event"], (EVENTS[begin], EVENTS[end])) & (events["time_ns"] >= watched.first_ns)
        ]
        open_since: dict[int, int] = {}
        for event in chosen:
            pid, time = int(event["pid"]), int(event["time_ns"]) - watched.first_ns
            if event["event"] == EVENTS[begin]:
                open_since.setdefault(pid, time)
            elif pid in open_since:
                timeline.slice(f"pid {pid}", name, open_since.pop(pid), time, category="reclaim")
    add_counters(timeline, watched.recorder)
    return timeline
