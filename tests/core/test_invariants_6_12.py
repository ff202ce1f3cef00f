"""Can check() of a zone of Linux 6.12 fail where it asks for more than that of 6.1? Each case breaks one cell."""

import pickle

import pytest

from buddycap import FormatError, Zone
from zone_struct_6_1 import Memory612, broken, broken_by, free_list_61

UNMOVABLE, MOVABLE, RECLAIMABLE, HIGHATOMIC = range(4)
CMA = 4
PAGES, BLOCK = 65536, 512
LONE = 4096  # a free page, the only one of its order


@pytest.fixture
def zone():
    """A zone in which a page is free by itself, and a pageblock is kept for high-order atomic requests."""
    made = Zone(0, PAGES, kernel="6.12", cma=True, min_free_kbytes=1024)
    pages = made.alloc_many(PAGES // 2).tolist()
    assert pages[LONE] == LONE
    made.free_one_page(LONE, 0)
    assert made.rmqueue_zone(4, UNMOVABLE, 0xA00) is not None
    assert made.nr_free_highatomic > 0
    made.check()
    return made


def own(name):
    return lambda memory: (memory.own_612, name)


def pcp(name):
    return lambda memory: (memory.pcp(0), name)


CASES = {
    "free high-atomic pages": (own("nr_free_highatomic"), 1, 7, None),
    "far too many of them": (own("nr_free_highatomic"), 1 << 61, 7, None),
    "below the high mark": (own("below_high"), 2, 1, None),
    "what a capture is for": (own("capture_type"), 3, 9, None),
    "least size of lists": (own("pcp_high_min"), -1, 10, None),
    "largest size of lists": (own("pcp_high_max"), 1 << 30, 10, None),
    "size of a CPU's lists": (pcp("high"), -1, 10, None),
    "least size of a CPU's lists": (pcp("high_min"), -1, 10, None),
    "largest size of a CPU's lists": (pcp("high_max"), 1 << 30, 10, None),
    "batch": (pcp("batch"), 0, 10, None),
    "pages freed": (pcp("free_count"), -1, 10, None),
    "allocation factor": (pcp("alloc_factor"), 6, 10, None),
    "flags": (pcp("flags"), 4, 10, None),
    "rest": (pcp("reserved"), 1, 10, None),
    "limit of 6.1": (lambda memory: (memory.own, "pcp_high"), 1, 10, None),
    "free pages of CMA": (lambda memory: (memory.own, "nr_free_cma"), 1, 7, None),
    "pageblock of a free page": (lambda memory: (memory.pageblock(LONE // BLOCK), "value"), RECLAIMABLE, 5, LONE),
    "isolated pageblocks": (lambda memory: (memory.own, "nr_isolated"), 1, 14, None),
}


@pytest.mark.parametrize(("where", "value", "invariant", "pfn"), CASES.values(), ids=CASES)
def test_a_broken_cell_is_found(zone, where, value, invariant, pfn):
    assert broken_by(zone, *where(Memory612(zone)), value) == (invariant, pfn)


def test_a_free_page_on_the_list_of_another_type_is_found_and_no_image(zone):
    memory = Memory612(zone)
    old, new = memory.link_at(free_list_61(0, MOVABLE)), memory.link_at(free_list_61(0, RECLAIMABLE))
    page = memory.link_at(old.next)
    assert (old.next, old.prev, new.next) == (LONE, LONE, free_list_61(0, RECLAIMABLE))
    new.next = new.prev = LONE
    page.next = page.prev = free_list_61(0, RECLAIMABLE)
    old.next = old.prev = free_list_61(0, MOVABLE)
    assert broken(zone) == (5, LONE)
    image = pickle.dumps(zone)
    with pytest.raises(FormatError, match="invariant 5"):
        pickle.loads(image)


class TestNothingLegalIsRefused:
    """Who puts blocks where their pageblocks do not belong makes counts inexact, as in Linux, and breaks nothing."""

    def test_a_block_put_back_as_one_of_another_type(self, zone):
        pfn = int(zone.free_blocks(10, MOVABLE)["pfn"][0])
        assert zone.take_free_block(pfn) == 1024
        zone.put_free_block(pfn, 10, HIGHATOMIC)
        zone.check()
        while zone.rmqueue(10, UNMOVABLE) is not None:
            pass
        zone.check()

    @pytest.mark.parametrize("kind", [RECLAIMABLE, HIGHATOMIC, CMA, 5])
    def test_a_pageblock_that_is_given_a_type_with_its_free_pages(self, zone, kind):
        zone.set_pageblock_migratetype(LONE, kind)
        zone.check()
        zone.set_pageblock_migratetype(LONE, MOVABLE)
        zone.check()

    def test_half_of_a_free_block_that_is_given_a_type(self, zone):
        pfn = int(zone.free_blocks(10, MOVABLE)["pfn"][0])
        zone.set_pageblock_migratetype(pfn + BLOCK, RECLAIMABLE)
        zone.check()


def test_isolation_keeps_counts_exact(zone):
    """In 6.12 free blocks go with their pageblock, so a wrong count is seen afterwards, too."""
    assert zone.isolate_range(PAGES - 4 * BLOCK, PAGES - 3 * BLOCK)
    zone.check()
    Memory612(zone).header.nr_free_pages += 1
    assert broken(zone) == (7, None)
