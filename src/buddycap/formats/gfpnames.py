"""GFP masks by name: what a mask holds, whatever kernel printed it, and the names of a mask that is only a number.

Names mean the same in every kernel, numbers do not: `gfptext.py` has the numbers of each. A mask is a set of single
flags here, without the leading `__GFP_`; `WAIT` of old kernels is `DIRECT_RECLAIM`.
"""

import re
from collections.abc import Iterable

from .gfptext import bit_names

__all__ = ["decode_mask", "flag_set", "mask_names"]

_RECLAIM = ("DIRECT_RECLAIM", "KSWAPD_RECLAIM")
_KERNEL = (*_RECLAIM, "IO", "FS")
_HIGHUSER_MOVABLE = (*_KERNEL, "HARDWALL", "HIGHMEM", "MOVABLE")
_TRANSHUGE_LIGHT = ("IO", "FS", "HARDWALL", "HIGHMEM", "MOVABLE", "COMP", "NOMEMALLOC", "NOWARN")
COMPOSITES: dict[str, tuple[str, ...]] = {  # the largest first, as the kernel's own table for traces has them
    "GFP_TRANSHUGE": (*_TRANSHUGE_LIGHT, "DIRECT_RECLAIM"),
    "GFP_TRANSHUGE_LIGHT": _TRANSHUGE_LIGHT,
    "GFP_HIGHUSER_MOVABLE": _HIGHUSER_MOVABLE,
    "GFP_HIGHUSER": (*_KERNEL, "HARDWALL", "HIGHMEM"),
    "GFP_USER": (*_KERNEL, "HARDWALL"),
    "GFP_KERNEL_ACCOUNT": (*_KERNEL, "ACCOUNT"),
    "GFP_TEMPORARY": (*_KERNEL, "RECLAIMABLE"),
    "GFP_KERNEL": _KERNEL,
    "GFP_NOFS": (*_RECLAIM, "IO"),
    "GFP_ATOMIC": ("HIGH", "ATOMIC", "KSWAPD_RECLAIM"),
    "GFP_NOIO": _RECLAIM,
    "GFP_NOWAIT": ("KSWAPD_RECLAIM",),
}
_ALSO = {"__GFP_RECLAIM": _RECLAIM, "none": ()}
_SYNONYMS = {"WAIT": "DIRECT_RECLAIM", "REPEAT": "RETRY_MAYFAIL"}
_PLAIN = {"DMA": "GFP_DMA", "DMA32": "GFP_DMA32"}  # printed without the underscores
_NEWER = ("KSWAPD_RECLAIM", "ATOMIC")  # a composite means the same in kernels that had no bit for these
_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,16}")


def mask_names(text: str) -> tuple[str, ...]:
    """Return the names in the text of a mask, such as the kernel prints in parentheses.

    Examples
    --------
    >>> mask_names("GFP_KERNEL|__GFP_COMP | __GFP_ZERO")
    ('GFP_KERNEL', '__GFP_COMP', '__GFP_ZERO')
    """
    return tuple(word for word in (part.strip() for part in text.split("|")) if word)


def flag_set(names: Iterable[str], release: tuple[int, ...]) -> frozenset[str]:
    """Return the single flags of a mask that is given by name.

    Parameters
    ----------
    names : iterable of str
        Names as printed; bits that the kernel had no name for stand there as `0x...`.
    release : tuple of int
        Of the kernel, for those bits.

    Returns
    -------
    frozenset of str
        Names without the leading `__GFP_` or `GFP_`.

    Examples
    --------
    >>> sorted(flag_set(["GFP_ATOMIC", "__GFP_COMP"], (4, 9)))
    ['ATOMIC', 'COMP', 'HIGH', 'KSWAPD_RECLAIM']
    """
    found: set[str] = set()
    for name in names:
        if name in COMPOSITES:
            found.update(COMPOSITES[name])
        elif name in _ALSO:
            found.update(_ALSO[name])
        elif _NUMBER.fullmatch(name):
            found.update(_single_flags(int(name, 16), release))
        else:
            plain = name.removeprefix("__").removeprefix("GFP_")
            found.add(_SYNONYMS.get(plain, plain))
    return frozenset(found)


def _single_flags(value: int, release: tuple[int, ...]) -> list[str]:
    """Return the flags of a number, in the order of bits; a bit without a name keeps its number."""
    names = bit_names(release)
    bits = [bit for bit in range(value.bit_length()) if value >> bit & 1]
    return [_SYNONYMS.get(names[bit], names[bit]) if bit in names else hex(1 << bit) for bit in bits]


def decode_mask(value: int, release: tuple[int, ...]) -> tuple[str, ...]:
    """Return the names of a mask that was printed as a number only: composites first, then single flags.

    Parameters
    ----------
    value : int
        The mask.
    release : tuple of int
        Of the kernel that printed it.

    Returns
    -------
    tuple of str
        Names as kernels print them; `GFP_NOWAIT` for an empty mask of a kernel before 4.4.

    Examples
    --------
    >>> decode_mask(0x4020, (2, 6, 32)), decode_mask(0x24040C0, (4, 4)), decode_mask(0x201DA, (3, 2))
    (('GFP_ATOMIC', '__GFP_COMP'), ('GFP_KERNEL', '__GFP_COMP'), ('GFP_HIGHUSER_MOVABLE', '__GFP_COLD'))
    """
    known = {_SYNONYMS.get(name, name) for name in bit_names(release).values()}
    left = dict.fromkeys(_single_flags(value, release))
    found: list[str] = []
    for name, parts in COMPOSITES.items():
        wanted = [part for part in parts if part in known or part not in _NEWER]
        atomic = name == "GFP_ATOMIC" and "DIRECT_RECLAIM" in flag_set(found, release)
        if wanted and all(part in left for part in wanted) and not atomic:
            found.append(name)
            for part in wanted:
                del left[part]
    if not value:
        return ("GFP_NOWAIT",)
    return (*found, *(_PLAIN.get(name, name if name.startswith("0x") else f"__GFP_{name}") for name in left))
