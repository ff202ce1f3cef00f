"""The loop of Linux 6.12: a pageblock of which something failed is finished at once."""

from ...linux_6 import pcp
from ...linux_6.compaction.daemons import count_daemon_work
from ...linux_6.compaction.pages import ASYNC, SYNC
from ...linux_6.compaction.run import CONTENDED, CONTINUE, SUCCESS, compact_finished, has_room, lacks_memory
from ...linux_6.compaction.scanners import isolate_migratepages, putback_movable_pages
from .migrate import NoMemory, migrate_pages


def compact_loop(cc):
    """Isolate, migrate, drain, until it is finished."""
    compact = cc.compact
    cc.last = 0
    cc.keep_equal = cc.mode == ASYNC and compact.cached_migrate[0] == compact.cached_migrate[1]
    while True:
        result = compact_finished(cc)
        if result != CONTINUE:
            return result
        cc.finish = cc.block_start(cc.last) == cc.block_start(cc.migrate_pfn)
        result = compact_turn(cc)
        if result != CONTINUE:
            return result
        if cc.order > 0 and cc.last and cc.last < cc.migrate_pfn >> cc.order << cc.order:
            pcp.drain_all_pages(cc.zone)
            cc.last = 0


def compact_turn(cc):
    """One cluster, and the rest of its pageblock if pages of it failed."""
    while isolate_migratepages(cc):
        cc.keep_equal = False
        cc.last = max(cc.zone.start, cc.block_start(cc.migrate_pfn - 1))
        error = migrate_pages(cc)
        cc.nr_migratepages = 0
        if error:
            putback_movable_pages(cc)
            if error is NoMemory and not cc.met():
                return CONTENDED
            if not cc.is_aligned(cc.migrate_pfn) and not cc.ignore_skip and not cc.finish and cc.mode < SYNC:
                cc.finish = True
                if cc.order == cc.node.pageblock_order:
                    cc.last = 0
                continue
        capture = cc.node.capture
        return SUCCESS if capture is not None and capture.page is not None else CONTINUE
    if cc.keep_equal:
        cc.compact.cached_migrate[1] = cc.compact.cached_migrate[0]
    return CONTINUE


def release_freepages(cc):
    """Targets that were not used go back, the small ones first, and the next run begins above them."""
    targets = [(pfn, order) for order, blocks in enumerate(cc.freepages) for pfn in blocks]
    cc.forget_pages()
    for pfn, order in targets:
        cc.machine.free_block(pfn, order)
    cc.compact.cached_free = max(cc.compact.cached_free, cc.block_start(max(targets)[0]))


# The decisions around it


def note_proactive(cc):
    """A proactive run is counted as the daemon's."""
    count_daemon_work(cc)


def compaction_suitable(zone, order, highest):
    """Whether compaction is possible and worth while, needed or not."""
    return has_room(zone, order, highest, zone.nr_free_pages) and not lacks_memory(zone, order)


def may_compact(zone, order, flags, highest, free):
    """Whether compaction would be possible with so many free pages."""
    return has_room(zone, order, highest, free)
