"""What the package gives only when somebody asks for it, because it takes long to import: calls and version."""

import sys
from typing import Any

from .calls import NAMES, call
from .version import __getattr__ as version_of

__all__ = ["__dir__", "__getattr__"]


def __getattr__(name: str) -> Any:
    """Return `buddycap.run_study` or another call, or the version: the package takes this function for its own."""
    return call(name) if name in NAMES else version_of(name)


def __dir__() -> list[str]:
    """Return the names of the package, also those that are still to come: sessions complete them."""
    return sorted({*vars(sys.modules[__package__]), *NAMES, "__version__"})
