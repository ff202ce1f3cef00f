"""Play a recorded vector on any module with `Zone` and `Node`; FORMAT.md beside the vectors is the law."""

import gzip
import hashlib
import json

from . import marks
from .state import NODE_ZONES

BUSY = -16
EVENT_ROOM = 1 << 16


def version(header):
    """The kernel of a vector, without its last number."""
    return ".".join(header["kernel"].split(".")[:2])


def boot(module, header):
    """The node that a header describes."""
    zones = [
        module.Zone(
            zone["start"],
            zone["spanned"],
            kernel=version(header),
            present_ranges=[tuple(r) for r in zone["present"]],
            free_ranges=[tuple(r) for r in zone["free"]],
            zone_idx=zone["idx"],
            cpus=header["cpus"],
            watermark_boost_factor=header["watermark_boost_factor"],
            group_by_mobility=not header["mobility_disabled"],
            cma=bool(header["cma"]),
            linked_outside=[pfn for pfn, idx in header["linked_outside"] if idx == zone["idx"]],
            events=EVENT_ROOM,
        )
        for zone in header["zones"]
    ]
    node = module.Node(
        zones,
        min_free_kbytes=header["min_free_kbytes"],
        watermark_scale_factor=header["watermark_scale_factor"],
        lowmem_reserve_ratio=tuple(header["lowmem_ratio"]),
    )
    if "cache_slice" in header:
        node.set_cache_slice(header["cache_slice"])
    return node


class Player:
    """A node, and the meaning of each kind of line: a method for each, which returns what is recorded."""

    def __init__(self, node):
        self.node = node
        self.zones = {zone.zone_idx: zone for zone in node.zones}

    def step(self, kind, *arguments):
        """Run one operation; `arguments` is the line without its kind and its result."""
        return OPERATIONS[kind](self, *arguments)

    def set_cpu(self, cpu):
        self.node.cpu = cpu

    def set_reclaim(self, idx, value):
        self.zones[idx].reclaim_active = bool(value)

    def set_below(self, idx, value):
        self.zones[idx].below_high = bool(value)

    def walk(self, order, kind, flags, highest, atomic):
        return recorded(self.node.alloc_walk(order, kind, flags, classzone_idx=highest, atomic=bool(atomic)))

    def watermark(self, idx, order, mark, highest, flags):
        return int(self.zones[idx].watermark_ok(order, mark, classzone_idx=highest, alloc_flags=flags))

    def fast_watermark(self, idx, order, highest, flags, atomic):
        zone = self.zones[idx]
        return int(zone.watermark_fast(order, classzone_idx=highest, alloc_flags=flags, atomic=bool(atomic)))

    def unreserve(self, kind, highest, force):
        return int(self.node.unreserve_highatomic(kind, classzone_idx=highest, force=bool(force)))


def of_zone(name):
    """An operation of the zone that comes first; the last numbers are switches where the method wants them."""
    return lambda player, idx, *arguments: getattr(player.zones[idx], name)(*arguments)


def of_node(name):
    """An operation of the node."""
    return lambda player, *arguments: getattr(player.node, name)(*arguments)


OPERATIONS = {
    "a": lambda p, z, o, t, flags, comp: recorded(p.zones[z].rmqueue_zone(o, t, flags, compound=bool(comp))),
    "b": lambda p, z, o, t, flags: recorded(p.zones[z].rmqueue(o, t, flags)),
    "g": Player.walk,
    "k": lambda p, z, n, t, flags: list(p.zones[z].alloc_bulk(n, t, flags)),
    "f": of_node("free_pages"),
    "o": of_node("free_one_page"),
    "l": of_node("free_list"),
    "+": of_node("get_page"),
    "s": of_node("split_page"),
    "q": lambda p, pfn, n, v: p.node.set_lru(pfn, n, bool(v)),
    "u": Player.set_cpu,
    "L": lambda p, z, cpu, v: p.zones[z].lock_pcp(cpu, bool(v)),
    "D": of_zone("drain_pages"),
    "X": of_zone("drain_pages"),
    "V": lambda p, z, v: p.zones[z].disable_pcp(bool(v)),
    "e": of_zone("drain_batch"),
    "w": Player.watermark,
    "W": Player.fast_watermark,
    "m": of_node("set_min_free_kbytes"),
    "p": of_node("set_pcp_high_fraction"),
    "r": of_node("set_lowmem_ratio"),
    "B": of_node("set_boost_factor"),
    "R": Player.set_reclaim,
    "n": of_zone("balance_boost"),
    "U": Player.unreserve,
    "x": lambda p, z: [list(row) for row in p.zones[z].fragmentation()],
    "C": of_zone("arm_capture"),
    "c": lambda p: recorded(p.node.end_capture()),
    "y": of_node("take_free_block"),
    "z": of_node("put_free_block"),
    "i": lambda p, start, end, t: 0 if p.node.isolate_range(start, end, t) else BUSY,
    "j": of_node("undo_isolate_range"),
    "t": lambda p, start, end: 0 if p.node.is_isolated(start, end) else BUSY,
    "M": of_node("init_cma"),
    # Linux 6.12
    "Y": lambda p, z, cpu: int(p.zones[z].decay_pcp(cpu)),
    "O": Player.set_below,
    "S": of_node("set_cache_slice"),
}
WITH_RESULT = frozenset("abgkwWUxcyitY")


def recorded(pfn):
    """No page is recorded as -1."""
    return -1 if pfn is None else pfn


# Vectors


def read_vector(path):
    """(header, lines) of a vector file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        header, *rest = map(json.loads, lines)
    return header, rest


def check_set_up(node, header):
    """Marks, reserves and sizes are those of the header."""
    for zone, expected in zip(node.zones, header["zones"], strict=True):
        found = {
            **zone.pcp(0),
            "managed": zone.managed_pages,
            "wmark": list(zone.wmark),
            "lowmem_reserve": list(zone.lowmem_reserve),
        }
        assert {name: found[name] for name in expected["result"]} == expected["result"]


def check_state(node, kind, text):
    """Compare the state with a dump, or with the beginning of its hash."""
    dump = node.canonical_dump()
    if kind == "d":
        assert dump.splitlines() == text.splitlines()
    else:
        assert hashlib.sha256(dump.encode("ascii")).hexdigest()[: len(text)] == text


def check_events(node, told, kinds):
    """Compare what was told since the last operation, and forget it."""
    assert [list(event) for event in node.take_events() if kinds == "all" or event[0] == kinds] == told
    told.clear()


def play(module, header, lines):
    """Play a vector and assert every result, event and state; returns the node for a last look."""
    node = boot(module, header)
    player = Player(node)
    check_set_up(node, header)
    told, operation = [], None
    for number, (kind, *rest) in enumerate([*lines, ["end"]], 2):
        try:
            if kind == "v":
                told.append(rest)
                continue
            if kind in "dh":
                check_state(node, kind, *rest)
                continue
            check_events(node, told, header["events"])
            operation = [kind, *rest]
            if kind in WITH_RESULT:
                *arguments, expected = rest
                assert player.step(kind, *arguments) == expected
            elif kind != "end":
                player.step(kind, *(value for value in rest if value is not None))
        except AssertionError as error:
            raise AssertionError(f"line {number}, operation {operation}") from error
    return node


# Formulas


def formula_row(kernel, row):
    """What a row of formulas should hold, computed from its inputs."""
    managed, kb = row["managed"], row["min_free_kbytes_in"]
    if kb < 0:
        kb, asked = marks.default_min_free_kbytes(marks.nr_free_buffer_pages(managed, [[0] * 4] * NODE_ZONES)), kb
        if asked == -2:
            kb = max(kb, marks.khugepaged_min_free_kbytes(managed, kernel.node_wmarks(managed, kb, row["scale"])))
    reserves = marks.lowmem_reserve(managed, row["ratio"])
    wmarks = kernel.node_wmarks(managed, kb, row["scale"])
    zones = [
        {"wmark": wmark, "lowmem_reserve": reserve, **formula_sizes(kernel, row, pages, wmark)}
        for pages, wmark, reserve in zip(managed, wmarks, reserves, strict=True)
    ]
    totalreserve = marks.totalreserve_pages(managed, reserves, wmarks)
    return {**row, "min_free_kbytes": kb, "totalreserve": totalreserve, "zones": zones}


def formula_sizes(kernel, row, pages, wmark):
    """Sizes of per-CPU lists; a zone without pages has none."""
    batchsize = marks.zone_batchsize(pages)
    batch = max(1, batchsize)
    limits = kernel.pcp_limits(pages, wmark[1], row["cpus"], row["fraction"], batch)
    sizes = {"batchsize": batchsize, "batch": batch, **limits}
    return sizes if pages else dict.fromkeys(sizes)
