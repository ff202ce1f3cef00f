"""Can an array that another thread writes to, without the GIL, get past the checks of a call?"""

import contextlib
import mmap
import threading
import time

import numpy as np
import pytest

from buddycap import GFP, Machine, MisuseError, RequestOp, Zone
from buddycap._core import OP_DTYPE, REQUEST_DTYPE

PAGES = 1 << 16


class Scribbler:
    """Puts garbage into an array and takes it out again, as fast as numpy can, while the block lasts."""

    def __init__(self, array, garbage):
        self.array, self.good, self.garbage = array, array.copy(), garbage
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while not self.done.is_set():
            self.array[3::7] = self.garbage
            self.array[:] = self.good

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *exc):
        self.done.set()
        self.thread.join()


def captured(zone, machine, pfns):
    with zone.capture_list() as capture:
        capture.capture_many(pfns)


def owned(zone, machine, pfns):
    zone.set_owners(pfns, 7)
    raise MisuseError("nothing has been freed")


def listed(zone, machine, pfns):
    machine.lru_cache_add(pfns)
    for pfn in pfns.tolist():
        with contextlib.suppress(MisuseError):
            machine.release(pfn)
    zone.drain_pages()


CALLS = {
    "free_many": lambda zone, machine, pfns: zone.free_many(pfns),
    "free_many orders": lambda zone, machine, pfns: zone.free_many(pfns, np.zeros(len(pfns), np.uint8)),
    "capture_many": captured,
    "set_owners": owned,
    "lru_cache_add": listed,
}


@pytest.mark.parametrize("n", [700, PAGES])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_pfns(call, n):
    zone = Zone(0, PAGES, min_free_kbytes=0, owners=True)
    machine = Machine([zone])
    zone.alloc_many(PAGES)
    pfns = np.arange(n, dtype=np.int64)
    garbage = np.random.default_rng(1).integers(-(1 << 62), 1 << 62, len(pfns[3::7]))
    end = time.monotonic() + 0.4
    with Scribbler(pfns, garbage):
        while time.monotonic() < end:
            with contextlib.suppress(MisuseError):
                call(zone, machine, pfns)
            zone.alloc_many(zone.nr_free_pages)
    zone.check()


@pytest.mark.parametrize("dtype", [OP_DTYPE, REQUEST_DTYPE], ids=["Zone.run", "Machine.run"])
def test_streams(dtype):
    zone = Zone(0, PAGES, min_free_kbytes=0)
    machine = Machine([zone])
    ops = np.zeros(20_000, dtype)
    ops["op"] = np.tile([1, 2], 10_000)
    ops["arg"] = np.where(ops["op"] == RequestOp.FREE, np.arange(20_000) - 1, -1)
    if dtype == REQUEST_DTYPE:
        ops["gfp"] = np.where(ops["op"] == RequestOp.ALLOC, GFP.KERNEL, 0)
    garbage = np.frombuffer(np.random.default_rng(1).bytes(len(ops[3::7]) * dtype.itemsize), dtype)
    end = time.monotonic() + 0.5
    with Scribbler(ops, garbage):
        while time.monotonic() < end:
            with contextlib.suppress(MisuseError):
                (zone if dtype == OP_DTYPE else machine).run(ops)
    zone.check()


def test_memory_that_is_shared_is_copied():
    """Another process may write to it."""
    zone = Zone(0, 1 << 12, min_free_kbytes=0)
    pages = zone.alloc_many(1 << 12)
    with mmap.mmap(-1, pages.nbytes) as shared:
        array = np.frombuffer(shared, np.int64)
        array[:] = pages
        zone.free_many(array)
        del array
    assert zone.nr_free_pages == 1 << 12


def test_empty_arrays_of_other_types():
    zone = Zone(0, 64, min_free_kbytes=0)
    for dtype in ("c16", "f8", "S3", "O", "?", "M8[s]"):
        zone.free_many(np.zeros(0, dtype))
    with pytest.raises(MisuseError, match="one dimension"):
        zone.free_many(np.zeros((1, 0), "c16"))


def test_cookies_on_both_sides_of_2_63():
    """numpy alone would make floating point of them."""
    zone = Zone(0, 64, min_free_kbytes=0, owners=True)
    cookies = [1, (1 << 63) + 1, (1 << 64) - 1]
    zone.set_owners(zone.alloc_many(3), cookies)
    assert zone.owner[:3].tolist() == cookies
    for wrong, error in (([1.0, 2, 3], TypeError), ([1, -1, 1 << 63], MisuseError), ([1, 2, 1 << 64], MisuseError)):
        with pytest.raises(error, match="cookie"):
            zone.set_owners([0, 1, 2], wrong)
    assert zone.owner[:3].tolist() == cookies
