"""What a traced machine asked its allocator for: requests with their lifetimes, without where they were served."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from .._trace import TRACED_DTYPE, TURN_DTYPE, match_requests
from ..errors import FormatError
from ..formats.tracefile import Trace
from ..formats.tracetext import EVENTS

__all__ = ["TRACED_DTYPE", "TURN_DTYPE", "MatchedRequests", "TracedFlags", "match_trace", "requests_of", "traced_span"]

_MAX_PAGES = 1 << 26  # 256 GiB: PFNs further apart are damage, or need the zones


class TracedFlags(IntFlag):
    """Bits of the field `flags` of a request.

    FAILED: got no page. PARTS: freed in parts; it lasts until the last one is free. HELD: in use before the trace
    began, its begin is that of the trace. OPEN: in use at the end of the trace.
    """

    FAILED = 1
    PARTS = 2
    HELD = 4
    OPEN = 8


@dataclass(frozen=True, eq=False)
class MatchedRequests:
    """Requests of a trace, and when they begin and end.

    Parameters
    ----------
    requests : ndarray[TRACED_DTYPE]
        See `requests_of`; those of before the trace (HELD) are among them.
    turns : ndarray[TURN_DTYPE]
        time_ns, request (index), kind (1 begins, 2 ends), in the order of the trace. HELD ones only end.
    waiting : list of ndarray[int64]
        By zone, PFNs of pages that the trace shows first when they leave a per-CPU list: they waited there.
    silent : int
        Frees of pages that some path without an event had allocated; they are left out.
    lost_frees : int
        Allocations of pages that were in use: the free before them is missing, and the request ends there.
    outside : int
        Events outside of every zone, or not aligned; they are left out.
    """

    requests: NDArray[np.void]
    turns: NDArray[np.void]
    waiting: list[NDArray[np.int64]]
    silent: int = 0
    lost_frees: int = 0
    outside: int = 0


def match_trace(
    trace: Trace, zones: Sequence[tuple[int, int]] | None = None, first_ns: int | None = None
) -> MatchedRequests:
    """Match every allocation of a trace with its free.

    Parameters
    ----------
    trace : Trace
    zones : sequence of (start_pfn, spanned_pages), optional
        Zones of the machine. Default: one from the lowest to the highest PFN of the trace.
    first_ns : int, optional
        Leave out what comes before the first event that is not earlier.

    Returns
    -------
    MatchedRequests

    Raises
    ------
    FormatError
        If no zones are given and the trace's PFNs are more than 2**26 apart.

    Notes
    -----
    O(pages of the events). Memory: 4 bytes a page of the zones, 56 bytes an event.
    """
    if zones is None:
        zones = [traced_span(trace)]
    first = 0 if first_ns is None else int(np.argmax(trace.events["time_ns"] >= first_ns))
    requests, turns, waiting, counts = match_requests(trace.events[first:], zones)
    return MatchedRequests(requests, turns, waiting, **counts)


def traced_span(trace: Trace) -> tuple[int, int]:
    """Return first PFN and length of what a trace allocates and frees.

    Raises
    ------
    FormatError
        If that is more than 2**26 pages: one of them is damaged, or the machine is large.
    """
    events = trace.events
    pages = (events["event"] == EVENTS["mm_page_alloc"]) | (events["event"] == EVENTS["mm_page_free"])
    pfns = events["pfn"][pages & (events["pfn"] >= 0)]
    if not len(pfns):
        return 0, 1
    low, high = int(pfns.min()), int(pfns.max()) + (1 << 14)
    if high - low > _MAX_PAGES:
        k = int(pages.nonzero()[0][int(np.argmax(events["pfn"][pages]))])
        raise FormatError(
            f"PFNs from {low} to {int(pfns.max())} (event {k + 1}) span {high - low} pages, at most {_MAX_PAGES} "
            "accepted without a snapshot or zones: is one of them damaged?"
        )
    return low, high - low


def requests_of(trace: Trace, zones: Sequence[tuple[int, int]] | None = None) -> NDArray[np.void]:
    """Return the requests that begin in a trace, with their lifetimes: load for another machine.

    Parameters
    ----------
    trace, zones
        As for `match_trace`.

    Returns
    -------
    ndarray[TRACED_DTYPE]
        In order of time: time_ns and lifetime_ns (int64; -1: longer than the trace), pfn (where it was served, -1 if
        not), gfp (in the bits of `GFP`, and some of newer kernels from bit 24 on), pid, cpu, order, migratetype (a
        `MigrateType`), flags (`TracedFlags`).

    Raises
    ------
    FormatError
        As `match_trace`.

    Examples
    --------
    >>> from buddycap.formats.tracetext import EVENT_DTYPE
    >>> events = np.zeros(3, EVENT_DTYPE)
    >>> events["event"] = EVENTS["mm_page_alloc"], EVENTS["mm_page_alloc"], EVENTS["mm_page_free"]
    >>> events["time_ns"], events["pfn"], events["order"] = [10, 20, 35], [8, 4, 8], [1, 0, 1]
    >>> requests_of(Trace(events))[["time_ns", "lifetime_ns", "pfn", "order"]].tolist()
    [(10, 25, 8, 1), (20, -1, 4, 0)]
    """
    requests = match_trace(trace, zones).requests
    begun: NDArray[np.void] = requests[(requests["flags"] & int(TracedFlags.HELD)) == 0]
    return begun
