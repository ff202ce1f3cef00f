"""Does the comparison say what its runs say: means over periods, published figures, and verdicts by the stated rule?"""

import json
from dataclasses import replace

import pytest

from buddycap import POLICIES
from buddycap.cli import main
from buddycap.study.comparison import PUBLISHED, averaged, compare_plan, comparison
from buddycap.study.findings import finding, verdict
from buddycap.study.store import Record

SEEDS = (1, 2, 3, 4)
PLAN = compare_plan("none,v3,v4", SEEDS, [0.5, 1, 2], 1 << 20)


def runs(policy, level, spread=0.1, state=None, **other):
    """One run for each seed, around a level."""
    return [
        Record(
            "x86_64", policy, s, "", f"{state or policy}{s}", {"success_percent": level + spread * (s % 2), **other}, {}
        )
        for s in SEEDS
    ]


def judged(own, base, reference):
    return verdict({"x86_64": finding(own, base, reference)}, "v3", where="1 requester")


NONE = runs("none", 50.0, background_per_s=1000.0, latency_ms=100.0)
V3 = runs("v3", 53.0, spread=0.2, background_per_s=1000.0, latency_ms=100.0)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (
            runs("p", 50.0, state="none"),
            "does not engage where it was tried (1 requester): the very runs of no capture",
        ),
        (
            runs("p", 53.0, spread=0.2, state="v3"),
            "worth it; the very runs of v3 where it was tried (1 requester)",
        ),
        (runs("p", 53.0, spread=0.3), "worth it; not told apart from v3"),
        (runs("p", 55.0), "worth it; better than v3"),
        (runs("p", 51.0), "worth it; worse than v3"),
        (runs("p", 50.0, spread=0.2), "shows no gain; worse than v3"),
        (runs("p", 45.0), "a loss; worse than v3"),
        (
            runs("p", 55.0, background_per_s=500.0, latency_ms=104.0),
            "gains at a price; better than v3; background work -50 % (x86_64)",
        ),
        (
            runs("p", 55.0, background_per_s=1000.0, latency_ms=120.0),
            "gains at a price; better than v3; latency +20 % (x86_64)",
        ),
    ],
)
def test_the_rule(own, expected):
    jitter = [replace(r, summary={k: v + 1e-3 * (r.seed % 2) for k, v in r.summary.items()}) for r in own]
    assert judged(jitter, NONE, V3) == expected


def test_time_that_others_stand_blocked_is_a_price():
    base, v3 = ([replace(r, summary={**r.summary, "blocked_ms": 0.0, "pass_s": 100.0}) for r in s] for s in (NONE, V3))
    for blocked, told in ((7000.0, True), (3000.0, False)):
        own = [
            replace(r, policy="p", digest=f"p{r.seed}", summary={**r.summary, "blocked_ms": blocked + r.seed})
            for r in v3
        ]
        assert ("; others blocked for 7 s in all, in a pass of 100 s (x86_64)" in judged(own, base, v3)) is told


def test_without_two_pairs_nothing_is_said():
    assert judged([], NONE, V3) == "no result"
    assert judged(runs("p", 60.0)[:1], NONE, V3) == "no result"
    assert finding([], NONE, V3).words("v3") == "no result"


def test_a_gain_on_one_machine_only():
    machines = {"x86_64": finding(runs("p", 53.0), NONE, V3), "ppc64": finding(runs("p", 50.0, spread=0.2), NONE, V3)}
    assert verdict(machines, "v3", where="").startswith(
        "depends on the machine: gains on x86_64 only; worse than v3 on "
    )


def test_the_mean_over_periods_is_taken_seed_by_seed():
    records = [
        Record(case.label, task.policy.name, task.seed, "", "d", {"success_percent": 10.0 * k + task.seed}, {})
        for k, (case, task) in enumerate(PLAN.tasks())
        if task.policy.name == "none"
    ]
    plan, means = averaged(PLAN, records)
    assert [case.label for case in plan.cases] == list(PUBLISHED)
    assert len(means) == 2 * len(SEEDS)
    x86 = [r.summary["success_percent"] for r in records if r.case.startswith("x86_64") and r.seed == 2]
    assert len(x86) == 3
    assert means[1].summary["success_percent"] == sum(x86) / 3
    broken = [replace(records[1], error="hung"), *records[:1], *records[2:]]
    assert [r.error for r in averaged(PLAN, broken)[1] if r.seed == 2 and r.case == "x86_64"] == ["hung"]


def test_published_figures_stand_beside_ours():
    records = [
        Record(c.label, t.policy.name, t.seed, "", "", {"success_percent": value(c, t)}, {}) for c, t in PLAN.tasks()
    ]
    result = comparison(PLAN, records)
    x86, ppc = result["machines"]
    assert (x86["contains_published"], x86["above_zero"]) == (True, True)
    assert (ppc["contains_published"], ppc["above_zero"]) == (False, False)
    assert x86["baseline_off_by"] == pytest.approx(50.5 - 54.1)
    assert [row["policy"] for row in result["policies"]] == ["v3", "v4"]
    assert set(result["calibrated"]["x86_64"]) == set(result["calibrated"]["ppc64"])


def value(case, task):
    """Success by hand: x86_64 gains 2.5 with v3, ppc64 nothing."""
    gain = {"none": 0.0, "v3": 2.5 + 0.1 * (task.seed % 2), "v4": 9.0}[task.policy.name]
    return 50.0 + task.seed % 2 + (gain if case.config.preset == "x86_64" else 0.2 * (task.seed % 2) - 0.1)


def test_the_command(capsys, tmp_path):
    words = ["compare", "--memory", "1GiB", "--seeds", "2", "--periods", "0.5", "--jobs", "2", "--out", str(tmp_path)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "+2.48" in printed
    assert "+5.55" in printed
    assert "calibrated, ppc64" in printed
    assert "tried with 1 requester, the kernel's marks" in printed
    assert main([*words, "--resume", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert f"{result['machines'][1]['gain']['mean']:+.2f} ± " in printed
    assert result["policies"][0]["verdict"] in printed


def test_a_verdict_names_the_range_in_which_it_was_tried():
    four = replace(PLAN, cases=tuple(replace(case, config=case.config.replace(requesters=4)) for case in PLAN.cases))
    for plan, told in ((PLAN, "1 requester, the kernel's marks"), (four, "4 requesters, the kernel's marks")):
        records = [
            Record(c.label, t.policy.name, t.seed, "", "same", {"success_percent": 5.0}, {}) for c, t in plan.tasks()
        ]
        result = comparison(plan, records)
        assert result["tried"] == told
        assert (
            result["policies"][0]["verdict"]
            == f"does not engage where it was tried ({told}): the very runs of no capture"
        )


def test_all_policies_can_be_compared():
    plan = compare_plan("all", [1], [1], 1 << 18)
    assert [policy.name for policy in plan.policies] == list(POLICIES)


def test_mainline_comes_first(capsys):
    """Its column stands beside the published one; another policy's figures would stand there under its name."""
    for policies in ("v3", "v3,none"):
        assert main(["compare", "--policies", policies]) == 2
        assert "'none', the mainline of 2008, comes first" in capsys.readouterr().err
    assert main(["compare", "--policies", "none", "--memory", "1GiB", "--seeds", "1", "--periods", "1"]) == 0
    assert "Gain over" not in capsys.readouterr().out
