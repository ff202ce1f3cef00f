"""Does every limit of reclaim lie where Linux has it?  Each is tried at the number itself and one beside it."""

import pytest

from buddycap import GFP, AllocFlags, Machine, PageFlags, Zone
from reclaimlab import ANON, flags_of, full_machine, scan_now, starving_machine

MARKS = 400  # KiB: min 100, low 125, high 150 pages
SWAPPED = ANON | PageFlags.SWAPCACHE | PageFlags.MMAP | PageFlags.YOUNG


@pytest.mark.parametrize(("swap_pages", "kept"), [(3, True), (2, True), (1, False)])
def test_swap_is_full_when_less_than_half_is_free(swap_pages, kept):
    """vm_swap_full: nr_swap_pages * 2 < total_swap_pages. One slot is taken, by the page itself."""
    machine, zone = starving_machine(swap_pages=swap_pages)
    machine.lru_cache_add(5, SWAPPED)
    scan_now(machine, inactive_anon=32)
    machine.request(0, GFP.KERNEL).step(1)
    assert bool(flags_of(zone, 5) & PageFlags.SWAPCACHE) is kept


def test_direct_reclaim_rests_at_ten_priorities():
    """do_try_to_free_pages: sc->nr_scanned && priority < DEF_PRIORITY - 2, so from 9 to 0."""
    machine, zone = starving_machine(1024)
    machine.lru_cache_add(range(512), PageFlags.PINNED)
    request = machine.request(0, GFP.KERNEL | GFP.NORETRY)
    rests = 0
    while not request.done:
        scan_now(machine, inactive_file=32)
        step = request.step(1)
        rests += (step.wait, step.wait_ms) == ("congestion", 100)
    assert request.stats["reclaims"] == 1
    assert rests == 10


def test_kswapd_rests_at_ten_priorities():
    """balance_pgdat: total_scanned && priority < DEF_PRIORITY - 2. There is something to scan at each of them."""
    zone = Zone(0, 1 << 17, min_free_kbytes=1 << 19)
    machine = Machine([zone])
    machine.lru_cache_add(zone.alloc_many(1 << 17), PageFlags.PINNED)
    machine.kswapd.wake()
    steps = [machine.kswapd.step(1 << 30) for _ in range(11)]
    assert [step.wait for step in steps] == ["congestion"] * 10 + ["none"]
    assert steps[0].scanned == 32 + 64 + 128 + 256, "priorities 12 to 9, then a rest"


def test_the_slab_is_scanned_twice_at_most():
    """shrink_slab: no more objects are due than twice those there are, however few pages the LRU has."""
    machine, zone = starving_machine(1024)
    machine.slab_add(range(128), PageFlags.PINNED)
    request = machine.request(0, GFP.KERNEL | GFP.NORETRY)
    request.run()
    assert request.stats["reclaims"] == 1
    assert zone.vmstat()["slabs_scanned"] == 13 * 2 * 128, "at each of 13 priorities"


@pytest.mark.parametrize(("clean", "written"), [(64, False), (63, True)])
def test_kswapd_writes_in_laptop_mode_when_a_third_of_what_it_scans_is_in_vain(clean, written):
    """balance_pgdat: total_scanned > SWAP_CLUSTER_MAX * 2 && total_scanned > nr_reclaimed + nr_reclaimed / 2."""
    zones = [
        Zone(
            4096 * k, 4096, zone_idx=k, node_present_pages=[4096, 4096, 0, 0], min_free_kbytes=32768, pageblock_order=6
        )
        for k in range(2)
    ]
    machine = Machine(zones, laptop_mode=True)
    first, second = (zone.alloc_many(zone.nr_free_pages) for zone in zones)
    machine.lru_cache_add(first[:clean])
    machine.lru_cache_add(first[clean:96], PageFlags.PINNED)
    machine.lru_cache_add(second[:32], PageFlags.DIRTY)
    for number in range(2):
        machine.set_nr_scan(number, [0, 0, 96, 0])
    machine.kswapd.wake()
    machine.kswapd.step(10_000)
    assert bool(zones[1].vmstat()["pgscan_kswapd"]), "the first zone came first"
    assert (len(machine.writeback) > 0) is written


@pytest.mark.parametrize(("vain", "written"), [(24, False), (25, True)])
def test_direct_reclaim_writes_in_laptop_mode_after_a_cluster_and_a_half(vain, written):
    """do_try_to_free_pages: total_scanned > swap_cluster_max + swap_cluster_max / 2.

    The list is shorter than a cluster, so that it is scanned twice at the first priority.
    """
    machine, zone = starving_machine(1024, laptop_mode=True)
    machine.lru_cache_add(range(vain), PageFlags.PINNED)
    request = machine.request(0, GFP.KERNEL)
    scan_now(machine, inactive_file=32)
    while request.stats["scanned"] < 2 * vain:
        request.step(1)
    machine.lru_cache_add(900, PageFlags.DIRTY)
    scan_now(machine, inactive_file=32)
    while request.stats["scanned"] < 3 * vain + 1:
        request.step(1)
    assert (request.stats["pageouts"] == 1) is written


@pytest.mark.parametrize("order", [4, 6])
def test_a_consultation_gives_a_zone_hope_again(order):
    """capture_alloc_or_return clears zone->all_unreclaimable and pages_scanned, whether it finds a block or not."""
    machine, zone = full_machine(1024, min_free_kbytes=MARKS)
    machine.lru_cache_add(range(512, 612), PageFlags.PINNED)
    with zone.capture_list() as capture:
        for pfn in range(16):
            capture.capture_one_page(pfn)
        machine.kswapd.wake()
        machine.kswapd.run()
        state = machine.zone_state(0)
        assert state["all_unreclaimable"]
        assert state["scanned"] >= 600
        capture.capture_alloc_or_return(order, alloc_flags=AllocFlags.NO_WATERMARKS)
        state = machine.zone_state(0)
        assert (state["all_unreclaimable"], state["scanned"]) == (0, 0)
