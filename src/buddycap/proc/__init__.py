"""The texts of /proc of a machine: for each kernel the same three functions."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from .._core import MachineBase
from . import linux_2_6_27
from .linux_6_1 import TEXTS_6_1
from .linux_6_12 import TEXTS_6_12

__all__ = ["TEXTS", "Texts"]


class Texts(Protocol):
    """What there is of a kernel."""

    def pagetypeinfo(self, machine: MachineBase, names: Sequence[str]) -> str:
        """Return the text of /proc/pagetypeinfo."""

    def zoneinfo(self, machine: MachineBase, names: Sequence[str]) -> str:
        """Return the text of /proc/zoneinfo."""

    def vmstat(self, machine: MachineBase, names: Sequence[str]) -> str:
        """Return the text of /proc/vmstat."""


TEXTS: Mapping[str, Texts] = MappingProxyType({"2.6.27": linux_2_6_27, "6.1": TEXTS_6_1, "6.12": TEXTS_6_12})
