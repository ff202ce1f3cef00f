"""An allocation that does not succeed at once: watermarks by GFP bits, direct reclaim, retries, giving up."""

import pytest

from buddycap import GFP, MisuseError, PageFlags
from buddycap.machine import EventKind
from reclaimlab import (
    ANON,
    COSTLY,
    free_lists,
    full_machine,
    is_allocated,
    isolated,
    lru_counts,
    reclaim,
    scan_now,
    starving_machine,
    steps,
)

MARKS = 400  # KiB: min 100, low 125, high 150 pages


def machine_with(free, **parameters):
    """Return a machine of 512 pages with so many free ones, in single pages that cannot merge."""
    return full_machine(512, free=[(2 * k, 0) for k in range(free)], min_free_kbytes=MARKS, **parameters)


def writing_machine():
    """Return a machine with eight pages under writeback, more than its limit."""
    machine, _ = starving_machine(64, writeback_limit=3)
    machine.lru_cache_add(range(8), PageFlags.DIRTY)
    for pfn in range(8):
        machine.start_writeback(pfn)
    return machine


def path(machine, gfp, order=0, **options):
    return reclaim(machine, order, gfp, **options).stats["path"]


class TestMarks:
    def test_the_marks_are_as_the_tests_assume(self):
        state = machine_with(1)[0].zone_state(0)
        assert (state["min"], state["low"], state["high"]) == (100, 125, 150)

    @pytest.mark.parametrize(
        ("free", "gfp", "expected"),
        [
            (126, GFP.KERNEL, "fast"),
            (125, GFP.KERNEL, "second"),
            (101, GFP.KERNEL, "second"),
            (100, GFP.KERNEL, "failed"),
            (76, GFP.NOWARN, "second"),  # no WAIT: HARDER
            (75, GFP.NOWARN, "failed"),
            (39, GFP.ATOMIC, "second"),  # HIGH and HARDER: 100 - 50 - 12
            (38, GFP.ATOMIC, "failed"),
            (51, GFP.KERNEL | GFP.HIGH, "second"),
            (50, GFP.KERNEL | GFP.HIGH, "failed"),
        ],
    )
    def test_how_deep_a_request_may_go(self, free, gfp, expected):
        assert path(machine_with(free)[0], gfp) == expected

    def test_a_real_time_task_goes_deeper(self):
        assert path(machine_with(76)[0], GFP.KERNEL, realtime=True) == "second"
        assert path(machine_with(75)[0], GFP.KERNEL, realtime=True) == "failed"

    def test_a_reclaimer_gets_everything_and_does_not_reclaim(self):
        request = reclaim(machine_with(1)[0], 0, GFP.KERNEL, memalloc=True)
        assert (request.stats["path"], request.stats["reclaims"]) == ("memalloc", 0)
        assert path(machine_with(0)[0], GFP.KERNEL, memalloc=True) == "failed"
        assert path(machine_with(1)[0], GFP.KERNEL | GFP.NOMEMALLOC, memalloc=True) == "failed"

    def test_a_reclaimer_with_nofail_tries_again_until_it_is_given_up(self):
        machine, zone = machine_with(0, oom_rounds=3)
        request = machine.request(0, GFP.KERNEL | GFP.NOFAIL, memalloc=True)
        waits = [(step.wait, step.wait_ms) for step in steps(request)]
        assert waits == [("congestion", 20), ("congestion", 20), ("done", 0)]

    def test_the_cpuset_is_asked_only_of_those_who_can_wait(self):
        machine, zone = machine_with(200)
        zone.cpuset_allowed = False
        assert path(machine, GFP.KERNEL) == "failed"
        assert path(machine, GFP.ATOMIC) == "second", "S1 asks it always"
        assert zone.vmstat()["pgscan_direct"] == 0, "nor is a forbidden zone reclaimed"


class TestPerCpuLists:
    def test_they_are_drained_after_reclaim_of_a_higher_order(self):
        machine, zone = full_machine(16384, min_free_kbytes=8, geometry={"cpus": 2})
        for cpu, pages in enumerate((range(32, 36), range(36, 40))):
            for pfn in pages:
                zone.free_hot_cold_page(pfn, cpu=cpu)
        assert zone.nr_free_pages == 0
        request = reclaim(machine, 3)
        assert (request.stats["path"], request.pfn) == ("failed", None), "without progress there is no second look"
        assert free_lists(zone) == {3: [32]}

    def test_pages_come_from_and_go_to_the_list_of_the_cpu(self):
        machine, zone = full_machine(16384, free=[(0, 10)], min_free_kbytes=8, geometry={"cpus": 2})
        pfn = machine.alloc_pages(0, GFP.KERNEL, cpu=1)
        counts = [count for count, _, _ in machine.zone_state(0)["pagesets"]]
        assert counts == [0, machine.zone_state(0)["pagesets"][1][2] - 1]
        machine.free_pages(pfn, 0, cpu=0)
        assert machine.zone_state(0)["pagesets"][0][0] == 1

    def test_cold_requests_take_the_tail(self):
        machine, zone = full_machine(16384, free=[(0, 10)], min_free_kbytes=8)
        hot = machine.alloc_pages(0, GFP.KERNEL)
        cold = machine.alloc_pages(0, GFP.KERNEL | GFP.COLD)
        assert cold == hot + machine.zone_state(0)["pagesets"][0][2] - 1


class TestRetries:
    @staticmethod
    def waits(machine, order, gfp):
        """Return the congestion waits of a request, and the request."""
        request = machine.request(order, gfp)
        return [step.wait_ms for step in steps(request, 1000) if step.wait == "congestion"], request

    def test_a_costly_order_gets_one_reclaim_and_one_more_look(self):
        machine, zone = starving_machine(512)
        machine.lru_cache_add(range(100, 400))
        waits, request = self.waits(machine, COSTLY, GFP.KERNEL)
        assert request.stats["reclaims"] == 1
        assert 20 not in waits

    def test_repeat_goes_on_until_two_to_the_order_pages_have_come(self):
        machine, zone = starving_machine(8192)
        machine.lru_cache_add(range(1, 8192, 4))
        waits, request = self.waits(machine, 9, GFP.KERNEL | GFP.REPEAT)
        assert request.stats["reclaims"] == 2, "each time two blocks with 128 such pages"
        assert request.stats["freed"] == 512
        assert waits == [20]

    def test_norepeat_means_one_try(self):
        machine, zone = starving_machine(512)
        machine.lru_cache_add(range(100, 400))
        waits, request = self.waits(machine, 0, GFP.KERNEL | GFP.NORETRY)
        assert request.stats["reclaims"] == 1
        assert request.stats["path"] == "failed"

    def test_small_orders_retry_while_there_is_progress(self):
        machine, zone = starving_machine(512)
        machine.lru_cache_add(range(100, 400))
        waits, request = self.waits(machine, 0, GFP.KERNEL)
        assert request.stats["freed"] == 300
        assert waits.count(20) >= 300 // 64
        assert request.stats["oom_rounds"] == 1

    def test_nofail_retries_a_costly_order(self):
        machine, zone = starving_machine(512)
        machine.lru_cache_add(range(100, 400))
        waits, request = self.waits(machine, COSTLY, GFP.KERNEL | GFP.NOFAIL)
        assert request.stats["reclaims"] > 2
        assert request.stats["freed"] == 300

    def test_the_killer_would_come_and_the_request_starts_again(self):
        machine, zone = starving_machine(oom_rounds=4)
        waits, request = self.waits(machine, 0, GFP.KERNEL)
        assert waits == [4, 4, 4]
        assert request.stats["reclaims"] == request.stats["oom_rounds"] == 4

    def test_the_killer_does_not_come_for_costly_orders(self):
        waits, request = self.waits(starving_machine(oom_rounds=4)[0], COSTLY, GFP.KERNEL)
        assert waits == []
        assert request.stats["reclaims"] == 1

    def test_without_the_file_system_there_is_no_killer_but_a_retry(self):
        waits, request = self.waits(starving_machine(oom_rounds=4)[0], 0, GFP.NOFS)
        assert waits == [20, 20, 20]

    def test_a_last_look_at_the_high_mark(self):
        machine, zone = machine_with(99)
        request = machine.request(0, GFP.KERNEL)
        while request.stats["reclaims"] == 0:
            request.step(1)
        assert request.done, "nothing to reclaim, nothing to wait for"
        machine, zone = machine_with(99)
        machine.lru_cache_add(1, PageFlags.DIRTY)
        scan_now(machine, inactive_file=32)
        machine.write_congested = True
        request = machine.request(0, GFP.KERNEL)
        while request.step(1).scanned == 0:
            pass
        zone.free_many(range(3, 203, 2))
        assert request.step(1000).done
        assert request.stats["path"] == "last try", "199 pages are free now, and nothing was reclaimed"


class TestDirectReclaim:
    def test_priorities_rest_when_pages_were_scanned_in_vain(self):
        machine, zone = starving_machine(512)
        machine.lru_cache_add(range(100, 400), PageFlags.LOCKED)
        request = machine.request(0, GFP.KERNEL | GFP.NORETRY)
        waits = [step.wait_ms for step in steps(request, 10_000) if step.wait == "congestion"]
        assert waits == [], "locked pages are not counted"
        machine, zone = starving_machine(512)
        machine.lru_cache_add(range(100, 400), PageFlags.PINNED)
        waits = [s.wait_ms for s in steps(machine.request(0, GFP.KERNEL | GFP.NORETRY), 10_000) if s.wait != "none"]
        assert waits == [100, 100, 100, 100, 100, 0], "32 have come together at priority 4"

    def test_it_ends_at_32_pages_and_notes_the_priority(self):
        machine, zone = starving_machine(8192)
        machine.lru_cache_add(range(8192))
        request = machine.request(0, GFP.KERNEL | GFP.NORETRY)
        request.run()
        assert request.stats["freed"] == 64, "2 + 4 + 8 + 16 + 32 to scan, in two rounds of 32"
        assert machine.zone_state(0)["prev_priority"] == request.stats["priority"] == 8

    def test_without_an_exit_the_result_is_what_came(self):
        machine, zone = starving_machine(64)
        machine.lru_cache_add(range(20))
        request = machine.request(COSTLY, GFP.KERNEL)
        request.run()
        assert request.stats["progress"] == 20
        assert machine.zone_state(0)["prev_priority"] == 0

    def test_pdflush_is_asked_after_48_pages(self):
        machine, zone = starving_machine(1024, events=True)
        machine.lru_cache_add(range(1000), PageFlags.PINNED)
        machine.request(0, GFP.KERNEL | GFP.NORETRY).run()
        asked = [int(event["page"]) for event in machine.events() if event["kind"] == EventKind.WAKE_PDFLUSH]
        assert asked == sorted(asked)
        assert all(pages > 48 for pages in asked)
        assert asked

    def test_an_unreclaimable_zone_is_looked_at_once(self):
        machine, zone = starving_machine(64)
        machine.lru_cache_add(range(3), PageFlags.PINNED)
        scan_now(machine, inactive_file=32)
        machine.kswapd.wake()
        machine.kswapd.run()
        assert machine.zone_state(0)["all_unreclaimable"]
        before = zone.vmstat()["pgscan_direct"]
        request = reclaim(machine)
        assert zone.vmstat()["pgscan_direct"] == before
        assert request.stats["progress"] == 0

    def test_throttling_waits_while_too_much_is_under_writeback(self):
        machine = writing_machine()
        request = machine.request(0, GFP.KERNEL | GFP.NORETRY)
        assert [request.step(100).wait for _ in range(3)] == ["congestion"] * 3, "for ever"
        for pfn in range(5):
            machine.end_writeback(pfn)
        assert request.step(100).wait == "done"

    def test_without_io_one_rest_is_enough(self):
        machine = writing_machine()
        request = machine.request(0, GFP.WAIT | GFP.NORETRY)
        rests = 0
        while not request.done:
            rests += request.step(100).wait == "congestion"
        assert rests == 13, "one for each priority"


class TestSteps:
    @staticmethod
    def busy_machine(policy):
        machine, zone = full_machine(1024, min_free_kbytes=64, policy=policy, swap_pages=300, free=[(0, 5)])
        machine.lru_cache_add(range(64, 300))
        machine.lru_cache_add(range(300, 400), PageFlags.ACTIVE | PageFlags.REFERENCED)
        machine.lru_cache_add(range(400, 600), ANON | PageFlags.MMAP | PageFlags.YOUNG)
        machine.lru_cache_add(range(600, 700), PageFlags.DIRTY)
        machine.lru_cache_add(range(700, 710), PageFlags.PINNED)
        machine.slab_add(range(750, 900))
        return machine, zone

    @pytest.mark.parametrize("policy", ["none", "v1", "v3", "v4", "all-orders"])
    @pytest.mark.parametrize("order", [0, 2, 5, 6])
    def test_any_budget_gives_the_same_end(self, policy, order):
        ends = []
        for budget in (None, 1, 7, 32, 100_000):
            machine, zone = self.busy_machine(policy)
            for _ in range(3):
                request = machine.request(order, GFP.KERNEL)
                if budget is None:
                    request.run()
                else:
                    steps(request, budget)
                stats = request.stats
            ends.append((zone.digest(), request.pfn, stats, machine.writeback.tolist()))
            machine.check()
        assert all(end == ends[0] for end in ends[1:])

    def test_a_step_says_what_it_cost(self):
        machine, zone = self.busy_machine("v3")
        request = machine.request(5, GFP.KERNEL)
        total = dict.fromkeys(request.step(1).cost(), 0)
        request.close()
        machine, zone = self.busy_machine("v3")
        request = machine.request(5, GFP.KERNEL)
        for step in steps(request, 16):
            assert step.scanned <= 16
            for name, value in step.cost().items():
                total[name] += value
        assert {name: request.stats[name] for name in total} == total
        assert total["captured"] == zone.vmstat()["capture_own"]

    def test_a_request_that_is_over_stays_as_it_is(self):
        machine, zone = full_machine(free=[(0, 4)])
        request = machine.request(0, GFP.KERNEL)
        assert request.step().done
        pfn = request.pfn
        assert request.step().done
        request.close()
        assert request.pfn == pfn
        assert is_allocated(zone, pfn)

    @pytest.mark.parametrize("policy", ["none", "v3", "v4"])
    def test_giving_up_puts_everything_back(self, policy):
        for after in range(1, 120, 7):
            machine, zone = self.busy_machine(policy)
            before = sum(lru_counts(machine).values())
            with machine.request(COSTLY, GFP.KERNEL) as request:
                for _ in range(after):
                    request.step(3)
                machine.check()
            assert request.done
            assert isolated(zone) == []
            machine.check()
            pages = sum(lru_counts(machine).values()) + request.stats["freed"] + request.stats["captured"]
            assert pages + request.stats["slab_freed"] == before

    def test_a_request_that_nobody_holds_gives_up(self):
        machine, zone = self.busy_machine("v3")
        machine.request(COSTLY, GFP.KERNEL).step(3)
        assert isolated(zone) == []
        machine.check()

    def test_its_capture_list_may_be_closed_under_it(self):
        machine, zone = self.busy_machine("v3")
        request = machine.request(COSTLY, GFP.KERNEL)
        request.step(3)
        for capture in zone.capture_lists():
            capture.close()
        request.run()
        machine.check()


class TestMisuse:
    @pytest.mark.parametrize(
        ("order", "gfp", "options"),
        [
            (11, GFP.KERNEL, {}),
            (-1, GFP.KERNEL, {}),
            (0, 1 << 21, {}),
            (0, -1, {}),
            (0, GFP.MOVABLE | GFP.RECLAIMABLE, {}),
            (0, GFP.KERNEL, {"cpu": 1}),
            (1 << 70, GFP.KERNEL, {}),
        ],
    )
    def test_impossible_requests_are_refused(self, order, gfp, options):
        machine, zone = full_machine(free=[(0, 4)])
        before = zone.digest()
        for call in (machine.alloc_pages, machine.request):
            with pytest.raises(MisuseError):
                call(order, gfp, **options)
        assert zone.digest() == before

    def test_frees_are_checked(self):
        machine, zone = full_machine(free=[(0, 4)])
        before = zone.digest()
        for pfn, order in ((0, 0), (64, 0), (-1, 0), (20, 1), (20, -1), (20, 99), (1 << 70, 0)):
            with pytest.raises(MisuseError):
                machine.free_pages(pfn, order)
        assert zone.digest() == before
        with pytest.raises(TypeError):
            machine.free_pages("20", 0)

    def test_budgets_are_positive(self):
        request = full_machine()[0].request(0, GFP.KERNEL)
        for budget in (0, -1):
            with pytest.raises(MisuseError):
                request.step(budget)
