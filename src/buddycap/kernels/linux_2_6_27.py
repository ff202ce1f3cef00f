"""Linux 2.6.27 of 2008. Its names stand in `buddycap.flags`."""

from ..flags import GFP, AllocFlags, MigrateType, ZoneType, gfp_zone
from .kernel import Kernel

__all__ = ["LINUX_2_6_27"]

LINUX_2_6_27 = Kernel(
    "2.6.27",
    MigrateType,
    GFP,
    AllocFlags,
    ZoneType,
    (256, 256, 32, 32),
    zone_names=("DMA", "DMA32", "Normal", "HighMem", "Movable"),
    gfp_zone=gfp_zone,
    kinds_close_up=True,
)
