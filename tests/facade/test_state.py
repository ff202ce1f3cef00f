"""Is a zone one block of memory that can be copied, saved, sent away and hashed, and that goes on where it was?"""

import copy
import ctypes
import gc
import multiprocessing
import pickle
import random

import numpy as np
import pytest

from buddycap import FormatError, Machine, PageFlags, Zone
from zone_struct import PG_USED, Header

MOVABLE = 2
GEOMETRIES = {
    "plain": {"start_pfn": 0, "spanned_pages": 2048},
    "holes": {"start_pfn": 1000, "spanned_pages": 3000, "present_ranges": [(1000, 2000), (2100, 4000)], "owners": True},
    "small orders": {"start_pfn": 7, "spanned_pages": 500, "max_page_order": 4, "pageblock_order": 3, "cpus": 3},
    "large orders": {"start_pfn": 0, "spanned_pages": 1 << 15, "max_page_order": 14, "pageblock_order": 12},
    "relative": {"start_pfn": 100, "spanned_pages": 900, "pageblock_order": 5, "pageblock_index": "zone_relative"},
}


def activity(zone, seed, steps=300):
    """Do random things of every kind to a zone and return what came of them."""
    rng = random.Random(seed)
    lists = zone.capture_lists()
    blocks, said = [], []
    for _ in range(steps):
        what = rng.randrange(8)
        if what < 3:
            order = rng.choice([0, 0, 0, 1, 2, 4])
            pfn = zone.rmqueue(order, rng.randrange(3))
            blocks += [] if pfn is None else [(pfn, order)]
        elif what == 3:
            pfn = zone.rmqueue_pcplist(rng.randrange(3), cold=rng.random() < 0.3, cpu=rng.randrange(zone.cpus))
            blocks += [] if pfn is None else [(pfn, 0)]
        elif what == 4 and len(lists) < 4:
            lists.append(zone.capture_list())
        elif what == 5 and lists:
            said.append(lists[-1].capture_alloc_or_return(rng.randrange(3), alloc_flags=1))
        elif blocks:
            pfn, order = blocks.pop(rng.randrange(len(blocks)))
            if lists and what == 6:
                rng.choice(lists).capture_one_page(pfn, order)
            elif order == 0:
                zone.free_hot_cold_page(pfn, cpu=rng.randrange(zone.cpus))
            else:
                zone.free_one_page(pfn, order)
        said.append(zone.random() if rng.random() < 0.1 else zone.nr_free_pages)
    return said


def worked(name="holes"):
    """A zone that has seen something: open capture lists, pages on per-CPU lists, flags, owners."""
    zone = Zone(**GEOMETRIES[name], min_free_kbytes=64, seed=5)
    activity(zone, 1)
    pages = [int(pfn) for pfn in zone.alloc_many(6) if pfn >= 0]
    Machine([zone]).lru_cache_add(pages[:2], PageFlags.DIRTY)
    if zone.owner is not None:
        zone.set_owner(pages[2], (1 << 64) - 1)
    zone.capture_list().capture_many(pages[3:])
    zone.rmqueue_pcplist(MOVABLE)
    zone.check()
    return zone


def reloaded(zone, folder):
    """The zone through a file."""
    zone.save(folder / "zone.image")
    return Zone.load(folder / "zone.image")


WAYS = {
    "copy": lambda zone, folder: zone.copy(),
    "copy.copy": lambda zone, folder: copy.copy(zone),
    "deepcopy": lambda zone, folder: copy.deepcopy(zone),
    "file": reloaded,
    "pickle": lambda zone, folder: pickle.loads(pickle.dumps(zone)),
    "pickle 5": lambda zone, folder: pickle.loads(pickle.dumps(zone, protocol=5)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_restored_zone_is_the_same_and_goes_on_the_same(way, name, tmp_path):
    zone = worked(name)
    other = way(zone, tmp_path)
    assert type(other) is Zone
    assert other.address != zone.address
    for _ in range(3):
        other.check()
        assert other.digest() == zone.digest()
        assert other.canonical_dump() == zone.canonical_dump()
        assert other.vmstat() == zone.vmstat()
        assert [c.blocks().tolist() for c in other.capture_lists()] == [
            c.blocks().tolist() for c in zone.capture_lists()
        ]
        assert [c.stats for c in other.capture_lists()] == [c.stats for c in zone.capture_lists()]
        seed = zone.random()
        assert other.random() == seed
        assert activity(other, seed) == activity(zone, seed)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_restored_zone_is_independent(way, tmp_path):
    zone = worked()
    before = zone.digest()
    other = way(zone, tmp_path)
    other.capture_lists()[0].close()
    other.alloc_many(100)
    assert zone.digest() == before
    assert other.digest() != before


def test_image_is_the_state_and_nothing_else(tmp_path):
    zone = worked()
    zone.save(tmp_path / "a")
    zone.copy().save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").stat().st_size == zone.image_bytes


def elsewhere(zone, path, seed):
    """In another process: take a zone by pickle and one by file, and go on with both."""
    loaded = Zone.load(path)
    first = loaded.digest(), zone.digest(), loaded.random(), zone.random()
    return *first, activity(loaded, seed), activity(zone, seed), loaded.digest(), zone.digest(), zone.canonical_dump()


def test_zone_goes_on_in_another_process(tmp_path):
    zone = worked()
    zone.save(tmp_path / "zone.image")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        said = pool.apply(elsewhere, (zone, str(tmp_path / "zone.image"), 9))
    digest, number = zone.digest(), zone.random()
    did = activity(zone, 9)
    end = zone.digest()
    assert said == (digest, digest, number, number, did, did, end, end, zone.canonical_dump())


# --- damaged images ---


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The bytes of an image, and a function that loads changed ones."""
    path = tmp_path_factory.mktemp("image") / "zone.image"
    Zone.save(worked("small orders"), path)
    data = path.read_bytes()

    def load(changed):
        path.write_bytes(changed)
        return Zone.load(path)

    assert load(data).digest() == worked("small orders").digest()
    return data, load


def refused(load, data):
    with pytest.raises(FormatError) as caught:
        load(data)
    assert "zone.image" in str(caught.value)


def lengths(size):
    """Every length of a cut header, and some of everything behind."""
    header = ctypes.sizeof(Header) + 8
    return sorted({*range(header), *range(header, size, 97), size - 1, size - 8, size - 64})


def test_cut_image(image):
    data, load = image
    for length in lengths(len(data)):
        refused(load, data[:length])
    refused(load, data + b"\0")
    refused(load, data + data)


def test_every_header_byte(image):
    data, load = image
    for k in range(ctypes.sizeof(Header)):
        for flip in (0x01, 0x80, 0xFF):
            changed = bytearray(data)
            changed[k] ^= flip
            refused(load, bytes(changed))


def test_random_damage(image):
    data, load = image
    rng = random.Random(0)
    for _ in range(1500):
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 1, 2, 8, 100])):
            changed[rng.randrange(len(data))] ^= rng.randrange(1, 256)
        refused(load, bytes(changed))


def test_what_is_no_image(image):
    data, load = image
    rng = random.Random(1)
    for other in (b"", b"x", b"{}\n" * 1000, bytes(len(data)), b"\xff" * len(data), rng.randbytes(len(data)), data[8:]):
        refused(load, other)


def test_image_of_another_version(image):
    data, load = image
    changed = bytearray(data)
    changed[Header.version.offset] = 3
    with pytest.raises(FormatError, match="version 3"):
        load(bytes(changed))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Zone.load(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        Zone.load(tmp_path)


def test_damaged_pickle():
    make, (data,) = worked().__reduce__()
    assert make(data).digest() == worked().digest()
    for bad in (data[:-1], data[:100], data + b"\0", b"", b"\0" * len(data)):
        with pytest.raises(FormatError, match="pickled zone"):
            make(bad)


# --- digests ---


def test_equal_states_have_equal_digests_whatever_led_to_them():
    one, two = (Zone(0, 64, min_free_kbytes=0) for _ in range(2))
    for zone, order in ((one, [0, 1, 2, 3]), (two, [1, 0, 3, 2])):
        pages = zone.alloc_many(4)
        zone.free_many(pages[order])
    assert one.canonical_dump() == two.canonical_dump()
    assert one.digest() == two.digest()


def test_closed_lists_leave_no_trace_but_their_number():
    one, two = (Zone(0, 64, min_free_kbytes=0) for _ in range(2))
    first, second = one.capture_list(), one.capture_list()
    first.close(), second.close()
    first, second = two.capture_list(), two.capture_list()
    second.close(), first.close()
    assert one.digest() == two.digest()


def test_digest_sees_everything():
    zone = worked()
    seen = {zone.digest()}
    page, queue = zone.rmqueue(0, 0), Machine([zone])
    changes = [
        lambda: zone.random(),
        lambda: zone.set_owner(page, 1),
        lambda: zone.set_owner(page, 2),
        lambda: queue.set_page_flags(page, set=PageFlags.DIRTY),
        lambda: zone.set_pageblock_migratetype(1024, 1),
        lambda: zone.set_min_free_kbytes(128),
        lambda: setattr(zone, "cpuset_allowed", False),
        lambda: zone.capture_list(),
        lambda: zone.rmqueue_pcplist(0),
        lambda: zone.rmqueue(0, 1),
        lambda: queue.lru_cache_add([page]),
    ]
    for change in changes:
        change()
        seen.add(zone.digest())
    assert len(seen) == len(changes) + 1


def test_digest_follows_from_the_history_alone():
    zone = worked()
    assert zone.digest() == worked().digest()
    assert len(zone.digest()) == 32
    assert int(zone.digest(), 16)


# --- views ---

VIEWS = ("page_order", "page_flags", "owner", "pageblock_migratetype", "nr_free")


@pytest.mark.parametrize("name", VIEWS)
def test_views_are_read_only_windows(name):
    zone = worked()
    view = getattr(zone, name)
    assert not view.flags.writeable
    with pytest.raises(ValueError, match=r"read-only|WRITEABLE"):
        view[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        view.flags.writeable = True
    assert zone.address <= view.ctypes.data < zone.address + zone.image_bytes
    assert np.shares_memory(view, getattr(zone, name))


def test_views_show_what_happens():
    zone = Zone(0, 1024, min_free_kbytes=0, owners=True)
    order, free, owner = zone.page_order, zone.nr_free, zone.owner
    page = zone.rmqueue(0, MOVABLE)
    zone.set_owner(page, 99)
    assert (order[page], owner[page], free.tolist()) == (PG_USED, 99, [1] * 10 + [0])


@pytest.mark.parametrize("name", VIEWS)
def test_views_outlive_the_zone(name):
    zone = worked()
    view, kept = getattr(zone, name), getattr(zone, name).copy()
    del zone
    gc.collect()
    others = [Zone(0, 4096, populate=False) for _ in range(20)]
    assert (view == kept).all()
    assert len(others) == 20


def test_capture_list_keeps_its_zone():
    zone = worked()
    capture = zone.capture_lists()[0]
    blocks = capture.blocks().tolist()
    del zone
    gc.collect()
    assert capture.blocks().tolist() == blocks
    capture.zone.check()
