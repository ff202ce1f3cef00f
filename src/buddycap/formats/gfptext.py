"""GFP flags and migratetypes of any kernel, in the numbers of this package.

A trace prints flags by name, as a number, or both. Names mean the same in every kernel; the numbers of bits moved, and
in 4.4 the migratetypes 1 and 2 changed places.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import MisuseError
from ..flags import GFP

__all__ = ["GfpDecoder", "KernelNumbers", "bit_names", "kernel_release", "migratetype_map"]

KSWAPD_RECLAIM = 1 << 24  # flags that 2.6.27 did not have, where no bit of that kernel is
MEMALLOC = 1 << 13

_COMPOSITES = {  # in the bits of 5.1 to 6.18, as include/trace/events/mmflags.h of those kernels combines them
    "GFP_TRANSHUGE": 0x1C24CA,
    "GFP_TRANSHUGE_LIGHT": 0x1C20CA,
    "GFP_HIGHUSER_MOVABLE": 0x100CCA,
    "GFP_HIGHUSER": 0x100CC2,
    "GFP_USER": 0x100CC0,
    "GFP_KERNEL_ACCOUNT": 0x400CC0,
    "GFP_KERNEL": 0xCC0,
    "GFP_NOFS": 0xC40,
    "GFP_ATOMIC": 0x820,
    "GFP_NOIO": 0xC00,
    "GFP_NOWAIT": 0x2800,
    "GFP_TEMPORARY": 0xCD0,
    "__GFP_RECLAIM": 0xC00,
    "none": 0,
}
_EARLY = ("DMA HIGHMEM DMA32", "HIGH IO FS")
_BITS = {  # by first release: the bits besides the common ones
    (2, 6, 27): "WAIT=4 COLD=8 NOWARN=9 REPEAT=10 NOFAIL=11 NORETRY=12 COMP=14 ZERO=15 NOMEMALLOC=16 HARDWALL=17 "
    "THISNODE=18 RECLAIMABLE=19 MOVABLE=20",
    (2, 6, 31): "MOVABLE=3 WAIT=4 COLD=8 NOWARN=9 REPEAT=10 NOFAIL=11 NORETRY=12 MEMALLOC=13 COMP=14 ZERO=15 "
    "NOMEMALLOC=16 HARDWALL=17 THISNODE=18 RECLAIMABLE=19 NOTRACK=21 NO_KSWAPD=22 OTHER_NODE=23 WRITE=24",
    (3, 8): "MOVABLE=3 WAIT=4 COLD=8 NOWARN=9 REPEAT=10 NOFAIL=11 NORETRY=12 MEMALLOC=13 COMP=14 ZERO=15 "
    "NOMEMALLOC=16 HARDWALL=17 THISNODE=18 RECLAIMABLE=19 KMEMCG=20 NOTRACK=21 NO_KSWAPD=22 OTHER_NODE=23 WRITE=24",
    (4, 4): "MOVABLE=3 RECLAIMABLE=4 COLD=8 NOWARN=9 REPEAT=10 NOFAIL=11 NORETRY=12 MEMALLOC=13 COMP=14 ZERO=15 "
    "NOMEMALLOC=16 HARDWALL=17 THISNODE=18 ATOMIC=19 ACCOUNT=20 NOTRACK=21 WAIT=22 OTHER_NODE=23 WRITE=24 "
    "KSWAPD_RECLAIM=25",
    (4, 10): "MOVABLE=3 RECLAIMABLE=4 COLD=8 NOWARN=9 REPEAT=10 NOFAIL=11 NORETRY=12 MEMALLOC=13 COMP=14 ZERO=15 "
    "NOMEMALLOC=16 HARDWALL=17 THISNODE=18 ATOMIC=19 ACCOUNT=20 NOTRACK=21 WAIT=22 WRITE=23 KSWAPD_RECLAIM=24",
    (4, 17): "MOVABLE=3 RECLAIMABLE=4 NOWARN=9 REPEAT=10 NOFAIL=11 NORETRY=12 MEMALLOC=13 COMP=14 ZERO=15 "
    "NOMEMALLOC=16 HARDWALL=17 THISNODE=18 ATOMIC=19 ACCOUNT=20 WAIT=21 KSWAPD_RECLAIM=22 WRITE=23",
    (5, 1): "MOVABLE=3 RECLAIMABLE=4 ZERO=8 ATOMIC=9 WAIT=10 KSWAPD_RECLAIM=11 WRITE=12 NOWARN=13 REPEAT=14 NOFAIL=15 "
    "NORETRY=16 MEMALLOC=17 COMP=18 NOMEMALLOC=19 HARDWALL=20 THISNODE=21 ACCOUNT=22",
    (6, 3): "MOVABLE=3 RECLAIMABLE=4 ZERO=8 WAIT=10 KSWAPD_RECLAIM=11 WRITE=12 NOWARN=13 REPEAT=14 NOFAIL=15 "
    "NORETRY=16 MEMALLOC=17 COMP=18 NOMEMALLOC=19 HARDWALL=20 THISNODE=21 ACCOUNT=22",
}
_OWN = {flag.name: int(flag) for flag in GFP if flag.name} | {"KSWAPD_RECLAIM": KSWAPD_RECLAIM, "MEMALLOC": MEMALLOC}
_SYNONYMS = {"DIRECT_RECLAIM": "WAIT", "RETRY_MAYFAIL": "REPEAT"}
_NO_COUNTERPART = {
    *("ATOMIC", "ACCOUNT", "WRITE", "NOTRACK", "NO_KSWAPD", "OTHER_NODE", "KMEMCG", "NOACCOUNT", "ZEROTAGS"),
    *("SKIP_ZERO", "SKIP_KASAN", "SKIP_KASAN_POISON", "SKIP_KASAN_UNPOISON", "NOLOCKDEP", "NO_OBJ_EXT", "BITS"),
}


def kernel_release(text: str) -> tuple[int, ...]:
    """Return the numbers of a kernel release.

    Raises
    ------
    MisuseError
        If there are none.

    Examples
    --------
    >>> kernel_release("6.1.0-56-cloud-amd64"), kernel_release("2.6.32")
    ((6, 1, 0), (2, 6, 32))
    """
    match = re.match(r"(\d{1,3})\.(\d{1,4})(?:\.(\d{1,5}))?", text)
    if match is None:
        raise MisuseError(f"kernel={text!r}: a release such as 6.1 or 2.6.32 is wanted")
    return tuple(int(part) for part in match.groups() if part is not None)


def migratetype_map(old: bool) -> NDArray[np.uint8]:
    """Return, for each number that a kernel prints, the one of `MigrateType`: ndarray[uint8], shape (256,).

    Parameters
    ----------
    old : bool
        Before 4.4, which had RECLAIMABLE 1 and MOVABLE 2 as 2.6.27 has.

    Notes
    -----
    HIGHATOMIC becomes RESERVE; CMA and ISOLATE, whose numbers depend on how the kernel was built, become ISOLATE.

    Examples
    --------
    >>> migratetype_map(old=False)[:6].tolist(), migratetype_map(old=True)[:6].tolist()
    ([0, 2, 1, 3, 4, 4], [0, 1, 2, 3, 4, 4])
    """
    table = np.full(256, 255, np.uint8)
    table[:8] = [0, 1, 2, 3, 4, 4, 4, 4] if old else [0, 2, 1, 3, 4, 4, 4, 4]
    return table


def bit_names(release: tuple[int, ...]) -> dict[int, str]:
    """Return the name of each bit of a kernel's masks, without the leading `__GFP_`.

    Examples
    --------
    >>> [bit_names(release)[4] for release in [(2, 6, 32), (6, 1)]]
    ['WAIT', 'RECLAIMABLE']
    """
    column = max((first for first in _BITS if first <= release), default=(2, 6, 27))
    names = {bit: name for part, at in zip(_EARLY, (0, 5), strict=True) for bit, name in enumerate(part.split(), at)}
    names |= {int(bit): name for name, bit in (item.split("=") for item in _BITS[column].split())}
    return names


def _layout(release: tuple[int, ...]) -> dict[int, int]:
    """Return this package's bit for each bit of a kernel; 0 for one without a counterpart."""
    return {bit: _OWN.get(name, 0) for bit, name in bit_names(release).items()}


@dataclass(frozen=True)
class KernelNumbers:
    """How a kernel numbers flags and types.

    Parameters
    ----------
    release : tuple of int
        Such as (6, 18).

    Examples
    --------
    >>> numbers = KernelNumbers((6, 18))
    >>> hex(numbers.gfp(0x100CCA)), numbers.old_migratetypes
    ('0x11200d2', False)
    >>> GFP(KernelNumbers((2, 6, 27)).gfp(GFP.HIGHUSER_MOVABLE)) == GFP.HIGHUSER_MOVABLE
    True
    """

    release: tuple[int, ...] = (6, 18)

    @property
    def old_migratetypes(self) -> bool:
        """Whether RECLAIMABLE is 1 and MOVABLE 2."""
        return self.release < (4, 4)

    def gfp(self, value: int) -> int:
        """Return a number of this kernel in the bits of `GFP`; bits without a counterpart are left out."""
        bits = 0
        for bit, own in _layout(self.release).items():
            if value >> bit & 1:
                bits |= own
        return bits


class GfpDecoder:
    """Decodes the texts of `gfp_flags=`.

    Parameters
    ----------
    numbers : KernelNumbers
        For bits that the text gives as a number.

    Attributes
    ----------
    unknown : set of str
        Names that were not understood and left out.

    Examples
    --------
    >>> decoder = GfpDecoder(KernelNumbers())
    >>> GFP.HIGHUSER_MOVABLE & decoder.decode("GFP_HIGHUSER_MOVABLE|__GFP_ZERO") == GFP.HIGHUSER_MOVABLE
    True
    >>> hex(decoder.decode("GFP_HIGH|0x8|__GFP_NEW")), decoder.unknown
    ('0x100020', {'__GFP_NEW'})
    """

    def __init__(self, numbers: KernelNumbers) -> None:
        self._numbers = numbers
        self._modern = KernelNumbers()
        self.unknown: set[str] = set()

    def decode(self, text: str) -> int:
        """Return the flags in the bits of `GFP`."""
        bits = 0
        for word in text.split("|"):
            bits |= self._word(word.strip())
        return bits

    def _word(self, word: str) -> int:
        """Return the bits of one name or number."""
        if word in _COMPOSITES:
            return self._modern.gfp(_COMPOSITES[word])
        name = word.removeprefix("__").removeprefix("GFP_").strip("()")
        name = _SYNONYMS.get(name, name)
        if word != name and name in _OWN:
            return _OWN[name]
        if word != name and name in _NO_COUNTERPART:
            return 0
        if re.fullmatch(r"0x[0-9a-fA-F]{1,8}|\d{1,10}", word):
            return self._numbers.gfp(int(word, 0))
        if len(self.unknown) < 100:
            self.unknown.add(word[:40])
        return 0
