"""Types of the compiled half of buddycap; tools/stub_docstrings.py copies its docstrings to here."""

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self, SupportsIndex, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .policies.capture import CapturePolicy

_C_API: Any
OP_DTYPE: np.dtype[np.void]
BLOCK_DTYPE: np.dtype[np.void]
REQUEST_DTYPE: np.dtype[np.void]
RESULT_DTYPE: np.dtype[np.void]
COST_DTYPE: np.dtype[np.void]
SERVED_DTYPE: np.dtype[np.void]
WAITS: tuple[str, ...]

_Policy: TypeAlias = CapturePolicy | str
_Wait: TypeAlias = Literal[
    "none", "congestion", "writeback", "events", "lists", "sleep", "done", "queue", "consult", "attempt", "reclaim"
]

def build_facts() -> dict[str, Any]:
    """What the module was built with.

    Returns
    -------
    dict
        compiler (name and version), flags (as setup.py gave them), optimized (whether the compiler optimized), cython.

    Examples
    --------
    >>> sorted(build_facts())
    ['compiler', 'cython', 'flags', 'optimized']
    """

def c_api_address() -> int:
    """Address of the table of C functions (`bc_api` in buddycap.h).

    Returns
    -------
    int

    Notes
    -----
    For programs that take integers, such as a simulator configured from Python. `_C_API` is the same as a capsule.

    Examples
    --------
    >>> c_api_address() != 0
    True
    """

def policy_ranges() -> dict[str, tuple[int, int] | tuple[str, ...]]:
    """What the fields of a `CapturePolicy` may be: for switches and numbers (lowest, highest), else a tuple of words.

    Returns
    -------
    dict of str to tuple
        All fields that the core reads, but `hook`.

    Examples
    --------
    >>> policy_ranges()["batch"], policy_ranges()["queue"]
    ((1, 14), ('none', 'credit', 'strict'))
    """

def kinds_of_words(words: NDArray[np.uint64], masks: Sequence[int], kinds: Sequence[int]) -> NDArray[np.uint8]:
    """What words of bits are: of the kind of the last mask all of whose bits they have, or else of the first kind.

    Parameters
    ----------
    words : ndarray[uint64], shape (n,)
    masks : sequence of int
    kinds : sequence of int, 0..255
        As many.

    Returns
    -------
    ndarray[uint8], shape (n,)

    Examples
    --------
    >>> kinds_of_words(np.array([0, 1, 2, 3, 7], np.uint64), [0, 1, 3], [9, 4, 5]).tolist()
    [9, 4, 9, 5, 5]
    """

def node_formulas(
    present: Sequence[SupportsIndex],
    highmem: Sequence[bool | int],
    ratio: Sequence[SupportsIndex],
    min_free_kbytes: SupportsIndex | None = None,
) -> dict[str, Any]:
    """Watermarks, reserves and per-CPU list sizes of a node's zones.

    Parameters
    ----------
    present : sequence of 4 int, 0..2^31, pages
    highmem : sequence of 4 bool
    ratio : sequence of 4 int
        lowmem_reserve_ratio; values below 1 count as 1.
    min_free_kbytes : int, 0..2^31 - 1, optional, KiB
        Default: from the size of the node.

    Returns
    -------
    dict
        min_free_kbytes, totalreserve_pages, and zones: for each of the four a dict with pages_min, pages_low,
        pages_high, lowmem_reserve, zone_batchsize, pcp_batch, pcp_high.

    Raises
    ------
    MisuseError
        If an argument is out of range, naming it.

    Notes
    -----
    Linux: setup_per_zone_pages_min, setup_per_zone_lowmem_reserve, calculate_totalreserve_pages, zone_batchsize
    (2.6.27).

    Examples
    --------
    >>> node_formulas((0, 0, 262144, 0), (0, 0, 0, 0), (256, 256, 32, 32))["zones"][2]["pages_min"]
    1024
    """

def set_html_view(view: Callable[[Any], str] | None) -> None:
    """Let `view(thing) -> str` make the HTML that notebooks show of a `Zone` or a `Machine`; None for none."""

class Memory:
    """A block of memory that Python objects share: views keep it alive."""

    def __new__(cls, size: SupportsIndex) -> Self: ...

class Buffer:
    """The bytes of a contiguous array, held until this object goes."""

    def __new__(cls, array: Any, writable: bool = False) -> Self: ...

class Guard:
    """Lets one caller at a time at the memory of the object that this is the base of."""

class ZoneHandle(Guard):
    """The block of memory of a `Zone`, whose base this is; it makes none by itself."""

    def __new__(cls) -> Self: ...
    def check(self) -> None:
        """Recompute every invariant from the page array upward.

        Raises
        ------
        CorruptionError
            Naming the first invariant that does not hold (core/common/check.pxi numbers them), PFN, expected, found.

        Notes
        -----
        O(spanned_pages).
        """
    def digest(self) -> str:
        """128 bits over the whole state, as 32 hexadecimal digits: equal states have equal digests everywhere.

        Notes
        -----
        O(spanned_pages).  Counters, capture lists, per-CPU lists, LRU and random numbers are included.
        """
    @property
    def present_pages(self) -> int:
        """Pages that exist: spanned less holes."""
    @property
    def spanned_pages(self) -> int:
        """Pages from the first to the last, holes included."""
    @property
    def start_pfn(self) -> int:
        """First page frame number."""
    @property
    def max_page_order(self) -> int:
        """Largest order of a block."""
    @property
    def pageblock_order(self) -> int:
        """Order of a pageblock."""
    @property
    def zone_idx(self) -> int:
        """Index of the zone in its node."""
    @property
    def cpus(self) -> int:
        """Number of per-CPU lists."""
    @property
    def pages_min(self) -> int:
        """The min watermark, in pages."""
    @property
    def pages_low(self) -> int:
        """The low watermark, in pages."""
    @property
    def pages_high(self) -> int:
        """The high watermark, in pages."""
    @property
    def min_free_kbytes(self) -> int:
        """What the watermarks follow from, in KiB."""
    @property
    def pcp_batch(self) -> int:
        """Pages moved at once between a per-CPU list and the zone."""
    @property
    def pcp_high(self) -> int:
        """Length at which a per-CPU list spills a batch."""
    @property
    def image_bytes(self) -> int:
        """Bytes of the zone's state, which is what `save` writes."""
    @property
    def address(self) -> int:
        """Address of the zone's block of memory, valid as long as the zone lives."""
    @property
    def nr_free(self) -> NDArray[np.int64]:
        """Free blocks per order: read-only view, int64, shape (max_page_order + 1,)."""
    @property
    def page_order(self) -> NDArray[np.uint8]:
        """Order byte of every page from start_pfn on: read-only view, uint8, shape (spanned_pages,).

        High nibble: 0 free head, 1 captured head, 2 and 4 allocated head, 3 on a per-CPU list; low nibble: the order
        (on a per-CPU list the type).  0xFF: inside a block.  0xFE: hole.
        """
    @property
    def page_flags(self) -> NDArray[np.uint32]:
        """Flags of every page from start_pfn on: read-only view, uint32, shape (spanned_pages,); see PageFlags.

        A captured head holds the number of its list here.
        """
    @property
    def owner(self) -> NDArray[np.uint64] | None:
        """Owner cookies from start_pfn on: read-only view, uint64, shape (spanned_pages,); None without owners."""
    @property
    def pageblock_migratetype(self) -> NDArray[np.uint8]:
        """Type of each pageblock from that of the first page to that of the last: read-only view, uint8."""
    @property
    def pageblock_index(self) -> Literal["absolute", "zone_relative"]:
        """From where pageblocks are counted: "absolute" or "zone_relative"; the same if the zone begins with one."""
    @property
    def lowmem_reserve(self) -> NDArray[np.int64]:
        """Pages kept from requests by class zone: read-only view, int64, shape (4,), in 6.1 (5,)."""
    @property
    def capsule(self) -> Any:
        """The zone for C extensions: a PyCapsule that keeps it, named "buddycap.zone", or "buddycap.zone.6.1"."""
    @property
    def ctypes(self) -> Any:
        """The zone and every C function for ctypes and numba: a namedtuple.

        Returns
        -------
        interface
            zone_address (int), zone (c_void_p), api_address (int), owner (the Zone, which it keeps), and each function
            of buddycap.h without `bc_`.

        Notes
        -----
        The addresses are valid as long as the zone lives.  See `lock` for code that runs without the GIL.

        Examples
        --------
        >>> c = Zone(0, 64, min_free_kbytes=0).ctypes
        >>> pfn = c.alloc(c.zone, 3, 2, None)
        >>> c.free(c.zone, pfn, 3, None), c.free(c.zone, pfn, 3, None)
        (0, -7)
        """
    @property
    def cffi(self) -> Any:
        """The zone for cffi: a namedtuple of zone_address, zone (`bc_zone *`), api (`bc_api *`), ffi and owner.

        Raises
        ------
        ImportError
            Without the package cffi.
        """
    @property
    def lock(self) -> ZoneLock:
        """A context manager that keeps other threads out while C code uses the zone without the GIL: a `ZoneLock`."""

@final
class ZoneLock:
    """A context manager that keeps other threads of Python out of a zone; `Zone.lock` makes one.

    Notes
    -----
    For C code that runs without the GIL: cffi, `numba.njit(nogil=True)`, a C extension.  Methods of the zone wait in
    other threads; in the thread that holds the lock they raise MisuseError.
    """

    def __new__(cls, zone: Zone | None = None) -> Self: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc_info: object) -> None: ...

class ModernZone(ZoneHandle):
    """What a `Zone` of Linux 6.1 or 6.12 can do besides; one of 2.6.27 refuses it: `Zone(..., kernel="6.1")`."""

    @property
    def kernel(self) -> str:
        """The version of Linux that the zone follows: "2.6.27", "6.1" or "6.12"."""
    @property
    def cma(self) -> bool:
        """Whether the zone is one of a kernel with CMA."""
    def rmqueue_zone(
        self,
        order: SupportsIndex,
        migratetype: SupportsIndex | None = None,
        alloc_flags: SupportsIndex = 0,
        *,
        compound: bool = False,
    ) -> int | None:
        """Allocate through the lists of the current CPU, or from the free lists.

        Parameters
        ----------
        order : int, 0..10
        migratetype : int, 0..2
            Default: MOVABLE.
        alloc_flags : int
            `AllocFlags` of 6.1; no watermark is asked.
        compound : bool
            The block becomes compound, unless it is a single page: its pages share references and marks.

        Returns
        -------
        int or None
            First PFN of the block, which has one reference; None if there is none.

        Notes
        -----
        O(order), a refill more often.  Orders 0..3 and 9 go through the lists.  Linux: rmqueue (6.1).

        Examples
        --------
        >>> zone = Zone(0, 4096, kernel="6.1")
        >>> zone.rmqueue_zone(0), zone.pcp(0)["count"]
        (0, 0)
        """
    def alloc_bulk(
        self, n: SupportsIndex, migratetype: SupportsIndex | None = None, alloc_flags: SupportsIndex = 0
    ) -> list[int]:
        """Allocate single pages from the current CPU's list alone, at once.

        Returns
        -------
        list of int
            At most n PFNs.

        Notes
        -----
        Linux: alloc_pages_bulk (6.1), as for the stacks of threads.
        """
    def free_pages(self, pfn: SupportsIndex, order: SupportsIndex) -> None:
        """Drop a reference to a block; with the last one it is freed through the lists of the current CPU.

        Raises
        ------
        MisuseError
            On a double free, a wrong order, a PFN inside a block, in a hole or outside the zone.

        Notes
        -----
        If others keep references and the block is not compound, all but its first page are freed.  Linux: __free_pages
        (6.1).
        """
    def free_list(self, pfns: ArrayLike) -> None:
        """Free single pages, in 6.12 also compound blocks, as reclaim and the ends of processes do: all or nothing.

        Notes
        -----
        O(n).  Linux: free_unref_page_list (6.1), free_unref_folios (6.12), which takes 31 at once.
        """
    def get_page(self, pfn: SupportsIndex) -> None:
        """Take one more reference to an allocated block.  Linux: get_page."""
    def references(self, pfn: SupportsIndex) -> int:
        """References to an allocated block.  Linux: page_count."""
    def join_pages(self, pfn: SupportsIndex, order: SupportsIndex) -> None:
        """Turn single allocated pages into one allocated block, for blocks whose allocation nobody saw.

        Notes
        -----
        O(2^order).  The inverse of `split_page`.
        """
    def set_lru(self, pfn: SupportsIndex, n: SupportsIndex, lru: bool = True) -> None:
        """Set or clear the LRU mark of n allocated pages: such pages can be moved.

        Notes
        -----
        O(n).  Of a compound block the mark of the first page counts for all.
        """
    @property
    def cpu(self) -> int:
        """The current CPU, whose lists allocations and frees use."""
    @cpu.setter
    def cpu(self, value: SupportsIndex) -> None: ...
    def pcp(self, cpu: SupportsIndex = 0) -> dict[str, int]:
        """The lists of a CPU in numbers: a dict of count, high, batch (pages), locked, and what steers them.

        That is free_factor in 6.1, and high_min, high_max, alloc_factor, free_count and flags in 6.12.
        """
    def pcp_blocks(self, cpu: SupportsIndex, index: SupportsIndex) -> NDArray[np.void]:
        """One list of a CPU, head first.

        Parameters
        ----------
        cpu : int
        index : int, 0..13
            3 * order + type for orders 0..3; 12 and 13 for order 9, 13 for MOVABLE.

        Returns
        -------
        structured ndarray (pfn i8, order u1, tag u1)
        """
    def lock_pcp(self, cpu: SupportsIndex, locked: bool = True) -> None:
        """Lock a CPU's lists, as when an interrupt comes inside a section that holds them: they are passed by."""
    def disable_pcp(self, disabled: bool = True) -> None:
        """Switch the per-CPU lists off and empty them, or on again.  Linux: zone_pcp_disable, zone_pcp_enable."""
    def drain_batch(self, cpu: SupportsIndex = 0) -> None:
        """Give one batch of a CPU's pages back.  Linux: drain_zone_pages."""
    def watermark_fast(
        self,
        order: SupportsIndex,
        *,
        classzone_idx: SupportsIndex = 0,
        alloc_flags: SupportsIndex = 0,
        atomic: bool = False,
    ) -> bool:
        """The watermark test of the fast path, at the mark that the flags name, boost included.

        Notes
        -----
        O(max_page_order).  Linux: zone_watermark_fast (6.1).
        """
    def balance_boost(self, pages: SupportsIndex) -> None:
        """Take pages off the boost, as kswapd does when it has balanced the zone."""
    def set_marks(
        self,
        wmark: Sequence[SupportsIndex],
        *,
        lowmem_reserve: Sequence[SupportsIndex] | None = None,
        boost: SupportsIndex | None = None,
    ) -> None:
        """Set the watermarks themselves, as a recorded machine had them.

        Parameters
        ----------
        wmark : sequence of 4 int, pages
            min, low, high, promo, ascending.
        lowmem_reserve : sequence of 5 int, optional, pages
        boost : int, optional, pages

        Notes
        -----
        Sizes of per-CPU lists stay as they are: see `set_pcp`.
        """
    @property
    def wmark(self) -> tuple[int, int, int, int]:
        """The watermarks min, low, high and promo without the boost, in pages: a tuple."""
    @property
    def boost(self) -> int:
        """Pages by which the watermarks are raised after fallbacks."""
    @property
    def boosted(self) -> bool:
        """Whether the next allocation wakes kswapd because of the boost."""
    @boosted.setter
    def boosted(self, value: bool) -> None: ...
    @property
    def reclaim_active(self) -> bool:
        """Whether kswapd is at work: then a CPU may hold no more than four batches."""
    @reclaim_active.setter
    def reclaim_active(self, value: bool) -> None: ...
    @property
    def managed_pages(self) -> int:
        """Pages that the allocator was given."""
    @managed_pages.setter
    def managed_pages(self, value: SupportsIndex) -> None: ...
    @property
    def reserved_highatomic(self) -> int:
        """Pages of pageblocks that are kept for high-order atomic requests."""
    @reserved_highatomic.setter
    def reserved_highatomic(self, value: SupportsIndex) -> None: ...
    @property
    def isolated_pageblocks(self) -> int:
        """How many pageblocks are isolated."""
    @property
    def nr_free_cma(self) -> int:
        """Free pages of CMA pageblocks; 0 in a kernel without CMA."""
    @property
    def wakeups(self) -> int:
        """How often a boosted allocation has woken kswapd."""
    @property
    def compaction(self) -> ZoneCompaction:
        """What compaction keeps about the zone, and runs of it: a `ZoneCompaction`."""
    def fragmentation(self) -> list[tuple[int, int, int]]:
        """The three measures of fragmentation for every order.

        Returns
        -------
        list of (int, int, int)
            Fragmentation index (x 1000; -1000: a block is there), external fragmentation (%), unusable free space
            (x 1000).

        Notes
        -----
        Linux: mm/vmstat.c (6.1).
        """
    def set_pcp_high_fraction(self, fraction: SupportsIndex) -> None:
        """Let each CPU hold its share of one part in `fraction` of the zone; 0: of the low mark.

        Notes
        -----
        Linux: percpu_pagelist_high_fraction.
        """
    def set_lowmem_ratio(self, zone_idx: SupportsIndex, ratio: SupportsIndex) -> None:
        """Set the lowmem_reserve_ratio of a zone; the reserves follow."""
    def set_boost_factor(self, factor: SupportsIndex) -> None:
        """Set watermark_boost_factor."""
    def unreserve_highatomic(
        self, migratetype: SupportsIndex | None = None, *, classzone_idx: SupportsIndex = 2, force: bool = False
    ) -> bool:
        """Give a pageblock kept for high-order atomic requests back to a type; whether one was found.

        Parameters
        ----------
        migratetype : int, 0..2
        classzone_idx : int
        force : bool
            The last such pageblock, too.

        Notes
        -----
        Linux: unreserve_highatomic_pageblock (6.1).
        """
    def alloc_walk(
        self,
        order: SupportsIndex,
        migratetype: SupportsIndex | None = None,
        alloc_flags: SupportsIndex = 0,
        *,
        classzone_idx: SupportsIndex = 2,
        atomic: bool = False,
    ) -> int | None:
        """Allocate if the watermarks allow it: `Node.alloc_walk` of one zone."""
    def isolate_range(self, start: SupportsIndex, end: SupportsIndex, migratetype: SupportsIndex | None = None) -> bool:
        """Put the pageblocks of PFNs [start, end) out of bounds; whether all could be, else none is.

        Notes
        -----
        O(pages).  Linux: start_isolate_page_range (6.1).
        """
    def undo_isolate_range(
        self, start: SupportsIndex, end: SupportsIndex, migratetype: SupportsIndex | None = None
    ) -> None:
        """Give the isolated pageblocks of PFNs [start, end) a type back.  Linux: undo_isolate_page_range (6.1)."""
    def is_isolated(self, start: SupportsIndex, end: SupportsIndex) -> bool:
        """Whether the pageblocks of PFNs [start, end) are isolated and all these pages are free.

        Notes
        -----
        Linux: test_pages_isolated (6.1).
        """
    def arm_capture(self, order: SupportsIndex, migratetype: SupportsIndex | None = None) -> None:
        """Wait for a free block of an order: the next free that completes one hands it over.

        Notes
        -----
        Linux: compaction_capture.  The block is no CMA one, and below the order of a pageblock no MOVABLE one; in 6.12
        a movable request takes that, too.  While it is armed, compaction for a request of a machine captures nothing.
        """
    def end_capture(self) -> int | None:
        """End the capture; the block that was captured, now allocated, or None."""
    def take_free_block(self, pfn: SupportsIndex) -> int:
        """Take the free block that starts at a page off the lists; its pages, or 0 if the watermark forbids it.

        Notes
        -----
        Linux: __isolate_free_page (6.1).
        """
    def put_free_block(self, pfn: SupportsIndex, order: SupportsIndex, migratetype: SupportsIndex) -> None:
        """Put such a block back on the lists of a type.  Linux: __putback_isolated_page (6.1)."""
    def init_cma(self, pfn: SupportsIndex) -> None:
        """A whole reserved pageblock becomes CMA and is freed.  Linux: init_cma_reserved_pageblock (6.1)."""
    def set_free_blocks(self, blocks: Iterable[tuple[int, int, int]]) -> None:
        """Allocated single pages become free blocks, each at the tail of its list: for a recorded state.

        Parameters
        ----------
        blocks : sequence of (pfn, order, migratetype)
            Each list head first.

        Notes
        -----
        O(pages).  Nothing merges.  All, or those before the first that cannot be set.
        """
    def set_pcp_blocks(self, cpu: SupportsIndex, index: SupportsIndex, blocks: Iterable[tuple[int, int]]) -> None:
        """Allocated single pages go on a CPU's list, each at the tail: for a recorded state.

        Parameters
        ----------
        cpu : int
        index : int, 0..13
            As in `pcp_blocks`; it gives the order.
        blocks : sequence of (pfn, tag)
            Head first, with the types that they are remembered with.
        """
    def set_pcp(self, cpu: SupportsIndex = 0, **sizes: SupportsIndex | None) -> None:
        """Set what steers a CPU's lists, by its names in `pcp`, as a recorded machine had it."""
    def take_events(self) -> list[tuple[Any, ...]]:
        """The events recorded since they were last taken, oldest first.

        Returns
        -------
        list of tuple
            ("zl", pfn, order, migratetype, refill) a block left the free lists; ("xf", pfn, order, from_order,
            migratetype, from_type, own) a fallback; ("dr", pfn, order, migratetype) a block left a per-CPU list;
            ("fr", pfn, order) a free; ("fb", pfn) a page of a list that is freed.

        Raises
        ------
        MisuseError
            If there was not enough room (`events=`); the records are gone then.
        """

class PlacedZone(ModernZone):
    """What a `Zone` can do with pages that are named by where they are."""

    def alloc_at(self, pfn: SupportsIndex, order: SupportsIndex = 0) -> int | None:
        """Take this block if it is free: the free block that it is a part of is split around it.

        Parameters
        ----------
        pfn : int, aligned to the order
        order : int, 0..max_page_order

        Returns
        -------
        int or None
            `pfn`; None if not all of the block is in one free block, or its pageblock is isolated. Pages on per-CPU
            and capture lists are not free.

        Raises
        ------
        MisuseError
            If there is no such block in the zone.

        Notes
        -----
        O(max_page_order).  What is left goes to the heads of the free lists of the pageblock's type, the largest piece
        first.  Linux: take_page_off_buddy and break_down_buddy_pages (6.1), for single pages; 2.6.27 has neither.

        Examples
        --------
        >>> zone = Zone(0, 64, min_free_kbytes=0)
        >>> zone.alloc_at(40, 3), zone.alloc_at(47), zone.nr_free_pages
        (40, None, 56)
        """
    def free_range(self, pfn: SupportsIndex, pages: SupportsIndex) -> None:
        """Free pages pfn .. pfn + pages - 1, all or none: blocks of whatever orders, and parts of blocks.

        Parameters
        ----------
        pfn : int
        pages : int
            Holes of the zone count, and are stepped over.

        Raises
        ------
        MisuseError
            If one of the pages is not allocated, or all of them are a hole.

        Notes
        -----
        O(pages).  A block that sticks out is split into single pages first, and those outside stay allocated.  In 6.1
        a compound block cannot be split, and everything goes straight to the free lists.  Linux: free_pages_exact,
        split_page.

        Examples
        --------
        >>> zone = Zone(0, 64, min_free_kbytes=0)
        >>> zone.free_range(zone.rmqueue(4, 2) + 3, 9)
        >>> zone.nr_free_pages
        57
        """
    def alloc_pages_exact(self, pages: SupportsIndex, migratetype: SupportsIndex = 2) -> int | None:
        """Allocate contiguous pages, of any number: a block of the next power of two, whose tail is freed again.

        Parameters
        ----------
        pages : int, 1..2^max_page_order
        migratetype : int, 0..2

        Returns
        -------
        int or None
            First PFN.  From then on these are single pages.

        Notes
        -----
        O(pages).  Linux: alloc_pages_exact (2.6.27), the tail straight to the free lists.

        Examples
        --------
        >>> zone = Zone(0, 64, min_free_kbytes=0)
        >>> zone.alloc_pages_exact(5), zone.nr_free_pages
        (0, 59)
        >>> zone.free_pages_exact(0, 5)
        """
    def free_pages_exact(self, pfn: SupportsIndex, pages: SupportsIndex) -> None:
        """`free_range` of a zone of 2.6.27, by the kernel's name."""
    def free_at(self, pfn: SupportsIndex) -> int:
        """Free the allocated block that holds a page, whatever its order; returns that."""

class NewestZone(PlacedZone):
    """What a `Zone` of Linux 6.12 can do besides; others refuse it."""

    @property
    def nr_free_highatomic(self) -> int:
        """Free pages of pageblocks that are kept for high-order atomic requests (6.12)."""
    @property
    def below_high(self) -> bool:
        """Whether some request has missed the high mark: per-CPU lists do not grow then (6.12)."""
    @below_high.setter
    def below_high(self, value: bool) -> None: ...
    def decay_pcp(self, cpu: SupportsIndex = 0) -> bool:
        """Let lists that nobody uses give a part of their pages back; whether there is more to do.

        Notes
        -----
        Linux: decay_pcp_high (6.12), once every few seconds.

        Examples
        --------
        >>> zone = Zone(0, 262144, kernel="6.12", min_free_kbytes=4096)
        >>> pfns = zone.alloc_bulk(2000)
        >>> before = zone.pcp()["high"]
        >>> zone.decay_pcp(), zone.pcp()["high"] < before
        (True, True)
        """
    def set_cache_slice(self, size: SupportsIndex) -> None:
        """Say how many bytes of the data cache each CPU has: with many, small blocks stay on its lists (6.12)."""

class RangeResult(NamedTuple):
    """What came of emptying a range of pages; it is true if that went well.

    Attributes
    ----------
    emptied : bool
    blocker : int or None
        The PFN that stands in the way; None if nothing does, or if the run was given up.
    moved : ndarray[int64], shape (n, 2)
        The PFNs of the pages and compound blocks that have moved, old and new, in the order in which they moved.
    """

    emptied: bool
    blocker: int | None
    moved: NDArray[np.int64]
    def __bool__(self) -> bool: ...

@final
class RangeRun(NodeHandle):
    """A range of pages that is being emptied: `Zone.begin_contig` and `Zone.begin_offline` give one.

    A context manager: leaving it gives up what is not done.  Nothing is done before the first step.

    Notes
    -----
    Between two steps others may work on the zone: pages that are about to move are isolated, and their owners may let
    them go (`Machine.release`, `ZoneCompaction.release`).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    @property
    def start(self) -> int:
        """First PFN."""
    @property
    def pages(self) -> int:
        """How many pages it is."""
    @property
    def done(self) -> bool:
        """Whether it is over."""
    @property
    def moved(self) -> NDArray[np.int64]:
        """What has moved so far: see `RangeResult.moved`."""
    @property
    def result(self) -> RangeResult | None:
        """What it has come to, a `RangeResult`; None while it is not over."""
    @property
    def stats(self) -> dict[str, int]:
        """What it has done so far, as a dict: pages and blocks looked at and moved, passes over the range."""
    def step(self, max_pages: SupportsIndex = 32) -> bool:
        """Go on for about max_pages pages looked at or moved, or to the end of a pass; whether it is over.

        Notes
        -----
        The first step isolates the pageblocks, all of them.
        """
    def run(self) -> RangeResult:
        """Run to the end; the result."""
    def close(self) -> None:
        """Give up: pages and pageblocks go back, and those that have moved stay where they are."""

@final
class CmaArea:
    """Pageblocks that only movable pages use, until somebody wants a part in one piece; `Machine.cma` makes one.

    Attributes
    ----------
    start, pages : int
        First PFN and size.
    used : int
        Pages that have been given out.
    refusals : int
        Places that could not be emptied.

    Examples
    --------
    >>> zone = Zone(0, 8192, kernel="6.1", cma=True)
    >>> area = Node([zone]).cma(1024)
    >>> area.start, zone.nr_free_cma
    (7168, 1024)
    >>> area.alloc(100), area.alloc(64, align=6), area.used
    (7168, 7296, 164)
    >>> area.release(7168, 100)
    >>> area.alloc(30), area.alloc(1024)
    (7168, None)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @property
    def zones(self) -> tuple[Zone, ...]: ...
    @property
    def refusals(self) -> int:
        """Places that could not be emptied."""
    @property
    def start(self) -> int:
        """First PFN."""
    @property
    def pages(self) -> int:
        """Size in pages."""
    @property
    def used(self) -> int:
        """Pages that have been given out."""
    def alloc(self, pages: SupportsIndex, align: SupportsIndex = 0) -> int | None:
        """Allocate pages in one piece, at the first place that can be emptied.

        Parameters
        ----------
        pages : int
        align : int, 0..10
            The first PFN is aligned to this order.

        Returns
        -------
        int or None
            First PFN; these are single allocated pages.

        Notes
        -----
        O(pages of the area), and what moves.  Linux: cma_alloc (6.1).
        """
    def release(self, pfn: SupportsIndex, pages: SupportsIndex) -> None:
        """Give pages back, any part of what has been given out.

        Raises
        ------
        MisuseError
            If one of them was not given out, or is not allocated any more; then none has been given back.

        Notes
        -----
        O(pages).  Linux: cma_release (6.1).
        """

class ContigZone(NewestZone):
    """What a `Zone` of Linux 6.1 or 6.12 can do with ranges of pages."""

    def begin_contig(
        self, start: SupportsIndex, n: SupportsIndex, migratetype: SupportsIndex | None = None
    ) -> RangeRun:
        """Begin to empty pages that are to be allocated, step by step: `alloc_contig` runs it to its end.

        Returns
        -------
        RangeRun
        """
    def alloc_contig(
        self, start: SupportsIndex, n: SupportsIndex, migratetype: SupportsIndex | None = None
    ) -> RangeResult:
        """Allocate these pages, whatever is in them: what can move does.

        Parameters
        ----------
        start : int
            First PFN.
        n : int
            How many pages; any number.
        migratetype : int, optional
            What the pageblocks around the range are afterwards, whatever they were, also if it fails.  Default:
            MOVABLE; CMA for ranges of CMA pageblocks.

        Returns
        -------
        RangeResult
            True: they are single allocated pages, which `free_range` frees.  False: `blocker` says which page stands in
            the way.  Either way `moved` says where pages have gone.

        Raises
        ------
        MisuseError
            If the range does not lie in the zone.

        Notes
        -----
        O(pages).  Pages can move that are on the LRU and neither pinned, locked nor under writeback.  Everything in the
        pageblocks at both ends must be free or on the LRU, too.  Linux: alloc_contig_range (6.1).

        Examples
        --------
        >>> zone = Zone(0, 4096, kernel="6.1", owners=True)
        >>> pfn = zone.alloc_at(700)
        >>> zone.set_lru(pfn, 1)
        >>> result = zone.alloc_contig(600, 300)
        >>> bool(result), result.moved.tolist()
        (True, [[700, 0]])
        >>> zone.alloc_contig(800, 300).blocker
        600
        """
    def begin_offline(self, start: SupportsIndex, n: SupportsIndex) -> RangeRun:
        """Begin to empty pageblocks that are to go away, step by step: `offline_range` runs it to its end.

        Returns
        -------
        RangeRun
        """
    def offline_range(self, start: SupportsIndex, n: SupportsIndex) -> RangeResult:
        """Take these pages away, after all that is in them has moved.

        Parameters
        ----------
        start, n : int
            First PFN and number of pages: whole pageblocks.

        Returns
        -------
        RangeResult
            True: the pages are a hole of the zone, whose marks are computed anew.  False: as for `alloc_contig`.

        Notes
        -----
        O(pages).  The marks are those of the zone alone: see `Node` and `Machine` for several.  Linux: offline_pages
        (6.1), which does not give up before it is told to, and wants whole memory blocks of 128 MiB or more.

        Examples
        --------
        >>> zone = Zone(0, 4096, kernel="6.1")
        >>> bool(zone.offline_range(1024, 1024)), zone.present_pages, zone.nr_free_pages
        (True, 3072, 3072)
        >>> zone.online_range(1024, 1024)
        >>> zone.present_pages, zone.nr_free_pages
        (4096, 4096)
        """
    def online_range(self, start: SupportsIndex, n: SupportsIndex) -> None:
        """Give whole pageblocks that are a hole to the allocator: what `offline_range` does, undone.

        Notes
        -----
        O(pages).  They are free, and MOVABLE.  Linux: online_pages (6.1).
        """

class Zone(ContigZone):
    """One zone of a node: pages that are allocated, freed and captured exactly as a version of Linux does it.

    Parameters
    ----------
    start_pfn : int, 0..2^52 - 1
        First page frame number; need not be aligned.
    spanned_pages : int, 1..2^31 - 2^19
        Pages from the first to the last, holes included.
    present_ranges : sequence of (first, end), optional
        PFN ranges, ascending, that exist; what is in no range is a hole.  Default: no holes.
    max_page_order : int, 0..14
        Largest order of a block (MAX_ORDER - 1).
    pageblock_order : int, 0..14
        Order of a pageblock, the unit that carries a migratetype.
    zone_idx : int, 0..3, since 6.1 0..4
        Index of the zone in its node.  Since 6.1 DMA, DMA32, Normal, Movable, Device: no request has zone Device.
    node_present_pages : sequence of 4 int, 0..2^31, optional, pages
        Present pages of the node's zones, for the watermarks.  Default: this zone alone.
    lowmem_reserve_ratio : sequence of 4 int, of 5 in 6.1, optional
        Default: the kernel's.
    min_free_kbytes : int, 0..2^31 - 1, optional, KiB
        Default: sqrt(16 * KiB of lowmem) within 128..65536.
    cpus : int, 1..4096
        Number of per-CPU lists.
    pcp_batch, pcp_high : int, optional, pages
        Sizes of the per-CPU lists.  Default: from the size of the zone; high is six batches.
    pageblock_index : "absolute" or "zone_relative"
        Whether pageblocks are counted from PFN 0 (SPARSEMEM) or from the start of the zone (FLATMEM).
    owners : bool
        Keep a 64-bit cookie for every page.
    pcp_bulk_cold : bool
        A refill for a cold request goes to the tail, as in the later 2.6.27 stable series.
    group_by_mobility : bool
        False: page_group_by_mobility_disabled, as on tiny machines.
    node_highmem : sequence of 4 bool
        Which zones of the node are highmem.
    populate : bool
        False: every present page starts as an allocated page instead of being freed to the zone at boot.
    seed : int, 0..2^64 - 1
        Seed of the zone's random numbers.
    kernel : "2.6.27", "6.1" or "6.12"
        Whose rules the zone follows.  A zone of 6.1 or 6.12 has orders 0..10 and pageblocks of order 9; its sizes of
        per-CPU lists follow from its marks.  What follows is for these alone.
    free_ranges : sequence of (first, end), optional
        PFN ranges, ascending, of the present pages that are given to the allocator; the others stay reserved.
        Default: all.
    watermark_scale_factor : int, 0..3000
        Least gap between marks, in ten thousandths of the zone.
    watermark_boost_factor : int, 0..2^20
    cma : bool
        A kernel with CMA.
    linked_outside : sequence of int
        PFNs just before the zone that are linked to it all the same, such as 0 to a zone that starts at 1.
    events : int, 0..2^28
        Room for so many records of events; see `take_events`.

    Raises
    ------
    MisuseError
        If an argument is out of range, naming it.
    MemoryError
        If there is not enough memory for so many pages.

    Notes
    -----
    13 bytes a page (21 with owners), in one block of memory.  A method that is in a long call without the GIL keeps
    other threads waiting at the zone: a zone does one thing at a time.

    Examples
    --------
    >>> zone = Zone(0, 64, min_free_kbytes=0)
    >>> pfn = zone.rmqueue(0, 2)
    >>> pfn, zone.free_blocks().tolist()[0]
    (0, (1, 0, 2))
    >>> zone.free_one_page(pfn, 0)
    >>> zone.free_blocks().tolist()
    [(0, 6, 2)]
    """

    def __new__(
        cls,
        start_pfn: SupportsIndex,
        spanned_pages: SupportsIndex,
        *,
        present_ranges: Sequence[tuple[SupportsIndex, SupportsIndex]] | None = None,
        max_page_order: SupportsIndex = 10,
        pageblock_order: SupportsIndex = 9,
        zone_idx: SupportsIndex = 0,
        node_present_pages: Sequence[SupportsIndex] | None = None,
        lowmem_reserve_ratio: Sequence[SupportsIndex] | None = None,
        min_free_kbytes: SupportsIndex | None = None,
        cpus: SupportsIndex = 1,
        pcp_batch: SupportsIndex | None = None,
        pcp_high: SupportsIndex | None = None,
        pageblock_index: Literal["absolute", "zone_relative"] = "absolute",
        owners: bool = False,
        pcp_bulk_cold: bool = False,
        group_by_mobility: bool = True,
        node_highmem: Sequence[bool | int] = (0, 0, 0, 0),
        populate: bool = True,
        seed: SupportsIndex = 0,
        kernel: str = "2.6.27",
        free_ranges: Sequence[tuple[SupportsIndex, SupportsIndex]] | None = None,
        watermark_scale_factor: SupportsIndex = 10,
        watermark_boost_factor: SupportsIndex = 15000,
        cma: bool = False,
        linked_outside: Sequence[SupportsIndex] = (),
        events: SupportsIndex = 0,
    ) -> Self: ...
    def __copy__(self) -> Zone: ...
    def __deepcopy__(self, memo: dict[int, Any]) -> Zone: ...
    def __reduce__(self) -> tuple[Callable[[bytes], Zone], tuple[bytes]]: ...
    def _repr_html_(self) -> str | None:
        """A small map and a table, for notebooks."""
    # allocation and free
    def rmqueue(self, order: SupportsIndex, migratetype: SupportsIndex, alloc_flags: SupportsIndex = 0) -> int | None:
        """Allocate a block of 2^order pages straight from the free lists.

        Parameters
        ----------
        order : int, 0..max_page_order
        migratetype : int, 0..2
            UNMOVABLE, RECLAIMABLE or MOVABLE, in the numbers of the zone's kernel.
        alloc_flags : int
            `AllocFlags` of 6.1; 0 in 2.6.27.

        Returns
        -------
        int or None
            First PFN of the block; None if there is none.

        Notes
        -----
        O(max_page_order), plus one pageblock when free pages change their type.  No watermark is asked: see
        `Machine.alloc_pages`.  Linux: buffered_rmqueue for order > 0, __rmqueue (2.6.27), rmqueue_buddy (6.1).
        """
    def free_one_page(self, pfn: SupportsIndex, order: SupportsIndex) -> None:
        """Free a block as it was allocated; it merges with free buddies and joins captured ones.

        Parameters
        ----------
        pfn : int
            First page of the block.
        order : int, 0..max_page_order
            Order it was allocated with.

        Raises
        ------
        MisuseError
            On a double free, a wrong order, a PFN inside a block, in a hole or outside the zone.

        Notes
        -----
        O(max_page_order).  Linux: free_one_page, __free_pages_ok (2.6.27).
        """
    def split_page(self, pfn: SupportsIndex, order: SupportsIndex) -> None:
        """Turn an allocated block into single allocated pages, which are then freed one by one.

        Notes
        -----
        O(2^order).  Linux: split_page.
        """
    def rmqueue_pcplist(self, migratetype: SupportsIndex, cold: bool = False, cpu: SupportsIndex = 0) -> int | None:
        """Allocate one page through a CPU's list.

        Parameters
        ----------
        migratetype : int, 0..2
        cold : bool
            Take from the tail, where the pages are that are not in the cache.
        cpu : int

        Returns
        -------
        int or None

        Notes
        -----
        O(length of the list) in the worst case.  If nothing on the list has the right type it is refilled and its head
        is taken, whatever its type, as 2.6.27 does.  Linux: buffered_rmqueue for order 0.
        """
    def free_hot_cold_page(self, pfn: SupportsIndex, cold: bool = False, cpu: SupportsIndex = 0) -> None:
        """Free one page to the head (hot) or tail (cold) of a CPU's list; a full list spills a batch.

        Notes
        -----
        Linux: free_hot_cold_page (2.6.27).
        """
    def drain_pages(self, cpu: SupportsIndex | None = None) -> None:
        """Give every page of a CPU's lists back to the zone.  Default: CPU 0 in 2.6.27, all of them in 6.1.

        Notes
        -----
        Linux: drain_pages, drain_all_pages.
        """
    # arrays and streams
    def alloc_many(
        self,
        n: SupportsIndex,
        order: SupportsIndex = 0,
        migratetype: SupportsIndex | None = None,
        *,
        out: NDArray[Any] | None = None,
        dtype: DTypeLike | None = None,
    ) -> NDArray[Any]:
        """Allocate n blocks: the same as n times `rmqueue`, stopping at the first failure.

        Parameters
        ----------
        n : int
        order : int, 0..max_page_order
        migratetype : int, 0..2
            Default: MOVABLE.
        out : ndarray of int64 or int32, shape (n,), optional
            Where to put the result: memory that has been used before is several times as fast as new memory.
        dtype : int64 or int32, optional
            Of a new result. int32 is half as large, for zones that end below PFN 2^31.  Default: int64.

        Returns
        -------
        ndarray, shape (n,)
            PFNs in the order obtained; -1 where there was no block left.

        Notes
        -----
        The zone keeps the memory of a result of 2^18 PFNs and more, and uses it again for the next one of that size
        once nobody has the array, or a view of it, any more.

        Examples
        --------
        >>> zone, pages = Zone(0, 4, min_free_kbytes=0), np.empty(6, np.int64)
        >>> zone.alloc_many(6, out=pages).tolist()
        [0, 1, 2, 3, -1, -1]
        >>> zone.free_many(pages[:4])
        >>> zone.alloc_many(2, dtype=np.int32)
        array([0, 1], dtype=int32)
        """
    def free_many(self, pfns: ArrayLike, order: ArrayLike = 0) -> None:
        """Free an array of blocks in order: the same as one `free_one_page` each, but all or nothing.

        Parameters
        ----------
        pfns : array_like of int, shape (n,)
        order : int or array_like of int, shape (n,)

        Raises
        ------
        MisuseError
            Naming the first offender and its index; then nothing has changed.

        Examples
        --------
        >>> zone = Zone(0, 64, min_free_kbytes=0)
        >>> zone.free_many(zone.alloc_many(64))
        >>> zone.free_many([0, 0])
        Traceback (most recent call last):
            ...
        buddycap.errors.MisuseError: pfns[0]=0: already free (order=0, the zone is 0..63)
        """
    def run(self, ops: NDArray[np.void], *, out: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Perform a stream of operations at compiled speed.

        Parameters
        ----------
        ops : structured ndarray, shape (n,), dtype `OP_DTYPE`
            op u1 (1 allocate, 2 free, 3 split, 4 free a part, 5 allocate at `pfn`), order u1, migratetype u1, flags u1
            (1 through CPU 0's list, 2 cold), arg i4, pfn i8.  `arg` of a free or split is the index of the earlier
            allocation whose block it is, with that one's order (of a failed one nothing is freed), or -1, and then
            `pfn` and `order` name the block.  A part is 2^order pages from page `pfn` of the block `arg` on; with arg
            -1 from there on, as `free_range`.
        out : ndarray of int64, shape (n,), optional
            Where to put the result: memory that has been used before is faster than new memory.

        Returns
        -------
        ndarray[int64], shape (n,)
            The PFN allocated, freed or split; -1 for none.

        Raises
        ------
        MisuseError
            At the first bad operation, naming its index.  Those before it have been performed.

        Notes
        -----
        Can be interrupted: what has been done stays done.  After a part of a block has been freed, what is left of it
        is single pages, to be freed as parts, too.  The memory of a large result is kept as that of `alloc_many` is.

        Examples
        --------
        >>> ops = np.zeros(3, OP_DTYPE)
        >>> ops["op"] = [1, 1, 2]
        >>> ops["migratetype"] = 2
        >>> Zone(0, 64, min_free_kbytes=0).run(ops).tolist()
        [0, 1, 0]
        """
    # capture, watermarks
    def capture_list(
        self, *, private: bool = False, release_order: SupportsIndex | None = None, trim: bool = False
    ) -> CaptureList:
        """Open a capture list: a context manager that gives back what is left on leaving.

        Parameters
        ----------
        private : bool
            Its blocks merge only with each other: neither with free ones nor with those of other lists.
        release_order : int, optional
            As soon as a block of at least this order stands on the list, all its other blocks go back.
        trim : bool
            And what that block has too much. Nothing merges with it any more.

        Raises
        ------
        MisuseError
            If 65535 lists are open, or an argument is out of range.
        """
    def capture_lists(self) -> list[CaptureList]:
        """Handles of the open capture lists, in order of creation: for a zone that was copied or loaded."""
    def watermark_ok(
        self,
        order: SupportsIndex,
        mark: SupportsIndex,
        *,
        classzone_idx: SupportsIndex = 0,
        alloc_flags: SupportsIndex = 0,
    ) -> bool:
        """Whether a request of `order` would leave the zone above `mark` at every order below its own.

        Parameters
        ----------
        order : int, 0..max_page_order
        mark : int, pages
        classzone_idx : int, 0..3, since 6.1 0..4
            Index of the request's preferred zone, for lowmem_reserve.
        alloc_flags : int
            In 2.6.27 HIGH (0x20) halves the mark, HARDER (0x10) takes a quarter of the rest.

        Returns
        -------
        bool

        Notes
        -----
        O(max_page_order).  In 6.1 a block of the order must be there, too.  Linux: zone_watermark_ok (2.6.27),
        __zone_watermark_ok (6.1).
        """
    def set_min_free_kbytes(self, kb: SupportsIndex, watermark_scale_factor: SupportsIndex | None = None) -> None:
        """Set new watermarks; kb is 0..2^31 - 1, an int as in the kernel.

        Parameters
        ----------
        kb : int, KiB
        watermark_scale_factor : int, 0..3000, optional
            Of 6.1.  Default: as it is.

        Notes
        -----
        In 2.6.27 the MIGRATE_RESERVE is resized to them; in 6.1 the boost ends and the per-CPU lists get new sizes.
        Linux: setup_per_zone_pages_min, setup_per_zone_wmarks.
        """
    @property
    def cpuset_allowed(self) -> bool:
        """Whether tasks with ALLOC_CPUSET may use the zone (zone_cpuset_permits)."""
    @cpuset_allowed.setter
    def cpuset_allowed(self, value: bool) -> None: ...
    # pages
    def set_owner(self, pfn: SupportsIndex, cookie: SupportsIndex) -> None:
        """Attach a 64-bit cookie to an allocated block; it is cleared when the block is freed."""
    def set_owners(self, pfns: ArrayLike, cookies: ArrayLike) -> None:
        """Attach 64-bit cookies to allocated blocks: to all, or to none.

        Parameters
        ----------
        pfns : array_like of int, shape (n,)
        cookies : array_like of int, shape (n,) or one for all, 0..2^64-1
            Cleared when the block is freed; an event that takes the page brings it back.

        Raises
        ------
        MisuseError
            Naming the first page that is not the head of an allocated block.

        Examples
        --------
        >>> zone = Zone(0, 64, min_free_kbytes=0, owners=True)
        >>> zone.set_owners(zone.alloc_many(3), [7, 8, 9])
        >>> zone.owner[:4].tolist()
        [7, 8, 9, 0]
        """
    def set_pageblock_migratetype(self, pfn: SupportsIndex, migratetype: SupportsIndex) -> None:
        """Set the type of the pageblock around a page; free pages stay on the lists they are on."""
    # what is where
    def free_blocks(
        self, order: SupportsIndex | None = None, migratetype: SupportsIndex | None = None
    ) -> NDArray[np.void]:
        """The free blocks, by order, then migratetype, each list head first.

        Returns
        -------
        structured ndarray (pfn i8, order u1, migratetype u1)
        """
    def pcp_pages(self, cpu: SupportsIndex = 0) -> NDArray[np.void]:
        """The pages on a CPU's list as a structured array (pfn i8, tag u1), head first."""
    def canonical_dump(self) -> str:
        """The whole allocator state as text, the form that recorded vectors are compared in.

        Returns
        -------
        str
            In 2.6.27 lines N, O, L, C, B and P; capture lists in order of creation, one P line per CPU.  In 6.1 lines
            Z, N, O, L, B, P, Q, W, R, A and E.
        """
    def vmstat(self) -> dict[str, int]:
        """Counters by their names in /proc/vmstat; event counters without the suffix of the zone.

        Returns
        -------
        dict of str to int
            The zone's state (nr_free_pages, the LRU lists), the kernel's events, and buddycap's own: buddy_split,
            buddy_merge, capture_*.
        """
    def bulk_work(self) -> dict[str, int]:
        """What operations on whole arrays have done since the zone was made, counted: it does not depend on time.

        Returns
        -------
        dict of str to int
            batches (of frees or captures, done whole), singles (blocks of batches done one by one), words (of 64 pages
            looked at), entries (of batches gone through again to list what is new), listed and unlisted (blocks),
            cut (free blocks that were cut up), fallbacks, counted (blocks of long lists, counted before some of them
            are cut up).  No part of the state: not in `digest`.

        Examples
        --------
        >>> zone = Zone(0, 1024, min_free_kbytes=0)
        >>> zone.free_many(zone.alloc_many(1024))
        >>> work = zone.bulk_work()
        >>> work["cut"], work["words"], work["listed"]
        (1, 16, 1)
        """
    @property
    def nr_free_pages(self) -> int:
        """Free pages (NR_FREE_PAGES): captured pages and per-CPU lists do not count."""
    # whole state
    def random(self) -> int:
        """The next number of the zone's own random stream, 0..2^64-1: it is part of the state."""
    def copy(self) -> Zone:
        """An independent zone in the same state, with the same open capture lists: see `capture_lists`.

        Notes
        -----
        O(spanned_pages).  Requests under way, and kswapd, stay with the original: nothing that they do later reaches
        the copy.  So a copy of a zone of 2.6.27 that is made in the middle of reclaim keeps for ever what is in their
        hands at that moment: pages that are ISOLATED or taken from their owners, and the pageblock that the policy
        `isolate` has put out of bounds.  Open capture lists can be closed.  In a copy of a zone of 6.1 it goes back:
        pages to the LRU, those that their owners have let go to the free lists, as the pages that compaction would have
        moved others to and a block that it has captured; only pageblocks that are isolated stay so.  Nobody bypasses
        the copy's per-CPU lists, as under `no-pcp`; in all else its digest is the original's.  To have none of this,
        copy when every request is done or closed.  `save` and pickling do the same.

        Examples
        --------
        >>> zone = Zone(0, 4096, kernel="6.1")
        >>> zone.set_lru(zone.alloc_at(700), 1)
        >>> pfn = zone.alloc_at(3000)               # its pageblock has small blocks, which pages can be moved to
        >>> run = zone.compaction.begin(-1, whole=True, stops=True)
        >>> run.step(1 << 20), zone.nr_free_pages < zone.copy().nr_free_pages
        (False, True)
        """
    def save(self, path: str | PathLike[str]) -> None:
        """Write the zone to a file, which is there when it is complete: until then an older one of that name stays.

        Raises
        ------
        OSError
            If it cannot be written, or what is there is not a regular file.

        Notes
        -----
        The file is the state itself behind a header with magic, version, sizes and hash; little-endian.
        """
    @classmethod
    def load(cls, path: str | PathLike[str]) -> Zone:
        """A zone from a file that `save` wrote; it goes on exactly where the saved one was.

        Raises
        ------
        FormatError
            If the file is no image, cut, altered, or of another version.
        OSError
            If it cannot be read.
        """

class Node(NodeHandle):
    """Zones of Linux 6.1 or 6.12 that belong together: marks follow from all of them, and a request may go to any.

    Parameters
    ----------
    zones : sequence of Zone
        Zones of one of these kernels with different indices, in ascending order of index and PFN.  No two share a
        pageblock.
    min_free_kbytes : int, optional, KiB
        Default: from the size of the node.
    watermark_scale_factor : int, 0..3000
    lowmem_reserve_ratio : sequence of 5 int, optional
        Default: as the zones were made.
    events : int, 0..2^28
        Room for so many records of events of all zones, in their order; see `take_events`.

    Raises
    ------
    MisuseError
        If the zones do not fit together, or an argument is out of range.

    Notes
    -----
    The zones stay usable by themselves.  Marks, reserves and sizes of per-CPU lists are computed anew.
    Threads may work on different zones at once; the records of events are then those of one thread at a time only if
    the program sees to it: with `events`, records of two threads may be lost or mixed.

    Examples
    --------
    >>> dma = Zone(0, 4096, kernel="6.1", zone_idx=0)
    >>> normal = Zone(4096, 8192, kernel="6.1", zone_idx=2)
    >>> node = Node([dma, normal])
    >>> pfn = node.alloc_walk(9, classzone_idx=2)
    >>> pfn, node.free_pages(pfn, 9)
    (4096, None)
    """

    def __new__(
        cls,
        zones: Iterable[Zone],
        *,
        min_free_kbytes: SupportsIndex | None = None,
        watermark_scale_factor: SupportsIndex = 10,
        lowmem_reserve_ratio: Sequence[SupportsIndex] | None = None,
        events: SupportsIndex = 0,
    ) -> Self: ...
    def zone_of(self, pfn: SupportsIndex) -> Zone:
        """The `Zone` that a page lies in."""
    def alloc_walk(
        self,
        order: SupportsIndex,
        migratetype: SupportsIndex | None = None,
        alloc_flags: SupportsIndex = 0,
        *,
        classzone_idx: SupportsIndex = 2,
        atomic: bool = False,
    ) -> int | None:
        """Allocate from the highest zone that the request may use and whose watermarks allow it.

        Parameters
        ----------
        order : int, 0..10
        migratetype : int, 0..2
            Default: MOVABLE.
        alloc_flags : int
            `AllocFlags` of 6.1: the low two bits choose the mark.
        classzone_idx : int, 0..4
            Index of the highest zone that may be used.
        atomic : bool
            GFP_ATOMIC: a single page may ignore the boost at the min mark.

        Returns
        -------
        int or None
            First PFN, or None if no zone can.

        Notes
        -----
        Linux: get_page_from_freelist (6.1), without reclaim.
        """
    def free_pages(self, pfn: SupportsIndex, order: SupportsIndex) -> None:
        """Drop a reference to a block: `Zone.free_pages`."""
    def free_one_page(self, pfn: SupportsIndex, order: SupportsIndex) -> None:
        """Free a block straight to the free lists: `Zone.free_one_page`."""
    def free_list(self, pfns: ArrayLike) -> None:
        """Free single pages of any zones as a list, in order: all or nothing.  See `Zone.free_list`."""
    def get_page(self, pfn: SupportsIndex) -> None:
        """Take one more reference: `Zone.get_page`."""
    def split_page(self, pfn: SupportsIndex, order: SupportsIndex) -> None:
        """Turn an allocated block into single pages: `Zone.split_page`."""
    def join_pages(self, pfn: SupportsIndex, order: SupportsIndex) -> None:
        """Turn single allocated pages into one block: `Zone.join_pages`."""
    def set_lru(self, pfn: SupportsIndex, n: SupportsIndex, lru: bool = True) -> None:
        """Set or clear LRU marks: `Zone.set_lru`."""
    @property
    def cpu(self) -> int:
        """The current CPU."""
    @cpu.setter
    def cpu(self, value: SupportsIndex) -> None: ...
    def drain_pages(self, cpu: SupportsIndex | None = None) -> None:
        """Give back what a CPU holds of all zones, or what all do, zone by zone."""
    def set_min_free_kbytes(self, kb: SupportsIndex, watermark_scale_factor: SupportsIndex | None = None) -> None:
        """Set new watermarks and sizes of per-CPU lists of all zones: `Zone.set_min_free_kbytes`."""
    def set_pcp_high_fraction(self, fraction: SupportsIndex) -> None:
        """Set percpu_pagelist_high_fraction: `Zone.set_pcp_high_fraction`."""
    def set_lowmem_ratio(self, zone_idx: SupportsIndex, ratio: SupportsIndex) -> None:
        """Set the lowmem_reserve_ratio of a zone: `Zone.set_lowmem_ratio`."""
    def set_boost_factor(self, factor: SupportsIndex) -> None:
        """Set watermark_boost_factor."""
    def unreserve_highatomic(
        self, migratetype: SupportsIndex | None = None, *, classzone_idx: SupportsIndex = 2, force: bool = False
    ) -> bool:
        """Give a pageblock kept for high-order atomic requests back: `Zone.unreserve_highatomic`."""
    def end_capture(self) -> int | None:
        """End the capture that is armed in one of the zones; the block, or None."""
    def take_free_block(self, pfn: SupportsIndex) -> int:
        """Take a free block off the lists: `Zone.take_free_block`."""
    def put_free_block(self, pfn: SupportsIndex, order: SupportsIndex, migratetype: SupportsIndex) -> None:
        """Put such a block back: `Zone.put_free_block`."""
    def isolate_range(self, start: SupportsIndex, end: SupportsIndex, migratetype: SupportsIndex | None = None) -> bool:
        """Put pageblocks of one zone out of bounds: `Zone.isolate_range`."""
    def undo_isolate_range(
        self, start: SupportsIndex, end: SupportsIndex, migratetype: SupportsIndex | None = None
    ) -> None:
        """Give isolated pageblocks a type back: `Zone.undo_isolate_range`."""
    def is_isolated(self, start: SupportsIndex, end: SupportsIndex) -> bool:
        """Whether a range is isolated and free: `Zone.is_isolated`."""
    def init_cma(self, pfn: SupportsIndex) -> None:
        """A reserved pageblock becomes CMA: `Zone.init_cma`."""
    def begin_contig(
        self, start: SupportsIndex, n: SupportsIndex, migratetype: SupportsIndex | None = None
    ) -> RangeRun:
        """Begin to empty pages: `Zone.begin_contig`; they may move to other zones of the node."""
    def alloc_contig(
        self, start: SupportsIndex, n: SupportsIndex, migratetype: SupportsIndex | None = None
    ) -> RangeResult:
        """Allocate these pages: `Zone.alloc_contig`; those in the way may move to other zones of the node."""
    def begin_offline(self, start: SupportsIndex, n: SupportsIndex) -> RangeRun:
        """Begin to empty pageblocks that are to go away: `Zone.begin_offline`, with the marks of all zones."""
    def offline_range(self, start: SupportsIndex, n: SupportsIndex) -> RangeResult:
        """Take pageblocks away: `Zone.offline_range`, with the marks of all zones."""
    def online_range(self, start: SupportsIndex, n: SupportsIndex) -> None:
        """Give them back: `Zone.online_range`, with the marks of all zones."""
    def cma(self, pages: SupportsIndex, *, start: SupportsIndex | None = None) -> CmaArea | None:
        """Set pageblocks aside for allocations in one piece: `Machine.cma`."""
    def compact(
        self,
        order: SupportsIndex,
        gfp: SupportsIndex | None = None,
        *,
        priority: str = "async",
        alloc_flags: SupportsIndex = 0,
        classzone_idx: SupportsIndex = 2,
        stops: bool = False,
    ) -> Compaction:
        """Compact for a request, from the highest zone down, with capture: try_to_compact_pages of 6.1.

        Parameters
        ----------
        order : int, 1..10
        gfp : int, optional
            `GFP` of 6.1, which tell the type that is wanted; default GFP_KERNEL.
        priority : {"async", "sync-light", "full"}
        alloc_flags, classzone_idx : int
            Of the request.
        stops : bool
            Stop before each attempt to move a page.

        Returns
        -------
        Compaction

        Examples
        --------
        >>> node = Node([Zone(0, 4096, kernel="6.1")])
        >>> node.compact(9).run()
        'success'
        """
    def kcompactd(self, order: SupportsIndex, *, classzone_idx: SupportsIndex = 2, stops: bool = False) -> Compaction:
        """A working round of the daemon: kcompactd_do_work of 6.1.  A `Compaction`."""
    def compact_memory(self, *, proactiveness: SupportsIndex | None = None, stops: bool = False) -> Compaction:
        """Compact all zones: by hand, or proactively down to the score of a proactiveness of 0..100.

        Notes
        -----
        Linux: compact_node (what a write to /proc/sys/vm/compact_memory does), proactive_compact_node (6.1).
        """
    def kcompactd_suitable(self, order: SupportsIndex, *, classzone_idx: SupportsIndex = 2) -> bool:
        """Whether the daemon would be woken for an order.  Linux: kcompactd_node_suitable (6.1)."""
    def fragmentation_score(self) -> int:
        """The zones' scores, weighted by their pages.  Linux: fragmentation_score_node (6.1)."""
    def should_compact_proactively(self, proactiveness: SupportsIndex) -> bool:
        """Whether proactive compaction would start.  Linux: should_proactive_compact_node (6.1)."""
    def take_events(self) -> list[tuple[Any, ...]]:
        """The events of all zones since they were last taken, in their order: see `Zone.take_events`."""
    def canonical_dump(self) -> str:
        """The state of all zones as text, as `Zone.canonical_dump`."""
    def check(self) -> None:
        """Check every zone: `Zone.check`."""

@final
class ZoneCompaction:
    """What compaction keeps about a zone of Linux 6.1 or 6.12, and questions about it; `Zone.compaction` gives one.

    Examples
    --------
    >>> zone = Zone(0, 4096, kernel="6.1")
    >>> zone.compaction.suitable(9), zone.compaction.state()["cached_free"]
    ('success', 3584)
    """

    def __new__(cls, zone: Zone) -> Self: ...
    @property
    def zone(self) -> Zone: ...
    def suitable(
        self, order: SupportsIndex, alloc_flags: SupportsIndex = 0, *, classzone_idx: SupportsIndex = 0
    ) -> str:
        """Whether compaction is worth while: "success" (there is a block), "continue" or "skipped".

        Parameters
        ----------
        order : int, 0..10
        alloc_flags : int
            `AllocFlags` of 6.1; the low two bits choose the mark.
        classzone_idx : int, 0..4

        Notes
        -----
        O(1).  Linux: compaction_suitable (6.1).
        """
    def fragmentation_index(self, order: SupportsIndex) -> int:
        """-1000 if there is a block; 0..1000 from too little memory to too fragmented.  Linux: fragmentation_index."""
    def score(self) -> int:
        """Percent of the free pages in blocks smaller than a pageblock.  Linux: fragmentation_score_zone (6.1)."""
    def deferred(self, order: SupportsIndex) -> bool:
        """Whether to leave compaction out this time; to be asked counts.  Linux: compaction_deferred."""
    def defer(self, order: SupportsIndex) -> None:
        """It has failed for an order: leave it out more often.  Linux: defer_compaction."""
    def defer_reset(self, order: SupportsIndex, success: bool) -> None:
        """It has succeeded for an order; `success`: so has the allocation.  Linux: compaction_defer_reset."""
    def reset_skip(self) -> None:
        """Clear skip bits if a direct run has met its end.  Linux: __reset_isolation_suitable (6.1)."""
    def state(self) -> dict[str, Any]:
        """The positions, as PFNs, and the counters of deferral, as a dict with the kernel's names."""
    def set_state(
        self,
        *,
        cached_migrate: Sequence[SupportsIndex] | None = None,
        cached_free: SupportsIndex | None = None,
        init_migrate: SupportsIndex | None = None,
        init_free: SupportsIndex | None = None,
        considered: SupportsIndex | None = None,
        defer_shift: SupportsIndex | None = None,
        order_failed: SupportsIndex | None = None,
        blockskip_flush: bool | None = None,
        unevictable_allowed: bool | None = None,
    ) -> None:
        """Set some of what `state` gives, as a recorded machine had it."""
    @property
    def skip(self) -> NDArray[np.bool_]:
        """Whether compaction passes each pageblock by: an array of bool, from the pageblock of the first page on."""
    @skip.setter
    def skip(self, bits: ArrayLike) -> None: ...
    def vmstat(self) -> dict[str, int]:
        """What compaction has done in the zone, by the names of /proc/vmstat."""
    def set_page_flags(self, pfn: SupportsIndex, flags: SupportsIndex) -> None:
        """Set all flags of an allocated block's first page: with LRU it is on the list that they name.

        Parameters
        ----------
        pfn : int
        flags : int
            `PageFlags`; LRU among them puts the page on the LRU.  1 << 26 marks a dirty page that cannot move before it
            has been written.
        """
    def release(self, pfn: SupportsIndex) -> None:
        """The owner lets a single page go: it is free, or as soon as whoever has isolated it lets go, too."""
    def is_promising(self, order: SupportsIndex, *, classzone_idx: SupportsIndex = 0) -> bool:
        """Whether compaction could come to something for an order, whether or not there is a block already.

        Notes
        -----
        O(1).  Linux: compaction_suitable (6.12), which asks no more.
        """
    def is_held(self, pfn: SupportsIndex) -> bool:
        """Whether somebody has isolated the allocated block that starts there."""
    def make_compound(self, pfn: SupportsIndex, order: SupportsIndex) -> None:
        """Make an allocated block compound: its pages share references and marks.

        In 6.1 it never moves; in 6.12 it moves as one if it is on the LRU and smaller than what is wanted.
        """
    def is_isolated(self, pfn: SupportsIndex) -> bool:
        """Whether somebody has isolated the single page, and its owner has not let it go."""
    def begin(
        self,
        order: SupportsIndex,
        gfp: SupportsIndex | None = None,
        *,
        mode: str = "sync-light",
        direct: bool = False,
        whole: bool = False,
        ignore_skip: bool = False,
        ignore_suitable: bool = False,
        proactive: SupportsIndex | None = None,
        alloc_flags: SupportsIndex = 0,
        classzone_idx: SupportsIndex = 0,
        capture: bool = False,
        stops: bool = False,
    ) -> Compaction:
        """Begin a run over this zone with a control structure of one's own.

        Parameters
        ----------
        order : int, -1..10
            -1: no block is wanted; the whole zone is gone through.
        gfp : int, optional
            `GFP` of the zone's kernel; default GFP_KERNEL.
        mode : {"async", "sync-light", "sync"}
        direct, whole, ignore_skip, ignore_suitable : bool
            direct_compaction, whole_zone, ignore_skip_hint and ignore_block_suitable of compact_control.
        proactive : int, optional, 0..100
            End at this fragmentation score.
        alloc_flags, classzone_idx : int
        capture : bool
            The task captures the block it completes.
        stops : bool
            Stop before each attempt to move a page.

        Returns
        -------
        Compaction
        """

@final
class Compaction(NodeHandle):
    """Compaction under way: `ZoneCompaction.begin`, `Node.compact` and its like give one.

    A context manager: leaving it gives up what is not done.  Nothing is done before the first step.

    Notes
    -----
    While it works, and only then, frees are captured if it was asked to capture; so frees by others between two steps
    are not.  `interrupt` is for those of an interrupt on top of its task.
    """

    def __init__(self) -> None: ...
    @property
    def done(self) -> bool:
        """Whether it is over."""
    @property
    def result(self) -> str:
        """What it has come to: "success", "complete", "partial", "contended", "deferred", "skipped"; or "continue"."""
    @property
    def pfn(self) -> int | None:
        """First PFN of the block captured, which is the caller's; or None."""
    @property
    def attempt(self) -> tuple[int, int | None] | None:
        """(PFN of the page that is about to be moved, PFN that it goes to), or None.

        It goes to None if its owner has let it go: it will be freed.
        """
    @property
    def stage(self) -> str | None:
        """What the attempt is: "move", in 6.12 also "unmap", which comes before, and "split"; None without one.

        A compound block that finds no target is to be split: `answer` "moves" says that it is, "ebusy" that it cannot.
        """
    @property
    def stats(self) -> dict[str, int]:
        """What the run over the last zone has looked at, where it stands, and what all runs have moved, as a dict."""
    def step(self, max_pages: SupportsIndex = 32) -> bool:
        """Go on for about max_pages pages, or until a stop.

        Parameters
        ----------
        max_pages : int
            Pages looked at or moved.

        Returns
        -------
        bool
            Whether it is over.

        Notes
        -----
        Before an attempt (see `attempt`) it stays where it is until `answer` is called.
        """
    def answer(self, outcome: str | None = None) -> None:
        """Let the attempt come to what is said: "moves", "eagain" or "ebusy"; None: what the page's flags say."""
    def run(self) -> str:
        """Run to the end; the result.  Attempts come to what the pages' flags say."""
    def interrupt(self, pfn: SupportsIndex) -> None:
        """An interrupt on top of the task frees a single page or block that nobody else holds: it may be captured."""
    def close(self) -> None:
        """Give up: what was isolated or captured goes back.  A block that was obtained stays with the caller."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

def node_formulas_61(
    managed: Sequence[SupportsIndex],
    *,
    ratio: Sequence[SupportsIndex] | None = None,
    cpus: SupportsIndex = 1,
    min_free_kbytes: SupportsIndex | None = None,
    watermark_scale_factor: SupportsIndex = 10,
    pcp_fraction: SupportsIndex = 0,
    khugepaged: bool = False,
) -> dict[str, Any]:
    """Watermarks, reserves and per-CPU list sizes of the zones of a node of Linux 6.1.

    Parameters
    ----------
    managed : sequence of 5 int, 0..2^40, pages
        Of DMA, DMA32, Normal, Movable, Device.
    ratio : sequence of 5 int, optional
        lowmem_reserve_ratio; 0 for none.
    cpus : int, 1..4096
    min_free_kbytes : int, 0..2^31 - 1, optional, KiB
        Default: from the size of the node.
    watermark_scale_factor : int, 0..3000
    pcp_fraction : int
        percpu_pagelist_high_fraction, 0: none.
    khugepaged : bool
        min_free_kbytes is raised as khugepaged does when it starts.

    Returns
    -------
    dict
        min_free_kbytes, totalreserve, and zones: for each of the five a dict with wmark (min, low, high, promo),
        lowmem_reserve, batchsize, batch and high (None in a zone without pages).

    Raises
    ------
    MisuseError
        If an argument is out of range, naming it.

    Notes
    -----
    Linux: setup_per_zone_wmarks, setup_per_zone_lowmem_reserve, calculate_totalreserve_pages, zone_batchsize,
    zone_highsize, set_recommended_min_free_kbytes (6.1).

    Examples
    --------
    >>> node_formulas_61((0, 0, 262144, 0, 0))["zones"][2]["wmark"]
    [1024, 1286, 1548, 1810]
    """

def node_formulas_612(
    managed: Sequence[SupportsIndex],
    *,
    ratio: Sequence[SupportsIndex] | None = None,
    cpus: SupportsIndex = 1,
    min_free_kbytes: SupportsIndex | None = None,
    watermark_scale_factor: SupportsIndex = 10,
    pcp_fraction: SupportsIndex = 0,
    khugepaged: bool = False,
) -> dict[str, Any]:
    """The same of Linux 6.12: see `node_formulas_61`.

    Returns
    -------
    dict
        As there, but with high_min and high_max in place of high.

    Notes
    -----
    Zone 3 (Movable) has no part in min_free_kbytes, and a min mark of its own.

    Examples
    --------
    >>> node_formulas_612((0, 0, 262144, 0, 0))["zones"][2]["high_max"]
    32768
    """

class CaptureList:
    """A private list of a reclaimer: what is freed to it coalesces there and is out of everybody's reach.

    Obtained from `Zone.capture_list`.  Used as a context manager, it gives back what is left on leaving.

    Notes
    -----
    Linux: reclaim page capture v3, patch 4/4 (A. Whitcroft, 5 September 2008).  Any number of lists may be open; pages
    that others free next to a captured block join its list, and a list can take over another's block by capturing
    its buddy.

    Examples
    --------
    >>> zone = Zone(0, 64, min_free_kbytes=0)
    >>> pages = zone.alloc_many(64)
    >>> with zone.capture_list() as capture:
    ...     for pfn in range(16):
    ...         capture.capture_one_page(pfn)
    ...     print(capture.blocks().tolist(), capture.capture_alloc_or_return(3, alloc_flags=1))
    [(0, 4)] 0
    """

    def __init__(self) -> None: ...
    @property
    def zone(self) -> Zone: ...
    @property
    def closed(self) -> bool:
        """Whether the list has been closed."""
    @property
    def stats(self) -> dict[str, int]:
        """Pages by origin since the list was opened: own, merged (were free), foreign (freed by others); and the
        largest order that stood on it.
        """
    def capture_one_page(self, pfn: SupportsIndex, order: SupportsIndex = 0) -> None:
        """Put an allocated block on the list instead of freeing it; it merges with free and captured buddies.

        Parameters
        ----------
        pfn : int
            First page of the block.
        order : int, 0..max_page_order
            Order it was allocated with.

        Raises
        ------
        MisuseError
            If (pfn, order) is not an allocated block of this list's zone, or the list is closed.

        Notes
        -----
        O(max_page_order).  No counter but NR_FREE_PAGES moves, and that only for free buddies.  A list that releases
        early gives back all other blocks when this completes one of the order it waits for. A list that is `sated`
        takes nothing more: the block is freed.
        """
    def capture_many(self, pfns: ArrayLike) -> None:
        """Capture an array of single pages, in order; the same as one call each, but all or nothing.

        Parameters
        ----------
        pfns : array_like of int, shape (n,)

        Raises
        ------
        MisuseError
            Naming the first offender and its index; then nothing has changed.
        """
    def capture_alloc_or_return(
        self,
        order: SupportsIndex,
        *,
        alloc_flags: SupportsIndex = 0,
        classzone_idx: SupportsIndex = 0,
        hold: bool = False,
    ) -> int | None:
        """Take a block of `order` from the list and give everything else back.

        Parameters
        ----------
        order : int, 0..max_page_order
        alloc_flags : int
            AllocFlags: which mark the zone must stay above (checked for order 0), HIGH, HARDER, CPUSET.
        classzone_idx : int, 0..3
            Index of the request's preferred zone, for lowmem_reserve.
        hold : bool
            A block that the watermark forbids, but not the cpuset, stays on the list, for another call.

        Returns
        -------
        int or None
            PFN of an allocated block; None if no block was large enough or the watermark forbids it.

        Notes
        -----
        First fit from the tail (the block whose last merge is oldest), cut by carve_off.  The list is empty
        afterwards, but for a block held, and can be used again.  O(blocks on the list).

        Examples
        --------
        >>> zone = Zone(0, 64, min_free_kbytes=0)
        >>> block = zone.rmqueue(5, 2)
        >>> capture = zone.capture_list()
        >>> capture.capture_one_page(block, 5)
        >>> capture.capture_alloc_or_return(4, alloc_flags=2), zone.nr_free_pages
        (0, 48)
        """
    @property
    def sated(self) -> bool:
        """Whether the block that the list waited for, or one that is held, is on it."""
    def blocks(self) -> NDArray[np.void]:
        """The captured blocks as a structured array (pfn, order), head first."""
    def close(self) -> None:
        """Give everything back and close the list.  Closing twice is harmless."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Consultation:
    """A capture list at the moment when it is consulted, as a policy's hook sees it.

    Attributes
    ----------
    order : int
        Order of the request.
    blocks : ndarray
        The captured blocks, newest first: structured array (pfn i8, order u1).
    sated : bool
        The list waits for nothing more: it was released early, or the block on it is held.
    number : int
        Consultations that this request has seen before.
    place : int
        Position of the zone among the machine's zones, lowest first.
    free_pages, pages_min : int, pages
        Of the zone; captured pages are not free.
    priority : int, 0..12
        Of the reclaim that is under way.
    reclaimed : int, pages
        By it, from this zone, at this priority.
    own, merged, foreign : int, pages
        Put on the list by its owner, free before, and freed by others, since the list was opened.
    """

    def __init__(self) -> None: ...
    @property
    def order(self) -> int:
        """Order of the request."""
    @property
    def blocks(self) -> NDArray[np.void]:
        """The captured blocks, newest first: structured array (pfn i8, order u1)."""
    @property
    def sated(self) -> bool:
        """The list waits for nothing more: it was released early, or the block on it is held."""
    @property
    def number(self) -> int:
        """Consultations that this request has seen before."""
    @property
    def place(self) -> int:
        """Position of the zone among the machine's zones, lowest first."""
    @property
    def free_pages(self) -> int:
        """Of the zone; captured pages are not free."""
    @property
    def pages_min(self) -> int:
        """Of the zone; captured pages are not free."""
    @property
    def priority(self) -> int:
        """Of the reclaim that is under way."""
    @property
    def reclaimed(self) -> int:
        """By it, from this zone, at this priority."""
    @property
    def own(self) -> int:
        """Put on the list by its owner, free before, and freed by others, since the list was opened."""
    @property
    def merged(self) -> int:
        """Put on the list by its owner, free before, and freed by others, since the list was opened."""
    @property
    def foreign(self) -> int:
        """Put on the list by its owner, free before, and freed by others, since the list was opened."""

@final
class Kcompactd:
    """kcompactd of a machine of Linux 6.1; `Machine.kcompactd` makes one."""

    def __init__(self) -> None: ...
    @property
    def machine(self) -> MachineBase: ...
    @property
    def asleep(self) -> bool:
        """Whether it sleeps until it is woken."""
    @property
    def stats(self) -> dict[str, int]:
        """Its work so far, as a dict with the counters of `Step`."""
    def wake(self, order: SupportsIndex, classzone_idx: SupportsIndex | None = None) -> None:
        """Ask for blocks of an order, as kswapd does before it sleeps: it wakes if it can do something about that.

        Parameters
        ----------
        order : int, 0..10
        classzone_idx : int, 0..4, optional
            Index of the highest zone to compact.  Default: the node's highest.
        """
    def step(self, max_pages: SupportsIndex = 32) -> Step:
        """Go on for about max_pages pages: see `AllocRequest.step`."""
    def run(self) -> None:
        """Run until it sleeps."""

@final
class Step:
    """What one step did and what must happen before the next.

    Attributes
    ----------
    wait : str
        "none" or "events" (step again at once or after others), "congestion" (at most `wait_ms` ms), "writeback"
        (until the write of `pfn` has ended), "lists" (after others: every private list of the zone is in use),
        "queue" (after others: the policy's queue), "attempt" (6.1: `AllocRequest.answer`), "reclaim" (6.1:
        `AllocRequest.reclaimed`), "sleep" (kswapd and kcompactd, until they are woken) or "done".
    wait_ms : int, ms
        Limit of a congestion wait.
    pfn : int or None
        Page that is waited for.
    scanned, looked, isolated, active, freed, captured, activated, unmapped, swapped, pageouts : int, pages
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
    slab_scanned, slab_freed : int
        Objects of the slab caches asked for; pages of them freed.
    migrated, splits, merges, waits : int
        Pages moved by compaction; halvings of blocks; unions of buddies; times it stopped for writes.
    migrate_scanned, free_scanned : int, pages
        Looked at by the two scanners of compaction. Like `migrated` 0 in 2.6.27, which has none.
    """

    @property
    def wait(self) -> _Wait:
        """ "none" or "events" (step again at once or after others), "congestion" (at most `wait_ms` ms), "writeback"
        (until the write of `pfn` has ended), "lists" (after others: every private list of the zone is in use),
        "queue" (after others: the policy's queue), "attempt" (6.1: `AllocRequest.answer`), "reclaim" (6.1:
        `AllocRequest.reclaimed`), "sleep" (kswapd and kcompactd, until they are woken) or "done".
        """
    @property
    def wait_ms(self) -> int:
        """Limit of a congestion wait."""
    @property
    def pfn(self) -> int | None:
        """Page that is waited for."""
    @property
    def scanned(self) -> int:
        """
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
        """
    @property
    def looked(self) -> int:
        """
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
        """
    @property
    def isolated(self) -> int:
        """
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
        """
    @property
    def active(self) -> int:
        """
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
        """
    @property
    def freed(self) -> int:
        """
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
        """
    @property
    def captured(self) -> int:
        """
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
        """
    @property
    def activated(self) -> int:
        """
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
        """
    @property
    def unmapped(self) -> int:
        """
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
        """
    @property
    def swapped(self) -> int:
        """
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
        """
    @property
    def pageouts(self) -> int:
        """
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
        """
    @property
    def slab_scanned(self) -> int:
        """Objects of the slab caches asked for; pages of them freed."""
    @property
    def slab_freed(self) -> int:
        """Objects of the slab caches asked for; pages of them freed."""
    @property
    def migrated(self) -> int:
        """Pages moved by compaction; halvings of blocks; unions of buddies; times it stopped for writes."""
    @property
    def splits(self) -> int:
        """Pages moved by compaction; halvings of blocks; unions of buddies; times it stopped for writes."""
    @property
    def merges(self) -> int:
        """Pages moved by compaction; halvings of blocks; unions of buddies; times it stopped for writes."""
    @property
    def waits(self) -> int:
        """Pages moved by compaction; halvings of blocks; unions of buddies; times it stopped for writes."""
    @property
    def migrate_scanned(self) -> int:
        """Looked at by the two scanners of compaction. Like `migrated` 0 in 2.6.27, which has none."""
    @property
    def free_scanned(self) -> int:
        """Looked at by the two scanners of compaction. Like `migrated` 0 in 2.6.27, which has none."""
    @property
    def done(self) -> bool:
        """Whether this was the last step."""
    def cost(self) -> dict[str, int]:
        """The work done, as a dict with all counters."""

class ZonesHandle:
    """The zones of a machine or a node, all of which are free when one works on it."""

    @property
    def zones(self) -> tuple[Zone, ...]: ...

class MachineHandle(ZonesHandle):
    """The machine of a `MachineBase`, whose base this is."""

class NodeHandle(ZonesHandle):
    """The zones of a `Node`, whose base this is."""

class ContigMachine(MachineHandle):
    """What a `Machine` of Linux 6.1 or 6.12 can do with ranges of pages; MIGRATED tells of each that moves."""

    def begin_contig(
        self, start: SupportsIndex, n: SupportsIndex, migratetype: SupportsIndex | None = None
    ) -> RangeRun:
        """Begin to empty pages: `Zone.begin_contig`; they may move to other zones, and MIGRATED tells of each."""
    def alloc_contig(
        self, start: SupportsIndex, n: SupportsIndex, migratetype: SupportsIndex | None = None
    ) -> RangeResult:
        """Allocate these pages: `Zone.alloc_contig`; those in the way may move to other zones, and MIGRATED tells it.

        Examples
        --------
        >>> from buddycap.kernels import KERNELS
        >>> machine = Machine.preset("x86_64", memory="64MiB", kernel="6.1", events=True)
        >>> pfn = machine.alloc_pages(0, KERNELS["6.1"].GFP.HIGHUSER_MOVABLE)
        >>> machine.lru_cache_add(pfn)
        >>> result = machine.alloc_contig(pfn, 16)
        >>> moved = machine.events()
        >>> moved["page"].tolist() == result.moved[0].tolist(), moved["kind"].tolist()
        (True, [11, 12])
        """
    def begin_offline(self, start: SupportsIndex, n: SupportsIndex) -> RangeRun:
        """Begin to empty pageblocks that are to go away: `Zone.begin_offline`, with the marks of all zones."""
    def offline_range(self, start: SupportsIndex, n: SupportsIndex) -> RangeResult:
        """Take pageblocks away: `Zone.offline_range`, with the marks of all zones."""
    def online_range(self, start: SupportsIndex, n: SupportsIndex) -> None:
        """Give them back: `Zone.online_range`, with the marks of all zones."""
    def cma(self, pages: SupportsIndex, *, start: SupportsIndex | None = None) -> CmaArea | None:
        """Set pageblocks aside that serve movable pages until somebody wants a part of them in one piece.

        Parameters
        ----------
        pages : int
            Whole pageblocks.
        start : int, optional
            First PFN, aligned to a pageblock.  Default: the highest place up to zone Normal that can be emptied.

        Returns
        -------
        CmaArea or None
            None if the place cannot be emptied.

        Raises
        ------
        MisuseError
            If the zones were made without `cma=True`.

        Notes
        -----
        Linux: cma_declare_contiguous, cma_activate_area (6.1), which do this at boot.  There is no way back, as there.

        Examples
        --------
        >>> machine = Machine.preset("x86_64", memory="64MiB", kernel="6.1", cma=True)
        >>> area = machine.cma(4096)
        >>> area.start, machine.zones[1].nr_free_cma
        (12288, 4096)
        """

class MachineBase(ContigMachine):
    """The compiled half of `buddycap.Machine`, which documents the parameters."""

    def __init__(
        self,
        zones: Sequence[Zone],
        *,
        gfp_zones: Sequence[SupportsIndex],
        find_policy: Callable[[Any], CapturePolicy],
        policy: _Policy,
        swap_pages: int,
        swappiness: SupportsIndex,
        oom_rounds: SupportsIndex,
        writeback_limit: SupportsIndex,
        slab_objects_per_page: SupportsIndex,
        laptop_mode: bool,
        events: bool,
        driver_reclaims: bool = False,
    ) -> None: ...
    def _repr_html_(self) -> str | None:
        """A small map and a table, for notebooks."""
    def alloc_pages(
        self,
        order: SupportsIndex,
        gfp: SupportsIndex,
        *,
        policy: _Policy | None = None,
        cpu: SupportsIndex = 0,
        memalloc: bool = False,
        realtime: bool = False,
    ) -> int | None:
        """Allocate a block, reclaiming if that is what it takes; every wait is served at once.

        Parameters
        ----------
        order : int, 0..max_page_order
        gfp : int
            GFP bits.
        policy : CapturePolicy or str, optional
            Capture policy of this request; the machine's if not given.
        cpu : int
            CPU that the task runs on.
        memalloc, realtime : bool
            The task has PF_MEMALLOC (it is reclaiming itself), or is a real-time task.

        Returns
        -------
        int or None
            First PFN of the block.

        Raises
        ------
        MisuseError
            If an argument is out of range, or the policy has a queue and a request that is run step by step leads it.

        Notes
        -----
        kswapd is woken but does not run by itself: see `kswapd`. Linux: __alloc_pages_internal (2.6.27).
        """
    def run(self, ops: NDArray[np.void], *, policy: _Policy | None = None) -> tuple[NDArray[np.void], NDArray[np.void]]:
        """Perform a stream of requests at compiled speed: the same as single calls in the same order.

        Parameters
        ----------
        ops : structured ndarray, shape (n,), dtype `REQUEST_DTYPE`
            Fields op u1 (a `RequestOp`), order u1, cpu u2, gfp u4, arg i4, flags u4, pfn i8.  `arg` is the index of the
            earlier allocation whose block the operation is about, or -1, and then `pfn` and, for a free, `order` name
            it.  `flags` are those of `lru_cache_add`, `slab_add` and `set_page_flags`; of an allocation: 1 memalloc,
            2 realtime.
        policy : CapturePolicy or str, optional
            Capture policy of the requests; the machine's if not given.

        Returns
        -------
        results : structured ndarray, shape (n,), dtype `RESULT_DTYPE`
            pfn i8 (the block obtained or acted upon; -1: none), cost i4 (row in `costs`, or -1), zone i1 (position in
            `zones`, or -1), path u1 (a `RequestPath`), freed u1 (a later operation has freed the block).
        costs : structured ndarray, dtype `COST_DTYPE`
            One row for each allocation that reclaimed and each run of kswapd: op, the counters of `Step`, and what
            `AllocRequest.stats` says of reclaim and capture.

        Raises
        ------
        MisuseError
            At the first bad operation, naming its index.  Those before it have been performed.

        Notes
        -----
        An operation about an allocation that failed, or whose page reclaim has taken meanwhile, does nothing and has
        PFN -1.  Waits are served at once, as `alloc_pages` does.  Can be interrupted: what has been done stays done.
        Needs 4 bytes a page for the time of the call.

        Examples
        --------
        >>> machine = Machine.preset("x86_64", memory="64MiB")
        >>> ops = np.zeros(3, REQUEST_DTYPE)
        >>> ops["op"] = RequestOp.ALLOC, RequestOp.FREE, RequestOp.ALLOC
        >>> ops["order"], ops["gfp"], ops["arg"] = 9, GFP.HIGHUSER_MOVABLE, [-1, 0, -1]
        >>> results, costs = machine.run(ops)
        >>> results["pfn"].tolist(), results["path"].tolist(), len(costs)
        ([15360, 15360, 15360], [1, 0, 1], 0)
        """
    def free_pages(self, pfn: SupportsIndex, order: SupportsIndex, *, cpu: SupportsIndex = 0) -> None:
        """Free a block as it was allocated.

        Parameters
        ----------
        pfn : int
        order : int
        cpu : int
            CPU whose list a single page goes to.

        Raises
        ------
        MisuseError
            If that is not an allocated block, or a page on the LRU: see `release`.
        """
    def request(
        self,
        order: SupportsIndex,
        gfp: SupportsIndex,
        *,
        policy: _Policy | None = None,
        cpu: SupportsIndex = 0,
        memalloc: bool = False,
        realtime: bool = False,
        stops: bool = False,
    ) -> AllocRequest:
        """Begin an allocation that is run step by step.

        Parameters
        ----------
        order, gfp, policy, cpu, memalloc, realtime
            As for `alloc_pages`.
        stops : bool
            Of 6.1: its compaction stops before each attempt to move a page; see `AllocRequest.attempted`.

        Returns
        -------
        AllocRequest
        """
    @property
    def kernel(self) -> str:
        """The version of Linux that the machine follows: "2.6.27", "6.1" or "6.12"."""
    @property
    def address(self) -> int:
        """Address of the machine for C functions (`bc_machine *`), valid as long as the machine lives.

        Events that C code drains are not seen here: end the writes that it has drained in C, too.
        """
    @property
    def kswapd(self) -> Kswapd:
        """kswapd of this machine: a `Kswapd`."""
    @property
    def kcompactd(self) -> Kcompactd:
        """kcompactd of a machine of 6.1: a `Kcompactd`."""
    def zone_state(self, place: SupportsIndex) -> dict[str, Any]:
        """The numbers of one zone, by position in `zones`, as a dict.

        free, min, low, high, scanned, spanned, present, protection, nr_lru (inactive and active anon, inactive and
        active file, unevictable, slab), nr_scan, recent_scanned and recent_rotated (anon, file), pagesets (count, high
        and batch of every CPU), all_unreclaimable, prev_priority, start_pfn, inactive_ratio.
        """
    def set_nr_scan(self, place: SupportsIndex, counts: Sequence[SupportsIndex]) -> None:
        """Set what reclaim has saved up to scan (nr_scan), by position in `zones`.

        Parameters
        ----------
        place : int
        counts : sequence of 4 int, 0..max(1024, pages of the zone)
            For inactive and active anon, inactive and active file. A list is scanned when 32 have come together, so a
            list of 16 pages or fewer is never scanned in one call of direct reclaim that starts at 0.
        """
    def lru_cache_add(self, pfns: ArrayLike, flags: SupportsIndex = 0) -> None:
        """Put allocated pages at the heads of their LRU lists.

        Parameters
        ----------
        pfns : int or array of int
            Single pages, in the order in which they are added.
        flags : int
            Page flags. ACTIVE, UNEVICTABLE and SWAPBACKED (anonymous memory, tmpfs) choose the list; without SWAPBACKED
            it is a page of a file.

        Raises
        ------
        MisuseError
            If a page cannot be added or the flags contradict each other. Then none has been added.
        """
    def slab_add(self, pfns: ArrayLike, flags: SupportsIndex = 0) -> None:
        """Put allocated pages on the slab list: they hold unused objects, which the shrinker frees.

        Parameters
        ----------
        pfns : int or array of int
        flags : int
            REFERENCED: survives the first look. PINNED: holds an object in use and is never freed.

        Raises
        ------
        MisuseError
            If a page cannot be added. Then none has been added.
        """
    def lru_del(self, pfn: SupportsIndex) -> None:
        """Take a page off its LRU or slab list; it stays allocated."""
    def mark_page_accessed(self, pfn: SupportsIndex) -> None:
        """Note a use of the page: Referenced the first time, active the second."""
    def set_page_flags(self, pfn: SupportsIndex, *, set: SupportsIndex = 0, clear: SupportsIndex = 0) -> None:
        """Change attributes of an allocated page: LOCKED, REFERENCED, DIRTY, MMAP, YOUNG, PINNED.

        Parameters
        ----------
        pfn : int
        set, clear : int
            Flags to set and to clear.
        """
    def mlock(self, pfn: SupportsIndex, locked: bool = True) -> None:
        """Lock a page of the LRU in memory, or unlock it; it moves to or from the unevictable list."""
    def release(self, pfn: SupportsIndex, *, cpu: SupportsIndex = 0) -> None:
        """Drop a page that may be on the LRU: it is freed now, or as soon as reclaim and writeback let go of it."""
    def start_writeback(self, pfn: SupportsIndex) -> None:
        """Begin to write a page of the LRU: it is WRITEBACK and not DIRTY until `end_writeback`."""
    def end_writeback(self, pfn: SupportsIndex) -> None:
        """End the write of a page."""
    @property
    def writeback(self) -> NDArray[np.int64]:
        """PFNs of the pages under writeback, oldest first: ndarray of int64."""
    @property
    def write_congested(self) -> bool:
        """Whether the device's queue is congested, so that only kswapd may add to it."""
    @write_congested.setter
    def write_congested(self, congested: bool) -> None: ...
    @property
    def swap_free(self) -> int:
        """Free swap slots."""
    def free_swap(self, slots: SupportsIndex = 1) -> None:
        """Give swap slots back: their owners have read the pages in, or are gone."""
    def note_events(self, *, captured: bool = False, freed: bool = False, asked: bool = False) -> None:
        """Choose which optional events are kept too.

        Parameters
        ----------
        captured : bool
            CAPTURED: a reclaimed page goes to a capture list; it follows its RECLAIMED.
        freed : bool
            FREED: the owner lets a block go, by `free_pages`, `release` or a stream.
        asked : bool
            KSWAPD_ASKED: kswapd is asked for pages, whether it sleeps or not (6.1).

        Raises
        ------
        MisuseError
            If the machine keeps no events.
        """
    def events(self) -> NDArray[np.void]:
        """The events since the last call, oldest first, if the machine was made with `events=True`.

        Returns
        -------
        ndarray
            Fields page (PFN; for pdflush the number of pages wanted, for OOM and KSWAPD_ASKED the order), owner (the
            page's cookie), kind (an `EventKind`) and zone (position in `zones`).
        """

@final
class AllocRequest:
    """An allocation in flight; `Machine.request` makes one. A context manager: leaving it gives up what is not done."""

    def __init__(self) -> None: ...
    @property
    def machine(self) -> MachineBase: ...
    @property
    def done(self) -> bool:
        """Whether it is over, well or badly."""
    @property
    def pfn(self) -> int | None:
        """First PFN of the block; None if it is not done, or failed."""
    @property
    def stats(self) -> dict[str, Any]:
        """What it did so far, as a dict: path, the counters of `Step`, and what is said of capture and waits."""
    def step(self, max_pages: SupportsIndex = 32) -> Step:
        """Go on for about max_pages pages, or until something must be waited for.

        Parameters
        ----------
        max_pages : int
            Budget. Isolation of one aligned block is never divided.

        Returns
        -------
        Step

        Notes
        -----
        The caller lets the wait happen: it ends writes with `Machine.end_writeback` and lets time pass.
        """
    @property
    def attempt(self) -> tuple[int, int | None] | None:
        """(PFN of the page that compaction is about to move, PFN that it goes to) after such a stop; else None.

        It goes to None if its owner has let it go: it will be freed.
        """
    @property
    def stage(self) -> str | None:
        """What the attempt is: see `Compaction.stage`."""
    def answer(self, outcome: str | None = None) -> None:
        """After a step that waits for "attempt": what comes of it. The next step goes on.

        Parameters
        ----------
        outcome : None, "moves", "eagain" or "ebusy"
            None: what the page's flags say.
        """
    def interrupt(self, pfn: SupportsIndex) -> None:
        """At such a stop: an interrupt on top of the task frees a block, which may complete one and be captured."""
    def reclaimed(self, pages: SupportsIndex) -> None:
        """After a step that waits for "reclaim": how many pages the driver has freed. The next step goes on.

        Parameters
        ----------
        pages : int, 0..2^40
        """
    def run(self) -> int | None:
        """Run to the end, serving every wait at once; the PFN or None."""
    def close(self) -> None:
        """Give up: what was isolated or captured goes back. A block that was obtained stays with the caller."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

@final
class Kswapd:
    """kswapd of a machine; `Machine.kswapd` makes one."""

    def __init__(self) -> None: ...
    @property
    def machine(self) -> MachineBase: ...
    @property
    def asleep(self) -> bool:
        """Whether it sleeps until it is woken."""
    @property
    def order(self) -> int:
        """Order that it balances for, or did last."""
    @property
    def stats(self) -> dict[str, int]:
        """Its work so far, as a dict with the counters of `Step`."""
    def wake(self, order: SupportsIndex = 0) -> None:
        """Wake it for every zone below its low mark at this order, as an allocation does."""
    def step(self, max_pages: SupportsIndex = 32) -> Step:
        """Go on for about max_pages pages: see `AllocRequest.step`."""
    def run(self) -> None:
        """Run until it sleeps, serving every wait at once."""

class Replayer:
    """A machine that serves the pages of a recording, each in a place of its own choice.

    Parameters
    ----------
    machine : MachineBase
        Made with `events=True`, in the state in which the recording begins.
    places : sequence of (start_pfn, ndarray[int64])
        The recorded zones: for each page, where it is in the machine, or -1 if it is free.  They are changed.
    sorts : sequence of ndarray[uint8]
        Of the first of these zones: for each page, what it is known to be, 0x10 movable, 0x20 not, 0 neither.  They are
        changed: an allocated page is what its request was.  See `mixed_pageblocks`.
    lru_flags : int
        Flags with which movable pages come to the LRU lists; 0: they do not.
    daemons : bool
        kswapd and kcompactd run as soon as they are woken.
    policy : CompactionPolicy, optional
        What compaction does for requests, if the kernel has it; by default what it did in that kernel.

    Notes
    -----
    Operations are records of SERVED_DTYPE.  1 allocates `order` pages that the recording had at `pfn`, with `gfp` on
    `cpu`; `to` is the type of the request.  2 frees them, 3 past the per-CPU lists.  4: compaction moves the single
    pages; their copies are the pages from `to` on, or with -1 are never heard of again.  5: the recording has moved
    them, but here they stay.  6 and 7: a block of `order` and type `to` comes to the list of a CPU, or leaves it; 8:
    all its lists in the zone of `pfn` are drained.  9: somebody compacts: with `to` 0 all zones to
    their end, with 1 kcompactd, what it was asked for or else proactively, with 2 only what it was asked for.
    """

    def __init__(
        self,
        machine: MachineBase,
        places: Iterable[tuple[SupportsIndex, NDArray[np.int64]]],
        *,
        sorts: Iterable[NDArray[np.uint8]] = (),
        lru_flags: SupportsIndex = 0,
        daemons: bool = False,
        policy: Any = None,
    ) -> None: ...
    def run(self, ops: NDArray[np.void]) -> NDArray[np.uint8]:
        """Perform operations; how each allocation was served: ndarray[uint8], numbers of `RequestPath`.

        Raises
        ------
        MisuseError
            If an operation is impossible; nothing has been done then.

        Notes
        -----
        O(pages of the operations).  Ctrl-C is obeyed between pieces.
        """
    @property
    def counts(self) -> dict[str, int]:
        """Frees of pages without a place, pages that could not be moved, requests that reclaimed: a dict of int."""
    def mixed_pageblocks(self) -> list[int]:
        """By zone of the machine, the pageblocks with movable recorded pages and others, as far as `sorts` tell."""
