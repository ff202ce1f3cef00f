"""Amounts of memory as people write them, and as pages."""

import re

from .errors import MisuseError

__all__ = ["PAGE_SIZE", "parse_pages", "size_text"]

PAGE_SIZE = 4096

# Memory is counted in powers of two, whatever the unit is called: 64MB of it are 64 MiB, as in the kernel's texts.
_UNITS = {"": 1} | {prefix + end: 1 << 10 * k for k, prefix in enumerate("kmgt", 1) for end in ("", "b", "ib")}


def parse_pages(size: int | str, name: str) -> int:
    """Return the pages of an amount of memory: bytes, or a text such as "1.5GiB", "64M", "64MB" (all binary)."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(size))
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise MisuseError(f"{name}={size!r}: bytes are wanted, or a text such as '512MiB' or '1.5GiB'")
    return int(float(match[1]) * unit) // PAGE_SIZE if "." in match[1] else int(match[1]) * unit // PAGE_SIZE


def size_text(pages: int) -> str:
    """Return an amount of memory as `parse_pages` reads it, in the largest unit that tells it in whole numbers.

    Examples
    --------
    >>> size_text(1 << 18), size_text(1 << 17), size_text(3)
    ('1GiB', '512MiB', '12KiB')
    """
    size, unit = pages * PAGE_SIZE >> 10, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if size % 1024 or not size:
            break
        size, unit = size >> 10, larger
    return f"{size}{unit}"
