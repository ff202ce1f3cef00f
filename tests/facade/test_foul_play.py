"""Can a caller who breaks the rules in the middle of something make a zone contradict itself?"""

import contextlib
import gc
import subprocess
import sys
import threading

import numpy as np
import pytest

from buddycap import GFP, CapturePolicy, CorruptionError, FormatError, Machine, MisuseError, PageFlags, Zone
from zone_struct import PF_ORPHAN, Header

COSTLY = 5


def full_machine(policy, **keywords):
    """A machine whose memory is all on the LRU, so that a costly order must be reclaimed."""
    zone = Zone(0, 1024, min_free_kbytes=64)
    machine = Machine([zone], policy=policy, **keywords)
    machine.lru_cache_add(zone.alloc_many(1024))
    return zone, machine


def request_with_block(order):
    """A request that has its block and is not over: it looks at slab pages, all in use, step by step."""
    zone, machine = full_machine(SMALL, slab_objects_per_page=64)
    pages = range(768, 1024)
    for pfn in pages:
        machine.lru_del(pfn)
    machine.slab_add(pages, PageFlags.PINNED)
    request = machine.request(order, GFP.HIGHUSER_MOVABLE)
    while not (zone.page_flags == PF_ORPHAN).any():
        assert not request.step(1).done
    return zone, machine, request


# --- pages that reclaim has taken from their owner ---

SMALL = CapturePolicy("small", capture=True, capture_min_order=0)


def captured(zone, pfn):
    """Capture a page on a list of its own."""
    with zone.capture_list() as capture:
        capture.capture_many([pfn])


GRABS = {
    "free_one_page": lambda zone, machine, pfn: zone.free_one_page(pfn, 0),
    "free_many": lambda zone, machine, pfn: zone.free_many([pfn]),
    "free_at": lambda zone, machine, pfn: zone.free_at(pfn),
    "free_range": lambda zone, machine, pfn: zone.free_range(pfn, 1),
    "free_pages_exact": lambda zone, machine, pfn: zone.free_pages_exact(pfn, 1),
    "free_hot_cold_page": lambda zone, machine, pfn: zone.free_hot_cold_page(pfn),
    "free_pages": lambda zone, machine, pfn: machine.free_pages(pfn, 0),
    "release": lambda zone, machine, pfn: machine.release(pfn),
    "lru_cache_add": lambda zone, machine, pfn: machine.lru_cache_add(pfn),
    "slab_add": lambda zone, machine, pfn: machine.slab_add(pfn),
    "capture_many": lambda zone, machine, pfn: captured(zone, pfn),
    "split_page": lambda zone, machine, pfn: zone.split_page(pfn, 0),
}


@pytest.mark.parametrize("grab", GRABS.values(), ids=GRABS)
@pytest.mark.parametrize("policy", ["none", "v4"])
def test_a_page_in_the_pagevec_is_nobody_elses(policy, grab):
    zone, machine = full_machine(policy)
    request = machine.request(COSTLY, GFP.HIGHUSER_MOVABLE)
    seen = 0
    while not request.step(1).done:
        taken = np.flatnonzero(zone.page_flags == PF_ORPHAN)
        for pfn in taken[:2].tolist():
            lists = zone.canonical_dump()
            with pytest.raises(MisuseError):
                grab(zone, machine, pfn)
            assert zone.canonical_dump() == lists
            seen += 1
        zone.check()
    assert seen
    zone.check()


@pytest.mark.parametrize("order", [0, COSTLY])
def test_a_captured_block_is_nobodys_until_the_request_is_over(order):
    zone, machine, request = request_with_block(order)
    (pfn,) = np.flatnonzero(zone.page_flags == PF_ORPHAN).tolist()
    for grab in (zone.free_at, machine.release, lambda pfn: machine.free_pages(pfn, order)):
        with pytest.raises(MisuseError):
            grab(pfn)
    assert request.run() == pfn
    assert request.stats["path"] == "captured"
    assert zone.page_flags[pfn] == 0
    zone.free_one_page(pfn, order)
    zone.check()


def test_a_request_that_is_given_up_gives_its_block_back():
    zone, machine, request = request_with_block(COSTLY)
    free = zone.nr_free_pages
    request.close()
    assert request.pfn is None
    assert zone.nr_free_pages == free + (1 << COSTLY)
    assert not (zone.page_flags & PF_ORPHAN).any()
    zone.check()


# --- views of a zone as arguments for the same zone ---


def test_views_of_the_zone_are_read_before_it_changes():
    """nr_free names pages that are freed; to free one changes nr_free."""
    zone = Zone(0, 64, max_page_order=1, pageblock_order=1, min_free_kbytes=0)
    twin = zone.copy()
    for one in (zone, twin):
        one.free_many(np.setdiff1d(one.alloc_many(64), [5, 6, 7, 8, 9]))
        one.free_many(one.alloc_many(28))
    pages = twin.nr_free.tolist()
    assert pages[0] != pages[1]
    outcome = []
    for one, pfns in ((zone, zone.nr_free), (twin, pages)):
        try:
            one.free_many(pfns)
            outcome.append("freed")
        except MisuseError as refusal:
            outcome.append(str(refusal))
        one.check()
    assert outcome[0] == outcome[1]
    assert zone.digest() == twin.digest()


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(
    "many", [lambda zone, pfns: zone.free_many(pfns), lambda z, p: z.capture_list().capture_many(p)]
)
def test_nr_free_as_pfns(many, seed):
    rng = np.random.default_rng(seed)
    zone = Zone(0, 64, max_page_order=1, pageblock_order=1, min_free_kbytes=0)
    zone.alloc_many(64)
    zone.free_many(rng.permutation(64)[: rng.integers(1, 30)])
    twin = zone.copy()
    try:
        many(twin, twin.nr_free.tolist())
    except MisuseError:
        with pytest.raises(MisuseError):
            many(zone, zone.nr_free)
    else:
        many(zone, zone.nr_free)
    zone.check()
    assert zone.digest() == twin.digest()


def test_owners_from_owners():
    zone = Zone(0, 64, owners=True, min_free_kbytes=0)
    zone.set_owners(zone.alloc_many(4), [10, 20, 30, 40])
    zone.set_owners([1, 2, 3], zone.owner[:3])
    assert zone.owner[:4].tolist() == [10, 10, 20, 30]


def test_a_write_that_another_machine_has_ended():
    """The page is captured since, on the list whose number looks like the flag WRITEBACK."""
    zone = Zone(0, 1024, min_free_kbytes=64)
    writer, other = Machine([zone], oom_rounds=3), Machine([zone])
    pfn = int(zone.alloc_many(1024)[0])
    writer.lru_cache_add(pfn)
    writer.start_writeback(pfn)
    other.end_writeback(pfn)
    other.lru_del(pfn)
    lists = [zone.capture_list() for _ in range(PageFlags.WRITEBACK + 1)]
    lists[-1].capture_one_page(pfn)
    assert zone.page_flags[pfn] == PageFlags.WRITEBACK
    assert writer.alloc_pages(0, GFP.KERNEL) is None, "it has waited for its writes, and they have ended"
    assert writer.writeback.size == 0
    zone.check()
    assert lists[-1].blocks().tolist() == [(pfn, 0)]


# --- locks ---


@pytest.mark.parametrize("policy", ["queue", "v3"])
def test_a_request_dropped_under_the_lock_is_given_up(policy):
    """It cannot be refused, and nobody else works on the zone: it leaves the queue, and what it isolated goes back."""
    zone, machine = full_machine(policy)
    request = machine.request(COSTLY, GFP.HIGHUSER_MOVABLE)
    request.step(1)
    assert (zone.page_flags & PageFlags.ISOLATED).any()
    with zone.lock:
        del request
        gc.collect()
    assert not (zone.page_flags & PageFlags.ISOLATED).any()
    zone.check()
    assert machine.alloc_pages(COSTLY, GFP.HIGHUSER_MOVABLE | GFP.REPEAT) is not None


def test_a_machine_dropped_under_the_lock_puts_its_kswapd_to_rest():
    zone, machine = full_machine("none")
    machine.kswapd.wake()
    machine.kswapd.step(1)
    assert (zone.page_flags & PageFlags.ISOLATED).any()
    with zone.lock:
        del machine
        gc.collect()
    assert not (zone.page_flags & PageFlags.ISOLATED).any()
    zone.check()


def test_a_machine_waits_for_all_its_zones_at_once():
    """While it waits for one zone another thread may take the other."""
    node = [64, 64, 0, 0]
    low = Zone(0, 64, node_present_pages=node, min_free_kbytes=0)
    high = Zone(64, 64, zone_idx=1, node_present_pages=node, min_free_kbytes=0)
    machine = Machine([low, high])
    pfn = high.rmqueue(0, 2)
    order = []
    held, low_held, may_go = threading.Event(), threading.Event(), threading.Event()

    def holds_high():
        with high.lock:
            held.set()
            low_held.wait()

    def holds_low():
        with low.lock:
            low_held.set()
            may_go.wait()
            order.append("low is free")

    def frees():
        machine.free_pages(pfn, 0)
        order.append("freed")

    threads = [threading.Thread(target=holds_high)]
    threads[0].start()
    held.wait()
    threads.append(threading.Thread(target=frees))
    threads[1].start()
    threads[1].join(0.05)  # it waits for the high zone by now
    threads.append(threading.Thread(target=holds_low))
    threads[2].start()
    threads[0].join()
    threads[1].join(0.05)  # the high zone is free, the low one is not
    may_go.set()
    for thread in threads:
        thread.join()
    assert order == ["low is free", "freed"]


@pytest.mark.parametrize(
    "wrap", [lambda view: view, np.asarray, lambda view: np.frombuffer(memoryview(view), np.int64)]
)
def test_a_view_is_known_behind_other_views(wrap):
    zone = Zone(0, 1 << 12)
    zone.alloc_many(1 << 12)
    for pfn in range(0, 64, 2):
        zone.free_one_page(pfn, 0)
    with contextlib.suppress(MisuseError):
        zone.free_many(wrap(zone.nr_free[:3])[::1])
    zone.check()


def test_read_only_numbers_of_ones_own_are_not_copied():
    """In a program without other threads, which the one that runs the tests need not be."""
    code = """if True:
        import tracemalloc
        import numpy as np
        from buddycap import OP_DTYPE, Zone
        zone = Zone(0, 1 << 16)
        ops = np.zeros(1 << 20, OP_DTYPE)
        ops["op"], ops["migratetype"] = 1, 2
        ops.setflags(write=False)
        zone.run(ops[:10])
        tracemalloc.start()
        zone.run(ops)
        assert tracemalloc.get_traced_memory()[1] < ops.nbytes, "the results take half as much"
    """
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


# --- images with a good hash and bad contents ---


@pytest.mark.parametrize("name", ["recent_scanned", "recent_rotated", "nr_scan"])
def test_an_image_with_negative_counts_is_refused(tmp_path, name):
    """Reclaim divides by recent_rotated + 1."""
    zone = Zone(0, 64, min_free_kbytes=0)
    getattr(Header.from_address(zone.address), name)[1] = -1
    with pytest.raises(CorruptionError, match="invariant 12"):
        zone.check()
    zone.save(tmp_path / "image")
    with pytest.raises(FormatError, match="invariant 12"):
        Zone.load(tmp_path / "image")


def test_a_scan_is_no_longer_than_the_zone(tmp_path):
    """Else one call of reclaim scanned for minutes."""
    zone, machine = full_machine("none")
    machine.set_nr_scan(0, [1024] * 4)
    zone.check()
    with pytest.raises(MisuseError, match=r"counts=1025: allowed range is 0\.\.1024"):
        machine.set_nr_scan(0, [0, 0, 1025, 0])
    Header.from_address(zone.address).nr_scan[2] = 1025
    with pytest.raises(CorruptionError, match="invariant 12"):
        zone.check()
    zone.save(tmp_path / "image")
    with pytest.raises(FormatError, match="invariant 12"):
        Zone.load(tmp_path / "image")
