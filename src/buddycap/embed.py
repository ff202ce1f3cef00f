"""What a compiler needs to build programs on buddycap: flags, header, library, pkg-config and CMake files."""

import shlex
from pathlib import Path

from .header import get_include, get_library

__all__ = ["facts"]

_SHARE = Path(__file__).parent / "share"


def facts(*, static: bool = False) -> dict[str, str]:
    """Return what the command prints, by the name of its option.

    Parameters
    ----------
    static : bool
        Of the archive, not of the shared library.

    Raises
    ------
    FileNotFoundError
        If this installation has no library.

    Examples
    --------
    >>> facts()["header"].endswith("buddycap.h")
    True
    """
    library = get_library(static=static)
    folder = Path(library).parent
    hidden = "-Wl,--exclude-libs,libbuddycap.a"  # or a shared library would export all of the archive
    libs = [library, "-Wl,--gc-sections", hidden] if static else [f"-L{folder}", f"-Wl,-rpath,{folder}", "-lbuddycap"]
    return {
        "cflags": shlex.join([f"-I{get_include()}"]),
        "libs": shlex.join(libs),
        "header": str(Path(get_include(), "buddycap.h")),
        "library": library,
        "pkg-config": str(_SHARE / "pkgconfig"),
        "cmake": str(_SHARE / "cmake"),
    }
