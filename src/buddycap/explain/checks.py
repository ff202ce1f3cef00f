"""Does a report agree with itself? Sums that must hold, and what a difference says; each becomes a sentence."""

from ..formats.meminfo_report import MemoryReport, ZoneText
from .words import zone_name

__all__ = ["contradictions"]

LAG_PAGES = 125  # a CPU's counter may lag by so many pages
UNKNOWN_CPUS = 64


def contradictions(report: MemoryReport, page_kb: int, release: tuple[int, ...], printed: bool) -> list[str]:
    """Return what in a report does not fit together, one sentence each.

    Parameters
    ----------
    report : MemoryReport
        The report.
    page_kb : int
        Kilobytes of a page.
    release : tuple of int
        Of the kernel.
    printed : bool
        Whether the release was printed, so that letters can contradict it.

    Examples
    --------
    >>> zone = ZoneText(0, "Normal", {"free": 640_000}, None, False, [(400_000, 4, "")], 1_600_000)
    >>> contradictions(MemoryReport(1, zones=[zone], cpu=3), 4, (6, 1), True)
    ['Normal: 640000 kB free in its line, 1600000 kB in its list: this is not one moment, pages moved meanwhile']
    """
    several = len({zone.node for zone in report.zones}) > 1
    found = [note for zone in report.zones for note in _of_zone(zone, zone_name(zone, several), report, page_kb)]
    lag = _lag_kb(report, page_kb)
    total = report.totals.get("free")
    if total is not None and report.zones:
        free = sum(zone.fields.get("free", 0) for zone in report.zones)
        left_out = release >= (6, 1) and free < total * page_kb  # zones above the highest allowed are not printed
        if not left_out and abs(free - total * page_kb) > lag * max(len(report.zones), 1):
            found.append(
                f"the zones have {free} kB free, the whole {total * page_kb} kB: "
                "zones are missing, or it is no one moment"
            )
    letters = {letter for zone in report.zones for _, _, marks in zone.cells or () for letter in marks}
    if printed and "R" in letters and release >= (4, 4):
        found.append("reserve blocks (R) in the lists: a kernel before 4.4 printed this, whatever its release says")
    if printed and "H" in letters and release < (4, 4):
        found.append("high-atomic blocks (H) in the lists: a kernel since 4.4 printed this, whatever its release says")
    header = report.header
    if header is not None and header.gfp and "__GFP_NOWARN" in header.gfp and header.kind == "failure":
        found.append("__GFP_NOWARN is set, and yet the kernel printed this: a patched kernel")
    return found


def _lag_kb(report: MemoryReport, page_kb: int) -> int:
    """Return how far counters may be from the lists, because each CPU keeps some pages to itself."""
    cpus = UNKNOWN_CPUS if report.cpu is None else report.cpu + 1
    return LAG_PAGES * cpus * page_kb


def _of_zone(zone: ZoneText, name: str, report: MemoryReport, page_kb: int) -> list[str]:
    """Return what does not fit inside one zone."""
    fields, found = zone.fields, []
    cells = zone.cells or []
    total = sum(count * size for count, size, _ in cells)
    if zone.list_kb is not None and cells and total != zone.list_kb:
        found.append(f"{name}: the list adds up to {total} kB, {zone.list_kb} kB are printed: a cell is damaged")
    free = fields.get("free")
    if free is not None and cells and zone.list_kb is not None:
        more = total - free
        isolated = any("I" in marks for _, _, marks in cells)
        if isolated and more > 0:
            found.append(
                f"{name}: {more} kB on the list are not counted as free: isolated blocks (I); "
                "compaction or cma_alloc is at work"
            )
        elif abs(more) > _lag_kb(report, page_kb):
            found.append(
                f"{name}: {free} kB free in its line, {total} kB in its list: "
                "this is not one moment, pages moved meanwhile"
            )
    if not fields.get("min", 0) <= fields.get("low", fields.get("min", 0)) <= fields.get("high", 1 << 70):
        found.append(f"{name}: min, low and high do not rise")
    if fields.get("min", 0) > fields.get("present", fields.get("min", 0)) > 0:
        found.append(f"{name}: min {fields['min']} kB is more than present {fields['present']} kB")
    if free is not None and fields.get("free_cma", 0) > free:
        found.append(f"{name}: free_cma {fields['free_cma']} kB is more than free {free} kB")
    if "present" in fields and fields.get("managed", 0) > fields["present"]:
        found.append(f"{name}: managed {fields['managed']} kB is more than present {fields['present']} kB")
    if zone.doubled:
        found.append(f"{name} stands in the text twice, with different numbers: no verdict for it")
    return found
