"""A real machine's memory as simulated zones; `Machine.from_kpageflags` puts the parts together."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .._core import Zone
from ..flags import PageFlags
from ..formats.kpageflags import PageKind, ZoneFrames
from .pageblocks import inferred_pageblock_types

__all__ = [
    "lru_pages",
    "node_pages",
    "pages_of",
    "pages_of_ranges",
    "scattered",
    "set_pageblock_types",
    "zone_from_frames",
    "zones_from_frames",
]

_KEPT_FLAGS = np.uint32(PageFlags.REFERENCED | PageFlags.DIRTY | PageFlags.MMAP)
_LISTS = (
    PageFlags.SWAPBACKED | PageFlags.ANON,
    PageFlags.SWAPBACKED | PageFlags.ANON | PageFlags.ACTIVE,
    PageFlags(0),
    PageFlags.ACTIVE,
    PageFlags.UNEVICTABLE,
)


def pages_of_ranges(first: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return every page of ranges, one range after the other.

    Examples
    --------
    >>> pages_of_ranges(np.array([8, 3]), np.array([3, 1])).tolist()
    [8, 9, 10, 3]
    """
    before = np.cumsum(sizes) - sizes
    pages: NDArray[np.int64] = np.repeat(first - before, sizes) + np.arange(int(sizes.sum()))
    return pages


def pages_of(pfns: NDArray[np.int64], orders: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return every page of blocks, one block after the other.

    Examples
    --------
    >>> pages_of(np.array([8, 3]), np.array([2, 0], np.uint8)).tolist()
    [8, 9, 10, 11, 3]
    """
    return pages_of_ranges(pfns, np.int64(1) << orders.astype(np.int64))


def scattered(pfns: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return PFNs, all different, in an order that depends on the seed alone: splitmix64 of the number is the key.

    No two numbers have one key, so every way of sorting gives this order.
    """
    with np.errstate(over="ignore"):
        key = pfns.astype(np.uint64) + np.uint64(seed % 2**64) * np.uint64(0x9E3779B97F4A7C15)
        key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return pfns[np.argsort(key ^ (key >> np.uint64(31)))]


def lru_pages(frames: ZoneFrames, seed: int) -> Iterator[tuple[NDArray[np.int64], int, NDArray[np.uint32]]]:
    """Yield, for each of the five LRU lists: PFNs in the order to add them, the list's flags, other flags of each page.

    Parameters
    ----------
    frames : ZoneFrames
    seed : int
        Draws the order, which no recording holds.
    """
    for flags, pfns in zip(_LISTS, frames.lru_pfns(), strict=True):
        order = scattered(pfns, seed)
        yield order, int(flags), frames.page_flags(order) & _KEPT_FLAGS


def node_pages(frames: Sequence[ZoneFrames]) -> tuple[int, ...]:
    """Return the present pages of a node's zones, as `Zone` wants them: for four zones, whatever there are.

    Examples
    --------
    >>> from buddycap.formats.kpageflags import KPF
    >>> node_pages([ZoneFrames.from_flags("DMA", 0, np.full(3, KPF.BUDDY, np.uint64))])
    (3, 0, 0, 0)
    """
    return (*(int((zone.kinds != PageKind.HOLE).sum()) for zone in frames), 0, 0, 0, 0)[:4]


def set_pageblock_types(zone: Zone, types: NDArray[np.uint8]) -> None:
    """Set the migratetypes of a zone's pageblocks, as its kernel numbers them; most of them are so already."""
    order = zone.pageblock_order
    first = zone.start_pfn >> order
    for k in np.flatnonzero(types != zone.pageblock_migratetype[: len(types)]).tolist():
        zone.set_pageblock_migratetype(max((first + k) << order, zone.start_pfn), int(types[k]))


def zone_from_frames(
    frames: ZoneFrames,
    *,
    seed: int = 0,
    cpus: int = 1,
    pageblock_order: int = 9,
    max_page_order: int = 10,
    zone_idx: int = 0,
    node_present_pages: tuple[int, ...] | None = None,
    owners: bool = True,
) -> Zone:
    """Build a zone whose free pages are those of a recorded one; every other page is allocated.

    Parameters
    ----------
    frames : ZoneFrames
        What `read_kpageflags` gives.
    seed : int
        Of the zone's random numbers.
    cpus, zone_idx : int
    node_present_pages : tuple of 4 int, optional, pages
    pageblock_order, max_page_order : int
        Geometry of the simulated allocator; free pages merge anew up to its largest order.
    owners : bool
        Whether its pages have owners, which take 8 bytes each.

    Returns
    -------
    Zone

    Notes
    -----
    Types of pageblocks are inferred, with the counts of /proc/pagetypeinfo where the recording has them and the
    pageblock order is the recorded one: see `inferred_pageblock_types`. O(pages).
    """
    zone = Zone(
        frames.start_pfn,
        len(frames.kinds),
        present_ranges=[tuple(pair) for pair in frames.present_ranges.tolist()],
        max_page_order=max_page_order,
        pageblock_order=pageblock_order,
        zone_idx=zone_idx,
        node_present_pages=node_present_pages,
        cpus=cpus,
        owners=owners,
        populate=False,
        seed=seed,
    )
    counts = frames.pageblocks if pageblock_order == frames.pageblock_order else None
    set_pageblock_types(zone, inferred_pageblock_types(frames, counts, pageblock_order=pageblock_order))
    zone.free_many(frames.pfns(PageKind.FREE))
    zone.set_min_free_kbytes(zone.min_free_kbytes)  # sets the reserve up, now that there are free pages to put into it
    return zone


def zones_from_frames(
    frames: Sequence[ZoneFrames], *, seed: int = 0, cpus: int = 1, pageblock_order: int = 9, max_page_order: int = 10
) -> list[Zone]:
    """Build the zones of a node from its recorded ones, each as `zone_from_frames` does.

    Examples
    --------
    >>> from buddycap.formats.kpageflags import KPF
    >>> free = ZoneFrames.from_flags("Normal", 0, np.full(1024, KPF.BUDDY, np.uint64))
    >>> [zone.nr_free_pages for zone in zones_from_frames([free])]
    [1024]
    """
    present = node_pages(frames)
    return [
        zone_from_frames(
            zone,
            seed=seed,
            cpus=cpus,
            pageblock_order=pageblock_order,
            max_page_order=max_page_order,
            zone_idx=k,
            node_present_pages=present,
        )
        for k, zone in enumerate(frames)
    ]
