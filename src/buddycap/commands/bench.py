"""How fast this installation is, in a few seconds: pages and operations a second, and the cost of a call from Python.

Every line is the median of several rounds, with the least and the greatest, in CPU time of the thread. The operations
are the same on every machine for a seed; the times depend on the machine and on what else it does. For ratios to
other allocators see the page "performance" of the documentation.
"""

import argparse
import json
import platform
from dataclasses import asdict
from importlib.metadata import version

from .._core import build_facts
from ..bench import REFERENCE_PAGES, Result, compared, measured
from ..escape import say
from ..progress import Progress
from ..sizes import parse_pages

__all__ = ["add_arguments", "command"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `buddycap bench`."""
    parser.add_argument("--memory", default="1GiB", metavar="SIZE", help="size of the zones (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of each line (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the random orders and streams (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def command(args: argparse.Namespace) -> int:
    """Run `buddycap bench`."""
    pages = parse_pages(args.memory, "--memory")
    results: list[Result] = []
    interrupted = False
    try:
        with Progress(0, "rounds") as progress:
            for result in measured(pages, args.rounds, args.seed, progress):
                results.append(result)
    except KeyboardInterrupt:
        if not results:
            raise
        interrupted = True
    _show(args, results)
    if interrupted:
        raise KeyboardInterrupt
    return 0


def _show(args: argparse.Namespace, results: list[Result]) -> None:
    """Print results."""
    facts = {
        "buddycap": version("buddycap"),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "machine": platform.machine(),
        **build_facts(),
    }
    if args.json:
        lines = [{**asdict(one), "ns": one.nanoseconds, "per_second": one.per_second} for one in results]
        say(json.dumps({"memory": args.memory, "seed": args.seed, "build": facts, "results": lines}, indent=2))
        return
    say(f"zones of {args.memory}, median (least-greatest) of {args.rounds} rounds, CPU time")
    for result in results:
        say(result.line())
    times = sorted(compared(results))
    if times and parse_pages(args.memory, "--memory") == REFERENCE_PAGES:
        middle = times[len(times) // 2]
        told = f"{times[0]:.2f} to {times[-1]:.2f} times as fast as an AMD EPYC of 2026 beside other work"
        say(f"{told}, {middle:.2f} in the middle (least times)")
    say(f"buddycap {facts['buddycap']}, Python {facts['python']}, numpy {facts['numpy']}, {facts['compiler']}")
