"""Do the adapters work in the interfaces of the simulators they name? Against stubs of these, pinned to a version.

tests/data/simulators has the stubs; what they are, its README says.
"""

import json
import shutil
import subprocess
import sys

import pytest

from buddycap import Zone
from sourcelint import ROOT

EXAMPLES = ROOT / "examples" / "embedding"
STUBS = ROOT / "tests" / "data" / "simulators"
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow=local", "-Werror")
PAGES = 4096  # of the memory in the images
RESERVE = 256  # frames that ChampSim keeps for itself
KERNELS = {"2.6.27": 2, "6.1": 1}  # and its number of MOVABLE; UNMOVABLE is 0 in both

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the library is made on Linux"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++"),
]


def embed():
    """What `buddycap embed` says."""
    command = [sys.executable, "-m", "buddycap", "embed", "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def build(target, sources, *flags, standard="c++17"):
    """Compile an adapter with the stubs."""
    known = embed()
    common = f"-I{EXAMPLES / 'common'}"
    command = [*("g++", f"-std={standard}", "-O1", *WARNINGS), *known["cflags"].split(), common, *flags]
    result = subprocess.run(
        [*command, *map(str, sources), "-o", target, *known["libs"].split()], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def install(name, folder):
    """Put an adapter into a checkout, as its install.py does."""
    path = f"{ROOT / '.venv' / 'bin'}:{sys.executable.rpartition('/')[0]}:/usr/bin:/bin"
    script = EXAMPLES / name / "install.py"
    result = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, env={"PATH": path})
    assert result.returncode == 0, result.stderr
    return result


def rows(*command, **environment):
    """Run a driver: the frames (space, page, frame) and the page tables that it prints."""
    result = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr
    lines = [line.split() for line in result.stdout.splitlines() if not line.startswith("[")]
    frames = [tuple(map(int, line)) for line in lines if line[0] != "table"]
    return frames, [int(line[1]) for line in lines if line[0] == "table"]


@pytest.fixture(scope="module", params=KERNELS)
def image(request, tmp_path_factory):
    """Memory of which every third page is in use."""
    zone = Zone(0, PAGES, kernel=request.param, seed=3)
    pfns = zone.alloc_many(PAGES)
    zone.free_many(pfns[pfns % 3 > 0])
    path = tmp_path_factory.mktemp("image") / "aged.img"
    zone.save(path)
    return path, request.param


def first_touches(path, kernel, touches, lowest=0):
    """Return the frames that an allocator gives, one a touch."""
    zone = Zone.load(path)
    return [next(pfn for pfn in iter(lambda: zone.rmqueue(0, KERNELS[kernel]), None) if pfn >= lowest)
            for _ in range(touches)]  # fmt: skip


@pytest.fixture(scope="module")
def champsim(tmp_path_factory):
    """A program of ChampSim's interface and our adapter, put together as install.py does."""
    folder = tmp_path_factory.mktemp("champsim")
    shutil.copytree(STUBS / "champsim", folder, dirs_exist_ok=True)
    for _ in range(2):
        result = install("champsim", folder)
    assert result.stdout.startswith('make CPPFLAGS="-I')
    sources = [folder / "drive.cc", *sorted((folder / "src").glob("*.cc"))]
    assert len(sources) == 3
    build(folder / "drive", sources, f"-I{folder / 'inc'}", "-Wconversion", "-Wno-unused-parameter")
    return folder / "drive"


@pytest.mark.xdist_group("ChampSim")
class TestChampSim:
    DRAM = PAGES * 4096

    def test_frames_at_first_touch_are_the_allocators(self, champsim, image):
        path, kernel = image
        found, tables = rows(champsim, self.DRAM, 500, 7, BUDDYCAP_IMAGE=str(path))
        zone = Zone.load(path)
        taken = [zone.rmqueue(0, 0)]
        while taken[-1] < RESERVE:
            taken.append(zone.rmqueue(0, 0))
        zone.save(path.with_name("after"))
        assert [frame for *_, frame in found] == first_touches(path.with_name("after"), kernel, 1000, RESERVE)
        assert tables == []

    def test_page_tables_have_frames_of_their_own(self, champsim, image):
        """Tables are looked at ten times as often as there are frames."""
        for order in ("first-touch", "by-number"):
            kept = {"BUDDYCAP_IMAGE": str(image[0]), "BUDDYCAP_ORDER": order}
            found, tables = rows(champsim, self.DRAM, 550, 1, "tables", **kept)
            frames = {frame for *_, frame in found}
            assert len(frames) == 1100
            assert len(set(tables)) == 4
            assert not frames & set(tables)

    def test_by_number_the_order_of_touches_does_not_matter(self, champsim, image):
        kept = {"BUDDYCAP_IMAGE": str(image[0]), "BUDDYCAP_ORDER": "by-number"}
        one, other = (rows(champsim, self.DRAM, 500, step, **kept)[0] for step in (1, 7))
        assert one != other
        assert sorted(one) == sorted(other)
        assert len({frame for *_, frame in one}) == 1000
        seeded = rows(champsim, self.DRAM, 500, 1, BUDDYCAP_SEED="9", **kept)[0]
        assert seeded != one

    def test_full_memory_ends_the_run_with_a_message(self, champsim, image):
        for order in ("first-touch", "by-number"):
            command = [champsim, str(self.DRAM), "3000", "1"]
            kept = {"BUDDYCAP_IMAGE": str(image[0]), "BUDDYCAP_ORDER": order}
            result = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=60)
            assert result.returncode == 1
            assert result.stderr == "[VMEM] ERROR: out of memory: every free frame of the image is in use\n"
            frames = [line.split()[2] for line in result.stdout.splitlines() if line[0] != "["]
            assert len(set(frames)) == len(frames) > (2000 if order == "first-touch" else 1100)

    @pytest.mark.parametrize(
        ("environment", "dram", "said"),
        [
            ({}, DRAM, "BUDDYCAP_IMAGE names no image"),
            ({"BUDDYCAP_IMAGE": "none.img"}, DRAM, "none.img: No such file"),
            ({"BUDDYCAP_IMAGE": "IMAGE", "BUDDYCAP_ORDER": "x"}, DRAM, "BUDDYCAP_ORDER=x"),
            ({"BUDDYCAP_IMAGE": "IMAGE"}, DRAM - 4096, "frames up to 4095, but the DRAM has only 4095"),
        ],
    )
    def test_what_cannot_be_is_said(self, champsim, image, environment, dram, said):
        environment = {name: value.replace("IMAGE", str(image[0])) for name, value in environment.items()}
        result = subprocess.run([champsim, str(dram), "9", "1"], env=environment, capture_output=True, text=True)
        assert result.returncode == 1
        assert said in result.stderr
        assert result.stderr.count("\n") == 1

    def test_another_source_is_refused(self, tmp_path):
        (tmp_path / "src").mkdir()
        (tmp_path / "src" / "vmem.cc").write_text("int none;\n")
        script = EXAMPLES / "champsim" / "install.py"
        result = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True)
        assert result.returncode == 1
        assert "defines populate_pages 0 times" in result.stderr
        assert [path.name for path in (tmp_path / "src").iterdir()] == ["vmem.cc"]


@pytest.fixture(scope="module")
def ramulator(tmp_path_factory):
    """A program of Ramulator's interface and our plugin."""
    target = tmp_path_factory.mktemp("ramulator") / "drive"
    sources = [EXAMPLES / "ramulator" / "buddycap_translation.cpp", STUBS / "ramulator" / "drive.cpp"]
    build(target, sources, f"-I{STUBS / 'ramulator'}", standard="c++20")
    return target


@pytest.mark.xdist_group("Ramulator")
class TestRamulator:
    def test_every_core_has_an_address_space(self, ramulator, image):
        path, kernel = image
        found, _ = rows(ramulator, 500, 7, "image", path, "max_addr", PAGES << 12)
        assert [frame for *_, frame in found] == first_touches(path, kernel, 1000)

    def test_by_number_the_order_of_touches_does_not_matter(self, ramulator, image):
        kept = ("image", image[0], "max_addr", PAGES << 12, "order", "by-number", "seed", 4)
        one, other = (rows(ramulator, 500, step, *kept)[0] for step in (1, 7))
        assert one != other
        assert sorted(one) == sorted(other)

    @pytest.mark.parametrize(
        ("pages", "parameters", "said"),
        [
            (3000, ("max_addr", PAGES << 12), "out of memory: every free frame of the image is in use"),
            (3, ("max_addr", (PAGES << 12) - 1), "its memory is larger than max_addr"),
            (3, ("max_addr", PAGES << 12, "order", "x"), 'order "x"'),
        ],
    )
    def test_an_error_instead_of_a_hang(self, ramulator, image, pages, parameters, said):
        command = [ramulator, pages, 1, "image", image[0], *parameters]
        result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
        assert (result.returncode, result.stderr.count("\n")) == (1, 1)
        assert said in result.stderr


KERNEL_MIB = 4  # of the memory in Sniper, for the simulated kernel


@pytest.fixture(scope="module")
def sniper(tmp_path_factory):
    """A program of what Virtuoso's policies ask of Buddy, and ours in its place."""
    folder = tmp_path_factory.mktemp("sniper")
    shutil.copytree(STUBS / "sniper", folder, dirs_exist_ok=True)
    mended = install("sniper", folder).stdout
    assert "reserve_thp.h: free() ends with the frame that it frees" in mended
    assert "ends with" not in install("sniper", folder).stdout
    include = folder / "include"
    flags = [f"-I{include}", f"-I{include / 'memory_management' / 'physical_memory_allocators'}"]
    build(folder / "drive", [folder / "drive.cc"], *flags)
    return folder / "drive"


@pytest.fixture(scope="module", params=KERNELS)
def memory(request, tmp_path_factory):
    """An image that leaves the simulated kernel out, and a few pages in use; most huge pages are left."""
    zone = Zone(0, PAGES, present_ranges=[(KERNEL_MIB * 256, PAGES)], kernel=request.param, seed=3)
    zone.alloc_many(3)
    path = tmp_path_factory.mktemp("memory") / "aged.img"
    zone.save(path)
    return path, request.param


@pytest.mark.xdist_group("Sniper")
class TestSniper:
    def run(self, program, image, *words, kernel=KERNEL_MIB, memory=PAGES // 256, status=0):
        command = list(map(str, (program, memory, kernel, *words)))
        environment = {"BUDDYCAP_IMAGE": str(image)} if image else {}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert result.returncode == status, result.stdout + result.stderr
        if status:
            assert result.stderr.startswith("[Buddy] ERROR: ")
            assert result.stderr.count("\n") == 1
            return result.stderr
        return [line for line in result.stdout.splitlines() if not line.startswith("[")]

    def test_pages_are_the_allocators(self, sniper, memory):
        path, kernel = memory
        first, *frames, _ = self.run(sniper, path, "pages", 600)
        zone = Zone.load(path)
        huge = sum(int(n) << order >> 9 for order, n in enumerate(zone.nr_free))
        assert int(first) == zone.nr_free_pages * 1_000_000 + huge
        assert list(map(int, frames)) == first_touches(path, kernel, 600)

    def test_memory_runs_out_with_an_answer(self, sniper, memory):
        _, *frames, free = self.run(sniper, memory[0], "pages", PAGES)
        assert (frames[-2], int(frames[-1]), free) == ("none 4096", 2**64 - 1, "0")
        assert len(set(frames)) == len(frames)

    def test_huge_pages_until_there_are_none(self, sniper, memory):
        path, kernel = memory
        _, *regions, _ = self.run(sniper, path, "regions")
        zone = Zone.load(path)
        found = iter(lambda: zone.rmqueue(9, KERNELS[kernel]), None)
        assert list(map(int, regions)) == [*found, 2**64 - 1]
        assert len(regions) > 3

    def test_frees_merge_and_end_where_they_should(self, sniper, memory):
        before, after = self.run(sniper, memory[0], "demote", 100)
        assert before == after

    def test_a_page_by_its_number(self, sniper, memory):
        assert self.run(sniper, memory[0], "exact", PAGES - 7)[1:4] == ["1", "1", "0"]
        for frame in (0, KERNEL_MIB * 256 - 1, PAGES + 5):
            assert self.run(sniper, memory[0], "exact", frame)[1:4] == ["0", "0", "0"]

    def test_more_than_a_largest_block(self, sniper, memory):
        before, first, after = self.run(sniper, memory[0], "large", 8)
        assert int(first) % 1024 == 0
        assert before == after
        assert self.run(sniper, memory[0], "large", 16)[1:3] == [f"none {16 << 20}", str(2**64 - 1)]

    def test_fragmentation_is_that_of_the_image(self, sniper, memory):
        before, *done, ratios, after = self.run(sniper, memory[0], "order")
        assert (before, done) == (after, ["done", "done"])
        assert ratios.startswith("10 ")

    def test_what_cannot_be_is_said(self, sniper, memory):
        path = memory[0]
        assert "names no image" in self.run(sniper, None, "order", status=1)
        assert "frame 1024 is the simulated kernel's" in self.run(sniper, path, "order", kernel=5, status=1)
        assert "the memory has only 3840" in self.run(sniper, path, "order", memory=15, status=1)
        assert "free(0, 1): " in self.run(sniper, path, "wrong", status=1)

    def test_another_source_is_refused(self, tmp_path):
        script = EXAMPLES / "sniper" / "install.py"
        result = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True)
        assert result.returncode == 1
        assert "another Virtuoso?" in result.stderr


def gem5_sources(folder, *, frees):
    """Put the adapter into the stubs of gem5 v24, or of v25, which frees pages."""
    shutil.copytree(STUBS / "gem5", folder, dirs_exist_ok=True)
    sim = folder / "src" / "sim"
    if frees:
        text, more = (sim / "se_workload.cc").read_text(), (folder / "dealloc.cc").read_text()
        (sim / "se_workload.cc").write_text(text.replace("\n} // namespace", more + "\n} // namespace"))
    install("gem5", folder)
    before = (sim / "process.cc").read_text()
    install("gem5", folder)
    assert (sim / "process.cc").read_text() == before
    pool = folder / "src" / "buddycap"
    return [folder / "drive.cc", sim / "se_workload.cc", sim / "process.cc", pool / "buddy_pool.cc"]


@pytest.fixture(scope="module")
def gem5(tmp_path_factory):
    """A program of gem5's interface with the adapter: v25."""
    folder = tmp_path_factory.mktemp("gem5")
    sources = gem5_sources(folder, frees=True)
    build(folder / "drive", sources, f"-I{folder / 'src'}", "-DGEM5_25")
    return folder / "drive"


class TestGem5:
    def run(self, program, image, *words, memory=PAGES << 12, status=0):
        result = subprocess.run(list(map(str, (program, image, memory, *words))), capture_output=True, text=True)
        assert result.returncode == status, result.stdout + result.stderr
        return result.stderr if status else result.stdout.splitlines()

    def test_version_24_compiles(self, tmp_path):
        build(tmp_path / "drive", gem5_sources(tmp_path, frees=False), f"-I{tmp_path / 'src'}")

    def test_sizes_and_pages(self, gem5, memory):
        path, kernel = memory
        zone = Zone.load(path)
        size, free, *found, left = map(int, self.run(gem5, path, "alloc", *[1] * 200))
        assert (size, free) == (zone.present_pages << 12, zone.nr_free_pages << 12)
        assert left == free - (200 << 12)
        assert [address >> 12 for address in found] == first_touches(path, kernel, 200)

    def test_contiguous_pages_above_the_largest_block(self, gem5, memory):
        path, _ = memory
        _, free, one, two, left = map(int, self.run(gem5, path, "alloc", 5, 1500))
        assert two % (1024 << 12) == 0
        assert left == free - (1505 << 12)
        assert not two <= one < two + (1500 << 12)
        said = self.run(gem5, path, "alloc", 3000, status=1)
        assert said.startswith("%s: no %d contiguous pages, of %d that are free|system.buddy_pool|3000|")

    def test_a_region_is_mapped_in_pieces(self, gem5, image):
        """Every third page of this memory is in use."""
        _, free, *pieces, left = self.run(gem5, image[0], "region", 1000)
        assert int(left) == int(free) - (1000 << 12)
        at = 0x10000000
        for vaddr, paddr, size, flags in (map(int, piece.split()) for piece in pieces):
            assert (vaddr, flags) == (at, 1)
            assert paddr % 4096 == 0
            at += size
        assert at == 0x10000000 + (1000 << 12)
        assert 500 <= len(pieces) <= 1000

    def test_pages_are_freed_one_by_one(self, gem5, memory):
        for pages in (1, 7, 1300):
            _, free, left = self.run(gem5, memory[0], "free", pages)
            assert free == left
        assert "are freed: %s|system.buddy_pool|1|" in self.run(gem5, memory[0], "free", 7, "again", status=1)

    def test_a_checkpoint_has_the_memory(self, gem5, memory, tmp_path):
        *_, line, same, _ = self.run(gem5, memory[0], "checkpoint", tmp_path, 77)
        assert (line, same) == ("filename=system.buddy_pool.img", "1")
        zone = Zone.load(memory[0])
        assert Zone.load(tmp_path / "system.buddy_pool.img").nr_free_pages == zone.nr_free_pages - 77

    def test_what_cannot_be_is_said(self, gem5, memory, tmp_path):
        assert "No such file" in self.run(gem5, tmp_path / "none.img", "alloc", status=1)
        assert "which the system's memory has not" in self.run(gem5, memory[0], "alloc", memory=1 << 20, status=1)
        assert "there is one for pool %d already" in self.run(gem5, memory[0], "twice", status=1)
        assert self.run(gem5, memory[0], "pool", 1, status=1) == "MemPools\n", "another pool is gem5's own"

    def test_another_source_is_refused(self, tmp_path):
        (tmp_path / "src" / "sim").mkdir(parents=True)
        (tmp_path / "src" / "sim" / "se_workload.cc").write_text("int none;\n")
        script = EXAMPLES / "gem5" / "install.py"
        result = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True)
        assert result.returncode == 1
        assert "has no SEWorkload::allocPhysPages as it is known" in result.stderr
        assert not (tmp_path / "src" / "buddycap").exists()
