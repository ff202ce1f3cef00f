"""Do the sources keep the house rules: purity of the core, exception clauses, sizes, no leftovers?"""

import re

import pytest

from sourcelint import (
    PACKAGE,
    ROOT,
    cdef_classes,
    cython_sources,
    directives,
    functions,
    not_pure,
    python_functions,
    stripped,
    without_clause,
)

CYTHON = cython_sources()
PYTHON = [
    p
    for d in ("src", "tests", "benchmarks", "examples", "tools")
    for p in sorted((ROOT / d).rglob("*.py"))
    if p.is_file()
]
TEXT_SUFFIXES = {".py", ".pyx", ".pxi", ".pxd", ".pyi", ".h", ".c", ".cc", ".cpp", ".md", ".toml", ".in", ".txt", ".sh"}
TEXTS = [
    p
    for d in ("src", "tests", "benchmarks", "examples", "tools", "docs", ".ci")
    for p in sorted((ROOT / d).rglob("*"))
    if p.is_file() and (p.suffix in TEXT_SUFFIXES or p.suffix == "") and ".egg-info" not in str(p)
] + [p for p in sorted(ROOT.iterdir()) if p.is_file() and p.suffix in {".md", ".toml", ".in", ".py"}]

MODULE_LINES, TEST_LINES, CYTHON_LINES, FUNCTION_LINES = 500, 600, 800, 60

# Spelled in two halves, so that this file does not find itself.
MARKS = re.compile(rf"\b(?:{'TO' + 'DO'}|{'FIX' + 'ME'}|{'XX' + 'X'}|{'HA' + 'CK'})\b")
SHARED, WORK = "../" + "shared", "/work" + "/"
MACHINE = re.compile(rf"{re.escape(SHARED)}|(?<!\w){WORK}")


def relative(path):
    return str(path.relative_to(ROOT))


def matches(pattern, text):
    """Return the lines that a pattern is found on."""
    return [text.count("\n", 0, m.start()) + 1 for m in pattern.finditer(text)]


def test_there_is_something_to_check():
    assert PACKAGE / "_core.pyx" in CYTHON
    assert PACKAGE / "errors.py" in PYTHON
    assert ROOT / "README.md" in TEXTS


def test_every_cdef_function_has_an_exception_clause():
    classes = cdef_classes(p.read_text() for p in CYTHON)
    found = {relative(p): without_clause(p.read_text(), classes) for p in CYTHON}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "path", sorted(p for folder in ("core", "capi") for p in (PACKAGE / folder).rglob("*.pxi")), ids=relative
)
def test_core_and_c_entry_points_are_pure(path):
    assert not_pure(path.read_text()) == []


@pytest.mark.parametrize("path", CYTHON, ids=relative)
def test_directives_stand_in_setup_only(path):
    assert directives(path.read_text()) == []


def limit(path):
    if path.suffix != ".py":
        return CYTHON_LINES
    return TEST_LINES if path.is_relative_to(ROOT / "tests") else MODULE_LINES


def test_no_file_is_too_long():
    sizes = {path: len(path.read_text().splitlines()) for path in [*CYTHON, *PYTHON]}
    assert {relative(p): n for p, n in sizes.items() if n > limit(p)} == {}


def test_no_function_is_too_long():
    found = {p: functions(p.read_text()) for p in CYTHON} | {p: python_functions(p.read_text()) for p in PYTHON}
    long = [
        f"{relative(p)}:{line} {name}: {n} lines"
        for p, all_functions in found.items()
        for name, line, n in all_functions
        if n > FUNCTION_LINES
    ]
    assert long == []


def test_no_leftovers():
    found = {relative(p): matches(MARKS, p.read_text()) for p in TEXTS}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_nothing_refers_to_the_machine_it_was_written_on():
    found = {relative(p): matches(MACHINE, p.read_text()) for p in TEXTS}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_ci_runs_the_command_of_the_readme():
    command = "python3 -m pip install '.[test]' && python3 -m pytest"
    assert command in (ROOT / "README.md").read_text()
    assert command in (ROOT / ".ci" / "run").read_text()


class TestTheRulesCanFail:
    """Each rule finds what it is there for."""

    @pytest.mark.parametrize(
        ("code", "clean"),
        [
            ("cdef int f(int x):\n    return x\n", False),
            ("cdef inline zone_t *f(int x) nogil:\n    return x\n", False),
            ("cdef void f(int x,\n            int y=1) noexcept nogil:\n    pass\n", True),
            ("cdef int f(int x) except -1 nogil\n", True),
            ("ctypedef int (*f_t)(int x) nogil\n", False),
            ("ctypedef int (*f_t)(int x) noexcept nogil\n", True),
            ("cdef object f(x):\n    return x\n", True),
            ("cdef Zone f(x):\n    return x\n", True),
            ("cdef class Zone:\n    cdef int f(self):\n        pass\n", False),
            ("cdef int x = f(3)\ncdef int y, z\ncdef extern from 'a.h':\n    int g(int)\n", True),
            ("# cdef int f(int x):\n'''\ncdef int f(int x):\n'''\n", True),
            ("cdef int f(int x):  # noexcept\n    return x\n", False),
        ],
    )
    def test_exception_clause(self, code, clean):
        assert (without_clause(code, ["Zone"]) == []) is clean

    @pytest.mark.parametrize(
        "line",
        [
            "raise ValueError",
            "assert x",
            "p = malloc(8)",
            "free(p)",
            "with gil:",
            "cdef object o",
            "import numpy",
            "from libc.stdlib cimport abort",
            "try:",
        ],
    )
    def test_purity(self, line):
        header = "from libc.string cimport memset\n"
        function = f"{header}cdef int f(int x) noexcept nogil:\n    return free_one_page(x)  # raise assert object\n"
        assert not_pure(function) == []
        assert not_pure(f"{function}    {line}\n") != []

    def test_purity_of_functions(self):
        assert not_pure("cdef int f(int x) noexcept:\n    return x\n") == ["f is not noexcept nogil, line 1"]
        assert not_pure("\ndef f(x):\n    return x\n") == ["def, line 2"]

    def test_purity_of_verbatim_c(self):
        block = 'cdef extern from *:\n    """\n    #define half(x) {}\n    """\n    int half(int x) nogil\n'
        assert not_pure(block.format("((x) / 2)")) == []
        assert not_pure(block.format("malloc(x)")) == ["malloc in verbatim C"]
        assert not_pure(block.format("PyLong_AsLong(x)")) == ["PyLong_AsLong in verbatim C"]

    def test_directives(self):
        good = "@cython.final\ncdef class Zone:  # Cython: see setup.py\n    pass\n"
        assert directives(good) == []
        assert directives("# cython: boundscheck=True\n") == [1]
        assert directives("\n@cython.boundscheck(True)\n") == [2]

    def test_length_of_functions(self):
        body = '    """Doc.\n\n    More.\n    """\n    x = 1\n\n    return x\n\n\n'
        assert list(functions(f"cdef int f(\n    int y\n) noexcept:\n{body}x = 1\n")) == [("f", 1, 6)]
        methods = "cdef class A:\n    def g(self):\n        return 1\n\n    cdef int h(self)\n"
        assert list(functions(methods)) == [("g", 2, 2)]
        assert list(python_functions(f"def f(x):\n{body}")) == [("f", 1, 4)]

    def test_leftovers_and_paths(self):
        assert matches(MARKS, "fine\n# " + "TO" + "DO: later\n") == [2]
        assert matches(MACHINE, f"see {SHARED}/x and\n/home{WORK}x") == [1]
        assert matches(MACHINE, f"open('{WORK}x')") == [1]

    def test_comments_and_strings_are_stripped_in_place(self):
        assert stripped("a  # it's\nb = \"x # y\" + '''\n\n'''  # z\nc\n") == 'a  \nb = "" + ""\n\n  \nc\n'
