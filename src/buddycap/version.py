"""The version of the package, read when somebody asks for it: reading it takes longer than half of the imports."""

from typing import Any

__all__ = ["__getattr__"]


def __getattr__(name: str) -> Any:
    """Return `buddycap.__version__`: the package takes this function for its own."""
    if name != "__version__":
        raise AttributeError(f"module 'buddycap' has no attribute {name!r}")
    from importlib.metadata import version

    return version("buddycap")
