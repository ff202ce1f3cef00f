"""Does a copy of a world go on as the world itself would have, whatever is under way?"""

from pathlib import Path

import pytest

from buddycap import COMPACTION_POLICIES, POLICIES, MisuseError
from buddycap._world import World
from buddycap.recorded.load import Load
from buddycap.study.config import StudyConfig
from buddycap.study.faultload import faulting_config
from buddycap.study.parameters import world_parameters
from buddycap.study.run import make_world, run_all, run_once, study_zone
from worldlab import finish, world_of

CROWDED = StudyConfig(memory_pages=1 << 15, warmup_s=2, builds=8, requesters=3)
LOAD = Path(__file__).parents[1] / "data" / "load" / "compile-50000.npz"


def told(zone, world):
    """Everything that a world and its zone can tell."""
    tables = [table.tobytes() for table in (world.results(), world.faults(), world.passes(), world.turns())]
    return zone.digest(), world.totals(), world.now_ns, world.slow_orders, tables


def assert_copies_go_on(zone, world, start_s, events, copies):
    """Copies made every so many events end as the world does, and it does not notice them."""
    world.keep_turns()
    world.run(10**9, until_ns=start_s * 10**9)
    found = []
    while not world.run(events) and len(found) < copies:
        found.append(world.copy())
    assert len(found) == copies
    finish(world)
    end = told(zone, world)
    for copied_zone, copied in found:
        finish(copied)
        assert told(copied_zone, copied) == end
        assert copied_zone.check() is None


@pytest.mark.parametrize("policy", ["v4", "hold", "queue", "queue-strict", "no-pcp", "isolate"])
def test_a_copy_goes_on_as_the_world(policy):
    zone, world = world_of(POLICIES[policy], 3, CROWDED)
    assert_copies_go_on(zone, world, CROWDED.warmup_s, 199, 8)


def test_a_copy_of_a_world_that_faults():
    config = faulting_config("2.6.27", 3, 1 << 15, warmup_s=1)
    assert_copies_go_on(*make_world(config, POLICIES["v3"], 1), config.warmup_s, 997, 4)


def test_a_copy_of_a_world_with_a_recorded_load_at_rest():
    config = CROWDED.replace(passes=3, slice_us=100)
    assert_copies_go_on(*make_world(config, POLICIES["v3"], 1, load=Load.load(LOAD)), config.warmup_s, 4999, 4)


def test_a_copy_can_be_given_another_policy():
    """Until somebody has asked the policy, a copy under another one is a run under that one."""
    _, world = world_of(POLICIES["none"], 2, CROWDED)
    assert world.run(until_ns=10**8)
    assert world.slow_orders == 0
    zone, copied = world.copy(POLICIES["all-orders"])
    finish(copied)
    assert zone.digest() == run_once(CROWDED, POLICIES["all-orders"], 2).digest
    assert copied.slow_orders & 1


def test_a_world_is_not_copied_by_the_hook_of_its_policy():
    found = []

    def hook(_consultation):
        with pytest.raises(MisuseError, match="copy: called while the world is running"):
            world.copy()
        found.append(world.answered)

    _, world = world_of(POLICIES["v3"].replace(name="asks", hook=hook), 3, CROWDED)
    while not found:
        world.run(1)


@pytest.mark.parametrize("builds", [2, 8])
def test_runs_that_share_their_warm_up_are_those_alone(builds):
    """With eight builds memory is so short that policies for small orders are asked before the first request."""
    config = CROWDED.replace(builds=builds)
    for run, policy in zip(run_all(config, tuple(POLICIES.values()), 5), POLICIES.values(), strict=True):
        alone = run_once(config, policy, 5)
        assert (run.policy, run.digest, run.totals) == (policy.name, alone.digest, alone.totals)
        assert run.requests.tobytes() == alone.requests.tobytes()
        assert run.passes.tobytes() == alone.passes.tobytes()


@pytest.mark.parametrize("look_period_ns", [0, 500_000_000])
def test_a_world_of_6_1_is_not_copied(look_period_ns):
    """It may hold pages that are being moved, whether or not it has a kcompactd."""
    config = faulting_config("6.1", 3, 1 << 16)
    parameters = world_parameters(config, warm=False) | {"look_period_ns": look_period_ns}
    world = World(study_zone(config, 1), COMPACTION_POLICIES["capture"], parameters, 1)
    with pytest.raises(MisuseError, match=r"Linux 6\.1"):
        world.copy()
