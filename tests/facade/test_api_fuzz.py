"""Can any call with any argument break a zone, or change it before it refuses?"""

import contextlib
import gc
import random

import numpy as np
import pytest

from buddycap import GFP, KERNELS, POLICIES, BuddycapError, Machine, Node, Zone
from buddycap._core import OP_DTYPE, REQUEST_DTYPE

PAGES = 1024
INTEGERS = (
    *range(-2, 14),
    *(31, 63, 64, 127, 512, PAGES - 1, PAGES, PAGES + 1, 4096, 1 << 16, (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 40),
    *((1 << 63) - 1, 1 << 63, 1 << 64, 1 << 100, -(1 << 31), -(1 << 63), -(1 << 64)),
    *(0xD0, 0x1200D2, 0x20, 0x7F, 0x80, 1 << 29, 1 << 30),
)
KEYWORDS = (
    *("order", "migratetype", "cpu", "cold", "private", "release_order", "trim", "alloc_flags", "classzone_idx"),
    *("hold", "out", "policy", "memalloc", "realtime", "flags", "set", "clear", "captured", "freed", "max_pages"),
    *("locked", "slots", "compound", "atomic", "mode", "direct", "whole", "ignore_skip", "stops", "capture", "boost"),
    *("proactive", "priority", "force", "start", "n", "gfp", "lowmem_reserve", "high", "batch", "alloc_factor"),
    *("considered", "watermark_scale_factor", "proactiveness"),
)
# These perform what comes before the first bad operation, or let reclaim work before something is refused.
STREAMS = {"run", "step", "alloc_pages", "request", "close", "wake", "kswapd", "events", "settle", "alloc_contig"}
SKIPPED = {"save", "load", "preset", "lock", "ctypes", "cffi", "capsule", "address", "copy"}  # files, and what C may do
REFUSALS = (
    BuddycapError,
    TypeError,
    ValueError,
    OverflowError,
    ArithmeticError,
    IndexError,
    AttributeError,
    MemoryError,
)
POLICY_NAMES = ("none", "v3", "v4", "hold", "queue", "no-pcp", "isolate", "early-release")


class Raises:
    def __index__(self):
        raise ArithmeticError

    __int__ = __bool__ = __len__ = __iter__ = __index__


class Int(int):
    """A subclass of int."""


class Array(np.ndarray):
    """A subclass of ndarray."""


class Reenters:
    """An integer that works on the zone while it is read."""

    def __init__(self, fuzz, value):
        self.fuzz, self.value = fuzz, value

    def __index__(self):
        with contextlib.suppress(*REFUSALS):
            self.fuzz.meddle()
        return self.value

    def __bool__(self):
        self.__index__()
        return True


class Fuzz:
    """A zone with a machine, capture lists and requests, and calls of everything they have."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.zone = Zone(0, PAGES, owners=True, cpus=2, min_free_kbytes=64, seed=seed, pcp_batch=3)
        self.policy = self.draw.choice([*POLICY_NAMES, self.hooked()])
        self.machine = Machine([self.zone], policy=self.policy, events=True, swap_pages=50)
        self.machine.lru_cache_add(self.zone.alloc_many(600))
        self.captures = [self.zone.capture_list(), self.zone.capture_list(private=True)]
        self.captures[1].capture_many(self.zone.alloc_many(20))
        self.requests = []
        self.reentered = False

    def hooked(self):
        def hook(consultation):
            with contextlib.suppress(*REFUSALS):
                self.meddle()
            answers = [None, "keep", "return", "consult", 5, -1, 1 << 70, "x", consultation.blocks["pfn"]]
            return self.draw.choice(answers)

        return POLICIES["v3"].replace(name="hooked", hook=hook)

    def meddle(self):
        """What an __index__ or a hook does to the zone: it frees, allocates, closes lists and requests."""
        self.reentered = True
        what = self.draw.randrange(8)
        if what == 0:
            self.zone.alloc_many(self.draw.randrange(40))
        elif what == 1:
            self.zone.free_at(self.draw.randrange(PAGES))
        elif what == 2:
            self.draw.choice(self.captures).close()
        elif what == 3:
            for request in self.requests:
                request.close()
        elif what == 4:
            self.machine.release(self.draw.randrange(PAGES))
        elif what == 5:
            self.draw.choice(self.zone.capture_lists()).capture_alloc_or_return(self.draw.randrange(3))
        elif what == 6:
            self.machine.alloc_pages(self.draw.randrange(4), GFP.KERNEL)
        else:
            gc.collect()

    def array(self):
        """An array of some kind, mostly of PFNs."""
        draw = self.draw
        n = draw.choice([0, 1, 2, 5, 40])
        values = np.array([draw.randrange(PAGES) for _ in range(n)], np.int64)
        kind = draw.randrange(17)
        if kind == 0:
            values = values.astype(draw.choice(["u1", "i4", ">i8", "f8", "u8", "?", "O", "S3", "c16", "M8[s]"]))
        elif kind == 1:
            values = np.repeat(values, 2)[::2]
        elif kind == 2:
            values.flags.writeable = False
        elif kind == 3:
            values = values.reshape(1, -1)
        elif kind == 4:
            values = draw.choice([self.zone.nr_free, self.zone.owner, self.zone.page_flags, self.zone.page_order])
        elif kind == 5:
            values = np.full(n, draw.choice([np.nan, np.inf, 3.0, -1]))
        elif kind == 6:
            values = np.array([self.integer() for _ in range(n)], object)
        elif kind == 7:
            values = values.view(Array)
        elif kind == 8:
            values = [self.integer() for _ in range(n)]
        elif kind == 9:
            values = np.frombuffer(b"\1" * (8 * n + 1), np.uint8)[1:].view(np.int64)
        elif kind == 10:
            values = np.flatnonzero((self.zone.page_order & 0xEF) == 0x20)[:n]
        elif kind == 11:
            values = memoryview(values)
        elif kind == 12:
            values = np.zeros(n, draw.choice([OP_DTYPE, REQUEST_DTYPE]))
            for name in values.dtype.names:
                info = np.iinfo(values[name].dtype)
                values[name] = [draw.choice([0, 1, 2, 3, 5, int(info.max), int(info.min)]) for _ in range(n)]
        elif kind == 13:
            values = self.stream(n, draw.choice([OP_DTYPE, REQUEST_DTYPE]))
        return values

    def stream(self, n, dtype):
        """Operations that may be good ones."""
        ops = np.zeros(n, dtype)
        for k in range(n):
            ops[k]["op"] = self.draw.randrange(1, 4 if dtype == OP_DTYPE else 11)
            ops[k]["order"] = self.draw.choice([0, 0, 1, 5])
            ops[k]["arg"] = self.draw.choice([-1, -1, k - 1, 0, k])
            ops[k]["pfn"] = self.draw.randrange(-1, PAGES + 1)
            if dtype == REQUEST_DTYPE:
                ops[k]["gfp"] = self.draw.choice([0xD0, 0x1200D2, 3 << 19])
        return ops

    def integer(self):
        chance = self.draw.random()
        value = self.draw.choice(INTEGERS) if chance < 0.5 else self.draw.randrange(PAGES)
        if chance < 0.06:
            return Reenters(self, value)
        if chance < 0.1:
            return Int(value)
        if chance > 0.95 and abs(value) < 1 << 62:
            return np.int64(value)
        return value

    def argument(self):
        chance = self.draw.random()
        if chance < 0.6:
            return self.integer()
        if chance < 0.85:
            return self.array()
        return self.draw.choice(
            [
                None,
                True,
                False,
                1.5,
                float("nan"),
                "1",
                b"",
                "v3",
                "none",
                (),
                {},
                object(),
                Raises(),
                self.zone,
                1j,
                self.policy,
                self.machine,
                iter([1, 2]),
                range(3),
                np.float32(2),
                np.datetime64("now"),
                type,
                Ellipsis,
            ]
        )

    def things(self):
        return [self.zone, self.zone, self.machine, self.machine, self.machine.kswapd, *self.captures, *self.requests]

    def call(self):
        """One call, and a look at what it has left."""
        thing = self.draw.choice(self.things())
        names = [name for name in dir(thing) if not name.startswith(("_", "from_")) and name not in SKIPPED]
        name = self.draw.choice(names)
        before = self.zone.digest()
        refusal = None
        self.reentered = False
        arguments, keywords = [], {}
        try:
            found = getattr(thing, name)
            if callable(found):
                arguments = [self.argument() for _ in range(self.draw.choice([0, 1, 1, 1, 2, 2, 3]))]
                if name == "alloc_many" and arguments and isinstance(arguments[0], int) and arguments[0] >> 31:
                    return  # gigabytes of -1
                keywords = {self.draw.choice(KEYWORDS): self.argument() for _ in range(self.draw.choice([0, 0, 0, 1]))}
                found = found(*arguments, **keywords)
                self.keep(name, found)
            elif self.draw.random() < 0.3:
                setattr(thing, name, self.argument())
        except REFUSALS as error:
            refusal = error
        if refusal is not None and name not in STREAMS and not self.reentered:
            assert self.zone.digest() == before, (name, arguments, keywords, refusal)
        self.zone.check()

    def keep(self, name, found):
        if name == "capture_list":
            self.captures = [*self.captures[-4:], found]
        elif name == "request":
            self.requests = [*self.requests[-2:], found]


class ModernFuzz(Fuzz):
    """A zone of Linux 6.1 or 6.12 with a node, a machine, and runs of compaction and of ranges that are emptied."""

    def __init__(self, seed, kernel):
        self.draw, self.gfp = random.Random(seed), KERNELS[kernel].GFP
        self.zone = Zone(
            0, PAGES, kernel=kernel, owners=True, cpus=2, min_free_kbytes=64, seed=seed, zone_idx=2,
            cma=self.draw.random() < 0.5, pageblock_order=self.draw.choice([6, 9]),
        )  # fmt: skip
        self.policy = "off"
        self.node = Node([self.zone])
        self.machine = Machine([self.zone], events=True, swap_pages=50)
        pages = self.zone.alloc_many(700)
        self.machine.lru_cache_add(pages[:500], 0x5000)
        for pfn in pages[:400:2].tolist():
            self.zone.free_pages(pfn, 0)
        self.requests, self.runs = [], []
        self.reentered = False

    def meddle(self):
        """What an __index__ does to the zone."""
        self.reentered = True
        what, zone = self.draw.randrange(8), self.zone
        if what == 0:
            zone.alloc_many(self.draw.randrange(40))
        elif what == 1:
            zone.free_at(self.draw.randrange(PAGES))
        elif what == 2:
            zone.compaction.begin(-1, whole=True).run()
        elif what == 3:
            for run in self.requests + self.runs:
                run.close()
        elif what == 4:
            self.machine.release(self.draw.randrange(PAGES))
        elif what == 5:
            zone.isolate_range(0, PAGES // 2)
        elif what == 6:
            self.machine.alloc_pages(self.draw.randrange(4), self.gfp.KERNEL)
        else:
            zone.drain_pages()

    def things(self):
        daemons = [self.machine.kswapd, self.machine.kcompactd]
        zones = [self.zone, self.zone, self.zone.compaction, self.zone.compaction, self.node, self.machine]
        return [*zones, *daemons, *self.requests, *self.runs]

    def keep(self, name, found):
        if name == "request":
            self.requests = [*self.requests[-2:], found]
        elif name in ("begin", "compact", "compact_memory", "kcompactd", "begin_contig", "begin_offline"):
            self.runs = [*self.runs[-4:], found]


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_any_call_with_any_argument_in_6(seed, kernel):
    fuzz = ModernFuzz(seed, kernel)
    for _ in range(250):
        fuzz.call()
    for run in fuzz.requests + [run for run in fuzz.runs if hasattr(run, "close")]:
        run.close()
    fuzz.zone.check()


@pytest.mark.parametrize("seed", range(24))
def test_any_call_with_any_argument(seed):
    fuzz = Fuzz(seed)
    for _ in range(250):
        fuzz.call()
    for request in fuzz.requests:
        request.close()
    fuzz.zone.check()
