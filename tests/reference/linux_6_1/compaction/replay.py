"""What only vectors of compaction in Linux 6.1 have."""

from ...linux_6.compaction.replay import Player

__all__ = ["Player", "load_own", "own_fields", "page_word"]


def load_own(zone, sizes, fields, pcp_lists):
    """The numbers of the per-CPU lists, and the types that their pages bring with them."""
    lists = zone.pcp[0]
    lists.batch, lists.high = sizes
    (lists.free_factor,) = fields
    for _, pages in pcp_lists:
        zone.node.tag.update(pages)


def own_fields(zone):
    """The last number of a zone."""
    return [zone.pcp[0].free_factor]


def page_word(zone, pfn):
    """What is recorded of a page on a per-CPU list."""
    return zone.page_type(pfn)
