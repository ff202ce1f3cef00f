"""The hard cases of operations on whole arrays, one by one; test_bulk.py searches for those nobody thought of.

Each says how it is done (in bulk or by single calls), because a case that is never reached proves nothing.
"""

import numpy as np
import pytest

from buddycap import Machine, MigrateType, MisuseError, PageFlags, Zone
from bulklab import LARGE, everything, same

MOVABLE, UNMOVABLE = MigrateType.MOVABLE, MigrateType.UNMOVABLE


def full(pages=4096, **geometry):
    """A zone whose pages are all allocated one by one, and the pages in random order."""
    zone = Zone(0, pages, min_free_kbytes=0, **geometry)
    pfns = zone.alloc_many(pages)
    pfns = pfns[pfns >= 0]
    np.random.default_rng(0).shuffle(pfns)
    return zone, pfns


def delta(zone, before, name):
    return zone.bulk_work()[name] - before[name]


def frees(zone, pfns, orders=0, *, batches=1, singles=0):
    """Free in one call and one by one, compare, and check how it was done; the zone that was freed in one call."""
    bulk, single = zone.copy(), zone.copy()
    before = bulk.bulk_work()
    bulk.free_many(pfns, orders)
    for pfn, order in zip(np.asarray(pfns).tolist(), np.broadcast_to(orders, len(pfns)).tolist(), strict=True):
        single.free_one_page(pfn, order)
    same(bulk, single)
    assert (delta(bulk, before, "batches"), delta(bulk, before, "singles")) == (batches, singles)
    return bulk


def captures(zone, which, pfns, *, batches=1, singles=0):
    """The same with captures."""
    bulk, single = zone.copy(), zone.copy()
    before = bulk.bulk_work()
    bulk.capture_lists()[which].capture_many(pfns)
    for pfn in np.asarray(pfns).tolist():
        single.capture_lists()[which].capture_one_page(pfn)
    same(bulk, single)
    assert (delta(bulk, before, "batches"), delta(bulk, before, "singles")) == (batches, singles)
    return bulk


def allocations(zone, n, order=0, migratetype=MOVABLE):
    """The same with allocations."""
    bulk, single, narrow = zone.copy(), zone.copy(), zone.copy()
    pfns = bulk.alloc_many(n, order, migratetype)
    got = [single.rmqueue(order, migratetype) for _ in range(n)]
    assert pfns.tolist() == [-1 if pfn is None else pfn for pfn in got]
    assert narrow.alloc_many(n, order, migratetype, dtype=np.int32).tolist() == pfns.tolist()
    same(bulk, single)
    same(narrow, single)
    return bulk


class TestFrees:
    def test_a_whole_zone(self):
        zone, pfns = full()
        freed = frees(zone, pfns)
        assert sorted(freed.free_blocks().tolist()) == [(k, 10, 2) for k in range(0, 4096, 1024)]
        work = freed.bulk_work()
        assert (work["listed"], work["unlisted"], work["words"]) == (4, 0, 64)
        assert work["entries"] < 100

    @pytest.mark.parametrize("part", [slice(0, 2048), slice(0, None, 2), slice(7, 3000)], ids=str)
    def test_part_of_a_zone(self, part):
        zone, pfns = full()
        frees(zone, pfns[part])
        frees(zone, np.sort(pfns)[part])

    def test_the_second_batch_swallows_what_the_first_has_freed(self):
        zone, pfns = full()
        zone.free_many(pfns[:2048])
        assert frees(zone, pfns[2048:]).bulk_work()["unlisted"] > 100

    def test_few_and_scattered_blocks_are_freed_one_by_one(self):
        zone, pfns = full()
        frees(zone, np.arange(900, 900 + LARGE))
        frees(zone, np.arange(900, 900 + LARGE - 1), batches=0, singles=LARGE - 1)
        frees(zone, np.arange(0, 4096, 5))
        frees(zone, np.arange(0, 4096, 8), batches=0, singles=512)

    @pytest.mark.parametrize("max_page_order", [0, 1, 3, 5, 6, 7, 14])
    @pytest.mark.parametrize("pageblock_order", [2, 9])
    def test_any_largest_block(self, max_page_order, pageblock_order):
        """With 68 = 4 * 17 pages of span, the last word of 64 pages is not whole."""
        for pages in (20_000, 2068):
            zone, pfns = full(pages, max_page_order=max_page_order, pageblock_order=pageblock_order)
            frees(zone, pfns)
            frees(zone, pfns[: pages // 2])

    def test_holes_and_ends_that_are_not_aligned(self):
        ranges = [(1003, 1700), (1701, 3000), (4100, 6007)]
        zone = Zone(1001, 5100, present_ranges=ranges, min_free_kbytes=0)
        pfns = zone.alloc_many(6000)
        pfns = np.random.default_rng(0).permutation(pfns[pfns >= 0])
        assert len(pfns) == sum(end - first for first, end in ranges)
        frees(zone, pfns)
        frees(zone, pfns[::3])

    def test_the_page_that_completes_a_block_chooses_the_list(self):
        """The pageblocks have orders below the largest block: the last page decides, not the first."""
        zone, _ = full(2048)
        for pfn in range(0, 2048, 512):
            zone.set_pageblock_migratetype(pfn, pfn // 512)
        for last, migratetype in ((5, 0), (600, 1), (1023, 1)):
            pfns = np.append(np.delete(np.arange(1024), last), last)
            assert frees(zone, pfns).free_blocks().tolist() == [(0, 10, migratetype)]

    def test_flags_and_owners_end_with_the_allocation(self):
        zone, pfns = full(1024, owners=True)
        machine = Machine([zone])
        for pfn in pfns[::3].tolist():
            machine.set_page_flags(pfn, set=PageFlags.DIRTY)
            zone.set_owner(pfn, pfn)
        freed = frees(zone, pfns[:900])
        assert not freed.page_flags[pfns[:900]].any()
        assert not freed.owner[pfns[:900]].any()

    def test_blocks_of_many_orders(self):
        zone = Zone(0, 4096, min_free_kbytes=0)
        orders = np.random.default_rng(1).choice([0, 0, 0, 1, 1, 2, 3], 1200)
        pfns = np.array([zone.rmqueue(int(order), MOVABLE) for order in orders])
        shuffled = np.random.default_rng(2).permutation(1200)
        freed = frees(zone, pfns[shuffled], orders[shuffled])
        assert freed.free_blocks()["order"].tolist() == [10] * 4
        frees(zone, pfns[shuffled][:750], orders[shuffled][:750])

    def test_blocks_of_one_order(self):
        zone = Zone(0, 4096, min_free_kbytes=0)
        for order in (1, 2):
            pfns = np.random.default_rng(1).permutation(zone.alloc_many(4096 >> order, order))
            frees(zone, pfns, order)
            frees(zone, pfns[:850], order)
            zone.free_many(pfns, order)


class TestFreesAmongCapturedBlocks:
    """A free that meets a captured buddy goes to the capture list, at its turn in the batch."""

    def test_only_regions_with_captured_blocks_are_done_one_by_one(self):
        zone, _ = full()
        zone.capture_list().capture_one_page(1500)
        pfns = np.random.default_rng(3).permutation(np.delete(np.arange(4096), 1500))
        freed = frees(zone, pfns, singles=1023)
        assert freed.capture_lists()[0].blocks().tolist() == [(1024, 10)]
        stats = freed.capture_lists()[0].stats
        assert stats["merged"] + stats["foreign"] == 1023

    def test_lists_of_both_kinds_stay_in_the_order_of_arrival(self):
        zone, pfns = full()
        lists = [zone.capture_list() for _ in range(3)]
        for k, pfn in enumerate(range(0, 2048, 37)):
            lists[k % 3].capture_one_page(pfn)
        rest = pfns[(pfns >= 2048) | (pfns % 37 != 0)]
        for share in (0.3, 0.9, 1):
            batch = rest[: int(share * len(rest))]
            frees(zone, batch, singles=int((batch < 2048).sum()))

    def test_a_list_that_gives_back_while_the_batch_is_freed(self):
        """It frees blocks in regions that the batch touches, between frees of the batch."""
        zone, pfns = full()
        waiting = zone.capture_list(release_order=3, trim=True)
        waiting.capture_one_page(1)
        waiting.capture_one_page(3000)
        rest = pfns[(pfns != 1) & (pfns != 3000)]
        frees(zone, rest[:3000], singles=int(((rest[:3000] < 1024) | (rest[:3000] // 1024 == 2)).sum()))


class TestCaptures:
    def test_a_whole_zone(self):
        zone, pfns = full()
        zone.capture_list()
        blocks = captures(zone, 0, pfns).capture_lists()[0].blocks()
        assert sorted(blocks.tolist()) == [(k, 10) for k in range(0, 4096, 1024)]

    def test_free_buddies_and_those_of_other_lists_are_swallowed(self):
        zone, pfns = full()
        first, second = zone.capture_list(), zone.capture_list()
        zone.free_many(pfns[:1000])
        first.capture_many(pfns[1000:2000])
        before = second.stats
        taken = captures(zone, 1, pfns[2000:]).capture_lists()
        assert before["merged"] == 0
        assert taken[1].stats["merged"] > 500
        assert len(taken[0].blocks()) == 0

    @pytest.mark.parametrize("rules", [{"private": True}, {"release_order": 4}, {"release_order": 4, "trim": True}])
    def test_lists_with_rules_of_their_own_take_single_pages(self, rules):
        zone, pfns = full()
        zone.capture_list(**rules)
        captures(zone, 0, pfns[:1000], batches=0, singles=1000)


class TestAllocations:
    def test_a_whole_zone(self):
        zone = Zone(0, 4096, min_free_kbytes=0)
        assert allocations(zone, 5000).bulk_work()["cut"] == 4

    @pytest.mark.parametrize("n", [1, 7, 8, 9, 1023, 1024, 1025, 3333])
    @pytest.mark.parametrize("order", [0, 1, 4])
    def test_what_is_left_of_the_last_block_is_listed(self, n, order):
        allocations(Zone(0, 4096, min_free_kbytes=0), n, order)

    @pytest.mark.parametrize("n", [1, 100, 1500, 2047, 2048, 2500])
    @pytest.mark.parametrize("order", [0, 1, 3])
    def test_from_lists_of_many_small_blocks(self, n, order):
        zone, pfns = full()
        zone.free_many(pfns[:2048])
        allocations(zone, n, order)

    @pytest.mark.parametrize("pageblock_order", [4, 9])
    @pytest.mark.parametrize("migratetype", [MigrateType.UNMOVABLE, MigrateType.RECLAIMABLE])
    def test_other_types_are_fallen_back_on(self, migratetype, pageblock_order):
        zone, pfns = full(pageblock_order=pageblock_order)
        zone.free_many(pfns[:3000])
        assert allocations(zone, 3100, 0, migratetype).bulk_work()["fallbacks"] > 0

    def test_the_reserve_comes_last(self):
        zone = Zone(0, 4096, min_free_kbytes=1024, pageblock_order=5)
        reserve = int((zone.pageblock_migratetype == MigrateType.RESERVE).sum())
        assert reserve > 0
        allocations(zone, 4200)
        allocations(zone, 500, 3)

    def test_without_grouping_every_request_is_unmovable(self):
        allocations(Zone(0, 4096, min_free_kbytes=0, group_by_mobility=False), 3000)


class TestLongLists:
    """Lists of 1,024 blocks and more are taken apart into chains, counted, and used up at many places at once."""

    def fragmented(self, unmovable=0, **geometry):
        """A random half of a zone is free: some 4,100 single pages, 1,500 blocks of order 1, 250 of order 2."""
        zone, pfns = full(1 << 14, **geometry)
        for pfn in range(0, 512 * unmovable, 512):
            zone.set_pageblock_migratetype(pfn, UNMOVABLE)
        zone.free_many(pfns[: 1 << 13])
        return zone

    @pytest.mark.parametrize("n", [1 << 13, 9000, 6000, 2100])
    @pytest.mark.parametrize("order", [0, 1])
    def test_most_of_a_list(self, n, order):
        assert allocations(self.fragmented(), n >> order, order).bulk_work()["counted"] > 1024

    def test_a_small_part_of_a_list_is_not_worth_counting(self):
        assert allocations(self.fragmented(), 1000).bulk_work()["counted"] == 0

    @pytest.mark.parametrize("kernel", ["6.1", "6.12"])
    def test_the_same_in_other_kernels(self, kernel):
        zone, movable = self.fragmented(kernel=kernel), 1
        bulk, single = zone.copy(), zone.copy()
        assert bulk.alloc_many(5000).tolist() == [single.rmqueue(0, movable) for _ in range(5000)]
        assert bulk.bulk_work()["counted"] > 1024
        same(bulk, single)

    def test_lists_of_two_types(self):
        """Blocks in pageblocks of another type begin no chain: nothing but the list itself is counted."""
        zone = self.fragmented(unmovable=16)
        movable = sum(int((zone.free_blocks(order)["migratetype"] == MOVABLE).sum()) for order in (0, 1))
        assert allocations(zone, 4000).bulk_work()["counted"] == movable
        allocations(zone, 4000, 0, UNMOVABLE)

    @pytest.mark.parametrize("n", [3000, 4500])
    def test_chains_that_begin_on_another_list_are_put_together_again(self, n):
        """Their pageblocks became movable when the pages were on a list already."""
        zone = self.fragmented(unmovable=8)
        for pfn in range(0, 512 * 8, 512):
            zone.set_pageblock_migratetype(pfn, MOVABLE)
        movable = int((zone.free_blocks(0)["migratetype"] == MOVABLE).sum())
        assert allocations(zone, n).bulk_work()["counted"] > movable

    def test_the_first_block_of_a_list_begins_a_chain_as_well(self):
        """Pages are freed downward, so those that come first in the zone come first on the list."""
        zone, _ = full(1 << 14)
        zone.free_many(np.arange(0, 1 << 14, 2)[::-1])
        assert zone.free_blocks(0)["pfn"][0] == 0
        allocations(zone, 5000)


class TestRefusals:
    """In a batch that is large enough for bulk; the offender is found first, and nothing has changed."""

    @pytest.mark.parametrize(
        ("change", "where", "words"),
        [
            (lambda p: np.append(p, p[5]), 1000, "twice"),
            (lambda p: np.insert(p, 3, 4096), 3, "outside"),
            (lambda p: np.insert(p, 999, -1), 999, "outside"),
            (lambda p: np.insert(p, 0, 2**63 - 1), 0, "outside"),
            (lambda p: np.insert(p, 500, -(2**63)), 500, "outside"),
            (lambda p: np.insert(p, [400, 600], [p[0], -7]), 400, "twice"),
            (lambda p: np.repeat(p, 9), 1, "twice"),
        ],
    )
    @pytest.mark.parametrize("capture", [False, True])
    def test_bad_name(self, change, where, words, capture):
        zone, pfns = full()
        bad = change(pfns[:1000])
        call = zone.capture_list().capture_many if capture else zone.free_many
        before = everything(zone)
        with pytest.raises(MisuseError, match=rf"pfns\[{where}\]={bad[where]}: .*{words}"):
            call(bad)
        assert everything(zone) == before

    @pytest.mark.parametrize("state", ["free", "captured", "pcp", "lru", "inside"])
    def test_page_in_another_state(self, state):
        zone, pfns = full()
        page, batch = int(pfns[-1]), pfns[:1000]
        if state == "free":
            zone.free_one_page(page, 0)
        elif state == "captured":
            zone.capture_list().capture_one_page(page)
        elif state == "pcp":
            zone.free_hot_cold_page(page)
        elif state == "lru":
            Machine([zone]).lru_cache_add(page)
        else:
            zone.free_many(pfns)
            page = zone.rmqueue(10, MOVABLE) + 1
            batch = zone.alloc_many(1000)
        before = everything(zone)
        with pytest.raises(MisuseError, match=rf"pfns\[700\]={page}:"):
            zone.free_many(np.insert(batch, 700, page))
        assert everything(zone) == before

    def test_wrong_and_crossed_orders(self):
        zone = Zone(0, 16384, min_free_kbytes=0)
        pfns = zone.alloc_many(500, 2)
        orders = np.full(500, 2)
        for bad in (0, 3):
            orders[321] = bad
            before = everything(zone)
            with pytest.raises(MisuseError, match=rf"pfns\[321\]={pfns[321]}: .*order"):
                zone.free_many(pfns, orders)
            assert everything(zone) == before
