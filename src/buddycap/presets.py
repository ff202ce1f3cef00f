"""Geometries of architectures, which machines and studies are built with."""

from dataclasses import dataclass

__all__ = ["PRESETS", "Preset"]


@dataclass(frozen=True)
class Preset:
    """The geometry of an architecture.

    Parameters
    ----------
    max_page_order : int
        Order of the largest block.
    pageblock_order : int
        Order of a pageblock, which is also that of a huge page.
    """

    max_page_order: int
    pageblock_order: int


PRESETS = {"x86_64": Preset(10, 9), "ppc64": Preset(12, 12)}
