"""What a file is, by its content: texts of the kernel, traces, files of this package."""

import re
from dataclasses import dataclass

__all__ = ["HEAD_BYTES", "KINDS", "READ_BY_EXPLAIN", "Kind", "kind_of"]

HEAD_BYTES = 1 << 20
_SAMPLE_LINES = 4000


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Parameters
    ----------
    name : str
        Short name, for programs.
    title : str
        What a person calls it.
    hint : str
        What to do with it.
    """

    name: str
    title: str
    hint: str


_EXPLAIN = "try: buddycap explain FILE"
_FRAGMENTATION = "buddycap fragmentation FILE"
KINDS = {
    kind.name: kind
    for kind in (
        Kind("log", "a kernel's log with reports about memory", _EXPLAIN),
        Kind("buddyinfo", "/proc/buddyinfo", f"{_EXPLAIN}, or {_FRAGMENTATION}"),
        Kind("pagetypeinfo", "/proc/pagetypeinfo", f"{_EXPLAIN}, or {_FRAGMENTATION}"),
        Kind("zoneinfo", "/proc/zoneinfo", _EXPLAIN),
        Kind("vmstat", "/proc/vmstat", _EXPLAIN),
        Kind("meminfo", "/proc/meminfo", f"{_EXPLAIN} FOLDER, with buddyinfo and zoneinfo beside it"),
        Kind("index", "extfrag_index or unusable_index", _EXPLAIN),
        Kind("page_owner", "a dump of page_owner", f"try: {_FRAGMENTATION}"),
        Kind("trace", "a trace as text", f"{_EXPLAIN}, or buddycap replay FILE"),
        Kind("compactsnoop", "the output of compactsnoop", _EXPLAIN),
        Kind("function_graph", "the output of the function_graph tracer", "record with the nop tracer instead"),
        Kind("perf_trace", "the output of perf trace", "record with perf record and print with perf script"),
        Kind("latency", "a trace in latency format",
             "it has no event of waiting: turn the option latency-format off, and print the trace again"),
        Kind("ftrace_dump", "a dump of the trace buffer in a log",
             "it has no event of waiting: record with the nop tracer, and give /sys/kernel/tracing/trace"),
        Kind("mmtests", "a table of mmtests", "buddycap compare prints such tables of its own"),
        Kind("sar", "a table of sar or munin", "record /proc/buddyinfo itself"),
        Kind("iomem", "/proc/iomem", f"{_EXPLAIN} FOLDER, with buddyinfo and zoneinfo beside it"),
        Kind("slabinfo", "/proc/slabinfo", f"{_EXPLAIN} FOLDER, with buddyinfo and zoneinfo beside it"),
        Kind("archive", "an archive or snapshot of buddycap", "try: buddycap snapshot --show FILE, or map FILE"),
        Kind("trace_binary", "a binary trace", "give the text that trace-cmd report or perf script prints"),
        Kind("empty", "an empty file", "there is nothing to explain"),
        Kind("binary", "binary data", "texts of the kernel are read here"),
        Kind("text", "a text without a report about memory", "see the page docs/explain.md for what is read"),
    )
}  # fmt: skip

READ_BY_EXPLAIN = {
    *("log", "buddyinfo", "pagetypeinfo", "zoneinfo", "vmstat", "meminfo", "index", "page_owner", "compactsnoop"),
    *("mmtests", "sar", "iomem", "slabinfo", "ftrace_dump", "function_graph", "perf_trace", "latency"),
}
"""Kinds whose name helps where another command was given such a file."""

_NODE = r"Node\s+\d+,?\s+(?:zone\s+)?\w+,?"
_LINES: tuple[tuple[str, re.Pattern[str]], ...] = (  # the most telling first
    ("log", re.compile(r"page\s+allocation\s+(?:failure|stalls)|invoked oom-killer|^.{0,120}Mem-[Ii]nfo:|Show Memory|"
                       r"(?:DMA|DMA32|Normal|HighMem|Movable) free:\d+kB|cma:.{0,80}alloc failed|"
                       r"Allocation of length \d+ from process", re.M)),
    ("page_owner", re.compile(r"^[ \t]*(?:(?:\d+ times.{0,200})?Page allocated via order \d+|\d+ times, \d+ pages"
                              r"|(?:nr_base_pages|stack_count): ?\d)", re.M)),
    ("pagetypeinfo", re.compile(r"^[ \t]*(?:Page block order:|Free pages count per migrate type"
                                r"|Node +\d+, zone +\w+, type +\w+ +>?\d)", re.M)),
    ("zoneinfo", re.compile(rf"^[ \t]*{_NODE}[ \t]*\n(?:[ \t]+per-node stats|[ \t]+pages free[ \t]+\d+)", re.M)),
    ("index", re.compile(rf"^[ \t]*{_NODE}(?:\s+-?\d\.-?\d{{3}}){{3,}}", re.M)),
    ("ftrace_dump", re.compile(r"Dumping ftrace buffer", re.M)),
    ("latency", re.compile(r"^#.{0,60} latency trace v\d", re.M)),
    ("function_graph", re.compile(r"^[ \t]*(?:#\s*tracer: function_graph|\d+\)\s+[^|\n]*\|\s+.*(?:\{|/\*))", re.M)),
    ("perf_trace", re.compile(r"^[ \t]*\d+\.\d{3}\s+(?:\(\s*(?:\d+\.\d{3} ms|)\s*\):\s+)?\S+/\d+ \w+:\w+\(", re.M)),
    ("trace", re.compile(r"^#\s*tracer:|\s\d+\.\d{3,9}:\s+(?:\w+:)?(?:mm|kmem|compaction|vmscan)_?\w+:", re.M)),
    ("compactsnoop", re.compile(r"^[ \t]*(?:TIME\(s\)\s+)?COMM\s+PID\s+NODE\s+ZONE\s+ORDER\s+MODE", re.M)),
    ("buddyinfo", re.compile(rf"^[^\w\n]*(?:buddy\s+)?{_NODE}(?:\s+\d+){{3,}}\s*$", re.M)),
    ("mmtests", re.compile(r"^Success \d+\s+\w+\s+\d|stress-highalloc", re.M)),
    ("vmstat", re.compile(r"^(?:nr_free_pages|pgfree|pgalloc_\w+|compact_stall|allocstall\w*)\s+\d+\s*$", re.M)),
    ("meminfo", re.compile(r"^MemTotal:\s+\d+ kB", re.M)),
    ("slabinfo", re.compile(r"^slabinfo - version:", re.M)),
    ("iomem", re.compile(r"^[0-9a-f]{8,16}-[0-9a-f]{8,16} : System RAM", re.M)),
    ("sar", re.compile(r"^(?:.*\s)?(?:pgpgin/s|kbmemfree|%memused)", re.M)),
)  # fmt: skip


def kind_of(head: bytes) -> Kind:
    """Tell what a file is from its beginning.

    Parameters
    ----------
    head : bytes
        Up to 1 MiB.

    Returns
    -------
    Kind
        `text` if nothing is known: a report may still come behind the first MiB.

    Notes
    -----
    O(head): every pattern is looked for once.

    Examples
    --------
    >>> kind_of(b"Node 0, zone      DMA      1      1      1      0\\n").title
    '/proc/buddyinfo'
    >>> kind_of(b"PK\\x03\\x04").name, kind_of(b"").name, kind_of(b"hello\\n").name
    ('archive', 'empty', 'text')
    """
    if not head.strip():
        return KINDS["empty"]
    if head.startswith((b"PK\x03\x04", b"BCZONE")):
        return KINDS["archive"]
    if head.startswith((b"\x17\x08\x44tracing", b"PERFILE2")):
        return KINDS["trace_binary"]
    lines = head[:HEAD_BYTES].decode("utf-8", "replace").replace("\r", "").split("\n")
    text = "\n".join(line[:1000] for line in lines)
    for name, pattern in _LINES:
        if pattern.search(text):
            return KINDS[name]
    if head.count(b"\0") * 20 > len(head):
        return KINDS["binary"]
    return KINDS["text"]
