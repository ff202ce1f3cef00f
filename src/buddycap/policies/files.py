"""Policies in TOML files, so that an idea of one's own runs beside the registered ones.

[patient]                   # one table a policy
like = "v3"                 # what it starts from; "none" if not said
hold_rounds = 4
rule = "as hold, but for four rounds"
"""

import json
import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..errors import FormatError, PolicyError
from ..nearest import meant
from ..tomltext import line_of, read_toml
from .capture import POLICIES, CapturePolicy
from .compaction import COMPACTION_POLICIES, CompactionPolicy

__all__ = ["Policy", "find_policies", "load_policies", "policies_to_toml"]

Policy = CapturePolicy | CompactionPolicy

_BASE = "like"
_PLAIN = "off"  # the row of compaction all of whose fields have their usual values
_REGISTERED: dict[str, Policy] = {**POLICIES, **COMPACTION_POLICIES}


def policies_to_toml(policies: Policy | Iterable[Policy]) -> str:
    """Return policies as a TOML text that `load_policies` reads.

    Parameters
    ----------
    policies : CapturePolicy, CompactionPolicy, or iterable of them

    Raises
    ------
    PolicyError
        If one has a hook, which is code and not data.

    Examples
    --------
    >>> from buddycap import POLICIES
    >>> print(policies_to_toml(POLICIES["v3"].replace(name="two and up", capture_min_order=2, source="", rule="")))
    ["two and up"]
    capture = true
    capture_min_order = 2
    <BLANKLINE>
    """
    rows = [policies] if isinstance(policies, CapturePolicy | CompactionPolicy) else list(policies)
    return "\n".join(_table(row) for row in rows)


def _table(row: Policy) -> str:
    """Return one policy as a table with the fields that have not their usual values."""
    if isinstance(row, CapturePolicy) and row.hook is not None:
        raise PolicyError(f"policy {row.name!r}: its hook is a function and cannot be written to a file")
    name = row.name if re.fullmatch(r"[A-Za-z0-9_-]+", row.name) else _text(row.name)
    values = {field.name: getattr(row, field.name) for field in fields(row) if field.name != "name"}
    changed = {key: value for key, value in values.items() if value != getattr(type(row), key)}
    if isinstance(row, CompactionPolicy):
        changed = {_BASE: _PLAIN, **changed}
    return f"[{name}]\n" + "".join(f"{key} = {_text(value)}\n" for key, value in changed.items())


def _text(value: object) -> str:
    """Return a value as TOML writes it: as JSON does, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def load_policies(path: str | Path) -> dict[str, Policy]:
    """Read the policies of a TOML file.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict of str to CapturePolicy or CompactionPolicy
        In the order of the file.

    Raises
    ------
    FormatError
        If the file is no TOML, is empty, or not made of tables.
    PolicyError
        If a field is unknown, out of range or contradicts another, or a registered policy has the name. Both tell
        file and line.
    OSError
        If it cannot be read.

    Notes
    -----
    `like` names a registered policy or an earlier one of the file; its fields are taken over, but not `source` and
    `rule`. A hook cannot stand in a file.
    """
    file = str(path)
    text, tables = read_toml(path)
    if not tables:
        raise FormatError("no policy in it: a table for each is wanted, such as [mine]", file)
    rows: dict[str, Policy] = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise FormatError(f"{name}: a table for each policy is wanted, such as [{name}]", file, line_of(text, name))
        try:
            rows[name] = _row(name, table, rows)
        except PolicyError as error:
            raise PolicyError(f"{file}:{_line_of_field(text, name, str(error))}: {error}") from None
    return rows


def _row(name: str, table: dict[str, Any], earlier: dict[str, Policy]) -> Policy:
    """Return the policy that a table describes."""
    if name in _REGISTERED:
        raise PolicyError(f"policy {name!r}: a registered policy has that name")
    for field in ("hook", "name"):
        if field in table:
            raise PolicyError(f"policy {name!r}: {field}: cannot be given in a file")
    changes = dict(table)
    base = changes.pop(_BASE, "none")
    known = {**_REGISTERED, **earlier}
    if not isinstance(base, str) or base not in known:
        raise PolicyError(f"policy {name!r}: {_BASE}={base!r}: {meant(str(base), known)}")
    return known[base].replace(name=name, source="", rule="").replace(**changes)


def _line_of_field(text: str, table: str, message: str) -> int:
    """Return the line of the field that a message is about, or that of its table."""
    begin = line_of(text, table, header=True) or 1
    field = re.search(r"': (?:unknown field ')?(\w+)", message)
    return (line_of(text, field[1], after=begin) if field else None) or begin


def find_policies(names: str | Iterable[str | Policy], kernel: str = "2.6.27") -> tuple[Policy, ...]:
    """Return policies by their names, or by the files that they stand in.

    Parameters
    ----------
    names : str or iterable
        Names of registered policies, "all" for all those of a kernel, paths of TOML files (ending in ".toml": all
        policies in it), "FILE.toml:NAME" for one of these, or rows. A text may hold several, separated by commas.
    kernel : str
        Whose policies "all" are.

    Raises
    ------
    PolicyError
        If there is no such policy, or two different ones have one name.
    FormatError
        If a file is damaged.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> [row.name for row in find_policies("none,v3,off")]
    ['none', 'v3', 'off']
    """
    parts = names.split(",") if isinstance(names, str) else names
    found: dict[str, Policy] = {}
    for part in parts:
        for row in _rows(part.strip() if isinstance(part, str) else part, kernel):
            if found.setdefault(row.name, row) != row:
                raise PolicyError(f"policy {row.name!r}: two different policies have that name")
    return tuple(found.values())


def _rows(name: str | Policy, kernel: str) -> Iterable[Policy]:
    """Return the policies that one name stands for."""
    if not isinstance(name, str):
        return (name,)
    if name in _REGISTERED:
        return (_REGISTERED[name],)
    file, colon, wanted = name.rpartition(":")
    if colon and file.endswith(".toml"):
        rows = load_policies(file)
        if wanted not in rows:
            raise PolicyError(f"{file}: no policy {wanted!r} in it; {meant(wanted, rows)}")
        return (rows[wanted],)
    if name == "all":
        return [row for row in _REGISTERED.values() if kernel in row.kernels]
    if name.endswith(".toml"):
        return load_policies(name).values()
    raise PolicyError(f"unknown policy {name!r}; {meant(name, _REGISTERED)}")
