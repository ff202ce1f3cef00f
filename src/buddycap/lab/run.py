"""One run of the experiment: a machine, a policy and a seed."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._core import Zone
from .._world import World
from ..errors import MisuseError
from ..formats.kpageflags import ZoneFrames
from ..formats.snapshot import read_snapshot
from ..machine import PRESETS, Machine
from ..policy import CapturePolicy
from .config import StudyConfig

__all__ = ["Run", "frames_from_recording", "make_world", "run_once", "study_zone"]


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


def make_world(
    config: StudyConfig, policy: CapturePolicy, seed: int, frames: ZoneFrames | None = None
) -> tuple[Zone, World]:
    """Return the memory of a run and the world around it, before the first event; arguments as for `run_once`."""
    if frames is None:
        zone = study_zone(config, seed)
    else:
        zone = Machine.from_frames([frames], seed=seed, cpus=config.cpus, preset=config.preset).zones[0]
    return zone, World(zone, policy, config.parameters(warm=frames is not None), seed)


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
    zone, world = make_world(config, policy, seed, frames)
    while not world.run():
        pass
    requests, totals = world.results(), world.totals()
    return Run(policy.name, seed, requests, totals, zone.digest(), time.process_time() - begin)


def frames_from_recording(path: str | Path, zone: str | None = None) -> ZoneFrames:
    """Read one zone of a snapshot or of a recording: the one named, or that with the most pages.

    Raises
    ------
    FormatError
        If the file is damaged.
    MisuseError
        If there is no zone of that name.
    """
    frames = {part.name: part for part in read_snapshot(path).frames}
    if zone is not None and zone not in frames:
        raise MisuseError(f"zone={zone!r}: {path} has {', '.join(frames)}")
    return frames[zone] if zone is not None else max(frames.values(), key=lambda part: np.count_nonzero(part.kinds))
