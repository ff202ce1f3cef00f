"""The free lists of a stopped machine, read out of its memory: a JSON file that says which blocks each list held.

An object with `zones`, a list of objects: `name`, `start_pfn`, `spanned`, `free` (for every order and migratetype the
PFNs of the list, head first), `pcp` (for every CPU an object whose `lists` hold PFNs), perhaps `pageblock_flags` (the
kernel's migratetype of every pageblock in the low 3 bits). Other keys are left alone. Such a state knows exactly what
is free; of the other pages it knows nothing.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..jsontext import parse_json
from .gfptext import migratetype_map
from .kpageflags import KPF, MAX_PAGES, ZoneFrames
from .packed import unpacked
from .snapshot import Snapshot

__all__ = ["read_list_state"]

_MAX_BYTES = 1 << 26


def read_list_state(path: str | Path) -> Snapshot:
    """Read the free lists of a stopped machine.

    Parameters
    ----------
    path : str or Path
        JSON, plain or gzip.

    Returns
    -------
    Snapshot
        Free pages and free blocks per order; all other pages count as the kernel's. `meta` says that it is of one
        moment, and has the objects of the zones under "zones".

    Raises
    ------
    FormatError
        If the file is damaged, holds more than 64 MiB or claims more pages than `read_kpageflags` accepts; or if a
        block lies outside its zone, is not aligned or overlaps another.
    OSError
        If it cannot be read.
    """
    data = unpacked(path, _MAX_BYTES)
    try:
        state = parse_json(data, str(path))
        pages = sum(int(zone["spanned"]) for zone in state["zones"])
        if pages > MAX_PAGES:
            raise FormatError(f"{pages} pages claimed, at most {MAX_PAGES} accepted", str(path))
        zones = [_zone(zone) for zone in state["zones"]]
    except FormatError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, AttributeError) as error:
        raise FormatError(f"no state of free lists ({type(error).__name__}: {error})", str(path)) from error
    if not zones:
        raise FormatError("no zone", str(path))
    frames = tuple(sorted((frames for frames, _ in zones), key=lambda zone: zone.start_pfn))
    counts = {frames.name: count for frames, count in zones}
    return Snapshot(str(path), frames, counts, counts, meta={"stopped": True, "zones": state["zones"]})


def _zone(zone: dict[str, Any]) -> tuple[ZoneFrames, tuple[int, ...]]:
    """Build one zone: its pages, and its free blocks per order."""
    name, start, spanned = str(zone["name"]), int(zone["start_pfn"]), int(zone["spanned"])
    if not (spanned > 0 and 0 <= start < 1 << 52 and 1 <= len(zone["free"]) <= 15):
        raise ValueError(f"no zone of {spanned} pages starts at PFN {start}")
    words = np.zeros(spanned, np.uint64)
    counts = []
    for order, lists in enumerate(zone["free"]):
        blocks = [int(pfn) for one in lists for pfn in one]
        counts.append(len(blocks))
        for pfn in blocks:
            first, end = pfn - start, pfn - start + (1 << order)
            if pfn % (1 << order) or first < 0 or end > spanned or words[first:end].any():
                raise ValueError(f"block {pfn} of order {order} does not fit into zone {name}")
            words[first:end] = KPF.BUDDY
    frames = ZoneFrames.from_flags(name, start, words, max_page_order=len(counts) - 1, section_pages=0)
    if "pageblock_flags" in zone:
        frames = replace(frames, block_types=_block_types(frames, zone["pageblock_flags"]))
    return frames, tuple(counts)


def _block_types(frames: ZoneFrames, flags: list[int]) -> NDArray[np.uint8]:
    """Translate the kernel's types of pageblocks; `ValueError` if they are not as many as the zone touches."""
    pages = 1 << frames.pageblock_order
    if len(flags) != -(-frames.end_pfn // pages) - frames.start_pfn // pages:
        raise ValueError(f"{len(flags)} pageblocks in zone {frames.name}")
    return migratetype_map(old=False)[np.array([int(word) & 7 for word in flags], np.int64)]
