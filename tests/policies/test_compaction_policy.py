"""Is a policy of compaction refused that contradicts itself, and does it go through files and plans like the others?"""

import pytest

from buddycap import COMPACTION_POLICIES, POLICIES, CompactionPolicy, MisuseError, PolicyError, load_policies
from buddycap import policies_to_toml as to_toml
from buddycap.policies.files import find_policies
from buddycap.study.config import StudyConfig
from buddycap.study.plan import Case, Plan

OFF, NOW = COMPACTION_POLICIES["off"], COMPACTION_POLICIES["capture"]


@pytest.mark.parametrize(
    "fields",
    [
        {"capture": 1},
        {"form": "lists"},
        {"movable": "any"},
        {"watermark": "checked"},
        {"test_first": True},
        {"capture_min_order": 4},
        {"capture": True, "form": "2012"},
        {"capture": True, "capture_min_order": 16},
        {"capture": True, "movable": "loose"},
        {"capture": True, "hold_turns": 3},
        {"capture": True, "watermark": "held", "hold_turns": 0},
        {"capture": True, "form": "block", "movable": "relaxed"},
        {"capture": True, "form": "lists", "test_first": True},
        {"proactiveness": 101},
        {"proactiveness": True},
        {"source": 3},
    ],
)
def test_refused(fields):
    last = list(fields)[-1]
    with pytest.raises(PolicyError, match=rf"policy 'mine': {last}="):
        CompactionPolicy("mine", **fields)


def test_every_row_says_whose_it_is_and_what_it_does():
    for name, row in COMPACTION_POLICIES.items():
        assert row.name == name
        assert row.source
        assert row.rule
    assert not set(POLICIES) & set(COMPACTION_POLICIES)


def test_replace_names_unknown_fields():
    assert NOW.replace(name="later", movable="relaxed").movable == "relaxed"
    with pytest.raises(PolicyError, match="unknown field 'watermarks'; did you mean 'watermark'"):
        NOW.replace(watermarks="checked")


def test_every_row_survives_the_way_through_a_file(tmp_path):
    rows = [row.replace(name=f"my {row.name}") for row in (*COMPACTION_POLICIES.values(), POLICIES["v3"])]
    path = tmp_path / "own.toml"
    path.write_text(to_toml(rows), encoding="utf-8")
    assert list(load_policies(path).values()) == rows


def test_all_are_those_of_the_kernel():
    assert find_policies("all", "6.1") == tuple(COMPACTION_POLICIES.values())
    assert find_policies("all") == tuple(POLICIES.values())
    assert [row.name for row in find_policies("v3,off")] == ["v3", "off"]


def test_a_plan_runs_each_policy_on_its_kernel():
    cases = tuple(Case(kernel, StudyConfig(kernel=kernel)) for kernel in ("2.6.27", "6.1"))
    plan = Plan(cases, (POLICIES["none"], OFF, NOW), (1, 2))
    ran = [(case.label, task.policy.name, task.seed) for case, task in plan.tasks()]
    assert ran == [("2.6.27", "none", 1), ("2.6.27", "none", 2)] + [
        ("6.1", name, seed) for seed in (1, 2) for name in ("off", "capture")
    ]
    assert Plan.from_dict(plan.as_dict()) == plan
    with pytest.raises(MisuseError, match=r"none is one of Linux 6\.1"):
        Plan(cases, (POLICIES["none"],), (1,))
    with pytest.raises(MisuseError, match=r"'off' is one of Linux 6\.1 and 6\.12, which is not simulated"):
        Plan(cases[:1], (POLICIES["none"], OFF), (1,))
