"""Are the pages found again that compaction takes, of which no event tells the PFN?"""

from dataclasses import replace

import numpy as np
import pytest

from buddycap import FormatError, MisuseError
from buddycap._trace import Follower
from buddycap.flags import MigrateType
from buddycap.formats.kpageflags import KPF, ZoneFrames
from buddycap.formats.liststate import read_list_state
from buddycap.formats.snapshot import Snapshot
from buddycap.formats.tracefile import Trace, read_trace
from buddycap.formats.tracetext import EVENT_DTYPE, EVENTS, TraceFlags
from buddycap.recorded.pageblocks import inferred_pageblock_types
from buddycap.replay.reconstruct import Reconstruction

ALLOC, FREE, TAKE, DRAIN = (EVENTS[f"mm_page_{name}"] for name in ("alloc", "free", "alloc_zone_locked", "pcpu_drain"))
EXTFRAG = EVENTS["mm_page_alloc_extfrag"]
ISOLATE, FAST, BEGIN, END = (
    EVENTS[f"mm_compaction_{name}"] for name in ("isolate_freepages", "fast_isolate_freepages", "begin", "end")
)
PAGES = 4096


def trace(*rows):
    """Events of one task from (event, pfn, order, other fields)."""
    events = np.zeros(len(rows), EVENT_DTYPE)
    events["time_ns"], events["migratetype"], events["flags"] = np.arange(len(rows)), 2, TraceFlags.CONTEXT
    for k, (event, pfn, order, *rest) in enumerate(rows):
        events[k]["event"], events[k]["pfn"], events[k]["order"] = event, pfn, order
        for name, value in (rest[0] if rest else {}).items():
            events[k][name] = value
    return Trace(events)


def after(events, free=(), types=None):
    """Free pages and oddities after a trace."""
    flags = np.full(PAGES, KPF.LRU | KPF.SWAPBACKED, np.uint64)
    for first, end in free:
        flags[first:end] = KPF.BUDDY
    zone = ZoneFrames.from_flags("Normal", 0, flags)
    if types is not None:
        zone = replace(zone, block_types=np.array(types, np.uint8))
    memory = Reconstruction(events, Snapshot("", (zone,)))
    memory.follow()
    pages = np.flatnonzero(memory.free("Normal")).tolist()
    return pages, {name: n for name, n in memory.oddities().items() if n}


def isolate(pfn, span, taken, scanned=0):
    return (ISOLATE, pfn, 0, {"span": span, "arg": taken, "gfp": scanned})


def test_every_free_page_of_a_range():
    assert after(trace(isolate(512, 512, 24)), [(520, 536), (544, 552)]) == ([], {})
    other = after(trace(isolate(512, 512, 20)), [(520, 536)])
    assert other == ([*range(520, 536)], {"isolated_other": 1})


def test_the_scanner_skips_pages_after_blocks_in_which_it_found_nothing():
    """By a stride it meets only the heads that it steps on, and over a block that it takes it goes whole."""
    free = [(513, 514), (516, 518), (520, 528), (529, 530)]
    assert after(trace(isolate(512, 512, 12, 512)), free) == ([], {})
    # 512, 514, 516 (2 pages), 519, 521 ... : the block at 520 is passed by, and so is 513; 529 is met
    assert after(trace(isolate(512, 512, 3, 257)), free) == ([513, *range(520, 528)], {})
    # 512, 516 (2 pages), 521, 525, 529 (1 page), 533 ...
    assert after(trace(isolate(512, 512, 3, 129)), free) == ([513, *range(520, 528)], {})
    # 512, 520 (8 pages), 535, ...
    assert after(trace(isolate(512, 512, 8, 71)), free) == ([513, 516, 517, 529], {})


def test_the_two_numbers_decide_between_strides():
    free = [(512, 514)]
    for scanned in (512, 257, 130):  # 512 takes all; 257 steps by 2: 2 pages, then from 515 on
        pages, odd = after(trace(isolate(512, 512, 2, scanned)), free)
        assert pages == ([] if scanned != 130 else pages)
        assert scanned == 130 or odd == {}
    assert after(trace(isolate(512, 512, 2, 400)), free)[1] == {"isolated_other": 1}


def test_a_block_that_reaches_across_the_border_is_not_met():
    """The second pageblock of a free block of order 10 has no head in it: nothing is taken there."""
    assert after(trace(isolate(1536, 512, 0, 512)), [(1024, 2048)]) == ([*range(1024, 2048)], {})
    assert after(trace(isolate(1536, 512, 0, 100)), [(1536, 1537)])[1] == {}, "huge pages shift a stride"


def test_what_is_given_back_tells_what_was_taken():
    rows = ((BEGIN, 0, 0, {"span": PAGES}), (FAST, 0, 0, {"span": PAGES, "arg": 16}), (FREE, 1032, 3), (END, 0, 0))
    assert after(trace(*rows), [(1024, 1040), (2048, 2064)]) == ([*range(2048, 2064)], {})
    nothing = trace(*rows[:2])
    assert after(nothing, [(1024, 1040)]) == ([*range(1024, 1040)], {"fast_isolated": 16})


RUN = ((BEGIN, 0, 0, {"span": PAGES}), (FAST, 1024, 0, {"span": 2048, "arg": 16}), (END, 0, 0))


def test_a_later_run_shows_what_an_ended_one_had_kept():
    """A range in which 16 pages more are free than compaction found, and one block of that size."""
    rows = (*RUN, isolate(1024, 512, 8, 512))
    assert after(trace(*rows), [(1024, 1040), (1100, 1104), (1200, 1204)]) == ([], {})
    two = after(trace(*rows), [(1024, 1040), (1104, 1120), (1200, 1208)])
    assert two[1] == {"isolated_other": 1, "fast_isolated": 16}, "which of two, nobody knows"
    below = (*RUN, isolate(512, 512, 8, 512))
    assert after(trace(*below), [(512, 528), (600, 608)])[1] == {"isolated_other": 1, "fast_isolated": 16}


def test_a_page_freed_later_shows_its_block():
    """It seems to be free: so an ended run had taken its block, which may have found a free buddy since."""
    rows = (*RUN, (FREE, 1050, 0, {"pid": 9}))
    assert after(trace(*rows), [(1040, 1056), (3000, 3001)]) == ([3000], {})
    assert after(trace(*rows), [(1024, 1056)]) == ([*range(1024, 1040)], {})
    outside = (*RUN, (FREE, 900, 0, {"pid": 9}))
    assert after(trace(*outside), [(900, 901)])[1] == {"free_of_free": 1, "fast_isolated": 16}


BLIND = (BEGIN, 0, 0, {"span": PAGES, "arg": 3584})
MOVABLE = [MigrateType.MOVABLE] * 8


def run(*pfns, back=()):
    """A run without isolation events that moves pages, and gives some back."""
    rows = [(FREE, pfn, 0) for pfn in pfns]
    return [BLIND, *rows, *[row for pfn in back for row in ((FREE, pfn, 0), (DRAIN, pfn, 0))], (END, 0, 0)]


def test_without_its_events_the_free_scanner_is_followed():
    """Down from the end by movable pageblocks, up inside them, by whole blocks, as many pages as were moved."""
    free = [(3600, 3602), (3700, 3704), (3072, 3080), (2560, 3072)]
    assert after(trace(*run(8, 9)), free, MOVABLE)[0] == [*range(2560, 3080), *range(3700, 3704)]
    assert after(trace(*run(8, 9, 10)), free, MOVABLE)[0] == [*range(2560, 3080)]
    seven = run(*range(8, 15))
    assert after(trace(*seven), free, MOVABLE)[0] == [*range(2560, 3072)]
    assert after(trace(*seven[:-1]), free, MOVABLE)[0] == after(trace(), free)[0], "the run goes on"
    unmovable = [*MOVABLE[:6], MigrateType.UNMOVABLE, MigrateType.MOVABLE]
    whole = after(trace(*seven), free, unmovable)
    assert whole[0] == [*range(2560, 3080)], "neither an unmovable pageblock nor one that is free as a whole"
    claim = (EXTFRAG, 3100, 0, {"flags": TraceFlags.OWNERSHIP, "arg": 3, "migratetype": 2})
    assert after(trace(claim, *seven), free, unmovable)[0] == [*range(2560, 3072)]
    drains = [(DRAIN, 3200, 0, {"migratetype": kind}) for kind in (2, 0)]
    assert after(trace(drains[0], *seven), free, unmovable)[0] == [*range(2560, 3072), 3200]
    assert after(trace(*seven, drains[0]), free, unmovable)[0] == [*range(2560, 3072), 3200], "as the first drain says"
    assert after(trace(*drains, *seven), free, MOVABLE)[0] == [*range(2560, 3080), 3200], "and then the last one"


def test_a_call_of_the_scanner_is_for_32_pages():
    """After a pageblock without a free page it looks at every second page; the next call looks at each again."""
    heads = [*range(3072, 3372, 3)]
    left = after(trace(*run(*range(8, 48))), [(page, page + 1) for page in heads], MOVABLE)[0]
    even = [page for page in heads if page % 2 == 0][:32]
    behind = [page for page in heads if page > even[-1]]
    assert left == sorted({*heads} - {*even} - {*behind[:8]})


def test_what_is_given_back_was_not_filled():
    """And shows where the rest is."""
    free = [(3600, 3602), (3700, 3704), (1024, 1032)]
    assert after(trace(*run(8, back=[3601])), free, MOVABLE)[0] == [*range(1024, 1032), 3601, *range(3700, 3704)]
    assert after(trace(*run(8, 9, back=[1024, 1029])), free, MOVABLE)[0] == [
        1024,
        1029,
        *range(3600, 3602),
        *range(3700, 3704),
    ]
    some = run(*range(8, 16), back=[1031])
    assert after(trace(*some), free, MOVABLE)[0] == [1031, *range(3700, 3704)], "seven there, one more elsewhere"


def test_it_skips_more_and_more_pages():
    """Two pageblocks without a free page: then it looks at every fourth one."""
    free = [(2561, 2562), (2564, 2568), (2600, 2601)]
    assert after(trace(*run(8)), free, MOVABLE)[0] == [2561, 2600]


def test_the_guess_is_made_only_where_nothing_is_told():
    free = [(3600, 3602)]
    told = trace(isolate(0, 16, 0), *run(8, 9))
    assert after(told, free, MOVABLE)[0] == [3600, 3601]
    assert after(trace(*run(8, 9)[1:]), free, MOVABLE)[0] == [3600, 3601]
    flags = np.full(PAGES, KPF.BUDDY, np.uint64)
    flags[8:16] = KPF.LRU
    blind = Reconstruction(trace(*run(8)), Snapshot("", (ZoneFrames.from_flags("Normal", 0, flags),)), infer=False)
    blind.follow()
    assert blind.free("Normal").sum() == PAGES - 8


def test_types_of_pageblocks_go_on_with_the_pages():
    """What is saved in the middle can be followed further."""
    flags = np.full(PAGES, KPF.LRU, np.uint64)
    zone = replace(ZoneFrames.from_flags("Normal", 0, flags), block_types=np.array(MOVABLE, np.uint8))
    drains = [(DRAIN, 600, 0, {"migratetype": kind}) for kind in (0, 1)]
    memory = Reconstruction(trace(*run(8), *drains), Snapshot("", (zone,)))
    memory.follow(3)
    assert memory.frames()[0].block_types.tolist() == [2, 0, *[2] * 6]
    memory.follow()
    assert memory.frames()[0].block_types.tolist() == [2, 1, *[2] * 6]
    told = Reconstruction(trace(isolate(0, 8, 0), *drains), Snapshot("", (zone,)))
    told.follow()
    assert told.frames()[0].block_types.tolist() == MOVABLE, "as recorded: nobody needs them"


def test_any_runs_leave_a_consistent_state():
    rng = np.random.default_rng(7)
    for told in (False, True) * 20:
        events = np.zeros(2000, EVENT_DTYPE)
        codes = [FREE, FREE, FREE, DRAIN, TAKE, ALLOC, BEGIN, END, EXTFRAG] + [ISOLATE, FAST] * told
        events["event"] = rng.choice(codes, 2000)
        events["order"] = rng.choice([0, 0, 0, 1, 3, 9, 14], 2000)
        events["pfn"] = rng.integers(-5, PAGES + 20, 2000) >> (shift := rng.integers(0, 11, 2000)) << shift
        events["pid"] = rng.integers(0, 3, 2000)
        events["span"] = rng.integers(0, PAGES + 9, 2000)
        events["arg"] = rng.integers(0, 1 << rng.integers(1, 16), 2000)
        events["gfp"] = rng.choice([0, 1, 64, 257, 1 << 31], 2000)
        events["flags"], events["migratetype"] = rng.integers(0, 1 << 13, 2000), rng.choice([0, 2, 7, 255], 2000)
        flags = np.where(rng.random(PAGES) < 0.5, np.uint64(KPF.BUDDY), np.uint64(KPF.LRU))
        memory = Reconstruction(Trace(events), Snapshot("", (ZoneFrames.from_flags("Normal", 0, flags),)))
        memory.follow()
        words = np.where(memory.free("Normal"), KPF.BUDDY, KPF.SLAB).astype(np.uint64)
        assert (ZoneFrames.from_flags("Normal", 0, words).nr_free == memory.nr_free("Normal")).all()
        assert min(memory.oddities().values()) >= 0


@pytest.mark.parametrize("low", [0, 8, PAGES - 1, PAGES, 1 << 50])
def test_runs_that_claim_more_than_there_is(low):
    """A scanner that would begin far behind the zone's end begins at it."""
    far = {"span": 0xFFFFFFFF, "arg": 0xFFFFFFFF}
    for other in ((), ((BEGIN, 1 << 40, 0, far),)):
        rows = [(BEGIN, low, 0, far), *other, (FREE, 9, 0), (END, 0, 0)]
        pages, _ = after(trace(*rows), [(3600, 3602), (3700, 3704)], MOVABLE)
        assert pages == ([*range(3700, 3704)] if low <= 8 else [3600, 3601, *range(3700, 3704)])
    wide = (ISOLATE, 0, 0, {"span": PAGES, "arg": 6})
    assert after(trace(wide), [(3600, 3602), (3700, 3704)])[1] == {"isolated_other": 1}


def test_both_numbers_are_read_and_where_the_scanner_begins(tmp_path):
    head = "kcompactd0-8 [001] ..... 3.924174: mm_compaction_"
    (tmp_path / "t").write_text(
        f"{head}begin: zone_start=0x1000 migrate_pfn=0x1000 free_pfn=0xffe00 zone_end=0x100000, mode=sync\n"
        f"{head}isolate_freepages: range=(0xbea00 ~ 0xbeb3a) nr_scanned=158 nr_taken=10\n"
        f"{head}begin: zone_start=0x1000 migrate_pfn=0x1000 free_pfn=0x1000 zone_end=0x100000, mode=sync\n"
    )
    found = read_trace(tmp_path / "t").events[["pfn", "span", "arg", "gfp"]].tolist()
    assert found == [(0x1000, 0xFF000, 0xFEE00, 0), (0xBEA00, 314, 10, 158), (0x1000, 0xFF000, 0, 0)]


def test_recorded_types_of_pageblocks(tmp_path):
    state = '{{"zones": [{{"name": "D", "start_pfn": 1, "spanned": 1600, "free": {}, "pageblock_flags": {}}}]}}'
    (tmp_path / "s.json").write_text(state.format([[[9]]] + [[[]]] * 10, [1, 8, 10, 3]))
    snapshot = read_list_state(tmp_path / "s.json")
    assert snapshot.meta["stopped"] is True
    assert snapshot.frames[0].block_types.tolist() == [2, 0, 1, 3]
    assert inferred_pageblock_types(snapshot.frames[0]).tolist() == [2, 0, 1, 2]
    (tmp_path / "s.json").write_text(state.format([[[9]]] + [[[]]] * 10, [1, 8]))
    with pytest.raises(FormatError, match="2 pageblocks"):
        read_list_state(tmp_path / "s.json")


def test_misuse_of_the_follower():
    follower = Follower([(0, PAGES)])
    with pytest.raises(MisuseError, match="8 pageblocks"):
        follower.guess_compaction(0, np.zeros(7, np.uint8))
    with pytest.raises(MisuseError, match=r"0\.\.7"):
        follower.guess_compaction(0, np.full(8, 8, np.uint8))
    with pytest.raises(MisuseError, match=r"0\.\.4095"):
        follower.are_free(0, np.array([PAGES], np.int64))
