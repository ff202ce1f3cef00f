"""JSON out of files: whatever is wrong with it is a FormatError that names the file, and the line if it is known."""

import json
from typing import Any

from .errors import FormatError

__all__ = ["parse_json", "parse_object"]


def parse_json(text: str | bytes, file: str) -> Any:
    """Return the value of a JSON text.

    Parameters
    ----------
    text : str or bytes
        Bytes are UTF-8.
    file : str
        Where it comes from, for the error.

    Raises
    ------
    FormatError
        If it is no JSON, or nested deeper than Python can follow.

    Examples
    --------
    >>> parse_json("[1, 2", "a.json")
    Traceback (most recent call last):
    buddycap.errors.FormatError: a.json:1: not JSON: Expecting ',' delimiter: line 1 column 6 (char 5)
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise FormatError("not JSON that can be read: nested too deeply", file) from None
    except ValueError as error:
        raise FormatError(f"not JSON: {error}", file, getattr(error, "lineno", None)) from None


def parse_object(text: str | bytes, file: str) -> dict[str, Any]:
    """Return the object that a JSON text holds; FormatError, as `parse_json`, also if it is another value.

    Examples
    --------
    >>> parse_object('{"a": 1}', "a.json")
    {'a': 1}
    """
    value = parse_json(text, file)
    if not isinstance(value, dict):
        raise FormatError("not a JSON object", file, 1)
    return value
