"""What is kept of a run, made where it was run: whoever collects the runs of many workers only writes it down."""

import io
import json
import zlib
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .run import Run

__all__ = ["Packed", "unpacked"]


@dataclass(frozen=True, slots=True)
class Packed:
    """A run as a store keeps it.

    Parameters
    ----------
    digest : str
        Of the zone at the end.
    summary, totals : str
        `Run.summary` and `Run.totals` as JSON.
    table : bytes
        `Run.table`, compressed: see `unpacked`.
    cpu_s : float, s
    """

    digest: str
    summary: str
    totals: str
    table: bytes
    cpu_s: float

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return what is kept of a run."""
        stream = io.BytesIO()
        np.save(stream, run.table, allow_pickle=False)
        table = zlib.compress(stream.getvalue(), 6)
        return cls(run.digest, json.dumps(run.summary()), json.dumps(run.totals), table, run.cpu_s)


def unpacked(data: bytes) -> NDArray[np.void]:
    """Return the table that bytes hold, with its dtype.

    Examples
    --------
    >>> from buddycap import POLICIES
    >>> from buddycap.study.config import StudyConfig
    >>> from buddycap.study.run import run_once
    >>> run = run_once(StudyConfig(memory_pages=1 << 15, warmup_s=1), POLICIES["none"], seed=1)
    >>> bool((unpacked(Packed.of(run).table) == run.requests).all())
    True
    """
    table: NDArray[np.void] = np.load(io.BytesIO(zlib.decompress(data)), allow_pickle=False)
    return table
