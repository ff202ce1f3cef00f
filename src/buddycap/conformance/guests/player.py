"""Plays the requests of a guest and compares everything that the allocator makes of them.

What a trace does not say is taken as a hint, and counted by its kind. No hint comes from what is compared: a page goes
in bulk because it is freed later without ever having been allocated; drains of whole lists, and kswapd at work, are
told by how many pages were drained, not by which; a fallback tells whether the pageblock changed hands, which depends
on marks of pages that no trace shows, and only this one bit is taken from it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Protocol

from ...errors import MisuseError
from .allocator import AllocatorNode, AllocatorZone, blocks_of_pageblock, state_of
from .requests import PCP_ORDERS, Events, Kind, Request, Told, places
from .state import MAX_PAGE_ORDER, PAGEBLOCK_ORDER, GuestState, differences

__all__ = ["BlocksInUse", "Difference", "Player", "Tally"]

KSWAPD = 0x800  # the flag of an allocation that may wake kswapd
MOVABLE = 1
PAGEBLOCK_PAGES = 1 << PAGEBLOCK_ORDER
PAGE_KB = 4
RECLAIM_BATCHES = 4
BUFFER_ZONES = (0, 1, 2)  # DMA, DMA32, Normal
KHUGEPAGED_PAGEBLOCKS = 11  # of each zone: two, and one for each pair of the three types of per-CPU lists

EVENTS_OF = {Kind.ALLOC: 1, Kind.FREE: 1, Kind.BATCHED: 2}  # a batched free is told twice

BULK, DRAINED, RECLAIM = "pages taken in bulk", "drains of whole lists", "kswapd begins or ends (RECLAIM)"
LOCKED, RAISED, OWNER = "locked lists", "raised marks", "changes of ownership"


@dataclass(frozen=True)
class Difference:
    """Something that came out otherwise than recorded.

    Parameters
    ----------
    event : int
        Number of the request's event in the trace, from 0; the number of events for what differs at the end.
    what : str
    expected, found : object
        As recorded, and as played.
    """

    event: int
    what: str
    expected: object
    found: object

    def __str__(self) -> str:
        return f"event {self.event}: {self.what}: expected {self.expected}, found {self.found}"


@dataclass
class Tally:
    """What playing has shown.

    Parameters
    ----------
    events : int
        Events compared: requests, and what the allocator told.
    differences : list of Difference
    hints : Counter of str
        By kind.
    compared : Counter of str
        Comparisons by kind, of a guest of which only the free pages were recorded.
    """

    events: int = 0
    differences: list[Difference] = field(default_factory=list)
    hints: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)


class _Splits(Protocol):
    """Where blocks in use are split and joined: a zone, or a node."""

    def split_page(self, pfn: int, order: int) -> None: ...
    def join_pages(self, pfn: int, order: int) -> None: ...


class BlocksInUse:
    """Blocks in use of more than one page, as they were allocated."""

    def __init__(self) -> None:
        self._order: dict[int, int] = {}

    def note(self, pfn: int, order: int) -> None:
        """Remember a block that was allocated."""
        if order:
            self._order[pfn] = order

    def claim(self, owner: _Splits, pfn: int, order: int) -> None:
        """Make what is freed one block, of pages that may have been others."""
        if self._order.get(pfn, 0) == order:
            self._order.pop(pfn, None)
            return
        for larger in range(order, MAX_PAGE_ORDER + 1):
            first = pfn >> larger << larger
            if self._order.get(first, 0) >= max(larger, 1):
                owner.split_page(first, self._order.pop(first))
                break
        if order:
            for first in range(pfn, pfn + (1 << order), 2):
                if first in self._order:
                    owner.split_page(first, self._order.pop(first))
            owner.join_pages(pfn, order)


class Player:
    """A node in a guest's first state, and what is known about the future of its pages.

    Parameters
    ----------
    node : AllocatorNode
    events : Events
    start, end : GuestState
        The states before and after.
    """

    def __init__(self, node: AllocatorNode, events: Events, start: GuestState, end: GuestState) -> None:
        self.node, self.events, self.end = node, events, end
        self.tally = Tally()
        self._blocks = BlocksInUse()
        self._at_the_end: dict[int, str] | None = None
        self._raise = [zone.wmark for zone in start.zones] != [zone.wmark for zone in end.zones]

    # One request

    def serve(self, request: Request) -> None:
        """Play a request and compare."""
        self.tally.events += len(request.told) + EVENTS_OF.get(request.kind, 0)
        self.node.cpu = request.cpu
        zone = self._zone_of(request.pfn)
        if zone is None:
            self._differs(request, "page", "in a zone", request.pfn)
            return
        try:
            with self._locked(request):
                told = self._play(request, zone)
        except MisuseError as error:
            told = [event for event in self.node.take_events() if event[0] in ("zl", "xf", "dr")]
            self._differs(request, "request", "possible", error)
        self._compare(request, told)

    def finish(self, event: int) -> None:
        """Compare every list, mark and counter with the last state."""
        for what, expected, found in differences(self.end, state_of(self.node, self.end)):
            self.tally.differences.append(Difference(event, what, expected, found))

    def _play(self, request: Request, zone: AllocatorZone) -> list[Told]:
        if request.kind == Kind.ALLOC:
            return self._alloc(request, zone)
        if request.kind == Kind.BULK:
            return self._bulk(request, zone)
        if request.kind == Kind.DRAIN:
            self._drain_whole_lists(request, request.told)
            return self._told()
        return self._free(request, zone)

    def _compare(self, request: Request, told: list[Told]) -> None:
        for expected, found in zip_longest(request.told, told):
            if expected != found:
                self._differs(request, "told", expected, found)

    def _differs(self, request: Request, what: str, expected: object, found: object) -> None:
        what = f"{what} ({request.kind.name.lower()} of order {request.order} on cpu {request.cpu})"
        self.tally.differences.append(Difference(request.at, what, expected, found))

    def _told(self) -> list[Told]:
        """What the allocator has told, without what it was asked."""
        return [tuple(event) for event in self.node.take_events() if event[0] in ("zl", "xf", "dr")]

    def _zone_of(self, pfn: int) -> AllocatorZone | None:
        for zone in self.node.zones:
            if zone.start_pfn <= pfn < zone.start_pfn + zone.spanned_pages:
                return zone
        return None

    @contextmanager
    def _locked(self, request: Request) -> Iterator[None]:
        """A request that interrupted who held the lock of the zone's per-CPU list finds it taken."""
        zone = self._zone_of(request.lock_holder)
        if zone is None:
            yield
            return
        self.tally.hints[LOCKED] += 1
        zone.lock_pcp(request.cpu, True)
        try:
            yield
        finally:
            zone.lock_pcp(request.cpu, False)

    # Allocation

    def _alloc(self, request: Request, zone: AllocatorZone) -> list[Told]:
        if self._raise and request.order == PAGEBLOCK_ORDER:
            self._raise_marks()
        owners = [bool(event[-1]) for event in request.told if _leaves_owner_open(event)]
        told: list[Told] = []
        while True:
            pfn = self._take(request, zone, request.order, owners, told)
            if pfn is None or pfn == request.pfn or request.order or not self._goes_silently(pfn, request.at):
                break
            self.tally.hints[BULK] += 1
        if pfn != request.pfn:
            self._differs(request, "pfn", request.pfn, pfn)
        if pfn is not None:
            self._blocks.note(pfn, request.order)
        return told

    def _take(
        self, request: Request, zone: AllocatorZone, order: int, owners: list[bool], told: list[Told]
    ) -> int | None:
        """Take a block. If it goes in bulk, the free factor is left as it is: a bulk allocation does not lower it."""
        if owners:
            self._prepare_owners(zone, order, request.migratetype, owners)
        factor = zone.pcp(request.cpu)["free_factor"]
        pfn = zone.rmqueue_zone(order, request.migratetype, KSWAPD)
        new = self._told()
        told += new
        used = owners[: sum(_leaves_owner_open(event) for event in new)]
        if used:
            self.tally.hints[OWNER] += len(used)
            del owners[: len(used)]
        if pfn is not None and pfn != request.pfn and order == 0 and self._goes_silently(pfn, request.at):
            zone.set_pcp(request.cpu, free_factor=factor)
        return pfn

    def _goes_silently(self, pfn: int, at: int) -> bool:
        """Whether what is heard of a page before and after an event shows that it was taken without one."""
        silently = self.events.goes_silently(pfn, at)
        if silently is not None:
            return silently
        if self._at_the_end is None:
            self._at_the_end = places(self.end)
        return pfn not in self._at_the_end

    def _bulk(self, request: Request, zone: AllocatorZone) -> list[Told]:
        """Pages went in bulk: those on the list, and of those that came to it then the ones that go silently."""
        told: list[Told] = []
        if request.order:
            return told
        owners = [bool(event[-1]) for event in request.told if _leaves_owner_open(event)]
        while True:
            pages = zone.pcp_blocks(request.cpu, request.migratetype)
            if len(pages) == 0 and len(told) >= len(request.told):
                break
            if len(pages) and not self._goes_silently(int(pages[0][0]), request.at):
                break
            if self._take(request, zone, 0, owners, told) is None:
                break
            self.tally.hints[BULK] += 1
        return told

    def _prepare_owners(self, zone: AllocatorZone, order: int, migratetype: int, owners: list[bool]) -> None:
        """Mark pages so that each fallback of the next allocation ends as it did.

        A pageblock changes hands if enough of its pages in use are of the kind that asks. The places come from a trial
        on a copy, one fallback after the other.
        """
        for number in range(len(owners)):
            trial = zone.copy()
            trial.take_events()
            trial.rmqueue_zone(order, migratetype, KSWAPD)
            fallbacks = [event for event in trial.take_events() if _leaves_owner_open(event)]
            if number >= len(fallbacks):
                return
            pfn, owned = int(fallbacks[number][1]), bool(fallbacks[number][-1])
            if owned != owners[number]:
                self._mark_pageblock(zone, pfn, owners[number] == (migratetype == MOVABLE))

    def _mark_pageblock(self, zone: AllocatorZone, pfn: int, lru: bool) -> None:
        """Mark all pages in use of a pageblock as movable ones, or none."""
        first = max(pfn >> PAGEBLOCK_ORDER << PAGEBLOCK_ORDER, zone.start_pfn)
        stop = min((pfn | (PAGEBLOCK_PAGES - 1)) + 1, zone.start_pfn + zone.spanned_pages)
        idle = set().union(*blocks_of_pageblock(zone, pfn, self.end.cpus))
        for page in range(first, stop):
            if page not in idle:
                zone.set_lru(page, 1, lru)

    def _raise_marks(self) -> None:
        """khugepaged has raised the marks, as the last state shows."""
        self._raise = False
        self.tally.hints[RAISED] += 1
        zones = [zone for zone in self.node.zones if zone.zone_idx in BUFFER_ZONES and zone.managed_pages]
        above = sum(max(0, zone.managed_pages - int(zone.wmark[2])) for zone in zones)
        wanted = PAGEBLOCK_PAGES * KHUGEPAGED_PAGEBLOCKS * len(zones)
        self.node.set_min_free_kbytes(min(wanted, above // 20) * PAGE_KB)

    # Free

    def _free(self, request: Request, zone: AllocatorZone) -> list[Told]:
        self._blocks.claim(self.node, request.pfn, request.order)
        through_lists = request.order in PCP_ORDERS and request.lock_holder < 0
        if through_lists:
            self._follow_kswapd(request, zone)
        if request.kind == Kind.BATCHED:
            self.node.free_list([request.pfn])
        else:
            self.node.free_pages(request.pfn, request.order)
        told = self._told()
        if len(told) < len(request.told):
            self._drain_whole_lists(request, request.told[len(told) :])
            told += self._told()
        return told

    def _follow_kswapd(self, request: Request, zone: AllocatorZone) -> None:
        """Note kswapd's beginning or end, if as many pages are drained as with it, or without it, and not as expected.

        Whole lists are drained by others.
        """
        sizes = [1 << int(str(event[2])) for event in request.told]
        pcp = zone.pcp(request.cpu)
        now = zone.reclaim_active
        as_is, otherwise = (pages_to_drain(pcp, request.order, reclaim) for reclaim in (now, not now))
        if not _stops_at(sizes, as_is) and _stops_at(sizes, otherwise):
            zone.reclaim_active = not now
            self.tally.hints[RECLAIM] += 1

    def _drain_whole_lists(self, request: Request, told: list[Told]) -> None:
        """Drain the lists that hold as many pages as were drained: of this CPU or all, in one zone or all."""
        self.tally.hints[DRAINED] += 1
        drained = sum(1 << int(str(event[2])) for event in told)
        zones, cpus = list(self.node.zones), list(range(self.end.cpus))
        others = [cpu for cpu in cpus if cpu != request.cpu]
        choices = [([request.cpu], zones), (cpus, zones)]
        choices += [([request.cpu], [zone]) for zone in zones] + [(cpus, [zone]) for zone in zones]
        choices += [([cpu], zones) for cpu in others] + [([cpu], [zone]) for cpu in others for zone in zones]
        for chosen, among in choices:
            if sum(zone.pcp(cpu)["count"] for cpu in chosen for zone in among) == drained:
                break
        else:
            chosen, among = choices[0]
        for cpu in chosen:
            for zone in among:
                zone.drain_pages(cpu)


def pages_to_drain(pcp: Mapping[str, int], order: int, reclaim: bool) -> int:
    """Return how many pages a free of a block to a per-CPU list gives back, as Linux 6.1 decides it.

    Parameters
    ----------
    pcp : mapping
        `count`, `high`, `batch` and `free_factor` before.
    order : int
    reclaim : bool
        kswapd is at work in the zone.

    Examples
    --------
    >>> pcp = {"count": 59, "high": 300, "batch": 15, "free_factor": 1}
    >>> [pages_to_drain(pcp, order, reclaim) for order, reclaim in ((0, False), (0, True), (2, False))]
    [0, 30, 63]
    """
    count = pcp["count"] + (1 << order)
    if pcp["free_factor"] and 1 <= order <= 3:
        return count
    high = min(RECLAIM_BATCHES * pcp["batch"], pcp["high"]) if reclaim else pcp["high"]
    if count < high:
        return 0
    if high < pcp["batch"]:
        return 1
    return min(max(pcp["batch"] << pcp["free_factor"], pcp["batch"]), high - pcp["batch"], count)


def _stops_at(sizes: list[int], pages: int) -> bool:
    """Whether blocks of these sizes are what is drained to give back a number of pages."""
    return sum(sizes[:-1]) < pages <= sum(sizes) if sizes else pages == 0


def _leaves_owner_open(event: Told) -> bool:
    """Whether it is a fallback below a pageblock's order: who owns the pageblock then depends on its pages."""
    return event[0] == "xf" and int(str(event[3])) < PAGEBLOCK_ORDER
