"""What the records of a vector of compaction do to zones, of Linux 6.1 but for what `vectors_compaction_6_12` says.

A vector has units of pages in use, of kinds: the kernel's, anonymous, of files, busy, pinned and so on. Marks of pages
carry a kind as far as the simulator knows it; what only a recording has (a page that is busy so many times) is told to
compaction at the stop before each attempt to move a page.
"""

import json
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any, ClassVar

from .._core import AllocRequest, Compaction, Node, Zone
from ..errors import MisuseError
from ..kernels.linux_6_1 import gfp_zone
from .units import MARKS, Units

__all__ = ["FORMAT", "Player"]

FORMAT = "buddycap-compaction-1"
MAX_ORDER, MODES, PRIORITIES = 10, ("async", "sync-light", "sync"), ("full", "sync-light", "async")
RESULTS = {
    name: number
    for number, name in enumerate(
        ("not suitable", "skipped", "deferred", "none", "continue", "complete", "partial", "contended", "success")
    )
}
PRESENT, TAIL = ".", "-"
DMA32 = 1  # index of the zone that is 0 in the recordings: their kernel has no zone DMA
STATE = (
    "cached_free",
    "init_migrate",
    "init_free",
    "considered",
    "defer_shift",
    "order_failed",
    "blockskip_flush",
)
EVENTS = (
    "pgalloc",
    "pgfree",
    "pgmigrate_success",
    "pgmigrate_fail",
    "compact_migrate_scanned",
    "compact_free_scanned",
    "compact_isolated",
    "compact_stall",
    "compact_fail",
    "compact_success",
    "compact_daemon_wake",
    "compact_daemon_migrate_scanned",
    "compact_daemon_free_scanned",
)

Agree = Callable[[str, object, object], None]
Run = Compaction | AllocRequest


class Player:
    """The zones of one node, as a header and a first dump have them, and what each operation does to them.

    Parameters
    ----------
    header : dict
    agree : callable
        Called with what, expected and found; raises if they differ.
    """

    kernel: ClassVar[str] = "6.1"
    marks: ClassVar[dict[str, int]] = MARKS
    compound: ClassVar[str] = "CT"
    listed: ClassVar[str] = "T"  # compound ones that are on the LRU
    reclaimable: ClassVar[str] = "abefdDw"
    may_let_go: ClassVar[str] = "abef"
    never_moves: ClassVar[str] = "ew"

    def __init__(self, header: dict[str, Any], agree: Agree) -> None:
        self.agree = agree
        self.header = header
        self.units = Units()
        self.node = Node([_make_zone(self.kernel, header, zone) for zone in header["zones"]], min_free_kbytes=0)
        self.zones = {zone.zone_idx - DMA32: zone for zone in self.node.zones}
        self.operations = 0
        self.loaded = False
        self.last = ""
        self.begin({})

    def begin(self, op: dict[str, Any]) -> None:
        """Begin an operation: what others do during it, and what it has done so far."""
        self.hooks, self.reclaims = op.get("hooks", ()), list(op.get("reclaim", ()))
        self.attempts = 0
        self.moves: list[list[int]] = []
        self.done: list[list[Any]] = []
        self.told: list[list[Any]] = []
        self.gone: set[int] = set()  # units whose owner has let them go while they were isolated

    def check_header(self, header: dict[str, Any]) -> None:
        """Compare nothing: a header has inputs only."""

    def check(self) -> None:
        """Check every invariant of every zone."""
        self.node.check()

    def step(self, record: dict[str, Any]) -> None:
        """Do what a record says and compare what it recorded."""
        if not self.loaded:
            self.load(record)
            self.agree("dump", record, self.dump())
        elif "in" in record:
            self.operations += 1
            found = self.play(record["in"])
            for name, expected in record["out"].items():
                self.agree(name, expected, found.get(name))
        elif "dump" in record:
            self.agree("dump", record["dump"], self.dump())
        else:
            text = json.dumps(self.dump(), separators=(",", ":"), sort_keys=True)
            self.agree("SHA-256 of the state", record["sha256"], sha256(text.encode()).hexdigest())
        self.last = next(iter(record))

    # --- state ---

    def load(self, state: dict[str, Any]) -> None:
        """Take over the first dump."""
        self.loaded = True
        for described, zone_state in zip(self.header["zones"], state["zones"], strict=True):
            self._load_zone(self.zones[described["idx"]], described, zone_state)

    def _load_zone(self, zone: Zone, described: dict[str, Any], state: dict[str, Any]) -> None:
        f = state["f"]
        first = zone.start_pfn >> zone.pageblock_order
        for k, kind in enumerate(state["pb"]):
            zone.set_pageblock_migratetype(max((first + k) << zone.pageblock_order, zone.start_pfn), int(kind))
        zone.set_free_blocks((pfn, order, kind) for order, kind, pfns in state["free"] for pfn in pfns)
        for index, pages in state["pcp"]:
            zone.set_pcp_blocks(0, index, pages)
        self.load_lists(zone, described["pcp"], f)
        reserve = [0, *described["reserve"], 0]
        zone.set_marks([*described["wmark"], described["wmark"][2]], lowmem_reserve=reserve, boost=f[10])
        zone.reserved_highatomic, zone.boosted = f[11], bool(f[12])
        zone.compaction.set_state(
            cached_migrate=f[0:2],
            cached_free=f[2],
            init_migrate=f[3],
            init_free=f[4],
            considered=f[5],
            defer_shift=f[6],
            order_failed=f[7],
            blockskip_flush=bool(f[8]),
            unevictable_allowed=bool(self.header["unevictable_allowed"]),
        )
        zone.compaction.skip = [digit == "1" for digit in state["skip"]]
        self._load_units(zone, state["units"])
        self.units.busy.update({int(pfn): times for pfn, times in state["busy"].items()})

    def load_lists(self, zone: Zone, sizes: list[int], f: list[int]) -> None:
        """Take over the sizes of the per-CPU lists."""
        zone.set_pcp(0, high=sizes[1], batch=sizes[0], free_factor=f[14])

    def _load_units(self, zone: Zone, letters: str) -> None:
        heads = [k for k, letter in enumerate(letters) if letter not in (TAIL, PRESENT)]
        for k in heads:
            size = 1
            while k + size < len(letters) and letters[k + size] == TAIL:
                size += 1
            pfn, order = zone.start_pfn + k, size.bit_length() - 1
            if order:
                zone.join_pages(pfn, order)
            self.make_unit(pfn, order, letters[k])

    def make_unit(self, pfn: int, order: int, kind: str, busy: int = 0) -> None:
        """Mark an allocated block by its kind."""
        self.gone.discard(pfn)
        self.units.add(pfn, order, kind, busy)
        zone = self.node.zone_of(pfn)
        if kind in self.compound and order:
            zone.compaction.make_compound(pfn, order)
        if kind in self.marks:
            zone.compaction.set_page_flags(pfn, self.marks[kind])
        elif kind in self.listed:
            zone.set_lru(pfn, 1)

    def fields(self, zone: Zone) -> list[int]:
        """Return the numbers of a zone, in the order of `f`."""
        state, pcp = zone.compaction.state(), zone.pcp(0)
        return [
            *state["cached_migrate"],
            *(int(state[name]) for name in STATE),
            zone.nr_free_pages,
            zone.boost,
            zone.reserved_highatomic,
            int(zone.boosted),
            pcp["count"],
            *self.own_fields(zone, pcp),
        ]

    def own_fields(self, zone: Zone, pcp: dict[str, Any]) -> list[int]:
        """Return the last of them, which only this kernel has."""
        return [pcp["free_factor"]]

    def page_word(self, tag: int) -> int:
        """Return what is recorded of a block on a per-CPU list: the type that it came with."""
        return tag

    def dump(self) -> dict[str, Any]:
        """Return the state as a vector has it."""
        return {"zones": [self._dump_zone(zone) for zone in self.node.zones]}

    def _dump_zone(self, zone: Zone) -> dict[str, Any]:
        lists: dict[tuple[int, int], list[int]] = {}
        for block in zone.free_blocks().tolist():
            lists.setdefault((block[1], block[2]), []).append(block[0])
        pcp = [
            [index, [[pfn, self.page_word(tag)] for pfn, _, tag in zone.pcp_blocks(0, index).tolist()]]
            for index in range(14)
            if len(zone.pcp_blocks(0, index))
        ]
        inside = sorted(pfn for pfn in self.units.busy if self._spans(zone, pfn))
        return {
            "idx": zone.zone_idx - DMA32,
            "f": self.fields(zone),
            "nr_free": zone.nr_free.tolist()[: MAX_ORDER + 1],
            "free": [[o, kind, pfns] for (o, kind), pfns in sorted(lists.items())],
            "pb": "".join(map(str, zone.pageblock_migratetype.tolist())),
            "skip": "".join(str(int(bit)) for bit in zone.compaction.skip),
            "pcp": pcp,
            "units": self._dump_units(zone),
            "busy": {str(pfn): self.units.busy[pfn] for pfn in inside},
        }

    def _spans(self, zone: Zone, pfn: int) -> bool:
        return bool(zone.start_pfn <= pfn < zone.start_pfn + zone.spanned_pages)

    def _dump_units(self, zone: Zone) -> str:
        letters = [PRESENT] * zone.spanned_pages
        for pfn, kind in self.units.kind.items():
            if self._spans(zone, pfn):
                at, size = pfn - zone.start_pfn, 1 << self.units.order[pfn]
                letters[at : at + size] = [kind] + [TAIL] * (size - 1)
        return "".join(letters)

    # --- operations ---

    def play(self, op: dict[str, Any]) -> dict[str, Any]:
        """Run an operation; all of its `out`."""
        self.begin(op)
        before = self.counted()
        operation = getattr(self, f"op_{op['op']}", None)
        if operation is None:
            raise LookupError(op["op"])
        out = operation(op)
        after = self.counted()
        return {
            "ret": 0,
            **out,
            "mig": self.moves,
            "hooks": self.done,
            "kev": self.told,
            "ev": [after[name] - before[name] for name in EVENTS],
            "z": [self.fields(zone) for zone in self.node.zones],
        }

    def counted(self) -> dict[str, int]:
        """Return the events counted so far, of all zones."""
        counts = dict.fromkeys(EVENTS, 0)
        for zone in self.node.zones:
            for name, value in {**zone.vmstat(), **zone.compaction.vmstat()}.items():
                if name in counts:
                    counts[name] += value
        return counts

    def op_free(self, op: dict[str, Any]) -> dict[str, Any]:
        return {"ret": self.free_unit(op["pfn"])}

    def op_compact(self, op: dict[str, Any]) -> dict[str, Any]:
        run = self.zones[op["zone"]].compaction.begin(
            op["order"],
            op["gfp"],
            mode=MODES[op["mode"]],
            direct=bool(op["direct"]),
            whole=bool(op["whole"]),
            ignore_skip=bool(op["ign_skip"]),
            ignore_suitable=bool(op["ign_suit"]),
            proactive=max(100 - self.header["proactiveness"], 5) if op["proactive"] else None,
            alloc_flags=op["aflags"],
            classzone_idx=op["hzi"] + DMA32,
            capture=bool(op["capture"]),
            stops=True,
        )
        self.drive(run)
        names = ("migrate_scanned", "free_scanned", "migrate_pfn", "free_pfn", "fast_search_fail", "search_order")
        control = [run.stats[name] for name in names]
        return {"ret": RESULTS[run.result], "cap": self.captured(run, op), "cc": control}

    def op_try(self, op: dict[str, Any]) -> dict[str, Any]:
        run = self.node.compact(
            op["order"],
            op["gfp"],
            priority=PRIORITIES[op["prio"]],
            alloc_flags=op["aflags"],
            classzone_idx=zone_class(op["gfp"]),
            stops=True,
        )
        self.drive(run)
        return {"ret": RESULTS[run.result], "cap": self.captured(run, op)}

    def op_kcompactd(self, op: dict[str, Any]) -> dict[str, Any]:
        self.drive(self.node.kcompactd(op["order"], classzone_idx=op["hzi"] + DMA32, stops=True))
        return {}

    def op_node(self, op: dict[str, Any]) -> dict[str, Any]:
        self.drive(self.node.compact_memory(stops=True))
        return {}

    def op_proactive(self, op: dict[str, Any]) -> dict[str, Any]:
        self.drive(self.node.compact_memory(proactiveness=self.header["proactiveness"], stops=True))
        return {}

    def op_reset_skip(self, op: dict[str, Any]) -> dict[str, Any]:
        for zone in self.node.zones:
            zone.compaction.reset_skip()
        return {}

    def op_flush(self, op: dict[str, Any]) -> dict[str, Any]:
        self.zones[op["zone"]].compaction.set_state(blockskip_flush=bool(op["value"]))
        return {}

    def op_defer(self, op: dict[str, Any]) -> dict[str, Any]:
        self.zones[op["zone"]].compaction.defer(op["order"])
        return {}

    def op_deferred(self, op: dict[str, Any]) -> dict[str, Any]:
        return {"ret": int(self.zones[op["zone"]].compaction.deferred(op["order"]))}

    def op_defer_reset(self, op: dict[str, Any]) -> dict[str, Any]:
        self.zones[op["zone"]].compaction.defer_reset(op["order"], bool(op["success"]))
        return {}

    def op_suitable(self, op: dict[str, Any]) -> dict[str, Any]:
        found = self.zones[op["zone"]].compaction
        result = found.suitable(op["order"], op["aflags"], classzone_idx=op["hzi"] + DMA32)
        return {"ret": RESULTS[result], "idx": found.fragmentation_index(op["order"])}

    def op_kc_suitable(self, op: dict[str, Any]) -> dict[str, Any]:
        return {"ret": int(self.node.kcompactd_suitable(op["order"], classzone_idx=op["hzi"] + DMA32))}

    def op_score(self, op: dict[str, Any]) -> dict[str, Any]:
        each = [zone.compaction.score() for zone in self.node.zones]
        start = self.node.should_compact_proactively(self.header["proactiveness"])
        return {"ret": self.node.fragmentation_score(), "zs": each, "start": int(start)}

    def op_drain(self, op: dict[str, Any]) -> dict[str, Any]:
        self.node.drain_pages()
        return {}

    # --- pages ---

    def free_unit(self, pfn: int) -> int:
        """The owner frees a unit; 1, or 0 if there is none or it is isolated."""
        if not self.is_free_to_go(pfn):
            return 0
        self.node.free_pages(pfn, self.units.drop(pfn))
        return 1

    def is_free_to_go(self, pfn: int) -> bool:
        """Tell whether there is such a unit, and nobody has isolated it."""
        if pfn not in self.units.kind or pfn in self.gone:
            return False
        return not self.node.zone_of(pfn).compaction.is_held(pfn)

    def captured(self, run: Compaction, op: dict[str, Any]) -> int:
        """Make a unit of the captured block; its PFN, or -1."""
        if run.pfn is None:
            return -1
        self.make_unit(run.pfn, op["order"], op["kind"])
        return int(run.pfn)

    # --- others, between attempts ---

    def drive(self, run: Compaction) -> None:
        """Run compaction to its end, with what others do before each attempt, and note what moves."""
        while not run.step(1 << 30):
            self.attempt(run)
        self.forget_gone()

    def notice_gone(self) -> None:
        """Drop units that were let go and that compaction has put back meanwhile: they are free."""
        self.drop_gone(pfn for pfn in self.gone if not self.node.zone_of(pfn).compaction.is_held(pfn))

    def forget_gone(self) -> None:
        """What was let go while it was isolated is free by now."""
        self.drop_gone(self.gone)

    def drop_gone(self, pfns: Iterable[int]) -> None:
        """Units are free, in the order in which compaction puts them back: from the highest one down."""
        for pfn in sorted(pfns, reverse=True):
            self.moves.append([pfn, -1])
            self.gone.remove(pfn)
            self.units.drop(pfn)

    def attempt(self, run: Run) -> None:
        """Let others act, then say what becomes of the attempt."""
        assert run.attempt is not None
        self.notice_gone()
        pfn, target = run.attempt
        if target is None:
            self.moves.append([pfn, -1])
            self.gone.remove(pfn)
            self.units.drop(pfn)
            run.answer()
            return
        self.others_act(run, pfn)
        self.settle(run, pfn, target)

    def others_act(self, run: Run, pfn: int) -> None:
        """Do what others do before an attempt."""
        step, self.attempts = self.attempts, self.attempts + 1
        for hook in self.hooks:
            if hook["step"] == step:
                self.done.append([step, hook["t"], hook["a"], self.act(run, hook, pfn)])

    def settle(self, run: Run, pfn: int, target: int) -> None:
        """Say what becomes of an attempt."""
        if self.units.busy.get(pfn):
            self.stays(run, pfn, target, 1)
        elif self.units.kind[pfn] in self.never_moves:
            self.moves.append([pfn, target, 2])
            run.answer("ebusy")
        else:
            self.moves_on(run, pfn, target)

    def stays(self, run: Run, pfn: int, target: int, why: int) -> None:
        """A busy unit is to be tried again."""
        self.units.stays_busy(pfn)
        self.moves.append([pfn, target, why])
        run.answer("eagain")

    def moves_on(self, run: Run, pfn: int, target: int) -> None:
        """A unit moves."""
        self.moves.append([pfn, target])
        kind = self.units.kind[pfn]
        self.units.add(target, self.units.drop(pfn), kind)
        run.answer("moves")

    def act(self, run: Run, hook: dict[str, Any], trying: int) -> int:
        """Do what one of the others does; its result."""
        pfn, what = hook["a"], hook["t"]
        if what == "if":
            if not self.is_free_to_go(pfn):
                return 0
            order = self.units.drop(pfn)
            zones = run.zones if isinstance(run, Compaction) else self.node.zones
            if any(self._spans(zone, pfn) for zone in zones):
                run.interrupt(pfn)
            else:
                self.node.free_pages(pfn, order)
            return 1
        if what == "of":
            return self.free_unit(pfn)
        if what == "oa":
            return self.allocated(hook["a"], hook["b"], hook["k"], hook["busy"])
        return self.let_go(pfn, trying)

    def allocated(self, gfp: int, order: int, kind: str, busy: int) -> int:
        """Let a task allocate and keep the block; its PFN, or -1. What it takes is for `vectors_requests` to say."""
        raise MisuseError(f"an allocation of order {order} needs a machine")

    def let_go(self, pfn: int, trying: int) -> int:
        """The owner of an isolated page lets it go."""
        kind = self.units.kind.get(pfn, PRESENT)
        if kind not in self.may_let_go or pfn == trying or not self.node.zone_of(pfn).compaction.is_isolated(pfn):
            return 0
        self.node.zone_of(pfn).compaction.release(pfn)
        self.gone.add(pfn)
        return 1


def zone_class(gfp: int) -> int:
    """Return the highest index of a zone that a request may use.

    Examples
    --------
    >>> zone_class(0x04), zone_class(0x0A), zone_class(0x08)
    (1, 3, 2)
    """
    return int(gfp_zone(gfp))


def _make_zone(kernel: str, header: dict[str, Any], zone: dict[str, Any]) -> Zone:
    """Return a zone of allocated pages; the first dump says more."""
    return Zone(
        zone["start"],
        zone["span"],
        kernel=kernel,
        zone_idx=zone["idx"] + DMA32,
        pageblock_order=header["pageblock_order"],
        watermark_boost_factor=header["boost_factor"],
        populate=False,
    )
