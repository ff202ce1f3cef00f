"""What the lines of a vector of Linux 6.1 do to a `Node`, and mostly those of 6.12: the other half of `vectors`."""

from collections import deque
from collections.abc import Callable
from hashlib import sha256
from typing import Any, ClassVar

from .._core import Node, Zone, node_formulas_61
from ..errors import MisuseError

__all__ = ["FORMAT", "Player", "formulas"]

FORMAT = "buddycap-oracle-6.1-1"
EVENTS = 1 << 20  # of one operation: a bulk allocation tells two a page
COMPUTED, RAISED = -1, -2

Agree = Callable[[str, object, object], None]


class Player:
    """The zones of one node, as a header asks for, and what each kind of line does to them.

    A method takes the line without its kind. It calls `agree(what, expected, found)`, or raises what a malformed line
    makes of it.

    Parameters
    ----------
    header : dict
    agree : callable
        Raises if what is expected and what is found differ.
    """

    kernel: ClassVar[str] = "6.1"

    def __init__(self, header: dict[str, Any], agree: Agree) -> None:
        self.agree = agree
        self.node = Node(
            [self.make_zone(header, zone) for zone in header["zones"]],
            min_free_kbytes=header["min_free_kbytes"],
            watermark_scale_factor=header["watermark_scale_factor"],
            events=EVENTS,
        )
        self.zones = {zone.zone_idx: zone for zone in self.node.zones}
        self.events: deque[list[Any]] = deque()
        self.kinds = {"xf"} if header["events"] == "xf" else {"zl", "xf", "dr", "fr", "fb"}
        self.operations = 0
        self.last = ""
        self.operation: dict[str, Callable[..., None]] = {
            "a": self.allocate,
            "b": self.allocate_buddy,
            "g": self.walk,
            "k": self.bulk,
            "f": self.node.free_pages,
            "o": self.node.free_one_page,
            "l": self.node.free_list,
            "+": self.node.get_page,
            "s": self.node.split_page,
            "q": self.node.set_lru,
            "u": self.set_cpu,
            "L": lambda z, cpu, v: self.zones[z].lock_pcp(cpu, bool(v)),
            "D": lambda z: self.zones[z].drain_pages(),
            "X": lambda z, cpu: self.zones[z].drain_pages(cpu),
            "V": lambda z, v: self.zones[z].disable_pcp(bool(v)),
            "e": lambda z, cpu: self.zones[z].drain_batch(cpu),
            "w": self.watermark,
            "W": self.watermark_fast,
            "m": self.node.set_min_free_kbytes,
            "p": self.node.set_pcp_high_fraction,
            "r": self.node.set_lowmem_ratio,
            "B": self.node.set_boost_factor,
            "R": lambda z, v: setattr(self.zones[z], "reclaim_active", bool(v)),
            "n": lambda z, pages: self.zones[z].balance_boost(pages),
            "U": self.unreserve,
            "C": lambda z, order, mt: self.zones[z].arm_capture(order, mt),
            "c": lambda pfn: self.agree("pfn", pfn, _pfn(self.node.end_capture())),
            "y": lambda pfn, pages: self.agree("pages", pages, self.node.take_free_block(pfn)),
            "z": self.node.put_free_block,
            "i": lambda s, e, mt, r: self.agree("result", r, _errno(self.node.isolate_range(s, e, mt))),
            "j": self.node.undo_isolate_range,
            "t": lambda s, e, r: self.agree("result", r, _errno(self.node.is_isolated(s, e))),
            "x": lambda z, rows: self.agree("indexes", rows, [list(row) for row in self.zones[z].fragmentation()]),
            "M": self.node.init_cma,
        }

    def make_zone(self, header: dict[str, Any], zone: dict[str, Any]) -> Zone:
        """Return a zone as it is after boot; its node sets the marks."""
        return Zone(
            zone["start"],
            zone["spanned"],
            kernel=self.kernel,
            max_page_order=header["max_order"] - 1,
            pageblock_order=header["pageblock_order"],
            zone_idx=zone["idx"],
            present_ranges=[tuple(pair) for pair in zone["present"]],
            free_ranges=[tuple(pair) for pair in zone["free"]],
            cpus=header["cpus"],
            cma=bool(header["cma"]),
            group_by_mobility=not header["mobility_disabled"],
            lowmem_reserve_ratio=header["lowmem_ratio"],
            watermark_boost_factor=header["watermark_boost_factor"],
            linked_outside=[pfn for pfn, idx in header["linked_outside"] if idx == zone["idx"]],
        )

    def check_header(self, header: dict[str, Any]) -> None:
        """Compare what the kernel computed at boot."""
        for recorded in header["zones"]:
            zone, result = self.zones[recorded["idx"]], recorded["result"]
            self.agree("managed", result["managed"], zone.managed_pages)
            self.agree("wmark", result["wmark"], list(zone.wmark))
            self.agree("lowmem_reserve", result["lowmem_reserve"], list(zone.lowmem_reserve))
            sizes = result.keys() - {"managed", "wmark", "lowmem_reserve"}
            numbers = zone.pcp()
            self.agree("sizes", {key: result[key] for key in sizes}, {key: numbers[key] for key in sizes})

    def check(self) -> None:
        """Check every invariant of every zone."""
        self.node.check()

    def step(self, line: list[Any]) -> None:
        """Do what a line says and compare what it recorded."""
        kind = line[0]
        if kind == "v":
            self.agree("event", line[1:], self.events.popleft() if self.events else None)
            return
        self.agree("events", [], list(self.events))
        self.last = kind
        operation = self.operation.get(kind)
        if operation is not None:
            self.operations += 1
            operation(*(line[1:-1] if line[-1] is None else line[1:]))  # null: no result
            self.events.extend(list(event) for event in self.node.take_events() if event[0] in self.kinds)
        elif kind == "h":
            _, prefix = line
            digest = sha256(self.node.canonical_dump().encode("ascii")).hexdigest()
            self.agree("SHA-256 of the state", prefix, digest[: len(prefix)])
        elif kind == "d":
            _, text = line
            self.compare_dump(text.splitlines(), self.node.canonical_dump().splitlines())
        else:
            raise LookupError(kind)

    def compare_dump(self, recorded: list[str], found: list[str]) -> None:
        """Compare two dumps line by line."""
        for theirs, ours in zip(recorded, found, strict=False):
            self.agree("dump", theirs, ours)
        self.agree("lines of the dump", len(recorded), len(found))

    def set_cpu(self, cpu: int) -> None:
        """Do what `u` says."""
        self.node.cpu = cpu

    def allocate(self, z: int, order: int, mt: int, flags: int, compound: int, recorded: int) -> None:
        """Do what `a` says."""
        self.agree("pfn", recorded, _pfn(self.zones[z].rmqueue_zone(order, mt, flags, compound=bool(compound))))

    def allocate_buddy(self, z: int, order: int, mt: int, flags: int, recorded: int) -> None:
        """Do what `b` says."""
        self.agree("pfn", recorded, _pfn(self.zones[z].rmqueue(order, mt, flags)))

    def walk(self, order: int, mt: int, flags: int, hzi: int, atomic: int, recorded: int) -> None:
        """Do what `g` says."""
        found = self.node.alloc_walk(order, mt, flags, classzone_idx=hzi, atomic=bool(atomic))
        self.agree("pfn", recorded, _pfn(found))

    def bulk(self, z: int, n: int, mt: int, flags: int, recorded: list[int]) -> None:
        """Do what `k` says."""
        self.agree("pfns", recorded, self.zones[z].alloc_bulk(n, mt, flags))

    def watermark(self, z: int, order: int, mark: int, hzi: int, flags: int, recorded: int) -> None:
        """Do what `w` says."""
        ok = self.zones[z].watermark_ok(order, mark, classzone_idx=hzi, alloc_flags=flags)
        self.agree("ok", recorded, int(ok))

    def watermark_fast(self, z: int, order: int, hzi: int, flags: int, atomic: int, recorded: int) -> None:
        """Do what `W` says."""
        ok = self.zones[z].watermark_fast(order, classzone_idx=hzi, alloc_flags=flags, atomic=bool(atomic))
        self.agree("ok", recorded, int(ok))

    def unreserve(self, mt: int, hzi: int, force: int, recorded: int) -> None:
        """Do what `U` says."""
        found = self.node.unreserve_highatomic(mt, classzone_idx=hzi, force=bool(force))
        self.agree("result", recorded, int(found))


def formulas(
    row: dict[str, Any], compute: Callable[..., dict[str, Any]] = node_formulas_61
) -> list[tuple[str, object, object]]:
    """Compute a row of formulas.

    Parameters
    ----------
    row : dict
        A line of E_formulas.
    compute : callable
        The formulas of the kernel.

    Returns
    -------
    list of (str, object, object)
        What it is, what is recorded, and what was found.

    Raises
    ------
    LookupError, TypeError, ValueError
        If the row lacks something.
    """
    kb = row["min_free_kbytes_in"]
    if kb < RAISED:
        raise MisuseError(f"min_free_kbytes_in={kb}: allowed are numbers from {RAISED} on")
    found = compute(
        row["managed"],
        ratio=row["ratio"],
        cpus=row["cpus"],
        min_free_kbytes=None if kb <= COMPUTED else kb,
        watermark_scale_factor=row["scale"],
        pcp_fraction=row["fraction"],
        khugepaged=kb == RAISED,
    )
    expected = {key: row[key] for key in found}
    zones = list(zip(expected.pop("zones"), found.pop("zones"), strict=True))
    pairs = [(key, expected[key], found[key]) for key in expected]
    return pairs + [(f"zone {k} {key}", zone[key], ours[key]) for k, (zone, ours) in enumerate(zones) for key in ours]


def _pfn(pfn: int | None) -> int:
    return -1 if pfn is None else pfn


def _errno(done: bool) -> int:
    return 0 if done else -16
