"""What the records of a vector of compaction do that allocate: a part of `vectors`.

A machine of the vector's zones serves them, with a driver that reclaims what the recording frees.
"""

from typing import Any

from ..machine import EventKind, Machine
from .vectors_compaction import DMA32, Agree
from .vectors_compaction import Player as ZonePlayer

__all__ = ["Player"]


class Player(ZonePlayer):
    """The zones as a machine.

    Parameters
    ----------
    header : dict
    agree : callable
        Called with what, expected and found; raises if they differ.
    """

    def __init__(self, header: dict[str, Any], agree: Agree) -> None:
        super().__init__(header, agree)
        self.machine = Machine(self.node.zones, swap_pages=1, driver_reclaims=True, events=True)
        self.machine.note_events(asked=True)

    def op_alloc(self, op: dict[str, Any]) -> dict[str, Any]:
        found = self.allocate(op["gfp"], op["order"])
        self.forget_gone()
        return {"ret": self.keep(found, op["order"], op["kind"], op["busy"])}

    def allocated(self, gfp: int, order: int, kind: str, busy: int) -> int:
        """Let a task allocate and keep the block; its PFN, or -1."""
        return self.keep(self.allocate(gfp, order), order, kind, busy)

    def keep(self, pfn: int, order: int, kind: str, busy: int) -> int:
        """Make a unit of the block, if there is one; its PFN."""
        if pfn >= 0:
            self.make_unit(pfn, order, kind, busy)
        return pfn

    def allocate(self, gfp: int, order: int) -> int:
        """Let a task allocate, with what others do before each attempt; the PFN, or -1."""
        request = self.machine.request(order, gfp, stops=True)
        while not (step := request.step(1 << 30)).done:
            if step.wait == "attempt":
                self.attempt(request)
            elif step.wait == "reclaim":
                request.reclaimed(self.reclaim(order))
        self.tell()
        return -1 if request.pfn is None else request.pfn

    def reclaim(self, order: int) -> int:
        """Free what the recording frees; how many pages."""
        pfns = self.reclaims.pop(0) if self.reclaims else []
        single = (pfn for pfn in pfns if self.units.order.get(pfn) == 0 and self.units.kind[pfn] in self.reclaimable)
        freed = sum(self.free_unit(pfn) for pfn in single)
        self.tell()
        self.told.append(["reclaim", order, freed])
        return freed

    def tell(self) -> None:
        """Note what the kernel has asked others for."""
        for event in self.machine.events():
            if event["kind"] == EventKind.KSWAPD_ASKED:
                zone = self.node.zones[event["zone"]].zone_idx - DMA32
                self.told.append(["kswapd", int(zone), int(event["page"])])
            elif event["kind"] == EventKind.OOM:
                self.told.append(["oom", int(event["page"]), 0])
