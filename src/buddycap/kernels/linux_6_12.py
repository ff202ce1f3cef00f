"""Linux 6.12 of 2024, for x86-64: the names and numbers of 6.1, but for a bit of GFP."""

from dataclasses import replace
from enum import IntFlag
from typing import ClassVar

from .linux_6_1 import GFP as GFP_6_1
from .linux_6_1 import LINUX_6_1

__all__ = ["GFP", "LINUX_6_12"]


class Of612:
    """Marks names of this kernel, so that zones of others refuse them."""

    kernel: ClassVar[str] = "6.12"
    kernels: ClassVar[tuple[str, ...]] = ("6.12",)  # said here, for enumerations look long for what they have not


class GFP(Of612, IntFlag):
    """How to allocate, without the leading `__GFP_` or `GFP_`. Linux: include/linux/gfp_types.h.

    ATOMIC is gone; who cannot wait sets HIGH and no DIRECT_RECLAIM.

    Examples
    --------
    >>> hex(GFP.HIGHUSER_MOVABLE), hex(GFP.KERNEL), hasattr(GFP, "ATOMIC")
    ('0x100cca', '0xcc0', False)
    """

    DMA = 0x01
    HIGHMEM = 0x02
    DMA32 = 0x04
    MOVABLE = 0x08
    RECLAIMABLE = 0x10
    HIGH = 0x20
    IO = 0x40
    FS = 0x80
    ZERO = 0x100
    DIRECT_RECLAIM = 0x400
    KSWAPD_RECLAIM = 0x800
    WRITE = 0x1000
    NOWARN = 0x2000
    RETRY_MAYFAIL = 0x4000
    NOFAIL = 0x8000
    NORETRY = 0x10000
    MEMALLOC = 0x20000
    COMP = 0x40000
    NOMEMALLOC = 0x80000
    HARDWALL = 0x100000
    THISNODE = 0x200000
    ACCOUNT = 0x400000

    RECLAIM = DIRECT_RECLAIM | KSWAPD_RECLAIM
    NOIO = RECLAIM
    NOFS = RECLAIM | IO
    KERNEL = RECLAIM | IO | FS
    USER = KERNEL | HARDWALL
    HIGHUSER = USER | HIGHMEM
    HIGHUSER_MOVABLE = HIGHUSER | MOVABLE
    TRANSHUGE_LIGHT = int(GFP_6_1.TRANSHUGE_LIGHT)
    TRANSHUGE = int(GFP_6_1.TRANSHUGE)


LINUX_6_12 = replace(LINUX_6_1, release="6.12", GFP=GFP, repeat=GFP.RETRY_MAYFAIL)
