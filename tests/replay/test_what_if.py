"""Are recorded requests served as the simulated allocator serves them, and are they the recorded ones?"""

import numpy as np
import pytest

from buddycap import GFP, MisuseError
from buddycap.formats.kpageflags import KPF, ZoneFrames
from buddycap.formats.snapshot import Snapshot
from buddycap.formats.tracefile import Trace
from buddycap.formats.tracetext import EVENT_DTYPE, EVENTS, TraceFlags
from buddycap.recorded.recording import Recording, open_recording
from buddycap.replay.timeline import sample_times
from buddycap.replay.whatif import WhatIf, what_if
from sourcelint import ROOT

DATA = ROOT / "tests" / "data" / "replay"
ALLOC, FREE = EVENTS["mm_page_alloc"], EVENTS["mm_page_free"]
PAGES = 1 << 14
FIXED = int(GFP.KERNEL)
MOVABLE = int(GFP.HIGHUSER_MOVABLE)


def recording(rows, used=0, swap=PAGES):
    """A recording of one zone whose first pages are in use."""
    events = np.zeros(len(rows), EVENT_DTYPE)
    events["time_ns"] = np.arange(len(rows))
    for k, (event, pfn, order, *rest) in enumerate(rows):
        events[k]["event"], events[k]["pfn"], events[k]["order"] = event, pfn, order
        events[k]["gfp"] = rest[0] if rest else FIXED
        events[k]["migratetype"] = 2 if rest and rest[0] & GFP.MOVABLE else 0
        events[k]["flags"] = TraceFlags.FAILED if pfn < 0 else 0
    flags = np.full(PAGES, KPF.BUDDY, np.uint64)
    flags[:used] = KPF.LRU | KPF.SWAPBACKED | KPF.ANON
    return Recording(
        "test",
        Trace(events),
        Snapshot("", (ZoneFrames.from_flags("Normal", 0, flags),), meminfo={"SwapFree": 4 * swap}),
    )


def serve(made, samples=3, **options):
    moments = sample_times(made.first_ns, made.end_ns[0], samples)
    return what_if(made, WhatIf(kernel="2.6.27", cpus=1, **options), moments)


def test_free_pages_are_those_of_the_recording():
    rows = [(ALLOC, 900, 2), (ALLOC, 1000, 1, MOVABLE), (FREE, 900, 2), (FREE, 16, 0), (ALLOC, 2048, 9, MOVABLE)]
    result = serve(recording(rows, used=64), samples=5)
    free = PAGES - 64
    assert result.timeline.free_pages[:, 0].tolist() == [free - 4, free - 6, free - 2, free - 2, free - 514]
    # The page of order 0 is on a per-CPU list: /proc/buddyinfo does not count it either.
    assert (result.asked[9], result.failed, result.operations) == (1, (0,) * 11, 5)


def test_pieces_of_the_stream_do_not_matter():
    made = open_recording(DATA / "fork")
    one, many = (serve(made, samples=n) for n in (1, 37))
    assert one.timeline.nr_free[-1].tolist() == many.timeline.nr_free[-1].tolist()
    assert (one.asked, one.failed, one.operations) == (many.asked, many.failed, many.operations)
    assert one.operations > 16000


def test_the_same_seed_gives_the_same_numbers():
    made = open_recording(DATA / "thpfrag")
    assert serve(made, seed=3, direct=True).as_dict() == serve(made, seed=3, direct=True).as_dict()


def test_from_empty_memory():
    rows = [(FREE, 512, 9), (ALLOC, 900, 2), (FREE, 4096, 0), (FREE, 900, 2)]
    result = serve(recording(rows), samples=4, empty=True)
    # The huge page has come and gone at the first moment; a per-CPU list was filled with three pages for a single one.
    assert (PAGES - result.timeline.free_pages[:, 0]).tolist() == [3, 7, 7, 3]
    assert result.asked == (1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0)
    assert (result.failed, result.operations) == ((0,) * 11, 6)


def test_watermarks_and_geometry():
    rows = [(ALLOC, 64 * k, 6, MOVABLE) for k in range(250)]
    assert sum(serve(recording(rows)).failed) == 0
    assert sum(serve(recording(rows), min_free=20000).failed) > 0
    with pytest.raises(MisuseError):
        WhatIf(pageblock_order=15)
    small = serve(recording(rows), max_page_order=5, pageblock_order=5)
    assert (small.left_out, sum(small.asked)) == (250, 0)
    big = serve(recording(rows), max_page_order=12, pageblock_order=12)
    assert big.timeline.nr_free.shape[-1] == 13


def test_requests_that_failed_are_asked_again_and_last_as_long_as_others():
    rows = [
        (ALLOC, 0, 9, MOVABLE),
        (FREE, 0, 9),
        (ALLOC, -1, 9, MOVABLE),
        *[(ALLOC, 8000 + 8 * k, 3) for k in range(4)],
    ]
    result = serve(recording(rows), samples=7)
    assert (result.asked[9], result.failed_recorded[9], result.failed[9]) == (2, 1, 0)
    assert (PAGES - result.timeline.free_pages[:, 0]).tolist() == [512, 0, 512, 8, 16, 24, 32]


def test_direct_reclaim_takes_what_the_trace_does_not_free():
    rows = [(ALLOC, PAGES - 512, 9, MOVABLE)]
    made = recording(rows, used=PAGES - 300)
    old, new = serve(made, policy="none"), serve(made, policy="v3")
    assert (old.reclaimed, new.reclaimed, old.failed[9], new.failed[9]) == (1, 1, 0, 0)
    assert (old.costs["freed"], new.costs["freed"], new.costs["captured"]) == (1024, 512, 512)
    rows = [(ALLOC, PAGES - 512, 9, MOVABLE & ~int(GFP.WAIT))]
    made = recording(rows, used=PAGES - 300)
    assert [serve(made, direct=direct).failed[9] for direct in (False, True)] == [1, 0]


@pytest.mark.parametrize(("kernel", "asks"), [("2.6.27", False), ("6.1", True), ("6.12", True)])
def test_nothing_is_swapped_out_where_there_was_no_swap_but_in_2_6_27_which_always_has_some(kernel, asks):
    rows = [(ALLOC, PAGES - 512, 9, MOVABLE)]
    for swap, served in ((0, not asks), (PAGES, True)):
        made = recording(rows, used=PAGES - 300, swap=swap)
        moments = sample_times(made.first_ns, made.end_ns[0], 2)
        result = what_if(made, WhatIf(kernel=kernel, cpus=1, direct=True), moments)
        assert bool(result.failed[9]) != served


@pytest.mark.parametrize("words", [["policy"], ["x=1"], ["empty=maybe"], ["seed=-1"], ["cpus=0"], ["seed=1", "seed=2"]])
def test_refusals(words):
    with pytest.raises(MisuseError):
        WhatIf.parse(words)
