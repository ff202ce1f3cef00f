"""Record what the page allocator of this Linux machine does: a trace of every page, with a snapshot before and after.

  buddycap record -o rec --seconds 10             ten seconds of whatever goes on
  buddycap record -o rec -- make -j4              while a command runs
  buddycap replay rec                             what has been recorded

Root is needed, and tracefs. The trace has an instance of its own, and its buffer an eighth of the available memory if
--buffer does not say. Ctrl-C ends the command and leaves nothing: no instance, no files.

Exit status: 0; 1 if events were lost or the command failed; 2 for an error; 130 after Ctrl-C.
"""

import argparse
import json
import signal
import sys
import time
from dataclasses import asdict

from ..errors import MisuseError
from ..escape import say
from ..newfile import add_force
from ..recorded.recorder import RecordReport, record_machine, run_command

__all__ = ["add_arguments", "command"]

_LONGEST_S = 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap record`."""
    parser.add_argument("-o", "--out", default="recording", metavar="DIR", help="folder to make (default: recording)")
    parser.add_argument("--seconds", type=float, metavar="N", help="record for so long; without COMMAND needed")
    parser.add_argument("--buffer", type=int, metavar="MIB", help="trace buffer of each CPU")
    parser.add_argument("--tracefs", metavar="DIR", help="where tracefs is (default: /sys/kernel/tracing)")
    parser.add_argument("--proc", default="/proc", metavar="DIR", help="where the files of /proc are (default: /proc)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_force(parser)
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what is to run meanwhile")


def command(args: argparse.Namespace) -> int:
    """Run `buddycap record`."""
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if bool(words) == (args.seconds is not None):
        raise MisuseError("record: either --seconds N or -- COMMAND says how long")
    if args.seconds is not None and not 0 <= args.seconds <= _LONGEST_S:
        raise MisuseError(f"--seconds {args.seconds:g}: allowed range is 0..{_LONGEST_S:g}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # who ends us wants nothing left behind, either
    report = record_machine(
        args.out,
        (lambda: run_command(words)) if words else (lambda: _wait(args.seconds)),
        tracefs=args.tracefs,
        proc=args.proc,
        buffer_kib=None if args.buffer is None else args.buffer << 10,
        force=args.force,
    )
    if args.json:
        say(json.dumps(asdict(report)))
    else:
        _print(report)
    return int(report.lost > 0 or report.status != 0)


def _wait(seconds: float) -> int:
    """Let time pass."""
    time.sleep(seconds)
    return 0


def _print(report: RecordReport) -> None:
    """Say what has been recorded."""
    say(
        f"{report.folder}: {report.seconds:.1f} s, {report.bytes / (1 << 20):.1f} MiB of trace, "
        f"buffer {report.buffer_kib // 1024} MiB a CPU"
    )
    if report.status:
        say(f"the command ended with status {report.status}")
    if report.lost:
        say(f"buddycap: warning: {report.lost} events lost: take a larger --buffer", file=sys.stderr)
    for event in report.missing_events:
        say(f"  without {event}, which this kernel does not have")
    for name, why in report.missing.items():
        say(f"  without {name}: {why}")
    say(f"next: buddycap replay {report.folder}")
