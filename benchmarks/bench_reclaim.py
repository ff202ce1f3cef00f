"""How many pages a second does reclaim scan: clean, dirty and mapped pages, by kswapd and by one direct reclaimer?"""

import pytest
from workloads import START_PFN

from buddycap import GFP, Machine, PageFlags, Zone

SIZES = ("256MiB", "1GiB")
KINDS = {
    "clean": 0,
    "dirty": PageFlags.DIRTY,
    "referenced": PageFlags.REFERENCED | PageFlags.ACTIVE,
    "mapped anonymous": PageFlags.ANON | PageFlags.SWAPBACKED | PageFlags.MMAP,
}


def full_machine(pages, flags):
    """A machine whose memory is all page cache, or anonymous memory."""
    machine = Machine([Zone(START_PFN, pages)], swap_pages=2 * pages)
    machine.lru_cache_add(machine.zones[0].alloc_many(pages - 64), flags)
    return machine


def scan(machine):
    """kswapd balances for blocks of order 9, and then a direct reclaimer wants a few."""
    machine.kswapd.wake(9)
    machine.kswapd.run()
    scanned = machine.kswapd.stats["scanned"]
    for _ in range(20):
        with machine.request(9, GFP.HIGHUSER_MOVABLE, policy="v3") as request:
            request.run()
        scanned += request.stats["scanned"]
    return scanned


@pytest.mark.parametrize("kind", KINDS)
def test_scanning(measure, pages, kind):
    count = scan(full_machine(pages, KINDS[kind]))

    def prepare():
        machine = full_machine(pages, KINDS[kind])
        return lambda: scan(machine)

    measure(prepare, count, "scanned pages", title=f"reclaim for order 9, {kind} pages")
