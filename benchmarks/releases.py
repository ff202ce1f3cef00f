"""How much longer does a zone, or a machine, of 6.12 take than one of 6.1? The same workloads, in turns.

    python benchmarks/releases.py [--size 1GiB] [--rounds 9] [WORD ...]

CPU time of the thread on one core; the ratio is that of two runs that follow each other. WORDs choose among the
workloads by their titles.
"""

import argparse
from collections.abc import Callable

import contenders
import numpy as np
from bench_compaction import half_full_zone, run_of, unmovable_zone
from harness import Spread, load, pin, timed
from workloads import ALLOC, large_ops, mixed_ops, parse_size, pingpong_ops, random_half, random_pfns

from buddycap import KERNELS, REQUEST_DTYPE, Machine, RequestOp

KERNEL, BASELINE = "6.12", "6.1"
OPS = 500_000
HUGE = 9  # order of a huge page
THROUGH_LISTS = 1  # OP_DTYPE: through the per-CPU lists
HUGE_EVERY = 256  # requests of the machine that is full


# --- workloads: each takes a kernel and pages, and gives a job and how many operations it is ---------------------


def moving(kernel, pages):
    """Pages are isolated, moved and freed until the scanners meet."""
    return run_of(half_full_zone(kernel, pages)).run, pages // 4


def direct_compaction(kernel, pages):
    """Runs for a huge page each, which empty a pageblock and take it."""
    zone, gfp = half_full_zone(kernel, pages), KERNELS[kernel].GFP.TRANSHUGE
    runs = pages // 8 >> HUGE

    def job():
        for _ in range(runs):
            zone.compaction.begin(HUGE, gfp, mode="sync-light", direct=True).run()
            zone.rmqueue(HUGE, 1)

    return job, runs << HUGE


def stepping_over(kernel, pages):
    """The migration scanner looks at pages that cannot be moved."""
    return run_of(unmovable_zone(kernel, pages)).run, pages


def bulk(prepare, operations):
    """A job of the races with whole arrays."""

    def run(kernel, pages):
        contender = contenders.BuddycapBulk(kernel)
        zone = contender.zone(pages)
        contender.free_job(zone, np.asarray(contender.alloc_job(zone, pages)()).copy())()
        return prepare(contender, zone, pages), operations(pages)

    return run


def allocate(contender, zone, pages):
    return contender.alloc_job(zone, pages)


def free_of(pfns_of):
    def prepare(contender, zone, pages):
        contender.alloc_job(zone, pages)()
        return contender.free_job(zone, pfns_of(pages))

    return prepare


def allocate_from_half(contender, zone, pages):
    free_of(random_half)(contender, zone, pages)()
    return contender.alloc_job(zone, pages // 2)


def zone_stream(ops_of, flags=0):
    def run(kernel, pages):
        contender, ops = contenders.BuddycapRun(kernel), ops_of(pages).copy()
        ops["flags"] = flags
        return contender.run_job(contender.zone(pages), ops), len(ops)

    return run


def requests(ops, kernel):
    """A stream of operations as requests to a machine."""
    stream = np.zeros(len(ops), REQUEST_DTYPE)
    stream["op"] = np.where(ops["op"] == ALLOC, RequestOp.ALLOC, RequestOp.FREE)
    stream["order"], stream["arg"] = ops["order"], ops["arg"]
    stream["gfp"] = int(KERNELS[kernel].GFP.HIGHUSER_MOVABLE)
    return stream


def machine_stream(kernel, pages):
    machine = Machine.preset("x86_64", memory=pages * 4096, kernel=kernel)
    stream = requests(mixed_ops(pages, OPS), kernel)
    return lambda: machine.run(stream), len(stream)


def full_machine(kernel, pages):
    """Pages of files are read until memory has been used three times over; now and then a huge page is wanted."""
    stream = np.zeros(6 * pages, REQUEST_DTYPE)
    stream["op"][0::2], stream["op"][1::2] = RequestOp.ALLOC, RequestOp.LRU_ADD
    stream["gfp"], stream["arg"][0::2] = int(KERNELS[kernel].GFP.HIGHUSER_MOVABLE), -1
    stream["arg"][1::2] = np.arange(0, len(stream), 2)
    huge = stream[::HUGE_EVERY]
    huge["order"], huge["gfp"] = HUGE, int(KERNELS[kernel].GFP.TRANSHUGE)
    stream["op"][1::HUGE_EVERY] = RequestOp.FREE
    machine = Machine.preset("x86_64", memory=pages * 4096, kernel=kernel)
    return lambda: machine.run(stream), len(stream)


WORKLOADS: dict[str, Callable] = {
    "compaction of a whole zone, pages moved": moving,
    "compaction for one huge page after the other, pages moved": direct_compaction,
    "compaction steps over pages that cannot be moved": stepping_over,
    "allocate a whole merged zone": bulk(allocate, lambda pages: pages),
    "free a whole zone in random order": bulk(free_of(random_pfns), lambda pages: pages),
    "free a random half": bulk(free_of(random_half), lambda pages: pages // 2),
    "allocate from the fragmented half": bulk(allocate_from_half, lambda pages: pages // 2),
    "mixed orders at 70 %, one stream": zone_stream(lambda pages: mixed_ops(pages, OPS)),
    "few large blocks at 70 %, one stream": zone_stream(lambda pages: large_ops(pages, OPS)),
    "mixed orders through the per-CPU lists": zone_stream(lambda pages: mixed_ops(pages, OPS), THROUGH_LISTS),
    "pairs of order 0 through the per-CPU lists": zone_stream(
        lambda pages: pingpong_ops(OPS // 2, 0, nested=True), THROUGH_LISTS
    ),
    "requests of mixed orders to a machine": machine_stream,
    "requests to a machine that is full, with huge pages": full_machine,
}


# --- in turns -----------------------------------------------------------------------------------------------------


def nanoseconds(workload, kernel, pages):
    """Time of one operation."""
    job, operations = workload(kernel, pages)
    return timed(job)[0] / operations * 1e9


def compare(workload, pages, rounds):
    """Medians of both, and the spread of the ratio."""
    pairs = [(nanoseconds(workload, BASELINE, pages), nanoseconds(workload, KERNEL, pages)) for _ in range(rounds + 1)]
    del pairs[0]  # the first touch of memory
    times = (Spread.of(times).median for times in zip(*pairs, strict=True))
    return *times, Spread.of(new / old for old, new in pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--size", default="1GiB", help="of the zone, or of the machine")
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    pin()
    print(f"| workload | {BASELINE}, ns | {KERNEL}, ns | ratio |\n|---|---|---|---|")
    for title, workload in WORKLOADS.items():
        if all(word in title for word in given.words):
            old, new, ratio = compare(workload, parse_size(given.size), given.rounds)
            print(
                f"| {title} | {old:.3g} | {new:.3g} | {ratio.median:.2f} ({ratio.min:.2f}-{ratio.max:.2f}) |",
                flush=True,
            )
    print(f"\nload {load()}")


if __name__ == "__main__":
    main()
