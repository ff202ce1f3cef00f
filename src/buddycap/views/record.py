"""States of memory over time: what the report and the time line are made of.

A `Recorder` is fed with a zone or a machine at the times of interest. It keeps a reduced map of each moment, as the
difference to the one before, compressed; and the exact counts: free blocks per order, pages by kind.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import MachineBase, Zone
from ..errors import MisuseError
from ..formats.extfrag import fragmentation_index, unusable_free_index
from ..formats.kpageflags import ZoneFrames
from .pagemap import PageMap, maps_of

__all__ = ["Moment", "RecordedZone", "Recorder"]

MAX_CELLS = 1 << 18  # of a moment of a run
MOST_CELLS = 1 << 24
_MANY_OWNERS = 65535


@dataclass(frozen=True)
class RecordedZone:
    """A zone and where its cells are.

    Parameters
    ----------
    name : str
    start_pfn, pages : int
    pageblock_order : int
    first_cell, cells : int
        Its place in the array of all cells.
    page_size : int, bytes
        Of a page.
    """

    name: str
    start_pfn: int
    pages: int
    pageblock_order: int
    first_cell: int
    cells: int
    page_size: int


@dataclass(frozen=True)
class Moment:
    """What was recorded at one time.

    Parameters
    ----------
    time_ns : int, ns
    label : str
    nr_free : tuple of tuple of int
        Free blocks per order of each zone.
    counts : tuple of dict
        Pages by kind of each zone.
    codes, owners : bytes
        Reduced map, and numbers of owners (little-endian, two bytes each; empty without owners): exclusive or with the
        moment before, deflated.
    """

    time_ns: int
    label: str
    nr_free: tuple[tuple[int, ...], ...]
    counts: tuple[dict[str, int], ...]
    codes: bytes
    owners: bytes


class Recorder:
    """Collects moments.

    Parameters
    ----------
    max_cells : int
        Largest number of cells of the reduced map. A cell stands for a power of two of pages, and shows its first one.
    owner_shift : int, 0..63
        Cookies that agree from this bit on are one owner.
    owner_name : callable (cookie >> owner_shift) -> str, optional
        What to call an owner; the cookie in hexadecimal if not given.

    Attributes
    ----------
    zones : tuple of RecordedZone
    moments : list of Moment
    owner_names : list of str
        By number; 0 is no owner.
    factor : int, pages
        Pages a cell.

    Examples
    --------
    >>> zone = Zone(0, 4096, min_free_kbytes=0)
    >>> recorder = Recorder()
    >>> recorder.add(zone, 0)
    >>> pfns = zone.alloc_many(100)
    >>> recorder.add(zone, 1_000_000, "a hundred pages")
    >>> recorder.moments[1].counts
    ({'free_huge': 3584, 'free': 412, 'movable': 100},)
    >>> recorder.table()["unusable_index"].tolist()
    [0, 103]
    """

    def __init__(
        self,
        *,
        max_cells: int = MAX_CELLS,
        owner_shift: int = 0,
        owner_name: Callable[[int], str] | None = None,
    ) -> None:
        if not 1 <= max_cells <= MOST_CELLS or not 0 <= owner_shift <= 63:
            raise MisuseError(f"max_cells={max_cells}, owner_shift={owner_shift}: allowed are 1..2^24 and 0..63")
        self.zones: tuple[RecordedZone, ...] = ()
        self.moments: list[Moment] = []
        self.owner_names = ["nobody"]
        self.factor = 1
        self._max_cells = max_cells
        self._owner_shift = np.uint64(owner_shift)
        self._owner_name = owner_name or (lambda cookie: f"{cookie:#x}")
        self._owner_numbers: dict[int, int] = {0: 0}
        self._codes = np.zeros(0, np.uint8)
        self._owners = np.zeros(0, np.uint16)

    def add(
        self, source: "Zone | MachineBase | ZoneFrames | Iterable[ZoneFrames]", time_ns: int, label: str = ""
    ) -> None:
        """Record a moment. O(pages).

        Parameters
        ----------
        source : Zone, Machine or ZoneFrames
            The same memory at every call.
        time_ns : int, ns
            Not before the last one.
        label : str
            What happened, for the reader.

        Raises
        ------
        MisuseError
            If the source has other zones than before, or time goes backwards.
        """
        self.add_maps(maps_of(source), time_ns, label)

    def add_maps(self, maps: tuple[PageMap, ...], time_ns: int, label: str = "") -> None:
        """Record a moment of which the maps are there already; see `add`."""
        if not self.moments:
            self._lay_out(maps)
        shape = [(zone.name, zone.start_pfn, zone.pages) for zone in self.zones]
        if shape != [(m.name, m.start_pfn, len(m.codes)) for m in maps]:
            raise MisuseError("source: other zones than those recorded before")
        if self.moments and time_ns < self.moments[-1].time_ns:
            raise MisuseError(f"time_ns={time_ns}: the last moment was at {self.moments[-1].time_ns}")
        codes = np.concatenate([self._cells(m, m.codes) for m in maps])
        owners = self._numbered(maps)
        moment = Moment(
            int(time_ns),
            label,
            tuple(m.nr_free for m in maps),
            tuple(m.counts() for m in maps),
            zlib.compress((codes ^ self._codes).tobytes(), 6),
            zlib.compress((owners ^ self._owners).astype("<u2").tobytes(), 6) if len(owners) else b"",
        )
        self._codes, self._owners = codes, owners
        self.moments.append(moment)

    def _lay_out(self, maps: tuple[PageMap, ...]) -> None:
        """Choose the reduction from the first moment."""

        def cells(m: PageMap) -> int:
            return -(-(m.start_pfn % self.factor + len(m.codes)) // self.factor)

        while sum(map(cells, maps)) > self._max_cells:
            self.factor *= 2
        zones, first = [], 0
        for m in maps:
            place = first, cells(m)
            zones.append(RecordedZone(m.name, m.start_pfn, len(m.codes), m.pageblock_order, *place, m.page_size))
            first += cells(m)
        self.zones = tuple(zones)
        self._codes = np.zeros(first, np.uint8)
        self._owners = np.zeros(first if any(m.owner is not None for m in maps) else 0, np.uint16)

    def _cells(self, m: PageMap, values: NDArray[Any]) -> NDArray[Any]:
        """Return the value of the first page of each cell."""
        before = m.start_pfn % self.factor
        if not before:
            return values[:: self.factor]
        return np.concatenate([values[:1], values[self.factor - before :: self.factor]])

    def _numbered(self, maps: tuple[PageMap, ...]) -> NDArray[np.uint16]:
        """Return the number of the owner of each cell, and give new owners a number and a name."""
        if not len(self._owners):
            return self._owners
        parts = []
        for m in maps:
            owner = np.zeros(len(m.codes), np.uint64) if m.owner is None else m.owner
            keys, place = np.unique(self._cells(m, owner) >> self._owner_shift, return_inverse=True)
            parts.append(np.array([self._number(key) for key in keys.tolist()], np.uint16)[place])
        return np.concatenate(parts)

    def _number(self, key: int) -> int:
        """Return the number of an owner; those beyond the 65534th share one."""
        if key not in self._owner_numbers:
            number = min(len(self.owner_names), _MANY_OWNERS)
            self._owner_numbers[key] = number
            if number < _MANY_OWNERS:
                self.owner_names.append(self._owner_name(key))
            elif len(self.owner_names) == number:
                self.owner_names.append("one of many others")
        return self._owner_numbers[key]

    def table(self, zone: int = 0) -> NDArray[np.void]:
        """Return the time line of a zone as a structured array, a record a moment.

        Parameters
        ----------
        zone : int
            Place in `zones`.

        Returns
        -------
        ndarray
            `time_ns`; `free_pages`; `unusable_index` and `extfrag_index` for the pageblock order, in thousandths as
            the kernel's formulas give them; `order_0` ... the free blocks.

        Raises
        ------
        MisuseError
            If nothing has been recorded, or there is no such zone.
        """
        if not self.moments or not 0 <= zone < len(self.zones):
            raise MisuseError(f"zone={zone}: {len(self.zones)} zones, {len(self.moments)} moments have been recorded")
        orders = len(self.moments[0].nr_free[zone])
        order = min(self.zones[zone].pageblock_order, orders - 1)
        names = ["time_ns", "free_pages", "unusable_index", "extfrag_index", *(f"order_{k}" for k in range(orders))]
        table = np.zeros(len(self.moments), [(name, np.int64) for name in names])
        nr_free = np.array([moment.nr_free[zone] for moment in self.moments], np.int64)
        table["time_ns"] = [moment.time_ns for moment in self.moments]
        table["free_pages"] = (nr_free << np.arange(orders)).sum(axis=1)
        table["unusable_index"] = unusable_free_index(nr_free, order)
        table["extfrag_index"] = fragmentation_index(nr_free, order)
        for k in range(orders):
            table[f"order_{k}"] = nr_free[:, k]
        return table

    def csv(self) -> str:
        """Return the time lines of all zones as text: a heading, then a line a moment and zone."""
        lines: list[str] = []
        for k, zone in enumerate(self.zones):
            table = self.table(k)
            lines = lines or [",".join(("zone", *(table.dtype.names or ())))]
            lines += [",".join((zone.name, *map(str, row))) for row in table.tolist()]
        return "".join(line + "\n" for line in lines)
