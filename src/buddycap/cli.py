"""The command `buddycap`: reads arguments, calls the library, prints.

Exit status: 0, 1 if what was asked about does not hold, 2 for an error in the arguments or files, 130 after Ctrl-C.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

from ._core import Zone, build_facts
from .errors import BuddycapError, FormatError
from .escape import for_terminal, say
from .formats.kinds import HEAD_BYTES, READ_BY_EXPLAIN, kind_of
from .formats.packed import open_packed
from .interrupts import INTERRUPTED, arm, disarm
from .machine import PRESETS
from .policies.capture import POLICIES

__all__ = ["main"]

# The commands that have a module of their own, with `add_arguments(parser)` and `command(args) -> exit status`; its
# docstring is the description.  Only the module that is asked for is imported.
COMMANDS = {
    "explain": ("buddycap.commands.explain", "why an allocation failed, from a dmesg or other texts of a kernel"),
    "fragmentation": ("buddycap.commands.fragmentation", "free memory by order over time, and who fragments it"),
    "image": ("buddycap.commands.image", "memory that has been in use, as a file for simulators"),
    "replay": ("buddycap.commands.replay", "a recorded trace: reconstructed, and served anew under other rules"),
    "snapshot": ("buddycap.commands.snapshot", "record the memory of this machine, or say what a recording holds"),
    "map": ("buddycap.commands.map", "draw what every page is: terminal, PNG, HTML report, time lines"),
    "study": ("buddycap.study.running", "compare capture policies under load (the main job)"),
    "compare": ("buddycap.study.comparison", "the published table beside ours, and a verdict on every policy"),
    "bench": ("buddycap.bench", "how fast this installation is, in a few seconds"),
    "plot": ("buddycap.views.plots", "pictures of the results of study or compare"),
    "embed": ("buddycap.embed", "flags and files for programs in C, C++ and whatever calls C"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process if not given.

    Returns
    -------
    int
        Exit status.

    Examples
    --------
    >>> main(["conformance", "nowhere"])
    2
    """
    try:
        return _run(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:  # another one while the first was dealt with
        return INTERRUPTED
    finally:
        disarm()


def _run(words: Sequence[str]) -> int:
    """Run the command with its arguments; the exit status, whatever happens."""
    try:
        args = _parser(words).parse_args(words)
        arm()
        status = int(args.command(args))
        sys.stdout.flush()
        return status
    except SystemExit as stop:  # argparse has printed help or what is wrong
        return stop.code if isinstance(stop.code, int) else 2
    except KeyboardInterrupt:
        say("buddycap: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough; what is still buffered goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (BuddycapError, OSError) as error:
        say(f"buddycap: error: {error}", file=sys.stderr)
        _say_what_it_is(error)
        return 2
    except MemoryError as error:
        say(f"buddycap: error: not enough memory: {error}", file=sys.stderr)
        return 2


def _say_what_it_is(error: Exception) -> None:
    """Name a file that was given to the wrong command, and the command that takes it."""
    if not isinstance(error, FormatError) or error.file is None or "this is " in error.message:
        return
    try:
        with open_packed(error.file) as file:
            kind = kind_of(file.read(HEAD_BYTES))
    except Exception:  # the error above is what counts
        return
    if kind.name in READ_BY_EXPLAIN:
        say(f"buddycap: {error.file} is {kind.title}; {kind.hint}", file=sys.stderr)


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser for a command line; the arguments of commands that it does not name are left out."""
    parser = argparse.ArgumentParser(
        prog="buddycap", description="A laboratory for physical memory: the page allocator of Linux 2.6.27, simulated."
    )
    parser.add_argument("--version", action="version", version=f"buddycap {version('buddycap')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        own = _add_command(commands, name, summary, "")
        if name in words:
            part = import_module(module)
            own.description = part.__doc__
            own.formatter_class = argparse.RawDescriptionHelpFormatter
            part.add_arguments(own)
            own.set_defaults(command=part.command)
    _add_conformance(commands)
    _add_info(commands)
    return parser


def _add_command(commands: Any, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=description)
    return parser


def _add_conformance(commands: Any) -> None:
    parser = _add_command(
        commands,
        "conformance",
        "play recordings of the kernel's code and compare every result",
        "Play recorded vectors. Exit status 1 if anything differs, 2 if a file cannot be read.",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a .jsonl or .jsonl.gz file, or a folder of them")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=_conformance)


def _add_info(commands: Any) -> None:
    parser = _add_command(
        commands, "info", "versions, presets, policies, sizes", "Print what this installation is and has."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=_info)


def _conformance(args: argparse.Namespace) -> int:
    from .conformance import vectors as conformance

    show = sys.stderr.isatty()
    clear = "\r\x1b[K" if show else ""
    try:
        result = conformance.play_vectors(
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
        say(f"{difference} (documented deviation: {conformance.DEVIATION})")
    say(result.summary)
    return result.status


def _info(args: argparse.Namespace) -> int:
    facts = _facts()
    if args.json:
        say(json.dumps(facts, indent=2))
        return 0
    for name, value in facts["versions"].items():
        say(f"{name:<12}{value}")
    say(f"{'platform':<12}{facts['platform']}")
    build = facts["build"]
    say(f"{'compiler':<12}{build['compiler']}, Cython {build['cython']}, flags {build['flags']}")
    say(f"{'page cost':<12}{facts['bytes_per_page']:.1f} bytes of state a page")
    say("presets")
    for name, preset in facts["presets"].items():
        say(f"  {name:<14}blocks to order {preset['max_page_order']}, pageblocks of order {preset['pageblock_order']}")
    say("policies")
    for name, source in facts["policies"].items():
        say(f"  {name:<14}{source}")
    return 0


def _facts() -> dict[str, Any]:
    """Return what `info` prints."""
    pages = 1 << 18
    return {
        "versions": {
            "buddycap": version("buddycap"),
            "python": platform.python_version(),
            "numpy": version("numpy"),
        },
        "platform": platform.platform(),
        "build": build_facts(),
        "bytes_per_page": Zone(0, pages).image_bytes / pages,
        "presets": {name: vars(preset) for name, preset in PRESETS.items()},
        "policies": {name: policy.source for name, policy in POLICIES.items()},
    }
