"""Who makes zones of recorded pages for `Machine.from_frames` and its like.

Recordings are read above the machine: `buddycap.recorded` has these functions, and the package puts it here when it is
imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ._core import Zone
    from .formats.kpageflags import ZoneFrames
    from .formats.snapshot import Snapshot

__all__ = ["Reader", "known_reader", "set_reader"]


class Reader(Protocol):
    """What makes zones of recorded pages."""

    def zones_from_frames(
        self, frames: Sequence[ZoneFrames], *, seed: int, cpus: int, pageblock_order: int, max_page_order: int
    ) -> list[Zone]:
        """Build the zones of a node, in the order of the recorded ones."""

    def lru_pages(self, frames: ZoneFrames, seed: int) -> Iterator[tuple[NDArray[np.int64], int, NDArray[np.uint32]]]:
        """Yield what goes on each LRU list."""

    def draw_snapshot(
        self, buddyinfo: str, pagetypeinfo: str | None, zoneinfo: str, iomem: str | None, *, seed: int, mixed: int
    ) -> Snapshot:
        """Draw a snapshot from texts of /proc."""


_readers: list[Reader] = []


def set_reader(reader: Reader) -> None:
    """Let a reader make the zones of machines from recordings, in place of the one before."""
    _readers[:] = [reader]


def known_reader() -> Reader:
    """Return the reader that was set last."""
    return _readers[0]
