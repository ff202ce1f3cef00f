"""The LRU lists: where pages enter, how use moves them, and how they leave."""

import pytest

from buddycap import GFP, MisuseError, PageFlags
from reclaimlab import (
    ANON,
    LISTS,
    awaited_write,
    flags_of,
    free_lists,
    full_machine,
    lru_counts,
    scan_now,
    starving_machine,
)


def scan_order(machine, zone, pfns, **counts):
    """Return the order in which reclaim comes to the pages of a list."""
    scan_now(machine, **counts)
    order = []
    with machine.request(0, GFP.KERNEL) as request:
        while len(order) < len(pfns):
            request.step(1)
            order += [pfn for pfn in pfns if pfn not in order and not flags_of(zone, pfn)]
    return order


class TestEntering:
    @pytest.mark.parametrize(
        ("flags", "name"),
        [
            (0, "inactive_file"),
            (PageFlags.ACTIVE, "active_file"),
            (ANON, "inactive_anon"),
            (ANON | PageFlags.ACTIVE, "active_anon"),
            (PageFlags.SWAPBACKED, "inactive_anon"),
            (PageFlags.UNEVICTABLE | PageFlags.MLOCKED, "unevictable"),
        ],
    )
    def test_the_flags_choose_the_list(self, flags, name):
        machine, zone = full_machine()
        machine.lru_cache_add(7, flags)
        assert lru_counts(machine) == {name: 1}
        assert flags_of(zone, 7) == flags | PageFlags.LRU
        machine.check()

    def test_entering_counts_for_the_scan_ratio(self):
        machine, zone = full_machine()
        machine.lru_cache_add([1, 2, 3])
        machine.lru_cache_add([4, 5], ANON | PageFlags.ACTIVE)
        machine.lru_cache_add(6, PageFlags.UNEVICTABLE)
        machine.slab_add(7)
        state = machine.zone_state(0)
        assert (state["recent_scanned"], state["recent_rotated"]) == ([2, 3], [2, 0])

    def test_at_the_head_while_reclaim_takes_from_the_tail(self):
        machine, zone = starving_machine()
        machine.lru_cache_add([9, 3, 30])
        machine.lru_cache_add(1)
        assert scan_order(machine, zone, [9, 3, 30, 1], inactive_file=32) == [9, 3, 30, 1]

    def test_slab_pages_have_their_own_list(self):
        machine, zone = full_machine()
        machine.slab_add([4, 5], PageFlags.REFERENCED)
        assert lru_counts(machine) == {"slab": 2}
        assert flags_of(zone, 4) == PageFlags.SLAB | PageFlags.LRU | PageFlags.REFERENCED
        machine.check()


class TestUse:
    def test_the_second_use_activates(self):
        machine, zone = full_machine()
        machine.lru_cache_add(7)
        machine.mark_page_accessed(7)
        assert flags_of(zone, 7) == PageFlags.LRU | PageFlags.REFERENCED
        machine.mark_page_accessed(7)
        assert flags_of(zone, 7) == PageFlags.LRU | PageFlags.ACTIVE
        assert zone.vmstat()["pgactivate"] == 1
        state = machine.zone_state(0)
        assert (state["recent_scanned"][1], state["recent_rotated"][1]) == (2, 1)
        machine.mark_page_accessed(7)
        machine.mark_page_accessed(7)
        assert flags_of(zone, 7) == PageFlags.LRU | PageFlags.ACTIVE | PageFlags.REFERENCED
        assert lru_counts(machine) == {"active_file": 1}

    def test_an_unevictable_page_is_never_activated(self):
        machine, zone = full_machine()
        machine.lru_cache_add(7, PageFlags.UNEVICTABLE | PageFlags.MLOCKED)
        for _ in range(3):
            machine.mark_page_accessed(7)
        assert lru_counts(machine) == {"unevictable": 1}

    def test_mlock_moves_the_page_there_and_back(self):
        machine, zone = full_machine()
        machine.lru_cache_add(7, ANON | PageFlags.ACTIVE)
        machine.mlock(7)
        assert lru_counts(machine) == {"unevictable": 1}
        assert not flags_of(zone, 7) & PageFlags.ACTIVE
        machine.mlock(7, False)
        assert lru_counts(machine) == {"inactive_anon": 1}
        counters = zone.vmstat()
        assert (counters["unevictable_pgs_culled"], counters["unevictable_pgs_rescued"]) == (1, 1)
        machine.check()

    def test_attributes_can_be_set_and_cleared(self):
        machine, zone = full_machine()
        machine.set_page_flags(7, set=PageFlags.DIRTY | PageFlags.PINNED)
        machine.set_page_flags(7, set=PageFlags.MMAP, clear=PageFlags.DIRTY)
        assert flags_of(zone, 7) == PageFlags.PINNED | PageFlags.MMAP
        machine.set_page_flags(7, clear=PageFlags.PINNED | PageFlags.MMAP)
        machine.check()


class TestWriteback:
    def test_a_page_that_reclaim_wrote_goes_to_the_tail_when_it_is_clean(self):
        machine, zone = starving_machine()
        machine.lru_cache_add([1, 2], PageFlags.DIRTY)
        scan_now(machine, inactive_file=32)
        with machine.request(0, GFP.KERNEL) as request:
            while not request.done and len(machine.writeback) < 2:
                request.step(1)
            request.step(100)
        machine.lru_cache_add([3, 4])
        machine.end_writeback(2)
        machine.end_writeback(1)
        assert zone.vmstat()["pgrotated"] == 2
        assert scan_order(machine, zone, [1, 2, 3, 4], inactive_file=32) == [1, 2, 3, 4], "the last to end is the tail"

    def test_other_writes_leave_the_page_where_it_is(self):
        machine, zone = starving_machine()
        machine.lru_cache_add([1, 2], PageFlags.DIRTY)
        machine.start_writeback(2)
        assert flags_of(zone, 2) == PageFlags.LRU | PageFlags.WRITEBACK
        machine.end_writeback(2)
        assert zone.vmstat()["pgrotated"] == 0
        assert flags_of(zone, 2) == PageFlags.LRU

    @pytest.mark.parametrize("flag", [PageFlags.LOCKED, PageFlags.DIRTY])
    def test_a_page_that_is_busy_again_is_not_rotated(self, flag):
        machine, zone = starving_machine()
        machine.lru_cache_add(1, PageFlags.DIRTY)
        scan_now(machine, inactive_file=32)
        with machine.request(0, GFP.KERNEL) as request:
            request.step(1)
        machine.set_page_flags(1, set=flag)
        machine.end_writeback(1)
        assert zone.vmstat()["pgrotated"] == 0


class TestLeaving:
    def test_lru_del_keeps_the_page(self):
        machine, zone = full_machine()
        machine.lru_cache_add(7, PageFlags.ACTIVE | PageFlags.DIRTY)
        machine.lru_del(7)
        assert flags_of(zone, 7) == PageFlags.DIRTY
        assert lru_counts(machine) == {}
        machine.free_pages(7, 0)
        machine.check()

    @pytest.mark.parametrize("slab", [False, True])
    def test_release_takes_it_off_and_frees_it(self, slab):
        machine, zone = full_machine()
        machine.slab_add(7) if slab else machine.lru_cache_add(7, ANON)
        machine.release(7)
        assert free_lists(zone) == {0: [7]}
        assert lru_counts(machine) == {}
        machine.check()

    def test_a_released_page_under_writeback_is_freed_when_that_ends(self):
        machine, zone = full_machine()
        machine.lru_cache_add(7, PageFlags.DIRTY)
        machine.start_writeback(7)
        machine.release(7)
        assert free_lists(zone) == {}
        machine.check()
        machine.end_writeback(7)
        assert free_lists(zone) == {0: [7]}
        machine.check()

    def test_a_released_page_that_is_isolated_is_freed_at_put_back(self):
        machine, zone = starving_machine()
        machine.lru_cache_add([1, 2, 3])
        scan_now(machine, inactive_file=32)
        request = machine.request(0, GFP.KERNEL)
        request.step(1)
        machine.release(2)
        assert flags_of(zone, 2) & PageFlags.ISOLATED
        machine.check()
        request.step(100)
        assert zone.nr_free_pages == 3
        assert request.stats["freed"] == 2, "its owner freed it, not reclaim"

    def test_released_isolated_and_under_writeback(self):
        machine, zone, request = awaited_write(1)
        machine.release(1)
        machine.end_writeback(1)
        assert zone.nr_free_pages == 0, "the reclaimer still holds it"
        request.run()
        assert zone.nr_free_pages == 1
        machine.check()


class TestSlab:
    def test_the_shrinker_frees_from_the_tail_and_spares_what_is_used(self):
        machine, zone = starving_machine(1024)
        machine.slab_add(range(40))
        machine.slab_add(range(40, 60), PageFlags.REFERENCED)
        machine.slab_add(range(60, 80), PageFlags.PINNED)
        machine.slab_add(range(80, 400))
        with machine.request(0, GFP.KERNEL) as request:
            while zone.vmstat()["slabs_scanned"] < 128:
                request.step(1)
        assert zone.vmstat()["slabs_scanned"] == 128
        assert request.stats["slab_freed"] == 128 - 40
        assert [bool(flags_of(zone, pfn)) for pfn in (39, 40, 59, 60, 79, 80, 127, 128)] == [
            False, True, True, True, True, False, False, True,
        ]  # fmt: skip
        assert flags_of(zone, 40) == PageFlags.SLAB | PageFlags.LRU, "the next time it is not spared"
        assert flags_of(zone, 60) & PageFlags.PINNED

    def test_without_the_file_system_the_shrinkers_refuse(self):
        machine, zone = starving_machine(1024)
        machine.slab_add(range(400))
        machine.request(0, GFP.NOFS).run()
        assert zone.vmstat()["slabs_scanned"] == 0

    def test_a_page_may_stand_for_many_objects(self):
        machine, zone = starving_machine(1024, slab_objects_per_page=16)
        machine.slab_add(range(400))
        with machine.request(0, GFP.KERNEL) as request:
            step = request.step(1)
        assert (step.slab_scanned, step.slab_freed) == (128, 8)


class TestMisuse:
    @staticmethod
    def refused(call, *words):
        with pytest.raises(MisuseError) as caught:
            call()
        for word in words:
            assert word in str(caught.value)

    def test_nothing_happens_when_one_page_of_many_is_wrong(self):
        machine, zone = full_machine(free=[(9, 0)])
        before = zone.digest()
        self.refused(lambda: machine.lru_cache_add([1, 2, 9]), "9", "free")
        self.refused(lambda: machine.lru_cache_add([1, 2, 1]), "twice")
        self.refused(lambda: machine.slab_add([1, 64]), "64")
        self.refused(lambda: machine.lru_cache_add([1, 2], PageFlags.LRU), "cannot be set")
        self.refused(lambda: machine.lru_cache_add(1, PageFlags.ANON), "SWAPBACKED")
        self.refused(lambda: machine.lru_cache_add(1, ANON | PageFlags.SWAPCACHE), "slots")
        self.refused(lambda: machine.lru_cache_add(1, PageFlags.ACTIVE | PageFlags.UNEVICTABLE), "at once")
        self.refused(lambda: machine.lru_cache_add(-5), "-5")
        self.refused(lambda: machine.lru_cache_add(1, 1 << 40), "flags")
        with pytest.raises(TypeError):
            machine.lru_cache_add(1.5)
        assert zone.digest() == before

    def test_pages_on_a_list_and_off_it(self):
        machine, zone = full_machine()
        machine.lru_cache_add(1)
        machine.slab_add(2)
        self.refused(lambda: machine.lru_cache_add(1), "already")
        self.refused(lambda: machine.lru_cache_add(2), "already")
        self.refused(lambda: machine.lru_del(3), "not on")
        self.refused(lambda: machine.free_pages(1, 0), "LRU")
        self.refused(lambda: zone.free_one_page(2, 0), "LRU")
        self.refused(lambda: machine.end_writeback(1), "not under")
        self.refused(lambda: machine.set_page_flags(1, set=PageFlags.ACTIVE), "can be changed")
        self.refused(lambda: machine.set_page_flags(1, set=PageFlags.DIRTY, clear=PageFlags.DIRTY), "both")
        machine.start_writeback(1)
        self.refused(lambda: machine.start_writeback(1), "already")
        machine.release(1)
        self.refused(lambda: machine.release(1), "already")
        machine.check()

    def test_only_single_pages_have_lists(self):
        machine, zone = full_machine(free=[(0, 3)])
        pfn = zone.rmqueue(2, 0)
        self.refused(lambda: machine.lru_cache_add(pfn), "higher order")
        self.refused(lambda: machine.lru_cache_add(pfn + 1), "inside")


def test_names_of_the_lists_are_those_of_the_core():
    machine, zone = full_machine()
    assert len(machine.zone_state(0)["nr_lru"]) == len(LISTS)
    shown = [name.removeprefix("nr_").removesuffix("_reclaimable") for name in zone.vmstat()]
    assert tuple(name for name in shown if name in LISTS) == LISTS
