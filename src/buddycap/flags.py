"""The numbers of Linux 2.6.27: migratetypes, GFP bits, watermark flags; and the page flags of this package."""

from collections.abc import Collection
from enum import IntEnum, IntFlag
from typing import ClassVar

from .errors import MisuseError

__all__ = [
    "GFP",
    "AllocFlags",
    "MigrateType",
    "PageFlags",
    "RequestOp",
    "RequestPath",
    "ZoneType",
    "allocflags_to_migratetype",
    "gfp_zone",
]


class Of2627:
    """Marks names of Linux 2.6.27, so that zones of other kernels refuse them."""

    kernel: ClassVar[str] = "2.6.27"


class MigrateType(Of2627, IntEnum):
    """What a pageblock is for. Linux: include/linux/mmzone.h MIGRATE_*."""

    UNMOVABLE = 0
    RECLAIMABLE = 1
    MOVABLE = 2
    RESERVE = 3
    ISOLATE = 4


class ZoneType(Of2627, IntEnum):
    """Kinds of zone in index order. Linux: include/linux/mmzone.h ZONE_*; kinds left out close up in the index."""

    DMA = 0
    DMA32 = 1
    NORMAL = 2
    HIGHMEM = 3
    MOVABLE = 4


class RequestOp(IntEnum):
    """Operations of `Machine.run`, each as the method of that name.

    ALLOC: `alloc_pages`. FREE: `free_pages`. RELEASE: `release`. LRU_ADD: `lru_cache_add`. SLAB_ADD: `slab_add`.
    ACCESS: `mark_page_accessed`. SET_FLAGS, CLEAR_FLAGS: `set_page_flags`. KSWAPD: `kswapd.run`.
    """

    ALLOC = 1
    FREE = 2
    RELEASE = 3
    LRU_ADD = 4
    SLAB_ADD = 5
    ACCESS = 6
    SET_FLAGS = 7
    CLEAR_FLAGS = 8
    KSWAPD = 9


class RequestPath(IntEnum):
    """How an allocation of `Machine.run` ended; `AllocRequest.stats` has the same in words.

    FAST: above the low mark. SECOND: above the min mark, kswapd woken. MEMALLOC: whatever the marks. CAPTURED: from a
    capture list. RECLAIM: from the free lists after direct reclaim. LAST_TRY: above the high mark, where the OOM killer
    would come. ISOLATED: from the pageblock that was fenced off for it. COMPACTED: from the free lists after direct
    compaction (6.1).
    """

    NONE = 0
    FAST = 1
    SECOND = 2
    MEMALLOC = 3
    CAPTURED = 4
    RECLAIM = 5
    LAST_TRY = 6
    FAILED = 7
    ISOLATED = 8
    COMPACTED = 9


class GFP(Of2627, IntFlag):
    """How to allocate, without the leading `__GFP_` or `GFP_`. Linux: include/linux/gfp.h.

    Examples
    --------
    >>> GFP.KERNEL == GFP.WAIT | GFP.IO | GFP.FS
    True
    >>> hex(GFP.HIGHUSER_MOVABLE)
    '0x1200d2'
    """

    DMA = 0x01
    HIGHMEM = 0x02
    DMA32 = 0x04
    WAIT = 0x10
    HIGH = 0x20
    IO = 0x40
    FS = 0x80
    COLD = 0x100
    NOWARN = 0x200
    REPEAT = 0x400
    NOFAIL = 0x800
    NORETRY = 0x1000
    COMP = 0x4000
    ZERO = 0x8000
    NOMEMALLOC = 0x10000
    HARDWALL = 0x20000
    THISNODE = 0x40000
    RECLAIMABLE = 0x80000
    MOVABLE = 0x100000

    ATOMIC = HIGH
    NOIO = WAIT
    NOFS = WAIT | IO
    KERNEL = WAIT | IO | FS
    TEMPORARY = KERNEL | RECLAIMABLE
    USER = KERNEL | HARDWALL
    HIGHUSER = USER | HIGHMEM
    HIGHUSER_MOVABLE = HIGHUSER | MOVABLE


class AllocFlags(Of2627, IntFlag):
    """Which watermark an allocation respects, and how far it may go below. Linux: mm/page_alloc.c ALLOC_*."""

    NO_WATERMARKS = 0x01
    WMARK_MIN = 0x02
    WMARK_LOW = 0x04
    WMARK_HIGH = 0x08
    HARDER = 0x10
    HIGH = 0x20
    CPUSET = 0x40


class PageFlags(IntFlag):
    """State of an allocated page as `Zone.page_flags` holds it.

    Up to bit 26 the numbers are those of /proc/kpageflags; 27 and above belong to buddycap. Bit 10 is set by reclaim
    alone: the page has left its owner and is freed soon.
    """

    LOCKED = 1 << 0
    REFERENCED = 1 << 2
    DIRTY = 1 << 4
    LRU = 1 << 5
    ACTIVE = 1 << 6
    SLAB = 1 << 7
    WRITEBACK = 1 << 8
    RECLAIM = 1 << 9
    MMAP = 1 << 11
    ANON = 1 << 12
    SWAPCACHE = 1 << 13
    SWAPBACKED = 1 << 14
    UNEVICTABLE = 1 << 18
    YOUNG = 1 << 27
    ISOLATED = 1 << 28
    PINNED = 1 << 29
    MLOCKED = 1 << 30


def gfp_zone(gfp: int, configured: Collection[ZoneType] = tuple(ZoneType)) -> ZoneType:
    """Return the highest kind of zone that may serve a request.

    Parameters
    ----------
    gfp : int
        GFP bits.
    configured : collection of ZoneType
        Kinds the kernel was built with; requests for others go to NORMAL.

    Notes
    -----
    Linux: include/linux/gfp.h gfp_zone (2.6.27). MOVABLE is always configured there.

    Examples
    --------
    >>> gfp_zone(GFP.KERNEL).name, gfp_zone(GFP.HIGHUSER).name, gfp_zone(GFP.HIGHUSER_MOVABLE).name
    ('NORMAL', 'HIGHMEM', 'MOVABLE')
    >>> gfp_zone(GFP.HIGHUSER, {ZoneType.DMA, ZoneType.DMA32, ZoneType.NORMAL}).name
    'NORMAL'
    """
    if gfp & GFP.DMA and ZoneType.DMA in configured:
        return ZoneType.DMA
    if gfp & GFP.DMA32 and ZoneType.DMA32 in configured:
        return ZoneType.DMA32
    if gfp & GFP.HIGHMEM and gfp & GFP.MOVABLE:
        return ZoneType.MOVABLE
    if gfp & GFP.HIGHMEM and ZoneType.HIGHMEM in configured:
        return ZoneType.HIGHMEM
    return ZoneType.NORMAL


def allocflags_to_migratetype(gfp: int, grouping: bool = True) -> MigrateType:
    """Return the migratetype that a request asks for.

    Parameters
    ----------
    gfp : int
        GFP bits.
    grouping : bool
        Whether pages are grouped by mobility at all.

    Raises
    ------
    MisuseError
        If MOVABLE and RECLAIMABLE are both set.

    Notes
    -----
    Linux: include/linux/gfp.h allocflags_to_migratetype (2.6.27).

    Examples
    --------
    >>> allocflags_to_migratetype(GFP.HIGHUSER_MOVABLE).name, allocflags_to_migratetype(GFP.TEMPORARY).name
    ('MOVABLE', 'RECLAIMABLE')
    >>> allocflags_to_migratetype(GFP.HIGHUSER_MOVABLE, grouping=False).name
    'UNMOVABLE'
    """
    if gfp & GFP.MOVABLE and gfp & GFP.RECLAIMABLE:
        raise MisuseError(f"gfp {gfp:#x} asks for MOVABLE and RECLAIMABLE at once")
    if not grouping:
        return MigrateType.UNMOVABLE
    return MigrateType(bool(gfp & GFP.MOVABLE) << 1 | bool(gfp & GFP.RECLAIMABLE))
