"""Where the memory of an image is: which physical frames it has, and which of them belong to others."""

import re
from dataclasses import dataclass
from typing import Self

import numpy as np

from .._core import Zone
from ..errors import MisuseError
from ..sizes import parse_pages

__all__ = ["ANYWHERE", "Place", "ranges_without_memory"]

_HOLE = 0xFE  # of a zone's page_order
_MOST_PFN = 1 << 52


@dataclass(frozen=True)
class Place:
    """Where the memory of a synthetic machine is.

    Parameters
    ----------
    start_pfn : int
        First frame.
    reserved : tuple of (first, end)
        Frames that are somebody else's, such as a simulator's kernel or page tables: ascending, end excluded.

    Raises
    ------
    MisuseError
        If a number is out of range.
    """

    start_pfn: int = 0
    reserved: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.start_pfn < _MOST_PFN:
            raise MisuseError(f"start_pfn={self.start_pfn}: allowed range is 0..2^52-1")
        last = self.start_pfn
        for first, end in self.reserved:
            if not last <= first < end <= _MOST_PFN:
                raise MisuseError(f"reserve={first}-{end}: allowed are ranges in ascending order from {last} on")
            last = end

    @classmethod
    def parse(cls, start_pfn: int, *ranges: str) -> Self:
        """Read ranges as people write them: FIRST-END, more by commas; frames, or addresses with a unit.

        Raises
        ------
        MisuseError
            If a range is none, or is not in the memory.

        Examples
        --------
        >>> Place.parse(0, "0-16MiB,0x8000-0x9000")
        Place(start_pfn=0, reserved=((0, 4096), (32768, 36864)))
        """
        found = sorted(_range(text) for texts in ranges for text in texts.split(","))
        return cls(start_pfn, tuple(found))

    @property
    def reserved_pages(self) -> int:
        """Frames that are somebody else's."""
        return sum(end - first for first, end in self.reserved)

    def own_pages(self, pages: int) -> int:
        """Return how many of so many frames are the machine's own.

        Raises
        ------
        MisuseError
            If a reserved range reaches beyond them.

        Examples
        --------
        >>> Place(0, ((0, 4096),)).own_pages(65536)
        61440
        """
        end = self.start_pfn + pages
        for first, after in self.reserved:
            if after > end:
                raise MisuseError(f"reserve={first}-{after}: the memory has the frames {self.start_pfn}-{end}")
        return pages - self.reserved_pages


ANYWHERE = Place()


def _range(text: str) -> tuple[int, int]:
    """Read one range."""
    first, dash, end = text.partition("-")
    if not dash:
        raise MisuseError(f"reserve={text!r}: FIRST-END is wanted, such as 0-64MiB or 0x8000-0x9000")
    return _frame(first), _frame(end)


def _frame(text: str) -> int:
    """Read a frame number, or an address with a unit."""
    if re.fullmatch(r"\s*(\d+|0[xX][0-9a-fA-F]+)\s*", text):
        return int(text, 0) if "x" in text.lower() else int(text)
    return parse_pages(text, "reserve")


def ranges_without_memory(zone: Zone) -> list[tuple[int, int]]:
    """Return the frames between a zone's first and last that are not its own: (first, end), ascending.

    Notes
    -----
    O(spanned_pages).

    Examples
    --------
    >>> ranges_without_memory(Zone(0, 4096, present_ranges=[(16, 1024), (2048, 4096)]))
    [(0, 16), (1024, 2048)]
    """
    holes = np.concatenate(([False], zone.page_order == _HOLE, [False]))
    edges = np.flatnonzero(holes[1:] != holes[:-1]) + zone.start_pfn
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]
