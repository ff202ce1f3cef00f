"""What an allocation and a free cost through each way into the core, and how long a program takes to start on an image.

    taskset -c 1 python benchmarks/embedding.py [--json]

All ways run in turn in one process; the best of the rounds is given, in ns a pair, and its ratio to the core's own:
the same functions in one C file with their loop, compiled as the package is. With -march=native they are quicker.
nested: nothing is split. split: a block of order 10 is split down and merged again every time.
"""

import argparse
import ctypes
import json
import shlex
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cbuild

from buddycap import Zone
from buddycap._core import build_facts
from buddycap.embed import facts
from buddycap.header import get_include, get_library

PAGES, PAIRS, ROUNDS = 1 << 16, 20_000, 60
CASES = {"nested, order 0": (0, True), "split, order 3": (3, False)}
GENERATED = Path(__file__).parents[1] / "build" / "cython" / "src" / "buddycap" / "_core.c"
Pairs = Callable[[Zone, int, int], object]


def compiled(name: str, *flags: str, base: tuple[str, ...] = cbuild.CFLAGS) -> ctypes.CDLL:
    """The loop of embed_pairs.c, compiled in one of its three ways."""
    source = cbuild.C_DIR / "embed_pairs.c"
    include = f"-I{sysconfig.get_paths()['include']}"
    options = (f"-I{get_include()}", include, "-Wno-unused-parameter", "-DNDEBUG", "-w", *flags)
    headers = (Path(facts()["header"]), *([GENERATED] if name.startswith("core") else []))
    path = cbuild.shared_library(f"embed_{name}", (source,), headers=headers, flags=options, base=base)
    library = ctypes.PyDLL(str(path))
    library.pairs.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_int]
    library.pairs.restype = ctypes.c_int64
    return library


def of_library(library: ctypes.CDLL) -> Pairs:
    """Its loop on a zone."""
    return lambda zone, n, order: library.pairs(zone.address, n, order)


def with_numba() -> Pairs:
    """The loop in numba."""
    import numba

    functions = Zone(0, 1).ctypes
    alloc, give_back = functions.alloc, functions.free

    @numba.njit
    def pairs(zone, n, order):
        total = 0
        for _ in range(n):
            pfn = alloc(zone, order, 2, 0)
            total += pfn
            give_back(zone, pfn, order, 0)
        return total

    return lambda zone, n, order: pairs(zone.address, n, order)


def with_cffi(zone: Zone, n: int, order: int) -> None:
    """The loop in Python through cffi."""
    c = zone.cffi
    alloc, give_back, z, null = c.api.alloc, c.api.free, c.zone, c.ffi.NULL
    for _ in range(n):
        give_back(z, alloc(z, order, 2, null), order, null)


def with_ctypes(zone: Zone, n: int, order: int) -> None:
    """The loop in Python through ctypes."""
    c = zone.ctypes
    alloc, give_back, z = c.alloc, c.free, c.zone
    for _ in range(n):
        give_back(z, alloc(z, order, 2, None), order, None)


def with_methods(zone: Zone, n: int, order: int) -> None:
    """The loop in Python through the methods of Zone."""
    alloc, give_back = zone.rmqueue, zone.free_one_page
    for _ in range(n):
        give_back(alloc(order, 2), order)


def ways() -> dict[str, tuple[Pairs, int]]:
    """Each way, and how many pairs it does in a round."""
    table = compiled("table", "-DTABLE")
    table.set_table.argtypes = [ctypes.c_void_p]
    table.set_table(Zone(0, 1).ctypes.api_address)
    folder = Path(get_library()).parent
    core = f'-DCORE="{GENERATED}"'
    as_built = (*shlex.split(build_facts()["flags"]), "-fPIC", "-shared")
    native = of_library(compiled("core_native", core, "-ffunction-sections", "-fdata-sections"))
    cimport = cbuild.cython_module("embed_cimport")
    found: dict[str, tuple[Pairs, int]] = {
        "the core's own": (of_library(compiled("core", core, base=as_built)), PAIRS),
        "  -march=native": (native, PAIRS),
        "cimport": (lambda zone, n, order: cimport.pairs(zone.address, n, order), PAIRS),
        "C table": (of_library(table), PAIRS),
        "libbuddycap.so": (
            of_library(compiled("library", f"-L{folder}", f"-Wl,-rpath,{folder}", "-Wl,--no-as-needed", "-lbuddycap")),
            PAIRS,
        ),
        "methods of Zone": (with_methods, PAIRS // 10),
        "ctypes": (with_ctypes, PAIRS // 10),
    }
    for name, make, n in (("numba", with_numba, PAIRS), ("cffi", lambda: with_cffi, PAIRS // 10)):
        try:
            __import__(name)
        except ImportError:
            continue
        found[name] = (make(), n)
    return found


def prepared(order: int, nested: bool) -> Zone:
    """A zone with a free block of the order that lies ready, or without."""
    zone = Zone(0, PAGES)
    if nested:
        zone.rmqueue(order, 2)
    return zone


def measure(case: tuple[int, bool]) -> dict[str, list[float]]:
    """Nanoseconds a pair of every way, round by round."""
    order, nested = case
    known, zone = ways(), prepared(order, nested)
    times: dict[str, list[float]] = {name: [] for name in known}
    for _ in range(ROUNDS):
        for name, (pairs, n) in known.items():
            begin = time.perf_counter_ns()
            pairs(zone, n, order)
            times[name].append((time.perf_counter_ns() - begin) / n)
    return {name: sorted(values[2:]) for name, values in times.items()}


def startup() -> dict[str, float]:
    """Milliseconds from exec to exit of a C++ program that maps a zone of 16 GiB and allocates one page."""
    source = Path(__file__).parents[1] / "examples" / "embedding" / "cpp" / "play.cpp"
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "play")
        flags = " ".join((facts(static=True)["cflags"], str(source), facts(static=True)["libs"]))
        subprocess.run(f"c++ -std=c++11 -O2 {flags} -o {program}", shell=True, check=True)
        zone = Zone(0, 1 << 22)
        zone.alloc_many(1 << 21)
        zone.save(Path(folder, "image"))
        times = []
        for _ in range(20):
            begin = time.perf_counter_ns()
            subprocess.run([program, Path(folder, "image"), "start"], check=True)
            times.append((time.perf_counter_ns() - begin) / 1e6)
        return {"image_MiB": zone.image_bytes / 2**20, "best_ms": min(times), "median_ms": statistics.median(times)}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    if not GENERATED.exists():
        sys.exit(f"{GENERATED}: run `python setup.py build_ext --inplace` first")
    result = {case: measure(arguments) for case, arguments in CASES.items()}
    start = startup()
    if args.json:
        print(json.dumps({"pairs": result, "startup": start}, indent=2))
        return 0
    print(f"{'ns a pair: best (median, ratio of bests)':<18}")
    for case, times in result.items():
        own = times["the core's own"][0]
        print(case)
        for name, values in times.items():
            print(f"  {name:<18}{values[0]:8.1f} {statistics.median(values):8.1f} {values[0] / own:8.2f}")
    print(
        f"start on an image of {start['image_MiB']:.0f} MiB (16 GiB of memory): best {start['best_ms']:.1f} ms, "
        f"median {start['median_ms']:.1f} ms"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
