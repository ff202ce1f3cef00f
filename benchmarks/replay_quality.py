"""The tables of docs/replay.md on how good the reconstruction is: of recordings, and of recordings that were damaged.

    python benchmarks/replay_quality.py RECORDING...

Needs no benchmark runner; a second or two for each line.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from buddycap.formats.tracefile import Trace
from buddycap.formats.tracetext import EVENTS
from buddycap.recorded.recording import Recording, open_recording
from buddycap.replay.ending import EndReport, compare_end
from buddycap.replay.reconstruct import Reconstruction

ISOLATIONS = [EVENTS[f"mm_compaction_{name}"] for name in ("isolate_freepages", "fast_isolate_freepages")]
RUNS = [EVENTS[f"mm_compaction_{name}"] for name in ("begin", "end")]
Events = NDArray[np.void]


def report(recording: Recording, *, infer: bool = True) -> EndReport:
    """Follow a recording and compare its end."""
    return compare_end(Reconstruction(recording.trace, recording.start, recording.first_ns, infer=infer), recording)


def altered(recording: Recording, events: Events) -> Recording:
    """Return a recording with other events."""
    return replace(recording, trace=Trace(events, recording.trace.marks, recording.trace.report))


def from_the_middle(recording: Recording) -> Recording:
    """Return the second half of a recording, begun from what the first half leads to."""
    moment = (recording.first_ns + recording.end_ns[0]) // 2
    memory = Reconstruction(recording.trace, recording.start, recording.first_ns)
    memory.follow(moment)
    marks = [mark for mark in recording.trace.marks if mark[0] > moment]
    events = recording.trace.events
    late = Trace(events[events["time_ns"] > moment], marks, recording.trace.report)
    return replace(recording, trace=late, start=replace(recording.start, frames=memory.frames()))


def shuffled(events: Events, nanoseconds: float) -> Events:
    """Put the events of CPUs together as if their clocks differed."""
    cpus = np.random.default_rng(1).normal(0, nanoseconds, 1 << 16)
    return events[np.argsort(events["time_ns"] + cpus[events["cpu"]], kind="stable")]


def thinned(events: Events, share: float) -> Events:
    """Leave out a share of the events, by chance."""
    return events[np.random.default_rng(2).random(len(events)) >= share]


def without(events: Events, codes: list[int]) -> Events:
    """Leave out some kinds of events."""
    return events[~np.isin(events["event"], codes)]


def damages() -> Iterator[tuple[str, Callable[[Recording], EndReport]]]:
    """Yield what is done to a recording, and how."""
    yield "whole", report
    yield "nothing inferred", lambda one: report(one, infer=False)
    yield "from its own middle on", lambda one: report(from_the_middle(one))
    yield "CPU clocks off by 100 µs", lambda one: report(altered(one, shuffled(one.trace.events, 1e5)))
    for share in (1e-5, 1e-4, 1e-3, 1e-2):
        yield f"{share:.3%} of the events lost", lambda one, s=share: report(altered(one, thinned(one.trace.events, s)))
    yield "no isolation event", lambda one: report(altered(one, without(one.trace.events, ISOLATIONS)))
    yield (
        "no event of compaction",
        lambda one: report(altered(one, without(one.trace.events, ISOLATIONS + RUNS))),
    )


def main() -> None:
    recordings = [open_recording(path) for path in sys.argv[1:]]
    print("| recording | changed | wrong | of them reported | all pages: changed | wrong | at an even pace |", end="")
    print(" buddyinfo: sum of differences | without replay |\n|" + "---|" * 9)
    for one in recordings:
        end = report(one)
        even = end.wrong + end.moving_wrong_even
        cells = [end.changed, end.wrong, end.reported, end.all_changed, end.all_wrong, even]
        print(f"| {one.name} | " + " | ".join(map(str, [*cells, end.error, end.error_unfollowed])) + " |")
    print("\n| | " + " | ".join(one.name for one in recordings) + " |\n|" + "---|" * (len(recordings) + 1))
    for name, damage in damages():
        ends = [damage(one) for one in recordings]
        print(f"| {name} | " + " | ".join(f"{end.all_wrong}, {end.error}" for end in ends) + " |", flush=True)


if __name__ == "__main__":
    main()
