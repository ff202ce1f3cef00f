"""An allocation from its beginning to its end: fast path, compaction, reclaim, retries."""

from .. import buddy, marks, pcp
from ..state import MOVABLE
from .daemons import GFP_IO, PRIO_ASYNC, PRIO_FULL, PRIO_LIGHT, try_to_compact_pages, zone_class
from .run import (
    COMPLETE,
    CONTENDED,
    DEFERRED,
    PARTIAL_SKIPPED,
    SKIPPED,
    SUCCESS,
    compaction_defer_reset,
    with_free_pages,
)
from .scanners import COSTLY_ORDER

HIGH, ATOMIC, DIRECT_RECLAIM, KSWAPD = 0x20, 0x200, 0x400, 0x800
RETRY_MAYFAIL, NORETRY, MEMALLOC, NOMEMALLOC, THISNODE = 0x4000, 0x10000, 0x20000, 0x80000, 0x200000
WMARK_MIN, WMARK_LOW, WMARK_HIGH, CPUSET = 0, 1, 2, 0x40
NORMAL = 1
MAX_RETRIES, MAX_COSTLY_RETRIES, MAX_RECLAIM_RETRIES = 16, 4, 16


class Request:
    """One allocation in its slow path."""

    def __init__(self, machine, gfp, order):
        self.machine, self.node = machine, machine.node
        self.gfp, self.order = gfp, order
        self.migratetype, self.highest = (gfp >> 3) & 3, zone_class(gfp)
        self.costly = order > COSTLY_ORDER
        self.ignores_marks = gfp & MEMALLOC and not gfp & NOMEMALLOC
        self.retries = self.no_progress = 0
        self.result, self.prio = SKIPPED, PRIO_LIGHT

    # Parts

    def get_page(self, flags):
        """A block from the free lists, as the marks permit; or None."""
        atomic = bool(self.gfp & ATOMIC)
        return marks.get_page_from_freelist(self.node, self.order, self.migratetype, flags, self.highest, atomic)

    def wake_kswapd(self):
        """Tell kswapd of the zone that is wanted."""
        if self.gfp & KSWAPD:
            self.node.wakeup_kswapd(self.node.walk(self.highest)[0], self.order)

    def slow_flags(self):
        """What the request may do now (gfp_to_alloc_flags)."""
        flags = WMARK_MIN | CPUSET | self.gfp & (HIGH | KSWAPD)
        if not self.gfp & DIRECT_RECLAIM and not self.gfp & NOMEMALLOC:
            flags |= buddy.ALLOC_NON_BLOCK
            if self.order and self.gfp & HIGH:
                flags |= buddy.ALLOC_HIGHATOMIC
        if self.gfp & HIGH and not self.gfp & DIRECT_RECLAIM:
            flags &= ~CPUSET
        return flags

    def direct_compact(self, flags, prio):
        """Compact, and take the captured block or what is free then; or None."""
        if not self.order:
            return None
        self.result, pfn = try_to_compact_pages(self.machine, self.gfp, self.order, flags, prio)
        if self.result == SKIPPED:
            return None
        events = self.machine.events
        events["compact_stall"] += 1
        if pfn is not None:
            self.node.prep_new_page(pfn, self.order)
        else:
            pfn = self.get_page(flags)
        if pfn is None:
            events["compact_fail"] += 1
            return None
        compact = self.node.link[pfn].compact
        compact.blockskip_flush = False
        compaction_defer_reset(compact, self.order, True)
        events["compact_success"] += 1
        return pfn

    def unreserve(self, force):
        """Give up a reserved pageblock; whether pages have moved."""
        return buddy.unreserve_highatomic_pageblock(self.node, self.migratetype, self.highest, force)

    def direct_reclaim(self, flags):
        """(Pages reclaimed, a block or None)."""
        progress = self.machine.reclaim(self.order)
        if not progress:
            return 0, None
        pfn = self.get_page(flags)
        if pfn is None:
            self.unreserve(force=False)
            for zone in self.machine.zones:
                pcp.drain_all_pages(zone)
            pfn = self.get_page(flags)
        return progress, pfn

    # Again?

    def should_reclaim_retry(self, flags, progress):
        """Whether reclaiming everything that can be would do."""
        self.no_progress = 0 if progress and not self.costly else self.no_progress + 1
        if self.no_progress <= MAX_RECLAIM_RETRIES:
            for zone in self.node.walk(self.highest):
                free = zone.nr_free_pages + self.machine.reclaimable_pages(zone)
                if with_free_pages(zone, free, lambda zone=zone: self.permits(zone, flags)):
                    return True
        return self.unreserve(force=True)

    def permits(self, zone, flags):
        """Whether the minimum mark permits the request."""
        return marks.watermark_ok(zone, self.order, marks.boosted_mark(zone, WMARK_MIN), self.highest, flags)

    def should_compact_retry(self, flags):
        """Whether compaction may still succeed, perhaps with more effort."""
        if not self.order:
            return False
        if self.result == SUCCESS:
            self.retries += 1
        if self.result == SKIPPED:
            return any(self.could_compact(zone, flags) for zone in self.node.walk(self.highest))
        limit = MAX_COSTLY_RETRIES if self.costly else MAX_RETRIES
        failed = self.result in (COMPLETE, DEFERRED, CONTENDED, PARTIAL_SKIPPED)
        if not failed and self.retries <= limit:
            return True
        if self.prio > (PRIO_LIGHT if self.costly else PRIO_FULL):
            self.prio -= 1
            self.retries = 0
            return True
        return False

    def could_compact(self, zone, flags):
        """Whether compaction would be possible after reclaim."""
        free = zone.nr_free_pages + self.machine.reclaimable_pages(zone) // self.order
        return self.machine.kernel.may_compact(zone, self.order, flags, self.highest, free)

    # The whole

    def slowpath(self):
        """A block, or None."""
        flags = self.slow_flags()
        can_reclaim = bool(self.gfp & DIRECT_RECLAIM)
        self.wake_kswapd()
        pfn = self.get_page(flags)
        if pfn is not None:
            return pfn
        early = self.costly or (self.order and self.migratetype != MOVABLE)
        if can_reclaim and self.gfp & GFP_IO and early and not self.ignores_marks:
            pfn = self.direct_compact(flags, PRIO_ASYNC)
            if pfn is not None:
                return pfn
            if self.costly and self.gfp & NORETRY:
                if self.result in (SKIPPED, DEFERRED) or self.gfp & THISNODE:
                    return None
                self.prio = PRIO_ASYNC
        return self.retry(flags, can_reclaim)

    def retry(self, flags, can_reclaim):
        """Reclaim and compact until it is there, or hopeless."""
        while True:
            self.wake_kswapd()
            if self.ignores_marks:
                flags = buddy.ALLOC_NO_WATERMARKS | self.gfp & KSWAPD
            pfn = self.get_page(flags)
            if pfn is not None or not can_reclaim:
                return pfn
            progress, pfn = self.direct_reclaim(flags)
            if pfn is None:
                pfn = self.direct_compact(flags, self.prio)
            if pfn is not None:
                return pfn
            if self.gfp & NORETRY or (self.costly and not (self.gfp & GFP_IO and self.gfp & RETRY_MAYFAIL)):
                return None
            if self.should_reclaim_retry(flags, progress):
                continue
            if progress and self.gfp & GFP_IO and self.should_compact_retry(flags):
                continue
            return self.out_of_memory()

    def out_of_memory(self):
        """One more look above the high mark; then somebody would have to die."""
        pfn = self.get_page(WMARK_HIGH | CPUSET)
        if pfn is None and not self.costly and not self.gfp & (RETRY_MAYFAIL | THISNODE) and self.highest >= NORMAL:
            self.machine.kernel_events.append(["oom", self.order, 0])
        return pfn


def alloc_pages(machine, gfp, order):
    """A block, or None."""
    request = Request(machine, gfp, order)
    flags = WMARK_LOW | gfp & KSWAPD
    preferred = next(iter(machine.node.walk(request.highest)), None)
    if preferred is not None and preferred.idx == NORMAL:
        flags |= buddy.ALLOC_NOFRAGMENT
    pfn = request.get_page(flags)
    return pfn if pfn is not None else request.slowpath()
