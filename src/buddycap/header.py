"""The C interface as Python sees it: where header and library are, and what the header declares.

`buddycap.h` is the only list of functions and structs: ctypes, cffi and the tests read it.
"""

import ctypes
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["declarations", "function_types", "get_include", "get_library", "structures"]

_PACKAGE = Path(__file__).parent
_SIMPLE: dict[str, Any] = {
    "int": ctypes.c_int,
    "int8_t": ctypes.c_int8,
    "uint8_t": ctypes.c_uint8,
    "int32_t": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
}
_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_PROTOTYPE = re.compile(r"^([a-z][\w ]*[\s*])\bbc_(\w+)\(([^)]*)\);", re.M)
_STRUCT = re.compile(r"typedef struct (bc_\w+) \{(.*?)\} \1;", re.S)
_FIELD = re.compile(r"^\s*([\w ]+?)\s*(\**)(\w+)(?:\[(\d+)\])?;", re.M)


def get_include() -> str:
    """Return the folder of buddycap.h, for the `-I` of a compiler.

    Examples
    --------
    >>> Path(get_include(), "buddycap.h").exists()
    True
    """
    return str(_PACKAGE / "include")


def get_library(*, static: bool = False) -> str:
    """Return the path of the library that needs no Python.

    Parameters
    ----------
    static : bool
        The archive libbuddycap.a, not libbuddycap.so.

    Raises
    ------
    FileNotFoundError
        If this installation has none: it is made on Linux only.
    """
    path = _PACKAGE / "lib" / ("libbuddycap.a" if static else "libbuddycap.so")
    if not path.exists():
        raise FileNotFoundError(f"{path}: this installation has no library for programs without Python")
    return str(path)


@cache
def declarations() -> str:
    """Return the declarations of buddycap.h, without preprocessor: what `cffi.FFI().cdef` wants.

    Examples
    --------
    >>> "int64_t bc_alloc(" in declarations()
    True
    """
    text = (_PACKAGE / "include" / "buddycap.h").read_text(encoding="utf-8")
    return text.partition("/* [declarations]")[2].partition("*/")[2].partition("/* [end] */")[0]


def _plain(words: str, known: dict[str, type[ctypes.Structure]]) -> Any:
    """Return the ctypes type of a type without pointers."""
    name = words.replace("const", "").strip()
    return known.get(name) or _SIMPLE[name]


def _of(words: str) -> Any:
    """Return the ctypes type of a parameter or result; every pointer is an address, but for text."""
    if "char" in words:
        return ctypes.c_char_p
    return ctypes.c_void_p if "*" in words else _plain(words, structures())


@cache
def structures() -> dict[str, type[ctypes.Structure]]:
    """Return the structs of buddycap.h as ctypes structures, by name.

    Examples
    --------
    >>> structures()["bc_event"](pfn=7, kind=1).pfn
    7
    """
    found: dict[str, type[ctypes.Structure]] = {}
    for name, body in _STRUCT.findall(_COMMENT.sub("", declarations())):
        if name != "bc_api":
            found[name] = type(name, (ctypes.Structure,), {"_fields_": list(_fields(body, found))})
    return found


def _fields(body: str, known: dict[str, type[ctypes.Structure]]) -> Iterator[tuple[str, Any]]:
    for words, pointer, field, count in _FIELD.findall(body):
        kind = ctypes.c_void_p if pointer else _plain(words, known)
        yield field, kind * int(count) if count else kind


@cache
def function_types() -> dict[str, Any]:
    """Return a ctypes function type for each function of buddycap.h, by its name without `bc_`.

    Notes
    -----
    Calls keep the GIL, so that no other thread of Python is at the zone meanwhile.

    Examples
    --------
    >>> import ctypes
    >>> function_types()["alloc"]._argtypes_[1:3] == (ctypes.c_int, ctypes.c_int)
    True
    """
    types = {}
    for result, name, parameters in _PROTOTYPE.findall(_COMMENT.sub("", declarations())):
        listed = [] if parameters == "void" else [_of(re.sub(r"\w+$", "", p.strip())) for p in parameters.split(",")]
        types[name] = ctypes.PYFUNCTYPE(_of(result), *listed)
    return types
