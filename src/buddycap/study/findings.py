"""What the runs say of each proposal: a verdict by a rule that is stated here and applied to every policy alike.

The rule, on each machine, with 95 % intervals (t) of differences paired by seed:

- *identical*: every run ended in the very state of the runs without capture (or of those of the reference).
- *gain*: the interval of the gain over no capture lies above 0; *loss*: below 0; otherwise nothing is shown.
- *better*, *worse* than the reference (v3): the interval of the difference excludes 0.
- *price*: what is lost for it.  Background work: allocations per second fall by more than `PRICE_PERCENT`, and the
  interval of the difference excludes 0.  Latency of the requests: it grows by more than `PRICE_PERCENT`, likewise.
  Others blocked: the time that other tasks stand in a queue, all together, grows by more than `PRICE_PERCENT` of the
  length of the pass, likewise.

The verdict over all machines: a policy that is identical to no capture everywhere *does not engage*; one that gains
nowhere *shows no gain*; one that gains everywhere without a price is *worth it*, and with one *gains at a price*; one
that gains on some machines only *depends on the machine*.

A verdict holds where it was tried and nowhere else.  So `tried` says with how many requesters and with which marks the
runs were made, and a verdict by which a rule does nothing (it does not engage, or makes the very runs of the reference)
says so itself: with other requesters or marks that rule may well do something.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .config import StudyConfig
from .stats import Interval
from .store import Record
from .summary import difference, identical

__all__ = ["PRICE_PERCENT", "Finding", "finding", "tried", "verdict"]

PRICE_PERCENT = 5.0
_PRICES = (("background_per_s", "background work", -1), ("latency_ms", "latency", +1))


@dataclass(frozen=True)
class Finding:
    """What is shown of a policy on one machine.

    Parameters
    ----------
    gain : dict
        Over no capture; see `summary.difference`.
    against : dict
        Over the reference.
    idle, same : bool
        Every run ended in the state of no capture, of the reference.
    prices : tuple of str
        What others lose, in words.
    """

    gain: dict[str, Any]
    against: dict[str, Any]
    idle: bool
    same: bool
    prices: tuple[str, ...]

    @property
    def sign(self) -> int:
        """1 for a gain, -1 for a loss, 0 if neither is shown."""
        return _sign(self.gain)

    def words(self, reference: str) -> str:
        """Return the finding in a few words."""
        if self.gain["n"] < 2:
            return "no result"
        if self.idle:
            return "the very runs of no capture"
        told = [("no gain shown", "a gain", "a loss")[self.sign]]
        if self.same:
            told.append(f"the very runs of {reference}")
        elif self.against["n"]:
            points = f"{abs(self.against['mean']):.2f} points"
            told.append(
                (f"not told apart from {reference}", f"{points} above {reference}", f"{points} below {reference}")[
                    _sign(self.against)
                ]
            )
        return ", ".join([*told, *self.prices])


def _sign(value: Mapping[str, Any]) -> int:
    interval = Interval(value["mean"], value["half_width"], value["n"])
    return 0 if not interval.excludes_zero else 1 if interval.mean > 0 else -1


def finding(own: Sequence[Record], base: Sequence[Record], reference: Sequence[Record]) -> Finding:
    """Apply the rule to the runs of a policy on one machine.

    Parameters
    ----------
    own, base, reference : sequence of Record
        Runs of the policy, of no capture and of the reference, with the same seeds.
    """
    prices = []
    for name, words, direction in _PRICES:
        if own and name in own[0].summary:
            change = difference(own, base, name)
            level = sum(r.summary[name] for r in base if r.ok) / max(1, sum(r.ok for r in base))
            percent = 100 * change["mean"] / level if level else 0.0
            if _sign(change) == direction and abs(percent) > PRICE_PERCENT:
                prices.append(f"{words} {percent:+.0f} %")
    if own and {"blocked_ms", "pass_s"} <= own[0].summary.keys():
        change = difference(own, base, "blocked_ms")
        length_ms = 1000 * sum(r.summary["pass_s"] for r in own if r.ok) / max(1, sum(r.ok for r in own))
        if _sign(change) > 0 and change["mean"] > PRICE_PERCENT / 100 * length_ms:
            prices.append(
                f"others blocked for {change['mean'] / 1000:.0f} s in all, in a pass of {length_ms / 1000:.0f} s"
            )
    same = bool(reference) and identical(own, reference)
    return Finding(difference(own, base), difference(own, reference), identical(own, base), same, tuple(prices))


def tried(configs: Iterable[StudyConfig]) -> str:
    """Return the range in which a verdict was tried: what decides whether requests wait for each other or for marks.

    Examples
    --------
    >>> tried([StudyConfig()]), tried([StudyConfig(requesters=4, min_free_kbytes=65536), StudyConfig()])
    ("1 requester, the kernel's marks", '1 or 4 requesters, marks of the kernel or min_free_kbytes=65536')
    """
    configs = list(configs)
    requesters = sorted({config.requesters for config in configs})
    marks = sorted({config.min_free_kbytes for config in configs})
    told = " or ".join(map(str, requesters)) + (" requester" if requesters == [1] else " requesters")
    if marks == [0]:
        return f"{told}, the kernel's marks"
    return f"{told}, marks of " + " or ".join(f"min_free_kbytes={size}" if size else "the kernel" for size in marks)


def verdict(findings: Mapping[str, Finding], reference: str, is_reference: bool = False, *, where: str) -> str:
    """Return the verdict on a policy in one line.

    Parameters
    ----------
    findings : mapping of str to Finding
        One for each machine.
    reference : str
        Name of the reference.
    is_reference : bool
        The policy is the reference itself, and is not compared with it.
    where : str
        Of `tried`.
    """
    all_of = list(findings.values())
    signs = [found.sign for found in all_of]
    prices = [f"{price} ({machine})" for machine, found in findings.items() for price in found.prices]
    if not any(found.gain["n"] > 1 for found in all_of):
        return "no result"
    if all(found.idle for found in all_of):
        return f"does not engage where it was tried ({where}): the very runs of no capture"
    if not any(sign > 0 for sign in signs):
        head = "a loss" if any(sign < 0 for sign in signs) else "shows no gain"
    elif all(sign > 0 for sign in signs):
        head = "gains at a price" if prices else "worth it"
    else:
        head = "depends on the machine: gains on " + ", ".join(m for m, f in findings.items() if f.sign > 0) + " only"
    told = [head] if is_reference else [head, _against(findings, reference, where)]
    return "; ".join([*told, *prices])


def _against(findings: Mapping[str, Finding], reference: str, where: str) -> str:
    """Return how a policy stands to the reference on all machines."""
    if all(found.same for found in findings.values()):
        return f"the very runs of {reference} where it was tried ({where})"
    told = []
    for sign, word in ((1, "better"), (-1, "worse")):
        machines = [m for m, f in findings.items() if not f.same and _sign(f.against) == sign]
        if machines:
            told.append(f"{word} than {reference}" + (f" on {', '.join(machines)}" if len(findings) > 1 else ""))
    return ", ".join(told) or f"not told apart from {reference}"
