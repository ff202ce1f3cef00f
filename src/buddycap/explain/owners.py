"""Who fragments: pageblocks that hold pages of another type, and who allocated those."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..escape import for_terminal
from ..formats.pageowner import OwnerRecord, OwnerText
from ..formats.stacks import caller_of, collapsed
from .words import wrapped

__all__ = ["Owners", "find_owners"]

LARGEST_BLOCK_ORDER = 20
_ROWS, _ORDERS = 10, 4


@dataclass
class _Block:
    """One pageblock."""

    kind: str
    pages: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)

    @property
    def mixed(self) -> bool:
        """Whether it holds pages of another type; movable ones in a CMA block are at home."""
        return any(not at_home(kind, self.kind) for kind in self.pages)


@dataclass
class _Caller:
    """One caller."""

    pages: int = 0
    stack: tuple[str, ...] = ()
    types: Counter[str] = field(default_factory=Counter)
    orders: Counter[int] = field(default_factory=Counter)


def at_home(page_type: str, block_type: str) -> bool:
    """Tell whether a page may lie in a block of a type without spoiling it.

    Examples
    --------
    >>> at_home("Movable", "CMA"), at_home("Unmovable", "Movable")
    (True, False)
    """
    return page_type == block_type or (page_type == "Movable" and block_type == "CMA")


@dataclass
class Owners:
    """Mixed pageblocks and their callers.

    Parameters
    ----------
    text : OwnerText
        What was read.
    pageblock_order : int or None
        Order of a pageblock, from PFNs and block numbers; None if they do not tell.
    depth : int
        Functions that a caller is named by.
    """

    text: OwnerText
    pageblock_order: int | None = None
    depth: int = 1
    blocks: dict[int, _Block] = field(default_factory=dict)
    callers: dict[str, _Caller] = field(default_factory=dict)
    stacks: Counter[tuple[str, ...]] = field(default_factory=Counter)

    @property
    def status(self) -> int:
        """1 if records were damaged."""
        return 1 if self.text.damaged else 0

    def _foreign(self) -> list[tuple[str, int, int, int]]:
        """Return caller, foreign pages, blocks spoiled, blocks spoiled alone; the worst first."""
        pages: Counter[str] = Counter()
        blocks: Counter[str] = Counter()
        alone: Counter[str] = Counter()
        for block in self.blocks.values():
            pages.update(block.foreign)
            blocks.update(block.foreign.keys())
            if len(block.foreign) == 1:
                alone.update(block.foreign.keys())
        rows = [(name, pages[name], blocks[name], alone[name]) for name in pages]
        return sorted(rows, key=lambda row: (-row[2], -row[1], row[0]))

    def as_dict(self) -> dict[str, Any]:
        """Return blocks and callers for JSON."""
        mixed = {str(number): block for number, block in sorted(self.blocks.items()) if block.mixed}
        callers = [
            {
                "caller": name,
                "stack": list(self.callers[name].stack),
                "pages": pages,
                "blocks": blocks,
                "alone": alone,
                "types": dict(self.callers[name].types),
            }
            for name, pages, blocks, alone in self._foreign()
        ]
        top = sorted(self.callers.items(), key=lambda item: (-item[1].pages, item[0]))
        spoiled = sum(_spoiled(block) for block in self.blocks.values())
        kinds = Counter(block.kind for block in self.blocks.values())
        return {
            "kind": "page_owner",
            "records": self.text.records,
            "damaged": self.text.damaged,
            "pageblock_order": self.pageblock_order,
            "mixed_blocks": {
                number: {"block_type": block.kind, "pages": dict(block.pages)} for number, block in mixed.items()
            },
            "movable_blocks_spoiled": spoiled,
            "callers": callers,
            "all_callers": [
                {"caller": name, "pages": own.pages, "orders": {str(o): n for o, n in sorted(own.orders.items())}}
                for name, own in top
            ],
            "blocks": dict(kinds),
        }

    def told(self, full: bool = False) -> str:
        """Return the callers that spoil most, for a person."""
        mixed = [block for block in self.blocks.values() if block.mixed]
        if not self.blocks:
            return self._told_callers(full)
        order = "an unknown order" if self.pageblock_order is None else f"order {self.pageblock_order}"
        text = (
            f"{self.text.records} records, {len(self.blocks)} pageblocks of {order} seen, {len(mixed)} of them mixed\n"
        )
        kinds = Counter(block.kind for block in self.blocks.values())
        spoiled = sum(_spoiled(block) for block in self.blocks.values())
        line = f"{spoiled} of {kinds['Movable']} movable blocks seen hold an unmovable or reclaimable page (at least)."
        text += wrapped("", line) + "\n"
        rows = self._foreign()
        text += f"{'foreign pages by caller':<40}{'pages':>8}{'blocks spoiled':>16}{'alone':>7}\n"
        for name, pages, count, alone in rows if full else rows[:_ROWS]:
            text += f"{for_terminal(name)[:40]:<40}{pages:>8}{count:>16}{alone:>7}\n"
        if len(rows) > _ROWS and not full:
            text += f"and {len(rows) - _ROWS} others\n"
        for kind, pages, count, who in self._in_cma():
            blocks = f"{count} block{'s' * (count != 1)}"
            line = f"In CMA blocks: {pages} {kind} pages in {blocks} ({who}). CMA requests there fail until then."
            text += wrapped("", line) + "\n"
        return text + self._told_orders(full) + self._told_damage()

    def _told_orders(self, full: bool) -> str:
        """Return who holds most of each order above 0, the largest orders first."""
        holders: dict[int, Counter[str]] = {}
        for name, own in self.callers.items():
            for order, pages in own.orders.items():
                if order:
                    holders.setdefault(order, Counter())[name] += pages
        text = ""
        for order in sorted(holders, reverse=True)[: None if full else _ORDERS]:
            names = ", ".join(f"{for_terminal(name)[:30]} {pages}" for name, pages in holders[order].most_common(3))
            text += wrapped(f"Order {order}: ", f"{holders[order].total()} pages, most by {names}.") + "\n"
        return text

    def _in_cma(self) -> list[tuple[str, int, int, str]]:
        """Return foreign pages in CMA blocks: type, pages, blocks, callers."""
        found = []
        cma = [block for block in self.blocks.values() if block.kind == "CMA"]
        for kind in ("Unmovable", "Reclaimable"):
            held = [block for block in cma if block.pages[kind]]
            if held:
                who: Counter[str] = Counter()
                for block in held:
                    who.update(block.foreign)
                names = ", ".join(f"{for_terminal(name)} {pages}" for name, pages in who.most_common(3))
                found.append((kind.lower(), sum(block.pages[kind] for block in held), len(held), names))
        return found

    def _told_callers(self, full: bool) -> str:
        """Return callers only: the text has no pages."""
        top = sorted(self.callers.items(), key=lambda item: (-item[1].pages, item[0]))
        text = f"{self.text.records} stacks, no page numbers: who holds most, not who spoils blocks\n"
        text += "".join(
            f"  {for_terminal(name)[:48]:<48}{own.pages:>12} pages\n" for name, own in top[: None if full else _ROWS]
        )
        return text + self._told_damage()

    def _told_damage(self) -> str:
        """Say what could not be read."""
        text = f"{self.text.damaged} records are damaged or cut\n" if self.text.damaged else ""
        return text + (f"{self.text.unknown} lines are no part of a record\n" if self.text.unknown else "")

    def collapsed(self) -> str:
        """Return pages by stack, as flame-graph tools read them."""
        return collapsed(self.stacks)


def _spoiled(block: _Block) -> bool:
    """Whether a movable block holds an unmovable or reclaimable page."""
    return block.kind == "Movable" and bool(block.pages["Unmovable"] or block.pages["Reclaimable"])


def find_owners(records: Iterable[OwnerRecord], text: OwnerText, depth: int = 1) -> Owners:
    """Find mixed pageblocks and who spoils them.

    Parameters
    ----------
    records : iterable of OwnerRecord
        Of `read_page_owner`.
    text : OwnerText
        What that reader counts.
    depth : int
        Functions to name a caller by.

    Returns
    -------
    Owners
        Blocks and callers. O(records); memory grows with blocks, callers and stacks.

    Examples
    --------
    >>> record = OwnerRecord(0, "Unmovable", 512, 1, "Movable", "sh", 7, ("alloc_pages", "read"))
    >>> owners = find_owners([record], OwnerText(1))
    >>> owners.as_dict()["mixed_blocks"], owners.as_dict()["callers"][0]["caller"], owners.pageblock_order
    ({'1': {'block_type': 'Movable', 'pages': {'Unmovable': 1}}}, 'read', 9)
    """
    owners = Owners(text, depth=depth)
    votes: Counter[int] = Counter()
    large: list[tuple[OwnerRecord, str]] = []
    for record in records:
        name = caller_of(record.stack, depth) or record.comm or "unknown"
        caller = owners.callers.setdefault(name, _Caller(stack=record.stack))
        caller.pages += record.pages
        caller.types[record.page_type] += record.pages
        caller.orders[record.order] += record.pages
        owners.stacks[record.stack or (name,)] += record.pages
        if record.pfn is None or record.block is None:
            continue
        votes.update(order for order in range(LARGEST_BLOCK_ORDER + 1) if record.pfn >> order == record.block)
        if votes and record.order > max(votes, key=lambda order: (votes[order], order)):
            large.append((record, name))
        else:
            _count(owners, record.block, record, record.pages, name)
    if votes:
        owners.pageblock_order = max(votes, key=lambda order: (votes[order], order))
    for record, name in large:  # larger than a block: it fills several
        order = min(owners.pageblock_order or 0, record.order)
        for more in range(1 << (record.order - order)):
            _count(owners, (record.block or 0) + more, record, 1 << order, name)
    return owners


def _count(owners: Owners, number: int, record: OwnerRecord, pages: int, name: str) -> None:
    """Count pages in a block."""
    block = owners.blocks.setdefault(number, _Block(record.block_type or "unknown"))
    block.pages[record.page_type] += pages
    if not at_home(record.page_type, block.kind):
        block.foreign[name] += pages
