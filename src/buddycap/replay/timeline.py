"""How fragmented memory was over time: free blocks, the kernel's indices, mixed pageblocks, at moments of a replay."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formats.extfrag import fragmentation_index, unusable_free_index
from ..newfile import replacing_text

__all__ = ["HUGE_ORDER", "Timeline", "sample_times"]

HUGE_ORDER = 9  # of the indices, unless asked otherwise: a huge page of x86-64


@dataclass(frozen=True, eq=False)
class Timeline:
    """The state of every zone at moments of a replay.

    Parameters
    ----------
    names : tuple of str
        Names of the zones.
    time_ns : ndarray[int64], shape (samples,)
        By the clock of the trace.
    nr_free : ndarray[int64], shape (samples, zones, orders)
        Free blocks per order, as /proc/buddyinfo counts them.
    mixed : ndarray[int64], shape (samples, zones)
        Pageblocks that hold movable pages and others, as far as is known what their pages are.
    page_size : int, bytes
        Of a page.

    Examples
    --------
    >>> line = Timeline(("DMA",), np.array([0, 5]), np.array([[[4, 2]], [[2, 3]]]), np.zeros((2, 1), int))
    >>> line.free_pages.tolist(), line.unusable(1).tolist(), line.extfrag(1).tolist()
    ([[8], [8]], [[500], [250]], [[-1000], [-1000]])
    """

    names: tuple[str, ...]
    time_ns: NDArray[np.int64]
    nr_free: NDArray[np.int64]
    mixed: NDArray[np.int64]
    page_size: int = 4096

    @property
    def free_pages(self) -> NDArray[np.int64]:
        """Free pages of every zone: ndarray[int64], shape (samples, zones)."""
        pages: NDArray[np.int64] = (self.nr_free << np.arange(self.nr_free.shape[-1])).sum(-1)
        return pages

    def pieces(self, order: int = HUGE_ORDER) -> NDArray[np.int64]:
        """How many pieces of an order the free blocks hold, larger ones as many: shape (samples, zones)."""
        held: NDArray[np.int64] = (self.nr_free[..., order:] << np.arange(max(self.nr_free.shape[-1] - order, 0))).sum(
            -1
        )
        return held

    def unusable(self, order: int = HUGE_ORDER) -> NDArray[np.int64]:
        """Unusable free space index of every zone, in thousandths: ndarray[int64], shape (samples, zones)."""
        return unusable_free_index(self.nr_free, order)

    def extfrag(self, order: int = HUGE_ORDER) -> NDArray[np.int64]:
        """Fragmentation index of every zone, in thousandths, -1000 where a block is free: shape (samples, zones)."""
        return fragmentation_index(self.nr_free, order)

    def rows(self, order: int = HUGE_ORDER) -> list[dict[str, Any]]:
        """Return one dict a moment and zone: the columns of `Recorder.csv`, then `index_order` and `mixed_pageblocks`.

        `time_ns` counts from the first moment. The indices are those of the order, in thousandths.
        """
        unusable, extfrag, pages = self.unusable(order), self.extfrag(order), self.free_pages
        found = []
        for k, time_ns in enumerate(self.time_ns.tolist()):
            for z, name in enumerate(self.names):
                row: dict[str, Any] = {"zone": name, "time_ns": time_ns - int(self.time_ns[0])}
                row |= {"free_pages": int(pages[k, z]), "unusable_index": int(unusable[k, z])}
                row |= {"extfrag_index": int(extfrag[k, z])}
                row |= {f"order_{o}": int(n) for o, n in enumerate(self.nr_free[k, z])}
                row |= {"index_order": order, "mixed_pageblocks": int(self.mixed[k, z])}
                found.append(row)
        return found

    def write_csv(self, path: str | Path, order: int = HUGE_ORDER) -> None:
        """Write `rows` as a CSV file with a line of names.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        rows = self.rows(order)
        with replacing_text(path) as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["zone", "time_ns"])
            writer.writeheader()
            writer.writerows(rows)

    def summary(self, order: int = HUGE_ORDER) -> dict[str, dict[str, Any]]:
        """Return, by zone, what the last moment is like and the mean of the indices over all moments."""
        unusable, extfrag, pages = self.unusable(order), self.extfrag(order), self.free_pages
        return {
            name: {
                "nr_free": self.nr_free[-1, z].tolist(),
                "free_pages": int(pages[-1, z]),
                "unusable": int(unusable[-1, z]),
                "unusable_mean": round(float(unusable[:, z].mean()), 1),
                "extfrag": int(extfrag[-1, z]),
                "mixed_pageblocks": int(self.mixed[-1, z]),
            }
            for z, name in enumerate(self.names)
        }


def sample_times(first_ns: int, last_ns: int, samples: int) -> NDArray[np.int64]:
    """Return so many moments from the first to the last, evenly, both included: ndarray[int64].

    Examples
    --------
    >>> sample_times(10, 20, 3).tolist(), sample_times(10, 20, 1).tolist()
    ([10, 15, 20], [20])
    """
    if samples < 2 or last_ns <= first_ns:
        return np.array([last_ns], np.int64)
    steps = np.arange(samples, dtype=np.int64)
    return (
        first_ns
        + (last_ns - first_ns) // (samples - 1) * steps
        + (last_ns - first_ns) % (samples - 1) * steps // (samples - 1)
    )
