"""How fragmented free memory is, at one moment or over many: from buddyinfo, pagetypeinfo and vmstat."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import MisuseError
from ..escape import for_terminal
from ..formats.extfrag import fragmentation_index, unusable_free_index
from ..formats.procfs import BuddyinfoRow, Pagetypeinfo
from ..formats.series import Moment, Series
from .words import size, wrapped

__all__ = ["FreeSeries", "VmstatSeries", "rows_of_types"]

HUGE_ORDER = 9
MOST_ORDER = 39
_FEW_ZONES, _FEW_COUNTERS = 8, 16
_NAME = 14  # columns for the name of a zone
_TELLING = ("allocstall", "compact_", "thp_fault", "thp_collapse", "pgalloc_", "pgsteal", "pgscan", "nr_free_pages")


def rows_of_types(series: Series[Pagetypeinfo]) -> Series[tuple[BuddyinfoRow, ...]]:
    """Return the free blocks of all types together, as buddyinfo has them; counts that are cut stay lower bounds."""
    moments = []
    for moment in series.moments:
        rows = tuple(
            BuddyinfoRow(zone.node, zone.zone, tuple(map(sum, zip(*zone.free.values(), strict=True))))
            for zone in moment.content.zones
        )
        moments.append(Moment(moment.when, rows))
    return Series(moments, series.unknown, series.first_unknown)


def _pieces(counts: Sequence[int], order: int) -> int:
    """Return how many pieces of an order the free blocks hold."""
    return sum(count << (o - order) for o, count in enumerate(counts) if o >= order)


@dataclass
class FreeSeries:
    """Free memory by order, moment after moment.

    Parameters
    ----------
    kind : str
        Which text it was.
    series : Series of tuple of BuddyinfoRow
        The moments.
    order : int
        Order that is asked about.
    page_kb : int
        Kilobytes of a page.
    types : Pagetypeinfo or None
        Blocks by type, of the last moment.
    note : str
        What was assumed; empty if nothing.
    """

    kind: str
    series: Series[tuple[BuddyinfoRow, ...]]
    order: int = HUGE_ORDER
    page_kb: int = 4
    types: Pagetypeinfo | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.order <= MOST_ORDER:
            raise MisuseError(f"order={self.order}: allowed range is 0..{MOST_ORDER}")

    @property
    def status(self) -> int:
        """1 if the text was cut."""
        return int(bool(self.note))

    def pieces(self, row: BuddyinfoRow) -> int:
        """Return how many pieces of the wanted order the free blocks of a row hold."""
        return _pieces(row.nr_free, self.order)

    def unusable(self, row: BuddyinfoRow) -> int:
        """Return the share of a row's free memory in smaller blocks, thousandths."""
        return unusable_free_index(row.nr_free, self.order)

    def rows_by_zone(self) -> dict[tuple[int, str], list[tuple[int, BuddyinfoRow]]]:
        """Return the rows of each zone, with the moment's number."""
        found: dict[tuple[int, str], list[tuple[int, BuddyinfoRow]]] = {}
        for at, moment in enumerate(self.series.moments):
            for row in moment.content:
                found.setdefault((row.node, row.zone), []).append((at, row))
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return moments, and a summary of each zone."""
        moments = [
            {
                "when": moment.when,
                "rows": [{"node": row.node, "zone": row.zone, "nr_free": list(row.nr_free)} for row in moment.content],
            }
            for moment in self.series.moments
        ]
        return {
            "kind": self.kind,
            "order": self.order,
            "seconds": self.series.seconds(),
            "moments": moments,
            "zones": [self._summary(key, rows) for key, rows in self.rows_by_zone().items()],
            "large_blocks": self._large_blocks(),
            "unknown_lines": self.series.unknown,
        }

    def _summary(self, key: tuple[int, str], rows: list[tuple[int, BuddyinfoRow]]) -> dict[str, Any]:
        """Return what became of one zone."""
        pages = [row.nr_free_pages for _, row in rows]
        pieces = [self.pieces(row) for _, row in rows]
        gone = next((at for (at, _), count in zip(rows, pieces, strict=True) if not count), None)
        unusable = [self.unusable(row) for _, row in rows]
        index = [fragmentation_index(row.nr_free, self.order) for _, row in rows]
        seconds = self.series.seconds()
        return {
            "node": key[0],
            "zone": key[1],
            "free_pages": {"first": pages[0], "last": pages[-1], "lowest": min(pages)},
            "pieces": {"first": pieces[0], "last": pieces[-1], "lowest": min(pieces)},
            "largest_order": max((o for o, count in enumerate(rows[-1][1].nr_free) if count), default=None),
            "gone_at": gone,
            "gone_when": None if gone is None else self.series.moments[gone].when,
            "unusable_index": {"first": unusable[0], "last": unusable[-1], "highest": max(unusable)},
            "extfrag_index": {"first": index[0], "last": index[-1], "highest": max(index)},
            "pages_per_second": round((pages[-1] - pages[0]) / seconds, 3) if seconds else None,
            "pieces_per_second": round((pieces[-1] - pieces[0]) / seconds, 6) if seconds else None,
        }

    def _large_blocks(self) -> list[dict[str, Any]] | None:
        """Return the pieces by type, if the text tells them."""
        if self.types is None:
            return None
        return [
            {
                "node": zone.node,
                "zone": zone.zone,
                "pieces": {name: _pieces(counts, self.order) for name, counts in zone.free.items()},
                "blocks": dict(zone.blocks),
                "mixed": None if zone.mixed_blocks is None else dict(zone.mixed_blocks),
            }
            for zone in self.types.zones
        ]

    def told(self, full: bool = False) -> str:
        """Return a table for a person: one moment in detail, or how many moments went."""
        zones = [self._summary(key, rows) for key, rows in self.rows_by_zone().items()]
        shown = zones if full else zones[:_FEW_ZONES]
        text = self._first_line(zones) + (self._one(shown) if len(self.series.moments) == 1 else self._many(shown))
        if len(zones) > len(shown):
            text += f"  and {len(zones) - len(shown)} zones more; --all has them\n"
        text += self._told_types(full)
        if self.series.unknown:
            text += f"{self.series.unknown} lines are no rows (the first is line {self.series.first_unknown})\n"
        text += wrapped("", self.note) + "\n" if self.note else ""
        return (
            text
            + wrapped("", "Marks and reserves are not in this text; a folder with zoneinfo beside it has them.")
            + "\n"
        )

    def _first_line(self, zones: list[dict[str, Any]]) -> str:
        """Return the answer in one line."""
        last = sum(zone["pieces"]["last"] for zone in zones)
        what = f"pieces of {size(self.page_kb << self.order)} (order {self.order})"
        count = len(self.series.moments)
        if count == 1:
            return f"{self.kind}: {last} free {what}, before marks.\n"
        first, lowest = (sum(zone["pieces"][name] for zone in zones) for name in ("first", "lowest"))
        seconds = self.series.seconds()
        span = f" in {seconds:.0f} s" if seconds else ""
        rate = f" ({60 * (last - first) / seconds:+.3g} a minute)" if seconds and last != first else ""
        line = f"{self.kind}, {count} moments{span}: {what} went from {first} to {last}{rate}, "
        line += f"zone by zone down to {lowest}."
        return wrapped("", line) + "\n"

    def _one(self, zones: list[dict[str, Any]]) -> str:
        """Return the table of one moment."""
        width = max(len("zone"), *(len(_name(zone)) for zone in zones))
        text = f"  {'zone':<{width}}    free  largest  pieces  unusable    index\n"
        for zone in zones:
            largest = "none" if zone["largest_order"] is None else size(self.page_kb << zone["largest_order"])
            index = zone["extfrag_index"]["last"]
            text += (
                f"  {_name(zone):<{width}}{size(zone['free_pages']['last'] * self.page_kb):>8}{largest:>9}"
                f"{zone['pieces']['last']:>8}{zone['unusable_index']['last'] / 10:>8.1f} %"
                f"{'a piece' if index == -1000 else f'{index / 1000:.3f}':>9}\n"
            )
        return text + "index: near 0 memory is short, near 1 it is fragmented\n"

    def _many(self, zones: list[dict[str, Any]]) -> str:
        """Return the table of many moments."""
        heads = f"{'free first':>11}{'last':>8}{'lowest':>8}{'pieces first':>13}{'last':>7}{'lowest':>7}{'unusable':>9}"
        text = f"  {'zone':<{_NAME}}{heads}\n"
        for zone in zones:
            free = [size(zone["free_pages"][name] * self.page_kb) for name in ("first", "last", "lowest")]
            pieces = [zone["pieces"][name] for name in ("first", "last", "lowest")]
            text += f"  {_name(zone):<{_NAME}}{free[0]:>11}{free[1]:>8}{free[2]:>8}{pieces[0]:>13}{pieces[1]:>7}"
            text += f"{pieces[2]:>7}{zone['unusable_index']['last'] / 10:>7.1f} %\n"
        for zone in zones:
            if zone["gone_at"] is not None:
                when = zone["gone_when"] or f"moment {zone['gone_at'] + 1}"
                text += f"  {_name(zone)}: no piece at {for_terminal(when)[:34]}"
                text += " (from the first moment on)\n" if zone["gone_at"] == 0 else ", for the first time\n"
        return text

    def _told_types(self, full: bool) -> str:
        """Return the large blocks by type."""
        blocks = self._large_blocks() or []
        text = ""
        for zone in blocks if full else blocks[:_FEW_ZONES]:
            pieces = (
                ", ".join(f"{for_terminal(name)} {count}" for name, count in zone["pieces"].items() if count) or "none"
            )
            text += wrapped("  ", f"{_name(zone)} by type: {pieces}", 4) + "\n"
        return text

    def csv(self) -> str:
        """Return a line a moment and zone: time, free pages, pieces, indices, and the count of each order."""
        out = io.StringIO()
        orders = max(len(row.nr_free) for moment in self.series.moments for row in moment.content)
        writer = csv.writer(out, lineterminator="\n")
        head = ["moment", "when", "node", "zone", "free_pages", "pieces", "unusable_index", "extfrag_index"]
        writer.writerow([*head, *(f"order_{order}" for order in range(orders))])
        for at, moment in enumerate(self.series.moments):
            for row in moment.content:
                index = self.unusable(row), fragmentation_index(row.nr_free, self.order)
                cells = [at, moment.when or "", row.node, row.zone, row.nr_free_pages, self.pieces(row)]
                writer.writerow([*cells, *index, *row.nr_free])
        return out.getvalue()


def _name(zone: dict[str, Any]) -> str:
    name = for_terminal(f"node {zone['node']} {zone['zone']}" if zone["node"] else str(zone["zone"]))
    return name[:_NAME]


@dataclass
class VmstatSeries:
    """Counters of /proc/vmstat, and how they grew.

    Parameters
    ----------
    series : Series of dict
        The moments.
    """

    series: Series[dict[str, int]]

    @property
    def status(self) -> int:
        """1 with a single moment: counters since boot answer little."""
        return 0 if len(self.series.moments) > 1 else 1

    def difference(self) -> dict[str, int] | None:
        """Return last less first, for the counters that both have; None with a single moment."""
        if len(self.series.moments) < 2:
            return None
        first, last = self.series.moments[0].content, self.series.moments[-1].content
        return {name: value - first[name] for name, value in last.items() if name in first}

    def as_dict(self) -> dict[str, Any]:
        """Return moments and differences."""
        difference, seconds = self.difference(), self.series.seconds()
        rates = {name: round(value / seconds, 3) for name, value in (difference or {}).items()} if seconds else None
        return {
            "kind": "/proc/vmstat",
            "moments": [moment.content for moment in self.series.moments],
            "when": [moment.when for moment in self.series.moments],
            "seconds": seconds,
            "difference": difference,
            "per_second": rates,
            "unknown_lines": self.series.unknown,
        }

    def told(self, full: bool = False) -> str:
        """Return the counters that tell of stalls and compaction."""
        difference, seconds = self.difference(), self.series.seconds()
        values = self.series.moments[-1].content if difference is None else difference
        chosen = [name for name in values if full or name.startswith(_TELLING)]
        if difference is None:
            text = "/proc/vmstat once: counters since boot; two moments show what happens now.\n"
        else:
            span = f" in {seconds:.0f} s" if seconds else ""
            text = f"/proc/vmstat, {len(self.series.moments)} moments{span}: how the counters grew.\n"
        shown = chosen if full else [name for name in chosen if values[name]][:_FEW_COUNTERS]
        for name in shown:
            rate = f"{values[name] / seconds:>14.1f} a second" if seconds and difference else ""
            text += f"  {for_terminal(name):<32}{values[name]:>16}{rate}\n"
        if len(shown) < len(values):
            text += f"  and {len(values) - len(shown)} counters more; --all or --json has them\n"
        return text
