"""The answers of a whole log: one report in full, many as a list."""

from dataclasses import dataclass
from typing import Any, Protocol

from ..escape import for_terminal
from ..formats.report_log import MemoryLog
from .memory import Answer
from .telling import headline, told
from .words import wrapped

__all__ = ["ANSWERED", "IN_PART", "Explained", "MemoryAnswers"]

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
            text += wrapped("", f"{_when(group)}{line}") + "\n"
        if len(ordered) > 12:
            text += f"and {len(ordered) - 12} kinds more\n"
        text += "\nThe first of the worst:\n" + told(ordered[0][1][0])
        return text + "--all gives each in full.\n"


def _badness(answer: Answer) -> int:
    """Return how bad a verdict is."""
    verdict = answer.verdict or ""
    return _WORST.index(verdict) + 1 if verdict in _WORST else 0


def _when(group: list[Answer]) -> str:
    """Return how often and when."""
    first, last = group[0].report.when, group[-1].report.when
    times = "once" if len(group) == 1 else f"{len(group)} times"
    if first is None:
        return f"{times}, line {group[0].report.line}: "
    return (
        f"{times}, {for_terminal(first)}: "
        if len(group) == 1
        else f"{times} from {for_terminal(first)} to {for_terminal(last or '?')}: "
    )
