"""Are the rules of compaction kept that only Linux 6.12 has? Each in a zone made for it, with the answer by hand."""

from functools import partial

import pytest

import compactionlab
from buddycap.kernels import KERNELS
from compactionlab import BLOCK, MOVABLE, singles
from reference.linux_6_12.compaction import kernel

GFP = KERNELS["6.12"].GFP
ANON, LOCKED = 0x5020, 1
RECLAIMABLE = 2
zone_with = partial(compactionlab.zone_with, kernel="6.12")


SMALL = 64  # pages of a pageblock of the twin's zone
UNITS = "k" * SMALL + "k" * 16 + "e" * 32 + "." * 16 + "k" * 6 * SMALL + ".k" * 2 * SMALL
FREE = [[0, 1, list(range(8 * SMALL, 12 * SMALL, 2))], [4, 1, [2 * SMALL - 16]]]
TWELVE_BLOCKS = (
    {
        "pageblock_order": 6, "npfn": 12 * SMALL, "proactiveness": 20, "boost_factor": 0, "unevictable_allowed": 1,
        "zones": [{"idx": 1, "start": 0, "span": 12 * SMALL, "managed": 12 * SMALL, "wmark": [1, 1, 1],
                   "reserve": [0, 0, 0], "pcp": [1, 0, 0, 0]}],
    },
    {
        "zones": [{"idx": 1, "f": [0, 0, 11 * SMALL, 0, 11 * SMALL, 0, 0, 0, 0, 144, *[0] * 11], "pb": "1" * 12,
                   "skip": "0" * 12, "free": FREE, "pcp": [], "units": UNITS, "busy": {}}],
    },
)  # fmt: skip
COMPACT = {"op": "compact", "zone": 1, "order": 6, "gfp": int(GFP.HIGHUSER_MOVABLE), "mode": 1, "direct": 1, "whole": 0,
           "ign_skip": 0, "ign_suit": 0, "proactive": 0, "aflags": 0, "hzi": 1, "capture": 0, "kind": "k"}  # fmt: skip
ENDED = (5, 6)  # complete, or partly skipped


class TestCapture:
    @pytest.mark.parametrize(("kernel_of", "capture", "moved", "begun"), [
        ("6.12", True, 20 + 32, True), ("6.12", False, 20, False), ("6.1", True, 20, False), ("6.1", False, 20, False),
    ])  # fmt: skip
    def test_does_a_run_that_captures_begin_another_pageblock(self, kernel_of, capture, moved, begun):
        """The drain completes the block; 6.12 looks after the next batch, whose first page marks its pageblock."""
        used = [*range(BLOCK, BLOCK + 20), *range(2 * BLOCK, 2 * BLOCK + 100)]
        free = ((20, 2), (24, 3), (32, 5), (64, 6), (128, 7), (256, 8))
        rest = [(BLOCK + at, order, RECLAIMABLE) for at, order in free]  # of which the fast search knows nothing
        rest += singles(range(10 * BLOCK, 16 * BLOCK, 2))
        zone = compactionlab.zone_with(rest, pages=16 * BLOCK, used=used, kernel=kernel_of)
        zone.set_pageblock_migratetype(BLOCK, RECLAIMABLE)
        zone.compaction.set_state(cached_migrate=[BLOCK, BLOCK])
        run = zone.compaction.begin(9, int(GFP.TRANSHUGE), mode="sync-light", direct=True, capture=capture)
        assert run.run() == "success"
        assert (run.pfn is not None) == capture
        assert run.stats["moved"] == moved
        assert zone.compaction.skip[:3].tolist() == [False, True, begun]


def test_is_a_pageblock_that_is_to_be_finished_left_for_one_with_free_pages():
    """The first pageblock of a zone from page 0 is taken for one that was begun: 0 is also where nothing has moved."""
    free = [(BLOCK + 256, 8, MOVABLE), *singles(range(11 * BLOCK, 16 * BLOCK, 2))]
    zone = zone_with(free, pages=16 * BLOCK, used=[*range(40), *range(BLOCK, BLOCK + 40)])
    run = zone.compaction.begin(9, GFP.HIGHUSER_MOVABLE, mode="sync-light", direct=True, stops=True)
    run.step(1 << 30)
    assert run.attempt[0] < BLOCK


class TestTheEnd:
    """The fast search finds pageblocks by their free blocks; one that was scanned is marked, or found for ever."""

    BUSY = range(BLOCK + 64, BLOCK + 128)  # behind the first page of the pageblock, which never moves

    def test_does_a_run_end_that_finds_a_pageblock_of_which_nothing_moves(self):
        free = [(BLOCK + 256, 8, MOVABLE), *singles(range(11 * BLOCK, 16 * BLOCK, 2))]
        zone = zone_with(free, pages=16 * BLOCK, used=self.BUSY, flags=ANON | LOCKED)
        run = zone.compaction.begin(9, GFP.HIGHUSER_MOVABLE, mode="sync-light", direct=True)
        assert any(run.step(10_000) for _ in range(20)), "200,000 pages looked at in a zone of 8,192"
        assert run.result == "complete"

    @pytest.mark.parametrize("rule", ["6.12", "6.1"])
    def test_it_would_not_with_the_mark_of_6_1(self, monkeypatch, rule):
        """There only the first page of a pageblock marks it. The twin gives up after a thousand pageblocks."""
        isolate, looked_at = kernel.isolate_migratepages_block, []

        def counted(cc, low, end):
            looked_at.append(low)
            if len(looked_at) > 1000:
                raise RecursionError("no end")
            was_skipped = cc.is_skipped(low)
            isolate(cc, low, end)
            if rule == "6.1" and cc.nr_migratepages and not was_skipped and low not in cc.machine.isolated:
                cc.compact.skip.discard(low // cc.node.pageblock_pages)

        monkeypatch.setattr(kernel, "isolate_migratepages_block", counted)
        player = kernel.Player(kernel, *TWELVE_BLOCKS)
        if rule == "6.12":
            assert player.step(COMPACT)["ret"] in ENDED
            assert len(looked_at) < 30
        else:
            with pytest.raises(RecursionError):
                player.step(COMPACT)
