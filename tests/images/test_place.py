"""Is the memory of an image where it was asked for, and does it never hand out what is somebody else's?"""

import json

import numpy as np
import pytest

import buddycap
from buddycap import MisuseError, Zone
from buddycap.cli import main
from buddycap.images.aging import RECIPES, age, reach
from buddycap.images.place import Place, ranges_without_memory
from buddycap.kernels import KERNELS
from buddycap.study.config import StudyConfig

KERNELS_AGED = ("2.6.27", "6.1")
MIB = 256  # pages


@pytest.mark.parametrize("kernel", KERNELS_AGED)
def test_reserved_frames_are_never_handed_out(kernel, tmp_path, capsys):
    path = tmp_path / "a.img"
    words = ["--memory", "64MiB", "--start-pfn", "0x1000", "--reserve", "0x1000-0x1400,32MiB-33MiB", "--kernel", kernel]
    assert main(["image", "make", "--recipe", "fragmented", *words, "--reserve", "80MiB-20480", "-o", str(path)]) == 2
    assert "reserve='80MiB-20480'" not in capsys.readouterr().err, "an empty range, told by its numbers"
    assert main(["image", "make", "--recipe", "fragmented", *words, "-o", str(path)]) == 0
    zone = Zone.load(path)
    zone.check()
    assert (zone.kernel, zone.start_pfn, zone.spanned_pages) == (kernel, 0x1000, 64 * MIB)
    boot = (64 - 4 - 1) * MIB * 15 // 1000
    assert ranges_without_memory(zone) == [(0x1000, 0x1400 + boot), (32 * MIB, 33 * MIB)]
    free = zone.alloc_many(zone.nr_free_pages, 0, KERNELS[kernel].MigrateType["MOVABLE"])
    assert free.min() >= 0x1400 + boot
    assert free.max() < 0x1000 + 64 * MIB
    assert not ((free >= 32 * MIB) & (free < 33 * MIB)).any()
    capsys.readouterr()
    assert main(["image", "info", str(path)]) == 0
    printed = capsys.readouterr().out
    assert f"for Linux {kernel} and a memory that reaches to 80MiB, pfn 20479 at least" in printed
    assert f"pfn 4096-{0x1400 + boot - 1}, 8192-8447" in printed
    assert main(["image", "info", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["kernel"] == facts["manifest"]["kernel"] == kernel
    assert facts["manifest"]["reserved"] == [[0x1000, 0x1400], [8192, 8448]]


@pytest.mark.parametrize("kernel", KERNELS_AGED)
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_images_begin_at_16_mib(name, kernel):
    aged = reach(RECIPES[name], StudyConfig(memory_pages=16 * MIB, kernel=kernel), seed=3)
    aged.zone.check()
    assert not aged.missed
    lists = [len(aged.zone.pcp_pages(cpu)) if kernel == "2.6.27" else aged.zone.pcp(cpu)["count"] for cpu in range(4)]
    assert lists == [0] * aged.zone.cpus


def test_without_anything_special_images_are_what_they_were():
    config = StudyConfig(memory_pages=128 * MIB)
    assert age(config, 1, 2).digest() == age(config, 1, 2, place=Place(0, ())).digest()


def test_where_the_memory_is_changes_no_more_than_the_frames():
    """The whole memory is moved by a multiple of the largest block: then everything else is the same."""
    config = StudyConfig(memory_pages=64 * MIB)
    here, there = (age(config, 1, 5, place=Place(pfn)) for pfn in (0, 1 << 20))
    assert (here.page_order == there.page_order).all()
    blocks = [zone.free_blocks() for zone in (here, there)]
    assert (blocks[0]["pfn"] + (1 << 20) == blocks[1]["pfn"]).all()


def test_a_kernels_image_goes_on_with_that_kernel(tmp_path):
    made = buddycap.make_image(tmp_path / "a.img", kernel="6.1", recipe="server", memory="64MiB", reserve="0-1MiB")
    assert made.manifest["config"]["kernel"] == made.zone.kernel == "6.1"
    again = reach(RECIPES["server"], StudyConfig(memory_pages=63 * MIB, kernel="6.1"), 1, place=Place(0, ((0, 256),)))
    assert again.zone.digest() == made.manifest["digest"]


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"memory": "15MiB"}, "memory=15MiB (3840 pages): x86_64 needs at least 16MiB"),
        ({"memory": "16MiB", "reserve": "0-1"}, "(4095 pages)"),
        ({"reserve": "7"}, "reserve='7': FIRST-END is wanted"),
        ({"reserve": "3-x"}, "reserve='x'"),
        ({"reserve": "0-4,2-6"}, "reserve=2-6: allowed are ranges in ascending order from 4 on"),
        ({"reserve": "5-5"}, "reserve=5-5"),
        ({"start_pfn": 10, "reserve": "5-20"}, "reserve=5-20: allowed are ranges in ascending order from 10 on"),
        ({"memory": "32MiB", "reserve": "1000-9000"}, "reserve=1000-9000: the memory has the frames 0-8192"),
        ({"start_pfn": -1}, "start_pfn=-1: allowed range is 0..2^52-1"),
        ({"source": "tests/data/kpageflags.mixed-1GiB.npz", "start_pfn": 5}, "a recording says where its memory is"),
        ({"source": "tests/data/kpageflags.mixed-1GiB.npz", "kernel": "6.1"}, "a recording says where its memory is"),
        ({"kernel": "6.13"}, "kernel='6.13'"),
    ],
)
def test_wrong_arguments(keywords, said, tmp_path):
    with pytest.raises(MisuseError) as raised:
        buddycap.make_image(tmp_path / "a.img", **keywords)
    assert said in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_studies_need_more_pageblocks():
    with pytest.raises(MisuseError, match=r"memory=64MiB \(16384 pages\): x86_64 needs at least 128MiB"):
        buddycap.run_study(seeds=1, memory="64MiB", executor="thread")


def test_holes_at_both_ends_and_none():
    assert ranges_without_memory(Zone(5, 100)) == []
    zone = Zone(5, 1000, present_ranges=[(6, 8), (9, 900)])
    assert ranges_without_memory(zone) == [(5, 6), (8, 9), (900, 1005)]
    assert all(isinstance(pfn, int) and not isinstance(pfn, np.integer) for pair in ranges_without_memory(zone)
               for pfn in pair)  # fmt: skip
