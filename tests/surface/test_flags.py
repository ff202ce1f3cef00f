"""Are the numbers those of Linux 2.6.27, and do the errors carry what they should?"""

import pickle

import pytest

from buddycap import errors
from buddycap.flags import GFP, AllocFlags, MigrateType, PageFlags, ZoneType, allocflags_to_migratetype, gfp_zone


def test_migratetypes():
    assert [m.name for m in sorted(MigrateType)] == ["UNMOVABLE", "RECLAIMABLE", "MOVABLE", "RESERVE", "ISOLATE"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATOMIC", 0x20),
        ("NOIO", 0x10),
        ("NOFS", 0x50),
        ("KERNEL", 0xD0),
        ("TEMPORARY", 0x800D0),
        ("USER", 0x200D0),
        ("HIGHUSER", 0x200D2),
        ("HIGHUSER_MOVABLE", 0x1200D2),
        ("NOFAIL", 0x800),
        ("NORETRY", 0x1000),
        ("COMP", 0x4000),
    ],
)
def test_gfp(name, value):
    assert GFP[name] == value


def test_alloc_flags():
    assert [f.value for f in AllocFlags] == [1, 2, 4, 8, 16, 32, 64]
    assert AllocFlags.CPUSET == 0x40


def test_page_flags_fit_the_array():
    assert sum(PageFlags) < 1 << 32
    assert {f.name: f.bit_length() - 1 for f in PageFlags if f >= PageFlags.YOUNG} == {
        "YOUNG": 27,
        "ISOLATED": 28,
        "PINNED": 29,
        "MLOCKED": 30,
    }


@pytest.mark.parametrize(
    ("gfp", "zone"),
    [
        (GFP.DMA | GFP.DMA32, ZoneType.DMA),
        (GFP.DMA32 | GFP.HIGHMEM, ZoneType.DMA32),
        (GFP.HIGHUSER_MOVABLE, ZoneType.MOVABLE),
        (GFP.KERNEL | GFP.MOVABLE, ZoneType.NORMAL),
        (GFP.HIGHUSER, ZoneType.HIGHMEM),
        (GFP.ATOMIC, ZoneType.NORMAL),
    ],
)
def test_gfp_zone(gfp, zone):
    assert gfp_zone(gfp) is zone


def test_both_mobility_flags_are_refused():
    with pytest.raises(errors.MisuseError, match="MOVABLE and RECLAIMABLE"):
        allocflags_to_migratetype(GFP.MOVABLE | GFP.RECLAIMABLE)


@pytest.mark.parametrize(
    ("error", "parents"),
    [
        (errors.MisuseError("no"), (errors.BuddycapError, ValueError)),
        (errors.CorruptionError(3, 17, 1, 2), (errors.BuddycapError,)),
        (errors.FormatError("bad magic", "zone.bcz"), (errors.BuddycapError,)),
        (errors.PolicyError("no"), (errors.BuddycapError,)),
    ],
)
def test_errors_survive_pickling(error, parents):
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, parents)
    assert (str(again), vars(again)) == (str(error), vars(error))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.FormatError("short"), "short"),
        (errors.FormatError("short", "a.txt"), "a.txt: short"),
        (errors.FormatError("short", "a.txt", 7), "a.txt:7: short"),
        (errors.CorruptionError(4, None, 1, 2), "invariant 4 broken: expected 1, found 2"),
    ],
)
def test_messages(error, text):
    assert str(error) == text
