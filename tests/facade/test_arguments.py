"""Is every kind of argument read for what it is, and only then the zone looked at?"""

import threading
import time

import numpy as np
import pytest

from buddycap import GFP, OP_DTYPE, Machine, MisuseError, Zone

MOVABLE = 2
FAR = 1 << 40


class Index:
    """An integer that runs Python code when it is read."""

    def __init__(self, value, first=lambda: None):
        self.value, self.first = value, first

    def __index__(self):
        self.first()
        return self.value


class Int(int):
    """A subclass of int."""


@pytest.mark.parametrize("kind", [int, Int, Index, np.int64, np.int32, np.uint8, np.uint64])
def test_integers_of_every_kind(kind):
    zone = Zone(0, 64, min_free_kbytes=0)
    block = zone.rmqueue(kind(3), kind(MOVABLE))
    zone.free_one_page(kind(block), kind(3))
    assert zone.alloc_many(kind(2), kind(1), kind(MOVABLE)).tolist() == [0, 2]
    zone.free_many([kind(0), kind(2)], kind(1))
    assert zone.nr_free_pages == 64


def test_bool_is_an_integer():
    zone = Zone(0, 64, min_free_kbytes=0)
    assert zone.rmqueue(True, False) == 0


@pytest.mark.parametrize("base", [(1 << 30) - 64, 1 << 30, (1 << 31) - 64, FAR, (1 << 52) - 64])
def test_pfns_of_every_length(base):
    """Python keeps integers in digits of 30 bits; those of one digit are read in place."""
    zone = Zone(base, 64, min_free_kbytes=0)
    pages = [zone.rmqueue(0, MOVABLE) for _ in range(64)]
    assert sorted(pages) == list(range(base, base + 64))
    for pfn in pages:
        zone.free_one_page(pfn, 0)
    zone.free_many(zone.alloc_many(64))
    assert zone.nr_free_pages == 64


@pytest.mark.parametrize("value", [-1, -(1 << 30), -(1 << 31), -FAR, -(1 << 62), 1 << 30, FAR, (1 << 63) - 1])
def test_values_out_of_range_are_said_exactly(value):
    zone = Zone(0, 64)
    with pytest.raises(MisuseError, match=rf"order={value}\b"):
        zone.rmqueue(value, MOVABLE)
    with pytest.raises(MisuseError, match=rf"pfn={value}\b"):
        zone.free_one_page(value, 0)


# --- arrays ---


class Array(np.ndarray):
    """A subclass of ndarray."""


def misaligned(values):
    """The numbers at an odd address."""
    room = np.zeros(8 * len(values) + 1, np.uint8)[1:]
    array = room.view(np.int64)
    array[:] = values
    assert not array.flags.aligned
    return array


def in_bytes(values):
    """The numbers in bytes, at an odd address."""
    return np.frombuffer(b"\0" + np.array(values).tobytes(), np.uint8)[1:].view(np.int64)


def readonly(values):
    """The numbers in an array that cannot be written to."""
    array = np.array(values)
    array.flags.writeable = False
    return array


ARRAYS = {
    "int64": np.array,
    "list": list,
    "tuple": tuple,
    "range": lambda values: range(values[0], values[-1] + 1),
    "int32": lambda values: np.array(values, np.int32),
    "uint64": lambda values: np.array(values, np.uint64),
    "longlong": lambda values: np.array(values, np.longlong),
    "big-endian": lambda values: np.array(values, ">i8"),
    "strided": lambda values: np.repeat(values, 2)[::2],
    "reversed": lambda values: np.array(values[::-1])[::-1],
    "misaligned": misaligned,
    "readonly": readonly,
    "bytes": in_bytes,
    "subclass": lambda values: np.array(values).view(Array),
    "objects": lambda values: np.array([Index(value) for value in values], object),
}


@pytest.mark.parametrize("n", [1, 10, 2000])
@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS)
def test_arrays_of_every_kind(make, n):
    zone = Zone(0, 4096, min_free_kbytes=0)
    zone.alloc_many(4096)
    zone.free_many(make(list(range(100, 100 + n))))
    assert np.flatnonzero(zone.page_order < 0x10).size > 0
    assert zone.nr_free_pages == n
    assert zone.rmqueue(0, MOVABLE) in range(100, 100 + n)


@pytest.mark.parametrize("array", [np.array([[1, 2]]), np.array(1), np.ones((2, 2), np.int64)], ids=str)
def test_arrays_of_another_shape_are_refused(array):
    with pytest.raises(MisuseError, match="one dimension"):
        Zone(0, 64).free_many(array)


def test_no_page_at_all():
    zone = Zone(0, 64, min_free_kbytes=0)
    zone.free_many([])
    zone.free_many(np.empty(0, np.int64))
    assert zone.alloc_many(0).size == 0
    assert zone.nr_free_pages == 64


OUTS = {
    "too short": np.empty(2, np.int64),
    "too long": np.empty(4, np.int64),
    "other type": np.empty(3, np.uint32),
    "strided": np.empty(6, np.int64)[::2],
    "two dimensions": np.empty((3, 1), np.int64),
    "read only": readonly([1, 2, 3]),
    "big-endian": np.empty(3, ">i8"),
    "misaligned": misaligned([1, 2, 3]),
    "list": [0, 0, 0],
}


@pytest.mark.parametrize("out", OUTS.values(), ids=OUTS)
def test_out_that_does_not_fit(out):
    zone = Zone(0, 64, min_free_kbytes=0)
    with pytest.raises(MisuseError, match=r"out: .*\(3,\)"):
        zone.alloc_many(3, out=out)
    with pytest.raises(MisuseError, match=r"out: .*\(3,\)"):
        zone.run(np.ones(3, OP_DTYPE), out=out)
    assert zone.nr_free_pages == 64


def test_results_of_a_stream_cannot_lie_in_its_operations():
    ops = np.ones(4, OP_DTYPE)
    zone = Zone(0, 64, min_free_kbytes=0)
    with pytest.raises(MisuseError, match="out: it lies in the memory of ops"):
        zone.run(ops[:2], out=ops.view(np.int64)[2:4])
    assert zone.nr_free_pages == 64


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.longlong])
def test_out_is_filled_and_returned(kind):
    zone = Zone(0, 4, min_free_kbytes=0)
    for out in (np.zeros(6, kind), np.zeros(6, kind).view(Array), np.zeros(7, kind)[:6]):
        assert zone.alloc_many(6, out=out) is out
        assert out.tolist() == [0, 1, 2, 3, -1, -1]
        zone.free_many(out[:4])


@pytest.mark.parametrize("kernel", ["2.6.27", "6.1", "6.12"])
def test_narrow_results_are_the_same(kernel):
    wide, narrow = (Zone(1 << 20, 3000, min_free_kbytes=0, kernel=kernel) for _ in range(2))
    for n, order in ((1, 0), (70, 0), (3, 4), (2000, 0), (5000, 1)):
        pfns = narrow.alloc_many(n, order, dtype="int32")
        assert pfns.dtype == np.int32
        assert pfns.tolist() == wide.alloc_many(n, order).tolist()
    assert narrow.digest() == wide.digest()


@pytest.mark.parametrize("dtype", [float, np.uint32, np.int16, "nonsense", [1]], ids=str)
def test_dtypes_that_results_cannot_have(dtype):
    zone = Zone(0, 64, min_free_kbytes=0)
    with pytest.raises(MisuseError, match=r"dtype=.*int64 and int32"):
        zone.alloc_many(3, dtype=dtype)
    assert zone.nr_free_pages == 64


def test_zones_beyond_int32_have_no_narrow_results():
    last, beyond = (Zone((1 << 31) - 64 + k, 64, min_free_kbytes=0) for k in (0, 1))
    assert last.alloc_many(64, dtype=np.int32).max() == (1 << 31) - 1
    for call in (lambda: beyond.alloc_many(3, dtype=np.int32), lambda: beyond.alloc_many(3, out=np.zeros(3, np.int32))):
        with pytest.raises(MisuseError, match=r"dtype=.*the last page of the zone is 2147483648"):
            call()
    with pytest.raises(MisuseError, match="dtype: of a new result"):
        last.alloc_many(3, out=np.zeros(3, np.int64), dtype=np.int64)


def test_memory_of_large_results_is_used_again_once_nobody_has_it():
    zone = Zone(0, 1 << 18, min_free_kbytes=0)

    def allocate():
        pfns = zone.alloc_many(1 << 18)
        assert pfns.min() == 0
        zone.free_many(pfns)
        return pfns

    first = allocate()
    address, part, told = first.ctypes.data, first[5:9], first[5:9].tolist()
    del first
    second = allocate()
    assert second.ctypes.data != address, "a view of the first is still there"
    second[:] = 0
    assert part.tolist() == told
    address = second.ctypes.data
    second.shape = (1 << 9, 1 << 9)
    second.flags.writeable = False
    del second
    third = allocate()
    assert third.ctypes.data == address
    assert zone.alloc_many(1 << 18, dtype=np.int32).dtype == np.int32


# --- reading an argument lets others in ---


def in_another_thread(zone, done):
    """Let a thread take the zone for a while, and go on when it has it."""
    begun = threading.Event()

    def work():
        with zone.lock:
            begun.set()
            time.sleep(0.01)
            done.append("thread")

    threading.Thread(target=work).start()
    begun.wait()


CALLS = {
    "rmqueue": lambda zone, index: zone.rmqueue(index(0), MOVABLE),
    "free_one_page": lambda zone, index: zone.free_one_page(index(0), 0),
    "split_page": lambda zone, index: zone.split_page(0, index(0)),
    "rmqueue_pcplist": lambda zone, index: zone.rmqueue_pcplist(index(MOVABLE)),
    "free_hot_cold_page": lambda zone, index: zone.free_hot_cold_page(index(0)),
    "drain_pages": lambda zone, index: zone.drain_pages(index(0)),
    "alloc_many": lambda zone, index: zone.alloc_many(index(1)),
    "free_many": lambda zone, index: zone.free_many([index(0)]),
    "watermark_ok": lambda zone, index: zone.watermark_ok(index(0), 0),
    "set_min_free_kbytes": lambda zone, index: zone.set_min_free_kbytes(index(128)),
    "set_owner": lambda zone, index: zone.set_owner(0, index(1)),
    "set_pageblock_migratetype": lambda zone, index: zone.set_pageblock_migratetype(index(0), 0),
    "free_blocks": lambda zone, index: zone.free_blocks(index(0)),
    "pcp_pages": lambda zone, index: zone.pcp_pages(index(0)),
    "capture_one_page": lambda zone, index: zone.capture_list().capture_one_page(index(0)),
    "capture_alloc_or_return": lambda zone, index: zone.capture_list().capture_alloc_or_return(index(0)),
    "alloc_pages": lambda zone, index: Machine([zone]).alloc_pages(index(0), GFP.KERNEL),
    "free_pages": lambda zone, index: Machine([zone]).free_pages(index(0), 0),
    "release": lambda zone, index: Machine([zone]).release(index(0)),
    "lru_cache_add": lambda zone, index: Machine([zone]).lru_cache_add(index(0)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_waits_for_what_began_while_its_arguments_were_read(call):
    zone = Zone(0, 1 << 14, owners=True, min_free_kbytes=0, populate=False)
    done = []
    call(zone, lambda value: Index(value, lambda: in_another_thread(zone, done)))
    done.append("call")
    while len(done) < 2:
        pass
    assert done == ["thread", "call"]
    zone.check()


def test_an_argument_is_read_once():
    """A number that is another one the second time would let a page be freed that nobody has checked."""
    values = iter([5, 3])

    class Shifty:
        def __index__(self):
            return next(values)

    zone = Zone(0, 64, min_free_kbytes=0)
    zone.alloc_many(64)
    machine = Machine([zone])
    zone.free_one_page(3, 0)
    machine.free_pages(Shifty(), 0)
    assert next(values) == 3
    zone.check()
