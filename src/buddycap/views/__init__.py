"""Pictures and time lines of memory, and the commands that make them."""

from typing import Any

__all__ = ["html_view"]


def html_view(source: Any) -> str:
    """Return what notebooks show of a zone or a machine: see `notebook.html_of`.

    Notes
    -----
    The package gives this to the core when it is imported; what draws is imported at the first picture.
    """
    from .notebook import html_of

    return html_of(source)
