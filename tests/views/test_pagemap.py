"""Does the map say what every page is, and can its colours be told apart?"""

import itertools
from pathlib import Path

import numpy as np
import pytest

from buddycap import FormatError, Machine, MigrateType, Zone
from buddycap.flags import GFP, PageFlags
from buddycap.formats.kpageflags import KPF, ZoneFrames
from buddycap.views import pagemap
from buddycap.views.pagemap import CODE_KINDS, CODE_ORDERS, KINDS, PageMap, maps_of, read_maps, rows_of

DATA = Path(__file__).parents[1] / "data"
NAMES = [kind.name for kind in KINDS]

# Machado, Oliveira, Fernandes 2009, severity 1: what is left of linear RGB without one kind of cone.
EYES = {
    "all": np.eye(3),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "no blue": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]
    ),
}
ALWAYS = {
    *("hole", "free_huge", "free", "inactive_file", "active_file", "inactive_anon", "active_anon", "unevictable"),
    *("off_lru", "slab", "huge"),
}
SIMULATED = ALWAYS | {"pcp", "captured", "unmovable", "reclaimable", "movable", "other"}
RECORDED = ALWAYS | {"pgtable", "kernel", "reserved", "offline", "hwpoison"}


def lab(colour, eye):
    """A colour in CIE L*a*b*, as an eye sees it."""
    srgb = np.array([int(colour[k : k + 2], 16) for k in (0, 2, 4)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(
        eye @ linear, 0, 1
    )
    part = xyz / np.array([0.9505, 1, 1.089])
    f = np.where(part > 0.008856, np.cbrt(part), 7.787 * part + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("names", [SIMULATED, RECORDED], ids=["simulated", "recorded"])
def test_colours_can_be_told_apart(eye, names):
    """A difference of 2.3 is the smallest that is seen at all; neighbours on a map want several times that."""
    seen = {kind.name: lab(kind.colour, EYES[eye]) for kind in KINDS if kind.name in names}
    distance = {pair: float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])) for pair in itertools.combinations(seen, 2)}
    assert min(distance.values()) > 9.5, min(distance, key=distance.get)


def test_letters_are_different_ones():
    assert len({kind.letter for kind in KINDS}) == len(KINDS)


def decoded(page_map):
    """Kind and order of every page."""
    return [(NAMES[kind], int(CODE_ORDERS[code])) for kind, code in zip(page_map.kinds, page_map.codes, strict=True)]


def expected(zone):
    """The same by following the blocks one by one."""
    types = ("unmovable", "reclaimable", "movable", "other", "other")
    out, pfn = [None] * zone.spanned_pages, 0
    state, flags = zone.page_order.tolist(), zone.page_flags.tolist()
    first = zone.start_pfn >> zone.pageblock_order
    while pfn < len(out):
        high, low = state[pfn] >> 4, state[pfn] & 15
        pageblock = (zone.start_pfn + pfn >> zone.pageblock_order) - first
        pages = 1 << low
        if state[pfn] == 0xFE:
            what, pages = ("hole", -1), 1
        elif high == 0:
            what = ("free_huge" if low >= zone.pageblock_order else "free", low)
        elif high == 1:
            what = ("captured", low)
        elif high == 3:
            what, pages = ("pcp", -1), 1
        else:
            word = PageFlags(flags[pfn])
            what = (types[zone.pageblock_migratetype[pageblock]], low)
            if low >= zone.pageblock_order:
                what = ("huge", low)
            if PageFlags.LRU in word:
                name = ("active_" if PageFlags.ACTIVE in word else "inactive_") + (
                    "anon" if PageFlags.SWAPBACKED in word else "file"
                )
                what = ("unevictable" if PageFlags.UNEVICTABLE in word else name, -1)
            if PageFlags.SLAB in word:
                what = ("slab", -1)
        out[pfn : pfn + pages] = [what] * pages
        pfn += pages
    return out


def worn_machine():
    """A machine with something of everything."""
    zone = Zone(1000, 9000, present_ranges=[(1000, 4000), (5000, 10000)], cpus=2, pcp_batch=8, pcp_high=48, owners=True)
    machine = Machine([zone])
    pages = [machine.alloc_pages(0, GFP.HIGHUSER_MOVABLE) for _ in range(1200)]
    anon = PageFlags.SWAPBACKED | PageFlags.ANON
    lists = (0, PageFlags.ACTIVE, anon, anon | PageFlags.ACTIVE, PageFlags.UNEVICTABLE)
    for k, flags in enumerate(lists):
        machine.lru_cache_add(np.array(pages[100 * k : 100 * k + 100]), flags)
    machine.slab_add(np.array([machine.alloc_pages(0, GFP.TEMPORARY) for _ in range(20)]))
    for order in (0, 1, 3, 9, 10):
        machine.alloc_pages(order, GFP.KERNEL)
    for pfn in pages[700::3]:
        machine.free_pages(pfn, 0)
    return machine, pages


@pytest.mark.parametrize("chunk", [64, 1 << 18])
def test_every_page_of_a_block_has_its_owner(chunk, monkeypatch):
    monkeypatch.setattr(pagemap, "_CHUNK_PAGES", chunk)
    zone = Zone(1000, 4000, owners=True, min_free_kbytes=0)
    wanted = np.zeros(4000, np.uint64)
    for order in (0, 3, 9, 0, 10):
        pfn = zone.rmqueue(order, MigrateType.MOVABLE)
        zone.set_owner(pfn, pfn)
        wanted[pfn - 1000 : pfn - 1000 + (1 << order)] = pfn
    assert (PageMap.of_zone(zone).owner == wanted).all()
    assert PageMap.of_zone(Zone(0, 1024)).owner is None


def test_a_simulated_zone_page_by_page():
    machine, pages = worn_machine()
    (zone,) = machine.zones
    with zone.capture_list() as captured:
        for pfn in pages[701:740:3]:
            captured.capture_one_page(pfn)
        page_map = PageMap.of_zone(zone)
        assert decoded(page_map) == expected(zone)
    kinds = set(page_map.counts())
    assert kinds >= (ALWAYS | {"pcp", "captured", "unmovable", "movable"}) - {"off_lru"}
    assert sum(page_map.counts().values()) == 9000
    assert PageMap.of_zone(zone).nr_free == tuple(zone.nr_free.tolist())


def test_a_large_zone_is_cut_into_pieces_without_a_seam():
    zone = Zone(512 * 7 + 3, (1 << 18) + 5000, min_free_kbytes=0)
    zone.alloc_many(300, 8, MigrateType.MOVABLE)
    assert decoded(PageMap.of_zone(zone)) == expected(zone)


def test_a_recorded_zone():
    words = np.full(2048, KPF.BUDDY, np.uint64)
    words[0:5] = [KPF.SLAB, KPF.PGTABLE, KPF.LRU, KPF.LRU | KPF.ACTIVE, KPF.HUGE]
    words[600:602] = [KPF.OFFLINE, KPF.HWPOISON]
    page_map = PageMap.of_frames(ZoneFrames.from_flags("Normal", 4096, words))
    found = decoded(page_map)
    assert [name for name, _ in found[:5]] == ["slab", "pgtable", "inactive_file", "active_file", "huge"]
    assert found[600:602] == [("offline", -1), ("hwpoison", -1)]
    assert found[8] == ("free", 3)
    assert found[1024:2048] == [("free_huge", 10)] * 1024
    assert page_map.counts()["free_huge"] == 1024


def test_pageblocks_decide_what_is_huge():
    zone = Zone(0, 1 << 15, max_page_order=12, pageblock_order=12, min_free_kbytes=0)
    zone.rmqueue(9, MigrateType.MOVABLE)
    zone.rmqueue(12, MigrateType.MOVABLE)
    assert PageMap.of_zone(zone).counts()["movable"] == 512
    assert PageMap.of_zone(zone).counts()["huge"] == 4096


@pytest.mark.parametrize("index", ["absolute", "zone_relative"])
@pytest.mark.parametrize(("start", "pages"), [(17, 512), (256, 1100), (1023, 1), (512, 1024), (300, 2000)])
def test_pages_have_the_type_of_their_own_pageblock(index, start, pages):
    """Types by turns, so that the neighbour's would show; the C side is asked page by page."""
    zone = Zone(start, pages, pageblock_index=index, min_free_kbytes=0, populate=False)
    origin = start if index == "zone_relative" else 0
    assert zone.pageblock_index == index
    blocks = (np.arange(start, start + pages) - origin) // 512
    for pfn, block in zip(range(start, start + pages), blocks.tolist(), strict=True):
        zone.set_pageblock_migratetype(pfn, block % 3)
    names = np.array(["unmovable", "reclaimable", "movable"])[blocks % 3]
    found = PageMap.of_zone(zone)
    assert [KINDS[kind].name for kind in found.kinds] == names.tolist()
    assert zone._repr_html_()


def test_every_code_has_a_kind():
    assert CODE_KINDS.max() < len(KINDS)
    assert all(0 <= order <= 15 for order in CODE_ORDERS[32:128])


def test_rows_begin_at_multiples_of_their_width():
    page_map = PageMap.of_frames(ZoneFrames.from_flags("DMA", 5, np.full(20, KPF.SLAB, np.uint64)))
    rows = rows_of(page_map, 8)
    assert rows.shape == (4, 8)
    assert [int((row != 0).sum()) for row in rows] == [3, 8, 8, 1]
    assert not rows[0, :5].any()


def test_files(tmp_path):
    (page_map,) = read_maps(DATA / "kpageflags.dma.npz")
    assert page_map.counts()["free_huge"] == 3584
    machine, _ = worn_machine()
    machine.zones[0].save(tmp_path / "zone.image")
    (page_map,) = read_maps(tmp_path / "zone.image")
    assert page_map.codes.tolist() == maps_of(machine)[0].codes.tolist()
    (tmp_path / "junk").write_bytes(b"PKjunk")
    with pytest.raises(FormatError, match="junk"):
        read_maps(tmp_path / "junk")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(FormatError, match="empty"):
        read_maps(tmp_path / "empty")


def test_a_watched_machine_stays_as_it_is():
    machine, _ = worn_machine()
    before = machine.zones[0].digest()
    maps_of(machine)
    assert machine.zones[0].digest() == before
