"""Does a stream of requests do to a machine exactly what single calls do, and say what it cost?"""

import random
import threading

import numpy as np
import pytest

from buddycap import (
    COST_DTYPE,
    GFP,
    POLICIES,
    REQUEST_DTYPE,
    RESULT_DTYPE,
    Machine,
    MisuseError,
    PageFlags,
    RequestOp,
    RequestPath,
    Zone,
)
from interruption import interrupted

GFPS = [GFP.KERNEL, GFP.HIGHUSER_MOVABLE, GFP.KERNEL | GFP.RECLAIMABLE, GFP.HIGH, GFP.HIGHUSER_MOVABLE | GFP.COLD]
PAGE_FLAGS = [
    *[PageFlags(0)] * 20,
    PageFlags.REFERENCED,
    PageFlags.DIRTY,
    PageFlags.ACTIVE,
    PageFlags.SWAPBACKED | PageFlags.ANON | PageFlags.MMAP,
    PageFlags.DIRTY | PageFlags.MMAP | PageFlags.YOUNG,
]
PATH_NAMES = {RequestPath.LAST_TRY: "last try", RequestPath.NONE: None}


def two_zones():
    """A small machine of two zones, for capture and swap."""
    present = (1024, 3072, 0, 0)
    low = Zone(0, 1024, zone_idx=0, node_present_pages=present, cpus=2)
    high = Zone(1024, 3072, zone_idx=1, node_present_pages=present, cpus=2)
    return Machine([low, high], policy="v3", swap_pages=5000, events=True)


def one_zone():
    """A machine of one zone, without capture and swap."""
    return Machine.preset("x86_64", memory="16MiB", events=True)


MACHINES = {"two zones": two_zones, "one zone": one_zone}


def random_stream(seed, count, orders=(0,) * 12 + (1, 2, 4)):
    """Operations as a careful user would order them; whether a page is still there nobody can know."""
    rng = random.Random(seed)
    ops = np.zeros(count, REQUEST_DTYPE)
    ops["arg"] = -1
    loose, listed = [], []
    for k in range(count):
        roll, op = rng.random(), ops[k]
        op["cpu"] = rng.randrange(2) if seed % 2 else 0
        if roll < 0.5 or (not loose and not listed):
            op["op"], op["order"], op["gfp"] = RequestOp.ALLOC, rng.choice(orders), rng.choice(GFPS)
            loose.append(k)
        elif roll < 0.94 and loose:
            at = loose[rng.randrange(len(loose))]
            if ops[at]["order"] or rng.random() < 0.1:
                loose.remove(at)
                op["op"], op["arg"] = RequestOp.FREE, at
            else:
                loose.remove(at)
                slab = rng.random() < 0.1
                op["op"] = RequestOp.SLAB_ADD if slab else RequestOp.LRU_ADD
                op["flags"] = 0 if slab else rng.choice(PAGE_FLAGS)
                op["arg"] = at
                if not slab:
                    listed.append(at)
        elif roll < 0.96 and listed:
            op["op"], op["arg"] = RequestOp.ACCESS, rng.choice(listed)
        elif roll < 0.98 and listed:
            op["op"] = rng.choice([RequestOp.SET_FLAGS, RequestOp.CLEAR_FLAGS])
            op["arg"], op["flags"] = rng.choice(listed), PageFlags.DIRTY
        elif roll < 0.995 and listed:
            op["op"], op["arg"] = RequestOp.RELEASE, listed.pop(rng.randrange(len(listed)))
        else:
            op["op"] = RequestOp.KSWAPD
    return ops


class Singles:
    """The same stream by single calls; ownership is followed with the machine's events."""

    def __init__(self, machine, policy=None):
        self.machine, self.holder, self.rows, self.costs = machine, {}, [], []
        self.log, self.policy = [], policy

    def gone(self):
        """Take note of what reclaim has taken."""
        for event in self.machine.events().tolist():
            self.log.append(event)
            if event[2] == 1:
                self.holder.pop(event[0], None)

    def alloc(self, k, op):
        with self.machine.request(
            op["order"],
            op["gfp"],
            policy=self.policy,
            cpu=op["cpu"],
            memalloc=bool(op["flags"] & 1),
            realtime=bool(op["flags"] & 2),
        ) as request:
            pfn = request.run()
        self.gone()
        stats = request.stats
        if stats["reclaims"]:
            self.costs.append((k, stats))
        if pfn is not None:
            self.holder[pfn] = k
        return pfn, stats["path"]

    def target(self, op, ops):
        pfn, path = self.rows[op["arg"]]
        return pfn if pfn is not None and self.holder.get(pfn) == op["arg"] else None

    def run(self, ops):
        machine = self.machine
        calls = {
            RequestOp.RELEASE: lambda op, pfn: machine.release(pfn, cpu=op["cpu"]),
            RequestOp.LRU_ADD: lambda op, pfn: machine.lru_cache_add(pfn, op["flags"]),
            RequestOp.SLAB_ADD: lambda op, pfn: machine.slab_add(pfn, op["flags"]),
            RequestOp.ACCESS: lambda op, pfn: machine.mark_page_accessed(pfn),
            RequestOp.SET_FLAGS: lambda op, pfn: machine.set_page_flags(pfn, set=op["flags"]),
            RequestOp.CLEAR_FLAGS: lambda op, pfn: machine.set_page_flags(pfn, clear=op["flags"]),
        }
        for k, op in enumerate(ops):
            if op["op"] == RequestOp.ALLOC:
                self.rows.append(self.alloc(k, op))
                continue
            pfn = None
            if op["op"] == RequestOp.KSWAPD:
                machine.kswapd.run()
                self.gone()
            elif (pfn := self.target(op, ops)) is not None:
                if op["op"] == RequestOp.FREE:
                    machine.free_pages(pfn, ops[op["arg"]]["order"], cpu=op["cpu"])
                else:
                    calls[op["op"]](op, pfn)
            self.rows.append((pfn, None))


def states(machine):
    """Everything there is to know of a machine."""
    return (
        [zone.digest() for zone in machine.zones],
        [zone.canonical_dump() for zone in machine.zones],
        machine.swap_free,
        machine.writeback.tolist(),
        machine.kswapd.stats,
        machine.zoneinfo(),
        machine.vmstat(),
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("make", MACHINES.values(), ids=MACHINES)
def test_stream_is_single_calls(make, seed):
    ops = random_stream(seed, 12_000)
    if make is one_zone:
        ops["cpu"] = 0
    one, two = make(), make()
    results, costs = one.run(ops)
    singles = Singles(two)
    singles.run(ops)
    assert [None if pfn < 0 else pfn for pfn in results["pfn"].tolist()] == [pfn for pfn, _ in singles.rows]
    assert states(one) == states(two)
    assert one.events().tolist() == singles.log
    paths = [PATH_NAMES.get(path, RequestPath(path).name.lower()) for path in results["path"].tolist()]
    assert paths == [path for _, path in singles.rows]
    for zone in one.zones:
        zone.check()
    assert_costs(ops, results, costs, singles.costs)
    assert {"fast", "second", "reclaim" if make is one_zone else "captured"} <= set(paths)
    assert any((results["pfn"] < 0) & (ops["op"] == RequestOp.ACCESS)), "reclaim has taken pages"


ROWS = {**POLICIES, "hook": POLICIES["v3"].replace(name="mine", hook=lambda consultation: "return")}


@pytest.mark.parametrize("policy", ROWS.values(), ids=ROWS)
def test_every_policy(policy):
    ops, one, two = random_stream(3, 6000), two_zones(), two_zones()
    results, costs = one.run(ops, policy=policy)
    singles = Singles(two, policy)
    singles.run(ops)
    assert [None if pfn < 0 else pfn for pfn in results["pfn"].tolist()] == [pfn for pfn, _ in singles.rows]
    assert states(one) == states(two)
    assert one.events().tolist() == singles.log
    assert_costs(ops, results, costs, singles.costs)


def assert_costs(ops, results, costs, expected):
    """Every allocation that reclaimed has its row, with what a single one says of itself; every run of kswapd, too."""
    of_requests = costs[ops["op"][costs["op"]] == RequestOp.ALLOC]
    assert of_requests["op"].tolist() == [k for k, _ in expected]
    for row, (_, stats) in zip(of_requests, expected, strict=True):
        said = {name: int(row[name]) for name in COST_DTYPE.names if name != "op"}
        said["capture_largest"] = None if said["capture_largest"] < 0 else said["capture_largest"]
        assert said == {name: stats[name] for name in said}
    rows = np.flatnonzero(results["cost"] >= 0)
    assert rows.tolist() == costs["op"].tolist()
    assert results["cost"][rows].tolist() == list(range(len(costs)))
    assert (np.flatnonzero(ops["op"] == RequestOp.KSWAPD).tolist()) == [
        int(row["op"]) for row in costs if ops["op"][row["op"]] == RequestOp.KSWAPD
    ]


def test_zone_and_freed_are_said():
    machine = two_zones()
    ops = np.zeros(4, REQUEST_DTYPE)
    ops["op"] = RequestOp.ALLOC, RequestOp.ALLOC, RequestOp.FREE, RequestOp.ALLOC
    ops["gfp"] = GFP.HIGHUSER_MOVABLE, GFP.KERNEL | GFP.DMA32, 0, GFP.KERNEL
    ops["arg"] = -1, -1, 0, -1
    results, costs = machine.run(ops)
    assert (results.dtype, costs.dtype, len(costs)) == (RESULT_DTYPE, COST_DTYPE, 0)
    for row, zone in zip(results.tolist(), [1, 0, 1, 1], strict=True):
        assert row[2] == zone
        assert machine.zones[zone].start_pfn <= row[0]
    assert results["freed"].tolist() == [1, 0, 0, 0]
    assert (results["reserved"] == 0).all()


def test_policy_of_a_stream():
    ops = random_stream(1, 12_000)
    paths = {}
    for policy in ("none", "v3", POLICIES["v3"]):
        results, _ = two_zones().run(ops, policy=policy)
        paths[str(policy)] = set(results["path"].tolist())
    assert RequestPath.CAPTURED not in paths["none"]
    assert RequestPath.CAPTURED in paths["v3"]
    assert len(set(map(frozenset, list(paths.values())[1:]))) == 1


def test_an_empty_stream():
    results, costs = one_zone().run(np.zeros(0, REQUEST_DTYPE))
    assert (len(results), len(costs)) == (0, 0)


# --- misuse ---


def refused(machine, ops, *words):
    """The stream is refused at its last operation, and all before it have been performed."""
    twin = two_zones()
    twin.run(ops[:-1])
    with pytest.raises(MisuseError) as caught:
        machine.run(ops)
    for word in (f"ops[{len(ops) - 1}]: ", *words):
        assert word in str(caught.value)
    assert [zone.digest() for zone in machine.zones] == [zone.digest() for zone in twin.zones]


def operations(*rows):
    """Operations from dicts."""
    ops = np.zeros(len(rows), REQUEST_DTYPE)
    ops["arg"], ops["gfp"] = -1, GFP.KERNEL
    for k, row in enumerate(rows):
        for name, value in row.items():
            ops[k][name] = value
    return ops


PAGE = {"op": RequestOp.ALLOC}
BLOCK = {"op": RequestOp.ALLOC, "order": 2}
FREED = {"op": RequestOp.FREE, "arg": 0}
LISTED = {"op": RequestOp.LRU_ADD, "arg": 0}
MISUSE = {
    "unknown": ([{"op": 0}], "op=0: allowed range is 1..9"),
    "unknown too": ([{"op": 10, "arg": (1 << 31) - 1}], "op=10"),
    "arg of an allocation": ([{"op": RequestOp.ALLOC, "order": 11, "arg": (1 << 31) - 1}], "order=11"),
    "order": ([{"op": RequestOp.ALLOC, "order": 11}], "order=11: allowed range is 0..10"),
    "gfp": ([{"op": RequestOp.ALLOC, "gfp": 1 << 31}], "gfp=0x80000000: unknown bits"),
    "mobility": ([{"op": RequestOp.ALLOC, "gfp": GFP.MOVABLE | GFP.RECLAIMABLE}], "MOVABLE and RECLAIMABLE"),
    "cpu": ([{"op": RequestOp.ALLOC, "cpu": 2}], "cpu=2: allowed range is 0..1"),
    "task": ([{"op": RequestOp.ALLOC, "flags": 4}], "flags=0x4: 0x4 cannot be set here"),
    "arg ahead": ([PAGE, {"op": RequestOp.FREE, "arg": 1}], "arg=1"),
    "arg far ahead": ([PAGE, {"op": RequestOp.FREE, "arg": (1 << 31) - 1}], "arg=2147483647"),
    "arg below -1": ([PAGE, {"op": RequestOp.FREE, "arg": -2, "pfn": 4095}], "arg=-2: allowed are -1"),
    "smallest arg": ([PAGE, {"op": RequestOp.ACCESS, "arg": -(1 << 31), "pfn": 4095}], "arg=-2147483648"),
    "arg of a free": ([PAGE, FREED, {"op": RequestOp.FREE, "arg": 1}], "arg=1"),
    "freed twice": ([PAGE, FREED, FREED], "pfn=", "already free"),
    "freed and had by another": ([PAGE, FREED, PAGE, FREED], "already free"),
    "free of a listed page": ([PAGE, LISTED, FREED], "on an LRU list"),
    "free cpu": ([PAGE, {"op": RequestOp.FREE, "arg": 0, "cpu": 9}], "cpu=9"),
    "wrong order": ([BLOCK, {"op": RequestOp.FREE, "pfn": 4092, "order": 1}], "order=1"),
    "nowhere": ([{"op": RequestOp.FREE, "pfn": 1 << 40}], "none of the machine's zones"),
    "negative": ([{"op": RequestOp.ACCESS, "pfn": -7}], "pfn=-7"),
    "a free page": ([{"op": RequestOp.ACCESS, "pfn": 0}], "already free"),
    "block on the LRU": ([BLOCK, LISTED], "higher order"),
    "listed twice": ([PAGE, LISTED, LISTED], "already on a list"),
    "LRU flags": ([PAGE, {"op": RequestOp.LRU_ADD, "arg": 0, "flags": 1 << 5}], "0x20 cannot be set here"),
    "anon": ([PAGE, {"op": RequestOp.LRU_ADD, "arg": 0, "flags": PageFlags.ANON}], "ANON needs SWAPBACKED"),
    "slab flags": ([PAGE, {"op": RequestOp.SLAB_ADD, "arg": 0, "flags": PageFlags.DIRTY}], "cannot be set here"),
    "page flags": ([PAGE, {"op": RequestOp.SET_FLAGS, "arg": 0, "flags": PageFlags.ACTIVE}], "cannot be set here"),
    "released block": ([BLOCK, {"op": RequestOp.RELEASE, "arg": 0}], "higher order"),
}


@pytest.mark.parametrize("case", MISUSE.values(), ids=MISUSE)
def test_misuse_is_refused_with_its_place(case):
    rows, *words = case
    refused(two_zones(), operations(*rows), *words)


@pytest.mark.parametrize("ops", [np.zeros(3), np.zeros((2, 2), REQUEST_DTYPE), [1, 2]], ids=["plain", "2d", "list"])
def test_what_is_no_stream(ops):
    with pytest.raises(MisuseError, match="REQUEST_DTYPE"):
        one_zone().run(ops)


def test_swap_slots_are_counted():
    machine = Machine([Zone(0, 4096)], swap_pages=1)
    flags = PageFlags.SWAPBACKED | PageFlags.ANON | PageFlags.SWAPCACHE
    ops = operations(PAGE, PAGE, {"op": RequestOp.LRU_ADD, "arg": 0, "flags": flags}, {**LISTED, "flags": flags})
    ops["arg"][3] = 1
    with pytest.raises(MisuseError, match=r"ops\[3\].*no swap slot"):
        machine.run(ops)
    assert machine.swap_free == 0


# --- Ctrl-C and threads ---

INTERRUPTED = """
    import signal
    import numpy as np
    from buddycap import GFP, REQUEST_DTYPE, Machine

    signal.signal(signal.SIGINT, signal.default_int_handler)
    machine = Machine.preset("x86_64", memory="16MiB")
    ops = np.zeros(4_000_000, REQUEST_DTYPE)
    ops["op"][0::2], ops["op"][1::2] = 1, 2
    ops["gfp"], ops["arg"] = GFP.KERNEL, -1
    ops["arg"][1::2] = np.arange(0, len(ops), 2)
    machine.run(ops[:1000])  # under load Ctrl-C may come before the first operation of the stream
    print("ready", flush=True)
    try:
        while True:
            machine.run(ops)
    except KeyboardInterrupt:
        machine.zones[0].check()
        done = machine.zones[0].vmstat()
        assert done["pgalloc"] > 0 and done["pgalloc"] == done["pgfree"]
        machine.run(ops[:2])
        print("kept", flush=True)
"""


def test_interrupted_stream_keeps_what_is_done():
    assert interrupted(INTERRUPTED) == ("kept\n", "")


def test_threads_take_turns():
    machine, failures = two_zones(), []
    machine.events()

    def work(seed):
        try:
            for k in range(4):
                ops = random_stream(10 * seed + k, 1500, orders=(0, 0, 0, 1, 2))
                ops = ops[np.isin(ops["op"], [RequestOp.ALLOC])]
                results, _ = machine.run(ops)
                for pfn, order in zip(results["pfn"].tolist(), ops["order"].tolist(), strict=True):
                    if pfn >= 0:
                        machine.free_pages(pfn, order)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for zone in machine.zones:
        zone.check()
        zone.drain_pages(0)
        zone.drain_pages(1)
        assert zone.nr_free_pages == zone.present_pages
