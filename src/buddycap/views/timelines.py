"""Time lines of a watched run: for the Perfetto viewer, and as trace text."""

from collections.abc import Iterator

from ..flags import MigrateType
from .ftrace import page_alloc, trace_line
from .perfetto import Timeline
from .record import Recorder
from .runs import WatchedRun

__all__ = ["PATHS", "add_counters", "run_timeline", "trace_of_requests"]

PATHS = ("none", "low watermark", "min watermark", "no watermark", "captured", "after reclaim", "last try", "failed")


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
        A slice for each request, with a slice inside it when it had to reclaim; the huge pages held, as a counter; and
        the counters of memory.
    """
    timeline = Timeline()
    held = 0
    for row in run.requests[run.requests["start_ns"].argsort(kind="stable")]:
        start, end = int(row["start_ns"]), int(row["start_ns"] + row["latency_ns"])
        path = PATHS[int(row["path"])] if 0 <= row["path"] < len(PATHS) else str(row["path"])
        facts = {
            name: int(row[name]) for name in row.dtype.names if name not in ("start_ns", "latency_ns", "path", "page")
        }
        pfn = int(row["page"]) + run.zone.start_pfn if row["page"] >= 0 else -1
        timeline.slice("requests", f"order {run.order}: {path}", start, end, category="request", pfn=pfn, **facts)
        if row["scanned"]:
            name = f"direct reclaim, {int(row['sync_passes'])} synchronous passes"
            timeline.slice(
                "requests", name, start, end, category="reclaim", scanned=facts["scanned"], freed=facts["freed"]
            )
    ends = run.requests["start_ns"] + run.requests["latency_ns"]
    for k in ends.argsort(kind="stable"):
        held += int(run.requests["page"][k] >= 0)
        timeline.counter("huge pages held", int(ends[k]), held, unit="huge pages")
    add_counters(timeline, run.recorder)
    return timeline


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
