"""Asks the three kernels for the same blocks in equally aged memory: the table of docs/kernels.md.

    python tools/kernels_table.py [SEEDS]        prints it; 8 seeds if not said

One machine of 256 MiB with two CPUs. Memory is filled with pages of programs (two thirds movable, half of them of files
that reclaim may drop, without swap) and of the kernel, and an eighth of it is freed again at random. Then blocks of one
order are asked for, one after another; the last 32 MiB of them are held, but single pages are not. Between two of them
32 pages come and 32 go, and kswapd and kcompactd work until they sleep. Every choice is drawn from the seed alone, so
that all kernels see the same one.
"""

import random
import sys
from collections.abc import Iterator
from statistics import mean, stdev
from typing import Any

import numpy as np

from buddycap import Machine
from buddycap._core import Zone
from buddycap.kernels import KERNELS, Kernel
from buddycap.study.config import StudyConfig

MEMORY, CPUS, TRAFFIC = "256MiB", 2, 32
REQUESTS = {9: 150, 4: 600, 3: 1200, 0: 1200}  # of each order
HELD_PAGES = 8192  # in the last blocks obtained
MOVABLE_SHARE, FREED = 0.66, 0.12
ANON, FILE = 0x5000, 0  # PageFlags of pages of programs
USED, MARKED = 0x20, 0x40  # order bytes: a page of the kernel, one on the LRU
PRICES = StudyConfig()
REST_MS = {"2.6.27": 100, "6.1": 4, "6.12": 4}  # of a reclaimer that gets no further
STUDENT = {4: 3.18, 8: 2.36, 16: 2.13, 24: 2.07}  # t of a 95 % interval, by seeds


def wanted(kernel: Kernel, order: int) -> int:
    """Return the flags of a request: a fault in advised memory, pages of a program, of the kernel, of a program."""
    gfp = kernel.GFP
    if order == 9:
        return kernel.fault_gfp("madvise", True)[-1]
    return int(gfp["KERNEL"]) if order == 3 else int(gfp["HIGHUSER_MOVABLE"])


class Scene:
    """A machine and what goes on in it.

    Parameters
    ----------
    kernel : Kernel
    seed : int
    """

    def __init__(self, kernel: Kernel, seed: int) -> None:
        self.kernel, self.draw = kernel, random.Random(seed)
        self.machine = Machine.preset("x86_64", memory=MEMORY, cpus=CPUS, kernel=kernel.release)
        self.fill()

    def one_page(self) -> bool:
        """Take a page as a program or the kernel does, without reclaim; whether there was one."""
        movable = self.draw.random() < MOVABLE_SHARE
        names = self.kernel.GFP.__members__
        waits = int(names["RECLAIM"] if "RECLAIM" in names else names["WAIT"])
        gfp = int(names["HIGHUSER_MOVABLE" if movable else "KERNEL"]) & ~waits | int(names["NOMEMALLOC"])
        pfn = self.machine.alloc_pages(0, gfp, cpu=self.draw.randrange(CPUS))
        if pfn is not None and movable:
            self.machine.lru_cache_add([pfn], ANON if self.draw.random() < 0.5 else FILE)
        return pfn is not None

    def fill(self) -> None:
        """Fill memory down to the low marks, and free a part of it."""
        while sum(zone.nr_free_pages for zone in self.machine.zones) > 4 * sum(
            z.pages_high for z in self.machine.zones
        ):
            if not self.one_page():
                break
        pages = [int(pfn) for zone in self.machine.zones for pfn in self.singles(zone)]
        for pfn in self.draw.sample(pages, int(FREED * len(pages))):
            self.machine.release(pfn)

    def singles(self, zone: Zone) -> Any:
        """Return the PFNs of single pages in use."""
        state = zone.page_order
        return zone.start_pfn + np.flatnonzero((state == USED) | (state == MARKED))

    def traffic(self) -> None:
        """Let pages come and go."""
        for _ in range(TRAFFIC):
            self.one_page()
        zone = max(self.machine.zones, key=lambda zone: zone.present_pages)
        for pfn in self.draw.sample(self.singles(zone).tolist(), TRAFFIC):
            self.machine.release(pfn)

    def daemons(self) -> None:
        """Let those in the background work until they sleep."""
        self.machine.kswapd.run()
        if self.kernel.compacts:
            self.machine.kcompactd.run()


def cost_ms(stats: dict[str, Any], rest_ms: int) -> float:
    """Return what a request has cost, by the prices of the study, with a full rest each time it was congested."""
    ns = (
        stats["scanned"] * PRICES.scan_ns
        + stats["freed"] * PRICES.free_ns
        + stats["active"] * PRICES.active_ns
        + stats["looked"] * PRICES.look_ps / 1000
        + stats["migrated"] * PRICES.migrate_ns
        + (stats["migrate_scanned"] + stats["free_scanned"]) * PRICES.compact_scan_ps / 1000
    )
    return ns / 1e6 + stats["congestion_waits"] * rest_ms


def types(machine: Machine) -> Any:
    """Return the type of every pageblock."""
    return np.concatenate([zone.pageblock_migratetype for zone in machine.zones])


def held_by_cpus(machine: Machine) -> int:
    """Return the pages on per-CPU lists."""
    return sum(
        zone.pcp(cpu)["count"] if machine.kernel != "2.6.27" else len(zone.pcp_pages(cpu))
        for zone in machine.zones
        for cpu in range(CPUS)
    )


def fallbacks(machine: Machine) -> float:
    """Return how many requests found no block of their type so far; 2.6.27 does not count them."""
    if machine.kernel == "2.6.27":
        return float("nan")
    return sum(int(zone.canonical_dump().splitlines()[-1].split()[4]) for zone in machine.zones)


def measure(kernel: Kernel, order: int, seed: int) -> dict[str, float]:
    """Return what one scene shows for one order."""
    scene = Scene(kernel, seed)
    machine, held, rows, kept, converted = scene.machine, [], [], [], 0
    before, fallen = types(machine), fallbacks(machine)
    for _ in range(REQUESTS[order]):
        scene.traffic()
        scene.daemons()
        request = machine.request(order, wanted(kernel, order), cpu=scene.draw.randrange(CPUS))
        request.run()
        stats = request.stats
        rows.append((request.pfn is not None, cost_ms(stats, REST_MS[kernel.release]), stats))
        if request.pfn is not None and order == 0:
            machine.release(request.pfn)  # a single page would be drawn as one of the others
        elif request.pfn is not None:
            held.append(request.pfn)
        if len(held) > HELD_PAGES >> order:
            machine.free_pages(held.pop(0), order)
        now = types(machine)
        converted += int((now != before).sum())
        before = now
        kept.append(held_by_cpus(machine))
    machine.check()
    latencies = sorted(ms for _, ms, _ in rows)
    return {
        "success, %": 100 * mean(ok for ok, _, _ in rows),
        "mean latency, ms": mean(latencies),
        "95 %, ms": latencies[int(0.95 * len(latencies))],
        "pages of CPUs": mean(kept),
        "fallbacks": fallbacks(machine) - fallen,
        "pageblocks converted": converted,
        "reclaim: scanned": sum(stats["scanned"] for _, _, stats in rows),
        "compaction: scanned": sum(stats["migrate_scanned"] + stats["free_scanned"] for _, _, stats in rows),
        "moved": sum(stats["migrated"] for _, _, stats in rows),
    }


def table(seeds: int) -> Iterator[str]:
    """Yield the lines."""
    heading = None
    for order in (9, 4, 3, 0):
        for release, kernel in KERNELS.items():
            runs = [measure(kernel, order, seed) for seed in range(1, seeds + 1)]
            if heading is None:
                heading = list(runs[0])
                yield "| order | kernel | " + " | ".join(heading) + " |"
                yield "|---" * (len(heading) + 2) + "|"
            cells = []
            for name in heading:
                values = [run[name] for run in runs]
                if values[0] != values[0]:
                    cells.append("-")
                    continue
                spread = STUDENT.get(seeds, 2.0) * stdev(values) / seeds**0.5 if seeds > 1 else 0.0
                digits = 3 if "ms" in name else 1 if "%" in name else 0
                cells.append(f"{mean(values):,.{digits}f} ± {spread:,.{digits}f}")
            yield f"| {order} | {release} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    for line in table(int(sys.argv[1]) if len(sys.argv) > 1 else 8):
        print(line, flush=True)
