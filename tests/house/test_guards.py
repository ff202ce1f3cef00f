"""Does every function of the facades reach guarded memory through its guard, after the last foreign code?"""

import re

import pytest

from guardlint import handed_out, names_memory, outlived
from sourcelint import PACKAGE, cdef_clauses, cython_sources

SOURCES = {p: p.read_text() for p in cython_sources()}
FACADES = [
    *sorted((PACKAGE / "facade").glob("*.pxi")),
    *sorted((PACKAGE / "trace").glob("*.pxi")),
    *sorted(p for p in (PACKAGE / "world").glob("*.pxi")),
    *sorted(PACKAGE.glob("*.pyx")),
]
KNOWN = {  # compiled without the GIL: no foreign code can be in them
    name
    for text in SOURCES.values()
    for name, _, end, _ in cdef_clauses(text)
    if {"noexcept", "nogil"} <= set(end.split())
} | {
    name
    for text in SOURCES.values()
    for block in re.findall(r"^cdef extern from .*?(?=^\S)", text, re.M | re.S)
    for name in re.findall(r"(buddycap_\w+)\(", block)
}


def relative(path):
    return str(path.relative_to(PACKAGE))


def test_there_is_something_to_check():
    assert {"rmqueue_zone", "request_step", "follow_events", "buddycap_short_int"} <= KNOWN
    assert not {"as_ranged", "ask_hook", "steady"} & KNOWN


@pytest.mark.parametrize("path", FACADES, ids=relative)
def test_only_guards_name_the_memory(path):
    assert names_memory(SOURCES[path]) == []


@pytest.mark.parametrize("path", FACADES, ids=relative)
def test_no_address_outlives_foreign_code(path):
    assert outlived(SOURCES[path], KNOWN) + handed_out(SOURCES[path], KNOWN) == []


HEAD = "cdef int f(self, value) except -1:\n    cdef zone_t *z = self.ready()\n"


class TestTheRuleCanFail:
    """Each snippet is a fault that has been in the facade, or its cure."""

    @pytest.mark.parametrize(
        ("body", "clean"),
        [
            ("    rmqueue_zone(z, 0, 0)\n", True),
            ("    o = as_ranged(value)\n    rmqueue_zone(z, o, 0)\n", False),
            ("    o = as_ranged(value)\n    z = self.ready()\n    rmqueue_zone(z, o, 0)\n", True),
            ("    o = as_ranged(value)\n    return o\n", True),
            ("    rmqueue_zone(z, as_ranged(value), 0)\n", False),
            ("    state = {1: 2}\n    state[2] = z.nr_free_pages\n", False),
            ("    if value:\n        raise MisuseError(str(z))\n    rmqueue_zone(z, 0, 0)\n", True),
            ("    if value:\n        refuse(z, 1, str(value), 2)\n    rmqueue_zone(z, 0, 0)\n", True),
            ("    if value:\n        hook(z)\n    rmqueue_zone(z, 0, 0)\n", False),
            ("    for k in range(3):\n        rmqueue_zone(z, 0, 0)\n        hook(k)\n", False),
            ("    rmqueue_zone(z, 0, 0)\n    hook(3)\n", True),
        ],
    )
    def test_addresses(self, body, clean):
        assert (outlived(HEAD + body, KNOWN) == []) is clean

    @pytest.mark.parametrize(
        ("statement", "clean"),
        [
            ("return rmqueue_zone(self.ready(), o, 0)", True),
            ("return bool(capture_sated(self.ready(), o))", True),
            ("return hook(self.ready())", False),
            ("return rmqueue_zone(self.ready(), as_ranged(value), 0)", False),
            ("return self.ready().nr_free_pages", True),
        ],
    )
    def test_addresses_in_calls(self, statement, clean):
        assert (handed_out(f"def f(self):\n    {statement}\n", KNOWN) == []) is clean

    def test_memory(self):
        assert names_memory("cdef int f(self) except -1:\n    return self.guarded.nr\n") == ["f, line 1"]
        assert names_memory("cdef int ready(self) except -1:\n    return self.guarded.nr\n") == []
