"""The map of memory on a terminal: two cells in each character, in colour; letters where there is none."""

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from ..escape import for_terminal
from .pagemap import KINDS, PageMap
from .picture import legend_rows

__all__ = ["terminal_map", "wants_colour"]

_LEVELS = np.array([0, 95, 135, 175, 215, 255])  # of the colour cube of 256-colour terminals
_RGB = [tuple(int(kind.colour[k : k + 2], 16) for k in (0, 2, 4)) for kind in KINDS]
_RESET = "\x1b[0m"


def wants_colour(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a stream is a terminal that shows colours, and nobody has asked for none.

    Notes
    -----
    Without colour if NO_COLOR is set and not empty (no-color.org) or TERM is "dumb".
    """
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def terminal_map(
    maps: Sequence[PageMap],
    *,
    colour: bool = False,
    size: tuple[int, int] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> str:
    """Return the map as lines of text that fit a window, with a legend.

    Parameters
    ----------
    maps : sequence of PageMap
    colour : bool
        With colours, and half blocks: two cells above each other in a character. Otherwise one letter a cell.
    size : (int, int), optional
        Columns and lines of the window; asked from the terminal if not given.
    environment : mapping
        COLORTERM says whether the terminal knows all colours, or 256.

    Returns
    -------
    str
        Each cell shows the kind that most of its pages are of. A zone's cells hold equally many pages, a power of two,
        aligned.

    Examples
    --------
    >>> from buddycap import MigrateType, Zone
    >>> from buddycap.views.pagemap import maps_of
    >>> zone = Zone(0, 4096, min_free_kbytes=0)
    >>> pfn = zone.rmqueue(9, MigrateType.MOVABLE)
    >>> print(terminal_map(maps_of(zone), size=(40, 8)))
    zone: PFN 0 to 4095, 64 pages a cell
    ________________________________________
    ________HHHHHHHH________
    _ free, a pageblock or more     3584 88%
    H huge page, or as large a       512 12%
    """
    columns, lines = size or shutil.get_terminal_size()
    rows = legend_rows(maps)
    room = max(lines - len(rows) - len(maps) - 2, len(maps)) * (2 if colour else 1)
    out = []
    total = sum(len(page_map.codes) for page_map in maps)
    for page_map in maps:
        mine = max(1, room * len(page_map.codes) // total)
        cells, factor = _cells(page_map, columns * mine)
        end = page_map.start_pfn + len(page_map.codes) - 1
        out.append(f"{for_terminal(page_map.name)}: PFN {page_map.start_pfn} to {end}, {factor} pages a cell"[:columns])
        wide = min(columns, len(cells))
        grid = np.zeros((-(-len(cells) // wide), wide), np.uint8)
        grid.flat[: len(cells)] = cells
        out += _half_blocks(grid, environment) if colour else _letters(grid)
    signs = {kind.text: (number, kind.letter) for number, kind in enumerate(KINDS)}
    wide = max(min(max(len(text) for text, _ in rows), columns - 15), 1)
    for text, pages in rows:
        number, letter = signs[text]
        sign = f"{_sequence(number, environment, 48)} {_RESET}" if colour else letter
        out.append(
            f"{sign} {text[:wide]:<{wide}} {pages:>8} {round(100 * pages / total):>2}%"[: None if colour else columns]
        )
    return "\n".join(out)


def _cells(page_map: PageMap, room: int) -> tuple[NDArray[np.uint8], int]:
    """Return the kind that most pages of each cell are of, and the pages of a cell."""
    factor = 1
    while (page_map.start_pfn % factor + len(page_map.codes)) > room * factor:
        factor *= 2
    kinds = page_map.kinds
    before = page_map.start_pfn % factor
    nr = -(-(before + len(kinds)) // factor)
    best, most = np.zeros(nr, np.uint8), np.zeros(nr, np.int64)
    starts = np.maximum(np.arange(nr) * factor - before, 0)
    for number in np.flatnonzero(np.bincount(kinds, minlength=len(KINDS))):
        pages = np.add.reduceat(kinds == number, starts, dtype=np.int64)
        best[pages > most] = number
        np.maximum(most, pages, out=most)
    return best, factor


def _letters(grid: NDArray[np.uint8]) -> list[str]:
    """Return a letter a cell."""
    return ["".join(KINDS[cell].letter for cell in row).rstrip() for row in grid]


def _half_blocks(grid: NDArray[np.uint8], environment: Mapping[str, str]) -> list[str]:
    """Return two rows of cells in a line of half blocks: the upper one is ink, the lower one paper."""
    if len(grid) % 2:
        grid = np.concatenate([grid, np.zeros((1, grid.shape[1]), np.uint8)])
    lines = []
    for upper, lower in zip(grid[0::2], grid[1::2], strict=True):
        line, before = "", (-1, -1)
        for pair in zip(upper.tolist(), lower.tolist(), strict=True):
            if pair != before:
                line += _sequence(pair[0], environment, 38) + _sequence(pair[1], environment, 48)
                before = pair
            line += "\u2580"
        lines.append(line + _RESET)
    return lines


def _sequence(number: int, environment: Mapping[str, str], ground: int) -> str:
    """Return the control sequence of a kind's colour: 38 sets the ink, 48 the paper."""
    red, green, blue = _RGB[number]
    if environment.get("COLORTERM") in ("truecolor", "24bit"):
        return f"\x1b[{ground};2;{red};{green};{blue}m"
    cube = [int(np.abs(_LEVELS - part).argmin()) for part in (red, green, blue)]
    return f"\x1b[{ground};5;{16 + 36 * cube[0] + 6 * cube[1] + cube[2]}m"
