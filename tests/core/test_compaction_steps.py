"""Does a run of compaction come to the same whether it goes on attempt by attempt, page by page or at once?"""

import random

import pytest

from buddycap import KERNELS, PageFlags, Zone
from compactionlab import ANON, BLOCK, FILE, MOVABLE

GFP = KERNELS["6.1"].GFP
LOCKED, WRITEBACK, PINNED = (int(PageFlags[name]) for name in ("LOCKED", "WRITEBACK", "PINNED"))


def crowded_zone(kernel, seed):
    """Return a zone of single pages and small compound blocks with holes, of which some are busy in every way."""
    draw = random.Random(seed)
    zone = Zone(0, 16 * BLOCK, kernel=kernel, zone_idx=2, owners=True, min_free_kbytes=0)
    blocks = []
    while (pfn := zone.rmqueue_zone(order := draw.choice([0] * 9 + [1, 2, 3]), MOVABLE, compound=True)) is not None:
        blocks.append((pfn, order))
    for k, (pfn, order) in enumerate(blocks):
        if draw.random() < 0.35:
            zone.free_pages(pfn, order)
        elif draw.random() < 0.9:
            busy = draw.choice([0] * 20 + [LOCKED, WRITEBACK, PINNED, LOCKED | PINNED])
            zone.compaction.set_page_flags(pfn, draw.choice([ANON, FILE]) | busy)
            zone.set_owners([pfn], [k + 1])
    zone.drain_pages()
    return zone


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
@pytest.mark.parametrize("how", [{"order": -1, "whole": True}, {"order": 9, "direct": True, "capture": True}])
@pytest.mark.parametrize("mode", ["async", "sync-light", "sync"])
def test_do_all_ways_to_go_on_come_to_the_same(kernel, how, mode):
    for seed in range(2):
        results = []
        for stops, budget in ((True, 1 << 30), (False, 1 << 30), (False, 1)):
            zone = crowded_zone(kernel, seed)
            run = zone.compaction.begin(gfp=GFP.TRANSHUGE, mode=mode, stops=stops, **how)
            while not run.step(budget):
                if run.attempt is not None:
                    run.answer()
            zone.check()
            results.append((zone.digest(), run.result, run.pfn, run.stats, zone.compaction.vmstat()))
        assert results[0] == results[1] == results[2], seed
        assert how["order"] > 0 or results[0][3]["moved"] > 100
