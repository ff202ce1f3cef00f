"""Addresses of a trace, translated by aged memory: every page has the frame that the allocator of an image gives it.

First touch is what a machine does: a page gets its frame when an address in it comes for the first time, so the mapping
depends on the order of the trace.  By number it does not: page p gets the free frame number (p + shift) modulo their
number, where the shift comes from the seed.  Pages that meet on one frame do depend on the order, and are counted.
examples/embedding/common/frame_map.hpp is the same for simulators.
"""

import string
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .._core import Zone
from .._trace import TEXT_GROWTH, Translator
from ..errors import FormatError, MisuseError
from ..formats.packed import damage_of, looked_through, open_packed
from ..newfile import check_outputs, replacing

__all__ = ["FORMATS", "ORDERS", "Translated", "translate_trace", "translator"]

ORDERS = ("first-touch", "by-number")
FORMATS = ("u64", "text")
PAGE_BITS = 12

_PIECE = 1 << 20  # bytes of a trace that are in memory at once
_TABLES = 64  # by number, one frame of so many is kept for page tables
_TEXT = frozenset((string.printable).encode())
_WORD = (1 << 64) - 1


def _spread(x: int) -> int:
    """Return a number of 64 bits that depends on all bits of another: splitmix64."""
    x = (x + 0x9E3779B97F4A7C15) & _WORD
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _WORD
    return x ^ (x >> 31)


def translator(zone: Zone, *, order: str = "first-touch", seed: int = 0) -> Translator:
    """Return what translates addresses with the free frames of a zone, all of which it takes.

    Parameters
    ----------
    zone : Zone
        Of either kernel. It is used up.
    order : "first-touch" or "by-number"
    seed : int, 0..2^64 - 1
        Of by-number: which frame page 0 has.

    Returns
    -------
    Translator

    Examples
    --------
    >>> addresses = np.array([0x7000123, 0x9000FFF, 0x7000456], np.uint64)
    >>> translator(Zone(0, 64, min_free_kbytes=0)).translate(addresses, addresses)
    3
    >>> [hex(address) for address in addresses]
    ['0x123', '0x1fff', '0x456']
    """
    if order not in ORDERS:
        raise MisuseError(f"order={order!r}: allowed are {' and '.join(ORDERS)}")
    if not 0 <= seed <= _WORD:
        raise MisuseError(f"seed={seed}: allowed range is 0..2^64-1")
    if order == "by-number":
        zone.alloc_many(zone.nr_free_pages // _TABLES + 1, migratetype=0)
    frames = zone.alloc_many(zone.nr_free_pages)
    frames = frames[frames >= 0]
    shift = _spread(seed) % max(len(frames), 1) if order == "by-number" else -1
    return Translator(frames, shift, PAGE_BITS)


@dataclass(frozen=True)
class Translated:
    """What came of a trace.

    Parameters
    ----------
    units : int
        Addresses, or lines of a text, that were translated.
    pages : int
        Pages that have a frame.
    displaced : int
        By number: those of them that have the frame which the order of touches gave them.
    complete : bool
        Memory was not full before the trace was over.
    """

    units: int
    pages: int
    displaced: int
    complete: bool


def translate_trace(
    trace: str | Path,
    zone: Zone,
    out: str | Path = "-",
    *,
    layout: str | None = None,
    columns: Sequence[int] = (1,),
    order: str = "first-touch",
    seed: int = 0,
    force: bool = False,
) -> Translated:
    """Translate the virtual addresses of a trace, in memory that does not grow with it.

    Parameters
    ----------
    trace : path
        A file, packed or not, or "-" for standard input.
    zone : Zone
        Whose free frames the pages get; it is used up.
    out : path
        "-": standard output.
    layout : "u64" or "text", optional
        Little-endian words of 64 bits, or lines. Default: text if the beginning is.
    columns : sequence of int, 1..64
        Of text: which words of a line are addresses, decimal or hexadecimal behind 0x; they stay that.
    order, seed : str, int
        As of `translator`.
    force : bool
        Replace a file that exists.

    Returns
    -------
    Translated

    Raises
    ------
    FormatError
        If a line has no address where one is wanted, or the trace ends inside one.
    MisuseError
        If an argument is not allowed.
    OSError
        If a file cannot be read or written.
    """
    if layout is not None and layout not in FORMATS:
        raise MisuseError(f"layout={layout!r}: allowed are {' and '.join(FORMATS)}")
    if not columns:
        raise MisuseError("columns: at least one is wanted")
    if str(out) != "-":
        check_outputs([out], inputs=[None if str(trace) == "-" else trace], force=force)
    engine = translator(zone, order=order, seed=seed)
    with _opened(trace) as source, _target(out) as sink:
        pieces = _pieces(source, str(trace))
        first = next(pieces, b"")
        text = layout == "text" or (layout is None and _TEXT.issuperset(first[:4096]))
        work = _Text(engine, columns, str(trace)) if text else _Words(engine, str(trace))
        for piece in _followed(first, pieces):
            sink.write(work.piece(piece))
            if work.full:
                break
        else:
            sink.write(work.rest())
        sink.flush()
    return Translated(work.units, engine.mapped, engine.displaced, not work.full)


def _followed(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


@contextmanager
def _opened(trace: str | Path) -> Iterator[IO[bytes]]:
    if str(trace) == "-":
        yield looked_through(sys.stdin.buffer, "standard input")
    else:
        with open_packed(trace) as file:
            yield file


@contextmanager
def _target(out: str | Path) -> Iterator[BinaryIO]:
    if str(out) == "-":
        yield sys.stdout.buffer
    else:
        with replacing(out) as file:
            yield file


def _pieces(source: IO[bytes], name: str) -> Iterator[bytes]:
    """Read a trace to its end; damage of a packed one is told with its name."""
    while True:
        try:
            piece = source.read(_PIECE)
        except Exception as error:
            damage = damage_of(error)
            if damage is None:
                raise
            raise FormatError(damage, name) from None
        if not piece:
            return
        yield piece


class _Words:
    """A trace of words of 64 bits."""

    def __init__(self, engine: Translator, name: str) -> None:
        self.engine, self.name = engine, name
        self.units, self.full, self.left = 0, False, b""
        self.out: NDArray[np.uint64] = np.empty(0, np.uint64)

    def piece(self, piece: bytes) -> memoryview:
        """Translate what has come; memory that is full ends it."""
        piece = self.left + piece if self.left else piece
        whole = len(piece) & -8
        self.left = piece[whole:]
        addresses: NDArray[np.uint64] = np.frombuffer(piece, "<u8", whole >> 3)
        if len(self.out) < len(addresses):
            self.out = np.empty(len(addresses), np.uint64)
        result = self.out[: len(addresses)]
        done = self.engine.translate(addresses, result)
        self.units += done
        self.full = done < len(addresses)
        return result[:done].data

    def rest(self) -> bytes:
        """Say what is wrong if the trace ends inside a word."""
        if self.left:
            raise FormatError(f"ends inside an address: {len(self.left)} bytes behind the last whole one", self.name)
        return b""


class _Text:
    """A trace of lines."""

    def __init__(self, engine: Translator, columns: Sequence[int], name: str) -> None:
        self.engine, self.columns, self.name = engine, tuple(columns), name
        self.units, self.full, self.left = 0, False, b""
        self.out = bytearray(0)

    def piece(self, piece: bytes) -> memoryview:
        """Translate the lines that are whole."""
        piece = self.left + piece if self.left else piece
        if len(self.out) < TEXT_GROWTH * len(piece):
            self.out = bytearray(TEXT_GROWTH * len(piece))
        status, done, written, lines = self.engine.translate_text(piece, 0, self.columns, self.out)
        self.units += lines
        self.left = piece[done:]
        self.full = status == 1
        if status == 2:
            shown = self.left.partition(b"\n")[0][:60].decode(errors="replace")
            raise FormatError(f"no address in column {self.columns[0]}: {shown!r}", self.name, self.units + 1)
        if len(self.left) > _PIECE:
            raise FormatError("a line longer than 1 MiB", self.name, self.units + 1)
        return memoryview(self.out)[:written]

    def rest(self) -> bytes:
        """Translate a last line that has no end."""
        if not self.left:
            return b""
        found = bytes(self.piece(b"\n"))
        return found.removesuffix(b"\n")
