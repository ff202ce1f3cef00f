"""Is every field of an image's header looked at, in Python and in C, whatever its hash says?"""

import ctypes
import itertools
import mmap

import pytest

from buddycap import FormatError, Machine, MigrateType, MisuseError, Zone
from zone_struct import PG_USED, Header, Memory

C = Zone(0, 1).ctypes
PAGES = 16
BYTES = ctypes.sizeof(Header)
MASK = (1 << 64) - 1
CHECK, TRUST = 0, 1
EIMAGE, EVERSION = -201, -202

# What a field of the zone below may also hold when nothing else has changed; every other value contradicts something.
# An element of an array stands by its own name.
SWITCH = range(2)
COUNT = range((1 << 48) + 1)
LEGAL = {
    **dict.fromkeys(("grouping", "pcp_bulk_cold", "cpuset_allowed", "all_unreclaimable"), SWITCH),
    **dict.fromkeys((f"vm[{k}]" for k in range(23)), range(1 << 62)),
    **dict.fromkeys((f"random[{k}]" for k in range(4)), range(1 << 64)),
    **dict.fromkeys((f"nr_scan[{k}]" for k in range(5)), range(1024 + 1)),
    **dict.fromkeys(("pages_scanned", *(f"recent_{k}[{n}]" for k in ("scanned", "rotated") for n in (0, 1))), COUNT),
    **dict.fromkeys((f"lowmem_reserve_ratio[{k}]" for k in range(4)), range(-(1 << 31), 1 << 31)),
    **dict.fromkeys((f"node_present[{k}]" for k in (1, 2, 3)), range(256)),  # too few for a reserve, one zone at a time
    "min_free_kbytes": range(4),  # less than a page
    "node_highmem": range(0, 16, 2),
    "prev_priority": range(13),
    "slot_seq": range(1 << 32),
}
# Only pages can contradict these, and an image that is trusted is not asked for them.
TRUSTED = {"max_page_order": range(2, 5), **{f"nr_lru[{k}]": range(PAGES + 1) for k in range(6)}}
VALUES = (
    *(-1, 0, 1, 2, 3, 4, 5, 12, 13, 15, 16, 17, 77, 255, 256, 4096, 65536, 1 << 28, (1 << 31) - 1, 1 << 31),
    *((1 << 32) - 1, 1 << 32, (1 << 32) + 1, 1 << 48, (1 << 48) + 1, (1 << 62) - 1, 1 << 62, (1 << 63) - 1),
    *(1 << 63, (1 << 64) - 1, -(1 << 31), -(1 << 63)),
)


def hashed(image):
    """The 128 bits that an image's header must hold: hash_bytes and hash_fold of core/common/hash.pxi once more."""

    def mix(lane, word):
        x = (lane ^ word) * 0xD6E8FEB86659FD93 & MASK
        return ((x << 32 | x >> 32) + word) & MASK

    data = bytearray(image)
    data[Header.image_hash.offset : Header.image_hash.offset + 16] = bytes(16)
    length = len(data)
    parts = bytes(data[:BYTES]), bytes(data[BYTES:])
    lanes = [0x9E3779B97F4A7C15 * (k + 1) & MASK for k in range(4)]
    for part in parts:
        words = memoryview(part.ljust(-(-len(part) // 32) * 32, b"\0")).cast("Q")
        lanes = list(lanes)
        for k in range(4):
            lane = lanes[k]
            for word in words[k::4]:
                lane = mix(lane, word)
            lanes[k] = lane
    result = []
    for first in (0, 1):
        x = length + first
        for k in range(4):
            x = mix(x, lanes[(first + k) % 4])
        x = (x ^ x >> 29) * 0xBF58476D1CE4E5B9 & MASK
        result.append(x ^ x >> 32)
    return result


def sealed(image):
    """The image with the hash that it should have."""
    data = bytearray(image)
    Header.from_buffer(data).image_hash[:] = hashed(data)
    return bytes(data)


def cells():
    """Name, field and position of every number of the header."""
    for name, kind in Header._fields_:
        for k in range(getattr(kind, "_length_", 1)):
            yield (f"{name}[{k}]", name, k) if hasattr(kind, "_length_") else (name, name, None)


def with_value(image, name, at, value):
    """The image with one number changed and a good hash, and what the number is then; None if it does not fit."""
    data = bytearray(image)
    header = Header.from_buffer(data)
    kind = dict(Header._fields_)[name]
    kind = kind if at is None else kind._type_
    if not -(1 << 8 * ctypes.sizeof(kind) - 1) <= value < 1 << 8 * ctypes.sizeof(kind):
        return None
    value = kind(value).value
    if at is None:
        setattr(header, name, value)
    else:
        getattr(header, name)[at] = value
    return (bytes(data) if name == "image_hash" else sealed(data)), value


def in_python(image, folder):
    """Whether Zone.load takes it."""
    (folder / "image").write_bytes(image)
    try:
        zone = Zone.load(folder / "image")
    except FormatError:
        return False
    zone.check()
    return True


def verdict(status):
    """Whether a status of C accepts; a refusal must be one of an image."""
    assert status >= 0 or status in (EIMAGE, EVERSION), status
    return status >= 0


def block(n):
    """Memory of n bytes, all zero."""
    return (ctypes.c_uint64 * (n // 8 + 1))()


def loaded_in_c(image):
    """Whether bc_image_load takes it into memory of the caller."""
    room = block(ROOM)
    ok = verdict(C.image_load(image, len(image), room, ctypes.sizeof(room)))
    return ok and C.check(room, None) == 0


def attached_in_c(image, flags):
    """Whether bc_image_attach takes it where it lies: a private mapping."""
    room = mmap.mmap(-1, ROOM)
    room[: len(image)] = image
    cell = ctypes.c_char.from_buffer(room)
    ok = verdict(C.image_attach(ctypes.addressof(cell), ROOM, len(image), flags))
    del cell
    room.close()
    return ok


def tiny(tmp_path):
    """A zone of a few pages, and its image."""
    zone = Zone(0, PAGES, max_page_order=2, pageblock_order=2, min_free_kbytes=0, seed=1)
    zone.alloc_many(5)
    zone.save(tmp_path / "image")
    return zone, (tmp_path / "image").read_bytes()


ROOM = 3 << 20  # with room for every private list


def test_the_hash_is_the_one_of_the_core(tmp_path):
    _, image = tiny(tmp_path)
    assert sealed(image) == image
    assert all(
        (in_python(image, tmp_path), loaded_in_c(image), attached_in_c(image, CHECK), attached_in_c(image, TRUST))
    )


@pytest.mark.parametrize(("label", "name", "at"), list(cells()), ids=[label for label, *_ in cells()])
def test_every_field(tmp_path, label, name, at):
    zone, image = tiny(tmp_path)
    old = getattr(Memory(zone).header if "image" not in name else Header.from_buffer_copy(image), name)
    old = old if at is None else old[at]
    legal = LEGAL.get(label, ())
    for value in sorted({*VALUES, old - 1, old + 1}):
        changed = with_value(image, name, at, value)
        if changed is None or changed[1] == old:
            continue
        may = changed[1] in legal
        for way, ok in (
            ("load", in_python(changed[0], tmp_path)),
            ("bc_image_load", loaded_in_c(changed[0])),
            ("bc_image_attach", attached_in_c(changed[0], CHECK)),
        ):
            assert ok == may, f"{way}: {label}={changed[1]} where there was {old}"
        trusted = attached_in_c(changed[0], TRUST)
        if name != "image_hash":  # it is not computed
            assert trusted == (may or changed[1] in TRUSTED.get(label, ())), f"trusted: {label}={changed[1]}"


def test_random_numbers_that_are_all_zero(tmp_path):
    _, image = tiny(tmp_path)
    data = bytearray(image)
    Header.from_buffer(data).random[:] = [0] * 4
    assert not in_python(sealed(data), tmp_path)


def test_sizes_that_overflow(tmp_path):
    """spanned_pages so large that the sum of everything is negative, and all that follows from it."""
    _, image = tiny(tmp_path)
    for spanned in ((1 << 63) - 1, (1 << 63) - 5, (1 << 62) + 3, (1 << 32) + PAGES):
        data = bytearray(image)
        header = Header.from_buffer(data)
        header.spanned_pages = spanned
        header.end = ctypes.c_int32(spanned).value
        header.nr_index = header.end + 3 & -4
        header.nr_pageblocks = header.nr_index >> 2
        data = sealed(data)
        assert not in_python(data, tmp_path)
        assert not loaded_in_c(data)
        assert not attached_in_c(data, TRUST)


def pcp(memory):
    return memory.pcp(0)


def slot(memory):
    return memory.slot(0)


CELLS = [
    *((pcp, name, value) for name, value in (("batch", 0), ("batch", -5), ("batch", 1 << 30))),
    *((pcp, name, value) for name, value in (("high", -1), ("high", 1 << 30), ("reserved", 1), ("count", -1))),
    *((slot, name, value) for name, value in (("kind", 3), ("rules", 16), ("wanted", 11), ("largest", 255))),
    (slot, "reserved", 1),
]


@pytest.mark.parametrize(("struct", "name", "value"), CELLS)
def test_lists(tmp_path, struct, name, value):
    zone = Zone(0, 1024)
    zone.capture_list().capture_one_page(zone.rmqueue(0, 2))
    zone.save(tmp_path / "good")
    Zone.load(tmp_path / "good")
    setattr(struct(Memory(zone)), name, value)
    zone.save(tmp_path / "bad")
    with pytest.raises(FormatError, match=r"invariant (10|16)"):
        Zone.load(tmp_path / "bad")


def test_flags_that_there_are_not(tmp_path):
    zone = Zone(0, 1024)
    pfn = zone.rmqueue(0, 2)
    Machine([zone]).lru_cache_add(pfn)
    for bit in (1 << 31, 1 << 3, 1 << 20):
        other = zone.copy()
        Memory(other).flags(pfn).value |= bit
        other.save(tmp_path / "bad")
        with pytest.raises(FormatError, match="invariant 11"):
            Zone.load(tmp_path / "bad")


def test_two_zones_in_one_block_of_memory():
    """Each would have a lock of its own."""
    zone = Zone(0, 64)
    memory = zone.page_order
    while type(memory).__name__ != "Memory":
        memory = memory.base if hasattr(memory, "base") else memory.obj
    before = zone.digest()
    with pytest.raises(MisuseError, match="another zone's"):
        Zone(memory, None)
    assert zone.digest() == before


# --- copies and images of a zone in which a request is under way ---


def full(policy, order=5):
    """A machine whose memory is all on the LRU, in the middle of a request."""
    zone = Zone(0, 1024, min_free_kbytes=64, pcp_batch=4)
    machine = Machine([zone], policy=policy)
    machine.lru_cache_add(zone.alloc_many(1024)[:-32])
    request = machine.request(order, 0x1200D2)
    request.step(1)
    assert not request.done
    return zone, machine, request


def through_c(zone, folder):
    """bc_image_save and bc_image_load, then through a file to Python."""
    room = block(Memory(zone).header.bytes)
    assert C.zone_copy(zone.address, room, ctypes.sizeof(room)) == 0
    n = C.image_bytes(room)
    image = block(n)
    assert C.image_save(room, image, ctypes.sizeof(image)) == 0
    (folder / "c").write_bytes(bytes(image)[:n])
    return Zone.load(folder / "c")


def through_file(zone, folder):
    zone.save(folder / "python")
    return Zone.load(folder / "python")


WAYS = {"copy": lambda zone, folder: zone.copy(), "file": through_file, "C": through_c}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("policy", ["no-pcp", "v3", "isolate"])
def test_a_copy_in_the_middle_of_reclaim(tmp_path, policy, way):
    """The request is the original's: nobody bypasses the per-CPU lists of the copy, and all else is as it was."""
    zone, _, request = full(policy)
    bypassed = Memory(zone).header.pcp_bypass
    assert bypassed == (policy == "no-pcp")
    copy = way(zone, tmp_path)
    copy.check()
    assert Memory(copy).header.pcp_bypass == 0
    assert (copy.digest() == zone.digest()) == (not bypassed)
    assert copy.canonical_dump() == zone.canonical_dump()
    before = copy.digest()
    request.close()
    zone.check()
    assert Memory(zone).header.pcp_bypass == 0
    assert copy.digest() == before, "the original goes on alone"
    pfn = int((copy.page_order == PG_USED).nonzero()[0][0])
    copy.free_hot_cold_page(pfn)
    assert copy.pcp_pages()["pfn"].tolist() == [pfn]
    kinds = [one.pageblock_migratetype.tolist().count(MigrateType.ISOLATE) for one in (zone, copy)]
    assert kinds == [0, int(policy == "isolate")], "as documented: out of bounds for ever in the copy"


@pytest.mark.parametrize("policy", ["no-pcp", "v3", "isolate"])
def test_a_copy_of_a_zone_at_rest(policy):
    zone, _, request = full(policy)
    request.close()
    copy = zone.copy()
    assert copy.digest() == zone.digest()
    machines = [Machine([one], policy=policy) for one in (zone, copy)]
    for order in (5, 3, 9):
        assert machines[0].alloc_pages(order, 0x1200D2) == machines[1].alloc_pages(order, 0x1200D2)
    assert copy.digest() == zone.digest()


def test_an_image_whose_lists_are_bypassed(tmp_path):
    """Nobody would ever end that."""
    _, image = tiny(tmp_path)
    for number in itertools.chain(range(1, 5), [1 << 31, (1 << 32) - 1]):
        changed, _ = with_value(image, "pcp_bypass", None, number)
        (tmp_path / "image").write_bytes(changed)
        with pytest.raises(FormatError, match=f"invariant 10, .* found {number}"):
            Zone.load(tmp_path / "image")
