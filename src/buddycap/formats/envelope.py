"""What stands before a line of a kernel's log: quotes of mail, syslog and journald heads, stamps, levels, callers.

A line comes through several hands before it is read here, and each puts something in front of it. `unwrap` takes the
layers off, from the left, until nothing that is known is left.
"""

import html
import re
from dataclasses import dataclass

__all__ = ["Unwrapped", "unwrap"]

MOST_LAYERS = 8

_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
_ISO = rf"\d{{4}}-\d\d-\d\d[T ]{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?"
_KERNEL = r"kernel(?:\[\d+\])?:(?= |$) ?"
_WEEKDAY, _MONTH = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)", r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_LAYERS = (
    r"(?:>|\|)+ ?",  # mail, forum
    rf"(?P<syslog>{_MONTH} [ \d]\d {_CLOCK}) \S+ {_KERNEL}",
    rf"(?P<iso>{_ISO}) (?:\S+ {_KERNEL})?",
    rf"(?:\.+ ?)?{_KERNEL}",  # pasted without the head
    r"\[ *(?P<stamp>\d+\.\d+)\](?: |$)?",
    r"\[ *(?P<caller>[TC]\d+)\](?: |$)?",  # CONFIG_PRINTK_CALLER
    rf"\[(?P<ctime>{_WEEKDAY} {_MONTH} [ \d]\d {_CLOCK} \d{{4}})\] ?",  # dmesg -T
    rf"\[(?P<serial>{_ISO})\] ?",  # terminal programs
    r"<\d{1,3}>",  # dmesg -r, consoles
    r"(?:kern|user|daemon) *:[a-z]+ *: ?",  # dmesg -x
    r"```\w*|(?:[-*+] )(?=\[|<\d)|</?(?:pre|code|p|br|div|span)[^<>]{0,80}>",  # Markdown, HTML
)
_LAYER = re.compile("|".join(f"(?:{layer})" for layer in _LAYERS))
_TIMES = ("syslog", "iso", "ctime", "serial", "stamp")


@dataclass(frozen=True)
class Unwrapped:
    """A line of a log without what stood before it.

    Parameters
    ----------
    text : str
        What is left; blanks at its ends are gone.
    when : str or None
        The time as the outermost layer that has one prints it.
    caller : str or None
        Task (`T123`) or CPU (`C4`) that printed the line, of kernels that say so.
    layers : int
        Layers with a time or a level that were taken off; 0 for a line that may go on from the one before.
    """

    text: str
    when: str | None = None
    caller: str | None = None
    layers: int = 0


def unwrap(line: str) -> Unwrapped:
    """Take the layers off a line.

    Parameters
    ----------
    line : str
        One line of a log, with or without its line end.

    Returns
    -------
    Unwrapped
        Text, time and caller.

    Notes
    -----
    At most 8 layers; O(line).

    Examples
    --------
    >>> unwrap("> Aug  8 09:56:22 host1 kernel: [430837.196000] [   C4] Mem-Info:")
    Unwrapped(text='Mem-Info:', when='Aug  8 09:56:22', caller='C4', layers=3)
    >>> unwrap("&lt;4&gt;[Wed May 23 16:58:12 2018] active_anon:25").text
    'active_anon:25'
    """
    if "&" in line:
        line = html.unescape(line)
    found: dict[str, str] = {}
    layers = 0
    text = line.strip()
    for _ in range(MOST_LAYERS):
        match = _LAYER.match(text)
        if match is None or not match[0]:
            break
        layers += match[0][0] not in ">|`"
        found.update((name, value) for name, value in match.groupdict().items() if value and name not in found)
        text = text[match.end() :].lstrip()
    when = next((found[name] for name in _TIMES if name in found), None)
    return Unwrapped(text.rstrip(), when, found.get("caller"), layers)
