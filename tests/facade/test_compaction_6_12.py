"""Compaction of Linux 6.12 at the boundary: units are unmapped, then moved; what is given up goes back."""

import random

import pytest

from buddycap import MisuseError, Zone
from buddycap._core import Node
from buddycap.kernels import KERNELS

GFP = KERNELS["6.12"].GFP
ANON = 0x5020
LOCKED, PINNED, WRITEBACK = 1, 1 << 29, 1 << 8


def zone_of(pages=2048, **options):
    """Return a zone all of whose pages are allocated."""
    zone = Zone(0, pages, kernel="6.12", zone_idx=2, owners=True, min_free_kbytes=0, **options)
    assert len(zone.alloc_many(pages)) == pages
    return zone


def half_full(pages=2048):
    """Return a zone in which every other page is anonymous and the others are free."""
    zone = zone_of(pages)
    for pfn in range(pages):
        if pfn % 2:
            zone.compaction.set_page_flags(pfn, ANON)
        else:
            zone.free_one_page(pfn, 0)
    return zone


def begun(zone, order=3, **options):
    """Return a run that stops before each attempt, at the first one."""
    run = zone.compaction.begin(order, GFP.HIGHUSER_MOVABLE, mode="sync", direct=True, stops=True, **options)
    run.step(1 << 30)
    return run


def with_compound(free, order=2, flags=ANON):
    """Return a zone of used pages with one compound block on the LRU at PFN 0, and free pages at named PFNs."""
    zone = zone_of(1536)
    zone.join_pages(0, order)
    zone.compaction.make_compound(0, order)
    zone.compaction.set_page_flags(0, flags)
    for pfn in free:
        zone.free_one_page(pfn, 0)
    return zone


class TestBatches:
    def test_all_units_are_unmapped_before_the_first_moves(self):
        """The first pageblock is finished in the first turn: one batch of half its pages."""
        run, stages = begun(half_full(4096), order=9), []
        while not run.done and len(stages) < 512:
            stages.append(run.stage)
            run.answer()
            run.step(1 << 30)
        assert stages == ["unmap"] * 256 + ["move"] * 256
        run.close()

    def test_a_unit_that_stays_gives_its_target_back(self):
        zone = half_full()
        run = begun(zone)
        target = run.attempt[1]
        run.answer("ebusy")
        run.step(1 << 30)
        assert run.attempt[1] == target
        run.close()
        zone.check()

    def test_one_that_cannot_move_late_is_tried_again(self):
        zone = half_full()
        run, tried = begun(zone, order=1), {"unmap": [], "move": []}
        first = run.attempt[0]
        while not run.done:
            pfn, stage = run.attempt[0], run.stage
            tried[stage] += [pfn] * (pfn == first)
            run.answer("eagain" if pfn == first and stage == "move" else None)
            run.step(1 << 30)
        assert (len(tried["unmap"]), len(tried["move"])) == (2, 3 + 7)
        zone.check()

    @pytest.mark.parametrize(("flags", "outcome"), [(0, 1), (LOCKED, 0), (PINNED, 0), (WRITEBACK, 0)])
    def test_flags_say_what_becomes_of_a_unit(self, flags, outcome):
        zone = zone_of(1536)
        zone.compaction.set_page_flags(0, (0x20 if flags else ANON) | flags)
        for pfn in range(1024, 1535):
            zone.free_one_page(pfn, 0)
        run = zone.compaction.begin(-1, GFP.HIGHUSER_MOVABLE, mode="sync", whole=True, ignore_skip=True)
        run.run()
        assert run.stats["moved"] == outcome
        zone.check()


class TestCompoundBlocks:
    def test_a_small_one_moves_whole(self):
        zone = with_compound(range(1024, 1535))
        run = zone.compaction.begin(-1, mode="sync", whole=True, ignore_skip=True)
        run.run()
        assert run.stats["moved"] == 4
        assert (int(zone.page_order[1024]) & 0x0F, int(zone.page_flags[1024]) & 1 << 15) == (2, 1 << 15)
        zone.free_pages(1024, 2)
        zone.check()

    @pytest.mark.parametrize("free", [range(1024, 1535), range(1025, 1536, 2)], ids=["moved whole", "split"])
    @pytest.mark.parametrize("before", [True, False], ids=["marked before", "marked after"])
    def test_only_its_first_page_is_on_the_lru(self, free, before):
        """The mark of a later page would stay behind, on a page that is free."""
        zone = zone_of(1536)
        zone.join_pages(0, 2)
        for step in ("mark", "compound") if before else ("compound", "mark"):
            if step == "mark":
                zone.set_lru(0, 4)
            else:
                zone.compaction.make_compound(0, 2)
        zone.compaction.set_page_flags(0, ANON)
        assert [int(flags) & 0x20 for flags in zone.page_flags[:4]] == [0x20, 0, 0, 0]
        zone.check()
        for pfn in free:
            zone.free_one_page(pfn, 0)
        run = zone.compaction.begin(-1, mode="sync", whole=True, ignore_skip=True)
        run.run()
        assert run.stats["moved"] == 4
        zone.check()

    def test_without_a_target_of_its_order_it_is_split(self):
        zone = with_compound(range(1025, 1536, 2))
        run = zone.compaction.begin(-1, mode="sync", whole=True, ignore_skip=True, stops=True)
        run.step(1 << 30)
        assert (run.stage, run.attempt) == ("split", (0, None))
        run.answer()
        order = []
        while not run.step(1 << 30):
            order += [run.attempt[0]] * (run.stage == "unmap")
            run.answer()
        assert order[:4] == [3, 2, 1, 0]
        assert run.stats["moved"] == 4
        zone.check()

    def test_one_that_cannot_be_split_ends_the_run(self):
        zone = with_compound(range(1025, 1536, 2), flags=ANON | LOCKED)
        run = zone.compaction.begin(-1, mode="sync", whole=True, ignore_skip=True)
        assert run.run() == "contended"
        assert run.stats["moved"] == 0
        zone.check()

    def test_one_of_the_order_that_is_wanted_stays(self):
        zone = with_compound(range(1024, 1535))
        run = zone.compaction.begin(2, mode="sync", direct=True, whole=True, ignore_skip=True)
        run.run()
        assert run.stats["moved"] == 0

    def test_in_6_1_it_stays_whatever_is_wanted(self):
        zone = Zone(0, 1536, kernel="6.1", min_free_kbytes=0)
        zone.alloc_many(1536)
        zone.join_pages(0, 2)
        zone.compaction.make_compound(0, 2)
        zone.compaction.set_page_flags(0, ANON)
        for pfn in range(1024, 1535):
            zone.free_one_page(pfn, 0)
        run = zone.compaction.begin(-1, mode="sync", whole=True, ignore_skip=True)
        run.run()
        assert run.stats["moved"] == 0


class TestGivingUp:
    @pytest.mark.parametrize("attempts", [0, 1, 31, 32, 33, 50, 63])
    def test_everything_goes_back(self, attempts):
        zone = half_full()
        run = begun(zone)
        for _ in range(attempts):
            run.answer()
            run.step(1 << 30)
        run.close()
        assert run.result == "contended"
        assert not (zone.page_flags & 1 << 28).any()
        assert not ((zone.page_order & 0xF0) == 0xD0).any()
        assert zone.nr_free_pages + zone.pcp()["count"] == 1024
        zone.check()

    def test_a_split_that_is_given_up(self):
        zone = with_compound(range(1025, 1536, 2))
        run = zone.compaction.begin(-1, mode="sync", whole=True, ignore_skip=True, stops=True)
        run.step(1 << 30)
        run.close()
        zone.check()
        zone.free_pages(0, 2)

    @pytest.mark.parametrize("stage", ["unmap", "move"])
    def test_an_owner_that_lets_go_at_the_stop_frees_the_page(self, stage):
        zone = half_full()
        run = begun(zone)
        while run.stage != stage:
            run.answer()
            run.step(1 << 30)
        pfn = run.attempt[0]
        zone.compaction.release(pfn)
        run.answer()
        with pytest.raises(MisuseError):
            zone.compaction.release(pfn)
        run.run()
        zone.check()


def scattered(seed):
    """Return a node of random size and place with pages of many kinds, small compound blocks and free ones between."""
    draw = random.Random(seed)
    start, pages = draw.choice([0, 37, 512, 5000]), draw.randrange(1500, 6000)
    zone = Zone(start, pages, kernel="6.12", zone_idx=2, pageblock_order=draw.choice([6, 9]), min_free_kbytes=0)
    for pfn in zone.alloc_many(pages).tolist():
        if draw.random() < 0.4:
            zone.free_one_page(pfn, 0)
        elif draw.random() < 0.8:
            zone.compaction.set_page_flags(pfn, draw.choice([ANON, 0x20, 0x30, ANON | LOCKED, 0x20 | PINNED]))
    node = Node([zone], min_free_kbytes=0)
    for pfn in iter(lambda: zone.rmqueue(3, 1), None):
        zone.compaction.make_compound(pfn, 3)
        zone.compaction.set_page_flags(pfn, ANON)
        if draw.random() < 0.5:
            break
    return draw, node


@pytest.mark.parametrize("seed", range(24))
def test_it_always_ends(seed):
    """The fast search finds no pageblock twice: a run looks at each page a few times at most, a page a step."""
    draw, node = scattered(seed)
    zone = node.zones[0]
    for _ in range(6):
        order = draw.choice([-1, 3, 4, 6, 9, 10])
        direct = order > 0 and draw.random() < 0.7
        run = zone.compaction.begin(
            order,
            GFP.HIGHUSER_MOVABLE,
            mode=draw.choice(["async", "sync-light", "sync"]),
            direct=direct,
            whole=draw.random() < 0.5,
            ignore_skip=draw.random() < 0.3,
            capture=direct,
        )
        steps = 0
        while not run.step(1):
            steps += 1
            assert steps < 20 * zone.spanned_pages
        if run.pfn is not None:
            zone.free_pages(run.pfn, order)
        zone.check()
