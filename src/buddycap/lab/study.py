"""The experiment: requests for huge pages on a loaded machine, under one capture policy after another.

Policies are compared seed by seed: every actor has a random stream of its own, so that two runs of one seed meet the
same load until the policy makes a difference.  docs/model.md says what is modelled and what is not.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .._world import PARAMETERS
from ..errors import MisuseError
from ..formats.kpageflags import ZoneFrames
from ..machine import PRESETS, parse_pages
from ..policy import CapturePolicy, find_policy
from .config import StudyConfig, preset_config
from .run import Run, frames_from_recording, run_once
from .stats import mean_interval, paired_interval

__all__ = ["compare", "manifest", "run_study"]

PAGE_SIZE = 4096


def run_study(
    config: StudyConfig,
    policies: Sequence[CapturePolicy],
    seeds: Sequence[int],
    frames: ZoneFrames | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Run]:
    """Run every policy under every seed; `progress(done, all)` is called after each run."""
    jobs = [(policy, seed) for seed in seeds for policy in policies]
    runs = []
    for policy, seed in jobs:
        runs.append(run_once(config, policy, seed, frames))
        if progress:
            progress(len(runs), len(jobs))
    return runs


def compare(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return a row for each policy: means over the seeds with 95 % intervals; gain paired against the first policy."""
    names = list(dict.fromkeys(run.policy for run in runs))
    table = {name: [run.summary() for run in runs if run.policy == name] for name in names}
    rows = []
    for name, summaries in table.items():
        columns = {key: [float(row[key]) for row in summaries] for key in summaries[0]}
        base = [float(row["success_percent"]) for row in table[names[0]]]
        row: dict[str, Any] = {"policy": name, "seeds": len(summaries)}
        row.update({key: asdict(mean_interval(values)) for key, values in columns.items()})
        row["gain_points"] = asdict(paired_interval(columns["success_percent"], base))
        rows.append(row)
    return rows


def manifest(config: StudyConfig, seeds: Sequence[int], source: str | None) -> dict[str, Any]:
    """Return what a reader needs to repeat the study."""
    return {
        "buddycap": version("buddycap"),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "argv": sys.argv[1:],
        "config": asdict(config),
        "parameters": {name: config.parameters(warm=source is not None)[name] for name in PARAMETERS},
        "seeds": list(seeds),
        "from": source,
    }


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """Lay the comparison out for a terminal."""
    columns = (
        ("success %", "success_percent", 2),
        ("gain, points", "gain_points", 2),
        ("latency ms", "latency_ms", 1),
        ("steals", "steals", 1),
        ("own", "own", 1),
        ("merged", "merged", 1),
        ("foreign", "foreign", 2),
        ("give-backs", "givebacks", 2),
    )
    lines = [f"{'policy':<12}" + "".join(f"{title:>16}" for title, _, _ in columns)]
    for row in rows:
        cells = []
        for _, key, digits in columns:
            value = row[key]
            spread = f" ± {value['half_width']:.{digits}f}" if value["n"] > 1 else ""
            cells.append(f"{value['mean']:.{digits}f}{spread}")
        if row is rows[0]:
            cells[1] = "-"
        lines.append(f"{row['policy']:<12}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def _bar(done: int, total: int) -> None:
    """Draw a progress bar on a terminal."""
    filled = 40 * done // total
    end = "\n" if done == total else ""
    print(f"\r[{'#' * filled}{'.' * (40 - filled)}] {done}/{total} runs", end=end, file=sys.stderr, flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of `buddycap study`."""
    parser.add_argument("--preset", choices=sorted(PRESETS), default="x86_64", help="machine (default: x86_64)")
    parser.add_argument("--memory", default="1GiB", help="size of the synthetic machine (default: 1GiB)")
    parser.add_argument("--policies", default="none,v3", help="names by commas; gains are against the first")
    parser.add_argument("--seeds", type=int, default=8, metavar="N", help="number of runs of each policy (default: 8)")
    parser.add_argument("--seed", type=int, default=1, help="first seed (default: 1)")
    parser.add_argument("--from", dest="source", metavar="FILE.npz", help="start from a recording of /proc/kpageflags")
    parser.add_argument("--zone", help="zone of the recording (default: the one with most pages in it)")
    parser.add_argument(
        "--out", default="study.json", metavar="FILE", help="where the results go (default: study.json)"
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of a table")


def command(args: argparse.Namespace) -> int:
    """Run `buddycap study`."""
    if args.seeds < 1:
        raise MisuseError(f"--seeds={args.seeds}: at least 1 is wanted")
    policies = [find_policy(name) for name in args.policies.split(",")]
    frames = frames_from_recording(args.source, args.zone) if args.source else None
    pages = len(frames.kinds) if frames else parse_pages(args.memory, "memory")
    config = preset_config(args.preset, pages)
    seeds = range(args.seed, args.seed + args.seeds)
    begin = time.perf_counter()
    runs = run_study(config, policies, seeds, frames, _bar if sys.stderr.isatty() else None)
    rows = compare(runs)
    result = {
        "manifest": manifest(config, seeds, args.source),
        "policies": rows,
        "runs": [{"policy": r.policy, "seed": r.seed, **r.summary(), "digest": r.digest, **r.totals} for r in runs],
    }
    Path(args.out).write_text(json.dumps(result, indent=1) + "\n")
    if args.json:
        print(json.dumps(result))
        return 0
    memory = f"{frames.name} zone of {args.source}" if frames else "synthetic warm-up"
    print(
        f"{config.preset}, {pages * PAGE_SIZE / 2**30:g} GiB, {memory}: {pages >> config.order} requests of order "
        f"{config.order}, {args.seeds} seeds, 95 % intervals"
    )
    print(_table(rows))
    print(f"pages per request; {time.perf_counter() - begin:.1f} s; details: {args.out}")
    return 0
