"""A memory report and what it answers: the request, its zones, the verdict, and how sure that is."""

from dataclasses import dataclass, field
from typing import Any

from ..errors import MisuseError
from ..formats.meminfo_report import MemoryReport, ZoneText
from .checks import contradictions
from .otherwise import otherwise
from .request import ZONE_ORDER, Request, allowed_zones, class_index, make_request, names_of, zone_types
from .rules import Release, Rules, release_of, rules_of
from .verdict import ZoneVerdict, judge_zones, largest_order, overall

__all__ = ["Answer", "Options", "answer_report", "check_options"]

PAGE_SIZES = (4, 8, 16, 64)
MOST_ORDERS = 40
_CONSTRAINTS = {
    "CONSTRAINT_MEMCG": "memcg",
    "CONSTRAINT_CPUSET": "cpuset",
    "CONSTRAINT_MEMORY_POLICY": "mempolicy",
}
_FIELDS = [
    "free",
    "min",
    "low",
    "high",
    "boost",
    "present",
    "managed",
    "free_cma",
    "reserved_highatomic",
    "free_highatomic",
]


@dataclass(frozen=True)
class Options:
    """What the caller knows better than the text.

    Parameters
    ----------
    kernel : str or None
        Release of the kernel.
    page_kb : int or None
        Kilobytes of a page.
    order : int or None
        Order to ask about, for texts without a request.
    depth : int
        Functions to name a caller by.
    """

    kernel: str | None = None
    page_kb: int | None = None
    order: int | None = None
    depth: int = 1


@dataclass
class Answer:
    """What a report answers.

    Parameters
    ----------
    report : MemoryReport
        The text.
    release : Release
        Of the kernel.
    rules : Rules
        Its row.
    page_kb : int or None
        Kilobytes of a page; None if the text has no zone.
    request : Request or None
        None for SysRq-m.
    class_index : int or None
        What reserves go by.
    allowed : list of ZoneText
        Zones the request may use, first choice first.
    zones : list of ZoneVerdict
        What each of them answers.
    verdict : str or None
        None if nothing was asked.
    outside : dict or None
        What outside of the zones decided.
    notes : list of str
        What else should be known.
    doubts : list of str
        Where the text contradicts itself: the verdict is less sure.
    inferred : dict of str to str
        What was not printed and how it was found.
    """

    report: MemoryReport
    release: Release
    rules: Rules
    page_kb: int | None = None
    request: Request | None = None
    class_index: int | None = None
    allowed: list[ZoneText] = field(default_factory=list)
    zones: list[ZoneVerdict] = field(default_factory=list)
    verdict: str | None = None
    outside: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    inferred: dict[str, str] = field(default_factory=dict)

    @property
    def certain(self) -> bool | None:
        """Whether the verdict is certain for the moment of the text; None without a verdict."""
        if self.verdict is None:
            return None
        return self.verdict not in ("unknown", "contradiction") and not self.doubts

    def as_dict(self) -> dict[str, Any]:
        """Return the answer for JSON."""
        found: dict[str, Any] = {
            "watermark_rule": self.rules.blocks,
            "failure": _failure(self),
            "zones": _zones(self.report),
            "page_kb": self.page_kb,
            "allowed": [[zone.node, zone.zone] for zone in self.allowed],
            "why": [_why(verdict) for verdict in self.zones],
            "class_index": self.class_index,
            "verdict": self.verdict,
            "release": self.release.printed,
            "inferred": self.inferred,
            "notes": [*self.doubts, *self.notes],
            "certain": self.certain,
            "line": self.report.line,
            "when": self.report.when,
            "unknown": self.report.unknown,
        }
        return found if self.outside is None else found | {"outside": self.outside}


def answer_report(report: MemoryReport, options: Options | None = None) -> Answer:
    """Answer why a request failed, from the kernel's report about it.

    Parameters
    ----------
    report : MemoryReport
        The text, read.
    options : Options, optional
        What the caller knows better.

    Returns
    -------
    Answer
        The answer; its verdict is `unknown` where the text does not decide.

    Raises
    ------
    MisuseError
        If an option is out of range.

    Examples
    --------
    >>> import io
    >>> from ..formats.report_log import read_memory_log
    >>> text = (
    ...     b"app: page allocation failure: order:2, mode:0xcc0(GFP_KERNEL)\\n"
    ...     b"Node 0 Normal free:4000kB boost:0kB min:400kB low:500kB high:600kB present:8000kB managed:8000kB\\n"
    ...     b"lowmem_reserve[]: 0 0\\n"
    ...     b"Node 0 Normal: 600*4kB (UME) 200*8kB (UM) 0*16kB 0*32kB = 4000kB\\n"
    ... )
    >>> answer = answer_report(read_memory_log(io.BytesIO(text)).reports[0])
    >>> answer.verdict, answer.zones[0].extfrag, answer.inferred["release"]
    ('fragmented', 687, '6.3 or so, from boost: in the zone lines')
    """
    options = options or Options()
    check_options(options)
    release = release_of(report, options.kernel)
    answer = Answer(report, release, rules_of(release.numbers))
    if release.because:
        answer.inferred["release"] = f"{'.'.join(map(str, release.numbers))} or so, from {release.because}"
    if report.zones:
        answer.page_kb = _page_size(report, options, answer.inferred)
    _judge(answer, options)
    _judge_outside(answer)
    if report.mixed:
        answer.doubts.append("two reports were printed at the same time; their lines cannot be told apart")
    if answer.page_kb is not None:
        answer.doubts += contradictions(report, answer.page_kb, release.numbers, release.printed is not None)
    return answer


def check_options(options: Options) -> None:
    """Refuse options out of range."""
    if options.page_kb is not None and options.page_kb not in PAGE_SIZES:
        raise MisuseError(f"page_kb={options.page_kb}: allowed are {', '.join(map(str, PAGE_SIZES))}")
    if options.order is not None and not 0 <= options.order < MOST_ORDERS:
        raise MisuseError(f"order={options.order}: allowed range is 0..{MOST_ORDERS - 1}")
    if not 1 <= options.depth <= 64:
        raise MisuseError(f"depth={options.depth}: allowed range is 1..64")


def _page_size(report: MemoryReport, options: Options, inferred: dict[str, str]) -> int:
    """Return the kilobytes of a page: of the lists, else of the sums, else 4."""
    if options.page_kb is not None:
        inferred["page_kb"] = "given by the caller"
        return options.page_kb
    first = [zone.cells[0][1] for zone in report.zones if zone.cells]
    if first and max(first) > 0:
        return max(set(first), key=first.count)
    for name, pages in (("free", report.totals.get("free")), ("present", report.totals.get("pages RAM"))):
        total = sum(zone.fields.get(name, 0) for zone in report.zones)
        if pages and total and total // pages in PAGE_SIZES:
            inferred["page_kb"] = f"{total // pages} kB, from {name} in kB and in pages"
            return total // pages
    inferred["page_kb"] = "4 kB, assumed: neither lists nor sums tell"
    return 4


def _order_of(answer: Answer) -> int | None:
    """Return the order that was asked for; without an MMU the kernel prints a length, which one piece has to hold."""
    header = answer.report.header
    if header is None or header.length is None:
        return None if header is None else header.order
    pages = -(-header.length // ((answer.page_kb or 4) << 10))
    return (max(pages, 1) - 1).bit_length()


def _judge(answer: Answer, options: Options) -> None:
    """Fill in request, zones and verdict."""
    report, release, rules = answer.report, answer.release, answer.rules
    names, order = names_of(report, release), _order_of(answer)
    if report.header is None and options.order is not None:
        names, order = ("GFP_KERNEL",), options.order
        answer.inferred["request"] = f"order {order}, GFP_KERNEL: asked by the caller, not by the text"
    if report.header is not None and report.header.kind == "nommu":
        names = ("GFP_KERNEL",)
        answer.inferred["gfp"] = "GFP_KERNEL, by which a kernel without an MMU gets the memory of programs"
    elif report.header is not None and report.header.gfp is None and names is not None:
        answer.inferred["gfp"] = "names from the number of the mask"
    unprinted = report.header is not None and report.header.kind == "oom" and order is None
    if unprinted:
        order = 0
        answer.inferred["order"] = "0, the least that it can have been: kernels to 2.6.1x do not print it"
    if order is not None and not -1 <= order < MOST_ORDERS:
        answer.notes.append(f"order {order} is no order of an allocation")
        order = None
    if names is None or order is None:
        answer.verdict = None if report.header is None else "unknown"
        return
    request = make_request(max(order, 0), names, release, rules)
    types = zone_types(
        report.zones, release.numbers, rules.device, bool(report.totals.get("pages HighMem/MovableOnly"))
    )
    if types is not None:
        answer.inferred["class_index"] = f"zone types {' '.join(types)}, from the {len(types)} numbers of a reserve"
    answer.request = request
    answer.allowed = allowed_zones(report, request, types, _bound_to(report))
    answer.class_index = class_index(request, answer.allowed, types, rules)
    if any(zone.reserve is None for zone in answer.allowed):
        answer.inferred["reserve"] = "not printed for every zone; the highest of a node keeps nothing"
    answer.zones = judge_zones(
        answer.allowed, request, rules, answer.page_kb or 4, largest_order(report.zones), answer.class_index
    )
    answer.verdict = overall(answer.zones)
    if unprinted and answer.verdict == "contradiction":
        answer.verdict = "unknown"
        answer.notes.append("the order is not printed; one page would have been served, so more was asked for")
    answer.notes += [*_notes_on_zones(answer), *_notes_on_addresses(report, answer.page_kb or 4)]
    if answer.zones:
        answer.notes += otherwise(
            answer.zones, request, rules, answer.release, answer.page_kb or 4, answer.class_index, report
        )


def _bound_to(report: MemoryReport) -> tuple[int, ...] | None:
    """Return the nodes that a policy binds the request to."""
    if report.header is None:
        return None
    if report.header.nodemask is not None:
        return report.header.nodemask
    bound = report.facts.get("kill_nodemask")
    return bound if isinstance(bound, tuple) else None


def _notes_on_zones(answer: Answer) -> list[str]:
    """Return what should be known about the zones that are, and are not, in the text."""
    request, report = answer.request, answer.report
    notes: list[str] = []
    if request is None:
        return notes
    if report.zones and not answer.allowed:
        notes.append(f"no zone that {request.highest_zone} requests may use is in the text")
    if request.highest_zone in ("DMA", "DMA32") and answer.release.numbers >= (6, 1):
        others = [zone for zone in report.zones if ZONE_ORDER.index(zone.zone) > ZONE_ORDER.index(request.highest_zone)]
        if not others:
            notes.append(
                f"only zones up to {request.highest_zone} are allowed; the dump shows no other zone "
                "(since 6.1 the kernel leaves out zones above the highest allowed)"
            )
    if report.confidential and answer.rules.unaccepted:
        notes.append(
            "a confidential guest: memory that it has not accepted yet is free, is not printed, and does not count "
            "for a request, so less may have been left than is told here"
        )
    if "THISNODE" in request.flags and _bound_to(report) is None and len({zone.node for zone in report.zones}) > 1:
        notes.append(
            "the request was bound to one node (__GFP_THISNODE), the text does not say to which: all are judged"
        )
    return notes


def _notes_on_addresses(report: MemoryReport, page_kb: int) -> list[str]:
    """Return why vmalloc can fail that gets every page: no room in its range of addresses, or too much at once."""
    asked, pages = report.facts.get("vmalloc_bytes"), report.totals.get("pages RAM")
    notes = []
    if report.no_addresses:
        notes.append(
            "the range of addresses for vmalloc has no room, the log says: no free memory helps; "
            "the parameter vmalloc= makes the range larger where the kernel has it"
        )
    if isinstance(asked, int) and pages and asked > pages * page_kb << 10:
        notes.append(
            f"{asked} bytes were asked for at once, more than the machine has: vmalloc refuses that before it asks "
            "for a page"
        )
    return notes


def _judge_outside(answer: Answer) -> None:
    """Say what outside of the zones decided."""
    report, facts = answer.report, answer.report.facts
    reason = _CONSTRAINTS.get(str(facts.get("constraint")))
    if "oom_memcg" in facts or reason == "memcg":
        answer.outside = {"reason": "memcg", "cgroup": facts.get("oom_memcg")}
        answer.outside |= {name: facts[name] for name in ("usage_kb", "limit_kb") if name in facts}
        answer.verdict = "outside"
        answer.zones, answer.allowed = [], []
    elif report.header is not None and report.header.kind == "cma":
        answer.outside = {"reason": "cma", "pages": facts.get("cma_pages"), "error": facts.get("cma_error")}
        names = (("longest_free", "cma_longest"), ("free", "cma_free"), ("total", "cma_total"))
        answer.outside |= {name: facts[fact] for name, fact in names if fact in facts}
        answer.verdict = "outside"
    elif reason is not None:
        answer.outside = {"reason": reason}
    elif report.header is not None and report.header.kind == "oom" and report.header.order == -1:
        answer.outside = {"reason": "sysrq"}


def _failure(answer: Answer) -> dict[str, Any] | None:
    """Return the request as printed."""
    header, report = answer.report.header, answer.report
    if header is None:
        return None
    names = names_of(report, answer.release)
    found: dict[str, Any] = {
        "comm": header.comm,
        "order": _order_of(answer),
        "gfp_value": header.gfp_value,
        "gfp": None if names is None else list(names),
    }
    for name, nodes in (("mems_allowed", header.mems_allowed), ("nodemask", header.nodemask)):
        if nodes is not None:
            found[name] = list(nodes)
    if header.kind == "oom":
        found["oom"] = True
    if header.stall_ms is not None:
        found["stall_ms"] = header.stall_ms
    if "constraint" in report.facts:
        found["constraint"] = report.facts["constraint"]
    if answer.request is not None:
        found |= {"movable": answer.request.movable, "atomic": answer.request.atomic}
    return found


def _zones(report: MemoryReport) -> list[dict[str, Any]]:
    """Return the zones as printed."""
    orders = (largest_order(report.zones) or -1) + 1
    letters = any(marks for zone in report.zones for _, _, marks in zone.cells or ())
    found = []
    for zone in report.zones:
        cells = zone.cells
        if cells is not None and not cells:
            cells = [(0, 0, "")] * orders
        entry: dict[str, Any] = {"node": zone.node, "zone": zone.zone}
        entry |= {f"{name}_kb": zone.fields.get(name) for name in _FIELDS}
        entry["lowmem_reserve"] = zone.reserve
        entry["nr_free"] = None if cells is None else [count for count, _, _ in cells]
        entry["types"] = [marks for _, _, marks in cells] if letters and cells is not None else None
        entry["list_kb"] = zone.list_kb
        found.append(entry)
    return found


def _why(verdict: ZoneVerdict) -> dict[str, Any]:
    """Return a zone's answer."""
    return {
        "node": verdict.zone.node,
        "zone": verdict.zone.zone,
        "free_pages": verdict.free,
        "min_pages": verdict.low_mark,
        "mark_pages": verdict.mark,
        "reserve_pages": verdict.reserve,
        "order0_ok": verdict.order0_ok,
        "order_ok": verdict.order_ok,
        "largest_free_order": verdict.largest,
        "blocks_large_enough": verdict.blocks,
        "extfrag_index": verdict.extfrag,
        "unusable_index": verdict.unusable,
        "class": verdict.kind,
        "why": verdict.why,
    }
