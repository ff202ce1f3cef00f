"""Ranges of pages that are emptied: allocated in one piece, taken away, given back, set aside for CMA."""

import random

import numpy as np
import pytest

from buddycap import Machine, MisuseError, Zone
from buddycap._core import Node, RangeResult, RangeRun
from buddycap.kernels import KERNELS
from lab_6_1 import ANON, MOVABLE, one_zone

LRU, LOCKED, PINNED = 0x20, 1, 1 << 29
BLOCK = 512
UNMOVABLE, MOVABLE_TYPE, RECLAIMABLE, CMA = 0, 1, 2, 4
MIGRATED, MIGRATED_TO = 11, 12


FOLLOWED = ["6.1"]  # the kernel of the zones that zone_of makes


@pytest.fixture(params=["6.1", "6.12"], autouse=True)
def followed(request):
    FOLLOWED[0] = request.param


def zone_of(pages=8192, start=0, **options):
    return Zone(start, pages, **{"kernel": FOLLOWED[0], "owners": True, "zone_idx": 2, "min_free_kbytes": 64} | options)


def put(zone, pfn, flags=LRU, owner=0, order=0):
    """Allocate this block, put it on the LRU, and say whose it is."""
    assert zone.alloc_at(pfn, order) == pfn
    if order:
        zone.compaction.make_compound(pfn, order)
        zone.set_lru(pfn, 1)
    else:
        zone.compaction.set_page_flags(pfn, flags)
    zone.set_owner(pfn, owner)
    return pfn


def listed(zone):
    """Free pages by the free lists: after isolation the kernel's own counter is checked by nobody else."""
    blocks = zone.free_blocks()
    return int((1 << blocks["order"][blocks["migratetype"] < 4].astype(np.int64)).sum())


class TestAllocation:
    def test_takes_what_is_free(self):
        zone = zone_of()
        result = zone.alloc_contig(1000, 1500)
        assert result
        assert result.blocker is None
        assert len(result.moved) == 0
        assert (zone.page_order[1000:2500] == 0x20).all()
        assert zone.nr_free_pages == listed(zone) == 8192 - 1500
        zone.free_range(1000, 1500)
        assert zone.nr_free[10] == 8
        zone.check()

    def test_moves_pages_with_owners_marks_and_references(self):
        zone = zone_of()
        zone.get_page(put(zone, 1100, LRU | 0x5010, owner=7))
        put(zone, 1200, owner=8)
        result = zone.alloc_contig(1024, 512)
        assert sorted(result.moved[:, 0].tolist()) == [1100, 1200]
        places = dict(result.moved.tolist())
        assert zone.owner[places[1100]] == 7
        assert zone.owner[places[1200]] == 8
        assert zone.page_flags[places[1100]] == LRU | 0x5010
        assert zone.references(places[1100]) == 2
        assert (zone.owner[1024:1536] == 0).all()
        zone.check()

    def test_of_a_part_of_a_pageblock_leaves_the_rest_where_it_is(self):
        zone = zone_of()
        outside, inside = put(zone, 1030), put(zone, 1100)
        result = zone.alloc_contig(1100, 50)
        assert result.moved[:, 0].tolist() == [inside]
        assert zone.page_flags[outside] == LRU
        assert set(zone.pageblock_migratetype.tolist()) == {MOVABLE_TYPE}

    def test_moves_a_chunk_from_its_highest_page_down(self):
        zone = zone_of()
        pages = [put(zone, 1024 + 2 * k) for k in range(40)]
        moved = zone.alloc_contig(1024, 512).moved[:, 0].tolist()
        assert moved == [*reversed(pages[:32]), *reversed(pages[32:])]

    def test_moves_compound_blocks_whole(self):
        zone = zone_of()
        put(zone, 1024, order=9, owner=5)
        result = zone.alloc_contig(1100, 10)
        ((old, new),) = result.moved.tolist()
        assert old == 1024
        assert new % BLOCK == 0
        assert zone.page_order[new] == 0x49
        assert zone.owner[new] == 5
        zone.check()

    def test_takes_pages_off_the_lists_of_cpus(self):
        zone = zone_of(cpus=2)
        for cpu in (0, 1):
            zone.cpu = cpu
            zone.free_list([zone.rmqueue_zone(0) for _ in range(20)])
        assert zone.pcp(0)["count"]
        assert zone.pcp(1)["count"]
        pages = [int(block["pfn"]) for cpu in (0, 1) for block in zone.pcp_blocks(cpu, 1)]
        run = zone.begin_contig(min(pages) & -BLOCK, BLOCK)
        assert run.run()
        assert run.stats["passes"] == 1, "before the first pass, so that it finds nothing in use"

    def test_pageblocks_get_the_type_that_is_named_as_in_the_kernel(self):
        zone = zone_of()
        zone.set_pageblock_migratetype(1024, RECLAIMABLE)
        assert zone.alloc_contig(1024, 100)
        assert zone.pageblock_migratetype[2] == MOVABLE_TYPE
        assert zone.alloc_contig(2048, 100, RECLAIMABLE)
        assert zone.pageblock_migratetype[4] == RECLAIMABLE


class TestWherePagesGo:
    def test_down_to_the_min_mark(self):
        zone = zone_of(min_free_kbytes=2048)
        pages = sorted(pfn for pfn in zone.alloc_many(8192 - (zone.wmark[0] + zone.wmark[1]) // 2).tolist())
        assert zone.wmark[0] < zone.nr_free_pages < zone.wmark[1]
        full = next(pfn for pfn in pages if pfn % BLOCK == 0 and {*range(pfn, pfn + BLOCK)} <= {*pages})
        for pfn in range(full, full + BLOCK):
            zone.compaction.set_page_flags(pfn, LRU)
        assert zone.alloc_contig(full, 1)

    def test_not_from_normal_to_movable(self):
        node = Node([zone_of(8192), zone_of(8192, start=8192, zone_idx=3)])
        put(node.zones[0], 1100)
        assert node.alloc_contig(1024, 512).moved[0, 1] < 8192
        put(node.zones[1], 8800)
        assert node.alloc_contig(8704, 512).moved[0, 1] >= 8192


class TestWhatStandsInTheWay:
    @pytest.mark.parametrize("flags", [0, LRU | LOCKED, LRU | PINNED | 0x5000])
    def test_is_named_and_all_goes_back(self, flags):
        zone = zone_of()
        put(zone, 1100, owner=3)
        blocker = put(zone, 1200, flags, owner=4)
        before = zone.vmstat()["nr_free_pages"]
        result = zone.alloc_contig(1024, 512)
        assert not result
        assert result.blocker == blocker
        assert zone.isolated_pageblocks == 0
        assert zone.nr_free_pages == listed(zone) == before
        assert sorted(zone.owner[zone.owner > 0].tolist()) == [3, 4]
        zone.check()

    def test_a_page_that_cannot_be_isolated_lets_nothing_move(self):
        zone = zone_of()
        put(zone, 1100)
        put(zone, 1500, flags=0)
        result = zone.alloc_contig(1024, 512)
        assert result.blocker == 1500
        assert len(result.moved) == 0
        assert zone.page_flags[1100] == LRU

    def test_in_the_same_pageblock_outside_the_range(self):
        zone = zone_of()
        put(zone, 1530, flags=0)
        assert zone.alloc_contig(1024, 100).blocker == 1530

    def test_is_a_pageblock_that_somebody_has_isolated(self):
        zone = zone_of()
        zone.isolate_range(1024, 1536)
        assert zone.alloc_contig(600, 600).blocker == 1024
        assert zone.isolated_pageblocks == 1

    def test_is_a_block_over_an_end(self):
        zone = zone_of()
        put(zone, 1024, order=10)
        assert zone.alloc_contig(1536, 512).blocker == 1024
        assert zone.alloc_contig(1024, 512).blocker == 1024
        assert zone.alloc_contig(1024, 1024)

    def test_is_a_hole(self):
        zone = zone_of(present_ranges=[(0, 2048), (3072, 8192)])
        assert zone.alloc_contig(2000, 100).blocker == 2048

    def test_is_a_page_for_which_there_is_no_room(self):
        zone = zone_of()
        pages = zone.alloc_many(8192).tolist()
        for pfn in pages:
            zone.compaction.set_page_flags(pfn, LRU)
        result = zone.alloc_contig(1024, 10)
        assert result.blocker == 1033
        assert zone.page_flags[1033] == LRU
        assert zone.isolated_pageblocks == 0
        zone.check()

    def test_is_cma_for_others_than_cma(self):
        zone = zone_of(cma=True)
        assert Node([zone]).cma(1024, start=1024)
        assert zone.alloc_contig(1024, 512).blocker == 1024
        assert zone.alloc_contig(1024, 512, CMA)


class TestOfflining:
    def test_takes_pages_away_and_gives_them_back(self):
        zone = zone_of()
        marks = zone.wmark
        put(zone, 1100, owner=9)
        result = zone.offline_range(1024, 1024)
        assert result
        assert zone.present_pages == zone.managed_pages == 7168
        assert (zone.page_order[1024:2048] == 0xFE).all()
        assert zone.nr_free_pages == listed(zone) == 7167
        assert zone.owner[dict(result.moved.tolist())[1100]] == 9
        assert zone.wmark < marks
        assert zone.isolated_pageblocks == 0
        zone.check()
        with pytest.raises(MisuseError, match="in a hole"):
            zone.free_pages(1100, 0)
        zone.online_range(1024, 1024)
        assert zone.present_pages == 8192
        assert zone.nr_free_pages == listed(zone) == 8191
        assert zone.wmark == marks
        zone.check()

    def test_survives_an_image(self, tmp_path):
        zone = zone_of()
        assert zone.offline_range(1024, 512)
        zone.save(tmp_path / "zone")
        again = Zone.load(tmp_path / "zone")
        assert again.present_pages == 7680
        assert again.digest() == zone.digest()
        again.online_range(1024, 512)
        again.check()

    def test_moves_to_a_lower_zone_and_counts_for_the_whole_node(self):
        low, high = zone_of(4096, zone_idx=0), zone_of(4096, start=4096, zone_idx=2)
        node = Node([low, high])
        kept, marks = int(low.lowmem_reserve[2]), low.wmark
        pages = high.alloc_many(4096).tolist()
        for pfn in pages[:2048]:
            high.compaction.set_page_flags(pfn, LRU)
        for pfn in pages[2048:]:
            high.free_pages(pfn, 0)
        first = next(pfn for pfn in sorted(pages[:2048]) if pfn % BLOCK == 0)
        high.alloc_many(4096)
        result = node.offline_range(first, BLOCK)
        assert result
        assert (result.moved[:, 1] < 4096).all()
        assert len(result.moved) == BLOCK
        assert low.lowmem_reserve[2] < kept
        assert low.wmark > marks
        Machine([low, high])  # marks and reserves follow from all zones
        node.online_range(first, BLOCK)
        assert (int(low.lowmem_reserve[2]), low.wmark) == (kept, marks)
        node.check()

    @pytest.mark.parametrize("call", ["offline_range", "begin_offline", "online_range"])
    @pytest.mark.parametrize(("start", "n"), [(1000, 512), (1024, 500), (1024, 512 * 100), (-512, 512), (1024, 0)])
    def test_refuses_what_are_not_pageblocks_of_the_zone(self, call, start, n):
        zone = zone_of()
        before = zone.digest()
        with pytest.raises(MisuseError):
            getattr(zone, call)(start, n)
        assert zone.digest() == before

    def test_refuses_to_give_back_what_is_there(self):
        zone = zone_of()
        assert zone.offline_range(1024, 512)
        with pytest.raises(MisuseError, match="page 1536 is there"):
            zone.online_range(1024, 1024)


class TestSteps:
    def test_a_run_that_is_given_up_leaves_nothing_behind(self):
        zone = zone_of()
        for k in range(100):
            put(zone, 1024 + 3 * k, owner=k + 1)
        with zone.begin_contig(1024, 512) as run:
            run.step(150)
            assert zone.isolated_pageblocks == 1
            assert not run.done
            assert run.result is None
            moved = run.stats["moved"]
        assert run.done
        assert not run.result
        assert run.result.blocker is None
        assert len(run.result.moved) == moved > 0
        assert zone.isolated_pageblocks == 0
        assert sorted(zone.owner[zone.owner > 0].tolist()) == [*range(1, 101)]
        zone.check()
        run = zone.begin_offline(1024, 512)
        run.step(60)
        del run
        assert zone.isolated_pageblocks == 0
        zone.check()

    def test_owners_may_let_go_of_what_is_isolated(self):
        zone = zone_of()
        pages = [put(zone, 1024 + k, owner=k + 1) for k in range(40)]
        run = zone.begin_contig(1024, 512)
        run.step(33)
        held = [pfn for pfn in pages if zone.compaction.is_isolated(pfn)]
        assert held
        for pfn in held[:5]:
            zone.compaction.release(pfn)
        result = run.run()
        assert result
        assert len(result.moved) == 35
        zone.drain_pages()
        assert zone.nr_free_pages == 8192 - 512 - 35
        zone.check()

    def test_what_is_locked_for_a_while_is_tried_again(self):
        zone = zone_of()
        busy = put(zone, 1100, LRU | LOCKED)
        run = zone.begin_contig(1024, 512)
        while run.stats["passes"] < 3:
            assert not run.step(10_000)
        zone.compaction.set_page_flags(busy, LRU)
        assert run.run().moved[:, 0].tolist() == [busy]
        assert run.stats["passes"] == 3

    def test_isolation_that_others_have_undone_is_noticed(self):
        zone = zone_of()
        put(zone, 1100)
        run = zone.begin_contig(1024, 512)
        run.step(1)
        zone.undo_isolate_range(1024, 1536)
        result = run.run()
        assert not result
        assert result.blocker == 1024
        zone.check()

    def test_only_runs_are_made_by_zones(self):
        with pytest.raises(TypeError, match="begin_contig"):
            RangeRun()
        assert bool(RangeResult(True, None, []))
        assert not RangeResult(False, 3, [])

    def test_zones_of_2_6_27_refuse(self):
        zone = Zone(0, 4096)
        for call in (zone.alloc_contig, zone.offline_range, zone.online_range):
            with pytest.raises(MisuseError, match=r"kernel='6\.1'"):
                call(1024, 512)


class TestMachines:
    def test_tell_owners_where_their_pages_went(self):
        machine = one_zone(8192)
        pages = [machine.alloc_pages(0, MOVABLE) for _ in range(300)]
        machine.zones[0].set_owners(pages, 77)
        machine.lru_cache_add(pages, ANON)
        machine.events()
        result = machine.alloc_contig(min(pages), 200)
        events = machine.events()
        assert result
        assert events["kind"].tolist() == [MIGRATED, MIGRATED_TO] * 200
        assert events["page"].reshape(-1, 2).tolist() == result.moved.tolist()
        assert set(events["owner"].tolist()) == {77}

    def test_wait_for_nobody_when_the_ring_of_events_is_full(self):
        machine = Machine([zone_of(16384)])
        pages = [machine.alloc_pages(0, MOVABLE) for _ in range(6000)]
        machine.lru_cache_add(pages)
        assert machine.offline_range(min(pages) & -BLOCK, 10 * BLOCK)

    def test_pages_under_writeback_stay_until_it_ends(self):
        machine = one_zone(8192)
        pfn = machine.alloc_pages(0, MOVABLE)
        machine.lru_cache_add(pfn)
        machine.start_writeback(pfn)
        assert machine.alloc_contig(pfn, 1).blocker == pfn
        machine.end_writeback(pfn)
        assert machine.alloc_contig(pfn, 1)

    def test_a_page_that_is_written_and_let_go_meanwhile_is_free_at_the_end(self):
        machine = one_zone(8192)
        pages = [machine.alloc_pages(0, MOVABLE) for _ in range(40)]
        machine.lru_cache_add(pages)
        free = machine.zones[0].nr_free_pages
        run = machine.begin_contig(min(pages), 40)
        run.step(33)
        held = next(pfn for pfn in pages if machine.zones[0].compaction.is_isolated(pfn))
        machine.start_writeback(held)
        machine.release(held)
        assert not run.run()
        assert run.result.blocker == held
        machine.end_writeback(held)
        machine.zones[0].drain_pages()
        assert machine.zones[0].nr_free_pages == free + 1
        machine.zones[0].check()


class TestCma:
    def machine(self):
        return Machine.preset("x86_64", memory="64MiB", kernel="6.1", events=True, cma=True)

    def test_areas_serve_movable_pages_until_they_are_wanted(self):
        machine = self.machine()
        area = machine.cma(2048)
        zone = machine.zones[-1]
        assert (zone.nr_free_cma, area.pages, area.used) == (2048, 2048, 0)
        flags = KERNELS["6.1"].AllocFlags
        got = [zone.rmqueue_zone(0, MOVABLE_TYPE, flags.CMA) for _ in range(zone.nr_free_pages - 3500)]
        machine.lru_cache_add(got)
        inside = [pfn for pfn in got if area.start <= pfn < area.start + 2048]
        assert inside
        machine.events()
        pfn = area.alloc(2048)
        assert (pfn, area.used) == (area.start, 2048)
        assert set(machine.events()["kind"].tolist()) == {MIGRATED, MIGRATED_TO}
        area.release(pfn, 2048)
        assert area.used == 0
        zone.check()

    def test_first_fit_with_alignment_as_in_the_kernel(self):
        area = self.machine().cma(1024)
        start = area.start
        assert [area.alloc(10), area.alloc(10, align=4), area.alloc(6), area.alloc(4)] == [
            start, start + 16, start + 10, start + 26,
        ]  # fmt: skip
        area.release(start + 5, 8)  # parts of two allocations
        assert area.alloc(8) == start + 5
        assert area.used == 30

    def test_a_place_that_cannot_be_emptied_is_passed_by(self):
        machine = self.machine()
        area = machine.cma(1024)
        zone = machine.zones[-1]
        pinned = zone.alloc_at(area.start + 3)
        zone.compaction.set_page_flags(pinned, LRU | LOCKED)
        assert area.alloc(4, align=2) == area.start + 4
        assert area.refusals == 1
        assert area.alloc(1100) is None
        assert area.alloc(1020) is None
        assert area.used == 4

    def test_what_was_not_given_out_is_not_taken_back(self):
        area = self.machine().cma(512)
        pfn = area.alloc(8)
        for wrong, pages in ((pfn, 9), (pfn - 1, 2), (pfn + 8, 1), (-5, 3), (pfn, 1 << 30), (1 << 62, 1)):
            with pytest.raises(MisuseError, match="not all given out"):
                area.release(wrong, pages)
        with pytest.raises(MisuseError, match="pages=0"):
            area.release(pfn, 0)
        area.release(pfn, 8)

    def test_areas_want_whole_pageblocks_and_a_kernel_with_cma(self):
        machine = self.machine()
        with pytest.raises(MisuseError, match="whole pageblocks"):
            machine.cma(1000)
        with pytest.raises(MisuseError, match="whole pageblocks"):
            machine.cma(512, start=8200)
        with pytest.raises(MisuseError, match="cma=True"):
            one_zone(4096).cma(512)
        with pytest.raises(MisuseError, match=r"kernel='6\.1'"):
            Machine([Zone(0, 4096)]).cma(512)
        assert machine.cma(1 << 20) is None

    def test_the_place_is_the_highest_that_can_be_emptied(self):
        machine = self.machine()
        zone = machine.zones[-1]
        top = zone.start_pfn + zone.spanned_pages
        assert zone.alloc_at(top - 600) == top - 600
        assert machine.cma(1024).start == top - 2048
        assert machine.cma(512).start == top - 512


@pytest.mark.parametrize("seed", range(6))
def test_a_range_goes_away_under_load_and_no_page_is_lost(seed):
    """Others allocate, free and let go of isolated pages while pageblocks are emptied: every page keeps its owner."""
    draw = random.Random(seed)
    zone = zone_of(8192 - draw.choice([0, 77]), start=draw.choice([0, 100]), cpus=2)
    table, owners = {}, iter(range(1, 1 << 40))  # owner -> (pfn, order)

    def fault():
        zone.cpu, order = draw.randrange(2), draw.choice([0] * 600 + [1, 3, 9])
        pfn = zone.rmqueue_zone(order, draw.choice([MOVABLE_TYPE] * 200 + [UNMOVABLE]), compound=order > 0)
        if pfn is not None:
            owner = next(owners)
            zone.set_owner(pfn, owner)
            table[owner] = (pfn, order)
            if order or draw.random() < 0.998:
                zone.set_lru(pfn, 1)

    def let_go():
        owner = draw.choice([*table])
        pfn, order = table[owner]
        if zone.page_flags[pfn - zone.start_pfn] >> 28 & 1:
            zone.compaction.release(pfn)
        else:
            zone.free_pages(pfn, order)
        del table[owner]

    def agrees():
        zone.check()
        for owner, (pfn, _) in table.items():
            assert zone.owner[pfn - zone.start_pfn] == owner
        assert zone.nr_free_pages == listed(zone)

    while zone.nr_free_pages > draw.choice([2000, 4000]):
        fault()
    for _ in range(len(table) // 3):
        let_go()
    outcomes = set()
    for _ in range(8):
        start = -(-zone.start_pfn // BLOCK) * BLOCK + BLOCK * draw.randrange(12)
        run = zone.begin_offline(start, BLOCK * draw.randrange(1, 3))
        told = 0
        while True:
            done = run.step(draw.choice([1, 7, 32, 400]))
            moves = run.moved.tolist()
            for old, new in moves[told:]:  # as owners mend their page tables by MIGRATED events
                owner = next(owner for owner, (pfn, _) in table.items() if pfn == old)
                table[owner] = (new, table[owner][1])
            told = len(moves)
            if done:
                break
            agrees()
            for _ in range(draw.randrange(6)):
                draw.choice([fault, let_go])()
        agrees()
        outcomes.add(bool(run.result))
        if run.result:
            assert not any(run.start <= pfn < run.start + run.pages for pfn, _ in table.values())
            if draw.random() < 0.5:
                zone.online_range(run.start, run.pages)
                agrees()
    assert True in outcomes
