from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

EVENT_DTYPE: np.dtype[np.void]
TRACED_DTYPE: np.dtype[np.void]
TURN_DTYPE: np.dtype[np.void]
PLAN_DTYPE: np.dtype[np.void]
EVENT_NAMES: dict[str, int]
SKIP_NAMES: tuple[str, ...]
TEXT_GROWTH: int

CAUSES: tuple[str, ...]
ODDITIES: tuple[str, ...]

class Guard:
    """Lets one caller at a time at the memory of the object that this is the base of."""

class ScannerMemory(Guard):
    """The memory of a `Scanner`, whose base this is."""

class FollowerMemory(Guard):
    """The memory of a `Follower`, whose base this is."""

class Scanner(ScannerMemory):
    """Turns the bytes of a trace into events, piece by piece; `buddycap.formats.tracetext` is its caller.

    Notes
    -----
    Holds no more than the texts of gfp flags and marks, each once, and the counts.  Does one thing at a time: other
    threads wait.
    """

    def __new__(cls) -> Scanner: ...
    def scan(
        self,
        data: bytes | memoryview,
        start: int,
        events: NDArray[np.void],
        last: bool,
        frames: NDArray[np.int64] | None = None,
    ) -> tuple[int, int]:
        """Read lines from `data[start:]` into `events` until one of them ends.

        Parameters
        ----------
        data : bytes-like
        start : int
        events : ndarray[EVENT_DTYPE], shape (n,)
            Filled from its beginning.
        last : bool
            Nothing comes behind `data`: what stands behind the last line end may be cut.
        frames : ndarray[int64], shape (m, 3), optional
            Told for each line of a stack: the event that it belongs to (its place in `events`, -1: the last of the call
            before), where the line begins in `data`, and where it ends. Reading ends when it is full, too.

        Returns
        -------
        tuple of int
            Events written; bytes of `data` that are done with, counted from its beginning.
        """
    @property
    def nr_frames(self) -> int:
        """Lines of stacks that the last `scan` has told."""
    def take_back(self) -> None:
        """The last line, which had no end, was cut after all: its event does not count, and its text, a new one, is
        forgotten.
        """
    def texts(self, first: int) -> list[bytes]:
        """The kept texts from number `first` on, as a list of bytes."""
    def counted(self) -> dict[str, int]:
        """What was read and what was skipped: a dict of int; `first_*` are line numbers."""

def decode_texts(events: NDArray[np.void], bits: NDArray[np.uint32]) -> tuple[bool, bool]:
    """Put flags in place of the numbers of their texts.

    Parameters
    ----------
    events : ndarray[EVENT_DTYPE], shape (n,)
        As `Scanner.scan` has written them; changed.
    bits : ndarray[uint32], shape (m,), 1..
        The flags of each text; the last entry is for texts that found no room.

    Returns
    -------
    tuple of bool
        Whether there are flags that are numbers, and whether there are marks.
    """

def translate_types(
    events: NDArray[np.void], types: NDArray[np.uint8], asked: Iterable[tuple[int, int, int]], last_ns: int
) -> tuple[int, int, bool]:
    """Put the one numbering of migratetypes in place of the kernel's own, and count what is strange.

    Parameters
    ----------
    events : ndarray[EVENT_DTYPE], shape (n,)
        Changed.
    types : ndarray[uint8], shape (256,)
        What each number becomes.
    asked : sequence of (mask, bits, type)
        A request of which these bits of the flags are so is of this type.
    last_ns : int
        Time of the event before.

    Returns
    -------
    tuple of int
        Events that are earlier than the one before them; requests of another type than they ask for; and 1 if one of
        the numbers was 1 or 2, else 0.
    """

class Follower(FollowerMemory):
    """Follows the events of a trace page by page.

    Parameters
    ----------
    zones : sequence of (start_pfn, spanned_pages)
        1 to 16 zones.
    max_page_order : int, 0..14
    pageblock_order : int, 0..14
    high_orders : bool
        Per-CPU lists hold orders 0 to 3 and 9, as since 5.14; else order 0 alone.

    Notes
    -----
    Does one thing at a time: other threads wait.
    """

    def __new__(
        cls,
        zones: Sequence[tuple[int, int]],
        max_page_order: int = 10,
        pageblock_order: int = 9,
        high_orders: bool = True,
    ) -> Follower: ...
    def load(self, zone: int, states: NDArray[np.uint8]) -> None:
        """Set the pages of a zone, one byte each: 0 held, 1 free, 5 absent, 0x10 held and movable, 0x20 not."""
    def guess_compaction(self, zone: int, types: NDArray[np.uint8]) -> None:
        """Guess which free pages compaction takes, for a trace without its isolation events.

        `types`: migratetypes of the pageblocks that the zone touches, from the one of its first page on.
        """
    def block_types(self, zone: int) -> NDArray[np.uint8] | None:
        """The migratetypes of a zone's pageblocks as they are now: ndarray[uint8]; None without `guess_compaction`."""
    def hints(self, events: NDArray[np.void], later: bool = True) -> NDArray[np.uint8]:
        """Look at the neighbours of every event of the whole trace: ndarray[uint8], one hint an event."""
    def follow(self, events: NDArray[np.void], hints: NDArray[np.uint8], start: int, until_ns: int) -> int:
        """Follow events from number `start` up to a time; the number of the first that is left.  Ctrl-C is obeyed."""
    def nr_free(self, zone: int) -> NDArray[np.int64]:
        """Free blocks of a zone per order: ndarray[int64]."""
    def mixed_pageblocks(self, zone: int) -> int:
        """Pageblocks of a zone that hold movable pages and others."""
    def states(self, zone: int) -> NDArray[np.uint8]:
        """The pages of a zone: ndarray[uint8], a copy."""
    def are_free(self, zone: int, pages: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Which of some pages, counted from the zone's first, are in free blocks: ndarray[uint8]."""
    def causes(self, zone: int) -> NDArray[np.uint8]:
        """What made the pages of a zone what they are, as numbers of `CAUSES`: ndarray[uint8], a copy."""
    def oddities(self) -> dict[str, int]:
        """What did not fit, counted by name: a dict of int."""

class TranslatorMemory(Guard):
    """The memory of a `Translator`, whose base this is."""

class Translator(TranslatorMemory):
    """Gives virtual pages frames, and addresses their physical ones.

    Parameters
    ----------
    frames : ndarray[int64], shape (n,)
        Frames to be handed out, in this order; read for as long as the object lives.
    shift : int, -1..n - 1
        By number: page p gets frame (p + shift) modulo n, or the next that is free.  -1: at first touch, one by one.
    page_bits : int, 6..30

    Notes
    -----
    75 bytes of memory a frame at most, and not more however long the trace is.  Does one thing at a time: other threads
    wait.
    """

    def __new__(cls, frames: NDArray[np.int64], shift: int = -1, page_bits: int = 12) -> Translator: ...
    def translate(self, addresses: NDArray[np.uint64], out: NDArray[np.uint64]) -> int:
        """Translate addresses; how many were, before memory was full.

        Parameters
        ----------
        addresses : ndarray[uint64], shape (n,)
        out : ndarray[uint64], shape (n,)
            May be the same array.
        """
    def translate_text(
        self, data: bytes | memoryview, start: int, columns: Sequence[int], out: bytearray | memoryview
    ) -> tuple[int, int, int, int]:
        """Translate the addresses in some columns of lines, up to the last line end.

        Parameters
        ----------
        data : bytes-like
        start : int
        columns : sequence of int, 1..64
        out : writable bytes-like
            With room for 22 bytes for each byte of `data`.

        Returns
        -------
        tuple of int
            Why it ended (0 all is done, 1 memory is full, 2 a line has no address where one is wanted); bytes of `data`
            that are done with, counted from its beginning; bytes written; lines read.
        """
    @property
    def mapped(self) -> int:
        """Pages that have a frame."""
    @property
    def displaced(self) -> int:
        """By number: pages whose frame another page had, so that the order of touches has decided."""

def match_requests(
    events: NDArray[np.void], zones: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.void], NDArray[np.void], list[NDArray[np.int64]], dict[str, int]]:
    """Match every allocation with what frees it.

    Parameters
    ----------
    events : ndarray[EVENT_DTYPE]
    zones : sequence of (start_pfn, spanned_pages)

    Returns
    -------
    requests : ndarray[TRACED_DTYPE]
        In the order in which the trace shows them.
    turns : ndarray[TURN_DTYPE]
        When each begins (kind 1) and ends (2), in the order of the trace; requests of before it only end.
    waiting : list of ndarray[int64]
        By zone, the PFNs of pages that were on a per-CPU list when the trace began, or had come to one without an
        event: the trace shows them first when they leave it.
    counts : dict of int
        silent, lost_frees, outside.
    """

def first_of_pages(events: NDArray[np.void], zones: Sequence[tuple[int, int]], before_ns: int) -> NDArray[np.int64]:
    """Find the first event of each block that a trace names, by its first page.

    Parameters
    ----------
    events : ndarray[EVENT_DTYPE]
    zones : sequence of (start_pfn, spanned_pages)
        Pages outside are left out.
    before_ns : int
        Only events before this moment.

    Returns
    -------
    ndarray[int64]
        Their numbers, ascending.
    """

def plan_operations(
    events: NDArray[np.void],
    hints: NDArray[np.uint8],
    zones: Sequence[tuple[int, int]],
    free: Sequence[NDArray[np.bool_]],
    types: NDArray[np.uint8],
    moves: bool,
    lists: bool,
) -> tuple[NDArray[np.void], dict[str, int]]:
    """Turn a trace into operations.

    Parameters
    ----------
    events : ndarray[EVENT_DTYPE]
    hints : ndarray[uint8]
        What `Follower.hints` says of them.
    zones : sequence of (start_pfn, spanned_pages)
    free : sequence of ndarray[bool]
        By zone, which pages are free at the start, or on per-CPU lists.
    types : ndarray[uint8], shape (256,)
        The types of the trace in the numbers of the simulated kernel.
    moves : bool
        What compaction moves is moved. Without, it stays and is only called otherwise.
    lists : bool
        Refills and drains are followed. Without, only drains are there that no free has caused.

    Returns
    -------
    operations : ndarray[PLAN_DTYPE]
        In order of `event`.
    counts : dict of int
        silent, copies, moved, outside.
    """
