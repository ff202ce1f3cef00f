"""What is said of a version of Linux."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag

__all__ = ["DEFRAG_MODES", "Kernel"]

# What /sys/kernel/mm/transparent_hugepage/defrag may say.
DEFRAG_MODES = ("always", "defer", "defer+madvise", "madvise", "never")


@dataclass(frozen=True)
class Kernel:
    """The names and numbers of one version of Linux.

    Parameters
    ----------
    release : str
        What `kernel=` takes, such as "6.1".
    MigrateType : type of IntEnum
        Migratetypes. A zone refuses those of another kernel.
    GFP, AllocFlags : type of IntFlag
        How to allocate; which watermarks a request respects.
    ZoneType : type of IntEnum
        Kinds of zone in the order of their index.
    lowmem_reserve_ratio : tuple of int
        Default, a number for each zone.
    zone_names : tuple of str
        The kinds of zone as /proc names them.
    gfp_zone : callable
        The highest kind of zone that may serve a request with these bits.
    kinds_close_up : bool
        Whether kinds of zone that a kernel is built without leave no gap in the indices. If not, the index of a zone is
        its kind.
    reserve : IntEnum
        Type of the pageblocks that are kept for those who cannot wait.
    repeat : IntFlag
        Flag of an allocation that is tried again and again before it fails.
    fault_gfp : callable
        From a row of `DEFRAG_MODES`, and whether the memory has been advised, to the flags of each try of a page fault
        for a huge page.
    huge_min_free_kbytes : callable or None
        From the pages of a machine to what min_free_kbytes is at least while there are transparent huge pages, in KiB;
        none: there are no such pages.
    compacts : bool
        Whether memory is compacted, by requests and by kcompactd.

    Examples
    --------
    >>> from buddycap.kernels import KERNELS
    >>> [int(kernel.MigrateType["MOVABLE"]) for kernel in KERNELS.values()]
    [2, 1, 1]
    """

    release: str
    MigrateType: type[IntEnum]
    GFP: type[IntFlag]
    AllocFlags: type[IntFlag]
    ZoneType: type[IntEnum]
    lowmem_reserve_ratio: tuple[int, ...]
    zone_names: tuple[str, ...]
    gfp_zone: Callable[..., IntEnum]
    kinds_close_up: bool
    reserve: IntEnum
    repeat: IntFlag
    fault_gfp: Callable[[str, bool], tuple[int, ...]]
    huge_min_free_kbytes: Callable[[int], int] | None
    compacts: bool
