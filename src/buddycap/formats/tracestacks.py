"""Call stacks of a trace, kept with the event that they belong to; equal stacks are kept once."""

import sys

import numpy as np
from numpy.typing import NDArray

from .stacks import frame_of

__all__ = ["StackKeeper"]

CHUNK_FRAMES = 1 << 14
MOST_STACKS = 1 << 20
MOST_FRAMES = 128
_LONGEST_FRAME = 512


class StackKeeper:
    """Collects the lines of stacks that the scanner comes by.

    Attributes
    ----------
    frames : ndarray[int64], shape (n, 3)
        What `Scanner.scan` fills.
    stacks : dict of int to tuple of str
        Functions, the innermost first, by the place of their event in the whole trace: of the first 2**20 stacks.
    left_out : int
        Stacks beyond those.
    """

    def __init__(self) -> None:
        self.frames: NDArray[np.int64] = np.empty((CHUNK_FRAMES, 3), np.int64)
        self.stacks: dict[int, tuple[str, ...]] = {}
        self.left_out = 0
        self._names: list[str] = []
        self._event = -1
        self._once: dict[tuple[str, ...], tuple[str, ...]] = {}

    def take(self, data: bytes, count: int, first: int, events: int) -> bool:
        """Take `count` lines of stacks; `first` is the place of the scanner's first event in the whole trace.

        Returns whether there was room for no more of them. What later `events` have come after is kept.
        """
        for place, start, end in self.frames[:count].tolist():
            if first + place != self._event:
                self.end()
                self._event = first + place
            line = data[start : min(end, start + _LONGEST_FRAME)]
            name = None if b"<stack trace" in line else frame_of(line.decode("utf-8", "replace"))
            if name is not None and len(self._names) < MOST_FRAMES:
                self._names.append(sys.intern(name))
        if self._event < first + events - 1:
            self.end()
        return count == len(self.frames)

    def end(self) -> None:
        """Keep the stack that has come to its end."""
        if self._names and self._event >= 0:
            if len(self.stacks) < MOST_STACKS:
                stack = tuple(self._names)
                self.stacks[self._event] = self._once.setdefault(stack, stack)
            else:
                self.left_out += 1
        self._names = []
