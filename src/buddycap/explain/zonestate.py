"""What one text alone says of zones: free memory against the marks (zoneinfo), or the kernel's own indices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..escape import for_terminal
from ..formats.extfrag import IndexRow
from ..formats.zoneinfo import ZoneinfoZone
from .words import size, wrapped

__all__ = ["IndexAnswer", "ZoneStates"]

_FEW = 16


@dataclass
class ZoneStates:
    """Zones of /proc/zoneinfo.

    Parameters
    ----------
    zones : sequence of ZoneinfoZone
        As read.
    page_kb : int
        Kilobytes of a page.
    """

    zones: Sequence[ZoneinfoZone]
    page_kb: int = 4

    @property
    def status(self) -> int:
        """1: without free lists nothing can be told about large pieces."""
        return 1

    def as_dict(self) -> dict[str, Any]:
        """Return the zones for JSON; pages."""
        zones = [
            {"node": zone.node, "zone": zone.zone, "pages": dict(zone.pages), "protection": list(zone.protection)}
            for zone in self.zones
        ]
        return {"kind": "/proc/zoneinfo", "zones": zones}

    def told(self, full: bool = False) -> str:
        """Return a line a zone."""
        zones = [zone for zone in self.zones if zone.pages.get("present", 1)]
        short = [zone for zone in zones if zone.pages.get("free", 0) < zone.pages.get("low", 0)]
        text = f"/proc/zoneinfo: {len(short)} of {len(zones)} zones have less free than the low mark.\n"
        for zone in zones if full else zones[:_FEW]:
            pages = {name: size(value * self.page_kb) for name, value in zone.pages.items()}
            name = for_terminal(f"node {zone.node} {zone.zone}")
            text += f"  {name:<16}{pages.get('free', '?'):>8} free of {pages.get('present', '?'):>8}"
            text += f", min {pages.get('min', '?')}, low {pages.get('low', '?')}, high {pages.get('high', '?')}\n"
        line = "How large the free pieces are is not in this text: give buddyinfo and pagetypeinfo in a folder with it."
        return text + wrapped("", line) + "\n"


@dataclass
class IndexAnswer:
    """Zones of extfrag_index or unusable_index.

    Parameters
    ----------
    rows : sequence of IndexRow
        As read; thousandths.
    order : int
        Order that is asked about.
    """

    rows: Sequence[IndexRow]
    order: int

    @property
    def status(self) -> int:
        """0: the text is the answer."""
        return 0

    def _at(self, row: IndexRow) -> int:
        return row.index[min(self.order, len(row.index) - 1)]

    def as_dict(self) -> dict[str, Any]:
        """Return the indices for JSON."""
        zones = [{"node": row.node, "zone": row.zone, "index": list(row.index)} for row in self.rows]
        return {"kind": "index", "order": self.order, "zones": zones}

    def told(self, full: bool = False) -> str:
        """Return a line a zone: fragmented, or short of memory."""
        unusable = all(0 <= index <= 1000 for row in self.rows for index in row.index)
        text = f"{'unusable free space' if unusable else 'fragmentation index'}, order {self.order}\n"
        for row in self.rows if full else self.rows[:_FEW]:
            index = self._at(row)
            if unusable:
                words = f"{index / 10:.1f} % of the free memory is in pieces that are too small"
            elif index == -1000:
                words = "a piece is there"
            else:
                words = f"{index / 1000:.3f}: " + (
                    "memory is fragmented" if index > 500 or index < 0 else "memory is short"
                )
            text += f"  {for_terminal(f'node {row.node} {row.zone}'):<16}{words}\n"
        return text
