"""Time in compaction and reclaim: begins and ends of a trace are paired by task, nested waits are counted once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..escape import for_terminal
from ..formats.packed import open_packed
from ..formats.stalltext import StallEvent, StallText, read_stalls
from .words import wrapped

__all__ = ["Run", "Stalls", "measure_stalls", "stalls_of"]

SLOWEST = 10
_KINDS = {
    "mm_compaction": "compaction",
    "mm_vmscan_direct_reclaim": "direct_reclaim",
    "mm_vmscan_memcg_reclaim": "memcg_reclaim",
    "mm_vmscan_memcg_softlimit_reclaim": "memcg_softlimit_reclaim",
    "mm_vmscan_node_reclaim": "node_reclaim",
    "mm_vmscan_kswapd": "kswapd",
    "mm_compaction_kcompactd": "kcompactd",
}
_ENDS = {"begin": True, "end": False, "wake": True, "sleep": False}
_SINGLE = {"mm_vmscan_throttled", "writeback_congestion_wait", "writeback_wait_iff_congested"}
_DAEMONS = ("kswapd", "kcompactd")
_WORDS = {
    "compaction": "direct compaction",
    "direct_reclaim": "direct reclaim",
    "memcg_reclaim": "cgroup reclaim",
    "memcg_softlimit_reclaim": "cgroup soft limit",
    "node_reclaim": "node reclaim",
    "throttled": "throttled",
}


@dataclass(frozen=True)
class Run:
    """One wait.

    Parameters
    ----------
    kind : str
        `compaction`, `direct_reclaim`, `memcg_reclaim` ...
    task : str
        `comm-pid`.
    us : int
        Own time, microseconds, rounded down: without the waits inside of it.
    begin_ns : int
        When it began.
    order : int or None
        Order of the request, if the trace says it.
    result : str or None
        Status of a compaction run, as printed.
    pages : int
        Pages reclaimed.
    background : bool
        Whether a daemon did it.
    """

    kind: str
    task: str
    us: int
    begin_ns: int
    order: int | None = None
    result: str | None = None
    pages: int = 0
    background: bool = False


@dataclass
class _Open:
    """A wait that has begun."""

    kind: str
    begin_ns: int
    order: int | None
    inner_ns: int = 0


@dataclass
class Stalls:
    """All waits of a trace.

    Parameters
    ----------
    text : StallText
        What was read.
    runs : list of Run
        In the order of their ends.
    unpaired : int
        Begins without an end, and ends without a begin.
    """

    text: StallText
    runs: list[Run] = field(default_factory=list)
    unpaired: int = 0

    @property
    def status(self) -> int:
        """1 if the trace has no such event."""
        return 0 if self.runs else 1

    def as_dict(self) -> dict[str, Any]:
        """Return the times for JSON; microseconds."""
        stalls = [run for run in self.runs if not run.background]
        by_task: Counter[str] = Counter()
        by_order: Counter[str] = Counter()
        for run in stalls:
            if run.kind != "throttled":
                by_task[run.task] += run.us
                by_order["unknown" if run.order is None else str(run.order)] += run.us
        return {
            "kind": "stalls",
            "stalls": _by_kind(stalls),
            "by_task": dict(by_task),
            "by_order": dict(by_order),
            "deciles_us": _deciles([run.us for run in stalls]),
            "slowest": [vars(run) for run in sorted(stalls, key=lambda run: -run.us)[:SLOWEST]],
            "background": _by_kind([run for run in self.runs if run.background]),
            "unpaired": self.unpaired,
            "lines": self.text.lines,
            "events": self.text.events,
            "unreadable": self.text.unreadable,
        }

    def told(self, full: bool = False) -> str:
        """Return the times for a person."""
        if not self.runs:
            return (
                "no waiting in this trace: it has no pair of compaction or reclaim events.\n"
                "Record them: trace-cmd record -e compaction -e vmscan -e kmem:mm_page_alloc\n"
            )
        stalls = [run for run in self.runs if not run.background and run.kind != "throttled"]
        total, found = sum(run.us for run in stalls), self.as_dict()
        tasks = found["by_task"]
        traced = (self.text.last_ns or 0) - (self.text.first_ns or 0)
        span = f", of {_ms(traced // 1000)} traced" if traced > 0 else ""
        waits, own = (f"{n} {word}{'s' * (n != 1)}" for n, word in ((len(stalls), "wait"), (len(tasks), "task")))
        text = f"stalls: {_ms(total)} in {waits} of {own}{span}\n"
        for kind, row in found["stalls"].items():
            start = (
                f"  {_WORDS.get(kind, kind):<20}{_ms(row['us']):>10}{row['runs']:>6} run{'s' * (row['runs'] != 1):<3}"
            )
            text += wrapped(start, _result(row), 44) + "\n"
        ordered = sorted(tasks.items(), key=lambda item: -item[1])
        for task, us in ordered[: None if full else 6]:
            longest = max((run for run in stalls if run.task == task), key=lambda run: run.us)
            what = f"longest {_ms(longest.us)} ({_WORDS.get(longest.kind, longest.kind)})"
            text += f"  {for_terminal(task)[:20]:<20}{_ms(us):>10}   {what}\n"
        if len(ordered) > 6 and not full:
            text += f"  and {len(ordered) - 6} tasks more; --all has them\n"
        if set(found["by_order"]) - {"unknown"}:
            orders = ", ".join(f"{order}: {_ms(us)}" for order, us in sorted(found["by_order"].items()))
            text += wrapped("  ", f"by order  {orders}", 12) + "\n"
        deciles = " ".join(f"{us / 1000:.1f}" for us in found["deciles_us"])
        text += wrapped("  ", f"deciles, ms: {deciles}", 15) + "\n"
        if full:
            text += self._told_slowest(sorted(stalls, key=lambda run: -run.us)[:SLOWEST])
        for kind, row in found["background"].items():
            name = _WORDS.get(kind, kind).removeprefix("direct ")
            text += f"  background: {name} {_ms(row['us'])} in {row['runs']} run{'s' * (row['runs'] != 1)}\n"
        if self.unpaired:
            text += f"{self.unpaired} begins or ends have no counterpart: cut off, or lost\n"
        return text

    def _told_slowest(self, runs: list[Run]) -> str:
        """Return the longest waits, a line each, with their place in the trace."""
        text = "  the slowest\n"
        for run in runs:
            begin = (run.begin_ns - (self.text.first_ns or 0)) / 1e9
            order = "" if run.order is None else f", order {run.order}"
            result = f", {for_terminal(run.result)}" if run.result else ""
            line = f"at {max(begin, 0):.3f} s  {for_terminal(run.task)[:20]}: {_WORDS.get(run.kind, run.kind)}"
            line += order + result
            text += wrapped(f"{_ms(run.us):>12}  ", line, 14) + "\n"
        return text


def _by_kind(runs: list[Run]) -> dict[str, Any]:
    """Return runs and time by kind, with what they came to."""
    found: dict[str, Any] = {}
    for run in runs:
        row = found.setdefault(run.kind, {"runs": 0, "us": 0})
        row["runs"] += 1
        row["us"] += run.us
        if run.kind == "compaction":
            counts = row.setdefault("by_status", {})
            counts[run.result or "unknown"] = counts.get(run.result or "unknown", 0) + 1
        elif run.kind.endswith("reclaim"):
            row["pages"] = row.get("pages", 0) + run.pages
    return found


def _deciles(values: list[int]) -> list[int]:
    """Return the ten values below which a tenth, two tenths ... and all lie."""
    ordered = sorted(values)
    return [ordered[max((len(ordered) * tenth + 9) // 10 - 1, 0)] for tenth in range(1, 11)] if ordered else []


def _ms(us: int) -> str:
    """Return microseconds as a person would say them."""
    return f"{us / 1000:.1f} ms" if us < 10_000_000 else f"{us / 1_000_000:.1f} s"


def _result(row: dict[str, Any]) -> str:
    """Return what runs of a kind came to."""
    if "by_status" in row:
        counts = row["by_status"].items()
        return ", ".join(f"{count} {'status ' * name.isdigit()}{for_terminal(name)}" for name, count in counts)
    return f"{row['pages']} pages reclaimed" if "pages" in row else ""


class _Pairs:
    """Pairs begins and ends, with a stack for each task."""

    def __init__(self, found: Stalls) -> None:
        self.found = found
        self._stacks: dict[int, list[_Open]] = {}
        self._orders: dict[int, int] = {}
        self._names: dict[int, str] = {}

    def take(self, event: StallEvent) -> None:
        """Take one event."""
        if event.name == "lost":
            self.forget()
        elif event.name == "compactsnoop":
            us = int(float(event.fields["ms"]) * 1000)
            background = event.comm.startswith(_DAEMONS)
            order = int(event.fields["order"])
            task = f"{event.comm}-{event.pid}"
            result = event.fields["status"]
            self.found.runs.append(Run("compaction", task, us, 0, order, result, background=background))
        elif event.name in _SINGLE:
            us = int(event.fields.get("usec_delayed", event.fields.get("usect_delayed", "0")))
            self.found.runs.append(Run("throttled", self._task(event), us, event.time_ns))
        elif event.name == "mm_compaction_try_to_compact_pages":
            self._note_order(event)
        else:
            base, _, end = event.name.rpartition("_")
            if base in _KINDS:
                self._pair(event, _KINDS[base], _ENDS[end])

    def forget(self) -> None:
        """Count all that is open as unpaired: events were lost, or the trace ends."""
        self.found.unpaired += sum(len(stack) for stack in self._stacks.values())
        self._stacks.clear()

    def _note_order(self, event: StallEvent) -> None:
        """Remember what the next runs of a task are for."""
        order = event.fields.get("order", "")
        if order.lstrip("-").isdigit():
            self._orders[event.pid] = int(order)

    def _task(self, event: StallEvent) -> str:
        """Return `comm-pid`; a name that the trace does not know (`<...>`) may have been seen before."""
        if event.comm and event.comm != "<...>":
            self._names[event.pid] = event.comm
        return f"{self._names.get(event.pid, event.comm)}-{event.pid}"

    def _pair(self, event: StallEvent, kind: str, begins: bool) -> None:
        """Open a wait, or close it."""
        stack = self._stacks.setdefault(event.pid, [])
        task = self._task(event)
        at = next((at for at in range(len(stack) - 1, -1, -1) if stack[at].kind == kind), None)
        if begins:
            if at is not None:  # a wait of a kind holds no other of its kind: the end of the first is missing
                self.found.unpaired += len(stack) - at
                del stack[at:]
            order = event.fields.get("order", "")
            outer = self._orders.get(event.pid, stack[-1].order if stack else None)
            known = int(order) if order.lstrip("-").isdigit() else outer
            stack.append(_Open(kind, event.time_ns, known if kind != "kswapd" else None))
            return
        if at is None:
            self.found.unpaired += 1
            return
        self.found.unpaired += len(stack) - at - 1
        opened = stack[at]
        del stack[at:]
        length = event.time_ns - opened.begin_ns
        if length < 0:
            self.found.unpaired += 1
            return
        if stack:
            stack[-1].inner_ns += length
        pages = event.fields.get("nr_reclaimed", "0")
        comm = task.rpartition("-")[0]
        background = kind in _DAEMONS or (kind == "compaction" and comm.startswith(_DAEMONS))
        own = max(length - opened.inner_ns, 0) // 1000
        self.found.runs.append(
            Run(
                kind, task, own, opened.begin_ns, opened.order, event.fields.get("status"),
                int(pages) if pages.isdigit() else 0, background,
            )
        )  # fmt: skip


def measure_stalls(events: Iterable[StallEvent], text: StallText) -> Stalls:
    """Measure how long tasks waited.

    Parameters
    ----------
    events : iterable of StallEvent
        In the order of the trace.
    text : StallText
        What the reader of the events counts.

    Returns
    -------
    Stalls
        The waits. O(events); memory grows with the number of waits.

    Examples
    --------
    >>> begin = StallEvent("mm_compaction_begin", 1_000_000, "sh", 7, {})
    >>> end = StallEvent("mm_compaction_end", 4_500_900, "sh", 7, {"status": "success"})
    >>> stalls = measure_stalls([begin, end, end], StallText())
    >>> stalls.as_dict()["by_task"], stalls.unpaired
    ({'sh-7': 3500}, 1)
    """
    pairs = _Pairs(Stalls(text))
    for event in events:
        pairs.take(event)
    pairs.forget()
    return pairs.found


def stalls_of(path: str | Path) -> Stalls:
    """Measure how long the tasks of a trace waited.

    Parameters
    ----------
    path : str or Path
        A trace as text, plain or compressed.

    Returns
    -------
    Stalls
        Without a run if it has no such event.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    text = StallText()
    with open_packed(path) as file:
        return measure_stalls(read_stalls(file, text), text)
