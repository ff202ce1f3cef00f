"""Has any workload become more work?  Counted, so the answer does not depend on the machine or on how busy it is.

The table is tests/data/counted_work.json.  No count may be larger than there.  When work has been saved, or has grown
for a good reason, write it anew: ``python tests/core/test_counted_work.py``.
"""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from buddycap import GFP, OP_DTYPE, Machine, MigrateType, Zone, _core

TABLE = Path(__file__).parents[1] / "data" / "counted_work.json"
PAGES = 16384
EVENTS = ("buddy_split", "buddy_merge", "pgalloc", "pgfree")
COST = (
    "scanned",
    "looked",
    "isolated",
    "active",
    "freed",
    "captured",
    "unmapped",
    "pageouts",
    "slab_scanned",
    "reclaims",
)
ORDERS = np.array([0] * 8 + [1] * 4 + [2] * 2 + [3, 5])


def words(n, stream=0):
    """Raw words of PCG64: the same everywhere."""
    return np.random.PCG64([2008, stream]).random_raw(n)


def shuffled(n):
    return np.argsort(words(n), kind="stable")


def zone_work(zone):
    """The counters of a zone.

    The list operations of single calls follow from them: a free does one, and one for each merge; an allocation does
    one, and one for each split. Those of bulk calls are counted: listed, unlisted, cut.
    """
    vm = zone.vmstat()
    return {name: vm[name] for name in EVENTS} | {f"bulk_{name}": n for name, n in zone.bulk_work().items()}


def empty():
    return Zone(0, PAGES, min_free_kbytes=0)


def full():
    zone = empty()
    zone.alloc_many(PAGES)
    return zone


def since(zone, job):
    """What a job adds to the counters of a zone."""
    before = zone_work(zone)
    job(zone)
    return {name: count - before[name] for name, count in zone_work(zone).items()}


def free_in_two_batches(zone):
    for part in np.array_split(shuffled(PAGES), 2):
        zone.free_many(part)


def fragmented():
    zone = full()
    zone.free_many(shuffled(PAGES)[: PAGES // 2])
    return zone


def capture_stream(zone):
    with zone.capture_list() as capture:
        capture.capture_many(shuffled(PAGES))
        assert capture.capture_alloc_or_return(9, alloc_flags=1) is not None


def mixed_stream(zone):
    """Allocations of mixed orders and types; each is freed some hundred operations later."""
    draw = words(8000, 1)
    ops = np.zeros(16000, OP_DTYPE)
    ops["op"] = 1
    ops["order"] = np.repeat(ORDERS[draw % 16], 2)
    ops["migratetype"] = np.repeat(draw >> 8, 2) % 3
    ops["arg"] = -1
    frees = np.arange(1000, 16000, 2) + 1
    ops["op"][frees] = 2
    ops["arg"][frees] = frees - 999
    zone.run(ops)


def reclaim():
    """One request of order 6 in a zone full of clean file pages."""
    zone = Zone(0, 4096, min_free_kbytes=256)
    machine = Machine([zone])
    machine.lru_cache_add(zone.alloc_many(4000))
    with machine.request(6, GFP.KERNEL | GFP.MOVABLE) as request:
        assert request.run() is not None
        stats = request.stats
    return {name: stats[name] for name in COST} | zone_work(zone)


def singles(zone):
    for _ in range(3):
        pages = [zone.rmqueue(0, MigrateType.MOVABLE) for _ in range(3000)]
        for k in shuffled(3000).tolist():
            zone.free_one_page(pages[k], 0)


WORKLOADS = {
    "single calls": lambda: since(empty(), singles),
    "free in order": lambda: since(full(), lambda zone: zone.free_many(np.arange(PAGES))),
    "free at random": lambda: since(full(), lambda zone: zone.free_many(shuffled(PAGES))),
    "free a random half": lambda: since(full(), lambda zone: zone.free_many(shuffled(PAGES)[: PAGES // 2])),
    "free in two batches": lambda: since(full(), free_in_two_batches),
    "free blocks of order 1": lambda: since(empty(), lambda zone: zone.free_many(zone.alloc_many(PAGES // 2, 1), 1)),
    "allocate a merged zone": lambda: since(empty(), lambda zone: zone.alloc_many(PAGES)),
    "allocate a fragmented half": lambda: since(fragmented(), lambda zone: zone.alloc_many(PAGES // 2)),
    "fall back to another type": lambda: since(fragmented(), lambda zone: zone.alloc_many(PAGES // 4, 0, 0)),
    "capture stream": lambda: since(full(), capture_stream),
    "mixed stream": lambda: since(empty(), mixed_stream),
    "direct reclaim": reclaim,
}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_no_more_work_than_recorded(workload):
    recorded = json.loads(TABLE.read_text())[workload]
    counted = WORKLOADS[workload]()
    grown = {name: (recorded.get(name, 0), n) for name, n in counted.items() if n > recorded.get(name, 0)}
    assert grown == {}, f"(recorded, counted); if there is a good reason: python {Path(__file__).name}"


def test_the_table_is_about_these_workloads():
    assert set(json.loads(TABLE.read_text())) == set(WORKLOADS)


def test_compiled_streams_ask_for_their_pages_ahead():
    """A compiler may drop a function that only prefetches, which doubles the time of a stream in a large zone."""
    listing = subprocess.run(["objdump", "-d", _core.__file__], capture_output=True, text=True, check=True).stdout
    functions = re.findall(r"^\w+ <\w*(?:run_ops|prefetch)\w*>:\n((?:.+\n)+)", listing, re.M)
    asked = sum(len(re.findall(r"\t(?:prefetch|prfm)", function)) for function in functions)
    kernels = 3 if _core.build_facts()["optimized"] else 1  # the helpers are inlined once for each kernel
    assert asked >= 3 * kernels, "the result that a free names, its order byte and its links"


if __name__ == "__main__":
    TABLE.write_text(json.dumps({name: workload() for name, workload in WORKLOADS.items()}, indent=1) + "\n")
