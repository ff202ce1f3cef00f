"""What a compiler needs to build programs on buddycap: flags, header, library, pkg-config and CMake files.

    cc program.c $(buddycap embed --cflags --libs) -o program
    PKG_CONFIG_PATH=$(buddycap embed --pkg-config) pkg-config --cflags --libs buddycap
    cmake -DCMAKE_PREFIX_PATH=$(buddycap embed --cmake) .

Without options: everything, a line each. The page "embedding" of the documentation shows the ways in.
"""

import argparse
import json

from ..embed import facts
from ..escape import say

__all__ = ["add_arguments", "command"]

_OPTIONS = {
    "cflags": "options for compiling",
    "libs": "options for linking",
    "header": "path of buddycap.h",
    "library": "path of the library",
    "pkg-config": "folder of buddycap.pc, for PKG_CONFIG_PATH",
    "cmake": "folder of buddycap-config.cmake, for CMAKE_PREFIX_PATH",
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
