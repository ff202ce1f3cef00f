"""Is the table of policies in docs/policies.md the table of the rows?"""

import runpy

from buddycap import POLICIES
from sourcelint import ROOT

DOCS, TOOLS = ROOT / "docs", ROOT / "tools"


def test_the_page_has_the_table_of_the_rows(monkeypatch):
    """`python tools/generate_policies.py` writes it."""
    monkeypatch.syspath_prepend(TOOLS)
    generate = runpy.run_path(str(TOOLS / "generate_policies.py"))
    text = (DOCS / "policies.md").read_text(encoding="utf-8")
    assert generate["page"](text) == text
    for name, row in POLICIES.items():
        assert f"| `{name}` | " in text
        assert row.source in text
        assert row.rule in text
