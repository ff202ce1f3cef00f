"""Memory that a kernel initialised while it was recorded: a section at a time, when a zone wanted more, with no event.

A page handed out of a section that had no flags at the start shows that all of it had been freed before.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..formats.kpageflags import SECTION_PAGES, PageKind
from ..formats.tracetext import EVENTS, TraceFlags
from .recording import Recording

__all__ = ["GrownBlocks", "grown_blocks", "with_sections"]

_OUT = [EVENTS[f"mm_page_{name}"] for name in ("alloc", "alloc_zone_locked", "alloc_extfrag")]


@dataclass(frozen=True, eq=False)
class GrownBlocks:
    """Blocks that came with their sections.

    Parameters
    ----------
    pfn : ndarray[int64]
    order : ndarray[uint8]
        The largest of the zone, or 0 where only part of such a block came.
    event : ndarray[int64]
        Number of the first event that hands out a page of the section.
    sections : int
    """

    pfn: NDArray[np.int64]
    order: NDArray[np.uint8]
    event: NDArray[np.int64]
    sections: int


def grown_blocks(recording: Recording, events: NDArray[np.void]) -> GrownBlocks:
    """Find the sections that were initialised.

    Parameters
    ----------
    recording : Recording
    events : ndarray[EVENT_DTYPE]
        Of the trace, from the start of the recording on.
    """
    out = np.flatnonzero(np.isin(events["event"], _OUT) & (events["pfn"] >= 0))
    out = out[(events["flags"][out] & int(TraceFlags.FAILED)) == 0]
    pfns, orders, numbers, sections = [], [], [], 0
    for zone in recording.start.frames:
        pages = events["pfn"][out] - zone.start_pfn
        inside = (pages >= 0) & (pages < len(zone.kinds))
        absent = out[inside][zone.kinds[pages[inside]] == PageKind.HOLE]
        found, first = np.unique(events["pfn"][absent] // SECTION_PAGES, return_index=True)
        sections += len(found)
        for section, number in zip(found.tolist(), absent[first].tolist(), strict=True):
            begin = max(section * SECTION_PAGES, zone.start_pfn)
            end = min((section + 1) * SECTION_PAGES, zone.end_pfn)
            holes = begin + np.flatnonzero(zone.kinds[begin - zone.start_pfn : end - zone.start_pfn] == PageKind.HOLE)
            heads, counts = np.unique(holes >> zone.max_page_order, return_counts=True)
            whole = counts == 1 << zone.max_page_order
            single = holes[~np.isin(holes >> zone.max_page_order, heads[whole])]
            pfns += [heads[whole] << zone.max_page_order, single]
            orders += [np.full(int(whole.sum()), zone.max_page_order), np.zeros(len(single))]
            numbers.append(np.full(int(whole.sum()) + len(single), number))
    if not sections:
        return GrownBlocks(np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.int64), 0)
    return GrownBlocks(
        np.concatenate(pfns).astype(np.int64),
        np.concatenate(orders).astype(np.uint8),
        np.concatenate(numbers).astype(np.int64),
        sections,
    )


def with_sections(recording: Recording, grown: GrownBlocks) -> Recording:
    """Return a recording whose zones have such blocks from the start, in use.

    Parameters
    ----------
    recording : Recording
    grown : GrownBlocks
    """
    if not grown.sections:
        return recording
    frames = []
    for zone in recording.start.frames:
        kinds = zone.kinds.copy()
        mine = (grown.pfn >= zone.start_pfn) & (grown.pfn < zone.end_pfn)
        for pfn, order in zip(grown.pfn[mine].tolist(), grown.order[mine].tolist(), strict=True):
            kinds[pfn - zone.start_pfn : pfn - zone.start_pfn + (1 << order)] = PageKind.RESERVED
        frames.append(replace(zone, kinds=kinds))
    return replace(recording, start=replace(recording.start, frames=tuple(frames)))
