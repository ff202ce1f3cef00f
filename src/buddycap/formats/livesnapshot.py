"""Records a snapshot of the machine that runs this: `snapshot.py` says what is in the file."""

import json
import os
import platform
import time
import zipfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import FormatError
from ..newfile import replacing
from .kpageflags import MAX_PAGES, RESERVED_PREFIX, START_SUFFIX, refuse_bounds
from .pagekinds import KPF
from .snapshot import SNAPSHOT_VERSION, TEXTS, member_name, parse_ram
from .zoneinfo import ZoneinfoZone, parse_zoneinfo

__all__ = ["record_snapshot"]

_CHUNK_PAGES = 1 << 18
_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
_LEVEL = 4  # of zlib: the words shrink to a hundredth at any level, and a slow one would stretch the moment recorded
_NO_ROOT = "only root may read it"
_HIDDEN = "reads as zeros, as in a container: record on the host, as root"


def record_snapshot(
    path: str | Path, proc: str | Path = "/proc", progress: Callable[[int, int], None] | None = None
) -> dict[str, str]:
    """Record the memory of the running machine.

    Parameters
    ----------
    path : str or Path
        File to write; it is replaced when everything has been read, not before.
    proc : str or Path
        Where the files of /proc are.
    progress : callable (pages, all pages), optional
        Called after every 2**18 pages.

    Returns
    -------
    dict of str to str
        What could not be recorded, and why. Without "kpageflags" in it, the file can be loaded as a machine.

    Raises
    ------
    FormatError
        If /proc/zoneinfo is not understood.
    OSError
        If /proc/zoneinfo or /proc/buddyinfo cannot be read, or the file not be written.

    Notes
    -----
    Reads in pieces of 2 MiB and compresses as it goes: about 10 MiB of memory, whatever the machine has.
    /proc/buddyinfo is read just before and just after the words. Of /proc/iomem only the ranges of System RAM are kept.
    Only the owner may read the file; under sudo that is who called it.
    """
    folder = Path(proc)
    texts: dict[str, str] = {}
    missing: dict[str, str] = {}
    for name in ("zoneinfo", "vmstat", "meminfo", "pagetypeinfo", "iomem"):
        _read_text(folder, name, texts, missing)
    zones = _populated(folder, texts, missing)
    pages = sum(zone.pages["spanned"] for zone in zones)
    _note_overlaps(zones, missing)
    how: Any = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": _LEVEL}
    with replacing(path, private=True) as file, zipfile.ZipFile(file, "w", **how) as archive:
        words = _open_words(folder / "kpageflags", zones, missing)
        begin_ns = time.monotonic_ns()
        _read_text(folder, "buddyinfo", texts, missing)
        if words is not None:
            with words:
                done = 0
                for zone in zones:
                    done = _copy_zone(archive, words, zone, missing, done, pages, progress)
            done_ns = time.monotonic_ns()
            _read_text(folder, "buddyinfo", texts, missing, "buddyinfo2")
        meta: dict[str, Any] = {
            "kernel": platform.release(),
            "machine": platform.machine(),
            "page_size": _PAGE_SIZE,
            "missing": missing,
        }
        if words is not None:
            meta["monotonic_ns"] = [begin_ns, done_ns]  # when buddyinfo was read, and the last word
        texts["meta"] = json.dumps(meta)
        for name in (*TEXTS, "meta"):
            if name in texts:
                _write_array(archive, RESERVED_PREFIX + name, np.frombuffer(texts[name].encode("ascii"), np.uint8))
        _write_array(archive, RESERVED_PREFIX + "version", np.array(SNAPSHOT_VERSION, np.uint64))
        _give_to_caller(file)
    return missing


def _read_text(folder: Path, name: str, texts: dict[str, str], missing: dict[str, str], key: str = "") -> None:
    """Read one text, or note why it is missing."""
    try:
        text = (folder / name).read_bytes().decode("ascii", "replace").replace("\ufffd", "?")
    except OSError as error:
        missing[name] = _why(error)
        return
    if name == "iomem":
        text = "".join(f"{line}\n" for line in text.splitlines() if " : System RAM" in line and line[0] != " ")
        if not parse_ram(text, _PAGE_SIZE):
            missing[name] = "tells no addresses: " + _NO_ROOT
            return
    texts[key or name] = text


def _why(error: OSError) -> str:
    """Return why a file could not be read."""
    return _NO_ROOT if isinstance(error, PermissionError) else error.strerror or str(error)


def _populated(folder: Path, texts: dict[str, str], missing: dict[str, str]) -> list[ZoneinfoZone]:
    """Return the zones with pages, by PFN."""
    if "zoneinfo" not in texts:
        raise OSError(f"{folder / 'zoneinfo'}: {missing['zoneinfo']}")
    zones = [
        zone
        for zone in parse_zoneinfo(texts["zoneinfo"], str(folder / "zoneinfo"))
        if zone.pages["present"] and zone.start_pfn is not None
    ]
    if not zones:
        raise FormatError("no zone has pages", file=str(folder / "zoneinfo"))
    for zone in zones:
        refuse_bounds(zone.start_pfn or 0, zone.pages["spanned"], folder / "zoneinfo")
    return sorted(zones, key=lambda zone: zone.start_pfn or 0)


def _note_overlaps(zones: list[ZoneinfoZone], missing: dict[str, str]) -> None:
    """Note where zones of two nodes interleave: their pages cannot be told apart."""
    for zone, other in pairwise(zones):
        if (zone.start_pfn or 0) + zone.pages["spanned"] > (other.start_pfn or 0):
            names = f"{member_name(zone.node, zone.zone)} and {member_name(other.node, other.zone)}"
            missing["owner of pages"] = f"{names} overlap; pages in both ranges are counted in both"


def _open_words(path: Path, zones: list[ZoneinfoZone], missing: dict[str, str]) -> BinaryIO | None:
    """Open the words, unless they are unreadable or all zero."""
    try:
        words = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by the caller
    except OSError as error:
        missing["kpageflags"] = _why(error)
        return None
    try:
        for zone in zones:
            for chunk in _chunks(words, zone):
                if any(chunk):
                    return words
    except PermissionError:
        missing["kpageflags"] = _NO_ROOT
    else:
        missing["kpageflags"] = _HIDDEN
    words.close()
    return None


def _chunks(words: BinaryIO, zone: ZoneinfoZone) -> Iterator[bytes]:
    """Yield the words of a zone in pieces, up to where the file ends."""
    offset, left = 8 * (zone.start_pfn or 0), 8 * zone.pages["spanned"]
    while left:
        piece = os.pread(words.fileno(), min(left, 8 * _CHUNK_PAGES), offset)
        piece = piece[: len(piece) // 8 * 8]
        if not piece:
            return
        yield piece
        offset += len(piece)
        left -= len(piece)


def _copy_zone(
    archive: zipfile.ZipFile,
    words: BinaryIO,
    zone: ZoneinfoZone,
    missing: dict[str, str],
    done: int,
    pages: int,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Copy the words of one zone; pages behind the end of the file are written as NOPAGE. Returns the pages done."""
    name, spanned = member_name(zone.node, zone.zone), zone.pages["spanned"]
    _write_array(archive, name + START_SUFFIX, np.array(zone.start_pfn, np.uint64))
    left = spanned
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(
            member, {"descr": np.dtype(np.uint64).str, "fortran_order": False, "shape": (spanned,)}
        )
        for piece in _chunks(words, zone):
            member.write(piece)
            left -= len(piece) // 8
            done += len(piece) // 8
            if progress:
                progress(done, pages)
        if left > MAX_PAGES:  # they would be written one by one
            raise FormatError(
                f"{name} spans {spanned} pages, {left} of them behind the end of kpageflags", file=words.name
            )
        if left:
            missing[f"last {left} pages of {name}"] = "/proc/kpageflags ends before them"
        for start in range(0, left, _CHUNK_PAGES):
            member.write(np.full(min(left - start, _CHUNK_PAGES), KPF.NOPAGE, np.uint64).tobytes())
    return done + left


def _write_array(
    archive: zipfile.ZipFile, name: str, array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]"
) -> None:
    """Add a small array to the archive."""
    with archive.open(f"{name}.npy", "w") as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def _give_to_caller(file: BinaryIO) -> None:
    """Make a file that root has written that of the user who called sudo."""
    owner = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() == 0 and all(word.isdecimal() for word in owner):
        os.fchown(file.fileno(), int(owner[0]), int(owner[1]))
