"""Play recordings of Linux and compare everything with what the allocator here makes of them.

Vectors are operations with the results of the kernel's own code.  Guests are whole recorded machines, in folders with
their first and last state and their trace; only their requests are followed.  The states of Linux 6.1 have every list
(state.*.json.gz); of Linux 6.12 they say which pages were free (kpageflags.*.npz with zoneinfo.start), and what else
the first state was is learned from the trace.  Exit status 1 if anything differs, 2 if a file cannot be read.
"""

import argparse
import json
import sys
from pathlib import Path

from ..conformance import vectors
from ..conformance.guests.play import play_guests
from ..escape import for_terminal, say

__all__ = ["add_arguments", "command"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap conformance`."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a .jsonl or .jsonl.gz file, or a folder of them")
    parser.add_argument("--guest", nargs="+", metavar="FOLDER", help="a recorded machine, or a folder of them")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(usage_error=parser.error)


def command(args: argparse.Namespace) -> int:
    """Run `buddycap conformance`."""
    if bool(args.paths) == bool(args.guest):
        args.usage_error("vectors (PATH) or guests (--guest FOLDER) are wanted, one of them")
    return _guests(args) if args.guest else _vectors(args)


class _Progress:
    """The name of what is being played, on a terminal only."""

    def __init__(self) -> None:
        self._show = sys.stderr.isatty()

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._print("")

    def __call__(self, path: Path) -> None:
        self._print(for_terminal(path.name))

    def _print(self, name: str) -> None:
        if self._show:
            print("\r\x1b[K" + name, end="", file=sys.stderr, flush=True)


def _vectors(args: argparse.Namespace) -> int:
    with _Progress() as progress:
        result = vectors.play_vectors(args.paths, progress)
    for error in result.errors:
        say(f"buddycap: error: {error}", file=sys.stderr)
    if args.json:
        say(json.dumps(result.as_dict(), indent=2))
        return result.status
    for difference in result.mismatches:
        say(f"{difference}")
    for difference in result.deviations:
        say(f"{difference} (documented deviation: {vectors.DEVIATION})")
    say(result.summary)
    return result.status


def _guests(args: argparse.Namespace) -> int:
    with _Progress() as progress:
        result = play_guests(args.guest, progress=progress)
    for error in result.errors:
        say(f"buddycap: error: {error}", file=sys.stderr)
    if args.json:
        say(json.dumps(result.as_dict(), indent=2))
    else:
        for line in result.lines():
            say(line)
    return result.status
