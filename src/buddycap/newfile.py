"""New files: where one may go, and how it gets there.

A file is written beside its place, under a hidden name, and moved there when it is complete.  So whatever happens (a
full disk, Ctrl-C, an exception), an older file of that name is still there, and nothing half-written stays.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from .errors import MisuseError

if TYPE_CHECKING:
    from argparse import ArgumentParser, _ArgumentGroup

__all__ = ["add_force", "check_outputs", "check_place", "replacing", "replacing_text", "write_file"]


def check_place(path: str | Path) -> Path:
    """Refuse a place where a file that is written beside it cannot be moved to.

    Parameters
    ----------
    path : str or Path
        Where the file is to be when it is complete; if a symbolic link is there, where that leads.

    Returns
    -------
    Path
        Without symbolic links.

    Raises
    ------
    OSError
        If the folder does not exist, or what is there is not a regular file: root would replace /dev/null.

    Examples
    --------
    >>> check_place("/dev/null")
    Traceback (most recent call last):
    FileExistsError: [Errno 17] no regular file, it would be replaced: '/dev/null'
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        raise FileExistsError(errno.EEXIST, "no regular file, it would be replaced", str(path))
    if not place.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(Path(path).parent))
    return place


def check_outputs(
    outputs: Iterable[str | Path], *, inputs: Iterable[str | Path | None] = (), force: bool = False
) -> None:
    """Refuse what a command must not write, before it begins to work.

    Parameters
    ----------
    outputs : iterable of path
        Every file that it will write.
    inputs : iterable of path
        Every file that it reads; None is left out.
    force : bool
        Whether files that exist may be replaced: `--force`. Never those that are read.

    Raises
    ------
    MisuseError
        If an output is an input, or exists already, or stands there twice.
    OSError
        As `check_place`.

    Examples
    --------
    >>> check_outputs(["/tmp/new.img", "/tmp/../tmp/new.img"])
    Traceback (most recent call last):
    buddycap.errors.MisuseError: /tmp/../tmp/new.img: would be written twice
    """
    read = {Path(os.path.realpath(path)) for path in inputs if path is not None}
    places: set[Path] = set()
    for output in outputs:
        place = check_place(output)
        if place in places:
            raise MisuseError(f"{output}: would be written twice")
        places.add(place)
        if not place.exists():
            continue
        if any(path.exists() and path.samefile(place) for path in read):
            raise MisuseError(f"{output}: this command reads it, and would replace it")
        if not force:
            raise MisuseError(f"{output}: exists; --force replaces it")


def add_force(parser: "ArgumentParser | _ArgumentGroup") -> None:
    """Describe the argument `--force` of a command that writes files."""
    parser.add_argument("--force", action="store_true", help="replace files that exist")


@contextmanager
def replacing(path: str | Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` when all has been written, and goes away otherwise.

    Parameters
    ----------
    path : str or Path
    private : bool
        Nobody but the owner may read it; otherwise it has the rights of the file before it, or those of a new one.

    Yields
    ------
    binary file

    Raises
    ------
    OSError
        As `check_place`, or if it cannot be written.
    """
    place = check_place(path)
    rights = stat.S_IMODE(place.stat().st_mode) if place.exists() and not private else None
    beside = place.with_name(f".{place.name}.{os.urandom(4).hex()}.new")
    try:
        with open(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666), "w+b") as file:
            if rights is not None:
                os.fchmod(file.fileno(), rights)
            yield file
        os.replace(beside, place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_text(path: str | Path) -> Iterator[TextIO]:
    """Open a text file as `replacing` does: UTF-8, lines end as they are written."""
    with replacing(path) as file, TextIOWrapper(file, encoding="utf-8", newline="") as text:
        yield text


def write_file(path: str | Path, content: bytes | str) -> None:
    """Write a whole file as `replacing` does; text becomes UTF-8.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(Path(folder, "a"), "text")
    ...     Path(folder, "a").read_bytes(), len(os.listdir(folder))
    (b'text', 1)
    """
    with replacing(path) as file:
        file.write(content if isinstance(content, bytes) else content.encode())
