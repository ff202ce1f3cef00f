"""Would the verdict be another one, if what the text does not tell were otherwise? Then it is said."""

from collections.abc import Callable
from dataclasses import replace

from ..formats.meminfo_report import MemoryReport, ZoneText
from .request import Request, make_request
from .rules import TYPES, Release, Rules, rules_of
from .verdict import ZoneVerdict, judge_zone, judge_zones, largest_order, overall

__all__ = ["otherwise"]

PAGEBLOCK_KB = 2048
_NEIGHBOURS = {True: (3, 12), False: (4, 9)}  # a release with the other test of blocks


def otherwise(
    verdicts: list[ZoneVerdict],
    request: Request,
    rules: Rules,
    release: Release,
    page_kb: int,
    index: int | None,
    report: MemoryReport,
) -> list[str]:
    """Return a sentence for everything unknown that would change the verdict.

    Parameters
    ----------
    verdicts : list of ZoneVerdict
        Of the allowed zones.
    request : Request
        What was asked for.
    rules : Rules
        Of the kernel.
    release : Release
        Of the kernel, and whether it was printed.
    page_kb : int
        Kilobytes of a page.
    index : int or None
        Class of the request.
    report : MemoryReport
        The text.
    """
    zones, largest = [verdict.zone for verdict in verdicts], largest_order(report.zones)
    verdict = overall(verdicts)
    found: list[str] = []
    orders = None if largest is None else largest + 1

    def judged(other: list[ZoneText], own: Request = request, row: Rules = rules) -> str:
        return overall(judge_zones(other, own, row, page_kb, largest, index))

    either = _either(verdicts, lambda zone, first: judge_zone(zone, request, rules, page_kb, orders, index, first))
    if either is not None:
        found.append(f"two reports are mixed; whichever of the numbers belong to this one: {either}")
    if rules.highatomic and request.spares_highatomic and not any(_tells_highatomic(zone) for zone in zones):
        capped = judged([_with_cap(zone) for zone in zones])
        if capped != verdict:
            found.append(
                "how much is kept for atomic requests is not printed; "
                f"with the most it can be (1 % of the zone): {capped}"
            )
    if verdict == "contradiction" and ("NORETRY" in request.flags or not request.may_sleep):
        low = judged([replace(zone, fields=zone.fields | {"min": zone.fields.get("low", 0)}) for zone in zones])
        if low != "contradiction":
            found.append(f"measured against low instead of min, as attempts that give up early are: {low}")
    if verdict == "contradiction" and request.movable and any(zone.fields.get("free_cma") for zone in zones):
        without = judged(zones, replace(request, movable=False))
        if without != "contradiction":
            found.append(f"if this kernel keeps CMA blocks from such requests, as those of some vendors do: {without}")
    if release.because and verdict != "unknown":
        numbers = _NEIGHBOURS[rules.blocks == TYPES]
        row = rules_of(numbers)
        other = judged(zones, make_request(request.order, request.gfp, Release(numbers), row), row)
        if other != verdict:
            name = ".".join(map(str, numbers))
            found.append(f"the release is not printed; by the rules of {name} the verdict would be: {other}")
    if (6, 1) <= release.numbers < (6, 1, 192):
        row = rules_of((6, 3))
        other = judged(zones, make_request(request.order, request.gfp, Release((6, 3)), row), row)
        if other != verdict:
            found.append(f"late updates of 6.1 have the rules of 6.3, by which the verdict would be: {other}")
    if any(word in (release.printed or "") for word in ("android", "-perf")) and any(v.kept_cma for v in verdicts):
        found.append("kernels of Android have rules of their own for CMA: that part is uncertain")
    return found


def _either(verdicts: list[ZoneVerdict], judge: Callable[[ZoneText, bool], ZoneVerdict]) -> str | None:
    """Return the verdict of zones that stand in the text twice, if it is the same with either line and either list."""
    if not any(verdict.zone.doubled for verdict in verdicts):
        return None
    nodes: set[int] = set()
    found = []
    for verdict in verdicts:
        zone, other = verdict.zone, verdict.zone.again or verdict.zone
        lines = [zone.fields, other.fields or zone.fields]
        lists = [
            (zone.cells, zone.list_kb),
            (zone.cells, zone.list_kb) if other.cells is None else (other.cells, other.list_kb),
        ]
        every = [
            judge(replace(zone, fields=fields, cells=cells, list_kb=total, again=None), zone.node not in nodes)
            for fields in lines
            for cells, total in lists
        ]
        if len({one.kind for one in every}) > 1:
            return None
        nodes.add(zone.node)
        found.append(every[0])
    return overall(found)


def _tells_highatomic(zone: ZoneText) -> bool:
    """Whether the zone's line tells what is kept for atomic requests."""
    return bool({"reserved_highatomic", "free_highatomic"} & set(zone.fields))


def _with_cap(zone: ZoneText) -> ZoneText:
    """Return a zone with the most that can be kept for atomic requests: 1 %, rounded up to a pageblock."""
    size = zone.fields.get("managed", zone.fields.get("present", 0)) // 100
    return replace(zone, fields=zone.fields | {"reserved_highatomic": -(-size // PAGEBLOCK_KB) * PAGEBLOCK_KB})
