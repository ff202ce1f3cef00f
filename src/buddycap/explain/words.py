"""Answers for a person: 80 columns, no colour, the answer in the first line, numbers as one would say them."""

import textwrap
from collections.abc import Iterable

from ..formats.meminfo_report import ZoneText

__all__ = ["WIDTH", "bytes_of", "listed", "paragraph", "size", "wrapped", "zone_name"]

WIDTH = 79
_UNITS = ("kB", "MB", "GB", "TB")


def size(kb: int) -> str:
    """Return kilobytes as a person would say them, in units of 1024.

    Examples
    --------
    >>> [size(kb) for kb in (32, 2048, 5222, 175364, 27602908)]
    ['32 kB', '2 MB', '5.1 MB', '171 MB', '26 GB']
    """
    value, unit = float(kb), 0
    while abs(value) >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    text = f"{value:.1f}" if unit and abs(value) < 10 else f"{value:.0f}"
    return f"{text.removesuffix('.0')} {_UNITS[unit]}"


def bytes_of(order: int, page_kb: int) -> str:
    """Return what was asked for, in words.

    Examples
    --------
    >>> bytes_of(0, 4), bytes_of(4, 4)
    ('one page', '64 kB in one piece')
    """
    return "one page" if order == 0 else f"{size(page_kb << order)} in one piece"


def paragraph(text: str, indent: str = "") -> str:
    """Return a text in lines of 79 columns.

    Examples
    --------
    >>> paragraph("one two", "  ")
    '  one two'
    """
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=True, break_on_hyphens=False
    )


def wrapped(label: str, text: str, indent: int = 2) -> str:
    """Return a paragraph whose further lines are indented.

    Examples
    --------
    >>> wrapped("Note: ", "short")
    'Note: short'
    """
    return textwrap.fill(
        text, WIDTH, initial_indent=label, subsequent_indent=" " * indent, break_long_words=True, break_on_hyphens=False
    )


def listed(words: Iterable[str], last: str = "and") -> str:
    """Return words as a person lists them.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    every = list(words)
    return every[0] if len(every) == 1 else f"{', '.join(every[:-1])} {last} {every[-1]}" if every else "nothing"


def zone_name(zone: ZoneText, several: bool) -> str:
    """Return what a zone is called; with its node if there are several."""
    return f"node {zone.node} {zone.zone}" if several else zone.zone
