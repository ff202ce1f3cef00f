"""Compaction of Linux 6.1 at the boundary: what it holds is refused to others, and what is given up says so."""

import pickle

import numpy as np
import pytest

from buddycap import Machine, MisuseError, Zone
from buddycap._core import Node
from buddycap.kernels import KERNELS
from lab_6_1 import MOVABLE, full

GFP = KERNELS["6.1"].GFP
LRU, ANON = 0x20, 0x5020
HELD = "in the hands of compaction"


def half_full(pages=2048):
    """Return a zone in which every other page is anonymous and the others are free; no block of order 1 is."""
    zone = Zone(0, pages, kernel="6.1", zone_idx=2, owners=True, min_free_kbytes=0)
    for pfn in sorted(zone.alloc_many(pages).tolist()):
        if pfn % 2:
            zone.compaction.set_page_flags(pfn, ANON)
        else:
            zone.free_one_page(pfn, 0)
    return zone


def stopped(zone, order=3, **options):
    """Return a run that is about to move its first page."""
    run = zone.compaction.begin(order, GFP.HIGHUSER_MOVABLE, mode="sync", direct=True, stops=True, **options)
    run.step(1 << 30)
    assert run.attempt is not None
    return run


class TestWhatARunHolds:
    @pytest.mark.parametrize(
        "call",
        [
            lambda zone, pfn, run: zone.free_pages(pfn, 0),
            lambda zone, pfn, run: zone.free_one_page(pfn, 0),
            lambda zone, pfn, run: zone.free_many([pfn]),
            lambda zone, pfn, run: zone.free_list([pfn]),
            lambda zone, pfn, run: zone.set_lru(pfn, 1),
            lambda zone, pfn, run: zone.join_pages(pfn, 0),
            lambda zone, pfn, run: zone.compaction.set_page_flags(pfn, LRU),
            lambda zone, pfn, run: run.interrupt(pfn),
            lambda zone, pfn, run: Machine([zone]).free_pages(pfn, 0),
            lambda zone, pfn, run: Machine([zone]).lru_cache_add([pfn]),
        ],
    )
    @pytest.mark.parametrize("which", [0, 1], ids=["source", "target"])
    def test_is_refused_and_nothing_changes(self, call, which):
        zone = half_full()
        run = stopped(zone)
        before = zone.digest()
        with pytest.raises(MisuseError, match="isolated|already on a list" if which == 0 else HELD):
            call(zone, run.attempt[which], run)
        assert zone.digest() == before
        zone.check()

    def test_targets_are_not_put_back_by_hand(self):
        zone = half_full()
        run = stopped(zone)
        with pytest.raises(MisuseError, match="not taken off the free lists"):
            zone.put_free_block(run.attempt[1], 0, 1)
        zone.check()


class TestCaptures:
    def test_by_hand_are_refused_while_compaction_captures(self):
        zone = half_full()
        run = stopped(zone, capture=True)
        with pytest.raises(MisuseError, match="compaction that captures is under way"):
            zone.arm_capture(3)
        run.close()
        zone.arm_capture(3)

    def test_by_compaction_are_refused_while_one_is_armed(self):
        zone = half_full()
        run = zone.compaction.begin(3, direct=True, capture=True)
        zone.arm_capture(3)
        with pytest.raises(MisuseError, match="end_capture first"):
            run.step()
        assert zone.end_capture() is None
        assert run.run() == "success"

    def test_one_by_hand_goes_on_while_compaction_does_not_capture(self):
        zone = half_full()
        zone.set_pageblock_migratetype(0, 0)  # a capture below the order of a pageblock leaves MOVABLE ones alone
        zone.arm_capture(2)
        zone.compaction.begin(3, GFP.HIGHUSER_MOVABLE, mode="sync").run()
        zone.check()
        zone.drain_pages()
        pfn = zone.end_capture()
        assert pfn is None or zone.page_order[pfn] == 0x22
        zone.check()


class TestGivenUp:
    def test_says_contended_and_leaves_nothing_behind(self):
        zone = half_full()
        free = zone.nr_free_pages + zone.pcp(0)["count"]
        run = stopped(zone, capture=True)
        run.close()
        assert (run.done, run.result, run.pfn) == (True, "contended", None)
        assert zone.nr_free_pages + zone.pcp(0)["count"] == free
        zone.check()

    def test_before_its_first_step(self):
        node = Node([half_full()])
        run = node.compact(3)
        run.close()
        assert run.result == "contended"

    def test_a_finished_one_keeps_its_result(self):
        zone = half_full()
        run = zone.compaction.begin(3, GFP.HIGHUSER_MOVABLE, mode="sync", direct=True)
        result = run.run()
        run.close()
        assert run.result == result == "success"


def test_a_page_that_others_refer_to_stays_when_its_owner_lets_it_go():
    zone = half_full()
    run = stopped(zone)
    page = run.attempt[0]
    zone.get_page(page)
    zone.compaction.release(page)
    assert zone.references(page) == 1
    run.answer("ebusy")
    run.close()
    zone.check()
    zone.free_pages(page, 0)


def test_what_is_marked_is_no_free_block_of_a_recording():
    zone = half_full()
    with pytest.raises(MisuseError, match="page flags"):
        zone.set_pcp_blocks(0, 1, [(1, 1)])
    with pytest.raises(MisuseError, match="page flags"):
        zone.set_free_blocks([(1, 0, 1)])
    zone.check()


class TestCopies:
    """A copy in the middle of a run holds nothing for those who work with the original."""

    def stopped_zone(self):
        zone = half_full()
        zone.set_owners(np.flatnonzero(zone.page_flags & LRU), 5)
        run = stopped(zone, capture=True)
        zone.compaction.release(run.attempt[0])
        return zone, run

    @pytest.mark.parametrize("way", ["copy", "image", "pickle"])
    def test_give_back_what_compaction_holds(self, way, tmp_path):
        zone, run = self.stopped_zone()
        before, digest = zone.canonical_dump(), zone.digest()
        if way == "image":
            zone.save(tmp_path / "zone")
        twin = {
            "copy": zone.copy,
            "image": lambda: Zone.load(tmp_path / "zone"),
            "pickle": lambda: pickle.loads(pickle.dumps(zone)),
        }[way]()
        twin.check()
        state, flags = twin.page_order, twin.page_flags
        assert not (flags & 1 << 28).any()
        assert not ((state & 0xF0) == 0xD0).any()
        assert (flags & LRU > 0).sum() == 1023  # of 1024: one was let go
        assert twin.nr_free_pages + twin.pcp()["count"] == 1025
        assert (twin.owner == 5).sum() == 1023
        twin.compaction.begin(-1, mode="sync", whole=True, ignore_skip=True).run()
        twin.check()
        assert (zone.canonical_dump(), zone.digest()) == (before, digest)
        assert run.run() == "success"
        zone.check()

    def test_free_what_was_captured(self):
        zone = half_full()
        for block in range(0, 2048, 512):
            zone.set_pageblock_migratetype(block, 0)  # below a pageblock no MOVABLE block is captured
        run = zone.compaction.begin(3, GFP.KERNEL, mode="sync", direct=True, capture=True, stops=True)
        for _ in range(1000):
            run.step(1)
            if run.attempt:
                run.answer()
            if ((zone.page_order & 0xFF) == 0xD3).any():
                break
        assert ((zone.page_order & 0xFF) == 0xD3).sum() == 1
        twin = zone.copy()
        twin.check()
        assert not ((twin.page_order & 0xF0) == 0xD0).any()
        assert twin.nr_free_pages + twin.pcp()["count"] == 1024

    def test_give_back_what_reclaim_holds(self):
        machine, _ = full(4096)
        request = machine.request(0, MOVABLE)
        for _ in range(50):
            request.step(1)
            if (machine.zones[0].page_flags & 1 << 28).any():
                break
        assert (machine.zones[0].page_flags & 1 << 28).any()
        twin = machine.zones[0].copy()
        twin.check()
        assert not (twin.page_flags & 1 << 28).any()

    def test_keep_pageblocks_isolated(self):
        zone = half_full()
        run = zone.begin_contig(1024, 512)
        run.step(40)
        twin = zone.copy()
        twin.check()
        assert twin.isolated_pageblocks == 1
        assert not (twin.page_flags & 1 << 28).any()
        twin.undo_isolate_range(1024, 1536)
        assert twin.alloc_contig(1024, 512)
