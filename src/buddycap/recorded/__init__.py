"""From what was recorded of a machine to zones, loads and requests.

What stands here is what `buddycap.reader.Reader` wants: the package gives it to `Machine` when it is imported. The
functions themselves are imported at the first recording, since most programs read none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .drawn import draw_snapshot
    from .zones import lru_pages, zones_from_frames

__all__ = ["draw_snapshot", "lru_pages", "zones_from_frames"]

_HOMES = {"draw_snapshot": ".drawn", "lru_pages": ".zones", "zones_from_frames": ".zones"}


def __getattr__(name: str) -> Any:
    """Return a function of the package."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
