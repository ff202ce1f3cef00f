"""Runs buddycap, the kernel-style C baseline and others side by side: ``python benchmarks/peers.py --help``.

All contenders of a workload take turns in one run on one pinned core; what counts is the ratio to the kernel-style C
of the same repetition (median, least and greatest). Contenders that follow the kernel's rules must hand out the same
pages and leave the same lists: the run stops if they do not.
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import contenders
import harness
import kernel_style
import races
from workloads import parse_size

KEYS = [workload.key for workload in races.WORKLOADS] + ["calls", "iota", "memory"]
QUICK_SIZES, QUICK_OPS = "64MiB", 200_000


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="Results: a table, and JSON lines.")
    p.add_argument("--sizes", default="1GiB,16GiB", help="zone sizes, comma separated (default: %(default)s)")
    p.add_argument("--ops", type=int, default=5_000_000, help="operations of the mixed stream (default: %(default)s)")
    p.add_argument(
        "--kernel", default="2.6.27", choices=kernel_style.SOURCES, help="whose rules (default: %(default)s)"
    )
    p.add_argument("--repetitions", type=int, default=harness.MIN_REPETITIONS, help="at least 5 (the default)")
    p.add_argument("--workloads", help="only these, comma separated: " + ", ".join(KEYS))
    p.add_argument("--contenders", help="only these beside the baseline, comma separated, by their names in the table")
    p.add_argument("--quick", action="store_true", help=f"{QUICK_SIZES} and {QUICK_OPS} operations")
    p.add_argument("--slow-up-to", default="1GiB", metavar="SIZE", help="largest zone for plain Python (%(default)s)")
    p.add_argument("--cpu", type=int, help="core to run on (default: the most idle one)")
    p.add_argument("--buddy-alloc", type=Path, metavar="PATH", help="checkout of spaskalev/buddy_alloc")
    p.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=ADAPTER.h:CHECKOUT",
        help="another allocator in C, behind an adapter as c/peer.c describes it (LLFree, for example)",
    )
    p.add_argument("--json", type=Path, metavar="FILE", help="append the records to this file, one JSON line each")
    return p


def peer_of(text: str) -> contenders.CPeer:
    """A contender from ``NAME=ADAPTER.h:CHECKOUT``."""
    name, _, paths = text.partition("=")
    adapter, _, checkout = paths.partition(":")
    if not (name and adapter and checkout):
        raise ValueError(f"--peer must be NAME=ADAPTER.h:CHECKOUT, not {text!r}")
    return contenders.CPeer(name, Path(adapter), Path(checkout))


def field(args: argparse.Namespace) -> list[contenders.Contender]:
    """All contenders that can run here; the baseline comes first."""
    everybody: list[contenders.Contender] = [contenders.KernelStyle(kernel=args.kernel)]
    ours = (contenders.BuddycapSingles, contenders.BuddycapRun, contenders.BuddycapBulk)
    everybody += [contender(args.kernel) for contender in ours]
    if args.kernel == contenders.Dict.kernel:
        everybody.append(contenders.Dict())
    if args.kernel == contenders.Numba.kernel and importlib.util.find_spec("numba"):
        everybody.append(contenders.Numba())
    if args.buddy_alloc:
        everybody.append(contenders.BuddyAlloc(args.buddy_alloc))
    everybody += [peer_of(text) for text in args.peer]
    names = args.contenders.split(",") if args.contenders else [one.name for one in everybody]
    unknown = set(names) - {one.name for one in everybody}
    if unknown:
        raise ValueError(f"--contenders: not here: {', '.join(sorted(unknown))}")
    return everybody[:1] + [one for one in everybody[1:] if one.name in names]


COLUMNS = "{:<46} {:>6} {:<17} {:>27} {:>8} {:>25} {}"
HEADER = COLUMNS.format(
    "workload", "size", "contender", "ratio: median (min-max)", "goal", "ns per operation", "against"
)


def spread(values: dict[str, float] | None) -> str:
    """``median (min-max)``."""
    return "" if values is None else "{median:.2f} ({min:.2f}-{max:.2f})".format(**values)


def goal(record: dict[str, Any]) -> str:
    """``>= 40``, with a ``!`` where it was missed."""
    if record["goal"] is None:
        return ""
    return f"{'<=' if record['lower_is_better'] else '>='} {record['goal']:g}{' ' if record['reached'] else '!'}"


def line(record: dict[str, Any]) -> str:
    """A record as a line of the table."""
    names = record["title"], record["size"], record["contender"]
    return COLUMNS.format(*names, spread(record["ratio"]), goal(record), spread(record["ns"]), record["baseline"])


class Log:
    """Prints records as they come and keeps them as JSON lines: where they were measured first, then one a line."""

    def __init__(self, path: Path | None):
        self.file = path.open("a", encoding="utf-8") if path else None
        print(HEADER)
        self._keep({"machine": harness.provenance()})

    def _keep(self, values: dict[str, Any]) -> None:
        if self.file:
            print(json.dumps(values), file=self.file, flush=True)

    def add(self, record: dict[str, Any]) -> None:
        """One more record."""
        print(line(record), flush=True)
        self._keep(record)


def main(argv: list[str] | None = None) -> int:
    """Run the races; 1 if two exact contenders differ."""
    args = parser().parse_args(argv)
    sizes = [parse_size(size) for size in (QUICK_SIZES if args.quick else args.sizes).split(",")]
    ops = QUICK_OPS if args.quick else args.ops
    repetitions = max(args.repetitions, harness.MIN_REPETITIONS)
    wanted = args.workloads.split(",") if args.workloads else None
    everybody, slow_limit = field(args), parse_size(args.slow_up_to)
    print(f"core {harness.pin(args.cpu)}; {json.dumps(harness.provenance())}")
    log = Log(args.json)
    try:
        for pages in sizes:
            runners = [contender for contender in everybody if pages <= slow_limit or not contender.slow]
            for workload in races.WORKLOADS:
                if wanted is None or workload.key in wanted:
                    for record in races.race(workload, pages, runners, repetitions, ops):
                        log.add(record)
        if wanted is None or "calls" in wanted:
            for record in races.call_costs(sizes[0], repetitions, args.kernel):
                log.add(record)
        for pages in sizes:
            if wanted is None or "iota" in wanted:
                for record in races.iota(pages, repetitions, args.kernel):
                    log.add(record)
            if wanted is None or "memory" in wanted:
                for record in races.memory(pages, args.kernel):
                    log.add(record)
    except harness.Mismatch as mismatch:
        print(f"not the same pages: {mismatch}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
