"""What can go wrong, apart from a failed allocation, which is a result (`None`) and not an exception."""

__all__ = ["BuddycapError", "CorruptionError", "FormatError", "MisuseError", "PolicyError"]


class BuddycapError(Exception):
    """Base of every exception that buddycap raises by itself."""


class MisuseError(BuddycapError, ValueError):
    """A call that the allocator must refuse: double free, wrong order, foreign page, argument out of range.

    Notes
    -----
    Raised before anything changes: after it the state is what it was before the call.
    """


class CorruptionError(BuddycapError):
    """An invariant of the state does not hold.

    Parameters
    ----------
    invariant : int
        Number of the broken invariant, as `Zone.check` documents it.
    pfn : int or None
        Absolute page frame number where it shows; `None` for the zone as a whole.
    expected, found : object
        What the invariant asks for and what the state holds.

    Examples
    --------
    >>> error = CorruptionError(3, 4096, expected=10, found=9)
    >>> print(error)
    invariant 3 broken at pfn 4096: expected 10, found 9
    """

    def __init__(self, invariant: int, pfn: int | None, expected: object, found: object) -> None:
        super().__init__(invariant, pfn, expected, found)
        self.invariant = invariant
        self.pfn = pfn
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        where = "" if self.pfn is None else f" at pfn {self.pfn}"
        return f"invariant {self.invariant} broken{where}: expected {self.expected}, found {self.found}"


class FormatError(BuddycapError):
    """A file or text does not follow its format.

    Parameters
    ----------
    message : str
        What is wrong.
    file : str or None
        Path or name of the source.
    line : int or None
        Line in it, counted from 1; `None` for binary files.

    Examples
    --------
    >>> print(FormatError("12 columns expected, 11 found", "buddyinfo", 2))
    buddyinfo:2: 12 columns expected, 11 found
    """

    def __init__(self, message: str, file: str | None = None, line: int | None = None) -> None:
        super().__init__(message, file, line)
        self.message = message
        self.file = file
        self.line = line

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return f"{where}: {self.message}" if where else self.message


class PolicyError(BuddycapError):
    """A capture policy contradicts itself or breaks its contract."""
