"""Writes the table of policies in docs/policies.md from the rows themselves.

python docs/generate_policies.py
"""

from dataclasses import fields
from pathlib import Path

from buddycap import POLICIES, CapturePolicy

PAGE = Path(__file__).resolve().parent / "policies.md"
BEGIN, END = "<!-- policies:begin -->\n", "<!-- policies:end -->"
TEXTS = ("name", "source", "rule", "hook")


def fields_of(row: CapturePolicy) -> str:
    """Return the fields that have not their usual values."""
    shown = []
    for field in fields(row):
        value = getattr(row, field.name)
        if field.name not in TEXTS and value != getattr(CapturePolicy, field.name):
            shown.append(f"`{field.name}`" if value is True else f"`{field.name}={value}`")
    return ", ".join(shown) or "none"


def table() -> str:
    """Return the table of the registered policies."""
    lines = ["| policy | fields | who, when | rule |", "|---|---|---|---|"]
    lines += [f"| `{row.name}` | {fields_of(row)} | {row.source} | {row.rule} |" for row in POLICIES.values()]
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """Return a page with the table in its place."""
    head, _, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise SystemExit(f"{PAGE}: the marks {BEGIN.strip()} and {END} are missing")
    return head + BEGIN + table() + END + tail


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
