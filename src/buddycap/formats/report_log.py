"""Finds the memory reports in a log of any size: dmesg, journal, syslog, a mail, a pasted piece.

A log is read in pieces, and a piece that no report touches is only looked through for the words that begin one. A
report's lines are kept until the next begins or nothing of it has come for a while, so memory does not grow with the
log.
"""

import re
from dataclasses import dataclass, field
from typing import IO

from .envelope import Unwrapped, plain_mail, unwrap
from .meminfo_report import MemoryReport, ReportHeader
from .pieces import LONGEST_LINE, whole_lines
from .report_text import join_lines, known_line, read_header, read_report

__all__ = ["MemoryLog", "read_memory_log"]

_MOST_LINES = 4096  # of one report; the rest is foreign
_PATIENCE = 128  # foreign lines in a row that end a report
_MOST_REPORTS = 10_000
_HEADER_LINES = 6  # over which a mail program may have wrapped a header
_BEHIND_HEADER = re.compile(r"CPU|Pid|PID|Hardware|Call|Mem-|Node|Workqueue|active_anon|\S+\+0x|\[<|<")

_MARKS = (
    *(b"allocation failure", b"allocation stalls", b"oom-killer", b"Mem-Info", b"Mem-info", b"how Memory"),
    *(b"alloc failed", b"kB min:", b"kB low:", b"*4kB", b"*16kB", b"*64kB", b"callbacks suppressed"),
    *(b"vmalloc", b"vmap allocation", b"Linux version ", b"Allocation of length", b"Memory Encryption", b"tdx: "),
)
_BEGIN = re.compile(
    r"page\s+allocation\s+(?:failure|stalls\s+for)|invoked\s+oom-killer|^oom-killer:"
    r"|cma:.{0,200}alloc failed, req-size:|vmalloc(?:: | error: ).{0,200}mode:|Allocation of length \d+ from process"
)
_MEM_INFO = re.compile(r"^(?:Mem-[Ii]nfo:|(?:SysRq ?: ?|sysrq: )?Show Memory)")
_ZONE = re.compile(
    r"(?:DMA|DMA32|Normal|HighMem|Movable|Device) free:\d+kB|(?:DMA|DMA32|Normal|HighMem|Movable|Device): \d+\*\d+kB"
)
_SUPPRESSED = re.compile(r"warn_alloc\w*: (\d{1,12}) callbacks suppressed")
_CONFIDENTIAL = re.compile(r"Memory Encryption Features active: .{0,80}(?:SEV|TDX)|tdx: Guest detected")
_NO_ADDRESSES = re.compile(
    r"vmap allocation for size \d+ failed|vmalloc_node_range for size \d+ failed|vm_struct allocation failed"
)
_SAME_EVENT = 8  # lines from such a message to the report
_VERSION = re.compile(r"Linux version (\d{1,2}\.\d{1,3}\S{0,80})")


@dataclass
class MemoryLog:
    """What a log holds.

    Parameters
    ----------
    reports : list of MemoryReport
        In the order in which they begin.
    suppressed : int
        Failures that the kernel says it did not print.
    lines : int
        Lines of the log.
    left_out : int
        Reports beyond 10,000, which are not kept.
    """

    reports: list[MemoryReport] = field(default_factory=list)
    suppressed: int = 0
    lines: int = 0
    left_out: int = 0


@dataclass
class _Open:
    """A report whose lines are still coming."""

    line: int
    when: str | None
    header: bool
    before: str = ""
    lines: list[str] = field(default_factory=list)
    foreign: int = 0
    mem_info: bool = False
    zones: bool = False
    no_addresses: bool = False


class _LogReader:
    """Takes the lines of a log; printers that give their name (CONFIG_PRINTK_CALLER) are kept apart."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self._open: dict[str | None, _Open] = {}
        self._before = b""  # the line above
        self._release: str | None = None
        self._confidential = False
        self._no_addresses = -_SAME_EVENT  # line of the last such message
        self._interrupted: dict[str | None, bool] = {}
        self._order: list[tuple[int, MemoryReport]] = []

    def skip(self, piece: bytes) -> bool:
        """Tell whether a piece of whole lines can be left out, and count it if so."""
        if self._open or any(mark in piece for mark in _MARKS):
            return False
        self.log.lines += piece.count(b"\n")
        self._before = b""
        return True

    def take(self, raw: bytes) -> None:
        """Take one line."""
        self.log.lines += 1
        if not self._open and not any(mark in raw for mark in _MARKS):
            self._before = raw if len(raw) < 200 else b""
            return
        line = _unwrapped(raw)
        self._note(line.text)
        caller = line.caller
        if line.caller is None and not line.layers and len(self._open) == 1:
            caller = next(iter(self._open))  # a line that goes on from the one before has no head of its own
        if not self._begins(line, caller):
            self._go_on(line, caller)
        self._before = raw

    def _note(self, text: str) -> None:
        """Take what stands outside of reports."""
        suppressed, version = _SUPPRESSED.search(text), _VERSION.search(text)
        if suppressed:
            self.log.suppressed += int(suppressed[1])
        if version:
            self._release = version[1]
        if _NO_ADDRESSES.search(text):
            self._no_addresses = self.log.lines
        self._confidential = self._confidential or bool(_CONFIDENTIAL.search(text))

    def _begins(self, line: Unwrapped, caller: str | None) -> bool:
        """Begin a report if the line does."""
        number, when = self.log.lines, line.when
        before = _unwrapped(self._before)
        match = _BEGIN.search(line.text)
        wrapped = None if match else _BEGIN.search(f"{before.text} {line.text}")
        if match or (wrapped and wrapped.end() > len(before.text) + 1):
            own = [line.text] if match else [before.text, line.text]
            opened = self._open.get(caller)
            if opened is not None and not match and opened.lines[-1:] == [before.text]:
                opened.lines.pop()
            self._begin(caller, _Open(number, when or before.when, True, before.text, own))
            return True
        opened = self._open.get(caller)
        if _MEM_INFO.search(line.text):
            show = "how Memory" in line.text
            if opened is not None and self._interrupted.get(caller) and not opened.zones:
                opened.mem_info = True  # of one of two reports that are mixed: both are kept in one
                return False
            if opened is None or opened.mem_info or show:
                if opened is not None and not opened.header and not opened.zones and not show:
                    opened.mem_info = True  # Show Memory, then Mem-Info
                    opened.lines.append(line.text)
                    return True
                self._begin(caller, _Open(number, when, False, "", [line.text], mem_info=not show))
                return True
            opened.mem_info = True
        elif opened is None and _ZONE.search(line.text):
            self._begin(caller, _Open(number, when, False, "", [line.text], zones=True))
            return True
        return False

    def _begin(self, caller: str | None, new: _Open) -> None:
        """Close what is open for a printer, and begin anew."""
        old = self._open.get(caller)
        # a header with nothing behind it, then another: what follows belongs to both, and nobody can tell which line
        begun = old is not None and (old.mem_info or old.zones)
        interrupted = caller is None and old is not None and old.header and new.header and not begun
        self._interrupted[caller] = interrupted or self._interrupted.get(caller, False)
        self.close(caller)
        new.no_addresses = new.header and new.line - self._no_addresses < _SAME_EVENT
        self._open[caller] = new
        self._interrupted[caller] = interrupted

    def _go_on(self, line: Unwrapped, caller: str | None) -> None:
        """Give a line to the report that it belongs to."""
        opened = self._open.get(caller)
        if opened is None:
            return
        known = known_line(line.text)
        opened.foreign = 0 if known else opened.foreign + 1
        opened.zones = opened.zones or bool(_ZONE.search(line.text))
        if len(opened.lines) < _MOST_LINES:
            opened.lines.append(line.text)
        if opened.foreign > _PATIENCE:
            del opened.lines[-opened.foreign :]
            self.close(caller)

    def close(self, caller: str | None) -> None:
        """Read a report whose lines are complete."""
        opened = self._open.pop(caller, None)
        if opened is None:
            return
        if len(self._order) >= _MOST_REPORTS:
            self.log.left_out += 1
            return
        header = self._header(opened) if opened.header else None
        report = MemoryReport(opened.line, opened.when, header, release=self._release)
        report.mixed = self._interrupted.pop(caller, False)
        report.confidential = self._confidential
        report.no_addresses = opened.no_addresses
        for found in read_report(report, opened.lines):
            if found.header is None and not found.zones and not found.facts and not found.nodes:
                continue
            self._order.append((opened.line, found))

    @staticmethod
    def _header(opened: _Open) -> ReportHeader | None:
        """Read the header; more lines are taken as long as it is not whole."""
        header = None
        for count in range(1, _HEADER_LINES):
            header = read_header(join_lines(opened.lines[:count]), opened.before) or header
            if header is not None and (count >= len(opened.lines) or _BEHIND_HEADER.match(opened.lines[count])):
                break
        return header

    def finish(self) -> MemoryLog:
        """Close everything."""
        for caller in list(self._open):
            self.close(caller)
        self.log.reports = [report for _, report in sorted(self._order, key=lambda item: item[0])]
        return self.log


def _unwrapped(raw: bytes) -> Unwrapped:
    return unwrap(raw[:LONGEST_LINE].decode("utf-8", "replace").replace("\0", " "))


def read_memory_log(file: IO[bytes]) -> MemoryLog:
    """Find and read the memory reports of a log.

    Parameters
    ----------
    file : binary file
        The log, from its present position on.

    Returns
    -------
    MemoryLog
        Reports and counts.

    Raises
    ------
    OSError
        If it cannot be read.

    Notes
    -----
    O(log), about 1 GB/s where no report is. Memory: one piece of 1 MiB, the open reports (4096 lines each at most), and
    what was read of at most 10,000 reports.

    Examples
    --------
    >>> import io
    >>> log = read_memory_log(io.BytesIO(b"app: page allocation failure: order:2, mode:0xcc0(GFP_KERNEL)\\n"))
    >>> log.reports[0].header.comm, log.reports[0].header.order, log.reports[0].zones
    ('app', 2, [])
    """
    reader = _LogReader()
    for piece in whole_lines(file):
        if not reader.skip(piece):
            lines = plain_mail(piece).split(b"\n")
            if lines[-1] == b"":
                lines.pop()
            for line in lines:
                reader.take(line)
    return reader.finish()
