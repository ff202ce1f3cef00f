"""What a trace answers without any snapshot: who waited and how long, what was asked for, what failed, who asked."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..escape import for_terminal
from ..formats.stacks import caller_of, collapsed
from ..formats.tracetext import EVENTS, TraceFlags, TraceReader, TraceReport
from .stalls import Stalls
from .words import wrapped

__all__ = ["Requests", "TraceAnswer", "read_requests"]

_ALLOC, _EXTFRAG = EVENTS["mm_page_alloc"], EVENTS["mm_page_alloc_extfrag"]
_FREES = (EVENTS["mm_page_free"], EVENTS["mm_page_free_batched"])
_MOST_ORDERS = 32
_FEW = 8


@dataclass
class Requests:
    """Allocations of a trace.

    Parameters
    ----------
    report : TraceReport
        What was read.
    asked, failed : Counter of int
        Requests, and those without a page, by order.
    fallbacks : int
        How often a type took a block of another (`mm_page_alloc_extfrag`).
    callers : dict of str to Counter
        Requests by order, for each caller: of events with a stack.
    alive : Counter of str
        Pages not freed again in the trace, by caller.
    stealing : Counter of str
        Fallbacks by caller.
    stacks : Counter of tuple
        Pages by stack.
    """

    report: TraceReport
    asked: Counter[int] = field(default_factory=Counter)
    failed: Counter[int] = field(default_factory=Counter)
    fallbacks: int = 0
    callers: dict[str, Counter[int]] = field(default_factory=dict)
    alive: Counter[str] = field(default_factory=Counter)
    stealing: Counter[str] = field(default_factory=Counter)
    stacks: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts for JSON."""
        return {
            "by_order": {str(order): count for order, count in sorted(self.asked.items())},
            "failed": {str(order): count for order, count in sorted(self.failed.items())},
            "fallbacks": self.fallbacks,
            "callers": [
                {
                    "caller": name,
                    "orders": {str(order): count for order, count in sorted(orders.items())},
                    "pages": sum(count << order for order, count in orders.items()),
                    "alive_pages": self.alive[name],
                    "fallbacks": self.stealing[name],
                }
                for name, orders in self._ordered()
            ],
            "trace": self.report.as_dict(),
        }

    def _ordered(self) -> list[tuple[str, Counter[int]]]:
        """Return callers, those who ask for most pages first."""
        return sorted(
            self.callers.items(), key=lambda item: (-sum(count << order for order, count in item[1].items()), item[0])
        )

    def told(self, full: bool = False) -> str:
        """Return the counts for a person."""
        total = sum(self.asked.values())
        text = f"{total} requests, {sum(self.failed.values())} failed, {self.fallbacks} took a block of another type\n"
        orders = ", ".join(f"{order}: {count}" for order, count in sorted(self.asked.items()))
        text += f"  by order    {orders}\n"[:79].rstrip() + "\n" if orders else ""
        if self.failed:
            text += f"  failed      {', '.join(f'{order}: {count}' for order, count in sorted(self.failed.items()))}\n"
        if self.callers:
            text += f"  {'caller':<36}{'requests':>10}{'pages':>10}{'not freed':>11}{'fallbacks':>10}\n"
        rows = self._ordered()
        for name, counts in rows if full else rows[:_FEW]:
            pages = sum(count << order for order, count in counts.items())
            numbers = f"{sum(counts.values()):>10}{pages:>10}{self.alive[name]:>11}{self.stealing[name]:>10}"
            text += f"  {for_terminal(name)[:36]:<36}{numbers}\n"
        if len(rows) > _FEW and not full:
            text += f"  and {len(rows) - _FEW} callers more; --all has them\n"
        return text

    def collapsed(self) -> str:
        """Return pages by stack, as flame-graph tools read them."""
        return collapsed(self.stacks)


def read_requests(path: str | Path, kernel: str | None = None, depth: int = 1) -> Requests | None:
    """Count the allocations of a trace, and name who asked where it has stacks.

    Parameters
    ----------
    path : str or Path
        The trace.
    kernel : str or None
        Release of its kernel.
    depth : int
        Functions to name a caller by.

    Returns
    -------
    Requests or None
        None if the trace has no event of the page allocator.

    Notes
    -----
    O(trace). Memory grows with stacks, and with the pages that are alive and have one.
    """
    with TraceReader(path, kernel) as reader:
        found, first = Requests(reader.report), 0
        alive: dict[int, tuple[str, int]] = {}
        waiting: list[tuple[int, NDArray[np.void]]] = []
        try:
            for events in reader:
                _count(found, events)
                waiting.append((first, events))
                first += len(events)
                if len(waiting) > 1:  # the stack of the last event of a piece comes with the next piece
                    _name(found, *waiting.pop(0), reader.stacks, alive, depth)
        except FormatError:
            if not first and reader.report.lines:
                return None
            raise
        for start, events in waiting:
            _name(found, start, events, reader.stacks, alive, depth)
    for name, order in alive.values():
        found.alive[name] += 1 << order
    return found


def _wanted(events: NDArray[np.void]) -> NDArray[np.bool_]:
    return np.isin(events["event"], (_ALLOC, _EXTFRAG, *_FREES))


def _count(found: Requests, events: NDArray[np.void]) -> None:
    """Count requests by order."""
    asked = events[events["event"] == _ALLOC]
    failed = asked[(asked["flags"] & int(TraceFlags.FAILED)) != 0]
    for counter, rows in ((found.asked, asked), (found.failed, failed)):
        counts = np.bincount(rows["order"], minlength=_MOST_ORDERS)
        counter.update({order: int(counts[order]) for order in np.flatnonzero(counts).tolist()})
    found.fallbacks += int((events["event"] == _EXTFRAG).sum())


def _name(
    found: Requests,
    first: int,
    events: NDArray[np.void],
    stacks: dict[int, tuple[str, ...]],
    alive: dict[int, tuple[str, int]],
    depth: int,
) -> None:
    """Name the callers of a piece; pages are alive until they are freed."""
    if not stacks:
        return
    places: Iterable[int] = np.flatnonzero(_wanted(events)).tolist()
    kinds, pfns, orders = events["event"].tolist(), events["pfn"].tolist(), events["order"].tolist()
    for place in places:
        pfn, order = pfns[place], orders[place]
        if kinds[place] in _FREES:
            _free(alive, pfn, order)
            continue
        stack = stacks.get(first + place)
        if stack is None:
            alive.pop(pfn, None)
            continue
        name = caller_of(stack, depth) or "unknown"
        if kinds[place] == _EXTFRAG:
            found.stealing[name] += 1
            found.callers.setdefault(name, Counter())
        else:
            found.callers.setdefault(name, Counter())[order] += 1
            found.stacks[stack] += 1 << order
            if pfn >= 0:
                alive[pfn] = name, order


def _free(alive: dict[int, tuple[str, int]], pfn: int, order: int) -> None:
    """Free a page; one of a larger block leaves the others of it alive."""
    held = alive.pop(pfn, None)
    if held is None or held[1] <= order:
        return
    name, whole = held
    for smaller in range(order, whole):  # what is left of a block of which the first part is freed
        alive[pfn + (1 << smaller)] = name, smaller


@dataclass
class TraceAnswer:
    """What a trace answers.

    Parameters
    ----------
    stalls : Stalls
        Who waited.
    requests : Requests or None
        What was asked for; None if the trace has no such events, or comes through a pipe.
    left_out : str
        What of this form of trace is not read; empty if all is.
    """

    stalls: Stalls
    requests: Requests | None = None
    left_out: str = ""

    @property
    def status(self) -> int:
        """1 if there is nothing to tell."""
        return 0 if self.stalls.runs or self.requests is not None else 1

    def as_dict(self) -> dict[str, Any]:
        """Return times and counts for JSON."""
        requests = None if self.requests is None else self.requests.as_dict()
        return self.stalls.as_dict() | {"requests": requests} | ({"left_out": self.left_out} if self.left_out else {})

    def told(self, full: bool = False) -> str:
        """Return times and counts for a person."""
        if self.requests is None or (self.stalls.runs and not self.requests.asked):
            return self.stalls.told(full) + (wrapped("", self.left_out) + "\n" if self.left_out else "")
        return (self.stalls.told(full) if self.stalls.runs else "") + self.requests.told(full)
