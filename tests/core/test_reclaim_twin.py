"""Does direct reclaim do what a slow twin of it does, page by page, under every policy that has a capture list?"""

import random

import pytest

from buddycap import GFP, POLICIES, Machine, MigrateType, PageFlags, Zone
from reference import model, reclaim

ANON = PageFlags.ANON | PageFlags.SWAPBACKED
CHANCES = {
    PageFlags.ACTIVE: 0.25,
    PageFlags.REFERENCED: 0.3,
    PageFlags.MMAP: 0.5,
    PageFlags.YOUNG: 0.2,
    PageFlags.DIRTY: 0.15,
    PageFlags.LOCKED: 0.02,
    PageFlags.PINNED: 0.03,
    PageFlags.MLOCKED: 0.02,
}
POLICIES_HERE = [
    *(POLICIES[name] for name in ("none", "simple", "simple-b", "v3", "v4", "hold", "early-release", "all-orders")),
    POLICIES["v4"].replace(name="v4 forward", batch_forward=True),
    POLICIES["hold"].replace(name="hold 3", hold_rounds=3, hold_order=4, capture_min_order=0),
    POLICIES["early-release"].replace(name="trimmed", trim=True, hold_rounds=2, batch=5),
]


class Pair:
    """A machine and its twin in the same state: all memory allocated, most of it on the LRU."""

    def __init__(self, seed):
        self.draw = draw = random.Random(seed)
        pages, start = draw.choice([64, 128, 300, 1200]), draw.choice([0, 0, 37, 64])
        half = start + draw.randrange(1, pages // 2)
        geometry = {
            "present_ranges": draw.choice([None, [(start, half), (half + 8, start + pages)]]),
            "max_page_order": draw.choice([5, 8, 10]),
            "pageblock_order": draw.choice([3, 5, 9]),
            "min_free_kbytes": draw.choice([0, 8, 40, 100, 200]),
            "pcp_batch": 4,
            "pcp_high": draw.choice([4, 12]),
            "cpus": 2,
        }
        self.core_zone, self.twin_zone = Zone(start, pages, **geometry), model.Zone(start, pages, **geometry)
        swap = draw.choice([0, 5, 60, 60, 1000])
        self.core = Machine([self.core_zone], swap_pages=swap)
        self.twin = reclaim.Machine(self.twin_zone, swap)
        self.fill()
        counts = [draw.choice([0, 10, 32, 60]) for _ in range(4)]
        self.core.set_nr_scan(0, counts)
        self.twin.nr_scan = counts

    def fill(self):
        """Take everything; free some, put the most on the LRU, keep the rest."""
        pages, draw = [], self.draw
        while (pfn := self.core_zone.rmqueue(0, MigrateType.MOVABLE)) is not None:
            assert self.twin_zone.rmqueue(0, MigrateType.MOVABLE) == pfn
            pages.append(pfn)
        if draw.random() < 0.5:
            draw.shuffle(pages)
        on_lru = draw.choice([0.8, 0.95, 1])
        while pages:
            some, pages = pages[:16], pages[16:]
            flags = draw.choice([0, 0, ANON])
            for flag, chance in CHANCES.items():
                flags |= flag if draw.random() < chance else 0
            if flags & PageFlags.ANON and self.twin.swap_free > 16 and draw.random() < 0.4:
                flags |= PageFlags.SWAPCACHE
            for pfn in some:
                if draw.random() < on_lru:
                    self.core.lru_cache_add([pfn], flags)
                    self.twin.lru_cache_add(pfn, flags)
                    self.twin.swap_free -= bool(flags & PageFlags.SWAPCACHE)
                elif draw.random() < 0.3:
                    self.core_zone.free_one_page(pfn, 0)
                    self.twin_zone.free_one_page(pfn, 0)

    def allocate(self):
        """One request of both, of any kind; whether they got the same block."""
        draw = self.draw
        order = min(draw.choice([0, 1, 2, 3, 3, 4, 4, 5, 6]), self.core_zone.max_page_order)
        gfp = draw.choice([GFP.KERNEL, GFP.KERNEL, GFP.KERNEL | GFP.MOVABLE, GFP.NOFS, GFP.NOIO, GFP.HIGH])
        gfp |= draw.choice([0, 0, 0, GFP.REPEAT, GFP.NORETRY, GFP.COLD])
        holding = [row for row in POLICIES_HERE if row.hold_rounds]
        policy, cpu = draw.choice(POLICIES_HERE + holding), draw.randrange(2)
        got = self.core.alloc_pages(order, gfp, policy=policy, cpu=cpu)
        assert got == self.twin.alloc_pages(order, gfp, policy, cpu), (policy.name, order, hex(gfp))
        return got

    def compare(self):
        """Free lists, per-CPU lists, pageblocks, LRU lists, their statistics, flags of every page, swap."""
        assert self.core_zone.canonical_dump() == self.twin_zone.canonical_dump()
        state, twin = self.core.zone_state(0), self.twin
        assert list(state["nr_lru"][:5]) == [len(pages) for pages in twin.lru]
        assert list(state["nr_scan"]) == twin.nr_scan
        assert list(state["recent_scanned"]) == twin.recent_scanned
        assert list(state["recent_rotated"]) == twin.recent_rotated
        assert self.core.swap_free == twin.swap_free
        flags = self.core_zone.page_flags
        found = {pfn: int(flags[pfn - self.core_zone.start_pfn]) for pfn in twin.flags}
        assert found == {pfn: int(value) for pfn, value in twin.flags.items()}


@pytest.mark.parametrize("seed", range(200))
def test_requests_end_in_the_same_state(seed):
    pair = Pair(seed)
    pair.compare()
    for _ in range(8):
        pair.allocate()
        pair.compare()
    pair.core.check()


def test_the_draws_reach_what_they_are_for():
    """Blocks come from capture lists, some are held and some given back."""
    totals = dict.fromkeys(("capture_taken", "capture_giveback", "nr_vmscan_write", "pgsteal"), 0)
    held = 0
    for seed in range(60):
        pair = Pair(seed)
        for _ in range(8):
            request = pair.core.request(4, GFP.KERNEL, policy="hold")
            request.run()
            held += request.stats["holds"]
        for name in totals:
            totals[name] += pair.core_zone.vmstat()[name]
    assert held
    assert all(totals.values()), totals
