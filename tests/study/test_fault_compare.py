"""Does the comparison of Linux 6.1 say what its runs say: scenes as means over threads, changes, verdicts?"""

import json

import pytest

from buddycap import COMPACTION_POLICIES, MisuseError
from buddycap.cli import main
from buddycap.study.faultcomparison import PUBLISHED_FAULTS, THREADS, fault_comparison, fault_plan, relative
from buddycap.study.store import Record

SEEDS = (1, 2, 3, 4)
PLAN = fault_plan("off,capture,held", SEEDS, 1 << 20, (3, 12))


def made(plan, level):
    """A run for every task, with figures by scene, number of threads, policy and seed."""
    return [
        Record(case.label, task.policy.name, task.seed, "", f"{case.label} {task.seed} {task.policy.name}", figures, {})
        for case, task in plan.tasks()
        for figures in [level(case.label.split()[0], case.config.threads, task.policy.name, task.seed)]
    ]


def level(scene, threads, policy, seed):
    gain = {"off": 0.0, "capture": 10.0 if scene == "contended" else 0.0, "held": -5.0}[policy]
    return {
        "success_percent": 50.0 + threads + gain + 0.1 * (seed % 2) * (policy == "capture"),
        "compact_free_scanned": 1000.0 * (0.7 if policy == "capture" else 1.0) + seed,
        "latency_ms": 2.0 * threads,
        "background_per_s": 100.0,
    }


def test_scenes_are_means_over_threads():
    result = fault_comparison(PLAN, made(PLAN, level))
    rows = {(row["case"], row["policy"]): row for row in result["scenes"]}
    assert len(rows) == 6
    full = rows["contended", "capture"]
    assert full["figures"]["success_percent"]["mean"] == pytest.approx(67.55)
    assert full["gain"]["mean"] == pytest.approx(10.05)
    assert full["changes"]["compact_free_scanned"]["mean"] == pytest.approx(-30, abs=0.1)
    assert full["changes"]["latency_ms"]["mean"] == 0
    assert full["changes"]["latency_huge_ms"]["n"] == 0, "there is no such figure"
    assert full["verdict"] == "worth it"
    assert rows["roomy", "capture"]["verdict"] == "shows no gain"
    assert rows["contended", "held"]["verdict"] == "a loss; worse than capture"
    assert rows["contended", "off"]["verdict"] is None
    assert [row["case"] for row in result["threads"][:3]] == ["contended threads=3"] * 3


def test_changes_are_paired_by_seed():
    base = [Record("", "off", s, "", "", {"latency_ms": 10.0 * s}, {}) for s in SEEDS]
    own = [Record("", "held", s, "", "", {"latency_ms": 11.0 * s}, {}) for s in reversed(SEEDS)]
    assert relative(own, base, "latency_ms")["mean"] == pytest.approx(10)
    assert relative(own, base, "nothing")["n"] == 0
    assert relative([], base, "latency_ms")["n"] == 0


def test_what_was_published_is_told_as_differences():
    told = fault_comparison(PLAN, made(PLAN, level))["published"]
    assert {name: set(one["success_percent"]) for name, one in told.items()} == {name: set(THREADS) for name in told}
    assert round(told["P1"]["compact_free_scanned"]) == -37
    assert round(told["P2"]["compact_migrate_scanned"]) == -6
    up = {name: sum(gain > 0 for gain in one["success_percent"].values()) for name, one in told.items()}
    assert up == {"P1": 6, "P2": 7}
    assert set(told) == set(PUBLISHED_FAULTS)


def test_the_command_runs_both_scenes(capsys):
    words = ["compare", "--kernel", "6.1", "--memory", "128MiB", "--threads", "3", "--seeds", "2", "--jobs", "1"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "contended" in text
    assert "roomy" in text
    assert "published, P1" in text
    assert main([*words, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["scenes"]) == 4


def test_the_command_takes_every_kernel_that_compacts(capsys):
    small = ["--memory", "128MiB", "--threads", "3", "--seeds", "1", "--jobs", "1", "--json"]
    assert main(["compare", "--kernel", "6.12", *small]) == 0
    assert len(json.loads(capsys.readouterr().out)["scenes"]) == 4
    assert {case.config.kernel for case in fault_plan("off", SEEDS, 1 << 20, (3,), "6.12").cases} == {"6.12"}


def test_a_parameter_with_fractions_is_a_float_in_every_case(tmp_path):
    """5 MiB/s beside 3.75: Parquet wants one type for a column."""
    parquet = pytest.importorskip("pyarrow.parquet")
    words = ["study", "--kernel", "6.1", "--memory", "128MiB", "--threads", "1", "--policies", "off", "--seeds", "1"]
    sweep = ["--sweep", "stream_mib_per_s=5,3.75", "--sweep", "warmup_s=1", "--jobs", "1", "--executor", "thread"]
    assert main([*words, *sweep, "--out", str(tmp_path / "out")]) == 0
    table = parquet.read_table(tmp_path / "out" / "faults.parquet")
    assert set(table["stream_mib_per_s"].to_pylist()) == {5.0, 3.75}


def test_misuse_is_refused(capsys):
    with pytest.raises(MisuseError, match="'off'"):
        fault_plan([COMPACTION_POLICIES["capture"]], SEEDS, 1 << 20)
    for words, what in (
        ("compare --threads 3", "goes with --kernel 6.1 or 6.12"),
        ("compare --kernel 6.1 --threads many", "whole numbers"),
        ("compare --kernel 6.1 --periods 1", "--periods"),
        ("compare --kernel 6.1 --seeds 0", "at least 1"),
    ):
        assert main(words.split()) == 2
        assert what in capsys.readouterr().err
