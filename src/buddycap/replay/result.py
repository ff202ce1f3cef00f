"""What became of the requests of a recording."""

from dataclasses import dataclass, field
from typing import Any

from .timeline import Timeline

__all__ = ["WhatIfResult"]


@dataclass(frozen=True, eq=False)
class WhatIfResult:
    """What became of the requests.

    Parameters
    ----------
    what : WhatIf
    timeline : Timeline
        Its `mixed` counts pages that reclaim took as still there until they are allocated anew.
    asked, failed : tuple of int
        Requests per order, and those that got nothing.
    failed_recorded : tuple of int
        Those that had got nothing on the recorded machine.
    reclaimed : int
        Requests that reclaimed directly.
    costs : dict of str to int
        Sums over direct reclaim and kswapd: scanned, freed, captured and more, as `COST_DTYPE` names them.
    operations : int
        Allocations and frees performed.
    left_out : int
        Requests too large for the simulated machine.
    kernel : str
        Whose allocator has served.
    counts : dict of int
        Of a kernel with per-CPU lists of blocks: what the background was, see `Plan` and `Replayer`.
    warnings : tuple of str
        What a reader should know.
    """

    what: Any
    timeline: Timeline
    asked: tuple[int, ...]
    failed: tuple[int, ...]
    failed_recorded: tuple[int, ...]
    reclaimed: int
    costs: dict[str, int]
    operations: int
    left_out: int = 0
    kernel: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {
            "what_if": self.what.label,
            "asked": list(self.asked),
            "failed": list(self.failed),
            "failed_recorded": list(self.failed_recorded),
            "direct_reclaims": self.reclaimed,
            "costs": self.costs,
            "operations": self.operations,
            "left_out": self.left_out,
            "end": self.timeline.summary(),
            **({"kernel": self.kernel, "background": self.counts} if self.counts else {}),
        }
