"""What notebooks show of a zone or a machine: free blocks and kinds as tables, and a small map."""

import base64

from .._core import MachineBase, Zone
from ..escape import for_html
from .pagemap import KINDS, PageMap, maps_of
from .picture import legend_rows, small_png

__all__ = ["html_of"]

_MAX_PIXELS = 1 << 18
_CELL = "padding:0 6px;text-align:right"


def html_of(source: "Zone | MachineBase") -> str:
    """Return a small map and tables as HTML that needs nothing else.

    Parameters
    ----------
    source : Zone or Machine

    Returns
    -------
    str
        A table like /proc/buddyinfo, a picture for each zone (in a large one every n-th page), and a legend.

    Examples
    --------
    >>> from buddycap import Machine
    >>> html_of(Machine.preset("x86_64", memory="4MiB"))[:51]
    '<div style="font:13px system-ui,sans-serif"><table '
    """
    maps = maps_of(source)
    orders = max(len(page_map.nr_free) for page_map in maps)
    heads = ["zone", *(str(order) for order in range(orders)), "free MiB", "of MiB"]
    rows = [_row("th", heads)]
    for page_map in maps:
        free = sum(blocks << order for order, blocks in enumerate(page_map.nr_free))
        counts = (str(blocks) for blocks in page_map.nr_free)
        rows.append(
            _row("td", [for_html(page_map.name), *counts, f"{free / 256:.1f}", f"{len(page_map.codes) / 256:.1f}"])
        )
    pictures = "".join(_picture(page_map) for page_map in maps)
    colours = {kind.text: kind.colour for kind in KINDS}
    legend = " ".join(
        f'<span style="white-space:nowrap"><span style="display:inline-block;width:10px;height:10px;'
        f'border:1px solid #888;background:#{colours[text]}"></span> {for_html(text)} {pages}</span>'
        for text, pages in legend_rows(maps)
    )
    return (
        '<div style="font:13px system-ui,sans-serif"><table style="border-collapse:collapse">'
        f'{"".join(rows)}</table>{pictures}<div style="max-width:640px">{legend}</div></div>'
    )


def _row(tag: str, cells: list[str]) -> str:
    """Return a row of a table."""
    return "<tr>" + "".join(f'<{tag} style="{_CELL}">{cell}</{tag}>' for cell in cells) + "</tr>"


def _picture(page_map: PageMap) -> str:
    """Return the map of a zone as an image."""
    png, width, height = small_png(page_map, _MAX_PIXELS)
    end = page_map.start_pfn + len(page_map.codes) - 1
    text = for_html(f"map of zone {page_map.name}, PFN {page_map.start_pfn} to {end}")
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<img alt="{text}" title="{text}" width="{width}" height="{height}" '
        f'style="display:block;margin:6px 0;image-rendering:pixelated;border:1px solid #888" '
        f'src="data:image/png;base64,{data}">'
    )
