"""Does a sensitivity vary every parameter once to both sides, and does it say what each of them moves?"""

import json
from dataclasses import fields

import pytest

from buddycap import POLICIES, MisuseError
from buddycap.cli import main
from buddycap.study.config import StudyConfig, preset_config
from buddycap.study.faultload import faulting_config
from buddycap.study.plan import Case, Plan, ablations, sweep
from buddycap.study.sensitivity import AS_IT_IS, HELD, MACHINE, sensitivity, swings, varied
from buddycap.study.store import Record

BASES = [Case(name, preset_config(name, 1 << 20)) for name in ("x86_64", "ppc64")]
FAULTING = faulting_config("6.1", 12, 1 << 20)
POLICY_PAIR = (POLICIES["none"], POLICIES["v3"])
SEEDS = (1, 2, 3)


def made(plan, gain):
    """A run for every task, with a gain that is told from the configuration and the seed."""
    return [
        Record(
            case.label,
            task.policy.name,
            task.seed,
            "",
            "",
            {"success_percent": 50.0 + (gain(case.config, task.seed) if task.policy.name == "v3" else 0.0)},
            {},
        )
        for case, task in plan.tasks()
    ]


def varied_somewhere(group="all"):
    """Every parameter that is varied under requests, or under faulting threads."""
    return {name for config in (StudyConfig(), FAULTING) for name in varied(config, 25, group)}


def test_every_parameter_is_varied_or_held_for_a_reason():
    names = {field.name for field in fields(StudyConfig)}
    assert varied_somewhere() | set(HELD) == names
    assert not varied_somewhere() & set(HELD)
    assert all(HELD.values())


def test_what_a_load_does_not_have_is_not_varied():
    assert not {"threads", "fault_permille", "readers", "slice_us"} & set(varied(StudyConfig(), 25))
    assert not {"process_pages", "hot_pages", "request_mib_per_s"} & set(varied(FAULTING, 25))


def test_a_parameter_is_of_the_load_or_of_the_machine():
    load, machine, both = (varied_somewhere(group) for group in ("load", "machine", "all"))
    assert machine == MACHINE
    assert load | machine == both
    assert not load & machine
    assert {"hot_pages", "warmup_permille", "request_mib_per_s"} <= load
    with pytest.raises(MisuseError, match="allowed are all, load, machine"):
        varied(StudyConfig(), 25, "disk")


@pytest.mark.parametrize("base", BASES, ids=lambda case: case.label)
def test_each_case_changes_one_parameter_to_both_sides(base):
    first, *cases = sensitivity([base], 25)
    assert first == base
    assert len({case.label for case in cases}) == len(cases) == 2 * len(varied(base.config, 25))
    for less, more in zip(cases[::2], cases[1::2], strict=True):
        pairs = {
            field.name: (
                getattr(less.config, field.name),
                getattr(base.config, field.name),
                getattr(more.config, field.name),
            )
            for field in fields(StudyConfig)
            if less.config.replace(**{field.name: getattr(base.config, field.name)}) == base.config
            and getattr(less.config, field.name) != getattr(base.config, field.name)
        }
        ((name, (low, was, high)),) = pairs.items()
        assert was - low == pytest.approx(high - was)
        assert (was - low) / was == pytest.approx(0.25, abs=0.51 / was)
        assert less.label == f"{base.label} {name}={low}"


@pytest.mark.parametrize("percent", [0, -1, 100, float("nan")])
def test_a_share_out_of_range(percent):
    with pytest.raises(MisuseError, match="above 0 and below 100"):
        sensitivity(BASES, percent)


def test_the_parameter_that_moves_most_comes_first():
    """By hand: the gain is 2, less hot pages add 9 and more take 1 away, fewer builds take 3; the rest does nothing."""

    def gain(config, seed):
        hot = {26250: 9.0, 43750: -1.0}.get(config.hot_pages, 0.0)
        fewer = -3.0 if config.builds_4gib < preset_config(config.preset, 1 << 20).builds_4gib else 0.0
        return 2.0 + hot + (fewer if config.preset == "x86_64" else 0.0) + 0.25 * seed

    plan = Plan(tuple(sensitivity(BASES, 25)), POLICY_PAIR, SEEDS)
    rows = swings(plan, made(plan, gain))
    assert len(rows) == 2 * len(varied(StudyConfig(), 25))
    x86, ppc = ([row for row in rows if row["preset"] == name] for name in ("x86_64", "ppc64"))
    assert [row["parameter"] for row in x86[:2]] == ["hot_pages", "builds_4gib"]
    assert [row["swing"] for row in x86[:3]] == [9.0, 3.0, 0.0]
    assert [row["swing"] for row in ppc[:2]] == [9.0, 0.0]
    first = x86[0]
    assert (first["value"], first["less"]["value"], first["more"]["value"]) == (35000, 26250, 43750)
    assert (first["gain"]["mean"], first["less"]["gain"]["mean"], first["more"]["gain"]["mean"]) == (2.5, 11.5, 1.5)
    assert [side["baseline"] for side in (first, first["less"])] == 2 * [{"mean": 50.0, "half_width": 0.0, "n": 3}]
    assert first["less"]["change"] == {"mean": 9.0, "half_width": 0.0, "n": 3}  # the seeds' spread is in both


def test_seeds_without_a_run_are_left_out_of_the_change():
    plan = Plan(tuple(sensitivity(BASES[:1], 25)), POLICY_PAIR, SEEDS)
    runs = made(plan, lambda config, seed: float(seed))
    runs = [r for r in runs if not (r.seed == 3 and r.case.endswith("hot_pages=26250"))]
    row = next(row for row in swings(plan, runs) if row["parameter"] == "hot_pages")
    assert (row["less"]["change"]["n"], row["more"]["change"]["n"]) == (2, 3)
    assert row["less"]["change"]["mean"] == 0.0
    assert swings(plan, []) == []


@pytest.mark.parametrize(
    "cases",
    [ablations(BASES), sweep(BASES, ["builds_4gib=8,20"]), sweep([Case("", StudyConfig())], ["hot_pages=1,2,3"])],
    ids=["ablations", "sweep", "sweep of one"],
)
def test_other_studies_have_no_swings(cases):
    plan = Plan(tuple(cases), POLICY_PAIR, SEEDS)
    assert swings(plan, made(plan, lambda config, seed: 1.0)) == []


def test_the_command(capsys, monkeypatch):
    """Two parameters, so that it takes a moment only."""
    others = {field.name: "not now" for field in fields(StudyConfig) if field.name not in ("hot_pages", "builds_4gib")}
    monkeypatch.setattr("buddycap.study.sensitivity.HELD", others)
    words = ["study", "--memory", "128MiB", "--seeds", "1", "--executor", "thread", "--jobs", "1", "--json"]
    assert main([*words, "--sensitivity", "25"]) == 0
    cases = [case["label"] for case in json.loads(capsys.readouterr().out)["plan"]["cases"]]
    assert cases == [AS_IT_IS, "builds_4gib=11", "builds_4gib=19", "hot_pages=26250", "hot_pages=43750"]
    assert main([*words, "--sensitivity", "25", "--vary", "machine"]) == 0
    assert [case["label"] for case in json.loads(capsys.readouterr().out)["plan"]["cases"]] == [AS_IT_IS]
    for wrong, told in ((["--sensitivity", "100"], "below 100 percent"), (["--vary", "load"], "--sensitivity P")):
        assert main([*words, *wrong]) == 2
        assert told in capsys.readouterr().err
