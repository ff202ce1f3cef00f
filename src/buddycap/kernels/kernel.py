"""What is said of a version of Linux."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

__all__ = ["Kernel"]


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

    Examples
    --------
    >>> from buddycap.kernels import KERNELS
    >>> [int(kernel.MigrateType["MOVABLE"]) for kernel in KERNELS.values()]
    [2, 1]
    """

    release: str
    MigrateType: type[IntEnum]
    GFP: type[IntFlag]
    AllocFlags: type[IntFlag]
    ZoneType: type[IntEnum]
    lowmem_reserve_ratio: tuple[int, ...]
