"""Linux 2.6.27 of 2008. Its names stand in `buddycap.flags`."""

from ..flags import GFP, AllocFlags, MigrateType, ZoneType, gfp_zone
from .kernel import Kernel

__all__ = ["LINUX_2_6_27"]


def fault_gfp(defrag: str, madvised: bool) -> tuple[int, ...]:
    """Return the flags of a page fault for a huge page, if this kernel had such faults: one try.

    It reclaims directly where Linux 6.1 would compact directly. There is no flag that keeps kswapd asleep.

    Examples
    --------
    >>> [bool(fault_gfp(mode, False)[0] & GFP.WAIT) for mode in ("always", "madvise", "never")]
    [True, False, False]
    """
    flags = GFP.HIGHUSER_MOVABLE | GFP.COMP | GFP.NOWARN
    direct = defrag == "always" or (madvised and defrag in ("madvise", "defer+madvise"))
    return (int(flags if direct else flags & ~GFP.WAIT),)


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
    reserve=MigrateType.RESERVE,
    repeat=GFP.REPEAT,
    fault_gfp=fault_gfp,
    huge_min_free_kbytes=None,
    compacts=False,
)
