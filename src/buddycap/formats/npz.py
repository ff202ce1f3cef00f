"""Arrays out of `.npz` files that nobody vouches for.

`numpy.load` believes what a header says and allocates before it reads. Here the sizes in the `.npy` header, in the
zip directory and of the compressed data must agree before a byte is reserved, and whatever is wrong with the file
ends in one `FormatError`.
"""

import errno
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError

__all__ = ["NpzReader"]

_MAGIC = b"\x93NUMPY"
_CHUNK_BYTES = 1 << 20
_MAX_PADDING_BYTES = 1 << 25
_MAX_TEXT_BYTES = 1 << 24
_DEFLATE_MAX_RATIO = 1032  # what the format can reach at best; a directory entry that claims more lies
_DESCR = re.compile(r"'descr'\s*:\s*'([<>=|]?)([iu])([1248])'")
_ORDER = re.compile(r"'fortran_order'\s*:\s*(?:True|False)\b")
_SHAPE = re.compile(r"'shape'\s*:\s*\(\s*(?:(\d{1,18})\s*,?\s*)?\)")
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    LookupError,
    OverflowError,
    RuntimeError,
)


class NpzReader:
    """One-dimensional and scalar integer arrays of an `.npz` file, read one by one.

    Parameters
    ----------
    path : str or Path
        File to read.
    max_items : int
        Items of all arrays together that are accepted: what says nothing is packed to a thousandth of its size.

    Raises
    ------
    FormatError
        If the file is no zip archive of `.npy` members.
    OSError
        If it cannot be opened or read at all.

    Notes
    -----
    Members may be stored or deflated. Pickled, structured and multi-dimensional arrays are refused.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "two.npz")
    ...     np.savez_compressed(path, DMA=np.zeros(3, np.uint64), DMA_start_pfn=np.uint64(1))
    ...     with NpzReader(path) as npz:
    ...         print(npz.names, npz.array("DMA"), npz.scalar("DMA_start_pfn"))
    ('DMA', 'DMA_start_pfn') [0 0 0] 1
    """

    def __init__(self, path: str | Path, max_items: int = 1 << 26) -> None:
        self._name = str(path)
        self._items_left = max_items
        self._file = open(path, "rb")  # noqa: SIM115 - closed by close()
        try:
            with self._refused():
                self._zip = zipfile.ZipFile(self._file)
            self.names = self._member_names()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "NpzReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        self._file.close()

    def array(self, name: str, min_items: int = 0, padding: int = 0) -> NDArray[np.uint64]:
        """Read a one-dimensional array of 64-bit unsigned words, in the byte order of this machine.

        Parameters
        ----------
        name : str
        min_items : int
            An array that is shorter, by 4 Mi items at most, is made so long; others are left as they are.
        padding : int
            Value of the items behind the end.

        Raises
        ------
        FormatError
            If the array is missing, of another type or shape, larger than its data, cut or damaged.
        """
        dtype, shape, data = self._checked(name, self._items_left, 8 * min_items)
        self._items_left -= len(data) // dtype.itemsize
        if len(shape) != 1 or dtype.kind != "u" or dtype.itemsize != 8:
            raise self._error(f"{name}: one-dimensional uint64 expected, found {dtype} of shape {shape}")
        words = np.frombuffer(data, dtype=dtype)
        words[shape[0] :] = padding
        return words.astype(np.uint64, copy=False)

    def text(self, name: str) -> str:
        """Read an ASCII text kept as a one-dimensional array of bytes.

        Raises
        ------
        FormatError
            As for `array`, and if it is not ASCII, or longer than 16 MiB.
        """
        dtype, shape, data = self._checked(name, _MAX_TEXT_BYTES)
        if len(shape) != 1 or dtype.itemsize != 1 or not data.isascii():
            raise self._error(f"{name}: a row of ASCII bytes expected")
        return data.decode("ascii")

    def scalar(self, name: str) -> int:
        """Read a single integer (an array of shape `()` or `(1,)`).

        Raises
        ------
        FormatError
            As for `array`.
        """
        dtype, shape, data = self._checked(name, 1)
        if shape not in ((), (1,)):
            raise self._error(f"{name}: one number expected, found shape {shape}")
        return int(np.frombuffer(data, dtype=dtype)[0])

    def _member_names(self) -> tuple[str, ...]:
        """Return the names of the arrays in file order."""
        files = self._zip.namelist()
        if len(set(files)) != len(files):
            raise self._error("a member stands in the archive twice")
        strange = [file for file in files if not file.endswith(".npy")]
        if strange:
            raise self._error(f"member {strange[0]!r} is no .npy array")
        return tuple(file.removesuffix(".npy") for file in files)

    def _checked(
        self, name: str, most: int, min_bytes: int = 0
    ) -> tuple[np.dtype[np.integer], tuple[int, ...], bytearray]:
        """Read a member after its sizes have been compared with each other."""
        if name not in self.names:
            raise self._error(f"array {name!r} is missing")
        with self._refused():
            info = self._zip.getinfo(name + ".npy")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise self._error(f"{name}: compression method {info.compress_type} is not supported")
            if info.file_size > (info.compress_size + 1) * _DEFLATE_MAX_RATIO:
                raise self._error(f"{name}: {info.compress_size} bytes cannot hold {info.file_size}")
            with self._zip.open(info) as member:
                dtype, shape, header_bytes = self._header(name, member)
                items = shape[0] if shape else 1
                if items > most:
                    raise self._error(f"{name}: {items} items claimed, at most {most} accepted")
                if header_bytes + items * dtype.itemsize != info.file_size:
                    raise self._error(f"{name}: {items} items claimed, {info.file_size - header_bytes} bytes of data")
                return dtype, shape, self._data(name, member, items * dtype.itemsize, min_bytes)

    def _header(self, name: str, member: IO[bytes]) -> tuple[np.dtype[np.integer], tuple[int, ...], int]:
        """Parse the `.npy` header: type, shape, length. Only what numpy itself writes for integers is understood."""
        start = member.read(8)
        size_bytes = {1: 2, 2: 4, 3: 4}.get(start[6] if len(start) == 8 else 0, 0)
        if start[:6] != _MAGIC or not size_bytes:
            raise self._error(f"{name}: no .npy header")
        length = int.from_bytes(member.read(size_bytes), "little")
        text = member.read(min(length, 65536)).decode("latin-1")
        descr, order, shape = _DESCR.search(text), _ORDER.search(text), _SHAPE.search(text)
        if len(text) != length or not (descr and order and shape):
            raise self._error(f"{name}: the .npy header does not describe one row of integers")
        dtype: np.dtype[np.integer] = np.dtype("".join(descr.groups()))
        items = shape.group(1)
        return dtype, () if items is None else (int(items),), 8 + size_bytes + length

    def _data(self, name: str, member: IO[bytes], size: int, min_bytes: int) -> bytearray:
        """Read exactly `size` bytes and the end of the member, where its checksum is verified."""
        data = bytearray(max(size, min_bytes if min_bytes <= size + _MAX_PADDING_BYTES else 0))
        view = memoryview(data)
        done = 0
        while done < size:
            piece = member.read(min(_CHUNK_BYTES, size - done))
            if not piece:
                raise self._error(f"{name}: cut after {done} of {size} bytes")
            view[done : done + len(piece)] = piece
            done += len(piece)
        if member.read(1):
            raise self._error(f"{name}: more data than claimed")
        return data

    @contextmanager
    def _refused(self) -> Iterator[None]:
        """Turn every way in which the zip layer can fail over bad data into a `FormatError`."""
        try:
            yield
        except _BROKEN_ZIP as error:
            raise self._error(f"no sound .npz archive ({error})") from error
        except OSError as error:
            if error.errno not in (None, errno.EINVAL):
                raise
            raise self._error(f"no sound .npz archive ({error})") from error

    def _error(self, message: str) -> FormatError:
        return FormatError(message, file=self._name)
