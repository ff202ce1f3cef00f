"""Does the faulting load do what its description says: every region once, huge or base, by threads that share CPUs?"""

import numpy as np
import pytest

from buddycap import COMPACTION_POLICIES, POLICIES, MisuseError, PageFlags
from buddycap.study.config import StudyConfig
from buddycap.study.faultload import faulting_config
from buddycap.study.parameters import world_parameters
from buddycap.study.run import make_world, run_once
from worldlab import assert_given_out_once, finish, world_of

NONE, V3 = POLICIES["none"], POLICIES["v3"]
SMALL = faulting_config("2.6.27", 6, 1 << 16, fault_permille=375, warmup_s=2)
REGIONS = (1 << 16) * 375 // 1000 // 512
# Nothing but the faults: memory is free, and every fault finds a huge page at once.
EMPTY = SMALL.replace(
    readers=0, warmup_permille=0, unmovable_permille=0, resident_permille=0, kernel_rate_hz=0, stream_mib_per_s=0.001
)


@pytest.fixture(scope="module")
def faulted():
    """A zone and its world when every region has been faulted in."""
    zone, world = world_of(NONE, 3, SMALL)
    finish(world)
    return zone, world


def test_every_region_is_faulted_in_once(faulted):
    zone, world = faulted
    table = world.faults()
    assert len(table) == REGIONS
    assert np.bincount(table["thread"]).tolist() == [(REGIONS + k) // 6 for k in range(6)]
    got = table["page"][table["page"] >= 0]
    assert 0 < len(got) < REGIONS
    assert_given_out_once(zone, got, 9)
    zone.check()
    row = world.passes()[0]
    assert (row["requests"], row["successes"]) == (REGIONS, len(got))


def test_times_of_a_fault_fit_together(faulted):
    table = faulted[1].faults()
    huge = table["page"] >= 0
    assert (table["wait_ns"] <= table["huge_ns"]).all()
    assert (table["huge_ns"] <= table["latency_ns"]).all()
    assert (table["latency_ns"][huge] >= SMALL.huge_fault_us * 1000).all()
    assert (table["latency_ns"][~huge] >= 512 * SMALL.fault_ns).all()
    for thread in range(6):
        own = table[table["thread"] == thread]
        assert (own["start_ns"][1:] == own["start_ns"][:-1] + own["latency_ns"][:-1]).all(), "one after the other"


def test_base_pages_lie_on_the_lru():
    """With one policy more base pages than with the other are so many more anonymous pages, in memory or in swap."""
    pages = {}
    for policy in (NONE, V3):
        zone, world = world_of(policy, 3, SMALL.replace(resident_permille=0))
        finish(world)
        base = int((world.faults()["page"] < 0).sum())
        anonymous = int((zone.page_flags & (PageFlags.ANON | PageFlags.LRU) == PageFlags.ANON | PageFlags.LRU).sum())
        pages[policy.name] = (base, anonymous)
    (few, of_few), (many, of_many) = sorted(pages.values())
    assert few < many
    assert of_few < of_many <= 512 * many


def test_runs_repeat_themselves_and_policies_meet_the_same_load():
    first, second = (run_once(SMALL, V3, 5) for _ in range(2))
    assert first.digest == second.digest
    assert np.array_equal(first.faults, second.faults)
    assert len(first.requests) == 0
    states = set()
    for policy, threads in ((NONE, 6), (V3, 6), (NONE, 30)):
        zone, world = world_of(policy, 5, SMALL.replace(threads=threads))
        while world.now_ns < 2 * 10**9 - 10**6:
            world.run(1)
        states.add(zone.digest())
    assert len(states) == 1


def length_ns(config):
    """How long the threads take, if each fault is a huge page at once."""
    run = run_once(config, NONE, 1)
    assert (run.faults["page"] >= 0).all()
    return int(run.passes[0]["end_ns"] - run.passes[0]["start_ns"])


def test_threads_share_their_cpus():
    work_ns = REGIONS * EMPTY.huge_fault_us * 1000
    one = length_ns(EMPTY.replace(cpus=1, threads=8))
    four = length_ns(EMPTY.replace(cpus=4, threads=8))
    alone = length_ns(EMPTY.replace(cpus=1, threads=8, slice_us=0))
    assert work_ns < one < 1.2 * work_ns
    assert work_ns / 4 < four < 1.4 * work_ns / 4
    assert work_ns / 8 < alone < 1.4 * work_ns / 8, "who does not compete for a CPU has one"


def test_a_slice_is_a_turn():
    """With short slices threads go on side by side, with long ones one after the other."""

    def turns(slice_us):
        order = run_once(EMPTY.replace(cpus=1, threads=4, slice_us=slice_us), NONE, 1).faults["thread"]
        return int((np.diff(order) != 0).sum())

    assert turns(100) > 3 * turns(2000)


def test_what_a_fault_may_do_depends_on_defrag():
    parameters = {
        (kernel, defrag): world_parameters(faulting_config(kernel, 1, 1 << 16, defrag=defrag), warm=False)
        for kernel in ("2.6.27", "6.1")
        for defrag in ("always", "never", "defer")
    }
    direct = {key: bool(p["request_gfp"] & (0x10 if key[0] == "2.6.27" else 0x400)) for key, p in parameters.items()}
    assert direct == {key: key[1] == "always" for key in direct}
    again = {key: bool(p["fault_second_gfp"]) for key, p in parameters.items()}
    assert again == {key: key == ("6.1", "always") for key in again}


def test_the_flags_of_another_kernel_are_refused():
    for name in ("request_gfp", "user_gfp", "kernel_gfp", "fault_second_gfp"):
        with pytest.raises(MisuseError, match=f"{name}=0x80000000"):
            world_of(NONE, 1, SMALL, **{name: 1 << 31})


def test_requests_and_faults_do_not_mix():
    run = run_once(StudyConfig(memory_pages=1 << 15, warmup_s=1), NONE, 1)
    assert len(run.faults) == 0
    assert run.table is run.requests


def test_a_page_whose_writeback_begins_under_way_is_not_moved():
    """In 6.12 all pages of a batch are unmapped before the first one moves: meanwhile others write some of them."""
    config = faulting_config("6.12", 12, 1 << 18)
    zone, world = make_world(config, COMPACTION_POLICIES["off"], 1)
    while not world.run():
        pass
    zone.check()
    assert world.totals()["pgmigrate_success"] > 10_000
