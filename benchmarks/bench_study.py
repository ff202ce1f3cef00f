"""How long does one run of the experiment take, and how fast does reclaim scan?"""

import pytest

from buddycap import POLICIES
from buddycap.lab.config import preset_config
from buddycap.lab.run import run_once


@pytest.mark.parametrize("policy", ["none", "v3"])
@pytest.mark.parametrize("preset", ["x86_64", "ppc64"])
def test_study_pass(benchmark, preset, policy):
    """One seed at 1 GiB."""
    config = preset_config(preset, 1 << 18)
    run = benchmark.pedantic(run_once, args=(config, POLICIES[policy], 1), rounds=5, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    scanned = int(run.requests["scanned"].sum()) + run.totals["kswapd_scanned"]
    benchmark.extra_info["events_per_s"] = run.totals["events"] / seconds
    benchmark.extra_info["pages_scanned_per_s"] = scanned / seconds
