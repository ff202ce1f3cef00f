"""The loop of Linux 6.1: page by page a target is found and the page moved."""

from ...linux_6 import pcp
from ...linux_6.compaction.pages import ASYNC
from ...linux_6.compaction.run import CONTENDED, CONTINUE, SUCCESS, compact_finished, suitable_without_index
from ...linux_6.compaction.scanners import isolate_migratepages, putback_movable_pages
from .scanners import compaction_alloc

MIGRATE_PASSES, MIGRATE_SLICE = 10, 512


# Migration


class NoMemory(Exception):
    """There is no page to move to."""


class Batch:
    """The migration of what was isolated."""

    def __init__(self, cc):
        self.cc, self.machine = cc, cc.machine
        self.failed = self.succeeded = 0
        self.permanent = []

    def run(self):
        """0, or the number of pages that failed, or `NoMemory`; what is left is in `cc.migratepages`."""
        pages, left, result = self.cc.migratepages, [], 0
        try:
            while pages:
                piece, pages = pages[:MIGRATE_SLICE], pages[MIGRATE_SLICE:]
                left += self.migrate_slice(piece)
        except NoMemory as stop:
            left += stop.args[0]
            result = NoMemory
        events = self.machine.events
        events["pgmigrate_success"] += self.succeeded
        events["pgmigrate_fail"] += self.failed
        self.cc.migratepages = self.permanent + left + pages
        return result or (self.failed if self.cc.migratepages else 0)

    def migrate_slice(self, pages):
        """Up to ten passes; what still is to be tried again."""
        for _ in range(MIGRATE_PASSES):
            again = []
            for number, pfn in enumerate(pages):
                if self.try_page(pfn, again) is NoMemory:
                    self.failed += 1 + len(again)
                    raise NoMemory(again + pages[number:])
            pages = again
            if not pages:
                break
        self.failed += len(pages)
        return pages

    def try_page(self, pfn, again):
        """Move one page, or sort it in."""
        machine, cc = self.machine, self.cc
        if pfn in machine.let_go:
            self.free_source(pfn)
            machine.moves.append([pfn, -1])
            return None
        target = compaction_alloc(cc)
        if target is None:
            return NoMemory
        machine.before_attempt(pfn)
        kind = machine.kind[pfn]
        if machine.busy.get(pfn):
            machine.stay_busy(pfn)
            machine.moves.append([pfn, target, 1])
            again.append(pfn)
        elif kind in "ew":
            machine.moves.append([pfn, target, 2])
            self.permanent.append(pfn)
            self.failed += 1
        else:
            machine.moves.append([pfn, target])
            machine.add_unit(target, 0, kind)
            self.free_source(pfn)
            return None
        cc.freepages.insert(0, target)
        cc.nr_freepages += 1
        return None

    def free_source(self, pfn):
        """The old page is free."""
        machine = self.machine
        machine.isolated.discard(pfn)
        machine.let_go.discard(pfn)
        machine.free_block(pfn, machine.drop_unit(pfn))
        self.succeeded += 1


# One run


def compact_loop(cc):
    """Isolate, migrate, drain, until it is finished."""
    compact, last = cc.compact, 0
    keep_equal = cc.mode == ASYNC and compact.cached_migrate[0] == compact.cached_migrate[1]
    while True:
        result = compact_finished(cc)
        if result != CONTINUE:
            return result
        here = cc.migrate_pfn
        cc.finish = cc.block_start(last) == cc.block_start(here)
        if not isolate_migratepages(cc):
            if keep_equal:
                compact.cached_migrate[1] = compact.cached_migrate[0]
        else:
            keep_equal, last = False, here
            error = Batch(cc).run()
            cc.nr_migratepages = 0
            if error:
                putback_movable_pages(cc)
                if error is NoMemory and not cc.met():
                    return CONTENDED
                if cc.direct and cc.mode == ASYNC:
                    cc.migrate_pfn, last = cc.order_end(cc.migrate_pfn - 1), 0
        if cc.order > 0 and last and last < cc.migrate_pfn >> cc.order << cc.order:
            pcp.drain_all_pages(cc.zone)
            last = 0
        capture = cc.node.capture
        if capture is not None and capture.page is not None:
            return SUCCESS


def release_freepages(cc):
    """Targets that were not used go back, and the next run begins above them."""
    pages, cc.freepages, cc.nr_freepages = cc.freepages, [], 0
    for page in pages:
        cc.machine.free_block(page, 0)
    cc.compact.cached_free = max(cc.compact.cached_free, cc.block_start(max(pages)))


# The decisions around it


def note_proactive(cc):
    """A proactive run is not counted as the daemon's."""


def may_compact(zone, order, flags, highest, free):
    """Whether compaction would be needed and possible with so many free pages."""
    return suitable_without_index(zone, order, flags, highest, free) == CONTINUE
