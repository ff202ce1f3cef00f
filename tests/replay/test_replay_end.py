"""Is the end compared honestly: which pages are left out, at which moment are the others compared?"""

import numpy as np
import pytest

from buddycap import MisuseError
from buddycap.formats.kpageflags import KPF, ZoneFrames
from buddycap.formats.snapshot import Snapshot
from buddycap.formats.tracefile import Trace
from buddycap.formats.tracetext import EVENT_DTYPE, EVENTS
from buddycap.recorded.recording import Recording
from buddycap.replay.ending import compare_end, reading_moments
from buddycap.replay.reconstruct import Reconstruction

TAKE, DRAIN = EVENTS["mm_page_alloc_zone_locked"], EVENTS["mm_page_pcpu_drain"]
ISOLATE = EVENTS["mm_compaction_isolate_freepages"]
PAGES = 1 << 17
MARKS = [(0, "start begin"), (10, "end begin"), (1010, "end kpageflags done")]


def frames(free, bare=(), start=0):
    """One zone whose pages are in use, but for ranges of free ones, and of some without flags."""
    flags = np.full(PAGES, KPF.LRU | KPF.SWAPBACKED, np.uint64)
    for first, end in free:
        flags[first - start : end - start] = KPF.BUDDY
    for first, end in bare:
        flags[first - start : end - start] = 0
    return ZoneFrames.from_flags("Normal", start, flags)


def compared(rows, start, end, bare=(), meta=None, first=0):
    """The report on a recording whose end is read from 10 to 1010 ns; rows are (ns, event, pfn, order, ...)."""
    rows = rows or [(1, EVENTS["mm_page_free_batched"], 0, 0)]  # it means nothing
    events = np.zeros(len(rows), EVENT_DTYPE)
    for k, (ns, event, pfn, order, *rest) in enumerate(rows):
        events[k]["time_ns"], events[k]["event"], events[k]["pfn"], events[k]["order"] = ns, event, pfn, order
        if rest:
            events[k]["span"], events[k]["arg"] = rest
    trace = Trace(events, [(ns, f"buddycap: snapshot {text}") for ns, text in MARKS])
    last = Snapshot("", (frames(end, bare, first),), meta=meta or {})
    recording = Recording("", trace, Snapshot("", (frames(start, (), first),)), last)
    return compare_end(Reconstruction(trace, recording.start, recording.first_ns), recording)


def numbers(report):
    return report.wrong, report.changed, report.moving, report.moving_wrong, report.moving_changed


def test_pages_that_nothing_touches_meanwhile_are_compared_as_they_are():
    rows = [(5, TAKE, 0, 3), (6, TAKE, 16, 3)]
    report = compared(rows, [(0, 32)], [(8, 16), (20, 32)])
    assert numbers(report) == (4, 12, 0, 0, 0)
    assert [(row.pages, row.free, row.cause) for row in report.causes] == [(4, False, "taken from the free lists")]
    assert (report.all_wrong, report.all_changed, report.moving_wrong_even) == (4, 12, 0)


def test_pages_that_move_are_compared_with_what_they_were_when_they_were_read():
    """Read by ascending PFN: the first page early, the last late, whichever their events."""
    rows = [(500, TAKE, 0, 0), (500, TAKE, PAGES - 1, 0), (900, TAKE, PAGES // 2, 0)]
    start = [(0, 1), (PAGES - 1, PAGES), (PAGES // 2, PAGES // 2 + 1)]
    read = [(0, 1), (PAGES // 2, PAGES // 2 + 1)]
    assert numbers(compared(rows, start, read)) == (0, 0, 3, 0, 1)
    backwards = compared(rows, start, [(PAGES - 1, PAGES), (PAGES // 2, PAGES // 2 + 1)])
    assert backwards.moving_wrong == 1, "one order of reading cannot explain both"
    assert backwards.moving_wrong_even == 2


def test_an_uneven_pace_is_told():
    rows = [(900, TAKE, 0, 0)]
    report = compared(rows, [(0, 1)], [])
    assert (report.moving_wrong, report.moving_wrong_even, report.all_wrong) == (0, 1, 0)


def test_a_page_that_comes_back_while_it_is_read_is_left_out_too():
    rows = [(400, DRAIN, PAGES // 2, 0), (600, TAKE, PAGES // 2, 0)]
    assert numbers(compared(rows, [], [(PAGES // 2, PAGES // 2 + 1)])) == (0, 0, 1, 0, 1)


def test_ranges_of_compaction_count_if_it_took_something():
    nothing = compared([(500, ISOLATE, 512, 0, 512, 0)], [], [])
    some = compared([(500, ISOLATE, 512, 0, 512, 8)], [(512, 520)], [])
    assert (nothing.moving, some.moving, some.moving_wrong) == (0, 512, 0)


def test_free_pageblocks_without_flags_are_told_apart():
    """As the kernel shows them while it reports them to a hypervisor; they stay in the number of wrong pages."""
    report = compared([], [(100, 200), (512, 2048)], [(1024, 1536)], [(512, 1024), (1536, 2048), (100, 200)])
    assert (report.wrong, report.reported) == (1124, 1024)
    shifted = compared([], [(1100, 2048)], [(1100, 1536)], [(1536, 2048)], first=1000)
    assert (shifted.wrong, shifted.reported) == (512, 512)


def test_the_lists_of_a_stopped_machine_are_those_behind_the_last_event():
    rows = [(5, TAKE, 0, 0), (2000, TAKE, 1, 0)]
    report = compared(rows, [(0, 4)], [(2, 4)], meta={"stopped": True})
    assert numbers(report) == (0, 2, 0, 0, 0)
    assert report.nr_free == report.nr_free_after


def test_moments_ascend_and_are_the_best():
    rng = np.random.default_rng(3)
    for _ in range(50):
        costs, even = rng.integers(0, 3, (4, 5)), np.arange(5) * 3 // 4
        found = reading_moments(costs, even)
        assert (np.diff(found) >= 0).all()

        def price(moments, costs=costs, even=even):
            return costs[moments, range(5)].sum() * 100 + np.abs(moments - even).sum()

        every = np.stack(np.meshgrid(*[range(4)] * 5), -1).reshape(-1, 5)
        ascending = every[(np.diff(every) >= 0).all(axis=1)]
        assert price(found) == min(price(moments) for moments in ascending)


def test_snapshots_of_other_pages_are_refused():
    trace = Trace(np.zeros(1, EVENT_DTYPE))
    start, end = Snapshot("", (frames([]),)), Snapshot("", (frames([], (), 512),))
    with pytest.raises(MisuseError, match="do not span"):
        compare_end(Reconstruction(trace, start), Recording("", trace, start, end))
    with pytest.raises(MisuseError, match="no snapshot of the end"):
        compare_end(Reconstruction(trace, start), Recording("", trace, start))
