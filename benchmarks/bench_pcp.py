"""What does a per-CPU list cost and save: pairs that stay in it, and bursts that refill and spill it?"""

import pytest
from workloads import MOVABLE, START_PFN

from buddycap import Zone

PAGES = 10_000


def _burst(zone, burst):
    allocate, free = zone.rmqueue_pcplist, zone.free_hot_cold_page

    def job():
        for _ in range(PAGES // burst):
            for pfn in [allocate(MOVABLE) for _ in range(burst)]:
                free(pfn)

    return job


@pytest.mark.parametrize("burst", [1, 31, 500], ids=["inside", "one-refill", "refill-and-spill"])
def test_pcp_pairs(measure, pages, burst):
    measure(
        lambda: _burst(Zone(START_PFN, pages, min_free_kbytes=0), burst),
        PAGES,
        "pairs",
        title=f"per-CPU list, bursts of {burst}",
    )


def test_drain(measure, pages):
    zone = Zone(START_PFN, pages, min_free_kbytes=0, pcp_batch=1000, pcp_high=100_000)

    def prepare():
        for pfn in [zone.rmqueue(0, MOVABLE) for _ in range(PAGES)]:
            zone.free_hot_cold_page(pfn)
        return zone.drain_pages

    measure(prepare, PAGES, title="drain a per-CPU list")
