"""The texts of /proc of a machine: a room for each kernel, a module with the same three functions."""

from types import MappingProxyType

from . import linux_2_6_27, linux_6_1

__all__ = ["TEXTS"]

TEXTS = MappingProxyType({"2.6.27": linux_2_6_27, "6.1": linux_6_1})
