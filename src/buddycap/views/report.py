"""The report: recorded moments as one HTML file that needs nothing else, with a time slider over the map."""

import base64
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from ..errors import MisuseError
from .pagemap import CODE_ORDERS, KINDS, PageMap
from .record import Recorder

__all__ = ["html_comparison", "html_report"]

_PLACE = "/*DATA*/"


def html_report(recorder: Recorder, *, title: str = "memory", facts: dict[str, str] | None = None) -> str:
    """Return the report.

    Parameters
    ----------
    recorder : Recorder
        At least one moment.
    title : str
    facts : dict of str to str, optional
        What the reader should know, such as policy and seed.

    Returns
    -------
    str
        An HTML page. It draws the map on a canvas; `#step=12` behind its name opens it at the moment with this number,
        `&pfn=4096` points at a page.

    Raises
    ------
    MisuseError
        If nothing has been recorded.
    """
    return html_comparison([("", recorder)], title=title, facts=facts)


def html_comparison(
    sides: Sequence[tuple[str, Recorder]], *, title: str = "memory", facts: dict[str, str] | None = None
) -> str:
    """Return the report of two runs of one machine, beside each other at the same moment.

    Parameters
    ----------
    sides : sequence of (str, Recorder)
        What each is called, and what was recorded of it.
    title, facts
        As `html_report`.

    Raises
    ------
    MisuseError
        If there are not one or two sides, nothing has been recorded, or the sides have different zones.
    """
    if not 1 <= len(sides) <= 2:
        raise MisuseError(f"sides: {len(sides)}: one or two are wanted")
    if not all(recorder.moments for _, recorder in sides):
        raise MisuseError("recorder: nothing has been recorded")
    if any((recorder.zones, recorder.factor) != (sides[0][1].zones, sides[0][1].factor) for _, recorder in sides):
        raise MisuseError("sides: their zones differ")
    told = {
        "title": title,
        "facts": facts or {},
        "kinds": [kind._asdict() for kind in KINDS],
        "orderOfCode": CODE_ORDERS.tolist(),
        "sides": [_side(name, recorder) for name, recorder in sides],
    }
    data = json.dumps(told, separators=(",", ":")).replace("<", "\\u003c")
    page = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    before, after = page.split(_PLACE)
    return before + data + after


def _side(name: str, recorder: Recorder) -> dict[str, Any]:
    """Return what the page draws of one recorder, ready for JSON."""
    tables = [recorder.table(k) for k in range(len(recorder.zones))]
    zones = []
    for zone, table in zip(recorder.zones, tables, strict=True):
        kinds = PageMap(zone.name, 0, CODE_ORDERS[:0].astype("u1"), zone.pageblock_order, ()).kind_table
        zones.append(
            {
                **vars(zone),
                "kindOfCode": kinds.tolist(),
                "unusable": table["unusable_index"].tolist(),
                "extfrag": table["extfrag_index"].tolist(),
            }
        )
    return {
        "name": name,
        "factor": recorder.factor,
        "owners": recorder.owner_names,
        "zones": zones,
        "moments": [
            {
                "time": moment.time_ns,
                "label": moment.label,
                "free": moment.nr_free,
                "counts": moment.counts,
                "codes": base64.b64encode(moment.codes).decode("ascii"),
                "ownerNumbers": base64.b64encode(moment.owners).decode("ascii"),
            }
            for moment in recorder.moments
        ],
    }
