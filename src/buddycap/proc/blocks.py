"""What /proc/pagetypeinfo counts, the same for all kernels."""

from collections.abc import Mapping, Sequence

from .._core import Zone
from ..formats.procfs import Pagetypeinfo, PagetypeinfoZone

__all__ = ["count_blocks"]


def count_blocks(
    zones: Sequence[Zone], names: Sequence[str], titles: Mapping[int, str], *, capped: bool
) -> Pagetypeinfo:
    """Count free blocks and pageblocks of zones by migratetype.

    Parameters
    ----------
    zones : sequence of Zone
        Lowest first.
    names : sequence of str
        Their names in /proc.
    titles : mapping of int to str
        What migratetypes are called, in the order to print.
    capped : bool
        Whether the kernel stops counting at 100,000.
    """
    rows = []
    for name, zone in zip(names, zones, strict=True):
        counts = {title: [0] * (zone.max_page_order + 1) for title in titles.values()}
        blocks = zone.free_blocks()
        for order, migratetype in zip(blocks["order"].tolist(), blocks["migratetype"].tolist(), strict=True):
            counts[titles[migratetype]][order] += 1
        types = zone.pageblock_migratetype.tolist()
        rows.append(
            PagetypeinfoZone(
                0,
                name,
                {title: tuple(orders) for title, orders in counts.items()},
                {title: types.count(number) for number, title in titles.items()},
            )
        )
    return Pagetypeinfo(zones[0].pageblock_order, tuple(rows), capped=capped)
