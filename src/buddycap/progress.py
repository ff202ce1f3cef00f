"""A progress bar with rate and time left: that of rich when it is installed, else a plain one; on terminals alone."""

import shutil
import sys
import time
from typing import Any, Self

__all__ = ["Progress"]

WIDTH = 30


class Progress:
    """A bar on standard error, drawn only if that is a terminal.

    Parameters
    ----------
    total : int
        Steps, as far as known.
    unit : str
        What a step is called.

    Examples
    --------
    >>> with Progress(2, "runs") as progress:
    ...     progress.step()
    """

    def __init__(self, total: int, unit: str) -> None:
        self.total, self.unit = total, unit
        self.done = 0
        self._shown = sys.stderr.isatty()
        self._begin = time.monotonic()
        self._rich: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if self._shown:
            try:
                from rich.console import Console
                from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
                from rich.progress import Progress as RichProgress
            except ImportError:
                return self
            self._rich = RichProgress(
                BarColumn(WIDTH),
                MofNCompleteColumn(),
                TextColumn(f"{self.unit}, {{task.fields[rate]}}/s, left"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._rich.start()
            self._task = self._rich.add_task("", total=self.total, rate="-")
        return self

    def __exit__(self, *_: object) -> None:
        if self._rich is not None:
            self._rich.stop()
        elif self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def more(self, steps: int) -> None:
        """There is more to do than was known."""
        self.total += steps

    def step(self, steps: int = 1) -> None:
        """One step is done, or several."""
        self.done += steps
        if not self._shown:
            return
        rate = self.done / max(time.monotonic() - self._begin, 1e-9)
        if self._rich is not None:
            self._rich.update(self._task, completed=self.done, total=self.total, rate=f"{rate:.1f}")
        else:
            columns = shutil.get_terminal_size().columns
            line = bar(self.done, self.total, rate, self.unit, columns - 1)
            print(f"\r{line}", end="\x1b[K", file=sys.stderr, flush=True)


def bar(done: int, total: int, rate: float, unit: str, columns: int = 79) -> str:
    """Return the plain bar, in at most as many columns: a line that wraps would stay on the screen.

    Examples
    --------
    >>> bar(5, 20, 2.0, "runs")
    '[#######.......................] 5/20 runs, 2.0/s, 0:08 left'
    >>> bar(5, 20, 2.0, "runs", 39)
    '[##.......] 5/20 runs, 2.0/s, 0:08 left'
    >>> bar(5, 20, 2.0, "runs", 16)
    '5/20 runs, 2.0/s'
    """
    left = round((total - done) / rate) if rate > 0 else 0
    text = f"{done}/{total} {unit}, {rate:.1f}/s, {left // 60}:{left % 60:02d} left"
    width = min(WIDTH, columns - len(text) - 3)
    if width < 1:
        return text[: max(columns, 0)]
    filled = width * done // max(total, 1)
    return f"[{'#' * filled}{'.' * (width - filled)}] {text}"
