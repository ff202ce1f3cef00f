"""Writes the texts of core/linux_6/each/ once more, for Linux 6.12: setup.py compiles them for both kernels.

A text is written for Linux 6.1. A name in it that ends in `_61` becomes one that ends in `_612` if it is defined in
such a text, or if core/linux_6_12/ has it with that ending; likewise `_6_1_t`. Every other name means the same for
both. Nothing else changes, so line 40 of a file written here is line 40 of its text, where compiler errors point.
"""

import re
from pathlib import Path

__all__ = ["EACH", "FOLDER", "ROOM", "second_texts", "write_second_texts"]

EACH = Path("core", "linux_6", "each")
SHARED = EACH.parent
ROOM = Path("core", "linux_6_12")
FOLDER = "each_612"  # where the texts are written: the first part of their names in an include

_NAME = re.compile(r"\b(\w+?)(_61|_6_1_t|KERNEL_6_1)\b")
_OTHER = {"_61": "_612", "_6_1_t": "_6_12_t", "KERNEL_6_1": "KERNEL_6_12"}
_DEFINED = re.compile(
    r"^cdef[^\n=(]*?\b(\w+)\(|^ctypedef struct (\w+)|^    ([A-Z]\w+)(?= *=|$| +\"|  +#)"
    r"|^    (?:static const \w+|#define|const \w+|int) (\w+)",
    re.MULTILINE,
)


def defined(text: str) -> set[str]:
    """Return the names that a text defines at its top level."""
    return {name for names in _DEFINED.findall(text) for name in names if name}


def second_texts(package: Path) -> dict[str, str]:
    """Return the texts of Linux 6.12 by their names in an include of _core.pyx.

    Parameters
    ----------
    package : Path
        src/buddycap.
    """
    texts = {path.name: path.read_text() for path in sorted((package / EACH).glob("*.pxi"))}
    in_each = set().union(*map(defined, texts.values()))
    in_room = set().union(*(defined(path.read_text()) for path in (package / ROOM).glob("*.pxi")))
    shared = set().union(*(defined(path.read_text()) for path in (package / SHARED).glob("*.pxi")))

    def renamed(match: re.Match[str]) -> str:
        other = match[1] + _OTHER[match[2]]
        if match[0] in shared and (match[0] in in_each or other in in_room):
            raise ValueError(f"{match[0]} is one name for both kernels, and {other} another for one of them")
        return other if match[2] == "KERNEL_6_1" or match[0] in in_each or other in in_room else match[0]

    return {f"{FOLDER}/{name}": _NAME.sub(renamed, text) for name, text in texts.items()}


def write_second_texts(package: Path, folder: Path) -> None:
    """Write them below a folder; files that are as they should be keep their times."""
    for name, text in second_texts(package).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
