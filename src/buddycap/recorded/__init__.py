"""From what was recorded of a machine to zones, loads and requests.

What stands here is what `buddycap.reader.Reader` wants: the package gives it to `Machine` when it is imported.
"""

from .drawn import draw_snapshot
from .zones import lru_pages, zones_from_frames

__all__ = ["draw_snapshot", "lru_pages", "zones_from_frames"]
