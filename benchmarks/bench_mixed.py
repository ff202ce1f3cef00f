"""How many operations a second does a stream of mixed orders reach in a zone that is 70 % full?"""

from workloads import mixed_ops

SIZES = ("1GiB", "16GiB")
OPS = 2_000_000


def test_mixed_stream(measure, contender, pages):
    ops = mixed_ops(pages, OPS)
    measure(lambda: contender.run_job(contender.zone(pages), ops), OPS, "operations")
