"""Does _core.pyi say what the compiled module holds?"""

import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location

import pytest

from sourcelint import PACKAGE, ROOT

STUBS = sorted(path.stem for path in PACKAGE.glob("*.pyi"))

SPEC = spec_from_file_location("stub_docstrings", ROOT / "tools" / "stub_docstrings.py")
stub_docstrings = module_from_spec(SPEC)
SPEC.loader.exec_module(stub_docstrings)

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


@pytest.mark.parametrize("module", STUBS)
def test_stubs_have_the_docstrings_of_their_modules(module):
    stub = PACKAGE / f"{module}.pyi"
    wrong = stub_docstrings.missing(stub.read_text(), import_module(f"buddycap.{module}"))
    assert wrong == [], "run tools/stub_docstrings.py"


def test_a_docstring_that_differs_is_found():
    module = import_module("buddycap._core")
    text = (PACKAGE / "_core.pyi").read_text()
    bare = stub_docstrings.without_docstrings(text)
    assert bare.count('"""') == 2, "the module's own"
    assert {"Zone", "rmqueue", "present_pages"} <= set(stub_docstrings.missing(bare, module))
    assert stub_docstrings.missing(stub_docstrings.with_docstrings(bare, module), module) == []
    assert stub_docstrings.missing(text.replace("Allocate a block of 2^order", "Free a block of"), module) == [
        "rmqueue"
    ]
