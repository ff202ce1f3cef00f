"""Can check() fail? Each case breaks one cell of a sound zone and must be told exactly what that breaks."""

import ctypes

import pytest

from buddycap import CorruptionError, Machine, PageFlags, Zone
from zone_struct import (
    PG_CAPTURED,
    PG_FREE,
    PG_HOLE,
    PG_MARKED,
    PG_PCP,
    PG_TAIL,
    PG_USED,
    Header,
    Memory,
    free_list,
    page_list,
    pcp_list,
)

MOVABLE = 2
START, END = 1000, 1400  # the span; pages 1200..1207 are a hole

# Where things are in the zone below.
PAGE, BLOCK, OTHER, ON_PCP, DIRTY, LRU, TAKEN, GAP, LONE = 1024, 1032, 1033, 1056, 1060, 1064, 1072, 1200, 1088
BIG = 1280  # a free block of order 6, next to nothing that is free


@pytest.fixture
def zone():
    """A zone with pages in every state: it starts off a pageblock and has a hole."""
    made = Zone(START, END - START, present_ranges=[(START, GAP), (GAP + 8, END)], max_page_order=6, pageblock_order=6,
                min_free_kbytes=32, owners=True, cpus=2, pcp_batch=2, pcp_high=8)  # fmt: skip
    machine = Machine([made])
    while made.rmqueue(0, MOVABLE) is not None:
        pass
    for pfn in range(BLOCK, BLOCK + 4):
        made.free_one_page(pfn, 0)
    assert made.rmqueue(2, MOVABLE) == BLOCK
    made.free_many(range(BIG, BIG + 64))
    made.free_one_page(LONE, 0)
    made.free_hot_cold_page(ON_PCP)
    made.free_hot_cold_page(ON_PCP + 2)
    machine.set_page_flags(DIRTY, set=PageFlags.DIRTY)
    machine.lru_cache_add([LRU, LRU + 1])
    made.set_owner(PAGE, 77)
    made.capture_list().capture_one_page(TAKEN)
    made.capture_list()
    made.check()
    assert made.page_order[BIG - START] == PG_FREE | 6
    return made


def broken(zone):
    """What check() says: invariant, PFN, expected, found."""
    with pytest.raises(CorruptionError) as caught:
        zone.check()
    error = caught.value
    assert str(error.invariant) in str(error)
    return error.invariant, error.pfn, error.expected, error.found


def index(pfn):
    """Index of a page: the zone's base is its start rounded down to a largest block."""
    return pfn - (START & -64)


def header(name):
    return lambda memory: (memory.header, name)


def cell(array, *key):
    """A one-number cell, such as the order byte of a page."""
    return lambda memory: (getattr(memory, array)(*key), "value")


def part(array, key, name):
    """A field of a record, such as the next of a link."""
    return lambda memory: (getattr(memory, array)(key), name)


# (cell, new value, invariant, pfn, expected, found); a function as new value is given the old one.
def more(value):
    return value + 1


CASES = {
    "I1 magic": (header("magic"), 0, 1, None, int.from_bytes(b"bDyZone1", "little"), 0),
    "I1 version": (header("version"), 3, 1, None, 2, 3),
    "I1 header size": (header("header_bytes"), 8, 1, None, ctypes.sizeof(Header), 8),
    "I1 geometry": (header("max_page_order"), 15, 1, None, 1, 0),
    "I1 pages": (header("nr_index"), more, 1, None, 448, 449),
    "I1 base": (header("base_pfn"), 0, 1, None, 960, 0),
    "I1 first": (header("first"), 0, 1, None, 40, 0),
    "I1 end": (header("end"), 999, 1, None, 440, 999),
    "I1 blocks": (header("nr_pageblocks"), 8, 1, None, 7, 8),
    "I1 origin": (header("pageblock_origin"), 3, 1, None, 40, 3),
    "I1 lists": (header("slots_used"), 65536, 1, None, 65535, 65536),
    "I1 offset": (header("off_order"), 64, 1, None, None, 64),
    "I1 size": (header("bytes"), 64, 1, None, None, 64),
    "I2 order above the largest": (cell("order", PAGE), PG_USED | 7, 2, PAGE, PG_TAIL, PG_USED | 7),
    "I2 pcp tag": (cell("order", ON_PCP), PG_PCP | 5, 2, ON_PCP, PG_TAIL, PG_PCP | 5),
    "I2 unknown state": (cell("order", PAGE), 0x60, 2, PAGE, PG_TAIL, 0x60),
    "I2 left over mark": (cell("order", PAGE), 0x80 | PG_USED, 2, PAGE, PG_TAIL, 0x80 | PG_USED),
    "I3 page in front of the zone": (cell("order", START - 1), PG_USED, 3, START - 1, PG_HOLE, PG_USED),
    "I3 page behind the zone": (cell("order", END), PG_USED, 3, END, PG_HOLE, PG_USED),
    "I3 page in a hole": (cell("order", GAP), PG_USED, 3, None, 392, 393),
    "I3 lost page": (cell("order", PAGE), PG_HOLE, 3, None, 392, 391),
    "I3 present pages": (header("present_pages"), more, 3, None, 393, 392),
    "I4 head inside a block": (cell("order", OTHER), PG_USED, 4, OTHER, PG_TAIL, PG_USED),
    "I4 unaligned": (cell("order", PAGE + 1), PG_USED | 1, 4, PAGE + 1, index(PAGE), index(PAGE) + 1),
    "I4 stray inside": (cell("order", PAGE), PG_TAIL, 4, PAGE, PG_USED, PG_TAIL),
    "I4 order too large": (cell("order", PAGE), PG_USED | 1, 4, PAGE + 1, PG_TAIL, PG_USED),
    "I4 order too small": (cell("order", BLOCK), PG_USED | 1, 4, BLOCK + 2, PG_USED, PG_TAIL),
    "I5 free page on no list": (cell("order", LONE + 8), PG_FREE, 5, None, 2, 1),
    "I5 used page on a list": (cell("order", LONE), PG_USED, 5, LONE, PG_FREE, PG_USED),
    "I5 next out of range": (part("link", LONE, "next"), 448, 5, LONE, free_list(0, MOVABLE), 448),
    "I5 next negative": (part("link", LONE, "next"), -3000, 5, LONE, free_list(0, MOVABLE), -3000),
    "I5 ring": (part("link", LONE, "next"), index(LONE), 5, LONE, index(LONE), free_list(0, MOVABLE)),
    "I5 prev": (part("link", LONE, "prev"), 5, 5, LONE, free_list(0, MOVABLE), 5),
    "I5 head next": (part("link_at", free_list(0, MOVABLE), "next"), -99, 5, None, free_list(0, MOVABLE), -99),
    "I5 head prev": (part("link_at", free_list(0, MOVABLE), "prev"), 7, 5, None, index(LONE), 7),
    "I5 lost list": (part("link_at", free_list(6, MOVABLE), "next"), free_list(6, MOVABLE), 5, None,
                     free_list(6, MOVABLE), index(BIG)),
    "I6 nr_free": (lambda memory: (memory.header.nr_free, 6), 2, 6, None, 1, 2),
    "I6 nr_free of an order that cannot be": (lambda memory: (memory.header.nr_free, 9), 1, 6, None, 0, 1),
    "I7 NR_FREE_PAGES": (header("nr_free_pages"), more, 7, None, 65, 66),
    "I9 other list": (cell("flags", TAKEN), 1, 9, TAKEN, 0, 1),
    "I9 used page on a list": (cell("order", TAKEN), PG_USED, 9, TAKEN, PG_CAPTURED, PG_USED),
    "I9 captured page on no list": (cell("order", LONE + 8), PG_CAPTURED, 9, None, 2, 1),
    "I9 link": (part("link", TAKEN, "prev"), 3, 9, TAKEN, 448, 3),
    "I9 head": (part("link_at", 448, "prev"), 448, 9, None, index(TAKEN), 448),
    "I10 count": (part("pcp", 0, "count"), 3, 10, None, 2, 3),
    "I10 batch": (part("pcp", 1, "batch"), 0, 10, None, 1, 0),
    "I10 used page on a list": (cell("order", ON_PCP), PG_USED, 10, None, 1, 2),
    "I10 page on no list": (cell("order", LONE + 8), PG_PCP, 10, None, 3, 2),
    "I10 link": (part("link", ON_PCP, "prev"), 3, 10, ON_PCP, index(ON_PCP + 2), 3),
    "I10 head": (part("link_at", pcp_list(1), "next"), -5, 10, None, pcp_list(1), -5),
    "I11 flags of an unmarked page": (cell("flags", PAGE), PageFlags.DIRTY, 11, PAGE, 0, PageFlags.DIRTY),
    "I11 flags of a free page": (cell("flags", LONE), PageFlags.LRU, 11, LONE, 0, PageFlags.LRU),
    "I11 flags inside a block": (cell("flags", OTHER), 1, 11, OTHER, 0, 1),
    "I11 marked page without flags": (cell("flags", DIRTY), 0, 11, DIRTY, 1, 0),
    "I11 unmarked page with flags": (cell("order", DIRTY), PG_USED, 11, DIRTY, 0, PageFlags.DIRTY),
    "I12 other list": (cell("flags", LRU), PageFlags.LRU | PageFlags.ACTIVE, 12, LRU, 2, 3),
    "I12 not on the LRU": (cell("flags", LRU), PageFlags.DIRTY, 12, LRU, PG_MARKED, PG_MARKED),
    "I12 on no list": (cell("flags", DIRTY), PageFlags.DIRTY | PageFlags.LRU, 12, None, 3, 2),
    "I12 count": (lambda memory: (memory.header.nr_lru, 2), 3, 12, None, 2, 3),
    "I12 link": (part("link", LRU, "next"), index(LRU + 8), 12, LRU + 8, index(LRU), None),
    "I12 head": (part("link_at", page_list(5), "prev"), 2, 12, None, page_list(5), 2),
    "I13 on no private list": (cell("flags", DIRTY), PageFlags.DIRTY | PageFlags.ISOLATED, 13, None, 1, 0),
    "I14 pageblock type": (cell("pageblock", 2), 5, 14, 960 + 128, MOVABLE, 5),
    "I15 min": (header("pages_min"), more, 15, None, 8, 9),
    "I15 low": (header("pages_low"), more, 15, None, 10, 11),
    "I15 high": (header("pages_high"), more, 15, None, 12, 13),
    "I15 reserve": (lambda memory: (memory.header.lowmem_reserve, 0), 1, 15, None, 0, 1),
    "I9 private block on a list of v3": (cell("order", TAKEN), 0x50, 9, TAKEN, PG_CAPTURED, 0x50),
    "I16 kind": (part("slot", 0, "kind"), 3, 16, None, 2, 3),
    "I10 used while bypassed": (header("pcp_bypass"), 1, 10, None, 0, 2),
    "I16 rules": (part("slot", 0, "rules"), 16, 16, None, 15, 16),
    "I16 highest": (part("slot", 1, "kind"), 0, 16, None, 1, 0),
    "I17 owner of a free page": (cell("owner", LONE), 5, 17, LONE, 0, 5),
    "I17 owner inside a block": (cell("owner", OTHER), 5, 17, OTHER, 0, 5),
    "I17 owner of a captured page": (cell("owner", TAKEN), 5, 17, TAKEN, 0, 5),
    "I17 owner of a page on a pcp list": (cell("owner", ON_PCP), 5, 17, ON_PCP, 0, 5),
    "I18 bit left over": (cell("bits", 2), 5, 18, 960 + 128, 0, 5),
}  # fmt: skip


def put(record, name, value):
    """Write a cell and return what was there; an array's cells have numbers for names."""
    if isinstance(name, int):
        old, record[name] = record[name], value
        return old
    old = getattr(record, name)
    setattr(record, name, value(old) if callable(value) else value)
    return old


@pytest.mark.parametrize(("where", "value", "invariant", "pfn", "expected", "found"), CASES.values(), ids=CASES)
def test_one_broken_cell(zone, where, value, invariant, pfn, expected, found):
    memory = Memory(zone)
    digest = zone.digest()
    old = put(*where(memory), value)
    said = broken(zone)
    wanted = (invariant, pfn, expected, found)
    assert [a for a, b in zip(said, wanted, strict=True) if b is not None] == [b for b in wanted if b is not None]
    assert (said[1] is None) == (pfn is None)
    put(*where(memory), old)
    zone.check()
    assert zone.digest() == digest


def test_two_free_buddies():
    """I8: two blocks of order 3 lie side by side, free; a largest order of 4 would have merged them."""
    zone = Zone(0, 64, max_page_order=3, pageblock_order=5, min_free_kbytes=0)
    zone.check()
    Memory(zone).header.max_page_order = 4
    assert broken(zone) == (8, 0, PG_USED | 3, PG_FREE | 3)


def test_private_buddies():
    """I8 for a list whose blocks merge only with each other."""
    zone = Zone(0, 64, min_free_kbytes=0)
    pages = zone.alloc_many(2).tolist()
    lists = [zone.capture_list(private=True) for _ in pages]
    for capture, pfn in zip(lists, pages, strict=True):
        capture.capture_one_page(pfn)
    zone.check()
    memory = Memory(zone)
    first, second = (memory.slot(number) for number in (0, 1))
    memory.flags(1).value = 0
    page, head = memory.link(1), memory.link(0)
    end = page.next
    page.next, page.prev = head.next, 0
    head.next, memory.link_at(page.next).prev = 1, 1
    second.head.next = second.head.prev = end
    assert first.head.next == 0
    assert broken(zone) == (8, 0, PG_USED, 0x50)


def test_free_and_captured_buddies():
    """I8 for a captured block."""
    zone = Zone(0, 16, max_page_order=3, pageblock_order=5, min_free_kbytes=0)
    zone.capture_list().capture_one_page(zone.rmqueue(3, MOVABLE), 3)
    zone.check()
    Memory(zone).header.max_page_order = 4
    assert broken(zone) == (8, 0, PG_USED | 3, PG_CAPTURED | 3)


def test_isolated_page():
    """I13: pages in the hands of a reclaimer that has been stopped between two steps."""
    zone = Zone(0, 1024, min_free_kbytes=256)
    machine = Machine([zone])
    pages = zone.alloc_many(1024)
    machine.lru_cache_add(pages)
    with machine.request(4, 0xD0, policy="v3") as request:
        while not (zone.page_flags & PageFlags.ISOLATED).any():
            assert not request.step(1).done
        zone.check()
        memory = Memory(zone)
        page = int((zone.page_flags & PageFlags.ISOLATED).argmax())
        old = put(memory.flags(page), "value", PageFlags.DIRTY)
        assert broken(zone) == (13, page, PG_MARKED, PG_MARKED)
        put(memory.flags(page), "value", old)
        zone.check()


def test_every_invariant_has_a_case():
    assert {case[2] for case in CASES.values()} | {8, 13} == set(range(1, 19))


def test_the_first_broken_invariant_is_named(zone):
    memory = Memory(zone)
    memory.header.pages_low += 1
    memory.header.nr_free_pages += 1
    assert broken(zone)[0] == 7
    memory.header.version = 9
    assert broken(zone)[0] == 1
