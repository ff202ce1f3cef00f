"""The twin of Linux 6.12 as a user sees it."""

from ..linux_6 import zone
from ..linux_6.zone import of_state
from . import kernel, pcp


class Node(zone.Node):
    """Several zones of Linux 6.12."""

    def set_cache_slice(self, size):
        """Bytes of the data cache that each CPU has for itself."""
        pcp.set_cache_slice(self.pages, size)


class Zone(zone.Zone, Node):
    """One zone of Linux 6.12."""

    VERSION, KERNEL = "6.12", kernel

    nr_free_highatomic = of_state("nr_free_highatomic")
    below_high = of_state("below_high", settable=True)

    def decay_pcp(self, cpu):
        """Give back a bit of what a CPU's lists hold and nobody uses; whether there is more to do."""
        return pcp.decay_pcp_high(self.state, cpu)
