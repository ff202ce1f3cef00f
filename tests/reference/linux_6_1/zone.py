"""The twin of Linux 6.1 as a user sees it."""

from ..linux_6 import zone
from ..linux_6.zone import Node
from . import kernel

__all__ = ["Node", "Zone"]


class Zone(zone.Zone):
    """One zone of Linux 6.1."""

    VERSION, KERNEL = "6.1", kernel

    def set_pcp_blocks(self, cpu, index, blocks):
        """Allocated single pages, each with a type that it keeps, go on a per-CPU list, in its order."""
        super().set_pcp_blocks(cpu, index, blocks)
        self.pages.tag.update(blocks)
