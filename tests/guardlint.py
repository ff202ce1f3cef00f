"""Reads the facades as text and finds addresses of guarded memory that are used after others could get in.

The rule stands in facade/turns.pxi: an address from a guard is good until the next foreign code.
"""

import keyword
import re
from collections.abc import Iterable, Iterator

from sourcelint import _FUNCTION, _signature_end, line_of, stripped

# What gives the address of guarded memory, as a method of its owner or, with `zone_`, as a function for other modules.
TAKES = "ready|look|seen|begin|settled|locate|locate_page|locate_listed|zone_ready|zone_look|zone_begin|zone_settled"
_TAKE = re.compile(rf"(?:\.|(?<![\w.]))(?:{TAKES})\(")
_ASSIGNED = re.compile(
    rf"(?:^|\s)\*?(\w+)(?: = |, *\w+ = )[^=\n]*?(?:\.(?:{TAKES})|(?<![\w.])zone_(?:ready|look|begin|settled))\("
)
REFUSALS = {"refuse", "out_of_range"}  # they end a function by raising, and look at guarded memory before
_CALL = re.compile(r"(?<![\w>])((?:\w+\.)*[A-Za-z_]\w*)\s*\(")
_LEAVES = re.compile(rf"\s*(?:(?:return|raise)\b|(?:{'|'.join(REFUSALS)})\()")
_OPENS = re.compile(r"\s*(?:if|elif|else|for|while|with|try|except|finally)\b")

# The only methods that may name the memory itself: `start`, and `become` with `take_over`, are World's `__cinit__`.
OWNERS = {
    "__cinit__",
    "start",
    "become",
    "take_over",
    "__dealloc__",
    "ready",
    "look",
    "seen",
    "begin",
    "settled",
    "adopt",
    "whereabouts",
    "machine",
}

# C that is no function of ours and can touch no object, and words that stand before a parenthesis.
HARMLESS = {
    *keyword.kwlist,
    "sizeof",
    "min",
    "max",
    "range",
    "memcpy",
    "memset",
    "bool",
    "PyBytes_AS_STRING",
    "plain_int64",
}


def bodies(text: str) -> Iterator[tuple[str, int, list[str]]]:
    """Yield name, line and lines of every function; comments and strings are blank."""
    code = stripped(text)
    lines = code.split("\n")
    for match in _FUNCTION.finditer(code):
        line = line_of(code, _signature_end(code, match.end() - 1))
        indent = len(match["indent"])
        end = line
        while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > indent):
            end += 1
        yield match["name"], line, joined(lines[line:end])


def joined(lines: Iterable[str]) -> list[str]:
    """Put statements that go over several lines on their first one; the others become empty."""
    found: list[str] = []
    depth = start = 0
    for line in lines:
        if depth > 0:
            found[start] += " " + line.strip()
            found.append("")
        else:
            start = len(found)
            found.append(line)
        depth += sum(line.count(c) for c in "([{") - sum(line.count(c) for c in ")]}")
    return found


def names_memory(text: str) -> list[str]:
    """Return the functions that name guarded memory and are not its guard."""
    return [f"{name}, line {line}" for name, line, body in bodies(text) if name not in OWNERS
            for statement in body if re.search(r"\.guarded\b", statement)]  # fmt: skip


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())


def span(body: list[str], at: int, name: str) -> range:
    """Return the lines behind `at` in which an address is in use: up to its last use, and to the end of a loop around.

    An address that is taken anew is another one.
    """
    last = at
    for k in range(at + 1, len(body)):
        if re.search(rf"(?<![\w.]){name} = ", body[k]) and _TAKE.search(body[k]):
            break
        if re.search(rf"(?<![\w.]){name}\b", body[k]):
            last = k
    for k in range(last, at, -1):  # a use in a loop that began behind the take comes again
        if re.match(r"\s*(?:for|while)\b", body[k]) and indent_of(body[k]) < indent_of(body[last]):
            end = k + 1
            while end < len(body) and (not body[end].strip() or indent_of(body[end]) > indent_of(body[k])):
                end += 1
            last = max(last, end - 1)
    return range(at + 1, last + 1)


def leaving(body: list[str], lines: range) -> set[int]:
    """Return the lines of a span that only lead out of the function: behind them the address is not used."""
    found = set()
    for k in lines:
        if _LEAVES.match(body[k]):
            found.add(k)
            above = k - 1
            while above >= lines.start and (not body[above].strip() or indent_of(body[above]) == indent_of(body[k])):
                if indent_of(body[k]) > indent_of(body[lines.start - 1]) and not _OPENS.match(body[above]):
                    found.add(above)
                above -= 1
    return found


def foreign_calls(statement: str, known: set[str]) -> list[str]:
    """Return the calls of what may be, or may run, foreign code."""
    return [call for call in _CALL.findall(statement) if call not in known | HARMLESS | REFUSALS]


def makes_objects(statement: str) -> bool:
    """Whether a statement makes something that may run the collector: a container, or a formatted text."""
    return bool(re.search(r"[{]|\bf\"\"|\[[^\]]*\bfor\b|=\s*\[", statement))


def pointers(body: list[str]) -> set[str]:
    """Return the names that a function declares as pointers."""
    return {name for line in body if line.lstrip().startswith("cdef") for name in re.findall(r"\*(\w+)", line)}


def outlived(text: str, known: set[str]) -> list[str]:
    """Return uses of an address behind foreign code; `known` are functions that cannot run any."""
    found = []
    for name, line, body in bodies(text):
        declared = pointers(body)
        for at, statement in enumerate(body):
            for variable in set(_ASSIGNED.findall(statement)) & declared:
                lines = span(body, at, variable)
                for k in set(lines) - leaving(body, lines):
                    bad = foreign_calls(body[k], known) + ["an object"] * makes_objects(body[k])
                    if bad:
                        found.append(f"{name}, line {line + 1 + k}: {variable} is used behind {', '.join(bad)}")
    return found


def handed_out(text: str, known: set[str]) -> list[str]:
    """Return where an address is an argument of what may be foreign code, or stands beside some."""
    found = []
    for name, line, body in bodies(text):
        for k, statement in enumerate(body):
            for take in _TAKE.finditer(statement):
                opening = innermost(statement, take.start())
                if opening < 0:
                    continue
                callee = re.search(r"((?:\w+\.)*\w*)\s*$", statement[:opening])
                beside = statement[take.end() : _signature_end(statement, opening)]
                bad = foreign_calls(beside, known) + foreign_calls(callee[1] + "(" if callee else "", known)
                if bad:
                    found.append(f"{name}, line {line + 1 + k}: an address meets {', '.join(bad)}")
    return found


def innermost(statement: str, at: int) -> int:
    """Return where the parenthesis is that encloses an offset, or -1."""
    depth = 0
    for k in range(at - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(statement[k], 0)
        if depth < 0:
            return k
    return -1
