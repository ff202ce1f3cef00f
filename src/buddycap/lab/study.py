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
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import Zone
from .._world import PARAMETERS, World
from ..errors import MisuseError
from ..flags import GFP
from ..formats.kpageflags import ZoneFrames, read_kpageflags
from ..machine import PRESETS, Machine, parse_pages
from ..policy import CapturePolicy, find_policy
from .stats import mean_interval, paired_interval

__all__ = ["PRESET_CHANGES", "Run", "StudyConfig", "frames_from_recording", "run_once", "run_study", "study_zone"]

PAGE_SIZE = 4096
PAGES_4GIB = 1 << 20
SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class StudyConfig:
    """Everything that a run depends on, except policy and seed.

    Parameters
    ----------
    preset : str
        "x86_64" (huge pages of order 9) or "ppc64" (order 12).
    memory_pages : int, pages
    builds : int
        Build processes at work at any time; 0: five for 4 GiB, in proportion.
    unmovable_permille : int
        Unmovable kernel pages made during the warm-up, per thousand page cache pages.
    request_mib_per_s : int, MiB/s
        Rate of the requests; each asks for one huge page.
    congestion_permille : int
        Length of congestion_wait in thousandths of the kernel's.
    swap_cost_us, read_cost_us, write_cost_us : int, us
        Of the disk, besides the transfer: a page from swap, a read of 16 or 32 pages, a page written.
    disk_mib_per_s : int, MiB/s
    warmup_s : int, s
        Simulated time before the first request.
    cpus : int
    boot_permille : int
        Memory that boot has taken for ever.
    """

    preset: str = "x86_64"
    memory_pages: int = 1 << 18
    builds: int = 0
    unmovable_permille: int = 70
    request_mib_per_s: int = 16
    congestion_permille: int = 1000
    swap_cost_us: int = 1000
    read_cost_us: int = 4000
    write_cost_us: int = 20
    disk_mib_per_s: int = 60
    warmup_s: int = 20
    cpus: int = 4
    boot_permille: int = 15

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise MisuseError(f"preset={self.preset!r}: allowed are {', '.join(PRESETS)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "preset" and not 0 <= value < 1 << 40:
                raise MisuseError(f"{field.name}={value}: allowed range is 0..2^40-1")
        least = 64 << PRESETS[self.preset].pageblock_order
        if self.memory_pages < least:
            raise MisuseError(f"memory_pages={self.memory_pages}: {self.preset} needs at least {least}")

    @property
    def order(self) -> int:
        """Order of the huge pages."""
        return PRESETS[self.preset].pageblock_order

    @property
    def nr_builds(self) -> int:
        """Number of builds."""
        return self.builds or max(1, round(5 * self.memory_pages / PAGES_4GIB))

    def parameters(self, *, warm: bool) -> dict[str, int]:
        """Values for `buddycap._world.World`; `warm`: the memory is in use already, so there is no warm-up."""
        pages = self.memory_pages
        start_ns = (2 if warm else self.warmup_s) * SECOND_NS
        return {
            "builds": self.nr_builds,
            "anon_median_pages": 5000,
            "anon_min_pages": 200,
            "anon_max_pages": pages // 8,
            "anon_sigma_q16": 39322,
            "duration_median_ns": 3 * SECOND_NS // 2,
            "duration_sigma_q16": 32768,
            "gap_mean_ns": 30_000_000,
            "cold_pages": 120,
            "hot_touches": 1500,
            "hot_pages": 35000 * pages // PAGES_4GIB,
            "dirty_pages": 60,
            "slab_pages": 8,
            "kernel_rate_hz": 200 * self.nr_builds,
            "kernel_life_ns": 50_000_000,
            "kernel_long_life_ns": 60 * SECOND_NS,
            "stream_period_ns": 6_250_000,
            "resident_pages": pages // 16,
            "resident_touch_ns": 6_250_000,
            "warmup_pages": 0 if warm else pages * 23 // 20,
            "warmup_ns": start_ns,
            "warmup_slab_permille": 100,
            "warmup_pinned_permille": 30,
            "warmup_unmovable_permille": self.unmovable_permille,
            "request_start_ns": start_ns,
            "request_period_ns": (PAGE_SIZE << self.order) * SECOND_NS // (self.request_mib_per_s << 20),
            "request_order": self.order,
            "request_gfp": int(GFP.HIGHUSER_MOVABLE | GFP.COMP | GFP.NOWARN),
            "requests": pages >> self.order,
            "requesters": 1,
            "congestion_pages": 1000,
            "congestion_ms_permille": self.congestion_permille,
            "cpus": self.cpus,
            "budget_pages": 32,
            "scan_ns": 500,
            "free_ns": 500,
            "look_ps": 30_000,
            "active_ns": 300,
            "pageout_ns": 2000,
            "fault_ns": 1300,
            "disk_page_ns": PAGE_SIZE * SECOND_NS // (self.disk_mib_per_s << 20),
            "disk_read_ns": self.read_cost_us * 1000,
            "disk_swapin_ns": self.swap_cost_us * 1000,
            "disk_write_ns": self.write_cost_us * 1000,
        }


PRESET_CHANGES: dict[str, dict[str, Any]] = {"x86_64": {}, "ppc64": {"unmovable_permille": 20}}


@dataclass(frozen=True)
class Run:
    """What one run gave: a policy under a seed.

    Parameters
    ----------
    policy : str
    seed : int
    requests : ndarray, shape (requests,)
        One record a request: `buddycap._world.RESULT_DTYPE`.
    totals : dict
        Counters of the whole run.
    digest : str
        Of the zone at the end.
    cpu_s : float, s
    """

    policy: str
    seed: int
    requests: NDArray[np.void]
    totals: dict[str, int]
    digest: str
    cpu_s: float

    def summary(self) -> dict[str, float]:
        """Return the figures of a run that are compared between policies."""
        table = self.requests
        mean = {name: float(table[name].mean()) for name in ("steals", "own", "merged", "foreign", "scanned", "freed")}
        return {
            "success_percent": 100 * float((table["page"] >= 0).mean()),
            "latency_ms": float(table["latency_ns"].mean()) / 1e6,
            "captured_success": int((table["path"] == 4).sum()),
            "givebacks": int(table["givebacks"].sum()),
            **mean,
        }


def study_zone(config: StudyConfig, seed: int) -> Zone:
    """Return the empty memory of the synthetic machine; the lowest part of it has been taken by boot."""
    preset = PRESETS[config.preset]
    boot = config.memory_pages * config.boot_permille // 1000
    return Zone(
        0,
        config.memory_pages,
        present_ranges=[(boot, config.memory_pages)],
        max_page_order=preset.max_page_order,
        pageblock_order=preset.pageblock_order,
        cpus=config.cpus,
        owners=True,
        seed=seed,
    )


def run_once(config: StudyConfig, policy: CapturePolicy, seed: int, frames: ZoneFrames | None = None) -> Run:
    """Run the experiment once.

    Parameters
    ----------
    config : StudyConfig
    policy : CapturePolicy
    seed : int
    frames : ZoneFrames, optional
        Memory of a real machine to start from.

    Returns
    -------
    Run

    Examples
    --------
    >>> from buddycap import POLICIES
    >>> small = StudyConfig(memory_pages=1 << 15, warmup_s=1)
    >>> run = run_once(small, POLICIES["none"], seed=1)
    >>> len(run.requests), run.digest == run_once(small, POLICIES["none"], seed=1).digest
    (64, True)
    """
    begin = time.process_time()
    if frames is None:
        zone = study_zone(config, seed)
    else:
        zone = Machine.from_frames([frames], seed=seed, cpus=config.cpus, preset=config.preset).zones[0]
    world = World(zone, policy, config.parameters(warm=frames is not None), seed)
    while not world.run():
        pass
    requests, totals = world.results(), world.totals()
    return Run(policy.name, seed, requests, totals, zone.digest(), time.process_time() - begin)


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


def frames_from_recording(path: str | Path, zone: str | None = None) -> ZoneFrames:
    """Read one zone of a recording: the one named, or the largest.

    Raises
    ------
    FormatError
        If the file is damaged.
    MisuseError
        If there is no zone of that name.
    """
    zones = read_kpageflags(path, zones=[zone] if zone else None)
    return max(zones, key=lambda frames: int(np.count_nonzero(frames.kinds)))


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


def preset_config(preset: str, memory_pages: int, **changes: Any) -> StudyConfig:
    """Return the configuration of a preset, with other values for some fields."""
    return replace(StudyConfig(preset=preset, memory_pages=memory_pages), **{**PRESET_CHANGES[preset], **changes})


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
