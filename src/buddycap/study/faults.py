"""What a run of the faulting load says: how many huge pages, how long faults took, what the scanners did.

The figures are those that mmtests prints of thpscale and thpfioscale: percentage huge, and latencies of a region of
the size of a huge page, faulted in and written as a whole, apart for those with a huge page and those with base pages.
"""

from collections.abc import Mapping
from math import nan

import numpy as np
from numpy.typing import NDArray

__all__ = ["fault_figures"]

# Counters of the whole run, by their names in /proc/vmstat, where the kernel has them; of direct compaction also how
# many runs have ended with a block, whoever took it then, and how many of these had captured it.
_COUNTERS = (
    *("compact_migrate_scanned", "compact_free_scanned", "compact_isolated"),
    *("compact_stall", "compact_success", "compact_fail", "compact_daemon_wake"),
    *("direct_success", "direct_captured", "direct_complete", "direct_deferred", "direct_skipped"),
    *("compact_daemon_migrate_scanned", "compact_daemon_free_scanned"),
    *("pgmigrate_success", "pgmigrate_fail", "pgscan_direct", "pgscan_kswapd", "pgsteal_direct", "pgsteal_kswapd"),
)


def fault_figures(table: NDArray[np.void], totals: Mapping[str, int]) -> dict[str, float]:
    """Return the figures of a run's faults.

    Parameters
    ----------
    table : ndarray, shape (faults,)
        Of `buddycap._world.FAULT_DTYPE`.
    totals : mapping of str to int
        Counters of the run.

    Returns
    -------
    dict of str to float
        Latencies in ms; those of huge or base pages are nan if there were none. `decile1_huge_ms` is the latency that
        one tenth of the huge pages did not exceed, and so on.

    Examples
    --------
    >>> from buddycap import POLICIES
    >>> from buddycap.study.faultload import faulting_config
    >>> from buddycap.study.run import run_once
    >>> run = run_once(faulting_config("2.6.27", 3, 1 << 15, warmup_s=1), POLICIES["none"], seed=1)
    >>> figures = fault_figures(run.faults, run.totals)
    >>> len(run.faults), figures["huge"] == int((run.faults["page"] >= 0).sum())
    (7, True)
    """
    huge = table["page"] >= 0
    counters = {name: int(totals[name]) for name in _COUNTERS if name in totals}
    stalls = counters.get("compact_stall", 0)
    return {
        "success_percent": 100 * float(huge.mean()) if len(table) else nan,
        "huge": int(huge.sum()),
        "latency_ms": _ms(table["latency_ns"]),
        "latency_huge_ms": _ms(table["latency_ns"][huge]),
        "latency_base_ms": _ms(table["latency_ns"][~huge]),
        **_deciles("huge", table["latency_ns"][huge]),
        **_deciles("base", table["latency_ns"][~huge]),
        "try_ms": _ms(table["huge_ns"]),
        "wait_ms": _ms(table["wait_ns"]),
        **{name: float(table[name].mean()) for name in ("tries", "scanned", "freed", "reclaims")},
        **counters,
        "stall_success_percent": 100 * counters.get("compact_success", 0) / stalls if stalls else nan,
    }


def _ms(times_ns: NDArray[np.int64]) -> float:
    return float(times_ns.mean()) / 1e6 if len(times_ns) else nan


def _deciles(kind: str, times_ns: NDArray[np.int64]) -> dict[str, float]:
    """Return the nine deciles of some latencies."""
    values = np.percentile(times_ns, range(10, 100, 10)) / 1e6 if len(times_ns) else [nan] * 9
    return {f"decile{k}_{kind}_ms": float(value) for k, value in enumerate(values, 1)}
