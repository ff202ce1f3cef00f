"""Is every misuse refused before anything changes, in words that say what was wrong?"""

import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

import buddycap
from buddycap import OP_DTYPE, CaptureList, MisuseError, Zone
from buddycap._core import AllocRequest, Kswapd, MachineBase

MOVABLE = 2
HUGE = 1 << 70

# Where things lie in the zone that the tests misuse: 64 pages from 0 of which 48..51 are a hole.
SINGLE, BLOCK, FREE, PCP, CAPTURED, HOLE, END = 0, 8, 32, 1, 16, 49, 64
NOT_INTEGERS = [1.0, 1.5, None, "1", b"1", (1,), 1j, object()]

# PFNs that name no allocated block of order 0, and what the message says of them.
BAD_PFNS = [
    pytest.param(-1, "outside the zone", id="negative"),
    pytest.param(END, "outside the zone", id="behind the zone"),
    pytest.param((1 << 63) - 1, "outside the zone", id="largest"),
    pytest.param(-(1 << 63), "outside the zone", id="smallest"),
    pytest.param(HOLE, "hole", id="hole"),
    pytest.param(FREE, "already free", id="free"),
    pytest.param(FREE + 1, "already free: inside the free block 32 of order 4", id="inside a free block"),
    pytest.param(BLOCK, "order", id="other order"),
    pytest.param(BLOCK + 1, "inside the allocated block 8 of order 2: only", id="inside"),
    pytest.param(PCP, "per-CPU list", id="pcp"),
    pytest.param(CAPTURED, "captured", id="captured"),
    pytest.param(CAPTURED + 1, "captured: inside the captured block 16 of order 1", id="inside a captured block"),
    pytest.param(HUGE, "-2^63..2^63-1", id="huge"),
    pytest.param(-HUGE, "-2^63..2^63-1", id="huge negative"),
]


class Setting:
    """A zone with a page in every state, and its capture list."""

    def __init__(self, **keywords):
        keywords = {"min_free_kbytes": 0, "cpus": 2, "pcp_batch": 1, "pcp_high": 4} | keywords
        self.zone = Zone(0, END, present_ranges=[(0, 48), (52, END)], **keywords)
        self.zone.free_blocks()
        taken = self.zone.rmqueue(5, MOVABLE)
        assert taken == 0
        self.zone.split_page(0, 5)
        for pfn in range(BLOCK, BLOCK + 4):
            self.zone.free_one_page(pfn, 0)
        assert self.zone.rmqueue(2, MOVABLE) == BLOCK
        self.zone.free_hot_cold_page(PCP)
        self.capture = self.zone.capture_list()
        self.capture.capture_one_page(CAPTURED)
        self.capture.capture_one_page(CAPTURED + 1)


@pytest.fixture
def setting():
    return Setting(owners=True)


def state(zone):
    """Everything that a refused call must leave alone."""
    return zone.digest(), zone.canonical_dump(), zone.vmstat()


def refused(zone, call, *words, error=MisuseError):
    """The call raises, says all the words, and has changed nothing."""
    before = state(zone)
    with pytest.raises(error) as caught:
        call()
    assert state(zone) == before
    zone.check()
    for word in words:
        assert str(word) in str(caught.value)


PFN_CALLS = {
    "free_one_page": lambda s, pfn: s.zone.free_one_page(pfn, 0),
    "split_page": lambda s, pfn: s.zone.split_page(pfn, 0),
    "free_hot_cold_page": lambda s, pfn: s.zone.free_hot_cold_page(pfn),
    "capture_one_page": lambda s, pfn: s.capture.capture_one_page(pfn),
    "free_many": lambda s, pfn: s.zone.free_many([2, pfn, 3]),
    "capture_many": lambda s, pfn: s.capture.capture_many([2, pfn, 3]),
}


@pytest.mark.parametrize("call", PFN_CALLS.values(), ids=PFN_CALLS)
@pytest.mark.parametrize(("pfn", "words"), BAD_PFNS)
def test_pfn_that_is_no_allocated_page(setting, call, pfn, words):
    refused(setting.zone, lambda: call(setting, pfn), "pfn", f"={pfn}", words)


@pytest.mark.parametrize("name", ["free_many", "capture_many"])
def test_first_offender_of_many_is_named(setting, name):
    refused(setting.zone, lambda: PFN_CALLS[name](setting, FREE), "pfns[1]=32")


@pytest.mark.parametrize("call", PFN_CALLS.values(), ids=PFN_CALLS)
@pytest.mark.parametrize("value", NOT_INTEGERS[:4], ids=repr)
def test_pfn_that_is_no_integer(setting, call, value):
    refused(setting.zone, lambda: call(setting, value), "pfn", "integer", error=TypeError)


@pytest.mark.parametrize("pfn", [-1, END, HOLE, FREE, BLOCK + 1, PCP, CAPTURED, HUGE])
def test_owner_of_a_page_that_is_no_allocated_block(setting, pfn):
    refused(setting.zone, lambda: setting.zone.set_owner(pfn, 1), f"pfn={pfn}")


@pytest.mark.parametrize("cookie", [-1, 1 << 64, HUGE])
def test_owner_cookie_out_of_range(setting, cookie):
    refused(setting.zone, lambda: setting.zone.set_owner(SINGLE, cookie), f"cookie={cookie}", "0..2^64-1")


@pytest.mark.parametrize("cookie", [1.5, None, "1"])
def test_owner_cookie_that_is_no_integer(setting, cookie):
    refused(setting.zone, lambda: setting.zone.set_owner(SINGLE, cookie), error=TypeError)


def test_owner_in_a_zone_without_owners():
    zone = Setting().zone
    refused(zone, lambda: zone.set_owner(SINGLE, 1), "owners=True")


@pytest.mark.parametrize("pfn", [-1, END, HUGE])
def test_pageblock_outside(setting, pfn):
    refused(setting.zone, lambda: setting.zone.set_pageblock_migratetype(pfn, 0), f"pfn={pfn}")


# Arguments that have a range, whatever the state: (call, name in the message, lowest and highest value).
RANGES = {
    "rmqueue order": (lambda s, v: s.zone.rmqueue(v, MOVABLE), "order", 0, 10),
    "rmqueue type": (lambda s, v: s.zone.rmqueue(0, v), "migratetype", 0, 2),
    "rmqueue_pcplist type": (lambda s, v: s.zone.rmqueue_pcplist(v), "migratetype", 0, 2),
    "rmqueue_pcplist cpu": (lambda s, v: s.zone.rmqueue_pcplist(0, cpu=v), "cpu", 0, 1),
    "free order": (lambda s, v: s.zone.free_one_page(SINGLE, v), "order", 0, 10),
    "free_many order": (lambda s, v: s.zone.free_many([SINGLE], v), "order", 0, 10),
    "free_many orders": (lambda s, v: s.zone.free_many([SINGLE, 2], [0, v]), "order[1]", 0, 10),
    "split order": (lambda s, v: s.zone.split_page(SINGLE, v), "order", 0, 10),
    "free_hot_cold cpu": (lambda s, v: s.zone.free_hot_cold_page(SINGLE, cpu=v), "cpu", 0, 1),
    "drain cpu": (lambda s, v: s.zone.drain_pages(v), "cpu", 0, 1),
    "pcp_pages cpu": (lambda s, v: s.zone.pcp_pages(v), "cpu", 0, 1),
    "alloc_many order": (lambda s, v: s.zone.alloc_many(1, v), "order", 0, 10),
    "alloc_many type": (lambda s, v: s.zone.alloc_many(1, 0, v), "migratetype", 0, 2),
    "alloc_many n": (lambda s, v: s.zone.alloc_many(v), "n", 0, 1 << 40),
    "capture order": (lambda s, v: s.capture.capture_one_page(SINGLE, v), "order", 0, 10),
    "consult order": (lambda s, v: s.capture.capture_alloc_or_return(v), "order", 0, 10),
    "consult flags": (lambda s, v: s.capture.capture_alloc_or_return(0, alloc_flags=v), "alloc_flags", 0, 0x7F),
    "consult class": (lambda s, v: s.capture.capture_alloc_or_return(0, classzone_idx=v), "classzone_idx", 0, 3),
    "watermark order": (lambda s, v: s.zone.watermark_ok(v, 0), "order", 0, 10),
    "watermark mark": (lambda s, v: s.zone.watermark_ok(0, v), "mark", -(1 << 60), 1 << 60),
    "watermark class": (lambda s, v: s.zone.watermark_ok(0, 0, classzone_idx=v), "classzone_idx", 0, 3),
    "watermark flags": (lambda s, v: s.zone.watermark_ok(0, 0, alloc_flags=v), "alloc_flags", 0, 0x7F),
    "min_free_kbytes": (lambda s, v: s.zone.set_min_free_kbytes(v), "kb", 0, (1 << 31) - 1),
    "pageblock type": (lambda s, v: s.zone.set_pageblock_migratetype(0, v), "migratetype", 0, 4),
    "free_blocks order": (lambda s, v: s.zone.free_blocks(v), "order", 0, 10),
    "free_blocks type": (lambda s, v: s.zone.free_blocks(0, v), "migratetype", 0, 4),
}


@pytest.mark.parametrize(("call", "name", "low", "high"), RANGES.values(), ids=RANGES)
def test_argument_out_of_range(setting, call, name, low, high):
    for value in (low - 1, high + 1, 255 + high + 2, (1 << 32) + low, (1 << 63) - 1, -(1 << 63)):
        if low <= value <= high:
            continue
        refused(setting.zone, lambda v=value: call(setting, v), name, f"={value}", f"{low}..{high}")
    for value in (HUGE, -HUGE):
        refused(setting.zone, lambda v=value: call(setting, v), name, f"={value}", "..")


NONE_IS_THE_DEFAULT = ("drain cpu", "alloc_many type", "free_blocks order", "free_blocks type")
NO_INTEGERS = [
    pytest.param(what, value, id=f"{what}-{type(value).__name__}")
    for what in RANGES
    for value in NOT_INTEGERS
    if value is not None or what not in NONE_IS_THE_DEFAULT
]


@pytest.mark.parametrize(("what", "value"), NO_INTEGERS)
def test_argument_that_is_no_integer(setting, what, value):
    call, name, _, _ = RANGES[what]
    refused(setting.zone, lambda: call(setting, value), name.partition("[")[0], error=(TypeError, MisuseError))


@pytest.mark.parametrize("what", NONE_IS_THE_DEFAULT)
def test_none_is_the_default(setting, what):
    RANGES[what][0](setting, None)
    setting.zone.check()


class Index:
    """An integer by __index__, as NumPy's are."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32, Index])
def test_integers_of_other_types_are_integers(setting, kind):
    setting.zone.free_one_page(kind(SINGLE), kind(0))
    assert setting.zone.rmqueue(kind(0), kind(2)) == SINGLE


@pytest.mark.parametrize("order", [1, 2, 10])
def test_wrong_order(setting, order):
    words = ("pfn=0", f"order={order}", "order 0")
    refused(setting.zone, lambda: setting.zone.free_one_page(SINGLE, order), *words)
    refused(setting.zone, lambda: setting.capture.capture_one_page(SINGLE, order), *words)
    refused(setting.zone, lambda: setting.zone.free_many([SINGLE], order), "pfns[0]=0", "order 0")


def test_unaligned(setting):
    refused(setting.zone, lambda: setting.zone.free_one_page(2, 2), "pfn=2", "aligned", "order=2")
    refused(setting.zone, lambda: setting.capture.capture_one_page(2, 2), "pfn=2", "aligned", "order=2")


def test_double_free(setting):
    setting.zone.free_one_page(BLOCK, 2)
    refused(setting.zone, lambda: setting.zone.free_one_page(BLOCK, 2), "pfn=8", "already free")


def test_page_of_another_zone(setting):
    other = Zone(1024, 64, min_free_kbytes=0)
    page = other.rmqueue(0, MOVABLE)
    refused(setting.zone, lambda: setting.zone.free_one_page(page, 0), f"pfn={page}", "0..63")
    refused(setting.zone, lambda: setting.capture.capture_one_page(page), f"pfn={page}", "0..63")
    refused(other, lambda: other.free_one_page(SINGLE, 0), "pfn=0", "1024..1087")


@pytest.mark.parametrize("many", ["free_many", "capture_many"])
@pytest.mark.parametrize("pfns", [[2, 3, 2], [2, 2], [3, 2, 4, 5, 2, FREE]], ids=str)
def test_page_named_twice(setting, many, pfns):
    where = max(k for k, pfn in enumerate(pfns) if pfn == 2)
    call = setting.zone.free_many if many == "free_many" else setting.capture.capture_many
    refused(setting.zone, lambda: call(pfns), f"pfns[{where}]=2", "twice")


def test_block_named_twice_with_orders(setting):
    refused(setting.zone, lambda: setting.zone.free_many([BLOCK, 2, BLOCK], [2, 0, 2]), "pfns[2]=8", "twice")
    refused(setting.zone, lambda: setting.zone.free_many([BLOCK, 2, BLOCK], [2, 0, 0]), "pfns[2]=8", "twice")
    refused(setting.zone, lambda: setting.zone.free_many([BLOCK, BLOCK + 1], [2, 0]), "pfns[1]=9", "inside")


def test_marked_page_named_twice():
    zone = Zone(0, 64, min_free_kbytes=0)
    machine = buddycap.Machine([zone])
    pages = zone.alloc_many(4)
    machine.set_page_flags(int(pages[1]), set=buddycap.PageFlags.DIRTY)
    refused(zone, lambda: zone.free_many(pages[[0, 1, 1]]), f"pfns[2]={pages[1]}", "twice")


@pytest.mark.parametrize(
    "pfns",
    [5, [[2, 3]], [2.0, 3.0], ["2"], [True], [2, None], [2, HUGE], np.array([2, 1 << 63], dtype=np.uint64)],
    ids=str,
)
def test_arrays_of_the_wrong_kind(setting, pfns):
    error = (MisuseError, TypeError)
    refused(setting.zone, lambda: setting.zone.free_many(pfns), "pfns", error=error)
    refused(setting.zone, lambda: setting.capture.capture_many(pfns), "pfns", error=error)


@pytest.mark.parametrize("orders", [[0], [0, 0, 0], [0.0, 0.0], [[0, 0]], [0, None]], ids=str)
def test_orders_of_the_wrong_kind(setting, orders):
    refused(setting.zone, lambda: setting.zone.free_many([2, 3], orders), "order", error=(MisuseError, TypeError))


def out_arrays():
    """Arrays that alloc_many(4) cannot fill."""
    fixed = np.zeros(4, np.int64)
    fixed.flags.writeable = False
    return [np.zeros(3, np.int64), np.zeros(4, np.uint32), np.zeros((4, 1), np.int64), np.zeros(8, np.int64)[::2],
            fixed, [0, 0, 0, 0]]  # fmt: skip


@pytest.mark.parametrize("out", out_arrays(), ids=["short", "uint32", "flat", "strided", "read-only", "list"])
def test_result_array_that_does_not_fit(setting, out):
    refused(setting.zone, lambda: setting.zone.alloc_many(4, out=out), "out", "(4,)")


LIST_CALLS = {
    "capture_one_page": lambda capture: capture.capture_one_page(SINGLE),
    "capture_many": lambda capture: capture.capture_many([SINGLE]),
    "capture_many nothing": lambda capture: capture.capture_many([]),
    "capture_alloc_or_return": lambda capture: capture.capture_alloc_or_return(0),
    "blocks": lambda capture: capture.blocks(),
    "stats": lambda capture: capture.stats,
    "enter": lambda capture: capture.__enter__(),
}


@pytest.mark.parametrize("call", LIST_CALLS.values(), ids=LIST_CALLS)
def test_list_after_it_was_closed(setting, call):
    setting.capture.close()
    assert setting.capture.closed
    refused(setting.zone, lambda: call(setting.capture), "closed")
    again = setting.zone.capture_list()  # takes the same place
    refused(setting.zone, lambda: call(setting.capture), "closed")
    before = state(setting.zone)
    setting.capture.close()
    assert not again.closed
    assert state(setting.zone) == before


@pytest.mark.parametrize("kind", [CaptureList, AllocRequest, Kswapd])
def test_handles_cannot_be_made_by_hand(kind):
    for make in (kind, lambda: kind.__new__(kind), lambda: kind.__new__(kind, None), lambda: kind(Zone(0, 1), 0)):
        with pytest.raises(TypeError):
            make()


def test_a_capture_list_is_not_pickled(setting):
    refused(setting.zone, lambda: pickle.dumps(setting.capture), "Zone", error=TypeError)


def test_zone_without_arguments():
    with pytest.raises(TypeError):
        Zone.__new__(Zone)
    with pytest.raises(TypeError):
        Zone()


def test_machine_that_was_not_set_up():
    machine = MachineBase.__new__(MachineBase)
    calls = [
        lambda: machine.alloc_pages(0, 0),
        lambda: machine.request(0, 0),
        lambda: machine.free_pages(0, 0),
        lambda: machine.release(0),
        lambda: machine.kswapd.wake(),
        lambda: machine.zone_state(0),
        lambda: machine.lru_cache_add([0]),
        lambda: machine.mark_page_accessed(0),
    ]
    for call in calls:
        with pytest.raises(MisuseError):
            call()


def stream(*rows):
    """An operation stream from (op, order, migratetype, flags, arg, pfn) rows."""
    return np.array(list(rows), dtype=OP_DTYPE)


GOOD = (1, 0, 2, 0, -1, 0)
BAD_OPS = [
    pytest.param((0, 0, 0, 0, -1, 0), ["op=0", "1", "2"], id="op 0"),
    pytest.param((3, 0, 0, 0, 10**6, 0), ["op=3"], id="op 3"),
    pytest.param((1, 11, 2, 0, -1, 0), ["order=11", "0..10"], id="order"),
    pytest.param((1, 255, 2, 0, 10**9, 0), ["order=255", "0..10"], id="order, stray arg"),
    pytest.param((1, 0, 3, 0, -1, 0), ["migratetype=3", "0..2"], id="type"),
    pytest.param((2, 0, 0, 0, 1, 0), ["arg=1"], id="frees itself"),
    pytest.param((2, 0, 0, 0, 2, 0), ["arg=2"], id="frees a later one"),
    pytest.param((2, 0, 0, 0, 10**6, 0), ["arg=1000000"], id="frees none of the stream"),
    pytest.param((2, 0, 0, 0, -2, 0), ["arg=-2", "-1"], id="arg -2"),
    pytest.param((2, 0, 0, 0, -(1 << 31), 0), ["arg=-2147483648"], id="smallest arg"),
    pytest.param((2, 0, 0, 0, -1, 64), ["pfn=64", "outside"], id="outside"),
    pytest.param((2, 0, 0, 0, -1, -(1 << 63)), [f"pfn={-(1 << 63)}", "outside"], id="far outside"),
    pytest.param((2, 0, 0, 0, -1, 40), ["pfn=40", "inside"], id="inside"),
    pytest.param((2, 3, 0, 0, -1, 0), ["pfn=0", "order=3", "order 0"], id="wrong order"),
    pytest.param((2, 200, 0, 0, -1, 0), ["order=200", "0..10"], id="free order"),
]


@pytest.mark.parametrize(("row", "words"), BAD_OPS)
def test_bad_operation_stops_the_stream_where_it_stands(row, words):
    zone, other = Zone(0, 64, min_free_kbytes=0), Zone(0, 64, min_free_kbytes=0)
    with pytest.raises(MisuseError) as caught:
        zone.run(stream(GOOD, row, GOOD))
    assert "ops[1]" in str(caught.value)
    assert all(word in str(caught.value) for word in words)
    other.run(stream(GOOD))
    assert state(zone) == state(other)


def test_double_free_in_a_stream():
    zone = Zone(0, 64, min_free_kbytes=0)
    free = (2, 0, 0, 0, 0, 0)
    with pytest.raises(MisuseError, match=r"ops\[3\]: pfn=0: already free"):
        zone.run(stream(GOOD, GOOD, free, free))
    assert zone.nr_free_pages == 63


@pytest.mark.parametrize(
    "ops", [None, [1], np.zeros(3), np.zeros((2, 2), OP_DTYPE), "run", np.zeros(2, "u1,u1")], ids=str
)
def test_stream_of_the_wrong_kind(setting, ops):
    refused(setting.zone, lambda: setting.zone.run(ops), "ops")


IMPOSSIBLE = [
    ({"start_pfn": -1}, "start_pfn=-1"),
    ({"start_pfn": 1 << 52}, "start_pfn"),
    ({"start_pfn": HUGE}, "start_pfn"),
    ({"spanned_pages": 0}, "spanned_pages=0"),
    ({"spanned_pages": -1}, "spanned_pages=-1"),
    ({"spanned_pages": (1 << 31) - (1 << 19) + 1}, "spanned_pages"),
    ({"spanned_pages": 1 << 31}, "spanned_pages"),
    ({"spanned_pages": 1 << 62}, "spanned_pages"),
    ({"spanned_pages": HUGE}, "spanned_pages"),
    ({"max_page_order": -1}, "max_page_order=-1"),
    ({"max_page_order": 15}, "max_page_order=15"),
    ({"pageblock_order": -1}, "pageblock_order=-1"),
    ({"pageblock_order": 15}, "pageblock_order=15"),
    ({"zone_idx": 4}, "zone_idx=4"),
    ({"cpus": 0}, "cpus=0"),
    ({"cpus": 4097}, "cpus=4097"),
    ({"pcp_batch": 0}, "pcp_batch=0"),
    ({"pcp_high": -1}, "pcp_high=-1"),
    ({"min_free_kbytes": -1}, "min_free_kbytes=-1"),
    ({"pageblock_index": "other"}, "pageblock_index='other'"),
    ({"seed": HUGE}, f"seed={HUGE}: allowed range is 0..2^64-1"),
    ({"seed": 1 << 64}, "seed"),
    ({"seed": -1}, "seed=-1: allowed range is 0..2^64-1"),
    ({"present_ranges": [(0, 65)]}, "present_ranges[0]=(0, 65)"),
    ({"present_ranges": [(-1, 4)]}, "present_ranges[0]=(-1, 4)"),
    ({"present_ranges": [(0, 4), (3, 8)]}, "present_ranges[1]=(3, 8)"),
    ({"present_ranges": [(8, 12), (0, 4)]}, "present_ranges[1]=(0, 4)"),
    ({"present_ranges": [(4, 4)]}, "present_ranges[0]=(4, 4)"),
    ({"present_ranges": [(4,)]}, "present_ranges[0]=(4,)"),
    ({"present_ranges": [4]}, "present_ranges[0]=4"),
    ({"present_ranges": [(0, HUGE)]}, "present_ranges[0][1]"),
    ({"node_present_pages": [64, 0, 0]}, "node_present_pages"),
    ({"node_present_pages": [63, 0, 0, 0]}, "node_present_pages[0]=63"),
    ({"node_present_pages": [64, -1, 0, 0]}, "node_present_pages[1]=-1"),
    ({"lowmem_reserve_ratio": (256,)}, "lowmem_reserve_ratio"),
    ({"lowmem_reserve_ratio": (256, 1 << 40, 1, 1)}, "lowmem_reserve_ratio[1]"),
    ({"node_highmem": (0, 0)}, "node_highmem"),
]


@pytest.mark.parametrize(
    ("keywords", "words"), IMPOSSIBLE, ids=[f"{next(iter(k))}{n}" for n, (k, _) in enumerate(IMPOSSIBLE)]
)
def test_impossible_zone(keywords, words):
    with pytest.raises(MisuseError, match=re.escape(words)):
        Zone(**({"start_pfn": 0, "spanned_pages": 64} | keywords))


@pytest.mark.parametrize("name", ["start_pfn", "spanned_pages", "max_page_order", "cpus", "seed", "zone_idx"])
@pytest.mark.parametrize("value", [1.0, "1", None])
def test_zone_arguments_that_are_no_integers(name, value):
    with pytest.raises(TypeError, match=name):
        Zone(**({"start_pfn": 0, "spanned_pages": 64} | {name: value}))


NO_ROOM = """
import resource
import buddycap
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
try:
    buddycap.Zone(0, (1 << 31) - (1 << 19))
except MemoryError as error:
    assert "bytes" in str(error)
    buddycap.Zone(0, 1 << 16).check()
    print("refused")
"""


def test_zone_larger_than_the_memory():
    result = subprocess.run([sys.executable, "-c", NO_ROOM], capture_output=True, text=True, timeout=60)
    assert (result.stdout, result.stderr) == ("refused\n", "")
