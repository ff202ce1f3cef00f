"""How many huge pages can be had: bounds from the texts of /proc alone, now and after ideal compaction and reclaim.

For a zone and a huge order h, in pages: m is the mark `min` with what is kept from the class of a movable request, A
the free pieces of order h on lists that a movable request may take from, S free pages in smaller movable blocks, B the
pageblocks that could become one piece, L pages that reclaim could free. `room(x)` says how often the test of the mark
passes with x pages free. The lower bound is what can be had now: each unmovable page in a movable block costs a block,
and the texts do not tell how many there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import MisuseError
from ..escape import for_terminal
from ..formats.meminfo_report import ZoneText
from ..formats.procfs import PAGETYPEINFO_CAP, BuddyinfoRow, Pagetypeinfo, PagetypeinfoZone
from ..formats.zoneinfo import ZoneinfoZone
from .request import zone_types
from .words import size, wrapped

__all__ = ["HugePages", "ZoneBounds", "huge_pages"]

MOST_ORDER = 39
_ORDINARY = ("Unmovable", "Movable", "Reclaimable")
_TARGETS = ("Movable", "CMA")


@dataclass(frozen=True)
class ZoneBounds:
    """Pieces of the huge order in one zone.

    Parameters
    ----------
    node, zone : int, str
        Which zone.
    free_pages : int
        Free pages as printed.
    mark_pages : int or None
        What must stay free; None without zoneinfo.
    now, by_compaction, by_reclaim : int or None
        To be had now, and at most after ideal compaction, and reclaim besides.
    """

    node: int
    zone: str
    free_pages: int
    mark_pages: int | None
    now: int
    by_compaction: int | None
    by_reclaim: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return the bounds for JSON."""
        return {
            "node": self.node,
            "zone": self.zone,
            "free_pages": self.free_pages,
            "mark_pages": self.mark_pages,
            "now": self.now,
            "by_compaction_at_most": self.by_compaction,
            "by_reclaim_at_most": self.by_reclaim,
        }


@dataclass
class HugePages:
    """How many huge pages can be had.

    Parameters
    ----------
    order : int
        Order of a huge page.
    page_kb : int
        Kilobytes of a page.
    class_index : int or None
        Class of a movable request, by which reserves go.
    zones : list of ZoneBounds
        The zones.
    notes : list of str
        What was missing or did not fit together.
    """

    order: int
    page_kb: int
    class_index: int | None
    zones: list[ZoneBounds]
    notes: list[str]

    def sums(self) -> dict[str, int | None]:
        """Return the sum over all zones; None where a zone's bound is not known."""
        found: dict[str, int | None] = {}
        for name in ("now", "by_compaction_at_most", "by_reclaim_at_most"):
            values = [zone.as_dict()[name] for zone in self.zones]
            found[name] = None if None in values else sum(values)
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the bounds for JSON."""
        return {
            "order": self.order,
            "page_kb": self.page_kb,
            "class_index": self.class_index,
            "zones": [zone.as_dict() for zone in self.zones],
            "sum": self.sums(),
            "notes": self.notes,
        }

    def told(self) -> str:
        """Return the bounds as a table."""
        sums = self.sums()
        marks = "" if all(zone.mark_pages is not None for zone in self.zones) else ", before marks"
        piece = size(self.page_kb << self.order)
        text = f"{sums['now']} huge pages of {piece} (order {self.order}) can be had now{marks}.\n"
        text += f"  {'zone':<18}{'free':>9}{'must stay':>11}{'now':>7}{'compaction':>12}{'and reclaim':>13}\n"
        several = len({zone.node for zone in self.zones}) > 1
        rows: list[tuple[str, ...]] = []
        for zone in self.zones[:12]:
            name = for_terminal(f"node {zone.node} {zone.zone}" if several else zone.zone)
            mark = "?" if zone.mark_pages is None else size(zone.mark_pages * self.page_kb)
            numbers = [_or_unknown(value) for value in (zone.now, zone.by_compaction, zone.by_reclaim)]
            rows.append((name, size(zone.free_pages * self.page_kb), mark, *numbers))
        rows.append(("sum", "", "", *(_or_unknown(value) for value in sums.values())))
        text += "".join(f"  {r[0]:<18}{r[1]:>9}{r[2]:>11}{r[3]:>7}{r[4]:>12}{r[5]:>13}\n" for r in rows)
        if any(zone.by_compaction is not None for zone in self.zones):
            line = "Compaction and reclaim: at most so many, if no page in a movable block is unmovable."
        else:
            line = "What compaction and reclaim could add needs pagetypeinfo (only root may read it) and zoneinfo."
        text += wrapped("", line) + "\n"
        return text + "".join(wrapped("Note: ", for_terminal(note)) + "\n" for note in self.notes)


def _or_unknown(value: int | None) -> str:
    return "?" if value is None else str(value)


def huge_pages(
    buddyinfo: tuple[BuddyinfoRow, ...] | None,
    pagetypeinfo: Pagetypeinfo | None,
    zoneinfo: tuple[ZoneinfoZone, ...] | None,
    swap_free_kb: int | None = None,
    order: int | None = None,
    page_kb: int = 4,
) -> HugePages:
    """Bound the number of huge pages from texts of /proc.

    Parameters
    ----------
    buddyinfo : tuple of BuddyinfoRow or None
        Free blocks, all types as one.
    pagetypeinfo : Pagetypeinfo or None
        Free blocks by type and pageblocks; goes before buddyinfo.
    zoneinfo : tuple of ZoneinfoZone or None
        Marks, reserves and what reclaim could free.
    swap_free_kb : int or None
        Free swap; None: no swap is assumed, and that is said.
    order : int or None
        Order of a huge page; the pageblock's if not given, 9 if that is unknown.
    page_kb : int
        Kilobytes of a page.

    Returns
    -------
    HugePages
        A line for each zone. O(zones).

    Raises
    ------
    MisuseError
        If the order is out of range, or both free lists are missing.

    Examples
    --------
    >>> bounds = huge_pages((BuddyinfoRow(0, "Normal", (4, 0, 3)),), None, None, order=1)
    >>> bounds.sums()["now"], bounds.zones[0].by_compaction is None
    (6, True)
    """
    if order is not None and not 0 <= order <= MOST_ORDER:
        raise MisuseError(f"order={order}: allowed range is 0..{MOST_ORDER}")
    if buddyinfo is None and pagetypeinfo is None:
        raise MisuseError("free lists are needed: buddyinfo or pagetypeinfo")
    notes: list[str] = []
    huge = order if order is not None else pagetypeinfo.pageblock_order if pagetypeinfo else 9
    types = _types(zoneinfo)
    index = None if types is None else types.index("Movable" if "Movable" in types else types[-1])
    if swap_free_kb is None:
        notes.append("no meminfo: no swap is assumed, so anonymous memory is not counted as reclaimable")
    if zoneinfo is None:
        notes.append("no zoneinfo: marks, reserves and reclaimable pages are unknown")
    rows = {(row.node, row.zone): row for row in buddyinfo or ()}
    by_type = {(zone.node, zone.zone): zone for zone in pagetypeinfo.zones} if pagetypeinfo else {}
    info = {(zone.node, zone.zone): zone for zone in zoneinfo or () if zone.pages.get("present", 1)}
    zones = [
        _bounds(
            key, rows.get(key), by_type.get(key), info.get(key), huge,
            pagetypeinfo.pageblock_order if pagetypeinfo else None, index, bool(swap_free_kb), notes,
        )
        for key in (by_type or rows)
    ]  # fmt: skip
    return HugePages(huge, page_kb, index, zones, notes)


def _types(zoneinfo: tuple[ZoneinfoZone, ...] | None) -> tuple[str, ...] | None:
    """Return the zone types that the kernel was built with."""
    texts = [
        ZoneText(zone.node, zone.zone, {"present": zone.pages.get("present", 0)}, list(zone.protection))
        for zone in zoneinfo or ()
    ]
    modern = any(name.startswith("nr_zone_") for zone in zoneinfo or () for name in zone.counters)
    return zone_types(texts, (5, 8) if modern else (2, 6, 32), device=modern)


def _bounds(
    key: tuple[int, str],
    row: BuddyinfoRow | None,
    typed: PagetypeinfoZone | None,
    info: ZoneinfoZone | None,
    huge: int,
    pageblock: int | None,
    index: int | None,
    swap: bool,
    notes: list[str],
) -> ZoneBounds:
    """Bound one zone."""
    free = _by_type(row, typed, notes)
    ready = {name: _pieces(counts, huge) for name, counts in free.items()}
    usable = sum(ready.get(name, 0) for name in (*_ORDINARY, "CMA", "all"))
    small = sum(_below(free.get(name, ()), huge) for name in _TARGETS)
    listed = sum(count << order for counts in free.values() for order, count in enumerate(counts))
    blocks = typed.blocks if typed is not None else {}
    if info is None:
        return ZoneBounds(*key, listed, None, usable, None, None)
    pages = info.pages.get("free", listed)
    kept = _kept_highatomic(info, blocks, pageblock)
    reserve = info.protection[index] if index is not None and index < len(info.protection) else 0
    mark = info.pages.get("min", 0) + reserve

    def room(x: int) -> int:
        return max(0, (x - kept - mark) >> huge)

    now = min(usable, room(pages))
    if typed is None or pageblock is None:
        return ZoneBounds(*key, pages, mark, now, None, None)
    count = sum(blocks.get(name, 0) for name in _TARGETS)
    most = (count << (pageblock - huge) if huge <= pageblock else count >> (huge - pageblock)) + sum(
        ready.get(name, 0) for name in ("Unmovable", "Reclaimable")
    )
    lru = _reclaimable(info.counters, info.pages, swap)
    compacted = max(now, min(usable + (small >> huge), room(pages), most))
    reclaimed = max(compacted, min(usable + ((small + lru) >> huge), room(pages + lru), most))
    return ZoneBounds(*key, pages, mark, now, compacted, reclaimed)


def _by_type(row: BuddyinfoRow | None, typed: PagetypeinfoZone | None, notes: list[str]) -> dict[str, tuple[int, ...]]:
    """Return free blocks by type; a count that pagetypeinfo cuts follows from buddyinfo if it is the only one."""
    if typed is None:
        return {"all": row.nr_free} if row is not None else {}
    free = {name: list(counts) for name, counts in typed.free.items()}
    for order in range(len(next(iter(free.values()), []))):
        cut = [name for name, counts in free.items() if counts[order] >= PAGETYPEINFO_CAP]
        if len(cut) == 1 and row is not None and order < len(row.nr_free):
            others = sum(counts[order] for name, counts in free.items() if name != cut[0])
            free[cut[0]][order] = max(row.nr_free[order] - others, free[cut[0]][order])
        elif cut:
            notes.append(f"{typed.zone}: counts of order {order} are cut at {PAGETYPEINFO_CAP}: bounds may be too low")
    total = (
        [sum(counts[order] for counts in free.values()) for order in range(len(row.nr_free))] if row and free else []
    )
    if row is not None and tuple(total) != row.nr_free:
        notes.append(f"{typed.zone}: buddyinfo and pagetypeinfo are of different moments; pagetypeinfo is used")
    return {name: tuple(counts) for name, counts in free.items()}


def _pieces(counts: tuple[int, ...], order: int) -> int:
    return sum(count << (o - order) for o, count in enumerate(counts) if o >= order)


def _below(counts: tuple[int, ...], order: int) -> int:
    return sum(count << o for o, count in enumerate(counts[:order]))


def _kept_highatomic(info: ZoneinfoZone, blocks: Mapping[str, int], pageblock: int | None) -> int:
    """Return the pages kept for atomic requests: the free ones if the kernel counts them, else whole pageblocks."""
    exact = info.counters.get("nr_free_highatomic", info.pages.get("free_highatomic"))
    return exact if exact is not None else blocks.get("HighAtomic", 0) << (pageblock or 0)


def _reclaimable(counters: Mapping[str, int], pages: Mapping[str, int], swap: bool) -> int:
    """Return the pages on LRU lists that could be freed: of files, and anonymous ones with free swap."""
    prefix = "nr_zone_" if "nr_zone_active_file" in counters else "nr_"
    kinds = ("file", "anon") if swap else ("file",)
    total = sum(counters.get(f"{prefix}{state}_{kind}", 0) for kind in kinds for state in ("active", "inactive"))
    return total or sum(pages.get(name, 0) for name in ("active", "inactive"))
