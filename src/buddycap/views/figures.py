"""What all pictures of matplotlib share: the library itself, when it is there, and colours."""

import io
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import MisuseError
from ..escape import for_terminal
from ..newfile import replacing

__all__ = ["BLACK", "BLUE", "COLOURS", "ORANGE", "RED", "figure_class", "save_figure", "save_small", "verbatim"]

PNG_COLOURS = 128

# Of Okabe and Ito, which the colour-blind can tell apart.
BLACK, ORANGE, SKY, GREEN, BLUE, RED, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"
)  # fmt: skip
COLOURS = (BLACK, BLUE, ORANGE, GREEN, RED, PURPLE, SKY)


def figure_class() -> Any:
    """Return matplotlib's `Figure`, as one that a notebook shows of itself.

    Raises
    ------
    MisuseError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MisuseError("pictures need matplotlib: pip install 'buddycap[plot]'") from None
    return _shown_by_notebooks(Figure)


@cache
def _shown_by_notebooks(figure: Any) -> Any:
    """Return a class of figures that need no pyplot to be shown."""

    class Picture(figure):  # type: ignore[misc]
        def _repr_png_(self) -> bytes:
            stream = io.BytesIO()
            self.savefig(stream, dpi=110)
            return stream.getvalue()

    return Picture


def save_figure(figure: Any, path: str | Path) -> None:
    """Write a picture; the suffix of its name decides the format, PNG if there is none.

    Raises
    ------
    MisuseError
        If matplotlib knows no such format.
    OSError
        If the file cannot be written.
    """
    try:
        with replacing(path) as file:
            figure.savefig(file, dpi=110, format=Path(path).suffix.removeprefix(".") or "png")
    except ValueError as error:
        raise MisuseError(f"{path}: {error}") from None


def verbatim(name: str) -> str:
    """Return a name so that pictures show it as it is: dollars would begin a formula, a first underscore hides a curve.

    Examples
    --------
    >>> verbatim("$x$"), verbatim("_own")
    ('\\\\$x\\\\$', ' _own')
    """
    return " " * name.startswith("_") + for_terminal(name).replace("$", "\\$")


def save_small(figure: Any, path: Path) -> Path:
    """Write a picture as PNG or SVG, small, and without anything that differs from day to day; return where."""
    import matplotlib
    from PIL import Image  # comes with matplotlib

    if path.suffix == ".svg":
        with matplotlib.rc_context({"svg.hashsalt": "buddycap"}), replacing(path) as file:
            figure.savefig(file, format="svg", metadata={"Date": None})
        return path
    stream = io.BytesIO()
    figure.savefig(stream, dpi=110, metadata={"Software": None})
    with Image.open(stream) as picture:
        palette = picture.convert("RGB").quantize(PNG_COLOURS, dither=Image.Dither.NONE)
        with replacing(path) as file:
            palette.save(file, format="png", optimize=True)
    return path
