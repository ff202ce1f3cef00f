"""Play a recorded vector of compaction on the twin of its kernel. FORMAT.md beside the vectors has the layout."""

import gzip
import hashlib
import json

from .. import pcp
from ..state import MAX_PAGE_ORDER, NODE_ZONES
from . import daemons, run
from .pages import EVENTS, ZoneCompaction
from .scanners import Control
from .slowpath import alloc_pages

IN_USE_TAIL, NOT_IN_USE = "-", "."


# State


def load(kernel, header, dump):
    """The machine of a header in the state of a dump."""
    machine = kernel.Machine(kernel, header)
    for described, state in zip(header["zones"], dump["zones"], strict=True):
        zone = machine.node.add_zone(described["idx"], described["start"], described["span"])
        machine.node.release_reserved(zone.start, zone.end)
        zone.managed = described["managed"]
        zone.wmark = [*described["wmark"], 0]
        reserve = described["reserve"]
        zone.lowmem_reserve = reserve + reserve[-1:] * (NODE_ZONES - len(reserve))
        load_zone(machine, zone, state, described["pcp"])
    return machine


def load_zone(machine, zone, state, sizes):
    """A zone as a dump has it."""
    f, first = state["f"], zone.start // machine.node.pageblock_pages
    compact = zone.compact = ZoneCompaction(f[0:2], f[2], f[3], f[4])
    compact.considered, compact.defer_shift, compact.order_failed = f[5:8]
    compact.blockskip_flush = bool(f[8])
    compact.skip = {first + k for k, digit in enumerate(state["skip"]) if digit == "1"}
    for k, digit in enumerate(state["pb"]):
        machine.node.pageblock_type[first + k] = int(digit)
    for order, kind, pfns in state["free"]:
        for pfn in pfns:
            zone.add_to_free_list(pfn, order, kind, to_tail=True)
    zone.nr_free_pages, zone.boost, zone.nr_reserved_highatomic, zone.boosted = f[9], f[10], f[11], bool(f[12])
    lists = zone.pcp[0]
    lists.count = f[13]
    for index, pages in state["pcp"]:
        lists.lists[index] = [pfn for pfn, _ in pages]
    machine.kernel.load_own(zone, sizes, f[14:], state["pcp"])
    load_units(machine, zone, state["units"])
    machine.busy.update({int(pfn): n for pfn, n in state["busy"].items()})


def load_units(machine, zone, units):
    """Units from their heads and tails."""
    heads = [k for k, letter in enumerate(units) if letter not in (IN_USE_TAIL, NOT_IN_USE)]
    for k in heads:
        size = 1
        while k + size < len(units) and units[k + size] == IN_USE_TAIL:
            size += 1
        machine.add_unit(zone.start + k, size.bit_length() - 1, units[k])
        machine.node.refs[zone.start + k] = 1


def fields(machine, zone):
    """The numbers of a zone."""
    compact, lists = zone.compact, zone.pcp[0]
    return [
        *compact.cached_migrate,
        compact.cached_free,
        compact.init_migrate,
        compact.init_free,
        compact.considered,
        compact.defer_shift,
        compact.order_failed,
        int(compact.blockskip_flush),
        zone.nr_free_pages,
        zone.boost,
        zone.nr_reserved_highatomic,
        int(zone.boosted),
        lists.count,
        *machine.kernel.own_fields(zone),
    ]


def dump_zone(machine, zone):
    """A zone as the vectors have it."""
    pages = machine.node.pageblock_pages
    blocks = range(zone.start // pages, (zone.end - 1) // pages + 1)
    units = []
    for pfn in range(zone.start, zone.end):
        head = machine.head.get(pfn)
        units.append(NOT_IN_USE if head is None else machine.kind[head] if head == pfn else IN_USE_TAIL)
    return {
        "idx": zone.idx,
        "f": fields(machine, zone),
        "nr_free": zone.nr_free,
        "free": [
            [order, kind, list(blocks)]
            for order in range(MAX_PAGE_ORDER + 1)
            for kind, blocks in enumerate(zone.free_area[order])
            if blocks
        ],
        "pb": "".join(str(machine.node.pageblock_type.get(k, 0)) for k in blocks),
        "skip": "".join(str(int(k in zone.compact.skip)) for k in blocks),
        "pcp": [
            [k, [[pfn, machine.kernel.page_word(zone, pfn)] for pfn in pages]]
            for k, pages in enumerate(zone.pcp[0].lists)
            if pages
        ],
        "units": "".join(units),
        "busy": {str(pfn): n for pfn, n in sorted(machine.busy.items()) if zone.spans(pfn)},
    }


def dump(machine):
    """The state as the vectors have it."""
    return {"zones": [dump_zone(machine, zone) for zone in machine.zones]}


def digest(value):
    """SHA-256 of a dump."""
    return hashlib.sha256(json.dumps(value, separators=(",", ":"), sort_keys=True).encode()).hexdigest()


# Operations


class Player:
    """A machine, and the meaning of each operation: a method that returns what `out` has of its own."""

    def __init__(self, kernel, header, state):
        self.kernel, self.machine = kernel, load(kernel, header, state)
        self.node = self.machine.node

    def step(self, op):
        """Run an operation: the whole `out`."""
        machine = self.machine
        machine.begin(op.get("hooks", ()), op.get("reclaim", ()))
        machine.events.clear()
        counted = self.counted()
        out = getattr(self, f"op_{op['op']}")(op)
        now = self.counted()
        machine.events["pgalloc"] += now[0] - counted[0]
        machine.events["pgfree"] += now[1] - counted[1]
        self.node.events.clear()
        return {
            "ret": 0,
            **out,
            "mig": machine.moves,
            "hooks": machine.hook_results,
            "kev": machine.kernel_events,
            "ev": [machine.events[name] for name in EVENTS],
            "z": [fields(machine, zone) for zone in machine.zones],
        }

    def counted(self):
        """Pages allocated and freed."""
        return sum(zone.pgalloc for zone in self.machine.zones), self.node.pgfree

    def zone(self, op):
        """The zone that is meant."""
        return self.node.zones[op["zone"]]

    def captured(self, pfn, op):
        """A captured block becomes a unit."""
        if pfn is not None:
            self.node.prep_new_page(pfn, op["order"])
            self.machine.add_unit(pfn, op["order"], op["kind"])
        return -1 if pfn is None else pfn

    def op_alloc(self, op):
        pfn = alloc_pages(self.machine, op["gfp"], op["order"])
        if pfn is not None:
            self.machine.add_unit(pfn, op["order"], op["kind"], op["busy"])
        return {"ret": -1 if pfn is None else pfn}

    def op_free(self, op):
        return {"ret": self.machine.free_unit(op["pfn"])}

    def op_compact(self, op):
        names = ("order", "gfp", "mode", "direct", "whole", "ign_skip", "ign_suit", "proactive", "aflags", "hzi")
        cc = Control(self.machine, **{name: op[name] for name in names})
        result, pfn = run.compact_zone_order(cc, self.zone(op), bool(op["capture"]))
        scanned, ends = [cc.migrate_scanned, cc.free_scanned], [cc.migrate_pfn, cc.free_pfn]
        control = [*scanned, *ends, cc.fast_search_fail, cc.search_order]
        return {"ret": result, "cap": self.captured(pfn, op), "cc": control}

    def op_try(self, op):
        result, pfn = daemons.try_to_compact_pages(self.machine, op["gfp"], op["order"], op["aflags"], op["prio"])
        return {"ret": result, "cap": self.captured(pfn, op)}

    def op_kcompactd(self, op):
        daemons.kcompactd_do_work(self.machine, op["order"], op["hzi"])
        return {}

    def op_node(self, op):
        daemons.compact_node(self.machine, proactive=False)
        return {}

    def op_proactive(self, op):
        daemons.compact_node(self.machine, proactive=True)
        return {}

    def op_reset_skip(self, op):
        for zone in self.machine.zones:
            run.reset_isolation_suitable(self.machine, zone)
        return {}

    def op_flush(self, op):
        self.zone(op).compact.blockskip_flush = bool(op["value"])
        return {}

    def op_defer(self, op):
        run.defer_compaction(self.zone(op).compact, op["order"])
        return {}

    def op_deferred(self, op):
        return {"ret": int(run.compaction_deferred(self.zone(op).compact, op["order"]))}

    def op_defer_reset(self, op):
        run.compaction_defer_reset(self.zone(op).compact, op["order"], bool(op["success"]))
        return {}

    def op_suitable(self, op):
        zone = self.zone(op)
        result = run.compaction_suitable(zone, op["order"], op["aflags"], op["hzi"])
        return {"ret": result, "idx": run.fragmentation_index(zone, op["order"])}

    def op_kc_suitable(self, op):
        return {"ret": int(daemons.kcompactd_node_suitable(self.machine, op["order"], op["hzi"]))}

    def op_score(self, op):
        node, each, start = daemons.scores(self.machine)
        return {"ret": node, "zs": each, "start": start}

    def op_drain(self, op):
        for zone in self.machine.zones:
            pcp.drain_all_pages(zone)
        return {}


def read_vector(path):
    """(header, first state, records) of a vector file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        header, state, *records = map(json.loads, lines)
    return header, state, records


def play(kernel, header, state, records):
    """Play a vector and assert every result and state; returns the machine for a last look."""
    player = kernel.Player(kernel, header, state)
    assert dump(player.machine) == state
    for number, record in enumerate(records, 3):
        if "in" in record:
            out = player.step(record["in"])
            different = {key: (value, out.get(key)) for key, value in record["out"].items() if out.get(key) != value}
            assert different == {}, f"line {number}: {record['in']}"
        elif "dump" in record:
            assert dump(player.machine) == record["dump"], f"line {number}"
        else:
            assert digest(dump(player.machine)) == record["sha256"], f"line {number}"
    return player.machine
