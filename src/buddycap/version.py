"""The version of the package, read when somebody asks for it: reading it takes longer than half of the imports."""

from pathlib import Path
from typing import Any

__all__ = ["__getattr__", "version_told"]

COMMIT = "COMMIT"  # written by setup.py into what is installed


def __getattr__(name: str) -> Any:
    """Return `buddycap.__version__`: the package takes this function for its own."""
    if name != "__version__":
        raise AttributeError(f"module 'buddycap' has no attribute {name!r}")
    from importlib.metadata import version

    return version("buddycap")


def version_told() -> str:
    """Return the version with the commit that it was built from, as far as that is known."""
    version = __getattr__("__version__")
    try:
        commit = Path(__file__).with_name(COMMIT).read_text(encoding="ascii").strip()
    except OSError:
        commit = "of a source tree without history, or in place"
    return f"buddycap {version} ({commit})"
