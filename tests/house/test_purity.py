"""Can anything in the core touch Python? The linker is asked: the generated C must link without libpython.

The C of _core is compiled once more, alone, each function in a section of its own; what the entry points of
capi/ cannot reach is dropped, and what is left must not want any symbol that Python would have to give.
"""

import ast
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from buddycap import Zone
from sourcelint import ROOT, part_texts

pytest.importorskip("Cython", reason="the C is generated anew")
COMPILER = (sysconfig.get_config_var("CC") or "cc").split()[0]
PROGRAM = Path(__file__).parents[1] / "data" / "purity.c"
INCLUDE = ROOT / "src" / "buddycap" / "include"
STEPS, LISTS, BLOCKS = 20_000, 4, 4096

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("purity"),  # one process compiles, for all of these tests
    pytest.mark.skipif(sys.platform != "linux", reason="the linker's options are those of GNU ld"),
    pytest.mark.skipif(shutil.which(COMPILER) is None, reason="needs a C compiler"),
]


def directives():
    """The compiler directives of setup.py for a release build."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DIRECTIVES":
            return eval(compile(ast.Expression(node.value), "setup.py", "eval"), {"CHECKED": False})  # our own file
    raise AssertionError("setup.py has no DIRECTIVES")


def run(*command, cwd, check=True):
    """Run a command and return it, with all it printed."""
    result = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0 or not check, result.stdout + result.stderr
    return result


def write_second_texts(package, folder):
    """What setup.py writes for a second kernel."""
    for name, text in part_texts(package).items():
        if name.startswith("each_612/"):
            (folder / "each_612").mkdir(exist_ok=True)
            (folder / f"{name}.pxi").write_text(text)


def generate(source, folder):
    """The C of a .pyx, with the directives of the real build."""
    options = [f"-X{name}={value}" for name, value in directives().items()]
    target = folder / f"{source.stem}.c"
    if (source.parent / "core").is_dir():
        write_second_texts(source.parent, folder)
    run(sys.executable, "-m", "cython", *options, "-I", folder, "-o", target, source, cwd=source.parents[1])
    return target


def compiled(source, *options):
    """The object of a C file, a section for each function."""
    target = source.with_suffix(".o")
    sections = ("-O2", "-ffunction-sections", "-fdata-sections", "-w")
    headers = (f"-I{INCLUDE}", f"-I{sysconfig.get_path('include')}")
    run(COMPILER, *sections, *headers, *options, "-c", source, "-o", target, cwd=source.parent)
    return target


def linked(target, *objects, check=True):
    """Link without libpython; the result of the linker."""
    flags = ("-Wl,--gc-sections", "-Wl,-z,defs", "-Wl,--no-undefined")
    return run(COMPILER, "-o", target, *objects, *flags, cwd=target.parent, check=check)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program of purity.c with the real core in it."""
    folder = tmp_path_factory.mktemp("purity")
    core = compiled(generate(ROOT / "src" / "buddycap" / "_core.pyx", folder))
    main = folder / "purity.o"
    run(COMPILER, "-std=c99", "-O1", "-Wall", "-Werror", f"-I{INCLUDE}", "-c", PROGRAM, "-o", main, cwd=folder)
    linked(folder / "purity", main, core)
    return folder / "purity"


class Draw:
    """The random numbers of purity.c."""

    def __init__(self):
        self.state = 12345

    def __call__(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.state >> 33) % n


def one_step(zone, lists, held, draw):
    """One step of purity.c; what it got, -1 for no block and -2 if nothing was asked for."""
    what = draw(10)
    k = draw(len(held)) if held else 0
    use = lists[draw(LISTS)]
    wanted = draw(draw(6) + 1)
    if len(held) < BLOCKS and (not held or what < 5):
        got = zone.rmqueue(wanted, draw(3))
    elif len(held) < BLOCKS and what == 5:
        got = use.capture_alloc_or_return(wanted, alloc_flags=1)
    else:
        pfn, order = held[k]
        (use.capture_one_page if what == 6 else zone.free_one_page)(pfn, order)
        last = held.pop()
        if k < len(held):
            held[k] = last
        return -2
    if got is None:
        return -1
    held.append((got, wanted))
    return got


def the_same_through_python():
    """The lines that purity.c prints."""
    zone = Zone(1000, 5000, cpus=2, min_free_kbytes=512, seed=7)
    lists = [zone.capture_list() for _ in range(LISTS)]
    held, lines, total, draw = [], [], 0, Draw()
    for step in range(1, STEPS + 1):
        total = (total * 31 + one_step(zone, lists, held, draw)) % (1 << 64)
        if step % 1000 == 0:
            lines.append(f"{zone.digest()} {total}")
    return lines


def test_the_core_runs_without_python_and_does_the_same(program):
    lines = run(program, cwd=program.parent).stdout.splitlines()
    assert len(set(lines)) == STEPS // 1000
    assert lines == the_same_through_python()


def test_the_program_holds_no_python(program):
    names = run("nm", program, cwd=program.parent).stdout.split()
    assert "bc_alloc" in names
    assert [name for name in names if name.startswith(("Py", "_Py"))] == []
    needed = run("readelf", "-d", program, cwd=program.parent).stdout
    assert "libc.so" in needed
    assert "python" not in needed.lower()
    assert program.stat().st_size < 200_000


def test_the_directives_are_those_of_the_build():
    assert directives()["cdivision"] is True
    assert directives()["boundscheck"] is False


PURE = """
cdef long half(long x, long y) noexcept nogil:
    return x // y

cdef public long bc_half(long x, long y) noexcept nogil:
    return half(x, y)

def wrapper(x, y):
    return bc_half(x, y)
"""

IMPURE = {
    "raises": ("return x // y", "if y == 0:\n        with gil:\n            raise ValueError(x)\n    return x // y"),
    "takes the GIL": ("return x // y", "with gil:\n        return len(str(x))"),
    "an exception clause": ("noexcept nogil:\n    return x", "except -1 nogil:\n    return x"),
    "an object in between": ("return x // y", "with gil:\n        z = <object> x\n        return z + y"),
}


def link_small(folder, text):
    """Generate, compile and link a small module whose bc_half a program calls; the result of the linker."""
    folder = folder / "small"
    folder.mkdir()
    (folder / "small.pyx").write_text(text)
    main = folder / "main.c"
    main.write_text("long bc_half(long x, long y);\nint main(int n, char **v) { return (int) bc_half(n - 1, 2); }\n")
    module = generate(folder / "small.pyx", folder)
    return linked(folder / "program", compiled(module, "-O0"), compiled(main), check=False)


def test_a_pure_module_links(tmp_path):
    result = link_small(tmp_path, PURE)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(("old", "new"), IMPURE.values(), ids=IMPURE)
def test_a_module_that_touches_python_does_not_link(tmp_path, old, new):
    assert PURE.count(old) == 1
    result = link_small(tmp_path, PURE.replace(old, new))
    assert result.returncode != 0
    assert "undefined reference to `Py" in result.stderr or "undefined reference to `_Py" in result.stderr


def test_the_real_core_with_one_impure_entry_does_not_link(program):
    """The same objects, and one entry point that reaches a facade function of the real module."""
    entry = program.parent / "entry.c"
    entry.write_text("void *PyInit__core(void);\nint main(void) { return PyInit__core() == 0; }\n")
    core = program.parent / "_core.o"
    result = linked(program.parent / "impure", compiled(entry), core, check=False)
    assert result.returncode != 0
    assert "Py" in result.stderr
