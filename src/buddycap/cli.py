"""The command `buddycap`: reads arguments, calls the library, prints.

Exit status: 0, 1 if what was asked about does not hold, 2 for an error in the arguments or files, 130 after Ctrl-C.
"""

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module

from .errors import BuddycapError, FormatError
from .escape import say
from .interrupts import INTERRUPTED, arm, disarm
from .nearest import meant

__all__ = ["main"]

# Each is a module of `commands` with `add_arguments(parser)` and `command(args) -> exit status`; its docstring is the
# description.  Only the module that is asked for is imported.
COMMANDS = {
    "explain": "why an allocation failed, from a dmesg or other texts of a kernel",
    "fragmentation": "free memory by order over time, and who fragments it",
    "image": "memory that has been in use, as a file for simulators",
    "record": "record what the page allocator of this machine does, for replay",
    "replay": "a recorded trace: reconstructed, and served anew under other rules",
    "snapshot": "record the memory of this machine, or say what a recording holds",
    "map": "draw what every page is: terminal, PNG, HTML report, time lines",
    "study": "compare capture policies under load (the main job)",
    "compare": "the published table beside ours, and a verdict on every policy",
    "bench": "how fast this installation is, in a few seconds",
    "plot": "pictures of the results of study or compare",
    "embed": "flags and files for programs in C, C++ and whatever calls C",
    "conformance": "play recordings of the kernel's code and compare every result",
    "info": "versions, presets, policies, sizes",
}


class _Wrapped(argparse.RawDescriptionHelpFormatter):
    """Help whose paragraphs fit the terminal, and whose examples stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        parts = text.strip().split("\n\n")
        return "\n\n".join(part if "\n " in f"\n{part}" else textwrap.fill(part, width) for part in parts)


class _Version(argparse.Action):
    """Prints the version, which takes long to find out and is asked for by hardly anybody."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from .version import version_told

        say(version_told())
        parser.exit()


COMPLETION = "_ARGCOMPLETE"  # set by the shell's part of argcomplete: eval "$(register-python-argcomplete buddycap)"


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
        if COMPLETION in os.environ:
            _complete(os.environ.get("COMP_LINE", "").split())
        parser = _parser(words)
        if words and not words[0].startswith("-") and words[0] not in COMMANDS:
            parser.error(f"{words[0]}: no such command; {meant(words[0], COMMANDS)}")
        args, unknown = parser.parse_known_args(words)
        if unknown:
            parser.error(_unknown(unknown, args))
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
        if not {"explain", "fragmentation"} & set(words[:1]):  # these have tried
            _say_what_it_is(error)
        return 2
    except MemoryError as error:
        say(f"buddycap: error: not enough memory: {error}", file=sys.stderr)
        return 2


def _unknown(words: Sequence[str], args: argparse.Namespace) -> str:
    """Return what is wrong with words that no argument takes, and what they may have meant."""
    options = [option for action in args.parser._actions for option in action.option_strings]
    near = [meant(word.partition("=")[0], options) for word in words if word.startswith("--")]
    hints = [hint for hint in near if hint.startswith("did you mean")]
    return "; ".join([f"unrecognized arguments: {' '.join(words)}", *hints[:1]])


def _complete(words: Sequence[str]) -> None:
    """Answer a shell that completes a command line, and end: argcomplete asks the parser what may come next."""
    try:
        from argcomplete import autocomplete
    except ImportError:
        return
    autocomplete(_parser(words))


def _say_what_it_is(error: Exception) -> None:
    """Name a file that was given to the wrong command, and the command that takes it."""
    if not isinstance(error, FormatError) or error.file is None or "this is " in error.message:
        return
    from .formats.kinds import HEAD_BYTES, READ_BY_EXPLAIN, kind_of
    from .formats.packed import open_packed

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
        prog="buddycap", description="A laboratory for physical memory: the page allocator of Linux, simulated exactly."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        own = commands.add_parser(name, help=summary)
        if name in words:
            part = import_module(f"buddycap.commands.{name}")
            own.description = part.__doc__
            own.formatter_class = _Wrapped
            part.add_arguments(own)
            own.set_defaults(command=part.command, parser=own)
    return parser
