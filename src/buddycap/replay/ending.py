"""How far a reconstruction is from the recorded end, page by page.

A snapshot of a machine that goes on is read page by page, which takes up to a second. So a page is compared with what
it was when it was read; and those that no event touches meanwhile, of which there is no doubt, are counted apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._trace import CAUSES
from ..errors import MisuseError
from ..formats.kpageflags import PageKind, ZoneFrames
from ..formats.tracetext import EVENTS, TraceFlags
from ..recorded.recording import Recording
from ..recorded.reported import bare_blocks
from ..recorded.zones import pages_of_ranges
from .reconstruct import Reconstruction

__all__ = ["EndReport", "Wrong", "compare_end", "reading_moments"]

_STEPS = 128  # moments at which the state is noted while the end is read
_NEAR = 1  # steps by which the moment of a page may be off
_PART = 1 << 13  # pages that are taken as read at one moment
_MOVES = [EVENTS[f"mm_page_{name}"] for name in ("alloc", "free", "alloc_zone_locked", "pcpu_drain", "alloc_extfrag")]
_RANGE = EVENTS["mm_compaction_isolate_freepages"]


@dataclass(frozen=True)
class Wrong:
    """Pages that the trace leaves in a state other than the recorded one.

    Parameters
    ----------
    cause : str
        What made the page what the reconstruction says it is.
    free : bool
        Whether the reconstruction says it is free.
    pages : int
    """

    cause: str
    free: bool
    pages: int


@dataclass(frozen=True)
class EndReport:
    """How far the reconstruction is from the recorded end.

    Parameters
    ----------
    nr_free, buddyinfo : mapping of str to tuple of int
        Free blocks per order of each zone as reconstructed and as /proc/buddyinfo had them, when the snapshot began.
    unfollowed : mapping of str to tuple of int
        Those of the start.
    changed : int
        Pages that are free at the end and were not at the start, or the other way. Without `moving`.
    wrong : int
        Pages of which the reconstruction says otherwise than the end snapshot. Without `moving`.
    moving : int
        Pages that events name while the end snapshot was read: which of their states was read is not certain.
    moving_changed, moving_wrong : int
        As `changed` and `wrong`, for those: compared with what each was when it was read, see `reading_moments`.
    moving_wrong_even : int
        The same if the snapshot was read at an even pace.
    reported : int
        Of the wrong pages those of whole free pageblocks that the snapshot shows without any flag. The kernel holds
        such blocks for a moment when it reports free pages to a hypervisor, without an event.
    causes : tuple of Wrong
        The wrong pages by what made them so, most first.
    nr_free_after, buddyinfo_after : mapping of str to tuple of int
        As `nr_free` and `buddyinfo`, when the pages had been read.
    """

    nr_free: Mapping[str, tuple[int, ...]]
    buddyinfo: Mapping[str, tuple[int, ...]]
    unfollowed: Mapping[str, tuple[int, ...]]
    changed: int
    wrong: int
    moving: int
    moving_changed: int = 0
    moving_wrong: int = 0
    moving_wrong_even: int = 0
    reported: int = 0
    causes: tuple[Wrong, ...] = ()
    nr_free_after: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    buddyinfo_after: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @cached_property
    def differences(self) -> dict[str, tuple[int, ...]]:
        """Free blocks per order, reconstructed less recorded, when the end snapshot began."""
        return _gaps(self.nr_free, self.buddyinfo)

    @property
    def all_changed(self) -> int:
        """`changed` and `moving_changed`: every page that the two snapshots show otherwise."""
        return self.changed + self.moving_changed

    @property
    def all_wrong(self) -> int:
        """`wrong` and `moving_wrong`: no page is left out."""
        return self.wrong + self.moving_wrong

    @property
    def error(self) -> int:
        """Sum of the absolute differences over zones and orders."""
        return _total(self.differences)

    @property
    def error_after(self) -> int:
        """The same when the pages of the end snapshot had been read."""
        return _total(_gaps(self.nr_free_after, self.buddyinfo_after))

    @property
    def error_unfollowed(self) -> int:
        """The same for the start: what doing nothing would give."""
        return _total(_gaps(self.unfollowed, self.buddyinfo))

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {
            "changed_pages": self.changed,
            "wrong_pages": self.wrong,
            "moving_pages": self.moving,
            "moving_changed_pages": self.moving_changed,
            "moving_wrong_pages": self.moving_wrong,
            "moving_wrong_pages_at_an_even_pace": self.moving_wrong_even,
            "all_changed_pages": self.all_changed,
            "all_wrong_pages": self.all_wrong,
            "reported_pages": self.reported,
            "wrong_by_cause": [vars(row) for row in self.causes],
            "buddyinfo_error": self.error,
            "buddyinfo_error_after": self.error_after,
            "buddyinfo_error_without_replay": self.error_unfollowed,
            "differences": {name: list(gap) for name, gap in self.differences.items()},
        }


def _gaps(ours: Mapping[str, tuple[int, ...]], theirs: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the differences per order of the zones that both have."""
    return {
        name: tuple(a - b for a, b in zip(counts, theirs[name], strict=True))
        for name, counts in ours.items()
        if name in theirs
    }


def _total(gaps: Mapping[str, tuple[int, ...]]) -> int:
    """Return the sum of absolute values."""
    return sum(abs(n) for gap in gaps.values() for n in gap)


def compare_end(memory: Reconstruction, recording: Recording) -> EndReport:
    """Follow the trace to the end snapshot, and compare.

    Parameters
    ----------
    memory : Reconstruction
        Not yet beyond the moment at which the end snapshot began.
    recording : Recording
        With an end.

    Raises
    ------
    MisuseError
        If there is no end snapshot, or it does not have the pages of the start.

    Notes
    -----
    Pages that events name while the end is read are counted apart (`EndReport.moving`), and compared with what they
    were when they were read. That moment is found with the snapshot's help: see `reading_moments`.
    """
    if recording.end is None:
        raise MisuseError("the recording has no snapshot of the end")
    for first, last in zip(recording.start.frames, recording.end.frames, strict=True):
        if first.start_pfn != last.start_pfn or len(first.kinds) != len(last.kinds):
            raise MisuseError(f"zone {first.name}: the two snapshots do not span the same pages")
    begin_ns, done_ns = recording.end_ns
    memory.follow(begin_ns)
    counts = {name: tuple(memory.nr_free(name).tolist()) for name in memory.names}
    zones = _watch(memory, recording, begin_ns, done_ns)
    causes = np.zeros((2, len(CAUSES)), np.int64)
    changed = wrong = reported = 0
    for zone in zones:
        ours, theirs = memory.free(zone.first.name), zone.last.kinds == PageKind.FREE
        still = np.ones(len(ours), bool)
        still[zone.pages] = False
        changed += int((((zone.first.kinds == PageKind.FREE) != theirs) & still).sum())
        bad = (ours != theirs) & still
        wrong += int(bad.sum())
        reported += _reported(zone.last, bad & ours)
        for free in (0, 1):
            causes[free] += np.bincount(memory.causes(zone.first.name)[bad & (ours == free)], minlength=len(CAUSES))
    fitted, even = _moving_wrong(zones)
    rows = [Wrong(CAUSES[k], bool(free), int(n)) for free, row in enumerate(causes) for k, n in enumerate(row) if n]
    return EndReport(
        nr_free=counts,
        buddyinfo=dict(recording.end.buddyinfo),
        unfollowed={zone.name: tuple(zone.nr_free.tolist()) for zone in recording.start.frames},
        changed=changed,
        wrong=wrong,
        moving=sum(len(zone.pages) for zone in zones),
        moving_changed=sum(int((zone.was_free != zone.is_free).sum()) for zone in zones),
        moving_wrong=fitted,
        moving_wrong_even=even,
        reported=reported,
        causes=tuple(sorted(rows, key=lambda row: -row.pages)),
        nr_free_after={name: tuple(memory.nr_free(name).tolist()) for name in memory.names},
        buddyinfo_after=dict(recording.end.buddyinfo_after),
    )


@dataclass(frozen=True, eq=False)
class _Watched:
    """The pages of a zone that move while the end is read, and what they were at every step, eight pages a byte."""

    first: ZoneFrames
    last: ZoneFrames
    pages: NDArray[np.int64]
    steps: list[NDArray[np.uint8]]

    @property
    def was_free(self) -> NDArray[np.bool_]:
        """Which of them were free at the start."""
        return np.asarray(self.first.kinds[self.pages] == PageKind.FREE)

    @property
    def is_free(self) -> NDArray[np.bool_]:
        """Which of them the end snapshot shows free."""
        return np.asarray(self.last.kinds[self.pages] == PageKind.FREE)

    def mismatches(self, step: int) -> NDArray[np.bool_]:
        """Which of them the end snapshot shows otherwise than they were at a step."""
        found = np.unpackbits(self.steps[step], count=len(self.pages)).astype(bool)
        return np.asarray(found != self.is_free)


def _watch(memory: Reconstruction, recording: Recording, begin_ns: int, done_ns: int) -> list[_Watched]:
    """Follow the trace over the reading of the end, and note the pages that move."""
    assert recording.end is not None
    pairs = list(zip(recording.start.frames, recording.end.frames, strict=True))
    times = recording.trace.events["time_ns"][memory.done :]
    events = recording.trace.events[memory.done :][times <= done_ns]
    zones = [_Watched(first, last, _named(events, last), []) for first, last in pairs]
    for moment in np.linspace(begin_ns, done_ns, _STEPS + 1).astype(np.int64).tolist():
        memory.follow(moment)
        for zone in zones:
            if len(zone.pages):
                zone.steps.append(np.packbits(memory.are_free(zone.first.name, zone.pages)))
    return zones


def _named(events: NDArray[np.void], zone: ZoneFrames) -> NDArray[np.int64]:
    """Return the pages of a zone that events name, counted from its first; ascending."""
    moves = np.isin(events["event"], _MOVES) & ((events["flags"] & TraceFlags.FAILED) == 0)
    moves |= (events["event"] == _RANGE) & (events["arg"] > 0)
    some = events[moves]
    orders = np.minimum(some["order"], 20).astype(np.int64)
    pages = np.where(some["event"] == _RANGE, some["span"], np.int64(1) << orders)
    starts = some["pfn"] - zone.start_pfn
    first, last = (np.clip(edge, 0, len(zone.kinds)) for edge in (starts, starts + pages))
    named = np.zeros(len(zone.kinds), bool)
    named[pages_of_ranges(first, last - first)] = True
    return np.flatnonzero(named)


def _moving_wrong(zones: list[_Watched]) -> tuple[int, int]:
    """Count the moving pages that are wrong: at the moments that fit best, and at those of an even pace."""
    total = sum(len(zone.last.kinds) for zone in zones)
    before = np.cumsum([0, *(len(zone.last.kinds) for zone in zones)])
    parts = [(zone.pages + before[k]) // _PART for k, zone in enumerate(zones)]
    count = -(-total // _PART)
    even = (np.arange(count) * _PART + _PART // 2) * _STEPS // total
    if not any(len(zone.pages) for zone in zones):
        return 0, 0
    costs = np.zeros((_STEPS + 1, count), np.int64)
    for zone, part in zip(zones, parts, strict=True):
        for step in range(len(zone.steps)):
            costs[step] += np.bincount(part[zone.mismatches(step)], minlength=count)
    fitted = reading_moments(costs, even)
    return _wrong_at(zones, parts, fitted), _wrong_at(zones, parts, even)


def reading_moments(costs: NDArray[np.int64], even: NDArray[np.int64]) -> NDArray[np.int64]:
    """When was each part of a snapshot read?

    Pages are read by ascending PFN. So the moments ascend; of all such sequences this is the one with which most pages
    agree, and of several the one nearest to an even pace.

    Parameters
    ----------
    costs : ndarray[int64], shape (steps, parts)
        Pages of each part that disagree with what the reconstruction says of a step.
    even : ndarray[int64], shape (parts,)
        Steps of an even pace.

    Returns
    -------
    ndarray[int64], shape (parts,)
        The step of each part.

    Notes
    -----
    O(steps * parts).

    Examples
    --------
    >>> costs = np.array([[0, 0, 5], [0, 3, 2], [4, 3, 0]])
    >>> reading_moments(costs, np.array([0, 1, 2])).tolist()
    [0, 0, 2]
    """
    steps, parts = costs.shape
    scale = steps * parts + 1
    weights = costs * scale + np.abs(np.arange(steps)[:, None] - even)
    best = np.zeros((parts, steps), np.int64)
    sums = np.zeros(steps, np.int64)
    for part in range(parts):
        sums = np.minimum.accumulate(sums) + weights[:, part]
        best[part] = sums
    moments = np.zeros(parts, np.int64)
    last = steps
    for part in range(parts - 1, -1, -1):
        last = int(np.argmin(best[part, :last]))
        moments[part] = last
        last += 1
    return moments


def _wrong_at(zones: list[_Watched], parts: list[NDArray[np.int64]], moments: NDArray[np.int64]) -> int:
    """Count the pages that agree with no state of theirs within a step of the moment of their part."""
    wrong = 0
    for zone, part in zip(zones, parts, strict=True):
        agree = np.zeros(len(zone.pages), bool)
        for step in range(len(zone.steps)):
            near = np.abs(moments[part] - step) <= _NEAR
            agree |= near & ~zone.mismatches(step)
        wrong += int((~agree).sum())
    return wrong


def _reported(zone: ZoneFrames, bad: NDArray[np.bool_]) -> int:
    """Count wrong pages in whole pageblocks of them that the snapshot shows without any flag."""
    return len(bare_blocks(zone, bad, zone.pageblock_order)) << zone.pageblock_order
