"""What every page of a real machine is: the bits of /proc/kpageflags, and the kinds they are sorted into."""

from collections.abc import Sequence
from enum import IntEnum, IntFlag

import numpy as np
from numpy.typing import NDArray

from .._core import kinds_of_words

__all__ = ["KPF", "PageKind", "classify", "keep_present", "mark_absent"]


class KPF(IntFlag):
    """Bits of a word of /proc/kpageflags. Linux: include/uapi/linux/kernel-page-flags.h and fs/proc/page.c KPF_*.

    The kernel's names number the bits; these are the masks. From RESERVED on they are the kernel hackers' bits,
    which change between versions.
    """

    LOCKED = 1 << 0
    ERROR = 1 << 1
    REFERENCED = 1 << 2
    UPTODATE = 1 << 3
    DIRTY = 1 << 4
    LRU = 1 << 5
    ACTIVE = 1 << 6
    SLAB = 1 << 7
    WRITEBACK = 1 << 8
    RECLAIM = 1 << 9
    BUDDY = 1 << 10
    MMAP = 1 << 11
    ANON = 1 << 12
    SWAPCACHE = 1 << 13
    SWAPBACKED = 1 << 14
    COMPOUND_HEAD = 1 << 15
    COMPOUND_TAIL = 1 << 16
    HUGE = 1 << 17
    UNEVICTABLE = 1 << 18
    HWPOISON = 1 << 19
    NOPAGE = 1 << 20
    KSM = 1 << 21
    THP = 1 << 22
    OFFLINE = 1 << 23
    ZERO_PAGE = 1 << 24
    IDLE = 1 << 25
    PGTABLE = 1 << 26
    RESERVED = 1 << 32
    MLOCKED = 1 << 33
    OWNER_2 = 1 << 34
    PRIVATE = 1 << 35
    PRIVATE_2 = 1 << 36
    OWNER_PRIVATE = 1 << 37
    ARCH = 1 << 38
    UNCACHED = 1 << 39
    SOFTDIRTY = 1 << 40
    ARCH_2 = 1 << 41
    ARCH_3 = 1 << 42


class PageKind(IntEnum):
    """What a page is to a simulator. From INACTIVE_ANON on: on the LRU list with number `kind - INACTIVE_ANON`."""

    HOLE = 0  # no memory, or memory that the kernel has not initialised yet
    FREE = 1  # in a block of the buddy allocator
    KERNEL = 2  # no flag that tells: in use by the kernel, or waiting on a per-CPU list
    RESERVED = 3  # kept from the allocator since boot
    PGTABLE = 4
    SLAB = 5
    HUGE = 6  # of hugetlb
    OFFLINE = 7  # given back to the hypervisor
    HWPOISON = 8
    OFF_LRU = 9  # a process's or a file's, but on no list: isolated, on its way to a list, or pinned
    INACTIVE_ANON = 10
    ACTIVE_ANON = 11
    INACTIVE_FILE = 12
    ACTIVE_FILE = 13
    UNEVICTABLE = 14


_OFF_LRU = (KPF.DIRTY, KPF.ACTIVE, KPF.WRITEBACK, KPF.MMAP, KPF.SWAPCACHE, KPF.SWAPBACKED, KPF.UNEVICTABLE)

# A page with all bits of a row is of the kind; later rows beat earlier ones. Slab pages come after OFF_LRU because
# their other bits are chance: the words lie over fields of struct slab. The kernel's page_is_file_lru asks SWAPBACKED,
# not ANON.
_KINDS = (
    (PageKind.KERNEL, KPF(0)),
    *((PageKind.OFF_LRU, bit) for bit in _OFF_LRU),
    (PageKind.KERNEL, KPF.ZERO_PAGE),
    (PageKind.PGTABLE, KPF.PGTABLE),
    (PageKind.SLAB, KPF.SLAB),
    (PageKind.RESERVED, KPF.RESERVED),
    (PageKind.INACTIVE_FILE, KPF.LRU),
    (PageKind.ACTIVE_FILE, KPF.LRU | KPF.ACTIVE),
    (PageKind.INACTIVE_ANON, KPF.LRU | KPF.SWAPBACKED),
    (PageKind.ACTIVE_ANON, KPF.LRU | KPF.SWAPBACKED | KPF.ACTIVE),
    (PageKind.UNEVICTABLE, KPF.LRU | KPF.UNEVICTABLE),
    (PageKind.HUGE, KPF.HUGE),
    (PageKind.OFFLINE, KPF.OFFLINE),
    (PageKind.HWPOISON, KPF.HWPOISON),
    (PageKind.HOLE, KPF.NOPAGE),
    (PageKind.FREE, KPF.BUDDY),
)


def classify(flags: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return the kind of every page.

    Parameters
    ----------
    flags : ndarray[uint64], shape (pages,)
        Words of /proc/kpageflags.

    Returns
    -------
    ndarray[uint8], shape (pages,)
        Values of `PageKind`.

    Examples
    --------
    >>> words = np.array([KPF.BUDDY, KPF.LRU | KPF.SWAPBACKED, KPF.LRU | KPF.ACTIVE, KPF.SLAB | KPF.ANON, 0], np.uint64)
    >>> [PageKind(kind).name for kind in classify(words)]
    ['FREE', 'INACTIVE_ANON', 'ACTIVE_FILE', 'SLAB', 'KERNEL']
    """
    return kinds_of_words(flags, [int(bits) for _, bits in _KINDS], [int(kind) for kind, _ in _KINDS])


def mark_absent(kinds: NDArray[np.uint8], flags: NDArray[np.uint64], start_pfn: int, section_pages: int) -> None:
    """Turn whole aligned sections without any flag into holes.

    Parameters
    ----------
    kinds : ndarray[uint8], shape (pages,)
        Kinds, changed in place.
    flags : ndarray[uint64], shape (pages,)
        Words of /proc/kpageflags.
    start_pfn : int
        PFN of the first page.
    section_pages : int
        Pages of a section; 0 changes nothing.

    Examples
    --------
    >>> flags = np.array([0, 0, 0, 0, 0, 1, 0, 0, 0], np.uint64)
    >>> kinds = np.full(9, PageKind.KERNEL, np.uint8)
    >>> mark_absent(kinds, flags, start_pfn=1, section_pages=2)
    >>> kinds
    array([2, 0, 0, 0, 0, 2, 2, 0, 0], dtype=uint8)
    """
    if section_pages <= 0:
        return
    first = -start_pfn % section_pages
    sections = max(len(flags) - first, 0) // section_pages
    inner = slice(first, first + sections * section_pages)
    absent = flags[inner].reshape(sections, section_pages).max(axis=1, initial=0) == 0
    kinds[inner].reshape(sections, section_pages)[absent] = PageKind.HOLE


def keep_present(kinds: NDArray[np.uint8], start_pfn: int, present: Sequence[tuple[int, int]]) -> None:
    """Turn pages outside the ranges of memory into holes, unless they are free or a process's.

    Parameters
    ----------
    kinds : ndarray[uint8], shape (pages,)
        Kinds, changed in place.
    start_pfn : int
        PFN of the first page.
    present : sequence of (int, int)
        Ranges of PFNs with memory, first and the one behind the last, ascending.

    Examples
    --------
    >>> kinds = np.full(6, PageKind.RESERVED, np.uint8)
    >>> keep_present(kinds, 10, [(0, 11), (13, 15)])
    >>> kinds
    array([3, 0, 0, 3, 3, 0], dtype=uint8)
    """
    end = 0
    for first, behind in [*present, (start_pfn + len(kinds),) * 2]:
        gap = kinds[max(end - start_pfn, 0) : max(first - start_pfn, 0)]
        gap[(gap != PageKind.FREE) & (gap < PageKind.OFF_LRU)] = PageKind.HOLE
        end = behind
