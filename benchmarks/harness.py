"""Measuring: one pinned core, contenders interleaved, CPU time of the thread, and where the figures come from."""

import gc
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import cbuild
import numpy as np
from workloads import fingerprint

MIN_REPETITIONS = 5
VERSIONS_OF = ("buddycap", "numpy", "Cython", "numba")


# --- time ---------------------------------------------------------------------------------------------------------


def _idle_ticks() -> dict[int, int]:
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    return {int(line[0][3:]): int(line[4]) for line in lines if line[0][:3] == "cpu" and line[0] != "cpu"}


def pin(cpu: int | None = None) -> int | None:
    """Keep this process on one core: the given one, else the one that was most idle for a quarter of a second."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    if cpu is None:
        before = _idle_ticks()
        time.sleep(0.25)
        idle = {core: ticks - before.get(core, 0) for core, ticks in _idle_ticks().items()}
        cpu = max(os.sched_getaffinity(0), key=lambda core: idle.get(core, 0))
    os.sched_setaffinity(0, {cpu})
    return cpu


def timed(job: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of CPU time of this thread that `job` took, and what it returned.

    Garbage is not collected just before the job: that would sweep the caches, which a short job would feel.
    """
    gc.disable()
    try:
        start = time.thread_time_ns()
        result = job()
        return (time.thread_time_ns() - start) / 1e9, result
    finally:
        gc.enable()


@dataclass(frozen=True)
class Spread:
    """Median with least and greatest."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """The spread of some values."""
        values = list(values)
        return cls(statistics.median(values), min(values), max(values))


# --- interleaved runs ---------------------------------------------------------------------------------------------


def pfn_stream(result: Any) -> np.ndarray:
    """What a job returned, as PFNs: None becomes -1."""
    if callable(result):
        result = result()
    if result is None:
        return np.empty(0, np.int64)
    if isinstance(result, list):
        result = [-1 if pfn is None else pfn for pfn in result]
    return np.asarray(result, np.int64)


class Mismatch(Exception):
    """Two contenders that must give the same pages did not."""


class Race:
    """One workload, all contenders in turn, repetition by repetition.

    `prepare(contender)` makes a fresh zone and gives (zone, job), or None if the contender cannot do it. The PFN
    stream of a job and the free lists after it must be the same for all exact contenders, in every repetition.
    """

    def __init__(
        self,
        contenders: list,
        prepare: Callable[[Any], tuple[Any, Callable] | None],
        select: Callable[[np.ndarray], np.ndarray] = lambda pfns: pfns,
    ):
        self.contenders = contenders
        self.prepare = prepare
        self.select = select
        self.seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
        self.stream = ""

    def run(self, repetitions: int) -> None:
        """Measure; the contender that begins changes from repetition to repetition."""
        for repetition in range(repetitions):
            shift = repetition % len(self.contenders)
            for contender in self.contenders[shift:] + self.contenders[:shift]:
                self._one(contender)

    def _one(self, contender: Any) -> None:
        gc.collect()
        prepared = self.prepare(contender)
        if prepared is None:
            self.seconds.pop(contender.name, None)
            return
        zone, job = prepared
        seconds, result = timed(job)
        self.seconds[contender.name].append(seconds)
        if contender.exact:
            self._compare(contender, zone, self.select(pfn_stream(result)))

    def _compare(self, contender: Any, zone: Any, pfns: np.ndarray) -> None:
        stream = f"{fingerprint(pfns)}/{fingerprint(contender.free_blocks(zone))}"
        if not self.stream:
            self.stream = stream
        if stream != self.stream:
            raise Mismatch(f"{contender.name}: PFN stream/free lists {stream}, others {self.stream}")

    def ratios(self, contender: str, baseline: str) -> Spread:
        """How many times faster than the baseline, repetition by repetition."""
        pairs = zip(self.seconds[baseline], self.seconds[contender], strict=True)
        return Spread.of(base / mine for base, mine in pairs)

    def nanoseconds(self, contender: str, operations: int) -> Spread:
        """Time of one operation."""
        return Spread.of(seconds / operations * 1e9 for seconds in self.seconds[contender])


# --- provenance ---------------------------------------------------------------------------------------------------


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(cbuild.HERE), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def _read(path: str, default: str = "unknown") -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return default


def _cpu_model() -> str:
    for line in _read("/proc/cpuinfo", "").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _caches() -> str:
    """Sizes of the caches of core 0, as ``L1d 32K, L2 1024K, L3 32768K``."""
    sizes = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = _read(f"{index}/type")
        if kind != "Instruction":
            sizes.append(f"L{_read(f'{index}/level')}{'d' if kind == 'Data' else ''} {_read(f'{index}/size')}")
    return ", ".join(sizes)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _build_facts() -> dict[str, Any]:
    """How buddycap itself was compiled."""
    from buddycap._core import build_facts

    return build_facts()


def load() -> float:
    """Processes that wanted a core in the last minute, this one included."""
    return round(os.getloadavg()[0], 1)


@cache
def provenance() -> dict[str, Any]:
    """Everything that a figure depends on besides the code of the benchmark."""
    return {
        "commit": _git("rev-parse", "--short=12", "HEAD") or "none",
        "dirty": bool(_git("status", "--porcelain", "--", ":/", ":(exclude)results")),  # which are being measured anew
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "caches": _caches(),
        "kernel": platform.release(),
        "huge_pages": _read("/sys/kernel/mm/transparent_hugepage/enabled"),
        "compiler": cbuild.compiler_version(),
        "cflags": " ".join(cbuild.CFLAGS),
        "build": _build_facts(),
        "python": platform.python_version(),
        "versions": {package: version for package in VERSIONS_OF if (version := _version(package))},
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
