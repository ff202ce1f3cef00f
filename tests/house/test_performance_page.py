"""Is docs/performance.md what the committed results say, and are the results whole?"""

import json
import subprocess
import sys

import pytest

from sourcelint import ROOT

RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.jsonl"))
REPORT = [sys.executable, str(ROOT / "benchmarks" / "report.py")]
PROVENANCE = {"commit", "dirty", "cpu", "cores", "kernel", "compiler", "cflags", "build", "python", "versions", "date"}


def test_page_is_the_generated_one():
    result = subprocess.run([*REPORT, "--check"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, f"run python benchmarks/report.py --pictures\n{result.stderr}"


def test_the_check_can_fail(tmp_path):
    changed = tmp_path / "performance.md"
    changed.write_text((ROOT / "docs" / "performance.md").read_text() + "|\n")
    result = subprocess.run([*REPORT, "--check", "--output", str(changed)], capture_output=True, timeout=60)
    assert result.returncode == 1


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_every_result_says_where_it_comes_from(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert path.stat().st_size < 200_000
    assert set(lines[0]["machine"]) >= PROVENANCE
    measured = [line for line in lines if "title" in line]
    assert measured
    for line in measured:
        assert line["load"] >= 0
        if line.get("baseline") not in (None, "one byte"):
            assert line["repetitions"] >= 5
            ratio = line["ratio"]
            assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]


def figures_of_goals(kernel):
    return {
        (record["workload"], record["size"], record["baseline"])
        for path in RESULTS
        for record in map(json.loads, path.read_text().splitlines())
        if record.get("goal") is not None and record.get("kernel", "2.6.27") == kernel
    }


def test_every_goal_has_its_figure():
    measured = figures_of_goals("2.6.27")
    for workload in ("free_random", "alloc_merged", "free_half", "alloc_fragmented", "mixed"):
        for size in ("1GiB", "16GiB"):
            assert (workload, size, "kernel-style C") in measured
    assert ("capture", "1GiB", "kernel-style C") in measured
    assert ("mixed", "1GiB", "dict buddy") in measured
    assert {("call_pair", "1GiB", "two empty calls"), ("call_bulk_of_one", "1GiB", "two empty calls")} <= measured
    modern = figures_of_goals("6.1")
    assert {(key, "1GiB", "kernel-style C") for key in ("free_random", "free_half", "alloc_merged", "mixed")} <= modern
    assert {("call_pair", "1GiB", "two empty calls"), ("memory", "1GiB", "one byte")} <= modern
