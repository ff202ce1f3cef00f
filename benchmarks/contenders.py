"""The contenders, behind one face: a fresh zone, and jobs to do in it.

A *job* is a function without arguments that does one whole workload and returns the PFNs it got, None, or a function
that makes them. Input is converted while the job is made and output after it is done: only the call of the job is
timed. A contender that cannot do a workload gives None instead of a job.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbuild
import kernel_style
import numpy as np
from reference_dict import DictBuddy
from workloads import ALLOC, MAX_PAGE_ORDER, MOVABLE_OF, START_PFN, alloc_ops, free_ops, ops_of

Job = Callable[[], Any]

CAPTURE_ORDER = 9
ALLOC_NO_WATERMARKS = 0x01


def _touched(n: int) -> np.ndarray:
    return np.full(n, -1, np.int64)


def _captured(blocks: Any, got: int | None) -> np.ndarray:
    """What a capture stream yields: the list as walked, and the block that was carved off."""
    walked = np.array([tuple(block)[:2] for block in blocks], np.int64).reshape(-1, 2)
    return np.append(walked, -1 if got is None else got)


class Contender:
    """The jobs; a subclass offers those it can do."""

    name = ""
    kernel = "2.6.27"  # whose rules
    exact = True  # same PFNs as the kernel's rules
    slow = False  # left out of large zones

    @property
    def movable(self) -> int:
        """The number of MOVABLE."""
        return MOVABLE_OF[self.kernel]

    def zone(self, pages: int) -> Any:
        """A fresh zone, all free and merged."""
        raise NotImplementedError

    def alloc_job(self, zone: Any, n: int) -> Job | None:
        """Allocate `n` single pages."""

    def free_job(self, zone: Any, pfns: np.ndarray) -> Job | None:
        """Free single pages in the order given."""

    def run_job(self, zone: Any, ops: np.ndarray) -> Job | None:
        """Run a stream of operations."""

    def fresh_job(self, zone: Any, n: int) -> Job | None:
        """Allocate `n` pages one after the other into an array that the allocator makes."""

    def narrow_job(self, zone: Any, n: int) -> Job | None:
        """Allocate `n` pages one after the other, as numbers of 32 bits where there is a choice."""

    def capture_job(self, zone: Any, pfns: np.ndarray) -> Job | None:
        """Capture single pages in the order given, walk the list, carve a block off, give the rest back."""

    def free_blocks(self, zone: Any) -> np.ndarray:
        """PFNs of all free blocks by order, each list head first."""
        raise NotImplementedError


class KernelStyle(Contender):
    """Our kernel-style C: what the ratios refer to."""

    name = "kernel-style C"

    def __init__(self, library=None, kernel="2.6.27"):
        self.library = library or kernel_style.kernel_style(kernel)
        self.kernel = kernel

    def zone(self, pages):
        return kernel_style.CZone(self.library, START_PFN, pages)

    def alloc_job(self, zone, n):
        out = _touched(n)
        return lambda: zone.alloc_many(out, 0, self.movable)

    def fresh_job(self, zone, n):
        return self.alloc_job(zone, n)

    def narrow_job(self, zone, n):
        return self.alloc_job(zone, n)

    def free_job(self, zone, pfns):
        pfns = np.ascontiguousarray(pfns)
        return lambda: zone.free_many(pfns)

    def run_job(self, zone, ops):
        ops, out = ops_of(ops, self.kernel), _touched(len(ops))
        return lambda: zone.run(ops, out)

    def capture_job(self, zone, pfns):
        walked, orders = _touched(len(pfns)), _touched(len(pfns))

        def job():
            zone.capture_many(pfns)
            n = zone.capture_walk(walked, orders)
            got = zone.capture_alloc_or_return(CAPTURE_ORDER)
            return lambda: _captured(zip(walked[:n], orders[:n], strict=True), got)

        return job

    def free_blocks(self, zone):
        return np.concatenate([zone.free_blocks(order, self.movable) for order in range(MAX_PAGE_ORDER + 1)])


class CPeer(KernelStyle):
    """Somebody else's allocator in C."""

    exact = False

    def __init__(self, name: str, adapter: Path, checkout: Path):
        super().__init__(kernel_style.peer(adapter, checkout))
        self.name = name

    def capture_job(self, zone, pfns):
        return None


class BuddyAlloc(CPeer):
    """spaskalev/buddy_alloc, whose adapter we have."""

    def __init__(self, checkout: Path):
        super().__init__("buddy_alloc", cbuild.C_DIR / "adapter_buddy_alloc.h", checkout)


class BuddycapSingles(Contender):
    """One call of a method per block."""

    name = "buddycap singles"

    def __init__(self, kernel="2.6.27"):
        self.kernel = kernel

    def zone(self, pages):
        from buddycap import Zone

        return Zone(START_PFN, pages, min_free_kbytes=0, kernel=self.kernel)

    def alloc_job(self, zone, n):
        rmqueue, movable = zone.rmqueue, self.movable
        return lambda: [rmqueue(0, movable) for _ in range(n)]

    def free_job(self, zone, pfns):
        free_one_page, pages = zone.free_one_page, pfns.tolist()

        def job():
            for pfn in pages:
                free_one_page(pfn, 0)

        return job

    def run_job(self, zone, ops):
        steps = list(zip(*(ops[field].tolist() for field in ("op", "order", "arg", "pfn")), strict=True))
        rmqueue, free_one_page, movable = zone.rmqueue, zone.free_one_page, self.movable

        def job():
            result = []
            for op, order, arg, pfn in steps:
                if op == ALLOC:
                    result.append(rmqueue(order, movable))
                    continue
                if arg >= 0:
                    pfn = result[arg]
                if pfn is not None:
                    free_one_page(pfn, order)
                result.append(None)
            return result

        return job

    def capture_job(self, zone, pfns):
        pages = pfns.tolist()

        def job():
            with zone.capture_list() as captured:
                capture_one_page = captured.capture_one_page
                for pfn in pages:
                    capture_one_page(pfn)
                blocks = captured.blocks()
                got = captured.capture_alloc_or_return(CAPTURE_ORDER, alloc_flags=ALLOC_NO_WATERMARKS, classzone_idx=0)
            return lambda: _captured(blocks, got)

        return job

    def free_blocks(self, zone):
        return np.concatenate([zone.free_blocks(order, self.movable)["pfn"] for order in range(MAX_PAGE_ORDER + 1)])


class BuddycapRun(BuddycapSingles):
    """Streams: one call of Zone.run per workload."""

    name = "buddycap run"

    def alloc_job(self, zone, n):
        return self.run_job(zone, alloc_ops(n))

    def free_job(self, zone, pfns):
        run = self.run_job(zone, free_ops(pfns))

        def job():
            run()

        return job

    def run_job(self, zone, ops):
        ops, out = ops_of(ops, self.kernel), _touched(len(ops))
        return lambda: zone.run(ops, out=out)

    def capture_job(self, zone, pfns):
        return None


class BuddycapBulk(BuddycapSingles):
    """Whole arrays: alloc_many, free_many, capture_many."""

    name = "buddycap bulk"

    def alloc_job(self, zone, n):
        out = _touched(n)
        return lambda: zone.alloc_many(n, 0, self.movable, out=out)

    def fresh_job(self, zone, n):
        return lambda: zone.alloc_many(n, 0, self.movable)

    def narrow_job(self, zone, n):
        out = np.full(n, -1, np.int32)
        return lambda: zone.alloc_many(n, 0, self.movable, out=out)

    def free_job(self, zone, pfns):
        return lambda: zone.free_many(pfns)

    def run_job(self, zone, ops):
        return None

    def capture_job(self, zone, pfns):
        def job():
            with zone.capture_list() as captured:
                captured.capture_many(pfns)
                blocks = captured.blocks()
                got = captured.capture_alloc_or_return(CAPTURE_ORDER, alloc_flags=ALLOC_NO_WATERMARKS, classzone_idx=0)
            return lambda: _captured(blocks, got)

        return job


class Dict(Contender):
    """Plain Python (reference_dict.py)."""

    name = "dict buddy"
    slow = True

    def zone(self, pages):
        return DictBuddy(START_PFN, pages)

    def alloc_job(self, zone, n):
        return lambda: zone.alloc_many(n)

    def free_job(self, zone, pfns):
        pages = pfns.tolist()
        return lambda: zone.free_many(pages)

    def run_job(self, zone, ops):
        steps = list(zip(*(ops[field].tolist() for field in ("op", "order", "arg", "pfn")), strict=True))
        return lambda: zone.run(steps)

    def capture_job(self, zone, pfns):
        pages = pfns.tolist()

        def job():
            for pfn in pages:
                zone.capture_one_page(pfn)
            blocks = zone.capture_blocks()
            got = zone.capture_alloc_or_return(CAPTURE_ORDER)
            return lambda: _captured(blocks, got)

        return job

    def free_blocks(self, zone):
        return np.array([pfn for order in range(MAX_PAGE_ORDER + 1) for pfn in zone.free_blocks(order)], np.int64)


class Numba(Contender):
    """Arrays and njit (reference_numba.py), compiled before anything is timed."""

    name = "numba"

    def __init__(self):
        zone = self.zone(1 << MAX_PAGE_ORDER)
        self.free_job(zone, self.alloc_job(zone, 8)())()
        self.run_job(zone, alloc_ops(8))()

    def zone(self, pages):
        from reference_numba import NumbaBuddy

        return NumbaBuddy(START_PFN, pages)

    def alloc_job(self, zone, n):
        out = _touched(n)
        return lambda: zone.alloc_many(out)

    def free_job(self, zone, pfns):
        pfns = pfns.copy()  # a writable array, always: numba compiles a function for each kind
        return lambda: zone.free_many(pfns)

    def run_job(self, zone, ops):
        ops, out = ops.copy(), _touched(len(ops))
        return lambda: zone.run(ops, out)

    def free_blocks(self, zone):
        return np.concatenate([zone.free_blocks(order) for order in range(MAX_PAGE_ORDER + 1)])
