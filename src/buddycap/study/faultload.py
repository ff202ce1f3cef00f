"""The faulting load as a configuration: threads that fault in huge pages while others read and write small files."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..errors import MisuseError
from ..nearest import meant
from .config import StudyConfig

__all__ = ["FAULTERS", "FAULTING_CHANGES", "FAULTING_SCENES", "faulting_config"]

FAULTERS = 12  # threads, where their number is not said

# The faulting load and its machine: a solid-state disk, tasks that compete for their CPUs, and, as the author of
# thpfioscale describes it (M. Gorman, V4 of "Fragmentation avoidance improvements", 21 Nov 2018), four readers of files
# of 64 KiB that together are half as large again as memory.  Chosen, not calibrated, but for what the scenes change.
FAULTING_CHANGES: Mapping[str, Any] = MappingProxyType(
    {
        "readers": 4,
        "reader_file_pages": 16,
        "reader_write_permille": 10,
        "warmup_permille": 300,
        "aged_run_pages": 16,
        "slice_us": 3000,
        "disk_mib_per_s": 500,
        "read_cost_us": 100,
        "swap_cost_us": 100,
        "write_cost_us": 5,
    }
)


# Two scenes.  "contended": memory is full of files.  "roomy": the readers have only begun, and most regions find memory
# that is still free, as after a program that has ended.  How much is faulted in was calibrated at 4 GiB on policy off
# of Linux 6.1 alone, with seeds 100 to 115: contended to 63 % huge pages at 12 threads, roomy to between 95.5 and 98 %
# over eight numbers of threads.
FAULTING_SCENES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "contended": MappingProxyType({"fault_permille": 115}),
        "roomy": MappingProxyType({"fault_permille": 250, "warmup_s": 5}),
    }
)


def faulting_config(
    kernel: str, threads: int, memory_pages: int, scene: str = "contended", **changes: Any
) -> StudyConfig:
    """Return the configuration of threads that fault in huge pages, with other values for some fields.

    Parameters
    ----------
    kernel : str
        "2.6.27", "6.1" or "6.12".
    threads : int
    memory_pages : int, pages
    scene : str
        One of `FAULTING_SCENES`.
    **changes
        Fields of `StudyConfig`.

    Raises
    ------
    MisuseError
        If a name or a value is not allowed.

    Examples
    --------
    >>> faulting_config("6.1", 12, 1 << 20).readers
    4
    """
    if scene not in FAULTING_SCENES:
        raise MisuseError(f"scene={scene!r}: {meant(scene, FAULTING_SCENES)}")
    config = StudyConfig(memory_pages=memory_pages, kernel=kernel, threads=threads)
    return config.replace(**{**FAULTING_CHANGES, **FAULTING_SCENES[scene], **changes})
