"""Reads the sources as text and finds what breaks the house rules; test_layering and test_source_rules apply it.

Every function takes source text and returns findings, so that each rule can be shown to fail on a bad snippet.
"""

import ast
import importlib.util
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "buddycap"

# The compiled half from bottom to top, as _core.pyx includes it. A kernel's room stands on the common ground and knows
# no other room; the dispatcher stands on all of them, and on it stand the C entry points.
COMMON = [
    "random",
    "hash",
    "frames",
    "lists",
    "words",
    "blocks",
    "chains",
    "cut",
    "batch",
    "exact",
    "config",
    "layout",
    "check",
    "image",
    "node",
    "steps",
    "lru",
    "pageout",
    "queue",
    "stream",
    "requests",
]
LINUX_2_6_27 = [
    *["numbers", "buddy", "marks", "capture", "fallback", "pcp", "bulkfree", "stream", "isolate", "lumpy"],
    *["consult", "reclaim", "kswapd", "slowpath", "requests", "config", "boot", "check"],
]
# What is equal in the kernels since 6.1 stands in linux_6/; what is compiled for each of them in linux_6/each/, and a
# second time as each_612/ (tools/each.py).
LINUX_6 = [
    *["linux_6/numbers", "linux_6/lru", "linux_6/claim", "linux_6/blocks", "linux_6/marks", "linux_6/node"],
    *["linux_6/admit", "linux_6/compaction", "linux_6/scan", "linux_6/reclaim", "linux_6/request"],
    "linux_6/contig",
    *["linux_6_1/numbers", "linux_6/each/buddy", "linux_6_1/fallback", "linux_6_1/marks", "linux_6/each/watermark"],
    *["linux_6/each/drain", "linux_6_1/pcp", "linux_6/each/pcp", "linux_6_1/follow", "linux_6_1/permit"],
    *["linux_6_1/isolation", "linux_6/each/isolation", "linux_6/each/node", "linux_6/each/suitable"],
    *["linux_6_1/decide", "linux_6/each/units", "linux_6_1/scanning", "linux_6/each/migratescan"],
    *["linux_6/each/freescan", "linux_6_1/targets", "linux_6/each/capture", "linux_6_1/migrate"],
    *["linux_6/each/compact", "linux_6_1/turn", "linux_6/each/run", "linux_6/each/kcompactd", "linux_6/each/contig"],
    "linux_6/each/reclaim",
    *["linux_6/each/wakeup", "linux_6/each/kswapd", "linux_6/each/slowpath", "linux_6/each/requests"],
    *["linux_6_1/bulk", "linux_6/each/bulk", "linux_6/each/stream", "linux_6/each/config", "linux_6/each/boot"],
    *["linux_6_1/check", "linux_6/each/check"],
]
LINUX_6_12 = [
    *["linux_6_12/numbers", "each_612/buddy", "linux_6_12/fallback", "linux_6_12/marks", "each_612/watermark"],
    *[
        "each_612/drain",
        "linux_6_12/pcp",
        "each_612/pcp",
        "linux_6_12/follow",
        "linux_6_12/permit",
        "linux_6_12/isolation",
    ],
    *["each_612/isolation", "each_612/node", "each_612/suitable", "linux_6_12/decide", "each_612/units"],
    *["linux_6_12/parts", "linux_6_12/scanning", "each_612/migratescan", "each_612/freescan", "linux_6_12/targets"],
    "each_612/capture",
    *["linux_6_12/migrate", "each_612/compact", "linux_6_12/turn", "each_612/run", "each_612/kcompactd"],
    *[
        "each_612/contig",
        "each_612/reclaim",
        "each_612/wakeup",
        "each_612/kswapd",
        "each_612/slowpath",
        "each_612/requests",
    ],
    *["linux_6_12/bulk", "each_612/bulk", "each_612/stream", "each_612/config", "each_612/boot", "linux_6_12/check"],
    *["each_612/check"],
]
ROOMS = ("linux_2_6_27", "linux_6_1", "linux_6_12")  # of one kernel
SHARED = "linux_6"  # where the rooms of 6.1 and 6.12 have the rest
CAPI = ["types", "zone", "blocks", "capture", "state", "machine", "pages", "zone_6_1", "zone_6_12", "table"]
CORE_PARTS = (
    *(f"core/common/{name}" for name in COMMON),
    *(f"core/linux_2_6_27/{name}" for name in LINUX_2_6_27),
    *(f"core/{name}" for name in LINUX_6),
    *(name if name.startswith("each_612/") else f"core/{name}" for name in LINUX_6_12),
    "core/kernel",
    "core/kernel_machine",
)
CAPI_PARTS = tuple(f"capi/{name}" for name in CAPI)

# A module may import modules of its own rank or below, in no circle. The package itself re-exports everything, so it
# is on top.
PYTHON_RANKS = {
    "errors": 0,
    "escape": 0,
    "interrupts": 0,
    "flags": 0,
    "header": 0,
    "embed": 0,
    "jsontext": 0,
    "nearest": 0,
    "newfile": 0,
    "presets": 0,
    "progress": 0,
    "sizes": 0,
    "tomltext": 0,
    "version": 0,
    "_core": 1,
    "_trace": 1,  # beside _core: traces need no zone
    "_world": 2,
    "kernels": 2,
    "formats": 3,
    "policies": 4,
    "reader": 4,
    "machine": 4,
    "simpy": 5,
    "proc": 4,
    "recorded": 5,
    "explain": 6,
    "study": 6,
    "replay": 6,
    "images": 6,
    "conformance": 6,
    "bench": 7,
    "views": 7,
    "calls": 8,
    "later": 8,
    "commands": 9,
    "cli": 9,
    "__main__": 9,
    "": 9,
}

_TOKEN = re.compile(
    r'(?P<comment>#[^\n]*)|(?P<string>"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\''
    r'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')',
    re.DOTALL,
)
_CDEF_FUNCTION = re.compile(
    r"^[ \t]*(?:cdef|cpdef|ctypedef)\s+(?P<type>[^=:\n]*?)(?P<name>\w+\s*|\(\s*\*\s*\w+\s*\))\((?!\s*\*)", re.M
)
_CDEF_NAME = re.compile(r"^cdef\s+[^=:\n(]*?(\w+)\s*[(=]|^ctypedef\s+[^\n(]*?(\w+)\s*:?\s*$", re.M)
_FUNCTION_POINTER = re.compile(r"^ctypedef\s+[^\n(]*\(\s*\*\s*(\w+)\s*\)", re.M)
_ENUM = re.compile(
    r"^(?:cdef|ctypedef|cpdef)\s+enum\b\s*(?P<name>\w*)[^\n]*:[ \t]*\n(?P<body>(?:[ \t]+[^\n]*\n|[ \t]*\n)+)", re.M
)
_BLOCK = re.compile(r"^cdef\s+(?:class|struct|union|packed\s+struct)\s+(\w+)", re.M)
_CIMPORT = re.compile(r"^from\s+[\w.]+\s+cimport\s+(\([^)]*\)|[^\n]*)", re.M)
_EXTERN = re.compile(r"^cdef\s+extern\s+from\b[^\n]*:[ \t]*\n(?P<body>(?:[ \t]+[^\n]*\n|[ \t]*\n)+)", re.M)
_VERBATIM = re.compile(r'^cdef\s+extern\s+from\b[^\n]*:\s*"""(.*?)"""', re.M | re.S)
_CALL = re.compile(r"(?<![\w.>])([A-Za-z_]\w*)\s*\(")
_FUNCTION = re.compile(
    r"^(?P<indent>[ \t]*)(?:cdef|cpdef|def)\s+(?!(?:class|enum|struct|union|extern)\b)[^=\n]*?(?P<name>\w+)\s*\(", re.M
)

# Words that stand before a parenthesis without being calls of another part, and what Cython itself provides in nogil C.
_NOT_CALLS = {*keyword.kwlist, "range", "sizeof", "min", "max"}
_PYTHON_TYPES = {"object", "str", "bytes", "bytearray", "tuple", "list", "dict", "set", "frozenset", "type", "slice"}
_QUALIFIERS = {"inline", "public", "api", "readonly", "final", "static"}

NOT_IN_CORE = {
    "raise": r"\braise\b",
    "assert": r"\bassert\b",
    "libc allocation": r"\b(?:malloc|calloc|realloc|free)\s*\(",
    "the GIL": r"\bwith\s+gil\b",
    "Python objects": r"\bobject\b",
    "imports": r"^(?!from libc\.string cimport\b)[^\n]*\bc?import\b",
    "exception handling": r"\b(?:try|finally)\s*:",
}
NOT_IN_VERBATIM_C = re.compile(r"\b(?:_?Py[A-Z_]\w*|malloc|calloc|realloc|free|abort|exit|printf)\b")
DIRECTIVE = re.compile(
    r"^[ \t]*#[ \t]*(?:cython|distutils)[ \t]*:|^[ \t]*(?:@|with[ \t]+)cython\.(?:boundscheck|wraparound"
    r"|initializedcheck|nonecheck|cdivision|overflowcheck|binding|profile|linetrace|infer_types|language_level)\b",
    re.M,
)


def stripped(text: str) -> str:
    """Return `text` with comments and the insides of strings removed and every line where it was."""

    def blank(match: re.Match[str]) -> str:
        newlines = "\n" * match[0].count("\n")
        return newlines if match["comment"] else f'""{newlines}'

    return _TOKEN.sub(blank, text)


def cython_sources(package: Path = PACKAGE) -> list[Path]:
    """Return every Cython source of the tree."""
    return sorted(p for suffix in ("pyx", "pxi", "pxd") for p in package.rglob(f"*.{suffix}"))


def line_of(text: str, offset: int) -> int:
    """Return the line number, from 1, of a character offset."""
    return text.count("\n", 0, offset) + 1


def includes(text: str) -> list[str]:
    """Return the files that a .pyx includes, in order."""
    return re.findall(r'^include\s+["\']([^"\']+)["\']', text, re.M)


def out_of_order(found: Iterable[str], documented: tuple[str, ...] = CORE_PARTS + CAPI_PARTS) -> list[str]:
    """Return parts that are unknown or stand after one that belongs above them."""
    wrong, reached = [], -1
    for name in found:
        rank = documented.index(name) if name in documented else -1
        if rank <= reached:
            wrong.append(name)
        reached = max(reached, rank)
    return wrong


def defined_names(text: str) -> set[str]:
    """Return the module-level C names that a source defines or declares."""
    code = stripped(text)
    names = {name for pair in _CDEF_NAME.findall(code) for name in pair if name}
    names |= set(_FUNCTION_POINTER.findall(code)) | set(_BLOCK.findall(code))
    for enum in _ENUM.finditer(code):
        names |= {enum["name"]} | set(re.findall(r"(?:^|,)\s*([A-Za-z_]\w*)\s*(?==|,|$)", enum["body"], re.M))
    for extern in _EXTERN.finditer(code):
        names |= set(re.findall(r"(\w+)[ \t]*\(", extern["body"]))
    for listed in _CIMPORT.findall(code):
        names |= {re.split(r"\s+as\s+", item.strip())[-1] for item in listed.strip("()").split(",")}
    return names - {""}


def function_names(text: str) -> set[str]:
    """Return the functions that have a body at module level in a source."""
    lines = stripped(text).split("\n")
    return {name for name, line, _ in functions(text) if not lines[line - 1][:1].isspace()}


def part_texts(package: Path = PACKAGE) -> dict[str, str]:
    """Return the texts of all parts of the compiled half below the facade, by name, those that setup.py writes too."""
    spec = importlib.util.spec_from_file_location("each", ROOT / "tools" / "each.py")
    assert spec is not None
    assert spec.loader is not None
    each = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(each)
    written = each.second_texts(package)
    names = (*CORE_PARTS, *CAPI_PARTS)
    return {name: written.get(f"{name}.pxi") or (package / f"{name}.pxi").read_text() for name in names}


def room(part: str) -> str:
    """Return the room that a part belongs to, by its folder or its name: a kernel's, the shared one, or none."""
    if part.startswith("each_612/"):
        return "linux_6_12"
    if part.startswith("core/linux_6/each/"):
        return "linux_6_1"
    folder = part.partition("core/")[2].partition("/")[0]
    ending = next((name for name in ROOMS if part.endswith(name.removeprefix("linux"))), "")
    return folder if folder.startswith("linux_") else ending


def open_to(part: str) -> set[str]:
    """Return the rooms whose names a part may use."""
    own = room(part)
    return {"", own, SHARED} if own in ROOMS[1:] else {"", own}


def upward_uses(parts: Mapping[str, str], later: Mapping[str, str], nouns: str) -> list[tuple[str, str]]:
    """Return (part, name) for each use of a name of a higher part, or of another kernel's room.

    Parameters
    ----------
    parts : mapping
        Name to text of the core parts, bottom first.
    later : mapping
        The same for what comes after the core: the facade.
    nouns : str
        Text of the .pxd. A function it declares still belongs to the part that holds its body.
    """
    texts = {**parts, **later}
    own = {name: defined_names(text) for name, text in texts.items()}
    bodies = {name: function_names(text) for name, text in texts.items()}
    found, nouns_only = [], defined_names(nouns) - set().union(*bodies.values())
    order = list(texts)
    for index, name in enumerate(parts):
        allowed = {other for other in order[: index + 1] if not room(name) or room(other) in open_to(name)}
        below = nouns_only.union(*(own[other] for other in allowed))
        above: set[str] = set().union(*(own[other] | bodies[other] for other in texts if other not in allowed)) - below
        used = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", stripped(parts[name])))
        found += [(name, use) for use in sorted(used & above)]
    return found


def circles(uses: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the names that use each other in a circle, directly or by way of others: one sorted list a circle."""
    reach: dict[str, set[str]] = {}
    for name in uses:
        seen, ahead = set(), [name]
        while ahead:
            for used in uses.get(ahead.pop(), ()):
                if used not in seen:
                    seen.add(used)
                    ahead.append(used)
        reach[name] = seen
    found = {tuple(sorted(other for other in reach[name] if name in reach.get(other, ()))) for name in uses}
    return sorted(list(circle) for circle in found if circle)


def unknown_calls(text: str, known: set[str]) -> list[str]:
    """Return the functions a core part calls that neither the core nor its nouns define."""
    return sorted(set(_CALL.findall(stripped(text))) - known - _NOT_CALLS - defined_names(text))


def _signature_end(code: str, opening: int) -> int:
    """Return the offset behind the parenthesis that closes the one at `opening`."""
    depth = 0
    for offset in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[offset], 0)
        if depth == 0:
            return offset + 1
    raise ValueError("unbalanced parenthesis")


def cdef_clauses(text: str) -> Iterator[tuple[str, str, str, int]]:
    """Yield name, return type, what follows the parameters, and line of each C-level function or function pointer."""
    code = stripped(text)
    for match in _CDEF_FUNCTION.finditer(code):
        words = match["type"].split()
        if words[:1] and words[0] in {"class", "struct", "enum", "union", "extern"}:
            continue
        result = " ".join(word for word in words if word not in _QUALIFIERS)
        end = _signature_end(code, match.end() - 1)
        yield (
            match["name"].strip("(* )"),
            result,
            code[end:].partition("\n")[0].partition(":")[0].strip(),
            line_of(code, match.start()),
        )


def cdef_classes(texts: Iterable[str]) -> set[str]:
    """Return the extension types defined or declared in the sources."""
    return {name for text in texts for name in re.findall(r"^cdef\s+class\s+(\w+)", stripped(text), re.M)}


def without_clause(text: str, classes: Iterable[str] = ()) -> list[str]:
    """Return C-level functions without `noexcept` or `except`; Cython takes none where a Python object is returned."""
    python = _PYTHON_TYPES | set(classes) | {""}
    return [
        f"{name}, line {line}"
        for name, result, clause, line in cdef_clauses(text)
        if result not in python and not re.search(r"\b(?:noexcept|except)\b", clause)
    ]


def not_pure(text: str) -> list[str]:
    """Return what a core part must not contain: everything that could touch Python, and functions not marked pure."""
    code = stripped(text)
    found = [
        f"{what}, line {line_of(code, match.start())}"
        for what, pattern in NOT_IN_CORE.items()
        for match in re.finditer(pattern, code, re.M)
    ]
    found += [
        f"{name} is not noexcept nogil, line {line}"
        for name, _, clause, line in cdef_clauses(text)
        if not {"noexcept", "nogil"} <= set(clause.split())
    ]
    found += [f"{m[0]} in verbatim C" for c in _VERBATIM.findall(text) for m in NOT_IN_VERBATIM_C.finditer(c)]
    return found + [
        f"def, line {line_of(code, m.start())}" for m in re.finditer(r"^[ \t]*(?:cdef class|def|cpdef)\b", code, re.M)
    ]


def directives(text: str) -> list[int]:
    """Return the lines with compiler directives."""
    return [line_of(text, match.start()) for match in DIRECTIVE.finditer(text)]


def functions(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield name, line and length of each Cython function with a body, by indentation; docstrings do not count."""
    code = stripped(text)
    lines = code.split("\n")
    for match in _FUNCTION.finditer(code):
        end = _signature_end(code, match.end() - 1)
        if ":" not in code[end:].partition("\n")[0]:
            continue
        first, indent, body = line_of(code, match.start()), len(match["indent"]), []
        for number, line in enumerate(lines[line_of(code, end) :], line_of(code, end) + 1):
            if line.strip() and len(line) - len(line.lstrip()) <= indent:
                break
            if line.strip():
                body.append(number)
        documented = len(body) > 1 and lines[body[0] - 1].strip() == '""'
        docstring = body[1] - body[0] if documented else 0
        yield match["name"], first, (body[-1] if body else first) - first + 1 - docstring


def python_functions(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield name, line and length of each Python function; docstrings do not count."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            head = node.body[0]
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node, clean=False) is not None:
                length -= (head.end_lineno or head.lineno) - head.lineno + 1
            yield node.name, node.lineno, length
