"""Are the rules of compaction kept that recordings hardly show? Each in a zone made for it, with the answer by hand."""

from functools import partial

import numpy as np
import pytest

import compactionlab
from buddycap import COMPACTION_POLICIES, Machine, RequestPath
from buddycap._core import SERVED_DTYPE, Node, Replayer
from buddycap.kernels import KERNELS
from compactionlab import BLOCK, CMA, FILE, HIGHATOMIC, MOVABLE, UNMOVABLE, singles

GFP = KERNELS["6.1"].GFP
WMARK_HIGH = 2


@pytest.fixture(params=["6.1", "6.12"])
def zone_with(request):
    """What makes a zone of each kernel: the rules here are those of both."""
    return partial(compactionlab.zone_with, kernel=request.param)


class TestTargets:
    def test_is_a_whole_free_pageblock_left_alone(self, zone_with):
        zone = zone_with([(3 * BLOCK, 9, MOVABLE), *singles(range(2 * BLOCK, 3 * BLOCK, 2))], used=range(40))
        assert zone.compaction.begin(-1, mode="sync", whole=True).run() == "complete"
        assert zone.compaction.vmstat()["pgmigrate_success"] == 40
        assert zone.free_blocks(9)["pfn"].tolist() == [3 * BLOCK]

    def test_does_a_block_that_the_mark_refuses_end_the_search(self, zone_with):
        zone = zone_with([(3 * BLOCK, 5, MOVABLE), *singles(range(2 * BLOCK, 3 * BLOCK, 2))], used=range(40))
        free = zone.nr_free_pages
        zone.set_marks([free - 20] * 4)
        assert zone.compaction.begin(-1, mode="sync", whole=True).run() == "contended"
        assert zone.compaction.vmstat()["pgmigrate_success"] == 0
        assert zone.nr_free_pages == free

    @pytest.mark.parametrize(("order", "becomes"), [(7, UNMOVABLE), (8, MOVABLE), (9, MOVABLE)])
    def test_does_taking_a_large_block_make_its_pageblock_movable(self, zone_with, order, becomes):
        zone = zone_with([(BLOCK, order, UNMOVABLE), *singles(range(2 * BLOCK, 3 * BLOCK, 2))])
        zone.set_pageblock_migratetype(BLOCK, UNMOVABLE)
        assert zone.take_free_block(BLOCK) == 1 << order
        assert zone.pageblock_migratetype.tolist() == [MOVABLE, becomes, MOVABLE, MOVABLE]

    def test_does_a_page_that_its_owner_lets_go_count_as_moved(self, zone_with):
        zone = zone_with(singles(range(3 * BLOCK, 4 * BLOCK, 2)), used=range(20))
        run = zone.compaction.begin(-1, mode="sync", whole=True, stops=True)
        run.step(1 << 30)
        zone.compaction.release(next(pfn for pfn in range(20) if pfn != run.attempt[0]))
        assert run.run() == "complete"
        counters = zone.compaction.vmstat()
        assert (counters["pgmigrate_success"], counters["pgmigrate_fail"]) == (20, 0)


class TestTheEnd:
    @pytest.mark.parametrize(("order", "gfp", "ends"), [
        (3, GFP.HIGHUSER_MOVABLE, False), (4, GFP.HIGHUSER_MOVABLE, True), (3, GFP.KERNEL, True),
    ])  # fmt: skip
    def test_is_a_block_of_another_type_enough_if_its_pageblock_may_be_claimed(self, zone_with, order, gfp, ends):
        """From half the order of a pageblock on, or by a request that is not movable."""
        there = UNMOVABLE if gfp != GFP.KERNEL else MOVABLE
        zone = zone_with([(BLOCK, order, there), *singles(range(3 * BLOCK, 4 * BLOCK, 2))], used=range(0, 20, 2))
        zone.set_pageblock_migratetype(BLOCK, there)
        zone.set_marks([0, 0, zone.nr_free_pages, zone.nr_free_pages])
        run = zone.compaction.begin(order, gfp, mode="sync", whole=True, alloc_flags=WMARK_HIGH)
        run.run()
        assert (run.stats["migrate_scanned"] == 0) == ends

    @pytest.mark.parametrize(("below", "works"), [(0, False), (1, True)])
    def test_does_a_proactive_run_end_at_its_score(self, zone_with, below, works):
        zone = zone_with([(3 * BLOCK, 9, MOVABLE), *singles(range(2 * BLOCK, 3 * BLOCK, 2))], used=range(20))
        score = zone.compaction.score()
        assert score == 256 * 100 // 768
        run = zone.compaction.begin(-1, whole=True, ignore_skip=True, proactive=score - below)
        assert works or run.run() == "success"
        run.run()
        assert (run.stats["migrate_scanned"] > 0) == works


class TestWhetherItBegins:
    @pytest.mark.parametrize(("order", "of", "index", "result"), [
        (9, 8, 438, "skipped"),  # 16 blocks of 256 pages: 1000 - (1000 + 8 * 1000) // 16
        (9, 7, 688, "continue"),  # 16 of 128: 1000 - (1000 + 4 * 1000) // 16
        (3, 2, 438, "continue"),  # 16 of 4: as the first, but the order is not costly
    ])  # fmt: skip
    def test_is_it_worth_while_where_memory_is_scattered_and_not_where_it_lacks(
        self, zone_with, order, of, index, result
    ):
        zone = zone_with([(pfn, of, MOVABLE) for pfn in range(0, 16 * BLOCK, BLOCK)], pages=16 * BLOCK)
        assert zone.compaction.fragmentation_index(order) == index
        assert zone.compaction.suitable(order) == result

    def test_is_it_left_out_at_most_63_times_however_often_it_has_failed(self, zone_with):
        zone = zone_with([])
        for _ in range(9):
            zone.compaction.defer(4)
        assert zone.compaction.state()["defer_shift"] == 6
        assert [zone.compaction.deferred(4) for _ in range(65)] == [True] * 63 + [False] * 2


class TestCaptures:
    @pytest.mark.parametrize(("kind", "captured"), [(UNMOVABLE, True), (HIGHATOMIC, True), (CMA, False)])
    def test_whose_blocks_are_captured(self, zone_with, kind, captured):
        zone = zone_with([])
        zone.set_pageblock_migratetype(0, kind)
        zone.arm_capture(3, UNMOVABLE)
        for pfn in range(8):
            zone.free_one_page(pfn, 0)
        assert zone.end_capture() == (0 if captured else None)

    def test_are_lists_drained_before_a_block_that_was_captured_ends_the_run(self, zone_with):
        """An interrupt frees it past the lists, on which are the pages that have moved. In 6.12 they stay there."""
        used = range(BLOCK, BLOCK + 40, 2)
        zone = zone_with(singles(range(3 * BLOCK, 4 * BLOCK, 2)), used=used)
        zone.compaction.set_state(cached_migrate=[BLOCK, BLOCK])
        zone.set_pageblock_migratetype(0, UNMOVABLE)
        zone.join_pages(0, 4)
        run = zone.compaction.begin(4, GFP.KERNEL, mode="sync", direct=True, capture=True, stops=True)
        run.step(1 << 30)
        run.answer()
        run.interrupt(0)
        assert (run.run(), run.pfn) == ("success", 0)
        assert zone.compaction.vmstat()["pgmigrate_success"] == len(used)
        drained = set(used) <= set(zone.free_blocks(0)["pfn"].tolist())
        assert drained == (zone.kernel == "6.1")


class TestPolicies:
    """A request for 16 pages comes to 16 that can move; they do, and all others stay."""

    def path(self, zone_with, name, kind):
        """Return how it was served where the block lies in a pageblock of this type."""
        used = range(BLOCK, BLOCK + 16)
        zone = zone_with(singles(range(3 * BLOCK, 4 * BLOCK, 2)), used=used)
        zone.set_pageblock_migratetype(BLOCK, kind)
        zone.compaction.set_state(cached_migrate=[BLOCK, BLOCK])
        machine = Machine([zone], events=True)
        replayer = Replayer(machine, [(0, np.full(4 * BLOCK, -1))], policy=COMPACTION_POLICIES[name])
        request = np.zeros(1, SERVED_DTYPE)
        request["op"], request["order"], request["gfp"] = 1, 4, GFP.HIGHUSER_MOVABLE
        path = RequestPath(replayer.run(request)[0])
        assert zone.compaction.vmstat()["pgmigrate_success"] == len(used)
        zone.check()
        return path

    def test_does_lists_2012_give_movable_requests_the_blocks_of_every_type(self, zone_with):
        assert self.path(zone_with, "lists-2012", UNMOVABLE) == RequestPath.CAPTURED
        assert self.path(zone_with, "off", UNMOVABLE) == RequestPath.COMPACTED

    def test_does_block_2014_take_the_block_that_was_worked_on(self, zone_with):
        assert self.path(zone_with, "block-2014", MOVABLE) == RequestPath.CAPTURED
        assert self.path(zone_with, "off", MOVABLE) == RequestPath.COMPACTED


class TestTheDaemon:
    def test_does_a_round_in_vain_drain_lists_and_put_the_next_off(self, zone_with):
        """No page can move, so that the scanners meet."""
        zone = zone_with(singles(range(BLOCK, 2 * BLOCK, 2)))
        zone.free_pages(0, 0)
        assert zone.pcp(0)["count"] > 0
        Node([zone], min_free_kbytes=0).kcompactd(3).run()
        assert zone.pcp(0)["count"] == 0
        assert zone.compaction.state()["defer_shift"] == 1

    def test_does_it_compact_for_requests_that_are_not_movable(self, zone_with):
        """Eight pages that move leave an UNMOVABLE block, which no movable request of order 3 could claim."""
        used = [*range(BLOCK, BLOCK + 8), *range(2 * BLOCK, 2 * BLOCK + 20)]
        zone = zone_with(singles(range(3 * BLOCK, 4 * BLOCK, 2)), used=used)
        zone.set_pageblock_migratetype(BLOCK, UNMOVABLE)
        zone.compaction.set_state(cached_migrate=[BLOCK, BLOCK])
        Node([zone], min_free_kbytes=0).kcompactd(3).run()
        assert zone.compaction.vmstat()["pgmigrate_success"] == 8

    def test_does_it_go_on_in_the_next_zone_with_the_order_that_it_has_found_targets_of(self, zone_with):
        """Only single pages are free in the first zone; so it looks for them in the second, and not for larger ones."""
        start = 4 * BLOCK
        single = start + 3 * BLOCK + 8
        first = zone_with(singles(range(3 * BLOCK, start, 2)), used=[0], zone_idx=1)
        free = [(single - 8, 2, MOVABLE), (single, 0, MOVABLE), *singles(range(start, start + 80, 2))]
        second = zone_with(free, used=[start + BLOCK], start=start)
        run = Node([first, second], min_free_kbytes=0).kcompactd(3, stops=True)
        attempts = []
        while not run.step(1 << 30):
            attempts.append(run.attempt)
            run.answer()
        assert list(dict.fromkeys(source for source, _ in attempts)) == [0, start + BLOCK]
        assert attempts[-1][1] == single


def test_does_a_request_that_is_not_movable_compact_before_it_reclaims(zone_with):
    """The pages of files in its way could be reclaimed."""
    zone = zone_with(singles(range(3 * BLOCK, 4 * BLOCK, 2)), used=range(BLOCK, BLOCK + 8), flags=FILE)
    zone.set_pageblock_migratetype(BLOCK, UNMOVABLE)
    zone.compaction.set_state(cached_migrate=[BLOCK, BLOCK])
    request = Machine([zone], events=True).request(3, GFP.KERNEL)
    request.run()
    assert (request.stats["path"], request.stats["reclaims"], request.pfn) == ("captured", 0, BLOCK)


def test_does_compaction_that_succeeds_for_others_go_on_four_times_for_a_costly_order():
    """While it works others take memory below the mark; before reclaim they give it back, and take what it has made."""
    order = 4
    used = [block * BLOCK + k for block in range(1, 34) for k in range(1 << order)]
    zone = compactionlab.zone_with(singles(range(36 * BLOCK, 40 * BLOCK, 2)), pages=40 * BLOCK, used=used, kernel="6.1")
    zone.set_marks([300] * 4)
    zone.compaction.set_state(cached_migrate=[BLOCK, BLOCK])
    machine = Machine([zone], events=True, driver_reclaims=True)
    request = machine.request(order, GFP.HIGHUSER_MOVABLE | GFP.RETRY_MAYFAIL, stops=True)
    taken, reclaims, is_first = [], 0, True
    while not (step := request.step(1 << 30)).done:
        machine.events()
        if step.wait == "attempt":
            while is_first and zone.nr_free_pages + zone.pcp(0)["count"] > 200:
                taken.append(machine.alloc_pages(0, GFP.HIGHUSER_MOVABLE, memalloc=True))
            is_first = False
            zone.drain_pages()
            request.answer()
        elif step.wait == "reclaim":
            reclaims, is_first = reclaims + 1, True
            while taken:
                machine.free_pages(taken.pop(), 0)
            zone.drain_pages()
            while zone.nr_free[order:].any():
                machine.alloc_pages(order, GFP.HIGHUSER_MOVABLE, memalloc=True)
            request.reclaimed(1)
    assert (request.pfn, reclaims) == (None, 5)
