"""What comes out of files and is shown: nothing in it can command a terminal, or become part of a page."""

import sys
from typing import TextIO
from unicodedata import category

__all__ = ["for_html", "for_terminal", "say"]

# Control characters, format characters (which turn the direction of writing), separators of lines, halves of pairs.
_COMMANDS = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def for_terminal(text: str, keep: str = "") -> str:
    """Return a text in which everything that a terminal would obey is shown as its code.

    Parameters
    ----------
    text : str
    keep : str
        Characters to be left alone, such as line ends.

    Examples
    --------
    >>> print(for_terminal("Nor\\x1b[2Jmal\\n"), for_terminal("a\\nb", keep="\\n").split())
    Nor\\x1b[2Jmal\\n ['a', 'b']
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or category(c) not in _COMMANDS else ascii(c)[1:-1] for c in text)


def for_html(text: str) -> str:
    """Return a text as it stands in HTML, between tags or as the value of an attribute.

    Examples
    --------
    >>> for_html('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    from html import escape

    return escape(for_terminal(text), quote=True)


def say(*values: object, sep: str = " ", end: str = "\n", file: TextIO | None = None, flush: bool = False) -> None:
    """Print for people: as `print` does, with what a terminal would obey shown as its code.

    Line ends within the values remain, and what the stream cannot encode is shown as its code as well.

    Examples
    --------
    >>> say("zone", "Nor\\x07mal")
    zone Nor\\x07mal
    """
    stream = sys.stdout if file is None else file
    text = for_terminal(sep.join(map(str, values)), keep="\n")
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), end=end, file=stream, flush=flush)
