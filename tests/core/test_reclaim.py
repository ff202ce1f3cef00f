"""Reclaim from one zone: the worked examples, every decision on a page, and the order in which things happen."""

import numpy as np
import pytest

from buddycap import GFP, POLICIES, CapturePolicy, PageFlags
from buddycap.machine import EventKind
from reclaimlab import (
    ANON,
    COSTLY,
    awaited_write,
    flags_of,
    free_lists,
    full_machine,
    isolated,
    lru_counts,
    reclaim,
    scan_now,
    starving_machine,
    steps,
)
from zone_struct import PF_ORPHAN

CLEAN_SWAPCACHE = ANON | PageFlags.SWAPCACHE
NO_FS = GFP.WAIT | GFP.IO
NO_IO = GFP.WAIT


def lumpy_example():
    """Return the state of the worked example on lumpy isolation, with page 17 under writeback."""
    machine, zone = full_machine(free=[(24, 2)], policy="v3", swap_pages=3)
    machine.lru_cache_add([18, 33, 40])
    machine.lru_cache_add(20, PageFlags.ACTIVE)
    machine.lru_cache_add([45, 17], CLEAN_SWAPCACHE)
    machine.lru_cache_add(44, CLEAN_SWAPCACHE | PageFlags.ACTIVE)
    machine.lru_cache_add(22, PageFlags.UNEVICTABLE | PageFlags.MLOCKED)
    machine.start_writeback(17)
    scan_now(machine, inactive_file=32)
    return machine, zone


class TestWorkedExamples:
    def test_lumpy_isolation(self):
        machine, zone = lumpy_example()
        before = machine.zone_state(0)
        request = machine.request(COSTLY, GFP.KERNEL)
        step = request.step(1)
        assert isolated(zone) == [17, 20, 33, 40, 44, 45], "page 18 was handled first"
        assert step.isolated == 7
        assert machine.zone_state(0)["scanned"] == 7
        assert zone.vmstat()["pgdeactivate"] == 2
        assert lru_counts(machine) == {"unevictable": 1}
        after = machine.zone_state(0)
        assert [a - b for a, b in zip(after["recent_scanned"], before["recent_scanned"], strict=True)] == [3, 4]

    def test_pages_are_handled_in_the_order_of_isolation(self):
        machine, zone = lumpy_example()
        request = machine.request(COSTLY, GFP.KERNEL)
        order = []
        held = [17, 18, 20, 33, 40, 44, 45]
        for step in iter(lambda: request.step(1), None):
            order += [pfn for pfn in held if not flags_of(zone, pfn) & PageFlags.ISOLATED and pfn not in order]
            if step.wait == "congestion":
                break
        assert order == [18, 20, 33, 40, 44, 45], "17 is under writeback"

    def test_the_synchronous_pass_waits_for_the_page(self):
        machine, zone = lumpy_example()
        request = machine.request(COSTLY, GFP.KERNEL)
        waits = []
        while not request.done:
            step = request.step(100)
            waits.append((step.wait, step.wait_ms, step.pfn))
            if step.wait == "writeback":
                assert isolated(zone) == [17]
                assert request.step(100).wait == "writeback", "it goes on waiting until the write has ended"
                machine.end_writeback(17)
        assert waits[:2] == [("congestion", 100, None), ("writeback", 0, 17)]
        assert request.stats["sync_passes"] == 1
        assert request.stats["capture_own"] == 7
        assert request.stats["freed"] == 0

    def test_nothing_fits_so_all_is_given_back_from_the_tail(self):
        machine, zone = lumpy_example()
        assert machine.alloc_pages(COSTLY, GFP.KERNEL) is None
        assert free_lists(zone) == {0: [17, 40, 33, 20, 18], 1: [44], 2: [24]}
        assert zone.nr_free_pages == 11
        assert zone.vmstat()["pgscan_direct"] == 7
        assert zone.vmstat()["pgsteal"] == 7
        machine.check()

    @staticmethod
    def end_to_end(policy):
        machine, zone = full_machine(free=[(50, 1), (52, 2)], policy=policy)
        machine.lru_cache_add([*range(16, 32), *range(40, 48)])
        return machine, zone

    def test_direct_reclaim_with_capture(self):
        machine, zone = self.end_to_end("v3")
        request = machine.request(COSTLY, GFP.KERNEL)
        assert request.run() == 16
        assert free_lists(zone) == {1: [50], 2: [52], 3: [40]}
        assert zone.nr_free_pages == 14
        stats = request.stats
        assert (stats["path"], stats["priority"], stats["congestion_waits"]) == ("captured", -1, 1)
        assert (stats["captured"], stats["freed"], stats["progress"]) == (24, 0, 24)
        assert (stats["capture_own"], stats["capture_merged"], stats["capture_largest"]) == (24, 0, 4)
        machine.check()

    def test_direct_reclaim_without_capture(self):
        machine, zone = self.end_to_end("none")
        request = machine.request(COSTLY, GFP.KERNEL)
        assert request.run() == 16
        assert free_lists(zone) == {1: [50], 2: [52], 3: [40]}
        assert zone.nr_free_pages == 14
        assert (request.stats["path"], request.stats["freed"]) == ("reclaim", 24)

    def test_pagevecs_are_freed_from_the_last_page_to_the_first(self):
        machine, zone = self.end_to_end("none")
        request = machine.request(COSTLY, GFP.KERNEL)
        seen = []
        while not request.done:
            request.step(1)
            if zone.nr_free_pages not in [n for n, _ in seen]:
                seen.append((zone.nr_free_pages, free_lists(zone)))
        assert seen[1] == (20, {1: [28, 50], 2: [24, 52], 3: [16]})
        assert seen[2] == (30, {1: [50], 2: [52], 3: [40], 4: [16]})
        assert seen[3] == (14, {1: [50], 2: [52], 3: [40]})

    def test_seventeen_pages_are_needed_to_scan_a_list_at_all(self):
        for pages, scanned in ((16, 0), (17, 17)):
            machine, zone = full_machine()
            machine.lru_cache_add(range(pages))
            reclaim(machine, COSTLY)
            assert zone.vmstat()["pgscan_direct"] == scanned


def decide(flags=0, *, order=0, gfp=GFP.KERNEL, swap_pages=8, **parameters):
    """Let inactive page 5 with these flags be decided on; machine, zone and request. Page 6 follows it, locked."""
    machine, zone = starving_machine(swap_pages=swap_pages, events=True, **parameters)
    machine.lru_cache_add(5, flags & ~PageFlags.WRITEBACK)
    machine.lru_cache_add(6, PageFlags.LOCKED | flags & ANON)
    if flags & PageFlags.WRITEBACK:
        machine.start_writeback(5)
    scan_now(machine, **{"inactive_anon" if flags & PageFlags.SWAPBACKED else "inactive_file": 32})
    request = machine.request(order, gfp)
    assert request.step(1).scanned == 1
    return machine, zone, request


def fate(zone):
    """Return what became of page 5; a freed one may still stand in the pagevec, as an orphan."""
    flags = flags_of(zone, 5)
    for flag in (PageFlags.UNEVICTABLE, PageFlags.ACTIVE):
        if flags & flag:
            return flag.name.lower()
    return "freed" if flags in (0, PF_ORPHAN) else "kept"


class TestDecisions:
    """The decisions of shrink_page_list, in their order; the page is under order 0 unless said otherwise."""

    def test_1_a_locked_page_is_kept_and_not_counted(self):
        machine, zone, request = decide(PageFlags.LOCKED)
        assert fate(zone) == "kept"
        assert flags_of(zone, 5) == PageFlags.LOCKED | PageFlags.ISOLATED

    def test_3_a_page_that_was_mlocked_is_culled(self):
        machine, zone, request = decide(PageFlags.MLOCKED)
        assert fate(zone) == "unevictable"
        assert zone.vmstat()["unevictable_pgs_culled"] == 1

    def test_7_a_page_under_writeback_is_kept(self):
        assert fate(decide(PageFlags.WRITEBACK)[1]) == "kept"

    def test_7_the_synchronous_pass_waits_only_if_it_may_enter_the_file_system(self):
        machine, zone, request = decide(PageFlags.WRITEBACK, order=COSTLY, gfp=NO_FS)
        assert [step.wait for step in steps(request)].count("writeback") == 0
        machine, zone, request = decide(PageFlags.WRITEBACK | CLEAN_SWAPCACHE, order=COSTLY, gfp=NO_FS)
        assert [request.step(100).wait for _ in range(2)] == ["congestion", "writeback"], "IO is enough for swap"

    def test_8_a_page_in_use_is_activated_if_it_was_referenced(self):
        for flags in (PageFlags.MMAP | PageFlags.REFERENCED, PageFlags.MMAP | PageFlags.YOUNG):
            machine, zone, request = decide(flags)
            assert fate(zone) == "active"
            assert flags_of(zone, 5) == PageFlags.MMAP | PageFlags.ACTIVE | PageFlags.ISOLATED, "the bits are cleared"
            assert zone.vmstat()["pgactivate"] == 1

    def test_8_the_swap_cache_counts_as_use_and_a_file_page_does_not(self):
        assert fate(decide(CLEAN_SWAPCACHE | PageFlags.REFERENCED)[1]) == "active"
        assert fate(decide(PageFlags.REFERENCED)[1]) == "freed"

    def test_8_references_do_not_protect_from_a_costly_order(self):
        assert fate(decide(PageFlags.MMAP | PageFlags.REFERENCED | PageFlags.YOUNG, order=COSTLY)[1]) == "freed"
        assert fate(decide(PageFlags.MMAP | PageFlags.REFERENCED, order=3)[1]) == "active"

    def test_9_anonymous_memory_enters_swap_and_is_written(self):
        machine, zone, request = decide(ANON | PageFlags.MMAP)
        assert flags_of(zone, 5) & (PageFlags.SWAPCACHE | PageFlags.WRITEBACK | PageFlags.MMAP | PageFlags.DIRTY) == (
            PageFlags.SWAPCACHE | PageFlags.WRITEBACK
        )
        assert machine.swap_free == 7
        kinds = [EventKind(kind) for kind in machine.events()["kind"]]
        assert kinds[-3:] == [EventKind.SWAPPED, EventKind.UNMAPPED, EventKind.PAGEOUT]

    def test_9_without_io_it_is_kept(self):
        machine, zone, request = decide(ANON, gfp=NO_IO)
        assert fate(zone) == "kept"
        assert machine.swap_free == 8

    def test_9_without_a_slot_it_is_activated(self):
        machine, zone = starving_machine(swap_pages=1)
        machine.lru_cache_add(5, ANON)
        machine.lru_cache_add(6, ANON)
        scan_now(machine, inactive_anon=32)
        request = machine.request(0, GFP.KERNEL)
        request.step(2)
        assert flags_of(zone, 5) & PageFlags.SWAPCACHE
        assert flags_of(zone, 6) & PageFlags.ACTIVE
        request.close()

    def test_10_a_mapped_clean_page_is_unmapped_and_freed(self):
        machine, zone, request = decide(PageFlags.MMAP)
        assert fate(zone) == "freed"
        kinds = [EventKind(kind) for kind in machine.events()["kind"]]
        assert kinds[-2:] == [EventKind.UNMAPPED, EventKind.RECLAIMED]

    def test_11_a_dirty_page_is_written(self):
        machine, zone, request = decide(PageFlags.DIRTY)
        assert flags_of(zone, 5) & (PageFlags.WRITEBACK | PageFlags.DIRTY) == PageFlags.WRITEBACK
        assert machine.writeback.tolist() == [5]
        assert zone.vmstat()["nr_vmscan_write"] == 1

    def test_11_a_referenced_dirty_page_is_kept_unless_the_order_is_costly(self):
        assert flags_of(decide(PageFlags.DIRTY | PageFlags.REFERENCED)[1], 5) & PageFlags.DIRTY
        machine, zone, request = decide(PageFlags.DIRTY | PageFlags.REFERENCED, order=COSTLY)
        assert zone.vmstat()["nr_vmscan_write"] == 1

    @pytest.mark.parametrize("gfp", [NO_FS, NO_IO])
    def test_11_a_dirty_file_page_needs_the_file_system(self, gfp):
        machine, zone, request = decide(PageFlags.DIRTY, gfp=gfp)
        assert flags_of(zone, 5) & PageFlags.DIRTY
        assert fate(zone) == "kept"

    def test_11_laptop_mode_writes_nothing_at_first(self):
        assert flags_of(decide(PageFlags.DIRTY, laptop_mode=True)[1], 5) & PageFlags.DIRTY

    def test_11_a_congested_queue_is_for_kswapd_alone(self):
        machine, zone = starving_machine()
        machine.lru_cache_add([5, 6], PageFlags.DIRTY)
        machine.write_congested = True
        scan_now(machine, inactive_file=32)
        reclaim(machine)
        assert flags_of(zone, 5) & PageFlags.DIRTY
        scan_now(machine, inactive_file=32)
        machine.kswapd.wake()
        machine.kswapd.step(2)
        assert flags_of(zone, 5) & PageFlags.WRITEBACK

    def test_11_the_synchronous_pass_writes_and_waits(self):
        machine, zone, request = awaited_write(5, policy="v3")
        machine.end_writeback(5)
        steps(request)
        assert fate(zone) == "freed"

    @pytest.mark.parametrize("flag", [PageFlags.DIRTY, PageFlags.MMAP])
    def test_11_a_page_that_is_in_use_again_after_its_write_is_kept(self, flag):
        machine, zone, request = awaited_write(5)
        machine.set_page_flags(5, set=flag)
        machine.end_writeback(5)
        request.step(1)
        stats = request.stats
        assert stats["scanned"] == 3, "put back, isolated again"
        assert (stats["pageouts"], stats["unmapped"]) == ((2, 0) if flag == PageFlags.DIRTY else (1, 1))

    def test_13_a_pinned_page_is_unmapped_and_kept(self):
        machine, zone, request = decide(PageFlags.PINNED | PageFlags.MMAP)
        assert fate(zone) == "kept"
        assert not flags_of(zone, 5) & PageFlags.MMAP
        assert fate(decide(PageFlags.PINNED | PageFlags.DIRTY)[1]) == "kept"

    def test_14_a_clean_page_is_freed_and_its_owner_told(self):
        machine, zone, request = decide()
        assert fate(zone) == "freed"
        event = machine.events()[-1]
        assert (EventKind(event["kind"]), event["page"]) == (EventKind.RECLAIMED, 5)

    def test_scanned_pages_in_use_count_twice_for_the_slab(self):
        counted = []
        for flags in (0, PageFlags.MMAP):
            machine, zone = starving_machine(4096)
            machine.slab_add(range(2048, 3048))
            machine.lru_cache_add(range(1024, 2024), PageFlags.ACTIVE)
            machine.lru_cache_add(range(512), flags)
            scan_now(machine, inactive_file=512)
            request = machine.request(0, GFP.KERNEL)
            while request.step(10_000).wait != "congestion":
                pass
            counted.append(zone.vmstat()["slabs_scanned"])
        assert counted[1] == pytest.approx(2 * counted[0], abs=128)


class TestSurvivors:
    def test_activation_gives_up_swap_that_is_more_than_half_full(self):
        for swap_pages, kept in ((8, True), (1, False)):
            machine, zone = starving_machine(swap_pages=swap_pages, events=True)
            machine.lru_cache_add(5, CLEAN_SWAPCACHE | PageFlags.MMAP | PageFlags.YOUNG)
            scan_now(machine, inactive_anon=32)
            machine.request(0, GFP.KERNEL).step(1)
            assert bool(flags_of(zone, 5) & PageFlags.SWAPCACHE) is kept
            assert machine.swap_free == swap_pages - kept
            assert (EventKind.UNSWAPPED in machine.events()["kind"]) is not kept

    def test_they_return_in_the_order_of_isolation(self):
        machine, zone = starving_machine()
        machine.lru_cache_add(range(4), PageFlags.PINNED)
        scan_now(machine, inactive_file=32)
        reclaim(machine, COSTLY)
        for pfn in range(4):
            machine.set_page_flags(pfn, clear=PageFlags.PINNED)
        scan_now(machine, inactive_file=32)
        request = machine.request(0, GFP.KERNEL)
        freed = []
        while len(freed) < 4:
            request.step(1)
            freed += [pfn for pfn in range(4) if not flags_of(zone, pfn) and pfn not in freed]
        assert freed == [0, 1, 2, 3]

    def test_activated_ones_count_as_rotated(self):
        machine, zone = starving_machine()
        machine.lru_cache_add(range(4), PageFlags.MMAP | PageFlags.REFERENCED)
        scan_now(machine, inactive_file=32)
        reclaim(machine)
        assert machine.zone_state(0)["recent_rotated"] == [0, 4]
        assert lru_counts(machine) == {"active_file": 4}

    def test_the_second_pass_makes_them_inactive_again(self):
        machine, zone = starving_machine(swap_pages=0)
        machine.lru_cache_add(range(4), ANON)
        scan_now(machine, inactive_anon=32)
        reclaim(machine, COSTLY)
        assert zone.vmstat()["pgactivate"] == 8, "no swap slot, in both passes"
        assert zone.vmstat()["pgdeactivate"] == 4 + 4, "the rest by rebalancing"


class TestIsolation:
    @staticmethod
    def neighbours(order):
        """Return the pages that a request of the order isolates around tag 8."""
        machine, zone = starving_machine()
        machine.lru_cache_add(8)
        machine.lru_cache_add(9, PageFlags.ACTIVE)
        machine.lru_cache_add(10, ANON)
        machine.lru_cache_add(11, PageFlags.UNEVICTABLE | PageFlags.MLOCKED)
        machine.slab_add(12)
        machine.lru_cache_add(13, PageFlags.PINNED)
        scan_now(machine, inactive_file=32)
        request = machine.request(order, GFP.KERNEL)
        request.step(1)
        return sorted({*isolated(zone), 8})

    def test_a_costly_order_takes_the_whole_block(self):
        assert self.neighbours(COSTLY) == [8, 9, 10, 13]

    def test_a_small_order_takes_what_is_on_the_scanned_list(self):
        assert self.neighbours(3) == [8, 13]
        assert self.neighbours(2) == [8, 13]

    def test_order_0_is_not_lumpy(self):
        machine, zone = starving_machine()
        machine.lru_cache_add(range(8))
        scan_now(machine, inactive_file=32)
        step = machine.request(0, GFP.KERNEL).step(100)
        assert (step.looked, step.isolated) == (8, 8)

    def test_at_most_31_pages_and_one_block_at_once(self):
        machine, zone = starving_machine(128)
        machine.lru_cache_add(range(64, 128))
        machine.lru_cache_add([2, 3])
        scan_now(machine, inactive_file=32)
        step = machine.request(COSTLY, GFP.KERNEL).step(1)
        assert step.isolated == 32
        machine, zone = starving_machine(128)
        machine.lru_cache_add([*range(1, 32), *range(64, 128)])
        scan_now(machine, inactive_file=32)
        assert machine.request(6, GFP.KERNEL).step(1).isolated == 31 + 64

    def test_a_hole_ends_the_block_and_the_world_outside_does_not(self):
        from buddycap import Machine, Zone

        zone = Zone(8, 40, present_ranges=[(8, 18), (20, 48)], min_free_kbytes=1024)
        while zone.rmqueue(0, 2) is not None:
            pass
        machine = Machine([zone])
        machine.lru_cache_add([*range(8, 18), *range(20, 32)])
        scan_now(machine, inactive_file=32)
        request = machine.request(COSTLY, GFP.KERNEL)
        step = request.step(1)
        assert step.isolated == 22
        flags = np.asarray(zone.page_flags)
        assert step.looked >= 22
        assert np.count_nonzero(flags & PageFlags.ISOLATED) == 21
        machine.check()


class TestActiveLists:
    def test_pages_go_to_the_inactive_list_and_used_ones_count_as_rotated(self):
        machine, zone = starving_machine()
        machine.lru_cache_add(range(4), PageFlags.ACTIVE)
        machine.lru_cache_add(4, PageFlags.ACTIVE | PageFlags.MMAP | PageFlags.YOUNG)
        machine.lru_cache_add(5, PageFlags.ACTIVE | PageFlags.REFERENCED)
        before = machine.zone_state(0)["recent_rotated"][1]
        scan_now(machine, active_file=32)
        request = machine.request(0, GFP.KERNEL)
        step = request.step(1)
        assert step.active == 6
        assert zone.vmstat()["pgdeactivate"] == zone.vmstat()["pgrefill"] == 6
        assert machine.zone_state(0)["recent_rotated"][1] == before + 1
        assert not flags_of(zone, 4) & PageFlags.YOUNG
        assert flags_of(zone, 5) & PageFlags.REFERENCED, "nobody looks at it while the page is not in use"

    def test_mlocked_pages_are_culled(self):
        machine, zone = starving_machine()
        machine.lru_cache_add(4, PageFlags.ACTIVE | PageFlags.MLOCKED)
        scan_now(machine, active_file=32)
        machine.request(0, GFP.KERNEL).step(100)
        assert lru_counts(machine) == {"unevictable": 1}

    def test_anonymous_lists_are_balanced_even_if_nothing_is_scanned(self):
        machine, zone = starving_machine()
        machine.lru_cache_add(range(40), ANON | PageFlags.ACTIVE)
        with machine.request(0, GFP.KERNEL) as request:
            assert request.step(1).active == 32
        assert lru_counts(machine) == {"inactive_anon": 32, "active_anon": 8}

    def test_active_anon_scans_inactive_anon_if_that_is_not_low(self):
        machine, zone = starving_machine(swap_pages=64)
        machine.lru_cache_add(range(40), ANON)
        machine.lru_cache_add(range(40, 44), ANON | PageFlags.ACTIVE)
        machine.set_nr_scan(0, [0, 32, 0, 0])
        request = machine.request(0, GFP.KERNEL)
        request.step(1)
        assert zone.vmstat()["pgscan_direct"] == 0, "ACTIVE_ANON alone does not start a pass"
        machine.set_nr_scan(0, [0, 32, 32, 0])
        request = machine.request(0, GFP.KERNEL)
        assert request.step(1).isolated == 32


class TestScanRatio:
    @staticmethod
    def saved_up(*, swap_pages=1 << 20, anon=16384, file=16384, anon_flags=ANON):
        """Return nr_scan when the first page is scanned: what came together for lists that are not scanned yet."""
        machine, zone = full_machine(65536, swap_pages=swap_pages)
        machine.lru_cache_add(range(anon), anon_flags)
        machine.lru_cache_add(range(32768, 32768 + file))
        with machine.request(0, GFP.KERNEL) as request:
            request.step(1)
            return machine.zone_state(0)["nr_scan"], request.stats["priority"]

    def test_pressure_follows_swappiness(self):
        # 61 : 141 is 30 : 70 per cent, of 4, 8, 16, 32 pages
        assert self.saved_up() == ([1 + 2 + 4 + 9, 0, 0, 0], 9), "file: 2 + 5 + 11 + 22 are scanned"

    def test_pages_that_come_back_take_pressure_away(self):
        saved, _ = self.saved_up(anon_flags=ANON | PageFlags.ACTIVE)
        assert saved[:2] == [0, 0]

    def test_without_swap_anonymous_pages_are_left_alone(self):
        assert self.saved_up(swap_pages=0) == ([0, 0, 0, 0], 9), "file: 4 + 8 + 16 + 32"

    def test_few_file_pages_mean_anonymous_ones_only(self):
        assert self.saved_up(file=3) == ([0, 0, 0, 0], 9), "anon: 4 + 8 + 16 + 32"
        assert self.saved_up(file=3, anon=100)[0][2] == 0

    def test_at_priority_0_the_ratio_does_not_count(self):
        machine, zone = full_machine(256, swap_pages=0)
        machine.lru_cache_add(range(40), ANON)
        reclaim(machine)
        assert zone.vmstat()["pgscan_direct"] >= 40


class TestCapture:
    def test_it_never_starts_below_its_order(self):
        for order in range(4):
            machine, zone = full_machine(policy="v3", free=[(0, 0)])
            machine.lru_cache_add(range(8, 60))
            reclaim(machine, order)
            assert zone.vmstat()["capture_own"] == 0
            machine.check()

    def test_all_orders_captures_for_small_ones(self):
        machine, zone = full_machine(policy="all-orders", free=[(0, 0)])
        machine.lru_cache_add(range(8, 60))
        request = reclaim(machine, 2)
        assert request.stats["path"] == "captured"
        machine.check()

    def test_it_ends_when_a_block_is_found_and_reclaim_goes_on(self):
        machine, zone = full_machine(256, policy="v3", free=[(0, 4)])
        machine.lru_cache_add(range(32, 256))
        request = reclaim(machine, COSTLY)
        assert request.stats["path"] == "captured"
        assert request.stats["captured"] >= 16
        assert request.stats["captured"] + request.stats["freed"] == request.stats["progress"] >= 32
        assert zone.vmstat()["capture_taken"] == 1

    @pytest.mark.parametrize("order", [0, 2, 4, 5])
    def test_a_threshold_above_every_order_equals_none(self, order):
        digests = []
        never = POLICIES["v3"].replace(name="never", capture_min_order=15)
        for policy in ("none", never):
            machine, zone = full_machine(256, policy=policy, swap_pages=100, free=[(0, 4)])
            machine.lru_cache_add(range(32, 128))
            machine.lru_cache_add(range(128, 256, 2), ANON | PageFlags.MMAP | PageFlags.YOUNG)
            machine.lru_cache_add(range(129, 256, 2), PageFlags.DIRTY)
            machine.alloc_pages(order, GFP.KERNEL)
            digests.append(zone.digest())
        assert digests[0] == digests[1]

    def test_the_check_with_the_real_order_refuses_what_order_0_accepts(self):
        results = []
        for policy in ("v3", "v1"):
            machine, zone = full_machine(64, policy=policy, free=[(50, 1), (52, 2)])
            machine.lru_cache_add([*range(16, 32), *range(40, 48)])
            request = reclaim(machine, COSTLY)
            results.append((request.stats["path"], request.stats["givebacks"], request.pfn))
        assert results == [("captured", 0, 16), ("reclaim", 1, 16)]

    def test_batches_capture_the_same_pages_later(self):
        results = []
        for policy in (POLICIES["v3"], POLICIES["v4"], POLICIES["v4"].replace(batch_forward=True)):
            machine, zone = full_machine(256, policy=policy, free=[(0, 4)])
            machine.lru_cache_add(range(32, 256))
            request = reclaim(machine, COSTLY)
            results.append((request.stats["path"], request.stats["captured"]))
            machine.check()
        assert len(set(results)) == 1

    def test_a_policy_of_ones_own_needs_no_registration(self):
        policy = CapturePolicy("mine", capture=True, capture_min_order=2)
        machine, zone = full_machine(free=[(0, 0)])
        machine.lru_cache_add(range(8, 60))
        assert machine.alloc_pages(2, GFP.KERNEL, policy=policy) is not None
        assert zone.vmstat()["capture_taken"] == 1
