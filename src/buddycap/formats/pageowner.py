"""Dumps of /sys/kernel/debug/page_owner: who allocated which page, of 2.6 patches, 3.19 to 4.5, 4.6 and later."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .gfpnames import decode_mask, flag_set, mask_names
from .stacks import frame_of

__all__ = ["OwnerRecord", "OwnerText", "read_page_owner"]

MOST_FRAMES = 64
_LONGEST = 4096
_LARGEST_ORDER = 20
_ALLOCATED = re.compile(r"Page allocated via order (\d{1,3})(?:, mask (?:0x)?([0-9a-fA-F]{1,16})(?:\(([^)]*)\))?(.*))?")
_SORTED = re.compile(r"(\d{1,12}) times(?:, (\d{1,12}) pages)?\b.{0,200}")  # page_owner_sort: equal records once
_PID = re.compile(r"\bpid (\d{1,10})")
_COMM = re.compile(r"tgid \d{1,10} \((.{0,64})\)")
_NEW = re.compile(r"PFN (0x[0-9a-fA-F]{1,16}|\d{1,19}) type (\w{1,20}) Block (\d{1,19}) type (\w{1,20})(?: Flags.*)?")
_OLD = re.compile(r"PFN (0x[0-9a-fA-F]{1,16}|\d{1,19}) Block (\d{1,19}) type (\d{1,2})\s.*")
_STACK_COUNT = re.compile(r"(?:nr_base_pages|stack_count): ?(\d{1,19})")
_OLD_TYPES = ("Unmovable", "Reclaimable", "Movable", "Reserve", "CMA", "Isolate")
_AFTER_STACK = ("Page has been migrated", "Slab cache page", "Charged ", "Page is ", "SLAB_PAGE ")


@dataclass
class OwnerRecord:
    """One allocated page, or the stacks of `show_stacks`.

    Parameters
    ----------
    order : int
        Order of the allocation.
    page_type : str
        Migratetype of the page.
    pfn, block : int or None
        First page, and number of its pageblock; None for `show_stacks`.
    block_type : str or None
        Migratetype of the pageblock.
    comm : str or None
        Who asked.
    pid : int or None
        Its number.
    stack : tuple of str
        Functions, the innermost first.
    pages : int
        Pages that this stands for.
    """

    order: int
    page_type: str
    pfn: int | None = None
    block: int | None = None
    block_type: str | None = None
    comm: str | None = None
    pid: int | None = None
    stack: tuple[str, ...] = ()
    pages: int = 1


@dataclass
class OwnerText:
    """What was read.

    Parameters
    ----------
    records : int
        Sound records.
    damaged : int
        Records without a sound second line, or cut.
    unknown : int
        Lines that no rule took.
    """

    records: int = 0
    damaged: int = 0
    unknown: int = 0


@dataclass
class _Begun:
    order: int
    flags: frozenset[str]
    rest: str
    record: OwnerRecord | None = None
    stack: list[str] = field(default_factory=list)
    pages: int = 0  # of equal records together, where the text counts them


def read_page_owner(lines: Iterable[str], found: OwnerText) -> Iterator[OwnerRecord]:
    """Read a dump.

    Parameters
    ----------
    lines : iterable of str
        The text by lines.
    found : OwnerText
        Filled in while reading.

    Yields
    ------
    OwnerRecord
        In the order of the text.

    Notes
    -----
    O(text), one record in memory. Before 4.6 a record has one type only, that of the block; the page's follows from its
    mask.

    Examples
    --------
    >>> text = "Page allocated via order 0, mask 0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), pid 1, tgid 1 (sh), ts 1 ns"
    >>> text += "\\nPFN 0xcb24 type Movable Block 101 type Unmovable Flags 0x0()\\n caller+0x10/0x20\\n"
    >>> [(r.pfn, r.page_type, r.block_type, r.stack, r.comm) for r in read_page_owner(text.splitlines(), OwnerText())]
    [(52004, 'Movable', 'Unmovable', ('caller',), 'sh')]
    """
    begun: _Begun | None = None
    counted: re.Match[str] | None = None
    for raw in lines:
        line = raw[:_LONGEST].strip().lstrip(">| ")
        times = _SORTED.match(line)
        match = _ALLOCATED.search(line)
        if times and not match:
            yield from _finish(begun, found)
            begun, counted = None, times
        elif match:
            yield from _finish(begun, found)
            begun = _begin(match, times or counted)
            counted = None
            found.damaged += begun is None
        elif not line:
            yield from _finish(begun, found)
            begun = None
        elif begun is None:
            count = _STACK_COUNT.fullmatch(line)
            if count is None:
                frame = frame_of(line)
                begun = None
                found.unknown += frame is None
                if frame is not None:  # show_stacks: the stack comes first, its count behind it
                    begun = _Begun(0, frozenset(), "")
                    begun.stack.append(frame)
        elif begun.record is None and line.startswith("PFN "):
            begun.record = _second(line, begun)
        elif count := _STACK_COUNT.fullmatch(line):
            begun.record = OwnerRecord(0, "unknown", pages=int(count[1]))
        elif not line.startswith(_AFTER_STACK):
            frame = frame_of(line)
            if frame is None:
                found.unknown += 1
            elif len(begun.stack) < MOST_FRAMES:
                begun.stack.append(frame)
    yield from _finish(begun, found)


def _begin(match: re.Match[str], counted: re.Match[str] | None) -> _Begun | None:
    """Begin a record at its first line; None if its order is none."""
    order = int(match[1])
    if order > _LARGEST_ORDER:
        return None
    mask = mask_names(match[3]) if match[3] else decode_mask(int(match[2] or "0", 16), (2, 6, 32))
    begun = _Begun(order, flag_set(mask, (2, 6, 32)), match[4] or "")
    if counted is not None:
        begun.pages = int(counted[2]) if counted[2] else int(counted[1]) << order
    return begun


def _second(line: str, begun: _Begun) -> OwnerRecord | None:
    """Read the line with the page and its block."""
    comm, pid = _COMM.search(begun.rest), _PID.search(begun.rest)
    new, old = _NEW.fullmatch(line), _OLD.fullmatch(line)
    if new:
        pfn, page_type, block, block_type = int(new[1], 0), new[2], int(new[3]), new[4]
    elif old and int(old[3]) < len(_OLD_TYPES):
        pfn, block, block_type = int(old[1], 0), int(old[2]), _OLD_TYPES[int(old[3])]
        flags = begun.flags
        page_type = "Movable" if "MOVABLE" in flags else "Reclaimable" if "RECLAIMABLE" in flags else "Unmovable"
    else:
        return None
    who = comm[1] if comm else None
    return OwnerRecord(
        begun.order, page_type, pfn, block, block_type, who, int(pid[1]) if pid else None, (), 1 << begun.order
    )


def _finish(begun: _Begun | None, found: OwnerText) -> Iterator[OwnerRecord]:
    """Give out a record that is whole."""
    if begun is None:
        return
    if begun.pages:  # the page that such a record names is one of many: callers are told, blocks are not
        page_type = "unknown" if begun.record is None else begun.record.page_type
        begun.record = OwnerRecord(begun.order, page_type, pages=begun.pages)
    if begun.record is None:
        found.damaged += 1
        return
    found.records += 1
    begun.record.stack = tuple(begun.stack)
    yield begun.record
