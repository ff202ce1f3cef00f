"""Pages as they were when the reading of the start snapshot began, of which some were read after they had changed.

It takes up to a second to read the flags of all pages, and the machine goes on meanwhile. A page whose first event lies
in that time was before it what the event says: free, on a list of a CPU, or in use.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..formats.kpageflags import PageKind
from ..formats.tracetext import EVENTS
from .recording import Recording
from .start import first_events
from .zones import pages_of

__all__ = ["as_it_began"]

_ALLOC, _FREE, _DRAIN, *_LEAVES_FREE_LISTS = (
    EVENTS[f"mm_page_{name}"] for name in ("alloc", "free", "pcpu_drain", "alloc_zone_locked", "alloc_extfrag")
)


def as_it_began(recording: Recording) -> Recording:
    """Return a recording whose start is that of one moment.

    Parameters
    ----------
    recording : Recording

    Notes
    -----
    Without the moments of the reading nothing is changed. Pages that nobody had initialised stay so, see `growth`.
    O(events log events + pages).
    """
    _, end = recording.start_ns
    first = first_events(recording, end).events
    if len(first) == 0:
        return recording
    frames = []
    for zone in recording.start.frames:
        last = first["pfn"] + (np.int64(1) << first["order"].astype(np.int64))
        mine = first[(first["pfn"] >= zone.start_pfn) & (last <= zone.end_pfn)]
        frames.append(replace(zone, kinds=_before(zone.kinds, mine, zone.start_pfn)))
    return replace(recording, start=replace(recording.start, frames=tuple(frames)))


def _before(read: NDArray[np.uint8], first: NDArray[np.void], start_pfn: int) -> NDArray[np.uint8]:
    """Return the kinds of pages before their first events, from those that were read."""
    pages = pages_of(first["pfn"] - start_pfn, first["order"])
    event, kinds = np.repeat(first["event"], np.int64(1) << first["order"].astype(np.int64)), read.copy()
    known = read[pages] != PageKind.HOLE
    was_read_free = read[pages] == PageKind.FREE
    kinds[pages[known & np.isin(event, _LEAVES_FREE_LISTS)]] = PageKind.FREE
    kinds[pages[known & ((event == _ALLOC) | (event == _DRAIN))]] = PageKind.KERNEL
    kinds[pages[was_read_free & (event == _FREE)]] = PageKind.KERNEL
    return kinds
