"""Files behind compression, told by content and unpacked in pieces: memory does not grow with what they unpack to."""

import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import IO, Any

from ..errors import FormatError

__all__ = ["damage_of", "looked_through", "open_packed", "unpacked"]

# A block of zstd takes 4 bytes at least and holds 128 KiB at most; so this much unpacks to 16 MiB at the very most.
_ZSTD_BYTES = 512
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_XZ_MAGIC = b"\xfd7zXZ\x00"


def open_packed(path: str | Path) -> IO[bytes]:
    """Open a file, looking through gzip, xz or zstd (that one needs the extra `zstd`).

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    binary file
        For `read` and `close`. Closing it closes the file below. A read may give more than was asked for.

    Raises
    ------
    FormatError
        If it is compressed with zstd, and the package for that is not installed.
    OSError
        If it cannot be opened.

    Notes
    -----
    Memory: 16 MiB above what is asked for, and the window of the format, 128 MiB in zstd, whatever the data claim.
    Damage shows while reading, as one of the exceptions that `damage_of` knows.
    """
    file = open(path, "rb")  # noqa: SIM115 - closed by the reader
    try:
        return looked_through(file, str(path))
    except BaseException:
        file.close()
        raise


def looked_through(file: IO[bytes], name: str) -> IO[bytes]:
    """Look through the compression of an open file, such as standard input or a member of an archive.

    Parameters
    ----------
    file : binary file
        One that can `peek`; others are returned as they are.
    name : str
        What messages call it.

    Returns
    -------
    binary file
        As of `open_packed`.

    Raises
    ------
    FormatError
        As of `open_packed`.

    Examples
    --------
    >>> looked_through(io.BufferedReader(io.BytesIO(gzip.compress(b"text"))), "pipe").read(9)
    b'text'
    """
    magic = file.peek(6)[:6] if hasattr(file, "peek") else b""
    if magic[:2] == _GZIP_MAGIC:
        return _closing(gzip.GzipFile(fileobj=file, mode="rb"), file)
    if magic == _XZ_MAGIC:
        return _closing(lzma.LZMAFile(file), file)
    if magic[:4] == _ZSTD_MAGIC:
        try:
            import zstandard
        except ImportError:
            raise FormatError("zstd needs 'pip install buddycap[zstd]', or unpack it first", name) from None
        return _Unzstd(file, zstandard.ZstdDecompressor())  # type: ignore[return-value]
    return file


def damage_of(error: Exception) -> str | None:
    """Return in words what is wrong with compressed data; None for an exception of another kind.

    Examples
    --------
    >>> damage_of(zlib.error("invalid code")), damage_of(PermissionError(13, "Permission denied"))
    ('the compressed data is damaged or cut (invalid code)', None)
    """
    ours = isinstance(error, (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError))
    if ours or type(error).__module__.partition(".")[0] in ("zstandard", "zstd"):
        return f"the compressed data is damaged or cut ({error})"
    return None


def unpacked(path: str | Path, most: int) -> bytes:
    """Read a file that has to be in memory as a whole.

    Parameters
    ----------
    path : str or Path
    most : int, bytes
        The largest content to accept; no more than that is unpacked.

    Raises
    ------
    FormatError
        If it unpacks to more, or is damaged.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(gzip.compress(bytes(1000))), file.flush()
    ...     unpacked(file.name, 1000) == bytes(1000)
    True
    """
    pieces: list[bytes] = []
    size = 0
    with open_packed(path) as file:
        while True:
            try:
                piece = file.read(min(1 << 20, most + 1 - size))
            except Exception as error:
                damage = damage_of(error)
                if damage is None:
                    raise
                raise FormatError(damage, str(path)) from error
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise FormatError(f"it holds more than {most >> 20} MiB, the limit for such a file", str(path))


def _closing(inner: Any, file: IO[bytes]) -> IO[bytes]:
    """Let closing the decompressor close the file below it."""

    class Both(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(inner.read(size))

        def close(self) -> None:
            inner.close()
            file.close()
            super().close()

    return Both()  # type: ignore[return-value]


class _Unzstd(io.RawIOBase):
    """Frames of zstd, one after the other; one that is cut is an error, which the library's own reader does not see."""

    def __init__(self, file: IO[bytes], decompressor: Any) -> None:
        super().__init__()
        self._file = file
        self._decompressor = decompressor
        self._frame: Any = None

    def read(self, size: int = -1) -> bytes:
        """Return at least `size` bytes, unless the data ends before."""
        found, length = [], 0
        while length < size or size < 0:
            packed = self._file.read(_ZSTD_BYTES)
            if not packed:
                if self._frame is not None and not self._frame.eof:
                    raise EOFError("the last frame has no end")
                break
            while packed:
                if self._frame is None or self._frame.eof:
                    self._frame = self._decompressor.decompressobj()
                found.append(self._frame.decompress(packed))
                length += len(found[-1])
                packed = self._frame.unused_data if self._frame.eof else b""
        return b"".join(found)

    def close(self) -> None:
        """Close the file below."""
        self._file.close()
        super().close()
