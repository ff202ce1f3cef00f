"""What a folder answers: a sosreport, a must-gather, a copy of /proc; also as a tar archive, without unpacking to disk.

All files are optional. They are of moments seconds apart; where two disagree it is said.
"""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeVar

from ..errors import BuddycapError, FormatError
from ..escape import for_terminal
from ..formats.packed import damage_of, looked_through, open_packed
from ..formats.pageowner import OwnerText, read_page_owner
from ..formats.pieces import text_lines
from ..formats.procfs import parse_buddyinfo, parse_meminfo, parse_pagetypeinfo
from ..formats.report_log import read_memory_log
from ..formats.series import vmstat_series
from ..formats.zoneinfo import parse_zoneinfo
from .answers import ANSWERED, IN_PART, MemoryAnswers
from .freeseries import VmstatSeries
from .hugepages import HugePages, huge_pages
from .memory import PAGE_SIZES, Options, answer_report, check_options
from .owners import Owners, find_owners

__all__ = ["FolderAnswer", "explain_folder", "folder_texts", "is_folder"]

LARGEST_TEXT = 1 << 26
MOST_FILES = 200_000
_T = TypeVar("_T")
_TEXTS = ("buddyinfo", "pagetypeinfo", "zoneinfo", "vmstat", "meminfo", "iomem")
_OWNERS = ("page_owner", "page_owner.txt", "page_owner_full.txt")
_LOGS = ("dmesg", "messages", "syslog", "kern", "journal", "console", "serial")
_NO_LOGS = (".json", ".py", ".conf", ".journal", ".journal~", ".ko", ".rpm", ".yaml")
_TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")


def is_folder(path: str | Path) -> bool:
    """Tell whether a path is a folder, or an archive of one.

    Examples
    --------
    >>> is_folder("."), is_folder("report.tar.xz"), is_folder("dmesg.gz")
    (True, True, False)
    """
    return Path(path).is_dir() or str(path).endswith(_TARS)


@dataclass
class FolderAnswer:
    """What the texts of a folder answer together.

    Parameters
    ----------
    pages : HugePages or None
        How many huge pages can be had.
    logs : list of (str, MemoryAnswers)
        Logs with reports.
    vmstat : VmstatSeries or None
        Counters.
    owners : (str, Owners) or None
        Who fragments, by the dump of page_owner beside them.
    movable_blocks : int or None
        Movable pageblocks, by pagetypeinfo.
    huge_free : int or None
        Free pages in the pool of hugetlb.
    unreadable : dict of str to str
        Files that were there and could not be read, and why.
    """

    pages: HugePages | None = None
    logs: list[tuple[str, MemoryAnswers]] = field(default_factory=list)
    vmstat: VmstatSeries | None = None
    owners: tuple[str, Owners] | None = None
    movable_blocks: int | None = None
    huge_free: int | None = None
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """1 if a file was damaged or a report cannot be judged."""
        damaged = self.owners is not None and self.owners[1].status
        return IN_PART if self.unreadable or damaged or any(log.status for _, log in self.logs) else ANSWERED

    def as_dict(self) -> dict[str, Any]:
        """Return all answers; the bounds of huge pages are on top."""
        found: dict[str, Any] = {"kind": "folder"} | (self.pages.as_dict() if self.pages else {})
        if self.huge_free is not None:
            found["hugepages_free"] = self.huge_free
        if self.logs:
            found["logs"] = [{"file": name} | log.as_dict() for name, log in self.logs]
        if self.owners is not None:
            found["page_owner"] = {"file": self.owners[0]} | self.owners[1].as_dict()
        if self.vmstat is not None:
            found["vmstat"] = self.vmstat.series.moments[-1].content
        return found | {"unreadable": self.unreadable}

    def _share(self) -> str:
        """Say what part of the movable blocks is spoiled, if pagetypeinfo tells how many there are."""
        if self.owners is None or not self.movable_blocks:
            return ""
        spoiled = self.owners[1].as_dict()["movable_blocks_spoiled"]
        return (
            f"At least {spoiled} of {self.movable_blocks} movable pageblocks hold pages that cannot be moved.\n"
            "Pages from before page_owner was on are not seen.\n"
        )

    def told(self, full: bool = False) -> str:
        """Return all answers, the most telling first."""
        parts = [f"{for_terminal(name)}:\n{log.told(full)}" for name, log in self.logs]
        if self.pages is not None:
            pool = "" if self.huge_free is None else f"hugetlb has {self.huge_free} free pages of its own.\n"
            parts.append(self.pages.told() + pool)
        if self.owners is not None:
            parts.append(f"{for_terminal(self.owners[0])}:\n{self.owners[1].told(full)}{self._share()}")
        if self.vmstat is not None and (full or not parts):
            parts.append(self.vmstat.told(full))
        parts += [f"Not read: {for_terminal(f'{name}: {why}')[:68]}\n" for name, why in self.unreadable.items()]
        return "\n".join(parts)


class _Files:
    """The files of a folder or archive that are asked for, by what they are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.texts: dict[str, tuple[str, str]] = {}
        self.logs: list[tuple[str, MemoryAnswers]] = []
        self.owners: tuple[str, Owners] | None = None
        self.unreadable: dict[str, str] = {}

    def read(self, options: Options, logs: bool = True) -> None:
        """Read all of them; of two texts of a name the one nearest to the top is taken."""
        for name, opened in self._walk():
            kind = _kind(name)
            if kind is None or (kind in ("log", "owners") and not logs) or (kind == "owners" and self.owners):
                continue
            depth = name.count("/")
            if kind in self.texts and self.texts[kind][0].count("/") <= depth:
                continue
            try:
                with opened() as file:
                    if kind == "log":
                        self._log(name, file, options)
                    elif kind == "owners":
                        self._page_owner(name, file, options)
                    else:
                        data = file.read(LARGEST_TEXT)
                        if data.strip():
                            self.texts[kind] = name, data.decode("utf-8", "replace").replace("\r", "")
            except (OSError, BuddycapError) as error:
                self.unreadable[name] = str(error)
            except Exception as error:
                damage = damage_of(error)
                if damage is None:
                    raise
                self.unreadable[name] = damage

    def _log(self, name: str, file: IO[bytes], options: Options) -> None:
        log = read_memory_log(file)
        if log.reports:
            self.logs.append((name, MemoryAnswers(log, [answer_report(report, options) for report in log.reports])))

    def _page_owner(self, name: str, file: IO[bytes], options: Options) -> None:
        text = OwnerText()
        owners = find_owners(read_page_owner(text_lines(file), text), text, options.depth)
        if text.records:
            self.owners = name, owners

    def _walk(self) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
        """Yield names and how to open them, the shallowest first for a folder."""
        if not self.path.is_dir():
            yield from self._members()
            return
        found: list[Path] = []
        for at, path in enumerate(self.path.rglob("*")):
            if at >= MOST_FILES:
                break
            if _kind(path.name) or _kind(str(path.relative_to(self.path))):
                found.append(path)
        for path in sorted(found, key=lambda path: (len(path.parts), str(path))):
            if path.is_file():
                yield path.relative_to(self.path).as_posix(), lambda path=path: open_packed(path)  # type: ignore[misc]

    def _members(self) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
        """Yield the members of an archive, as they come."""
        try:
            with tarfile.open(self.path, "r|*") as archive:
                for at, member in enumerate(archive):
                    if at >= MOST_FILES:
                        break
                    if member.isfile() and _kind(member.name):
                        file = archive.extractfile(member)
                        if file is not None:
                            yield member.name, lambda file=file, name=member.name: looked_through(file, name)  # type: ignore[misc]
        except (tarfile.TarError, EOFError) as error:
            raise FormatError(f"the archive is damaged or cut ({error})", str(self.path)) from error


def _kind(name: str) -> str | None:
    """Tell what a file is by its name: here names say more than contents, for most files say nothing."""
    path = PurePosixPath(name)
    last = path.name
    if last in _OWNERS:
        return "owners"
    if last in _TEXTS and (len(path.parts) <= 2 or path.parent.name in ("proc", "1", "self")):
        return last
    return "log" if any(word in last for word in _LOGS) and not last.endswith(_NO_LOGS) else None


def explain_folder(path: str | Path, options: Options) -> FolderAnswer:
    """Answer from all texts of a folder.

    Parameters
    ----------
    path : str or Path
        A folder, or a tar archive of one.
    options : Options
        What the caller knows better.

    Returns
    -------
    FolderAnswer
        The answers.

    Raises
    ------
    FormatError
        If no text in it can be read.
    OSError
        If it cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "buddyinfo").write_text("Node 0, zone Normal 4 0 3\\n")
    ...     explain_folder(folder, Options(order=1)).as_dict()["sum"]["now"]
    6
    """
    check_options(options)
    files = _Files(Path(path))
    files.read(options)
    answer = FolderAnswer(logs=files.logs, owners=files.owners, unreadable=files.unreadable)

    def parsed(name: str, parse: Callable[[str, str], _T]) -> _T | None:
        if name not in files.texts:
            return None
        source, text = files.texts[name]
        try:
            return parse(text, f"{path}/{source}")
        except BuddycapError as error:
            answer.unreadable[source] = str(error)
            return None

    buddy, types = parsed("buddyinfo", parse_buddyinfo), parsed("pagetypeinfo", parse_pagetypeinfo)
    zones, meminfo = parsed("zoneinfo", parse_zoneinfo), parsed("meminfo", parse_meminfo)
    vmstat = parsed("vmstat", lambda text, file: vmstat_series(io.StringIO(text), file))
    answer.vmstat = VmstatSeries(vmstat) if vmstat is not None else None
    answer.movable_blocks = None if types is None else sum(zone.blocks.get("Movable", 0) for zone in types.zones)
    answer.huge_free = (meminfo or {}).get("HugePages_Free")
    if buddy is not None or types is not None:
        page_kb = options.page_kb or _page_kb(meminfo, None if types is None else types.pageblock_order)
        answer.pages = huge_pages(buddy, types, zones, (meminfo or {}).get("SwapFree"), options.order, page_kb)
    if answer.pages is None and not answer.logs and answer.vmstat is None and answer.owners is None:
        why = f" ({json.dumps(answer.unreadable)[:200]})" if answer.unreadable else ""
        wanted = "buddyinfo, pagetypeinfo, zoneinfo, vmstat, page_owner, or a dmesg with a report"
        raise FormatError(f"no text of the kernel's memory here{why}; looked for: {wanted}", str(path))
    return answer


def folder_texts(path: str | Path) -> dict[str, str]:
    """Return the texts of /proc in a folder or archive, by name.

    Raises
    ------
    FormatError
        If buddyinfo or zoneinfo is missing.
    OSError
        If it cannot be read.
    """
    files = _Files(Path(path))
    files.read(Options(), logs=False)
    texts = {name: text for name, (_, text) in files.texts.items()}
    missing = [name for name in ("buddyinfo", "zoneinfo") if name not in texts]
    if missing:
        raise FormatError(f"{' and '.join(missing)} is needed, and not in the folder", str(path))
    return texts


def _page_kb(meminfo: dict[str, int] | None, pageblock: int | None) -> int:
    """Return the kilobytes of a page: of a huge page divided by the pages of a pageblock, else 4."""
    huge = (meminfo or {}).get("Hugepagesize", 0)
    size = huge >> pageblock if pageblock is not None else 0
    return size if size in PAGE_SIZES else 4
