"""Prints the tables of docs/replay.md: how far a what-if is from what the recorded machine came to.

    python tools/replay_tables.py RECORDING... [--table errors|bands|what-ifs] [--seeds N] [--samples N] [--skip LABEL]

bands: how often the truth lies in the range of the seeds, and in a band widened by what the first half of a recording
tells of the error: carried on in proportion to the time, and tried on the moments of the second half.
what-ifs: pieces of 2 MiB at the end under other rules, with bands, and requests of that order that failed.

errors:

For each recording: nothing changes, 2.6.27, 6.x with the background followed, with the per-CPU lists followed, with
nothing of it followed. The truth at
the end is /proc/buddyinfo of the end snapshot; of whole pageblocks and larger blocks it is the reconstruction, since
those that are just being reported to a hypervisor are on no list. Along the time it is the reconstruction. Blocks are
summed over zones and orders; pieces of 2 MiB are what free blocks of order 9 and above hold.
"""

import argparse
from pathlib import Path

import numpy as np

from buddycap.errors import MisuseError
from buddycap.formats.extfrag import unusable_free_index
from buddycap.policies.capture import POLICIES
from buddycap.recorded.recording import Recording, open_recording
from buddycap.replay.band import FIGURES, Band, Control, banded, figures_of, predict
from buddycap.replay.course import reconstruct
from buddycap.replay.prepared import Prepared
from buddycap.replay.timeline import HUGE_ORDER, sample_times
from buddycap.replay.whatif import WhatIf, what_if

WHATS = {
    "2.6.27": {"kernel": "2.6.27"},
    "followed": {"background": "followed"},
    "lists": {"background": "lists"},
    "simulated": {"background": "simulated"},
}
OTHERS = {
    "nothing": {"background": "lists"},
    "capture off": {"policy": "off"},
    "capture on": {"policy": "capture"},
    "defrag=always": {"defrag": "always"},
    "defrag=never": {"defrag": "never"},
    "pageblock_order=10": {"pageblock_order": 10, "background": "lists"},
    "2.6.27, lumpy": {"policy": "none", "direct": True},
    "2.6.27, v3": {"policy": "v3", "direct": True},
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
    prepared = Prepared(recording)
    truth = truth_at_end(recording, timeline.nr_free[-1])
    still = np.repeat(timeline.nr_free[:1], samples, axis=0)
    found = [row(recording.name, "nothing changes", [measures(still, truth, timeline.nr_free)], large(truth))]
    for label, rules in WHATS.items():
        if label in skip:
            continue
        tries, ends = [], []
        for seed in range(seeds if label != "2.6.27" else 1):
            result = what_if(prepared, WhatIf(seed=seed, **rules), moments)
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


def share(band: Band, truth: np.ndarray, since: int) -> list[str]:
    """Return how many of the moments from one on lie in a band, a cell for each figure."""
    inside = ((band.low <= truth) & (truth <= band.high))[:, since:]
    return [f"{figure.sum()} of {len(figure)}" for figure in inside]


def band_rows(recording: Recording, seeds: int, samples: int, skip: list[str]) -> list[str]:
    """Return how often the truth of one recording lies in its bands."""
    moments = sample_times(recording.first_ns, recording.end_ns[0], samples)
    timeline, _, _ = reconstruct(recording, samples)
    truth = figures_of(timeline)
    prepared = Prepared(recording)
    control = Control(prepared, moments, timeline, seeds)
    half, past = samples // 2, np.arange(1, samples)
    found = []
    for label, rules in WHATS.items():
        if label in skip:
            continue
        tries = [figures_of(result.timeline) for result in control.tries(WhatIf(**rules))]
        errors = np.abs(np.median(tries, axis=0) - truth)
        growth = ((errors[:, 1:] - errors[:, :1]) / past)[:, :half].max(1, keepdims=True).clip(0)
        margin = errors[:, :1] + growth * np.arange(samples)
        alone = share(banded(label, tries, None), truth, half + 1)
        wide = share(banded(label, tries, margin), truth, half + 1)
        found.append(f"| `{recording.name}` | {label} | {' | '.join(alone)} | {' | '.join(wide)} |")
    return found


def what_if_rows(recording: Recording, seeds: int, samples: int, skip: list[str]) -> list[str]:
    """Return what other rules would have given on one recording."""
    moments = sample_times(recording.first_ns, recording.end_ns[0], samples)
    timeline, _, _ = reconstruct(recording, samples)
    prepared = Prepared(recording)
    control = Control(prepared, moments, timeline, seeds)
    pieces = FIGURES.index("pieces")
    cells = [f"{figures_of(timeline)[pieces, -1]:.0f}"]
    failed = "-"
    for label, rules in OTHERS.items():
        if label in skip:
            continue
        try:
            result, band = predict(control, WhatIf(**rules))
        except MisuseError:
            cells.append("-")
            continue
        low, middle, high = (part[pieces, -1] for part in (band.low, band.middle, band.high))
        failed = str(result.failed_recorded[HUGE_ORDER])
        asked = f"; {result.failed[HUGE_ORDER]}" if result.asked[HUGE_ORDER] else ""
        cells.append(f"{middle:.0f} ({low:.0f}-{high:.0f}){asked}")
    return [f"| `{recording.name}` | {cells[0]}; {failed} | {' | '.join(cells[1:])} |"]


TABLES = {
    "errors": (rows_of, ["recording", "", "free pages", "blocks, end", "blocks, mean", "unusable index",
                         "2 MiB pieces", "band over seeds"]),
    "bands": (band_rows, ["recording", "served by", *(f"seeds: {name}" for name in FIGURES),
                          *(f"widened: {name}" for name in FIGURES)]),
    "what-ifs": (what_if_rows, ["recording", "recorded", *OTHERS]),
}  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", type=Path)
    parser.add_argument("--table", choices=list(TABLES), default="errors")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=11)
    parser.add_argument("--skip", action="append", default=[], choices=[*WHATS, *OTHERS])
    parser.add_argument(
        "--kernel", help="that serves where the rules do not say (default: the recorded, or the nearest)"
    )
    args = parser.parse_args()
    if args.kernel:
        for rules in (*WHATS.values(), *OTHERS.values()):
            if rules.get("policy") not in POLICIES:
                rules.setdefault("kernel", args.kernel)
    rows, heads = TABLES[args.table]
    print(f"| {' | '.join(heads)} |")
    print("|---" * len(heads) + "|")
    for path in args.recordings:
        for line in rows(open_recording(path), args.seeds, args.samples, args.skip):
            print(line, flush=True)


if __name__ == "__main__":
    main()
