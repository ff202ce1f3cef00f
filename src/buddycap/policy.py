"""Capture policies as data: who keeps which reclaimed pages for itself, one row each."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Self

from .errors import PolicyError

__all__ = ["POLICIES", "CapturePolicy", "find_policy"]

_LAST_ORDER = 15  # one above the largest order of any zone: "never"
_PAGEVEC_SIZE = 14


@dataclass(frozen=True)
class CapturePolicy:
    """What a direct reclaimer does with the pages it reclaims.

    Parameters
    ----------
    name : str
        What tables call it.
    capture : bool
        Reclaimed pages coalesce on a private capture list, which is searched after each pass over the LRU lists.
        Without, they go to the per-CPU lists as in mainline.
    capture_min_order : int
        Smallest order that captures, 0..15; 15 is above every order.
    check_real_order : bool
        The watermark is asked with the order of the captured block, which charges the block twice. Without, with
        order 0.
    batch : int
        Pages that are collected before they go on the capture list, 1..14.
    batch_forward : bool
        A batch is emptied from its first page to its last. Without, from its last, as a pagevec is freed.
    source : str
        Who proposed it, and when.

    Raises
    ------
    PolicyError
        If a field is out of range or says something about a capture list without `capture`.

    Examples
    --------
    >>> POLICIES["v3"].replace(name="order 2 and up", capture_min_order=2).capture_min_order
    2
    >>> CapturePolicy("wrong", capture=True, batch=0)
    Traceback (most recent call last):
        ...
    buddycap.errors.PolicyError: policy 'wrong': batch=0: allowed range is 1..14
    """

    name: str
    capture: bool = False
    capture_min_order: int = 4
    check_real_order: bool = False
    batch: int = 1
    batch_forward: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        for flag in ("capture", "check_real_order", "batch_forward"):
            if not isinstance(getattr(self, flag), bool):
                raise self._error(f"{flag}={getattr(self, flag)!r}: True or False is wanted")
        self._check_range("capture_min_order", 0, _LAST_ORDER)
        self._check_range("batch", 1, _PAGEVEC_SIZE)
        if not self.capture and (self.check_real_order or self.batch > 1 or self.batch_forward):
            raise self._error("check_real_order, batch and batch_forward need capture=True")

    def _error(self, message: str) -> PolicyError:
        return PolicyError(f"policy {self.name!r}: {message}")

    def _check_range(self, field: str, low: int, high: int) -> None:
        value = getattr(self, field)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._error(f"{field}={value!r}: allowed range is {low}..{high}")

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values.

        Parameters
        ----------
        **changes
            Fields and their new values.

        Raises
        ------
        PolicyError
            If a field does not exist or the result contradicts itself.

        Examples
        --------
        >>> POLICIES["v3"].replace(batches=3)
        Traceback (most recent call last):
            ...
        buddycap.errors.PolicyError: policy 'v3': unknown field 'batches'
        """
        known = {field.name for field in fields(self)}
        for name in changes:
            if name not in known:
                raise self._error(f"unknown field {name!r}")
        return replace(self, **changes)


_ROWS = (
    CapturePolicy("none", source="mainline 2.6.27"),
    CapturePolicy("v1", capture=True, check_real_order=True, source="Whitcroft, 1 Jul 2008; on the split LRU of v3"),
    CapturePolicy("v3", capture=True, source="Whitcroft, 5 Sep 2008"),
    CapturePolicy("v4", capture=True, batch=14, source="Whitcroft, 1 Oct 2008; order of emptying assumed"),
    CapturePolicy("all-orders", capture=True, capture_min_order=0, source="Whitcroft, 12 Sep 2008"),
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
    buddycap.errors.PolicyError: unknown policy 'v2'; there are none, v1, v3, v4, all-orders
    """
    if isinstance(policy, CapturePolicy):
        return policy
    if policy not in POLICIES:
        raise PolicyError(f"unknown policy {policy!r}; there are {', '.join(POLICIES)}")
    return POLICIES[policy]
