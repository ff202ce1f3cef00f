"""What the pageblocks of a zone hold: kernel pages, movable pages, or both."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._core import Zone
from ..flags import PageFlags

__all__ = ["PageblockContents", "pageblock_contents"]

_ALLOCATED = (0x20, 0x40)  # states of an allocated head in the high nibble of the order byte
_MOVABLE = np.uint32(PageFlags.LRU | PageFlags.ISOLATED)


@dataclass(frozen=True)
class PageblockContents:
    """Which pageblocks of a zone hold what; all arrays have one bool a pageblock, from that of the first page on.

    Parameters
    ----------
    kernel : ndarray of bool, shape (pageblocks,)
        An allocated block that is not on the LRU lists: no reclaim can empty the pageblock.
    movable : ndarray of bool, shape (pageblocks,)
        A page of the LRU lists.
    """

    kernel: NDArray[np.bool_]
    movable: NDArray[np.bool_]

    @property
    def mixed(self) -> int:
        """Number of pageblocks that hold both."""
        return int((self.kernel & self.movable).sum())

    @property
    def clean(self) -> int:
        """Number of pageblocks without a kernel page: reclaim could make them whole."""
        return int((~self.kernel).sum())

    @property
    def pageblocks(self) -> int:
        """Number of pageblocks."""
        return len(self.kernel)


def pageblock_contents(zone: Zone) -> PageblockContents:
    """Find out what each pageblock holds.

    Parameters
    ----------
    zone : Zone

    Returns
    -------
    PageblockContents
        Pageblocks are counted at multiples of their size, whatever the zone's own rule for their types.  A hole
        counts as kernel memory: it can never be part of a huge page.

    Notes
    -----
    Linear in the pages of the zone, 10 ms for 4 GiB.  The kernel's own count of mixed blocks (page_owner)
    compares a pageblock's type with that of each allocation; here it is what the pages are used for that counts.

    Examples
    --------
    >>> zone = Zone(0, 2048)
    >>> _ = zone.rmqueue(0, 0)
    >>> contents = pageblock_contents(zone)
    >>> contents.pageblocks, contents.clean, contents.mixed
    (4, 3, 0)
    """
    pageblock_order = zone.pageblock_order
    first = zone.start_pfn >> pageblock_order
    pageblocks = ((zone.start_pfn + zone.spanned_pages - 1) >> pageblock_order) - first + 1
    state = zone.page_order
    heads = np.flatnonzero(np.isin(state & 0xF0, _ALLOCATED))
    lru = (zone.page_flags[heads] & _MOVABLE) != 0
    kernel, movable = np.zeros(pageblocks, bool), np.zeros(pageblocks, bool)
    movable[((heads[lru] + zone.start_pfn) >> pageblock_order) - first] = True
    begin = heads[~lru] + zone.start_pfn
    order = (state[heads[~lru]] & 0x0F).astype(np.int64)
    kernel[(begin >> pageblock_order) - first] = True
    for pfn, size in zip(begin[order > pageblock_order], order[order > pageblock_order], strict=True):
        block = (int(pfn) >> pageblock_order) - first
        kernel[block : block + (1 << (int(size) - pageblock_order))] = True
    holes = np.flatnonzero(state == 0xFE) + zone.start_pfn
    kernel[(holes >> pageblock_order) - first] = True
    return PageblockContents(kernel, movable)
