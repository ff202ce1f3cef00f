"""Several zones: direct compaction with its deferral, kcompactd, proactive and manual runs."""

from .. import pcp
from .pages import ASYNC, SYNC, SYNC_LIGHT
from .run import (
    COMPLETE,
    CONTINUE,
    DEFERRED,
    PARTIAL_SKIPPED,
    SKIPPED,
    SUCCESS,
    compact_zone,
    compact_zone_order,
    compaction_defer_reset,
    compaction_deferred,
    compaction_suitable,
    defer_compaction,
    fragmentation_score,
    low_score,
)
from .scanners import Control

GFP_KERNEL = 0xCC0
GFP_IO, GFP_DMA32, GFP_HIGHMEM, GFP_MOVABLE = 0x40, 0x04, 0x02, 0x08
PRIO_FULL, PRIO_LIGHT, PRIO_ASYNC = range(3)


def zone_class(gfp):
    """Highest index of a zone that a request may use."""
    if gfp & GFP_DMA32:
        return 0
    return 2 if gfp & GFP_HIGHMEM and gfp & GFP_MOVABLE else 1


def try_to_compact_pages(machine, gfp, order, flags, prio):
    """Direct compaction, zone by zone: (result, captured page or None)."""
    if not gfp & GFP_IO:
        return SKIPPED, None
    highest, result = zone_class(gfp), SKIPPED
    for zone in machine.node.walk(highest):
        if prio > PRIO_FULL and compaction_deferred(zone.compact, order):
            result = max(result, DEFERRED)
            continue
        full = prio == PRIO_FULL
        mode = ASYNC if prio == PRIO_ASYNC else SYNC_LIGHT
        cc = Control(
            machine,
            order=order,
            gfp=gfp,
            mode=mode,
            direct=True,
            whole=full,
            ign_skip=full,
            ign_suit=full,
            aflags=flags,
            hzi=highest,
        )
        status, page = compact_zone_order(cc, zone, capture=True)
        result = max(result, status)
        if status == SUCCESS:
            compaction_defer_reset(zone.compact, order, False)
            return result, page
        if prio != PRIO_ASYNC and status in (COMPLETE, PARTIAL_SKIPPED):
            defer_compaction(zone.compact, order)
    return result, None


def kcompactd_do_work(machine, order, highest):
    """One round of the daemon."""
    machine.events["compact_daemon_wake"] += 1
    cc = Control(machine, order=order, gfp=GFP_KERNEL, mode=SYNC_LIGHT, hzi=highest)
    for zone in reversed(machine.node.walk(highest)):
        if compaction_deferred(zone.compact, order):
            continue
        if compaction_suitable(zone, order, 0, zone.idx) != CONTINUE:
            continue
        cc.zone, cc.whole = zone, False
        status = compact_zone(cc)
        if status == SUCCESS:
            compaction_defer_reset(zone.compact, order, False)
        elif status in (COMPLETE, PARTIAL_SKIPPED):
            pcp.drain_all_pages(zone)
            defer_compaction(zone.compact, order)
        count_daemon_work(cc)


def count_daemon_work(cc):
    """Pages that the daemon has scanned."""
    cc.machine.events["compact_daemon_migrate_scanned"] += cc.migrate_scanned
    cc.machine.events["compact_daemon_free_scanned"] += cc.free_scanned


def kcompactd_node_suitable(machine, order, highest):
    """Whether the daemon would be woken."""
    zones = machine.node.walk(highest)
    return any(compaction_suitable(zone, order, 0, highest) == CONTINUE for zone in zones)


def compact_node(machine, *, proactive):
    """Compact all zones, by hand or proactively."""
    mode = SYNC_LIGHT if proactive else SYNC
    cc = Control(machine, order=-1, gfp=GFP_KERNEL, mode=mode, whole=True, ign_skip=True, proactive=proactive)
    for zone in machine.zones:
        cc.zone = zone
        compact_zone(cc)
        if proactive:
            machine.kernel.note_proactive(cc)


def scores(machine):
    """(score of the node, scores of the zones, whether proactive compaction would start)."""
    present = sum(zone.end - zone.start for zone in machine.zones)
    each = [fragmentation_score(machine.node, zone) for zone in machine.zones]
    weighted = zip(each, machine.zones, strict=True)
    node = sum(score * (zone.end - zone.start) // (present + 1) for score, zone in weighted)
    high = min(low_score(machine) + 10, 100)
    return node, each, int(machine.proactiveness > 0 and node > high)
