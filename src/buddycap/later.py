"""What the package gives only when somebody asks for it, because it takes long to import.

The calls, the machine, kernels and policies, the header of the C interface, and the version.
"""

import sys
from importlib import import_module
from typing import Any

from .calls import NAMES, call
from .version import __getattr__ as version_of

__all__ = ["__dir__", "__getattr__"]

_HOMES = {
    "COMPACTION_POLICIES": ".policies.compaction",
    "CapturePolicy": ".policies.capture",
    "CompactionPolicy": ".policies.compaction",
    "KERNELS": ".kernels",
    "Machine": ".machine",
    "POLICIES": ".policies.capture",
    "get_include": ".header",
    "load_policies": ".policies.files",
    "policies_to_toml": ".policies.files",
}


def __getattr__(name: str) -> Any:
    """Return `buddycap.run_study` or another of these names: the package takes this function for its own."""
    if name in NAMES:
        return call(name)
    return getattr(import_module(_HOMES[name], __package__), name) if name in _HOMES else version_of(name)


def __dir__() -> list[str]:
    """Return the names of the package, also those that are still to come: sessions complete them."""
    return sorted({*vars(sys.modules[__package__]), *NAMES, *_HOMES, "__version__"})
