"""How long does one run of the experiment take, how fast does reclaim scan, and what does more memory cost?"""

import pytest

from buddycap import POLICIES
from buddycap.lab.config import preset_config
from buddycap.lab.run import run_once

GIB = 1 << 18


def measure(benchmark, config, policy="none", rounds=3):
    """One run, a few times; the last one, and the events and pages scanned in a second."""
    run = benchmark.pedantic(run_once, args=(config, POLICIES[policy], 1), rounds=rounds, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    scanned = int(run.requests["scanned"].sum()) + run.totals["kswapd_scanned"]
    benchmark.extra_info["events"] = run.totals["events"]
    benchmark.extra_info["events_per_s"] = run.totals["events"] / seconds
    benchmark.extra_info["pages_scanned_per_s"] = scanned / seconds
    return run


@pytest.mark.parametrize("policy", ["none", "v3"])
@pytest.mark.parametrize("preset", ["x86_64", "ppc64"])
def test_study_run(benchmark, preset, policy):
    """One seed and policy of the published comparison: 4 GiB."""
    measure(benchmark, preset_config(preset, 4 * GIB), policy, rounds=5)


@pytest.mark.parametrize("gib", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("preset", ["x86_64", "ppc64"])
def test_study_memory(benchmark, preset, gib):
    """The cost of a GiB; at most 1.3 times as much in a large machine as in one of 1 GiB."""
    measure(benchmark, preset_config(preset, gib * GIB))
    benchmark.extra_info["s_per_gib"] = benchmark.stats.stats.median / gib
