"""Ground under the parsers of kernel texts: numbered lines, strict numbers, errors that name file and line."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ..errors import FormatError

__all__ = ["NAMELESS", "ProcLine", "ProcText", "read_text"]

# nr_indirectly_reclaimable_bytes, which Linux 4.17 and 4.18 (and stable kernels of their time) hid by printing no name.
NAMELESS = ""

_T = TypeVar("_T")
_LONG_MAX = 1 << 64


class ProcLine:
    """One line, cut at white space, that knows where it stands.

    Examples
    --------
    >>> line = ProcLine("Node 0, zone  Normal 17", "buddyinfo", 3)
    >>> line.node_zone(), line.number(line.words[4])
    ((0, 'Normal'), 17)
    >>> line.number("1_7")
    Traceback (most recent call last):
    buddycap.errors.FormatError: buddyinfo:3: a number expected, found '1_7'
    """

    def __init__(self, text: str, file: str | None, number: int) -> None:
        self.words = text.split()
        self.indent = len(text) - len(text.lstrip(" "))
        self._file = file
        self._number = number

    def error(self, message: str) -> FormatError:
        """Return (not raise) the error for this line."""
        return FormatError(message, file=self._file, line=self._number)

    def number(self, word: str, signed: bool = False) -> int:
        """Return the value of a decimal number as the kernel prints it: ASCII digits, at most 64 bits."""
        digits = word.removeprefix("-") if signed else word
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 20) or int(digits) >= _LONG_MAX:
            raise self.error(f"a number expected, found {word[:40]!r}")
        return int(word)

    def numbers(self, words: Sequence[str]) -> tuple[int, ...]:
        """Return the values of several numbers."""
        return tuple(self.number(word) for word in words)

    def node_zone(self) -> tuple[int, str]:
        """Return node and zone of a line that begins with `Node N, zone NAME`."""
        words = self.words
        if len(words) < 4 or words[0] != "Node" or words[2] != "zone" or not words[1].endswith(","):
            raise self.error("'Node N, zone NAME' expected")
        return self.number(words[1][:-1]), words[3].rstrip(",")


class ProcText:
    """The lines of a kernel text that are not blank.

    Parameters
    ----------
    text : str
        The whole text.
    file : str or None
        What to call it in errors.

    Examples
    --------
    >>> [line.words for line in ProcText("a 1\\n\\nb 2\\n")]
    [['a', '1'], ['b', '2']]
    """

    def __init__(self, text: str, file: str | None = None) -> None:
        self._text = text
        self._file = file

    def __iter__(self) -> Iterator[ProcLine]:
        for number, line in enumerate(self._text.split("\n"), start=1):
            if line and not line.isspace():
                yield ProcLine(line, self._file, number)

    def error_at_end(self, message: str) -> FormatError:
        """Return the error of a text that stops too early."""
        return FormatError(message, file=self._file, line=self._text.rstrip("\n").count("\n") + 1)


def read_text(path: str | Path, parse: Callable[[str, str], _T]) -> _T:
    """Read a file and parse it with one of the parsers of this package.

    Parameters
    ----------
    path : str or Path
        A file of /proc, or a copy of one.
    parse : callable (text, file) -> T
        For example `parse_buddyinfo`.

    Returns
    -------
    T
        What `parse` makes of it.

    Raises
    ------
    FormatError
        If the file is not ASCII, does not end with a line end (it was cut), or does not follow its format.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from buddycap.formats.procfs import parse_vmstat
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "vmstat")
    ...     _ = file.write_text("nr_free_pages 7\\npgfree 9\\n")
    ...     read_text(file, parse_vmstat)
    {'nr_free_pages': 7, 'pgfree': 9}
    """
    data = Path(path).read_bytes()
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError("not ASCII text", file=str(path), line=line) from error
    if not text.endswith("\n"):
        raise FormatError("the last line is cut", file=str(path), line=text.count("\n") + 1)
    return parse(text, str(path))
