"""What reclaim of Linux 6.1 frees, keeps and writes; kswapd and kcompactd in the background."""

import pytest

from buddycap import MisuseError, PageFlags
from buddycap.machine import EventKind
from lab_6_1 import ANON, GFP, HUGE, MOVABLE, both_kernels, fill, full, kinds, lists, one_zone, run  # noqa: F401

MAPPED = int(PageFlags.MMAP | PageFlags.YOUNG)


def reclaim_once(machine):
    """Let one request reclaim, and return what the first page of the list has become."""
    run(machine, 0, MOVABLE)
    machine.check()


class TestWhatBecomesOfAPage:
    def test_used_once_since_it_is_kept_and_twice_it_is_active(self):
        machine, pfns = full()
        once, twice = pfns[0], pfns[1]
        machine.set_page_flags(once, set=MAPPED)
        machine.set_page_flags(twice, set=MAPPED | PageFlags.REFERENCED)
        reclaim_once(machine)
        flags = machine.zones[0].page_flags
        assert flags[once] & PageFlags.LRU
        assert not flags[once] & PageFlags.ACTIVE
        assert flags[twice] & PageFlags.ACTIVE

    def test_a_dirty_page_of_a_file_is_for_the_flusher(self):
        machine, pfns = full(flags=int(PageFlags.DIRTY))
        machine.events()
        run(machine, 0, MOVABLE & ~GFP.FS)
        assert EventKind.WAKE_PDFLUSH in kinds(machine)
        assert machine.zones[0].page_flags[pfns[0]] & (PageFlags.ACTIVE | PageFlags.RECLAIM)
        assert not len(machine.writeback)

    def test_a_written_page_that_reclaim_met_is_the_next_one(self):
        machine, pfns = full(flags=int(PageFlags.DIRTY))
        run(machine, 0, MOVABLE & ~GFP.FS)
        page = pfns[3]
        machine.start_writeback(page)
        before = machine.zones[0].vmstat()["pgrotated"]
        machine.end_writeback(page)
        assert machine.zones[0].vmstat()["pgrotated"] == before + 1
        assert not machine.zones[0].page_flags[page] & PageFlags.ACTIVE
        machine.check()

    def test_anonymous_pages_need_swap(self):
        machine, pfns = full(flags=ANON)
        assert machine.alloc_pages(0, MOVABLE) is None
        assert sum(lists(machine)) == len(pfns)
        machine, _ = full(flags=ANON, swap_pages=4096)
        assert machine.alloc_pages(0, MOVABLE) is not None
        assert machine.swap_free < 4096

    def test_a_pinned_page_stays(self):
        machine, pfns = full()
        machine.set_page_flags(pfns[0], set=PageFlags.PINNED)
        reclaim_once(machine)
        assert machine.zones[0].page_flags[pfns[0]] & PageFlags.LRU

    def test_a_locked_in_page_leaves_for_the_unevictable_list(self):
        machine, pfns = full()
        machine.mlock(pfns[0])
        reclaim_once(machine)
        assert machine.zone_state(0)["nr_lru"][4] == 1

    def test_a_page_that_its_owner_drops_while_it_is_written_is_freed_then(self):
        machine, pfns = full()
        machine.start_writeback(pfns[0])
        machine.release(pfns[0])
        free = machine.zones[0].nr_free_pages + machine.zones[0].pcp(0)["count"]
        machine.end_writeback(pfns[0])
        machine.check()
        assert machine.zones[0].nr_free_pages + machine.zones[0].pcp(0)["count"] == free + 1

    def test_unused_slab_pages_go_too(self):
        machine = one_zone()
        machine.slab_add(fill(machine))
        request = run(machine, 0, MOVABLE)
        assert request.stats["slab_freed"] > 0
        machine.check()


class TestActiveLists:
    def test_are_shrunk_where_the_inactive_one_is_short(self):
        machine, pfns = full(flags=int(PageFlags.ACTIVE))
        reclaim_once(machine)
        assert lists(machine)[2] > 0
        assert machine.zones[0].vmstat()["pgdeactivate"] > 0
        assert sum(lists(machine)) < len(pfns)


class TestKswapd:
    def test_it_frees_up_to_the_high_mark(self):
        machine, _ = full()
        zone = machine.zones[0]
        machine.kswapd.wake()
        assert not machine.kswapd.asleep
        machine.kswapd.run()
        assert machine.kswapd.asleep
        assert zone.nr_free_pages > zone.pages_high
        assert not zone.reclaim_active
        machine.check()

    def test_the_size_of_its_steps_changes_nothing(self):
        digests = set()
        for pages in (1, 9, 1 << 20):
            machine, _ = full(flags=ANON, swap_pages=4096)
            machine.kswapd.wake(9)
            while machine.kswapd.step(pages).wait != "sleep":
                machine.check()
                machine.events()
                for pfn in machine.writeback.tolist():
                    machine.end_writeback(pfn)
            digests.add(machine.zones[0].nr_free_pages > machine.zones[0].pages_high)
        assert digests == {True}

    def test_it_ends_a_boost(self):
        machine, _ = full()
        zone = machine.zones[0]
        zone.set_marks(zone.wmark, boost=300)
        machine.kswapd.wake()
        machine.kswapd.run()
        assert zone.boost == 0
        assert machine.swap_free == 0

    def test_it_goes_on_for_single_pages_and_leaves_blocks_to_kcompactd(self):
        machine, pfns = full(8192)
        for pfn in pfns[::2]:
            machine.set_page_flags(pfn, set=PageFlags.PINNED)
        machine.events()
        machine.kswapd.wake(9)
        machine.kswapd.run()
        assert machine.kswapd.order == 0
        assert EventKind.WAKE_KCOMPACTD in kinds(machine)
        assert not machine.kcompactd.asleep

    def test_after_sixteen_times_in_vain_it_is_not_woken_any_more(self):
        machine = one_zone(1024)
        fill(machine)
        for _ in range(20):
            machine.kswapd.wake()
            machine.kswapd.run()
        machine.kswapd.wake()
        assert machine.kswapd.asleep

    def test_giving_it_up_loses_no_page(self):
        machine, pfns = full(flags=ANON, swap_pages=4096)
        zone = machine.zones[0]
        machine.kswapd.wake()
        while not (zone.page_flags & PageFlags.ISOLATED).any():
            machine.kswapd.step(1)
        del machine
        zone.check()
        assert not (zone.page_flags & PageFlags.ISOLATED).any()
        assert len(pfns)


class TestKcompactd:
    def test_it_makes_blocks_that_the_fast_path_then_has(self):
        machine, pfns = full(8192, flags=ANON)
        for pfn in pfns[::2]:
            machine.release(pfn)
        machine.zones[0].drain_pages()
        assert machine.alloc_pages(9, GFP.TRANSHUGE_LIGHT) is None
        machine.kcompactd.wake(9)
        assert not machine.kcompactd.asleep
        machine.kcompactd.run()
        assert machine.kcompactd.asleep
        assert machine.kcompactd.stats["migrated"] > 0
        assert run(machine, 9, GFP.TRANSHUGE_LIGHT).stats["path"] == "fast"
        assert machine.zones[0].compaction.vmstat()["compact_daemon_wake"] == 1
        machine.check()

    def test_it_sleeps_on_where_it_can_do_nothing(self):
        machine = one_zone()
        machine.kcompactd.wake(9)
        assert machine.kcompactd.asleep

    def test_a_request_that_cannot_wait_calls_it_past_kswapd(self):
        machine, pfns = full(8192, flags=ANON)
        for pfn in pfns[::2]:
            machine.release(pfn)
        machine.zones[0].drain_pages()
        machine.kswapd.run()
        run(machine, 9, GFP.TRANSHUGE_LIGHT | GFP.KSWAPD_RECLAIM)
        assert not (machine.kcompactd.asleep and machine.kswapd.asleep)

    def test_2_6_27_has_none(self):
        from buddycap import Machine

        with pytest.raises(MisuseError, match="kcompactd"):
            _ = Machine.preset("x86_64", memory="16MiB").kcompactd


def test_a_huge_page_after_reclaim_and_compaction_together():
    machine, _ = full(8192)
    request = run(machine, 9, HUGE | GFP.RETRY_MAYFAIL)
    assert request.pfn is not None
    assert request.stats["reclaims"] >= 1
    machine.check()
