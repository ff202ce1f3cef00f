"""Does every page of a recording have its place on a machine with per-CPU lists of blocks, and does none leak?"""

import numpy as np
import pytest

from buddycap import GFP, MisuseError
from buddycap._core import SERVED_DTYPE, Replayer
from buddycap.formats.gfptext import KSWAPD_RECLAIM
from buddycap.formats.kpageflags import KPF, SECTION_PAGES, ZoneFrames
from buddycap.formats.snapshot import Snapshot
from buddycap.formats.tracefile import Trace
from buddycap.formats.tracetext import EVENT_DTYPE, EVENTS, TraceFlags
from buddycap.kernels import KERNELS
from buddycap.machine import Machine
from buddycap.recorded.recording import Recording, open_recording
from buddycap.replay.prepared import Prepared
from buddycap.replay.serving import Options, PlaceServing, plan_recording
from buddycap.replay.timeline import sample_times
from buddycap.replay.whatif import WhatIf, what_if
from sourcelint import ROOT

DATA = ROOT / "tests" / "data" / "replay"
ALLOC, FREE, TAKEN, DRAIN = (EVENTS[f"mm_page_{name}"] for name in ("alloc", "free", "alloc_zone_locked", "pcpu_drain"))
BEGIN, END = EVENTS["mm_compaction_begin"], EVENTS["mm_compaction_end"]
PAGES = 1 << 14
MOVABLE = int(GFP.HIGHUSER_MOVABLE)
KERNEL = KERNELS["6.1"]


def recording(rows, used=0, swap=0):
    """A recording of one zone whose first pages are in use: rows of event, pfn, order, and perhaps flags."""
    events = np.zeros(len(rows), EVENT_DTYPE)
    events["time_ns"] = np.arange(len(rows))
    events["gfp"], events["migratetype"], events["pid"] = MOVABLE, 2, 1
    for k, (event, pfn, order, *flags) in enumerate(rows):
        events[k]["event"], events[k]["pfn"], events[k]["order"] = event, pfn, order
        events[k]["flags"] = flags[0] if flags else TraceFlags.FAILED if event == ALLOC and pfn < 0 else 0
    flags = np.full(PAGES, KPF.BUDDY, np.uint64)
    flags[:used] = KPF.LRU | KPF.SWAPBACKED | KPF.ANON
    return Recording(
        "test",
        Trace(events),
        Snapshot("", (ZoneFrames.from_flags("Normal", 0, flags),), meminfo={"SwapFree": 4 * swap}),
    )


def serve(made, samples=3, **options):
    moments = sample_times(made.first_ns, made.end_ns[0], samples)
    return what_if(made, WhatIf(kernel="6.1", cpus=1, **options), moments)


def in_use(machine):
    """Pages that are neither free nor on per-CPU lists."""
    waiting = sum(zone.pcp(cpu)["count"] for zone in machine.zones for cpu in range(zone.cpus))
    return sum(zone.present_pages - zone.nr_free_pages for zone in machine.zones) - waiting


def played(made, **options):
    """A serving that has come to its end."""
    serving = PlaceServing(Prepared(made), KERNEL, Options(**{"cpus": 1} | options))
    serving.until(made.end_ns[0])
    serving.machine.check()
    return serving


GROUNDS = pytest.mark.parametrize("ground", [{"follow": True}, {"follow": False}, {"follow": False, "lists": True}])


@GROUNDS
def test_blocks_are_freed_in_parts_and_held_ones_where_they_were(ground):
    rows = [(ALLOC, 1024, 3), (ALLOC, 2048, 9), (FREE, 1024, 1), (FREE, 1026, 1), (FREE, 64, 0), (FREE, 2048, 9)]
    serving = played(recording(rows, used=512), **ground)
    assert in_use(serving.machine) == 512 + 4 - 1
    assert serving.replayer.counts == {"missing": 0, "unmoved": 0, "reclaims": 0}


@GROUNDS
def test_what_compaction_moves_stays_in_use_until_its_copy_is_freed(ground):
    rows = [
        *[(ALLOC, 1024, 0), (BEGIN, 0, 0), (FREE, 1024, 0), (FREE, 16, 0), (FREE, 9000, 0), (END, 0, 0)],
        *[(ALLOC, 1024, 0), (FREE, 8000, 0)],
    ]
    serving = played(recording(rows, used=512), **ground)
    # Two pages were moved, 9000 was given back, and 8000 is one of the copies: the other copy and 1024 are left.
    assert serving.plan.counts == {"silent": 1, "copies": 1, "moved": 2, "outside": 0, "grown": 0}
    assert in_use(serving.machine) == 512 + 1
    assert serving.replayer.counts["missing"] == 0


def test_pages_that_were_never_allocated_were_taken_in_bulk():
    serving = played(recording([(ALLOC, 1024, 0), (FREE, 1024, 0), (FREE, 1024, 0), (ALLOC, 77, 0)]))
    assert serving.plan.counts["silent"] == 1
    assert serving.plan.ops["op"].tolist() == [1, 2, 1, 2, 1]
    assert in_use(serving.machine) == 1


@pytest.mark.parametrize("ground", [{"follow": True}, {"follow": False, "lists": True}])
def test_followed_lists_have_what_the_trace_tells(ground):
    refill = int(TraceFlags.REFILL)
    rows = [(TAKEN, 1024 + k, 0, refill) for k in range(40)] + [(DRAIN, 1024, 0), (ALLOC, 1025, 0), (FREE, 1025, 0)]
    serving = played(recording(rows), **ground)
    assert serving.machine.zones[0].pcp(0)["count"] == 39
    assert serving.machine.zones[0].nr_free_pages == PAGES - 39


def test_what_recorded_compaction_has_drained_is_left_to_the_simulated_one():
    rows = [(ALLOC, 1024, 0), (FREE, 1024, 0), (BEGIN, 0, 0), (FREE, 16, 0), (DRAIN, 16, 0), (END, 0, 0)]
    counts = {}
    for name, ground in (("followed", {}), ("lists", {"follow": False, "lists": True})):
        counts[name] = played(recording(rows, used=512), **ground).machine.zones[0].pcp(0)["count"]
    assert counts == {"followed": 1, "lists": 1}


def test_a_drain_that_no_free_has_caused_empties_the_lists():
    rows = [(ALLOC, 1024, 0), (FREE, 1024, 0), (ALLOC, 1024, 0), (DRAIN, 2000, 0), (DRAIN, 2001, 0)]
    serving = played(recording(rows), follow=False)
    assert serving.machine.zones[0].pcp(0)["count"] == 0
    assert serving.machine.zones[0].nr_free_pages == PAGES - 1


def test_failures_stay_failures_unless_something_is_different_for_them():
    rows = [(ALLOC, -1, 9), (ALLOC, 1024, 9), (FREE, 1024, 9), (ALLOC, 0, 0)]
    same, tried = serve(recording(rows)), serve(recording(rows), defrag="always")
    assert (same.asked[9], same.failed[9], same.failed_recorded[9]) == (2, 1, 1)
    assert (tried.asked[9], tried.failed[9], tried.failed_recorded[9]) == (2, 0, 1)


def test_a_stopped_machine_comes_out_as_it_was():
    """A machine of this kernel with one CPU, whose lists are known: nothing but the requests is taken from it."""
    made = open_recording(DATA / "fork")
    result = what_if(made, WhatIf(background="simulated"), sample_times(made.first_ns, made.end_ns[0], 3))
    assert result.kernel == "6.1"
    assert result.warnings == ()
    truth = [made.end.buddyinfo[zone.name] for zone in made.start.frames]
    assert result.timeline.nr_free[-1].tolist() == [list(row) for row in truth]


def test_pieces_of_the_operations_do_not_matter():
    made = open_recording(DATA / "thpfrag")
    for options in ({}, {"background": "simulated"}):
        one, many = (serve(made, samples=n, **options) for n in (2, 19))
        assert one.timeline.nr_free[-1].tolist() == many.timeline.nr_free[-1].tolist()
        assert one.as_dict()["failed"] == many.as_dict()["failed"]


def test_another_kernel_is_named_and_the_nearest_is_told():
    made = open_recording(DATA / "thpfrag")
    result = what_if(made, WhatIf(), np.array([made.end_ns[0]]))
    assert result.kernel == "6.12"
    assert "6.18.44" in result.warnings[0]
    assert what_if(made, WhatIf(policy="v3"), np.array([made.end_ns[0]])).kernel == "2.6.27"
    for wrong in ({"kernel": "7.7"}, {"background": "guessed"}, {"defrag": "sometimes"}):
        with pytest.raises(MisuseError, match=next(iter(wrong))):
            WhatIf(**wrong)
    for other in ({"policy": "v3"}, {"max_page_order": 9}):
        with pytest.raises(MisuseError, match=next(iter(other))):
            what_if(made, WhatIf(kernel="6.1", **other), np.array([made.end_ns[0]]))


def test_daemons_run_where_they_are_woken():
    made = recording([(ALLOC, PAGES - 100, 0)], used=PAGES - 200, swap=PAGES)
    made.trace.events["cpu"] = 1
    made.trace.events["gfp"] |= KSWAPD_RECLAIM
    serving = played(made, follow=False, cpus=2, min_free=2048)
    assert (serving._costs()["pgsteal_kswapd"] > 0, serving.machine.zones[0].cpu) == (True, 1)


@GROUNDS
def test_a_section_that_a_zone_grows_by_is_free_when_its_first_page_is_handed_out(ground):
    section = SECTION_PAGES
    made = recording([(ALLOC, 1024, 0), (ALLOC, section + 2048, 9), (FREE, section + 2048, 9)])
    flags = np.concatenate([np.full(PAGES, KPF.BUDDY), np.full(2 * section - PAGES, KPF.NOPAGE)]).astype(np.uint64)
    made = Recording("grown", made.trace, Snapshot("", (ZoneFrames.from_flags("Normal", 0, flags),)))
    serving = played(made, **ground)
    assert serving.plan.counts["grown"] == 1
    waiting = serving.machine.zones[0].pcp(0)["count"]
    assert serving.machine.zones[0].nr_free_pages + waiting == PAGES + section - 1
    assert serving._counts[0][0][-1] + serving._counts[0][0][9] >= section >> 10


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_followed_requests_are_served_from_their_recorded_zone_whatever_the_marks_say(kernel):
    made = torn(1, 0)
    for pfn in (256, PAGES // 2 + 256):
        made.trace.events["pfn"][3] = pfn
        serving = PlaceServing(Prepared(made), KERNELS[kernel], Options(cpus=1, min_free=1 << 17))
        serving.until(made.end_ns[0])
        (place,) = [places[pfn - first] for first, places in serving.places if 0 <= pfn - first < len(places)]
        assert place >= 0
        assert (place < PAGES // 2) == (pfn < PAGES // 2)


def torn(pid, zone):
    """A recording of two zones, every other page in use, in which a task that allocates (1) or not (2) compacts."""
    made = recording([(ALLOC, PAGES // 2, 0), (BEGIN, zone, 0), (END, zone, 0), (ALLOC, PAGES // 2 + 2, 0)])
    made.trace.events["pid"][1:3] = pid
    flags = np.where(np.arange(PAGES) % 2, KPF.LRU | KPF.SWAPBACKED | KPF.ANON, KPF.BUDDY).astype(np.uint64)
    zones = tuple(
        ZoneFrames.from_flags(name, first, flags[first : first + PAGES // 2])
        for name, first in (("DMA", 0), ("Normal", PAGES // 2))
    )
    return Recording("torn", made.trace, Snapshot("", zones))


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
@pytest.mark.parametrize(
    ("pid", "zone", "whole"), [(1, 0, True), (2, 0, True), (1, PAGES // 2, False), (2, PAGES // 2, False)]
)
def test_all_zones_are_compacted_where_the_recorded_machine_did_so(kernel, pid, zone, whole):
    """By hand, or proactively; one that begins in a higher zone is of a request, or asked of kcompactd."""
    made = torn(pid, zone)
    moments = sample_times(made.first_ns, made.end_ns[0], 2)
    for background in ("followed", "lists", "simulated"):
        result = what_if(made, WhatIf(kernel=kernel, background=background), moments)
        assert (result.costs.get("pgmigrate_success", 0) > 0) == (whole and background != "followed")


def test_from_empty_memory():
    rows = [(FREE, 512, 9), (ALLOC, 900, 2), (FREE, 4096, 0), (FREE, 900, 2)]
    serving = played(recording(rows), follow=False, empty=True)
    assert in_use(serving.machine) == 0


@GROUNDS
def test_mixed_pageblocks_are_counted_where_the_pages_have_come_to_lie(ground):
    made = open_recording(DATA / "fork")
    serving = PlaceServing(Prepared(made), KERNEL, Options(**ground))
    draw = np.random.default_rng(1)
    sorts = [draw.choice(np.array([0, 0, 0, 0x10, 0x20], np.uint8), len(pages)) for _, pages in serving.places]
    sorts[-1][::3] = 0
    replayer = Replayer(serving.machine, serving.places, sorts=sorts, daemons=not ground["follow"])
    for ops in np.array_split(serving.plan.ops, 3):
        replayer.run(ops)
        blocks = [set(), set()]
        for (_, places), sort in zip(serving.places, sorts, strict=True):
            for k in range(2):
                blocks[k] |= set(places[(sort == 0x10 << k) & (places >= 0)] >> made.start.frames[0].pageblock_order)
        assert sum(replayer.mixed_pageblocks()) == len(blocks[0] & blocks[1]) > 0
    op = serving.plan.ops[serving.plan.ops["op"] == 1][-1]
    kinds = [sort[op["pfn"] - start] for (start, places), sort in zip(serving.places, sorts, strict=True)
             if start <= op["pfn"] < start + len(places)]  # fmt: skip
    assert kinds == [0x10 if op["to"] == KERNEL.MigrateType.MOVABLE else 0x20]


def test_the_seed_draws_the_order_of_the_lists():
    made = open_recording(DATA / "thpfrag")
    one, two = (plan_recording(Prepared(made), KERNEL, Options(seed=seed)).start.machine.zones[0] for seed in (1, 2))
    assert one.nr_free.tolist() == two.nr_free.tolist()
    assert one.free_blocks(0)["pfn"].tolist() != two.free_blocks(0)["pfn"].tolist()


@pytest.mark.parametrize(
    ("field", "value"), [("op", 0), ("op", 10), ("cpu", 1), ("order", 11), ("pfn", PAGES), ("gfp", 1 << 31)]
)
def test_impossible_operations_are_refused_before_anything_is_done(field, value):
    machine = Machine.preset("x86_64", memory="64MiB", kernel="6.1", events=True)
    replayer = Replayer(machine, [(0, np.full(PAGES, -1))])
    ops = np.zeros(2, SERVED_DTYPE)
    ops["op"] = 1
    ops[1][field] = value
    before = [zone.digest() for zone in machine.zones]
    with pytest.raises(MisuseError, match=field):
        replayer.run(ops)
    assert [zone.digest() for zone in machine.zones] == before


def test_what_a_replayer_is_made_of_is_looked_at():
    machine = Machine.preset("x86_64", memory="64MiB", kernel="6.1", events=True)
    silent = Machine.preset("x86_64", memory="64MiB", kernel="6.1")
    places = [(0, np.full(PAGES, -1))]
    for made in (
        lambda: Replayer(silent, places),
        lambda: Replayer(machine, []),
        lambda: Replayer(machine, [(0, np.full(PAGES, -1, np.int32))]),
        lambda: Replayer(machine, places, lru_flags=1 << 12),
        lambda: Replayer(machine, [(-1, np.full(PAGES, -1))]),
        lambda: Replayer(machine, places, sorts=[np.zeros(PAGES - 1, np.uint8)]),
        lambda: Replayer(machine, places, sorts=[np.zeros(PAGES, np.uint8)] * 2),
    ):
        with pytest.raises(MisuseError):
            made()
