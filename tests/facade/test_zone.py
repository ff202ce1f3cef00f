"""Does a zone show what it holds, and do arrays and streams do exactly what single calls do?"""

import gc
import random
import threading

import numpy as np
import pytest

from buddycap import BLOCK_DTYPE, OP_DTYPE, MisuseError, Zone
from interruption import interrupted
from zone_struct import PG_HOLE

UNMOVABLE, MOVABLE, RESERVE = 0, 2, 3
ALLOC, FREE, PCP, COLD = 1, 2, 1, 2

GEOMETRIES = {
    "plain": {"start_pfn": 0, "spanned_pages": 4096},
    "ppc64": {"start_pfn": 1 << 20, "spanned_pages": 16384, "max_page_order": 12, "pageblock_order": 12},
    "order 14": {"start_pfn": 0, "spanned_pages": 3 << 14, "max_page_order": 14, "pageblock_order": 14},
    "unaligned": {"start_pfn": 12345, "spanned_pages": 3333},
    "one page": {"start_pfn": 77, "spanned_pages": 1},
    "one block": {"start_pfn": 1024, "spanned_pages": 1024},
    "order 0": {"start_pfn": 3, "spanned_pages": 50, "max_page_order": 0, "pageblock_order": 2},
    "holes": {"start_pfn": 100, "spanned_pages": 900, "present_ranges": [(100, 101), (200, 512), (513, 999)]},
    "far away": {"start_pfn": (1 << 52) - 1, "spanned_pages": 100},
}  # fmt: skip


@pytest.fixture(params=GEOMETRIES.values(), ids=GEOMETRIES)
def zone(request):
    return Zone(**request.param, min_free_kbytes=0)


def same(one, two):
    """Whether two zones are in the same state."""
    one.check()
    two.check()
    assert one.canonical_dump() == two.canonical_dump()
    return one.digest() == two.digest()


# --- geometry ---


def test_fresh_zone_is_free_in_largest_aligned_blocks(zone):
    zone.check()
    blocks = zone.free_blocks()
    sizes = 1 << blocks["order"].astype(np.int64)
    assert zone.nr_free_pages == zone.present_pages == sizes.sum()
    assert (blocks["pfn"] % sizes == 0).all()
    assert (blocks["pfn"] >= zone.start_pfn).all()
    assert (blocks["pfn"] + sizes <= zone.start_pfn + zone.spanned_pages).all()
    assert blocks["order"].max() <= zone.max_page_order


def test_every_page_can_be_had_and_given_back(zone):
    before = zone.free_blocks()
    pages = zone.alloc_many(zone.present_pages + 1)
    assert pages[-1] == -1
    assert zone.nr_free_pages == 0
    assert zone.rmqueue(0, UNMOVABLE) is None
    assert np.unique(pages).size == zone.present_pages + 1
    zone.free_many(pages[:-1])
    zone.check()
    after = zone.free_blocks()
    assert sorted(after[["pfn", "order"]].tolist()) == sorted(before[["pfn", "order"]].tolist())


@pytest.mark.parametrize("order", [12, 14])
def test_blocks_of_large_orders(order):
    zone = Zone(0, 2 << order, max_page_order=order, pageblock_order=order, min_free_kbytes=0)
    assert zone.nr_free.tolist() == [0] * order + [2]
    block = zone.rmqueue(order, MOVABLE)
    assert zone.nr_free_pages == 1 << order
    zone.free_one_page(block, order)
    zone.check()
    assert zone.nr_free.tolist() == [0] * order + [2]


def test_zone_of_one_page():
    zone = Zone(77, 1, min_free_kbytes=0)
    assert zone.free_blocks().tolist() == [(77, 0, zone.pageblock_migratetype[0])]
    assert zone.rmqueue(1, MOVABLE) is None
    assert zone.rmqueue(0, MOVABLE) == 77
    zone.free_one_page(77, 0)
    zone.check()


def test_zone_of_holes():
    zone = Zone(0, 4, present_ranges=[])
    zone.check()
    assert (zone.present_pages, zone.rmqueue(0, MOVABLE)) == (0, None)
    assert (zone.page_order == PG_HOLE).all()


def test_unpopulated_zone_is_all_in_use():
    zone = Zone(10, 100, populate=False, min_free_kbytes=0)
    zone.check()
    assert (zone.nr_free_pages, zone.rmqueue(0, MOVABLE)) == (0, None)
    zone.free_many(range(10, 110))
    zone.check()
    assert zone.nr_free_pages == 100


# --- what is where ---


def test_free_blocks_stand_by_order_then_type_then_place_in_the_list():
    zone = Zone(0, 2048, min_free_kbytes=0)
    pages = zone.alloc_many(1024)
    unmovable = zone.alloc_many(8, 0, UNMOVABLE)
    for pfn in [4, 0, 9, 2]:
        zone.free_one_page(int(pages[pfn]), 0)
    zone.free_many(unmovable[::2])
    blocks = zone.free_blocks()
    assert blocks.dtype == BLOCK_DTYPE
    keys = list(zip(blocks["order"].tolist(), blocks["migratetype"].tolist(), strict=True))
    assert keys == sorted(keys)
    last_freed_first = [int(pages[pfn]) for pfn in [2, 9, 0, 4]]
    assert zone.free_blocks(0, MOVABLE)["pfn"].tolist() == last_freed_first
    parts = [zone.free_blocks(order, mt) for order in range(11) for mt in range(5)]
    assert np.concatenate(parts).tolist() == blocks.tolist()
    assert np.concatenate([zone.free_blocks(migratetype=mt) for mt in range(5)]).size == blocks.size


def test_nr_free_counts_the_blocks_of_each_order():
    zone = Zone(5, 3000, min_free_kbytes=0)
    view = zone.nr_free
    zone.alloc_many(100, 1)
    counted = np.bincount(zone.free_blocks()["order"], minlength=11)
    assert view.tolist() == counted.tolist()
    assert (view << np.arange(11)).sum() == zone.nr_free_pages


def test_page_order_shows_every_state():
    zone = Zone(0, 64, min_free_kbytes=0, pcp_batch=1, pcp_high=4)
    block, page, other = zone.rmqueue(2, MOVABLE), zone.rmqueue(0, MOVABLE), zone.rmqueue(0, MOVABLE)
    zone.free_hot_cold_page(page)
    zone.capture_list().capture_one_page(other)
    state = zone.page_order
    assert (state[block], state[block + 1], state[page] >> 4, state[other] >> 4) == (0x22, 0xFF, 3, 1)
    assert zone.pcp_pages().tolist() == [(page, MOVABLE)]


# --- counters ---


def test_events_count_pages_as_the_kernel_does():
    zone = Zone(0, 1024, min_free_kbytes=0, pcp_batch=4, pcp_high=8)
    block = zone.rmqueue(4, MOVABLE)
    page = zone.rmqueue_pcplist(MOVABLE)
    zone.free_one_page(block, 4)
    zone.free_hot_cold_page(page)
    events = zone.vmstat()
    assert (events["pgalloc"], events["pgfree"]) == (17, 17)
    zone.drain_pages()
    assert zone.vmstat()["pgfree"] == 17
    assert zone.vmstat()["nr_free_pages"] == zone.nr_free_pages == 1024


def test_captured_pages_are_not_freed_pages():
    zone = Zone(0, 64, min_free_kbytes=0)
    pages = zone.alloc_many(16)
    before = zone.vmstat()
    with zone.capture_list() as capture:
        capture.capture_many(pages)
        assert zone.vmstat()["pgfree"] == before["pgfree"]
        assert zone.vmstat()["capture_own"] == 16
        assert capture.capture_alloc_or_return(2, alloc_flags=1) is not None
    events = zone.vmstat()
    assert events["pgfree"] == before["pgfree"]
    assert events["pgalloc"] == before["pgalloc"] + 4
    assert events["capture_taken"] == 1
    assert zone.nr_free_pages == 60


def test_splits_and_merges_are_counted():
    zone = Zone(0, 1024, min_free_kbytes=0)
    page = zone.rmqueue(0, MOVABLE)
    assert zone.vmstat()["buddy_split"] == 10
    zone.free_one_page(page, 0)
    assert zone.vmstat()["buddy_merge"] == 10


def test_a_fresh_zone_has_no_events(zone):
    assert not any(value for name, value in zone.vmstat().items() if not name.startswith("nr_"))


# --- arrays and streams ---


def random_ops(seed, count, largest=5):
    """A stream of allocations and frees by their index; every block is freed at most once."""
    rng = random.Random(seed)
    ops = np.zeros(count, OP_DTYPE)
    ops["arg"] = -1
    live = []
    for k in range(count):
        if live and rng.random() < 0.48:
            ops[k]["op"], ops[k]["arg"] = FREE, live.pop(rng.randrange(len(live)))
        else:
            order = min(largest, rng.choice([0, 0, 0, 0, 1, 2, 3, 5]))
            ops[k]["op"], ops[k]["order"], ops[k]["migratetype"] = ALLOC, order, rng.randrange(3)
            live.append(k)
        ops[k]["flags"] = rng.choice([0, 0, PCP, PCP | COLD, COLD])
    return ops


def one_by_one(zone, ops):
    """The same operations by single calls."""
    results = []
    for op, order, migratetype, flags, arg, _ in ops.tolist():
        pcp, cold = bool(flags & PCP), bool(flags & COLD)
        if op == ALLOC:
            alone = pcp and order == 0
            pfn = zone.rmqueue_pcplist(migratetype, cold) if alone else zone.rmqueue(order, migratetype)
            results.append(-1 if pfn is None else pfn)
            continue
        pfn, order = results[arg], int(ops[arg]["order"])
        results.append(pfn)
        if pfn >= 0 and pcp and order == 0:
            zone.free_hot_cold_page(pfn, cold)
        elif pfn >= 0:
            zone.free_one_page(pfn, order)
    return results


@pytest.mark.parametrize("seed", range(6))
def test_stream_equals_single_calls(zone, seed):
    other = zone.copy()
    ops = random_ops(seed, 1500, zone.max_page_order)
    results = zone.run(ops)
    assert results.tolist() == one_by_one(other, ops)
    assert same(zone, other)


def test_stream_by_pfn_equals_stream_by_index():
    one, two = (Zone(0, 4096, min_free_kbytes=0) for _ in range(2))
    ops = random_ops(3, 1000)
    results = one.run(ops)
    frees = ops["op"] == FREE
    named = ops.copy()
    named["pfn"][frees] = results[frees]
    named["order"][frees] = ops["order"][ops["arg"][frees]]
    named["arg"] = -1
    assert (results >= 0).all()
    assert (two.run(named) == results).all()
    assert same(one, two)


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside a thread"])
def test_stream_into_an_array_of_the_caller(alone):
    one, two = (Zone(0, 4096, min_free_kbytes=0) for _ in range(2))
    ops, out, over = random_ops(4, 1000), np.full(1000, 5), threading.Event()
    beside = threading.Thread(target=over.wait)
    if not alone:
        beside.start()
    try:
        assert one.run(ops, out=out) is out
    finally:
        over.set()
    assert out.tolist() == two.run(ops).tolist()
    assert same(one, two)


def test_results_before_a_bad_operation_are_plain():
    ops, out = np.zeros(4, OP_DTYPE), np.full(4, 5)
    ops["op"], ops["arg"] = [ALLOC, ALLOC, FREE, FREE], [-1, -1, 0, 0]
    with pytest.raises(MisuseError, match=r"ops\[3\]"):
        Zone(64, 64, min_free_kbytes=0).run(ops, out=out)
    assert out[:3].tolist() == [64, 65, 64]


def test_empty_stream():
    zone = Zone(0, 64)
    before = zone.digest()
    assert zone.run(np.zeros(0, OP_DTYPE)).size == 0
    zone.free_many([])
    assert zone.alloc_many(0).size == 0
    assert zone.digest() == before


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("count", [1, 100, 5000])
def test_many_equals_single_calls(order, count):
    one, two = (Zone(100, 6000, min_free_kbytes=0) for _ in range(2))
    blocks = one.alloc_many(count, order, MOVABLE)
    singles = [two.rmqueue(order, MOVABLE) for _ in range(count)]
    assert blocks.tolist() == [-1 if pfn is None else pfn for pfn in singles]
    assert same(one, two)
    got = blocks[blocks >= 0]
    np.random.default_rng(0).shuffle(got)
    one.free_many(got, order)
    for pfn in got.tolist():
        two.free_one_page(pfn, order)
    assert same(one, two)


def test_many_of_mixed_orders_and_kinds_of_arrays():
    one, two = (Zone(0, 1024, min_free_kbytes=0) for _ in range(2))
    orders = [0, 3, 1, 0, 2]
    blocks = [one.rmqueue(order, MOVABLE) for order in orders]
    assert blocks == [two.rmqueue(order, MOVABLE) for order in orders]
    one.free_many(np.array(blocks, dtype=np.uint16), np.array(orders, dtype=np.int8))
    two.free_many(tuple(blocks), orders)
    assert same(one, two)


def test_many_into_an_array_of_the_caller():
    zone, out = Zone(0, 64, min_free_kbytes=0), np.full(70, 5, dtype=np.int64)
    assert zone.alloc_many(70, out=out) is out
    assert (out >= 0).sum() == 64
    assert (out[64:] == -1).all()


def test_capture_many_equals_single_calls():
    one, two = (Zone(0, 1024, min_free_kbytes=0) for _ in range(2))
    pages = one.alloc_many(300)
    two.alloc_many(300)
    np.random.default_rng(1).shuffle(pages)
    left, right = one.capture_list(), two.capture_list()
    left.capture_many(pages)
    for pfn in pages.tolist():
        right.capture_one_page(pfn)
    assert same(one, two)


# --- several threads, signals ---


def hammer(zone, seed, rounds, failures):
    """Run streams on a zone that others use too, then give everything back."""
    try:
        for k in range(rounds):
            ops = random_ops(seed + k, 1000)
            ops["flags"] &= ~np.uint8(PCP)
            results = zone.run(ops)
            freed = set(ops["arg"][ops["op"] == FREE].tolist())
            for at in np.flatnonzero((ops["op"] == ALLOC) & (results >= 0)).tolist():
                if at not in freed:
                    zone.free_one_page(int(results[at]), int(ops["order"][at]))
            zone.free_many(zone.alloc_many(2000))
            zone.digest()
    except BaseException as error:
        failures.append(error)


def test_threads_wait_for_each_other():
    zone, failures = Zone(0, 1 << 16, min_free_kbytes=0), []
    threads = [threading.Thread(target=hammer, args=(zone, 100 * k, 12, failures)) for k in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        zone.check()
    for thread in threads:
        thread.join()
    assert failures == []
    zone.check()
    assert zone.nr_free_pages == zone.present_pages


INTERRUPTED = """
    import signal
    import numpy as np
    from buddycap import OP_DTYPE, Zone

    signal.signal(signal.SIGINT, signal.default_int_handler)
    zone = Zone(0, 1024, min_free_kbytes=0)
    ops = np.zeros(6_000_000, OP_DTYPE)
    ops["op"][0::2], ops["op"][1::2] = 1, 2
    ops["migratetype"] = 2
    ops["arg"][1::2] = np.arange(0, len(ops), 2)
    results = np.full(len(ops), -7)
    print("ready", flush=True)
    try:
        while True:
            zone.run(ops, out=results)
    except KeyboardInterrupt:
        assert set(results.tolist()) <= {0, -7}
        zone.check()
        done = zone.vmstat()
        assert done["pgalloc"] > 0 and done["pgalloc"] == done["pgfree"] and zone.nr_free_pages == 1024
        zone.run(ops[:2])
        print("kept", flush=True)
"""


def test_interrupted_stream_keeps_what_is_done():
    assert interrupted(INTERRUPTED) == ("kept\n", "")


class TestListsWrittenOut:
    @pytest.mark.parametrize("n", range(7))
    def test_any_number_of_blocks_head_first(self, n):
        zone = Zone(0, 1024, min_free_kbytes=0)
        zone.alloc_many(1024)
        pfns = [64 * k + 2 * (k % 3) for k in range(n)]
        with zone.capture_list() as capture:
            for pfn in pfns:
                capture.capture_one_page(pfn)
            assert capture.blocks()["pfn"].tolist() == pfns[::-1]
        assert zone.free_blocks()["pfn"].tolist() == pfns[::-1], "given back from the tail, each to the head"

    def test_a_finalizer_may_change_the_list_meanwhile(self):
        zone = Zone(0, 1024, min_free_kbytes=0)
        zone.alloc_many(1024)
        threshold = gc.get_threshold()

        class Last:
            def __init__(self, pfn):
                self.pfn, self.me = pfn, self

            def __del__(self):
                capture.capture_one_page(self.pfn)
                captured.append(self.pfn)

        captured = []
        meanwhile = 0
        with zone.capture_list() as capture:
            for k in range(30):
                Last(32 * k)
                before = len(captured)
                gc.set_threshold(1 + k % 4)  # so that it comes at other points of the call
                blocks = capture.blocks()["pfn"].tolist()
                gc.set_threshold(*threshold)
                meanwhile += len(captured) > before
                assert blocks == captured[: len(blocks)][::-1]
                assert before <= len(blocks)
                gc.collect()  # also the free lists of tuples, which would keep the collector away
        assert meanwhile > 0
