"""What the fields of a configuration may be: ranges by name or by unit, and words."""

from collections.abc import Mapping
from types import MappingProxyType

from ..errors import MisuseError
from ..kernels import DEFRAG_MODES, KERNELS
from ..nearest import meant
from ..presets import PRESETS

__all__ = ["WORDS", "allowed_range", "check_field"]

# Largest values by the unit that ends a name, so that no product of two of them leaves 63 bits; 0 is the least.
_LARGEST = MappingProxyType(
    {"permille": 1000, "pages": 1 << 26, "s": 10**6, "ps": 10**12} | dict.fromkeys(("ns", "us", "ms"), 10**9)
)

# Ranges of the other fields, and of those that are narrower.
_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "memory_pages": (1, 1 << 31),
        "min_free_kbytes": (0, (1 << 31) - 1),
        "cpus": (1, 4096),
        "boot_permille": (0, 900),
        "pcp_batch": (0, 1 << 24),
        "pcp_high": (0, 1 << 24),
        "swap_permille": (0, 100_000),
        "swappiness": (0, 100),
        "builds": (0, 800),
        "builds_4gib": (1, 800),
        "process_pages": (1, 1 << 26),
        "process_pages_least": (1, 1 << 26),
        "process_sigma": (0, 1),
        "process_time_sigma": (0, 1),
        "process_ms": (1, 10**6),
        "gap_ms": (1, 10**9),
        "process_kernel_pages": (0, 1 << 16),
        "hot_touches": (0, 10**6),
        "load_copies": (1, 100),
        "load_time_percent": (1, 1_000_000),
        "kernel_rate_hz": (0, 1_000_000),
        "kernel_life_ms": (1, 10**9),
        "kernel_long_life_ms": (1, 10**9),
        "stream_mib_per_s": (0.001, 100_000),
        "resident_touches_hz": (1, 1_000_000),
        "flush_ms": (1, 10**9),
        "warmup_permille": (0, 100_000),
        "unmovable_short_life_ms": (1, 10**9),
        "unmovable_long_life_ms": (1, 10**9),
        "request_mib_per_s": (0.001, 1_000_000),
        "period_percent": (1, 100_000),
        "requesters": (1, 100),
        "passes": (1, 3),
        "congestion_ms": (1, 10**9),
        "retry_ms": (1, 10**9),
        "chunk_pages": (1, 1024),
        "budget_pages": (1, 1 << 20),
        "compact_budget_pages": (1, 1 << 20),
        "look_ms": (1, 10**9),
        "yield_us": (1, 10**9),
        "disk_mib_per_s": (0.001, 1_000_000),
        "cold_read_pages": (1, 1 << 20),
        "hot_read_pages": (1, 1 << 20),
        "threads": (0, 500),
        "readers": (0, 400),
        "reader_file_pages": (1, 1024),
        "reader_files_permille": (0, 100_000),
        "reader_gap_us": (1, 10**9),
        "fault_permille": (1, 2000),
        "aged_run_pages": (0, 1 << 20),
    }
)


# Fields that are words, with those that are allowed.
WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"preset": tuple(PRESETS), "kernel": tuple(KERNELS), "defrag": DEFRAG_MODES}
)


def allowed_range(name: str) -> tuple[float, float]:
    """Return the least and the largest value of a number.

    Examples
    --------
    >>> allowed_range("passes"), allowed_range("dirty_age_ms")
    ((1, 3), (0, 1000000000))
    """
    return _RANGES[name] if name in _RANGES else (0, _LARGEST[name.rpartition("_")[2]])


def check_field(name: str, value: object, kind: object) -> None:
    """Refuse a value of the wrong type or out of range."""
    if kind is str:
        if value not in WORDS[name]:
            raise MisuseError(f"{name}={value!r}: {meant(str(value), WORDS[name])}")
        return
    if kind is bool:
        if not isinstance(value, bool):
            raise MisuseError(f"{name}={value!r}: True or False is wanted")
        return
    wanted = "a number" if kind is float else "an integer"
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else int):
        raise MisuseError(f"{name}={value!r}: {wanted} is wanted")
    low, high = allowed_range(name)
    if not low <= value <= high:
        raise MisuseError(f"{name}={value}: allowed range is {low}..{high}")
