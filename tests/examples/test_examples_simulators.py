"""Do the adapters for other simulators compile without a warning, run, and hand out what the zone would?"""

import ctypes
import json
import re
import runpy
import shutil
import subprocess
import sys
import types

import pytest

from buddycap import Zone
from buddycap.cli import main
from sourcelint import ROOT

EXAMPLES = ROOT / "examples" / "embedding"
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")

ROW = re.compile(r"^\| \[\w+\]\((\w+)/([\w.]+)\) \|.*?\| (\d+) \|", re.M)

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


def facts():
    """What `buddycap embed` says."""
    result = subprocess.run(
        [sys.executable, "-m", "buddycap", "embed", "--json"], capture_output=True, text=True, check=True
    )
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """Memory with a few huge pages left."""
    path = tmp_path_factory.mktemp("image") / "desktop.img"
    assert main(["image", "make", "--recipe", "desktop", "--memory", "1GiB", "-o", str(path)]) == 0
    return path


def build(source, target, *options):
    """Compile an example in the way its page says."""
    known = facts()
    flags = [*known["cflags"].split(), *options]
    command = ["g++", "-std=c++17", "-O2", *WARNINGS, *flags, str(source), "-o", str(target), *known["libs"].split()]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def output(*command):
    """Run a program; what it prints."""
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.skipif(shutil.which("rustc") is None, reason="needs rustc")
def test_rust(image, tmp_path):
    source = EXAMPLES / "rust" / "main.rs"
    folder = facts()["library"].rpartition("/")[0]
    options = ["-L", f"native={folder}", "-l", "buddycap", "-C", f"link-arg=-Wl,-rpath,{folder}"]
    output("rustc", "-O", "-D", "warnings", "-o", tmp_path / "main", source, *options)
    zone = Zone.load(image)
    frames = [zone.rmqueue(0, 2) for _ in range(1000)]
    for pfn in frames[::2]:
        zone.free_one_page(pfn, 0)
    assert output(tmp_path / "main", image) == f"1000 frames from {frames[0]}, digest {zone.digest()}\n"


@needs_compiler
def test_gem5_recipe(image, tmp_path, monkeypatch):
    """With stand-ins for gem5's modules: the object takes the addresses, and its pool works on the script's zone."""
    params = types.SimpleNamespace(UInt64=lambda text: "UInt64", Int=lambda value, text: value)
    for name, module in (
        ("m5", types.ModuleType("m5")),
        ("m5.params", types.SimpleNamespace(Param=params)),
        ("m5.SimObject", types.SimpleNamespace(SimObject=object)),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    declared = runpy.run_path(str(EXAMPLES / "gem5" / "BuddyPool.py"))["BuddyPool"]
    zone, parameters = runpy.run_path(str(EXAMPLES / "gem5" / "run.py"))["pool_parameters"](image)
    assert all(getattr(declared, name) == "UInt64" for name in parameters)
    build(EXAMPLES / "gem5" / "without_gem5.cc", tmp_path / "pool.so", "-shared", "-fPIC")
    pool_so = ctypes.CDLL(str(tmp_path / "pool.so"))
    pool_so.pool_make.restype = ctypes.c_void_p
    pool_so.pool_alloc.restype = pool_so.pool_free_bytes.restype = ctypes.c_int64
    pool = ctypes.c_void_p(
        pool_so.pool_make(ctypes.c_uint64(parameters["api_address"]), ctypes.c_uint64(parameters["zone_address"]))
    )
    free = zone.nr_free_pages
    start = pool_so.pool_alloc(pool, ctypes.c_int64(5))
    assert start % 4096 == 0
    assert zone.nr_free_pages == free - 5
    assert pool_so.pool_free_bytes(pool) == (free - 5) * 4096
    assert pool_so.pool_dealloc(pool, ctypes.c_int64(start), ctypes.c_int64(5)) == 0
    assert pool_so.pool_dealloc(pool, ctypes.c_int64(start), ctypes.c_int64(5)) == -1
    assert pool_so.pool_alloc(pool, ctypes.c_int64(1 << 40)) == -1
    pool_so.pool_free(pool)
    zone.check()
    assert zone.nr_free_pages == free


def test_the_page_counts_lines():
    rows = ROW.findall((EXAMPLES / "README.md").read_text())
    assert len(rows) == 3
    for folder, file, lines in rows:
        sources = [EXAMPLES / folder / file]
        if folder == "gem5":
            sources += [EXAMPLES / folder / "BuddyPool.py", EXAMPLES / folder / "buddy_pool.hh"]
        assert sum(len(source.read_text().splitlines()) for source in sources) == int(lines), folder
