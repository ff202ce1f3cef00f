"""Does a recording of /proc/kpageflags give the machine's free blocks and pages, and is a bad one refused?"""

import contextlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddycap import FormatError, Machine, MigrateType, MisuseError
from buddycap.flags import PageFlags
from buddycap.formats.kpageflags import KPF, PageKind, ZoneFrames, read_kpageflags, write_kpageflags
from buddycap.formats.procfs import parse_buddyinfo, parse_pagetypeinfo
from buddycap.formats.proctext import read_text
from buddycap.recorded.pageblocks import inferred_pageblock_types

DATA = Path(__file__).parents[1] / "data"
SNAPSHOT = DATA / "kpageflags.mixed-1GiB.npz"
DMA = DATA / "kpageflags.dma.npz"


def frames_of(words, start_pfn=0, **options):
    return ZoneFrames.from_flags("Normal", start_pfn, np.array(words, np.uint64), **options)


def cut_by_hand(free, start, max_order=10):
    """The greedy cut of kernel documentation: the largest aligned block that fits, from the left."""
    blocks, pfn, end = [], start, start + len(free)
    while pfn < end:
        if not free[pfn - start]:
            pfn += 1
            continue
        order = 0
        while (
            order < max_order
            and pfn % (2 << order) == 0
            and pfn + (2 << order) <= end
            and all(free[pfn - start : pfn - start + (2 << order)])
        ):
            order += 1
        blocks.append((pfn, order))
        pfn += 1 << order
    return blocks


class TestFreeBlocks:
    @given(
        st.lists(st.tuples(st.booleans(), st.integers(1, 200)), min_size=1, max_size=12),
        st.integers(0, 5000),
        st.integers(0, 10),
    )
    def test_they_are_the_greedy_cut(self, runs, start, max_order):
        free = [state for state, pages in runs for _ in range(pages)]
        words = np.where(free, np.uint64(KPF.BUDDY), np.uint64(KPF.SLAB))
        frames = frames_of(words, start, max_page_order=max_order, pageblock_order=min(9, max_order))
        assert frames.free_blocks.tolist() == cut_by_hand(free, start, max_order)

    def test_the_histogram_is_the_machines_buddyinfo(self):
        (frames,) = read_kpageflags(DMA)
        row = read_text(DATA / "proc" / "compile.buddyinfo.start", parse_buddyinfo)[0]
        assert (frames.name, tuple(frames.nr_free.tolist())) == (row.zone, row.nr_free)

    def test_blocks_end_at_the_borders_of_the_zone(self):
        assert frames_of([KPF.BUDDY] * 14, start_pfn=1).free_blocks.tolist() == [
            (1, 0),
            (2, 1),
            (4, 2),
            (8, 2),
            (12, 1),
            (14, 0),
        ]

    def test_words_with_heads_only_are_refused(self, tmp_path):
        words = np.zeros(2048, np.uint64)
        words[::8] = KPF.BUDDY
        write_kpageflags(tmp_path / "old.npz", [frames_of(words)])
        with pytest.raises(FormatError, match=r"before 4\.6"):
            read_kpageflags(tmp_path / "old.npz")


class TestKinds:
    @pytest.mark.parametrize(
        ("word", "kind"),
        [
            (KPF.BUDDY, PageKind.FREE),
            (KPF.BUDDY | KPF.UPTODATE, PageKind.FREE),
            (0, PageKind.KERNEL),
            (KPF.UPTODATE, PageKind.KERNEL),
            (KPF.COMPOUND_TAIL, PageKind.KERNEL),
            (KPF.ZERO_PAGE | KPF.MMAP, PageKind.KERNEL),
            (KPF.SLAB | KPF.ANON | KPF.KSM, PageKind.SLAB),
            (KPF.PGTABLE | KPF.REFERENCED | KPF.MMAP, PageKind.PGTABLE),
            (KPF.RESERVED | KPF.PRIVATE, PageKind.RESERVED),
            (KPF.LRU, PageKind.INACTIVE_FILE),
            (KPF.LRU | KPF.ACTIVE, PageKind.ACTIVE_FILE),
            (KPF.LRU | KPF.ANON, PageKind.INACTIVE_FILE),  # freed lazily
            (KPF.LRU | KPF.SWAPBACKED, PageKind.INACTIVE_ANON),  # tmpfs
            (KPF.LRU | KPF.ANON | KPF.SWAPBACKED, PageKind.INACTIVE_ANON),
            (KPF.LRU | KPF.ANON | KPF.SWAPBACKED | KPF.ACTIVE, PageKind.ACTIVE_ANON),
            (KPF.LRU | KPF.UNEVICTABLE | KPF.SWAPBACKED, PageKind.UNEVICTABLE),
            (KPF.UNEVICTABLE | KPF.ANON, PageKind.OFF_LRU),
            (KPF.MMAP | KPF.ANON | KPF.SWAPBACKED, PageKind.OFF_LRU),
            (KPF.HUGE | KPF.MMAP, PageKind.HUGE),
            (KPF.OFFLINE, PageKind.OFFLINE),
            (KPF.LRU | KPF.HWPOISON, PageKind.HWPOISON),
            (KPF.NOPAGE, PageKind.HOLE),
        ],
    )
    def test_a_page_is_what_its_flags_say(self, word, kind):
        assert frames_of([int(word), int(KPF.BUDDY)]).kinds[0] == kind

    def test_the_lru_lists_have_the_numbers_of_the_kinds(self):
        words = [KPF.LRU | KPF.UNEVICTABLE, KPF.LRU, KPF.LRU | KPF.SWAPBACKED, KPF.LRU | KPF.ACTIVE, 0, KPF.LRU]
        lists = frames_of(words, 4096).lru_pfns()
        assert [pfns.tolist() for pfns in lists] == [[4098], [], [4097, 4101], [4099], [4096]]

    def test_flags_keep_their_bits_up_to_26_as_far_as_buddycap_has_them(self):
        word = KPF.LRU | KPF.DIRTY | KPF.REFERENCED | KPF.UPTODATE | KPF.THP | KPF.MLOCKED | KPF.PRIVATE
        (flags,) = frames_of([0, word], 64).page_flags([65])
        assert PageFlags(int(flags)) == PageFlags.LRU | PageFlags.DIRTY | PageFlags.REFERENCED
        assert all(KPF[flag.name] == flag for flag in PageFlags if flag < 1 << 27)

    @pytest.mark.parametrize("pfn", [63, 66, -1])
    def test_flags_of_a_foreign_page_are_misuse(self, pfn):
        with pytest.raises(MisuseError):
            frames_of([0, 0], 64).page_flags([64, pfn])

    def test_sections_without_a_flag_are_absent(self):
        words = np.zeros(100, np.uint64)
        words[[0, 50]] = KPF.SLAB
        frames = frames_of(words, 6, section_pages=16)
        # Sections begin at 16, 32, ...; the one with PFN 56 is in use, the pieces at both ends are not judged.
        assert frames.present_ranges.tolist() == [[6, 16], [48, 64], [96, 106]]
        assert frames.pfns(PageKind.HOLE).tolist() == [*range(16, 48), *range(64, 96)]
        assert frames_of(words, 6, section_pages=0).present_ranges.tolist() == [[6, 106]]

    def test_arrays_are_read_only(self):
        frames = frames_of([0, KPF.BUDDY])
        for array in (frames.flags, frames.kinds, frames.free_blocks):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0

    @pytest.mark.parametrize(
        ("words", "start", "options"),
        [
            ([], 0, {}),
            ([[0]], 0, {}),
            ([0], -1, {}),
            ([0], 1 << 52, {}),
            ([0], 0, {"max_page_order": 15}),
            ([0], 0, {"pageblock_order": 11}),
            ([0], 0, {"pageblock_order": -1}),
        ],
    )
    def test_an_impossible_zone_is_misuse(self, words, start, options):
        with pytest.raises(MisuseError):
            frames_of(words, start, **options)


@pytest.fixture(scope="module")
def frames():
    return read_kpageflags(SNAPSHOT)[0]


class TestTheShippedRecording:
    def test_it_has_everything(self, frames):
        pages = frames.nr_pages()
        assert len(frames.kinds) == sum(pages.values()) == 1 << 18
        assert (frames.nr_free > 0).all()
        assert int((frames.nr_free << np.arange(11)).sum()) == pages["FREE"]
        lru = ("INACTIVE_ANON", "ACTIVE_ANON", "INACTIVE_FILE", "ACTIVE_FILE", "UNEVICTABLE")
        assert all(pages[kind] for kind in ("FREE", "KERNEL", "SLAB", "PGTABLE", *lru))

    def test_it_comes_back_from_a_file(self, frames, tmp_path):
        write_kpageflags(tmp_path / "again.npz", [frames])
        (again,) = read_kpageflags(tmp_path / "again.npz")
        assert np.array_equal(again.flags, frames.flags)
        assert (again.name, again.start_pfn) == (frames.name, frames.start_pfn)
        write_kpageflags(tmp_path / "third.npz", [again])
        assert (tmp_path / "third.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()

    def test_windows_share_out_the_free_pages(self, frames):
        step = 1 << 15
        parts = [frames.window(pfn, pfn + step) for pfn in range(frames.start_pfn, frames.end_pfn, step)]
        assert sum(part.nr_free for part in parts).tolist() == frames.nr_free.tolist()
        assert np.concatenate([part.free_blocks for part in parts]).tolist() == frames.free_blocks.tolist()
        assert np.shares_memory(parts[1].flags, frames.flags)

    @pytest.mark.parametrize(
        ("first", "last"), [(1, 512), (0, 100), (512, 512), (1024, 512), (-512, 512), (0, 1 << 19)]
    )
    def test_a_window_must_be_made_of_pageblocks(self, frames, first, last):
        with pytest.raises(MisuseError):
            frames.window(frames.start_pfn + first, frames.start_pfn + last)

    def test_a_window_may_end_where_the_zone_ends(self):
        zone = frames_of([KPF.BUDDY] * 1000, start_pfn=1)
        assert zone.window(512, 1001).free_blocks.tolist()[0] == (512, 8)

    def test_a_zone_holds_the_same_free_blocks(self, frames):
        machine = Machine.from_frames([frames])
        machine.check()
        assert parse_buddyinfo(machine.buddyinfo())[0].nr_free == tuple(frames.nr_free.tolist())


def test_a_machine_of_two_zones():
    words = np.full(2048, int(KPF.BUDDY), np.uint64)
    low = ZoneFrames.from_flags("DMA32", 0, words)
    high = ZoneFrames.from_flags("Normal", 4096, words)
    machine = Machine.from_frames([high, low])
    machine.check()
    assert [zone.start_pfn for zone in machine.zones] == [0, 4096]
    assert machine.buddyinfo().split()[3] == "DMA32"


class TestPageblocks:
    MOVABLE, UNMOVABLE, RECLAIMABLE = MigrateType.MOVABLE, MigrateType.UNMOVABLE, MigrateType.RECLAIMABLE

    def types(self, *blocks, counts=None, start_pfn=0):
        """Types of pageblocks of 8 pages, each given by the words of its first pages; free pages fill it up."""
        words = [word for block in blocks for word in [*block, *[KPF.BUDDY] * (8 - len(block))]]
        frames = frames_of(words[start_pfn % 8 :], start_pfn, pageblock_order=3)
        return inferred_pageblock_types(frames, counts).tolist()

    def test_what_is_certain_decides(self):
        found = self.types([], [KPF.LRU], [0] * 8, [KPF.PGTABLE, KPF.LRU], [KPF.SLAB, KPF.LRU], [KPF.RESERVED] * 8)
        assert found == [self.MOVABLE] * 3 + [self.UNMOVABLE, self.RECLAIMABLE, self.MOVABLE]

    def test_other_kernel_pages_beside_slab_make_it_unmovable(self):
        assert self.types([KPF.SLAB, KPF.PGTABLE], [KPF.SLAB, 0, 0], [KPF.SLAB, KPF.SLAB, 0]) == [
            self.UNMOVABLE,
            self.UNMOVABLE,
            self.RECLAIMABLE,
        ]

    def test_a_stray_does_not_count(self):
        words = np.full(512, int(KPF.LRU), np.uint64)
        words[:15] = KPF.SLAB
        assert inferred_pageblock_types(frames_of(words)).tolist() == [self.MOVABLE]
        words = words.copy()
        words[15:17] = KPF.SLAB
        assert inferred_pageblock_types(frames_of(words)).tolist() == [self.RECLAIMABLE]

    def test_the_kernels_counts_are_kept(self):
        blocks = [[KPF.SLAB], [KPF.PGTABLE] * 2, [0] * 3, [KPF.SLAB] * 4, [KPF.LRU]]
        found = self.types(*blocks, counts={"Unmovable": 2, "Movable": 1, "Reclaimable": 2, "HighAtomic": 0})
        assert found == [self.RECLAIMABLE, self.UNMOVABLE, self.UNMOVABLE, self.RECLAIMABLE, self.MOVABLE]

    def test_a_block_that_the_zone_only_touches(self):
        assert self.types([], [KPF.PGTABLE], start_pfn=5) == [self.MOVABLE, self.UNMOVABLE]

    def test_a_real_zone(self):
        (frames,) = read_kpageflags(DMA)
        zone = read_text(DATA / "proc" / "compile.pagetypeinfo.start", parse_pagetypeinfo).zones[0]
        types = inferred_pageblock_types(frames, zone.blocks)
        counts = np.bincount(types, minlength=3).tolist()
        assert counts == [zone.blocks["Unmovable"], zone.blocks["Reclaimable"], zone.blocks["Movable"]]
        block_types = types[(frames.free_blocks["pfn"] >> 9) - (frames.start_pfn >> 9)]
        unmovable = frames.free_blocks["order"][block_types == self.UNMOVABLE]
        assert tuple(np.bincount(unmovable, minlength=11).tolist()) == zone.free["Unmovable"]

    def test_other_pageblocks_than_the_recorded_machines(self):
        frames = frames_of([KPF.SLAB] * 1024)
        assert inferred_pageblock_types(frames, pageblock_order=8).tolist() == [self.RECLAIMABLE] * 4


def npy(array):
    """The bytes of an `.npy` file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def with_header(text, data=b"\0" * 64):
    """An `.npy` file with a header of one's own."""
    header = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


WORDS, START = npy(np.zeros(8, np.uint64)), npy(np.uint64(1))
GOOD = {"Normal.npy": WORDS, "Normal_start_pfn.npy": START}
SHAPE = "{'descr': '<u8', 'fortran_order': False, 'shape': %s, }"
BAD_MEMBERS = {
    "no words": {"Normal_start_pfn.npy": START},
    "no start": {"Normal.npy": WORDS},
    "start of another zone": {**GOOD, "DMA_start_pfn.npy": START},
    "nothing": {},
    "signed words": {**GOOD, "Normal.npy": npy(np.zeros(8, np.int64))},
    "short words": {**GOOD, "Normal.npy": npy(np.zeros(8, np.uint32))},
    "floats": {**GOOD, "Normal.npy": npy(np.zeros(8))},
    "a table": {**GOOD, "Normal.npy": npy(np.zeros((2, 4), np.uint64))},
    "a number": {**GOOD, "Normal.npy": START},
    "no pages": {**GOOD, "Normal.npy": npy(np.zeros(0, np.uint64))},
    "objects": {**GOOD, "Normal.npy": with_header("{'descr': '|O', 'fortran_order': False, 'shape': (8,), }")},
    "many starts": {**GOOD, "Normal_start_pfn.npy": WORDS},
    "negative start": {**GOOD, "Normal_start_pfn.npy": npy(np.int64(-1))},
    "start beyond every machine": {**GOOD, "Normal_start_pfn.npy": npy(np.uint64(2**63))},
    "start with a fraction": {**GOOD, "Normal_start_pfn.npy": npy(np.float64(1.5))},
    "a text": {**GOOD, "Normal.npy": b"0 0 0 0\n"},
    "an empty member": {**GOOD, "Normal.npy": b""},
    "a header only": {**GOOD, "Normal.npy": WORDS[:128]},
    "a cut header": {**GOOD, "Normal.npy": WORDS[:40]},
    "cut words": {**GOOD, "Normal.npy": WORDS[:-3]},
    "too many words": {**GOOD, "Normal.npy": WORDS + b"\0" * 8},
    "a newer format": {**GOOD, "Normal.npy": b"\x93NUMPY\x09" + WORDS[7:]},
    "a foreign member": {**GOOD, "readme.txt": b"hello"},
    "a claim of 8 TB": {**GOOD, "Normal.npy": with_header(SHAPE % "(1000000000000,)")},
    "a claim beyond 64 bits": {**GOOD, "Normal.npy": with_header(SHAPE % "(99999999999999999999999999,)")},
    "a negative claim": {**GOOD, "Normal.npy": with_header(SHAPE % "(-8,)")},
    "code in the header": {**GOOD, "Normal.npy": with_header(SHAPE % "(__import__('os').getpid(),)")},
    "deep nesting": {**GOOD, "Normal.npy": with_header("(" * 5000)},
}


def write_zip(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


class TestBadFiles:
    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_the_good_one_is_read(self, tmp_path, method):
        write_zip(tmp_path / "good.npz", GOOD, method)
        (frames,) = read_kpageflags(tmp_path / "good.npz")
        assert (frames.name, frames.start_pfn, len(frames.flags)) == ("Normal", 1, 8)

    def test_words_of_the_other_byte_order_are_read(self, tmp_path):
        write_zip(tmp_path / "swapped.npz", {**GOOD, "Normal.npy": npy(np.full(8, KPF.BUDDY, ">u8"))})
        assert read_kpageflags(tmp_path / "swapped.npz")[0].nr_pages()["FREE"] == 8

    @pytest.mark.parametrize("name", sorted(BAD_MEMBERS))
    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_a_bad_member(self, tmp_path, name, method):
        path = tmp_path / "bad.npz"
        write_zip(path, BAD_MEMBERS[name], method)
        with pytest.raises(FormatError) as caught:
            read_kpageflags(path)
        assert caught.value.file == str(path)

    def test_a_compression_that_is_not_numpys(self, tmp_path):
        write_zip(tmp_path / "bad.npz", GOOD, zipfile.ZIP_BZIP2)
        with pytest.raises(FormatError, match="compression"):
            read_kpageflags(tmp_path / "bad.npz")

    def test_a_member_that_stands_there_twice(self, tmp_path):
        write_zip(tmp_path / "bad.npz", GOOD)
        with zipfile.ZipFile(tmp_path / "bad.npz", "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("Normal.npy", WORDS)
        with pytest.raises(FormatError, match="twice"):
            read_kpageflags(tmp_path / "bad.npz")

    def test_a_directory_that_claims_more_than_deflate_can_hold(self, tmp_path):
        pages = 1 << 27
        write_zip(tmp_path / "bad.npz", {**GOOD, "Normal.npy": with_header(SHAPE % f"({pages},)")})
        raw = (tmp_path / "bad.npz").read_bytes()
        with zipfile.ZipFile(tmp_path / "bad.npz") as archive:
            claimed = archive.getinfo("Normal.npy").file_size
        wanted = claimed - 64 + 8 * pages
        (tmp_path / "bad.npz").write_bytes(raw.replace(claimed.to_bytes(4, "little"), wanted.to_bytes(4, "little")))
        with pytest.raises(FormatError, match="cannot hold"):
            read_kpageflags(tmp_path / "bad.npz")

    def test_a_zone_larger_than_asked_for(self):
        with pytest.raises(FormatError, match="at most"):
            read_kpageflags(SNAPSHOT, max_pages=1000)

    def test_a_zone_that_is_not_there(self):
        assert [zone.name for zone in read_kpageflags(SNAPSHOT, zones=["Normal"])] == ["Normal"]
        with pytest.raises(FormatError, match="HighMem"):
            read_kpageflags(SNAPSHOT, zones=["HighMem"])

    def test_a_wrong_geometry_is_the_callers_mistake(self):
        with pytest.raises(MisuseError):
            read_kpageflags(SNAPSHOT, max_page_order=15)

    def test_a_missing_file_is_an_os_error(self, tmp_path):
        with pytest.raises(OSError, match="absent"):
            read_kpageflags(tmp_path / "absent.npz")

    def test_files_are_named_npz_and_zones_differ(self, tmp_path):
        frames = frames_of([KPF.BUDDY])
        for path, zones in ((tmp_path / "x", [frames]), (tmp_path / "x.npz", [frames, frames])):
            with pytest.raises(MisuseError):
                write_kpageflags(path, zones)

    @settings(max_examples=300)
    @given(data=st.data())
    def test_a_damaged_file_is_refused_or_read_in_full(self, tmp_path_factory, data):
        """Bytes changed in the small file reach every field of the zip structure."""
        raw = bytearray(DMA.read_bytes())
        for _ in range(data.draw(st.integers(0, 3))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        raw = raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw
        path = tmp_path_factory.getbasetemp() / "damaged.npz"
        path.write_bytes(raw)
        with contextlib.suppress(FormatError):
            (frames,) = read_kpageflags(path)
            assert np.array_equal(frames.flags, read_kpageflags(DMA)[0].flags)

    @given(data=st.data())
    def test_a_damaged_large_file_is_refused(self, tmp_path_factory, data):
        raw = bytearray(SNAPSHOT.read_bytes())
        at = data.draw(st.integers(100, 90_000))
        raw = raw[:at] if data.draw(st.booleans()) else raw[:at] + bytes([raw[at] ^ 0x55]) + raw[at + 1 :]
        path = tmp_path_factory.getbasetemp() / "damaged.npz"
        path.write_bytes(raw)
        with pytest.raises(FormatError):
            read_kpageflags(path)
