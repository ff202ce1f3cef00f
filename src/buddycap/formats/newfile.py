"""What may stand where a new file is to go."""

import errno
from pathlib import Path

__all__ = ["check_place"]


def check_place(path: str | Path) -> Path:
    """Refuse a place where a file that is written beside it cannot be moved to.

    Parameters
    ----------
    path : str or Path
        Where the file is to be when it is complete.

    Returns
    -------
    Path

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
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(path.parent))
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "no regular file, it would be replaced", str(path))
    return path
