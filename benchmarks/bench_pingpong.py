"""What does it cost to allocate a block and free it again, order by order?

`nested`: a block of the order lies ready, nothing is split. `split`: a block of the highest order is split down and
merged again every time.
"""

import pytest
from workloads import pingpong_ops

PAIRS = 200_000


@pytest.mark.parametrize("nested", [True, False], ids=["nested", "split"])
@pytest.mark.parametrize("order", [0, 1, 3, 5, 7, 9])
def test_pairs(measure, contender, pages, order, nested):
    ops = pingpong_ops(PAIRS, order, nested=nested)
    measure(lambda: contender.run_job(contender.zone(pages), ops), PAIRS, "pairs")
