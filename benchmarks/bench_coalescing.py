"""How many pages a second coalesce, by the order in which they come back?"""

import pytest
import races

SIZES = ("1GiB", "16GiB")
KEYS = ("free_in_order", "free_random", "free_half", "free_two_batches")


@pytest.mark.parametrize("workload", [w for w in races.WORKLOADS if w.key in KEYS], ids=lambda w: w.key)
def test_coalescing(measure, workload, contender, pages):
    measure(lambda: workload.prepare(contender, contender.zone(pages), pages), workload.operations(pages, 0))
