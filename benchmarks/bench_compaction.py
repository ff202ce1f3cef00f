"""How fast does compaction step over memory it cannot use, and move what it can? Whole zones, of 6.1 and of 6.12."""

import pytest
from workloads import START_PFN

from buddycap import KERNELS, Zone

SIZES = ("256MiB", "4GiB")
RELEASES = ("6.1", "6.12")
FREE_PIECE = 2  # pages of each free piece above


def zone_of(kernel, pages):
    return Zone(START_PFN, pages, kernel=kernel, zone_idx=2, min_free_kbytes=0)


def free_zone(kernel, pages):
    """Free blocks of order 10 alone."""
    return zone_of(kernel, pages)


def unmovable_zone(kernel, pages):
    """Kernel pages of order 0 alone, in unmovable pageblocks."""
    zone = zone_of(kernel, pages)
    zone.alloc_many(pages, 0, KERNELS[kernel].MigrateType.UNMOVABLE)
    return zone


def half_full_zone(kernel, pages):
    """Below, pages on the LRU; above, every second piece of two pages is free: half of what is below moves up."""
    zone = zone_of(kernel, pages)
    zone.alloc_many(pages, 0, KERNELS[kernel].MigrateType.MOVABLE)
    zone.set_lru(START_PFN, pages // 2)
    above = range(START_PFN + pages // 2, START_PFN + pages)
    zone.free_many([pfn for pfn in above if pfn % 4 < FREE_PIECE])
    return zone


def run_of(zone):
    """One run as a write to compact_memory starts it: no block is wanted, nothing is skipped."""
    return zone.compaction.begin(-1, whole=True, ignore_skip=True)


STEPPED_OVER = {"order-10 free blocks": free_zone, "unmovable order-0 pages": unmovable_zone}


@pytest.mark.parametrize("kernel", RELEASES)
@pytest.mark.parametrize("kind", STEPPED_OVER)
def test_stepping_over(measure, pages, kind, kernel):
    """The migration scanner goes through the whole zone and finds nothing to move."""

    def prepare():
        return run_of(STEPPED_OVER[kind](kernel, pages)).run

    measure(prepare, pages, title=f"compaction of {kernel} steps over {kind}")


@pytest.mark.parametrize("kernel", RELEASES)
def test_moving(measure, pages, kernel):
    """Pages are isolated, moved and freed until the scanners meet."""
    run = run_of(half_full_zone(kernel, pages))
    run.run()

    def prepare():
        return run_of(half_full_zone(kernel, pages)).run

    measure(prepare, run.stats["moved"], "pages moved", title=f"compaction of {kernel} moves pages")
