"""What the kernel prints when an allocation fails, when the OOM killer comes, and for SysRq-m: the content of a report.

Fields are kept by the kernel's own names, unknown ones included. What a text lacks is None, never 0. `report_text.py`
reads the words of one report, `report_log.py` finds the reports in a log.
"""

import re
from dataclasses import dataclass, field

__all__ = ["MemoryReport", "ReportHeader", "ZoneText", "node_list"]

MOST_NODES = 4096
_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")


@dataclass
class ReportHeader:
    """The line that says what was asked for.

    Parameters
    ----------
    kind : str
        `failure`, `stall` (it still waits), `vmalloc`, `oom`, `cma`, `nommu` (memory of a program, without an MMU).
    comm : str or None
        Name of the task; None if it is not printed.
    order : int or None
        Order of the request; -1: a person asked for the OOM killer; None for `cma` and `nommu`.
    gfp_value : int or None
        The mask as a number of that kernel.
    gfp : tuple of str or None
        The mask's names; None if the kernel prints the number only.
    nodemask, mems_allowed : tuple of int or None
        Nodes; None if not printed or `(null)`.
    stall_ms : int or None
        How long it has waited.
    period : bool
        Whether a full stop stands behind the word failure, as it did to 2.6.38.
    length : int or None
        Bytes that were asked for, of a `nommu` header only.
    """

    kind: str
    comm: str | None = None
    order: int | None = None
    gfp_value: int | None = None
    gfp: tuple[str, ...] | None = None
    nodemask: tuple[int, ...] | None = None
    mems_allowed: tuple[int, ...] | None = None
    stall_ms: int | None = None
    period: bool = False
    length: int | None = None


@dataclass
class ZoneText:
    """What a report prints about one zone.

    Parameters
    ----------
    node : int
        Number of the node; 0 if the kernel prints none.
    zone : str
        Name of the zone.
    fields : dict of str to int
        Values of the zone line, by the kernel's names: kB, but `pages_scanned` as printed.
    reserve : list of int or None
        `lowmem_reserve[]` or `protections[]`, pages by class.
    protections : bool
        Whether it is `protections[]`, of kernels to 2.6.10.
    cells : list of (int, int, str) or None
        The free list: count, kB of a block, letters of its types. `[]`: the kernel prints `empty`. None: no list.
    list_kb : int or None
        The printed sum of the list; None if the list is cut off before it.
    again : ZoneText or None
        What stands in the report about this zone a second time, where two reports are mixed.
    """

    node: int
    zone: str
    fields: dict[str, int] = field(default_factory=dict)
    reserve: list[int] | None = None
    protections: bool = False
    cells: list[tuple[int, int, str]] | None = None
    list_kb: int | None = None
    again: "ZoneText | None" = None

    @property
    def doubled(self) -> bool:
        """Whether the zone stands in the report again, with other numbers."""
        if self.again is None:
            return False
        other = self.again.fields
        lists = self.again.cells is not None and (self.again.cells, self.again.list_kb) != (self.cells, self.list_kb)
        return lists or any(self.fields[name] != other[name] for name in self.fields.keys() & other.keys())

    @property
    def nr_free(self) -> list[int] | None:
        """Free blocks by order; None without a list."""
        return None if self.cells is None else [count for count, _, _ in self.cells]


@dataclass
class MemoryReport:
    """One report.

    Parameters
    ----------
    line : int
        Line of the file where it begins, from 1.
    when : str or None
        Time as the log prints it.
    header : ReportHeader or None
        None for SysRq-m.
    zones : list of ZoneText
        In the order of the text.
    totals : dict of str to int
        Pages of the whole machine, by the names under `Mem-Info:`, and the lines at the end.
    nodes : dict of int to dict of str to int
        Node lines (4.8 on), kB.
    release : str or None
        Release of the kernel.
    cpu, pid : int or None
        Who asked.
    stack : list of str
        Functions, the innermost first, doubtful ones (`?`) left out.
    facts : dict of str to object
        What else decides: `constraint`, `kill_nodemask`, `oom_memcg`, `usage_kb`, `limit_kb`, `killed`, `cma_pages`,
        `cma_error`, `hugepages`, `vmalloc_bytes`.
    mixed : bool
        Whether another report was printed at the same time, and the lines cannot be told apart.
    confidential : bool
        Whether the log says that the machine is a guest whose memory is encrypted.
    no_addresses : bool
        Whether the log says that the range of addresses for vmalloc has no room.
    unknown : dict of str to int
        Words that no rule took: kinds of word to their number. `lines` counts foreign lines.
    """

    line: int
    when: str | None = None
    header: ReportHeader | None = None
    zones: list[ZoneText] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    nodes: dict[int, dict[str, int]] = field(default_factory=dict)
    release: str | None = None
    cpu: int | None = None
    pid: int | None = None
    stack: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    mixed: bool = False
    confidential: bool = False
    no_addresses: bool = False
    unknown: dict[str, int] = field(default_factory=dict)


def node_list(text: str) -> tuple[int, ...] | None:
    """Return the nodes of a list such as `0-3,8`; None if it is empty, `(null)`, or no list.

    Examples
    --------
    >>> node_list("0-2,8"), node_list("(null)")
    ((0, 1, 2, 8), None)
    """
    nodes: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if last - first >= MOST_NODES or len(nodes) >= MOST_NODES:
            return None
        nodes.extend(range(first, last + 1))
    return tuple(nodes)
