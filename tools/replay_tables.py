"""Prints the tables of docs/replay.md: how far a what-if is from what the recorded machine came to.

    python tools/replay_tables.py RECORDING... [--seeds N] [--samples N] [--skip LABEL]

For each recording: nothing changes, 2.6.27, 6.x with the background followed, 6.x with it simulated. The truth at
the end is /proc/buddyinfo of the end snapshot; of whole pageblocks and larger blocks it is the reconstruction, since
those that are just being reported to a hypervisor are on no list. Along the time it is the reconstruction. Blocks are
summed over zones and orders; pieces of 2 MiB are what free blocks of order 9 and above hold.
"""

import argparse
from pathlib import Path

import numpy as np

from buddycap.formats.extfrag import unusable_free_index
from buddycap.recorded.lifetimes import match_trace
from buddycap.recorded.recording import Recording, open_recording
from buddycap.replay.course import reconstruct
from buddycap.replay.timeline import HUGE_ORDER, sample_times
from buddycap.replay.whatif import WhatIf, what_if

WHATS = {
    "2.6.27": {"kernel": "2.6.27"},
    "followed": {"background": "followed"},
    "simulated": {"background": "simulated"},
}


def truth_at_end(recording: Recording, reconstructed: np.ndarray) -> np.ndarray:
    """Return the free blocks at the end, by zone and order."""
    if recording.end is None or not recording.end.buddyinfo:
        return reconstructed
    rows = []
    for zone in recording.start.frames:
        before = np.array(recording.end.buddyinfo[zone.name])
        rows.append(np.where(np.arange(len(before)) >= zone.pageblock_order, reconstructed[len(rows)], before))
    return np.array(rows)


def pages(blocks: np.ndarray) -> int:
    """Return the pages of blocks."""
    return int((blocks << np.arange(blocks.shape[-1])).sum())


def large(blocks: np.ndarray) -> int:
    """Return how many pieces of 2 MiB blocks hold."""
    return int((blocks[..., HUGE_ORDER:] << np.arange(blocks.shape[-1] - HUGE_ORDER)).sum())


def unusable(blocks: np.ndarray) -> int:
    """Return the unusable index of all zones together, in thousandths."""
    return int(unusable_free_index(blocks.sum(0)[None], HUGE_ORDER)[0])


def measures(line: np.ndarray, truth: np.ndarray, course: np.ndarray) -> list[float]:
    """Return the errors: free pages, blocks at the end, blocks along the time, unusable index, pieces of 2 MiB."""
    orders = min(line.shape[-1], truth.shape[-1])
    line, truth, course = line[..., :orders], truth[..., :orders], course[..., :orders]
    along = np.abs(line - course).sum((1, 2)).mean()
    end = line[-1]
    return [
        abs(pages(end) - pages(truth)),
        int(np.abs(end - truth).sum()),
        round(float(along)),
        abs(unusable(end) - unusable(truth)),
        large(end) - large(truth),
    ]


def rows_of(recording: Recording, seeds: int, samples: int, skip: list[str]) -> list[str]:
    """Return the rows of one recording."""
    moments = sample_times(recording.first_ns, recording.end_ns[0], samples)
    timeline, _, _ = reconstruct(recording, samples)
    matched = match_trace(recording.trace, recording.zones, recording.first_ns)
    truth = truth_at_end(recording, timeline.nr_free[-1])
    still = np.repeat(timeline.nr_free[:1], samples, axis=0)
    found = [row(recording.name, "nothing changes", [measures(still, truth, timeline.nr_free)], large(truth))]
    for label, rules in WHATS.items():
        if label in skip:
            continue
        tries, ends = [], []
        for seed in range(seeds if label != "2.6.27" else 1):
            result = what_if(recording, WhatIf(seed=seed, **rules), moments, matched=matched)
            tries.append(measures(result.timeline.nr_free, truth, timeline.nr_free))
            ends.append(large(result.timeline.nr_free[-1]))
        name = label if label == "2.6.27" else f"{result.kernel} {label}"
        found.append(row(recording.name, name, tries, large(truth), (min(ends), max(ends))))
    return found


def row(name: str, label: str, tries: list[list[float]], truth: int, band: tuple[int, int] | None = None) -> str:
    """Return a row of the table: of several seeds the median."""
    middle = np.median(np.array(tries), axis=0).round().astype(int).tolist()
    told = "" if band is None else f"{band[0]} to {band[1]} ({'in' if band[0] <= truth <= band[1] else 'out'})"
    errors = " | ".join(str(value) for value in middle[:-1])
    return f"| `{name}` | {label} | {errors} | {middle[-1]:+d} of {truth} | {told} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=11)
    parser.add_argument("--skip", action="append", default=[], choices=list(WHATS))
    args = parser.parse_args()
    print("| recording | | free pages | blocks, end | blocks, mean | unusable index | 2 MiB pieces | band over seeds |")
    print("|---|---|---|---|---|---|---|---|")
    for path in args.recordings:
        for line in rows_of(open_recording(path), args.seeds, args.samples, args.skip):
            print(line, flush=True)


if __name__ == "__main__":
    main()
