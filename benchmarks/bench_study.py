"""How long does one run of the experiment take, how fast does reclaim scan, and what does more memory cost?"""

import pytest

from buddycap import POLICIES
from buddycap.study.config import preset_config
from buddycap.study.run import run_all, run_once

GIB = 1 << 18


def measure(benchmark, note, preset, pages, policy="none", rounds=3):
    """One run, a few times: the events and the pages scanned in a second."""
    args = preset_config(preset, pages), POLICIES[policy], 1
    run = benchmark.pedantic(run_once, args=args, rounds=rounds, warmup_rounds=1)
    scanned = int(run.requests["scanned"].sum()) + run.totals["kswapd_scanned"]
    title = f"one run of the study, {preset}, policy {policy}"
    note(run.totals["events"], "events", title, pages)
    note(scanned, "scanned pages", title, pages)


@pytest.mark.parametrize("policy", ["none", "v3"])
@pytest.mark.parametrize("preset", ["x86_64", "ppc64"])
def test_study_run(benchmark, note, preset, policy):
    """One seed and policy of the published comparison: 4 GiB."""
    measure(benchmark, note, preset, 4 * GIB, policy, rounds=5)


@pytest.mark.parametrize("gib", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("preset", ["x86_64", "ppc64"])
def test_study_memory(benchmark, note, preset, gib):
    """The cost of a GiB; at most 1.3 times as much in a large machine as in one of 1 GiB."""
    measure(benchmark, note, preset, gib * GIB)
    if benchmark.stats:
        benchmark.extra_info["s_per_gib"] = benchmark.stats.stats.median / gib


@pytest.mark.parametrize("common", [True, False], ids=["shared warm-up", "each alone"])
@pytest.mark.parametrize("mib", [256, 1024, 4096])
def test_study_policies(benchmark, note, mib, common):
    """All policies of 2008 with one seed: what comes before the first request simulated once, or each time."""
    config, policies = preset_config("x86_64", mib << 8), tuple(POLICIES.values())

    def alone(config, policies, seed):
        return [run_once(config, policy, seed) for policy in policies]

    def shared(config, policies, seed):
        return list(run_all(config, policies, seed))

    runs = benchmark.pedantic(shared if common else alone, args=(config, policies, 1), rounds=3, warmup_rounds=1)
    note(len(runs), "runs", f"13 policies, one seed, {'shared' if common else 'no shared'} warm-up", mib << 8)
