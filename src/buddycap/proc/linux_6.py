"""/proc as kernels since 6.1 print it on x86-64, with NUMA and huge pages, as distributions build them.

Every line of the kernel is there, in its place; what has no counterpart here (slab pages in use, refaults, counters of
NUMA, huge pages of tmpfs, ...) reads 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .._core import MachineBase, Zone
from ..formats.procfs import format_pagetypeinfo, format_vmstat
from ..formats.zoneinfo import Pageset, ZoneinfoZone, format_zoneinfo
from ..kernels.linux_6_1 import LINUX_6_1
from .blocks import count_blocks

__all__ = ["LISTS", "NewerTexts", "per_zone"]

LISTS = ("inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable")
_TYPES = ("Unmovable", "Movable", "Reclaimable", "HighAtomic")
_PER_ZONE_EVENTS = ("pgalloc", "allocstall")
_STAT_SHIFT = 27 - 12  # memory of a zone counts in units of 128 MiB for the threshold of its counters
_THRESHOLD_MAX = 125


def per_zone(*events: str) -> tuple[str, ...]:
    """Return the names of events that /proc/vmstat has for each kind of zone.

    Examples
    --------
    >>> per_zone("pgalloc")[:2]
    ('pgalloc_dma', 'pgalloc_dma32')
    """
    return tuple(f"{event}_{zone.lower()}" for event in events for zone in LINUX_6_1.zone_names)


@dataclass(frozen=True)
class NewerTexts:
    """The texts of one of these kernels.

    Parameters
    ----------
    zone_counters, node_counters, events : tuple of str
        The lines of /proc/vmstat in their order; the first two are also those of /proc/zoneinfo.
    marks : tuple of str
        Names of the watermarks that are shown.
    empty_marks : mapping of str to int
        What they all are in a kind of zone that has no memory, by its name; else 0.
    """

    zone_counters: tuple[str, ...]
    node_counters: tuple[str, ...]
    events: tuple[str, ...]
    marks: tuple[str, ...]
    empty_marks: Mapping[str, int]

    def pagetypeinfo(self, machine: MachineBase, names: Sequence[str]) -> str:
        """Return the text of /proc/pagetypeinfo."""
        titles = (*_TYPES, *(["CMA"] if machine.zones[0].cma else []), "Isolate")
        return format_pagetypeinfo(count_blocks(machine.zones, names, dict(enumerate(titles)), capped=True))

    def zoneinfo(self, machine: MachineBase, names: Sequence[str]) -> str:
        """Return the text of /proc/zoneinfo: of all zones that the kernel knows, also those without memory."""
        by_index = {zone.zone_idx: zone for zone in machine.zones}
        node = _picked(self.node_counters, _node_counters(machine))
        rows: list[ZoneinfoZone] = []
        for zone_idx, name in enumerate(LINUX_6_1.zone_names):
            zone = by_index.get(zone_idx)
            rows.append(
                self._empty_zone(name) if zone is None else self._zone(zone, name, None if any_shown(rows) else node)
            )
        return format_zoneinfo(rows)

    def vmstat(self, machine: MachineBase, names: Sequence[str]) -> str:
        """Return the text of /proc/vmstat."""
        counters: dict[str, int] = {}
        for name, zone in zip(names, machine.zones, strict=True):
            for counter, count in _zone_counters(zone).items():
                key = f"{counter}_{name.lower()}" if counter in _PER_ZONE_EVENTS else counter
                counters[key] = counters.get(key, 0) + count
        counters.update(_node_counters(machine))
        return format_vmstat(_picked((*self.zone_counters, *self.node_counters, *self.events), counters))

    def _empty_zone(self, name: str) -> ZoneinfoZone:
        """Return what is said of a zone without memory."""
        pages = ("free", "boost", *self.marks, "spanned", "present", "managed", "cma")
        marks = dict.fromkeys(self.marks, self.empty_marks.get(name, 0))
        return ZoneinfoZone(0, name, {**dict.fromkeys(pages, 0), **marks}, (0,) * len(LINUX_6_1.zone_names))

    def _zone(self, zone: Zone, name: str, node: Mapping[str, int] | None) -> ZoneinfoZone:
        """Return what is said of a zone with memory."""
        marks = dict(zip(("min", "low", "high", "promo"), zone.wmark, strict=True))
        pages = {
            "free": zone.nr_free_pages,
            "boost": zone.boost,
            **{mark: marks[mark] + zone.boost for mark in self.marks},
            "spanned": zone.spanned_pages,
            "present": zone.present_pages,
            "managed": zone.managed_pages,
            "cma": _cma_pages(zone),
        }
        return ZoneinfoZone(
            0,
            name,
            pages,
            tuple(zone.lowmem_reserve.tolist()),
            counters=_picked(self.zone_counters, _zone_counters(zone)),
            pagesets=tuple(
                Pageset(
                    cpu, {key: zone.pcp(cpu)[key] for key in ("count", "high", "batch")}, threshold=_threshold(zone)
                )
                for cpu in range(zone.cpus)
            ),
            trailer={"node_unreclaimable": 0, "start_pfn": zone.start_pfn},
            node_counters=node,
        )


def any_shown(rows: Iterable[ZoneinfoZone]) -> bool:
    """Tell whether a zone with memory stands among the rows: the first one bears the counters of the node."""
    return any(row.pagesets for row in rows)


def _cma_pages(zone: Zone) -> int:
    """Return the pages of CMA pageblocks."""
    number = len(_TYPES)
    return int((zone.pageblock_migratetype == number).sum()) << zone.pageblock_order if zone.cma else 0


def _threshold(zone: Zone) -> int:
    """Return how far a CPU may count by itself. Linux: mm/vmstat.c calculate_normal_threshold."""
    return min(2 * zone.cpus.bit_length() * (1 + (zone.managed_pages >> _STAT_SHIFT).bit_length()), _THRESHOLD_MAX)


def _picked(names: Iterable[str], values: Mapping[str, int]) -> dict[str, int]:
    """Return all counters in the kernel's order; 0 is that of what is not here."""
    return {name: values.get(name, 0) for name in names}


def _zone_counters(zone: Zone) -> dict[str, int]:
    """Return the counters of a zone."""
    counters: dict[str, int] = zone.vmstat()
    return {**counters, "nr_free_cma": zone.nr_free_cma if zone.cma else 0}


def _node_counters(machine: MachineBase) -> dict[str, int]:
    """Return the counters of the node."""
    zones = [zone.vmstat() for zone in machine.zones]
    total = {f"nr_{name}": sum(zone[f"nr_zone_{name}"] for zone in zones) for name in LISTS}
    same = ("nr_slab_reclaimable", "nr_vmscan_write")
    return {
        **total,
        **{name: sum(zone[name] for zone in zones) for name in same},
        "nr_writeback": len(machine.writeback),
    }
