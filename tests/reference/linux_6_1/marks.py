"""Watermarks of Linux 6.1: each zone has its share, the lists of a CPU one limit."""

from ..linux_6.buddy import ALLOC_NO_WATERMARKS
from ..linux_6.marks import asked_mark, mark_distance, proportion, watermark_fast, zone_highsize


def node_wmarks(managed, kb, scale):
    """(min, low, high, promo) of each zone."""
    marks = []
    for pages in managed:
        share = proportion(pages, sum(managed), kb)
        marks.append([share + k * mark_distance(pages, share, scale) for k in range(4)])
    return marks


def pcp_limits(managed, low_mark, cpus, fraction, batch):
    """What the lists of one CPU may hold."""
    return {"high": zone_highsize(managed, low_mark, cpus, fraction, batch)}


def zone_watermark_fast(zone, order, highest, flags, atomic):
    """Whether the mark that is asked for permits a request; an atomic one may forget the boost."""
    return watermark_fast(zone, order, asked_mark(zone, flags), highest, flags, atomic)


def marks_permit(zone, order, highest, flags, atomic):
    """Whether a request may take from this zone, or does not care."""
    return bool(flags & ALLOC_NO_WATERMARKS) or zone_watermark_fast(zone, order, highest, flags, atomic)
