"""Does the simulated world do what its description says: passes, pairing, causes of failure, conservation, what-ifs?"""

import numpy as np
import pytest

from buddycap import POLICIES, MigrateType, PageFlags, RequestPath
from buddycap._world import CAUSES
from buddycap.study.ablations import ABLATIONS
from buddycap.study.config import StudyConfig, preset_config
from buddycap.study.run import run_once, study_zone
from worldlab import SMALL as MACHINE
from worldlab import assert_given_out_once, finish, world_of
from zone_struct import PG_HOLE, PG_MARKED, PG_PCP, PG_STATE, PG_USED

SMALL = MACHINE.replace(builds=2)
NONE, V3 = POLICIES["none"], POLICIES["v3"]

USER = PageFlags.LRU | PageFlags.ISOLATED | PageFlags.WRITEBACK


def finished(config, policy=NONE, seed=1, zone=None, **changes):
    """A zone, and a world on it that has run to its end."""
    zone, world = world_of(policy, seed, config, zone, **changes)
    finish(world)
    return zone, world


def state_at_first_request(config, policy):
    """Digest of the zone when the warm-up is over and nothing has been asked for yet."""
    zone, world = world_of(policy, 7, config)
    while world.now_ns < config.warmup_s * 10**9 - 10**6:
        world.run(1)
    assert world.answered == 0
    return zone.digest(), world.now_ns


# --- passes -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three():
    return run_once(SMALL.replace(passes=3), V3, seed=2)


def test_each_pass_makes_every_request(three):
    assert three.passes["requests"].tolist() == [128] * 3
    assert np.bincount(three.requests["pass_number"]).tolist() == [0, 128, 128, 128]
    counted = [int((three.requests["page"][three.requests["pass_number"] == k] >= 0).sum()) for k in (1, 2, 3)]
    assert three.passes["successes"].tolist() == counted


def test_the_first_pass_is_that_of_a_run_with_one(three):
    alone = run_once(SMALL, V3, seed=2)
    assert np.array_equal(three.requests[:128], alone.requests)
    assert three.passes[0] == alone.passes[0]


def test_at_rest_nobody_disturbs(three):
    """The builds are dead and the page cache is clean: more is had, and others allocate next to nothing."""
    load, _, rest = three.passes
    assert rest["successes"] > load["successes"]
    assert rest["clean_left"] <= load["clean_left"]
    assert rest["background_pages"] * 20 < load["background_pages"]
    assert rest["start_ns"] - three.passes[1]["end_ns"] >= 30 * 10**9
    assert {"success2_percent", "success3_percent"} <= three.summary().keys()


# --- pairing and streams ----------------------------------------------------------------------------------------


def test_policies_meet_the_same_memory():
    states = {state_at_first_request(SMALL, policy) for policy in (NONE, V3, POLICIES["hold"], POLICIES["queue"])}
    assert len(states) == 1


def test_an_actor_does_not_draw_from_the_others():
    """More requesters, another rate of theirs, more passes: the load before the first request stays the same."""
    states = {
        state_at_first_request(SMALL.replace(**changes), NONE)
        for changes in ({}, {"requesters": 3}, {"period_percent": 50}, {"passes": 3}, {"repeat": True})
    }
    assert len(states) == 1


@pytest.mark.parametrize("changes", [{"requesters": 4}, {"repeat": True}, {"passes": 2}, {"chunk_pages": 1}])
def test_every_option_repeats_itself(changes):
    first, second = (run_once(SMALL.replace(**changes), V3, seed=5) for _ in range(2))
    assert first.digest == second.digest
    assert np.array_equal(first.requests, second.requests)
    assert first.digest != run_once(SMALL, V3, seed=5).digest


# --- what requests tell -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["none", "v3", "hold", "queue", "simple"])
def test_figures_of_requests_fit_together(policy):
    table = run_once(SMALL.replace(builds=4, requesters=2), POLICIES[policy], seed=3).requests
    ok = table["page"] >= 0
    assert ((table["cause"] == 0) == ok).all()
    assert ((table["path"] == RequestPath.FAILED) == ~ok).all()
    assert (table["sync_wait_ns"] <= table["wait_ns"]).all()
    assert (table["wait_ns"] <= table["latency_ns"]).all()
    assert (table["sync_waits"] >= table["sync_passes"]).all()
    assert (table["freed"] <= table["scanned"] + 4096).all()
    assert not table["latency_ns"][table["path"] == RequestPath.FAST].any()


def test_the_ceiling_is_what_the_memory_says():
    """Blocks without a kernel page, counted from the zone's own arrays by another program."""
    zone, world = finished(SMALL, V3, seed=4)
    table = world.results()
    del world
    state = zone.page_order & PG_STATE
    user = (zone.page_flags & USER != 0) & (zone.page_flags & PageFlags.SLAB == 0)
    kernel = ((state == PG_USED) | (state == PG_MARKED)) & ~user | (zone.page_order == PG_HOLE)
    got = table["page"][table["page"] >= 0]
    kernel[got] = False
    clean = int((~kernel.reshape(-1, 512).any(axis=1)).sum())
    run = run_once(SMALL, V3, seed=4)
    assert int(run.passes["successes"][0] + run.passes["clean_left"][0]) == clean
    assert run.summary()["ceiling_percent"] == pytest.approx(100 * clean / 128)


def test_tenths_make_the_whole():
    summary = run_once(preset_config("x86_64", 10 << 14, warmup_s=4), NONE, seed=1).summary()
    tenths = [summary[f"tenth{k}_percent"] for k in range(1, 11)]
    assert np.mean(tenths) == pytest.approx(summary["success_percent"])
    assert tenths[0] > tenths[-1]


# --- why requests fail ------------------------------------------------------------------------------------------


def causes(world):
    table = world.results()
    counts = np.bincount(table["cause"], minlength=len(CAUSES))
    return {CAUSES[k]: int(n) for k, n in enumerate(counts) if n and k}


def quiet(**changes):
    """A machine on which nothing happens but the warm-up and the requests."""
    return {"builds": 0, "kernel_period_ns": 0, "stream_period_ns": 10**15, "resident_pages": 0, **changes}


def test_kernel_pages_everywhere():
    """Every block has pages of the kernel in it."""
    config = SMALL.replace(warmup_slab_permille=0, unmovable_permille=0)
    zone = study_zone(config, 1)
    order0 = zone.alloc_many(zone.nr_free_pages - 300)
    zone.free_many(order0[np.arange(len(order0)) % 64 != 0])
    _, world = finished(config, zone=zone, **quiet())
    assert not (world.results()["page"] >= 0).any()
    found = causes(world)
    assert found["kernel page"] > 0
    assert found["kernel page"] + found.get("nothing isolated", 0) == 128


def test_nothing_to_reclaim():
    zone = study_zone(SMALL, 1)
    zone.alloc_many(zone.nr_free_pages - 300, migratetype=MigrateType.UNMOVABLE)
    _, world = finished(SMALL, zone=zone, **quiet(warmup_pages=0))
    assert causes(world)["nothing isolated"] == 128 - int((world.results()["page"] >= 0).sum())
    assert world.totals()["no_progress"] > 0


def test_pages_that_are_kept():
    """Anonymous memory without swap stays where it is."""
    config = SMALL.replace(swap_permille=0, resident_permille=900, unmovable_permille=0, warmup_slab_permille=0)
    parameters = quiet(warmup_pages=0, resident_pages=58000, requests=14)
    _, world = finished(config, **parameters)
    failures = 14 - int((world.results()["page"] >= 0).sum())
    assert failures > 0
    assert causes(world).get("page kept", 0) >= failures - 1


def test_robbed():
    """With many builds at work and no capture, blocks are lost to others; on a quiet machine none are."""
    busy = SMALL.replace(builds=6, unmovable_permille=0, warmup_slab_permille=0, period_percent=25)
    _, world = finished(busy, seed=3)
    assert causes(world).get("stolen", 0) > 0
    assert world.results()["steals"].sum() > 0
    _, world = finished(busy, seed=3, **quiet())
    assert "stolen" not in causes(world)
    assert world.results()["steals"].sum() == 0


def test_forbidden_by_the_watermark():
    config = SMALL.replace(min_free_kbytes=200_000, unmovable_permille=0, warmup_slab_permille=0)
    _, world = finished(config, **quiet())
    assert set(causes(world)) == {"watermark"}


# --- what-ifs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_takes_its_cause_away(name):
    config = preset_config("x86_64", 1 << 17, warmup_s=6)
    plain, without = (run_once(config.replace(**changes), NONE, seed=2) for changes in ({}, ABLATIONS[name]))
    a, b = plain.summary(), without.summary()
    assert plain.digest != without.digest
    if name == "no synchronous pass":
        assert a["sync_passes"] > b["sync_passes"] == 0
    elif name == "congestion_wait 20 ms":
        assert b["wait_ms"] < a["wait_ms"] / 2
    elif name == "no lumpy reclaim":
        assert b["success_percent"] < a["success_percent"] / 2
    elif name == "kswapd for order 0 only":
        assert b["kswapd_scanned"] < a["kswapd_scanned"] / 2


def test_without_per_cpu_lists_none_is_used():
    zone, world = finished(SMALL.replace(pcp_batch=1, pcp_high=1))
    del world
    assert not (zone.page_order & PG_STATE == PG_PCP).any()


def test_repeat_goes_on():
    once, often = (run_once(SMALL.replace(repeat=repeat), NONE, seed=2) for repeat in (False, True))
    assert once.requests["reclaims"].max() == 1 < often.requests["reclaims"].max()
    assert often.summary()["latency_ms"] > once.summary()["latency_ms"]


def test_writing_pages_out_takes_pages():
    """The journal pages of the discussion: some land in memory that a request has just freed."""
    config = SMALL.replace(memalloc_permille=500, builds=4)
    zone, world = finished(config)
    totals = world.totals()
    table = world.results()
    del world
    zone.check()
    assert 0.3 * totals["nr_vmscan_write"] < totals["memallocs"] < 0.7 * totals["nr_vmscan_write"]
    assert table["steals"].sum() > 0
    assert finished(config.replace(memalloc_permille=0))[1].totals()["memallocs"] == 0


def test_writers_are_stopped_at_the_limit():
    config = SMALL.replace(dirty_pages=2000, dirty_age_ms=10**9)
    limited = config.replace(dirty_background_permille=20, dirty_limit_permille=40)
    _, free = finished(config.replace(dirty_background_permille=1000, dirty_limit_permille=1000))
    _, world = finished(limited)
    pages = limited.memory_pages * limited.dirty_limit_permille // 1000
    assert world.totals()["dirty_pages"] <= pages + 100 < free.totals()["dirty_pages"]


# --- conservation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["none", "v3", "queue", "isolate"])
def test_every_page_is_somewhere_after_three_passes(policy):
    zone, world = finished(SMALL.replace(passes=3, requesters=2), POLICIES[policy])
    got = world.results()
    got = got["page"][(got["page"] >= 0) & (got["pass_number"] == 3)]
    del world
    zone.check()
    assert not zone.capture_lists()
    assert_given_out_once(zone, got, SMALL.order)


def test_what_is_killed_gives_everything_back():
    """After the load has been killed only the resident program has anonymous memory."""
    zone, world = finished(SMALL.replace(passes=3, resident_permille=0))
    del world
    stat = zone.vmstat()
    assert stat["nr_active_anon"] + stat["nr_inactive_anon"] == 0


# --- limits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"hot_touches": 10**6, "touch_permille": 1000, "builds": 800},
        {"process_ms": 10**6, "process_sigma": 1, "process_time_sigma": 1, "chunk_pages": 1024},
        {"scan_ns": 10**9, "look_ps": 10**12, "congestion_ms": 10**9, "rest_s": 10**6, "passes": 3},
        {"resident_permille": 0, "hot_pages": 0, "slab_pages": 0, "dirty_pages": 0, "process_kernel_pages": 0},
        {"disk_mib_per_s": 0.001, "read_cost_us": 10**9, "dirty_limit_permille": 0, "cold_read_pages": 1},
        {"warmup_permille": 100_000, "unmovable_permille": 1000, "warmup_slab_permille": 1000, "swap_permille": 0},
        {"budget_pages": 1, "yield_us": 1, "chunk_pages": 1, "kernel_rate_hz": 1_000_000, "requesters": 100},
    ],
)
def test_the_ends_of_the_ranges(changes):
    """Nobody would simulate that, but nothing overflows, hangs or gets lost."""
    config = StudyConfig(memory_pages=1 << 15, warmup_s=1).replace(**changes)
    zone, world = world_of(V3, config=config)
    before = 0
    for _ in range(5):
        world.run(5000)
        assert world.now_ns >= before
        before = world.now_ns
    del world
    zone.check()
