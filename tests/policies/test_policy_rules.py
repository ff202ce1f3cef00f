"""Does each policy's rule do what its proposer described, in scenes small enough to be worked out by hand?"""

import numpy as np
import pytest

from buddycap import GFP, POLICIES, MigrateType, MisuseError, PageFlags
from buddycap.machine import EventKind
from reclaimlab import COSTLY, free_lists, full_machine, full_zone, reclaim, scan_now
from zone_struct import Memory


def blocks(capture_list):
    return capture_list.blocks().tolist()


def step_until(request, condition, limit=10_000):
    """Step page by page until something holds; waits are not served, time just passes."""
    for _ in range(limit):
        if condition():
            return
        step = request.step(1)
        assert not step.done, "it ended before that"
        if step.wait == "writeback":
            request.machine.end_writeback(step.pfn)
    raise AssertionError("it never came")


def own(zone, first, count, **rules):
    """Return a capture list that has taken `count` single pages from `first` on."""
    capture = zone.capture_list(**rules)
    for pfn in range(first, first + count):
        capture.capture_one_page(pfn)
    return capture


class TestSimple:
    """Captured pages merge only with each other (Whitcroft's first prototype)."""

    def test_free_and_foreign_blocks_stay_out(self):
        zone = full_zone(free=[(0, 3)])
        capture = own(zone, 8, 8, private=True)
        assert blocks(capture) == [(8, 3)], "the free buddy 0:3 has not been swallowed"
        zone.free_one_page(16, 0)
        zone.free_one_page(17, 0)
        assert blocks(capture) == [(8, 3)]
        assert free_lists(zone) == {3: [0], 1: [16]}
        assert capture.stats == {"own": 8, "merged": 0, "foreign": 0, "largest": 3}
        zone.check()

    def test_lists_keep_apart(self):
        zone = full_zone()
        lists = [own(zone, first, 4, private=True) for first in (0, 4)]
        full = own(zone, 8, 8)
        assert [blocks(one) for one in (*lists, full)] == [[(0, 2)], [(4, 2)], [(8, 3)]]
        zone.check()

    def test_pages_given_back_merge_with_their_neighbours(self):
        zone = full_zone(free=[(0, 3)])
        capture = own(zone, 8, 8, private=True)
        assert capture.capture_alloc_or_return(4, alloc_flags=1) is None
        assert free_lists(zone) == {4: [0]}

    def test_a_whole_block_is_taken(self):
        zone = full_zone(free=[(0, 3)])
        capture = own(zone, 8, 8, private=True)
        assert capture.capture_alloc_or_return(2, alloc_flags=1) == 8
        assert free_lists(zone) == {3: [0], 2: [12]}

    def test_reading_b_gives_all_back_before_the_wait(self):
        """A: private until the pass is over. B: until the end of shrink_page_list, which the wait comes after."""
        free = {}
        for name in ("simple", "simple-b"):
            machine, zone = full_machine(policy=name)
            machine.lru_cache_add(range(16, 32))
            machine.set_page_flags(20, set=PageFlags.PINNED)
            scan_now(machine, inactive_file=32)
            request = machine.request(COSTLY, GFP.KERNEL)
            step_until(request, lambda request=request: request.stats["congestion_waits"] == 1)
            free[name] = zone.nr_free_pages
            request.close()
        assert free == {"simple": 0, "simple-b": 15}


class TestEarlyRelease:
    """With one block that is large enough, everything else goes back at once (Kosaki)."""

    def test_the_others_go_back_when_the_block_is_whole(self):
        zone = full_zone()
        capture = own(zone, 40, 4, release_order=3)
        assert blocks(capture) == [(40, 2)]
        assert zone.nr_free_pages == 0
        for pfn in range(16, 24):
            assert not capture.sated
            capture.capture_one_page(pfn)
        assert capture.sated
        assert blocks(capture) == [(16, 3)]
        assert free_lists(zone) == {2: [40]}
        zone.check()

    def test_what_others_free_still_joins(self):
        zone = full_zone()
        capture = own(zone, 16, 8, release_order=3)
        for pfn in range(24, 32):
            zone.free_one_page(pfn, 0)
        assert blocks(capture) == [(16, 4)]
        assert capture.stats["foreign"] + capture.stats["merged"] == 8, "the last free brings the others along"

    def test_a_foreign_free_can_complete_the_block(self):
        zone = full_zone()
        capture = own(zone, 40, 1, release_order=1)
        capture.capture_one_page(16)
        zone.free_one_page(17, 0)
        assert blocks(capture) == [(16, 1)]
        assert free_lists(zone) == {0: [40]}

    def test_trimmed_and_closed_to_others(self):
        zone = full_zone()
        block = zone.capture_list(release_order=2, trim=True)
        zone.free_one_page(16, 0)
        for pfn in range(17, 24):
            zone.split_page(pfn, 0)
        with zone.capture_list() as other:
            for pfn in range(24, 32):
                other.capture_one_page(pfn)
        block.capture_one_page(17)
        assert blocks(block) == [(16, 1)], "with the free page 16"
        block.capture_one_page(18)
        block.capture_one_page(19)
        assert blocks(block) == [(16, 2)]
        for pfn in range(20, 24):
            zone.free_one_page(pfn, 0)
        assert blocks(block) == [(16, 2)]
        assert block.stats["foreign"] == 0
        zone.check()
        assert block.capture_alloc_or_return(2, alloc_flags=1) == 16

    @pytest.mark.parametrize(
        ("trim", "left", "free"), [(False, (0, 5), {}), (True, (0, 1), {1: [2], 2: [4], 3: [8], 4: [16]})]
    )
    def test_a_larger_block_is_cut_at_once(self, trim, left, free):
        """Page 15 completes 0:5 out of free blocks where 2^1 pages were wanted."""
        zone = full_zone(free=[(0, 3), (8, 2), (12, 1), (14, 0), (16, 4)])
        capture = own(zone, 15, 1, release_order=1, trim=trim)
        assert blocks(capture) == [left]
        assert free_lists(zone) == free
        zone.check()

    def test_a_sated_list_takes_nothing_more(self):
        """Else the block that may not merge and a new one of its size would stand side by side."""
        zone = full_zone()
        capture = own(zone, 16, 2, release_order=1, trim=True)
        capture.capture_many([18, 19])
        capture.capture_one_page(20)
        assert blocks(capture) == [(16, 1)]
        assert free_lists(zone) == {0: [20], 1: [18]}
        zone.check()

    def test_a_list_robbed_of_its_block_captures_again(self):
        zone = full_zone()
        first = own(zone, 16, 4, release_order=2)
        assert first.sated
        second = own(zone, 20, 4)
        assert blocks(second) == [(16, 3)], "the buddies of 20:2 come along, as on any capture list"
        assert blocks(first) == []
        assert not first.sated
        first.capture_many([40, 42])
        assert not first.sated, "two single pages are not what it waits for"
        assert blocks(first) == [(42, 0), (40, 0)]
        first.capture_many([41, 43])
        assert first.sated
        assert blocks(first) == [(40, 2)]
        zone.check()

    def test_in_direct_reclaim_the_rest_is_freed_normally(self):
        """As worked example 9.13, but what was captured before the block is given back, what comes after is freed."""
        machine, zone = full_machine(free=[(50, 1), (52, 2)], policy="early-release")
        machine.lru_cache_add([*range(40, 44), *range(16, 32), *range(56, 60)])
        scan_now(machine, inactive_file=32)
        request = machine.request(COSTLY, GFP.KERNEL)
        step_until(request, lambda: request.stats["captured"] == 20)
        assert blocks(zone.capture_lists()[0]) == [(16, 4)]
        assert 40 in free_lists(zone)[2]
        request.run()
        stats = request.stats
        assert (request.pfn, stats["path"], stats["captured"], stats["freed"]) == (16, "captured", 20, 4)

    def test_trimming_needs_an_order(self):
        with pytest.raises(MisuseError, match="trim"):
            full_zone().capture_list(trim=True)
        with pytest.raises(MisuseError, match="release_order=11"):
            full_zone().capture_list(release_order=11)


class TestHold:
    """A block that the watermark forbids is held while some more is reclaimed (Zijlstra)."""

    @staticmethod
    def scene(policy, **parameters):
        """One free page, pages_min 4. The first pass meets 16..31, clean, and 32..47, pinned; a round 48..55, clean."""
        machine, zone = full_machine(free=[(0, 0)], min_free_kbytes=16, policy=policy, **parameters)
        machine.lru_cache_add(range(16, 56))
        for pfn in range(32, 48):
            machine.set_page_flags(pfn, set=PageFlags.PINNED)
        scan_now(machine, inactive_file=32)
        return machine, zone

    def test_v3_gives_the_block_back(self):
        machine, _ = self.scene("v3")
        request = reclaim(machine, COSTLY)
        assert (request.stats["givebacks"], request.stats["holds"]) == (1, 0)
        assert request.stats["path"] == "reclaim", "the retry finds what the list has given back"

    def test_a_round_rescues_it(self):
        machine, zone = self.scene("hold")
        request = reclaim(machine, COSTLY)
        stats = request.stats
        assert (request.pfn, stats["path"]) == (16, "captured")
        assert (stats["holds"], stats["rescued"], stats["hold_pages"], stats["givebacks"]) == (1, 1, 8, 0)
        assert stats["captured"] == 16, "and nothing is captured in the round"
        assert zone.nr_free_pages == 1 + 8

    def test_meanwhile_it_is_nobody_elses(self):
        machine, zone = self.scene("hold")
        request = machine.request(COSTLY, GFP.KERNEL)
        step_until(request, lambda: request.stats["holds"] == 1)
        (held,) = zone.capture_lists()
        assert held.sated
        assert blocks(held) == [(16, 4)]
        assert zone.nr_free_pages == 1
        for pfn in range(8):
            machine.free_pages(pfn + 8, 0)
        zone.check()
        assert blocks(held) == [(16, 4)]
        request.close()
        assert 16 in free_lists(zone)[4]
        assert zone.capture_lists() == []
        zone.check()

    @pytest.mark.parametrize("rounds", [1, 2, 5])
    def test_after_so_many_rounds_it_goes_back(self, rounds):
        machine, zone = self.scene(POLICIES["hold"].replace(hold_rounds=rounds))
        for pfn in range(48, 56):
            machine.set_page_flags(pfn, set=PageFlags.PINNED)
        request = reclaim(machine, COSTLY)
        stats = request.stats
        assert (stats["holds"], stats["rescued"], stats["hold_pages"], stats["givebacks"]) == (1, 0, 0, 1)
        assert stats["consults"] >= 1 + rounds
        zone.check()

    def test_a_list_closed_by_somebody_else_ends_the_hold(self):
        machine, zone = self.scene("hold")
        request = machine.request(COSTLY, GFP.KERNEL)
        step_until(request, lambda: request.stats["holds"] == 1)
        for capture in zone.capture_lists():
            capture.close()
        request.run()
        assert request.stats["rescued"] == 0
        assert request.done
        zone.check()
        assert zone.capture_lists() == []

    def test_a_round_for_a_costly_order_waits_like_any(self):
        """It isolates 48..55 and 32..47, which are fewer than 32, so 32..47 once more; each time it waits."""
        machine, _ = self.scene(POLICIES["hold"].replace(hold_order=COSTLY))
        assert reclaim(machine, COSTLY).stats["hold_ms"] == 200
        machine, _ = self.scene("hold")
        assert reclaim(machine, COSTLY).stats["hold_ms"] == 0

    def test_what_the_cpuset_forbids_goes_back_at_once(self):
        machine, zone = self.scene("hold")
        request = machine.request(COSTLY, GFP.KERNEL)
        step_until(request, lambda: request.stats["captured"] == 16)
        zone.cpuset_allowed = False
        request.run()
        assert (request.stats["holds"], request.stats["givebacks"]) == (0, 1)

    def test_on_a_list(self):
        zone = full_zone(min_free_kbytes=64)
        capture = own(zone, 32, 16)
        assert capture.capture_alloc_or_return(3, alloc_flags=2, hold=True) is None
        assert capture.sated
        assert blocks(capture) == [(32, 3)]
        assert free_lists(zone) == {3: [40]}
        zone.set_min_free_kbytes(16)
        assert capture.capture_alloc_or_return(3, alloc_flags=2, hold=True) == 32
        assert not capture.sated


class TestQueue:
    """Who must reclaim lines up behind the one who does (Piggin)."""

    @staticmethod
    def scene(policy="queue"):
        """No free page, marks that nothing satisfies, and many pages that can be scanned but not freed."""
        machine, zone = full_machine(4096, min_free_kbytes=1 << 16, policy=policy, events=True)
        machine.lru_cache_add(range(16, 4096), PageFlags.PINNED)
        return machine, zone

    @staticmethod
    def begun(machine, order, gfp=GFP.KERNEL, **options):
        """Begin a request and step once; what it waits for, and the request."""
        request = machine.request(order, gfp, **options)
        return request.step(1).wait, request

    def test_the_credit_is_used_up_page_by_page(self):
        """The head wants 4 pages: newcomers of orders 0, 1 and 1 pass (4 - 1 - 2 - 2, held to 0), then they wait."""
        machine, _ = self.scene()
        waits, requests = zip(*(self.begun(machine, order) for order in (2, 0, 1, 1, 0, 3, 0)), strict=True)
        assert waits == ("none", "none", "none", "none", "queue", "queue", "queue")
        assert [request.stats["queue_waits"] for request in requests] == [0, 0, 0, 0, 1, 1, 1]

    @pytest.mark.parametrize("order", [0, 1, 3, 5])
    def test_as_many_pages_pass_as_the_head_wants(self, order):
        machine, _ = self.scene()
        _, head = self.begun(machine, order)
        passing = [self.begun(machine, 0) for _ in range((1 << order) + 3)]
        assert [wait for wait, _ in passing].count("none") == 1 << order
        assert [wait for wait, _ in passing][-3:] == ["queue"] * 3
        assert not head.done

    def test_the_next_one_comes_to_the_front_with_its_own_credit(self):
        machine, _ = self.scene()
        _, head = self.begun(machine, 0)
        _, passing = self.begun(machine, 0)
        _, second = self.begun(machine, 1)
        _, third = self.begun(machine, 0)
        assert (second.step(1).wait, third.step(1).wait) == ("queue", "queue")
        machine.events()
        head.close()
        assert machine.events()["kind"].tolist() == [EventKind.QUEUE]
        assert third.step(1).wait == "queue", "it is not its turn"
        assert second.step(1).wait == "none"
        newcomers = [self.begun(machine, 0) for _ in range(3)]
        assert [wait for wait, _ in newcomers] == ["none", "none", "queue"]
        assert not passing.done

    def test_one_who_gives_up_in_the_middle_leaves_no_gap(self):
        machine, _ = self.scene()
        _, head = self.begun(machine, 0)
        _, passing = self.begun(machine, 0)
        waiting = [self.begun(machine, 0)[1] for _ in range(3)]
        waiting[1].close()
        del head
        assert not passing.done
        assert waiting[0].step(1).wait == "none"
        waiting[0].close()
        assert waiting[2].step(1).wait == "none"

    def test_reclaims_own_allocations_and_those_that_cannot_wait_pass(self):
        machine, _ = self.scene()
        requests = [self.begun(machine, 0) for _ in range(3)]
        assert [wait for wait, _ in requests] == ["none", "none", "queue"]
        assert self.begun(machine, 0, memalloc=True)[0] == "done"
        assert self.begun(machine, 0, GFP.ATOMIC)[0] == "done"
        assert self.begun(machine, 0, policy="none")[0] == "none"

    def test_nobody_lines_up_where_there_is_memory(self):
        machine, _ = full_machine(256, free=[(0, 7)], policy="queue")
        machine.lru_cache_add(range(128, 256))
        scan_now(machine, inactive_file=64)
        _, head = self.begun(machine, 8)
        assert not head.done
        assert self.begun(machine, 0)[0] == "done"

    def test_alone_it_never_waits(self):
        machine, _ = self.scene()
        assert machine.alloc_pages(COSTLY, GFP.KERNEL) is None
        assert machine.alloc_pages(0, GFP.KERNEL | GFP.NORETRY) is None

    def test_a_call_behind_a_request_in_steps_is_refused_not_hung(self):
        machine, zone = self.scene()
        _, head = self.begun(machine, 0)
        _, passing = self.begun(machine, 0)
        with pytest.raises(MisuseError, match="queue"):
            machine.alloc_pages(0, GFP.KERNEL)
        head.close()
        passing.close()
        assert machine.alloc_pages(0, GFP.KERNEL | GFP.NORETRY) is None
        zone.check()

    def test_strict_everybody_waits_while_a_reclaimer_works(self):
        machine, zone = full_machine(256, free=[(0, 7)], policy="queue-strict", events=True)
        machine.lru_cache_add(range(128, 256))
        scan_now(machine, inactive_file=64)
        _, head = self.begun(machine, 8)
        waiting = [self.begun(machine, order) for order in (0, 8, 2)]
        assert [wait for wait, _ in waiting] == ["queue"] * 3
        assert self.begun(machine, 0, GFP.ATOMIC)[0] == "done"
        assert self.begun(machine, 0, memalloc=True)[0] == "done"
        head.close()
        assert waiting[2][1].step(1).wait == "queue", "first come, first served"
        assert waiting[0][1].step(1).wait == "done"
        assert waiting[1][1].step(1).wait == "none", "it reclaims now"
        assert waiting[2][1].step(1).wait == "queue"
        waiting[1][1].close()
        assert waiting[2][1].step(1).wait == "done"
        zone.check()

    def test_strict_reclaim_for_single_pages_blocks_nobody(self):
        machine, _ = self.scene("queue-strict")
        _, head = self.begun(machine, 0)
        requests = [self.begun(machine, order) for order in (0, 1, 0, 1)]
        assert [wait for wait, _ in requests] == ["none", "none", "queue", "queue"]
        assert not head.done


class TestNoPcp:
    """While a reclaimer works, nobody uses the per-CPU lists (Lameter)."""

    @staticmethod
    def scene():
        machine, zone = full_machine(256, geometry={"cpus": 2, "pcp_batch": 4, "pcp_high": 100}, policy="no-pcp")
        machine.lru_cache_add(range(64, 128))
        for pfn in range(10):
            machine.free_pages(pfn, 0, cpu=pfn % 2)
        return machine, zone

    def test_the_lists_are_emptied_and_stay_empty(self):
        machine, zone = self.scene()
        assert (len(zone.pcp_pages(0)), len(zone.pcp_pages(1))) == (5, 5)
        scan_now(machine, inactive_file=64)
        request = machine.request(COSTLY, GFP.KERNEL)
        free = []
        while not request.step(1).done:
            assert len(zone.pcp_pages(0)) == len(zone.pcp_pages(1)) == 0
            free.append(zone.nr_free_pages)
        assert free[0] == 10, "what was on the lists is free"
        assert request.stats["path"] == "reclaim"
        assert zone.nr_free_pages == 10 + request.stats["freed"] - 16

    def test_others_free_to_and_take_from_the_free_lists(self):
        machine, zone = self.scene()
        scan_now(machine, inactive_file=64)
        request = machine.request(COSTLY, GFP.KERNEL)
        step_until(request, lambda: request.stats["scanned"] == 3)
        before = zone.nr_free_pages
        machine.free_pages(20, 0)
        machine.free_pages(21, 0, cpu=1)
        assert zone.nr_free_pages == before + 2
        assert 20 in free_lists(zone)[1]
        assert machine.alloc_pages(0, GFP.KERNEL) is not None
        assert zone.nr_free_pages == before + 1
        assert len(zone.pcp_pages(0)) == 0
        zone.check()
        request.close()
        assert Memory(zone).header.pcp_bypass == 0
        machine.free_pages(22, 0)
        assert len(zone.pcp_pages(0)) == 1, "in use again after a request that was given up"

    def test_a_single_page_bothers_nobody(self):
        machine, zone = self.scene()
        zone.set_min_free_kbytes(4096)
        scan_now(machine, inactive_file=64)
        request = machine.request(0, GFP.KERNEL)
        step_until(request, lambda: request.stats["scanned"] == 3)
        assert len(zone.pcp_pages(1)) == 5

    def test_two_reclaimers_at_once(self):
        machine, zone = self.scene()
        requests = []
        for _ in range(2):
            scan_now(machine, inactive_file=64)
            requests.append(machine.request(COSTLY, GFP.KERNEL))
            step_until(requests[-1], lambda: requests[-1].stats["scanned"] == 2)
        requests[0].close()
        machine.free_pages(22, 0)
        assert len(zone.pcp_pages(0)) == 0, "one is still at work"
        requests[1].close()
        machine.free_pages(23, 0)
        assert len(zone.pcp_pages(0)) == 1


class TestIsolate:
    """The pageblock of the first page isolated is out of bounds for everybody else (Kamezawa)."""

    @staticmethod
    def scene(migratetype=MigrateType.MOVABLE, free=(0, 0), **parameters):
        geometry = {"pageblock_order": 4}
        machine, zone = full_machine(256, geometry=geometry, policy="isolate", free=[free], **parameters)
        zone.set_pageblock_migratetype(64, migratetype)
        machine.lru_cache_add(range(64, 80))
        machine.set_page_flags(70, set=PageFlags.PINNED)
        scan_now(machine, inactive_file=32)
        return machine, zone

    @pytest.mark.parametrize("migratetype", [MigrateType.MOVABLE, MigrateType.UNMOVABLE, MigrateType.RESERVE])
    def test_the_type_comes_back(self, migratetype):
        machine, zone = self.scene(migratetype)
        before = zone.pageblock_migratetype.copy()
        request = machine.request(COSTLY, GFP.KERNEL)
        step_until(request, lambda: request.stats["scanned"] > 0)
        assert zone.pageblock_migratetype[4] == MigrateType.ISOLATE
        request.run()
        assert np.array_equal(zone.pageblock_migratetype, before)
        assert (zone.free_blocks()["migratetype"] != MigrateType.ISOLATE).all()
        zone.check()

    def test_also_when_the_request_is_given_up(self):
        machine, zone = self.scene()
        before = zone.pageblock_migratetype.copy()
        request = machine.request(COSTLY, GFP.KERNEL)
        step_until(request, lambda: request.stats["freed"] >= 14)
        assert (zone.free_blocks()["migratetype"] == MigrateType.ISOLATE).any()
        request.close()
        assert np.array_equal(zone.pageblock_migratetype, before)
        assert (zone.free_blocks()["migratetype"] != MigrateType.ISOLATE).all()
        zone.check()

    def test_nobody_else_gets_a_page_of_it(self):
        machine, zone = self.scene()
        request = machine.request(COSTLY, GFP.KERNEL)
        step_until(request, lambda: request.stats["freed"] >= 14)
        others = [zone.rmqueue(0, MigrateType.MOVABLE) for _ in range(4)]
        assert others == [0, None, None, None]

    def test_the_block_is_found_there(self):
        machine, zone = self.scene(free=(0, 3))
        machine.set_page_flags(70, clear=PageFlags.PINNED)
        request = reclaim(machine, COSTLY)
        assert (request.pfn, request.stats["path"]) == (64, "isolated")
        assert zone.pageblock_migratetype[4] == MigrateType.MOVABLE
        zone.check()

    def test_below_the_mark_it_is_not_given_out(self):
        machine, zone = self.scene(min_free_kbytes=1024)
        machine.set_page_flags(70, clear=PageFlags.PINNED)
        request = reclaim(machine, COSTLY)
        assert request.pfn is None
        assert 64 in free_lists(zone)[4]

    def test_the_pageblock_must_be_able_to_hold_the_block(self):
        machine, zone = self.scene()
        request = machine.request(5, GFP.KERNEL)
        step_until(request, lambda: request.stats["scanned"] > 0)
        assert (zone.pageblock_migratetype != MigrateType.ISOLATE).all()

    def test_a_type_set_meanwhile_is_kept(self):
        machine, zone = self.scene()
        request = machine.request(COSTLY, GFP.KERNEL)
        step_until(request, lambda: request.stats["freed"] >= 14)
        zone.set_pageblock_migratetype(64, MigrateType.RECLAIMABLE)
        request.close()
        assert zone.pageblock_migratetype[4] == MigrateType.RECLAIMABLE
        assert (zone.free_blocks()["migratetype"] != MigrateType.ISOLATE).all()
