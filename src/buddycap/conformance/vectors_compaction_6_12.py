"""What the records of a vector of compaction do in Linux 6.12, where small compound blocks move, or are split."""

from typing import Any, ClassVar

from .._core import Zone
from ..flags import PageFlags
from . import vectors_requests
from .units import ANON, MARKS
from .vectors_compaction import Run

__all__ = ["Player"]

FREED_HIGH, LARGE_CACHE = 1, 2  # of a CPU's lists
LOCKED = int(PageFlags.LOCKED)


class Player(vectors_requests.Player):
    """The zones as a machine of Linux 6.12: units are unmapped first, then moved."""

    kernel: ClassVar[str] = "6.12"
    marks: ClassVar[dict[str, int]] = {
        **MARKS,
        "p": ANON | int(PageFlags.PINNED),
        "m": ANON,
        "T": ANON,
        "X": ANON | LOCKED,
        "E": ANON,
    }
    compound: ClassVar[str] = "CTXE"
    listed: ClassVar[str] = ""
    reclaimable: ClassVar[str] = "abefdDwm"
    may_let_go: ClassVar[str] = "abefm"
    never_moves: ClassVar[str] = "ewE"

    def begin(self, op: dict[str, Any]) -> None:
        """Begin an operation."""
        super().begin(op)
        self.unmapped: set[int] = set()
        self.moving = False

    def load_lists(self, zone: Zone, sizes: list[int], f: list[int]) -> None:
        """Take over the sizes of the per-CPU lists, and what the zone knows of its marks."""
        batch, low, high, cache = sizes
        zone.set_pcp(
            0,
            high=f[16],
            high_min=low,
            high_max=high,
            batch=batch,
            alloc_factor=f[15],
            free_count=f[14],
            flags=FREED_HIGH * f[17] | LARGE_CACHE * cache,
        )
        zone.below_high, zone.reclaim_active = bool(f[18]), bool(f[20])

    def own_fields(self, zone: Zone, pcp: dict[str, Any]) -> list[int]:
        """Return what only this kernel has."""
        return [
            pcp["free_count"],
            pcp["alloc_factor"],
            pcp["high"],
            pcp["flags"] & FREED_HIGH,
            int(zone.below_high),
            zone.nr_free_highatomic,
            int(zone.reclaim_active),
        ]

    def page_word(self, tag: int) -> int:
        """Return what is recorded of a block on a per-CPU list: nothing."""
        return 0

    def op_decay(self, op: dict[str, Any]) -> dict[str, Any]:
        return {"ret": int(self.zones[op["zone"]].decay_pcp(0))}

    def op_reclaim_active(self, op: dict[str, Any]) -> dict[str, Any]:
        self.zones[op["zone"]].reclaim_active = bool(op["value"])
        return {}

    def op_suitable(self, op: dict[str, Any]) -> dict[str, Any]:
        compaction = self.zones[op["zone"]].compaction
        promising = compaction.is_promising(op["order"], classzone_idx=op["hzi"] + 1)
        return {**super().op_suitable(op), "cs": int(promising)}

    # --- attempts ---

    def attempt(self, run: Run) -> None:
        """Split a unit that has no target, if it can be; else as in 6.1."""
        if run.stage == "move":
            self.moving = True
        elif self.moving:
            self.moving = False
            self.unmapped.clear()
        if run.stage == "split":
            self.split(run)
        else:
            super().attempt(run)

    def split(self, run: Run) -> None:
        """A compound unit becomes single anonymous pages."""
        assert run.attempt is not None
        pfn = run.attempt[0]
        if self.units.kind[pfn] != "T":
            run.answer("ebusy")
            return
        busy = self.units.busy.get(pfn, 0)
        pages = 1 << self.units.drop(pfn)
        self.tell()
        self.told.append(["split", pfn, pages])
        for page in range(pfn, pfn + pages):
            self.units.add(page, 0, "a", busy if page == pfn else 0)
        run.answer("moves")

    def settle(self, run: Run, pfn: int, target: int) -> None:
        """Say what becomes of an attempt to unmap a unit, or to move it."""
        moves_late = self.units.kind[pfn] == "m"
        if run.stage == "unmap" and self.units.kind[pfn] in self.never_moves:
            self.moves.append([pfn, target, 2])
            run.answer("ebusy")
        elif run.stage == "unmap":
            if self.units.busy.get(pfn) and not moves_late:
                self.stays(run, pfn, target, 1)
            else:
                self.unmapped.add(pfn)
                run.answer("moves")
        elif self.units.busy.get(pfn) and moves_late:
            self.stays(run, pfn, target, 3)
        else:
            self.unmapped.discard(pfn)
            self.moves_on(run, pfn, target)

    def let_go(self, pfn: int, trying: int) -> int:
        """The owner of an isolated page that is still mapped lets it go."""
        return 0 if pfn in self.unmapped else super().let_go(pfn, trying)
