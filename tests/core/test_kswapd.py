"""kswapd: when it wakes, for which order it balances, and when it sleeps again."""

import pytest

from buddycap import GFP, Machine, PageFlags, Zone
from buddycap.machine import EventKind
from reclaimlab import ANON, full_machine, isolated, lru_counts, starving_machine

MARKS = 400  # KiB: min 100, low 125, high 150 pages


def machine_with(free, lru=0, **parameters):
    """Return a machine of 1024 pages: single free ones that cannot merge, and clean pages on the inactive list."""
    machine, zone = full_machine(1024, free=[(2 * k, 0) for k in range(free)], min_free_kbytes=MARKS, **parameters)
    machine.lru_cache_add(range(512, 512 + lru))
    return machine, zone


def run_steps(kswapd, budget=1):
    """Step kswapd until it sleeps, letting its waits happen; the steps."""
    done = []
    while not done or done[-1].wait != "sleep":
        done.append(kswapd.step(budget))
        if done[-1].wait == "congestion":
            for pfn in kswapd.machine.writeback.tolist():
                kswapd.machine.end_writeback(pfn)
    return done


class TestWaking:
    def test_it_sleeps_at_first(self):
        machine, zone = machine_with(200)
        assert machine.kswapd.asleep
        assert machine.kswapd.step().wait == "sleep"

    def test_an_allocation_below_the_low_mark_wakes_it(self):
        machine, zone = machine_with(126, events=True)
        assert machine.alloc_pages(0, GFP.KERNEL) is not None
        assert machine.kswapd.asleep
        machine.alloc_pages(0, GFP.KERNEL)
        machine.alloc_pages(0, GFP.KERNEL)
        assert not machine.kswapd.asleep
        assert [EventKind(event["kind"]).name for event in machine.events()] == ["WAKE_KSWAPD"], "once"

    def test_above_the_low_mark_it_is_left_alone(self):
        machine, zone = machine_with(126)
        machine.kswapd.wake()
        assert machine.kswapd.asleep
        machine.kswapd.wake(3)
        assert not machine.kswapd.asleep, "there is no block of order 3"

    def test_a_zone_that_the_cpuset_forbids_notes_the_order_only(self):
        machine, zone = machine_with(100)
        zone.cpuset_allowed = False
        machine.kswapd.wake(2)
        assert machine.kswapd.asleep


class TestBalancing:
    def test_it_frees_until_the_high_mark_and_some(self):
        machine, zone = machine_with(110, lru=400)
        machine.kswapd.wake()
        machine.kswapd.run()
        assert machine.kswapd.asleep
        assert zone.nr_free_pages > 150
        assert zone.vmstat()["kswapd_steal"] == zone.nr_free_pages - 110
        assert zone.vmstat()["pgscan_kswapd"] >= zone.vmstat()["kswapd_steal"]
        assert zone.vmstat()["pageoutrun"] >= 1
        assert zone.vmstat()["pgscan_direct"] == zone.vmstat()["allocstall"] == 0
        machine.check()

    def test_it_balances_for_the_order_asked_for(self):
        machine, zone = machine_with(200, lru=500)
        machine.kswapd.wake(4)
        machine.kswapd.run()
        assert machine.kswapd.order == 4
        assert zone.watermark_ok(4, zone.pages_high)
        assert machine.kswapd.stats["looked"] > machine.kswapd.stats["scanned"] / 2, "it isolates lumpy"

    def test_a_larger_order_keeps_it_awake_and_a_smaller_one_does_not(self):
        for order, expected in ((5, 5), (3, 4)):
            machine, zone = machine_with(200, lru=500)
            machine.kswapd.wake(4)
            machine.kswapd.step(1)
            machine.kswapd.wake(order)
            machine.kswapd.run()
            assert machine.kswapd.order == expected

    def test_it_never_waits_for_a_page_and_never_captures(self):
        machine, zone = machine_with(50, policy="v3")
        machine.lru_cache_add(range(512, 900), PageFlags.DIRTY)
        machine.kswapd.wake(5)
        waits = {step.wait for step in run_steps(machine.kswapd, 32)}
        assert "congestion" in waits
        assert "writeback" not in waits
        assert zone.vmstat()["capture_own"] == 0

    def test_it_gives_a_zone_up_after_six_scans_in_vain(self):
        machine, zone = machine_with(50)
        machine.lru_cache_add(range(512, 612), PageFlags.PINNED)
        machine.kswapd.wake()
        machine.kswapd.run()
        assert machine.zone_state(0)["all_unreclaimable"]
        assert machine.zone_state(0)["scanned"] >= 600
        machine.free_pages(700, 0)
        assert not machine.zone_state(0)["all_unreclaimable"], "any free takes that back"
        assert machine.zone_state(0)["scanned"] == 0

    def test_slab_that_can_be_freed_keeps_hope(self):
        machine, zone = machine_with(50)
        machine.lru_cache_add(range(512, 522), PageFlags.PINNED)
        machine.slab_add(range(600, 1000))
        machine.kswapd.wake()
        machine.kswapd.run()
        assert zone.vmstat()["slabs_scanned"] > 0
        assert zone.nr_free_pages > 150

    def test_anonymous_pages_age_even_if_nothing_is_short(self):
        machine, zone = machine_with(200)
        machine.lru_cache_add(range(512, 612), ANON | PageFlags.ACTIVE)
        machine.kswapd.wake(3)
        machine.kswapd.step(1)
        assert lru_counts(machine)["inactive_anon"] >= 32

    def test_it_sleeps_when_no_zone_is_short(self):
        machine, zone = machine_with(100)
        machine.kswapd.wake()
        zone.free_many(range(513, 713, 2))
        assert machine.kswapd.step().wait == "sleep"
        assert zone.vmstat()["pageoutrun"] == 1

    @pytest.mark.parametrize("order", [0, 4])
    def test_any_budget_gives_the_same_end(self, order):
        ends = []
        for budget in (None, 1, 32, 5000):
            machine, zone = machine_with(60, lru=300, swap_pages=100)
            machine.lru_cache_add(range(850, 900), PageFlags.DIRTY)
            machine.lru_cache_add(range(900, 1000), ANON | PageFlags.MMAP)
            machine.kswapd.wake(order)
            if budget is None:
                machine.kswapd.run()
            else:
                run_steps(machine.kswapd, budget)
            ends.append((zone.digest(), machine.kswapd.stats))
            machine.check()
        assert all(end == ends[0] for end in ends[1:])

    def test_it_puts_everything_back_when_the_machine_goes(self):
        machine, zone = machine_with(60, lru=300)
        machine.kswapd.wake(4)
        machine.kswapd.step(3)
        assert isolated(zone)
        del machine
        assert isolated(zone) == []
        zone.check()


class TestZones:
    @staticmethod
    def node():
        """Return a machine of two zones, both half full of clean pages, the lower one short of free ones."""
        present = [4096, 4096, 0, 0]
        zones = [
            Zone(4096 * k, 4096, zone_idx=k, node_present_pages=present, min_free_kbytes=800, pageblock_order=6)
            for k in range(2)
        ]
        machine = Machine(zones)
        for zone, left in zip(zones, (90, 2000), strict=True):
            pages = zone.alloc_many(zone.nr_free_pages - left)
            machine.lru_cache_add(pages[:1000])
        return machine, zones

    def test_lower_zones_are_balanced_up_to_the_one_that_is_short(self):
        machine, zones = self.node()
        machine.kswapd.wake()
        machine.kswapd.run()
        assert zones[0].nr_free_pages > zones[0].pages_high
        assert zones[1].vmstat()["pgscan_kswapd"] == 0, "the higher zone has plenty"
        assert machine.zone_state(1)["prev_priority"] == 12
        machine.check()

    def test_a_short_higher_zone_presses_on_the_lower_ones_too(self):
        machine, zones = self.node()
        zones[1].alloc_many(zones[1].nr_free_pages - 90)
        machine.kswapd.wake()
        machine.kswapd.run()
        assert zones[0].vmstat()["pgscan_kswapd"] > 0
        assert zones[1].nr_free_pages > zones[1].pages_high


def test_a_starving_machine_lets_it_sleep_in_the_end():
    machine, zone = starving_machine(256)
    machine.lru_cache_add(range(200))
    machine.kswapd.wake()
    machine.kswapd.run()
    assert zone.nr_free_pages == 200
    assert machine.zone_state(0)["all_unreclaimable"]
