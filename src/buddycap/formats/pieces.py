"""A large text, piece by piece: memory does not grow with it, whatever it claims to be."""

import io
import re
from collections.abc import Iterator
from typing import IO

__all__ = ["BegunFile", "UnquotedFile", "is_quoted", "text_lines", "whole_lines"]

PIECE_BYTES = 1 << 20
LONGEST_LINE = 1 << 15
_SAMPLE = 400  # lines that are looked at
_QUOTE = re.compile(rb"^[ \t]*(?:>[> ]*)", re.M)
_MOST_BYTES = 4 * PIECE_BYTES  # of a piece without a line end


class BegunFile(io.RawIOBase):
    """A file whose beginning was read already, so that a pipe can be looked at before it is read.

    Examples
    --------
    >>> file = BegunFile(b"be", io.BytesIO(b"gin"))
    >>> file.read(8), file.read(8), file.read(8)
    (b'be', b'gin', b'')
    """

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        super().__init__()
        self._head = head
        self._file = file

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the beginning first, however long it is."""
        if self._head:
            head, self._head = self._head, b""
            return head
        return self._file.read(size)


def is_quoted(head: bytes) -> bool:
    """Tell whether a text is quoted, as in a mail: most of its lines begin so.

    Examples
    --------
    >>> is_quoted(b"> > a\\n> b\\n"), is_quoted(b"a\\n")
    (True, False)
    """
    lines = [line for line in head.split(b"\n", _SAMPLE)[:_SAMPLE] if line.strip()]
    return 2 * sum(line.lstrip().startswith(b">") for line in lines) > len(lines)


class UnquotedFile(io.RawIOBase):
    """A file of lines without the marks of a quotation in front of them.

    Examples
    --------
    >>> UnquotedFile(io.BytesIO(b"> > a\\n>> b\\nc > d\\n")).read()
    b'a\\nb\\nc > d\\n'
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._pieces = whole_lines(file)

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next piece of whole lines, however long it is."""
        return next((_QUOTE.sub(b"", piece) for piece in self._pieces), b"")


def whole_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Cut a file into pieces of whole lines; a line that is longer than 4 MiB is cut.

    Examples
    --------
    >>> list(whole_lines(io.BytesIO(b"a\\nb")))
    [b'a\\n', b'b']
    """
    rest = b""
    while data := file.read(PIECE_BYTES):
        data = rest + data
        end = data.rfind(b"\n") + 1
        if not end and len(data) > _MOST_BYTES:
            end = len(data)
        rest = data[end:]
        if end:
            yield data[:end]
    if rest:
        yield rest


def text_lines(file: IO[bytes]) -> Iterator[str]:
    """Return the lines of a text without their ends; what is no UTF-8 is replaced, and 32 KiB of a line are kept.

    Examples
    --------
    >>> list(text_lines(io.BytesIO(b"a\\r\\n\\xff\\n")))
    ['a', '\\ufffd']
    """
    for piece in whole_lines(file):
        lines = piece.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for line in lines:
            yield line[:LONGEST_LINE].rstrip(b"\r").decode("utf-8", "replace")
