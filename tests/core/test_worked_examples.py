"""Do the examples worked by hand come out? The numbers are those of the specification, 9.1-9.11, 9.14 and 9.15.

One zone of 64 pages from PFN 0, no lowmem reserve, one migratetype unless the example wants more, so that the largest
block is of order 6. A block is written (pfn, order), every list head first.
"""

import pytest

MOVABLE, UNMOVABLE, RESERVE = 2, 0, 3
WMARK_MIN, HARDER, HIGH = 0x02, 0x10, 0x20
WHOLE = 6


def zone_of_64(zone_class, pages_min=0, **keywords):
    """A fresh zone, everything free."""
    return zone_class(0, 64, min_free_kbytes=4 * pages_min, **keywords)


def zone_in_use(zone_class, *blocks, **keywords):
    """A zone with all pages in use: the given blocks as wholes, the others as single pages."""
    zone = zone_of_64(zone_class, **keywords)
    assert zone.rmqueue(WHOLE, MOVABLE) == 0
    zone.split_page(0, WHOLE)
    for pfn, order in blocks:
        free_pages(zone, range(pfn, pfn + (1 << order)))
        assert zone.rmqueue(order, MOVABLE) == pfn
    return zone


def free_pages(zone, pfns):
    """Free single pages in the order given."""
    for pfn in pfns:
        zone.free_one_page(pfn, 0)


def capture_pages(capture_list, pfns):
    """Capture single pages in the order given."""
    for pfn in pfns:
        capture_list.capture_one_page(pfn)


def free_lists(zone, migratetype=None):
    """{order: first pages} of the non-empty free lists, of one type or of all together."""
    lists = {}
    for pfn, order, block_type in zone.free_blocks():
        if migratetype in (None, block_type):
            lists.setdefault(int(order), []).append(int(pfn))
    return lists


def captured(capture_list):
    """The blocks of a capture list as tuples."""
    return [tuple(map(int, block)) for block in capture_list.blocks()]


def pcp_pages(zone):
    """The pages of the per-CPU list."""
    line = zone.canonical_dump().splitlines()[-1]
    assert line.startswith("P ")
    return [int(word.split(":")[0]) for word in line.split()[2:]]


def consult(capture_list, order):
    """End a capture as a direct reclaimer does."""
    return capture_list.capture_alloc_or_return(order, alloc_flags=WMARK_MIN, classzone_idx=0)


def watermark_ok(zone, order, mark, alloc_flags=0):
    """A watermark check of a request that wants this very zone."""
    return zone.watermark_ok(order, mark, classzone_idx=0, alloc_flags=alloc_flags)


def test_9_1_allocation_and_free(zone_class):
    zone = zone_of_64(zone_class)
    assert (free_lists(zone), zone.nr_free_pages) == ({6: [0]}, 64)
    assert zone.rmqueue(0, MOVABLE) == 0
    assert (free_lists(zone), zone.nr_free_pages) == ({0: [1], 1: [2], 2: [4], 3: [8], 4: [16], 5: [32]}, 63)
    assert zone.rmqueue(0, MOVABLE) == 1
    assert (free_lists(zone), zone.nr_free_pages) == ({1: [2], 2: [4], 3: [8], 4: [16], 5: [32]}, 62)
    assert zone.rmqueue(0, MOVABLE) == 2
    assert (free_lists(zone), zone.nr_free_pages) == ({0: [3], 2: [4], 3: [8], 4: [16], 5: [32]}, 61)
    zone.free_one_page(1, 0)
    assert (free_lists(zone), zone.nr_free_pages) == ({0: [1, 3], 2: [4], 3: [8], 4: [16], 5: [32]}, 62)
    zone.free_one_page(0, 0)
    assert (free_lists(zone), zone.nr_free_pages) == ({0: [3], 1: [0], 2: [4], 3: [8], 4: [16], 5: [32]}, 63)
    zone.free_one_page(2, 0)
    assert (free_lists(zone), zone.nr_free_pages) == ({6: [0]}, 64)


def test_9_2_mixed_orders(zone_class):
    zone = zone_of_64(zone_class)
    assert [zone.rmqueue(order, MOVABLE) for order in (2, 0, 3, 1)] == [0, 4, 8, 6]
    assert (free_lists(zone), zone.nr_free_pages) == ({0: [5], 4: [16], 5: [32]}, 49)
    zone.free_one_page(0, 2)
    assert (free_lists(zone), zone.nr_free_pages) == ({0: [5], 2: [0], 4: [16], 5: [32]}, 53)
    zone.free_one_page(8, 3)
    assert (free_lists(zone), zone.nr_free_pages) == ({0: [5], 2: [0], 3: [8], 4: [16], 5: [32]}, 61)
    zone.free_one_page(6, 1)
    assert (free_lists(zone), zone.nr_free_pages) == ({0: [5], 1: [6], 2: [0], 3: [8], 4: [16], 5: [32]}, 63)
    zone.free_one_page(4, 0)
    assert (free_lists(zone), zone.nr_free_pages) == ({6: [0]}, 64)


def test_9_3_per_cpu_list(zone_class):
    zone = zone_of_64(zone_class, pcp_batch=4, pcp_high=4)
    assert zone.rmqueue_pcplist(MOVABLE) == 0
    assert (pcp_pages(zone), zone.nr_free_pages) == ([1, 2, 3], 60)
    assert free_lists(zone) == {2: [4], 3: [8], 4: [16], 5: [32]}
    assert zone.rmqueue_pcplist(MOVABLE, cold=True) == 3
    assert pcp_pages(zone) == [1, 2]
    zone.free_hot_cold_page(0)
    assert pcp_pages(zone) == [0, 1, 2]
    zone.free_hot_cold_page(3, cold=True)
    assert (pcp_pages(zone), free_lists(zone), zone.nr_free_pages) == ([], {6: [0]}, 64)


def test_9_4_watermarks_of_mixed_orders(zone_class):
    zone = zone_class(0, 512, min_free_kbytes=0)
    assert zone.rmqueue(9, MOVABLE) == 0
    zone.split_page(0, 9)
    for first, order, count in ((0, 3, 5), (128, 2, 5), (192, 1, 10), (256, 0, 20)):
        for pfn in range(first, first + (count << order + 1), 2 << order):
            free_pages(zone, range(pfn, pfn + (1 << order)))
    assert (list(zone.nr_free)[:4], zone.nr_free_pages) == ([20, 10, 5, 5], 100)
    assert watermark_ok(zone, 2, 16)
    assert watermark_ok(zone, 3, 16)


def test_9_4_watermarks_of_single_pages(zone_class):
    zone = zone_class(0, 256, min_free_kbytes=0)
    assert zone.rmqueue(8, MOVABLE) == 0
    zone.split_page(0, 8)
    free_pages(zone, range(0, 200, 2))
    assert zone.nr_free_pages == 100
    assert not watermark_ok(zone, 2, 16)
    assert watermark_ok(zone, 0, 16)
    assert not watermark_ok(zone, 0, 100)
    assert watermark_ok(zone, 0, 99)


@pytest.mark.parametrize(("flags", "least"), [(0, 16), (HIGH, 8), (HARDER, 12), (HIGH | HARDER, 6)])
def test_9_4_watermark_flags(zone_class, flags, least):
    zone = zone_in_use(zone_class)
    free_pages(zone, range(0, 2 * least, 2))
    assert not watermark_ok(zone, 0, 16, flags)
    free_pages(zone, [63])
    assert watermark_ok(zone, 0, 16, flags)


def captured_next_to_free(zone_class, pages_min):
    """9.5 up to the consultation: 16:3 and 40:0 were free, 24..31 are captured."""
    zone = zone_in_use(zone_class, pages_min=pages_min)
    free_pages(zone, [*range(16, 24), 40])
    capture_list = zone.capture_list()
    steps = [
        [(24, 0)],
        [(24, 1)],
        [(26, 0), (24, 1)],
        [(24, 2)],
        [(28, 0), (24, 2)],
        [(28, 1), (24, 2)],
        [(30, 0), (28, 1), (24, 2)],
    ]
    for pfn, blocks in enumerate(steps, start=24):
        capture_list.capture_one_page(pfn)
        assert captured(capture_list) == blocks
        assert (free_lists(zone), zone.nr_free_pages) == ({0: [40], 3: [16]}, 9)
    capture_list.capture_one_page(31)
    assert (captured(capture_list), free_lists(zone), zone.nr_free_pages) == ([(16, 4)], {0: [40]}, 1)
    return zone, capture_list


def test_9_5_captured_block_is_kept(zone_class):
    zone, capture_list = captured_next_to_free(zone_class, pages_min=0)
    assert consult(capture_list, 4) == 16
    assert (captured(capture_list), free_lists(zone), zone.nr_free_pages) == ([], {0: [40]}, 1)


def test_9_5_captured_block_is_given_back(zone_class):
    """One page short of the watermark, although the retry without capture gets the same block."""
    zone, capture_list = captured_next_to_free(zone_class, pages_min=1)
    assert consult(capture_list, 4) is None
    assert (captured(capture_list), free_lists(zone), zone.nr_free_pages) == ([], {0: [40], 4: [16]}, 17)
    assert watermark_ok(zone, 4, zone.pages_min, WMARK_MIN)
    assert zone.rmqueue(4, MOVABLE) == 16


@pytest.mark.parametrize("another_page", [False, True])
def test_9_6_foreign_frees_join(zone_class, another_page):
    zone = zone_in_use(zone_class, (16, 2), (20, 2))
    capture_list = zone.capture_list()
    capture_pages(capture_list, range(24, 32))
    assert (captured(capture_list), zone.nr_free_pages) == ([(24, 3)], 0)
    zone.free_one_page(20, 2)
    assert (captured(capture_list), free_lists(zone), zone.nr_free_pages) == ([(24, 3)], {2: [20]}, 4)
    zone.free_one_page(16, 2)
    assert (captured(capture_list), free_lists(zone), zone.nr_free_pages) == ([(16, 4)], {}, 0)
    if another_page:
        zone.free_one_page(63, 0)
        assert consult(capture_list, 4) == 16
    else:
        assert consult(capture_list, 4) is None
        assert (free_lists(zone), zone.nr_free_pages) == ({4: [16]}, 16)


def test_9_7_unprotected_neighbour(zone_class):
    zone = zone_in_use(zone_class)
    free_pages(zone, range(16, 24))
    capture_list = zone.capture_list()
    capture_pages(capture_list, range(24, 31))
    assert captured(capture_list) == [(30, 0), (28, 1), (24, 2)]
    assert zone.nr_free_pages == 8
    assert zone.rmqueue(0, MOVABLE) == 16
    assert (free_lists(zone), zone.nr_free_pages) == ({0: [17], 1: [18], 2: [20]}, 7)
    capture_list.capture_one_page(31)
    assert captured(capture_list) == [(24, 3)]
    zone.free_one_page(16, 0)
    assert (captured(capture_list), free_lists(zone), zone.nr_free_pages) == ([(16, 4)], {}, 0)


@pytest.mark.parametrize(
    ("first", "second", "pages_min", "result", "free", "nr_free_pages"),
    [
        (range(32, 64), range(16), 0, 32, {4: [0, 48]}, 32),
        (range(16), range(32, 64), 0, 0, {5: [32]}, 32),
        (range(32, 64), range(16), 40, None, {4: [0], 5: [32]}, 48),
        (range(16), range(32, 64), 40, None, {4: [0], 5: [32]}, 48),
    ],
)
def test_9_8_order_5_for_4(zone_class, first, second, pages_min, result, free, nr_free_pages):
    zone = zone_in_use(zone_class, pages_min=pages_min)
    capture_list = zone.capture_list()
    capture_pages(capture_list, first)
    capture_pages(capture_list, second)
    assert sorted(captured(capture_list)) == [(0, 4), (32, 5)]
    assert captured(capture_list)[-1][0] == first[0]
    assert consult(capture_list, 4) == result
    assert (captured(capture_list), free_lists(zone), zone.nr_free_pages) == ([], free, nr_free_pages)


def test_9_9_order_6_for_4(zone_class):
    zone = zone_in_use(zone_class)
    capture_list = zone.capture_list()
    capture_pages(capture_list, range(64))
    assert (captured(capture_list), zone.nr_free_pages) == ([(0, 6)], 0)
    assert consult(capture_list, 4) == 0
    assert (free_lists(zone), zone.nr_free_pages) == ({4: [16], 5: [32]}, 48)


def test_9_10_nothing_large_enough(zone_class):
    zone = zone_in_use(zone_class)
    free_pages(zone, [40])
    capture_list = zone.capture_list()
    capture_pages(capture_list, range(24, 31))
    assert captured(capture_list) == [(30, 0), (28, 1), (24, 2)]
    assert consult(capture_list, 4) is None
    assert (captured(capture_list), free_lists(zone)) == ([], {0: [30, 40], 1: [28], 2: [24]})
    assert zone.nr_free_pages == 8


def test_9_11_two_reclaimers(zone_class):
    zone = zone_in_use(zone_class)
    one, other = zone.capture_list(), zone.capture_list()
    one.capture_one_page(24)
    assert (captured(one), captured(other), zone.nr_free_pages) == ([(24, 0)], [], 0)
    other.capture_one_page(25)
    assert (captured(one), captured(other), zone.nr_free_pages) == ([], [(24, 1)], 0)


def test_9_14_fallback_stealing(zone_class):
    zone = zone_in_use(zone_class, pageblock_order=4)
    free_pages(zone, [4, 5, 22, 23, *range(8, 16)])
    assert (free_lists(zone, MOVABLE), zone.nr_free_pages) == ({1: [22, 4], 3: [8]}, 12)
    assert list(zone.nr_free)[:4] == [0, 2, 0, 1]

    assert zone.rmqueue(0, UNMOVABLE) == 8
    assert list(zone.pageblock_migratetype) == [UNMOVABLE, MOVABLE, MOVABLE, MOVABLE]
    assert free_lists(zone, UNMOVABLE) == {0: [9], 1: [10, 4], 2: [12]}
    assert free_lists(zone, MOVABLE) == {1: [22]}
    assert (list(zone.nr_free)[:4], zone.nr_free_pages) == ([1, 3, 1, 0], 11)

    assert (zone.rmqueue(1, UNMOVABLE), zone.nr_free_pages) == (10, 9)
    assert free_lists(zone, UNMOVABLE)[1] == [4]
    assert (zone.rmqueue(2, UNMOVABLE), zone.nr_free_pages) == (12, 5)
    assert zone.rmqueue(2, UNMOVABLE) is None
    assert (zone.rmqueue(1, UNMOVABLE), zone.nr_free_pages) == (4, 3)
    assert zone.rmqueue(1, UNMOVABLE) == 22
    assert list(zone.pageblock_migratetype) == [UNMOVABLE, MOVABLE, MOVABLE, MOVABLE]


def test_9_15_migrate_reserve(zone_class):
    """A block larger than a pageblock moves with the pageblock of its first page."""
    zone = zone_of_64(zone_class, pages_min=17, pageblock_order=4)
    assert zone.pages_min == 17
    assert free_lists(zone, RESERVE) == {6: [0]}
    assert free_lists(zone) == {6: [0]}
    assert list(zone.pageblock_migratetype) == [RESERVE, RESERVE, MOVABLE, MOVABLE]
