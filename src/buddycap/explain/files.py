"""What a file answers: its kind is found by its content, and the question that goes with the kind is answered."""

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, cast

from ..errors import FormatError
from ..formats.escape import printable
from ..formats.kinds import HEAD_BYTES, Kind, kind_of
from ..formats.report_log import MemoryLog, read_memory_log
from .memory import Answer, Options, answer_report
from .telling import headline, told

__all__ = ["Explained", "MemoryAnswers", "explain_file"]

ANSWERED, IN_PART = 0, 1
_WORST = (
    "unknown",
    "contradiction",
    "outside",
    "reserve",
    "high-order-mark",
    "wrong-types",
    "fragmented",
    "below-mark",
)


class Explained(Protocol):
    """What every kind of answer can do."""

    @property
    def status(self) -> int:
        """0: answered, 1: in part."""

    def as_dict(self) -> dict[str, Any]:
        """Return the answer for JSON."""

    def told(self, full: bool = False) -> str:
        """Return the answer for a person, in lines of at most 79 columns."""


@dataclass
class MemoryAnswers:
    """The answers of all memory reports in a log.

    Parameters
    ----------
    log : MemoryLog
        The reports.
    answers : list of Answer
        One a report.
    """

    log: MemoryLog
    answers: list[Answer]

    @property
    def status(self) -> int:
        """1 if some report cannot be judged."""
        return IN_PART if any(answer.verdict == "unknown" for answer in self.answers) else ANSWERED

    def as_dict(self) -> dict[str, Any]:
        """Return the only answer, or all of them under `dumps`."""
        if len(self.answers) == 1:
            return self.answers[0].as_dict() | {"suppressed": self.log.suppressed}
        found = {"dumps": [answer.as_dict() for answer in self.answers], "suppressed": self.log.suppressed}
        return found | ({"left_out": self.log.left_out} if self.log.left_out else {})

    def told(self, full: bool = False) -> str:
        """Return the answer of the only report, or a line for each; equal ones are counted."""
        text = "\n".join(told(answer) for answer in self.answers) if len(self.answers) == 1 or full else self._lines()
        if self.log.suppressed:
            text += f"The kernel says that it did not print {self.log.suppressed} further failures.\n"
        return text

    def _lines(self) -> str:
        """Return one entry for equal reports, the worst first."""
        groups: dict[str, list[Answer]] = {}
        for answer in self.answers:
            groups.setdefault(headline(answer), []).append(answer)
        ordered = sorted(groups.items(), key=lambda item: (-_badness(item[1][0]), item[1][0].report.line))
        text = f"{len(self.answers)} reports\n"
        for line, group in ordered[:12]:
            text += f"{_when(group)}{line}\n"
        if len(ordered) > 12:
            text += f"and {len(ordered) - 12} kinds more\n"
        text += "\nThe first of the worst:\n" + told(ordered[0][1][0])
        return text + "--all gives each in full.\n"


def _badness(answer: Answer) -> int:
    """Return how bad a verdict is."""
    verdict = answer.verdict or ""
    return _WORST.index(verdict) + 1 if verdict in _WORST else 99 if verdict == "impossible" else 0


def _when(group: list[Answer]) -> str:
    """Return how often and when."""
    first, last = group[0].report.when, group[-1].report.when
    times = "once" if len(group) == 1 else f"{len(group)} times"
    if first is None:
        return f"{times}, line {group[0].report.line}: "
    return (
        f"{times}, {printable(first)}: "
        if len(group) == 1
        else f"{times} from {printable(first)} to {printable(last or '?')}: "
    )


def explain_file(path: str | Path, options: Options | None = None) -> Explained:
    """Tell what a file is, and answer the question that goes with it.

    Parameters
    ----------
    path : str or Path
        A file; `-` for standard input.
    options : Options, optional
        What the caller knows better than the text.

    Returns
    -------
    Explained
        The answer.

    Raises
    ------
    FormatError
        If nothing in it can be answered; the message says what it looks like, and which command takes it.
    MisuseError
        If an option is out of range.
    OSError
        If it cannot be read.

    Notes
    -----
    O(file). Memory: a few MiB for a log, whatever its size.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(b"sh: page allocation failure: order:2, mode:0xcc0(GFP_KERNEL)\\n"), file.flush()
    ...     answer = explain_file(file.name)
    >>> answer.status, answer.as_dict()["verdict"]
    (1, 'unknown')
    """
    if str(path) == "-":
        return _explain(sys.stdin.buffer, "standard input", options or Options())
    with open(path, "rb") as file:
        return _explain(file, str(path), options or Options())


def _explain(file: IO[bytes], name: str, options: Options) -> Explained:
    """Explain an open file."""
    head = _read_head(file)
    kind = kind_of(head)
    if kind.name in ("log", "text"):
        log = read_memory_log(cast(IO[bytes], _Again(head, file)))
        if log.reports:
            return MemoryAnswers(log, [answer_report(report, options) for report in log.reports])
    raise refusal(kind, name)


def refusal(kind: Kind, name: str) -> FormatError:
    """Return the error of a file that cannot be answered from.

    Examples
    --------
    >>> print(refusal(kind_of(b""), "f"))
    f: this is an empty file; what takes it: nothing
    """
    return FormatError(f"this is {kind.title}; what takes it: {kind.command}", name)


def _read_head(file: IO[bytes]) -> bytes:
    """Read the first MiB, also from a pipe that gives less at a time."""
    pieces, size = [], 0
    while size < HEAD_BYTES:
        piece = file.read(HEAD_BYTES - size)
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


class _Again(io.RawIOBase):
    """A file whose beginning was read already."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        super().__init__()
        self._head = head
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Return the beginning first."""
        if self._head:
            head, self._head = self._head, b""
            return head
        return self._file.read(size)
