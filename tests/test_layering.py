"""Does every file use only what lies below it? core < _core < _world < surface < formats < lab < views < cli."""

import ast
import re
from pathlib import Path

import pytest

from sourcelint import (
    CORE_PARTS,
    PACKAGE,
    PYTHON_RANKS,
    defined_names,
    includes,
    out_of_order,
    stripped,
    unknown_calls,
    upward_uses,
)

# Calls that go up on purpose, through a signature in _core.pxd: who calls, and what. A freed page meets the capture
# list whose captured buddy it completes; a capture list asks the marks before it hands a page out.
UPWARD = {
    ("buddy", "capture_foreign"),
    ("capture", "zone_cpuset_permits"),
    ("capture", "zone_watermark_permits"),
}

CORE = {name: PACKAGE / "core" / f"{name}.pxi" for name in CORE_PARTS if (PACKAGE / "core" / f"{name}.pxi").exists()}
FACADE = [PACKAGE / "_core.pyx", *sorted((PACKAGE / "facade").glob("*.pxi"))]
TRACE = sorted([*PACKAGE.glob("_trace.p*x*"), *(PACKAGE / "trace").glob("*.pxi")])
WORLD = sorted([*PACKAGE.glob("_world.p*x*"), *(PACKAGE / "world").glob("*.pxi")])
NOUNS = PACKAGE / "_core.pxd"
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def rank(parts: tuple[str, ...]) -> int:
    """Return the layer of a module given by its path inside the package."""
    return PYTHON_RANKS[parts[0] if parts else ""]


def imported(source: str, parts: tuple[str, ...], is_package: bool, package: Path = PACKAGE) -> list[tuple[str, ...]]:
    """Return the modules of the package that a module imports, as paths inside the package."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [tuple(a.name.split(".")[1:]) for a in node.names if a.name.split(".")[0] == "buddycap"]
        elif isinstance(node, ast.ImportFrom):
            path = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                up = node.level - is_package
                base = parts[: len(parts) - up] + path
            elif path[:1] == ("buddycap",):
                base = path[1:]
            else:
                continue
            for name in (alias.name for alias in node.names):
                here = package.joinpath(*base, name)
                known = here.is_dir() or any(here.with_suffix(s).exists() for s in (".py", ".pyx"))
                known = known or (not base and name in PYTHON_RANKS)
                found.append((*base, name) if known else base)
    return found


def imports_upward(source: str, parts: tuple[str, ...], is_package: bool = False) -> list[str]:
    """Return the imports of a module that lead to a higher layer."""
    return [
        ".".join(("buddycap", *target)) for target in imported(source, parts, is_package) if rank(target) > rank(parts)
    ]


def module_parts(path: Path) -> tuple[str, ...]:
    """Return a module's path inside the package, without a final __init__."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def test_core_is_included_in_order():
    found = includes((PACKAGE / "_core.pyx").read_text())
    core = [Path(name).stem for name in found if name.startswith("core/")]
    assert out_of_order(core) == []
    assert set(core) == set(CORE), "every part of core/ is included"
    assert [name for name in found if name.startswith("facade/")] == found[len(core) :], "the facade comes last"


def test_every_core_file_is_a_known_part():
    assert {p.name for p in (PACKAGE / "core").iterdir() if p.is_file()} == {p.name for p in CORE.values()}


def test_core_parts_use_only_what_is_below():
    parts = {name: path.read_text() for name, path in CORE.items()}
    later = {str(path.relative_to(PACKAGE)): path.read_text() for path in FACADE}
    assert set(upward_uses(parts, later, NOUNS.read_text())) == UPWARD
    nouns = defined_names(NOUNS.read_text())
    assert {name for _, name in UPWARD} <= nouns, "an upward call needs its signature in _core.pxd"


def test_core_parts_call_only_each_other():
    texts = [path.read_text() for path in (NOUNS, *CORE.values())]
    header = (PACKAGE / "_core.pyx").read_text().partition("\ninclude ")[0]
    known = set().union(*(defined_names(text) for text in [header, *texts]))
    found = {name: unknown_calls(path.read_text(), known) for name, path in CORE.items()}
    assert {name: calls for name, calls in found.items() if calls} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_python_imports_go_down(path):
    assert imports_upward(path.read_text(), module_parts(path), path.name == "__init__.py") == []


@pytest.mark.parametrize("path", [*FACADE, *TRACE, *WORLD], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_compiled_modules_import_down(path):
    own = "_world" if path in WORLD else "_trace" if path in TRACE else "_core"
    used = re.findall(r"^\s*(?:from|import|cimport)\s+(?:buddycap|(?=\.))\.*(\w*)", stripped(path.read_text()), re.M)
    assert [name for name in used if PYTHON_RANKS[name] > PYTHON_RANKS[own]] == []


def test_package_init_has_no_logic():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
    assert [ast.unparse(node) for node in tree.body if not isinstance(node, allowed)] == []


class TestTheRulesCanFail:
    """Each rule finds what it is there for."""

    def test_order_of_includes(self):
        assert out_of_order(["frames", "capture", "image"]) == []
        assert out_of_order(["buddy", "frames"]) == ["frames"]
        assert out_of_order(["frames", "frames"]) == ["frames"]
        assert out_of_order(["frames", "helpers"]) == ["helpers"]
        assert includes('include "core/frames.pxi"\n    include "x"\n') == ["core/frames.pxi"]

    def test_upward_use(self):
        low = "cdef void low() noexcept nogil:\n    high()  # high\n"
        high = "cdef enum:\n    TOP = 1\ncdef void high() noexcept nogil:\n    low()\n"
        assert upward_uses({"low": low, "high": high}, {}, "") == [("low", "high")]
        assert upward_uses({"high": high, "low": low}, {}, "") == [("high", "low")]
        assert upward_uses({"low": "# high\n", "high": high}, {}, "") == []
        assert upward_uses({"low": "x = high\n"}, {"facade": "class Z:\n    def high(self):\n        pass\n"}, "") == []
        assert upward_uses({"low": "x = TOP\n"}, {"facade": high}, "") == [("low", "TOP")]

    def test_a_declared_signature_does_not_hide_an_upward_use(self):
        low = "cdef void low() noexcept nogil:\n    high()\n"
        high = "cdef void high() noexcept nogil:\n    pass\n"
        assert upward_uses({"low": low, "high": high}, {}, "cdef void high() noexcept nogil\n") == [("low", "high")]

    def test_unknown_call(self):
        code = "cdef int f(int x) noexcept nogil:\n    if (x):\n        print(x)\n    return g(x) + z.h(x) + <int>(x)\n"
        assert unknown_calls(code, {"g"}) == ["print"]

    def test_defined_names(self):
        code = (
            "from libc.string cimport memset, memcpy as copy\n"
            "cdef enum mt:\n    A = 1   # text\n    B\n    C, D\n"
            "ctypedef struct zone_t:\n    int field\n"
            "ctypedef void (*hook_t)(int) noexcept nogil\n"
            "cdef class Zone:\n    cdef int inner\n"
            'cdef extern from *:\n    """\n    #define twice(x) 2\n    """\n    int twice(int x) nogil\n'
            "cdef inline int f(zone_t *z,\n                  int x) noexcept nogil:\n    cdef int local = 1\n"
        )
        assert defined_names(code) == {
            "memset",
            "copy",
            "mt",
            "A",
            "B",
            "C",
            "D",
            "zone_t",
            "hook_t",
            "Zone",
            "f",
            "twice",
        }

    @pytest.mark.parametrize(
        ("source", "module", "wrong"),
        [
            ("from .lab.study import run", ("machine",), ["buddycap.lab.study"]),
            ("from ..lab.study import run", ("formats", "procfs"), ["buddycap.lab.study"]),
            ("from . import cli", ("views",), ["buddycap.cli"]),
            ("import buddycap.cli", ("views", "report"), ["buddycap.cli"]),
            ("from buddycap import Zone", ("lab", "study"), ["buddycap"]),
            ("def f():\n    from .machine import Machine", ("errors",), ["buddycap.machine"]),
            ("from .._core import Zone\nfrom .stats import mean\nimport numpy", ("lab", "study"), []),
            ("from .errors import MisuseError", ("flags",), []),
        ],
    )
    def test_import(self, source, module, wrong):
        found = imports_upward(source, module)
        assert found == wrong
