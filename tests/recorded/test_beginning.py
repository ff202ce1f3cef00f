"""Is a page that was read after it had changed what it was before, when a machine begins as its recording does?"""

import numpy as np
import pytest

from buddycap.formats.kpageflags import KPF, PageKind, ZoneFrames
from buddycap.formats.snapshot import Snapshot
from buddycap.formats.tracefile import Trace
from buddycap.formats.tracetext import EVENT_DTYPE, EVENTS
from buddycap.recorded.beginning import as_it_began
from buddycap.recorded.recording import Recording

ALLOC, FREE, TAKEN, DRAIN = (EVENTS[f"mm_page_{name}"] for name in ("alloc", "free", "alloc_zone_locked", "pcpu_drain"))
BEGUN, READ = 100, 200  # when the pages were read
PROGRAM = KPF.LRU | KPF.SWAPBACKED | KPF.ANON
PAGE = 64


def recording(event, flags, at, order=0, noted=True):
    """A recording with one event, of a page that was read with these flags."""
    events = np.zeros(2, EVENT_DTYPE)
    events["time_ns"], events["pfn"] = [at, 2 * READ], [PAGE, 512]
    events["event"], events["order"], events["migratetype"] = event, order, 2
    pages = np.full(1024, PROGRAM, np.uint64)
    pages[PAGE : PAGE + (1 << order)] = flags
    meta = {"monotonic_ns": [BEGUN, READ]} if noted else {}
    marks = [(BEGUN - 1, "buddycap: snapshot start begin"), (READ + 1, "buddycap: snapshot start end")]
    return Recording(
        "test", Trace(events, marks), Snapshot("", (ZoneFrames.from_flags("Normal", 0, pages),), meta=meta)
    )


def kinds(made, order=0):
    return set(as_it_began(made).start.frames[0].kinds[PAGE : PAGE + (1 << order)].tolist())


@pytest.mark.parametrize(
    ("event", "flags", "before"),
    [
        (TAKEN, PROGRAM, PageKind.FREE),
        (ALLOC, PROGRAM, PageKind.KERNEL),  # it was on a list of a CPU, where pages have no flags
        (DRAIN, KPF.BUDDY, PageKind.KERNEL),
        (FREE, KPF.BUDDY, PageKind.KERNEL),  # in use, nobody knows by whom
    ],
    ids=["taken", "allocated", "drained", "freed"],
)
def test_what_happened_before_a_page_was_read_is_undone(event, flags, before):
    assert kinds(recording(event, flags, BEGUN + 1)) == {int(before)}
    assert kinds(recording(event, flags, BEGUN + 1, order=3), order=3) == {int(before)}
    later = kinds(recording(event, flags, READ + 1))
    assert later != {int(before)}, "what happens after the reading says nothing of it"
    assert kinds(recording(event, flags, BEGUN + 1, noted=False)) == later, "when it was read is not known"


def test_a_page_that_was_freed_and_read_before_stays_what_it_was():
    found = as_it_began(recording(FREE, PROGRAM, BEGUN + 1))
    assert found.start.frames[0].kinds[PAGE] == recording(FREE, PROGRAM, 0).start.frames[0].kinds[PAGE]


def test_a_page_that_nobody_had_initialised_stays_a_hole():
    assert kinds(recording(TAKEN, KPF.NOPAGE, BEGUN + 1)) == {int(PageKind.HOLE)}
