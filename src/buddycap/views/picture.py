"""The map of memory as a PNG picture: a pageblock a row, columns of rows, and a legend with counts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import MisuseError
from .pagemap import KINDS, PageMap, rows_of
from .png import LETTER_HEIGHT, LETTER_WIDTH, draw_text, encode_png

__all__ = ["legend_rows", "map_png", "small_png"]

_PAPER, _INK, _FAINT = len(KINDS), len(KINDS) + 1, len(KINDS) + 2
_PALETTE = (*(kind.colour for kind in KINDS), "ffffff", "1b1b1b", "8a8a8a")
_GAP = 12
_LINE = LETTER_HEIGHT + 4
_WIDE = 1.5  # width of a picture over its height, about
_MAX_PIXELS = 1 << 28


def map_png(maps: Sequence[PageMap], *, width: int | None = None, title: str = "") -> bytes:
    """Draw zones into one PNG picture.

    Parameters
    ----------
    maps : sequence of PageMap
        The zones, drawn below each other.
    width : int, pages
        Pages in a row; a pageblock if not given.
    title : str
        First line of the picture.

    Returns
    -------
    bytes
        A PNG file. One pixel a page, or several in a small zone.

    Raises
    ------
    MisuseError
        If there is no zone, `width` is out of range, or there are more than 2**28 pages (1 TiB).

    Notes
    -----
    24 GiB take about 0.3 s.
    """
    if not maps:
        raise MisuseError("maps: no zone to draw")
    wide = width if width is not None else 1 << maps[0].pageblock_order
    if not 1 <= wide <= 1 << 16:
        raise MisuseError(f"width={width}: allowed range is 1..65536 pages")
    rows = sum(-(-_used(m) // wide) + 1 for m in maps)
    if wide * rows > _MAX_PIXELS:
        raise MisuseError(f"maps: {wide * rows} pages to draw, at most {_MAX_PIXELS}")
    columns = max(1, round((_WIDE * rows / wide) ** 0.5))
    scale = max(1, min(6, 300 // rows, 1024 // (wide * columns)))
    tall = scale * max(1, min(8, wide * columns * columns // (3 * rows)))  # rows of few wide pageblocks are drawn high
    big = 2 if wide * columns * scale > 1600 else 1
    parts = []
    for page_map in maps:
        end = page_map.start_pfn + len(page_map.codes) - 1
        head = f"{page_map.name}: PFN {page_map.start_pfn} to {end}, {page_map.mib} MiB"
        parts.append(_text(head, _INK, big))
        parts.append(_zone_picture(page_map, wide, columns, scale, tall))
    note = f"{wide} pages a row, {scale} x {tall} pixels a page; PFNs rise to the right, then down"
    note += ", then by column" if columns > 1 else ""
    heads = [_text(title, _INK, big)] * bool(title) + [_text(note, _FAINT, big)]
    counts = "; ".join(f"{text}: {pages} pages" for text, pages in legend_rows(maps))
    return encode_png(
        _framed(_stacked(heads), _stacked(parts), _legend(maps).repeat(big, axis=0).repeat(big, axis=1)),
        _PALETTE,
        [("Title", title or "memory map"), ("Description", f"{note}. {counts}")],
    )


def _used(page_map: PageMap) -> int:
    """Return the pages of a zone up to its last one that is no hole."""
    return len(page_map.codes) - int(np.argmax(page_map.codes[::-1] != 0)) if page_map.codes.any() else 1


def _zone_picture(page_map: PageMap, width: int, columns: int, scale: int, tall: int) -> NDArray[np.uint8]:
    """Return the numbers of the kinds of a zone's pages as a picture: rows of `width` pages in some columns.

    A page is `scale` pixels wide and `tall` pixels high.
    """
    rows = rows_of(page_map, width)[: -(-(page_map.start_pfn % width + _used(page_map)) // width)]
    height = -(-len(rows) // columns)
    columns = -(-len(rows) // height)
    picture = np.full((height, columns * (width + _GAP) - _GAP), _PAPER, np.uint8)
    for k in range(columns):
        part = rows[k * height : (k + 1) * height]
        picture[: len(part), k * (width + _GAP) : k * (width + _GAP) + width] = part
    return picture if scale == tall == 1 else picture.repeat(tall, axis=0).repeat(scale, axis=1)


def small_png(page_map: PageMap, max_pixels: int) -> tuple[bytes, int, int]:
    """Draw a zone alone, without legend.

    Returns
    -------
    bytes
        PNG file with at most about `max_pixels` pixels; of a large zone every n-th page, n a power of two.
    int, int
        Width and height to show it at, in pixels.
    """
    factor, pages = 1, 1 << page_map.pageblock_order
    while len(page_map.codes) > max_pixels * factor and factor < pages:
        factor *= 2
    rows = rows_of(page_map, pages)[: -(-(page_map.start_pfn % pages + _used(page_map)) // pages), ::factor]
    skip = -(-rows.size // max_pixels)
    width = rows.shape[1]
    columns = max(1, round((_WIDE * len(rows[::skip]) / width) ** 0.5))
    height = -(-len(rows[::skip]) // columns)
    picture = np.zeros((height * columns, width), np.uint8)
    picture[: len(rows[::skip])] = rows[::skip]
    picture = np.concatenate(np.split(picture, columns), axis=1)
    scale = max(1, min(8, 64 // height))
    return encode_png(picture, _PALETTE), picture.shape[1], height * scale


def legend_rows(maps: Sequence[PageMap]) -> list[tuple[str, int]]:
    """Return the texts of the kinds that there are, and their pages."""
    total: dict[str, int] = {}
    for page_map in maps:
        for name, pages in page_map.counts().items():
            total[name] = total.get(name, 0) + pages
    return [(kind.text, total[kind.name]) for kind in KINDS if kind.name in total]


def _legend(maps: Sequence[PageMap]) -> NDArray[np.uint8]:
    """Draw the legend: a patch of colour, the text, pages and their part of all."""
    rows = legend_rows(maps)
    total = sum(pages for _, pages in rows)
    wide = max(len(text) for text, _ in rows)
    lines = [f"{text:<{wide}} {pages:>10} {100 * pages / total:5.1f}%" for text, pages in rows]
    heading = f"{f'pages of {maps[0].page_size >> 10} KiB':<{wide}} {total:>10}"
    picture = np.full(((len(rows) + 1) * _LINE, (wide + 18) * LETTER_WIDTH + 20), _PAPER, np.uint8)
    draw_text(picture, 16, 2, heading, _INK)
    numbers = {kind.text: number for number, kind in enumerate(KINDS)}
    for k, ((text, _), line) in enumerate(zip(rows, lines, strict=True), start=1):
        top = k * _LINE
        picture[top : top + 11, 0:11] = _FAINT
        picture[top + 1 : top + 10, 1:10] = numbers[text]
        draw_text(picture, 16, top + 2, line, _INK)
    return picture


def _text(text: str, colour: int, scale: int) -> NDArray[np.uint8]:
    """Draw a line of text."""
    picture = np.full((LETTER_HEIGHT * scale, max(len(text), 1) * LETTER_WIDTH * scale), _PAPER, np.uint8)
    draw_text(picture, 0, 0, text, colour, scale)
    return picture


def _framed(head: NDArray[np.uint8], body: NDArray[np.uint8], legend: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put the head above, and the legend beside the body, with a margin around."""
    top, left = len(head) + 2 * _GAP, body.shape[1] + 3 * _GAP
    height = top + max(len(body), len(legend)) + _GAP
    picture = np.full((height, max(left + legend.shape[1], head.shape[1]) + 2 * _GAP), _PAPER, np.uint8)
    for part, y, x in ((head, _GAP, _GAP), (body, top, _GAP), (legend, top, left)):
        picture[y : y + len(part), x : x + part.shape[1]] = part
    return picture


def _stacked(parts: Sequence[NDArray[np.uint8]], gap: int = 6) -> NDArray[np.uint8]:
    """Put pictures below each other."""
    wide = max(part.shape[1] for part in parts)
    picture = np.full((sum(len(part) + gap for part in parts) - gap, wide), _PAPER, np.uint8)
    top = 0
    for part in parts:
        picture[top : top + len(part), : part.shape[1]] = part
        top += len(part) + gap
    return picture
