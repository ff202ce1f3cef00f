"""Does every file use only what lies below it?

core/common < core/linux_* < core/kernel < capi, facade < _world, _trace < formats < policies, machine < recorded
< study, replay, images, explain, conformance < bench, views < calls < commands. No circles, within a layer either.
"""

import ast
import re
from collections.abc import Collection
from pathlib import Path

import pytest

from buddycap.cli import COMMANDS
from sourcelint import (
    CAPI_PARTS,
    CORE_PARTS,
    PACKAGE,
    PYTHON_RANKS,
    ROOMS,
    SHARED,
    circles,
    defined_names,
    function_names,
    includes,
    out_of_order,
    part_texts,
    room,
    stripped,
    unknown_calls,
    upward_uses,
)

# Calls that go up on purpose, through a signature in _core.pxd: who calls, and what. A freed page meets the capture
# list whose captured buddy it completes.
UPWARD = {("core/linux_2_6_27/buddy", "capture_foreign")}

# What stands outside and looks into a room all the same: capture lists, which the series of 2008 gave to 2.6.27 alone,
# the formulas of its node, the heads of its lists, and what a machine of it is before it has a zone.
INSIDE = {
    "capi/blocks": {"capture_many"},
    "capi/capture": {"capture_alloc_or_return", "capture_one_page", "capture_release"},
    "capi/machine": {"capture_prefer", "machine_init", "policy_ok"},
    "capi/pages": {"add_to_list", "free_status"},
    "facade/capture": {
        *("capture_alloc_or_return", "capture_consult", "capture_many"),
        *("capture_one_page", "capture_release", "capture_sated"),
    },
    "facade/consult": {"capture_prefer", "capture_sated"},
    "facade/formulas": {"default_min_free_kbytes", "zone_batchsize", "zone_marks"},
    "facade/handle": {"machine_init", "zone_pcp"},
    "facade/machine": {"machine_init", "zone_pcp"},
    "facade/policy": {"policy_limits"},
    "facade/zone": {"pcp_list"},
}
PARTS = {name: PACKAGE / f"{name}.pxi" for name in CORE_PARTS + CAPI_PARTS if not name.startswith("each_612/")}
TEXTS = part_texts()  # of these and of what setup.py writes from them for a second kernel
DOORS = ("core/kernel", "core/kernel_machine")  # the parts that know all kernels
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


def uses(modules: list[Path] = MODULES) -> dict[str, set[str]]:
    """Return what each Python module of the package imports of it, by dotted names."""
    found = {}
    for path in modules:
        parts = module_parts(path)
        used = imported(path.read_text(), parts, path.name == "__init__.py")
        found[".".join(parts)] = {".".join(target) for target in used} - {".".join(parts)}
    return found


def by_room(modules: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the same for the rooms: folders, and modules in none."""
    rooms: dict[str, set[str]] = {}
    for name, used in modules.items():
        own = name.partition(".")[0]
        rooms.setdefault(own, set()).update(other.partition(".")[0] for other in used)
    return {name: used - {name} for name, used in rooms.items()}


def named_like_a_room(source: str, rooms: set[str]) -> set[str]:
    """Return the public functions of a module that bear the name of a folder of the package."""
    return {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)} & rooms


# What the names of a room end in.
ENDINGS = {"linux_2_6_27": "_27", "linux_6_1": "_61", "linux_6_12": "_612"}


def kernels_named(part: str, shared: Collection[str] = ()) -> set[str]:
    """Return the kernels that a part's code names: by the number in zone_t.kernel, or by a function that ends in it.

    Names in `shared` are those of two kernels, whatever they end in.
    """
    numbers = {name: name.removeprefix("linux_") for name in ROOMS}
    names = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", stripped(part))) - set(shared)
    return {
        kernel
        for kernel, number in numbers.items()
        for name in names
        if name == f"KERNEL_{number}" or name.endswith(ENDINGS[kernel])
    }


def test_the_compiled_half_is_included_in_order():
    found = includes((PACKAGE / "_core.pyx").read_text())
    parts = [name.removesuffix(".pxi") for name in found if not name.startswith("facade/")]
    assert out_of_order(parts) == []
    assert set(parts) == set(TEXTS), "every part of core/ and capi/ is included"
    assert [name for name in found if name.startswith("facade/")] == found[len(parts) :], "the facade comes last"


def test_every_file_of_the_core_is_a_known_part():
    found = {p.relative_to(PACKAGE) for d in ("core", "capi") for p in (PACKAGE / d).rglob("*") if p.is_file()}
    assert found == {p.relative_to(PACKAGE) for p in PARTS.values()}


def test_the_picture_of_the_house_shows_every_part():
    """docs/design.md: each part of core/, capi/ and facade/, and each folder."""
    page = (PACKAGE.parents[1] / "docs" / "design.md").read_text()
    shown = set(re.findall(r"\w+", page.partition("## The house")[2].partition("\n## ")[0]))
    parts = {path.stem for path in [*PARTS.values(), *FACADE]}
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__", "include", "share", "lib"}
    assert (parts | folders) - shown == set()


def test_parts_use_only_what_is_below_and_no_other_room():
    parts = TEXTS
    later = {str(path.relative_to(PACKAGE)): path.read_text() for path in FACADE}
    assert set(upward_uses(parts, later, NOUNS.read_text())) == UPWARD
    nouns = defined_names(NOUNS.read_text())
    assert {name for _, name in UPWARD} <= nouns, "an upward call needs its signature in _core.pxd"


def test_only_the_dispatcher_names_more_than_one_kernel():
    texts = [text for name, text in TEXTS.items() if room(name) == SHARED]
    shared = set().union(*map(defined_names, texts), *(re.findall(r'(\w+_61) "BC_', text) for text in texts))
    named = {name: kernels_named(text, shared) for name, text in TEXTS.items()}
    assert [named[door] for door in DOORS] == [set(ROOMS)] * len(DOORS)
    strangers = {name: kernels - {room(name)} for name, kernels in named.items() if name not in DOORS}
    assert {name: kernels for name, kernels in strangers.items() if kernels} == {}


def room_uses(outside: str, rooms: set[str]) -> set[str]:
    """Return the functions of kernels' rooms that a source from outside uses, past the doors."""
    return set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", stripped(outside))) & rooms


def test_who_stands_outside_goes_through_the_doors():
    rooms = set().union(*(function_names(text) for name, text in TEXTS.items() if room(name)))
    outside = [*(PARTS[name] for name in CAPI_PARTS), *FACADE]
    names = {str(path.relative_to(PACKAGE).with_suffix("")): path for path in outside}
    own = {name for name in names if name.endswith(("_6_1", "_6_12", "facade/kernels"))}  # what only they have there
    found = {name: room_uses(path.read_text(), rooms) for name, path in names.items() if name not in own}
    assert {name: used for name, used in found.items() if used} == INSIDE


def test_core_parts_call_only_each_other():
    texts = [NOUNS.read_text(), *TEXTS.values()]
    header = (PACKAGE / "_core.pyx").read_text().partition("\ninclude ")[0]
    known = set().union(*(defined_names(text) for text in [header, *texts]))
    found = {name: unknown_calls(text, known) for name, text in TEXTS.items()}
    assert {name: calls for name, calls in found.items() if calls} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_python_imports_go_down(path):
    assert imports_upward(path.read_text(), module_parts(path), path.name == "__init__.py") == []


def test_no_modules_import_each_other_in_a_circle():
    assert circles(uses()) == []


def test_no_rooms_import_each_other_in_a_circle():
    assert circles(by_room(uses())) == []


def test_no_function_is_called_like_a_folder():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    found = {str(path.relative_to(PACKAGE)): named_like_a_room(path.read_text(), rooms) for path in MODULES}
    assert {name: named for name, named in found.items() if named} == {}


def test_every_command_is_a_module_of_its_own():
    """That has both parts, and only what the commands share stands beside them."""
    found = {path.stem for path in (PACKAGE / "commands").glob("*.py") if "\ndef command(" in path.read_text()}
    assert found == set(COMMANDS)


def test_arguments_are_described_in_commands_alone():
    found = {str(path.relative_to(PACKAGE)) for path in MODULES if "add_argument(" in path.read_text()}
    assert {name for name in found if not name.startswith("commands/")} == {"cli.py", "newfile.py"}


@pytest.mark.parametrize("path", [*FACADE, *TRACE, *WORLD], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_compiled_modules_import_down(path):
    own = "_world" if path in WORLD else "_trace" if path in TRACE else "_core"
    used = re.findall(r"^\s*(?:from|import|cimport)\s+(?:buddycap|(?=\.))\.*(\w*)", stripped(path.read_text()), re.M)
    assert [name for name in used if PYTHON_RANKS[name] > PYTHON_RANKS[own]] == []


def test_package_init_has_no_logic():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
    others = [node for node in tree.body if not isinstance(node, allowed)]
    (later,) = others  # what is imported when it is asked for, for type checkers
    assert ast.unparse(later).startswith("if TYPE_CHECKING:")
    assert [ast.unparse(node) for node in later.body if not isinstance(node, ast.ImportFrom)] == []


class TestTheRulesCanFail:
    """Each rule finds what it is there for."""

    def test_order_of_includes(self):
        frames, buddy, capi = "core/common/frames", "core/linux_2_6_27/buddy", "capi/zone"
        assert out_of_order([frames, buddy, "core/kernel", capi]) == []
        assert out_of_order([buddy, frames]) == [frames]
        assert out_of_order([capi, "core/kernel"]) == ["core/kernel"]
        assert out_of_order([frames, frames]) == [frames]
        assert out_of_order([frames, "core/common/helpers"]) == ["core/common/helpers"]
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

    def test_use_of_another_room(self):
        common = "cdef void base() noexcept nogil:\n    pass\n"
        one = "cdef void one() noexcept nogil:\n    base()\n"
        two = "cdef void two() noexcept nogil:\n    one()\n"
        doors = "cdef void door() noexcept nogil:\n    one()\n    two()\n"
        parts = {"core/common/a": common, "core/linux_1/a": one, "core/linux_2/a": two, "core/kernel": doors}
        assert upward_uses(parts, {}, "") == [("core/linux_2/a", "one")]
        parts["core/linux_2/a"] = "cdef void two() noexcept nogil:\n    door()\n"
        assert upward_uses(parts, {}, "") == [("core/linux_2/a", "door")]

    def test_a_way_past_the_doors(self):
        assert room_uses("x = rmqueue_27(z)  # free_27\ny = z.free_27\n", {"rmqueue_27", "free_27"}) == {"rmqueue_27"}

    def test_circles(self):
        assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
        assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
        assert circles({"a": {"a"}}) == [["a"]]
        assert circles({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c"}}) == [["a", "b"], ["c", "d"]]

    def test_a_circle_of_rooms_that_no_module_closes(self):
        modules = {"study.run": {"replay.course"}, "replay.course": set(), "replay.whatif": {"study.plan"}}
        assert circles(modules) == []
        assert circles(by_room(modules)) == [["replay", "study"]]

    def test_an_import_for_types_counts(self):
        code = "if TYPE_CHECKING:\n    from .config import StudyConfig\n"
        assert imported(code, ("study", "parameters"), False) == [("study", "config")]

    def test_a_function_called_like_a_folder(self):
        code = "def study():\n    pass\n\n\nclass A:\n    def replay(self):\n        pass\n"
        assert named_like_a_room(code, {"study", "replay"}) == {"study"}

    def test_kernels_named(self):
        assert kernels_named("x = layout_27(z)  # 2.6.27\n") == {"linux_2_6_27"}
        assert kernels_named("if z.kernel == KERNEL_2_6_27:\n") == {"linux_2_6_27"}
        assert kernels_named("x = z.layout_27 + y  # KERNEL_2_6_27\n") == set()

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
            ("from .study.running import run", ("machine",), ["buddycap.study.running"]),
            ("from ..study.running import run", ("formats", "procfs"), ["buddycap.study.running"]),
            ("from . import cli", ("views",), ["buddycap.cli"]),
            ("import buddycap.cli", ("views", "report"), ["buddycap.cli"]),
            ("from buddycap import Zone", ("study", "running"), ["buddycap"]),
            ("def f():\n    from .machine import Machine", ("errors",), ["buddycap.machine"]),
            ("from .._core import Zone\nfrom .stats import mean\nimport numpy", ("study", "running"), []),
            ("from .errors import MisuseError", ("flags",), []),
            ("from ..machine import Machine", ("formats", "procfs"), ["buddycap.machine"]),
            ("from .recorded.zones import zone_from_frames", ("machine",), ["buddycap.recorded.zones"]),
            ("from .recorded import zones", ("machine",), ["buddycap.recorded.zones"]),
            ("from ..views.plots import draw", ("study", "run"), ["buddycap.views.plots"]),
            ("from ..study.run import run_once", ("images", "aging"), []),
        ],
    )
    def test_import(self, source, module, wrong):
        found = imports_upward(source, module)
        assert found == wrong
