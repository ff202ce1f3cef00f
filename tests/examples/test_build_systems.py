"""Can programs and plugins be built, installed and kept apart with the tools that projects use, as the guide says?"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from buddycap.header import get_include, get_library
from sourcelint import ROOT

EXAMPLES = ROOT / "examples" / "embedding"
PAGE = ROOT / "docs" / "embedding.md"
DIGEST = "fbe37a2f25dcaf65ffd3985dc5045447"  # of the script that every way plays

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the library is made on Linux"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
]


def run(command, folder):
    """Run a shell command with this Python's programs in front; return what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    result = subprocess.run(["sh", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


def shown(language, with_words):
    """The block of the guide in a language that has these words in it."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    found = [block for block in blocks if with_words in block]
    assert len(found) == 1, with_words
    return found[0]


PLUGIN = """
#include "buddycap.h"
int64_t plugin_take(bc_zone *zone);
int64_t plugin_take(bc_zone *zone) { return bc_get_api()->alloc(zone, 0, BC_MOVABLE, 0) + bc_alloc(zone, 0, 2, 0); }
"""


def exported(plugin, folder):
    """What others would find in a shared library."""
    return re.findall(r" [TDBRVWi] (\w+)", run(f"nm -D --defined-only {plugin}", folder))


def test_a_plugin_exports_no_function_of_the_archive(tmp_path):
    (tmp_path / "plugin.c").write_text(PLUGIN)
    run("cc -shared -fPIC plugin.c $(buddycap embed --cflags --libs --static) -o plugin.so", tmp_path)
    assert exported("plugin.so", tmp_path) == ["plugin_take"]
    library = get_library(static=True)
    run(f"cc -shared -fPIC -I{get_include()} plugin.c {library} -o open.so", tmp_path)
    assert len(exported("open.so", tmp_path)) > 60, "which is why the flag is there"


@pytest.mark.skipif(shutil.which("cmake") is None, reason="needs cmake")
def test_cmake_installs_what_runs_and_hides_what_is_static(tmp_path):
    (tmp_path / "plugin.c").write_text(PLUGIN)
    shutil.copy(EXAMPLES / "plain_c" / "play.c", tmp_path / "simulator.c")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.14)\nproject(simulator C)\nadd_executable(simulator simulator.c)\n"
        f"{shown('text', 'find_package(buddycap')}"
        "add_library(plugin MODULE plugin.c)\ntarget_link_libraries(plugin buddycap::static)\n"
        "install(TARGETS simulator)\n"
    )
    run("cmake -S . -B out -DCMAKE_PREFIX_PATH=$(buddycap embed --cmake) && cmake --build out", tmp_path)
    assert exported("out/libplugin.so", tmp_path) == ["plugin_take"]
    run("cmake --install out --prefix installed", tmp_path)
    assert run("installed/bin/simulator", tmp_path).strip() == DIGEST


@pytest.mark.skipif(shutil.which("meson") is None, reason="needs meson")
def test_meson(tmp_path):
    for folder in ("meson", "plain_c"):
        shutil.copytree(EXAMPLES / folder, tmp_path / folder)
    text = (EXAMPLES / "meson" / "meson.build").read_text()
    commands = re.findall(r"^# +\$ (.+)$", text, re.M)
    assert [command for command in commands if command not in PAGE.read_text()] == []
    assert run("\n".join(commands), tmp_path / "meson").split()[-1] == DIGEST
    run("DESTDIR=$PWD/installed meson install -C out", tmp_path / "meson")
    program = next((tmp_path / "meson" / "installed").rglob("play"))
    assert run(str(program), tmp_path).strip() == DIGEST


def test_cffi_compiles_what_the_header_declares(tmp_path):
    pytest.importorskip("cffi")
    pytest.importorskip("setuptools")
    (tmp_path / "build.py").write_text(shown("text", "ffi.set_source"))
    run("python build.py", tmp_path)
    said = run(
        "python -c 'import _frames; print(_frames.lib.bc_get_api().abi_major, _frames.lib.BC_61_MOVABLE)'", tmp_path
    )
    assert said == "1 1\n"


@pytest.mark.parametrize("kernel", ["2.6.27", "6.1"])
def test_a_space_for_each_process(kernel, tmp_path):
    program = EXAMPLES / "processes" / "spaces.py"
    told = run(f"{sys.executable} {program} {kernel}", tmp_path)
    assert re.match(rf"Linux {re.escape(kernel)}: \d+ translations, [1-9]\d* huge pages\n", told)
    for process in range(3):
        assert re.search(rf"process {process}: \d+ evicted", told)
        assert ("moved" in told) == (kernel == "6.1")
