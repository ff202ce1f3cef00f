"""What a run of the experiment depends on, except policy and seed: one frozen record, in and out of TOML."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from ..errors import FormatError, MisuseError
from ..flags import GFP
from ..machine import PRESETS

__all__ = ["PRESET_CHANGES", "StudyConfig", "preset_config"]

PAGE_SIZE = 4096
PAGES_4GIB = 1 << 20
CHUNK_BYTES = 8 * PAGE_SIZE  # what the stream reader reads at once
SECOND_NS = 1_000_000_000
MS_NS = 1_000_000
LARGEST = 1 << 40

# Ranges of fields that are narrower than 0..2^40.
_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "memory_pages": (1, 1 << 31),
        "cpus": (1, 4096),
        "boot_permille": (0, 900),
        "builds": (0, 900),
        "process_pages": (1, 1 << 26),
        "process_pages_least": (1, 1 << 26),
        "process_sigma": (0, 2),
        "process_time_sigma": (0, 2),
        "process_ms": (1, LARGEST),
        "gap_ms": (1, LARGEST),
        "kernel_rate_hz": (1, 1_000_000),
        "kernel_life_ms": (1, LARGEST),
        "kernel_long_life_ms": (1, LARGEST),
        "stream_mib_per_s": (0.001, 100_000),
        "resident_permille": (0, 1000),
        "resident_touches_hz": (1, 1_000_000),
        "warmup_pinned_permille": (0, 1000),
        "request_mib_per_s": (0.001, 1_000_000),
        "period_percent": (1, 100_000),
        "requesters": (1, 100),
        "disk_mib_per_s": (0.001, 1_000_000),
        "budget_pages": (1, 1 << 20),
    }
)


@dataclass(frozen=True)
class StudyConfig:
    """Everything that a run depends on, except policy and seed.

    Numbers are integers unless said otherwise; `permille` is thousandths. Where a size follows the memory, the number
    given is that for 4 GiB.

    Parameters
    ----------
    preset : str
        "x86_64" (huge pages of order 9) or "ppc64" (order 12).
    memory_pages : int, pages
    cpus : int
    boot_permille : int
        Memory that boot has taken for ever.
    builds : int
        Build processes at work at any time (A1); 0: five for 4 GiB, in proportion.
    process_pages, process_pages_least, process_pages_most_permille : int, pages, pages, permille of memory
        Anonymous memory of one process: median of the lognormal distribution and its bounds.
    process_sigma : float
        Standard deviation of its natural logarithm.
    process_ms, process_time_sigma : int, ms, and float
        Undisturbed duration of one process: median, and standard deviation of the natural logarithm.
    gap_ms : int, ms
        Mean pause between two processes (exponential).
    cold_pages, dirty_pages, slab_pages : int, pages
        File pages that a process reads once, that it writes, and reclaimable slab pages that it makes.
    hot_touches : int
        Uses of its build's part of the hot set.
    hot_pages : int, pages for 4 GiB
        Hot set of all builds together.
    kernel_rate_hz : int, 1/s
        Short kernel allocations for each build (A2).
    kernel_life_ms, kernel_long_life_ms : int, ms
        Mean life of nine tenths and of one tenth of them.
    stream_mib_per_s : float, MiB/s
        Reader of a file that is never read again (A3).
    resident_permille : float, permille of memory
        Program that keeps its memory (A4).
    resident_touches_hz : int, 1/s
        Uses of its pages, skewed.
    warmup_s : int, s
        Simulated time before the first request (A6).
    warmup_permille : int, permille of memory
        File pages read in that time.
    warmup_slab_permille, warmup_pinned_permille : int, permille of these file pages, permille of the slab pages
        Slab pages made meanwhile, and their part that is pinned for ever.
    unmovable_permille : int, permille of these file pages
        Unmovable kernel pages made meanwhile: half of them live 5 s, three tenths 120 s, two tenths for ever.
    request_mib_per_s : float, MiB/s
        Rate of the requests (A7); each asks for one huge page, and there are as many as fit into the memory.
    period_percent : int, percent
        Time between two requests, of what that rate asks for.
    requesters : int
        Tasks that share the requests.
    congestion_permille : int
        Length of congestion_wait in thousandths of the kernel's.
    congestion_pages : int, pages
        congestion_wait ends early when a longer queue of writes has gone down to this.
    scan_ns, free_ns, active_ns, pageout_ns, fault_ns : int, ns
        Cost of a page scanned, freed, moved from an active list, written out, and faulted in.
    look_ps : int, ps
        Cost of a page frame looked at by lumpy reclaim.
    budget_pages : int, pages
        Most pages that a reclaimer scans in one event.
    disk_mib_per_s : float, MiB/s
    read_cost_us, swap_cost_us, write_cost_us : int, us
        Of the disk, besides the transfer: a read of 16 or 32 pages, a page from swap, a page written.

    Raises
    ------
    MisuseError
        If a field is out of range or of the wrong type.

    Examples
    --------
    >>> StudyConfig(memory_pages=1 << 20).nr_builds
    5
    """

    preset: str = "x86_64"
    memory_pages: int = 1 << 18
    cpus: int = 4
    boot_permille: int = 15
    builds: int = 0
    process_pages: int = 5000
    process_pages_least: int = 200
    process_pages_most_permille: int = 125
    process_sigma: float = 0.6
    process_ms: int = 1500
    process_time_sigma: float = 0.5
    gap_ms: int = 30
    cold_pages: int = 120
    dirty_pages: int = 60
    slab_pages: int = 8
    hot_touches: int = 1500
    hot_pages: int = 35000
    kernel_rate_hz: int = 200
    kernel_life_ms: int = 50
    kernel_long_life_ms: int = 60_000
    stream_mib_per_s: float = 5
    resident_permille: float = 62.5
    resident_touches_hz: int = 160
    warmup_s: int = 20
    warmup_permille: int = 1150
    warmup_slab_permille: int = 100
    warmup_pinned_permille: int = 30
    unmovable_permille: int = 70
    request_mib_per_s: float = 16
    period_percent: int = 100
    requesters: int = 1
    congestion_permille: int = 1000
    congestion_pages: int = 1000
    scan_ns: int = 500
    free_ns: int = 500
    active_ns: int = 300
    pageout_ns: int = 2000
    fault_ns: int = 1300
    look_ps: int = 30_000
    budget_pages: int = 32
    disk_mib_per_s: float = 60
    read_cost_us: int = 4000
    swap_cost_us: int = 1000
    write_cost_us: int = 20

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise MisuseError(f"preset={self.preset!r}: allowed are {', '.join(PRESETS)}")
        for field in fields(self):
            if field.name != "preset":
                _check(field.name, getattr(self, field.name), field.type is float)
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

    @property
    def period_ns(self) -> int:
        """Time between two requests, in ns."""
        period = (PAGE_SIZE << self.order) * SECOND_NS * self.period_percent
        return int(period // (self.request_mib_per_s * 100 * (1 << 20)))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values.

        Raises
        ------
        MisuseError
            If a field is unknown or its value not allowed.

        Examples
        --------
        >>> StudyConfig().replace(builds=7).builds
        7
        """
        known = {field.name for field in fields(self)}
        for name in changes:
            if name not in known:
                raise MisuseError(f"{name}: no such parameter of the model; there are {', '.join(sorted(known))}")
        return replace(self, **changes)

    def to_toml(self) -> str:
        """Return the configuration as a TOML text that `from_toml` reads.

        Examples
        --------
        >>> print(StudyConfig().to_toml().splitlines()[1])
        memory_pages = 262144
        """
        lines = []
        for field in fields(self):
            value = getattr(self, field.name)
            text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else value
            lines.append(f"{field.name} = {text}")
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a configuration from a TOML file; what it does not name has the value of its preset.

        Parameters
        ----------
        path : path

        Returns
        -------
        StudyConfig

        Raises
        ------
        FormatError
            If the file is no TOML, or a name or a value in it is wrong; it tells the line.
        OSError
            If it cannot be read.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
            table = tomllib.loads(text)
        except UnicodeDecodeError as error:
            raise FormatError(f"not UTF-8 text ({error})", str(path)) from None
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            raise FormatError(f"not TOML: {error}", str(path), int(line[1]) if line else None) from None
        known = {field.name for field in fields(cls)}
        for name in table:
            if name not in known:
                raise FormatError(f"{name}: no such parameter of the model", str(path), _line_of(text, name))
        preset = table.get("preset", "x86_64")
        changes = PRESET_CHANGES.get(preset, {}) if isinstance(preset, str) else {}
        try:
            return cls(**{**changes, **table})
        except MisuseError as error:
            name = re.split(r"[=:]", str(error))[0]
            raise FormatError(str(error), str(path), _line_of(text, name)) from None

    def parameters(self, *, warm: bool) -> dict[str, int]:
        """Values for `buddycap._world.World`; `warm`: the memory is in use already, so there is no warm-up."""
        pages = self.memory_pages
        start_ns = (2 if warm else self.warmup_s) * SECOND_NS
        return {
            "builds": self.nr_builds,
            "anon_median_pages": self.process_pages,
            "anon_min_pages": self.process_pages_least,
            "anon_max_pages": pages * self.process_pages_most_permille // 1000,
            "anon_sigma_q16": round(self.process_sigma * 65536),
            "duration_median_ns": self.process_ms * MS_NS,
            "duration_sigma_q16": round(self.process_time_sigma * 65536),
            "gap_mean_ns": self.gap_ms * MS_NS,
            "cold_pages": self.cold_pages,
            "hot_touches": self.hot_touches,
            "hot_pages": self.hot_pages * pages // PAGES_4GIB,
            "dirty_pages": self.dirty_pages,
            "slab_pages": self.slab_pages,
            "kernel_rate_hz": self.kernel_rate_hz * self.nr_builds,
            "kernel_life_ns": self.kernel_life_ms * MS_NS,
            "kernel_long_life_ns": self.kernel_long_life_ms * MS_NS,
            "stream_period_ns": int(CHUNK_BYTES * SECOND_NS // (self.stream_mib_per_s * (1 << 20))),
            "resident_pages": int(pages * self.resident_permille // 1000),
            "resident_touch_ns": SECOND_NS // self.resident_touches_hz,
            "warmup_pages": 0 if warm else pages * self.warmup_permille // 1000,
            "warmup_ns": start_ns,
            "warmup_slab_permille": self.warmup_slab_permille,
            "warmup_pinned_permille": self.warmup_pinned_permille,
            "warmup_unmovable_permille": self.unmovable_permille,
            "request_start_ns": start_ns,
            "request_period_ns": self.period_ns,
            "request_order": self.order,
            "request_gfp": int(GFP.HIGHUSER_MOVABLE | GFP.COMP | GFP.NOWARN),
            "requests": pages >> self.order,
            "requesters": self.requesters,
            "congestion_pages": self.congestion_pages,
            "congestion_ms_permille": self.congestion_permille,
            "cpus": self.cpus,
            "budget_pages": self.budget_pages,
            "scan_ns": self.scan_ns,
            "free_ns": self.free_ns,
            "look_ps": self.look_ps,
            "active_ns": self.active_ns,
            "pageout_ns": self.pageout_ns,
            "fault_ns": self.fault_ns,
            "disk_page_ns": int(PAGE_SIZE * SECOND_NS // (self.disk_mib_per_s * (1 << 20))),
            "disk_read_ns": self.read_cost_us * 1000,
            "disk_swapin_ns": self.swap_cost_us * 1000,
            "disk_write_ns": self.write_cost_us * 1000,
        }


PRESET_CHANGES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"x86_64": MappingProxyType({}), "ppc64": MappingProxyType({"unmovable_permille": 20})}
)


def preset_config(preset: str, memory_pages: int, **changes: Any) -> StudyConfig:
    """Return the configuration of a preset, with other values for some fields.

    Parameters
    ----------
    preset : str
        "x86_64" or "ppc64".
    memory_pages : int, pages
    **changes
        Fields of `StudyConfig`.

    Raises
    ------
    MisuseError
        If a name or a value is not allowed.

    Examples
    --------
    >>> preset_config("ppc64", 1 << 20, builds=6).unmovable_permille
    20
    """
    config = StudyConfig(preset=preset, memory_pages=memory_pages)
    return config.replace(**{**PRESET_CHANGES[preset], **changes})


def _check(name: str, value: object, is_float: bool) -> None:
    """Refuse a number of the wrong type or out of range."""
    wanted = "a number" if is_float else "an integer"
    if isinstance(value, bool) or not isinstance(value, (int, float) if is_float else int):
        raise MisuseError(f"{name}={value!r}: {wanted} is wanted")
    low, high = _RANGES.get(name, (0, LARGEST))
    if not low <= value <= high:
        raise MisuseError(f"{name}={value}: allowed range is {low}..{high}")


def _line_of(text: str, name: str) -> int | None:
    """Return the line of a TOML text that sets a name."""
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"""\s*["']?{re.escape(name)}["']?\s*=""", line):
            return number
    return None
