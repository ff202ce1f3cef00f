"""Does the report for users of mmtests say what the runs say?"""

import re

import pytest

from buddycap import POLICIES
from buddycap.cli import main
from buddycap.study.config import StudyConfig
from buddycap.study.plan import Case, Plan
from buddycap.study.store import Record
from buddycap.views.mmtests import mmtests_html, mmtests_text

PLAN = Plan((Case("x86_64", StudyConfig()),), (POLICIES["none"], POLICIES["v3"]), (1, 2, 3))


def records(**figures):
    """Runs with these figures: for each policy a value a seed."""
    found = []
    for k, policy in enumerate(PLAN.policies):
        for n, seed in enumerate(PLAN.seeds):
            summary = {name: values[k][n] for name, values in figures.items()}
            found.append(Record("x86_64", policy.name, seed, "", str(seed), summary, {}))
    return found


RUNS = records(
    success_percent=([50.0, 52.0, 54.0], [55.0, 57.5, 59.0]), latency_ms=([100.0, 120.0, 140.0], [90.0, 126.0, 120.0])
)


def test_rows_are_what_the_runs_say():
    lines = [line.split() for line in mmtests_text(PLAN, RUNS).splitlines()]
    assert lines[0] == ["x86_64", "none", "v3"]
    rows = {tuple(line[:2]): line[2:] for line in lines[1:9]}
    assert rows["Amean", "Success"] == ["1", "52.00", "(", ")", "57.17", "*", "9.94%*"]
    assert rows["Amean", "latency-ms"] == ["120.00", "(", ")", "112.00", "(", "6.67%)"], (
        "less of it is better, not certain"
    )
    assert rows["Max", "latency-ms"][-1] == "10.00%)"
    assert rows["Stddev", "Success"][:4] == ["1", "2.00", "(", ")"]


def test_a_loss_is_negative_and_certain():
    text = mmtests_text(PLAN, records(success_percent=([50.0, 52.0, 54.0], [40.0, 42.5, 44.0])))
    assert re.search(r"Amean +Success 1 +52\.00 \( +\) +42\.17 \* +-18\.91%\*", text)


def test_a_figure_that_is_not_there_has_no_row():
    text = mmtests_text(PLAN, RUNS)
    assert "fault-huge" not in text
    assert "Success 2" not in text


def test_the_page_needs_nothing_else():
    page = mmtests_html(PLAN, RUNS, title="<none> | v3", notes=["a & b"])
    assert not re.search(r"(?:src|href)=|url\(|@import|https?://|<script", page)
    assert "<h1>&lt;none&gt; | v3</h1><p>a &amp; b</p>" in page
    assert page.count('class="better"') == 1
    assert page.count("<tr") == 9


@pytest.mark.parametrize("form", ["mmtests", "html"])
def test_the_commands_print_it(form, capsys):
    assert main(["study", "--memory", "128M", "--seeds", "2", "--jobs", "1", "--format", form]) == 0
    out = capsys.readouterr().out
    assert "Success 1" in out
    assert out.startswith("<!DOCTYPE html>") == (form == "html")
