"""Linux 6.1 of 2022, for x86-64."""

from enum import IntEnum, IntFlag
from typing import ClassVar

from .kernel import Kernel

__all__ = ["GFP", "LINUX_6_1", "AllocFlags", "MigrateType", "MigrateTypeCMA", "ZoneType", "gfp_zone"]

PAGEBLOCK_PAGES = 512
PC_ZONES = 3  # DMA, DMA32, Normal
MOBILITIES = 3  # UNMOVABLE, MOVABLE, RECLAIMABLE


class Of61:
    """Marks names of this kernel, so that zones of others refuse them, but for those with the same numbers."""

    kernel: ClassVar[str] = "6.1"
    kernels: ClassVar[tuple[str, ...]] = ("6.1", "6.12")


class MigrateType(Of61, IntEnum):
    """What a pageblock is for, in a kernel without CMA. Linux: include/linux/mmzone.h MIGRATE_*."""

    UNMOVABLE = 0
    MOVABLE = 1
    RECLAIMABLE = 2
    HIGHATOMIC = 3
    ISOLATE = 4


class MigrateTypeCMA(Of61, IntEnum):
    """What a pageblock is for, in a kernel with CMA."""

    UNMOVABLE = 0
    MOVABLE = 1
    RECLAIMABLE = 2
    HIGHATOMIC = 3
    CMA = 4
    ISOLATE = 5


class ZoneType(Of61, IntEnum):
    """Kinds of zone in the order of their index. Linux: include/linux/mmzone.h ZONE_*."""

    DMA = 0
    DMA32 = 1
    NORMAL = 2
    MOVABLE = 3
    DEVICE = 4


class AllocFlags(Of61, IntFlag):
    """Which watermark an allocation respects, and what it may do. Linux: mm/internal.h ALLOC_*.

    The low two bits are a number: 0 is the min mark.
    """

    WMARK_LOW = 0x01
    WMARK_HIGH = 0x02
    WMARK_PROMO = 0x03
    NO_WATERMARKS = 0x04
    OOM = 0x08
    NON_BLOCK = 0x10
    MIN_RESERVE = 0x20
    CPUSET = 0x40
    CMA = 0x80
    NOFRAGMENT = 0x100
    HIGHATOMIC = 0x200
    KSWAPD = 0x800


class GFP(Of61, IntFlag):
    """How to allocate, without the leading `__GFP_` or `GFP_`. Linux: include/linux/gfp_types.h.

    Examples
    --------
    >>> hex(GFP.HIGHUSER_MOVABLE), hex(GFP.KERNEL), hex(GFP.TRANSHUGE)
    ('0x100cca', '0xcc0', '0x1c24ca')
    """

    DMA = 0x01
    HIGHMEM = 0x02
    DMA32 = 0x04
    MOVABLE = 0x08
    RECLAIMABLE = 0x10
    HIGH = 0x20
    IO = 0x40
    FS = 0x80
    ZERO = 0x100
    ATOMIC = 0x200
    DIRECT_RECLAIM = 0x400
    KSWAPD_RECLAIM = 0x800
    WRITE = 0x1000
    NOWARN = 0x2000
    RETRY_MAYFAIL = 0x4000
    NOFAIL = 0x8000
    NORETRY = 0x10000
    MEMALLOC = 0x20000
    COMP = 0x40000
    NOMEMALLOC = 0x80000
    HARDWALL = 0x100000
    THISNODE = 0x200000
    ACCOUNT = 0x400000

    RECLAIM = DIRECT_RECLAIM | KSWAPD_RECLAIM
    NOIO = RECLAIM
    NOFS = RECLAIM | IO
    KERNEL = RECLAIM | IO | FS
    USER = KERNEL | HARDWALL
    HIGHUSER = USER | HIGHMEM
    HIGHUSER_MOVABLE = HIGHUSER | MOVABLE
    TRANSHUGE_LIGHT = IO | FS | HARDWALL | HIGHMEM | MOVABLE | COMP | NOMEMALLOC | NOWARN
    TRANSHUGE = TRANSHUGE_LIGHT | DIRECT_RECLAIM


def gfp_zone(gfp: int) -> ZoneType:
    """Return the highest kind of zone that may serve a request, whether a node has it or not.

    Notes
    -----
    Linux: include/linux/gfp.h gfp_zone (6.1), on x86-64. Of contradicting bits the lowest kind counts.

    Examples
    --------
    >>> gfp_zone(GFP.KERNEL).name, gfp_zone(GFP.HIGHUSER).name, gfp_zone(GFP.HIGHUSER_MOVABLE).name
    ('NORMAL', 'NORMAL', 'MOVABLE')
    """
    if gfp & GFP.DMA:
        return ZoneType.DMA
    if gfp & GFP.DMA32:
        return ZoneType.DMA32
    return ZoneType.MOVABLE if gfp & GFP.HIGHMEM and gfp & GFP.MOVABLE else ZoneType.NORMAL


def fault_gfp(defrag: str, madvised: bool) -> tuple[int, ...]:
    """Return the flags of each try of a page fault for a huge page. Linux: vma_thp_gfp_mask, alloc_pages_vma.

    The first try is for this node alone and gives up early; where direct reclaim is allowed a second one follows.

    Examples
    --------
    >>> [hex(gfp) for gfp in fault_gfp("madvise", True)], len(fault_gfp("madvise", False))
    (['0x3d24ca', '0x1c24ca'], 1)
    """
    direct, wake = GFP.DIRECT_RECLAIM, GFP.KSWAPD_RECLAIM
    asked, not_asked = {
        "always": (direct, direct | GFP.NORETRY),
        "defer": (wake, wake),
        "defer+madvise": (direct, wake),
        "madvise": (direct, GFP(0)),
        "never": (GFP(0), GFP(0)),
    }[defrag]
    flags = GFP.TRANSHUGE_LIGHT | (asked if madvised else not_asked)
    first = int(flags | GFP.THISNODE | GFP.NORETRY)
    return (first, int(flags)) if flags & direct else (first,)


def huge_min_free_kbytes(pages: int) -> int:
    """Return what khugepaged raises min_free_kbytes to on a PC of so many pages, which has three zones.

    Two pageblocks for each zone, and one for each pair of the three types; at most a twentieth of memory. Linux:
    set_recommended_min_free_kbytes.

    Examples
    --------
    >>> huge_min_free_kbytes(1 << 20)
    67584
    """
    return min(PAGEBLOCK_PAGES * PC_ZONES * (2 + MOBILITIES**2), pages // 20) * 4


LINUX_6_1 = Kernel(
    "6.1",
    MigrateType,
    GFP,
    AllocFlags,
    ZoneType,
    (256, 256, 32, 0, 0),
    zone_names=("DMA", "DMA32", "Normal", "Movable", "Device"),
    gfp_zone=gfp_zone,
    kinds_close_up=False,
    reserve=MigrateType.HIGHATOMIC,
    repeat=GFP.RETRY_MAYFAIL,
    fault_gfp=fault_gfp,
    huge_min_free_kbytes=huge_min_free_kbytes,
    compacts=True,
)
