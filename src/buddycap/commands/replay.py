"""Replay a recorded trace of the page allocator: follow its pages from a snapshot and compare the end (reconstruction),
and serve its requests by the simulated allocator under other rules (what-if).

TRACE is text of tracefs, trace-cmd or perf script (plain, .gz, .zst), a converted trace, or a folder that holds
trace.txt.gz and kpageflags.start.npz, perhaps kpageflags.end.npz, with the texts of /proc beside them.

  buddycap replay FOLDER                                   reconstruct, compare with the end
  buddycap replay FOLDER --what-if policy=v3 --what-if policy=v3,min_free=262144
  buddycap replay trace.txt --from snapshot.npz --timeline frag.csv --plot frag.png
  buddycap replay trace.txt --convert trace.bct            once; loads at memory speed from then on

Keys of --what-if: kernel (2.6.27, 6.1, 6.12; without, the recorded or the nearest), background (followed, lists,
simulated), defrag (of huge pages), policy (of capture in 2.6.27, of compaction since), min_free (KiB), pageblock_order,
max_page_order, empty (yes: from empty memory), direct (yes: every request above order 0 may reclaim), cpus, seed. The
page "replay" of the documentation says how to record, and how to read the report.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..calls.replay import MOST_SAMPLES, ReplayResult, counts_of, follow
from ..errors import MisuseError
from ..escape import for_terminal, say
from ..explain.stalls import Stalls, stalls_of
from ..formats.tracefile import convert_trace, load_trace
from ..formats.tracetext import EVENTS, TraceReport
from ..newfile import add_force, check_outputs
from ..progress import Progress
from ..recorded.lifetimes import MatchedRequests
from ..recorded.recording import Recording, bare_recording, has_start, open_recording, recorded_files, trace_of
from ..replay.ending import EndReport
from ..replay.reconstruct import Reconstruction
from ..replay.timeline import HUGE_ORDER
from ..replay.whatif import WhatIf, WhatIfResult
from ..views.figures import figure_class
from ..views.fragmentation import draw_timelines

__all__ = ["add_arguments", "command"]

_ODDITIES = {
    "alloc_of_free": "allocations of pages whose removal from the free lists was not seen",
    "alloc_of_used": "allocations of pages that were in use: their free is missing",
    "free_of_free": "frees of free pages: they had been taken without an event",
    "free_of_pcp": "frees of pages from a per-CPU list: allocated in bulk, without an event",
    "take_of_used": "pages taken from the free lists that were in use: a free or drain is missing",
    "take_of_held": "pages taken from the free lists that had come there without an event: memory that grew",
    "drain_of_free": "drains of pages that were free",
    "drain_of_used": "drains of pages that were in use: their free is missing",
    "outside": "events outside of every zone: left out",
    "unaligned": "events whose PFN does not fit their order: left out",
    "isolated_other": "ranges in which compaction took another number of pages than were free",
    "fast_isolated": "pages that compaction took, and the trace does not tell which",
    "lost": "places where events were lost",
    "grown": "sections of 128 MiB that came to a zone without an event",
}
_UNMATCHED = {
    "lost_frees": "requests end with the next allocation of their page: their free is missing",
    "outside": "allocations and frees outside of every zone, or not aligned: left out",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap replay`."""
    parser.add_argument("trace", metavar="TRACE", help="trace, converted trace, or folder of a recording")
    parser.add_argument(
        "--from", dest="start", metavar="SNAPSHOT", help="state before the trace (a folder has its own)"
    )
    parser.add_argument("--end", metavar="SNAPSHOT", help="state after it, to compare with")
    parser.add_argument(
        "--kernel", metavar="RELEASE", help="kernel that was recorded, such as 3.10; else told by the data"
    )
    parser.add_argument(
        "--what-if",
        action="append",
        default=[],
        metavar="KEY=VALUE,...",
        help="serve the requests anew; may be repeated",
    )
    parser.add_argument("--samples", type=int, default=101, metavar="N", help="moments of the time line (default: 101)")
    parser.add_argument("--order", type=int, default=HUGE_ORDER, metavar="N", help="order of the indices (default: 9)")
    parser.add_argument("--timeline", metavar="FILE.csv", help="write the time line; what-ifs get FILE.1.csv and so on")
    parser.add_argument("--plot", metavar="FILE.png", help="draw the time lines (needs matplotlib)")
    parser.add_argument("--at", type=float, metavar="SECONDS", help="with --save: so long after the start")
    parser.add_argument("--save", metavar="FILE.npz", help="write the reconstructed pages, for `buddycap map`")
    parser.add_argument("--convert", metavar="FILE", help="write the trace in the binary form, and do nothing else")
    add_force(parser)
    parser.add_argument("--seed", type=int, default=0, help="of what-ifs: what no recording holds (default: 0)")
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="draw that N times, and tell where each what-if may lie"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def command(args: argparse.Namespace) -> int:
    """Run `buddycap replay`."""
    if not 1 <= args.samples <= MOST_SAMPLES:
        raise MisuseError(f"--samples {args.samples}: allowed range is 1..{MOST_SAMPLES}")
    if not 0 <= args.order <= 14:
        raise MisuseError(f"--order {args.order}: allowed range is 0..14")
    if args.convert:
        return _convert(args)
    whats = [_parse(text, args.seed) for text in args.what_if]
    bare = args.start is None and not has_start(args.trace)
    _check_outputs(args, bare)
    recording = bare_recording(args.trace, args.kernel) if bare else open_recording(
        args.trace, args.start, args.end, args.kernel
    )  # fmt: skip
    _warn(recording.trace.report)
    _check_moment(args, recording)
    stalls = stalls_of(trace_of(args.trace)) if bare else None
    lines = len(whats) * args.seeds + (not bare)
    with Progress(args.samples * lines, "moments") as progress:
        result = follow(
            recording, whats, args.samples, bare=bare, step=progress.step, seeds=args.seeds, order=args.order
        )
    _warn_served(result.what_if)
    if args.json:
        found = result.as_dict(args.order)
        say(json.dumps(found | ({} if stalls is None else _stalls_as_dict(stalls))))
    else:
        if stalls is not None and stalls.runs:
            say(stalls.told(), end="")
        _print_head(recording, result.matched)
        if result.timeline is not None:
            _print_reconstruction(result.end, result.oddities)
        if result.lines:
            say(result.table(args.order))
        _print_failures(result.what_if)
    _write_files(args, result)
    if result.interrupted:
        raise KeyboardInterrupt
    return 0


def _check_outputs(args: argparse.Namespace, bare: bool) -> None:
    """Refuse what could not be written at the end, or must not be."""
    if args.plot:
        figure_class()
    if args.at is not None and not args.save:
        raise MisuseError("--at: of what? --save names the file")
    if args.save and bare:
        raise MisuseError("--save: without a snapshot (--from) there is nothing to reconstruct")
    if (args.plot or args.timeline) and bare and not args.what_if:
        option = "--plot" if args.plot else "--timeline"
        raise MisuseError(f"{option}: without a snapshot (--from) or a --what-if there is no time line")
    lines = _timeline_files(args, len(args.what_if) + (not bare))
    given = [name for name in (args.plot, args.save) if name]
    check_outputs([*lines, *given], inputs=_inputs(args), force=args.force)


def _inputs(args: argparse.Namespace) -> list[Path]:
    """Return what the command reads."""
    return [file for path in (args.trace, args.start, args.end) for file in recorded_files(path)]


def _timeline_files(args: argparse.Namespace, count: int) -> list[Path]:
    """Return where so many time lines go."""
    if not args.timeline:
        return []
    path = Path(args.timeline)
    return [path, *(path.with_suffix(f".{k}{path.suffix}") for k in range(1, count))]


def _check_moment(args: argparse.Namespace, recording: Recording) -> None:
    """Refuse a moment that the recording does not have."""
    seconds = (recording.end_ns[0] - recording.first_ns) / 1e9
    if args.at is not None and not 0 <= args.at <= seconds:
        raise MisuseError(f"--at {args.at:g}: allowed range is 0..{seconds:g} s")


def _parse(text: str, seed: int) -> WhatIf:
    """Read the value of --what-if."""
    words = text.split(",")
    return WhatIf.parse(words if any(word.startswith("seed=") for word in words) else [*words, f"seed={seed}"])


def _convert(args: argparse.Namespace) -> int:
    """Write the binary form."""
    check_outputs([args.convert], inputs=_inputs(args), force=args.force)
    report = convert_trace(trace_of(args.trace), args.convert, args.kernel)
    size = Path(args.convert).stat().st_size
    load_trace(args.convert)
    _warn(report)
    if args.json:
        say(json.dumps({"file": args.convert, "bytes": size, "report": report.as_dict()}))
    else:
        say(f"{args.convert}: {report.events} events of {report.lines} lines, {size / (1 << 20):.1f} MiB")
    return 0


def _warn(report: TraceReport) -> None:
    """Say what a reader of results should know."""
    for line in report.warnings():
        say(f"buddycap: warning: {line}", file=sys.stderr)


def _write_files(args: argparse.Namespace, result: ReplayResult) -> None:
    """Write what was asked for."""
    lines, recording = result.lines, result.recording
    for path, (_, line) in zip(_timeline_files(args, len(lines)), lines, strict=False):
        line.write_csv(path, args.order)
    if args.plot:
        draw_timelines(args.plot, lines, args.order, recording.name)
    if args.save:
        memory = Reconstruction(recording.trace, recording.start, recording.first_ns)
        end = recording.end_ns[0]
        memory.follow(end if args.at is None else min(recording.first_ns + int(args.at * 1e9), end))
        memory.save(args.save)


def _stalls_as_dict(stalls: Stalls) -> dict[str, Any]:
    """Return the time in compaction and reclaim for --json."""
    found = stalls.as_dict()
    return {key: found[key] for key in ("stalls", "by_task", "background", "unpaired")}


def _print_head(recording: Recording, matched: MatchedRequests) -> None:
    """Print what the trace is."""
    report, counts = recording.trace.report, counts_of(matched)
    kernel = f", kernel {report.kernel}" if report.kernel else ""
    seconds = (recording.end_ns[0] - recording.first_ns) / 1e9
    say(f"{recording.name}: {len(recording.trace)} events in {seconds:.2f} s, {report.kind}{kernel}")
    events = np.bincount(recording.trace.events["event"], minlength=32)
    names = {code: name.removeprefix("mm_") for name, code in reversed(EVENTS.items())}
    say("  " + ", ".join(f"{events[code]} {names[code]}" for code in np.argsort(-events).tolist() if events[code]))
    say(
        f"  {counts['begun']} requests ({counts['failed']} failed, {counts['open']} still in use at the end), "
        f"{counts['held']} frees of older pages, {counts['silent']} of pages allocated without an event"
    )
    if recording.reported:
        say(f"  {recording.reported} pages free at the start, by buddyinfo, were just being reported to a hypervisor")
    for key, words in _UNMATCHED.items():
        if counts[key]:
            say(f"  {counts[key]} {words}")


def _print_reconstruction(end: EndReport | None, odd: dict[str, int]) -> None:
    """Print how good the reconstruction is."""
    say("reconstruction")
    if end is None:
        say("  no snapshot of the end to compare with")
    else:
        _print_pages(end)
        say(f"  free blocks against buddyinfo: sum of differences {end.error}, {end.error_unfollowed} without replay")
        for name, gap in end.differences.items():
            if any(gap):
                say(f"    {for_terminal(name)}: " + ", ".join(f"order {k}: {n:+d}" for k, n in enumerate(gap) if n))
    for name, count in odd.items():
        if count:
            say(f"  {count} {_ODDITIES[name]}")


def _print_pages(end: EndReport) -> None:
    """Print how many pages are wrong, with and without those that moved while they were read."""
    say(f"  wrong pages {end.wrong} of {end.changed} that changed", end="")
    if end.moving:
        say(f"; without {end.moving} that events name while the end was read", end="")
    say()
    for row in end.causes:
        say(f"    {row.pages} that should {'not ' * row.free}be free; last event: {row.cause}")
    if end.reported:
        say(f"    {end.reported} of them in free pageblocks shown without any flag: being reported to a hypervisor?")
    if end.moving:
        say(f"  with those, each at the moment when it was read: {end.all_wrong} of {end.all_changed} that changed")
        say(f"    {end.moving_wrong} of the others wrong; {end.moving_wrong_even} if it was read at an even pace")


def _warn_served(results: Sequence[WhatIfResult]) -> None:
    """Say by whom requests were served, if not by the recorded kernel."""
    for line in dict.fromkeys(line for result in results for line in result.warnings):
        say(f"buddycap: warning: {line}", file=sys.stderr)


def _print_failures(results: Sequence[WhatIfResult]) -> None:
    """Print what requests got."""
    for result in results:
        say(f"{result.what.label}: {result.operations} operations", end="")
        if result.left_out:
            say(f", {result.left_out} requests are larger than the largest block", end="")
        say()
        for order, (asked, failed, recorded) in enumerate(
            zip(result.asked, result.failed, result.failed_recorded, strict=True)
        ):
            if failed or recorded:
                say(f"  order {order}: {failed} of {asked} requests failed; {recorded} on the recorded machine")
        if result.reclaimed:
            costs = ", ".join(
                f"{name} {n}" for name, n in result.costs.items() if name in ("scanned", "freed", "captured")
            )
            say(f"  {result.reclaimed} requests reclaimed directly: {costs}")
