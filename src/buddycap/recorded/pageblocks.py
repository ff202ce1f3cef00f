"""Migratetypes of a real machine's pageblocks, inferred: no file of /proc tells them block by block."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ..flags import MigrateType
from ..formats.kpageflags import PageKind, ZoneFrames

__all__ = ["inferred_pageblock_types"]

# Kinds that only unmovable and reclaimable requests bring about. KERNEL is not among them, because pages on per-CPU
# lists look the same; nor is RESERVED, because blocks in use since boot are MOVABLE by name.
_CERTAIN = (PageKind.SLAB, PageKind.PGTABLE)
_MOVABLE = tuple(kind for kind in PageKind if kind >= PageKind.OFF_LRU)
_CHUNK_PAGES = 1 << 16  # are counted at once: so many stay in the cache
_STRAYS = 32  # one certain page among so many movable ones is a stray, stolen while memory was short


def inferred_pageblock_types(
    frames: ZoneFrames, blocks: Mapping[str, int] | None = None, *, pageblock_order: int | None = None
) -> NDArray[np.uint8]:
    """Guess the migratetype of every pageblock of a recorded zone.

    Parameters
    ----------
    frames : ZoneFrames
        The zone.
    blocks : mapping of str to int, optional
        Pageblocks by the kernel's name of the migratetype, as /proc/pagetypeinfo gives them for the whole zone
        (`PagetypeinfoZone.blocks`). Then so many blocks become `Unmovable` and `Reclaimable`.
    pageblock_order : int, optional
        Order of a pageblock; the zone's own by default.

    Returns
    -------
    ndarray[uint8], shape (pageblocks,)
        `MigrateType` of every block that the zone touches, from the one of its first page on.

    Notes
    -----
    Where the types were recorded (the lists of a stopped machine), nothing is inferred. Else:

    What is certain: slab pages and page tables come from requests that are not movable, so a block that holds more
    than one of them for 32 movable pages is not movable. With `blocks`, those with the most such pages are chosen,
    as many as the kernel counted. Of the chosen blocks those with the largest surplus of slab pages over other kernel
    pages are RECLAIMABLE (all with a surplus, or as many as the kernel counted). Everything else is MOVABLE; blocks
    of the types HighAtomic, CMA, Reserve and Isolate cannot be located and count as that, too.

    What is not: pages without a flag are either the kernel's or wait on per-CPU lists, so they only decide between
    blocks that are equal otherwise; without `blocks` a pageblock full of them and of nothing else is called MOVABLE.
    Reclaimable and other slab pages look the same. Compared with the free lists per migratetype that
    /proc/pagetypeinfo showed at the same moment, 89 to 99 of 100 free blocks of the two rarer types below the
    pageblock order were where the kernel had them, in six recordings of one machine; without `blocks` 90 to 100, but
    up to 19 of 293 unmovable and reclaimable pageblocks were missed. Counting flagless pages as unmovable instead
    found up to three times too many.

    Examples
    --------
    >>> from buddycap.formats.kpageflags import KPF
    >>> flags = np.full(2048, KPF.BUDDY, np.uint64)
    >>> flags[512:600], flags[1024:1100], flags[1100:1536] = KPF.SLAB, KPF.PGTABLE, KPF.LRU
    >>> zone = ZoneFrames.from_flags("Normal", 0, flags)
    >>> [MigrateType(kind).name for kind in inferred_pageblock_types(zone)]
    ['MOVABLE', 'RECLAIMABLE', 'UNMOVABLE', 'MOVABLE']
    >>> [MigrateType(kind).name for kind in inferred_pageblock_types(zone, {"Unmovable": 1, "Movable": 3})]
    ['MOVABLE', 'UNMOVABLE', 'MOVABLE', 'MOVABLE']
    """
    order = frames.pageblock_order if pageblock_order is None else pageblock_order
    if frames.block_types is not None and order == frames.pageblock_order:
        return np.where(frames.block_types > MigrateType.MOVABLE, np.uint8(MigrateType.MOVABLE), frames.block_types)
    certain, kernel, movable, slab = _pages(frames, order, _CERTAIN, (PageKind.KERNEL,), _MOVABLE, (PageKind.SLAB,))
    surplus = 2 * slab - certain - kernel
    ranked = np.lexsort((movable, -kernel, -certain))
    if blocks is None:
        ranked = ranked[_STRAYS * certain[ranked] > movable[ranked]]
        reclaimable = ranked[surplus[ranked] > 0]
    else:
        ranked = ranked[: blocks.get("Unmovable", 0) + blocks.get("Reclaimable", 0)]
        by_surplus = ranked[np.argsort(-surplus[ranked], kind="stable")]
        reclaimable = by_surplus[: blocks.get("Reclaimable", 0)]
    types = np.full(len(certain), MigrateType.MOVABLE, np.uint8)
    types[ranked] = MigrateType.UNMOVABLE
    types[reclaimable] = MigrateType.RECLAIMABLE
    return types


def _pages(frames: ZoneFrames, pageblock_order: int, *groups: tuple[PageKind, ...]) -> Iterator[NDArray[np.int64]]:
    """Count the pages of groups of kinds, at most four, in every pageblock.

    They are added up together, sixteen bits for each group: no pageblock has so many pages.
    """
    pages = 1 << pageblock_order
    starts = np.maximum(np.arange(frames.start_pfn // pages * pages, frames.end_pfn, pages) - frames.start_pfn, 0)
    worth = np.zeros(256, np.uint64)
    for k, kinds in enumerate(groups):
        worth[list(kinds)] += np.uint64(1 << 16 * k)
    sums = np.zeros(len(starts), np.uint64)
    step = max(_CHUNK_PAGES >> pageblock_order, 1)
    for k in range(0, len(starts), step):
        mine = starts[k : k + step]
        part = frames.kinds[mine[0] : starts[k + step] if k + step < len(starts) else None]
        sums[k : k + step] = np.add.reduceat(worth[part], mine - mine[0])
    return (((sums >> np.uint64(16 * k)) & np.uint64(0xFFFF)).astype(np.int64) for k in range(len(groups)))
