"""The manifest of an image: what a reader needs to know how it was made, as JSON beside it."""

from pathlib import Path
from typing import Any

from ..jsontext import parse_object

__all__ = ["manifest_path", "read_manifest"]


def manifest_path(image: str | Path) -> Path:
    """Return where the manifest of an image stands.

    Examples
    --------
    >>> str(manifest_path("old.img"))
    'old.img.json'
    """
    return Path(f"{image}.json")


def read_manifest(image: str | Path) -> dict[str, Any] | None:
    """Read the manifest of an image; None if there is none.

    Raises
    ------
    FormatError
        If there is one that is not a JSON object.
    """
    path = manifest_path(image)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    return parse_object(text, str(path))
