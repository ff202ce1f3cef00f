"""A zone of Linux 6.12 at the surface: what it has besides, and that whole arrays are what single calls are."""

import random

import numpy as np
import pytest

from buddycap import KERNELS, OP_DTYPE, Machine, MisuseError, Node, Zone

OLD, NEW = KERNELS["6.1"], KERNELS["6.12"]


def make(pages=4096, **options):
    return Zone(0, pages, kernel="6.12", min_free_kbytes=0, **options)


# --- names and numbers ---


def test_names_with_the_same_numbers_serve_both_kernels():
    zone = make()
    assert NEW.MigrateType is OLD.MigrateType
    assert zone.rmqueue(0, NEW.MigrateType.MOVABLE, NEW.AllocFlags.KSWAPD) == 0
    assert zone.kernel == "6.12"
    assert not hasattr(NEW.GFP, "ATOMIC")
    with pytest.raises(MisuseError, match=r"a name of Linux 2\.6\.27"):
        zone.rmqueue(0, KERNELS["2.6.27"].MigrateType.MOVABLE)


def test_what_only_this_kernel_has_is_refused_by_others():
    old, new = Zone(0, 4096, kernel="6.1"), make()
    for call in (lambda: old.below_high, lambda: old.decay_pcp(), lambda: old.set_cache_slice(0)):
        with pytest.raises(MisuseError, match=r"kernel='6\.12'"):
            call()
    with pytest.raises(MisuseError, match="free_factor"):
        new.set_pcp(free_factor=1)
    with pytest.raises(MisuseError, match="high_min"):
        new.set_pcp(high_min=-1)
    with pytest.raises(MisuseError, match="alloc_factor"):
        old.set_pcp(alloc_factor=1)
    new.check()


def test_there_are_no_mixed_machines_and_nodes():
    other = Zone(8192, 4096, kernel="6.1", zone_idx=3)
    with pytest.raises(MisuseError, match=r"zones of Linux 6\.12 and of 6\.1: all must follow one kernel"):
        Machine([make(zone_idx=2), other])
    with pytest.raises(MisuseError, match="not that of the others"):
        Node([make(zone_idx=2), other])


# --- per-CPU lists ---


def test_lists_grow_with_what_is_asked_of_them_and_shrink_when_nobody_does():
    zone = Zone(0, 262144, kernel="6.12")
    pages = [zone.rmqueue_zone(0) for _ in range(20_000)]
    numbers = zone.pcp()
    assert numbers["high_min"] < numbers["high"] <= numbers["high_max"]
    assert numbers["alloc_factor"] > 0
    for pfn in pages:
        zone.free_pages(pfn, 0)
    held = zone.pcp()["count"]
    assert held > numbers["high_min"]
    rounds = 0
    while zone.decay_pcp():
        rounds += 1
    assert zone.pcp()["count"] < held
    assert rounds > 1
    zone.check()


def test_a_list_of_pages_may_have_compound_blocks():
    zone = make()
    whole, single = zone.rmqueue_zone(4, compound=True), zone.rmqueue_zone(0)
    part = zone.rmqueue_zone(4)
    with pytest.raises(MisuseError, match="pfns"):
        zone.free_list([whole, part])
    with pytest.raises(MisuseError, match="pfns"):
        zone.free_list([whole, whole])
    zone.free_list([whole, single])
    zone.free_pages(part, 4)
    zone.drain_pages()
    assert zone.nr_free_pages == 4096
    zone.check()


def test_a_locked_list_is_passed_by():
    zone = make()
    zone.lock_pcp(0)
    pfn = zone.rmqueue_zone(0)
    zone.free_pages(pfn, 0)
    assert zone.pcp()["count"] == 0
    assert zone.pcp()["locked"]


# --- whole arrays ---


@pytest.mark.parametrize("seed", range(6))
def test_arrays_are_freed_as_single_calls_would(seed):
    """Types of pageblocks that merge follow the page that came last."""
    draw = random.Random(seed)
    zone = Zone(1000 * (seed % 3), 8192 - 37 * (seed % 2), kernel="6.12", min_free_kbytes=0)
    for pfn in range(zone.start_pfn + 512, zone.start_pfn + 8000, 512):
        zone.set_pageblock_migratetype(pfn, draw.randrange(3))
    pages = [pfn for mt in range(3) for pfn in zone.alloc_many(8192, 0, mt).tolist() if pfn >= 0]
    draw.shuffle(pages)
    zone.free_many(pages[: len(pages) // 5])
    rest = pages[len(pages) // 5 :]
    single = zone.copy()
    zone.free_many(rest)
    for pfn in rest:
        single.free_one_page(pfn, 0)
    zone.check()
    assert zone.canonical_dump() == single.canonical_dump()
    assert zone.digest() == single.digest()
    assert zone.bulk_work()["batches"] > single.bulk_work()["batches"], "done in bulk"


@pytest.mark.parametrize("seed", range(4))
def test_blocks_of_all_orders_are_freed_as_single_calls_would(seed):
    draw = random.Random(seed)
    zone = make(16384)
    blocks = []
    for _ in range(2000):
        order = draw.choice([0, 0, 0, 1, 2, 3, 5, 9, 10][: 9 - seed % 2])
        pfn = zone.rmqueue(order, draw.randrange(3))
        if pfn is not None:
            blocks.append((pfn, order))
    draw.shuffle(blocks)
    single = zone.copy()
    zone.free_many([pfn for pfn, _ in blocks], [order for _, order in blocks])
    for pfn, order in blocks:
        single.free_one_page(pfn, order)
    assert zone.canonical_dump() == single.canonical_dump()
    zone.check()


@pytest.mark.parametrize("order", [0, 2, 9])
def test_arrays_are_allocated_as_single_calls_would(order):
    """Claims and steals included."""
    zone = make(16384)
    kept = zone.alloc_many(3000, 0, 0)
    zone.free_many(kept[::2])
    single = zone.copy()
    got = zone.alloc_many(20000 >> order, order, 1).tolist()
    found = [single.rmqueue(order, 1) for _ in range(20000 >> order)]
    assert got == [-1 if pfn is None else pfn for pfn in found]
    assert zone.canonical_dump() == single.canonical_dump()
    assert zone.digest() == single.digest()


@pytest.mark.parametrize("flags", [0, 1], ids=["direct", "per-CPU"])
def test_a_stream_is_what_its_calls_are(flags):
    draw = np.random.default_rng(5)
    ops = np.zeros(3000, OP_DTYPE)
    live = []
    for k in range(len(ops)):
        if live and draw.random() < 0.45:
            ops[k] = 2, 0, 0, flags, live.pop(draw.integers(len(live))), 0
        else:
            ops[k] = 1, draw.choice([0, 0, 1, 3, 9]), draw.integers(3), flags, -1, 0
            live.append(k)
    zone, single = make(), make()
    results = zone.run(ops)
    for k, op in enumerate(ops):
        if op["op"] == 1:
            call = single.rmqueue_zone if flags else single.rmqueue
            pfn = call(int(op["order"]), int(op["migratetype"]))
        else:
            pfn = int(results[op["arg"]])
            if pfn >= 0:
                (single.free_pages if flags else single.free_one_page)(pfn, int(ops[op["arg"]]["order"]))
        assert results[k] == (-1 if pfn is None else pfn)
    assert zone.canonical_dump() == single.canonical_dump()
    zone.check()


# --- the whole state ---


@pytest.mark.parametrize("pageblock_order", [4, 7, 10])
def test_pageblocks_of_other_orders_keep_every_invariant(pageblock_order):
    draw = random.Random(pageblock_order)
    zone = make(8192, pageblock_order=pageblock_order)
    blocks = []
    for step in range(4000):
        if blocks and draw.random() < 0.48:
            zone.free_pages(*blocks.pop(draw.randrange(len(blocks))))
        else:
            order = draw.choice([0, 0, 1, 2, 4, 7, 10])
            pfn = zone.rmqueue_zone(order, draw.randrange(3))
            blocks += [] if pfn is None else [(pfn, order)]
        if step % 500 == 0:
            zone.check()
        if step % 700 == 0 and zone.isolate_range(1024, 3072):
            zone.check()
            zone.undo_isolate_range(1024, 3072)
    for pfn, order in blocks:
        zone.free_pages(pfn, order)
    zone.drain_pages()
    zone.check()
    assert zone.nr_free_pages == 8192


def test_copies_and_files_go_on_where_the_zone_was(tmp_path):
    zone = make(8192, cpus=2, events=64)
    kept = [zone.rmqueue_zone(order, 1) for order in (0, 1, 3, 9, 0, 0)]
    zone.below_high = True
    zone.save(tmp_path / "zone")
    for other in (zone.copy(), Zone.load(tmp_path / "zone")):
        assert other.digest() == zone.digest()
        assert other.pcp() == zone.pcp()
        other.free_pages(kept[0], 0)
        other.check()
        assert other.digest() != zone.digest()
