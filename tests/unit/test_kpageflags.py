"""Does a recording of /proc/kpageflags give the machine's free blocks and pages, and is a bad one refused?"""

import contextlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddycap import FormatError, Machine
from buddycap.formats.kpageflags import KPF, PageKind, ZoneFrames, read_kpageflags, write_kpageflags

SNAPSHOT = Path(__file__).parents[1] / "data" / "kpageflags.mixed-1GiB.npz"


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


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(0, 5000), st.integers(3, 10))
def test_free_blocks_are_the_greedy_cut(free, start, max_order):
    words = np.where(free, np.uint64(KPF.BUDDY), np.uint64(KPF.SLAB))
    frames = frames_of(words, start, max_page_order=max_order, pageblock_order=min(9, max_order))
    found = list(zip(frames.free_blocks["pfn"].tolist(), frames.free_blocks["order"].tolist(), strict=True))
    assert found == cut_by_hand(free, start, max_order)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        (KPF.BUDDY, PageKind.FREE),
        (0, PageKind.KERNEL),
        (KPF.SLAB, PageKind.SLAB),
        (KPF.PGTABLE, PageKind.PGTABLE),
        (KPF.LRU, PageKind.INACTIVE_FILE),
        (KPF.LRU | KPF.ACTIVE, PageKind.ACTIVE_FILE),
        (KPF.LRU | KPF.ANON | KPF.SWAPBACKED, PageKind.INACTIVE_ANON),
        (KPF.LRU | KPF.ANON | KPF.SWAPBACKED | KPF.ACTIVE, PageKind.ACTIVE_ANON),
        (KPF.LRU | KPF.UNEVICTABLE, PageKind.UNEVICTABLE),
        (KPF.HUGE, PageKind.HUGE),
        (KPF.NOPAGE, PageKind.HOLE),
    ],
)
def test_a_page_is_what_its_flags_say(word, kind):
    assert frames_of([int(word), int(KPF.BUDDY)]).kinds[0] == kind


def test_the_shipped_recording_has_everything():
    (frames,) = read_kpageflags(SNAPSHOT)
    assert len(frames.kinds) == 1 << 18
    assert (frames.nr_free > 0).all()
    pages = frames.nr_pages()
    assert all(pages[kind] for kind in ("FREE", "KERNEL", "SLAB", "INACTIVE_ANON", "ACTIVE_FILE", "UNEVICTABLE"))
    assert int((frames.nr_free << np.arange(11)).sum()) == pages["FREE"]


def test_it_comes_back_from_a_file(tmp_path):
    (frames,) = read_kpageflags(SNAPSHOT)
    write_kpageflags(tmp_path / "again.npz", [frames])
    (again,) = read_kpageflags(tmp_path / "again.npz")
    assert np.array_equal(again.flags, frames.flags)
    assert again.start_pfn == frames.start_pfn


def test_a_machine_of_two_zones():
    words = np.full(2048, int(KPF.BUDDY), np.uint64)
    low = ZoneFrames.from_flags("DMA32", 0, words)
    high = ZoneFrames.from_flags("Normal", 4096, words)
    machine = Machine.from_frames([high, low])
    machine.check()
    assert [zone.start_pfn for zone in machine.zones] == [0, 4096]
    assert machine.buddyinfo().split()[3] == "DMA32"


@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_but_never_crashes(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "recording.npz"
    raw = bytearray(SNAPSHOT.read_bytes())
    if data.draw(st.booleans()):
        raw = raw[: data.draw(st.integers(0, len(raw) - 1))]
    else:
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    with contextlib.suppress(FormatError):
        read_kpageflags(path)


def test_a_claim_of_huge_size_is_refused(tmp_path):
    path = tmp_path / "huge.npz"
    header = b"{'descr': '<u8', 'fortran_order': False, 'shape': (1000000000000,), }"
    header += b" " * (118 - len(header) % 64 - 1) + b"\n"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("Normal.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        file.writestr("Normal_start_pfn.npy", b"")
    with pytest.raises(FormatError):
        read_kpageflags(path)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="absent"):
        read_kpageflags(tmp_path / "absent.npz")
