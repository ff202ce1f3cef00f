"""The version of the package, read when somebody asks for it: reading it takes longer than half of the imports."""

from functools import cache
from typing import Any

__all__ = ["__getattr__", "installed", "version_told"]

COMMIT = "COMMIT"  # written by setup.py into what is installed


@cache
def installed() -> str:
    """Return the version, read once: a process may lose the right to read where it is installed."""
    from importlib.metadata import version

    return version("buddycap")


def __getattr__(name: str) -> Any:
    """Return `buddycap.__version__`: the package takes this function for its own."""
    if name != "__version__":
        raise AttributeError(f"module 'buddycap' has no attribute {name!r}")
    return installed()


def version_told() -> str:
    """Return the version with the commit that it was built from, as far as that is known."""
    from pathlib import Path

    try:
        commit = Path(__file__).with_name(COMMIT).read_text(encoding="ascii").strip()
    except OSError:
        commit = "of a source tree without history, or in place"
    return f"buddycap {installed()} ({commit})"
