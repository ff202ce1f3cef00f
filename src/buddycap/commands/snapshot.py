"""Record the memory of this Linux machine into one file: what every page is (/proc/kpageflags), free blocks, zones,
types of pageblocks, counters. Root is needed; without, what can be read is recorded and the rest is named.

The file is an .npz archive. `Machine.from_snapshot`, `buddycap study --from` and `buddycap map` start from it.
With --show an existing file, or a recording made by hand, is described instead.

Exit status: 0, 1 if pages could not be recorded, 2 for an error.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from ..escape import say
from ..explain.folder import folder_texts
from ..formats.livesnapshot import record_snapshot
from ..formats.snapshot import Snapshot, read_snapshot
from ..newfile import add_force, check_outputs
from ..recorded.drawn import draw_snapshot, save_drawn

__all__ = ["add_arguments", "command"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap snapshot`."""
    parser.add_argument(
        "-o", "--out", default="snapshot.npz", metavar="FILE", help="file to write (default: snapshot.npz)"
    )
    add_force(parser)
    parser.add_argument("--show", metavar="FILE", help="record nothing; describe a snapshot, a recording or its folder")
    parser.add_argument(
        "--from-texts", metavar="DIR", help="draw a machine from a folder's texts, such as a sosreport's"
    )
    parser.add_argument("--seed", type=int, default=0, help="with --from-texts: draws what the texts do not tell")
    parser.add_argument("--mixed", type=int, default=0, metavar="P", help="with --from-texts: percent of mixed blocks")
    parser.add_argument("--node", type=int, default=0, help="node to describe (default: 0); all are recorded")
    parser.add_argument("--proc", default="/proc", metavar="DIR", help="where the files of /proc are (default: /proc)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def command(args: argparse.Namespace) -> int:
    """Run `buddycap snapshot`."""
    if args.show:
        _print(read_snapshot(args.show, node=args.node), [], args.json)
        return 0
    check_outputs([args.out], force=args.force)
    if args.from_texts:
        texts = folder_texts(args.from_texts)
        drawn = draw_snapshot(
            texts["buddyinfo"], texts.get("pagetypeinfo"), texts["zoneinfo"], texts.get("iomem"),
            seed=args.seed, mixed=args.mixed, node=args.node,
        )  # fmt: skip
        save_drawn(args.out, drawn)
        _print(drawn, [f"{args.out}: {Path(args.out).stat().st_size / 1024:.0f} KiB"], args.json)
        return 0
    begin = time.perf_counter()
    show = sys.stderr.isatty()
    try:
        missing = record_snapshot(args.out, args.proc, _bar if show else None)
    finally:
        print("\r\x1b[K" if show else "", end="", file=sys.stderr, flush=True)
    size = Path(args.out).stat().st_size
    first = f"{args.out}: {size / 1024:.0f} KiB, recorded in {time.perf_counter() - begin:.1f} s"
    if "kpageflags" not in missing:
        _print(read_snapshot(args.out, node=args.node), [first], args.json)
        return 0
    if args.json:
        say(json.dumps({"file": args.out, "bytes": size, "zones": {}, "missing": missing}))
        return 1
    say(first)
    for name, why in missing.items():
        say(f"missing: {name}: {why}")
    say("without kpageflags the file holds texts only: no machine can be made of it")
    return 1


def _bar(done: int, pages: int) -> None:
    """Draw a progress bar on a terminal."""
    print(f"\r{done} of {pages} pages", end="", file=sys.stderr, flush=True)


def _print(snapshot: Snapshot, first: list[str], as_json: bool) -> None:
    """Print what is in a snapshot."""
    if not as_json:
        say("\n".join(first + snapshot.report()))
        return
    zones = {
        zone.name: {
            "start_pfn": zone.start_pfn,
            "spanned": len(zone.kinds),
            "pages": {name.lower(): pages for name, pages in zone.nr_pages().items()},
            "nr_free": zone.nr_free.tolist(),
            "difference": snapshot.differences.get(zone.name),
            "quiet": snapshot.quiet.get(zone.name),
        }
        for zone in snapshot.frames
    }
    about = {"file": snapshot.file, "node": snapshot.node, "nodes": list(snapshot.nodes)}
    say(json.dumps({**about, "zones": zones, "missing": dict(snapshot.missing)}))
