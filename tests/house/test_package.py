"""Can a stranger install it? From a source distribution, in a fresh environment, standing in an empty folder."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from email import message_from_string
from importlib.metadata import requires
from pathlib import Path, PurePosixPath

import pytest

from sourcelint import ROOT

SHIPPED = {".pyx", ".pxi", ".pxd", ".pyi", ".h", ".map", ".pc", ".cmake"}
COPIED = ("pyproject.toml", "setup.py", "MANIFEST.in", "Makefile", "LICENSE", "CITATION.cff", "mkdocs.yml")
FOLDERS = ("src", "tests", "benchmarks", "examples", "docs", "tools", ".ci")
LEFTOVERS = shutil.ignore_patterns("__pycache__", "*.so", "*.a", "*.egg-info", ".hypothesis")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("package")]  # one process builds, for all of these tests


def run(*command, cwd):
    """Run a command without the settings of the tests' own environment; return what it printed."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "BUDDYCAP_DEBUG", "BUDDYCAP_SANITIZE", "BUDDYCAP_ANNOTATE")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    result = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The source distribution of a clean copy of the tree."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("sdist")
    for file in (*COPIED, *(path.name for path in ROOT.glob("*.md"))):
        shutil.copy(ROOT / file, tree)
    for folder in FOLDERS:
        if (ROOT / folder).is_dir():
            shutil.copytree(ROOT / folder, tree / folder, ignore=LEFTOVERS)
    run(sys.executable, "-c", f"from setuptools import build_meta; build_meta.build_sdist({str(out)!r})", cwd=tree)
    return next(out.glob("buddycap-*.tar.gz"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The python of an empty virtual environment, and an empty folder to stand in."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder / "venv", with_pip=True)
    (folder / "empty").mkdir()
    return folder / "venv" / "bin" / "python", folder / "empty"


@pytest.fixture(scope="module")
def wheel(sdist, fresh, tmp_path_factory):
    """The wheel built from the source distribution by the fresh environment's own pip."""
    python, empty = fresh
    out = tmp_path_factory.mktemp("wheel")
    run(python, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", out, sdist, cwd=empty)
    return next(out.glob("buddycap-*.whl"))


def members(archive):
    """Return the files of an sdist, without its top folder."""
    with tarfile.open(archive) as opened:
        return {str(PurePosixPath(*PurePosixPath(member.name).parts[1:])) for member in opened if member.isfile()}


def sources(*folders, suffixes=None):
    """Return the files below folders of the tree that a distribution should hold."""
    return {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and (suffixes is None or path.suffix in suffixes)
        and not {"__pycache__", ".hypothesis"} & set(path.parts)
    }


def test_sdist_holds_every_source(sdist):
    assert sources("src", suffixes=SHIPPED | {".py", ".typed"}) - members(sdist) == set()


def test_sdist_holds_tests_benchmarks_examples_docs(sdist):
    wanted = sources("tests", "benchmarks", "examples", "docs", "tools") | {
        "README.md",
        "LICENSE",
        "Makefile",
        ".ci/run",
    }
    assert wanted - members(sdist) == set()


def test_sdist_holds_nothing_built(sdist):
    assert [name for name in members(sdist) if name.endswith((".so", ".a", ".pyc")) or "_core.c" in name] == []


def test_wheel_holds_what_others_cimport(wheel):
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    wanted = {name.removeprefix("src/") for name in sources("src", suffixes=SHIPPED | {".py", ".typed"})}
    assert wanted - names == set()
    assert {"buddycap/_core.pxd", "buddycap/__init__.pxd", "buddycap/py.typed"} <= names
    assert [name for name in names if name.startswith("buddycap/_core") and name.endswith(".so")]


def test_wheel_holds_what_c_programs_need(wheel):
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    wanted = ("include/buddycap.h", "include/buddycap_mmap.h", "share/pkgconfig/buddycap.pc")
    assert {f"buddycap/{name}" for name in (*wanted, "share/cmake/buddycap-config.cmake")} <= names
    if sys.platform == "linux":
        assert {"buddycap/lib/libbuddycap.so", "buddycap/lib/libbuddycap.a"} <= names


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("objdump") is None, reason="objdump reads files of Linux")
def test_wheel_asks_of_a_machine_what_manylinux_promises(wheel, tmp_path):
    """The C library alone, and none of its functions later than that of the image that wheels are made in."""
    with zipfile.ZipFile(wheel) as opened:
        libraries = [opened.extract(name, tmp_path) for name in opened.namelist() if name.endswith(".so")]
    assert len(libraries) >= 3
    told = "".join(run("objdump", "-p", library, cwd=tmp_path) for library in libraries)
    assert set(re.findall(r"NEEDED +(\S+)", told)) <= {"libc.so.6", "libm.so.6", "libpthread.so.0"}
    image = re.search(r'manylinux-x86_64-image = "manylinux_(\d+)_(\d+)"', (ROOT / "pyproject.toml").read_text())
    versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([\d.]+)", told)}
    assert max(versions) <= tuple(map(int, image.groups()))


def test_wheel_depends_on_numpy_alone(wheel):
    with zipfile.ZipFile(wheel) as opened:
        name = next(name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_string(opened.read(name).decode())
    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert needed == ["numpy>=2.0"]
    assert metadata["License-Expression"] == "MIT"


def test_installed_package_depends_on_numpy_alone():
    assert [line for line in requires("buddycap") or [] if "extra ==" not in line] == ["numpy>=2.0"]


def test_fresh_environment_installs_and_runs(wheel, fresh):
    python, empty = fresh
    run(python, "-m", "pip", "install", wheel, cwd=empty)
    listed = run(python, "-m", "pip", "list", "--format=freeze", cwd=empty).split()
    assert {line.partition("==")[0] for line in listed} <= {"buddycap", "numpy", "pip", "setuptools"}
    assert "buddycap" in run(
        python, "-c", "import buddycap; print(buddycap.Zone(0, 1024), buddycap.__file__)", cwd=empty
    )
    assert run(Path(python).with_name("buddycap"), "info", cwd=empty)
    assert run(python, "-m", "buddycap", "info", cwd=empty)
    assert list(empty.iterdir()) == []
    if sys.platform == "linux" and shutil.which("cc"):
        program, source = empty.parent / "play", ROOT / "examples" / "embedding" / "plain_c" / "play.c"
        flags = run(Path(python).with_name("buddycap"), "embed", "--cflags", "--libs", cwd=empty).split()
        run("cc", "-std=c99", source, *flags, "-o", program, cwd=empty)
        reference = ROOT / "examples" / "embedding" / "reference.py"
        assert run(program, cwd=empty) == run(python, reference, cwd=empty)
