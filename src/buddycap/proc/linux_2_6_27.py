"""/proc as 2.6.28 prints it, with the counters that exist here."""

from collections.abc import Sequence

from .._core import MachineBase
from ..flags import MigrateType
from ..formats.procfs import format_pagetypeinfo, format_vmstat
from ..formats.zoneinfo import Pageset, ZoneinfoLayout, ZoneinfoZone, format_zoneinfo
from .blocks import count_blocks

__all__ = ["pagetypeinfo", "vmstat", "zoneinfo"]

_LAYOUT = ZoneinfoLayout(counter_indent=4, counters_first=True)
_TITLES = {int(kind): kind.name.capitalize() for kind in MigrateType}
_PER_ZONE_EVENTS = ("pgalloc", "pgrefill", "pgsteal", "pgscan_kswapd", "pgscan_direct")


def pagetypeinfo(machine: MachineBase, names: Sequence[str]) -> str:
    """Return the text of /proc/pagetypeinfo."""
    return format_pagetypeinfo(count_blocks(machine.zones, names, _TITLES, capped=False))


def zoneinfo(machine: MachineBase, names: Sequence[str]) -> str:
    """Return the text of /proc/zoneinfo."""
    return format_zoneinfo(_zone(machine, names, place) for place in range(len(machine.zones)))


def _zone(machine: MachineBase, names: Sequence[str], place: int) -> ZoneinfoZone:
    """Return what /proc/zoneinfo says about one zone."""
    state = machine.zone_state(place)
    scan = state["nr_scan"]
    pages = ("free", "min", "low", "high", "scanned", "spanned", "present")
    return ZoneinfoZone(
        0,
        names[place],
        {name: state[name] for name in pages},
        tuple(state["protection"][: len(machine.zones)]),
        counters={name: n for name, n in machine.zones[place].vmstat().items() if name.startswith("nr_")},
        pagesets=tuple(
            Pageset(cpu, dict(zip(("count", "high", "batch"), values, strict=True)))
            for cpu, values in enumerate(state["pagesets"])
        ),
        trailer={name: state[name] for name in ("all_unreclaimable", "prev_priority", "start_pfn", "inactive_ratio")},
        notes={"scanned": f"(aa: {scan[1]} ia: {scan[0]} af: {scan[3]} if: {scan[2]})"},
        layout=_LAYOUT,
    )


def vmstat(machine: MachineBase, names: Sequence[str]) -> str:
    """Return the text of /proc/vmstat."""
    state: dict[str, int] = {}
    events: dict[str, int] = {}
    for name, zone in zip(names, machine.zones, strict=True):
        for counter, count in zone.vmstat().items():
            key = f"{counter}_{name.lower()}" if counter in _PER_ZONE_EVENTS else counter
            table = state if counter.startswith("nr_") else events
            table[key] = table.get(key, 0) + count
    return format_vmstat({**state, "nr_writeback": len(machine.writeback), **events})
