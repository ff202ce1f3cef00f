"""How does the cost of a page grow from 64 MiB to 64 GiB?"""

import pytest
import races
from contenders import BuddycapBulk, BuddycapRun
from workloads import mixed_ops

SIZES = ("64MiB", "256MiB", "1GiB", "4GiB", "16GiB", "64GiB")
KEYS = ("free_random", "alloc_merged")
OPS = 1_000_000
ROUNDS = 3


@pytest.mark.parametrize("workload", [w for w in races.WORKLOADS if w.key in KEYS], ids=lambda w: w.key)
def test_whole_zone(measure, workload, pages):
    bulk = BuddycapBulk()
    measure(lambda: workload.prepare(bulk, bulk.zone(pages), pages), pages, rounds=ROUNDS)


def test_mixed_stream(measure, pages):
    run, ops = BuddycapRun(), mixed_ops(pages, OPS)
    measure(lambda: run.run_job(run.zone(pages), ops), OPS, "operations", rounds=ROUNDS)


def test_new_zone(measure, pages):
    measure(lambda: lambda: BuddycapRun().zone(pages), pages, rounds=ROUNDS, title="make a zone, all free")
