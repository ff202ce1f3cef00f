"""Policies of compaction as data: whether, when and what direct compaction captures; one row each.

Linux 6.1 and 6.12 capture: when a page that the compacting task frees completes a block of the order it wants, the
block goes to it at once and never to a free list. The rows switch that off, or replace it by what else has been
proposed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from .row import PolicyRow

__all__ = ["COMPACTION_POLICIES", "CompactionPolicy"]

_OF_CAPTURE = ("form", "capture_min_order", "movable", "watermark", "hold_turns", "test_first")


@dataclass(frozen=True)
class CompactionPolicy(PolicyRow):
    """What direct compaction of Linux 6.1 and 6.12 does with the blocks that it makes.

    Parameters
    ----------
    name : str
        What tables call it.
    capture : bool
        Direct compaction keeps the block it has made. Without, the block goes to the free lists, and the task asks for
        one like everybody.
    form : str
        How it comes to the block. "merge": at the moment at which a page that the task frees completes it, as since
        Linux 5.1. "lists": after each batch of pages moved any block of the type, from the free lists, as in 2012.
        "block": after each batch the aligned block that the batch came from, if it is free, as proposed in 2014.
    capture_min_order : int
        Smallest order for which blocks are captured, 0..15; 15 is above every order, so that none is.
    movable : str
        Whose the blocks of MOVABLE pageblocks below the order of a pageblock are. "kernel": as the kernel has it.
        "strict": nobody captures them, as in 5.1 to 6.1. "relaxed": movable requests do, as in 6.12. "any": every
        request does.
    watermark : str
        "ignored": a captured block passes no watermark. "checked": it must leave the zone above the watermark that the
        request is subject to, with order 0, or goes to the free lists. "held": such a block is held and looked at
        again in later turns.
    hold_turns : int
        Turns, 0..1000, that a block is held; needs watermark="held".
    test_first : bool
        Whether a block has been captured is looked at before the per-CPU lists are drained, as since 6.3.
        Without, as the kernel has it: afterwards in 6.1, before in 6.12.
    proactiveness : int
        /proc/sys/vm/compaction_proactiveness, 0..100; 0: no proactive compaction.
    source : str
        Who proposed it, and when.
    rule : str
        What is special about it, in a sentence.

    Raises
    ------
    PolicyError
        If a field is out of range or contradicts another.

    Examples
    --------
    >>> COMPACTION_POLICIES["capture"].replace(name="later", movable="relaxed").movable
    'relaxed'
    >>> CompactionPolicy("wrong", form="lists")
    Traceback (most recent call last):
        ...
    buddycap.errors.PolicyError: policy 'wrong': form='lists': needs capture=True
    """

    kernels: ClassVar[tuple[str, ...]] = ("6.1", "6.12")
    allowed: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "capture": (0, 1),
            "form": ("merge", "lists", "block"),
            "capture_min_order": (0, 15),
            "movable": ("kernel", "strict", "relaxed", "any"),
            "watermark": ("ignored", "checked", "held"),
            "hold_turns": (0, 1000),
            "test_first": (0, 1),
            "proactiveness": (0, 100),
        }
    )

    name: str
    capture: bool = False
    form: str = "merge"
    capture_min_order: int = 0
    movable: str = "kernel"
    watermark: str = "ignored"
    hold_turns: int = 0
    test_first: bool = False
    proactiveness: int = 20
    source: str = ""
    rule: str = ""

    def __post_init__(self) -> None:
        self._check_fields()
        if not self.capture:
            for field in _OF_CAPTURE:
                if getattr(self, field) != getattr(type(self), field):
                    raise self._error(f"{field}={getattr(self, field)!r}: needs capture=True")
        if (self.watermark == "held") != (self.hold_turns > 0):
            raise self._error(f"hold_turns={self.hold_turns}: goes with watermark='held', and only with it")
        if self.form != "merge" and (self.test_first or self.movable != "kernel"):
            field = "test_first" if self.test_first else "movable"
            raise self._error(f"{field}={getattr(self, field)!r}: needs form='merge'")


_NOW = CompactionPolicy(
    "capture",
    capture=True,
    source="M. Gorman, 4 and 18 Jan 2019, patch 24 of 25 and 22 of 22; in Linux since 5.1",
    rule="the block goes to the compacting task when a page that it frees completes it; no watermark is asked",
)

_ROWS = (
    CompactionPolicy(
        "off",
        source="mainline 6.1 without its capture; in this point Linux 5.0 and before",
        rule="the block goes to the free lists, and the task asks for one like everybody when its compaction is over",
    ),
    _NOW,
    _NOW.replace(
        name="strict",
        movable="strict",
        source="Linux 5.1 to 6.1",
        rule="as capture, but nobody captures less than a pageblock out of movable pageblocks",
    ),
    _NOW.replace(
        name="relaxed",
        movable="relaxed",
        source="Linux after 6.1; seen in 6.12",
        rule="as capture, but movable requests of less than a pageblock capture out of movable pageblocks, too",
    ),
    _NOW.replace(
        name="test-first",
        test_first=True,
        source="Linux since 6.3",
        rule="as capture, but what the drain of the per-CPU lists completes is noticed a turn later",
    ),
    _NOW.replace(
        name="lists-2012",
        form="lists",
        source="M. Gorman, 17 Aug 2012, V5 of 'Improve hugepage allocation success rates'; reverted Jan 2013",
        rule="after each batch of pages moved, any free block of the type and order is taken from the free lists; "
        "no watermark is asked: the descriptions at hand name none",
    ),
    _NOW.replace(
        name="block-2014",
        form="block",
        watermark="checked",
        source="V. Babka, 18 Jul 2014, V4 14/15 'try to capture the just-created high-order freepage'; not merged",
        rule="after each batch, the aligned block that the batch came from, if it is free and the watermark permits",
    ),
    _NOW.replace(
        name="checked",
        watermark="checked",
        source="P. Zijlstra, 4 Sep 2008, on v2 of the first series; put to today's code",
        rule="as capture, but a block that the watermark forbids goes to the free lists",
    ),
    _NOW.replace(
        name="held",
        watermark="held",
        hold_turns=8,
        source="P. Zijlstra, 4 Sep 2008, on v2 of the first series; put to today's code",
        rule="as checked, but such a block is held and looked at again for up to eight turns",
    ),
    _NOW.replace(
        name="huge-only",
        capture_min_order=9,
        source="what the strict rule amounts to for movable requests",
        rule="as capture, for huge pages alone",
    ),
    _NOW.replace(
        name="proactive-60",
        proactiveness=60,
        source="N. Gupta, 2020, 'mm: Proactive compaction'; in Linux since 5.9, at 20",
        rule="as capture, with kcompactd compacting until three fifths of the free memory lie in huge blocks",
    ),
)

COMPACTION_POLICIES: Mapping[str, CompactionPolicy] = MappingProxyType({row.name: row for row in _ROWS})
