"""How many single pages a second come out of a merged zone, and out of a fragmented one?"""

import pytest
import races

SIZES = ("1GiB", "16GiB")
KEYS = ("alloc_merged", "alloc_fragmented")


@pytest.mark.parametrize("workload", [w for w in races.WORKLOADS if w.key in KEYS], ids=lambda w: w.key)
def test_allocation(measure, workload, contender, pages):
    measure(lambda: workload.prepare(contender, contender.zone(pages), pages), workload.operations(pages, 0))
