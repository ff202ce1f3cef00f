"""Blocks at places that the caller names, and ranges of pages, on both kernels: against a set of pages kept by hand."""

import random

import numpy as np
import pytest

from buddycap import OP_DTYPE, MisuseError, Zone

KERNELS = ["2.6.27", "6.1"]
ALLOC, FREE, SPLIT, PART, AT = 1, 2, 3, 4, 5
SPAN = 4096


def make(kernel="2.6.27", pages=SPAN, start=0, **keywords):
    """A zone in which every page is free."""
    return Zone(start, pages, kernel=kernel, **keywords)


def free_pages(zone):
    """Every page of every free block."""
    return {int(b["pfn"]) + k for b in zone.free_blocks() for k in range(1 << int(b["order"]))}


def stream(*ops):
    """Operations from tuples (op, order, arg, pfn)."""
    result = np.zeros(len(ops), OP_DTYPE)
    for k, (op, order, arg, pfn) in enumerate(ops):
        result[k] = (op, order, 1, 0, arg, pfn)
    return result


@pytest.mark.parametrize("kernel", KERNELS)
class TestAllocAt:
    def test_the_free_block_around_it_is_split(self, kernel):
        zone = make(kernel)
        assert zone.alloc_at(1000, 3) == 1000
        assert zone.nr_free_pages == SPAN - 8
        assert free_pages(zone) == set(range(SPAN)) - set(range(1000, 1008))
        around = [(b["pfn"], b["order"]) for b in zone.free_blocks() if b["pfn"] < 1024]
        assert sorted(around) == [(0, 9), (512, 8), (768, 7), (896, 6), (960, 5), (992, 3), (1008, 4)]
        zone.check()
        zone.free_one_page(1000, 3)
        assert len(zone.free_blocks()) == SPAN >> 10

    def test_the_largest_piece_comes_first_on_its_list(self, kernel):
        zone = make(kernel)
        zone.alloc_at(0, 0)
        zone.alloc_at(1024, 0)
        heads = zone.free_blocks(order=5)["pfn"].tolist()
        assert heads == [1024 + 32, 32]

    def test_what_is_not_free_is_a_result(self, kernel):
        zone = make(kernel)
        assert zone.alloc_at(7) == 7
        before = zone.digest()
        assert zone.alloc_at(7) is None
        assert zone.alloc_at(0, 4) is None
        assert zone.digest() == before

    @pytest.mark.parametrize(
        ("pfn", "order"), [(-1, 0), (SPAN, 0), (SPAN - 4, 3), (9, 1), (0, 11), (0, -1), (1 << 60, 0)]
    )
    def test_what_is_no_block_of_the_zone_is_misuse(self, kernel, pfn, order):
        zone = make(kernel)
        before = zone.digest()
        with pytest.raises(MisuseError):
            zone.alloc_at(pfn, order)
        assert zone.digest() == before

    def test_a_hole_is_not_free(self, kernel):
        zone = make(kernel, present_ranges=[(0, 1000), (1020, SPAN)])
        assert zone.alloc_at(1000) is None
        assert zone.alloc_at(1000, 3) is None
        assert zone.alloc_at(992, 3) == 992

    def test_pages_on_per_cpu_lists_are_not_free(self, kernel):
        if kernel == "2.6.27":
            zone = make(pcp_batch=4, pcp_high=16)
            page = zone.rmqueue_pcplist(2)
            zone.free_hot_cold_page(page)
        else:
            zone = make(kernel)
            page = zone.rmqueue_zone(0)
            zone.free_pages(page, 0)
        assert zone.alloc_at(page) is None
        zone.drain_pages()
        assert zone.alloc_at(page) == page

    @pytest.mark.parametrize("seed", range(3))
    def test_any_order_of_places_gives_the_same_free_pages(self, kernel, seed):
        draw, zone, held, free = random.Random(seed), make(kernel, start=8192), {}, set(range(8192, 8192 + SPAN))
        for _ in range(1500):
            order = draw.choice([0, 0, 1, 2, 4, 9])
            pfn = 8192 + draw.randrange(SPAN) & -(1 << order)
            pages = set(range(pfn, pfn + (1 << order)))
            got = zone.alloc_at(pfn, order)
            assert (got == pfn) == (pages <= free)
            if got is not None:
                held[pfn] = order
                free -= pages
            elif held and draw.random() < 0.7:
                pfn = draw.choice(sorted(held))
                free |= set(range(pfn, pfn + (1 << held[pfn])))
                zone.free_one_page(pfn, held.pop(pfn))
        assert free_pages(zone) == free
        assert zone.nr_free_pages == len(free)
        zone.check()


def test_an_isolated_pageblock_is_out_of_bounds():
    zone = make("6.1")
    assert zone.isolate_range(1024, 2048)
    assert zone.alloc_at(1500) is None
    assert zone.alloc_at(2048) == 2048
    zone.check()


def test_cma_pages_are_counted():
    zone = make("6.1", cma=True, free_ranges=[(0, 2048), (2560, SPAN)])
    zone.init_cma(2048)
    before = zone.nr_free_cma
    assert zone.alloc_at(2048 + 17) == 2048 + 17
    assert zone.nr_free_cma == before - 1
    zone.check()


@pytest.mark.parametrize("kernel", KERNELS)
class TestFreeRange:
    def test_blocks_of_different_orders_and_holes(self, kernel):
        zone = make(kernel, present_ranges=[(0, 1000), (1020, SPAN)])
        zone.alloc_many(zone.nr_free_pages)
        zone.free_range(0, SPAN)
        assert zone.nr_free_pages == SPAN - 20
        for order, pfn in ((4, 960), (0, 976), (3, 992), (2, 1020), (9, 1024)):
            assert zone.alloc_at(pfn, order) == pfn
        zone.free_range(960, 16 + 1)
        zone.free_range(992, 512 + 32)
        assert zone.nr_free_pages == SPAN - 20
        zone.check()

    def test_blocks_that_stick_out_are_split(self, kernel):
        zone = make(kernel, owners=True)
        assert [zone.alloc_at(512, 6), zone.alloc_at(576, 6)] == [512, 576]
        zone.set_owners([512, 576], [7, 8])
        zone.free_range(560, 32)
        assert zone.nr_free_pages == SPAN - 96
        assert zone.owner[559] == 7
        assert zone.owner[592] == 8
        zone.free_range(592, 48)
        zone.free_range(512, 48)
        assert len(zone.free_blocks()) == SPAN >> 10
        zone.check()

    @pytest.mark.parametrize(
        ("pfn", "pages"), [(0, 16), (8, 17), (16, 9), (1000, 10), (1 << 62, 1), (SPAN - 1, 2), (-1, 2), (0, 1 << 31)]
    )
    def test_refused_as_a_whole(self, kernel, pfn, pages):
        zone = make(kernel, present_ranges=[(0, 1000), (1020, SPAN)])
        for order, at in ((3, 8), (3, 16)):
            assert zone.alloc_at(at, order) == at
        before = zone.digest()
        with pytest.raises(MisuseError):
            zone.free_range(pfn, pages)
        assert zone.digest() == before

    def test_no_pages_are_no_range(self, kernel):
        with pytest.raises(MisuseError, match="pages=0"):
            make(kernel).free_range(0, 0)


class TestFreeRangeOf61:
    def test_a_compound_block_is_freed_whole_or_not_at_all(self):
        zone = make("6.1")
        block = zone.rmqueue_zone(4, compound=True)
        before = zone.digest()
        for pfn, pages in ((block, 15), (block + 1, 15), (block + 3, 2)):
            with pytest.raises(MisuseError, match="compound"):
                zone.free_range(pfn, pages)
        assert zone.digest() == before
        zone.free_range(block, 16)
        assert zone.nr_free_pages == SPAN

    def test_reserved_pages_stay(self):
        zone = make("6.1", free_ranges=[(0, 2000)])
        assert zone.alloc_at(1984, 4) == 1984
        with pytest.raises(MisuseError, match="reserved"):
            zone.free_range(1984, 17)
        zone.free_range(1984, 16)

    def test_marks_of_pages_of_a_split_block_stay(self):
        zone = make("6.1")
        assert zone.alloc_at(64, 4) == 64
        zone.set_lru(64, 16)
        zone.free_range(64, 8)
        zone.check()
        zone.free_range(72, 8)
        zone.check()
        assert zone.nr_free_pages == SPAN


@pytest.mark.parametrize("kernel", KERNELS)
class TestStreams:
    def test_split_and_parts(self, kernel):
        zone = make(kernel)
        ops = stream((ALLOC, 4, 0, 0), (PART, 2, 0, 4), (PART, 2, 0, 12), (AT, 3, 0, 2048), (SPLIT, 0, 3, 0),
                     (FREE, 0, -1, 2049), (PART, 1, 3, 2), (PART, 0, -1, 2048))  # fmt: skip
        got = zone.run(ops).tolist()
        block = got[0]
        assert got[1:] == [block + 4, block + 12, 2048, 2048, 2049, 2050, 2048]
        assert zone.nr_free_pages == SPAN - 16 + 8 - 8 + 4
        zone.check()

    def test_the_same_as_single_calls(self, kernel):
        draw, ops, live = random.Random(5), [], []
        single, whole = make(kernel), make(kernel)
        for k in range(800):
            if not live or draw.random() < 0.5:
                order, pfn = draw.choice([0, 2, 3]), draw.randrange(SPAN // 8) * 8
                ops.append((AT, order, 0, pfn))
                if single.alloc_at(pfn, order) is not None:
                    live.append((k, pfn, order))
            else:
                at, pfn, order = live.pop(draw.randrange(len(live)))
                ops.append((PART, order, at, 0))
                single.free_range(pfn, 1 << order)
        whole.run(stream(*ops))
        assert whole.digest() == single.digest()

    def test_of_a_failed_allocation_nothing_is_freed(self, kernel):
        zone = make(kernel)
        ops = stream((AT, 0, 0, 5), (AT, 2, 0, 4), (PART, 0, 1, 3), (SPLIT, 0, 1, 0), (FREE, 0, 1, 0))
        assert zone.run(ops).tolist() == [5, -1, -1, -1, -1]

    @pytest.mark.parametrize(
        ("op", "said"),
        [
            ((PART, 3, 0, 0), "part"),
            ((PART, 1, 0, 3), "part"),
            ((PART, 0, 0, -1), "part"),
            ((PART, 0, 1, 0), "arg=1"),
            ((PART, 0, -2, 0), "arg=-2"),
            ((PART, 0, -1, 3000), "already free"),
            ((PART, 200, -1, 0), "order=200"),
            ((SPLIT, 1, -1, 512), "order=1"),
            ((SPLIT, 0, 1, 0), "arg=1"),
            ((AT, 12, 0, 0), "order=12"),
            ((AT, 1, 0, 3), "not aligned"),
            ((AT, 0, 0, SPAN), "outside"),
            ((6, 0, 0, 0), "op=6"),
            ((0, 0, 0, 0), "op=0"),
        ],
    )
    def test_bad_operations_are_named(self, kernel, op, said):
        zone, twin = make(kernel), make(kernel)
        with pytest.raises(MisuseError, match=said) as error:
            zone.run(stream((AT, 2, 0, 512), op))
        assert "ops[1]" in str(error.value)
        assert twin.alloc_at(512, 2) == 512
        assert zone.digest() == twin.digest()
