"""A small recorded machine of Linux 6.12 is played by the allocator of 6.12 from its requests.

Unlike a guest of 6.1 its lists were not recorded, only which pages were free. What is missing is learned from the first
event that tells of it, and each such piece is counted: the order of the first free blocks, types of pageblocks, and the
blocks that lay on the per-CPU lists. Whatever follows is predicted. `python tests/guest612lab.py` prints the score.
"""

import io
import lzma
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from buddycap import MisuseError, Zone
from buddycap.conformance.guests.requests import (
    ALLOC,
    BATCHED,
    COMPACTION_BEGIN,
    DRAIN,
    EXTFRAG,
    FREE,
    PCP_ORDERS,
    ZONE_LOCKED,
    Events,
    Kind,
    requests,
)
from buddycap.formats.tracefile import Trace
from buddycap.formats.tracetext import EVENT_DTYPE

RECORDING = Path(__file__).parent / "data" / "guests-6.12" / "fork.npz.xz"
COLUMNS = ("event", "pfn", "order", "cpu", "pid", "flags", "migratetype", "arg")
WHAT = {"zl": "pages that left the free lists", "xf": "fallbacks", "dr": "drained blocks"}

KSWAPD = 0x800
MOVABLE = 1
MAX_ORDER = 10
NEVER = 1 << 40
DEPTH = 0x0F  # the bits of an event's flags that hold the preempt depth
DECAY_DEPTH = 2  # a free holds one lock more: it also pins its task to the CPU


@dataclass(frozen=True)
class Recording:
    """The events after the first state, and the pages that are free in both states."""

    events: Events
    stop: int
    free: np.ndarray
    free_at_end: set[int]


def read(path=RECORDING):
    """The recording that is among the tests' data: columns of numbers, pages as steps from one to the next."""
    columns = np.load(io.BytesIO(lzma.decompress(path.read_bytes())))
    table = np.zeros(len(columns["event"]), EVENT_DTYPE)
    for name in COLUMNS:
        table[name] = columns[name]
    table["pfn"] = np.cumsum(columns["pfn"], dtype=np.int64)
    free, at_end = (np.unpackbits(columns[name])[: Machine.spanned].astype(bool) for name in ("free", "free_at_end"))
    events = Events(Trace(table))
    stop = events.event.index(COMPACTION_BEGIN)
    return Recording(events, stop, free, set((np.flatnonzero(at_end) + Machine.start_pfn).tolist()))


@dataclass(frozen=True)
class Machine:
    """What /proc/zoneinfo told of the zone DMA32 before the recording."""

    start_pfn: int = 4096
    spanned: int = 77792
    managed: int = 66314
    wmark: tuple[int, int, int, int] = (491, 613, 735, 857)
    batch: int = 15
    high: tuple[int, ...] = (3508, 1023)


@dataclass
class Learned:
    """What the first event of each page and pageblock tells of the state before."""

    taken_at: dict[int, int] = field(default_factory=dict)
    block_type: dict[int, int] = field(default_factory=dict)
    heads: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    tails: dict[tuple[int, int], list[int]] = field(default_factory=dict)


def pcp_index(order, migratetype):
    """The per-CPU list of blocks."""
    return 3 * order + migratetype if order <= 3 else 12 + (migratetype == MOVABLE)


def learn(events, first, stop):
    """Go through the events once for what lay where at first."""
    found = Learned()
    seen = set()
    for k in range(first, stop):
        event, pfn, order = events.event[k], events.pfn[k], events.order[k]
        if event not in (ALLOC, FREE, BATCHED, ZONE_LOCKED, DRAIN, EXTFRAG):
            continue
        pages = range(pfn, pfn + (1 << order))
        if event == EXTFRAG:
            _, _, _, from_order, _, from_type, _ = events.told(k)
            for block in range(pfn >> 9, (pfn + (1 << max(from_order, 9))) >> 9):
                found.block_type.setdefault(block, from_type)
        if event in (ZONE_LOCKED, DRAIN):
            found.block_type.setdefault(pfn >> 9, events.migratetype(k))
        if event in (ZONE_LOCKED, EXTFRAG):
            for page in pages:
                found.taken_at.setdefault(page, k)
        if pfn not in seen and order in PCP_ORDERS:
            key = (events.cpu[k], pcp_index(order, events.migratetype(k)))
            if event == ALLOC:
                found.heads.setdefault(key, []).append(pfn)
            elif event == DRAIN:
                found.tails.setdefault(key, []).append(pfn)
        seen.update(pages)
    return found


def free_blocks(free, start_pfn):
    """The free blocks of a zone whose pages are marked: they are as large as buddies can merge."""
    at, end = 0, len(free)
    while at < end:
        if not free[at]:
            at += 1
            continue
        pfn = start_pfn + at
        order = MAX_ORDER
        while pfn & ((1 << order) - 1) or at + (1 << order) > end or not free[at : at + (1 << order)].all():
            order -= 1
        yield pfn, order
        at += 1 << order


def boot(machine, free, found):
    """The zone in its first state, as far as that is known."""
    zone = Zone(
        machine.start_pfn,
        machine.spanned,
        kernel="6.12",
        zone_idx=1,
        cpus=len(machine.high),
        min_free_kbytes=0,
        events=1 << 16,
        populate=False,
    )
    zone.managed_pages = machine.managed
    for block, migratetype in found.block_type.items():
        zone.set_pageblock_migratetype(block << 9, migratetype)
    blocks = []
    for pfn, order in free_blocks(free, machine.start_pfn):
        at = min(found.taken_at.get(page, NEVER) for page in range(pfn, pfn + (1 << order)))
        blocks.append((at, pfn, order, found.block_type.get(pfn >> 9, MOVABLE)))
    zone.set_free_blocks([block[1:] for block in sorted(blocks)])
    zone.set_marks(machine.wmark)
    for cpu, high in enumerate(machine.high):
        for index in range(14):
            lain = found.heads.get((cpu, index), []) + found.tails.get((cpu, index), [])[::-1]
            if lain:
                zone.set_pcp_blocks(cpu, index, [(pfn, index % 3 if index < 12 else 1) for pfn in lain])
        share = machine.managed // 8 // len(machine.high)
        low = machine.wmark[1] // len(machine.high)
        zone.set_pcp(cpu, high=high, high_min=low, high_max=share, batch=machine.batch)
    return zone


def first_drain(events, request):
    """The first drain by a request's task from its event on."""
    pid = events.pid[request.at]
    return next(k for k in range(request.at, len(events)) if events.event[k] == DRAIN and events.pid[k] == pid)


def stream(events, first, stop):
    """The requests of a part of the trace. A pass of decay, by a worker that had freed something, stands alone."""
    found = []
    for request in requests(events, first, stop):
        if request.kind != Kind.DRAIN and request.told and request.told[0][0] == "dr":
            k = first_drain(events, request)
            if events.flags[k] & DEPTH == DECAY_DEPTH:
                found.append(replace(request, kind=Kind.DRAIN, at=k, served=k))
                request = replace(request, told=[], served=request.at)
        found.append(request)
    return sorted(found, key=lambda request: request.served)


@dataclass
class Score:
    """How many of a machine's events came out as recorded."""

    right: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    hints: Counter[str] = field(default_factory=Counter)
    differences: list[tuple[int, str, object, object]] = field(default_factory=list)

    def compare(self, at, what, expected, found):
        """Count one comparison."""
        self.total[what] += 1
        if expected == found:
            self.right[what] += 1
        else:
            self.differences.append((at, what, expected, found))

    def lines(self):
        """What is to be said."""
        yield from (f"{what}: {self.right[what]} of {total}" for what, total in sorted(self.total.items()))
        yield from (f"hints: {count} {what}" for what, count in sorted(self.hints.items()))


class Player:
    """The zone, and what is known of the future of its pages."""

    def __init__(self, zone, events, free_at_end, found):
        self.zone, self.events, self.free_at_end = zone, events, free_at_end
        self.score = Score()
        self.blocks = {}
        lists = [*found.heads.values(), *found.tails.values()]
        self.pages_told = {int(block[0]) for block in zone.free_blocks()}.union(*lists)
        self.types_told = set(found.block_type)

    def told(self):
        """What the zone has told, without what it was asked."""
        return [tuple(map(plain, event)) for event in self.zone.take_events() if event[0] in WHAT]

    def compare_page(self, at, what, pfn, expected, found):
        """Count a comparison, unless the state before was learned from this very event."""
        known = pfn in self.pages_told or pfn >> 9 in self.types_told
        self.pages_told.discard(pfn)
        self.types_told.discard(pfn >> 9)
        if known and expected == found:
            self.score.hints["events that the first state was learned from"] += 1
        else:
            self.score.compare(at, what, expected, found)

    def serve(self, request):
        """Play a request and compare."""
        if not self.zone.start_pfn <= request.pfn < self.zone.start_pfn + self.zone.spanned_pages:
            return
        self.zone.cpu = request.cpu
        try:
            told = getattr(self, request.kind.name.lower())(request)
        except MisuseError as error:
            self.score.compare(request.at, "requests possible", "yes", str(error))
            told = self.told()
        if request.told or told:
            kinds = {event[0] for event in (*request.told, *told)}
            if request.kind != Kind.DRAIN:
                size = "sizes of drains" if "dr" in kinds else "sizes of refills"
                self.score.compare(request.at, size, len(request.told), len(told))
        for expected, found in zip_longest(request.told, told):
            kind, pfn = (expected or found)[:2]
            self.compare_page(request.at, WHAT[kind], pfn, expected, found)

    def alloc(self, request):
        told = []
        while True:
            numbers = self.zone.pcp(request.cpu)
            pfn = self.zone.rmqueue_zone(request.order, request.migratetype, KSWAPD)
            told += self.told()
            if pfn is None or pfn == request.pfn or request.order or not self.goes_silently(pfn, request.at):
                break
            self.score.hints["pages taken in bulk"] += 1
            self.zone.set_pcp(request.cpu, free_count=numbers["free_count"])
        self.compare_page(request.at, "pages of allocations", request.pfn, request.pfn, pfn)
        if request.order:
            self.blocks[request.pfn] = request.order
        return told

    def goes_silently(self, pfn, at):
        """Whether what is heard of a page before and after an event shows that it was taken without one."""
        if self.events.is_allocated(pfn, at):
            return False
        later = self.events.next_of_page(pfn, at)
        if later is None:
            return pfn not in self.free_at_end
        return self.events.is_request_to_free(later)

    def bulk(self, request):
        told = []
        if request.order:
            return told
        while True:
            pages = self.zone.pcp_blocks(request.cpu, request.migratetype)
            if len(pages) == 0 and len(told) >= len(request.told):
                break
            if len(pages) and not self.goes_silently(int(pages[0][0]), request.at):
                break
            numbers = self.zone.pcp(request.cpu)
            if self.zone.rmqueue_zone(0, request.migratetype, KSWAPD) is None:
                break
            told += self.told()
            self.zone.set_pcp(request.cpu, free_count=numbers["free_count"])
            self.score.hints["pages taken in bulk"] += 1
        return told

    def follow_limit(self, request):
        """Passes of decay lower the limit of a CPU's lists unseen: whether it was reached tells where it is."""
        pcp = self.zone.pcp(request.cpu)
        count = pcp["count"] + (1 << request.order)
        if request.told and count < pcp["high"]:
            self.score.hints["limits that were lower"] += 1
            self.zone.set_pcp(request.cpu, high=count)
        elif not request.told and count >= pcp["high"]:
            self.score.hints["limits that were higher"] += 1
            self.zone.set_pcp(request.cpu, high=count + 1)

    def free(self, request):
        self.claim(request.pfn, request.order)
        if request.order in PCP_ORDERS and request.lock_holder < 0:
            self.follow_limit(request)
        if request.lock_holder >= 0:
            self.score.hints["locked lists"] += 1
            self.zone.lock_pcp(request.cpu)
        try:
            self.zone.free_pages(request.pfn, request.order)
        finally:
            if request.lock_holder >= 0:
                self.zone.lock_pcp(request.cpu, False)
        return self.told()

    batched = free

    def drain(self, request):
        """Drained with no free: a pass of the statistics of the CPU, or somebody empties the lists."""
        pcp = self.zone.pcp(request.cpu)
        pages = sum(1 << event[2] for event in request.told)
        if pages == pcp["count"]:
            self.score.hints["drains of whole lists"] += 1
            self.zone.drain_pages(request.cpu)
        else:
            self.score.hints["passes of decay, with their size"] += 1
            left = pcp["count"] - pages
            self.zone.set_pcp(request.cpu, high=next(h for h in range(left, 2 * left + 9) if h - h // 8 == left))
            self.zone.decay_pcp(request.cpu)
        return self.told()

    def claim(self, pfn, order):
        """Make what is freed one block, of pages that may have been others."""
        if self.blocks.get(pfn, 0) == order:
            self.blocks.pop(pfn, None)
            return
        for larger in range(order, MAX_ORDER + 1):
            first = pfn >> larger << larger
            if self.blocks.get(first, 0) >= max(larger, 1):
                self.zone.split_page(first, self.blocks.pop(first))
                break
        if order:
            for first in range(pfn, pfn + (1 << order), 2):
                if first in self.blocks:
                    self.zone.split_page(first, self.blocks.pop(first))
            self.zone.join_pages(pfn, order)


def plain(value):
    """A number of the zone's, as a plain one."""
    return value if isinstance(value, str) else int(value)


def play(recording, machine=None):
    """The score of a recording, up to the first event of compaction."""
    found = learn(recording.events, 0, len(recording.events))
    zone = boot(machine or Machine(), recording.free, found)
    player = Player(zone, recording.events, recording.free_at_end, found)
    for request in stream(recording.events, 0, recording.stop):
        player.serve(request)
    return player.score


if __name__ == "__main__":
    print(*play(read()).lines(), sep="\n")
