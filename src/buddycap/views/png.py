"""Indexed PNG files without a picture library, and letters of 5 x 7 dots for their legends."""

import struct
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from ..errors import MisuseError

__all__ = ["LETTER_HEIGHT", "LETTER_WIDTH", "draw_text", "encode_png"]

LETTER_WIDTH, LETTER_HEIGHT = 6, 9  # with the gap to the next one

# Seven rows of five dots, two digits a row; letters with a tail are moved down two rows.
_LETTERS = {
    "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010204081f", "3": "1f02040201110e", "4": "02060a121f0202",
    "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808", "8": "0e11110e11110e", "9": "0e11110f01020c",
    "A": "0e11111f111111", "B": "1e11111e11111e", "C": "0e11101010110e", "D": "1c12111111121c", "E": "1f10101e10101f",
    "F": "1f10101e101010", "G": "0e11101711110f", "H": "1111111f111111", "I": "0e04040404040e", "J": "0702020202120c",
    "K": "11121418141211", "L": "1010101010101f", "M": "111b1515111111", "N": "11111915131111", "O": "0e11111111110e",
    "P": "1e11111e101010", "Q": "0e11111115120d", "R": "1e11111e141211", "S": "0f10100e01011e", "T": "1f040404040404",
    "U": "1111111111110e", "V": "11111111110a04", "W": "1111111515150a", "X": "11110a040a1111", "Y": "1111110a040404",
    "Z": "1f01020408101f", "a": "00000e010f110f", "b": "1010161911111e", "c": "00000e1010110e", "d": "01010d1311110f",
    "e": "00000e111f100e", "f": "0609081c080808", "h": "10101619111111", "i": "04000c0404040e", "k": "10101214181412",
    "l": "0c04040404040e", "m": "00001a15151111", "n": "00001619111111", "o": "00000e1111110e", "r": "00001619101010",
    "s": "00000e100e011e", "t": "08081c08080906", "u": "0000111111130d", "v": "00001111110a04", "w": "0000111115150a",
    "x": "0000110a040a11", "z": "00001f0204081f", ",": "00000000060204", ".": "00000000000c0c", ":": "000c0c000c0c00",
    "-": "0000001f000000", "+": "0004041f040400", "/": "00010204081000", "(": "02040808080402", ")": "08040202020408",
    "%": "18190204081303", "'": "06020400000000", "_": "0000000000001f", "=": "00001f001f0000", "*": "0004150e150400",
    ";": "000c0c000c0408", "?": "0e110102040004", "!": "04040404000004", "<": "02040810080402", ">": "08040201020408",
}  # fmt: skip
_TAILS = {
    "g": "0f11110f01010e",
    "p": "1e11111e101010",
    "q": "0d13110f010101",
    "y": "11110f01010e00",
    "j": "0602020202120c",
}


@cache
def _glyphs() -> dict[str, NDArray[np.bool_]]:
    """Return the dots of every letter, shape (LETTER_HEIGHT, LETTER_WIDTH)."""
    glyphs = {}
    for table, down in ((_LETTERS, 0), (_TAILS, 2)):
        for letter, rows in table.items():
            dots = np.zeros((LETTER_HEIGHT, LETTER_WIDTH), bool)
            bits = np.unpackbits(np.frombuffer(bytes.fromhex(rows), np.uint8)[:, None], axis=1)
            dots[down : down + 7, :5] = bits[: LETTER_HEIGHT - down, 3:]
            glyphs[letter] = dots
    return glyphs


@cache
def _glyph(letter: str, scale: int) -> NDArray[np.bool_]:
    """Return the dots of a letter, each `scale` pixels wide."""
    known = _glyphs()
    if letter not in known:
        drawn = _drawn(letter, scale)
        if drawn is not None:
            return drawn
        plain = normalize("NFKD", letter)[:1]
        letter = plain if plain in known else "?"
    return known[letter].repeat(scale, axis=0).repeat(scale, axis=1)


def _drawn(letter: str, scale: int) -> NDArray[np.bool_] | None:
    """Return a letter as Pillow draws it in the same cell, with a font of matplotlib if that is there, too."""
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        return None
    size = 8 * scale
    try:
        from matplotlib import get_data_path

        font: Any = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSansMono.ttf", size)
    except (ImportError, OSError):
        font = ImageFont.load_default(size)
    cell = Image.new("L", (LETTER_WIDTH * scale, LETTER_HEIGHT * scale))
    ImageDraw.Draw(cell).text((LETTER_WIDTH * scale / 2, 7 * scale), letter, fill=255, font=font, anchor="ms")
    dots: NDArray[np.bool_] = np.asarray(cell) > 96
    return dots if dots.any() else None


def draw_text(picture: NDArray[np.uint8], x: int, y: int, text: str, colour: int, scale: int = 1) -> None:
    """Write a line of text; what does not fit into the picture is cut off.

    Parameters
    ----------
    picture : ndarray[uint8], shape (height, width)
        Numbers of colours, changed in place.
    x, y : int, pixels
        Upper left corner.
    text : str
        Letters without dots here are drawn by Pillow, if that is there; else the letter below an accent, or "?".
    colour : int
    scale : int
        Pixels a dot.

    Examples
    --------
    >>> picture = np.zeros((7, 5), np.uint8)
    >>> draw_text(picture, 0, 0, "T", 1)
    >>> print("\\n".join("".join(" #"[dot] for dot in row).rstrip() for row in picture))
    #####
      #
      #
      #
      #
      #
      #
    """
    blank = np.zeros((LETTER_HEIGHT * scale, LETTER_WIDTH * scale), bool)
    dots = np.concatenate([blank if letter == " " else _glyph(letter, scale) for letter in text] or [blank], axis=1)
    place = picture[y : y + dots.shape[0], x : x + dots.shape[1]]
    place[dots[: place.shape[0], : place.shape[1]]] = colour


def encode_png(picture: NDArray[np.uint8], palette: Sequence[str], texts: Sequence[tuple[str, str]] = ()) -> bytes:
    """Return a picture of at most 256 colours as a PNG file.

    Parameters
    ----------
    picture : ndarray[uint8], shape (height, width)
        Numbers of colours.
    palette : sequence of str
        The colours: six hexadecimal digits each.
    texts : sequence of (str, str)
        Keywords and ASCII texts to embed, such as ("Description", ...).

    Returns
    -------
    bytes

    Raises
    ------
    MisuseError
        If the picture is empty or has colours outside the palette.

    Notes
    -----
    PNG specification, third edition: IHDR, PLTE, tEXt, IDAT, IEND; no filter, because neighbours are often equal.
    """
    if picture.ndim != 2 or not picture.size or not 1 <= len(palette) <= 256 or int(picture.max()) >= len(palette):
        raise MisuseError(f"picture: shape {picture.shape} and {len(palette)} colours do not fit")
    height, width = picture.shape
    lines = np.zeros((height, width + 1), np.uint8)  # a filter byte before each line
    lines[:, 1:] = picture
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes.fromhex("".join(palette))),
        *((b"tEXt", f"{word}\0{text}".encode("ascii", "replace")) for word, text in texts),
        (b"IDAT", zlib.compress(lines.tobytes(), 6)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
