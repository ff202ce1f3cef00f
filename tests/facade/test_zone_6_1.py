"""A zone of Linux 6.1 at the surface: who may call what, and that whole arrays are what single calls are."""

import pickle
import random

import numpy as np
import pytest

from buddycap import GFP, KERNELS, OP_DTYPE, FormatError, MigrateType, MisuseError, Node, Zone
from zone_struct_6_1 import Memory61

MODERN = KERNELS["6.1"]


def make(pages=4096, **options):
    return Zone(0, pages, kernel="6.1", min_free_kbytes=0, **options)


# --- names and numbers ---


def test_the_default_type_is_movable_by_name():
    old, new = Zone(0, 1024, min_free_kbytes=0), make(1024)
    for zone, movable in ((old, 2), (new, 1)):
        twin = zone.copy()
        zone.alloc_many(3)
        twin.alloc_many(3, 0, movable)
        assert zone.digest() == twin.digest()


def test_names_of_the_other_kernel_are_refused():
    old, new = Zone(0, 1024, min_free_kbytes=0), make(1024)
    assert new.rmqueue(0, MODERN.MigrateType.MOVABLE, MODERN.AllocFlags.KSWAPD) == 0
    assert old.rmqueue(0, MigrateType.MOVABLE) == 0
    before = old.digest(), new.digest()
    for call in (
        lambda: new.rmqueue(0, MigrateType.MOVABLE),
        lambda: old.rmqueue(0, MODERN.MigrateType.MOVABLE),
        lambda: new.rmqueue(0, 1, GFP.HIGH),
        lambda: new.alloc_many(1, 0, MigrateType.MOVABLE),
        lambda: old.watermark_ok(0, 0, alloc_flags=MODERN.AllocFlags.OOM),
    ):
        with pytest.raises(MisuseError, match=r"a name of Linux (2\.6\.27|6\.1)"):
            call()
    assert (old.digest(), new.digest()) == before


def test_each_kernel_says_what_it_has_not():
    old, new = Zone(0, 1024, min_free_kbytes=0), make(1024)
    for call in (lambda: old.rmqueue_zone(0), lambda: old.pcp(), lambda: old.take_events(), lambda: Node([old])):
        with pytest.raises(MisuseError, match=r"kernel='6\.1'"):
            call()
    for call in (new.capture_list, lambda: new.free_at(0), lambda: new.rmqueue_pcplist(1)):
        with pytest.raises(MisuseError, match=r"kernel='2\.6\.27'"):
            call()


@pytest.mark.parametrize(
    "options",
    [{"max_page_order": 9}, {"pcp_batch": 3}, {"pageblock_index": "zone_relative"}, {"zone_idx": 5}, {"kernel": "5.0"},
     {"lowmem_reserve_ratio": (1, 2, 3, 4)}, {"free_ranges": [(0, 2000)]}, {"linked_outside": [0]},
     {"watermark_scale_factor": 3001}, {"events": -1}],
    ids=str,
)  # fmt: skip
def test_a_zone_that_there_cannot_be(options):
    with pytest.raises(MisuseError, match=next(iter(options))):
        Zone(0, 1024, **{"kernel": "6.1", **options})


# --- blocks ---


def test_wrong_frees_change_nothing():
    zone = make(free_ranges=[(0, 4000)])
    block = zone.rmqueue(3, 1)
    waiting = zone.rmqueue_zone(0)
    zone.free_pages(waiting, 0)
    taken = int(zone.free_blocks(10)["pfn"][0])
    zone.take_free_block(taken)
    before = zone.digest()
    for pfn, order, words in (
        (block, 2, "allocated with order 3"),
        (block + 1, 0, "inside"),
        (waiting, 0, "per-CPU"),
        (4001, 0, "reserved"),
        (taken, 10, "taken off"),
        (block + 8, 3, "already free"),
        (5000, 0, "outside"),
    ):
        for free in (zone.free_pages, zone.free_one_page):
            with pytest.raises(MisuseError, match=words):
                free(pfn, order)
    with pytest.raises(MisuseError, match=r"pfns\[1\].*twice"):
        zone.free_many([block, block], 3)
    assert zone.digest() == before


def test_the_last_reference_frees():
    zone = make()
    pfn = zone.rmqueue(4, 1)
    zone.get_page(pfn)
    assert zone.references(pfn) == 2
    free = zone.nr_free_pages
    zone.free_pages(pfn, 4)
    assert zone.nr_free_pages + zone.pcp(0)["count"] == free + 15, "all but the first page are free"
    zone.free_pages(pfn, 0)
    zone.drain_pages()
    assert zone.nr_free_pages == free + 16
    zone.check()


def test_split_and_join_are_inverse():
    zone = make()
    pfn = zone.rmqueue(5, 1)
    before = zone.digest()
    zone.split_page(pfn, 5)
    zone.join_pages(pfn, 5)
    assert zone.digest() == before
    whole = zone.rmqueue_zone(2, compound=True)
    with pytest.raises(MisuseError, match="compound"):
        zone.split_page(whole, 2)


def test_a_state_is_put_in_as_it_was_recorded():
    zone = make(cpus=2, events=64)
    kept = [zone.rmqueue_zone(order) for order in (0, 1, 3, 9)]
    for pfn, order in zip(kept, (0, 1, 3, 9), strict=True):
        zone.free_pages(pfn, order)
    copy = make(cpus=2, populate=False)
    copy.set_free_blocks(zone.free_blocks().tolist())
    for cpu in range(2):
        copy.set_pcp(cpu, free_factor=zone.pcp(cpu)["free_factor"])
        for index in range(14):
            copy.set_pcp_blocks(cpu, index, [(pfn, tag) for pfn, _, tag in zone.pcp_blocks(cpu, index).tolist()])
    ours, theirs = copy.canonical_dump().splitlines(), zone.canonical_dump().splitlines()
    assert ours[:-2] == theirs[:-2], "all but what has been counted"
    copy.check()


# --- whole arrays ---


@pytest.mark.parametrize("seed", range(12))
def test_arrays_are_freed_as_single_calls_would(seed):
    """Tail or head: every block's place depends on what was free when its last page came."""
    draw = random.Random(seed)
    zone = Zone(1000 * (seed % 3), 8192 - 37 * (seed % 2), kernel="6.1", min_free_kbytes=0)
    pages = zone.alloc_many(zone.nr_free_pages).tolist()
    some = draw.sample(pages, len(pages) // 3)
    zone.free_many(some[: len(some) // 2])
    zone.check()
    rest = list(set(pages) - set(some[: len(some) // 2]))
    draw.shuffle(rest)
    rest = rest[: draw.choice([len(rest), len(rest) // 2, 200])]
    single = zone.copy()
    zone.free_many(rest)
    for pfn in rest:
        single.free_one_page(pfn, 0)
    zone.check()
    assert zone.canonical_dump() == single.canonical_dump()
    assert zone.digest() == single.digest()
    assert len(rest) < 1000 or zone.bulk_work()["batches"] > single.bulk_work()["batches"], "done in bulk"


@pytest.mark.parametrize("seed", range(6))
def test_blocks_of_all_orders_are_freed_as_single_calls_would(seed):
    draw = random.Random(seed)
    zone = make(16384)
    blocks = []
    for _ in range(2000):
        order = draw.choice([0, 0, 0, 1, 2, 3, 5, 9])
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
    zone = make(16384)
    kept = zone.alloc_many(3000, 0, 0)
    zone.free_many(kept[::2])
    single = zone.copy()
    got = zone.alloc_many(20000 >> order, order, 1).tolist()
    found = [single.rmqueue(order, 1) for _ in range(20000 >> order)]
    assert got == [-1 if pfn is None else pfn for pfn in found]
    assert zone.canonical_dump() == single.canonical_dump()


@pytest.mark.parametrize("flags", [0, 1], ids=["direct", "per-CPU"])
def test_a_stream_is_what_its_calls_are(flags):
    draw = np.random.default_rng(5)
    ops = np.zeros(5000, OP_DTYPE)
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


def test_copies_and_files_go_on_where_the_zone_was(tmp_path):
    zone = make(cpus=3, events=1000)
    zone.cpu = 2
    for order in (0, 1, 2, 3, 9, 5):
        zone.rmqueue_zone(order)
    zone.set_lru(0, 1)
    zone.save(tmp_path / "zone")
    for twin in (zone.copy(), Zone.load(tmp_path / "zone"), pickle.loads(pickle.dumps(zone))):
        assert (twin.kernel, twin.digest()) == ("6.1", zone.digest())
        twin.check()
        twin.rmqueue_zone(0)
        assert twin.digest() != zone.digest()


def test_an_image_of_a_kernel_that_is_not_known_is_refused(tmp_path):
    zone = make()
    zone.save(tmp_path / "zone")
    data = bytearray((tmp_path / "zone").read_bytes())
    at = Memory61(zone).header.__class__.kernel.offset
    data[at] = 9
    (tmp_path / "zone").write_bytes(data)
    with pytest.raises(FormatError, match="kernel number 9"):
        Zone.load(tmp_path / "zone")


def test_a_zone_needs_at_most_sixteen_bytes_a_page():
    zone = Zone(0, 1 << 18, kernel="6.1", cpus=64)
    assert zone.image_bytes <= 16 * (1 << 18)


def test_lost_events_are_told():
    zone = make(events=3)
    zone.alloc_many(2)
    assert zone.take_events() == [("zl", 0, 0, 1, 1), ("zl", 1, 0, 1, 1)]
    zone.alloc_many(4)
    with pytest.raises(MisuseError, match="1 records were lost"):
        zone.take_events()
    assert zone.take_events() == []


def test_zones_of_a_node_must_fit_together():
    dma, normal = Zone(0, 4096, kernel="6.1", zone_idx=0), Zone(4096, 4096, kernel="6.1", zone_idx=2)
    with pytest.raises(MisuseError, match="ascend"):
        Node([normal, dma])
    with pytest.raises(MisuseError, match="pageblock"):
        Node([dma, Zone(4000, 4096, kernel="6.1", zone_idx=2)])
    with pytest.raises(MisuseError, match="cpus"):
        Node([dma, Zone(4096, 4096, kernel="6.1", zone_idx=2, cpus=2)])
    node = Node([dma, normal])
    assert node.zone_of(5000) is normal
    with pytest.raises(MisuseError, match="in none"):
        node.free_pages(10000, 0)


def test_a_range_cannot_be_given_back_as_isolated():
    """The count of isolated pageblocks would say that it had been given back."""
    zone = make(4096)
    assert zone.isolate_range(0, 512)
    before = zone.digest()
    for call in (zone.isolate_range, zone.undo_isolate_range):
        with pytest.raises(MisuseError, match="migratetype=4"):
            call(0, 512, 4)
    assert zone.digest() == before
    zone.check()
