"""What a recorded trace asks of the allocator, in the order in which it was served.

A request is one of three events: `mm_page_alloc`, `mm_page_free`, `mm_page_free_batched`. Those that the allocator
tells while it serves one (`zl` zone_locked, `xf` extfrag, `dr` drain) are not followed but compared. Which request they
belong to follows from the CPU, the task and the context: those of an allocation come before its event, those of a free
after it. What belongs to no request is one by itself: pages taken in bulk, and drained lists.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ...formats.tracefile import Trace
from ...formats.tracetext import EVENTS, TraceFlags
from .state import PAGEBLOCK_ORDER, GuestState

__all__ = ["Events", "Kind", "Request", "played_part", "requests"]

PCP_ORDERS = (0, 1, 2, 3, PAGEBLOCK_ORDER)

ALLOC = EVENTS["mm_page_alloc"]
FREE = EVENTS["mm_page_free"]
BATCHED = EVENTS["mm_page_free_batched"]
ZONE_LOCKED = EVENTS["mm_page_alloc_zone_locked"]
DRAIN = EVENTS["mm_page_pcpu_drain"]
EXTFRAG = EVENTS["mm_page_alloc_extfrag"]
COMPACTION_BEGIN = EVENTS["mm_compaction_begin"]
MARK = EVENTS["tracing_mark_write"]
OF_PAGES = (ALLOC, FREE, BATCHED, ZONE_LOCKED, DRAIN, EXTFRAG)

_HOLD_LOCK = ((BATCHED, DRAIN), (ZONE_LOCKED, EXTFRAG))  # of frees, and of allocations
_LOCK_DEPTH = 2  # the preempt depth of who holds the lock of a per-CPU list and, to tell of it, that of the zone
_INTERRUPT = int(TraceFlags.SOFTIRQ | TraceFlags.HARDIRQ)
_DEPTH = 0x0F
# Readers of traces translate types to the numbers of 2.6.27; these are those of 6.1.
_TYPES = (0, 2, 1, 3, 4)

Told = tuple[object, ...]


class Kind(IntEnum):
    """What a request is; BULK and DRAIN have no event of their own."""

    ALLOC = 1
    FREE = 2
    BATCHED = 3
    BULK = 4
    DRAIN = 5


@dataclass(slots=True)
class Request:
    """One request.

    Parameters
    ----------
    kind : Kind
    at : int
        Number of its event; of the last one told, if it has none.
    cpu, pfn, order, migratetype : int
        As the event says; without one, those of the first one told.
    served : int
        Number of the event at which it is served.
    told : list of tuple
        What the allocator told on the way, as its own events are.
    lock_holder : int
        A page of the zone whose per-CPU list was in use by the task that this request interrupted, or -1.
    """

    kind: Kind
    at: int
    cpu: int
    pfn: int
    order: int
    migratetype: int
    served: int
    told: list[Told] = field(default_factory=list)
    lock_holder: int = -1


class Events:
    """The events of a trace as lists, and what happens to a page next.

    Parameters
    ----------
    trace : Trace
    """

    def __init__(self, trace: Trace) -> None:
        events = trace.events
        self.event: list[int] = events["event"].tolist()
        self.pfn: list[int] = events["pfn"].tolist()
        self.order: list[int] = events["order"].tolist()
        self.cpu: list[int] = events["cpu"].tolist()
        self.pid: list[int] = events["pid"].tolist()
        self.flags: list[int] = events["flags"].tolist()
        self._type: list[int] = events["migratetype"].tolist()
        self._arg: list[int] = events["arg"].tolist()
        self._of_page: dict[int, list[int]] = {}
        for number in np.flatnonzero(np.isin(events["event"], OF_PAGES) & (events["pfn"] >= 0)).tolist():
            self._of_page.setdefault(self.pfn[number], []).append(number)
        texts = [text for _, text in trace.marks]
        self.marks = dict(zip(texts, np.flatnonzero(events["event"] == MARK).tolist(), strict=False))

    def __len__(self) -> int:
        return len(self.event)

    def next_of_page(self, pfn: int, after: int) -> int | None:
        """Return the number of the next event of a page after a given one."""
        numbers = self._of_page.get(pfn, [])
        at = bisect_right(numbers, after)
        return numbers[at] if at < len(numbers) else None

    def last_of_page(self, pfn: int, before: int) -> int | None:
        """Return the number of the last event of a page before a given one."""
        numbers = self._of_page.get(pfn, [])
        at = bisect_left(numbers, before)
        return numbers[at - 1] if at else None

    def is_allocated(self, pfn: int, at: int) -> bool:
        """Whether the last that was heard of a page, up to an event, is that it was allocated."""
        earlier = self.last_of_page(pfn, at + 1)
        return earlier is not None and self.event[earlier] == ALLOC

    def goes_silently(self, pfn: int, at: int) -> bool | None:
        """Whether what is heard of a page before and after an event shows that it was taken without one.

        None: nothing is heard of it after, so the last state decides.
        """
        if self.is_allocated(pfn, at):
            return False
        later = self.next_of_page(pfn, at)
        return None if later is None else self.is_request_to_free(later)

    def migratetype(self, number: int) -> int:
        """Return the type that an event names, with the number it has in 6.1."""
        kind = self._type[number]
        return _TYPES[kind] if kind < len(_TYPES) else kind

    def told(self, number: int) -> Told:
        """Return an event that the allocator tells, in the form of its own."""
        event, pfn, order, kind = self.event[number], self.pfn[number], self.order[number], self.migratetype(number)
        if event == ZONE_LOCKED:
            return ("zl", pfn, order, kind, int(bool(self.flags[number] & TraceFlags.REFILL)))
        if event == DRAIN:
            return ("dr", pfn, order, kind)
        arg = self._arg[number]
        other = _TYPES[min(arg >> 8 & 0xFF, 4)]
        return ("xf", pfn, order, arg & 0xFF, kind, other, int(bool(self.flags[number] & TraceFlags.OWNERSHIP)))

    def is_request_to_free(self, number: int) -> bool:
        """Whether an event is a free of either kind."""
        return self.event[number] in (FREE, BATCHED)

    def is_batched_free(self, number: int) -> bool:
        """Whether the page of a free reaches the lists by a later event."""
        later = self.next_of_page(self.pfn[number], number)
        return later is not None and self.event[later] == BATCHED


# Which part of a trace lies between the two states


_PLACES = {"free": 0, "pcp": 1, "used": 2}
_BEFORE = {ALLOC: ("free", "pcp"), FREE: ("used",), BATCHED: ("used",), DRAIN: ("pcp",), ZONE_LOCKED: ("free",)}
_AFTER = {ALLOC: ("used",), FREE: ("free", "pcp"), BATCHED: ("free", "pcp"), DRAIN: ("free",)}
_AFTER[ZONE_LOCKED] = ("pcp", "used")


def played_part(events: Events, start: GuestState, end: GuestState) -> tuple[int, int]:
    """Return the numbers of the first event after the first state, and of the first one after the second.

    Parameters
    ----------
    events : Events
    start, end : GuestState
        The machine was stopped between the marks `snapshot start begin` and `snapshot start end`, and likewise at the
        end. Where exactly, the pages tell that events in between touch. Without marks all events are played.

    Returns
    -------
    first, stop : int
    """
    bounds = []
    for name, state in (("start", start), ("end", end)):
        begin = events.marks.get(f"buddycap: snapshot {name} begin")
        stop = events.marks.get(f"buddycap: snapshot {name} end")
        if begin is None or stop is None:
            bounds.append(0 if name == "start" else len(events))
        else:
            bounds.append(_stopped_at(events, begin, stop, state))
    return bounds[0], bounds[1]


def places(state: GuestState) -> dict[int, str]:
    """Return where the pages are that are not in use: "free", or "pcp"."""
    found: dict[int, str] = {}
    for zone in state.zones:
        for pfn, order, _ in zone.free_blocks():
            found.update(dict.fromkeys(range(pfn, pfn + (1 << order)), "free"))
        for pfn, order in zone.pcp_blocks():
            found.update(dict.fromkeys(range(pfn, pfn + (1 << order)), "pcp"))
    return found


def _stopped_at(events: Events, begin: int, stop: int, state: GuestState) -> int:
    """Return the last place between two events at which the fewest pages are elsewhere than they should be."""
    where = places(state)
    window = [k for k in range(begin, stop) if events.event[k] in _BEFORE]
    wrong = np.zeros(stop - begin + 2, np.int64)

    def expect(first: int, last: int, pfn: int, allowed: tuple[str, ...]) -> None:
        """Between these two places the page must be at one of the allowed ones."""
        if where.get(pfn, "used") not in allowed:
            wrong[first - begin] += 1
            wrong[last - begin + 1] -= 1

    for k in window:
        pfn, event = events.pfn[k], events.event[k]
        earlier, later = events.last_of_page(pfn, k), events.next_of_page(pfn, k)
        if earlier is None or earlier < begin:
            expect(begin, k, pfn, _BEFORE[event])
        after = ("used",) if event == FREE and events.is_batched_free(k) else _AFTER[event]
        expect(k + 1, stop if later is None else min(later, stop), pfn, after)
    total = np.cumsum(wrong)[: stop - begin + 1]
    best: NDArray[np.int64] = np.flatnonzero(total == total.min())
    return begin + int(best[-1])


# The requests


class _Sorter:
    """Gives what is told to the requests. `key` names a strand: a task on a CPU, or what interrupted it."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.found: list[Request] = []
        self.taken: dict[tuple[int, int, int], list[int]] = {}
        self.last: dict[tuple[int, int, int], Request | None] = {}

    def take(self, number: int) -> None:
        """Sort in one event."""
        events = self.events
        event = events.event[number]
        key = (events.cpu[number], events.pid[number], events.flags[number] & _INTERRUPT)
        if event in (ZONE_LOCKED, EXTFRAG):
            self.taken.setdefault(key, []).append(number)
            self.last[key] = None
        elif event == ALLOC:
            self.alloc(key, number)
        elif event == DRAIN:
            self.drain(key, number)
        elif event == BATCHED or (event == FREE and not events.is_batched_free(number)):
            self.bulk(self.taken.pop(key, []))
            kind = Kind.BATCHED if event == BATCHED else Kind.FREE
            self.last[key] = self.request(kind, number, number)
        elif event == FREE:
            self.bulk(self.taken.pop(key, []))
            self.last[key] = None

    def request(self, kind: Kind, number: int, served: int, told: tuple[int, ...] = ()) -> Request:
        """Note a request; the number is of an event that says what it wants."""
        events = self.events
        at = number if kind in (Kind.ALLOC, Kind.FREE, Kind.BATCHED) else told[-1]
        found = Request(
            kind,
            at,
            events.cpu[number],
            events.pfn[number],
            events.order[number],
            events.migratetype(number),
            served,
            [events.told(k) for k in told],
        )
        self.found.append(found)
        return found

    def alloc(self, key: tuple[int, int, int], number: int) -> None:
        """Note an allocation. What was taken before from other lists than its own went in bulk."""
        events = self.events
        taken = self.taken.pop(key, [])
        self.last[key] = None
        wanted = (events.order[number], events.migratetype(number))
        own = len(taken)
        while own and (events.order[taken[own - 1]], events.migratetype(taken[own - 1])) == wanted:
            own -= 1
        self.bulk(taken[:own])
        if not events.flags[number] & TraceFlags.FAILED and events.pfn[number] >= 0:
            told = tuple(taken[own:])
            self.request(Kind.ALLOC, number, told[0] if told else number, told)

    def bulk(self, taken: list[int]) -> None:
        """Note pages that were taken with no event of an allocation, list by list."""
        events = self.events
        for _, numbers in groupby(taken, lambda k: (events.order[k], events.migratetype(k))):
            told = tuple(numbers)
            self.request(Kind.BULK, told[0], told[0], told)

    def drain(self, key: tuple[int, int, int], number: int) -> None:
        """Give a drained block to the free before it, or to a drain of whole lists."""
        request = self.last.get(key)
        if request is None:
            self.bulk(self.taken.pop(key, []))
            self.last[key] = self.request(Kind.DRAIN, number, number, (number,))
            return
        if not request.told and request.order in PCP_ORDERS:
            request.served = number
        request.told.append(self.events.told(number))
        if request.kind == Kind.DRAIN:
            request.at = number


def requests(events: Events, first: int, stop: int) -> list[Request]:
    """Return the requests of a part of a trace in the order in which they were served.

    Parameters
    ----------
    events : Events
    first, stop : int
        See `played_part`.

    Returns
    -------
    list of Request

    Notes
    -----
    O(events log events).
    """
    sorter = _Sorter(events)
    for number in range(first, stop):
        sorter.take(number)
    for taken in sorter.taken.values():
        sorter.bulk(taken)
    _find_lock_holders(events, first, stop, sorter.found)
    return sorted(sorter.found, key=lambda request: request.served)


def _find_lock_holders(events: Events, first: int, stop: int, found: list[Request]) -> None:
    """Mark the requests of interrupts that came while the task held the lock of its per-CPU list."""
    of_task: dict[int, list[int]] = {}
    for number in _task_events(events, first, stop):
        of_task.setdefault(events.cpu[number], []).append(number)
    for request in found:
        if not events.flags[request.at] & _INTERRUPT:
            continue
        numbers = of_task.get(request.cpu, [])
        at = bisect_left(numbers, request.at)
        around = numbers[at - 1 : at + 1] if at else []
        if len(around) == 2 and _one_holder(events, request.at, *around):
            request.lock_holder = events.pfn[around[0]]


def _task_events(events: Events, first: int, stop: int) -> Iterator[int]:
    """Go through the events that no interrupt caused."""
    return (k for k in range(first, stop) if not events.flags[k] & _INTERRUPT)


def _one_holder(events: Events, interrupt: int, before: int, after: int) -> bool:
    """Whether two events of the interrupted task tell that it held the lock all the while."""
    around = (before, after)
    same_task = all(events.pid[number] == events.pid[interrupt] for number in around)
    deep = all(events.flags[number] & _DEPTH >= _LOCK_DEPTH for number in around)
    return same_task and deep and any(all(events.event[number] in one for number in around) for one in _HOLD_LOCK)
