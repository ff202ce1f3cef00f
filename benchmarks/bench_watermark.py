"""What does a watermark check cost, by order?"""

import pytest
from workloads import START_PFN

from buddycap import Zone

CHECKS = 100_000
ALLOC_WMARK_LOW = 0x04


@pytest.mark.parametrize("order", [0, 4, 10])
def test_watermark_ok(measure, pages, order):
    zone = Zone(START_PFN, pages)
    watermark_ok, mark = zone.watermark_ok, zone.pages_low

    def job():
        for _ in range(CHECKS):
            watermark_ok(order, mark, classzone_idx=0, alloc_flags=ALLOC_WMARK_LOW)

    measure(lambda: job, CHECKS, "checks", title=f"watermark_ok for order {order}, from Python")
