"""Writes the table of policies in docs/policies.md from the rows themselves.

python tools/generate_policies.py
"""

from dataclasses import fields
from pathlib import Path

from pages import placed, table

from buddycap import POLICIES, CapturePolicy

PAGE = Path(__file__).resolve().parent.parent / "docs" / "policies.md"
TEXTS = ("name", "source", "rule", "hook")


def fields_of(row: CapturePolicy) -> str:
    """Return the fields that have not their usual values."""
    shown = []
    for field in fields(row):
        value = getattr(row, field.name)
        if field.name not in TEXTS and value != getattr(CapturePolicy, field.name):
            shown.append(f"`{field.name}`" if value is True else f"`{field.name}={value}`")
    return ", ".join(shown) or "none"


def page(text: str) -> str:
    """Return docs/policies.md with the table of the registered policies."""
    rows = [[f"`{row.name}`", fields_of(row), row.source, row.rule] for row in POLICIES.values()]
    return placed(text, "policies", table(["policy", "fields", "who, when", "rule"], rows))


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
