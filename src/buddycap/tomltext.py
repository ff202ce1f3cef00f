"""TOML files that people write: read with errors that tell the line."""

import re
import tomllib
from pathlib import Path
from typing import Any

from .errors import FormatError

__all__ = ["line_of", "read_toml"]


def read_toml(path: str | Path) -> tuple[str, dict[str, Any]]:
    """Read a TOML file.

    Returns
    -------
    str
        The text, for `line_of`.
    dict
        What it says.

    Raises
    ------
    FormatError
        If it is no TOML, with the line.
    OSError
        If it cannot be read.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8 text ({error})", str(path)) from None
    except RecursionError:
        raise FormatError("not TOML that can be read: nested too deeply", str(path)) from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise FormatError(f"not TOML: {error}", str(path), int(line[1]) if line else None) from None


def line_of(text: str, name: str, header: bool = False, after: int = 0) -> int | None:
    """Return the line of a TOML text, beyond line `after`, that begins a table or sets a key.

    Examples
    --------
    >>> line_of('a = 1\\n[b]\\n"c" = 2\\n', "c"), line_of("[b]\\n", "b", header=True), line_of("", "a")
    (3, 1, None)
    """
    key = rf"""(?:{re.escape(name)}|"{re.escape(name)}"|'{re.escape(name)}')"""
    wanted = rf"\s*\[\s*{key}\s*\]" if header else rf"\s*{key}\s*="
    for number, line in enumerate(text.splitlines(), 1):
        if number > after and re.match(wanted, line):
            return number
    return None
