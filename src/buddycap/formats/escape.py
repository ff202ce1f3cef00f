"""Names from files on a terminal: what would move the cursor or change colours is printed as an escape."""

__all__ = ["printable"]


def printable(text: str) -> str:
    """Return a text in which every character that does not print is written as Python's escape.

    Examples
    --------
    >>> printable("sh\\x1b[2Jx"), printable("Web Content")
    ('sh\\\\x1b[2Jx', 'Web Content')
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
