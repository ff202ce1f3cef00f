"""Draw the map of memory: what every page is.

SOURCE is a snapshot (`buddycap snapshot`), a recording of /proc/kpageflags or its folder, or a zone that `Zone.save`
wrote. Without a source, --run starts a run of the experiment and watches it, and --replay follows a recorded trace from
its snapshot. The map appears on the terminal; with -o it goes into files instead, and the name says what is wanted:

  .png     a picture, one pageblock a row, with a legend
  .html    a report: one file, with a time slider over the run
  .pftrace a time line for ui.perfetto.dev (of a run or a replay)
  .trace   the requests as the kernel's trace text (of a run)
  .csv     free blocks per order and fragmentation indices over time
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import MisuseError
from ..escape import say
from ..formats.kpageflags import ZoneFrames
from ..formats.snapshot import drawn_from
from ..newfile import add_force, check_outputs, write_file
from ..policies.capture import POLICIES, find_policy
from ..presets import PRESETS
from ..progress import Progress
from ..recorded.recording import frames_from_recording, open_recording, recorded_files
from ..sizes import parse_pages
from ..study.config import preset_config
from ..views.ftrace import ftrace_text
from ..views.pagemap import PageMap, read_maps
from ..views.perfetto import Timeline
from ..views.picture import map_png
from ..views.record import MAX_CELLS, MOST_CELLS, Recorder
from ..views.replays import WatchedReplay, replay_timeline, watch_replay
from ..views.report import html_comparison
from ..views.runs import WatchedRun, watch_run
from ..views.terminal import terminal_map, wants_colour
from ..views.timelines import run_timeline, trace_of_requests
from .offers import offering

__all__ = ["add_arguments", "command"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap map`."""
    parser.add_argument("source", nargs="?", metavar="SOURCE", help="file or folder to draw")
    parser.add_argument(
        "-o", "--out", action="append", default=[], metavar="FILE", help="file to write; may be repeated"
    )
    add_force(parser)
    parser.add_argument("--zone", help="draw only this zone")
    parser.add_argument("--node", type=int, default=0, help="node of a snapshot (default: 0)")
    parser.add_argument("--width", type=int, metavar="PAGES", help="pages in a row of a picture (default: a pageblock)")
    parser.add_argument("--title", help="title of a picture or report")
    parser.add_argument("--run", choices=sorted(PRESETS), metavar="PRESET", help="watch a run: x86_64 or ppc64")
    parser.add_argument("--replay", metavar="PATH", help="follow a trace: a folder with snapshot and trace")
    parser.add_argument("--memory", default="1GiB", help="memory of the run (default: 1GiB)")
    parser.add_argument("--from", dest="start", metavar="FILE", help="snapshot that the run starts from")
    policy = parser.add_argument(
        "--policy",
        default="v3",
        metavar="NAME",
        help="capture policy of the run, or two by a comma (default: v3)",
    )
    offering(policy, POLICIES)
    parser.add_argument("--seed", type=int, default=1, help="seed of the run (default: 1)")
    parser.add_argument("--steps", type=int, default=50, help="moments to record (default: 50)")
    parser.add_argument(
        "--cells", type=int, help="cells of the report's map (default: 2^18 a moment of a run, 2^24 of a file)"
    )
    parser.add_argument("--json", action="store_true", help="print the pages of every kind as one JSON object")


def command(args: argparse.Namespace) -> int:
    """Run `buddycap map`."""
    if sum(map(bool, (args.source, args.run, args.replay))) != 1:
        raise MisuseError("one of SOURCE, --run and --replay is wanted")
    unknown = [name for name in args.out if Path(name).suffix not in _WRITERS]
    if unknown:
        raise MisuseError(f"-o {unknown[0]}: the name must end in {', '.join(_WRITERS)}")
    inputs = [file for path in (args.source, args.replay, args.start) for file in recorded_files(path)]
    check_outputs(args.out, inputs=inputs, force=args.force)
    drawn = None if args.json else drawn_from(args.source or args.start)
    if drawn is not None:
        say(drawn)
    drawing = _watched(args) if args.run else _replayed(args) if args.replay else _drawn(args)
    for name in args.out:
        content = _WRITERS[Path(name).suffix](drawing)
        write_file(name, content)
        if not args.json:
            say(f"{name}: {os.path.getsize(name) / 1024:.0f} KiB")
    if args.json:
        say(json.dumps({page_map.name: _facts(page_map) for page_map in drawing.maps}))
    elif not args.out:
        print(terminal_map(drawing.maps, colour=wants_colour(sys.stdout)))
    if drawing.interrupted:
        raise KeyboardInterrupt
    return 0


class _Drawing:
    """What there is to draw: maps, and for reports a recorder; and what it was that was watched."""

    def __init__(
        self,
        args: argparse.Namespace,
        maps: tuple[PageMap, ...],
        recorder: Recorder,
        title: str,
        watched: WatchedRun | WatchedReplay | None = None,
        others: Sequence[tuple[str, Recorder]] = (),
    ) -> None:
        self.maps, self.recorder = maps, recorder
        self.sides = [(args.policy.partition(",")[0], recorder), *others]
        self.title = args.title or title
        self.width = args.width
        self.facts = {"policy": args.policy, "seed": str(args.seed)} if args.run else {}
        self.interrupted = watched is not None and watched.interrupted
        self._watched = watched

    def timeline(self) -> Timeline:
        """Return the time line, or refuse."""
        if isinstance(self._watched, WatchedReplay):
            return replay_timeline(self._watched)
        return run_timeline(self.run(".pftrace"))

    def run(self, suffix: str) -> WatchedRun:
        """Return the run, or refuse."""
        if not isinstance(self._watched, WatchedRun):
            raise MisuseError(f"-o: {suffix} is written of a run; see --run")
        return self._watched


_WRITERS: dict[str, Callable[[_Drawing], bytes | str]] = {
    ".png": lambda d: map_png(d.maps, width=d.width, title=d.title),
    ".html": lambda d: html_comparison(d.sides, title=d.title, facts=d.facts),
    ".pftrace": lambda d: d.timeline().encode(),
    ".trace": lambda d: ftrace_text(trace_of_requests(d.run(".trace"))),
    ".csv": lambda d: d.recorder.csv(),
}


def _drawn(args: argparse.Namespace) -> _Drawing:
    """Return the drawing of a file."""
    maps = read_maps(args.source, node=args.node)
    if args.zone is not None:
        found = tuple(page_map for page_map in maps if page_map.name == args.zone)
        if not found:
            raise MisuseError(f"--zone={args.zone}: {args.source} has {', '.join(m.name for m in maps)}")
        maps = found
    recorder = Recorder(max_cells=MOST_CELLS if args.cells is None else args.cells)
    if any(Path(name).suffix in (".html", ".csv") for name in args.out):
        recorder.add_maps(maps, 0)
    drawn = drawn_from(args.source)
    name = Path(args.source).name
    return _Drawing(args, maps, recorder, f"{name}, {drawn}" if drawn else name)


def _watched(args: argparse.Namespace) -> _Drawing:
    """Return the drawing of a run."""
    frames: ZoneFrames | None = frames_from_recording(args.start, args.zone) if args.start else None
    pages = len(frames.kinds) if frames else parse_pages(args.memory, "memory")
    config = preset_config(args.run, pages)
    policies = [find_policy(name) for name in args.policy.split(",")]
    if len(policies) > 2 or (len(policies) == 2 and any(Path(name).suffix != ".html" for name in args.out)):
        raise MisuseError(f"--policy {args.policy}: one is wanted; two beside each other are for a report (.html)")
    cells = MAX_CELLS if args.cells is None else args.cells
    with Progress(args.steps * len(policies), "moments") as progress:
        runs = [
            watch_run(config, row, args.seed, steps=args.steps, frames=frames, max_cells=cells, step_done=progress.step)
            for row in policies
        ]
    place = f"{frames.name} zone of {args.start}" if frames else f"{pages / 2**18:g} GiB, {config.preset}"
    names = " | ".join(row.name for row in policies)
    others = [(row.name, run.recorder) for row, run in zip(policies[1:], runs[1:], strict=True)]
    maps = (PageMap.of_zone(runs[0].zone, runs[0].recorder.zones[0].name),)
    title = f"{place}, policy {names}, seed {args.seed}"
    return _Drawing(args, maps, runs[0].recorder, title, runs[0], others)


def _replayed(args: argparse.Namespace) -> _Drawing:
    """Return the drawing of a trace."""
    recording = open_recording(args.replay, args.start)
    cells = MAX_CELLS if args.cells is None else args.cells
    with Progress(args.steps, "moments") as progress:
        watched = watch_replay(recording, steps=args.steps, max_cells=cells, step_done=progress.step)
    return _Drawing(args, watched.maps, watched.recorder, str(args.replay), watched)


def _facts(page_map: PageMap) -> dict[str, Any]:
    """Return the facts about a zone for --json."""
    return {
        "start_pfn": page_map.start_pfn,
        "pages": len(page_map.codes),
        "nr_free": page_map.nr_free,
        "kinds": page_map.counts(),
    }
