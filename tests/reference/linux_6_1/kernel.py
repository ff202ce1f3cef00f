"""What Linux 6.1 does its own way, as functions of linux_6/ reach it: through `node.kernel`."""

from .buddy import (
    free_blocks,
    may_break_up_movable,
    merge_pageblocks,
    note_given,
    note_taken,
    rmqueue_one,
    unreserve_block,
)
from .isolation import isolate_free_page, retype_pageblock, split_free_page
from .marks import marks_permit, node_wmarks, pcp_limits, zone_watermark_fast
from .pcp import drained_type, free_unref_page, free_unref_page_list, nr_pcp_alloc, rmqueue, rmqueue_bulk
from .state import Node, Pcp, Zone

__all__ = [
    "Node",
    "Pcp",
    "Zone",
    "drained_type",
    "free_blocks",
    "free_unref_page",
    "free_unref_page_list",
    "isolate_free_page",
    "marks_permit",
    "may_break_up_movable",
    "merge_pageblocks",
    "node_wmarks",
    "note_given",
    "note_taken",
    "nr_pcp_alloc",
    "pcp_limits",
    "retype_pageblock",
    "rmqueue",
    "rmqueue_bulk",
    "rmqueue_one",
    "split_free_page",
    "unreserve_block",
    "zone_watermark_fast",
]
