"""A real machine's memory as a simulated zone."""

import numpy as np
from numpy.typing import NDArray

from .._core import Zone
from ..flags import MigrateType, PageFlags
from ..formats.kpageflags import PageKind, ZoneFrames
from ..machine import Machine

__all__ = ["zone_from_frames"]

_KERNEL_KINDS = (
    PageKind.KERNEL,
    PageKind.RESERVED,
    PageKind.PGTABLE,
    PageKind.SLAB,
    PageKind.HUGE,
    PageKind.OFFLINE,
    PageKind.HWPOISON,
    PageKind.OFF_LRU,
)
_KEPT_FLAGS = np.uint32(PageFlags.REFERENCED | PageFlags.DIRTY | PageFlags.MMAP)
_LISTS = (
    PageFlags.SWAPBACKED | PageFlags.ANON,
    PageFlags.SWAPBACKED | PageFlags.ANON | PageFlags.ACTIVE,
    PageFlags(0),
    PageFlags.ACTIVE,
    PageFlags.UNEVICTABLE,
)


def _scattered(pfns: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return PFNs in an order that depends on the seed alone: splitmix64 of the number is the key."""
    with np.errstate(over="ignore"):
        key = pfns.astype(np.uint64) + np.uint64(seed % 2**64) * np.uint64(0x9E3779B97F4A7C15)
        key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return pfns[np.argsort(key ^ (key >> np.uint64(31)), kind="stable")]


def _pageblock_types(frames: ZoneFrames, pageblock_order: int) -> NDArray[np.uint8]:
    """Infer a type for each pageblock from that of the first page on: UNMOVABLE where kernel pages are the majority of
    the pages in use, MOVABLE elsewhere.  The real types are in no file of /proc."""
    pages = 1 << pageblock_order
    lead = frames.start_pfn % pages
    kernel = np.isin(frames.kinds, _KERNEL_KINDS)
    lru = frames.kinds >= PageKind.INACTIVE_ANON
    padded = -(-(lead + len(kernel)) // pages) * pages
    counts = []
    for mask in (kernel, lru):
        row = np.zeros(padded, bool)
        row[lead : lead + len(mask)] = mask
        counts.append(row.reshape(-1, pages).sum(axis=1))
    return np.where(counts[0] > counts[1], MigrateType.UNMOVABLE, MigrateType.MOVABLE).astype(np.uint8)


def _fill_lru(zone: Zone, frames: ZoneFrames, seed: int) -> None:
    """Put the pages of the five LRU lists on them; their real order is unknown, so it is drawn from the seed."""
    machine = Machine([zone])
    for flags, pfns in zip(_LISTS, frames.lru_pfns(), strict=True):
        if not len(pfns):
            continue
        scattered = _scattered(pfns, seed)
        machine.lru_cache_add(scattered, int(flags))
        extra = frames.page_flags(scattered) & _KEPT_FLAGS
        for pfn, bits in zip(scattered[extra != 0].tolist(), extra[extra != 0].tolist(), strict=True):
            machine.set_page_flags(pfn, set=bits)


def zone_from_frames(
    frames: ZoneFrames, *, seed: int = 0, cpus: int = 1, pageblock_order: int = 9, max_page_order: int = 10
) -> Zone:
    """Build a zone in the state of a recorded one.

    Parameters
    ----------
    frames : ZoneFrames
        What `buddycap.formats.kpageflags.read_kpageflags` gives.
    seed : int
        Draws the order of the LRU lists, which no recording holds.
    cpus : int
    pageblock_order, max_page_order : int
        Geometry of the simulated allocator; blocks merge anew up to its largest order.

    Returns
    -------
    Zone
        With owners=True. Free pages are free, LRU pages are on their lists (active, anonymous, referenced, dirty,
        mapped, unevictable as recorded), everything else is allocated for ever.

    Notes
    -----
    Inferred, since no file of /proc has it: the types of pageblocks (by the majority of their pages in use) and the order
    of the lists. All slab pages count as unreclaimable. Writes under way are taken as not begun. O(pages).
    """
    zone = Zone(
        frames.start_pfn,
        len(frames.kinds),
        present_ranges=[tuple(pair) for pair in frames.present_ranges.tolist()],
        max_page_order=max_page_order,
        pageblock_order=pageblock_order,
        cpus=cpus,
        owners=True,
        populate=False,
        seed=seed,
    )
    pages = 1 << pageblock_order
    first = frames.start_pfn - frames.start_pfn % pages
    for k, migratetype in enumerate(_pageblock_types(frames, pageblock_order).tolist()):
        zone.set_pageblock_migratetype(max(first + k * pages, frames.start_pfn), migratetype)
    zone.free_many(frames.pfns(PageKind.FREE))
    zone.set_min_free_kbytes(zone.min_free_kbytes)
    _fill_lru(zone, frames, seed)
    return zone
