"""Play recorded vectors. Exit status 1 if anything differs, 2 if a file cannot be read."""

import argparse
import json
import sys

from ..conformance.vectors import DEVIATION, play_vectors
from ..escape import for_terminal, say

__all__ = ["add_arguments", "command"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap conformance`."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a .jsonl or .jsonl.gz file, or a folder of them")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def command(args: argparse.Namespace) -> int:
    """Run `buddycap conformance`."""
    show = sys.stderr.isatty()
    clear = "\r\x1b[K" if show else ""
    try:
        result = play_vectors(
            args.paths,
            lambda path: print(clear + for_terminal(path.name), end="", file=sys.stderr, flush=True) if show else None,
        )
    finally:
        print(clear, end="", file=sys.stderr, flush=True)
    for error in result.errors:
        say(f"buddycap: error: {error}", file=sys.stderr)
    if args.json:
        say(json.dumps(result.as_dict(), indent=2))
        return result.status
    for difference in result.mismatches:
        say(f"{difference}")
    for difference in result.deviations:
        say(f"{difference} (documented deviation: {DEVIATION})")
    say(result.summary)
    return result.status
