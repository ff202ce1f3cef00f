"""Writes the tables of policies in docs/policies.md from the rows themselves.

python tools/generate_policies.py
"""

from dataclasses import fields
from pathlib import Path

from pages import placed, table

from buddycap import COMPACTION_POLICIES, POLICIES, CapturePolicy, CompactionPolicy

PAGE = Path(__file__).resolve().parent.parent / "docs" / "policies.md"
TEXTS = ("name", "source", "rule", "hook")


def fields_of(row: CapturePolicy | CompactionPolicy) -> str:
    """Return the fields that have not their usual values."""
    shown = []
    for field in fields(row):
        value = getattr(row, field.name)
        if field.name not in TEXTS and value != getattr(type(row), field.name):
            shown.append(f"`{field.name}`" if value is True else f"`{field.name}={value}`")
    return ", ".join(shown) or "none"


def page(text: str) -> str:
    """Return docs/policies.md with the tables of the registered policies."""
    for name, registered in (("policies", POLICIES), ("compaction", COMPACTION_POLICIES)):
        rows = [[f"`{row.name}`", fields_of(row), row.source, row.rule] for row in registered.values()]
        text = placed(text, name, table(["policy", "fields", "who, when", "rule"], rows))
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
