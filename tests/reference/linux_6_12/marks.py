"""Watermarks of Linux 6.12: Movable is kept apart, who passes the high mark needs no other, lists have two limits."""

from ..linux_6.buddy import ALLOC_MIN_RESERVE, ALLOC_NO_WATERMARKS
from ..linux_6.marks import asked_mark, boosted_mark, mark_distance, proportion, watermark_fast, zone_highsize
from ..linux_6.state import ZONE_MOVABLE

HIGH = 2
PCP_SHARE = 8  # of the zone, for the lists of all CPUs


def node_wmarks(managed, kb, scale):
    """(min, low, high, promo) of each zone."""
    marks, total = [], sum(managed) - managed[ZONE_MOVABLE]
    for idx, pages in enumerate(managed):
        share = proportion(pages, total, kb)
        least = min(max(pages // 1024, 32), 128) if idx == ZONE_MOVABLE else share
        marks.append([least + k * mark_distance(pages, share, scale) for k in range(4)])
    return marks


def pcp_limits(managed, low_mark, cpus, fraction, batch):
    """Between what the limit of one CPU's lists may move."""
    least = zone_highsize(managed, low_mark, cpus, fraction, batch)
    most = least if fraction else zone_highsize(managed, managed // PCP_SHARE, cpus, 0, batch)
    return {"high_min": least, "high_max": most}


def fast(zone, order, mark, highest, flags):
    """Whether a mark permits a request; one from the minimum reserve may forget the boost."""
    return watermark_fast(zone, order, mark, highest, flags, flags & ALLOC_MIN_RESERVE)


def zone_watermark_fast(zone, order, highest, flags, atomic):
    """Whether the mark that is asked for permits a request; that it is atomic has no effect any more."""
    return fast(zone, order, asked_mark(zone, flags), highest, flags)


def marks_permit(zone, order, highest, flags, atomic):
    """Whether a request may take from this zone, or does not care; who misses the high mark notes it."""
    if not zone.below_high:
        if fast(zone, order, boosted_mark(zone, HIGH), highest, flags):
            return True
        zone.below_high = True
    return bool(flags & ALLOC_NO_WATERMARKS) or zone_watermark_fast(zone, order, highest, flags, atomic)
