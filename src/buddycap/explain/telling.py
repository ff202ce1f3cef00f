"""The answer of a memory report as a person reads it."""

from ..escape import for_terminal
from ..formats.meminfo_report import MemoryReport, ZoneText
from ..formats.stacks import caller_of, is_plumbing
from .memory import Answer
from .verdict import ZoneVerdict
from .words import bytes_of, listed, paragraph, size, wrapped, zone_name

__all__ = ["headline", "told"]

_HEADS = {
    "impossible": "impossible",
    "below-mark": "memory is used up",
    "reserve": "what is free is kept for others",
    "fragmented": "fragmented",
    "wrong-types": "wrong kind of free",
    "high-order-mark": "too few large pieces for the mark",
    "contradiction": "the text contradicts itself",
    "outside": "a limit outside of the zones",
    "unknown": "cannot be told",
}
_LETTERS = {"C": "CMA", "H": "high-atomic", "I": "isolated", "R": "reserve"}
_DECIDING = {"THISNODE", "NORETRY", "MEMALLOC", "NOMEMALLOC", "HIGH", "HIGHMEM", "MOVABLE", "ATOMIC"}
_FEW_NOTES = 4


def headline(answer: Answer) -> str:
    """Return the first line: who asked for what, and the verdict.

    Examples
    --------
    >>> from .rules import Release, rules_of
    >>> headline(Answer(MemoryReport(1), Release((2, 6, 32)), rules_of((2, 6, 32))))
    'the state of memory; nothing was asked for'
    """
    header = answer.report.header
    if header is None and answer.request is None:
        return "the state of memory; nothing was asked for"
    who = "somebody" if header is None or not header.comm else for_terminal(header.comm)
    verb = "made the OOM killer come: asked" if header is not None and header.kind == "oom" else "asked"
    if header is not None and header.stall_ms is not None:
        verb = f"has waited {header.stall_ms / 1000:.1f} s: asked"
    if answer.outside == {"reason": "sysrq"}:
        return f"a person called the OOM killer (SysRq-f, {who}); a request for one page: {_sysrq_verdict(answer)}."
    if header is not None and header.kind == "cma":
        pages, error = answer.report.facts.get("cma_pages"), str(answer.report.facts.get("cma_error"))
        why = {"-16": "others in the area could not be moved", "-12": "no free range is long enough"}
        amount = size(pages * (answer.page_kb or 4)) if isinstance(pages, int) else "?"
        return f"CMA could not give {pages} pages ({amount}) in one piece: {why.get(error, 'error ' + error)}."
    if answer.request is None:
        return f"{who} {verb} for memory: {_HEADS[answer.verdict or 'unknown']}."
    request = answer.request
    names = for_terminal("|".join(_telling_names(request.gfp))) or "no flags"
    what = f"{bytes_of(request.order, answer.page_kb or 4)} (order {request.order}"
    if "order" in answer.inferred:
        what = "memory (order not printed"
    verdict = _HEADS[answer.verdict or "unknown"]
    if answer.verdict == "fragmented" and _lacks(answer) > 0:
        verdict = "too little, and in small pieces"
    if answer.verdict == "reserve" and _own_protection(answer):
        verdict = _HEADS["below-mark"]
    if answer.verdict == "below-mark" and any(zone.zone == "HighMem" for zone in _barred(answer)):
        verdict = "low memory is used up"
    return f"{who} {verb} for {what}, {names}): {verdict}."


def _sysrq_verdict(answer: Answer) -> str:
    """Return what one page would have got: that there is enough is no contradiction where nothing failed."""
    verdict = answer.verdict or "unknown"
    return "there was enough" if verdict == "contradiction" else _HEADS[verdict]


def _telling_names(gfp: tuple[str, ...]) -> list[str]:
    """Return the names of a mask that decide about zones and marks; all if there is no such name."""
    return [name for name in gfp if not name.startswith("__") or name[6:] in _DECIDING] or list(gfp)


def _barred(answer: Answer) -> list[ZoneText]:
    """Return the zones with free memory that the request may not use."""
    allowed = {id(zone) for zone in answer.allowed}
    return [zone for zone in answer.report.zones if id(zone) not in allowed and zone.fields.get("free", 0) > 0]


def _may_use(answer: Answer) -> str:
    """Say which zones and which blocks the request may use."""
    request, several = answer.request, _several(answer)
    if request is None:
        return ""
    zones = [zone_name(zone, several) for zone in answer.allowed]
    text = f"{', '.join(zones[:6])}{' ...' if len(zones) > 6 else ''}"
    barred = [f"{zone_name(zone, several)} ({size(zone.fields['free'])} free)" for zone in _barred(answer)]
    if barred:
        text += f"; not {', '.join(barred[:3])}{' ...' if len(barred) > 3 else ''}"
    rules = answer.rules
    may = (
        ("CMA", request.movable and rules.cma != "no"),
        ("high-atomic", request.takes_highatomic and rules.highatomic),
    )
    kinds = [name for name, allowed in may if allowed]
    text += f". Blocks: ordinary{' and ' + listed(kinds) if kinds else ' ones only'}. It may"
    text += f"{'' if request.may_sleep else ' not'} wait{', and dips into the reserve' if request.high else ''}."
    caller = caller_of(answer.report.stack)
    if caller and not is_plumbing(caller):
        text += f" Asked by {for_terminal(caller)[:60]}."
    return wrapped("May use: ", text)


def told(answer: Answer) -> str:
    """Return the whole answer; the lines are at most 79 columns wide.

    Parameters
    ----------
    answer : Answer
        Of `answer_report`.

    Returns
    -------
    str
        Several lines, each with its end.
    """
    parts = [wrapped("", headline(answer))]
    if answer.outside is not None and answer.outside["reason"] in ("memcg", "cma"):
        parts.append(_told_outside(answer))
    elif answer.zones:
        parts += [_told_first(answer), _table(answer), _may_use(answer)]
    elif answer.report.zones:
        parts.append(_state(answer))
    parts += _advice(answer)
    notes = [*answer.doubts, *answer.notes]
    parts += [wrapped("Note: ", for_terminal(note)) for note in notes[:_FEW_NOTES]]
    if len(notes) > _FEW_NOTES:
        parts.append(f"and {len(notes) - _FEW_NOTES} notes more; --json has all")
    sure = _how_sure(answer)
    if sure:
        parts.append(wrapped("", sure))
    return "\n".join(part for part in parts if part) + "\n"


def _several(answer: Answer) -> bool:
    return len({zone.node for zone in answer.report.zones}) > 1


def _main(answer: Answer) -> ZoneVerdict:
    """Return the zone that the verdict of the report is about."""
    kind = answer.verdict
    wanted = {"impossible": "too-small", "contradiction": "would-succeed"}.get(kind or "", kind)
    return next((verdict for verdict in answer.zones if verdict.kind == wanted), answer.zones[0])


def _own_protection(answer: Answer) -> bool:
    """Tell whether what refused is the zone's protection of itself, a second mark that kernels to 2.6.10 have."""
    zone = _main(answer).zone
    return zone.protections and zone.zone == answer.allowed[0].zone


def _left(zone: ZoneVerdict) -> int:
    """Return the pages above what must stay free."""
    return (zone.free or 0) - zone.kept_highatomic - zone.kept_cma - (zone.mark or 0) - (zone.reserve or 0)


def _lacks(answer: Answer) -> int:
    """Return how many pages more must be free for the wanted size to be there at all, in one piece or not."""
    zone, order = _main(answer), answer.request.order if answer.request else 0
    return max((1 << order) - _left(zone), 0)


def _told_first(answer: Answer) -> str:
    """Say in words what the zone answers that decides."""
    zone, kb = _main(answer), answer.page_kb or 4
    name = zone_name(zone.zone, _several(answer))
    free = size((zone.free or 0) * kb)
    left = _left(zone) * kb
    largest = "" if zone.largest is None else f", in pieces of up to {size(kb << zone.largest)}"
    text = {
        "too-small": f"{name} has {_zone_size(zone)} in all, {free} free: no freeing can make it enough.",
        "below-mark": f"In {name} {free} are free, {size(max(-left, 0))} below what must stay free.",
        "reserve": f"In {name} {free} are free, but {size((zone.reserve or 0) * kb)} "
        + (
            "must stay free besides the mark."
            if _own_protection(answer)
            else "are kept for requests that need that zone."
        ),
        "fragmented": f"In {name} {free} are free, {size(left)} above what must stay free,{' but' if largest else ''}"
        f"{largest.removeprefix(',')}{' only' if largest else ''} (index {(zone.extfrag or 0) / 1000:.3f}).",
        "wrong-types": f"In {name} {free} are free{_in_cma(zone, kb)}{largest}, but the large ones are "
        f"{_kinds(zone)} blocks, which "
        "this request may not take.",
        "high-order-mark": f"In {name} {free} are free{largest}, but too little of it in large pieces to "
        "stay above the mark.",
        "would-succeed": f"In {name} {free} are free{largest}: enough for this request when the text was written.",
    }.get(zone.kind, f"In {name} nothing can be decided: {zone.why}.")
    return paragraph(text, "  ")


def _in_cma(zone: ZoneVerdict, kb: int) -> str:
    return f" ({size(zone.kept_cma * kb)} of it CMA)" if zone.kept_cma else ""


def _zone_size(zone: ZoneVerdict) -> str:
    fields = zone.zone.fields
    return size(fields.get("managed", fields.get("present", 0)))


def _kinds(zone: ZoneVerdict) -> str:
    return listed([_LETTERS.get(letter, letter) for letter in zone.why.rpartition(" ")[2]])


def _table(answer: Answer) -> str:
    """Return the arithmetic, zone by zone, in pages: what is free, what does not count, and what must stay."""
    several = _several(answer)
    names = {id(zone): zone_name(zone.zone, several) for zone in answer.zones}
    width = max(len("zone"), *map(len, names.values()))
    rows: list[tuple[str, list[str], str]] = []
    heads = ["free", "-CMA", "-atomic", "-kept", "-mark", "=left"]
    for zone in answer.zones[:8]:
        known = zone.free is not None and zone.mark is not None and zone.reserve is not None
        cells = (
            zone.free,
            zone.kept_cma,
            zone.kept_highatomic,
            zone.reserve,
            zone.mark,
            _left(zone) if known else None,
        )
        numbers = ["?" if cell is None else str(cell) for cell in cells]
        rows.append((names[id(zone)], numbers, _largest(zone, answer.page_kb or 4)))
    columns = [max(7, *(len(numbers[at]) for _, numbers, _ in rows)) for at in range(len(heads))]
    lines = []
    for name, numbers, piece in [("pages", heads, "largest piece"), *rows]:
        aligned = "".join(f" {number:>{wide}}" for number, wide in zip(numbers, columns, strict=True))
        lines.append(f"  {name:<{width}}{aligned}  {piece}")
    if len(answer.zones) > 8:
        lines.append(f"  and {len(answer.zones) - 8} zones more; --json has all")
    return "\n".join(lines)


def _largest(zone: ZoneVerdict, kb: int) -> str:
    """Return the largest free piece and its types."""
    if zone.largest is None or not zone.zone.cells:
        return "none" if zone.zone.cells is not None else "not told"
    letters = zone.zone.cells[zone.largest][2] if zone.largest < len(zone.zone.cells) else ""
    return size(kb << zone.largest) + (f" {letters}" if letters else "")


def _state(answer: Answer) -> str:
    """Return free memory and its largest piece, zone by zone."""
    kb, several = answer.page_kb or 4, _several(answer)
    lines = []
    for zone in [zone for zone in answer.report.zones if zone.fields.get("present", 1)][:16]:
        fields = zone.fields
        largest = max((o for o, (count, _, _) in enumerate(zone.cells or ()) if count), default=None)
        piece = "no list" if zone.cells is None else "nothing" if largest is None else size(kb << largest)
        short = ", short" if fields.get("free", 0) < fields.get("min", 0) else ""
        pages = fields.get("managed", fields.get("present"))
        whole = "?" if pages is None else size(pages)
        line = f"  {zone_name(zone, several):<15}{size(fields.get('free', 0)):>7} free of {whole:>7}"
        lines.append(f"{line}, min {size(fields.get('min', 0)):>7}, largest {piece}{short}")
    return "\n".join(lines)


def _told_outside(answer: Answer) -> str:
    """Say which limit it was."""
    outside = answer.outside or {}
    if outside["reason"] == "cma":
        busy = {
            -16: "pages in the area could not be moved away (-EBUSY)",
            -12: "no free range is long enough (-ENOMEM)",
        }
        text = f"{busy.get(outside['error'] or 0, 'error ' + str(outside['error']))}."
        if "longest_free" in outside:
            text += f" Free are {outside['free']} of {outside['total']} pages of the area, the longest range "
            text += f"{outside['longest_free']}. With -EBUSY page_owner tells who holds the others."
        return paragraph(text[0].upper() + text[1:], "  ")
    cgroup = for_terminal(str(outside["cgroup"] or "a memory cgroup"))
    text = f"The limit of {cgroup} was reached, not that of the machine; the zones say nothing about it."
    if "usage_kb" in outside:
        text += f" It used {size(outside['usage_kb'])} of {size(outside['limit_kb'])}."
    killed = answer.report.facts.get("killed")
    if killed:
        text += f" {for_terminal(str(killed))} was killed."
    return paragraph(text, "  ")


def _advice(answer: Answer) -> list[str]:
    """Say what would have helped, as far as it follows from the numbers."""
    kind, request = answer.verdict, answer.request
    if kind == "outside" and (answer.outside or {}).get("reason") == "memcg":
        return [
            wrapped("Helps: ", "a higher limit, or less use inside the cgroup; more memory in the machine does not.")
        ]
    if request is None or not answer.zones or kind is None:
        return [] if answer.verdict != "unknown" else [_missing(answer.report)]
    zone, kb = _main(answer), answer.page_kb or 4
    served = _smaller(answer)
    smaller = f" {_request_of(served, kb)} would have been served." if served is not None else ""
    lacks = _lacks(answer)
    short = max((zone.mark or 0) + (zone.reserve or 0) - (zone.free or 0) + zone.kept_cma + zone.kept_highatomic + 1, 0)
    if answer.outside == {"reason": "sysrq"} and kind == "contradiction":
        return []
    text = {
        "fragmented": (
            f"first {size(lacks * kb)} more free memory in {zone_name(zone.zone, _several(answer))}, then "
            if lacks
            else ""
        )
        + "compaction, as far as this memory is movable (vm.compact_memory shows it)."
        + smaller,
        "wrong-types": "a movable request could use CMA blocks; this one needs memory outside of them." + smaller
        if "C" in zone.why.rpartition(" ")[2]
        else "these blocks are kept for atomic requests; compaction can make others." + smaller,
        "high-order-mark": "more free memory in large pieces: compaction, or a little more reclaim." + smaller,
        "below-mark": f"{size(short * kb)} more free memory in {zone_name(zone.zone, _several(answer))}: reclaim, or "
        f"less use. min_free_kbytes creates none.{_users(answer.report, kb)}",
        "reserve": "more free memory: reclaim, or less use."
        if _own_protection(answer)
        else f"memory in the zones above, or a smaller reserve (vm.lowmem_reserve_ratio).{smaller}",
        "impossible": "another mask, or a smaller request: neither memory nor compaction is the reason.",
        "contradiction": _readings(answer),
    }.get(kind)
    label = "Possible: " if kind == "contradiction" else "Helps: "
    return [wrapped(label, text)] if text else [_missing(answer.report)]


def _smaller(answer: Answer) -> int | None:
    """Return the largest order below the wanted one whose pieces are there and usable, above the mark."""
    zone, request = _main(answer), answer.request
    cells = zone.zone.cells
    if request is None or not cells or zone.free is None or not zone.order0_ok:
        return None
    usable = set("UMER") | set("C" if request.movable else "") | set("H" if request.takes_highatomic else "")
    room = zone.free - zone.kept_cma - zone.kept_highatomic - (zone.mark or 0) - (zone.reserve or 0)
    orders = range(min(request.order, len(cells)) - 1, -1, -1)
    return next(
        (o for o in orders if room >= 1 << o and any(c and (not m or set(m) & usable) for c, _, m in cells[o:])), None
    )


def _request_of(order: int, kb: int) -> str:
    return f"Order {order} ({size(kb << order)})" if order else "A single page"


def _users(report: MemoryReport, kb: int) -> str:
    """Say who has the memory, if the totals tell."""
    totals = report.totals
    if "active_anon" not in totals:
        return ""
    groups = {
        "anonymous memory": totals.get("active_anon", 0) + totals.get("inactive_anon", 0),
        "files": totals.get("active_file", 0) + totals.get("inactive_file", 0),
        "unreclaimable slab": totals.get("slab_unreclaimable", 0),
        "page tables": totals.get("pagetables", 0),
    }
    name, pages = max(groups.items(), key=lambda item: item[1])
    return f" Most is in {name}: {size(pages * kb)}." if pages else ""


def _readings(answer: Answer) -> str:
    """List how a request can fail that the numbers would serve."""
    text = "(a) memory was freed while the text was written"
    pcp = answer.report.totals.get("free_pcp", 0)
    if pcp:
        text += f", and {size(pcp * (answer.page_kb or 4))} lie on per-CPU lists"
    text += "; (b) the marks were higher then"
    request = answer.request
    if request is not None and ("NORETRY" in request.flags or not request.may_sleep):
        text += "; (c) this request gives up early, its attempt went by the low mark"
    refusing = _refusing_nodes(answer)
    bound = f", or it was bound to node {refusing}, whose zones refuse it" if refusing else ""
    return text + f"; (d) a limit that is no zone's (cgroup, cpuset){bound}; (e) a debugging option refused the page."


def _refusing_nodes(answer: Answer) -> str:
    """Return the nodes of which no zone would serve the request."""
    serving = {zone.zone.node for zone in answer.zones if zone.kind == "would-succeed"}
    return (
        listed([str(node) for node in sorted({zone.zone.node for zone in answer.zones} - serving)[:4]], "or")
        if len({zone.zone.node for zone in answer.zones}) > len(serving)
        else ""
    )


def _missing(report: MemoryReport) -> str:
    """Say which text would tell more."""
    if not report.zones:
        return wrapped("Missing: ", "the lines behind Mem-Info, with the zones and their lists; give the whole dmesg.")
    return wrapped("Missing: ", "numbers that decide; give the whole report, as dmesg prints it.")


def _how_sure(answer: Answer) -> str:
    """Say how sure the verdict is, and what this text cannot tell."""
    if answer.verdict is None:
        return "What was asked for cannot be told from this text; --order N asks what a request would get."
    if answer.verdict in ("unknown", "outside"):
        return ""
    release = answer.release.printed or f"{'.'.join(map(str, answer.release.numbers))} assumed"
    if answer.verdict == "contradiction" and answer.outside != {"reason": "sysrq"}:
        return f"Not sure: numbers and failure do not fit ({for_terminal(release)})."
    doubt = "; the text has contradictions, so less sure" if answer.doubts else ""
    return (
        f"Certain for the moment of the text and an ordinary task (rule of kernel {for_terminal(release)}){doubt}. "
        "Not told: which pages could be moved, who holds them, and whether the task may use all reserves."
    )
