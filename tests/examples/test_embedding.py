"""Do all ways into the core do the same? The shipped examples are built, run and compared with the methods of Zone."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from ctypes import CDLL, c_int, c_int64, c_void_p, create_string_buffer
from importlib.metadata import version
from pathlib import Path

import pytest

from buddycap import MisuseError, Zone
from buddycap.embed import facts
from buddycap.header import get_include, get_library
from sourcelint import ROOT

EXAMPLES = ROOT / "examples" / "embedding"
PAGE = ROOT / "docs" / "embedding.md"
WAYS = {
    "reference": (EXAMPLES / "reference.py", ()),
    "ctypes": (EXAMPLES / "ctypes" / "play.py", ()),
    "cffi": (EXAMPLES / "cffi" / "play.py", ("cffi",)),
    "numba": (EXAMPLES / "numba" / "play.py", ("numba",)),
    "cython": (EXAMPLES / "cython" / "play.pyx", ("Cython",)),
    "capsule": (EXAMPLES / "capsule" / "play.c", ()),
    "plain_c": (EXAMPLES / "plain_c" / "play.c", ()),
    "cpp": (EXAMPLES / "cpp" / "play.cpp", ()),
}
DIGEST = "fbe37a2f25dcaf65ffd3985dc5045447"  # of reference.py, on every machine
MODERN = EXAMPLES / "linux_6_1" / "play.c"  # the same script, but on a zone of 6.1 and through its per-CPU lists
KBYTES = 252  # room for the library without Python, with three kernels; some 8 are for what C asks of 6.12 since 1.3

linux = pytest.mark.skipif(sys.platform != "linux", reason="the library is made on Linux")
compiler = pytest.mark.skipif(shutil.which("cc") is None or shutil.which("c++") is None, reason="needs compilers")
pytestmark = [linux, compiler]


def run(command, folder):
    """Run a shell command with this Python's programs in front; return what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["sh", "-ec", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    assert "warning" not in result.stderr, result.stderr
    return result.stdout


def commands(file):
    """The lines of the first comment that begin with a dollar sign."""
    return [m[1].removesuffix(" */") for m in re.finditer(r"^[ */#]*\$ (.+)$", file.read_text(), re.M)]


@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_same_digest(way, tmp_path):
    file, needs = WAYS[way]
    for package in needs:
        pytest.importorskip(package)
    if way == "reference":
        shutil.copy(file, tmp_path)
    else:
        shutil.copytree(file.parent, tmp_path, dirs_exist_ok=True)
    assert run("\n".join(commands(file)), tmp_path).split()[-1] == DIGEST


def played_modern():
    """What the example of 6.1 does, by the methods of Zone."""
    zone, held = Zone(0, 16384, seed=2022, cpus=2, kernel="6.1"), []
    for _ in range(20_000):
        r = zone.random()
        zone.cpu = r >> 16 & 1
        if not held or (r & 1 and len(held) < 1024):
            order = (r >> 1) % 5
            pfn = zone.rmqueue_zone(order, (r >> 8) % 3)
            held += [] if pfn is None else [(pfn, order)]
        else:
            k = (r >> 1) % len(held)
            zone.free_pages(*held[k])
            held[k] = held[-1]
            held.pop()
    for cpu in range(2):
        zone.drain_pages(cpu=cpu)
    assert zone.isolate_range(16384 - 1024, 16384)
    return zone.digest()


def test_a_zone_of_6_1_from_c(tmp_path):
    shutil.copy(MODERN, tmp_path)
    assert run("\n".join(commands(MODERN)), tmp_path).strip() == played_modern()


def test_every_example_says_which_kernel_it_means():
    """Where a zone is made or loaded, or a type is named: the numbers of types differ."""
    texts = {str(path.relative_to(EXAMPLES)): path.read_text() for path in EXAMPLES.rglob("*.[!m]*")}
    asked = {
        name for name, text in texts.items() if re.search(r"MOVABLE|Zone\(0|Zone\.load|bc_\w*init\(|map_image", text)
    }
    assert len(asked) > 12
    assert [name for name in sorted(asked) if not re.search(r"2\.6\.27|6[._]1\b|BC_KERNEL", texts[name])] == []


@pytest.mark.parametrize("way", [*WAYS, "linux_6_1"])
def test_the_guide_shows_the_commands_and_the_file(way):
    page = PAGE.read_text()
    file, _ = WAYS.get(way, (MODERN, ()))
    assert str(file.relative_to(ROOT)) in page
    assert way == "reference" or [line for line in commands(file) if line not in page] == []


@pytest.mark.parametrize("name", ["buddycap.h", "buddycap_mmap.h"])
@pytest.mark.parametrize(
    "language", ["cc -std=c99 -xc", "cc -std=c11 -xc", "c++ -std=c++11 -xc++", "c++ -std=c++20 -xc++"]
)
def test_headers_compile_without_a_warning(name, language, tmp_path):
    (tmp_path / "user.c").write_text(f'#include "{name}"\n#include "{name}"\nint main(void) {{ return 0; }}\n')
    run(f"{language} -Wall -Wextra -Wpedantic -Wshadow -Werror -I{get_include()} -fsyntax-only user.c", tmp_path)


MAPS_AN_IMAGE = r"""
#include <stdio.h>
#include "buddycap_mmap.h"
int main(void) {
    uint64_t bytes, digest[2];
    int status;
    bc_zone *zone = bc_map_image(bc_get_api(), "zone.img", BC_IMAGE_CHECK, &bytes, &status);
    if (zone == NULL || bc_digest(zone, digest) != BC_OK) return 1;
    return printf("%016llx%016llx", (unsigned long long) digest[0], (unsigned long long) digest[1]) != 32;
}
"""


@pytest.mark.parametrize("standard", ["c99", "gnu99"])
def test_an_image_is_mapped_in_strict_c_too(standard, tmp_path):
    """Strict C hides MAP_ANONYMOUS."""
    zone = Zone(1000, 3000, seed=5)
    zone.save(tmp_path / "zone.img")
    (tmp_path / "user.c").write_text(MAPS_AN_IMAGE)
    warnings = f"-std={standard} -Wall -Wextra -Wpedantic -Werror"
    run(f"cc {warnings} user.c $(buddycap embed --cflags --libs) -o user", tmp_path)
    assert run("./user", tmp_path) == zone.digest()


def test_the_library_needs_libc_alone(tmp_path):
    needed = re.findall(r"NEEDED.*\[(.*)\]", run(f"readelf -d {get_library()}", tmp_path))
    assert [name for name in needed if not name.startswith(("libc.so", "ld-linux"))] == []
    assert "python" not in run(f"ldd {get_library()}", tmp_path)
    exported = re.findall(r" [TDBR] (\w+)", run(f"nm -D --defined-only {get_library()}", tmp_path))
    declared = set(re.findall(r"\b(bc_\w+)\(", Path(facts()["header"]).read_text())) - {"bc_api_ok"}
    assert set(exported) == declared


def test_the_archive_holds_no_python(tmp_path):
    archive = get_library(static=True)
    wanted = set(re.findall(r" U (\S+)", run(f"nm {archive}", tmp_path)))
    assert wanted <= {"memcpy", "memmove", "memset", "memcmp", "_GLOBAL_OFFSET_TABLE_"}
    names = re.findall(r" [TDBRtdbr] (\S+)", run(f"nm -g --defined-only {archive}", tmp_path))
    assert [name for name in names if not name.startswith("bc_")] == []


def test_the_library_is_small():
    assert Path(get_library()).stat().st_size < KBYTES * 1024


def test_pkg_config(tmp_path):
    if shutil.which("pkg-config") is None:
        pytest.skip("needs pkg-config")
    shutil.copy(WAYS["plain_c"][0], tmp_path)
    tool = f"PKG_CONFIG_PATH={facts()['pkg-config']} pkg-config"
    assert run(f"{tool} --modversion buddycap", tmp_path).strip() == version("buddycap")
    assert run(f"cc play.c $({tool} --cflags --libs buddycap) -o play\n./play", tmp_path).strip() == DIGEST


@pytest.mark.parametrize("target", ["buddycap", "static"])
def test_cmake(target, tmp_path):
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake")
    shutil.copy(WAYS["plain_c"][0], tmp_path)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.10)\nproject(play C)\nfind_package(buddycap REQUIRED)\n"
        f"add_executable(play play.c)\ntarget_link_libraries(play buddycap::{target})\n"
    )
    run("cmake -S . -B out -DCMAKE_PREFIX_PATH=$(buddycap embed --cmake)\ncmake --build out", tmp_path)
    assert run("out/play", tmp_path).strip() == DIGEST


def test_cmake_compares_versions(tmp_path):
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.10)\nproject(play C)\n"
        f"find_package(buddycap {version('buddycap')} EXACT REQUIRED)\nfind_package(buddycap 99 QUIET)\n"
        'message("found ${buddycap_VERSION}, ${buddycap_FOUND}")\n'
    )
    found = run("cmake -S . -B out -DCMAKE_PREFIX_PATH=$(buddycap embed --cmake) 2>&1", tmp_path)
    assert f"found {version('buddycap')}, 0" in found


def test_a_cpp_program_goes_on_from_an_image(tmp_path):
    spec = importlib.util.spec_from_file_location("reference", WAYS["reference"][0])
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    zone = Zone(1000, 30_000, seed=5, owners=True)
    zone.alloc_many(7000)
    zone.save(tmp_path / "image")
    before = (tmp_path / "image").read_bytes()
    reference.play(zone)
    shutil.copy(WAYS["cpp"][0], tmp_path)
    run(commands(WAYS["cpp"][0])[0], tmp_path)
    assert run("./play image", tmp_path).strip() == zone.digest()
    assert (tmp_path / "image").read_bytes() == before


@pytest.mark.parametrize("damage", [b"", b"no image", "short", "long"])
def test_a_cpp_program_refuses_what_is_no_image(damage, tmp_path):
    Zone(0, 4096).save(tmp_path / "image")
    image = (tmp_path / "image").read_bytes()
    damaged = {"short": image[:-8], "long": image + bytes(8)}.get(damage, damage)
    (tmp_path / "image").write_bytes(damaged)
    shutil.copy(WAYS["cpp"][0], tmp_path)
    run(commands(WAYS["cpp"][0])[0], tmp_path)
    result = subprocess.run(["./play", "image"], cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (1, "play: no zone image, or a damaged one\n")


def hammer(library, zone, rounds=40):
    """Bulk calls that let go of the GIL."""
    pfns = create_string_buffer(8 * 4096)
    for _ in range(rounds):
        assert library.bc_alloc_many(zone.address, pfns, 4096, 0, 2, None) == 4096
        assert library.bc_free_many(zone.address, pfns, 4096, None, 0, None, None) == 0


def test_zones_of_different_threads_share_nothing():
    library = CDLL(get_library())  # lets go of the GIL
    library.bc_alloc_many.argtypes = [c_void_p, c_void_p, c_int64, c_int, c_int, c_void_p]
    library.bc_free_many.argtypes = [c_void_p, c_void_p, c_int64, c_void_p, c_int, c_void_p, c_void_p]
    zones = [Zone(0, 16384, seed=3) for _ in range(5)]
    threads = [threading.Thread(target=hammer, args=(library, zone)) for zone in zones[:4]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hammer(library, zones[4])
    assert len({zone.digest() for zone in zones}) == 1
    zones[0].check()


def test_the_lock_keeps_other_threads_out():
    zone, got = Zone(0, 1024), []
    with zone.lock:
        thread = threading.Thread(target=lambda: got.append(zone.rmqueue(0, 2)))
        thread.start()
        thread.join(0.1)
        assert got == []
        with pytest.raises(MisuseError, match="held by this thread"):
            zone.rmqueue(0, 2)
    thread.join()
    assert got == [0]


def test_a_fork_has_a_zone_of_its_own():
    zone = Zone(0, 1024, seed=1)
    before = zone.digest()
    child = os.fork()
    if child == 0:
        zone.alloc_many(100)
        os._exit(zone.digest() == before)
    assert os.waitpid(child, 0)[1] == 0
    assert zone.digest() == before
