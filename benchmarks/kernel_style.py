"""The kernel-style C baseline and peers in C through ctypes: one call per whole workload."""

import ctypes
from ctypes import POINTER, c_int64, c_size_t, c_uint, c_void_p
from functools import cache
from pathlib import Path

import cbuild
import numpy as np

_PFNS = np.ctypeslib.ndpointer(np.int64, flags="C")
_SIGNATURES = {
    "zone_create": (c_void_p, [c_int64, c_int64]),
    "zone_destroy": (None, [c_void_p]),
    "zone_rmqueue": (c_int64, [c_void_p, c_uint, c_uint]),
    "zone_free_one_page": (None, [c_void_p, c_int64, c_uint]),
    "zone_alloc_many": (c_size_t, [c_void_p, c_size_t, c_uint, c_uint, _PFNS]),
    "zone_free_many": (None, [c_void_p, _PFNS, c_size_t, c_uint]),
    "zone_run": (None, [c_void_p, c_void_p, c_size_t, _PFNS]),
    "zone_capture_many": (None, [c_void_p, _PFNS, c_size_t, c_uint]),
    "zone_capture_walk": (c_size_t, [c_void_p, _PFNS, _PFNS]),
    "zone_capture_alloc_or_return": (c_int64, [c_void_p, c_uint]),
    "zone_free_blocks": (c_size_t, [c_void_p, c_uint, c_uint, POINTER(c_int64), c_size_t]),
}


def _declare(lib: ctypes.CDLL) -> ctypes.CDLL:
    for name, (restype, argtypes) in _SIGNATURES.items():
        if hasattr(lib, name):
            function = getattr(lib, name)
            function.restype, function.argtypes = restype, argtypes
    return lib


SOURCES = {"2.6.27": "kernel_style", "6.1": "kernel_style_6_1"}


@cache
def kernel_style(kernel: str = "2.6.27") -> ctypes.CDLL:
    """The compiled baseline by the rules of a kernel."""
    name = SOURCES[kernel]
    headers = tuple(cbuild.C_DIR / header for header in ("kernel_style.h", "kernel_pages.h", "kernel_zone.h", "op.h"))
    return _declare(ctypes.CDLL(str(cbuild.shared_library(name, (cbuild.C_DIR / f"{name}.c",), headers=headers))))


@cache
def peer(adapter: Path, checkout: Path) -> ctypes.CDLL:
    """Somebody else's allocator, compiled from its checkout through an adapter (see c/peer.c)."""
    flags = (f'-DPEER_ADAPTER="{adapter.resolve()}"', f"-I{checkout.resolve()}", f"-I{checkout.resolve() / 'include'}")
    sources, headers = (cbuild.C_DIR / "peer.c",), (adapter, cbuild.C_DIR / "op.h")
    return _declare(ctypes.CDLL(str(cbuild.shared_library(adapter.stem, sources, headers=headers, flags=flags))))


class CZone:
    """A zone of `pages` pages from `start_pfn` in library `lib`: all free and merged, every pageblock MOVABLE."""

    def __init__(self, lib: ctypes.CDLL, start_pfn: int, pages: int):
        self._lib = lib
        self._zone = lib.zone_create(start_pfn, pages)
        if not self._zone:
            raise MemoryError(f"no zone of {pages} pages from {start_pfn}")

    def __del__(self):
        if getattr(self, "_zone", None):
            self._lib.zone_destroy(self._zone)

    def rmqueue(self, order: int, migratetype: int) -> int | None:
        """One block, or None."""
        pfn = self._lib.zone_rmqueue(self._zone, order, migratetype)
        return None if pfn < 0 else pfn

    def free_one_page(self, pfn: int, order: int) -> None:
        """Free one block."""
        self._lib.zone_free_one_page(self._zone, pfn, order)

    def alloc_many(self, out: np.ndarray, order: int = 0, migratetype: int = 2) -> np.ndarray:
        """Fill `out` with blocks; what could not be had is cut off."""
        return out[: self._lib.zone_alloc_many(self._zone, len(out), order, migratetype, out)]

    def free_many(self, pfns: np.ndarray, order: int = 0) -> None:
        """Free blocks in the order given."""
        self._lib.zone_free_many(self._zone, pfns, len(pfns), order)

    def run(self, ops: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Run a stream of operations (workloads.OP)."""
        self._lib.zone_run(self._zone, ops.ctypes.data, len(ops), out)
        return out

    def capture_many(self, pfns: np.ndarray, order: int = 0) -> None:
        """Put blocks on the capture list in the order given, merging."""
        self._lib.zone_capture_many(self._zone, pfns, len(pfns), order)

    def capture_walk(self, pfns: np.ndarray, orders: np.ndarray) -> int:
        """Write the captured blocks, head first, into two arrays that are long enough; return how many."""
        return self._lib.zone_capture_walk(self._zone, pfns, orders)

    def capture_alloc_or_return(self, order: int) -> int | None:
        """Take a block off the capture list, give everything else back."""
        pfn = self._lib.zone_capture_alloc_or_return(self._zone, order)
        return None if pfn < 0 else pfn

    def free_blocks(self, order: int, migratetype: int = 2) -> np.ndarray:
        """Free blocks of one list, head first."""
        n = self._lib.zone_free_blocks(self._zone, order, migratetype, None, 0)
        pfns = np.empty(n, np.int64)
        self._lib.zone_free_blocks(self._zone, order, migratetype, pfns.ctypes.data_as(POINTER(c_int64)), n)
        return pfns
