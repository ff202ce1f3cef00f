"""What a request may use: facts from its mask, the zones that are allowed, and the class that reserves go by."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..formats.gfpnames import decode_mask, flag_set
from ..formats.meminfo_report import MemoryReport, ZoneText
from .rules import Release, Rules

__all__ = ["ZONE_ORDER", "Request", "allowed_zones", "class_index", "make_request", "zone_types"]

ZONE_ORDER = ("DMA", "DMA32", "Normal", "HighMem", "Movable", "Device")

# Which zone types a kernel is built with, by how many numbers a reserve has; the first that fits is taken.
_LAYOUTS: dict[int, tuple[str, ...]] = {
    5: ("DMA DMA32 Normal Movable Device", "DMA Normal HighMem Movable Device", "DMA DMA32 Normal HighMem Movable"),
    4: (
        "DMA DMA32 Normal Movable",
        "DMA Normal HighMem Movable",
        "DMA32 Normal Movable Device",
        "DMA DMA32 Normal HighMem",
    ),
    3: ("DMA Normal Movable", "DMA32 Normal Movable", "Normal HighMem Movable", "DMA Normal HighMem"),
    2: ("Normal Movable", "DMA Normal"),
}
_MOVABLE_SINCE = (2, 6, 23)


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Parameters
    ----------
    order : int
        Order of the request, 0 or more.
    gfp : tuple of str
        Names of the mask, as printed or decoded.
    flags : frozenset of str
        Single flags of it.
    may_sleep, high, harder, movable, no_marks : bool
        Facts that follow; `harder`: goes a quarter deeper.
    takes_highatomic : bool
        Whether it may take blocks that are kept for atomic requests.
    spares_highatomic : bool
        Whether those blocks are deducted from what it sees as free.
    cpuset : bool
        Whether it keeps to the nodes of its cpuset.
    """

    order: int
    gfp: tuple[str, ...]
    flags: frozenset[str]
    may_sleep: bool
    high: bool
    harder: bool
    movable: bool
    no_marks: bool
    takes_highatomic: bool
    spares_highatomic: bool
    cpuset: bool

    @property
    def atomic(self) -> bool:
        """Whether it may not wait and may use the reserve."""
        return self.high and not self.may_sleep

    @property
    def highest_zone(self) -> str:
        """The highest zone that the mask names."""
        for flag, zone in (("DMA", "DMA"), ("DMA32", "DMA32")):
            if flag in self.flags:
                return zone
        if "HIGHMEM" in self.flags:
            return "Movable" if "MOVABLE" in self.flags else "HighMem"
        return "Normal"


def make_request(order: int, gfp: tuple[str, ...], release: Release, rules: Rules) -> Request:
    """Derive what a mask means to a kernel.

    Examples
    --------
    >>> from .rules import rules_of
    >>> request = make_request(3, ("GFP_ATOMIC",), Release((2, 6, 32)), rules_of((2, 6, 32)))
    >>> request.may_sleep, request.high, request.harder, request.highest_zone
    (False, True, True, 'Normal')
    """
    flags = flag_set(gfp, release.numbers)
    sleeps, high, spared = "DIRECT_RECLAIM" in flags, "HIGH" in flags, "NOMEMALLOC" in flags
    if rules.harder == "no wait":
        harder = not sleeps and not spared
        takes, cpuset = harder, sleeps
    elif rules.harder == "atomic":
        harder = "ATOMIC" in flags and not spared
        takes, cpuset = harder, "ATOMIC" not in flags
    else:
        non_block = not sleeps and not spared
        harder = non_block and high
        takes, cpuset = harder, not (not sleeps and high)
        return Request(order, gfp, flags, sleeps, high, harder, "MOVABLE" in flags, _no_marks(flags), takes,
                       not (high or non_block), cpuset)  # fmt: skip
    return Request(order, gfp, flags, sleeps, high, harder, "MOVABLE" in flags, _no_marks(flags), takes,
                   not takes, cpuset)  # fmt: skip


def _no_marks(flags: frozenset[str]) -> bool:
    return "MEMALLOC" in flags and "NOMEMALLOC" not in flags


def names_of(report: MemoryReport, release: Release) -> tuple[str, ...] | None:
    """Return the names of a report's mask, decoded if it is a number only; None without a mask."""
    header = report.header
    if header is None or (header.gfp is None and header.gfp_value is None):
        return None
    if header.gfp is not None:
        return header.gfp
    return decode_mask(header.gfp_value or 0, release.numbers)


def zone_types(
    zones: Sequence[ZoneText], release: tuple[int, ...], device: bool, hidden: bool = False
) -> tuple[str, ...] | None:
    """Tell which zone types the kernel was built with; a zone's place in them is its class index.

    Parameters
    ----------
    zones : sequence of ZoneText
        As printed.
    release : tuple of int
        Of the kernel.
    device : bool
        Whether it can have a type Device.
    hidden : bool
        Whether the machine has memory of HighMem or Movable zones, which since 6.1 may be left out of the text.

    Returns
    -------
    tuple of str or None
        None if no reserve is printed, or nothing fits.

    Examples
    --------
    >>> zone = ZoneText(0, "DMA32", {"present": 4, "free": 1}, [0, 0, 31000, 31000])
    >>> zone_types([zone, ZoneText(0, "Normal", {"present": 9}, [0] * 4)], (5, 14), True)
    ('DMA', 'DMA32', 'Normal', 'Movable')
    """
    lengths = {len(zone.reserve) for zone in zones if zone.reserve is not None}
    seen = {zone.zone for zone in zones}
    if not lengths:
        return None
    layouts = [tuple(layout.split()) for layout in _LAYOUTS.get(max(lengths), ())]
    high = [types for types in layouts if hidden and not seen & {"HighMem", "Movable"} and _hides_highmem(zones, types)]
    for types in [*high, *layouts]:
        if not seen <= set(types) or (("Movable" in types) and release < _MOVABLE_SINCE):
            continue
        if ("HighMem" in types and "HighMem" not in seen and types not in high and release >= _MOVABLE_SINCE) or (
            "Device" in types and not device
        ):
            continue
        if all(_zeros(zone, types) for zone in zones):
            return types
    return None


def _hides_highmem(zones: Sequence[ZoneText], types: tuple[str, ...]) -> bool:
    """Tell whether all zones keep something from HighMem and no more from Movable: the first has memory, not both."""
    if not {"HighMem", "Movable"} <= set(types):
        return False
    at = types.index("HighMem")
    kept = [zone.reserve[at : at + 2] for zone in zones if zone.reserve and len(zone.reserve) == len(types)]
    return bool(kept) and all(high > 0 and movable in (0, high) for high, movable in kept)


def _zeros(zone: ZoneText, types: tuple[str, ...]) -> bool:
    """The zero test: a populated zone keeps nothing from requests for itself and for what lies below."""
    populated = zone.fields.get("present", 0) > 0 and zone.reserve is not None and not zone.protections
    return not populated or not any((zone.reserve or [])[: types.index(zone.zone) + 1])


def _populated(zone: ZoneText) -> bool:
    present, managed = zone.fields.get("present", 1), zone.fields.get("managed", 1)
    return present > 0 and managed > 0


def _highest(request: Request, types: tuple[str, ...] | None) -> str:
    """Return the highest zone, where a type that the kernel was built without is replaced."""
    zone = request.highest_zone
    if types is None or zone in types:
        return zone
    if zone == "Movable" and "HighMem" in types:
        return "HighMem"
    return "Normal"


def allowed_zones(
    report: MemoryReport, request: Request, types: tuple[str, ...] | None, nodemask: tuple[int, ...] | None
) -> list[ZoneText]:
    """Return the zones that a request may use, the first choice first: by node, then from the highest zone down.

    Parameters
    ----------
    report : MemoryReport
        With the zones.
    request : Request
        What was asked for.
    types : tuple of str or None
        Zone types of the kernel.
    nodemask : tuple of int or None
        Nodes that the request is bound to, if any.
    """
    top = ZONE_ORDER.index(_highest(request, types))
    nodes = nodemask
    if nodes is None and request.cpuset and report.header is not None:
        nodes = report.header.mems_allowed
    zones = [
        zone
        for zone in report.zones
        if _populated(zone)
        and zone.zone != "Device"
        and ZONE_ORDER.index(zone.zone) <= top
        and (nodes is None or zone.node in nodes)
    ]
    return sorted(zones, key=lambda zone: (zone.node, -ZONE_ORDER.index(zone.zone)))


def class_index(
    request: Request, allowed: Sequence[ZoneText], types: tuple[str, ...] | None, rules: Rules
) -> int | None:
    """Return the class of a request: the place of a zone type in a reserve's numbers; None if it cannot be told."""
    if types is None:
        return None
    if rules.class_of == "highest zone":
        return types.index(_highest(request, types)) if _highest(request, types) in types else None
    return types.index(allowed[0].zone) if allowed else None
