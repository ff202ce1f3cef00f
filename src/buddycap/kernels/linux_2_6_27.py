"""Linux 2.6.27 of 2008. Its names stand in `buddycap.flags`."""

from ..flags import GFP, AllocFlags, MigrateType, ZoneType
from .kernel import Kernel

__all__ = ["LINUX_2_6_27"]

LINUX_2_6_27 = Kernel("2.6.27", MigrateType, GFP, AllocFlags, ZoneType, (256, 256, 32, 32))
