"""Does _core.pyi say what the compiled module holds?"""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from sourcelint import PACKAGE

STUBS = sorted(path.stem for path in PACKAGE.glob("*.pyi"))

# What Cython adds to every module and class, and no caller uses.
ALLOWED = r"""
buddycap\._\w+\.__pyx_\w+__
buddycap\._\w+\.__test__
buddycap\._\w+(\.\w+)?\.__reduce_cython__
buddycap\._\w+(\.\w+)?\.__setstate_cython__
buddycap\._\w+(\.\w+)?\.__pyx_vtable__
"""


def stubtest(modules, folder):
    """Run stubtest from an empty folder, so that it looks at the installed package."""
    (folder / "allowed").write_text(ALLOWED)
    options = ["--ignore-disjoint-bases", "--ignore-unused-allowlist", "--allowlist", str(folder / "allowed")]
    return subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", *modules, *options],
        cwd=folder,
        env=os.environ | {"MYPY_CACHE_DIR": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_every_compiled_module_has_a_stub():
    assert sorted(path.stem for path in PACKAGE.glob("*.pyx")) == STUBS


@pytest.mark.skipif(find_spec("mypy") is None, reason="stubtest needs mypy: pip install '.[dev]'")
def test_stubs_agree_with_their_modules(tmp_path):
    result = stubtest([f"buddycap.{module}" for module in STUBS], tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
