"""A configuration as a TOML file that explains itself: every parameter with what it means, its unit and its range.

The words are those of the docstring of `StudyConfig`, so that they are written in one place.
"""

import re
from dataclasses import fields
from inspect import cleandoc
from textwrap import wrap

from ..presets import PRESETS
from ..sizes import size_text
from .config import LEAST_REQUESTED, StudyConfig
from .ranges import WORDS, allowed_range

__all__ = ["commented_toml"]

WIDTH = 99
_HEAD = """\
# A machine and its load, for `buddycap study --config FILE`.  Every line may be left out: then it has the value of its
# preset, which is what stands here.  A size of the memory is bytes or a text such as "512MiB" or "4G".
"""


def commented_toml(config: StudyConfig) -> str:
    """Return a configuration as a TOML text with a comment for each parameter.

    Parameters
    ----------
    config : StudyConfig

    Returns
    -------
    str
        What `StudyConfig.from_toml` reads back as the same configuration.

    Examples
    --------
    >>> print("\\n".join(commented_toml(StudyConfig()).splitlines()[3:9]))
    # "x86_64" (huge pages of order 9) or "ppc64" (order 12).
    preset = "x86_64"  # str: x86_64, ppc64
    <BLANKLINE>
    memory = "1GiB"  # least: 128MiB
    <BLANKLINE>
    # 0: from the size of the memory, as the kernel does; with faulting threads as its khugepaged does.
    """
    kinds = {field.name: field.type for field in fields(StudyConfig)}
    parts = [_HEAD]
    for names, units, words in _entries():
        lines = [f"# {line}" for line in wrap(words, WIDTH, break_on_hyphens=False)]
        for name, unit in zip(names, units, strict=True):
            lines.append(_setting(config, name, unit, kinds[name]))
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _entries() -> list[tuple[list[str], list[str], str]]:
    """Return the entries of the docstring of `StudyConfig`: names, the unit of each, and what they mean."""
    text = cleandoc(StudyConfig.__doc__ or "").partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    found = []
    for entry in re.split(r"\n(?=\S)", text):
        head, _, words = entry.partition("\n")
        names, _, kind = head.partition(" : ")
        each = names.split(", ")
        units = _units(kind, len(each))
        found.append((each, units, " ".join(words.split())))
    return found


def _units(kind: str, count: int) -> list[str]:
    """Return the units of the parameters of an entry: one for all of them, or one for each.

    Examples
    --------
    >>> _units("int, pages, pages, permille of memory", 3), _units("int, ms", 2), _units("int, ms, and float", 2)
    (['pages', 'pages', 'permille of memory'], ['ms', 'ms'], ['ms', ''])
    """
    words = [word.removeprefix("and ").strip() for word in kind.split(", ")]
    told = [word for word in words if word not in ("int", "float", "bool", "str") and ".." not in word]
    if len(told) == 1 and "float" not in words:
        told *= count
    return (told + [""] * count)[:count]


def _setting(config: StudyConfig, name: str, unit: str, kind: object) -> str:
    """Return the line that sets a parameter."""
    value = getattr(config, name)
    if name == "memory_pages":
        least = size_text(LEAST_REQUESTED << PRESETS[config.preset].pageblock_order)
        return f'memory = "{size_text(value)}"  # least: {least}'
    if kind is bool:
        return f"{name} = {str(value).lower()}  # true or false"
    if kind is str:
        return f'{name} = "{value}"' + (f"  # str: {', '.join(WORDS[name])}" if name in WORDS else "")
    low, high = allowed_range(name)
    return f"{name} = {value}  # {unit + ', ' if unit else ''}{low} to {high}"
