"""Background load from a recording: orders, types and lifetimes of what a real machine allocated."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .._world import LOAD_DTYPE
from ..errors import FormatError, MisuseError
from ..flags import MigrateType
from ..formats.npz import NpzReader
from ..formats.tracefile import Trace, read_trace
from ..newfile import replacing
from .lifetimes import TracedFlags, requests_of

__all__ = ["LOAD_DTYPE", "Load", "load_from_trace"]

_FIELDS = ("time_ns", "lifetime_ns", "order", "migratetype")
_LONGEST_NS = 1 << 50  # 13 days
_MARKS = ("buddycap: workload begin", "buddycap: workload end")


@dataclass(frozen=True, eq=False)
class Load:
    """Allocations with their times, orders, types and lifetimes, to be made over and over again.

    Parameters
    ----------
    allocations : ndarray[LOAD_DTYPE], shape (n,)
        In order of time: time_ns (from 0), lifetime_ns, order, migratetype (a `MigrateType`, 0..2).
    duration_ns : int, ns
        Length of the recording; the first allocation comes again so long after itself.
    source : str
        Where it comes from.

    Raises
    ------
    MisuseError
        If there is nothing, or a value is out of range.

    Notes
    -----
    In the model, movable memory is a program's: 2**order single anonymous pages, which reclaim may swap out and the
    program touches now and then. Everything else is blocks of the kernel. See docs/model.md, A8.

    Examples
    --------
    >>> table = np.zeros(2, LOAD_DTYPE)
    >>> table["time_ns"], table["lifetime_ns"], table["migratetype"] = [0, 500], [900, 100], 2
    >>> load = Load(table, duration_ns=1000)
    >>> len(load), load.stretched(200).duration_ns
    (2, 2000)
    """

    allocations: NDArray[np.void]
    duration_ns: int
    source: str = ""

    def __post_init__(self) -> None:
        table = self.allocations
        if table.dtype != LOAD_DTYPE or table.ndim != 1 or not len(table):
            raise MisuseError("allocations: a non-empty array of LOAD_DTYPE is wanted")
        if not 1 <= self.duration_ns < _LONGEST_NS:
            raise MisuseError(f"duration_ns={self.duration_ns}: allowed range is 1..2^50-1")
        for name, high in (("time_ns", self.duration_ns), ("lifetime_ns", _LONGEST_NS), ("order", 14)):
            wrong = (table[name] < 0) | (table[name] > high)
            if wrong.any():
                k = int(wrong.argmax())
                raise MisuseError(f"allocations[{k}]: {name}={table[name][k]}: allowed range is 0..{high}")
        if (np.diff(table["time_ns"]) < 0).any():
            raise MisuseError("allocations: time_ns: the times do not ascend")
        if not np.isin(table["migratetype"], (0, 1, 2)).all():
            raise MisuseError("allocations: migratetype: allowed are 0, 1, 2")

    def __len__(self) -> int:
        return len(self.allocations)

    def stretched(self, percent: int) -> Self:
        """Return the load with all times in percent of what they are: 200 is half as fast.

        Raises
        ------
        MisuseError
            If it gets longer than 13 days.
        """
        table = self.allocations.copy()
        for name in ("time_ns", "lifetime_ns"):
            table[name] = np.minimum(table[name], _LONGEST_NS * 100 // percent) * percent // 100
        return type(self)(table, max(self.duration_ns * percent // 100, 1), self.source)

    def save(self, path: str | Path) -> None:
        """Write the load to an `.npz` file."""
        table = self.allocations
        with replacing(path) as file:
            np.savez_compressed(
                file,
                gap_ns=np.diff(table["time_ns"], prepend=0).astype(np.uint64),
                lifetime_ns=table["lifetime_ns"].astype(np.uint64),
                order=table["order"].astype(np.uint64),
                migratetype=table["migratetype"].astype(np.uint64),
                duration_ns=np.uint64(self.duration_ns),
            )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote, or the trace of a recording.

        Parameters
        ----------
        path : path
            An `.npz` file of `save`; a trace, as text or converted; or the folder of a recording with its trace.

        Raises
        ------
        FormatError
            If it is nothing of that, or damaged.
        OSError
            If it cannot be read.
        """
        path = Path(path)
        if path.is_dir():
            traces = sorted(path.glob("trace*"))
            if not traces:
                raise FormatError("no trace* in this folder", str(path))
            path = traces[0]
        with open(path, "rb") as file:
            is_npz = file.read(2) == b"PK"
        try:
            if is_npz:
                return cls(*_read_npz(path), source=path.name)
            allocations, duration_ns = load_from_trace(read_trace(path))
            return cls(allocations, duration_ns, source=path.name)
        except MisuseError as error:
            raise FormatError(str(error), str(path)) from None


def _read_npz(path: Path) -> tuple[NDArray[np.void], int]:
    """Return the table and the duration of a saved load."""
    with NpzReader(path) as file:
        gaps = file.array("gap_ns", min_items=1)
        table = np.zeros(len(gaps), LOAD_DTYPE)
        columns = {name: file.array(name) for name in _FIELDS[1:]}
        duration_ns = file.scalar("duration_ns")
    for name, column in columns.items():
        if len(column) != len(gaps):
            raise FormatError(f"{name}: {len(column)} values, gap_ns has {len(gaps)}", str(path))
        if int(column.max()) > np.iinfo(LOAD_DTYPE[name]).max:
            raise FormatError(f"{name}={column.max()}: too large", str(path))
        table[name] = column
    if int(gaps.max()) > _LONGEST_NS or len(gaps) > 1 << 31:
        raise FormatError("gap_ns: too large", str(path))
    table["time_ns"] = np.cumsum(gaps.astype(np.int64))
    return table, duration_ns


def load_from_trace(trace: Trace) -> tuple[NDArray[np.void], int]:
    """Return what a traced machine allocated, as `Load` wants it, and how long that took in ns.

    Parameters
    ----------
    trace : Trace
        If it has the marks "buddycap: workload begin" and "... end", only what lies between them counts.

    Returns
    -------
    allocations : ndarray[LOAD_DTYPE], shape (n,)
    duration_ns : int

    Raises
    ------
    FormatError
        If the trace allocates nothing.

    Notes
    -----
    What is still in use at the end lives as long as the whole recording, so a load that is made over and over holds it
    once. Types that no caller can ask for in 2.6.27 count as unmovable. Failed requests are left out.
    """
    requests = requests_of(trace)
    first, last = (trace.mark_ns(text) for text in _MARKS)
    keep = (requests["flags"] & int(TracedFlags.FAILED)) == 0
    if first is not None and last is not None:
        keep &= (requests["time_ns"] >= first) & (requests["time_ns"] <= last)
    requests = requests[keep]
    if not len(requests):
        raise FormatError("the trace allocates nothing")
    if first is None or last is None:
        first, last = int(requests["time_ns"][0]), int(requests["time_ns"][-1])
    table = np.zeros(len(requests), LOAD_DTYPE)
    table["time_ns"] = requests["time_ns"] - first
    duration_ns = max(last - first, 1)
    table["lifetime_ns"] = np.where(requests["lifetime_ns"] < 0, duration_ns, requests["lifetime_ns"])
    table["order"] = requests["order"]
    known = requests["migratetype"] <= int(MigrateType.MOVABLE)
    table["migratetype"] = np.where(known, requests["migratetype"], int(MigrateType.UNMOVABLE))
    return table, duration_ns
