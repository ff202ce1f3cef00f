"""Time lines of a watched run: for the Perfetto viewer, and as trace text."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .._core import WAITS
from ..flags import MigrateType
from .ftrace import page_alloc, trace_line
from .perfetto import Timeline
from .record import Recorder
from .runs import WatchedRun

__all__ = ["PATHS", "add_counters", "run_timeline", "trace_of_requests"]

# What time lines call the ends of a request, by `RequestPath`.
PATHS = (
    "none",
    "low watermark",
    "min watermark",
    "no watermark",
    "captured",
    "after reclaim",
    "last try",
    "failed",
    "isolated pageblock",
    "after compaction",
)

_DONE = WAITS.index("done")
_WAIT_NAMES = {"congestion": "congestion_wait", "writeback": "synchronous wait for writeback"}
_NO_FACTS = ("start_ns", "latency_ns", "path", "page")


def add_counters(timeline: Timeline, recorder: Recorder) -> None:
    """Add what was recorded of memory: free pages, blocks per order, the two indices in thousandths, pages by kind."""
    for k, zone in enumerate(recorder.zones):
        table = recorder.table(k)
        orders = [name for name in table.dtype.names or () if name.startswith("order_")]
        for row in table:
            time = int(row["time_ns"])
            timeline.counter(f"{zone.name}: free pages", time, int(row["free_pages"]), unit="pages")
            timeline.counter(f"{zone.name}: unusable free index", time, int(row["unusable_index"]), unit="1/1000")
            timeline.counter(f"{zone.name}: extfrag index", time, int(row["extfrag_index"]), unit="1/1000")
            for order, name in enumerate(orders):
                pages = int(row[name]) << order
                timeline.counter(f"{zone.name}: free, order {order:2d}", time, pages, unit="pages")
        for kind in dict.fromkeys(name for moment in recorder.moments for name in moment.counts[k]):
            for moment in recorder.moments:
                pages = moment.counts[k].get(kind, 0)
                timeline.counter(f"{zone.name}: {kind}", moment.time_ns, pages, unit="pages")


def run_timeline(run: WatchedRun) -> Timeline:
    """Return the time line of a run of the experiment.

    Returns
    -------
    Timeline
        For each requester a slice for each request, and inside it what it did: direct reclaim, congestion_wait, waiting
        for a page under writeback (synchronous lumpy reclaim), holding a captured block, queueing. As counters, the
        huge pages obtained, and what was recorded of memory.
    """
    timeline = Timeline()
    done = run.turns[run.turns["wait"] == _DONE]
    tasks = dict(
        zip(zip(done["request_ns"].tolist(), done["end_ns"].tolist(), strict=True), done["task"].tolist(), strict=True)
    )
    first = min(tasks.values(), default=0)
    ends: dict[str, int] = {}
    for row in run.requests:  # in order of their ends
        start, end = int(row["start_ns"]), int(row["start_ns"] + row["latency_ns"])
        facts = {name: int(row[name]) for name in row.dtype.names if name not in _NO_FACTS}
        pfn = int(row["page"]) + run.zone.start_pfn if row["page"] >= 0 else -1
        track = _track(tasks.get((start, end), first), first)
        # A requester that is late begins while the work of its last request is still being accounted for.
        begin = max(start, ends.get(track, 0))
        timeline.slice(
            track, f"order {run.order}: {PATHS[row['path']]}", begin, end, category="request", pfn=pfn, **facts
        )
        ends[track] = end
    _add_turns(timeline, run.turns, first)
    got = run.requests[run.requests["page"] >= 0]
    for k, time in enumerate(np.sort(got["start_ns"] + got["latency_ns"]).tolist(), start=1):
        timeline.counter("huge pages obtained", time, k, unit="huge pages")
    add_counters(timeline, run.recorder)
    return timeline


def _track(task: int, first: int) -> str:
    """Return the name of a requester's track."""
    return f"requester {task - first + 1}"


def _add_turns(timeline: Timeline, turns: NDArray[np.void], first: int) -> None:
    """Add what the requests did, and the spans in which they held captured blocks."""
    before: dict[int, dict[str, int]] = {}
    for row in turns:
        turn = {name: int(row[name]) for name in row.dtype.names}
        track = _track(turn["task"], first)
        last = before.get(turn["task"])
        if last and last["request_ns"] == turn["request_ns"] and WAITS[last["wait"]] == "queue":
            timeline.slice(track, "queue", last["work_end_ns"], turn["start_ns"], category="wait")
        if turn["holding"]:
            timeline.slice(track, "holds a captured block", turn["start_ns"], turn["end_ns"], category="hold")
        if turn["work_end_ns"] > turn["start_ns"]:
            timeline.slice(track, "direct reclaim", turn["start_ns"], turn["work_end_ns"], category="reclaim")
        if turn["end_ns"] > turn["work_end_ns"]:
            name = _WAIT_NAMES.get(WAITS[turn["wait"]], WAITS[turn["wait"]])
            timeline.slice(track, name, turn["work_end_ns"], turn["end_ns"], category="wait")
        before[turn["task"]] = turn


def trace_of_requests(run: WatchedRun) -> Iterator[str]:
    """Yield the lines of the requests of a run: direct reclaim begins, ends, and the allocation, or its failure."""
    gfp = "GFP_HIGHUSER_MOVABLE|__GFP_NOWARN|__GFP_COMP"
    events = []
    for number, row in enumerate(run.requests):
        start, end = int(row["start_ns"]), int(row["start_ns"] + row["latency_ns"])
        pfn = int(row["page"]) + run.zone.start_pfn if row["page"] >= 0 else None
        if row["scanned"]:
            begin = f"order={run.order} gfp_flags={gfp}"
            events.append((start, number, 0, "mm_vmscan_direct_reclaim_begin", begin))
            events.append((end, number, 1, "mm_vmscan_direct_reclaim_end", f"nr_reclaimed={int(row['freed'])}"))
        events.append((end, number, 2, "mm_page_alloc", page_alloc(pfn, run.order, MigrateType.MOVABLE, gfp)))
    for time, _, _, event, payload in sorted(events):
        yield trace_line(time, event, payload, comm="request")
