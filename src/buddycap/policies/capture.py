"""Capture policies as data: who keeps which reclaimed pages for itself, and who waits for whom; one row each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from .._core import policy_ranges
from ..errors import PolicyError
from ..nearest import meant
from .row import PolicyRow

__all__ = ["POLICIES", "CapturePolicy", "find_policy"]

_OF_A_LIST = (  # fields that say how a capture list works
    *("check_real_order", "batch", "batch_forward", "private", "consult", "hold_rounds", "hold_order"),
    *("early_release", "trim", "hook"),
)


@dataclass(frozen=True)
class CapturePolicy(PolicyRow):
    """What a direct reclaimer does with the pages it reclaims, and what others may do meanwhile.

    Parameters
    ----------
    name : str
        What tables call it.
    capture : bool
        Reclaimed pages coalesce on a private capture list, which is consulted for a block that is large enough.
        Without, they go to the per-CPU lists as in mainline.
    capture_min_order : int
        Smallest order for which the policy does anything, 0..15; 15 is above every order, so that it does nothing.
    check_real_order : bool
        The watermark is asked with the order of the captured block, which charges the block twice. Without, with
        order 0.
    batch : int
        Pages that are collected before they go on the capture list, 1..14.
    batch_forward : bool
        A batch is emptied from its first page to its last. Without, from its last, as a pagevec is freed.
    private : bool
        Captured pages merge only with each other. Without, also with free blocks, with those on other capture lists,
        and with what others free next to them.
    consult : str
        When the list is consulted: "pass", after each pass over the LRU lists; "list", after each shrink_page_list, so
        that nothing is kept during the wait before its synchronous pass.
    hold_rounds : int
        Rounds of reclaim, 0..1000, for which a block is held that the watermark forbids, and looked at again. With 0
        it is given back at once, as it is whenever the cpuset forbids it. Needs consult="pass".
    hold_order : int
        Order that these rounds reclaim for, 0..14.
    early_release : bool
        As soon as a block is large enough all others on the list are given back, and no more pages are captured.
    trim : bool
        And that block is cut to size at once. Without, what others free may still join it.
    queue : str
        "credit": an allocation that must reclaim waits for the one that is reclaiming, once 2^order pages of that one
        have been taken by others. "strict": every allocation waits while a reclaimer is at work. Or "none".
    bypass_pcp : bool
        While it reclaims, the per-CPU lists are empty and nobody uses them.
    isolate : bool
        While it reclaims, the pageblock of the first page isolated is MIGRATE_ISOLATE; the block is looked for there.
        Only for orders up to that of a pageblock.
    hook : callable, optional
        Called with a `Consultation` whenever a capture list is consulted. It returns None or "consult" (do what the
        fields say), "return" (take nothing, give everything back), "keep" (leave the list until the next time), or the
        PFN of the block to be looked at first. For prototypes: docs/policies.md says what it costs.
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
    >>> POLICIES["v3"].replace(name="order 2 and up", capture_min_order=2).capture_min_order
    2
    >>> CapturePolicy("wrong", capture=True, batch=0)
    Traceback (most recent call last):
        ...
    buddycap.errors.PolicyError: policy 'wrong': batch=0: allowed range is 1..14
    """

    kernels: ClassVar[tuple[str, ...]] = ("2.6.27",)
    allowed: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(policy_ranges())

    name: str
    capture: bool = False
    capture_min_order: int = 4
    check_real_order: bool = False
    batch: int = 1
    batch_forward: bool = False
    private: bool = False
    consult: str = "pass"
    hold_rounds: int = 0
    hold_order: int = 0
    early_release: bool = False
    trim: bool = False
    queue: str = "none"
    bypass_pcp: bool = False
    isolate: bool = False
    hook: Callable[[Any], Any] | None = None
    source: str = ""
    rule: str = ""

    def __post_init__(self) -> None:
        self._check_fields()
        if self.hook is not None and not callable(self.hook):
            raise self._error(f"hook={self.hook!r}: a function is wanted")
        self._check_together()

    def _check_together(self) -> None:
        """Refuse fields that contradict each other or could have no effect."""
        if not self.capture:
            for field in _OF_A_LIST:
                if getattr(self, field) != getattr(type(self), field):
                    raise self._error(f"{field}={getattr(self, field)!r}: needs capture=True")
        if self.batch_forward and self.batch == 1:
            raise self._error("batch_forward=True: needs a batch of more than one page")
        if self.hold_order and not self.hold_rounds:
            raise self._error(f"hold_order={self.hold_order}: needs hold_rounds")
        if self.hold_rounds and self.consult != "pass":
            raise self._error(f"hold_rounds={self.hold_rounds}: needs consult='pass'")
        if self.trim and not self.early_release:
            raise self._error("trim=True: needs early_release=True")


_V3 = CapturePolicy(
    "v3",
    capture=True,
    source="A. Whitcroft, 5 Sep 2008, patch 4/4 of v3",
    rule="reclaimed pages coalesce on a private list, with free neighbours and with what others free next to them; the "
    "first block that is large enough is taken after each pass, if order 0 leaves the zone above its watermark",
)

_ROWS = (
    CapturePolicy("none", source="mainline 2.6.27", rule="reclaimed pages go to the per-CPU lists: everybody's"),
    _V3.replace(
        name="simple",
        private=True,
        source="A. Whitcroft, 12 Sep 2008, on his first prototype; reading A",
        rule="as v3, but captured pages merge only with each other until the end of the pass over the LRU lists",
    ),
    _V3.replace(
        name="simple-b",
        private=True,
        consult="list",
        source="A. Whitcroft, 12 Sep 2008, on his first prototype; reading B",
        rule="as simple, but the list is consulted, and so emptied, at the end of each shrink_page_list",
    ),
    _V3.replace(
        name="v1",
        check_real_order=True,
        source="A. Whitcroft, 1 Jul 2008, v1 of the series; on the split LRU of v3",
        rule="as v3, but the watermark is asked with the order of the block, although that is not counted as free",
    ),
    _V3,
    _V3.replace(
        name="v4",
        batch=14,
        source="A. Whitcroft, 1 Oct 2008, v4 of the series; order of emptying assumed",
        rule="as v3, but reclaimed pages are collected in a pagevec of 14 before they are captured",
    ),
    _V3.replace(
        name="hold",
        hold_rounds=1,
        source="P. Zijlstra, 4 Sep 2008, on v2",
        rule="as v3, but a block that the watermark forbids is held while a round at order 0 reclaims about 32 pages",
    ),
    _V3.replace(
        name="early-release",
        early_release=True,
        source="M. Kosaki, 2 Jul and 4 Sep 2008, on v1 and v2",
        rule="as v3, but when a block is large enough all other captured blocks are given back at once",
    ),
    CapturePolicy(
        "queue",
        capture_min_order=0,
        queue="credit",
        source="N. Piggin, 8 to 10 Sep 2008, on v3",
        rule="no capture; who must reclaim lines up behind the one reclaiming, once others have taken as many pages as "
        "that one wants",
    ),
    CapturePolicy(
        "queue-strict",
        capture_min_order=1,
        queue="strict",
        source="N. Piggin, 8 Sep 2008, on v3; read strictly",
        rule="no capture; while a direct reclaimer of order 1 or more is at work every other allocation waits",
    ),
    CapturePolicy(
        "no-pcp",
        capture_min_order=1,
        bypass_pcp=True,
        source="C. Lameter, 1 and 2 Oct 2008, on v4",
        rule="no capture; while a direct reclaimer of order 1 or more is at work the per-CPU lists are out of use",
    ),
    CapturePolicy(
        "isolate",
        isolate=True,
        source="H. Kamezawa, 2 Oct 2008, on v4",
        rule="no capture; the pageblock of the first page isolated belongs to nobody else until reclaim ends",
    ),
    _V3.replace(
        name="all-orders",
        capture_min_order=0,
        source="A. Whitcroft, 12 Sep 2008",
        rule="as v3, for every order",
    ),
)

POLICIES: Mapping[str, CapturePolicy] = MappingProxyType({row.name: row for row in _ROWS})


def find_policy(policy: CapturePolicy | str) -> CapturePolicy:
    """Return a policy given by itself or by its name.

    Parameters
    ----------
    policy : CapturePolicy or str
        A row, or the name of a registered one.

    Raises
    ------
    PolicyError
        If there is no policy of that name.

    Examples
    --------
    >>> find_policy("v3").capture_min_order
    4
    >>> find_policy("v2")
    Traceback (most recent call last):
        ...
    buddycap.errors.PolicyError: unknown policy 'v2'; there are none, simple, simple-b, v1, v3, v4, hold, \
early-release, queue, queue-strict, no-pcp, isolate, all-orders
    """
    if isinstance(policy, CapturePolicy):
        return policy
    if policy not in POLICIES:
        raise PolicyError(f"unknown policy {policy!r}; {meant(policy, POLICIES)}")
    return POLICIES[policy]
