"""What decides about a request, by release: one row a change, each with all that holds from it on.

A kernel's row is the last one that is not newer than it. Distributors carry changes back, so a release is a hint;
where a text shows which row holds (`release_of`), that is used when no release is printed.
"""

from dataclasses import dataclass, replace

from ..formats.gfptext import kernel_release
from ..formats.meminfo_report import MemoryReport

__all__ = ["RULES", "Release", "Rules", "release_of", "rules_of"]

WALK = "2.6.27: the mark is halved order by order"
TYPES = "since 4.4: a block of a usable type must exist"
PAGES = "2.6.10: free pages only"


@dataclass(frozen=True)
class Rules:
    """How a kernel decides.

    Parameters
    ----------
    blocks : str
        The test of blocks: `WALK`, `TYPES` or `PAGES`.
    harder : str
        Who may go a quarter deeper: `no wait` (cannot sleep), `atomic` (`__GFP_ATOMIC`), `non block` (cannot sleep, and
        `__GFP_HIGH`).
    class_of : str
        What the reserve goes by: `first zone` of the zonelist, or `highest zone` of the mask.
    cma : str
        Whether free CMA pages are deducted for requests that may not use them: `no`, `both` tests, `first` test only.
    highatomic : bool
        Whether there are high-atomic blocks, deducted for requests that may not use them.
    boost : bool
        Whether order-0 requests of interrupts are measured without the boost.
    device : bool
        Whether a zone type Device can be configured.
    unaccepted : bool
        Whether memory that a confidential guest has not accepted yet is deducted, and not printed.
    """

    blocks: str = PAGES
    harder: str = "no wait"
    class_of: str = "first zone"
    cma: str = "no"
    highatomic: bool = False
    boost: bool = False
    device: bool = False
    unaccepted: bool = False


_WALK = Rules(blocks=WALK)
_TYPES = Rules(blocks=TYPES, harder="atomic", cma="first", highatomic=True)
_BY_MASK = replace(_TYPES, class_of="highest zone", boost=True, device=True)
_NON_BLOCK = replace(_BY_MASK, harder="non block")
RULES: dict[tuple[int, ...], Rules] = {
    (2, 6): Rules(),
    (2, 6, 11): _WALK,
    (3, 7): replace(_WALK, cma="both"),
    (3, 12): replace(_WALK, cma="first"),
    (4, 4): _TYPES,
    (4, 5): replace(_TYPES, device=True),
    (5, 8): _BY_MASK,
    (6, 1, 192): _NON_BLOCK,  # carried back; which update was the first is not known
    (6, 2): _BY_MASK,
    (6, 3): _NON_BLOCK,
    (6, 5): replace(_NON_BLOCK, unaccepted=True),
    (6, 12): _NON_BLOCK,
}


def rules_of(release: tuple[int, ...]) -> Rules:
    """Return the row of a release.

    Examples
    --------
    >>> rules_of((6, 6, 30)).harder, rules_of((2, 6, 32)).blocks
    ('non block', '2.6.27: the mark is halved order by order')
    """
    return RULES[max((first for first in RULES if first <= release), default=(2, 6))]


@dataclass(frozen=True)
class Release:
    """Which kernel printed a report.

    Parameters
    ----------
    numbers : tuple of int
        The release whose rules are used.
    printed : str or None
        The release as printed; None if it was not.
    because : str or None
        What in the text told the release, if it was not printed.
    """

    numbers: tuple[int, ...]
    printed: str | None = None
    because: str | None = None


def release_of(report: MemoryReport, wanted: str | None = None) -> Release:
    """Tell the release of a report: the caller's, the printed one, or what its fields show.

    Examples
    --------
    >>> release_of(MemoryReport(1, release="5.14.0-70.el9.aarch64+64k")).numbers
    (5, 14, 0)
    >>> release_of(MemoryReport(1)).because
    'no managed: in the zone lines'
    """
    if wanted:
        return Release(kernel_release(wanted), wanted)
    if report.release:
        return Release(kernel_release(report.release), report.release)
    numbers, because = _by_fields(report)
    return Release(numbers, None, because)


def _by_fields(report: MemoryReport) -> tuple[tuple[int, ...], str]:
    """Choose the first release that prints what is there; the newest sign comes first."""
    fields = {name for zone in report.zones for name in zone.fields}
    letters = {letter for zone in report.zones for _, _, marks in zone.cells or () for letter in marks}
    names = report.header is not None and report.header.gfp is not None
    modern = not names and report.header is not None and (report.header.gfp_value or 0) >= 1 << 25
    signs: tuple[tuple[bool, tuple[int, ...], str], ...] = (
        (bool(fields & {"free_highatomic", "zspages"}), (6, 12), "free_highatomic or zspages in the zone lines"),
        ("boost" in fields and not _has_atomic_bit(report), (6, 3), "boost: in the zone lines"),
        ("boost" in fields, (5, 16), "boost: in the zone lines, and a bit for __GFP_ATOMIC in the mask"),
        ("reserved_highatomic" in fields, (5, 8), "reserved_highatomic: in the zone lines"),
        ("writepending" in fields, (4, 8), "writepending: in the zone lines"),
        (names, (4, 6), "the names in the mask"),
        (modern, (4, 4), "the number of the mask, which has a bit that older kernels lack"),
        ("H" in letters, (4, 4), "high-atomic blocks (H) in the lists"),
        ("free_pcp" in fields, (4, 3), "free_pcp: in the zone lines"),
        ("managed" in fields, (3, 12), "managed: in the zone lines"),
        ("free_cma" in fields, (3, 7), "free_cma: in the zone lines"),
        (any(zone.protections for zone in report.zones), (2, 6, 10), "protections[] under the zone lines"),
        ("active" in fields, (2, 6, 27), "active: in the zone lines"),
        (bool(fields) or report.header is None or report.header.period, (2, 6, 32), "no managed: in the zone lines"),
    )
    for holds, numbers, because in signs:
        if holds:
            return numbers, because
    return (2, 6, 32), "nothing: an old kernel is assumed"


def _has_atomic_bit(report: MemoryReport) -> bool:
    """Tell whether the mask shows that `__GFP_ATOMIC` still has a bit, as it had to 6.2."""
    header = report.header
    return bool(header and header.gfp and "GFP_ATOMIC" in header.gfp and (header.gfp_value or 0) & 0x200)
