"""Zones of Linux 6.1 and 6.12 stay whole, whoever works on them at once and whatever callers name.

More: BUDDYCAP_MIXED_SEEDS=60 BUDDYCAP_MIXED_STEPS=5000 python -m pytest tests/facade/test_mixed_6_1.py
"""

import os

import pytest

from mixedlab import play

SEEDS = int(os.environ.get("BUDDYCAP_MIXED_SEEDS", "6"))
STEPS = int(os.environ.get("BUDDYCAP_MIXED_STEPS", "400"))


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_zones_agree_with_themselves_after_every_operation(seed, kernel, tmp_path):
    assert play(seed, STEPS, tmp_path, kernel) > STEPS // 4
