"""Simulated events as the text of the kernel's trace file, for scripts that read such.

Lines are those of Linux 6.18 (`trace` in tracefs): comm, pid, CPU, flags, seconds, event, payload. Migratetypes are
numbered as there (MOVABLE 1, RECLAIMABLE 2), not as in 2.6.27.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from .._core import OP_DTYPE
from ..errors import MisuseError
from ..flags import MigrateType

__all__ = ["HEADER", "ftrace_text", "page_alloc", "page_free", "stream_events", "trace_line"]

HEADER = """\
# tracer: nop
#
# entries-in-buffer/entries-written: {0}/{0}   #P:{1}
#
#                                _-----=> irqs-off/BH-disabled
#                               / _----=> need-resched
#                              | / _---=> hardirq/softirq
#                              || / _--=> preempt-depth
#                              ||| / _-=> migrate-disable
#                              |||| /     delay
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
"""

_MODERN = {MigrateType.UNMOVABLE: 0, MigrateType.MOVABLE: 1, MigrateType.RECLAIMABLE: 2}
_GFP = ("GFP_KERNEL", "GFP_HIGHUSER_MOVABLE", "GFP_KERNEL|__GFP_RECLAIMABLE")
_ALLOCATE = 1
_THROUGH_PCP = 1
_PCP_ORDER = 3  # PAGE_ALLOC_COSTLY_ORDER: the largest order that per-CPU lists hold, huge pages apart


def trace_line(time_ns: int, event: str, payload: str, *, comm: str = "buddycap", pid: int = 1, cpu: int = 0) -> str:
    """Return a line of the trace, without its end.

    Examples
    --------
    >>> trace_line(1_134_546_379_000, "mm_page_free", page_free(1556143, 0))
    '        buddycap-1       [000] .....  1134.546379: mm_page_free: page=000000000017beaf pfn=0x17beaf order=0'
    """
    seconds, micros = divmod(time_ns // 1000, 1_000_000)
    return f"{comm[:15]:>16}-{pid:<7} [{cpu:03d}] ..... {seconds:5d}.{micros:06d}: {event}: {payload}"


def page_alloc(pfn: int | None, order: int, migratetype: int, gfp: str | None = None) -> str:
    """Return the payload of mm_page_alloc; without a PFN, of a failed allocation.

    Examples
    --------
    >>> page_alloc(None, 9, MigrateType.MOVABLE)
    'page=0000000000000000 pfn=0x0 order=9 migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE'
    """
    modern = _MODERN[MigrateType(migratetype)]
    number = pfn or 0
    return f"page={number:016x} pfn={number:#x} order={order} migratetype={modern} gfp_flags={gfp or _GFP[modern]}"


def page_free(pfn: int, order: int) -> str:
    """Return the payload of mm_page_free."""
    return f"page={pfn:016x} pfn={pfn:#x} order={order}"


def ftrace_text(lines: Iterable[str], cpus: int = 1) -> str:
    """Return a whole trace file: the kernel's heading, then the lines."""
    found = list(lines)
    return HEADER.format(len(found), cpus) + "".join(line + "\n" for line in found)


def stream_events(
    ops: NDArray[np.void], results: NDArray[np.int64], *, start_ns: int = 0, step_ns: int = 1000
) -> Iterator[str]:
    """Yield the lines of a stream of operations that `Zone.run` performed.

    Parameters
    ----------
    ops : structured ndarray, shape (n,), dtype `OP_DTYPE`
    results : ndarray[int64], shape (n,)
        What `Zone.run` returned for them.
    start_ns, step_ns : int, ns
        Time of the first operation, and from one to the next: a stream has no clock.

    Raises
    ------
    MisuseError
        If the arrays do not belong together.

    Notes
    -----
    Operations on the free lists themselves also have the lines by which a kernel tells that: an allocation
    mm_page_alloc_zone_locked before, a free of order 0 to 3 mm_page_pcpu_drain behind. So a reader can follow the free
    lists. When per-CPU lists are filled and drained is in no result, and not told.

    Examples
    --------
    >>> from buddycap import Zone
    >>> ops = np.zeros(2, OP_DTYPE)
    >>> ops["op"], ops["migratetype"], ops["flags"] = [1, 2], MigrateType.MOVABLE, 1
    >>> for line in stream_events(ops, Zone(64, 64, min_free_kbytes=0).run(ops)):
    ...     print(line[38:])
        0.000000: mm_page_alloc: page=0000000000000040 pfn=0x40 order=0 migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE
        0.000001: mm_page_free: page=0000000000000040 pfn=0x40 order=0
    """
    if ops.dtype != OP_DTYPE or ops.shape != results.shape or ops.ndim != 1:
        raise MisuseError(f"ops of {ops.dtype} {ops.shape} and results of {results.shape} do not belong together")
    fields = (ops[name].tolist() for name in ("op", "order", "migratetype", "flags", "arg"))
    for k, (op, order, migratetype, flags, arg, pfn) in enumerate(zip(*fields, results.tolist(), strict=True)):
        time_ns, direct = start_ns + k * step_ns, not flags & _THROUGH_PCP
        if op == _ALLOCATE:
            if direct and pfn >= 0:
                yield trace_line(time_ns, "mm_page_alloc_zone_locked", _taken(pfn, order, migratetype))
            yield trace_line(time_ns, "mm_page_alloc", page_alloc(pfn if pfn >= 0 else None, order, migratetype))
        elif pfn >= 0:
            if arg >= 0:
                order, migratetype = int(ops["order"][arg]), int(ops["migratetype"][arg])
            yield trace_line(time_ns, "mm_page_free", page_free(pfn, order))
            if direct and order <= _PCP_ORDER:
                payload = f"{page_free(pfn, order)} migratetype={_MODERN[MigrateType(migratetype)]}"
                yield trace_line(time_ns, "mm_page_pcpu_drain", payload)


def _taken(pfn: int, order: int, migratetype: int) -> str:
    """Return the payload of mm_page_alloc_zone_locked."""
    refill = int(order <= _PCP_ORDER)
    return f"{page_free(pfn, order)} migratetype={_MODERN[MigrateType(migratetype)]} percpu_refill={refill}"
