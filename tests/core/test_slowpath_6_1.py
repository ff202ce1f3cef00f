"""An allocation of Linux 6.1 that does not succeed at once: compaction, reclaim, retries, giving up."""

import itertools

import pytest

from buddycap import MisuseError, PageFlags
from buddycap.machine import EventKind
from lab_6_1 import ANON, GFP, HUGE, MOVABLE, both_kernels, fill, full, kinds, lists, one_zone, run  # noqa: F401


def scattered(pages=8192, **parameters):
    """Return a machine whose pages are in use but for every fourth one: no block is free, and all could be moved."""
    machine, pfns = full(pages, flags=ANON, **parameters)
    for pfn in pfns[::4]:
        machine.release(pfn)
    machine.zones[0].drain_pages()
    return machine


class TestHugePages:
    def test_a_scattered_node_is_compacted_and_the_block_is_captured(self):
        machine = scattered()
        request = run(machine, 9, HUGE)
        assert request.stats["path"] == "captured"
        assert request.pfn % 512 == 0
        assert request.stats["migrated"] > 0
        counters = machine.zones[0].compaction.vmstat()
        assert (counters["compact_stall"], counters["compact_success"], counters["compact_fail"]) == (1, 1, 0)
        machine.check()

    def test_every_page_that_moved_is_told_with_its_new_place(self):
        machine = scattered()
        for zone in machine.zones:
            pfns = [pfn for pfn in range(zone.spanned_pages) if zone.page_flags[pfn] & PageFlags.LRU]
            zone.set_owners(pfns, pfns)
        run(machine, 9, HUGE)
        events = machine.events()
        moved = [(int(a["page"]), int(b["page"]), int(a["owner"])) for a, b in itertools.pairwise(events)
                 if a["kind"] == EventKind.MIGRATED and b["kind"] == EventKind.MIGRATED_TO]  # fmt: skip
        assert moved
        assert all(machine.zones[0].owner[new] == owner for _, new, owner in moved)

    def test_the_first_try_of_a_fault_neither_reclaims_nor_waits(self):
        machine, pfns = full(flags=ANON, swap_pages=4096)
        request = run(machine, 9, HUGE | GFP.THISNODE | GFP.NORETRY)
        assert (request.pfn, request.stats["reclaims"]) == (None, 0)
        assert len(pfns) == sum(lists(machine))

    def test_without_direct_reclaim_nothing_is_moved(self):
        machine = scattered()
        request = run(machine, 9, GFP.TRANSHUGE_LIGHT)
        assert (request.pfn, request.stats["migrated"], request.stats["migrate_scanned"]) == (None, 0, 0)

    def test_one_that_may_fail_reclaims_once_and_one_that_tries_hard_goes_on(self):
        once = run(full()[0], 9, HUGE).stats["reclaims"]
        hard = run(full()[0], 9, HUGE | GFP.RETRY_MAYFAIL).stats["reclaims"]
        assert (once, hard >= once) == (1, True)


class TestSmallPages:
    def test_reclaim_helps(self):
        machine, _ = full()
        request = run(machine, 0, MOVABLE)
        assert request.stats["path"] == "reclaim"
        assert 32 <= request.stats["progress"] < 64  # priority after priority, until 32 have come
        assert request.stats["captured"] == 0
        machine.check()

    def test_the_oldest_pages_go_first(self):
        machine, pfns = full()
        run(machine, 0, MOVABLE)
        events = machine.events()
        reclaimed = events["page"][events["kind"] == EventKind.RECLAIMED].tolist()
        assert reclaimed == pfns[: len(reclaimed)]

    def test_the_low_mark_wakes_kswapd_once_and_tells_what_is_asked(self):
        machine, _ = full()
        machine.note_events(asked=True)
        run(machine, 3, MOVABLE)
        events = machine.events()
        asked = events[events["kind"] == EventKind.KSWAPD_ASKED]
        assert set(asked["page"].tolist()) == {3}
        assert kinds(machine) == []
        assert (events["kind"] == EventKind.WAKE_KSWAPD).sum() == 1

    def test_nothing_left_is_told_and_fails(self):
        machine = one_zone(1024)
        fill(machine)
        request = run(machine, 0, MOVABLE)
        assert (request.pfn, request.stats["path"], request.stats["oom_rounds"]) == (None, "failed", 1)
        assert EventKind.OOM in kinds(machine)

    def test_who_may_fail_calls_no_killer(self):
        machine = one_zone(1024)
        fill(machine)
        assert run(machine, 0, MOVABLE | GFP.RETRY_MAYFAIL).stats["oom_rounds"] == 0
        assert EventKind.OOM not in kinds(machine)

    def test_who_reclaims_for_others_takes_what_there_is(self):
        machine = one_zone(1024)
        fill(machine)
        pfn = machine.alloc_pages(0, MOVABLE, memalloc=True)
        assert pfn is not None
        assert run(machine, 0, MOVABLE, memalloc=True).stats["path"] == "memalloc"
        assert run(machine, 0, MOVABLE | GFP.MEMALLOC).stats["path"] == "memalloc"

    def test_who_wants_nothing_of_the_reserve_gets_nothing_of_it(self):
        machine = one_zone(1024)
        fill(machine)
        assert run(machine, 0, MOVABLE | GFP.MEMALLOC | GFP.NOMEMALLOC).pfn is None
        assert run(machine, 0, MOVABLE | GFP.NOMEMALLOC, memalloc=True).pfn is None


class TestADriverReclaims:
    def test_it_frees_what_it_wants_to(self):
        machine, pfns = full(driver_reclaims=True)
        request = machine.request(0, MOVABLE)
        assert request.step().wait == "reclaim"
        for pfn in pfns[100:140]:
            machine.release(pfn)
        request.reclaimed(40)
        assert request.step().done
        assert request.stats["path"] == "reclaim"

    def test_in_a_single_call_nothing_is_freed(self):
        machine, pfns = full(driver_reclaims=True)
        assert machine.alloc_pages(0, MOVABLE) is None
        assert sum(lists(machine)) == len(pfns)

    @pytest.mark.parametrize(("order", "rounds"), [(0, 17), (4, 1)])
    def test_what_it_could_free_are_single_pages(self, order, rounds):
        """A request goes on as long as single pages on the lists would do; compound blocks would not."""
        machine = one_zone(1024, driver_reclaims=True)
        quiet = MOVABLE & ~GFP.RECLAIM | GFP.NOMEMALLOC | (GFP.COMP if order else 0)
        units = list(iter(lambda: machine.alloc_pages(order, quiet), None))
        fill(machine)
        for pfn in units:
            machine.zones[0].set_lru(pfn, 1)
        request, waits = machine.request(0, MOVABLE), 0
        while not request.step().done:
            waits += 1
            request.reclaimed(0)
        assert waits == rounds

    def test_who_does_not_wait_for_it_is_told_nothing(self):
        request = full()[0].request(0, MOVABLE)
        with pytest.raises(MisuseError, match="does not wait"):
            request.reclaimed(1)


class TestSteps:
    @pytest.mark.parametrize(("order", "gfp"), [(9, HUGE), (9, HUGE | GFP.RETRY_MAYFAIL), (3, MOVABLE), (0, MOVABLE)])
    def test_the_size_of_the_steps_changes_nothing(self, order, gfp):
        digests = set()
        for pages in (1, 7, 1 << 20):
            machine, pfns = full(8192, flags=ANON, swap_pages=4096)
            machine.set_page_flags(pfns[5], set=PageFlags.PINNED)
            request = machine.request(order, gfp)
            while not (step := request.step(pages)).done:
                assert step.wait in ("none", "events", "congestion")
                machine.events()
            machine.check()
            digests.add((request.pfn, machine.zones[0].digest(), tuple(sorted(request.stats.items(), key=str))))
        assert len(digests) == 1

    @pytest.mark.parametrize("steps", range(1, 40, 3))
    def test_giving_up_loses_no_page(self, steps):
        machine = scattered(swap_pages=4096)
        listed = sum(lists(machine))
        request = machine.request(9, HUGE | GFP.RETRY_MAYFAIL)
        freed = 0
        for _ in range(steps):
            step = request.step(16)
            freed += step.freed
            if step.done:
                break
        request.close()
        machine.check()
        assert sum(lists(machine)) == listed - freed
        assert not (machine.zones[0].page_flags & PageFlags.ISOLATED).any()

    def test_others_act_before_an_attempt(self):
        machine = scattered()
        request = machine.request(9, HUGE, stops=True)
        attempts = refused = 0
        while not (step := request.step(1 << 20)).done:
            assert step.wait == "attempt"
            source, target = request.attempt
            assert step.pfn == source
            assert machine.zones[0].page_flags[source] & PageFlags.ISOLATED
            assert target != source
            attempts += request.stage == "move"
            refused += request.stage == "move" and attempts == 1
            request.answer("ebusy" if attempts == 1 else None)
        assert attempts == request.stats["migrated"] + refused
        machine.check()

    def test_an_answer_without_a_question(self):
        request = one_zone().request(0, MOVABLE)
        with pytest.raises(MisuseError, match="not stopped"):
            request.answer()
        with pytest.raises(MisuseError, match="outcome="):
            request.answer("perhaps")
