"""What a name that there is not may have meant, for messages about it."""

from collections.abc import Iterable

__all__ = ["meant"]

MOST_LISTED = 16


def meant(name: str, known: Iterable[str], lister: str = "") -> str:
    """Return the end of a message about an unknown name: the nearest known ones, or where all of them are.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.
    lister : str
        Who lists all of them, said when they are more than a message should hold.

    Examples
    --------
    >>> meant("bilds", ["builds", "builds_4gib", "cpus"])
    "did you mean 'builds'?"
    >>> meant("xyz", ["none", "v3"])
    'there are none, v3'
    """
    from difflib import get_close_matches

    names = list(known)
    near = get_close_matches(name, names, n=3, cutoff=0.7)
    if near:
        return "did you mean " + " or ".join(map(repr, near)) + "?"
    if lister and len(names) > MOST_LISTED:
        return f"{lister} lists all {len(names)}"
    return "there are " + ", ".join(names)
