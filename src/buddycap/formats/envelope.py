"""What a kernel's log is wrapped in: quotes of mail, syslog and journald heads, stamps, levels, callers; encodings.

A line comes through several hands before it is read here, and each puts something in front of it. `unwrap` takes the
layers off, from the left, until nothing that is known is left. A whole mail may be encoded besides (`plain_mail`).
"""

import html
import re
from dataclasses import dataclass

__all__ = ["Unwrapped", "plain_mail", "unwrap"]

MOST_LAYERS = 8

_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
_ISO = rf"\d{{4}}-\d\d-\d\d[T ]{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?"
_KERNEL = r"kernel(?:\[\d+\]|\[-\])?:(?= |$) ?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_NAME = r"[^\W\d_]{1,9}\.?"  # of a weekday or month: dmesg -T prints them in the language of the session
_LEVEL = r"(?:emerg|alert|crit|err|warning|notice|info|debug)"
_LAYERS = (
    r"(?:>|\|)+ ?",  # mail, forum
    rf"(?P<syslog>{_MONTH} [ \d]\d {_CLOCK}) \S+(?:$| (?:{_KERNEL})?)",  # old ones do not name the kernel
    rf"(?P<iso>{_ISO}) (?:\S+ {_KERNEL})?",
    rf"(?:\.+ ?)?{_KERNEL}",  # pasted without the head
    r"\[ *(?P<stamp>\d+\.\d+)\](?: |$)?",
    r"\[ *(?P<caller>[TC]\d+)\](?: |$)?",  # CONFIG_PRINTK_CALLER
    rf"\[(?P<ctime>{_NAME} {_NAME} [ \d]\d {_CLOCK} \d{{4}})\] ?",  # dmesg -T
    rf"\[(?P<serial>{_ISO})\] ?",  # terminal programs
    r"<\d{1,3}>",  # dmesg -r, consoles
    r"(?:kern|user|daemon) *:[a-z]+ *: ?",  # dmesg -x
    rf"{_LEVEL}\|kernel\[[-\d]+\]\|",  # fields between bars, by a template of rsyslog
    r"```\w*|(?:[-*+] )(?=\[|<\d)|</?(?:pre|code|p|br|div|span)[^<>]{0,80}>",  # Markdown, HTML
)
_LAYER = re.compile("|".join(f"(?:{layer})" for layer in _LAYERS))
_CONTROL = re.compile("#01[0-5]")  # rsyslog writes line ends and tabs so
_CODED = re.compile(rb"=([0-9A-F]{2})")
_HARD_BLANK = re.compile(rb"(?:=C2)?=A0")
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
    if "#01" in line:
        line = _CONTROL.sub(" ", line)
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


def plain_mail(piece: bytes) -> bytes:
    """Undo the quoted-printable encoding of a mail, in which `=` ends a cut line and `=3D` is an equals sign.

    Parameters
    ----------
    piece : bytes
        Whole lines.

    Returns
    -------
    bytes
        As many lines: what a cut line went on with stands in it, and empty lines follow. A text that has an equals
        sign of its own is returned as it is: such a mail has none.

    Examples
    --------
    >>> plain_mail(b"DMA: 1*4kB =3D 4k=\\nB\\n")
    b'DMA: 1*4kB = 4kB\\n\\n'
    >>> plain_mail(b"DMA: 1*4kB =\\n4kB, mode=3D\\n1*8kB = 8kB\\n").count(b"=")
    3
    """
    if b"=3D" not in piece or b" = " in piece:
        return piece
    lines: list[bytes] = []
    parts: list[bytes] = []
    for line in piece.split(b"\n"):
        cut = line.rstrip(b"\r").endswith(b"=")
        parts.append(line.rstrip(b"\r").removesuffix(b"="))
        if not cut:
            lines += [b"".join(parts), *[b""] * (len(parts) - 1)]
            parts = []
    if parts:
        lines += [b"".join(parts), *[b""] * (len(parts) - 1)]
    text = _HARD_BLANK.sub(b" ", b"\n".join(lines))
    return _CODED.sub(lambda code: bytes((int(code[1], 16),)), text)
