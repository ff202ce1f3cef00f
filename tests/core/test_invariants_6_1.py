"""Can check() of a zone of Linux 6.1 fail? Each case breaks one cell of a sound zone, and that is told."""

import ctypes
import pickle

import pytest

from buddycap import Node, Zone
from reference.linux_6_1 import zone as twin
from zone_struct import PG_CAPTURED, PG_FREE, PG_HOLE, PG_TAIL, PG_USED, Header
from zone_struct_6_1 import PG_PCP, PG_RESERVED, PG_TAKEN, Memory61, Own, broken, broken_by, free_list_61, pcp_list_61

MOVABLE = 1
START, SPAN = 3000, 5000
GAP, LEFT = 5000, 7000  # a hole of 8 pages, and pages that the allocator was never given
MARKED, PLAIN, BLOCK, LONE, COUNT, HUGE = 4096, 4100, 4104, 4112, 4116, 4120


@pytest.fixture
def zone():
    """A zone with pages in every state; all of the first pages are allocated, and page LONE is free."""
    present = [(START, GAP), (GAP + 8, START + SPAN)]
    made = Zone(START, SPAN, kernel="6.1", present_ranges=present, cpus=2, owners=True, min_free_kbytes=32,
                free_ranges=[(START, GAP), (GAP + 8, LEFT), (LEFT + 8, START + SPAN)])  # fmt: skip
    pages = made.alloc_many(made.nr_free_pages).tolist()
    made.free_many([pfn for pfn in pages if pfn >= 6144])
    made.free_pages(made.rmqueue_zone(0), 0)
    made.free_many([BLOCK, BLOCK + 1, BLOCK + 2, BLOCK + 3])
    assert made.rmqueue(2, MOVABLE) == BLOCK
    made.free_one_page(LONE, 0)
    made.set_lru(MARKED, 1)
    made.get_page(COUNT)
    made.set_owner(PLAIN, 77)
    made.join_pages(HUGE, 2)
    made.compaction.make_compound(HUGE, 2)
    made.check()
    return made


def on_pcp(zone):
    return int(zone.pcp_blocks(0, MOVABLE)["pfn"][0])


def own(name):
    return lambda memory: (memory.own, name)


def header(name):
    return lambda memory: (memory.header, name)


def cell(array, *key):
    return lambda memory: (getattr(memory, array)(*key), "value")


def part(array, key, name):
    return lambda memory: (getattr(memory, array)(key), name)


CASES = {
    "I1 kernel": (header("kernel"), 2, 1, None),
    "I1 header size": (header("header_bytes"), ctypes.sizeof(Header), 1, None),
    "I1 largest order": (header("max_page_order"), 9, 1, None),
    "I1 pageblock order": (header("pageblock_order"), 10, 1, None),
    "I1 grouping": (header("grouping"), 2, 1, None),
    "I1 min_free_kbytes": (header("min_free_kbytes"), -1, 1, None),
    "I1 cma": (own("cma"), 2, 1, None),
    "I1 number of ISOLATE": (own("isolate_type"), 5, 1, None),
    "I1 boosted": (own("boosted"), -1, 1, None),
    "I1 reclaim": (own("reclaim"), 2, 1, None),
    "I1 cpu": (own("cpu"), 2, 1, None),
    "I1 boost factor": (own("boost_factor"), -1, 1, None),
    "I1 scale": (own("scale"), 3001, 1, None),
    "I9 armed for movable blocks": (own("capture_movable"), 1, 9, None),
    "I2 unknown state": (cell("order", PLAIN), 0x50, 2, PLAIN),
    "I2 order above the largest": (cell("order", PLAIN), PG_USED | 11, 2, PLAIN),
    "I2 tag of an isolated page": (cell("order", PLAIN), PG_PCP | 4, 2, PLAIN),
    "I3 page in front of the zone": (cell("order", START - 1), PG_USED, 3, START - 1),
    "I3 reserved page behind the zone": (cell("order", START + SPAN), PG_RESERVED, 3, START + SPAN),
    "I3 page in a hole": (cell("order", GAP), PG_USED, 3, None),
    "I4 head inside a block": (cell("order", BLOCK + 1), PG_USED, 4, BLOCK + 1),
    "I4 unaligned": (cell("order", PLAIN + 1), PG_USED | 1, 4, PLAIN + 1),
    "I4 stray inside": (cell("order", PLAIN), PG_TAIL, 4, PLAIN),
    "I5 free page on no list": (cell("order", PLAIN), PG_FREE, 5, None),
    "I5 used page on a list": (cell("order", LONE), PG_USED, 5, LONE),
    "I5 next out of range": (part("link", LONE, "next"), 1 << 20, 5, LONE),
    "I7 free pages": (header("nr_free_pages"), 3, 7, None),
    "I7 managed pages": (own("managed"), SPAN, 7, None),
    "I9 captured by nobody": (cell("order", PLAIN), PG_CAPTURED, 9, None),
    "I9 captured block that is none": (own("capture_page"), PLAIN - 2048, 9, None),
    "I10 count": (part("pcp", 0, "count"), 5, 10, None),
    "I10 batch": (part("pcp", 1, "batch"), 0, 10, None),
    "I10 free factor": (part("pcp", 1, "free_factor"), 6, 10, None),
    "I10 locked": (part("pcp", 1, "locked"), 2, 10, None),
    "I10 waits on no list": (cell("order", PLAIN), PG_PCP | MOVABLE, 10, None),
    "I11 mark that nobody knows of": (cell("flags", PLAIN), 1 << 5, 11, PLAIN),
    "I11 marked without a mark": (cell("flags", MARKED), 0, 11, MARKED),
    "I11 unknown flag": (cell("flags", MARKED), 1 << 20, 11, MARKED),
    "I11 lost reference": (cell("refs", COUNT), 0, 11, COUNT),
    "I11 mark inside a compound block": (cell("flags", HUGE + 1), 1 << 5, 11, HUGE + 1),
    "I11 reference inside a block": (cell("refs", BLOCK + 1), 1, 11, BLOCK + 1),
    "I12 on the list of others": (cell("flags", MARKED), 1 << 5 | 1 << 18, 12, MARKED),
    "I13 isolated by nobody": (cell("flags", MARKED), 1 << 5 | 1 << 28, 13, None),
    "I14 skip bit": (cell("skip", 2560), 2, 14, 2560),
    "I1 deferral": (lambda memory: (memory.own.compact, "defer_shift"), 7, 1, None),
    "I16 list of nobody": (header("slots_used"), 1, 16, None),
    "I14 type": (cell("pageblock", 1), 5, 14, 2560),
    "I14 isolated": (own("nr_isolated"), 1, 14, None),
    "I15 min above low": (header("pages_min"), 1 << 40, 15, None),
    "I15 promo below high": (own("pages_promo"), 0, 15, None),
    "I15 boost": (own("boost"), -1, 15, None),
    "I15 reserve": (own("reserved_highatomic"), -1, 15, None),
    "I1 private lists": (header("slots_used"), 129, 1, None),
    "I17 owner of a free page": (cell("owner", LONE), 7, 17, LONE),
    "I18 scratch": (cell("bits", 3), 1, 18, 2048 + 192),
}


@pytest.mark.parametrize(("where", "value", "invariant", "pfn"), CASES.values(), ids=CASES)
def test_a_broken_cell_is_found(zone, where, value, invariant, pfn):
    assert broken_by(zone, *where(Memory61(zone)), value) == (invariant, pfn)


def test_a_count_of_blocks_is_compared_with_the_lists(zone):
    memory = Memory61(zone)
    memory.header.nr_free[0] += 1
    assert broken(zone) == (6, None)


def test_a_block_on_the_list_of_another_type_is_found(zone):
    memory, page = Memory61(zone), on_pcp(zone)
    memory.order(page).value = PG_PCP | 2
    assert broken(zone) == (10, page)


def test_a_free_block_of_a_type_that_there_is_not_is_found(zone):
    memory = Memory61(zone)
    index, old, new = LONE - 2048, memory.link_at(free_list_61(0, MOVABLE)), free_list_61(0, 5)
    assert old.next == index
    old.next = memory.link(LONE).next
    memory.link_at(old.next).prev = free_list_61(0, MOVABLE)
    memory.link_at(new).next = memory.link_at(new).prev = index
    memory.link(LONE).next = memory.link(LONE).prev = new
    assert broken(zone) == (5, None)


def test_buddies_that_did_not_merge_are_found(zone):
    memory = Memory61(zone)
    page, head = LONE + 1, free_list_61(0, MOVABLE)
    index, first = page - 2048, memory.link_at(head).next
    memory.order(page).value = PG_FREE
    memory.owner(page).value = 0
    memory.link_at(index).next, memory.link_at(index).prev = first, head
    memory.link_at(head).next = memory.link_at(first).prev = index
    memory.header.nr_free[0] += 1
    memory.header.nr_free_pages += 1
    assert broken(zone) == (8, LONE)


def test_a_count_of_pages_on_the_lru_is_compared_with_the_lists(zone):
    Memory61(zone).header.nr_lru[2] += 1
    assert broken(zone) == (12, None)


def test_every_invariant_that_there_is_is_broken_once():
    told = {invariant for _, _, invariant, _ in CASES.values()} | {6, 8}
    assert told == {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}


def test_states_that_the_zone_above_does_not_have():
    zone = Zone(0, 4096, kernel="6.1", cma=True)
    assert zone.take_free_block(0) == 1024
    assert Memory61(zone).order(0).value == PG_TAKEN | 10
    zone.arm_capture(9)
    pfn = zone.rmqueue(9, MOVABLE)
    zone.free_one_page(pfn, 9)
    assert Memory61(zone).order(pfn).value == PG_CAPTURED | 9
    zone.check()
    assert zone.end_capture() == pfn
    assert pcp_list_61(0, 0) == -82
    assert ctypes.sizeof(Own) % 8 == 0
    assert Memory61(zone).order(4095).value != PG_HOLE


# (what, its arguments): blocks of order 10 that are isolated by halves while they change hands.
MISCOUNTED = [
    ("rmqueue", 9, 1), ("free_one_page", 0, 9), ("rmqueue", 9, 1), ("free_one_page", 0, 9), ("rmqueue", 8, 1),
    ("free_one_page", 0, 8), ("isolate_range", 512, 1024, 1), ("rmqueue", 10, 2), ("free_one_page", 1024, 10),
    ("rmqueue", 9, 0), ("undo_isolate_range", 512, 1024, 1), ("rmqueue", 10, 2), ("rmqueue", 8, 0),
    ("free_one_page", 1024, 9), ("rmqueue", 8, 0), ("free_one_page", 1536, 8), ("isolate_range", 512, 1536, 1),
    ("free_one_page", 1792, 8), ("free_one_page", 0, 10), ("rmqueue", 8, 2), ("rmqueue", 8, 0),
    ("free_one_page", 1536, 8), ("undo_isolate_range", 1024, 1536, 1), ("rmqueue", 10, 2),
    ("undo_isolate_range", 512, 1024, 1), ("free_one_page", 1024, 10),
]  # fmt: skip


def test_miscounts_of_the_kernel_add_up_to_more_than_there_is():
    """The zone counts as the twin does, and stays one that can be checked, copied and saved."""
    core, slow = (kind(0, 2048, kernel="6.1", zone_idx=0) for kind in (Zone, twin.Zone))
    node, other = Node([core]), twin.Node([slow])
    for name, *arguments in MISCOUNTED:
        owner, twins = (core, slow) if name == "rmqueue" else (node, other)
        assert getattr(owner, name)(*arguments) == getattr(twins, name)(*arguments)
    assert core.nr_free_pages > core.present_pages
    core.check()
    assert pickle.loads(pickle.dumps(core)).digest() == core.copy().digest() == core.digest()
    assert node.canonical_dump() == other.canonical_dump()
