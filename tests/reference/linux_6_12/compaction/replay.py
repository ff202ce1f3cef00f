"""What only vectors of compaction in Linux 6.12 have."""

from ...linux_6.compaction import replay
from ..pcp import decay_pcp_high
from ..state import FREE_HIGH_BATCH, PREVIOUS_FREE_HIGH_ORDER
from .run import compaction_suitable


def load_own(zone, sizes, fields, pcp_lists):
    """The numbers of the per-CPU lists, and flags of the zone."""
    lists = zone.pcp[0]
    lists.batch, lists.high_min, lists.high_max, cache_is_large = sizes
    lists.free_count, lists.alloc_factor, lists.high, previous, below, zone.nr_free_highatomic, reclaim = fields
    lists.flags = PREVIOUS_FREE_HIGH_ORDER * previous | FREE_HIGH_BATCH * cache_is_large
    zone.below_high, zone.reclaim_active = bool(below), bool(reclaim)


def own_fields(zone):
    """The last numbers of a zone."""
    lists = zone.pcp[0]
    return [
        lists.free_count,
        lists.alloc_factor,
        lists.high,
        lists.flags & PREVIOUS_FREE_HIGH_ORDER,
        int(zone.below_high),
        zone.nr_free_highatomic,
        int(zone.reclaim_active),
    ]


def page_word(zone, pfn):
    """What is recorded of a page on a per-CPU list: nothing."""
    return 0


class Player(replay.Player):
    """A machine, and the meaning of each operation."""

    def op_decay(self, op):
        return {"ret": int(decay_pcp_high(self.zone(op), 0))}

    def op_reclaim_active(self, op):
        self.zone(op).reclaim_active = bool(op["value"])
        return {}

    def op_suitable(self, op):
        suitable = compaction_suitable(self.zone(op), op["order"], op["hzi"])
        return {**super().op_suitable(op), "cs": int(suitable)}
