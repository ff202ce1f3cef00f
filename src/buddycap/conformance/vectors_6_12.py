"""What the lines of a vector of Linux 6.12 do besides those of 6.1: see `vectors_6_1`."""

from functools import partial
from typing import Any, ClassVar

from .._core import node_formulas_612
from . import vectors_6_1
from .vectors_6_1 import Agree

__all__ = ["FORMAT", "Player", "formulas"]

FORMAT = "buddycap-oracle-6.12-1"

formulas = partial(vectors_6_1.formulas, compute=node_formulas_612)


class Player(vectors_6_1.Player):
    """The zones of one node of Linux 6.12, and what each kind of line does to them."""

    kernel: ClassVar[str] = "6.12"

    def __init__(self, header: dict[str, Any], agree: Agree) -> None:
        super().__init__(header, agree)
        self.set_cache_slice(header["cache_slice"])
        self.operation["Y"] = lambda z, cpu, todo: self.agree("todo", todo, int(self.zones[z].decay_pcp(cpu)))
        self.operation["O"] = lambda z, v: setattr(self.zones[z], "below_high", bool(v))
        self.operation["S"] = self.set_cache_slice

    def set_cache_slice(self, size: int) -> None:
        """Do what `S` says."""
        for zone in self.zones.values():
            zone.set_cache_slice(size)
