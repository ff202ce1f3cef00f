"""What compaction in Linux 6.12 does its own way, as functions of linux_6/compaction reach it: `cc.kernel`."""

from .. import kernel as allocator
from .pages import Machine
from .replay import Player, load_own, own_fields, page_word
from .run import compact_loop, may_compact, note_proactive, release_freepages
from .scanners import (
    FastSearch,
    add_targets,
    begins_pageblock,
    compound_tails,
    is_used_up,
    isolate_migratepages_block,
    large_enough,
    may_leave_pageblock,
    next_free_start,
    no_targets,
    note_source_found,
)

__all__ = [
    "FastSearch",
    "Machine",
    "Player",
    "add_targets",
    "allocator",
    "begins_pageblock",
    "compact_loop",
    "compound_tails",
    "is_used_up",
    "isolate_migratepages_block",
    "large_enough",
    "load_own",
    "may_compact",
    "may_leave_pageblock",
    "next_free_start",
    "no_targets",
    "note_proactive",
    "note_source_found",
    "own_fields",
    "page_word",
    "release_freepages",
]
