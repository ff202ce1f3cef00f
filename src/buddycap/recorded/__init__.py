"""From what was recorded of a machine to zones, loads and requests.

What stands here is what `buddycap.reader.Reader` wants, which the package gives to `Machine` when it is imported, and
what studies and their workers want. It is imported itself at the first recording, since most programs read none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..formats.snapshot import drawn_from
    from .drawn import draw_snapshot
    from .load import Load
    from .recording import frames_from_recording, recorded_files
    from .zones import lru_pages, zones_from_frames

__all__ = [
    "Load",
    "draw_snapshot",
    "drawn_from",
    "frames_from_recording",
    "lru_pages",
    "recorded_files",
    "zones_from_frames",
]

_HOMES = {
    "Load": ".load",
    "draw_snapshot": ".drawn",
    "drawn_from": "..formats.snapshot",
    "frames_from_recording": ".recording",
    "lru_pages": ".zones",
    "recorded_files": ".recording",
    "zones_from_frames": ".zones",
}


def __getattr__(name: str) -> Any:
    """Return one of these names."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
