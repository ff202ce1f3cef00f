"""What a compiler needs to build programs on buddycap: flags, header, library, pkg-config and CMake files.

    cc program.c $(buddycap embed --cflags --libs) -o program
    PKG_CONFIG_PATH=$(buddycap embed --pkg-config) pkg-config --cflags --libs buddycap
    cmake -DCMAKE_PREFIX_PATH=$(buddycap embed --cmake) .

Without options: everything, a line each. The page docs/embedding.md shows the ways in.
"""

import argparse
import json
import shlex
from pathlib import Path

from .escape import say
from .header import get_include, get_library

__all__ = ["add_arguments", "command", "facts"]

_SHARE = Path(__file__).parent / "share"
_OPTIONS = {
    "cflags": "options for compiling",
    "libs": "options for linking",
    "header": "path of buddycap.h",
    "library": "path of the library",
    "pkg-config": "folder of buddycap.pc, for PKG_CONFIG_PATH",
    "cmake": "folder of buddycap-config.cmake, for CMAKE_PREFIX_PATH",
}


def facts(*, static: bool = False) -> dict[str, str]:
    """Return what the command prints, by the name of its option.

    Parameters
    ----------
    static : bool
        Of the archive, not of the shared library.

    Raises
    ------
    FileNotFoundError
        If this installation has no library.

    Examples
    --------
    >>> facts()["header"].endswith("buddycap.h")
    True
    """
    library = get_library(static=static)
    folder = Path(library).parent
    libs = [library, "-Wl,--gc-sections"] if static else [f"-L{folder}", f"-Wl,-rpath,{folder}", "-lbuddycap"]
    return {
        "cflags": shlex.join([f"-I{get_include()}"]),
        "libs": shlex.join(libs),
        "header": str(Path(get_include(), "buddycap.h")),
        "library": library,
        "pkg-config": str(_SHARE / "pkgconfig"),
        "cmake": str(_SHARE / "cmake"),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    for name, text in _OPTIONS.items():
        parser.add_argument(f"--{name}", dest="wanted", action="append_const", const=name, help=text)
    parser.add_argument("--static", action="store_true", help="of libbuddycap.a instead of libbuddycap.so")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def command(args: argparse.Namespace) -> int:
    """Print what was asked for."""
    known = facts(static=args.static)
    if args.json:
        say(json.dumps({name: known[name] for name in args.wanted or known}, indent=2))
    elif args.wanted:
        say(" ".join(known[name] for name in args.wanted))
    else:
        for name, value in known.items():
            say(f"{name:<12}{value}")
    return 0
