"""How far from the truth a what-if may be: what is unknown is drawn again and again, what is known to be wrong counts.

A recording does not hold the order inside its lists, nor which pages wait on per-CPU lists; a seed draws them, and
several seeds give a range. What the simulation does otherwise than the machine no seed shows. But one thing is known of
every recording: what came of it when nothing was different. So the range is widened by the error of the same simulation
with nothing different, the largest up to each moment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MisuseError
from ..formats.extfrag import unusable_free_index
from .prepared import Prepared
from .result import WhatIfResult
from .timeline import HUGE_ORDER, Timeline
from .whatif import WhatIf, what_if

__all__ = ["FIGURES", "Band", "Control", "banded", "figures_of", "margin_of", "predict"]

FIGURES = ("free pages", "pieces", "unusable")
MOST_SEEDS = 1000
_BOUNDS = np.array([[np.inf], [np.inf], [1000]])

Figures = NDArray[np.float64]


def figures_of(line: Timeline, order: int = HUGE_ORDER) -> Figures:
    """Return what a time line says of all zones together: ndarray[float64], shape (figures, samples).

    Examples
    --------
    >>> line = Timeline(("DMA",), np.array([0]), np.array([[[4, 2]]]), np.zeros((1, 1), int))
    >>> dict(zip(FIGURES, figures_of(line, 1)[:, 0].tolist()))
    {'free pages': 8.0, 'pieces': 2.0, 'unusable': 500.0}
    """
    whole = unusable_free_index(line.nr_free.sum(1, keepdims=True), order)[:, 0]
    return np.array([line.free_pages.sum(1), line.pieces(order).sum(1), whole], float)


def margin_of(truth: Figures, tries: Sequence[Figures]) -> Figures:
    """Return how far the middle of some tries has been from the truth, the most up to each moment.

    Examples
    --------
    >>> margin_of(np.array([[5.0, 5, 5]]), [np.array([[5.0, 8, 6]]), np.array([[5.0, 8, 4]])]).tolist()
    [[0.0, 3.0, 3.0]]
    """
    errors: Figures = np.maximum.accumulate(np.abs(np.median(tries, axis=0) - truth), axis=1)
    return errors


@dataclass(frozen=True, eq=False)
class Band:
    """Where a what-if may lie.

    Parameters
    ----------
    label : str
        What is different.
    order : int
        Of the pieces.
    low, middle, high : ndarray[float64], shape (figures, samples)
        By `FIGURES`, all zones together; the middle is the median of the seeds.
    seeds : int
    controlled : bool
        Whether the band is widened by the error of the simulation; else it is the range of the seeds.
    """

    label: str
    order: int
    low: Figures
    middle: Figures
    high: Figures
    seeds: int
    controlled: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the last moment for JSON."""
        rows = {
            name: {"low": float(self.low[k, -1]), "middle": float(self.middle[k, -1]), "high": float(self.high[k, -1])}
            for k, name in enumerate(FIGURES)
        }
        return {"what_if": self.label, "order": self.order, "seeds": self.seeds, "controlled": self.controlled} | rows


def banded(label: str, tries: Sequence[Figures], margin: Figures | None, order: int = HUGE_ORDER) -> Band:
    """Return the band of some tries, widened by a margin.

    Examples
    --------
    >>> tries = [np.array([[4.0], [1], [990]]), np.array([[6.0], [1], [995]])]
    >>> band = banded("", tries, np.array([[1.0], [2], [10]]))
    >>> band.low[:, 0].tolist(), band.high[:, 0].tolist()
    ([3.0, 0.0, 980.0], [7.0, 3.0, 1000.0])
    """
    wide = np.zeros_like(tries[0]) if margin is None else margin
    low = np.maximum(np.min(tries, axis=0) - wide, 0)
    high = np.minimum(np.max(tries, axis=0) + wide, _BOUNDS)
    return Band(label, order, low, np.median(tries, axis=0), high, len(tries), margin is not None)


class Control:
    """How wrong the simulation is on a recording where nothing is different: asked for once for each way of serving.

    Parameters
    ----------
    prepared : Prepared
        The recording.
    moments : ndarray[int64]
    truth : Timeline, optional
        The reconstruction at these moments.
    seeds : int, 1..1000
    """

    def __init__(
        self,
        prepared: Prepared,
        moments: NDArray[np.int64],
        truth: Timeline | None,
        seeds: int,
    ) -> None:
        if not 1 <= seeds <= MOST_SEEDS:
            raise MisuseError(f"seeds={seeds}: allowed range is 1..{MOST_SEEDS}")
        self.prepared, self.moments, self.truth, self.seeds = prepared, moments, truth, seeds
        self._found: dict[WhatIf, Figures] = {}

    def tries(self, what: WhatIf, step: Callable[[], None] | None = None) -> list[WhatIfResult]:
        """Serve the requests with each seed, from that of the what-if on."""
        return [
            what_if(self.prepared, replace(what, seed=what.seed + k), self.moments, step=step)
            for k in range(self.seeds)
        ]

    def margin(self, what: WhatIf, order: int, step: Callable[[], None] | None = None) -> Figures | None:
        """Return how far off a what-if of this kind is; None if that is not known: it begins with other memory."""
        if self.truth is None or what.empty:
            return None
        plain = what.control
        if plain not in self._found:
            found = [figures_of(result.timeline, order) for result in self.tries(plain, step)]
            self._found[plain] = margin_of(figures_of(self.truth, order), found)
        return self._found[plain]


def predict(
    control: Control, what: WhatIf, order: int = HUGE_ORDER, step: Callable[[], None] | None = None
) -> tuple[WhatIfResult, Band]:
    """Serve the requests of a recording with several seeds; the result of the first, and the band of all.

    Parameters
    ----------
    control : Control
    what : WhatIf
    order : int
        Of the pieces.
    step : callable, optional
        Called after each moment of each try.

    Raises
    ------
    MisuseError
        See `what_if`.
    """
    results = control.tries(what, step)
    tries = [figures_of(result.timeline, order) for result in results]
    return results[0], banded(what.label, tries, control.margin(what, order, step), order)
