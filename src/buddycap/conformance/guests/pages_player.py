"""Plays the requests of a guest of Linux 6.12 of which only the free pages were recorded: see `pages.py`.

An event from which the first state was learned is no prediction: it counts as a hint, and everything else is compared.
What else is taken from the trace is a hint, too: that a page went in bulk, that a limit had sunk unseen before a drain
began, and how many pages a pass of decay has drained.
"""

from dataclasses import replace
from itertools import zip_longest

from ..._core import Zone
from ...errors import MisuseError
from .pages import Learned, PagesGuest, boot_pages, learn
from .player import KSWAPD, BlocksInUse, Difference, Tally
from .requests import DRAIN, PCP_ORDERS, Events, Kind, Request, Told, requests

__all__ = ["PagesPlayer"]

WHAT = {"zl": "pages that left the free lists", "xf": "fallbacks", "dr": "drained blocks"}
LEARNED, BULK, LOCKED = "events that the first state was learned from", "pages taken in bulk", "locked lists"
LOWER, HIGHER = "limits that were lower", "limits that were higher"
DRAINED, DECAYED = "drains of whole lists", "passes of decay, with their size"

_DEPTH = 0x0F  # the bits of an event's flags that hold the preempt depth
_DECAY_DEPTH = 2  # a free holds one lock more: it also pins its task to the CPU


class PagesPlayer:
    """The zone of a guest, and what is known of the future of its pages.

    Parameters
    ----------
    guest : PagesGuest
    """

    def __init__(self, guest: PagesGuest) -> None:
        found = learn(guest.events)
        self.guest, self.events = guest, guest.events
        self.zone: Zone = boot_pages(guest, found)
        self.tally = Tally()
        self._blocks = BlocksInUse()
        self._pages_told = _first_pages(self.zone, found)
        self._types_told = set(found.block_type)

    def play(self) -> None:
        """Play all requests and compare."""
        for request in _stream(self.events, self.guest.stop):
            if self.guest.frames.start_pfn <= request.pfn < self.guest.frames.end_pfn:
                self._serve(request)

    def _serve(self, request: Request) -> None:
        self.zone.cpu = request.cpu
        try:
            told = self._play(request)
        except MisuseError as error:
            self._compare(request.at, "requests possible", "yes", str(error))
            told = self._told()
        if request.told or told:
            drains = any(event[0] == "dr" for event in (*request.told, *told))
            if request.kind != Kind.DRAIN:
                size = "sizes of drains" if drains else "sizes of refills"
                self._compare(request.at, size, len(request.told), len(told))
        for expected, found in zip_longest(request.told, told):
            kind, pfn = (expected or found)[:2]
            self._compare_page(request.at, WHAT[str(kind)], int(str(pfn)), expected, found)

    def _play(self, request: Request) -> list[Told]:
        if request.kind == Kind.ALLOC:
            return self._alloc(request)
        if request.kind == Kind.BULK:
            return self._bulk(request)
        if request.kind == Kind.DRAIN:
            return self._drain(request)
        return self._free(request)

    def _told(self) -> list[Told]:
        """What the zone has told, without what it was asked."""
        return [
            (event[0], *(int(value) for value in event[1:])) for event in self.zone.take_events() if event[0] in WHAT
        ]

    def _compare(self, at: int, what: str, expected: object, found: object) -> None:
        """Count a comparison."""
        self.tally.compared[what] += 1
        self.tally.events += 1
        if expected != found:
            self.tally.differences.append(Difference(at, what, expected, found))

    def _compare_page(self, at: int, what: str, pfn: int, expected: object, found: object) -> None:
        """Count a comparison, unless the state before was learned from this very event."""
        known = pfn in self._pages_told or pfn >> 9 in self._types_told
        self._pages_told.discard(pfn)
        self._types_told.discard(pfn >> 9)
        if known and expected == found:
            self.tally.hints[LEARNED] += 1
        else:
            self._compare(at, what, expected, found)

    # Allocations

    def _take(self, request: Request) -> int | None:
        """Take a page in bulk, which does not count as an allocation of its CPU."""
        before = self.zone.pcp(request.cpu)["free_count"]
        pfn = self.zone.rmqueue_zone(0, request.migratetype, KSWAPD)
        self.zone.set_pcp(request.cpu, free_count=before)
        return pfn

    def _alloc(self, request: Request) -> list[Told]:
        told: list[Told] = []
        while True:
            before = self.zone.pcp(request.cpu)["free_count"]
            pfn = self.zone.rmqueue_zone(request.order, request.migratetype, KSWAPD)
            told += self._told()
            if pfn is None or pfn == request.pfn or request.order or not self._goes_silently(pfn, request.at):
                break
            self.tally.hints[BULK] += 1
            self.zone.set_pcp(request.cpu, free_count=before)
        self._compare_page(request.at, "pages of allocations", request.pfn, request.pfn, pfn)
        self._blocks.note(request.pfn, request.order)
        return told

    def _goes_silently(self, pfn: int, at: int) -> bool:
        """Whether what is heard of a page before and after an event shows that it was taken without one."""
        silently = self.events.goes_silently(pfn, at)
        return pfn not in self.guest.free_at_end if silently is None else silently

    def _bulk(self, request: Request) -> list[Told]:
        """Pages went in bulk: those on the list, and of those that came to it then the ones that go silently."""
        told: list[Told] = []
        while request.order == 0:
            pages = self.zone.pcp_blocks(request.cpu, request.migratetype)
            if len(pages) == 0 and len(told) >= len(request.told):
                break
            if len(pages) and not self._goes_silently(int(pages[0][0]), request.at):
                break
            if self._take(request) is None:
                break
            told += self._told()
            self.tally.hints[BULK] += 1
        return told

    # Frees

    def _follow_limit(self, request: Request) -> None:
        """Passes of decay lower the limit of a CPU's lists unseen: whether it was reached tells where it is."""
        pcp = self.zone.pcp(request.cpu)
        count = pcp["count"] + (1 << request.order)
        if request.told and count < pcp["high"]:
            self.tally.hints[LOWER] += 1
            self.zone.set_pcp(request.cpu, high=count)
        elif not request.told and count >= pcp["high"]:
            self.tally.hints[HIGHER] += 1
            self.zone.set_pcp(request.cpu, high=count + 1)

    def _free(self, request: Request) -> list[Told]:
        is_locked = request.lock_holder >= 0
        self._blocks.claim(self.zone, request.pfn, request.order)
        if request.order in PCP_ORDERS and not is_locked:
            self._follow_limit(request)
        if is_locked:
            self.tally.hints[LOCKED] += 1
        self.zone.lock_pcp(request.cpu, is_locked)
        try:
            self.zone.free_pages(request.pfn, request.order)
        finally:
            self.zone.lock_pcp(request.cpu, False)
        return self._told()

    def _drain(self, request: Request) -> list[Told]:
        """Drained with no free: a pass of the statistics of the CPU, or somebody empties the lists."""
        count = self.zone.pcp(request.cpu)["count"]
        left = count - sum(1 << int(str(event[2])) for event in request.told)
        if left <= 0:
            self.tally.hints[DRAINED] += 1
            self.zone.drain_pages(request.cpu)
        else:
            self.tally.hints[DECAYED] += 1
            high = next(high for high in range(left, 2 * left + 9) if high - high // 8 == left)
            self.zone.set_pcp(request.cpu, high=high)
            self.zone.decay_pcp(request.cpu)
        return self._told()


def _first_pages(zone: Zone, found: Learned) -> set[int]:
    """Return the pages whose place in the first state was learned: heads of free blocks, those on per-CPU lists."""
    pages = {int(block[0]) for block in zone.free_blocks()}
    return pages.union(*found.heads.values(), *found.tails.values())


def _stream(events: Events, stop: int) -> list[Request]:
    """Return the requests. A pass of decay, by a worker that had freed something, stands alone."""
    found = []
    for request in requests(events, 0, stop):
        if request.kind != Kind.DRAIN and request.told and request.told[0][0] == "dr":
            k = _first_drain(events, request)
            if events.flags[k] & _DEPTH == _DECAY_DEPTH:
                found.append(replace(request, kind=Kind.DRAIN, at=k, served=k))
                request = replace(request, told=[], served=request.at)
        found.append(request)
    return sorted(found, key=lambda request: request.served)


def _first_drain(events: Events, request: Request) -> int:
    """Return the number of the first drain by a request's task from its event on."""
    pid = events.pid[request.at]
    return next(k for k in range(request.at, len(events)) if events.event[k] == DRAIN and events.pid[k] == pid)
