"""The state of a real machine's memory, page by page, from recordings of /proc/kpageflags.

A recording is an `.npz` file with two arrays a zone: `<zone>`, one 64-bit word of flags per page, and
`<zone>_start_pfn`, the PFN of its first page. `read_kpageflags` turns it into `ZoneFrames`: what every page is, and
which blocks are free. `snapshot.py` has the whole machine, with the kernel's texts. What the words cannot tell:

- Pages on per-CPU lists and pages that the kernel uses without a flag (vmalloc, drivers) both read 0. They are
  KERNEL here. /proc/zoneinfo says how many pages are on per-CPU lists, but not which.
- Struct pages that were never initialised, and holes, read 0 too. See `ZoneFrames.from_flags`.
- The order of the LRU lists, and the migratetype of a pageblock (`pageblocks.py` infers it).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, MisuseError
from ..flags import PageFlags
from ..newfile import replacing
from .npz import NpzReader
from .pagekinds import KPF, PageKind, classify, keep_present, mark_absent

__all__ = ["BLOCK_DTYPE", "KPF", "PageKind", "ZoneFrames", "read_kpageflags", "write_kpageflags"]

SECTION_PAGES = 1 << 15  # 128 MiB, the unit in which x86-64 initialises and adds memory
RESERVED_PREFIX = "snapshot."  # of arrays that are no zones
START_SUFFIX = "_start_pfn"  # of the array with a zone's first PFN
MAX_PAGES = 1 << 26  # of a recording, unless asked otherwise: 256 GiB, which take 0.6 GB to be read
BLOCK_DTYPE = np.dtype([("pfn", np.int64), ("order", np.uint8)])

_MAX_PFN = 1 << 52
_CHUNK_PAGES = 1 << 18
_PAGE_FLAGS = np.uint64(sum(flag for flag in PageFlags if flag <= KPF.UNEVICTABLE))


@dataclass(frozen=True, eq=False)
class ZoneFrames:
    """The pages of one zone of a real machine. Made by `from_flags` or `read_kpageflags`.

    Parameters
    ----------
    name : str
        Name of the zone.
    start_pfn : int
        PFN of the first page.
    flags : ndarray[uint64], shape (pages,)
        Words of /proc/kpageflags.
    kinds : ndarray[uint8], shape (pages,)
        `PageKind` of every page.
    max_page_order : int
        Largest order of the allocator.
    pageblock_order : int
        Order of a pageblock.
    pageblocks : mapping of str to int, optional
        Pageblocks by the kernel's name of the migratetype, as /proc/pagetypeinfo counted them for the whole zone.
    page_size : int, bytes
        Of a page of the recorded machine.
    block_types : ndarray[uint8], shape (pageblocks,), optional
        `MigrateType` of every pageblock that the zone touches, where that was recorded.

    Notes
    -----
    All arrays are read-only. Memory: 9 bytes a page, and 9 a free block once `free_blocks` is asked for.

    Examples
    --------
    >>> flags = np.zeros(1024, np.uint64)
    >>> flags[512:1000] = KPF.BUDDY
    >>> flags[3:5] = KPF.LRU | KPF.ACTIVE | KPF.DIRTY | KPF.UPTODATE
    >>> zone = ZoneFrames.from_flags("Normal", 4096, flags)
    >>> zone.free_blocks.tolist()
    [(4608, 8), (4864, 7), (4992, 6), (5056, 5), (5088, 3)]
    >>> zone.pfns(PageKind.ACTIVE_FILE), zone.page_flags([4099])
    (array([4099, 4100]), array([112], dtype=uint32))
    """

    name: str
    start_pfn: int
    flags: NDArray[np.uint64]
    kinds: NDArray[np.uint8]
    max_page_order: int = 10
    pageblock_order: int = 9
    pageblocks: Mapping[str, int] | None = None
    page_size: int = 4096
    block_types: NDArray[np.uint8] | None = None

    @classmethod
    def from_flags(
        cls,
        name: str,
        start_pfn: int,
        flags: NDArray[np.uint64],
        *,
        max_page_order: int = 10,
        pageblock_order: int = 9,
        section_pages: int = SECTION_PAGES,
        present: Sequence[tuple[int, int]] | None = None,
        pageblocks: Mapping[str, int] | None = None,
        page_size: int = 4096,
    ) -> "ZoneFrames":
        """Classify the pages of a zone.

        Parameters
        ----------
        name : str
            Name of the zone.
        start_pfn : int
            PFN of the first page.
        flags : ndarray[uint64], shape (pages,)
            Words of /proc/kpageflags; kept, not copied, and made read-only.
        max_page_order : int, 0..14
            Largest order of the allocator.
        pageblock_order : int, 0..max_page_order
            Order of a pageblock.
        section_pages : int
            Aligned runs of so many words that are all 0 count as absent memory; 0 lets every page be present.
        present : sequence of (int, int), optional
            Ranges of PFNs with memory, first and the one behind the last, ascending. Pages outside are holes, unless
            their words show that they are in use.
        pageblocks : mapping of str to int, optional
            Pageblocks by migratetype.
        page_size : int, bytes
            Of a page.

        Returns
        -------
        ZoneFrames
            The zone.

        Notes
        -----
        Kernels since 6.15 report holes as 0 instead of NOPAGE, and so they do with memory whose struct pages they
        have not initialised yet. Both come in whole sections, while memory in use shows some flag somewhere in
        every section; only a driver that fills 128 aligned MiB by itself would be taken for a hole. The parts of a
        section at the two ends of a zone are never judged: there an idle zone may really hold only kernel pages.
        """
        _check_geometry(start_pfn, flags, max_page_order, pageblock_order)
        kinds = classify(flags)
        mark_absent(kinds, flags, start_pfn, section_pages)
        if present is not None:
            keep_present(kinds, start_pfn, present)
        for array in (flags, kinds):
            array.flags.writeable = False
        return cls(name, start_pfn, flags, kinds, max_page_order, pageblock_order, pageblocks, page_size)

    @property
    def end_pfn(self) -> int:
        """PFN behind the last page."""
        return self.start_pfn + len(self.flags)

    @cached_property
    def free_blocks(self) -> NDArray[np.void]:
        """PFN and order of every free block, ascending: BLOCK_DTYPE, shape (blocks,), read-only.

        Notes
        -----
        A run of BUDDY pages is cut into the largest aligned blocks. That is exact because free buddies always merge;
        exceptions are buddies of different migratetype from the pageblock order on, and pages that are being moved.
        """
        heads = np.zeros(len(self.kinds), np.uint8)
        for first, part in self._free_heads():
            heads[first : first + len(part)] = part
        blocks = np.empty(np.count_nonzero(heads), BLOCK_DTYPE)
        done = 0
        for first in range(0, len(heads), _CHUNK_PAGES):
            pages = np.flatnonzero(heads[first : first + _CHUNK_PAGES])
            some = blocks[done : done + len(pages)]
            some["order"] = heads[first : first + _CHUNK_PAGES][pages] - 1
            some["pfn"] = pages + (self.start_pfn + first)
            done += len(pages)
        blocks.flags.writeable = False
        return blocks

    @cached_property
    def nr_free(self) -> NDArray[np.int64]:
        """Free blocks per order, as /proc/buddyinfo counts them; read-only."""
        counts = np.zeros(self.max_page_order + 2, np.int64)
        for _, heads in self._free_heads():
            counts += np.bincount(heads, minlength=len(counts))
        counts.flags.writeable = False
        return counts[1:]

    def _free_heads(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield the zone in pieces: index of the first page, and order + 1 on the first page of each free block.

        Level by level: a block of the next order is free where both of its halves are. What is free at one level
        and has no free parent is a block. Pieces end where the largest blocks do.
        """
        whole = 1 << self.max_page_order
        base = self.start_pfn % whole
        for first in range(-base, len(self.kinds), _CHUNK_PAGES):
            part = self.kinds[max(first, 0) : first + _CHUNK_PAGES]
            before = max(first, 0) - first
            level = np.zeros(-(-(before + len(part)) // whole) * whole, bool)
            np.equal(part, PageKind.FREE, out=level[before : before + len(part)])
            heads = np.zeros(len(level), np.uint8)
            for order in range(self.max_page_order):
                parent = level[0::2] & level[1::2]
                level[0::2] ^= parent
                level[1::2] ^= parent
                heads[:: 1 << order][level] = order + 1
                level = parent
            heads[::whole][level] = self.max_page_order + 1
            yield max(first, 0), heads[before : before + len(part)]

    @cached_property
    def present_ranges(self) -> NDArray[np.int64]:
        """Ranges of PFNs that are no hole, shape (ranges, 2): first, and the one behind the last; read-only."""
        present = np.zeros(len(self.kinds) + 2, bool)
        np.not_equal(self.kinds, PageKind.HOLE, out=present[1:-1])
        edges = np.flatnonzero(present[1:] != present[:-1])
        ranges = edges.reshape(-1, 2).astype(np.int64) + self.start_pfn
        ranges.flags.writeable = False
        return ranges

    def nr_pages(self) -> dict[str, int]:
        """Return the number of pages of every kind, by name.

        Examples
        --------
        >>> zone = ZoneFrames.from_flags("DMA", 1, np.full(3, KPF.BUDDY, np.uint64))
        >>> {kind: pages for kind, pages in zone.nr_pages().items() if pages}
        {'FREE': 3}
        """
        return {kind.name: int(np.count_nonzero(self.kinds == kind)) for kind in PageKind}

    def pfns(self, *kinds: PageKind) -> NDArray[np.int64]:
        """Return the absolute PFNs of all pages of some kinds, ascending: int64, shape (pages,)."""
        found = np.zeros(len(self.kinds), bool)
        for kind in kinds:
            found |= self.kinds == kind
        return np.flatnonzero(found) + self.start_pfn

    def lru_pfns(self) -> tuple[NDArray[np.int64], ...]:
        """Return the PFNs of the five LRU lists, each ascending.

        Returns
        -------
        tuple of ndarray[int64]
            inactive anon, active anon, inactive file, active file, unevictable.

        Notes
        -----
        As in the kernel a page is file unless it is SWAPBACKED: pages of tmpfs are on the anon lists. The real
        order of the lists is not recorded.
        """
        first = int(PageKind.INACTIVE_ANON)  # all kinds from here on are lists
        pages = np.flatnonzero(self.kinds >= first)
        lists, pfns = self.kinds[pages], pages + self.start_pfn
        return tuple(pfns[lists == kind] for kind in range(first, len(PageKind)))

    def page_flags(self, pfns: NDArray[np.int64] | list[int]) -> NDArray[np.uint32]:
        """Return the flags of pages in the bits of `PageFlags`; bits that buddycap has no use for are left out.

        Parameters
        ----------
        pfns : ndarray[int64] or list of int, shape (pages,)
            Absolute PFNs of the zone.

        Returns
        -------
        ndarray[uint32], shape (pages,)
            Flags, LRU and ACTIVE included.

        Raises
        ------
        MisuseError
            If a PFN is outside the zone.
        """
        index = np.asarray(pfns, dtype=np.int64) - self.start_pfn
        if index.size and not 0 <= int(index.min()) <= int(index.max()) < len(self.flags):
            raise MisuseError(f"PFNs {self.start_pfn} to {self.end_pfn - 1} expected")
        return (self.flags[index] & _PAGE_FLAGS).astype(np.uint32)

    def window(self, start_pfn: int, end_pfn: int) -> "ZoneFrames":
        """Cut out a part of the zone. Arrays are shared; free blocks that reach across a border are cut.

        Parameters
        ----------
        start_pfn, end_pfn : int
            First PFN and the one behind the last: borders of pageblocks, or the zone's own.

        Returns
        -------
        ZoneFrames
            The part, under the same name.

        Raises
        ------
        MisuseError
            If the borders are not such.

        Examples
        --------
        >>> zone = ZoneFrames.from_flags("Normal", 1024, np.full(1024, KPF.BUDDY, np.uint64))
        >>> zone.window(1536, 2048).free_blocks.tolist()
        [(1536, 9)]
        """
        pageblock_pages = 1 << self.pageblock_order
        for pfn, own in ((start_pfn, self.start_pfn), (end_pfn, self.end_pfn)):
            if pfn % pageblock_pages and pfn != own:
                raise MisuseError(f"PFN {pfn} is no border of a pageblock of {pageblock_pages} pages")
        if not self.start_pfn <= start_pfn < end_pfn <= self.end_pfn:
            raise MisuseError(f"{start_pfn}..{end_pfn} is no part of {self.start_pfn}..{self.end_pfn}")
        part = slice(start_pfn - self.start_pfn, end_pfn - self.start_pfn)
        whole = (start_pfn, end_pfn) == (self.start_pfn, self.end_pfn)
        return ZoneFrames(
            self.name,
            start_pfn,
            self.flags[part],
            self.kinds[part],
            self.max_page_order,
            self.pageblock_order,
            self.pageblocks if whole else None,
            self.page_size,
        )


def _check_geometry(start_pfn: int, flags: NDArray[np.uint64], max_page_order: int, pageblock_order: int) -> None:
    """Refuse what cannot be a zone."""
    if flags.ndim != 1 or not len(flags) or flags.dtype != np.uint64:
        raise MisuseError(f"flags: one row of uint64 expected, found {flags.dtype} of shape {flags.shape}")
    if not 0 <= start_pfn <= _MAX_PFN - len(flags):
        raise MisuseError(f"no zone of {len(flags)} pages starts at PFN {start_pfn}")
    if not 0 <= pageblock_order <= max_page_order <= 14:
        raise MisuseError(f"pageblock_order {pageblock_order} and max_page_order {max_page_order} do not fit")


def read_kpageflags(
    path: str | Path,
    *,
    zones: Collection[str] | None = None,
    max_page_order: int = 10,
    pageblock_order: int = 9,
    section_pages: int = SECTION_PAGES,
    max_pages: int = MAX_PAGES,
) -> tuple[ZoneFrames, ...]:
    """Read a recording of /proc/kpageflags.

    Parameters
    ----------
    path : str or Path
        An `.npz` file with arrays `<zone>` (uint64, a word a page) and `<zone>_start_pfn`.
    zones : collection of str or None
        Names of the zones to read; `None` reads all.
    max_page_order, pageblock_order : int
        Geometry of the recorded machine's allocator.
    section_pages : int
        See `ZoneFrames.from_flags`.
    max_pages : int
        Pages of all zones to accept; 2**26 pages of 4 KiB are 256 GiB, whose words take 512 MiB.

    Returns
    -------
    tuple of ZoneFrames
        The zones by PFN.

    Raises
    ------
    FormatError
        If the file is damaged or cut, lacks an array, claims impossible sizes, or comes from a kernel before 4.6,
        which marks only the first page of a free block.
    OSError
        If it cannot be read.

    Notes
    -----
    Memory: 1.2 times the words. The arrays of a snapshot that `record_snapshot` made are read, its texts are not.
    """
    frames = []
    with NpzReader(path, max_items=max_pages) as npz:
        names = zone_names(npz, path)
        unknown = set(zones or ()) - set(names)
        if unknown or not names:
            raise FormatError(f"words or start_pfn of zone {min(unknown, default='')!r} missing", file=str(path))
        for name in names:
            if zones is not None and name not in zones:
                continue
            start_pfn, words = npz.scalar(name + START_SUFFIX), npz.array(name)
            refuse_bounds(start_pfn, len(words), path)
            zone = ZoneFrames.from_flags(
                name,
                start_pfn,
                words,
                max_page_order=max_page_order,
                pageblock_order=pageblock_order,
                section_pages=section_pages,
            )
            del words
            refuse_heads_only(zone, path)
            frames.append(zone)
    return tuple(sorted(frames, key=lambda zone: zone.start_pfn))


def zone_names(npz: NpzReader, path: str | Path) -> list[str]:
    """Return the names of the zones in an archive, in file order.

    Raises
    ------
    FormatError
        If one lacks its words or its first PFN.
    """
    arrays = [name for name in npz.names if not name.startswith(RESERVED_PREFIX)]
    names = [name for name in arrays if not name.endswith(START_SUFFIX)]
    orphans = {name.removesuffix(START_SUFFIX) for name in arrays if name.endswith(START_SUFFIX)} ^ set(names)
    if orphans:
        raise FormatError(f"words or start_pfn of zone {min(orphans)!r} missing", file=str(path))
    return names


def refuse_bounds(start_pfn: int, pages: int, path: str | Path) -> None:
    """Refuse a zone without pages, or with PFNs that there cannot be."""
    if not pages or not 0 <= start_pfn <= _MAX_PFN - pages:
        raise FormatError(f"no zone of {pages} pages starts at PFN {start_pfn}", file=str(path))


def refuse_heads_only(zone: ZoneFrames, path: str | Path) -> None:
    """Refuse words in which BUDDY marks heads only: all blocks would silently be single pages."""
    free = zone.kinds == PageKind.FREE
    even = free[zone.start_pfn & 1 :]
    whole = zone.max_page_order > 0 and bool((even[: len(even) & ~1 : 2] & even[1::2]).any())
    if not whole and np.count_nonzero(free) > 100:
        message = f"{zone.name}: BUDDY on single pages only, as kernels before 4.6 set it; block sizes are unknown"
        raise FormatError(message, file=str(path))


def write_kpageflags(path: str | Path, zones: Collection[ZoneFrames]) -> None:
    """Write zones as a recording that `read_kpageflags` reads; equal zones make equal files.

    Parameters
    ----------
    path : str or Path
        File to write; its name must end in `.npz`.
    zones : collection of ZoneFrames
        Zones with different names.

    Raises
    ------
    MisuseError
        If the file is not named `.npz`, or two zones have one name.
    """
    if not str(path).endswith(".npz") or len({zone.name for zone in zones}) != len(zones):
        raise MisuseError("a file named .npz and zones of different names expected")
    arrays: Mapping[str, NDArray[np.uint64]] = {
        key: value
        for zone in zones
        for key, value in ((zone.name, zone.flags), (zone.name + START_SUFFIX, np.array(zone.start_pfn, np.uint64)))
    }
    with replacing(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
