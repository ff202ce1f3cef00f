"""The words of one memory report: lines that mail programs, journals and terminals broke are joined, then read.

Between the header and the end all lines are one text with single blanks, so it does not matter where they were broken.
A word that a terminal cut in two is mended where only the whole is a word of this text. Lines without any such word
(a USB device appears) are left out and counted.
"""

import re
from collections.abc import Iterable

from .gfpnames import mask_names
from .meminfo_report import MemoryReport, ReportHeader, ZoneText, node_list

__all__ = ["join_lines", "known_line", "read_header", "read_report"]

ZONES = ("DMA", "DMA32", "Normal", "HighMem", "Movable", "Device")
_ZONE = "|".join(sorted(ZONES, key=len, reverse=True))
_NUMBER = r"\d{1,20}"
_FIELD = re.compile(rf"([a-zA-Z_]+(?:\(\w+\))?):({_NUMBER})?(kB|KB)?")
_CELL = re.compile(rf"({_NUMBER})\*(\d{{1,10}})kB(?:\(([A-Z]+)\))?")
_LETTERS = re.compile(r"\(([A-Z]{1,8})\)")
_SUM = re.compile(rf"({_NUMBER})kB")
_PLAIN = re.compile(_NUMBER)
_TOKEN = re.compile(
    rf"{_FIELD.pattern}|{_CELL.pattern}|{_LETTERS.pattern}|{_NUMBER}|=|Node|(?:{_ZONE}):?|empty"
    r"|(?:lowmem_reserve|protections)\[\]:|all_unreclaimable\?|yes|no|page|allocation|failure[.:]|order[:=]-?\d+,?"
    r"|(?:mode:|gfp_mask=)0x[0-9a-fA-F]+(?:\([^()]*\))?,?|pages|total|pagecache|RAM|reserved|HighMem/MovableOnly"
    r"|swap|cache|Free|Total|Mem-[Ii]nfo:|nodemask=\S+|cpuset=\S+|mems_allowed=\S+"
)
_STRONG = re.compile(
    rf"{_FIELD.pattern}|{_CELL.pattern}|{_LETTERS.pattern}|(?:lowmem_reserve|protections)\[\]:|Node|(?:{_ZONE}):?"
)
_KEPT = re.compile(
    r"Comm:|comm:|\+0x[0-9a-f]+/0x|Call [Tt]race|pages (?:of )?(?:RAM|HIGHMEM|reserved|HighMem)|reserved pages"
    r"|swap|oom|constraint=|memory: usage|Memory cgroup|Task in /|[Oo]ut of memory|Killed process|Tainted|CPU:|cma: "
)
_TASK_ROW = re.compile(r"\[ *\d+\] +\d+ +\d+ |\[ *pid *\]")

_FAILURE = re.compile(
    r"page allocation (?:failure ?([.:])?|stalls for (\d{1,12}) ?ms[,:.]?) ?"
    r"order: ?(-?\d{1,3}),? ?mode: ?(0x[0-9a-fA-F]{1,16})"
)
_OOM = re.compile(r"(?:(.{1,64}) invoked )?oom-killer: ?(.{0,4096})", re.S)
_MOST_CELLS = 40
_STAMP = re.compile(r"\[ *\d{1,12}\.\d{1,9}\]")  # inside a line where a page has lost its line ends
_MASK = re.compile(r"(?:gfp_mask=|mode: ?)(0x[0-9a-fA-F]{1,16}) ?(?:\(([^()]*)\))?")
_NAMES = re.compile(r" ?\(([A-Za-z_0-9|\s]*)\)")
_ORDER = re.compile(r"order[=:] ?(-?\d{1,3})")
_NODEMASK = re.compile(r"nodemask= ?(\(null\)|[\d,-]*\d)")
_MEMS = re.compile(r"mems_allowed= ?([\d,-]*\d)")
_VMALLOC = re.compile(
    r"(?:(.{1,64}): )?vmalloc(?:: | error: )(?:[^\n]{0,120}?page order (\d{1,2}))?"
    r"[^\n]{0,200}?mode: ?(0x[0-9a-fA-F]{1,16})"
)
_NOMMU = re.compile(rf"Allocation of length ({_NUMBER}) from process (\d{{1,10}})(?: \(([^()]{{0,64}})\))? failed")
_VMALLOC_BYTES = re.compile(
    rf"vmalloc(?:: allocation failure(?:: |, allocated {_NUMBER} of )| error: size )({_NUMBER})(?: bytes|,)"
)
_CMA_RANGES = re.compile(r"number of available pages: ([\d@+]{1,4000})=> ?(\d{1,12}) free of (\d{1,12}) total")
_CMA = re.compile(r"cma:.{0,200}alloc failed, req-size: (\d{1,12}) pages?, ret: (-?\d{1,4})")
_RELEASE = re.compile(  # Red Hat prints dashes behind the letters, and a letter of its own behind the dashes
    r"(?:Not tainted|Tainted: [A-Z](?: *[A-Z])*?(?: \S{1,80}=\[[^\]]{0,80}\],?)*)(?: -+(?: [A-Z]+)*)?"
    r"\s+(\d{1,2}\.\d{1,3}\S{0,80})"
)
_PID = re.compile(r"\bP(?:ID|id): (\d{1,10})")
_CPU = re.compile(r"\bCPU: (\d{1,6})\b")
_FRAME = re.compile(r"(\? )?\b([A-Za-z_][\w.]{0,128})\+0x[0-9a-f]+/0x[0-9a-f]+")
_GLUED = re.compile(r"(?<=\d[kK]B)(?=\w)")  # blanks that a log lost
_CONSTRAINT = re.compile(r"constraint=(CONSTRAINT_\w+)")
_OOM_MEMCG = re.compile(r"oom_memcg=([^\s,]+)")
_USAGE = re.compile(rf"memory: usage ({_NUMBER})kB, limit ({_NUMBER})kB")
_TASK_IN = re.compile(r"Task in (\S+) killed as a result of limit of (\S+)")
_KILLED = re.compile(r"Kill(?:ed)? process (\d{1,10})\s*\(([^)]{0,64})\)|Kill process (\d{1,10})")
_TAIL = re.compile(
    rf"({_NUMBER}) (total pagecache pages|pages in swap cache|pages RAM|pages of RAM|pages HighMem/MovableOnly"
    r"|pages of HIGHMEM|pages reserved|reserved pages|pages cma reserved|pages hwpoisoned)"
)
_SWAP = re.compile(rf"(Free|Total) swap ?= ?({_NUMBER})kB")
_HUGE = re.compile(
    rf"(?:Node (\d{{1,6}}) )?hugepages_total=({_NUMBER}) hugepages_free=({_NUMBER}) hugepages_surp=({_NUMBER}) "
    rf"hugepages_size=({_NUMBER})kB"
)


def known_line(text: str) -> bool:
    """Tell whether a line without its envelope belongs to a report: its first word does, or half of all words do.

    Examples
    --------
    >>> known_line("lowmem_reserve[]: 0 0"), known_line("usb 1-0: new high-speed USB device number 4")
    (True, False)
    """
    words = text.split(None, 400)
    if not words:
        return False
    if _KEPT.search(text) or _TASK_ROW.match(text):
        return True
    tokens = [word for word in words if _TOKEN.fullmatch(word) or _SUM.fullmatch(word)]
    if 2 * len(tokens) < len(words):
        return bool(_STRONG.fullmatch(words[0]))
    return True


def join_lines(lines: Iterable[str]) -> str:
    """Make one text of lines; words that were cut in two are mended.

    Examples
    --------
    >>> join_lines(["Node 0 Normal free:409", "6kB min:8kB all_unreclai", "mable? no"])
    'Node 0 Normal free:4096kB min:8kB all_unreclaimable? no'
    """
    parts: list[str] = []
    last = ""
    for line in lines:
        words = line.split()
        if not words:
            continue
        if last and _cut(last, words[0]):
            parts[-1] += words[0]
            words = words[1:]
        parts.extend(words)
        last = parts[-1]
    return " ".join(parts)


def _cut(left: str, right: str) -> bool:
    """Tell whether two words are the halves of one that a terminal cut."""
    if len(left) + len(right) > 400 or not _TOKEN.fullmatch(left + right):
        return False
    if left == "=":
        return False
    return not (_TOKEN.fullmatch(left) and _TOKEN.fullmatch(right))


def read_header(text: str, before: str = "") -> ReportHeader | None:
    """Read the line that says what was asked for.

    Parameters
    ----------
    text : str
        The line without its envelope, and what a wrap made of its rest.
    before : str
        The line above it: a wrap may have left the name of the task there.

    Returns
    -------
    ReportHeader or None
        None if this is no such line.

    Examples
    --------
    >>> header = read_header("rx-2: page allocation failure. order:3, mode:0x4020")
    >>> header.comm, header.order, header.gfp_value, header.period
    ('rx-2', 3, 16416, True)
    """
    failure = _FAILURE.search(text)
    if failure:
        stalls = failure[2]
        header = ReportHeader("stall" if stalls else "failure", order=int(failure[3]), gfp_value=int(failure[4], 16))
        header.stall_ms = int(stalls) if stalls else None
        header.period = failure[1] == "."
        head = _STAMP.split(text[: failure.start()])[-1].strip() or (
            before.strip() if before.rstrip().endswith(":") else ""
        )
        header.comm = head.removesuffix(":").strip()[-64:] or None
        return _with_nodes(header, text[failure.end() :])
    oom = _OOM.search(text)
    if oom and "gfp_mask" in oom[2]:
        header = ReportHeader("oom", comm=_STAMP.split(oom[1] or "")[-1].strip()[-64:] or None)
        mask, order = _MASK.search(oom[2]), _ORDER.search(oom[2])
        header.order = int(order[1]) if order else None
        if mask is None:
            return header
        header.gfp_value = int(mask[1], 16)
        return _with_nodes(header, oom[2][mask.end(1) :])
    vmalloc = _VMALLOC.search(text)
    if vmalloc:  # asks for its pages one by one, or in such pieces
        header = ReportHeader("vmalloc", (vmalloc[1] or "")[-64:] or None, int(vmalloc[2] or 0), int(vmalloc[3], 16))
        return _with_nodes(header, text[vmalloc.end() :])
    nommu = _NOMMU.search(text)
    if nommu:
        return ReportHeader("nommu", nommu[3] or None, length=int(nommu[1]))
    cma = _CMA.search(text)
    return ReportHeader("cma") if cma else None


def _with_nodes(header: ReportHeader, rest: str) -> ReportHeader:
    """Take names and nodes from what stands behind the mask."""
    names = _NAMES.match(rest)
    if names:
        header.gfp = mask_names("".join(names[1].split()))
    nodemask, mems = _NODEMASK.search(rest), _MEMS.search(rest)
    header.nodemask = node_list(nodemask[1]) if nodemask else None
    header.mems_allowed = node_list(mems[1]) if mems else None
    return header


def read_report(report: MemoryReport, lines: list[str]) -> list[MemoryReport]:
    """Read the lines of a report.

    Parameters
    ----------
    report : MemoryReport
        With line, time and header; the rest is filled in.
    lines : list of str
        Its lines without their envelopes, the header's first.

    Returns
    -------
    list of MemoryReport
        This one, and further ones if zones stand there again without a header.

    Notes
    -----
    O(text).
    """
    kept = [_GLUED.sub(" ", line) for line in _known_lines(lines)]
    foreign = sum(1 for line in lines if line) - len(kept)
    if foreign:
        report.unknown["lines"] = report.unknown.get("lines", 0) + foreign
    rows = [line for line in kept if not _TASK_ROW.match(line)]
    _read_facts(report, join_lines(rows))
    report.stack = _stack(rows)
    reader = _Words(report)
    reader.read(join_lines(line for line in rows if not _is_frame(line)).split(" "))
    return reader.reports


def _is_frame(line: str) -> bool:
    """Tell whether a line is one of a stack, which may be another's: it stands between the words of a list, too."""
    return _FRAME.search(line) is not None and "Mem-" not in line and ":" not in line.rpartition("0x")[2]


def _stack(rows: list[str]) -> list[str]:
    """Return the functions above `Mem-Info:`; doubtful ones (`?`) only if there is no other, as old kernels print."""
    before: list[str] = []
    for row in rows:
        before.append(row)
        if row.startswith(("Mem-Info:", "Mem-info:")) or " free:" in row:
            break
    frames = [(match[1], match[2]) for match in _FRAME.finditer(join_lines(before))]
    certain = [name for doubtful, name in frames if not doubtful]
    return (certain or [name for _, name in frames])[:64]


def _known_lines(lines: Iterable[str]) -> list[str]:
    """Leave foreign lines out; what is left of a word that a terminal cut belongs to the line before."""
    kept: list[str] = []
    last = half = ""
    for line in lines:
        words = line.split(None, 1)
        if words and half and _cut(half, words[0]):
            kept.append(half)
        half = ""
        if words and (known_line(line) or (last and _cut(last, words[0]))):
            kept.append(line)
            last = line.rsplit(None, 1)[-1]
        elif len(words) == 1:
            half = words[0]  # the first half of a word, if the next line begins with the other
    return kept


def _read_facts(report: MemoryReport, text: str) -> None:
    """Read what stands outside of the zones."""
    release, pid, cpu = _RELEASE.search(text), _PID.search(text), _CPU.search(text)
    report.release = release[1] if release else report.release
    report.pid = int(pid[1]) if pid else None
    report.cpu = int(cpu[1]) if cpu else None
    for match in _TAIL.finditer(text):
        report.totals[match[2]] = int(match[1])
    for match in _SWAP.finditer(text):
        report.totals[f"{match[1]} swap kB"] = int(match[2])
    report.facts.update(_oom_facts(text))
    cma = _CMA.search(text)
    if cma:
        report.facts |= {"cma_pages": int(cma[1]), "cma_error": int(cma[2])}
    ranges = _CMA_RANGES.search(text)
    if ranges:
        lengths = [int(part.partition("@")[0][:12] or 0) for part in ranges[1].split("+")]
        report.facts |= {"cma_longest": max(lengths), "cma_free": int(ranges[2]), "cma_total": int(ranges[3])}
    asked = _VMALLOC_BYTES.search(text)
    if asked:
        report.facts["vmalloc_bytes"] = int(asked[1])
    huge = [tuple(int(value or 0) for value in match.groups()) for match in _HUGE.finditer(text)][:256]
    if huge:
        report.facts["hugepages"] = huge  # node, total, free, surplus, kB of a page
    mems = _MEMS.search(text)
    if report.header and report.header.mems_allowed is None and mems:
        report.header.mems_allowed = node_list(mems[1])


def _oom_facts(text: str) -> dict[str, object]:
    """Read why the OOM killer came, and what it did."""
    facts: dict[str, object] = {}
    constraint, memcg, usage = _CONSTRAINT.search(text), _OOM_MEMCG.search(text), _USAGE.search(text)
    if constraint:
        facts["constraint"] = constraint[1]
        kill = text[constraint.end() : constraint.end() + 600]
        nodemask = _NODEMASK.match(kill.lstrip(","))
        facts["kill_nodemask"] = node_list(nodemask[1]) if nodemask else None
    task_in = _TASK_IN.search(text)
    if memcg or task_in:
        facts["oom_memcg"] = memcg[1] if memcg else task_in[2] if task_in else None
    elif "Memory cgroup out of memory" in text:
        facts["oom_memcg"] = None
    if usage:
        facts |= {"usage_kb": int(usage[1]), "limit_kb": int(usage[2])}
    killed = _KILLED.search(text)
    if killed:
        facts["killed"] = killed[2] or killed[1] or killed[3]
    return facts


class _Words:
    """Walks over the words of a report; what a word means depends on the line that it stands in."""

    def __init__(self, report: MemoryReport) -> None:
        self.reports = [report]
        self._zone: ZoneText | None = None
        self._known: dict[tuple[int, str], ZoneText] = {}  # zones of the last report
        self._node: int | None = None
        self._place = "head"  # head, totals, node, zone, list

    def read(self, words: list[str]) -> None:
        """Take all words."""
        at = 0
        while at < len(words):
            at = self._take(words, at)

    def _take(self, words: list[str], at: int) -> int:
        """Take the words of one thing; return where the next begins."""
        word = words[at]
        after = words[at + 1] if at + 1 < len(words) else ""
        if word == "Node" and _PLAIN.fullmatch(after.rstrip(",")):
            return self._take_node(words, at)
        if word in ZONES and after.startswith(("free:", "per-cpu:")):
            return self._begin_zone(self._node or 0, word, at, per_cpu=after.startswith("per-cpu:"))
        if word.endswith(":") and word[:-1] in ZONES and (after == "empty" or _CELL.fullmatch(after)):
            return self._take_list(self._node or 0, words, at)
        if word in ("lowmem_reserve[]:", "protections[]:"):
            return self._take_reserve(words, at)
        if word in ("Mem-Info:", "Mem-info:"):
            self._place = "totals"
            return at + 1
        match = _FIELD.fullmatch(word)
        if match and self._place != "head":
            return self._take_field(match, words, at)
        if word == "all_unreclaimable?" and after in ("yes", "no"):
            self._set("all_unreclaimable", int(after == "yes"))
            return at + 2
        return at + 1

    def _take_node(self, words: list[str], at: int) -> int:
        """Take `Node N`: a zone line, a list, or a node line begins."""
        self._node = int(words[at + 1].rstrip(","))
        third = words[at + 2] if at + 2 < len(words) else ""
        if third.rstrip(":") not in ZONES:
            self._place, self._zone = "node", None
            return at + 2
        after = words[at + 3] if at + 3 < len(words) else ""
        if after.startswith("free:"):
            return self._begin_zone(self._node, third, at + 2)
        return at + 2

    def _begin_zone(self, node: int, name: str, at: int, per_cpu: bool = False) -> int:
        """Begin a zone line; a zone that stands there already begins a new report, or two are mixed."""
        if per_cpu:
            self._place, self._zone = "per-cpu", None
            return at + 2
        report = self.reports[-1]
        known = self._known.get((node, name))
        if known is not None and "free" in known.fields and not report.mixed:
            report = MemoryReport(report.line, report.when, release=report.release)
            self.reports.append(report)
            self._known = {}
            known = None
        if known is None or "free" in known.fields:
            zone = ZoneText(node, name)
            if known is None:
                report.zones.append(zone)
                self._known[node, name] = zone
            else:
                known.again = known.again or zone
            self._zone = zone
        else:
            self._zone = known
        self._place = "zone"
        return at + 1

    def _take_field(self, match: re.Match[str], words: list[str], at: int) -> int:
        """Take `name:value`; newer kernels print a blank between them in some."""
        value, step = match[2], 1
        if self._place == "per-cpu" and match[1].lower() in ("active", "active_anon"):
            self._place = "totals"
        if value is None:
            number = _SUM.fullmatch(words[at + 1]) if at + 1 < len(words) else None
            if number is None:
                return at + 1
            value, step = number[1], 2
        self._set(match[1], int(value))
        return at + step

    def _set(self, name: str, value: int) -> None:
        """Store a value where the line belongs."""
        if self._place == "zone" and self._zone is not None:
            self._zone.fields.setdefault(name, value)
        elif self._place == "node" and self._node is not None:
            self.reports[-1].nodes.setdefault(self._node, {}).setdefault(name, value)
        elif self._place == "totals":
            self.reports[-1].totals.setdefault(name.lower(), value)

    def _take_reserve(self, words: list[str], at: int) -> int:
        """Take the numbers behind `lowmem_reserve[]:`."""
        end = at + 1
        while end < len(words) and _PLAIN.fullmatch(words[end]):
            end += 1
        if end < len(words) and words[end] in ("total", "pages", "reserved"):
            end -= 1  # that number belongs to the lines at the end of the report
        if self._zone is not None and self._zone.reserve is None and end > at + 1:
            self._zone.reserve = [int(word) for word in words[at + 1 : end]]
            self._zone.protections = words[at].startswith("protections")
        return max(end, at + 1)

    def _take_list(self, node: int, words: list[str], at: int) -> int:
        """Take a free list."""
        report = self.reports[-1]
        name = words[at][:-1]
        zone = self._known.get((node, name))
        if zone is None:
            zone = self._known[node, name] = ZoneText(node, name)
            report.zones.append(zone)
        cells: list[tuple[int, int, str]] = []
        total: int | None = None
        broken = False
        at += 1
        if words[at] == "empty":
            at, total = at + 1, 0
        while at < len(words):
            if _PLAIN.fullmatch(words[at]) and at + 1 < len(words) and _CELL.fullmatch(words[at + 1]):
                words[at + 1] = words[at] + words[at + 1]  # a terminal cut inside the count
                at += 1
            cell = _CELL.fullmatch(words[at])
            if cell is None:
                break
            letters = cell[3] or ""
            at += 1
            if cells and int(cell[2]) != 2 * cells[-1][1]:
                broken = True  # a cell is lost: what follows has another order than its place says
            if at < len(words) and (mark := _LETTERS.fullmatch(words[at])):
                letters, at = mark[1], at + 1
            if not broken and len(cells) < _MOST_CELLS:
                cells.append((int(cell[1]), int(cell[2]), letters))
        if at + 1 < len(words) and words[at] == "=" and (mark := _SUM.fullmatch(words[at + 1])):
            total, at = None if broken else int(mark[1]), at + 2
        if zone.cells is None:
            zone.cells, zone.list_kb = cells, total
        elif (zone.cells, zone.list_kb) != (cells, total):
            zone.again = zone.again or ZoneText(node, name)
            zone.again.cells, zone.again.list_kb = cells, total
        self._place, self._zone = "list", None
        return at
