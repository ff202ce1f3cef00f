"""The arithmetic that refuses a request, zone by zone: pages free, less what is kept from it, against the mark.

Linux: mm/page_alloc.c __zone_watermark_ok. All numbers are pages; the kernel prints pages times their size, so nothing
is rounded. Each rule is chosen by the row of the release (`rules.py`).
"""

from dataclasses import dataclass

from ..formats.extfrag import fragmentation_index, unusable_free_index
from ..formats.meminfo_report import ZoneText
from .request import Request
from .rules import PAGES, WALK, Rules

__all__ = ["WHY", "ZoneVerdict", "judge_zone", "judge_zones", "largest_order", "overall"]

SHORT = "below the mark plus reserve even for one page"
WHY = {
    "too-small": "the zone is smaller than the request",
    "below-mark": SHORT,
    "reserve": SHORT,
    "fragmented": "fragmented: no free block is large enough",
    "wrong-types": "large blocks are reserved: ",
    "high-order-mark": "too few pages in large blocks",
    "would-succeed": "would succeed at the moment of the dump",
}


@dataclass(frozen=True)
class ZoneVerdict:
    """What one zone answers to a request. Numbers are pages; None is what the text does not tell.

    Parameters
    ----------
    zone : ZoneText
        The zone.
    free, low_mark, mark, reserve : int or None
        Free pages, printed `min`, the mark of this request, what is kept from its class.
    kept_highatomic, kept_cma : int
        Free pages that do not count for this request.
    order0_ok, order_ok : bool or None
        Whether one page, and the whole request, would be served.
    largest : int or None
        Largest order with a free block.
    blocks : int or None
        Pieces of the wanted order in free blocks, whatever their type.
    extfrag, unusable : int or None
        The kernel's indices, thousandths.
    kind : str
        Class of the answer: a key of `WHY`, or `unknown`.
    why : str
        It in words.
    """

    zone: ZoneText
    free: int | None
    low_mark: int | None
    mark: int | None
    reserve: int | None
    kept_highatomic: int
    kept_cma: int
    order0_ok: bool | None
    order_ok: bool | None
    largest: int | None
    blocks: int | None
    extfrag: int | None
    unusable: int | None
    kind: str
    why: str


def largest_order(zones: list[ZoneText]) -> int | None:
    """Return the largest order that any whole list of a report has; one that is cut says nothing about it."""
    return max((len(zone.cells) - 1 for zone in zones if zone.cells and zone.list_kb is not None), default=None)


class _Zone:
    """Numbers of one zone in pages, as a request sees them."""

    def __init__(self, zone: ZoneText, page_kb: int, orders: int | None, index: int | None, first: bool) -> None:
        self.text = zone
        self.page_kb = page_kb
        self.free = self.pages("free")
        self.min = self.pages("min")
        self.size = self.pages("managed") if "managed" in zone.fields else self.pages("present")
        self.reserve = self._reserve(index, first)
        self.cells = self._cells(orders)
        self.letters = zone.cells is not None and any(marks for _, _, marks in zone.cells)

    def pages(self, name: str) -> int | None:
        """Return a field of the zone line in pages."""
        value = self.text.fields.get(name)
        return None if value is None else value // self.page_kb

    def _reserve(self, index: int | None, first: bool) -> int | None:
        """Return what is kept from a class; the highest zone keeps nothing, even if the line is missing."""
        numbers = self.text.reserve
        if numbers is not None and index is not None and index < len(numbers):
            return numbers[index]
        return 0 if first or (numbers is not None and not any(numbers)) else None

    def _cells(self, orders: int | None) -> list[tuple[int, str]] | None:
        """Return count and letters by order; a list without its sum is cut, and the missing cells are unknown."""
        cells = self.text.cells
        if cells is None or (cells and self.text.list_kb is None and len(cells) != orders):
            return None
        if not cells:
            return [(0, "")] * (orders or 0)
        return [(count, marks) for count, _, marks in cells]


def _mark(request: Request, rules: Rules, low: int, boost: int, order: int) -> int:
    """Return the mark of a request, integer division by integer division, as the kernel does."""
    if request.no_marks:
        return 0
    mark = low
    if order == 0 and rules.boost and (request.high if rules.harder == "non block" else "ATOMIC" in request.flags):
        mark -= boost
    if request.high:
        mark = mark // 2 if rules.blocks == PAGES else mark - mark // 2  # of an odd mark 2.6.10 keeps the smaller half
    if request.harder:
        mark -= mark // 4
    return mark


def judge_zone(
    zone: ZoneText, request: Request, rules: Rules, page_kb: int, orders: int | None, index: int | None, first: bool
) -> ZoneVerdict:
    """Answer a request from one zone.

    Parameters
    ----------
    zone : ZoneText
        As printed.
    request : Request
        What is asked for.
    rules : Rules
        Of the kernel.
    page_kb : int
        Kilobytes of a page.
    orders : int or None
        How many orders the lists of the report have.
    index : int or None
        Class of the request.
    first : bool
        Whether this is the highest allowed zone of its node.

    Returns
    -------
    ZoneVerdict
        The answer. O(orders).
    """
    z = _Zone(zone, page_kb, orders, index, first)
    order, counts = request.order, None if z.cells is None else [count for count, _ in z.cells]
    highatomic = cma = 0
    if rules.highatomic and request.spares_highatomic and not request.no_marks:
        exact = z.pages("free_highatomic")
        highatomic = (exact if exact is not None else z.pages("reserved_highatomic")) or 0
    if rules.cma != "no" and not request.movable and not request.no_marks:
        cma = z.pages("free_cma") or 0
    mark = order0 = None
    bare: bool | None = None
    if z.free is not None and z.min is not None:
        boost = z.pages("boost") or 0
        mark = _mark(request, rules, z.min, boost, order)
        reserve = 0 if request.no_marks else z.reserve
        seen = z.free - highatomic - cma
        single = _mark(request, rules, z.min, boost, 0)
        floor = single + (rules.blocks == PAGES)  # 2.6.10 asks for >= with the pages added, later kernels for >
        bare = seen > single if rules.blocks != PAGES else seen >= floor
        order0 = (
            None if reserve is None else seen - reserve >= floor if rules.blocks == PAGES else seen > single + reserve
        )
        if reserve is None and bare is False:
            order0 = False
    served = _served(z, request, rules, mark, highatomic, cma, order0)
    kind, why = _classify(z, request, rules, counts, orders, order0, served, bare)
    known = counts is not None
    return ZoneVerdict(
        zone, z.free, z.min, mark, z.reserve, highatomic, cma, order0, served,
        max((o for o, count in enumerate(counts or ()) if count), default=None),
        sum(count << (o - order) for o, count in enumerate(counts or ()) if o >= order) if known else None,
        fragmentation_index(counts or [], order) if known else None,
        unusable_free_index(counts or [], order) if known else None,
        kind, why,
    )  # fmt: skip


def _served(
    z: _Zone, request: Request, rules: Rules, mark: int | None, highatomic: int, cma: int, order0: bool | None
) -> bool | None:
    """Tell whether the whole request would be served; None if a number is missing that decides."""
    order = request.order
    if order == 0 or order0 is False:
        return order0
    if z.cells is not None and order >= len(z.cells):
        return False
    if z.free is None or mark is None or order0 is None:
        return False if z.cells is not None and not _blocks(z.cells, order) else None
    reserve = 0 if request.no_marks else z.reserve or 0
    left = z.free - ((1 << order) - 1)
    if rules.blocks == PAGES:
        return z.free >= mark + (1 << order) + reserve and bool(z.cells is None or _blocks(z.cells, order))
    if left - highatomic - cma <= mark + reserve:
        return False
    if z.cells is None:
        return None
    if rules.blocks == WALK and not request.no_marks:
        left -= cma if rules.cma == "both" else 0
        for o in range(order):
            left -= z.cells[o][0] << o
            mark //= 2
            if left <= mark:
                return False
    return _usable(z, request, rules)


def _blocks(cells: list[tuple[int, str]], order: int) -> list[tuple[int, str]]:
    """Return the cells of large enough blocks that are not empty."""
    return [(count, marks) for count, marks in cells[order:] if count]


def _usable(z: _Zone, request: Request, rules: Rules) -> bool | None:
    """Tell whether some block is large enough and of a type that the request may take."""
    large = _blocks(z.cells or [], request.order)
    if not large:
        return False
    if not z.letters:
        return True if rules.blocks == WALK else None
    kinds = set("UME") | set("R" if rules.blocks == WALK else "")
    kinds |= set("C" if request.movable else "") | set("H" if request.takes_highatomic else "")
    return any(set(marks) & kinds for _, marks in large)


def _classify(
    z: _Zone,
    request: Request,
    rules: Rules,
    counts: list[int] | None,
    orders: int | None,
    order0: bool | None,
    served: bool | None,
    bare: bool | None,
) -> tuple[str, str]:
    """Return the first class that holds, and it in words."""
    order = request.order
    kind = "unknown"
    if z.text.doubled:
        return kind, "the zone stands in the text twice, with different numbers"
    if served:
        kind = "would-succeed"
    elif (z.size is not None and z.size < 1 << order) or (orders is not None and order >= orders):
        kind = "too-small"
    elif bare is False:
        kind = "below-mark"
    elif order0 is False:
        kind = "reserve"
    elif order0 is None:
        missing = "the zone line" if z.free is None or z.min is None else "lowmem_reserve[]"
        return kind, f"{missing} is missing"
    elif counts is None:
        return kind, "the free list is missing or cut"
    elif not any(counts[order:]):
        kind = "fragmented"
    elif _usable(z, request, rules) is False:
        marks = {mark for _, found in _blocks(z.cells or [], order) for mark in found}
        return "wrong-types", WHY["wrong-types"] + "".join(sorted(marks & set("CHIR")))
    elif served is False:
        kind = "high-order-mark"
    else:
        return kind, "the lists do not tell the types of their blocks"
    return kind, WHY[kind]


def judge_zones(
    allowed: list[ZoneText], request: Request, rules: Rules, page_kb: int, largest: int | None, index: int | None
) -> list[ZoneVerdict]:
    """Answer a request from each of its zones, which are given with the first choice first.

    Parameters
    ----------
    allowed : list of ZoneText
        Of `allowed_zones`: by node, the highest zone of each first.
    request : Request
        What is asked for.
    rules : Rules
        Of the kernel.
    page_kb : int
        Kilobytes of a page.
    largest : int or None
        Largest order that a list of the report has.
    index : int or None
        Class of the request.
    """
    orders = None if largest is None else largest + 1
    nodes: set[int] = set()
    found = []
    for zone in allowed:
        found.append(judge_zone(zone, request, rules, page_kb, orders, index, zone.node not in nodes))
        nodes.add(zone.node)
    return found


def overall(verdicts: list[ZoneVerdict]) -> str:
    """Return the verdict of a whole report from those of its allowed zones, the first choice first.

    Examples
    --------
    >>> overall([])
    'unknown'
    """
    kinds = [verdict.kind for verdict in verdicts]
    if not kinds:
        return "unknown"
    if all(kind == "too-small" for kind in kinds):
        return "impossible"
    if "would-succeed" in kinds:
        return "contradiction"
    return next((kind for kind in kinds if kind not in ("reserve", "too-small")), "reserve")
